"""Views by strides, replaced regions, places of a flattened tensor and entries that are reduced."""

from __future__ import annotations

import numpy as np

import cygnet
from tests.op_cases.case import case, labels, op, orders, s, x
from tests.op_cases.shapes import ANY, options

SUMS = "sums over several dimensions are made in memory order"
STRIDED = [
    {"size": (2, 2), "stride": (3, 1)},
    {"size": (3,), "stride": (4,), "storage_offset": 1},
    {"size": (2, 3), "stride": (1, 2)},
    {"size": (), "stride": (), "storage_offset": 11},
    {"size": (12,), "stride": (1,)},
    {"size": (0, 3), "stride": (3, 1)},
    {"size": (3, 1, 4), "stride": (4, 7, 1)},
    {"size": (3, 3), "stride": (1, 1), "storage_offset": 2},
    {"size": (4, 2), "stride": (0, 1)},
]


def strided(flat, size, stride, storage_offset=0):
    return np.lib.stride_tricks.as_strided(flat[storage_offset:], size, [8 * n for n in stride])


def as_strided(a, size, stride, storage_offset=0):
    return strided(np.ravel(a).copy(), size, stride, storage_offset).copy()


def as_strided_scatter(a, b, size, stride, storage_offset=0):
    flat = np.ravel(a).copy()
    strided(flat, size, stride, storage_offset)[...] = b
    return flat.reshape(a.shape)


def replaced(index_of):
    """A copy with a region replaced; `index_of` makes the region of the options."""

    def reference(a, b, **rest):
        copy = a.copy()
        region = index_of(copy, **rest)
        region[...] = b
        return copy

    return reference


def diagonal(a, offset=0, dim1=0, dim2=1):
    view = np.diagonal(a, offset, dim1, dim2)
    view.flags.writeable = True
    return view


def selected(a, dim, index):
    return np.moveaxis(a, dim, 0)[index]


def sliced(a, dim=0, start=None, end=None, step=1):
    return np.moveaxis(np.moveaxis(a, dim, 0)[start:end:step], 0, dim)


def put(a, i, b, accumulate=False):
    flat = np.ravel(a).copy()
    if accumulate:
        np.add.at(flat, np.ravel(i), np.ravel(b))
    else:
        flat[np.ravel(i)] = np.ravel(b)
    return flat.reshape(a.shape)


def index_reduce(a, i, b, dim, reduce, include_self=True):
    result, source = np.moveaxis(a, dim, 0).copy(), np.moveaxis(b, dim, 0)
    for place in set(i.tolist()):
        parts = [row for k, row in zip(i, source, strict=True) if k == place]
        parts += [result[place].copy()] if include_self else []
        result[place] = {"mean": np.mean, "amax": np.max, "amin": np.min, "prod": np.prod}[reduce](
            parts, axis=0
        )
    return np.moveaxis(result, 0, dim)


def reduced(reduce, **rest):
    shapes = [
        ((5, 3), 7, 0),
        ((5, 3), 4, 1),
        ((4,), 9, 0),
        ((2, 3, 4), 5, -2),
        ((1, 2), 3, 0),
        ((3, 3), 1, 1),
        ((6, 2), 6, 0),
        ((2, 2, 2), 3, 2),
    ]
    samples = []
    for shape, count, dim in shapes:
        source = list(shape)
        source[dim] = count
        samples.append(
            s(
                x(*shape),
                labels(count, below=shape[dim]),
                x(*source),
                dim=dim,
                reduce=reduce,
                **rest,
            )
        )
    return samples


def renorm(a, p, dim, maxnorm):
    axes = tuple(i for i in range(a.ndim) if i != dim % a.ndim)
    norms = (np.abs(a) ** p).sum(axes, keepdims=True) ** (1 / p)
    return a * np.where(norms > maxnorm, maxnorm / (norms + 1e-7), 1)


def vander(a, N=None, increasing=False):  # noqa: N803
    return np.vander(a, N, increasing)


def sum_to_size(a, size):
    added = a.ndim - len(size)
    axes = (*range(added), *(added + i for i, n in enumerate(size) if n == 1))
    return a.sum(axes, keepdims=True).reshape(size)


def nonzero_static(a, size, fill_value=-1):
    found = np.argwhere(a > 0)[:size]
    return np.concatenate([found, np.full((size - len(found), a.ndim), fill_value)])


CASES = [
    options("as_strided", as_strided, (3, 4), *STRIDED, function=lambda a, **rest: a.contiguous().as_strided(**rest)),
    case("as_strided_scatter", as_strided_scatter, [s(x(3, 4), x(*o["size"]), **o) for o in STRIDED[:7]] + [s(x(2, 6), x(6), size=(6,), stride=(2,))],
         lambda a, b, **rest: a.contiguous().as_strided_scatter(b, **rest), exact=True),
    case("diagonal_scatter", replaced(diagonal), [s(x(3, 4), x(3)), s(x(3, 4), x(3), offset=1), s(x(4, 3), x(2), offset=-2), s(x(3, 3), x(0), offset=5),
         s(x(2, 3, 4), x(4, 2)), s(x(2, 3, 4), x(2, 3), dim1=1, dim2=2), s(x(2, 3, 4), x(3, 2), offset=-1, dim1=-1, dim2=0), s(x(0, 3), x(0))], exact=True),
    case("select_scatter", replaced(selected), [s(x(3, 4, 2), x(*n), dim=d, index=i) for n, d, i in [((4, 2), 0, 0), ((4, 2), 0, -1), ((3, 2), 1, 3),
         ((3, 2), 1, -4), ((3, 4), 2, 1), ((3, 4), -1, 0), ((3, 2), -2, 2), ((4, 2), -3, 1)]], exact=True),
    case("slice_scatter", replaced(sliced), [s(x(5, 4), x(5, 4)), s(x(5, 4), x(2, 4), start=3), s(x(5, 4), x(2, 4), end=2), s(x(5, 4), x(5, 2), dim=1, step=2),
         s(x(5, 4), x(1, 4), start=-2, end=-1), s(x(5, 4), x(0, 4), start=4, end=2), s(x(5, 4), x(5, 1), dim=-1, start=1, end=9, step=5),
         s(x(2, 3, 4), x(2, 2, 4), dim=1, start=1)], exact=True),
    options("narrow_copy", lambda a, dim, start, length: a.take(range(start % 4, start % 4 + length), dim), (4, 4),
            *({"dim": d, "start": b, "length": n} for d, b, n in [(0, 0, 4), (0, 1, 2), (1, 2, 2), (-1, 0, 1), (1, -1, 1), (0, -3, 2), (0, 3, 0), (1, 3, 1)])),
    case("put", put, [s(x(5, 3), orders(15), x(15)), s(x(5), orders(5), x(5)), s(x(2, 3), orders(2), x(1, 2)), s(x(), orders(1), x(1)),
         s(x(2, 3), orders(0), x(0)), s(x(4), orders(4), x(2, 2)), s(x(40, 5), orders(200), x(8, 25)), s(x(2, 2, 2), orders(8), x(8))], exact=True),
    case("put accumulate", put, [s(x(5, 3), labels(7, below=15), x(7), accumulate=True), s(x(2, 3), labels(4, 5, below=6), x(20), accumulate=True)], op("put")),
    *(case("index_reduce" + (f" {reduce}" if reduce != "mean" else ""), index_reduce, reduced(reduce), lambda a, i, b, dim, **rest: a.index_reduce(dim, i, b, **rest),
           gradient=reduce != "prod") for reduce in ("mean", "amax", "amin", "prod")),
    case("index_reduce without self", index_reduce, reduced("mean", include_self=False), lambda a, i, b, dim, **rest: a.index_reduce(dim, i, b, **rest)),
    case("unravel_index", lambda a, shape: tuple(np.unravel_index(a, shape)), [s(labels(*n, below=24), shape=shape) for n, shape in [((5,), (2, 3, 4)), ((), (24,)),
         ((2, 3), (4, 6)), ((0,), (24, 1)), ((7,), (1, 24)), ((3, 1), (2, 2, 2, 3)), ((9,), 24), ((2, 2, 2), (6, 4))]], exact=True, gradient=False),
    case("nonzero_static", nonzero_static, [s(x(3, 4), size=5), s(x(3, 4), size=20), s(x(7), size=0), s(x(7), size=7, fill_value=9), s(x(0, 2), size=3),
         s(x(2, 3, 4), size=4), s(x(1), size=1), s(x(5, 5), size=25, fill_value=-7)], lambda a, **rest: (a > 0).nonzero_static(**rest),
         exact=True, gradient=False, recorded=False, reason="how many there are depends on values"),
    case("fill", lambda a, b: np.full(a.shape, b), [s(x(*n), x()) for n in ANY], exact=True),
    case("fill number", lambda a: np.full(a.shape, 2.5), [x(3), x(2, 3)], lambda a: op("fill")(a, 2.5), exact=True),
    case("sum_to_size", sum_to_size, [s(x(*n), size=size) for n, size in [((2, 3), (2, 3)), ((2, 3), (1, 3)), ((2, 3), (2, 1)), ((2, 3), (3,)), ((2, 3), ()),
         ((4, 2, 3), (2, 1)), ((5,), (1,)), ((0, 3), (1, 3))]], lambda a, size: a.sum_to_size(*size), integers=True, layout_bits=False, reason=SUMS),
    case("renorm", renorm, [s(x(*n), p=p, dim=d, maxnorm=m) for n, p, d, m in [((3, 4), 2, 0, 1.0), ((3, 4), 2, 1, 1.5), ((3, 4), 1, 0, 2.0), ((3, 4), 3, -1, 0.5),
         ((2, 3, 4), 2, 1, 1.0), ((5, 2), 2, 0, 100.0), ((1, 7), 1.5, 0, 0.1), ((2, 3, 4), 2, -1, 1)]], layout_bits=False, reason=SUMS),
    case("vander", vander, [s(x(3)), s(x(4), N=2), s(x(3), N=5), s(x(3), increasing=True), s(x(1), N=3), s(x(6), N=4, increasing=True)]),
    case("vander of no powers", vander, [s(x(2), N=0), s(x(0)), s(x(5), N=1)], op("vander"), gradient=False),
    *(case(name, lambda a: np.zeros(a.shape), [x(*n) for n in ANY], function, exact=True, gradient=False) for name, function in (
        ("empty_permuted", lambda a: op("empty_permuted")(a.shape, [*range(a.ndim)][::-1], dtype=a.dtype)),
        ("empty_strided", lambda a: op("empty_strided")(a.shape, [2 * n for n in cygnet.empty(a.shape).stride()], dtype=a.dtype)),
        ("new_empty_strided", lambda a: a.new_empty_strided(a.shape, cygnet.empty(a.shape).stride())))),
]  # fmt: skip
