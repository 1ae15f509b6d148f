"""The losses as classes: each wraps the function that it names.

`reduction`, `name` and `dtype` are as in `Loss`, other arguments as in the function.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from cygnet.keras.losses import functions
from cygnet.keras.losses.base import LossFunction, LossFunctionWrapper
from cygnet.tensor import Tensor

_MEAN = "sum_over_batch_size"


class _Plain(LossFunctionWrapper):
    """A function without arguments of its own."""

    _function: ClassVar[LossFunction]

    def __init__(
        self, reduction: str | None = _MEAN, name: str | None = None, dtype: Any = None
    ) -> None:
        super().__init__(self._function, reduction, name, dtype)


class CategoricalHinge(_Plain):
    """`categorical_hinge` of a batch."""

    _function = staticmethod(functions.categorical_hinge)


class CTC(_Plain):
    """`ctc` of a batch."""

    _function = staticmethod(functions.ctc)


class Hinge(_Plain):
    """`hinge` of a batch."""

    _function = staticmethod(functions.hinge)


class KLDivergence(_Plain):
    """`kl_divergence` of a batch."""

    _function = staticmethod(functions.kl_divergence)


class LogCosh(_Plain):
    """`log_cosh` of a batch."""

    _function = staticmethod(functions.log_cosh)


class MeanAbsoluteError(_Plain):
    """`mean_absolute_error` of a batch."""

    _function = staticmethod(functions.mean_absolute_error)


class MeanAbsolutePercentageError(_Plain):
    """`mean_absolute_percentage_error` of a batch."""

    _function = staticmethod(functions.mean_absolute_percentage_error)


class MeanSquaredError(_Plain):
    """`mean_squared_error` of a batch."""

    _function = staticmethod(functions.mean_squared_error)


class MeanSquaredLogarithmicError(_Plain):
    """`mean_squared_logarithmic_error` of a batch."""

    _function = staticmethod(functions.mean_squared_logarithmic_error)


class Poisson(_Plain):
    """`poisson` of a batch."""

    _function = staticmethod(functions.poisson)


class SquaredHinge(_Plain):
    """`squared_hinge` of a batch."""

    _function = staticmethod(functions.squared_hinge)


class CosineSimilarity(LossFunctionWrapper):
    """`cosine_similarity` of a batch."""

    def __init__(
        self,
        axis: int = -1,
        reduction: str | None = _MEAN,
        name: str | None = "cosine_similarity",
        dtype: Any = None,
    ) -> None:
        super().__init__(functions.cosine_similarity, reduction, name, dtype, axis=axis)


class Huber(LossFunctionWrapper):
    """`huber` of a batch."""

    def __init__(
        self,
        delta: float = 1.0,
        reduction: str | None = _MEAN,
        name: str | None = "huber_loss",
        dtype: Any = None,
    ) -> None:
        super().__init__(functions.huber, reduction, name, dtype, delta=delta)


class BinaryCrossentropy(LossFunctionWrapper):
    """`binary_crossentropy` of a batch."""

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = _MEAN,
        name: str | None = "binary_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(
            functions.binary_crossentropy,
            reduction,
            name,
            dtype,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )


class BinaryFocalCrossentropy(LossFunctionWrapper):
    """`binary_focal_crossentropy` of a batch."""

    def __init__(
        self,
        apply_class_balancing: bool = False,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = _MEAN,
        name: str | None = "binary_focal_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(
            functions.binary_focal_crossentropy,
            reduction,
            name,
            dtype,
            apply_class_balancing=apply_class_balancing,
            alpha=alpha,
            gamma=gamma,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )


class CategoricalCrossentropy(LossFunctionWrapper):
    """`categorical_crossentropy` of a batch."""

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = _MEAN,
        name: str | None = "categorical_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(
            functions.categorical_crossentropy,
            reduction,
            name,
            dtype,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )


class CategoricalFocalCrossentropy(LossFunctionWrapper):
    """`categorical_focal_crossentropy` of a batch."""

    def __init__(
        self,
        alpha: float | Sequence[float] = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = _MEAN,
        name: str | None = "categorical_focal_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(
            functions.categorical_focal_crossentropy,
            reduction,
            name,
            dtype,
            alpha=alpha,
            gamma=gamma,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )


class CategoricalGeneralizedCrossEntropy(LossFunctionWrapper):
    """`categorical_generalized_cross_entropy` of a batch."""

    def __init__(
        self,
        q: float = 0.5,
        reduction: str | None = _MEAN,
        name: str | None = "categorical_generalized_cross_entropy",
        dtype: Any = None,
    ) -> None:
        if not 0 < q < 1:
            raise ValueError(f"{type(self).__name__}: argument q expected 0 < q < 1, got {q}")
        super().__init__(
            functions.categorical_generalized_cross_entropy, reduction, name, dtype, q=q
        )


class SparseCategoricalCrossentropy(LossFunctionWrapper):
    """`sparse_categorical_crossentropy` of a batch."""

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: str | None = _MEAN,
        axis: int = -1,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(
            functions.sparse_categorical_crossentropy,
            reduction,
            name,
            dtype,
            from_logits=from_logits,
            ignore_class=ignore_class,
            axis=axis,
        )

    def _mask(self, y_true: Any, losses: Tensor) -> Tensor | None:
        ignored = self._options["ignore_class"]
        if ignored is None:
            return None
        return functions.labels_other_than(ignored, y_true, losses.shape)


class Dice(LossFunctionWrapper):
    """`dice` of a batch."""

    def __init__(
        self,
        reduction: str | None = _MEAN,
        name: str | None = "dice",
        axis: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(functions.dice, reduction, name, dtype, axis=axis)


class Tversky(LossFunctionWrapper):
    """`tversky` of a batch."""

    def __init__(
        self,
        alpha: float = 0.5,
        beta: float = 0.5,
        reduction: str | None = _MEAN,
        name: str | None = "tversky",
        axis: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            functions.tversky, reduction, name, dtype, alpha=alpha, beta=beta, axis=axis
        )
