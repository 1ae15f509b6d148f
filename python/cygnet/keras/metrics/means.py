"""Means of losses, and of other functions of numbers."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from cygnet import ops
from cygnet.keras import losses
from cygnet.keras.losses.functions import pair
from cygnet.keras.metrics.base import MeanMetricWrapper
from cygnet.tensor import Tensor
from cygnet.train.metrics.base import array_of


def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> Tensor:
    """The cosine of the angle between targets and predictions along an axis: minus the loss of that
    name.
    """
    return ops.neg(losses.cosine_similarity(y_true, y_pred, axis))


def _centered(y: Tensor, axis: int) -> Tensor:
    return ops.sub(y, ops.mean(y, axis, keepdim=True))


def pearson_correlation(y_true: Any, y_pred: Any, axis: int = -1) -> Tensor:
    """The covariance of targets and predictions along an axis over the product of their standard
    deviations.
    """
    both = [_centered(y, axis) for y in pair("pearson_correlation", y_true, y_pred)]
    units = [ops.div(y, ops.std(y, axis, correction=0, keepdim=True)) for y in both]
    return ops.mean(ops.mul(*units), axis)


def concordance_correlation(y_true: Any, y_pred: Any, axis: int = -1) -> Tensor:
    """Lin's correlation, which is 1 only where predictions equal targets."""
    y_true, y_pred = pair("concordance_correlation", y_true, y_pred)
    true_mean, pred_mean = (ops.mean(y, axis, keepdim=True) for y in (y_true, y_pred))
    variances = [ops.var(y, axis, correction=0, keepdim=True) for y in (y_true, y_pred)]
    covariance = ops.mul(ops.sub(y_true, pred_mean), ops.sub(y_pred, pred_mean))
    norm = ops.add(ops.add(*variances), ops.square(ops.sub(true_mean, pred_mean)))
    return ops.mean(ops.div(ops.mul(covariance, 2.0), ops.add(norm, 1e-7)), axis)


def _squared_error(y_true: Any, y_pred: Any) -> Tensor:
    return ops.square(ops.sub(*pair("root_mean_squared_error", y_true, y_pred)))


class _Plain(MeanMetricWrapper):
    """The mean of a loss without arguments."""

    _function: ClassVar[Any]
    _name: ClassVar[str | None] = None

    def __init__(self, name: str | None = None, dtype: Any = None) -> None:
        super().__init__(self._function, name or self._name, dtype)


class CategoricalHinge(_Plain):
    """The mean of `losses.categorical_hinge`."""

    _function = staticmethod(losses.categorical_hinge)


class Hinge(_Plain):
    """The mean of `losses.hinge`."""

    _function = staticmethod(losses.hinge)


class KLDivergence(_Plain):
    """The mean of `losses.kl_divergence`."""

    _function = staticmethod(losses.kl_divergence)


class LogCoshError(_Plain):
    """The mean of `losses.log_cosh`."""

    _function = staticmethod(losses.log_cosh)
    _name = "logcosh"


class MeanAbsoluteError(_Plain):
    """The mean of `losses.mean_absolute_error`."""

    _function = staticmethod(losses.mean_absolute_error)


class MeanAbsolutePercentageError(_Plain):
    """The mean of `losses.mean_absolute_percentage_error`."""

    _function = staticmethod(losses.mean_absolute_percentage_error)


class MeanSquaredError(_Plain):
    """The mean of `losses.mean_squared_error`."""

    _function = staticmethod(losses.mean_squared_error)


class MeanSquaredLogarithmicError(_Plain):
    """The mean of `losses.mean_squared_logarithmic_error`."""

    _function = staticmethod(losses.mean_squared_logarithmic_error)


class Poisson(_Plain):
    """The mean of `losses.poisson`."""

    _function = staticmethod(losses.poisson)


class SquaredHinge(_Plain):
    """The mean of `losses.squared_hinge`."""

    _function = staticmethod(losses.squared_hinge)


class RootMeanSquaredError(_Plain):
    """The root of the mean of (y_true - y_pred)²."""

    _function = staticmethod(_squared_error)
    _name = "root_mean_squared_error"

    def result(self) -> Tensor:
        """The root of the mean of all batches since `reset_state`, float32."""
        return Tensor._wrap(np.array(math.sqrt(super().result()._array), np.float32))


class _AlongAxis(MeanMetricWrapper):
    """The mean of a function along an axis."""

    _function: ClassVar[Any]

    def __init__(self, name: str | None = None, dtype: Any = None, axis: int = -1) -> None:
        super().__init__(self._function, name, dtype, axis=axis)


class ConcordanceCorrelation(_AlongAxis):
    """The mean of `concordance_correlation`."""

    _function = staticmethod(concordance_correlation)


class CosineSimilarity(_AlongAxis):
    """The mean of `cosine_similarity`."""

    _function = staticmethod(cosine_similarity)


class PearsonCorrelation(_AlongAxis):
    """The mean of `pearson_correlation`."""

    _function = staticmethod(pearson_correlation)


class BinaryCrossentropy(MeanMetricWrapper):
    """The mean of `losses.binary_crossentropy`; other arguments as there."""

    def __init__(
        self,
        name: str | None = "binary_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
    ) -> None:
        super().__init__(
            losses.binary_crossentropy,
            name,
            dtype,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
        )


class CategoricalCrossentropy(MeanMetricWrapper):
    """The mean of `losses.categorical_crossentropy`; other arguments as there."""

    def __init__(
        self,
        name: str | None = "categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
        axis: int = -1,
    ) -> None:
        super().__init__(
            losses.categorical_crossentropy,
            name,
            dtype,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )


class SparseCategoricalCrossentropy(MeanMetricWrapper):
    """The mean of `losses.sparse_categorical_crossentropy`; other arguments as there.

    As in Keras, an ignored label counts as a loss of 0, or with weights not at all.
    """

    def __init__(
        self,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
    ) -> None:
        super().__init__(
            losses.sparse_categorical_crossentropy,
            name,
            dtype,
            from_logits=from_logits,
            ignore_class=ignore_class,
            axis=axis,
        )

    def update_state(  # type: ignore[override]
        self, y_true: Any, y_pred: Any, sample_weight: Any = None
    ) -> None:
        ignored = self._options["ignore_class"]
        if ignored is not None and sample_weight is not None:
            weight = array_of(sample_weight)
            kept = (array_of(y_true) != ignored).reshape(np.shape(y_pred)[:-1])
            sample_weight = weight.reshape(weight.shape + (1,) * (kept.ndim - weight.ndim)) * kept
        super().update_state(y_true, y_pred, sample_weight)

    update_state.__doc__ = MeanMetricWrapper.update_state.__doc__
