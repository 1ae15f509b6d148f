"""Convolution layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from cygnet.nn import functional, init
from cygnet.nn.linear import positive_int
from cygnet.nn.module import Module
from cygnet.nn.parameter import Parameter, float_dtype
from cygnet.ops.common import FUSED_ACTIVATIONS
from cygnet.ops.conv import check_padding_name
from cygnet.tensor import Tensor, empty_array

__all__ = [
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "ConvTranspose3d",
]

Sizes = int | tuple[int, ...]

_PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


class _Convolution(Module):
    """What the layers share: checked arguments, weight and bias."""

    axes: ClassVar[int]
    transposed: ClassVar[bool]
    function: ClassVar[Callable[..., Tensor]]
    padding: str | tuple[int, ...]
    _fewest_channels: ClassVar[int] = 1  # of the input

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes,
        padding: str | Sizes,
        output_padding: Sizes,
        dilation: Sizes,
        groups: int,
        bias: bool,
        padding_mode: str,
        device: Any,
        dtype: Any,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        self.in_channels = positive_int(name, "in_channels", in_channels, self._fewest_channels)
        self.out_channels = positive_int(name, "out_channels", out_channels)
        self.groups = positive_int(name, "groups", groups)
        for channels in ("in_channels", "out_channels"):
            if getattr(self, channels) % self.groups:
                raise ValueError(
                    f"{name}: argument {channels} expected a multiple of groups={self.groups}, "
                    f"got {getattr(self, channels)}"
                )
        modes = ("zeros",) if self.transposed else _PADDING_MODES
        if padding_mode not in modes:
            raise ValueError(
                f"{name}: argument padding_mode expected {' or '.join(map(repr, modes))}, got "
                f"{padding_mode!r}"
            )
        self.padding_mode = padding_mode
        self.kernel_size = self._per_axis("kernel_size", kernel_size, 1)
        self.stride = self._per_axis("stride", stride, 1)
        self.dilation = self._per_axis("dilation", dilation, 1)
        self.output_padding = self._per_axis("output_padding", output_padding, 0)
        if isinstance(padding, str):
            check_padding_name(name, padding, self.stride)
            self.padding = padding
        else:
            self.padding = self._per_axis("padding", padding, 0)
        self._make_parameters(bool(bias), float_dtype(name, device, dtype))

    def _make_parameters(self, bias: bool, dtype: Any) -> None:
        self.weight = Parameter(empty_array(self._weight_shape(), dtype))
        self.register_parameter(
            "bias", Parameter(empty_array((self.out_channels,), dtype)) if bias else None
        )
        self.reset_parameters()

    def _weight_shape(self) -> tuple[int, ...]:
        outer, inner = self.out_channels, self.in_channels
        if self.transposed:
            outer, inner = inner, outer
        return outer, inner // self.groups, *self.kernel_size

    def _per_axis(self, argument: str, value: Any, minimum: int) -> tuple[int, ...]:
        name = type(self).__name__
        values = tuple(value) if isinstance(value, tuple | list) else (value,) * self.axes
        if len(values) != self.axes:
            raise ValueError(
                f"{name}: argument {argument} expected an int or one for each of {self.axes} axes, "
                f"got {value!r}"
            )
        return tuple(positive_int(name, argument, item, minimum) for item in values)

    def reset_parameters(self) -> None:
        """Draw weight and bias anew, uniform in ±1/sqrt(fan_in)."""
        init.reset_weight_and_bias(self.weight, self.bias)

    def extra_repr(self) -> str:
        text = (
            f"{self.in_channels}, {self.out_channels}, "
            f"kernel_size={self.kernel_size}, stride={self.stride}"
        )
        zeros, ones = (0,) * self.axes, (1,) * self.axes
        for name, default in (
            ("padding", zeros),
            ("dilation", ones),
            ("output_padding", zeros),
            ("groups", 1),
        ):
            value = getattr(self, name)
            if value != default:
                text += f", {name}={value}"
        if self.bias is None:
            text += ", bias=False"
        if self.padding_mode != "zeros":
            text += f", padding_mode={self.padding_mode}"
        return text


class _Conv(_Convolution):
    transposed = False

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: str | Sizes = 0,
        dilation: Sizes = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            0,
            dilation,
            groups,
            bias,
            padding_mode,
            device,
            dtype,
        )

    fuses = FUSED_ACTIVATIONS

    def forward(self, input: Tensor) -> Tensor:
        """Map (N, in_channels, ...), or (in_channels, ...), to (N, out_channels, ...)."""
        return self.forward_activated(input, "none")

    def forward_activated(self, input: Tensor, activation: str) -> Tensor:
        """The same with an activation in the same kernel."""
        padding: str | Sizes = self.padding
        if self.padding_mode != "zeros":
            input = functional.pad(input, self._frame(), self.padding_mode)
            padding = 0
        return type(self).function(
            input,
            self.weight,
            self.bias,
            self.stride,
            padding,
            self.dilation,
            self.groups,
            activation=activation,
        )

    def _frame(self) -> list[int]:
        """The padding of each side, the last axis first."""
        if isinstance(self.padding, tuple):
            return [width for width in reversed(self.padding) for _ in range(2)]
        frame = []
        for kernel, dilation in zip(self.kernel_size[::-1], self.dilation[::-1], strict=True):
            total = dilation * (kernel - 1) if self.padding == "same" else 0
            frame += [total // 2, total - total // 2]
        return frame


class _ConvTranspose(_Convolution):
    transposed = True
    fuses = FUSED_ACTIVATIONS
    padding: tuple[int, ...]

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Sizes = 0,
        output_padding: Sizes = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Sizes = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            output_padding,
            dilation,
            groups,
            bias,
            padding_mode,
            device,
            dtype,
        )

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """Map (N, in_channels, ...), or (in_channels, ...), to (N, out_channels, ...).

        Parameters
        ----------
        input : Tensor
        output_size : sequence of int, optional
            The spatial sizes of the result, or its whole shape: takes the place of the layer's
            `output_padding`.
        """
        return self.forward_activated(input, "none", output_size)

    def forward_activated(
        self, input: Tensor, activation: str, output_size: Sequence[int] | None = None
    ) -> Tensor:
        """The same with an activation in the same kernel."""
        return type(self).function(
            input,
            self.weight,
            self.bias,
            self.stride,
            self.padding,
            self.output_padding if output_size is None else self._missing(input, output_size),
            self.groups,
            self.dilation,
            activation=activation,
        )

    def _missing(self, input: Tensor, output_size: Sequence[int]) -> tuple[int, ...]:
        """The output_padding that makes the result's spatial sizes `output_size`."""
        name, size = type(self).__name__, tuple(output_size)
        if len(size) == input.ndim:
            size = size[-self.axes :]
        if len(size) != self.axes:
            raise ValueError(
                f"{name}: argument output_size expected {self.axes} or {input.ndim} sizes, "
                f"got {output_size}"
            )
        smallest = tuple(
            (n - 1) * stride - 2 * padding + dilation * (kernel - 1) + 1
            for n, stride, padding, dilation, kernel in zip(
                input.shape[-self.axes :],
                self.stride,
                self.padding,
                self.dilation,
                self.kernel_size,
                strict=True,
            )
        )
        missing = tuple(have - least for have, least in zip(size, smallest, strict=True))
        if any(not 0 <= m < stride for m, stride in zip(missing, self.stride, strict=True)):
            largest = tuple(n + stride - 1 for n, stride in zip(smallest, self.stride, strict=True))
            raise ValueError(
                f"{name}: argument output_size expected sizes from {smallest} to {largest}, "
                f"got {size}"
            )
        return missing


class Conv1d(_Conv):
    """One-dimensional cross-correlation of (N, C, L) inputs with learned filters.

    Parameters and attributes are those of :class:`Conv2d`, for one axis.
    """

    axes = 1
    function = staticmethod(functional.conv1d)


class Conv2d(_Conv):
    """Two-dimensional cross-correlation of (N, C, H, W) inputs with learned filters.

    Parameters
    ----------
    in_channels, out_channels : int
        Channels of input and output; both divisible by `groups`.
    kernel_size : int or (int, int)
        Height and width of the filters.
    stride : int or (int, int), default 1
    padding : int, (int, int), "valid" or "same", default 0
        Zeros on both sides of height and width. "valid" is 0; "same" keeps height and width and
        needs stride 1.
    dilation : int or (int, int), default 1
        Distance of neighbouring taps.
    groups : int, default 1
        Blocks of channels that are convolved apart.
    bias : bool, default True
    padding_mode : str, default "zeros"
        "zeros", "reflect", "replicate" or "circular": what is around the input, see
        :func:`cygnet.nn.functional.pad`.
    device : optional
        The CPU; any other is an error.
    dtype : dtype, default float32
        float32 or float64.

    Attributes
    ----------
    weight : Parameter of shape (out_channels, in_channels / groups, kernel height, kernel width)
    bias : Parameter of shape (out_channels,) or None
    """

    axes = 2
    function = staticmethod(functional.conv2d)


class Conv3d(_Conv):
    """Three-dimensional cross-correlation of (N, C, D, H, W) inputs with learned filters.

    Parameters and attributes are those of :class:`Conv2d`, for three axes.
    """

    axes = 3
    function = staticmethod(functional.conv3d)


class ConvTranspose1d(_ConvTranspose):
    """One-dimensional transposed convolution of (N, C, L) inputs with learned filters.

    Parameters and attributes are those of :class:`ConvTranspose2d`, for one axis.
    """

    axes = 1
    function = staticmethod(functional.conv_transpose1d)


class ConvTranspose2d(_ConvTranspose):
    """Two-dimensional transposed convolution of (N, C, H, W) inputs with learned filters: each
    input pixel adds a multiple of the filter to the result.

    Parameters
    ----------
    in_channels, out_channels : int
        Channels of input and output; both divisible by `groups`.
    kernel_size : int or (int, int)
        Height and width of the filters.
    stride : int or (int, int), default 1
        Distance of the filters of neighbouring input pixels.
    padding : int or (int, int), default 0
        Pixels that are cut off on both sides of height and width.
    output_padding : int or (int, int), default 0
        Pixels added at the end of height and width, fewer than stride or dilation.
    groups : int, default 1
        Blocks of channels that are convolved apart.
    bias : bool, default True
    dilation : int or (int, int), default 1
        Distance of neighbouring taps.
    padding_mode : str, default "zeros"
        Only "zeros" is offered.
    device : optional
        The CPU; any other is an error.
    dtype : dtype, default float32
        float32 or float64.

    Attributes
    ----------
    weight : Parameter of shape (in_channels, out_channels / groups, kernel height, kernel width)
    bias : Parameter of shape (out_channels,) or None
    """

    axes = 2
    function = staticmethod(functional.conv_transpose2d)


class ConvTranspose3d(_ConvTranspose):
    """Three-dimensional transposed convolution of (N, C, D, H, W) inputs with learned filters.

    Parameters and attributes are those of :class:`ConvTranspose2d`, for three axes.
    """

    axes = 3
    function = staticmethod(functional.conv_transpose3d)
