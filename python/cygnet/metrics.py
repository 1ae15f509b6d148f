"""Metrics under their public name; they live in :mod:`cygnet.train.metrics`."""

from cygnet.train.metrics import (
    Accuracy,
    MeanAbsoluteError,
    MeanSquaredError,
    Metric,
    TopKAccuracy,
    resolve,
)

__all__ = [
    "Accuracy",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "Metric",
    "TopKAccuracy",
    "resolve",
]
