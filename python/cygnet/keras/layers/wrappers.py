"""Layers around layers: both directions of a sequence, and each of its steps."""

from __future__ import annotations

from typing import Any

import cygnet.ops as core
from cygnet.keras import tree
from cygnet.keras.layer import Layer
from cygnet.keras.layers.recurrent import FusedRNN, packed_steps, run_fused
from cygnet.keras.layers.rnn import checked_sequences
from cygnet.kernels import ShapeError
from cygnet.tensor import Tensor

__all__ = ["Bidirectional", "TimeDistributed", "Wrapper"]

_MERGES = ("concat", "sum", "mul", "ave", None)


class Wrapper(Layer):
    """Base of layers that contain one.

    Parameters
    ----------
    layer : Layer
    **kwargs
        As of `Layer`.
    """

    def __init__(self, layer: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.layer = _checked(type(self).__name__, "layer", layer)

    def build(self, input_shape: Any = None) -> None:
        """Build the layer inside."""
        if not self.layer.built:
            self.layer._build(input_shape)


def _checked(name: str, argument: str, layer: Any) -> Layer:
    if not isinstance(layer, Layer):
        raise ValueError(f"{name}: argument {argument} expected a Layer, got {layer!r}")
    return layer


class Bidirectional(Layer):
    """A recurrent layer forward, and one like it backward in time.

    Parameters
    ----------
    layer : RNN
        Its configuration is taken for both directions, with weights of their own.
    merge_mode : str or None
        "concat" (default), "sum", "mul" or "ave" of both outputs; None returns both.
    weights : list of array, optional
        The initial weights, those of the forward layer first.
    backward_layer : RNN, optional
        The layer for the other direction, itself with the other `go_backwards`.
    **kwargs
        As of `Layer`.
    """

    supports_masking = True

    def __init__(
        self,
        layer: Any,
        merge_mode: str | None = "concat",
        weights: Any = None,
        backward_layer: Any = None,
        **kwargs: Any,
    ) -> None:
        name = type(self).__name__
        _checked(name, "layer", layer)
        if merge_mode not in _MERGES:
            raise ValueError(
                f"{name}: argument merge_mode expected one of {_MERGES}, got {merge_mode!r}"
            )
        super().__init__(**kwargs)
        self._init_arguments.pop("weights", None)
        self.forward_layer = _like(layer, "forward")
        if backward_layer is None:
            self.backward_layer = _like(layer, "backward", go_backwards=not layer.go_backwards)
        else:
            self.backward_layer = _checked(name, "backward_layer", backward_layer)
        for what in ("stateful", "return_sequences", "return_state", "go_backwards"):
            one, other = (getattr(each, what) for each in self._directions)
            if (one == other) == (what == "go_backwards"):
                expected = "different" if what == "go_backwards" else "equal"
                raise ValueError(
                    f"{name}: {what} of layer and backward_layer expected {expected}, got {one} "
                    f"and {other}"
                )
        for each in self._directions:  # the two must not disagree about steps left out
            if hasattr(each, "zero_output_for_mask"):
                each.zero_output_for_mask = each.return_sequences
        self.merge_mode = merge_mode
        self.return_sequences = layer.return_sequences
        self.return_state = layer.return_state
        self.stateful = layer.stateful
        self.__dict__["_initial"] = weights

    @property
    def _directions(self) -> tuple[Any, Any]:
        return self.forward_layer, self.backward_layer

    def build(self, input_shape: Any) -> None:
        """Build both layers."""
        for each in self._directions:
            if not each.built:
                each._build(input_shape)
        initial = self.__dict__.pop("_initial", None)
        if initial is not None:
            self.set_weights(initial)

    def reset_state(self) -> None:
        """Let stateful layers begin with zeros again."""
        for each in self._directions:
            each.reset_state()

    reset_states = reset_state

    def call(
        self,
        sequences: Tensor,
        initial_state: Any = None,
        mask: Any = None,
        training: bool | None = None,
    ) -> Any:
        """Run over the sequences in both directions."""
        sequences, mask = checked_sequences(self.forward_layer, sequences, mask)
        states = None if initial_state is None else list(initial_state)
        found = self._fused(sequences, states, mask, bool(training))
        if found is None:
            found = self._one_by_one(sequences, states, mask, training)
        both, output, after = found
        if self.merge_mode is None:
            merged: tuple[Any, ...] = both
        elif self.merge_mode == "concat":
            merged = (core.cat(both, -1) if output is None else output,)
        elif self.merge_mode == "mul":
            merged = (core.mul(*both),)
        else:
            total = core.add(*both)
            merged = (core.mul(total, 0.5) if self.merge_mode == "ave" else total,)
        if self.return_state:
            return (*merged, *after)
        return merged if self.merge_mode is None else merged[0]

    def _one_by_one(
        self, sequences: Tensor, states: list[Any] | None, mask: Tensor | None, training: Any
    ) -> tuple[tuple[Tensor, Tensor], None, list[Any]]:
        half = len(states or ()) // 2
        outputs, after = [], []
        for number, layer in enumerate(self._directions):
            first = None if states is None else states[number * half : (number + 1) * half]
            result = layer(sequences, initial_state=first, mask=mask, training=training)
            if self.return_state:
                result, *last = result
                after += last
            if self.return_sequences and number:
                result = core.flip(result, 1)
            outputs.append(result)
        return (outputs[0], outputs[1]), None, after

    def _fused(
        self, sequences: Tensor, states: list[Any] | None, mask: Tensor | None, training: bool
    ) -> tuple[tuple[Tensor, Tensor], Tensor | None, list[Tensor]] | None:
        """Both directions in one kernel: the outputs apart and together, and the last states; None
        if it cannot be.
        """
        one, other = self._directions
        if not (
            isinstance(one, FusedRNN)
            and isinstance(other, FusedRNN)
            and one.can_fuse(training)
            and other.cell.kind() is one.cell.kind()
            and other.units == one.units
            and other.cell.use_bias == one.cell.use_bias
            and other.go_backwards
            and not self.stateful
            and not (
                training and any(e.cell.dropout + e.cell.recurrent_dropout for e in (one, other))
            )
        ):
            return None
        steps = None if mask is None else packed_steps(mask, False)
        if mask is not None and steps is None:
            return None
        count = len(one.state_size)
        if states is None:
            first: list[Any] = [None] * count
        else:
            first = [core.stack([states[i], states[count + i]]) for i in range(count)]
        output, last = run_fused(self.name, (one.cell, other.cell), sequences, first, steps)
        after = [core.select(state, 0, i) for i in range(2) for state in last]
        if not self.return_sequences:
            return (after[0], after[count]), None, after
        units = one.units
        return (output[..., :units], output[..., units:]), output, after

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """The mask of the sequence goes on with the outputs of all steps."""
        mask = tree.flatten(previous_mask)[0] if self.return_sequences else None
        masks = [mask] * (2 if self.merge_mode is None else 1)
        states = 2 * len(self.forward_layer.state_size) if self.return_state else 0
        return masks + [None] * states if len(masks) + states > 1 else mask

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Shapes of the outputs, and of the states if they are returned."""
        both = [layer.compute_output_shape(input_shape) for layer in self._directions]
        states: tuple[Any, ...] = ()
        if self.return_state:
            states = (*both[0][1:], *both[1][1:])
            both = [shapes[0] for shapes in both]
        output, other = both
        if self.merge_mode is None:
            return (output, other, *states)
        if self.merge_mode == "concat":
            output = (*output[:-1], output[-1] + other[-1])
        return (output, *states) if self.return_state else output


def _like(layer: Any, direction: str, **changed: Any) -> Any:
    """A layer of the same configuration, with weights of its own."""
    name = f"{direction}_{layer.name.removeprefix(direction + '_')}"
    return type(layer).from_config(layer.get_config() | {"name": name} | changed)


class TimeDistributed(Wrapper):
    """A layer on each step of a sequence (N, T, ...).

    It is called once on all steps of all sequences, (N * T, ...): batch normalization inside takes
    its statistics from them together, where Keras 3 calls it step by step.

    Parameters
    ----------
    layer : Layer
    **kwargs
        As of `Layer`.
    """

    supports_masking = True

    def build(self, input_shape: Any = None) -> None:
        """Build the layer for one step."""
        if len(input_shape) < 3:
            raise ShapeError(
                f"TimeDistributed: inputs have shape {tuple(input_shape)}, expected (N, T, ...)"
            )
        super().build((input_shape[0], *input_shape[2:]))

    def call(self, inputs: Tensor, training: bool | None = None, mask: Any = None) -> Any:
        """Call the layer on all steps."""
        batch, steps = inputs.shape[:2]
        if mask is not None and tuple(mask.shape[:2]) != (batch, steps):
            raise ShapeError(
                f"{self.name}: mask has shape {mask.shape}, expected ({batch}, {steps}, ...)"
            )

        def together(x: Tensor) -> Tensor:
            return core.reshape(x, (batch * steps, *x.shape[2:]))

        options: dict[str, Any] = {}
        if mask is not None and "mask" in self.layer._call_takes:
            options["mask"] = together(mask)
        if "training" in self.layer._call_takes:
            options["training"] = training
        outputs = self.layer(together(inputs), **options)
        return tree.map_structure(lambda x: core.reshape(x, (batch, steps, *x.shape[1:])), outputs)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The layer's, with the axis of steps."""
        batch, steps, *rest = input_shape
        first, *others = self.layer.compute_output_shape((batch, *rest))
        return (first, steps, *others)
