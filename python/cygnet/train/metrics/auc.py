"""Areas below curves of decisions at all thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cygnet.kernels import ShapeError
from cygnet.tensor import Array
from cygnet.train.metrics.base import array_of, ratio
from cygnet.train.metrics.confusion import EPSILON, ConfusionCounts

__all__ = ["AUC"]


class AUC(ConfusionCounts):
    """The area below the curve that the decisions at all thresholds between 0 and 1 make.

    Parameters
    ----------
    num_thresholds : int
        How many points the curve has. Default 200.
    curve : str
        'ROC' (default): recall over the share of false positives; 'PR': precision over recall;
        'PRGAIN': gains of both over those of chance.
    summation_method : str
        What the height between two points is: 'interpolation' (default; for 'PR' of the counts),
        'minoring' the lower or 'majoring' the higher one.
    name : str
        Default "auc".
    dtype : optional
        As in Keras; counts are float64 whatever it is.
    thresholds : sequence of float, optional
        In place of evenly distributed ones; a point below 0 and one above 1 are added.
    multi_label : bool
        Whether each column of scores (N, L) has its own curve; the result is the mean. Default
        False.
    num_labels : int, optional
        L, if there are several columns.
    label_weights : sequence of float, optional
        How much each column counts.
    from_logits : bool
        Whether scores are logits. Default False.

    References
    ----------
    J. Davis, M. Goadrich, "The relationship between precision-recall and ROC curves", ICML 2006;
    P. Flach, M. Kull, "Precision-recall-gain curves", NeurIPS 2015.
    """

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: str = "ROC",
        summation_method: str = "interpolation",
        name: str | None = "auc",
        dtype: Any = None,
        thresholds: Sequence[float] | None = None,
        multi_label: bool = False,
        num_labels: int | None = None,
        label_weights: Sequence[float] | None = None,
        from_logits: bool = False,
    ) -> None:
        if str(curve).upper() not in ("ROC", "PR", "PRGAIN"):
            raise ValueError(f"AUC: curve is {curve!r}, expected 'ROC', 'PR' or 'PRGAIN'")
        if str(summation_method).lower() not in ("interpolation", "majoring", "minoring"):
            raise ValueError(
                f"AUC: summation_method is {summation_method!r}, expected 'interpolation', "
                "'majoring' or 'minoring'"
            )
        if thresholds is None and num_thresholds < 2:
            raise ValueError(f"AUC: num_thresholds is {num_thresholds}, expected at least 2")
        if num_labels and not multi_label:
            raise ValueError("AUC: num_labels expected multi_label=True")
        self.curve = str(curve).upper()
        self.summation_method = str(summation_method).lower()
        self.multi_label = multi_label
        self.num_labels = num_labels
        self.label_weights = None if label_weights is None else list(label_weights)
        self.from_logits = from_logits
        self.thresholds = None if thresholds is None else sorted(thresholds)
        even = np.linspace(0, 1, num_thresholds)[1:-1].tolist()
        edges = [-EPSILON, *(even if self.thresholds is None else self.thresholds), 1 + EPSILON]
        self.num_thresholds = len(edges)
        super().__init__(edges, name or "auc", dtype)

    def reset(self) -> None:
        """Forget all batches."""
        super().reset()
        if self.multi_label:
            for state in self._states:
                setattr(self, state, np.zeros((len(self._edges), self.num_labels or 1)))

    def _filtered(self, scores: Array) -> Array:
        if self.from_logits:
            scores = (0.5 * (1 + np.tanh(0.5 * scores.astype(np.float64)))).astype(np.float32)
        return super()._filtered(scores)

    def _count(self, scores: Array, truth: Array, weights: Array) -> None:
        if not self.multi_label:
            if self.label_weights is not None:
                weights = weights * np.asarray(self.label_weights)
            super()._count(scores, truth, weights)
            return
        if scores.ndim != 2:
            raise ShapeError(f"{self.name}: multi_label expected scores (N, L), got {scores.shape}")
        whole = [getattr(self, state) for state in self._states]
        columns = []
        for label in range(scores.shape[1]):
            for state, counts in zip(self._states, whole, strict=True):
                setattr(self, state, counts[:, label] if counts.shape[1] > 1 else counts[:, 0])
            super()._count(scores[:, label], truth[:, label], weights[:, label])
            columns.append([getattr(self, state) for state in self._states])
        for place, state in enumerate(self._states):
            setattr(self, state, np.stack([column[place] for column in columns], 1))

    def result(self) -> float:
        """The area, or the mean of those of the columns."""
        if (self.curve, self.summation_method) == ("PR", "interpolation"):
            pieces = self._interpolated_precision()
        else:
            x, y = self._points()
            left, right = y[:-1], y[1:]
            if self.summation_method == "interpolation":
                heights = (left + right) / 2
            elif self.summation_method == "minoring":
                heights = np.minimum(left, right)
            else:
                heights = np.maximum(left, right)
            pieces = (x[:-1] - x[1:]) * heights
        areas = pieces.sum(0)
        if not self.multi_label:
            return float(areas)
        weights = None if self.label_weights is None else array_of(self.label_weights)
        return float(np.average(areas, weights=weights))

    def _points(self) -> tuple[Array, Array]:
        """The curve's x and y, from the lowest threshold on."""
        tp, fp = self.true_positives, self.false_positives
        tn, fn = self.true_negatives, self.false_negatives
        if self.curve == "ROC":
            return ratio(fp, fp + tn), self._recall()
        if self.curve == "PR":
            return self._recall(), self._precision()
        odds = ratio(tp + fn, tn + fp)
        recall_gain = np.where(tp == 0, 0.0, 1 - odds * ratio(fn, tp))
        precision_gain = np.where(tp == 0, 1.0, 1 - odds * ratio(fp, tp))
        return np.maximum(recall_gain, 0.0), precision_gain

    def _interpolated_precision(self) -> Array:
        """The areas between points of the precision-recall curve whose counts are interpolated."""
        tp = self.true_positives
        positives = tp + self.false_positives
        step, low, high = tp[:-1] - tp[1:], positives[1:], positives[:-1]
        slope = ratio(step, np.maximum(high - low, 0))
        intercept = tp[1:] - slope * low
        growth = np.where((high > 0) & (low > 0), ratio(high, np.maximum(low, 0)), 1.0)
        return ratio(
            slope * (step + intercept * np.log(growth)),
            np.maximum(tp[1:] + self.false_negatives[1:], 0),
        )
