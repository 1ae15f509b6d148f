"""Activations, element by element."""

from __future__ import annotations

import math

import numpy as np

from tests.op_cases.case import case, distinct, kinked, op, s, wide, x

SHAPES = [(3, 4), (), (0, 3), (67,), (33, 1031)]
SMOOTH = [*(x(*shape) for shape in SHAPES), wide(65, 7)]
KINKED = [kinked(*shape) for shape in SHAPES]
# Multiples of 0.25 and an eighth off the kinks at whole numbers.
PIECES = [distinct(3, 4), distinct(), distinct(0, 3), distinct(67), distinct(9, 211)]
ULP = 2.0**-23

erf = np.vectorize(math.erf, otypes=[np.float64])


def sigmoid(z):
    return np.exp(-np.logaddexp(0, -z))


def gelu(a, approximate="none"):
    if approximate == "tanh":
        return a / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (a + 0.044715 * a**3)))
    return a / 2 * (1 + erf(a / np.sqrt(2)))


def elu(a, alpha=1.0):
    return np.where(a > 0, a, alpha * np.expm1(np.minimum(a, 0)))


def softplus(a, beta=1.0, threshold=20.0):
    return np.where(beta * a > threshold, a, np.logaddexp(0, beta * a) / beta)


def mish(a):
    return a * np.tanh(np.logaddexp(0, a))


def hardtanh(a, min_val=-1.0, max_val=1.0):
    return np.clip(a, min_val, max_val)


def prelu(a, weight):
    return np.where(a > 0, a, a * weight.reshape(-1, *(1,) * (a.ndim - 2)))


def shifted(function):
    """The function at a + 1/8, away from its kinks for whole and quarter numbers."""
    return lambda a, **options: function(a + 0.125, **options)


CASES = [
    case("relu", lambda a: np.maximum(a, 0), KINKED, exact=True),
    case("leaky_relu", lambda a, negative_slope=0.01: np.where(a < 0, a * negative_slope, a),
         [*KINKED, s(kinked(3, 4), negative_slope=0.3)]),
    case("prelu", prelu, [s(kinked(3, 4), x(1)), s(kinked(3, 4), x(4)), s(kinked(2, 3, 5, 7), x(3)), s(kinked(5), x(1)), s(kinked(0, 3), x(3))],
         layout_bits=False, reason="the gradient of the weight is a sum in memory order"),
    case("sigmoid", sigmoid, SMOOTH, float32=(4 * ULP, 0), reason="4 ULP"),
    case("logsigmoid", lambda a: -np.logaddexp(0, -a), SMOOTH, float32=(8 * ULP, 0), reason="4 ULP of an exponential and a logarithm"),
    case("tanh", np.tanh, SMOOTH, float32=(4 * ULP, 0), reason="4 ULP"),
    *(case(f"gelu {form}", gelu, [s(i, approximate=form) for i in SMOOTH], op("gelu"), float32=(2 * ULP, 2 * ULP), reason="2^-22 max(1, |x|)")
      for form in ("none", "tanh")),
    case("silu", lambda a: a * sigmoid(a), SMOOTH, float32=(2 * ULP, 2 * ULP), reason="2^-22 max(1, |x|)"),
    case("elu", elu, [*SMOOTH, s(x(3, 4), alpha=0.5)], float32=(4 * ULP, 0), reason="4 ULP of expm1"),
    case("softplus", softplus, [*SMOOTH, s(x(3, 4), beta=2.0, threshold=1.5)], float32=(2 * ULP, 2 * ULP), reason="2^-22 max(1, |x|)"),
    case("mish", mish, SMOOTH, float32=(2 * ULP, 2 * ULP), reason="2^-22 max(1, |x|)"),
    case("hardtanh", shifted(hardtanh), [*PIECES, s(distinct(3, 4), min_val=-0.5, max_val=2.0)],
         lambda a, **options: op("hardtanh")(a + 0.125, **options), exact=True),
    case("relu6", shifted(lambda a: np.clip(a, 0, 6)), PIECES, lambda a: op("relu6")(a + 0.125), exact=True),
    case("hardsigmoid", shifted(lambda a: np.clip(a + 3, 0, 6) / 6), PIECES, lambda a: op("hardsigmoid")(a + 0.125)),
    case("hardswish", shifted(lambda a: a * np.clip(a + 3, 0, 6) / 6), PIECES, lambda a: op("hardswish")(a + 0.125)),
]  # fmt: skip
