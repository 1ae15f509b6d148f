"""Functions that take parts of tensors, and put them."""

from __future__ import annotations

import builtins
from typing import Any

import cygnet.ops as core
from cygnet.keras.operation import lifted
from cygnet.keras.ops.common import in_dtype, tensor_of
from cygnet.tensor import Tensor


@lifted
def take(x: Any, indices: Any, axis: int | None = None) -> Tensor:
    """The entries at these places of an axis, by default of the flat tensor."""
    given, places = tensor_of(x), in_dtype(tensor_of(indices), "int64")
    if axis is None:
        given, axis = core.ravel(given), 0
    axis = axis + given.ndim if axis < 0 else axis
    return given[(builtins.slice(None),) * axis + (places,)]


@lifted
def take_along_axis(x: Any, indices: Any, axis: int | None = None) -> Tensor:
    """The entry at each place along an axis."""
    return core.take_along_dim(tensor_of(x), in_dtype(tensor_of(indices), "int64"), axis)


def encoded_index(index: Any) -> dict[str, Any]:
    """What stands in ``x[...]`` as a dict, which stays one in JSON: tuples become lists there."""
    return {"index": list(index) if isinstance(index, tuple) else [index]}


@lifted
def get_item(x: Any, key: Any) -> Tensor:
    """``x[key]``; `key` may be an `encoded_index`."""
    return tensor_of(x)[tuple(key["index"]) if isinstance(key, dict) else key]


@lifted
def slice(inputs: Any, start_indices: Any, shape: Any) -> Tensor:
    """A block that begins at these indices and has this shape."""
    begins = [int(begin) for begin in start_indices]
    return tensor_of(inputs)[
        tuple(
            builtins.slice(begin, begin + size) for begin, size in zip(begins, shape, strict=True)
        )
    ]


@lifted
def slice_update(inputs: Any, start_indices: Any, updates: Any) -> Tensor:
    """A copy in which a block that begins at these indices is `updates`."""
    updates = tensor_of(updates)
    begins = [int(begin) for begin in start_indices]
    copy = core.clone(tensor_of(inputs))
    block = tuple(builtins.slice(b, b + n) for b, n in zip(begins, updates.shape, strict=True))
    copy[block] = updates
    return copy


@lifted
def scatter(indices: Any, values: Any, shape: Any) -> Tensor:
    """Zeros of a shape, with values added at rows of indices (n, k)."""
    values = tensor_of(values)
    places = core.unbind(in_dtype(tensor_of(indices), "int64"), -1)
    empty = core.zeros(tuple(shape), dtype=values.dtype)
    return core.index_put(empty, places, values, accumulate=True)


@lifted
def scatter_update(inputs: Any, indices: Any, updates: Any, reduction: str | None = None) -> Tensor:
    """A copy with other values at rows of indices (n, k); they are added if reduction is "add"."""
    if reduction not in (None, "add"):
        raise ValueError(f"scatter_update: reduction is {reduction!r}, expected None or 'add'")
    places = core.unbind(in_dtype(tensor_of(indices), "int64"), -1)
    return core.index_put(
        tensor_of(inputs), places, tensor_of(updates), accumulate=reduction == "add"
    )


@lifted
def segment_sum(
    data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False
) -> Tensor:
    """The sums of the rows of each segment, 0 of a segment without rows.

    Parameters
    ----------
    data : Tensor
        (N, ...).
    segment_ids : Tensor
        int (N,), which segment a row belongs to.
    num_segments : int, optional
        Default: the largest id, which is read, plus 1.
    """
    rows, places = tensor_of(data), in_dtype(tensor_of(segment_ids), "int64")
    count = int(core.amax(places)) + 1 if num_segments is None else num_segments
    return core.index_add(core.zeros(count, *rows.shape[1:], dtype=rows.dtype), 0, places, rows)


@lifted
def nonzero(x: Any) -> tuple[Tensor, ...]:
    """The indices of what is not 0, a vector for each axis."""
    return core.nonzero(tensor_of(x), as_tuple=True)  # type: ignore[return-value]


def unique(
    x: Any, sorted: bool = True, return_inverse: bool = False, return_counts: bool = False
) -> Any:
    """The different numbers."""
    return core.unique(tensor_of(x), True, return_inverse, return_counts)


@lifted
def searchsorted(sorted_sequence: Any, values: Any, side: str = "left") -> Tensor:
    """Where values would stand in a sorted sequence."""
    return core.searchsorted(tensor_of(sorted_sequence), tensor_of(values), side=side)


@lifted
def digitize(x: Any, bins: Any) -> Tensor:
    """The number of the bin that each value lies in."""
    bins = in_dtype(tensor_of(bins), "float32")
    return core.bucketize(in_dtype(tensor_of(x), "float32"), bins, right=True)


@lifted
def bincount(x: Any, weights: Any = None, minlength: int = 0, sparse: bool = False) -> Tensor:
    """How often each number occurs."""
    given = None if weights is None else tensor_of(weights)
    return core.bincount(tensor_of(x), given, minlength)


@lifted
def isin(x1: Any, x2: Any, assume_unique: bool = False, invert: bool = False) -> Tensor:
    """Which elements of `x1` are among those of `x2`."""
    return core.isin(tensor_of(x1), tensor_of(x2), assume_unique=assume_unique, invert=invert)


@lifted
def diag(x: Any, k: int = 0) -> Tensor:
    """A matrix with this diagonal, or the diagonal of a matrix."""
    return core.diag(tensor_of(x), k)


@lifted
def diagonal(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """The diagonals of matrices."""
    return core.diagonal(tensor_of(x), offset, axis1, axis2)


@lifted
def trace(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """The sums of the diagonals of matrices."""
    return core.sum(core.diagonal(tensor_of(x), offset, axis1, axis2), -1)


@lifted
def tril(x: Any, k: int = 0) -> Tensor:
    """0 above the k-th diagonal."""
    return core.tril(tensor_of(x), k)


@lifted
def triu(x: Any, k: int = 0) -> Tensor:
    """0 below the k-th diagonal."""
    return core.triu(tensor_of(x), k)


__all__ = [
    name
    for name, value in globals().items()
    if name[0] != "_" and getattr(value, "__module__", None) == __name__
]
