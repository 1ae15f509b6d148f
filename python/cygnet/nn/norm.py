"""Normalisation layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from cygnet.kernels import ShapeError
from cygnet.nn import functional
from cygnet.nn.function import OfFunction
from cygnet.nn.linear import positive_int
from cygnet.nn.module import Module
from cygnet.nn.parameter import Parameter, float_dtype
from cygnet.tensor import Tensor

__all__ = [
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "CrossMapLRN2d",
    "GroupNorm",
    "InstanceNorm1d",
    "InstanceNorm2d",
    "InstanceNorm3d",
    "LayerNorm",
    "LocalResponseNorm",
    "RMSNorm",
]


class _ChannelNorm(Module):
    """What batch and instance normalisation share: parameters and running statistics."""

    _dims: ClassVar[tuple[int, ...]]
    weight: Parameter | None
    bias: Parameter | None
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    def __init__(
        self,
        num_features: int,
        eps: float,
        momentum: float | None,
        affine: bool,
        track_running_stats: bool,
        device: Any,
        dtype: Any,
        bias: bool,
    ) -> None:
        super().__init__()
        self.num_features = positive_int(type(self).__name__, "num_features", num_features, 0)
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        dtype = float_dtype(type(self).__name__, device, dtype)
        size = self.num_features
        self.register_parameter("weight", Parameter(np.ones(size, dtype)) if affine else None)
        self.register_parameter(
            "bias", Parameter(np.zeros(size, dtype)) if affine and bias else None
        )
        for name, value in (
            ("running_mean", np.zeros(size, dtype)),
            ("running_var", np.ones(size, dtype)),
            ("num_batches_tracked", np.zeros((), np.int64)),
        ):
            self.register_buffer(name, value if track_running_stats else None)

    def reset_running_stats(self) -> None:
        """Set the running mean to 0, the running variance to 1 and the count of batches to 0."""
        for tensor, value in (
            (self.running_mean, 0),
            (self.running_var, 1),
            (self.num_batches_tracked, 0),
        ):
            if tensor is not None:
                tensor._array.fill(value)

    def reset_parameters(self) -> None:
        """Reset the running statistics; set weight to 1 and bias to 0."""
        self.reset_running_stats()
        for tensor, value in ((self.weight, 1), (self.bias, 0)):
            if tensor is not None:
                tensor._array.fill(value)

    def _check(self, input: Tensor, channel_axis: int) -> None:
        name = type(self).__name__
        if input.ndim not in self._dims:
            raise ShapeError(
                f"{name}: input has shape {input.shape}, expected "
                f"{' or '.join(map(str, self._dims))} dimensions"
            )
        if input.shape[channel_axis] != self.num_features:
            raise ShapeError(
                f"{name}: input has {input.shape[channel_axis]} channels, expected "
                f"num_features, {self.num_features}"
            )

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, "
            f"affine={self.affine}, bias={self.bias is not None}, "
            f"track_running_stats={self.track_running_stats}"
        )


class BatchNorm1d(_ChannelNorm):
    """Normalises each channel over the batch (and positions) of (N, C) or (N, C, L) inputs.

    ``(input - mean) / sqrt(variance + eps) * weight + bias``: in training with mean and variance of
    the batch, in evaluation with their running averages.

    Parameters
    ----------
    num_features : int
        Channels C.
    eps : float, default 1e-5
        Added to the variance.
    momentum : float or None, default 0.1
        How far a running average moves towards the new value; None averages over all batches.
    affine : bool, default True
        Whether there is a weight.
    track_running_stats : bool, default True
        Whether there are running averages; else the statistics are always those of the batch.
    device : optional
        The CPU; any other is an error.
    dtype : dtype, default float32
        float32 or float64.
    bias : bool, default True
        Whether there is a bias beside the weight.

    Attributes
    ----------
    weight, bias : Parameter of shape (C,) or None
    running_mean, running_var : Tensor of shape (C,) or None
    num_batches_tracked : int64 Tensor without dimensions, or None

    References
    ----------
    S. Ioffe, C. Szegedy, "Batch normalization: accelerating deep network training by reducing
    internal covariate shift", 2015.
    """

    _dims: ClassVar[tuple[int, ...]] = (2, 3)

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(
            num_features, eps, momentum, affine, track_running_stats, device, dtype, bias
        )

    fuses = frozenset({"relu"})

    def forward(self, input: Tensor) -> Tensor:
        """Normalise; in training, also update the running averages."""
        return self.forward_activated(input, "none")

    def forward_activated(
        self, input: Tensor, activation: str, residual: Tensor | None = None
    ) -> Tensor:
        """``activation(forward(input) + residual)`` in the same passes.

        Parameters
        ----------
        input : Tensor
        activation : str
            'none' or 'relu'.
        residual : Tensor, optional
            Of the input's shape.
        """
        self._check(input, 1)
        return functional.batch_norm(
            input,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or self.running_mean is None,
            self.momentum,
            self.eps,
            num_batches_tracked=self.num_batches_tracked,
            residual=residual,
            activation=activation,
        )


class BatchNorm2d(BatchNorm1d):
    """Normalises each channel over the batch and pixels of (N, C, H, W) inputs.

    Arguments and attributes are those of :class:`BatchNorm1d`.
    """

    _dims = (4,)


class BatchNorm3d(BatchNorm1d):
    """Normalises each channel over the batch and voxels of (N, C, D, H, W) inputs.

    Arguments and attributes are those of :class:`BatchNorm1d`.
    """

    _dims = (5,)


class InstanceNorm1d(_ChannelNorm):
    """Normalises each channel of each sample over the positions of (N, C, L) or (C, L) inputs.

    Parameters
    ----------
    num_features : int
        Channels C.
    eps : float, default 1e-5
        Added to the variance.
    momentum : float or None, default 0.1
        How far a running average moves towards the new value; None leaves it alone.
    affine : bool, default False
        Whether there is a weight.
    track_running_stats : bool, default False
        Whether there are running averages, which evaluation then normalises with.
    device : optional
        The CPU; any other is an error.
    dtype : dtype, default float32
        float32 or float64.
    bias : bool, default True
        Whether there is a bias beside the weight.

    Attributes
    ----------
    weight, bias : Parameter of shape (C,) or None
    running_mean, running_var : Tensor of shape (C,) or None
    num_batches_tracked : int64 Tensor without dimensions, or None

    References
    ----------
    D. Ulyanov, A. Vedaldi, V. Lempitsky, "Instance normalization: the missing ingredient for fast
    stylization", 2016.
    """

    _dims: ClassVar[tuple[int, ...]] = (2, 3)

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(
            num_features, eps, momentum, affine, track_running_stats, device, dtype, bias
        )

    def forward(self, input: Tensor) -> Tensor:
        """Normalise; in training, also update the running averages."""
        one = input.ndim == self._dims[0]  # a sample without the batch axis
        self._check(input, 0 if one else 1)
        output = functional.instance_norm(
            input.unsqueeze(0) if one else input,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or self.running_mean is None,
            self.momentum or 0.0,
            self.eps,
        )
        return output.squeeze(0) if one else output


class InstanceNorm2d(InstanceNorm1d):
    """Normalises each channel of each image over the pixels of (N, C, H, W) or (C, H, W) inputs.

    Arguments and attributes are those of :class:`InstanceNorm1d`.
    """

    _dims = (3, 4)


class InstanceNorm3d(InstanceNorm1d):
    """Normalises each channel of each sample over the voxels of (N, C, D, H, W) or (C, D, H, W)
    inputs.

    Arguments and attributes are those of :class:`InstanceNorm1d`.
    """

    _dims = (4, 5)


class GroupNorm(Module):
    """Normalises the channels of each sample in groups of neighbours, each over its positions.

    Parameters
    ----------
    num_groups : int
        Divides num_channels.
    num_channels : int
        Channels C of inputs (N, C, ...).
    eps : float, default 1e-5
        Added to the variance.
    affine : bool, default True
        Whether there is a weight.
    device : optional
        The CPU; any other is an error.
    dtype : dtype, default float32
        float32 or float64.
    bias : bool, default True
        Whether there is a bias beside the weight.

    Attributes
    ----------
    weight, bias : Parameter of shape (C,) or None

    References
    ----------
    Y. Wu, K. He, "Group normalization", 2018.
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.num_groups = positive_int("GroupNorm", "num_groups", num_groups)
        self.num_channels = positive_int("GroupNorm", "num_channels", num_channels)
        if num_channels % num_groups:
            raise ValueError(
                f"GroupNorm: argument num_channels expected a multiple of num_groups, "
                f"{num_groups}, got {num_channels}"
            )
        self.eps = eps
        self.affine = affine
        dtype = float_dtype("GroupNorm", device, dtype)
        size = self.num_channels
        self.register_parameter("weight", Parameter(np.ones(size, dtype)) if affine else None)
        self.register_parameter(
            "bias", Parameter(np.zeros(size, dtype)) if affine and bias else None
        )

    def forward(self, input: Tensor) -> Tensor:
        """Normalise (N, C, ...)."""
        if input.ndim < 2 or input.shape[1] != self.num_channels:
            raise ShapeError(
                f"GroupNorm: input has shape {input.shape}, expected (N, {self.num_channels}, ...)"
            )
        return functional.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )


def _shape(op: str, normalized_shape: int | Sequence[int]) -> tuple[int, ...]:
    given = normalized_shape if isinstance(normalized_shape, Sequence) else (normalized_shape,)
    if not given:
        raise ValueError(f"{op}: argument normalized_shape expected at least one size, got ()")
    return tuple(positive_int(op, "normalized_shape", size, 0) for size in given)


class LayerNorm(Module):
    """Normalises over the last axes: ``(input - mean) / sqrt(variance + eps) * weight + bias``.

    Parameters
    ----------
    normalized_shape : int or sequence of int
        The last sizes of the input.
    eps : float, default 1e-5
        Added to the variance.
    elementwise_affine : bool, default True
        Whether there is a weight.
    bias : bool, default True
        Whether there is a bias beside the weight.
    device : optional
        The CPU; any other is an error.
    dtype : dtype, default float32
        float32 or float64.

    Attributes
    ----------
    weight, bias : Parameter of shape normalized_shape or None

    References
    ----------
    J. Ba, J. Kiros, G. Hinton, "Layer normalization", 2016.
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = shape = _shape("LayerNorm", normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        dtype = float_dtype("LayerNorm", device, dtype)
        self.register_parameter(
            "weight", Parameter(np.ones(shape, dtype)) if elementwise_affine else None
        )
        self.register_parameter(
            "bias", Parameter(np.zeros(shape, dtype)) if elementwise_affine and bias else None
        )

    def forward(self, input: Tensor) -> Tensor:
        r"""Normalise (..., \*normalized_shape)."""
        return functional.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, "
            f"elementwise_affine={self.elementwise_affine}, bias={self.bias is not None}"
        )


class RMSNorm(Module):
    """Divides by the root mean square over the last axes.

    ``input / sqrt(mean(input ** 2) + eps) * weight``.

    Parameters
    ----------
    normalized_shape : int or sequence of int
        The last sizes of the input.
    eps : float, optional
        Default the distance from 1 to the next number of the input's type.
    elementwise_affine : bool, default True
        Whether there is a weight.
    device : optional
        The CPU; any other is an error.
    dtype : dtype, default float32
        float32 or float64.

    Attributes
    ----------
    weight : Parameter of shape normalized_shape or None

    References
    ----------
    B. Zhang, R. Sennrich, "Root mean square layer normalization", 2019.
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = shape = _shape("RMSNorm", normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        dtype = float_dtype("RMSNorm", device, dtype)
        self.register_parameter(
            "weight", Parameter(np.ones(shape, dtype)) if elementwise_affine else None
        )

    def forward(self, input: Tensor) -> Tensor:
        r"""Normalise (..., \*normalized_shape)."""
        return functional.rms_norm(input, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"
        )


class LocalResponseNorm(OfFunction, function=functional.local_response_norm):
    """Divides each element by a power of the mean square of `size` neighbouring channels.

    Parameters
    ----------
    size : int
    alpha : float, default 1e-4
    beta : float, default 0.75
    k : float, default 1.0
    """

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


class CrossMapLRN2d(LocalResponseNorm):
    """A :class:`LocalResponseNorm` by the name of old programs.

    PyTorch's class of this name never takes the first channel out of the window that it moves over
    the channels, so its results in later channels are others.
    """
