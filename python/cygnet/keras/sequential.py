"""Models that are one layer after another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from cygnet.keras.graph import Graph, checked_input
from cygnet.keras.input import InputLayer
from cygnet.keras.layer import Layer, argument_names
from cygnet.keras.model import Model
from cygnet.keras.serialization import deserialized, serialized
from cygnet.keras.symbolic import KerasTensor

__all__ = ["Sequential"]


class Sequential(Model):
    """A stack of layers.

    Parameters
    ----------
    layers : sequence of Layer, optional
        The first may be an `Input`; or its first layer says `input_shape`. Without either the
        weights are made at the first call.
    name : str, optional

    Examples
    --------
    >>> import cygnet as cn
    >>> from cygnet import keras
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="relu")])
    >>> model.add(keras.layers.Dense(2))
    >>> model(cn.ones(5, 4)).shape, model.count_params()
    ((5, 2), 23)
    """

    def __init__(
        self, layers: Sequence[Any] | None = None, trainable: bool = True, name: str | None = None
    ) -> None:
        super().__init__(name=name, trainable=trainable)
        self.__dict__.update(_stack=[], _start=None, _end=None, _calls=None)
        if layers is not None and not isinstance(layers, list | tuple):
            raise TypeError(
                f"Sequential: layers expected a list of layers, got {type(layers).__name__}"
            )
        for layer in layers or ():
            self.add(layer)

    def add(self, layer: Any) -> None:
        """Put a layer on top."""
        if isinstance(layer, KerasTensor):
            layer = layer.node.layer if layer.node else layer
        if not isinstance(layer, Layer):
            raise TypeError(f"Sequential: add expected a layer, got {type(layer).__name__}")
        if isinstance(layer, InputLayer):
            if self._stack or self._start is not None:
                raise ValueError(f"Sequential {self.name!r}: an Input can only be the first layer")
            self._begin(layer.output)
            return
        if any(each.name == layer.name for each in self._stack):
            raise ValueError(
                f"Sequential {self.name!r}: there is a layer {layer.name!r} already; names must "
                "differ"
            )
        self._stack.append(layer)
        self._add_layer(layer)
        if self._start is not None:
            self._extend([layer])
        elif len(self._stack) == 1:
            shape, dtype = layer._batch_input_shape, None
            if isinstance(layer, Model) and layer.inputs:
                shape, dtype = layer.inputs[0].shape, layer.inputs[0].dtype
            if shape is not None:
                self._begin(InputLayer(batch_shape=shape, dtype=dtype).output)

    def pop(self) -> Any:
        """Take the last layer away and return it."""
        if not self._stack:
            raise ValueError(f"Sequential {self.name!r}: pop: there are no layers")
        layer = self._stack.pop()
        del self._modules[next(name for name, each in self._modules.items() if each is layer)]
        if self._start is not None:
            self._begin(self._start)
        return layer

    def _begin(self, start: KerasTensor) -> None:
        """Make the weights of all layers, for an input."""
        self.__dict__.update(_start=start, _end=start, built=False)
        self._extend(self._stack)

    def _extend(self, layers: list[Layer]) -> None:
        for layer in layers:
            self.__dict__["_end"] = layer(self._end)
        self.__dict__.update(built=bool(self._stack), _graph=None, _calls=None)

    def build(self, input_shape: Any = None) -> None:
        """Make the weights for inputs of a shape, with None for the batch."""
        if self._start is None and input_shape is not None:
            if not self._stack:
                raise ValueError(f"Sequential {self.name!r}: build: there are no layers")
            self._begin(InputLayer(batch_shape=tuple(input_shape)).output)

    def _build_for(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        first = args[0] if args else None
        shape = getattr(first, "shape", None)
        if shape is None:
            raise ValueError(
                f"Sequential {self.name!r}: expected one tensor, got {type(first).__name__}"
            )
        if not self._stack:
            raise ValueError(f"Sequential {self.name!r}: there are no layers to call")
        kind = str(first.dtype)  # type: ignore[union-attr]
        dtype = kind if kind in ("float64", "int64", "int32") else "float32"
        self._begin(InputLayer(batch_shape=(None, *shape[1:]), dtype=dtype).output)

    def _build_like(self, symbols: Any) -> None:
        self._build_for((symbols,), {})

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """The layers one after another."""
        outputs = inputs if self._start is None else checked_input(self.name, self._start, inputs)
        if self._calls is None:
            self.__dict__["_calls"] = _calls_of(self._stack)
        for call in self._calls:
            outputs = call(outputs)
        return outputs

    def _whole_graph(self) -> Graph | None:
        if self._start is None or not self._stack:
            return None
        if self._graph is None:
            self.__dict__["_graph"] = Graph(self._start, self._end)
        graph: Graph = self._graph
        return graph

    @property
    def layers(self) -> list[Layer]:
        """The layers, without the input."""
        return list(self._stack)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shape after the last layer."""
        if self._start is None:
            self.build(input_shape)
        for layer in self._stack:
            input_shape = layer.compute_output_shape(input_shape)
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """The layers' configurations."""
        if "layers" not in argument_names(type(self)):
            return Layer.get_config(self)
        layers = [serialized(layer) for layer in self._stack]
        if self._start is not None and self._start.node is not None:
            layers.insert(0, serialized(self._start.node.layer))
        return {"name": self.name, "trainable": self.trainable, "layers": layers}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Sequential:
        """The model that `get_config` told of, with new weights."""
        if "layers" not in config:
            return super().from_config(config)  # type: ignore[no-any-return]
        layers = [deserialized(layer) for layer in config["layers"]]
        return cls(layers, trainable=config.get("trainable", True), name=config["name"])


def _calls_of(layers: list[Layer]) -> list[Callable[[Any], Any]]:
    """What to call one after another: layers, and what does the work of two."""
    calls: list[Callable[[Any], Any]] = []
    rest = list(reversed(layers))
    while rest:
        layer = rest.pop()
        both = layer.joined(rest[-1]) if rest else None
        if both is not None:
            rest.pop()
        calls.append(both or layer)
    return calls
