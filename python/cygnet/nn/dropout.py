"""Dropout layers."""

from __future__ import annotations

from typing import Any

from cygnet.nn import functional
from cygnet.nn.function import OfFunction
from cygnet.random import module_cell
from cygnet.tensor import Tensor

__all__ = [
    "AlphaDropout",
    "Dropout",
    "Dropout1d",
    "Dropout2d",
    "Dropout3d",
    "FeatureAlphaDropout",
]

_NOT_OPTIONS = ("training", "cell")


class Dropout(OfFunction, function=functional.dropout, without=_NOT_OPTIONS):
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

    p: float
    inplace: bool

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not 0.0 <= self.p <= 1.0:
            raise ValueError(
                f"{type(self).__name__}: argument p expected a probability in [0, 1], got {self.p}"
            )

    def forward(self, *inputs: Tensor, **named: Tensor) -> Tensor:
        """Drop in training mode, else return the input."""
        active = self.training and self.p > 0.0
        cell = module_cell(self.path) if active else None
        return super().forward(*inputs, training=active, cell=cell, **named)

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"


class Dropout1d(Dropout, function=functional.dropout1d, without=_NOT_OPTIONS):
    """:class:`Dropout` of whole channels of (N, C, L) or (C, L) inputs.

    Parameters
    ----------
    p : float, default 0.5
    inplace : bool, default False
    """


class Dropout2d(Dropout, function=functional.dropout2d, without=_NOT_OPTIONS):
    """:class:`Dropout` of whole channels of (N, C, H, W) inputs; three dimensions count as
    (N, C, L), as in PyTorch.

    Parameters
    ----------
    p : float, default 0.5
    inplace : bool, default False
    """


class Dropout3d(Dropout, function=functional.dropout3d, without=_NOT_OPTIONS):
    """:class:`Dropout` of whole channels of (N, C, D, H, W) or (C, D, H, W) inputs.

    Parameters
    ----------
    p : float, default 0.5
    inplace : bool, default False
    """


class AlphaDropout(Dropout, function=functional.alpha_dropout, without=_NOT_OPTIONS):
    """Dropout for networks of :class:`SELU`: mean and variance of the input stay on average.

    Parameters
    ----------
    p : float, default 0.5
    inplace : bool, default False

    References
    ----------
    G. Klambauer et al., "Self-normalizing neural networks", NeurIPS 2017.
    """


class FeatureAlphaDropout(Dropout, function=functional.feature_alpha_dropout, without=_NOT_OPTIONS):
    """:class:`AlphaDropout` of whole channels of (N, C, ...) inputs.

    Parameters
    ----------
    p : float, default 0.5
    inplace : bool, default False
    """
