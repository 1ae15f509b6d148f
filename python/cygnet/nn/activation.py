"""Element-wise activations and softmax as modules."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import numpy as np
from numpy.typing import DTypeLike

from cygnet.nn import functional
from cygnet.nn.linear import positive_int
from cygnet.nn.module import Module
from cygnet.nn.parameter import Parameter
from cygnet.tensor import Tensor

__all__ = [
    "ELU",
    "GELU",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "LeakyReLU",
    "LogSigmoid",
    "LogSoftmax",
    "Mish",
    "PReLU",
    "ReLU",
    "ReLU6",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
]


class _Elementwise(Module):
    """A function of :mod:`cygnet.nn.functional` on every element; `arguments` names the attributes
    that it takes after the input.
    """

    function: ClassVar[Callable[..., Tensor]]
    arguments: ClassVar[tuple[str, ...]] = ()
    inplace = False

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function to every element."""
        return type(self).function(input, *(getattr(self, name) for name in self.arguments))

    def extra_repr(self) -> str:
        shown = [f"{name}={getattr(self, name)!r}" for name in self.arguments]
        return ", ".join(shown + ["inplace=True"] * self.inplace)


class ReLU(_Elementwise):
    """``max(input, 0)``; a NaN stays NaN.

    Parameters
    ----------
    inplace : bool, default False
    """

    function = staticmethod(functional.relu)
    fused_name = "relu"

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace


class ReLU6(_Elementwise):
    """``min(max(input, 0), 6)``.

    Parameters
    ----------
    inplace : bool, default False
    """

    function = staticmethod(functional.relu6)

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace


class LeakyReLU(_Elementwise):
    """``input`` where it is positive, else ``negative_slope * input``.

    Parameters
    ----------
    negative_slope : float, default 0.01
    inplace : bool, default False
    """

    function = staticmethod(functional.leaky_relu)
    arguments = ("negative_slope",)

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        super().__init__()
        self.negative_slope = negative_slope
        self.inplace = inplace

    @property
    def fused_name(self) -> str | None:  # type: ignore[override]
        """The products fuse the default slope only."""
        return "leaky_relu" if self.negative_slope == 0.01 else None


class Sigmoid(_Elementwise):
    """``1 / (1 + exp(-input))``."""

    function = staticmethod(functional.sigmoid)
    fused_name = "sigmoid"


class LogSigmoid(_Elementwise):
    """The logarithm of :class:`Sigmoid`, computed without overflow."""

    function = staticmethod(functional.logsigmoid)


class Tanh(_Elementwise):
    """The hyperbolic tangent."""

    function = staticmethod(functional.tanh)
    fused_name = "tanh"


class GELU(_Elementwise):
    """``input * P(X < input)`` for a standard normal X.

    Parameters
    ----------
    approximate : str, default "none"
        "tanh" takes the cheaper formula of :func:`cygnet.nn.functional.gelu`.
    """

    function = staticmethod(functional.gelu)
    arguments = ("approximate",)

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        self.approximate = approximate

    @property
    def fused_name(self) -> str | None:  # type: ignore[override]
        """The products fuse the exact form only."""
        return "gelu" if self.approximate == "none" else None


class SiLU(_Elementwise):
    """``input / (1 + exp(-input))``.

    Parameters
    ----------
    inplace : bool, default False
    """

    function = staticmethod(functional.silu)
    fused_name = "silu"

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace


class Mish(_Elementwise):
    """``input * tanh(log(1 + exp(input)))``.

    Parameters
    ----------
    inplace : bool, default False
    """

    function = staticmethod(functional.mish)

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace


class ELU(_Elementwise):
    """``input`` where it is positive, else ``alpha * (exp(input) - 1)``.

    Parameters
    ----------
    alpha : float, default 1.0
    inplace : bool, default False
    """

    function = staticmethod(functional.elu)
    arguments = ("alpha",)

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.alpha = alpha
        self.inplace = inplace


class Softplus(_Elementwise):
    """``log(1 + exp(beta * input)) / beta``.

    Parameters
    ----------
    beta : float, default 1.0
    threshold : float, default 20.0
        Where beta * input exceeds it, the result is the input itself.
    """

    function = staticmethod(functional.softplus)
    arguments = ("beta", "threshold")

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        self.beta = beta
        self.threshold = threshold


class Hardtanh(_Elementwise):
    """``input``, but not below `min_val` and not above `max_val`.

    Parameters
    ----------
    min_val : float, default -1.0
    max_val : float, default 1.0
    inplace : bool, default False
    """

    function = staticmethod(functional.hardtanh)
    arguments = ("min_val", "max_val")

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.min_val = min_val
        self.max_val = max_val
        self.inplace = inplace


class Hardsigmoid(_Elementwise):
    """``min(max(input + 3, 0), 6) / 6``.

    Parameters
    ----------
    inplace : bool, default False
    """

    function = staticmethod(functional.hardsigmoid)

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace


class Hardswish(_Elementwise):
    """``input * min(max(input + 3, 0), 6) / 6``.

    Parameters
    ----------
    inplace : bool, default False
    """

    function = staticmethod(functional.hardswish)

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace


class PReLU(Module):
    """``input`` where it is positive, else ``weight * input``.

    Parameters
    ----------
    num_parameters : int, default 1
        1, or the number of channels, the size of dimension 1 of the input.
    init : float, default 0.25
        The first value of all slopes.
    dtype : dtype, default float32
        float32 or float64.

    Attributes
    ----------
    weight : Parameter of shape (num_parameters,)
    """

    def __init__(
        self, num_parameters: int = 1, init: float = 0.25, dtype: DTypeLike = np.float32
    ) -> None:
        super().__init__()
        self.num_parameters = positive_int("PReLU", "num_parameters", num_parameters)
        self.init = init
        self.weight = Parameter(np.full(num_parameters, init, dtype))

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function to every element."""
        return functional.prelu(input, self.weight)

    def extra_repr(self) -> str:
        return f"num_parameters={self.num_parameters}"


class Softmax(Module):
    """``exp(input)`` divided by its sum along `dim`.

    Parameters
    ----------
    dim : int, default -1
        The axis whose elements sum to 1.
    """

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        """Normalise along `dim`."""
        return functional.softmax(input, self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class LogSoftmax(Softmax):
    """The logarithm of :class:`Softmax`, computed without overflow.

    Parameters
    ----------
    dim : int, default -1
        The axis whose exponentials sum to 1.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Normalise along `dim`."""
        return functional.log_softmax(input, self.dim)
