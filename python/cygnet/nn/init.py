"""Initialisation of weights, in place, with PyTorch's names, arguments and distributions.

It is neither differentiated nor recorded, so what is done once may be NumPy's: the orthogonal
factor, the inverse of a distribution, the places of zeros.

Values are drawn from the ``init`` stream of the default generator (:func:`cygnet.manual_seed`),
or from `generator`, by the counter-based Philox generator: the same seed gives the same values
for every memory layout and number of threads.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal, TypeVar

import numpy as np

from cygnet import kernels
from cygnet.autograd import modified
from cygnet.kernels import ShapeError
from cygnet.random import Generator, default_generator
from cygnet.tensor import Array, Tensor

__all__ = [
    "calculate_gain",
    "constant",
    "constant_",
    "dirac",
    "dirac_",
    "eye",
    "eye_",
    "fan_in_and_fan_out",
    "kaiming_normal",
    "kaiming_normal_",
    "kaiming_uniform",
    "kaiming_uniform_",
    "normal",
    "normal_",
    "ones_",
    "orthogonal",
    "orthogonal_",
    "sparse",
    "sparse_",
    "trunc_normal_",
    "uniform",
    "uniform_",
    "xavier_normal",
    "xavier_normal_",
    "xavier_uniform",
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
    modified(tensor)
    return tensor


def normal_(
    tensor: _T, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None
) -> _T:
    """Fill with values of the normal distribution N(mean, std²)."""
    kernels.normal(tensor._array, _cell(generator), mean, std)
    modified(tensor)
    return tensor


def trunc_normal_(
    tensor: _T,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator | None = None,
) -> _T:
    """Fill with values of N(mean, std²), those outside [a, b] left out.

    A uniform number p between the distribution function's values Φ at the ends becomes Φ⁻¹(p), by
    Newton's method from the point of [a, b] nearest to the mean, whence it does not overshoot.
    """
    low, high = (a - mean) / std, (b - mean) / std

    def below(x: Array) -> Array:
        return 0.5 + 0.5 * kernels.erf(np.asarray(x / math.sqrt(2.0)))

    ends = below(np.array([low, high]))
    wanted = kernels.uniform(np.empty(tensor.shape), _cell(generator), *ends)
    x = np.full(tensor.shape, min(max(0.0, low), high))
    for _ in range(100):
        density = np.exp(-0.5 * x * x) / math.sqrt(2.0 * math.pi)
        step = (wanted - below(x)) / density
        x = np.clip(x + step, low, high)
        if not np.any(np.abs(step) > 1e-12):
            break
    return _fill(tensor, np.clip(x * std + mean, a, b))


def constant_(tensor: _T, val: float) -> _T:
    """Fill with `val`."""
    return _fill(tensor, val)


def _fill(tensor: _T, values: Array | float) -> _T:
    tensor._array[...] = values
    modified(tensor)
    return tensor


def zeros_(tensor: _T) -> _T:
    """Fill with 0."""
    return constant_(tensor, 0.0)


def ones_(tensor: _T) -> _T:
    """Fill with 1."""
    return constant_(tensor, 1.0)


def _check_dimensions(op: str, tensor: Tensor, expected: Sequence[int]) -> None:
    if tensor.ndim not in expected:
        raise ShapeError(
            f"{op}: tensor has shape {tensor.shape}, expected {' or '.join(map(str, expected))} "
            "dimensions"
        )


def eye_(tensor: _T) -> _T:
    """Fill a matrix with ones on its diagonal and zeros elsewhere."""
    _check_dimensions("eye_", tensor, (2,))
    rows, columns = tensor.shape
    return _fill(tensor, np.eye(rows, columns))


def dirac_(tensor: _T, groups: int = 1) -> _T:
    """Fill the weight of a convolution so that it keeps as many channels as it can.

    Parameters
    ----------
    tensor : Tensor
        (out, in, \\*kernel) of 3 to 5 dimensions.
    groups : int, default 1
        Blocks of output channels, each of which keeps the input channels.
    """
    _check_dimensions("dirac_", tensor, (3, 4, 5))
    outer, inner, *kernel = tensor.shape
    if groups < 1 or outer % groups:
        raise ValueError(f"dirac_: groups is {groups}, expected a divisor of {outer}")
    values = np.zeros(tensor.shape)
    center = tuple(size // 2 for size in kernel)
    for channel in range(min(outer // groups, inner)):
        every: tuple[Any, ...] = (slice(channel, None, outer // groups), channel, *center)
        values[every] = 1.0
    return _fill(tensor, values)


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


def orthogonal_(tensor: _T, gain: float = 1.0, generator: Generator | None = None) -> _T:
    """Fill with an orthogonal matrix, uniformly distributed, times `gain` (Saxe et al. 2014).

    Parameters
    ----------
    tensor : Tensor
        Of at least two dimensions, taken as the matrix (out, in * prod(kernel)): its rows or, if
        they are more than its columns, its columns become orthonormal.
    gain : float, default 1.0
    generator : Generator, optional
        Default: the default generator.
    """
    if tensor.ndim < 2:
        raise ShapeError(
            f"orthogonal_: tensor has shape {tensor.shape}, expected at least 2 dimensions"
        )
    rows, columns = tensor.shape[0], math.prod(tensor.shape[1:])
    tall = max(rows, columns), min(rows, columns)
    factor, triangle = np.linalg.qr(kernels.normal(np.empty(tall), _cell(generator)))
    factor = factor * np.where(np.diag(triangle) < 0, -gain, gain)
    return _fill(tensor, (factor if rows >= columns else factor.T).reshape(tensor.shape))


def sparse_(
    tensor: _T, sparsity: float, std: float = 0.01, generator: Generator | None = None
) -> _T:
    """Fill a matrix with values of N(0, std²), and in each column a share `sparsity`, rounded up,
    with zeros (Martens 2010).
    """
    _check_dimensions("sparse_", tensor, (2,))
    normal_(tensor, 0.0, std, generator)
    rows, columns = tensor.shape
    zeros = math.ceil(sparsity * rows)
    for column in range(columns):
        tensor._array[kernels.permutation(_cell(generator), rows)[:zeros], column] = 0
    return tensor


def reset_weight_and_bias(weight: Tensor, bias: Tensor | None) -> None:
    """PyTorch's default for linear and convolution layers: both uniform in ±1/sqrt(fan_in)."""
    kaiming_uniform_(weight, a=math.sqrt(5.0))
    if bias is not None:
        fan_in = _fan(weight, "fan_in")
        bound = 1.0 / math.sqrt(fan_in) if fan_in > 0 else 0.0
        uniform_(bias, -bound, bound)


# The names of old programs.
constant = constant_
dirac = dirac_
eye = eye_
kaiming_normal = kaiming_normal_
kaiming_uniform = kaiming_uniform_
normal = normal_
orthogonal = orthogonal_
sparse = sparse_
uniform = uniform_
xavier_normal = xavier_normal_
xavier_uniform = xavier_uniform_
