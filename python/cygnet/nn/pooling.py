"""Pooling layers over one, two and three spatial axes.

Inputs are (N, C, ...), or (C, ...) without a batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from cygnet.nn import functional
from cygnet.nn.function import OfFunction
from cygnet.nn.module import Module
from cygnet.tensor import Tensor

__all__ = [
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveAvgPool3d",
    "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d",
    "AvgPool1d",
    "AvgPool2d",
    "AvgPool3d",
    "LPPool1d",
    "LPPool2d",
    "LPPool3d",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
    "MaxUnpool1d",
    "MaxUnpool2d",
    "MaxUnpool3d",
]

Size = int | tuple[int, ...]
MaybeSize = int | tuple[int | None, ...] | None


class _MaxPool(Module):
    _pool: ClassVar[Callable[..., Any]]

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
        if return_indices:
            self.fuses = frozenset()

    fuses = frozenset({"relu"})
    commutes = True

    def forward(self, input: Tensor) -> Any:
        """Map (N, C, ...) to (N, C, ...)."""
        return self.forward_activated(input, "none")

    def forward_activated(self, input: Tensor, activation: str) -> Any:
        """The same with an activation in the same kernel."""
        return type(self)._pool(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.dilation,
            self.ceil_mode,
            self.return_indices,
            activation=activation,
        )

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, ceil_mode={self.ceil_mode}"
        )


class MaxPool1d(_MaxPool):
    """The maximum of each window of (N, C, L) inputs; parameters as `MaxPool2d`."""

    _pool = functional.max_pool1d


class MaxPool2d(_MaxPool):
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

    _pool = functional.max_pool2d


class MaxPool3d(_MaxPool):
    """The maximum of each window of (N, C, D, H, W) inputs; parameters as `MaxPool2d`."""

    _pool = functional.max_pool3d


class AvgPool1d(Module):
    """The mean of each window of (N, C, L) inputs.

    Parameters
    ----------
    kernel_size : int
        Length of a window.
    stride : int, optional
        Default: `kernel_size`.
    padding : int, default 0
        Zeros on both sides, at most half of `kernel_size`.
    ceil_mode : bool, default False
        Whether partial windows at the end count.
    count_include_pad : bool, default True
        Whether padded zeros count in the divisor.
    """

    _pool: ClassVar[Callable[..., Tensor]] = functional.avg_pool1d

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
        """Map (N, C, ...) to (N, C, ...)."""
        return type(self)._pool(input, *self._windows())

    def _windows(self) -> tuple[Any, ...]:
        return (
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
        )

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool2d(AvgPool1d):
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
    divisor_override : int, optional
        Divides every sum instead of the count.
    """

    _pool = functional.avg_pool2d

    def __init__(
        self,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Size = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__(kernel_size, stride, padding, ceil_mode, count_include_pad)
        self.divisor_override = divisor_override

    def _windows(self) -> tuple[Any, ...]:
        return (*super()._windows(), self.divisor_override)


class AvgPool3d(AvgPool2d):
    """The mean of each window of (N, C, D, H, W) inputs; parameters as `AvgPool2d`."""

    _pool = functional.avg_pool3d


class _AdaptiveAvgPool(Module):
    _pool: ClassVar[Callable[..., Any]]

    def __init__(self, output_size: MaybeSize) -> None:
        super().__init__()
        self.output_size = output_size

    def forward(self, input: Tensor) -> Any:
        """Map (N, C, ...) to (N, C, \\*output_size)."""
        return type(self)._pool(input, self.output_size)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveAvgPool1d(_AdaptiveAvgPool):
    """The mean of windows that cut (N, C, L) inputs into `output_size` parts."""

    _pool = functional.adaptive_avg_pool1d


class AdaptiveAvgPool2d(_AdaptiveAvgPool):
    """The mean of windows chosen so that the output has a given size.

    Parameters
    ----------
    output_size : int or (int or None, int or None)
        Height and width of the output; None keeps the input's.
    """

    _pool = functional.adaptive_avg_pool2d


class AdaptiveAvgPool3d(_AdaptiveAvgPool):
    """The mean of windows that cut (N, C, D, H, W) inputs into `output_size` parts."""

    _pool = functional.adaptive_avg_pool3d


class _AdaptiveMaxPool(_AdaptiveAvgPool):
    def __init__(self, output_size: MaybeSize, return_indices: bool = False) -> None:
        super().__init__(output_size)
        self.return_indices = return_indices

    def forward(self, input: Tensor) -> Any:
        """Map (N, C, ...) to (N, C, \\*output_size)."""
        return type(self)._pool(input, self.output_size, self.return_indices)


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """The maximum of windows that cut (N, C, L) inputs into `output_size` parts."""

    _pool = functional.adaptive_max_pool1d


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """The maximum of windows chosen so that the output has a given size.

    Parameters
    ----------
    output_size : int or (int or None, int or None)
        Height and width of the output; None keeps the input's.
    return_indices : bool, default False
        Whether to return (output, indices): positions ``h * W + w`` in the input plane, int64.
    """

    _pool = functional.adaptive_max_pool2d


class AdaptiveMaxPool3d(_AdaptiveMaxPool):
    """The maximum of windows that cut (N, C, D, H, W) inputs into `output_size` parts."""

    _pool = functional.adaptive_max_pool3d


class _MaxUnpool(Module):
    _unpool: ClassVar[Callable[..., Tensor]]

    def __init__(self, kernel_size: Size, stride: Size | None = None, padding: Size = 0) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = stride if stride is not None else kernel_size
        self.padding = padding

    def forward(
        self, input: Tensor, indices: Tensor, output_size: Sequence[int] | None = None
    ) -> Tensor:
        """Put the elements of `input` at `indices` among zeros."""
        return type(self)._unpool(
            input, indices, self.kernel_size, self.stride, self.padding, output_size
        )

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxUnpool1d(_MaxUnpool):
    """Puts maxima of (N, C, L) back where `MaxPool1d` found them."""

    _unpool = functional.max_unpool1d


class MaxUnpool2d(_MaxUnpool):
    """Puts maxima of (N, C, H, W) back where `MaxPool2d` found them; the rest is zero.

    Parameters
    ----------
    kernel_size : int or (int, int)
        Height and width of a window.
    stride : int or (int, int), optional
        Default: `kernel_size`.
    padding : int or (int, int), default 0
        The padding of the pooling.
    """

    _unpool = functional.max_unpool2d


class MaxUnpool3d(_MaxUnpool):
    """Puts maxima of (N, C, D, H, W) back where `MaxPool3d` found them."""

    _unpool = functional.max_unpool3d


class LPPool1d(OfFunction, function=functional.lp_pool1d):
    """``sum(x ** p) ** (1 / p)`` of each window of (N, C, L); parameters as `LPPool2d`."""


class LPPool2d(OfFunction, function=functional.lp_pool2d):
    """``sum(x ** p) ** (1 / p)`` of each window of (N, C, H, W) with p = norm_type.

    Parameters
    ----------
    norm_type : float
        p; infinity takes the largest absolute value.
    kernel_size : int or (int, int)
        Height and width of a window.
    stride : int or (int, int), optional
        Default: `kernel_size`.
    ceil_mode : bool, default False
        Whether partial windows at the end count.
    """


class LPPool3d(OfFunction, function=functional.lp_pool3d):
    """``sum(x ** p) ** (1 / p)`` of each window of (N, C, D, H, W); parameters as `LPPool2d`."""
