"""Element-wise activations and softmax as modules."""

from __future__ import annotations

from cygnet.nn import functional
from cygnet.nn.module import Module
from cygnet.tensor import Tensor

__all__ = ["LeakyReLU", "LogSoftmax", "ReLU", "Sigmoid", "Softmax", "Tanh"]


class ReLU(Module):
    """``max(input, 0)``; a NaN stays NaN.

    Parameters
    ----------
    inplace : bool, default False
        Accepted for PyTorch's sake; the input is never overwritten.
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function to every element."""
        return functional.relu(input)

    def extra_repr(self) -> str:
        return "inplace=True" if self.inplace else ""


class LeakyReLU(Module):
    """``input`` where it is positive, else ``negative_slope * input``.

    Parameters
    ----------
    negative_slope : float, default 0.01
    inplace : bool, default False
        Accepted for PyTorch's sake; the input is never overwritten.
    """

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        super().__init__()
        self.negative_slope = negative_slope
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function to every element."""
        return functional.leaky_relu(input, self.negative_slope)

    def extra_repr(self) -> str:
        return f"negative_slope={self.negative_slope}" + (", inplace=True" if self.inplace else "")


class Sigmoid(Module):
    """``1 / (1 + exp(-input))``."""

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function to every element."""
        return functional.sigmoid(input)


class Tanh(Module):
    """The hyperbolic tangent."""

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function to every element."""
        return functional.tanh(input)


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
