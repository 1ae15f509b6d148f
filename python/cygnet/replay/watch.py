"""Which functions of users run while a call is recorded, and what they do that a replay would leave
out.
"""

from __future__ import annotations

import gc
import io
import random
import sys
from types import CodeType, FrameType, FunctionType
from typing import Any

from cygnet.replay.outside import Outside, is_library

__all__ = ["Watch"]


class Watch:
    """Follows the functions of users, as against those of libraries, in a ``with`` block.

    Parameters
    ----------
    outside : Outside
        Is told of all that run and of what they are given.

    Attributes
    ----------
    reason : str
        What was done that a replay would not do; empty if there was nothing.
    """

    def __init__(self, outside: Outside) -> None:
        self.reason = ""
        self._outside = outside
        self._codes: set[CodeType] = set()

    def __enter__(self) -> Watch:
        self._first = sys._getframe(1)
        self._follows = sys.getprofile() is None
        if self._follows:
            sys.setprofile(self._follow)
        else:
            self._refuse("it ran under a profiler")
        return self

    def __exit__(self, *error: Any) -> None:
        if self._follows:
            sys.setprofile(None)
        del self._first
        self._refuse(self._outside.reason)

    def _refuse(self, what: str) -> None:
        self.reason = self.reason or what

    def _follow(self, frame: FrameType, event: str, argument: Any) -> None:
        if event == "c_call":
            if _has_effects(argument):
                self._refuse(f"it called {argument.__qualname__}")
        elif event == "call" and not is_library(frame.f_globals.get("__name__")):
            given: list[Any] = list(frame.f_locals.values())
            if frame.f_code not in self._codes:
                self._codes.add(frame.f_code)
                self._outside.add_code(frame.f_code, frame.f_globals)
                given += self._functions_of(frame)
            self._outside.add(*given)

    def _functions_of(self, frame: FrameType) -> list[FunctionType]:
        """The functions that may run in a frame, unless they are known or what they close over is
        the call's own. To look for them takes milliseconds.
        """
        code = frame.f_code
        if code in self._outside.codes:
            return []
        if all(name == "__class__" or self._is_local(frame, name) for name in code.co_freevars):
            return []
        return [each for each in gc.get_referrers(code) if isinstance(each, FunctionType)]

    def _is_local(self, frame: FrameType, name: str) -> bool:
        """Whether a variable of a closure belongs to a function that is under way in the call."""
        caller = frame.f_back
        while caller is not None and caller is not self._first:
            if name in caller.f_code.co_cellvars:
                return True
            caller = caller.f_back
        return False


def _has_effects(function: Any) -> bool:
    """Whether a function of C tells the user or a file something, or asks for the time."""
    owner = getattr(function, "__self__", None)
    return (
        function in (print, input)
        or getattr(function, "__module__", None) == "time"
        or isinstance(owner, io.IOBase | random.Random)
    )
