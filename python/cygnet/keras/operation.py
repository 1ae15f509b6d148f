"""Functions of `keras.ops` as layers, so that they can stand in a functional model."""

from __future__ import annotations

import difflib
import functools
from collections.abc import Callable
from typing import Any, TypeVar

from cygnet.keras.layer import Layer, unique_name
from cygnet.keras.symbolic import is_symbolic

__all__ = ["FUNCTIONS", "Operation", "lifted"]

F = TypeVar("F", bound=Callable[..., Any])

FUNCTIONS: dict[str, Callable[..., Any]] = {}  # of keras.ops, by name


class Operation(Layer):
    """A function of `keras.ops` as a layer without weights.

    Parameters
    ----------
    function : str
        Its name in `keras.ops`, such as "add" or "image.resize".
    name : str, optional
        Default: the function's name, and a number if there was one before.
    **kwargs
        As of `Layer`.

    Raises
    ------
    ValueError
        If there is no such function.
    """

    def __init__(self, function: str, name: str | None = None, **kwargs: Any) -> None:
        if function not in FUNCTIONS:
            near = difflib.get_close_matches(function, FUNCTIONS)
            hint = f"; near it are {', '.join(near)}" if near else ""
            raise ValueError(f"Operation: unknown function {function!r}{hint}")
        super().__init__(name=name or unique_name(function.rpartition(".")[2]), **kwargs)
        self.function = function

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function."""
        return FUNCTIONS[self.function](*args, **kwargs)


def lifted(function: F, name: str | None = None) -> F:
    """The function, which called with a KerasTensor becomes an `Operation` of the model.

    Parameters
    ----------
    function : callable
    name : str, optional
        Under which `FUNCTIONS` holds it. Default: the function's.
    """
    key = name or function.__name__
    FUNCTIONS[key] = function

    @functools.wraps(function)
    def either(*args: Any, **kwargs: Any) -> Any:
        if is_symbolic((args, kwargs)):
            return Operation(key)(*args, **kwargs)
        return function(*args, **kwargs)

    return either  # type: ignore[return-value]
