"""Shares of right predictions."""

from __future__ import annotations

import numpy as np

from cygnet import kernels
from cygnet.dtypes import NAMES
from cygnet.kernels import ShapeError
from cygnet.tensor import Array
from cygnet.train.metrics.base import Mean

__all__ = ["Accuracy", "TopKAccuracy"]


def equal(name: str, predicted: Array, labels: Array) -> Array:
    """Which of the predicted labels are right."""
    if predicted.shape != labels.shape:
        raise ShapeError(f"{name}: labels have shape {labels.shape}, expected {predicted.shape}")
    if labels.dtype != predicted.dtype:
        if labels.dtype.kind == "f":
            predicted = kernels.cast(predicted, NAMES[labels.dtype])
        else:
            labels = kernels.cast(labels, NAMES[predicted.dtype])
    return kernels.eq(predicted, labels)


def labels_of(name: str, output: Array, target: Array, axis: int) -> Array:
    """The right classes of scores: the targets themselves, perhaps with a last axis of size 1, or
    where one-hot targets are largest.
    """
    if target.shape == output.shape:
        return kernels.argmax(target, axis)
    shape = output.shape[:axis] + (output.shape[axis + 1 :] if axis >= 0 else ())
    if target.shape != shape:
        if target.shape != (*shape, 1):
            raise ShapeError(
                f"{name}: target has shape {target.shape}, output has shape {output.shape}"
            )
        target = target.reshape(shape)
    return target


def class_hits(name: str, output: Array, target: Array, axis: int) -> Array:
    """Whether the class with the highest score along an axis is the right one."""
    return equal(name, kernels.argmax(output, axis), labels_of(name, output, target, axis))


def top_k_hits(name: str, output: Array, labels: Array, k: int) -> Array:
    """Whether the right class (N,) is among the k highest scores (N, C); a label that is no class
    is not.
    """
    last = output.shape[1] - 1
    at = labels[:, None].astype(np.int64).clip(0, last)
    right = np.take_along_axis(output, at, axis=1)
    hits: Array = (np.count_nonzero(output > right, axis=1) < k) & ~np.isnan(right[:, 0])
    hits &= (labels >= 0) & (labels <= last)
    return hits


class Accuracy(Mean):
    """The share of samples whose predicted class is the right one.

    Outputs (N, C, ...) with C > 1 are scores of C classes; targets are labels (N, ...) or
    one-hot, shaped as the outputs. Outputs (N,) or (N, 1) are binary scores; targets are 0 or 1.

    Parameters
    ----------
    threshold : float, default 0.5
        Binary scores above it mean class 1; 0.0 suits logits.
    name : str, default "accuracy"
    """

    def __init__(self, threshold: float = 0.5, name: str = "accuracy") -> None:
        super().__init__(name)
        self.threshold = threshold

    def values(self, output: Array, target: Array) -> Array:
        """Which samples are hit."""
        if output.ndim > 1 and output.shape[1] > 1:
            return class_hits(self.name, output, target, 1)
        if output.size != target.size:
            raise ShapeError(
                f"{self.name}: target has shape {target.shape}, output has shape {output.shape}"
            )
        hits: Array = (output.reshape(-1) > self.threshold) == (target.reshape(-1) > 0.5)
        return hits


class TopKAccuracy(Mean):
    """The share of samples whose right class is among the k highest scores.

    Parameters
    ----------
    k : int, default 5
    name : str, optional
        Default ``top{k}_accuracy``.
    """

    def __init__(self, k: int = 5, name: str | None = None) -> None:
        if k < 1:
            raise ValueError(f"TopKAccuracy: argument k expected at least 1, got {k}")
        super().__init__(name or f"top{k}_accuracy")
        self.k = k

    def values(self, output: Array, target: Array) -> Array:
        """Which samples are hit, for outputs (N, C)."""
        if output.ndim != 2:
            raise ShapeError(f"{self.name}: output expected shape (N, C), got {output.shape}")
        return top_k_hits(self.name, output, labels_of(self.name, output, target, 1), self.k)
