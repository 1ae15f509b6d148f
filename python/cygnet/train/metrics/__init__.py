"""Measures of a model's outputs over the samples of an epoch, for both faces."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable

from cygnet.train.metrics.accuracy import Accuracy, TopKAccuracy
from cygnet.train.metrics.auc import AUC
from cygnet.train.metrics.base import Mean, Metric
from cygnet.train.metrics.confusion import (
    F1Score,
    FalseNegatives,
    FalsePositives,
    FBetaScore,
    Precision,
    PrecisionAtRecall,
    Recall,
    RecallAtPrecision,
    SensitivityAtSpecificity,
    SpecificityAtSensitivity,
    TrueNegatives,
    TruePositives,
)
from cygnet.train.metrics.matrix import (
    BinaryIoU,
    ConfusionMatrix,
    IoU,
    MeanIoU,
    OneHotIoU,
    OneHotMeanIoU,
)
from cygnet.train.metrics.regression import (
    MeanAbsoluteError,
    MeanSquaredError,
    R2Score,
    RootMeanSquaredError,
)

__all__ = [
    "AUC",
    "Accuracy",
    "BinaryIoU",
    "ConfusionMatrix",
    "F1Score",
    "FBetaScore",
    "FalseNegatives",
    "FalsePositives",
    "IoU",
    "Mean",
    "MeanAbsoluteError",
    "MeanIoU",
    "MeanSquaredError",
    "Metric",
    "OneHotIoU",
    "OneHotMeanIoU",
    "Precision",
    "PrecisionAtRecall",
    "R2Score",
    "Recall",
    "RecallAtPrecision",
    "RootMeanSquaredError",
    "SensitivityAtSpecificity",
    "SpecificityAtSensitivity",
    "TopKAccuracy",
    "TrueNegatives",
    "TruePositives",
    "resolve",
]

_BY_NAME: dict[str, Callable[[], Metric]] = {
    "accuracy": Accuracy,
    "top5_accuracy": TopKAccuracy,
    "auc": AUC,
    "confusion_matrix": ConfusionMatrix,
    "f1": lambda: F1Score("macro", name="f1"),
    "mae": MeanAbsoluteError,
    "mse": MeanSquaredError,
    "precision": Precision,
    "r2": lambda: R2Score(name="r2"),
    "recall": Recall,
    "rmse": RootMeanSquaredError,
}


def resolve(metrics: str | Metric | Iterable[str | Metric]) -> list[Metric]:
    """The metric objects that names and objects stand for.

    Parameters
    ----------
    metrics : str, Metric or iterable of them
        Names: `accuracy`, `top5_accuracy`, ... Any object with a ``name``
        and the methods reset, update and result serves.

    Raises
    ------
    ValueError
        For an unknown name (near ones are suggested) or a name that comes twice; "loss" is that of
        the loss.
    TypeError
        For what is neither a name nor a metric.
    """
    if isinstance(metrics, str) or hasattr(metrics, "update"):
        metrics = [metrics]  # type: ignore[list-item]
    found: list[Metric] = []
    taken = {"loss"}
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
        if metric.name in taken:
            raise ValueError(f"metrics: the name {metric.name!r} comes twice")
        taken.add(metric.name)
        found.append(metric)
    return found
