"""Norms of vectors: (sum(abs(x) ** p)) ** (1 / p) over dimensions."""

from __future__ import annotations

import math
from typing import Any

from cygnet import kernels
from cygnet.autograd import record
from cygnet.errors import composed
from cygnet.ops.broadcast import axis_argument, kept_shape, reshape, sum
from cygnet.ops.common import Number, as_tensor, cast, normalized_axis, recomputed, wrap
from cygnet.ops.elementwise import (
    abs,
    add,
    constant_slopes,
    div,
    eq,
    gt,
    mul,
    ne,
    pow,
    sign,
    sub,
    where,
)
from cygnet.ops.reduce import Dims, amax, amin, in_dtype
from cygnet.tensor import FLOATS, Tensor

__all__ = [
    "dist",
    "renorm",
]


@composed
def vector_norm(
    x: Tensor, ord: Number = 2, dim: Dims = None, keepdim: bool = False, *, dtype: Any = None
) -> Tensor:
    """The norm of vectors.

    Parameters
    ----------
    x : Tensor
        float32 or float64.
    ord : number
        p of ``sum(abs(x) ** p) ** (1 / p)``; infinite for the largest and -infinite for the
        smallest magnitude, 0 for the number of elements that are not 0. Default 2.
    dim : int or sequence of int, optional
        The dimensions that make one vector, all by default.
    keepdim : bool
        Whether they stay, with size 1. Default False.
    dtype : dtype, optional
        What `x` is converted to first.

    Raises
    ------
    DTypeError
        For integers and bools.
    """
    x = in_dtype("vector_norm", x, dtype)
    if x.dtype not in FLOATS:
        raise kernels.DTypeError(f"vector_norm: x has dtype {x.dtype}, expected float32 or float64")
    if ord == 0:
        return constant_slopes("vector_norm", cast(sum(ne(x, 0), dim, keepdim), x.dtype)._array, x)
    if ord == 1:
        return sum(abs(x), dim, keepdim)
    if math.isinf(ord):
        return (amax if ord > 0 else amin)(abs(x), dim, keepdim)
    return _power_norm(x, ord, dim, keepdim)


def _power_norm(x: Tensor, p: Number, dim: Dims, keepdim: bool) -> Tensor:
    if p == 2:
        output = kernels.sqrt(kernels.sum_squares(x._array, axis_argument(dim), keepdim))
    else:
        output = pow(sum(pow(abs(x.detach()), p), dim, keepdim), 1 / p)._array
    kept = kept_shape("vector_norm", x, dim)

    def backward(grad: Tensor) -> tuple[Tensor]:
        norm = recomputed(lambda v: _power_norm(v, p, dim, keepdim), output, x)
        zero = reshape(eq(norm, 0), kept)  # the gradient there is 0
        share = div(x, where(zero, 1.0, reshape(norm, kept)))
        if p != 2:
            share = mul(sign(x), pow(abs(share), p - 1))
        if p < 1:
            share = where(eq(x, 0), 0.0, share)
        return (where(zero, 0.0, mul(share, reshape(grad, kept))),)

    result = wrap(output)
    return record(result, (x,), backward, "vector_norm", saved=(x, result))


@composed
def dist(input: Tensor, other: Tensor, p: Number = 2) -> Tensor:
    """The p-norm of input - other."""
    return vector_norm(sub(input, other), p)


@composed
def renorm(input: Tensor, p: Number, dim: int, maxnorm: Number) -> Tensor:
    """The input with those entries of `dim` scaled to the p-norm `maxnorm` whose norm is larger.

    Raises
    ------
    ShapeError
        If there are fewer than two dimensions.
    ValueError
        If p is not positive or maxnorm negative.
    """
    op = "renorm"
    input = as_tensor(input, op, "input")
    if input.ndim < 2:
        raise kernels.ShapeError(
            f"{op}: input has shape {input.shape}, expected at least 2 dimensions"
        )
    if not p > 0 or not maxnorm >= 0:
        raise ValueError(
            f"{op}: p is {p} and maxnorm {maxnorm}, expected p above 0 and maxnorm at least 0"
        )
    axis = normalized_axis(op, dim, input.ndim)
    size = vector_norm(input, p, [i for i in range(input.ndim) if i != axis], keepdim=True)
    large = gt(size, maxnorm)
    # As PyTorch has it, with a little more below, so that no rounding leaves the norm too large.
    return mul(input, where(large, div(maxnorm, add(where(large, size, 1.0), 1e-7)), 1.0))
