"""Entries of one dimension by a vector of positions: taken, replaced, added to."""

from __future__ import annotations

from typing import Any

import numpy as np

from cygnet import kernels
from cygnet.errors import composed
from cygnet.ops.broadcast import expanded, reshape, to_shape
from cygnet.ops.common import Number, as_tensor, normalized_axis, wrap
from cygnet.ops.elementwise import mul
from cygnet.ops.gather import gather_rows, scatter_reduce
from cygnet.ops.index import Resolved
from cygnet.ops.index import put as put_at
from cygnet.ops.masked import masked_fill
from cygnet.tensor import Tensor

__all__ = [
    "index_add",
    "index_copy",
    "index_fill",
    "index_reduce",
    "index_select",
    "put",
    "take",
]


@composed
def index_select(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """The entries `index` (a vector of positions, or one of them) of `input` along `dim`.

    Raises
    ------
    IndexError
        If a position is negative or too large.
    """
    op = "index_select"
    input, index = as_tensor(input, op, "input"), as_tensor(index, op, "index")
    axis = normalized_axis(op, dim, input.ndim)
    if input.ndim == 0:
        return to_shape(gather_rows(to_shape(input, (1,)), _vector(op, index)), ())
    return gather_rows(input, _vector(op, index), axis)


def _vector(op: str, index: Any) -> Tensor:
    """An index of positions along one dimension; a single one counts as a vector of one."""
    index = as_tensor(index, op, "index")
    if index.ndim > 1:
        raise kernels.ShapeError(f"{op}: index has shape {index.shape}, expected a vector")
    return to_shape(index, (1,)) if index.ndim == 0 else index


@composed
def take(input: Tensor, index: Tensor) -> Tensor:
    """The elements of the flattened tensor at `index`, negative ones counted from the end, in its
    shape.
    """
    input, index = as_tensor(input, "take", "input"), as_tensor(index, "take", "index")
    positions = wrapped_positions(index, input.numel())
    return to_shape(gather_rows(reshape(input, -1), reshape(positions, -1)), index.shape)


@composed
def put(input: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Tensor:
    """A copy of `input` with the elements of `source` at the places `index` of the flattened
    tensor, negative ones counted from the end.

    Parameters
    ----------
    input : Tensor
    index : Tensor
        int64 or int32, of any shape.
    source : Tensor
        As many elements as `index`, of the input's type.
    accumulate : bool
        Whether they are added, also several at one place. Default False: the last one counts.

    Raises
    ------
    ShapeError, DTypeError, IndexError
    """
    op = "put"
    input, index = as_tensor(input, op, "input"), as_tensor(index, op, "index")
    source = as_tensor(source, op, "source")
    if source.numel() != index.numel():
        raise kernels.ShapeError(
            f"{op}: source has {source.numel()} elements, expected {index.numel()}, as index"
        )
    if source.dtype != input.dtype:
        raise kernels.DTypeError(
            f"{op}: source is {source.dtype}, expected {input.dtype}, as input"
        )
    flat = reshape(input, -1)
    positions = wrapped_positions(reshape(index, -1), input.numel())
    at = Resolved(None, positions, 0, flat.shape, positions.shape)
    result = put_at(op, flat, at, reshape(source, -1), "add" if accumulate else "assign")
    return to_shape(result, input.shape)


def wrapped_positions(index: Tensor, size: int) -> Tensor:
    """Positions in which those below zero count from the end of `size` entries."""
    return wrap(kernels.flat_positions([index._array], [size]))


@composed
def index_add(
    input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: Number = 1
) -> Tensor:
    """A copy of `input` to whose entry index[i] of `dim` alpha * source's entry i is added.

    Raises
    ------
    ShapeError, DTypeError, IndexError
    """
    source = source if alpha == 1 else mul(source, alpha)
    return _put_rows("index_add", input, dim, _vector("index_add", index), source, "add")


@composed
def index_copy(input: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    """A copy of `input` in which entry i of `source` stands at index[i] of `dim`; see `index_add`.
    Where a position comes twice, the last one counts.
    """
    return _put_rows("index_copy", input, dim, _vector("index_copy", index), source, "assign")


@composed
def index_reduce(
    input: Tensor,
    dim: int,
    index: Tensor,
    source: Tensor,
    reduce: str,
    *,
    include_self: bool = True,
) -> Tensor:
    """A copy of `input` in which the entries of `source` that meet at one entry of `dim`, source's
    entry i at index[i], are reduced: `scatter_reduce` of whole entries.

    Parameters
    ----------
    input, dim, index, source
        As for `index_add`.
    reduce : str
        'prod', 'mean', 'amax' or 'amin'. 'prod' has no gradient.
    include_self : bool
        Whether the entry of `input` takes part. Default True.

    Raises
    ------
    ShapeError, DTypeError, ValueError, IndexError
    """
    op = "index_reduce"
    input, source = as_tensor(input, op, "input"), as_tensor(source, op, "source")
    positions = _vector(op, index)
    axis = normalized_axis(op, dim, input.ndim)
    if reduce not in ("prod", "mean", "amax", "amin"):
        raise ValueError(f"{op}: reduce is {reduce!r}, expected 'prod', 'mean', 'amax' or 'amin'")
    wanted = (*input.shape[:axis], positions.numel(), *input.shape[axis + 1 :])
    if input.ndim and source.shape != wanted:
        raise kernels.ShapeError(f"{op}: source has shape {source.shape}, expected {wanted}")
    after = (1,) * (input.ndim - axis - 1)
    if input.ndim:
        positions = expanded(to_shape(positions, (positions.numel(), *after)), wanted)
    return scatter_reduce(input, axis, positions, source, reduce, include_self=include_self)


@composed
def index_fill(input: Tensor, dim: int, index: Tensor, value: Tensor | Number) -> Tensor:
    """A copy of `input` with one number, or 0-d tensor, at the entries `index` of `dim`; negative
    ones count from the end.
    """
    op = "index_fill"
    input, index = as_tensor(input, op, "input"), _vector(op, index)
    axis = normalized_axis(op, dim, input.ndim)
    size = input.shape[axis] if input.ndim else 1
    mask = kernels.full((size,), 0, "bool")
    positions = wrapped_positions(index, size)._array
    kernels.index_put(mask, positions, np.broadcast_to(np.True_, positions.shape))
    after = (1,) * (input.ndim - axis - 1) if input.ndim else ()
    return masked_fill(input, to_shape(wrap(mask), (size, *after) if input.ndim else ()), value)


def _put_rows(op: str, input: Tensor, dim: int, index: Tensor, source: Tensor, mode: str) -> Tensor:
    input, source = as_tensor(input, op, "input"), as_tensor(source, op, "source")
    if source.dtype != input.dtype:
        raise kernels.DTypeError(
            f"{op}: source is {source.dtype}, expected {input.dtype}, as input"
        )
    axis = normalized_axis(op, dim, input.ndim)
    if input.ndim == 0:
        return to_shape(
            _put_rows(op, to_shape(input, (1,)), 0, index, to_shape(source, (1,)), mode), ()
        )
    if source.ndim == 0:
        source = to_shape(source, (1,))
    wanted = (*input.shape[:axis], index.numel(), *input.shape[axis + 1 :])
    if source.shape != wanted:
        raise kernels.ShapeError(f"{op}: source has shape {source.shape}, expected {wanted}")
    at = Resolved(None, index, axis, (input.shape[axis],), index.shape)
    return put_at(op, input, at, source, mode)
