"""Convolution over images (N, C, H, W)."""

from __future__ import annotations

import numpy as np

from tests.op_cases.case import case, s, x


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


def conv2d(a, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    taps = windows(a, weight.shape[2:], stride, padding, dilation)
    n, c, h, w, r, q = taps.shape
    k = weight.shape[0]
    taps = taps.reshape(n, groups, c // groups, h, w, r, q)
    kernels = weight.reshape(groups, k // groups, c // groups, r, q)
    result = np.einsum("ngchwrs,gkcrs->ngkhw", taps, kernels, optimize=True).reshape(n, k, h, w)
    return result if bias is None else result + bias[:, None, None]


CONV = [
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
]
CASES = [
    case("conv2d", conv2d, CONV, integers=True),
]
