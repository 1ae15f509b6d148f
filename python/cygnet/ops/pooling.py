"""Pooling over images (N, C, H, W); results are channels-last in memory."""

from __future__ import annotations

from typing import Any

from cygnet import kernels
from cygnet.autograd import record
from cygnet.ops.common import as_tensor, wrap
from cygnet.ops.conv import Pair
from cygnet.tensor import Tensor


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
