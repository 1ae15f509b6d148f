"""Random numbers inside of layers."""

from __future__ import annotations

from typing import Any

from cygnet.ops.dropout import dropout
from cygnet.random import Generator, module_cell
from cygnet.tensor import Tensor

__all__ = ["dropout_cell", "dropped", "own_generator"]


def own_generator(layer: Any) -> Generator | None:
    """The generator that a layer's `seed` made or is; None without one."""
    seed = getattr(layer, "seed", None)
    if seed is None or isinstance(seed, Generator):
        return seed
    kept = layer.__dict__.get("_generator")
    if kept is None:
        kept = layer.__dict__["_generator"] = Generator(int(seed))
    own: Generator = kept
    return own


def dropout_cell(layer: Any) -> Any:
    """The random state of a layer: of its `seed`, if there is one, else of its path."""
    own = own_generator(layer)
    return module_cell(layer.path or layer.name) if own is None else own.cell("dropout")


def dropped(layer: Any, x: Tensor, rate: float) -> Tensor:
    """`dropout` with the layer's random state."""
    return dropout(x, rate, cell=dropout_cell(layer))
