"""What TensorFlow's functions take as tensors, shapes and numbers."""

from __future__ import annotations

from typing import Any

from cygnet.keras.symbolic import KerasTensor
from cygnet.ops.create import as_tensor
from cygnet.tensor import Tensor

__all__ = ["number_of", "sizes_of", "value_of"]


def value_of(x: Any) -> Any:
    """A tensor of anything array-like; a KerasTensor stays."""
    return x if isinstance(x, KerasTensor) else as_tensor(x)


def sizes_of(shape: Any) -> Any:
    """A shape as a tuple of ints: of a tensor, a sequence or a number; None stays."""
    if shape is None:
        return None
    if isinstance(shape, Tensor):
        shape = shape.tolist()
    given = shape if isinstance(shape, tuple | list) else getattr(shape, "tolist", lambda: shape)()
    if not isinstance(given, tuple | list):
        return (int(given),)
    return tuple(None if size is None else int(size) for size in given)


def number_of(x: Any) -> Any:
    """A Python number of a tensor with one."""
    return x.item() if isinstance(x, Tensor) else x
