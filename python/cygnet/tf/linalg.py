"""Functions of matrices: ``tf.linalg``."""

from __future__ import annotations

from typing import Any

import cygnet
import cygnet.linalg
from cygnet.keras import ops
from cygnet.ops.create import as_tensor
from cygnet.tf.functions import global_norm
from cygnet.tf.renamed import renamed

__all__ = [
    "band_part",
    "det",
    "diag",
    "diag_part",
    "einsum",
    "eye",
    "global_norm",
    "inv",
    "matmul",
    "matvec",
    "norm",
    "solve",
    "tensordot",
    "trace",
]

einsum = ops.einsum
eye = renamed(ops.eye, "num_rows num_columns")
tensordot = renamed(ops.tensordot, "a b axes")


def matmul(
    a: Any,
    b: Any,
    transpose_a: bool = False,
    transpose_b: bool = False,
    name: str | None = None,
) -> Any:
    """The product of two matrices, or of stacks of them."""
    a = ops.swapaxes(a, -1, -2) if transpose_a else a
    return ops.matmul(a, ops.swapaxes(b, -1, -2) if transpose_b else b)


def matvec(a: Any, b: Any, transpose_a: bool = False, name: str | None = None) -> Any:
    """The product of a matrix and a vector, or of stacks of them."""
    return ops.squeeze(matmul(a, ops.expand_dims(b, -1), transpose_a), -1)


def norm(
    tensor: Any,
    ord: Any = "euclidean",
    axis: Any = None,
    keepdims: bool = False,
    name: str | None = None,
) -> Any:
    """The norm of vectors along an axis, of matrices along two, by default of all numbers.

    Parameters
    ----------
    tensor : Tensor
    ord : number or str
        "euclidean" (default), 1, 2 or another order; of matrices "euclidean", "fro", 1 or inf.
    axis : int or pair of int, optional
        Default: the tensor is one vector.
    keepdims : bool
        Default False.
    """
    order = None if ord == "euclidean" else ord
    if axis is not None or order is None:
        return ops.norm(tensor, order, axis, bool(keepdims))
    found = ops.norm(ops.ravel(tensor), order, 0)
    return ops.reshape(found, (1,) * ops.ndim(tensor)) if keepdims else found


def band_part(input: Any, num_lower: int, num_upper: int, name: str | None = None) -> Any:
    """Matrices with 0 beyond so many diagonals below and above the main one; -1 keeps all."""
    lower = input if num_lower < 0 else ops.triu(input, -int(num_lower))
    return lower if num_upper < 0 else ops.tril(lower, int(num_upper))


def diag(diagonal: Any, name: str | None = None, k: int = 0) -> Any:
    """Matrices (..., n, n) with these diagonals (..., n)."""
    return cygnet.diag_embed(as_tensor(diagonal), k)


def diag_part(input: Any, name: str | None = None, k: int = 0) -> Any:
    """The diagonals of matrices (..., m, n)."""
    return ops.diagonal(input, k, -2, -1)


def trace(x: Any, name: str | None = None) -> Any:
    """The sums of the diagonals of matrices (..., m, n)."""
    return ops.trace(x, 0, -2, -1)


def inv(input: Any, adjoint: bool = False, name: str | None = None) -> Any:
    """The inverses of matrices (..., n, n), or of their transposes."""
    return cygnet.linalg.inv(_transposed(input, adjoint))


def det(input: Any, name: str | None = None) -> Any:
    """The determinants of matrices (..., n, n)."""
    return cygnet.linalg.det(as_tensor(input))


def solve(matrix: Any, rhs: Any, adjoint: bool = False, name: str | None = None) -> Any:
    """The solutions (..., n, k) of systems of equations with matrices (..., n, n), or their
    transposes, and right sides (..., n, k).
    """
    return cygnet.linalg.solve(_transposed(matrix, adjoint), as_tensor(rhs))


def _transposed(matrix: Any, adjoint: bool) -> Any:
    matrix = as_tensor(matrix)
    return ops.swapaxes(matrix, -1, -2) if adjoint else matrix
