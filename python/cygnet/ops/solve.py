"""Systems of linear equations, inverses and determinants."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from cygnet import kernels
from cygnet.autograd import is_grad_enabled, record
from cygnet.errors import composed
from cygnet.ops.broadcast import expanded, reshape, sum, to_shape
from cygnet.ops.common import as_tensor, cast, normalized_axes, wrap
from cygnet.ops.elementwise import abs, log, lt, mul, ne, sign, sub, where
from cygnet.ops.matrices import (
    identity,
    inverted,
    matrices,
    same_type,
    solved,
    stacked,
    substituted,
    triangle_solved,
)
from cygnet.ops.products import matmul
from cygnet.ops.rounding import remainder
from cygnet.ops.scan import prod
from cygnet.ops.shape import common_shape, diagonal, movedim, mT, select, unsqueeze
from cygnet.tensor import Tensor

__all__ = [
    "cholesky_inverse",
    "cholesky_solve",
    "det",
    "inverse",
    "logdet",
    "lu_solve",
    "slogdet",
    "triangular_solve",
]


class Solution(NamedTuple):
    """Solutions, and for each matrix 0 or the number of its first row with a 0 in the triangle."""

    result: Tensor
    info: Tensor


class Inverse(NamedTuple):
    """Inverses, and for each matrix 0 or the number of its first row with a 0 in the triangle."""

    inverse: Tensor
    info: Tensor


def _right_side(op: str, b: Any, a: Tensor, rows: int, name: str = "B") -> Tensor:
    """The right sides as matrices of `rows` rows."""
    right = matrices(op, b, name)
    same_type(op, a, right, name)
    if right.shape[-2] != rows:
        raise kernels.ShapeError(f"{op}: {name} has shape {right.shape}, expected {rows} rows")
    return right


def _solve(op: str, A: Any, B: Any, left: bool, check: bool) -> Solution:
    a, b = matrices(op, A, square=True), as_tensor(B, op, "B")
    vector = b.ndim == 1 or (b.ndim == a.ndim - 1 and b.shape == a.shape[:-1])
    if vector and not left:
        raise kernels.ShapeError(f"{op}: B has shape {b.shape}, expected matrices with left=False")
    right = unsqueeze(b, -1) if vector else b
    right = right if left else mT(matrices(op, right, "B"))
    right = _right_side(op, right, a, a.shape[-1])
    common_shape(op, [a.shape[:-2], right.shape[:-2]])
    x, info = solved(a if left else mT(a), right, op if check else None)
    result = select(x, -1, 0) if vector else x if left else mT(x)
    return Solution(result, info)


@composed
def solve(A: Tensor, B: Tensor, *, left: bool = True) -> Tensor:
    """X with ``A @ X = B``.

    By the LU factorisation with partial pivoting: 2n³/3 + 2n²k operations.

    Parameters
    ----------
    A : Tensor
        (..., n, n), float32 or float64.
    B : Tensor
        (..., n, k), with leading sizes that broadcast; or vectors: (n,), or (..., n) with all sizes
        but the last one of `A`.
    left : bool
        Whether A stands on the left of X; else B is (..., k, n). Default True.

    Raises
    ------
    ShapeError, DTypeError
    LinAlgError
        If a matrix is singular: has a 0 in its triangle.

    Examples
    --------
    >>> import cygnet
    >>> cygnet.linalg.solve(cygnet.tensor([[2.0, 0.0], [1.0, 1.0]]), cygnet.tensor([4.0, 3.0]))
    tensor([2., 1.])
    """
    return _solve("solve", A, B, left, True).result


@composed
def solve_ex(A: Tensor, B: Tensor, *, left: bool = True, check_errors: bool = False) -> Solution:
    """`cygnet.linalg.solve` with a word about each matrix, info (...), int32, and an error only
    with `check_errors`; results of singular matrices are not finite.

    Raises
    ------
    ShapeError, DTypeError, LinAlgError
    """
    return _solve("solve_ex", A, B, left, check_errors)


@composed
def solve_triangular(
    A: Tensor, B: Tensor, *, upper: bool, left: bool = True, unitriangular: bool = False
) -> Tensor:
    """X with ``A @ X = B`` of triangles A, by substitution: n²k operations.

    Parameters
    ----------
    A : Tensor
        (..., n, n), float32 or float64; the other triangle is not read.
    B : Tensor
        (..., n, k), with leading sizes that broadcast.
    upper : bool
        Which triangle of A is meant.
    left : bool
        Whether A stands on the left of X; else B is (..., k, n). Default True.
    unitriangular : bool
        Whether the diagonal of A is taken for ones. Default False.

    Raises
    ------
    ShapeError, DTypeError
    """
    op = "solve_triangular"
    a = matrices(op, A, square=True)
    right = _right_side(op, B if left else mT(matrices(op, B, "B")), a, a.shape[-1])
    first, second = stacked(op, a, right)
    x = triangle_solved(first, second, upper=upper, transposed=not left, unit=unitriangular)
    return x if left else mT(x)


class TriangularSolution(NamedTuple):
    """Solutions, and the triangles as they were given."""

    solution: Tensor
    cloned_coefficient: Tensor


@composed
def triangular_solve(
    b: Tensor, A: Tensor, upper: bool = True, transpose: bool = False, unitriangular: bool = False
) -> TriangularSolution:
    """`cygnet.linalg.solve_triangular` in its old spelling: with `transpose`, ``A.mT @ X = b``."""
    op = "triangular_solve"
    a = matrices(op, A, square=True)
    first, second = stacked(op, a, _right_side(op, b, a, a.shape[-1], "b"))
    x = triangle_solved(first, second, upper=upper, transposed=transpose, unit=unitriangular)
    return TriangularSolution(x, a)


@composed
def factors_solved(
    LU: Tensor, pivots: Tensor, B: Tensor, *, left: bool = True, adjoint: bool = False
) -> Tensor:
    """X with ``A @ X = B`` from the factors that `cygnet.linalg.lu_factor` gives of A: 2n²k
    operations.

    Parameters
    ----------
    LU, pivots : Tensor
        (..., n, n) and (..., n).
    B : Tensor
        (..., n, k), with leading sizes that broadcast.
    left : bool
        Whether A stands on the left of X; else B is (..., k, n). Default True.
    adjoint : bool
        Whether A is transposed. Default False.

    Raises
    ------
    ShapeError, DTypeError
    IndexError
        If a pivot is not the number of a row.
    """
    op = "lu_solve"
    a, order = matrices(op, LU, "LU", square=True), as_tensor(pivots, op, "pivots")
    if order.shape != a.shape[:-1]:
        raise kernels.ShapeError(f"{op}: pivots has shape {order.shape}, expected {a.shape[:-1]}")
    right = _right_side(op, B if left else mT(matrices(op, B, "B")), a, a.shape[-1])
    first, second = stacked(op, a, right)
    order = expanded(order, first.shape[:-1])
    x = substituted(first, order, second, adjoint == left)
    return x if left else mT(x)


@composed
def lu_solve(b: Tensor, LU_data: Tensor, LU_pivots: Tensor) -> Tensor:
    """`cygnet.linalg.lu_solve`, with the right side first."""
    return factors_solved(LU_data, LU_pivots, b)


@composed
def cholesky_solve(B: Tensor, L: Tensor, upper: bool = False) -> Tensor:
    """X with ``A @ X = B`` from the triangles that `cygnet.linalg.cholesky` gives of A: 2n²k
    operations.

    Parameters
    ----------
    B : Tensor
        (..., n, k), with leading sizes that broadcast.
    L : Tensor
        (..., n, n).
    upper : bool
        Whether L is the upper triangle. Default False.

    Raises
    ------
    ShapeError, DTypeError
    """
    op = "cholesky_solve"
    a = matrices(op, L, "L", square=True)
    first, second = stacked(op, a, _right_side(op, B, a, a.shape[-1]))
    y = triangle_solved(first, second, upper=upper, transposed=upper)
    return triangle_solved(first, y, upper=upper, transposed=not upper)


def cholesky_inverse(L: Tensor, upper: bool = False) -> Tensor:
    """The inverse of the matrix whose triangle `cygnet.linalg.cholesky` gives; see
    `cholesky_solve`.
    """
    a = matrices("cholesky_inverse", L, "L", square=True)
    return cholesky_solve(identity(a), a, upper)


@composed
def inverse(A: Tensor) -> Tensor:
    """The inverses of square matrices, by the LU factorisation: 8n³/3 operations. `solve` is faster
    and more exact where the inverse is only multiplied.

    Parameters
    ----------
    A : Tensor
        (..., n, n), float32 or float64.

    Raises
    ------
    ShapeError, DTypeError
    LinAlgError
        If a matrix is singular.
    """
    return inverted(matrices("inv", A, square=True), "inv")[0]


inv = inverse


def inv_ex(A: Tensor, *, check_errors: bool = False) -> Inverse:
    """`cygnet.linalg.inv` with a word about each matrix, info (...), int32, and an error only with
    `check_errors`.

    Raises
    ------
    ShapeError, DTypeError, LinAlgError
    """
    op = "inv_ex"
    return Inverse(*inverted(matrices(op, A, square=True), op if check_errors else None))


def _triangle_and_sign(a: Tensor) -> tuple[Tensor, Tensor]:
    """The diagonal of U in the LU factorisation, and whether exchanges change the sign: 1 or -1."""
    lu, order, _ = kernels.lu_factor(a._array)
    untouched = wrap(np.arange(1, a.shape[-1] + 1, dtype=np.int32))
    odd = cast(remainder(sum(ne(wrap(order), untouched), -1), 2), a.dtype)
    return diagonal(wrap(lu), 0, -2, -1), sub(1, mul(odd, 2))


def _cofactors(a: Tensor) -> Tensor:
    """det(A) A⁻ᵀ, the gradient of the determinant, also where A is singular: with A = U S Vᵀ it is
    det(U) det(V) U diag(products of all other s) Vᵀ.
    """
    if is_grad_enabled():
        return mul(det(a)[..., None, None], mT(inverted(a, None)[0]))
    u, s, vh = (wrap(part) for part in kernels.svd(a._array))
    size = a.shape[-1]
    others = where(wrap(np.eye(size, dtype=np.bool_)), 1.0, unsqueeze(s, -2))
    turned = mul(det(u), det(vh))[..., None]
    return matmul(mul(u, unsqueeze(mul(turned, prod(others, -1)), -2)), vh)


def det(A: Tensor) -> Tensor:
    """The determinants of square matrices, by the LU factorisation: 2n³/3 operations.

    Parameters
    ----------
    A : Tensor
        (..., n, n), float32 or float64. The gradient is right for singular matrices as well; the
        second derivative is not.

    Returns
    -------
    Tensor
        (...); 1 for n = 0.

    Raises
    ------
    ShapeError, DTypeError
    """
    a = matrices("det", A, square=True)
    values, sign_ = _triangle_and_sign(a)
    output = mul(sign_, prod(values, -1))

    def backward(grad: Tensor) -> tuple[Tensor]:
        return (mul(grad[..., None, None], _cofactors(a)),)

    return record(output, (a,), backward, "det")


class SignLogarithm(NamedTuple):
    """Sign and logarithm of the magnitude of determinants."""

    sign: Tensor
    logabsdet: Tensor


def slogdet(A: Tensor) -> SignLogarithm:
    """Sign and logarithm of the magnitude of the determinants of square matrices, which neither
    overflow nor underflow: 0 and -inf of singular ones, whose gradient is not finite.

    Parameters
    ----------
    A : Tensor
        (..., n, n), float32 or float64; see `cygnet.linalg.det`.

    Raises
    ------
    ShapeError, DTypeError
    """
    a = matrices("slogdet", A, square=True)
    values, exchanged = _triangle_and_sign(a)
    output = sum(log(abs(values)), -1)

    def backward(grad: Tensor) -> tuple[Tensor]:
        return (mul(grad[..., None, None], mT(inverted(a, None)[0])),)

    return SignLogarithm(
        mul(exchanged, prod(sign(values), -1)), record(output, (a,), backward, "slogdet")
    )


def logdet(A: Tensor) -> Tensor:
    """The logarithm of the determinants of square matrices: NaN where they are negative, -inf where
    they are 0; see `slogdet`.
    """
    sign_, logarithm = slogdet(A)
    return where(lt(sign_, 0), math.nan, logarithm)


@composed
def tensorinv(A: Tensor, ind: int = 2) -> Tensor:
    """The inverse with respect to `tensordot`: A's first `ind` dimensions, which have as many
    elements as the others, become the last ones.

    Raises
    ------
    ShapeError, DTypeError, LinAlgError
    ValueError
        If `ind` is not positive.
    """
    op = "tensorinv"
    a = as_tensor(A, op, "A")
    if ind < 1:
        raise ValueError(f"{op}: ind is {ind}, expected at least 1")
    first, last = a.shape[:ind], a.shape[ind:]
    if math.prod(first) != math.prod(last):
        raise kernels.ShapeError(
            f"{op}: A has shape {a.shape}, expected as many elements in the first {ind} dimensions "
            "as in the others"
        )
    square = matrices(op, reshape(a, (math.prod(first), math.prod(last))), square=True)
    return to_shape(inverted(square, op)[0], (*last, *first))


def tensorsolve(A: Tensor, B: Tensor, dims: Sequence[int] | None = None) -> Tensor:
    """X with ``tensordot(A, X, X.ndim) = B``; the dimensions `dims` of A are moved to its end
    first.

    Raises
    ------
    ShapeError, DTypeError, IndexError, LinAlgError
    """
    op = "tensorsolve"
    a, b = as_tensor(A, op, "A"), as_tensor(B, op, "B")
    if dims is not None:
        axes = normalized_axes(op, tuple(dims), a.ndim)
        a = movedim(a, axes, tuple(range(a.ndim - len(axes), a.ndim)))
    shape = a.shape[b.ndim :]
    if a.shape[: b.ndim] != b.shape or math.prod(shape) != b.numel():
        raise kernels.ShapeError(
            f"{op}: A has shape {a.shape}, expected {b.shape}, that of B, and {b.numel()} elements "
            "in its other dimensions"
        )
    square = matrices(op, reshape(a, (b.numel(), b.numel())), square=True)
    same_type(op, a, b)
    x, _ = solved(square, reshape(b, (b.numel(), 1)), op)
    return to_shape(x, shape)
