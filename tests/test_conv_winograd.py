"""Convolutions of 3x3 filters that are large enough for minimal filtering."""

from __future__ import annotations

import numpy as np
import pytest

from cygnet import kernels
from tests.kernel_layouts import channels_last, check_threads
from tests.test_conv import operands, reference, run

CASES = [
    # batch, in, (h, w), out, (kernel), geometry
    (6, 16, (12, 12), 16, (3, 3), {"padding": 1}),
    (6, 20, (13, 11), 70, (3, 3), {}),  # odd sizes, channels that fill no vector, several panels
    (3, 130, (15, 16), 200, (3, 3), {"padding": (2, 0)}),  # parts of the channels
    (9, 32, (9, 10), 33, (3, 3), {"padding": ((0, 2), (1, 3))}),
    (40, 24, (2, 2), 24, (3, 3), {"padding": 1}),  # an image is a tile
    (3, 16, (40, 3), 40, (3, 3), {"padding": (0, 1)}),
    (2, 16, (4, 9, 9), 32, (1, 3, 3), {"padding": (0, 1, 1)}),
]


def draw(case, transposed, dtype=np.float32):
    *shape, geometry = case
    rng = np.random.default_rng(0)
    x, w, b = operands(rng, *shape, 1, transposed, dtype)
    return channels_last(x), w, b, geometry


def integer_grad(shape):
    return channels_last(np.random.default_rng(1).integers(-3, 4, shape).astype(np.float32))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_integers_are_exact(case, transposed, dtype):
    x, w, b, geometry = draw(case, transposed, dtype)
    expected = reference(x, w, b, integer_grad, transposed=transposed, **geometry)
    got = run(x, w, b, integer_grad, transposed=transposed, **geometry)
    for name, want, have in zip(("y", "dx", "dw", "db"), expected, got, strict=True):
        np.testing.assert_array_equal(have, want, err_msg=name)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("channels", [16, 64, 256])
def test_rounding_error_is_within_the_bound(channels, dtype):
    rng = np.random.default_rng(4)
    x = channels_last(rng.standard_normal((8, channels, 12, 12)).astype(dtype))
    w = rng.standard_normal((64, channels, 3, 3)).astype(dtype)
    b = rng.standard_normal(64).astype(dtype)

    def grad(shape):
        return channels_last(np.random.default_rng(5).standard_normal(shape).astype(dtype))

    expected = reference(x, w, b, grad, padding=1)
    sizes = reference(abs(x), abs(w), abs(b), lambda s: abs(grad(s)), padding=1)
    depths = (channels * 9 + 1, 64 * 9, 8 * 144, 8 * 144)
    got = run(x, w, b, grad, padding=1)
    for want, have, size, depth in zip(expected, got, sizes, depths, strict=True):
        bound = 4 * np.sqrt(depth) * np.finfo(dtype).eps / 2 * size
        assert np.all(abs(have - want) <= bound)


@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "gelu"])
@pytest.mark.parametrize("name", ["conv2d_forward", "conv_transpose2d_forward"])
def test_activations(name, activation):
    rng = np.random.default_rng(6)
    x = channels_last(rng.standard_normal((6, 20, 12, 12)).astype(np.float32))
    w = rng.standard_normal((20, 20, 3, 3)).astype(np.float32) / 10
    b = rng.standard_normal(20).astype(np.float32)
    function = getattr(kernels, name)
    z = function(x, w, b, padding=1)
    expected = getattr(kernels, activation)(z)
    got = function(x, w, b, padding=1, activation=activation)
    np.testing.assert_allclose(got, expected, rtol=1.3e-6, atol=1e-6)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_bits_do_not_depend_on_threads(case):
    x, w, b, geometry = draw(case, False)
    x, w = channels_last(x / np.float32(3)), w / np.float32(7)
    check_threads(lambda: run(x, w, b, integer_grad, **geometry))


def poked(image):
    """With values that are not finite in some places."""
    image = image.copy(order="K")
    for number, value in enumerate((np.nan, np.inf, -np.inf, np.inf, np.nan)):
        image[0, number % image.shape[1], ..., number % image.shape[-2], number] = value
    image[-1, 0, ..., 0, 0] = np.inf
    return image


@pytest.mark.filterwarnings("ignore:invalid value")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", [c for c in CASES if c[2][-1] > 4], ids=str)
def test_only_windows_that_hold_them_see_values_that_are_not_finite(case, dtype):
    x, w, b, geometry = draw(case, False, dtype)
    x = poked(x)
    expected = reference(x, w, b, lambda shape: poked(integer_grad(shape)), **geometry)
    got = run(x, w, b, lambda shape: poked(integer_grad(shape)), **geometry)
    assert np.isfinite(got[0]).any() and np.isnan(got[0]).any() and np.isinf(got[0]).any()
    for name, want, have in zip(("y", "dx"), expected, got, strict=False):
        np.testing.assert_array_equal(have, want, err_msg=name)


@pytest.mark.filterwarnings("ignore:invalid value")
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_filters_that_are_not_finite(value):
    x, w, b, geometry = draw(CASES[1], False)
    x[0] = 0
    w[3, 1, 0, 2] = value
    expected = reference(x, w, b, integer_grad, **geometry)
    got = run(x, w, b, integer_grad, **geometry)
    for want, have in zip(expected[:2], got, strict=False):
        np.testing.assert_array_equal(have, want)


def test_sums_that_only_the_products_overflow():
    x = channels_last(np.full((6, 16, 12, 12), 2.0**127, np.float32))
    x[..., ::2] *= -1
    w = np.full((16, 16, 3, 3), 2.0**-9, np.float32)
    b = np.zeros(16, np.float32)
    want = reference(x, w, b, integer_grad)[0]
    np.testing.assert_array_equal(kernels.conv2d_forward(x, w, b), want)
