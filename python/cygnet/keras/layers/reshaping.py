"""Frames around images, their borders cut off, and larger images."""

from __future__ import annotations

from typing import Any

from cygnet import ops
from cygnet.keras.layers.common import Images, Shape, choice, per_axis
from cygnet.kernels import ShapeError
from cygnet.nn.linear import positive_int
from cygnet.ops.channels import BEHIND_BATCH, LAST
from cygnet.ops.shape import permuted
from cygnet.tensor import Tensor

__all__ = [
    "Cropping1D",
    "Cropping2D",
    "Cropping3D",
    "UpSampling1D",
    "UpSampling2D",
    "UpSampling3D",
    "ZeroPadding1D",
    "ZeroPadding2D",
    "ZeroPadding3D",
]

Pairs = tuple[tuple[int, int], ...]


def _pairs(layer: str, argument: str, value: Any, axes: int) -> Pairs:
    """(before, after) of each axis, of one int for all, one for each axis, or pairs."""
    if isinstance(value, int):
        value = ((value, value),) if axes == 1 else (value,) * axes
    elif axes == 1 and len(value) == 2 and all(isinstance(each, int) for each in value):
        value = (value,)
    if len(value) != axes:
        raise ValueError(
            f"{layer}: argument {argument} expected an int, or {axes} ints or pairs, got {value!r}"
        )

    def pair(each: Any) -> tuple[int, int]:
        both = (each, each) if isinstance(each, int) else tuple(each)
        if len(both) != 2:
            raise ValueError(f"{layer}: argument {argument} expected pairs, got {each!r}")
        first, last = (positive_int(layer, argument, count, 0) for count in both)
        return first, last

    return tuple(map(pair, value))


class _Resized(Images):
    """Base of layers that change the size of each spatial axis."""

    def _size(self, axis: int, size: int) -> int:
        """The new size of a spatial axis."""
        raise NotImplementedError

    def compute_output_shape(self, input_shape: Any) -> Shape:
        sizes, channels = self._parts(input_shape)
        resized = (None if n is None else self._size(axis, n) for axis, n in enumerate(sizes))
        return self._joined(input_shape[0], tuple(resized), channels)


class _ZeroPadding(_Resized):
    padding: Any

    def _take_padding(self, padding: Any, data_format: str | None) -> None:
        self._take_data_format(data_format)
        pairs = _pairs(type(self).__name__, "padding", padding, self.axes)
        self.padding = pairs[0] if self.axes == 1 else pairs
        frame = [count for pair in reversed(pairs) for count in pair]
        self.__dict__.update(_pairs=pairs, _frame=frame if self._first else [0, 0, *frame])

    def call(self, inputs: Tensor) -> Tensor:
        if inputs.ndim != self.axes + 2:
            self._check(inputs.shape)
        return ops.pad(inputs, self._frame)

    def _size(self, axis: int, size: int) -> int:
        return size + sum(map(int, self._pairs[axis]))


class ZeroPadding1D(_ZeroPadding):
    """Steps of zeros before and after sequences.

    Parameters
    ----------
    padding : int or pair of int
        How many, on both sides or (before, after). Default 1.
    data_format : {"channels_last", "channels_first"}, optional
    **kwargs
        As of `Layer`.
    """

    axes = 1

    def __init__(self, padding: Any = 1, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._take_padding(padding, data_format)


class ZeroPadding2D(_ZeroPadding):
    """A frame of zeros around images.

    Parameters
    ----------
    padding : int, pair of int or pair of pairs
        For both axes, for (height, width), or ((top, bottom), (left, right)). Default (1, 1).
    data_format : {"channels_last", "channels_first"}, optional
    **kwargs
        As of `Layer`.
    """

    axes = 2

    def __init__(
        self, padding: Any = (1, 1), data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self._take_padding(padding, data_format)


class ZeroPadding3D(_ZeroPadding):
    """A frame of zeros around volumes.

    Parameters
    ----------
    padding : int, three ints or three pairs
        For all axes, for each, or (before, after) for each. Default 1.
    data_format : {"channels_last", "channels_first"}, optional
    **kwargs
        As of `Layer`.
    """

    axes = 3

    def __init__(
        self,
        padding: Any = ((1, 1), (1, 1), (1, 1)),
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._take_padding(padding, data_format)


class _Cropping(_Resized):
    cropping: Any

    def _take_cropping(self, cropping: Any, data_format: str | None) -> None:
        self._take_data_format(data_format)
        pairs = _pairs(type(self).__name__, "cropping", cropping, self.axes)
        self.cropping = pairs[0] if self.axes == 1 else pairs
        kept = tuple(slice(first, -last or None) for first, last in pairs)
        self.__dict__.update(
            _pairs=pairs, _kept=(..., *kept) if self._first else (..., *kept, slice(None))
        )

    def call(self, inputs: Tensor) -> Tensor:
        self.compute_output_shape(inputs.shape)  # raises where nothing would be left
        return inputs[self._kept]

    def _size(self, axis: int, size: int) -> int:
        left = size - sum(map(int, self._pairs[axis]))
        if left < 1:
            raise ShapeError(
                f"{type(self).__name__} {self.name!r}: cropping {self.cropping} leaves nothing of "
                f"an axis of size {size}"
            )
        return left


class Cropping1D(_Cropping):
    """Sequences without their first and last steps.

    Parameters
    ----------
    cropping : int or pair of int
        How many, on both sides or (before, after). Default (1, 1).
    **kwargs
        As of `Layer`.
    """

    axes = 1

    def __init__(self, cropping: Any = (1, 1), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._take_cropping(cropping, None)


class Cropping2D(_Cropping):
    """Images without their borders.

    Parameters
    ----------
    cropping : int, pair of int or pair of pairs
        For both axes, for (height, width), or ((top, bottom), (left, right)). Default 0.
    data_format : {"channels_last", "channels_first"}, optional
    **kwargs
        As of `Layer`.
    """

    axes = 2

    def __init__(
        self, cropping: Any = ((0, 0), (0, 0)), data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self._take_cropping(cropping, data_format)


class Cropping3D(_Cropping):
    """Volumes without their borders.

    Parameters
    ----------
    cropping : int, three ints or three pairs
        For all axes, for each, or (before, after) for each. Default 1.
    data_format : {"channels_last", "channels_first"}, optional
    **kwargs
        As of `Layer`.
    """

    axes = 3

    def __init__(
        self,
        cropping: Any = ((1, 1), (1, 1), (1, 1)),
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._take_cropping(cropping, data_format)


class _UpSampling(_Resized):
    interpolation = "nearest"
    size: Any

    def _take_size(self, size: Any, data_format: str | None) -> None:
        self._take_data_format(data_format)
        sizes = per_axis(type(self).__name__, "size", size, self.axes)
        self.size = sizes[0] if self.axes == 1 else sizes
        self.__dict__["_factors"] = sizes

    def call(self, inputs: Tensor) -> Tensor:
        if inputs.ndim != self.axes + 2:
            self._check(inputs.shape)
        x = inputs if self._first else permuted(inputs, BEHIND_BATCH[inputs.ndim])
        output = ops.interpolate(x, scale_factor=self._factors, mode=self.interpolation)
        return output if self._first else permuted(output, LAST[output.ndim])

    def _size(self, axis: int, size: int) -> int:
        return size * int(self._factors[axis])


class UpSampling1D(_UpSampling):
    """Sequences with each step repeated.

    Parameters
    ----------
    size : int
        How often. Default 2.
    **kwargs
        As of `Layer`.
    """

    axes = 1

    def __init__(self, size: int = 2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._take_size(size, None)


class UpSampling2D(_UpSampling):
    """Larger images.

    Parameters
    ----------
    size : int or pair of int
        How many times larger. Default 2.
    data_format : {"channels_last", "channels_first"}, optional
    interpolation : {"nearest", "bilinear"}
        Repeats pixels, or mixes neighbours. Keras's others are not supported.
    **kwargs
        As of `Layer`.
    """

    axes = 2

    def __init__(
        self,
        size: Any = (2, 2),
        data_format: str | None = None,
        interpolation: str = "nearest",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._take_size(size, data_format)
        self.interpolation = choice(
            "UpSampling2D", "interpolation", interpolation, ("nearest", "bilinear")
        )


class UpSampling3D(_UpSampling):
    """Volumes with each element repeated.

    Parameters
    ----------
    size : int or three ints
        How often along each axis. Default 2.
    data_format : {"channels_last", "channels_first"}, optional
    **kwargs
        As of `Layer`.
    """

    axes = 3

    def __init__(
        self, size: Any = (2, 2, 2), data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self._take_size(size, data_format)
