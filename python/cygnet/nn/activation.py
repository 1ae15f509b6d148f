"""Element-wise activations and softmax as modules.

`inplace` is accepted; the result is always new.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cygnet.kernels import ShapeError
from cygnet.nn import functional
from cygnet.nn.function import OfFunction
from cygnet.nn.linear import positive_int
from cygnet.nn.module import Module
from cygnet.nn.parameter import Parameter, float_dtype
from cygnet.ops.common import as_tensor
from cygnet.random import module_cell
from cygnet.tensor import Tensor

__all__ = [
    "CELU",
    "ELU",
    "GELU",
    "GLU",
    "Hardshrink",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "LeakyReLU",
    "LogSigmoid",
    "LogSoftmax",
    "Mish",
    "PReLU",
    "RReLU",
    "ReLU",
    "ReLU6",
    "SELU",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softmax2d",
    "Softmin",
    "Softplus",
    "Softshrink",
    "Softsign",
    "Tanh",
    "Tanhshrink",
    "Threshold",
]


class ReLU(OfFunction, function=functional.relu):
    """``max(input, 0)``; a NaN stays NaN.

    Parameters
    ----------
    inplace : bool, default False
    """

    fused_name = "relu"


class ReLU6(OfFunction, function=functional.relu6):
    """``min(max(input, 0), 6)``.

    Parameters
    ----------
    inplace : bool, default False
    """


class LeakyReLU(OfFunction, function=functional.leaky_relu):
    """``input`` where it is positive, else ``negative_slope * input``.

    Parameters
    ----------
    negative_slope : float, default 0.01
    inplace : bool, default False
    """

    negative_slope: float

    @property
    def fused_name(self) -> str | None:  # type: ignore[override]
        """The products fuse the default slope only."""
        return "leaky_relu" if self.negative_slope == 0.01 else None


class RReLU(OfFunction, function=functional.rrelu, without=("training", "cell")):
    """``input`` where it is positive, else ``input`` times a slope: in training a random one for
    each element, in evaluation the mean of `lower` and `upper`.

    Parameters
    ----------
    lower : float, default 1/8
    upper : float, default 1/3
        The slopes are uniform between the two.
    inplace : bool, default False
    """

    def forward(self, *inputs: Tensor, **named: Any) -> Tensor:
        """Apply the function to every element."""
        cell = module_cell(self.path) if self.training else None
        return super().forward(*inputs, training=self.training, cell=cell, **named)


class Sigmoid(OfFunction, function=functional.sigmoid):
    """``1 / (1 + exp(-input))``."""

    fused_name = "sigmoid"


class LogSigmoid(OfFunction, function=functional.logsigmoid):
    """The logarithm of :class:`Sigmoid`, computed without overflow."""


class Tanh(OfFunction, function=functional.tanh):
    """The hyperbolic tangent."""

    fused_name = "tanh"


class Tanhshrink(OfFunction, function=functional.tanhshrink):
    """``input - tanh(input)``."""


class GELU(OfFunction, function=functional.gelu):
    """``input * P(X < input)`` for a standard normal X.

    Parameters
    ----------
    approximate : str, default "none"
        "tanh" takes the cheaper formula of :func:`cygnet.nn.functional.gelu`.
    """

    approximate: str

    @property
    def fused_name(self) -> str | None:  # type: ignore[override]
        """The products fuse the exact form only."""
        return "gelu" if self.approximate == "none" else None


class SiLU(OfFunction, function=functional.silu):
    """``input / (1 + exp(-input))``.

    Parameters
    ----------
    inplace : bool, default False
    """

    fused_name = "silu"


class Mish(OfFunction, function=functional.mish):
    """``input * tanh(log(1 + exp(input)))``.

    Parameters
    ----------
    inplace : bool, default False
    """


class ELU(OfFunction, function=functional.elu):
    """``input`` where it is positive, else ``alpha * (exp(input) - 1)``.

    Parameters
    ----------
    alpha : float, default 1.0
    inplace : bool, default False
    """


class SELU(OfFunction, function=functional.selu):
    """A scaled :class:`ELU` that keeps mean 0 and variance 1 through the layers.

    Parameters
    ----------
    inplace : bool, default False
    """


class CELU(OfFunction, function=functional.celu):
    """``input`` where it is positive, else ``alpha * (exp(input / alpha) - 1)``.

    Parameters
    ----------
    alpha : float, default 1.0
        Above 0.
    inplace : bool, default False
    """


class Softplus(OfFunction, function=functional.softplus):
    """``log(1 + exp(beta * input)) / beta``.

    Parameters
    ----------
    beta : float, default 1.0
    threshold : float, default 20.0
        Where beta * input exceeds it, the result is the input itself.
    """


class Softsign(OfFunction, function=functional.softsign):
    """``input / (1 + abs(input))``."""


class Softshrink(OfFunction, function=functional.softshrink):
    """``input`` moved towards 0 by `lambd`, and 0 within.

    Parameters
    ----------
    lambd : float, default 0.5
    """

    def extra_repr(self) -> str:
        return str(self.lambd)


class Hardshrink(OfFunction, function=functional.hardshrink):
    """0 where ``abs(input) <= lambd``, else the input.

    Parameters
    ----------
    lambd : float, default 0.5
    """

    def extra_repr(self) -> str:
        return str(self.lambd)


class Hardtanh(OfFunction, function=functional.hardtanh):
    """``input``, but not below `min_val` and not above `max_val`.

    Parameters
    ----------
    min_val : float, default -1.0
    max_val : float, default 1.0
    inplace : bool, default False
    """


class Hardsigmoid(OfFunction, function=functional.hardsigmoid):
    """``min(max(input + 3, 0), 6) / 6``.

    Parameters
    ----------
    inplace : bool, default False
    """


class Hardswish(OfFunction, function=functional.hardswish):
    """``input * min(max(input + 3, 0), 6) / 6``.

    Parameters
    ----------
    inplace : bool, default False
    """


class Threshold(OfFunction, function=functional.threshold):
    """``input`` where it is above `threshold`, else `value`.

    Parameters
    ----------
    threshold : float
    value : float
    inplace : bool, default False
    """


class GLU(OfFunction, function=functional.glu):
    """The first half of the input along `dim` times the sigmoid of the second.

    Parameters
    ----------
    dim : int, default -1
    """


class PReLU(Module):
    """``input`` where it is positive, else ``weight * input``.

    Parameters
    ----------
    num_parameters : int, default 1
        1, or the number of channels, the size of dimension 1 of the input.
    init : float, default 0.25
        The first value of all slopes.
    device : optional
        None or the CPU.
    dtype : dtype, optional
        float32 or float64; default the default type.

    Attributes
    ----------
    weight : Parameter of shape (num_parameters,)
    """

    def __init__(
        self,
        num_parameters: int = 1,
        init: float = 0.25,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.num_parameters = positive_int("PReLU", "num_parameters", num_parameters)
        self.init = init
        dtype = float_dtype("PReLU", device, dtype)
        self.weight = Parameter(np.full(num_parameters, init, dtype))

    def reset_parameters(self) -> None:
        """Set all slopes to `init`."""
        self.weight._array.fill(self.init)

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function to every element."""
        return functional.prelu(input, self.weight)

    def extra_repr(self) -> str:
        return f"num_parameters={self.num_parameters}"


class Softmax(OfFunction, function=functional.softmax, without=("dtype",)):
    """``exp(input)`` divided by its sum along `dim`.

    Parameters
    ----------
    dim : int, optional
        The axis whose elements sum to 1. Without it one is chosen with a warning, see
        :mod:`cygnet.ops.softmax`.
    """


class Softmin(OfFunction, function=functional.softmin, without=("dtype",)):
    """:class:`Softmax` of ``-input``.

    Parameters
    ----------
    dim : int, optional
    """


class LogSoftmax(OfFunction, function=functional.log_softmax, without=("dtype",)):
    """The logarithm of :class:`Softmax`, computed without overflow.

    Parameters
    ----------
    dim : int, optional
    """


class Softmax2d(Module):
    """:class:`Softmax` over the channels of (N, C, H, W) or (C, H, W) inputs."""

    def forward(self, input: Tensor) -> Tensor:
        """Normalise over the channels."""
        input = as_tensor(input, "Softmax2d", "input")
        if input.ndim not in (3, 4):
            raise ShapeError(
                f"Softmax2d: input has shape {input.shape}, expected (N, C, H, W) or (C, H, W)"
            )
        return functional.softmax(input, -3)
