"""Functions whose arguments in TensorFlow are not just other names of those in `keras.ops`."""

from __future__ import annotations

import builtins
import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import cygnet
from cygnet.keras import ops, tree
from cygnet.ops.create import as_tensor
from cygnet.tensor import Tensor
from cygnet.tf.values import number_of, sizes_of, value_of


def constant(value: Any, dtype: Any = None, shape: Any = None, name: str | None = None) -> Any:
    """A tensor of numbers; Python's floats are float32, its ints int64 (TensorFlow's are int32).

    Parameters
    ----------
    value : array_like
    dtype : str or dtype, optional
    shape : sequence of int, optional
        A single number is repeated.
    name
        Has no effect.
    """
    made = cygnet.tensor(value, dtype=dtype)
    if shape is None:
        return made
    sizes = sizes_of(shape)
    return (
        cygnet.full(sizes, made.item(), dtype=made.dtype) if made.ndim == 0 else made.reshape(sizes)
    )


def convert_to_tensor(
    value: Any, dtype: Any = None, dtype_hint: Any = None, name: str | None = None
) -> Any:
    """A tensor of anything array-like."""
    found = value_of(value)
    return found if dtype is None else ops.cast(found, dtype)


def function(func: Any = None, **options: Any) -> Any:
    """A decorator that leaves functions as they are: nothing is compiled."""
    return (lambda each: each) if func is None else func


def executing_eagerly() -> bool:
    """True: nothing is compiled."""
    return True


def group(*inputs: Any, name: str | None = None) -> None:
    """Nothing: what was called has happened."""


def is_tensor(x: Any) -> Any:
    """Whether `x` is a tensor."""
    return ops.is_tensor(x)


def identity(input: Any, name: str | None = None) -> Any:
    """A copy of a tensor, on the tape."""
    return ops.copy(value_of(input))


def shape(input: Any, out_type: Any = "int64", name: str | None = None) -> Any:
    """The sizes of a tensor, as a tensor; of a KerasTensor a tuple, in which None is unknown."""
    sizes = ops.shape(input)
    return sizes if ops.is_tensor(input) and None in sizes else _counted(list(sizes), out_type)


def rank(input: Any, name: str | None = None) -> Any:
    """The number of axes, as a tensor."""
    return _counted(ops.ndim(input))


def size(input: Any, out_type: Any = "int64", name: str | None = None) -> Any:
    """The number of elements, as a tensor."""
    return _counted(as_tensor(input).numel(), out_type)


def _counted(numbers: Any, dtype: Any = "int64") -> Tensor:
    return cygnet.tensor(numbers, dtype=dtype)


def fill(dims: Any, value: Any, name: str | None = None) -> Any:
    """A tensor full of one number."""
    return cygnet.full(sizes_of(dims), number_of(value))


def range(
    start: Any, limit: Any = None, delta: Any = 1, dtype: Any = None, name: str | None = None
) -> Any:
    """start, start + delta, ... below limit; with one number from 0 to below it."""
    begin, end = (0, start) if limit is None else (start, limit)
    return ops.arange(number_of(begin), number_of(end), number_of(delta), dtype=dtype)


def concat(values: Any, axis: int, name: str | None = None) -> Any:
    """Tensors one after another along an axis."""
    return ops.concatenate(values, axis)


def unstack(value: Any, num: int | None = None, axis: int = 0, name: str | None = None) -> Any:
    """The slices along an axis, without it."""
    return ops.unstack(value, num, axis)


def split(value: Any, num_or_size_splits: Any, axis: int = 0, name: str | None = None) -> Any:
    """Parts along an axis: so many equal ones, or of these sizes."""
    if isinstance(num_or_size_splits, int):
        return ops.split(value, num_or_size_splits, axis)
    sizes = sizes_of(num_or_size_splits)
    value = value_of(value)
    if value.shape[axis] != sum(sizes):
        raise ValueError(
            f"split: num_or_size_splits expected a sum of {value.shape[axis]}, the size of axis "
            f"{axis}, got {sizes}"
        )
    return ops.split(value, [sum(sizes[:end]) for end in builtins.range(1, len(sizes))], axis)


def slice(input_: Any, begin: Any, size: Any, name: str | None = None) -> Any:
    """A block that begins at these indices and has these sizes; -1 is the rest of an axis."""
    blocks = zip(sizes_of(begin), sizes_of(size), strict=True)
    return value_of(input_)[
        tuple(builtins.slice(at, None if length == -1 else at + length) for at, length in blocks)
    ]


def boolean_mask(tensor: Any, mask: Any, axis: int | None = None, name: str | None = None) -> Any:
    """The entries where the mask is true, along the first axes or from `axis` on."""
    value = as_tensor(tensor)
    return value[(builtins.slice(None),) * (axis or 0) + (as_tensor(mask),)]


def where(condition: Any, x: Any = None, y: Any = None, name: str | None = None) -> Any:
    """`x` where the condition holds, else `y`; without them the places (n, rank) where it holds."""
    if x is None and y is None:
        return cygnet.argwhere(as_tensor(condition))
    return ops.where(condition, x, y)


def gather(
    params: Any,
    indices: Any,
    validate_indices: Any = None,
    axis: int | None = None,
    batch_dims: int = 0,
    name: str | None = None,
) -> Any:
    """The slices at `indices` along an axis.

    Parameters
    ----------
    params : Tensor
    indices : Tensor
        Of integers.
    validate_indices
        Has no effect: they are checked.
    axis : int, optional
        Default: `batch_dims`.
    batch_dims : int
        How many axes in front `params` and `indices` share, so that each entry has indices of its
        own: 0 (default), all axes of `indices` or all but the last.

    Raises
    ------
    ValueError
        For another `batch_dims`, or another axis than it.
    """
    params, indices = value_of(params), value_of(indices)
    batch = batch_dims + (indices.ndim if batch_dims < 0 else 0)
    if batch == 0:
        return ops.take(params, indices, 0 if axis is None else axis)
    if indices.ndim - batch not in (0, 1) or axis not in (None, batch, batch - params.ndim):
        raise ValueError(
            "gather: batch_dims expected 0, the number of axes of indices or one less, and axis "
            f"the same, got {batch_dims} and {axis} for {indices.ndim} axes of indices"
        )
    alone = indices.ndim == batch
    for _ in builtins.range(indices.ndim, params.ndim):
        indices = ops.expand_dims(indices, -1)
    found = ops.take_along_axis(params, indices, batch)
    return ops.squeeze(found, batch) if alone else found


def gather_nd(params: Any, indices: Any, batch_dims: int = 0, name: str | None = None) -> Any:
    """The entries, or slices, at rows of indices (..., k)."""
    if batch_dims:
        raise ValueError(f"gather_nd: batch_dims expected 0, got {batch_dims}")
    return as_tensor(params)[tuple(cygnet.unbind(as_tensor(indices), -1))]


def tensor_scatter_nd_update(
    tensor: Any, indices: Any, updates: Any, name: str | None = None
) -> Any:
    """A tensor with other slices at given places."""
    return ops.scatter_update(tensor, indices, updates)


def argmax(
    input: Any, axis: int | None = None, output_type: Any = "int64", name: str | None = None
) -> Any:
    """The place of the largest number along an axis, by default the first."""
    return ops.cast(ops.argmax(input, 0 if axis is None else axis), output_type)


def argmin(
    input: Any, axis: int | None = None, output_type: Any = "int64", name: str | None = None
) -> Any:
    """The place of the least number along an axis, by default the first."""
    return ops.cast(ops.argmin(input, 0 if axis is None else axis), output_type)


def _descends(op: str, direction: str) -> bool:
    if direction not in ("ASCENDING", "DESCENDING"):
        raise ValueError(f"{op}: direction expected 'ASCENDING' or 'DESCENDING', got {direction!r}")
    return direction == "DESCENDING"


def sort(values: Any, axis: int = -1, direction: str = "ASCENDING", name: str | None = None) -> Any:
    """The numbers along an axis in rising order, or falling for "DESCENDING"."""
    found = ops.sort(values, axis)
    return ops.flip(found, axis) if _descends("sort", direction) else found


def argsort(
    values: Any,
    axis: int = -1,
    direction: str = "ASCENDING",
    stable: bool = False,
    name: str | None = None,
) -> Any:
    """The order that sorts along an axis; equal numbers stay in theirs."""
    falls = _descends("argsort", direction)
    return cygnet.argsort(as_tensor(values), axis, descending=falls, stable=True)


def _scan(function: Callable[..., Any], neutral: Callable[..., Any]) -> Callable[..., Any]:
    def scan(
        x: Any, axis: int = 0, exclusive: bool = False, reverse: bool = False, name: Any = None
    ) -> Any:
        """The running result along an axis: without each number itself if `exclusive`, from the
        end if `reverse`.
        """
        values = ops.flip(x, axis) if reverse else value_of(x)
        if exclusive:
            first, others = ops.split(values, [1], axis)[0], ops.split(values, [-1], axis)[0]
            values = ops.concatenate([neutral(first), others], axis)
        found = function(values, axis)
        return ops.flip(found, axis) if reverse else found

    return scan


cumsum, cumprod = _scan(ops.cumsum, ops.zeros_like), _scan(ops.cumprod, ops.ones_like)


def one_hot(
    indices: Any,
    depth: Any,
    on_value: Any = None,
    off_value: Any = None,
    axis: int | None = None,
    dtype: Any = None,
    name: str | None = None,
) -> Any:
    """`on_value` (1) at the class's place of a new axis, else `off_value` (0).

    Parameters
    ----------
    indices : Tensor
        Of integers; only `off_value` where there is no such class.
    depth : int
    on_value, off_value : number, optional
    axis : int, optional
        Of the result. Default: the last.
    dtype : str or dtype, optional
        Default: that of the values, or float32 without them.
    """
    given = [as_tensor(value) for value in (on_value, off_value) if value is not None]
    dtype = dtype if dtype is not None else given[0].dtype if given else "float32"
    places = -1 if axis is None else axis
    if not given:
        return ops.one_hot(indices, int(depth), places, dtype)
    on, off = 1 if on_value is None else on_value, 0 if off_value is None else off_value
    chosen = ops.where(ops.one_hot(indices, int(depth), places, "bool"), on, off)
    return ops.cast(chosen, dtype)


def sequence_mask(
    lengths: Any, maxlen: Any = None, dtype: Any = "bool", name: str | None = None
) -> Any:
    """True (or 1) at the first places of each row, as many as its length says: (..., maxlen)."""
    counts = as_tensor(lengths)
    longest = ops.max(counts) if maxlen is None else maxlen
    return (cygnet.arange(int(longest)) < counts.unsqueeze(-1)).to(dtype)


def clip_by_norm(t: Any, clip_norm: float, axes: Any = None, name: str | None = None) -> Any:
    """The tensor, made shorter if its norm is over `clip_norm`."""
    norm = ops.sqrt(ops.sum(ops.square(t), axes, True))
    return ops.multiply(t, clip_norm / ops.maximum(norm, clip_norm))


def clip_by_global_norm(
    t_list: Any, clip_norm: float, use_norm: Any = None, name: str | None = None
) -> tuple[list[Any], Any]:
    """Tensors, all made shorter by one factor if their common norm is over `clip_norm`; and the
    norm.
    """
    norm = global_norm(t_list) if use_norm is None else as_tensor(use_norm)
    factor = clip_norm / ops.maximum(norm, clip_norm)
    return [None if each is None else each * factor for each in t_list], norm


def global_norm(t_list: Any, name: str | None = None) -> Any:
    """The square root of the sum of squares of all numbers of all tensors."""
    squares = [ops.sum(ops.square(each)) for each in t_list if each is not None]
    return ops.sqrt(ops.sum(ops.stack(squares)))


def add_n(inputs: Any, name: str | None = None) -> Any:
    """The sum of tensors of one shape."""
    return ops.sum(ops.stack(list(inputs)), 0)


def squared_difference(x: Any, y: Any, name: str | None = None) -> Any:
    """The square of x - y."""
    return ops.square(ops.subtract(x, y))


def pad(
    tensor: Any,
    paddings: Any,
    mode: str = "CONSTANT",
    constant_values: Any = 0,
    name: str | None = None,
) -> Any:
    """The tensor with a frame: for each axis a pair of widths, before and after."""
    if mode.lower() == "constant":
        return ops.pad(tensor, paddings, "constant", number_of(constant_values))
    return ops.pad(tensor, paddings, mode.lower())


def confusion_matrix(
    labels: Any, predictions: Any, num_classes: int | None = None, name: str | None = None
) -> Any:
    """How many samples of each class (row) were taken for each (column)."""
    rows, columns = as_tensor(labels), as_tensor(predictions)
    if num_classes is None:
        num_classes = int(cygnet.maximum(rows.max(), columns.max())) + 1
    counts = cygnet.bincount(rows * num_classes + columns, minlength=num_classes**2)
    return counts.reshape(num_classes, num_classes)


def bincount(
    arr: Any, weights: Any = None, minlength: int | None = None, name: str | None = None
) -> Any:
    """How often each number occurs, or the sums of their weights."""
    numbers = ops.ravel(as_tensor(arr))
    return ops.bincount(numbers, None if weights is None else ops.ravel(weights), minlength or 0)


def count_nonzero(
    input: Any,
    axis: Any = None,
    keepdims: bool = False,
    dtype: Any = "int64",
    name: str | None = None,
) -> Any:
    """How many numbers along the axes, by default all, are not 0."""
    return ops.sum(ops.cast(ops.not_equal(input, 0), dtype), axis, bool(keepdims))


def cond(
    pred: Any,
    true_fn: Callable[[], Any],
    false_fn: Callable[[], Any],
    name: str | None = None,
) -> Any:
    """What one of two functions gives."""
    return ops.cond(pred, true_fn, false_fn)


def while_loop(
    cond: Callable[..., Any],
    body: Callable[..., Any],
    loop_vars: Any,
    shape_invariants: Any = None,
    parallel_iterations: int = 10,
    back_prop: bool = True,
    swap_memory: bool = False,
    maximum_iterations: int | None = None,
    name: str | None = None,
) -> Any:
    """Call `body` on what it returned, as long as `cond` holds."""
    return ops.while_loop(cond, body, loop_vars, maximum_iterations)


def map_fn(
    fn: Callable[[Any], Any],
    elems: Any,
    dtype: Any = None,
    parallel_iterations: int | None = None,
    back_prop: bool = True,
    swap_memory: bool = False,
    infer_shape: bool = True,
    name: str | None = None,
    fn_output_signature: Any = None,
) -> Any:
    """`fn` of each part along the first axis of a tensor, or of a structure of them, stacked."""
    rows = zip(*(cygnet.unbind(as_tensor(leaf)) for leaf in tree.flatten(elems)), strict=True)
    found = [fn(tree.pack(elems, iter(row))) for row in rows]
    leaves = zip(*map(tree.flatten, found), strict=True)
    return tree.pack(found[0], (ops.stack(list(parts)) for parts in leaves))


def print(*inputs: Any, **options: Any) -> None:
    """Print values."""
    builtins.print(*inputs, **{key: options[key] for key in ("sep", "end") if key in options})


@contextlib.contextmanager
def name_scope(name: str) -> Iterator[str]:
    """Has no effect."""
    yield name


device = name_scope  # all is computed on the CPU

__all__ = [
    name
    for name, value in globals().items()
    if name[0] != "_" and getattr(value, "__module__", None) == __name__
]
