"""Recurrent cells: one step of a recurrent network."""

from __future__ import annotations

import math
from typing import Any

from cygnet.nn import init
from cygnet.nn.linear import positive_int
from cygnet.nn.module import Module
from cygnet.nn.parameter import Parameter, float_dtype
from cygnet.ops.recurrent import states_of, step
from cygnet.ops.recurrent_layer import GRU, LSTM, RNN_RELU, RNN_TANH
from cygnet.tensor import Tensor, empty_array

__all__ = ["GRUCell", "LSTMCell", "RNNCell", "RNNCellBase"]

# By PyTorch's names of the modes.
KINDS = {"GRU": GRU, "LSTM": LSTM, "RNN_RELU": RNN_RELU, "RNN_TANH": RNN_TANH}


def draw_uniform(module: Module, hidden_size: int) -> None:
    """All parameters anew, uniform in ±1/sqrt(hidden_size)."""
    bound = 1 / math.sqrt(hidden_size)
    for parameter in module.parameters():
        init.uniform_(parameter, -bound, bound)


def check_nonlinearity(name: str, nonlinearity: str) -> None:
    """A ValueError unless it is 'tanh' or 'relu'."""
    if nonlinearity not in ("tanh", "relu"):
        raise ValueError(f"{name}: nonlinearity is {nonlinearity!r}, expected 'tanh' or 'relu'")


class RNNCellBase(Module):
    """What the cells share: weights of the gates, one below another, and the check of the state.

    Parameters
    ----------
    input_size, hidden_size : int
        Numbers in an input and in a state.
    bias : bool
        Whether two biases are added, one with the input's product and one with the state's.
    num_chunks : int
        The number of gates.
    device : device, optional
        The CPU; any other is an error.
    dtype : dtype, optional
        float32, the default, or float64.
    """

    mode: str  # a key of `KINDS`

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool,
        num_chunks: int,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        self.input_size = positive_int(name, "input_size", input_size)
        self.hidden_size = positive_int(name, "hidden_size", hidden_size)
        self.bias = bias
        dtype = float_dtype(name, device, dtype)
        rows = positive_int(name, "num_chunks", num_chunks) * self.hidden_size
        self.weight_ih = Parameter(empty_array((rows, self.input_size), dtype))
        self.weight_hh = Parameter(empty_array((rows, self.hidden_size), dtype))
        for which in ("bias_ih", "bias_hh"):
            self.register_parameter(which, Parameter(empty_array((rows,), dtype)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all weights and biases anew, uniform in ±1/sqrt(hidden_size)."""
        draw_uniform(self, self.hidden_size)

    def _step(self, input: Tensor, hx: Any, out: Any) -> tuple[Tensor, ...]:
        name, kind = type(self).__name__, KINDS[self.mode]
        return step(
            name,
            kind,
            input,
            (None,) * len(kind.states) if hx is None else states_of(name, kind, hx),
            self.weight_ih,
            self.weight_hh,
            self.bias_ih,
            self.bias_hh,
            out=None if out is None else states_of(name, kind, out, "out"),
        )

    def extra_repr(self) -> str:
        """The arguments of the class."""
        return f"{self.input_size}, {self.hidden_size}" + ("" if self.bias else ", bias=False")


class RNNCell(RNNCellBase):
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

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        check_nonlinearity(type(self).__name__, nonlinearity)
        self.mode = f"RNN_{nonlinearity.upper()}"
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(
        self, input: Tensor, hx: Tensor | None = None, *, out: Tensor | None = None
    ) -> Tensor:
        """The next state of an input and a state.

        Parameters
        ----------
        input : Tensor
            (N, input_size) or, without a batch, (input_size,).
        hx : Tensor, optional
            (N, hidden_size) or (hidden_size,). Default: zeros.
        out : Tensor, optional
            C-contiguous, for the next state; it may be `hx`. Only without gradients; not in
            PyTorch.

        Raises
        ------
        ShapeError, DTypeError, TypeError, ValueError
        """
        return self._step(input, hx, out)[0]

    def extra_repr(self) -> str:
        """The arguments of the class."""
        other = "" if self.nonlinearity == "tanh" else f", nonlinearity={self.nonlinearity}"
        return super().extra_repr() + other


class LSTMCell(RNNCellBase):
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

    mode = "LSTM"

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(
        self,
        input: Tensor,
        hx: tuple[Tensor, Tensor] | None = None,
        *,
        out: tuple[Tensor, Tensor] | None = None,
    ) -> tuple[Tensor, Tensor]:
        """The next (h, c) of an input and the last ones; see `RNNCell.forward`."""
        hidden, cell = self._step(input, hx, out)
        return hidden, cell


class GRUCell(RNNCellBase):
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

    mode = "GRU"

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(
        self, input: Tensor, hx: Tensor | None = None, *, out: Tensor | None = None
    ) -> Tensor:
        """The next state of an input and a state; see `RNNCell.forward`."""
        return self._step(input, hx, out)[0]
