"""What layers share: checked arguments, data formats, weights with an activation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from cygnet.keras import activations, constraints, initializers, regularizers
from cygnet.keras.layer import Layer
from cygnet.keras.variable import Variable
from cygnet.kernels import ShapeError
from cygnet.nn.linear import positive_int
from cygnet.ops.channels import BEHIND_BATCH, LAST
from cygnet.ops.shape import permuted
from cygnet.tensor import Tensor

__all__ = [
    "Images",
    "Shape",
    "Weighted",
    "as_float",
    "check_axes",
    "checked_data_format",
    "choice",
    "known",
    "per_axis",
    "window_padding",
]

Shape = tuple[int | None, ...]

_RESOLVERS = {
    "initializer": initializers.get,
    "regularizer": regularizers.get,
    "constraint": constraints.get,
}
_AXES = {
    1: ("steps",),
    2: ("height", "width"),
    3: ("depth", "height", "width"),
}


def check_axes(layer: Layer, shape: Sequence[int | None], axes: int, names: str = "") -> None:
    """ShapeError unless an input of that shape has as many axes."""
    if len(shape) != axes:
        told = f" ({names})" if names else ""
        raise ShapeError(
            f"{type(layer).__name__} {layer.name!r}: input expected {axes} axes{told}, got shape "
            f"{tuple(shape)}"
        )


def choice(layer: str, argument: str, value: Any, known: Sequence[str]) -> str:
    """A name in small letters; ValueError if it is none of those known."""
    name = value.lower() if isinstance(value, str) else value
    if name not in known:
        expected = ", ".join(map(repr, known))
        raise ValueError(f"{layer}: argument {argument} expected one of {expected}, got {value!r}")
    return str(name)


def checked_data_format(layer: str, value: str | None) -> str:
    """ "channels_last", which is the default, or "channels_first"."""
    known = ("channels_last", "channels_first")
    return choice(layer, "data_format", value or known[0], known)


def per_axis(layer: str, argument: str, value: Any, axes: int, minimum: int = 1) -> tuple[int, ...]:
    """One int for each axis, of one for all or a sequence."""
    values = tuple(value) if isinstance(value, tuple | list) else (value,) * axes
    if len(values) != axes:
        raise ValueError(
            f"{layer}: argument {argument} expected an int or {axes} of them, got {value!r}"
        )
    return tuple(positive_int(layer, argument, item, minimum) for item in values)


def as_float(x: Tensor, like: Tensor) -> Tensor:
    """`x` in the type of a weight: data of integers or of another precision may come in."""
    return x if x.dtype == like.dtype else x.to(like.dtype)


def window_padding(size: int, window: int, stride: int) -> tuple[int, int]:
    """Zeros before and after an axis, so that windows of steps of `stride` give
    ``ceil(size / stride)`` of them; an odd total puts one more at the end.
    """
    total = max((-(-size // stride) - 1) * stride + window - size, 0)
    return total // 2, total - total // 2


class Weighted(Layer):
    """Base of layers whose weights have initializers, regularizers and constraints, and whose
    results go through an activation.
    """

    activation: Callable[..., Any]

    def _take(self, **given: Any) -> None:
        """Sets attributes such as `kernel_initializer` to what their identifiers stand for."""
        for name, identifier in given.items():
            resolve = _RESOLVERS[name.rpartition("_")[2]]
            self.__dict__[name] = resolve(identifier)

    def _weight(
        self,
        name: str,
        shape: Sequence[Any],
        axes: Sequence[int] | None = None,
        trainable: bool = True,
    ) -> Variable:
        """A weight with the initializer and so on that were given for it."""
        return self.add_weight(
            shape,
            getattr(self, f"{name}_initializer"),
            trainable=trainable,
            regularizer=getattr(self, f"{name}_regularizer", None),
            constraint=getattr(self, f"{name}_constraint", None),
            name=name,
            axes=axes,
        )

    def __setattr__(self, name: str, value: Any) -> None:
        if name != "activation":
            super().__setattr__(name, value)
            return
        function = activations.get(value)
        fused = activations.fused_name(function)
        # Kernels take the usual ones; what is left, perhaps a layer, is called on their result.
        self.__dict__.update(activation=function, _fused=fused or "none")
        super().__setattr__("_activate", None if fused else function)


class Images(Layer):
    """Base of layers over sequences (one axis), images (two) or volumes (three).

    Data with channels first are computed on as views with channels last.
    """

    axes: ClassVar[int]

    def _take_data_format(self, data_format: str | None) -> None:
        self.data_format = checked_data_format(type(self).__name__, data_format)
        self.__dict__["_first"] = self.data_format == "channels_first"

    def _check(self, shape: Sequence[int | None]) -> None:
        images = _AXES[self.axes]
        names = ("channels", *images) if self._first else (*images, "channels")
        check_axes(self, shape, self.axes + 2, ", ".join(("batch", *names)))

    def _channels_last(self, x: Tensor) -> Tensor:
        """An input, or a view of it, (N, ..., C)."""
        if x.ndim != self.axes + 2:
            self._check(x.shape)
        return permuted(x, LAST[x.ndim]) if self._first else x

    def _returned(self, x: Tensor) -> Tensor:
        """(N, ..., C) in the layer's data format."""
        return permuted(x, BEHIND_BATCH[x.ndim]) if self._first else x

    def _parts(self, shape: Sequence[int | None]) -> tuple[Shape, int | None]:
        """Spatial sizes and channels of an input's shape."""
        self._check(shape)
        shape = tuple(shape)
        return (shape[2:], shape[1]) if self._first else (shape[1:-1], shape[-1])

    def _joined(self, batch: int | None, sizes: Sequence[Any], channels: int | None) -> Shape:
        """The reverse of `_parts`."""
        return (batch, channels, *sizes) if self._first else (batch, *sizes, channels)


def known(layer: Layer, what: str, size: Any, shape: Any) -> int:
    """A size of the input's shape that weights depend on; ValueError if it is None."""
    if size is None:
        raise ValueError(
            f"{type(layer).__name__} {layer.name!r}: the number of {what} of the input must be "
            f"known, got shape {tuple(shape)}"
        )
    return int(np.asarray(size))
