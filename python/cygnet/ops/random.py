"""Ops that draw random numbers."""

from __future__ import annotations

from typing import Any

from cygnet import kernels
from cygnet.dtypes import DType, get_default_dtype
from cygnet.ops.common import Shape, wrap
from cygnet.ops.create import check_options, finished, requested_size
from cygnet.random import Generator, default_generator
from cygnet.tensor import FLOATS, Array, Tensor, as_dtype


def cell_of(generator: Generator | None) -> Array:
    """What a kernel draws from."""
    return (generator or default_generator).cell("random")


def _drawn(op: str, kernel: Any, size: Shape, dtype: DType, generator: Generator | None) -> Array:
    if dtype not in FLOATS:
        raise kernels.DTypeError(f"{op}: dtype is {dtype}, expected float32 or float64")
    array: Array = kernel(kernels.full(size, 0.0, dtype.name), cell_of(generator))
    return array


def rand(
    *size: Any,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **options: Any,
) -> Tensor:
    """Uniform random numbers in [0, 1), of the default type by default."""
    shape = requested_size("rand", size, options)
    check_options("rand", device, options)
    wanted = get_default_dtype() if dtype is None else as_dtype(dtype, "rand")
    return finished(_drawn("rand", kernels.uniform, shape, wanted, generator), requires_grad)


def randn(
    *size: Any,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **options: Any,
) -> Tensor:
    """Standard normal random numbers, of the default type by default."""
    shape = requested_size("randn", size, options)
    check_options("randn", device, options)
    wanted = get_default_dtype() if dtype is None else as_dtype(dtype, "randn")
    return finished(_drawn("randn", kernels.normal, shape, wanted, generator), requires_grad)


def randperm(
    n: int,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **options: Any,
) -> Tensor:
    """A random permutation of 0 ... n - 1, int64 by default.

    Raises
    ------
    ValueError
        If n is negative.
    """
    check_options("randperm", device, options)
    order = wrap(kernels.permutation(cell_of(generator), n))
    order = order if dtype is None else order.to(as_dtype(dtype, "randperm"))
    return order.requires_grad_() if requires_grad else order
