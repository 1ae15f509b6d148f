"""Element types and copies."""

from __future__ import annotations

from typing import Any

import numpy as np

from cygnet import kernels
from cygnet.autograd import record
from cygnet.ops.common import as_tensor, cast, wrap
from cygnet.tensor import Tensor, as_dtype


def to(input: Tensor, dtype: Any) -> Tensor:
    """The tensor in another element type, itself if it has it already.

    Raises
    ------
    DTypeError
        If tensors cannot have the type.
    """
    return cast(as_tensor(input, "to", "input"), as_dtype(dtype, "to"))


def float(input: Tensor) -> Tensor:
    """The tensor as float32."""
    return to(input, np.float32)


def double(input: Tensor) -> Tensor:
    """The tensor as float64."""
    return to(input, np.float64)


def long(input: Tensor) -> Tensor:
    """The tensor as int64, floats truncated."""
    return to(input, np.int64)


def int(input: Tensor) -> Tensor:
    """The tensor as int32, floats truncated."""
    return to(input, np.int32)


def bool(input: Tensor) -> Tensor:
    """Whether each element is non-zero."""
    return to(input, np.bool_)


def clone(input: Tensor) -> Tensor:
    """A C-contiguous copy with memory of its own."""
    array = kernels.contiguous(input._array, always_copy=True)
    return record(wrap(array), (input,), lambda grad: (grad,), "clone", fresh=False)


def contiguous(input: Tensor) -> Tensor:
    """The tensor itself if its memory is C-contiguous, else a copy that is."""
    return input if input._array.flags.c_contiguous else clone(input)
