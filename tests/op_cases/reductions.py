"""Sums, means, maxima over axes, and the softmax family."""

from __future__ import annotations

import numpy as np

from tests.op_cases.case import case, distinct, s, wide, x

OVER_AXES = [
    {},
    {"dim": 0},
    {"dim": -1},
    {"dim": 1, "keepdim": True},
    {"dim": (0, 2)},
    {"dim": (-1, 1), "keepdim": True},
]
SUMMED = [
    *(s(x(3, 4, 5), **options) for options in OVER_AXES),
    s(x()),
    s(x(0, 3)),
    s(x(0, 3), dim=0),
    s(x(1, 5000), dim=1),
    s(x(5000, 3), dim=0),
    s(x(129, 515)),
]
# A mean or maximum of nothing has no value here, so the reduced axes are not empty.
NOT_EMPTY = [*(i for i in SUMMED if 0 not in i.inputs[0].shape), s(x(0, 3), dim=1)]
SOFTMAX = [s(x(3, 5), dim=1), s(x(3, 5), dim=0), s(x(2, 3, 4, 5), dim=1), s(x(7), dim=-1), s(x(0, 3), dim=1),
           s(x(70, 1000), dim=-1), s(x(3, 1), dim=1), s(wide(9, 33), dim=-1)]  # fmt: skip

ORDER = "the order of a sum follows the memory order"


def axes(function):
    return lambda a, dim=None, keepdim=False: function(a, axis=dim, keepdims=keepdim)


def softmax(a, dim):
    e = np.exp(a - a.max(dim, keepdims=True)) if a.size else a
    return e / e.sum(dim, keepdims=True)


def log_softmax(a, dim):
    shifted = a - a.max(dim, keepdims=True) if a.size else a
    return shifted - np.log(np.exp(shifted).sum(dim, keepdims=True))


def distincts(samples):
    return [s(distinct(*i.inputs[0].shape), **i.options) for i in samples]


def one_axis(samples):
    return [i for i in samples if not isinstance(i.options.get("dim"), tuple)]


MAXIMA = one_axis(distincts(NOT_EMPTY))

CASES = [
    case("sum", axes(np.sum), SUMMED, integers=True, layout_bits=False, reason=ORDER),
    case("mean", axes(np.mean), NOT_EMPTY, layout_bits=False, reason=ORDER),
    case("amax", axes(np.max), distincts(NOT_EMPTY), exact=True),
    case("max all", lambda a: a.max(), [distinct(3, 4), distinct(), distinct(129, 515)],
         lambda a: a.max(), exact=True),
    case("max dim", lambda a, dim, keepdim=False: (a.max(dim, keepdims=keepdim), a.argmax(dim, keepdims=keepdim)),
         [i for i in MAXIMA if "dim" in i.options], lambda a, **options: tuple(a.max(**options)), exact=True),
    case("argmax", axes(np.argmax), MAXIMA, exact=True, gradient=False),
    case("softmax", softmax, SOFTMAX, layout_bits=False, reason=ORDER),
    case("log_softmax", log_softmax, SOFTMAX, layout_bits=False, reason=ORDER),
]  # fmt: skip
