"""What `get`, `serialize` and `deserialize` of every kind of object share."""

from __future__ import annotations

import difflib
import inspect
from typing import Any

__all__ = ["Registry"]


class Registry:
    """The objects of one kind by their names.

    Parameters
    ----------
    kind : str
        For messages: "loss", "optimizer".
    module : str
        Keras's module of them, such as "keras.losses", which serialized objects name.
    ignore_case : bool
        Whether names are found in any spelling of capitals. Default False.
    """

    def __init__(self, kind: str, module: str, ignore_case: bool = False) -> None:
        self.kind = kind
        self.module = module
        self.ignore_case = ignore_case
        self.names: dict[str, Any] = {}

    def add(self, *objects: Any, **aliases: Any) -> None:
        """Makes classes and functions known by their own names, and by others."""
        for name, each in [(each.__name__, each) for each in objects] + list(aliases.items()):
            self.names[self._key(name)] = each

    def _key(self, name: str) -> str:
        return name.lower() if self.ignore_case else name

    def find(self, name: str, custom_objects: dict[str, Any] | None = None) -> Any:
        """The class or function of a name.

        Raises
        ------
        ValueError
            For an unknown name; it suggests the nearest ones.
        """
        if custom_objects and name in custom_objects:
            return custom_objects[name]
        found = self.names.get(self._key(name))
        if found is None:
            near = difflib.get_close_matches(self._key(name), self.names, n=3, cutoff=0.5)
            hint = f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
            raise ValueError(f"unknown {self.kind} {name!r}{hint}")
        return found

    def get(self, identifier: Any) -> Any:
        """The object that a name, a configuration, a class or the object itself stands for.

        Classes are called without arguments; None stays None.

        Raises
        ------
        ValueError
            For an unknown name.
        TypeError
            For what can be none of these.
        """
        if identifier is None:
            return None
        if isinstance(identifier, dict):
            return self.deserialize(identifier)
        if isinstance(identifier, str):
            identifier = self.find(identifier)
        if inspect.isclass(identifier):
            return identifier()
        if not callable(identifier) and not hasattr(identifier, "get_config"):
            raise TypeError(
                f"{self.kind}: expected a name, a configuration, a function or an object, got "
                f"{type(identifier).__name__}"
            )
        return identifier

    def serialize(self, value: Any) -> Any:
        """A description that JSON can hold: of functions their name."""
        if value is None:
            return None
        if not hasattr(value, "get_config"):
            return value.__name__
        return {
            "module": self.module,
            "class_name": type(value).__name__,
            "config": value.get_config(),
            "registered_name": None,
        }

    def deserialize(self, config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
        """The object that `serialize` described; `custom_objects` are classes and functions of
        the user by name.
        """
        if config is None:
            return None
        if isinstance(config, str):
            return self.find(config, custom_objects)
        if "class_name" not in config:
            raise ValueError(
                f"{self.kind}: a configuration expected the keys 'class_name' and 'config', got "
                f"{sorted(config)}"
            )
        found = self.find(config["class_name"], custom_objects)
        return found.from_config(dict(config.get("config") or {}))
