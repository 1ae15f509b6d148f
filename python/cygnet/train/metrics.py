"""Measures of a model's outputs, averaged over the samples of an epoch."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from cygnet import kernels
from cygnet.tensor import Array, Tensor

__all__ = [
    "Accuracy",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "Metric",
    "TopKAccuracy",
    "resolve",
]


def _array(value: Any) -> Array:
    return value._array if isinstance(value, Tensor) else np.asarray(value)


class Metric:
    """A mean over samples or elements that grows batch by batch.

    Subclasses define :meth:`score`; others may define :meth:`reset`, :meth:`update` and
    :meth:`result` as they like.

    Parameters
    ----------
    name : str
        Under which histories and progress show it.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.reset()

    def reset(self) -> None:
        """Forget all batches."""
        self._total = 0.0
        self._count = 0

    def update(self, output: Any, target: Any) -> None:
        """Add one batch of outputs and targets, Tensors or arrays."""
        total, count = self.score(_array(output), _array(target))
        self._total += total
        self._count += count

    def score(self, output: Array, target: Array) -> tuple[float, int]:
        """The sum over one batch, and how many values it sums."""
        raise NotImplementedError(f"{type(self).__name__} defines no score")

    def result(self) -> float:
        """The mean of all batches since :meth:`reset`; NaN before the first."""
        return self._total / self._count if self._count else float("nan")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name}={self.result():.4g})"


def _class_labels(op: str, output: Array, target: Array) -> Array:
    if target.shape == output.shape:
        return kernels.argmax(target, 1)
    labels = target.reshape(-1) if target.shape == (len(output), 1) else target
    if labels.shape != output.shape[:1] + output.shape[2:]:
        raise kernels.ShapeError(
            f"{op}: target has shape {target.shape}, output has shape {output.shape}"
        )
    return labels


class Accuracy(Metric):
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

    def score(self, output: Array, target: Array) -> tuple[float, int]:
        """The number of hits and of samples."""
        if output.ndim > 1 and output.shape[1] > 1:
            hits = kernels.argmax(output, 1) == _class_labels(self.name, output, target)
        else:
            if output.size != target.size:
                raise kernels.ShapeError(
                    f"{self.name}: target has shape {target.shape}, output has shape {output.shape}"
                )
            hits = (output.reshape(-1) > self.threshold) == (target.reshape(-1) > 0.5)
        return int(np.count_nonzero(hits)), hits.size


class TopKAccuracy(Metric):
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

    def score(self, output: Array, target: Array) -> tuple[float, int]:
        """The number of hits and of samples, for outputs (N, C)."""
        if output.ndim != 2:
            raise kernels.ShapeError(
                f"{self.name}: output expected shape (N, C), got {output.shape}"
            )
        labels = _class_labels(self.name, output, target)
        right = np.take_along_axis(output, labels[:, None].astype(np.int64), axis=1)
        hits = (np.count_nonzero(output > right, axis=1) < self.k) & ~np.isnan(right[:, 0])
        return int(np.count_nonzero(hits)), len(hits)


class _ElementMean(Metric):
    def _difference(self, output: Array, target: Array) -> Array:
        if output.shape != target.shape:
            raise kernels.ShapeError(
                f"{self.name}: target has shape {target.shape}, output has shape {output.shape}"
            )
        return output.astype(np.float64).ravel() - target.ravel()


class MeanSquaredError(_ElementMean):
    """The mean of ``(output - target)²`` over elements, in float64."""

    def __init__(self, name: str = "mse") -> None:
        super().__init__(name)

    def score(self, output: Array, target: Array) -> tuple[float, int]:
        """The sum of squares and the number of elements."""
        difference = self._difference(output, target)
        return float(difference @ difference), difference.size


class MeanAbsoluteError(_ElementMean):
    """The mean of ``|output - target|`` over elements, in float64."""

    def __init__(self, name: str = "mae") -> None:
        super().__init__(name)

    def score(self, output: Array, target: Array) -> tuple[float, int]:
        """The sum of absolute values and the number of elements."""
        difference = self._difference(output, target)
        return float(np.abs(difference).sum()), difference.size


_BY_NAME: dict[str, Callable[[], Metric]] = {
    "accuracy": Accuracy,
    "top5_accuracy": TopKAccuracy,
    "mse": MeanSquaredError,
    "mae": MeanAbsoluteError,
}


def resolve(metrics: str | Metric | Iterable[str | Metric]) -> list[Metric]:
    """The metric objects that names and objects stand for.

    Parameters
    ----------
    metrics : str, Metric or iterable of them
        Names: ``accuracy``, ``top5_accuracy``, ``mse``, ``mae``. Any object with a ``name``
        and the methods reset, update and result serves.

    Raises
    ------
    ValueError
        For an unknown name (near ones are suggested) or a name that comes twice.
    TypeError
        For what is neither a name nor a metric.
    """
    if isinstance(metrics, str) or hasattr(metrics, "update"):
        metrics = [metrics]  # type: ignore[list-item]
    found: list[Metric] = []
    for metric in metrics:
        if isinstance(metric, str):
            if metric not in _BY_NAME:
                near = difflib.get_close_matches(metric, _BY_NAME, n=2, cutoff=0.4)
                hint = f"did you mean {' or '.join(map(repr, near))}? " if near else ""
                raise ValueError(
                    f"unknown metric {metric!r}; {hint}known names: {', '.join(_BY_NAME)}"
                )
            metric = _BY_NAME[metric]()
        elif not all(hasattr(metric, part) for part in ("name", "reset", "update", "result")):
            raise TypeError(
                "metrics: expected names or objects with name, reset, update and result, "
                f"got {type(metric).__name__}"
            )
        if any(metric.name == other.name for other in found):
            raise ValueError(f"metrics: the name {metric.name!r} comes twice")
        found.append(metric)
    return found
