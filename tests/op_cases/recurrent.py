"""Recurrent networks and their cells, against their equations."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import cygnet
from cygnet import Tensor, nn
from tests.op_cases.case import Case, Sample, case, s, x
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


def sequence(step, a, states, weights, projection, backward):
    """One sequence (T, I) through one direction: outputs, and last states."""
    outputs = []
    for row in a[::-1] if backward else a:
        states = step(row, *states, *weights)
        states = states if isinstance(states, tuple) else (states,)
        if projection is not None:
            states = (states[0] @ projection.T, *states[1:])
        outputs.append(states[0])
    return np.array(outputs[::-1] if backward else outputs), states


def network(step, a, states, weights, *, bias=True, directions=1, lengths=None, batch_first=False):
    """All layers: (T, N, I), or (N, T, I) with batch_first, to outputs and last states.

    Beyond a sequence's length outputs are 0.
    """
    a = a.swapaxes(0, 1) if not batch_first else a
    each = 4 if bias else 2
    projected = len(states) == 2 and states[0].shape[2] != states[1].shape[2]
    count = len(weights) // (each + projected)
    last = [np.zeros_like(state) for state in states]
    for layer in range(count // directions):
        width = directions * states[0].shape[2]
        output = np.zeros((*a.shape[:2], width), a.dtype)
        for direction in range(directions):
            k = layer * directions + direction
            part = weights[k * (each + projected) : (k + 1) * (each + projected)]
            columns = slice(
                direction * (width // directions), (direction + 1) * (width // directions)
            )
            for n in range(len(a)):
                length = a.shape[1] if lengths is None else lengths[n]
                y, after = sequence(
                    step, a[n, :length], [state[k, n] for state in states], part[:each],
                    part[each] if projected else None, direction == 1,
                )  # fmt: skip
                output[n, :length, columns] = y
                for state, value in zip(last, after, strict=True):
                    state[k, n] = value
        a = output
    return a if batch_first else a.swapaxes(0, 1), *last


def packed(a, batch_sizes):
    """Packed rows as (T, N, ...), and the lengths."""
    padded = np.zeros((len(batch_sizes), batch_sizes[0], *a.shape[1:]), a.dtype)
    begin = 0
    for t, size in enumerate(batch_sizes):
        padded[t, :size] = a[begin : begin + size]
        begin += size
    return padded, [sum(size > n for size in batch_sizes) for n in range(batch_sizes[0])]


def joined(parts: Sequence[Any], cat: Callable[..., Any]) -> Any:
    """All results as one vector, so that each has a gradient."""
    return cat([part.reshape(-1) for part in parts])


# By name: the step's reference, gates and states.
KINDS: dict[str, tuple[Callable[..., Any], int, int]] = {
    "lstm": (lstm, 4, 2),
    "gru": (gru, 3, 1),
    "rnn_tanh": (rnn, 1, 1),
    "rnn_relu": (functools.partial(rnn, nonlinearity="relu"), 1, 1),
}


def shapes(
    name: str, inputs: int, hidden: int, layers: int, directions: int, bias: bool, projection: int
) -> list[tuple[int, ...]]:
    """The parameters' shapes."""
    rows, state, found, width = KINDS[name][1] * hidden, projection or hidden, [], inputs
    for _ in range(layers):
        for _ in range(directions):
            found += [(rows, width), (rows, state), *[(rows,)] * (2 * bias)]
            found += [(projection, hidden)] if projection else []
        width = directions * state
    return found


def sample(
    name: str, *lead: int, size: tuple[int, int] = (3, 2), layers: int = 1, bidirectional: bool = False,
    bias: bool = True, projection: int = 0, **options: Any,
) -> Sample:  # fmt: skip
    """`lead` are the input's first sizes; the options of `network`, which has no names for some."""
    inputs, hidden = size
    directions = 1 + bidirectional
    sizes = options.get("batch_sizes")
    batch = sizes[0] if sizes else lead[0] if options.get("batch_first") else lead[1]
    widths = (projection or hidden, hidden)[: KINDS[name][2]]
    return s(
        x(*lead, inputs),
        *(x(layers * directions, batch, width) for width in widths),
        *(x(*shape) for shape in shapes(name, inputs, hidden, layers, directions, bias, projection)),
        layers=layers, bias=bias, bidirectional=bidirectional, **options,
    )  # fmt: skip


def batched(name: str) -> list[Sample]:
    make = functools.partial(sample, name)
    return [
        make(3, 2),
        make(1, 1, size=(1, 1), bias=False),
        make(2, 0, size=(2, 3)),
        make(2, 3, layers=2, batch_first=True),
        make(3, 2, bidirectional=True),
        make(3, 2, layers=2, bidirectional=True, batch_first=True, bias=False),
        make(4, 9, size=(5, 17)),
        make(2, 33, size=(18, 20)),
        *(
            [make(3, 2, size=(2, 3), projection=2),
             make(2, 2, size=(2, 3), projection=1, layers=2, bidirectional=True, bias=False)]
            if name == "lstm" else []
        ),
    ]  # fmt: skip


def in_packs(name: str) -> list[Sample]:
    make = functools.partial(sample, name)
    return [
        make(6, batch_sizes=(3, 2, 1)),
        make(5, batch_sizes=(2, 2, 1), layers=2, bidirectional=True),
        make(19, batch_sizes=(9, 7, 2, 1), size=(5, 17), bidirectional=True, bias=False),
        *([make(4, batch_sizes=(2, 1, 1), size=(2, 3), projection=2)] if name == "lstm" else []),
    ]


def of_network(name: str, packs: bool) -> Case:
    step, _, states = KINDS[name]

    def function(
        first: Tensor, *rest: Tensor, layers: int, bias: bool, bidirectional: bool,
        batch_first: bool = False, batch_sizes: Sequence[int] = (),
    ) -> Tensor:  # fmt: skip
        hx = rest[:states] if states > 1 else rest[0]
        arguments: list[Any] = [hx, rest[states:], bias, layers, 0.0, True, bidirectional]
        arguments += [] if packs else [batch_first]
        if packs:
            arguments.insert(0, cygnet.ops.tensor(batch_sizes))
        return joined(getattr(cygnet.ops, name)(first, *arguments), cygnet.ops.cat)

    def reference(
        a: Any, *rest: Any, bias: bool, bidirectional: bool, batch_sizes: Any = None, **options: Any
    ) -> Any:
        lengths = None
        if batch_sizes:
            a, lengths = packed(a, batch_sizes)
        options.pop("layers")
        output, *last = network(
            step, a, rest[:states], rest[states:], bias=bias, directions=1 + bidirectional,
            lengths=lengths, **options,
        )  # fmt: skip
        if batch_sizes:
            output = np.concatenate([output[t, :size] for t, size in enumerate(batch_sizes)])
        return joined([output, *last], np.concatenate)

    if packs:
        reason = "batch sizes are read, which a recording does not allow"
        return case(
            f"{name} packed", reference, in_packs(name), function, recorded=False, reason=reason
        )
    return case(name, reference, batched(name), function)


LENGTHS = [2, 3, 1, 3]


def of_module(name: str, operation: str, **options: Any) -> Case:
    step, _, states = KINDS[operation]

    def function(
        first: Tensor, *rest: Tensor, layers: int, bias: bool, bidirectional: bool,
        batch_first: bool = False, lengths: Any = None,
    ) -> Any:  # fmt: skip
        hidden = rest[states - 1].shape[2]
        projection = rest[0].shape[2] if rest[0].shape[2] != hidden else 0
        net = getattr(nn, name)(
            first.shape[2], hidden, layers, bias=bias, batch_first=batch_first,
            bidirectional=bidirectional, **({"proj_size": projection} if projection else options),
        )  # fmt: skip
        first, *state = bound(net, (first, *rest))
        output, last = net(first, tuple(state) if states > 1 else state[0], lengths)
        return output, *(last if states > 1 else (last,))

    def reference(a: Any, *rest: Any, bidirectional: bool, **options: Any) -> Any:
        options.pop("layers")
        return network(
            step, a, rest[:states], rest[states:], directions=1 + bidirectional, **options
        )

    make = functools.partial(sample, operation)
    samples = [
        *[sample for sample in batched(operation) if sample.inputs[0].shape[0] < 4],
        make(3, 4, lengths=LENGTHS),
        make(4, 5, batch_first=True, lengths=LENGTHS, layers=2, bidirectional=True, bias=False),
    ]
    variant = f" {options['nonlinearity']}" if options else ""
    return case(f"nn.{name}{variant}", reference, samples, function)


# Batch, input and state; () is one without a batch.
SIZES = [((3,), 4, 5), ((1,), 1, 1), ((0,), 3, 2), ((), 4, 5), ((2,), 3, 7), ((5,), 2, 3)]


def cell_samples(name: str, **options: Any) -> list[Sample]:
    _, count, states = KINDS[name]
    return [
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


def of_cell(name: str) -> Case:
    step, _, states = KINDS[name]

    def function(first: Tensor, *rest: Tensor) -> Any:
        hx = rest[:states] if states > 1 else rest[0]
        return getattr(cygnet.ops, f"{name}_cell")(first, hx, *rest[states:])

    # PyTorch's functions take a batch only.
    samples = [sample for sample in cell_samples(name) if len(sample.inputs[0].shape) == 2]
    return case(f"{name}_cell", step, samples, function)


def of_cell_module(name: str, operation: str, **options: Any) -> Case:
    step, _, states = KINDS[operation]

    def function(*tensors: Tensor) -> Any:
        w_ih, w_hh = tensors[1 + states : 3 + states]
        net = getattr(nn, name)(w_ih.shape[1], w_hh.shape[1], len(tensors) > 3 + states, **options)
        first, *state = bound(net, tensors)
        return net(first, tuple(state) if states > 1 else state[0])

    variant = f" {options['nonlinearity']}" if options else ""
    return case(f"nn.{name}{variant}", step, cell_samples(operation), function)


CASES = [
    *(of_network(name, packs) for name in KINDS for packs in (False, True)),
    of_module("LSTM", "lstm"),
    of_module("GRU", "gru"),
    of_module("RNN", "rnn_tanh"),
    of_module("RNN", "rnn_relu", nonlinearity="relu"),
    *(of_cell(name) for name in KINDS),
    of_cell_module("LSTMCell", "lstm"),
    of_cell_module("GRUCell", "gru"),
    of_cell_module("RNNCell", "rnn_tanh"),
    of_cell_module("RNNCell", "rnn_relu", nonlinearity="relu"),
]
