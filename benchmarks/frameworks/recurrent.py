"""Recurrent networks in what Cygnet and PyTorch write alike; `torch` is either package."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.frameworks import Workload
from benchmarks.frameworks.shared import Plan, inferring, stepping
from benchmarks.recurrent import Recurrent, batch_of, lengths_of, weights_of


def model_of(row: Recurrent, torch: Any) -> Any:
    nn = torch.nn

    class Characters(nn.Module):  # type: ignore[misc, name-defined]
        """Scores (steps, batch, vocabulary), or of a packed sequence a row a step."""

        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(row.vocabulary, row.embedding)
            layers = getattr(nn, row.cell.upper())
            self.layers = layers(
                row.embedding, row.hidden, row.layers, bidirectional=row.bidirectional
            )
            self.scores = nn.Linear(row.directions * row.hidden, row.vocabulary)

        def forward(self, input: Any, lengths: Any = None) -> Any:
            sequence = self.embedding(input)
            if lengths is not None:
                sequence = nn.utils.rnn.pack_padded_sequence(
                    sequence, lengths, enforce_sorted=False
                )
            output = self.layers(sequence)[0]
            return self.scores(output if lengths is None else output.data)

    model = Characters()
    with torch.no_grad():
        for parameter, values in zip(model.parameters(), weights_of(row), strict=True):
            parameter.detach().numpy()[...] = values
    return model


def train(row: Recurrent, torch: Any, batch: int, plan: Plan | None, **fused: bool) -> Workload:
    model = model_of(row, torch)
    samples, targets = (torch.tensor(a) for a in batch_of(row, batch))
    lengths = None
    if row.lengths:
        lengths = torch.tensor(lengths_of(row, batch))
        targets = torch.nn.utils.rnn.pack_padded_sequence(targets, lengths, enforce_sorted=False)
        targets = targets.data
    targets = targets.flatten()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, **fused)

    def step(samples: Any, targets: Any) -> Any:
        optimizer.zero_grad()
        scores = model(samples, lengths)
        loss = torch.nn.functional.cross_entropy(scores.reshape(-1, row.vocabulary), targets)
        loss.backward()
        optimizer.step()
        return loss

    return stepping(step, (samples, targets), plan)


def ctc_step(torch: Any, scores: Any, labels: Any) -> Callable[[], Any]:
    """Loss and gradient of log-probabilities; the blank is 0, lengths rise to all labels."""
    scores = torch.log_softmax(scores, -1).requires_grad_()
    labels, (steps, batch, _) = labels.clamp(min=1), scores.shape
    lengths = torch.tensor(np.linspace(labels.shape[1] // 2, labels.shape[1], batch).astype(int))
    inputs = torch.full((batch,), steps, dtype=torch.int64)

    def run() -> Any:
        scores.grad = None
        with torch.enable_grad():
            loss = torch.nn.functional.ctc_loss(scores, labels, inputs, lengths)
            loss.backward()
        return [loss, scores.grad]

    return run


def lstm_cell(torch: Any, input: Any, state: Any, cell: Any, *weights: Any) -> Callable[[], Any]:
    """A step of the module."""
    layer = torch.nn.LSTMCell(input.shape[1], state.shape[1], dtype=input.dtype)
    for parameter, values in zip(layer.parameters(), weights, strict=True):
        parameter.copy_(values)
    return lambda: layer(input, (state, cell))


def build(
    kind: str, row: Recurrent, torch: Any, batch: int, plan: Plan | None = None, **fused: bool
) -> Workload:
    """The workload of that kind; `fused` chooses the optimizer's implementation."""
    if kind == "train":
        return train(row, torch, batch, plan, **fused)
    samples = torch.tensor(batch_of(row, batch)[0])
    return inferring(torch, model_of(row, torch), samples, plan)
