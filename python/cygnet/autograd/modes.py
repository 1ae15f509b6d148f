"""What each thread records: gradients, traces for the search for NaN, and calls."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


class _Mode(threading.local):
    enabled = True
    anomaly = False
    recorder: Any = None  # notes what a function uses while it is captured
    folding: Any = None  # takes layers into those before them while a model is frozen


mode = _Mode()


def is_grad_enabled() -> bool:
    """Whether operations of this thread are recorded for differentiation. Default True."""
    return mode.enabled


def is_inference_mode_enabled() -> bool:
    """Whether nothing is recorded in this thread; the same as not `is_grad_enabled()`."""
    return not mode.enabled


class _Scope:
    """A value of one of this thread's settings inside a ``with`` block or a decorated function."""

    _setting = "enabled"

    def __init__(self, value: bool) -> None:
        self._value = bool(value)
        self._previous: list[bool] = []

    def __enter__(self) -> None:
        self._previous.append(getattr(mode, self._setting))
        setattr(mode, self._setting, self._value)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        setattr(mode, self._setting, self._previous.pop())

    def __call__(self, function: F) -> F:
        scope = _Scope(self._value)
        scope._setting = self._setting

        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with scope:
                return function(*args, **kwargs)

        return wrapped  # type: ignore[return-value]


class no_grad(_Scope):  # noqa: N801 (PyTorch's name)
    """Context manager and decorator: operations inside are not recorded.

    Examples
    --------
    >>> import cygnet
    >>> x = cygnet.ones(2, requires_grad=True)
    >>> with cygnet.no_grad():
    ...     y = x * 2
    >>> y.requires_grad
    False
    """

    def __new__(cls, function: Callable[..., Any] | None = None) -> Any:
        if function is None:
            return super().__new__(cls)
        return cls()(function)  # used as a decorator without parentheses

    def __init__(self) -> None:
        super().__init__(False)


class enable_grad(no_grad):  # noqa: N801 (PyTorch's name)
    """Context manager and decorator: operations inside are recorded, also within `no_grad`."""

    def __init__(self) -> None:
        _Scope.__init__(self, True)


class inference_mode(_Scope):  # noqa: N801 (PyTorch's name)
    """The same as `no_grad`; with ``mode=False`` the same as `enable_grad`.

    Unlike PyTorch's, tensors made inside may be used in recorded operations later.
    """

    def __new__(cls, mode: Any = True) -> Any:
        return cls()(mode) if callable(mode) else super().__new__(cls)

    def __init__(self, mode: bool = True) -> None:
        super().__init__(not mode)


class _Switch(_Scope):
    """A setting that holds from the call on; as a context manager, until the block's end."""

    def __init__(self, mode: bool) -> None:
        super().__init__(mode)
        _Scope.__enter__(self)

    def __enter__(self) -> None:
        setattr(mode, self._setting, self._value)

    def __call__(self, function: F) -> F:
        self.__exit__(None, None, None)
        return super().__call__(function)


class set_grad_enabled(_Switch):  # noqa: N801 (PyTorch's name)
    """Switches recording on or off in this thread; as a context manager or decorator, until its
    end.
    """


class set_detect_anomaly(_Switch):  # noqa: N801 (PyTorch's name)
    """Switches the search for NaN in gradients on or off in this thread; as a context manager,
    until its end. See `detect_anomaly`.
    """

    _setting = "anomaly"

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        super().__init__(mode and check_nan)


class detect_anomaly(_Scope):  # noqa: N801 (PyTorch's name)
    """Context manager: `backward` raises RuntimeError at the first op whose gradient holds a NaN,
    with the op's name and the place where it was called, if it was called inside as well.

    Slow: every call is traced and every gradient searched.
    """

    _setting = "anomaly"

    def __init__(self, check_nan: bool = True) -> None:
        super().__init__(check_nan)
