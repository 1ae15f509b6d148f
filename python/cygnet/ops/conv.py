"""Convolution over images (N, C, H, W); results are channels-last in memory."""

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
