"""Sets that parameters and samples of distributions lie in, by PyTorch's names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cygnet.tensor import Tensor

__all__ = [
    "Constraint",
    "boolean",
    "greater_than",
    "independent",
    "integer_interval",
    "interval",
    "nonnegative",
    "positive",
    "real",
    "real_vector",
    "simplex",
    "unit_interval",
]


@dataclass(frozen=True)
class Constraint:
    """A set of values.

    Attributes
    ----------
    name : str
        For messages.
    check : callable
        Tensor -> bool Tensor, without its last `event_dim` dimensions: which values are in the set.
    event_dim : int
        How many dimensions a value has.
    """

    name: str
    check: Callable[[Tensor], Tensor]
    event_dim: int = 0

    def __repr__(self) -> str:
        return self.name


def greater_than(lower_bound: Any) -> Constraint:
    """Numbers above a bound."""
    return Constraint(f"greater than {_text(lower_bound)}", lambda value: value > lower_bound)


def interval(lower_bound: Any, upper_bound: Any) -> Constraint:
    """Numbers between two bounds, which are in it."""
    return Constraint(
        f"{_text(lower_bound)} to {_text(upper_bound)}",
        lambda value: (value >= lower_bound) & (value <= upper_bound),
    )


def integer_interval(lower_bound: Any, upper_bound: Any) -> Constraint:
    """Whole numbers between two bounds, which are in it."""
    return Constraint(
        f"whole numbers from {_text(lower_bound)} to {_text(upper_bound)}",
        lambda value: (value % 1 == 0) & (value >= lower_bound) & (value <= upper_bound),
    )


def independent(base: Constraint, ndims: int) -> Constraint:
    """Arrays of `ndims` more dimensions whose values all are in another set."""

    def check(value: Tensor) -> Tensor:
        inside = base.check(value)
        return inside.flatten(inside.ndim - ndims).all(-1) if ndims else inside

    return Constraint(base.name, check, base.event_dim + ndims)


def _text(bound: Any) -> str:
    if not isinstance(bound, Tensor):
        return str(bound)
    return str(bound.item()) if bound.numel() == 1 else f"a tensor of shape {tuple(bound.shape)}"


real = Constraint("real numbers", lambda value: value == value)
positive = greater_than(0.0)
nonnegative = Constraint("at least 0", lambda value: value >= 0)
unit_interval = interval(0.0, 1.0)
boolean = Constraint("0 or 1", lambda value: (value == 0) | (value == 1))
real_vector = independent(real, 1)
simplex = Constraint(
    "at least 0 with sum 1",
    lambda value: (value >= 0).all(-1) & ((value.sum(-1) - 1).abs() < 1e-6),
    1,
)
