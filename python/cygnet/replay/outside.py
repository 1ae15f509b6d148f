"""What a function reads that is neither an argument nor made by itself."""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterable, Iterator
from types import CellType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any, TypeAlias

__all__ = [
    "LONG",
    "NOTHING",
    "PLAIN",
    "Place",
    "cells_of",
    "changed",
    "is_plain",
    "is_same",
    "places",
]

NOTHING = object()

PLAIN = (int, float, str, bytes, type(None))

Place: TypeAlias = tuple[Any, str | int | None, Any]
"""Where a value stands: (cell, None, value) of a closure, (dict, name, value), or
(list, index, value)."""

LONG = 64  # of longer containers no elements are looked at
MANY = 1000  # so many places at most


def is_plain(value: Any) -> bool:
    """Whether a value is a number, a text or None, or a tuple of these."""
    return isinstance(value, PLAIN) or (type(value) is tuple and all(map(is_plain, value)))


def is_same(now: Any, value: Any) -> bool:
    """Whether it is the same object, or a plain value that is written the same: 1, 1.0, True, 0.0
    and -0.0 all differ, and NaN is like NaN.
    """
    return now is value or (is_plain(now) and is_plain(value) and repr(now) == repr(value))


def places(functions: Iterable[Any], arguments: Iterable[Any] = ()) -> list[Place]:
    """The places that functions read, and the functions that they read there: cells of closures,
    global variables, and of all objects, dicts and lists behind them the attributes and keys that
    the code names and the elements. `arguments` are objects that the functions are given.
    """
    found: dict[tuple[int, str | int | None], Place] = {}
    names: set[str] = set()
    objects: dict[int, Any] = {}

    def note(value: Any, root: bool = False) -> None:
        if id(value) in objects:
            return
        objects[id(value)] = value
        function, owners = _unwrapped(value) if callable(value) else (None, [])
        if function is not None and (root or not _is_library(function)):
            names.update(_names_in(function.__code__))
            for owner in owners:
                note(owner)
            add(_variables(function))

    def add(several: Iterable[Place]) -> None:
        for place in several:
            if len(found) < MANY and found.setdefault((id(place[0]), place[1]), place) is place:
                note(place[2])

    for function in functions:
        note(function, True)
    for argument in arguments:
        note(argument)
    count = -1
    while count != len(found):  # what is found may name more
        count = len(found)
        for owner in list(objects.values()):
            add(_attributes(owner, names))
    return list(found.values())


def changed(found: Iterable[Place]) -> str:
    """The name of a place that no longer holds its value; empty if there is none."""
    for holder, name, value in found:
        if not is_same(content(holder, name), value):
            return name if isinstance(name, str) else "a variable"
    return ""


def content(holder: Any, name: str | int | None) -> Any:
    """What a place holds now; NOTHING if there is none."""
    try:
        return holder.cell_contents if name is None else holder[name]
    except (ValueError, LookupError):  # not yet assigned, or gone
        return NOTHING


def cells_of(function: FunctionType) -> Iterator[Place]:
    """The variables of a closure that are assigned."""
    cells: tuple[CellType, ...] = function.__closure__ or ()
    for cell in cells:
        value = content(cell, None)
        if value is not NOTHING:
            yield cell, None, value


def _unwrapped(function: Any) -> tuple[FunctionType | None, list[Any]]:
    """What runs when `function` is called, and the objects that it is given."""
    owners: list[Any] = []
    while not isinstance(function, FunctionType):
        if isinstance(function, MethodType):
            owners.append(function.__self__)
            function = function.__func__
        elif isinstance(function, functools.partial):
            owners += [*function.args, *function.keywords.values()]
            function = function.func
        elif hasattr(function, "__wrapped__"):
            function = function.__wrapped__
        elif isinstance(vars(type(function)).get("__call__"), FunctionType):
            function = MethodType(type(function).__call__, function)
        else:
            return None, owners
    owners += [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
    return function, owners


def _is_library(function: FunctionType) -> bool:
    """Whether a function belongs to Cygnet, Python or something installed, which keep no variables
    for users to bind.
    """
    package = str(function.__module__).partition(".")[0]
    installed = "site-packages" in function.__code__.co_filename
    return installed or package == "cygnet" or package in sys.stdlib_module_names


def _names_in(code: CodeType) -> Iterator[str]:
    """The names of variables and attributes, and the texts, in code and in functions inside it."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, str):
            yield constant
        elif isinstance(constant, CodeType):
            yield from _names_in(constant)


def _variables(function: FunctionType) -> Iterator[Place]:
    yield from cells_of(function)
    scope = function.__globals__
    for name in set(_names_in(function.__code__)) & scope.keys():
        yield scope, name, scope[name]


def _attributes(owner: Any, names: set[str]) -> Iterator[Place]:
    if type(owner) is list:
        yield from ((owner, i, each) for i, each in enumerate(owner) if len(owner) <= LONG)
        return
    held = owner if isinstance(owner, dict) else getattr(owner, "__dict__", None)
    if isinstance(held, dict):
        for name in names & held.keys():
            if not isinstance(owner, ModuleType) or is_plain(held[name]):
                yield held, name, held[name]
