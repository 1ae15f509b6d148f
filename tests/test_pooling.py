"""Maximum and average pooling against loops over windows in float64."""

from __future__ import annotations

import math

import numpy as np
import pytest

from cygnet import kernels
from tests.kernel_layouts import IMAGE_LAYOUTS, channels_last

ShapeError, DTypeError = kernels.ShapeError, kernels.DTypeError


def each(value, axes):
    return (value,) * axes if isinstance(value, int) else tuple(value)


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
        each(kernel_size, len(size)),
        each(kernel_size if stride is None else stride, len(size)),
        each(padding, len(size)),
        each(dilation, len(size)),
        strict=True,
    ):
        starts = [o * s - p for o in range(positions(n, k, s, p, d, ceil_mode))]
        axes.append([(b, [i for i in range(b, b + k * d, d) if 0 <= i < n]) for b in starts])
    return axes


def adaptive_windows(size, output_size):
    """The same for windows that split the axes evenly."""
    return [
        [(o * n // m, list(range(o * n // m, -((o + 1) * n // -m)))) for o in range(m)]
        for n, m in zip(size, each(output_size, len(size)), strict=True)
    ]


def max_reference(x, axes):
    size = x.shape[2:]
    y = np.full((*x.shape[:2], *map(len, axes)), -np.inf, x.dtype)
    at = np.full(y.shape, -1, np.int64)
    for o in np.ndindex(y.shape[2:]):
        inside = [axis[i][1] for axis, i in zip(axes, o, strict=True)]
        if not all(inside):
            continue
        places = np.ravel_multi_index(np.meshgrid(*inside, indexing="ij"), size).ravel()
        values = x.reshape(*x.shape[:2], -1)[:, :, places]
        first = values.argmax(-1)
        at[:, :, *o] = places[first]
        y[:, :, *o] = np.take_along_axis(values, first[..., None], -1)[..., 0]
    return y, at


def max_gradient(dy, at, shape):
    dx = np.zeros((shape[0], shape[1], math.prod(shape[2:])))
    for n, c, *o in np.ndindex(dy.shape):
        if at[n, c, *o] >= 0:
            dx[n, c, at[n, c, *o]] += dy[n, c, *o]
    return dx.reshape(shape)


def average_reference(x, dy, axes, divisors):
    """(output, gradient) of averages; `divisors` has one of each axis's windows."""
    y = np.zeros((*x.shape[:2], *map(len, axes)))
    dx = np.zeros(x.shape)
    for o in np.ndindex(y.shape[2:]):
        inside = [axis[i][1] for axis, i in zip(axes, o, strict=True)]
        where = np.ix_(range(x.shape[0]), range(x.shape[1]), *inside)
        divisor = math.prod(d[i] for d, i in zip(divisors, o, strict=True))
        y[:, :, *o] = x[where].astype(np.float64).sum(tuple(range(2, x.ndim))) / divisor
        part = dy[:, :, *o].astype(np.float64) / divisor
        dx[where] += part.reshape(part.shape + (1,) * len(axes))
    return y, dx


def avg_reference(x, dy, kernel_size, count_include_pad=True, **options):
    size = x.shape[2:]
    axes = windows(size, kernel_size, **options)
    divisors = [
        [min(b + k, n + p) - b if count_include_pad else len(i) for b, i in axis]
        for axis, n, k, p in zip(
            axes,
            size,
            each(kernel_size, len(size)),
            each(options.get("padding", 0), len(size)),
            strict=True,
        )
    ]
    return average_reference(x, dy, axes, divisors)


def adaptive_reference(x, dy, output_size):
    axes = adaptive_windows(x.shape[2:], output_size)
    return average_reference(x, dy, axes, [[len(i) for _, i in axis] for axis in axes])


def kernel(name, x, direction="forward"):
    """max_pool and the like over as many axes as `x` has."""
    return getattr(kernels, f"{name}{x.ndim - 2}d_{direction}")


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


CASES = [
    *[(shape, *options) for shape in SHAPES for options in OPTIONS],
    ((2, 6, 40), 3, {"stride": 2, "padding": 1}),
    ((3, 1, 67), 2, {}),
    ((2, 20, 33), 5, {"stride": 3, "ceil_mode": True}),
    ((2, 3, 5, 6, 7), 2, {}),
    ((1, 18, 4, 7, 5), 3, {"stride": (1, 2, 2), "padding": (1, 0, 1)}),
    ((2, 1, 5, 5, 6), (2, 3, 2), {"stride": 1, "ceil_mode": True}),
]
DILATED = [
    *[(shape, 2, {"dilation": 3, "stride": 1}) for shape in SHAPES],
    ((2, 5, 30), 3, {"dilation": 4, "stride": 6, "padding": 1}),
    ((1, 17, 13, 14), 3, {"dilation": (3, 2), "stride": (2, 3), "padding": 1, "ceil_mode": True}),
    ((1, 2, 9, 8, 7), 2, {"dilation": (2, 3, 1), "stride": (4, 2, 3)}),
]


def in_order_of(layout, x, image):
    """Whether the memory of `image` has the order that results of layout(x) have."""
    plain = layout(x).flags.c_contiguous
    return (image if plain else np.moveaxis(image, 1, -1)).flags.c_contiguous


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("shape", "kernel_size", "options"), [*CASES, *DILATED], ids=str)
def test_max_pool_is_exact(shape, kernel_size, options, dtype):
    rng = np.random.default_rng(0)
    x = integers(rng, shape, dtype)  # full of ties
    layout = IMAGE_LAYOUTS[(shape[1] + len(options)) % len(IMAGE_LAYOUTS)]
    if x.ndim != 4 and layout in IMAGE_LAYOUTS[2:]:
        layout = channels_last
    y, at = kernel("max_pool", x)(layout(x), kernel_size, **options)
    expected, places = max_reference(x, windows(shape[2:], kernel_size, **options))
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_array_equal(at, places)
    assert y.dtype == dtype
    assert at.dtype == np.int64
    dy = integers(rng, y.shape, dtype)
    backward = kernel("max_pool", x, "backward")
    dx = backward(dy, at, shape)
    gradient = max_gradient(dy, places, shape)
    np.testing.assert_array_equal(dx, gradient)
    np.testing.assert_array_equal(backward(dy, np.ascontiguousarray(at), shape), gradient)
    z, taps = kernel("max_pool", x)(layout(x), kernel_size, keep="taps", **options)
    np.testing.assert_array_equal(z, expected)
    assert taps.dtype == np.uint8
    by_taps = backward(dy, taps, shape, kernel_size, **options)
    np.testing.assert_array_equal(by_taps, gradient)
    z, nothing = kernel("max_pool", x)(layout(x), kernel_size, keep="nothing", **options)
    np.testing.assert_array_equal(z, expected)
    assert nothing is None
    for image in (y, at, dx, z, taps, by_taps):
        assert in_order_of(layout, x, image)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [*SHAPES, (2, 3, 50), (1, 17, 5, 4, 6), (1, 2, 20, 18)], ids=str)
@pytest.mark.parametrize("output_size", [1, 2, 4, 30])
def test_adaptive_max_pool_is_exact(shape, output_size, dtype):
    rng = np.random.default_rng(0)
    x = integers(rng, shape, dtype)
    expected, places = max_reference(x, adaptive_windows(shape[2:], output_size))
    for layout in (np.ascontiguousarray, channels_last):
        y, at = kernel("adaptive_max_pool", x)(layout(x), output_size)
        np.testing.assert_array_equal(y, expected)
        np.testing.assert_array_equal(at, places)
        dy = integers(rng, y.shape, dtype)
        gradient = max_gradient(dy, places, shape)
        backward = kernel("adaptive_max_pool", x, "backward")
        np.testing.assert_array_equal(backward(dy, at, shape), gradient)
        y, kept = kernel("adaptive_max_pool", x)(layout(x), output_size, keep="taps")
        np.testing.assert_array_equal(y, expected)
        np.testing.assert_array_equal(backward(dy, kept, shape), gradient)


@pytest.mark.parametrize("shape", [(2, 3, 12), (3, 17, 6, 8), (17, 2, 4, 4, 6)], ids=str)
def test_max_unpool(shape):
    rng = np.random.default_rng(0)
    x = integers(rng, shape)
    y, at = kernel("max_pool", x)(x, 2)
    flat = np.zeros((*shape[:2], math.prod(shape[2:])), np.float32)
    np.put_along_axis(flat, at.reshape(*shape[:2], -1), y.reshape(*shape[:2], -1), -1)
    dy = integers(rng, shape)
    picked = np.take_along_axis(dy.reshape(flat.shape), at.reshape(*shape[:2], -1), -1)
    for layout in (np.ascontiguousarray, channels_last):
        z = kernel("max_unpool", x)(y, layout(at), shape[2:])
        np.testing.assert_array_equal(z, flat.reshape(shape))
        dx = kernel("max_unpool", x, "backward")(layout(dy), layout(at))
        np.testing.assert_array_equal(dx, picked.reshape(y.shape))
        for image in (z, dx):
            assert in_order_of(layout, y, image)
    same = np.zeros_like(at)  # of equal indices the last wins
    z = kernel("max_unpool", x)(y, same, shape[2:]).reshape(flat.shape)
    np.testing.assert_array_equal(z[..., 0], y.reshape(*shape[:2], -1)[..., -1])


@pytest.mark.parametrize("name", ["max_pool", "avg_pool"])
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_an_image_alone(name, axes):
    x = integers(np.random.default_rng(0), (2, 3, *[6] * axes))
    whole = kernel(name, x)(x, 2)
    alone = getattr(kernels, f"{name}{axes}d_forward")(x[1], 2)
    if name == "max_pool":
        np.testing.assert_array_equal(alone[1], whole[1][1])
        dx = getattr(kernels, f"{name}{axes}d_backward")(alone[0], alone[1], x.shape[1:])
        np.testing.assert_array_equal(dx, kernel(name, x, "backward")(*whole, x.shape)[1])
        whole, alone = whole[0], alone[0]
    else:
        dx = getattr(kernels, f"{name}{axes}d_backward")(alone, x.shape[1:], 2)
        np.testing.assert_array_equal(dx, kernel(name, x, "backward")(whole, x.shape, 2)[1])
    np.testing.assert_array_equal(alone, whole[1])


def test_max_pool_of_nan_and_infinity():
    x = np.full((1, 2, 2, 4), -np.inf, np.float32)
    x[0, 0, 0, 1] = np.nan
    x[0, 0, 1, 1] = 5
    x[0, 1, 0, 2] = np.inf
    y, at = kernels.max_pool2d_forward(x, 2)
    np.testing.assert_array_equal(y[0, :, 0], [[np.nan, -np.inf], [-np.inf, np.inf]])
    np.testing.assert_array_equal(at[0, :, 0], [[1, 2], [0, 2]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("layout", IMAGE_LAYOUTS, ids=lambda f: f.__name__)
@pytest.mark.parametrize(
    ("shape", "kernel_size", "options"), [case for case in CASES if len(case[0]) == 4], ids=str
)
def test_max_pool_with_relu(shape, kernel_size, options, layout, dtype):
    x = np.random.default_rng(3).integers(-9, 5, shape).astype(dtype)
    x.flat[0] = np.nan
    x = layout(x)
    forward, backward = kernels.max_pool2d_forward, kernels.max_pool2d_backward
    plain = forward(kernels.relu(x), kernel_size, **options, keep="nothing")[0]
    for keep in ("nothing", "taps", "indices"):
        got, kept = forward(x, kernel_size, **options, keep=keep, activation="relu")
        np.testing.assert_array_equal(got, np.maximum(plain, 0))
        if keep == "nothing":
            continue
        _, first = forward(x, kernel_size, **options, keep=keep)
        grad = np.random.default_rng(4).standard_normal(got.shape).astype(dtype)
        masked = np.where(got <= 0, 0, grad)
        args = (x.shape, kernel_size)
        np.testing.assert_array_equal(
            backward(grad, kept, *args, **options), backward(masked, first, *args, **options)
        )
        if keep == "indices":
            np.testing.assert_array_equal(kept == -1, got <= 0)


@pytest.mark.parametrize("shape", [(2, 3, 31, 41), (1, 1, 3, 165), (1, 2, 2, 131), (2, 40, 5, 7)])
def test_gradients_of_inputs_that_no_window_covers(shape):
    generator = np.random.default_rng(5)
    for order in (np.ascontiguousarray, channels_last):
        x = order(generator.standard_normal(shape).astype(np.float32))
        output, taps = kernels.max_pool2d_forward(x, 2, keep="taps")
        _, indices = kernels.max_pool2d_forward(x, 2, keep="indices")
        grad = order(generator.standard_normal(output.shape).astype(np.float32))
        np.testing.assert_array_equal(
            kernels.max_pool2d_backward(grad, taps, shape, 2),
            kernels.max_pool2d_backward(grad, indices, shape),
        )
        wanted = np.zeros(shape, np.float32)
        h, w = output.shape[2:]
        wanted[:, :, : 2 * h, : 2 * w] = np.repeat(np.repeat(grad / 4, 2, axis=2), 2, axis=3)
        np.testing.assert_array_equal(kernels.avg_pool2d_backward(grad, shape, 2), wanted)


def test_max_pool_window_without_input():
    x = np.ones((1, 1, 2, 2), np.float32)
    y, at = kernels.max_pool2d_forward(x, 2, padding=1, dilation=3)
    assert y.item() == -np.inf
    assert at.item() == -1
    assert not kernels.max_pool2d_backward(np.ones_like(y), at, x.shape).any()


@pytest.mark.parametrize("count_include_pad", [True, False])
@pytest.mark.parametrize(("shape", "kernel_size", "options"), CASES, ids=str)
def test_avg_pool(shape, kernel_size, options, count_include_pad):
    rng = np.random.default_rng(1)
    options = {**options, "count_include_pad": count_include_pad}
    for dtype, tolerance in ((np.float32, 1.3e-6), (np.float64, 1e-14)):
        x = integers(rng, shape, dtype)
        layout = IMAGE_LAYOUTS[(shape[1] + len(options)) % 2]
        y = kernel("avg_pool", x)(layout(x), kernel_size, **options)
        dy = integers(rng, y.shape, dtype)
        expected, gradient = avg_reference(x, dy, kernel_size, **options)
        assert y.dtype == dtype
        np.testing.assert_array_equal(y, expected.astype(dtype))
        dx = kernel("avg_pool", x, "backward")(layout(dy), shape, kernel_size, **options)
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
    (
        (X[0, 0], 2),
        {},
        ShapeError,
        r"input has shape \(6, 6\), expected 4 dimensions, or 3 without",
    ),
    ((X.astype(np.int64), 2), {}, DTypeError, "input has dtype int64, expected float32 or float64"),
    ((None, 2), {}, TypeError, "input must be a NumPy array, got NoneType"),
    ((X, 0), {}, ValueError, "kernel_size is 0, expected at least 1"),
    ((X, (2, 2, 2)), {}, ValueError, "kernel_size must be an int or an int for each of 2 axes"),
    ((X, "2"), {}, TypeError, "kernel_size must be an int or an int for each, got 2"),
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
    with pytest.raises(ValueError, match="max_pool2d: activation is 'tanh', expected 'none' or"):
        kernels.max_pool2d_forward(np.ones((1, 1, 4, 4), np.float32), 2, activation="tanh")
    with pytest.raises(ValueError, match="max_pool2d: dilation is 0, expected at least 1"):
        kernels.max_pool2d_forward(X, 2, dilation=0)
    y, at = kernels.max_pool2d_forward(X, 2)
    op = "max_pool2d_backward: "
    with pytest.raises(ShapeError, match=op + r"indices has shape \(2, 3, 3, 2\), expected"):
        kernels.max_pool2d_backward(y, at[..., :2], X.shape)
    with pytest.raises(DTypeError, match=op + "indices has dtype int32, expected int64"):
        kernels.max_pool2d_backward(y, at.astype(np.int32), X.shape)
    with pytest.raises(ShapeError, match=op + r"input_shape is \(2, 3\), expected 4 sizes"):
        kernels.max_pool2d_backward(y, at, (2, 3))
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
    with pytest.raises(
        ShapeError, match=f"{op}: input has shape .*, expected spatial sizes of at least 1"
    ):
        kernels.adaptive_avg_pool2d_forward(X[:, :, :0], 2)
    with pytest.raises(ShapeError, match=f"{op}: input has shape .*, expected 4 dimensions"):
        kernels.adaptive_avg_pool2d_forward(X[0, 0], 2)
    with pytest.raises(ShapeError, match=f"{op}_backward: grad_output has shape .*, expected 4"):
        kernels.adaptive_avg_pool2d_backward(X[0, 0], X.shape)
    with pytest.raises(ShapeError, match=f"{op}_backward: grad_output has shape .*, expected sp"):
        kernels.adaptive_avg_pool2d_backward(X[:, :, :0], X.shape)
    with pytest.raises(ShapeError, match=f"{op}_backward: input_shape is"):
        kernels.adaptive_avg_pool2d_backward(X, X.shape[:2])
