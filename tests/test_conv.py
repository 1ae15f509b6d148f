"""Convolutions and their gradients against direct sums over taps in float64."""

from __future__ import annotations

import numpy as np
import pytest

import cygnet
from cygnet import autograd, kernels, ops
from tests.conv_reference import Conv, ConvTranspose
from tests.kernel_layouts import IMAGE_LAYOUTS, channels_last, reversed_


def reference(x, w, b, grad, *, transposed=False, **geometry):
    """(output, grad_input, grad_weight, grad_bias); `grad` is a function of the output's shape."""
    form = (ConvTranspose if transposed else Conv)(x, w, **geometry)
    output = form.forward(None if b is None else b.astype(np.float64))
    return output, *form.backward(grad(output.shape))


def integers(rng, shape, dtype=np.float32):
    return rng.integers(-3, 4, shape).astype(dtype)


def run(x, w, b, grad, *, transposed=False, **geometry):
    """The three kernels on one case; `grad` as in `reference`."""
    name = f"conv{'_transpose' if transposed else ''}{x.ndim - 2}d"
    y = getattr(kernels, f"{name}_forward")(x, w, b, **geometry)
    dy = grad(y.shape).astype(x.dtype)
    dx = getattr(kernels, f"{name}_backward_input")(dy, w, x.shape, **geometry)
    dw, db = getattr(kernels, f"{name}_backward_weight")(dy, x, w.shape, **geometry)
    return y, dx, dw, db


CASES = [
    # batch, in, (h, w), out, (kernel), geometry
    (2, 1, (5, 5), 1, (1, 1), {}),
    (1, 1, (1, 1), 1, (1, 1), {}),
    (3, 1, (28, 28), 6, (5, 5), {}),
    (3, 6, (12, 12), 16, (5, 5), {}),
    (2, 3, (9, 11), 17, (3, 3), {"padding": 1}),
    (2, 16, (8, 8), 33, (3, 3), {"padding": 1}),
    (2, 17, (7, 6), 15, (3, 2), {"padding": (2, 0)}),
    (5, 64, (4, 4), 70, (3, 3), {"padding": 1}),
    (2, 64, (6, 9), 64, (3, 3), {"padding": 1, "dilation": 2}),
    (2, 5, (10, 13), 9, (3, 3), {"stride": 2, "padding": 1}),
    (2, 20, (10, 13), 9, (3, 3), {"stride": 2, "padding": 1}),
    (2, 20, (11, 13), 9, (2, 3), {"stride": (3, 2), "padding": (1, 2), "dilation": (2, 1)}),
    (2, 18, (11, 13), 9, (3, 2), {"stride": (1, 3), "padding": (0, 1), "dilation": (1, 3)}),
    (2, 20, (9, 9), 24, (1, 1), {"stride": 3}),  # most input pixels are read by no tap
    (2, 20, (9, 9), 24, (1, 1), {"stride": 2, "padding": 3}),  # outputs that read padding only
    (2, 20, (5, 5), 24, (2, 2), {"padding": 4}),
    (1, 3, (4, 5), 8, (3, 3), {"padding": (4, 6), "stride": (5, 4)}),
    (2, 8, (9, 9), 8, (3, 3), {"groups": 8, "padding": 1}),
    (2, 12, (9, 8), 18, (3, 3), {"groups": 3, "padding": 1, "stride": 2}),
    (2, 40, (7, 7), 80, (3, 3), {"groups": 2, "dilation": (2, 1)}),
    (1, 4, (6, 50), 130, (6, 1), {}),
    (1, 2, (3, 7), 4, (3, 7), {}),
    (40, 3, (4, 4), 5, (2, 2), {"stride": 2}),
    (1, 70, (40, 40), 10, (3, 3), {"padding": 1}),
    (17, 8, (5, 5), 300, (3, 3), {"padding": 1}),
    (1, 600, (5, 6), 70, (3, 3), {"padding": 1}),  # depth is worked off in blocks
    (2, 3, (9, 9), 4, (3, 3), {"stride": (20, 30), "padding": 1}),
    (2, 5, (8, 9), 7, (3, 2), {"padding": ((2, 0), (0, 3))}),
    (2, 20, (8, 9), 7, (3, 3), {"padding": ((0, 5), (4, 1)), "stride": (3, 2)}),
    (0, 3, (5, 5), 4, (3, 3), {"padding": 1}),
    (2, 0, (5, 5), 4, (3, 3), {}),
    (2, 3, (5, 5), 0, (3, 3), {}),
    (3, 5, (40,), 9, (5,), {}),
    (2, 64, (300,), 64, (5,), {"padding": 2}),
    (1, 2, (40000,), 3, (9,), {"padding": 4}),
    (1, 33, (9000,), 18, (3,), {"stride": 2, "dilation": 3, "padding": ((5, 0),)}),
    (4, 6, (31,), 8, (4,), {"groups": 2, "stride": 3, "padding": 1}),
    (0, 3, (8,), 4, (3,), {}),
    (2, 3, (5, 6, 7), 4, (3, 2, 3), {"padding": 1}),
    (2, 17, (4, 9, 5), 20, (2, 3, 3), {"stride": (1, 2, 3), "padding": (0, 2, 1)}),
    (1, 16, (3, 40, 40), 33, (3, 3, 3), {"padding": (1, 1, (0, 2))}),
    (1, 20, (12, 11, 10), 18, (2, 2, 2), {"stride": 2, "dilation": (1, 3, 2)}),
    (2, 6, (5, 4, 4), 4, (3, 1, 2), {"groups": 2, "padding": (2, 0, 1)}),
]
TRANSPOSED_CASES = [
    (2, 3, (5, 6), 4, (3, 3), {}),
    (3, 32, (7, 7), 16, (4, 4), {"stride": 2, "padding": 1}),
    (3, 16, (14, 14), 1, (4, 4), {"stride": 2, "padding": 1}),
    (2, 20, (5, 6), 18, (3, 2), {"stride": 3, "padding": 1, "output_padding": (2, 1)}),
    (2, 20, (5, 6), 18, (3, 2), {"dilation": (3, 1), "output_padding": (2, 0)}),
    (2, 20, (5, 6), 18, (1, 1), {"stride": 3}),  # results that no tap reaches
    (2, 6, (5, 6), 9, (3, 2), {"groups": 3, "stride": 2, "padding": ((2, 0), (1, 0))}),
    (2, 40, (6, 5), 34, (5, 3), {"padding": (4, 2)}),
    (40, 3, (4, 4), 5, (2, 2), {"stride": 2}),
    (0, 3, (5, 5), 4, (3, 3), {"stride": 2}),
    (2, 0, (5, 5), 4, (3, 3), {}),
    (2, 3, (5, 5), 0, (3, 3), {}),
    (2, 5, (9,), 7, (4,), {"stride": 2, "output_padding": 1}),
    (1, 32, (5000,), 40, (3,), {"stride": 2, "padding": 1}),
    (2, 17, (3, 4, 5), 19, (2, 3, 3), {"stride": (2, 1, 2), "padding": (0, 1, 1)}),
    (1, 4, (3, 5, 4), 6, (3, 3, 3), {"groups": 2, "dilation": (1, 2, 1), "padding": 2}),
]
EVERY_CASE = [(*case, False) for case in CASES] + [(*case, True) for case in TRANSPOSED_CASES]


def operands(rng, batch, channels, size, filters, kernel, groups, transposed, dtype=np.float32):
    """Input, weight and bias of small integers."""
    outer, inner = (channels, filters) if transposed else (filters, channels)
    return (
        integers(rng, (batch, channels, *size), dtype),
        integers(rng, (outer, inner // groups, *kernel), dtype),
        integers(rng, (filters,), dtype),
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("layout", [np.ascontiguousarray, channels_last])
@pytest.mark.parametrize("case", EVERY_CASE, ids=str)
def test_integers_are_exact(case, layout, dtype):
    *shape, geometry, transposed = case
    rng = np.random.default_rng(0)
    x, w, b = operands(rng, *shape, geometry.get("groups", 1), transposed, dtype)

    def grad(shape):
        return layout(integers(np.random.default_rng(1), shape, dtype))

    expected = reference(x, w, b, grad, transposed=transposed, **geometry)
    got = run(layout(x), w, b, grad, transposed=transposed, **geometry)
    for name, want, have in zip(("y", "dx", "dw", "db"), expected, got, strict=True):
        assert have.dtype == dtype, name
        assert have.shape == want.shape, name
        np.testing.assert_array_equal(have, want, err_msg=name)


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("seed", range(60))
def test_random_geometries_are_exact(seed, transposed):
    rng = np.random.default_rng(seed)
    axes = int(rng.choice([1, 2, 2, 3]))
    groups = int(rng.choice([1, 1, 2, 3]))
    channels, filters = groups * int(rng.integers(1, 20)), groups * int(rng.integers(1, 40))
    kernel, stride = rng.integers(1, 5, axes), rng.integers(1, 5, axes)
    dilation, padding = rng.integers(1, 4, axes), rng.integers(0, 6, (axes, 2))
    geometry = {
        "stride": tuple(int(v) for v in stride),
        "padding": tuple((int(low), int(high)) for low, high in padding),
        "dilation": tuple(int(v) for v in dilation),
        "groups": groups,
    }
    if transposed:
        geometry["output_padding"] = tuple(int(v) for v in rng.integers(0, stride))
        low = 1 + np.maximum(0, padding.sum(1) - dilation * (kernel - 1)) // stride + 1
    else:
        low = np.maximum(1, dilation * (kernel - 1) + 1 - padding.sum(1))
    size = low + rng.integers(0, 12 if axes < 3 else 5, axes)
    x, w, b = operands(
        rng, int(rng.integers(1, 6)), channels, size, filters, kernel, groups, transposed
    )

    def grad(shape):
        return integers(np.random.default_rng(seed), shape)

    expected = reference(x, w, b, grad, transposed=transposed, **geometry)
    layout = IMAGE_LAYOUTS[seed % len(IMAGE_LAYOUTS)]
    got = run(layout(x), w, b, lambda s: layout(grad(s)), transposed=transposed, **geometry)
    for name, want, have in zip(("y", "dx", "dw", "db"), expected, got, strict=True):
        np.testing.assert_array_equal(have, want, err_msg=name)


@pytest.mark.parametrize("layout", IMAGE_LAYOUTS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("channels", [3, 16, 21])
def test_layouts(layout, channels):
    rng = np.random.default_rng(2)
    x = integers(rng, (2, channels, 18, 17))
    w = integers(rng, (9, channels, 3, 3))
    b = integers(rng, (9,))

    def grad(shape):
        return layout(integers(np.random.default_rng(3), shape))

    for padding in (0, 1):
        expected = reference(x, w, b, grad, padding=padding)
        y, dx, dw, db = run(layout(x), layout(w), b[::-1].copy()[::-1], grad, padding=padding)
        for want, have in zip(expected, (y, dx, dw, db), strict=True):
            np.testing.assert_array_equal(have, want)
        for image in (y, dx):
            assert image.transpose(0, 2, 3, 1).flags.c_contiguous


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("channels", "geometry"), [(3, {}), (32, {"padding": 1}), (32, {"stride": 2})]
)
def test_rounding_error_is_within_the_bound(dtype, channels, geometry):
    rng = np.random.default_rng(4)
    x = rng.standard_normal((4, channels, 15, 15)).astype(dtype)
    w = rng.standard_normal((20, channels, 3, 3)).astype(dtype)
    b = rng.standard_normal(20).astype(dtype)

    def grad(shape):
        return np.random.default_rng(5).standard_normal(shape).astype(dtype)

    got = run(x, w, b, grad, **geometry)
    expected = reference(x, w, b, grad, **geometry)
    sizes = reference(abs(x), abs(w), abs(b), lambda s: abs(grad(s)), **geometry)
    pixels = got[0].shape[0] * got[0].shape[2] * got[0].shape[3]
    depths = (channels * 9 + 1, 20 * 9, pixels, pixels)
    for want, have, size, depth in zip(expected, got, sizes, depths, strict=True):
        bound = 4 * np.sqrt(depth) * np.finfo(dtype).eps / 2 * size
        assert np.all(abs(have - want) <= bound)


@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "sigmoid", "tanh"])
def test_activations(activation):
    rng = np.random.default_rng(6)
    x = rng.standard_normal((2, 3, 6, 6)).astype(np.float32)
    w = rng.standard_normal((5, 3, 3, 3)).astype(np.float32)
    z = kernels.conv2d_forward(x, w).astype(np.float64)
    expected = {
        "relu": np.maximum(z, 0),
        "leaky_relu": np.where(z > 0, z, 0.01 * z),
        "sigmoid": 1 / (1 + np.exp(-z)),
        "tanh": np.tanh(z),
    }[activation]
    got = kernels.conv2d_forward(x, w, activation=activation)
    np.testing.assert_allclose(got, expected, rtol=1.3e-6, atol=1e-6)


@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "sigmoid", "tanh"])
@pytest.mark.parametrize("filters", [2, 10, 40])  # vectors of positions, lines, gathered
def test_activations_of_transposed_convolutions(activation, filters):
    rng = np.random.default_rng(6)
    x = rng.standard_normal((2, 20, 6, 6)).astype(np.float32)
    w = rng.standard_normal((20, filters, 4, 4)).astype(np.float32)
    b = rng.standard_normal(filters).astype(np.float32)
    z = kernels.conv_transpose2d_forward(x, w, b, stride=2)
    got = kernels.conv_transpose2d_forward(x, w, b, stride=2, activation=activation)
    expected = {
        "relu": np.maximum(z, 0),
        "leaky_relu": np.where(z > 0, z, np.float32(0.01) * z),
        "sigmoid": 1 / (1 + np.exp(-z.astype(np.float64))),
        "tanh": np.tanh(z.astype(np.float64)),
    }[activation]
    np.testing.assert_allclose(got, expected, rtol=1.3e-6, atol=1e-6)


@pytest.mark.parametrize("name", ["conv2d", "conv_transpose2d"])
def test_only_the_needed_gradients(name):
    rng = np.random.default_rng(12)
    x, w = integers(rng, (2, 4, 6, 6)), integers(rng, (4, 4, 3, 3))
    dy = channels_last(integers(rng, getattr(kernels, f"{name}_forward")(x, w).shape))
    backward = getattr(kernels, f"{name}_backward_weight")
    dw, db = backward(dy, x, w.shape)
    np.testing.assert_array_equal(db, dy.sum((0, 2, 3)))
    for need_weight, need_bias in ((True, False), (False, True), (False, False)):
        got = backward(dy, x, w.shape, need_weight=need_weight, need_bias=need_bias)
        for have, want, need in zip(got, (dw, db), (need_weight, need_bias), strict=True):
            if need:
                np.testing.assert_array_equal(have, want)
            else:
                assert have is None


def test_no_bias_and_nan():
    x = np.ones((1, 2, 4, 4), np.float32)
    x[0, 0, 0, 0] = np.nan
    w = np.ones((3, 2, 3, 3), np.float32)
    y = kernels.conv2d_forward(x, w, activation="relu")
    assert np.isnan(y[0, :, 0, 0]).all()
    assert (y[0, :, 1, 1] == 18).all()
    dw, db = kernels.conv2d_backward_weight(np.ones_like(y), x, w.shape, need_bias=False)
    assert db is None
    assert dw.shape == w.shape


THREAD_CASES = [
    (100, 6, (12, 12), 16, (5, 5), {}, False),
    (16, 32, (16, 16), 40, (3, 3), {"padding": 1}, False),
    (1, 40, (33, 33), 96, (3, 3), {"padding": 1, "stride": 2}, False),
    (2, 130, (9, 9), 150, (3, 3), {"padding": 1}, False),
    (2, 32, (3000,), 40, (5,), {"padding": 2}, False),
    (1, 24, (9, 10, 11), 32, (3, 3, 3), {"padding": 1}, False),
    (64, 32, (7, 7), 16, (4, 4), {"stride": 2, "padding": 1}, True),
    (64, 16, (14, 14), 1, (4, 4), {"stride": 2, "padding": 1}, True),
    (40, 20, (9, 9), 5, (5, 5), {"padding": 2}, True),
]


@pytest.mark.parametrize("case", THREAD_CASES, ids=str)
def test_bits_do_not_depend_on_threads(case):
    batch, channels, size, filters, kernel, geometry, transposed = case
    rng = np.random.default_rng(7)
    x = rng.standard_normal((batch, channels, *size)).astype(np.float32)
    outer, inner = (channels, filters) if transposed else (filters, channels)
    w = rng.standard_normal((outer, inner, *kernel)).astype(np.float32)
    b = rng.standard_normal(filters).astype(np.float32)

    def grad(shape):
        return np.random.default_rng(8).standard_normal(shape)

    before = kernels.num_threads()
    try:
        results = []
        for count in (1, 2, 3):
            kernels.set_num_threads(count)
            results.append(run(x, w, b, grad, transposed=transposed, **geometry))
    finally:
        kernels.set_num_threads(before)
    for other in results[1:]:
        for one, two in zip(results[0], other, strict=True):
            assert one.tobytes() == two.tobytes()


@pytest.mark.parametrize("layout", [np.ascontiguousarray, channels_last, reversed_])
@pytest.mark.parametrize("channels", [2, 20])
def test_replay_equals_eager(layout, channels):
    geometry = {"padding": 1, "stride": 2}
    rng = np.random.default_rng(9)
    x = layout(integers(rng, (3, channels, 9, 9)))
    w = integers(rng, (7, channels, 3, 3))
    b = integers(rng, (7,))
    dy = layout(integers(rng, (3, 7, 5, 5)))
    plain = np.zeros((3, 7, 5, 5), np.float32)

    def everything(out):
        y = kernels.conv2d_forward(x, w, b, **geometry)
        kernels.conv2d_forward(x, w, b, out=out, **geometry)
        dx = kernels.conv2d_backward_input(dy, w, x.shape, **geometry)
        return y, dx, *kernels.conv2d_backward_weight(dy, x, w.shape, **geometry)

    recording = kernels.Recording()
    with recording:
        recorded = everything(plain)
    for array in (x, w, b, dy):
        array[...] = integers(rng, array.shape)
    recording.replay()
    other = np.zeros_like(plain)
    for have, want in zip(recorded, everything(other), strict=True):
        np.testing.assert_array_equal(have, want)
    np.testing.assert_array_equal(plain, other)
    np.testing.assert_array_equal(plain, recorded[0])


def test_out():
    rng = np.random.default_rng(10)
    x, w = integers(rng, (2, 3, 6, 6)), integers(rng, (5, 3, 3, 3))
    expected = kernels.conv2d_forward(x, w)
    for out in (
        np.zeros((2, 5, 4, 4), np.float32),
        channels_last(np.zeros((2, 5, 4, 4), np.float32)),
    ):
        assert kernels.conv2d_forward(x, w, out=out) is out
        np.testing.assert_array_equal(out, expected)
    expected = kernels.conv2d_backward_input(expected, w, x.shape)
    out = np.zeros_like(x)
    dy = kernels.conv2d_forward(x, w)
    assert kernels.conv2d_backward_input(dy, w, x.shape, out=out) is out
    np.testing.assert_array_equal(out, expected)


X = np.zeros((2, 4, 6, 6), np.float32)
W = np.zeros((6, 4, 3, 3), np.float32)
ShapeError, DTypeError = kernels.ShapeError, kernels.DTypeError

BAD_FORWARD = [
    ((X[0], W), {}, ShapeError, r"conv2d: input has shape \(4, 6, 6\), expected 4 dimensions"),
    ((X, W[0]), {}, ShapeError, r"conv2d: weight has shape \(4, 3, 3\), expected 4 dimensions"),
    ((X[:, :1], W[:, :3]), {}, ShapeError, "conv2d: weight has 3 input channels, input has 1"),
    ((X, W), {"groups": 2}, ShapeError, "conv2d: weight has 4 input channels, expected 2"),
    ((X, W[:5, :2]), {"groups": 2}, ShapeError, "conv2d: weight has 5 output channels, groups 2"),
    ((X, W[:, :2]), {"groups": 3}, ShapeError, "conv2d: input has 4 channels, groups 3"),
    ((X, W), {"groups": 0}, ValueError, "conv2d: groups is 0, expected at least 1"),
    ((X, W), {"groups": -2}, ValueError, "conv2d: groups is -2, expected at least 1"),
    ((X, W), {"stride": 0}, ValueError, "conv2d: stride is 0, expected at least 1"),
    ((X, W), {"stride": (1, -1)}, ValueError, r"conv2d: stride is \(1, -1\), expected at least 1"),
    (
        (X, W),
        {"stride": 1.5},
        TypeError,
        "conv2d: stride must be an int or an int for each, got 1.5",
    ),
    ((X, W), {"padding": -1}, ValueError, "conv2d: padding is -1, expected at least 0"),
    (
        (X, W),
        {"padding": (1, 2, 3)},
        ValueError,
        "conv2d: padding must be an int, or an int or a pair",
    ),
    ((X, W), {"dilation": 0}, ValueError, "conv2d: dilation is 0, expected at least 1"),
    (
        (X, W),
        {"dilation": 3},
        ShapeError,
        r"conv2d: kernel \(3, 3\) with dilation \(3, 3\) is larger",
    ),
    ((X[:, :, :2], W), {}, ShapeError, r"larger than the padded input \(2, 6\)"),
    (
        (X[:, :, :0], W),
        {},
        ShapeError,
        r"input has shape \(2, 4, 0, 6\), expected a size of at least 1",
    ),
    (
        (X, W[:, :, :0]),
        {},
        ShapeError,
        r"conv2d: weight has shape \(6, 4, 0, 3\), expected a kernel",
    ),
    (
        (X, W, np.zeros(5, np.float32)),
        {},
        ShapeError,
        r"conv2d: bias has shape \(5,\), expected \(6,\)",
    ),
    ((X, W, np.zeros(6)), {}, DTypeError, "conv2d: bias has dtype float64, expected float32"),
    (
        (X, W.astype(np.float64)),
        {},
        DTypeError,
        "conv2d: weight has dtype float64, expected float32",
    ),
    ((X.astype(np.int32), W), {}, DTypeError, "conv2d: input has dtype int32, expected float32 or"),
    (
        (X.astype(">f4"), W),
        {},
        DTypeError,
        "conv2d: input has dtype >f4, expected native byte order",
    ),
    (([1], W), {}, TypeError, "conv2d: input must be a NumPy array, got list"),
    ((X, W), {"activation": "swish"}, ValueError, "conv2d: activation is 'swish', expected 'none'"),
    ((X, W), {"padding": 2**31 - 1}, ShapeError, "conv2d: .* more elements than memory can hold"),
    ((X, W), {"padding": 2**40}, ValueError, "conv2d: padding is 1099511627776"),
    ((X, W), {"out": np.zeros((2, 6, 4, 5), np.float32)}, ShapeError, r"conv2d: out has shape"),
    ((X, W), {"out": np.zeros((2, 6, 4, 4))}, DTypeError, "conv2d: out has dtype float64"),
    (
        (X, W),
        {"out": np.zeros((2, 6, 8, 4), np.float32)[:, :, ::2]},
        ValueError,
        "conv2d: out must be",
    ),
]


@pytest.mark.parametrize(("arguments", "options", "error", "text"), BAD_FORWARD)
def test_bad_forward(arguments, options, error, text):
    with pytest.raises(error, match=text) as caught:
        kernels.conv2d_forward(*arguments, **options)
    assert type(caught.value) is error


Y, V = np.zeros((2, 6, 4), np.float32), np.zeros((6, 4, 3), np.float32)
BAD_TRANSPOSED = [
    ((X, V), {}, ShapeError, r"input has shape \(2, 4, 6, 6\), expected 3 dimensions"),
    ((Y[:, :5], V), {}, ShapeError, "weight has 6 input channels, input has 5"),
    ((Y, V), {"groups": 4}, ShapeError, "input has 6 channels, groups 4 does not divide"),
    ((Y, V, np.zeros(6, np.float32)), {}, ShapeError, r"bias has shape \(6,\), expected \(4,\)"),
    ((Y, V), {"output_padding": 1}, ValueError, r"output_padding is \(1,\), expected less than"),
    ((Y, V), {"output_padding": -1}, ValueError, "output_padding is -1, expected at least 0"),
    ((Y, V), {"stride": 0}, ValueError, "stride is 0, expected at least 1"),
    ((Y, V), {"stride": (1, 2)}, ValueError, r"an int for each of 1 axis, got \(1, 2\)"),
    ((Y, V), {"padding": 3}, ShapeError, r"leaves a result of size \(0,\), expected at least 1"),
    ((Y, V), {"padding": ((1, -1),)}, ValueError, r"padding is \(\(1, -1\),\), expected at least"),
    ((Y, V), {"padding": ((1, 2, 3),)}, ValueError, r"padding must be an int, or .* \(low, high\)"),
    ((Y, V), {"padding": (("a", 1),)}, TypeError, "padding must be an int, or an int or a pair"),
    ((Y[..., :0], V), {}, ShapeError, "expected a size of at least 1 along each spatial axis"),
    ((Y, V[..., :0]), {}, ShapeError, "expected a kernel of at least 1 along each spatial axis"),
    (
        (np.broadcast_to(Y[..., :1], (2, 6, 2**20)), V),
        {"stride": 2**31 - 1},
        ShapeError,
        "has a result of more elements than memory can hold",
    ),
    ((Y[:, :0], V[:0]), {"groups": 2**31}, ValueError, "groups is 2147483648"),
]


@pytest.mark.parametrize(("arguments", "options", "error", "text"), BAD_TRANSPOSED)
def test_bad_transposed(arguments, options, error, text):
    with pytest.raises(error, match="conv_transpose1d: .*" + text) as caught:
        kernels.conv_transpose1d_forward(*arguments, **options)
    assert type(caught.value) is error


def test_bad_backward_of_transposed():
    with pytest.raises(ShapeError, match=r"conv_transpose1d_backward_input: grad_output has shape"):
        kernels.conv_transpose1d_backward_input(np.zeros((2, 4, 5), np.float32), V, Y.shape)
    with pytest.raises(ShapeError, match=r"conv_transpose1d_backward_weight: weight_shape is"):
        kernels.conv_transpose1d_backward_weight(np.zeros((2, 4, 6), np.float32), Y, (6, 4))


def test_out_that_overlaps_or_is_read_only():
    x = np.zeros((1, 1, 4, 4), np.float32)
    w = np.ones((1, 1, 1, 1), np.float32)
    with pytest.raises(ValueError, match="conv2d: out shares memory with an input"):
        kernels.conv2d_forward(x, w, out=x)
    with pytest.raises(ValueError, match="conv2d: out shares memory with an input"):
        kernels.conv2d_forward(x[..., ::-1], w, out=x)  # though a copy of the input would be read
    out = np.zeros_like(x)
    out.flags.writeable = False
    with pytest.raises(ValueError, match="conv2d: out is read-only"):
        kernels.conv2d_forward(x, w, out=out)
    with pytest.raises(ValueError, match="conv2d_backward_input: out shares memory with an input"):
        kernels.conv2d_backward_input(x, w, x.shape, out=x)


DY = np.zeros((2, 6, 4, 4), np.float32)
BAD_INPUT_SHAPES = [
    ((2, 4, 6), ShapeError, r"input_shape is \(2, 4, 6\), expected 4 sizes"),
    (6, TypeError, "input_shape must be a tuple of 4 ints, got 6"),
    ((2, 4, 6, 6.0), TypeError, "input_shape must be a tuple of 4 ints"),
    (
        (2, 4, 6, -6),
        ShapeError,
        r"input_shape is \(2, 4, 6, -6\), expected sizes of at least 0 and",
    ),
    ((0, 4, 2**63, 6), ShapeError, r"expected sizes of at least 0 and at most 2\*\*48"),
    ((0, 4, 2**45, 2**45), ShapeError, "more elements than memory can hold"),
    ((2, 4, 6, 7), ShapeError, r"grad_output has shape \(2, 6, 4, 4\), expected \(2, 6, 4, 5\)"),
    ((2, 3, 6, 6), ShapeError, "weight has 4 input channels, input has 3"),
    ((2, 4, 2, 6), ShapeError, "is larger than the padded input"),
    ((2**40, 4, 2**20, 2**20), ShapeError, "more elements than memory can hold"),
]


@pytest.mark.parametrize(("shape", "error", "text"), BAD_INPUT_SHAPES)
def test_bad_backward_input(shape, error, text):
    with pytest.raises(error, match="conv2d_backward_input: .*" + text) as caught:
        kernels.conv2d_backward_input(DY, W, shape)
    assert type(caught.value) is error


def test_bad_backward_weight():
    with pytest.raises(ShapeError, match=r"conv2d_backward_weight: grad_output has shape"):
        kernels.conv2d_backward_weight(DY[..., :3], X, W.shape)
    with pytest.raises(DTypeError, match="conv2d_backward_weight: grad_output has dtype float64"):
        kernels.conv2d_backward_weight(DY.astype(np.float64), X, W.shape)
    with pytest.raises(ShapeError, match="conv2d_backward_weight: weight_shape is"):
        kernels.conv2d_backward_weight(DY, X, W.shape[:3])
    with pytest.raises(ShapeError, match="conv2d_backward_weight: weight has 3 input channels"):
        kernels.conv2d_backward_weight(DY, X, (6, 3, 3, 3))


def test_read_only_inputs():
    x, w = np.ones((1, 1, 3, 3), np.float32), np.ones((1, 1, 3, 3), np.float32)
    x.flags.writeable = w.flags.writeable = False
    assert kernels.conv2d_forward(x, w).item() == 9


@pytest.mark.parametrize("name", ["conv1d", "conv2d", "conv_transpose2d"])
def test_second_derivatives(name):
    rng = np.random.default_rng(13)
    axes = int(name[-2])
    geometry = {"stride": 2, "padding": 1, "groups": 2}
    shapes = [(2, 4, *(6, 5)[:axes]), (4, 2, *(3, 2)[:axes]), (4,)]
    arrays = [rng.standard_normal(shape) for shape in shapes]

    def slopes(at):
        """The gradients of a function of the op's result, in one number, and the leaves."""
        leaves = [cygnet.as_tensor(a).requires_grad_() for a in at]
        output = getattr(ops, name)(*leaves, **geometry)
        gradients = autograd.grad((output * output * output).sum(), leaves, create_graph=True)
        return sum((g * g).sum() for g in gradients), leaves

    total, leaves = slopes(arrays)
    total.backward()
    for i, leaf in enumerate(leaves):
        direction = rng.standard_normal(shapes[i])
        sides = []
        for step in (1e-6, -1e-6):
            moved = list(arrays)
            moved[i] = arrays[i] + step * direction
            sides.append(slopes(moved)[0].item())
        np.testing.assert_allclose(
            (leaf.grad.numpy() * direction).sum(), (sides[0] - sides[1]) / 2e-6, rtol=1e-6
        )


def test_a_stride_far_beyond_the_image(generator: np.random.Generator) -> None:
    """What is sent for ahead of its use has the image's size at most, not the stride's."""
    x, w = generator.standard_normal((1, 1, 5, 5)), generator.standard_normal((1, 1, 1, 1))
    output = kernels.conv2d_forward(x, w, None, 2**31 - 1)
    np.testing.assert_allclose(output, x[:, :, :1, :1] * w, rtol=1e-15)
