"""Recurrent cells: one step of a sequence.

Dropout leaves out the same numbers in front of all gates; Keras, where there is recurrent dropout,
others in front of each.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

import cygnet.ops as core
from cygnet.keras import activations, constraints, initializers, regularizers
from cygnet.keras.layer import Layer
from cygnet.keras.layers.random_cell import dropped
from cygnet.nn.linear import positive_int
from cygnet.ops.gather import gather_rows
from cygnet.ops.recurrent_layer import GRU, LSTM, RNN_RELU, RNN_TANH, Kind
from cygnet.tensor import Tensor

__all__ = ["GRUCell", "LSTMCell", "SimpleRNNCell", "StackedRNNCells"]

_GETTERS = {
    "activation": activations.get,
    "constraint": constraints.get,
    "initializer": initializers.get,
    "regularizer": regularizers.get,
}
# Keras's functions, and the core's, which users may give as well.
_RELU = (activations.relu, core.relu)
_SIGMOID = (activations.sigmoid, core.sigmoid)
_TANH = (activations.tanh, core.tanh)
_NOT_OF_CELLS = {"self", "kwargs", "__class__", "activity_regularizer"}


def cell_arguments(arguments: dict[str, Any]) -> dict[str, Any]:
    """Those of a constructor's local variables that cells take."""
    return {name: value for name, value in arguments.items() if name not in _NOT_OF_CELLS}


class _Cell(Layer):
    """Base of the cells: their weights, the product with the input, and dropout.

    A step is `project`, which a layer may do for all steps at once, then `advance`.
    """

    gates: int  # blocks of columns of the weights
    units: int
    use_bias: bool
    dropout: float
    recurrent_dropout: float
    seed: Any
    activation: Any
    recurrent_activation: Any
    bias_initializer: Any

    def __init__(self, arguments: dict[str, Any], kwargs: dict[str, Any]) -> None:
        kwargs.pop("implementation", None)  # there is but one
        super().__init__(**kwargs)
        for name, value in cell_arguments(arguments).items():
            get = _GETTERS.get(name.rpartition("_")[2])
            setattr(self, name, value if get is None else get(value))
        self.units = positive_int(type(self).__name__, "units", self.units)
        self._dropout_mask: Tensor | None = None
        self._recurrent_dropout_mask: Tensor | None = None
        self._no_bias: Tensor | None = None

    @property
    def _gate(self) -> Any:
        """The activation of the gates; nobody will ask for the argument of its sigmoid."""
        return core.sigmoid if self.recurrent_activation in _SIGMOID else self.recurrent_activation

    @property
    def state_size(self) -> Any:
        """Width of the state; a list of several."""
        return self.units

    @property
    def output_size(self) -> int:
        """Width of the output."""
        return self.units

    def _bias_shape(self) -> tuple[int, ...]:
        return (self.gates * self.units,)

    def _first_bias(self) -> Any:
        """The initializer of the bias."""
        return self.bias_initializer

    def build(self, input_shape: Any) -> None:
        """Make kernel, recurrent kernel and bias."""
        width = self.gates * self.units
        # In memory a gate's weights lie one unit below another, as the kernels read them.
        for which, name, rows in (
            ("kernel", "kernel", input_shape[-1]),
            ("recurrent", "recurrent_kernel", self.units),
        ):
            weight = self.add_weight(
                (rows, width),
                getattr(self, f"{which}_initializer"),
                regularizer=getattr(self, f"{which}_regularizer"),
                constraint=getattr(self, f"{which}_constraint"),
                name=name,
                axes=(1, 0),
            )
            setattr(self, name, weight)
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                self._bias_shape(),
                self._first_bias(),
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
                name="bias",
            )
            self._no_bias = core.zeros(width, dtype=self.bias.dtype)

    def kind(self) -> Kind | None:
        """What the fused kernels call this cell; None if they have none like it."""
        return None

    def parameters_of_kernel(self) -> tuple[Tensor | None, ...]:
        """The weights as the fused kernels take them."""
        no_bias = self._no_bias if self.use_bias else None
        return self.kernel.T, self.recurrent_kernel.T, self.bias, no_bias

    def get_dropout_mask(self, step_input: Tensor) -> Tensor | None:
        """What one step's input is multiplied with in training; the same for all steps."""
        if self._dropout_mask is None and self.dropout > 0:
            self._dropout_mask = dropped(self, core.ones_like(step_input), self.dropout)
        return self._dropout_mask

    def get_recurrent_dropout_mask(self, step_state: Tensor) -> Tensor | None:
        """The same of the last output on its way to the next step."""
        if self._recurrent_dropout_mask is None and self.recurrent_dropout > 0:
            ones = core.ones_like(step_state)
            self._recurrent_dropout_mask = dropped(self, ones, self.recurrent_dropout)
        return self._recurrent_dropout_mask

    def reset_dropout_mask(self) -> None:
        """Draw again at the next step."""
        self._dropout_mask = None

    def reset_recurrent_dropout_mask(self) -> None:
        """Draw again at the next step."""
        self._recurrent_dropout_mask = None

    def get_initial_state(self, batch_size: int) -> list[Tensor]:
        """States of zeros."""
        sizes = self.state_size if isinstance(self.state_size, list) else [self.state_size]
        return [core.zeros(batch_size, size, dtype=self.dtype) for size in sizes]

    def _input_bias(self) -> Tensor | None:
        return self.bias

    def project(self, inputs: Tensor) -> Tensor:
        """The inputs (..., width) times the kernel, with the bias."""
        return core.linear(inputs, self.kernel.T, self._input_bias())

    def thinned(self, sequences: Tensor, training: bool) -> Tensor:
        """Sequences (N, T, width) without what the dropout takes away, the same in all steps."""
        mask = self.get_dropout_mask(sequences[:, 0]) if training else None
        return sequences if mask is None else core.mul(sequences, core.unsqueeze(mask, 1))

    def _recurrent(self, hidden: Tensor, training: bool | None) -> Tensor:
        """The last output as the gates see it in training."""
        mask = self.get_recurrent_dropout_mask(hidden) if training else None
        return hidden if mask is None else core.mul(hidden, mask)

    def advance(
        self, projected: Tensor, states: Sequence[Tensor], training: bool | None = None
    ) -> tuple[Tensor, list[Tensor]]:
        """Output and next states of a projected input and the last states."""
        raise NotImplementedError

    def call(self, inputs: Tensor, states: Any, training: bool | None = None) -> Any:
        """Output and next states of one step's input (N, width) and the last states."""
        mask = self.get_dropout_mask(inputs) if training else None
        inputs = inputs if mask is None else core.mul(inputs, mask)
        several = isinstance(states, list | tuple)
        given = states if several else [states]
        output, after = self.advance(self.project(inputs), given, training)
        return output, after if several else after[0]

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Shapes of output and states."""
        batch = input_shape[0]
        return (batch, self.units), [(batch, self.units)] * len(self.get_initial_state(0))


class SimpleRNNCell(_Cell):
    """One step of `SimpleRNN`.

    Parameters
    ----------
    units, activation, use_bias, kernel_initializer, recurrent_initializer, bias_initializer, \
    kernel_regularizer, recurrent_regularizer, bias_regularizer, kernel_constraint, \
    recurrent_constraint, bias_constraint, dropout, recurrent_dropout, seed
        As of `SimpleRNN`.
    """

    gates = 1

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
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(locals(), kwargs)

    def kind(self) -> Kind | None:
        if self.activation in _TANH:
            return RNN_TANH
        return RNN_RELU if self.activation in _RELU else None

    def advance(
        self, projected: Tensor, states: Sequence[Tensor], training: bool | None = None
    ) -> tuple[Tensor, list[Tensor]]:
        hidden = self._recurrent(states[0], training)
        output = self.activation(core.linear(hidden, self.recurrent_kernel.T) + projected)
        return output, [output]


class LSTMCell(_Cell):
    """One step of `LSTM`.

    Parameters
    ----------
    units, activation, recurrent_activation, use_bias, kernel_initializer, recurrent_initializer, \
    bias_initializer, unit_forget_bias, kernel_regularizer, recurrent_regularizer, \
    bias_regularizer, kernel_constraint, recurrent_constraint, bias_constraint, dropout, \
    recurrent_dropout, seed
        As of `LSTM`.
    """

    gates = 4
    unit_forget_bias: bool
    recurrent_activation: Any

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
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(locals(), kwargs)

    @property
    def state_size(self) -> Any:
        """Widths of output and memory."""
        return [self.units, self.units]

    def _first_bias(self) -> Any:
        if not self.unit_forget_bias:
            return self.bias_initializer

        def forgetting_little(shape: Any, dtype: Any = None) -> Tensor:
            input, rest = (self.bias_initializer((n * self.units,), dtype=dtype) for n in (1, 2))
            return core.cat([input, core.ones_like(input), rest])

        return forgetting_little

    def kind(self) -> Kind | None:
        return LSTM if _has_usual_activations(self) else None

    def advance(
        self, projected: Tensor, states: Sequence[Tensor], training: bool | None = None
    ) -> tuple[Tensor, list[Tensor]]:
        hidden, memory = self._recurrent(states[0], training), states[1]
        gates = core.linear(hidden, self.recurrent_kernel.T) + projected
        i, f, c, o = core.chunk(gates, 4, -1)
        act, gate = self.activation, self._gate
        memory = gate(f) * memory + gate(i) * act(c)
        output = gate(o) * act(memory)
        return output, [output, memory]


class GRUCell(_Cell):
    """One step of `GRU`.

    Parameters
    ----------
    units, activation, recurrent_activation, use_bias, kernel_initializer, recurrent_initializer, \
    bias_initializer, kernel_regularizer, recurrent_regularizer, bias_regularizer, \
    kernel_constraint, recurrent_constraint, bias_constraint, dropout, recurrent_dropout, \
    reset_after, seed
        As of `GRU`.
    """

    gates = 3
    reset_after: bool
    recurrent_activation: Any

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
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        reset_after: bool = True,
        seed: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(locals(), kwargs)

    @functools.cached_property
    def _kernel_order(self) -> Tensor:
        """Where the rows of the gates r, z, h stand among those of z, r, h."""
        return Tensor._wrap(np.arange(3 * self.units).reshape(3, -1)[[1, 0, 2]].ravel())

    def _bias_shape(self) -> tuple[int, ...]:
        return (2, 3 * self.units) if self.reset_after else (3 * self.units,)

    def _input_bias(self) -> Tensor | None:
        return self.bias[0] if self.bias is not None and self.reset_after else self.bias

    def kind(self) -> Kind | None:
        return GRU if self.reset_after and _has_usual_activations(self) else None

    def parameters_of_kernel(self) -> tuple[Tensor | None, ...]:
        """The weights with their gates z, r, h in the kernels' order r, z, h: small copies."""

        order = self._kernel_order
        biases: tuple[Tensor | None, ...] = (None, None)
        if self.bias is not None:
            biases = core.unbind(gather_rows(self.bias, order, 1), 0)
        weights = self.kernel.T, self.recurrent_kernel.T
        return (*(gather_rows(weight, order) for weight in weights), *biases)

    def advance(
        self, projected: Tensor, states: Sequence[Tensor], training: bool | None = None
    ) -> tuple[Tensor, list[Tensor]]:
        before = states[0]
        hidden = self._recurrent(before, training)
        weight, two = self.recurrent_kernel.T, 2 * self.units
        z, r, h = core.chunk(projected, 3, -1)
        if self.reset_after:
            bias = None if self.bias is None else self.bias[1]
            own_z, own_r, own_h = core.chunk(core.linear(hidden, weight, bias), 3, -1)
        else:
            own_z, own_r = core.chunk(core.linear(hidden, weight[:two]), 2, -1)
        gate = self._gate
        z, r = gate(z + own_z), gate(r + own_r)
        own = r * own_h if self.reset_after else core.linear(r * hidden, weight[two:])
        new = self.activation(h + own)
        output = new + z * (before - new)
        return output, [output]


def _has_usual_activations(cell: Any) -> bool:
    return cell.activation in _TANH and cell.recurrent_activation in _SIGMOID


class StackedRNNCells(Layer):
    """Cells one above another, as one cell.

    Parameters
    ----------
    cells : list
        Layers or other objects with `call(inputs, states)` and `state_size`.
    **kwargs
        As of `Layer`.
    """

    def __init__(self, cells: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        for cell in cells:
            if not hasattr(cell, "state_size") or not hasattr(cell, "call"):
                raise ValueError(
                    "StackedRNNCells: argument cells expected objects with call and state_size, "
                    f"got {cell!r}"
                )
        self.cells = list(cells)

    @property
    def state_size(self) -> list[Any]:
        """The sizes of all cells' states."""
        return [cell.state_size for cell in self.cells]

    @property
    def output_size(self) -> int:
        """Width of the last cell's output."""
        return output_size(self.cells[-1])

    def build(self, input_shape: Any) -> None:
        """Build the cells, each for the output of the one below."""
        shape = tuple(input_shape)
        for cell in self.cells:
            if isinstance(cell, Layer) and not cell.built:
                cell._build(shape)
            shape = (shape[0], output_size(cell))

    def get_initial_state(self, batch_size: int) -> list[Any]:
        """States of zeros of all cells."""
        return [initial_state(cell, batch_size, self.dtype) for cell in self.cells]

    def reset_dropout_mask(self) -> None:
        """Draw again at the next step."""
        for cell in self.cells:
            reset_masks(cell)

    def call(self, inputs: Tensor, states: Any, training: bool | None = None, **kwargs: Any) -> Any:
        """Output of the last cell, and the next states of all."""
        after = []
        for cell, own in zip(self.cells, states, strict=True):
            several = isinstance(own, list | tuple)
            inputs, new = run_cell(cell, inputs, list(own) if several else [own], training)
            after.append(new if several else new[0])
        return inputs, after


def output_size(cell: Any) -> int:
    size = getattr(cell, "output_size", None)
    if size is None:
        size = cell.state_size[0] if isinstance(cell.state_size, list | tuple) else cell.state_size
    return int(size)


def run_cell(
    cell: Any, inputs: Tensor, states: list[Any], training: bool | None
) -> tuple[Tensor, list[Any]]:
    """One step of any cell; states come and go in a list."""
    if isinstance(cell, Layer):
        options = {"training": training} if "training" in cell._call_takes else {}
        output, after = cell(inputs, states, **options)
    else:
        output, after = cell.call(inputs, states)
    return output, list(after) if isinstance(after, list | tuple) else [after]


def initial_state(cell: Any, batch_size: int, dtype: str) -> Any:
    """States of zeros of any cell, in its own structure."""
    if hasattr(cell, "get_initial_state"):
        return cell.get_initial_state(batch_size=batch_size)
    sizes = cell.state_size
    if isinstance(sizes, list | tuple):
        return [core.zeros(batch_size, size, dtype=dtype) for size in sizes]
    return core.zeros(batch_size, sizes, dtype=dtype)


def reset_masks(cell: Any) -> None:
    """Let a cell that has dropout draw again."""
    for name in ("reset_dropout_mask", "reset_recurrent_dropout_mask"):
        reset = getattr(cell, name, None)
        if reset is not None:
            reset()


def is_own_cell(cell: Any) -> bool:
    """Whether a cell's product with the input can be taken of all steps at once."""
    return isinstance(cell, _Cell) and type(cell).call is _Cell.call
