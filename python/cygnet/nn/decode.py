"""From the log-probabilities of connectionist temporal classification to labels.

``from cygnet.nn.decode import ctc_beam_search, ctc_greedy_search``; PyTorch has no such functions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from cygnet import kernels
from cygnet.ops.common import as_tensor
from cygnet.ops.ctc import lengths_of
from cygnet.tensor import Array, Tensor

__all__ = ["Labelling", "ctc_beam_search", "ctc_greedy_search"]


class Labelling(NamedTuple):
    """Labels without blanks, and the logarithm of their probability."""

    labels: list[int]
    score: float


def _arguments(
    op: str, log_probs: Tensor, input_lengths: Tensor | Sequence[int] | None
) -> tuple[Array, Array]:
    log_probs = as_tensor(log_probs, op, "log_probs").detach()
    if log_probs.ndim != 3:
        raise kernels.ShapeError(f"{op}: log_probs has shape {log_probs.shape}, expected (T, N, C)")
    steps, samples = log_probs.shape[:2]
    if input_lengths is None:
        input_lengths = [steps] * samples
    return log_probs.numpy(), lengths_of(op, "input_lengths", input_lengths).numpy()


def ctc_greedy_search(
    log_probs: Tensor, input_lengths: Tensor | Sequence[int] | None = None, blank: int = 0
) -> list[Labelling]:
    """The labels of the most probable path of each sample: repetitions merged, blanks dropped.

    Parameters
    ----------
    log_probs : Tensor
        (T, N, C), float32 or float64.
    input_lengths : Tensor or sequence of int, optional
        (N,), each at most T. Default: all T.
    blank : int
        The class of no label. Default 0.

    Returns
    -------
    list of Labelling
        One a sample; its score is that of the path alone.

    Raises
    ------
    ShapeError, DTypeError, ValueError

    References
    ----------
    A. Graves et al., "Connectionist temporal classification", ICML 2006, section 3.2.
    """
    op = "ctc_greedy_search"
    y, lengths = _arguments(op, log_probs, input_lengths)
    steps, samples, classes = y.shape
    if not 0 <= blank < classes:
        raise ValueError(f"{op}: blank is {blank}, expected 0 <= blank < {classes}")
    if lengths.shape != (samples,) or not all(0 <= length <= steps for length in lengths):
        raise ValueError(f"{op}: input_lengths is {lengths}, expected {samples} of 0 to {steps}")
    found = []
    for n, length in enumerate(lengths):
        path = y[:length, n].argmax(1)
        first = np.diff(path, prepend=blank) != 0
        score = float(y[:length, n].max(1).sum(dtype=np.float64))
        found.append(Labelling(path[first & (path != blank)].tolist(), score))
    return found


def ctc_beam_search(
    log_probs: Tensor,
    input_lengths: Tensor | Sequence[int] | None = None,
    blank: int = 0,
    beam_width: int = 16,
) -> list[list[Labelling]]:
    """The labellings of each sample that are most probable over all their paths.

    Parameters
    ----------
    log_probs : Tensor
        (T, N, C), float32 or float64.
    input_lengths : Tensor or sequence of int, optional
        (N,), each at most T. Default: all T.
    blank : int
        The class of no label. Default 0.
    beam_width : int
        How many prefixes are kept after each step. Default 16.

    Returns
    -------
    list of list of Labelling
        Of each sample up to `beam_width` labellings, the best one first. Scores count the paths
        that stayed in the beam.

    Raises
    ------
    ShapeError, DTypeError, ValueError

    References
    ----------
    A. Hannun et al., "First-pass large vocabulary continuous speech recognition using
    bi-directional recurrent DNNs", 2014, algorithm 1, without a language model.
    """
    arguments = _arguments("ctc_beam_search", log_probs, input_lengths)
    labels, lengths, scores = kernels.ctc_beam_search(*arguments, blank, beam_width)
    return [
        [
            Labelling(row[:length].tolist(), float(score))
            for row, length, score in zip(*sample, strict=True)
            if length >= 0
        ]
        for sample in zip(labels, lengths, scores, strict=True)
    ]
