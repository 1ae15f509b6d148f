"""Normalisation by statistics of channels over a batch or an image, or of rows."""

from __future__ import annotations

import operator
from collections.abc import Sequence

from cygnet import kernels
from cygnet.autograd import record
from cygnet.ops.common import as_tensor, wrap
from cygnet.tensor import Array, Tensor


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
    inputs: Sequence[object], grads: Sequence[Array | None]
) -> tuple[Tensor | None, ...]:
    """The gradients of those inputs that were given, in their order."""
    return tuple(
        None if grad is None else wrap(grad)
        for given, grad in zip(inputs, grads, strict=True)
        if given is not None
    )


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
        (C,). In training they are updated in place, the variance with the unbiased one; otherwise
        the input is normalised with them.
    weight, bias : Tensor, optional
        (C,).
    training : bool
        Whether to normalise with mean and variance of the batch and its pixels. Default False.
    momentum : float or None
        How far a running average moves towards the new value, default 0.1; None makes it the mean
        of all batches, which num_batches_tracked counts.
    eps : float
        Default 1e-5.
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
    output, mean, rstd = kernels.batch_norm_forward(
        x, w, b, _array(mean_before), _array(var_before), _array(batches),
        training, momentum, eps, r, activation,
    )  # fmt: skip
    # Without a residual, the sign of what relu took is computed again from the input.
    saved = output if r is not None and activation != "none" else None

    def backward(grad: Tensor) -> tuple[Tensor | None, ...]:
        by_input, by_weight, by_bias, by_residual = kernels.batch_norm_backward(
            grad._array, x, mean, rstd, w, b, saved,
            training, activation, input.requires_grad, _needs(weight), _needs(bias),
        )  # fmt: skip
        if by_residual is None and r is not None:
            by_residual = grad._array
        return _gradients(
            (input, weight, bias, residual), (by_input, by_weight, by_bias, by_residual)
        )

    fresh = residual is None or saved is not None
    return record(
        wrap(output), _present(input, weight, bias, residual), backward, op, fresh=fresh, once=True
    )


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
    output, mean, rstd = kernels.group_norm_forward(
        input._array, num_groups, _array(weight), _array(bias), eps=eps
    )
    return _by_image("group_norm", input, weight, bias, output, (mean, rstd))


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
    output, mean, rstd = kernels.instance_norm_forward(
        input._array,
        _array(weight),
        _array(bias),
        *map(_array, running),
        momentum=momentum,
        eps=eps,
    )
    return _by_image(op, input, weight, bias, output, (mean, rstd))


def _by_image(
    op: str,
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    output: Array,
    statistics: tuple[Array, Array],
) -> Tensor:
    """Puts a normalisation of images on the tape."""
    x, w = input._array, _array(weight)

    def backward(grad: Tensor) -> tuple[Tensor | None, ...]:
        grads = kernels.group_norm_backward(
            grad._array, x, *statistics, w,
            need_input=input.requires_grad, need_weight=_needs(weight), need_bias=_needs(bias),
        )  # fmt: skip
        return _gradients((input, weight, bias), grads)

    return record(wrap(output), _present(input, weight, bias), backward, op, once=True)


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
    output, mean, rstd = kernels.layer_norm_forward(
        x, w, b, axes=_axes(op, input, normalized_shape), eps=eps
    )

    def backward(grad: Tensor) -> tuple[Tensor | None, ...]:
        grads = kernels.layer_norm_backward(
            grad._array, x, mean, rstd, w,
            need_input=input.requires_grad, need_weight=_needs(weight), need_bias=_needs(bias),
        )  # fmt: skip
        return _gradients((input, weight, bias), grads)

    return record(wrap(output), _present(input, weight, bias), backward, op, once=True)


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
    output, rstd = kernels.rms_norm_forward(x, w, axes=_axes(op, input, normalized_shape), eps=eps)

    def backward(grad: Tensor) -> tuple[Tensor | None, ...]:
        grads = kernels.rms_norm_backward(
            grad._array, x, rstd, w, need_input=input.requires_grad, need_weight=_needs(weight)
        )
        return _gradients((input, weight), grads)

    return record(wrap(output), _present(input, weight), backward, op, once=True)
