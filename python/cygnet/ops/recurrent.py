"""Recurrent networks: whole sequences layer by layer, and cells, which are one step."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

from cygnet import kernels
from cygnet.errors import composed
from cygnet.ops.broadcast import to_shape
from cygnet.ops.common import Shape, as_tensor
from cygnet.ops.dropout import dropout as dropout_
from cygnet.ops.join import cat
from cygnet.ops.recurrent_layer import (
    GRU,
    LSTM,
    RNN_RELU,
    RNN_TANH,
    BatchSizes,
    Kind,
    Layer,
    States,
    run_layer,
)
from cygnet.ops.shape import part_of, transpose
from cygnet.tensor import Array, Tensor, _check_readable

__all__ = [
    "gru",
    "gru_cell",
    "lstm",
    "lstm_cell",
    "rnn_relu",
    "rnn_relu_cell",
    "rnn_tanh",
    "rnn_tanh_cell",
]

F = TypeVar("F", bound=Callable[..., Any])


def recurrent(
    op: str,
    kind: Kind,
    input: Tensor,
    states: States,
    layers: Sequence[Layer],
    dropout: float = 0.0,
    cell: Array | None = None,
    batch_sizes: BatchSizes | None = None,
    batch_first: bool = False,
) -> tuple[Tensor, ...]:
    """A network of recurrent layers: the last one's output, and the last states of all of them.

    Parameters
    ----------
    op : str
        The name for messages.
    kind : Kind
    input : Tensor
        (T, N, I), (N, T, I) with batch_first, or, with batch_sizes, packed rows
        (sum(batch_sizes), I).
    states : sequence of (Tensor or None)
        As many as the kind has, each (layers * directions, N, width); None stands for zeros.
    layers : sequence
        The parameters of each layer's directions.
    dropout : float
        Probability of dropping a number between two layers; `cell` as for `dropout`.
    batch_sizes : tuple of int, optional
        How many sequences have a first step, a second one and so on.

    Returns
    -------
    tuple of Tensor
        The output, in the form of the input; then the states.
    """
    _check(op, kind, input, states, layers, batch_sizes, batch_first)
    if batch_first:
        input = transpose(input, 0, 1)
    directions = len(layers[0])
    finals = []
    for number, layer in enumerate(layers):
        if number and dropout:
            input = dropout_(input, dropout, cell=cell)
        begin, end = number * directions, (number + 1) * directions
        own = [
            state if state is None or len(layers) == 1 else part_of(state, 0, begin, end, op)
            for state in states
        ]
        input, *last = run_layer(op, kind, input, own, layer, batch_sizes)
        finals.append(last)
    output = transpose(input, 0, 1) if batch_first else input
    return output, *(each[0] if len(each) == 1 else cat(each) for each in zip(*finals, strict=True))


def _check_tensors(op: str, input: Any, weight_ih: Any, weight_hh: Any) -> None:
    named = (("input", input), ("weight_ih", weight_ih), ("weight_hh", weight_hh))
    for name, tensor in named:
        if not isinstance(tensor, Tensor):
            raise TypeError(f"{op}: {name} must be a Tensor, got {type(tensor).__name__}")
        if name != "input" and tensor.ndim != 2:
            raise kernels.ShapeError(
                f"{op}: {name} has shape {tensor.shape}, expected 2 dimensions"
            )


def _check(
    op: str,
    kind: Kind,
    input: Tensor,
    states: States,
    layers: Sequence[Layer],
    batch_sizes: BatchSizes | None,
    batch_first: bool,
) -> None:
    """An error unless input and states fit the parameters."""
    weight_ih, weight_hh = layers[0][0][:2]
    _check_tensors(op, input, weight_ih, weight_hh)
    shape, width = input.shape, weight_ih.shape[1]
    if len(shape) != (3 if batch_sizes is None else 2) or shape[-1] != width:
        form = "rows" if batch_sizes is not None else "N, T" if batch_first else "T, N"
        raise kernels.ShapeError(f"{op}: input has shape {shape}, expected ({form}, {width})")
    if input.dtype != weight_ih.dtype:
        raise kernels.DTypeError(_OTHER_DTYPE.format(op, "input", input.dtype, weight_ih.dtype))
    if batch_sizes is None:
        batch, steps = shape[:2] if batch_first else (shape[1], shape[0])
    else:
        batch, steps = batch_sizes[0] if batch_sizes else 0, len(batch_sizes)
    if steps == 0:
        raise kernels.ShapeError(f"{op}: input has no step, expected at least 1")
    first = len(layers) * len(layers[0]), batch
    widths = weight_hh.shape[1], weight_hh.shape[0] // kind.gates
    for name, state, width in zip(kind.states, states, widths, strict=False):
        if state is not None:
            _check_state(op, name, state, (*first, width), input.dtype)


_OTHER_DTYPE = "{}: {} is {}, expected {}, as the weights"


def _check_state(op: str, name: str, state: Tensor, expected: Shape, dtype: np.dtype[Any]) -> None:
    array = state._array
    if array.shape != expected:
        raise kernels.ShapeError(f"{op}: {name} has shape {array.shape}, expected {expected}")
    if array.dtype != dtype:
        raise kernels.DTypeError(_OTHER_DTYPE.format(op, name, state.dtype, dtype))


def _layers(
    op: str, kind: Kind, params: Sequence[Any], has_biases: bool, num_layers: int, directions: int
) -> list[Layer]:
    """A list of all parameters as those of each layer and direction."""
    tensors = [as_tensor(p, op, f"params[{i}]") for i, p in enumerate(params)]
    count, each = num_layers * directions, 4 if has_biases else 2
    projects = kind is LSTM and count > 0 and len(tensors) == count * (each + 1)
    if count < 1 or len(tensors) != count * (each + projects):
        raise ValueError(
            f"{op}: params are {len(tensors)} tensors, expected {each} for each of the "
            f"{num_layers} layers and {directions} directions"
        )
    each += projects
    parts = [tensors[i : i + each] for i in range(0, len(tensors), each)]
    for i, part in enumerate(parts):
        for j, weight in enumerate(part[:2]):
            if weight.ndim != 2:
                raise kernels.ShapeError(
                    f"{op}: params[{i * each + j}] has shape {weight.shape}, expected 2 dimensions"
                )
    filled: list[Any] = parts if has_biases else [[*p[:2], None, None, *p[2:]] for p in parts]
    return [filled[i : i + directions] for i in range(0, count, directions)]


def read_sizes(op: str, batch_sizes: Tensor) -> BatchSizes:
    """The batch sizes of packed rows as numbers."""
    _check_readable(op)
    sizes = as_tensor(batch_sizes, op, "batch_sizes")
    if sizes.ndim != 1 or sizes.dtype.kind != "i":
        raise kernels.ShapeError(
            f"{op}: batch_sizes is {sizes.dtype} of shape {sizes.shape}, expected a vector of "
            "integers"
        )
    return tuple(sizes._array.tolist())


def _packed_too(function: F) -> F:
    """Lets a network be called with packed rows: (data, batch_sizes, hx, params, ...), as well."""

    @functools.wraps(function)
    def wrapped(*args: Any, **options: Any) -> Any:
        if "data" in options:
            options["input"] = options.pop("data")
        if len(args) > 3 and isinstance(args[3], list | tuple):  # the parameters, after three
            input, options["batch_sizes"], *rest = args
            return function(input, *rest, **options)
        return function(*args, **options)

    return wrapped  # type: ignore[return-value]


def _network(name: str, kind: Kind, summary: str) -> Callable[..., tuple[Tensor, ...]]:
    """The function of a kind of network."""

    @_packed_too
    def network(
        input: Tensor,
        hx: Any,
        params: Sequence[Tensor],
        has_biases: bool,
        num_layers: int,
        dropout: float,
        train: bool,
        bidirectional: bool,
        batch_first: bool = False,
        *,
        batch_sizes: Tensor | None = None,
    ) -> tuple[Tensor, ...]:
        return recurrent(
            name,
            kind,
            as_tensor(input, name, "input"),
            states_of(name, kind, hx),
            _layers(name, kind, params, has_biases, num_layers, 1 + bool(bidirectional)),
            dropout if train else 0.0,
            batch_sizes=None if batch_sizes is None else read_sizes(name, batch_sizes),
            batch_first=batch_first,
        )

    state, count = " and ".join(kind.states), len(kind.states)
    network.__doc__ = f"""{summary}

    Called with packed rows, it is ``{name}(data, batch_sizes, hx, params, ...)`` without
    `batch_first`, as in PyTorch.

    Parameters
    ----------
    input : Tensor
        (T, N, I), (N, T, I) with batch_first, or packed rows (sum(batch_sizes), I); float32 or
        float64.
    hx : {"Tensor" if count == 1 else "sequence of Tensor"}
        The initial {state}: (num_layers * directions, N, hidden_size){PROJECTED * (count > 1)}.
    params : sequence of Tensor
        For each layer and, inside, direction: weight_ih (gates * hidden_size, inputs), weight_hh
        (gates * hidden_size, hidden_size), with has_biases two biases (gates * hidden_size,).
    has_biases : bool
    num_layers : int
    dropout : float
        Probability of dropping a number between two layers, if `train`.
    train, bidirectional : bool
    batch_first : bool
        Whether input and output are (N, T, ...). Default False.
    batch_sizes : Tensor, optional
        int64: how many sequences have a first step, a second one and so on; never growing.

    Returns
    -------
    tuple of Tensor
        The last layer's hidden states of all steps, in the form of the input; then the last states,
        in that of `hx`.

    Raises
    ------
    ShapeError, DTypeError, ValueError
    """
    return composed(_named(network, name))


# What the documentation of a kind with projection says besides.
PROJECTED = """;
        with a projection, weight_hr (P, hidden_size) behind a direction's parameters, h_0 has width
        P, as has weight_hh"""


def _named(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    function.__name__ = function.__qualname__ = name
    return function


def states_of(op: str, kind: Kind, given: Any, name: str = "hx") -> list[Tensor]:
    """States as a list; a TypeError unless there are as many as the kind has."""
    states, count = [given] if len(kind.states) == 1 else given, len(kind.states)
    if not isinstance(states, list | tuple) or len(states) != count:
        raise TypeError(
            f"{op}: {name} expected {count} tensors in a tuple, got {type(given).__name__}"
        )
    return [
        s if isinstance(s, Tensor) else as_tensor(s, op, kind.states[i])
        for i, s in enumerate(states)
    ]


lstm = _network("lstm", LSTM, "A network with long short-term memory; gates i, f, g, o.")
gru = _network("gru", GRU, "A gated recurrent network; gates r, z, n.")
rnn_tanh = _network("rnn_tanh", RNN_TANH, "A recurrent network with tanh.")
rnn_relu = _network("rnn_relu", RNN_RELU, "A recurrent network with relu.")


def step(
    op: str,
    kind: Kind,
    input: Tensor,
    states: States,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias_ih: Tensor | None = None,
    bias_hh: Tensor | None = None,
    *,
    out: Sequence[Tensor] | None = None,
) -> tuple[Tensor, ...]:
    """One step of a layer: the next states.

    Parameters
    ----------
    op : str
        The name for messages.
    kind : Kind
    input : Tensor
        (N, I) or, without a batch, (I,).
    states : sequence of (Tensor or None)
        As many as the kind has, each (N, hidden_size) or (hidden_size,); None stands for zeros.
    out : sequence of Tensor, optional
        C-contiguous tensors for the next states, which may be `states`; only without gradients.
    """
    _check_tensors(op, input, weight_ih, weight_hh)
    width, hidden = weight_ih.shape[1], weight_hh.shape[1]
    shape, dtype = input.shape, weight_ih.dtype
    if len(shape) not in (1, 2) or shape[-1] != width:
        raise kernels.ShapeError(
            f"{op}: input has shape {shape}, expected (N, {width}) or ({width},)"
        )
    if input.dtype != dtype:
        raise kernels.DTypeError(_OTHER_DTYPE.format(op, "input", input.dtype, dtype))
    expected = (*shape[:-1], hidden)
    for name, state in zip(kind.states * 2, (*states, *(out or ())), strict=False):
        if state is not None:
            _check_state(op, name, state, expected, dtype)
    layer = [(weight_ih, weight_hh, bias_ih, bias_hh)]
    if len(shape) == 2:
        return run_layer(op, kind, input, states, layer, single=True, out=out)
    batch = [s if s is None else to_shape(s, (1, hidden)) for s in states]
    into = None if out is None else [to_shape(state, (1, hidden)) for state in out]
    after = run_layer(op, kind, to_shape(input, (1, width)), batch, layer, single=True, out=into)
    return tuple(to_shape(state, (hidden,)) for state in after) if out is None else tuple(out)


def _cell(name: str, kind: Kind, summary: str) -> Callable[..., Any]:
    """The function of one step of a kind of network."""

    def cell(
        input: Tensor,
        hx: Any,
        w_ih: Tensor,
        w_hh: Tensor,
        b_ih: Tensor | None = None,
        b_hh: Tensor | None = None,
        *,
        out: Any = None,
    ) -> Any:
        weights = (("w_ih", w_ih), ("w_hh", w_hh), ("b_ih", b_ih), ("b_hh", b_hh))
        tensors: Any = [
            w if w is None and which[0] == "b" else as_tensor(w, name, which)
            for which, w in weights
        ]
        for (which, _), weight in zip(weights[:2], tensors, strict=False):
            if weight.ndim != 2:
                raise kernels.ShapeError(
                    f"{name}: {which} has shape {weight.shape}, expected 2 dimensions"
                )
        x = as_tensor(input, name, "input")
        into = None if out is None else states_of(name, kind, out, "out")
        after = step(name, kind, x, states_of(name, kind, hx), *tensors, out=into)
        return after[0] if len(after) == 1 else after

    cell.__doc__ = f"""{summary}

    Parameters
    ----------
    input : Tensor
        (N, I) or (I,), float32 or float64.
    hx : {"Tensor" if len(kind.states) == 1 else "sequence of Tensor"}
        The last {" and ".join(kind.states)}: (N, hidden_size) or (hidden_size,).
    w_ih, w_hh : Tensor
        ({kind.gates} * hidden_size, I) and ({kind.gates} * hidden_size, hidden_size).
    b_ih, b_hh : Tensor, optional
        ({kind.gates} * hidden_size,); both or none.
    out : optional
        Like `hx`, which it may be: C-contiguous, written and returned. Only without gradients; not
        in PyTorch.

    Returns
    -------
    {"Tensor" if len(kind.states) == 1 else "tuple of Tensor"}
        The next state, in the shape of `hx`.

    Raises
    ------
    ShapeError, DTypeError, ValueError
    """
    return composed(_named(cell, name))


lstm_cell = _cell("lstm_cell", LSTM, "One step of `lstm`.")
gru_cell = _cell("gru_cell", GRU, "One step of `gru`.")
rnn_tanh_cell = _cell("rnn_tanh_cell", RNN_TANH, "One step of `rnn_tanh`.")
rnn_relu_cell = _cell("rnn_relu_cell", RNN_RELU, "One step of `rnn_relu`.")
