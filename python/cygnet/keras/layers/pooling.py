"""Pooling over windows, and over all of a sequence, an image or a volume."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from cygnet import ops
from cygnet.keras.layers.common import Images, Shape, choice, per_axis, window_padding
from cygnet.kernels import ShapeError
from cygnet.tensor import FLOATS, Tensor

__all__ = [
    "AveragePooling1D",
    "AveragePooling2D",
    "AveragePooling3D",
    "AvgPool1D",
    "AvgPool2D",
    "AvgPool3D",
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "GlobalAveragePooling3D",
    "GlobalAvgPool1D",
    "GlobalAvgPool2D",
    "GlobalAvgPool3D",
    "GlobalMaxPool1D",
    "GlobalMaxPool2D",
    "GlobalMaxPool3D",
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
    "GlobalMaxPooling3D",
    "MaxPool1D",
    "MaxPool2D",
    "MaxPool3D",
    "MaxPooling1D",
    "MaxPooling2D",
    "MaxPooling3D",
]


class _Pooling(Images):
    """Base of pooling over windows."""

    function: ClassVar[Callable[..., Any]]
    options: ClassVar[dict[str, Any]] = {}

    def __init__(
        self,
        pool_size: Any = 2,
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        layer = type(self).__name__
        self.pool_size = per_axis(layer, "pool_size", pool_size, self.axes)
        steps = self.pool_size if strides is None else strides
        self.strides = per_axis(layer, "strides", steps, self.axes)
        self.padding = choice(layer, "padding", padding, ("valid", "same"))
        self._take_data_format(data_format)

    def call(self, inputs: Tensor) -> Tensor:
        inputs = self._channels_last(inputs)
        if inputs.dtype not in FLOATS:
            inputs = inputs.to(self.dtype)
        return self._returned(self._windows(inputs, self.options))

    def _windows(self, x: Tensor, options: dict[str, Any]) -> Tensor:
        """The result of (N, ..., C)."""
        function: Callable[..., Tensor] = type(self).function
        if self.padding == "valid":
            if any(map(int.__lt__, x.shape[1:-1], self.pool_size)):
                self._output_sizes(x.shape[1:-1])  # raises
            return function(x, self.pool_size, self.strides, channels_last=True, **options)
        # The core pads both sides alike. An odd total has one more at the end: rounding the number
        # of windows up makes up for it; with stride 1 that one more stands at the beginning, too,
        # and the first window is left out.
        padding, first = [], []
        for size, window, stride in zip(x.shape[1:-1], self.pool_size, self.strides, strict=True):
            low, high = window_padding(size, window, stride)
            left_out = int(stride == 1 and high > low)
            padding.append(low + left_out)
            first.append(left_out)
        output = function(
            x,
            self.pool_size,
            self.strides,
            tuple(padding),
            ceil_mode=True,
            channels_last=True,
            **options,
        )
        if any(first):
            output = output[(slice(None), *(slice(n, None) for n in first))]
        return output

    def _output_sizes(self, sizes: Sequence[int | None]) -> Shape:
        def output_size(size: int | None, window: int, stride: int) -> int | None:
            if size is None:
                return None
            rest = size if self.padding == "same" else size - window + 1
            if rest < 1:
                raise ShapeError(
                    f"{type(self).__name__} {self.name!r}: input of size {tuple(sizes)} is smaller "
                    f"than pool_size {self.pool_size}"
                )
            return -(-rest // stride)

        return tuple(map(output_size, sizes, self.pool_size, self.strides))

    def compute_output_shape(self, input_shape: Any) -> Shape:
        sizes, channels = self._parts(input_shape)
        return self._joined(input_shape[0], self._output_sizes(sizes), channels)


class MaxPooling(_Pooling):
    """Base of pooling by maxima."""

    def pooled(self, x: Tensor, activation: str) -> Tensor:
        """The result of (N, ..., C), with an activation."""
        return self._returned(self._windows(x, {"activation": activation}))


class MaxPooling1D(MaxPooling):
    """The largest element of each window of sequences, with the arguments of `MaxPooling2D`."""

    axes = 1
    function = ops.max_pool1d


class MaxPooling2D(MaxPooling):
    """The largest element of each window of images, of each channel by itself.

    Parameters
    ----------
    pool_size : int or sequence of int
        Of the windows. Default 2.
    strides : int or sequence of int, optional
        Default: `pool_size`.
    padding : {"valid", "same"}
        Windows lie within the input; or there are ``ceil(size / stride)`` of them, and what lies
        outside counts neither for a maximum nor for an average.
    data_format : {"channels_last", "channels_first"}, optional
    name : str, optional
    **kwargs
        As of `Layer`.
    """

    axes = 2
    function = ops.max_pool2d


class MaxPooling3D(MaxPooling):
    """The largest element of each window of volumes; the arguments are those of `MaxPooling2D`."""

    axes = 3
    function = ops.max_pool3d


class AveragePooling1D(_Pooling):
    """The mean of each window of sequences; the arguments are those of `AveragePooling2D`."""

    axes = 1
    function = ops.avg_pool1d
    options: ClassVar[dict[str, Any]] = {"count_include_pad": False}


class AveragePooling2D(_Pooling):
    """The mean of each window of images, of each channel by itself.

    Parameters
    ----------
    pool_size : int or sequence of int
        Of the windows. Default 2.
    strides : int or sequence of int, optional
        Default: `pool_size`.
    padding : {"valid", "same"}
        Windows lie within the input; or there are ``ceil(size / stride)`` of them, and what lies
        outside counts neither for a maximum nor for an average.
    data_format : {"channels_last", "channels_first"}, optional
    name : str, optional
    **kwargs
        As of `Layer`.
    """

    axes = 2
    function = ops.avg_pool2d
    options: ClassVar[dict[str, Any]] = {"count_include_pad": False}


class AveragePooling3D(_Pooling):
    """The mean of each window of volumes; the arguments are those of `AveragePooling2D`."""

    axes = 3
    function = ops.avg_pool3d
    options: ClassVar[dict[str, Any]] = {"count_include_pad": False}


class _GlobalPooling(Images):
    """Base of pooling over everything."""

    function: ClassVar[Callable[..., Tensor]]

    def __init__(
        self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self._take_data_format(data_format)
        self.keepdims = bool(keepdims)
        first = 2 if self._first else 1
        self.__dict__["_pooled"] = tuple(range(first, first + self.axes))

    def call(self, inputs: Tensor) -> Tensor:
        if inputs.ndim != self.axes + 2:
            self._check(inputs.shape)
        if inputs.dtype not in FLOATS:
            inputs = inputs.to(self.dtype)
        return type(self).function(inputs, self._pooled, self.keepdims)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        _, channels = self._parts(input_shape)
        if not self.keepdims:
            return (input_shape[0], channels)
        return self._joined(input_shape[0], (1,) * self.axes, channels)


class GlobalMaxPooling1D(_GlobalPooling):
    """The largest element of each channel of sequences; the arguments are those of
    `GlobalMaxPooling2D`.
    """

    axes = 1
    function = ops.amax


class GlobalMaxPooling2D(_GlobalPooling):
    """The largest element of each channel of images, (N, C).

    Parameters
    ----------
    data_format : {"channels_last", "channels_first"}, optional
    keepdims : bool
        Whether the axes stay, with size 1. Default False.
    **kwargs
        As of `Layer`.
    """

    axes = 2
    function = ops.amax


class GlobalMaxPooling3D(_GlobalPooling):
    """The largest element of each channel of volumes; the arguments are those of
    `GlobalMaxPooling2D`.
    """

    axes = 3
    function = ops.amax


class GlobalAveragePooling1D(_GlobalPooling):
    """The mean of each channel of sequences, over the steps that a mask keeps; the arguments
    are those of `GlobalAveragePooling2D`.
    """

    axes = 1
    function = ops.mean
    supports_masking = True

    def call(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor:
        if mask is None:
            return super().call(inputs)
        kept = mask.to(inputs.dtype).unsqueeze(1 if self._first else 2)
        axis = self._pooled[0]
        total = (inputs * kept).sum(axis, keepdim=self.keepdims)
        return total / kept.sum(axis, keepdim=self.keepdims)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> None:
        return None


class GlobalAveragePooling2D(_GlobalPooling):
    """The mean of each channel of images, (N, C).

    Parameters
    ----------
    data_format : {"channels_last", "channels_first"}, optional
    keepdims : bool
        Whether the axes stay, with size 1. Default False.
    **kwargs
        As of `Layer`.
    """

    axes = 2
    function = ops.mean


class GlobalAveragePooling3D(_GlobalPooling):
    """The mean of each channel of volumes; the arguments are those of
    `GlobalAveragePooling2D`.
    """

    axes = 3
    function = ops.mean


AvgPool1D = AveragePooling1D
AvgPool2D = AveragePooling2D
AvgPool3D = AveragePooling3D
GlobalAvgPool1D = GlobalAveragePooling1D
GlobalAvgPool2D = GlobalAveragePooling2D
GlobalAvgPool3D = GlobalAveragePooling3D
MaxPool1D = MaxPooling1D
MaxPool2D = MaxPooling2D
MaxPool3D = MaxPooling3D
GlobalMaxPool1D = GlobalMaxPooling1D
GlobalMaxPool2D = GlobalMaxPooling2D
GlobalMaxPool3D = GlobalMaxPooling3D
