"""Right and wrong decisions at thresholds: counts of them, and what follows from the counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from cygnet.kernels import ShapeError
from cygnet.tensor import Array
from cygnet.train.metrics.base import Metric, array_of, check_shapes, ratio, same_rank

__all__ = [
    "FBetaScore",
    "F1Score",
    "FalseNegatives",
    "FalsePositives",
    "Precision",
    "PrecisionAtRecall",
    "Recall",
    "RecallAtPrecision",
    "SensitivityAtSpecificity",
    "SpecificityAtSensitivity",
    "TrueNegatives",
    "TruePositives",
]

EPSILON = 1e-7


def with_labels_one_hot(output: Array, target: Array) -> tuple[Array, Array]:
    """Scores and targets of one shape; labels beside scores (N, C) become one-hot."""
    output, target = same_rank(output, target)
    if (
        output.ndim == 2
        and output.shape[1] > 1
        and target.shape in (output.shape[:1], (len(output), 1))
    ):
        target = target.reshape(-1, 1) == np.arange(output.shape[1])
    return output, target


class ConfusionCounts(Metric):
    """Base of what follows from the numbers of true and false positives and negatives; a score
    above a threshold is a positive.

    Subclasses define `result`, from the attributes `true_positives`, `false_positives`,
    `true_negatives` and `false_negatives`: float64, one for each threshold.

    Parameters
    ----------
    thresholds : float or sequence of float
    name : str
    dtype : optional
        As in Keras; counts are float64 whatever it is.
    top_k : int, optional
        Only the k highest scores of a sample can be positives.
    class_id : int, optional
        Only this class of scores (N, C) counts.
    """

    _states = ("true_positives", "false_positives", "true_negatives", "false_negatives")

    true_positives: Any
    false_positives: Any
    true_negatives: Any
    false_negatives: Any

    def __init__(
        self,
        thresholds: Any,
        name: str,
        dtype: Any = None,
        top_k: int | None = None,
        class_id: int | None = None,
    ) -> None:
        self.top_k = top_k
        self.class_id = class_id
        self.dtype = dtype
        edges = np.atleast_1d(np.asarray(thresholds, np.float64))
        even = np.linspace(0, 1, len(edges))
        # As in Keras scores beyond even thresholds count as the nearest one.
        self._clips = len(edges) > 2 and np.allclose(edges, even, atol=EPSILON)
        self._order = np.argsort(edges, kind="stable")
        self._edges = edges[self._order].astype(np.float32)
        super().__init__(name)

    def reset(self) -> None:
        """Forget all batches."""
        for state in self._states:
            setattr(self, state, np.zeros(len(self._edges)))

    def update(self, output: Any, target: Any, weight: Any = None) -> None:
        """Add a batch.

        Parameters
        ----------
        output : Tensor or array_like
            Scores, such as probabilities.
        target : Tensor or array_like
            0 and 1 of the output's shape; or, beside scores (N, C), labels (N,).
        weight : Tensor or array_like, optional
            How much each sample, or each score, counts.
        """
        scores, truth = with_labels_one_hot(array_of(output), array_of(target))
        check_shapes(self.name, scores, truth)
        scores = self._filtered(scores.astype(np.float32))
        weights = np.ones(())
        if weight is not None:
            weights = array_of(weight).astype(np.float64)[..., None]
            weights = weights[..., 0] if weights.ndim == truth.ndim + 1 else weights
        if self.class_id is not None:
            if scores.ndim < 2:
                raise ShapeError(
                    f"{self.name}: class_id expected scores (N, C), got {scores.shape}"
                )
            scores, truth = scores[..., self.class_id, None], truth[..., self.class_id, None]
        self._count(scores, truth != 0, np.broadcast_to(weights, scores.shape))

    def _filtered(self, scores: Array) -> Array:
        if self._clips:
            scores = scores.clip(0, 1)
        if self.top_k is not None:
            places = np.argsort(-scores, -1, kind="stable")[..., : self.top_k]
            kept = np.full_like(scores, -1e10)
            np.put_along_axis(kept, places, np.take_along_axis(scores, places, -1), -1)
            scores = kept
        return np.where(np.isnan(scores), -np.inf, scores)

    def _count(self, scores: Array, truth: Array, weights: Array) -> None:
        positive, all_positive = self._above(scores, truth * weights)
        negative, all_negative = self._above(scores, ~truth * weights)
        self.true_positives = self.true_positives + positive
        self.false_positives = self.false_positives + negative
        self.true_negatives = self.true_negatives + (all_negative - negative)
        self.false_negatives = self.false_negatives + (all_positive - positive)

    def _above(self, scores: Array, weights: Array) -> tuple[Array, float]:
        """The weight of the scores above each threshold, and of all."""
        passed = np.searchsorted(self._edges, scores.reshape(-1), side="left")
        sums = np.bincount(passed, weights.reshape(-1), minlength=len(self._edges) + 1)
        from_top = sums[::-1].cumsum()[::-1]
        above = np.empty(len(self._edges))
        above[self._order] = from_top[1:]
        return above, float(from_top[0])

    def _one_or_all(self, values: Array) -> Any:
        return float(values[0]) if len(values) == 1 else values

    def _precision(self) -> Array:
        return ratio(self.true_positives, self.true_positives + self.false_positives)

    def _recall(self) -> Array:
        return ratio(self.true_positives, self.true_positives + self.false_negatives)

    def _specificity(self) -> Array:
        return ratio(self.true_negatives, self.true_negatives + self.false_positives)


def _checked_thresholds(kind: str, thresholds: Any, default: float) -> Any:
    if thresholds is None:
        return default
    given = thresholds if isinstance(thresholds, Sequence | np.ndarray) else [thresholds]
    if not all(each is not None and 0 <= each <= 1 for each in given):
        raise ValueError(f"{kind}: thresholds are {thresholds}, expected 0 to 1")
    return thresholds


class _OneCount(ConfusionCounts):
    _counted: ClassVar[str]

    def __init__(self, thresholds: Any = None, name: str | None = None, dtype: Any = None) -> None:
        self.thresholds = thresholds
        edges = _checked_thresholds(type(self).__name__, thresholds, 0.5)
        super().__init__(edges, name or self._counted, dtype)

    def result(self) -> Any:
        """The count, or one for each threshold."""
        return self._one_or_all(getattr(self, self._counted))


class TruePositives(_OneCount):
    """How many targets 1 have a score above the threshold.

    Parameters
    ----------
    thresholds : float or sequence of float, optional
        0 to 1; default 0.5. Of several each has its result.
    name : str, optional
    dtype : optional
        As in Keras; counts are float64 whatever it is.
    """

    _counted = "true_positives"


class FalsePositives(_OneCount):
    """How many targets 0 have a score above the threshold; arguments as in `TruePositives`."""

    _counted = "false_positives"


class TrueNegatives(_OneCount):
    """How many targets 0 have no score above the threshold; arguments as in `TruePositives`."""

    _counted = "true_negatives"


class FalseNegatives(_OneCount):
    """How many targets 1 have no score above the threshold; arguments as in `TruePositives`."""

    _counted = "false_negatives"


class _Share(ConfusionCounts):
    def __init__(
        self,
        thresholds: Any = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        self.thresholds = thresholds
        kind = type(self).__name__
        edges = _checked_thresholds(kind, thresholds, 0.5 if top_k is None else -1e10)
        super().__init__(edges, name or kind.lower(), dtype, top_k, class_id)


class Precision(_Share):
    """The share of targets 1 among the scores above the threshold; 0 if there are none.

    Parameters
    ----------
    thresholds : float or sequence of float, optional
        0 to 1; default 0.5, with `top_k` none. Of several each has its result.
    top_k : int, optional
        Only the k highest scores of a sample count as predicted.
    class_id : int, optional
        Only this class of scores (N, C) counts.
    name : str, optional
        Default "precision".
    dtype : optional
        As in Keras; counts are float64 whatever it is.
    """

    def result(self) -> Any:
        """The precision, or one for each threshold."""
        return self._one_or_all(self._precision())


class Recall(_Share):
    """The share of scores above the threshold among the targets 1; 0 if there are none. Arguments
    as in `Precision`.
    """

    def result(self) -> Any:
        """The recall, or one for each threshold."""
        return self._one_or_all(self._recall())


class _BestAt(ConfusionCounts):
    """The best of one share where another one is at least `value`."""

    _given: ClassVar[str]
    _shares: ClassVar[tuple[str, str]]
    """Methods that give the share that is bounded, and the one that is wanted."""

    def __init__(
        self,
        value: float,
        num_thresholds: int,
        class_id: int | None,
        name: str | None,
        dtype: Any,
        default_name: str,
    ) -> None:
        kind = type(self).__name__
        if not 0 <= value <= 1:
            raise ValueError(f"{kind}: {self._given} is {value}, expected 0 to 1")
        if num_thresholds <= 0:
            raise ValueError(f"{kind}: num_thresholds is {num_thresholds}, expected at least 1")
        self.value = value
        self.num_thresholds = num_thresholds
        setattr(self, self._given, value)
        edges = np.linspace(0, 1, num_thresholds) if num_thresholds > 1 else 0.5
        super().__init__(edges, name or default_name, dtype, class_id=class_id)

    def result(self) -> float:
        """The best share at any threshold; 0 if none is good enough."""
        bounded, wanted = (getattr(self, share)() for share in self._shares)
        return float(wanted[bounded >= self.value].max(initial=0.0))


class SensitivityAtSpecificity(_BestAt):
    """The best sensitivity (recall) where the specificity is at least the given one.

    Parameters
    ----------
    specificity : float
        0 to 1.
    num_thresholds : int
        How many are tried between 0 and 1. Default 200.
    class_id : int, optional
        Only this class of scores (N, C) counts.
    name : str, optional
    dtype : optional
        As in Keras; counts are float64 whatever it is.
    """

    _given = "specificity"
    _shares = ("_specificity", "_recall")

    def __init__(
        self,
        specificity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        default = "sensitivity_at_specificity"
        super().__init__(specificity, num_thresholds, class_id, name, dtype, default)


class SpecificityAtSensitivity(_BestAt):
    """The best specificity where the sensitivity (recall) is at least the given one; other
    arguments as in `SensitivityAtSpecificity`.
    """

    _given = "sensitivity"
    _shares = ("_recall", "_specificity")

    def __init__(
        self,
        sensitivity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        default = "specificity_at_sensitivity"
        super().__init__(sensitivity, num_thresholds, class_id, name, dtype, default)


class PrecisionAtRecall(_BestAt):
    """The best precision where the recall is at least the given one; other arguments as in
    `SensitivityAtSpecificity`.
    """

    _given = "recall"
    _shares = ("_recall", "_precision")

    def __init__(
        self,
        recall: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        default = "precision_at_recall"
        super().__init__(recall, num_thresholds, class_id, name, dtype, default)


class RecallAtPrecision(_BestAt):
    """The best recall where the precision is at least the given one; other arguments as in
    `SensitivityAtSpecificity`.
    """

    _given = "precision"
    _shares = ("_precision", "_recall")

    def __init__(
        self,
        precision: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        default = "recall_at_precision"
        super().__init__(precision, num_thresholds, class_id, name, dtype, default)


class FBetaScore(Metric):
    """The weighted harmonic mean of precision and recall of each class:
    (1 + beta²) precision recall / (beta² precision + recall).

    Parameters
    ----------
    average : str, optional
        None (default): one score a class; 'micro': of all decisions together; 'macro': the mean of
        the classes; 'weighted': by their numbers of targets.
    beta : float
        How much more recall counts than precision. Default 1.
    threshold : float, optional
        Scores above it are positives; by default the highest of a sample.
    name : str
        Default "fbeta_score".
    dtype : optional
        As in Keras; counts are float64 whatever it is.
    """

    _states = ("true_positives", "false_positives", "false_negatives", "intermediate_weights")

    true_positives: Any
    false_positives: Any
    false_negatives: Any
    intermediate_weights: Any

    def __init__(
        self,
        average: str | None = None,
        beta: float = 1.0,
        threshold: float | None = None,
        name: str = "fbeta_score",
        dtype: Any = None,
    ) -> None:
        kind = type(self).__name__
        if average not in (None, "micro", "macro", "weighted"):
            raise ValueError(
                f"{kind}: average is {average!r}, expected 'micro', 'macro', 'weighted' or None"
            )
        if not beta > 0:
            raise ValueError(f"{kind}: beta is {beta}, expected above 0")
        if threshold is not None and not 0 < threshold <= 1:
            raise ValueError(f"{kind}: threshold is {threshold}, expected 0 < threshold <= 1")
        super().__init__(name)
        self.average = average
        self.beta = beta
        self.threshold = threshold
        self.dtype = dtype

    def update(self, output: Any, target: Any, weight: Any = None) -> None:
        """Add a batch of scores (N, C), of 0 and 1 (N, C) or labels (N,), and of a weight for each
        sample.
        """
        scores, truth = with_labels_one_hot(array_of(output), array_of(target))
        if scores.ndim != 2 or scores.shape != truth.shape:
            raise ShapeError(
                f"{self.name}: expected output (N, C) and target (N, C) or (N,), got "
                f"{np.shape(output)} and {np.shape(target)}"
            )
        if self.threshold is None:
            positive = (scores >= scores.max(-1, keepdims=True)) & (np.abs(scores) > 1e-9)
        else:
            positive = scores > self.threshold
        truth = truth.astype(np.float64)
        weights = np.ones(1) if weight is None else array_of(weight).astype(np.float64).reshape(-1)
        axis = None if self.average == "micro" else 0
        for state, values in zip(
            self._states,
            (positive * truth, positive * (1 - truth), ~positive * truth, truth),
            strict=True,
        ):
            setattr(self, state, getattr(self, state) + (values * weights[:, None]).sum(axis))

    def result(self) -> Any:
        """The score, or one for each class."""
        tp, squared = self.true_positives, self.beta**2
        precision = tp / (tp + self.false_positives + EPSILON)
        recall = tp / (tp + self.false_negatives + EPSILON)
        score = (1 + squared) * precision * recall / (squared * precision + recall + EPSILON)
        if self.average == "weighted":
            weights = self.intermediate_weights
            return float(np.sum(score * (weights / (np.sum(weights) + EPSILON))))
        return score if self.average is None else float(np.mean(score))


class F1Score(FBetaScore):
    """`FBetaScore` with beta 1; other arguments as there.

    Parameters
    ----------
    average : str, optional
    threshold : float, optional
    name : str
        Default "f1_score".
    dtype : optional
    """

    def __init__(
        self,
        average: str | None = None,
        threshold: float | None = None,
        name: str = "f1_score",
        dtype: Any = None,
    ) -> None:
        super().__init__(average, 1.0, threshold, name, dtype)
