"""Logic on truths and bits, and questions about values."""

from __future__ import annotations

import math

from cygnet import kernels
from cygnet.errors import composed
from cygnet.ops.common import Number, as_tensor, operands, wrap
from cygnet.ops.elementwise import (
    abs,
    add,
    eq,
    le,
    logical_and,
    logical_or,
    lt,
    mul,
    ne,
    sub,
    truth,
)
from cygnet.ops.reduce import all
from cygnet.ops.special import copysign
from cygnet.tensor import FLOATS, Tensor

__all__ = [
    "allclose",
    "bitwise_and",
    "bitwise_not",
    "bitwise_or",
    "bitwise_xor",
    "equal",
    "isclose",
    "isfinite",
    "isinf",
    "isnan",
    "isneginf",
    "isposinf",
    "logical_xor",
    "signbit",
]


@composed
def logical_xor(input: Tensor, other: Tensor) -> Tensor:
    """Whether exactly one of both elements is non-zero."""
    a, b = truth("logical_xor", "input", input), truth("logical_xor", "other", other)
    return ne(a, b)


@composed
def bitwise_and(input: Tensor | Number, other: Tensor | Number) -> Tensor:
    """The bits that both have; for bools, logical and.

    Raises
    ------
    DTypeError
        For floats.
    """
    a, b = operands("bitwise_and", input, other)
    return wrap(kernels.bitwise_and(a._array, b._array))


@composed
def bitwise_or(input: Tensor | Number, other: Tensor | Number) -> Tensor:
    """The bits that either has; for bools, logical or. Floats are a DTypeError."""
    a, b = operands("bitwise_or", input, other)
    return wrap(kernels.bitwise_or(a._array, b._array))


@composed
def bitwise_xor(input: Tensor | Number, other: Tensor | Number) -> Tensor:
    """The bits that exactly one has; for bools, whether they differ. Floats are a DTypeError."""
    a, b = operands("bitwise_xor", input, other)
    return wrap(kernels.bitwise_xor(a._array, b._array))


def bitwise_not(input: Tensor) -> Tensor:
    """The bits that the input has not; for bools, logical not. Floats are a DTypeError."""
    return wrap(kernels.bitwise_not(as_tensor(input, "bitwise_not", "input")._array))


@composed
def isnan(input: Tensor) -> Tensor:
    """Whether each element is NaN."""
    return ne(input, input)


@composed
def isinf(input: Tensor) -> Tensor:
    """Whether each element is infinite."""
    input = as_tensor(input, "isinf", "input")
    return eq(abs(input.detach()), math.inf) if input.dtype in FLOATS else ne(input, input)


@composed
def isfinite(input: Tensor) -> Tensor:
    """Whether each element is neither infinite nor NaN."""
    input = as_tensor(input, "isfinite", "input")
    return lt(abs(input.detach()), math.inf) if input.dtype in FLOATS else eq(input, input)


@composed
def isclose(
    input: Tensor,
    other: Tensor,
    rtol: float = 1e-05,
    atol: float = 1e-08,
    equal_nan: bool = False,
) -> Tensor:
    """Whether abs(input - other) <= atol + rtol * abs(other), element by element.

    Parameters
    ----------
    input, other : Tensor
        Of one type; their shapes broadcast. Infinities are close to themselves only.
    rtol, atol : float
        Relative and absolute tolerance.
    equal_nan : bool
        Whether NaN is close to NaN. Default False.

    Raises
    ------
    DTypeError
        If the types differ.
    """
    a, b = (
        as_tensor(input, "isclose", "input").detach(),
        as_tensor(other, "isclose", "other").detach(),
    )
    if a.dtype != b.dtype:
        raise kernels.DTypeError(
            f"isclose: other has dtype {b.dtype}, expected {a.dtype}, that of input"
        )
    close = eq(a, b)
    if equal_nan:
        close = logical_or(close, logical_and(ne(a, a), ne(b, b)))
    if a.dtype == bool:
        return close
    bound = add(mul(abs(b), rtol), atol)
    near = logical_and(le(abs(sub(a, b)), bound), isfinite(b))
    return logical_or(close, near)


def allclose(
    input: Tensor,
    other: Tensor,
    rtol: float = 1e-05,
    atol: float = 1e-08,
    equal_nan: bool = False,
) -> bool:
    """Whether `isclose` holds everywhere, as a Python bool."""
    return bool(all(isclose(input, other, rtol, atol, equal_nan)).item())


def equal(input: Tensor, other: Tensor) -> bool:
    """Whether both have the same shape and elements, as a Python bool; NaN equals nothing."""
    a, b = as_tensor(input, "equal", "input"), as_tensor(other, "equal", "other")
    return a.shape == b.shape and bool(all(eq(a, b)).item())


@composed
def isposinf(input: Tensor) -> Tensor:
    """Whether each element is +infinity."""
    return eq(as_tensor(input, "isposinf", "input"), math.inf)


@composed
def isneginf(input: Tensor) -> Tensor:
    """Whether each element is -infinity."""
    return eq(as_tensor(input, "isneginf", "input"), -math.inf)


@composed
def signbit(input: Tensor) -> Tensor:
    """Whether the sign is a minus, also that of -0."""
    input = as_tensor(input, "signbit", "input").detach()
    return lt(copysign(1.0, input) if input.dtype in FLOATS else input, 0)
