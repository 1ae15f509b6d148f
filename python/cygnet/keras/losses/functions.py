"""The losses of samples, differentiable.

All functions take `y_true` and `y_pred`, Tensors or arrays. The targets are cast to the type of the
predictions; a last axis of size 1 that only one of the two has is added to or taken from the other.
Unlike Keras, which broadcasts, other differences of the shapes are an error.

Where softmax or sigmoid has attached its logits to the predictions, the cross-entropies use these
and clip nothing, as in Keras.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cygnet import ops
from cygnet.dtypes import get_default_dtype
from cygnet.keras.attached import logits
from cygnet.kernels import ShapeError
from cygnet.ops.common import cast
from cygnet.ops.loss import at_least_zero
from cygnet.tensor import FLOATS, Tensor, array_from

EPSILON = 1e-7
_NO_LABEL = -(2**63)  # what no label is


def plain_tensor(value: Any, op: str) -> Tensor:
    return value if isinstance(value, Tensor) else Tensor._wrap(array_from(value, None, op))


def floating_tensor(value: Any, op: str) -> Tensor:
    value = plain_tensor(value, op)
    return value if value.dtype in FLOATS else cast(value, get_default_dtype())


def same_rank(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """The two with a last axis of size 1 that only one has added to the other, if that is a vector,
    or else taken from it.
    """
    if a.ndim == b.ndim + 1 and a.shape[-1] == 1:
        return (a, ops.unsqueeze(b, -1)) if b.ndim == 1 else (ops.squeeze(a, -1), b)
    if b.ndim == a.ndim + 1 and b.shape[-1] == 1:
        return (ops.unsqueeze(a, -1), b) if a.ndim == 1 else (a, ops.squeeze(b, -1))
    return a, b


def pair(op: str, y_true: Any, y_pred: Any) -> tuple[Tensor, Tensor]:
    """Targets and predictions in one floating-point type and one shape."""
    y_pred = floating_tensor(y_pred, op)
    y_true = cast(plain_tensor(y_true, op), y_pred.dtype)
    if y_true.shape != y_pred.shape:
        y_true, y_pred = same_rank(y_true, y_pred)
        if y_true.shape != y_pred.shape:
            raise ShapeError(f"{op}: y_true has shape {y_true.shape}, y_pred has {y_pred.shape}")
    return y_true, y_pred


def _logits(y_pred: Any, from_logits: bool) -> tuple[Any, bool]:
    """The logits behind the predictions, if they are known, and whether there are any."""
    found = logits.of(y_pred) if logits else None
    return (y_pred, from_logits) if found is None else (found, True)


def _clipped(x: Tensor) -> Tensor:
    return ops.clamp(x, EPSILON, 1 - EPSILON)


# Regression


def mean_squared_error(y_true: Any, y_pred: Any) -> Tensor:
    """The mean of (y_true - y_pred)² over the last axis."""
    y_true, y_pred = pair("mean_squared_error", y_true, y_pred)
    return ops.mean(ops.square(ops.sub(y_true, y_pred)), -1)


def mean_absolute_error(y_true: Any, y_pred: Any) -> Tensor:
    """The mean of |y_true - y_pred| over the last axis."""
    y_true, y_pred = pair("mean_absolute_error", y_true, y_pred)
    return ops.mean(ops.abs(ops.sub(y_true, y_pred)), -1)


def mean_absolute_percentage_error(y_true: Any, y_pred: Any) -> Tensor:
    """100 times the mean of |y_true - y_pred| / max(|y_true|, 1e-7) over the last axis."""
    y_true, y_pred = pair("mean_absolute_percentage_error", y_true, y_pred)
    scale = ops.clamp(ops.abs(y_true), EPSILON)
    return ops.mul(ops.mean(ops.abs(ops.div(ops.sub(y_true, y_pred), scale)), -1), 100.0)


def mean_squared_logarithmic_error(y_true: Any, y_pred: Any) -> Tensor:
    """The mean of (log(y_true + 1) - log(y_pred + 1))² over the last axis; values below 1e-7 count
    as that.
    """
    y_true, y_pred = pair("mean_squared_logarithmic_error", y_true, y_pred)
    logarithms = [ops.log(ops.add(ops.clamp(y, EPSILON), 1.0)) for y in (y_pred, y_true)]
    return ops.mean(ops.square(ops.sub(*logarithms)), -1)


def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> Tensor:
    """Minus the cosine of the angle between targets and predictions along an axis: -1 where they
    point the same way, 0 where one is zero.
    """
    y_true, y_pred = pair("cosine_similarity", y_true, y_pred)
    units = [
        ops.mul(y, ops.rsqrt(ops.clamp(ops.sum(ops.square(y), axis, keepdim=True), EPSILON**2)))
        for y in (y_true, y_pred)
    ]
    return ops.neg(ops.sum(ops.mul(*units), axis))


def huber(y_true: Any, y_pred: Any, delta: float = 1.0) -> Tensor:
    """The mean over the last axis of d² / 2 where d = |y_pred - y_true| is at most delta, else of
    delta (d - delta / 2).
    """
    y_true, y_pred = pair("huber", y_true, y_pred)
    return ops.mean(ops.huber_loss(y_pred, y_true, reduction="none", delta=delta), -1)


def log_cosh(y_true: Any, y_pred: Any) -> Tensor:
    """The mean of log(cosh(y_pred - y_true)) over the last axis."""
    y_true, y_pred = pair("log_cosh", y_true, y_pred)
    d = ops.sub(y_pred, y_true)
    return ops.mean(ops.sub(ops.add(d, ops.softplus(ops.mul(d, -2.0))), math.log(2)), -1)


# Margins


def _signs(y_true: Tensor) -> Tensor:
    """Targets 0 and 1 as -1 and 1; if there are others, all as they are."""
    binary = ops.all(ops.eq(ops.mul(y_true, ops.sub(y_true, 1.0)), 0.0))
    return ops.where(binary, ops.sub(ops.mul(y_true, 2.0), 1.0), y_true)


def _hinge(op: str, y_true: Any, y_pred: Any) -> Tensor:
    y_true, y_pred = pair(op, y_true, y_pred)
    return at_least_zero(ops.sub(1.0, ops.mul(_signs(y_true), y_pred)))


def hinge(y_true: Any, y_pred: Any) -> Tensor:
    """The mean of max(1 - y_true y_pred, 0) over the last axis; targets are -1 and 1, or 0 and 1,
    which become these.
    """
    return ops.mean(_hinge("hinge", y_true, y_pred), -1)


def squared_hinge(y_true: Any, y_pred: Any) -> Tensor:
    """The mean of max(1 - y_true y_pred, 0)² over the last axis; targets as in `hinge`."""
    return ops.mean(ops.square(_hinge("squared_hinge", y_true, y_pred)), -1)


def categorical_hinge(y_true: Any, y_pred: Any) -> Tensor:
    """max(negative - positive + 1, 0), where positive is the sum of y_true y_pred over the last
    axis and negative the largest of (1 - y_true) y_pred.
    """
    y_true, y_pred = pair("categorical_hinge", y_true, y_pred)
    positive = ops.sum(ops.mul(y_true, y_pred), -1)
    negative = ops.amax(ops.mul(ops.sub(1.0, y_true), y_pred), -1)
    return at_least_zero(ops.add(ops.sub(negative, positive), 1.0))


# Probabilities


def kl_divergence(y_true: Any, y_pred: Any) -> Tensor:
    """The sum of y_true log(y_true / y_pred) over the last axis, of probabilities clipped to 1e-7
    ... 1.
    """
    y_true, y_pred = (ops.clamp(y, EPSILON, 1) for y in pair("kl_divergence", y_true, y_pred))
    return ops.sum(ops.mul(y_true, ops.log(ops.div(y_true, y_pred))), -1)


def poisson(y_true: Any, y_pred: Any) -> Tensor:
    """The mean of y_pred - y_true log(y_pred + 1e-7) over the last axis."""
    y_true, y_pred = pair("poisson", y_true, y_pred)
    return ops.mean(ops.poisson_nll_loss(y_pred, y_true, False, eps=EPSILON, reduction="none"), -1)


def _smoothed(y_true: Tensor, label_smoothing: float, classes: int) -> Tensor:
    if not label_smoothing:
        return y_true
    return ops.add(ops.mul(y_true, 1 - label_smoothing), label_smoothing / classes)


def _binary(
    op: str, y_true: Any, y_pred: Any, from_logits: bool, label_smoothing: float, reduction: str
) -> Tensor:
    y_pred, from_logits = _logits(y_pred, from_logits)
    y_true, y_pred = pair(op, y_true, y_pred)
    y_true = _smoothed(y_true, label_smoothing, 2)
    if from_logits:
        return ops.binary_cross_entropy_with_logits(y_pred, y_true, reduction=reduction)
    return ops.binary_cross_entropy(_clipped(y_pred), y_true, reduction=reduction)


def binary_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """The mean over an axis of -(y_true log(y_pred) + (1 - y_true) log(1 - y_pred)).

    Parameters
    ----------
    y_true, y_pred : Tensor or array_like
        Targets 0 to 1; probabilities, which are clipped to 1e-7 ... 1 - 1e-7, or logits.
    from_logits : bool
        Whether `y_pred` are logits. Default False.
    label_smoothing : float
        Moves targets by this share towards 0.5. Default 0.
    axis : int
        Default -1.
    """
    op = "binary_crossentropy"
    return ops.mean(_binary(op, y_true, y_pred, from_logits, label_smoothing, "none"), axis)


def binary_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """`binary_crossentropy` times (1 - p)^gamma, where p is the probability of the target.

    Parameters
    ----------
    y_true, y_pred, from_logits, label_smoothing, axis
        As in `binary_crossentropy`.
    apply_class_balancing : bool
        Whether targets 1 count alpha and targets 0 1 - alpha. Default False.
    alpha, gamma : float
        Defaults 0.25 and 2.

    References
    ----------
    T.-Y. Lin et al., "Focal loss for dense object detection", ICCV 2017.
    """
    y_true, y_pred = pair("binary_focal_crossentropy", y_true, y_pred)
    y_true = _smoothed(y_true, label_smoothing, 2)
    if from_logits:
        y_pred = ops.sigmoid(y_pred)
    losses = ops.binary_cross_entropy(_clipped(y_pred), y_true, reduction="none")
    other = ops.sub(1.0, y_true)
    of_target = ops.add(ops.mul(y_true, y_pred), ops.mul(other, ops.sub(1.0, y_pred)))
    losses = ops.mul(ops.pow(ops.sub(1.0, of_target), gamma), losses)
    if apply_class_balancing:
        losses = ops.mul(ops.add(ops.mul(y_true, alpha), ops.mul(other, 1 - alpha)), losses)
    return ops.mean(losses, axis)


def _one_hot_pair(
    op: str, y_true: Any, y_pred: Any, label_smoothing: float, axis: int
) -> tuple[Tensor, Tensor]:
    y_pred = floating_tensor(y_pred, op)
    y_true = cast(plain_tensor(y_true, op), y_pred.dtype)
    if y_true.shape != y_pred.shape:
        raise ShapeError(
            f"{op}: y_true has shape {y_true.shape}, y_pred has {y_pred.shape}; for labels instead "
            f"of one-hot targets there is sparse_{op}"
        )
    if isinstance(axis, bool):
        raise TypeError(f"{op}: argument axis expected an int, got {axis}")
    return _smoothed(y_true, label_smoothing, y_true.shape[-1]), y_pred


def _share(y_pred: Tensor, axis: int) -> Tensor:
    """Scores divided by their sum over an axis, clipped."""
    return _clipped(ops.div(y_pred, ops.sum(y_pred, axis, keepdim=True)))


def categorical_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """-y_true log(y_pred), summed over the axis of the classes.

    Parameters
    ----------
    y_true, y_pred : Tensor or array_like
        One-hot targets or probabilities; scores, which are divided by their sum and clipped to 1e-7
        ... 1 - 1e-7, or logits.
    from_logits : bool
        Whether `y_pred` are logits. Default False.
    label_smoothing : float
        The share of the target that is spread over all classes. Default 0.
    axis : int
        That of the classes. Default -1.
    """
    products = _categorical_products(y_true, y_pred, from_logits, label_smoothing, axis)
    return ops.neg(ops.sum(products, axis))


def _categorical_products(
    y_true: Any, y_pred: Any, from_logits: bool, label_smoothing: float, axis: int
) -> Tensor:
    y_pred, from_logits = _logits(y_pred, from_logits)
    y_true, y_pred = _one_hot_pair(
        "categorical_crossentropy", y_true, y_pred, label_smoothing, axis
    )
    logarithms = ops.log_softmax(y_pred, axis) if from_logits else ops.log(_share(y_pred, axis))
    return ops.mul(y_true, logarithms)


def categorical_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    alpha: float | Sequence[float] = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """-alpha (1 - p)^gamma y_true log(p), summed over the axis of the classes; other arguments as
    in `categorical_crossentropy`.

    References
    ----------
    T.-Y. Lin et al., "Focal loss for dense object detection", ICCV 2017.
    """
    y_true, y_pred = _one_hot_pair(
        "categorical_focal_crossentropy", y_true, y_pred, label_smoothing, axis
    )
    factor: Any = alpha
    if not isinstance(alpha, int | float):  # one for each class
        factor = Tensor._wrap(np.asarray(alpha, y_pred.dtype))
    if from_logits:
        y_pred = ops.softmax(y_pred, axis)
    p = _share(y_pred, axis)
    weight = ops.mul(ops.pow(ops.sub(1.0, p), gamma), factor)
    return ops.neg(ops.sum(ops.mul(weight, ops.mul(y_true, ops.log(p))), axis))


def categorical_generalized_cross_entropy(y_true: Any, y_pred: Any, q: float) -> Tensor:
    """(1 - p^q) / q, where p is the probability in `y_pred` of the label in `y_true`.

    References
    ----------
    Z. Zhang, M. Sabuncu, "Generalized cross entropy loss for training deep neural networks with
    noisy labels", NeurIPS 2018.
    """
    op = "categorical_generalized_cross_entropy"
    labels, rows, shape = _label_rows(op, y_true, floating_tensor(y_pred, op))
    p = ops.neg(ops.nll_loss(rows, labels, reduction="none"))
    return ops.reshape(ops.div(ops.sub(1.0, ops.pow(p, q)), q), shape)


def _label_rows(op: str, y_true: Any, y_pred: Tensor) -> tuple[Tensor, Tensor, tuple[int, ...]]:
    """Labels as a vector, the scores of each as a row, and the shape that losses have."""
    labels = plain_tensor(y_true, op)
    shape = y_pred.shape[:-1]
    if labels.shape != shape and labels.shape != (*shape, 1):
        hint = (
            f"; for one-hot targets there is {op.removeprefix('sparse_')}"
            if labels.shape == y_pred.shape
            else ""
        )
        raise ShapeError(
            f"{op}: y_true has shape {labels.shape}, y_pred has {y_pred.shape}, whose labels have "
            f"{shape} or {(*shape, 1)}{hint}"
        )
    if labels.dtype not in (np.int64, np.int32):
        labels = cast(labels, np.dtype(np.int64))
    if labels.ndim != 1:
        labels = ops.reshape(labels, (-1,))
    return (
        labels,
        y_pred if y_pred.ndim == 2 else ops.reshape(y_pred, (-1, y_pred.shape[-1])),
        shape,
    )


def _sparse(
    y_true: Any,
    y_pred: Any,
    from_logits: bool,
    ignore_class: int | None,
    axis: int,
    reduction: str,
) -> tuple[Tensor, tuple[int, ...]]:
    op = "sparse_categorical_crossentropy"
    y_pred, from_logits = _logits(y_pred, from_logits)
    y_pred = floating_tensor(y_pred, op)
    if axis not in (-1, y_pred.ndim - 1):
        raise ValueError(f"{op}: argument axis expected -1, got {axis}")
    labels, rows, shape = _label_rows(op, y_true, y_pred)
    if not from_logits:  # cross_entropy divides by the sum, as Keras does
        rows = ops.log(_clipped(rows))
    ignored = _NO_LABEL if ignore_class is None else ignore_class
    try:
        return ops.cross_entropy(rows, labels, ignore_index=ignored, reduction=reduction), shape
    except IndexError as error:
        raise IndexError(f"{op}: {str(error).removeprefix('cross_entropy: ')}") from None


def sparse_categorical_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    ignore_class: int | None = None,
    axis: int = -1,
) -> Tensor:
    """-log of the share of the label's score.

    Parameters
    ----------
    y_true : Tensor or array_like
        Labels of any type of number, 0 <= label < C, shape (...) or (..., 1).
    y_pred : Tensor or array_like
        (..., C): probabilities, which are clipped to 1e-7 ... 1 - 1e-7 and divided by their sum,
        or logits.
    from_logits : bool
        Whether `y_pred` are logits. Default False.
    ignore_class : int, optional
        A label whose loss is 0 and which a mean does not count.
    axis : int
        That of the classes, which must be the last. Default -1.

    Raises
    ------
    IndexError
        If a label is not a class.
    """
    losses, shape = _sparse(y_true, y_pred, from_logits, ignore_class, axis, "none")
    return losses if losses.shape == shape else ops.reshape(losses, shape)


def labels_other_than(ignored: int, y_true: Any, shape: tuple[int, ...]) -> Tensor:
    """Which labels differ from one, as bools of a shape."""
    return ops.reshape(ops.ne(plain_tensor(y_true, "ignore_class"), ignored), shape)


# Sequences and regions


def ctc(y_true: Any, y_pred: Any) -> Tensor:
    """Connectionist temporal classification of logits (N, T, C) against labels (N, L), in which 0
    is the blank and fills what follows the last label.
    """
    y_pred = floating_tensor(y_pred, "ctc")
    labels = cast(plain_tensor(y_true, "ctc"), np.dtype(np.int64))
    if labels.ndim != 2 or y_pred.ndim != 3 or len(labels) != len(y_pred):
        raise ShapeError(
            f"ctc: expected y_true (N, L) and y_pred (N, T, C), got {labels.shape} and "
            f"{y_pred.shape}"
        )
    batch, steps = y_pred.shape[:2]
    logarithms = ops.log_softmax(ops.transpose(y_pred, 0, 1), -1)
    lengths = ops.sum(ops.ne(labels, 0), 1)
    return ops.ctc_loss(logarithms, labels, [steps] * batch, lengths, reduction="none")


def dice(y_true: Any, y_pred: Any, axis: Any = None) -> Tensor:
    """1 - 2 sum(y_true y_pred) / (sum(y_true) + sum(y_pred) + 1e-7), summed over the axes, by
    default all.
    """
    y_true, y_pred = pair("dice", y_true, y_pred)
    both = ops.add(ops.add(ops.sum(y_true, axis), ops.sum(y_pred, axis)), EPSILON)
    return ops.sub(1.0, ops.div(ops.mul(ops.sum(ops.mul(y_true, y_pred), axis), 2.0), both))


def tversky(
    y_true: Any, y_pred: Any, alpha: float = 0.5, beta: float = 0.5, axis: Any = None
) -> Tensor:
    """1 - common / (common + alpha missed + beta extra + 1e-7), summed over the axes, by default
    all: common is the sum of y_true y_pred, missed that of y_true (1 - y_pred), extra that of
    (1 - y_true) y_pred.

    References
    ----------
    S. Salehi et al., "Tversky loss function for image segmentation", MLMI 2017.
    """
    y_true, y_pred = pair("tversky", y_true, y_pred)
    common = ops.sum(ops.mul(y_true, y_pred), axis)
    missed = ops.sum(ops.mul(y_true, ops.sub(1.0, y_pred)), axis)
    extra = ops.sum(ops.mul(ops.sub(1.0, y_true), y_pred), axis)
    whole = ops.add(ops.add(common, ops.mul(missed, alpha)), ops.mul(extra, beta))
    return ops.sub(1.0, ops.div(common, ops.add(whole, EPSILON)))


# Where a mean over all losses needs fewer ops than the losses and their mean.


def _mean_of_squared_error(y_true: Any, y_pred: Any) -> Tensor:
    y_true, y_pred = pair("mean_squared_error", y_true, y_pred)
    return ops.mse_loss(y_pred, y_true)


def _mean_of_binary(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    return _binary("binary_crossentropy", y_true, y_pred, from_logits, label_smoothing, "mean")


def _mean_of_categorical(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor | None:
    products = _categorical_products(y_true, y_pred, from_logits, label_smoothing, axis)
    losses = products.numel() // products.shape[axis] if products.numel() else 0
    return ops.div(ops.sum(products), -losses) if losses else None


def _mean_of_sparse(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    ignore_class: int | None = None,
    axis: int = -1,
) -> Tensor | None:
    if ignore_class is not None:
        return None
    return _sparse(y_true, y_pred, from_logits, None, axis, "mean")[0]


MEANS: dict[Callable[..., Tensor], Callable[..., Tensor | None]] = {
    binary_crossentropy: _mean_of_binary,
    categorical_crossentropy: _mean_of_categorical,
    mean_squared_error: _mean_of_squared_error,
    sparse_categorical_crossentropy: _mean_of_sparse,
}
"""The mean of a function's losses in fewer ops; None where there is no shorter way."""
