"""Eigenvalues and singular values, and what is made of them."""

from __future__ import annotations

import builtins
from typing import Any, NamedTuple

import numpy as np

from cygnet import kernels
from cygnet.autograd import is_grad_enabled, needs_gradient, record, record_several
from cygnet.errors import composed
from cygnet.ops.broadcast import sum
from cygnet.ops.common import Number, as_tensor, wrap
from cygnet.ops.diagonal import diag_embed
from cygnet.ops.elementwise import abs, add, div, gt, maximum, mul, neg, sub, where
from cygnet.ops.matrices import matrices, same_type
from cygnet.ops.products import matmul
from cygnet.ops.reduce import amax
from cygnet.ops.shape import mT, unsqueeze
from cygnet.tensor import Tensor

__all__ = [
    "pinverse",
    "svd",
]


class Eigen(NamedTuple):
    """Eigenvalues, and eigenvectors as columns."""

    eigenvalues: Tensor
    eigenvectors: Tensor


class SVD(NamedTuple):
    """A = U diag(S) Vh."""

    U: Tensor
    S: Tensor
    Vh: Tensor


class OldSVD(NamedTuple):
    """A = U diag(S) Vᵀ."""

    U: Tensor
    S: Tensor
    V: Tensor


def _differences(values: Tensor) -> Tensor:
    """values[j] - values[i], and 1 on the diagonal."""
    unit = wrap(np.eye(values.shape[-1], dtype=np.bool_))
    return where(unit, 1.0, sub(unsqueeze(values, -2), unsqueeze(values, -1)))


def _off_diagonal(x: Tensor) -> Tensor:
    return where(wrap(np.eye(x.shape[-1], dtype=np.bool_)), 0.0, x)


def _eigh(op: str, a: Tensor) -> Eigen:
    """With M = Vᵀ grad_V and E[i, j] = w[j] - w[i], the gradient of A is
    V (diag(grad_w) + M / E) Vᵀ, where the diagonal of M / E is 0.
    """
    first, second = kernels.eigh(a._array, True, op)

    def backward(by_values: Tensor | None, by_vectors: Tensor | None) -> tuple[Tensor]:
        values, vectors = _eigh(op, a) if is_grad_enabled() else (wrap(first), wrap(second))
        inner = None
        if by_vectors is not None:
            inner = _off_diagonal(div(matmul(mT(vectors), by_vectors), _differences(values)))
        if by_values is not None:
            inner = diag_embed(by_values) if inner is None else add(inner, diag_embed(by_values))
        assert inner is not None
        return (matmul(matmul(vectors, inner), mT(vectors)),)

    results = wrap(first), wrap(second)
    record_several(results, (a,), backward, op, saved=(a, *results))
    return Eigen(*results)


def _symmetric(op: str, A: Any, UPLO: str) -> Tensor:
    a = matrices(op, A, square=True)
    if not isinstance(UPLO, str) or UPLO.upper() not in ("L", "U"):
        raise ValueError(f"{op}: UPLO is {UPLO!r}, expected 'L' or 'U'")
    return a if UPLO.upper() == "L" else mT(a)


def eigh(A: Tensor, UPLO: str = "L") -> Eigen:
    """Eigenvalues and eigenvectors of symmetric matrices: ``A = V @ diag(w) @ V.mT``.

    Householder reflections to a tridiagonal matrix, then the implicit QR algorithm with Wilkinson's
    shifts: about 9n³ operations.

    Parameters
    ----------
    A : Tensor
        (..., n, n), float32 or float64.
    UPLO : {'L', 'U'}
        The triangle that is read. Default 'L'.

    Returns
    -------
    Eigen
        eigenvalues (..., n), from the smallest to the largest; eigenvectors (..., n, n), the
        columns, whose signs are arbitrary. Their gradient is finite only where the eigenvalues
        differ.

    Raises
    ------
    ShapeError, DTypeError, ValueError
    LinAlgError
        If a matrix has NaN or infinity.

    Examples
    --------
    >>> import cygnet
    >>> cygnet.linalg.eigh(cygnet.tensor([[2.0, 0.0], [0.0, 1.0]])).eigenvalues
    tensor([1., 2.])
    """
    return _eigh("eigh", _symmetric("eigh", A, UPLO))


def eigvalsh(A: Tensor, UPLO: str = "L") -> Tensor:
    """The eigenvalues that `cygnet.linalg.eigh` gives; without gradient about 3n³ operations."""
    op = "eigvalsh"
    a = _symmetric(op, A, UPLO)
    if needs_gradient(a):
        return _eigh(op, a).eigenvalues
    return wrap(kernels.eigh(a._array, False, op)[0])


def _svd(op: str, a: Tensor, full: bool) -> SVD:
    """The gradient of A is U (skew(Uᵀ grad_U) / E S + S skew(Vᵀ grad_V) / E + diag(grad_S)) Vᵀ with
    E[i, j] = s[j]² - s[i]² and skew(X) = X - Xᵀ; and, as far as U and V are not square, what is at
    right angles to them: (1 - U Uᵀ) grad_U S⁻¹ Vᵀ + U S⁻¹ grad_Vᵀ (1 - V Vᵀ).
    """
    arrays = kernels.svd(a._array, full, True, op)
    rows, columns = a.shape[-2:]

    def backward(by_u: Tensor | None, by_s: Tensor | None, by_vh: Tensor | None) -> tuple[Tensor]:
        if full and rows != columns and (by_u is not None or by_vh is not None):
            raise RuntimeError(
                f"{op}: full_matrices of matrices that are not square gives vectors without "
                "gradient, expected full_matrices=False"
            )
        if full and rows != columns:
            u, s, vh = _svd(op, a, False)
        else:
            u, s, vh = _svd(op, a, full) if is_grad_enabled() else (wrap(x) for x in arrays)
        across, down = unsqueeze(s, -2), unsqueeze(s, -1)
        gaps = mul(_differences(s), add(across, down))
        parts, outside = [], []
        if by_s is not None:
            parts.append(diag_embed(by_s))
        if by_u is not None:
            inner = matmul(mT(u), by_u)
            parts.append(mul(_off_diagonal(div(sub(inner, mT(inner)), gaps)), across))
            if rows > columns:
                rest = div(sub(by_u, matmul(u, inner)), across)
                outside.append(matmul(rest, vh))
        if by_vh is not None:
            inner = matmul(vh, mT(by_vh))
            parts.append(mul(_off_diagonal(div(sub(inner, mT(inner)), gaps)), down))
            if columns > rows:
                rest = div(sub(by_vh, matmul(mT(inner), vh)), down)
                outside.append(matmul(u, rest))
        total = parts[0]
        for part in parts[1:]:
            total = add(total, part)
        total = matmul(matmul(u, total), vh)
        for part in outside:
            total = add(total, part)
        return (total,)

    results = tuple(wrap(x) for x in arrays)
    record_several(results, (a,), backward, op, saved=(a, *results))
    return SVD(*results)


def svd_factors(A: Tensor, full_matrices: bool = True, *, driver: str | None = None) -> SVD:
    """The singular value decomposition ``A = U @ diag(S) @ Vh``.

    QR of a tall matrix (of the transpose of a wide one), Householder reflections to a bidiagonal
    matrix, then the implicit QR algorithm: about 20 n³ operations for n = k.

    Parameters
    ----------
    A : Tensor
        (..., m, n), float32 or float64; k = min(m, n).
    full_matrices : bool
        Whether U and Vh are square, the default; they then have a gradient only for m = n.
    driver : str, optional
        Is not looked at: there is one algorithm.

    Returns
    -------
    SVD
        U (..., m, m or k), S (..., k), from the largest to the smallest, Vh (..., n or k, n). The
        signs of the vectors are arbitrary; their gradient is finite only where the values differ.

    Raises
    ------
    ShapeError, DTypeError
    LinAlgError
        If a matrix has NaN or infinity.

    Examples
    --------
    >>> import cygnet
    >>> cygnet.linalg.svd(cygnet.tensor([[0.0, 3.0], [2.0, 0.0]])).S
    tensor([3., 2.])
    """
    return _svd("svd", matrices("svd", A), full_matrices)


def svdvals(A: Tensor, *, driver: str | None = None) -> Tensor:
    """The singular values, from the largest to the smallest; without gradient about 3n³ operations.
    See `cygnet.linalg.svd`.
    """
    return values_of("svdvals", matrices("svdvals", A))


def values_of(op: str, a: Tensor) -> Tensor:
    """`svdvals` for an op of that name."""
    if needs_gradient(a):
        return _svd(op, a, False).S
    return wrap(kernels.svd(a._array, False, False, op)[1])


@composed
def svd(input: Tensor, some: bool = True, compute_uv: bool = True) -> OldSVD:
    """`cygnet.linalg.svd` with V in the place of Vh: ``input = U @ diag(S) @ V.mT``; reduced if
    `some`, the default, and with zeros for U and V if not `compute_uv`.
    """
    a = matrices("svd", input, "input")
    if not compute_uv:
        zeros = [wrap(kernels.full((*a.shape[:-2], n, n), 0.0, a.dtype.name)) for n in a.shape[-2:]]
        return OldSVD(zeros[0], values_of("svd", a), zeros[1])
    u, s, vh = _svd("svd", a, not some)
    return OldSVD(u, s, mT(vh))


def _threshold(a: Tensor, values: Tensor, atol: Any, rtol: Any) -> Tensor:
    """Below it a singular value counts for 0: the larger of atol and rtol times the largest one. Of
    neither given, rtol is the type's epsilon times the larger side; beside atol it is 0.
    """
    if rtol is None:
        usual = builtins.max(a.shape[-2:]) * float(np.finfo(a.dtype).eps)
        rtol = usual if atol is None else 0.0
        if isinstance(atol, Tensor):  # element by element, as PyTorch
            rtol = where(gt(atol, 0), 0.0, usual)
        elif atol == 0:
            rtol = usual
    largest = amax(values, -1)
    relative = mul(largest, rtol if isinstance(rtol, Tensor) else float(rtol))
    if atol is None:
        return relative
    least = atol if isinstance(atol, Tensor) else wrap(np.asarray(atol, a.dtype))
    return maximum(relative, least)


def _magnitudes(op: str, a: Tensor, hermitian: bool) -> Tensor:
    """Singular values; of symmetric matrices the magnitudes of the eigenvalues."""
    return abs(wrap(kernels.eigh(a._array, False, op)[0])) if hermitian else values_of(op, a)


@composed
def matrix_rank(
    A: Tensor,
    tol: Number | Tensor | None = None,
    *,
    atol: Number | Tensor | None = None,
    rtol: Number | Tensor | None = None,
    hermitian: bool = False,
) -> Tensor:
    """The numbers of singular values above max(atol, rtol * the largest).

    Parameters
    ----------
    A : Tensor
        (..., m, n), float32 or float64.
    tol : float or Tensor, optional
        `atol` in its old spelling.
    atol, rtol : float or Tensor, optional
        Defaults 0 and, without `atol`, the type's epsilon times max(m, n).
    hermitian : bool
        Whether A is taken for symmetric and only its lower triangle read. Default False.

    Returns
    -------
    Tensor
        (...), int64.

    Raises
    ------
    ShapeError, DTypeError
    LinAlgError
        If a matrix has NaN or infinity.
    """
    op = "matrix_rank"
    a = matrices(op, A, square=hermitian).detach()
    values = _magnitudes(op, a, hermitian)
    if values.shape[-1] == 0:
        return wrap(np.zeros(a.shape[:-2], np.int64))
    least = _threshold(a, values, tol if atol is None else atol, rtol)
    return sum(gt(values, unsqueeze(least, -1)), -1)


def _pinv(op: str, a: Tensor, atol: Any, rtol: Any, hermitian: bool) -> Tensor:
    """With P the result, the gradient of A is -Pᵀ grad Pᵀ + (1 - A P) gradᵀ P Pᵀ
    + Pᵀ P gradᵀ (1 - P A): G. Golub and V. Pereyra, SIAM J. Numer. Anal. 10, 1973, for a constant
    rank.
    """
    plain = a.detach()
    if hermitian:
        values, vectors = (wrap(x) for x in kernels.eigh(plain._array, True, op))
        left, right, sizes = vectors, mT(vectors), abs(values)
    else:
        u, values, vh = (wrap(x) for x in kernels.svd(plain._array, False, True, op))
        left, right, sizes = mT(vh), mT(u), values
    if values.shape[-1]:
        kept = gt(sizes, unsqueeze(_threshold(plain, sizes, atol, rtol), -1))
        values = where(kept, div(1.0, where(kept, values, 1.0)), 0.0)
    output = matmul(mul(left, unsqueeze(values, -2)), right)._array

    def backward(grad: Tensor) -> tuple[Tensor]:
        p = _pinv(op, a, atol, rtol, hermitian) if is_grad_enabled() else wrap(output)
        pt, gt_ = mT(p), mT(grad)
        rows = matmul(gt_, matmul(p, pt))  # (m, m) products only of what is tall
        columns = matmul(matmul(pt, p), gt_)
        total = neg(matmul(pt, matmul(grad, pt)))
        total = add(total, sub(rows, matmul(a, matmul(p, rows))))
        return (add(total, sub(columns, matmul(matmul(columns, p), a))),)

    result = wrap(output)
    return record(result, (a,), backward, op, saved=(a, result))


def pinv(
    A: Tensor,
    rcond: Number | Tensor | None = None,
    *,
    atol: Number | Tensor | None = None,
    rtol: Number | Tensor | None = None,
    hermitian: bool = False,
) -> Tensor:
    """The pseudo-inverse (Moore-Penrose), by the singular value decomposition.

    Parameters
    ----------
    A : Tensor
        (..., m, n), float32 or float64.
    rcond : float or Tensor, optional
        `rtol` in its old spelling.
    atol, rtol, hermitian
        See `matrix_rank`: singular values that do not count are left out.

    Returns
    -------
    Tensor
        (..., n, m). Its gradient is that for a constant rank.

    Raises
    ------
    ShapeError, DTypeError
    LinAlgError
        If a matrix has NaN or infinity.
    """
    a = matrices("pinv", A, square=hermitian)
    return _pinv("pinv", a, atol, rcond if rtol is None else rtol, hermitian)


@composed
def pinverse(input: Tensor, rcond: Number = 1e-15) -> Tensor:
    """`cygnet.linalg.pinv` with PyTorch's old default of `rtol`."""
    return pinv(input, rcond)


class LeastSquares(NamedTuple):
    """Solutions of over- and underdetermined systems, and what is known about them."""

    solution: Tensor
    residuals: Tensor
    rank: Tensor
    singular_values: Tensor


def lstsq(
    A: Tensor, B: Tensor, rcond: Number | None = None, *, driver: str | None = None
) -> LeastSquares:
    """The X that makes ``A @ X - B`` shortest, and of all such the shortest X: ``pinv(A) @ B``.

    Parameters
    ----------
    A : Tensor
        (..., m, n), float32 or float64.
    B : Tensor
        (..., m, k) with leading sizes that broadcast; or (m,) for one matrix.
    rcond : float, optional
        Singular values up to `rcond` times the largest count for 0. Default: the type's epsilon
        times max(m, n).
    driver : {'gels', 'gelsy', 'gelsd', 'gelss'}, optional
        Is not looked at: there is one algorithm, which takes matrices of any rank.

    Returns
    -------
    LeastSquares
        solution (..., n, k); residuals (..., k), the squared lengths of ``A @ X - B``, empty for
        m <= n; rank (...), int64; and singular_values (..., min(m, n)).

    Raises
    ------
    ShapeError, DTypeError, ValueError
    LinAlgError
        If a matrix has NaN or infinity.
    """
    op = "lstsq"
    a, b = matrices(op, A), as_tensor(B, op, "B")
    if driver not in (None, "gels", "gelsy", "gelsd", "gelss"):
        raise ValueError(
            f"{op}: driver is {driver!r}, expected None, 'gels', 'gelsy', 'gelsd' or 'gelss'"
        )
    vector = b.ndim == 1 or b.shape == a.shape[:-1]
    right = matrices(op, unsqueeze(b, -1) if vector else b, "B")
    same_type(op, a, right)
    if right.shape[-2] != a.shape[-2]:
        raise kernels.ShapeError(
            f"{op}: B has shape {b.shape}, expected {a.shape[-2]} rows, those of A"
        )
    solution = matmul(_pinv(op, a, None, rcond, False), right)
    rows, columns = a.shape[-2:]
    residuals = wrap(np.zeros(0, a.dtype))
    if rows > columns:
        apart = sub(matmul(a, solution), right)
        residuals = sum(mul(apart, apart), -2)
    values = values_of(op, a.detach())
    rank = matrix_rank(a, rtol=rcond)
    return LeastSquares(solution[..., 0] if vector else solution, residuals, rank, values)
