"""Norms and condition numbers of matrices."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from cygnet import kernels
from cygnet.errors import composed
from cygnet.ops.broadcast import kept_shape, reshape, sum
from cygnet.ops.common import Number, as_tensor, cast, normalized_axis
from cygnet.ops.elementwise import abs, div, mul, ne, where
from cygnet.ops.matrices import inverted, matrices
from cygnet.ops.reduce import Dims, amax, amin
from cygnet.ops.shape import movedim, select
from cygnet.ops.spectral import values_of
from cygnet.ops.vector_norm import vector_norm
from cygnet.tensor import Tensor, as_dtype

__all__ = [
    "norm",
]

_ORDERS = (1, -1, 2, -2, math.inf, -math.inf)


@composed
def matrix_norm(
    A: Tensor,
    ord: Number | str = "fro",
    dim: tuple[int, int] = (-2, -1),
    keepdim: bool = False,
    *,
    dtype: Any = None,
) -> Tensor:
    """A norm of matrices.

    Parameters
    ----------
    A : Tensor
        At least two dimensions, float32 or float64.
    ord : {'fro', 'nuc', inf, -inf, 1, -1, 2, -2}
        The root of the sum of squares, the default; the sum of the singular values; the largest or
        smallest sum of magnitudes of a row; the same of a column; the largest or smallest singular
        value.
    dim : pair of int
        The dimensions of rows and columns. Default (-2, -1).
    keepdim : bool
        Whether they stay, with size 1. Default False.
    dtype : dtype, optional
        What `A` is converted to first.

    Raises
    ------
    ShapeError
        Also if the largest or smallest of nothing is asked for.
    DTypeError, IndexError, ValueError
    LinAlgError
        If the norm needs singular values, and a matrix has NaN or infinity.
    """
    op = "matrix_norm"
    a = as_tensor(A, op, "A")
    a = matrices(op, a if dtype is None else cast(a, as_dtype(dtype, op)))
    if isinstance(dim, int) or len(dim) != 2:
        raise ValueError(f"{op}: dim is {dim}, expected two dimensions")
    first, second = (normalized_axis(op, axis, a.ndim) for axis in dim)
    if first == second:
        raise ValueError(f"{op}: dim is {tuple(dim)}, expected two different dimensions")
    if ord not in (*_ORDERS, "fro", "nuc"):
        raise ValueError(f"{op}: ord is {ord!r}, expected 'fro', 'nuc', inf, -inf, 1, -1, 2 or -2")
    if ord == "fro":
        return vector_norm(a, 2, (first, second), keepdim)
    moved = movedim(a, (first, second), (-2, -1))
    if isinstance(ord, str) or abs_of(ord) == 2:
        values = values_of(op, moved)
    else:
        values = sum(abs(moved), -1 if math.isinf(ord) else -2)
    if ord != "nuc" and values.shape[-1] == 0:
        raise kernels.ShapeError(
            f"{op}: A has shape {a.shape}, expected at least one row and column for ord {ord}"
        )
    join = sum if isinstance(ord, str) else amax if ord > 0 else amin
    result = join(values, -1)
    return reshape(result, kept_shape(op, a, (first, second))) if keepdim else result


def abs_of(order: Number) -> Number:
    """The magnitude of a number."""
    return -order if order < 0 else order


@composed
def linalg_norm(
    A: Tensor,
    ord: Number | str | None = None,
    dim: int | Sequence[int] | None = None,
    keepdim: bool = False,
    *,
    dtype: Any = None,
) -> Tensor:
    """A norm of vectors or of matrices.

    Parameters
    ----------
    A : Tensor
        float32 or float64.
    ord : number or {'fro', 'nuc'}, optional
        See `vector_norm` and `matrix_norm`; by default the root of the sum of squares.
    dim : int or pair of int, optional
        One dimension for vectors, two for matrices. By default the norm of all elements without
        `ord`, and that of a vector or a matrix with it.
    keepdim : bool
        Whether they stay, with size 1. Default False.
    dtype : dtype, optional
        What `A` is converted to first.

    Raises
    ------
    ShapeError, DTypeError, IndexError, ValueError, LinAlgError
    """
    op = "norm"
    a = as_tensor(A, op, "A")
    if ord is None:
        return vector_norm(a, 2, dim, keepdim, dtype=dtype)
    dims = tuple(range(a.ndim)) if dim is None else (dim,) if isinstance(dim, int) else tuple(dim)
    if len(dims) == 2:
        return matrix_norm(a, ord, (dims[0], dims[1]), keepdim, dtype=dtype)
    if len(dims) != 1 and (dim is not None or a.ndim):
        raise ValueError(f"{op}: ord is {ord!r} for {len(dims)} dimensions, expected one or two")
    if isinstance(ord, str):
        raise ValueError(f"{op}: ord is {ord!r} for a vector, expected a number")
    return vector_norm(a, ord, dim, keepdim, dtype=dtype)


@composed
def norm(
    input: Tensor,
    p: Number | str | None = "fro",
    dim: Dims = None,
    keepdim: bool = False,
    out: None = None,
    dtype: Any = None,
) -> Tensor:
    """`cygnet.linalg.vector_norm` of the input, for which 'fro' (the default) and None stand for
    p = 2; 'nuc' for the sum of the singular values of a matrix.

    Raises
    ------
    ValueError
        If `out` is given.
    """
    if isinstance(p, str) and p not in ("fro", "nuc"):
        raise ValueError(f"norm: p is {p!r}, expected a number, 'fro' or 'nuc'")
    if out is not None:
        raise ValueError("norm: out is not offered, expected None")
    if p == "nuc":
        pair = (-2, -1) if dim is None else (dim,) if isinstance(dim, int) else tuple(dim)
        return matrix_norm(input, "nuc", pair, keepdim, dtype=dtype)  # type: ignore[arg-type]
    order = 2 if p is None or isinstance(p, str) else p
    return vector_norm(input, order, dim, keepdim, dtype=dtype)


@composed
def cond(A: Tensor, p: Number | str | None = None) -> Tensor:
    """The condition number: norm(A) norm(A⁻¹).

    Parameters
    ----------
    A : Tensor
        (..., m, n), float32 or float64; square unless p is None, 2 or -2.
    p : optional
        The order of `matrix_norm`. By default 2: the largest singular value by the smallest; for -2
        the smallest by the largest.

    Returns
    -------
    Tensor
        (...); infinite for singular matrices.

    Raises
    ------
    ShapeError, DTypeError, ValueError
    LinAlgError
        If it needs singular values, and a matrix has NaN or infinity.
    """
    op = "cond"
    if p is None or p in (2, -2):
        a = matrices(op, A)
        values = values_of(op, a)
        if values.shape[-1] == 0:
            raise kernels.ShapeError(
                f"{op}: A has shape {a.shape}, expected at least one row and column"
            )
        last, first = select(values, -1, values.shape[-1] - 1), select(values, -1, 0)
        return div(last, first) if p == -2 else div(first, last)
    a = matrices(op, A, square=True)
    inverse, info = inverted(a, None)
    singular = ne(info, 0)
    tame = where(singular[..., None, None], 1.0, inverse)
    return where(singular, math.inf, mul(matrix_norm(a, p), matrix_norm(tame, p)))
