"""What functions of users read in Python that is neither an argument nor made by themselves."""

from __future__ import annotations

import functools
import random
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any, TypeAlias

import numpy as np

from cygnet import kernels
from cygnet.tensor import Tensor

__all__ = ["NOTHING", "Outside", "is_library", "is_plain", "is_same"]

PLAIN = (int, float, str, bytes, type(None))

Place: TypeAlias = tuple[Any, str | int | None, Any]
"""Where a value stands: (cell, None, value) of a closure, (dict or class, name, value), or
(list, index, value)."""

NOTHING = object()  # in a place that is not there
LONG = 64  # of longer containers no elements are looked at
MANY = 1000  # so many places at most
_ALONE = (Tensor, *PLAIN)
_WRAPPERS = (functools.partial, property, staticmethod, classmethod)
_CONTAINERS = (list, dict, set, deque)
_LIBRARIES = sys.stdlib_module_names | {"cygnet", "numpy"}


def is_plain(value: Any) -> bool:
    """Whether a value is a number, a text or None, or a tuple of these."""
    if type(value) is tuple:
        return all(map(is_plain, value))
    return isinstance(value, PLAIN)


def is_same(now: Any, value: Any) -> bool:
    """Whether it is the same object, or a plain value that is written the same: 1, 1.0, True, 0.0
    and -0.0 all differ, and NaN is like NaN.
    """
    return now is value or (is_plain(now) and is_plain(value) and repr(now) == repr(value))


class Outside:
    """What has been found that functions read, and its values then.

    Names and objects are found on their own: the names in the code of all functions, and the
    objects that lead from one to the next. Wherever an object has an attribute or a dict a key of
    such a name, that is a place.

    Parameters
    ----------
    whole : bool
        Whether all that containers and arrays of NumPy hold counts, and installed packages are
        the user's as well: for recordings that nobody asked for. Default False.

    Attributes
    ----------
    places : list of Place
        What replays must find unchanged.
    checks : list of callable
        Give False if something has changed that is no place.
    codes : set of CodeType
        That of the functions that were met.
    reason : str
        What is too large to be looked at; empty if nothing is.
    """

    def __init__(self, whole: bool = False) -> None:
        self.places: list[Place] = []
        self.checks: list[Callable[[], bool]] = []
        self.codes: set[CodeType] = set()
        self.reason = ""
        self._whole = whole
        self._is_library = is_library if whole else _is_foreign
        self._met: dict[int, Any] = {}  # kept alive, so that ids stay theirs
        self._classes: set[type] = set()
        self._placed: set[tuple[int, str | int | None]] = set()
        self._names: set[str | int] = set()
        self._owners: list[tuple[Any, Mapping[Any, Any]]] = []  # and their attributes or entries
        self._sizes: dict[int, int] = {}  # of those, and of lists, when last looked at
        self._lists: list[list[Any]] = []
        self._looked = 0, 0
        everybodys: tuple[Any, ...] = random.getstate, np.random.get_state
        self._states = [(each.__self__, _state_of(each.__self__)) for each in everybodys]

    def add(self, *values: Any) -> None:
        """Looks for what functions read, and for what objects are given to them."""
        for value in values:
            self._meet(value)
        self._look()

    def add_code(self, code: CodeType, scope: dict[Any, Any]) -> None:
        """Looks for what code reads, whose global variables are those of `scope`."""
        names = _names_in(code)
        self._names |= names
        for name in names & scope.keys():
            self._place(scope, name, scope[name])

    def add_numbers(self, objects: Iterable[Any]) -> None:
        """Notes the plain attributes of objects, and those in dicts of theirs."""
        for each in objects:
            for place in _numbers_in(getattr(each, "__dict__", {})):
                self._place(*place)

    def names(self, name: str) -> bool:
        """Whether the code of a function names it."""
        return name in self._names

    def tensors(self) -> Iterator[Tensor]:
        """Those that are read."""
        return (value for *_, value in self.places if isinstance(value, Tensor))

    def guards(self) -> list[Callable[[], bool]]:
        """The checks, and one whether something was added from now on."""
        for owner, held in self._owners:
            self._sizes[id(owner)] = len(held)
        for each in self._lists:
            self._sizes[id(each)] = len(each)
        return [*self.checks, self._has_no_more] if self._sizes else self.checks

    def changed(self) -> str:
        """What is no longer as it was; empty if all is."""
        for holder, name, value in self.places:
            now = _content(holder, name)
            if now is not value and not is_same(now, value):
                return name if isinstance(name, str) else "a variable"
        return "" if all(check() for check in self.checks) else "a list, dict, set or array"

    def has_drawn(self) -> bool:
        """Whether random numbers were drawn that are not Cygnet's."""
        return any(_state_of(generator) != state for generator, state in self._states)

    def _meet(self, value: Any) -> None:
        if isinstance(value, _ALONE) or id(value) in self._met:
            return
        self._met[id(value)] = value
        kind = type(value)
        if kind is FunctionType or kind is MethodType:
            self._meet_function(value)
        elif kind is tuple:
            for each in value:
                self._meet(each)
        elif isinstance(value, _CONTAINERS):
            self._meet_container(value)
        elif isinstance(value, np.ndarray):
            if self._whole:
                self._meet_array(value)
        elif isinstance(value, ModuleType):
            if not self._is_library(value.__name__):
                self._owners.append((vars(value), vars(value)))
        elif isinstance(value, type):
            self._meet_class(value)
        else:
            self._meet_object(value)

    def _meet_object(self, value: Any) -> None:
        kind, held = type(value), getattr(value, "__dict__", None)
        if isinstance(value, random.Random) or str(kind.__module__).startswith("numpy.random"):
            self._states.append((value, _state_of(value)))
        if not self._is_library(kind.__module__):
            self._meet_class(kind)
            if callable(value):
                self._meet_function(value)
        elif isinstance(value, _WRAPPERS) or (held and "__wrapped__" in held):
            self._meet_function(value)
        if type(held) is dict:
            self._owners.append((held, held))

    def _meet_class(self, kind: type) -> None:
        for each in () if kind in self._classes else kind.__mro__:
            if each not in self._classes:
                self._classes.add(each)
                if not self._is_library(each.__module__):
                    self._owners.append((each, vars(each)))

    def _meet_function(self, value: Any) -> None:
        function, given = _unwrapped(value)
        if function is None or self._is_library(function.__globals__.get("__name__")):
            given.append(getattr(function, "__wrapped__", None))  # a library's decorator
        else:
            given += [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
            for cell in function.__closure__ or ():
                self._place(cell, None, _content(cell, None))
            self.codes.add(function.__code__)
            self.add_code(function.__code__, function.__globals__)
        for each in given:
            self._meet(each)

    def _meet_container(self, value: Any) -> None:
        if self._whole:
            if len(value) > LONG:
                self._refuse(f"it reached a {type(value).__name__} of more than {LONG} entries")
                return
            entries = _entries(value)
            self.checks.append(functools.partial(_is_like, value, entries))
            for each in entries:
                self._meet(each)
        elif isinstance(value, dict):
            self._owners.append((value, value))
        elif type(value) is list and len(value) <= LONG:
            self._lists.append(value)
            for i, each in enumerate(value):
                self._place(value, i, each)

    def _meet_array(self, array: np.ndarray[Any, Any]) -> None:
        """Tensors that copy it would stay as they are when it changes."""
        if array.size > LONG or array.dtype.hasobject:
            self._refuse("it read a large array of NumPy's, which may change")
        else:
            self.checks.append(functools.partial(_is_still, array, array.tobytes()))

    def _look(self) -> None:
        """Looks for names in objects until nothing more is found, which may name more."""
        while self._looked != (found := (len(self._names), len(self._owners))):
            self._looked = found
            for owner, held in list(self._owners):
                for name in self._names & held.keys():
                    self._place(owner, name, held[name])

    def _has_no_more(self) -> bool:
        """Whether lists are as long as they were, and nothing has got an attribute or key since
        that is named: it may take the place of a class's attribute, or of a default.
        """
        if any(len(each) != self._sizes[id(each)] for each in self._lists):
            return False
        for owner, held in self._owners:
            if len(held) != self._sizes[id(owner)]:
                if any((id(owner), name) not in self._placed for name in self._names & held.keys()):
                    return False
                self._sizes[id(owner)] = len(held)
        return True

    def _place(self, holder: Any, name: str | int | None, value: Any) -> None:
        key = id(holder), name
        if key in self._placed or value is NOTHING:
            return
        if len(self.places) == MANY:
            self._refuse(f"it read more than {MANY} variables")
            return
        self._placed.add(key)
        self.places.append((holder, name, value))
        self._meet(value)

    def _refuse(self, what: str) -> None:
        self.reason = self.reason or what


@functools.lru_cache(maxsize=1024)
def is_library(module: Any) -> bool:
    """Whether a module of this name is Cygnet's, NumPy's or Python's, which keep no variables for
    users to bind.
    """
    return isinstance(module, str) and module.partition(".")[0] in _LIBRARIES


def _numbers_in(held: dict[str, Any]) -> Iterator[Place]:
    """The places of plain values in a dict and in the dicts in it."""
    for name, value in held.items():
        if is_plain(value):
            yield held, name, value
        elif type(value) is dict:
            yield from _numbers_in(value)


def _content(holder: Any, name: str | int | None) -> Any:
    """What a place holds now; NOTHING if there is none."""
    try:
        if isinstance(holder, type):
            return vars(holder)[name]  # type: ignore[index]
        return holder.cell_contents if name is None else holder[name]
    except (ValueError, LookupError):  # not yet assigned, or gone
        return NOTHING


def _unwrapped(function: Any) -> tuple[FunctionType | None, list[Any]]:
    """What runs when `function` is called, and the objects that it is given."""
    given: list[Any] = []
    while not isinstance(function, FunctionType):
        if isinstance(function, MethodType):
            given.append(function.__self__)
            function = function.__func__
        elif isinstance(function, functools.partial):
            given += [*function.args, *function.keywords.values()]
            function = function.func
        elif isinstance(function, property):
            function = function.fget
        elif isinstance(function, (staticmethod, classmethod)):
            function = function.__func__
        elif "__wrapped__" in getattr(function, "__dict__", ()):
            function = function.__wrapped__
        elif callable(function) and isinstance(type(function).__call__, FunctionType):
            function = MethodType(type(function).__call__, function)
        else:
            return None, given
    return function, given


@functools.lru_cache(maxsize=1024)
def _names_in(code: CodeType) -> frozenset[str | int]:
    """The names of variables and attributes, and the texts and whole numbers, in code and in
    functions inside it.
    """
    names: set[str | int] = set(code.co_names)
    constants = list(code.co_consts)
    while constants:
        constant = constants.pop()
        if isinstance(constant, (str, int)):
            names.add(constant)
        elif isinstance(constant, (tuple, frozenset)):
            constants += constant
        elif isinstance(constant, CodeType):
            names |= _names_in(constant)
    return frozenset(names)


@functools.lru_cache(maxsize=1024)
def _is_foreign(module: Any) -> bool:
    """Whether it is of a library, or installed."""
    file = getattr(sys.modules.get(module), "__file__", None) or ""
    return is_library(module) or "site-packages" in file


def _state_of(generator: Any) -> Any:
    """How far a generator of random numbers is, to be compared."""
    if isinstance(generator, random.Random):
        return generator.gauss_next, kernels.object_bytes(generator)  # type: ignore[attr-defined]
    bits = getattr(generator, "_bit_generator", None)  # which may be given itself
    return kernels.object_bytes(generator), bits and kernels.object_bytes(bits)


def _entries(values: Any) -> list[Any]:
    """What a container holds; of a dict its keys, then its values."""
    return [*values, *values.values()] if isinstance(values, dict) else list(values)


def _is_like(values: Any, before: list[Any]) -> bool:
    now = _entries(values)
    return len(now) == len(before) and all(map(is_same, now, before))


def _is_still(array: np.ndarray[Any, Any], before: bytes) -> bool:
    return array.tobytes() == before
