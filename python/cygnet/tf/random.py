"""Random tensors: ``tf.random``."""

from __future__ import annotations

from typing import Any

import cygnet
from cygnet import ops
from cygnet.random import Generator, default_generator

__all__ = ["categorical", "normal", "set_seed", "shuffle", "truncated_normal", "uniform"]


def _generator(seed: int | None) -> Generator:
    return default_generator if seed is None else Generator(seed)


def set_seed(seed: int) -> None:
    """Start all random numbers anew from a seed."""
    cygnet.manual_seed(seed)


def normal(
    shape: Any,
    mean: Any = 0.0,
    stddev: Any = 1.0,
    dtype: Any = "float32",
    seed: int | None = None,
    name: str | None = None,
) -> Any:
    """Numbers of a normal distribution."""
    drawn = ops.randn(tuple(map(int, shape)), dtype=dtype, generator=_generator(seed))
    return drawn * stddev + mean


def uniform(
    shape: Any,
    minval: Any = 0,
    maxval: Any = None,
    dtype: Any = "float32",
    seed: int | None = None,
    name: str | None = None,
) -> Any:
    """Numbers from `minval` up to `maxval`, which is 1 by default; integers of integer types."""
    sizes = tuple(map(int, shape))
    if "int" in str(dtype):
        if maxval is None:
            raise ValueError("random.uniform: maxval is missing: integers have no default")
        return ops.randint(int(minval), int(maxval), sizes, dtype=dtype, generator=_generator(seed))
    drawn = ops.rand(sizes, dtype=dtype, generator=_generator(seed))
    return drawn * ((1.0 if maxval is None else maxval) - minval) + minval


def truncated_normal(
    shape: Any,
    mean: float = 0.0,
    stddev: float = 1.0,
    dtype: Any = "float32",
    seed: int | None = None,
    name: str | None = None,
) -> Any:
    """Numbers of a normal distribution, those beyond two deviations drawn again."""
    values = cygnet.empty(tuple(map(int, shape)), dtype=dtype)
    return cygnet.nn.init.trunc_normal_(
        values, mean, stddev, mean - 2 * stddev, mean + 2 * stddev, generator=_generator(seed)
    )


def categorical(
    logits: Any, num_samples: int, dtype: Any = None, seed: int | None = None, name: Any = None
) -> Any:
    """Classes drawn by the softmax of each row of logits (N, C): (N, num_samples), int64."""
    shares = ops.softmax(ops.as_tensor(logits), -1)
    return ops.multinomial(shares, num_samples, True, generator=_generator(seed))


def shuffle(value: Any, seed: int | None = None, name: str | None = None) -> Any:
    """The rows in a random order."""
    tensor = ops.as_tensor(value)
    return tensor[ops.randperm(len(tensor), generator=_generator(seed))]
