"""Recurrent cells: one step of a recurrent network."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cygnet.kernels import ShapeError
from cygnet.nn import functional, init
from cygnet.nn.linear import positive_int
from cygnet.nn.module import Module
from cygnet.nn.parameter import Parameter, float_dtype
from cygnet.ops.create import zeros
from cygnet.ops.shape import chunk
from cygnet.tensor import Tensor

__all__ = ["GRUCell", "LSTMCell", "RNNCell"]


class _Cell(Module):
    """What the cells share: weights of the gates, one below another, and the check of the state.

    Parameters
    ----------
    input_size, hidden_size : int
        Numbers in an input and in a state.
    bias : bool
        Whether two biases are added, one with the input's product and one with the state's. Default
        True.
    device : device, optional
        The CPU; any other is an error.
    dtype : dtype, optional
        float32, the default, or float64.
    """

    _gates: int

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        self.input_size = positive_int(name, "input_size", input_size)
        self.hidden_size = positive_int(name, "hidden_size", hidden_size)
        self.bias = bias
        dtype = float_dtype(name, device, dtype)
        rows = self._gates * self.hidden_size
        self.weight_ih = Parameter(np.empty((rows, self.input_size), dtype))
        self.weight_hh = Parameter(np.empty((rows, self.hidden_size), dtype))
        for which in ("bias_ih", "bias_hh"):
            self.register_parameter(which, Parameter(np.empty(rows, dtype)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all weights and biases anew, uniform in ±1/sqrt(hidden_size)."""
        bound = 1 / math.sqrt(self.hidden_size)
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)

    def _checked(self, input: Tensor, *state: Tensor | None) -> list[Tensor]:
        """The states, zeros for those that are missing."""
        name = type(self).__name__
        if input.ndim not in (1, 2) or input.shape[-1] != self.input_size:
            raise ShapeError(
                f"{name}: input has shape {input.shape}, expected (N, {self.input_size}) or "
                f"({self.input_size},)"
            )
        shape = (*input.shape[:-1], self.hidden_size)
        for given in state:
            if given is not None and given.shape != shape:
                raise ShapeError(f"{name}: hx has shape {given.shape}, expected {shape}")
        return [zeros(shape, dtype=input.dtype) if given is None else given for given in state]

    def _products(self, input: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """What input and state give to all gates."""
        return (
            functional.linear(input, self.weight_ih, self.bias_ih),
            functional.linear(state, self.weight_hh, self.bias_hh),
        )

    def extra_repr(self) -> str:
        """The arguments of the class."""
        return f"{self.input_size}, {self.hidden_size}" + ("" if self.bias else ", bias=False")


class RNNCell(_Cell):
    """h' = tanh(W_ih x + b_ih + W_hh h + b_hh), or with relu.

    Parameters
    ----------
    input_size, hidden_size, bias, device, dtype
        Sizes of input and state; whether there are biases, default True; where and of what type,
        as in `Linear`.
    nonlinearity : str
        'tanh' (default) or 'relu'.

    References
    ----------
    J. Elman, "Finding structure in time", Cognitive Science 14, 1990.
    """

    _gates = 1

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(
                f"RNNCell: nonlinearity is {nonlinearity!r}, expected 'tanh' or 'relu'"
            )
        super().__init__(input_size, hidden_size, bias, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """The next state (N, hidden_size) of an input (N, input_size) and a state, zeros by
        default; both may be without the batch's dimension.
        """
        (state,) = self._checked(input, hx)
        own, recurrent = self._products(input, state)
        activation = functional.tanh if self.nonlinearity == "tanh" else functional.relu
        return activation(own + recurrent)

    def extra_repr(self) -> str:
        """The arguments of the class."""
        other = "" if self.nonlinearity == "tanh" else f", nonlinearity={self.nonlinearity}"
        return super().extra_repr() + other


class LSTMCell(_Cell):
    """The step of a network with long short-term memory; gates i, f, g, o in this order.

    Parameters
    ----------
    input_size, hidden_size, bias, device, dtype
        As in `RNNCell`.

    References
    ----------
    S. Hochreiter, J. Schmidhuber, "Long short-term memory", Neural Computation 9, 1997; with the
    forget gate of F. Gers et al., "Learning to forget", 2000.
    """

    _gates = 4

    def forward(
        self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, Tensor]:
        """The next (h, c), each (N, hidden_size), of an input (N, input_size) and the last ones,
        zeros by default.
        """
        hidden, cell = self._checked(input, *(hx or (None, None)))
        own, recurrent = self._products(input, hidden)
        i, f, g, o = chunk(own + recurrent, 4, -1)
        cell = functional.sigmoid(f) * cell + functional.sigmoid(i) * functional.tanh(g)
        return functional.sigmoid(o) * functional.tanh(cell), cell


class GRUCell(_Cell):
    """The step of a gated recurrent network; gates r, z, n in this order, the state's product taken
    before the reset.

    Parameters
    ----------
    input_size, hidden_size, bias, device, dtype
        As in `RNNCell`.

    References
    ----------
    K. Cho et al., "Learning phrase representations using RNN encoder-decoder for statistical
    machine translation", EMNLP 2014.
    """

    _gates = 3

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """The next state (N, hidden_size) of an input (N, input_size) and a state, zeros by
        default.
        """
        (state,) = self._checked(input, hx)
        own, recurrent = self._products(input, state)
        (r, z, n), (r_state, z_state, n_state) = chunk(own, 3, -1), chunk(recurrent, 3, -1)
        reset = functional.sigmoid(r + r_state)
        new = functional.tanh(n + reset * n_state)
        return new + functional.sigmoid(z + z_state) * (state - new)
