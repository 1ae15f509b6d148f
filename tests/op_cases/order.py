"""Running sums, sorting, selection and counting."""

from __future__ import annotations

import numpy as np

from tests.op_cases.case import case, distinct, labels, op, s, x

LINES = [
    s(x(3, 4), dim=1),
    s(x(3, 4), dim=0),
    s(x(2, 3, 5), dim=1),
    s(x(), dim=0),
    s(x(7), dim=-1),
    s(x(0, 3), dim=0),
    s(x(3, 5000), dim=1),
    s(x(300, 67), dim=-2),
]
SHORT = [i for i in LINES if max(i.inputs[0].shape, default=0) < 300]
SHORT = [*SHORT, s(x(5, 11), dim=1), s(x(11, 70), dim=0)]
DISTINCT = [
    s(distinct(*i.inputs[0].shape), **i.options)
    for i in (*LINES[:6], s(x(3, 600), dim=1), LINES[7])
]
INTEGERS = [s(labels(*i.inputs[0].shape, below=5), **i.options) for i in LINES]
CHOSEN = [i for i in DISTINCT if 0 not in i.inputs[0].shape]
CHOSEN = [
    *CHOSEN,
    s(distinct(4, 0, 3), dim=0),
    s(distinct(1100), dim=0),
    s(distinct(2, 9, 4), dim=-1),
]
KEPT = [s(*i.inputs, **i.options, keepdim=True) for i in CHOSEN[:3]]


def line(function, a, dim, *rest):
    return function(np.atleast_1d(a), dim, *rest).reshape(a.shape)


def logcumsumexp(a, dim):
    return line(lambda b, d: np.logaddexp.accumulate(b, d), a, dim)


def cumulative(choice):
    def reference(a, dim):
        b = np.moveaxis(np.atleast_1d(a), dim, -1)
        places = np.array([choice(b[..., : k + 1], -1) for k in range(b.shape[-1])], dtype=np.int64)
        places = np.moveaxis(places, 0, -1) if b.shape[-1] else np.zeros(b.shape, np.int64)
        values = np.take_along_axis(b, places, -1)
        return tuple(np.moveaxis(r, -1, dim).reshape(a.shape) for r in (values, places))

    return reference


def order(a, dim=-1, descending=False, **_):
    return line(lambda b, d: np.argsort(-b if descending else b, d, kind="stable"), a, dim)


def taken(a, places, dim):
    return np.take_along_axis(np.atleast_1d(a), np.atleast_1d(places), dim).reshape(places.shape)


def sort(a, dim=-1, descending=False, **_):
    places = order(a, dim, descending)
    return taken(a, places, dim), places


def kth(a, k, dim, keepdim):
    places = np.argsort(np.atleast_1d(a), dim, kind="stable").take([k], dim)
    if a.ndim == 0:
        return a, places.reshape(())
    values = np.take_along_axis(a, places, dim)
    return (values, places) if keepdim else (values.squeeze(dim), places.squeeze(dim))


def median(a, dim, keepdim=False):
    return kth(a, (np.atleast_1d(a).shape[dim] - 1) // 2, dim, keepdim)


def topk(a, k, dim=-1, largest=True):
    places = order(a, dim, largest)
    places = places if a.ndim == 0 else places.take(range(k), dim)
    return taken(a, places, dim), places


def pairs(name):
    return lambda a, **options: tuple(op(name)(a, **options))


def quantile(a, q, dim=None, keepdim=False, interpolation="linear"):
    return np.quantile(a, q, dim, keepdims=keepdim, method=interpolation)


BOUND = -0.3


def nanmedian(a, dim=None, keepdim=False):
    rows = np.moveaxis(a, dim, -1) if dim is not None and a.ndim else a.reshape(1, -1)
    kept = [np.sort(row[row >= BOUND]) for row in rows.reshape(-1, rows.shape[-1])]
    values = np.array([row[(len(row) - 1) // 2] if len(row) else np.nan for row in kept])
    places = [
        np.flatnonzero(row == value)[0] if value == value else 0
        for row, value in zip(rows.reshape(-1, rows.shape[-1]), values, strict=True)
    ]
    if dim is None:
        return values.reshape(())
    shape = [n for i, n in enumerate(a.shape) if i != dim % a.ndim] if a.ndim else []
    if keepdim:
        shape.insert(dim % a.ndim, 1)
    return values.reshape(shape), np.array(places).reshape(shape)


def nanquantile(a, q, dim=None, keepdim=False, interpolation="linear"):
    return np.nanquantile(
        np.where(a < BOUND, np.nan, a), q, axis=dim, keepdims=keepdim, method=interpolation
    )


def hidden(name):
    def function(a, *rest, **options):
        return op(name)(a.masked_fill(a < BOUND, np.nan), *rest, **options)

    return function


def mode(a, dim=-1, keepdim=False):
    rows = np.moveaxis(np.atleast_1d(a), dim, -1)
    flat = rows.reshape(-1, rows.shape[-1])
    values = np.array(
        [np.unique(row)[np.unique(row, return_counts=True)[1].argmax()] for row in flat]
    )
    places = np.array(
        [np.flatnonzero(row == value)[-1] for row, value in zip(flat, values, strict=True)]
    )
    shape = [n for i, n in enumerate(a.shape) if i != dim % a.ndim] if a.ndim else []
    if keepdim:
        shape.insert(dim % a.ndim, 1)
    return values.reshape(shape), places.reshape(shape)


CASES = [
    case("mode", mode, [s(labels(9, below=4)), s(labels(5, 7, below=3)), s(labels(5, 7, below=3), dim=0), s(labels(2, 3, 8, below=2), dim=1), s(labels(below=3)),
         s(labels(4, 1, below=5)), s(labels(3, 300, below=4), keepdim=True), s(labels(2, 6, 3, below=2), dim=-2, keepdim=True)], exact=True, gradient=False),
    case("mode of floats", mode, [s(x(7)), s(x(3, 4), dim=0)], op("mode"), exact=True),
    case("nanmedian", nanmedian, [s(distinct(7)), s(distinct(3, 4)), s(distinct(1)), s(distinct(2, 9, 4))], hidden("nanmedian"), exact=True),
    case("nanmedian along", nanmedian, [s(distinct(40, 3), dim=0), s(distinct(3, 40), dim=-1), s(distinct(2, 30, 2), dim=1, keepdim=True)], hidden("nanmedian"), exact=True),
    case("nanmedian of numbers", lambda a, **rest: nanmedian(a + 1e3, **rest) if not rest else tuple(r - (1e3 if k == 0 else 0) for k, r in enumerate(nanmedian(a + 1e3, **rest))),
         [s(distinct(3, 40), dim=1), s(distinct(7), dim=0)], op("nanmedian"), exact=True),
    case("nanquantile", nanquantile, [s(x(30), q=0.5), s(x(3, 40), q=0.25), s(x(3, 40), q=0.25, dim=1), s(x(30, 4), q=0.7, dim=0, keepdim=True), s(x(3, 40), q=0.3, keepdim=True),
         s(x(2, 30, 3), q=1.0, dim=1), *(s(x(3, 50), q=0.4, dim=1, interpolation=kind) for kind in ("lower", "higher", "midpoint"))], hidden("nanquantile")),
    case("nanquantile several", lambda a, dim=None: np.nanquantile(np.where(a < BOUND, np.nan, a), [0.1, 0.5], dim), [s(x(3, 40), dim=1), x(29)],
         lambda a, **rest: hidden("nanquantile")(a, a.new_tensor([0.1, 0.5]), **rest)),
    case("cumsum", lambda a, dim: line(np.cumsum, a, dim), LINES, integers=True),
    case("cumsum integers", lambda a, dim: line(np.cumsum, a, dim), INTEGERS, op("cumsum"), exact=True, gradient=False),
    case("cumprod", lambda a, dim: line(np.cumprod, a, dim), SHORT),
    case("cumprod with zeros", lambda a, dim: line(np.cumprod, a, dim), [s(distinct(7), dim=0), s(distinct(2, 3), dim=1), s(distinct(5, 2), dim=0)], op("cumprod")),
    case("logcumsumexp", logcumsumexp, SHORT),
    case("cummax", cumulative(lambda b, d: b.argmax(d)), DISTINCT, pairs("cummax"), exact=True),
    case("cummin", cumulative(lambda b, d: b.argmin(d)), DISTINCT, pairs("cummin"), exact=True),
    case("sort", sort, [*DISTINCT, s(distinct(9, 40), descending=True), s(distinct(900), descending=True)], pairs("sort"), exact=True),
    case("msort", lambda a: np.sort(np.atleast_1d(a), 0).reshape(a.shape), [s(*i.inputs) for i in DISTINCT], exact=True),
    case("argsort", order, [*DISTINCT, *INTEGERS, s(distinct(9, 40), descending=True)], exact=True, gradient=False),
    case("topk", topk, [*(s(*i.inputs, **i.options, k=1) for i in CHOSEN), s(distinct(3, 9), k=4, dim=1), s(distinct(9, 3), k=0, dim=0),
                        s(distinct(3, 4000), k=7), s(distinct(2000), k=300, largest=False), s(distinct(6), k=6, dim=0)], pairs("topk"), exact=True),
    case("kthvalue", lambda a, k, dim=-1, keepdim=False: kth(a, k - 1, dim, keepdim), [s(*i.inputs, **i.options, k=1) for i in (*CHOSEN, *KEPT)]
         + [s(distinct(3, 900), k=444)], pairs("kthvalue"), exact=True),
    case("median", median, [*CHOSEN, *KEPT], pairs("median"), exact=True),
    case("median all", lambda a: np.sort(a, None)[(a.size - 1) // 2], [distinct(3, 4), distinct(), distinct(1001)], lambda a: a.median(), exact=True),
    case("searchsorted", lambda a, b: np.searchsorted(np.sort(a), b).astype(np.int64), [s(x(7), x(3, 4)), s(x(0), x(3)), s(x(70), x()), s(x(9), x(0, 2)),
         s(x(300), x(70, 90)), s(x(1), x(5)), s(x(3), x(3)), s(labels(9, below=4), labels(5, below=5))],
         lambda a, b: op("searchsorted")(a.sort().values, b), exact=True, gradient=False),
    case("searchsorted rows", lambda a, b: np.array([np.searchsorted(np.sort(r), v, "right") for r, v in zip(a, b, strict=True)]), [s(x(3, 7), x(3, 5))],
         lambda a, b: op("searchsorted")(a.sort().values, b, right=True), exact=True, gradient=False),
    case("bucketize", lambda b, a, right=False: np.searchsorted(np.sort(a), b, "right" if right else "left").astype(np.int64),
         [s(x(3, 4), x(7)), s(x(3), x(0)), s(x(), x(70)), s(x(0, 2), x(9)), s(x(7), x(7), right=True), s(x(5), x(1)), s(x(3), x(3)),
          s(labels(5, below=5), labels(9, below=4), right=True)], lambda b, a, **options: op("bucketize")(b, a.sort().values, **options), exact=True, gradient=False),
    case("histc", lambda a, bins=100, min=0, max=0: np.histogram(a, bins, (min, max) if min < max else None)[0].astype(float),
         [s(x(50), bins=7), s(x(50), bins=7, min=-1, max=1), s(x(3, 4), bins=1, min=-9, max=9), s(x(0), min=0, max=1), s(x(), bins=3, min=-5, max=5),
          s(x(5, 7), bins=4), s(x(1000)), s(x(9), bins=2, min=-1, max=0)], exact=True, gradient=False),
    case("quantile", quantile, [
        s(x(5), q=0.5), s(x(3, 4), q=0.25), s(x(3, 4), q=0.25, dim=1), s(x(3, 4), q=0.7, dim=0, keepdim=True),
        s(x(3, 4), q=0.3, keepdim=True), s(x(), q=0.4), s(x(2, 5, 3), q=1.0, dim=1), s(x(0, 3), q=0.5, dim=1),
        *(s(distinct(3, 7), q=0.4, dim=1, interpolation=kind)
          for kind in ("linear", "lower", "higher", "midpoint", "nearest")),
    ]),
    case("quantile several", lambda a, dim=None: np.quantile(a, [0.1, 0.5], dim), [s(x(3, 4), dim=1), x(9)],
         lambda a, **options: op("quantile")(a, a.new_tensor([0.1, 0.5]), **options)),
]  # fmt: skip
