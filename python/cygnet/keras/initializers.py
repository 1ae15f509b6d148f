"""Initial values of weights, with Keras's names, arguments and distributions.

Random ones come from the ``init`` stream of a generator: that of `seed`, or of a number that the
default generator gives when the initializer is made. So one object gives the same values each time
that it is called for the same shape, as in Keras; one whose seed is a `Generator` gives others.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from cygnet import kernels
from cygnet.keras.lookup import Configurable, Registry
from cygnet.kernels import ShapeError
from cygnet.nn import init
from cygnet.ops.create import as_tensor, empty, full
from cygnet.random import Generator, default_generator
from cygnet.tensor import Tensor

__all__ = [
    "Constant",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Identity",
    "IdentityInitializer",
    "Initializer",
    "LecunNormal",
    "LecunUniform",
    "Ones",
    "Orthogonal",
    "OrthogonalInitializer",
    "RandomNormal",
    "RandomUniform",
    "TruncatedNormal",
    "VarianceScaling",
    "Zeros",
    "constant",
    "deserialize",
    "get",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "identity",
    "lecun_normal",
    "lecun_uniform",
    "ones",
    "orthogonal",
    "random_normal",
    "random_uniform",
    "serialize",
    "truncated_normal",
    "variance_scaling",
    "zeros",
]


class Initializer(Configurable):
    """Base class: a function of a shape and a type."""

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Tensor:
        """A new tensor.

        Parameters
        ----------
        shape : sequence of int
        dtype : str or dtype, optional
            Default float32.
        """
        raise NotImplementedError(f"{type(self).__name__}: an initializer must define __call__")

    def clone(self) -> Initializer:
        """Another one of the same configuration."""
        return self.from_config(self.get_config())


class Constant(Initializer):
    """One number everywhere.

    Parameters
    ----------
    value : float
        Default 0.
    """

    def __init__(self, value: float = 0.0) -> None:
        self.value = value

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Tensor:
        return full(tuple(shape), self.value, dtype=dtype or "float32")


class Zeros(Initializer):
    """0 everywhere."""

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Tensor:
        return full(tuple(shape), 0, dtype=dtype or "float32")


class Ones(Initializer):
    """1 everywhere."""

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Tensor:
        return full(tuple(shape), 1, dtype=dtype or "float32")


class Identity(Initializer):
    """A matrix that is `gain` on its diagonal and 0 elsewhere.

    Parameters
    ----------
    gain : float
        Default 1.
    """

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = gain

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Tensor:
        if len(shape) != 2:
            raise ShapeError(f"Identity: shape expected 2 sizes, got {tuple(shape)}")
        return as_tensor(np.eye(*shape, dtype=np.dtype(dtype or "float32")) * self.gain)


class _Random(Initializer):
    """Base of those that draw; `seed` is an int, a `Generator` or None."""

    def __init__(self, seed: int | Generator | None = None) -> None:
        if seed is not None and not isinstance(seed, int | np.integer | Generator):
            raise TypeError(
                f"{type(self).__name__}: seed expected an int or a Generator, got {seed!r}"
            )
        self.seed = seed
        if seed is None:
            cell = default_generator.cell("init")
            seed = int(kernels.integers(np.empty(1, np.int64), cell, 0, 2**62)[0])
        self._source = seed

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        return config | ({"seed": None} if isinstance(self.seed, Generator) else {})

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Tensor:
        tensor = empty(tuple(shape), dtype=dtype or "float32")
        source = self._source
        self._fill(tensor, source if isinstance(source, Generator) else Generator(source))
        return tensor

    def _fill(self, tensor: Tensor, generator: Generator) -> None:
        raise NotImplementedError


class RandomNormal(_Random):
    """Of a normal distribution.

    Parameters
    ----------
    mean, stddev : float
        Default 0 and 0.05.
    seed : int or Generator, optional
    """

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: Any = None) -> None:
        super().__init__(seed)
        self.mean, self.stddev = mean, stddev

    def _fill(self, tensor: Tensor, generator: Generator) -> None:
        init.normal_(tensor, self.mean, self.stddev, generator)


class TruncatedNormal(RandomNormal):
    """Of a normal distribution, without what lies more than two deviations from the mean.

    The arguments are those of `RandomNormal`.
    """

    def _fill(self, tensor: Tensor, generator: Generator) -> None:
        _fill_truncated(tensor, self.mean, self.stddev, generator)


def _fill_truncated(tensor: Tensor, mean: float, deviation: float, generator: Generator) -> None:
    low, high = mean - 2 * deviation, mean + 2 * deviation
    init.trunc_normal_(tensor, mean, deviation, low, high, generator)


class RandomUniform(_Random):
    """Of a uniform distribution.

    Parameters
    ----------
    minval, maxval : float
        Default -0.05 and 0.05.
    seed : int or Generator, optional
    """

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: Any = None) -> None:
        super().__init__(seed)
        self.minval, self.maxval = minval, maxval

    def _fill(self, tensor: Tensor, generator: Generator) -> None:
        init.uniform_(tensor, self.minval, self.maxval, generator)


class Orthogonal(_Random):
    """An orthogonal matrix, of the last axis and all others (Saxe et al. 2014).

    Parameters
    ----------
    gain : float
        What it is multiplied with. Default 1.
    seed : int or Generator, optional
    """

    def __init__(self, gain: float = 1.0, seed: Any = None) -> None:
        super().__init__(seed)
        self.gain = gain

    def _fill(self, tensor: Tensor, generator: Generator) -> None:
        if tensor.ndim < 2:
            raise ShapeError(f"Orthogonal: shape expected 2 sizes or more, got {tensor.shape}")
        init.orthogonal_(tensor.reshape(-1, tensor.shape[-1]), self.gain, generator)


Axes = Sequence[int] | None


def _fans(shape: Sequence[int], input_axes: Axes, output_axes: Axes) -> tuple[int, int]:
    """Inputs of an output and outputs of an input, for a weight (\\*kernel, in, out)."""
    if len(shape) < 2:
        size = math.prod(shape)
        return size, size
    if input_axes is None or output_axes is None:
        kernel = math.prod(shape[:-2])
        return shape[-2] * kernel, shape[-1] * kernel
    return (
        math.prod(shape[axis] for axis in input_axes),
        math.prod(shape[axis] for axis in output_axes),
    )


# The deviation of a normal distribution that is cut off at two deviations.
_DEVIATION_OF_TRUNCATED = 0.87962566103423978

_FANS: dict[str, Callable[[int, int], float]] = {
    "fan_in": lambda inputs, outputs: inputs,
    "fan_out": lambda inputs, outputs: outputs,
    "fan_avg": lambda inputs, outputs: (inputs + outputs) / 2,
}
_DISTRIBUTIONS = ("truncated_normal", "untruncated_normal", "uniform")


class VarianceScaling(_Random):
    """Of variance ``scale / fan``, so that the layers' outputs have similar variances.

    Parameters
    ----------
    scale : float
        Default 1.
    mode : {"fan_in", "fan_out", "fan_avg"}
        The fan: inputs of an output, outputs of an input, or the mean of both.
    distribution : {"truncated_normal", "untruncated_normal", "uniform"}
    seed : int or Generator, optional
    input_axes, output_axes : sequence of int, optional
        Axes of the weight whose sizes make the fans, both or none; by default the last but one and
        the last, each with all axes before.
    """

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: Any = None,
        input_axes: Axes = None,
        output_axes: Axes = None,
    ) -> None:
        super().__init__(seed)
        name = type(self).__name__
        distribution = "truncated_normal" if distribution == "normal" else distribution
        for argument, value, known in (
            ("mode", mode, tuple(_FANS)),
            ("distribution", distribution, _DISTRIBUTIONS),
        ):
            if value not in known:
                raise ValueError(f"{name}: argument {argument} expected {known}, got {value!r}")
        if not scale > 0:
            raise ValueError(f"{name}: argument scale expected above 0, got {scale!r}")
        self.scale, self.mode, self.distribution = scale, mode, distribution
        self.input_axes, self.output_axes = input_axes, output_axes

    def _fill(self, tensor: Tensor, generator: Generator) -> None:
        fan = _FANS[self.mode](*_fans(tensor.shape, self.input_axes, self.output_axes))
        deviation = math.sqrt(self.scale / max(1.0, fan))
        if self.distribution == "uniform":
            bound = math.sqrt(3.0) * deviation
            init.uniform_(tensor, -bound, bound, generator)
        elif self.distribution == "untruncated_normal":
            init.normal_(tensor, 0.0, deviation, generator)
        else:
            _fill_truncated(tensor, 0.0, deviation / _DEVIATION_OF_TRUNCATED, generator)


class _Scaled(VarianceScaling):
    """Base of the named cases of `VarianceScaling`."""

    case: ClassVar[tuple[float, str, str]]

    def __init__(self, seed: Any = None, input_axes: Axes = None, output_axes: Axes = None) -> None:
        super().__init__(*self.case, seed, input_axes, output_axes)


class GlorotUniform(_Scaled):
    """Uniform of variance ``2 / (inputs + outputs)`` (Glorot & Bengio 2010)."""

    case = (1.0, "fan_avg", "uniform")


class GlorotNormal(_Scaled):
    """Truncated normal of variance ``2 / (inputs + outputs)`` (Glorot & Bengio 2010)."""

    case = (1.0, "fan_avg", "truncated_normal")


class HeUniform(_Scaled):
    """Uniform of variance ``2 / inputs`` (He et al. 2015)."""

    case = (2.0, "fan_in", "uniform")


class HeNormal(_Scaled):
    """Truncated normal of variance ``2 / inputs`` (He et al. 2015)."""

    case = (2.0, "fan_in", "truncated_normal")


class LecunUniform(_Scaled):
    """Uniform of variance ``1 / inputs`` (LeCun et al. 1998)."""

    case = (1.0, "fan_in", "uniform")


class LecunNormal(_Scaled):
    """Truncated normal of variance ``1 / inputs`` (LeCun et al. 1998)."""

    case = (1.0, "fan_in", "truncated_normal")


constant = Constant
glorot_normal = GlorotNormal
glorot_uniform = GlorotUniform
he_normal = HeNormal
he_uniform = HeUniform
identity = IdentityInitializer = Identity
lecun_normal = LecunNormal
lecun_uniform = LecunUniform
ones = Ones
orthogonal = OrthogonalInitializer = Orthogonal
random_normal = RandomNormal
random_uniform = RandomUniform
truncated_normal = TruncatedNormal
variance_scaling = VarianceScaling
zeros = Zeros

_registry = Registry(
    "initializers",
    {
        cls.__name__: cls
        for cls in (
            Constant, GlorotNormal, GlorotUniform, HeNormal, HeUniform, Identity, LecunNormal,
            LecunUniform, Ones, Orthogonal, RandomNormal, RandomUniform, TruncatedNormal,
            VarianceScaling, Zeros,
        )
    },
    {
        "IdentityInitializer": Identity,
        "OrthogonalInitializer": Orthogonal,
        "normal": RandomNormal,
        "one": Ones,
        "uniform": RandomUniform,
        "zero": Zeros,
    },
)  # fmt: skip
serialize = _registry.serialize
deserialize = _registry.deserialize


def get(identifier: Any) -> Any:
    """The initializer of a name, a configuration, a class or an array; see `Registry.get`."""
    if isinstance(identifier, np.ndarray | Tensor):
        return lambda shape, dtype=None: as_tensor(identifier).to(np.dtype(dtype or "float32"))
    return _registry.get(identifier)
