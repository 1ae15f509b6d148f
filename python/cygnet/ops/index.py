"""``x[...]``: what an index means, the view or copy that it gives, and the values that it puts."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from cygnet import kernels
from cygnet.autograd import is_grad_enabled
from cygnet.ops.broadcast import expanded, sum_to, to_shape, viewed
from cygnet.ops.common import Shape, as_tensor, cast, wrap
from cygnet.ops.gather import gather_rows, put_rows
from cygnet.tensor import Array, Tensor, _check_readable

OP = "indexing"


class Resolved(NamedTuple):
    """An index, as it applies to arrays of one shape.

    Attributes
    ----------
    area : callable or None
        Makes the view that ints, slices, ``...`` and None give, with the dimensions that index
        arrays count in side by side; None if that is the array itself.
    positions : Tensor or None
        A vector: the entries, in logical order, of those dimensions; None if there is no index
        array.
    axis : int
        The first of those dimensions.
    sizes : tuple of int
        Their sizes.
    shape : tuple of int
        The shape of the index arrays, in the place of those dimensions in the result.
    """

    area: Callable[[Array], Array] | None
    positions: Tensor | None
    axis: int = 0
    sizes: Shape = ()
    shape: Shape = ()


def getitem(input: Tensor, index: Any) -> Tensor:
    """``input[index]`` as in NumPy and PyTorch.

    Ints, slices with a positive step, ``...`` and None give a view; int arrays, lists and tensors,
    which broadcast together, and bool masks of one or more dimensions give a copy. Their dimensions
    come where the first of them stands, or first of all if a slice, ``...`` or None is between
    them.

    Raises
    ------
    IndexError
        If an index is out of range, of another kind, or there are too many.
    ValueError
        If a slice has a step below 1.
    """
    at = resolve(input.shape, index)
    area = input if at.area is None else viewed(input, at.area, "getitem")
    if at.positions is None:
        return area
    before, after = _around(area.shape, at)
    rows = to_shape(area, (*before, math.prod(at.sizes), *after))
    return to_shape(gather_rows(rows, at.positions, at.axis), (*before, *at.shape, *after))


def index_put(
    input: Tensor,
    indices: Sequence[Tensor | None],
    values: Tensor,
    accumulate: bool = False,
) -> Tensor:
    """A copy of `input` with `values`, which broadcast, at ``input[indices]``.

    Parameters
    ----------
    input : Tensor
    indices : sequence of Tensor or None
        One a dimension: int64 or int32 positions or bool masks; None takes all of a dimension.
    values : Tensor
        Of the input's type.
    accumulate : bool
        Whether values are added, also several at one position. Default False: the last one counts.

    Raises
    ------
    ShapeError, DTypeError, IndexError
    """
    op = "index_put"
    input, values = as_tensor(input, op, "input"), as_tensor(values, op, "values")
    if values.dtype != input.dtype:
        raise kernels.DTypeError(f"{op}: values is {values.dtype}, expected {input.dtype}, as input")
    items = tuple(slice(None) if item is None else item for item in indices)
    at = resolve(input.shape, items)
    if at.positions is None:
        return add_placed(input, values, at, accumulate)
