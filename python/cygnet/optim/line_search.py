"""A step length along a direction that meets the strong Wolfe conditions."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from cygnet.tensor import Tensor

__all__ = ["Point", "strong_wolfe"]


@dataclass(frozen=True)
class Point:
    """The objective at step length `t`: its value, gradient and slope along the direction."""

    t: float
    loss: float
    gradient: Tensor
    slope: float


def strong_wolfe(
    evaluate: Callable[[float], Point],
    start: Point,
    t: float,
    largest_component: float,
    max_evaluations: int,
    sufficient_decrease: float = 1e-4,
    curvature: float = 0.9,
    tolerance_change: float = 1e-9,
) -> tuple[Point, int]:
    """Finds a point with

        loss(t) <= loss(0) + sufficient_decrease t slope(0),  |slope(t)| <= -curvature slope(0),

    by widening steps until an interval holds one, then narrowing it.

    Parameters
    ----------
    evaluate : callable
        Gives the `Point` at a step length.
    start : Point
        At length 0; its slope is negative.
    t : float
        The first length to try.
    largest_component : float
        Of the direction's magnitudes.
    max_evaluations : int
        After the first.
    sufficient_decrease, curvature : float
        The constants of the conditions.
    tolerance_change : float
        An interval that moves no component by so much is narrow enough.

    Returns
    -------
    tuple of (Point, int)
        The point, or the best one if the search ended without, and how often `evaluate` was called.

    References
    ----------
    J. Nocedal, S. Wright, "Numerical optimization", 2006, algorithms 3.5 and 3.6; M. Schmidt,
    "minFunc", 2005, for the safeguards, as in PyTorch.
    """

    def is_too_high(point: Point) -> bool:
        return point.loss > start.loss + sufficient_decrease * point.t * start.slope

    def is_flat(point: Point) -> bool:
        return abs(point.slope) <= -curvature * start.slope

    previous, point = start, evaluate(t)
    evaluations = 1
    while evaluations <= max_evaluations:
        if is_too_high(point) or (evaluations > 2 and point.loss >= previous.loss):
            break
        if is_flat(point):
            return point, evaluations
        if point.slope >= 0:
            break
        bounds = (point.t + 0.01 * (point.t - previous.t), point.t * 10)
        previous, point = point, evaluate(_cubic_minimum(previous, point, *bounds))
        evaluations += 1
    else:
        previous = start

    ends = [previous, point]
    low = 0 if previous.loss <= point.loss else 1
    was_close = False
    while evaluations <= max_evaluations:
        left, right = sorted(ends, key=lambda end: end.t)
        width = right.t - left.t
        if width * largest_component < tolerance_change:
            break
        t = _cubic_minimum(left, right, left.t, right.t)
        # A trial close to an end, twice running or on it, moves a tenth of the interval inward.
        margin = 0.1 * width
        is_close = min(right.t - t, t - left.t) < margin
        if is_close and (was_close or t >= right.t or t <= left.t):
            t = right.t - margin if abs(t - right.t) < abs(t - left.t) else left.t + margin
            is_close = False
        was_close = is_close
        point = evaluate(t)
        evaluations += 1
        if is_too_high(point) or point.loss >= ends[low].loss:
            ends[1 - low] = point
            low = 0 if ends[0].loss <= ends[1].loss else 1
        else:
            if is_flat(point):
                return point, evaluations
            if point.slope * (ends[1 - low].t - ends[low].t) >= 0:
                ends[1 - low] = ends[low]
            ends[low] = point
    return ends[low], evaluations


def _cubic_minimum(a: Point, b: Point, low: float, high: float) -> float:
    """Where the cubic through the values and slopes of two points, a before b, is smallest, within
    bounds; their middle if it has no minimum (Nocedal and Wright, eq. 3.59).
    """
    first = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.t - b.t)
    radicand = first * first - a.slope * b.slope
    if not radicand >= 0:
        return (low + high) / 2
    second = math.sqrt(radicand)
    t = b.t - (b.t - a.t) * ((b.slope + second - first) / (b.slope - a.slope + 2 * second))
    return min(max(t, low), high)
