"""Layers and functions of several inputs."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

from cygnet import ops
from cygnet.keras.layer import Layer
from cygnet.keras.layers.common import Shape
from cygnet.kernels import ShapeError
from cygnet.nn.functional import normalize
from cygnet.tensor import Tensor

__all__ = [
    "Add",
    "Average",
    "Concatenate",
    "Dot",
    "Maximum",
    "Minimum",
    "Multiply",
    "Subtract",
    "add",
    "average",
    "concatenate",
    "dot",
    "maximum",
    "minimum",
    "multiply",
    "subtract",
]


class _Merge(Layer):
    """Base of layers of a list of inputs."""

    supports_masking = True
    inputs_wanted: int | None = None  # any number

    def _shapes(self, input_shape: Any) -> list[Shape]:
        """The inputs' shapes; ValueError if that is not a list of as many as are wanted."""
        name = type(self).__name__
        several = isinstance(input_shape, list | tuple) and all(
            isinstance(shape, list | tuple) for shape in input_shape
        )
        if not several or not input_shape:
            raise ValueError(
                f"{name} {self.name!r}: inputs expected a list of tensors, got one of shape "
                f"{input_shape}"
            )
        if self.inputs_wanted not in (None, len(input_shape)):
            raise ValueError(
                f"{name} {self.name!r}: inputs expected {self.inputs_wanted} tensors, got "
                f"{len(input_shape)}"
            )
        return [tuple(shape) for shape in input_shape]

    def build(self, input_shape: Any) -> None:
        self.compute_output_shape(input_shape)

    def _clash(self, shapes: Sequence[Shape]) -> ShapeError:
        return ShapeError(
            f"{type(self).__name__} {self.name!r}: inputs of shapes "
            f"{', '.join(map(str, shapes))} do not fit together"
        )

    def _masks(self, inputs: Any, mask: Any) -> list[Tensor | None]:
        return list(mask) if isinstance(mask, list | tuple) else [mask] * len(inputs)


class _Elementwise(_Merge):
    """Base of those that broadcast: an input of fewer axes gets axes of size 1 behind the batch."""

    def call(self, inputs: Any) -> Tensor:
        if not isinstance(inputs, list | tuple):
            self._shapes(inputs.shape)
        most = max(x.ndim for x in inputs)
        if any(x.ndim != most for x in inputs):
            inputs = [x.reshape(_with_ones(x.shape, most)) for x in inputs]
        return self._merged(inputs)

    def _merged(self, inputs: Sequence[Tensor]) -> Tensor:
        raise NotImplementedError

    def compute_output_shape(self, input_shape: Any) -> Shape:
        shapes = self._shapes(input_shape)
        most = max(map(len, shapes))
        result: list[int | None] = []
        for sizes in zip(*(_with_ones(shape, most) for shape in shapes), strict=True):
            known = {size for size in sizes if size not in (None, 1)}
            if len(known) > 1:
                raise self._clash(shapes)
            result.append(known.pop() if known else None if None in sizes else 1)
        return tuple(result)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """Where any of the inputs' masks is True; None if one input has none."""
        masks = self._masks(inputs, previous_mask)
        if any(mask is None for mask in masks):
            return None
        return functools.reduce(ops.logical_or, masks)  # type: ignore[arg-type]


def _with_ones(shape: Shape, axes: int) -> Any:
    return (*shape[:1], *(1,) * (axes - len(shape)), *shape[1:])


def _folded(function: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    return lambda self, inputs: functools.reduce(function, inputs)


class Add(_Elementwise):
    """The sum of the inputs, which broadcast."""

    _merged = _folded(ops.add)


class Subtract(_Elementwise):
    """The first of two inputs without the second."""

    inputs_wanted = 2
    _merged = _folded(ops.sub)


class Multiply(_Elementwise):
    """The product of the inputs, element by element."""

    _merged = _folded(ops.mul)


class Average(_Elementwise):
    """The mean of the inputs."""

    def _merged(self, inputs: Sequence[Tensor]) -> Tensor:
        return functools.reduce(ops.add, inputs) / len(inputs)


class Maximum(_Elementwise):
    """The largest of the inputs' elements."""

    _merged = _folded(ops.maximum)


class Minimum(_Elementwise):
    """The smallest of the inputs' elements."""

    _merged = _folded(ops.minimum)


class Concatenate(_Merge):
    """The inputs one after another along an axis.

    Parameters
    ----------
    axis : int
        Default the last.
    **kwargs
        As of `Layer`.
    """

    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = axis

    def call(self, inputs: Any) -> Tensor:
        if not isinstance(inputs, list | tuple):
            self._shapes(inputs.shape)
        return ops.cat(list(inputs), self.axis)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        shapes = self._shapes(input_shape)
        axes = len(shapes[0])
        if any(len(shape) != axes for shape in shapes) or not -axes <= self.axis < axes:
            raise self._clash(shapes)
        result: list[int | None] = []
        for axis, sizes in enumerate(zip(*shapes, strict=True)):
            known = {size for size in sizes if size is not None}
            if axis == self.axis % axes:
                result.append(None if None in sizes else sum(sizes))
            elif len(known) > 1:
                raise self._clash(shapes)
            else:
                result.append(known.pop() if known else None)
        return tuple(result)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """The inputs' masks joined like these; where an axis behind the steps is joined, a step
        counts if it counts in any.
        """
        masks = self._masks(inputs, previous_mask)
        if all(mask is None for mask in masks):
            return None
        wide = []
        for x, mask in zip(inputs, masks, strict=True):
            if mask is None:
                wide.append(ops.ones(*x.shape, dtype=bool))
            else:
                shape = mask.shape + (1,) * (x.ndim - mask.ndim)
                wide.append(ops.broadcast_to(mask.reshape(shape), x.shape))
        joined = ops.cat(wide, self.axis)
        return joined.any(-1)


class Dot(_Merge):
    """Sums of products of two inputs' elements along one axis of each, sample by sample.

    Parameters
    ----------
    axes : int or pair of int
        Of the first and the second input.
    normalize : bool
        Whether both are first divided by their norms along the axes: cosines. Default False.
    **kwargs
        As of `Layer`.
    """

    inputs_wanted = 2

    def __init__(self, axes: int | Sequence[int], normalize: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        pair = isinstance(axes, list | tuple) and len(axes) == 2
        if not (isinstance(axes, int) or (pair and all(isinstance(a, int) for a in axes))):
            raise ValueError(f"Dot: argument axes expected an int or two, got {axes!r}")
        self.axes, self.normalize = axes, normalize

    def _pair(self, shapes: Sequence[Shape]) -> tuple[int, int]:
        first, second = (self.axes,) * 2 if isinstance(self.axes, int) else self.axes
        return first % len(shapes[0]), second % len(shapes[1])

    def call(self, inputs: Any) -> Tensor:
        if not isinstance(inputs, list | tuple):
            self._shapes(inputs.shape)
        a, b = inputs
        first, second = self._pair([a.shape, b.shape])
        if self.normalize:
            a, b = normalize(a, dim=first), normalize(b, dim=second)
        a, b = a.movedim(first, -1), b.movedim(second, -1)
        samples, size = a.shape[0], a.shape[-1]
        left, right = a.shape[1:-1], b.shape[1:-1]
        products = ops.bmm(
            a.reshape(samples, math.prod(left), size),
            b.reshape(samples, math.prod(right), size).transpose(1, 2),
        )
        return products.reshape(samples, *((*left, *right) or (1,)))

    def compute_output_shape(self, input_shape: Any) -> Shape:
        shapes = self._shapes(input_shape)
        first, second = self._pair(shapes)
        sizes = {shapes[0][first], shapes[1][second]} - {None}
        if len(sizes) > 1 or 0 in (first, second):
            raise self._clash(shapes)
        left = [size for i, size in enumerate(shapes[0]) if i not in (0, first)]
        right = [size for i, size in enumerate(shapes[1]) if i not in (0, second)]
        return (shapes[0][0], *((*left, *right) or (1,)))

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> None:
        """None: the steps are gone."""
        return None


def add(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """`Add` as a function; further arguments are the layer's."""
    return Add(**kwargs)(inputs)


def subtract(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """`Subtract` as a function; further arguments are the layer's."""
    return Subtract(**kwargs)(inputs)


def multiply(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """`Multiply` as a function; further arguments are the layer's."""
    return Multiply(**kwargs)(inputs)


def average(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """`Average` as a function; further arguments are the layer's."""
    return Average(**kwargs)(inputs)


def maximum(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """`Maximum` as a function; further arguments are the layer's."""
    return Maximum(**kwargs)(inputs)


def minimum(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """`Minimum` as a function; further arguments are the layer's."""
    return Minimum(**kwargs)(inputs)


def concatenate(inputs: Sequence[Any], axis: int = -1, **kwargs: Any) -> Any:
    """`Concatenate` as a function; further arguments are the layer's."""
    return Concatenate(axis, **kwargs)(inputs)


def dot(inputs: Sequence[Any], axes: int | Sequence[int] = -1, **kwargs: Any) -> Any:
    """`Dot` as a function; further arguments are the layer's."""
    return Dot(axes, **kwargs)(inputs)
