"""Constructors by the name of an element type: ``LongTensor([1, 2])``, ``FloatTensor(2, 3)``."""

from __future__ import annotations

from typing import Any

import numpy as np

from cygnet.device import check_device
from cygnet.ops.common import wrap
from cygnet.tensor import Tensor, of_sizes_or_data

__all__ = [
    "BoolTensor",
    "ByteTensor",
    "DoubleTensor",
    "FloatTensor",
    "IntTensor",
    "LongTensor",
]


class _Typed(type):
    """A class without objects of its own: called, it makes a `Tensor` of its type; those are its
    instances.
    """

    dtype: np.dtype[Any]

    def __call__(cls, *data: Any, device: Any = None) -> Tensor:
        check_device(cls.__name__, device)
        return wrap(of_sizes_or_data(cls.__name__, cls.dtype, data))

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Tensor) and instance.dtype == cls.dtype


def _typed(name: str, dtype: str) -> _Typed:
    doc = f"Makes a {dtype} tensor of zeros from sizes, or of data, as `Tensor` does."
    return _Typed(name, (), {"dtype": np.dtype(dtype), "__doc__": doc})


BoolTensor = _typed("BoolTensor", "bool")
ByteTensor = _typed("ByteTensor", "uint8")
DoubleTensor = _typed("DoubleTensor", "float64")
FloatTensor = _typed("FloatTensor", "float32")
IntTensor = _typed("IntTensor", "int32")
LongTensor = _typed("LongTensor", "int64")
