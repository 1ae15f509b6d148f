"""Losses by Keras's names: functions, which give one number a sample, and classes, which weight and
reduce these.
"""

from __future__ import annotations

from typing import Any

from cygnet.keras.losses.base import REGISTRY, Loss, LossFunction, LossFunctionWrapper
from cygnet.keras.losses.classes import (
    CTC,
    BinaryCrossentropy,
    BinaryFocalCrossentropy,
    CategoricalCrossentropy,
    CategoricalFocalCrossentropy,
    CategoricalGeneralizedCrossEntropy,
    CategoricalHinge,
    CosineSimilarity,
    Dice,
    Hinge,
    Huber,
    KLDivergence,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    Poisson,
    SparseCategoricalCrossentropy,
    SquaredHinge,
    Tversky,
)
from cygnet.keras.losses.functions import (
    binary_crossentropy,
    binary_focal_crossentropy,
    categorical_crossentropy,
    categorical_focal_crossentropy,
    categorical_generalized_cross_entropy,
    categorical_hinge,
    cosine_similarity,
    ctc,
    dice,
    hinge,
    huber,
    kl_divergence,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    poisson,
    sparse_categorical_crossentropy,
    squared_hinge,
    tversky,
)

# Each class beside the function that it wraps.
_CLASSES: dict[LossFunction, Any] = {
    binary_crossentropy: BinaryCrossentropy,
    binary_focal_crossentropy: BinaryFocalCrossentropy,
    categorical_crossentropy: CategoricalCrossentropy,
    categorical_focal_crossentropy: CategoricalFocalCrossentropy,
    categorical_generalized_cross_entropy: CategoricalGeneralizedCrossEntropy,
    categorical_hinge: CategoricalHinge,
    cosine_similarity: CosineSimilarity,
    ctc: CTC,
    dice: Dice,
    hinge: Hinge,
    huber: Huber,
    kl_divergence: KLDivergence,
    log_cosh: LogCosh,
    mean_absolute_error: MeanAbsoluteError,
    mean_absolute_percentage_error: MeanAbsolutePercentageError,
    mean_squared_error: MeanSquaredError,
    mean_squared_logarithmic_error: MeanSquaredLogarithmicError,
    poisson: Poisson,
    sparse_categorical_crossentropy: SparseCategoricalCrossentropy,
    squared_hinge: SquaredHinge,
    tversky: Tversky,
}
_ALIASES = {
    "BCE": binary_crossentropy,
    "bce": binary_crossentropy,
    "KLD": kl_divergence,
    "kld": kl_divergence,
    "kullback_leibler_divergence": kl_divergence,
    "logcosh": log_cosh,
    "MAE": mean_absolute_error,
    "mae": mean_absolute_error,
    "MAPE": mean_absolute_percentage_error,
    "mape": mean_absolute_percentage_error,
    "MSE": mean_squared_error,
    "mse": mean_squared_error,
    "MSLE": mean_squared_logarithmic_error,
    "msle": mean_squared_logarithmic_error,
}
globals().update(_ALIASES)
REGISTRY.add(*_CLASSES, *_CLASSES.values(), LossFunctionWrapper, **_ALIASES)
get = REGISTRY.get
serialize = REGISTRY.serialize
deserialize = REGISTRY.deserialize

__all__ = [
    "Loss",
    "deserialize",
    "get",
    "resolve",
    "serialize",
    *_ALIASES,
    *(each.__name__ for each in (*_CLASSES, *_CLASSES.values())),
]


def resolve(identifier: Any) -> Loss:
    """The `Loss` that a name, function, configuration or object stands for.

    Unlike `get`, which gives functions where Keras does, it gives the class of each of Keras's
    functions, and wraps functions of the user.
    """
    found = get(identifier)
    if isinstance(found, Loss):
        return found
    loss: Loss = _CLASSES[found]() if found in _CLASSES else LossFunctionWrapper(found)
    return loss
