"""Windows of images as columns, and channels as pixels."""

from __future__ import annotations

from typing import Any

import numpy as np

from cygnet import kernels
from cygnet.errors import composed
from cygnet.ops.broadcast import to_shape
from cygnet.ops.common import Shape, as_tensor
from cygnet.ops.pad import pad
from cygnet.ops.shape import overlap_added, overlapping, permute
from cygnet.tensor import Array, Tensor

__all__ = [
    "channel_shuffle",
    "fold",
    "pixel_shuffle",
    "pixel_unshuffle",
    "unfold",
]

Pair = int | tuple[int, int]


def _pair(op: str, name: str, value: Any, least: int) -> tuple[int, int]:
    pair = (value, value) if isinstance(value, int) else tuple(value)
    if len(pair) == 1:
        pair *= 2
    if len(pair) != 2 or min(pair) < least:
        raise ValueError(
            f"{op}: {name} is {value}, expected one or two numbers of at least {least}"
        )
    return pair[0], pair[1]


class _Windows:
    """How windows lie in padded images."""

    def __init__(
        self, op: str, size: Shape, kernel: Pair, dilation: Pair, padding: Pair, stride: Pair
    ) -> None:
        self.kernel = _pair(op, "kernel_size", kernel, 1)
        self.dilation = _pair(op, "dilation", dilation, 1)
        self.padding = _pair(op, "padding", padding, 0)
        self.stride = _pair(op, "stride", stride, 1)
        self.padded = tuple(n + 2 * p for n, p in zip(size, self.padding, strict=True))
        self.counts = tuple(
            (n - d * (k - 1) - 1) // s + 1
            for n, k, d, s in zip(self.padded, self.kernel, self.dilation, self.stride, strict=True)
        )
        if min(self.counts) < 1:
            raise kernels.ShapeError(
                f"{op}: windows of {self.kernel} with dilation {self.dilation} do not fit in "
                f"images of {size} with padding {self.padding}"
            )

    def of(self, array: Array) -> Array:
        """(N, C, kernel rows, kernel columns, rows of windows, columns of windows)."""
        (n, c), (across, down) = array.strides[:2], array.strides[2:]
        steps = (across * self.dilation[0], down * self.dilation[1])
        strides = (across * self.stride[0], down * self.stride[1])
        shape = (*array.shape[:2], *self.kernel, *self.counts)
        return np.lib.stride_tricks.as_strided(array, shape, (n, c, *steps, *strides))


@composed
def unfold(
    input: Tensor, kernel_size: Pair, dilation: Pair = 1, padding: Pair = 0, stride: Pair = 1
) -> Tensor:
    """The windows of images as columns.

    Parameters
    ----------
    input : Tensor
        (N, C, H, W) or (C, H, W).
    kernel_size, dilation, padding, stride : int or pair of int
        Of the windows, as of a convolution. Defaults 1, 0 and 1.

    Returns
    -------
    Tensor
        (N, C * kernel rows * kernel columns, windows), or without N.

    Raises
    ------
    ShapeError, ValueError
    """
    op = "unfold"
    input = as_tensor(input, op, "input")
    if input.ndim not in (3, 4):
        raise kernels.ShapeError(
            f"{op}: input has shape {input.shape}, expected (N, C, H, W) or (C, H, W)"
        )
    if input.ndim == 3:
        columns = unfold(to_shape(input, (1, *input.shape)), kernel_size, dilation, padding, stride)
        return to_shape(columns, columns.shape[1:])
    windows = _Windows(op, input.shape[2:], kernel_size, dilation, padding, stride)
    rows, cols = windows.padding
    view = overlapping(pad(input, (cols, cols, rows, rows)), windows.of, op)
    n, c, kh, kw, oh, ow = view.shape
    return to_shape(view, (n, c * kh * kw, oh * ow))


@composed
def fold(
    input: Tensor,
    output_size: Pair,
    kernel_size: Pair,
    dilation: Pair = 1,
    padding: Pair = 0,
    stride: Pair = 1,
) -> Tensor:
    """Images to which columns are added as windows: the opposite of `unfold`, but where windows
    overlap their values are summed.

    Parameters
    ----------
    input : Tensor
        (N, C * kernel rows * kernel columns, windows), or without N.
    output_size : int or pair of int
        (H, W).
    kernel_size, dilation, padding, stride : int or pair of int
        As for `unfold`.

    Returns
    -------
    Tensor
        (N, C, H, W) or (C, H, W).

    Raises
    ------
    ShapeError, ValueError
    """
    op = "fold"
    input = as_tensor(input, op, "input")
    size = _pair(op, "output_size", output_size, 1)
    windows = _Windows(op, size, kernel_size, dilation, padding, stride)
    (kh, kw), (oh, ow) = windows.kernel, windows.counts
    if input.ndim not in (2, 3) or input.shape[-2] % (kh * kw) or input.shape[-1] != oh * ow:
        raise kernels.ShapeError(
            f"{op}: input has shape {input.shape}, expected (N, C * {kh * kw}, {oh * ow}) or "
            "without N"
        )
    if input.ndim == 2:
        images = fold(
            to_shape(input, (1, *input.shape)), size, kernel_size, dilation, padding, stride
        )
        return to_shape(images, images.shape[1:])
    n, c = input.shape[0], input.shape[1] // (kh * kw)
    columns = to_shape(input, (n, c, kh, kw, oh, ow))
    images = overlap_added(columns, (n, c, *windows.padded), windows.of, op)
    rows, cols = windows.padding
    return pad(images, (-cols, -cols, -rows, -rows))


def _images(op: str, input: Tensor) -> tuple[Tensor, Shape, Shape]:
    """Images, the sizes before their channels, and (C, H, W)."""
    input = as_tensor(input, op, "input")
    if input.ndim < 3:
        raise kernels.ShapeError(f"{op}: input has shape {input.shape}, expected (..., C, H, W)")
    return input, input.shape[:-3], input.shape[-3:]


def _moved(input: Tensor, before: Shape, apart: Shape, order: Shape, joined: Shape) -> Tensor:
    """Channels and pixels taken apart, put in another order and joined."""
    first = len(before)
    inside = permute(to_shape(input, (*before, *apart)), *range(first), *(first + i for i in order))
    return to_shape(inside, (*before, *joined))


@composed
def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """(..., C * r * r, H, W) to (..., C, H * r, W * r): each r * r channels become the pixels of a
    square (W. Shi et al., "Real-time single image and video super-resolution using an efficient
    sub-pixel convolutional neural network", 2016, equation 4).

    Raises
    ------
    ShapeError
        If the channels are not a multiple of r * r.
    ValueError
        If r is not positive.
    """
    op = "pixel_shuffle"
    input, before, (c, h, w) = _images(op, input)
    r = _factor(op, "upscale_factor", upscale_factor)
    if c % (r * r):
        raise kernels.ShapeError(f"{op}: input has {c} channels, expected a multiple of {r * r}")
    c //= r * r
    return _moved(input, before, (c, r, r, h, w), (0, 3, 1, 4, 2), (c, h * r, w * r))


@composed
def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """(..., C, H * r, W * r) to (..., C * r * r, H, W): the opposite of `pixel_shuffle`.

    Raises
    ------
    ShapeError
        If the sizes are not multiples of r.
    ValueError
        If r is not positive.
    """
    op = "pixel_unshuffle"
    input, before, (c, h, w) = _images(op, input)
    r = _factor(op, "downscale_factor", downscale_factor)
    if h % r or w % r:
        raise kernels.ShapeError(
            f"{op}: input has images of {(h, w)}, expected multiples of {r} both"
        )
    h, w = h // r, w // r
    return _moved(input, before, (c, h, r, w, r), (0, 2, 4, 1, 3), (c * r * r, h, w))


def _factor(op: str, name: str, value: int) -> int:
    if value < 1:
        raise ValueError(f"{op}: {name} is {value}, expected at least 1")
    return value


@composed
def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """(N, C, ...): the channels of all groups in turn, the first ones, the second ones, and so on.

    Raises
    ------
    ShapeError
        If the groups do not divide the channels.
    ValueError
        If their number is not positive.
    """
    op = "channel_shuffle"
    input = as_tensor(input, op, "input")
    if input.ndim < 3:
        raise kernels.ShapeError(f"{op}: input has shape {input.shape}, expected (N, C, ...)")
    groups = _factor(op, "groups", groups)
    n, c, *rest = input.shape
    if c % groups:
        raise kernels.ShapeError(f"{op}: input has {c} channels, expected a multiple of {groups}")
    order = (1, 0, *range(2, 2 + len(rest)))
    return _moved(input, (n,), (groups, c // groups, *rest), order, (c, *rest))
