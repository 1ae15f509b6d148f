"""Images read at places between their pixels."""

from __future__ import annotations

import numpy as np

from cygnet import ops
from tests.op_cases.case import case, fixed, op, s, x
from tests.op_cases.images import keys


def inside(places, size, outside, align):
    """The places between 0 and size - 1 that stand for them."""
    if outside == "constant":
        return places
    if outside == "wrap":  # whole images away, counted in steps of size - 1, as TensorFlow does
        steps = max(size - 1, 1)
        before = places + size * (np.trunc(-places / steps) + 1)
        after = places - size * np.trunc(places / steps)
        places = np.where(places < 0, before, np.where(places > size - 1, after, places))
    if outside == "mirror":
        low, span = (0, size - 1) if align else (-0.5, size)
        away = np.abs(places - low) % (2 * span) if span else 0 * places
        places = np.minimum(away, 2 * span - away) + low
    return np.clip(places, 0, size - 1)


def read(a, columns, rows, mode, outside, align=False, fill=0.0, half=np.round):
    """Image n at (columns[n], rows[n]), in pixels, as the sum of pixels around it."""
    terms = []
    for places, size in ((rows, a.shape[2]), (columns, a.shape[3])):
        if mode == "bicubic":
            at = np.floor(places)[..., None] + np.arange(-1, 3)
            weights = keys(places[..., None] - at)
            at = inside(at, size, outside, align)
        elif mode == "bilinear":
            places = inside(places, size, outside, align)
            at = np.floor(places)[..., None] + np.arange(2)
            weights = 1 - np.abs(places[..., None] - at)
        else:
            at = half(inside(places, size, outside, align))[..., None]
            weights = np.ones_like(at)
        terms.append((at, weights))
    (at_row, by_row), (at_column, by_column) = terms
    images = np.arange(len(a))[:, None, None]
    result = np.zeros((a.shape[1], *rows.shape))
    for k in range(at_row.shape[-1]):
        for j in range(at_column.shape[-1]):
            r, c = at_row[..., k], at_column[..., j]
            within = (r >= 0) & (r < a.shape[2]) & (c >= 0) & (c < a.shape[3])
            at = (np.where(within, r, 0).astype(int), np.where(within, c, 0).astype(int))
            pixels = np.moveaxis(a[images, :, *at], -1, 0)
            result += by_row[..., k] * by_column[..., j] * np.where(within, pixels, fill)
    return np.moveaxis(result, 0, 1)


PADDING = {"zeros": "constant", "border": "border", "reflection": "mirror"}
FILL = {"constant": "constant", "nearest": "border", "reflect": "mirror", "wrap": "wrap"}


def sampled(a, grid, mode="bilinear", padding_mode="zeros", align_corners=False):
    places = [
        (g + 1) / 2 * (n - 1) if align_corners else ((g + 1) * n - 1) / 2
        for g, n in zip(np.moveaxis(grid, -1, 0), a.shape[:1:-1], strict=True)
    ]
    return read(a, *places, mode, PADDING[padding_mode], align_corners)


def spread(theta, size, align_corners=False):
    u, v = (
        np.linspace(-1, 1, n) * (1 if align_corners else 1 - 1 / n) if n > 1 else np.zeros(1)
        for n in size[:1:-1]
    )
    places = np.stack([*np.meshgrid(u, v), np.ones((len(v), len(u)))], -1)
    return np.einsum("ijk,nlk->nijl", places, theta)


# Random numbers about the transform that changes nothing; perspective is kept gentle.
STILL = np.array([1, 0, 0, 0, 1, 0, 0, 0], np.float64)
AMOUNT = np.array([0.25, 0.25, 2, 0.25, 0.25, 2, 2**-10, 2**-10])


def transforms_of(random):
    return random * AMOUNT + STILL


def half_away(a):
    return np.trunc(a + np.copysign(0.5, a))


def projected(a, random, interpolation="bilinear", fill_mode="constant", fill_value=0.0):
    t = transforms_of(random).T[..., None, None]
    v, u = np.mgrid[: a.shape[2], : a.shape[3]]
    k = t[6] * u + t[7] * v + 1
    columns, rows = (t[0] * u + t[1] * v + t[2]) / k, (t[3] * u + t[4] * v + t[5]) / k
    return read(a, columns, rows, interpolation, FILL[fill_mode], False, fill_value, half_away)


def transform(a, random, **options):
    steps = [ops.tensor(each, dtype=random.dtype) for each in (AMOUNT, STILL)]
    return ops.projective_transform(a, random * steps[0] + steps[1], **options)


MODES = ("bilinear", "nearest", "bicubic")
SHAPES = [((2, 3, 4, 5), (2, 3, 2, 2)), ((1, 2, 1, 6), (1, 4, 5, 2)), ((0, 2, 3, 3), (0, 2, 2, 2)), ((2, 18, 5, 3), (2, 1, 3, 2)),
          ((1, 1, 1, 1), (1, 2, 3, 2))]  # fmt: skip
LINEAR = "as in PyTorch, the gradients have none of their own"

CASES = [
    *(case(f"grid_sample {mode}", sampled, [s(x(*a), x(*g), mode=mode, padding_mode=p, align_corners=c) for a, g in SHAPES for p in PADDING
                                            for c in (False, True)], op("grid_sample"), second=False, reason=LINEAR) for mode in MODES),
    case("grid_sample large", sampled, [s(x(2, 3, 40, 50), x(2, 60, 70, 2)), s(x(3, 20, 20, 20), x(3, 20, 20, 2), padding_mode="border")],
         op("grid_sample"), second=False, reason=LINEAR),
    case("affine_grid", spread, [s(x(n, 2, 3), size=(n, 3, *size), align_corners=c) for n, size in ((2, (4, 5)), (1, (1, 3)), (3, (6, 1)))
                                 for c in (False, True)] + [s(x(1, 2, 3), size=(1, 1, 40, 50)), s(x(2, 2, 3), size=(2, 1, 1, 1))]),
    *(case(f"projective_transform {mode}", projected, [s(x(*a), fixed(x(a[0], 8)), interpolation=mode, fill_mode=f, **o)
                                                       for a in ((2, 3, 6, 5), (1, 1, 1, 4), (0, 2, 3, 3)) for f in FILL
                                                       for o in ({}, {"fill_value": 0.5})], transform) for mode in MODES),
    case("projective_transform large", projected, [s(x(4, 3, 40, 50), fixed(x(4, 8)), fill_mode=f)
         for f in ("constant", "nearest", "reflect")], transform),
]  # fmt: skip
