"""Objects as configurations that JSON can hold, and back."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np

from cygnet.keras import lookup
from cygnet.tensor import Tensor

__all__ = [
    "CustomObjectScope",
    "custom_object_scope",
    "deserialize_keras_object",
    "deserialized",
    "get_custom_objects",
    "register_keras_serializable",
    "serialize_keras_object",
    "serialized",
]

T = TypeVar("T")

# Where classes and functions are looked for; loaded when they are needed.
_MODULES = (
    "layers",
    "models",
    "operation",
    "initializers",
    "regularizers",
    "constraints",
    "activations",
    "losses",
    "metrics",
    "optimizers",
    "optimizers.schedules",
)
_RENAMED = {"Functional": "Model"}


def register_keras_serializable(package: str = "Custom", name: str | None = None) -> Any:
    """A decorator: configurations may name this class or function, so that `load_model` finds it.

    Parameters
    ----------
    package : str
        Has no effect on how it is found.
    name : str, optional
        Default: that of the class or function.
    """

    def register(thing: T) -> T:
        key = name or thing.__name__  # type: ignore[attr-defined]
        lookup.custom_objects[key] = lookup.custom_objects[thing.__name__] = thing  # type: ignore[attr-defined]
        return thing

    return register


def get_custom_objects() -> dict[str, Any]:
    """What configurations may name beside Keras's own."""
    return lookup.custom_objects


@contextmanager
def custom_object_scope(objects: dict[str, Any] | None) -> Iterator[None]:
    """Inside the with block configurations may name these classes and functions."""
    before = dict(lookup.custom_objects)
    lookup.custom_objects.update(objects or {})
    try:
        yield
    finally:
        lookup.custom_objects.clear()
        lookup.custom_objects.update(before)


CustomObjectScope = custom_object_scope


def serialized(value: Any) -> Any:
    """A value as JSON can hold it.

    Raises
    ------
    TypeError
        For what has no configuration, such as a function without a known name.
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.dtype):
        return str(value)
    if isinstance(value, list | tuple):
        return [serialized(each) for each in value]
    if isinstance(value, dict):
        return {str(key): serialized(each) for key, each in value.items()}
    if isinstance(value, slice):
        return {"class_name": "__slice__", "config": [value.start, value.stop, value.step]}
    if value is Ellipsis:
        return {"class_name": "__ellipsis__"}
    if isinstance(value, np.ndarray | Tensor):
        array = value._array if isinstance(value, Tensor) else value
        return {"class_name": "__array__", "config": [array.tolist(), str(array.dtype)]}
    if hasattr(value, "get_config"):
        return {
            "class_name": type(value).__name__,
            "module": _module_of(type(value)),
            "config": serialized(value.get_config()),
        }
    name = getattr(value, "__name__", "")
    if name and name != "<lambda>":  # to be found under it again, or named in custom_objects
        return {"class_name": "__function__", "config": name, "module": _module_of(value)}
    raise TypeError(
        f"a file holds no code: {value!r} cannot be saved; give it a name with "
        "keras.saving.register_keras_serializable"
    )


def _module_of(thing: Any) -> str | None:
    """The module of Keras's that has the class or function."""
    name = thing.__name__
    for module in _MODULES:
        if _known(module).get(name) is thing:
            return module
    return None


def _known(module: str) -> dict[str, Any]:
    return vars(importlib.import_module(f"cygnet.keras.{module}"))


def _find(name: str, module: str | None) -> Any:
    """The class or function of a name; None if there is none."""
    if name in lookup.custom_objects:
        return lookup.custom_objects[name]
    if name.startswith("_"):
        return None
    for each in _MODULES if module not in _MODULES else (module,):
        found = _known(each).get(_RENAMED.get(name, name))
        if _is_own(found):
            return found
    return None


def _is_own(found: Any) -> bool:
    """Whether it is a class or function of Cygnet's: files name nothing else of its modules."""
    return callable(found) and str(getattr(found, "__module__", "")).startswith("cygnet.")


def deserialized(value: Any) -> Any:
    """The value that `serialized` told of."""
    if isinstance(value, list):
        return [deserialized(each) for each in value]
    if not isinstance(value, dict):
        return value
    if "class_name" not in value:
        return {key: deserialized(each) for key, each in value.items()}
    name: str = value["class_name"]
    config: Any = value.get("config")
    if name == "__slice__":
        return slice(*config)
    if name == "__ellipsis__":
        return Ellipsis
    if name == "__array__":
        return np.array(config[0], config[1])
    known = config if name == "__function__" else name
    found = _find(known, value.get("module"))
    if found is None:
        own = map(_known, _MODULES)
        names = [*lookup.custom_objects, *(n for each in own for n in each if _is_own(each[n]))]
        near = difflib.get_close_matches(known, names, n=3)
        told = f" (nearest are {', '.join(map(repr, near))})" if near else ""
        raise ValueError(
            f"there is no {known!r}{told}: name it in custom_objects or register it with "
            "keras.saving.register_keras_serializable"
        )
    return found if name == "__function__" else found.from_config(config or {})


def serialize_keras_object(obj: Any) -> Any:
    """An object's configuration, as JSON can hold it."""
    return serialized(obj)


def deserialize_keras_object(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The object that `serialize_keras_object` told of."""
    with custom_object_scope(custom_objects):
        return deserialized(config)
