"""How far numbers are from those they should be."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from cygnet.tensor import Array
from cygnet.train.metrics.base import Mean, Metric, array_of, check_shapes, same_rank

__all__ = ["MeanAbsoluteError", "MeanSquaredError", "R2Score", "RootMeanSquaredError"]


class _ElementMean(Mean):
    def _difference(self, output: Array, target: Array) -> Array:
        check_shapes(self.name, output, target)
        difference: Array = output.astype(np.float64) - target
        return difference


class MeanSquaredError(_ElementMean):
    """The mean of ``(output - target)²`` over elements, in float64."""

    def __init__(self, name: str = "mse") -> None:
        super().__init__(name)

    def values(self, output: Array, target: Array) -> Array:
        """The squares."""
        return np.square(self._difference(output, target))


class RootMeanSquaredError(MeanSquaredError):
    """The root of the mean of ``(output - target)²`` over elements, in float64."""

    def __init__(self, name: str = "rmse") -> None:
        super().__init__(name)

    def result(self) -> Any:
        """The root of the mean of all batches since `reset`; NaN before the first."""
        return math.sqrt(super().result())


class MeanAbsoluteError(_ElementMean):
    """The mean of ``|output - target|`` over elements, in float64."""

    def __init__(self, name: str = "mae") -> None:
        super().__init__(name)

    def values(self, output: Array, target: Array) -> Array:
        """The magnitudes."""
        return np.abs(self._difference(output, target))


class R2Score(Metric):
    """The coefficient of determination: 1 - the sum of squared errors / that of squared deviations
    of the targets from their mean.

    Parameters
    ----------
    class_aggregation : str, optional
        What becomes of several outputs (N, K): 'uniform_average' (default), their
        'variance_weighted_average', or None: one score each.
    num_regressors : int
        Above 0, the score is adjusted for so many independent variables. Default 0.
    name : str
        Default "r2_score".
    dtype : optional
        As in Keras; sums are float64 whatever it is.
    """

    _states = ("squared_sum", "sum", "total_mse", "total_weight", "num_samples")

    squared_sum: Any
    sum: Any
    total_mse: Any
    total_weight: Any
    num_samples: float

    def __init__(
        self,
        class_aggregation: str | None = "uniform_average",
        num_regressors: int = 0,
        name: str = "r2_score",
        dtype: Any = None,
    ) -> None:
        if class_aggregation not in (None, "uniform_average", "variance_weighted_average"):
            raise ValueError(
                f"R2Score: class_aggregation is {class_aggregation!r}, expected "
                "'uniform_average', 'variance_weighted_average' or None"
            )
        if num_regressors < 0:
            raise ValueError(f"R2Score: num_regressors is {num_regressors}, expected at least 0")
        super().__init__(name)
        self.class_aggregation = class_aggregation
        self.num_regressors = num_regressors
        self.dtype = dtype

    def update(self, output: Any, target: Any, weight: Any = None) -> None:
        """Add a batch of numbers (N,) or (N, K), with a weight for each sample."""
        y, x = same_rank(array_of(target).astype(np.float64), array_of(output).astype(np.float64))
        check_shapes(self.name, x, y)
        if x.ndim == 1:
            x, y = x[:, None], y[:, None]
        w = np.ones(()) if weight is None else array_of(weight).astype(np.float64)
        w = np.broadcast_to(w[:, None] if w.ndim == 1 else w, y.shape)
        self.sum = self.sum + (y * w).sum(0)
        self.squared_sum = self.squared_sum + (y * y * w).sum(0)
        self.total_mse = self.total_mse + (np.square(y - x) * w).sum(0)
        self.total_weight = self.total_weight + w.sum(0)
        self.num_samples += y.size

    def result(self) -> Any:
        """The score, or one for each output; NaN before the first batch."""
        with np.errstate(divide="ignore", invalid="ignore"):
            total = self.squared_sum - self.sum * np.divide(self.sum, self.total_weight)
            scores = 1 - np.divide(self.total_mse, total)
        scores = np.where(np.isinf(scores), 0.0, scores)
        if self.class_aggregation == "uniform_average":
            scores = scores.mean()
        elif self.class_aggregation is not None:
            scores = (total * scores).sum() / total.sum()
        if self.num_regressors:
            rest = self.num_samples - self.num_regressors - 1
            if rest > 0:
                scores = 1 - (1 - scores) * (self.num_samples - 1) / rest
            else:
                warnings.warn(
                    f"R2Score: {self.num_regressors} independent variables are too many for "
                    f"{self.num_samples:.0f} samples; the score is not adjusted",
                    stacklevel=2,
                )
        return float(scores) if np.ndim(scores) == 0 else scores
