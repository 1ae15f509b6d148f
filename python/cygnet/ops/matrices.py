"""What the ops of linear algebra share: matrices as arguments, triangles, and exchanged rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from cygnet import kernels
from cygnet.autograd import is_grad_enabled, record
from cygnet.ops.broadcast import expanded, sum_to
from cygnet.ops.common import as_tensor, recomputed, wrap
from cygnet.ops.diagonal import tril, triu
from cygnet.ops.elementwise import neg
from cygnet.ops.products import matmul
from cygnet.ops.shape import common_shape, mT
from cygnet.tensor import FLOATS, Tensor


def matrices(op: str, value: Any, name: str = "A", *, square: bool = False) -> Tensor:
    """The argument as a floating-point tensor of matrices in its last two dimensions."""
    x = as_tensor(value, op, name)
    if x.dtype not in FLOATS:
        raise kernels.DTypeError(f"{op}: {name} is {x.dtype}, expected float32 or float64")
    if x.ndim < 2:
        raise kernels.ShapeError(
            f"{op}: {name} has shape {x.shape}, expected at least 2 dimensions"
        )
    if square and x.shape[-1] != x.shape[-2]:
        raise kernels.ShapeError(f"{op}: {name} has shape {x.shape}, expected square matrices")
    return x


def same_type(op: str, a: Tensor, b: Tensor, name: str = "B", other: str = "A") -> None:
    """DTypeError unless both are of one type."""
    if a.dtype != b.dtype:
        raise kernels.DTypeError(f"{op}: {name} is {b.dtype}, expected {a.dtype}, that of {other}")


def stacked(op: str, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Both with the same leading sizes, those of the two broadcast."""
    lead = common_shape(op, [a.shape[:-2], b.shape[:-2]])
    return expanded(a, lead + a.shape[-2:]), expanded(b, lead + b.shape[-2:])


def identity(like: Tensor, size: int | None = None) -> Tensor:
    """The unit matrix of the type, and by default the size, of the rows of others."""
    return wrap(np.eye(like.shape[-2] if size is None else size, dtype=like.dtype))


def triangle_solved(
    a: Tensor, b: Tensor, *, upper: bool, transposed: bool = False, unit: bool = False
) -> Tensor:
    """X with A X = B, or Aᵀ X = B, of a triangle of A; the leading sizes are the same."""
    output = kernels.solve_triangular(a._array, b._array, upper, transposed, unit)

    def solved(right: Tensor) -> Tensor:
        return triangle_solved(a, right, upper=upper, transposed=transposed, unit=unit)

    def backward(grad: Tensor) -> tuple[Tensor | None, Tensor]:
        by_b = triangle_solved(a, grad, upper=upper, transposed=not transposed, unit=unit)
        if not a.requires_grad:
            return None, by_b
        x = recomputed(solved, output, b)
        outer = matmul(x, mT(by_b)) if transposed else matmul(by_b, mT(x))
        cut = triu(outer, int(unit)) if upper else tril(outer, -int(unit))
        return neg(cut), by_b

    result = wrap(output)
    return record(result, (a, b), backward, "solve_triangular", saved=(a, b, result))


def rows_exchanged(b: Tensor, pivots: Tensor, inverse: bool = False) -> Tensor:
    """The rows in the order in which the LU factorisation put them, or back."""
    output = kernels.exchange_rows(b._array, pivots._array, inverse)
    return record(
        wrap(output),
        (b,),
        lambda grad: (rows_exchanged(grad, pivots, not inverse),),
        "exchange_rows",
        saved=(pivots,),
    )


def substituted(factors: Tensor, pivots: Tensor, b: Tensor, transposed: bool) -> Tensor:
    """X with A X = B, or Aᵀ X = B, of A = P L U."""
    if transposed:
        y = triangle_solved(factors, b, upper=True, transposed=True)
        x = triangle_solved(factors, y, upper=False, transposed=True, unit=True)
        return rows_exchanged(x, pivots, inverse=True)
    y = triangle_solved(factors, rows_exchanged(b, pivots), upper=False, unit=True)
    return triangle_solved(factors, y, upper=True)


def solved(a: Tensor, b: Tensor, caller: str | None) -> tuple[Tensor, Tensor]:
    """X with A X = B by the LU factorisation, and its `info`; the leading sizes broadcast.

    The gradient of B is A⁻ᵀ grad = Y, with the same factors, and that of A is -Y Xᵀ.
    """
    lu, order, info = kernels.lu_factor(a._array, caller)
    lead = common_shape("solve", [a.shape[:-2], b.shape[:-2]])
    factors, pivots = (
        expanded(wrap(lu), lead + a.shape[-2:]),
        expanded(wrap(order), lead + a.shape[-1:]),
    )
    right = expanded(b.detach(), lead + b.shape[-2:])
    output = substituted(factors, pivots, right, False)._array

    def backward(grad: Tensor) -> tuple[Tensor | None, Tensor | None]:
        if is_grad_enabled():
            by_b, x = solved(mT(a), grad, None)[0], solved(a, b, None)[0]
        else:
            by_b, x = substituted(factors, pivots, grad, True), wrap(output)
        return (
            sum_to(neg(matmul(by_b, mT(x))), a.shape) if a.requires_grad else None,
            sum_to(by_b, b.shape) if b.requires_grad else None,
        )

    result = wrap(output)
    record(result, (a, b), backward, "solve", saved=(a, b, result))
    return result, wrap(info)


def inverted(a: Tensor, caller: str | None) -> tuple[Tensor, Tensor]:
    """The inverses of square matrices, and their `info`."""
    return solved(a, identity(a), caller)
