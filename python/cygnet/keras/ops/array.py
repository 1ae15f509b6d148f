"""Functions that make arrays, and change their shape and order."""

from __future__ import annotations

import builtins
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import cygnet.ops as core
from cygnet.dtypes import get_default_dtype
from cygnet.keras.operation import lifted
from cygnet.keras.ops.common import Axis, in_dtype, operand, tensor_of
from cygnet.keras.symbolic import KerasTensor
from cygnet.ops.common import wrap
from cygnet.tensor import Array, Tensor

Index = int | None | dict[str, Any] | str | Any


def convert_to_tensor(x: Any, dtype: Any = None, sparse: Any = None, ragged: Any = None) -> Tensor:
    """A tensor of an array, a list or a number."""
    return in_dtype(tensor_of(x), dtype)


def array(x: Any, dtype: Any = None) -> Tensor:
    """A tensor with memory of its own."""
    return core.clone(convert_to_tensor(x, dtype))


def convert_to_numpy(x: Any) -> Array:
    """A NumPy array with the tensor's numbers."""
    return x.detach().numpy() if isinstance(x, Tensor) else np.asarray(x)


def is_tensor(x: Any) -> bool:
    """Whether `x` is a tensor."""
    return isinstance(x, Tensor | KerasTensor)


def shape(x: Any) -> tuple[int | None, ...]:
    """The sizes as a tuple, None where a KerasTensor's is not known."""
    return tuple(x.shape if isinstance(x, KerasTensor) else tensor_of(x).shape)


def ndim(x: Any) -> int:
    """The number of axes."""
    return len(shape(x))


def size(x: Any) -> int | None:
    """The number of elements."""
    sizes = shape(x)
    return None if None in sizes else math.prod(sizes)  # type: ignore[arg-type]


def dtype(x: Any) -> str:
    """The name of the type."""
    return str(x.dtype if isinstance(x, KerasTensor) else tensor_of(x).dtype)


@lifted
def stop_gradient(variable: Any) -> Tensor:
    """The same numbers, which no gradient passes."""
    return tensor_of(variable).detach()


# Creation


def zeros(shape: Any, dtype: Any = None) -> Tensor:
    """Zeros, by default float32."""
    return core.zeros(shape, dtype=dtype)


def ones(shape: Any, dtype: Any = None) -> Tensor:
    """Ones, by default float32."""
    return core.ones(shape, dtype=dtype)


def empty(shape: Any, dtype: Any = None) -> Tensor:
    """The same as `zeros`."""
    return core.zeros(shape, dtype=dtype)


def full(shape: Any, fill_value: Any, dtype: Any = None) -> Tensor:
    """One number everywhere, or an array that is broadcast."""
    if isinstance(fill_value, bool | int | float):
        return core.full(shape, fill_value, dtype=dtype)
    return core.clone(core.broadcast_to(convert_to_tensor(fill_value, dtype), shape))


@lifted
def zeros_like(x: Any, dtype: Any = None) -> Tensor:
    """Zeros of the shape and, by default, the type of `x`."""
    return core.zeros_like(tensor_of(x), dtype=dtype)


@lifted
def ones_like(x: Any, dtype: Any = None) -> Tensor:
    """Ones of the shape and, by default, the type of `x`."""
    return core.ones_like(tensor_of(x), dtype=dtype)


@lifted
def full_like(x: Any, fill_value: Any, dtype: Any = None) -> Tensor:
    """One number in the shape and, by default, the type of `x`."""
    return core.full_like(tensor_of(x), fill_value, dtype=dtype)


def arange(start: Any, stop: Any = None, step: Any = None, dtype: Any = None) -> Tensor:
    """start, start + step, ... below stop; with one argument from 0."""
    return core.arange(start, stop, 1 if step is None else step, dtype=dtype)


def linspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = None,
    axis: int = 0,
) -> Any:
    """`num` numbers at equal distances from start to stop, which `endpoint` includes.

    Parameters
    ----------
    start, stop : number
        Not arrays, which Keras takes as well.
    retstep : bool
        Whether the distance is returned too. Default False.
    """
    step = (stop - start) / builtins.max(1, num - 1 if endpoint else num)
    last = stop if endpoint else stop - step
    made = core.linspace(start, last, num, dtype=dtype)
    return (made, step) if retstep else made


def logspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    base: float = 10,
    dtype: Any = None,
    axis: int = 0,
) -> Tensor:
    """`base` to the powers that `linspace` gives."""
    last = stop if endpoint else stop - (stop - start) / builtins.max(1, num)
    return core.logspace(start, last, num, float(base), dtype=dtype)


def eye(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> Tensor:  # noqa: N803
    """Ones on the k-th diagonal of an (N, M) matrix."""
    wanted = get_default_dtype() if dtype is None else np.dtype(dtype)
    return wrap(np.eye(N, M, k, wanted))


def identity(n: int, dtype: Any = None) -> Tensor:
    """Ones on the diagonal of an (n, n) matrix."""
    return eye(n, dtype=dtype)


def tri(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> Tensor:  # noqa: N803
    """Ones up to the k-th diagonal of an (N, M) matrix."""
    wanted = get_default_dtype() if dtype is None else np.dtype(dtype)
    return wrap(np.tri(N, M, k, wanted))


def meshgrid(*x: Any, indexing: str = "xy") -> list[Tensor]:
    """The coordinates of a grid."""
    return list(core.meshgrid(*builtins.map(tensor_of, x), indexing=indexing))


# Shape


@lifted
def reshape(x: Any, newshape: Any) -> Tensor:
    """The same numbers in another shape, in which one size may be -1 (or None)."""
    sizes = (newshape,) if isinstance(newshape, int) else newshape
    return core.reshape(tensor_of(x), tuple(-1 if size is None else int(size) for size in sizes))


@lifted
def ravel(x: Any) -> Tensor:
    """All numbers along one axis."""
    return core.ravel(tensor_of(x))


@lifted
def transpose(x: Any, axes: Sequence[int] | None = None) -> Tensor:
    """The axes in another order, by default the reverse."""
    x = tensor_of(x)
    return core.permute(x, tuple(range(x.ndim))[::-1] if axes is None else tuple(axes))


@lifted
def swapaxes(x: Any, axis1: int, axis2: int) -> Tensor:
    """Two axes exchanged."""
    return core.transpose(tensor_of(x), axis1, axis2)


@lifted
def moveaxis(x: Any, source: Any, destination: Any) -> Tensor:
    """Axes at other places."""
    return core.movedim(tensor_of(x), source, destination)


@lifted
def expand_dims(x: Any, axis: Axis) -> Tensor:
    """New axes of size 1, at these places of the result."""
    x = tensor_of(x)
    axes = (axis,) if isinstance(axis, int) else tuple(axis or ())
    total = x.ndim + len(axes)
    for each in sorted(a + total if a < 0 else a for a in axes):
        x = core.unsqueeze(x, each)
    return x


@lifted
def squeeze(x: Any, axis: Axis = None) -> Tensor:
    """Without axes of size 1.

    Raises
    ------
    ValueError
        If a given axis has another size.
    """
    x = tensor_of(x)
    if axis is None:
        return core.squeeze(x)
    axes = (axis,) if isinstance(axis, int) else tuple(axis)
    for each in axes:
        if x.shape[each] != 1:
            raise ValueError(f"squeeze: axis {each} has size {x.shape[each]}, expected 1")
    return core.squeeze(x, axes)


@lifted
def broadcast_to(x: Any, shape: Any) -> Tensor:
    """The numbers repeated along axes of size 1 and new ones in front."""
    return core.broadcast_to(tensor_of(x), tuple(shape))


@lifted
def concatenate(xs: Any, axis: int = 0) -> Tensor:
    """Tensors one behind the other along an axis, in the highest of their types."""
    return core.cat([tensor_of(x) for x in xs], axis)


@lifted
def stack(x: Any, axis: int = 0) -> Tensor:
    """Tensors one behind the other along a new axis."""
    return core.stack([tensor_of(each) for each in x], axis)


@lifted
def unstack(x: Any, num: int | None = None, axis: int = 0) -> list[Tensor]:
    """The parts along an axis, which is gone."""
    return list(core.unbind(tensor_of(x), axis))


@lifted
def split(x: Any, indices_or_sections: Any, axis: int = 0) -> list[Tensor]:
    """So many equal parts, or parts that begin at these places.

    Raises
    ------
    ValueError
        If the parts would not be equal.
    """
    x = tensor_of(x)
    if isinstance(indices_or_sections, int):
        if x.shape[axis] % indices_or_sections:
            raise ValueError(
                f"split: axis {axis} has size {x.shape[axis]}, expected a multiple of "
                f"{indices_or_sections}"
            )
        return list(core.tensor_split(x, indices_or_sections, axis))
    return list(core.tensor_split(x, tuple(indices_or_sections), axis))


@lifted
def array_split(x: Any, indices_or_sections: Any, axis: int = 0) -> list[Tensor]:
    """As `split`, with parts that may differ in size by 1."""
    given = indices_or_sections
    return list(core.tensor_split(tensor_of(x), given if isinstance(given, int) else tuple(given), axis))


def _joining(name: str) -> Callable[..., Any]:
    def join(xs: Any) -> Tensor:
        return getattr(core, name)([tensor_of(x) for x in xs])  # type: ignore[no-any-return]

    join.__name__ = join.__qualname__ = name
    join.__doc__ = f"`{name}` of tensors, as NumPy's."
    return lifted(join)


hstack, vstack, dstack = _joining("hstack"), _joining("vstack"), _joining("dstack")


@lifted
def append(x1: Any, x2: Any, axis: int | None = None) -> Tensor:
    """`x2` behind `x1`; both flat without an axis."""
    parts = [tensor_of(x1), tensor_of(x2)]
    return core.cat([core.ravel(p) for p in parts]) if axis is None else core.cat(parts, axis)


@lifted
def tile(x: Any, repeats: Any) -> Tensor:
    """The whole tensor repeated along its axes."""
    return core.tile(tensor_of(x), (repeats,) if isinstance(repeats, int) else tuple(repeats))


@lifted
def repeat(x: Any, repeats: Any, axis: int | None = None) -> Tensor:
    """Each element repeated along an axis, by default of the flat tensor."""
    times = repeats if isinstance(repeats, int) else tensor_of(repeats)
    return core.repeat_interleave(tensor_of(x), times, axis)


@lifted
def pad(x: Any, pad_width: Any, mode: str = "constant", constant_values: Any = None) -> Tensor:
    """More elements before and behind each axis.

    Parameters
    ----------
    pad_width : int, pair or sequence of pairs
        How many, of all axes or of each one.
    mode : str
        "constant" (default), "reflect" or "symmetric".
    constant_values : number, optional
        Default 0.

    Raises
    ------
    ValueError
        If the mode is unknown.
    """
    x = tensor_of(x)
    widths = np.broadcast_to(np.asarray(pad_width), (x.ndim, 2)).tolist()
    if mode == "constant":
        flat = [width for pair in reversed(widths) for width in pair]
        return core.pad(x, flat, value=0.0 if constant_values is None else constant_values)
    if mode not in ("reflect", "symmetric"):
        raise ValueError(f"pad: mode is {mode!r}, expected 'constant', 'reflect' or 'symmetric'")
    for axis, (before, after) in enumerate(widths):
        if before or after:
            places = np.pad(np.arange(x.shape[axis]), (before, after), mode=mode)
            x = core.index_select(x, axis, wrap(places))
    return x


@lifted
def flip(x: Any, axis: Axis = None) -> Tensor:
    """In reverse along the axes, by default all."""
    x = tensor_of(x)
    axes = tuple(range(x.ndim)) if axis is None else (axis,) if isinstance(axis, int) else axis
    return core.flip(x, tuple(axes))


@lifted
def roll(x: Any, shift: Any, axis: Any = None) -> Tensor:
    """Shifted along the axes, round the end; by default along the flat tensor."""
    return core.roll(tensor_of(x), shift, axis)


@lifted
def rot90(array: Any, k: int = 1, axes: Sequence[int] = (0, 1)) -> Tensor:
    """Turned by k right angles in the plane of two axes."""
    return core.rot90(tensor_of(array), k, tuple(axes))


# Parts


@lifted
def take(x: Any, indices: Any, axis: int | None = None) -> Tensor:
    """The entries at these places of an axis, by default of the flat tensor."""
    x, places = tensor_of(x), in_dtype(tensor_of(indices), "int64")
    if axis is None:
        x, axis = core.ravel(x), 0
    axis = axis + x.ndim if axis < 0 else axis
    return x[(builtins.slice(None),) * axis + (places,)]


@lifted
def take_along_axis(x: Any, indices: Any, axis: int | None = None) -> Tensor:
    """The entry at each place along an axis."""
    return core.take_along_dim(tensor_of(x), in_dtype(tensor_of(indices), "int64"), axis)


def encoded_index(index: Any) -> dict[str, Any]:
    """What stands in ``x[...]`` as JSON can hold it."""

    def encoded(part: Any) -> Any:
        if isinstance(part, builtins.slice):
            return {"slice": [part.start, part.stop, part.step]}
        return "..." if part is Ellipsis else part

    return {"index": [encoded(p) for p in (index if isinstance(index, tuple) else (index,))]}


def _decoded(part: Any) -> Any:
    if isinstance(part, dict):
        return builtins.slice(*part["slice"])
    return Ellipsis if isinstance(part, str) else part


@lifted
def get_item(x: Any, key: Any) -> Tensor:
    """``x[key]``; slices may have negative steps."""
    x = tensor_of(x)
    if isinstance(key, dict):
        key = tuple(builtins.map(_decoded, key["index"]))
    return x[key]


@lifted
def slice(inputs: Any, start_indices: Any, shape: Any) -> Tensor:
    """A block that begins at these indices and has this shape."""
    begins = [int(begin) for begin in start_indices]
    return tensor_of(inputs)[
        tuple(builtins.slice(begin, begin + size) for begin, size in zip(begins, shape, strict=True))
    ]


@lifted
def slice_update(inputs: Any, start_indices: Any, updates: Any) -> Tensor:
    """A copy in which a block that begins at these indices is `updates`."""
    updates = tensor_of(updates)
    begins = [int(begin) for begin in start_indices]
    copy = core.clone(tensor_of(inputs))
    block = tuple(builtins.slice(b, b + n) for b, n in zip(begins, updates.shape, strict=True))
    copy[block] = updates
    return copy


@lifted
def scatter(indices: Any, values: Any, shape: Any) -> Tensor:
    """Zeros of a shape, with values added at rows of indices (n, k)."""
    values = tensor_of(values)
    places = core.unbind(in_dtype(tensor_of(indices), "int64"), -1)
    empty = core.zeros(tuple(shape), dtype=values.dtype)
    return core.index_put(empty, places, values, accumulate=True)


@lifted
def scatter_update(inputs: Any, indices: Any, updates: Any, reduction: str | None = None) -> Tensor:
    """A copy with other values at rows of indices (n, k); they are added if reduction is "add"."""
    if reduction not in (None, "add"):
        raise ValueError(f"scatter_update: reduction is {reduction!r}, expected None or 'add'")
    places = core.unbind(in_dtype(tensor_of(indices), "int64"), -1)
    return core.index_put(
        tensor_of(inputs), places, tensor_of(updates), accumulate=reduction == "add"
    )


@lifted
def nonzero(x: Any) -> tuple[Tensor, ...]:
    """The indices of what is not 0, a vector for each axis."""
    return core.nonzero(tensor_of(x), as_tuple=True)  # type: ignore[return-value]


def unique(x: Any, sorted: bool = True, return_inverse: bool = False, return_counts: bool = False) -> Any:
    """The different numbers."""
    return core.unique(tensor_of(x), True, return_inverse, return_counts)


@lifted
def searchsorted(sorted_sequence: Any, values: Any, side: str = "left") -> Tensor:
    """Where values would stand in a sorted sequence."""
    return core.searchsorted(tensor_of(sorted_sequence), tensor_of(values), side=side)


@lifted
def digitize(x: Any, bins: Any) -> Tensor:
    """The number of the bin that each value lies in."""
    bins = in_dtype(tensor_of(bins), "float32")
    return core.bucketize(in_dtype(tensor_of(x), "float32"), bins, right=True)


@lifted
def bincount(x: Any, weights: Any = None, minlength: int = 0, sparse: bool = False) -> Tensor:
    """How often each number occurs."""
    given = None if weights is None else tensor_of(weights)
    return core.bincount(tensor_of(x), given, minlength)


@lifted
def isin(x1: Any, x2: Any, assume_unique: bool = False, invert: bool = False) -> Tensor:
    """Which elements of `x1` are among those of `x2`."""
    return core.isin(tensor_of(x1), tensor_of(x2), assume_unique=assume_unique, invert=invert)


@lifted
def diag(x: Any, k: int = 0) -> Tensor:
    """A matrix with this diagonal, or the diagonal of a matrix."""
    return core.diag(tensor_of(x), k)


@lifted
def diagonal(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """The diagonals of matrices."""
    return core.diagonal(tensor_of(x), offset, axis1, axis2)


@lifted
def trace(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """The sums of the diagonals of matrices."""
    return core.sum(core.diagonal(tensor_of(x), offset, axis1, axis2), -1)


@lifted
def tril(x: Any, k: int = 0) -> Tensor:
    """0 above the k-th diagonal."""
    return core.tril(tensor_of(x), k)


@lifted
def triu(x: Any, k: int = 0) -> Tensor:
    """0 below the k-th diagonal."""
    return core.triu(tensor_of(x), k)


# Products


@lifted
def matmul(x1: Any, x2: Any) -> Tensor:
    """The product of matrices along the last two axes."""
    return core.matmul(tensor_of(x1), tensor_of(x2))


@lifted
def dot(x1: Any, x2: Any) -> Tensor:
    """The products along the last axis of `x1` and the last but one of `x2`, as NumPy's."""
    a, b = tensor_of(x1), tensor_of(x2)
    if a.ndim == 0 or b.ndim == 0:
        return core.mul(a, b)
    return core.tensordot(a, b, ([a.ndim - 1], [builtins.max(0, b.ndim - 2)]))


@lifted
def vdot(x1: Any, x2: Any) -> Tensor:
    """The product of two tensors as vectors."""
    return core.dot(core.ravel(tensor_of(x1)), core.ravel(tensor_of(x2)))


def _product(name: str) -> Callable[..., Any]:
    def product(x1: Any, x2: Any) -> Tensor:
        a, b = tensor_of(x1), tensor_of(x2)
        if name == "outer":
            a, b = core.ravel(a), core.ravel(b)
        return getattr(core, name)(a, b)  # type: ignore[no-any-return]

    product.__name__ = product.__qualname__ = name
    product.__doc__ = f"`{name}` product of `x1` and `x2`, as NumPy's."
    return lifted(product)


inner, kron, outer = _product("inner"), _product("kron"), _product("outer")


@lifted
def tensordot(x1: Any, x2: Any, axes: Any = 2) -> Tensor:
    """The product along several axes."""
    return core.tensordot(tensor_of(x1), tensor_of(x2), axes)


@lifted
def einsum(subscripts: str, *operands: Any) -> Tensor:
    """Products and sums by the names of axes."""
    return core.einsum(subscripts, *builtins.map(tensor_of, operands))


# Programs


def cond(pred: Any, true_fn: Callable[[], Any], false_fn: Callable[[], Any]) -> Any:
    """What one of two functions gives."""
    return true_fn() if bool(pred) else false_fn()


def while_loop(
    cond: Callable[..., Any],
    body: Callable[..., Any],
    loop_vars: Any,
    maximum_iterations: int | None = None,
) -> Any:
    """Call `body` on what it returned, as long as `cond` holds."""
    several = isinstance(loop_vars, tuple | list)
    variables = tuple(loop_vars) if several else (loop_vars,)
    count = 0
    while (maximum_iterations is None or count < maximum_iterations) and bool(cond(*variables)):
        after = body(*variables)
        variables = tuple(after) if isinstance(after, tuple | list) else (after,)
        count += 1
    return variables if several else variables[0]


def fori_loop(lower: int, upper: int, body_fun: Callable[..., Any], init_val: Any) -> Any:
    """Call `body_fun` on each number from lower to below upper, and on what it returned."""
    value = init_val
    for index in range(lower, upper):
        value = body_fun(index, value)
    return value


def map(f: Callable[[Any], Any], xs: Any) -> Any:
    """`f` of each part along the first axis, stacked."""
    parts = builtins.map(f, core.unbind(tensor_of(xs), 0))
    return core.stack([tensor_of(part) for part in parts])


vectorized_map = map

__all__ = [
    name
    for name, value in globals().items()
    if name[0] != "_" and getattr(value, "__module__", None) == __name__
]
