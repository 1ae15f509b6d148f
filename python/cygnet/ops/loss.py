"""Loss functions. `reduction` is 'mean' (default), 'sum' or 'none'."""

from __future__ import annotations

from typing import Any

from cygnet import kernels
from cygnet.autograd import record
from cygnet.ops.broadcast import reshape
from cygnet.ops.broadcast import sum as sum_
from cygnet.ops.common import as_tensor, operands, wrap
from cygnet.ops.elementwise import abs as abs_
from cygnet.ops.elementwise import eq, exp, log, mul, neg, sub, where
from cygnet.ops.reduce import mean
from cygnet.ops.shape import permute
from cygnet.tensor import Tensor


def _reduced(op: str, losses: Tensor, reduction: str) -> Tensor:
    if reduction == "mean":
        return mean(losses)
    if reduction == "sum":
        return sum_(losses)
    if reduction == "none":
        return losses
    raise ValueError(f"{op}: reduction is {reduction!r}, expected 'none', 'mean' or 'sum'")


def _rows(op: str, input: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Class scores (N, C, ...) as rows (N ..., C) and their labels as a vector; (C,) is one row."""
    classes = 1 if input.ndim > 1 else 0
    if input.ndim == 0 or target.shape != input.shape[:classes] + input.shape[classes + 1 :]:
        raise kernels.ShapeError(
            f"{op}: target has shape {target.shape}, expected that of input {input.shape} "
            f"without its class axis"
        )
    if input.ndim == 2:
        return input, target
    if input.ndim == 1:
        return reshape(input, (1, -1 if input.numel() else 0)), reshape(target, (1,))
    input = permute(input, 0, *range(2, input.ndim), 1)
    input = reshape(input, (target.numel(), input.shape[-1]))
    return input, reshape(target, (target.numel(),))


def cross_entropy(
    input: Tensor, target: Tensor, *, ignore_index: int = -100, reduction: str = "mean"
) -> Tensor:
    """-log(softmax(input)[target]) of class scores and integer labels, in one pass.

    Parameters
    ----------
    input : Tensor
        Scores (N, C), (C,) or (N, C, d1, ...).
    target : Tensor
        Labels 0 <= label < C: (N,), () or (N, d1, ...), int64 or int32.
    ignore_index : int
        A label that contributes nothing. Default -100.
    reduction : str
        'mean' over the labels that are not ignored (default), 'sum' or 'none'.

    Raises
    ------
    IndexError
        If a label is not a class.
    ShapeError, DTypeError, ValueError
    """
    input, target = (
        as_tensor(input, "cross_entropy", "input"),
        as_tensor(target, "cross_entropy", "target"),
    )
    scores, labels = _rows("cross_entropy", input, target)
    x, y = scores._array, labels._array
    loss, log_sum_exp = kernels.cross_entropy_forward(x, y, ignore_index, reduction)

    def backward(grad: Tensor) -> tuple[Tensor]:
        array = kernels.cross_entropy_backward(
            grad._array, x, y, log_sum_exp, ignore_index, reduction
        )
        return (wrap(array),)

    result = record(wrap(loss), (scores,), backward, "cross_entropy", once=True)
    return reshape(result, target.shape) if reduction == "none" else result


def nll_loss(
    input: Tensor, target: Tensor, *, ignore_index: int = -100, reduction: str = "mean"
) -> Tensor:
    """-input[target] of log-probabilities and integer labels; shapes and options as in
    `cross_entropy`.
    """
    input, target = as_tensor(input, "nll_loss", "input"), as_tensor(target, "nll_loss", "target")
    scores, labels = _rows("nll_loss", input, target)
    y, shape = labels._array, scores.shape
    options: dict[str, Any] = {"ignore_index": ignore_index, "reduction": reduction}

    def backward(grad: Tensor) -> tuple[Tensor]:
        return (wrap(kernels.nll_loss_backward(grad._array, y, shape, **options)),)

    loss = wrap(kernels.nll_loss_forward(scores._array, y, **options))
    result = record(loss, (scores,), backward, "nll_loss", once=True)
    return reshape(result, target.shape) if reduction == "none" else result


def _fused(
    name: str, forward: Any, gradient: Any, input: Tensor, target: Tensor, reduction: str
) -> Tensor:
    """A loss whose kernel gives the gradient of the input; the target has none."""
    x, y = operands(name, input, target)
    if y.requires_grad:
        raise RuntimeError(f"{name}: target requires a gradient, which this loss does not give")

    def backward(grad: Tensor) -> tuple[Tensor | None, ...]:
        return (wrap(gradient(grad._array, x._array, y._array, reduction=reduction)),)

    return record(
        wrap(forward(x._array, y._array, reduction=reduction)), (x,), backward, name, once=True
    )


def mse_loss(input: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    """(input - target)²; both have one shape."""
    x, y = operands("mse_loss", input, target)

    def backward(grad: Tensor) -> tuple[Tensor | None, ...]:
        by_input = wrap(
            kernels.mse_loss_backward(grad._array, x._array, y._array, reduction=reduction)
        )
        return by_input if x.requires_grad else None, neg(by_input) if y.requires_grad else None

    loss = wrap(kernels.mse_loss_forward(x._array, y._array, reduction=reduction))
    return record(loss, (x, y), backward, "mse_loss", once=True)


def l1_loss(input: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    """|input - target|; both have one shape."""
    x, y = operands("l1_loss", input, target)
    _check_same_shape("l1_loss", x, y)
    return _reduced("l1_loss", abs_(sub(x, y)), reduction)


def binary_cross_entropy(input: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    """-(target log(input) + (1 - target) log(1 - input)) of probabilities, logarithms at least
    -100.
    """
    return _fused(
        "binary_cross_entropy",
        kernels.bce_loss_forward,
        kernels.bce_loss_backward,
        input,
        target,
        reduction,
    )


def binary_cross_entropy_with_logits(
    input: Tensor, target: Tensor, *, reduction: str = "mean"
) -> Tensor:
    """`binary_cross_entropy` of sigmoid(input), without overflow."""
    return _fused(
        "binary_cross_entropy_with_logits",
        kernels.bce_with_logits_loss_forward,
        kernels.bce_with_logits_loss_backward,
        input,
        target,
        reduction,
    )


def kl_div(
    input: Tensor, target: Tensor, *, reduction: str = "mean", log_target: bool = False
) -> Tensor:
    """target (log(target) - input): the Kullback-Leibler divergence of log-probabilities `input`
    from `target`.

    Parameters
    ----------
    input : Tensor
        Log-probabilities.
    target : Tensor
        Probabilities, or log-probabilities with `log_target`; a probability of 0 contributes
        nothing.
    reduction : str
        'mean' over all elements (default), 'batchmean' (sum / first size), 'sum' or 'none'.
    """
    x, y = operands("kl_div", input, target)
    _check_same_shape("kl_div", x, y)
    if log_target:
        losses = mul(exp(y), sub(y, x))
    else:
        zero = eq(y, 0)
        losses = where(zero, 0.0, mul(y, sub(log(where(zero, 1.0, y)), x)))
    if reduction == "batchmean":
        return sum_(losses) / (x.shape[0] if x.ndim else 1)
    return _reduced("kl_div", losses, reduction)


def _check_same_shape(op: str, input: Tensor, target: Tensor) -> None:
    if input.shape != target.shape:
        raise kernels.ShapeError(
            f"{op}: target has shape {target.shape}, expected {input.shape}, that of input"
        )
