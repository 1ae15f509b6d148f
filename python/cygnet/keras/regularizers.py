"""What weights or outputs add to the loss, with Keras's names and arguments."""

from __future__ import annotations

import math
from typing import Any

from cygnet.keras.lookup import Configurable, Registry
from cygnet.kernels import ShapeError
from cygnet.ops.create import as_tensor
from cygnet.tensor import Tensor

__all__ = [
    "L1",
    "L1L2",
    "L2",
    "OrthogonalRegularizer",
    "Regularizer",
    "deserialize",
    "get",
    "l1",
    "l1_l2",
    "l2",
    "orthogonal_regularizer",
    "serialize",
]


class Regularizer(Configurable):
    """Base class: a function from a tensor to a tensor without dimensions."""

    def __call__(self, x: Tensor) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__}: a regularizer must define __call__")


def _factor(regularizer: Regularizer, name: str, value: Any) -> float:
    """A number that may multiply a penalty."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise ValueError(
            f"{type(regularizer).__name__}: argument {name} expected a finite number of at least "
            f"0, got {value!r}"
        )
    return float(value)


class L1L2(Regularizer):
    """``l1 * sum(|x|) + l2 * sum(x²)``.

    Parameters
    ----------
    l1, l2 : float
        Default 0.
    """

    def __init__(self, l1: float = 0.0, l2: float = 0.0) -> None:
        self.l1 = _factor(self, "l1", 0.0 if l1 is None else l1)
        self.l2 = _factor(self, "l2", 0.0 if l2 is None else l2)

    def __call__(self, x: Tensor) -> Tensor:
        x = as_tensor(x)
        if not self.l1:
            return x.square().sum() * self.l2
        penalty = x.abs().sum() * self.l1
        return penalty + x.square().sum() * self.l2 if self.l2 else penalty


class L1(L1L2):
    """``l1 * sum(|x|)``.

    Parameters
    ----------
    l1 : float
        Default 0.01.
    """

    def __init__(self, l1: float = 0.01) -> None:
        super().__init__(0.01 if l1 is None else l1)


class L2(L1L2):
    """``l2 * sum(x²)``.

    Parameters
    ----------
    l2 : float
        Default 0.01.
    """

    def __init__(self, l2: float = 0.01) -> None:
        super().__init__(0.0, 0.01 if l2 is None else l2)


class OrthogonalRegularizer(Regularizer):
    """Pulls the rows or columns of a matrix to right angles.

    The penalty is `factor` times the mean of the absolute cosines between different rows.

    Parameters
    ----------
    factor : float
        Default 0.01.
    mode : {"rows", "columns"}
    """

    def __init__(self, factor: float = 0.01, mode: str = "rows") -> None:
        if mode not in ("rows", "columns"):
            raise ValueError(
                f"OrthogonalRegularizer: argument mode expected 'rows' or 'columns', got {mode!r}"
            )
        self.factor, self.mode = _factor(self, "factor", factor), mode

    def __call__(self, x: Tensor) -> Tensor:
        x = as_tensor(x)
        if x.ndim != 2:
            raise ShapeError(f"OrthogonalRegularizer: expected a matrix, got shape {x.shape}")
        rows = x if self.mode == "rows" else x.T
        rows = rows / rows.square().sum(1, keepdim=True).clamp(min=1e-12).sqrt()
        cosines = rows @ rows.T
        count = rows.shape[0]
        others = (cosines.abs().sum() - cosines.diagonal().abs().sum()) * 0.5
        return others * (self.factor / max(count * (count - 1) / 2, 1.0))


l1 = L1
l2 = L2
l1_l2 = L1L2
orthogonal_regularizer = OrthogonalRegularizer

_registry = Registry(
    "regularizers",
    {"L1": L1, "L1L2": L1L2, "L2": L2, "OrthogonalRegularizer": OrthogonalRegularizer},
)
get = _registry.get
serialize = _registry.serialize
deserialize = _registry.deserialize
