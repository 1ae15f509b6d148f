"""Recurrent cells: a row a cell, against its equations."""

from __future__ import annotations

from typing import Any

import numpy as np

from cygnet import Tensor, nn
from tests.op_cases.case import Case, case, s, x
from tests.op_cases.modules import bound


def sigmoid(a: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-a))


def gates(a, h, w_ih, w_hh, b_ih=0, b_hh=0):
    return a @ w_ih.T + b_ih, h @ w_hh.T + b_hh


def rnn(a, h, *weights, nonlinearity="tanh"):
    total = sum(gates(a, h, *weights))
    return np.tanh(total) if nonlinearity == "tanh" else np.maximum(total, 0)


def lstm(a, h, c, *weights):
    i, f, g, o = np.split(sum(gates(a, h, *weights)), 4, -1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def gru(a, h, *weights):
    own, recurrent = (np.split(part, 3, -1) for part in gates(a, h, *weights))
    r, z = (sigmoid(own[k] + recurrent[k]) for k in (0, 1))
    return (1 - z) * np.tanh(own[2] + r * recurrent[2]) + z * h


# Batch, input and state; () is one without a batch.
SIZES = [((3,), 4, 5), ((1,), 1, 1), ((0,), 3, 2), ((), 4, 5), ((2,), 3, 7), ((5,), 2, 3)]


def row(name: str, reference: Any, count: int, states: int, **options: Any) -> Case:
    def function(*tensors: Tensor, **options: Any) -> Any:
        w_ih, w_hh = tensors[1 + states : 3 + states]
        net = getattr(nn, name)(w_ih.shape[1], w_hh.shape[1], len(tensors) > 3 + states, **options)
        first, *state = bound(net, tensors)
        return net(first, tuple(state) if states > 1 else state[0])

    samples = [
        s(
            x(*batch, inputs),
            *[x(*batch, size)] * states,
            x(count * size, inputs),
            x(count * size, size),
            *[x(count * size)] * (2 * bias),
            **options,
        )
        for bias in (True, False)
        for batch, inputs, size in SIZES
    ]
    variant = f" {options['nonlinearity']}" if options else ""
    return case(f"nn.{name}{variant}", reference, samples, function)


CASES = [
    row("RNNCell", rnn, 1, 1),
    row("RNNCell", rnn, 1, 1, nonlinearity="relu"),
    row("LSTMCell", lstm, 4, 2),
    row("GRUCell", gru, 3, 1),
]
