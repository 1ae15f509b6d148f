"""Order: sorting, the largest elements, medians, places in sorted boundaries, distinct values.

NaN is larger than every number. Values are picked by their positions, so their gradients go there.
"""

from __future__ import annotations

import builtins
import math
from typing import Any

import numpy as np

from cygnet import kernels
from cygnet.dtypes import NAMES
from cygnet.errors import composed
from cygnet.ops.broadcast import reshape, sum
from cygnet.ops.common import Number, as_tensor, cast, normalized_axis, numpy_named, operands, wrap
from cygnet.ops.create import arange, full, ones
from cygnet.ops.elementwise import (
    add,
    div,
    eq,
    ge,
    le,
    logical_and,
    logical_not,
    maximum,
    minimum,
    mul,
    ne,
    sub,
    where,
)
from cygnet.ops.gather import gather, scatter_along
from cygnet.ops.join import cat
from cygnet.ops.reduce import ValuesIndices, amax, amin, argmax, chosen, share_among_equals
from cygnet.ops.rounding import ceil, floor, floor_divide, round
from cygnet.ops.rows import index_select
from cygnet.ops.scan import cummax, cumsum
from cygnet.ops.shape import movedim, narrow
from cygnet.tensor import FLOATS, Array, Tensor, _check_readable

__all__ = [
    "argsort",
    "bincount",
    "bucketize",
    "histc",
    "isin",
    "kthvalue",
    "median",
    "mode",
    "msort",
    "nanmedian",
    "nanquantile",
    "quantile",
    "searchsorted",
    "sort",
    "topk",
    "unique",
    "unique_consecutive",
]

_LONG, _INT = np.dtype(np.int64), np.dtype(np.int32)


def _rows(input: Tensor, axis: int) -> Array:
    """The input's elements with the axis as the last one."""
    return np.moveaxis(input._array, axis, -1) if input.ndim else input._array.reshape(1)


def _positions(input: Tensor, axis: int, found: Array) -> Tensor:
    """Positions in rows, brought back to the input's order of axes."""
    return wrap(np.moveaxis(found, -1, axis) if input.ndim else found.reshape(()))


@composed
@numpy_named
def argsort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> Tensor:
    """The positions that sort `input` along `dim`, as int64; equal elements keep their order,
    whether `stable` is set or not.
    """
    input = as_tensor(input, "argsort", "input")
    axis = normalized_axis("argsort", dim, input.ndim)
    return _positions(input, axis, kernels.argsort(_rows(input, axis), descending))


@composed
@numpy_named
def sort(
    input: Tensor, dim: int = -1, descending: bool = False, *, stable: bool = False
) -> ValuesIndices:
    """The elements in ascending or descending order along `dim`, and their positions before.

    Parameters
    ----------
    input : Tensor
    dim : int
        Default -1.
    descending : bool
        Default False.
    stable : bool
        Accepted for PyTorch's sake: equal elements always keep their order.

    Returns
    -------
    ValuesIndices
        ``values`` and int64 ``indices`` of the input's shape.
    """
    indices = argsort(input, dim, descending)
    return chosen(input, indices, normalized_axis("sort", dim, input.ndim))


@composed
def msort(input: Tensor) -> Tensor:
    """The elements in ascending order along the first dimension."""
    return sort(input, 0).values


@composed
def topk(
    input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True
) -> ValuesIndices:
    """The k largest or smallest elements along `dim`, best first, and their positions.

    Parameters
    ----------
    input : Tensor
    k : int
        At most the size of the dimension.
    dim : int
        Default -1.
    largest : bool
        False for the smallest. Default True.
    sorted : bool
        Accepted for PyTorch's sake: the result is always in order, the first of equals first.

    Raises
    ------
    ValueError
        If the dimension has less than k elements.
    """
    input = as_tensor(input, "topk", "input")
    axis = normalized_axis("topk", dim, input.ndim)
    found = kernels.topk(_rows(input, axis), k, largest)
    if input.ndim == 0 and k == 0:
        return ValuesIndices(wrap(kernels.full((0,), 0, NAMES[input.dtype])), wrap(found))
    return chosen(input, _positions(input, axis, found), axis)


@composed
def kthvalue(input: Tensor, k: int, dim: int = -1, keepdim: bool = False) -> ValuesIndices:
    """The k-th smallest element along `dim`, counted from 1, and its position, the first of equals
    that no earlier k has.

    Raises
    ------
    ValueError
        If k is less than 1 or more than the size of the dimension.
    """
    input = as_tensor(input, "kthvalue", "input")
    axis = normalized_axis("kthvalue", dim, input.ndim)
    size = input.shape[axis] if input.ndim else 1
    if not 1 <= k <= size:
        raise ValueError(f"kthvalue: k is {k}, expected 1 to {size}, the size of dimension {axis}")
    return _kth(input, k - 1, axis, keepdim, False)


def _kth(input: Tensor, k: int, axis: int, keepdim: bool, nan_wins: bool) -> ValuesIndices:
    found = kernels.argkth(_rows(input, axis), k, nan_wins)
    return chosen(input, _positions(input, axis, found), axis, keepdim)


@composed
@numpy_named
def median(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor | ValuesIndices:
    """The median of all elements, which equal ones share the gradient of; with `dim`, the medians
    along it and their positions. Of two middle elements the smaller one; NaN if one is, or of
    nothing.
    """
    input = as_tensor(input, "median", "input")
    if dim is not None:
        axis = normalized_axis("median", dim, input.ndim)
        size = input.shape[axis] if input.ndim else 1
        if size == 0:
            raise ValueError(f"median: dimension {axis} has size 0, expected at least 1")
        return _kth(input, (size - 1) // 2, axis, keepdim, True)
    if input.numel() == 0:
        if input.dtype not in FLOATS:
            raise ValueError(f"median: input has shape {input.shape}, expected an element at least")
        return full((), math.nan, dtype=input.dtype)
    flat = reshape(input.detach(), -1)
    middle = _kth(flat, (flat.numel() - 1) // 2, 0, False, True).values
    return share_among_equals("median", input, middle._array, None, False)


@composed
@numpy_named
def nanmedian(
    input: Tensor, dim: int | None = None, keepdim: bool = False
) -> Tensor | ValuesIndices:
    """`median` of the elements that are not NaN; NaN of nothing else."""
    op = "nanmedian"
    input = as_tensor(input, op, "input")
    if input.dtype not in FLOATS or input.numel() == 0:
        return median(input, dim, keepdim)
    flat = dim is None or not input.ndim
    line = reshape(input, -1) if flat else input
    axis = 0 if flat else normalized_axis(op, 0 if dim is None else dim, input.ndim)
    order = argsort(line.detach(), axis, stable=True)
    count = sum(eq(line.detach(), line.detach()), axis, keepdim=True)
    places = gather(order, axis, floor_divide(maximum(sub(count, 1), 0), 2))
    if dim is None:
        middle = gather(line.detach(), 0, places)._array.reshape(())
        return share_among_equals(op, input, middle, None, False)
    if flat:
        normalized_axis(op, dim, 0)
        return chosen(input, reshape(places, ()), 0)
    return chosen(input, places, axis, keepdim)


@composed
@numpy_named
def mode(input: Tensor, dim: int = -1, keepdim: bool = False) -> ValuesIndices:
    """The most frequent elements along `dim`, the smallest of equally frequent ones, and the last
    position of each; a NaN is like no other.

    Raises
    ------
    ValueError
        If the dimension has size 0.
    """
    op = "mode"
    input = as_tensor(input, op, "input")
    axis = normalized_axis(op, dim, input.ndim)
    line = input.detach() if input.ndim else reshape(input.detach(), 1)
    size = line.shape[axis]
    if size == 0:
        raise ValueError(f"{op}: dimension {axis} has size 0, expected at least 1")
    ordered, order = sort(line, axis, stable=True)
    # Along sorted elements: where the run of equals began, and how long it is by now.
    after = (1,) * (line.ndim - axis - 1)
    places = reshape(arange(size), (size, *after))
    differs = ne(narrow(ordered, axis, 1, size - 1), narrow(ordered, axis, 0, size - 1))
    begins = where(differs, narrow(places, -1 - len(after), 1, size - 1), 0)
    first = full((*line.shape[:axis], 1, *line.shape[axis + 1 :]), 0, dtype=_LONG)
    begun = cummax(cat((first, begins), axis), axis).values
    longest = argmax(sub(places, begun), axis, keepdim=True)
    positions = gather(order, axis, longest)
    if not input.ndim:
        return chosen(input, reshape(positions, ()), 0)
    return chosen(input, positions, axis, keepdim)


@composed
def searchsorted(
    sorted_sequence: Tensor,
    input: Tensor | Number,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    sorter: Tensor | None = None,
) -> Tensor:
    """How many boundaries are less than each value; NaN is the largest.

    Parameters
    ----------
    sorted_sequence : Tensor
        Ascending along the last dimension: one row, or one for each row of `input`.
    input : Tensor or number
        The values.
    out_int32 : bool
        int32 instead of int64. Default False.
    right : bool
        Whether equal boundaries count too. Default False.
    side : str, optional
        'left' or 'right', the latter for ``right=True``.
    sorter : Tensor, optional
        Positions that sort `sorted_sequence`, if it is not.

    Raises
    ------
    ShapeError, ValueError
    """
    op = "searchsorted"
    boundaries = as_tensor(sorted_sequence, op, "sorted_sequence")
    if side not in (None, "left", "right") or (side == "left" and right):
        raise ValueError(f"{op}: side is {side!r}, expected 'right' or 'left' as right={right} is")
    if sorter is not None:
        boundaries = gather(boundaries, -1, sorter)
    boundaries, values = operands(op, boundaries, input)
    found = kernels.searchsorted(boundaries._array, values._array, right or side == "right")
    return cast(wrap(found), _INT) if out_int32 else wrap(found)


@composed
def isin(
    elements: Tensor | Number,
    test_elements: Tensor | Number,
    *,
    assume_unique: bool = False,
    invert: bool = False,
) -> Tensor:
    """Whether each element is among the test elements, or, with `invert`, is not; NaN never is.

    Parameters
    ----------
    elements : Tensor or number
        Any shape, which is the result's.
    test_elements : Tensor or number
        Any shape; they are sorted, whether they are unique (`assume_unique`) or not.
    invert : bool
        Default False.
    """
    a, b = operands("isin", elements, test_elements)
    boundaries = msort(reshape(b.detach(), b.numel()))._array
    below = kernels.searchsorted(boundaries, a._array, False)
    not_above = kernels.searchsorted(boundaries, a._array, True)
    found = logical_and(ne(wrap(below), wrap(not_above)), eq(a, a))
    return logical_not(found) if invert else found


@composed
def bucketize(
    input: Tensor | Number, boundaries: Tensor, *, out_int32: bool = False, right: bool = False
) -> Tensor:
    """`searchsorted` in one row of boundaries, the value first."""
    if as_tensor(boundaries, "bucketize", "boundaries").ndim != 1:
        raise kernels.ShapeError(
            f"bucketize: boundaries has shape {boundaries.shape}, expected one dimension"
        )
    return searchsorted(boundaries, input, out_int32=out_int32, right=right)


def unique(
    input: Tensor, sorted: bool = True, return_inverse: bool = False, return_counts: bool = False
) -> Any:
    """The distinct elements of all dimensions, ascending; every NaN is one.

    PyTorch's ``dim``, which compares whole slices, is not offered.

    Parameters
    ----------
    input : Tensor
    sorted : bool
        Accepted for PyTorch's sake: the result is always ascending.
    return_inverse : bool
        Whether the place of each element among them is returned as well. Default False.
    return_counts : bool
        Whether their numbers are returned as well. Default False.

    Returns
    -------
    Tensor or tuple of Tensor
        The elements; with more than one result, a tuple of these, the places (of the input's shape)
        and the numbers.

    Raises
    ------
    RuntimeError
        While calls are recorded: the size of the result depends on the data.
    """
    flat = reshape(as_tensor(input, "unique", "input").detach(), -1)
    order = argsort(flat)
    values, groups, counts = _runs("unique", gather(flat, 0, order))
    inverse = reshape(gather(groups, 0, argsort(order)), input.shape) if return_inverse else None
    return _asked(values, inverse, counts if return_counts else None)


def unique_consecutive(
    input: Tensor, return_inverse: bool = False, return_counts: bool = False
) -> Any:
    """The first elements of the runs of equal elements of the flattened input; see `unique`."""
    flat = reshape(as_tensor(input, "unique_consecutive", "input").detach(), -1)
    values, groups, counts = _runs("unique_consecutive", flat)
    inverse = reshape(groups, input.shape) if return_inverse else None
    return _asked(values, inverse, counts if return_counts else None)


def _asked(values: Tensor, *more: Tensor | None) -> Any:
    given = tuple(part for part in more if part is not None)
    return (values, *given) if given else values


def _runs(op: str, flat: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The first element of each run of equal elements, the run of each element, their lengths."""
    _check_readable(op)
    count = flat.numel()
    if count == 0:
        nothing = full((0,), 0, dtype=_LONG)
        return flat, nothing, nothing
    begins = ne(narrow(flat, 0, 1, count - 1), narrow(flat, 0, 0, count - 1))
    groups = cat((full((1,), 0, dtype=_LONG), cumsum(begins, 0)))
    runs = int(narrow(groups, 0, count - 1, 1).item()) + 1
    lengths = _counts(groups, runs)
    first = sub(cumsum(lengths, 0), lengths)
    return gather(flat, 0, first), groups, lengths


def _counts(positions: Tensor, size: int, weights: Tensor | None = None) -> Tensor:
    """How often each of 0, ..., size - 1 is among the positions, or the sum of their weights."""
    if weights is not None:
        return scatter_along(weights, positions, 0, size)
    each = ones(positions.numel(), dtype=np.float64)
    return cast(scatter_along(each, positions, 0, size), _LONG)


def bincount(input: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    """How often each number 0, 1, ... occurs in `input`, or the sum of the weights there.

    Parameters
    ----------
    input : Tensor
        One dimension of integers, none negative.
    weights : Tensor, optional
        Of the input's shape; integers count as float64.
    minlength : int
        The least size of the result, which otherwise ends with the largest number. Default 0.

    Raises
    ------
    DTypeError, ShapeError, ValueError
    RuntimeError
        While calls are recorded: the size of the result depends on the data.
    """
    op = "bincount"
    input = as_tensor(input, op, "input")
    if input.ndim != 1 or input.dtype.kind not in "iu":
        raise kernels.DTypeError(
            f"{op}: input is {input.dtype} of shape {input.shape}, expected integers in one "
            "dimension"
        )
    if minlength < 0:
        raise ValueError(f"{op}: minlength is {minlength}, expected at least 0")
    if weights is not None:
        weights = as_tensor(weights, op, "weights").detach()
        if weights.shape != input.shape:
            raise kernels.ShapeError(
                f"{op}: weights has shape {weights.shape}, expected {input.shape}, that of input"
            )
        if weights.dtype not in FLOATS:
            weights = cast(weights, np.dtype(np.float64))
    _check_readable(op)
    if input.numel() and (lowest := amin(input).item()) < 0:
        raise ValueError(f"{op}: input contains {lowest}, expected numbers from 0")
    top = int(amax(input).item()) + 1 if input.numel() else 0
    return _counts(cast(input, _LONG), builtins.max(top, minlength), weights)


@composed
def histc(input: Tensor, bins: int = 100, min: Number = 0, max: Number = 0) -> Tensor:
    """How many elements lie in each of `bins` equal parts of [min, max], as floats; those outside
    do not count. If both ends are equal, the smallest and largest element take their place.

    Raises
    ------
    DTypeError, ValueError
    """
    op = "histc"
    flat = reshape(as_tensor(input, op, "input").detach(), -1)
    if flat.dtype not in FLOATS:
        raise kernels.DTypeError(f"{op}: input has dtype {flat.dtype}, expected float32 or float64")
    if bins < 1 or not -math.inf < min <= max < math.inf:
        raise ValueError(
            f"{op}: bins is {bins}, min {min}, max {max}, expected at least 1 bin and finite "
            "min <= max"
        )
    low, high = full((), min, dtype=flat.dtype), full((), max, dtype=flat.dtype)
    if min == max and flat.numel():
        low, high = amin(flat), amax(flat)
        if not kernels.is_recording() and not math.isfinite(high.item() - low.item()):
            raise ValueError(
                f"{op}: input reaches from {low.item()} to {high.item()}, expected finite elements"
            )
    alike = eq(low, high)
    low, high = where(alike, sub(low, 1), low), where(alike, add(high, 1), high)
    inside = logical_and(ge(flat, low), le(flat, high))
    place = floor(div(mul(sub(where(inside, flat, low), low), bins), sub(high, low)))
    weights = cast(inside, flat.dtype)
    return scatter_along(weights, cast(minimum(place, bins - 1), _LONG), 0, bins)


def _between(low: Tensor, high: Tensor, share: Tensor | float) -> Tensor:
    return add(low, mul(sub(high, low), share))


@composed
def quantile(
    input: Tensor,
    q: Tensor | float,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
) -> Tensor:
    """The values below which the shares `q` of the elements along `dim` lie; NaN if one is.

    Parameters
    ----------
    input : Tensor
        float32 or float64, not empty along `dim`.
    q : Tensor or float
        0-d or (Q,), of the input's type, in [0, 1].
    dim : int, optional
        Default: all elements.
    keepdim : bool
        Whether the dimension stays, with size 1. Default False.
    interpolation : str
        Between two elements: 'linear' (default), 'lower', 'higher', 'midpoint' or 'nearest'.

    Returns
    -------
    Tensor
        Of the input's shape without `dim`; with (Q,) the first dimension is Q.

    Raises
    ------
    DTypeError, IndexError, ShapeError, ValueError
    """
    return _quantile("quantile", input, q, dim, keepdim, interpolation, False)


@composed
def nanquantile(
    input: Tensor,
    q: Tensor | float,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
) -> Tensor:
    """`quantile` of the elements that are not NaN; NaN of nothing else."""
    return _quantile("nanquantile", input, q, dim, keepdim, interpolation, True)


def _quantile(
    op: str,
    input: Tensor,
    q: Tensor | float,
    dim: int | None,
    keepdim: bool,
    interpolation: str,
    without_nan: bool,
) -> Tensor:
    input = as_tensor(input, op, "input")
    if input.dtype not in FLOATS:
        raise kernels.DTypeError(f"{op}: input is {input.dtype}, expected float32 or float64")
    if not isinstance(q, Tensor):
        if not 0 <= q <= 1:
            raise ValueError(f"{op}: q is {q}, expected 0 to 1")
        q = wrap(np.array(q, input.dtype))
    if q.ndim > 1 or q.dtype != input.dtype:
        raise kernels.ShapeError(
            f"{op}: q is {q.dtype} of shape {q.shape}, expected {input.dtype} of shape () or (Q,)"
        )
    axis = normalized_axis(op, 0 if dim is None else dim, input.ndim)
    rows = reshape(input, (input.numel(),)) if dim is None or not input.ndim else input
    size = rows.shape[axis]
    if not size:
        raise kernels.ShapeError(f"{op}: input has shape {input.shape}, expected elements")
    rows = movedim(sort(rows, axis).values, axis, -1)
    shares = reshape(q.detach(), (q.numel(),))
    if without_nan:
        numbers = sum(eq(rows.detach(), rows.detach()), -1, keepdim=True)
        place = mul(shares, cast(maximum(sub(numbers, 1), 0), input.dtype))
    else:
        place = mul(shares, size - 1)

    def at(rounded: Tensor) -> Tensor:
        positions = cast(rounded, _LONG)
        return gather(rows, -1, positions) if without_nan else index_select(rows, -1, positions)

    match interpolation:
        case "linear":
            low = floor(place)
            result = _between(at(low), at(ceil(place)), sub(place, low))
        case "midpoint":
            result = _between(at(floor(place)), at(ceil(place)), 0.5)
        case "lower" | "higher" | "nearest":
            rounding = {"lower": floor, "higher": ceil, "nearest": round}[interpolation]
            result = at(rounding(place))
        case _:
            raise ValueError(
                f"{op}: interpolation is {interpolation!r}, expected 'linear', 'lower', 'higher', "
                "'midpoint' or 'nearest'"
            )
    if not without_nan:
        last = narrow(rows, -1, size - 1, 1)
        result = where(ne(last, last), last, result)
    result = movedim(result, -1, 0)
    if dim is None:
        shape: tuple[int, ...] = (1,) * input.ndim if keepdim else ()
    else:
        kept = (1,) if keepdim and input.ndim else ()
        shape = (*input.shape[:axis], *kept, *input.shape[axis + 1 :])
    return reshape(result, (*q.shape, *shape))
