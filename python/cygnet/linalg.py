"""Linear algebra: norms of vectors and products."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cygnet.ops import products, shape
from cygnet.ops.common import Number, as_tensor
from cygnet.ops.products import matmul, multi_dot
from cygnet.ops.vector_norm import vector_norm
from cygnet.tensor import Tensor

__all__ = ["cross", "diagonal", "matmul", "multi_dot", "norm", "vector_norm"]


def cross(input: Tensor, other: Tensor, *, dim: int = -1) -> Tensor:
    """`cygnet.cross`, along the last dimension by default."""
    return products.cross(input, other, dim)


def diagonal(
    A: Tensor,  # noqa: N803 (PyTorch's name)
    *,
    offset: int = 0,
    dim1: int = -2,
    dim2: int = -1,
) -> Tensor:
    """`cygnet.diagonal`, of the last two dimensions by default."""
    return shape.diagonal(A, offset, dim1, dim2)


def norm(
    A: Tensor,  # noqa: N803 (PyTorch's name)
    ord: Number | str | None = None,
    dim: int | Sequence[int] | None = None,
    keepdim: bool = False,
    *,
    dtype: Any = None,
) -> Tensor:
    """`vector_norm`, where None and 'fro' stand for an order of 2. Norms of matrices by a number,
    which PyTorch takes for two dimensions, are not offered.

    Raises
    ------
    ValueError
        If the arguments ask for the norm of a matrix.
    """
    A = as_tensor(A, "norm", "A")  # noqa: N806
    dimensions = A.ndim if dim is None else 1 if isinstance(dim, int) else len(dim)
    if isinstance(ord, str) and ord != "fro":
        raise ValueError(f"norm: ord is {ord!r}, expected a number, None or 'fro'")
    if ord is None or isinstance(ord, str):
        return vector_norm(A, 2, dim, keepdim, dtype=dtype)
    if dimensions != 1 and not (dimensions == 0 and dim is None):
        raise ValueError(
            f"norm: ord is {ord} for {dimensions} dimensions, expected None or one dimension"
        )
    return vector_norm(A, ord, dim, keepdim, dtype=dtype)
