"""Functions that make tensors, and tell what they are."""

from __future__ import annotations

import builtins
import math
from collections.abc import Callable
from typing import Any

import numpy as np

import cygnet.ops as core
from cygnet.dtypes import get_default_dtype
from cygnet.keras.operation import lifted
from cygnet.keras.ops.common import in_dtype, tensor_of
from cygnet.keras.symbolic import KerasTensor
from cygnet.ops.common import wrap
from cygnet.tensor import Array, Tensor


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
