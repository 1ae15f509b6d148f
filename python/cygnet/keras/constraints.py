"""What weights are made to fulfil after each step, with Keras's names and arguments."""

from __future__ import annotations

from collections.abc import Sequence

from cygnet.keras.lookup import Configurable, Registry
from cygnet.ops.create import as_tensor
from cygnet.tensor import Tensor

__all__ = [
    "Constraint",
    "MaxNorm",
    "MinMaxNorm",
    "NonNeg",
    "UnitNorm",
    "deserialize",
    "get",
    "max_norm",
    "min_max_norm",
    "non_neg",
    "serialize",
    "unit_norm",
]

Axes = int | Sequence[int]

_EPSILON = 1e-7  # against division by 0


def _norms(w: Tensor, axis: Axes) -> Tensor:
    axes = axis if isinstance(axis, int) else tuple(axis)
    return w.square().sum(axes, keepdim=True).sqrt()


class Constraint(Configurable):
    """Base class: a function from a weight to what it is replaced by."""

    def __call__(self, w: Tensor) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__}: a constraint must define __call__")


class MaxNorm(Constraint):
    """Scales what has a norm above `max_value` down to it.

    Parameters
    ----------
    max_value : float
        Default 2.
    axis : int or sequence of int
        Along which norms are taken: 0, the default, for the inputs of each unit of a `Dense`;
        [0, 1, 2] for the filters of a `Conv2D`.
    """

    def __init__(self, max_value: float = 2, axis: Axes = 0) -> None:
        self.max_value, self.axis = max_value, axis

    def __call__(self, w: Tensor) -> Tensor:
        w = as_tensor(w)
        norms = _norms(w, self.axis)
        return w * (norms.clamp(0, self.max_value) / (norms + _EPSILON))


class NonNeg(Constraint):
    """Puts 0 where a weight is below it."""

    def __call__(self, w: Tensor) -> Tensor:
        return as_tensor(w).clamp(min=0)


class UnitNorm(Constraint):
    """Scales to norm 1.

    Parameters
    ----------
    axis : int or sequence of int
        As of `MaxNorm`; default 0.
    """

    def __init__(self, axis: Axes = 0) -> None:
        self.axis = axis

    def __call__(self, w: Tensor) -> Tensor:
        w = as_tensor(w)
        return w / (_norms(w, self.axis) + _EPSILON)


class MinMaxNorm(Constraint):
    """Moves norms towards the range from `min_value` to `max_value`.

    Parameters
    ----------
    min_value, max_value : float
        Default 0 and 1.
    rate : float
        How far: 1, the default, is all the way.
    axis : int or sequence of int
        As of `MaxNorm`; default 0.
    """

    def __init__(
        self, min_value: float = 0.0, max_value: float = 1.0, rate: float = 1.0, axis: Axes = 0
    ) -> None:
        self.min_value, self.max_value, self.rate, self.axis = min_value, max_value, rate, axis

    def __call__(self, w: Tensor) -> Tensor:
        w = as_tensor(w)
        norms = _norms(w, self.axis)
        wanted = norms.clamp(self.min_value, self.max_value) * self.rate + norms * (1 - self.rate)
        return w * (wanted / (norms + _EPSILON))


max_norm = MaxNorm
min_max_norm = MinMaxNorm
non_neg = NonNeg
unit_norm = UnitNorm

_registry = Registry(
    "constraints",
    {"MaxNorm": MaxNorm, "MinMaxNorm": MinMaxNorm, "NonNeg": NonNeg, "UnitNorm": UnitNorm},
)
get = _registry.get
serialize = _registry.serialize
deserialize = _registry.deserialize
