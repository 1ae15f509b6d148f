"""Nested tuples, lists and dicts of values."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

__all__ = ["flatten", "map_structure", "pack"]


def flatten(structure: Any) -> list[Any]:
    """The leaves in order; those of a dict in the order of its sorted keys."""
    if isinstance(structure, tuple | list):
        return [leaf for part in structure for leaf in flatten(part)]
    if isinstance(structure, dict):
        return [leaf for key in sorted(structure) for leaf in flatten(structure[key])]
    return [structure]


def map_structure(function: Callable[[Any], Any], structure: Any) -> Any:
    """The same structure with `function` of each leaf, called in the order of `flatten`."""
    if isinstance(structure, tuple | list):
        parts = [map_structure(function, part) for part in structure]
        if hasattr(structure, "_fields"):  # a named tuple
            return type(structure)(*parts)
        return tuple(parts) if isinstance(structure, tuple) else parts
    if isinstance(structure, dict):
        mapped = {key: map_structure(function, structure[key]) for key in sorted(structure)}
        return {key: mapped[key] for key in structure}
    return function(structure)


def pack(structure: Any, leaves: Iterator[Any]) -> Any:
    """The same structure with other leaves, in the order of `flatten`."""
    return map_structure(lambda _: next(leaves), structure)
