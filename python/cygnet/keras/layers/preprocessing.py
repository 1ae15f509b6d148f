"""Layers whose statistics come from data instead of training."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from cygnet.keras import feed
from cygnet.keras.layer import Layer
from cygnet.keras.layers.common import Shape, as_float
from cygnet.ops.create import as_tensor
from cygnet.tensor import Tensor

__all__ = ["Normalization"]


class Normalization(Layer):
    """``(x - mean) / max(sqrt(variance), 1e-7)`` with statistics of data.

    Parameters
    ----------
    axis : int, sequence of int or None
        Each index of these axes has statistics of its own; None: one pair for all numbers.
        Default -1.
    mean, variance : float or array_like, optional
        The statistics, in place of those that `adapt` computes.
    invert : bool
        Whether the layer does the reverse. Default False.
    **kwargs
        As of `Layer`.

    Examples
    --------
    >>> import numpy as np
    >>> from cygnet import keras
    >>> layer = keras.layers.Normalization()
    >>> layer.adapt(np.array([[0.0, 1.0], [2.0, 5.0]]))
    >>> layer(np.array([[2.0, 1.0]])).numpy().tolist()
    [[1.0, -1.0]]
    """

    def __init__(
        self,
        axis: int | Sequence[int] | None = -1,
        mean: Any = None,
        variance: Any = None,
        invert: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if (mean is None) != (variance is None):
            raise ValueError("Normalization: mean and variance are given both or not at all")
        self.axis = () if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
        self.input_mean, self.input_variance = mean, variance
        self.invert = invert

    def build(self, input_shape: Any) -> None:
        """Make the statistics for inputs of a shape."""
        rank = len(input_shape)
        kept = [axis % rank for axis in self.axis]
        shape = [input_shape[axis] for axis in kept]
        if any(size is None for size in shape):
            raise ValueError(
                f"Normalization {self.name!r}: axes {self.axis} of shape {tuple(input_shape)} "
                "must be known"
            )
        self.__dict__["_kept"] = tuple(kept)
        self.__dict__["_wide"] = [input_shape[axis] if axis in kept else 1 for axis in range(rank)]
        if self.input_mean is None:
            self.mean = self.add_weight(shape, "zeros", trainable=False, name="mean")
            self.variance = self.add_weight(shape, "ones", trainable=False, name="variance")
            self.count = self.add_weight((), "zeros", "int64", trainable=False, name="count")
        else:
            self.__dict__["mean"] = self._given(self.input_mean, shape)
            self.__dict__["variance"] = self._given(self.input_variance, shape)

    def _given(self, value: Any, shape: Sequence[int]) -> Tensor:
        return as_tensor(np.broadcast_to(np.asarray(value, np.float32), shape).copy())

    def adapt(self, data: Any, batch_size: int | None = None, steps: int | None = None) -> None:
        """Compute the statistics of data: an array, or batches of one.

        Parameters
        ----------
        data : array_like, or iterable of batches
        batch_size
            Has no effect.
        steps : int, optional
            Batches to read. Default: all.
        """
        if self.input_mean is not None:
            raise RuntimeError(f"Normalization {self.name!r}: adapt: the statistics are given")
        batches: Iterable[Any] = [data] if feed.is_arrays(data) else data
        count, total, squares = 0, np.zeros(()), np.zeros(())
        for number, batch in enumerate(batches):
            if steps is not None and number >= steps:
                break
            values = np.asarray(feed.parts_of("adapt", batch)[0], np.float64)
            if not self.built:
                self._build((None, *values.shape[1:]))
            over = tuple(axis for axis in range(values.ndim) if axis not in self._kept)
            fresh = values.size // int(np.prod([values.shape[axis] for axis in self._kept]))
            # Chan's formula joins the statistics of two parts.
            mean, spread = values.mean(over), values.var(over) * fresh
            gap = mean - total
            squares = squares + spread + gap**2 * (count * fresh / (count + fresh))
            total = total + gap * (fresh / (count + fresh))
            count += fresh
        if not count:
            raise ValueError(f"Normalization {self.name!r}: adapt: the data are empty")
        self.mean.assign(np.asarray(total, np.float32))
        self.variance.assign(np.asarray(squares / count, np.float32))
        self.count.assign(np.int64(count))

    def call(self, inputs: Tensor) -> Tensor:
        """Compute the outputs."""
        mean = self.mean.reshape(self._wide)
        deviation = self.variance.reshape(self._wide).sqrt().clamp(1e-7)
        x = as_float(inputs, mean)
        return x * deviation + mean if self.invert else (x - mean) / deviation

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """The inputs' shape."""
        return tuple(input_shape)
