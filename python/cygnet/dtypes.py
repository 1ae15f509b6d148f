"""Element types by PyTorch's names (they are NumPy's dtypes), which type wins beside another, the
default type and memory formats.
"""

from __future__ import annotations

import builtins
import enum
from typing import Any, TypeAlias

import numpy as np

from cygnet import kernels
from cygnet.kernels import DTypeError

DType: TypeAlias = np.dtype[Any]


class _Unavailable:
    """The name of a type that neither NumPy nor a tensor has."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return self._name


dtype = np.dtype
float32: DType = np.dtype(np.float32)
float64: DType = np.dtype(np.float64)
int64: DType = np.dtype(np.int64)
int32: DType = np.dtype(np.int32)
uint8: DType = np.dtype(np.uint8)
bool: DType = np.dtype(np.bool_)
float, double, long, int = float32, float64, int64, int32

# Names that programs compare with; no tensor has these types.
float16: DType = np.dtype(np.float16)
int16: DType = np.dtype(np.int16)
int8: DType = np.dtype(np.int8)
half, short = float16, int16
bfloat16 = _Unavailable("bfloat16")

# The higher of two types is that of their result; every float lies above every integer.
RANK = {dtype: rank for rank, dtype in enumerate((bool, uint8, int32, int64, float32, float64))}

# What kernels call them; NumPy takes longer to tell than a small kernel takes to run.
NAMES = {dtype: dtype.name for dtype in RANK}

_default = float32


def get_default_dtype() -> DType:
    """The type of tensors made of Python floats. Default float32."""
    return _default


def set_default_dtype(d: Any) -> None:
    """Sets the type of tensors made of Python floats, and of those for which none is given.

    Parameters
    ----------
    d : dtype
        float32 or float64.

    Raises
    ------
    DTypeError
        For any other type.
    """
    global _default
    dtype = _ranked("set_default_dtype", d)
    if dtype not in (float32, float64):
        raise DTypeError(f"set_default_dtype: d is {d!r}, expected float32 or float64")
    _default = dtype
    kernels.modules_changed()


def _ranked(op: str, dtype: Any) -> DType:
    try:
        result: DType | None = np.dtype(dtype)
    except TypeError:
        result = None
    if result not in RANK:
        raise DTypeError(f"{op}: dtype is {dtype!r}, expected one of {[str(d) for d in RANK]}")
    assert result is not None
    return result


def promote_types(type1: Any, type2: Any) -> DType:
    """The type of a result of two tensors of these types.

    Raises
    ------
    DTypeError
        If tensors cannot have one of them.

    Examples
    --------
    >>> import cygnet
    >>> cygnet.promote_types(cygnet.int64, cygnet.float32)
    dtype('float32')
    """
    first, second = _ranked("promote_types", type1), _ranked("promote_types", type2)
    return max(first, second, key=RANK.__getitem__)


# bool < integers < floats: a conversion downwards loses the kind of number.
CATEGORY = {"b": 0, "u": 1, "i": 1, "f": 2}


def can_cast(from_: Any, to: Any) -> builtins.bool:
    """Whether a conversion keeps the kind of number: no float to integer, no number to bool."""
    source, target = _ranked("can_cast", from_), _ranked("can_cast", to)
    return CATEGORY[source.kind] <= CATEGORY[target.kind]


class finfo:  # noqa: N801 (PyTorch's name)
    """The limits of a floating-point type, as Python numbers.

    Parameters
    ----------
    type : dtype, optional
        Default: the default type.

    Attributes
    ----------
    bits : int
    eps : float
        The distance from 1 to the next number.
    max, min : float
    tiny, smallest_normal : float
        The smallest positive number of full precision.
    resolution : float
    dtype : str

    Raises
    ------
    TypeError
        If the type is not floating-point.
    """

    def __init__(self, type: Any = None) -> None:
        try:
            limits = np.finfo(_default if type is None else np.dtype(type))
        except (TypeError, ValueError):
            raise TypeError(f"finfo: type is {type!r}, expected a floating-point type") from None
        self.bits = limits.bits
        self.eps, self.max, self.min = limits.eps.item(), limits.max.item(), limits.min.item()
        self.tiny = self.smallest_normal = limits.tiny.item()
        self.resolution = limits.resolution.item()
        self.dtype = str(limits.dtype)

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={value}" for name, value in vars(self).items())
        return f"finfo({values})"


class iinfo:  # noqa: N801 (PyTorch's name)
    """The limits of an integer type.

    Attributes
    ----------
    bits, max, min : int
    dtype : str

    Raises
    ------
    TypeError
        If the type is not an integer type.
    """

    def __init__(self, type: Any) -> None:
        try:
            limits = np.iinfo(np.dtype(type))
        except (TypeError, ValueError):
            raise TypeError(f"iinfo: type is {type!r}, expected an integer type") from None
        self.bits, self.max, self.min = limits.bits, limits.max, limits.min
        self.dtype = str(limits.dtype)

    def __repr__(self) -> str:
        return f"iinfo(min={self.min}, max={self.max}, dtype={self.dtype})"


class memory_format(enum.Enum):  # noqa: N801 (PyTorch's name)
    """The order of a tensor's elements in memory."""

    contiguous_format = "the last axis fastest"
    channels_last = "of images (N, C, H, W): the channels fastest"
    channels_last_3d = "of volumes (N, C, D, H, W): the channels fastest"
    preserve_format = "as they are"

    def __repr__(self) -> str:
        return self.name


contiguous_format = memory_format.contiguous_format
channels_last = memory_format.channels_last
channels_last_3d = memory_format.channels_last_3d
preserve_format = memory_format.preserve_format


class layout(enum.Enum):  # noqa: N801 (PyTorch's name)
    """How a tensor stores its elements: Cygnet's are all strided."""

    strided = "one element each, with a stride for each axis"

    def __repr__(self) -> str:
        return self.name


strided = layout.strided
