"""SimpleRNN, LSTM and GRU: with the usual activations by the kernels of whole sequences, else cell
by cell.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cygnet.ops as core
from cygnet import kernels
from cygnet.keras.layers.recurrent_cells import (
    GRUCell,
    LSTMCell,
    SimpleRNNCell,
    cell_arguments,
)
from cygnet.keras.layers.rnn import RNN
from cygnet.nn.recurrent import run_lengths
from cygnet.ops.recurrent import recurrent
from cygnet.tensor import Array, Tensor

__all__ = ["GRU", "LSTM", "SimpleRNN"]

_OF_LAYERS = frozenset(
    {"activity_regularizer", "go_backwards", "return_sequences", "return_state", "stateful"}
    | {"unroll"}
)


def valid_lengths(mask: Tensor) -> Array | None:
    """The sequences' lengths if the mask leaves out only ends, and no sequence as a whole.

    What runs next depends on them: where a step is being recorded, they cannot be read.
    """
    array = mask._array
    if kernels.is_recording() or array.dtype != bool or not array[:, 0].all():
        return None
    if (array[:, 1:] & ~array[:, :-1]).any():
        return None
    lengths: Array = array.sum(1)
    return lengths


def run_fused(
    op: str,
    cells: Sequence[Any],
    sequences: Tensor,
    states: Sequence[Tensor | None],
    lengths: Array | None,
) -> tuple[Tensor, list[Tensor]]:
    """The kernels of whole sequences: outputs (N, T, directions * units), and the last states, each
    (directions, N, units).

    Parameters
    ----------
    cells : sequence
        Of the forward direction and, if there are two, of the backward one.
    states : sequence of (Tensor or None)
        Each (directions, N, units).
    lengths : numpy.ndarray, optional
        See `valid_lengths`; beyond them outputs are 0.
    """
    kind, layers = cells[0].kind(), [[cell.parameters_of_kernel() for cell in cells]]
    if lengths is None:
        output, *last = recurrent(op, kind, sequences, states, layers, batch_first=True)
    else:

        def run(rows: Tensor, first: Any, batch_sizes: tuple[int, ...]) -> tuple[Tensor, ...]:
            return recurrent(op, kind, rows, first, layers, batch_sizes=batch_sizes)

        output, *last = run_lengths(run, sequences, states, lengths, True)
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

    def can_fuse(self, sequences: Tensor, training: bool) -> bool:
        """Whether the kernels compute what the cell does."""
        cell = self.cell
        if training and cell.recurrent_dropout > 0:
            return False
        return cell.kind() is not None and sequences.shape[1] > 0

    def _run(
        self, sequences: Tensor, states: list[Any] | None, mask: Tensor | None, training: bool
    ) -> tuple[Tensor, list[Any]]:
        lengths = None
        fits = self.can_fuse(sequences, training)
        if fits and mask is not None:
            lengths = None if self.go_backwards else valid_lengths(mask)
            fits = lengths is not None and (self.return_sequences or not self.zero_output_for_mask)
        if not fits:
            return super()._run(sequences, states, mask, training)
        sequences = self.cell.thinned(sequences, training)
        if self.go_backwards:
            sequences = core.flip(sequences, 1)
        first = [None] * len(self.state_size) if states is None else states
        stacked = [None if state is None else core.unsqueeze(state, 0) for state in first]
        output, last = run_fused(self.name, [self.cell], sequences, stacked, lengths)
        after = [core.select(state, 0, 0) for state in last]
        if not self.return_sequences:
            return after[0], after
        if mask is not None and not self.zero_output_for_mask:
            there = core.unsqueeze(mask, -1)
            output = core.where(there, output, core.unsqueeze(after[0], 1))
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
    + b')) or, without reset_activate, activation(x W + b + (r h) U); h' = z h + (1 - z) n.

    Parameters
    ----------
    units, activation, use_bias, kernel_initializer, recurrent_initializer, bias_initializer, \
    kernel_regularizer, recurrent_regularizer, bias_regularizer, activity_regularizer, \
    kernel_constraint, recurrent_constraint, bias_constraint, dropout, recurrent_dropout, seed, \
    return_sequences, return_state, go_backwards, stateful, unroll
        As of `SimpleRNN`.
    recurrent_activation : str or callable
        Default "sigmoid". With it, the activation "tanh" and reset_activate whole sequences run in one
        kernel.
    reset_activate : bool
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
        reset_activate: bool = True,
        use_cudnn: Any = "auto",
        **kwargs: Any,
    ) -> None:
        super().__init__(GRUCell, locals(), kwargs)
