"""``x[...]``: what an index means, the view or copy that it gives, and the values that it puts."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from cygnet import kernels
from cygnet.autograd import record
from cygnet.errors import composed
from cygnet.ops.broadcast import sum_to, to_shape, viewed
from cygnet.ops.common import Shape, as_tensor, wrap
from cygnet.ops.gather import INDICES, gather_rows
from cygnet.ops.shape import common_shape
from cygnet.tensor import Array, Tensor, _check_readable, array_from

__all__ = [
    "index_put",
]

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
    return taken(input, resolve(input.shape, index))


def taken(input: Tensor, at: Resolved) -> Tensor:
    """What an index gives."""
    area = input if at.area is None else viewed(input, at.area, "getitem")
    if at.positions is None:
        return area
    before, after = _around(area.shape, at)
    rows = to_shape(area, (*before, math.prod(at.sizes), *after))
    return to_shape(gather_rows(rows, at.positions, at.axis), (*before, *at.shape, *after))


def _around(shape: Shape, at: Resolved) -> tuple[Shape, Shape]:
    """The sizes before and after the dimensions that index arrays count in."""
    return shape[: at.axis], shape[at.axis + len(at.sizes) :]


@composed
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
        raise kernels.DTypeError(
            f"{op}: values is {values.dtype}, expected {input.dtype}, as input"
        )
    at = resolve(input.shape, tuple(slice(None) if item is None else item for item in indices))
    return put(op, input, at, values, "add" if accumulate else "assign")


def put(op: str, input: Tensor, at: Resolved, values: Tensor, mode: str) -> Tensor:
    """A copy of `input` with `values`, which broadcast, put at an index; see `kernels.index_put`
    for `mode`.
    """
    array = kernels.contiguous(input._array, always_copy=True)
    return put_into(array, op, input, at, values, mode)


def put_into(
    array: Array, op: str, input: Tensor, at: Resolved, values: Tensor, mode: str
) -> Tensor:
    """`put`, written into `array`, which holds what `input` does; the result is a tensor around
    it.
    """
    if at.positions is None:
        raise IndexError(f"{op}: indices hold no tensor, expected at least one")
    area = array if at.area is None else at.area(array)
    before, after = _around(area.shape, at)
    try:
        rows = np.broadcast_to(values._array, (*before, *at.shape, *after))
    except ValueError:
        raise kernels.ShapeError(
            f"{op}: values have shape {values.shape}, which does not broadcast to "
            f"{(*before, *at.shape, *after)}"
        ) from None
    rows = kernels.contiguous(rows).reshape(*before, at.positions.numel(), *after)
    kernels.index_put(area, at.positions._array, rows, at.axis, len(at.sizes), mode)

    def backward(grad: Tensor) -> tuple[Tensor | None, ...]:
        own = theirs = None
        if input.requires_grad:
            zero = wrap(np.zeros((), grad.dtype))
            own = grad if mode == "add" else put(op, grad, at, zero, mode)
        if values.requires_grad:
            theirs = sum_to(taken(grad, at), values.shape)
        return own, theirs

    return record(wrap(array), (input, values), backward, op, saved=(at.positions,), fresh=False)


def resolve(shape: Shape, index: Any) -> Resolved:
    """What an index means for arrays of a shape."""
    items = [_normalized(item) for item in (index if isinstance(index, tuple) else (index,))]
    if len(items) == 1 and shape:  # the usual cases at once
        item = items[0]
        if isinstance(item, int) and -shape[0] <= item < shape[0]:
            return Resolved(lambda array: array[item, ...], None)
        if isinstance(item, np.ndarray) and item.dtype != np.bool_:
            return _side_by_side(None, shape, [(0, item)])
    used = sum(_consumed(item) for item in items)
    if used > len(shape):
        raise IndexError(f"{OP}: {used} indices for {len(shape)} dimensions")
    missing = [slice(None)] * (len(shape) - used)
    dots = [i for i, item in enumerate(items) if item is Ellipsis]
    if len(dots) > 1:
        raise IndexError(f"{OP}: '...' comes {len(dots)} times, expected at most once")
    first = dots[0] if dots else len(items)
    items[first : first + 1] = missing

    basic: list[Any] = []  # what makes the view
    arrays: list[tuple[int, Array]] = []  # dimension of the view, positions in it or mask
    axis = dim = 0  # of the view, of the input
    for item in items:
        if isinstance(item, np.ndarray):
            count = _consumed(item)
            if item.dtype == np.bool_ and item.shape != shape[dim : dim + count]:
                raise IndexError(
                    f"{OP}: a mask has shape {item.shape}, expected {shape[dim : dim + count]}"
                )
            arrays.append((axis, item))
            basic += [slice(None)] * count if count else [None]
            axis += count or 1
            dim += count
        elif isinstance(item, int):
            if not -shape[dim] <= item < shape[dim]:
                raise IndexError(
                    f"{OP}: the index of dimension {dim} is {item}, expected {-shape[dim]} to "
                    f"{shape[dim] - 1}"
                )
            basic.append(item)
            dim += 1
        else:
            basic.append(item)
            axis += 1
            dim += item is not None
    # The '...' keeps a full integer index an array: a NumPy scalar would be a copy.
    view = (*basic, ...)
    if not arrays:
        return Resolved(lambda array: array[view], None)
    if all(item == slice(None) for item in basic):
        return _side_by_side(None, shape, arrays)
    return _side_by_side(view, np.broadcast_to(np.int8(0), shape)[view].shape, arrays)


def _side_by_side(
    view: tuple[Any, ...] | None, shape: Shape, arrays: list[tuple[int, Array]]
) -> Resolved:
    """An index of arrays, of dimensions of a view whose shape is given."""
    if len(arrays) == 1 and arrays[0][1].dtype != np.bool_:
        axis, index = arrays[0]
        positions = kernels.flat_positions([index], [shape[axis]])
        take = None if view is None else lambda array: array[view]
        return Resolved(take, wrap(positions.reshape(-1)), axis, (shape[axis],), index.shape)
    axes = [axis + i for axis, array in arrays for i in range(max(1, _consumed(array)))]
    adjacent = axes == list(range(axes[0], axes[0] + len(axes)))
    order = (*axes, *(i for i in range(len(shape)) if i not in axes))
    axis, sizes = axes[0] if adjacent else 0, tuple(shape[i] for i in axes)

    def area(array: Array) -> Array:
        array = array if view is None else array[view]
        return array if adjacent else array.transpose(order)

    if len(arrays) == 1 and arrays[0][1].dtype == np.bool_:
        positions = kernels.nonzero(arrays[0][1])
        together: Shape = positions.shape
    else:
        indices = [part for _, array in arrays for part in _integers(array)]
        together = common_shape(OP, [index.shape for index in indices])
        stretched = [np.broadcast_to(index, together) for index in indices]
        positions = kernels.flat_positions(stretched, sizes).reshape(-1)
    same = view is None and adjacent
    return Resolved(None if same else area, wrap(positions), axis, sizes, together)


def _integers(array: Array) -> list[Array]:
    """Positions along each dimension that an index array is for."""
    if array.dtype != np.bool_:
        return [array]
    return list(kernels.unravel(kernels.nonzero(array), array.shape or (1,)))


def _normalized(item: Any) -> Any:
    """An int, slice, None, Ellipsis, or an array of int positions or bool."""
    if item is None or item is Ellipsis or type(item) is int:
        return item
    if isinstance(item, slice):
        if item.step is not None and operator.index(item.step) < 1:
            raise ValueError(
                f"{OP}: a slice has the step {item.step}, expected at least 1 (flip reverses)"
            )
        return item
    if isinstance(item, bool | list | range | tuple | np.ndarray | np.generic):
        empty = isinstance(item, Sequence) and not item
        item = wrap(array_from(np.zeros(0, np.int64) if empty else item, None, OP))
    if isinstance(item, Tensor):
        array = item._array
        if array.dtype in INDICES:
            scalar = array.ndim == 0 and not kernels.is_recording()
            return int(item) if scalar else array
        if array.dtype == np.bool_:
            _check_readable("a mask as an index")
            return array
        raise IndexError(
            f"{OP}: a tensor index has dtype {array.dtype}, expected int64, int32 or bool"
        )
    if hasattr(item, "__index__"):
        return operator.index(item)
    raise IndexError(
        f"{OP}: an index is a {type(item).__name__}, expected ints, slices, '...', None, or arrays "
        "of ints or bools"
    )


def _consumed(item: Any) -> int:
    """How many dimensions an index is for."""
    if isinstance(item, np.ndarray):
        return item.ndim if item.dtype == np.bool_ else 1
    return 0 if item is None or item is Ellipsis else 1
