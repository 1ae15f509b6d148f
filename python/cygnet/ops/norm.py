"""Normalisation by statistics of channels over a batch or an image, or of rows."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from cygnet import kernels
from cygnet.autograd import is_grad_enabled, record
from cygnet.autograd.modes import mode
from cygnet.errors import composed
from cygnet.ops.activation import fused_gradient
from cygnet.ops.broadcast import reshape, sum_to
from cygnet.ops.common import Shape, as_tensor, wrap
from cygnet.ops.elementwise import add, div, mul, pow, sqrt, sub
from cygnet.ops.pooling import avg_pool2d
from cygnet.ops.reduce import mean
from cygnet.ops.shape import narrow
from cygnet.tensor import Array, Tensor

__all__ = [
    "batch_norm",
    "group_norm",
    "instance_norm",
    "layer_norm",
    "local_response_norm",
    "rms_norm",
]

Axes: TypeAlias = tuple[int, ...]


def _optional(op: str, **given: Tensor | None) -> list[Tensor | None]:
    """Arguments that may be None, as tensors."""
    return [None if value is None else as_tensor(value, op, name) for name, value in given.items()]


def _array(tensor: Tensor | None) -> Array | None:
    return None if tensor is None else tensor._array


def _needs(tensor: Tensor | None) -> bool:
    return tensor is not None and tensor.requires_grad


def _present(*tensors: Tensor | None) -> tuple[Tensor, ...]:
    return tuple(tensor for tensor in tensors if tensor is not None)


def _gradients(
    inputs: Sequence[object], grads: Sequence[Array | Tensor | None]
) -> tuple[Tensor | None, ...]:
    """The gradients of those inputs that were given, in their order."""
    return tuple(
        grad if grad is None or isinstance(grad, Tensor) else wrap(grad)
        for given, grad in zip(inputs, grads, strict=True)
        if given is not None
    )


def _standardized(
    input: Tensor, sets: Shape, axes: Axes, eps: float, *, centred: bool = True
) -> tuple[Tensor, Tensor]:
    """``(x - mean) / sqrt(variance + eps)`` over `axes` and the reciprocal of that root, as ops.

    `x` is the input in the shape `sets`; without `centred` the mean counts as 0.
    """
    x = reshape(input, sets)
    if centred:
        x = sub(x, mean(x, axes, keepdim=True))
    rstd = div(1.0, sqrt(add(mean(mul(x, x), axes, keepdim=True), eps)))
    return mul(x, rstd), rstd


def _gradients_in_ops(
    grad: Tensor,
    inputs: tuple[Tensor, Tensor | None, Tensor | None],
    standard: Tensor,
    rstd: Tensor,
    parameters: Shape,
    axes: Axes = (),
    *,
    centred: bool = True,
) -> list[Tensor | None]:
    """The gradients of input, weight and bias of a normalisation, which have gradients again.

    Parameters
    ----------
    grad : Tensor
        Of the result.
    inputs : tuple
        Input, weight and bias.
    standard, rstd : Tensor
        What `_standardized` gives.
    parameters : tuple of int
        The shape in which weight and bias broadcast to the input's.
    axes : tuple of int
        What mean and variance are taken over; none if they do not depend on the input.
    centred : bool
        Whether there is a mean.
    """
    input, weight, bias = inputs
    by_input = by_weight = by_bias = None
    if input.requires_grad:
        g = grad if weight is None else mul(grad, reshape(weight, parameters))
        g = reshape(g, standard.shape)
        if axes:
            along = mul(standard, mean(mul(g, standard), axes, keepdim=True))
            g = sub(sub(g, mean(g, axes, keepdim=True)) if centred else g, along)
        by_input = reshape(mul(g, rstd), input.shape)
    if weight is not None and weight.requires_grad:
        products = mul(grad, reshape(standard, input.shape))
        by_weight = reshape(sum_to(products, parameters), weight.shape)
    if bias is not None and bias.requires_grad:
        by_bias = reshape(sum_to(grad, parameters), bias.shape)
    return [by_input, by_weight, by_bias]


def _per_channel(input: Tensor) -> Shape:
    """The shape in which one number a channel broadcasts to the input's."""
    return (1, input.shape[1], *(1,) * (input.ndim - 2))


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float | None = 0.1,
    eps: float = 1e-5,
    *,
    unbiased: bool = True,
    num_batches_tracked: Tensor | None = None,
    residual: Tensor | None = None,
    activation: str = "none",
) -> Tensor:
    """``activation((input - mean) / sqrt(variance + eps) * weight + bias + residual)`` with mean
    and variance of each channel.

    Parameters
    ----------
    input : Tensor
        (N, C, ...), float32 or float64.
    running_mean, running_var : Tensor or None
        (C,). In training they are updated in place; otherwise the input is normalised with them.
    weight, bias : Tensor, optional
        (C,).
    training : bool
        Whether to normalise with mean and variance of the batch and its pixels. Default False.
    momentum : float or None
        How far a running average moves towards the new value, default 0.1; None makes it the mean
        of all batches, which num_batches_tracked counts.
    eps : float
        Default 1e-5.
    unbiased : bool
        Whether the running variance moves towards the unbiased variance, as in PyTorch, which one
        value a channel does not have, or towards that of the batch. Default True.
    num_batches_tracked : Tensor, optional
        int64, without dimensions; counted up in training.
    residual : Tensor, optional
        Of the input's shape, added in the same pass.
    activation : str
        'none' (default) or 'relu', in the same pass.

    Returns
    -------
    Tensor
        Of the input's shape, channels last in memory.

    Raises
    ------
    ShapeError, DTypeError, ValueError

    References
    ----------
    S. Ioffe, C. Szegedy, "Batch normalization: accelerating deep network training by reducing
    internal covariate shift", 2015.
    """
    op = "batch_norm"
    input = as_tensor(input, op, "input")
    weight, bias, residual = _optional(op, weight=weight, bias=bias, residual=residual)
    mean_before, var_before, batches = _optional(
        op,
        running_mean=running_mean,
        running_var=running_var,
        num_batches_tracked=num_batches_tracked,
    )
    x, w, b, r = input._array, _array(weight), _array(bias), _array(residual)
    if mode.folding is not None and r is None and not training and not mode.enabled:
        statistics = mean_before, var_before, weight, bias, eps
        if mode.folding.absorbed(input, activation, *statistics):
            return input
    output, means, rstds = kernels.batch_norm_forward(
        x, w, b, _array(mean_before), _array(var_before), _array(batches),
        training, momentum, eps, unbiased, r, activation,
    )  # fmt: skip
    # Without a residual, the sign of what relu took is computed again from the input.
    saved = output if r is not None and activation != "none" else None

    inputs = (input, weight, bias, residual)

    def backward(grad: Tensor) -> tuple[Tensor | None, ...]:
        if is_grad_enabled():
            return _gradients(inputs, differentiable(grad))
        by_input, by_weight, by_bias, by_residual = kernels.batch_norm_backward(
            grad._array, x, means, rstds, w, b, saved,
            training, activation, input.requires_grad, _needs(weight), _needs(bias),
        )  # fmt: skip
        if by_residual is None and r is not None:
            by_residual = grad._array
        return _gradients(inputs, (by_input, by_weight, by_bias, by_residual))

    def differentiable(grad: Tensor) -> list[Tensor | None]:
        channels = _per_channel(input)
        axes = (0, *range(2, input.ndim)) if training else ()
        if training:
            standard, rstd = _standardized(input, input.shape, axes, eps)
        else:
            rstd = reshape(wrap(rstds), channels)
            standard = mul(sub(input, reshape(wrap(means), channels)), rstd)
        if activation != "none":
            y = saved
            if y is None:
                scaled = standard if weight is None else mul(standard, reshape(weight, channels))
                y = (scaled if bias is None else add(scaled, reshape(bias, channels)))._array
            grad = fused_gradient(activation, grad, y)
        of_parameters = _gradients_in_ops(grad, inputs[:3], standard, rstd, channels, axes)
        return [*of_parameters, grad]

    result = wrap(output)
    values = (
        input,
        weight,
        bias if activation != "none" else None,
        result if saved is not None else None,
    )
    return record(
        result, _present(*inputs), backward, op,
        saved=_present(*values), fresh=residual is None or saved is not None,
    )  # fmt: skip


@composed
def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Normalises every image's channels in `num_groups` sets of neighbours, each over its pixels.

    Parameters
    ----------
    input : Tensor
        (N, C, ...), float32 or float64.
    num_groups : int
        Divides C.
    weight, bias : Tensor, optional
        (C,).
    eps : float
        Added to the variance. Default 1e-5.

    References
    ----------
    Y. Wu, K. He, "Group normalization", 2018.
    """
    input = as_tensor(input, "group_norm", "input")
    weight, bias = _optional("group_norm", weight=weight, bias=bias)
    output, means, rstds = kernels.group_norm_forward(
        input._array, num_groups, _array(weight), _array(bias), eps=eps
    )
    return _by_image("group_norm", (input, weight, bias), output, (means, rstds), num_groups, eps)


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Normalises every channel of every image over its pixels.

    Parameters
    ----------
    input : Tensor
        (N, C, ...) of more than one pixel, float32 or float64.
    running_mean, running_var : Tensor, optional
        (C,). With use_input_stats they are updated in place with the images' mean statistics;
        without, the input is normalised with them.
    weight, bias : Tensor, optional
        (C,).
    use_input_stats : bool
        Default True.
    momentum : float
        How far a running average moves towards the new value. Default 0.1.
    eps : float
        Added to the variance. Default 1e-5.

    References
    ----------
    D. Ulyanov, A. Vedaldi, V. Lempitsky, "Instance normalization: the missing ingredient for fast
    stylization", 2016.
    """
    if not use_input_stats:
        return batch_norm(input, running_mean, running_var, weight, bias, eps=eps)
    op = "instance_norm"
    input = as_tensor(input, op, "input")
    weight, bias = _optional(op, weight=weight, bias=bias)
    running = _optional(op, running_mean=running_mean, running_var=running_var)
    output, means, rstds = kernels.instance_norm_forward(
        input._array,
        _array(weight),
        _array(bias),
        *map(_array, running),
        momentum=momentum,
        eps=eps,
    )
    return _by_image(op, (input, weight, bias), output, (means, rstds), input.shape[1], eps)


def _by_image(
    op: str,
    inputs: tuple[Tensor, Tensor | None, Tensor | None],
    output: Array,
    statistics: tuple[Array, Array],
    groups: int,
    eps: float,
) -> Tensor:
    """Puts a normalisation of images on the tape."""
    input, weight, bias = inputs
    x, w = input._array, _array(weight)

    def backward(grad: Tensor) -> tuple[Tensor | None, ...]:
        if is_grad_enabled():
            sets = input.shape[0], groups, math.prod(input.shape[1:]) // groups
            standard, rstd = _standardized(input, sets, (2,), eps)
            channels = _per_channel(input)
            return _gradients(
                inputs, _gradients_in_ops(grad, inputs, standard, rstd, channels, (2,))
            )
        grads = kernels.group_norm_backward(
            grad._array, x, *statistics, w,
            need_input=input.requires_grad, need_weight=_needs(weight), need_bias=_needs(bias),
        )  # fmt: skip
        return _gradients(inputs, grads)

    return record(wrap(output), _present(*inputs), backward, op, saved=_present(input, weight))


def _axes(op: str, input: Tensor, normalized_shape: int | Sequence[int]) -> int:
    """How many axes `normalized_shape` names; ShapeError unless they are the input's last."""
    try:
        shape = (
            tuple(operator.index(size) for size in normalized_shape)
            if isinstance(normalized_shape, Sequence)
            else (operator.index(normalized_shape),)
        )
    except TypeError:
        raise TypeError(
            f"{op}: normalized_shape expected an int or ints, got {normalized_shape!r}"
        ) from None
    if not shape or input.shape[-len(shape) :] != shape:
        raise kernels.ShapeError(
            f"{op}: normalized_shape is {shape}, expected the last sizes of input, {input.shape}"
        )
    return len(shape)


def layer_norm(
    input: Tensor,
    normalized_shape: int | Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """``(input - mean) / sqrt(variance + eps) * weight + bias`` over the last axes.

    Parameters
    ----------
    input : Tensor
        float32 or float64.
    normalized_shape : int or sequence of int
        The last sizes of the input.
    weight, bias : Tensor, optional
        Of shape normalized_shape.
    eps : float
        Default 1e-5.

    References
    ----------
    J. Ba, J. Kiros, G. Hinton, "Layer normalization", 2016.
    """
    op = "layer_norm"
    input = as_tensor(input, op, "input")
    weight, bias = _optional(op, weight=weight, bias=bias)
    x, w, b = input._array, _array(weight), _array(bias)
    axes = _axes(op, input, normalized_shape)
    output, means, rstds = kernels.layer_norm_forward(x, w, b, axes=axes, eps=eps)
    inputs = (input, weight, bias)

    def backward(grad: Tensor) -> tuple[Tensor | None, ...]:
        if is_grad_enabled():
            return _gradients(inputs, _gradients_of_rows(grad, inputs, axes, eps))
        grads = kernels.layer_norm_backward(
            grad._array, x, means, rstds, w,
            need_input=input.requires_grad, need_weight=_needs(weight), need_bias=_needs(bias),
        )  # fmt: skip
        return _gradients(inputs, grads)

    return record(wrap(output), _present(*inputs), backward, op, saved=_present(input, weight))


def rms_norm(
    input: Tensor,
    normalized_shape: int | Sequence[int],
    weight: Tensor | None = None,
    eps: float | None = None,
) -> Tensor:
    """``input / sqrt(mean(input ** 2) + eps) * weight`` over the last axes.

    Parameters
    ----------
    input : Tensor
        float32 or float64.
    normalized_shape : int or sequence of int
        The last sizes of the input.
    weight : Tensor, optional
        Of shape normalized_shape.
    eps : float, optional
        Default the distance from 1 to the next number of the input's type.

    References
    ----------
    B. Zhang, R. Sennrich, "Root mean square layer normalization", 2019.
    """
    op = "rms_norm"
    input = as_tensor(input, op, "input")
    (weight,) = _optional(op, weight=weight)
    x, w = input._array, _array(weight)
    axes = _axes(op, input, normalized_shape)
    output, rstds = kernels.rms_norm_forward(x, w, axes=axes, eps=eps)
    inputs = (input, weight)

    def backward(grad: Tensor) -> tuple[Tensor | None, ...]:
        if is_grad_enabled():
            added = np.finfo(input.dtype).eps if eps is None else eps
            grads = _gradients_of_rows(grad, (*inputs, None), axes, float(added), centred=False)
            return _gradients(inputs, grads[:2])
        return _gradients(
            inputs,
            kernels.rms_norm_backward(
                grad._array, x, rstds, w, need_input=input.requires_grad, need_weight=_needs(weight)
            ),
        )

    return record(wrap(output), _present(*inputs), backward, op, saved=_present(*inputs))


def _gradients_of_rows(
    grad: Tensor,
    inputs: tuple[Tensor, Tensor | None, Tensor | None],
    count: int,
    eps: float,
    *,
    centred: bool = True,
) -> list[Tensor | None]:
    """`_gradients_in_ops` of a normalisation over the last `count` axes."""
    input = inputs[0]
    axes = tuple(range(input.ndim - count, input.ndim))
    standard, rstd = _standardized(input, input.shape, axes, eps, centred=centred)
    parameters = input.shape[-count:]
    return _gradients_in_ops(grad, inputs, standard, rstd, parameters, axes, centred=centred)


@composed
def local_response_norm(
    input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    """``input / (k + alpha * mean(input ** 2 over size neighbouring channels)) ** beta``.

    Parameters
    ----------
    input : Tensor
        (N, C, ...) of at least 3 dimensions; channels beyond the first and last count as 0.
    size : int
        Of the neighbourhood, in which the channel is number ``size // 2``.
    alpha, beta, k : float
        Default 1e-4, 0.75 and 1.

    References
    ----------
    A. Krizhevsky, I. Sutskever, G. Hinton, "ImageNet classification with deep convolutional neural
    networks", NeurIPS 2012.
    """
    op = "local_response_norm"
    x = as_tensor(input, op, "input")
    if x.ndim < 3:
        raise kernels.ShapeError(f"{op}: input has shape {x.shape}, expected at least 3 dimensions")
    if x.numel() == 0:
        return x
    images, channels = x.shape[:2]
    squares = reshape(mul(x, x), (images, 1, channels, x.numel() // (images * channels)))
    means = avg_pool2d(squares, (size, 1), 1, (size // 2, 0))  # one too many if size is even
    divisor = pow(add(mul(narrow(means, 2, 0, channels), alpha), k), beta)
    return div(x, reshape(divisor, x.shape))
