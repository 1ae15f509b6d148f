"""Recurrent networks over whole sequences."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cygnet.kernels import ShapeError
from cygnet.nn.linear import positive_int
from cygnet.nn.module import Module
from cygnet.nn.parameter import Parameter, float_dtype
from cygnet.nn.recurrent_cells import KINDS, check_nonlinearity, draw_uniform
from cygnet.nn.utils.rnn import (
    PackedSequence,
    by_length,
    checked_lengths,
    packed_positions,
    padded_rows,
    read_packed,
)
from cygnet.ops.common import as_tensor
from cygnet.ops.gather import gather_rows
from cygnet.ops.recurrent import recurrent, states_of
from cygnet.ops.recurrent_layer import Kind
from cygnet.random import module_cell
from cygnet.tensor import Array, Tensor, empty_array

MOST_LAYERS = 1 << 16  # a count at the limits of integers must not take all memory

__all__ = ["GRU", "LSTM", "RNN", "RNNBase"]

_WEIGHTS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")


Run = Callable[..., Any]  # data, states and batch_sizes to the output and the last states


def _run_sorted(
    run: Run,
    data: Tensor,
    states: Sequence[Tensor | None],
    batch_sizes: tuple[int, ...],
    order: Tensor | None,
    back: Tensor | None,
) -> list[Tensor]:
    """Packed rows, and states in the sequences' first order, to packed rows and such states."""
    if order is not None:
        batch = batch_sizes[0]
        states = [
            gather_rows(s, order, 1) if s is not None and s.shape[1:2] == (batch,) else s
            for s in states
        ]
    output, *last = run(data, states, batch_sizes=batch_sizes)
    return [output, *(s if back is None else gather_rows(s, back, 1) for s in last)]


def run_rows(
    run: Run,
    input: Tensor,
    states: Sequence[Tensor | None],
    batch_sizes: Array,
    order: Array,
    source: Tensor,
    target: Tensor,
) -> list[Tensor]:
    """Runs a network over some steps of sequences: output, 0 where there is none, and last states.

    Parameters
    ----------
    run : callable
        The network on packed rows: rows, states and batch_sizes to output rows and last states.
    input : Tensor
        (T, N, I) or (N, T, I).
    states : sequence of (Tensor or None)
        Each (layers * directions, N, width).
    batch_sizes, order : numpy.ndarray
        As `by_length` gives them.
    source, target : Tensor
        Where a packed row stands in the input's first two dimensions, and its output in those of
        the result.
    """
    first, second, width = input.shape
    rows = gather_rows(input.reshape(first * second, width), source)
    there, back = Tensor._wrap(order), Tensor._wrap(np.argsort(order))
    output, *last = _run_sorted(run, rows, states, tuple(batch_sizes.tolist()), there, back)
    return [padded_rows(output, target, (first, second), 0.0), *last]


class RNNBase(Module):
    """What `RNN`, `LSTM` and `GRU` have in common.

    Parameters
    ----------
    mode : str
        'LSTM', 'GRU', 'RNN_TANH' or 'RNN_RELU'.
    input_size, hidden_size : int
        Numbers in one step of the input, and in a state.
    num_layers : int
        How many layers, each on the output of the one below. Default 1.
    bias : bool
        Whether two biases are added, one with the input's product and one with the state's. Default
        True.
    batch_first : bool
        Whether input and output are (N, T, ...), else (T, N, ...). Default False. States are the
        same either way.
    dropout : float
        Probability of dropping a number of a layer's output on its way to the next, in training.
        Default 0.
    bidirectional : bool
        Whether each layer has a second direction, which begins at the sequence's end. Default
        False.
    proj_size : int
        Of LSTM: the size to which hidden states are projected. Default 0: they are not.
    device : device, optional
        The CPU; any other is an error.
    dtype : dtype, optional
        float32, the default, or float64.

    Attributes
    ----------
    weight_ih_l[k], weight_hh_l[k] : Parameter
        Of layer k: (gates * hidden_size, inputs) and (gates * hidden_size, hidden_size or
        proj_size).
    bias_ih_l[k], bias_hh_l[k] : Parameter
        (gates * hidden_size,); with bias alone.
    weight_hr_l[k] : Parameter
        (proj_size, hidden_size); with proj_size alone.

    Those of the second direction have the suffix ``_reverse``.
    """

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        if mode not in KINDS:
            raise ValueError(f"{name}: mode is {mode!r}, expected one of {', '.join(KINDS)}")
        self.mode = mode
        self.input_size = positive_int(name, "input_size", input_size)
        self.hidden_size = positive_int(name, "hidden_size", hidden_size)
        self.num_layers = positive_int(name, "num_layers", num_layers)
        if self.num_layers > MOST_LAYERS:
            raise ValueError(f"{name}: num_layers is {num_layers}, expected at most {MOST_LAYERS}")
        for which, flag in (("bias", bias), ("batch_first", batch_first)):
            if not isinstance(flag, bool):
                raise TypeError(
                    f"{name}: argument {which} expected a bool, got {type(flag).__name__}"
                )
        if (
            isinstance(dropout, bool)
            or not isinstance(dropout, int | float)
            or not 0 <= dropout <= 1
        ):
            raise ValueError(
                f"{name}: argument dropout expected a probability in [0, 1], got {dropout}"
            )
        if dropout > 0 and num_layers == 1:
            warnings.warn(
                f"{name}: dropout={dropout} has no effect, as it is between layers and there is "
                "but one",
                stacklevel=3,
            )
        self.proj_size = positive_int(name, "proj_size", proj_size, 0)
        if proj_size and mode != "LSTM":
            raise ValueError(f"{name}: argument proj_size expected 0, got {proj_size}: for LSTM")
        if proj_size >= hidden_size:
            raise ValueError(
                f"{name}: argument proj_size expected less than hidden_size, {hidden_size}, got "
                f"{proj_size}"
            )
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bool(bidirectional)
        self._make_parameters(float_dtype(name, device, dtype))
        self.reset_parameters()

    @property
    def _kind(self) -> Kind:
        return KINDS[self.mode]

    def _make_parameters(self, dtype: np.dtype[Any]) -> None:
        gates = self._kind.gates * self.hidden_size
        state = self.proj_size or self.hidden_size
        width = self.input_size
        suffixes = ("", "_reverse") if self.bidirectional else ("",)
        self._all_weights = []
        for layer in range(self.num_layers):
            for suffix in suffixes:
                shapes = (
                    (gates, width),
                    (gates, state),
                    (gates,) if self.bias else None,
                    (gates,) if self.bias else None,
                    (self.proj_size, self.hidden_size) if self.proj_size else None,
                )
                names = []
                for weight, shape in zip(_WEIGHTS, shapes, strict=True):
                    if shape is not None:
                        names.append(f"{weight}_l{layer}{suffix}")
                        setattr(self, names[-1], Parameter(empty_array(shape, dtype)))
                self._all_weights.append(names)
            width = state * len(suffixes)

    def reset_parameters(self) -> None:
        """Draw all weights and biases anew, uniform in ±1/sqrt(hidden_size)."""
        draw_uniform(self, self.hidden_size)

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """The parameters of each layer's directions."""
        return [[getattr(self, name) for name in names] for names in self._all_weights]

    @property
    def _flat_weights(self) -> list[Parameter]:
        return [weight for weights in self.all_weights for weight in weights]

    def flatten_parameters(self) -> None:
        """Has nothing to do; here for PyTorch's sake."""

    def _layers(self) -> list[list[Any]]:
        """The parameters as `recurrent` takes them."""
        absent = (None, None)
        each: list[Any] = []
        for names in self._all_weights:
            weights = [getattr(self, name) for name in names]
            if not self.bias:
                weights[2:2] = absent
            each.append(weights)
        directions = 1 + self.bidirectional
        return [each[i : i + directions] for i in range(0, len(each), directions)]

    def forward(
        self, input: Tensor | PackedSequence, hx: Any = None, lengths: Any = None
    ) -> tuple[Any, Any]:
        """Run over whole sequences.

        Parameters
        ----------
        input : Tensor or PackedSequence
            (T, N, input_size), (N, T, input_size) with batch_first, or (T, input_size) of one
            sequence without a batch.
        hx : Tensor, or for LSTM a pair of Tensor, optional
            Initial states h_0, for LSTM (h_0, c_0): (num_layers * directions, N, hidden_size), for
            one sequence without N; h_0 is proj_size wide if there is a projection. Default: zeros.
        lengths : sequence of int or Tensor, optional
            Not in PyTorch. N numbers from 1 to T in any order: how long each sequence is. Steps
            beyond it take no time and change nothing: there the output is 0, as is the gradient of
            the input. They are read, which a recording does not allow of a tensor.

        Returns
        -------
        output : Tensor or PackedSequence
            The last layer's hidden states of all steps, in the form of the input:
            (T, N, directions * hidden_size).
        states : Tensor or pair of Tensor
            Those after each sequence's last step, in the form of `hx`.

        Raises
        ------
        ShapeError, DTypeError, ValueError
        """
        name = type(self).__name__
        states = self._states(name, hx)
        if isinstance(input, PackedSequence):
            if lengths is not None:
                raise ValueError(f"{name}: lengths must be None if input is a PackedSequence")
            sizes = read_packed(name, input)
            output, *last = _run_sorted(
                self._run, input.data, states, sizes, input.sorted_indices, input.unsorted_indices
            )
            return PackedSequence(output, *input[1:]), self._as_given(last)
        input = as_tensor(input, name, "input")
        if input.ndim not in (2, 3):
            raise ShapeError(f"{name}: input has shape {input.shape}, expected 2 or 3 dimensions")
        if lengths is not None:
            return self._of_lengths(name, input, states, lengths)
        if input.ndim == 3:
            output, *last = self._run(input, states, batch_first=self.batch_first)
            return output, self._as_given(last)
        for which, state in zip(self._kind.states, states, strict=True):
            if state is not None and state.ndim != 2:
                raise ShapeError(
                    f"{name}: {which} has shape {state.shape}, expected 2 dimensions, as the input"
                )
        batch = [None if state is None else state.unsqueeze(1) for state in states]
        output, *last = self._run(input.unsqueeze(1), batch)
        return output.squeeze(1), self._as_given([state.squeeze(1) for state in last])

    def _run(self, input: Tensor, states: Sequence[Tensor | None], **options: Any) -> Any:
        drops = self.training and self.dropout > 0 and self.num_layers > 1
        return recurrent(
            type(self).__name__,
            self._kind,
            input,
            states,
            self._layers(),
            self.dropout if drops else 0.0,
            module_cell(self.path) if drops else None,
            **options,
        )

    def _of_lengths(
        self, name: str, input: Tensor, states: Sequence[Tensor | None], lengths: Any
    ) -> tuple[Tensor, Any]:
        if input.ndim != 3 or input.shape[2] != self.input_size:
            form = "N, T" if self.batch_first else "T, N"
            raise ShapeError(
                f"{name}: input has shape {input.shape}, expected ({form}, {self.input_size}), as "
                "lengths are given"
            )
        batch, length = input.shape[:2] if self.batch_first else input.shape[1::-1]
        order, sizes = by_length(checked_lengths(name, lengths, batch, length))
        positions = packed_positions(sizes, order, length, self.batch_first)
        output, *last = run_rows(self._run, input, states, sizes, order, positions, positions)
        return output, self._as_given(last)

    def _states(self, name: str, hx: Any) -> Sequence[Tensor | None]:
        """The initial states, None where they are zeros."""
        return (None,) * len(self._kind.states) if hx is None else states_of(name, self._kind, hx)

    def _as_given(self, states: Sequence[Tensor]) -> Any:
        return states[0] if len(states) == 1 else tuple(states)

    def extra_repr(self) -> str:
        """The arguments of the class, without defaults."""
        shown = [str(self.input_size), str(self.hidden_size)]
        for name, default in (
            ("proj_size", 0),
            ("num_layers", 1),
            ("bias", True),
            ("batch_first", False),
            ("dropout", 0),
            ("bidirectional", False),
        ):
            value = getattr(self, name)
            if value != default:
                shown.append(f"{name}={value}")
        return ", ".join(shown)


class RNN(RNNBase):
    """h_t = tanh(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh), or with relu.

    Parameters
    ----------
    input_size, hidden_size, num_layers
        As in `RNNBase`.
    nonlinearity : str
        'tanh' (default) or 'relu'.
    bias, batch_first, dropout, bidirectional, device, dtype
        As in `RNNBase`.

    References
    ----------
    J. Elman, "Finding structure in time", Cognitive Science 14, 1990.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        check_nonlinearity(type(self).__name__, nonlinearity)
        super().__init__(
            f"RNN_{nonlinearity.upper()}",
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            device=device,
            dtype=dtype,
        )
        self.nonlinearity = nonlinearity


class LSTM(RNNBase):
    """Long short-term memory; gates i, f, g, o in this order.

    i, f, o = sigmoid(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh) and g = tanh(the same), each by its
    rows; c_t = f c_{t-1} + i g; h_t = o tanh(c_t), or W_hr times that.

    Parameters
    ----------
    input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, proj_size, \
    device, dtype
        As in `RNNBase`.

    References
    ----------
    S. Hochreiter, J. Schmidhuber, "Long short-term memory", Neural Computation 9, 1997; with the
    forget gate of F. Gers et al., "Learning to forget", 2000; the projection: H. Sak et al., arXiv
    1402.1128.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__("LSTM", *args, **kwargs)


class GRU(RNNBase):
    """Gated recurrent units; gates r, z, n in this order, the state's product taken before the
    reset.

    r, z = sigmoid(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh), each by its rows;
    n = tanh(W_ih x_t + b_ih + r (W_hh h_{t-1} + b_hh)); h_t = (1 - z) n + z h_{t-1}.

    Parameters
    ----------
    input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, device, dtype
        As in `RNNBase`.

    References
    ----------
    K. Cho et al., "Learning phrase representations using RNN encoder-decoder for statistical
    machine translation", EMNLP 2014.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__("GRU", *args, **kwargs)
