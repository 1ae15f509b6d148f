"""JAX's side of a benchmark: images (N, H, W, C), one jit of the whole training step."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import jax
import numpy as np
from jax import lax
from jax import numpy as jnp

from benchmarks.frameworks import STEPS, Workload, recurrent_jax
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

KINDS = ("train", "infer")
LAYOUT = ("NHWC", "HWIO", "NHWC")


def describe() -> dict[str, Any]:
    """Version."""
    return {"framework": f"jax {jax.__version__}"}


def variants(kind: str, name: str) -> list[str]:
    """None of padded or bidirectional sequences, which a scan has not, and of tokens."""
    if name in RECURRENT:
        return ["jit"] if RECURRENT[name].plain else []
    return [] if NETWORKS[name].tokens else ["jit"]


def apply(layer: Layer, weights: Iterator[Any], x: Any, training: bool) -> Any:
    match layer:
        case Linear():
            return x @ next(weights) + next(weights)
        case Conv():
            pad = [(layer.padding, layer.padding)] * 2
            stride = (layer.stride, layer.stride)
            if layer.transposed:
                reach = layer.kernel - 1 - layer.padding
                x = lax.conv_transpose(
                    x, next(weights), stride, [(reach, reach)] * 2, dimension_numbers=LAYOUT,
                    transpose_kernel=True,
                )  # fmt: skip
            else:
                x = lax.conv_general_dilated(
                    x, next(weights), stride, pad, dimension_numbers=LAYOUT,
                    feature_group_count=layer.groups,
                )  # fmt: skip
            return x + next(weights) if layer.bias else x
        case Norm():  # running averages stay 0 and 1: JAX is spared them
            scale, shift = next(weights), next(weights)
            mean, variance = 0.0, 1.0
            if training:
                mean, variance = jnp.mean(x, (0, 1, 2)), jnp.var(x, (0, 1, 2))
            return (x - mean) * (lax.rsqrt(variance + 1e-5) * scale) + shift
        case Relu():
            return jnp.maximum(x, 0)
        case Pool():
            window = (1, layer.kernel, layer.kernel, 1)
            return lax.reduce_window(x, -jnp.inf, lax.max, window, window, "VALID")
        case Average():
            return jnp.mean(x, (1, 2), keepdims=True)
        case Flatten():
            return x.reshape(x.shape[0], -1)
        case Residual():
            body = chain(layer.body, weights, x, training)
            return body + chain(layer.shortcut, weights, x, training)


def chain(layers: Sequence[Layer], weights: Iterator[Any], x: Any, training: bool) -> Any:
    for layer in layers:
        x = apply(layer, weights, x, training)
    return x


def loss_of(network: Network, weights: list[Any], x: Any, targets: Any) -> Any:
    scores = chain(network.layers, iter(weights), x, training=True)
    if network.loss == "cross entropy":
        chosen = jnp.take_along_axis(jax.nn.log_softmax(scores), targets[:, None], 1)
        return -jnp.mean(chosen)
    return jnp.mean(jnp.logaddexp(0, scores) - scores * targets)


def updates(optimizer: str) -> Callable[..., Any]:
    """(parameter, gradient, its two states, step) -> (parameter, states)."""

    def adam(p: Any, g: Any, m: Any, v: Any, t: Any) -> Any:
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        root = jnp.sqrt(v / (1 - 0.999**t)) + 1e-8
        return p - 1e-3 * (m / (1 - 0.9**t)) / root, m, v

    def sgd(p: Any, g: Any, m: Any, v: Any, t: Any) -> Any:
        m = 0.9 * m + g
        return p - 0.01 * m, m, v

    return adam if optimizer == "adam" else sgd


def train(network: Network, samples: Any, targets: Any) -> Workload:
    weights = [jnp.asarray(w) for w in channels_last_weights(network)]
    update = updates(network.optimizer)

    def step(state: Any, x: Any, y: Any) -> Any:
        weights, first, second, t = state
        t = t + 1
        loss, gradients = jax.value_and_grad(partial(loss_of, network))(weights, x, y)
        rows = [update(*row, t) for row in zip(weights, gradients, first, second, strict=True)]
        return (*([row[i] for row in rows] for i in range(3)), t), loss

    compiled = jax.jit(step, donate_argnums=0)

    # SGD has one state; the second is a number that passes through.
    second = [jnp.zeros_like(w) if network.optimizer == "adam" else jnp.zeros(()) for w in weights]
    state: Any = (weights, [jnp.zeros_like(w) for w in weights], second, jnp.zeros(()))

    def run() -> Any:
        nonlocal state
        state, loss = compiled(state, samples, targets)
        return jax.block_until_ready((state, loss))[1]

    return Workload(run, lambda: [np.array([float(run()) for _ in range(STEPS)])])


def infer(network: Network, samples: Any) -> Workload:
    weights = [jnp.asarray(w) for w in channels_last_weights(network)]

    def forward(weights: list[Any], x: Any) -> Any:
        return chain(network.layers, iter(weights), x, training=False)

    compiled = jax.jit(forward)

    def results() -> list[Any]:
        result = np.asarray(compiled(weights, samples))
        return [np.moveaxis(result, -1, 1) if result.ndim == 4 else result]

    return Workload(lambda: jax.block_until_ready(compiled(weights, samples)), results)


def build(
    kind: str, name: str, variant: str, threads: int, batch: int, seed: int, dtype: str
) -> Workload:
    """The workload of that name."""
    # Its pool has a thread for each processor that the process may use when it first computes.
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    if name in RECURRENT:
        row = RECURRENT[name]
        if kind == "infer":
            return recurrent_jax.infer(row, batch)
        return recurrent_jax.train(row, batch, updates("adam"))
    network = NETWORKS[name]
    data = [np.moveaxis(a, 1, -1) if a.ndim == 4 else a for a in batch_of(network, batch)]
    samples, targets = (jnp.asarray(a) for a in data)
    return train(network, samples, targets) if kind == "train" else infer(network, samples)
