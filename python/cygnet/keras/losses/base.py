"""What losses are: functions of a batch whose results are weighted and reduced."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from cygnet import ops
from cygnet.dtypes import NAMES, get_default_dtype
from cygnet.keras.attached import masks
from cygnet.keras.lookup import Configurable, snake_case
from cygnet.keras.losses.functions import MEANS, floating_tensor, plain_tensor, same_rank
from cygnet.ops.common import cast
from cygnet.tensor import Tensor, array_from

LossFunction: TypeAlias = Callable[..., Tensor]

_MEANS = ("sum_over_batch_size", "mean", "mean_with_sample_weight")


class Loss(Configurable):
    """Base of the losses: `call` gives one number a sample, `__call__` weights and reduces them.

    Parameters
    ----------
    name : str, optional
        Default: made from the name of the class.
    reduction : str or None
        'sum_over_batch_size' or 'mean': the mean of all losses; 'sum'; 'mean_with_sample_weight':
        divided by the sum of the weights; 'none' or None. Default 'sum_over_batch_size'.
    dtype : str or dtype, optional
        In which it is computed. Default: that of predictions that are floating-point Tensors,
        float32 for arrays. (Keras casts all to float32.)
    """

    def __init__(
        self,
        name: str | None = None,
        reduction: str | None = "sum_over_batch_size",
        dtype: Any = None,
    ) -> None:
        if reduction not in (*_MEANS, "sum", "none", None):
            raise ValueError(
                f"{type(self).__name__}: reduction is {reduction!r}, expected "
                f"{', '.join(map(repr, _MEANS))}, 'sum', 'none' or None"
            )
        self.name = name or snake_case(type(self).__name__)
        self.reduction = reduction
        self.dtype = None if dtype is None else np.dtype(dtype)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The losses of the samples; subclasses define it."""
        raise NotImplementedError(f"{type(self).__name__} must define call")

    def __call__(
        self, y_true: Any, y_pred: Any, sample_weight: Any = None, *, mask: Any = None
    ) -> Tensor:
        """The reduced loss of a batch.

        Parameters
        ----------
        y_true, y_pred : Tensor or array_like
        sample_weight : Tensor or array_like, optional
            A factor for each loss; it broadcasts.
        mask : Tensor or array_like, optional
            Which losses count; a mean is over these alone. Default: the mask of `y_pred`, if it has
            one.
        """
        mask = masks.of(y_pred) if mask is None else mask
        y_pred = self._prediction(y_pred)
        losses = floating_tensor(self.call(y_true, y_pred), self.name)
        own = self._mask(y_true, losses)
        if own is not None:
            mask = own if mask is None else ops.logical_and(plain_tensor(mask, self.name), own)
        return self._reduced(losses, sample_weight, mask)

    def _prediction(self, y_pred: Any) -> Any:
        """The predictions in the loss's type."""
        if isinstance(y_pred, Tensor):
            return y_pred if self.dtype is None else cast(y_pred, self.dtype)
        dtype = self.dtype or get_default_dtype()
        return Tensor._wrap(array_from(y_pred, dtype, self.name))

    def _mask(self, y_true: Any, losses: Tensor) -> Tensor | None:
        """Which losses count by the targets; None: all."""
        return None

    def _reduced(self, losses: Tensor, sample_weight: Any, mask: Any) -> Tensor:
        weight = None
        if sample_weight is not None:
            weight = cast(plain_tensor(sample_weight, self.name), losses.dtype)
        if mask is not None:
            mask = cast(plain_tensor(mask, self.name), losses.dtype)
            if self.reduction in ("mean", "sum_over_batch_size"):
                counted = ops.clamp(ops.sum(mask), 1.0)
                mask = ops.mul(mask, ops.div(float(mask.numel()), counted))
            weight = mask if weight is None else ops.mul(*same_rank(mask, weight))
        if weight is not None:
            losses, weight = same_rank(losses, weight)
            losses = ops.mul(losses, weight)
        if self.reduction in (None, "none") or losses.shape in ((), (0,)):
            return losses
        if self.reduction == "sum":
            return ops.sum(losses)
        if self.reduction == "mean_with_sample_weight" and weight is not None:
            total = ops.sum(weight)
            zero = ops.eq(total, 0.0)
            return ops.where(zero, 0.0, ops.div(ops.sum(losses), ops.where(zero, 1.0, total)))
        return ops.mean(losses)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor, as JSON can hold them."""
        config: dict[str, Any] = {"name": self.name, "reduction": self.reduction}
        return config if self.dtype is None else {**config, "dtype": NAMES[self.dtype]}


class LossFunctionWrapper(Loss):
    """A function of `y_true` and `y_pred` as a loss.

    Parameters
    ----------
    fn : callable
        Gives the losses of the samples, or one number.
    reduction, name, dtype
        As in `Loss`.
    **kwargs
        Further arguments of the function.
    """

    def __init__(
        self,
        fn: LossFunction,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name or getattr(fn, "__name__", None), reduction, dtype)
        self.fn = fn
        self._options = kwargs
        self._mean = MEANS.get(fn)
        for key, value in kwargs.items():
            setattr(self, key, value)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The losses of the samples."""
        return self.fn(y_true, y_pred, **self._options)

    def __call__(
        self, y_true: Any, y_pred: Any, sample_weight: Any = None, *, mask: Any = None
    ) -> Tensor:
        whole = self._mean
        if (
            whole is not None
            and sample_weight is None
            and mask is None
            and self.reduction in _MEANS
            and masks.of(y_pred) is None
        ):
            result = whole(y_true, self._prediction(y_pred), **self._options)
            if result is not None:
                return result
        return super().__call__(y_true, y_pred, sample_weight, mask=mask)

    __call__.__doc__ = Loss.__call__.__doc__

    def get_config(self) -> dict[str, Any]:
        config = {**super().get_config(), **self._options}
        if type(self) is LossFunctionWrapper:
            config["fn"] = getattr(self.fn, "__name__", str(self.fn))
        return config

    get_config.__doc__ = Loss.get_config.__doc__

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """The loss that `get_config` described."""
        if isinstance(config.get("fn"), str):
            from cygnet.keras.losses import get

            config = {**config, "fn": get(config["fn"])}
        return cls(**config)
