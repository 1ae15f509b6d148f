"""Parameters of modules that are computed from others: parametrizations."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from cygnet.autograd import no_grad
from cygnet.autograd.modes import mode
from cygnet.nn.container import ModuleDict, ModuleList
from cygnet.nn.module import Module
from cygnet.nn.parameter import Parameter
from cygnet.nn.utils.computed import Rule, attach, class_before, detach
from cygnet.tensor import Tensor

__all__ = [
    "ParametrizationList",
    "cached",
    "is_parametrized",
    "register_parametrization",
    "remove_parametrizations",
    "transfer_parametrizations_and_params",
    "type_before_parametrizations",
]

_M = TypeVar("_M", bound=Module)


class _Values:
    """What was computed in a ``with cached()`` block."""

    def __init__(self) -> None:
        self.recorder = mode.recorder
        self.values: dict[tuple[Module, str], Tensor] = {}  # the modules stay alive

    def serve(self) -> bool:
        """Whether what runs now belongs to the same recording as the block, or both to none: a
        replay would neither find the block's values nor renew what it leaves there.
        """
        return self.recorder is mode.recorder


class _Cache(threading.local):
    """The values of the ``with cached()`` block that this thread is in."""

    block: _Values | None = None


_cache = _Cache()


@contextmanager
def cached() -> Iterator[None]:
    """Compute each parametrized tensor but once in the ``with`` block.

    A captured function that is called in the block computes the tensors itself; one that holds the
    block computes each once.

    Examples
    --------
    >>> import cygnet
    >>> from cygnet.nn.utils import parametrizations, parametrize
    >>> layer = parametrizations.weight_norm(cygnet.nn.Linear(2, 2))
    >>> with parametrize.cached():
    ...     layer.weight is layer.weight
    True
    """
    outer = _cache.block
    if outer is None or not outer.serve():
        _cache.block = _Values()
    try:
        yield
    finally:
        _cache.block = outer


def _inverse(parametrization: Any, value: Any) -> Any:
    """What the inverse of `parametrization` makes of `value`: itself where there is none."""
    inverse = getattr(parametrization, "right_inverse", None)
    if inverse is None:
        return value
    try:
        return inverse(value)
    except NotImplementedError:
        return value


def _set(target: Tensor, value: Tensor) -> None:
    """Give `target` the value, of any shape."""
    with no_grad():
        target.data = value.detach().clone()


class ParametrizationList(ModuleList):
    """The parametrizations of one tensor, the first applied first, with what it is computed from.

    That is ``original``, or ``original0``, ``original1`` and so on if the first parametrization's
    inverse gives several tensors. `register_parametrization` makes it.
    """

    def __init__(
        self, modules: Sequence[Module], original: Tensor | Parameter, unsafe: bool = False
    ) -> None:
        if not modules:
            raise ValueError("ParametrizationList: modules is empty, expected at least one")
        super().__init__(modules)
        self.unsafe = unsafe
        shape, dtype = original.shape, original.dtype
        with no_grad():
            new: Any = original
            for module in reversed(list(self)):
                new = _inverse(module, new)
        if not isinstance(new, Tensor | list | tuple):
            raise ValueError(
                "ParametrizationList: right_inverse expected to return a Tensor or a sequence of "
                f"Tensors, got {type(new).__name__}"
            )
        self.is_tensor = isinstance(new, Tensor)
        self.ntensors = 1 if self.is_tensor else len(new)
        if isinstance(new, Tensor):
            if new.dtype != dtype:
                raise ValueError(
                    f"ParametrizationList: right_inverse gives {new.dtype}, expected {dtype}"
                )
            if new is not original:
                _set(original, new)
            self._hold("original", original)
        else:
            for i, tensor in enumerate(new):
                if not isinstance(tensor, Tensor):
                    raise ValueError(
                        f"ParametrizationList: right_inverse gives a {type(tensor).__name__} at "
                        f"place {i}, expected a Tensor"
                    )
                if isinstance(original, Parameter):
                    own = tensor.detach().clone() if tensor is original else tensor.detach()
                    tensor = Parameter(own, requires_grad=original.requires_grad)
                self._hold(f"original{i}", tensor)
        if not unsafe:
            with no_grad():
                result = self()
            _check_result("register_parametrization", result, shape, dtype)

    def _hold(self, name: str, tensor: Tensor) -> None:
        if isinstance(tensor, Parameter):
            self.register_parameter(name, tensor)
        else:
            self.register_buffer(name, tensor)

    @property
    def _originals(self) -> list[Tensor]:
        if self.is_tensor:
            return [self.original]
        return [getattr(self, f"original{i}") for i in range(self.ntensors)]

    def right_inverse(self, value: Tensor) -> None:
        """Set the originals such that they give `value`.

        Raises
        ------
        RuntimeError
            If a parametrization has no inverse.
        ValueError
            If an inverse gives something else than at first.
        """
        with no_grad():
            new: Any = value
            for module in reversed(list(self)):
                if not hasattr(module, "right_inverse"):
                    raise RuntimeError(
                        f"right_inverse: {type(module).__name__} does not define right_inverse"
                    )
                new = module.right_inverse(new)
        values = [new] if self.is_tensor else new
        if not isinstance(values, list | tuple) or len(values) != self.ntensors:
            raise ValueError(f"right_inverse: expected {self.ntensors} tensors")
        for original, tensor in zip(self._originals, values, strict=True):
            if not isinstance(tensor, Tensor) or tensor.dtype != original.dtype:
                what = tensor.dtype if isinstance(tensor, Tensor) else type(tensor).__name__
                raise ValueError(f"right_inverse: gives {what}, expected {original.dtype}")
            _set(original, tensor)

    def forward(self) -> Tensor:
        """The parametrized tensor."""
        first, *others = self
        value = first(*self._originals)
        for module in others:
            value = module(value)
        return value  # type: ignore[no-any-return]


def _check_result(op: str, result: Any, shape: tuple[int, ...], dtype: Any) -> None:
    if not isinstance(result, Tensor):
        raise ValueError(f"{op}: a parametrization gives a {type(result).__name__}, not a Tensor")
    if result.dtype != dtype or result.shape != shape:
        raise ValueError(
            f"{op}: a parametrization gives shape {result.shape} and dtype {result.dtype}, "
            f"expected {shape} and {dtype}; unsafe=True allows others"
        )


class _Parametrization(Rule):
    """The tensor is what its list in ``module.parametrizations`` computes."""

    prefix = "Parametrized"

    def __init__(self, name: str) -> None:
        self.name = name

    def compute(self, module: Module) -> Tensor:
        """Computed, or found in the cache."""
        held: ParametrizationList = module.parametrizations[self.name]
        block = _cache.block
        if block is None or not block.serve():
            return held()  # type: ignore[no-any-return]
        key = (module, self.name)
        if key not in block.values:
            block.values[key] = held()
        return block.values[key]

    def remove(self, module: Module) -> None:
        """Without parametrizations."""
        remove_parametrizations(module, self.name)

    def assign(self, module: Module, value: Tensor) -> None:
        """By the inverses."""
        module.parametrizations[self.name].right_inverse(value)


def register_parametrization(
    module: _M, tensor_name: str, parametrization: Module, *, unsafe: bool = False
) -> _M:
    """Let a parameter or buffer of a module be what `parametrization` computes.

    What it is computed from is the parameter ``parametrizations.<name>.original``. The module
    becomes one of a class of its own, which computes the tensor whenever it is asked for. Further
    parametrizations apply to the results of those there are.

    Parameters
    ----------
    module : Module
    tensor_name : str
    parametrization : Module
        Takes the original tensor. If it defines ``right_inverse``, the tensor keeps its value, and
        may be assigned to; that may return several tensors, which forward then takes.
    unsafe : bool, default False
        Whether shape and dtype may change.

    Returns
    -------
    Module
        `module`.

    Raises
    ------
    TypeError
        If `parametrization` is no module.
    ValueError
        If there is no such tensor, or the parametrization gives another shape or dtype.

    Examples
    --------
    >>> import cygnet
    >>> from cygnet import nn
    >>> class Symmetric(nn.Module):
    ...     def forward(self, x):
    ...         return x.triu() + x.triu(1).transpose(0, 1)
    >>> layer = nn.Linear(3, 3)
    >>> layer = nn.utils.parametrize.register_parametrization(layer, "weight", Symmetric())
    >>> bool((layer.weight == layer.weight.transpose(0, 1)).all())
    True
    >>> [name for name, _ in layer.named_parameters()]
    ['bias', 'parametrizations.weight.original']
    """
    op = "register_parametrization"
    if not isinstance(parametrization, Module):
        raise TypeError(
            f"{op}: parametrization expected a Module, got {type(parametrization).__name__}"
        )
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        held: ParametrizationList = module.parametrizations[tensor_name]
        if not unsafe:
            _check_addition(op, getattr(module, tensor_name), parametrization)
        held.append(parametrization)
        held.unsafe = held.unsafe or unsafe
        return module
    names = (*module._parameters, *module._buffers)
    original = module.__dict__.get(tensor_name) if tensor_name in names else None
    if original is None:
        raise ValueError(
            f"{op}: {type(module).__name__} has no parameter or buffer {tensor_name!r}"
        )
    held = ParametrizationList([parametrization], original, unsafe)
    delattr(module, tensor_name)
    if not is_parametrized(module):
        module.parametrizations = ModuleDict()
    module.parametrizations[tensor_name] = held
    attach(module, tensor_name, _Parametrization(tensor_name))
    return module


def _check_addition(op: str, value: Tensor, parametrization: Module) -> None:
    """An error unless a further parametrization keeps shape and dtype, and so does its inverse."""
    with no_grad():
        result = parametrization(value)
        _check_result(op, result, value.shape, value.dtype)
        _check_result(op, _inverse(parametrization, result), value.shape, value.dtype)


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Whether the tensor of that name, or any if None, is parametrized."""
    held = module.__dict__.get("parametrizations")
    if not isinstance(held, ModuleDict):
        return False
    return len(held) > 0 if tensor_name is None else tensor_name in held


def tensor_of(op: str, module: Module, name: str) -> Tensor:
    """The tensor of a module that is to be parametrized, or an error that names op and tensor."""
    if name in (*module._parameters, *module._buffers) or is_parametrized(module, name):
        tensor = getattr(module, name)
        if isinstance(tensor, Tensor):
            return tensor
    raise ValueError(f"{op}: {type(module).__name__} has no parameter or buffer {name!r}")


def remove_parametrizations(module: _M, tensor_name: str, leave_parametrized: bool = True) -> _M:
    """Undo all `register_parametrization` of a tensor.

    Parameters
    ----------
    module : Module
    tensor_name : str
    leave_parametrized : bool, default True
        Whether the tensor keeps its value; else it gets that of its original.

    Returns
    -------
    Module
        `module`. The original, unless there were several, is its parameter again: an optimizer
        may go on with it.

    Raises
    ------
    ValueError
        If it is not parametrized, or has several originals and shall get theirs.
    """
    op = "remove_parametrizations"
    if not is_parametrized(module, tensor_name):
        raise ValueError(f"{op}: {type(module).__name__}.{tensor_name} is not parametrized")
    held: ParametrizationList = module.parametrizations[tensor_name]
    if not held.is_tensor and not leave_parametrized:
        raise ValueError(
            f"{op}: leave_parametrized is False, expected True for a tensor that is computed from "
            "several"
        )
    with no_grad():
        value = getattr(module, tensor_name) if leave_parametrized else held.original
    if held.is_tensor:
        original: Tensor = held.original
        if leave_parametrized:
            _set(original, value)
    else:
        gradient = any(each.requires_grad for each in held._originals)
        original = Parameter(value.detach()) if gradient else value.detach()
    del module.parametrizations[tensor_name]
    detach(module, tensor_name, original)
    if not is_parametrized(module):
        del module.parametrizations
    return module


def type_before_parametrizations(module: Module) -> type[Module]:
    """The class of a module, of a parametrized one the class it had before."""
    return class_before(module)


def transfer_parametrizations_and_params(
    from_module: Module, to_module: _M, tensor_name: str | None = None
) -> _M:
    """Give another module the parametrizations of a tensor, or of all, with their originals.

    Parameters
    ----------
    from_module, to_module : Module
        Tensors that the second has not are made.
    tensor_name : str, optional

    Returns
    -------
    Module
        `to_module`.
    """
    if not is_parametrized(from_module):
        return to_module
    for name in list(from_module.parametrizations) if tensor_name is None else [tensor_name]:
        source: ParametrizationList = from_module.parametrizations[name]
        if not hasattr(to_module, name):
            setattr(to_module, name, Parameter(getattr(from_module, name).detach().clone()))
        for parametrization in source:
            register_parametrization(to_module, name, parametrization, unsafe=source.unsafe)
        for key in source._parameter_names | source._buffer_names:
            setattr(to_module.parametrizations[name], key, getattr(source, key))
    return to_module
