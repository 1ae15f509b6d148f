"""Sums, means, variances, extrema, norms over axes, and the softmax family."""

from __future__ import annotations

import numpy as np

from tests.op_cases.case import case, distinct, kinked, labels, mask, op, s, wide, x

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


def remade(samples, make):
    return [s(make(*i.inputs[0].shape), **i.options) for i in samples]


MAXIMA = one_axis(distincts(NOT_EMPTY))
ALONG = [i for i in MAXIMA if "dim" in i.options]
MASKED = remade(SUMMED, mask)
SPREAD = [i for i in NOT_EMPTY if i.inputs[0].shape != ()]
MULTIPLIED = [i for i in one_axis(SUMMED) if max(i.inputs[0].shape, default=0) < 100]
ZEROS = [
    s(distinct(7)),
    s(distinct(2, 3), dim=1),
    s(distinct(5, 2), dim=0),
    s(distinct(3, 3), dim=0, keepdim=True),
]
LOGSUMS = [
    *(i for i in SUMMED if "dim" in i.options and i.inputs[0].shape != (0, 3)),
    s(x(), dim=0),
    s(x(3, 0), dim=0),
    s(wide(9, 33), dim=1),
]
NORMS = [*SPREAD, s(x(3))]


def moments(function, **changes):
    def reference(a, dim=None, keepdim=False, correction=1):
        return function(a, axis=dim, keepdims=keepdim, ddof=correction)

    return lambda a, **options: reference(a, **{**options, **changes})


def norm(p):
    def reference(a, dim=None, keepdim=False):
        dim = tuple(range(a.ndim)) if dim is None else dim
        magnitude = np.abs(a)
        if np.isinf(p):
            return (np.max if p > 0 else np.min)(magnitude, axis=dim, keepdims=keepdim)
        if p == 0:
            return (a != 0).sum(axis=dim, keepdims=keepdim).astype(a.dtype)
        return (magnitude**p).sum(axis=dim, keepdims=keepdim) ** (1 / p)

    return reference


def logsumexp(a, dim, keepdim=False):
    return np.log(np.exp(a).sum(axis=dim if a.ndim else None, keepdims=keepdim))


def pair(first, second):
    return lambda a, **options: (first(a, **options), second(a, **options))


def extreme(values, places):
    return lambda a, dim, keepdim=False: (
        values(a, dim, keepdims=keepdim),
        places(a, dim, keepdims=keepdim),
    )


def one_product(function):
    return lambda a, dim=None, keepdim=False: function(a, axis=dim, keepdims=keepdim)


CASES = [
    case("sum", axes(np.sum), SUMMED, integers=True, layout_bits=False, reason=ORDER),
    case("sum dtype", lambda a: a.sum(0), [labels(5, 3, below=9), labels(0, 3, below=9)], lambda a: a.sum(0, dtype=np.int32).long(), exact=True, gradient=False),
    case("mean", axes(np.mean), NOT_EMPTY, layout_bits=False, reason=ORDER),
    case("prod", one_product(np.prod), MULTIPLIED, layout_bits=False, reason=ORDER),
    case("prod with zeros", one_product(np.prod), ZEROS, op("prod"), layout_bits=False, reason=ORDER),
    case("var", moments(np.var), SPREAD, layout_bits=False, reason=ORDER),
    case("var correction", moments(np.var), [s(x(3, 4), dim=1, correction=0), s(x(3, 4), correction=2)], op("var"), layout_bits=False, reason=ORDER),
    case("var unbiased", lambda a: np.var(a, 1), [x(3, 4), x(5, 2, 3)], lambda a: a.var(1, False), layout_bits=False, reason=ORDER),
    case("std", moments(np.std), SPREAD, layout_bits=False, reason=ORDER),
    case("var_mean", pair(moments(np.var), axes(np.mean)), SPREAD, layout_bits=False, reason=ORDER),
    case("std_mean", pair(moments(np.std), axes(np.mean)), SPREAD, layout_bits=False, reason=ORDER),
    case("amax", axes(np.max), distincts(NOT_EMPTY), exact=True),
    case("amin", axes(np.min), distincts(NOT_EMPTY), exact=True),
    case("aminmax", pair(axes(np.min), axes(np.max)), MAXIMA, lambda a, **options: tuple(op("aminmax")(a, **options)), exact=True),
    case("max all", lambda a: a.max(), [distinct(3, 4), distinct(), distinct(129, 515)],
         lambda a: a.max(), exact=True),
    case("max dim", extreme(np.max, np.argmax), ALONG, lambda a, **options: tuple(a.max(**options)), exact=True),
    case("max of two", lambda a: np.maximum(a[0], a[1]), [distinct(2, 3, 4), distinct(2)], lambda a: a[0].max(a[1]), exact=True),
    case("min all", lambda a: a.min(), [distinct(3, 4), distinct(), distinct(129, 515)],
         lambda a: a.min(), exact=True),
    case("min dim", extreme(np.min, np.argmin), ALONG, lambda a, **options: tuple(a.min(**options)), exact=True),
    case("min of two", lambda a: np.minimum(a[0], a[1]), [distinct(2, 3, 4), distinct(2)], lambda a: a[0].min(a[1]), exact=True),
    case("argmax", axes(np.argmax), MAXIMA, exact=True, gradient=False),
    case("argmin", axes(np.argmin), MAXIMA, exact=True, gradient=False),
    case("any", axes(np.any), MASKED, exact=True, gradient=False),
    case("all", axes(np.all), MASKED, exact=True, gradient=False),
    case("count_nonzero", lambda a, dim=None: np.asarray(np.count_nonzero(a, dim)), [s(*i.inputs, **{k: v for k, v in i.options.items() if k == "dim"}) for i in MASKED],
         exact=True, gradient=False),
    case("nansum", axes(np.nansum), SUMMED, layout_bits=False, reason=ORDER),
    case("nanmean", axes(np.nanmean), NOT_EMPTY, layout_bits=False, reason=ORDER),
    case("logsumexp", logsumexp, LOGSUMS, layout_bits=False, reason=ORDER),
    case("norm", norm(2), NORMS, layout_bits=False, reason=ORDER),
    *(case(f"norm {p}", norm(p), remade(NORMS[:6], distinct if np.isinf(p) else kinked), lambda a, p=p, **options: a.norm(p, **options), layout_bits=False,
           reason=ORDER, float32=(4e-6, 1e-5)) for p in (0, 1, 3, 2.5, np.inf)),
    case("dist", lambda a, b, p=2: (np.abs(a - b) ** p).sum() ** (1 / p), [s(x(3, 4), x(3, 4)), s(x(3, 4), x(4)), s(x(), x()), s(x(2, 1), x(3)), s(x(7), x(7), p=1),
         s(x(7), x(7), p=3), s(x(129, 515), x(515)), s(x(5), x())], layout_bits=False, reason=ORDER),
    case("softmax", softmax, SOFTMAX, layout_bits=False, reason=ORDER),
    case("log_softmax", log_softmax, SOFTMAX, layout_bits=False, reason=ORDER),
    case("softmin", lambda a, dim: softmax(-a, dim), SOFTMAX, layout_bits=False, reason=ORDER),
]  # fmt: skip
