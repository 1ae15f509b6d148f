"""Pooling over one, two and three spatial axes."""

from __future__ import annotations

import numpy as np

from tests.op_cases.case import case, distinct, op, positive, s, x


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


def unpooled(a, kernel_size):
    """Maxima stay, everything else is zero."""
    largest = max_pool(a, kernel_size)
    for axis in range(2, a.ndim):
        largest = largest.repeat(kernel_size, axis)
    return np.where(a == largest, a, 0.0)


def unpool(axes):
    def function(a, kernel_size):
        pooled, indices = op(f"max_pool{axes}d")(a, kernel_size, return_indices=True)
        return op(f"max_unpool{axes}d")(pooled, indices, kernel_size)

    return function


def with_indices(a, kernel_size, **options):
    """The maxima and their positions in the planes."""
    values = max_pool(a, kernel_size, **options)
    planes = a.reshape(*a.shape[:2], 1, -1)
    return values, (planes == values.reshape(*a.shape[:2], -1, 1)).argmax(-1).reshape(values.shape)


def lp_pool(a, norm_type, kernel_size, stride=None, ceil_mode=False):
    if np.isinf(norm_type):
        return max_pool(np.abs(a), kernel_size, stride, ceil_mode=ceil_mode)
    count = np.prod(each(kernel_size, a.ndim - 2))
    means = avg_pool(a**norm_type, kernel_size, stride, ceil_mode=ceil_mode)
    return (means * count) ** (1 / norm_type)


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
ADAPTIVE_LINES = [((2, 3, 13), size) for size in (1, 4, 13, 20)]
ADAPTIVE_LINES += [((2, 17, 12), 3), ((0, 3, 5), 2), ((1, 1, 1), 1), ((5, 4, 24), 7)]
ADAPTIVE_PLANES = [((2, 3, 7, 8), size) for size in (1, (3, 5), (7, 8), (9, 2))]
ADAPTIVE_PLANES += [
    ((0, 3, 4, 4), 2),
    ((2, 3, 4, 4), (6, 4)),
    ((1, 2, 3, 3), 2),
    ((4, 17, 24, 24), (7, 5)),
]
ADAPTIVE_BLOCKS = [((2, 3, 4, 5, 6), size) for size in (1, 2, (2, 3, 1), (4, 5, 6), (5, 2, 3))]
ADAPTIVE_BLOCKS += [((0, 3, 4, 4, 4), 2), ((1, 17, 6, 6, 6), 3), ((1, 1, 2, 2, 2), (1, 2, 1))]
WINDOWS = [
    {"kernel_size": 2},
    {"kernel_size": 3},
    {"kernel_size": 2, "stride": 1},
    {"kernel_size": 3, "stride": 2, "padding": 1},
    {"kernel_size": 2, "stride": 3, "ceil_mode": True},
    {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True},
]
IMAGES = {1: (2, 3, 13), 2: (2, 3, 7, 8), 3: (2, 3, 4, 5, 6)}
NONE = {1: (0, 3, 13), 2: (0, 3, 7, 8), 3: (0, 3, 4, 5, 6)}


def windowed(kind, axes, *more):
    """Samples of all windows on images, empty ones and those of many channels."""
    return [
        *(s(kind(*IMAGES[axes]), **options) for options in WINDOWS),
        s(kind(*NONE[axes]), kernel_size=2),
        s(kind(1, 18, *(6,) * axes), kernel_size=2),
        *more,
    ]


# Images and channels, windows along an axis, and their size.
UNPOOLED = [((2, 3), 3, 2), ((1, 18), 2, 3), ((0, 3), 2, 2), ((1, 1), 1, 2), ((2, 1), 3, 1), ((1, 2), 1, 4), ((3, 5), 2, 2), ((2, 33), 2, 2)]  # fmt: skip
LINE = {"kernel_size": 3, "stride": 2, "padding": 1}
BLOCK = {"kernel_size": (2, 3, 2), "stride": (1, 2, 2), "padding": (0, 1, 1)}
ORDER = {"layout_bits": False, "reason": "the order of a sum follows the memory order"}


def channels_last(name, reference, values, *options, **checks):
    """A row of a pooling of channels-last inputs."""
    axes = int(name[-2])
    return case(
        f"{name} channels last",
        lambda a, **o: np.moveaxis(reference(np.moveaxis(a, -1, 1), **o), 1, -1),
        [s(values(2, *(5, 6, 4)[:axes], 3), **each) for each in options],
        lambda a, **o: op(name)(a, channels_last=True, **o),
        **checks,
    )


WINDOW = {"kernel_size": 2, "stride": 1}
CASES = [
    *(
        channels_last(
            f"max_pool{n}d",
            max_pool,
            distinct,
            WINDOW,
            {"kernel_size": 3, "padding": 1, "ceil_mode": True},
        )
        for n in (1, 2, 3)
    ),
    *(
        channels_last(
            f"avg_pool{n}d",
            avg_pool,
            x,
            WINDOW,
            {"kernel_size": 3, "padding": 1, "count_include_pad": False},
            **ORDER,
        )
        for n in (1, 2, 3)
    ),
    case(
        "max_pool1d",
        max_pool,
        windowed(distinct, 1, s(distinct(2, 3, 13), kernel_size=2, dilation=3)),
        exact=True,
    ),
    case("max_pool2d", max_pool, MAX_POOL, exact=True),
    case(
        "max_pool3d",
        max_pool,
        windowed(distinct, 3, s(distinct(2, 3, 3, 5, 6), **BLOCK)),
        exact=True,
    ),
    *(
        case(
            f"max_pool{axes}d with indices",
            with_indices,
            [i for i in windowed(distinct, axes) if 0 not in i.inputs[0].shape],
            lambda a, _name=f"max_pool{axes}d", **options: op(_name)(
                a, return_indices=True, **options
            ),
            exact=True,
        )
        for axes in (1, 2, 3)
    ),
    *(
        case(
            f"max_pool{axes}d_with_indices",
            with_indices,
            [
                *(i for i in windowed(distinct, axes) if 0 not in i.inputs[0].shape),
                *(s(distinct(1, n, *(4,) * axes), kernel_size=2) for n in (1, 2, 3)),
            ],
            exact=True,
        )
        for axes in (1, 2, 3)
    ),
    *(
        case(
            f"lp_pool{axes}d",
            lp_pool,
            [
                *(s(positive(*IMAGES[axes]), norm_type=p, kernel_size=2) for p in (1.0, 2.0, 3.0)),
                s(positive(*IMAGES[axes]), norm_type=2, kernel_size=3, stride=2),
                s(positive(*IMAGES[axes]), norm_type=1.5, kernel_size=2, stride=3, ceil_mode=True),
                s(positive(*IMAGES[axes]), norm_type=np.inf, kernel_size=2),
                s(positive(*NONE[axes]), norm_type=2.0, kernel_size=2),
                s(positive(1, 18, *(6,) * axes), norm_type=2.0, kernel_size=3),
            ],
            float32=(4e-6, 1e-5),
            layout_bits=False,
            reason="powers of a sum in memory order",
        )
        for axes in (1, 2, 3)
    ),
    case(
        "avg_pool1d",
        avg_pool,
        windowed(x, 1, s(x(2, 3, 13), count_include_pad=False, **LINE)),
        **ORDER,
    ),
    case("avg_pool2d", avg_pool, AVG_POOL, **ORDER),
    case(
        "avg_pool3d",
        avg_pool,
        windowed(
            x, 3, s(x(2, 3, 3, 5, 6), **BLOCK), s(x(2, 3, 3, 5, 6), divisor_override=5, **BLOCK)
        ),
        **ORDER,
    ),
    *[
        case(
            f"adaptive_max_pool{axes}d",
            adaptive(np.max),
            [s(distinct(*shape), output_size=size) for shape, size in samples],
            exact=True,
        )
        for axes, samples in (
            (1, ADAPTIVE_LINES),
            (2, ADAPTIVE_PLANES),
            (3, ADAPTIVE_BLOCKS),
        )
    ],
    *[
        case(
            f"adaptive_max_pool{axes}d_with_indices",
            adaptive(np.max),
            [s(distinct(*shape), output_size=size) for shape, size in samples],
            lambda a, _name=f"adaptive_max_pool{axes}d_with_indices", **options: op(_name)(
                a, **options
            )[0],
            exact=True,
        )
        for axes, samples in (
            (1, ADAPTIVE_LINES),
            (2, ADAPTIVE_PLANES),
            (3, ADAPTIVE_BLOCKS),
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
            (1, ADAPTIVE_LINES),
            (2, ADAPTIVE_PLANES),
            (3, ADAPTIVE_BLOCKS),
        )
    ],
    *(
        case(
            f"max_unpool{axes}d",
            unpooled,
            [
                s(distinct(*shape, *(size * kernel,) * axes), kernel_size=kernel)
                for shape, size, kernel in UNPOOLED
            ],
            unpool(axes),
            exact=True,
        )
        for axes in (1, 2, 3)
    ),
]
