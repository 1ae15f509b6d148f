"""Pooling layers."""

from __future__ import annotations

from typing import Any

from cygnet.nn import functional
from cygnet.nn.module import Module
from cygnet.tensor import Tensor

__all__ = ["AdaptiveAvgPool2d", "AvgPool2d", "MaxPool2d"]

Size = int | tuple[int, int]


class MaxPool2d(Module):
    """The maximum of each window of (N, C, H, W) inputs; a NaN in a window wins.

    Parameters
    ----------
    kernel_size : int or (int, int)
        Height and width of a window.
    stride : int or (int, int), optional
        Default: `kernel_size`.
    padding : int or (int, int), default 0
        Rows and columns of -inf on both sides, at most half of `kernel_size`.
    dilation : int or (int, int), default 1
        Distance of neighbouring elements of a window.
    return_indices : bool, default False
        Whether to return (output, indices): positions ``h * W + w`` in the input plane, int64.
    ceil_mode : bool, default False
        Whether partial windows at the end count.
    """

    def __init__(
        self,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Size = 0,
        dilation: Size = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = stride if stride is not None else kernel_size
        self.padding = padding
        self.dilation = dilation
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode

    def forward(self, input: Tensor) -> Any:
        """Map (N, C, H, W) to (N, C, H', W')."""
        return functional.max_pool2d(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.dilation,
            self.ceil_mode,
            self.return_indices,
        )

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, ceil_mode={self.ceil_mode}"
        )


class AvgPool2d(Module):
    """The mean of each window of (N, C, H, W) inputs.

    Parameters
    ----------
    kernel_size : int or (int, int)
        Height and width of a window.
    stride : int or (int, int), optional
        Default: `kernel_size`.
    padding : int or (int, int), default 0
        Rows and columns of zeros on both sides, at most half of `kernel_size`.
    ceil_mode : bool, default False
        Whether partial windows at the end count.
    count_include_pad : bool, default True
        Whether padded zeros count in the divisor.
    """

    def __init__(
        self,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Size = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = stride if stride is not None else kernel_size
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad

    def forward(self, input: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C, H', W')."""
        return functional.avg_pool2d(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
        )

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AdaptiveAvgPool2d(Module):
    """The mean of windows chosen so that the output has a given size.

    Parameters
    ----------
    output_size : int or (int or None, int or None)
        Height and width of the output; None keeps the input's.
    """

    def __init__(self, output_size: int | tuple[int | None, int | None]) -> None:
        super().__init__()
        self.output_size = output_size

    def forward(self, input: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C, \\*output_size)."""
        size = self.output_size
        if isinstance(size, tuple | list):
            size = tuple(  # type: ignore[assignment]
                kept if asked is None else asked
                for asked, kept in zip(size, input.shape[-2:], strict=True)
            )
        return functional.adaptive_avg_pool2d(input, size)  # type: ignore[arg-type]

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"
