"""Tensors that modules own, and the arguments `device` and `dtype` that modules make them by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from cygnet import kernels
from cygnet.device import check_device
from cygnet.dtypes import get_default_dtype
from cygnet.kernels import DTypeError, ShapeError
from cygnet.tensor import FLOATS, Array, Tensor, array_from, as_dtype, empty_array

__all__ = [
    "Buffer",
    "Parameter",
    "UninitializedBuffer",
    "UninitializedParameter",
    "UninitializedTensorMixin",
    "float_dtype",
    "is_lazy",
]


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
        self._begin(array_from(data, None, "Parameter"))
        self.requires_grad_(requires_grad)

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
        self._begin(array_from(data, None, "Buffer"))
        self.persistent = persistent


_slot: Any = Tensor.__dict__["_array"]


class UninitializedTensorMixin:
    """What a parameter or buffer is whose shape the first call of its module will tell.

    It has a type, and may or may not require a gradient; whatever needs its shape or elements is an
    error. An optimizer may hold it: :meth:`materialize` keeps the object.
    """

    __slots__ = ()

    cls_to_become: ClassVar[type[Tensor]]

    if TYPE_CHECKING:

        @property
        def requires_grad(self) -> bool: ...

        @requires_grad.setter
        def requires_grad(self, value: bool) -> None: ...

    @property
    def _array(self) -> Array:
        raise ShapeError(
            f"{type(self).__name__}: the tensor has no shape and no elements before its module is "
            "called; call it with an example first"
        )

    @_array.setter
    def _array(self, array: Array) -> None:
        _slot.__set__(self, array)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Element type that the tensor will have."""
        dtype: np.dtype[Any] = _slot.__get__(self).dtype
        return dtype

    def materialize(self, shape: Any, device: Any = None, dtype: Any = None) -> None:
        """Become an ordinary parameter or buffer, with elements that are not yet set.

        Parameters
        ----------
        shape : sequence of int
        device : optional
            The CPU; any other is an error.
        dtype : optional
            Default: that which was asked for at first.
        """
        dtype = self.dtype if dtype is None else float_dtype("materialize", device, dtype)
        sizes = tuple(shape) if isinstance(shape, tuple | list) else (shape,)
        for size in sizes:
            if not isinstance(size, int | np.integer) or size < 0:
                raise ValueError(f"materialize: shape is {shape!r}, expected sizes of at least 0")
        array = empty_array(sizes, dtype)
        setattr(self, "__class__", self.cls_to_become)  # noqa: B010 (mypy)
        _slot.__set__(self, array)
        kernels.modules_changed()

    def convert(self, dtype: np.dtype[Any]) -> None:
        """Change the type that the tensor will have."""
        self._array = np.empty(0, dtype)

    def detach(self) -> Any:
        """The tensor itself."""
        return self

    def requires_grad_(self, requires_grad: bool = True) -> Any:
        """Switch the collection of gradients on or off; returns the tensor."""
        self.requires_grad = requires_grad
        return self

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class UninitializedParameter(UninitializedTensorMixin, Parameter):
    """A parameter whose shape is not known yet.

    Parameters
    ----------
    requires_grad : bool, default True
        Whether ``backward`` fills ``grad``.
    device : optional
        The CPU; any other is an error.
    dtype : dtype, default float32
        float32 or float64.
    """

    __slots__ = ()

    cls_to_become = Parameter

    def __init__(self, requires_grad: bool = True, device: Any = None, dtype: Any = None) -> None:
        self._begin(np.empty(0, float_dtype("UninitializedParameter", device, dtype)))
        self.requires_grad = requires_grad

    def __deepcopy__(self, memo: dict[int, Any]) -> UninitializedParameter:
        twin = memo[id(self)] = type(self)(self.requires_grad, dtype=self.dtype)
        return twin


class UninitializedBuffer(UninitializedTensorMixin, Buffer):
    """A buffer whose shape is not known yet.

    Parameters
    ----------
    requires_grad : bool, default False
    device : optional
        The CPU; any other is an error.
    dtype : dtype, default float32
        float32 or float64.
    persistent : bool, default True
        Whether ``state_dict`` holds it.
    """

    __slots__ = ()

    cls_to_become = Buffer

    def __init__(
        self,
        requires_grad: bool = False,
        device: Any = None,
        dtype: Any = None,
        persistent: bool = True,
    ) -> None:
        self._begin(np.empty(0, float_dtype("UninitializedBuffer", device, dtype)))
        self.requires_grad = requires_grad
        self.persistent = persistent

    def __deepcopy__(self, memo: dict[int, Any]) -> UninitializedBuffer:
        twin = type(self)(self.requires_grad, None, self.dtype, self.persistent)
        memo[id(self)] = twin
        return twin


def is_lazy(param: Any) -> bool:
    """Whether `param` is a parameter or buffer whose shape is not known yet."""
    return isinstance(param, UninitializedTensorMixin)


def float_dtype(op: str, device: Any, dtype: Any) -> np.dtype[Any]:
    """The element type of a module's parameters, by default the default type; an error for a
    device other than the CPU and for a dtype other than float32 and float64.
    """
    check_device(op, device)
    if dtype is None:
        return get_default_dtype()
    checked = as_dtype(dtype, op)
    if checked not in FLOATS:
        raise DTypeError(f"{op}: argument dtype expected float32 or float64, got {checked}")
    return checked
