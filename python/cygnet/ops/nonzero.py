"""Positions of what is not zero: how many depends on values, so no recording takes them."""

from __future__ import annotations

from cygnet import kernels
from cygnet.ops.common import as_tensor, wrap
from cygnet.tensor import Tensor, _check_readable

__all__ = [
    "argwhere",
    "nonzero",
]


def nonzero(input: Tensor, *, as_tuple: bool = False) -> Tensor | tuple[Tensor, ...]:
    """The indices of all elements that are not zero, in logical order.

    Parameters
    ----------
    input : Tensor
    as_tuple : bool
        Whether to give one vector for each dimension (`input[nonzero]` then has these elements) and
        not the matrix of them (elements, dimensions), the default. A 0-d tensor counts as a vector
        for the tuple.
    """
    input = as_tensor(input, "nonzero", "input")
    _check_readable("nonzero")
    shape = input.shape or ((1,) if as_tuple else ())
    indices = kernels.unravel(kernels.nonzero(input._array), shape)
    return tuple(wrap(row) for row in indices) if as_tuple else wrap(indices.T)


def argwhere(input: Tensor) -> Tensor:
    """`nonzero` as a matrix."""
    return nonzero(input)  # type: ignore[return-value]
