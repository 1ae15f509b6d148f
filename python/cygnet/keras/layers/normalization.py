"""Normalisation by statistics of the batch, of each sample, or by norms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cygnet import ops
from cygnet.keras.layer import Layer
from cygnet.keras.layers.common import Shape, Weighted, as_float, known
from cygnet.kernels import ShapeError
from cygnet.nn.linear import positive_int
from cygnet.ops.shape import permuted
from cygnet.tensor import Tensor

__all__ = [
    "BatchNormalization",
    "GroupNormalization",
    "LayerNormalization",
    "RMSNormalization",
    "UnitNormalization",
]


class _Normalization(Weighted):
    """What all share: weights gamma and beta, each of which may be left out."""

    supports_masking = True
    scale: Any  # whether there is a gamma; the weight of RMSNormalization

    def _take_parameters(self, epsilon: float, center: bool, scale: bool, **given: Any) -> None:
        self.epsilon, self.center, self.scale = epsilon, center, scale
        self._take(**given)

    def _make_parameters(self, shape: Sequence[int]) -> None:
        self.gamma = self._weight("gamma", shape) if self.scale else None
        self.beta = self._weight("beta", shape) if self.center else None

    def _axis(self, axis: int, shape: Sequence[int | None]) -> int:
        """An axis counted from the first; the batch's is refused."""
        if not -len(shape) < axis < len(shape) or axis == 0:
            raise ShapeError(
                f"{type(self).__name__} {self.name!r}: input expected axis {axis}, other than the "
                f"batch, got shape {tuple(shape)}"
            )
        return axis % len(shape)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        return tuple(input_shape)


def _moved(ndim: int, axes: Sequence[int], first: bool) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Orders that bring axes behind the batch, or to the end, and back; empty if they are there."""
    others = [axis for axis in range(ndim) if axis not in axes]
    order = [0, *axes, *others[1:]] if first else [*others, *axes]
    if order == list(range(ndim)):
        return (), ()
    return tuple(order), tuple(order.index(axis) for axis in range(ndim))


class BatchNormalization(_Normalization):
    """Each channel with the batch's mean 0 and variance 1, times gamma, plus beta; outside of
    training with moving averages of mean and variance.

    With ``trainable = False`` the moving averages are used in training, too.

    Parameters
    ----------
    axis : int
        Of the channels. Default the last.
    momentum : float
        How much of a moving average stays at each step. Default 0.99.
    epsilon : float
        Added to variances. Default 0.001.
    center, scale : bool
        Whether there are beta and gamma. Default True.
    beta_initializer, gamma_initializer : str or callable
        Default "zeros" and "ones".
    moving_mean_initializer, moving_variance_initializer : str or callable
        Default "zeros" and "ones".
    beta_regularizer, gamma_regularizer, beta_constraint, gamma_constraint : optional
    renorm, renorm_clipping, renorm_momentum
        Batch renormalisation is not supported: `renorm` must be False.
    synchronized : bool
        Has no effect: there is one replica.
    **kwargs
        As of `Layer`.

    References
    ----------
    S. Ioffe, C. Szegedy, "Batch normalization", 2015.
    """

    def __init__(
        self,
        axis: int | Sequence[int] = -1,
        momentum: float = 0.99,
        epsilon: float = 0.001,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        renorm: bool = False,
        renorm_clipping: Any = None,
        renorm_momentum: float = 0.99,
        synchronized: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if renorm:
            raise ValueError("BatchNormalization: argument renorm expected False, got True")
        if not isinstance(axis, int):  # as older versions save it
            (axis,) = axis
        self.axis, self.momentum = axis, momentum
        self._take_parameters(
            epsilon,
            center,
            scale,
            beta_initializer=beta_initializer,
            gamma_initializer=gamma_initializer,
            moving_mean_initializer=moving_mean_initializer,
            moving_variance_initializer=moving_variance_initializer,
            beta_regularizer=beta_regularizer,
            gamma_regularizer=gamma_regularizer,
            beta_constraint=beta_constraint,
            gamma_constraint=gamma_constraint,
        )

    def build(self, input_shape: Any) -> None:
        axis = self._axis(self.axis, input_shape)
        channels = known(self, "channels", input_shape[axis], input_shape)
        self._make_parameters((channels,))
        for name in ("moving_mean", "moving_variance"):
            setattr(self, name, self._weight(name, (channels,), trainable=False))
        order, back = _moved(len(input_shape), (axis,), first=True)
        self.__dict__.update(_ndim=len(input_shape), _order=order, _back=back)

    def call(self, inputs: Tensor, training: bool = False, mask: Tensor | None = None) -> Tensor:
        x = as_float(inputs, self.moving_mean)
        if x.ndim != self._ndim:
            raise ShapeError(
                f"BatchNormalization {self.name!r}: input expected {self._ndim} axes, got shape "
                f"{x.shape}"
            )
        x = permuted(x, self._order) if self._order else x
        training = training and self.trainable
        if training and mask is not None:
            output = self._over_mask(x, mask)
        else:
            output = ops.batch_norm(
                x,
                self.moving_mean,
                self.moving_variance,
                self.gamma,
                self.beta,
                training,
                1.0 - self.momentum,
                self.epsilon,
                unbiased=False,
            )
        return permuted(output, self._back) if self._order else output

    def _over_mask(self, x: Tensor, mask: Tensor) -> Tensor:
        """`x` (N, C, ...) by the statistics of what a mask (N, ...) keeps."""
        kept = mask.to(x.dtype).unsqueeze(1)
        axes = [axis for axis in range(x.ndim) if axis != 1]
        count = kept.sum() + 1e-7
        mean = (x * kept).sum(axes, keepdim=True) / count
        variance = ((x - mean).square() * kept).sum(axes, keepdim=True) / count
        channels = mean.shape
        for average, value in ((self.moving_mean, mean), (self.moving_variance, variance)):
            average.assign(
                average * self.momentum + value.detach().reshape(-1) * (1.0 - self.momentum)
            )
        scale = (variance + self.epsilon).rsqrt()
        if self.gamma is not None:
            scale = scale * self.gamma.reshape(channels)
        output = (x - mean) * scale
        return output if self.beta is None else output + self.beta.reshape(channels)


class _OverAxes(_Normalization):
    """Base of normalisation over some axes of each sample, which are brought to the end."""

    axis: int | Sequence[int]

    def _take_axes(self, input_shape: Any) -> tuple[int, ...]:
        """Notes where the axes are; returns their sizes."""
        given = [self.axis] if isinstance(self.axis, int) else self.axis
        axes = [self._axis(axis, input_shape) for axis in given]
        order, back = _moved(len(input_shape), axes, first=False)
        sizes = tuple(known(self, f"axis {i}", input_shape[i], input_shape) for i in axes)
        self.__dict__.update(_order=order, _back=back, _sizes=sizes)
        return sizes

    def _normalized(self, x: Tensor) -> Tensor:
        """`x` with the axes at the end, normalised over them."""
        raise NotImplementedError

    def call(self, inputs: Tensor) -> Tensor:
        if not self._order:
            return self._normalized(inputs)
        return permuted(self._normalized(permuted(inputs, self._order)), self._back)


class LayerNormalization(_OverAxes):
    """Each sample with mean 0 and variance 1 over some axes, times gamma, plus beta.

    Parameters
    ----------
    axis : int or sequence of int
        Default the last.
    epsilon : float
        Added to variances. Default 0.001.
    center, scale : bool
        Whether there are beta and gamma. Default True.
    beta_initializer, gamma_initializer : str or callable
        Default "zeros" and "ones".
    beta_regularizer, gamma_regularizer, beta_constraint, gamma_constraint : optional
    **kwargs
        As of `Layer`; `rms_scaling`, an older argument, must be False.

    References
    ----------
    J. Ba, J. Kiros, G. Hinton, "Layer normalization", 2016.
    """

    def __init__(
        self,
        axis: int | Sequence[int] = -1,
        epsilon: float = 0.001,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        if kwargs.pop("rms_scaling", False):
            raise ValueError(
                "LayerNormalization: argument rms_scaling expected False, got True: there is "
                "RMSNormalization"
            )
        super().__init__(**kwargs)
        self.axis = axis if isinstance(axis, int) else list(axis)
        self._take_parameters(
            epsilon,
            center,
            scale,
            beta_initializer=beta_initializer,
            gamma_initializer=gamma_initializer,
            beta_regularizer=beta_regularizer,
            gamma_regularizer=gamma_regularizer,
            beta_constraint=beta_constraint,
            gamma_constraint=gamma_constraint,
        )

    def build(self, input_shape: Any) -> None:
        self._make_parameters(self._take_axes(input_shape))

    def _normalized(self, x: Tensor) -> Tensor:
        return ops.layer_norm(x, self._sizes, self.gamma, self.beta, self.epsilon)


class RMSNormalization(_OverAxes):
    """``x / sqrt(mean(x²) + epsilon) * scale`` over some axes of each sample.

    Parameters
    ----------
    axis : int or sequence of int
        Default the last.
    epsilon : float
        Default 1e-6.
    **kwargs
        As of `Layer`.

    References
    ----------
    B. Zhang, R. Sennrich, "Root mean square layer normalization", 2019.
    """

    supports_masking = False

    def __init__(
        self, axis: int | Sequence[int] = -1, epsilon: float = 1e-6, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.axis = axis if isinstance(axis, int) else list(axis)
        self.epsilon = epsilon

    def build(self, input_shape: Any) -> None:
        self.scale = self.add_weight(self._take_axes(input_shape), "ones", name="scale")

    def _normalized(self, x: Tensor) -> Tensor:
        return ops.rms_norm(x, self._sizes, self.scale, self.epsilon)


class GroupNormalization(_Normalization):
    """The channels of each sample in groups with mean 0 and variance 1, times gamma, plus beta.

    Parameters
    ----------
    groups : int
        Divides the number of channels; -1: each channel by itself. Default 32.
    axis : int
        Of the channels. Default the last.
    epsilon : float
        Added to variances. Default 0.001.
    center, scale : bool
        Whether there are beta and gamma. Default True.
    beta_initializer, gamma_initializer : str or callable
        Default "zeros" and "ones".
    beta_regularizer, gamma_regularizer, beta_constraint, gamma_constraint : optional
    **kwargs
        As of `Layer`.

    References
    ----------
    Y. Wu, K. He, "Group normalization", 2018.
    """

    def __init__(
        self,
        groups: int = 32,
        axis: int = -1,
        epsilon: float = 0.001,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.groups = (
            groups if groups == -1 else positive_int("GroupNormalization", "groups", groups)
        )
        self.axis = axis
        self._take_parameters(
            epsilon,
            center,
            scale,
            beta_initializer=beta_initializer,
            gamma_initializer=gamma_initializer,
            beta_regularizer=beta_regularizer,
            gamma_regularizer=gamma_regularizer,
            beta_constraint=beta_constraint,
            gamma_constraint=gamma_constraint,
        )

    def build(self, input_shape: Any) -> None:
        axis = self._axis(self.axis, input_shape)
        channels = known(self, "channels", input_shape[axis], input_shape)
        groups = channels if self.groups == -1 else self.groups
        if channels % groups:
            raise ShapeError(
                f"GroupNormalization {self.name!r}: input expected a multiple of groups={groups} "
                f"channels, got shape {tuple(input_shape)}"
            )
        self._make_parameters((channels,))
        order, back = _moved(len(input_shape), (axis,), first=True)
        self.__dict__.update(_groups=groups, _order=order, _back=back)

    def call(self, inputs: Tensor) -> Tensor:
        x = permuted(inputs, self._order) if self._order else inputs
        output = ops.group_norm(x, self._groups, self.gamma, self.beta, self.epsilon)
        return permuted(output, self._back) if self._order else output


class UnitNormalization(Layer):
    """Each sample divided by its norm over some axes.

    Parameters
    ----------
    axis : int or sequence of int
        Default the last.
    **kwargs
        As of `Layer`.
    """

    supports_masking = True

    def __init__(self, axis: int | Sequence[int] = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = axis if isinstance(axis, int) else list(axis)

    def call(self, inputs: Tensor) -> Tensor:
        norms = inputs.square().sum(self.axis, keepdim=True).sqrt()
        return inputs / norms.clamp(min=1e-12)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        return tuple(input_shape)
