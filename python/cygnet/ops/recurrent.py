"""Recurrent networks: whole sequences layer by layer, and cells, which are one step.

A layer has one or two directions, each with the parameters (weight_ih, weight_hh, bias_ih,
bias_hh), of which the biases may be None, and with a projection weight_hr. The second direction
runs backward in time.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias, TypeVar

import numpy as np

from cygnet import kernels
from cygnet.autograd import grad, is_grad_enabled, needs_gradient, record_several
from cygnet.ops.activation import relu, sigmoid, tanh
from cygnet.ops.broadcast import reshape, to_shape, viewed
from cygnet.ops.common import Shape, as_tensor, wrap
from cygnet.ops.create import zeros
from cygnet.ops.dropout import dropout as dropout_
from cygnet.ops.elementwise import add, mul, sub
from cygnet.ops.join import cat, stack
from cygnet.ops.linear import linear
from cygnet.ops.shape import chunk, narrow, part_of, select, transpose
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

Direction: TypeAlias = Sequence[Any]  # Tensor, of the biases Tensor | None
Layer: TypeAlias = Sequence[Direction]
F = TypeVar("F", bound=Callable[..., Any])
States: TypeAlias = "Sequence[Tensor | None]"
BatchSizes: TypeAlias = tuple[int, ...]


def _lstm_step(own: Tensor, recurrent: Tensor, _: Tensor, cell: Tensor) -> tuple[Tensor, ...]:
    i, f, g, o = chunk(add(own, recurrent), 4, -1)
    cell = add(mul(sigmoid(f), cell), mul(sigmoid(i), tanh(g)))
    return mul(sigmoid(o), tanh(cell)), cell


def _gru_step(own: Tensor, recurrent: Tensor, hidden: Tensor) -> tuple[Tensor, ...]:
    (r, z, n), (r_hidden, z_hidden, n_hidden) = chunk(own, 3, -1), chunk(recurrent, 3, -1)
    new = tanh(add(n, mul(sigmoid(add(r, r_hidden)), n_hidden)))
    return (add(new, mul(sigmoid(add(z, z_hidden)), sub(hidden, new))),)


class Kind(NamedTuple):
    """A kind of recurrent network.

    Attributes
    ----------
    gates : int
        How many blocks of hidden_size rows the weights have.
    states : tuple of str
        The names of the initial states.
    step : callable
        The next states of the products of input and hidden state, with biases, and of the last
        states; in ops.
    forward, backward : callable
        The kernels of a layer.
    """

    gates: int
    states: tuple[str, ...]
    step: Callable[..., tuple[Tensor, ...]]
    forward: Callable[..., tuple[Any, ...]]
    backward: Callable[..., tuple[Any, ...]]


def _rnn(nonlinearity: str, activation: Callable[[Tensor], Tensor]) -> Kind:
    return Kind(
        1,
        ("hx",),
        lambda own, recurrent, _: (activation(add(own, recurrent)),),
        functools.partial(kernels.rnn_forward, nonlinearity=nonlinearity),
        functools.partial(kernels.rnn_backward, nonlinearity=nonlinearity),
    )


LSTM = Kind(4, ("h_0", "c_0"), _lstm_step, kernels.lstm_forward, kernels.lstm_backward)
GRU = Kind(3, ("hx",), _gru_step, kernels.gru_forward, kernels.gru_backward)
RNN_TANH = _rnn("tanh", tanh)
RNN_RELU = _rnn("relu", relu)


def _composed(
    kind: Kind, input: Tensor, states: States, layer: Any, batch_sizes: BatchSizes | None
) -> tuple[Tensor, ...]:
    """A layer in ops, step by step, which has gradients of any order: output and last states."""
    sizes = (input.shape[1],) * input.shape[0] if batch_sizes is None else batch_sizes
    batch = sizes[0]
    rows = input if batch_sizes is not None else reshape(input, (sum(sizes), input.shape[2]))
    outputs, finals = [], []
    for number, direction in enumerate(layer):
        weight_ih, weight_hh, bias_ih, bias_hh, *projection = direction
        own = linear(rows, weight_ih, bias_ih)
        widths = weight_hh.shape[1], weight_hh.shape[0] // kind.gates
        current = [
            zeros(batch, width, dtype=input.dtype) if state is None else select(state, 0, number)
            for state, width in zip(states, widths, strict=False)
        ]
        steps = [narrow(own, 0, sum(sizes[:t]), size) for t, size in enumerate(sizes)]
        hidden: list[Any] = [None] * len(sizes)
        for t in reversed(range(len(sizes))) if number else range(len(sizes)):
            # The sequences that have no such step keep their states.
            before = [narrow(state, 0, 0, sizes[t]) for state in current]
            after = kind.step(steps[t], linear(before[0], weight_hh, bias_hh), *before)
            if projection:
                after = (linear(after[0], projection[0]), *after[1:])
            hidden[t] = after[0]
            current = [
                cat([new, narrow(old, 0, sizes[t], batch - sizes[t])])
                for new, old in zip(after, current, strict=True)
            ]
        outputs.append(cat(hidden))
        finals.append(current)
    output = outputs[0] if len(outputs) == 1 else cat(outputs, -1)
    if batch_sizes is None:
        output = reshape(output, (*input.shape[:2], output.shape[1]))
    return output, *(stack(each) for each in zip(*finals, strict=True))


def _composed_step(kind: Kind, input: Tensor, states: States, layer: Any) -> tuple[Tensor, ...]:
    """One step of a layer of one direction in ops: the next states."""
    (weight_ih, weight_hh, bias_ih, bias_hh) = layer[0]
    given = [
        zeros(len(input), weight_hh.shape[1], dtype=input.dtype) if state is None else state
        for state in states
    ]
    own, recurrent = linear(input, weight_ih, bias_ih), linear(given[0], weight_hh, bias_hh)
    return kind.step(own, recurrent, *given)


def _layer(
    op: str,
    kind: Kind,
    input: Tensor,
    states: States,
    layer: Layer,
    batch_sizes: BatchSizes | None = None,
    single: bool = False,
) -> tuple[Tensor, ...]:
    """Runs a layer: its output and last states; the arguments as of `recurrent`.

    With `single` it runs one step of one direction: the input is (N, I), the states have no
    dimension of directions, and the results are the states.
    """
    given = (input, *states, *(parameter for direction in layer for parameter in direction))
    inputs = tuple([tensor for tensor in given if tensor is not None])
    arrays = [tensor if tensor is None else tensor._array for tensor in given[: 1 + len(states)]]
    if single:
        arrays = [_raised(array) for array in arrays]
    parameters = [
        [parameter if parameter is None else parameter._array for parameter in direction]
        for direction in layer
    ]
    keep = needs_gradient(*inputs)
    x, *initial = arrays
    output, *last, saved = kind.forward(x, parameters, *initial, batch_sizes=batch_sizes, keep=keep)
    results = tuple(
        [wrap(array[0]) for array in last] if single else [wrap(array) for array in (output, *last)]
    )
    if not keep:
        return results

    def backward(*grads: Tensor | None) -> tuple[Tensor | None, ...]:
        if is_grad_enabled():
            return _gradients_in_ops(op, kind, given, layer, grads, batch_sizes, single)
        of_results = [grad if grad is None else grad._array for grad in grads]
        if single:
            of_results = [None, *map(_raised, of_results)]
        *found, by_parameters = kind.backward(
            *of_results, x, parameters, *initial, output, saved,
            batch_sizes=batch_sizes,
            need_input=input.requires_grad,
            need_state=_any_needs(states),
            need_parameters=_any_needs(given[1 + len(states) :]),
        )  # fmt: skip
        if single:
            found = [array if array is None else array[0] for array in found]
        for direction in by_parameters:
            found += direction[: len(layer[0])]
        return tuple(
            [
                array if array is None else wrap(array)
                for tensor, array in zip(given, found, strict=True)
                if tensor is not None
            ]
        )

    # The last states are beside the output, and nothing is computed of them again.
    record_several(results, inputs, backward, op, saved=inputs if single else (*inputs, results[0]))
    return results


def _raised(array: Array | None) -> Array | None:
    return array if array is None else array[np.newaxis]


def _any_needs(tensors: Sequence[Tensor | None]) -> bool:
    return any(tensor is not None and tensor.requires_grad for tensor in tensors)


def _gradients_in_ops(
    op: str,
    kind: Kind,
    given: Sequence[Tensor | None],
    layer: Layer,
    grads: Sequence[Tensor | None],
    batch_sizes: BatchSizes | None,
    single: bool,
) -> tuple[Tensor | None, ...]:
    """The gradients of a layer, which have gradients again: those of the layer in ops."""
    # Of views, lest the walk goes on from an input to those that it depends on.
    others = [t if t is None else viewed(t, lambda array: array[...], op) for t in given]
    count, width = 1 + len(kind.states), len(layer[0])
    input, *states = others[:count]
    directions = [others[i : i + width] for i in range(count, len(others), width)]
    assert input is not None
    results = (
        _composed_step(kind, input, states, directions)
        if single
        else _composed(kind, input, states, directions, batch_sizes)
    )
    used = [(r, g) for r, g in zip(results, grads, strict=True) if g is not None]
    wanted = [t for t in others if t is not None and t.requires_grad]
    found = iter(
        grad(
            [result for result, _ in used],
            wanted,
            [gradient for _, gradient in used],
            create_graph=True,
            allow_unused=True,
        )
    )
    return tuple(next(found) if t.requires_grad else None for t in others if t is not None)


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
        input, *last = _layer(op, kind, input, own, layer, batch_sizes)
        finals.append(last)
    output = transpose(input, 0, 1) if batch_first else input
    return output, *(each[0] if len(each) == 1 else cat(each) for each in zip(*finals, strict=True))


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
    _check_states(op, kind, states, [(*first, width) for width in widths], input.dtype)


_OTHER_DTYPE = "{}: {} is {}, expected {}, as the weights"


def _check_states(
    op: str, kind: Kind, states: States, shapes: Sequence[Shape], dtype: np.dtype[Any]
) -> None:
    for name, state, shape in zip(kind.states, states, shapes, strict=False):
        if state is None:
            continue
        if state.shape != shape:
            raise kernels.ShapeError(f"{op}: {name} has shape {state.shape}, expected {shape}")
        if state.dtype != dtype:
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
            _states(name, kind, hx),
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
    return _named(network, name)


# What the documentation of a kind with projection says besides.
PROJECTED = """;
        with a projection, weight_hr (P, hidden_size) behind a direction's parameters, h_0 has width
        P, as has weight_hh"""


def _named(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    function.__name__ = function.__qualname__ = name
    return function


def _states(op: str, kind: Kind, hx: Any) -> list[Tensor]:
    """The initial states as a list."""
    states = [hx] if len(kind.states) == 1 else list(hx)
    if len(states) != len(kind.states):
        raise ValueError(f"{op}: hx has {len(states)} tensors, expected {len(kind.states)}")
    return [as_tensor(s, op, name) for s, name in zip(states, kind.states, strict=True)]


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
    """
    width, hidden = weight_ih.shape[1], weight_hh.shape[1]
    if input.ndim not in (1, 2) or input.shape[-1] != width:
        raise kernels.ShapeError(
            f"{op}: input has shape {input.shape}, expected (N, {width}) or ({width},)"
        )
    if input.dtype != weight_ih.dtype:
        raise kernels.DTypeError(_OTHER_DTYPE.format(op, "input", input.dtype, weight_ih.dtype))
    _check_states(op, kind, states, [(*input.shape[:-1], hidden)] * 2, input.dtype)
    layer = [(weight_ih, weight_hh, bias_ih, bias_hh)]
    if input.ndim == 2:
        return _layer(op, kind, input, states, layer, single=True)
    batch = [s if s is None else to_shape(s, (1, hidden)) for s in states]
    after = _layer(op, kind, to_shape(input, (1, width)), batch, layer, single=True)
    return tuple(to_shape(state, (hidden,)) for state in after)


def _cell(name: str, kind: Kind, summary: str) -> Callable[..., Any]:
    """The function of one step of a kind of network."""

    def cell(
        input: Tensor,
        hx: Any,
        w_ih: Tensor,
        w_hh: Tensor,
        b_ih: Tensor | None = None,
        b_hh: Tensor | None = None,
    ) -> Any:
        weights = (("w_ih", w_ih), ("w_hh", w_hh), ("b_ih", b_ih), ("b_hh", b_hh))
        tensors: Any = [w if w is None else as_tensor(w, name, which) for which, w in weights]
        for (which, _), weight in zip(weights[:2], tensors, strict=False):
            if weight.ndim != 2:
                raise kernels.ShapeError(
                    f"{name}: {which} has shape {weight.shape}, expected 2 dimensions"
                )
        x = as_tensor(input, name, "input")
        after = step(name, kind, x, _states(name, kind, hx), *tensors)
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
        ({kind.gates} * hidden_size,).

    Returns
    -------
    {"Tensor" if len(kind.states) == 1 else "tuple of Tensor"}
        The next state, in the shape of `hx`.

    Raises
    ------
    ShapeError, DTypeError, ValueError
    """
    return _named(cell, name)


lstm_cell = _cell("lstm_cell", LSTM, "One step of `lstm`.")
gru_cell = _cell("gru_cell", GRU, "One step of `gru`.")
rnn_tanh_cell = _cell("rnn_tanh_cell", RNN_TANH, "One step of `rnn_tanh`.")
rnn_relu_cell = _cell("rnn_relu_cell", RNN_RELU, "One step of `rnn_relu`.")
