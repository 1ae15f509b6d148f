"""Descriptions of tensors."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from cygnet.tf.values import sizes_of

__all__ = ["TensorShape", "TensorSpec"]


class TensorShape(tuple[Any, ...]):
    """Sizes of a tensor, None where they are not known.

    Parameters
    ----------
    dims : sequence of int or None
    """

    __slots__ = ()

    def __new__(cls, dims: Any) -> TensorShape:
        """The sizes as a tuple."""
        return super().__new__(cls, sizes_of(dims))

    @property
    def rank(self) -> int:
        """The number of axes."""
        return len(self)

    def as_list(self) -> list[Any]:
        """The sizes as a list."""
        return list(self)

    def num_elements(self) -> int | None:
        """The number of elements, None if it is not known."""
        return None if None in self else math.prod(self)


@dataclasses.dataclass(frozen=True)
class TensorSpec:
    """Shape and type of a tensor.

    Parameters
    ----------
    shape : sequence of int or None
    dtype : str or dtype
        Default float32.
    name : str, optional
    """

    shape: Any
    dtype: Any = "float32"
    name: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", TensorShape(self.shape))
