"""Losses of class scores against the numbers of the right classes.

`reduction`, `size_average` and `reduce` are as in `cygnet.ops.loss`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from cygnet import kernels
from cygnet.autograd import is_grad_enabled, record
from cygnet.dtypes import NAMES
from cygnet.errors import composed
from cygnet.ops.activation import logsigmoid
from cygnet.ops.broadcast import reshape
from cygnet.ops.broadcast import sum as sum_
from cygnet.ops.common import DEFAULT_FLOAT, as_tensor, cast, operands, wrap
from cygnet.ops.elementwise import (
    add,
    div,
    eq,
    ge,
    logical_and,
    logical_not,
    mul,
    ne,
    neg,
    sub,
    where,
)
from cygnet.ops.gather import gather, gather_rows, scatter_along
from cygnet.ops.linear import linear
from cygnet.ops.loss import at_least_zero, check_old_reduction, reduced
from cygnet.ops.products import matmul
from cygnet.ops.reduce import mean
from cygnet.ops.shape import permute, unsqueeze
from cygnet.ops.softmax import log_softmax, softmax
from cygnet.tensor import FLOATS, Tensor

__all__ = [
    "cross_entropy",
    "linear_cross_entropy",
    "multi_margin_loss",
    "multilabel_margin_loss",
    "multilabel_soft_margin_loss",
    "nll_loss",
]


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


def _class_weights(op: str, weight: Tensor | None, like: Tensor) -> Tensor | None:
    """The weights of the classes in the type of the scores; they get no gradient."""
    if weight is None:
        return None
    weight = as_tensor(weight, op, "weight")
    if weight.requires_grad:
        raise RuntimeError(f"{op}: weight requires a gradient, which this loss does not give")
    return cast(weight, like.dtype)


@composed
def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """-log(softmax(input)[target]) of class scores and labels, or probabilities of the classes.

    Labels without weights and smoothing take one pass.

    Parameters
    ----------
    input : Tensor
        Scores (N, C), (C,) or (N, C, d1, ...).
    target : Tensor
        Labels 0 <= label < C: (N,), () or (N, d1, ...), int64 or int32. Or probabilities of the
        input's shape, which get a gradient.
    weight : Tensor, optional
        (C,): a factor for the losses of each class.
    size_average, reduce : None
        Must stay None.
    ignore_index : int
        A label that contributes nothing. Default -100.
    reduction : str
        'mean' (default), 'sum' or 'none'. The mean is over the labels that are not ignored, each
        counting with its class's weight; with probabilities over N d1 ...
    label_smoothing : float
        The share, 0 to 1, of the target that is spread over all classes. Default 0.

    Raises
    ------
    IndexError
        If a label is not a class.
    ShapeError, DTypeError, ValueError

    References
    ----------
    C. Szegedy et al., "Rethinking the Inception architecture for computer vision", CVPR 2016
    (label smoothing).
    """
    op = "cross_entropy"
    if size_average is not None or reduce is not None:
        check_old_reduction(op, size_average, reduce)
    input, target = as_tensor(input, op, "input"), as_tensor(target, op, "target")
    if target.dtype in FLOATS:
        return _of_probabilities(
            op, input, target, weight, ignore_index, reduction, label_smoothing
        )
    scores, labels = _rows(op, input, target)
    if weight is not None or label_smoothing:
        result = _smoothed(op, scores, labels, weight, ignore_index, reduction, label_smoothing)
    else:
        result = _fused(op, scores, labels, ignore_index, reduction)
    return reshape(result, target.shape) if reduction == "none" else result


@dataclass(frozen=True)
class LinearCrossEntropyOptions:
    """PyTorch's choice among its ways to compute `linear_cross_entropy` piece by piece; here there
    is one way, and the choice has no effect.
    """

    allow_retain_graph: bool = False
    batch_chunk_size: int | None = None
    chunking_method: str | None = "auto"
    acc_policy: str = "auto"
    acc_dtype: Any = None


@composed
def linear_cross_entropy(
    input: Tensor,
    linear_weight: Tensor,
    target: Tensor,
    *,
    linear_bias: Tensor | None = None,
    weight: Tensor | None = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    options: LinearCrossEntropyOptions | None = None,
) -> Tensor:
    """`cross_entropy` of the outputs of a linear layer.

    Parameters
    ----------
    input : Tensor
        (N, F) or (F,).
    linear_weight : Tensor
        (C, F) or, for several targets a sample, (C, d1, ..., F).
    target : Tensor
        Labels (N,), () or (N, d1, ...), or probabilities of the outputs' shape (N, C, d1, ...).
    linear_bias : Tensor, optional
        (C,) or (C, d1, ...).
    weight, reduction, label_smoothing
        As in `cross_entropy`.
    ignore_index : int, optional
        A label that contributes nothing. Default -100.
    options : LinearCrossEntropyOptions, optional
        Without effect.

    Raises
    ------
    IndexError
        If a label is not a class.
    ShapeError, DTypeError, ValueError
    """
    op = "linear_cross_entropy"
    input = as_tensor(input, op, "input")
    layer = as_tensor(linear_weight, op, "linear_weight")
    several = layer.ndim > 2
    if input.ndim not in ((2,) if several else (1, 2)) or layer.ndim < 2:
        raise kernels.ShapeError(
            f"{op}: input and linear_weight have shapes {input.shape} and {layer.shape}, expected "
            "(N, F) and (C, ..., F), or (F,) and (C, F)"
        )
    classes = layer.shape[:-1]
    outputs = int(np.prod(classes))
    if linear_bias is not None:
        bias = as_tensor(linear_bias, op, "linear_bias")
        if bias.shape != classes:
            raise kernels.ShapeError(
                f"{op}: linear_bias has shape {bias.shape}, expected {classes}"
            )
        linear_bias = reshape(bias, (outputs,))
    scores = linear(input, reshape(layer, (outputs, layer.shape[-1])), linear_bias)
    return cross_entropy(
        reshape(scores, (*input.shape[:-1], *classes)),
        target,
        weight,
        ignore_index=-100 if ignore_index is None else ignore_index,
        reduction=reduction,
        label_smoothing=label_smoothing,
    )


def _fused(op: str, scores: Tensor, labels: Tensor, ignore_index: int, reduction: str) -> Tensor:
    x, y = scores._array, labels._array
    loss, log_sum_exp = kernels.cross_entropy_forward(x, y, ignore_index, reduction)

    def backward(grad: Tensor) -> tuple[Tensor]:
        if is_grad_enabled():  # that of nll_loss of log_softmax
            options = {"ignore_index": ignore_index, "reduction": reduction}
            by_logarithm = _nll_transposed(grad, labels, scores.shape[1], options)
            total = sum_(by_logarithm, 1, keepdim=True)
            return (sub(by_logarithm, mul(softmax(scores, 1), total)),)
        array = kernels.cross_entropy_backward(
            grad._array, x, y, log_sum_exp, ignore_index, reduction
        )
        return (wrap(array),)

    return record(wrap(loss), (scores,), backward, op, saved=(scores, labels))


def _check_smoothing(op: str, label_smoothing: float) -> None:
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"{op}: argument label_smoothing expected 0 to 1, got {label_smoothing}")


def _smoothed(
    op: str,
    scores: Tensor,
    labels: Tensor,
    weight: Tensor | None,
    ignore_index: int,
    reduction: str,
    label_smoothing: float,
) -> Tensor:
    """Cross-entropy of labels with class weights or smoothing, composed."""
    _check_smoothing(op, label_smoothing)
    weight = _class_weights(op, weight, scores)
    kept = ne(labels, ignore_index)
    # Whatever the scores of an ignored row are, NaN too, they reach no result and no gradient.
    logarithms = log_softmax(where(unsqueeze(kept, 1), scores, 0.0), 1)
    options = _options(weight, ignore_index, reduction)
    loss = _nll(logarithms, labels, options)
    if not label_smoothing:
        return loss
    of_all = neg(sum_(logarithms if weight is None else mul(logarithms, weight), 1))
    of_all = where(kept, of_all, 0.0)
    if reduction == "mean":
        ones = wrap(kernels.full(scores.shape, -1.0, NAMES[scores.dtype]))
        counted = _nll(ones, labels, {**options, "reduction": "sum"})
        of_all = div(sum_(of_all), counted)
    else:
        of_all = reduced(op, of_all, reduction)
    share = label_smoothing / scores.shape[1] if scores.shape[1] else 0.0
    return add(mul(loss, 1 - label_smoothing), mul(of_all, share))


def _of_probabilities(
    op: str,
    input: Tensor,
    target: Tensor,
    weight: Tensor | None,
    ignore_index: int,
    reduction: str,
    label_smoothing: float,
) -> Tensor:
    """Cross-entropy of one distribution over the classes for each row of scores."""
    _check_smoothing(op, label_smoothing)
    if input.ndim == 0 or target.shape != input.shape:
        raise kernels.ShapeError(
            f"{op}: target has shape {target.shape}, expected {input.shape}, that of input, for "
            "probabilities"
        )
    if ignore_index >= 0:
        raise ValueError(
            f"{op}: argument ignore_index expected no class for probabilities as target, got "
            f"{ignore_index}"
        )
    x, y = operands(op, input, target)
    axis = 1 if x.ndim > 1 else 0
    classes = x.shape[axis]
    if label_smoothing:
        y = add(mul(y, 1 - label_smoothing), label_smoothing / max(1, classes))
    products = mul(log_softmax(x, axis), y)
    if weight is not None:
        given = as_tensor(weight, op, "weight")
        if given.shape != (classes,):
            raise kernels.ShapeError(
                f"{op}: weight has shape {given.shape}, expected {(classes,)}, one for each class"
            )
        products = mul(products, reshape(given, (classes, *(1,) * (x.ndim - 1 - axis))))
    return reduced(op, neg(sum_(products, axis)), reduction)


def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """-weight[target] input[target] of log-probabilities and labels; arguments as in
    `cross_entropy`.
    """
    op = "nll_loss"
    check_old_reduction(op, size_average, reduce)
    input, target = as_tensor(input, op, "input"), as_tensor(target, op, "target")
    scores, labels = _rows(op, input, target)
    options = _options(_class_weights(op, weight, scores), ignore_index, reduction)
    result = _nll(scores, labels, options)
    return reshape(result, target.shape) if reduction == "none" else result


def _options(weight: Tensor | None, ignore_index: int, reduction: str) -> dict[str, Any]:
    """What the kernels of nll_loss take by name."""
    array = None if weight is None else weight._array
    return {"weight": array, "ignore_index": ignore_index, "reduction": reduction}


# The loss is linear in the log-probabilities, so each of these is the other's gradient.


def _nll(scores: Tensor, labels: Tensor, options: dict[str, Any]) -> Tensor:
    output = wrap(kernels.nll_loss_forward(scores._array, labels._array, **options))
    classes = scores.shape[1]

    def backward(grad: Tensor) -> tuple[Tensor]:
        return (_nll_transposed(grad, labels, classes, options),)

    return record(output, (scores,), backward, "nll_loss", saved=(labels,))


def _nll_transposed(grad: Tensor, labels: Tensor, classes: int, options: dict[str, Any]) -> Tensor:
    shape = labels.shape[0], classes
    output = wrap(kernels.nll_loss_backward(grad._array, labels._array, shape, **options))
    return record(
        output,
        (grad,),
        lambda again: (_nll(again, labels, options),),
        "nll_loss_backward",
        saved=(labels,),
    )


def _score_rows(op: str, input: Tensor) -> Tensor:
    """Scores (N, C) or (C,) as rows."""
    if input.ndim not in (1, 2):
        raise kernels.ShapeError(f"{op}: input has shape {input.shape}, expected (N, C) or (C,)")
    return reshape(input, (1, input.shape[0])) if input.ndim == 1 else input


@composed
def multi_margin_loss(
    input: Tensor,
    target: Tensor,
    p: int = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The mean over the classes of max(0, margin - input[target] + input[i])^p, i != target.

    Parameters
    ----------
    input : Tensor
        Scores (N, C) or (C,).
    target : Tensor
        Labels (N,) or ().
    p : int
        1 (default) or 2.
    margin : float
        Default 1.
    weight : Tensor, optional
        (C,): a factor for the losses of each class.
    size_average, reduce : None
        Must stay None.
    reduction : str
        'mean' (default), 'sum' or 'none'.

    Raises
    ------
    IndexError
        If a label is not a class.
    ShapeError, DTypeError, ValueError
    """
    op = "multi_margin_loss"
    check_old_reduction(op, size_average, reduce)
    if p not in (1, 2):
        raise ValueError(f"{op}: argument p expected 1 or 2, got {p}")
    input, target = as_tensor(input, op, "input"), as_tensor(target, op, "target")
    scores = _score_rows(op, input)
    rows, classes = scores.shape
    if target.numel() != rows or target.ndim > 1:
        raise kernels.ShapeError(f"{op}: target has shape {target.shape}, expected ({rows},)")
    labels = reshape(target, (rows, 1))
    excess = at_least_zero(add(sub(margin, gather(scores, 1, labels)), scores))
    if p == 2:
        excess = mul(excess, excess)
    weights = _class_weights(op, weight, scores)
    if weights is not None:
        excess = mul(excess, reshape(gather_rows(weights, reshape(labels, rows)), (rows, 1)))
    right = eq(labels, wrap(np.arange(classes)))
    losses = div(sum_(where(right, 0.0, excess), 1), classes)
    return reduced(op, losses if input.ndim > 1 else reshape(losses, ()), reduction)


@composed
def multilabel_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The sum of max(0, 1 - input[j] + input[i]) / C over right classes j and wrong ones i.

    Parameters
    ----------
    input : Tensor
        Scores (N, C) or (C,).
    target : Tensor
        Of the input's shape: in each row the right classes, and then -1.
    size_average, reduce : None
        Must stay None.
    reduction : str
        'mean' (default), 'sum' or 'none'.

    Raises
    ------
    IndexError
        If a label is not a class.
    ShapeError, DTypeError, ValueError
    """
    op = "multilabel_margin_loss"
    check_old_reduction(op, size_average, reduce)
    input, target = as_tensor(input, op, "input"), as_tensor(target, op, "target")
    if target.shape != input.shape:
        raise kernels.ShapeError(
            f"{op}: target has shape {target.shape}, expected {input.shape}, that of input"
        )
    scores, labels = _score_rows(op, input), _score_rows(op, target)
    rows, classes = scores.shape
    # A label counts if no -1 stands before it.
    ends = cast(eq(labels, -1), DEFAULT_FLOAT)
    ended = matmul(ends, wrap(np.triu(np.ones((classes, classes), DEFAULT_FLOAT))))
    listed = eq(ended, 0)
    index = where(listed, labels, 0)
    right = ge(scatter_along(cast(listed, DEFAULT_FLOAT), index, 1, classes), 1)
    pairs = logical_and(
        reshape(listed, (rows, classes, 1)), reshape(logical_not(right), (rows, 1, classes))
    )
    chosen = reshape(gather(scores, 1, index), (rows, classes, 1))
    excess = at_least_zero(add(sub(1.0, chosen), reshape(scores, (rows, 1, classes))))
    losses = div(sum_(where(pairs, excess, 0.0), (1, 2)), classes)
    return reduced(op, losses if input.ndim > 1 else reshape(losses, ()), reduction)


@composed
def multilabel_soft_margin_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The mean over the classes of the binary cross-entropy of sigmoid(input).

    Parameters
    ----------
    input : Tensor
        Logits (..., C).
    target : Tensor
        Of the input's shape: 1 for each right class, else 0.
    weight : Tensor, optional
        (C,): a factor for the losses of each class.
    size_average, reduce : None
        Must stay None.
    reduction : str
        'mean' (default), 'sum' or 'none'.

    Raises
    ------
    ShapeError, DTypeError, ValueError
    """
    op = "multilabel_soft_margin_loss"
    check_old_reduction(op, size_average, reduce)
    x, y = operands(op, input, target)
    if x.shape != y.shape or x.ndim == 0:
        raise kernels.ShapeError(
            f"{op}: input and target have shapes {x.shape} and {y.shape}, expected one (..., C)"
        )
    losses = neg(add(mul(y, logsigmoid(x)), mul(sub(1.0, y), logsigmoid(neg(x)))))
    if weight is not None:
        losses = mul(losses, as_tensor(weight, op, "weight"))
    return reduced(op, mean(losses, -1), reduction)
