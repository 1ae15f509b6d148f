"""What programs build their own models on."""

from __future__ import annotations

from cygnet.keras.layer import Layer

__all__ = ["Module"]


class Module(Layer):
    """An object that finds the variables of its attributes.

    Parameters
    ----------
    name : str, optional
        Default: that of the class.

    Examples
    --------
    >>> import cygnet.tf as tf
    >>> class Scale(tf.Module):
    ...     def __init__(self):
    ...         super().__init__("scale")
    ...         self.factor = tf.Variable(2.0)
    ...
    ...     def __call__(self, x):
    ...         return x * self.factor
    >>> scale = Scale()
    >>> scale(3.0).item(), len(scale.trainable_variables)
    (6.0, 1)
    """

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name=name)
