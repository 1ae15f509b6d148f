"""New tensors. `cygnet.ops.random` has those of random numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from cygnet import kernels
from cygnet.device import check_device
from cygnet.dtypes import NAMES, get_default_dtype, strided
from cygnet.errors import composed
from cygnet.ops.common import Shape, sizes, wrap
from cygnet.ops.common import as_tensor as checked
from cygnet.ops.convert import clone
from cygnet.tensor import Array, Tensor, array_from, as_dtype

__all__ = [
    "arange",
    "as_tensor",
    "asarray",
    "empty",
    "empty_like",
    "eye",
    "from_dlpack",
    "from_numpy",
    "frombuffer",
    "full",
    "full_like",
    "linspace",
    "logspace",
    "ones",
    "ones_like",
    "tensor",
    "zeros",
    "zeros_like",
]

# What every function here takes besides, by name: `layout` is `strided`; `pin_memory` and, of the
# ..._like functions, `memory_format` have no effect; there is no `out`.
_OPTIONS = frozenset({"layout", "memory_format", "pin_memory"})


def check_options(op: str, device: Any, options: dict[str, Any]) -> None:
    """Raises for another device than the CPU and for options that Cygnet does not have."""
    check_device(op, device)
    if not options:
        return
    for name in options.keys() - _OPTIONS:
        raise TypeError(f"{op}: there is no argument {name!r}")
    if options.get("layout", strided) not in (None, strided):
        raise RuntimeError(f"{op}: layout is {options['layout']!r}, expected cygnet.strided")


def finished(array: Array, requires_grad: bool) -> Tensor:
    """A new tensor around the array."""
    tensor = wrap(array)
    return tensor.requires_grad_() if requires_grad else tensor


def tensor(
    data: Any,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """A tensor with a copy of `data`.

    Parameters
    ----------
    data : array_like
        Numbers, nested sequences, arrays or tensors. Python floats have the default type (float32),
        ints int64; of mixed numbers the highest type counts, bool below integers below floats.
        NumPy's numbers and arrays keep their type.
    dtype : dtype, optional
        Another element type.
    device : device or str, optional
        The CPU.
    requires_grad : bool
        Whether gradients are collected. Default False.
    pin_memory : bool
        Has no effect.

    Raises
    ------
    DTypeError, ShapeError, RuntimeError

    Examples
    --------
    >>> import cygnet
    >>> cygnet.tensor([[1.0, 2.0], [3.0, 4.0]])
    tensor([[1., 2.],
            [3., 4.]])
    """
    check_device("tensor", device)
    array = kernels.contiguous(array_from(data, dtype, "tensor"), always_copy=True)
    return finished(array, requires_grad)


def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """A tensor that shares memory with `data` where it can; a tensor of that type itself."""
    check_device("as_tensor", device)
    if isinstance(data, Tensor):
        return data if dtype is None else data.to(dtype)
    return wrap(array_from(data, dtype, "as_tensor"))


@composed
def asarray(
    obj: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    copy: bool | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """A tensor of anything array-like.

    Parameters
    ----------
    obj : array_like
    dtype : dtype, optional
    device : device or str, optional
        The CPU.
    copy : bool, optional
        True for memory of its own, False for that of `obj`; by default shared where it can be.
    requires_grad : bool
        Default False.

    Raises
    ------
    ValueError
        If the memory cannot be shared, but `copy` is False.
    """
    result = as_tensor(obj, dtype, device).detach()
    if copy:
        result = clone(result)
    elif copy is False:
        source = obj._array if isinstance(obj, Tensor) else obj
        if not isinstance(source, np.ndarray) or not np.may_share_memory(result._array, source):
            raise ValueError("asarray: copy is False, but obj cannot share its memory")
    return result.requires_grad_() if requires_grad else result


def from_numpy(ndarray: Array) -> Tensor:
    """A tensor that shares the memory of a NumPy array."""
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(f"from_numpy: ndarray must be a NumPy array, got {type(ndarray).__name__}")
    return wrap(array_from(ndarray, None, "from_numpy"))


def frombuffer(
    buffer: Any, *, dtype: Any, count: int = -1, offset: int = 0, requires_grad: bool = False
) -> Tensor:
    """A 1-d tensor that shares the memory of an object with a buffer, such as a bytearray.

    Parameters
    ----------
    buffer : object
        Gives a tensor that cannot be written to if it is read-only itself, such as bytes.
    dtype : dtype
        What the bytes hold, in the machine's order.
    count : int
        Elements to read, -1 (the default) for all that are there.
    offset : int
        Bytes to skip. Default 0.
    requires_grad : bool
        Default False.

    Raises
    ------
    ValueError
        If the buffer does not hold that many elements.
    """
    element = as_dtype(dtype, "frombuffer")
    try:
        array = np.frombuffer(buffer, element, count, offset)
    except (ValueError, AttributeError, TypeError) as error:
        raise ValueError(
            f"frombuffer: buffer expected {'elements' if count < 0 else count} of {element} from "
            f"byte {offset} on: {error}"
        ) from None
    return finished(array, requires_grad)


class _Capsule:
    """A bare DLPack capsule of the CPU as an object that NumPy takes."""

    def __init__(self, capsule: Any) -> None:
        self._capsule = capsule

    def __dlpack__(self, **options: Any) -> Any:
        return self._capsule

    def __dlpack_device__(self) -> tuple[int, int]:
        return (1, 0)


def from_dlpack(ext_tensor: Any, *, device: Any = None, copy: bool | None = None) -> Tensor:
    """A tensor that shares the memory of another library's array, by the DLPack protocol.

    Parameters
    ----------
    ext_tensor : object
        An array on the CPU with ``__dlpack__``, such as those of NumPy, PyTorch and JAX, or a
        capsule that such a method returned. Of a read-only array (JAX's are), and of a capsule
        that does not say, the tensor cannot be written to.
    device : device or str, optional
        The CPU.
    copy : bool, optional
        True for memory of its own, False never to copy. Default: only if it must.

    Raises
    ------
    TypeError, BufferError
        If it is no such object, or one that cannot be shared.
    """
    check_device("from_dlpack", device)
    source = _Capsule(ext_tensor) if type(ext_tensor).__name__ == "PyCapsule" else ext_tensor
    if not hasattr(source, "__dlpack__"):
        raise TypeError(
            f"from_dlpack: ext_tensor expected an object with __dlpack__, got "
            f"{type(ext_tensor).__name__}"
        )
    try:
        array = np.from_dlpack(source, copy=copy)
    except RuntimeError as error:
        raise BufferError(f"from_dlpack: ext_tensor cannot be shared: {error}") from None
    return wrap(array_from(array, None, "from_dlpack"))


def full(
    size: Any,
    fill_value: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **options: Any,
) -> Tensor:
    """A tensor with one value everywhere.

    Parameters
    ----------
    size : int or sequence of int
    fill_value : number or Tensor of one element
    dtype : dtype, optional
        Default: bool for a bool, int64 for an int, the default type for a float.
    device : device or str, optional
        The CPU.
    requires_grad : bool
        Default False.

    Raises
    ------
    ValueError
        If the type cannot hold the value.
    """
    check_options("full", device, options)
    return _filled("full", sizes("full", (size,)), fill_value, dtype, requires_grad)


def _filled(op: str, size: Shape, value: Any, dtype: Any, requires_grad: bool) -> Tensor:
    if isinstance(value, Tensor | np.generic):
        value = value.item()
    if dtype is None:
        wanted = get_default_dtype() if isinstance(value, float) else np.dtype(type(value))
    else:
        wanted = as_dtype(dtype, op)
    if wanted.kind in "iu":
        limits = np.iinfo(wanted)
        if not limits.min <= value <= limits.max:
            raise ValueError(f"{op}: fill_value is {value}, expected a number that fits {wanted}")
        if abs(value) > 2**53:  # the kernel takes a double
            return wrap(constant(np.broadcast_to(np.array(value, wanted), size)))
    return finished(kernels.full(size, value, NAMES[wanted]), requires_grad)


def constant(array: Array) -> Array:
    """A copy that a replay makes again, in case that the program has written to it."""
    return kernels.contiguous(array, always_copy=True)


def named(function: Callable[..., Tensor], name: str, doc: str) -> Callable[..., Tensor]:
    """The function of a table's row, with its name and docstring."""
    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    return function


def _sized(name: str, value: int, doc: str) -> Callable[..., Tensor]:
    """zeros, ones or empty."""

    def function(
        *size: Any,
        dtype: Any = None,
        device: Any = None,
        requires_grad: bool = False,
        **options: Any,
    ) -> Tensor:
        shape = requested_size(name, size, options)
        check_options(name, device, options)
        wanted = get_default_dtype() if dtype is None else dtype
        return _filled(name, shape, value, wanted, requires_grad)

    return named(function, name, doc)


def _like(name: str, value: int, doc: str) -> Callable[..., Tensor]:
    """zeros_like, ones_like or empty_like."""

    def function(
        input: Tensor,
        *,
        dtype: Any = None,
        device: Any = None,
        requires_grad: bool = False,
        **options: Any,
    ) -> Tensor:
        input = checked(input, name, "input")
        check_options(name, device, options)
        wanted = input.dtype if dtype is None else dtype
        return _filled(name, input.shape, value, wanted, requires_grad)

    return named(function, name, doc)


def _new(name: str, value: int, doc: str) -> Callable[..., Tensor]:
    """new_zeros, new_ones or new_empty."""

    def function(
        input: Tensor,
        *size: Any,
        dtype: Any = None,
        device: Any = None,
        requires_grad: bool = False,
        **options: Any,
    ) -> Tensor:
        shape = requested_size(name, size, options)
        check_options(name, device, options)
        wanted = input.dtype if dtype is None else dtype
        return _filled(name, shape, value, wanted, requires_grad)

    return named(function, name, doc)


def requested_size(op: str, size: tuple[Any, ...], options: dict[str, Any]) -> Shape:
    """Sizes given one by one, as one sequence, or as the option `size`, which it takes out."""
    if not size and "size" not in options:
        raise TypeError(f"{op}: size is missing")
    return sizes(op, size or (options.pop("size"),))


# Memory that nobody has cleared could hold anything: `empty` clears it.
zeros = _sized("zeros", 0, "A tensor of zeros, of the default type by default.")
ones = _sized("ones", 1, "A tensor of ones, of the default type by default.")
empty = _sized("empty", 0, "A tensor of zeros, where PyTorch leaves what the memory held.")
zeros_like = _like("zeros_like", 0, "Zeros in the shape and type of `input`, C-contiguous.")
ones_like = _like("ones_like", 1, "Ones in the shape and type of `input`, C-contiguous.")
empty_like = _like("empty_like", 0, "The same as `zeros_like`; see `empty`.")
new_zeros = _new("new_zeros", 0, "Zeros in the type of `input`.")
new_ones = _new("new_ones", 1, "Ones in the type of `input`.")
new_empty = _new("new_empty", 0, "Zeros in the type of `input`; see `empty`.")


@composed
def full_like(
    input: Tensor,
    fill_value: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **options: Any,
) -> Tensor:
    """One value in the shape and type of `input`, C-contiguous."""
    input = checked(input, "full_like", "input")
    check_options("full_like", device, options)
    wanted = input.dtype if dtype is None else dtype
    return _filled("full_like", input.shape, fill_value, wanted, requires_grad)


@composed
def new_full(
    input: Tensor,
    size: Any,
    fill_value: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **options: Any,
) -> Tensor:
    """One value in the type of `input`."""
    check_options("new_full", device, options)
    wanted = input.dtype if dtype is None else dtype
    return _filled("new_full", sizes("new_full", (size,)), fill_value, wanted, requires_grad)


@composed
def new_tensor(
    input: Tensor,
    data: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """A copy of `data` in the type of `input`."""
    return tensor(data, input.dtype if dtype is None else dtype, device, requires_grad)


def _numbers(op: str, **given: Any) -> tuple[Any, ...]:
    """Arguments as finite Python numbers; tensors of one element are read."""
    found = []
    for name, value in given.items():
        number = value.item() if isinstance(value, Tensor | np.generic) else value
        if not isinstance(number, int | float):
            raise TypeError(f"{op}: {name} must be a number, got {type(value).__name__}")
        if not math.isfinite(number):
            raise ValueError(f"{op}: {name} is {number}, expected a finite number")
        found.append(number)
    return tuple(found)


@composed
def arange(
    start: Any = None,
    end: Any = None,
    step: Any = 1,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **options: Any,
) -> Tensor:
    """start, start + step, ... below end: ceil((end - start) / step) numbers.

    Parameters
    ----------
    start : number
        With one argument, this is `end` and the start is 0.
    end : number
        Not in the result.
    step : number
        Default 1.
    dtype : dtype, optional
        Default: int64 if all arguments are integers, else the default type.
    device : device or str, optional
        The CPU.
    requires_grad : bool
        Default False.

    Raises
    ------
    ValueError
        If the step is 0 or leads away from the end.
    """
    check_options("arange", device, options)
    if end is None:
        start, end = 0, start
    low, high, by = _numbers("arange", start=0 if start is None else start, end=end, step=step)
    for name, number in (("start", low), ("end", high), ("step", by)):
        if isinstance(number, int) and not -(2**63) <= number < 2**63:
            raise ValueError(f"arange: {name} is {number}, expected a 64-bit integer")
    whole = not any(isinstance(number, float) for number in (low, high, by))
    if dtype is None:
        wanted = np.dtype(np.int64) if whole else get_default_dtype()
    else:
        wanted = as_dtype(dtype, "arange")
    if any(isinstance(n, float) and not math.isfinite(n) for n in (low, high, by)):
        raise ValueError(f"arange: {low} to {high} by {by}, expected finite numbers")
    if wanted == np.int64:
        low, high, by = int(low), int(high), int(by)
    if by == 0:
        raise ValueError("arange: step is 0")
    if (high - low) * by < 0:
        raise ValueError(f"arange: step is {by}, which does not lead from {low} to {high}")
    count = -((low - high) // by) if wanted == np.int64 else math.ceil((high - low) / by)
    if wanted.kind in "iu":
        low, by = int(low), int(by)
    if count >= 1 << 60:
        raise ValueError(f"arange: {low} to {high} by {by} has {count} elements")
    return finished(constant((low + by * np.arange(count)).astype(wanted)), requires_grad)


def _spaced(op: str, start: Any, end: Any, steps: int) -> Array:
    """`steps` numbers from start to end in float64, computed from either end up to the middle."""
    low, high = _numbers(op, start=start, end=end)
    if steps < 0:
        raise ValueError(f"{op}: steps is {steps}, expected at least 0")
    step = (high - low) / max(1, steps - 1)
    i = np.arange(steps)
    spaced: Array = np.where(i < (steps + 1) // 2, low + step * i, high - step * (steps - 1 - i))
    return spaced


@composed
def linspace(
    start: Any,
    end: Any,
    steps: int,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **options: Any,
) -> Tensor:
    """`steps` numbers from start to end, both included, at equal distances; truncated if the type
    is an integer.

    Raises
    ------
    ValueError
        If steps is negative.
    """
    check_options("linspace", device, options)
    wanted = get_default_dtype() if dtype is None else as_dtype(dtype, "linspace")
    values = _spaced("linspace", start, end, steps)
    return finished(constant(values.astype(wanted)), requires_grad)


@composed
def logspace(
    start: Any,
    end: Any,
    steps: int,
    base: float = 10.0,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **options: Any,
) -> Tensor:
    """base to the power of what `linspace` gives.

    Raises
    ------
    ValueError
        If steps is negative.
    """
    check_options("logspace", device, options)
    wanted = get_default_dtype() if dtype is None else as_dtype(dtype, "logspace")
    values = np.power(float(base), _spaced("logspace", start, end, steps))
    return finished(constant(values.astype(wanted)), requires_grad)


@composed
def eye(
    n: int,
    m: int | None = None,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **options: Any,
) -> Tensor:
    """Ones on the diagonal of an (n, m) matrix of zeros; square and of the default type by default.

    Raises
    ------
    ValueError
        If a size is negative.
    """
    check_options("eye", device, options)
    if n < 0 or (m is not None and m < 0):
        raise ValueError(f"eye: n and m are {n} and {m}, expected at least 0")
    wanted = get_default_dtype() if dtype is None else as_dtype(dtype, "eye")
    return finished(constant(np.eye(n, m, dtype=wanted)), requires_grad)
