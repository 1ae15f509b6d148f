"""A function of :mod:`cygnet.nn.functional` as a module."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, ClassVar

from cygnet.nn.module import Module
from cygnet.tensor import Tensor

__all__ = ["OfFunction"]


# Options that functions accept without effect: they need not be passed.
_HOLLOW = ("inplace", "size_average", "reduce")


class OfFunction(Module):
    """Holds the options of a function and calls it.

    A subclass names the function, the number of tensors that it takes first, and those of the
    options after them that the module does not have. All others are the module's arguments, in the
    same order and with the same defaults, and its attributes; weights among them are buffers, and
    so part of the state.
    """

    _function: ClassVar[Callable[..., Any]]
    _options: ClassVar[tuple[str, ...]]
    _passed: ClassVar[tuple[str, ...]]
    _buffers_of_options: ClassVar[frozenset[str]] = frozenset({"weight", "pos_weight"})

    def __init_subclass__(
        cls,
        function: Callable[..., Any] | None = None,
        tensors: int = 1,
        without: tuple[str, ...] = (),
        keywords: bool = False,
    ) -> None:
        super().__init_subclass__()
        if function is None:  # a base of others, or a variant of a module
            return
        parameters = list(inspect.signature(function).parameters.values())[tensors:]
        if keywords:
            parameters = [p.replace(kind=p.KEYWORD_ONLY) for p in parameters]
        options = [p for p in parameters if p.name not in without]
        cls._function = staticmethod(function)
        cls._options = tuple(p.name for p in options)
        cls._passed = tuple(name for name in cls._options if name not in _HOLLOW)
        cls.__signature__ = inspect.Signature(options)  # type: ignore[attr-defined]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()
        try:
            given = inspect.signature(type(self)).bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{type(self).__name__}: {error}") from None
        given.apply_defaults()
        for name, value in given.arguments.items():
            if name in self._buffers_of_options:
                self.register_buffer(name, value)
            else:
                setattr(self, name, value)

    def forward(self, *inputs: Tensor, **named: Any) -> Tensor:
        """The function of these tensors with the module's options."""
        options = {name: getattr(self, name) for name in self._passed}
        return type(self)._function(*inputs, **named, **options)  # type: ignore[no-any-return]

    def extra_repr(self) -> str:
        shown = [name for name in self._options if name != "inplace"]
        if getattr(self, "inplace", False):
            shown.append("inplace")
        return ", ".join(f"{name}={getattr(self, name)!r}" for name in shown)
