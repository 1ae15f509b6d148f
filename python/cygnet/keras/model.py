"""Models: graphs of layers, or subclasses that say themselves how they call theirs."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from os import PathLike
from typing import Any

from cygnet.keras import tree
from cygnet.keras.graph import Graph
from cygnet.keras.layer import Layer, argument_names, map_shapes, unique_name
from cygnet.keras.lookup import snake_case
from cygnet.keras.serialization import serialized
from cygnet.keras.symbolic import KerasTensor
from cygnet.keras.training import Trainable

__all__ = ["Model"]


class Model(Trainable):
    """Layers that are trained, measured and saved together.

    Either of KerasTensors, or of a subclass that makes layers in `__init__` and calls them in
    `call`.

    Parameters
    ----------
    inputs : KerasTensor, or list or dict of them
        What `Input` or layers gave.
    outputs : KerasTensor, or structure of them
        What follows from the inputs.
    name : str, optional

    Examples
    --------
    >>> import cygnet as cn
    >>> from cygnet import keras
    >>> inputs = keras.Input(shape=(4,))
    >>> hidden = keras.layers.Dense(8, activation="relu")(inputs)
    >>> model = keras.Model(inputs, keras.layers.Dense(1)(hidden) + 1.0)
    >>> model(cn.ones(2, 4)).shape
    (2, 1)

    >>> class Twice(keras.Model):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.dense = keras.layers.Dense(4)
    ...
    ...     def call(self, x):
    ...         return self.dense(self.dense(x))
    >>> Twice()(cn.ones(2, 4)).shape
    (2, 4)
    """

    def __init__(
        self,
        inputs: Any = None,
        outputs: Any = None,
        name: str | None = None,
        trainable: bool = True,
        **kwargs: Any,
    ) -> None:
        if (inputs is None) != (outputs is None):
            raise TypeError("Model: inputs and outputs are given both or not at all")
        if name is None and type(self) is Model:
            name = unique_name("functional")
        super().__init__(name=name, **kwargs)
        self.__dict__["_graph"] = None
        self._init_training()
        if outputs is not None:
            graph = Graph(inputs, outputs)
            self.__dict__.update(_graph=graph, built=True)
            for layer in graph.layers:
                self._add_layer(layer)
        if not trainable:
            self.trainable = False

    def _add_layer(self, layer: Layer) -> None:
        """Register a layer by its kind and a number: `state_dict` then depends on the architecture
        alone, not on what layers are called.
        """
        base = snake_case(type(layer).__name__)
        numbered = (f"{base}_{number}" for number in itertools.count(1))
        keys = itertools.chain([base], numbered)
        self.add_module(next(key for key in keys if key not in self._module_names), layer)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """The outputs for inputs of the structure that the model was made of."""
        if self._graph is None:
            raise NotImplementedError(
                f"{type(self).__name__}: a model must define call, or be made of inputs and outputs"
            )
        return self._graph.run(self.name, inputs)

    def _symbolic_outputs(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if self._graph is None or len(args) != 1:
            return super()._symbolic_outputs(args, kwargs)
        return self._graph.symbols(self.name, args[0])

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The outputs' shape, with None for the batch, for inputs of a shape."""
        if self._graph is None:
            return super().compute_output_shape(input_shape)
        symbols = map_shapes(KerasTensor, input_shape)
        outputs = self._graph.symbols(self.name, symbols)
        return tree.map_structure(lambda output: output.shape, outputs)

    def build(self, input_shape: Any = None) -> None:
        """Make the weights for inputs of a shape, with None for the batch."""
        if self._graph is None and input_shape is not None and not self._building():
            self.compute_output_shape(input_shape)

    def _building(self) -> bool:
        """Whether the model is built by a call, which makes the weights itself."""
        return bool(self.__dict__.get("_in_build"))

    def _build(self, shape: Any) -> None:
        self.__dict__["_in_build"] = True
        try:
            super()._build(shape)
        finally:
            self.__dict__["_in_build"] = False

    @property
    def inputs(self) -> list[KerasTensor] | None:
        """The KerasTensors that the model begins with; None of a subclass."""
        graph = self._whole_graph()
        return None if graph is None else tree.flatten(graph.inputs)

    @property
    def outputs(self) -> list[KerasTensor] | None:
        """Those that it ends with."""
        graph = self._whole_graph()
        return None if graph is None else tree.flatten(graph.outputs)

    def _whole_graph(self) -> Graph | None:
        graph: Graph | None = self._graph
        return graph

    @property
    def input(self) -> Any:
        """What the model begins with, in the structure that it was made of."""
        graph = self._whole_graph()
        return super().input if graph is None else graph.inputs

    @property
    def output(self) -> Any:
        """What it ends with."""
        graph = self._whole_graph()
        return super().output if graph is None else graph.outputs

    @property
    def input_names(self) -> list[str]:
        """Names of the inputs."""
        return [tensor.name for tensor in self.inputs or ()]

    @property
    def output_names(self) -> list[str]:
        """Names of the layers that give the outputs."""
        return [t.node.layer.name if t.node else t.name for t in self.outputs or ()]

    @property
    def layers(self) -> list[Layer]:
        """The layers: of a graph in the order of their distance from the outputs, of a subclass
        in the order in which they became attributes.
        """
        if self._graph is not None:
            return list(self._graph.layers)
        return [child for child in self._children() if isinstance(child, Layer)]

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """The layer of a name or at a place."""
        layers = self.layers
        if index is not None:
            if not -len(layers) <= index < len(layers):
                raise ValueError(
                    f"get_layer: index {index} is out of range: the model has {len(layers)} layers"
                )
            return layers[index]
        if name is None:
            raise ValueError("get_layer: argument name or index is missing")
        for layer in layers:
            if layer.name == name:
                return layer
        raise ValueError(
            f"get_layer: there is no layer {name!r}; there are "
            + ", ".join(layer.name for layer in layers)
        )

    def reset_states(self) -> None:
        """Let all stateful layers begin with zeros again, as in older programs."""
        for part in self.modules():
            if part is not self and getattr(part, "stateful", False):
                part.reset_state()

    def summary(
        self,
        line_length: int | None = None,
        positions: Any = None,
        print_fn: Callable[[str], Any] | None = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: tuple[str, str] | None = None,
    ) -> None:
        """Print a table of the layers: their outputs' shapes and how many numbers they hold.

        Parameters
        ----------
        line_length : int, optional
            Default: as long as needed.
        positions
            Has no effect.
        print_fn : callable, optional
            Takes the table. Default: `print`.
        expand_nested : bool
            Whether the layers of models that are layers are listed. Default False.
        show_trainable : bool
            Whether a column tells what is trained. Default False.
        layer_range : (str, str), optional
            Names of the first and the last layer to be listed.
        """
        from cygnet.keras.summary import table

        text = table(self, line_length, expand_nested, show_trainable, layer_range)
        (print_fn or print)(text)

    def get_config(self) -> dict[str, Any]:
        """The graph's layers and calls; of a subclass the constructor's arguments."""
        if self._graph is None or not {"inputs", "outputs"} <= {*argument_names(type(self))}:
            return super().get_config()
        from cygnet.keras.saving import graph_config

        return {"name": self.name, "trainable": self.trainable, **graph_config(self._graph)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """The model that `get_config` told of, with new weights."""
        if "nodes" not in config:
            return super().from_config(config)
        from cygnet.keras.saving import graph_from_config

        inputs, outputs = graph_from_config(config)
        return cls(inputs, outputs, name=config["name"], trainable=config.get("trainable", True))

    def to_json(self, **kwargs: Any) -> str:
        """The configuration as text, for `keras.models.model_from_json`; `kwargs` are those of
        `json.dumps`.
        """

        return json.dumps(serialized(self), **kwargs)

    def save(
        self, filepath: str | PathLike[str], overwrite: bool = True, include_optimizer: bool = True
    ) -> None:
        """Write the model to one file: configuration, weights, what it was compiled with and the
        optimizer's state.

        The file is a safetensors file with JSON beside the arrays; it holds no code, whatever its
        ending. `keras.models.load_model` reads it.

        Parameters
        ----------
        filepath : path-like
        overwrite : bool
            Whether a file that exists is replaced; else it is an error. Default True.
        include_optimizer : bool
            Default True.
        """
        from cygnet.keras.saving import save_model

        save_model(self, filepath, overwrite, include_optimizer)

    def save_weights(self, filepath: str | PathLike[str], overwrite: bool = True) -> None:
        """Write the weights alone."""
        from cygnet.keras.saving import save_weights

        save_weights(self, filepath, overwrite)

    def load_weights(self, filepath: str | PathLike[str], skip_mismatch: bool = False) -> None:
        """Read what `save_weights` or `save` wrote of a model of the same architecture.

        Parameters
        ----------
        filepath : path-like
        skip_mismatch : bool
            Whether weights that are missing or of another shape are left as they are. Default
            False.

        Raises
        ------
        ValueError
            Lists the weights that are missing, not expected or of another shape.
        """
        from cygnet.keras.saving import load_weights

        load_weights(self, filepath, skip_mismatch)
