"""Element-wise functions made of others: bounds, interpolation, replaced values."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from cygnet import kernels
from cygnet.autograd import no_grad, record
from cygnet.errors import composed
from cygnet.ops.broadcast import sum_to
from cygnet.ops.common import Number, as_tensor, cast, floating, operands, wrap
from cygnet.ops.elementwise import (
    add,
    div,
    eq,
    ge,
    gt,
    le,
    log,
    logical_and,
    lt,
    maximum,
    minimum,
    mul,
    ne,
    pow,
    sub,
    where,
)
from cygnet.ops.special import exp2, log1p, logaddexp, sin
from cygnet.tensor import FLOATS, Tensor

__all__ = [
    "addcdiv",
    "addcmul",
    "clamp",
    "clamp_max",
    "clamp_min",
    "deg2rad",
    "float_power",
    "fill",
    "fmax",
    "fmin",
    "heaviside",
    "ldexp",
    "lerp",
    "logaddexp2",
    "logit",
    "nan_to_num",
    "positive",
    "rad2deg",
    "rsub",
    "sinc",
    "xlogy",
]

Bound = Tensor | Number | None


@composed
def clamp(input: Tensor, min: Bound = None, max: Bound = None) -> Tensor:
    """The input, but not below `min` and then not above `max`; NaN where one of them is.

    Parameters
    ----------
    input : Tensor
    min, max : Tensor or number, optional
        Broadcast with the input; at least one is given. A bound's gradient is that of the elements
        beyond it; elements on a bound count as inside.

    Raises
    ------
    ValueError
        If both bounds are missing.
    """
    input = as_tensor(input, "clamp", "input")
    if min is None and max is None:
        raise ValueError("clamp: min and max are None, expected at least one bound")
    if input.dtype in FLOATS and not isinstance(min, Tensor) and not isinstance(max, Tensor):
        low, high = -math.inf if min is None else min, math.inf if max is None else max
        if low == low and high == high:
            return _between(input, low, high)
    result = input
    if min is not None:
        result = _bounded("clamp", kernels.maximum, ge, result, min)
    if max is not None:
        result = _bounded("clamp", kernels.minimum, le, result, max)
    return result


def _between(input: Tensor, low: Number, high: Number) -> Tensor:
    saved = input._array

    def backward(grad: Tensor) -> tuple[Tensor]:
        return (_inside(grad, input, low, high),)

    return record(wrap(kernels.clamp(saved, low, high)), (input,), backward, "clamp")


def _inside(grad: Tensor, input: Tensor, low: Number, high: Number) -> Tensor:
    """The gradient where low <= input <= high, else 0."""
    return record(
        wrap(kernels.clamp_backward(grad._array, input._array, low, high)),
        (grad,),
        lambda again: (_inside(again, input, low, high),),
        "clamp",
        saved=(input,),
    )


def _bounded(
    op: str,
    kernel: Callable[..., np.ndarray],
    keeps: Callable[[Tensor, Tensor], Tensor],
    input: Tensor,
    bound: Tensor | Number,
) -> Tensor:
    """The extremum of both; on a tie the gradient is the input's."""
    a, b = operands(op, input, bound)

    def backward(grad: Tensor) -> tuple[Tensor | None, ...]:
        kept = keeps(a, b)
        return (
            sum_to(where(kept, grad, 0.0), a.shape) if a.requires_grad else None,
            sum_to(where(kept, 0.0, grad), b.shape) if b.requires_grad else None,
        )

    return record(wrap(kernel(a._array, b._array)), (a, b), backward, op)


@composed
def clamp_min(input: Tensor, min: Tensor | Number) -> Tensor:
    """`clamp` with a lower bound."""
    return clamp(input, min=min)


@composed
def clamp_max(input: Tensor, max: Tensor | Number) -> Tensor:
    """`clamp` with an upper bound."""
    return clamp(input, max=max)


def fmax(input: Tensor | Number, other: Tensor | Number) -> Tensor:
    """The larger of each pair, the number beside a NaN; on a tie the input takes the gradient."""
    return _number_extremum("fmax", ge, input, other)


def fmin(input: Tensor | Number, other: Tensor | Number) -> Tensor:
    """The smaller of each pair, the number beside a NaN; on a tie the input takes the gradient."""
    return _number_extremum("fmin", le, input, other)


def _number_extremum(
    name: str,
    beats: Callable[[Tensor, Tensor], Tensor],
    input: Tensor | Number,
    other: Tensor | Number,
) -> Tensor:
    a, b = operands(name, input, other)
    if a.dtype not in FLOATS:
        return maximum(a, b) if name == "fmax" else minimum(a, b)

    def backward(grad: Tensor) -> tuple[Tensor | None, ...]:
        mine = where(ne(b, b), True, beats(a, b))
        return (
            sum_to(where(mine, grad, 0.0), a.shape) if a.requires_grad else None,
            sum_to(where(mine, 0.0, grad), b.shape) if b.requires_grad else None,
        )

    return record(wrap(getattr(kernels, name)(a._array, b._array)), (a, b), backward, name)


@composed
def lerp(input: Tensor, end: Tensor, weight: Tensor | Number) -> Tensor:
    """input + weight * (end - input)."""
    return add(input, mul(weight, sub(end, input)))


@composed
def addcmul(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Number = 1) -> Tensor:
    """input + value * tensor1 * tensor2."""
    product = mul(tensor1, tensor2)
    return add(input, product if value == 1 else mul(product, value))


@composed
def addcdiv(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Number = 1) -> Tensor:
    """input + value * tensor1 / tensor2; integers are divided as floats (PyTorch refuses them)."""
    quotient = div(tensor1, tensor2)
    return add(input, quotient if value == 1 else mul(quotient, value))


@composed
def float_power(input: Tensor | Number, exponent: Tensor | Number) -> Tensor:
    """input ** exponent in float64."""
    wide = np.dtype(np.float64)
    base, power = (
        cast(value, wide) if isinstance(value, Tensor) else value for value in (input, exponent)
    )
    return pow(base, power)


@composed
def heaviside(input: Tensor, values: Tensor) -> Tensor:
    """0 where the input is negative or NaN, 1 where positive, `values` where it is 0; without a
    gradient.
    """
    a, b = (each.detach() for each in operands("heaviside", input, values))
    return where(eq(a, 0), b, cast(gt(a, 0), b.dtype))


@composed
def fill(input: Tensor, value: Tensor | Number) -> Tensor:
    """A copy of the input in which every element is a number or a 0-d tensor."""
    input = as_tensor(input, "fill", "input")
    if isinstance(value, Tensor) and value.ndim:
        raise kernels.ShapeError(f"fill: value has shape {value.shape}, expected ()")
    number = value if isinstance(value, Tensor) else wrap(np.array(value))
    kept = wrap(kernels.full(input.shape, 0, "bool"))
    return where(kept, input, cast(number, input.dtype))


@composed
def nan_to_num(
    input: Tensor, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None
) -> Tensor:
    """The input with numbers in the place of NaN and of the infinities, by default 0 and the
    largest and lowest number of its type.
    """
    input = as_tensor(input, "nan_to_num", "input")
    if input.dtype not in FLOATS:
        return input.clone()
    limits = np.finfo(input.dtype)
    result = where(ne(input, input), nan, input)
    result = where(eq(input, math.inf), limits.max if posinf is None else posinf, result)
    return where(eq(input, -math.inf), limits.min if neginf is None else neginf, result)


@composed
def sinc(input: Tensor) -> Tensor:
    """sin(pi * input) / (pi * input), and 1 at 0."""
    angle = mul(floating("sinc", input), math.pi)
    at_zero = eq(angle, 0)
    return where(at_zero, 1.0, div(sin(angle), where(at_zero, 1.0, angle)))


@composed
def logit(input: Tensor, eps: float | None = None) -> Tensor:
    """log(x / (1 - x)) of the input, which is first clamped to [eps, 1 - eps] if `eps` is given:
    without it, NaN outside [0, 1].
    """
    x = floating("logit", input)
    if eps is not None:
        x = clamp(x, eps, 1 - eps)

    def backward(grad: Tensor) -> tuple[Tensor]:
        variance = mul(x, sub(1.0, x))  # at 0 and 1 the gradient is infinite
        return (div(grad, where(lt(variance, 0), math.nan, variance)),)

    with no_grad():
        result = log(div(x, sub(1.0, x)))
    return record(result, (x,), backward, "logit")


@composed
def xlogy(input: Tensor | Number, other: Tensor | Number) -> Tensor:
    """input * log(other), and 0 where the input is 0 unless other is NaN."""
    a, b = operands("xlogy", input, other, floating=True)
    zero = eq(a, 0)

    def backward(grad: Tensor) -> tuple[Tensor | None, ...]:
        skipped = logical_and(zero, le(b, 0))
        by_a = mul(grad, where(skipped, 0.0, log(where(skipped, 1.0, b))))
        return (
            sum_to(by_a, a.shape) if a.requires_grad else None,
            sum_to(div(mul(grad, a), b), b.shape) if b.requires_grad else None,
        )

    product = kernels.mul(a._array, kernels.log(b._array))
    known = kernels.logical_and(zero._array, kernels.eq(b._array, b._array))
    return record(
        wrap(kernels.where(known, np.zeros((), a.dtype), product)), (a, b), backward, "xlogy"
    )


@composed
def xlog1py(input: Tensor | Number, other: Tensor | Number) -> Tensor:
    """input * log(1 + other), and 0 where the input is 0 unless other is NaN."""
    a, b = operands("xlog1py", input, other, floating=True)
    skipped = logical_and(eq(a, 0), le(b, -1))
    return mul(a, log1p(where(skipped, 0.0, b)))


@composed
def deg2rad(input: Tensor) -> Tensor:
    """Degrees in radians."""
    return mul(floating("deg2rad", input), math.pi / 180)


@composed
def rad2deg(input: Tensor) -> Tensor:
    """Radians in degrees."""
    return mul(floating("rad2deg", input), 180 / math.pi)


@composed
def ldexp(input: Tensor, other: Tensor) -> Tensor:
    """input * 2 ** other."""
    return mul(input, exp2(other))


@composed
def logaddexp2(input: Tensor, other: Tensor) -> Tensor:
    """log2(2 ** input + 2 ** other), without overflow."""
    scale = math.log(2)
    return div(logaddexp(mul(input, scale), mul(other, scale)), scale)


def positive(input: Tensor) -> Tensor:
    """The input itself; bools are a DTypeError."""
    input = as_tensor(input, "positive", "input")
    if input.dtype == bool:
        raise kernels.DTypeError("positive: input is bool, expected numbers")
    return input


@composed
def rsub(input: Tensor, other: Tensor | Number, *, alpha: Number = 1) -> Tensor:
    """other - alpha * input."""
    return sub(other, input, alpha=alpha)
