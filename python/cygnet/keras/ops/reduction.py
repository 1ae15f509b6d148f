"""Functions along axes: sums, extremes, running sums, orders, norms."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import cygnet.ops as core
from cygnet.keras.operation import lifted
from cygnet.keras.ops.common import Axis, axes_of, in_dtype, tensor_of, with_fractions
from cygnet.tensor import Tensor

__all__ = [
    "all",
    "amax",
    "amin",
    "any",
    "argmax",
    "argmin",
    "argsort",
    "average",
    "count_nonzero",
    "cumprod",
    "cumsum",
    "diff",
    "logsumexp",
    "max",
    "mean",
    "median",
    "min",
    "moments",
    "nanmean",
    "nansum",
    "norm",
    "normalize",
    "percentile",
    "prod",
    "ptp",
    "quantile",
    "sort",
    "std",
    "sum",
    "top_k",
    "var",
]


def _reduction(
    name: str, function: Callable[..., Tensor], as_tensor: Any = tensor_of, **options: Any
) -> Callable[..., Any]:
    def reduction(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
        x = as_tensor(x)
        axes = axes_of(x, axis)
        return x if axes == () and x.ndim else function(x, axes, keepdim=keepdims, **options)

    reduction.__name__ = reduction.__qualname__ = name
    reduction.__doc__ = f"`{name}` along the axes, by default all."
    return lifted(reduction)


def _numbers(x: Any) -> Tensor:
    """A tensor; bools become numbers."""
    x = tensor_of(x)
    return in_dtype(x, "int32") if x.dtype.kind == "b" else x


all = _reduction("all", core.all)
any = _reduction("any", core.any)
amax = _reduction("amax", core.amax)
amin = _reduction("amin", core.amin)
logsumexp = _reduction("logsumexp", core.logsumexp, with_fractions)
mean = _reduction("mean", core.mean, with_fractions)
nanmean = _reduction("nanmean", core.nanmean, with_fractions)
nansum = _reduction("nansum", core.nansum, _numbers)
sum = _reduction("sum", core.sum, _numbers)
std = _reduction("std", core.std, with_fractions, correction=0)
var = _reduction("var", core.var, with_fractions, correction=0)


def _extreme(name: str, function: Callable[..., Tensor], other: Any) -> Callable[..., Any]:
    def extreme(x: Any, axis: Axis = None, keepdims: bool = False, initial: Any = None) -> Tensor:
        x = tensor_of(x)
        found = function(x, axes_of(x, axis), keepdim=keepdims)
        return found if initial is None else other(found, core.full_like(found, initial))

    extreme.__name__ = extreme.__qualname__ = name
    extreme.__doc__ = f"`{name}` along the axes, by default all; of `initial` too, if it is given."
    return lifted(extreme)


max = _extreme("max", core.amax, core.maximum)
min = _extreme("min", core.amin, core.minimum)


@lifted
def prod(x: Any, axis: Axis = None, keepdims: bool = False, dtype: Any = None) -> Tensor:
    """The product along the axes, by default all."""
    found = in_dtype(_numbers(x), dtype)
    if axis is None and not keepdims:
        return core.prod(found)
    for each in sorted(axes_of(found, axis), reverse=True):
        found = core.prod(found, each, keepdims)
    return found


@lifted
def count_nonzero(x: Any, axis: Axis = None) -> Tensor:
    """How many numbers are not 0."""
    x = tensor_of(x)
    return core.count_nonzero(x, axes_of(x, axis))


@lifted
def average(x: Any, axis: Axis = None, weights: Any = None) -> Tensor:
    """The mean, in which numbers count by their weights."""
    x = with_fractions(x)
    axes = axes_of(x, axis)
    if weights is None:
        return core.mean(x, axes)
    weights = in_dtype(tensor_of(weights), x.dtype)
    if weights.ndim == 1 and len(axes) == 1 and x.ndim > 1:
        weights = core.reshape(weights, (-1, *(1,) * (x.ndim - 1 - axes[0])))
    weights = core.broadcast_to(weights, x.shape)
    return core.div(core.sum(core.mul(x, weights), axes), core.sum(weights, axes))


@lifted
def moments(
    x: Any, axes: Axis, keepdims: bool = False, synchronized: bool = False
) -> tuple[Tensor, Tensor]:
    """Mean and variance along the axes."""
    x = with_fractions(x)
    along = axes_of(x, axes)
    return core.mean(x, along, keepdims), core.var(x, along, correction=0, keepdim=keepdims)


@lifted
def ptp(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The largest less the least number."""
    x = tensor_of(x)
    axes = axes_of(x, axis)
    return core.sub(core.amax(x, axes, keepdims), core.amin(x, axes, keepdims))


def _position(name: str, function: Callable[..., Tensor]) -> Callable[..., Any]:
    def position(x: Any, axis: int | None = None, keepdims: bool = False) -> Tensor:
        return function(tensor_of(x), axis, keepdims)

    position.__name__ = position.__qualname__ = name
    position.__doc__ = f"`{name}`, int64: by default of the flat tensor."
    return lifted(position)


argmax = _position("argmax", core.argmax)
argmin = _position("argmin", core.argmin)


def _scan(name: str, function: Callable[..., Tensor]) -> Callable[..., Any]:
    def scan(x: Any, axis: int | None = None, dtype: Any = None) -> Tensor:
        x = in_dtype(_numbers(x), dtype)
        return function(core.ravel(x), 0) if axis is None else function(x, axis)

    scan.__name__ = scan.__qualname__ = name
    scan.__doc__ = f"`{name}` along an axis, by default of the flat tensor."
    return lifted(scan)


cumsum = _scan("cumsum", core.cumsum)
cumprod = _scan("cumprod", core.cumprod)


@lifted
def diff(a: Any, n: int = 1, axis: int = -1) -> Tensor:
    """Each number less the one before it, n times."""
    return core.diff(tensor_of(a), n, axis)


@lifted
def sort(x: Any, axis: int | None = -1) -> Tensor:
    """The numbers in rising order."""
    x = tensor_of(x)
    return core.sort(core.ravel(x), 0)[0] if axis is None else core.sort(x, axis)[0]


@lifted
def argsort(x: Any, axis: int | None = -1) -> Tensor:
    """The order of the numbers, int64; equal ones stay in theirs."""
    x = tensor_of(x)
    x, axis = (core.ravel(x), 0) if axis is None else (x, axis)
    return core.argsort(x, axis, stable=True)


@lifted
def top_k(x: Any, k: int, sorted: bool = True) -> tuple[Tensor, Tensor]:
    """The k largest numbers along the last axis, and their places."""
    values, indices = core.topk(tensor_of(x), k, -1, True, sorted)
    return values, indices


@lifted
def quantile(
    x: Any, q: Any, axis: Axis = None, method: str = "linear", keepdims: bool = False
) -> Tensor:
    """What a share `q` of the numbers along the axes lies below."""
    x = with_fractions(x)
    q = q if isinstance(q, float) else in_dtype(tensor_of(q), x.dtype)
    flat, kept = _along_last(x, axes_of(x, axis))
    found = core.quantile(flat, q, -1, interpolation=method)
    return (
        core.reshape(found, (*found.shape[: found.ndim - flat.ndim + 1], *kept))
        if keepdims
        else found
    )


@lifted
def median(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The number in the middle, of two their mean."""
    return quantile(x, 0.5, axis, keepdims=keepdims)


@lifted
def percentile(
    x: Any, q: Any, axis: Axis = None, method: str = "linear", keepdims: bool = False
) -> Tensor:
    """`quantile` of `q` per cent."""
    share = q / 100 if isinstance(q, int | float) else with_fractions(q) / 100
    return quantile(x, share, axis, method, keepdims)


def _along_last(x: Tensor, axes: tuple[int, ...]) -> tuple[Tensor, tuple[int, ...]]:
    """The axes as one, the last; and the shape in which they are 1."""
    kept = tuple(1 if axis in axes else size for axis, size in enumerate(x.shape))
    if len(axes) == x.ndim:
        return core.ravel(x), kept
    moved = core.moveaxis(x, axes, tuple(range(-len(axes), 0)))
    return core.reshape(moved, (*moved.shape[: x.ndim - len(axes)], -1)), kept


@lifted
def norm(x: Any, ord: Any = None, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The norm of vectors, along one axis or, without `ord`, of all numbers; or of matrices.

    Parameters
    ----------
    ord : number or str, optional
        2 by default; of matrices "fro" (default), 1, -1, inf or -inf.
    axis : int or tuple of 2 int, optional
    keepdims : bool
        Default False.

    Raises
    ------
    ValueError
        Of matrices for another `ord`.
    """
    x = with_fractions(x)
    axes = axes_of(x, axis)
    if ord is None or len(axes) == 1 or (ord == "fro" and len(axes) == 2):
        order = 2 if ord in (None, "fro") else ord
        return core.norm(x, order, axes, keepdims)
    if len(axes) != 2 or ord not in (1, -1, math.inf, -math.inf):
        raise ValueError(
            f"norm: ord is {ord!r} for {len(axes)} axes, expected 'fro', 1, -1, inf or -inf for 2"
        )
    summed, chosen = axes if abs(ord) == 1 else axes[::-1]
    extreme = core.amax if ord > 0 else core.amin
    found = extreme(core.sum(core.abs(x), summed, keepdim=True), chosen, keepdim=True)
    return found if keepdims else core.squeeze(found, axes)


@lifted
def normalize(x: Any, axis: int = -1, order: Any = 2, epsilon: float | None = None) -> Tensor:
    """Divided by the norm along an axis, which is at least `epsilon`, 1e-7 by default."""
    x = with_fractions(x)
    least = 1e-7 if epsilon is None else epsilon
    if order == 2:  # Keras bounds the square
        squares = core.sum(core.square(x), axis, keepdim=True)
        return core.mul(x, core.rsqrt(core.clamp(squares, least * least)))
    return core.div(x, core.clamp(core.norm(x, order, axis, True), least))
