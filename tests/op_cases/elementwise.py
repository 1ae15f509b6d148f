"""Arithmetic, comparisons, logic and what is made of them, element by element."""

from __future__ import annotations

import numpy as np

from tests.op_cases.case import (
    case,
    distinct,
    kinked,
    labels,
    mask,
    op,
    positive,
    probability,
    s,
    x,
)

# Plain, 0-d, empty, beyond one vector, and enough elements for several threads.
SHAPES = [(3, 4), (), (0, 3), (67,), (2, 3, 4), (1, 9), (5, 1, 2), (33, 1031)]
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
POSITIVE_PAIRS = [s(*(positive(*i.shape) for i in a.inputs)) for a in BINARY]
# Both operands come from one draw of distinct numbers, so that no pair is near a tie.
PAIRS = [distinct(2, *shape) for shape in SHAPES]
# Whose fractions float32 keeps.
SMALL = [distinct(*shape) for shape in (*SHAPES[:-1], (40,))]
INTEGERS = [
    s(labels(*i.inputs[0].shape, below=50), labels(*i.inputs[1].shape, below=50)) for i in BINARY
]
MASKS = [s(mask(*i.inputs[0].shape), mask(*i.inputs[1].shape)) for i in BINARY]
THREE = [s(*a.inputs, positive(*a.inputs[1].shape)) for a in BINARY]
CHOICES = [
    s(mask(3, 4), x(3, 4), x(3, 4)),
    s(mask(4), x(2, 1, 4), x(3, 1)),
    s(mask(), x(2), x(2)),
    s(mask(0, 3), x(3), x(1, 3)),
    s(mask(2, 3), x(), x(2, 3)),
    s(mask(5), x(5), x()),
    s(mask(1, 7), x(3, 7), x(7)),
    s(mask(65, 1031), x(65, 1031), x()),
]
OFFSET = 0.123  # keeps multiples of 0.25 away from what functions round to
MEMORY_ORDER = "the gradient of a broadcast number is a sum in memory order"


def apart(name, reference):
    """An op on the halves of one draw of distinct numbers."""
    return case(
        name, lambda a: reference(a[0], a[1]), PAIRS, lambda a: op(name)(a[0], a[1]), exact=True
    )


def comparison(name, reference):
    return case(name, reference, BINARY, exact=True, gradient=False)


def on_masks(name, reference, samples=MASKS):
    return case(name, reference, samples, exact=True, gradient=False)


def rounding(name, reference, **options):
    return case(name, lambda a: reference(a + OFFSET), [distinct(*shape) for shape in SHAPES],
                lambda a: op(name)(a + OFFSET), **options)  # fmt: skip


def clamp(a, b=None, c=None, min=None, max=None):
    low, high = (min if b is None else b), (max if c is None else c)
    a = a if low is None else np.maximum(a, low)
    return a if high is None else np.minimum(a, high)


def bounds(**options):
    return [s(i, **options) for i in KINKED]


CASES = [
    case("add", np.add, BINARY, integers=True),
    case("sub", np.subtract, BINARY, integers=True),
    case("mul", np.multiply, BINARY, integers=True),
    case("div", np.divide, DIVISION),
    *(case(f"div {mode}", lambda a, f=f: f((a[0] * 9 + OFFSET) / (a[1] + 40.3)), PAIRS[:5],
           lambda a, mode=mode: op("div")(a[0] * 9 + OFFSET, a[1] + 40.3, rounding_mode=mode), exact=True)
      for mode, f in (("trunc", np.trunc), ("floor", np.floor))),
    case("add alpha", lambda a, b: a + 3 * b, BINARY[:2], lambda a, b: op("add")(a, b, alpha=3), integers=True),
    case("add number", lambda a: a + 2.5, UNARY, lambda a: a + 2.5),
    case("number minus", lambda a: 2 - a, UNARY, lambda a: 2 - a, integers=True),
    case("number over", lambda a: 2 / a, POSITIVE, lambda a: 2 / a),
    case("pow", np.power, POSITIVE_PAIRS,
         float32=(4e-6, 1e-5), reason="exp of a product: an ULP of the logarithm times the exponent"),
    *(case(f"pow {exponent}", lambda a, e=exponent: a**e, POSITIVE, lambda a, e=exponent: a**e,
           float32=(4e-6, 1e-5), reason="as pow") for exponent in (2, 3, 0.5, -1)),
    case("pow of integers", lambda a, b: a ** (b % 5), INTEGERS, lambda a, b: a ** (b % 5), exact=True, gradient=False),
    case("float_power", lambda a, b: a**b, POSITIVE_PAIRS,
         lambda a, b: op("float_power")(a, b).to(a.dtype), float32=(4e-6, 1e-5), reason="as pow"),
    apart("maximum", np.maximum),
    apart("minimum", np.minimum),
    apart("fmax", np.fmax),
    apart("fmin", np.fmin),
    case("neg", np.negative, UNARY, exact=True),
    case("abs", np.abs, KINKED, exact=True),
    case("sign", np.sign, KINKED, exact=True),
    case("clamp", clamp, bounds(min=-0.05, max=0.05), exact=True),
    case("clamp min only", clamp, bounds(min=0.01), op("clamp"), exact=True),
    case("clamp max only", clamp, bounds(max=0.05), op("clamp"), exact=True),
    case("clamp tensors", lambda a: clamp(a[0], a[1], a[2]), [distinct(3, *shape) for shape in SHAPES],
         lambda a: op("clamp")(a[0], a[1], a[2]), exact=True),
    case("clamp integers", lambda a, b: np.minimum(np.maximum(a, 3), b), INTEGERS, lambda a, b: op("clamp")(a, 3, b), exact=True, gradient=False),
    case("clamp_min", lambda a, min: np.maximum(a, min), bounds(min=0.05), exact=True),
    case("clamp_max", lambda a, max: np.minimum(a, max), bounds(max=0.05), exact=True),
    rounding("floor", np.floor, exact=True),
    rounding("ceil", np.ceil, exact=True),
    rounding("trunc", np.trunc, exact=True),
    rounding("round", np.round, exact=True),
    case("round decimals", lambda a: np.round(a + 0.02, 1), [distinct(*i) for i in SHAPES], lambda a: op("round")(a + 0.02, decimals=1)),
    case("round before the point", lambda a: np.round(a + 0.02, -1), [distinct(*i) for i in SHAPES], lambda a: op("round")(a + 0.02, decimals=-1)),
    case("frac", lambda a: a + OFFSET - np.trunc(a + OFFSET), SMALL, lambda a: op("frac")(a + OFFSET)),
    case("fmod", lambda a: np.fmod(a + OFFSET, 1.5), SMALL, lambda a: op("fmod")(a + OFFSET, 1.5)),
    case("fmod by a tensor", lambda a: np.fmod(a[0] * 9 + OFFSET, a[1] + 40.3), PAIRS[:5], lambda a: op("fmod")(a[0] * 9 + OFFSET, a[1] + 40.3)),
    case("fmod of integers", lambda a, b: np.fmod(a - 20, b + 1), INTEGERS, lambda a, b: op("fmod")(a - 20, b + 1), exact=True, gradient=False),
    case("remainder", lambda a: np.mod(a + OFFSET, -1.5), SMALL, lambda a: (a + OFFSET) % -1.5),
    case("remainder by a tensor", lambda a: np.mod(a[0] * 9 + OFFSET, a[1] + 40.3), PAIRS[:5], lambda a: (a[0] * 9 + OFFSET) % (a[1] + 40.3)),
    case("remainder of integers", lambda a, b: np.mod(a - 20, b - 60), INTEGERS, lambda a, b: (a - 20) % (b - 60), exact=True, gradient=False),
    case("floor_divide", lambda a, b: np.floor_divide(a * 9, b), DIVISION, lambda a, b: (a * 9) // b, gradient=False),
    case("floor_divide of integers", lambda a, b: (a - 20) // (b - 60), INTEGERS, lambda a, b: (a - 20) // (b - 60), exact=True, gradient=False),
    case("lerp", lambda a, b, c: a + c * (b - a), THREE, layout_bits=False, reason=MEMORY_ORDER),
    case("addcmul", lambda a, b, c, value=1: a + value * b * c, [*THREE, s(x(3), x(3), x(3), value=-2)], layout_bits=False, reason=MEMORY_ORDER),
    case("addcdiv", lambda a, b, c, value=1: a + value * b / c, [*THREE, s(x(3), x(3), positive(3), value=-2)], layout_bits=False, reason=MEMORY_ORDER),
    case("heaviside", lambda a, b: np.heaviside(a, b), BINARY, exact=True, gradient=False),
    case("nan_to_num", lambda a, **_: a, [*UNARY, s(x(3), nan=1.0)], exact=True),
    case("logit", lambda a, eps=None: np.log(a / (1 - a)), [*(probability(*i) for i in SHAPES), s(probability(7), eps=1e-3)]),
    case("sinc", np.sinc, KINKED),
    case("xlogy", lambda a, b: a * np.log(b), DIVISION),
    comparison("eq", np.equal),
    comparison("ne", np.not_equal),
    comparison("lt", np.less),
    comparison("le", np.less_equal),
    comparison("gt", np.greater),
    comparison("ge", np.greater_equal),
    comparison("isclose", np.isclose),
    *(case(name, reference, UNARY, exact=True, gradient=False)
      for name, reference in (("isnan", np.isnan), ("isinf", np.isinf), ("isfinite", np.isfinite))),
    on_masks("logical_not", np.logical_not, [s(i.inputs[0]) for i in MASKS]),
    on_masks("logical_and", np.logical_and),
    on_masks("logical_or", np.logical_or),
    on_masks("logical_xor", np.logical_xor),
    *(on_masks(name, reference, [*INTEGERS, *MASKS]) for name, reference in (
        ("bitwise_and", np.bitwise_and), ("bitwise_or", np.bitwise_or), ("bitwise_xor", np.bitwise_xor))),
    on_masks("bitwise_not", np.bitwise_not, [s(i.inputs[0]) for i in (*INTEGERS, *MASKS)]),
    case("where broadcast", np.where, CHOICES, op("where"), exact=True, layout_bits=False, reason=MEMORY_ORDER),
    case("where number", lambda c, a: np.where(c, a, 2.5), [s(mask(3, 4), x(3, 4)), s(mask(3), x())], lambda c, a: op("where")(c, a, 2.5), exact=True,
         layout_bits=False, reason=MEMORY_ORDER),
]  # fmt: skip
