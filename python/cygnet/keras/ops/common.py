"""What the functions of `keras.ops` share: their arguments."""

from __future__ import annotations

from typing import Any

import cygnet.ops as core
from cygnet.dtypes import get_default_dtype
from cygnet.ops.common import cast
from cygnet.tensor import Tensor, array_from, as_dtype

__all__ = ["Axis", "axes_of", "in_dtype", "operand", "tensor_of", "with_fractions"]

Axis = int | tuple[int, ...] | list[int] | None


def tensor_of(x: Any) -> Tensor:
    """A tensor; arrays, lists and numbers become one."""
    if isinstance(x, Tensor):
        return x
    if isinstance(x, list | tuple) and any(isinstance(part, Tensor) for part in x):
        return core.stack([tensor_of(part) for part in x])
    return Tensor._wrap(array_from(x, None, "keras.ops"))


def operand(x: Any) -> Any:
    """The same, but numbers stay: they do not lift the other operand's type."""
    return x if isinstance(x, bool | int | float) else tensor_of(x)


def with_fractions(x: Any) -> Tensor:
    """A tensor of a float type."""
    tensor = tensor_of(x)
    return tensor if tensor.dtype.kind == "f" else cast(tensor, get_default_dtype())


def in_dtype(x: Tensor, dtype: Any) -> Tensor:
    """The tensor in a type; None leaves it as it is."""
    return x if dtype is None else cast(x, as_dtype(dtype, "keras.ops"))


def axes_of(x: Tensor, axis: Axis) -> tuple[int, ...]:
    """Axes as non-negative numbers; None is all."""
    if axis is None:
        return tuple(range(x.ndim))
    given = (axis,) if isinstance(axis, int) else axis
    return tuple(each % x.ndim if -x.ndim <= each < x.ndim else each for each in given)
