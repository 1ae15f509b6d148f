"""Orders of dimensions, joins and indexing."""

from __future__ import annotations

import builtins
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from cygnet import kernels
from cygnet.autograd import record
from cygnet.ops.broadcast import reshape, to_shape
from cygnet.ops.common import Shape, as_tensor, normalized_axis, sizes, wrap
from cygnet.ops.gather import gather_rows
from cygnet.tensor import Tensor


def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Joins the dimensions from start_dim to end_dim into one."""
    input = as_tensor(input, "flatten", "input")
    first = normalized_axis("flatten", start_dim, input.ndim)
    last = normalized_axis("flatten", end_dim, input.ndim)
    if first > last:
        raise ValueError(f"flatten: start_dim is {start_dim}, expected at most end_dim {end_dim}")
    shape = input.shape
    return to_shape(input, (*shape[:first], math.prod(shape[first : last + 1]), *shape[last + 1 :]))


def permute(input: Tensor, *dims: Any) -> Tensor:
    """A view with the dimensions in another order."""
    input = as_tensor(input, "permute", "input")
    order = tuple(normalized_axis("permute", d, input.ndim) for d in sizes("permute", dims))
    if sorted(order) != list(range(input.ndim)):
        raise ValueError(
            f"permute: dims are {order}, expected each of the {input.ndim} dimensions once"
        )
    back = tuple(order.index(i) for i in range(input.ndim))
    return record(
        wrap(input._array.transpose(order)),
        (input,),
        lambda grad: (permute(grad, back),),
        "permute",
        fresh=False,
    )


def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """A view with two dimensions exchanged."""
    input = as_tensor(input, "transpose", "input")
    first = normalized_axis("transpose", dim0, input.ndim)
    second = normalized_axis("transpose", dim1, input.ndim)
    if input.ndim == 0:
        return input
    return record(
        wrap(input._array.swapaxes(first, second)),
        (input,),
        lambda grad: (transpose(grad, first, second),),
        "transpose",
        fresh=False,
    )


def t(input: Tensor) -> Tensor:
    """The transpose of a matrix; vectors and scalars stay as they are."""
    input = as_tensor(input, "t", "input")
    if input.ndim > 2:
        raise kernels.ShapeError(f"t: input has shape {input.shape}, expected at most 2 dimensions")
    return transpose(input, 0, 1) if input.ndim == 2 else input


def squeeze(input: Tensor, dim: int | Sequence[int] | None = None) -> Tensor:
    """Removes dimensions of size 1: all, or those of `dim` that have size 1."""
    input = as_tensor(input, "squeeze", "input")
    dims = range(input.ndim) if dim is None else [dim] if isinstance(dim, int) else dim
    chosen = {normalized_axis("squeeze", d, input.ndim) for d in dims}
    return to_shape(input, tuple(s for i, s in enumerate(input.shape) if s != 1 or i not in chosen))


def unsqueeze(input: Tensor, dim: int) -> Tensor:
    """Inserts a dimension of size 1."""
    input = as_tensor(input, "unsqueeze", "input")
    at = normalized_axis("unsqueeze", dim, input.ndim + 1)
    return to_shape(input, (*input.shape[:at], 1, *input.shape[at:]))


def cat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Joins tensors along a dimension.

    Raises
    ------
    ShapeError
        If their other sizes differ.
    """
    parts = tuple(as_tensor(x, "cat", f"tensors[{i}]") for i, x in enumerate(tensors))
    output = wrap(kernels.concatenate([part._array for part in parts], dim))
    axis = normalized_axis("cat", dim, output.ndim)

    def backward(grad: Tensor) -> list[Tensor]:
        pieces, begin = [], 0
        for part in parts:
            end = begin + part.shape[axis]
            pieces.append(getitem(grad, (*[slice(None)] * axis, slice(begin, end))))
            begin = end
        return pieces

    return record(output, parts, backward, "cat", fresh=False)


def stack(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Joins tensors of one shape along a new dimension."""
    if not tensors:
        raise ValueError("stack: tensors is empty, expected at least one tensor")
    return cat([unsqueeze(tensor, dim) for tensor in tensors], dim)


def getitem(input: Tensor, index: Any) -> Tensor:
    """``input[index]``: a view for ints, slices, ``...`` and None; a copy for a vector of int
    positions.

    Raises
    ------
    IndexError
        If an index is out of range or of another kind.
    """
    items = index if isinstance(index, tuple) else (index,)
    if len(items) == 1 and isinstance(items[0], Tensor | np.ndarray | list):
        return _take(input, items[0])
    for item in items:
        basic = item is None or item is Ellipsis or isinstance(item, slice)
        if not basic and (isinstance(item, builtins.bool) or not hasattr(item, "__index__")):
            raise IndexError(
                f"indexing: {type(item).__name__} is not supported here; use ints, slices, "
                f"'...', None or one "
                "vector of int positions"
            )
    # The trailing '...' keeps a full integer index an array: a NumPy scalar would be a copy.
    array = input._array[items if Ellipsis in items else (*items, ...)]
    before, dtype = input.shape, input.dtype.name

    def backward(grad: Tensor) -> tuple[Tensor]:
        return (_scattered(grad, before, dtype, items),)

    return record(wrap(array), (input,), backward, "getitem")


def _scattered(grad: Tensor, shape: Shape, dtype: str, items: tuple[Any, ...]) -> Tensor:
    """Zeros with `grad` at a basic index."""
    whole = kernels.full(shape, 0.0, dtype)
    kernels.copy_into(whole[items if Ellipsis in items else (*items, ...)], grad._array)
    return record(wrap(whole), (grad,), lambda again: (getitem(again, items),), "getitem_backward")


def _take(input: Tensor, positions: Any) -> Tensor:
    index = positions if isinstance(positions, Tensor) else Tensor(np.asarray(positions))
    if index.dtype not in (np.int64, np.int32):
        raise IndexError(
            f"indexing: a tensor index has dtype {index.dtype}, expected int64 or int32"
        )
    if input.ndim == 0:
        raise IndexError("indexing: a 0-d tensor has no dimension to index")
    flat = gather_rows(input, reshape(index, (index.numel(),)))
    return reshape(flat, (*index.shape, *input.shape[1:]))


def index_select(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """The slices `index` (a vector of positions) of `input` along `dim`.

    Raises
    ------
    IndexError
        If a position is negative or too large.
    """
    input, index = (
        as_tensor(input, "index_select", "input"),
        as_tensor(index, "index_select", "index"),
    )
    axis = normalized_axis("index_select", dim, input.ndim)
    if axis != 0:
        return transpose(gather_rows(transpose(input, 0, axis), index), 0, axis)
    return gather_rows(input, index)
