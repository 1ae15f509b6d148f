"""Recurrent networks in Keras, whose sequences are (batch, steps)."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from benchmarks.recurrent import Recurrent, batch_of, weights_of

LAYERS = {"lstm": "LSTM", "gru": "GRU", "rnn": "SimpleRNN"}


def keras_weights(row: Recurrent, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any) -> list[Any]:
    """Those of a layer: transposed; a GRU (with `reset_after`) has its gates in the order z, r, n,
    and two biases where the others have one.
    """
    biases = np.stack([b_ih, b_hh])
    weights = [w_ih.T, w_hh.T, biases]
    if row.cell == "gru":
        order = np.r_[row.hidden : 2 * row.hidden, : row.hidden, 2 * row.hidden : 3 * row.hidden]
        return [w[..., order] for w in weights]
    return [w_ih.T, w_hh.T, biases.sum(0)]


def model_of(row: Recurrent) -> Any:
    inputs = keras.Input((row.steps,), dtype="int64")
    x = keras.layers.Embedding(row.vocabulary, row.embedding)(inputs)
    for _ in range(row.layers):
        x = getattr(keras.layers, LAYERS[row.cell])(row.hidden, return_sequences=True)(x)
    model = keras.Model(inputs, keras.layers.Dense(row.vocabulary)(x))
    embedding, *layers, weight, bias = weights_of(row)
    arrays = [embedding]
    for first in range(0, len(layers), 4):
        arrays += keras_weights(row, *layers[first : first + 4])
    model.set_weights([*arrays, weight.T, bias])
    return model


def data_of(row: Recurrent, batch: int) -> list[Any]:
    return [a.T for a in batch_of(row, batch)]
