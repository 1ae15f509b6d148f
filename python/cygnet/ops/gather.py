"""Selection by integer indices along one dimension, and its opposite, scattering."""

from __future__ import annotations

from typing import Any

import numpy as np

from cygnet import kernels
from cygnet.autograd import record
from cygnet.errors import composed
from cygnet.ops.broadcast import expanded, reshape, to_shape, viewed
from cygnet.ops.common import Number, as_tensor, cast, normalized_axis, wrap
from cygnet.ops.create import ones_like
from cygnet.ops.elementwise import div, eq, mul
from cygnet.ops.shape import common_shape
from cygnet.tensor import FLOATS, Array, Tensor

__all__ = [
    "gather",
    "scatter",
    "scatter_add",
    "scatter_reduce",
    "take_along_dim",
]

INDICES = (np.dtype(np.int64), np.dtype(np.int32))


def gather_rows(input: Tensor, index: Tensor, axis: int = 0) -> Tensor:
    """The entries `index` (a vector of positions) of a dimension of `input`."""
    output = wrap(kernels.gather_rows(input._array, index._array, axis))
    rows = input.shape[axis]
    return record(
        output,
        (input,),
        lambda grad: (scatter_add_rows(grad, index, rows, axis),),
        "gather_rows",
        saved=(index,),
    )


def scatter_add_rows(grad: Tensor, index: Tensor, rows: int, axis: int = 0) -> Tensor:
    """Zeros with `rows` entries along the axis; entry i of `grad` is added at position index[i]."""
    output = wrap(kernels.scatter_add_rows(grad._array, index._array, rows, axis))
    return record(
        output,
        (grad,),
        lambda again: (gather_rows(again, index, axis),),
        "scatter_add_rows",
        saved=(index,),
    )


def _aligned(op: str, name: str, tensor: Tensor, index: Tensor, axis: int | None) -> Tensor:
    """The part of `tensor` that `index` counts in: as large as it but along `axis`."""
    sizes = tuple(
        size if i == axis else wanted
        for i, (size, wanted) in enumerate(zip(tensor.shape, index.shape, strict=False))
    )
    if tensor.ndim != index.ndim or any(
        wanted > size for size, wanted in zip(tensor.shape, sizes, strict=True)
    ):
        beside = "" if axis is None else f", but for dimension {axis}"
        raise kernels.ShapeError(
            f"{op}: index has shape {index.shape}, expected as many dimensions as {name} of shape "
            f"{tensor.shape} and no larger sizes{beside}"
        )
    return tensor if sizes == tensor.shape else viewed(tensor, _corner(sizes), op)


def _corner(sizes: tuple[int, ...]) -> Any:
    index = tuple(slice(size) for size in sizes)
    return lambda array: array[index]


@composed
def gather(input: Tensor, dim: int, index: Tensor, *, sparse_grad: bool = False) -> Tensor:
    """input[i][index[i][j]] and so on along `dim`.

    Parameters
    ----------
    input : Tensor
    dim : int
    index : Tensor
        int64 or int32, not negative; as many dimensions as `input`, no size but that of `dim`
        larger than its.
    sparse_grad : bool
        Accepted for PyTorch's sake; the gradient is always dense.

    Returns
    -------
    Tensor
        Of the shape of `index`.

    Raises
    ------
    ShapeError, DTypeError, IndexError
    """
    input, index = as_tensor(input, "gather", "input"), as_tensor(index, "gather", "index")
    axis = normalized_axis("gather", dim, input.ndim)
    if input.ndim == 0:
        return to_shape(gather_rows(to_shape(input, (1,)), reshape(index, -1)), index.shape)
    if index.ndim == 0 and input.ndim == 1:
        return to_shape(_gathered(input, to_shape(index, (1,)), axis), ())
    return _gathered(_aligned("gather", "input", input, index, axis), index, axis)


def _gathered(input: Tensor, index: Tensor, axis: int) -> Tensor:
    output = wrap(kernels.take_along_axis(input._array, index._array, axis))
    size = input.shape[axis]
    return record(
        output,
        (input,),
        lambda grad: (scatter_along(grad, index, axis, size),),
        "gather",
        saved=(index,),
    )


def scatter_along(grad: Tensor, index: Tensor, axis: int, size: int) -> Tensor:
    """The gradient of `gather`: zeros of `size` along the axis, to which `grad` is added at the
    positions `index`.
    """
    output = wrap(kernels.scatter_add_along_axis(grad._array, index._array, axis, size))
    return record(
        output,
        (grad,),
        lambda again: (_gathered(again, index, axis),),
        "scatter_along",
        saved=(index,),
    )


@composed
def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None) -> Tensor:
    """`gather` where all other sizes broadcast; of the flattened tensors without `dim`."""
    op = "take_along_dim"
    input, indices = as_tensor(input, op, "input"), as_tensor(indices, op, "indices")
    if dim is None:
        return gather(reshape(input, -1), 0, reshape(indices, -1))
    axis = normalized_axis(op, dim, input.ndim)
    if input.ndim != indices.ndim:
        raise kernels.ShapeError(
            f"{op}: indices has shape {indices.shape}, expected {input.ndim} dimensions"
        )
    shapes = [(*x.shape[:axis], 1, *x.shape[axis + 1 :]) for x in (input, indices)]
    shared = common_shape(op, shapes)

    def stretched(x: Tensor) -> Tensor:
        return expanded(x, (*shared[:axis], x.shape[axis], *shared[axis + 1 :]))

    return gather(stretched(input), axis, stretched(indices))


def _put_along(input: Tensor, index: Tensor, src: Tensor, axis: int, mode: str) -> Array:
    """A copy of `input` with `src` put in at `index` along the axis."""
    array = kernels.contiguous(input._array, always_copy=True)
    area = array[tuple(slice(None) if i == axis else slice(n) for i, n in enumerate(index.shape))]
    kernels.put_along_axis(area, index._array, src._array, axis, mode)
    return array


def _scattered(
    op: str, input: Tensor, dim: int, index: Tensor, src: Tensor, mode: str
) -> tuple[Tensor, Tensor, Tensor, Tensor, int]:
    """The scattered result, and input, index, source and axis as they fit each other."""
    input, index = as_tensor(input, op, "input"), as_tensor(index, op, "index")
    src = as_tensor(src, op, "src")
    if src.dtype != input.dtype:
        raise kernels.DTypeError(f"{op}: src is {src.dtype}, expected {input.dtype}, as input")
    axis = normalized_axis(op, dim, input.ndim)
    if input.ndim == 0:
        input = to_shape(input, (1,))
    if index.ndim == 0:
        index = to_shape(index, (1,))
    if src.ndim == 0:
        src = to_shape(src, (1,))
    _aligned(op, "input", input.detach(), index, axis)
    src = _aligned(op, "src", src, index, None)
    return wrap(_put_along(input, index, src, axis, mode)), input, index, src, axis


@composed
def scatter(
    input: Tensor,
    dim: int,
    index: Tensor,
    src: Tensor | Number | None = None,
    *,
    value: Number | None = None,
    reduce: str | None = None,
) -> Tensor:
    """A copy of `input` in which src[i][j] stands at [i][index[i][j]] and so on along `dim`.

    Parameters
    ----------
    input : Tensor
    dim : int
    index : Tensor
        int64 or int32, not negative; as many dimensions as `input`, no size but that of `dim`
        larger than its. Where a position comes twice, the last one counts, but all get gradients.
    src : Tensor or number
        Of the input's type and at least the index's sizes.
    value : number, optional
        In the place of `src`.
    reduce : str, optional
        'add' or 'multiply': what is done with the number that stands there. 'multiply' has no
        gradient.

    Raises
    ------
    ShapeError, DTypeError, ValueError, IndexError
    """
    op = "scatter"
    if reduce not in (None, "add", "multiply"):
        raise ValueError(f"{op}: reduce is {reduce!r}, expected 'add' or 'multiply'")
    src = value if src is None else src
    if src is None:
        raise TypeError(f"{op}: expected src or value")
    if not isinstance(src, Tensor):
        number = wrap(np.array(src, as_tensor(input, op, "input").dtype))
        src = expanded(number, as_tensor(index, op, "index").shape)
    if reduce == "add":
        return scatter_add(input, dim, index, src)
    mode = "multiply" if reduce else "assign"
    output, target, at, source, axis = _scattered(op, input, dim, index, src, mode)

    def backward(grad: Tensor) -> tuple[Tensor | None, ...]:
        if reduce:
            raise RuntimeError("scatter: reduce='multiply' has no gradient")
        return (
            scatter(grad, axis, at, 0) if target.requires_grad else None,
            gather(grad, axis, at) if source.requires_grad else None,
        )

    output = record(output, (target, source), backward, op, saved=(at,))
    return to_shape(output, input.shape)


@composed
def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """A copy of `input` to which src[i][j] is added at [i][index[i][j]] and so on along `dim`; see
    `scatter`.
    """
    op = "scatter_add"
    output, target, at, source, axis = _scattered(op, input, dim, index, src, "add")

    def backward(grad: Tensor) -> tuple[Tensor | None, ...]:
        return grad, gather(grad, axis, at) if source.requires_grad else None

    output = record(output, (target, source), backward, op, saved=(at,), fresh=False)
    return to_shape(output, input.shape)


# The number that changes nothing, by reduction: a type's own lowest and highest for amax and amin.
def _neutral(reduce: str, dtype: np.dtype[Any]) -> Number:
    if reduce in ("sum", "mean", "prod"):
        return 1 if reduce == "prod" else 0
    if dtype in FLOATS:
        return -np.inf if reduce == "amax" else np.inf
    limits = np.iinfo(dtype)
    return int(limits.min if reduce == "amax" else limits.max)


_MODES = {"sum": "add", "mean": "add", "prod": "multiply", "amax": "amax", "amin": "amin"}


@composed
def scatter_reduce(
    input: Tensor,
    dim: int,
    index: Tensor,
    src: Tensor,
    reduce: str,
    *,
    include_self: bool = True,
) -> Tensor:
    """A copy of `input` in which the elements of `src` that meet at one place are reduced.

    Parameters
    ----------
    input, dim, index, src
        As for `scatter`.
    reduce : str
        'sum', 'prod', 'mean', 'amax' or 'amin'. 'prod' has no gradient; equal largest or smallest
        ones share theirs.
    include_self : bool
        Whether the element of `input` takes part. Default True.

    Raises
    ------
    ShapeError, DTypeError, ValueError, IndexError
    """
    op = "scatter_reduce"
    if reduce not in _MODES:
        raise ValueError(
            f"{op}: reduce is {reduce!r}, expected 'sum', 'prod', 'mean', 'amax' or 'amin'"
        )
    input = as_tensor(input, op, "input")
    if not include_self:
        input = scatter(input, dim, index, _neutral(reduce, input.dtype))
    if reduce == "sum":
        return scatter_add(input, dim, index, src)
    if reduce == "mean":
        start = ones_like(input)
        if not include_self:
            start = scatter(start, dim, index, 0)
        counts = scatter_add(start, dim, index, ones_like(src))
        return _mean(scatter_add(input, dim, index, src), counts)
    output, target, at, source, axis = _scattered(op, input, dim, index, src, _MODES[reduce])
    extremes = output._array

    def backward(grad: Tensor) -> tuple[Tensor, Tensor]:
        if reduce == "prod":
            raise RuntimeError("scatter_reduce: reduce='prod' has no gradient")
        reached = wrap(extremes)
        own = cast(eq(target, reached), grad.dtype)
        theirs = cast(eq(source, gather(reached, axis, at)), grad.dtype)
        share = div(grad, scatter_add(own, axis, at, theirs))
        return mul(own, share), mul(theirs, gather(share, axis, at))

    output = record(output, (target, source), backward, op, saved=(target, source, at, output))
    return to_shape(output, input.shape)


def _mean(total: Tensor, counts: Tensor) -> Tensor:
    """total / counts, for integers rounded down."""
    if total.dtype in FLOATS:
        return div(total, counts)
    double = np.dtype(np.float64)
    quotient = kernels.floor(div(cast(total, double), cast(counts, double))._array)
    return cast(wrap(quotient), total.dtype)
