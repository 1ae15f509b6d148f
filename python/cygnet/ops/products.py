"""Products of vectors, matrices and stacks of matrices."""

from __future__ import annotations

import builtins
import math
from collections.abc import Sequence
from typing import Any

from cygnet import kernels
from cygnet.autograd import is_grad_enabled, record
from cygnet.errors import composed
from cygnet.ops.broadcast import reshape, sum, sum_to, to_shape
from cygnet.ops.common import Number, as_tensor, cast, floating, normalized_axis, wrap
from cygnet.ops.composite import clamp
from cygnet.ops.elementwise import add, div, mul, sqrt, sub
from cygnet.ops.join import roll
from cygnet.ops.reduce import mean
from cygnet.ops.shape import common_shape, diagonal, mT, permute, unsqueeze
from cygnet.tensor import FLOATS, Tensor

__all__ = [
    "addbmm",
    "addmm",
    "addmv",
    "addr",
    "baddbmm",
    "bmm",
    "chain_matmul",
    "corrcoef",
    "cov",
    "cross",
    "dot",
    "ger",
    "inner",
    "kron",
    "matmul",
    "mm",
    "mv",
    "outer",
    "tensordot",
    "vdot",
]


def _operands(op: str, **ranked: tuple[Any, int | None]) -> list[Tensor]:
    """Arguments as tensors of one type and of the given numbers of dimensions."""
    tensors: list[Tensor] = []
    for name, (value, ndim) in ranked.items():
        tensor = as_tensor(value, op, name)
        if ndim is not None and tensor.ndim != ndim:
            raise kernels.ShapeError(
                f"{op}: {name} has shape {tensor.shape}, expected {ndim} dimensions"
            )
        if tensors and tensor.dtype != tensors[0].dtype:
            first = next(iter(ranked))
            raise kernels.DTypeError(
                f"{op}: {name} is {tensor.dtype}, expected {tensors[0].dtype}, that of {first}"
            )
        tensors.append(tensor)
    return tensors


def _product(a: Tensor, b: Tensor, name: str) -> Tensor:
    """Products of the matrices of the last two axes; leading axes broadcast."""
    if a.dtype not in FLOATS:  # sums of integers are exact in any order: no kernel of their own
        terms = mul(unsqueeze(a, -1), unsqueeze(b, -3))
        return cast(sum(terms, -2), a.dtype)

    x, y = a._array, b._array

    def backward(grad: Tensor) -> tuple[Tensor | None, ...]:
        if is_grad_enabled():
            by_a = _product(grad, mT(b), name) if a.requires_grad else None
            by_b = _product(mT(a), grad, name) if b.requires_grad else None
        else:  # a view is cheaper of an array than of a tensor
            by_a = wrap(kernels.gemm(grad._array, y.swapaxes(-1, -2))) if a.requires_grad else None
            by_b = wrap(kernels.gemm(x.swapaxes(-1, -2), grad._array)) if b.requires_grad else None
        return (
            None if by_a is None else sum_to(by_a, x.shape),
            None if by_b is None else sum_to(by_b, y.shape),
        )

    return record(wrap(kernels.gemm(x, y)), (a, b), backward, name)


def mm(input: Tensor, mat2: Tensor) -> Tensor:
    """The product of two matrices; `matmul` with a check of the dimensions."""
    a, b = _operands("mm", input=(input, 2), mat2=(mat2, 2))
    return _fitting("mm", a, b)


def _fitting(op: str, a: Tensor, b: Tensor) -> Tensor:
    if a.shape[-1] != b.shape[-2]:
        raise kernels.ShapeError(
            f"{op}: input has shape {a.shape}, other {b.shape}, which do not fit: "
            f"{a.shape[-1]} != {b.shape[-2]}"
        )
    return _product(a, b, op)


def bmm(input: Tensor, mat2: Tensor) -> Tensor:
    """The products of the matrices of two stacks (B, n, m) and (B, m, p).

    Raises
    ------
    ShapeError, DTypeError
    """
    a, b = _operands("bmm", input=(input, 3), mat2=(mat2, 3))
    if a.shape[0] != b.shape[0]:
        raise kernels.ShapeError(
            f"bmm: input and mat2 have {a.shape[0]} and {b.shape[0]} matrices, expected as many"
        )
    return _fitting("bmm", a, b)


@composed
def mv(input: Tensor, vec: Tensor) -> Tensor:
    """The product of a matrix and a vector."""
    a, b = _operands("mv", input=(input, 2), vec=(vec, 1))
    return matmul(a, b)


def matmul(input: Tensor, other: Tensor) -> Tensor:
    """The matrix product of NumPy's ``@``: vectors, matrices, and stacks of matrices whose leading
    sizes broadcast.

    Raises
    ------
    ShapeError
        If the sizes do not fit.
    DTypeError
        If the types differ.
    """
    a, b = _operands("matmul", input=(input, None), other=(other, None))
    if a.ndim == 0 or b.ndim == 0:
        raise kernels.ShapeError(
            f"matmul: input has shape {a.shape}, other {b.shape}, expected at least 1 dimension"
        )
    depth = b.shape[-2] if b.ndim > 1 else b.shape[0]
    if a.shape[-1] != depth:
        raise kernels.ShapeError(
            f"matmul: input has shape {a.shape}, other {b.shape}, which do not fit: "
            f"{a.shape[-1]} != {depth}"
        )
    if b.ndim == 1:
        return to_shape(matmul(a, to_shape(b, (depth, 1))), a.shape[:-1])
    if a.ndim == 1:
        product = matmul(to_shape(a, (1, depth)), b)
        return to_shape(product, (*b.shape[:-2], b.shape[-1]))
    if a.ndim > 2 and b.ndim == 2:  # one product of all rows
        rows = reshape(a, (-1 if a.numel() else 0, depth))
        return to_shape(_product(rows, b, "matmul"), (*a.shape[:-1], b.shape[1]))
    return _product(a, b, "matmul")


def _plus(op: str, input: Tensor, product: Tensor, beta: Number, alpha: Number) -> Tensor:
    """beta * input + alpha * product; with beta 0 the input is not looked at."""
    input = as_tensor(input, op, "input")
    if input.dtype != product.dtype:
        raise kernels.DTypeError(
            f"{op}: input is {input.dtype}, expected {product.dtype}, that of the product"
        )
    if common_shape(op, [input.shape, product.shape]) != product.shape:
        raise kernels.ShapeError(
            f"{op}: input has shape {input.shape}, which does not broadcast to {product.shape}"
        )
    product = product if alpha == 1 else mul(product, alpha)
    if beta == 0:
        return product
    return add(input if beta == 1 else mul(input, beta), product)


@composed
def addmm(
    input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: Number = 1, alpha: Number = 1
) -> Tensor:
    """beta * input + alpha * (mat1 @ mat2), of matrices; `input` broadcasts."""
    return _plus("addmm", input, mm(mat1, mat2), beta, alpha)


@composed
def addmv(
    input: Tensor, mat: Tensor, vec: Tensor, *, beta: Number = 1, alpha: Number = 1
) -> Tensor:
    """beta * input + alpha * (mat @ vec); `input` broadcasts."""
    return _plus("addmv", input, mv(mat, vec), beta, alpha)


@composed
def addr(
    input: Tensor, vec1: Tensor, vec2: Tensor, *, beta: Number = 1, alpha: Number = 1
) -> Tensor:
    """beta * input + alpha * outer(vec1, vec2); `input` broadcasts."""
    return _plus("addr", input, outer(vec1, vec2), beta, alpha)


@composed
def baddbmm(
    input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Number = 1, alpha: Number = 1
) -> Tensor:
    """beta * input + alpha * bmm(batch1, batch2); `input` broadcasts."""
    return _plus("baddbmm", input, bmm(batch1, batch2), beta, alpha)


@composed
def addbmm(
    input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Number = 1, alpha: Number = 1
) -> Tensor:
    """beta * input + alpha * (the sum of the products of two stacks of matrices); `input`
    broadcasts.
    """
    return _plus("addbmm", input, sum(bmm(batch1, batch2), 0), beta, alpha)


def outer(input: Tensor, vec2: Tensor) -> Tensor:
    """The matrix input[i] * vec2[j] of two vectors."""
    a, b = as_tensor(input, "outer", "input"), as_tensor(vec2, "outer", "vec2")
    for name, vector in (("input", a), ("vec2", b)):
        if vector.ndim != 1:
            raise kernels.ShapeError(f"outer: {name} has shape {vector.shape}, expected a vector")
    return mul(unsqueeze(a, 1), b)


ger = outer


@composed
def dot(input: Tensor, tensor: Tensor) -> Tensor:
    """The sum of the products of two vectors of one length."""
    return matmul(*_operands("dot", input=(input, 1), tensor=(tensor, 1)))


@composed
def vdot(input: Tensor, other: Tensor) -> Tensor:
    """`dot`: tensors are real."""
    return matmul(*_operands("vdot", input=(input, 1), other=(other, 1)))


@composed
def inner(input: Tensor, other: Tensor) -> Tensor:
    """Sums of products over the last dimension of both; with a 0-d tensor, the product."""
    a, b = _operands("inner", input=(input, None), other=(other, None))
    if a.ndim == 0 or b.ndim == 0:
        return mul(a, b)
    return tensordot(a, b, ([-1], [-1]))


@composed
def tensordot(a: Tensor, b: Tensor, dims: Any = 2) -> Tensor:
    """Sums of products over dimensions of both.

    Parameters
    ----------
    a, b : Tensor
    dims : int or pair of sequences of int
        So many: the last of `a` with the first of `b`, in order; or those of `a` and of `b`.
        Default 2.

    Returns
    -------
    Tensor
        The other dimensions of `a`, then those of `b`.

    Raises
    ------
    ShapeError, DTypeError, IndexError
    """
    op = "tensordot"
    a, b = _operands(op, a=(a, None), b=(b, None))
    if isinstance(dims, Tensor):
        dims = dims.tolist()
    if isinstance(dims, int):
        if not 0 <= dims <= min(a.ndim, b.ndim):
            raise kernels.ShapeError(
                f"{op}: dims is {dims}, expected 0 to {min(a.ndim, b.ndim)} for {a.ndim} and "
                f"{b.ndim} dimensions"
            )
        dims = (range(a.ndim - dims, a.ndim), range(dims))
    summed = [
        [normalized_axis(op, d, x.ndim) for d in ([given] if isinstance(given, int) else given)]
        for given, x in zip(dims, (a, b), strict=True)
    ]
    sizes = [[x.shape[i] for i in axes] for axes, x in zip(summed, (a, b), strict=True)]
    if sizes[0] != sizes[1]:
        raise kernels.ShapeError(f"{op}: the sizes {sizes[0]} of a and {sizes[1]} of b differ")
    kept = [
        [i for i in range(x.ndim) if i not in axes] for axes, x in zip(summed, (a, b), strict=True)
    ]
    rows, columns = [a.shape[i] for i in kept[0]], [b.shape[i] for i in kept[1]]
    depth = math.prod(sizes[0])
    left = reshape(permute(a, *kept[0], *summed[0]), (math.prod(rows), depth))
    right = reshape(permute(b, *summed[1], *kept[1]), (depth, math.prod(columns)))
    return to_shape(_product(left, right, op), (*rows, *columns))


@composed
def kron(input: Tensor, other: Tensor) -> Tensor:
    """The Kronecker product: each element of `input` times all of `other`, in its place."""
    a, b = as_tensor(input, "kron", "input"), as_tensor(other, "kron", "other")
    ndim = max(a.ndim, b.ndim)
    first = (1,) * (ndim - a.ndim) + a.shape
    second = (1,) * (ndim - b.ndim) + b.shape
    apart = reshape(a, tuple(n for size in first for n in (size, 1)))
    inside = reshape(b, tuple(n for size in second for n in (1, size)))
    return to_shape(mul(apart, inside), tuple(m * n for m, n in zip(first, second, strict=True)))


@composed
def cross(input: Tensor, other: Tensor, dim: int | None = None) -> Tensor:
    """The vector product along a dimension of size 3, by default the first such; the shapes
    broadcast.

    Raises
    ------
    ShapeError
        If the dimension's size is not 3.
    """
    op = "cross"
    a, b = as_tensor(input, op, "input"), as_tensor(other, op, "other")
    shape = common_shape(op, [a.shape, b.shape])
    if dim is None:
        if 3 not in shape:
            raise kernels.ShapeError(f"{op}: no dimension of shape {shape} has size 3")
        dim = shape.index(3)
    axis = normalized_axis(op, dim, len(shape)) - len(shape)
    for name, x in (("input", a), ("other", b)):
        if x.ndim < -axis or x.shape[axis] != 3:
            raise kernels.ShapeError(
                f"{op}: {name} has shape {x.shape}, expected size 3 in dimension {dim}"
            )
    return sub(mul(roll(a, -1, axis), roll(b, -2, axis)), mul(roll(a, -2, axis), roll(b, -1, axis)))


@composed
def chain_matmul(*matrices: Any) -> Tensor:
    """The product of several matrices in the order that takes the fewest multiplications."""
    listed = (
        matrices[0] if len(matrices) == 1 and isinstance(matrices[0], list | tuple) else matrices
    )
    return _chain("chain_matmul", [as_tensor(x, "chain_matmul", "a matrix") for x in listed])


@composed
def multi_dot(tensors: Sequence[Tensor]) -> Tensor:
    """`chain_matmul`, in which the first and the last may be vectors."""
    op = "multi_dot"
    parts = [as_tensor(x, op, f"tensors[{i}]") for i, x in enumerate(tensors)]
    if len(parts) < 2:
        raise ValueError(f"{op}: {len(parts)} tensors, expected at least 2")
    row, column = parts[0].ndim == 1, parts[-1].ndim == 1
    if row:
        parts[0] = unsqueeze(parts[0], 0)
    if column:
        parts[-1] = unsqueeze(parts[-1], 1)
    product = _chain(op, parts)
    kept = product.shape[1 if row else 0 : 1 if column else 2]
    return to_shape(product, kept)


def _chain(op: str, matrices: Sequence[Tensor]) -> Tensor:
    """T. C. Hu and M. T. Shing's problem by dynamic programming: the cheapest product of matrices
    i to j splits after some k, of cheapest products on both sides.
    """
    if not matrices:
        raise ValueError(f"{op}: matrices are none, expected at least one")
    for i, matrix in enumerate(matrices):
        if matrix.ndim != 2 or (i and matrix.shape[0] != matrices[i - 1].shape[1]):
            raise kernels.ShapeError(
                f"{op}: matrix {i} has shape {matrix.shape}, which does not fit the one before"
            )
    sizes = [matrices[0].shape[0], *(matrix.shape[1] for matrix in matrices)]
    count = len(matrices)
    best: dict[tuple[int, int], tuple[int, int]] = {(i, i): (0, i) for i in range(count)}
    for span in range(1, count):
        for i in range(count - span):
            j = i + span
            best[i, j] = min(
                (
                    best[i, k][0] + best[k + 1, j][0] + sizes[i] * sizes[k + 1] * sizes[j + 1],
                    k,
                )
                for k in range(i, j)
            )

    return _cheapest_product(matrices, best, 0, count - 1)


def _cheapest_product(
    matrices: Sequence[Tensor], best: dict[tuple[int, int], tuple[int, int]], i: int, j: int
) -> Tensor:
    """Of the matrices i to j, which split as `best` says."""
    if i == j:
        return matrices[i]
    k = best[i, j][1]
    left, right = (i, k), (k + 1, j)
    return mm(_cheapest_product(matrices, best, *left), _cheapest_product(matrices, best, *right))


@composed
def cov(input: Tensor, *, correction: int = 1) -> Tensor:
    """The covariances of variables, whose observations are the columns; PyTorch's weights of the
    observations are not offered.

    Parameters
    ----------
    input : Tensor
        (variables, observations), or (observations,) of one variable.
    correction : int
        Is subtracted from the number of observations in the divisor. Default 1.

    Returns
    -------
    Tensor
        (variables, variables); 0-d of one variable.

    Raises
    ------
    ShapeError
    """
    x = floating("cov", input)
    if x.ndim > 2:
        raise kernels.ShapeError(f"cov: input has shape {x.shape}, expected at most 2 dimensions")
    shape = (x.shape[0],) * 2 if x.ndim == 2 else ()
    rows = x if x.ndim == 2 else reshape(x, (1, x.numel()))
    centered = sub(rows, mean(rows, 1, keepdim=True))
    products = matmul(centered, mT(centered))
    return reshape(div(products, builtins.max(0, rows.shape[1] - correction)), shape)


@composed
def corrcoef(input: Tensor) -> Tensor:
    """The correlations, -1 to 1, of variables; see `cov`."""
    covariances = cov(input)
    if covariances.ndim == 0:
        return div(covariances, covariances)
    deviations = sqrt(diagonal(covariances))
    by_rows = div(covariances, unsqueeze(deviations, 1))
    return clamp(div(by_rows, deviations), -1, 1)
