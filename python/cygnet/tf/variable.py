"""Variables with TensorFlow's arguments."""

from __future__ import annotations

from typing import Any

from cygnet import keras
from cygnet.tensor import Tensor

__all__ = ["Variable"]


class Variable(keras.Variable):
    """A tensor that can be assigned, and that `GradientTape` watches if it is trainable.

    Parameters
    ----------
    initial_value : array_like, Tensor or callable
    trainable : bool
        Default True.
    name : str, optional
    dtype : str or dtype, optional
    shape : sequence of int, optional
    **ignored
        `validate_shape`, `caching_device` and others that have no effect.

    Examples
    --------
    >>> import cygnet.tf as tf
    >>> w = tf.Variable([1.0, 2.0])
    >>> with tf.GradientTape() as tape:
    ...     loss = tf.reduce_sum(w * w)
    >>> tape.gradient(loss, w).numpy().tolist()
    [2.0, 4.0]
    """

    __slots__ = ()

    def __init__(
        self,
        initial_value: Any = None,
        trainable: bool = True,
        validate_shape: bool = True,
        caching_device: Any = None,
        name: str | None = None,
        variable_def: Any = None,
        dtype: Any = None,
        import_scope: Any = None,
        constraint: Any = None,
        shape: Any = None,
        **ignored: Any,
    ) -> None:
        if callable(initial_value) and not isinstance(initial_value, Tensor):
            initial_value = initial_value()
        super().__init__(initial_value, shape, dtype, trainable, name)
        self.constraint = constraint
