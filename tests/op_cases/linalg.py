"""Linear algebra: factorisations, systems of equations, spectra and norms.

Random matrices are made into ones of small condition first, since a gradient in float32 is held to
a bound that knows nothing of it: their size is added to a diagonal that dominates. Signs of
vectors are arbitrary, so that rows square them; tests/test_linalg.py looks at the rest.
"""

from __future__ import annotations

import numpy as np

import cygnet
from tests.op_cases.case import case, op, s, x

SHAPES = [(3, 3), (1, 1), (0, 0), (2, 4, 4), (2, 2), (2, 3, 2, 2), (0, 3, 3), (37, 37)]
SQUARE = [x(*shape) for shape in SHAPES]
RECTANGLES = [(3, 4), (4, 3), (1, 1), (1, 4), (2, 5, 3), (2, 3, 5), (2, 2), (40, 35)]
RECTANGULAR = [x(*shape) for shape in RECTANGLES]
RIGHT = [
    s(x(3, 3), x(3, 2)),
    s(x(1, 1), x(1, 1)),
    s(x(0, 0), x(0, 2)),
    s(x(2, 4, 4), x(2, 4, 3)),
    s(x(2, 4, 4), x(4, 3)),
    s(x(3, 3), x(2, 3, 1)),
    s(x(2, 2), x(2, 0)),
    s(x(37, 37), x(37, 5)),
]
DEPTH = "a product follows the memory order"


def linalg(name):
    """The function of `cygnet.linalg`, looked up when it is called."""
    return lambda *arguments, **options: getattr(cygnet.linalg, name)(*arguments, **options)


def diagonal(a, rising):
    """(n, n) for the larger side n: 2 on the diagonal, or 2, 4, 6, ..."""
    size = max(a.shape[-2:])
    if isinstance(a, np.ndarray):
        return np.diag(2.0 * np.arange(1, size + 1) if rising else np.full(size, 2.0))
    ones = a.new_ones(size)
    return (ones.cumsum(0) if rising else ones).diag() * 2


def strong(a):
    """A square matrix near twice the unit matrix."""
    return a * (0.5 / max(1, a.shape[-1]) ** 0.5) + diagonal(a, False)


def definite(a):
    """A symmetric one."""
    return (a + a.mT) * (0.25 / max(1, a.shape[-1]) ** 0.5) + diagonal(a, False)


def spread(a):
    """A symmetric one whose eigenvalues are apart."""
    return (a + a.mT) * (0.2 / max(1, a.shape[-1]) ** 0.5) + diagonal(a, True)


def wide_apart(a):
    """A matrix whose singular values are apart, and whose leading minors are not small."""
    rows, columns = a.shape[-2:]
    return a * (0.3 / max(1, rows, columns) ** 0.5) + diagonal(a, True)[:rows, :columns]


def upside_down(a):
    """The same with its rows the other way round, so that a factorisation exchanges them."""
    a = wide_apart(a)
    return np.flip(a, -2) if isinstance(a, np.ndarray) else a.flip(-2)


def each(function):
    """The function of a matrix on every matrix of a stack, with several results."""

    def stacked(a):
        lead = a.shape[:-2]
        flat = a.reshape(int(np.prod(lead)), *a.shape[-2:])
        parts = [function(m) for m in flat] or [function(np.eye(*a.shape[-2:]))]
        return [
            np.array([p[i] for p in parts])[: len(flat)].reshape(*lead, *parts[0][i].shape)
            for i in range(len(parts[0]))
        ]

    return stacked


@each
def lu(a):
    a = np.array(a, np.float64)
    rows, columns = a.shape
    least, order, pivots = min(rows, columns), np.arange(rows), []
    for k in range(least):
        best = k + np.abs(a[k:, k]).argmax()
        pivots.append(best + 1)
        a[[k, best]], order[[k, best]] = a[[best, k]], order[[best, k]]
        a[k + 1 :, k] /= a[k, k]
        a[k + 1 :, k + 1 :] -= np.outer(a[k + 1 :, k], a[k, k + 1 :])
    lower = np.tril(a, -1)[:, :least] + np.eye(rows, least)
    unit = np.eye(rows)[order].T
    return unit, lower, np.triu(a)[:least], a, np.array(pivots, np.int32)


def reflected(a, tau):
    """The square products of reflections."""
    rows = a.shape[-2]
    q = np.broadcast_to(np.eye(rows), (*a.shape[:-1], rows))
    for k in range(tau.shape[-1]):
        v = np.tril(a, -1)[..., k] + np.eye(rows)[k]
        h = np.eye(rows) - tau[..., k, None, None] * v[..., :, None] * v[..., None, :]
        q = q @ h
    return q


def exponential(a):
    b, total = a / 2**10, np.broadcast_to(np.eye(a.shape[-1]), a.shape)
    term = total
    for k in range(1, 13):
        term = term @ b / k
        total = total + term
    for _ in range(10):
        total = total @ total
    return total


def transposed(a):
    return a.swapaxes(-1, -2)


def solved(a, b, left=True):
    if left:
        return np.linalg.solve(a, b)
    return transposed(np.linalg.solve(transposed(a), transposed(b)))


def triangle(a, upper, unitriangular=False):
    cut = np.triu(a) if upper else np.tril(a)
    eye = np.eye(a.shape[-1])
    return cut * (1 - eye) + eye if unitriangular else cut


def of(name, change, reference, samples, function=None, **rest):
    """A row of a function of one matrix, which is changed first."""
    call = function or (linalg(name.split()[0][7:]) if name.startswith("linalg.") else op(name))
    return case(
        name,
        lambda a, **o: reference(change(a), **o),
        samples,
        lambda a, **o: call(change(a), **o),
        **rest,
    )


def system(name, function, *, matrix=strong, reference=np.linalg.solve, samples=RIGHT, **rest):
    """A row of a system of equations A X = B."""
    return case(
        name,
        lambda a, b, **o: reference(matrix(a), b, **o),
        samples,
        lambda a, b, **o: function(matrix(a), b, **o),
        **rest,
    )


def triangular(op_name, function, *options):
    samples = [s(*sample.inputs, **options[i % len(options)]) for i, sample in enumerate(RIGHT)]
    return case(
        op_name,
        lambda a, b, upper, unit=False: np.linalg.solve(triangle(strong(a), upper, unit), b),
        samples,
        function,
    )


def norms(name, reference, call, *samples):
    return case(
        name,
        reference,
        samples,
        call,
        float32=(1e-5, 1e-5),
        layout_bits=False,
        reason="a sum of roots, in memory order",
    )


INF = float("inf")
ORDERS = ["fro", "nuc", 1, -1, 2, -2, INF, -INF]
TWO = {"layout_bits": False, "reason": DEPTH}
ROUNDED = {
    "float32": (1e-5, 1e-5),
    "reason": "roundings of both factorisation and substitution",
}
REFLECTED = [((4, 3), 3), ((4, 3), 2), ((1, 1), 1), ((3, 3), 3), ((2, 5, 2), 2), ((4, 1), 1), ((0, 3, 2), 2), ((6, 5), 5)]  # fmt: skip

CASES = [
    *(of(name, definite, np.linalg.cholesky, SQUARE) for name in ("cholesky", "linalg.cholesky")),
    of("linalg.cholesky upper", definite, lambda a: transposed(np.linalg.cholesky(a)), SQUARE[:4], lambda a: cygnet.linalg.cholesky(a, upper=True)),
    of("linalg.cholesky_ex", definite, lambda a: (np.linalg.cholesky(a), np.zeros(a.shape[:-2], np.int32)), SQUARE),
    system("linalg.solve", linalg("solve"), samples=[*RIGHT, s(x(2, 0, 0), x(2, 0, 3))], reference=solved),
    system("linalg.solve right", linalg("solve"), reference=solved, samples=[s(x(3, 3), x(2, 3), left=False), s(x(2, 4, 4), x(5, 4), left=False)]),
    system("linalg.solve vectors", linalg("solve"), reference=lambda a, b: np.linalg.solve(a, b[..., None])[..., 0], samples=[s(x(3, 3), x(3)), s(x(2, 3, 3), x(2, 3)), s(x(2, 3, 3), x(3))]),
    system("linalg.solve_ex", linalg("solve_ex"), reference=lambda a, b: (np.linalg.solve(a, b), np.zeros(a.shape[:-2], np.int32))),
    of("inverse", strong, np.linalg.inv, SQUARE),
    of("linalg.inv_ex", strong, lambda a: (np.linalg.inv(a), np.zeros(a.shape[:-2], np.int32)), SQUARE),
    of("det", lambda a: a * 0.5, np.linalg.det, [x(3, 3), x(1, 1), x(0, 0), x(2, 4, 4), x(2, 2), x(2, 3, 2, 2), x(0, 3, 3), x(5, 5)]),
    of("slogdet", strong, lambda a: np.linalg.slogdet(a)[::-1], SQUARE, lambda a: op("slogdet")(a)[::-1]),
    of("logdet", strong, lambda a: np.linalg.slogdet(a)[1], SQUARE),
    triangular("linalg.solve_triangular", lambda a, b, upper, unit=False: cygnet.linalg.solve_triangular(strong(a), b, upper=upper, unitriangular=unit),
               {"upper": True}, {"upper": False}, {"upper": True, "unit": True}, {"upper": False, "unit": True}),
    case("linalg.solve_triangular right", lambda a, b, upper: solved(triangle(strong(a), upper), b, False),
         [s(x(3, 3), x(2, 3), upper=True), s(x(2, 4, 4), x(5, 4), upper=False)],
         lambda a, b, upper: cygnet.linalg.solve_triangular(strong(a), b, upper=upper, left=False)),
    triangular("triangular_solve", lambda a, b, upper, unit=False: op("triangular_solve")(b, strong(a), upper, False, unit)[0],
               {"upper": True}, {"upper": False}, {"upper": True, "unit": True}),
    system("triangular_solve transposed", lambda a, b: op("triangular_solve")(b, a, transpose=True)[0], reference=lambda a, b: np.linalg.solve(transposed(np.triu(a)), b), samples=RIGHT[:4]),
    system("cholesky_solve", lambda a, b: op("cholesky_solve")(b, a.tril()), reference=lambda a, b: np.linalg.solve(np.tril(a) @ transposed(np.tril(a)), b), **ROUNDED),
    system("cholesky_solve upper", lambda a, b: op("cholesky_solve")(b, a.triu(), upper=True), reference=lambda a, b: np.linalg.solve(transposed(np.triu(a)) @ np.triu(a), b),
           samples=RIGHT[:4], **ROUNDED),
    of("cholesky_inverse", strong, lambda a: np.linalg.inv(np.tril(a) @ transposed(np.tril(a))), SQUARE, lambda a: op("cholesky_inverse")(a.tril()), **ROUNDED),
    system("lu_solve", lambda a, b: op("lu_solve")(b, *cygnet.linalg.lu_factor(a)), matrix=lambda a: upside_down(a * 0.1), samples=[i for k, i in enumerate(RIGHT) if k != 5] + RIGHT[5:6]),
    system("linalg.lu_solve", lambda a, b: cygnet.linalg.lu_solve(*cygnet.linalg.lu_factor(a), b), matrix=lambda a: upside_down(a * 0.1)),
    system("linalg.lu_solve adjoint", lambda a, b: cygnet.linalg.lu_solve(*cygnet.linalg.lu_factor(a), b, adjoint=True), reference=lambda a, b: np.linalg.solve(transposed(a), b), samples=RIGHT[:5]),
    of("linalg.lu", upside_down, lambda a: tuple(lu(a)[i] for i in (2, 1, 0)), RECTANGULAR, lambda a: cygnet.linalg.lu(a)[::-1]),
    of("linalg.lu_factor", upside_down, lambda a: tuple(lu(a)[3:]), RECTANGULAR),
    of("linalg.lu_factor_ex", upside_down, lambda a: (*lu(a)[3:], np.zeros(a.shape[:-2], np.int32)), RECTANGULAR),
    of("lu_unpack", upside_down, lambda a: tuple(lu(a)[i] for i in (1, 2, 0)), RECTANGULAR,
       lambda a: (lambda p, lower, upper: (lower, upper, p))(*op("lu_unpack")(*cygnet.linalg.lu_factor(a)))),
    *(of(name, wide_apart, lambda a: tuple(np.linalg.qr(a)), RECTANGULAR, **TWO) for name in ("qr", "linalg.qr")),
    of("linalg.qr R", wide_apart, lambda a: np.linalg.qr(a)[1], RECTANGULAR, lambda a: cygnet.linalg.qr(a)[1], **TWO),
    of("linalg.qr complete", wide_apart, lambda a: tuple(np.linalg.qr(a, "complete")), RECTANGULAR, lambda a: tuple(cygnet.linalg.qr(a, "complete")), gradient=False),
    of("geqrf", wide_apart, lambda a: (lambda h, tau: (transposed(h), tau))(*np.linalg.qr(a, "raw")), RECTANGULAR, gradient=False),
    *(case(name, lambda a, tau: reflected(a, tau)[..., :, : a.shape[-1]], [s(x(*shape), x(*shape[:-2], k)) for shape, k in REFLECTED],
           call, layout_bits=False, reason=DEPTH) for name, call in (("orgqr", op("orgqr")),)),
    case("ormqr", lambda a, tau, b: reflected(a, tau) @ b, [s(x(*shape), x(*shape[:-2], k), x(*shape[:-1], 2)) for shape, k in REFLECTED], layout_bits=False, reason=DEPTH),
    case("ormqr right", lambda a, tau, b: b @ transposed(reflected(a, tau)), [s(x(*shape), x(*shape[:-2], k), x(*shape[:-2], 2, shape[-2])) for shape, k in REFLECTED[:3]],
         lambda a, tau, b: op("ormqr")(a, tau, b, left=False, transpose=True), layout_bits=False, reason=DEPTH),
    of("linalg.eigh", spread, np.linalg.eigvalsh, SQUARE, lambda a: cygnet.linalg.eigh(a)[0], **TWO),
    of("linalg.eigh vectors", spread, lambda a: np.linalg.eigh(a)[1] ** 2, SQUARE, lambda a: cygnet.linalg.eigh(a)[1] ** 2, **TWO),
    of("linalg.eigvalsh", spread, np.linalg.eigvalsh, SQUARE, **TWO),
    of("linalg.svd", wide_apart, lambda a: np.linalg.svd(a)[1], RECTANGULAR, lambda a: cygnet.linalg.svd(a, full_matrices=False)[1], **TWO),
    of("linalg.svd U", wide_apart, lambda a: np.linalg.svd(a, False)[0] ** 2, RECTANGULAR, lambda a: cygnet.linalg.svd(a, False)[0] ** 2, **TWO),
    of("linalg.svd Vh", wide_apart, lambda a: np.linalg.svd(a, False)[2] ** 2, RECTANGULAR, lambda a: cygnet.linalg.svd(a, False)[2] ** 2, **TWO),
    of("svd", wide_apart, lambda a: transposed(np.linalg.svd(a, False)[2]) ** 2, RECTANGULAR, lambda a: op("svd")(a)[2] ** 2, **TWO),
    of("linalg.svdvals", wide_apart, lambda a: np.linalg.svd(a)[1], RECTANGULAR, **TWO),
    *(of(name, wide_apart, np.linalg.pinv, RECTANGULAR, **TWO) for name in ("pinverse", "linalg.pinv")),
    of("linalg.pinv hermitian", spread, np.linalg.pinv, SQUARE[:4], lambda a: cygnet.linalg.pinv(a, hermitian=True), **TWO),
    system("linalg.lstsq", lambda a, b: cygnet.linalg.lstsq(a, b)[0], matrix=wide_apart, reference=lambda a, b: np.linalg.pinv(a) @ b,
           samples=[s(x(*shape), x(*shape[:-1], 2)) for shape in RECTANGLES], **TWO),
    of("linalg.matrix_rank", lambda a: a, np.linalg.matrix_rank, RECTANGULAR, gradient=False),
    *(norms(name, lambda a, ord: np.linalg.norm(a, ord, (-2, -1)), linalg(name[7:]) if name == "linalg.matrix_norm" else lambda a, ord: cygnet.linalg.norm(a, ord, (-2, -1)),
            *(s(x(*shape), ord=order) for shape, order in zip(RECTANGLES, ORDERS, strict=True))) for name in ("linalg.matrix_norm", "linalg.norm")),
    norms("linalg.matrix_norm dim", lambda a, ord: np.moveaxis(np.linalg.norm(a, ord, (0, 2), keepdims=True), 0, 0),
          lambda a, ord: cygnet.linalg.matrix_norm(a, ord, (0, 2), True), *(s(x(3, 2, 4), ord=order) for order in ("fro", 2, 1))),
    norms("norm nuc", lambda a: np.linalg.norm(a, "nuc"), lambda a: op("norm")(a, "nuc"), s(x(3, 4)), s(x(1, 1))),
    norms("linalg.norm vector", lambda a, **o: np.linalg.norm(a, **{"axis" if k == "dim" else k: v for k, v in o.items()}), linalg("norm"), s(x(5)), s(x(5), ord=3), s(x(3, 4)), s(x(3, 4), ord=1, dim=1)),
    norms("linalg.vector_norm", lambda a, ord: (np.abs(a) ** ord).sum() ** (1 / ord), linalg("vector_norm"),
          *(s(x(*shape), ord=order) for shape, order in zip(RECTANGLES, (2, 1, 3, 2, 2.5, 1, 3, 2), strict=True))),
    case("linalg.cond", lambda a, p: np.linalg.cond(strong(a), p), [s(x(3, 3), p=order) for order in (None, *ORDERS)] + [s(x(2, 4, 4), p=1)],
         lambda a, p: cygnet.linalg.cond(strong(a), p), float32=(1e-5, 1e-5), reason="a quotient of norms"),
    of("matrix_exp", lambda a: a, exponential, [*SQUARE[:7], x(5, 5)], float32=(1e-5, 1e-5), layout_bits=False, reason="a product of products"),
    case("matrix_power negative", lambda a, n: np.linalg.matrix_power(strong(a), n), [s(x(3, 3), n=-1), s(x(2, 4, 4), n=-3)],
         lambda a, n: op("matrix_power")(strong(a), n), layout_bits=False, reason=DEPTH),
    case("linalg.tensorinv", lambda a, ind=2: np.linalg.tensorinv(a.reshape(6, 6).reshape(a.shape) + np.eye(6).reshape(a.shape) * 4, ind),
         [s(x(*shape), ind=ind) for shape, ind in [((6, 2, 3), 1), ((2, 3, 6), 2), ((3, 2, 6), 2), ((6, 6), 1), ((2, 3, 3, 2), 2), ((3, 2, 2, 3), 2), ((6, 1, 6), 1), ((1, 6, 6), 2)]],
         lambda a, ind=2: cygnet.linalg.tensorinv(a + (a.new_ones(6).diag() * 4).reshape(a.shape), ind=ind), float32=(1e-5, 1e-5), reason="of larger condition than others"),
    case("linalg.tensorsolve", lambda a, b: np.linalg.tensorsolve(a + np.eye(6).reshape(a.shape) * 4, b),
         [s(x(*a), x(*b)) for a, b in [((2, 3, 6), (2, 3)), ((6, 2, 3), (6,)), ((6, 6), (6,)), ((2, 3, 3, 2), (2, 3)), ((3, 2, 2, 3), (3, 2)), ((6, 1, 6), (6, 1)), ((1, 6, 6), (1, 6)), ((6, 3, 2), (6,))]],
         lambda a, b: cygnet.linalg.tensorsolve(a + (a.new_ones(6).diag() * 4).reshape(a.shape), b), float32=(1e-5, 1e-5), reason="of larger condition than others"),
    case("linalg.vander", lambda a, **o: a[..., None] ** np.arange(o.get("N", a.shape[-1])), [s(x(3)), s(x(1), N=3), s(x(4), N=2), s(x(6), N=4), s(x(2, 3)), s(x(2, 3), N=4), s(x(0), N=3), s(x(5))], linalg("vander"),
         float32=(1e-5, 1e-5), reason="a power is a product of roundings"),
    case("linalg.vecdot", lambda a, b, dim=-1: (a * b).sum(dim), [s(x(3), x(3)), s(x(3, 4), x(3, 4)), s(x(3, 4), x(4)), s(x(3, 4), x(3, 4), dim=0), s(x(2, 3, 4), x(3, 1)), s(x(0), x(0)), s(x(2, 0), x(2, 0)), s(x(1000), x(1000))],
         linalg("vecdot"), integers=True, layout_bits=False, reason="a sum in memory order"),
    case("linalg.cross", lambda a, b, dim=-1: np.cross(a, b, axis=dim), [s(x(3), x(3)), s(x(4, 3), x(4, 3)), s(x(4, 3), x(1, 3)), s(x(3, 4), x(3, 4), dim=0), s(x(2, 3, 4), x(2, 3, 4), dim=1), s(x(0, 3), x(0, 3)), s(x(2, 1, 3), x(4, 3)), s(x(1, 3), x(1, 3))],
         linalg("cross"), integers=True),
    case("linalg.diagonal", lambda a, offset=0: np.diagonal(a, offset, -2, -1), [*(x(*shape) for shape in RECTANGLES[:5]), s(x(3, 4), offset=1), s(x(3, 4), offset=-2), s(x(2, 3, 5), offset=4)], linalg("diagonal"), exact=True),
]  # fmt: skip
