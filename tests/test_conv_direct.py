"""Convolutions of few channels a group or few output channels, which have kernels of their own."""

from __future__ import annotations

import numpy as np
import pytest

from cygnet import kernels
from tests.kernel_layouts import channels_last, check_threads
from tests.test_conv import integers, reference, run

NAMES = ("y", "dx", "dw", "db")


def check(
    batch,
    channels,
    size,
    filters,
    kernel,
    *,
    dtype=np.float32,
    layout=np.ascontiguousarray,
    transposed=False,
    **geometry,
):
    rng = np.random.default_rng(0)
    outer, inner = (channels, filters) if transposed else (filters, channels)
    x = integers(rng, (batch, channels, *size), dtype)
    w = integers(rng, (outer, inner // geometry.get("groups", 1), *kernel), dtype)
    b = integers(rng, (filters,), dtype)

    def grad(shape):
        return layout(integers(np.random.default_rng(1), shape, dtype))

    expected = reference(x, w, b, grad, transposed=transposed, **geometry)
    got = run(layout(x), w, b, grad, transposed=transposed, **geometry)
    for name, want, have in zip(NAMES, expected, got, strict=True):
        assert have.dtype == dtype
        np.testing.assert_array_equal(have, want, name)


@pytest.mark.parametrize("layout", [np.ascontiguousarray, channels_last])
@pytest.mark.parametrize("channels", [*range(1, 19), 31, 32, 33, 47, 48, 49, 129, 144])
def test_depthwise_channels(channels, layout):
    check(2, channels, (5, 9), channels, (3, 3), padding=1, groups=channels, layout=layout)


@pytest.mark.parametrize("layout", [np.ascontiguousarray, channels_last])
@pytest.mark.parametrize("width", range(1, 28))
def test_depthwise_widths(width, layout):
    for kernel, padding in ((3, 1), (2, 1), (5, 2), (7, 3), (4, 4)):
        geometry = {"padding": padding, "groups": 18, "layout": layout}
        check(1, 18, (3, width), 18, (kernel, kernel), **geometry)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("layout", [np.ascontiguousarray, channels_last])
@pytest.mark.parametrize(
    "case",
    [
        (2, 17, (9, 11), 17, (3, 3), {"stride": 2, "padding": 1}),
        (2, 17, (9, 30), 17, (3, 3), {"stride": (1, 3), "padding": 1}),
        (2, 20, (12, 11), 20, (3, 3), {"dilation": 2, "padding": 2}),
        (2, 20, (12, 23), 20, (3, 4), {"dilation": (2, 3), "stride": (3, 2), "padding": (2, 4)}),
        (1, 20, (9, 9), 20, (1, 1), {"stride": 3}),
        (1, 20, (9, 9), 20, (1, 1), {"stride": 2, "padding": 3}),
        (1, 20, (3, 3), 20, (2, 2), {"padding": 1}),
        (1, 20, (6, 7), 20, (3, 3), {"padding": ((2, 0), (0, 3))}),
        (3, 128, (28, 28), 128, (3, 3), {"padding": 1}),
        (1, 130, (40, 37), 130, (5, 5), {"padding": 2}),
        (1, 520, (9, 8), 520, (3, 3), {"padding": 1}),
        (2, 33, (400,), 33, (5,), {"padding": 2}),
        (1, 16, (9000,), 16, (3,), {"stride": 2}),
        (1, 20, (5, 6, 7), 20, (3, 3, 3), {"padding": 1}),
        (1, 20, (6, 5, 9), 20, (2, 3, 3), {"stride": (1, 2, 3), "padding": (0, 1, 2)}),
        (0, 20, (5, 6), 20, (3, 3), {}),
    ],
    ids=str,
)
def test_depthwise_geometries(case, layout, dtype):
    *shape, geometry = case
    check(*shape, groups=shape[1], layout=layout, dtype=dtype, **geometry)
    check(*shape, groups=shape[1], layout=layout, dtype=dtype, transposed=True, **geometry)


def test_taps_that_lie_in_the_padding():
    check(1, 20, (3, 3), 20, (2, 2), padding=4, groups=20)


@pytest.mark.parametrize("layout", [np.ascontiguousarray, channels_last])
@pytest.mark.parametrize("groups", [2, 5, 16, 19])
@pytest.mark.parametrize("group", [(1, 2), (1, 3), (2, 1), (3, 1), (2, 2), (4, 4), (3, 5), (1, 9)])
def test_few_channels_a_group(group, groups, layout):
    channels, filters = groups * group[0], groups * group[1]
    for geometry in ({"padding": 1}, {"stride": 2, "padding": (1, 0)}, {"dilation": (1, 2)}):
        check(2, channels, (7, 12), filters, (3, 3), groups=groups, layout=layout, **geometry)


@pytest.mark.parametrize("layout", [np.ascontiguousarray, channels_last])
@pytest.mark.parametrize("filters", range(1, 10))
def test_few_outputs(filters, layout):
    for channels, kernel, geometry in (
        (1, (5, 5), {}),
        (3, (3, 3), {"padding": 1}),
        (6, (2, 5), {"padding": ((0, 2), (3, 1)), "dilation": (2, 1)}),
        (2, (3, 3), {"stride": (2, 1), "padding": 1}),
    ):
        check(2, channels, (9, 21), filters, kernel, layout=layout, **geometry)


@pytest.mark.parametrize("layout", [np.ascontiguousarray, channels_last])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_few_outputs_at_every_width(dtype, layout):
    for width in (*range(3, 36), 63, 64, 65, 130):
        check(1, 2, (5, width), 3, (3, 3), padding=1, dtype=dtype, layout=layout)
    check(100, 1, (28, 28), 6, (5, 5), dtype=dtype, layout=layout)
    check(1, 3, (90, 260), 4, (3, 3), padding=1, dtype=dtype, layout=layout)  # several boxes
    check(1, 2, (70000,), 2, (3,), dtype=dtype, layout=layout)
    check(1, 2, (5, 6, 20), 3, (3, 2, 3), padding=(1, 0, 2), dtype=dtype, layout=layout)
    check(1, 2, (5, 6, 20), 3, (3, 2, 3), stride=(2, 1, 1), dtype=dtype, layout=layout)


@pytest.mark.parametrize("layout", [np.ascontiguousarray, channels_last])
@pytest.mark.parametrize("filters", range(1, 10))
def test_few_outputs_of_transposed(filters, layout):
    for channels, kernel, geometry in (
        (16, (4, 4), {"stride": 2, "padding": 1}),
        (3, (3, 5), {"stride": (1, 3), "padding": (0, 2)}),
        (18, (2, 2), {"stride": (3, 4), "output_padding": (2, 3)}),
        (2, (3, 3), {"stride": (2, 5), "padding": 1, "dilation": (1, 2)}),
    ):
        check(2, channels, (6, 19), filters, kernel, layout=layout, transposed=True, **geometry)


@pytest.mark.parametrize("layout", [np.ascontiguousarray, channels_last])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_few_outputs_of_transposed_at_every_width(dtype, layout):
    options = {"dtype": dtype, "layout": layout, "transposed": True}
    for width in (*range(1, 36), 63, 64, 65, 130):
        check(1, 2, (3, width), 3, (3, 4), stride=(1, 2), padding=1, **options)
    check(1, 3, (90, 260), 2, (2, 2), stride=2, **options)  # several boxes
    check(1, 2, (30000,), 1, (4,), stride=3, **options)
    check(1, 2, (5, 6, 20), 3, (3, 2, 3), stride=2, padding=(1, 0, 1), **options)


@pytest.mark.parametrize("layout", [np.ascontiguousarray, channels_last])
@pytest.mark.parametrize("channels", [1, 2, 5, 6, 7, 15, 16, 17, 33])
def test_input_gradient_of_few_channels(channels, layout):
    for filters, kernel, geometry in (
        (16, (5, 5), {}),
        (40, (3, 7), {"padding": (2, 3)}),
        (20, (3, 5), {"padding": ((0, 2), (3, 1)), "dilation": (2, 1)}),
        (24, (4, 5), {"stride": (3, 2), "padding": 1}),
        (18, (2, 6), {"stride": (5, 1), "padding": (4, 0)}),  # lines that no tap reaches
    ):
        check(2, channels, (12, 13), filters, kernel, layout=layout, **geometry)
    check(2, channels, (6, 5, 9), 20, (3, 2, 5), layout=layout, stride=(2, 1, 1), padding=1)


SHAPES = [
    # batch, in, size, out, kernel, groups
    (2, 21, (6, 10), 21, (3, 3), 21),
    (2, 8, (6, 10), 24, (3, 3), 8),
    (2, 2, (6, 30), 5, (3, 3), 1),
]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "sigmoid", "tanh"])
def test_activations(shape, activation):
    batch, channels, size, filters, kernel, groups = shape
    rng = np.random.default_rng(2)
    x = rng.standard_normal((batch, channels, *size), np.float32)
    w = rng.standard_normal((filters, channels // groups, *kernel), np.float32)
    b = rng.standard_normal(filters, np.float32)
    plain = kernels.conv2d_forward(x, w, b, padding=1, groups=groups).astype(np.float64)
    expected = {
        "relu": lambda v: np.maximum(v, 0),
        "leaky_relu": lambda v: np.where(v > 0, v, 0.01 * v),
        "sigmoid": lambda v: 1 / (1 + np.exp(-v)),
        "tanh": np.tanh,
    }[activation](plain)
    got = kernels.conv2d_forward(x, w, b, padding=1, groups=groups, activation=activation)
    np.testing.assert_allclose(got, expected, 1e-5, 1e-6)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_nan_stays_where_it_is_read(shape):
    batch, channels, size, filters, kernel, groups = shape
    x = np.ones((batch, channels, *size), np.float32)
    x[0, 1, 2, 3] = np.nan
    w = np.ones((filters, channels // groups, *kernel), np.float32)
    y = kernels.conv2d_forward(x, w, padding=1, groups=groups, activation="relu")
    expected = np.zeros(y.shape, bool)
    read_by = slice(filters // groups, 2 * filters // groups) if groups > 1 else slice(None)
    expected[0, read_by, 1:4, 2:5] = True
    np.testing.assert_array_equal(np.isnan(y), expected)


@pytest.mark.parametrize("layout", [np.ascontiguousarray, channels_last])
@pytest.mark.parametrize(
    "shape", [*SHAPES, (5, 64, (30, 30), 64, (3, 3), 64), (9, 1, (28, 28), 6, (5, 5), 1)], ids=str
)
def test_bits_do_not_depend_on_threads(shape, layout):
    batch, channels, size, filters, kernel, groups = shape
    rng = np.random.default_rng(3)
    x = layout(rng.standard_normal((batch, channels, *size), np.float32))
    w = rng.standard_normal((filters, channels // groups, *kernel), np.float32)
    b = rng.standard_normal(filters, np.float32)

    def grad(shape):
        return np.random.default_rng(4).standard_normal(shape)

    check_threads(lambda: run(x, w, b, grad, padding=1, groups=groups))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_rounding_error_is_that_of_the_sums(shape):
    batch, channels, _, filters, kernel, groups = shape
    rng = np.random.default_rng(5)
    x = rng.standard_normal((batch, channels, 40, 40), np.float32)
    w = rng.standard_normal((filters, channels // groups, *kernel), np.float32)

    def grad(shape):
        return np.random.default_rng(6).standard_normal(shape, np.float32)

    expected = reference(x, w, None, grad, groups=groups)
    bound = reference(abs(x), abs(w), None, lambda s: abs(grad(s)), groups=groups)
    for name, want, have, size in zip(
        NAMES, expected, run(x, w, None, grad, groups=groups), bound, strict=True
    ):
        assert (abs(have - want) <= 4 * 2.0**-24 * np.sqrt(batch * 1600) * size).all(), name


def test_long_sums_are_split():
    rng = np.random.default_rng(7)
    x = rng.standard_normal((2, 256, 12, 12), np.float32)
    w = rng.standard_normal((64, 256, 3, 3), np.float32)
    got = kernels.conv2d_forward(channels_last(x), w)
    expected = kernels.conv2d_forward(x.astype(np.float64), w.astype(np.float64))
    # One chain of 2304 products is wrong by more than seven units in the last place.
    ulp = np.sqrt(np.mean(np.spacing(abs(expected).astype(np.float32)) ** 2))
    assert np.sqrt(np.mean((got - expected) ** 2)) < 4.5 * ulp
