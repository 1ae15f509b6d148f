"""Any cell along a sequence."""

from __future__ import annotations

from typing import Any

import cygnet.ops as core
from cygnet.autograd import no_grad
from cygnet.keras import tree
from cygnet.keras.layer import Layer
from cygnet.keras.layers.recurrent_cells import (
    StackedRNNCells,
    initial_state,
    is_own_cell,
    output_size,
    reset_masks,
    run_cell,
)
from cygnet.kernels import ShapeError
from cygnet.tensor import Tensor

__all__ = ["RNN"]


def as_list(value: Any) -> list[Any]:
    """A list or tuple as a list; anything else alone in one."""
    return list(value) if isinstance(value, list | tuple) else [value]


def where_each(mask: Tensor, new: Any, old: Any) -> Any:
    """`new` of the rows where a mask (N,) is True, else `old`; of structures of tensors."""
    others = iter(tree.flatten(old))

    def chosen(tensor: Tensor) -> Tensor:
        rows = core.reshape(mask, (-1, *(1,) * (tensor.ndim - 1)))
        return core.where(rows, tensor, next(others))

    return tree.map_structure(chosen, new)


def checked_sequences(layer: Layer, sequences: Tensor, mask: Any) -> tuple[Tensor, Tensor | None]:
    """Sequences in the layer's type, with their mask (N, T)."""
    if sequences.shape[1] == 0:
        raise ShapeError(
            f"{layer.name}: inputs have shape {sequences.shape}, expected at least 1 step"
        )
    if sequences.dtype != layer.dtype:
        sequences = sequences.to(layer.dtype)
    if mask is None:
        return sequences, None
    found: Tensor = tree.flatten(mask)[0]
    if found.shape != sequences.shape[:2]:
        raise ShapeError(
            f"{layer.name}: mask has shape {found.shape}, expected {sequences.shape[:2]}"
        )
    return sequences, found


class RNN(Layer):
    """A cell from step to step of a sequence (N, T, ...).

    Parameters
    ----------
    cell : object
        A layer or other object with `call(inputs, states)`, which returns the output and the next
        states, and `state_size`, one or more widths; or a list of such, for `StackedRNNCells`.
    return_sequences : bool
        Whether the outputs of all steps are returned, (N, T, units), else the last one. Default
        False.
    return_state : bool
        Whether the last states are returned too. Default False.
    go_backwards : bool
        Whether the last step is the first; the outputs come in that order. Default False.
    stateful : bool
        Whether a batch begins with the states that the last one ended with. Default False.
    unroll : bool
        Accepted for Keras's sake.
    zero_output_for_mask : bool
        Whether the output of a step that a mask leaves out is 0, else the last one. Default False.
    **kwargs
        As of `Layer`; `implementation` and `time_major=False` are accepted as in older programs.

    Attributes
    ----------
    states : list or None
        Those that a stateful layer begins with.
    """

    supports_masking = True

    def __init__(
        self,
        cell: Any,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        zero_output_for_mask: bool = False,
        **kwargs: Any,
    ) -> None:
        kwargs.pop("implementation", None)
        kwargs.pop("use_cudnn", None)
        if kwargs.pop("time_major", False):
            raise ValueError(f"{type(self).__name__}: time_major must be False: transpose the data")
        super().__init__(**kwargs)
        if isinstance(cell, list | tuple):
            cell = StackedRNNCells(cell)
        if not hasattr(cell, "call") or not hasattr(cell, "state_size"):
            raise ValueError(
                f"{type(self).__name__}: argument cell expected an object with call and "
                f"state_size, got {cell!r}"
            )
        self.cell = cell
        self.return_sequences = return_sequences
        self.return_state = return_state
        self.go_backwards = go_backwards
        self.stateful = stateful
        self.unroll = unroll
        self.zero_output_for_mask = zero_output_for_mask
        self.__dict__["states"] = None

    @property
    def state_size(self) -> list[Any]:
        """The widths of the cell's states."""
        return as_list(self.cell.state_size)

    def build(self, input_shape: Any) -> None:
        """Build the cell for one step."""
        if len(input_shape) < 3:
            raise ShapeError(
                f"{self.name}: inputs have shape {tuple(input_shape)}, expected (N, T, features)"
            )
        if isinstance(self.cell, Layer) and not self.cell.built:
            self.cell._build((input_shape[0], *input_shape[2:]))

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Shape of the output, and of the states if they are returned."""
        batch, steps = input_shape[:2]
        width = output_size(self.cell)
        output = (batch, steps, width) if self.return_sequences else (batch, width)
        if not self.return_state:
            return output
        return output, *tree.map_structure(lambda size: (batch, size), self.state_size)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """The mask of the sequence goes on with the outputs of all steps."""
        mask = tree.flatten(previous_mask)[0] if self.return_sequences else None
        return [mask] + [None] * len(self.state_size) if self.return_state else mask

    def get_initial_state(self, batch_size: int) -> list[Any]:
        """States of zeros."""
        return as_list(initial_state(self.cell, batch_size, self.dtype))

    def reset_state(self, states: Any = None) -> None:
        """Let a stateful layer begin with zeros again, or with these states.

        Raises
        ------
        ValueError
            If the layer is not stateful.
        """
        if not self.stateful:
            raise ValueError(f"reset_state: layer {self.name!r} expected stateful=True")
        if states is not None:
            self.__dict__["states"] = tree.map_structure(_taken_over, as_list(states))
        elif self.states is not None:
            with no_grad():
                for state in tree.flatten(self.states):
                    state.zero_()

    reset_states = reset_state

    def call(
        self,
        sequences: Tensor,
        initial_state: Any = None,
        mask: Any = None,
        training: bool | None = None,
    ) -> Any:
        """Run over the sequences, from zeros, given states or those of the last batch."""
        sequences, mask = checked_sequences(self, sequences, mask)
        if initial_state is None:
            states = self._own_states(sequences.shape[0]) if self.stateful else None
        else:
            states = self._checked_states(initial_state, sequences.shape[0])
        output, after = self._run(sequences, states, mask, bool(training))
        reset_masks(self.cell)
        if self.stateful:
            with no_grad():
                for own, new in zip(tree.flatten(self.states), tree.flatten(after), strict=True):
                    own.copy_(new.detach())
        return (output, *after) if self.return_state else output

    def _own_states(self, batch: int) -> list[Any]:
        """The states of the last batch, copied: they are overwritten at the end of this one."""
        if self.states is None:
            self.__dict__["states"] = self.get_initial_state(batch)
        found = tree.flatten(self.states)[0].shape[0]
        if found != batch:
            raise ShapeError(
                f"{self.name}: it is stateful with a batch of {found}, got inputs with {batch}"
            )
        return tree.map_structure(core.clone, self.states)  # type: ignore[no-any-return]

    def _checked_states(self, given: Any, batch: int) -> list[Any]:
        states = as_list(given)
        if len(states) != len(self.state_size):
            raise ValueError(
                f"{self.name}: initial_state expected {len(self.state_size)} tensors, got "
                f"{len(states)}"
            )
        for state in tree.flatten(states):
            if state.shape[:1] != (batch,):
                raise ShapeError(
                    f"{self.name}: initial_state has shape {state.shape}, expected a batch of "
                    f"{batch}, as the inputs"
                )
        return states

    def _run(
        self, sequences: Tensor, states: list[Any] | None, mask: Tensor | None, training: bool
    ) -> tuple[Tensor, list[Any]]:
        """The output, of all steps or the last, and the last states."""
        current = states or self.get_initial_state(sequences.shape[0])
        own = is_own_cell(self.cell)
        if own:
            sequences = self.cell.project(self.cell.thinned(sequences, training))
        steps = core.unbind(sequences, 1)
        marks = (None,) * len(steps) if mask is None else core.unbind(mask, 1)
        order = list(zip(steps, marks, strict=True))
        outputs: list[Tensor] = []
        for step, mark in reversed(order) if self.go_backwards else order:
            if own:
                output, after = self.cell.advance(step, current, training)
            else:
                output, after = run_cell(self.cell, step, current, training)
            if mark is not None:
                held = outputs[-1] if outputs and not self.zero_output_for_mask else None
                before = core.zeros_like(output) if held is None else held
                output = where_each(mark, output, before)
                after = where_each(mark, after, current)
            current = after
            outputs.append(output)
        return core.stack(outputs, 1) if self.return_sequences else outputs[-1], current


def _taken_over(state: Any) -> Tensor:
    return core.clone(core.as_tensor(state)).detach()
