"""The linear layer."""

from __future__ import annotations

import math

from cygnet import kernels
from cygnet.autograd import is_grad_enabled, needs_gradient, record
from cygnet.ops.activation import fused_gradient
from cygnet.ops.broadcast import reshape, sum_to
from cygnet.ops.common import layer_operands, saved_by_product, with_activation, wrap
from cygnet.ops.products import mm
from cygnet.ops.shape import transpose
from cygnet.tensor import Tensor


def linear(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, *, activation: str = "none"
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
    b = None if bias is None else bias._array
    if not needs_gradient(input, weight, bias):
        return wrap(kernels.linear_forward(x, w, b, activation))
    output, saved = with_activation(lambda name: kernels.linear_forward(x, w, b, name), activation)

    inputs = (input, weight) if bias is None else (input, weight, bias)

    def backward(grad: Tensor) -> tuple[Tensor | None, ...]:
        if is_grad_enabled():
            if saved is not None:
                grad = fused_gradient(activation, grad, saved, lambda: linear(*inputs))
            return _gradients(grad, *inputs)
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
        return tuple(None if g is None else wrap(g) for g in grads[: len(inputs)])

    result = wrap(output)
    values = saved_by_product(inputs, result, saved)
    return record(result, inputs, backward, "linear", saved=values)


def _gradients(
    grad: Tensor, input: Tensor, weight: Tensor, bias: Tensor | None = None
) -> tuple[Tensor | None, ...]:
    """The gradients of a linear layer, written in ops."""
    rows = math.prod(grad.shape[:-1])
    grads = reshape(grad, (rows, weight.shape[0]))
    by_input = by_weight = None
    if input.requires_grad:
        by_input = reshape(mm(grads, weight), input.shape)
    if weight.requires_grad:
        by_weight = mm(transpose(grads, 0, 1), reshape(input, (rows, weight.shape[1])))
    if bias is None:
        return by_input, by_weight
    return by_input, by_weight, sum_to(grads, bias.shape) if bias.requires_grad else None
