"""Integrals, derivatives on a grid, histograms and window functions."""

from __future__ import annotations

import numpy as np

from tests.op_cases.case import Sample, case, fixed, op, positive, s, x


def areas(y, points=None, dx=None, dim=-1):
    y = np.moveaxis(y, dim, -1)
    step = (
        (1 if dx is None else dx)
        if points is None
        else np.diff(points if points.ndim == 1 else np.moveaxis(points, dim, -1))
    )
    return (y[..., 1:] + y[..., :-1]) / 2 * step


def trapezoid(y, points=None, dx=None, dim=-1):
    return areas(y, points, dx, dim).sum(-1)


def cumulative(y, points=None, dx=None, dim=-1):
    return np.moveaxis(areas(y, points, dx, dim).cumsum(-1), -1, dim)


INTEGRALS = [s(x(5)), s(x(3, 4)), s(x(3, 4), dim=0), s(x(3, 4), dx=0.5), s(x(1)), s(x(2, 3, 4), dim=1, dx=2),
             s(x(4), x(4)), s(x(3, 4), x(4)), s(x(3, 4), x(3), dim=0), s(x(3, 4), x(3, 4), dim=0), s(x(2, 0)), s(x(2, 3, 4), x(3), dim=-2)]  # fmt: skip


def histogram(a, weight=None, bins=10, range=None, density=False):
    return np.histogram(a, bins, range, density, weight)


def histogramdd(a, weight=None, bins=10, range=None, density=False):
    flat = a.reshape(-1, a.shape[-1])
    weight = None if weight is None else weight.reshape(-1)
    hist, edges = np.histogramdd(
        flat, bins, range if range is None else np.reshape(range, (-1, 2)), density, weight
    )
    return hist, *edges


def all_of(found):
    return found.hist, *(
        found.bin_edges if isinstance(found.bin_edges, tuple) else [found.bin_edges]
    )


def window(name, reference, **rest):
    samples = [
        Sample((x(),), {"window_length": n, "periodic": p, **rest})
        for n, p in [
            (0, True),
            (1, True),
            (2, True),
            (2, False),
            (7, True),
            (8, False),
            (9, True),
            (64, True),
        ]
    ]

    def expected(a, window_length, periodic, **rest):
        return (
            reference(window_length + 1, **rest)[:-1]
            if periodic and window_length > 1
            else reference(window_length, **rest)
        )

    return case(
        name,
        expected,
        samples,
        lambda a, **options: op(name)(**options, dtype=a.dtype),
        gradient=False,
    )


def hamming(n, alpha=0.54, beta=0.46):
    return alpha - beta * np.cos(2 * np.pi * np.arange(n) / (n - 1)) if n > 1 else np.ones(n)


CASES = [
    *(case(name, reference, INTEGRALS, lambda y, *points, name=name, **rest: op(name)(y, *points, **rest))
      for name, reference in (("trapezoid", trapezoid), ("trapz", trapezoid), ("cumulative_trapezoid", cumulative))),
    case("gradient", lambda a, spacing=1, dim=None, edge_order=1: np.gradient(a, spacing, axis=dim, edge_order=edge_order), [
        s(x(5)), s(x(2)), s(x(3), edge_order=2), s(x(6), spacing=0.5, edge_order=2), s(x(4, 5), dim=1), s(x(4, 5), dim=-2, spacing=2), s(x(3, 4, 5), dim=0, edge_order=2),
        s(x(7, 2), dim=1)], lambda a, **rest: op("gradient")(a, **rest)[0]),
    case("gradient of all", lambda a: tuple(np.gradient(a, 1, 0.5)), [s(x(4, 5)), s(x(2, 3))], lambda a: op("gradient")(a, spacing=[1, 0.5])),
    *(case(f"gradient at points {order}", lambda a, b, order=order: np.gradient(a, np.cumsum(b), axis=0, edge_order=order), [s(x(5, 2), fixed(positive(5))), s(x(3), fixed(positive(3)))],
           lambda a, b, order=order: op("gradient")(a, spacing=[b.cumsum(0)], dim=0, edge_order=order)[0]) for order in (1, 2)),
    case("histogram", histogram, [s(x(50), bins=7), s(x(50), bins=7, range=(-1.0, 1.0)), s(x(3, 4), bins=1), s(x(), bins=3, range=(-5.0, 5.0)), s(x(5, 7), bins=4, density=True),
         s(x(1000), bins=20), s(x(0), bins=3), s(x(40), positive(40), bins=6), s(x(9), positive(9), bins=2, range=(0.0, 1.0), density=True)],
         lambda a, weight=None, **rest: op("histogram")(a, weight=weight, **rest), gradient=False),
    case("histogram at edges", lambda a, b: histogram(a, bins=np.cumsum(b) - 4), [s(x(50), positive(7)), s(x(3, 4), positive(2))],
         lambda a, b: op("histogram")(a, b.cumsum(0) - 4), gradient=False),
    case("histogramdd", histogramdd, [s(x(50, 2), bins=[3, 4]), s(x(50, 2), bins=5), s(x(30, 1), bins=[4]), s(x(4, 5, 3), bins=[2, 3, 2]), s(x(50, 2), bins=[3, 3], range=(-1.0, 1.0, -2.0, 0.5)),
         s(x(40, 2), positive(40), bins=[2, 5]), s(x(40, 2), bins=[2, 5], density=True), s(x(1, 3), bins=2)],
         lambda a, weight=None, **rest: all_of(op("histogramdd")(a, weight=weight, **rest)), gradient=False),
    window("bartlett_window", np.bartlett),
    window("hann_window", np.hanning),
    window("hamming_window", hamming),
    window("blackman_window", np.blackman),
    window("kaiser_window", lambda n, beta=12.0: np.kaiser(n, beta)),
]  # fmt: skip
