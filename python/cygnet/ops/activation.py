"""Activations. The gradient of each is one kernel; where it is differentiated again, it is written
with other ops.

`inplace`, where PyTorch has it, is accepted; the result is always new.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from cygnet import kernels
from cygnet.autograd import is_grad_enabled, record
from cygnet.errors import composed
from cygnet.ops.broadcast import reshape, sum_to
from cygnet.ops.common import as_tensor, floating, from_result, normalized_axis, operands, wrap
from cygnet.ops.elementwise import abs as abs_
from cygnet.ops.elementwise import (
    add,
    div,
    erf,
    exp,
    ge,
    gt,
    le,
    lt,
    maximum,
    minimum,
    mul,
    neg,
    sub,
    where,
)
from cygnet.ops.shape import narrow
from cygnet.tensor import FLOATS, Array, Tensor

__all__ = [
    "celu",
    "elu",
    "gelu",
    "glu",
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "leaky_relu",
    "logsigmoid",
    "mish",
    "prelu",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "softplus",
    "softshrink",
    "softsign",
    "tanh",
    "tanhshrink",
    "threshold",
]


def _linear_in_pieces(kernel: Any, grad: Tensor, saved: Array, *parameters: float) -> Tensor:
    """The gradient of an activation whose slope is constant in pieces: it is its own gradient."""
    return record(
        wrap(kernel(grad._array, saved, *parameters)),
        (grad,),
        lambda again: (_linear_in_pieces(kernel, again, saved, *parameters),),
        kernel.__name__,
        saved=(),
    )


def _smooth(
    name: str,
    output: Array,
    input: Tensor,
    backward_kernel: Any,
    slope: Callable[[Tensor], Tensor],
    *parameters: Any,
) -> Tensor:
    """Records `output`; `slope` computes the derivative with ops, for second derivatives."""

    def backward(grad: Tensor) -> tuple[Tensor]:
        if is_grad_enabled():
            return (mul(grad, slope(input)),)
        return (wrap(backward_kernel(grad._array, input._array, *parameters)),)

    return record(wrap(output), (input,), backward, name)


def _smooth_by_output(
    name: str,
    output: Array,
    input: Tensor,
    backward_kernel: Any,
    slope: Callable[[Tensor], Tensor],
) -> Tensor:
    """The same where the derivative follows from the result alone."""

    def gradient(grad: Tensor, result: Tensor) -> Tensor:
        if is_grad_enabled():
            return mul(grad, slope(result))
        return wrap(backward_kernel(grad._array, result._array))

    return from_result(name, output, input, gradient)


def fused_gradient(
    activation: str, grad: Tensor, saved: Array, argument: Callable[[], Tensor] | None = None
) -> Tensor:
    """The gradient of an activation that another op took into its kernel.

    Parameters
    ----------
    activation : str
        One of `FUSED_ACTIVATIONS`.
    grad : Tensor
        The gradient of the result.
    saved : numpy.ndarray
        What `with_activation` gave beside the result.
    argument : callable, optional
        Makes what the activation was taken of, with ops, for second derivatives; those that are
        linear in pieces do without.
    """
    kernel = getattr(kernels, f"{activation}_backward")
    if activation in ("relu", "leaky_relu"):
        return _linear_in_pieces(kernel, grad, saved)
    if argument is not None and is_grad_enabled():
        return mul(grad, _SLOPES[activation](argument()))
    return wrap(kernel(grad._array, saved))


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(input, 0), also of integers."""
    input = as_tensor(input, "relu", "input")
    array = input._array
    if array.dtype not in FLOATS:
        return maximum(input, 0)
    output = kernels.relu(array)

    def backward(grad: Tensor) -> tuple[Tensor]:
        return (_linear_in_pieces(kernels.relu_backward, grad, output),)

    result = wrap(output)
    return record(result, (input,), backward, "relu", saved=(result,))


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """input where it is positive, else negative_slope * input."""
    input = as_tensor(input, "leaky_relu", "input")
    saved = input._array

    def backward(grad: Tensor) -> tuple[Tensor]:
        return (_linear_in_pieces(kernels.leaky_relu_backward, grad, saved, negative_slope),)

    return record(wrap(kernels.leaky_relu(saved, negative_slope)), (input,), backward, "leaky_relu")


@composed
def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """input where it is positive, else weight * input.

    Parameters
    ----------
    input : Tensor
    weight : Tensor
        One slope, or one for each index of dimension 1: its shape is (1,) or (C,).

    References
    ----------
    K. He et al., "Delving deep into rectifiers", ICCV 2015.
    """
    x, slopes = operands("prelu", input, as_tensor(weight, "prelu", "weight"), floating=True)
    channels = x.shape[1] if x.ndim > 1 else 1
    if slopes.ndim > 1 or slopes.numel() not in (1, channels):
        raise ValueError(
            f"prelu: weight has shape {slopes.shape}, expected 1 slope or one for each of "
            f"{channels} channels"
        )
    if slopes.numel() > 1 or x.ndim == 0:
        slopes = reshape(slopes, slopes.shape[: x.ndim] + (1,) * (x.ndim - 2))

    def backward(grad: Tensor) -> tuple[Tensor | None, ...]:
        positive = gt(x, 0)
        return (
            where(positive, grad, mul(grad, slopes)) if x.requires_grad else None,
            sum_to(where(positive, 0.0, mul(grad, x)), slopes.shape)
            if slopes.requires_grad
            else None,
        )

    return record(wrap(kernels.prelu(x._array, slopes._array)), (x, slopes), backward, "prelu")


def sigmoid(input: Tensor) -> Tensor:
    """1 / (1 + exp(-input))."""
    input = floating("sigmoid", input)
    output = kernels.sigmoid(input._array)
    return _smooth_by_output(
        "sigmoid", output, input, kernels.sigmoid_backward, lambda y: mul(y, sub(1.0, y))
    )


@composed
def logsigmoid(input: Tensor) -> Tensor:
    """log(1 / (1 + exp(-input))), without overflow."""
    input = floating("logsigmoid", input)
    return _smooth(
        "logsigmoid",
        kernels.log_sigmoid(input._array),
        input,
        kernels.log_sigmoid_backward,
        lambda x: sigmoid(neg(x)),
    )


def tanh(input: Tensor) -> Tensor:
    """The hyperbolic tangent."""
    input = floating("tanh", input)
    output = kernels.tanh(input._array)
    return _smooth_by_output(
        "tanh", output, input, kernels.tanh_backward, lambda y: sub(1.0, mul(y, y))
    )


@composed
def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """input * P(X < input) for a standard normal X.

    Parameters
    ----------
    input : Tensor
    approximate : str
        'none' (default), or 'tanh' for input / 2 * (1 + tanh(sqrt(2 / pi) * (input + 0.044715 *
        input ** 3))).

    References
    ----------
    D. Hendrycks, K. Gimpel, "Gaussian error linear units", arXiv 1606.08415.
    """
    input = floating("gelu", input)
    slope = _slope_of_gelu if approximate == "none" else _slope_of_gelu_by_tanh
    output = kernels.gelu(input._array, approximate)
    return _smooth("gelu", output, input, kernels.gelu_backward, slope, approximate)


def _slope_of_gelu(x: Tensor) -> Tensor:
    below = mul(add(erf(mul(x, math.sqrt(0.5))), 1.0), 0.5)
    density = mul(exp(mul(mul(x, x), -0.5)), 1 / math.sqrt(2 * math.pi))
    return add(below, mul(x, density))


def _slope_of_gelu_by_tanh(x: Tensor) -> Tensor:
    c = 2 * math.sqrt(2 / math.pi)
    d = 0.044715 * c
    square = mul(x, x)
    y = sigmoid(mul(x, add(mul(square, d), c)))
    inner = mul(x, add(mul(square, 3 * d), c))
    return add(y, mul(mul(y, sub(1.0, y)), inner))


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """input / (1 + exp(-input))."""
    input = floating("silu", input)
    output = kernels.silu(input._array)
    return _smooth("silu", output, input, kernels.silu_backward, _slope_of_silu)


def _slope_of_silu(x: Tensor) -> Tensor:
    y = sigmoid(x)
    return mul(y, add(mul(x, sub(1.0, y)), 1.0))


def _slope_of_tanh(x: Tensor) -> Tensor:
    y = tanh(x)
    return sub(1.0, mul(y, y))


# Of the activations that products take into their kernel, beside those that are linear in pieces.
_SLOPES: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu": _slope_of_gelu,
    "sigmoid": lambda x: mul(sigmoid(x), sigmoid(neg(x))),
    "silu": _slope_of_silu,
    "tanh": _slope_of_tanh,
}


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """input where it is positive, else alpha * (exp(input) - 1).

    References
    ----------
    D.-A. Clevert et al., "Fast and accurate deep network learning by exponential linear units",
    ICLR 2016.
    """
    input = floating("elu", input)
    return _smooth(
        "elu",
        kernels.elu(input._array, alpha),
        input,
        kernels.elu_backward,
        lambda x: where(gt(x, 0), 1.0, mul(exp(minimum(x, 0.0)), alpha)),
        alpha,
    )


# The fixed point (mean 0, variance 1) of a normal unit under the scaled ELU.
SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946


@composed
def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """A scaled `elu` that keeps mean 0 and variance 1 through the layers.

    References
    ----------
    G. Klambauer et al., "Self-normalizing neural networks", NeurIPS 2017.
    """
    return mul(elu(input, SELU_ALPHA), SELU_SCALE)


@composed
def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """input where it is positive, else alpha * (exp(input / alpha) - 1); alpha is above 0.

    References
    ----------
    J. Barron, "Continuously differentiable exponential linear units", arXiv 1704.07483.
    """
    if not alpha > 0:
        raise ValueError(f"celu: argument alpha expected above 0, got {alpha}")
    x = floating("celu", input)
    return where(gt(x, 0), x, mul(elu(div(x, alpha)), alpha))


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """log(1 + exp(beta * input)) / beta, and the input itself where beta * input > threshold."""
    input = floating("softplus", input)

    def slope(x: Tensor) -> Tensor:
        z = mul(x, beta)
        return where(gt(z, threshold), 1.0, sigmoid(z))

    output = kernels.softplus(input._array, beta, threshold)
    return _smooth("softplus", output, input, kernels.softplus_backward, slope, beta, threshold)


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """input * tanh(softplus(input)).

    References
    ----------
    D. Misra, "Mish: a self regularized non-monotonic activation function", BMVC 2020.
    """
    input = floating("mish", input)

    def slope(x: Tensor) -> Tensor:
        w = tanh(softplus(x))
        return add(w, mul(mul(x, sub(1.0, mul(w, w))), sigmoid(x)))

    return _smooth("mish", kernels.mish(input._array), input, kernels.mish_backward, slope)


@composed
def hardtanh(
    input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False
) -> Tensor:
    """input, but not below min_val and not above max_val; the gradient at both ends is 0."""
    input = floating("hardtanh", input)
    if not min_val <= max_val:
        raise ValueError(f"hardtanh: max_val is {max_val}, expected at least min_val = {min_val}")
    saved = input._array

    def backward(grad: Tensor) -> tuple[Tensor]:
        return (_linear_in_pieces(kernels.hardtanh_backward, grad, saved, min_val, max_val),)

    return record(wrap(kernels.clamp(saved, min_val, max_val)), (input,), backward, "hardtanh")


@composed
def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """min(max(input, 0), 6)."""
    return hardtanh(input, 0.0, 6.0)


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """min(max(input + 3, 0), 6) / 6."""
    input = floating("hardsigmoid", input)
    saved = input._array

    def backward(grad: Tensor) -> tuple[Tensor]:
        return (_linear_in_pieces(kernels.hardsigmoid_backward, grad, saved),)

    return record(wrap(kernels.hardsigmoid(saved)), (input,), backward, "hardsigmoid")


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """input * min(max(input + 3, 0), 6) / 6.

    References
    ----------
    A. Howard et al., "Searching for MobileNetV3", ICCV 2019.
    """
    input = floating("hardswish", input)

    def slope(x: Tensor) -> Tensor:
        inner = add(div(x, 3.0), 0.5)
        return where(ge(x, 3.0), 1.0, where(le(x, -3.0), 0.0, inner))

    output = kernels.hardswish(input._array)
    return _smooth("hardswish", output, input, kernels.hardswish_backward, slope)


@composed
def softsign(input: Tensor) -> Tensor:
    """input / (1 + |input|)."""
    x = floating("softsign", input)
    return div(x, add(abs_(x), 1.0))


@composed
def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """0 where |input| <= lambd, else the input."""
    x = as_tensor(input, "hardshrink", "input")
    return where(le(abs_(x), lambd), 0.0, x)


@composed
def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """The input moved towards 0 by lambd, which is at least 0; 0 where |input| <= lambd."""
    if not lambd >= 0:
        raise ValueError(f"softshrink: argument lambd expected at least 0, got {lambd}")
    x = as_tensor(input, "softshrink", "input")
    inside = mul(x, 0.0)  # a NaN stays NaN
    return where(gt(x, lambd), sub(x, lambd), where(lt(x, -lambd), add(x, lambd), inside))


@composed
def tanhshrink(input: Tensor) -> Tensor:
    """input - tanh(input)."""
    x = floating("tanhshrink", input)
    return sub(x, tanh(x))


@composed
def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """The input where it is above `threshold`, else `value`."""
    x = as_tensor(input, "threshold", "input")
    return where(le(x, threshold), value, x)


@composed
def glu(input: Tensor, dim: int = -1) -> Tensor:
    """a * sigmoid(b) of the halves a and b of the input along `dim`, whose size is even.

    References
    ----------
    Y. Dauphin et al., "Language modeling with gated convolutional networks", ICML 2017.
    """
    x = floating("glu", input)
    axis = normalized_axis("glu", dim, x.ndim)
    if x.ndim == 0 or x.shape[axis] % 2:
        raise kernels.ShapeError(
            f"glu: input has shape {x.shape}, expected an even size of dimension {dim}"
        )
    half = x.shape[axis] // 2
    return mul(narrow(x, axis, 0, half), sigmoid(narrow(x, axis, half, half)))
