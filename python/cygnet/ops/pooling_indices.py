"""Maximum poolings that always give the places of the maxima, too.

`return_indices` has no effect; it holds its place for PyTorch's sake.
"""

from __future__ import annotations

from typing import cast

from cygnet.errors import composed
from cygnet.ops.pooling import (
    MaybeSize,
    Size,
    adaptive_max_pool1d,
    adaptive_max_pool2d,
    adaptive_max_pool3d,
    max_pool1d,
    max_pool2d,
    max_pool3d,
)
from cygnet.tensor import Tensor

__all__ = [
    "adaptive_max_pool1d_with_indices",
    "adaptive_max_pool2d_with_indices",
    "adaptive_max_pool3d_with_indices",
    "max_pool1d_with_indices",
    "max_pool2d_with_indices",
    "max_pool3d_with_indices",
]

Pair = tuple[Tensor, Tensor]


@composed
def max_pool1d_with_indices(
    input: Tensor,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Pair:
    """:func:`max_pool1d` and the places of the maxima."""
    return cast(Pair, max_pool1d(input, kernel_size, stride, padding, dilation, ceil_mode, True))


@composed
def max_pool2d_with_indices(
    input: Tensor,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Pair:
    """:func:`max_pool2d` and the places of the maxima, counted in each plane."""
    return cast(Pair, max_pool2d(input, kernel_size, stride, padding, dilation, ceil_mode, True))


@composed
def max_pool3d_with_indices(
    input: Tensor,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Pair:
    """:func:`max_pool3d` and the places of the maxima, counted in each volume."""
    return cast(Pair, max_pool3d(input, kernel_size, stride, padding, dilation, ceil_mode, True))


@composed
def adaptive_max_pool1d_with_indices(
    input: Tensor, output_size: MaybeSize, return_indices: bool = False
) -> Pair:
    """:func:`adaptive_max_pool1d` and the places of the maxima."""
    return cast(Pair, adaptive_max_pool1d(input, output_size, True))


@composed
def adaptive_max_pool2d_with_indices(
    input: Tensor, output_size: MaybeSize, return_indices: bool = False
) -> Pair:
    """:func:`adaptive_max_pool2d` and the places of the maxima, counted in each plane."""
    return cast(Pair, adaptive_max_pool2d(input, output_size, True))


@composed
def adaptive_max_pool3d_with_indices(
    input: Tensor, output_size: MaybeSize, return_indices: bool = False
) -> Pair:
    """:func:`adaptive_max_pool3d` and the places of the maxima, counted in each volume."""
    return cast(Pair, adaptive_max_pool3d(input, output_size, True))
