"""Element types, memory formats, copies, and devices, of which there is one."""

from __future__ import annotations

import builtins
from typing import Any, NoReturn

import numpy as np

from cygnet import kernels
from cygnet.autograd import record
from cygnet.device import check_device, is_device_name
from cygnet.device import device as Device
from cygnet.dtypes import channels_last, channels_last_3d, contiguous_format, preserve_format
from cygnet.ops.common import as_tensor, cast, wrap
from cygnet.tensor import Array, Tensor, as_dtype

__all__ = [
    "clone",
    "detach",
]

# What the positional arguments of `to` mean, by the first of them.
_TO_TENSOR = ("other", "non_blocking", "copy")
_TO_DEVICE = ("device", "dtype", "non_blocking", "copy")
_TO_DTYPE = ("dtype", "non_blocking", "copy")


def to(input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """The tensor in another element type or memory format; itself if it has them already.

    ``to(dtype)``, ``to(device)``, ``to(device, dtype)`` and ``to(other)``, each followed by
    ``non_blocking`` and ``copy``, by position or name.

    Parameters
    ----------
    input : Tensor
    dtype : dtype, optional
    device : device or str, optional
        The CPU.
    other : Tensor, optional
        Whose element type to take.
    non_blocking : bool
        Has no effect.
    copy : bool
        Whether the result has memory of its own in any case. Default False.
    memory_format : memory_format
        Keyword only. Default ``preserve_format``.

    Raises
    ------
    DTypeError
        If tensors cannot have the type.
    RuntimeError
        If the device is not the CPU.
    """
    input = as_tensor(input, "to", "input")
    if args and isinstance(args[0], Tensor):
        names: tuple[str, ...] = _TO_TENSOR
    elif args and (args[0] is None or isinstance(args[0], Device) or is_device_name(args[0])):
        names = _TO_DEVICE
    else:
        names = _TO_DTYPE
    given = {**dict(zip(names, args, strict=False)), **kwargs}
    known = {"memory_format", *_TO_TENSOR, *_TO_DEVICE}
    if len(given) < len(args) + len(kwargs) or not given.keys() <= known:
        raise TypeError(
            f"to: arguments expected (dtype), (device, dtype) or (other), each with non_blocking, "
            f"copy and memory_format, got {args} and {kwargs}"
        )
    check_device("to", given.get("device"))
    other, dtype = given.get("other"), given.get("dtype")
    if other is not None:
        dtype = other.dtype
    output = input if dtype is None else cast(input, as_dtype(dtype, "to"))
    if output is input and given.get("copy"):
        output = clone(input)
    if given.get("memory_format") in (None, preserve_format):
        return output
    return contiguous(output, given["memory_format"])


def type(input: Tensor, dtype: Any = None, non_blocking: builtins.bool = False) -> Any:
    """The name of the tensor's type, such as 'cygnet.FloatTensor'; given a type, the tensor in it.

    Parameters
    ----------
    input : Tensor
    dtype : dtype, str or class, optional
        An element type, or one of FloatTensor, DoubleTensor, LongTensor, IntTensor, BoolTensor and
        ByteTensor, itself or its name.
    non_blocking : bool
        Has no effect.
    """
    if dtype is None:
        return f"cygnet.{_TENSOR_NAMES[input.dtype]}"
    name = dtype if isinstance(dtype, str) else getattr(dtype, "__name__", "")
    named = _NAMED_TENSORS.get(name.rpartition(".")[2])
    return to(input, dtype if named is None else named)


_TENSOR_NAMES = {
    np.dtype(np.float32): "FloatTensor",
    np.dtype(np.float64): "DoubleTensor",
    np.dtype(np.int64): "LongTensor",
    np.dtype(np.int32): "IntTensor",
    np.dtype(np.bool_): "BoolTensor",
    np.dtype(np.uint8): "ByteTensor",
}
_NAMED_TENSORS = {name: dtype for dtype, name in _TENSOR_NAMES.items()}


def type_as(input: Tensor, other: Tensor) -> Tensor:
    """The tensor in the element type of `other`."""
    return cast(input, as_tensor(other, "type_as", "other").dtype)


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


def byte(input: Tensor) -> Tensor:
    """The tensor as uint8, floats truncated."""
    return to(input, np.uint8)


def bool(input: Tensor) -> Tensor:
    """Whether each element is non-zero."""
    return to(input, np.bool_)


def half(input: Tensor) -> NoReturn:
    """Raises DTypeError: no tensor is float16."""
    as_dtype(np.float16, "half")
    raise AssertionError


def cpu(input: Tensor) -> Tensor:
    """The tensor itself."""
    return input


def cuda(
    input: Tensor,
    device: Any = None,
    non_blocking: builtins.bool = False,
) -> NoReturn:
    """Raises RuntimeError: there is only the CPU."""
    check_device("cuda", "cuda")
    raise AssertionError


def pin_memory(input: Tensor) -> Tensor:
    """The tensor itself: there is no device that could read pinned memory."""
    return input


def clone(input: Tensor, *, memory_format: Any = None) -> Tensor:
    """A copy with memory of its own.

    It is C-contiguous; with ``memory_format=channels_last``, or by default if the input is so, it
    is channels-last.
    """
    input = as_tensor(input, "clone", "input")
    array = input._array
    last = (
        _is_channels_last(array)
        if memory_format in (None, preserve_format)
        else _wants_channels_last("clone", array, memory_format)
    )
    if last:
        copy = kernels.contiguous(np.moveaxis(array, 1, -1), always_copy=True)
        copy = np.moveaxis(copy, -1, 1)
    else:
        copy = kernels.contiguous(array, always_copy=True)
    return record(wrap(copy), (input,), lambda grad: (grad,), "clone", saved=(), fresh=False)


def contiguous(input: Tensor, memory_format: Any = None) -> Tensor:
    """The tensor itself if its memory is C-contiguous (or channels-last, where `memory_format` asks
    for it), else a copy that is.
    """
    last = _wants_channels_last("contiguous", input._array, memory_format)
    array = np.moveaxis(input._array, 1, -1) if last else input._array
    if array.flags.c_contiguous:
        return input
    return clone(input, memory_format=memory_format or contiguous_format)


# The number of dimensions of what is channels-last.
_CHANNELS_LAST = {channels_last: 4, channels_last_3d: 5}


def _wants_channels_last(op: str, array: Array, format: Any) -> builtins.bool:
    if format is None or format is contiguous_format:
        return False
    ndim = _CHANNELS_LAST.get(format)
    if ndim is None:
        raise TypeError(
            f"{op}: memory_format is {format!r}, expected cygnet.contiguous_format, "
            "cygnet.channels_last or cygnet.channels_last_3d"
        )
    if array.ndim != ndim:
        raise kernels.ShapeError(
            f"{op}: memory_format is {format!r}, expected a tensor of {ndim} dimensions, "
            f"got shape {array.shape}"
        )
    return True


def _is_channels_last(array: Array) -> builtins.bool:
    return (
        array.ndim in (4, 5)
        and not array.flags.c_contiguous
        and np.moveaxis(array, 1, -1).flags.c_contiguous
    )


def detach(input: Tensor) -> Tensor:
    """The same memory without history; see `Tensor.detach`."""
    return as_tensor(input, "detach", "input").detach()
