"""Tensors without values, and the graph of layer calls that leads to them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from cygnet.keras import tree

if TYPE_CHECKING:
    from cygnet.keras.layer import Layer

__all__ = ["KerasTensor", "Node", "is_symbolic", "nodes_between"]

Shape = tuple[int | None, ...]


class Node:
    """One call of a layer on KerasTensors.

    Attributes
    ----------
    layer : Layer
    args, kwargs
        As the layer was called.
    inputs, outputs : list of KerasTensor
        Those among the arguments, and the results.
    """

    def __init__(self, layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.layer = layer
        self.args = args
        self.kwargs = kwargs
        self.inputs = [
            leaf for leaf in tree.flatten([args, kwargs]) if isinstance(leaf, KerasTensor)
        ]
        self.outputs: list[KerasTensor] = []


class KerasTensor:
    """What a layer of the functional API takes and gives: a shape and a type, no values. Its
    operators come from `cygnet.keras.ops.operators`.

    Parameters
    ----------
    shape : tuple of (int or None)
        With the batch axis; None where any size will do.
    dtype : str
        Default "float32".
    name : str, optional

    Attributes
    ----------
    node : Node or None
        The call that made it; None of a tensor outside of any graph.
    """

    def __init__(
        self,
        shape: Any,
        dtype: str = "float32",
        name: str | None = None,
        node: Node | None = None,
    ) -> None:
        self.shape: Shape = tuple(shape)
        self.dtype = dtype
        self.name = name or "keras_tensor"
        self.node = node

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    def __repr__(self) -> str:
        return f"<KerasTensor shape={self.shape}, dtype={self.dtype}, name={self.name}>"

    def __bool__(self) -> bool:
        raise TypeError("a KerasTensor has no values: it cannot decide an `if` or `while`")

    def __iter__(self) -> Iterator[Any]:
        raise TypeError("a KerasTensor has no values: it cannot be iterated over")

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError(
            "a KerasTensor has no values: NumPy functions take none; use layers or keras.ops"
        )


def is_symbolic(structure: Any) -> bool:
    """Whether a structure holds a KerasTensor."""
    if isinstance(structure, KerasTensor):
        return True
    if isinstance(structure, tuple | list):
        return any(map(is_symbolic, structure))
    return isinstance(structure, dict) and any(map(is_symbolic, structure.values()))


def nodes_between(inputs: list[KerasTensor], outputs: list[KerasTensor]) -> list[Node]:
    """The calls that lead from the inputs to the outputs, each after those that it needs.

    Raises
    ------
    ValueError
        If an output depends on a tensor that no input leads to.
    """
    known = {id(tensor) for tensor in inputs}
    ordered: list[Node] = []
    done: set[int] = set()
    stack = [(tensor, False) for tensor in reversed(outputs)]
    while stack:
        tensor, ready = stack.pop()
        node = tensor.node
        if id(tensor) in known or (node is not None and id(node) in done):
            continue
        if node is None or not node.inputs:
            raise ValueError(
                f"Model: the outputs depend on {tensor!r}, which is none of the inputs"
            )
        if ready:
            done.add(id(node))
            ordered.append(node)
        else:
            stack.append((tensor, True))
            stack += [(each, False) for each in reversed(node.inputs)]
    return ordered
