"""Convolution layers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from cygnet.nn import functional, init
from cygnet.nn.linear import positive_int
from cygnet.nn.module import Module
from cygnet.nn.parameter import Parameter
from cygnet.tensor import Tensor

__all__ = ["Conv2d"]


def _pair(name: str, value: Any, minimum: int) -> tuple[int, int]:
    pair = tuple(value) if isinstance(value, tuple | list) else (value, value)
    if len(pair) != 2:
        raise ValueError(f"Conv2d: argument {name} expected an int or two, got {value!r}")
    first, second = (positive_int("Conv2d", name, item, minimum) for item in pair)
    return first, second


class Conv2d(Module):
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
        Only "zeros" is offered.
    dtype : dtype, default float32
        float32 or float64.

    Attributes
    ----------
    weight : Parameter of shape (out_channels, in_channels / groups, kernel height, kernel width)
    bias : Parameter of shape (out_channels,) or None
    """

    padding: str | tuple[int, int]

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        stride: int | tuple[int, int] = 1,
        padding: str | int | tuple[int, int] = 0,
        dilation: int | tuple[int, int] = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        *,
        dtype: DTypeLike = np.float32,
    ) -> None:
        super().__init__()
        self.in_channels = positive_int("Conv2d", "in_channels", in_channels)
        self.out_channels = positive_int("Conv2d", "out_channels", out_channels)
        self.groups = positive_int("Conv2d", "groups", groups)
        for name in ("in_channels", "out_channels"):
            if getattr(self, name) % self.groups:
                raise ValueError(
                    f"Conv2d: argument {name} expected a multiple of groups={self.groups}, "
                    f"got {getattr(self, name)}"
                )
        if padding_mode != "zeros":
            raise ValueError(
                f"Conv2d: argument padding_mode expected 'zeros', got {padding_mode!r}"
            )
        self.padding_mode = padding_mode
        self.kernel_size = _pair("kernel_size", kernel_size, 1)
        self.stride = _pair("stride", stride, 1)
        self.dilation = _pair("dilation", dilation, 1)
        if isinstance(padding, str):
            functional.check_padding_name(padding, self.stride, "Conv2d")
            self.padding = padding
        else:
            self.padding = _pair("padding", padding, 0)
        self.weight = Parameter(
            np.empty((out_channels, in_channels // groups, *self.kernel_size), dtype)
        )
        self.register_parameter("bias", Parameter(np.empty(out_channels, dtype)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias anew, uniform in ±1/sqrt(fan_in)."""
        init.reset_weight_and_bias(self.weight, self.bias)

    def forward(self, input: Tensor) -> Tensor:
        """Map (N, in_channels, H, W) to (N, out_channels, H', W')."""
        return functional.conv2d(
            input, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups
        )

    def extra_repr(self) -> str:
        text = (
            f"{self.in_channels}, {self.out_channels}, "
            f"kernel_size={self.kernel_size}, stride={self.stride}"
        )
        for name, default in (("padding", (0, 0)), ("dilation", (1, 1)), ("groups", 1)):
            value = getattr(self, name)
            if value != default:
                text += f", {name}={value!r}" if not isinstance(value, str) else f", {name}={value}"
        return text if self.bias is not None else text + ", bias=False"
