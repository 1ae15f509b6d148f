"""Shares of right predictions: functions that give each sample's, and classes that average them."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from cygnet.keras.metrics.base import MeanMetricWrapper
from cygnet.tensor import Array, Tensor
from cygnet.train.metrics.accuracy import class_hits, equal, labels_of, top_k_hits
from cygnet.train.metrics.base import array_of, check_shapes, same_rank


def _tensor_of_hits(hits: Array) -> Tensor:
    return Tensor._wrap(hits.astype(np.float32))


def _equal_hits(y_true: Array, y_pred: Array) -> Array:
    y_true, y_pred = same_rank(y_true, y_pred)
    return equal("accuracy", y_pred, y_true)


def _binary_hits(y_true: Array, y_pred: Array, threshold: float = 0.5) -> Array:
    y_true, y_pred = same_rank(y_true, y_pred)
    check_shapes("binary_accuracy", y_pred, y_true)
    hits: Array = (y_pred > threshold) == y_true
    return hits


def _categorical_hits(y_true: Array, y_pred: Array) -> Array:
    check_shapes("categorical_accuracy", y_pred, y_true)
    return class_hits("categorical_accuracy", y_pred, y_true, -1)


def _sparse_hits(y_true: Array, y_pred: Array) -> Array:
    if y_true.shape == y_pred.shape:
        y_true = y_true[..., 0]
    return class_hits("sparse_categorical_accuracy", y_pred, y_true, -1)


def _top_k_hits(y_true: Array, y_pred: Array, k: int = 5) -> Array:
    check_shapes("top_k_categorical_accuracy", y_pred, y_true)
    return _sparse_top_k_hits(y_true.argmax(-1), y_pred, k)


def _sparse_top_k_hits(
    y_true: Array, y_pred: Array, k: int = 5, from_sorted_ids: bool = False
) -> Array:
    name = "sparse_top_k_categorical_accuracy"
    labels = labels_of(name, y_pred, y_true, -1)
    rows = y_pred.reshape(-1, y_pred.shape[-1])
    if from_sorted_ids:
        hits: Array = (labels.reshape(-1, 1) == rows[:, :k]).any(1)
    else:
        hits = top_k_hits(name, rows, labels.reshape(-1), k)
    return hits.reshape(labels.shape)


def accuracy(y_true: Any, y_pred: Any) -> Tensor:
    """1 where `y_pred` equals `y_true`, else 0."""
    return _tensor_of_hits(_equal_hits(array_of(y_true), array_of(y_pred)))


def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> Tensor:
    """1 where `y_pred` is above the threshold just if `y_true` is 1, else 0."""
    return _tensor_of_hits(_binary_hits(array_of(y_true), array_of(y_pred), threshold))


def categorical_accuracy(y_true: Any, y_pred: Any) -> Tensor:
    """For scores (..., C) and one-hot targets: 1 where both are largest at one place, else 0."""
    return _tensor_of_hits(_categorical_hits(array_of(y_true), array_of(y_pred)))


def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> Tensor:
    """For scores (..., C) and labels (...) or (..., 1): 1 where the label has the highest score,
    else 0.
    """
    return _tensor_of_hits(_sparse_hits(array_of(y_true), array_of(y_pred)))


def top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Tensor:
    """For scores (..., C) and one-hot targets: 1 where the right class is among the k highest
    scores, else 0.
    """
    return _tensor_of_hits(_top_k_hits(array_of(y_true), array_of(y_pred), k))


def sparse_top_k_categorical_accuracy(
    y_true: Any, y_pred: Any, k: int = 5, from_sorted_ids: bool = False
) -> Tensor:
    """For scores (..., C), or with `from_sorted_ids` labels from the best on, and labels (...): 1
    where the right class is among the k best, else 0.
    """
    hits = _sparse_top_k_hits(array_of(y_true), array_of(y_pred), k, from_sorted_ids)
    return _tensor_of_hits(hits)


class _Hits(MeanMetricWrapper):
    """The mean of hits, which are counted as bools."""

    _hits: ClassVar[Any]

    def _values(self, y_true: Any, y_pred: Any) -> Array:
        return self._hits(array_of(y_true), array_of(y_pred), **self._options)  # type: ignore[no-any-return]


class Accuracy(_Hits):
    """The mean of `accuracy`: how often predictions, such as labels, equal targets."""

    _hits = staticmethod(_equal_hits)

    def __init__(self, name: str | None = "accuracy", dtype: Any = None) -> None:
        super().__init__(accuracy, name, dtype)


class BinaryAccuracy(_Hits):
    """The mean of `binary_accuracy`."""

    _hits = staticmethod(_binary_hits)

    def __init__(
        self, name: str | None = "binary_accuracy", dtype: Any = None, threshold: float = 0.5
    ) -> None:
        super().__init__(binary_accuracy, name, dtype, threshold=threshold)


class CategoricalAccuracy(_Hits):
    """The mean of `categorical_accuracy`."""

    _hits = staticmethod(_categorical_hits)

    def __init__(self, name: str | None = "categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(categorical_accuracy, name, dtype)


class SparseCategoricalAccuracy(_Hits):
    """The mean of `sparse_categorical_accuracy`."""

    _hits = staticmethod(_sparse_hits)

    def __init__(self, name: str | None = "sparse_categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(sparse_categorical_accuracy, name, dtype)


class TopKCategoricalAccuracy(_Hits):
    """The mean of `top_k_categorical_accuracy`."""

    _hits = staticmethod(_top_k_hits)

    def __init__(
        self, k: int = 5, name: str | None = "top_k_categorical_accuracy", dtype: Any = None
    ) -> None:
        super().__init__(top_k_categorical_accuracy, name, dtype, k=k)


class SparseTopKCategoricalAccuracy(_Hits):
    """The mean of `sparse_top_k_categorical_accuracy`."""

    _hits = staticmethod(_sparse_top_k_hits)

    def __init__(
        self,
        k: int = 5,
        name: str | None = "sparse_top_k_categorical_accuracy",
        dtype: Any = None,
        from_sorted_ids: bool = False,
    ) -> None:
        super().__init__(
            sparse_top_k_categorical_accuracy, name, dtype, k=k, from_sorted_ids=from_sorted_ids
        )
