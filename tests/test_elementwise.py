"""Element-wise kernels against NumPy, in every layout."""

from __future__ import annotations

import itertools
import math
import re

import numpy as np
import pytest

import cygnet.kernels as kernels
from tests.kernel_layouts import LAYOUTS, assert_close, check_replay, check_threads, same_bits

FLOATS = ("float32", "float64")
NUMBERS = (*FLOATS, "int32", "int64", "uint8")
ALL = (*NUMBERS, "bool")
INTEGERS = ("int32", "int64", "uint8")

EXACT_BINARY = {
    "add": (np.add, ALL),
    "sub": (np.subtract, NUMBERS),
    "mul": (np.multiply, ALL),
    "div": (np.divide, FLOATS),
    "maximum": (np.maximum, ALL),
    "minimum": (np.minimum, ALL),
    "eq": (np.equal, ALL),
    "ne": (np.not_equal, ALL),
    "lt": (np.less, ALL),
    "le": (np.less_equal, ALL),
    "gt": (np.greater, ALL),
    "ge": (np.greater_equal, ALL),
    "logical_and": (np.logical_and, ("bool",)),
    "logical_or": (np.logical_or, ("bool",)),
    "fmax": (np.fmax, FLOATS),
    "fmin": (np.fmin, FLOATS),
    "copysign": (np.copysign, FLOATS),
    "bitwise_and": (np.bitwise_and, (*INTEGERS, "bool")),
    "bitwise_or": (np.bitwise_or, (*INTEGERS, "bool")),
    "bitwise_xor": (np.bitwise_xor, (*INTEGERS, "bool")),
}
EXACT_UNARY = {
    "neg": (np.negative, NUMBERS),
    "abs": (np.abs, NUMBERS),
    "sign": (np.sign, NUMBERS),
    "sqrt": (np.sqrt, FLOATS),
    "relu": (lambda x: np.maximum(x, x.dtype.type(0)), FLOATS),
    "leaky_relu": (lambda x: np.where(x > 0, x, x * x.dtype.type(0.01)), FLOATS),
    "logical_not": (np.logical_not, ("bool",)),
    "square": (np.square, FLOATS),
    "reciprocal": (np.reciprocal, FLOATS),
    "floor": (np.floor, FLOATS),
    "ceil": (np.ceil, FLOATS),
    "round": (np.rint, FLOATS),
    "trunc": (np.trunc, FLOATS),
    "bitwise_not": (np.bitwise_not, (*INTEGERS, "bool")),
}
SMOOTH = {
    "exp": np.exp,
    "log": np.log,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "erf": np.vectorize(math.erf, otypes=[np.float64]),
    "tanh": np.tanh,
    "expm1": np.expm1,
    "log1p": np.log1p,
    "sin": np.sin,
    "cos": np.cos,
    "rsqrt": lambda x: 1 / np.sqrt(x),
}
BINARY_CASES = [(n, d) for n, (_, dtypes) in EXACT_BINARY.items() for d in dtypes]
UNARY_CASES = [(n, d) for n, (_, dtypes) in EXACT_UNARY.items() for d in dtypes]

SHAPES = [
    ((), ()),
    ((0,), (0,)),
    ((0, 3), (1, 3)),
    ((5,), ()),
    ((7, 33), (33,)),
    ((7, 33), (7, 1)),
    ((4, 1, 5), (3, 1)),
    ((2, 3, 5, 4), (2, 3, 5, 4)),
    ((2, 3, 5, 4), (1, 3, 1, 1)),
    ((1, 3, 1, 1), (2, 3, 5, 4)),
    ((3, 300), (3, 300)),
]


def numbers(shape: tuple[int, ...], dtype: str, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    if dtype == "bool":
        return np.asarray(random.integers(0, 2, shape), bool)
    low = 0 if dtype == "uint8" else -5
    values = np.asarray(random.integers(low, 6, shape))
    return values.astype(dtype)


@pytest.mark.parametrize(("name", "dtype"), BINARY_CASES)
def test_binary_equals_numpy_in_every_layout(name: str, dtype: str) -> None:
    reference = EXACT_BINARY[name][0]
    op = getattr(kernels, name)
    for shape_a, shape_b in SHAPES:
        a, b = numbers(shape_a, dtype), numbers(shape_b, dtype, 1)
        with np.errstate(all="ignore"):
            expected = np.asarray(reference(a, b))
        for of_a, of_b in itertools.product(LAYOUTS.values(), LAYOUTS.values()):
            assert same_bits(op(of_a(a), of_b(b)), expected), (shape_a, shape_b, of_a, of_b)


@pytest.mark.parametrize(("name", "dtype"), UNARY_CASES)
def test_unary_equals_numpy_in_every_layout(name: str, dtype: str) -> None:
    reference = EXACT_UNARY[name][0]
    for shape, _ in SHAPES:
        x = numbers(shape, dtype)
        with np.errstate(all="ignore"):
            expected = np.asarray(reference(x))
        if name in ("neg", "sign"):  # the sign of a zero is not promised
            expected = expected + expected.dtype.type(0)
        for layout in LAYOUTS.values():
            got = getattr(kernels, name)(layout(x))
            if name in ("neg", "sign"):
                got = got + got.dtype.type(0)
            assert same_bits(got, expected), (shape, layout)


@pytest.mark.parametrize("size", range(70))
def test_every_remainder(size: int) -> None:
    for dtype in NUMBERS:
        a, b = numbers((size,), dtype), numbers((size,), dtype, 1)
        assert same_bits(kernels.add(a, b), a + b)
        assert same_bits(kernels.gt(a, b), a > b)
        guarded = np.full(size + 2, 7, dtype)
        kernels.mul(a, b, out=guarded[1:-1])
        assert same_bits(guarded[1:-1], a * b)
        assert guarded[0] == guarded[-1] == 7


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", SMOOTH)
def test_smooth_functions(name: str, dtype: str) -> None:
    x = np.random.default_rng(0).normal(0, 3, (2, 3, 41, 5)).astype(dtype)
    if name in ("log", "log1p", "rsqrt"):
        x = np.abs(x)
    expected = SMOOTH[name](x.astype(np.float64))
    first = getattr(kernels, name)(x)
    assert_close(first, expected)
    for layout in LAYOUTS.values():
        assert same_bits(getattr(kernels, name)(layout(x)), first)


def ulps(got: np.ndarray, exact: np.ndarray) -> np.ndarray:
    """Errors in units of the last place of the exact float32 result, denormal ones included."""
    with np.errstate(all="ignore"):
        spacing = np.spacing(np.abs(exact).astype(np.float32)).astype(np.float64)
    return np.abs(got.astype(np.float64) - exact) / spacing


@pytest.mark.parametrize(
    ("name", "limit"),
    [
        ("exp", 2),
        ("log", 3),
        ("tanh", 4),
        ("sigmoid", 4),
        ("erf", 4),
        ("expm1", 4),
        ("log1p", 4),
        ("rsqrt", 2),
    ],
)
def test_accuracy_over_all_floats(name: str, limit: float) -> None:
    # Every 1,009th bit pattern: all exponents, both signs, denormals, infinities and NaN.
    x = np.arange(0, 2**32, 1009, dtype=np.uint32).view(np.float32)
    got = getattr(kernels, name)(x)
    with np.errstate(all="ignore"):
        wide = x.astype(np.float64)
        exact = SMOOTH[name](wide)
        as_float = exact.astype(np.float32)
    assert np.array_equal(np.isnan(got), np.isnan(exact))
    infinite = np.isinf(as_float)
    largest = np.finfo(np.float32).max
    assert np.all((got[infinite] == as_float[infinite]) | (np.abs(got[infinite]) == largest))
    plain = ~np.isnan(exact) & ~infinite
    error = ulps(got[plain], exact[plain])
    worst = int(np.argmax(error))
    assert error[worst] <= limit, (x[plain][worst], got[plain][worst], exact[plain][worst])


@pytest.mark.parametrize("name", ["sin", "cos"])
def test_accuracy_of_a_circle(name: str) -> None:
    # Relative to 1: near the zeros of far turns the argument itself is not known better.
    x = np.arange(0, 2**31, 1009, dtype=np.uint32).view(np.float32)
    x = x[np.isfinite(x) & (x < 1e6)]
    exact = SMOOTH[name](x.astype(np.float64))
    assert np.abs(getattr(kernels, name)(x) - exact).max() <= 4 * 2.0**-24
    assert np.isnan(getattr(kernels, name)(np.array([np.nan, np.inf], np.float32))).all()


# The function, its gradient, and options; the references overflow nowhere.
ACTIVATIONS = {
    "gelu": (
        lambda x: x * normal_below(x),
        lambda x: normal_below(x) + x * np.exp(-x * x / 2) / math.sqrt(2 * math.pi),
    ),
    "gelu tanh": (
        lambda x: x * logistic(2 * gelu_inner(x)),
        lambda x: (
            logistic(2 * gelu_inner(x))
            + 2 * x * logistic(2 * gelu_inner(x)) * logistic(-2 * gelu_inner(x)) * gelu_slope(x)
        ),
    ),
    "silu": (
        lambda x: x * logistic(x),
        lambda x: logistic(x) * (1 + x * logistic(-x)),
    ),
    "elu": (
        lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
        lambda x: np.where(x > 0, 1, np.exp(np.minimum(x, 0))),
    ),
    "softplus": (
        lambda x: np.where(x > 20, x, np.logaddexp(0, x)),
        lambda x: np.where(x > 20, 1, logistic(x)),
    ),
    "log_sigmoid": (lambda x: -np.logaddexp(0, -x), lambda x: logistic(-x)),
    "mish": (
        lambda x: x * np.tanh(np.logaddexp(0, x)),
        lambda x: (
            np.tanh(np.logaddexp(0, x))
            + x * logistic(x) / np.cosh(np.minimum(np.logaddexp(0, x), 300)) ** 2
        ),
    ),
    "hardsigmoid": (
        lambda x: np.clip(x + 3, 0, 6) / 6,
        lambda x: np.where(np.abs(x) < 3, 1 / 6, 0),
    ),
    "hardswish": (
        lambda x: x * np.clip(x + 3, 0, 6) / 6,
        lambda x: np.where(x <= -3, 0, np.where(x >= 3, 1, x / 3 + 0.5)),
    ),
}


def gelu_inner(x: np.ndarray) -> np.ndarray:
    return math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)


def gelu_slope(x: np.ndarray) -> np.ndarray:
    return math.sqrt(2 / math.pi) * (1 + 0.134145 * x**2)


def normal_below(x: np.ndarray) -> np.ndarray:
    return np.vectorize(math.erfc, otypes=[np.float64])(-x * math.sqrt(0.5)) / 2


def logistic(x: np.ndarray) -> np.ndarray:
    return np.exp(-np.logaddexp(0, -x))


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_and_their_gradients(name: str, dtype: str) -> None:
    function, slope = ACTIVATIONS[name]
    kernel, *options = name.split()
    x = np.concatenate([np.linspace(-100, 100, 20_001), np.linspace(-7, 7, 20_001)]).astype(dtype)
    wide = x.astype(np.float64)
    unit = 2.0**-22 if dtype == "float32" else 1e-12
    got = getattr(kernels, kernel)(x, *options)
    assert got.dtype == dtype
    error = np.abs(got - function(wide)) / np.maximum(1, np.abs(wide))
    assert error.max() <= unit, x[error.argmax()]
    gradient = getattr(kernels, kernel + "_backward")(np.full_like(x, 2), x, *options)
    error = np.abs(gradient - 2 * slope(wide)) / np.maximum(1, np.abs(wide))
    assert error.max() <= 2 * unit, x[error.argmax()]
    far = np.array([1e20, -1e20, np.nan], dtype)
    assert np.isnan(getattr(kernels, kernel)(far, *options)).tolist() == [False, False, True]
    gradient = getattr(kernels, kernel + "_backward")(np.ones(3, dtype), far, *options)
    assert np.isfinite(gradient[:2]).all()


def test_clamp_and_prelu() -> None:
    x = np.array([-np.inf, -2, 0.5, 3, np.inf, np.nan], np.float32)
    np.testing.assert_array_equal(kernels.clamp(x, -1, 1), [-1, -1, 0.5, 1, 1, np.nan])
    np.testing.assert_array_equal(kernels.clamp(x, -np.inf, 1), [-np.inf, -2, 0.5, 1, 1, np.nan])
    gradient = kernels.hardtanh_backward(np.ones(5, np.float32), x[:5], -2, 3)
    assert gradient.tolist() == [0, 0, 1, 0, 0]
    assert kernels.prelu(x[1:4], np.full(1, 0.5, np.float32)).tolist() == [-1, 0.5, 3]


@pytest.mark.parametrize("dtype", ["float32", "bool"])
def test_results_past_the_caches(dtype: str) -> None:
    # Above the size from which stores are streamed: flat, with a row, a column and an offset.
    rows, columns = (2100, 4099) if dtype == "float32" else (8200, 4103)
    x = (np.arange(rows * columns) % 251).astype("float32").reshape(rows, columns)
    op, reference = (kernels.add, np.add) if dtype == "float32" else (kernels.gt, np.greater)
    row, column = x[0].copy(), x[:, :1].copy()
    for other in (x, row, column, np.array(3, np.float32)):
        assert np.array_equal(op(x, other), reference(x, other))
    shifted = np.empty(rows * columns + 1, dtype)[1:].reshape(rows, columns)
    assert np.array_equal(op(x, row, out=shifted), reference(x, row))


@pytest.mark.parametrize("dtype", FLOATS)
def test_special_values(dtype: str) -> None:
    nan, inf = np.nan, np.inf
    x = np.array([nan, inf, -inf, 0.0, -0.0], dtype)
    y = np.array([1.0, nan, 1.0, 1.0, nan], dtype)
    assert same_bits(kernels.maximum(x, y), np.maximum(x, y))
    assert same_bits(kernels.minimum(x, y), np.minimum(x, y))
    assert same_bits(kernels.eq(x, x), x == x)
    assert same_bits(kernels.ne(x, y), x != y)
    np.testing.assert_array_equal(kernels.relu(x), [nan, inf, 0, 0, 0])
    np.testing.assert_array_equal(kernels.sign(x), [0, 1, -1, 0, 0])
    np.testing.assert_array_equal(kernels.exp(x), [nan, inf, 0, 1, 1])
    np.testing.assert_array_equal(kernels.log(x), [nan, inf, nan, -inf, -inf])
    np.testing.assert_array_equal(kernels.tanh(x), [nan, 1, -1, 0, 0])
    np.testing.assert_array_equal(kernels.sigmoid(x), [nan, 1, 0, 0.5, 0.5])
    np.testing.assert_array_equal(kernels.div(y[:1], x[3:4]), [inf])


@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_integers_wrap(dtype: str) -> None:
    info = np.iinfo(dtype)
    a = np.array([info.max, info.min, info.min], dtype)
    with np.errstate(all="ignore"):
        assert same_bits(kernels.add(a, 1), a + np.array(1, dtype))
        assert same_bits(kernels.mul(a, a), a * a)
        assert same_bits(kernels.neg(a), -a)
        assert same_bits(kernels.abs(a), np.abs(a))


@pytest.mark.parametrize("dtype", FLOATS)
def test_pow(dtype: str) -> None:
    random = np.random.default_rng(0)
    x = random.uniform(0.1, 4, (9, 31)).astype(dtype)
    y = random.normal(0, 2, 31).astype(dtype)
    assert_close(kernels.pow(x, y), x.astype(np.float64) ** y.astype(np.float64))
    for exponent in (2, 3, 0.5, -1, 1, 0, 2.5, -2, True):
        expected = x.astype(np.float64) ** np.float64(exponent)
        assert_close(kernels.pow(x, exponent), expected)
        assert_close(kernels.pow(x.T, exponent), expected.T)
    assert_close(kernels.pow(2, y), 2.0 ** y.astype(np.float64))
    special = np.array([np.nan, 0.0, -2.0, np.inf], dtype)
    np.testing.assert_array_equal(kernels.pow(special, 0), [1, 1, 1, 1])
    np.testing.assert_array_equal(kernels.pow(special, 3), [np.nan, 0, -8, np.inf])
    np.testing.assert_array_equal(kernels.pow(special, -1), [np.nan, np.inf, -0.5, 0])


@pytest.mark.parametrize("dtype", ALL)
def test_where(dtype: str) -> None:
    for shape_a, shape_b in SHAPES:
        a, b = numbers(shape_a, dtype), numbers(shape_b, dtype, 1)
        shape = np.broadcast_shapes(shape_a, shape_b)
        condition = numbers(shape, "bool", 2)
        expected = np.where(condition, a, b)
        for layout in LAYOUTS.values():
            assert same_bits(kernels.where(layout(condition), layout(a), b), expected)
    condition = np.array([True, False])
    assert kernels.where(condition, 1, np.zeros(2, dtype)).tolist() == [1, 0]


@pytest.mark.parametrize("dtype", FLOATS)
def test_gradients(dtype: str) -> None:
    random = np.random.default_rng(0)
    g, x = (random.normal(0, 2, (2, 3, 7, 6)).astype(dtype) for _ in range(2))
    wide_g, wide_x = g.astype(np.float64), x.astype(np.float64)
    y = np.tanh(x)
    wide_y = y.astype(np.float64)
    for layout in LAYOUTS.values():
        got = kernels.relu_backward(layout(g), layout(x))
        np.testing.assert_array_equal(got, np.where(x > 0, g, 0))
        assert_close(
            kernels.leaky_relu_backward(layout(g), layout(x), 0.2),
            np.where(wide_x > 0, wide_g, 0.2 * wide_g),
        )
        assert_close(kernels.tanh_backward(layout(g), layout(y)), wide_g * (1 - wide_y**2))
        assert_close(kernels.sigmoid_backward(layout(g), layout(y)), wide_g * wide_y * (1 - wide_y))


def test_memory_order_is_passed_on() -> None:
    x = numbers((2, 3, 5, 4), "float32")
    last = LAYOUTS["channels_last"](x)
    assert kernels.relu(last).strides == last.strides
    assert kernels.add(last, last).strides == last.strides
    assert kernels.mul(last, x[:1, :, :1, :1]).strides == last.strides
    assert kernels.add(x[:1, :, :1, :1], last).strides == last.strides
    assert kernels.add(x, last).flags.c_contiguous
    compared = kernels.gt(last, 0)
    assert tuple(s * 4 for s in compared.strides) == last.strides
    assert kernels.relu(x[:, :, ::2]).flags.c_contiguous


def test_scalars_take_the_type_of_the_array() -> None:
    for dtype in NUMBERS:
        x = numbers((5, 9), dtype)
        assert same_bits(kernels.add(x, 2), x + np.array(2, dtype))
        assert same_bits(kernels.sub(3, x.T), np.array(3, dtype) - x.T)
        assert same_bits(kernels.lt(x, True), x < 1)
    x = numbers((600,), "float32")
    assert same_bits(kernels.mul(x, 0.1), x * np.float32(0.1))
    assert same_bits(kernels.add(x, np.array(0.1, "float32")), x + np.float32(0.1))


def test_broadcast_by_stride_zero() -> None:
    row = np.arange(5, dtype=np.float32)
    a = np.broadcast_to(row, (4, 5))
    b = np.broadcast_to(row[:4, None], (4, 5))
    assert same_bits(kernels.add(a, b), a + b)
    assert same_bits(kernels.neg(b), -b)


def test_out() -> None:
    a, b = numbers((3, 40), "float32"), numbers((3, 40), "float32", 1)
    expected = a + b
    out = np.empty_like(a)
    assert kernels.add(a, b, out=out) is out
    assert same_bits(out, expected)
    column_order = np.empty_like(a, order="F")
    assert same_bits(kernels.add(a, b, out=column_order), expected)
    assert kernels.add(a, b, out=a) is a
    assert same_bits(a, expected)
    kernels.mul(a, 0.5, out=a)
    assert same_bits(a, expected * np.float32(0.5))
    kernels.add(a.T, b.T, out=a.T)
    assert same_bits(a, expected * np.float32(0.5) + b)
    square = numbers((6, 6), "float32")
    expected = square * square
    assert same_bits(kernels.mul(square, square, out=square), expected)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (
            lambda f: kernels.add(f((2, 3)), f(4)),
            ValueError,
            "add: a has shape (2, 3), b has shape (4,); they do not broadcast",
        ),
        (
            lambda f: kernels.add(f(3), f(3).astype(np.float64)),
            TypeError,
            "add: b has dtype float64, expected float32, that of a",
        ),
        (
            lambda f: kernels.div(f(3).astype(np.int32), f(3).astype(np.int32)),
            TypeError,
            "div: a has dtype int32, expected float32 or float64",
        ),
        (
            lambda f: kernels.sub(f(3).astype(bool), f(3).astype(bool)),
            TypeError,
            "sub: a has dtype bool, expected float32, float64, int32, int64 or uint8",
        ),
        (
            lambda f: kernels.exp(f(3).astype(np.int64)),
            TypeError,
            "exp: input has dtype int64, expected float32 or float64",
        ),
        (
            lambda f: kernels.logical_not(f(3)),
            TypeError,
            "logical_not: input has dtype float32, expected bool",
        ),
        (
            lambda f: kernels.where(f(3), f(3), f(3)),
            TypeError,
            "where: condition has dtype float32, expected bool",
        ),
        (lambda f: kernels.add([1.0], f(1)), TypeError, "add: a must be a NumPy array, got list"),
        (lambda f: kernels.add(1.0, 2.0), TypeError, "add: b must be a NumPy array, got float"),
        (
            lambda f: kernels.add(f(3).astype(np.int32), 0.5),
            TypeError,
            "add: b is a float, expected int32, the type of the other operand",
        ),
        (
            lambda f: kernels.add(f(3).astype(np.int32), 2**31),
            ValueError,
            "add: b does not fit int32, the type of the other operand",
        ),
        (lambda f: kernels.add(f(3), 10**400), ValueError, "add: b does not fit float32"),
        (
            lambda f: kernels.add(f(3).astype(">f4"), f(3)),
            TypeError,
            "add: a has dtype >f4, expected native byte order",
        ),
        (
            lambda f: kernels.relu_backward(f(3), f(4)),
            ValueError,
            "relu_backward: output has shape (4,), expected (3,)",
        ),
        (
            lambda f: kernels.add(f(3), f(3), out=f(4)),
            ValueError,
            "add: out has shape (4,), expected (3,)",
        ),
        (
            lambda f: kernels.gt(f(3), f(3), out=f(3)),
            TypeError,
            "gt: out has dtype float32, expected bool",
        ),
        (
            lambda f: kernels.add(f(3), f(3), out=f(6)[::2]),
            ValueError,
            "add: out must be dense and aligned",
        ),
        (
            lambda f: kernels.add(f(3), f(3), out=np.broadcast_to(f(()), (3,))),
            ValueError,
            "add: out is read-only",
        ),
        (lambda f: kernels.add(x := f(4), f(3), out=x[:3]), ValueError, "do not broadcast"),
        (
            lambda f: kernels.add(f(3), (x := f(4))[1:], out=x[:3]),
            ValueError,
            "add: out shares memory with b",
        ),
        (
            lambda f: kernels.add(x := f((3, 3)), x.T, out=x),
            ValueError,
            "add: out shares memory with b",
        ),
        (
            lambda f: kernels.add(
                np.broadcast_to(f(1), (2**40, 1)), np.broadcast_to(f(1), (1, 2**40))
            ),
            ValueError,
            "has more elements than memory can hold",
        ),
    ],
)
def test_bad_input(call, error, text: str) -> None:
    with pytest.raises(error, match=re.escape(text)):
        call(lambda shape: np.zeros(shape, np.float32))


def test_threads_and_replay() -> None:
    random = np.random.default_rng(0)
    x, y = (random.normal(size=(70, 3, 331)).astype(np.float32) for _ in range(2))
    check_threads(lambda: kernels.tanh(x))
    check_threads(lambda: kernels.add(x, LAYOUTS["channels_last"](y)))
    check_threads(lambda: kernels.add(x, y[:, :1]))
    check_replay(kernels.add, x, y)
    check_replay(lambda a, b: kernels.add(a[:, :, ::2], b[:, :1, ::2]), x, y)
    check_replay(lambda a: kernels.pow(kernels.mul(2.5, a), 3), x)
    check_replay(lambda a, b: kernels.where(kernels.gt(a, b), a, 0), x, y)
    check_replay(lambda a: kernels.leaky_relu(a, 0.3), x)
