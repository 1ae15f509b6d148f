"""Linear algebra: factorisations, systems of equations, eigenvalues, singular values and norms of
real matrices, also of stacks of them, in float32 and float64.

Every factorisation runs in C++ kernels of our own, without allocation inside, and gives the same
bits for any number of threads. The gradients are formulas of ops: second derivatives work. What
gives complex numbers (`eig`, `eigvals`) and the factorisation of indefinite symmetric matrices
(`ldl_factor`) are not offered.
"""

from __future__ import annotations

from cygnet.kernels import LinAlgError
from cygnet.ops import products, shape
from cygnet.ops.factor import (
    cholesky_ex,
    householder_product,
    lu,
    lu_factor,
    lu_factor_ex,
)
from cygnet.ops.factor import cholesky_factor as cholesky
from cygnet.ops.factor import qr_factors as qr
from cygnet.ops.matrix_functions import matrix_exp, matrix_power, vecdot
from cygnet.ops.matrix_functions import rising_powers as vander
from cygnet.ops.operator_norm import cond, matrix_norm
from cygnet.ops.operator_norm import linalg_norm as norm
from cygnet.ops.products import matmul, multi_dot
from cygnet.ops.solve import (
    det,
    inv,
    inv_ex,
    slogdet,
    solve,
    solve_ex,
    solve_triangular,
    tensorinv,
    tensorsolve,
)
from cygnet.ops.solve import factors_solved as lu_solve
from cygnet.ops.spectral import eigh, eigvalsh, lstsq, matrix_rank, pinv, svdvals
from cygnet.ops.spectral import svd_factors as svd
from cygnet.ops.vector_norm import vector_norm
from cygnet.tensor import Tensor

__all__ = [
    "LinAlgError",
    "cholesky",
    "cholesky_ex",
    "cond",
    "cross",
    "det",
    "diagonal",
    "eigh",
    "eigvalsh",
    "householder_product",
    "inv",
    "inv_ex",
    "lstsq",
    "lu",
    "lu_factor",
    "lu_factor_ex",
    "lu_solve",
    "matmul",
    "matrix_exp",
    "matrix_norm",
    "matrix_power",
    "matrix_rank",
    "multi_dot",
    "norm",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "solve_ex",
    "solve_triangular",
    "svd",
    "svdvals",
    "tensorinv",
    "tensorsolve",
    "vander",
    "vecdot",
    "vector_norm",
]


def cross(input: Tensor, other: Tensor, *, dim: int = -1) -> Tensor:
    """`cygnet.cross`, along the last dimension by default."""
    return products.cross(input, other, dim)


def diagonal(A: Tensor, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """`cygnet.diagonal`, of the last two dimensions by default."""
    return shape.diagonal(A, offset, dim1, dim2)
