"""Convolution and pooling over (N, C, ...) arrays."""

from __future__ import annotations

import numpy as np

from tests.conv_reference import conv, conv_transpose
from tests.op_cases.case import case, distinct, s, x


def two(value):
    return value if isinstance(value, tuple) else (value, value)


def output_size(size, kernel, stride, padding, dilation=1, ceil_mode=False):
    span = size + 2 * padding - dilation * (kernel - 1) - 1
    count = (-(-span // stride) if ceil_mode else span // stride) + 1
    # PyTorch's rule: the last window starts inside the image or its left padding.
    return count - 1 if ceil_mode and (count - 1) * stride >= size + padding else count


def windows(a, kernel, stride, padding=0, dilation=1, ceil_mode=False, fill=0.0, outside=None):
    """(N, C, H', W', kh, kw): `fill` in the padding, `outside` (default `fill`) in what ceil_mode adds beyond it."""
    (kh, kw), (sh, sw), (ph, pw), (dh, dw) = two(kernel), two(stride), two(padding), two(dilation)
    h = output_size(a.shape[2], kh, sh, ph, dh, ceil_mode)
    w = output_size(a.shape[3], kw, sw, pw, dw, ceil_mode)
    a = np.pad(a, ((0, 0), (0, 0), (ph, ph), (pw, pw)), constant_values=fill)
    more = [max(0, (n - 1) * step + d * (k - 1) + 1 - size) for n, step, d, k, size in
            ((h, sh, dh, kh, a.shape[2]), (w, sw, dw, kw, a.shape[3]))]  # fmt: skip
    a = np.pad(
        a,
        ((0, 0), (0, 0), (0, more[0]), (0, more[1])),
        constant_values=fill if outside is None else outside,
    )
    views = np.lib.stride_tricks.sliding_window_view(
        a, (dh * (kh - 1) + 1, dw * (kw - 1) + 1), (2, 3)
    )
    return views[:, :, ::sh, ::sw, ::dh, ::dw][:, :, :h, :w]


def conv_of(a, weight, bias=None, padding=0, **geometry):
    if padding == "same":
        dilation = geometry.get("dilation", 1)
        totals = [dilation * (k - 1) for k in weight.shape[2:]]
        padding = tuple((total // 2, total - total // 2) for total in totals)
    return conv(a, weight, bias, padding=padding, **geometry)


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


CONV2D = [
    s(x(2, 3, 6, 7), x(4, 3, 3, 3), x(4)),
    s(x(2, 3, 6, 7), x(4, 3, 3, 3)),
    s(x(1, 1, 5, 5), x(1, 1, 1, 1), x(1)),
    s(x(1, 1, 3, 3), x(2, 1, 3, 3), x(2)),
    s(x(2, 3, 7, 8), x(4, 3, 3, 2), x(4), stride=2),
    s(x(2, 3, 7, 8), x(4, 3, 3, 3), x(4), stride=(2, 3), padding=(1, 2)),
    s(x(2, 3, 5, 5), x(4, 3, 3, 3), x(4), padding=1),
    s(x(1, 2, 9, 8), x(3, 2, 3, 3), x(3), dilation=2),
    s(x(1, 2, 9, 8), x(3, 2, 2, 3), x(3), dilation=(3, 2), padding=2, stride=2),
    s(x(2, 4, 5, 6), x(6, 2, 3, 3), x(6), groups=2, padding=1),
    s(x(2, 4, 5, 6), x(4, 1, 3, 3), x(4), groups=4),
    s(x(2, 3, 5, 6), x(6, 1, 3, 3), x(6), groups=3, stride=2, padding=1),
    s(x(2, 4, 4, 4), x(5, 4, 1, 1), x(5), stride=2),
    s(x(0, 3, 6, 7), x(4, 3, 3, 3), x(4)),
    s(x(5, 1, 28, 28), x(6, 1, 5, 5), x(6)),
    s(x(3, 6, 12, 12), x(16, 6, 5, 5), x(16)),
    s(x(2, 17, 13, 11), x(35, 17, 3, 3), x(35), padding=1),
    s(x(2, 32, 8, 8), x(64, 32, 3, 3), x(64), padding=1),
    s(x(2, 4, 6, 7), x(5, 4, 3, 2), x(5), padding=((1, 0), (0, 3))),
    s(x(2, 3, 6, 7), x(4, 3, 4, 3), x(4), padding="same"),
    s(x(2, 3, 6, 7), x(4, 3, 2, 3), padding="same", dilation=3),
    s(x(3, 6, 7), x(4, 3, 2, 3), x(4), padding=1),
]
CONV1D = [
    s(x(2, 3, 11), x(4, 3, 3), x(4)),
    s(x(2, 4, 12), x(6, 2, 4), stride=3, padding=2, groups=2),
    s(x(2, 3, 12), x(4, 3, 4), x(4), padding="same", dilation=2),
    s(x(0, 3, 7), x(4, 3, 3), x(4)),
    s(x(4, 33, 130), x(35, 33, 5), x(35), padding=((1, 3),)),
]
CONV3D = [
    s(x(2, 2, 4, 5, 3), x(3, 2, 2, 3, 1), x(3)),
    s(x(1, 4, 5, 4, 6), x(4, 2, 3, 2, 2), x(4), stride=(2, 1, 3), padding=(1, 0, 2), groups=2),
    s(x(1, 2, 5, 5, 5), x(2, 2, 2, 2, 2), dilation=(1, 2, 3)),
    s(x(2, 17, 4, 6, 5), x(18, 17, 3, 3, 3), x(18), padding=1),
]
CONV_TRANSPOSE2D = [
    s(x(2, 3, 4, 5), x(3, 4, 3, 3), x(4)),
    s(x(2, 3, 4, 5), x(3, 4, 4, 4), x(4), stride=2, padding=1),
    s(x(2, 3, 4, 5), x(3, 4, 3, 2), stride=(3, 2), output_padding=(2, 1)),
    s(x(2, 6, 4, 3), x(6, 2, 3, 3), x(4), groups=2, stride=2, padding=(1, 2), output_padding=1),
    s(x(1, 2, 4, 5), x(2, 3, 3, 3), x(3), dilation=(2, 3), output_padding=(1, 2)),
    s(x(2, 4, 3, 3), x(4, 4, 1, 1), x(4), stride=3),
    s(x(0, 3, 4, 5), x(3, 4, 3, 3), x(4)),
    s(x(3, 4, 5), x(3, 4, 3, 3), x(4), padding=1),
    s(x(3, 32, 7, 7), x(32, 16, 4, 4), x(16), stride=2, padding=1),
    s(x(2, 18, 9, 9), x(18, 35, 3, 3), x(35), padding=1),
]
CONV_TRANSPOSE1D = [
    s(x(2, 3, 6), x(3, 4, 3), x(4), stride=2, output_padding=1),
    s(x(2, 4, 6), x(4, 2, 4), groups=2, stride=3, padding=1),
    s(x(2, 33, 70), x(33, 20, 4), x(20), stride=2, padding=1),
]
CONV_TRANSPOSE3D = [
    s(x(2, 2, 3, 2, 4), x(2, 3, 2, 3, 1), x(3)),
    s(x(1, 4, 2, 3, 3), x(4, 2, 3, 2, 2), x(4), stride=(2, 1, 3), padding=(1, 0, 1), groups=2),
    s(x(2, 17, 3, 4, 4), x(17, 18, 2, 2, 2), x(18), stride=2, output_padding=1),
]
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
    case("conv1d", conv_of, CONV1D, integers=True),
    case("conv2d", conv_of, CONV2D, integers=True),
    case("conv3d", conv_of, CONV3D, integers=True),
    case("conv_transpose1d", conv_transpose, CONV_TRANSPOSE1D, integers=True),
    case("conv_transpose2d", conv_transpose, CONV_TRANSPOSE2D, integers=True),
    case("conv_transpose3d", conv_transpose, CONV_TRANSPOSE3D, integers=True),
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
