"""Activations, element by element."""

from __future__ import annotations

import math

import numpy as np

from tests.op_cases.case import case, distinct, kinked, op, s, wide, x

SHAPES = [(3, 4), (), (0, 3), (67,), (33, 1031), (1,), (2, 3, 4), (2, 1, 3, 5)]
SMOOTH = [*(x(*shape) for shape in SHAPES), wide(65, 7)]
KINKED = [kinked(*shape) for shape in SHAPES]
# Multiples of 0.25 and an eighth off the kinks at whole numbers.
PIECES = [distinct(*shape) for shape in (*SHAPES[:4], (9, 211), *SHAPES[5:])]
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
    return np.where(a > 0, a, a * weight.reshape((-1, *(1,) * (a.ndim - 2)) if a.ndim else ()))


def selu(a):
    return 1.0507009873554805 * elu(a, 1.6732632423543772)


def celu(a, alpha=1.0):
    return elu(a / alpha) * alpha


def softshrink(a, lambd=0.5):
    return np.where(np.abs(a) <= lambd, 0.0, a - np.sign(a) * lambd)


def threshold(a, threshold=0.5, value=20.0):
    return np.where(a > threshold, a, value)


def glu(a, dim=-1):
    first, second = np.split(a, 2, dim)
    return first * sigmoid(second)


def one_hot_of_largest(a, dim):
    """What is drawn where the logits leave no choice."""
    return (a == a.max(dim, keepdims=True)).astype(float)


def without_inplace(function):
    """The reference of a row whose samples have the option that makes no difference."""
    return lambda a, inplace=False, **options: function(a, **options)


def eighth(name):
    """The op at a + 1/8."""
    return lambda a, **options: op(name)(a + 0.125, **options)


def shifted(function):
    """The function at a + 1/8, away from its kinks for whole and quarter numbers."""
    return lambda a, **options: function(a + 0.125, **options)


INPLACE = [s(kinked(2, 3), inplace=True)]
PRELU = [s(kinked(3, 4), x(1)), s(kinked(3, 4), x(4)), s(kinked(2, 3, 5, 7), x(3)), s(kinked(5), x(1)), s(kinked(0, 3), x(3)),
         s(kinked(2, 3, 4), x(3)), s(kinked(2, 3, 4), x(1)), s(kinked(), x(1))]  # fmt: skip
GATED = [
    s(x(4, 6)),
    s(x(4, 6), dim=0),
    s(x(4, 6), dim=1),
    s(x(2)),
    s(x(0, 4)),
    s(x(0, 4), dim=0),
    s(x(2, 4, 3), dim=-2),
    s(x(33, 62)),
]
LOOSE = {"float32": (2 * ULP, 2 * ULP), "reason": "2^-22 max(1, |x|)"}

CASES = [
    case("relu", without_inplace(lambda a: np.maximum(a, 0)), [*KINKED, *INPLACE], exact=True),
    case("leaky_relu", without_inplace(lambda a, negative_slope=0.01: np.where(a < 0, a * negative_slope, a)),
         [*KINKED, s(kinked(3, 4), negative_slope=0.3), *INPLACE]),
    case("prelu", prelu, PRELU, layout_bits=False, reason="the gradient of the weight is a sum in memory order"),
    case("rrelu", lambda a, lower=1 / 8, upper=1 / 3: np.where(a > 0, a, a * (lower + upper) / 2),
         [*KINKED, s(kinked(3, 4), lower=0.5, upper=0.75)]),
    case("rrelu drawn", lambda a, lower, upper, training: np.where(a > 0, a, a * lower),
         [s(i, lower=0.25, upper=0.25, training=True) for i in KINKED], op("rrelu")),
    case("sigmoid", sigmoid, SMOOTH, float32=(4 * ULP, 0), reason="4 ULP"),
    case("logsigmoid", lambda a: -np.logaddexp(0, -a), SMOOTH, float32=(8 * ULP, 0), reason="4 ULP of an exponential and a logarithm"),
    case("tanh", np.tanh, SMOOTH, float32=(4 * ULP, 0), reason="4 ULP"),
    *(case(f"gelu {form}", gelu, [s(i, approximate=form) for i in SMOOTH], op("gelu"), **LOOSE)
      for form in ("none", "tanh")),
    case("silu", lambda a: a * sigmoid(a), SMOOTH, **LOOSE),
    case("elu", without_inplace(elu), [*SMOOTH, s(x(3, 4), alpha=0.5), *INPLACE], float32=(4 * ULP, 0), reason="4 ULP of expm1"),
    case("selu", selu, SMOOTH, float32=(4 * ULP, 0), reason="4 ULP of expm1"),
    case("celu", celu, [*SMOOTH, s(x(3, 4), alpha=0.5), s(x(3, 4), alpha=2.5)], float32=(4 * ULP, 0), reason="4 ULP of expm1"),
    case("softplus", softplus, [*SMOOTH, s(x(3, 4), beta=2.0, threshold=1.5)], **LOOSE),
    case("softsign", lambda a: a / (1 + np.abs(a)), [*KINKED, wide(65, 7)]),
    case("mish", mish, SMOOTH, **LOOSE),
    case("hardtanh", shifted(hardtanh), [*PIECES, s(distinct(3, 4), min_val=-0.5, max_val=2.0)], eighth("hardtanh"), exact=True),
    case("relu6", shifted(lambda a: np.clip(a, 0, 6)), PIECES, eighth("relu6"), exact=True),
    case("hardsigmoid", shifted(lambda a: np.clip(a + 3, 0, 6) / 6), PIECES, eighth("hardsigmoid")),
    case("hardswish", shifted(lambda a: a * np.clip(a + 3, 0, 6) / 6), PIECES, eighth("hardswish")),
    case("hardshrink", shifted(lambda a, lambd=0.5: np.where(np.abs(a) <= lambd, 0, a)), [*PIECES, s(distinct(3, 4), lambd=1.0)],
         eighth("hardshrink"), exact=True),
    case("softshrink", shifted(softshrink), [*PIECES, s(distinct(3, 4), lambd=1.0)], eighth("softshrink")),
    case("tanhshrink", lambda a: a - np.tanh(a), SMOOTH),
    case("threshold", shifted(threshold), [s(i, threshold=0.5, value=20.0) for i in PIECES], eighth("threshold"), exact=True),
    case("glu", glu, GATED, **LOOSE),
    case("gumbel_softmax", one_hot_of_largest, [s(distinct(*n), dim=d) for n, d in (((3, 4), -1), ((2, 3, 4), 2), ((1, 5), 1), ((2, 3, 4), 1), ((0, 3), 1), ((1, 1), 1), ((7, 2), -1), ((33, 17), -1))],
         lambda a, dim: op("gumbel_softmax")(a * 1000, hard=True, dim=dim), exact=True),
    case("dropout evaluated", lambda a: a, SMOOTH, lambda a: op("dropout")(a, 0.5, training=False), exact=True),
    case("dropout of nothing", lambda a: a, SMOOTH, lambda a: op("dropout")(a, 0.0, training=True), exact=True),
    case("dropout of all", lambda a: 0 * a, SMOOTH, lambda a: op("dropout")(a, 1.0, training=True), exact=True),
    *(case(name, lambda a, p, training: a if p == 0 or not training else 0 * a,
           [s(x(*shape), p=p, training=training) for shape in ((2, 3, 4), (0, 3, 2)) for p, training in ((0.5, False), (0.0, True), (1.0, True), (1.0, False))],
           exact=True) for name in ("dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout")),
]  # fmt: skip
