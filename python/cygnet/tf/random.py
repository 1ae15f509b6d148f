"""Random tensors: ``tf.random``, the functions of `keras.random` with TensorFlow's arguments."""

from __future__ import annotations

from typing import Any

import cygnet
from cygnet.keras import random
from cygnet.tf.renamed import renamed
from cygnet.tf.values import sizes_of

__all__ = ["categorical", "normal", "set_seed", "shuffle", "truncated_normal", "uniform"]

normal = renamed(random.normal, "shape mean stddev dtype seed")
truncated_normal = renamed(random.truncated_normal, "shape mean stddev dtype seed")
categorical = renamed(random.categorical, "logits num_samples dtype seed", dtype="int64")


def set_seed(seed: int) -> None:
    """Start all random numbers anew from a seed."""
    cygnet.manual_seed(seed)


def uniform(
    shape: Any,
    minval: Any = 0,
    maxval: Any = None,
    dtype: Any = "float32",
    seed: int | None = None,
    name: str | None = None,
) -> Any:
    """Numbers from `minval` up to `maxval`, which is 1 by default; integers of integer types."""
    shape = sizes_of(shape)
    if "int" not in str(dtype):
        return random.uniform(shape, minval, 1.0 if maxval is None else maxval, dtype, seed)
    if maxval is None:
        raise ValueError("random.uniform: maxval is missing: integers have no default")
    return random.randint(shape, minval, maxval, dtype, seed)


def shuffle(value: Any, seed: int | None = None, name: str | None = None) -> Any:
    """The rows in a random order."""
    return random.shuffle(value, 0, seed)
