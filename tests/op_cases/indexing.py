"""``x[...]``, selection and scattering by positions and masks."""

from __future__ import annotations

import numpy as np

from tests.op_cases.case import case, fixed, labels, mask, op, orders, s, x

SIZE = "the size depends on values"
ARRAYS = {
    "first": ([0, -1, 0],),
    "second": (slice(None), [2, 0]),
    "last": (..., [0, 3, 1]),
    "two beside": ([0, 1], [2, -2]),
    "two around a slice": ([0, 1], slice(None), [3, 0]),
    "broadcast": ([[0], [1]], [0, 2]),
    "and a slice": (slice(1, None), [0, 2], slice(None, None, 2)),
    "and None": (None, [0, 1]),
    "three": ([0, 1], [2, 2], [1, 3]),
    "none": ([],),
}
MASKS = {
    "rows": (np.array([True, False]),),
    "columns": (slice(None), np.array([True, False, True])),
    "two dimensions": (np.array([[True, False, True], [False, False, True]]),),
    "all": (np.arange(24).reshape(2, 3, 4) % 3 == 0,),
    "beside positions": (np.array([True, True]), [2, 0]),
    "nothing": (np.zeros((2, 3), bool),),
    "true": (True,),
    "false": (False,),
}


def changed(a, index, value):
    """A copy of an array or tensor with ``a[index] = value``."""
    copy = a.copy() if isinstance(a, np.ndarray) else a.clone()
    copy[index] = value
    return copy


def indexed(kind, indices, **rest):
    rows = [
        case(
            f"index by {kind} {name}",
            lambda a, i=i: a[i],
            [x(2, 3, 4)],
            lambda a, i=i: a[i],
            exact=True,
            **rest,
        )
        for name, i in indices.items()
    ]
    rows += [
        case(
            f"setitem by {kind} {name}",
            lambda a, v, i=i: changed(a, i, v),
            [s(x(2, 3, 4), x()), s(x(2, 3, 4), x(*np.zeros((2, 3, 4))[i].shape))],
            lambda a, v, i=i: changed(a, i, v),
            exact=True,
            **rest,
        )
        for name, i in indices.items()
        if name != "first"  # a position twice: which counts is up to the order
    ]
    return rows  # fmt: skip


def scattered(function, start=None):
    """A reference: the elements of src go, one after the other, to where they belong."""

    def reference(a, index, src, dim=0, **rest):
        result = a.copy()
        if start is not None and not rest.get("include_self", True):
            np.put_along_axis(
                result[
                    tuple(
                        slice(n) if i != dim % a.ndim else slice(None)
                        for i, n in enumerate(index.shape)
                    )
                ],
                index,
                start,
                dim,
            )
        for at in np.ndindex(*index.shape):
            to = list(at)
            to[dim] = index[at]
            result[tuple(to)] = function(result[tuple(to)], src[at])
        return result

    return reference  # fmt: skip


def averaged(a, index, src, dim=0, include_self=True):
    total = scattered(lambda old, new: old + new, 0)(a, index, src, dim, include_self=include_self)
    counts = scattered(lambda old, new: old + 1, 0)(
        np.ones_like(a), index, src, dim, include_self=include_self
    )
    return total / np.maximum(counts, 1)


SCATTER = [(x(5, 3), labels(4, 3, below=5), x(4, 3), 0), (x(5, 3), labels(5, 2, below=3), x(5, 2), 1),
           (x(5, 3), labels(2, 2, below=5), x(3, 3), 0), (x(4), labels(9, below=4), x(9), 0),
           (x(2, 3, 4), labels(2, 5, 4, below=3), x(2, 5, 4), -2), (x(3, 2), labels(0, 2, below=3), x(0, 2), 0),
           (x(1, 1), labels(1, 1, below=1), x(1, 1), 1), (x(30, 300), labels(40, 300, below=30), x(40, 300), 0)]  # fmt: skip


def scatter_row(name, reference, *, function=None, samples=SCATTER, **options):
    return case(
        name, reference, [s(a, i, v, dim=d, **options) for a, i, v, d in samples],
        function or (lambda a, i, v, dim, **rest: op(name)(a, dim, i, v, **rest)),
    )  # fmt: skip


def reduce_row(reduce, reference, **options):
    def function(a, i, v, dim, **rest):
        return op("scatter_reduce")(a, dim, i, v, reduce, **rest)

    name = f"scatter_reduce {reduce}" + ("" if options.get("include_self", True) else " of src")
    return scatter_row(name, reference, function=function, samples=SCATTER[:7], **options)


def in_turn(reference):
    """Rows by position, one after the other."""

    def run(a, index, source, dim=0, alpha=1):
        result = np.moveaxis(a, dim, 0).copy()
        for i, row in zip(index, np.moveaxis(source, dim, 0), strict=True):
            result[i] = reference(result[i], alpha * row)
        return np.moveaxis(result, 0, dim)

    return run


ROWS = [s(x(5, 3), labels(7, below=5), x(7, 3), dim=0), s(x(5, 3), labels(4, below=3), x(5, 4), dim=1), s(x(5), labels(3, below=5), x(3), dim=0),
        s(x(2, 3, 4), labels(2, below=3), x(2, 2, 4), dim=-2), s(x(2, 3), labels(0, below=2), x(0, 3), dim=0),
        s(x(20, 300), labels(50, below=20), x(50, 300), dim=0), s(x(1, 4), labels(3, below=1), x(3, 4), dim=0),
        s(x(3, 2, 2), labels(5, below=2), x(3, 2, 5), dim=2)]  # fmt: skip


def masked(*shapes):
    return [s(x(*a), mask(*b)) for a, b in shapes]


PAIRS = [
    ((3, 4), (3, 4)),
    ((3, 4), (4,)),
    ((4,), (3, 4)),
    ((3, 1), (1, 4)),
    ((), (3,)),
    ((3,), ()),
    ((0, 4), (4,)),
    ((2, 3, 4), (3, 1)),
]
FEW = [(2, 3), (5,), (0,), (4, 0), (2, 3, 4), (1,), (7, 9), (129, 31)]

CASES = [
    case("rows by index", lambda a, i: a[i], [s(x(5, 3), labels(7, below=5)), s(x(5), labels(2, 3, below=5)),
         s(x(5, 3), labels(0, below=5)), s(x(50, 300), labels(400, below=50)), s(x(5, 3), labels(below=5))], lambda a, i: a[i], exact=True),
    case("columns by index", lambda a, i: a[:, i], [s(x(3, 5), labels(7, below=5)), s(x(3, 5, 2), labels(2, 3, below=5))],
         lambda a, i: a[:, i], exact=True),
    case("pairs by index", lambda a, i, j: a[i, j], [s(x(3, 5), labels(7, below=3), labels(7, below=5)),
         s(x(3, 5, 2), labels(4, 1, below=3), labels(3, below=5))], lambda a, i, j: a[i, j], exact=True),
    *indexed("positions", ARRAYS),
    *indexed("mask", MASKS, recorded=False, reason=SIZE),
    case("setitem view", lambda a, v: changed(a, (slice(None), slice(0, None, 2)), v), [s(x(3, 4), x()), s(x(3, 4), x(2)), s(x(3, 4), x(3, 2)),
         s(x(2, 3, 4), x(2, 2, 4)), s(x(2, 3, 4), x(1, 4))], lambda a, v: changed(a, (slice(None), slice(0, None, 2)), v), exact=True),
    case("index_put", lambda a, i, v: changed(a, (i,), v), [s(x(6, 3), orders(6), x(6, 3)), s(x(6, 3), orders(4), x(3)),
         s(x(4), orders(4), x()), s(x(5, 2, 2), orders(5), x(5, 1, 2))], lambda a, i, v: op("index_put")(a, (i,), v), exact=True),
    case("index_put accumulate", lambda a, i, v: a + np.stack([v[i == r].sum(0) for r in range(len(a))]), [s(x(5, 3), labels(9, below=5), x(9, 3)),
         s(x(5), labels(3, below=5), x(3)), s(x(2, 4), labels(0, below=2), x(0, 4)), s(x(30, 300), labels(90, below=30), x(90, 300))],
         lambda a, i, v: op("index_put")(a, (i,), v, True)),
    case("index_select", lambda a, i, dim: a.take(i, dim), [s(x(5, 3), labels(7, below=5), dim=0), s(x(5, 3), labels(4, below=3), dim=1),
         s(x(5), labels(3, below=5), dim=0), s(x(2, 3, 4), labels(2, below=3), dim=-2), s(x(2, 3), labels(0, below=2), dim=0),
         s(x(2, 3, 4), labels(9, below=4), dim=-1), s(x(20, 300), labels(50, below=20), dim=0), s(x(300, 20), labels(50, below=20), dim=1)],
         lambda a, i, dim: op("index_select")(a, dim, i), exact=True),
    case("gather", lambda a, i, dim: np.take_along_axis(a, i, dim),
         [s(x(5, 3), labels(5, 2, below=3), dim=1), s(x(5, 3), labels(4, 3, below=5), dim=0), s(x(4), labels(9, below=4), dim=0),
          s(x(2, 3, 4), labels(2, 5, 4, below=3), dim=-2), s(x(2, 3), labels(0, 3, below=2), dim=0), s(x(30, 300), labels(40, 300, below=30), dim=0)],
         lambda a, i, dim: op("gather")(a, dim, i), exact=True),
    case("gather part", lambda a, i: np.take_along_axis(a[:2, :, :1], i, 1), [s(x(3, 4, 2), labels(2, 6, 1, below=4)),
         s(x(2, 3, 1), labels(2, 1, 1, below=3))], lambda a, i: op("gather")(a, 1, i), exact=True),
    case("take_along_dim", lambda a, i, dim=None: np.take_along_axis(a, i, dim), [s(x(5, 3), labels(5, 2, below=3), dim=1),
         s(x(5, 3), labels(4, 3, below=5), dim=0), s(x(5, 3), labels(5, 1, below=3), dim=1), s(x(2, 3, 4), labels(1, 5, 4, below=3), dim=1),
         s(x(5, 1), labels(2, 3, below=5), dim=0), s(x(7), labels(3, below=7)), s(x(4), labels(4, below=4), dim=-1), s(x(2, 3), labels(0, 3, below=2), dim=0)],
         lambda a, i, dim=None: op("take_along_dim")(a, i, dim), exact=True),
    case("take", lambda a, i: a.take(i), [s(x(5, 3), labels(7, below=15)), s(x(5), labels(2, 3, below=5)), s(x(2, 3), labels(below=6)),
         s(x(2, 3), labels(0, below=6)), s(x(), labels(3, below=1)), s(x(2, 3, 4), labels(2, 2, below=24)), s(x(1), labels(5, below=1)),
         s(x(40, 50), labels(3000, below=2000))], exact=True),
    case("scatter", scattered(lambda old, new: new), [s(x(*n), orders(*n, axis=d), x(*n), dim=d) for n, d in [((5, 3), 0), ((5, 3), 1),
         ((4,), 0), ((2, 3, 4), 1), ((0, 2), 0), ((1, 1), 1), ((30, 30), 0), ((2, 2, 2), 2)]],
         lambda a, i, v, dim: op("scatter")(a, dim, i, v), exact=True),
    case("scatter value", lambda a, i, dim: scattered(lambda old, new: 2.5)(a, i, i, dim), [s(a, i, dim=d) for a, i, _, d in SCATTER],
         lambda a, i, dim: op("scatter")(a, dim, i, 2.5), exact=True),
    scatter_row("scatter_add", scattered(lambda old, new: old + new)),
    case("scatter multiply", scattered(lambda old, new: old * new), [s(a, i, v, dim=d) for a, i, v, d in SCATTER[:4]],
         lambda a, i, v, dim: op("scatter")(a, dim, i, v, reduce="multiply"), gradient=False),
    reduce_row("sum", scattered(lambda old, new: old + new, 0)),
    reduce_row("sum", scattered(lambda old, new: old + new, 0), include_self=False),
    reduce_row("mean", averaged),
    reduce_row("mean", averaged, include_self=False),
    reduce_row("amax", scattered(max, -np.inf)), reduce_row("amax", scattered(max, -np.inf), include_self=False),
    reduce_row("amin", scattered(min, np.inf)), reduce_row("amin", scattered(min, np.inf), include_self=False),
    case("index_add", in_turn(lambda old, new: old + new), [*ROWS, s(x(5, 3), labels(7, below=5), x(7, 3), dim=0, alpha=2.5)],
         lambda a, i, v, dim, alpha=1: op("index_add")(a, dim, i, v, alpha=alpha)),
    case("index_copy", in_turn(lambda old, new: new), [s(x(5, 3), orders(5), x(5, 3), dim=0), s(x(5, 3), orders(2), x(5, 2), dim=1),
         s(x(5), orders(3), x(3), dim=0), s(x(2, 3, 4), orders(2), x(2, 2, 4), dim=-2), s(x(2, 3), orders(0), x(0, 3), dim=0),
         s(x(20, 300), orders(20), x(20, 300), dim=0), s(x(1, 4), orders(1), x(1, 4), dim=0), s(x(3, 2, 2), orders(2), x(3, 2, 2), dim=2)],
         lambda a, i, v, dim: op("index_copy")(a, dim, i, v), exact=True),
    case("index_fill", lambda a, i, v, dim: in_turn(lambda old, new: v)(a, i, a.take(i, dim), dim), [s(*row.inputs[:2], x(), dim=row.options["dim"])
         for row in ROWS], lambda a, i, v, dim: op("index_fill")(a, dim, i, v), exact=True),
    case("masked_fill", lambda a, m, value: np.where(m, value, a), [s(x(*a), mask(*b), value=-1.5) for a, b in PAIRS], exact=True),
    case("masked_fill tensor", lambda a, m, v: np.where(m, v, a), [s(x(3, 4), mask(4), x()), s(x(2, 3, 4), mask(3, 1), x())], op("masked_fill"),
         exact=True),
    case("masked_select", lambda a, m: np.broadcast_arrays(a, m)[0][np.broadcast_arrays(a, m)[1]], masked(*PAIRS), exact=True,
         recorded=False, reason=SIZE),
    case("masked_scatter", lambda a, m, v: changed(np.broadcast_to(a, np.broadcast_shapes(a.shape, m.shape)).copy(),
         np.broadcast_to(m, np.broadcast_shapes(a.shape, m.shape)), v.reshape(-1)[: np.broadcast_to(m, np.broadcast_shapes(a.shape, m.shape)).sum()]),
         [s(x(*a), mask(*b), x(30)) for a, b in PAIRS], exact=True, recorded=False, reason=SIZE),
    case("where", np.where, [s(mask(3, 4), x(3, 4), x(3, 4)), s(mask(4), x(3, 4), x()), s(mask(), x(3), x(3)), s(mask(3, 1), x(4), x(3, 4)),
         s(mask(0), x(0), x(1)), s(mask(2, 3, 4), x(), x()), s(mask(5), fixed(x(5)), x(5)), s(mask(257), x(257), x(257))], exact=True, layout_bits=False,
         reason="sums run in memory order"),
    case("where alone", np.nonzero, [mask(3, 4), mask(5), mask(0)], op("where"), gradient=False, exact=True, recorded=False, reason=SIZE),
    case("nonzero", lambda a: np.argwhere(a), [mask(*n) for n in FEW], gradient=False, exact=True, recorded=False, reason=SIZE),
    case("nonzero tuple", np.nonzero, [mask(*n) for n in FEW[:3]], lambda a: a.nonzero(as_tuple=True), gradient=False, exact=True, recorded=False,
         reason=SIZE),
    case("argwhere", np.argwhere, [x(*n) for n in FEW], gradient=False, exact=True, recorded=False, reason=SIZE),
    case("one_hot", lambda i, num_classes: np.eye(num_classes, dtype=np.int64)[i], [s(labels(*n, below=5), num_classes=c)
         for n, c in [((7,), 5), ((2, 3), 5), ((), 5), ((0,), 5), ((4,), 9), ((2, 2, 2), 6), ((1,), 5), ((300,), 5)]], gradient=False, exact=True),
    case("one_hot of the largest", lambda i: np.eye(i.max() + 1, dtype=np.int64)[i], [labels(7, below=5), labels(2, 3, below=9)], op("one_hot"),
         gradient=False, exact=True, recorded=False, reason=SIZE),
    case("embedding", lambda i, a: a[i], [s(labels(7, below=5), x(5, 3)), s(labels(2, 3, below=5), x(5, 4)),
         s(labels(0, below=5), x(5, 3)), s(labels(40, 10, below=50), x(50, 300)), s(labels(below=5), x(5, 3)), s(labels(9, below=1), x(1, 2)),
         s(labels(2, 2, 2, below=5), x(5, 1)), s(labels(3, below=5), x(5, 0))], exact=True),
    case("embedding padding", lambda i, a, padding_idx: a[i], [s(labels(7, below=5), fixed(x(5, 3)), padding_idx=2)], op("embedding"), gradient=False, exact=True),
]  # fmt: skip
