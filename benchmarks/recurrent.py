"""The recurrent networks that are timed: an embedding of characters, layers of one kind, and scores
of every step; their weights and data.

With `lengths`, sequences are as long as drawn and padded to the longest possible: frameworks that
can leave the padding out (PackedSequence) do so, the others skip the workload.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from benchmarks.networks import Array, Shape

GATES = {"lstm": 4, "gru": 3, "rnn": 1}
SHORTEST = 8


@dataclass(frozen=True)
class Recurrent:
    """A network trained by Adam (lr 1e-3) on the cross-entropy of every step."""

    cell: str  # "lstm", "gru" or "rnn" (tanh)
    hidden: int
    batch: int
    steps: int
    bidirectional: bool = False
    lengths: bool = False
    layers: int = 2
    vocabulary: int = 65
    embedding: int = 64

    @property
    def directions(self) -> int:
        return 1 + self.bidirectional

    @property
    def plain(self) -> bool:
        """Whether every framework has it."""
        return not (self.lengths or self.bidirectional)

    def inputs(self, layer: int) -> int:
        return self.directions * self.hidden if layer else self.embedding


CELLS = tuple(GATES)
RECURRENT = {
    **{cell: Recurrent(cell, 256, 32, 64) for cell in CELLS},
    **{f"{cell}-lengths": Recurrent(cell, 256, 32, 64, lengths=True) for cell in CELLS},
    **{f"{cell}-small": Recurrent(cell, 64, 16, 100) for cell in ("lstm", "gru")},
    **{f"{cell}-large": Recurrent(cell, 512, 64, 50) for cell in ("lstm", "gru")},
    "bigru": Recurrent("gru", 128, 16, 200, bidirectional=True),
}


def layer_shapes(row: Recurrent, layer: int) -> list[Shape]:
    """Of one direction: weights of input and state, and their biases; gates in PyTorch's order."""
    rows = GATES[row.cell] * row.hidden
    return [(rows, row.inputs(layer)), (rows, row.hidden), (rows,), (rows,)]


def parameter_shapes(row: Recurrent) -> list[Shape]:
    """Embedding, layers (each direction after the other), weight and bias of the scores."""
    layers = [s for k in range(row.layers) for s in layer_shapes(row, k) * row.directions]
    scores = (row.vocabulary, row.directions * row.hidden)
    return [(row.vocabulary, row.embedding), *layers, scores, scores[:1]]


def weights_of(row: Recurrent) -> list[Array]:
    generator = np.random.default_rng(1)
    bound = 1 / math.sqrt(row.hidden)
    return [
        generator.uniform(-bound, bound, shape).astype(np.float32)
        for shape in parameter_shapes(row)
    ]


def batch_of(row: Recurrent, batch: int) -> tuple[Array, Array]:
    """Characters and those to be told from them, (steps, batch)."""
    generator = np.random.default_rng(2)
    samples, targets = generator.integers(0, row.vocabulary, (2, row.steps, batch))
    return samples, targets


def lengths_of(row: Recurrent, batch: int) -> Array:
    """How long each sequence is."""
    if row.lengths:
        return np.random.default_rng(3).integers(SHORTEST, row.steps + 1, batch)
    return np.full(batch, row.steps)
