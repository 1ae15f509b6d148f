"""Losses of elements: each compares an input with a target number by number.

What all losses share: `reduction` is 'mean' (default), 'sum' or 'none'; `size_average` and
`reduce`, PyTorch's old spelling of it, hold their places and must stay None.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from cygnet import kernels
from cygnet.autograd import is_grad_enabled, record
from cygnet.dtypes import NAMES
from cygnet.errors import composed
from cygnet.ops.activation import logsigmoid, sigmoid, softplus
from cygnet.ops.broadcast import expand, reshape
from cygnet.ops.broadcast import sum as sum_
from cygnet.ops.common import as_tensor, operands, wrap
from cygnet.ops.elementwise import abs as abs_
from cygnet.ops.elementwise import add, div, eq, exp, gt, le, log, lt, mul, ne, neg, sub, where
from cygnet.ops.reduce import mean
from cygnet.ops.shape import common_shape
from cygnet.tensor import Tensor

__all__ = [
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "gaussian_nll_loss",
    "hinge_embedding_loss",
    "huber_loss",
    "kl_div",
    "l1_loss",
    "mse_loss",
    "poisson_nll_loss",
    "smooth_l1_loss",
    "soft_margin_loss",
]


def check_old_reduction(op: str, size_average: Any, reduce: Any) -> None:
    """Raises ValueError if the deprecated arguments are in use."""
    if size_average is not None or reduce is not None:
        raise ValueError(
            f"{op}: arguments size_average and reduce expected None (reduction does their work), "
            f"got {size_average!r} and {reduce!r}"
        )


def reduced(op: str, losses: Tensor, reduction: str) -> Tensor:
    """The mean or sum of losses, or themselves."""
    if reduction == "mean":
        return mean(losses)
    if reduction == "sum":
        return sum_(losses)
    if reduction == "none":
        return losses
    raise ValueError(f"{op}: reduction is {reduction!r}, expected 'none', 'mean' or 'sum'")


def at_least_zero(input: Tensor) -> Tensor:
    """max(input, 0), whose gradient at 0 is 1."""
    return where(lt(input, 0), 0.0, input)


def _pair(op: str, input: Tensor, target: Tensor, level: int = 3) -> tuple[Tensor, Tensor]:
    """Input and target in one type and shape; a warning, at the caller's level, if they had two."""
    x, y = operands(op, input, target)
    if x.shape == y.shape:
        return x, y
    shape = common_shape(op, [x.shape, y.shape])
    warnings.warn(
        f"{op}: target has shape {y.shape}, input {x.shape}; they are broadcast, which is seldom "
        "what a loss should do",
        stacklevel=level,
    )
    return expand(x, shape), expand(y, shape)


def _same_shape(op: str, input: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Input and target in one type; ShapeError unless they have one shape."""
    x, y = operands(op, input, target)
    if x.shape != y.shape:
        raise kernels.ShapeError(
            f"{op}: target has shape {y.shape}, expected {x.shape}, that of input"
        )
    return x, y


def _fused(
    op: str,
    kernel: str,
    x: Tensor,
    y: Tensor,
    reduction: str,
    slope: Callable[[Tensor, Tensor], Tensor],
    slope_of_target: Callable[[Tensor, Tensor], Tensor] | None = None,
) -> Tensor:
    """A loss whose kernel gives the gradient of the input, too.

    `slope` and `slope_of_target` are the derivatives, written in ops; that of the target is by
    default the other's negative.
    """

    def times(grad: Tensor, derivative: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        each = div(grad, x.numel()) if reduction == "mean" else grad
        return mul(each, derivative(x, y))

    def backward(grad: Tensor) -> tuple[Tensor | None, ...]:
        if is_grad_enabled():
            by_x = times(grad, slope)
        else:
            gradient = getattr(kernels, f"{kernel}_backward")
            by_x = wrap(gradient(grad._array, x._array, y._array, reduction=reduction))
        by_y = None
        if y.requires_grad:
            by_y = neg(by_x) if slope_of_target is None else times(grad, slope_of_target)
        return by_x if x.requires_grad else None, by_y

    forward = getattr(kernels, f"{kernel}_forward")
    return record(wrap(forward(x._array, y._array, reduction=reduction)), (x, y), backward, op)


def _weighted(
    op: str, losses: Tensor, weight: Tensor, reduction: str, *, mean_of_weights: bool
) -> Tensor:
    """Losses times a weight for each, reduced; a mean divides by the sum of weights or their
    number.
    """
    weight = as_tensor(weight, op, "weight")
    if weight.shape != losses.shape:
        raise kernels.ShapeError(
            f"{op}: weight has shape {weight.shape}, expected {losses.shape}, that of input"
        )
    losses = mul(losses, weight)
    if reduction == "mean" and mean_of_weights:
        return div(sum_(losses), sum_(weight))
    return reduced(op, losses, reduction)


def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """(input - target)².

    Parameters
    ----------
    input, target : Tensor
        Of one shape; others are broadcast, with a warning.
    size_average, reduce : None
        Must stay None.
    reduction : str
        'mean' (default), 'sum' or 'none'.
    weight : Tensor, optional
        A factor for each loss, of their shape; a mean then divides by the sum of the weights.

    Raises
    ------
    ShapeError, DTypeError, ValueError
    """
    op = "mse_loss"
    check_old_reduction(op, size_average, reduce)
    x, y = _pair(op, input, target)
    if weight is not None:
        losses = mul(sub(x, y), sub(x, y))
        return _weighted(op, losses, weight, reduction, mean_of_weights=True)
    return _fused(op, "mse_loss", x, y, reduction, lambda x, y: mul(sub(x, y), 2.0))


def l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """|input - target|; arguments as in `mse_loss`."""
    op = "l1_loss"
    check_old_reduction(op, size_average, reduce)
    losses = abs_(sub(*_pair(op, input, target)))
    if weight is not None:
        return _weighted(op, losses, weight, reduction, mean_of_weights=True)
    return reduced(op, losses, reduction)


@composed
def smooth_l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Tensor:
    """d² / (2 beta) where d = |input - target| is below beta, else d - beta / 2.

    Parameters
    ----------
    input, target, size_average, reduce, reduction
        As in `mse_loss`.
    beta : float
        At least 0, with which it is `l1_loss`. Default 1.

    Raises
    ------
    ShapeError, DTypeError, ValueError

    References
    ----------
    R. Girshick, "Fast R-CNN", ICCV 2015.
    """
    op = "smooth_l1_loss"
    check_old_reduction(op, size_average, reduce)
    if not beta >= 0:
        raise ValueError(f"{op}: argument beta expected at least 0, got {beta}")
    d = abs_(sub(*_pair(op, input, target, 4)))
    if beta == 0:
        return reduced(op, d, reduction)
    losses = where(lt(d, beta), mul(mul(d, d), 0.5 / beta), sub(d, 0.5 * beta))
    return reduced(op, losses, reduction)


@composed
def huber_loss(
    input: Tensor,
    target: Tensor,
    reduction: str = "mean",
    delta: float = 1.0,
    weight: Tensor | None = None,
) -> Tensor:
    """d² / 2 where d = |input - target| is at most delta, else delta (d - delta / 2).

    Parameters
    ----------
    input, target, reduction
        As in `mse_loss`.
    delta : float
        Above 0. Default 1.
    weight : Tensor, optional
        A factor for each loss, of their shape; a mean is over all losses.

    Raises
    ------
    ShapeError, DTypeError, ValueError

    References
    ----------
    P. Huber, "Robust estimation of a location parameter", Ann. Math. Statist. 35 (1964).
    """
    op = "huber_loss"
    if not delta > 0:
        raise ValueError(f"{op}: argument delta expected above 0, got {delta}")
    d = abs_(sub(*_pair(op, input, target, 4)))
    losses = where(le(d, delta), mul(mul(d, d), 0.5), mul(sub(d, 0.5 * delta), delta))
    if weight is not None:
        return _weighted(op, losses, weight, reduction, mean_of_weights=False)
    return reduced(op, losses, reduction)


@composed
def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """-(target log(input) + (1 - target) log(1 - input)) of probabilities, logarithms at least
    -100.

    Parameters
    ----------
    input : Tensor
        Probabilities; one outside of [0, 1] gives NaN.
    target : Tensor
        Probabilities, of the input's shape.
    weight : Tensor, optional
        A factor for each loss; it broadcasts to their shape.
    size_average, reduce : None
        Must stay None.
    reduction : str
        'mean' over all losses (default), 'sum' or 'none'.

    Raises
    ------
    ShapeError, DTypeError, ValueError
    """
    op = "binary_cross_entropy"
    check_old_reduction(op, size_average, reduce)
    x, y = _same_shape(op, input, target)

    def by_input(x: Tensor, y: Tensor) -> Tensor:
        variance = mul(x, sub(1.0, x))
        return div(sub(x, y), where(lt(variance, 1e-12), 1e-12, variance))

    def by_target(x: Tensor, y: Tensor) -> Tensor:
        return sub(log(sub(1.0, x)), log(x))

    if weight is None:
        return _fused(op, "bce_loss", x, y, reduction, by_input, by_target)
    losses = _fused(op, "bce_loss", x, y, "none", by_input, by_target)
    return reduced(op, mul(losses, as_tensor(weight, op, "weight")), reduction)


@composed
def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """`binary_cross_entropy` of sigmoid(input), without overflow.

    Parameters
    ----------
    input : Tensor
        Logits.
    target, weight, size_average, reduce, reduction
        As in `binary_cross_entropy`.
    pos_weight : Tensor, optional
        A factor for the target's part of each loss, such as (C,) for C classes at the end.

    Raises
    ------
    ShapeError, DTypeError, ValueError
    """
    op = "binary_cross_entropy_with_logits"
    check_old_reduction(op, size_average, reduce)
    x, y = _same_shape(op, input, target)
    if weight is None and pos_weight is None:
        return _with_logits(op, x, y, reduction)
    if pos_weight is None:
        losses = _with_logits(op, x, y, "none")
    else:
        positive = mul(y, as_tensor(pos_weight, op, "pos_weight"))
        negative = sub(1.0, y)
        losses = sub(mul(negative, x), mul(add(positive, negative), logsigmoid(x)))
    if weight is not None:
        losses = mul(losses, as_tensor(weight, op, "weight"))
    return reduced(op, losses, reduction)


def _with_logits(op: str, x: Tensor, y: Tensor, reduction: str) -> Tensor:
    def by_input(x: Tensor, y: Tensor) -> Tensor:
        return sub(sigmoid(x), y)

    return _fused(op, "bce_with_logits_loss", x, y, reduction, by_input, lambda x, y: neg(x))


@composed
def kl_div(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:
    """target (log(target) - input): the Kullback-Leibler divergence of log-probabilities `input`
    from `target`.

    Parameters
    ----------
    input : Tensor
        Log-probabilities.
    target : Tensor
        Probabilities, or log-probabilities with `log_target`; a probability of 0 contributes
        nothing. It broadcasts with the input.
    size_average, reduce : None
        Must stay None.
    reduction : str
        'mean' over all elements (default), 'batchmean' (sum / first size), 'sum' or 'none'.
    log_target : bool
        Default False.

    Raises
    ------
    ShapeError, DTypeError, ValueError
    """
    op = "kl_div"
    check_old_reduction(op, size_average, reduce)
    x, y = operands(op, input, target)
    common_shape(op, [x.shape, y.shape])
    if log_target:
        losses = mul(exp(y), sub(y, x))
    else:
        zero = eq(y, 0)
        losses = where(zero, 0.0, mul(y, sub(log(where(zero, 1.0, y)), x)))
    if reduction == "batchmean":
        return div(sum_(losses), x.shape[0] if x.ndim else 1)
    return reduced(op, losses, reduction)


@composed
def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    size_average: bool | None = None,
    eps: float = 1e-8,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """exp(input) - target input: the negative log-likelihood of counts without log(target!).

    Parameters
    ----------
    input : Tensor
        Logarithms of the expected counts, or the counts themselves if not `log_input`.
    target : Tensor
        Counts; they broadcast with the input.
    log_input : bool
        Default True; with False the loss is input - target log(input + eps).
    full : bool
        Whether Stirling's approximation of log(target!) is added where the target is above 1:
        target log(target) - target + log(2 pi target) / 2. Default False.
    size_average, reduce : None
        Must stay None.
    eps : float
        Default 1e-8.
    reduction : str
        'mean' (default), 'sum' or 'none'.

    Raises
    ------
    ShapeError, DTypeError, ValueError
    """
    op = "poisson_nll_loss"
    check_old_reduction(op, size_average, reduce)
    x, y = operands(op, input, target)
    common_shape(op, [x.shape, y.shape])
    losses = sub(exp(x), mul(y, x)) if log_input else sub(x, mul(y, log(add(x, eps))))
    if full:
        above = gt(y, 1)
        count = where(above, y, 1.0)
        stirling = add(sub(mul(count, log(count)), count), mul(log(mul(count, 2 * math.pi)), 0.5))
        losses = add(losses, where(above, stirling, 0.0))
    return reduced(op, losses, reduction)


@composed
def gaussian_nll_loss(
    input: Tensor,
    target: Tensor,
    var: Tensor | float,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Tensor:
    """(log(var) + (input - target)² / var) / 2 of normal numbers with means `input`.

    Parameters
    ----------
    input, target : Tensor
        They broadcast.
    var : Tensor or float
        Variances of the input's shape, or without its last size or with 1 there. Those below `eps`
        count as `eps`, with the gradient of `eps`'s formula; negative ones are an error (in a
        recording they are not looked for).
    full : bool
        Whether log(2 pi) / 2 is added. Default False.
    eps : float
        Default 1e-6.
    reduction : str
        'mean' (default), 'sum' or 'none'.

    Raises
    ------
    ShapeError, DTypeError, ValueError

    References
    ----------
    D. Nix, A. Weigend, "Estimating the mean and variance of the target probability distribution",
    ICNN 1994.
    """
    op = "gaussian_nll_loss"
    x, y = operands(op, input, target)
    common_shape(op, [x.shape, y.shape])
    if not isinstance(var, Tensor):
        var = wrap(kernels.full(x.shape, var, NAMES[x.dtype]))
    if not kernels.is_recording() and var.numel() and kernels.max(kernels.neg(var._array)) > 0:
        raise ValueError(f"{op}: argument var expected no negative variance, got one")
    if var.shape != x.shape:
        if var.shape == x.shape[:-1]:
            var = reshape(var, (*var.shape, 1))
        elif var.ndim != x.ndim or any(
            v not in (1, n) for v, n in zip(var.shape, x.shape, strict=True)
        ):
            raise kernels.ShapeError(
                f"{op}: var has shape {var.shape}, expected {x.shape}, that of input, or without "
                "the last size"
            )
    # The limit moves values only: a variance below it keeps its gradient.
    low = wrap(kernels.maximum(var._array, np.array(eps, var.dtype)))
    variance = record(low, (var,), lambda grad: (grad,), "limit", saved=(), fresh=False)
    d = sub(x, y)
    losses = mul(add(log(variance), div(mul(d, d), variance)), 0.5)
    if full:
        losses = add(losses, 0.5 * math.log(2 * math.pi))
    return reduced(op, losses, reduction)


def soft_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """log(1 + exp(-target input)) with targets 1 and -1; they broadcast with the input."""
    op = "soft_margin_loss"
    check_old_reduction(op, size_average, reduce)
    x, y = operands(op, input, target)
    common_shape(op, [x.shape, y.shape])
    return reduced(op, softplus(neg(mul(y, x))), reduction)


@composed
def hinge_embedding_loss(
    input: Tensor,
    target: Tensor,
    margin: float = 1.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The input where the target is 1, and max(0, margin - input) where it is -1; they broadcast.

    With another target both count, as in PyTorch.
    """
    op = "hinge_embedding_loss"
    check_old_reduction(op, size_average, reduce)
    x, y = operands(op, input, target)
    common_shape(op, [x.shape, y.shape])
    near, far = where(ne(y, -1), x, 0.0), where(ne(y, 1), at_least_zero(sub(margin, x)), 0.0)
    return reduced(op, add(near, far), reduction)
