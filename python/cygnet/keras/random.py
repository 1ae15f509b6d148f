"""Random tensors by Keras's names.

`seed` is None for the default generator's next numbers, an int for the same numbers in each call,
or a `SeedGenerator` for its next ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import cygnet.ops as core
from cygnet import kernels
from cygnet.keras.ops.common import in_dtype, tensor_of, with_fractions
from cygnet.nn.init import trunc_normal_
from cygnet.random import Generator, default_generator
from cygnet.tensor import Tensor

__all__ = [
    "SeedGenerator",
    "categorical",
    "dropout",
    "normal",
    "randint",
    "shuffle",
    "truncated_normal",
    "uniform",
]


class SeedGenerator(Generator):
    """Random numbers of its own for functions, initializers and layers that take a `seed`.

    Parameters
    ----------
    seed : int, optional
        Default: drawn from the default generator.
    name : str, optional
        Accepted for Keras's sake.
    """

    def __init__(self, seed: int | None = None, name: str | None = None, **kwargs: Any) -> None:
        if seed is None:
            cell = default_generator.cell("init")
            seed = int(kernels.integers(np.empty(1, np.int64), cell, 0, 2**62)[0])
        super().__init__(seed)

    def get_config(self) -> dict[str, Any]:
        """The seed."""
        return {"seed": self.initial_seed()}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> SeedGenerator:
        """One that begins with the same numbers."""
        return cls(**config)


def _generator(seed: Any) -> Generator:
    if seed is None:
        return default_generator
    return seed if isinstance(seed, Generator) else Generator(int(seed))


def _sizes(shape: Any) -> tuple[int, ...]:
    return tuple(int(size) for size in shape)


def normal(
    shape: Sequence[int],
    mean: Any = 0.0,
    stddev: Any = 1.0,
    dtype: Any = None,
    seed: Any = None,
) -> Tensor:
    """Numbers of a normal distribution; mean and deviation may be tensors."""
    drawn = core.randn(_sizes(shape), dtype=dtype or "float32", generator=_generator(seed))
    normal_numbers: Tensor = drawn * stddev + mean
    return normal_numbers


def uniform(
    shape: Sequence[int],
    minval: Any = 0.0,
    maxval: Any = 1.0,
    dtype: Any = None,
    seed: Any = None,
) -> Tensor:
    """Numbers from `minval` up to `maxval`."""
    drawn = core.rand(_sizes(shape), dtype=dtype or "float32", generator=_generator(seed))
    numbers: Tensor = drawn * (maxval - minval) + minval
    return numbers


def randint(
    shape: Sequence[int], minval: Any, maxval: Any, dtype: Any = "int32", seed: Any = None
) -> Tensor:
    """Whole numbers from `minval` to below `maxval`."""
    generator = _generator(seed)
    return core.randint(int(minval), int(maxval), _sizes(shape), dtype=dtype, generator=generator)


def truncated_normal(
    shape: Sequence[int],
    mean: float = 0.0,
    stddev: float = 1.0,
    dtype: Any = None,
    seed: Any = None,
) -> Tensor:
    """Numbers of a normal distribution without those beyond two deviations."""
    empty = core.empty(_sizes(shape), dtype=dtype or "float32")
    low, high = mean - 2 * stddev, mean + 2 * stddev
    return trunc_normal_(empty, mean, stddev, low, high, _generator(seed))


def categorical(logits: Any, num_samples: int, dtype: Any = "int32", seed: Any = None) -> Tensor:
    """Classes drawn by the softmax of each row of logits (N, C): (N, num_samples)."""
    shares = core.softmax(with_fractions(logits), -1)
    drawn = core.multinomial(shares.detach(), num_samples, True, generator=_generator(seed))
    return in_dtype(drawn, dtype)


def shuffle(x: Any, axis: int = 0, seed: Any = None) -> Tensor:
    """The entries of an axis in a random order."""
    tensor = tensor_of(x)
    order = core.randperm(tensor.shape[axis], generator=_generator(seed))
    return core.index_select(tensor, axis, order)


def dropout(inputs: Any, rate: float, noise_shape: Any = None, seed: Any = None) -> Tensor:
    """Numbers set to zero with probability `rate`, and the others divided by 1 - rate; the choice
    is the same along axes where `noise_shape` is 1.
    """
    x = with_fractions(inputs)
    cell = _generator(seed).cell("dropout")
    if noise_shape is None:
        return core.dropout(x, rate, cell=cell)
    pairs = zip(noise_shape, x.shape, strict=True)
    sizes = tuple(size if given is None else given for given, size in pairs)
    return x * core.dropout(core.ones(sizes, dtype=x.dtype), rate, cell=cell)
