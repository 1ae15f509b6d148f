"""New tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from cygnet import kernels
from cygnet.ops.common import as_tensor as checked
from cygnet.ops.common import sizes, wrap
from cygnet.random import Generator, default_generator
from cygnet.tensor import Array, Tensor, array_from, as_dtype


def _finished(array: Array, requires_grad: bool) -> Tensor:
    tensor = wrap(array)
    return tensor.requires_grad_() if requires_grad else tensor


def tensor(data: Any, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor with a copy of `data`.

    Parameters
    ----------
    data : array_like
        Numbers, nested sequences, arrays or tensors. Python floats become float32 and ints int64;
        arrays keep their type.
    dtype : dtype, optional
        Another element type.
    requires_grad : bool
        Whether gradients are collected. Default False.

    Raises
    ------
    DTypeError, ShapeError

    Examples
    --------
    >>> import cygnet
    >>> cygnet.tensor([[1.0, 2.0], [3.0, 4.0]])
    tensor([[1., 2.],
            [3., 4.]])
    """
    array = kernels.contiguous(array_from(data, dtype, "tensor"), always_copy=True)
    return _finished(array, requires_grad)


def as_tensor(data: Any, dtype: Any = None) -> Tensor:
    """A tensor that shares memory with `data` where it can."""
    return wrap(array_from(data, dtype, "as_tensor"))


def from_numpy(array: Array) -> Tensor:
    """A tensor that shares the memory of a NumPy array."""
    if not isinstance(array, np.ndarray):
        raise TypeError(f"from_numpy: array must be a NumPy array, got {type(array).__name__}")
    return wrap(array_from(array, None, "from_numpy"))


def full(
    size: Any, fill_value: float, dtype: Any = np.float32, requires_grad: bool = False
) -> Tensor:
    """A tensor with one value everywhere; float32 by default."""
    return _finished(
        kernels.full(sizes("full", (size,)), fill_value, as_dtype(dtype, "full").name),
        requires_grad,
    )


def zeros(*size: Any, dtype: Any = np.float32, requires_grad: bool = False) -> Tensor:
    """A tensor of zeros; float32 by default."""
    return full(sizes("zeros", size), 0.0, dtype, requires_grad)


def ones(*size: Any, dtype: Any = np.float32, requires_grad: bool = False) -> Tensor:
    """A tensor of ones; float32 by default."""
    return full(sizes("ones", size), 1.0, dtype, requires_grad)


def zeros_like(input: Tensor, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """Zeros in the shape and type of `input`."""
    input = checked(input, "zeros_like", "input")
    return full(input.shape, 0.0, dtype or input.dtype, requires_grad)


def ones_like(input: Tensor, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """Ones in the shape and type of `input`."""
    input = checked(input, "ones_like", "input")
    return full(input.shape, 1.0, dtype or input.dtype, requires_grad)


def arange(start: float, end: float | None = None, step: float = 1, *, dtype: Any = None) -> Tensor:
    """start, start + step, ... below end; with one argument, 0, 1, ... below it. int64, or float32
    for floats.
    """
    low, high = (0, start) if end is None else (start, end)
    if step == 0:
        raise ValueError("arange: step is 0")
    if dtype is None:
        whole = all(isinstance(x, int) for x in (low, high, step))
        dtype = np.int64 if whole else np.float32
    return wrap(np.arange(low, high, step, dtype=as_dtype(dtype, "arange").type))


def eye(n: int, m: int | None = None, *, dtype: Any = np.float32) -> Tensor:
    """Ones on the diagonal of an (n, m) matrix, square by default; float32 by default."""
    return wrap(np.eye(n, m, dtype=as_dtype(dtype, "eye")))


def _drawn(
    op: str, kernel: Any, size: Any, dtype: Any, generator: Generator | None, requires_grad: bool
) -> Tensor:
    array = kernels.full(sizes(op, size), 0.0, as_dtype(dtype, op).name)
    kernel(array, (generator or default_generator).cell("random"))
    return _finished(array, requires_grad)


def rand(
    *size: Any,
    dtype: Any = np.float32,
    generator: Generator | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Uniform random numbers in [0, 1)."""
    return _drawn("rand", kernels.uniform, size, dtype, generator, requires_grad)


def randn(
    *size: Any,
    dtype: Any = np.float32,
    generator: Generator | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Standard normal random numbers."""
    return _drawn("randn", kernels.normal, size, dtype, generator, requires_grad)


def randperm(n: int, *, generator: Generator | None = None) -> Tensor:
    """A random permutation of 0 ... n - 1."""
    return wrap(kernels.permutation((generator or default_generator).cell("random"), n))
