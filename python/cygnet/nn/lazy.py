"""Layers that take the number of their input's channels from the first input."""

from __future__ import annotations

from typing import Any, ClassVar

from cygnet.kernels import ShapeError
from cygnet.nn.conv import (
    Conv1d,
    Conv2d,
    Conv3d,
    ConvTranspose1d,
    ConvTranspose2d,
    ConvTranspose3d,
    Sizes,
    _Convolution,
)
from cygnet.nn.linear import Linear, positive_int
from cygnet.nn.module import Module
from cygnet.nn.norm import (
    BatchNorm1d,
    BatchNorm2d,
    BatchNorm3d,
    InstanceNorm1d,
    InstanceNorm2d,
    InstanceNorm3d,
    _ChannelNorm,
)
from cygnet.nn.parameter import (
    UninitializedBuffer,
    UninitializedParameter,
    UninitializedTensorMixin,
    float_dtype,
    is_lazy,
)
from cygnet.nn.utils.computed import become
from cygnet.tensor import Tensor

__all__ = [
    "LazyBatchNorm1d",
    "LazyBatchNorm2d",
    "LazyBatchNorm3d",
    "LazyConv1d",
    "LazyConv2d",
    "LazyConv3d",
    "LazyConvTranspose1d",
    "LazyConvTranspose2d",
    "LazyConvTranspose3d",
    "LazyInstanceNorm1d",
    "LazyInstanceNorm2d",
    "LazyInstanceNorm3d",
    "LazyLinear",
    "LazyModuleMixin",
]


class LazyModuleMixin(Module):
    """Base, before the layer's own, of layers with parameters whose shape the first call tells.

    The first call, or `load_state_dict` before it, gives them memory; the call then makes the layer
    one of the class `cls_to_become`. Until then it has no elements to be counted, initialised or
    copied, but may be put into other modules, converted, and given to an optimizer.
    """

    cls_to_become: ClassVar[type[Module] | None] = None
    fuses: frozenset[str] = frozenset()  # a fused kernel would go past the first call

    def initialize_parameters(self, *args: Any, **kwargs: Any) -> None:
        """Make the parameters for the arguments of the first call; subclasses define it."""
        raise NotImplementedError(f"{type(self).__name__}: initialize_parameters is not defined")

    def has_uninitialized_params(self) -> bool:
        """Whether a parameter or buffer of the layer has no shape yet."""
        return any(map(is_lazy, (*self._parameters.values(), *self._buffers.values())))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.cls_to_become is not None or self.has_uninitialized_params():
            self.initialize_parameters(*args, **kwargs)
        if self.has_uninitialized_params():
            raise RuntimeError(
                f"{type(self).__name__}: initialize_parameters left a parameter without shape"
            )
        if self.cls_to_become is None:
            return super().__call__(*args, **kwargs)
        become(self, self.cls_to_become)
        return self(*args, **kwargs)


def _materialize(module: Module, **shapes: tuple[int, ...]) -> bool:
    """Give those of a module's tensors memory that have none; whether there were any."""
    found = False
    for name, shape in shapes.items():
        tensor = getattr(module, name)
        if isinstance(tensor, UninitializedTensorMixin):
            tensor.materialize(shape)
            found = True
    return found


def _check_tensor(module: Module, input: Any) -> None:
    if not isinstance(input, Tensor):
        raise TypeError(
            f"{type(module).__name__}: argument input expected a Tensor, got {type(input).__name__}"
        )


def _channels(module: Module, input: Tensor, ranks: tuple[int, ...], unbatched: bool) -> int:
    """How many channels an input has, whose rank is one of `ranks`: the first axis of a sample."""
    if input.ndim not in ranks:
        raise ShapeError(
            f"{type(module).__name__}: input has shape {input.shape}, expected "
            f"{' or '.join(map(str, ranks))} dimensions"
        )
    return int(input.shape[0 if unbatched else 1])


class LazyLinear(LazyModuleMixin, Linear):
    """A :class:`Linear` that takes `in_features` from the last axis of its first input.

    Parameters
    ----------
    out_features : int
    bias : bool, default True
        Whether a bias is added.
    device : optional
        The CPU; any other is an error.
    dtype : dtype, default float32
        float32 or float64.

    Attributes
    ----------
    weight : UninitializedParameter
    bias : UninitializedParameter or None

    Examples
    --------
    >>> import cygnet
    >>> layer = cygnet.nn.LazyLinear(3)
    >>> layer(cygnet.ones(2, 5)).shape
    (2, 3)
    >>> layer
    Linear(in_features=5, out_features=3, bias=True)
    """

    cls_to_become = Linear

    def __init__(
        self, out_features: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__(0, 0, False, device, dtype)
        self.out_features = positive_int("LazyLinear", "out_features", out_features, 0)
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        if bias:
            self.bias = UninitializedParameter(device=device, dtype=dtype)

    def initialize_parameters(self, input: Tensor) -> None:
        """Make weight and bias for this input."""
        _check_tensor(self, input)
        if input.ndim == 0:
            raise ShapeError("LazyLinear: input has no dimensions, expected at least one")
        self.in_features = int(input.shape[-1])
        if _materialize(
            self, weight=(self.out_features, self.in_features), bias=(self.out_features,)
        ):
            self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias anew, if they have memory."""
        if not self.has_uninitialized_params():
            super().reset_parameters()


class _LazyConvolution(LazyModuleMixin, _Convolution):
    """What the convolutions share."""

    _fewest_channels = 0

    def _make_parameters(self, bias: bool, dtype: Any) -> None:
        self.weight = UninitializedParameter(dtype=dtype)
        self.register_parameter("bias", UninitializedParameter(dtype=dtype) if bias else None)

    def initialize_parameters(self, input: Tensor, *args: Any, **kwargs: Any) -> None:
        """Make weight and bias for this input."""
        _check_tensor(self, input)
        ranks = (self.axes + 1, self.axes + 2)
        channels = _channels(self, input, ranks, input.ndim == ranks[0])
        if not channels or channels % self.groups:
            raise ShapeError(
                f"{type(self).__name__}: input has {channels} channels, expected a multiple of "
                f"groups={self.groups}"
            )
        self.in_channels = channels
        if _materialize(self, weight=self._weight_shape(), bias=(self.out_channels,)):
            self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias anew, if they have memory."""
        if not self.has_uninitialized_params():
            super().reset_parameters()


class _LazyConv(_LazyConvolution):
    def __init__(
        self,
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
        _Convolution.__init__(
            self,
            0,
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


class _LazyConvTranspose(_LazyConvolution):
    def __init__(
        self,
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
        _Convolution.__init__(
            self,
            0,
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


class LazyConv1d(_LazyConv, Conv1d):
    """A :class:`Conv1d` that takes `in_channels`, which is left out, from its first input."""

    cls_to_become = Conv1d


class LazyConv2d(_LazyConv, Conv2d):
    """A :class:`Conv2d` that takes `in_channels`, which is left out, from its first input."""

    cls_to_become = Conv2d


class LazyConv3d(_LazyConv, Conv3d):
    """A :class:`Conv3d` that takes `in_channels`, which is left out, from its first input."""

    cls_to_become = Conv3d


class LazyConvTranspose1d(_LazyConvTranspose, ConvTranspose1d):
    """A :class:`ConvTranspose1d` that takes `in_channels`, which is left out, from its first
    input.
    """

    cls_to_become = ConvTranspose1d


class LazyConvTranspose2d(_LazyConvTranspose, ConvTranspose2d):
    """A :class:`ConvTranspose2d` that takes `in_channels`, which is left out, from its first
    input.
    """

    cls_to_become = ConvTranspose2d


class LazyConvTranspose3d(_LazyConvTranspose, ConvTranspose3d):
    """A :class:`ConvTranspose3d` that takes `in_channels`, which is left out, from its first
    input.
    """

    cls_to_become = ConvTranspose3d


class _LazyNorm(LazyModuleMixin, _ChannelNorm):
    """What the normalisations share."""

    def __init__(
        self,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        _ChannelNorm.__init__(
            self, 0, eps, momentum, affine, track_running_stats, device, dtype, bias
        )
        dtype = float_dtype(type(self).__name__, device, dtype)
        for name in ("weight", "bias"):
            if getattr(self, name) is not None:
                setattr(self, name, UninitializedParameter(dtype=dtype))
        for name in ("running_mean", "running_var"):
            if getattr(self, name) is not None:
                setattr(self, name, UninitializedBuffer(dtype=dtype))

    def initialize_parameters(self, input: Tensor) -> None:
        """Make the parameters and running averages for this input."""
        _check_tensor(self, input)
        unbatched = isinstance(self, InstanceNorm1d) and input.ndim == self._dims[0]
        self.num_features = _channels(self, input, self._dims, unbatched)
        shape = (self.num_features,)
        if _materialize(self, weight=shape, bias=shape, running_mean=shape, running_var=shape):
            self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set weight, bias and running averages to what they begin with, if they have memory."""
        if not self.has_uninitialized_params():
            super().reset_parameters()


class LazyBatchNorm1d(_LazyNorm, BatchNorm1d):
    """A :class:`BatchNorm1d` that takes `num_features`, which is left out, from its first input."""

    cls_to_become = BatchNorm1d


class LazyBatchNorm2d(_LazyNorm, BatchNorm2d):
    """A :class:`BatchNorm2d` that takes `num_features`, which is left out, from its first input."""

    cls_to_become = BatchNorm2d


class LazyBatchNorm3d(_LazyNorm, BatchNorm3d):
    """A :class:`BatchNorm3d` that takes `num_features`, which is left out, from its first input."""

    cls_to_become = BatchNorm3d


class LazyInstanceNorm1d(_LazyNorm, InstanceNorm1d):
    """An :class:`InstanceNorm1d` with, by default, parameters and running averages, that takes
    `num_features`, which is left out, from its first input.
    """

    cls_to_become = InstanceNorm1d


class LazyInstanceNorm2d(_LazyNorm, InstanceNorm2d):
    """An :class:`InstanceNorm2d` with, by default, parameters and running averages, that takes
    `num_features`, which is left out, from its first input.
    """

    cls_to_become = InstanceNorm2d


class LazyInstanceNorm3d(_LazyNorm, InstanceNorm3d):
    """An :class:`InstanceNorm3d` with, by default, parameters and running averages, that takes
    `num_features`, which is left out, from its first input.
    """

    cls_to_become = InstanceNorm3d
