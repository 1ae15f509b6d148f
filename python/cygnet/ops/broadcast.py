"""Reshape, expand and sum. Together because each is the gradient of another: expand of sum, sum of
expand.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cygnet import kernels
from cygnet.autograd import record, record_view
from cygnet.dtypes import NAMES
from cygnet.ops.common import (
    Shape,
    also_named,
    as_tensor,
    cast,
    normalized_axes,
    numpy_named,
    sizes,
    wrap,
)
from cygnet.tensor import Array, Tensor, as_dtype

__all__ = [
    "reshape",
    "sum",
]


@also_named("shape")
def reshape(input: Tensor, *shape: Any) -> Tensor:
    """The same elements, in logical order, in another shape; one size may be -1 and follows from
    the others.

    The result shares memory where the strides allow it; else it is a copy (PyTorch's ``view``
    fails there).

    Raises
    ------
    ShapeError
        If the number of elements differs.
    """
    input = as_tensor(input, "reshape", "input")
    return to_shape(input, completed("reshape", sizes("reshape", shape), input.numel()))


def completed(op: str, wanted: Shape, count: int) -> Shape:
    """A shape of `count` elements, in which one size may be -1 and is computed."""
    if -1 in wanted:
        known = math.prod(size for size in wanted if size != -1)
        if wanted.count(-1) > 1 or known == 0 or count % known:
            raise kernels.ShapeError(f"{op}: {count} elements cannot have the shape {wanted}")
        wanted = tuple(count // known if size == -1 else size for size in wanted)
    if min(wanted, default=0) < 0 or math.prod(wanted) != count:
        raise kernels.ShapeError(f"{op}: {count} elements cannot have the shape {wanted}")
    return wanted


def to_shape(input: Tensor, wanted: Shape) -> Tensor:
    """`reshape` to a shape that is known to have as many elements."""
    before = input.shape
    if wanted == before:
        return input

    def backward(grad: Tensor) -> tuple[Tensor]:
        return (to_shape(grad, before),)

    array = input._array
    if array.flags.c_contiguous:
        array = array.reshape(wanted)
    else:
        try:
            array = array.reshape(wanted, copy=False)
        except ValueError:
            copied = wrap(kernels.contiguous(array).reshape(wanted))
            return record(copied, (input,), backward, "reshape", saved=(), fresh=False)
    return record_view(input, array, backward, "reshape", lambda other: to_shape(other, wanted))


def viewed(input: Tensor, take: Callable[[Array], Array], name: str) -> Tensor:
    """The view that `take` makes of the input's array, no element of which is in it twice."""
    shape = input.shape

    def backward(grad: Tensor) -> tuple[Tensor]:
        return (_placed(grad, shape, take, name),)

    return record_view(
        input, take(input._array), backward, name, lambda other: viewed(other, take, name)
    )


def _placed(grad: Tensor, shape: Shape, take: Callable[[Array], Array], name: str) -> Tensor:
    """Zeros of `shape` with `grad` where `take` looks."""
    whole = kernels.full(shape, 0.0, NAMES[grad.dtype])
    kernels.copy_into(take(whole), grad._array)
    return record(
        wrap(whole),
        (grad,),
        lambda again: (viewed(again, take, name),),
        name,
        saved=(),
        fresh=False,
    )


@also_named("size")
def expand(input: Tensor, *size: Any) -> Tensor:
    """A read-only view in which dimensions of size 1 are repeated; -1 keeps a size.

    Raises
    ------
    ShapeError
        If the shape does not broadcast to the sizes.
    """
    input = as_tensor(input, "expand", "input")
    wanted = sizes("expand", size)
    missing = len(wanted) - input.ndim
    shape = tuple(
        input.shape[i - missing] if s == -1 and i >= missing else s for i, s in enumerate(wanted)
    )
    return expanded(input, shape)


def expanded(input: Tensor, shape: Shape) -> Tensor:
    """`expand` to sizes that are all given."""
    before = input.shape
    if shape == before:
        return input
    try:
        array = np.broadcast_to(input._array, shape)
    except ValueError:
        raise kernels.ShapeError(f"expand: shape {before} cannot become {shape}") from None
    return record_view(
        input,
        array,
        lambda grad: (sum_to(grad, before),),
        "expand",
        lambda other: expanded(other, shape),
    )


def kept_shape(op: str, input: Tensor, dim: int | Sequence[int] | None) -> Shape:
    """The shape with size 1 in the dimensions `dim`; see `axis_argument`."""
    axes = normalized_axes(op, axis_argument(dim), input.ndim)
    return tuple(1 if i in axes else size for i, size in enumerate(input.shape))


def axis_argument(dim: int | Sequence[int] | None) -> int | tuple[int, ...] | None:
    """`dim` as the kernels take it; an empty sequence stands for all dimensions, as None does."""
    return dim if dim is None or isinstance(dim, int) else tuple(dim) or None


@numpy_named
def sum(
    input: Tensor,
    dim: int | Sequence[int] | None = None,
    keepdim: bool = False,
    *,
    dtype: Any = None,
) -> Tensor:
    """The sum over the dimensions `dim`, all by default; integers and bools give int64.

    Parameters
    ----------
    input : Tensor
    dim : int or sequence of int, optional
    keepdim : bool
        Whether reduced dimensions stay, with size 1. Default False.
    dtype : dtype, optional
        What the input is converted to first.
    """
    input = as_tensor(input, "sum", "input")
    if dtype is not None:
        input = cast(input, as_dtype(dtype, "sum"))

    def backward(grad: Tensor) -> tuple[Tensor]:
        return (expand(reshape(grad, kept_shape("sum", input, dim)), input.shape),)

    output = wrap(kernels.sum(input._array, axis_argument(dim), keepdim))
    if dtype is not None:
        output = cast(output, input.dtype)
    return record(output, (input,), backward, "sum", saved=(), fresh=False)


def sum_to(grad: Tensor, shape: Shape) -> Tensor:
    """The gradient of broadcasting: summed over the axes that were added or stretched."""
    if grad.shape == shape:
        return grad
    added = grad.ndim - len(shape)
    axes = tuple(range(added)) + tuple(
        added + i for i, size in enumerate(shape) if size == 1 and grad.shape[added + i] != 1
    )
    return reshape(sum(grad, axes, keepdim=True), shape) if axes else reshape(grad, shape)
