"""Integrals and derivatives of functions that are known at points."""

from __future__ import annotations

from collections.abc import Sequence

from cygnet import kernels
from cygnet.errors import composed
from cygnet.ops.broadcast import reshape, sum
from cygnet.ops.common import Number, as_tensor, floating, normalized_axis
from cygnet.ops.elementwise import add, div, mul, sub
from cygnet.ops.join import cat
from cygnet.ops.scan import cumsum
from cygnet.ops.shape import narrow
from cygnet.tensor import Tensor

__all__ = [
    "cumulative_trapezoid",
    "gradient",
    "trapezoid",
    "trapz",
]


@composed
def trapezoid(
    y: Tensor, x: Tensor | None = None, *, dx: Number | None = None, dim: int = -1
) -> Tensor:
    """The integral along `dim` by the trapezoidal rule.

    Parameters
    ----------
    y : Tensor
        The values, of at least one dimension.
    x : Tensor, optional
        Where they were taken: one vector, or a tensor that broadcasts to `y`.
    dx : number, optional
        The distance of points, if `x` is not given. Default 1.
    dim : int
        Default -1.

    Raises
    ------
    ShapeError
    TypeError
        If both x and dx are given.
    """
    areas, axis = _areas("trapezoid", y, x, dx, dim)
    return sum(areas, axis)


@composed
def trapz(y: Tensor, x: Tensor | None = None, *, dx: Number | None = None, dim: int = -1) -> Tensor:
    """`trapezoid`."""
    return trapezoid(y, x, dx=dx, dim=dim)


@composed
def cumulative_trapezoid(
    y: Tensor, x: Tensor | None = None, *, dx: Number | None = None, dim: int = -1
) -> Tensor:
    """The integral from the first point up to each of the others; see `trapezoid`."""
    areas, axis = _areas("cumulative_trapezoid", y, x, dx, dim)
    return cumsum(areas, axis)


def _areas(op: str, y: Tensor, x: Tensor | None, dx: Number | None, dim: int) -> tuple[Tensor, int]:
    """The area between each two points, and the axis."""
    y = floating(op, y)
    if y.ndim == 0:
        raise kernels.ShapeError(f"{op}: y has shape (), expected at least 1 dimension")
    if x is not None and dx is not None:
        raise TypeError(f"{op}: x and dx are both given, expected one of them")
    axis = normalized_axis(op, dim, y.ndim)
    heights = _pairs(y, axis, add)
    if x is None:
        return mul(heights, (1 if dx is None else dx) / 2), axis
    x = as_tensor(x, op, "x")
    if x.ndim == 1 and x.numel() != y.shape[axis]:
        raise kernels.ShapeError(
            f"{op}: x has {x.numel()} elements, expected {y.shape[axis]}, as many as y along {axis}"
        )
    if x.ndim == 1:
        x = reshape(x, (x.numel(), *(1,) * (y.ndim - axis - 1)))
    elif x.ndim < y.ndim:
        x = reshape(x, (*(1,) * (y.ndim - x.ndim), *x.shape))
    widths = _pairs(x, axis - y.ndim, sub)
    areas = mul(mul(heights, widths), 0.5)
    return areas, areas.ndim - (y.ndim - axis)


def _pairs(values: Tensor, axis: int, together: object) -> Tensor:
    """Each element and the one before it, added or subtracted."""
    size = max(values.shape[axis] - 1, 0)
    after = narrow(values, axis, min(1, values.shape[axis]), size)
    return (
        add(after, narrow(values, axis, 0, size))
        if together is add
        else sub(after, narrow(values, axis, 0, size))
    )


@composed
def gradient(
    input: Tensor,
    *,
    spacing: Number | Sequence[Number | Tensor] | None = None,
    dim: int | Sequence[int] | None = None,
    edge_order: int = 1,
) -> tuple[Tensor, ...]:
    """The derivatives of a function that is known on a grid, by central differences of second
    order.

    Parameters
    ----------
    input : Tensor
        The values.
    spacing : number or sequence of number or Tensor, optional
        The distance of points, for all dimensions or each of them; or the coordinates, a vector for
        each dimension. Default 1.
    dim : int or sequence of int, optional
        The dimensions, all by default.
    edge_order : int
        1 (default) or 2: the order of the differences at the ends.

    Returns
    -------
    tuple of Tensor
        The derivative along each dimension.

    Raises
    ------
    ShapeError, ValueError
    """
    op = "gradient"
    input = floating(op, input)
    listed = range(input.ndim) if dim is None else [dim] if isinstance(dim, int) else dim
    axes = [normalized_axis(op, d, input.ndim) for d in listed]
    if edge_order not in (1, 2):
        raise ValueError(f"{op}: edge_order is {edge_order}, expected 1 or 2")
    if spacing is None or isinstance(spacing, int | float):
        steps: list[Number | Tensor] = [1 if spacing is None else spacing] * len(axes)
    else:
        steps = list(spacing)
    if len(steps) != len(axes):
        raise ValueError(
            f"{op}: spacing has {len(steps)} elements, expected {len(axes)}, one a dimension"
        )
    for axis in axes:
        if not input.ndim or input.shape[axis] <= edge_order:
            raise kernels.ShapeError(
                f"{op}: input has shape {input.shape}, expected more than {edge_order} elements "
                f"along dimension {axis}"
            )
    return tuple(
        _slope(op, input, axis, step, edge_order) for axis, step in zip(axes, steps, strict=True)
    )


def _slope(op: str, f: Tensor, axis: int, step: Number | Tensor, edge_order: int) -> Tensor:
    size = f.shape[axis]

    def at(begin: int, count: int) -> Tensor:
        return narrow(f, axis, begin, count)

    before, after = at(0, size - 1), at(1, size - 1)
    if isinstance(step, Tensor):
        if step.shape != (size,):
            raise kernels.ShapeError(
                f"{op}: spacing has a tensor of shape {step.shape}, expected ({size},)"
            )
        x = reshape(step, (size, *(1,) * (f.ndim - axis - 1)))
        along = axis - f.ndim
        widths = sub(narrow(x, along, 1, size - 1), narrow(x, along, 0, size - 1))
    else:
        along, widths = axis, None
    slopes = div(sub(after, before), step if widths is None else widths)  # between neighbours

    def between(begin: int, count: int) -> Tensor:
        return narrow(slopes, axis, begin, count)

    first, last = between(0, 1), between(size - 2, 1)
    if size == 2:
        return cat((first, last), axis)
    # Inside, the mean of both slopes, each weighted by the width on the other side.
    left, right = between(0, size - 2), between(1, size - 2)
    if widths is None:
        share: Tensor | float = 0.5
    else:
        near = narrow(widths, along, 0, size - 2)
        share = div(near, add(near, narrow(widths, along, 1, size - 2)))
    inner = add(left, mul(share, sub(right, left)))
    if edge_order == 2:  # as straight on as from the middle
        first = (
            sub(mul(first, 2.0), narrow(inner, axis, 0, 1))
            if widths is None
            else _edge(
                first, between(1, 1), narrow(widths, along, 0, 1), narrow(widths, along, 1, 1)
            )
        )
        last = (
            sub(mul(last, 2.0), narrow(inner, axis, size - 3, 1))
            if widths is None
            else _edge(
                last,
                between(size - 3, 1),
                narrow(widths, along, size - 2, 1),
                narrow(widths, along, size - 3, 1),
            )
        )
    return cat((first, inner, last), axis)


def _edge(near: Tensor, far: Tensor, width: Tensor, next_width: Tensor) -> Tensor:
    """The slope at an end of the parabola through three points."""
    return add(near, mul(div(width, add(width, next_width)), sub(near, far)))
