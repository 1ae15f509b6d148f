"""Convolution over (N, C, ...) arrays; results are channels-last in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from cygnet import kernels
from cygnet.autograd import is_grad_enabled, needs_gradient, record
from cygnet.autograd.modes import mode
from cygnet.errors import composed
from cygnet.ops.activation import fused_gradient
from cygnet.ops.broadcast import reshape, sum
from cygnet.ops.channels import convolution_kernel
from cygnet.ops.common import (
    Shape,
    as_tensor,
    layer_operands,
    saved_by_product,
    with_activation,
    wrap,
)
from cygnet.ops.shape import permute
from cygnet.tensor import Tensor

__all__ = [
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_tbc",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
]

Sizes: TypeAlias = int | tuple[int, ...]
Padding: TypeAlias = str | int | tuple[int | tuple[int, int], ...]


class _Convolution:
    """The three ops of a convolution, or of a transposed one, of some geometry.

    They are the partial derivatives of one form that is linear in each of its three arguments,
    sum(grad * forward(input, weight)): so the gradients of each are the two others.
    """

    def __init__(self, name: str, axes: int, *geometry: Any, channels_last: bool) -> None:
        self.name = name
        self.axes = axes
        self.channels_last = channels_last
        self.geometry = geometry  # stride, padding and so on as the kernels take them

    def _kernel(self, direction: str) -> Callable[..., Any]:
        if self.channels_last:
            return convolution_kernel(self.name, direction, self.axes)
        return getattr(kernels, f"{self.name}_{direction}")  # type: ignore[no-any-return]

    def forward(
        self, input: Tensor, weight: Tensor, bias: Tensor | None = None, activation: str = "none"
    ) -> Tensor:
        """The forward op, also of an input without batch."""
        input, weight, bias = layer_operands(self.name, input, weight, bias)
        x, w = input._array, weight._array
        b = None if bias is None else bias._array
        if x.ndim == self.axes + 1:
            batch = self.forward(reshape(input, (1, *x.shape)), weight, bias, activation)
            return reshape(batch, batch.shape[1:])
        if self.channels_last and not x.ndim == w.ndim == self.axes + 2:
            raise kernels.ShapeError(
                f"{self.name}: input and weight have shapes {x.shape} and {w.shape}, expected "
                f"{self.axes + 2} dimensions"
            )
        geometry = self.geometry
        kernel = self._kernel("forward")
        if not needs_gradient(input, weight, bias):
            if mode.folding is not None:
                return self._foldable(input, weight, bias, activation)
            return wrap(kernel(x, w, b, *geometry, activation))
        output, saved = with_activation(lambda name: kernel(x, w, b, *geometry, name), activation)

        inputs = (input, weight) if bias is None else (input, weight, bias)

        def backward(grad: Tensor) -> tuple[Tensor | None, ...]:
            if saved is not None:
                grad = fused_gradient(activation, grad, saved, lambda: self.forward(*inputs))
            need_bias = bias is not None and bias.requires_grad
            by_input = by_weight = by_bias = None
            if input.requires_grad:
                by_input = self.by_input(grad, weight, x.shape)
            if is_grad_enabled():
                if weight.requires_grad:
                    by_weight = self.by_weight(grad, input, w.shape)
                if need_bias:
                    channels = grad.ndim - 1 if self.channels_last else 1
                    by_bias = sum(grad, [i for i in range(grad.ndim) if i != channels])
            elif weight.requires_grad or need_bias:
                grads = self._kernel("backward_weight")(
                    grad._array, x, w.shape, *geometry, weight.requires_grad, need_bias
                )
                by_weight, by_bias = (None if g is None else wrap(g) for g in grads)
            return (by_input, by_weight) if bias is None else (by_input, by_weight, by_bias)

        result = wrap(output)
        values = saved_by_product(inputs, result, saved)
        return record(result, inputs, backward, self.name, saved=values)

    def _foldable(
        self, input: Tensor, weight: Tensor, bias: Tensor | None, activation: str
    ) -> Tensor:
        """The forward op while a model is frozen; see `cygnet.replay.folding`."""
        kernel = self._kernel("forward")

        def compute(weight: Tensor, bias: Tensor | None, activation: str) -> Tensor:
            b = None if bias is None else bias._array
            return wrap(kernel(input._array, weight._array, b, *self.geometry, activation))

        axis = -1 if self.channels_last else 0
        channels: int | None = input.ndim - 1 if self.channels_last else 1
        groups = self.geometry[-1]
        if self.name.startswith("conv_transpose"):
            axis += -1 if self.channels_last else 1
            if groups != 1:  # no axis of the weight is that of all output channels
                channels = None
        return mode.folding.product(  # type: ignore[no-any-return]
            compute, weight, bias, activation, axis, channels
        )

    def by_input(self, grad: Tensor, weight: Tensor, shape: Shape) -> Tensor:
        """The gradient with respect to an input of given shape."""

        def backward(other: Tensor) -> tuple[Tensor | None, ...]:
            return (
                self.forward(other, weight) if grad.requires_grad else None,
                self.by_weight(grad, other, weight.shape) if weight.requires_grad else None,
            )

        kernel = self._kernel("backward_input")
        output = wrap(kernel(grad._array, weight._array, shape, *self.geometry))
        return record(output, (grad, weight), backward, f"{self.name}_backward_input")

    def by_weight(self, grad: Tensor, input: Tensor, shape: Shape) -> Tensor:
        """The gradient with respect to a weight of given shape."""

        def backward(other: Tensor) -> tuple[Tensor | None, ...]:
            return (
                self.forward(input, other) if grad.requires_grad else None,
                self.by_input(grad, other, input.shape) if input.requires_grad else None,
            )

        kernel = self._kernel("backward_weight")
        output, _ = kernel(grad._array, input._array, shape, *self.geometry, True, False)
        return record(wrap(output), (grad, input), backward, f"{self.name}_backward_weight")


def check_padding_name(op: str, padding: str, stride: Sizes) -> None:
    """Raises ValueError unless `padding` is 'valid', or 'same' with stride 1."""
    if padding not in ("valid", "same"):
        raise ValueError(
            f"{op}: argument padding expected ints, 'valid' or 'same', got {padding!r}"
        )
    if padding == "same" and any(
        s != 1 for s in (stride if isinstance(stride, tuple) else [stride])
    ):
        raise ValueError(f"{op}: argument padding 'same' expected stride 1, got {stride}")


def _in_numbers(op: str, padding: str, kernel: Shape, stride: Sizes, dilation: Sizes) -> Padding:
    """The padding of a name; of 'same' an odd total puts the extra zeros at the end."""
    check_padding_name(op, padding, stride)
    if padding == "valid" or not kernel:
        return 0
    dilations = dilation if isinstance(dilation, tuple) else (dilation,) * len(kernel)
    totals = [d * (k - 1) for d, k in zip(dilations, kernel, strict=True)]
    return tuple((total // 2, total - total // 2) for total in totals)


def _convolve(
    op: str,
    axes: int,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Sizes,
    padding: Padding,
    dilation: Sizes,
    groups: int,
    activation: str,
    channels_last: bool,
) -> Tensor:
    if isinstance(padding, str):
        shape = as_tensor(weight, op, "weight").shape
        kernel = shape[:-2] if channels_last else shape[2:]
        padding = _in_numbers(op, padding, kernel, stride, dilation)
    ops = _Convolution(op, axes, stride, padding, dilation, groups, channels_last=channels_last)
    return ops.forward(input, weight, bias, activation)


def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Padding = 0,
    dilation: Sizes = 1,
    groups: int = 1,
    *,
    activation: str = "none",
    channels_last: bool = False,
) -> Tensor:
    """Cross-correlation of (N, C, L) with filters (O, C / groups, k): see :func:`conv2d`."""
    return _convolve(
        "conv1d", 1, input, weight, bias, stride, padding, dilation, groups, activation,
        channels_last,
    )  # fmt: skip


@composed
def conv_tbc(input: Tensor, weight: Tensor, bias: Tensor, pad: int = 0) -> Tensor:
    """`conv1d` of a sequence whose axes are time, batch and channels.

    Parameters
    ----------
    input : Tensor
        (T, N, C).
    weight : Tensor
        (k, C, O).
    bias : Tensor
        (O,).
    pad : int
        Zeros before the first and after the last time. Default 0.

    Returns
    -------
    Tensor
        (T + 2 pad - k + 1, N, O).

    Raises
    ------
    ShapeError, DTypeError, ValueError
    """
    op = "conv_tbc"
    x, filters = as_tensor(input, op, "input"), as_tensor(weight, op, "weight")
    if x.ndim != 3 or filters.ndim != 3:
        raise kernels.ShapeError(
            f"{op}: input and weight have shapes {x.shape} and {filters.shape}, expected (T, N, C) "
            "and (k, C, O)"
        )
    moved = permute(x, (1, 2, 0)), permute(filters, (2, 1, 0))
    return permute(conv1d(*moved, bias, padding=pad), (2, 0, 1))


def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Padding = 0,
    dilation: Sizes = 1,
    groups: int = 1,
    *,
    activation: str = "none",
    channels_last: bool = False,
) -> Tensor:
    """Cross-correlation of images with filters, as convolutional layers have it.

    Parameters
    ----------
    input : Tensor
        (N, C, H, W) or, without batch, (C, H, W); float32 or float64.
    weight : Tensor
        (O, C / groups, kh, kw).
    bias : Tensor, optional
        (O,).
    stride, dilation : int or pair of int
        For both axes or (height, width). Default 1.
    padding : int, tuple or str
        Zeros on both sides of both axes, of each axis, or a pair (low, high) for each axis; or
        'valid' (0), or 'same', which keeps height and width (an odd total puts the extra zeros at
        the end) and needs stride 1. Default 0.
    groups : int
        Input and output channels are cut into this many groups that do not mix. Default 1.
    activation : str
        'none' (default), 'relu', 'leaky_relu' (slope 0.01), 'sigmoid', 'tanh', 'gelu' or
        'silu', fused.
    channels_last : bool
        Whether input and result are (N, H, W, C) and (N, H', W', O), and the weight (kh, kw,
        C / groups, O). Default False.

    Returns
    -------
    Tensor
        (N, O, H', W') with H' = (H + low + high - dilation (kh - 1) - 1) // stride + 1.

    Raises
    ------
    ShapeError, DTypeError, ValueError
    """
    return _convolve(
        "conv2d", 2, input, weight, bias, stride, padding, dilation, groups, activation,
        channels_last,
    )  # fmt: skip


def conv3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Padding = 0,
    dilation: Sizes = 1,
    groups: int = 1,
    *,
    activation: str = "none",
    channels_last: bool = False,
) -> Tensor:
    """Cross-correlation of (N, C, D, H, W) with filters (O, C / groups, kd, kh, kw): see
    :func:`conv2d`.
    """
    return _convolve(
        "conv3d", 3, input, weight, bias, stride, padding, dilation, groups, activation,
        channels_last,
    )  # fmt: skip


def conv_transpose1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes = 0,
    output_padding: Sizes = 0,
    groups: int = 1,
    dilation: Sizes = 1,
    *,
    activation: str = "none",
    channels_last: bool = False,
) -> Tensor:
    """Transposed convolution of (N, C, L) with filters (C, O / groups, k): see
    :func:`conv_transpose2d`.
    """
    geometry = stride, padding, output_padding, dilation, groups
    ops = _Convolution("conv_transpose1d", 1, *geometry, channels_last=channels_last)
    return ops.forward(input, weight, bias, activation)


def conv_transpose2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes = 0,
    output_padding: Sizes = 0,
    groups: int = 1,
    dilation: Sizes = 1,
    *,
    activation: str = "none",
    channels_last: bool = False,
) -> Tensor:
    """Transposed convolution: the gradient of `conv2d` with respect to its input, as a layer.

    Parameters
    ----------
    input : Tensor
        (N, C, H, W) or, without batch, (C, H, W); float32 or float64.
    weight : Tensor
        (C, O / groups, kh, kw).
    bias : Tensor, optional
        (O,).
    stride, dilation : int or pair of int
        Step of the filter over the result, and distance of its taps. Default 1.
    padding : int or pair of int
        Pixels that are cut off on both sides of the result. Default 0.
    output_padding : int or pair of int
        Pixels added at one side of the result, fewer than stride or dilation. Default 0.
    groups : int
        Input and output channels are cut into this many groups that do not mix. Default 1.
    activation : str
        'none' (default), 'relu', 'leaky_relu' (slope 0.01), 'sigmoid', 'tanh', 'gelu' or
        'silu', fused.
    channels_last : bool
        Whether input and result are (N, H, W, C) and (N, H', W', O), and the weight (kh, kw,
        O / groups, C). Default False.

    Returns
    -------
    Tensor
        (N, O, H', W'), H' = (H - 1) stride - 2 padding + dilation (kh - 1) + output_padding + 1.

    Raises
    ------
    ShapeError, DTypeError, ValueError
    """
    geometry = stride, padding, output_padding, dilation, groups
    ops = _Convolution("conv_transpose2d", 2, *geometry, channels_last=channels_last)
    return ops.forward(input, weight, bias, activation)


def conv_transpose3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes = 0,
    output_padding: Sizes = 0,
    groups: int = 1,
    dilation: Sizes = 1,
    *,
    activation: str = "none",
    channels_last: bool = False,
) -> Tensor:
    """Transposed convolution of (N, C, D, H, W) with filters (C, O / groups, kd, kh, kw): see
    :func:`conv_transpose2d`.
    """
    geometry = stride, padding, output_padding, dilation, groups
    ops = _Convolution("conv_transpose3d", 3, *geometry, channels_last=channels_last)
    return ops.forward(input, weight, bias, activation)
