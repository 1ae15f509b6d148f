"""Gradients of convolutions where most of grad_output is zero, as it is behind a max-pooling."""

from __future__ import annotations

import numpy as np
import pytest

from cygnet import kernels
from tests.kernel_layouts import channels_last, check_threads
from tests.test_conv import integers, reference, run

CASES = [
    # batch, in, size, out, kernel, geometry
    (100, 1, (28, 28), 6, (5, 5), {}),  # lines of a filter share vectors
    (9, 6, (12, 12), 16, (5, 5), {}),
    (5, 32, (13, 13), 64, (3, 3), {}),
    (9, 3, (33, 18), 7, (3, 2), {"stride": 2, "padding": 1}),
    (20, 2, (17, 30), 5, (4, 3), {"stride": (1, 3), "padding": ((3, 0), (1, 4))}),
    (20, 17, (9, 11), 9, (7, 2), {"padding": 1}),
    (9, 70, (9, 11), 33, (3, 3), {"stride": 2, "padding": 2}),
    (8, 5, (14, 12), 20, (3, 4), {"dilation": (2, 1), "padding": 2}),
    (9, 33, (12, 19), 20, (3, 4), {"stride": 3, "padding": 2}),
    (50, 2, (10, 9), 16, (8, 9), {"padding": (0, 1)}),
    (4, 3, (300,), 6, (9,), {}),
    (7, 4, (7, 8, 9), 6, (3, 3, 3), {"padding": 1, "stride": (1, 2, 1)}),
    (5, 2, (6, 9, 8), 18, (2, 3, 3), {"dilation": (2, 1, 1)}),
]


def few(rng, shape, dtype=np.float32, share=0.1):
    """Small integers, most of them zero."""
    return integers(rng, shape, dtype) * (rng.random(shape) < share).astype(dtype)


@pytest.mark.parametrize("layout", [np.ascontiguousarray, channels_last])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_integers_are_exact(case, transposed, dtype, layout):
    batch, channels, size, filters, kernel, geometry = case
    rng = np.random.default_rng(3)
    x = layout((few if transposed else integers)(rng, (batch, channels, *size), dtype))
    outer, inner = (channels, filters) if transposed else (filters, channels)
    w = integers(rng, (outer, inner, *kernel), dtype)
    b = integers(rng, (filters,), dtype)
    for share in (0.1, 0.0):

        def grad(shape, share=share):
            return layout(few(np.random.default_rng(4), shape, share=share))

        got = run(x, w, b, grad, transposed=transposed, **geometry)
        expected = reference(x, w, b, grad, transposed=transposed, **geometry)
        for have, want in zip(got, expected, strict=True):
            np.testing.assert_array_equal(have, want)


@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_what_is_not_finite_meets_zeros(value):
    rng = np.random.default_rng(5)
    x, w = integers(rng, (40, 6, 12, 12)), integers(rng, (16, 6, 5, 5))
    dy = channels_last(few(rng, (40, 16, 8, 8)))
    x[7, 2, 5, 5] = w[3, 1, 2, 2] = value
    dx = kernels.conv2d_backward_input(dy, w, x.shape)
    dw, db = kernels.conv2d_backward_weight(dy, x, w.shape)
    with np.errstate(invalid="ignore"):
        expected = reference(x, w, None, lambda _: dy)[1:]
    for have, want in zip((dx, dw, db), expected, strict=True):
        np.testing.assert_array_equal(have, want)
    dy[1, 4, 3, 3] = value
    assert np.isnan(kernels.conv2d_backward_weight(dy, x, w.shape)[1][4]) == np.isnan(value)
    assert not np.isfinite(
        kernels.conv2d_backward_input(dy, abs(w) + 1, x.shape)[1, :, 3:8, 3:8]
    ).any()


@pytest.mark.parametrize("case", CASES[:4], ids=str)
def test_bits_do_not_depend_on_threads(case):
    batch, channels, size, filters, kernel, geometry = case
    rng = np.random.default_rng(6)
    x = channels_last(rng.standard_normal((batch, channels, *size), np.float32))
    w = rng.standard_normal((filters, channels, *kernel), np.float32)
    y = kernels.conv2d_forward(x, w, **geometry)
    dy = y * (rng.random(y.shape) < 0.1)
    check_threads(
        lambda: (
            kernels.conv2d_backward_input(dy, w, x.shape, **geometry),
            *kernels.conv2d_backward_weight(dy, x, w.shape, **geometry),
        )
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rounding_error(dtype):
    rng = np.random.default_rng(7)
    x = channels_last(rng.standard_normal((100, 6, 12, 12)).astype(dtype))
    w = rng.standard_normal((16, 6, 5, 5)).astype(dtype)
    dy = channels_last(
        (rng.standard_normal((100, 16, 8, 8)) * (rng.random((100, 16, 8, 8)) < 0.2)).astype(dtype)
    )
    got = run(x, w, None, lambda _: dy)[1:]
    expected = reference(x, w, None, lambda _: dy)[1:]
    largest = reference(abs(x), abs(w), None, lambda _: abs(dy))[1:]
    for have, want, bound, terms in zip(got, expected, largest, (80, 1280, 1280), strict=True):
        limit = 4 * np.sqrt(terms) * np.finfo(dtype).eps / 2
        assert (abs(have - want) <= limit * bound).all()
