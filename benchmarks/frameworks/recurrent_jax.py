"""Recurrent networks in JAX: a scan over the steps of each layer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import jax
import numpy as np
from jax import lax, nn
from jax import numpy as jnp

from benchmarks.frameworks import STEPS, Workload
from benchmarks.recurrent import Recurrent, batch_of, weights_of


def lstm(w_hh: Any, b_hh: Any, states: Any, x: Any) -> tuple[Any, Any]:
    h, c = states
    i, f, g, o = jnp.split(x + h @ w_hh.T + b_hh, 4, -1)
    c = nn.sigmoid(f) * c + nn.sigmoid(i) * jnp.tanh(g)
    h = nn.sigmoid(o) * jnp.tanh(c)
    return (h, c), h


def gru(w_hh: Any, b_hh: Any, states: Any, x: Any) -> tuple[Any, Any]:
    (h, unused) = states
    own, recurrent = jnp.split(x, 3, -1), jnp.split(h @ w_hh.T + b_hh, 3, -1)
    r, z = nn.sigmoid(own[0] + recurrent[0]), nn.sigmoid(own[1] + recurrent[1])
    h = (1 - z) * jnp.tanh(own[2] + r * recurrent[2]) + z * h
    return (h, unused), h


def rnn(w_hh: Any, b_hh: Any, states: Any, x: Any) -> tuple[Any, Any]:
    h = jnp.tanh(x + states[0] @ w_hh.T + b_hh)
    return (h, states[1]), h


CELLS = {"lstm": lstm, "gru": gru, "rnn": rnn}


def scores_of(row: Recurrent, weights: Sequence[Any], samples: Any) -> Any:
    given: Iterator[Any] = iter(weights)
    x = next(given)[samples]
    for _ in range(row.layers):
        w_ih, w_hh, b_ih, b_hh = (next(given) for _ in range(4))
        zeros = jnp.zeros((samples.shape[1], row.hidden))
        x = lax.scan(partial(CELLS[row.cell], w_hh, b_hh), (zeros, zeros), x @ w_ih.T + b_ih)[1]
    return x @ next(given).T + next(given)


def loss_of(row: Recurrent, weights: Sequence[Any], samples: Any, targets: Any) -> Any:
    logarithms = jax.nn.log_softmax(scores_of(row, weights, samples))
    return -jnp.mean(jnp.take_along_axis(logarithms, targets[..., None], 2))


def train(row: Recurrent, batch: int, update: Any) -> Workload:
    samples, targets = (jnp.asarray(a) for a in batch_of(row, batch))

    def step(state: Any) -> Any:
        weights, first, second, t = state
        t = t + 1
        loss, gradients = jax.value_and_grad(partial(loss_of, row))(weights, samples, targets)
        rows = [update(*r, t) for r in zip(weights, gradients, first, second, strict=True)]
        return (*([r[i] for r in rows] for i in range(3)), t), loss

    compiled = jax.jit(step, donate_argnums=0)
    weights = [jnp.asarray(w) for w in weights_of(row)]
    zeros = [[jnp.zeros_like(w) for w in weights] for _ in range(2)]
    state: Any = (weights, *zeros, jnp.zeros(()))

    def run() -> Any:
        nonlocal state
        state, loss = compiled(state)
        return jax.block_until_ready((state, loss))[1]

    return Workload(run, lambda: [np.array([float(run()) for _ in range(STEPS)])])


def infer(row: Recurrent, batch: int) -> Workload:
    weights = [jnp.asarray(w) for w in weights_of(row)]
    samples = jnp.asarray(batch_of(row, batch)[0])
    compiled = jax.jit(partial(scores_of, row))
    return Workload(
        lambda: jax.block_until_ready(compiled(weights, samples)),
        lambda: [np.asarray(compiled(weights, samples))],
    )
