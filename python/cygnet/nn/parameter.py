"""Tensors that modules own, and the arguments `device` and `dtype` that modules make them by."""

from __future__ import annotations

from typing import Any

import numpy as np

from cygnet.kernels import DTypeError
from cygnet.tensor import FLOATS, Tensor, as_dtype

__all__ = ["Buffer", "Parameter", "check_device", "float_dtype"]


class Parameter(Tensor):
    """A tensor that a :class:`~cygnet.nn.Module` registers when it is assigned as an attribute.

    Parameters
    ----------
    data : Tensor or array_like, optional
        The initial value. A tensor's or array's memory is used as it is, not copied. Default: a
        tensor without elements.
    requires_grad : bool, default True
        Whether ``backward`` fills ``grad``.
    """

    __slots__ = ()

    def __init__(self, data: Any = (), requires_grad: bool = True) -> None:
        super().__init__(data, requires_grad)

    def __repr__(self) -> str:
        return "Parameter containing:\n" + super().__repr__()


class Buffer(Tensor):
    """A tensor that a :class:`~cygnet.nn.Module` registers as a buffer when it is assigned.

    Parameters
    ----------
    data : Tensor or array_like, optional
        The initial value. A tensor's or array's memory is used as it is, not copied. Default: a
        tensor without elements.
    persistent : bool, default True
        Whether ``state_dict`` holds it.
    """

    __slots__ = ("persistent",)

    def __init__(self, data: Any = (), *, persistent: bool = True) -> None:
        super().__init__(data)
        self.persistent = persistent


def check_device(op: str, device: Any) -> None:
    """RuntimeError unless `device` is the CPU or None."""
    if device is not None and str(device).split(":")[0] != "cpu":
        raise RuntimeError(
            f"{op}: argument device expected 'cpu', got {str(device)!r}: Cygnet runs on the CPU"
        )


def float_dtype(op: str, device: Any, dtype: Any) -> np.dtype[Any]:
    """The element type of a module's parameters, float32 by default; an error for a device other
    than the CPU and for a dtype other than float32 and float64.
    """
    check_device(op, device)
    if dtype is None:
        return FLOATS[0]
    checked = as_dtype(dtype, op)
    if checked not in FLOATS:
        raise DTypeError(f"{op}: argument dtype expected float32 or float64, got {checked}")
    return checked
