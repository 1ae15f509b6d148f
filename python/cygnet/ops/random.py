"""Ops that draw random numbers."""

from __future__ import annotations

from typing import Any

from cygnet import kernels
from cygnet.autograd import record
from cygnet.dtypes import DType, get_default_dtype
from cygnet.ops.common import Shape, as_tensor, wrap
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


def dropout(
    input: Tensor, p: float = 0.5, training: bool = True, *, cell: Array | None = None
) -> Tensor:
    """Sets each element to zero with probability `p` and scales the others by 1 / (1 - p).

    Parameters
    ----------
    input : Tensor
        Any shape, float32 or float64.
    p : float
        0 <= p <= 1. Default 0.5.
    training : bool
        With False, the input itself is returned. Default True.
    cell : numpy.ndarray, optional
        The random state (key, draw) to use and advance. Default: the default generator's stream
        'dropout'.

    Raises
    ------
    ValueError
        If p is no probability.

    References
    ----------
    N. Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", JMLR
    15 (2014).
    """
    input = as_tensor(input, "dropout", "input")
    if not 0 <= p <= 1:
        raise ValueError(f"dropout: p is {p}, expected 0 <= p <= 1")
    if not training or p == 0:
        return input
    state = default_generator.cell("dropout") if cell is None else cell
    output, mask = kernels.dropout_forward(input._array, state, p)
    return record(
        wrap(output), (input,), lambda grad: (_dropout_backward(grad, mask, p),), "dropout"
    )


def _dropout_backward(grad: Tensor, mask: Array, p: float) -> Tensor:
    output = wrap(kernels.dropout_backward(grad._array, mask, p))
    return record(
        output, (grad,), lambda again: (_dropout_backward(again, mask, p),), "dropout_backward"
    )
