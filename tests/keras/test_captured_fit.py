"""`keras.Model.fit` with captured steps: the bits of eager ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import cygnet as cn
from cygnet import keras
from cygnet.keras import layers
from tests.captured import WEIGHTS, X, Y


def dense() -> Any:
    return keras.Sequential(
        [
            layers.Input((8,)),
            layers.Dense(16, kernel_regularizer="l2"),
            layers.BatchNormalization(),
            layers.Activation("relu"),
            layers.Dropout(0.3),
            layers.Dense(3, activation="softmax"),
        ]
    )


def conv() -> Any:
    return keras.Sequential(
        [
            layers.Input((8,)),
            layers.Reshape((4, 2, 1)),
            layers.Conv2D(4, 2, padding="same", activation="relu"),
            layers.MaxPooling2D((2, 1)),
            layers.SpatialDropout2D(0.2),
            layers.Flatten(),
            layers.Dense(3, activation="softmax"),
        ]
    )


def lstm() -> Any:
    return keras.Sequential(
        [
            layers.Input((8,)),
            layers.Reshape((4, 2)),
            layers.LSTM(5, dropout=0.2, return_sequences=True),
            layers.Bidirectional(layers.GRU(4)),
            layers.Dense(3, activation="softmax"),
        ]
    )


def embedding(mask_zero: bool = False) -> Any:
    return keras.Sequential(
        [
            layers.Input((8,)),
            layers.Embedding(30, 4, mask_zero=mask_zero),
            layers.LSTM(5),
            layers.Dense(3, activation="softmax"),
        ]
    )


def masked() -> Any:
    return embedding(mask_zero=True)


def keras_outcome(model: Any, x: Any = X, y: Any = Y, **fit: Any) -> list[Any]:
    options = {"epochs": 6, "batch_size": 10, "verbose": 0, **fit}
    first = model.fit(x, y, validation_split=0.3, **options).history
    figures = [model.evaluate(x, y, batch_size=9, verbose=0)]
    predicted = model.predict(x, batch_size=9, verbose=0)
    second = model.fit(x, y, **options).history
    return [
        first,
        figures,
        np.asarray(predicted).tobytes(),
        second,
        [weight.tobytes() for weight in model.get_weights()],
        int(model.optimizer.iterations),
    ]


def compiled(make: Callable[[], Any], optimizer: Any = "adam", **options: Any) -> Any:
    cn.manual_seed(5)
    keras.utils.set_random_seed(5)
    model = make()
    options = {"loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"], **options}
    if callable(optimizer):
        optimizer = optimizer()
    model.compile(optimizer, **options)
    return model


OFF: list[dict[str, Any]] = [{"jit_compile": False}, {"run_eagerly": True}]


@pytest.mark.parametrize("make", [dense, conv, lstm, embedding, masked])
def test_bits_of_keras_models(make: Any) -> None:
    x = np.abs(X * 10).astype(np.int64) % 30 if make in (embedding, masked) else X
    captured = compiled(make)
    found = keras_outcome(captured, x)
    assert bool(captured._train_step.recordings) is (make is not masked)
    for off in OFF:
        eager = compiled(make, **off)
        assert found == keras_outcome(eager, x)
        assert not eager._train_step.recordings


def schedule() -> Any:
    return keras.optimizers.schedules.ExponentialDecay(0.01, 10, 0.9)


OPTIMIZERS: dict[str, Callable[[], Any]] = {
    name: getattr(keras.optimizers, name)
    for name in ("SGD", "RMSprop", "Adam", "AdamW", "Adamax", "Nadam", "Adagrad", "Adadelta")
} | {
    "momentum": lambda: keras.optimizers.SGD(0.01, momentum=0.9, nesterov=True),
    "schedule": lambda: keras.optimizers.Adam(schedule()),
    "decay": lambda: keras.optimizers.Adam(0.01, weight_decay=0.1),
    "norm": lambda: keras.optimizers.Adam(0.01, clipnorm=0.1),
    "all": lambda: keras.optimizers.SGD(0.01, global_clipnorm=0.1),
    "value": lambda: keras.optimizers.SGD(0.01, clipvalue=0.01),
    "average": lambda: keras.optimizers.SGD(0.01, use_ema=True),
    "accumulation": lambda: keras.optimizers.Adam(0.01, gradient_accumulation_steps=3),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_bits_of_keras_optimizers(name: str) -> None:
    captured = compiled(dense, OPTIMIZERS[name])
    assert keras_outcome(captured) == keras_outcome(
        compiled(dense, OPTIMIZERS[name], jit_compile=False)
    )
    assert bool(captured._train_step.recordings) is (name not in ("average", "accumulation"))


class KerasRate(keras.callbacks.Callback):
    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.model.optimizer.learning_rate = 0.01 / (1 + batch)


def test_bits_of_keras_weights_and_callbacks() -> None:
    fit = {
        "sample_weight": WEIGHTS,
        "class_weight": {0: 2.0, 1: 1.0, 2: 0.5},
        "callbacks": [KerasRate()],
    }
    options: dict[str, Any] = {"weighted_metrics": ["sparse_categorical_crossentropy"]}
    expected = keras_outcome(compiled(dense, jit_compile=False, **options), **fit)
    assert keras_outcome(compiled(dense, **options), **fit) == expected


def test_bits_of_a_keras_loss_of_ones_own() -> None:
    beta = keras.Variable(0.5)

    def loss(y_true: Any, y_pred: Any) -> Any:
        y = keras.ops.one_hot(keras.ops.cast(y_true, "int32"), 3)
        return keras.ops.mean(keras.ops.square(y - y_pred), axis=-1) * beta

    class Anneal(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            beta.assign(0.5 / (1 + epoch))

    found = []
    for jit in (True, False):
        model = compiled(dense, loss=loss, jit_compile=jit)
        found.append(keras_outcome(model, callbacks=[Anneal()]))
        assert bool(model._train_step.recordings) is jit
    assert found[0] == found[1]


def test_bits_of_several_outputs() -> None:
    def make() -> Any:
        inputs = keras.Input((8,))
        hidden = layers.Dense(6, activation="tanh")(inputs)
        return keras.Model(
            inputs,
            [
                layers.Dense(3, activation="softmax", name="kind")(hidden),
                layers.Dense(1, activation="sigmoid", name="flag")(hidden),
            ],
        )

    def run(jit: bool) -> list[Any]:
        model = compiled(
            make,
            loss=["sparse_categorical_crossentropy", "binary_crossentropy"],
            metrics=[["accuracy"], ["binary_crossentropy"]],
            jit_compile=jit,
        )
        targets = [Y, (Y > 1).astype(np.float32)[:, None]]
        history = model.fit(X, targets, epochs=6, batch_size=10, verbose=0).history
        assert bool(model._train_step.recordings) is jit
        return [history, model.evaluate(X, targets, verbose=0)]

    assert run(True) == run(False)


def test_trainable_is_changed() -> None:
    def run(jit: bool) -> list[Any]:
        model = compiled(dense, jit_compile=jit)
        first = keras_outcome(model)
        model.layers[0].trainable = False
        model.layers[1].trainable = False
        second = keras_outcome(model)
        model.compile("sgd", "sparse_categorical_crossentropy", jit_compile=jit)
        return [first, second, keras_outcome(model)]

    with pytest.warns(UserWarning, match="no gradient"):  # as without capture
        found = run(True)
    with pytest.warns(UserWarning, match="no gradient"):
        assert found == run(False)


def test_adversaries() -> None:
    """A frozen model inside another is trained by itself, as it was compiled."""

    def run(jit: bool) -> list[Any]:
        judge = compiled(dense, jit_compile=jit)
        judge.trainable = False
        inputs = keras.Input((8,))
        both = keras.Model(inputs, judge(layers.Dense(8)(inputs)))
        both.compile("adam", "sparse_categorical_crossentropy", jit_compile=jit)
        figures = []
        for _ in range(8):
            figures.append(judge.train_on_batch(X[:10], Y[:10]))
            figures.append(both.train_on_batch(X[:10], Y[:10]))
        return [figures, [weight.tobytes() for weight in both.get_weights()]]

    assert run(True) == run(False)


def test_added_losses_and_metrics_of_ones_own() -> None:
    class Penalty(layers.Layer):
        def call(self, inputs: Any) -> Any:
            self.add_loss(0.01 * keras.ops.sum(keras.ops.square(inputs)))
            return inputs

    class Total(keras.metrics.Metric):
        def __init__(self) -> None:
            super().__init__(name="total")
            self.sum = self.add_weight(name="sum", initializer="zeros")

        def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
            self.sum.assign_add(keras.ops.sum(y_pred))

        def result(self) -> Any:
            return self.sum

    def make() -> Any:
        return keras.Sequential([layers.Input((8,)), Penalty(), layers.Dense(3, "softmax")])

    def run(jit: bool) -> list[Any]:
        return keras_outcome(compiled(make, jit_compile=jit, metrics=["accuracy", Total()]))

    assert run(True) == run(False)


def test_a_keras_train_step_of_ones_own() -> None:
    class Own(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.dense = layers.Dense(3, activation="softmax")
            self.steps = 0

        def call(self, inputs: Any) -> Any:
            return self.dense(inputs)

        def train_step(self, data: Any) -> Any:
            self.steps += 1
            return super().train_step(data)

    def run(jit: bool) -> list[Any]:
        model = compiled(Own, jit_compile=jit)
        model.build((None, 8))
        return [*keras_outcome(model), model.steps]

    assert run(True) == run(False)
