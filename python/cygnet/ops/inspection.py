"""What a tensor says about itself: type, device, memory."""

from __future__ import annotations

from typing import Any

import numpy as np

from cygnet import dtypes
from cygnet.device import CPU
from cygnet.device import device as Device
from cygnet.dtypes import CATEGORY, RANK, DType
from cygnet.ops.common import as_tensor
from cygnet.tensor import Array, Tensor

__all__ = [
    "get_device",
    "is_complex",
    "is_floating_point",
    "is_nonzero",
    "is_same_size",
    "is_signed",
    "is_tensor",
    "numel",
    "result_type",
]


def device(input: Tensor) -> Device:
    """The CPU."""
    return CPU


def get_device(input: Tensor) -> int:
    """-1, PyTorch's number of the CPU."""
    return -1


def never(input: Tensor) -> bool:
    """False."""
    return False


def layout(input: Tensor) -> dtypes.layout:
    """`cygnet.strided`."""
    return dtypes.strided


def element_size(input: Tensor) -> int:
    """Bytes of one element."""
    return input._array.itemsize


def nbytes(input: Tensor) -> int:
    """Bytes of all elements."""
    return input._array.nbytes


def numel(input: Tensor) -> int:
    """Number of elements."""
    return as_tensor(input, "numel", "input").numel()


def stride(input: Tensor, dim: int | None = None) -> tuple[int, ...] | int:
    """The distance between neighbours along each dimension, or along `dim`, in elements.

    It is negative where a view runs backwards.
    """
    array = input._array
    steps = tuple(step // array.itemsize for step in array.strides)
    return steps if dim is None else steps[dim]


def data_ptr(input: Tensor) -> int:
    """The address of the first element."""
    return input._array.ctypes.data


def storage_offset(input: Tensor) -> int:
    """The distance of the first element from the begin of the memory, in elements."""
    array: Array = input._array
    whole = array
    while isinstance(whole.base, np.ndarray):
        whole = whole.base
    return (array.ctypes.data - whole.ctypes.data) // array.itemsize


def is_contiguous(input: Tensor, memory_format: Any = None) -> bool:
    """Whether the memory is C-contiguous, or channels-last if `memory_format` is."""
    array = input._array
    if memory_format in (dtypes.channels_last, dtypes.channels_last_3d):
        ndim = 4 if memory_format is dtypes.channels_last else 5
        return array.ndim == ndim and np.moveaxis(array, 1, -1).flags.c_contiguous
    return array.flags.c_contiguous


def is_tensor(obj: Any) -> bool:
    """Whether `obj` is a tensor."""
    return isinstance(obj, Tensor)


def is_floating_point(input: Tensor) -> bool:
    """Whether the elements are float32 or float64."""
    return as_tensor(input, "is_floating_point", "input").dtype.kind == "f"


def is_complex(input: Tensor) -> bool:
    """False: tensors are real."""
    as_tensor(input, "is_complex", "input")
    return False


def result_type(tensor1: Any, tensor2: Any) -> DType:
    """The type of an operation on two tensors or numbers.

    The higher of the types among those of the highest category (bool, integer, float) decides;
    within a category tensors with dimensions come before 0-d tensors, and these before numbers.

    Examples
    --------
    >>> import cygnet
    >>> cygnet.result_type(cygnet.tensor([1, 2]), 2.5)
    dtype('float32')
    """
    types = []
    for value in (tensor1, tensor2):
        if isinstance(value, Tensor):
            types.append((CATEGORY[value.dtype.kind], value.ndim > 0, True, RANK[value.dtype]))
        elif isinstance(value, bool | int | float):
            python = (
                dtypes.get_default_dtype() if isinstance(value, float) else np.dtype(type(value))
            )
            types.append((CATEGORY[python.kind], False, False, RANK[python]))
        else:
            raise TypeError(
                f"result_type: arguments expected Tensors or numbers, got {type(value).__name__}"
            )
    return list(RANK)[max(types)[-1]]


def is_signed(input: Tensor) -> bool:
    """Whether the type has negative numbers: all but uint8 and bool."""
    return as_tensor(input, "is_signed", "input").dtype.kind in "if"


def is_nonzero(input: Tensor) -> bool:
    """Whether the one element is not 0; other sizes are a ValueError."""
    return bool(as_tensor(input, "is_nonzero", "input").item())


def is_same_size(input: Tensor, other: Tensor) -> bool:
    """Whether both have the same shape."""
    return (
        as_tensor(input, "is_same_size", "input").shape
        == as_tensor(other, "is_same_size", "other").shape
    )


def always(input: Tensor) -> bool:
    """True."""
    return True
