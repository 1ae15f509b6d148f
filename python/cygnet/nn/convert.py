"""The element type and device of a module's parameters and buffers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from cygnet.device import check_device, is_device_name
from cygnet.device import device as Device
from cygnet.kernels import DTypeError
from cygnet.nn.parameter import Parameter, UninitializedTensorMixin
from cygnet.tensor import FLOATS, Tensor, as_dtype

__all__ = ["Convertible"]


class Convertible:
    """The methods of a module that convert its tensors, which stay the same objects."""

    if TYPE_CHECKING:

        def parameters(self, recurse: bool = True) -> Iterator[Parameter]: ...

        def buffers(self, recurse: bool = True) -> Iterator[Tensor]: ...

    def _convert(self, dtype: np.dtype[Any], integers: bool = False) -> Self:
        for tensor in (*self.parameters(), *self.buffers()):
            if isinstance(tensor, UninitializedTensorMixin):
                tensor.convert(dtype)
            elif integers or tensor.dtype in FLOATS:
                for each in (tensor, tensor.grad):
                    if each is not None:
                        each.data = each.data.to(dtype)
        return self

    def float(self) -> Self:
        """Convert floating-point parameters and buffers to float32."""
        return self._convert(FLOATS[0])

    def double(self) -> Self:
        """Convert floating-point parameters and buffers to float64."""
        return self._convert(FLOATS[1])

    def half(self) -> Self:
        """Raise DTypeError: there is no float16."""
        raise DTypeError("half: dtype expected float32 or float64, got float16")

    def bfloat16(self) -> Self:
        """Raise DTypeError: there is no bfloat16."""
        raise DTypeError("bfloat16: dtype expected float32 or float64, got bfloat16")

    def type(self, dst_type: Any) -> Self:
        """Convert all parameters and buffers, those of integers too, to `dst_type`."""
        return self._convert(as_dtype(dst_type, "type"), integers=True)

    def cpu(self) -> Self:
        """Return the module: it is on the CPU."""
        return self

    def cuda(self, device: Any = None) -> Self:
        """Raise RuntimeError: there is no device but the CPU."""
        check_device("cuda", f"cuda:{device or 0}")
        return self

    def to(
        self,
        *args: Any,
        device: Any = None,
        dtype: Any = None,
        non_blocking: bool = False,
        memory_format: Any = None,
    ) -> Self:
        """Convert floating-point parameters and buffers.

        Parameters
        ----------
        *args
            A device, a dtype, both in this order, or a tensor that has them.
        device : optional
            The CPU; any other is an error.
        dtype : optional
            float32 or float64. Default: as it is.
        non_blocking, memory_format : optional
            Accepted for PyTorch's sake; kernels take the weights in any memory order.

        Raises
        ------
        RuntimeError, DTypeError
        """
        for value in args:
            if isinstance(value, Tensor):
                dtype = value.dtype
            elif isinstance(value, Device) or is_device_name(value):
                device = value
            elif value is not None and not isinstance(value, bool):
                dtype = value
        check_device("to", device)
        if dtype is None:
            return self
        checked = as_dtype(dtype, "to")
        if checked not in FLOATS:
            raise DTypeError(f"to: dtype expected float32 or float64, got {checked}")
        return self._convert(checked)
