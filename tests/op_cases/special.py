"""Functions of one number and of pairs."""

from __future__ import annotations

import math

import numpy as np

import cygnet
from tests.op_cases.case import Input, case, fixed, op, s, wide
from tests.op_cases.elementwise import (
    BINARY,
    INTEGERS,
    KINKED,
    MEMORY_ORDER,
    POSITIVE,
    POSITIVE_PAIRS,
    SHAPES,
    UNARY,
)

INSIDE = [Input(shape, "probability") for shape in SHAPES]
ULP = {"float32": (4 * 2.0**-23, 0), "reason": "4 ULP"}


def each(function):
    return np.vectorize(function, otypes=[np.float64])


def digamma(a):
    """By its recurrence up to 20, and its asymptotic series there."""
    total = np.zeros_like(a)
    for _ in range(20):
        total, a = total - 1 / a, a + 1
    q = 1 / a**2
    return total + np.log(a) - 0.5 / a - q * (1 / 12 - q * (1 / 120 - q * (1 / 252 - q / 240)))


def inverse_erf(y):
    """By bisection."""
    low, high = np.full(np.shape(y), -3.0), np.full(np.shape(y), 3.0)
    for _ in range(60):
        middle = (low + high) / 2
        below = each(math.erf)(middle) < y
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return (low + high) / 2


def series(first, factor, count=400):
    """The sum of terms, each the one before it times factor(k)."""
    total, term = first + 0.0, first
    for k in range(1, count):
        term = term * factor(k)
        total = total + term
    return total


def i1(a):
    return series(a / 2, lambda k: (a / 2) ** 2 / (k * (k + 1)), 60)


def igamma(a, b):
    first = np.exp(a * np.log(b) - b - each(math.lgamma)(a + 1))
    return series(first, lambda k: b / (a + k), 100)


def zeta(a, b):
    """By its terms up to 1,000 and the integral of the rest."""
    total = sum((b + k) ** -a for k in range(1000))
    q = b + 1000
    return total + q ** (1 - a) / (a - 1) + q**-a / 2 + a / 12 * q ** (-a - 1)


def on_shifted(name, reference, by, samples=POSITIVE, **options):
    """A row of a function for numbers above a bound."""
    return case(
        name,
        lambda a, **rest: reference(a + by, **rest),
        samples,
        lambda a, **rest: op(name)(a + by, **rest),
        **options,
    )


def namespace(name, reference, samples=UNARY, **options):
    """A row of a function that `cygnet.special` alone names."""
    return case(f"special.{name}", reference, samples, getattr(cygnet.special, name), **options)


def one(name, reference, samples=UNARY, **options):
    return case(name, reference, samples, **options)


def with_fixed_first(pairs):
    return [s(fixed(i.inputs[0]), i.inputs[1]) for i in pairs]


HALF = math.sqrt(0.5)
LOOSE = {"float32": (4e-6, 1e-5), "reason": "exponentials of numbers up to 30"}

CASES = [
    one("i0", np.i0),
    case("igamma", igamma, with_fixed_first(POSITIVE_PAIRS)),
    case("igammac", lambda a, b: 1 - igamma(a, b), with_fixed_first(POSITIVE_PAIRS)),
    on_shifted("mvlgamma", lambda a, p: p * (p - 1) / 4 * math.log(math.pi) + sum(each(math.lgamma)(a - k / 2) for k in range(p)), 1.5,
               [s(i, p=1 + k % 4) for k, i in enumerate(POSITIVE)]),
    namespace("i1", i1),
    namespace("i0e", lambda a: np.i0(a) * np.exp(-np.abs(a)), KINKED),
    namespace("i1e", lambda a: i1(a) * np.exp(-np.abs(a)), KINKED),
    namespace("erfcx", lambda a: np.exp(a * a) * each(math.erfc)(a), **LOOSE),
    namespace("ndtr", lambda a: each(math.erfc)(-a * HALF) / 2),
    namespace("log_ndtr", lambda a: np.log(each(math.erfc)(-a * HALF) / 2)),
    namespace("entr", lambda a: -a * np.log(a), POSITIVE),
    namespace("xlog1py", lambda a, b: a * np.log1p(b), [s(i.inputs[0], Input(i.inputs[1].shape, "positive")) for i in BINARY], layout_bits=False, reason=MEMORY_ORDER),
    case("special.zeta", lambda a, b: zeta(a + 1.5, b), with_fixed_first(POSITIVE_PAIRS[:5] + [s(Input((n,), "positive"), Input((n,), "positive")) for n in (1, 9, 67)]),
         lambda a, b: cygnet.special.zeta(a + 1.5, b)),
    case("gcd", lambda a, b: np.gcd(a - 20, b - 25), INTEGERS, lambda a, b: op("gcd")(a - 20, b - 25), exact=True, gradient=False),
    case("lcm", lambda a, b: np.lcm(a - 20, b - 25), INTEGERS, lambda a, b: op("lcm")(a - 20, b - 25), exact=True, gradient=False),
    case("bitwise_left_shift", lambda a, b: (a - 20) << b, INTEGERS, lambda a, b: (a - 20) << b, exact=True, gradient=False),
    case("bitwise_right_shift", lambda a, b: (a - 20) >> (b % 8), INTEGERS, lambda a, b: (a - 20) >> (b % 8), exact=True, gradient=False),
    case("nextafter", np.nextafter, BINARY, lambda a, b: op("nextafter")(a.double(), b.double()).to(a.dtype), gradient=False),
    case("frexp", np.frexp, KINKED, exact=True),
    one("exp", np.exp, **ULP),
    one("log", np.log, POSITIVE),
    one("sqrt", np.sqrt, POSITIVE, float32=(2.0**-23, 0), reason="correctly rounded"),
    one("erf", each(math.erf), [*UNARY, wide(65, 7)], **ULP),
    one("square", np.square, integers=True),
    one("rsqrt", lambda a: 1 / np.sqrt(a), POSITIVE),
    one("reciprocal", lambda a: 1 / a, POSITIVE),
    one("sin", np.sin, [*UNARY, wide(65, 7)]),
    one("cos", np.cos, [*UNARY, wide(65, 7)]),
    one("tan", np.tan, INSIDE),
    one("asin", np.arcsin, INSIDE),
    one("acos", np.arccos, INSIDE),
    one("atan", np.arctan),
    one("sinh", np.sinh),
    one("cosh", np.cosh),
    one("asinh", np.arcsinh),
    case("acosh", lambda a: np.arccosh(a + 1), POSITIVE, lambda a: op("acosh")(a + 1)),
    one("atanh", np.arctanh, INSIDE),
    one("exp2", np.exp2),
    one("expm1", np.expm1),
    one("log2", np.log2, POSITIVE),
    one("log10", np.log10, POSITIVE),
    one("log1p", np.log1p, POSITIVE),
    one("erfc", each(math.erfc)),
    one("erfinv", inverse_erf, INSIDE),
    one("lgamma", each(math.lgamma), POSITIVE),
    one("digamma", digamma, POSITIVE),
    case("polygamma", lambda a: 1 / a**2, POSITIVE, lambda a: op("polygamma")(1, a) - op("polygamma")(1, a + 1),
         float32=(4e-6, 1e-5), reason="a difference of near numbers"),
    case("atan2", np.arctan2, [s(*(type(i)(i.shape, "kinked") for i in a.inputs)) for a in BINARY]),
    case("hypot", np.hypot, POSITIVE_PAIRS),
    case("logaddexp", np.logaddexp, BINARY),
    case("copysign", np.copysign, [s(i, Input(i.shape, "kinked")) for i in KINKED], exact=True),
    one("deg2rad", np.deg2rad, float32=(4 * 2.0**-23, 0), reason="4 ULP"),
    one("rad2deg", np.rad2deg, float32=(4 * 2.0**-23, 0), reason="4 ULP"),
    one("positive", np.positive, exact=True),
    one("signbit", np.signbit, exact=True, gradient=False),
    one("isposinf", np.isposinf, exact=True, gradient=False),
    one("isneginf", np.isneginf, exact=True, gradient=False),
    case("isin", np.isin, INTEGERS, exact=True, gradient=False),
    case("isin invert", lambda a, b: np.isin(a, b, invert=True), INTEGERS[:2],
         lambda a, b: op("isin")(a, b, invert=True), exact=True, gradient=False),
    case("logaddexp2", np.logaddexp2, BINARY),
    case("ldexp", lambda a, b: a * 2.0**b, BINARY, float32=(4e-6, 1e-5), reason="as pow"),
    case("rsub", lambda a, b: b - a, BINARY, integers=True),
    case("rsub alpha", lambda a, b: b - 3 * a, BINARY[:2], lambda a, b: op("rsub")(a, b, alpha=3), integers=True),
]  # fmt: skip
