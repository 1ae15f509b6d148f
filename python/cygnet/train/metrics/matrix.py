"""Which class is taken for which: the confusion matrix, and overlaps of regions from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cygnet.kernels import ShapeError
from cygnet.tensor import Array
from cygnet.train.metrics.accuracy import labels_of
from cygnet.train.metrics.base import Metric, array_of
from cygnet.train.metrics.confusion import EPSILON

__all__ = ["BinaryIoU", "ConfusionMatrix", "IoU", "MeanIoU", "OneHotIoU", "OneHotMeanIoU"]


def counted(truth: Array, predicted: Array, classes: int, weight: Array | None = None) -> Array:
    """The matrix of pairs of labels (N,), all below `classes`: rows are the true ones."""
    places = truth.astype(np.int64) * classes + predicted.astype(np.int64)
    counts = np.bincount(places, weight, minlength=classes * classes)
    return counts.reshape(classes, classes)


class ConfusionMatrix(Metric):
    """How often each class (row) is taken for each class (column).

    Parameters
    ----------
    num_classes : int, optional
        Default: the number of scores, or 2 for binary ones.
    threshold : float
        Binary scores above it mean class 1. Default 0.5.
    name : str
        Default "confusion_matrix".
    """

    _states = ("matrix",)

    matrix: Any

    def __init__(
        self,
        num_classes: int | None = None,
        threshold: float = 0.5,
        name: str = "confusion_matrix",
    ) -> None:
        self.num_classes = num_classes
        self.threshold = threshold
        super().__init__(name)

    def update(self, output: Any, target: Any, weight: Any = None) -> None:
        """Add a batch.

        Parameters
        ----------
        output : Tensor or array_like
            Scores (N, C, ...), or binary ones (N,) or (N, 1).
        target : Tensor or array_like
            Labels (N, ...), or one-hot.
        weight : Tensor or array_like, optional
            How much each label counts.

        Raises
        ------
        IndexError
            If a label is not a class.
        """
        scores, truth = array_of(output), array_of(target)
        if scores.ndim > 1 and scores.shape[1] > 1:
            classes = self.num_classes or scores.shape[1]
            predicted, truth = scores.argmax(1), labels_of(self.name, scores, truth, 1)
        else:
            classes = self.num_classes or 2
            predicted = scores.reshape(-1) > self.threshold
        truth, predicted = truth.reshape(-1), predicted.reshape(-1)
        if truth.shape != predicted.shape:
            raise ShapeError(
                f"{self.name}: target has shape {np.shape(target)}, output {np.shape(output)}"
            )
        for labels in (truth, predicted):
            wrong = labels[(labels < 0) | (labels >= classes)]
            if wrong.size:
                raise IndexError(
                    f"{self.name}: there is a label {wrong[0]}, expected 0 <= label < {classes}"
                )
        weights = None
        if weight is not None:
            weights = np.broadcast_to(array_of(weight), truth.shape).astype(np.float64)
        self.matrix = self.matrix + counted(truth, predicted, classes, weights)

    def result(self) -> Array:
        """The matrix (C, C), float64."""
        return np.asarray(self.matrix)


class IoU(Metric):
    """The intersection of regions of true and predicted labels over their union, the mean over
    some classes.

    Parameters
    ----------
    num_classes : int
    target_class_ids : sequence of int
        Of which classes the mean is taken; those that occur nowhere are left out.
    name : str, optional
    dtype : optional
        Weights are rounded down to integers unless it is a floating-point type, as in Keras.
    ignore_class : int, optional
        Targets of this class do not count, and neither do labels that are no class.
    sparse_y_true, sparse_y_pred : bool
        Whether targets and outputs are labels (default) or scores, whose highest counts.
    axis : int
        That of the classes of scores. Default -1.
    """

    _states = ("total_cm",)

    total_cm: Any

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        if max(target_class_ids) >= num_classes:
            raise ValueError(
                f"{type(self).__name__}: target_class_ids has {max(target_class_ids)}, expected "
                f"less than num_classes, {num_classes}"
            )
        self.num_classes = num_classes
        self.target_class_ids = list(target_class_ids)
        self.dtype = dtype
        self.ignore_class = ignore_class
        self.sparse_y_true = sparse_y_true
        self.sparse_y_pred = sparse_y_pred
        self.axis = axis
        super().__init__(name or type(self).__name__.lower())

    def reset(self) -> None:
        """Forget all batches."""
        self.total_cm = np.zeros((self.num_classes, self.num_classes))

    def update(self, output: Any, target: Any, weight: Any = None) -> None:
        """Add a batch of labels or scores, with a weight for each label."""
        predicted, truth = array_of(output), array_of(target)
        if not self.sparse_y_pred:
            predicted = predicted.argmax(self.axis)
        if not self.sparse_y_true:
            truth = truth.argmax(self.axis)
        predicted, truth = predicted.reshape(-1), truth.reshape(-1)
        if predicted.shape != truth.shape:
            raise ShapeError(
                f"{self.name}: target has shape {np.shape(target)}, output {np.shape(output)}"
            )
        weights = np.ones(()) if weight is None else array_of(weight).reshape(-1)
        if self.dtype is None or np.dtype(self.dtype).kind != "f":
            weights = weights.astype(np.int64)
        weights = np.broadcast_to(weights, truth.shape)
        kept = (truth >= 0) & (truth < self.num_classes)
        kept &= (predicted >= 0) & (predicted < self.num_classes)
        if self.ignore_class is not None:
            kept &= truth != self.ignore_class
        found = counted(truth[kept], predicted[kept], self.num_classes, weights[kept])
        self.total_cm = self.total_cm + found

    def result(self) -> float:
        """The mean over the classes."""
        both = np.diag(self.total_cm)
        either = self.total_cm.sum(0) + self.total_cm.sum(1) - both
        both, either = both[self.target_class_ids], either[self.target_class_ids]
        there = either > 1e-9
        shares = np.where(there, both / (either + EPSILON), 0.0)
        return float(shares.sum() / (there.sum() + EPSILON))


class BinaryIoU(IoU):
    """`IoU` of the classes 0 and 1, where scores of at least the threshold are class 1.

    Parameters
    ----------
    target_class_ids : sequence of int
        Default (0, 1).
    threshold : float
        Default 0.5.
    name : str, optional
    dtype : optional
    """

    def __init__(
        self,
        target_class_ids: Sequence[int] = (0, 1),
        threshold: float = 0.5,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        self.threshold = threshold
        super().__init__(2, target_class_ids, name, dtype)

    def update(self, output: Any, target: Any, weight: Any = None) -> None:
        """Add a batch of scores and targets 0 and 1, with a weight for each."""
        super().update(array_of(output) >= self.threshold, target, weight)


class MeanIoU(IoU):
    """`IoU` of all classes; other arguments as there."""

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        super().__init__(
            num_classes,
            range(num_classes),
            name or "mean_io_u",
            dtype,
            ignore_class,
            sparse_y_true,
            sparse_y_pred,
            axis,
        )


class OneHotIoU(IoU):
    """`IoU` of one-hot targets and, by default, scores; other arguments as there."""

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(
            num_classes,
            target_class_ids,
            name or "one_hot_io_u",
            dtype,
            ignore_class,
            False,
            sparse_y_pred,
            axis,
        )


class OneHotMeanIoU(MeanIoU):
    """`MeanIoU` of one-hot targets and, by default, scores; other arguments as in `IoU`."""

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(
            num_classes,
            name or "one_hot_mean_io_u",
            dtype,
            ignore_class,
            False,
            sparse_y_pred,
            axis,
        )
