"""Modules as functions of their parameters; :mod:`cygnet.func` is the public place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cygnet.nn.module import Module
from cygnet.tensor import Tensor

__all__ = ["functional_call"]


def functional_call(
    module: Module,
    parameter_and_buffer_dicts: Mapping[str, Tensor] | Sequence[Mapping[str, Tensor]],
    args: Any = None,
    kwargs: Mapping[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """Call a module with other tensors in the place of its parameters and buffers.

    Parameters
    ----------
    module : Module
    parameter_and_buffer_dicts : mapping of str to Tensor, or sequence of such
        The tensors by dotted name; names of different mappings differ.
    args : tuple or any, optional
        Positional arguments, or the only one.
    kwargs : mapping, optional
        Arguments by name.
    tie_weights : bool, default True
        Whether a tensor that the module has under several names is replaced under all of them.
    strict : bool, default False
        Whether every parameter and buffer must be given.

    Returns
    -------
    The module's result; gradients flow to the tensors given.

    Raises
    ------
    RuntimeError, ValueError

    Examples
    --------
    >>> import cygnet
    >>> from cygnet import nn
    >>> layer = nn.Linear(2, 1, bias=False)
    >>> weight = cygnet.ones(1, 2)
    >>> cygnet.func.functional_call(layer, {"weight": weight}, cygnet.ones(1, 2)).tolist()
    [[2.0]]
    """
    given: dict[str, Tensor] = {}
    for each in (
        [parameter_and_buffer_dicts]
        if isinstance(parameter_and_buffer_dicts, Mapping)
        else parameter_and_buffer_dicts
    ):
        if given.keys() & each.keys():
            raise ValueError(f"functional_call: {sorted(given.keys() & each.keys())} given twice")
        given.update(each)
    members = [
        *module.named_parameters(remove_duplicate=False),
        *module.named_buffers(remove_duplicate=False),
    ]
    names = {name for name, _ in members}
    wrong = (given.keys() ^ names) if strict else (given.keys() - names)
    if wrong:
        raise RuntimeError(
            f"functional_call: names {sorted(wrong)} are missing or unknown in "
            f"{type(module).__name__}"
        )
    if tie_weights:
        by_tensor = {id(tensor): given[name] for name, tensor in members if name in given}
        given = {
            name: given.get(name, by_tensor[id(tensor)])
            for name, tensor in members
            if id(tensor) in by_tensor
        }
    replaced = []
    for name, tensor in members:
        if name in given:
            path, _, attribute = name.rpartition(".")
            place = module.get_submodule(path).__dict__
            replaced.append((place, attribute, tensor))
            place[attribute] = given[name]
    positional = () if args is None else args if isinstance(args, tuple) else (args,)
    try:
        return module(*positional, **(kwargs or {}))
    finally:
        for place, attribute, tensor in replaced:
            place[attribute] = tensor
