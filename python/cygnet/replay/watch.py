"""What functions of users do in Python while a call is recorded: the variables that they read,
which replays must find unchanged, and what a replay would leave out.
"""

from __future__ import annotations

import functools
import io
import random
import sys
from collections import deque
from collections.abc import Callable
from types import CodeType, FrameType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from cygnet.replay.outside import LONG, NOTHING, PLAIN, Place, cells_of, changed, is_same
from cygnet.tensor import Tensor

__all__ = ["Watch"]

_CONTAINERS = (list, dict, set, deque)
_LIBRARIES = sys.stdlib_module_names | {"cygnet", "numpy"}


class Watch:
    """Follows the functions of users, as against those of libraries, in a ``with`` block.

    Parameters
    ----------
    *values : object
        What the call gets; functions among them may be called in it.

    Attributes
    ----------
    places : list of Place
        What the functions read: variables of closures and modules, attributes, entries of dicts.
    checks : list of callable
        Give False if something has changed that cannot be a place.
    reason : str
        What was done that a replay would not do; empty if there was nothing.
    """

    def __init__(self, *values: Any) -> None:
        self.places: list[Place] = []
        self.checks: list[Callable[[], bool]] = []
        self.reason = ""
        self._places: set[tuple[int, str | int | None]] = set()
        self._met: dict[int, Any] = {}  # kept alive, so that ids stay theirs
        self._contents: list[tuple[Any, Any]] = []
        self._functions: dict[CodeType, FunctionType] = {}
        for value in values:
            self._meet(value)

    def __enter__(self) -> Watch:
        self._follows = sys.getprofile() is None
        if self._follows:
            sys.setprofile(self._follow)
        else:
            self._refuse("it ran under a profiler")
        return self

    def __exit__(self, *error: Any) -> None:
        if self._follows:
            sys.setprofile(None)
        if name := changed(self.places):
            self._refuse(f"it changed {name}")
        for value, before in self._contents:
            if _inside(value) != before:
                self._refuse(f"it changed a {type(value).__name__}")

    def _refuse(self, what: str) -> None:
        self.reason = self.reason or what

    def _follow(self, frame: FrameType, event: str, argument: Any) -> None:
        if event == "c_call":
            if _has_effects(argument):
                self._refuse(f"it called {argument.__qualname__}")
        elif event == "call" and not _is_library(frame.f_globals.get("__name__")):
            self._read(frame)

    def _read(self, frame: FrameType) -> None:
        """Notes what the function that begins may read."""
        code = frame.f_code
        waiting = list(frame.f_locals.values())
        scope = frame.f_globals
        found: list[Place] = [(scope, name, scope[name]) for name in code.co_names if name in scope]
        function = self._functions.get(code)
        if function is not None:
            found += cells_of(function)
        elif unknown := [name for name in code.co_freevars if not _is_local(frame, name)]:
            self._refuse(f"it read {unknown[0]}, a variable of a closure")
        reached: set[int] = set()
        while True:
            for place in found:
                self._note(*place)
                waiting.append(place[2])
            if not waiting:
                return
            value = waiting.pop()
            found = []
            if id(value) not in reached:
                reached.add(id(value))
                self._meet(value)
                if type(value) in (list, tuple, dict) and len(value) <= LONG:
                    waiting += value.values() if type(value) is dict else value
                held = _attributes(value)
                found = [(held, name, held[name]) for name in code.co_names if name in held]
                self._look_at_class(value, code)

    def _note(self, holder: Any, name: str | int | None, value: Any) -> None:
        if (id(holder), name) not in self._places:
            self._met[id(holder)] = holder
            self._places.add((id(holder), name))
            self.places.append((holder, name, value))
            self._meet(value)

    def _look_at_class(self, value: Any, code: CodeType) -> None:
        """Notes numbers that are attributes of classes."""
        for kind in value.__mro__ if isinstance(value, type) else type(value).__mro__:
            if _is_library(kind.__module__):
                continue
            for name in code.co_names:
                number = vars(kind).get(name, NOTHING)
                if isinstance(number, PLAIN):
                    self.checks.append(functools.partial(_holds, kind, name, number))

    def _meet(self, value: Any) -> None:
        """Notes functions, so that their closures are found, and what containers hold."""
        if isinstance(value, (Tensor, *PLAIN)) or id(value) in self._met:
            return
        self._met[id(value)] = value
        if isinstance(value, np.ndarray):
            self._meet_array(value)
        elif isinstance(value, MethodType):
            self._meet(value.__func__)
        elif isinstance(value, FunctionType):
            if not _is_library(value.__module__):
                self._functions[value.__code__] = value
                for _, _, content in cells_of(value):
                    self._meet(content)
        elif isinstance(value, _CONTAINERS) or _is_generator(value):
            self._contents.append((value, _inside(value)))
            if isinstance(value, _CONTAINERS):
                if len(value) > LONG:
                    self._refuse(f"it reached a {type(value).__name__} of more than {LONG} entries")
                else:
                    self.checks.append(functools.partial(_is_like, value, _entries(value)))
            if type(value) is dict and len(value) <= LONG:
                for name, entry in list(value.items()):
                    if isinstance(name, str):
                        self._note(value, name, entry)
        elif not isinstance(value, ModuleType):
            kind = value if isinstance(value, type) else type(value)
            if not _is_library(kind.__module__):
                for each in kind.__mro__:
                    for member in vars(each).values():
                        if isinstance(member, FunctionType):
                            self._meet(member)

    def _meet_array(self, array: np.ndarray[Any, Any]) -> None:
        """Tensors that copy it would stay as they are when it changes."""
        if array.size > LONG or array.dtype.hasobject:
            self._refuse("it read a large array of NumPy's, which may change")
        else:
            self.checks.append(functools.partial(_is_still, array, array.tobytes()))


def _is_still(array: np.ndarray[Any, Any], before: bytes) -> bool:
    return array.tobytes() == before


def _holds(kind: type, name: str, number: Any) -> bool:
    return is_same(vars(kind).get(name, NOTHING), number)


def _entries(values: Any) -> list[Any]:
    """What a container holds; of a dict its keys, then its values."""
    return [*values, *values.values()] if isinstance(values, dict) else list(values)


def _is_like(values: Any, before: list[Any]) -> bool:
    now = _entries(values)
    return len(now) == len(before) and all(map(is_same, now, before))


def _inside(value: Any) -> Any:
    """What a container holds, or how far a generator of NumPy's is, to be compared."""
    if _is_generator(value):
        return repr(value.bit_generator.state)
    if len(value) > 10_000:
        return len(value)
    return [id(each) for each in (value.values() if isinstance(value, dict) else value)]


def _is_generator(value: Any) -> bool:
    return type(value).__module__.startswith("numpy.random") and hasattr(value, "bit_generator")


def _attributes(value: Any) -> dict[str, Any]:
    """The attributes that an object has itself, unless it is of a library's making."""
    if isinstance(value, (Tensor, np.ndarray, type)):
        return {}
    if isinstance(value, ModuleType) and _is_library(value.__name__):
        return {}
    found = getattr(value, "__dict__", None)
    return found if type(found) is dict else {}


def _is_library(module: Any) -> bool:
    return isinstance(module, str) and module.partition(".")[0] in _LIBRARIES


def _is_local(frame: FrameType, name: str) -> bool:
    """Whether a variable of a closure is the class of a method, or belongs to a call under way."""
    caller = frame.f_back
    while caller is not None and name not in caller.f_code.co_cellvars:
        caller = caller.f_back
    return caller is not None or name == "__class__"


def _has_effects(function: Any) -> bool:
    """Whether a function of C tells the user or a file something, or asks for the time."""
    owner = getattr(function, "__self__", None)
    return (
        function in (print, input)
        or getattr(function, "__module__", None) == "time"
        or isinstance(owner, io.IOBase | random.Random)
    )
