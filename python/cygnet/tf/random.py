"""Random tensors: ``tf.random``."""

from __future__ import annotations

from typing import Any

import cygnet
from cygnet.keras import random

__all__ = ["categorical", "normal", "set_seed", "shuffle", "truncated_normal", "uniform"]


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
    return random.normal(shape, mean, stddev, dtype, seed)


def uniform(
    shape: Any,
    minval: Any = 0,
    maxval: Any = None,
    dtype: Any = "float32",
    seed: int | None = None,
    name: str | None = None,
) -> Any:
    """Numbers from `minval` up to `maxval`, which is 1 by default; integers of integer types."""
    if "int" in str(dtype):
        if maxval is None:
            raise ValueError("random.uniform: maxval is missing: integers have no default")
        return random.randint(shape, minval, maxval, dtype, seed)
    return random.uniform(shape, minval, 1.0 if maxval is None else maxval, dtype, seed)


def truncated_normal(
    shape: Any,
    mean: float = 0.0,
    stddev: float = 1.0,
    dtype: Any = "float32",
    seed: int | None = None,
    name: str | None = None,
) -> Any:
    """Numbers of a normal distribution, those beyond two deviations drawn again."""
    return random.truncated_normal(shape, mean, stddev, dtype, seed)


def categorical(
    logits: Any, num_samples: int, dtype: Any = None, seed: int | None = None, name: Any = None
) -> Any:
    """Classes drawn by the softmax of each row of logits (N, C): (N, num_samples), int64."""
    return random.categorical(logits, num_samples, dtype, seed)


def shuffle(value: Any, seed: int | None = None, name: str | None = None) -> Any:
    """The rows in a random order."""
    return random.shuffle(value, 0, seed)
