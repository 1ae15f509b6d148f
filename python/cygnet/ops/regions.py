"""Views by strides, and copies of a tensor in which one of its regions is replaced."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cygnet import kernels
from cygnet.errors import composed
from cygnet.ops.broadcast import viewed
from cygnet.ops.common import Shape, as_tensor, normalized_axis
from cygnet.ops.convert import clone
from cygnet.ops.create import empty
from cygnet.ops.inplace import copy_
from cygnet.ops.shape import along, diagonal, narrow, overlapping, permuted, select, whole_numbers
from cygnet.tensor import Array, Tensor

__all__ = [
    "as_strided",
    "as_strided_scatter",
    "diagonal_scatter",
    "empty_permuted",
    "empty_strided",
    "narrow_copy",
    "select_scatter",
    "slice_scatter",
]


@composed
def as_strided(
    input: Tensor, size: Sequence[int], stride: Sequence[int], storage_offset: int | None = None
) -> Tensor:
    """A view of the tensor's memory with given sizes and steps, read-only if elements may come
    twice.

    The memory is that of the tensor of which `input` is a view of a view and so on, or its own; it
    must be dense.

    Parameters
    ----------
    input : Tensor
    size, stride : sequence of int
        Of each dimension; steps in elements, not negative.
    storage_offset : int, optional
        Where the first element stands. Default: where the input's does.

    Raises
    ------
    ShapeError
        If there are not as many steps as sizes.
    ValueError
        If a number is negative, the view reaches beyond the memory, or this is not dense.
    """
    op = "as_strided"
    input = as_tensor(input, op, "input")
    shape = tuple(whole_numbers(op, "size", size))
    steps = tuple(whole_numbers(op, "stride", stride))
    if len(shape) != len(steps):
        raise kernels.ShapeError(
            f"{op}: stride has {len(steps)} elements, expected {len(shape)}, as many as size"
        )
    whole = input
    while whole._view is not None:
        whole = whole._view[0]
    order = sorted(range(whole.ndim), key=lambda i: -whole._array.strides[i])
    dense = permuted(whole, tuple(order))
    if not dense._array.flags.c_contiguous:
        raise ValueError(f"{op}: the memory of input is not dense; use contiguous()")
    distance = input._array.ctypes.data - whole._array.ctypes.data
    offset = distance // input._array.itemsize if storage_offset is None else int(storage_offset)
    if min((*shape, *steps, offset), default=0) < 0:
        raise ValueError(
            f"{op}: size is {shape}, stride {steps}, storage_offset {offset}, expected no negative "
            "number"
        )
    last = offset + sum((n - 1) * step for n, step in zip(shape, steps, strict=True))
    if math.prod(shape) and last >= whole.numel():
        raise ValueError(
            f"{op}: the view reaches element {last} of memory that has {whole.numel()}"
        )

    def take(array: Array) -> Array:
        item = array.itemsize
        flat = array.reshape(-1)[offset if math.prod(shape) else 0 :]
        bytes_between = tuple(step * item for step in steps)
        result: Array = np.lib.stride_tricks.as_strided(flat, shape, bytes_between)
        return result

    return (viewed if _distinct(shape, steps) else overlapping)(dense, take, op)


def _distinct(shape: Shape, steps: Shape) -> bool:
    """Whether each step is longer than all shorter ones together: no element comes twice."""
    reach = 0
    for step, size in sorted(zip(steps, shape, strict=True)):
        if size > 1:
            if step <= reach:
                return False
            reach += step * (size - 1)
    return True


def _replaced(op: str, input: Tensor, src: Tensor, region_of: Callable[[Tensor], Tensor]) -> Tensor:
    """A copy of `input` in which a region holds `src`."""
    copy = clone(as_tensor(input, op, "input"), memory_format=None)
    region, src = region_of(copy), as_tensor(src, op, "src")
    if src.shape != region.shape:
        raise kernels.ShapeError(f"{op}: src has shape {src.shape}, expected {region.shape}")
    if src.dtype != copy.dtype:
        raise kernels.DTypeError(f"{op}: src is {src.dtype}, expected {copy.dtype}, as input")
    copy_(region, src)
    return copy


@composed
def as_strided_scatter(
    input: Tensor,
    src: Tensor,
    size: Sequence[int],
    stride: Sequence[int],
    storage_offset: int | None = None,
) -> Tensor:
    """A copy of `input` with `src` where `as_strided` of that copy looks; no element twice."""
    return _replaced(
        "as_strided_scatter", input, src, lambda x: as_strided(x, size, stride, storage_offset)
    )


@composed
def diagonal_scatter(
    input: Tensor, src: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1
) -> Tensor:
    """A copy of `input` with `src` in the place of its `diagonal`."""
    return _replaced("diagonal_scatter", input, src, lambda x: diagonal(x, offset, dim1, dim2))


@composed
def select_scatter(input: Tensor, src: Tensor, dim: int, index: int) -> Tensor:
    """A copy of `input` with `src` in the place of the entry `index` of `dim`."""
    return _replaced("select_scatter", input, src, lambda x: select(x, dim, index))


@composed
def slice_scatter(
    input: Tensor,
    src: Tensor,
    dim: int = 0,
    start: int | None = None,
    end: int | None = None,
    step: int = 1,
) -> Tensor:
    """A copy of `input` with `src` in the place of the entries start, start + step, ... before
    `end` of `dim`.

    Raises
    ------
    ShapeError, DTypeError
    ValueError
        If step is below 1.
    """
    op = "slice_scatter"
    if step < 1:
        raise ValueError(f"{op}: step is {step}, expected at least 1")
    axis = normalized_axis(op, dim, as_tensor(input, op, "input").ndim)
    index = along(axis, slice(start, end, step))
    return _replaced(op, input, src, lambda x: viewed(x, lambda array: array[index], op))


@composed
def narrow_copy(input: Tensor, dim: int, start: int, length: int) -> Tensor:
    """`narrow` with memory of its own."""
    return clone(narrow(input, dim, start, length))


def empty_strided(size: Sequence[int], stride: Sequence[int], **options: Any) -> Tensor:
    """Zeros in memory of given steps; see `as_strided` and, for the options, `empty`.

    Raises
    ------
    ShapeError, ValueError
    """
    shape = tuple(whole_numbers("empty_strided", "size", size))
    steps = tuple(whole_numbers("empty_strided", "stride", stride))
    if len(shape) == len(steps) and min((*shape, *steps), default=0) >= 0:
        room = 1 + sum((n - 1) * step for n, step in zip(shape, steps, strict=True) if n)
    else:
        room = 1
    requires_grad = options.pop("requires_grad", False)
    memory = empty(max(room, 1), **options)
    return as_strided(memory, shape, steps).detach().requires_grad_(requires_grad)


def new_empty_strided(
    input: Tensor, size: Sequence[int], stride: Sequence[int], **options: Any
) -> Tensor:
    """`empty_strided` in the type of `input`."""
    return empty_strided(size, stride, **{"dtype": input.dtype, **options})


@composed
def empty_permuted(size: Sequence[int], physical_layout: Sequence[int], **options: Any) -> Tensor:
    """Zeros whose memory has the dimensions in another order: `physical_layout` lists them from the
    outermost to the innermost. See `empty` for the options.

    Raises
    ------
    ValueError
        If it does not list each dimension once.
    """
    order = [int(d) for d in physical_layout]
    if sorted(order) != list(range(len(size))):
        raise ValueError(
            f"empty_permuted: physical_layout is {order}, expected each of the {len(size)} "
            "dimensions once"
        )
    requires_grad = options.pop("requires_grad", False)
    memory = empty([size[d] for d in order], **options)
    back = tuple(sorted(range(len(order)), key=order.__getitem__))
    return permuted(memory, back).detach().requires_grad_(requires_grad)
