"""Histograms of weighted elements and of points."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from cygnet import kernels
from cygnet.errors import composed
from cygnet.ops.broadcast import reshape, sum, to_shape
from cygnet.ops.common import Number, as_tensor, cast, wrap
from cygnet.ops.create import arange, full
from cygnet.ops.elementwise import add, div, eq, ge, le, logical_and, minimum, mul, sub, where
from cygnet.ops.gather import scatter_along
from cygnet.ops.reduce import amax, amin
from cygnet.ops.scan import diff
from cygnet.ops.shape import narrow, select
from cygnet.ops.sort import searchsorted
from cygnet.tensor import FLOATS, Tensor

__all__ = [
    "histogram",
    "histogramdd",
]

_LONG = np.dtype(np.int64)


class Histogram(NamedTuple):
    """The weight in each bin, and the ends of the bins."""

    hist: Tensor
    bin_edges: Any


@composed
def histogram(
    input: Tensor,
    bins: int | Tensor,
    *,
    range: Sequence[Number] | None = None,
    weight: Tensor | None = None,
    density: bool = False,
) -> Histogram:
    """How many elements lie in each bin. A bin has its lower end, the last one both.

    Parameters
    ----------
    input : Tensor
        float32 or float64.
    bins : int or Tensor
        The number of equal bins; or their ends, ascending.
    range : pair of number, optional
        The ends of the first and the last one; by default the smallest and largest element.
    weight : Tensor, optional
        What each element counts, of the input's shape. Default 1.
    density : bool
        Whether the result is divided by the total and the width of the bins. Default False.

    Returns
    -------
    hist : Tensor
        (bins,), of the input's type.
    bin_edges : Tensor
        (bins + 1,).

    Raises
    ------
    DTypeError, ShapeError, ValueError
    """
    op = "histogram"
    input = as_tensor(input, op, "input")
    points = reshape(input.detach(), (input.numel(), 1))
    listed: Any = bins if isinstance(bins, int) else [bins]
    hist, edges = _counted(op, input, points, listed, range, weight, density)
    return Histogram(hist, edges[0])


@composed
def histogramdd(
    input: Tensor,
    bins: int | Sequence[int] | Sequence[Tensor],
    *,
    range: Sequence[Number] | None = None,
    weight: Tensor | None = None,
    density: bool = False,
) -> Histogram:
    """How many points lie in each box of a grid; see `histogram`.

    Parameters
    ----------
    input : Tensor
        (..., D): points of D coordinates.
    bins : int, or sequence of int or Tensor
        For all dimensions or for each of them.
    range : sequence of number, optional
        Two for each dimension.
    weight : Tensor, optional
        Of the input's shape without the last dimension.
    density : bool
        Default False.

    Returns
    -------
    hist : Tensor
        One dimension for each of the D coordinates.
    bin_edges : tuple of Tensor
    """
    op = "histogramdd"
    input = as_tensor(input, op, "input")
    if input.ndim < 2:
        raise kernels.ShapeError(
            f"{op}: input has shape {input.shape}, expected at least 2 dimensions"
        )
    size = input.shape[-1]
    points = reshape(input.detach(), (math.prod(input.shape[:-1]), size))
    return Histogram(*_counted(op, input, points, bins, range, weight, density))


def _counted(
    op: str,
    input: Tensor,
    points: Tensor,
    bins: Any,
    range: Sequence[Number] | None,
    weight: Tensor | None,
    density: bool,
) -> tuple[Tensor, tuple[Tensor, ...]]:
    if input.dtype not in FLOATS:
        raise kernels.DTypeError(f"{op}: input is {input.dtype}, expected float32 or float64")
    count, dimensions = points.shape
    wanted = [bins] * dimensions if isinstance(bins, int) else list(bins)
    if len(wanted) != dimensions:
        raise ValueError(f"{op}: bins has {len(wanted)} elements, expected {dimensions}")
    if range is not None and len(range) != 2 * dimensions:
        raise ValueError(f"{op}: range has {len(range)} numbers, expected {2 * dimensions}")
    edges = []
    for axis, item in enumerate(wanted):
        limits = None if range is None else (range[2 * axis], range[2 * axis + 1])
        edges.append(_edges(op, select(points, 1, axis), item, limits))
    shape = tuple(edge.numel() - 1 for edge in edges)
    place = full((count,), 0, dtype=_LONG)
    inside = full((count,), True, dtype=np.bool_)
    for axis, edge in enumerate(edges):
        x = select(points, 1, axis)
        low, high = narrow(edge, 0, 0, 1), narrow(edge, 0, edge.numel() - 1, 1)
        inside = logical_and(inside, logical_and(ge(x, low), le(x, high)))
        found = sub(searchsorted(edge, x, right=True), 1)
        place = add(mul(place, shape[axis]), minimum(found, shape[axis] - 1))
    weights = full((count,), 1, dtype=input.dtype)
    if weight is not None:
        weights = cast(as_tensor(weight, op, "weight").detach(), input.dtype)
        if weights.numel() != count:
            raise kernels.ShapeError(
                f"{op}: weight has shape {weight.shape}, expected {count} elements"
            )
        weights = reshape(weights, -1)
    total = scatter_along(where(inside, weights, 0.0), where(inside, place, 0), 0, math.prod(shape))
    hist = to_shape(total, shape)
    if density:
        hist = div(hist, sum(hist))
        for axis, edge in enumerate(edges):
            hist = div(hist, to_shape(diff(edge), (shape[axis], *(1,) * (dimensions - axis - 1))))
    return hist, tuple(edges)


def _edges(op: str, x: Tensor, bins: Any, limits: tuple[Number, Number] | None) -> Tensor:
    """The ends of the bins of one dimension."""
    if isinstance(bins, Tensor):
        if bins.ndim != 1 or bins.numel() < 2 or bins.dtype != x.dtype:
            raise kernels.ShapeError(
                f"{op}: bins has a {bins.dtype} tensor of shape {bins.shape}, expected {x.dtype} "
                "and one dimension of at least 2 ends"
            )
        return bins.detach()
    if not isinstance(bins, int) or bins < 1:
        raise ValueError(f"{op}: bins is {bins!r}, expected at least 1")
    if limits is not None:
        if not (math.isfinite(limits[0]) and math.isfinite(limits[1]) and limits[0] <= limits[1]):
            raise ValueError(f"{op}: range is {limits}, expected two finite numbers in order")
        low, high = (wrap(np.array(limit, x.dtype)) for limit in limits)
    elif x.numel():
        low, high = amin(x), amax(x)
    else:
        low, high = full((), 0, dtype=x.dtype), full((), 1, dtype=x.dtype)
    alike = eq(low, high)
    low, high = where(alike, sub(low, 0.5), low), where(alike, add(high, 0.5), high)
    # From either end up to the middle, so that both ends are exact.
    place = cast(arange(bins + 1), x.dtype)
    step = div(sub(high, low), bins)
    rising, falling = add(low, mul(place, step)), sub(high, mul(sub(bins, place), step))
    return where(le(place, bins // 2), rising, falling)
