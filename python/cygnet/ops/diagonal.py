"""Triangles and diagonals of matrices."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from cygnet import kernels
from cygnet.dtypes import NAMES
from cygnet.errors import composed
from cygnet.ops.broadcast import sum, to_shape
from cygnet.ops.common import as_tensor, normalized_axis, wrap
from cygnet.ops.elementwise import where
from cygnet.ops.index import Resolved, put
from cygnet.ops.shape import diagonal, movedim
from cygnet.tensor import Tensor, as_dtype

__all__ = [
    "diag",
    "diag_embed",
    "diagflat",
    "trace",
    "tril",
    "tril_indices",
    "triu",
    "triu_indices",
]


@composed
def tril(input: Tensor, diagonal: int = 0) -> Tensor:
    """The lower triangle of each matrix, up to a diagonal above (positive) or below the main one,
    with zeros elsewhere.
    """
    return _triangle("tril", input, diagonal, False)


@composed
def triu(input: Tensor, diagonal: int = 0) -> Tensor:
    """The upper triangle of each matrix, from a diagonal above (positive) or below the main one,
    with zeros elsewhere.
    """
    return _triangle("triu", input, diagonal - 1, True)


def _lower(op: str, rows: int, columns: int, diagonal: int, below: int = 0) -> Any:
    """Whether elements of a matrix lie on or below a diagonal, or that `below` it."""
    try:
        diagonal = operator.index(diagonal) - below
    except TypeError:
        raise TypeError(f"{op}: diagonal must be an int, got {diagonal!r}") from None
    return np.tri(rows, columns, max(-rows, min(diagonal, columns)), dtype=np.bool_)


def _triangle(op: str, input: Tensor, diagonal: int, upper: bool) -> Tensor:
    input = as_tensor(input, op, "input")
    if input.ndim < 2:
        raise kernels.ShapeError(
            f"{op}: input has shape {input.shape}, expected at least 2 dimensions"
        )
    lower = _lower(op, input.shape[-2], input.shape[-1], diagonal)
    zero = wrap(np.zeros((), input.dtype))
    return where(wrap(lower), zero, input) if upper else where(wrap(lower), input, zero)


def tril_indices(row: int, col: int, offset: int = 0, *, dtype: Any = np.int64) -> Tensor:
    """(2, n): the indices of the lower triangle of a (row, col) matrix, row by row."""
    return _indices("tril_indices", row, col, dtype, _lower("tril_indices", row, col, offset))


def triu_indices(row: int, col: int, offset: int = 0, *, dtype: Any = np.int64) -> Tensor:
    """(2, n): the indices of the upper triangle of a (row, col) matrix, row by row."""
    return _indices("triu_indices", row, col, dtype, ~_lower("triu_indices", row, col, offset, 1))


def _indices(op: str, row: int, col: int, dtype: Any, triangle: Any) -> Tensor:
    return wrap(np.stack(np.nonzero(triangle)).astype(as_dtype(dtype, op)))


def trace(input: Tensor) -> Tensor:
    """The sum of the diagonal of a matrix."""
    input = as_tensor(input, "trace", "input")
    if input.ndim != 2:
        raise kernels.ShapeError(f"trace: input has shape {input.shape}, expected 2 dimensions")
    return sum(diagonal(input))


@composed
def diag(input: Tensor, diagonal: int = 0) -> Tensor:
    """The matrix with a vector on a diagonal; of a matrix, the diagonal."""
    input = as_tensor(input, "diag", "input")
    if input.ndim == 1:
        return diag_embed(input, diagonal)
    if input.ndim != 2:
        raise kernels.ShapeError(f"diag: input has shape {input.shape}, expected 1 or 2 dimensions")
    return _diagonal(input, diagonal)


_diagonal = diagonal  # where an argument has its name


@composed
def diag_embed(input: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Square matrices, in two new dimensions, with the last dimension of `input` on a diagonal and
    zeros elsewhere.

    Parameters
    ----------
    input : Tensor
        At least one dimension.
    offset : int
        Above (positive) or below the main diagonal. Default 0.
    dim1, dim2 : int
        The new dimensions. Defaults -2 and -1.
    """
    op = "diag_embed"
    input = as_tensor(input, op, "input")
    if input.ndim == 0:
        raise kernels.ShapeError(f"{op}: input has shape (), expected at least 1 dimension")
    first = normalized_axis(op, dim1, input.ndim + 1)
    second = normalized_axis(op, dim2, input.ndim + 1)
    if first == second:
        raise ValueError(f"{op}: dim1 and dim2 are both dimension {first}")
    count, before = input.shape[-1], input.shape[:-1]
    size = count + abs(offset)
    zeros = wrap(kernels.full((*before, size * size), 0.0, NAMES[input.dtype]))
    places = np.arange(count) * (size + 1) + (offset if offset >= 0 else -offset * size)
    at = Resolved(None, wrap(places), input.ndim - 1, (size * size,), (count,))
    square = to_shape(put(op, zeros, at, input, "assign"), (*before, size, size))
    return movedim(square, (-2, -1), (first, second))


@composed
def diagflat(input: Tensor, offset: int = 0) -> Tensor:
    """A matrix with all elements of the input on its diagonal `offset`, and zeros."""
    input = as_tensor(input, "diagflat", "input")
    return diag_embed(to_shape(input, (input.numel(),)), offset)
