"""Element-wise ops: arithmetic, functions, comparisons. Operands broadcast as in
NumPy.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cygnet import kernels
from cygnet.autograd import record
from cygnet.dtypes import NAMES
from cygnet.ops.broadcast import sum_to
from cygnet.ops.common import (
    Number,
    as_tensor,
    cast,
    floating,
    from_result,
    operands,
    wrap,
)
from cygnet.tensor import FLOATS, Array, Tensor

__all__ = [
    "abs",
    "add",
    "div",
    "eq",
    "erf",
    "exp",
    "ge",
    "gt",
    "le",
    "log",
    "logical_and",
    "logical_not",
    "logical_or",
    "lt",
    "maximum",
    "minimum",
    "mul",
    "ne",
    "neg",
    "pow",
    "sign",
    "sqrt",
    "sub",
]


def add(input: Tensor | Number, other: Tensor | Number, *, alpha: Number = 1) -> Tensor:
    """input + alpha * other."""
    a, b = operands("add", input, other)
    if alpha != 1:
        b = mul(b, alpha)

    def backward(grad: Tensor) -> tuple[Tensor | None, ...]:
        return (
            sum_to(grad, a.shape) if a.requires_grad else None,
            sum_to(grad, b.shape) if b.requires_grad else None,
        )

    return record(
        wrap(kernels.add(a._array, b._array)), (a, b), backward, "add", saved=(), fresh=False
    )


def sub(input: Tensor | Number, other: Tensor | Number, *, alpha: Number = 1) -> Tensor:
    """input - alpha * other."""
    a, b = operands("sub", input, other)
    if alpha != 1:
        b = mul(b, alpha)

    def backward(grad: Tensor) -> tuple[Tensor | None, ...]:
        return (
            sum_to(grad, a.shape) if a.requires_grad else None,
            sum_to(neg(grad), b.shape) if b.requires_grad else None,
        )

    return record(
        wrap(kernels.sub(a._array, b._array)), (a, b), backward, "sub", saved=(), fresh=False
    )


def mul(input: Tensor | Number, other: Tensor | Number) -> Tensor:
    """input * other."""
    a, b = operands("mul", input, other)

    def backward(grad: Tensor) -> tuple[Tensor | None, ...]:
        return (
            sum_to(mul(grad, b), a.shape) if a.requires_grad else None,
            sum_to(mul(grad, a), b.shape) if b.requires_grad else None,
        )

    saved = ((b,) if a.requires_grad else ()) + ((a,) if b.requires_grad else ())
    return record(wrap(kernels.mul(a._array, b._array)), (a, b), backward, "mul", saved=saved)


_ROUNDED = {"floor": kernels.floor_divide, "trunc": kernels.trunc_divide}


def div(
    input: Tensor | Number, other: Tensor | Number, *, rounding_mode: str | None = None
) -> Tensor:
    """input / other.

    Parameters
    ----------
    input, other : Tensor or number
        Integers are divided as floats of the default type.
    rounding_mode : str, optional
        'trunc' or 'floor': the quotient rounded to zero or down, in the operands' type and with a
        gradient of 0. Default None: not rounded.

    Raises
    ------
    ValueError
        Another rounding mode; an integer divided by 0 and rounded.
    """
    if rounding_mode is not None:
        if rounding_mode not in _ROUNDED:
            raise ValueError(
                f"div: rounding_mode is {rounding_mode!r}, expected None, 'trunc' or 'floor'"
            )
        a, b = operands("div", input, other)
        return constant_slopes("div", _ROUNDED[rounding_mode](a._array, b._array), a, b)
    a, b = operands("div", input, other, floating=True)

    def backward(grad: Tensor) -> tuple[Tensor | None, ...]:
        return (
            sum_to(div(grad, b), a.shape) if a.requires_grad else None,
            sum_to(neg(div(mul(grad, a), mul(b, b))), b.shape) if b.requires_grad else None,
        )

    saved = (a, b) if b.requires_grad else (b,)
    return record(wrap(kernels.div(a._array, b._array)), (a, b), backward, "div", saved=saved)


def pow(input: Tensor | Number, exponent: Tensor | Number) -> Tensor:
    """input ** exponent; the gradient of the exponent is 0 where the input is 0.

    Raises
    ------
    ValueError
        A negative number as the exponent of an integer tensor.
    """
    a, b = operands("pow", input, exponent)
    if isinstance(exponent, int) and exponent < 0 and a.dtype not in FLOATS:
        raise ValueError(f"pow: exponent is {exponent}, expected at least 0 for {a.dtype}")

    def backward(grad: Tensor) -> tuple[Tensor | None, ...]:
        by_base = by_exponent = None
        if a.requires_grad:
            # 0 where the exponent is 0, also at 0 ** 0.
            slope = where(eq(b, 0), 0.0, mul(b, pow(a, sub(b, 1))))
            by_base = sum_to(mul(grad, slope), a.shape)
        if b.requires_grad:
            zero = logical_and(eq(a, 0), ge(b, 0))
            slope = where(zero, 0.0, mul(pow(a, b), log(where(zero, 1.0, a))))
            by_exponent = sum_to(mul(grad, slope), b.shape)
        return by_base, by_exponent

    return record(wrap(kernels.pow(a._array, b._array)), (a, b), backward, "pow")


def maximum(input: Tensor | Number, other: Tensor | Number) -> Tensor:
    """The larger of each pair, NaN if either is; equal ones share the gradient."""
    return _extremum("maximum", kernels.maximum, input, other)


def minimum(input: Tensor | Number, other: Tensor | Number) -> Tensor:
    """The smaller of each pair, NaN if either is; equal ones share the gradient."""
    return _extremum("minimum", kernels.minimum, input, other)


def _extremum(name: str, kernel: Any, input: Tensor | Number, other: Tensor | Number) -> Tensor:
    a, b = operands(name, input, other)
    beats = gt if name == "maximum" else lt

    def backward(grad: Tensor) -> tuple[Tensor | None, ...]:
        half = mul(grad, 0.5)
        tie = eq(a, b)

        def part(mine: Tensor, theirs: Tensor) -> Tensor:
            return sum_to(where(tie, half, where(beats(mine, theirs), grad, 0.0)), mine.shape)

        return (
            part(a, b) if a.requires_grad else None,
            part(b, a) if b.requires_grad else None,
        )

    return record(wrap(kernel(a._array, b._array)), (a, b), backward, name)


def neg(input: Tensor) -> Tensor:
    """-input."""
    input = as_tensor(input, "neg", "input")
    output = wrap(kernels.neg(input._array))
    return record(output, (input,), lambda grad: (neg(grad),), "neg", saved=())


def exp(input: Tensor) -> Tensor:
    """The exponential function."""
    input = floating("exp", input)
    return from_result("exp", kernels.exp(input._array), input, mul)


def log(input: Tensor) -> Tensor:
    """The natural logarithm: NaN below 0, -inf at 0."""
    input = floating("log", input)
    return record(
        wrap(kernels.log(input._array)), (input,), lambda grad: (div(grad, input),), "log"
    )


def sqrt(input: Tensor) -> Tensor:
    """The square root: NaN below 0."""
    input = floating("sqrt", input)
    output = kernels.sqrt(input._array)
    return from_result("sqrt", output, input, lambda grad, root: div(grad, add(root, root)))


def abs(input: Tensor) -> Tensor:
    """The absolute value; its gradient at 0 is 0."""
    input = as_tensor(input, "abs", "input")
    return record(
        wrap(kernels.abs(input._array)), (input,), lambda grad: (mul(grad, sign(input)),), "abs"
    )


def sign(input: Tensor) -> Tensor:
    """-1, 0 or 1, 0 of NaN; its gradient is 0."""
    input = as_tensor(input, "sign", "input")
    if input.dtype == np.bool_:
        return input.clone()
    return constant_slopes("sign", kernels.sign(input._array), input)


def constant_slopes(name: str, output: Array, *inputs: Tensor) -> Tensor:
    """Records the result of an op that is constant in pieces: its gradients are 0."""

    def backward(grad: Tensor) -> tuple[Tensor | None, ...]:
        return tuple(
            wrap(kernels.full(i.shape, 0.0, NAMES[i.dtype])) if i.requires_grad else None
            for i in inputs
        )

    return record(wrap(output), inputs, backward, name, saved=())


def erf(input: Tensor) -> Tensor:
    """The error function, 2 / sqrt(pi) times the integral of exp(-t²) from 0 to input."""
    input = floating("erf", input)

    def backward(grad: Tensor) -> tuple[Tensor]:
        return (mul(grad, mul(exp(neg(mul(input, input))), 2 / math.sqrt(math.pi))),)

    return record(wrap(kernels.erf(input._array)), (input,), backward, "erf")


def where(condition: Tensor, input: Tensor | Number, other: Tensor | Number) -> Tensor:
    """input where the boolean condition holds, else other."""
    condition = as_tensor(condition, "where", "condition")
    a, b = operands("where", input, other)

    def backward(grad: Tensor) -> tuple[Tensor | None, ...]:
        return (
            sum_to(where(condition, grad, 0.0), a.shape) if a.requires_grad else None,
            sum_to(where(condition, 0.0, grad), b.shape) if b.requires_grad else None,
        )

    output = kernels.where(condition._array, a._array, b._array)
    return record(wrap(output), (a, b), backward, "where", saved=(condition,))


def _comparison(kernel: Any, input: Tensor | Number, other: Tensor | Number) -> Tensor:
    a, b = operands(kernel.__name__, input, other)
    return wrap(kernel(a._array, b._array))


def eq(input: Tensor | Number, other: Tensor | Number) -> Tensor:
    """input == other, a bool tensor."""
    return _comparison(kernels.eq, input, other)


def ne(input: Tensor | Number, other: Tensor | Number) -> Tensor:
    """input != other, a bool tensor."""
    return _comparison(kernels.ne, input, other)


def lt(input: Tensor | Number, other: Tensor | Number) -> Tensor:
    """input < other, a bool tensor."""
    return _comparison(kernels.lt, input, other)


def le(input: Tensor | Number, other: Tensor | Number) -> Tensor:
    """input <= other, a bool tensor."""
    return _comparison(kernels.le, input, other)


def gt(input: Tensor | Number, other: Tensor | Number) -> Tensor:
    """input > other, a bool tensor."""
    return _comparison(kernels.gt, input, other)


def ge(input: Tensor | Number, other: Tensor | Number) -> Tensor:
    """input >= other, a bool tensor."""
    return _comparison(kernels.ge, input, other)


def truth(op: str, name: str, value: Tensor) -> Tensor:
    """An argument as bools: whether each element is non-zero."""
    return cast(as_tensor(value, op, name), np.dtype(np.bool_))


def logical_not(input: Tensor) -> Tensor:
    """Whether each element is zero."""
    return wrap(kernels.logical_not(truth("logical_not", "input", input)._array))


def logical_and(input: Tensor, other: Tensor) -> Tensor:
    """Whether both elements are non-zero."""
    a, b = truth("logical_and", "input", input), truth("logical_and", "other", other)
    return wrap(kernels.logical_and(a._array, b._array))


def logical_or(input: Tensor, other: Tensor) -> Tensor:
    """Whether either element is non-zero."""
    a, b = truth("logical_or", "input", input), truth("logical_or", "other", other)
    return wrap(kernels.logical_or(a._array, b._array))
