"""Views: the same memory in another order, shape or part. See `cygnet.ops.join` for copies that
rearrange.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from cygnet import kernels
from cygnet.autograd import record, record_view
from cygnet.dtypes import NAMES
from cygnet.errors import composed
from cygnet.ops.broadcast import completed, expand, expanded, reshape, sum_to, to_shape, viewed
from cygnet.ops.common import (
    Shape,
    also_named,
    as_tensor,
    normalized_axes,
    normalized_axis,
    sizes,
    wrap,
)
from cygnet.ops.pieces import pieces
from cygnet.tensor import Array, Tensor

MOST_PARTS = 1 << 22

__all__ = [
    "adjoint",
    "atleast_1d",
    "atleast_2d",
    "atleast_3d",
    "broadcast_shapes",
    "broadcast_tensors",
    "broadcast_to",
    "chunk",
    "diagonal",
    "dsplit",
    "flatten",
    "hsplit",
    "moveaxis",
    "movedim",
    "narrow",
    "permute",
    "ravel",
    "select",
    "split",
    "split_with_sizes",
    "squeeze",
    "swapaxes",
    "swapdims",
    "t",
    "tensor_split",
    "transpose",
    "unbind",
    "unflatten",
    "unsqueeze",
    "vsplit",
]


@also_named("size")
def view(input: Tensor, *shape: Any) -> Tensor:
    """`reshape`; unlike PyTorch's it copies where the strides allow no view.

    Raises
    ------
    ShapeError
        If the number of elements differs.
    TypeError
        For a dtype in the place of sizes: memory is not read as another type here.
    """
    return reshape(input, *shape)


def view_as(input: Tensor, other: Tensor) -> Tensor:
    """`view` in the shape of `other`."""
    return reshape(input, as_tensor(other, "view_as", "other").shape)


def reshape_as(input: Tensor, other: Tensor) -> Tensor:
    """`reshape` to the shape of `other`."""
    return reshape(input, as_tensor(other, "reshape_as", "other").shape)


@composed
def ravel(input: Tensor) -> Tensor:
    """All elements in one dimension."""
    return reshape(input, -1)


def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Joins the dimensions from start_dim to end_dim into one; a 0-d tensor becomes a vector."""
    input = as_tensor(input, "flatten", "input")
    if input.ndim == 0:
        return to_shape(input, (1,))
    first = normalized_axis("flatten", start_dim, input.ndim)
    last = normalized_axis("flatten", end_dim, input.ndim)
    if first > last:
        raise ValueError(f"flatten: start_dim is {start_dim}, expected at most end_dim {end_dim}")
    shape = input.shape
    return to_shape(input, (*shape[:first], math.prod(shape[first : last + 1]), *shape[last + 1 :]))


@composed
def unflatten(input: Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
    """Splits a dimension into several, one of which may be -1.

    Raises
    ------
    ShapeError
        If their product is not the dimension's size.
    """
    input = as_tensor(input, "unflatten", "input")
    axis = normalized_axis("unflatten", dim, input.ndim)
    shape = input.shape
    inner = completed("unflatten", tuple(sizes), shape[axis])
    return to_shape(input, (*shape[:axis], *inner, *shape[axis + 1 :]))


@also_named("dims")
def permute(input: Tensor, *dims: Any) -> Tensor:
    """A view with the dimensions in another order."""
    input = as_tensor(input, "permute", "input")
    order = tuple(normalized_axis("permute", d, input.ndim) for d in sizes("permute", dims))
    if sorted(order) != list(range(input.ndim)):
        raise ValueError(
            f"permute: dims are {order}, expected each of the {input.ndim} dimensions once"
        )
    return permuted(input, order, "permute")


def permuted(input: Tensor, order: Shape, name: str = "permute") -> Tensor:
    """`permute` of a tensor by an order that needs no check."""
    back = tuple(sorted(range(len(order)), key=order.__getitem__))
    return record_view(
        input,
        input._array.transpose(order),
        lambda grad: (permuted(grad, back, name),),
        name,
        lambda other: permuted(other, order, name),
        fresh=None,
    )


def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """A view with two dimensions exchanged."""
    input = as_tensor(input, "transpose", "input")
    first = normalized_axis("transpose", dim0, input.ndim)
    second = normalized_axis("transpose", dim1, input.ndim)
    if input.ndim == 0:
        return input
    return record_view(
        input,
        input._array.swapaxes(first, second),
        lambda grad: (transpose(grad, first, second),),
        "transpose",
        lambda other: transpose(other, first, second),
        fresh=None,
    )


@composed
def swapaxes(input: Tensor, axis0: int, axis1: int) -> Tensor:
    """`transpose`."""
    return transpose(input, axis0, axis1)


def swapdims(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """`transpose`."""
    return transpose(input, dim0, dim1)


def t(input: Tensor) -> Tensor:
    """The transpose of a matrix; vectors and scalars stay as they are."""
    input = as_tensor(input, "t", "input")
    if input.ndim > 2:
        raise kernels.ShapeError(f"t: input has shape {input.shape}, expected at most 2 dimensions")
    return transpose(input, 0, 1) if input.ndim == 2 else input


def T(input: Tensor) -> Tensor:  # noqa: N802 (PyTorch's name)
    """A view with the dimensions in reverse order."""
    input = as_tensor(input, "T", "input")
    return permuted(input, tuple(range(input.ndim))[::-1], "T")


def mT(input: Tensor) -> Tensor:  # noqa: N802 (PyTorch's name)
    """A view with the last two dimensions exchanged: each matrix of a stack is transposed.

    Raises
    ------
    ShapeError
        If the tensor has fewer than two dimensions.
    """
    input = as_tensor(input, "mT", "input")
    if input.ndim < 2:
        raise kernels.ShapeError(
            f"mT: input has shape {input.shape}, expected at least 2 dimensions"
        )
    return transpose(input, -2, -1)


@composed
def movedim(input: Tensor, source: int | Sequence[int], destination: int | Sequence[int]) -> Tensor:
    """A view with the dimensions `source` at the positions `destination`, the others in order."""
    input = as_tensor(input, "movedim", "input")
    ends = []
    for name, dims in (("source", source), ("destination", destination)):
        listed = [dims] if isinstance(dims, int) else dims
        axes = [normalized_axis("movedim", d, input.ndim) for d in listed]
        if len(set(axes)) != len(axes):
            raise ValueError(f"movedim: {name} is {dims}, expected each dimension once")
        ends.append(axes)
    if len(ends[0]) != len(ends[1]):
        raise ValueError(
            f"movedim: source has {len(ends[0])} dimensions, destination {len(ends[1])}"
        )
    order = [i for i in range(input.ndim) if i not in ends[0]]
    for to, axis in sorted(zip(ends[1], ends[0], strict=True)):
        order.insert(to, axis)
    return permuted(input, tuple(order[: input.ndim]), "movedim")


moveaxis = movedim


def squeeze(input: Tensor, dim: int | Sequence[int] | None = None) -> Tensor:
    """Removes dimensions of size 1: all, or those of `dim` that have size 1."""
    input = as_tensor(input, "squeeze", "input")
    chosen = normalized_axes("squeeze", dim, input.ndim)
    return to_shape(input, tuple(s for i, s in enumerate(input.shape) if s != 1 or i not in chosen))


def unsqueeze(input: Tensor, dim: int) -> Tensor:
    """Inserts a dimension of size 1."""
    input = as_tensor(input, "unsqueeze", "input")
    at = normalized_axis("unsqueeze", dim, input.ndim + 1)
    return to_shape(input, (*input.shape[:at], 1, *input.shape[at:]))


def atleast_1d(*tensors: Any) -> Any:
    """Each tensor, a 0-d one as a vector; several, or one sequence of them, give a tuple."""
    return _each("atleast_1d", tensors, lambda x: x if x.ndim else to_shape(x, (1,)))


def atleast_2d(*tensors: Any) -> Any:
    """Each tensor with dimensions of size 1 in front until there are two; see `atleast_1d`."""

    def matrix(x: Tensor) -> Tensor:
        return x if x.ndim > 1 else to_shape(x, (1, x.numel()))

    return _each("atleast_2d", tensors, matrix)


def atleast_3d(*tensors: Any) -> Any:
    """Each tensor in three dimensions: (n,) as (1, n, 1) and (m, n) as (m, n, 1); see
    `atleast_1d`.
    """

    def cube(x: Tensor) -> Tensor:
        if x.ndim > 2:
            return x
        return to_shape(x, (*x.shape, 1) if x.ndim == 2 else (1, x.numel(), 1))

    return _each("atleast_3d", tensors, cube)


def _each(op: str, tensors: tuple[Any, ...], change: Any) -> Any:
    single = len(tensors) == 1
    if single and isinstance(tensors[0], list | tuple):
        tensors, single = tuple(tensors[0]), False
    changed = tuple(change(as_tensor(x, op, f"tensors[{i}]")) for i, x in enumerate(tensors))
    return changed[0] if single else changed


@composed
def sum_to_size(input: Tensor, *size: Any) -> Tensor:
    """The sum over those dimensions that `expand` adds or stretches from these sizes.

    Raises
    ------
    ShapeError
        If the sizes do not expand to the tensor's shape.
    """
    op = "sum_to_size"
    input, wanted = as_tensor(input, op, "input"), sizes(op, size)
    stretched = zip(wanted[::-1], input.shape[::-1], strict=False)
    if len(wanted) > input.ndim or any(n not in (1, whole) for n, whole in stretched):
        raise kernels.ShapeError(f"{op}: size is {wanted}, which does not expand to {input.shape}")
    return sum_to(input, wanted)


def expand_as(input: Tensor, other: Tensor) -> Tensor:
    """`expand` to the shape of `other`."""
    return expand(input, as_tensor(other, "expand_as", "other").shape)


@composed
def broadcast_to(input: Tensor, size: Sequence[int]) -> Tensor:
    """`expand`."""
    return expand(input, size)


def broadcast_tensors(*tensors: Any) -> tuple[Tensor, ...]:
    """Read-only views of all tensors in the shape that they broadcast to.

    Raises
    ------
    ShapeError
        If they do not broadcast.
    """
    op = "broadcast_tensors"
    listed = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], list | tuple) else tensors
    parts = [as_tensor(x, op, f"tensors[{i}]") for i, x in enumerate(listed)]
    shape = common_shape(op, [part.shape for part in parts])
    return tuple(expanded(part, shape) for part in parts)


def common_shape(op: str, shapes: Sequence[Shape]) -> Shape:
    """The shape that all shapes broadcast to; ShapeError if there is none."""
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        text = ", ".join(map(str, shapes))
        raise kernels.ShapeError(f"{op}: the shapes {text} do not broadcast") from None


def along(axis: int, part: Any) -> tuple[Any, ...]:
    """The index that takes `part` along one axis and all of the others."""
    return (*[slice(None)] * axis, part, ...)


@composed
def narrow(input: Tensor, dim: int, start: int, length: int) -> Tensor:
    """The part from `start` on, of `length`, of a dimension: a view.

    Raises
    ------
    IndexError
        If the part is not inside.
    """
    input = as_tensor(input, "narrow", "input")
    axis, size = _sized_axis("narrow", input, dim)
    if not -size <= start <= size:
        raise IndexError(f"narrow: start is {start}, expected {-size} to {size}")
    begin = start + size if start < 0 else start
    if not 0 <= length <= size - begin:
        raise IndexError(f"narrow: length is {length}, expected 0 to {size - begin}")
    return part_of(input, axis, begin, begin + length, "narrow")


def part_of(input: Tensor, axis: int, begin: int, end: int, name: str) -> Tensor:
    """The view from `begin` to `end` along an axis."""
    index = along(axis, slice(begin, end))
    return viewed(input, lambda array: array[index], name)


def _sized_axis(op: str, input: Tensor, dim: int) -> tuple[int, int]:
    """The axis and its size; a 0-d tensor has none."""
    if input.ndim == 0:
        raise kernels.ShapeError(f"{op}: input has shape (), expected at least 1 dimension")
    axis = normalized_axis(op, dim, input.ndim)
    return axis, input.shape[axis]


def whole_numbers(op: str, name: str, values: Any) -> list[int]:
    try:
        return [operator.index(value) for value in values]
    except TypeError:
        raise TypeError(f"{op}: {name} must be an int or a list of ints, got {values!r}") from None


def _check_parts(op: str, count: int) -> None:
    """Each part is an object: a size at the limits of integers must not take all memory."""
    if count > MOST_PARTS:
        raise ValueError(f"{op}: input is cut into {count} parts, expected at most {MOST_PARTS}")


@composed
def select(input: Tensor, dim: int, index: int) -> Tensor:
    """The entry `index` of a dimension, which vanishes: a view.

    Raises
    ------
    IndexError
        If there is no such entry.
    """
    input = as_tensor(input, "select", "input")
    axis, size = _sized_axis("select", input, dim)
    if not -size <= index < size:
        raise IndexError(f"select: index is {index}, expected {-size} to {size - 1}")
    at = along(axis, int(index))
    return viewed(input, lambda array: array[at], "select")


def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """All entries of a dimension, as views."""
    input = as_tensor(input, "unbind", "input")
    axis, size = _sized_axis("unbind", input, dim)
    _check_parts("unbind", size)
    return pieces(input, axis, [1] * size, "unbind", alone=True)


@composed
def split(
    tensor: Tensor, split_size_or_sections: int | Sequence[int], dim: int = 0
) -> tuple[Tensor, ...]:
    """Views of parts along a dimension: of one size, the last may be smaller, or of given sizes.

    Raises
    ------
    ValueError
        If the size is not positive or the sizes do not add up to the dimension's.
    """
    tensor = as_tensor(tensor, "split", "tensor")
    axis, size = _sized_axis("split", tensor, dim)
    if not isinstance(split_size_or_sections, int):
        lengths = whole_numbers("split", "split_size_or_sections", split_size_or_sections)
        if min(lengths, default=0) < 0 or sum(lengths) != size:
            raise ValueError(f"split: the sizes {lengths} do not add up to {size}")
    else:
        step = split_size_or_sections
        if step < 0 or (step == 0 and size > 0):
            raise ValueError(f"split: split_size is {step}, expected at least 1")
        _check_parts("split", size // max(step, 1))
        lengths = [min(step, size - begin) for begin in range(0, size, max(step, 1))] or [0]
    return pieces(tensor, axis, lengths, "split")


@composed
def split_with_sizes(input: Tensor, split_sizes: Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """`split` with a list of sizes."""
    return split(input, list(split_sizes), dim)


def _parts(input: Tensor, axis: int, ends: Sequence[int], name: str) -> tuple[Tensor, ...]:
    return tuple(
        part_of(input, axis, begin, max(begin, end), name)
        for begin, end in zip([0, *ends], ends, strict=False)
    )


@composed
def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """Views of at most `chunks` parts along a dimension, all of one size but the last."""
    input = as_tensor(input, "chunk", "input")
    if chunks < 1:
        raise ValueError(f"chunk: chunks is {chunks}, expected at least 1")
    axis, size = _sized_axis("chunk", input, dim)
    if size == 0:
        _check_parts("chunk", chunks)
        return pieces(input, axis, [0] * chunks, "chunk")
    return split(input, -(-size // chunks), axis)


@composed
def tensor_split(
    input: Tensor, indices_or_sections: int | Sequence[int] | Tensor, dim: int = 0
) -> tuple[Tensor, ...]:
    """Views of parts along a dimension: so many of sizes that differ by at most one, or cut before
    given indices.
    """
    input = as_tensor(input, "tensor_split", "input")
    axis, size = _sized_axis("tensor_split", input, dim)
    if isinstance(indices_or_sections, Tensor):
        indices_or_sections = indices_or_sections.tolist()
    if isinstance(indices_or_sections, int):
        sections = indices_or_sections
        if sections < 1:
            raise ValueError(f"tensor_split: sections is {sections}, expected at least 1")
        _check_parts("tensor_split", sections)
        small, larger = divmod(size, sections)
        ends = [small * (i + 1) + min(i + 1, larger) for i in range(sections)]
    else:
        indices = whole_numbers("tensor_split", "indices_or_sections", indices_or_sections)
        ends = [slice(0, end).indices(size)[1] for end in indices] + [size]
    return _parts(input, axis, ends, "tensor_split")


@composed
def hsplit(input: Tensor, indices_or_sections: int | Sequence[int]) -> tuple[Tensor, ...]:
    """`tensor_split` along the second dimension, or the only one."""
    input = as_tensor(input, "hsplit", "input")
    return _equal_split("hsplit", input, indices_or_sections, 1 if input.ndim > 1 else 0, 1)


@composed
def vsplit(input: Tensor, indices_or_sections: int | Sequence[int]) -> tuple[Tensor, ...]:
    """`tensor_split` along the first dimension of two or more."""
    return _equal_split("vsplit", input, indices_or_sections, 0, 2)


@composed
def dsplit(input: Tensor, indices_or_sections: int | Sequence[int]) -> tuple[Tensor, ...]:
    """`tensor_split` along the third dimension."""
    return _equal_split("dsplit", input, indices_or_sections, 2, 3)


def _equal_split(
    op: str, input: Tensor, sections: int | Sequence[int], axis: int, rank: int
) -> tuple[Tensor, ...]:
    input = as_tensor(input, op, "input")
    if input.ndim < rank:
        raise kernels.ShapeError(
            f"{op}: input has shape {input.shape}, expected at least {rank} dimensions"
        )
    if isinstance(sections, int) and (sections < 1 or input.shape[axis] % sections):
        raise ValueError(f"{op}: {sections} sections do not divide the size {input.shape[axis]}")
    return tensor_split(input, sections, axis)


@composed
def diagonal(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """The diagonal of two dimensions as the last one: a view.

    Parameters
    ----------
    input : Tensor
        At least two dimensions.
    offset : int
        Above (positive) or below the main diagonal; beyond the matrix there is none. Default 0.
    dim1, dim2 : int
        The two dimensions. Defaults 0 and 1.
    """
    input = as_tensor(input, "diagonal", "input")
    if input.ndim < 2:
        raise kernels.ShapeError(
            f"diagonal: input has shape {input.shape}, expected at least 2 dimensions"
        )
    first = normalized_axis("diagonal", dim1, input.ndim)
    second = normalized_axis("diagonal", dim2, input.ndim)
    if first == second:
        raise ValueError(f"diagonal: dim1 and dim2 are both dimension {first}")
    # NumPy negates it as a C int: of the least one it would give a view outside of the array.
    start = max(-input.shape[first], min(operator.index(offset), input.shape[second]))

    def take(array: Array) -> Array:
        result = array.diagonal(start, first, second)
        result.flags.writeable = array.flags.writeable
        return result

    return viewed(input, take, "diagonal")


@composed
def unfold(input: Tensor, dimension: int, size: int, step: int) -> Tensor:
    """All windows of `size` along a dimension, `step` apart, with the window as a last dimension:
    a view, read-only since windows overlap.

    Raises
    ------
    ValueError
        If the size is larger than the dimension or the step is not positive.
    """
    input = as_tensor(input, "unfold", "input")
    axis = normalized_axis("unfold", dimension, input.ndim)
    length = input.shape[axis] if input.ndim else 1
    if not 0 <= size <= length:
        raise ValueError(f"unfold: size is {size}, expected 0 to {length}")
    if step < 1:
        raise ValueError(f"unfold: step is {step}, expected at least 1")
    if input.ndim == 0:
        return to_shape(input, (1,) * size)
    shape, step = input.shape, min(step, length + 1)  # beyond the length all steps are alike

    def windows(array: Array) -> Array:
        view = np.lib.stride_tricks.as_strided
        count, stride = (length - size) // step + 1, array.strides[axis]
        sizes = (*shape[:axis], count, *shape[axis + 1 :], size)
        steps = (*array.strides[:axis], stride * step, *array.strides[axis + 1 :], stride)
        return view(array, sizes, steps)

    return overlapping(input, windows, "unfold")


def overlapping(input: Tensor, windows: Any, name: str) -> Tensor:
    """A read-only view in which `windows` shows elements of the input's array more than once."""
    shape = input.shape

    def backward(grad: Tensor) -> tuple[Tensor]:
        return (overlap_added(grad, shape, windows, name),)

    array = windows(input._array)
    array.flags.writeable = False
    return record_view(
        input, array, backward, name, lambda other: overlapping(other, windows, name)
    )


def overlap_added(grad: Tensor, shape: Shape, windows: Any, name: str) -> Tensor:
    """Zeros of `shape`, to which `grad` is added through the view `windows`."""
    whole = kernels.full(shape, 0.0, NAMES[grad.dtype])
    kernels.overlap_add(windows(whole), grad._array)
    return record(
        wrap(whole),
        (grad,),
        lambda again: (overlapping(again, windows, name),),
        name,
        saved=(),
        fresh=False,
    )


@composed
def adjoint(input: Tensor) -> Tensor:
    """`mT`: tensors are real."""
    return mT(input)


def broadcast_shapes(*shapes: int | Sequence[int]) -> Shape:
    """The shape that all given ones broadcast to; an int is the shape of a vector.

    Raises
    ------
    ShapeError
        If there is none.
    """
    given = [(shape,) if isinstance(shape, int) else tuple(shape) for shape in shapes]
    return common_shape("broadcast_shapes", given)
