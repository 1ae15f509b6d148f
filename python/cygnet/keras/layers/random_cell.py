"""Dropout inside of layers."""

from __future__ import annotations

from typing import Any

from cygnet.ops.dropout import dropout
from cygnet.random import Generator, module_cell
from cygnet.tensor import Tensor

__all__ = ["dropout_cell", "dropped"]


def dropout_cell(layer: Any) -> Any:
    """The random state of a layer: of its `seed`, if there is one, else of its path."""
    seed = layer.seed
    if seed is None:
        return module_cell(layer.path or layer.name)
    if not isinstance(seed, Generator):
        seed = layer.__dict__.setdefault("_generator", Generator(int(seed)))
    return seed.cell("dropout")


def dropped(layer: Any, x: Tensor, rate: float) -> Tensor:
    """`dropout` with the layer's random state."""
    return dropout(x, rate, cell=dropout_cell(layer))
