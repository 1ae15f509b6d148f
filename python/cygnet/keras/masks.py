"""Masks: which time steps of a tensor count. They go with tensors, beside them."""

from __future__ import annotations

import weakref
from typing import Any

from cygnet.tensor import Tensor

__all__ = ["attach", "exist", "mask_of"]

# By the tensor's id; a tensor that goes takes its mask along.
_masks: dict[int, tuple[weakref.ref[Tensor], Tensor]] = {}


def exist() -> bool:
    """Whether any tensor has a mask: where not, nothing needs to be looked for."""
    return bool(_masks)


def attach(tensor: Tensor, mask: Tensor | None) -> None:
    """Give a tensor (N, T, ...) a mask (N, T) of bools, or take it away."""
    key = id(tensor)
    if mask is None:
        _masks.pop(key, None)
        return
    _masks[key] = (weakref.ref(tensor, lambda _: _masks.pop(key, None)), mask)


def mask_of(value: Any) -> Tensor | None:
    """The mask of a tensor, None where it has none."""
    entry = _masks.get(id(value))
    return entry[1] if entry is not None and entry[0]() is value else None
