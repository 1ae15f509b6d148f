"""Losses by Keras's names: functions, which give one number a sample, and classes, which reduce
these.

All functions take `y_true` and `y_pred`, Tensors or arrays. The targets are cast to the type of the
predictions; a last axis of size 1 that only one of the two has is added to or taken from the other.
Unlike Keras, which broadcasts, other differences of the shapes are an error.

Where an activation has left its logits at the predictions (the attribute `_keras_logits`, set by
softmax and sigmoid), the cross-entropies use these and clip nothing, as in Keras.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any, ClassVar, TypeAlias

import numpy as np

from cygnet import ops
from cygnet.dtypes import NAMES, get_default_dtype
from cygnet.kernels import ShapeError
from cygnet.keras.registry import Registry
from cygnet.ops.common import cast
from cygnet.ops.loss import at_least_zero
from cygnet.tensor import FLOATS, Tensor, array_from

LossFunction: TypeAlias = Callable[..., Tensor]

EPSILON = 1e-7
_MEANS = ("sum_over_batch_size", "mean", "mean_with_sample_weight")
_NO_LABEL = -(2**63)  # what no label is


def _tensor(value: Any, op: str) -> Tensor:
    return value if isinstance(value, Tensor) else Tensor._wrap(array_from(value, None, op))


def _floating(value: Any, op: str) -> Tensor:
    value = _tensor(value, op)
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


def _pair(op: str, y_true: Any, y_pred: Any) -> tuple[Tensor, Tensor]:
    """Targets and predictions in one floating-point type and one shape."""
    y_pred = _floating(y_pred, op)
    y_true = cast(_tensor(y_true, op), y_pred.dtype)
    if y_true.shape != y_pred.shape:
        y_true, y_pred = same_rank(y_true, y_pred)
        if y_true.shape != y_pred.shape:
            raise ShapeError(f"{op}: y_true has shape {y_true.shape}, y_pred has {y_pred.shape}")
    return y_true, y_pred


def _logits(y_pred: Any, from_logits: bool) -> tuple[Any, bool]:
    """The logits behind the predictions, if they are known, and whether there are any."""
    logits = getattr(y_pred, "_keras_logits", None)
    return (y_pred, from_logits) if logits is None else (logits, True)


def _clipped(x: Tensor) -> Tensor:
    return ops.clamp(x, EPSILON, 1 - EPSILON)


# Regression


def mean_squared_error(y_true: Any, y_pred: Any) -> Tensor:
    """The mean of (y_true - y_pred)² over the last axis."""
    y_true, y_pred = _pair("mean_squared_error", y_true, y_pred)
    return ops.mean(ops.square(ops.sub(y_true, y_pred)), -1)


def mean_absolute_error(y_true: Any, y_pred: Any) -> Tensor:
    """The mean of |y_true - y_pred| over the last axis."""
    y_true, y_pred = _pair("mean_absolute_error", y_true, y_pred)
    return ops.mean(ops.abs(ops.sub(y_true, y_pred)), -1)


def mean_absolute_percentage_error(y_true: Any, y_pred: Any) -> Tensor:
    """100 times the mean of |y_true - y_pred| / max(|y_true|, 1e-7) over the last axis."""
    y_true, y_pred = _pair("mean_absolute_percentage_error", y_true, y_pred)
    scale = ops.clamp(ops.abs(y_true), EPSILON)
    return ops.mul(ops.mean(ops.abs(ops.div(ops.sub(y_true, y_pred), scale)), -1), 100.0)


def mean_squared_logarithmic_error(y_true: Any, y_pred: Any) -> Tensor:
    """The mean of (log(y_true + 1) - log(y_pred + 1))² over the last axis; values below 1e-7 count
    as that.
    """
    y_true, y_pred = _pair("mean_squared_logarithmic_error", y_true, y_pred)
    logarithms = [ops.log(ops.add(ops.clamp(y, EPSILON), 1.0)) for y in (y_pred, y_true)]
    return ops.mean(ops.square(ops.sub(*logarithms)), -1)


def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> Tensor:
    """Minus the cosine of the angle between targets and predictions along an axis: -1 where they
    point the same way, 0 where one is zero.
    """
    y_true, y_pred = _pair("cosine_similarity", y_true, y_pred)
    units = [
        ops.mul(y, ops.rsqrt(ops.clamp(ops.sum(ops.square(y), axis, keepdim=True), EPSILON**2)))
        for y in (y_true, y_pred)
    ]
    return ops.neg(ops.sum(ops.mul(*units), axis))


def huber(y_true: Any, y_pred: Any, delta: float = 1.0) -> Tensor:
    """The mean over the last axis of d² / 2 where d = |y_pred - y_true| is at most delta, else of
    delta (d - delta / 2).
    """
    y_true, y_pred = _pair("huber", y_true, y_pred)
    return ops.mean(ops.huber_loss(y_pred, y_true, reduction="none", delta=delta), -1)


def log_cosh(y_true: Any, y_pred: Any) -> Tensor:
    """The mean of log(cosh(y_pred - y_true)) over the last axis."""
    y_true, y_pred = _pair("log_cosh", y_true, y_pred)
    d = ops.sub(y_pred, y_true)
    return ops.mean(ops.sub(ops.add(d, ops.softplus(ops.mul(d, -2.0))), math.log(2)), -1)


# Margins


def _signs(y_true: Tensor) -> Tensor:
    """Targets 0 and 1 as -1 and 1; if there are others, all as they are."""
    binary = ops.all(ops.eq(ops.mul(y_true, ops.sub(y_true, 1.0)), 0.0))
    return ops.where(binary, ops.sub(ops.mul(y_true, 2.0), 1.0), y_true)


def _hinge(op: str, y_true: Any, y_pred: Any) -> Tensor:
    y_true, y_pred = _pair(op, y_true, y_pred)
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
    y_true, y_pred = _pair("categorical_hinge", y_true, y_pred)
    positive = ops.sum(ops.mul(y_true, y_pred), -1)
    negative = ops.amax(ops.mul(ops.sub(1.0, y_true), y_pred), -1)
    return at_least_zero(ops.add(ops.sub(negative, positive), 1.0))


# Probabilities


def kl_divergence(y_true: Any, y_pred: Any) -> Tensor:
    """The sum of y_true log(y_true / y_pred) over the last axis, of probabilities clipped to 1e-7
    ... 1.
    """
    y_true, y_pred = (ops.clamp(y, EPSILON, 1) for y in _pair("kl_divergence", y_true, y_pred))
    return ops.sum(ops.mul(y_true, ops.log(ops.div(y_true, y_pred))), -1)


def poisson(y_true: Any, y_pred: Any) -> Tensor:
    """The mean of y_pred - y_true log(y_pred + 1e-7) over the last axis."""
    y_true, y_pred = _pair("poisson", y_true, y_pred)
    return ops.mean(ops.poisson_nll_loss(y_pred, y_true, False, eps=EPSILON, reduction="none"), -1)


def _smoothed(y_true: Tensor, label_smoothing: float, classes: int) -> Tensor:
    if not label_smoothing:
        return y_true
    return ops.add(ops.mul(y_true, 1 - label_smoothing), label_smoothing / classes)


def _binary(
    op: str, y_true: Any, y_pred: Any, from_logits: bool, label_smoothing: float, reduction: str
) -> Tensor:
    y_pred, from_logits = _logits(y_pred, from_logits)
    y_true, y_pred = _pair(op, y_true, y_pred)
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
    y_true, y_pred = _pair("binary_focal_crossentropy", y_true, y_pred)
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
    y_pred = _floating(y_pred, op)
    y_true = cast(_tensor(y_true, op), y_pred.dtype)
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
    y_pred, from_logits = _logits(y_pred, from_logits)
    y_true, y_pred = _one_hot_pair(
        "categorical_crossentropy", y_true, y_pred, label_smoothing, axis
    )
    logarithms = ops.log_softmax(y_pred, axis) if from_logits else ops.log(_share(y_pred, axis))
    return ops.neg(ops.sum(ops.mul(y_true, logarithms), axis))


def categorical_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    alpha: float = 0.25,
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
    if from_logits:
        y_pred = ops.softmax(y_pred, axis)
    p = _share(y_pred, axis)
    weight = ops.mul(ops.pow(ops.sub(1.0, p), gamma), alpha)
    return ops.neg(ops.sum(ops.mul(weight, ops.mul(y_true, ops.log(p))), axis))


def categorical_generalized_cross_entropy(y_true: Any, y_pred: Any, q: float) -> Tensor:
    """(1 - p^q) / q, where p is the probability in `y_pred` of the label in `y_true`.

    References
    ----------
    Z. Zhang, M. Sabuncu, "Generalized cross entropy loss for training deep neural networks with
    noisy labels", NeurIPS 2018.
    """
    op = "categorical_generalized_cross_entropy"
    labels, rows, shape = _label_rows(op, y_true, _floating(y_pred, op))
    p = ops.neg(ops.nll_loss(rows, labels, reduction="none"))
    return ops.reshape(ops.div(ops.sub(1.0, ops.pow(p, q)), q), shape)


def _label_rows(op: str, y_true: Any, y_pred: Tensor) -> tuple[Tensor, Tensor, tuple[int, ...]]:
    """Labels as a vector, the scores of each as a row, and the shape that losses have."""
    labels = _tensor(y_true, op)
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
    y_pred = _floating(y_pred, op)
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


# Sequences and regions


def ctc(y_true: Any, y_pred: Any) -> Tensor:
    """Connectionist temporal classification of logits (N, T, C) against labels (N, L), in which 0
    is the blank and fills what follows the last label.
    """
    y_pred = _floating(y_pred, "ctc")
    labels = cast(_tensor(y_true, "ctc"), np.dtype(np.int64))
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
    y_true, y_pred = _pair("dice", y_true, y_pred)
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
    y_true, y_pred = _pair("tversky", y_true, y_pred)
    common = ops.sum(ops.mul(y_true, y_pred), axis)
    missed = ops.sum(ops.mul(y_true, ops.sub(1.0, y_pred)), axis)
    extra = ops.sum(ops.mul(ops.sub(1.0, y_true), y_pred), axis)
    whole = ops.add(ops.add(common, ops.mul(missed, alpha)), ops.mul(extra, beta))
    return ops.sub(1.0, ops.div(common, ops.add(whole, EPSILON)))


# Classes


class Loss:
    """Base of the losses: `call` gives one number a sample, `__call__` weights and reduces them.

    Parameters
    ----------
    name : str, optional
        Default: made from the name of the class.
    reduction : str or None
        'sum_over_batch_size' or 'mean': the mean of all losses; 'sum'; 'mean_with_sample_weight':
        divided by the sum of the weights; 'none' or None. Default 'sum_over_batch_size'.
    dtype : str or dtype, optional
        In which it is computed. Default: that of predictions that are floating-point Tensors,
        float32 for arrays. (Keras casts all to float32.)
    """

    def __init__(
        self,
        name: str | None = None,
        reduction: str | None = "sum_over_batch_size",
        dtype: Any = None,
    ) -> None:
        if reduction not in (*_MEANS, "sum", "none", None):
            raise ValueError(
                f"{type(self).__name__}: reduction is {reduction!r}, expected "
                f"{', '.join(map(repr, _MEANS))}, 'sum', 'none' or None"
            )
        kind = type(self).__name__
        self.name = name or re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", kind).lower()
        self.reduction = reduction
        self.dtype = None if dtype is None else np.dtype(dtype)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The losses of the samples; subclasses define it."""
        raise NotImplementedError(f"{type(self).__name__} must define call")

    def __call__(
        self, y_true: Any, y_pred: Any, sample_weight: Any = None, *, mask: Any = None
    ) -> Tensor:
        """The reduced loss of a batch.

        Parameters
        ----------
        y_true, y_pred : Tensor or array_like
        sample_weight : Tensor or array_like, optional
            A factor for each loss; it broadcasts.
        mask : Tensor or array_like, optional
            Which losses count; a mean is over these alone. Default: the `_keras_mask` of `y_pred`,
            if it has one.
        """
        mask = getattr(y_pred, "_keras_mask", None) if mask is None else mask
        y_pred = self._prediction(y_pred)
        losses = _floating(self.call(y_true, y_pred), self.name)
        own = self._mask(y_true, losses)
        if own is not None:
            mask = own if mask is None else ops.logical_and(_tensor(mask, self.name), own)
        return self._reduced(losses, sample_weight, mask)

    def _prediction(self, y_pred: Any) -> Any:
        """The predictions in the loss's type."""
        if isinstance(y_pred, Tensor):
            return y_pred if self.dtype is None else cast(y_pred, self.dtype)
        dtype = self.dtype or get_default_dtype()
        return Tensor._wrap(array_from(y_pred, dtype, self.name))

    def _mask(self, y_true: Any, losses: Tensor) -> Tensor | None:
        """Which losses count by the targets; None: all."""
        return None

    def _reduced(self, losses: Tensor, sample_weight: Any, mask: Any) -> Tensor:
        weight = None
        if sample_weight is not None:
            weight = cast(_tensor(sample_weight, self.name), losses.dtype)
        if mask is not None:
            mask = cast(_tensor(mask, self.name), losses.dtype)
            if self.reduction in ("mean", "sum_over_batch_size"):
                counted = ops.clamp(ops.sum(mask), 1.0)
                mask = ops.mul(mask, ops.div(float(mask.numel()), counted))
            weight = mask if weight is None else ops.mul(*same_rank(mask, weight))
        if weight is not None:
            losses, weight = same_rank(losses, weight)
            losses = ops.mul(losses, weight)
        if self.reduction in (None, "none") or losses.shape in ((), (0,)):
            return losses
        if self.reduction == "sum":
            return ops.sum(losses)
        if self.reduction == "mean_with_sample_weight" and weight is not None:
            total = ops.sum(weight)
            zero = ops.eq(total, 0.0)
            return ops.where(zero, 0.0, ops.div(ops.sum(losses), ops.where(zero, 1.0, total)))
        return ops.mean(losses)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor, as JSON can hold them."""
        config: dict[str, Any] = {"name": self.name, "reduction": self.reduction}
        return config if self.dtype is None else {**config, "dtype": NAMES[self.dtype]}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Loss:
        """The loss that `get_config` described."""
        return cls(**config)

    def __repr__(self) -> str:
        config = ", ".join(f"{key}={value!r}" for key, value in self.get_config().items())
        return f"{type(self).__name__}({config})"


class LossFunctionWrapper(Loss):
    """A function of `y_true` and `y_pred` as a loss.

    Parameters
    ----------
    fn : callable
        Gives the losses of the samples, or one number.
    reduction, name, dtype
        As in `Loss`.
    **kwargs
        Further arguments of the function.
    """

    _mean: ClassVar[LossFunction | None] = None
    """The mean of the function's result in fewer ops than function and mean."""

    def __init__(
        self,
        fn: LossFunction,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name or getattr(fn, "__name__", None), reduction, dtype)
        self.fn = fn
        self._options = kwargs
        for key, value in kwargs.items():
            setattr(self, key, value)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The losses of the samples."""
        return self.fn(y_true, y_pred, **self._options)

    def __call__(
        self, y_true: Any, y_pred: Any, sample_weight: Any = None, *, mask: Any = None
    ) -> Tensor:
        whole = self._mean
        if (
            whole is not None
            and sample_weight is None
            and mask is None
            and self.reduction in _MEANS
            and getattr(y_pred, "_keras_mask", None) is None
        ):
            result = whole(y_true, self._prediction(y_pred), **self._options)
            if result is not None:
                return result
        return super().__call__(y_true, y_pred, sample_weight, mask=mask)

    __call__.__doc__ = Loss.__call__.__doc__

    def get_config(self) -> dict[str, Any]:
        config = {**super().get_config(), **self._options}
        return {"fn": serialize(self.fn), **config} if type(self) is LossFunctionWrapper else config

    get_config.__doc__ = Loss.get_config.__doc__

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Loss:
        """The loss that `get_config` described."""
        if "fn" in config:
            config = {**config, "fn": deserialize(config["fn"])}
        return cls(**config)


# Where a mean over all losses needs fewer ops than the losses and their mean.


def _squared_error_mean(y_true: Any, y_pred: Any) -> Tensor | None:
    y_true, y_pred = _pair("mean_squared_error", y_true, y_pred)
    return ops.mse_loss(y_pred, y_true) if y_pred.ndim > 1 else None


def _binary_mean(
    y_true: Any, y_pred: Any, from_logits: bool, label_smoothing: float, axis: int
) -> Tensor | None:
    return _binary("binary_crossentropy", y_true, y_pred, from_logits, label_smoothing, "mean")


def _categorical_mean(
    y_true: Any, y_pred: Any, from_logits: bool, label_smoothing: float, axis: int
) -> Tensor | None:
    y_pred, from_logits = _logits(y_pred, from_logits)
    if not from_logits or y_pred.ndim != 2 or axis not in (-1, 1):
        return None
    pair = _one_hot_pair("categorical_crossentropy", y_true, y_pred, label_smoothing, axis)
    return ops.cross_entropy(pair[1], pair[0])


def _sparse_mean(
    y_true: Any, y_pred: Any, from_logits: bool, ignore_class: int | None, axis: int
) -> Tensor | None:
    if ignore_class is not None:
        return None
    return _sparse(y_true, y_pred, from_logits, None, axis, "mean")[0]


class MeanSquaredError(LossFunctionWrapper):
    """`mean_squared_error` of a batch; `reduction`, `name` and `dtype` as in `Loss`."""

    _mean = staticmethod(_squared_error_mean)

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_squared_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(mean_squared_error, reduction, name, dtype)


class MeanAbsoluteError(LossFunctionWrapper):
    """`mean_absolute_error` of a batch; `reduction`, `name` and `dtype` as in `Loss`."""

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_absolute_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(mean_absolute_error, reduction, name, dtype)


class MeanAbsolutePercentageError(LossFunctionWrapper):
    """`mean_absolute_percentage_error` of a batch; `reduction`, `name` and `dtype` as in `Loss`."""

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_absolute_percentage_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(mean_absolute_percentage_error, reduction, name, dtype)


class MeanSquaredLogarithmicError(LossFunctionWrapper):
    """`mean_squared_logarithmic_error` of a batch; `reduction`, `name` and `dtype` as in `Loss`."""

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_squared_logarithmic_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(mean_squared_logarithmic_error, reduction, name, dtype)


class CosineSimilarity(LossFunctionWrapper):
    """`cosine_similarity` of a batch; `reduction`, `name` and `dtype` as in `Loss`."""

    def __init__(
        self,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "cosine_similarity",
        dtype: Any = None,
    ) -> None:
        super().__init__(cosine_similarity, reduction, name, dtype, axis=axis)


class Huber(LossFunctionWrapper):
    """`huber` of a batch; `reduction`, `name` and `dtype` as in `Loss`."""

    def __init__(
        self,
        delta: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "huber_loss",
        dtype: Any = None,
    ) -> None:
        super().__init__(huber, reduction, name, dtype, delta=delta)


class LogCosh(LossFunctionWrapper):
    """`log_cosh` of a batch; `reduction`, `name` and `dtype` as in `Loss`."""

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "log_cosh",
        dtype: Any = None,
    ) -> None:
        super().__init__(log_cosh, reduction, name, dtype)


class Hinge(LossFunctionWrapper):
    """`hinge` of a batch; `reduction`, `name` and `dtype` as in `Loss`."""

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "hinge",
        dtype: Any = None,
    ) -> None:
        super().__init__(hinge, reduction, name, dtype)


class SquaredHinge(LossFunctionWrapper):
    """`squared_hinge` of a batch; `reduction`, `name` and `dtype` as in `Loss`."""

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "squared_hinge",
        dtype: Any = None,
    ) -> None:
        super().__init__(squared_hinge, reduction, name, dtype)


class CategoricalHinge(LossFunctionWrapper):
    """`categorical_hinge` of a batch; `reduction`, `name` and `dtype` as in `Loss`."""

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_hinge",
        dtype: Any = None,
    ) -> None:
        super().__init__(categorical_hinge, reduction, name, dtype)


class KLDivergence(LossFunctionWrapper):
    """`kl_divergence` of a batch; `reduction`, `name` and `dtype` as in `Loss`."""

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "kl_divergence",
        dtype: Any = None,
    ) -> None:
        super().__init__(kl_divergence, reduction, name, dtype)


class Poisson(LossFunctionWrapper):
    """`poisson` of a batch; `reduction`, `name` and `dtype` as in `Loss`."""

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "poisson",
        dtype: Any = None,
    ) -> None:
        super().__init__(poisson, reduction, name, dtype)


class BinaryCrossentropy(LossFunctionWrapper):
    """`binary_crossentropy` of a batch; `reduction`, `name` and `dtype` as in `Loss`."""

    _mean = staticmethod(_binary_mean)

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "binary_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(
            binary_crossentropy,
            reduction,
            name,
            dtype,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )


class BinaryFocalCrossentropy(LossFunctionWrapper):
    """`binary_focal_crossentropy` of a batch; `reduction`, `name` and `dtype` as in `Loss`."""

    def __init__(
        self,
        apply_class_balancing: bool = False,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "binary_focal_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(
            binary_focal_crossentropy,
            reduction,
            name,
            dtype,
            apply_class_balancing=apply_class_balancing,
            alpha=alpha,
            gamma=gamma,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )


class CategoricalCrossentropy(LossFunctionWrapper):
    """`categorical_crossentropy` of a batch; `reduction`, `name` and `dtype` as in `Loss`."""

    _mean = staticmethod(_categorical_mean)

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(
            categorical_crossentropy,
            reduction,
            name,
            dtype,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )


class CategoricalFocalCrossentropy(LossFunctionWrapper):
    """`categorical_focal_crossentropy` of a batch; `reduction`, `name` and `dtype` as in `Loss`."""

    def __init__(
        self,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_focal_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(
            categorical_focal_crossentropy,
            reduction,
            name,
            dtype,
            alpha=alpha,
            gamma=gamma,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )


class CategoricalGeneralizedCrossEntropy(LossFunctionWrapper):
    """`categorical_generalized_cross_entropy` of a batch; `reduction`, `name` and `dtype` as in `Loss`."""

    def __init__(
        self,
        q: float = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_generalized_cross_entropy",
        dtype: Any = None,
    ) -> None:
        if not 0 < q < 1:
            raise ValueError(f"{type(self).__name__}: argument q expected 0 < q < 1, got {q}")
        super().__init__(categorical_generalized_cross_entropy, reduction, name, dtype, q=q)


class SparseCategoricalCrossentropy(LossFunctionWrapper):
    """`sparse_categorical_crossentropy` of a batch; `reduction`, `name` and `dtype` as in `Loss`."""

    _mean = staticmethod(_sparse_mean)

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        axis: int = -1,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(
            sparse_categorical_crossentropy,
            reduction,
            name,
            dtype,
            from_logits=from_logits,
            ignore_class=ignore_class,
            axis=axis,
        )


class CTC(LossFunctionWrapper):
    """`ctc` of a batch; `reduction`, `name` and `dtype` as in `Loss`."""

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "ctc",
        dtype: Any = None,
    ) -> None:
        super().__init__(ctc, reduction, name, dtype)


class Dice(LossFunctionWrapper):
    """`dice` of a batch; `reduction`, `name` and `dtype` as in `Loss`."""

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "dice",
        axis: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(dice, reduction, name, dtype, axis=axis)


class Tversky(LossFunctionWrapper):
    """`tversky` of a batch; `reduction`, `name` and `dtype` as in `Loss`."""

    def __init__(
        self,
        alpha: float = 0.5,
        beta: float = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "tversky",
        axis: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(tversky, reduction, name, dtype, alpha=alpha, beta=beta, axis=axis)


MSE = mse = mean_squared_error
MAE = mae = mean_absolute_error
MAPE = mape = mean_absolute_percentage_error
MSLE = msle = mean_squared_logarithmic_error
KLD = kld = kullback_leibler_divergence = kl_divergence
BCE = bce = binary_crossentropy
logcosh = log_cosh

# Each class beside the function that it wraps.
_CLASSES: dict[LossFunction, type[Loss]] = {
    binary_crossentropy: BinaryCrossentropy,
    binary_focal_crossentropy: BinaryFocalCrossentropy,
    categorical_crossentropy: CategoricalCrossentropy,
    categorical_focal_crossentropy: CategoricalFocalCrossentropy,
    categorical_generalized_cross_entropy: CategoricalGeneralizedCrossEntropy,
    categorical_hinge: CategoricalHinge,
    cosine_similarity: CosineSimilarity,
    ctc: CTC,
    dice: Dice,
    hinge: Hinge,
    huber: Huber,
    kl_divergence: KLDivergence,
    log_cosh: LogCosh,
    mean_absolute_error: MeanAbsoluteError,
    mean_absolute_percentage_error: MeanAbsolutePercentageError,
    mean_squared_error: MeanSquaredError,
    mean_squared_logarithmic_error: MeanSquaredLogarithmicError,
    poisson: Poisson,
    sparse_categorical_crossentropy: SparseCategoricalCrossentropy,
    squared_hinge: SquaredHinge,
    tversky: Tversky,
}
_REGISTRY = Registry(
    "loss",
    "keras.losses",
    (*_CLASSES, *_CLASSES.values(), LossFunctionWrapper),
    {
        name: globals()[name]
        for name in (
            "MSE", "mse", "MAE", "mae", "MAPE", "mape", "MSLE", "msle", "KLD", "kld", "BCE", "bce",
            "kullback_leibler_divergence", "logcosh",
        )
    },
)  # fmt: skip
get = _REGISTRY.get
serialize = _REGISTRY.serialize
deserialize = _REGISTRY.deserialize


def resolve(identifier: Any) -> Loss:
    """The `Loss` that a name, function, configuration or object stands for.

    Unlike `get`, which gives functions where Keras does, it gives the class of each of Keras's
    functions, and wraps functions of the user.
    """
    found = get(identifier)
    if isinstance(found, Loss):
        return found
    if found in _CLASSES:
        return _CLASSES[found]()
    return LossFunctionWrapper(found)
