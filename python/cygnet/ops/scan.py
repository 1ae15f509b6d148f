"""Running sums, products and extrema along a dimension; and the product over dimensions, whose
gradient is made of running products.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cygnet import kernels
from cygnet.autograd import record
from cygnet.errors import composed
from cygnet.ops.broadcast import expand, kept_shape, reshape, to_shape
from cygnet.ops.common import (
    as_tensor,
    cast,
    floating,
    normalized_axis,
    numpy_named,
    recomputed,
    wrap,
)
from cygnet.ops.create import full
from cygnet.ops.elementwise import eq, exp, mul, ne, sub, where
from cygnet.ops.join import cat, flip
from cygnet.ops.reduce import ValuesIndices, chosen, in_dtype
from cygnet.ops.shape import narrow
from cygnet.tensor import Array, Tensor

__all__ = [
    "cummax",
    "cummin",
    "cumprod",
    "cumsum",
    "diff",
    "logcumsumexp",
    "prod",
    "vander",
]


def _on_lines(input: Tensor, dim: int, op: str, run: Callable[[Tensor, int], Tensor]) -> Tensor:
    """run(input, axis); a 0-d tensor is a line of one element, and nothing stays nothing."""
    axis = normalized_axis(op, dim, input.ndim)
    return run(input, axis) if input.ndim else to_shape(run(to_shape(input, (1,)), 0), ())


@composed
@numpy_named
def cumsum(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """The sum of the elements up to each along `dim`; integers and bools give int64.

    Parameters
    ----------
    input : Tensor
    dim : int
    dtype : dtype, optional
        What the input is converted to first.
    """
    input = in_dtype("cumsum", input, dtype)
    output = _on_lines(input, dim, "cumsum", _running_sum)
    return output if dtype is None else cast(output, input.dtype)


def _running_sum(input: Tensor, axis: int, reverse: bool = False) -> Tensor:
    return record(
        wrap(kernels.cumsum(input._array, axis, reverse)),
        (input,),
        lambda grad: (_running_sum(grad, axis, not reverse),),
        "cumsum",
        saved=(),
    )


@composed
@numpy_named
def cumprod(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """The product of the elements up to each along `dim`; integers and bools give int64.

    Parameters
    ----------
    input : Tensor
    dim : int
    dtype : dtype, optional
        What the input is converted to first.
    """
    input = in_dtype("cumprod", input, dtype)
    output = _on_lines(input, dim, "cumprod", _running_product)
    return output if dtype is None else cast(output, input.dtype)


def _running_product(input: Tensor, axis: int, reverse: bool = False) -> Tensor:
    """p[k] = x[0] ... x[k]. The derivative of p[k] by x[j] is the product without x[j], which needs
    no quotient: x[0] ... x[j - 1] times a recurrence over the later elements.
    """

    def backward(grad: Tensor) -> tuple[Tensor]:
        before = _running_product(_shifted(input, axis, 1.0, not reverse), axis, reverse)
        after = _shifted(input, axis, 0.0, reverse)
        return (mul(before, _recurrence(grad, after, axis, not reverse)),)

    output = wrap(kernels.cumprod(input._array, axis, reverse))
    return record(output, (input,), backward, "cumprod")


def _shifted(input: Tensor, axis: int, fill: float | None, forward: bool) -> Tensor:
    """The elements moved by one place along the axis; the free place gets `fill`, or what was
    there.
    """
    size = input.shape[axis]
    if size == 0:
        return input
    edge = narrow(input, axis, 0 if forward else size - 1, 1)
    if fill is not None:
        edge = full(edge.shape, fill, dtype=input.dtype)
    rest = narrow(input, axis, 0 if forward else 1, size - 1)
    return cat((edge, rest) if forward else (rest, edge), axis)


def _recurrence(input: Tensor, factor: Tensor, axis: int, reverse: bool) -> Tensor:
    """y[k] = input[k] + factor[k] y[k - 1], or y[k + 1] in reverse."""
    output = kernels.linear_scan(input._array, factor._array, axis, reverse)

    def backward(grad: Tensor) -> tuple[Tensor, Tensor]:
        by_input = _recurrence(grad, _shifted(factor, axis, 0.0, reverse), axis, not reverse)
        y = recomputed(lambda x: _recurrence(x, factor, axis, reverse), output, input)
        return by_input, mul(by_input, _shifted(y, axis, 0.0, not reverse))

    result = wrap(output)
    saved = (input, factor, result)
    return record(result, (input, factor), backward, "linear_scan", saved=saved)


@numpy_named
def prod(
    input: Tensor, dim: int | None = None, keepdim: bool = False, *, dtype: Any = None
) -> Tensor:
    """The product over a dimension, or of all elements; integers and bools give int64.

    Parameters
    ----------
    input : Tensor
    dim : int, optional
    keepdim : bool
        Whether the reduced dimension stays, with size 1. Default False.
    dtype : dtype, optional
        What the input is converted to first.
    """
    input = in_dtype("prod", input, dtype)
    if dim is not None and not isinstance(dim, int):
        raise TypeError(f"prod: dim is {dim!r}, expected None or an int")
    kept = kept_shape("prod", input, dim)
    output = wrap(kernels.prod(input._array, dim, keepdim))

    def backward(grad: Tensor) -> tuple[Tensor]:
        flat = dim is None or input.ndim == 0
        line = reshape(input, -1) if flat else input
        axis = 0 if flat else normalized_axis("prod", dim or 0, input.ndim)
        others = mul(
            _running_product(_shifted(line, axis, 1.0, True), axis),
            _running_product(_shifted(line, axis, 1.0, False), axis, True),
        )
        return (mul(reshape(others, input.shape), reshape(grad, kept)),)

    output = record(output, (input,), backward, "prod")
    return output if dtype is None else cast(output, input.dtype)


@composed
def logcumsumexp(input: Tensor, dim: int) -> Tensor:
    """log(sum(exp(x))) of the elements x up to each along `dim`, without overflow."""
    return _on_lines(floating("logcumsumexp", input), dim, "logcumsumexp", _running_logsumexp)


def _running_logsumexp(input: Tensor, axis: int) -> Tensor:
    output = kernels.logcumsumexp(input._array, axis)

    def backward(grad: Tensor) -> tuple[Tensor]:
        # The sum of grad[k] exp(x[j] - y[k]) over k >= j; y never falls, so nothing overflows.
        y = recomputed(lambda x: _running_logsumexp(x, axis), output, input)
        following = _shifted(y, axis, None, False)
        decay = exp(where(eq(y, following), 0.0, sub(y, following)))
        return (mul(_recurrence(grad, decay, axis, True), exp(sub(input, y))),)

    result = wrap(output)
    return record(result, (input,), backward, "logcumsumexp", saved=(input, result))


@composed
def cummax(input: Tensor, dim: int) -> ValuesIndices:
    """The largest element up to each along `dim`, and its position, the last of equals."""
    return _running_choice("cummax", kernels.cumargmax, input, dim)


@composed
def cummin(input: Tensor, dim: int) -> ValuesIndices:
    """The smallest element up to each along `dim`, and its position, the last of equals."""
    return _running_choice("cummin", kernels.cumargmin, input, dim)


def _running_choice(
    op: str, kernel: Callable[[Array, int], Array], input: Tensor, dim: int
) -> ValuesIndices:
    input = as_tensor(input, op, "input")
    axis = normalized_axis(op, dim, input.ndim)
    return chosen(input, wrap(kernel(input._array, axis)), axis)


@composed
def diff(
    input: Tensor,
    n: int = 1,
    dim: int = -1,
    prepend: Tensor | None = None,
    append: Tensor | None = None,
) -> Tensor:
    """Each element minus the one before it along `dim`, `n` times; of bools whether they differ.

    Parameters
    ----------
    input : Tensor
        At least one dimension.
    n : int
        Default 1.
    dim : int
        Default -1.
    prepend, append : Tensor, optional
        Joined to the input along `dim` first.

    Raises
    ------
    ShapeError, ValueError
    """
    input = as_tensor(input, "diff", "input")
    if input.ndim == 0:
        raise kernels.ShapeError("diff: input has shape (), expected at least 1 dimension")
    if n < 0:
        raise ValueError(f"diff: n is {n}, expected at least 0")
    axis = normalized_axis("diff", dim, input.ndim)
    parts = [part for part in (prepend, input, append) if part is not None]
    result = cat(parts, axis) if len(parts) > 1 else input
    for _ in range(min(n, result.shape[axis])):
        size = result.shape[axis] - 1
        after, before = narrow(result, axis, 1, size), narrow(result, axis, 0, size)
        result = ne(after, before) if result.dtype == bool else sub(after, before)
    return result


@composed
def vander(x: Tensor, N: int | None = None, increasing: bool = False) -> Tensor:  # noqa: N803
    """The powers of the elements of a vector, one row each.

    Parameters
    ----------
    x : Tensor
        (n,).
    N : int, optional
        The number of powers. Default n.
    increasing : bool
        Whether the powers are 0, 1, ..., N - 1. Default False: N - 1, ..., 1, 0.

    Raises
    ------
    ShapeError, ValueError
    """
    x = as_tensor(x, "vander", "x")
    if x.ndim != 1:
        raise kernels.ShapeError(f"vander: x has shape {x.shape}, expected one dimension")
    count = x.numel() if N is None else N
    if not 0 <= count < 1 << 31:
        raise ValueError(f"vander: N is {N}, expected 0 to 2**31 - 1")
    column = to_shape(x, (x.numel(), 1))
    factors = expand(column, (x.numel(), max(count - 1, 0)))
    parts = [full(column.shape, 1, dtype=x.dtype), factors]
    powers = cumprod(cat(parts, 1), 1) if count else cat(parts, 1)[:, :0]
    return powers if increasing else flip(powers, 1)
