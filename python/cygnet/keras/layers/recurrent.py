"""SimpleRNN, LSTM and GRU: with the usual activations by the kernels of whole sequences, whatever
steps a mask leaves out; else cell by cell.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

import cygnet.ops as core
from cygnet import kernels
from cygnet.autograd.modes import mode
from cygnet.keras.layers.recurrent_cells import (
    GRUCell,
    LSTMCell,
    SimpleRNNCell,
    cell_arguments,
)
from cygnet.keras.layers.rnn import RNN
from cygnet.nn.recurrent import run_rows
from cygnet.nn.utils.rnn import by_length, packed_positions
from cygnet.ops.gather import gather_rows
from cygnet.ops.recurrent import recurrent
from cygnet.recorder import refuse
from cygnet.tensor import Array, Tensor

__all__ = ["GRU", "LSTM", "SimpleRNN"]

_OF_LAYERS = frozenset(
    {"activity_regularizer", "go_backwards", "return_sequences", "return_state", "stateful"}
    | {"unroll"}
)


class Steps(NamedTuple):
    """The steps that a mask leaves, as the kernels' packed rows: a sequence's steps follow each
    other without those left out, which change no state.

    Attributes
    ----------
    batch_sizes, order : numpy.ndarray
        How many sequences have a first step, a second and so on, and the sequences, longest first.
    source, target : Tensor
        Where each row stands in (N, T), and where in the order of the outputs.
    before : Tensor
        For each of the outputs the last one that is not left out, itself where there is none.
    """

    batch_sizes: Array
    order: Array
    source: Tensor
    target: Tensor
    before: Tensor


def packed_steps(mask: Tensor, backwards: bool) -> Steps | None:
    """The steps that a mask (N, T) leaves; None if it leaves none of a sequence, or cannot be read,
    since a step is being recorded.
    """
    recorder = mode.recorder
    if kernels.is_recording() and (recorder is None or recorder.strict):
        return None
    refuse("a mask is read while calls are recorded: a replay would not see it")
    kept = mask._array.astype(bool, copy=False)
    kept = kept[:, ::-1] if backwards else kept
    lengths = kept.sum(1)
    if not lengths.all():
        return None
    length, every = kept.shape[1], np.arange(kept.size).reshape(kept.shape)
    order, sizes = by_length(lengths)
    packed = packed_positions(sizes, order, length, True)._array
    target = np.take_along_axis(every, np.argsort(~kept, 1, kind="stable"), 1).ravel()[packed]
    source = (every[:, ::-1] if backwards else every).ravel()[target]
    latest = np.maximum.accumulate(np.where(kept, every, -1), 1)
    before = np.where(latest < every[:, :1], every, latest).ravel()
    return Steps(sizes, order, *map(Tensor._wrap, (source, target, before)))


def run_fused(
    op: str,
    cells: Sequence[Any],
    sequences: Tensor,
    states: Sequence[Tensor | None],
    steps: Steps | None,
) -> tuple[Tensor, list[Tensor]]:
    """The kernels of whole sequences: outputs (N, T, directions * units), and the last states, each
    (directions, N, units).

    Parameters
    ----------
    cells : sequence
        Of the forward direction and, if there are two, of the backward one.
    states : sequence of (Tensor or None)
        Each (directions, N, units).
    steps : Steps, optional
        Those that a mask leaves; the outputs of others are 0.
    """
    kind, layers = cells[0].kind(), [[cell.parameters_of_kernel() for cell in cells]]
    if steps is None:
        output, *last = recurrent(op, kind, sequences, states, layers, batch_first=True)
    else:

        def run(rows: Tensor, first: Any, batch_sizes: tuple[int, ...]) -> tuple[Tensor, ...]:
            return recurrent(op, kind, rows, first, layers, batch_sizes=batch_sizes)

        output, *last = run_rows(run, sequences, states, *steps[:4])
    return output, last


class FusedRNN(RNN):
    """Base of those whose cell has a fused kernel."""

    def __init__(self, cell_class: Any, arguments: dict[str, Any], kwargs: dict[str, Any]) -> None:
        of_layer = {name: arguments[name] for name in _OF_LAYERS}
        of_cell = {
            name: value
            for name, value in cell_arguments(arguments).items()
            if name not in _OF_LAYERS and name != "use_cudnn"
        }
        shared = {name: kwargs[name] for name in ("dtype", "trainable") if name in kwargs}
        cell = cell_class(**of_cell, **shared)
        super().__init__(cell, **of_layer, **kwargs)

    @property
    def units(self) -> int:
        """Width of the output."""
        return int(self.cell.units)

    def can_fuse(self, training: bool) -> bool:
        """Whether the kernels compute what the cell does."""
        cell = self.cell
        return cell.kind() is not None and not (training and cell.recurrent_dropout > 0)

    def _run(
        self, sequences: Tensor, states: list[Any] | None, mask: Tensor | None, training: bool
    ) -> tuple[Tensor, list[Any]]:
        fits, steps = self.can_fuse(training), None
        if fits and mask is not None:
            steps = packed_steps(mask, self.go_backwards)
            fits = steps is not None
        if not fits:
            return super()._run(sequences, states, mask, training)
        sequences = self.cell.thinned(sequences, training)
        if self.go_backwards and steps is None:
            sequences = core.flip(sequences, 1)
        first = [None] * len(self.state_size) if states is None else states
        stacked = [None if state is None else core.unsqueeze(state, 0) for state in first]
        output, last = run_fused(self.name, [self.cell], sequences, stacked, steps)
        if steps is not None and self.return_sequences and not self.zero_output_for_mask:
            flat = core.reshape(output, (-1, self.units))
            output = core.reshape(gather_rows(flat, steps.before), output.shape)
        if self.return_sequences and not (self.return_state or self.stateful):
            return output, []  # nobody asks for the states
        after = [core.select(state, 0, 0) for state in last]
        if not self.return_sequences:
            output = after[0]
            if mask is not None and self.zero_output_for_mask:
                end = mask[:, :1] if self.go_backwards else mask[:, -1:]
                output = core.where(end, output, 0.0)
        return output, after


class SimpleRNN(FusedRNN):
    """h' = activation(x W + h U + b) from step to step.

    Parameters
    ----------
    units : int
        Width of the output.
    activation : str or callable
        Default "tanh". With it, and with "relu", whole sequences run in one kernel.
    use_bias : bool
        Default True.
    kernel_initializer, recurrent_initializer, bias_initializer : str or callable
        Defaults "glorot_uniform", "orthogonal", "zeros".
    kernel_regularizer, recurrent_regularizer, bias_regularizer, activity_regularizer : optional
    kernel_constraint, recurrent_constraint, bias_constraint : optional
    dropout : float
        Probability of leaving out a number of the input in training, the same ones in all steps.
        Default 0.
    recurrent_dropout : float
        The same of the last output; the sequence then runs cell by cell. Default 0.
    return_sequences, return_state, go_backwards, stateful, unroll
        As of `RNN`.
    seed : int, optional
        Of the dropout.
    **kwargs
        As of `RNN`.
    """

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        seed: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(SimpleRNNCell, locals(), kwargs)


class LSTM(FusedRNN):
    """Long short-term memory; gates i, f, c, o in this order.

    i, f, o = recurrent_activation(x W + h U + b) and g = activation(the same), each by its columns;
    c' = f c + i g; h' = o activation(c').

    Parameters
    ----------
    units, activation, use_bias, kernel_initializer, recurrent_initializer, bias_initializer, \
    kernel_regularizer, recurrent_regularizer, bias_regularizer, activity_regularizer, \
    kernel_constraint, recurrent_constraint, bias_constraint, dropout, recurrent_dropout, seed, \
    return_sequences, return_state, go_backwards, stateful, unroll
        As of `SimpleRNN`; the states are h and c.
    recurrent_activation : str or callable
        Default "sigmoid". With it and the activation "tanh" whole sequences run in one kernel.
    unit_forget_bias : bool
        Whether the bias of the gate f begins with 1. Default True.
    use_cudnn
        Accepted for Keras's sake.
    **kwargs
        As of `RNN`.

    References
    ----------
    S. Hochreiter, J. Schmidhuber, "Long short-term memory", Neural Computation 9, 1997.
    """

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: Any = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        use_cudnn: Any = "auto",
        **kwargs: Any,
    ) -> None:
        super().__init__(LSTMCell, locals(), kwargs)


class GRU(FusedRNN):
    """Gated recurrent units; gates z, r, h in this order.

    z, r = recurrent_activation(x W + h U + b), each by its columns; n = activation(x W + b + r (h U
    + b')) or, without reset_after, activation(x W + b + (r h) U); h' = z h + (1 - z) n.

    Parameters
    ----------
    units, activation, use_bias, kernel_initializer, recurrent_initializer, bias_initializer, \
    kernel_regularizer, recurrent_regularizer, bias_regularizer, activity_regularizer, \
    kernel_constraint, recurrent_constraint, bias_constraint, dropout, recurrent_dropout, seed, \
    return_sequences, return_state, go_backwards, stateful, unroll
        As of `SimpleRNN`.
    recurrent_activation : str or callable
        Default "sigmoid". With it, the activation "tanh" and reset_after whole sequences run in one
        kernel.
    reset_after : bool
        Whether r is applied after the product with U; there are then two rows of biases. Default
        True.
    use_cudnn
        Accepted for Keras's sake.
    **kwargs
        As of `RNN`.

    References
    ----------
    K. Cho et al., "Learning phrase representations using RNN encoder-decoder for statistical
    machine translation", EMNLP 2014.
    """

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: Any = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        reset_after: bool = True,
        use_cudnn: Any = "auto",
        **kwargs: Any,
    ) -> None:
        super().__init__(GRUCell, locals(), kwargs)
