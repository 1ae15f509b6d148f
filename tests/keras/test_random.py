"""`keras.random`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import cygnet as cn
from cygnet import keras
from cygnet.keras import layers, ops, random

DRAWS = {
    "normal": lambda seed: random.normal((400, 50), 1.0, 2.0, seed=seed),
    "uniform": lambda seed: random.uniform((400, 50), -1.0, 3.0, seed=seed),
    "truncated_normal": lambda seed: random.truncated_normal((400, 50), 1.0, 2.0, seed=seed),
    "randint": lambda seed: random.randint((400, 50), -1, 4, seed=seed),
    "categorical": lambda seed: random.categorical(np.zeros((400, 3)), 50, seed=seed),
    "shuffle": lambda seed: random.shuffle(np.arange(50.0), seed=seed),
    "dropout": lambda seed: random.dropout(cn.ones(400, 50), 0.5, seed=seed),
}


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_seeds(draw: Any) -> None:
    """An int gives the same numbers again, a generator and None give others."""
    np.testing.assert_array_equal(draw(3).numpy(), draw(3).numpy())
    assert not np.array_equal(draw(3).numpy(), draw(4).numpy())
    assert not np.array_equal(draw(None).numpy(), draw(None).numpy())
    generator, again = random.SeedGenerator(5), random.SeedGenerator(5)
    first, second = draw(generator), draw(generator)
    assert not np.array_equal(first.numpy(), second.numpy())
    np.testing.assert_array_equal(draw(again).numpy(), first.numpy())


def test_distributions() -> None:
    normal, uniform = DRAWS["normal"](0), DRAWS["uniform"](0)
    np.testing.assert_allclose([normal.mean(), normal.std()], [1.0, 2.0], atol=0.05)
    np.testing.assert_allclose(
        [uniform.mean(), uniform.min(), uniform.max()], [1, -1, 3], atol=0.05
    )
    assert (DRAWS["truncated_normal"](0) - 1.0).abs().max() <= 4.0
    assert set(DRAWS["randint"](0).unique().tolist()) == {-1, 0, 1, 2, 3}
    assert DRAWS["randint"](0).dtype == np.int32
    classes = random.categorical(np.log([[0.5, 0.5, 1e-9]]), 1000, dtype="int64")
    assert classes.shape == (1, 1000) and set(classes.unique().tolist()) == {0, 1}
    assert sorted(DRAWS["shuffle"](0).tolist()) == list(range(50))
    assert random.shuffle(np.eye(4), axis=1).shape == (4, 4)
    rows = random.dropout(cn.ones(20, 30), 0.5, noise_shape=(None, 1))
    assert set(rows.unique().tolist()) == {0.0, 2.0}
    np.testing.assert_array_equal(rows.numpy(), np.repeat(rows[:, :1].numpy(), 30, 1))


def test_generator_as_seed() -> None:
    generator = random.SeedGenerator(7)
    assert random.SeedGenerator.from_config(generator.get_config()).initial_seed() == 7
    dropout = layers.Dropout(0.5, seed=generator)
    x = cn.ones(10, 10)
    assert not np.array_equal(dropout(x, training=True), dropout(x, training=True))
    make = keras.initializers.GlorotUniform(seed=generator)
    assert not np.array_equal(make((3, 4)), make((3, 4)))


def test_variational_sampling() -> None:
    """The layer of Keras's variational autoencoder."""

    class Sampling(layers.Layer):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.seed_generator = keras.random.SeedGenerator(1337)

        def call(self, inputs: Any) -> Any:
            z_mean, z_log_var = inputs
            batch, dim = ops.shape(z_mean)
            epsilon = keras.random.normal(shape=(batch, dim), seed=self.seed_generator)
            return z_mean + ops.exp(0.5 * z_log_var) * epsilon

    mean, variance = keras.Input((2,)), keras.Input((2,))
    model = keras.Model([mean, variance], Sampling()([mean, variance]))
    assert model.output_shape == (None, 2)
    drawn = model([cn.zeros(1000, 2), cn.zeros(1000, 2)])
    np.testing.assert_allclose(drawn.std().item(), 1.0, atol=0.1)
