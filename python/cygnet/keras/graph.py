"""The graph of a functional model, and how it runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from cygnet.keras import tree
from cygnet.keras.layer import Layer
from cygnet.keras.symbolic import KerasTensor, Node, nodes_between
from cygnet.kernels import ShapeError
from cygnet.tensor import Tensor

__all__ = ["Graph", "checked_input"]


class _Step:
    """One call of the graph, with places in a list of values instead of KerasTensors."""

    def __init__(self, node: Node, places: dict[KerasTensor, int]) -> None:
        self.layer = node.layer
        self.call: Callable[[Any], Any] = node.layer
        self.node = node
        self.places = places
        self.targets = [places[output] for output in node.outputs]
        self.structure = len(node.outputs) > 1
        alone = len(node.args) == 1 and isinstance(node.args[0], KerasTensor)
        self.source = places[node.args[0]] if alone and not node.kwargs else None
        self.last_used: list[int] = []  # places that nobody reads after this step

    def run(self, values: list[Any]) -> None:
        if self.source is not None:
            outputs = self.call(values[self.source])
        else:

            def value(leaf: Any) -> Any:
                return values[self.places[leaf]] if isinstance(leaf, KerasTensor) else leaf

            args = tree.map_structure(value, self.node.args)
            kwargs = {
                name: tree.map_structure(value, argument)
                for name, argument in self.node.kwargs.items()
            }
            outputs = self.layer(*args, **kwargs)
        if self.structure:
            for target, output in zip(self.targets, tree.flatten(outputs), strict=True):
                values[target] = output
        else:
            values[self.targets[0]] = tree.flatten(outputs)[0]


class Graph:
    """From KerasTensors to KerasTensors.

    Attributes
    ----------
    inputs, outputs
        Structures of KerasTensors.
    nodes : list of Node
        The calls in an order in which they can run.
    layers : list of Layer
        Those of inputs, and others in the order of their distance from the outputs, the farthest
        first.
    """

    def __init__(self, inputs: Any, outputs: Any) -> None:
        self.inputs, self.outputs = inputs, outputs
        starts, ends = tree.flatten(inputs), tree.flatten(outputs)
        for what, tensors in (("inputs", starts), ("outputs", ends)):
            for tensor in tensors:
                if not isinstance(tensor, KerasTensor):
                    raise TypeError(
                        f"Model: {what} expected KerasTensors (of Input and of layers called on "
                        f"them), got {type(tensor).__name__}"
                    )
        self.nodes = nodes_between(starts, ends)
        self.layers = _by_depth(starts, ends, self.nodes)
        names = [layer.name for layer in self.layers]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"Model: two layers are called {name!r}; names must differ")
        self.input_names = [tensor.name for tensor in starts]
        places = {tensor: place for place, tensor in enumerate(starts)}
        for node in self.nodes:
            for output in node.outputs:
                places[output] = len(places)
        self._count = len(places)
        self._starts = starts
        self._steps = [_Step(node, places) for node in self.nodes]
        self._ends = [places[tensor] for tensor in ends]
        last = {
            places[tensor]: step
            for step, node in zip(self._steps, self.nodes, strict=True)
            for tensor in node.inputs
        }
        for place, step in last.items():
            if place not in self._ends:
                step.last_used.append(place)
        self._join()

    def _join(self) -> None:
        """Lets one step do the work of two where a layer knows how to."""
        readers = Counter(
            step.places[tensor] for step in self._steps for tensor in step.node.inputs
        )
        following = {step.source: step for step in self._steps}
        for step in list(self._steps):
            (place, *more) = step.targets
            after = following.get(place)
            if after is None or more or step.source is None or place in self._ends:
                continue
            both = step.layer.joined(after.layer) if readers[place] == 1 else None
            if both is not None:
                step.call, step.targets, step.structure = both, after.targets, after.structure
                step.last_used += after.last_used
                self._steps.remove(after)

    def run(self, name: str, inputs: Any) -> Any:
        """The outputs' values for values of the inputs."""
        values: list[Any] = [None] * self._count
        given = self._listed(name, inputs)
        for place, (start, value) in enumerate(zip(self._starts, given, strict=True)):
            values[place] = checked_input(name, start, value)
        del inputs, given
        for step in self._steps:
            step.run(values)
            for place in step.last_used:
                values[place] = None
        if isinstance(self.outputs, KerasTensor):
            return values[self._ends[0]]
        return tree.pack(self.outputs, (values[place] for place in self._ends))

    def symbols(self, name: str, inputs: Any) -> Any:
        """KerasTensors like the outputs for KerasTensors like the inputs."""
        given = self._listed(name, inputs)
        values: dict[int, Any] = {
            id(start): value for start, value in zip(self._starts, given, strict=True)
        }

        def value_of(leaf: Any) -> Any:
            return values[id(leaf)] if isinstance(leaf, KerasTensor) else leaf

        for node in self.nodes:
            args = tree.map_structure(value_of, node.args)
            kwargs = {key: tree.map_structure(value_of, v) for key, v in node.kwargs.items()}
            found = tree.flatten(node.layer._symbolic_outputs(args, kwargs))
            values |= {id(own): each for own, each in zip(node.outputs, found, strict=True)}

        def output_of(leaf: KerasTensor) -> KerasTensor:
            found = values[id(leaf)]
            return KerasTensor(found.shape, found.dtype, name)

        return tree.map_structure(output_of, self.outputs)

    def _listed(self, name: str, inputs: Any) -> list[Any]:
        """Values in the order of the inputs; a dict may name them."""
        if isinstance(inputs, dict) and not isinstance(self.inputs, dict):
            missing = [each for each in self.input_names if each not in inputs]
            if missing:
                raise ValueError(
                    f"Model {name!r}: inputs lack {', '.join(missing)}; given are "
                    f"{', '.join(map(str, inputs))}"
                )
            return [inputs[each] for each in self.input_names]
        if isinstance(inputs, dict):
            missing = [key for key in self.inputs if key not in inputs]
            if missing:
                raise ValueError(
                    f"Model {name!r}: inputs lack {', '.join(missing)}; given are "
                    f"{', '.join(map(str, inputs))}"
                )
            inputs = {key: inputs[key] for key in self.inputs}
        values = tree.flatten(inputs)
        if len(values) != len(self._starts):
            raise ValueError(
                f"Model {name!r}: expected {len(self._starts)} inputs "
                f"({', '.join(self.input_names)}), got {len(values)}"
            )
        return values


def checked_input(name: str, start: KerasTensor, value: Any) -> Any:
    """A value for an input, of its type; ShapeError unless its shape is one of those expected."""
    if not isinstance(value, Tensor):
        return value
    shape, expected = value.shape, start.shape
    if len(shape) != len(expected):
        if len(shape) == len(expected) - 1 and expected[-1] == 1:
            value = value.unsqueeze(-1)  # single numbers, as Keras lets them pass
        elif len(shape) == len(expected) + 1 and shape[-1] == 1:
            value = value.squeeze(-1)
    for size, wanted in zip(value.shape[1:], expected[1:], strict=False):  # of any batch
        if wanted is not None and size != wanted:
            break
    else:
        if value.ndim == len(expected):
            return value if str(value.dtype) == start.dtype else value.to(start.dtype)
    raise ShapeError(f"Model {name!r}: input {start.name!r} expected shape {expected}, got {shape}")


def _by_depth(starts: list[KerasTensor], ends: list[KerasTensor], nodes: list[Node]) -> list[Layer]:
    depth: dict[int, int] = {}  # of a node: calls between it and the outputs
    for node in reversed(nodes):
        mine = depth.setdefault(id(node), 0)
        for tensor in node.inputs:
            if tensor.node is not None:
                depth[id(tensor.node)] = max(depth.get(id(tensor.node), 0), mine + 1)
    begun = {id(tensor) for tensor in starts}
    seen: dict[int, int] = {}  # a layer's place in a walk from the outputs
    reached: dict[int, Node] = {}
    stack = list(reversed(ends))
    while stack:
        tensor = stack.pop()
        node = tensor.node  # type: ignore[assignment]  # every output has one
        inner = id(tensor) in begun and node.inputs  # an input in the midst of another graph
        if id(node) not in reached and not inner:
            reached[id(node)] = node
            seen.setdefault(id(node.layer), len(seen))
            stack += reversed(node.inputs)
    deepest: dict[int, int] = {}
    layers: dict[int, Layer] = {}
    for node in reached.values():
        key = id(node.layer)
        layers[key] = node.layer
        deepest[key] = max(deepest.get(key, 0), depth.get(id(node), 0))
    order = sorted(layers, key=lambda key: (-deepest[key], seen[key]))
    return [layers[key] for key in order]
