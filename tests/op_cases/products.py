"""Matrix products and linear layers."""

from __future__ import annotations

import math

import numpy as np

import cygnet
from tests.op_cases.activations import sigmoid
from tests.op_cases.case import case, kinked, op, s, x

MATMUL = [
    s(x(3, 4), x(4, 5)),
    s(x(1, 1), x(1, 1)),
    s(x(0, 4), x(4, 5)),
    s(x(3, 0), x(0, 5)),
    s(x(17, 33), x(33, 49)),
    s(x(131, 67), x(67, 259)),
]
LINEAR = [
    s(x(3, 4), x(5, 4), x(5)),
    s(x(3, 4), x(5, 4)),
    s(x(4), x(5, 4), x(5)),
    s(x(2, 3, 4), x(5, 4), x(5)),
    s(x(0, 4), x(5, 4), x(5)),
    s(x(33, 17), x(49, 17), x(49)),
    s(x(100, 400), x(120, 400), x(120)),
    s(x(1, 1), x(1, 1), x(1)),
]
BATCHED = [
    s(x(2, 3, 4), x(2, 4, 5)),
    s(x(2, 1, 3, 4), x(7, 4, 5)),
    s(x(3, 4), x(2, 4, 5)),
    s(x(2, 3, 4), x(4, 5)),
    s(x(40, 17, 33), x(40, 33, 19)),
    s(x(0, 3, 4), x(0, 4, 5)),
    s(x(2, 3, 0), x(2, 0, 5)),
]
ERF = np.vectorize(math.erf, otypes=[np.float64])
DEPTH = "the order of the products follows the memory order"
ACTIVATIONS = {"relu": lambda z: np.maximum(z, 0), "sigmoid": sigmoid, "tanh": np.tanh,
               "leaky_relu": lambda z: np.where(z < 0, 0.01 * z, z), "gelu": lambda z: z * 0.5 * (1 + ERF(z / np.sqrt(2))),
               "silu": lambda z: z * sigmoid(z)}  # fmt: skip


def linear(a, w, b=None):
    return a @ w.T + (0 if b is None else b)


def activated(name):
    """An op on the result of a linear layer: with relu and its kin the pair runs as one kernel where that is offered."""
    return case(
        f"linear {name}",
        lambda a, w, b: ACTIVATIONS[name](linear(a, w, b)),
        [
            s(kinked(3, 4), kinked(5, 4), kinked(5)),
            s(x(0, 4), x(5, 4), x(5)),
            s(x(33, 17), x(49, 17), x(49)),
        ],
        lambda a, w, b: op("linear")(a, w, b, activation=name),
        float32=(3e-6, 1e-5),
        reason="a rounded sum goes through the function",
    )


def product(name, reference, *shapes, function=None, **options):
    """A row of an op on tensors of shapes that are given together."""
    samples = [s(*(x(*shape) for shape in together), **options) for together in shapes]
    return case(name, reference, samples, function, integers=True, layout_bits=False, reason=DEPTH)


def plus(name, reference, *shapes):
    """A row of beta * input + alpha * a product, with several alpha and beta."""
    factors = ({}, {"alpha": 2}, {"beta": 3}, {"alpha": -1, "beta": 2})
    samples = [
        s(*(x(*shape) for shape in together), **factors[i % 4]) for i, together in enumerate(shapes)
    ]
    return case(
        name,
        lambda a, *b, alpha=1, beta=1: beta * a + alpha * reference(*b),
        samples,
        integers=True,
        layout_bits=False,
        reason=DEPTH,
    )


SIZES = [
    (2, 3, 4, 5),
    (1, 1, 1, 1),
    (0, 3, 4, 5),
    (2, 0, 4, 5),
    (2, 3, 0, 5),
    (3, 3, 4, 0),
    (4, 17, 33, 19),
    (2, 67, 31, 65),
]
VECTORS = [
    ((n,), (m,)) for n, m in [(3, 4), (1, 1), (0, 3), (3, 0), (5, 1), (1, 5), (17, 33), (300, 40)]
]
EQUAL = [((n,), (n,)) for n in (1, 2, 3, 0, 8, 17, 100, 1000)]
EINSUM = {
    "ij,jk->ik": ((3, 4), (4, 5)), "ij,jk": ((3, 4), (4, 5)), "ii": ((3, 3),), "ii->i": ((3, 3),), "ij->ji": ((3, 4),), "ij->": ((3, 4),),
    "i,j->ij": ((3,), (4,)), "...ij,...jk->...ik": ((2, 3, 4), (1, 4, 5)), "bhqd,bhkd->bhqk": ((2, 2, 3, 4), (2, 2, 5, 4)),
    "ij,jk,kl->il": ((2, 3), (3, 4), (4, 5)), "bn,anm,bm->ba": ((2, 3), (4, 3, 5), (2, 5)), "iij,jk->ik": ((3, 3, 2), (2, 4)),
    "...,...->...": ((3, 4), (4,)), "ba,ac": ((2, 3), (3, 4)), "i...->...": ((2, 3, 4),), ",->": ((), ()), "ij,jk->ki": ((0, 4), (4, 5)),
    "abc,abd->cd": ((2, 3, 4), (2, 3, 5)), "ij,ij->i": ((3, 4), (3, 4)), "...ii->...i": ((2, 3, 3),),
}  # fmt: skip
MATRICES = [(3, 4), (4, 3), (1, 1), (0, 3), (3, 0), (2, 3, 4), (5, 5), (33, 65)]


def crossed(a, b, dim=None):
    shape = np.broadcast_shapes(a.shape, b.shape)
    return np.cross(a, b, axis=shape.index(3) if dim is None else dim)


def embedded(a, offset=0, dim1=-2, dim2=-1):
    size = a.shape[-1] + abs(offset)
    room = np.zeros((*a.shape[:-1], size, size))
    np.einsum(
        "...ii->...i",
        room[..., max(-offset, 0) :, max(offset, 0) :][..., : a.shape[-1], : a.shape[-1]],
    )[...] = a
    return np.moveaxis(room, (-2, -1), (dim1, dim2))  # fmt: skip


def diagonals(name, reference, *samples, **rest):
    return case(name, reference, list(samples), exact=True, **rest)


def bilinear(a, b, w, bias=0):
    return np.einsum("...i,oij,...j->...o", a, w, b) + bias


BILINEAR = [
    s(x(3, 4), x(3, 5), x(2, 4, 5), x(2)),
    s(x(3, 4), x(3, 5), x(2, 4, 5)),
    s(x(4), x(5), x(2, 4, 5), x(2)),
    s(x(4), x(1), x(1, 4, 1)),
    s(x(2, 3, 4), x(2, 3, 5), x(2, 4, 5), x(2)),
    s(x(0, 4), x(0, 5), x(2, 4, 5), x(2)),
    s(x(3, 1), x(3, 1), x(1, 1, 1), x(1)),
    s(x(33, 17), x(33, 19), x(21, 17, 19), x(21)),
]

CASES = [
    case("matmul", np.matmul, MATMUL, integers=True, layout_bits=False, reason=DEPTH),
    case("matmul vectors", np.matmul, [s(x(4), x(4)), s(x(3, 4), x(4)), s(x(4), x(4, 5)), s(x(2, 3, 4), x(4)), s(x(4), x(2, 4, 3))], op("matmul"),
         integers=True, layout_bits=False, reason=DEPTH),
    case("matmul transposed", lambda a, b: a.T @ b.T, [s(x(4, 3), x(5, 4)), s(x(67, 131), x(259, 67))],
         lambda a, b: a.T @ b.T, integers=True, layout_bits=False, reason=DEPTH),
    case("matmul batched", np.matmul, BATCHED, op("matmul"), integers=True, layout_bits=False, reason=DEPTH),
    case("linear", linear, LINEAR, integers=True),
    case("linear transposed", lambda a, w, b=None: linear(a, w.T, b),
         [s(x(3, 4), x(4, 5), x(5)), s(x(2, 3, 4), x(4, 5)), s(x(4), x(4, 5)), s(x(0, 4), x(4, 5), x(5)), s(x(33, 17), x(17, 49), x(49))],
         lambda *given: op("linear")(*given, transposed=True), integers=True, layout_bits=False, reason=DEPTH),
    case("linear transposed silu", lambda a, w, b: ACTIVATIONS["silu"](linear(a, w.T, b)), [s(x(3, 4), x(4, 5), x(5)), s(x(33, 17), x(17, 49), x(49))],
         lambda *given: op("linear")(*given, activation="silu", transposed=True), float32=(3e-6, 1e-5), reason="a rounded sum goes through the function"),
    *(activated(name) for name in ACTIVATIONS),
    product("mm", np.matmul, *(((m, d), (d, p)) for _, m, d, p in SIZES)),
    product("bmm", np.matmul, *(((n, m, d), (n, d, p)) for n, m, d, p in SIZES)),
    product("mv", np.matmul, *(((m, d), (d,)) for _, m, d, _ in SIZES)),
    plus("addmm", np.matmul, *((shape, (m, d), (d, p)) for (n, m, d, p), shape in zip(SIZES, [(3, 5), (), (5,), (0, 5), (3, 1), (0,), (19,), (67, 65)], strict=True))),
    plus("addmv", np.matmul, *((shape, (m, d), (d,)) for (n, m, d, p), shape in zip(SIZES, [(3,), (1,), (), (0,), (1,), (3,), (17,), (67,)], strict=True))),
    plus("addr", np.outer, *((shape, *pair) for pair, shape in zip(VECTORS, [(3, 4), (1,), (3,), (3, 0), (5, 1), (), (33,), (300, 40)], strict=True))),
    plus("baddbmm", np.matmul, *((shape, (n, m, d), (n, d, p)) for (n, m, d, p), shape in zip(SIZES, [(2, 3, 5), (1,), (0, 3, 5), (5,), (), (3, 0), (4, 1, 19), (1, 67, 65)], strict=True))),
    plus("addbmm", lambda a, b: (a @ b).sum(0), *((shape, (n, m, d), (n, d, p)) for (n, m, d, p), shape in zip(SIZES, [(3, 5), (1,), (3, 5), (5,), (), (3, 0), (17, 1), (67, 65)], strict=True))),
    product("outer", np.outer, *VECTORS), product("ger", np.outer, *VECTORS),
    product("dot", np.dot, *EQUAL), product("vdot", np.vdot, *EQUAL),
    product("inner", np.inner, *EQUAL[:3], ((3, 4), (5, 4)), ((2, 3, 4), (4,)), ((2, 3), (4, 2, 3)), ((), (3, 4)), ((), ()), ((0, 4), (3, 4))),
    product("tensordot", lambda a, b: np.tensordot(a, b), ((2, 3, 4), (3, 4, 5)), ((3, 4), (3, 4)), ((2, 0, 3), (0, 3, 4))),
    product("tensordot one", lambda a, b, dims: np.tensordot(a, b, dims), ((2, 3, 4), (4, 5)), ((4,), (4,)), dims=1, function=op("tensordot")),
    product("tensordot none", lambda a, b, dims: np.tensordot(a, b, dims), ((2, 3), (4,)), ((), (3,)), dims=0, function=op("tensordot")),
    product("tensordot chosen", lambda a, b, dims: np.tensordot(a, b, dims), ((2, 3, 4), (4, 2, 5)), ((2, 1, 1), (1, 2)), dims=([0, 2], [1, 0]),
            function=op("tensordot")),
    product("kron", np.kron, ((2, 3), (3, 2)), ((3,), (2,)), ((2, 2), (3,)), ((), (2, 2)), ((2,), (2, 3, 2)), ((0, 2), (2, 2)), ((1, 1), (4, 5)), ((), ())),
    case("cross", crossed,
         [s(x(3), x(3)), s(x(3, 4), x(3, 4)), s(x(4, 3), x(4, 3)), s(x(4, 3), x(1, 3), dim=-1), s(x(3, 3), x(3, 3), dim=1), s(x(2, 3, 4), x(2, 3, 4)),
          s(x(0, 3), x(0, 3), dim=1), s(x(2, 1, 3), x(4, 3), dim=-1)], integers=True),
    product("chain_matmul", lambda *a: a[0] if len(a) == 1 else np.linalg.multi_dot(a), ((3, 4), (4, 5)), ((3, 4),), ((2, 3), (3, 4), (4, 2)),
            ((5, 1), (1, 5), (5, 1), (1, 4)), ((10, 30), (30, 5), (5, 60)), ((2, 0), (0, 3)), ((1, 1), (1, 1)), ((0, 2), (2, 3))),
    product("multi_dot", lambda *a: np.linalg.multi_dot(a), ((3, 4), (4, 5)), ((3,), (3, 4)), ((2, 3), (3,)), ((4,), (4, 3), (3,)), ((3,), (3,)),
            ((5, 1), (1, 5), (5, 1), (1, 4)), ((10, 30), (30, 5), (5, 60)), ((2, 3), (3, 4), (4, 2)), function=lambda *a: cygnet.linalg.multi_dot(list(a))),
    *(product(f"einsum {equation}", lambda *a, e=equation: np.einsum(e, *a), shapes, function=lambda *a, e=equation: op("einsum")(e, *a))
      for equation, shapes in EINSUM.items()),
    product("einsum lists", lambda a, b: a @ b, ((3, 4), (4, 5)), function=lambda a, b: op("einsum")(a, [0, 1], b, [1, 2], [0, 2])),
    product("trace", np.trace, *(((m, n),) for m, n in MATRICES[:5]), ((5, 5),), ((33, 65),), ((2, 2),)),
    diagonals("tril", np.tril, *(x(*n) for n in MATRICES)),
    diagonals("tril diagonal", np.tril, *(s(x(3, 4), k=k) for k in (-2, -1, 1, 9)), function=lambda a, k: a.tril(k)),
    diagonals("triu", np.triu, *(x(*n) for n in MATRICES)),
    diagonals("triu diagonal", np.triu, *(s(x(3, 4), k=k) for k in (-2, -1, 1, 9)), function=lambda a, k: a.triu(diagonal=k)),
    diagonals("diag", np.diag, x(3), x(1), x(0), x(3, 4), x(4, 3), x(1, 1)),
    diagonals("diag offset", np.diag, *(s(x(*n), k=k) for n in [(3,), (3, 4)] for k in (-2, 1)), function=lambda a, k: op("diag")(a, k)),
    diagonals("diag_embed", embedded, x(3), x(2, 3), x(0), s(x(2, 3), offset=1), s(x(2, 3), offset=-2), s(x(2, 3), dim1=0, dim2=1),
              s(x(2, 3), offset=1, dim1=-1, dim2=0), x(2, 3, 4)),
    case("bilinear", bilinear, BILINEAR, layout_bits=False, reason=DEPTH),
    case("matrix_power", lambda a, n: np.linalg.matrix_power(a, n), [
        *(s(x(3, 3), n=n) for n in (1, 2, 3, 5)), s(x(2, 4, 4), n=3), s(x(1, 1), n=7), s(x(0, 2, 2), n=2),
        s(x(2, 3, 3), n=4),
    ], float32=(1e-5, 1e-5), layout_bits=False, reason="products of products"),
    case("cov", lambda a, correction=1: np.cov(a, ddof=correction), [
        x(3, 7), x(2, 2), x(5), x(2, 40), x(7, 3), x(33, 65), s(x(3, 7), correction=0), s(x(4, 9), correction=2),
    ], layout_bits=False, reason="a sum in memory order"),
    case("corrcoef", np.corrcoef, [x(3, 7), x(2, 5), x(2, 40), x(7, 3), x(33, 65), x(4, 4), x(3, 3), x(6, 100)],
         float32=(1e-5, 1e-5), layout_bits=False, reason="a sum in memory order, divided by roots"),
]  # fmt: skip
