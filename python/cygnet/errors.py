"""Errors that name what the user called, where a part of it or Python itself raised them."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

_GIVEN = " (given "
_OF_SIGNATURES = re.compile(r"[\w.<>]+\(\) (takes|got|missing)")
_OF_BINDINGS = "incompatible function arguments"


def composed(function: F) -> F:
    """Lets the errors of an op begin with its name and end with the arguments it was given, where
    they do not name both: those of the ops it is made of, of NumPy and of Python.

    A call that succeeds pays one more Python call, which is why ops of a single kernel, which name
    themselves, go without.
    """

    @functools.wraps(function)
    def wrapped(*args: Any, **options: Any) -> Any:
        try:
            return function(*args, **options)
        except (TypeError, ValueError, IndexError, RuntimeError, OverflowError) as error:
            named(error, function.__name__, function, args, options)
            raise

    return wrapped  # type: ignore[return-value]


def constructor(function: F) -> F:
    """`composed` for the ``__init__`` of a class, whose errors begin with the class's name."""

    @functools.wraps(function)
    def wrapped(self: Any, *args: Any, **options: Any) -> None:
        try:
            function(self, *args, **options)
        except (TypeError, ValueError, IndexError, RuntimeError, OverflowError) as error:
            kind = type(self)  # with a signature of its own where it holds a function's options
            if hasattr(kind, "__signature__"):
                named(error, kind.__name__, kind, args, options)
            else:
                named(error, kind.__name__, function, (self, *args), options)
            raise

    return wrapped  # type: ignore[return-value]


def name_constructor(cls: type) -> None:
    """Makes a class's own ``__init__``, if it has one and is the library's, a `constructor`."""
    own = cls.__dict__.get("__init__")
    if own is not None and cls.__module__.partition(".")[0] == __name__.partition(".")[0]:
        setattr(cls, "__init__", constructor(own))  # noqa: B010 (mypy)


def named(
    error: Exception,
    name: str,
    function: Callable[..., Any],
    args: tuple[Any, ...],
    options: dict[str, Any],
) -> None:
    """Puts a name before an error's text and the arguments behind it, unless it has both.

    Raises
    ------
    ValueError
        Instead of an OverflowError: a number is too large for what Python or NumPy does with it.
    """
    if _OF_SIGNATURES.match(str(error)):  # Python's text, which names the function and the argument
        return
    signature = inspect.signature(function)
    try:
        given = dict(signature.bind(*args, **options).arguments)
    except TypeError:  # another name of an argument
        given = {**dict(zip(signature.parameters, args, strict=False)), **options}
    given.pop("self", None)
    text, _, _ = str(error).partition(_GIVEN)
    if text.startswith(f"{name}: ") and any(
        re.search(rf"\b{parameter}\b", text) for parameter in signature.parameters
    ):
        return
    reason = text.removeprefix(f"{name}: ")
    if _OF_BINDINGS in reason:  # several lines that show the arrays
        reason = f"{reason.partition(_OF_BINDINGS)[0]}{_OF_BINDINGS}"
    shown = ", ".join(f"{key} {_shown(value)}" for key, value in given.items())
    text = f"{name}: {reason}{_GIVEN}{shown or 'nothing'})"
    if isinstance(error, OverflowError):
        raise ValueError(text) from None
    error.args = (text,)


def _shown(value: Any) -> str:
    """An argument in a few words."""
    shape, dtype = getattr(value, "shape", None), getattr(value, "dtype", None)
    if isinstance(shape, tuple) and dtype is not None:
        return f"{dtype}{shape}"
    if isinstance(value, list | tuple):
        inner = [_shown(item) for item in value[:4]] + ["..."] * (len(value) > 4)
        return f"[{', '.join(inner)}]"
    if value is None or isinstance(value, bool | float | str | bytes):
        return repr(value)[:40]
    if isinstance(value, int):
        return str(value) if abs(value) < 1 << 64 else "an int beyond 64 bits"
    return f"of type {type(value).__name__}"
