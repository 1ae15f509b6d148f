"""TensorFlow's names that tutorials use, on Cygnet: ``import cygnet.tf as tf``.

Every name delegates to `cygnet.keras`, whose functions are the core's. Tensors are Cygnet's, which
record what they are computed from; `GradientTape` differentiates that.
"""

from __future__ import annotations

import contextlib
import types
from collections.abc import Callable
from typing import Any, TypeVar

import cygnet
from cygnet import keras
from cygnet.dtypes import bool as bool
from cygnet.dtypes import float16, float32, float64, int8, int16, int32, int64, uint8
from cygnet.keras import initializers, losses, metrics, ops, optimizers
from cygnet.ops.create import as_tensor
from cygnet.tensor import Tensor
from cygnet.tf import data, nn, random
from cygnet.tf.renamed import renamed
from cygnet.tf.tape import GradientTape
from cygnet.tf.variable import Variable

__version__ = f"cygnet {cygnet.__version__}"
double, half = float64, float16
Module = keras.layers.Layer
newaxis = None

F = TypeVar("F", bound=Callable[..., Any])


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
    return cygnet.full(tuple(shape), made.item()) if made.ndim == 0 else made.reshape(tuple(shape))


def convert_to_tensor(
    value: Any, dtype: Any = None, dtype_hint: Any = None, name: str | None = None
) -> Any:
    """A tensor of anything array-like."""
    return as_tensor(value, dtype)


def function(func: Any = None, **options: Any) -> Any:
    """A decorator that leaves functions as they are: nothing is compiled."""
    return (lambda each: each) if func is None else func


def group(*inputs: Any, name: str | None = None) -> None:
    """Nothing: what was called has happened."""


def is_tensor(x: Any) -> Any:
    """Whether `x` is a tensor."""
    return isinstance(x, Tensor)


def identity(input: Any, name: str | None = None) -> Any:
    """A copy of a tensor, on the tape."""
    return as_tensor(input).clone()


def shape(input: Any, out_type: Any = None, name: str | None = None) -> Any:
    """The sizes of a tensor, as a tensor."""
    return cygnet.tensor(list(as_tensor(input).shape))


def rank(input: Any, name: str | None = None) -> Any:
    """The number of axes, as a tensor."""
    return cygnet.tensor(as_tensor(input).ndim)


def size(input: Any, out_type: Any = None, name: str | None = None) -> Any:
    """The number of elements, as a tensor."""
    return cygnet.tensor(as_tensor(input).numel())


def fill(dims: Any, value: Any, name: str | None = None) -> Any:
    """A tensor full of one number."""
    return cygnet.full(tuple(int(each) for each in dims), value)


def concat(values: Any, axis: int, name: str | None = None) -> Any:
    """Tensors one after another along an axis."""
    return ops.concatenate(values, axis)


def unstack(value: Any, num: int | None = None, axis: int = 0, name: str | None = None) -> Any:
    """The slices along an axis, without it."""
    return ops.unstack(value, num, axis)


def boolean_mask(tensor: Any, mask: Any, axis: int | None = None, name: str | None = None) -> Any:
    """The entries where the mask is true, along the first axes or from `axis` on."""
    value = as_tensor(tensor)
    return value[(slice(None),) * (axis or 0) + (as_tensor(mask),)]


def clip_by_norm(t: Any, clip_norm: float, axes: Any = None, name: str | None = None) -> Any:
    """The tensor, made shorter if its norm is over `clip_norm`."""
    norm = ops.sqrt(ops.sum(ops.square(t), axes, True))
    return as_tensor(t) * (clip_norm / ops.maximum(norm, clip_norm))


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


def gather(
    params: Any, indices: Any, validate_indices: Any = None, axis: int = 0, **options: Any
) -> Any:
    """The slices at `indices` along an axis."""
    return ops.take(params, indices, axis)


def tensor_scatter_nd_update(tensor: Any, indices: Any, updates: Any, **options: Any) -> Any:
    """A tensor with other slices at given places."""
    return ops.scatter_update(tensor, indices, updates)


def print(*inputs: Any, **options: Any) -> None:
    """Print values."""
    import builtins

    builtins.print(*inputs, **{key: options[key] for key in ("sep", "end") if key in options})


@contextlib.contextmanager
def name_scope(name: str) -> Any:
    """Has no effect."""
    yield name


def _reduction(name: str) -> Callable[..., Any]:
    return renamed(getattr(ops, name), "input_tensor axis keepdims")


def _named(arguments: str, names: str) -> dict[str, Callable[..., Any]]:
    return {name: renamed(getattr(ops, name), arguments) for name in names.split()}


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{
        f"reduce_{name}": _reduction(name)
        for name in ("all", "any", "logsumexp", "max", "mean", "min", "prod", "std", "sum")
    },
    "reduce_variance": _reduction("var"),
    **_named(
        "x",
        "abs ceil cos cosh erf exp expm1 floor isfinite isinf isnan log log1p "
        "logical_not negative ones_like reciprocal rsqrt sigmoid sign sin sinh sqrt square "
        "stop_gradient tan tanh zeros_like",
    ),
    **_named(
        "x y",
        "add divide divide_no_nan equal floor_divide greater greater_equal less less_equal "
        "logical_and logical_or logical_xor maximum minimum mod multiply not_equal power subtract",
    ),
    "acos": renamed(ops.arccos, "x"),
    "argmax": renamed(ops.argmax, "input axis", axis=0),
    "argmin": renamed(ops.argmin, "input axis", axis=0),
    "argsort": renamed(ops.argsort, "values axis"),
    "asin": renamed(ops.arcsin, "x"),
    "atan": renamed(ops.arctan, "x"),
    "broadcast_to": renamed(ops.broadcast_to, "input shape"),
    "cast": renamed(ops.cast, "x dtype"),
    "clip_by_value": renamed(ops.clip, "t clip_value_min clip_value_max"),
    "cumsum": renamed(ops.cumsum, "x axis", axis=0),
    "cumprod": renamed(ops.cumprod, "x axis", axis=0),
    "einsum": ops.einsum,
    "expand_dims": renamed(ops.expand_dims, "input axis"),
    "eye": renamed(ops.eye, "num_rows num_columns"),
    "linspace": renamed(ops.linspace, "start stop num"),
    "meshgrid": ops.meshgrid,
    "one_hot": renamed(ops.one_hot, "indices depth"),
    "ones": renamed(ops.ones, "shape dtype"),
    "range": ops.arange,
    "repeat": renamed(ops.repeat, "input repeats axis"),
    "reshape": renamed(ops.reshape, "tensor shape"),
    "reverse": renamed(ops.flip, "tensor axis"),
    "roll": renamed(ops.roll, "input shift axis"),
    "round": renamed(ops.round, "x"),
    "sort": renamed(ops.sort, "values axis"),
    "squeeze": renamed(ops.squeeze, "input axis"),
    "stack": renamed(ops.stack, "values axis", axis=0),
    "tensordot": renamed(ops.tensordot, "a b axes"),
    "tile": renamed(ops.tile, "input multiples"),
    "transpose": renamed(ops.transpose, "a perm"),
    "where": renamed(ops.where, "condition x y"),
    "zeros": renamed(ops.zeros, "shape dtype"),
}
globals().update(_FUNCTIONS)
globals()["pow"] = _FUNCTIONS["power"]


def matmul(
    a: Any,
    b: Any,
    transpose_a: Any = False,
    transpose_b: Any = False,
    name: str | None = None,
) -> Any:
    """The product of two matrices, or of stacks of them."""
    a, b = as_tensor(a), as_tensor(b)
    return ops.matmul(a.mT if transpose_a else a, b.mT if transpose_b else b)


def split(value: Any, num_or_size_splits: Any, axis: int = 0, name: str | None = None) -> Any:
    """Parts along an axis: so many equal ones, or of these sizes."""
    if isinstance(num_or_size_splits, int):
        return ops.split(value, num_or_size_splits, axis)
    return list(cygnet.split(as_tensor(value), list(num_or_size_splits), axis))


def norm(
    tensor: Any, ord: Any = "euclidean", axis: Any = None, keepdims: Any = False, **options: Any
) -> Any:
    """The norm of a vector, or of all numbers."""
    return ops.norm(tensor, None if ord == "euclidean" else ord, axis, keepdims)


def pad(
    tensor: Any, paddings: Any, mode: str = "CONSTANT", constant_values: Any = 0, **options: Any
) -> Any:
    """The tensor with a frame: for each axis a pair of widths, before and after."""
    if mode.lower() == "constant":
        return ops.pad(tensor, paddings, "constant", constant_values)
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


math = types.SimpleNamespace(
    **{
        name: value
        for name, value in _FUNCTIONS.items()
        if name not in ("ones", "zeros", "eye", "range", "reshape", "stack", "tile", "transpose")
    },
    pow=_FUNCTIONS["power"],
    top_k=renamed(ops.top_k, "input k sorted"),
    softmax=nn.softmax,
    log_softmax=nn.log_softmax,
    softplus=nn.softplus,
    confusion_matrix=confusion_matrix,
    in_top_k=renamed(ops.in_top_k, "targets predictions k"),
    l2_normalize=nn.l2_normalize,
)
linalg = types.SimpleNamespace(
    matmul=matmul, norm=norm, trace=ops.trace, diag_part=ops.diagonal, einsum=ops.einsum
)
image = ops.image
config = types.SimpleNamespace(
    list_physical_devices=lambda device_type=None: [],
    run_functions_eagerly=lambda run_eagerly: None,
)
test = types.SimpleNamespace(is_gpu_available=lambda *_, **__: False, gpu_device_name=lambda: "")
