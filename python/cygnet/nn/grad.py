"""Gradients of convolutions by their input and by their weight."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from cygnet import ops
from cygnet.autograd import enable_grad, grad
from cygnet.tensor import Tensor

__all__ = [
    "conv1d_input",
    "conv1d_weight",
    "conv2d_input",
    "conv2d_weight",
    "conv3d_input",
    "conv3d_weight",
]

Sizes = int | tuple[int, ...]


def _of_input(
    convolution: Callable[..., Tensor],
    input_size: Sequence[int],
    weight: Tensor,
    grad_output: Tensor,
    *options: Any,
) -> Tensor:
    with enable_grad():
        input = ops.zeros(tuple(input_size), dtype=weight.dtype, requires_grad=True)
        output = convolution(input, weight, None, *options)
        needed = _needs(weight, grad_output)
        return _found(grad(output, input, grad_output, create_graph=needed))


def _of_weight(
    convolution: Callable[..., Tensor],
    input: Tensor,
    weight_size: Sequence[int],
    grad_output: Tensor,
    *options: Any,
) -> Tensor:
    with enable_grad():
        weight = ops.zeros(tuple(weight_size), dtype=input.dtype, requires_grad=True)
        output = convolution(input, weight, None, *options)
        needed = _needs(input, grad_output)
        return _found(grad(output, weight, grad_output, create_graph=needed))


def _found(gradients: Sequence[Tensor | None]) -> Tensor:
    [gradient] = gradients
    assert gradient is not None
    return gradient


def _needs(*tensors: Tensor) -> bool:
    return any(tensor.requires_grad for tensor in tensors)


def conv1d_input(
    input_size: Sequence[int],
    weight: Tensor,
    grad_output: Tensor,
    stride: Sizes = 1,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Tensor:
    """The gradient of `conv1d` by its input; see :func:`conv2d_input`."""
    options = stride, padding, dilation, groups
    return _of_input(ops.conv1d, input_size, weight, grad_output, *options)


def conv1d_weight(
    input: Tensor,
    weight_size: Sequence[int],
    grad_output: Tensor,
    stride: Sizes = 1,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Tensor:
    """The gradient of `conv1d` by its weight; see :func:`conv2d_weight`."""
    options = stride, padding, dilation, groups
    return _of_weight(ops.conv1d, input, weight_size, grad_output, *options)


def conv2d_input(
    input_size: Sequence[int],
    weight: Tensor,
    grad_output: Tensor,
    stride: Sizes = 1,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Tensor:
    """The gradient of :func:`cygnet.nn.functional.conv2d` by its input.

    Parameters
    ----------
    input_size : sequence of int
        The input's shape.
    weight : Tensor
    grad_output : Tensor
        The gradient of the result.
    stride, padding, dilation, groups
        Those of the convolution.

    Raises
    ------
    ShapeError, DTypeError, ValueError
    """
    options = stride, padding, dilation, groups
    return _of_input(ops.conv2d, input_size, weight, grad_output, *options)


def conv2d_weight(
    input: Tensor,
    weight_size: Sequence[int],
    grad_output: Tensor,
    stride: Sizes = 1,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Tensor:
    """The gradient of :func:`cygnet.nn.functional.conv2d` by its weight.

    Parameters
    ----------
    input : Tensor
    weight_size : sequence of int
        The weight's shape.
    grad_output : Tensor
        The gradient of the result.
    stride, padding, dilation, groups
        Those of the convolution.

    Raises
    ------
    ShapeError, DTypeError, ValueError
    """
    options = stride, padding, dilation, groups
    return _of_weight(ops.conv2d, input, weight_size, grad_output, *options)


def conv3d_input(
    input_size: Sequence[int],
    weight: Tensor,
    grad_output: Tensor,
    stride: Sizes = 1,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Tensor:
    """The gradient of `conv3d` by its input; see :func:`conv2d_input`."""
    options = stride, padding, dilation, groups
    return _of_input(ops.conv3d, input_size, weight, grad_output, *options)


def conv3d_weight(
    input: Tensor,
    weight_size: Sequence[int],
    grad_output: Tensor,
    stride: Sizes = 1,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Tensor:
    """The gradient of `conv3d` by its weight; see :func:`conv2d_weight`."""
    options = stride, padding, dilation, groups
    return _of_weight(ops.conv3d, input, weight_size, grad_output, *options)
