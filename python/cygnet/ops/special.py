"""Functions of one number, each with its derivative in other ops; and functions of pairs."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

from cygnet import kernels
from cygnet.autograd import record
from cygnet.ops.broadcast import sum_to
from cygnet.ops.common import Number, floating, operands, wrap
from cygnet.ops.elementwise import add, div, eq, exp, ge, mul, ne, neg, sub, where
from cygnet.tensor import Tensor

__all__ = [
    "acos",
    "acosh",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "copysign",
    "cos",
    "cosh",
    "digamma",
    "erfc",
    "erfinv",
    "exp2",
    "expm1",
    "hypot",
    "lgamma",
    "log10",
    "log1p",
    "log2",
    "logaddexp",
    "polygamma",
    "reciprocal",
    "rsqrt",
    "sin",
    "sinh",
    "square",
    "tan",
]


Unary: TypeAlias = Callable[[Tensor], Tensor]
Binary: TypeAlias = Callable[[Tensor | Number, Tensor | Number], Tensor]


def _function(name: str, summary: str, slope: Unary) -> Unary:
    """The op around a kernel of one floating-point input, whose derivative is `slope`."""
    kernel = getattr(kernels, name)

    def function(input: Tensor) -> Tensor:
        input = floating(name, input)
        return record(
            wrap(kernel(input._array)), (input,), lambda grad: (mul(grad, slope(input)),), name
        )

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{summary}\n\n    Integers are taken as floats of the default type.\n    "
    return function


def square(input: Tensor) -> Tensor:
    """input * input."""
    return mul(input, input)


reciprocal: Unary = _function(
    "reciprocal", "1 / input: infinite at 0.", lambda x: neg(square(reciprocal(x)))
)
rsqrt: Unary = _function(
    "rsqrt",
    "1 / sqrt(input): infinite at 0, NaN below.",
    lambda x: div(mul(rsqrt(x), -0.5), x),
)
sin: Unary = _function("sin", "The sine of an angle in radians.", lambda x: cos(x))
cos: Unary = _function("cos", "The cosine of an angle in radians.", lambda x: neg(sin(x)))
tan: Unary = _function(
    "tan", "The tangent of an angle in radians.", lambda x: add(square(tan(x)), 1.0)
)
asin: Unary = _function(
    "asin",
    "The angle in [-pi / 2, pi / 2] with this sine: NaN outside [-1, 1].",
    lambda x: rsqrt(sub(1.0, square(x))),
)
acos: Unary = _function(
    "acos",
    "The angle in [0, pi] with this cosine: NaN outside [-1, 1].",
    lambda x: neg(rsqrt(sub(1.0, square(x)))),
)
atan: Unary = _function(
    "atan",
    "The angle in (-pi / 2, pi / 2) with this tangent.",
    lambda x: reciprocal(add(square(x), 1.0)),
)
sinh: Unary = _function("sinh", "The hyperbolic sine.", lambda x: cosh(x))
cosh: Unary = _function("cosh", "The hyperbolic cosine.", lambda x: sinh(x))
asinh: Unary = _function("asinh", "The inverse of `sinh`.", lambda x: rsqrt(add(square(x), 1.0)))
acosh: Unary = _function(
    "acosh",
    "The inverse of `cosh`, not negative: NaN below 1.",
    lambda x: rsqrt(sub(square(x), 1.0)),
)
atanh: Unary = _function(
    "atanh",
    "The inverse of `cygnet.tanh`: NaN outside [-1, 1].",
    lambda x: reciprocal(sub(1.0, square(x))),
)
exp2: Unary = _function("exp2", "2 to the power of the input.", lambda x: mul(exp2(x), math.log(2)))
expm1: Unary = _function("expm1", "exp(input) - 1, exact near 0.", lambda x: exp(x))
log2: Unary = _function(
    "log2", "The logarithm to base 2.", lambda x: reciprocal(mul(x, math.log(2)))
)
log10: Unary = _function(
    "log10", "The logarithm to base 10.", lambda x: reciprocal(mul(x, math.log(10)))
)
log1p: Unary = _function(
    "log1p", "log(1 + input), exact near 0.", lambda x: reciprocal(add(x, 1.0))
)
erfc: Unary = _function(
    "erfc",
    "1 - erf(input), without cancellation.",
    lambda x: mul(exp(neg(square(x))), -2 / math.sqrt(math.pi)),
)
erfinv: Unary = _function(
    "erfinv",
    "The number with this value of `cygnet.erf`: infinite at -1 and 1, NaN beyond.",
    lambda x: mul(exp(square(erfinv(x))), math.sqrt(math.pi) / 2),
)
lgamma: Unary = _function(
    "lgamma", "The logarithm of the magnitude of the gamma function.", lambda x: digamma(x)
)
digamma: Unary = _function("digamma", "The derivative of `lgamma`.", lambda x: polygamma(1, x))


def polygamma(n: int, input: Tensor) -> Tensor:
    """The n-th derivative of `digamma`.

    Raises
    ------
    ValueError
        If n is negative.
    """
    if n < 0:
        raise ValueError(f"polygamma: n is {n}, expected at least 0")
    input = floating("polygamma", input)
    return record(
        wrap(kernels.polygamma(input._array, n)),
        (input,),
        lambda grad: (mul(grad, polygamma(n + 1, input)),),
        "polygamma",
    )


def _pair(
    name: str,
    summary: str,
    slopes: Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]],
) -> Binary:
    """The op around a kernel of two floating-point operands; `slopes` gives the gradients of both
    from the result's and the operands.
    """
    kernel = getattr(kernels, name)

    def function(input: Tensor | Number, other: Tensor | Number) -> Tensor:
        a, b = operands(name, input, other, floating=True)

        def backward(grad: Tensor) -> tuple[Tensor | None, ...]:
            by_a, by_b = slopes(grad, a, b)
            return (
                sum_to(by_a, a.shape) if a.requires_grad else None,
                sum_to(by_b, b.shape) if b.requires_grad else None,
            )

        return record(wrap(kernel(a._array, b._array)), (a, b), backward, name)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{summary}\n\n    Integers are taken as floats of the default type.\n    "
    return function


def _slopes_of_angle(grad: Tensor, y: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    share = div(grad, add(square(y), square(x)))
    return mul(share, x), neg(mul(share, y))


def _slopes_of_hypot(grad: Tensor, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    share = div(grad, hypot(a, b))
    return mul(share, a), mul(share, b)


def _slopes_of_logaddexp(grad: Tensor, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    apart = exp(sub(a, b))
    return div(grad, add(reciprocal(apart), 1.0)), div(grad, add(apart, 1.0))


def _slopes_of_copysign(grad: Tensor, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    flipped = ne(ge(a, 0), ge(reciprocal(copysign(1.0, b)), 0))
    nothing = mul(grad, 0.0)
    return where(eq(a, 0), 0.0, where(flipped, neg(grad), grad)), nothing


atan2: Binary = _pair(
    "atan2", "The angle of the point (other, input), in (-pi, pi].", _slopes_of_angle
)
hypot: Binary = _pair("hypot", "sqrt(input ** 2 + other ** 2), without overflow.", _slopes_of_hypot)
logaddexp: Binary = _pair(
    "logaddexp", "log(exp(input) + exp(other)), without overflow.", _slopes_of_logaddexp
)
copysign: Binary = _pair(
    "copysign", "The magnitude of input with the sign of other.", _slopes_of_copysign
)
