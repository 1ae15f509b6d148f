"""Pooling over one, two and three spatial axes."""

from __future__ import annotations

import numpy as np

import cygnet
from tests.op_cases.case import case, distinct, s, x


def each(value, axes):
    return value if isinstance(value, tuple) else (value,) * axes


def output_size(size, kernel, stride, padding, dilation, ceil_mode):
    span = size + 2 * padding - dilation * (kernel - 1) - 1
    count = (-(-span // stride) if ceil_mode else span // stride) + 1
    # PyTorch's rule: the last window starts inside the image or its left padding.
    return count - 1 if ceil_mode and (count - 1) * stride >= size + padding else count


def windows(a, kernel, stride, padding, dilation, ceil_mode, fill, outside):
    """(N, C, outputs..., taps...): `fill` in the padding, `outside` in what ceil_mode adds beyond it."""
    axes = a.ndim - 2
    window = list(
        zip(*(each(v, axes) for v in (kernel, stride, padding, dilation)), a.shape[2:], strict=True)
    )
    counts = [output_size(n, k, s, p, d, ceil_mode) for k, s, p, d, n in window]
    more = [
        max(0, (count - 1) * s + d * (k - 1) + 1 - n - 2 * p)
        for count, (k, s, p, d, n) in zip(counts, window, strict=True)
    ]
    a = np.pad(a, [(0, 0), (0, 0), *((p, p) for _, _, p, _, _ in window)], constant_values=fill)
    a = np.pad(a, [(0, 0), (0, 0), *((0, m) for m in more)], constant_values=outside)
    extents = tuple(d * (k - 1) + 1 for k, _, _, d, _ in window)
    views = np.lib.stride_tricks.sliding_window_view(a, extents, tuple(range(2, 2 + axes)))
    steps = [
        slice(None, count * s, s) for count, (_, s, _, _, _) in zip(counts, window, strict=True)
    ]
    views = views[(slice(None), slice(None), *steps, *(slice(None, None, w[3]) for w in window))]
    return views


def max_pool(a, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False):
    stride = kernel_size if stride is None else stride
    taps = windows(a, kernel_size, stride, padding, dilation, ceil_mode, -np.inf, -np.inf)
    return taps.max(tuple(range(2 - a.ndim, 0)))


def avg_pool(
    a,
    kernel_size,
    stride=None,
    padding=0,
    ceil_mode=False,
    count_include_pad=True,
    divisor_override=None,
):
    stride = kernel_size if stride is None else stride
    taps = tuple(range(2 - a.ndim, 0))
    total = windows(a, kernel_size, stride, padding, 1, ceil_mode, 0.0, 0.0).sum(taps)
    if divisor_override is not None:
        return total / divisor_override
    inside = float(count_include_pad)
    ones = windows(np.ones_like(a), kernel_size, stride, padding, 1, ceil_mode, inside, 0.0)
    return total / ones.sum(taps)


def adaptive(reduce):
    def pool(a, output_size):
        axes = a.ndim - 2
        parts = each(output_size, axes)
        result = np.empty((*a.shape[:2], *parts))
        for o in np.ndindex(parts):
            window = [
                slice(i * n // m, -(-(i + 1) * n // m))
                for i, n, m in zip(o, a.shape[2:], parts, strict=True)
            ]
            result[:, :, *o] = reduce(a[:, :, *window], tuple(range(2, a.ndim)))
        return result

    return pool


def max_unpool2d_of_pooled(a, kernel_size):
    """Maxima stay, everything else is zero."""
    largest = max_pool(a, kernel_size)
    spread = largest.repeat(kernel_size, 2).repeat(kernel_size, 3)
    return np.where(a == spread, a, 0.0)


def unpool(a, kernel_size):
    pooled, indices = cygnet.ops.max_pool2d(a, kernel_size, return_indices=True)
    return cygnet.ops.max_unpool2d(pooled, indices, kernel_size)


MAX_POOL = [
    s(distinct(2, 3, 6, 8), kernel_size=2),
    s(distinct(2, 3, 7, 7), kernel_size=2),
    s(distinct(2, 3, 7, 8), kernel_size=3, stride=2, padding=1),
    s(distinct(2, 3, 7, 8), kernel_size=(2, 3), stride=(1, 2), padding=(0, 1)),
    s(distinct(1, 2, 9, 9), kernel_size=3, stride=1, dilation=2),
    s(distinct(1, 2, 7, 8), kernel_size=3, stride=2, ceil_mode=True),
    s(distinct(1, 2, 5, 6), kernel_size=3, stride=3, padding=1, ceil_mode=True),
    s(distinct(0, 3, 6, 8), kernel_size=2),
    s(distinct(4, 6, 24, 24), kernel_size=2),
    s(distinct(2, 33, 9, 9), kernel_size=3, stride=2),
    s(distinct(1, 3, 20, 20), kernel_size=18, stride=1),
]
AVG_POOL = [
    s(x(2, 3, 6, 8), kernel_size=2),
    s(x(2, 3, 7, 8), kernel_size=3, stride=2, padding=1),
    s(x(2, 3, 7, 8), kernel_size=3, stride=2, padding=1, count_include_pad=False),
    s(x(2, 3, 7, 8), kernel_size=(2, 3), stride=(1, 2), padding=(0, 1)),
    s(x(1, 2, 7, 8), kernel_size=3, stride=2, padding=1, ceil_mode=True),
    s(x(1, 2, 7, 8), kernel_size=3, stride=2, padding=1, ceil_mode=True, count_include_pad=False),
    s(x(1, 2, 7, 8), kernel_size=3, stride=2, padding=1, divisor_override=5),
    s(x(0, 3, 6, 8), kernel_size=2),
    s(x(4, 6, 24, 24), kernel_size=2),
    s(x(2, 35, 9, 8), kernel_size=7, stride=1),
]
ADAPTIVE = [(2, 3, 7, 8), (0, 3, 4, 4), (2, 3, 4, 4), (4, 17, 24, 24)]
SIZES = [1, (3, 5), (6, 4), (7, 5)]
LINE = {"kernel_size": 3, "stride": 2, "padding": 1}
BLOCK = {"kernel_size": (2, 3, 2), "stride": (1, 2, 2), "padding": (0, 1, 1)}
ORDER = {"layout_bits": False, "reason": "the order of a sum follows the memory order"}

CASES = [
    case("max_pool1d", max_pool, [s(distinct(2, 3, 13), **LINE)], exact=True),
    case("max_pool2d", max_pool, MAX_POOL, exact=True),
    case("max_pool3d", max_pool, [s(distinct(2, 3, 3, 5, 6), **BLOCK)], exact=True),
    case("avg_pool1d", avg_pool, [s(x(2, 3, 13), **LINE)], **ORDER),
    case("avg_pool2d", avg_pool, AVG_POOL, **ORDER),
    case("avg_pool3d", avg_pool, [s(x(2, 3, 3, 5, 6), **BLOCK)], **ORDER),
    *[
        case(
            f"adaptive_max_pool{axes}d",
            adaptive(np.max),
            [s(distinct(*shape), output_size=size) for shape, size in samples],
            exact=True,
        )
        for axes, samples in (
            (1, [((2, 3, 13), 4), ((2, 17, 12), 3)]),
            (2, list(zip(ADAPTIVE, SIZES, strict=True))),
            (3, [((2, 3, 4, 5, 6), (2, 3, 1))]),
        )
    ],
    *[
        case(
            f"adaptive_avg_pool{axes}d",
            adaptive(np.mean),
            [s(x(*shape), output_size=size) for shape, size in samples],
            **ORDER,
        )
        for axes, samples in (
            (1, [((2, 3, 13), 4), ((2, 17, 12), 3), ((2, 3, 9), 1)]),
            (2, list(zip(ADAPTIVE, SIZES, strict=True))),
            (3, [((2, 3, 4, 5, 6), (2, 3, 1)), ((2, 3, 4, 5, 6), 1)]),
        )
    ],
    case(
        "max_unpool2d",
        max_unpool2d_of_pooled,
        [s(distinct(2, 3, 6, 8), kernel_size=2), s(distinct(1, 18, 6, 6), kernel_size=3)],
        unpool,
        exact=True,
    ),
]
