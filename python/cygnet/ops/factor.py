"""Cholesky, LU and QR factorisations."""

from __future__ import annotations

import builtins
from typing import Any, NamedTuple

import numpy as np

from cygnet import kernels
from cygnet.autograd import is_grad_enabled, needs_gradient, record, record_several
from cygnet.errors import composed
from cygnet.ops.common import as_tensor, recomputed, wrap
from cygnet.ops.diagonal import tril, triu
from cygnet.ops.elementwise import add, mul, sub
from cygnet.ops.join import cat
from cygnet.ops.matrices import (
    identity,
    matrices,
    rows_exchanged,
    same_type,
    triangle_solved,
)
from cygnet.ops.products import matmul
from cygnet.ops.shape import mT, narrow
from cygnet.tensor import Tensor

__all__ = [
    "cholesky",
    "geqrf",
    "lu_unpack",
    "orgqr",
    "ormqr",
    "qr",
]


class CholeskyInfo(NamedTuple):
    """Triangles, and for each matrix 0 or the order of its first minor that is not positive."""

    L: Tensor
    info: Tensor


def _cholesky(a: Tensor, caller: str | None) -> CholeskyInfo:
    """The gradient of A is L⁻ᵀ phi(Lᵀ grad) L⁻¹ made symmetric, where phi takes the lower triangle
    with half the diagonal (I. Murray, arXiv 1602.07527).
    """
    output, info = kernels.cholesky(a._array, caller)

    def backward(grad: Tensor) -> tuple[Tensor]:
        factor = recomputed(lambda x: _cholesky(x, None).L, output, a)
        size = a.shape[-1]
        half = wrap(np.tri(size, dtype=a.dtype) - np.eye(size, dtype=a.dtype) / 2)
        inner = mul(matmul(mT(factor), tril(grad)), half)
        left = triangle_solved(factor, inner, upper=False, transposed=True)
        both = triangle_solved(factor, mT(left), upper=False, transposed=True)
        return (mul(add(both, mT(both)), 0.5),)

    result = wrap(output)
    record(result, (a,), backward, "cholesky", saved=(a, result))
    return CholeskyInfo(result, wrap(info))


def cholesky_ex(A: Tensor, *, upper: bool = False, check_errors: bool = False) -> CholeskyInfo:
    """`cygnet.linalg.cholesky` with a word about each matrix instead of an error.

    Parameters
    ----------
    A : Tensor
        (..., n, n).
    upper : bool
        See `cygnet.linalg.cholesky`. Default False.
    check_errors : bool
        Whether a matrix that is not positive-definite is an error all the same. Default False.

    Returns
    -------
    CholeskyInfo
        L, and info (...), int32: 0, or the order of the first leading minor that is not positive.

    Raises
    ------
    ShapeError, DTypeError, LinAlgError
    """
    op = "cholesky_ex"
    a = matrices(op, A, square=True)
    factor, info = _cholesky(mT(a) if upper else a, op if check_errors else None)
    return CholeskyInfo(mT(factor) if upper else factor, info)


def cholesky_factor(A: Tensor, *, upper: bool = False) -> Tensor:
    """The triangle L with positive diagonal and ``A = L @ L.mT`` of symmetric positive-definite
    matrices.

    Blocked, right-looking, with our own matrix product: n³/3 operations.

    Parameters
    ----------
    A : Tensor
        (..., n, n), float32 or float64; the lower triangle is read.
    upper : bool
        Whether the upper triangle is read, and ``L.mT`` returned. Default False.

    Raises
    ------
    ShapeError, DTypeError
    LinAlgError
        If a matrix is not positive-definite.

    Examples
    --------
    >>> import cygnet
    >>> cygnet.linalg.cholesky(cygnet.tensor([[4.0, 2.0], [2.0, 5.0]]))
    tensor([[2., 0.],
            [1., 2.]])
    """
    a = matrices("cholesky", A, square=True)
    return mT(_cholesky(mT(a), "cholesky").L) if upper else _cholesky(a, "cholesky").L


def cholesky(input: Tensor, upper: bool = False) -> Tensor:
    """`cygnet.linalg.cholesky`."""
    return cholesky_factor(input, upper=upper)


class LUFactors(NamedTuple):
    """L and U in one matrix, and the exchanges of rows."""

    LU: Tensor
    pivots: Tensor


class LUInfo(NamedTuple):
    """`LUFactors`, and for each matrix 0 or the number of the first 0 on U's diagonal."""

    LU: Tensor
    pivots: Tensor
    info: Tensor


class LU(NamedTuple):
    """A = P L U."""

    P: Tensor
    L: Tensor
    U: Tensor


def _lu_factor(a: Tensor, caller: str | None) -> LUInfo:
    """With square L and U, the gradient of Pᵀ A is L⁻ᵀ (tril(Lᵀ grad, -1) + triu(grad Uᵀ)) U⁻¹ᵀ.
    The rows below give their part through L₂ = A₂ U⁻¹, the columns to the right through
    U₂ = L⁻¹ A₂.
    """
    output, order, info = kernels.lu_factor(a._array, caller)
    rows, columns = a.shape[-2:]
    least = builtins.min(rows, columns)
    pivots = wrap(order)

    def backward(grad: Tensor) -> tuple[Tensor]:
        factors = recomputed(lambda x: _lu_factor(x, None).LU, output, a)
        square = narrow(narrow(factors, -2, 0, least), -1, 0, least)
        middle = narrow(narrow(grad, -2, 0, least), -1, 0, least)
        by_lower, by_upper = tril(middle, -1), triu(middle)
        lower, upper = add(tril(square, -1), identity(square)), triu(square)
        below = right = None
        if rows > least:
            rest = narrow(grad, -2, least, rows - least)
            below = mT(triangle_solved(square, mT(rest), upper=True))
            others = narrow(factors, -2, least, rows - least)
            by_upper = sub(by_upper, triu(matmul(mT(others), below)))
        if columns > least:
            rest = narrow(grad, -1, least, columns - least)
            right = triangle_solved(square, rest, upper=False, transposed=True, unit=True)
            others = narrow(factors, -1, least, columns - least)
            by_lower = sub(by_lower, tril(matmul(right, mT(others)), -1))
        inner = add(
            tril(matmul(mT(lower), by_lower), -1),
            triu(matmul(by_upper, mT(upper))),
        )
        left = triangle_solved(square, inner, upper=False, transposed=True, unit=True)
        whole = mT(triangle_solved(square, mT(left), upper=True))
        if below is not None:
            whole = cat((whole, below), -2)
        if right is not None:
            whole = cat((whole, right), -1)
        return (rows_exchanged(whole, pivots, inverse=True),)

    result = wrap(output)
    record(result, (a,), backward, "lu_factor", saved=(a, result))
    return LUInfo(result, pivots, wrap(info))


def _check_pivot(op: str, pivot: bool) -> None:
    if not pivot:
        raise ValueError(f"{op}: pivot is False, expected True: rows are always exchanged")


def lu_factor_ex(A: Tensor, *, pivot: bool = True, check_errors: bool = False) -> LUInfo:
    """`cygnet.linalg.lu_factor` with a word about each matrix: info (...), int32, is 0, or the
    number, from 1, of the first row with a 0 on the diagonal of U; with `check_errors` that is an
    error.

    Raises
    ------
    ShapeError, DTypeError, LinAlgError, ValueError
    """
    op = "lu_factor_ex"
    _check_pivot(op, pivot)
    return _lu_factor(matrices(op, A), op if check_errors else None)


def lu_factor(A: Tensor, *, pivot: bool = True) -> LUFactors:
    """The LU factorisation with partial pivoting in the form that `cygnet.linalg.lu_solve` takes.

    Blocked, right-looking, with our own matrix product: 2n³/3 operations.

    Parameters
    ----------
    A : Tensor
        (..., m, n), float32 or float64.
    pivot : bool
        Must be True.

    Returns
    -------
    LUFactors
        LU (..., m, n): U on and above the diagonal, L without its ones below it; pivots
        (..., min(m, n)), int32: 1 more than the row that was exchanged with each row in turn.

    Raises
    ------
    ShapeError, DTypeError, ValueError
    """
    _check_pivot("lu_factor", pivot)
    return LUFactors(*_lu_factor(matrices("lu_factor", A), None)[:2])


def lu_unpack(
    LU_data: Tensor, LU_pivots: Tensor, unpack_data: bool = True, unpack_pivots: bool = True
) -> LU:
    """P (..., m, m), L (..., m, k) and U (..., k, n) of what `cygnet.linalg.lu_factor` gives, with
    k = min(m, n); what is not asked for is empty.

    Raises
    ------
    ShapeError, DTypeError
    IndexError
        If a pivot is not the number of a row.
    """
    op = "lu_unpack"
    factors, pivots = matrices(op, LU_data, "LU_data"), as_tensor(LU_pivots, op, "LU_pivots")
    rows, columns = factors.shape[-2:]
    least = builtins.min(rows, columns)
    nothing = wrap(np.zeros(0, factors.dtype))
    lower = upper = order = nothing
    if unpack_data:
        ones = wrap(np.eye(rows, least, dtype=factors.dtype))
        lower = add(tril(narrow(factors, -1, 0, least), -1), ones)
        upper = triu(narrow(factors, -2, 0, least))
    if unpack_pivots:
        unit = np.broadcast_to(np.eye(rows, dtype=factors.dtype), (*factors.shape[:-1], rows))
        order = rows_exchanged(wrap(unit), pivots, inverse=True)
    return LU(order, lower, upper)


def lu(A: Tensor, *, pivot: bool = True) -> LU:
    """P, L and U with ``A = P @ L @ U``: `lu_unpack` of `cygnet.linalg.lu_factor`.

    Raises
    ------
    ShapeError, DTypeError, ValueError
    """
    _check_pivot("lu", pivot)
    factors, pivots, _ = _lu_factor(matrices("lu", A), None)
    return lu_unpack(factors, pivots)


class QR(NamedTuple):
    """A = Q R."""

    Q: Tensor
    R: Tensor


def _qr(a: Tensor, wanted: int) -> QR:
    """Q of `wanted` columns, and R.

    With M = R grad_Rᵀ - grad_Qᵀ Q and its lower triangle mirrored, the gradient of a tall A is
    (grad_Q + Q M) R⁻ᵀ. The further columns Y of a wide one are Q V, so that Q has Y grad_Vᵀ more
    (S. Walter and L. Lehmann, "Algorithmic differentiation of linear algebra functions", 2010).
    """
    factor, tau = kernels.householder_factor(a._array)
    rows, columns = a.shape[-2:]
    least = builtins.min(rows, columns)
    first = kernels.householder_columns(factor, tau, wanted)
    second = triu(wrap(factor[..., :wanted, :]))._array

    def backward(by_q: Tensor | None, by_r: Tensor | None) -> tuple[Tensor]:
        if wanted > least:
            raise RuntimeError(
                "qr: mode 'complete' of tall matrices has no gradient, expected 'reduced'"
            )
        q, r = _qr(a, wanted) if is_grad_enabled() else (wrap(first), wrap(second))
        if by_q is None:
            by_q = mul(q, 0)
        if by_r is None:
            by_r = mul(r, 0)
        right = None
        if columns > rows:
            rest = narrow(by_r, -1, rows, columns - rows)
            right = matmul(q, rest)
            by_q = add(by_q, matmul(narrow(a, -1, rows, columns - rows), mT(rest)))
            r, by_r = narrow(r, -1, 0, rows), narrow(by_r, -1, 0, rows)
        middle = sub(matmul(r, mT(by_r)), matmul(mT(by_q), q))
        mirrored = add(tril(middle), mT(tril(middle, -1)))
        whole = add(by_q, matmul(q, mirrored))
        left = mT(triangle_solved(r, mT(whole), upper=True))
        return (left if right is None else cat((left, right), -1),)

    results = wrap(first), wrap(second)
    record_several(results, (a,), backward, "qr", saved=(a, *results))
    return QR(*results)


def qr_factors(A: Tensor, mode: str = "reduced") -> QR:
    """Q with orthonormal columns and the upper triangle R with ``A = Q @ R``.

    Blocked Householder reflections, with our own matrix product: 2n²(m - n/3) operations. The
    diagonal of R may have either sign.

    Parameters
    ----------
    A : Tensor
        (..., m, n), float32 or float64.
    mode : {'reduced', 'complete', 'r'}
        Q (..., m, k) and R (..., k, n) with k = min(m, n), the default; k = m, which has no
        gradient for m > n; or an empty Q and the R of 'reduced'.

    Raises
    ------
    ShapeError, DTypeError, ValueError

    Examples
    --------
    >>> import cygnet
    >>> A = cygnet.tensor([[3.0, 1.0], [4.0, 2.0]])
    >>> Q, R = cygnet.linalg.qr(A)
    >>> cygnet.allclose(Q @ R, A)
    True
    """
    a = matrices("qr", A)
    if mode not in ("reduced", "complete", "r"):
        raise ValueError(f"qr: mode is {mode!r}, expected 'reduced', 'complete' or 'r'")
    least = builtins.min(a.shape[-2:])
    if mode == "r":
        nothing = wrap(np.zeros(0, a.dtype))
        if needs_gradient(a):
            return QR(nothing, _qr(a, least).R)
        factor = wrap(kernels.householder_factor(a._array)[0])
        return QR(nothing, triu(narrow(factor, -2, 0, least)))
    return _qr(a, a.shape[-2] if mode == "complete" else least)


def qr(input: Tensor, some: bool = True) -> QR:
    """`cygnet.linalg.qr`, 'reduced' or, not `some`, 'complete'."""
    return qr_factors(input, "reduced" if some else "complete")


class Reflections(NamedTuple):
    """R and the reflections whose product is Q."""

    a: Tensor
    tau: Tensor


def geqrf(input: Tensor) -> Reflections:
    """The QR factorisation as `cygnet.linalg.householder_product` and `ormqr` take it: R on and
    above the diagonal, the vectors of the reflections below it; and their factors tau. Without
    gradient.

    Raises
    ------
    ShapeError, DTypeError
    """
    factor, tau = kernels.householder_factor(matrices("geqrf", input, "input")._array)
    return Reflections(wrap(factor), wrap(tau))


def _reflections(op: str, input: Any, tau: Any) -> tuple[Tensor, Tensor]:
    a, factors = matrices(op, input, "input"), as_tensor(tau, op, "tau")
    same_type(op, a, factors, "tau", "input")
    count = factors.shape[-1] if factors.ndim else 0
    if factors.shape != (*a.shape[:-2], count) or count > builtins.min(a.shape[-2:]):
        raise kernels.ShapeError(
            f"{op}: tau has shape {factors.shape}, expected {a.shape[:-2]} and at most "
            f"{builtins.min(a.shape[-2:])} factors"
        )
    return a, factors


def _reflected(a: Tensor, tau: Tensor, other: Tensor, transposed: bool) -> Tensor:
    """Q other, or Qᵀ other, one reflection 1 - tau v vᵀ after the other."""
    count, rows = tau.shape[-1], a.shape[-2]
    vectors = add(tril(narrow(a, -1, 0, count), -1), wrap(np.eye(rows, count, dtype=a.dtype)))
    for k in range(count) if transposed else reversed(range(count)):
        vector = narrow(vectors, -1, k, 1)
        scaled = mul(vector, narrow(tau, -1, k, 1)[..., None])
        other = sub(other, matmul(scaled, matmul(mT(vector), other)))
    return other


def householder_product(input: Tensor, tau: Tensor) -> Tensor:
    """The first n columns of the product of the reflections that `cygnet.geqrf` gives.

    Blocked (compact WY form) where no gradient is wanted, else one reflection after the other.

    Parameters
    ----------
    input : Tensor
        (..., m, n) with n <= m; only what is below the diagonal is read.
    tau : Tensor
        (..., k) with k <= n.

    Raises
    ------
    ShapeError, DTypeError
    """
    op = "householder_product"
    a, factors = _reflections(op, input, tau)
    rows, columns = a.shape[-2:]
    if columns > rows:
        raise kernels.ShapeError(
            f"{op}: input has shape {a.shape}, expected no more columns than rows"
        )
    if needs_gradient(a, factors):
        return _reflected(a, factors, wrap(np.eye(rows, columns, dtype=a.dtype)), False)
    return wrap(kernels.householder_columns(a._array, factors._array, columns))


orgqr = householder_product


@composed
def ormqr(
    input: Tensor, tau: Tensor, other: Tensor, left: bool = True, transpose: bool = False
) -> Tensor:
    """``Q @ other`` with the square Q of reflections as `cygnet.geqrf` gives them.

    Parameters
    ----------
    input : Tensor
        (..., m, n); only what is below the diagonal is read.
    tau : Tensor
        (..., k) with k <= min(m, n).
    other : Tensor
        (..., m, p), or (..., p, m) from the other side.
    left : bool
        Whether Q stands on the left. Default True.
    transpose : bool
        Whether it is ``Q.mT``. Default False.

    Raises
    ------
    ShapeError, DTypeError
    """
    op = "ormqr"
    a, factors = _reflections(op, input, tau)
    b = matrices(op, other, "other")
    same_type(op, a, b, "other", "input")
    if b.shape[-2 if left else -1] != a.shape[-2]:
        raise kernels.ShapeError(
            f"{op}: other has shape {b.shape}, expected {a.shape[-2]} "
            f"{'rows' if left else 'columns'}, the rows of input"
        )
    if left:
        return _reflected(a, factors, b, transpose)
    return mT(_reflected(a, factors, mT(b), not transpose))
