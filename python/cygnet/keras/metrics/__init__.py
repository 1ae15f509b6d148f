"""Metrics by Keras's names, spelled Keras's way: `update_state(y_true, y_pred, sample_weight)`,
`result()` a Tensor, `reset_state()`.

The counting is that of `cygnet.train.metrics`, in float64; means of losses are computed by the
functions of `cygnet.keras.losses`.
"""

from __future__ import annotations

from typing import Any

from cygnet.keras.lookup import Registry
from cygnet.keras.losses import (
    KLD,
    MAE,
    MAPE,
    MSE,
    MSLE,
    binary_crossentropy,
    binary_focal_crossentropy,
    categorical_crossentropy,
    categorical_focal_crossentropy,
    categorical_hinge,
    hinge,
    huber,
    kl_divergence,
    kld,
    log_cosh,
    mae,
    mape,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    mse,
    msle,
    poisson,
    sparse_categorical_crossentropy,
    squared_hinge,
)
from cygnet.keras.metrics.accuracy import (
    Accuracy,
    BinaryAccuracy,
    CategoricalAccuracy,
    SparseCategoricalAccuracy,
    SparseTopKCategoricalAccuracy,
    TopKCategoricalAccuracy,
    binary_accuracy,
    categorical_accuracy,
    sparse_categorical_accuracy,
    sparse_top_k_categorical_accuracy,
    top_k_categorical_accuracy,
)
from cygnet.keras.metrics.base import Mean, MeanMetricWrapper, Metric, Spelled, Sum
from cygnet.keras.metrics.means import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    CategoricalHinge,
    ConcordanceCorrelation,
    CosineSimilarity,
    Hinge,
    KLDivergence,
    LogCoshError,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    PearsonCorrelation,
    Poisson,
    RootMeanSquaredError,
    SparseCategoricalCrossentropy,
    SquaredHinge,
    concordance_correlation,
    cosine_similarity,
    pearson_correlation,
)
from cygnet.train import metrics as core


def _spelled(metric: type[core.Metric]) -> Any:
    """A metric of `cygnet.train.metrics` as one of Keras."""

    def begin(self: Any, *args: Any, **kwargs: Any) -> None:
        Metric.__init__(self)
        metric.__init__(self, *args, **kwargs)

    begin.__wrapped__ = metric.__init__  # type: ignore[attr-defined]  # for its signature
    return type(
        metric.__name__,
        (Spelled, metric),
        {"__init__": begin, "__doc__": metric.__doc__, "__module__": __name__},
    )


AUC = _spelled(core.AUC)
BinaryIoU = _spelled(core.BinaryIoU)
ConfusionMatrix = _spelled(core.ConfusionMatrix)  # Keras has none
F1Score = _spelled(core.F1Score)
FBetaScore = _spelled(core.FBetaScore)
FalseNegatives = _spelled(core.FalseNegatives)
FalsePositives = _spelled(core.FalsePositives)
IoU = _spelled(core.IoU)
MeanIoU = _spelled(core.MeanIoU)
OneHotIoU = _spelled(core.OneHotIoU)
OneHotMeanIoU = _spelled(core.OneHotMeanIoU)
Precision = _spelled(core.Precision)
PrecisionAtRecall = _spelled(core.PrecisionAtRecall)
R2Score = _spelled(core.R2Score)
Recall = _spelled(core.Recall)
RecallAtPrecision = _spelled(core.RecallAtPrecision)
SensitivityAtSpecificity = _spelled(core.SensitivityAtSpecificity)
SpecificityAtSensitivity = _spelled(core.SpecificityAtSensitivity)
TrueNegatives = _spelled(core.TrueNegatives)
TruePositives = _spelled(core.TruePositives)

_CLASSES = (
    AUC,
    Accuracy,
    BinaryAccuracy,
    BinaryCrossentropy,
    BinaryIoU,
    CategoricalAccuracy,
    CategoricalCrossentropy,
    CategoricalHinge,
    ConcordanceCorrelation,
    ConfusionMatrix,
    CosineSimilarity,
    F1Score,
    FBetaScore,
    FalseNegatives,
    FalsePositives,
    Hinge,
    IoU,
    KLDivergence,
    LogCoshError,
    Mean,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanIoU,
    MeanMetricWrapper,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    OneHotIoU,
    OneHotMeanIoU,
    PearsonCorrelation,
    Poisson,
    Precision,
    PrecisionAtRecall,
    R2Score,
    Recall,
    RecallAtPrecision,
    RootMeanSquaredError,
    SensitivityAtSpecificity,
    SparseCategoricalAccuracy,
    SparseCategoricalCrossentropy,
    SparseTopKCategoricalAccuracy,
    SpecificityAtSensitivity,
    SquaredHinge,
    Sum,
    TopKCategoricalAccuracy,
    TrueNegatives,
    TruePositives,
)
_ALIASES: dict[str, Any] = {
    "bce": BinaryCrossentropy,
    "BCE": BinaryCrossentropy,
    "kld": KLDivergence,
    "KLD": KLDivergence,
    "mae": MeanAbsoluteError,
    "MAE": MeanAbsoluteError,
    "mape": MeanAbsolutePercentageError,
    "MAPE": MeanAbsolutePercentageError,
    "mse": MeanSquaredError,
    "MSE": MeanSquaredError,
    "msle": MeanSquaredLogarithmicError,
    "MSLE": MeanSquaredLogarithmicError,
    "rmse": RootMeanSquaredError,
    "RMSE": RootMeanSquaredError,
    "log_cosh": LogCoshError,
    "logcosh": LogCoshError,
    "kullback_leibler_divergence": KLDivergence,
}
_REGISTRY = Registry("metrics", {each.__name__: each for each in _CLASSES}, _ALIASES)
serialize = _REGISTRY.serialize
deserialize = _REGISTRY.deserialize


def get(identifier: Any) -> Any:
    """The metric or function that a name, a configuration, a class or the object itself stands for.

    Raises
    ------
    ValueError
        If there is none of that name; the nearest names are told.
    """
    return _REGISTRY.get(identifier)


# Which of three metrics these mean depends on the shapes.
_BY_SHAPES: dict[str, tuple[Any, Any, Any]] = {
    "accuracy": (BinaryAccuracy, SparseCategoricalAccuracy, CategoricalAccuracy),
    "crossentropy": (BinaryCrossentropy, SparseCategoricalCrossentropy, CategoricalCrossentropy),
}
_BY_SHAPES |= {"acc": _BY_SHAPES["accuracy"], "ce": _BY_SHAPES["crossentropy"]}


def check_name(name: str) -> None:
    """Raises ValueError, with the nearest names, unless a metric has that name."""
    if name not in _BY_SHAPES:
        _REGISTRY.find(name)


def resolve(identifier: Any, y_true: Any, y_pred: Any, loss: Any = None) -> Metric:
    """The metric that `compile` means.

    Parameters
    ----------
    identifier : str, callable, dict or Metric
        'accuracy' and 'crossentropy' depend on the shapes, as in Keras.
    y_true, y_pred : Tensor
        Targets and predictions of a batch.
    loss : optional
        That of the model, which as in Keras 3 does not matter.
    """
    if isinstance(identifier, str) and identifier in _BY_SHAPES:
        binary, sparse, categorical = _BY_SHAPES[identifier]
        true, pred = tuple(y_true.shape), tuple(y_pred.shape)
        if pred[-1:] == (1,):
            kind = binary
        else:
            kind = sparse if len(true) < len(pred) or true[-1:] == (1,) else categorical
        return kind(name=identifier)  # type: ignore[no-any-return]
    found = get(identifier)
    metric: Metric = found if isinstance(found, Metric) else MeanMetricWrapper(found)
    if isinstance(identifier, str):
        metric.name = identifier
    return metric


__all__ = [
    "AUC",
    "KLD",
    "MAE",
    "MAPE",
    "MSE",
    "MSLE",
    "Accuracy",
    "BinaryAccuracy",
    "BinaryCrossentropy",
    "BinaryIoU",
    "CategoricalAccuracy",
    "CategoricalCrossentropy",
    "CategoricalHinge",
    "ConcordanceCorrelation",
    "ConfusionMatrix",
    "CosineSimilarity",
    "F1Score",
    "FBetaScore",
    "FalseNegatives",
    "FalsePositives",
    "Hinge",
    "IoU",
    "KLDivergence",
    "LogCoshError",
    "Mean",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanIoU",
    "MeanMetricWrapper",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Metric",
    "OneHotIoU",
    "OneHotMeanIoU",
    "PearsonCorrelation",
    "Poisson",
    "Precision",
    "PrecisionAtRecall",
    "R2Score",
    "Recall",
    "RecallAtPrecision",
    "RootMeanSquaredError",
    "SensitivityAtSpecificity",
    "SparseCategoricalAccuracy",
    "SparseCategoricalCrossentropy",
    "SparseTopKCategoricalAccuracy",
    "SpecificityAtSensitivity",
    "SquaredHinge",
    "Sum",
    "TopKCategoricalAccuracy",
    "TrueNegatives",
    "TruePositives",
    "binary_accuracy",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_accuracy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_hinge",
    "check_name",
    "concordance_correlation",
    "cosine_similarity",
    "deserialize",
    "get",
    "hinge",
    "huber",
    "kl_divergence",
    "kld",
    "log_cosh",
    "mae",
    "mape",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "mse",
    "msle",
    "pearson_correlation",
    "poisson",
    "resolve",
    "serialize",
    "sparse_categorical_accuracy",
    "sparse_categorical_crossentropy",
    "sparse_top_k_categorical_accuracy",
    "squared_hinge",
    "top_k_categorical_accuracy",
]
