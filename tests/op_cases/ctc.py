"""Connectionist temporal classification."""

from __future__ import annotations

from typing import Any

import numpy as np

from cygnet import Tensor
from tests.op_cases.case import Case, case, labels, op, s, x
from tests.op_cases.losses import REDUCTIONS
from tests.op_cases.reductions import log_softmax

COMPOSED = (
    "the gradient of log_probs is, as PyTorch's, that of the scores whose log_softmax they are: "
    "rows pass through log_softmax; PyTorch has no second derivative either"
)


def around(targets: Any, blank: int) -> Any:
    """Numbers below C - 1 as labels that are not the blank."""
    return targets + (targets >= blank)


def log_likelihood(y: np.ndarray, target: np.ndarray, blank: int) -> np.floating[Any]:
    """By the sum over all states of the product of transition and emission probabilities."""
    states = np.full(2 * len(target) + 1, blank)
    states[1::2] = target
    steps = np.tri(len(states)).T - np.triu(np.ones((len(states),) * 2), 3)
    for k in range(2, len(states)):
        steps[k - 2, k] = states[k] not in (blank, states[k - 2])
    reached = np.zeros(len(states))
    reached[:1] = 1.0
    scale = 0.0
    for t, row in enumerate(y):
        reached = (reached @ steps if t else np.arange(len(states)) < 2) * np.exp(row[states])
        scale += np.log(reached.sum())
        reached = reached / reached.sum()
    return scale + np.log(reached[-2:].sum())


def ctc_loss(
    scores: np.ndarray, targets: np.ndarray, input_lengths: tuple[int, ...], target_lengths: tuple[int, ...],
    blank: int = 0, reduction: str = "mean",
) -> Any:  # fmt: skip
    y, targets = log_softmax(scores, -1), around(targets, blank)
    if y.ndim == 2:
        y, targets = y[:, None], targets[None]
    ends = np.cumsum(target_lengths)
    losses = np.array(
        [
            -log_likelihood(
                y[: input_lengths[n], n],
                targets[n, :length] if targets.ndim == 2 else targets[ends[n] - length : ends[n]],
                blank,
            )
            for n, length in enumerate(target_lengths)
        ]
    )
    if reduction == "mean":
        return (losses / np.maximum(1, target_lengths)).mean()
    losses = losses if scores.ndim == 3 else losses[0]
    return losses if reduction == "none" else losses.sum()


SAMPLES = [
    s(x(*shape), labels(*targets, below=shape[-1] - 1), input_lengths=inputs, target_lengths=lengths,
      **({"blank": blank} if blank else {}), **reduction)
    for (shape, targets, inputs, lengths, blank), reductions in (
        (((9, 3, 5), (3, 4), (9, 8, 9), (4, 0, 3), 0), REDUCTIONS),
        (((9, 3, 5), (7,), (9, 8, 7), (4, 0, 3), 2), REDUCTIONS),
        (((9, 5), (4,), (9,), (4,), 4), REDUCTIONS),
        (((50, 2, 3), (2, 22), (50, 47), (15, 22), 1), REDUCTIONS[1:2]),
        (((3, 1, 40), (1, 2), (3,), (2,), 39), REDUCTIONS[:1]),
        (((70, 1, 2), (1, 33), (70,), (33,), 0), REDUCTIONS[:1]),
    )
    for reduction in reductions
]  # fmt: skip


def of_scores(
    scores: Tensor, targets: Tensor, input_lengths: Any, target_lengths: Any, blank: int = 0, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    logarithms = op("log_softmax")(scores, -1)
    return op("ctc_loss")(
        logarithms, around(targets, blank), input_lengths, target_lengths, blank=blank, reduction=reduction
    )  # fmt: skip


CASES: list[Case] = [
    case("ctc_loss", ctc_loss, SAMPLES, of_scores, second=False, reason=COMPOSED),
]
