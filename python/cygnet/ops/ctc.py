"""The loss of sequences whose labels have no places in time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from cygnet import kernels
from cygnet.autograd import record
from cygnet.ops.broadcast import reshape
from cygnet.ops.common import as_tensor, wrap
from cygnet.tensor import Tensor

__all__ = ["ctc_loss"]

Lengths: TypeAlias = Tensor | Sequence[int]


def lengths_of(op: str, name: str, lengths: Lengths) -> Tensor:
    """Lengths as a vector; a 0-d tensor is that of one sample."""
    if isinstance(lengths, Tensor):
        return reshape(lengths, (1,)) if lengths.ndim == 0 else lengths
    if not isinstance(lengths, Sequence) or not all(hasattr(i, "__index__") for i in lengths):
        raise TypeError(f"{op}: argument {name} expected a Tensor or ints, got {lengths!r}")
    try:
        return wrap(np.array(lengths, np.int64))
    except OverflowError:
        raise ValueError(f"{op}: {name} are {lengths}, expected numbers of 64 bits") from None


def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Lengths,
    target_lengths: Lengths,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """Connectionist temporal classification: minus the log-probability of all paths that give a
    target once repetitions are merged and blanks dropped.

    As in PyTorch, the gradient of `log_probs` is that of the scores whose `log_softmax` they must
    be: exp(log_probs) minus the probabilities of the states. Through `log_softmax` it is exact;
    it has no gradient itself.

    Parameters
    ----------
    log_probs : Tensor
        (T, N, C) or, of one sample, (T, C): logarithms of probabilities, float32 or float64.
    targets : Tensor
        Labels, int64 or int32: (N, S), where a row counts up to its length, or one after another
        in one dimension. Each 0 <= label < C and not `blank`, which PyTorch leaves unchecked.
    input_lengths, target_lengths : Tensor or sequence of int
        (N,), or () for one sample: at most T and S.
    blank : int
        The class of no label. Default 0.
    reduction : str
        'mean' (default) divides the loss of each sample by its target's length (an empty one's
        by 1) and takes the mean; 'sum' or 'none'.
    zero_infinity : bool
        Whether the infinite loss of a target that its input is too short for counts as 0. Default
        False. The gradient of such a sample is 0 in either case; PyTorch gives NaN without it.

    Returns
    -------
    Tensor
        The loss, 0-d, or (N,) for 'none'. A sample of length 0 has loss 0 with an empty target; T
        may be 0, too, which PyTorch refuses.

    Raises
    ------
    IndexError
        If a label is out of range.
    ShapeError, DTypeError, ValueError, TypeError

    References
    ----------
    A. Graves et al., "Connectionist temporal classification: labelling unsegmented sequence data
    with recurrent neural networks", ICML 2006, equations (5) to (16).
    """
    op = "ctc_loss"
    log_probs, targets = as_tensor(log_probs, op, "log_probs"), as_tensor(targets, op, "targets")
    if log_probs.ndim == 2:
        one = reshape(log_probs, (log_probs.shape[0], 1, log_probs.shape[1]))
        losses = ctc_loss(
            one, targets, input_lengths, target_lengths, blank, reduction, zero_infinity
        )
        return reshape(losses, ())
    lengths = (
        lengths_of(op, "input_lengths", input_lengths),
        lengths_of(op, "target_lengths", target_lengths),
    )
    y, labels, steps, sizes = (t._array for t in (log_probs, targets, *lengths))
    loss, log_likelihood, alpha = kernels.ctc_loss_forward(
        y, labels, steps, sizes, blank, reduction, zero_infinity
    )

    def backward(grad: Tensor) -> tuple[Tensor]:
        array = kernels.ctc_loss_backward(
            grad._array, y, labels, steps, sizes, log_likelihood, alpha, blank, reduction
        )
        return (wrap(array),)

    saved = (log_probs, targets, *lengths)
    return record(wrap(loss), (log_probs,), backward, op, saved=saved, once=True)
