"""Functions of one number, each with its derivative in other ops; and functions of pairs. Those
that are not in ``__all__`` have their names in `cygnet.special` alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

from cygnet import kernels
from cygnet.autograd import record
from cygnet.errors import composed
from cygnet.ops.broadcast import sum_to
from cygnet.ops.common import Number, floating, operands, wrap
from cygnet.ops.elementwise import (
    add,
    div,
    eq,
    exp,
    ge,
    log,
    lt,
    mul,
    ne,
    neg,
    sign,
    sub,
    where,
)
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
    "i0",
    "igamma",
    "igammac",
    "lgamma",
    "log10",
    "log1p",
    "log2",
    "logaddexp",
    "mvlgamma",
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


@composed
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


def polygamma_method(input: Tensor, n: int) -> Tensor:
    """`polygamma` as a method."""
    return polygamma(n, input)


@composed
def mvlgamma(input: Tensor, p: int) -> Tensor:
    """The logarithm of the gamma function of p dimensions: p (p - 1) log(pi) / 4 and the sum of
    lgamma(input - k / 2) over k = 0 ... p - 1; the input is above (p - 1) / 2.

    Raises
    ------
    ValueError
        If p is below 1 or above 65536.
    """
    if not 1 <= p <= 1 << 16:  # a term each
        raise ValueError(f"mvlgamma: p is {p}, expected 1 to 65536")
    input = floating("mvlgamma", input)
    total = lgamma(input)
    for k in range(1, p):
        total = add(total, lgamma(sub(input, k / 2)))
    return add(total, p * (p - 1) / 4 * math.log(math.pi))


def _over(numerator: Tensor, x: Tensor) -> Tensor:
    """numerator / x, whose limit at 0 is 1 / 2: that of Bessel's function of order 1."""
    zero = eq(x, 0)
    return where(zero, 0.5, div(numerator, where(zero, 1.0, x)))


i0: Unary = _function(
    "i0", "The modified Bessel function of the first kind of order 0.", lambda x: i1(x)
)
i1: Unary = _function("i1", "The same of order 1.", lambda x: sub(i0(x), _over(i1(x), x)))
i0e: Unary = _function(
    "i0e", "exp(-abs(input)) * i0(input).", lambda x: sub(i1e(x), mul(sign(x), i0e(x)))
)
i1e: Unary = _function(
    "i1e",
    "exp(-abs(input)) * i1(input).",
    lambda x: sub(sub(i0e(x), mul(sign(x), i1e(x))), _over(i1e(x), x)),
)
erfcx: Unary = _function(
    "erfcx",
    "exp(input ** 2) * erfc(input), without overflow above 0.",
    lambda x: sub(mul(mul(x, 2.0), erfcx(x)), 2 / math.sqrt(math.pi)),
)


@composed
def ndtr(input: Tensor) -> Tensor:
    """The probability that a standard normal number is below the input."""
    return mul(erfc(mul(floating("ndtr", input), -math.sqrt(0.5))), 0.5)


@composed
def log_ndtr(input: Tensor) -> Tensor:
    """log(ndtr(input)), also where that is too small for a number."""
    x = mul(floating("log_ndtr", input), math.sqrt(0.5))
    low = lt(x, -1)
    tail = where(low, x, -1.0)
    return where(
        low,
        sub(log(mul(erfcx(neg(tail)), 0.5)), square(tail)),
        log1p(mul(erfc(where(low, 0.0, x)), -0.5)),
    )


@composed
def entr(input: Tensor) -> Tensor:
    """-input * log(input): 0 at 0, -infinity below."""
    x = floating("entr", input)
    inside = ge(x, 0)
    value = where(inside, x, 1.0)
    product = mul(value, log(where(eq(x, 0), 1.0, value)))
    return where(inside, neg(product), where(ne(x, x), x, -math.inf))


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


def _in_second(name: str, summary: str, slope: Callable[[Tensor, Tensor], Tensor]) -> Binary:
    """The op around a kernel of two floating-point operands that has a gradient for the second
    alone; `slope` is the derivative by it.
    """
    kernel = getattr(kernels, name)

    def function(input: Tensor | Number, other: Tensor | Number) -> Tensor:
        a, b = operands(name, input, other, floating=True)

        def backward(grad: Tensor) -> tuple[Tensor | None, ...]:
            if a.requires_grad:
                raise RuntimeError(f"{name}: there is no gradient for input, only for other")
            return None, sum_to(mul(grad, slope(a, b)), b.shape)

        return record(wrap(kernel(a._array, b._array)), (a, b), backward, name)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{summary}\n\n    The gradient is that of `other`, alone.\n    "
    return function


def _gamma_density(a: Tensor, x: Tensor) -> Tensor:
    """x ** (a - 1) * exp(-x) / gamma(a)."""
    return exp(sub(sub(mul(sub(a, 1.0), log(x)), x), lgamma(a)))


igamma: Binary = _in_second(
    "igamma",
    "The regularised incomplete gamma function P(input, other): the share of the integral of\n"
    "    t ** (input - 1) * exp(-t) that lies below `other`.",
    _gamma_density,
)
igammac: Binary = _in_second(
    "igammac",
    "1 - igamma(input, other), without cancellation.",
    lambda a, x: neg(_gamma_density(a, x)),
)
zeta: Binary = _in_second(
    "zeta",
    "Hurwitz's zeta function: the sum of (other + k) ** -input over k = 0, 1, ...",
    lambda s, q: neg(mul(s, zeta(add(s, 1.0), q))),
)
