"""Objects by their names: what `get`, `serialize` and `deserialize` of each module do."""

from __future__ import annotations

import difflib
import inspect
import re
from collections.abc import Mapping
from typing import Any, Self

__all__ = ["Configurable", "Registry", "custom_objects", "snake_case"]

custom_objects: dict[str, Any] = {}  # what users registered; found before everything else


def snake_case(name: str) -> str:
    """The name with small letters and underscores: "HeNormal" gives "he_normal"."""
    words = re.sub(r"(.)([A-Z][a-z0-9]+)", r"\1_\2", re.sub(r"\W+", "", name))
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", words).lower()


class Configurable:
    """Base of objects whose attributes have the names of their constructor's arguments."""

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, as JSON can hold them."""
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """The object that `get_config` told of."""
        return cls(**config)

    def __repr__(self) -> str:
        arguments = ", ".join(f"{name}={value!r}" for name, value in self.get_config().items())
        return f"{type(self).__name__}({arguments})"


class Registry:
    """The objects of a module, by name.

    Parameters
    ----------
    module : str
        Its name below `keras`, as errors and configurations have it: "initializers".
    objects : mapping
        Classes and functions by name. Classes are also found by their names in `snake_case`.
    aliases : mapping, optional
        Further names.
    default : object
        What None stands for. Default None.
    """

    def __init__(
        self,
        module: str,
        objects: Mapping[str, Any],
        aliases: Mapping[str, Any] | None = None,
        default: Any = None,
    ) -> None:
        self._module = module
        self._default = default
        self._names = {value: name for name, value in objects.items()}
        classes = {snake_case(n): v for n, v in objects.items() if inspect.isclass(v)}
        self._objects = {**classes, **objects, **(aliases or {})}

    def get(self, identifier: Any) -> Any:
        """The object that a name, a configuration, a class or the object itself stands for.

        Raises
        ------
        ValueError
            If there is none of that name; the nearest names are told.
        """
        if identifier is None:
            return self._default
        if isinstance(identifier, dict):
            return self.deserialize(identifier)
        found = self.find(identifier) if isinstance(identifier, str) else identifier
        if not callable(found):
            raise ValueError(
                f"{self._module}.get: identifier expected None, a name, a configuration or a "
                f"callable, got {identifier!r}"
            )
        return found() if inspect.isclass(found) else found

    def find(self, name: str, custom: Mapping[str, Any] | None = None) -> Any:
        """The class or function of that name; ValueError if there is none."""
        for objects in (custom or {}, custom_objects, self._objects):
            if name in objects:
                return objects[name]
        near = difflib.get_close_matches(name, self._objects, cutoff=0.5)
        told = f"; nearest are {', '.join(map(repr, near))}" if near else ""
        raise ValueError(f"{self._module}: there is no {name!r}{told}")

    def serialize(self, value: Any) -> Any:
        """A name, for functions, or a configuration, as JSON can hold them; None of None."""
        if value is None:
            return None
        if not hasattr(value, "get_config") or inspect.isclass(value):
            return self._names.get(value, getattr(value, "__name__", type(value).__name__))
        cls = type(value)
        ours = cls in self._names
        return {
            "module": f"keras.{self._module}" if ours else cls.__module__,
            "class_name": self._names.get(cls, cls.__name__),
            "config": value.get_config(),
            "registered_name": None if ours else cls.__name__,
        }

    def deserialize(self, config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
        """The object that `serialize` told of.

        Parameters
        ----------
        config : str, dict or None
        custom_objects : mapping, optional
            Further classes and functions by name.
        """
        if not isinstance(config, dict):
            found = self.find(config, custom_objects) if isinstance(config, str) else config
            return self.get(found)
        if "class_name" not in config:
            raise ValueError(
                f"{self._module}.deserialize: argument config expected the key 'class_name', "
                f"got {sorted(config)}"
            )
        cls = self.find(config["class_name"], custom_objects)
        return cls.from_config(config.get("config") or {})
