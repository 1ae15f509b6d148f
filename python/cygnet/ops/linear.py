"""The linear layer."""

from __future__ import annotations

import math

from cygnet import kernels
from cygnet.autograd import is_grad_enabled, needs_gradient, record
from cygnet.autograd.modes import mode
from cygnet.errors import composed
from cygnet.ops.activation import fused_gradient
from cygnet.ops.broadcast import reshape, sum_to
from cygnet.ops.common import as_tensor, layer_operands, saved_by_product, with_activation, wrap
from cygnet.ops.elementwise import add
from cygnet.ops.products import matmul, mm
from cygnet.ops.shape import transpose
from cygnet.tensor import Tensor

__all__ = [
    "bilinear",
    "linear",
]


def linear(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    activation: str = "none",
    transposed: bool = False,
) -> Tensor:
    """activation(input @ weight.T + bias) over the last dimension.

    Parameters
    ----------
    input : Tensor
        (..., in), float32 or float64.
    weight : Tensor
        (out, in).
    bias : Tensor, optional
        (out,).
    activation : str
        'none' (default), 'relu', 'leaky_relu' (slope 0.01), 'sigmoid', 'tanh', 'gelu' (erf form) or
        'silu', fused into the product.
    transposed : bool
        Whether the weight is (in, out), best with inputs innermost in memory. Default False.

    Returns
    -------
    Tensor
        (..., out)

    Raises
    ------
    ShapeError, DTypeError, ValueError
    """
    input, weight, bias = layer_operands("linear", input, weight, bias)
    x, w = input._array, weight._array
    if transposed:
        w = w.T
    b = None if bias is None else bias._array
    if not needs_gradient(input, weight, bias):
        if mode.folding is not None:
            return _foldable(input, weight, bias, activation, transposed)
        return wrap(kernels.linear_forward(x, w, b, activation))
    output, saved = with_activation(lambda name: kernels.linear_forward(x, w, b, name), activation)

    inputs = (input, weight) if bias is None else (input, weight, bias)

    def backward(grad: Tensor) -> tuple[Tensor | None, ...]:
        if is_grad_enabled():
            if saved is not None:
                grad = fused_gradient(
                    activation, grad, saved, lambda: linear(*inputs, transposed=transposed)
                )
            return _gradients(grad, *inputs, transposed=transposed)
        grads = kernels.linear_backward(
            grad._array,
            x,
            w,
            saved,
            activation,
            input.requires_grad,
            weight.requires_grad,
            bias is not None and bias.requires_grad,
        )
        if transposed and grads[1] is not None:
            grads = grads[0], grads[1].T, grads[2]
        return tuple(None if g is None else wrap(g) for g in grads[: len(inputs)])

    result = wrap(output)
    values = saved_by_product(inputs, result, saved)
    return record(result, inputs, backward, "linear", saved=values)


def _foldable(
    input: Tensor, weight: Tensor, bias: Tensor | None, activation: str, transposed: bool
) -> Tensor:
    """The linear layer while a model is frozen; see `cygnet.replay.folding`."""

    def compute(weight: Tensor, bias: Tensor | None, activation: str) -> Tensor:
        w = weight._array.T if transposed else weight._array
        b = None if bias is None else bias._array
        return wrap(kernels.linear_forward(input._array, w, b, activation))

    return mode.folding.product(  # type: ignore[no-any-return]
        compute, weight, bias, activation, int(transposed), input.ndim - 1
    )


def _gradients(
    grad: Tensor,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    transposed: bool,
) -> tuple[Tensor | None, ...]:
    """The gradients of a linear layer, written in ops."""
    rows = math.prod(grad.shape[:-1])
    grads = reshape(grad, (rows, grad.shape[-1]))
    by_input = by_weight = None
    if input.requires_grad:
        matrix = transpose(weight, 0, 1) if transposed else weight
        by_input = reshape(mm(grads, matrix), input.shape)
    if weight.requires_grad:
        by_weight = mm(transpose(grads, 0, 1), reshape(input, (rows, input.shape[-1])))
        by_weight = transpose(by_weight, 0, 1) if transposed else by_weight
    if bias is None:
        return by_input, by_weight
    return by_input, by_weight, sum_to(grads, bias.shape) if bias.requires_grad else None


@composed
def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """sum over i, j of input1[..., i] weight[o, i, j] input2[..., j], and bias[o].

    Parameters
    ----------
    input1 : Tensor
        (..., in1), float32 or float64.
    input2 : Tensor
        (..., in2), with the same leading sizes.
    weight : Tensor
        (out, in1, in2).
    bias : Tensor, optional
        (out,).

    Returns
    -------
    Tensor
        (..., out)

    Raises
    ------
    ShapeError, DTypeError
    """
    op = "bilinear"
    x1, w, b = layer_operands(op, input1, weight, bias)
    x2 = as_tensor(input2, op, "input2")
    if (
        w.ndim != 3
        or x1.ndim == 0
        or x1.shape[:-1] != x2.shape[:-1]
        or (x1.shape[-1], x2.shape[-1]) != w.shape[1:]
    ):
        raise kernels.ShapeError(
            f"{op}: input1, input2 and weight have shapes {x1.shape}, {x2.shape} and {w.shape}, "
            "expected (..., in1), (..., in2) and (out, in1, in2)"
        )
    outputs, in1, in2 = w.shape
    rows = math.prod(x1.shape[:-1])
    # (rows, in1) (in1, out in2), then in each row (out, in2) (in2, 1)
    matrix = reshape(transpose(w, 0, 1), (in1, outputs * in2))
    halves = reshape(mm(reshape(x1, (rows, in1)), matrix), (rows, outputs, in2))
    result = reshape(matmul(halves, reshape(x2, (rows, in2, 1))), (*x1.shape[:-1], outputs))
    return result if b is None else add(result, b)
