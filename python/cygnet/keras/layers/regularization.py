"""Layers that are random in training and do nothing outside of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cygnet import kernels, ops
from cygnet.dtypes import NAMES
from cygnet.keras.layer import Layer
from cygnet.keras.layers.common import Shape, check_axes, checked_data_format
from cygnet.keras.layers.random_cell import dropout_cell, dropped
from cygnet.ops.common import wrap
from cygnet.ops.dropout import alpha_dropped
from cygnet.random import Generator
from cygnet.tensor import Tensor

__all__ = [
    "AlphaDropout",
    "Dropout",
    "GaussianDropout",
    "GaussianNoise",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "SpatialDropout3D",
]


class _Random(Layer):
    """Base of all: the random numbers follow from `seed`, or, without, from the default
    generator's seed and the layer's place in the model.
    """

    supports_masking = True

    seed: int | Generator | None

    def _normal(self, inputs: Tensor, mean: float, deviation: float) -> Tensor:
        """Normal numbers of the inputs' shape."""
        array = kernels.empty(inputs.shape, NAMES[inputs.dtype])
        return wrap(kernels.normal(array, dropout_cell(self), mean, deviation))

    def compute_output_shape(self, input_shape: Any) -> Shape:
        return tuple(input_shape)


def _rate(layer: Layer, rate: Any, argument: str = "rate") -> float:
    if (
        isinstance(rate, bool)
        or not isinstance(rate, int | float | np.number)
        or not 0 <= rate <= 1
    ):
        raise ValueError(
            f"{type(layer).__name__}: argument {argument} expected a number from 0 to 1, got "
            f"{rate!r}"
        )
    return float(rate)


class Dropout(_Random):
    """In training, sets elements to 0 at random and divides the others by ``1 - rate``.

    Parameters
    ----------
    rate : float
        Probability of a 0.
    noise_shape : sequence of (int or None), optional
        Shape of the decisions, which broadcasts to the inputs'; None stands for an input's size.
        Default: one for each element.
    seed : int or Generator, optional
    **kwargs
        As of `Layer`.

    References
    ----------
    N. Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", 2014.
    """

    def __init__(
        self,
        rate: float,
        noise_shape: Sequence[int | None] | None = None,
        seed: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.rate = _rate(self, rate)
        self.noise_shape = None if noise_shape is None else tuple(noise_shape)
        self.seed = seed

    def _noise_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        wanted = self.noise_shape
        if wanted is None:
            return shape
        if len(wanted) != len(shape):
            raise ValueError(
                f"{type(self).__name__} {self.name!r}: noise_shape {wanted} expected inputs of "
                f"{len(wanted)} axes, got shape {shape}"
            )
        return tuple(
            size if given is None else given for given, size in zip(wanted, shape, strict=True)
        )

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        if not training or self.rate == 0:
            return inputs
        shape = self._noise_shape(inputs.shape)
        if shape == inputs.shape:
            return dropped(self, inputs, self.rate)
        ones = ops.ones(*shape, dtype=inputs.dtype)
        return inputs * dropped(self, ones, self.rate)


class _SpatialDropout(Dropout):
    """Base of dropout of whole channels."""

    axes: int

    def __init__(
        self, rate: float, data_format: str | None = None, seed: Any = None, **kwargs: Any
    ) -> None:
        super().__init__(rate, seed=seed, **kwargs)
        self.data_format = checked_data_format(type(self).__name__, data_format)

    def _noise_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        check_axes(self, shape, self.axes + 2)
        ones = (1,) * self.axes
        if self.data_format == "channels_first":
            return (*shape[:2], *ones)
        return (shape[0], *ones, shape[-1])


class SpatialDropout1D(_SpatialDropout):
    """`Dropout` of whole channels of sequences (N, T, C).

    Parameters
    ----------
    rate : float
    seed : int or Generator, optional
    **kwargs
        As of `Layer`.
    """

    axes = 1

    def __init__(self, rate: float, seed: Any = None, **kwargs: Any) -> None:
        super().__init__(rate, None, seed, **kwargs)


class SpatialDropout2D(_SpatialDropout):
    """`Dropout` of whole channels of images.

    Parameters
    ----------
    rate : float
    data_format : {"channels_last", "channels_first"}, optional
    seed : int or Generator, optional
    **kwargs
        As of `Layer`.
    """

    axes = 2


class SpatialDropout3D(_SpatialDropout):
    """`Dropout` of whole channels of volumes; the arguments are those of `SpatialDropout2D`."""

    axes = 3


class GaussianNoise(_Random):
    """In training, adds normal numbers of mean 0.

    Parameters
    ----------
    stddev : float
    seed : int or Generator, optional
    **kwargs
        As of `Layer`.
    """

    def __init__(self, stddev: float, seed: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.stddev = _rate(self, stddev, "stddev")
        self.seed = seed

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        if not training or self.stddev == 0:
            return inputs
        return inputs + self._normal(inputs, 0.0, self.stddev)


class GaussianDropout(_Random):
    """In training, multiplies with normal numbers of mean 1 and variance ``rate / (1 - rate)``.

    Parameters
    ----------
    rate : float
        Below 1.
    seed : int or Generator, optional
    **kwargs
        As of `Layer`.
    """

    def __init__(self, rate: float, seed: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rate = _rate(self, rate)
        if rate == 1:
            raise ValueError("GaussianDropout: argument rate expected below 1, got 1")
        self.seed = seed

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        if not training or self.rate == 0:
            return inputs
        deviation = (self.rate / (1 - self.rate)) ** 0.5
        return inputs * self._normal(inputs, 1.0, deviation)


class AlphaDropout(Dropout):
    """Dropout for networks of `selu`: mean and variance of the inputs stay on average.

    Parameters
    ----------
    rate : float
    noise_shape : sequence of (int or None), optional
        As of `Dropout`.
    seed : int or Generator, optional
    **kwargs
        As of `Layer`.

    References
    ----------
    G. Klambauer et al., "Self-normalizing neural networks", NeurIPS 2017.
    """

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        if not training or self.rate == 0:
            return inputs
        shape = self._noise_shape(inputs.shape)
        return alpha_dropped(inputs, shape, self.rate, True, dropout_cell(self))
