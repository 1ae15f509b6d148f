"""Weight gradients whose kernels run over images, over all pixels or over blocks of taps."""

from __future__ import annotations

import numpy as np
import pytest

from cygnet import kernels
from tests.kernel_layouts import channels_last, check_threads
from tests.test_conv import integers, reference
from tests.test_conv_direct import check

LAYOUTS = pytest.mark.parametrize("layout", [np.ascontiguousarray, channels_last])


@LAYOUTS
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("filters", [*range(1, 11), 18, 20])
def test_over_images(filters, dtype, layout):
    for batch, channels, size, kernel, geometry in (
        (16, 1, (24, 24), (5, 5), {}),
        (33, 3, (14, 13), (5, 4), {"padding": 2}),
        (20, 2, (21, 40), (4, 5), {"stride": (2, 3), "padding": ((3, 0), (1, 4))}),
        (17, 2, (15, 16), (3, 4), {"dilation": (3, 2), "padding": 4}),
    ):
        check(batch, channels, size, filters, kernel, dtype=dtype, layout=layout, **geometry)


@LAYOUTS
def test_over_images_in_parts(layout):
    check(40, 2, (70, 60), 5, (5, 5), layout=layout, padding=2)  # boxes of some lines
    check(16, 3, (3000,), 6, (9,), layout=layout)  # and of a part of a line
    check(20, 2, (7, 8, 9), 6, (3, 3, 3), layout=layout, padding=1, stride=(1, 2, 1))
    check(24, 6, (12, 12), 4, (4, 4), layout=layout, stride=2, padding=1, transposed=True)


def test_images_that_fill_no_vector():
    """What lies in the lanes of no image is neither NaN nor infinite."""
    rng = np.random.default_rng(1)
    x, dy = integers(rng, (17, 1, 12, 12)), integers(rng, (17, 3, 8, 8))
    x[3, 0, 5, 5] = np.inf
    dy[3, 0] = 1
    dw, db = kernels.conv2d_backward_weight(dy, x, (3, 1, 5, 5))
    assert np.isposinf(dw[0]).all()
    assert np.isfinite(db).all()


@LAYOUTS
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "case",
    [
        (1, 1, (1, 1), 1, 1),
        (5, 7, (3, 4), 30, 1),
        (3, 40, (9, 9), 64, 1),
        (40, 300, (7, 7), 33, 1),
        (2, 96, (40, 41), 72, 3),
        (6, 20, (300,), 130, 1),
        (2, 16, (3, 5, 7), 17, 1),
        (0, 16, (5, 5), 17, 1),
    ],
    ids=str,
)
def test_products(case, dtype, layout):
    batch, channels, size, filters, groups = case
    shape = batch, channels, size, filters, (1,) * len(size)
    for padding in (0, 1):
        check(*shape, dtype=dtype, layout=layout, groups=groups, padding=padding)


@LAYOUTS
@pytest.mark.parametrize("stride", [1, 2])
def test_depthwise_from_memory(stride, layout):
    """Arrays larger than caches are fetched ahead."""
    check(5, 100, (90, 80), 100, (3, 3), groups=100, padding=1, stride=stride, layout=layout)


SHAPES = [
    (33, 3, (20, 20), 6, (5, 5), 1),
    (40, 64, (14, 14), 48, (1, 1), 1),
    (7, 80, (33, 31), 80, (3, 3), 80),
    (20, 40, (13, 13), 64, (3, 3), 1),
]


def gradients(shape, seed=2):
    batch, channels, size, filters, kernel, groups = shape
    rng = np.random.default_rng(seed)
    x = channels_last(rng.standard_normal((batch, channels, *size), np.float32))
    output = [n - k + 1 for n, k in zip(size, kernel, strict=True)]
    dy = channels_last(rng.standard_normal((batch, filters, *output), np.float32))
    return x, dy, (filters, channels // groups, *kernel)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_bits_do_not_depend_on_threads(shape):
    x, dy, weight = gradients(shape)
    check_threads(lambda: kernels.conv2d_backward_weight(dy, x, weight, groups=shape[-1]))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_rounding_error(shape):
    """Sums have far fewer terms one after the other than pixels."""
    x, dy, weight = gradients(shape)
    w = np.zeros(weight, np.float32)
    groups = shape[-1]
    got = kernels.conv2d_backward_weight(dy, x, weight, groups=groups)
    expected = reference(x, w, None, lambda _: dy, groups=groups)[2:]
    for have, want in zip(got, expected, strict=True):
        terms = dy.size / shape[3]
        assert np.sqrt(np.mean((have - want) ** 2)) <= 2.0**-24 * 8 * np.sqrt(terms)
