"""Convolutions of each channel by itself."""

from __future__ import annotations

from typing import Any

from cygnet.keras.layers.common import Shape
from cygnet.keras.layers.conv import CONVOLUTIONS, Convolution
from cygnet.nn.linear import positive_int
from cygnet.tensor import Tensor

__all__ = [
    "DepthwiseConv1D",
    "DepthwiseConv2D",
    "SeparableConv1D",
    "SeparableConv2D",
    "SeparableConvolution1D",
    "SeparableConvolution2D",
]


class _Depthwise(Convolution):
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
        return CONVOLUTIONS[self.axes](
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


SeparableConvolution1D = SeparableConv1D
SeparableConvolution2D = SeparableConv2D
