"""Convolution and pooling over images (N, C, H, W); results are channels-last in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from cygnet import kernels
from cygnet.autograd import record
from cygnet.ops.common import as_tensor, wrap
from cygnet.tensor import Array, Tensor

Pair: TypeAlias = int | tuple[int, int]

_ACTIVATION_GRADIENT: dict[str, Callable[..., Array]] = {
    "relu": kernels.relu_backward,
    "leaky_relu": kernels.leaky_relu_backward,
    "sigmoid": kernels.sigmoid_backward,
    "tanh": kernels.tanh_backward,
}


def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Pair = 1,
    padding: Pair = 0,
    dilation: Pair = 1,
    groups: int = 1,
    *,
    activation: str = "none",
) -> Tensor:
    """Cross-correlation of images with filters, as convolutional layers have it.

    Parameters
    ----------
    input : Tensor
        (N, C, H, W), float32 or float64.
    weight : Tensor
        (O, C / groups, kh, kw).
    bias : Tensor, optional
        (O,).
    stride, padding, dilation : int or pair of int
        For both axes or (height, width). Default 1, 0, 1. Padding is with zeros.
    groups : int
        Input and output channels are cut into this many groups that do not mix. Default 1.
    activation : str
        'none' (default), 'relu', 'leaky_relu' (slope 0.01), 'sigmoid' or 'tanh', fused.

    Returns
    -------
    Tensor
        (N, O, H', W') with H' = (H + 2 padding - dilation (kh - 1) - 1) // stride + 1.

    Raises
    ------
    ShapeError, DTypeError, ValueError
    """
    input, weight = as_tensor(input, "conv2d", "input"), as_tensor(weight, "conv2d", "weight")
    bias = bias if bias is None else as_tensor(bias, "conv2d", "bias")
    x, w = input._array, weight._array
    options: dict[str, Any] = {
        "stride": stride,
        "padding": padding,
        "dilation": dilation,
        "groups": groups,
    }
    output = kernels.conv2d_forward(
        x, w, None if bias is None else bias._array, activation=activation, **options
    )
    saved = None if activation == "none" else output

    def backward(grad: Tensor) -> tuple[Tensor | None, ...]:
        g = grad._array
        if saved is not None:
            g = _ACTIVATION_GRADIENT[activation](g, saved)
        need_bias = bias is not None and bias.requires_grad
        by_input = by_weight = by_bias = None
        if input.requires_grad:
            by_input = wrap(kernels.conv2d_backward_input(g, w, x.shape, **options))
        if weight.requires_grad or need_bias:
            grads = kernels.conv2d_backward_weight(g, x, w.shape, need_bias=need_bias, **options)
            by_weight = wrap(grads[0])
            by_bias = wrap(grads[1]) if need_bias else None
        return (by_input, by_weight) if bias is None else (by_input, by_weight, by_bias)

    inputs = (input, weight) if bias is None else (input, weight, bias)
    return record(wrap(output), inputs, backward, "conv2d", once=True)


def max_pool2d(
    input: Tensor,
    kernel_size: Pair,
    stride: Pair | None = None,
    padding: Pair = 0,
    dilation: Pair = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:
    """The largest element of each window; the gradient goes to the first of equals.

    Parameters
    ----------
    input : Tensor
        (N, C, H, W).
    kernel_size, stride, padding, dilation : int or pair of int
        Windows; the stride is kernel_size by default. Padding counts as -inf.
    ceil_mode : bool
        Rounds the size of the result up instead of down. Default False.
    return_indices : bool
        Also returns the positions h * W + w of the largest elements. Default False.
    """
    input = as_tensor(input, "max_pool2d", "input")
    shape = input.shape
    output, indices = kernels.max_pool2d_forward(
        input._array,
        kernel_size,
        stride=stride,
        padding=padding,
        dilation=dilation,
        ceil_mode=ceil_mode,
    )

    def backward(grad: Tensor) -> tuple[Tensor]:
        return (wrap(kernels.max_pool2d_backward(grad._array, indices, shape)),)

    result = record(wrap(output), (input,), backward, "max_pool2d", once=True)
    return (result, wrap(indices)) if return_indices else result


def avg_pool2d(
    input: Tensor,
    kernel_size: Pair,
    stride: Pair | None = None,
    padding: Pair = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """The mean of each window.

    Parameters
    ----------
    input : Tensor
        (N, C, H, W).
    kernel_size, stride, padding : int or pair of int
        Windows; the stride is kernel_size by default.
    ceil_mode : bool
        Rounds the size of the result up instead of down. Default False.
    count_include_pad : bool
        Whether the zeros of the padding count. Default True.
    """
    input = as_tensor(input, "avg_pool2d", "input")
    shape = input.shape
    options: dict[str, Any] = {
        "stride": stride,
        "padding": padding,
        "ceil_mode": ceil_mode,
        "count_include_pad": count_include_pad,
    }

    def backward(grad: Tensor) -> tuple[Tensor]:
        return (wrap(kernels.avg_pool2d_backward(grad._array, shape, kernel_size, **options)),)

    output = wrap(kernels.avg_pool2d_forward(input._array, kernel_size, **options))
    return record(output, (input,), backward, "avg_pool2d", once=True)


def adaptive_avg_pool2d(input: Tensor, output_size: Pair) -> Tensor:
    """The means of windows that cut the image into output_size parts, as equal as can be."""
    input = as_tensor(input, "adaptive_avg_pool2d", "input")
    shape = input.shape

    def backward(grad: Tensor) -> tuple[Tensor]:
        return (wrap(kernels.adaptive_avg_pool2d_backward(grad._array, shape)),)

    output = wrap(kernels.adaptive_avg_pool2d_forward(input._array, output_size))
    return record(output, (input,), backward, "adaptive_avg_pool2d", once=True)
