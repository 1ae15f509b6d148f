"""Batch normalisation as part of the weights of the layer before it, for evaluation."""

from __future__ import annotations

import copy
from typing import TypeVar

from cygnet import ops
from cygnet.autograd import no_grad
from cygnet.kernels import ShapeError
from cygnet.nn.conv import _Convolution
from cygnet.nn.linear import Linear
from cygnet.nn.norm import BatchNorm1d
from cygnet.nn.parameter import Parameter
from cygnet.nn.utils.computed import settle
from cygnet.tensor import Tensor

__all__ = [
    "fuse_conv_bn_eval",
    "fuse_conv_bn_weights",
    "fuse_linear_bn_eval",
    "fuse_linear_bn_weights",
]

_C = TypeVar("_C", bound=_Convolution)
_L = TypeVar("_L", bound=Linear)


def _statistics(op: str, layer: Linear | _Convolution, bn: BatchNorm1d) -> tuple[Tensor, Tensor]:
    """Mean and variance of a normalisation that is to become part of `layer`, or an error."""
    if layer.training or bn.training:
        raise ValueError(f"{op}: both modules must be in evaluation mode")
    if bn.running_mean is None or bn.running_var is None:
        raise ValueError(f"{op}: bn has no running averages")
    return bn.running_mean, bn.running_var


def fuse_conv_bn_eval(conv: _C, bn: BatchNorm1d, transpose: bool = False) -> _C:
    """A copy of a convolution that also does the batch normalisation after it.

    Weights that are normalised, pruned or parametrized are ordinary parameters in the copy.

    Parameters
    ----------
    conv : Conv1d, ConvTranspose1d or those of more axes
    bn : BatchNorm1d, BatchNorm2d or BatchNorm3d
    transpose : bool, default False
        Whether the convolution is a transposed one.

    Raises
    ------
    ValueError
        If a module is in training mode or the normalisation has no running averages.

    Examples
    --------
    >>> import cygnet
    >>> from cygnet import nn
    >>> conv, bn = nn.Conv2d(3, 4, 3).eval(), nn.BatchNorm2d(4).eval()
    >>> x = cygnet.randn(1, 3, 5, 5)
    >>> bool(cygnet.allclose(nn.utils.fuse_conv_bn_eval(conv, bn)(x), bn(conv(x)), atol=1e-5))
    True
    """
    mean, variance = _statistics("fuse_conv_bn_eval", conv, bn)
    fused = copy.deepcopy(conv)
    settle(fused)
    fused.weight, fused.bias = fuse_conv_bn_weights(
        fused.weight, fused.bias, mean, variance, bn.eps, bn.weight, bn.bias, transpose
    )
    return fused


def fuse_conv_bn_weights(
    conv_w: Tensor,
    conv_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor | None,
    bn_b: Tensor | None,
    transpose: bool = False,
) -> tuple[Parameter, Parameter]:
    """Weight and bias of a convolution that also does the batch normalisation after it.

    Parameters
    ----------
    conv_w, conv_b : Tensor, Tensor or None
        Weight and bias of the convolution.
    bn_rm, bn_rv : Tensor
        Mean and variance.
    bn_eps : float
    bn_w, bn_b : Tensor or None
        Weight and bias of the normalisation.
    transpose : bool, default False
        Whether the convolution is a transposed one without groups: its outputs are axis 1.
    """
    axis = int(transpose)
    shape = [-1 if i == axis else 1 for i in range(conv_w.ndim)]
    return _fused(conv_w, conv_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b, shape)


def fuse_linear_bn_eval(linear: _L, bn: BatchNorm1d) -> _L:
    """A copy of a linear layer that also does the batch normalisation after it.

    Weights that are normalised, pruned or parametrized are ordinary parameters in the copy.

    Raises
    ------
    ValueError
        If a module is in training mode or the normalisation has no running averages.
    ShapeError
        If it has neither as many features as the layer, nor one.
    """
    op = "fuse_linear_bn_eval"
    mean, variance = _statistics(op, linear, bn)
    if bn.num_features not in (linear.out_features, 1):
        raise ShapeError(
            f"{op}: bn has {bn.num_features} features, expected {linear.out_features} or 1"
        )
    fused = copy.deepcopy(linear)
    settle(fused)
    fused.weight, fused.bias = fuse_linear_bn_weights(
        fused.weight, fused.bias, mean, variance, bn.eps, bn.weight, bn.bias
    )
    return fused


def fuse_linear_bn_weights(
    linear_w: Tensor,
    linear_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor | None,
    bn_b: Tensor | None,
) -> tuple[Parameter, Parameter]:
    """Weight and bias of a linear layer that also does the batch normalisation after it.

    The arguments are those of :func:`fuse_conv_bn_weights`.
    """
    return _fused(linear_w, linear_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b, [-1, 1])


def _fused(
    weight: Tensor,
    bias: Tensor | None,
    mean: Tensor,
    variance: Tensor,
    eps: float,
    factor: Tensor | None,
    offset: Tensor | None,
    shape: list[int],
) -> tuple[Parameter, Parameter]:
    with no_grad():
        scale = ops.rsqrt(variance + eps)
        if factor is not None:
            scale = scale * factor
        shifted = (-mean if bias is None else bias - mean) * scale
        if offset is not None:
            shifted = shifted + offset
        bias_type = (weight if bias is None else bias).dtype
        return (
            Parameter((weight * scale.reshape(shape)).to(weight.dtype), weight.requires_grad),
            Parameter(shifted.to(bias_type), bias is None or bias.requires_grad),
        )
