"""Pooling over one, two or three spatial axes of (N, C, ...) images, or of one alone, (C, ...).

Results keep the memory order of the input, plain or channels last.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from cygnet import kernels
from cygnet.autograd import is_grad_enabled, needs_gradient, record
from cygnet.errors import composed
from cygnet.ops.channels import BEHIND_BATCH, LAST, pooling_kernel
from cygnet.ops.common import Shape, as_tensor, floating, wrap
from cygnet.ops.elementwise import abs as abs_
from cygnet.ops.elementwise import mul, neg, pow
from cygnet.ops.reduce import mean
from cygnet.ops.shape import permuted
from cygnet.tensor import Array, Tensor

__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "adaptive_max_pool1d",
    "adaptive_max_pool2d",
    "adaptive_max_pool3d",
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "lp_pool1d",
    "lp_pool2d",
    "lp_pool3d",
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
    "max_unpool1d",
    "max_unpool2d",
    "max_unpool3d",
]

Size: TypeAlias = int | tuple[int, ...]
MaybeSize: TypeAlias = int | tuple[int | None, ...] | None


def _kept(input: Tensor, return_indices: bool) -> str:
    """What a maximum keeps beside its values, for the user or for the gradient."""
    if return_indices:
        return "indices"
    return "taps" if needs_gradient(input) else "nothing"


def _picked(axes: int, input: Tensor, indices: Array) -> Tensor:
    """The elements of `input` at positions in its planes, 0 for -1."""
    output = wrap(getattr(kernels, f"max_unpool{axes}d_backward")(input._array, indices))
    shape = input.shape
    return record(
        output, (input,), lambda grad: (_put(axes, grad, indices, shape),), "picked", saved=()
    )


def _put(axes: int, input: Tensor, indices: Array, shape: Shape) -> Tensor:
    """Zeros of a shape to which the elements of `input` are added at positions in its planes."""
    # A number of taps is for the gradient alone; positions need no windows.
    kernel = getattr(kernels, f"adaptive_max_pool{axes}d_backward")
    output = wrap(kernel(input._array, indices, shape))
    return record(output, (input,), lambda grad: (_picked(axes, grad, indices),), "put", saved=())


def _kernels(
    op: str, axes: int, input: Tensor, channels_last: bool, several: bool = False
) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The forward and the backward kernel; see `pooling_kernel`."""
    if channels_last:
        if input.ndim != axes + 2:
            raise kernels.ShapeError(
                f"{op}: input has shape {input.shape}, expected {axes + 2} dimensions"
            )
        return pooling_kernel(op, "forward", several), pooling_kernel(op, "backward", several)
    return getattr(kernels, f"{op}_forward"), getattr(kernels, f"{op}_backward")


def _max_pool(
    op: str,
    axes: int,
    input: Tensor,
    kernel_size: Size,
    stride: Size | None,
    padding: Size,
    dilation: Size,
    ceil_mode: bool,
    return_indices: bool,
    activation: str,
    channels_last: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:
    input = as_tensor(input, op, "input")
    shape = input.shape
    windows = kernel_size, stride, padding, dilation, ceil_mode
    kernel, backward_kernel = _kernels(op, axes, input, channels_last, several=True)
    output, kept = kernel(input._array, *windows, _kept(input, return_indices), activation)

    def backward(grad: Tensor) -> tuple[Tensor]:
        if is_grad_enabled():
            _, indices = kernel(input._array, *windows, "indices", activation)
            if not channels_last:
                return (_put(axes, grad, indices, shape),)
            first, last = BEHIND_BATCH[grad.ndim], LAST[grad.ndim]
            sizes = tuple(shape[axis] for axis in first)
            return (permuted(_put(axes, permuted(grad, first), indices, sizes), last),)
        return (wrap(backward_kernel(grad._array, kept, shape, *windows)),)

    result = record(wrap(output), (input,), backward, op)
    return (result, wrap(kept)) if return_indices else result


def max_pool1d(
    input: Tensor,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
    *,
    activation: str = "none",
    channels_last: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:
    """The largest element of each window of (N, C, L); see `max_pool2d`."""
    return _max_pool(
        "max_pool1d", 1, input, kernel_size, stride, padding, dilation, ceil_mode,
        return_indices, activation, channels_last,
    )  # fmt: skip


def max_pool2d(
    input: Tensor,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
    *,
    activation: str = "none",
    channels_last: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:
    """The largest element of each window; the gradient goes to the first of equals, NaN wins.

    Parameters
    ----------
    input : Tensor
        (N, C, H, W) or (C, H, W).
    kernel_size, stride, padding, dilation : int or pair of int
        Windows; the stride is kernel_size by default. Padding counts as -inf.
    ceil_mode : bool
        Rounds the size of the result up instead of down. Default False.
    return_indices : bool
        Also returns the positions h * W + w of the largest elements. Default False.
    activation : str
        'none' (default) or 'relu', fused; elements below zero then have the position -1.
    channels_last : bool
        Whether input and result are (N, H, W, C); positions are (N, C, H, W). Default False.
    """
    return _max_pool(
        "max_pool2d", 2, input, kernel_size, stride, padding, dilation, ceil_mode,
        return_indices, activation, channels_last,
    )  # fmt: skip


def max_pool3d(
    input: Tensor,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
    *,
    activation: str = "none",
    channels_last: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:
    """The largest element of each window of (N, C, D, H, W); see `max_pool2d`."""
    return _max_pool(
        "max_pool3d", 3, input, kernel_size, stride, padding, dilation, ceil_mode,
        return_indices, activation, channels_last,
    )  # fmt: skip


def _avg_pool(
    op: str, axes: int, input: Tensor, *windows: Any, channels_last: bool = False
) -> Tensor:
    input = as_tensor(input, op, "input")
    shape = input.shape
    kernel, backward_kernel = _kernels(op, axes, input, channels_last)

    def backward(grad: Tensor) -> tuple[Tensor]:
        output = wrap(backward_kernel(grad._array, shape, *windows))
        # The op is linear: the gradient of its gradient is the op.
        return (record(output, (grad,), lambda g: (again(g),), f"{op}_backward", saved=()),)

    def again(input: Tensor) -> Tensor:
        return _avg_pool(op, axes, input, *windows, channels_last=channels_last)

    output = wrap(kernel(input._array, *windows))
    return record(output, (input,), backward, op, saved=())


def avg_pool1d(
    input: Tensor,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    *,
    channels_last: bool = False,
) -> Tensor:
    """The mean of each window of (N, C, L); see `avg_pool2d`."""
    windows = kernel_size, stride, padding, ceil_mode, count_include_pad
    return _avg_pool("avg_pool1d", 1, input, *windows, channels_last=channels_last)


def avg_pool2d(
    input: Tensor,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
    *,
    channels_last: bool = False,
) -> Tensor:
    """The mean of each window.

    Parameters
    ----------
    input : Tensor
        (N, C, H, W) or (C, H, W).
    kernel_size, stride, padding : int or pair of int
        Windows; the stride is kernel_size by default.
    ceil_mode : bool
        Rounds the size of the result up instead of down. Default False.
    count_include_pad : bool
        Whether the zeros of the padding count. Default True.
    divisor_override : int, optional
        Divides every sum instead of the count.
    channels_last : bool
        Whether input and result are (N, H, W, C). Default False.
    """
    windows = kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    return _avg_pool("avg_pool2d", 2, input, *windows, channels_last=channels_last)


def avg_pool3d(
    input: Tensor,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
    *,
    channels_last: bool = False,
) -> Tensor:
    """The mean of each window of (N, C, D, H, W); see `avg_pool2d`."""
    windows = kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    return _avg_pool("avg_pool3d", 3, input, *windows, channels_last=channels_last)


def _output_size(op: str, input: Tensor, size: MaybeSize, axes: int) -> Size:
    """The sizes that an adaptive pooling is asked for; None keeps the input's."""
    if not isinstance(size, tuple | list):
        size = (size,) * axes
    if input.ndim < axes or len(size) != axes:  # the kernel says what is wrong
        return tuple(1 if asked is None else asked for asked in size)
    kept = input.shape[input.ndim - axes :]
    return tuple(k if asked is None else asked for asked, k in zip(size, kept, strict=True))


def _adaptive_max_pool(
    op: str, axes: int, input: Tensor, output_size: MaybeSize, return_indices: bool
) -> Tensor | tuple[Tensor, Tensor]:
    input = as_tensor(input, op, "input")
    shape = input.shape
    output, kept = getattr(kernels, f"{op}_forward")(
        input._array,
        _output_size(op, input, output_size, axes),
        keep=_kept(input, return_indices),
    )

    result = record(
        wrap(output), (input,), lambda grad: (_put(axes, grad, kept, shape),), op, saved=()
    )
    return (result, wrap(kept)) if return_indices else result


def adaptive_max_pool1d(
    input: Tensor, output_size: MaybeSize, return_indices: bool = False
) -> Tensor | tuple[Tensor, Tensor]:
    """The largest elements of windows that cut (N, C, L) into output_size parts."""
    return _adaptive_max_pool("adaptive_max_pool1d", 1, input, output_size, return_indices)


def adaptive_max_pool2d(
    input: Tensor, output_size: MaybeSize, return_indices: bool = False
) -> Tensor | tuple[Tensor, Tensor]:
    """The largest elements of windows that cut (N, C, H, W) into output_size parts.

    Parameters
    ----------
    input : Tensor
        (N, C, H, W) or (C, H, W).
    output_size : int or pair of int or None
        Parts of height and width, as equal as can be; None keeps the size of the input.
    return_indices : bool
        Also returns the positions h * W + w of the largest elements. Default False.
    """
    return _adaptive_max_pool("adaptive_max_pool2d", 2, input, output_size, return_indices)


def adaptive_max_pool3d(
    input: Tensor, output_size: MaybeSize, return_indices: bool = False
) -> Tensor | tuple[Tensor, Tensor]:
    """The largest elements of windows that cut (N, C, D, H, W) into output_size parts."""
    return _adaptive_max_pool("adaptive_max_pool3d", 3, input, output_size, return_indices)


def _adaptive_avg_pool(op: str, axes: int, input: Tensor, output_size: MaybeSize) -> Tensor:
    input = as_tensor(input, op, "input")
    shape = input.shape
    size = _output_size(op, input, output_size, axes)
    if size == (1,) * axes and axes < input.ndim <= axes + 2 and 0 not in shape[-axes:]:
        return mean(input, tuple(range(-axes, 0)), keepdim=True)

    def backward(grad: Tensor) -> tuple[Tensor]:
        output = wrap(getattr(kernels, f"{op}_backward")(grad._array, shape))
        # The op is linear: the gradient of its gradient is the op.
        return (record(output, (grad,), lambda g: (again(g),), f"{op}_backward", saved=()),)

    def again(input: Tensor) -> Tensor:
        return _adaptive_avg_pool(op, axes, input, size)

    output = wrap(getattr(kernels, f"{op}_forward")(input._array, size))
    return record(output, (input,), backward, op, saved=())


@composed
def adaptive_avg_pool1d(input: Tensor, output_size: MaybeSize) -> Tensor:
    """The means of windows that cut (N, C, L) into output_size parts."""
    return _adaptive_avg_pool("adaptive_avg_pool1d", 1, input, output_size)


@composed
def adaptive_avg_pool2d(input: Tensor, output_size: MaybeSize) -> Tensor:
    """The means of windows that cut (N, C, H, W) into output_size parts, as equal as can be.

    Parameters
    ----------
    input : Tensor
        (N, C, H, W) or (C, H, W).
    output_size : int or pair of int or None
        Parts of height and width; None keeps the size of the input.
    """
    return _adaptive_avg_pool("adaptive_avg_pool2d", 2, input, output_size)


@composed
def adaptive_avg_pool3d(input: Tensor, output_size: MaybeSize) -> Tensor:
    """The means of windows that cut (N, C, D, H, W) into output_size parts."""
    return _adaptive_avg_pool("adaptive_avg_pool3d", 3, input, output_size)


def _unpooled_size(
    op: str,
    axes: int,
    input: Tensor,
    kernel_size: Size,
    stride: Size | None,
    padding: Size,
    output_size: Sequence[int] | None,
) -> Size:
    """The spatial sizes that a maximum pooling of such windows made `input` from."""

    def each(size: Size) -> tuple[int, ...]:
        return (operator.index(size),) * axes if isinstance(size, int) else tuple(size)

    steps = each(kernel_size if stride is None else stride)
    smallest = [
        (n - 1) * s + k - 2 * p
        for n, k, s, p in zip(
            input.shape[-axes:], each(kernel_size), steps, each(padding), strict=True
        )
    ]
    if output_size is None:
        return tuple(smallest)
    asked = tuple(output_size)[-axes:]
    if len(asked) != axes or any(
        abs(a - n) >= s for a, n, s in zip(asked, smallest, steps, strict=True)
    ):
        raise ValueError(
            f"{op}: argument output_size expected {axes} sizes less than a stride from "
            f"{tuple(smallest)}, got {tuple(output_size)}"
        )
    return asked


def _max_unpool(
    op: str,
    axes: int,
    input: Tensor,
    indices: Tensor,
    kernel_size: Size,
    stride: Size | None,
    padding: Size,
    output_size: Sequence[int] | None,
) -> Tensor:
    input, indices = as_tensor(input, op, "input"), as_tensor(indices, op, "indices")
    size = _unpooled_size(op, axes, input, kernel_size, stride, padding, output_size)
    at = indices._array

    output = wrap(getattr(kernels, f"{op}_forward")(input._array, at, size))
    return record(output, (input,), lambda grad: (_picked(axes, grad, at),), op, saved=(indices,))


def max_unpool1d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """Zeros and the elements of (N, C, L) `input` at `indices`; see `max_unpool2d`."""
    return _max_unpool("max_unpool1d", 1, input, indices, kernel_size, stride, padding, output_size)


def max_unpool2d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """The inverse of `max_pool2d` as far as there is one: all that was not a maximum is zero.

    Parameters
    ----------
    input : Tensor
        (N, C, H, W) or (C, H, W).
    indices : Tensor
        The positions of its elements in the planes of the result, int64; of equal ones the last
        wins.
    kernel_size, stride, padding : int or pair of int
        Those of the pooling; the stride is kernel_size by default.
    output_size : sequence of int, optional
        The size of the pooling's input, where the windows leave a choice.

    Raises
    ------
    IndexError
        If an index lies outside a plane of the result.
    """
    return _max_unpool("max_unpool2d", 2, input, indices, kernel_size, stride, padding, output_size)


def max_unpool3d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """Zeros and the elements of (N, C, D, H, W) `input` at `indices`; see `max_unpool2d`."""
    return _max_unpool("max_unpool3d", 3, input, indices, kernel_size, stride, padding, output_size)


def _lp_pool(
    axes: int,
    input: Tensor,
    norm_type: float,
    kernel_size: Size,
    stride: Size | None,
    ceil_mode: bool,
) -> Tensor:
    op = f"lp_pool{axes}d"
    if norm_type == 0:
        raise ValueError(f"{op}: argument norm_type expected another number than 0, got 0")
    x = floating(op, input)
    if norm_type in (math.inf, -math.inf):
        size = abs_(x) if norm_type > 0 else neg(abs_(x))
        pooled = _max_pool(
            f"max_pool{axes}d", axes, size, kernel_size, stride, 0, 1, ceil_mode, False, "none"
        )
        assert isinstance(pooled, Tensor)
        return pooled if norm_type > 0 else neg(pooled)
    powers = pow(x, norm_type)
    means = _avg_pool(f"avg_pool{axes}d", axes, powers, kernel_size, stride, 0, ceil_mode)
    count = kernel_size**axes if isinstance(kernel_size, int) else math.prod(kernel_size)
    return pow(mul(means, count), 1 / norm_type)


@composed
def lp_pool1d(
    input: Tensor,
    norm_type: float,
    kernel_size: Size,
    stride: Size | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """(sum of x^p)^(1/p) of each window of (N, C, L); see `lp_pool2d`."""
    return _lp_pool(1, input, norm_type, kernel_size, stride, ceil_mode)


@composed
def lp_pool2d(
    input: Tensor,
    norm_type: float,
    kernel_size: Size,
    stride: Size | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """(sum of x^p)^(1/p) of each window, with p = norm_type.

    Parameters
    ----------
    input : Tensor
        (N, C, H, W) or (C, H, W).
    norm_type : float
        p; with infinity the largest absolute value.
    kernel_size, stride : int or pair of int
        Windows; the stride is kernel_size by default.
    ceil_mode : bool
        Rounds the size of the result up instead of down; a window that is cut off counts as if its
        missing elements were the mean of the others, as in PyTorch. Default False.

    Raises
    ------
    ShapeError, ValueError
    """
    return _lp_pool(2, input, norm_type, kernel_size, stride, ceil_mode)


@composed
def lp_pool3d(
    input: Tensor,
    norm_type: float,
    kernel_size: Size,
    stride: Size | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """(sum of x^p)^(1/p) of each window of (N, C, D, H, W); see `lp_pool2d`."""
    return _lp_pool(3, input, norm_type, kernel_size, stride, ceil_mode)
