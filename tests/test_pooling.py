"""Maximum and average pooling against loops over windows in float64."""

from __future__ import annotations

import math

import numpy as np
import pytest

from cygnet import kernels
from tests.kernel_layouts import IMAGE_LAYOUTS, channels_last

ShapeError, DTypeError = kernels.ShapeError, kernels.DTypeError


def pair(value):
    return (value, value) if isinstance(value, int) else tuple(value)


def positions(size, kernel, stride, padding, dilation, ceil_mode):
    room = size + 2 * padding - dilation * (kernel - 1) - 1
    count = (math.ceil(room / stride) if ceil_mode else room // stride) + 1
    if ceil_mode and (count - 1) * stride >= size + padding:
        count -= 1
    return count


def windows(size, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False):
    """For each axis and output position: (start, positions inside the input)."""
    axes = []
    for n, k, s, p, d in zip(
        size,
        pair(kernel_size),
        pair(kernel_size if stride is None else stride),
        pair(padding),
        pair(dilation),
        strict=True,
    ):
        starts = [o * s - p for o in range(positions(n, k, s, p, d, ceil_mode))]
        axes.append([(b, [i for i in range(b, b + k * d, d) if 0 <= i < n]) for b in starts])
    return axes


def max_reference(x, kernel_size, **options):
    rows, columns = windows(x.shape[2:], kernel_size, **options)
    y = np.full((*x.shape[:2], len(rows), len(columns)), -np.inf, x.dtype)
    at = np.full(y.shape, -1, np.int64)
    for o, (_, inside_h) in enumerate(rows):
        for p, (_, inside_w) in enumerate(columns):
            for n in range(x.shape[0]):
                for c in range(x.shape[1]):
                    places = [(h, w) for h in inside_h for w in inside_w]
                    if places:
                        values = [x[n, c, h, w] for h, w in places]
                        h, w = places[int(np.argmax(values))]
                        y[n, c, o, p], at[n, c, o, p] = x[n, c, h, w], h * x.shape[3] + w
    return y, at


def max_gradient(dy, at, shape):
    dx = np.zeros((shape[0], shape[1], shape[2] * shape[3]))
    for n, c, o, p in np.ndindex(dy.shape):
        if at[n, c, o, p] >= 0:
            dx[n, c, at[n, c, o, p]] += dy[n, c, o, p]
    return dx.reshape(shape)


def average_reference(x, dy, axes, divisors):
    """(output, gradient) of averages; `axes` holds the positions of each output's window."""
    y = np.zeros((*x.shape[:2], len(axes[0]), len(axes[1])))
    dx = np.zeros(x.shape)
    for o, inside_h in enumerate(axes[0]):
        for p, inside_w in enumerate(axes[1]):
            where = np.ix_(range(x.shape[0]), range(x.shape[1]), inside_h, inside_w)
            divisor = divisors[0][o] * divisors[1][p]
            y[:, :, o, p] = x[where].astype(np.float64).sum((2, 3)) / divisor
            if dy is not None:
                dx[where] += (dy[:, :, o, p].astype(np.float64) / divisor)[:, :, None, None]
    return y, dx


def avg_reference(x, dy, kernel_size, count_include_pad=True, **options):
    found = windows(x.shape[2:], kernel_size, **options)
    divisors = []
    for axis, size, k, p in zip(
        found, x.shape[2:], pair(kernel_size), pair(options.get("padding", 0)), strict=True
    ):
        divisors.append(
            [min(b + k, size + p) - b if count_include_pad else len(i) for b, i in axis]
        )
    return average_reference(x, dy, [[i for _, i in axis] for axis in found], divisors)


def adaptive_reference(x, dy, output_size):
    axes = [
        [range(o * n // m, -((o + 1) * n // -m)) for o in range(m)]
        for n, m in zip(x.shape[2:], pair(output_size), strict=True)
    ]
    return average_reference(x, dy, axes, [[len(i) for i in axis] for axis in axes])


def integers(rng, shape, dtype=np.float32):
    return rng.integers(-9, 10, shape).astype(dtype)


SHAPES = [
    (2, 1, 5, 5),
    (1, 6, 24, 24),
    (2, 16, 8, 9),
    (3, 17, 7, 6),
    (17, 3, 4, 5),
    (1, 70, 6, 6),
    (2, 33, 9, 8),
]
OPTIONS = [
    (1, {}),
    (2, {}),
    (3, {"stride": 2}),
    (3, {"stride": 1, "padding": 1}),
    (3, {"stride": 2, "padding": 1, "ceil_mode": True}),
    (2, {"stride": 3, "ceil_mode": True}),
    ((3, 2), {"stride": (1, 3), "padding": (1, 0)}),
    ((4, 3), {"stride": (3, 2), "padding": (2, 1), "ceil_mode": True}),
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize(("kernel_size", "options"), [*OPTIONS, (2, {"dilation": 3, "stride": 1})])
def test_max_pool_is_exact(shape, kernel_size, options, dtype):
    rng = np.random.default_rng(0)
    x = integers(rng, shape, dtype)  # full of ties
    layout = IMAGE_LAYOUTS[(shape[1] + len(options)) % len(IMAGE_LAYOUTS)]
    y, at = kernels.max_pool2d_forward(layout(x), kernel_size, **options)
    expected, places = max_reference(x, kernel_size, **options)
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_array_equal(at, places)
    assert y.dtype == dtype
    assert at.dtype == np.int64
    dy = integers(rng, y.shape, dtype)
    dx = kernels.max_pool2d_backward(layout(dy), at, shape)
    np.testing.assert_array_equal(dx, max_gradient(dy, places, shape))
    np.testing.assert_array_equal(
        dx, kernels.max_pool2d_backward(dy, np.ascontiguousarray(at), shape)
    )
    for image in (y, at, dx):
        assert image.transpose(0, 2, 3, 1).flags.c_contiguous


def test_max_pool_of_nan_and_infinity():
    x = np.full((1, 2, 2, 4), -np.inf, np.float32)
    x[0, 0, 0, 1] = np.nan
    x[0, 0, 1, 1] = 5
    x[0, 1, 0, 2] = np.inf
    y, at = kernels.max_pool2d_forward(x, 2)
    np.testing.assert_array_equal(y[0, :, 0], [[np.nan, -np.inf], [-np.inf, np.inf]])
    np.testing.assert_array_equal(at[0, :, 0], [[1, 2], [0, 2]])


def test_max_pool_window_without_input():
    x = np.ones((1, 1, 2, 2), np.float32)
    y, at = kernels.max_pool2d_forward(x, 2, padding=1, dilation=3)
    assert y.item() == -np.inf
    assert at.item() == -1
    assert not kernels.max_pool2d_backward(np.ones_like(y), at, x.shape).any()


@pytest.mark.parametrize("count_include_pad", [True, False])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize(("kernel_size", "options"), OPTIONS)
def test_avg_pool(shape, kernel_size, options, count_include_pad):
    rng = np.random.default_rng(1)
    options = {**options, "count_include_pad": count_include_pad}
    for dtype, tolerance in ((np.float32, 1.3e-6), (np.float64, 1e-14)):
        x = integers(rng, shape, dtype)
        layout = IMAGE_LAYOUTS[(shape[1] + len(options)) % len(IMAGE_LAYOUTS)]
        y = kernels.avg_pool2d_forward(layout(x), kernel_size, **options)
        dy = integers(rng, y.shape, dtype)
        expected, gradient = avg_reference(x, dy, kernel_size, **options)
        assert y.dtype == dtype
        np.testing.assert_array_equal(y, expected.astype(dtype))
        dx = kernels.avg_pool2d_backward(layout(dy), shape, kernel_size, **options)
        np.testing.assert_allclose(dx, gradient, rtol=tolerance, atol=20 * tolerance)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("output_size", [1, 2, 4, (3, 5), (1, 7), 30])
def test_adaptive_avg_pool(shape, output_size):
    rng = np.random.default_rng(2)
    for dtype, tolerance in ((np.float32, 1.3e-6), (np.float64, 1e-14)):
        x = integers(rng, shape, dtype)
        layout = IMAGE_LAYOUTS[shape[1] % len(IMAGE_LAYOUTS)]
        y = kernels.adaptive_avg_pool2d_forward(layout(x), output_size)
        dy = integers(rng, y.shape, dtype)
        expected, gradient = adaptive_reference(x, dy, output_size)
        np.testing.assert_array_equal(y, expected.astype(dtype))
        dx = kernels.adaptive_avg_pool2d_backward(layout(dy), shape)
        np.testing.assert_allclose(dx, gradient, rtol=tolerance, atol=200 * tolerance)


def test_global_average_of_a_large_plane_rounds_little():
    x = np.random.default_rng(3).random((1, 3, 300, 300)).astype(np.float32)
    y = kernels.adaptive_avg_pool2d_forward(x, 1)
    # Each of the eight partial sums has 11,250 terms: errors of random sign grow with their root.
    np.testing.assert_allclose(y[..., 0, 0], x.astype(np.float64).mean((2, 3)), rtol=4e-6)


@pytest.mark.parametrize("layout", IMAGE_LAYOUTS, ids=lambda f: f.__name__)
def test_layouts_give_the_same(layout):
    x = integers(np.random.default_rng(4), (2, 18, 9, 10))
    for pool in (
        lambda a: kernels.max_pool2d_forward(a, 3, stride=2)[0],
        lambda a: kernels.max_pool2d_forward(a, 3, stride=2)[1],
        lambda a: kernels.avg_pool2d_forward(a, 3, stride=2),
        lambda a: kernels.adaptive_avg_pool2d_forward(a, 4),
    ):
        np.testing.assert_array_equal(pool(layout(x)), pool(x))


def test_out():
    x = integers(np.random.default_rng(5), (2, 3, 6, 6))
    for out in (np.zeros((2, 3, 3, 3), np.float32), channels_last(np.zeros((2, 3, 3, 3), "f4"))):
        assert kernels.max_pool2d_forward(x, 2, out=out)[0] is out
        np.testing.assert_array_equal(out, kernels.max_pool2d_forward(x, 2)[0])
        assert kernels.avg_pool2d_forward(x, 2, out=out) is out
        np.testing.assert_array_equal(out, kernels.avg_pool2d_forward(x, 2))
        assert kernels.adaptive_avg_pool2d_forward(x, 3, out=out) is out
        np.testing.assert_array_equal(out, kernels.adaptive_avg_pool2d_forward(x, 3))
    with pytest.raises(ValueError, match="avg_pool2d: out shares memory with an input"):
        kernels.avg_pool2d_forward(x, 1, out=x)


@pytest.mark.parametrize("shape", [(0, 3, 6, 6), (2, 0, 6, 6)])
def test_empty(shape):
    x = np.zeros(shape, np.float32)
    y, at = kernels.max_pool2d_forward(x, 2)
    assert y.shape == at.shape == (*shape[:2], 3, 3)
    assert kernels.max_pool2d_backward(y, at, shape).shape == shape
    assert kernels.avg_pool2d_forward(x, 2).shape == y.shape
    assert kernels.avg_pool2d_backward(y, shape, 2).shape == shape
    assert kernels.adaptive_avg_pool2d_forward(x, 3).shape == y.shape
    assert kernels.adaptive_avg_pool2d_backward(y, shape).shape == shape


def everything(x, dy):
    y, at = kernels.max_pool2d_forward(x, 3, stride=2, padding=1)
    return (
        y,
        at,
        kernels.max_pool2d_backward(dy, at, x.shape),
        kernels.avg_pool2d_forward(x, 3, stride=2, padding=1),
        kernels.avg_pool2d_backward(dy, x.shape, 3, stride=2, padding=1),
        kernels.adaptive_avg_pool2d_forward(x, 5),
        kernels.adaptive_avg_pool2d_backward(dy, x.shape),
    )


@pytest.mark.parametrize("shape", [(100, 6, 24, 24), (2, 40, 31, 31)])
def test_bits_do_not_depend_on_threads(shape):
    rng = np.random.default_rng(6)
    x = rng.standard_normal(shape).astype(np.float32)
    dy = rng.standard_normal((*shape[:2], *((n + 1) // 2 for n in shape[2:]))).astype(np.float32)
    before = kernels.num_threads()
    results = []
    try:
        for count in (1, 2, 3):
            kernels.set_num_threads(count)
            results.append(everything(x, dy))
    finally:
        kernels.set_num_threads(before)
    for other in results[1:]:
        for one, two in zip(results[0], other, strict=True):
            assert one.tobytes() == two.tobytes()


@pytest.mark.parametrize("layout", IMAGE_LAYOUTS[:4], ids=lambda f: f.__name__)
def test_replay_equals_eager(layout):
    rng = np.random.default_rng(7)
    x, dy = layout(integers(rng, (2, 5, 9, 9))), layout(integers(rng, (2, 5, 5, 5)))
    recording = kernels.Recording()
    with recording:
        recorded = everything(x, dy)
    x[...], dy[...] = integers(rng, x.shape), integers(rng, dy.shape)
    recording.replay()
    for have, want in zip(recorded, everything(x, dy), strict=True):
        np.testing.assert_array_equal(have, want)


@pytest.mark.parametrize("bad", [36, -2, 2**62, -(2**63)])
def test_index_out_of_range(bad):
    x = np.zeros((2, 3, 6, 6), np.float32)
    y, at = kernels.max_pool2d_forward(x, 2)
    recording = kernels.Recording()
    with recording:
        kernels.max_pool2d_backward(y, at, x.shape)
    at[1, 2, 2, 1] = bad
    text = "max_pool2d_backward: indices has an index outside a plane of 6 by 6"
    with pytest.raises(IndexError, match=text):
        kernels.max_pool2d_backward(y, at, x.shape)
    with pytest.raises(IndexError, match=text):
        recording.replay()


X = np.zeros((2, 3, 6, 6), np.float32)
BAD_WINDOWS = [
    ((X[0], 2), {}, ShapeError, r"input has shape \(3, 6, 6\), expected 4 dimensions"),
    ((X.astype(np.int64), 2), {}, DTypeError, "input has dtype int64, expected float32 or float64"),
    ((None, 2), {}, TypeError, "input must be a NumPy array, got NoneType"),
    ((X, 0), {}, ValueError, "kernel_size is 0, expected at least 1"),
    ((X, (2, 2, 2)), {}, ValueError, "kernel_size must be an int or a pair of ints"),
    ((X, "2"), {}, TypeError, "kernel_size must be an int or a pair of ints, got 2"),
    ((X, 2), {"stride": 0}, ValueError, "stride is 0, expected at least 1"),
    ((X, 2), {"stride": (-1, 1)}, ValueError, r"stride is \(-1, 1\), expected at least 1"),
    ((X, 2), {"padding": -1}, ValueError, "padding is -1, expected at least 0"),
    ((X, 2), {"padding": 2}, ValueError, r"padding is \(2, 2\), expected at most half of kernel"),
    ((X, 7), {}, ShapeError, r"kernel \(7, 7\) .* is larger than the padded input \(6, 6\)"),
    ((X, (6, 9)), {"padding": (0, 1)}, ShapeError, r"larger than the padded input \(6, 8\)"),
    ((X[:, :, :0], 1), {}, ShapeError, r"larger than the padded input \(0, 6\)"),
    ((X, 2), {"out": np.zeros((2, 3, 3, 4), np.float32)}, ShapeError, "out has shape"),
    ((X, 2), {"out": np.zeros((2, 3, 3, 3))}, DTypeError, "out has dtype float64"),
]


@pytest.mark.parametrize(("arguments", "options", "error", "text"), BAD_WINDOWS)
def test_bad_windows(arguments, options, error, text):
    for name in ("max_pool2d", "avg_pool2d"):
        with pytest.raises(error, match=f"{name}: .*{text}|{name}: {text}") as caught:
            getattr(kernels, name + "_forward")(*arguments, **options)
        assert type(caught.value) is error


def test_bad_max_pool():
    with pytest.raises(ValueError, match="max_pool2d: dilation is 0, expected at least 1"):
        kernels.max_pool2d_forward(X, 2, dilation=0)
    y, at = kernels.max_pool2d_forward(X, 2)
    op = "max_pool2d_backward: "
    with pytest.raises(ShapeError, match=op + r"indices has shape \(2, 3, 3, 2\), expected"):
        kernels.max_pool2d_backward(y, at[..., :2], X.shape)
    with pytest.raises(DTypeError, match=op + "indices has dtype int32, expected int64"):
        kernels.max_pool2d_backward(y, at.astype(np.int32), X.shape)
    with pytest.raises(ShapeError, match=op + r"input_shape is \(2, 3, 6\), expected 4 sizes"):
        kernels.max_pool2d_backward(y, at, (2, 3, 6))
    with pytest.raises(ShapeError, match=op + r"grad_output has shape .* expected 2 by 4 planes"):
        kernels.max_pool2d_backward(y, at, (2, 4, 6, 6))
    with pytest.raises(IndexError, match=op + "indices has an index outside a plane of 0 by 6"):
        kernels.max_pool2d_backward(y, at, (2, 3, 0, 6))


def test_bad_average():
    with pytest.raises(ShapeError, match=r"avg_pool2d_backward: grad_output has shape"):
        kernels.avg_pool2d_backward(X, X.shape, 2)
    op = "adaptive_avg_pool2d"
    with pytest.raises(ValueError, match=f"{op}: output_size is 0, expected at least 1"):
        kernels.adaptive_avg_pool2d_forward(X, 0)
    with pytest.raises(ShapeError, match=f"{op}: input has shape .*, expected a height and width"):
        kernels.adaptive_avg_pool2d_forward(X[:, :, :0], 2)
    with pytest.raises(ShapeError, match=f"{op}: input has shape .*, expected 4 dimensions"):
        kernels.adaptive_avg_pool2d_forward(X[0], 2)
    with pytest.raises(ShapeError, match=f"{op}_backward: grad_output has shape .*, expected 4"):
        kernels.adaptive_avg_pool2d_backward(X[0], X.shape)
    with pytest.raises(ShapeError, match=f"{op}_backward: grad_output has shape .*, expected a"):
        kernels.adaptive_avg_pool2d_backward(X[:, :, :0], X.shape)
    with pytest.raises(ShapeError, match=f"{op}_backward: input_shape is"):
        kernels.adaptive_avg_pool2d_backward(X, X.shape[:3])
