"""Losses as modules: each holds the options of a function and calls it.

`size_average` and `reduce` hold their places and must stay None. Weights of classes or elements are
buffers, so they are part of the state.
"""

from __future__ import annotations

from typing import Any, ClassVar

from cygnet.nn import functional
from cygnet.nn.function import OfFunction

__all__ = [
    "BCELoss",
    "BCEWithLogitsLoss",
    "CTCLoss",
    "CosineEmbeddingLoss",
    "CosineSimilarity",
    "CrossEntropyLoss",
    "GaussianNLLLoss",
    "HingeEmbeddingLoss",
    "HuberLoss",
    "KLDivLoss",
    "L1Loss",
    "MSELoss",
    "MarginRankingLoss",
    "MultiLabelMarginLoss",
    "MultiLabelSoftMarginLoss",
    "MultiMarginLoss",
    "NLLLoss",
    "PairwiseDistance",
    "PoissonNLLLoss",
    "SmoothL1Loss",
    "SoftMarginLoss",
    "TripletMarginLoss",
    "TripletMarginWithDistanceLoss",
]


class _Loss(OfFunction):
    _reductions: ClassVar[tuple[str, ...]] = ("none", "mean", "sum")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        name = type(self).__name__
        reduction = getattr(self, "reduction", "none")
        if reduction not in self._reductions:
            raise ValueError(
                f"{name}: argument reduction expected one of {self._reductions}, got {reduction!r}"
            )
        for option in ("size_average", "reduce"):
            if getattr(self, option, None) is not None:
                raise ValueError(
                    f"{name}: argument {option} expected None (reduction does its work), got "
                    f"{getattr(self, option)!r}"
                )

    def extra_repr(self) -> str:
        return ""


class MSELoss(_Loss, function=functional.mse_loss, tensors=2, without=("weight",)):
    """Mean of ``(input - target)²``.

    Parameters
    ----------
    size_average, reduce : None
    reduction : {"mean", "sum", "none"}, default "mean"
    """


class L1Loss(_Loss, function=functional.l1_loss, tensors=2, without=("weight",)):
    """Mean of ``|input - target|``; parameters as in :class:`MSELoss`."""


class SmoothL1Loss(_Loss, function=functional.smooth_l1_loss, tensors=2):
    """Quadratic where ``|input - target|`` is below `beta`, else linear.

    Parameters
    ----------
    size_average, reduce : None
    reduction : {"mean", "sum", "none"}, default "mean"
    beta : float, default 1.0
    """


class HuberLoss(_Loss, function=functional.huber_loss, tensors=2, without=("weight",)):
    """Quadratic where ``|input - target|`` is at most `delta`, else linear.

    Parameters
    ----------
    reduction : {"mean", "sum", "none"}, default "mean"
    delta : float, default 1.0
    """


class BCELoss(_Loss, function=functional.binary_cross_entropy, tensors=2):
    """Binary cross-entropy of probabilities; logarithms are cut at -100 as in PyTorch.

    Parameters
    ----------
    weight : Tensor, optional
        A factor for each loss.
    size_average, reduce : None
    reduction : {"mean", "sum", "none"}, default "mean"
    """


class BCEWithLogitsLoss(_Loss, function=functional.binary_cross_entropy_with_logits, tensors=2):
    """Binary cross-entropy of logits, computed without overflow.

    Parameters
    ----------
    weight : Tensor, optional
        A factor for each loss.
    size_average, reduce : None
    reduction : {"mean", "sum", "none"}, default "mean"
    pos_weight : Tensor, optional
        A factor for the target's part of each loss.
    """


class CrossEntropyLoss(_Loss, function=functional.cross_entropy, tensors=2):
    """Softmax cross-entropy of (N, C, ...) scores with labels (N, ...) or probabilities.

    Parameters
    ----------
    weight : Tensor, optional
        (C,): a factor for the losses of each class.
    size_average : None
    ignore_index : int, default -100
        Label that does not count.
    reduce : None
    reduction : {"mean", "sum", "none"}, default "mean"
        The mean is over the labels that count, each with its class's weight.
    label_smoothing : float, default 0.0
        The share of the target that is spread over all classes.
    """


class CTCLoss(_Loss, function=functional.ctc_loss, tensors=4):
    """Minus the log-probability of all paths of (T, N, C) log-probabilities that give the targets.

    Called with log-probabilities, targets, and the lengths of both: see
    :func:`cygnet.nn.functional.ctc_loss`.

    Parameters
    ----------
    blank : int, default 0
        The class of no label.
    reduction : {"mean", "sum", "none"}, default "mean"
        The mean is over the samples, after each loss was divided by its target's length.
    zero_infinity : bool, default False
        Whether the infinite loss of a target too long for its input counts as 0.
    """


class NLLLoss(_Loss, function=functional.nll_loss, tensors=2):
    """Negative log-likelihood of (N, C, ...) log-probabilities with labels (N, ...).

    Parameters
    ----------
    weight : Tensor, optional
        (C,): a factor for the losses of each class.
    size_average : None
    ignore_index : int, default -100
        Label that does not count.
    reduce : None
    reduction : {"mean", "sum", "none"}, default "mean"
        The mean is over the labels that count, each with its class's weight.
    """


class KLDivLoss(_Loss, function=functional.kl_div, tensors=2):
    """Kullback-Leibler divergence of log-probabilities `input` from `target`.

    Parameters
    ----------
    size_average, reduce : None
    reduction : {"mean", "batchmean", "sum", "none"}, default "mean"
        "batchmean" divides the sum by the batch size: the mathematical definition.
    log_target : bool, default False
        Whether `target` holds logarithms too.
    """

    _reductions = (*_Loss._reductions, "batchmean")


class PoissonNLLLoss(_Loss, function=functional.poisson_nll_loss, tensors=2):
    """Negative log-likelihood of counts.

    Parameters
    ----------
    log_input : bool, default True
        Whether the input holds logarithms of the expected counts.
    full : bool, default False
        Whether Stirling's approximation of ``log(target!)`` is added.
    size_average : None
    eps : float, default 1e-8
    reduce : None
    reduction : {"mean", "sum", "none"}, default "mean"
    """


class GaussianNLLLoss(_Loss, function=functional.gaussian_nll_loss, tensors=3, keywords=True):
    """Negative log-likelihood of `target` for means `input` and variances `var`.

    Parameters
    ----------
    full : bool, default False
        Whether the constant ``log(2 pi) / 2`` is added.
    eps : float, default 1e-6
        The smallest variance.
    reduction : {"mean", "sum", "none"}, default "mean"
    """


class SoftMarginLoss(_Loss, function=functional.soft_margin_loss, tensors=2):
    """``log(1 + exp(-target input))`` with targets 1 and -1; parameters as in :class:`MSELoss`."""


class HingeEmbeddingLoss(_Loss, function=functional.hinge_embedding_loss, tensors=2):
    """The input where the target is 1, and ``max(0, margin - input)`` where it is -1.

    Parameters
    ----------
    margin : float, default 1.0
    size_average, reduce : None
    reduction : {"mean", "sum", "none"}, default "mean"
    """


class MultiMarginLoss(_Loss, function=functional.multi_margin_loss, tensors=2):
    """The margin by which the right class leads the others.

    Parameters
    ----------
    p : int, default 1
        1 or 2, the exponent.
    margin : float, default 1.0
    weight : Tensor, optional
        (C,): a factor for the losses of each class.
    size_average, reduce : None
    reduction : {"mean", "sum", "none"}, default "mean"
    """


class MultiLabelMarginLoss(_Loss, function=functional.multilabel_margin_loss, tensors=2):
    """The margins by which several right classes lead the others; parameters as in
    :class:`MSELoss`.
    """


class MultiLabelSoftMarginLoss(_Loss, function=functional.multilabel_soft_margin_loss, tensors=2):
    """Binary cross-entropy of the logits of each class, their mean over the classes.

    Parameters
    ----------
    weight : Tensor, optional
        (C,): a factor for the losses of each class.
    size_average, reduce : None
    reduction : {"mean", "sum", "none"}, default "mean"
    """


class CosineEmbeddingLoss(_Loss, function=functional.cosine_embedding_loss, tensors=3):
    """``1 - cos(input1, input2)`` where the target is 1, ``max(0, cos - margin)`` where it is -1.

    Parameters
    ----------
    margin : float, default 0
    size_average, reduce : None
    reduction : {"mean", "sum", "none"}, default "mean"
    """


class MarginRankingLoss(_Loss, function=functional.margin_ranking_loss, tensors=3):
    """``max(0, margin - target (input1 - input2))``; parameters as in
    :class:`CosineEmbeddingLoss`.
    """


class TripletMarginLoss(_Loss, function=functional.triplet_margin_loss, tensors=3):
    """``max(0, margin + d(anchor, positive) - d(anchor, negative))`` with p-norm distances.

    Parameters
    ----------
    margin : float, default 1.0
    p : float, default 2
    eps : float, default 1e-6
    swap : bool, default False
        Whether the negative's distance is that to the nearer of anchor and positive.
    size_average, reduce : None
    reduction : {"mean", "sum", "none"}, default "mean"
    """


class TripletMarginWithDistanceLoss(
    _Loss, function=functional.triplet_margin_with_distance_loss, tensors=3
):
    """:class:`TripletMarginLoss` with another distance.

    Parameters
    ----------
    distance_function : callable, optional
        Two tensors to their distances; default :class:`PairwiseDistance`.
    margin : float, default 1.0
    swap : bool, default False
    reduction : {"mean", "sum", "none"}, default "mean"
    """


class CosineSimilarity(_Loss, function=functional.cosine_similarity, tensors=2):
    """The cosine of the angle of vectors along `dim`.

    Parameters
    ----------
    dim : int, default 1
    eps : float, default 1e-8
        The smallest norm.
    """


class PairwiseDistance(_Loss, function=functional.pairwise_distance, tensors=2):
    """The p-norm of ``x1 - x2 + eps`` along the last axis.

    Parameters
    ----------
    p : float, default 2.0
    eps : float, default 1e-6
    keepdim : bool, default False
    """
