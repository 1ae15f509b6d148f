"""What the tests of layers beside Keras's share."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest

import cygnet as cn

BATCH, STEPS, WIDTH = 3, 6, 4
RNG = np.random.default_rng(0)
DATA = RNG.standard_normal((BATCH, STEPS, WIDTH)).astype(np.float32)
OTHER = RNG.standard_normal((BATCH, 5, WIDTH)).astype(np.float32)
PADDED = np.arange(STEPS) < np.array([[4], [6], [1]])
HOLES = np.array([[1, 0, 1, 1, 0, 1], [0, 1, 1, 1, 1, 1], [1, 1, 0, 0, 0, 0]], bool)
EMPTY = np.array([[1, 1, 1, 1, 0, 0], [0, 0, 0, 0, 0, 0], [1, 1, 1, 1, 1, 1]], bool)
MASKS = {"none": None, "padded": PADDED, "holes": HOLES, "empty": EMPTY}


@functools.cache
def oracle() -> Any:
    """Keras, where it is installed."""
    import os

    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    return pytest.importorskip("keras", reason="Keras, an oracle where it is installed, is not")


def flat(outputs: Any) -> list[np.ndarray]:
    """Outputs in nested lists as arrays."""
    if isinstance(outputs, list | tuple):
        return [array for output in outputs for array in flat(output)]
    return [np.asarray(outputs.detach() if isinstance(outputs, cn.Tensor) else outputs)]


def given(value: Any) -> Any:
    """Arrays of call options as tensors."""
    if isinstance(value, np.ndarray):
        return cn.tensor(value)
    return [given(each) for each in value] if isinstance(value, list) else value


def close(ours: Any, theirs: Any) -> None:
    ours, theirs = flat(ours), flat(theirs)
    assert [array.shape for array in ours] == [array.shape for array in theirs]
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


def random_weights(layer: Any) -> list[np.ndarray]:
    generator = np.random.default_rng(1)
    weights = [
        (generator.standard_normal(weight.shape) * 0.4).astype(np.float32)
        for weight in layer.get_weights()
    ]
    layer.set_weights(weights)
    return weights


def given_to_keras(value: Any) -> Any:
    """Masks of Keras's attention are tensors, not arrays."""
    import keras as theirs

    return theirs.tree.map_structure(
        lambda x: theirs.ops.convert_to_tensor(x) if isinstance(x, np.ndarray) else x, value
    )
