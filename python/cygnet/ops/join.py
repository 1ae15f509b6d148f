"""Copies that join, repeat or reorder whole tensors."""

from __future__ import annotations

import builtins
import itertools
import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from cygnet import kernels
from cygnet.autograd import record
from cygnet.dtypes import NAMES, get_default_dtype
from cygnet.errors import composed
from cygnet.ops.broadcast import expanded, reshape, to_shape
from cygnet.ops.common import (
    also_named,
    as_tensor,
    cast,
    highest_dtype,
    normalized_axes,
    normalized_axis,
    sizes,
    wrap,
)
from cygnet.ops.convert import clone
from cygnet.ops.gather import gather_rows
from cygnet.ops.shape import (
    atleast_1d,
    atleast_2d,
    atleast_3d,
    common_shape,
    movedim,
    narrow,
    part_of,
    transpose,
    unsqueeze,
)
from cygnet.tensor import Tensor, _check_readable

__all__ = [
    "block_diag",
    "cartesian_prod",
    "cat",
    "column_stack",
    "combinations",
    "concat",
    "concatenate",
    "dstack",
    "flip",
    "fliplr",
    "flipud",
    "hstack",
    "meshgrid",
    "repeat_interleave",
    "roll",
    "rot90",
    "row_stack",
    "stack",
    "tile",
    "vstack",
]


@composed
def cat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Joins tensors along a dimension, in the highest of their types.

    An empty vector joins anything and adds nothing, as in PyTorch.

    Raises
    ------
    ShapeError
        If their other sizes differ.
    """
    given = [as_tensor(x, "cat", f"tensors[{i}]") for i, x in enumerate(tensors)]
    if not given:
        raise ValueError("cat: tensors is empty, expected at least one tensor")
    dtype = highest_dtype(x.dtype for x in given)
    vectors = all(x.ndim == 1 for x in given)
    parts = tuple(cast(x, dtype) for x in given if vectors or x.shape != (0,))
    output = wrap(kernels.concatenate([part._array for part in parts], dim))
    axis = normalized_axis("cat", dim, output.ndim)
    lengths = [part.shape[axis] for part in parts]

    def backward(grad: Tensor) -> list[Tensor]:
        pieces, begin = [], 0
        for length in lengths:
            pieces.append(part_of(grad, axis, begin, begin + length, "cat"))
            begin += length
        return pieces

    return record(output, parts, backward, "cat", saved=(), fresh=False)


concat = concatenate = cat


def stack(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Joins tensors of one shape along a new dimension.

    Raises
    ------
    ValueError
        If there is none.
    ShapeError
        If their shapes differ.
    """
    if len(tensors) == 0:
        raise ValueError("stack: tensors is empty, expected at least one tensor")
    parts = [as_tensor(x, "stack", f"tensors[{i}]") for i, x in enumerate(tensors)]
    for i, part in enumerate(parts):
        if part.shape != parts[0].shape:
            raise kernels.ShapeError(
                f"stack: tensors[{i}] has shape {part.shape}, expected {parts[0].shape}, that of "
                "tensors[0]"
            )
    return cat([unsqueeze(part, dim) for part in parts], dim)


@composed
def hstack(tensors: Sequence[Tensor]) -> Tensor:
    """Joins along the second dimension, vectors along their only one."""
    parts = atleast_1d(tuple(tensors))
    return cat(parts, 0 if parts[0].ndim == 1 else 1)


@composed
def vstack(tensors: Sequence[Tensor]) -> Tensor:
    """Joins along the first dimension; a vector is a row."""
    return cat(atleast_2d(tuple(tensors)), 0)


row_stack = vstack


@composed
def dstack(tensors: Sequence[Tensor]) -> Tensor:
    """Joins along the third dimension of what `atleast_3d` gives."""
    return cat(atleast_3d(tuple(tensors)), 2)


@composed
def column_stack(tensors: Sequence[Tensor]) -> Tensor:
    """Joins along the second dimension; a vector is a column."""
    parts = [as_tensor(x, "column_stack", f"tensors[{i}]") for i, x in enumerate(tensors)]
    return cat([to_shape(x, (x.numel(), 1)) if x.ndim < 2 else x for x in parts], 1)


def apart(result: Tensor, input: Tensor) -> Tensor:
    """The result, or a copy of it if nothing had to be moved and it is still the input's memory."""
    shared = np.may_share_memory(result._array, input._array)
    return clone(result) if shared else result


@composed
@also_named("repeats")
def repeat(input: Tensor, *repeats: Any) -> Tensor:
    """A copy that repeats the tensor so often along each dimension, also along new ones in front.

    Raises
    ------
    ValueError
        If there are fewer numbers than dimensions, or a negative one.
    """
    input = as_tensor(input, "repeat", "input")
    times = sizes("repeat", repeats)
    added = len(times) - input.ndim
    if added < 0 or min(times, default=0) < 0:
        raise ValueError(
            f"repeat: repeats are {times}, expected at least {input.ndim} numbers of at least 0"
        )
    shape = (1,) * added + input.shape
    paired = [size for pair in zip(times, shape, strict=True) for size in pair]
    ones = [size for length in shape for size in (1, length)]
    result = expanded(to_shape(input, tuple(ones)), tuple(paired))
    result = to_shape(result, tuple(n * size for n, size in zip(times, shape, strict=True)))
    return apart(result, input)


@composed
@also_named("dims")
def tile(input: Tensor, *dims: Any) -> Tensor:
    """`repeat` where missing numbers in front are 1."""
    input = as_tensor(input, "tile", "input")
    times = sizes("tile", dims)
    return repeat(input, (1,) * (input.ndim - len(times)) + times)


@composed
def repeat_interleave(
    input: Tensor,
    repeats: int | Tensor | None = None,
    dim: int | None = None,
    *,
    output_size: int | None = None,
) -> Tensor:
    """Repeats each entry of a dimension, of the flattened tensor by default.

    Parameters
    ----------
    input : Tensor
        With no `repeats`, it is taken for them: the result is 0 repeats[0] times, then 1, ...
    repeats : int or Tensor
        How often: one number, or a vector with one for each entry.
    dim : int, optional
        The dimension.
    output_size : int, optional
        Accepted for PyTorch's sake: the sum of `repeats`.

    Raises
    ------
    ValueError
        If a number is negative, or there are not as many as entries.
    """
    op = "repeat_interleave"
    input = as_tensor(input, op, "input")
    if repeats is None:
        return wrap(_repeated_positions(input, input.numel()))
    if dim is None:
        input, dim = reshape(input, -1), 0
    axis = normalized_axis(op, dim, input.ndim)
    size = input.shape[axis]
    if isinstance(repeats, Tensor) and repeats.numel() != 1:
        return gather_rows(input, wrap(_repeated_positions(repeats, size)), axis)
    try:
        times = operator.index(repeats)
    except TypeError:
        raise TypeError(f"{op}: repeats must be an int or a Tensor, got {repeats!r}") from None
    if times < 0:
        raise ValueError(f"{op}: repeats is {times}, expected at least 0")
    before, after = input.shape[:axis], input.shape[axis + 1 :]
    spread = expanded(unsqueeze(input, axis + 1), (*before, size, times, *after))
    return apart(to_shape(spread, (*before, size * times, *after)), input)


def _repeated_positions(repeats: Tensor, size: int) -> Any:
    """Each position as often as `repeats` says; how many those are depends on values."""
    _check_readable("repeat_interleave")
    counts = repeats._array
    if counts.ndim != 1 or counts.size != size or counts.dtype.kind != "i":
        raise ValueError(
            f"repeat_interleave: repeats is {counts.dtype} of shape {counts.shape}, expected one "
            f"number or an integer vector of {size}"
        )
    if counts.min(initial=0) < 0:
        raise ValueError(f"repeat_interleave: repeats has {counts.min()}, expected at least 0")
    return np.repeat(np.arange(size), counts)


@composed
@also_named("dims")
def flip(input: Tensor, *dims: Any) -> Tensor:
    """A copy in which the order of the given dimensions is reversed."""
    input = as_tensor(input, "flip", "input")
    given = sizes("flip", dims)
    axes = normalized_axes("flip", given, input.ndim)
    if len(set(axes)) != len(axes):
        raise ValueError(f"flip: dims are {given}, expected each dimension once")
    if input.ndim == 0:
        axes = ()
    index = tuple(slice(None, None, -1 if i in axes else None) for i in range(input.ndim))
    output = wrap(kernels.contiguous(input._array[(*index, ...)], always_copy=True))
    return record(output, (input,), lambda grad: (flip(grad, axes),), "flip", saved=())


@composed
def fliplr(input: Tensor) -> Tensor:
    """`flip` of the second dimension."""
    return flip(input, 1)


@composed
def flipud(input: Tensor) -> Tensor:
    """`flip` of the first dimension."""
    return flip(input, 0)


@composed
def rot90(input: Tensor, k: int = 1, dims: Sequence[int] = (0, 1)) -> Tensor:
    """A copy turned by k quarters, from the first to the second of two dimensions."""
    input = as_tensor(input, "rot90", "input")
    if len(dims) != 2 or input.ndim < 2:
        raise ValueError(f"rot90: dims are {dims} of {input.ndim} dimensions, expected two of them")
    first, second = (normalized_axis("rot90", d, input.ndim) for d in dims)
    if first == second:
        raise ValueError(f"rot90: dims are {dims}, expected two different ones")
    match k % 4:
        case 1:
            return transpose(flip(input, second), first, second)
        case 2:
            return flip(input, first, second)
        case 3:
            return flip(transpose(input, first, second), second)
        case _:
            return flip(input, ())


@composed
def roll(
    input: Tensor, shifts: int | Sequence[int], dims: int | Sequence[int] | None = None
) -> Tensor:
    """A copy whose entries moved on by `shifts` along dimensions, those that leave it coming in
    again; of the flattened tensor without `dims`.
    """
    input = as_tensor(input, "roll", "input")
    if dims is None:
        return reshape(roll(reshape(input, -1), shifts, 0), input.shape)
    steps = [shifts] if isinstance(shifts, int) else list(shifts)
    axes = [dims] if isinstance(dims, int) else list(dims)
    if len(steps) != len(axes):
        raise ValueError(f"roll: {len(steps)} shifts for {len(axes)} dims, expected one each")
    result = input
    for shift, dim in zip(steps, axes, strict=True):
        axis = normalized_axis("roll", dim, input.ndim)
        size = input.shape[axis] if input.ndim else 0
        begin = -shift % size if size else 0
        if begin:
            ends = narrow(result, axis, begin, size - begin), narrow(result, axis, 0, begin)
            result = cat(ends, axis)
    return apart(result, input)


def meshgrid(*tensors: Any, indexing: str | None = None) -> tuple[Tensor, ...]:
    """Read-only views that repeat each vector along the dimensions of all the others.

    Parameters
    ----------
    *tensors : Tensor
        Vectors or 0-d tensors, or one sequence of them.
    indexing : str
        'ij' (default): the result's dimensions in the order of the vectors; 'xy': the first two
        exchanged.

    Raises
    ------
    ShapeError, ValueError
    """
    op = "meshgrid"
    if indexing not in (None, "ij", "xy"):
        raise ValueError(f"{op}: indexing is {indexing!r}, expected 'ij' or 'xy'")
    listed = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], list | tuple) else tensors
    parts = [as_tensor(x, op, f"tensors[{i}]") for i, x in enumerate(listed)]
    for i, part in enumerate(parts):
        if part.ndim > 1:
            raise kernels.ShapeError(
                f"{op}: tensors[{i}] has shape {part.shape}, expected a vector"
            )
    count = len(parts)
    apart = [
        to_shape(x, (1,) * i + (x.numel(),) + (1,) * (count - i - 1)) for i, x in enumerate(parts)
    ]
    shape = common_shape(op, [part.shape for part in apart])
    grids = tuple(expanded(part, shape) for part in apart)
    return tuple(movedim(g, 0, 1) for g in grids) if indexing == "xy" and count > 1 else grids


def block_diag(*tensors: Tensor) -> Tensor:
    """A matrix of the given ones along its diagonal, and zeros; vectors are rows.

    Raises
    ------
    ShapeError
        If a tensor has more than 2 dimensions.
    """
    blocks = []
    for position, tensor in enumerate(tensors):
        block = as_tensor(tensor, "block_diag", f"tensors[{position}]")
        if block.ndim > 2:
            raise kernels.ShapeError(
                f"block_diag: tensors[{position}] has shape {block.shape}, expected at most 2 "
                "dimensions"
            )
        blocks.append(block if block.ndim == 2 else to_shape(block, (1, block.numel())))
    dtype = highest_dtype([block.dtype for block in blocks] or [get_default_dtype()])
    width, before = builtins.sum(block.shape[1] for block in blocks), 0
    rows = []
    for block in blocks:
        after = width - before - block.shape[1]
        height, name = block.shape[0], NAMES[dtype]
        zeros = [wrap(kernels.full((height, size), 0.0, name)) for size in (before, after)]
        rows.append(cat([zeros[0], block, zeros[1]], 1))
        before += block.shape[1]
    return cat(rows) if rows else wrap(kernels.full((1, 0), 0.0, NAMES[dtype]))


@composed
def cartesian_prod(*tensors: Tensor) -> Tensor:
    """All choices of one element of each vector, a row each, the last vector's fastest; of one
    vector that vector.
    """
    if len(tensors) == 1:
        return as_tensor(tensors[0], "cartesian_prod", "tensors[0]")
    return stack([reshape(grid, -1) for grid in meshgrid(*tensors, indexing="ij")], 1)


@composed
def combinations(input: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor:
    """All choices of `r` elements of a vector in their order, a row each.

    Parameters
    ----------
    input : Tensor
        (n,).
    r : int
        Default 2.
    with_replacement : bool
        Whether an element may be chosen several times. Default False.

    Returns
    -------
    Tensor
        (count, r); (0,) if r is 0.

    Raises
    ------
    ShapeError, ValueError
    """
    input = as_tensor(input, "combinations", "input")
    if input.ndim != 1:
        raise kernels.ShapeError(f"combinations: input has shape {input.shape}, expected (n,)")
    if r < 0:
        raise ValueError(f"combinations: r is {r}, expected at least 0")
    if r == 0:
        return wrap(kernels.full((0,), 0.0, NAMES[input.dtype]))
    n = input.shape[0]
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    of = n + r - 1 if with_replacement else n
    # 62 of 125 and more are too many for any memory: no need to count further.
    count = 0 if r > of else math.comb(of, builtins.min(r, of - r, 62))
    if count * r >= 2**59:
        raise kernels.ShapeError(f"combinations: r is {r}, which makes more rows than memory holds")
    chosen = itertools.chain.from_iterable(choose(range(n), r) if count else ())
    places = np.fromiter(chosen, np.int64, count * r)
    return reshape(gather_rows(input, wrap(places)), (count, r))
