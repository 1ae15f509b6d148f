"""Choices by boolean masks."""

from __future__ import annotations

from typing import Any, overload

import numpy as np

from cygnet import kernels
from cygnet.errors import composed
from cygnet.ops.broadcast import expanded, reshape, to_shape
from cygnet.ops.common import Number, as_tensor, cast, wrap
from cygnet.ops.elementwise import where as chosen
from cygnet.ops.gather import gather_rows
from cygnet.ops.index import Resolved, put
from cygnet.ops.nonzero import nonzero
from cygnet.ops.shape import common_shape, part_of
from cygnet.tensor import Tensor, _check_readable

__all__ = [
    "masked_fill",
    "masked_scatter",
    "masked_select",
    "where",
]


@overload
def where(condition: Tensor) -> tuple[Tensor, ...]: ...
@overload
def where(condition: Tensor, input: Tensor | Number, other: Tensor | Number) -> Tensor: ...
@composed
def where(
    condition: Tensor, input: Tensor | Number | None = None, other: Tensor | Number | None = None
) -> Tensor | tuple[Tensor, ...]:
    """input where the boolean condition holds, else other; with the condition alone, the tuple of
    `nonzero`.
    """
    if input is None and other is None:
        return tuple(nonzero(condition, as_tuple=True))
    if input is None or other is None:
        raise TypeError("where: expected condition, input and other, or condition alone")
    return chosen(condition, input, other)


def where_method(input: Tensor, condition: Tensor, other: Tensor | Number) -> Tensor:
    """`where` as a method: the tensor itself where the condition holds, else other."""
    return chosen(condition, input, other)


@composed
def masked_fill(input: Tensor, mask: Tensor, value: Tensor | Number) -> Tensor:
    """`input` with a number, or 0-d tensor, where the boolean mask, which broadcasts, holds.

    Raises
    ------
    DTypeError
        If the mask is not bool.
    ShapeError
        If the shapes do not broadcast or the value is not 0-d.
    """
    op = "masked_fill"
    input, mask = as_tensor(input, op, "input"), _mask(op, mask)
    if isinstance(value, Tensor) and value.ndim:
        raise kernels.ShapeError(f"{op}: value has shape {value.shape}, expected ()")
    number = value if isinstance(value, Tensor) else wrap(np.array(value))
    return chosen(mask, cast(number, input.dtype), input)


def _mask(op: str, mask: Any) -> Tensor:
    tensor = as_tensor(mask, op, "mask")
    if tensor.dtype != np.bool_:
        raise kernels.DTypeError(f"{op}: mask is {tensor.dtype}, expected bool")
    return tensor


def _masked(op: str, input: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """The input in the shape that it and the mask broadcast to, flat, and the positions where the
    mask holds.
    """
    input, mask = as_tensor(input, op, "input"), _mask(op, mask)
    _check_readable(op)
    shape = common_shape(op, [input.shape, mask.shape])
    positions = wrap(kernels.nonzero(expanded(mask, shape)._array))
    return reshape(expanded(input, shape), -1), positions


@composed
def masked_select(input: Tensor, mask: Tensor) -> Tensor:
    """A vector of the elements where the boolean mask holds; both broadcast."""
    flat, positions = _masked("masked_select", input, mask)
    return gather_rows(flat, positions)


@composed
def masked_scatter(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """`input` with the elements of `source`, in order, where the boolean mask holds.

    Raises
    ------
    ValueError
        If there are fewer elements than places.
    """
    op = "masked_scatter"
    source = as_tensor(source, op, "source")
    shape = common_shape(op, [as_tensor(input, op, "input").shape, _mask(op, mask).shape])
    flat, positions = _masked(op, input, mask)
    count = positions.numel()
    if source.numel() < count:
        raise ValueError(f"{op}: source has {source.numel()} elements, expected at least {count}")
    if source.dtype != flat.dtype:
        raise kernels.DTypeError(f"{op}: source is {source.dtype}, expected {flat.dtype}, as input")
    first = part_of(reshape(source, -1), 0, 0, count, op)
    at = Resolved(None, positions, 0, flat.shape, (count,))
    return to_shape(put(op, flat, at, first, "assign"), shape)
