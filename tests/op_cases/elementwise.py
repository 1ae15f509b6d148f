"""Arithmetic, functions and comparisons, element by element."""

from __future__ import annotations

import math

import numpy as np

from tests.op_cases.case import case, distinct, kinked, mask, op, positive, s, wide, x

# Plain, 0-d, empty, beyond one vector, and enough elements for several threads.
SHAPES = [(3, 4), (), (0, 3), (67,), (33, 1031)]
UNARY = [x(*shape) for shape in SHAPES]
KINKED = [kinked(*shape) for shape in SHAPES]
POSITIVE = [positive(*shape) for shape in SHAPES]

BINARY = [
    s(x(3, 4), x(3, 4)),
    s(x(2, 3, 4), x(4)),
    s(x(2, 1, 4), x(3, 1)),
    s(x(), x(3)),
    s(x(0, 3), x(1, 3)),
    s(x(2, 3, 5, 7), x(1, 3, 1, 1)),
    s(x(37, 1031), x(37, 1031)),
    s(x(37, 1031), x(1031)),
]
DIVISION = [s(x(*a.inputs[0].shape), positive(*a.inputs[1].shape)) for a in BINARY]
# Both operands come from one draw of distinct numbers, so that no pair is near a tie.
PAIRS = [distinct(2, 3, 4), distinct(2, 0, 3), distinct(2, 37, 1031)]
COMPARED = [
    s(x(3, 4), x(3, 4)),
    s(x(2, 1, 4), x(3, 1)),
    s(x(), x(3)),
    s(x(0, 3), x(1, 3)),
    s(x(129, 515), x(515)),
]


def comparison(name, reference):
    return case(name, reference, COMPARED, exact=True, gradient=False)


CASES = [
    case("add", np.add, BINARY, integers=True),
    case("sub", np.subtract, BINARY, integers=True),
    case("mul", np.multiply, BINARY, integers=True),
    case("div", np.divide, DIVISION),
    case("add alpha", lambda a, b: a + 3 * b, BINARY[:2], lambda a, b: op("add")(a, b, alpha=3), integers=True),
    case("add number", lambda a: a + 2.5, UNARY, lambda a: a + 2.5),
    case("number minus", lambda a: 2 - a, UNARY, lambda a: 2 - a, integers=True),
    case("number over", lambda a: 2 / a, POSITIVE, lambda a: 2 / a),
    case("pow", np.power, [s(positive(3, 4), x(3, 4)), s(positive(2, 3), x(3)), s(positive(0, 3), x(3))],
         float32=(4e-6, 1e-5), reason="exp of a product: an ULP of the logarithm times the exponent"),
    *(case(f"pow {exponent}", lambda a, e=exponent: a**e, POSITIVE, lambda a, e=exponent: a**e,
           float32=(4e-6, 1e-5), reason="as pow") for exponent in (2, 3, 0.5, -1)),
    case("maximum", lambda a: np.maximum(a[0], a[1]), PAIRS, lambda a: op("maximum")(a[0], a[1]), exact=True),
    case("minimum", lambda a: np.minimum(a[0], a[1]), PAIRS, lambda a: op("minimum")(a[0], a[1]), exact=True),
    case("neg", np.negative, UNARY, exact=True),
    case("abs", np.abs, KINKED, exact=True),
    case("exp", np.exp, UNARY, float32=(4 * 2.0**-23, 0), reason="4 ULP"),
    case("log", np.log, POSITIVE),
    case("sqrt", np.sqrt, POSITIVE, float32=(2.0**-23, 0), reason="correctly rounded"),
    case("erf", np.vectorize(math.erf, otypes=[np.float64]), [*UNARY, wide(65, 7)], float32=(4 * 2.0**-23, 0), reason="4 ULP"),
    comparison("eq", np.equal),
    comparison("ne", np.not_equal),
    comparison("lt", np.less),
    comparison("le", np.less_equal),
    comparison("gt", np.greater),
    comparison("ge", np.greater_equal),
    case("logical_not", np.logical_not, [mask(3, 4), mask(), mask(0, 2)], exact=True, gradient=False),
    case("logical_and", np.logical_and, [s(mask(3, 4), mask(4)), s(mask(), mask(2))], exact=True, gradient=False),
    case("logical_or", np.logical_or, [s(mask(3, 4), mask(4)), s(mask(), mask(2))], exact=True, gradient=False),
    case("where", np.where, [s(mask(3, 4), x(3, 4), x(3, 4)), s(mask(4), x(2, 1, 4), x(3, 1)), s(mask(), x(2), x(2)),
                             s(mask(0, 3), x(3), x(1, 3)), s(mask(65, 1031), x(65, 1031), x())], exact=True,
         layout_bits=False, reason="the gradient of a broadcast number is a sum in memory order"),
]  # fmt: skip
