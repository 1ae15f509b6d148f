"""Powers and the exponential of matrices, and matrices of powers."""

from __future__ import annotations

import operator

import numpy as np

from cygnet import kernels
from cygnet.autograd import record
from cygnet.errors import composed
from cygnet.ops.broadcast import expand, sum
from cygnet.ops.common import as_tensor, normalized_axis, wrap
from cygnet.ops.create import full
from cygnet.ops.elementwise import mul
from cygnet.ops.join import cat
from cygnet.ops.matrices import inverted, matrices
from cygnet.ops.products import matmul
from cygnet.ops.scan import cumprod
from cygnet.ops.shape import common_shape, mT, narrow, unsqueeze
from cygnet.tensor import Tensor

__all__ = [
    "matrix_exp",
    "matrix_power",
]


@composed
def matrix_power(input: Tensor, n: int) -> Tensor:
    """The product of `n` times the same matrix, also of each matrix of a stack; of its inverse for
    n < 0.

    Raises
    ------
    ShapeError
        If the matrices are not square.
    DTypeError
        For integers and n < 0.
    LinAlgError
        If a matrix is singular, for n < 0.
    """
    op = "matrix_power"
    input = as_tensor(input, op, "input")
    if input.ndim < 2 or input.shape[-1] != input.shape[-2]:
        raise kernels.ShapeError(f"{op}: input has shape {input.shape}, expected (..., n, n)")
    try:
        n = operator.index(n)
    except TypeError:
        raise TypeError(f"{op}: n must be an int, got {type(n).__name__}") from None
    if n < 0:
        return _power(inverted(matrices(op, input, "input"), op)[0], -n)
    if n == 0:
        return expand(wrap(np.eye(input.shape[-1], dtype=input.dtype)), input.shape).clone()
    return _power(input, n)


def _power(x: Tensor, n: int) -> Tensor:
    if n == 1:
        return x
    half = _power(x, n // 2)
    square = matmul(half, half)
    return matmul(square, x) if n % 2 else square


def matrix_exp(A: Tensor) -> Tensor:
    """The exponential ``1 + A + A @ A / 2 + ...`` of square matrices.

    The Taylor polynomial of degree 16 of A / 2ˢ (six products), squared s times: 2(6 + s)n³
    operations. The gradient is a block of the exponential of a matrix of twice the size
    (R. Mathias, SIAM J. Matrix Anal. Appl. 17, 1996).

    Parameters
    ----------
    A : Tensor
        (..., n, n), float32 or float64.

    Returns
    -------
    Tensor
        NaN where a matrix is not finite.

    Raises
    ------
    ShapeError, DTypeError
    """
    a = matrices("matrix_exp", A, square=True)
    size = a.shape[-1]

    def backward(grad: Tensor) -> tuple[Tensor]:
        flipped = mT(a)
        upper = cat((flipped, grad), -1)
        lower = cat((mul(flipped, 0), flipped), -1)
        whole = matrix_exp(cat((upper, lower), -2))
        return (narrow(narrow(whole, -2, 0, size), -1, size, size),)

    return record(wrap(kernels.matrix_exp(a._array)), (a,), backward, "matrix_exp")


def rising_powers(x: Tensor, N: int | None = None) -> Tensor:
    """The powers 0, 1, ... N - 1 of each number in rows, (..., n, N); N is n by default.

    Raises
    ------
    ShapeError
        If `x` is 0-d.
    ValueError
        If N is below 0.
    """
    op = "vander"
    x = as_tensor(x, op, "x")
    if x.ndim == 0:
        raise kernels.ShapeError(f"{op}: x has shape (), expected at least 1 dimension")
    count = x.shape[-1] if N is None else N
    if count < 0:
        raise ValueError(f"{op}: N is {N}, expected at least 0")
    ones = full((*x.shape, min(count, 1)), 1, dtype=x.dtype)
    if count < 2:
        return ones
    repeated = expand(unsqueeze(x, -1), (*x.shape, count - 1))
    return cumprod(cat((ones, repeated), -1), -1)


@composed
def vecdot(x: Tensor, y: Tensor, *, dim: int = -1) -> Tensor:
    """The sums of the products over a dimension; the shapes broadcast.

    Raises
    ------
    ShapeError, IndexError
    """
    op = "vecdot"
    x, y = as_tensor(x, op, "x"), as_tensor(y, op, "y")
    ndim = len(common_shape(op, [x.shape, y.shape]))
    return sum(mul(x, y), normalized_axis(op, dim, ndim))
