"""Positions of what is not zero: how many depends on values, so no recording takes them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from cygnet import kernels
from cygnet.errors import composed
from cygnet.ops.common import as_tensor, wrap
from cygnet.ops.gather import INDICES
from cygnet.tensor import Tensor, _check_readable

__all__ = [
    "argwhere",
    "nonzero",
    "nonzero_static",
    "unravel_index",
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


@composed
def argwhere(input: Tensor) -> Tensor:
    """`nonzero` as a matrix."""
    return nonzero(input)  # type: ignore[return-value]


@composed
def nonzero_static(input: Tensor, *, size: int, fill_value: int = -1) -> Tensor:
    """The first `size` rows of `nonzero`; if there are fewer, the others hold `fill_value`.

    Raises
    ------
    ValueError
        If size is negative.
    """
    if size < 0:
        raise ValueError(f"nonzero_static: size is {size}, expected at least 0")
    found = nonzero(input)
    assert not isinstance(found, tuple)
    result = kernels.full((size, found.shape[1]), fill_value, "int64")
    count = min(size, found.shape[0])
    kernels.copy_into(result[:count], found._array[:count])
    return wrap(result)


@composed
def unravel_index(indices: Tensor, shape: int | Sequence[int]) -> tuple[Tensor, ...]:
    """The indices of each dimension of the elements at the places `indices` of a flattened tensor.

    Parameters
    ----------
    indices : Tensor
        int64 or int32, of any shape; negative ones count from the end.
    shape : int or sequence of int
        That of the tensor.

    Raises
    ------
    DTypeError, IndexError, ValueError
    """
    op = "unravel_index"
    indices = as_tensor(indices, op, "indices")
    if indices.dtype not in INDICES:
        raise kernels.DTypeError(f"{op}: indices is {indices.dtype}, expected int64 or int32")
    sizes = (shape,) if isinstance(shape, int) else tuple(shape)
    if min(sizes, default=0) < 0:
        raise ValueError(f"{op}: shape is {sizes}, expected no negative size")
    places = kernels.flat_positions([indices._array], [math.prod(sizes)]).reshape(-1)
    rows: np.ndarray = kernels.unravel(places, sizes)
    return tuple(wrap(row.reshape(indices.shape)) for row in rows)
