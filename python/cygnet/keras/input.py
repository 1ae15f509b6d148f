"""Where data enter a model."""

from __future__ import annotations

from typing import Any

import numpy as np

from cygnet.keras.layer import Layer
from cygnet.keras.symbolic import KerasTensor, Node

__all__ = ["Input", "InputLayer"]


class InputLayer(Layer):
    """Gives a KerasTensor of a shape; models take their data's shape and type from it.

    Parameters
    ----------
    shape : sequence of (int or None), optional
        Without the batch axis; `input_shape` is an older name.
    batch_size : int, optional
        Default: any.
    dtype : str, optional
        Default "float32".
    batch_shape : sequence of (int or None), optional
        With the batch axis, in place of `shape`.
    name : str, optional
    """

    def __init__(
        self,
        shape: Any = None,
        batch_size: int | None = None,
        dtype: Any = None,
        batch_shape: Any = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        if isinstance(shape, int):
            raise TypeError(
                f"Input: shape expected a tuple without the batch axis, such as ({shape},), got "
                f"{shape}"
            )
        given = self._batch_input_shape if batch_shape is None else tuple(batch_shape)
        if given is None:
            if shape is None:
                raise ValueError("Input: argument shape is missing")
            given = (batch_size, *shape)
        for size in given:
            if size is not None and (not isinstance(size, int | np.integer) or size < 0):
                raise ValueError(f"Input: shape expected sizes or None, got {given}")
        # Tokens and other integers keep their type, which a layer's own weights never have.
        self.dtype = "float32" if dtype is None else str(np.dtype(dtype))
        self.__dict__.update(built=True, batch_shape=given, _batch_input_shape=None)
        node = Node(self, (), {})
        node.outputs = [KerasTensor(given, self.dtype, self.name, node)]
        self._nodes.append((node, node.outputs[0], node.outputs[0]))

    def call(self, *args: Any) -> Any:
        """The data as they are."""
        return args[0]


def Input(  # noqa: N802 (Keras's name)
    shape: Any = None,
    batch_size: int | None = None,
    dtype: Any = None,
    sparse: Any = None,
    batch_shape: Any = None,
    name: str | None = None,
    tensor: Any = None,
    **kwargs: Any,
) -> KerasTensor:
    """A KerasTensor that a functional model begins with.

    Parameters
    ----------
    shape : sequence of (int or None)
        Without the batch axis.
    batch_size : int, optional
        Default: any.
    dtype : str
        Default "float32".
    batch_shape : sequence, optional
        With the batch axis, in place of `shape`.
    name : str, optional
        By which dicts of inputs name it.
    sparse, tensor
        Must be None or False: there are no sparse tensors.

    Examples
    --------
    >>> from cygnet import keras
    >>> keras.Input(shape=(28, 28, 1)).shape
    (None, 28, 28, 1)
    """
    if sparse or tensor is not None:
        raise ValueError("Input: sparse and tensor are not supported")
    layer = InputLayer(shape, batch_size, dtype, batch_shape, name, **kwargs)
    tensor = layer.output
    return tensor  # type: ignore[no-any-return]
