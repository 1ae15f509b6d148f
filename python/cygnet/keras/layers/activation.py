"""Activations as layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cygnet import ops
from cygnet.keras import activations
from cygnet.keras.layer import Layer
from cygnet.keras.layers.common import Shape, Weighted, known
from cygnet.tensor import Tensor

__all__ = ["ELU", "LeakyReLU", "PReLU", "ReLU", "Softmax", "ThresholdedReLU"]


class _Elementwise(Layer):
    """Base of those that keep the shape."""

    supports_masking = True

    def compute_output_shape(self, input_shape: Any) -> Shape:
        return tuple(input_shape)


def _at_least_0(layer: str, argument: str, value: Any) -> float:
    if value is None or not value >= 0:
        raise ValueError(f"{layer}: argument {argument} expected at least 0, got {value!r}")
    return float(value)


class ReLU(_Elementwise):
    """`keras.activations.relu`.

    Parameters
    ----------
    max_value : float, optional
        Above it results are cut off. Default: they are not.
    negative_slope : float
        Default 0.
    threshold : float
        What is below counts as negative. Default 0.
    **kwargs
        As of `Layer`.
    """

    def __init__(
        self,
        max_value: float | None = None,
        negative_slope: float = 0.0,
        threshold: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.max_value = None if max_value is None else _at_least_0("ReLU", "max_value", max_value)
        self.negative_slope = _at_least_0("ReLU", "negative_slope", negative_slope)
        self.threshold = _at_least_0("ReLU", "threshold", threshold)

    def call(self, inputs: Tensor) -> Any:
        return activations.relu(inputs, self.negative_slope, self.max_value, self.threshold)


class LeakyReLU(_Elementwise):
    """``x`` where it is positive, else ``negative_slope * x``.

    Parameters
    ----------
    negative_slope : float
        Default 0.3; `alpha` is an older name.
    **kwargs
        As of `Layer`.
    """

    def __init__(self, negative_slope: float = 0.3, **kwargs: Any) -> None:
        slope = kwargs.pop("alpha", negative_slope)
        super().__init__(**kwargs)
        self.negative_slope = _at_least_0("LeakyReLU", "negative_slope", slope)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        config.pop("alpha", None)
        return config | {"negative_slope": self.negative_slope}

    def call(self, inputs: Tensor) -> Tensor:
        return ops.leaky_relu(inputs, self.negative_slope)


class ThresholdedReLU(_Elementwise):
    """``x`` where it is above `theta`, else 0; a layer of older programs.

    Parameters
    ----------
    theta : float
        Default 1.
    **kwargs
        As of `Layer`.
    """

    def __init__(self, theta: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.theta = _at_least_0("ThresholdedReLU", "theta", theta)

    def call(self, inputs: Tensor) -> Tensor:
        return ops.threshold(inputs, self.theta, 0.0)


class ELU(_Elementwise):
    """``x`` where it is positive, else ``alpha * (exp(x) - 1)``.

    Parameters
    ----------
    alpha : float
        Default 1.
    **kwargs
        As of `Layer`.
    """

    def __init__(self, alpha: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.alpha = float(alpha)

    def call(self, inputs: Tensor) -> Tensor:
        return ops.elu(inputs, self.alpha)


class Softmax(_Elementwise):
    """`keras.activations.softmax`; where a mask is False, the result is 0.

    Parameters
    ----------
    axis : int or sequence of int
        Default the last.
    **kwargs
        As of `Layer`.
    """

    def __init__(self, axis: int | Sequence[int] = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = axis if isinstance(axis, int) else tuple(axis)

    def call(self, inputs: Tensor, mask: Tensor | None = None) -> Any:
        if mask is None:
            return activations.softmax(inputs, self.axis)
        kept = ops.where(mask, inputs, -3e38)
        return ops.where(mask, activations.softmax(kept, self.axis), 0.0)


class PReLU(_Elementwise, Weighted):
    """``x`` where it is positive, else ``alpha * x`` with a weight `alpha` (He et al. 2015).

    Parameters
    ----------
    alpha_initializer : str or callable
        Default "zeros".
    alpha_regularizer, alpha_constraint : str or callable, optional
    shared_axes : int or sequence of int, optional
        Axes along which there is one slope for all: [1, 2] makes one a channel of images.
    **kwargs
        As of `Layer`.
    """

    def __init__(
        self,
        alpha_initializer: Any = "Zeros",
        alpha_regularizer: Any = None,
        alpha_constraint: Any = None,
        shared_axes: int | Sequence[int] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._take(
            alpha_initializer=alpha_initializer,
            alpha_regularizer=alpha_regularizer,
            alpha_constraint=alpha_constraint,
        )
        axes = [shared_axes] if isinstance(shared_axes, int) else shared_axes
        self.shared_axes = None if axes is None else list(axes)

    def build(self, input_shape: Any) -> None:
        axes = {axis % len(input_shape) for axis in self.shared_axes or ()}
        shape = [
            1 if axis in axes else known(self, f"axis {axis}", size, input_shape)
            for axis, size in enumerate(input_shape)
            if axis
        ]
        self.alpha = self._weight("alpha", shape)

    def call(self, inputs: Tensor) -> Tensor:
        return ops.relu(inputs) - self.alpha * ops.relu(-inputs)
