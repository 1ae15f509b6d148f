"""Dropout layers."""

from __future__ import annotations

from cygnet.nn import functional
from cygnet.nn.module import Module
from cygnet.random import module_cell
from cygnet.tensor import Tensor

__all__ = ["Dropout"]


class Dropout(Module):
    """In training, sets each element to 0 with probability `p` and divides the others by 1 - p.

    The random numbers are keyed by the seed, this module's path and the number of calls, so
    they do not depend on other layers or threads.

    Parameters
    ----------
    p : float, default 0.5
        Probability of a zero, in [0, 1].
    inplace : bool, default False
        Accepted for PyTorch's sake; the input is never overwritten.

    References
    ----------
    Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", 2014.
    """

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        if not 0.0 <= p <= 1.0:
            raise ValueError(f"Dropout: argument p expected a probability in [0, 1], got {p}")
        self.p = p
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Drop in training mode, else return `input`."""
        if not self.training or self.p == 0.0:
            return input
        return functional.dropout(input, self.p, True, cell=module_cell(self.path))

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"
