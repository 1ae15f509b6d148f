"""A recurrent layer: its kernels, its gradient, and the same in ops for gradients of it.

A layer has one or two directions, each with the parameters (weight_ih, weight_hh, bias_ih,
bias_hh), of which the biases may be None, and with a projection weight_hr. The second direction
runs backward in time.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

from cygnet import kernels
from cygnet.autograd import grad, is_grad_enabled, modified, needs_gradient, record_several
from cygnet.ops.activation import relu, sigmoid, tanh
from cygnet.ops.broadcast import reshape, viewed
from cygnet.ops.common import wrap
from cygnet.ops.create import zeros
from cygnet.ops.elementwise import add, mul, sub
from cygnet.ops.join import cat, stack
from cygnet.ops.linear import linear
from cygnet.ops.shape import chunk, narrow, select
from cygnet.tensor import Array, Tensor

Direction: TypeAlias = Sequence[Any]  # Tensor, of the biases Tensor | None
Layer: TypeAlias = Sequence[Direction]
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


def run_layer(
    op: str,
    kind: Kind,
    input: Tensor,
    states: States,
    layer: Layer,
    batch_sizes: BatchSizes | None = None,
    single: bool = False,
    out: Sequence[Tensor] | None = None,
) -> tuple[Tensor, ...]:
    """Runs a layer: its output and last states; the arguments as of `recurrent`.

    With `single` it runs one step of one direction: the input is (N, I), the states have no
    dimension of directions, and the results are the states, which may be written into the tensors
    `out` where no gradient is needed.
    """
    try:
        x: Any = input._array
        initial = [state if state is None else state._array for state in states]
        parameters = [
            [parameter if parameter is None else parameter._array for parameter in direction]
            for direction in layer
        ]
    except AttributeError:
        raise TypeError(f"{op}: input, states and parameters must be Tensors") from None
    if single:
        x, initial = x[None], [array if array is None else array[None] for array in initial]
    given: tuple[Tensor | None, ...] = ()
    inputs: tuple[Tensor, ...] = ()
    if is_grad_enabled():
        given = (input, *states, *(parameter for direction in layer for parameter in direction))
        inputs = tuple([tensor for tensor in given if tensor is not None])
    keep = needs_gradient(*inputs)
    if out is not None:
        if keep:
            raise RuntimeError(
                f"{op}: out must be None where gradients are recorded: use no_grad()"
            )
        into = [_raised(tensor._array) for tensor in out]
        kind.forward(x, parameters, *initial, keep=False, out=into)
        for tensor in out:
            modified(tensor)
        return tuple(out)
    output, *last, saved = kind.forward(x, parameters, *initial, batch_sizes=batch_sizes, keep=keep)
    arrays = [array[0] for array in last] if single else [output, *last]
    results = tuple([wrap(array) for array in arrays])
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

    # A single step's output is saved beside the states, which are arrays of their own.
    record_several(results, inputs, backward, op, saved=inputs if single else (*inputs, results[0]))
    return results


def _raised(array: Array | None) -> Array | None:
    return array if array is None else array[None]


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
