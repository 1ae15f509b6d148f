"""The state of a tree of modules: collecting it and loading it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cygnet.autograd import modified
from cygnet.nn.hooks import hooks_of
from cygnet.nn.parameter import Parameter, UninitializedTensorMixin, is_lazy
from cygnet.ops.create import as_tensor
from cygnet.tensor import Tensor

if TYPE_CHECKING:
    from cygnet.nn.module import Module

__all__ = ["EXTRA", "LoadResult", "load", "own_state"]

EXTRA = "_extra_state"  # the key of what `Module.get_extra_state` returns


class LoadResult(NamedTuple):
    """What :meth:`Module.load_state_dict` found.

    Attributes
    ----------
    missing_keys : list of str
        Keys of the module that the state lacks.
    unexpected_keys : list of str
        Keys of the state that the module lacks.
    """

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "LoadResult(every key fits)"
        return (
            f"LoadResult(missing_keys={self.missing_keys}, unexpected_keys={self.unexpected_keys})"
        )


def own_state(module: Module) -> Iterator[tuple[str, Tensor]]:
    """The parameters and persistent buffers of the module itself, in PyTorch's order."""
    for registry in (module._parameters, module._buffers):
        for name, tensor in registry.items():
            if tensor is not None and name not in module._transient_buffers:
                yield name, tensor


def _array_of(value: Any) -> np.ndarray[Any, Any]:
    return value._array if isinstance(value, Tensor) else np.asarray(value)


def load(root: Module, state: dict[str, Any], strict: bool, assign: bool) -> LoadResult:
    """See `Module.load_state_dict`."""
    # Under every name it has: a module that is shared is loaded as often as it is named.
    places = [
        (f"{path}." if path else "", module)
        for path, module in root.named_modules(remove_duplicate=False)
    ]
    missing: list[str] = []
    unexpected: list[str] = []
    problems: list[str] = []
    for prefix, module in places:
        for hook in hooks_of(module, "load_pre"):
            hook(module, state, prefix, {}, strict, missing, unexpected, problems)
    own = {
        prefix + name: (module, name, tensor)
        for prefix, module in places
        for name, tensor in own_state(module)
    }
    extra = {prefix + EXTRA: module for prefix, module in places if module._has_extra_state()}
    missing += [name for name in (*own, *extra) if name not in state]
    unexpected += [name for name in state if name not in own and name not in extra]
    if strict and unexpected:
        problems.append("unexpected keys: " + ", ".join(unexpected))
    if strict and missing:
        problems.append("missing keys: " + ", ".join(missing))
    for name, (_, _, tensor) in own.items():
        if name in state and not is_lazy(state[name]):
            value = _array_of(state[name])
            if value.dtype.kind not in "fiub":
                problems.append(f"{name} has dtype {value.dtype}, expected numbers")
            elif not is_lazy(tensor) and value.shape != tensor.shape:
                problems.append(f"{name} has shape {value.shape}, expected {tensor.shape}")
        elif name in state and not is_lazy(tensor):
            problems.append(f"{name} has no shape yet, expected {tensor.shape}")
    if problems:
        raise RuntimeError(
            f"load_state_dict: the state does not fit {type(root).__name__}:\n  "
            + "\n  ".join(problems)
        )
    for key, (module, name, tensor) in own.items():
        if key in state:
            if assign:
                setattr(module, name, _assigned(tensor, state[key]))
            elif not is_lazy(state[key]):
                if isinstance(tensor, UninitializedTensorMixin):
                    tensor.materialize(np.shape(_array_of(state[key])))
                np.copyto(tensor._array, _array_of(state[key]), casting="unsafe")
                modified(tensor)
    for key, module in extra.items():
        if key in state:
            module.set_extra_state(state[key])
    result = LoadResult(missing, unexpected)
    for _, module in places:
        for hook in hooks_of(module, "load"):
            hook(module, result)
    return result


def _assigned(old: Tensor, value: Any) -> Tensor:
    """What takes the place of a parameter or buffer."""
    if isinstance(old, Parameter) and not isinstance(value, Parameter):
        return Parameter(value, requires_grad=old.requires_grad)
    return value if isinstance(value, Tensor) else as_tensor(value)


def checked_mapping(state: Any) -> dict[str, Any]:
    """A copy of what is to be loaded, which hooks may change."""
    if not isinstance(state, Mapping):
        raise TypeError(
            f"load_state_dict: state_dict expected a mapping, got {type(state).__name__}"
        )
    return dict(state)
