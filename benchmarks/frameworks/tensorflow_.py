"""TensorFlow's side of a benchmark: Keras layers on images (N, H, W, C), compiled."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from benchmarks.frameworks import STEPS, Workload
from benchmarks.networks import (
    NETWORKS,
    Average,
    Conv,
    Flatten,
    Layer,
    Linear,
    Network,
    Norm,
    Pool,
    Relu,
    Residual,
    batch_of,
    channels_last_weights,
)
from benchmarks.recurrent import RECURRENT

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
import keras
import tensorflow as tf

from benchmarks.frameworks import recurrent_tensorflow

KINDS = ("train", "infer")
tf.get_logger().setLevel("ERROR")  # it warns of the second network


def describe() -> dict[str, Any]:
    """Versions."""
    return {"framework": f"tensorflow {tf.__version__}", "keras": keras.__version__}


def variants(kind: str, name: str) -> list[str]:
    """Keras's own step; one as a graph; the same compiled by XLA. None of padded or bidirectional
    sequences, which it computes in full, and of tokens.
    """
    if not RECURRENT[name].plain if name in RECURRENT else NETWORKS[name].tokens:
        return []
    return (["train_on_batch"] if kind == "train" else []) + ["function", "xla"]


class Builder:
    """Applies layers, and keeps those that have weights in order."""

    def __init__(self) -> None:
        self.weighted: list[Any] = []

    def keep(self, layer: Any) -> Any:
        self.weighted.append(layer)
        return layer

    def apply(self, layer: Layer, x: Any) -> Any:
        layers = keras.layers
        match layer:
            case Linear():
                return self.keep(layers.Dense(layer.outputs))(x)
            case Conv():
                return self.conv(layer, x)
            case Norm():
                return self.keep(layers.BatchNormalization(momentum=0.9, epsilon=1e-5))(x)
            case Relu():
                return layers.ReLU()(x)
            case Pool():
                return layers.MaxPooling2D(layer.kernel)(x)
            case Average():
                return layers.GlobalAveragePooling2D(keepdims=True)(x)
            case Flatten():
                return layers.Flatten()(x)
            case Residual():
                body = self.chain(layer.body, x)
                return layers.Add()([body, self.chain(layer.shortcut, x)])

    def conv(self, layer: Conv, x: Any) -> Any:
        layers = keras.layers
        options: dict[str, Any] = {"strides": layer.stride, "use_bias": layer.bias}
        if layer.transposed:  # whose size is stride times that of the input
            kind = layers.Conv2DTranspose
            return self.keep(kind(layer.outputs, layer.kernel, padding="same", **options))(x)
        if layer.padding and layer.stride == 1:
            options["padding"] = "same"
        elif layer.padding:
            x = layers.ZeroPadding2D(layer.padding)(x)
        if layer.groups > 1:
            return self.keep(layers.DepthwiseConv2D(layer.kernel, **options))(x)
        return self.keep(layers.Conv2D(layer.outputs, layer.kernel, **options))(x)

    def chain(self, layers: Sequence[Layer], x: Any) -> Any:
        for layer in layers:
            x = self.apply(layer, x)
        return x


def model_of(network: Network) -> Any:
    builder = Builder()
    sample = (*network.sample[1:], network.sample[0]) if network.images else network.sample
    inputs = keras.Input(sample)
    model = keras.Model(inputs, builder.chain(network.layers, inputs))
    weights = iter(channels_last_weights(network))
    for layer in builder.weighted:
        for variable in layer.trainable_variables:
            values = next(weights)
            if isinstance(layer, keras.layers.DepthwiseConv2D):  # (h, w, in, 1)
                values = values.swapaxes(2, 3)
            variable.assign(values)
    return model


def graph(function: Callable[..., Any], variant: str) -> Any:
    return tf.function(function, jit_compile=variant == "xla")


def train(model: Any, loss: str, chosen: str, variant: str, samples: Any, targets: Any) -> Workload:
    """Steps with a loss and an optimizer that are named as in `Network`."""
    if loss == "cross entropy":
        loss_of = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    else:
        loss_of = keras.losses.BinaryCrossentropy(from_logits=True)
    if chosen == "adam":
        optimizer: Any = keras.optimizers.Adam(1e-3, epsilon=1e-8)
    else:
        optimizer = keras.optimizers.SGD(0.01, momentum=0.9)
    optimizer.build(model.trainable_variables)

    def step(x: Any, y: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = loss_of(y, model(x, training=True))
        variables = model.trainable_variables
        optimizer.apply(tape.gradient(loss, variables), variables)
        return loss

    if variant == "train_on_batch":
        model.compile(optimizer, loss_of, jit_compile=False)

        def run() -> Any:
            model.reset_metrics()  # else the loss is that of all steps so far
            return model.train_on_batch(samples, targets)
    else:
        compiled = graph(step, variant)

        def run() -> Any:
            return compiled(samples, targets)

    return Workload(run, lambda: [np.array([float(run()) for _ in range(STEPS)])])


def infer(model: Any, variant: str, samples: Any) -> Workload:
    forward = graph(lambda x: model(x, training=False), variant)

    def results() -> list[Any]:
        result = forward(samples).numpy()
        if result.ndim == 3:  # (batch, steps, scores)
            return [result.swapaxes(0, 1)]
        return [np.moveaxis(result, -1, 1) if result.ndim == 4 else result]

    return Workload(lambda: forward(samples), results)


def build(
    kind: str, name: str, variant: str, threads: int, batch: int, seed: int, dtype: str
) -> Workload:
    """The workload of that name."""
    if tf.config.threading.get_intra_op_parallelism_threads() != threads:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
    if name in RECURRENT:
        row = RECURRENT[name]
        samples, targets = (tf.constant(a) for a in recurrent_tensorflow.data_of(row, batch))
        model = recurrent_tensorflow.model_of(row)
        if kind == "infer":
            return infer(model, variant, samples)
        return train(model, "cross entropy", "adam", variant, samples, targets)
    network = NETWORKS[name]
    data = [np.moveaxis(a, 1, -1) if a.ndim == 4 else a for a in batch_of(network, batch)]
    samples, targets = (tf.constant(a) for a in data)
    if kind == "train":
        return train(model_of(network), network.loss, network.optimizer, variant, samples, targets)
    return infer(model_of(network), variant, samples)
