"""Nested containers as one safetensors file: the arrays by name, all else as JSON beside them.

Of a container JSON tells too little, so each value is written as

=================================  =======================================================
None, bool, int, str               itself
float                              itself, or {"float": "nan"}, "inf" or "-inf"
list                               a list
tuple                              {"tuple": [...]}
dict                               {"dict": [[key, value], ...]}, of any keys but arrays
Tensor                             {"tensor": name}, and "requires_grad": true if it does
NumPy array, NumPy number          {"array": name}, {"number": name}
=================================  =======================================================
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from cygnet.io.header import METADATA
from cygnet.io.reading import File, name_of
from cygnet.io.safetensors import tensor_of, writable_array
from cygnet.tensor import Array, Tensor


class _Writer:
    """Turns a container into JSON and collects its arrays."""

    def __init__(self, file: File) -> None:
        self.file = file
        self.arrays: dict[str, Array] = {}
        self._open: set[int] = set()  # the containers around a value

    def describe(self, value: Any, path: tuple[Any, ...]) -> Any:
        if isinstance(value, Tensor):
            entry = {"tensor": self._named(value, path)}
            return {**entry, "requires_grad": True} if value.requires_grad else entry
        if isinstance(value, np.ndarray | np.generic):
            kind = "array" if isinstance(value, np.ndarray) else "number"
            return {kind: self._named(value, path)}
        if value is None or isinstance(value, bool | str):
            return value
        if isinstance(value, int):
            return int(value)
        if isinstance(value, float):
            return float(value) if math.isfinite(value) else {"float": repr(float(value))}
        if not isinstance(value, list | tuple | Mapping):
            raise TypeError(f"save: {name_of(self.file)}: {_refusal(value, path)}")
        if id(value) in self._open:
            raise ValueError(f"save: {name_of(self.file)}: {_place(path)} contains itself")
        self._open.add(id(value))
        described = self._container(value, path)
        self._open.remove(id(value))
        return described

    def _container(self, value: Any, path: tuple[Any, ...]) -> Any:
        if isinstance(value, Mapping):
            return {
                "dict": [
                    [self._key(key, path), self.describe(item, (*path, key))]
                    for key, item in value.items()
                ]
            }
        items = [self.describe(item, (*path, i)) for i, item in enumerate(value)]
        return {"tuple": items} if isinstance(value, tuple) else items

    def _key(self, key: Any, path: tuple[Any, ...]) -> Any:
        if isinstance(key, Tensor | np.ndarray | np.generic | list | Mapping):
            raise TypeError(
                f"save: {name_of(self.file)}: a key of {_place(path)} expected a str or an int, "
                f"got {type(key).__name__}"
            )
        return self.describe(key, (*path, key))

    def _named(self, value: Any, path: tuple[Any, ...]) -> str:
        name = ".".join(map(str, path)) or "data"
        while name in self.arrays or name == METADATA:
            name += "'"
        self.arrays[name] = writable_array(name, value, self.file)
        return name


def _place(path: tuple[Any, ...]) -> str:
    return "obj" + "".join(f"[{key!r}]" for key in path)


def _refusal(value: Any, path: tuple[Any, ...]) -> str:
    place, kind = _place(path), type(value).__name__
    if callable(getattr(value, "state_dict", None)):
        return f"{place} is a {kind}, whose code cannot be saved; save its state_dict()"
    return (
        f"{place} expected a Tensor, an array, a number, a str, None or a list, tuple or dict of "
        f"these, got {kind}"
    )


def describe(obj: Any, file: File) -> tuple[dict[str, Array], Any]:
    """The arrays of a container by name, and all else as JSON has it."""
    writer = _Writer(file)
    structure = writer.describe(obj, ())
    return writer.arrays, structure


def rebuild(structure: Any, arrays: dict[str, Array], file: File) -> Any:
    """What `describe` described.

    Raises
    ------
    ValueError
        If the description is damaged.
    """

    def tensor(entry: dict[str, Any]) -> Tensor:
        made = tensor_of(entry["tensor"], arrays[entry["tensor"]], file)
        return made.requires_grad_() if entry.get("requires_grad") else made

    makers: dict[str, Callable[[dict[str, Any]], Any]] = {
        "float": lambda entry: float(entry["float"]),
        "tuple": lambda entry: tuple(value(item) for item in entry["tuple"]),
        "dict": lambda entry: {value(key): value(item) for key, item in entry["dict"]},
        "tensor": tensor,
        "array": lambda entry: arrays[entry["array"]],
        "number": lambda entry: arrays[entry["number"]][()],
    }

    def value(described: Any) -> Any:
        if isinstance(described, list):
            return [value(item) for item in described]
        if isinstance(described, dict):
            return makers[next(iter(described))](described)
        return described

    damage = ArithmeticError, LookupError, RuntimeError, StopIteration, TypeError, ValueError
    try:
        return value(structure)
    except damage as error:
        raise ValueError(
            f"load: {name_of(file)} has a damaged description of its contents: "
            f"{type(error).__name__} {error}"
        ) from None
