"""Pooling over images (N, C, H, W)."""

from __future__ import annotations

import numpy as np

from tests.op_cases.case import case, distinct, s, x
from tests.op_cases.convolution import two, windows


def max_pool2d(a, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False):
    stride = kernel_size if stride is None else stride
    return windows(a, kernel_size, stride, padding, dilation, ceil_mode, -np.inf).max((-1, -2))


def avg_pool2d(a, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
    stride = kernel_size if stride is None else stride
    total = windows(a, kernel_size, stride, padding, 1, ceil_mode).sum((-1, -2))
    inside = float(count_include_pad)
    counts = windows(np.ones_like(a), kernel_size, stride, padding, 1, ceil_mode, inside, 0.0).sum(
        (-1, -2)
    )
    return total / counts


def adaptive_avg_pool2d(a, output_size):
    (h, w), (height, width) = two(output_size), a.shape[2:]
    result = np.empty((*a.shape[:2], h, w))
    for i in range(h):
        for j in range(w):
            rows = slice(i * height // h, -(-(i + 1) * height // h))
            columns = slice(j * width // w, -(-(j + 1) * width // w))
            result[:, :, i, j] = a[:, :, rows, columns].mean((2, 3))
    return result


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
]
AVG_POOL = [
    s(x(2, 3, 6, 8), kernel_size=2),
    s(x(2, 3, 7, 8), kernel_size=3, stride=2, padding=1),
    s(x(2, 3, 7, 8), kernel_size=3, stride=2, padding=1, count_include_pad=False),
    s(x(2, 3, 7, 8), kernel_size=(2, 3), stride=(1, 2), padding=(0, 1)),
    s(x(1, 2, 7, 8), kernel_size=3, stride=2, padding=1, ceil_mode=True),
    s(x(1, 2, 7, 8), kernel_size=3, stride=2, padding=1, ceil_mode=True, count_include_pad=False),
    s(x(0, 3, 6, 8), kernel_size=2),
    s(x(4, 6, 24, 24), kernel_size=2),
]
ADAPTIVE = [
    s(x(2, 3, 7, 8), output_size=1),
    s(x(2, 3, 7, 8), output_size=(3, 5)),
    s(x(2, 3, 4, 4), output_size=(6, 4)),
    s(x(0, 3, 4, 4), output_size=2),
    s(x(4, 17, 24, 24), output_size=(7, 5)),
]

CASES = [
    case("max_pool2d", max_pool2d, MAX_POOL, exact=True),
    case(
        "avg_pool2d",
        avg_pool2d,
        AVG_POOL,
        layout_bits=False,
        reason="the order of a sum follows the memory order",
    ),
    case(
        "adaptive_avg_pool2d",
        adaptive_avg_pool2d,
        ADAPTIVE,
        layout_bits=False,
        reason="as avg_pool2d",
    ),
]
