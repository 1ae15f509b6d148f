"""Losses as modules: each holds its arguments and calls the function of the same meaning."""

from __future__ import annotations

from typing import Any, ClassVar

from cygnet.nn import functional
from cygnet.nn.module import Module
from cygnet.tensor import Tensor

__all__ = [
    "BCELoss",
    "BCEWithLogitsLoss",
    "CrossEntropyLoss",
    "KLDivLoss",
    "L1Loss",
    "MSELoss",
    "NLLLoss",
]


class _Loss(Module):
    _function: ClassVar[Any]
    _reductions: ClassVar[tuple[str, ...]] = ("none", "mean", "sum")

    def __init__(self, *, reduction: str = "mean") -> None:
        super().__init__()
        if reduction not in self._reductions:
            raise ValueError(
                f"{type(self).__name__}: argument reduction expected one of {self._reductions}, "
                f"got {reduction!r}"
            )
        self.reduction = reduction

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss of `input` against `target`: a scalar, or for ``reduction="none"`` each one."""
        return type(self)._function(input, target, reduction=self.reduction)  # type: ignore[no-any-return]


class MSELoss(_Loss):
    """Mean of ``(input - target)²``; shapes are equal.

    Parameters
    ----------
    reduction : {"mean", "sum", "none"}, default "mean"
    """

    _function = staticmethod(functional.mse_loss)


class L1Loss(_Loss):
    """Mean of ``|input - target|``; shapes are equal.

    Parameters
    ----------
    reduction : {"mean", "sum", "none"}, default "mean"
    """

    _function = staticmethod(functional.l1_loss)


class BCELoss(_Loss):
    """Binary cross-entropy of probabilities; logarithms are cut at -100 as in PyTorch.

    Parameters
    ----------
    reduction : {"mean", "sum", "none"}, default "mean"
    """

    _function = staticmethod(functional.binary_cross_entropy)


class BCEWithLogitsLoss(_Loss):
    """Binary cross-entropy of logits, computed without overflow.

    Parameters
    ----------
    reduction : {"mean", "sum", "none"}, default "mean"
    """

    _function = staticmethod(functional.binary_cross_entropy_with_logits)


class _ClassLoss(_Loss):
    def __init__(self, *, ignore_index: int = -100, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        self.ignore_index = ignore_index

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss of (N, C) `input` against (N,) integer labels `target`."""
        return type(self)._function(  # type: ignore[no-any-return]
            input, target, ignore_index=self.ignore_index, reduction=self.reduction
        )


class CrossEntropyLoss(_ClassLoss):
    """Softmax cross-entropy of (N, C) logits with (N,) integer labels.

    Parameters
    ----------
    ignore_index : int, default -100
        Label that does not count.
    reduction : {"mean", "sum", "none"}, default "mean"
        The mean is over the labels that count.
    """

    _function = staticmethod(functional.cross_entropy)


class NLLLoss(_ClassLoss):
    """Negative log-likelihood of (N, C) log-probabilities with (N,) integer labels.

    Parameters
    ----------
    ignore_index : int, default -100
        Label that does not count.
    reduction : {"mean", "sum", "none"}, default "mean"
        The mean is over the labels that count.
    """

    _function = staticmethod(functional.nll_loss)


class KLDivLoss(_Loss):
    """Kullback-Leibler divergence of log-probabilities `input` from `target`.

    Parameters
    ----------
    reduction : {"mean", "batchmean", "sum", "none"}, default "mean"
        "batchmean" divides the sum by the batch size: the mathematical definition.
    log_target : bool, default False
        Whether `target` holds logarithms too.
    """

    _function = staticmethod(functional.kl_div)
    _reductions = (*_Loss._reductions, "batchmean")

    def __init__(self, *, reduction: str = "mean", log_target: bool = False) -> None:
        super().__init__(reduction=reduction)
        self.log_target = log_target

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The divergence; shapes are equal."""
        return functional.kl_div(
            input, target, reduction=self.reduction, log_target=self.log_target
        )
