"""Variables: parameters with Keras's shapes, names and ways of being assigned."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cygnet.autograd import no_grad
from cygnet.kernels import ShapeError
from cygnet.nn import Parameter
from cygnet.ops.create import as_tensor
from cygnet.tensor import Array, Tensor, array_from

__all__ = ["Variable"]


class Variable(Parameter):
    """A tensor that layers own and optimizers change.

    Parameters
    ----------
    initializer : array_like, Tensor or callable
        The initial value, which is copied; or a function of shape and dtype that gives it.
    shape : sequence of int, optional
        Needed by a function only.
    dtype : str or dtype, optional
        Default: that of the value; of Python's floats float32.
    trainable : bool
        Whether gradients are computed. Default True.
    name : str
        Default "variable".
    axes : sequence of int, optional
        The order in which the axes lie in memory, the outermost first; default: as they are
        counted. Layers choose the one that their kernel wants.

    Attributes
    ----------
    constraint : callable or None
        What an optimizer applies to the value after each step.
    regularizer : callable or None
        Gives the loss that the value adds.

    Examples
    --------
    >>> from cygnet import keras
    >>> v = keras.Variable([1.0, 2.0])
    >>> v.assign_add([0.5, 0.5]).numpy().tolist()
    [1.5, 2.5]
    """

    __slots__ = ("_trainable", "constraint", "name", "path", "regularizer")

    def __init__(
        self,
        initializer: Any,
        shape: Sequence[int] | None = None,
        dtype: Any = None,
        trainable: bool = True,
        name: str | None = None,
        *,
        axes: Sequence[int] | None = None,
    ) -> None:
        if callable(initializer) and not isinstance(initializer, Tensor):
            if shape is None:
                raise ValueError("Variable: argument shape is missing: the initializer is callable")
            initializer = initializer(tuple(shape), dtype=dtype or "float32")
        value = array_from(initializer, dtype, "Variable")
        if shape is not None and value.shape != tuple(shape):
            raise ShapeError(f"Variable: shape is {tuple(shape)}, the value has {value.shape}")
        order = range(value.ndim) if axes is None else axes
        array = np.empty([value.shape[axis] for axis in order], value.dtype)
        array = array.transpose(np.argsort(order)) if array.ndim else array
        np.copyto(array, value)
        self._begin(array)
        self.name = name or "variable"
        self.path = self.name
        self.constraint: Callable[[Tensor], Tensor] | None = None
        self.regularizer: Callable[[Tensor], Tensor] | None = None
        self._trainable = bool(trainable)
        self.requires_grad = self._trainable and value.dtype.kind == "f"

    def __deepcopy__(self, memo: dict[int, Any]) -> Variable:
        copy = super().__deepcopy__(memo)
        assert isinstance(copy, Variable)
        copy._array = self._array.copy(order="K")  # in the same order in memory
        for name in Variable.__slots__:
            setattr(copy, name, getattr(self, name))
        return copy

    @property
    def trainable(self) -> bool:
        """Whether gradients are computed, unless a layer that owns it is not trainable."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = self.requires_grad = bool(value)

    def assign(self, value: Any) -> Variable:
        """Replace the value, in place.

        Raises
        ------
        ShapeError
            If `value` has another shape, which is not broadcast.
        """
        return self._write(value, "assign")

    def assign_add(self, value: Any) -> Variable:
        """Add to the value, in place."""
        return self._write(self.detach() + as_tensor(value), "assign_add")

    def assign_sub(self, value: Any) -> Variable:
        """Subtract from the value, in place."""
        return self._write(self.detach() - as_tensor(value), "assign_sub")

    def _write(self, value: Any, op: str) -> Variable:
        value = as_tensor(value)
        if value.shape != self.shape:
            raise ShapeError(
                f"{op}: variable {self.name!r} has shape {self.shape}, the value has {value.shape}"
            )
        with no_grad():
            self.copy_(value)
        return self

    def numpy(self) -> Array:
        """A copy of the value: what is kept of it does not change with the variable."""
        return super().numpy().copy()

    @property
    def value(self) -> Tensor:
        """The variable itself: a tensor."""
        return self

    def __repr__(self) -> str:
        values = np.array2string(self._array, separator=", ")
        return f"<Variable {self.name!r} shape={self.shape} dtype={self.dtype}, value={values}>"
