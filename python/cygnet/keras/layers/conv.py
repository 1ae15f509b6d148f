"""Convolutions over sequences, images and volumes."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ClassVar

from cygnet import ops
from cygnet.keras.layer import Layer
from cygnet.keras.layers.common import (
    Images,
    Shape,
    Weighted,
    as_float,
    choice,
    known,
    per_axis,
    window_padding,
)
from cygnet.keras.layers.pooling import MaxPooling
from cygnet.kernels import ShapeError
from cygnet.nn.linear import positive_int
from cygnet.tensor import Tensor

__all__ = [
    "Conv1D",
    "Conv1DTranspose",
    "Conv2D",
    "Conv2DTranspose",
    "Conv3D",
    "Conv3DTranspose",
    "Convolution1D",
    "Convolution1DTranspose",
    "Convolution2D",
    "Convolution2DTranspose",
    "Convolution3D",
    "Convolution3DTranspose",
    "DepthwiseConv1D",
    "DepthwiseConv2D",
    "SeparableConv1D",
    "SeparableConv2D",
    "SeparableConvolution1D",
    "SeparableConvolution2D",
]

_CONVOLUTIONS = {1: ops.conv1d, 2: ops.conv2d, 3: ops.conv3d}
_TRANSPOSED = {1: ops.conv_transpose1d, 2: ops.conv_transpose2d, 3: ops.conv_transpose3d}


class _Convolution(Weighted, Images):
    """What all share: the geometry, the activation and the bias."""

    paddings: ClassVar[tuple[str, ...]] = ("valid", "same")
    # The channels of the result, and the bias's.
    filters: int

    def _take_geometry(
        self,
        kernel_size: Any,
        strides: Any,
        padding: str,
        data_format: str | None,
        dilation_rate: Any,
        activation: Any,
        use_bias: bool,
    ) -> None:
        name = type(self).__name__
        self.kernel_size = per_axis(name, "kernel_size", kernel_size, self.axes)
        self.strides = per_axis(name, "strides", strides, self.axes)
        self.dilation_rate = per_axis(name, "dilation_rate", dilation_rate, self.axes)
        self.padding = choice(name, "padding", padding, self.paddings)
        self._take_data_format(data_format)
        self.activation = activation
        self.use_bias = use_bias
        windows = zip(self.kernel_size, self.dilation_rate, strict=True)
        self.__dict__["_windows"] = tuple((k - 1) * d + 1 for k, d in windows)
        # Where it does not depend on the input's sizes: zeros before and after each axis.
        self.__dict__.update(_zeros=None, _last_sizes=(None, None))
        if self.padding == "causal":
            self.__dict__["_zeros"] = tuple((window - 1, 0) for window in self._windows)
        elif self.padding == "valid":
            self.__dict__["_zeros"] = (0,) * self.axes
        elif set(self.strides) == {1}:
            self.__dict__["_zeros"] = tuple(window_padding(w, w, 1) for w in self._windows)

    def _zeros_for(self, sizes: tuple[int, ...]) -> Any:
        """Of an input of these sizes, which must not be smaller than the kernel."""
        seen, zeros = self._last_sizes
        if sizes != seen:
            self._output_sizes(sizes)
            zeros = self._zeros or tuple(map(window_padding, sizes, self._windows, self.strides))
            self.__dict__["_last_sizes"] = sizes, zeros
        return zeros

    def _channels(self, input_shape: Any) -> int:
        """The input's, which must be known."""
        return known(self, "channels", self._parts(input_shape)[1], input_shape)

    def _memory(self) -> tuple[int, ...]:
        """The order of a kernel's axes in memory, as the core wants it: (out, in, window)."""
        return (self.axes + 1, self.axes, *range(self.axes))

    def _bias(self) -> None:
        self.bias = self._weight("bias", (self.filters,)) if self.use_bias else None

    def _prepared(self, inputs: Tensor, channels: int, like: Tensor) -> Tensor:
        """The inputs (N, ..., C) in the weights' type."""
        x = self._channels_last(as_float(inputs, like))
        if x.shape[-1] != channels:
            raise ShapeError(
                f"{type(self).__name__} {self.name!r}: input expected {channels} channels, got "
                f"shape {inputs.shape}"
            )
        return x

    def _convolved(
        self, x: Tensor, weight: Tensor, bias: Tensor | None, groups: int, activation: str
    ) -> Tensor:
        return _CONVOLUTIONS[self.axes](
            x,
            weight,
            bias,
            self.strides,
            self._zeros_for(x.shape[1:-1]),
            self.dilation_rate,
            groups,
            activation=activation,
            channels_last=True,
        )

    def call(self, inputs: Tensor) -> Any:
        output = self._returned(self._result(inputs, self._fused))
        return output if self._activate is None else self._activate(output)

    def _result(self, inputs: Tensor, activation: str) -> Tensor:
        """(N, ..., C), with an activation that the kernels take."""
        raise NotImplementedError

    def joined(self, following: Layer) -> Callable[[Any], Any] | None:
        """Does the ReLU before a maximum pooling after it, where there are fewer elements."""
        if not isinstance(following, MaxPooling) or following.data_format != self.data_format:
            return None
        return functools.partial(self._with_pooling, following)

    def _with_pooling(self, pooling: MaxPooling, inputs: Any) -> Any:
        plain = self.activity_regularizer is None and inputs.__class__ is Tensor
        if not (plain and self.built and self._fused == "relu"):
            return pooling(self(inputs))
        return pooling.pooled(self._result(inputs, "none"), "relu")

    def compute_output_shape(self, input_shape: Any) -> Shape:
        sizes, _ = self._parts(input_shape)
        return self._joined(input_shape[0], self._output_sizes(sizes), self.filters)

    def _output_sizes(self, sizes: Shape) -> Shape:
        def output_size(axis: int, size: int | None) -> int | None:
            if size is None:
                return None
            rest = size - (self._windows[axis] - 1 if self.padding == "valid" else 0)
            if rest < 1:
                raise ShapeError(
                    f"{type(self).__name__} {self.name!r}: input of size {sizes} is smaller than "
                    f"the kernel, {self._windows}"
                )
            return -(-rest // self.strides[axis])

        return tuple(output_size(axis, size) for axis, size in enumerate(sizes))


class _Conv(_Convolution):
    """Base of convolutions."""

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        groups: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        name = type(self).__name__
        self.filters = positive_int(name, "filters", filters)
        self.groups = positive_int(name, "groups", groups)
        if self.filters % self.groups:
            raise ValueError(
                f"{name}: argument filters expected a multiple of groups={groups}, got {filters}"
            )
        self._take_geometry(
            kernel_size, strides, padding, data_format, dilation_rate, activation, use_bias
        )
        self._take(
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
        )

    def build(self, input_shape: Any) -> None:
        channels = self._channels(input_shape)
        if channels % self.groups:
            raise ShapeError(
                f"{type(self).__name__} {self.name!r}: input expected a multiple of "
                f"groups={self.groups} channels, got shape {tuple(input_shape)}"
            )
        self.__dict__["_inputs"] = channels
        shape = (*self.kernel_size, channels // self.groups, self.filters)
        self.kernel = self._weight("kernel", shape, self._memory())
        self._bias()

    def _result(self, inputs: Tensor, activation: str) -> Tensor:
        kernel = self.kernel
        x = self._prepared(inputs, self._inputs, kernel)
        return self._convolved(x, kernel, self.bias, self.groups, activation)


class Conv1D(_Conv):
    """Cross-correlation of sequences with filters; the arguments are those of `Conv2D`."""

    axes = 1
    paddings = ("valid", "same", "causal")


class Conv2D(_Conv):
    """Cross-correlation with filters.

    Parameters
    ----------
    filters : int
        Channels of the result.
    kernel_size, strides, dilation_rate : int or sequence of int
        Of all axes or of each. Strides and dilation are 1 by default.
    padding : {"valid", "same"}
        No zeros around the input; or as many as make ``ceil(size / stride)`` results, one more at
        the end than at the beginning if they are odd. `Conv1D` also knows "causal": all at the
        beginning, so that no result depends on later steps.
    data_format : {"channels_last", "channels_first"}, optional
    groups : int
        Channels and filters are cut into as many groups that do not mix. Default 1.
    activation : str or callable, optional
    use_bias : bool
        Default True.
    kernel_initializer, bias_initializer : str or callable
        Default "glorot_uniform" and "zeros".
    kernel_regularizer, bias_regularizer, activity_regularizer : str or callable, optional
    kernel_constraint, bias_constraint : str or callable, optional
    **kwargs
        As of `Layer`.
    """

    axes = 2


class Conv3D(_Conv):
    """Cross-correlation of volumes with filters; the arguments are those of `Conv2D`."""

    axes = 3


class _ConvTranspose(_Convolution):
    """Base of transposed convolutions."""

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        output_padding: Any = None,
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        name = type(self).__name__
        self.filters = positive_int(name, "filters", filters)
        self._take_geometry(
            kernel_size, strides, padding, data_format, dilation_rate, activation, use_bias
        )
        self.output_padding = None
        if output_padding is not None:
            self.output_padding = per_axis(name, "output_padding", output_padding, self.axes, 0)
            if any(map(int.__ge__, self.output_padding, self.strides)):
                raise ValueError(
                    f"{name}: argument output_padding expected less than strides {self.strides}, "
                    f"got {output_padding}"
                )
        self._take(
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
        )

    def build(self, input_shape: Any) -> None:
        channels = self._channels(input_shape)
        self.__dict__["_inputs"] = channels
        shape = (*self.kernel_size, self.filters, channels)
        self.kernel = self._weight("kernel", shape, self._memory())
        self._bias()

    def _result(self, inputs: Tensor, activation: str) -> Tensor:
        kernel = self.kernel
        x = self._prepared(inputs, self._inputs, kernel)
        sizes = x.shape[1:-1]
        outputs = self._output_sizes(sizes)
        before, more, cut = [], [], False
        for size, output, window, stride in zip(
            sizes, outputs, self._windows, self.strides, strict=True
        ):
            whole = (size - 1) * stride + window
            before.append(max(whole - output, 0) // 2)
            left = output - (whole - 2 * before[-1])
            more.append(max(left, 0))
            cut = cut or left < 0
        result = _TRANSPOSED[self.axes](
            x, kernel, self.bias, self.strides, tuple(before), tuple(more), 1, self.dilation_rate,
            activation=activation, channels_last=True,
        )  # fmt: skip
        if cut:  # what is cut off is odd: one more at the end
            result = result[(slice(None), *(slice(0, size) for size in outputs))]
        return result

    def _output_sizes(self, sizes: Shape) -> Shape:
        def output_size(axis: int, size: int | None) -> int | None:
            if size is None:
                return None
            window, stride = self._windows[axis], self.strides[axis]
            same = self.padding == "same"
            if self.output_padding is None:
                return size * stride + (0 if same else max(window - stride, 0))
            fewest = (size - 1) * stride + window - (2 * (window // 2) if same else 0)
            return int(fewest + self.output_padding[axis])

        return tuple(output_size(axis, size) for axis, size in enumerate(sizes))


class Conv1DTranspose(_ConvTranspose):
    """Transposed convolution of sequences; the arguments are those of `Conv2DTranspose`."""

    axes = 1


class Conv2DTranspose(_ConvTranspose):
    """The gradient of a convolution with respect to its input, as a layer.

    Parameters
    ----------
    filters : int
        Channels of the result.
    kernel_size, strides, dilation_rate : int or sequence of int
        Of all axes or of each. Strides and dilation are 1 by default.
    padding : {"valid", "same"}
        Of the convolution: "same" makes ``size * stride`` results.
    output_padding : int or sequence of int, optional
        How many results more than the fewest there are, less than strides. Default: chosen so that
        a convolution with the same arguments gives back the input's size.
    data_format : {"channels_last", "channels_first"}, optional
    activation : str or callable, optional
    use_bias : bool
        Default True.
    kernel_initializer, bias_initializer : str or callable
        Default "glorot_uniform" and "zeros".
    kernel_regularizer, bias_regularizer, activity_regularizer : str or callable, optional
    kernel_constraint, bias_constraint : str or callable, optional
    **kwargs
        As of `Layer`.
    """

    axes = 2


class Conv3DTranspose(_ConvTranspose):
    """Transposed convolution of volumes; the arguments are those of `Conv2DTranspose`, but
    `data_format` stands before `output_padding`.
    """

    axes = 3

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        output_padding: Any = None,
        dilation_rate: Any = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            filters,
            kernel_size,
            strides,
            padding,
            output_padding,
            data_format,
            dilation_rate,
            activation,
            use_bias,
            kernel_initializer,
            bias_initializer,
            kernel_regularizer,
            bias_regularizer,
            activity_regularizer,
            kernel_constraint,
            bias_constraint,
            **kwargs,
        )


class _Depthwise(_Convolution):
    """What convolutions with filters for each channel by itself share."""

    depth_multiplier: int

    def _depthwise_weight(self, name: str, input_shape: Any) -> Any:
        """The filters of the channels; they and what is made of each come first in memory."""
        channels = self._channels(input_shape)
        self.__dict__["_inputs"] = channels
        shape = (*self.kernel_size, channels, self.depth_multiplier)
        return self._weight(name, shape, (self.axes, self.axes + 1, *range(self.axes)))

    def _by_channel(
        self, inputs: Tensor, kernel: Tensor, bias: Tensor | None, activation: str
    ) -> Tensor:
        x = self._prepared(inputs, self._inputs, kernel)
        outputs = self._inputs * self.depth_multiplier
        weight = kernel.reshape(*self.kernel_size, 1, outputs)
        return self._convolved(x, weight, bias, self._inputs, activation)


class _DepthwiseConv(_Depthwise):
    """Base of convolutions of each channel."""

    def __init__(
        self,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        name = type(self).__name__
        self.depth_multiplier = positive_int(name, "depth_multiplier", depth_multiplier)
        self._take_geometry(
            kernel_size, strides, padding, data_format, dilation_rate, activation, use_bias
        )
        self._take(
            kernel_initializer=depthwise_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=depthwise_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=depthwise_constraint,
            bias_constraint=bias_constraint,
        )

    def build(self, input_shape: Any) -> None:
        self.kernel = self._depthwise_weight("kernel", input_shape)
        self.filters = self._inputs * self.depth_multiplier
        self._bias()

    def _result(self, inputs: Tensor, activation: str) -> Tensor:
        return self._by_channel(inputs, self.kernel, self.bias, activation)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        sizes, channels = self._parts(input_shape)
        outputs = None if channels is None else channels * self.depth_multiplier
        return self._joined(input_shape[0], self._output_sizes(sizes), outputs)


class DepthwiseConv1D(_DepthwiseConv):
    """Cross-correlation of each channel of sequences; the arguments are those of
    `DepthwiseConv2D`.
    """

    axes = 1


class DepthwiseConv2D(_DepthwiseConv):
    """Cross-correlation of each channel by itself with filters.

    Parameters
    ----------
    kernel_size, strides, dilation_rate : int or sequence of int
        Of all axes or of each. Strides and dilation are 1 by default.
    padding : {"valid", "same"}
        As of `Conv2D`.
    depth_multiplier : int
        Filters of each channel. Default 1.
    data_format : {"channels_last", "channels_first"}, optional
    activation : str or callable, optional
    use_bias : bool
        Default True.
    depthwise_initializer, bias_initializer : str or callable
        Default "glorot_uniform" and "zeros".
    depthwise_regularizer, bias_regularizer, activity_regularizer : str or callable, optional
    depthwise_constraint, bias_constraint : str or callable, optional
    **kwargs
        As of `Layer`.
    """

    axes = 2


class _SeparableConv(_Depthwise):
    """Base of convolutions in two steps."""

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        depth_multiplier: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        pointwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        pointwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        pointwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        name = type(self).__name__
        self.filters = positive_int(name, "filters", filters)
        self.depth_multiplier = positive_int(name, "depth_multiplier", depth_multiplier)
        self._take_geometry(
            kernel_size, strides, padding, data_format, dilation_rate, activation, use_bias
        )
        self._take(
            depthwise_kernel_initializer=depthwise_initializer,
            pointwise_kernel_initializer=pointwise_initializer,
            bias_initializer=bias_initializer,
            depthwise_kernel_regularizer=depthwise_regularizer,
            pointwise_kernel_regularizer=pointwise_regularizer,
            bias_regularizer=bias_regularizer,
            depthwise_kernel_constraint=depthwise_constraint,
            pointwise_kernel_constraint=pointwise_constraint,
            bias_constraint=bias_constraint,
        )

    def build(self, input_shape: Any) -> None:
        self.depthwise_kernel = self._depthwise_weight("depthwise_kernel", input_shape)
        shape = (*(1,) * self.axes, self._inputs * self.depth_multiplier, self.filters)
        self.pointwise_kernel = self._weight("pointwise_kernel", shape, self._memory())
        self._bias()

    def _result(self, inputs: Tensor, activation: str) -> Tensor:
        x = self._by_channel(inputs, self.depthwise_kernel, None, "none")
        return _CONVOLUTIONS[self.axes](
            x, self.pointwise_kernel, self.bias, activation=activation, channels_last=True
        )


class SeparableConv1D(_SeparableConv):
    """A convolution of sequences in two steps; the arguments are those of `SeparableConv2D`."""

    axes = 1


class SeparableConv2D(_SeparableConv):
    """A convolution of each channel by itself, then one of single pixels that mixes channels.

    Parameters
    ----------
    filters : int
        Channels of the result.
    kernel_size, strides, dilation_rate : int or sequence of int
        Of all axes or of each. Strides and dilation are 1 by default.
    padding : {"valid", "same"}
        As of `Conv2D`.
    data_format : {"channels_last", "channels_first"}, optional
    depth_multiplier : int
        Filters of each channel in the first convolution. Default 1.
    activation : str or callable, optional
    use_bias : bool
        Default True.
    depthwise_initializer, pointwise_initializer, bias_initializer : str or callable
        Default "glorot_uniform", "glorot_uniform" and "zeros".
    depthwise_regularizer, pointwise_regularizer, bias_regularizer : str or callable, optional
    activity_regularizer : str or callable, optional
    depthwise_constraint, pointwise_constraint, bias_constraint : str or callable, optional
    **kwargs
        As of `Layer`.
    """

    axes = 2


Convolution1D = Conv1D
Convolution1DTranspose = Conv1DTranspose
Convolution2D = Conv2D
Convolution2DTranspose = Conv2DTranspose
Convolution3D = Conv3D
Convolution3DTranspose = Conv3DTranspose
SeparableConvolution1D = SeparableConv1D
SeparableConvolution2D = SeparableConv2D
