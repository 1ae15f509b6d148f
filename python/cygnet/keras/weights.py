"""What owns weights: making them, finding them in a tree of layers, freezing and copying them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from cygnet import kernels
from cygnet.autograd import no_grad
from cygnet.keras.variable import Variable
from cygnet.nn import Module, Parameter
from cygnet.ops.create import as_tensor

__all__ = ["WeightOwner"]


# Attributes of models and layers that are no user's.
_OWN = frozenset(
    {
        "_calls",
        "_compile_arguments",
        "_compiled_variables",
        "_hooks",
        "_init_arguments",
        "_loss_trackers",
        "_losses",
        "_nodes",
        "_stack",
        *("_parameter_names", "_buffer_names", "_module_names"),
    }
)


def _leaves(value: Any) -> Iterator[tuple[str, Any]]:
    """The modules and parameters in nested lists, tuples and dicts, with their places as text."""
    for key, item in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(item, Module | Parameter):
            yield str(key), item
        elif isinstance(item, list | tuple | dict):
            for inner, leaf in _leaves(item):
                yield f"{key}_{inner}", leaf


class WeightOwner(Module):
    """Base of `Layer`: the part that has to do with weights."""

    def add_weight(
        self,
        shape: Any = None,
        initializer: Any = None,
        dtype: Any = None,
        trainable: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
        name: str | None = None,
        *,
        axes: Sequence[int] | None = None,
        **ignored: Any,
    ) -> Variable:
        """Make a weight of this layer.

        Parameters
        ----------
        shape : sequence of int
            Default (), a number. A name may stand here, before the shape, as in older programs.
        initializer : str, callable, optional
            Default "glorot_uniform", of types without fractions "zeros".
        dtype : str, optional
            Default: the layer's.
        trainable : bool
            Default True.
        regularizer, constraint : str, callable, optional
        name : str, optional
        axes : sequence of int, optional
            The order of the axes in memory; see `Variable`.

        Returns
        -------
        Variable
        """
        from cygnet.keras import constraints, initializers, regularizers

        if isinstance(shape, str):
            shape, name = (initializer, shape) if initializer is not None else ((), shape)
            initializer = ignored.pop("initializer", None)
        shape = () if shape is None else (shape,) if isinstance(shape, int) else tuple(shape)
        if any(size is None for size in shape):
            raise ValueError(
                f"{self.name}: weight {name or ''} has shape {shape}, expected sizes that are known"
            )
        dtype = dtype or self.dtype
        if initializer is None:
            initializer = "glorot_uniform" if "float" in str(dtype) else "zeros"
        name = name or "variable"
        weight = Variable(
            initializers.get(initializer), shape, dtype, trainable, name=name, axes=axes
        )
        weight.path = f"{self.name}/{name}"
        weight.constraint = constraints.get(constraint)
        weight.regularizer = regularizers.get(regularizer)
        key = re.sub(r"\W", "_", name)
        while hasattr(self, key):  # it gets the attribute's name as soon as it is assigned
            key += "_"
        self._unnamed[key] = weight
        return weight

    @property
    def _unnamed(self) -> dict[str, Variable]:
        """Weights that were made and not assigned to an attribute yet."""
        weights: dict[str, Variable] = self.__dict__.setdefault("_waiting_weights", {})
        return weights

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, Parameter) and self.__dict__.get("_waiting_weights"):
            waiting = self._unnamed
            for key in [key for key, weight in waiting.items() if weight is value]:
                del waiting[key]
        super().__setattr__(name, value)
        if isinstance(value, Variable) and not self.__dict__.get("_trainable", True):
            value.requires_grad = False

    def _register_held(self) -> None:
        """Register what no attribute names: such weights, and layers in lists and dicts."""
        waiting = self.__dict__.pop("_waiting_weights", None) or {}
        for key, weight in waiting.items():
            setattr(self, key, weight)
        held = [
            (f"{name}_{key}", item)
            for name, value in self.__dict__.items()
            if isinstance(value, list | tuple | dict) and name not in _OWN
            for key, item in _leaves(value)
        ]
        known = {id(each) for each in (*self._modules.values(), *self._parameters.values())}
        for name, item in held:
            key = name.replace(".", "_")
            if id(item) not in known and key not in self.__dict__:
                known.add(id(item))
                setattr(self, key, item)

    def _children(self) -> Iterator[Module]:
        self._register_held()
        return (child for child in self._modules.values() if child is not None)

    def _own_weights(self) -> list[Any]:
        self._register_held()
        own = [self.__dict__[name] for name in self._parameter_names]
        own = [weight for weight in own if weight is not None]
        own += [b for n in self._buffer_names if (b := self.__dict__[n]) is not None]
        return sorted(own, key=lambda weight: not _is_trainable(weight))  # stable

    def _collected(self, seen: set[int]) -> Iterator[tuple[Any, bool]]:
        """Every weight once, and whether it is trained."""
        for weight in self._own_weights():
            if id(weight) not in seen:
                seen.add(id(weight))
                yield weight, self._trainable and _is_trainable(weight)
        for child in self._children():
            if isinstance(child, WeightOwner):
                yield from child._collected(seen)
            else:  # a module of cygnet.nn
                for weight in (*child.parameters(), *child.buffers()):
                    if id(weight) not in seen:
                        seen.add(id(weight))
                        yield weight, _is_trainable(weight)

    @property
    def weights(self) -> list[Any]:
        """All variables: each layer's own, trainable before others, then those of its parts."""
        return [weight for weight, _ in self._collected(set())]

    @property
    def variables(self) -> list[Any]:
        """`weights`."""
        return self.weights

    @property
    def trainable_weights(self) -> list[Any]:
        """Those that optimizers change."""
        if not self._trainable:
            return []
        return [weight for weight, trained in self._collected(set()) if trained]

    @property
    def trainable_variables(self) -> list[Any]:
        """`trainable_weights`."""
        return self.trainable_weights

    @property
    def non_trainable_weights(self) -> list[Any]:
        """Those that they do not change."""
        if not self._trainable:
            return self.weights
        return [weight for weight, trained in self._collected(set()) if not trained]

    @property
    def non_trainable_variables(self) -> list[Any]:
        """`non_trainable_weights`."""
        return self.non_trainable_weights

    @property
    def trainable(self) -> bool:
        """Whether optimizers change the weights; setting it sets it for all parts."""
        trainable: bool = self._trainable
        return trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self.__dict__["_trainable"] = bool(value)
        kernels.modules_changed()
        for weight in self._own_weights():
            if isinstance(weight, Variable):
                weight.requires_grad = weight.trainable and self._trainable
            elif isinstance(weight, Parameter):
                weight.requires_grad_(self._trainable)
        for child in self._children():
            if isinstance(child, WeightOwner):
                child.trainable = value
            else:
                child.requires_grad_(bool(value))

    def get_weights(self) -> list[np.ndarray[Any, Any]]:
        """Copies of all weights as arrays, in the order of `weights`."""
        return [np.array(weight._array, order="C") for weight in self.weights]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Take over arrays in the order of `weights`; nothing is written unless all fit.

        Raises
        ------
        ValueError
            If there are more or fewer arrays, or one has another shape.
        """
        mine = self.weights
        arrays = [np.asarray(weight) for weight in weights]
        if len(arrays) != len(mine):
            raise ValueError(
                f"set_weights: layer {self.name!r} has {len(mine)} weights, got {len(arrays)}"
            )
        for weight, array in zip(mine, arrays, strict=True):
            if weight.shape != array.shape:
                path = getattr(weight, "path", "")
                raise ValueError(
                    f"set_weights: weight {path} of layer {self.name!r} has shape {weight.shape}, "
                    f"got {array.shape}"
                )
        with no_grad():
            for weight, array in zip(mine, arrays, strict=True):
                weight.copy_(as_tensor(array))

    def count_params(self) -> int:
        """How many numbers the weights hold."""
        if not self.built and not self.weights:
            raise ValueError(f"count_params: layer {self.name!r} is not built yet")
        return sum(weight.numel() for weight in self.weights)


def _is_trainable(weight: Any) -> bool:
    if isinstance(weight, Variable):
        return weight.trainable
    return isinstance(weight, Parameter) and weight.requires_grad
