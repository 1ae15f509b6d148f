"""Initialisation of weights, in place, with PyTorch's names, arguments and distributions.

Values are drawn from the ``init`` stream of the default generator (:func:`cygnet.manual_seed`),
or from `generator`, by the counter-based Philox generator: the same seed gives the same values
for every memory layout and number of threads.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, TypeVar

from cygnet import kernels
from cygnet.random import Generator, default_generator
from cygnet.tensor import Array, Tensor

__all__ = [
    "calculate_gain",
    "constant_",
    "fan_in_and_fan_out",
    "kaiming_normal_",
    "kaiming_uniform_",
    "normal_",
    "ones_",
    "uniform_",
    "xavier_normal_",
    "xavier_uniform_",
    "zeros_",
]

_T = TypeVar("_T", bound=Tensor)

FanMode = Literal["fan_in", "fan_out"]

_GAINS = {
    "linear": 1.0,
    "conv1d": 1.0,
    "conv2d": 1.0,
    "conv3d": 1.0,
    "conv_transpose1d": 1.0,
    "conv_transpose2d": 1.0,
    "conv_transpose3d": 1.0,
    "identity": 1.0,
    "sigmoid": 1.0,
    "tanh": 5.0 / 3.0,
    "relu": math.sqrt(2.0),
    "selu": 3.0 / 4.0,
}


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """Recommended factor for the standard deviation of weights before `nonlinearity`.

    Parameters
    ----------
    nonlinearity : str
        ``linear``, ``conv2d`` and its kin, ``sigmoid``, ``tanh``, ``relu``,
        ``leaky_relu`` or ``selu``.
    param : float, optional
        The negative slope of ``leaky_relu``, default 0.01.
    """
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else float(param)
        return math.sqrt(2.0 / (1.0 + slope**2))
    try:
        return _GAINS[nonlinearity]
    except KeyError:
        raise ValueError(
            f"calculate_gain: nonlinearity expected one of {[*_GAINS, 'leaky_relu']}, "
            f"got {nonlinearity!r}"
        ) from None


def fan_in_and_fan_out(shape: Sequence[int]) -> tuple[int, int]:
    """Inputs that reach one output, and outputs that one input reaches.

    Parameters
    ----------
    shape : sequence of int
        Of a weight (out, in, \\*kernel): fans are ``in * prod(kernel)`` and ``out * prod(kernel)``.
    """
    if len(shape) < 2:
        raise ValueError(
            f"fan in and fan out need a tensor of at least 2 dimensions, got shape {tuple(shape)}"
        )
    receptive_field = math.prod(shape[2:])
    return shape[1] * receptive_field, shape[0] * receptive_field


def _fan(tensor: Tensor, mode: str) -> int:
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"mode expected 'fan_in' or 'fan_out', got {mode!r}")
    fan_in, fan_out = fan_in_and_fan_out(tensor.shape)
    return fan_in if mode == "fan_in" else fan_out


def _cell(generator: Generator | None) -> Array:
    cell: Array = (default_generator if generator is None else generator).cell("init")
    return cell


def uniform_(tensor: _T, a: float = 0.0, b: float = 1.0, generator: Generator | None = None) -> _T:
    """Fill with values uniform in [a, b)."""
    kernels.uniform(tensor._array, _cell(generator), a, b)
    return tensor


def normal_(
    tensor: _T, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None
) -> _T:
    """Fill with values of the normal distribution N(mean, std²)."""
    kernels.normal(tensor._array, _cell(generator), mean, std)
    return tensor


def constant_(tensor: _T, val: float) -> _T:
    """Fill with `val`."""
    tensor._array.fill(val)
    return tensor


def zeros_(tensor: _T) -> _T:
    """Fill with 0."""
    return constant_(tensor, 0.0)


def ones_(tensor: _T) -> _T:
    """Fill with 1."""
    return constant_(tensor, 1.0)


def _xavier_std(tensor: Tensor, gain: float) -> float:
    return gain * math.sqrt(2.0 / max(1, sum(fan_in_and_fan_out(tensor.shape))))


def xavier_uniform_(tensor: _T, gain: float = 1.0, generator: Generator | None = None) -> _T:
    """Uniform in ±gain·sqrt(6 / (fan_in + fan_out)) (Glorot & Bengio 2010, equation 16)."""
    bound = math.sqrt(3.0) * _xavier_std(tensor, gain)
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: _T, gain: float = 1.0, generator: Generator | None = None) -> _T:
    """Normal of standard deviation gain·sqrt(2 / (fan_in + fan_out)) (Glorot & Bengio 2010)."""
    return normal_(tensor, 0.0, _xavier_std(tensor, gain), generator)


def _kaiming_std(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    return calculate_gain(nonlinearity, a) / math.sqrt(max(1, _fan(tensor, mode)))


def kaiming_uniform_(
    tensor: _T,
    a: float = 0.0,
    mode: FanMode = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> _T:
    """Uniform in ±gain·sqrt(3 / fan) (He et al. 2015).

    Parameters
    ----------
    tensor : Tensor
        Of at least two dimensions (out, in, \\*kernel); filled in place and returned.
    a : float, default 0.0
        Negative slope of the leaky ReLU that follows.
    mode : {"fan_in", "fan_out"}
        Which pass keeps its variance: forward or backward.
    nonlinearity : str, default "leaky_relu"
        See :func:`calculate_gain`.
    generator : Generator, optional
        Default: the default generator.
    """
    bound = math.sqrt(3.0) * _kaiming_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: _T,
    a: float = 0.0,
    mode: FanMode = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> _T:
    """Normal of standard deviation gain / sqrt(fan) (He et al. 2015).

    The arguments are those of :func:`kaiming_uniform_`.
    """
    return normal_(tensor, 0.0, _kaiming_std(tensor, a, mode, nonlinearity), generator)


def reset_weight_and_bias(weight: Tensor, bias: Tensor | None) -> None:
    """PyTorch's default for linear and convolution layers: both uniform in ±1/sqrt(fan_in)."""
    kaiming_uniform_(weight, a=math.sqrt(5.0))
    if bias is not None:
        fan_in = _fan(weight, "fan_in")
        bound = 1.0 / math.sqrt(fan_in) if fan_in > 0 else 0.0
        uniform_(bias, -bound, bound)
