"""Reductions over one, several or all dimensions."""

from __future__ import annotations

import builtins
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from cygnet import kernels
from cygnet.autograd import is_grad_enabled, record
from cygnet.errors import composed
from cygnet.ops.broadcast import axis_argument, expand, kept_shape, reshape, sum
from cygnet.ops.common import (
    Number,
    Shape,
    as_tensor,
    cast,
    floating,
    from_result,
    normalized_axis,
    numpy_named,
    wrap,
)
from cygnet.ops.elementwise import (
    abs,
    add,
    div,
    eq,
    exp,
    log,
    logical_and,
    logical_not,
    logical_or,
    lt,
    maximum,
    minimum,
    mul,
    ne,
    sub,
    truth,
    where,
)
from cygnet.ops.gather import gather
from cygnet.tensor import FLOATS, Tensor, as_dtype

Dims = int | Sequence[int] | None

__all__ = [
    "all",
    "amax",
    "amin",
    "aminmax",
    "any",
    "argmax",
    "argmin",
    "count_nonzero",
    "logsumexp",
    "max",
    "mean",
    "min",
    "nanmean",
    "nansum",
    "std",
    "std_mean",
    "var",
    "var_mean",
]


class ValuesIndices(NamedTuple):
    """Chosen values along a dimension and their positions."""

    values: Tensor
    indices: Tensor


class MinMax(NamedTuple):
    """The smallest and the largest elements."""

    min: Tensor
    max: Tensor


def in_dtype(op: str, input: Any, dtype: Any) -> Tensor:
    """The argument `input`, converted if a type is given."""
    tensor = as_tensor(input, op, "input")
    return tensor if dtype is None else cast(tensor, as_dtype(dtype, op))


@numpy_named
def mean(input: Tensor, dim: Dims = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The arithmetic mean over the dimensions `dim`, all by default; NaN of nothing.

    Parameters
    ----------
    input : Tensor
    dim : int or sequence of int, optional
    keepdim : bool
        Whether reduced dimensions stay, with size 1. Default False.
    dtype : dtype, optional
        What the input is converted to first.

    Raises
    ------
    DTypeError
        For integers and bools.
    """
    input = in_dtype("mean", input, dtype)
    output = wrap(kernels.mean(input._array, axis_argument(dim), keepdim))
    count = input.numel() / output.numel() if output.numel() else 1.0

    def backward(grad: Tensor) -> tuple[Tensor]:
        return (expand(reshape(grad / count, kept_shape("mean", input, dim)), input.shape),)

    return record(output, (input,), backward, "mean", saved=(), fresh=False)


@composed
@numpy_named
def var(
    input: Tensor,
    dim: Dims = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: Number | None = None,
) -> Tensor:
    """The variance over the dimensions `dim`, all by default.

    Parameters
    ----------
    input : Tensor
        float32 or float64.
    dim : int or sequence of int, optional
    unbiased : bool, optional
        The older form of `correction`: True stands for 1, False for 0. May come second.
    keepdim : bool
        Whether reduced dimensions stay, with size 1. Default False.
    correction : number, optional
        The sum of squares is divided by the number of elements less this. Default 1.

    Raises
    ------
    DTypeError
        For integers and bools.
    TypeError
        If both `unbiased` and `correction` are given.
    """
    return var_mean(input, dim, unbiased, keepdim, correction=correction)[0]


@composed
@numpy_named
def std(
    input: Tensor,
    dim: Dims = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: Number | None = None,
) -> Tensor:
    """The square root of `var`; where it is 0, so is its gradient."""
    return std_mean(input, dim, unbiased, keepdim, correction=correction)[0]


@composed
@numpy_named
def std_mean(
    input: Tensor,
    dim: Dims = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: Number | None = None,
) -> tuple[Tensor, Tensor]:
    """`std` and `mean` of one pass."""
    variance, average = var_mean(input, dim, unbiased, keepdim, correction=correction)
    return _root(variance), average


def _root(variance: Tensor) -> Tensor:
    """The square root, with a gradient of 0 at 0."""

    def gradient(grad: Tensor, root: Tensor) -> Tensor:
        flat = eq(root, 0)
        return where(flat, 0.0, div(mul(grad, 0.5), where(flat, 1.0, root)))

    return from_result("std", kernels.sqrt(variance._array), variance, gradient)


@composed
@numpy_named
def var_mean(
    input: Tensor,
    dim: Dims = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: Number | None = None,
) -> tuple[Tensor, Tensor]:
    """`var` and `mean` of one pass."""
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    if unbiased is not None and correction is not None:
        raise TypeError("var: unbiased and correction are given, expected one of them")
    if correction is None:
        correction = 1 if unbiased is None else int(unbiased)
    input = as_tensor(input, "var", "input")
    axes = axis_argument(dim)
    variance, average = kernels.variance(input._array, axes, correction, keepdim)
    kept = kept_shape("var", input, dim)
    count = input.numel() / variance.size if variance.size else 1.0
    divisor = builtins.max(0.0, count - correction)

    def backward(grad: Tensor) -> tuple[Tensor]:
        if is_grad_enabled():
            center = mean(input, dim, keepdim=True)
        else:
            center = wrap(average.reshape(kept))
        share = mul(reshape(grad, kept), 2 / divisor if divisor else math.inf)
        return (mul(sub(input, center), share),)

    average_tensor = _mean_of(input, average, kept, count)
    saved = (input, average_tensor)
    return record(wrap(variance), (input,), backward, "var", saved=saved), average_tensor


def _mean_of(input: Tensor, average: np.ndarray, kept: Shape, count: float) -> Tensor:
    def backward(grad: Tensor) -> tuple[Tensor]:
        return (expand(reshape(grad / count, kept), input.shape),)

    return record(wrap(average), (input,), backward, "mean", saved=(), fresh=False)


@composed
@numpy_named
def amax(input: Tensor, dim: Dims = (), keepdim: bool = False) -> Tensor:
    """The largest element over the dimensions `dim`, all by default, NaN if one is; equal ones
    share the gradient.

    Raises
    ------
    ValueError
        If there is nothing to choose from.
    """
    return _extreme("amax", kernels.max, input, dim, keepdim)


@composed
@numpy_named
def amin(input: Tensor, dim: Dims = (), keepdim: bool = False) -> Tensor:
    """The smallest element over the dimensions `dim`; see `amax`."""
    return _extreme("amin", kernels.min, input, dim, keepdim)


def _extreme(name: str, kernel: Any, input: Tensor, dim: Dims, keepdim: bool) -> Tensor:
    input = as_tensor(input, name, "input")
    output = kernel(input._array, axis_argument(dim), keepdim)
    return share_among_equals(name, input, output, dim, keepdim)


def share_among_equals(
    name: str, input: Tensor, output: np.ndarray, dim: Dims, keepdim: bool
) -> Tensor:
    """Records a choice of elements over `dim` whose gradient all equal elements share."""
    kept = kept_shape(name, input, dim)

    def backward(grad: Tensor) -> tuple[Tensor]:
        if not is_grad_enabled():
            return (
                wrap(
                    kernels.extremum_backward(
                        grad._array, input._array, output, axis_argument(dim), keepdim
                    )
                ),
            )
        chosen = wrap(output.reshape(kept))
        both_nan = logical_and(ne(input, input), ne(chosen, chosen))
        mask = logical_or(eq(input, chosen), both_nan)
        count = cast(sum(mask, dim, keepdim=True), grad.dtype)
        return (where(mask, div(reshape(grad, kept), count), 0.0),)

    result = wrap(output)
    return record(result, (input,), backward, name, saved=(input, result))


@composed
@numpy_named
def aminmax(input: Tensor, *, dim: int | None = None, keepdim: bool = False) -> MinMax:
    """`amin` and `amax`."""
    return MinMax(amin(input, dim, keepdim), amax(input, dim, keepdim))


@composed
@numpy_named
def max(
    input: Tensor, dim: int | Tensor | None = None, keepdim: bool = False, *, other: Any = None
) -> Tensor | ValuesIndices:
    """The largest element of all; with `dim`, the largest values along it and their positions; with
    another tensor, `cygnet.maximum`.

    Equal largest elements of the whole share the gradient; along a dimension it goes to the
    position returned, the first.
    """
    if isinstance(dim, Tensor) or other is not None:
        return maximum(input, dim if other is None else other)  # type: ignore[arg-type]
    return amax(input) if dim is None else _along("max", kernels.argmax, input, dim, keepdim)


@composed
@numpy_named
def min(
    input: Tensor, dim: int | Tensor | None = None, keepdim: bool = False, *, other: Any = None
) -> Tensor | ValuesIndices:
    """The smallest element of all, along a dimension, or of two tensors; see `max`."""
    if isinstance(dim, Tensor) or other is not None:
        return minimum(input, dim if other is None else other)  # type: ignore[arg-type]
    return amin(input) if dim is None else _along("min", kernels.argmin, input, dim, keepdim)


def _along(name: str, kernel: Any, input: Tensor, dim: int, keepdim: bool) -> ValuesIndices:
    input = as_tensor(input, name, "input")
    axis = normalized_axis(name, dim, input.ndim)
    return chosen(input, wrap(kernel(input._array, axis, True)), axis, keepdim)


def chosen(input: Tensor, indices: Tensor, axis: int, keepdim: bool = True) -> ValuesIndices:
    """The elements at `indices` along an axis, whose size there is 1 unless it is kept."""
    values = gather(input, axis, indices)
    if keepdim or input.ndim == 0:
        return ValuesIndices(values, indices)
    shape = input.shape[:axis] + input.shape[axis + 1 :]
    return ValuesIndices(reshape(values, shape), reshape(indices, shape))


@numpy_named
def argmax(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """The position of the largest element, the first of equals or of NaNs, as int64; of the
    flattened tensor without `dim`.
    """
    return wrap(kernels.argmax(as_tensor(input, "argmax", "input")._array, dim, keepdim))


@numpy_named
def argmin(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """The position of the smallest element; see `argmax`."""
    return wrap(kernels.argmin(as_tensor(input, "argmin", "input")._array, dim, keepdim))


@composed
@numpy_named
def any(input: Tensor, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """Whether an element over the dimensions `dim` is non-zero; uint8 for uint8, else bool."""
    input = as_tensor(input, "any", "input")
    counts = _counted(truth("any", "input", input), dim, keepdim)
    return cast(ne(counts, 0), _truth_dtype(input))


@composed
@numpy_named
def all(input: Tensor, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """Whether all elements over the dimensions `dim` are non-zero; uint8 for uint8, else bool."""
    input = as_tensor(input, "all", "input")
    misses = _counted(logical_not(input), dim, keepdim)
    return cast(eq(misses, 0), _truth_dtype(input))


def _counted(mask: Tensor, dim: Dims, keepdim: bool) -> Tensor:
    if dim is not None and not isinstance(dim, int) and len(dim) == 0:  # nothing is reduced
        return mask
    return sum(mask, dim, keepdim)


def _truth_dtype(input: Tensor) -> np.dtype[Any]:
    return np.dtype(np.uint8 if input.dtype == np.uint8 else np.bool_)


@composed
@numpy_named
def count_nonzero(input: Tensor, dim: Dims = None) -> Tensor:
    """The number of elements that are not 0, as int64."""
    return sum(truth("count_nonzero", "input", input), dim)


@composed
@numpy_named
def nansum(input: Tensor, dim: Dims = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """`cygnet.sum` with 0 in the place of NaN."""
    input = in_dtype("nansum", input, dtype)
    if input.dtype not in FLOATS:
        return sum(input, dim, keepdim)
    return sum(where(ne(input, input), 0.0, input), dim, keepdim)


@composed
@numpy_named
def nanmean(input: Tensor, dim: Dims = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The mean of the elements that are not NaN; NaN if there is none."""
    input = in_dtype("nanmean", input, dtype)
    known = cast(sum(eq(input, input), dim, keepdim), input.dtype)
    return div(nansum(input, dim, keepdim), known)


@composed
@numpy_named
def logsumexp(input: Tensor, dim: int | Sequence[int], keepdim: bool = False) -> Tensor:
    """log(sum(exp(input))) over the dimensions `dim`, without overflow; -inf of nothing."""
    input = floating("logsumexp", input)
    if input.numel() == 0:
        return log(sum(exp(input), dim, keepdim))
    peak = amax(input.detach(), dim, keepdim=True)
    shift = where(lt(abs(peak), math.inf), peak, 0.0)
    total = log(sum(exp(sub(input, shift)), dim, keepdim))
    return add(total, reshape(shift, total.shape))
