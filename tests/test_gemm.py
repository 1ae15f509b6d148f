"""Matrix products and the linear layer on arrays."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

from cygnet import DTypeError, ShapeError, kernels
from tests.kernel_layouts import LAYOUTS, check_replay, check_threads, same_bits

ACTIVATIONS = {
    "none": lambda x: x,
    "relu": lambda x: np.maximum(x, 0),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.01 * x),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "tanh": np.tanh,
    "gelu": lambda x: x * 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2))),
    "silu": lambda x: x / (1 + np.exp(-x)),
}


def integers(seed: int, *shape: int, dtype: str = "float32") -> np.ndarray:
    return np.random.default_rng(seed).integers(-4, 5, shape).astype(dtype)


def normal(seed: int, *shape: int, dtype: str = "float32") -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("columns", [0, 1, 3, 16, 17, 48, 63, 64, 65, 130])
def test_integers_are_exact_for_every_remainder(columns: int, dtype: str) -> None:
    for rows in [0, *range(1, 30), 97, 113]:
        for depth in (0, 1, 5, 16, 33):
            a, b = integers(1, rows, depth, dtype=dtype), integers(2, depth, columns, dtype=dtype)
            for ta, tb in ((False, False), (False, True), (True, False), (True, True)):
                got = kernels.gemm(
                    np.ascontiguousarray(a.T) if ta else a,
                    np.ascontiguousarray(b.T) if tb else b,
                    transpose_a=ta,
                    transpose_b=tb,
                )
                assert np.array_equal(got, a @ b), (rows, depth, ta, tb)


@pytest.mark.parametrize("depth", [1023, 1024, 1025, 2500])
def test_depth_beyond_a_block(depth: int) -> None:
    a, b, bias = integers(1, 9, depth), integers(2, depth, 70), integers(3, 70)
    got = kernels.gemm(a, b, bias, activation="relu")
    assert np.array_equal(got, np.maximum(a @ b + bias, 0))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("sizes", [(1, 400, 9), (3, 77, 130), (64, 256, 120), (300, 1100, 65)])
def test_rounding_error_is_within_the_bound(sizes: tuple[int, int, int], dtype: str) -> None:
    rows, depth, columns = sizes
    a, b = normal(1, rows, depth, dtype=dtype), normal(2, depth, columns, dtype=dtype)
    exact = a.astype(np.longdouble) @ b.astype(np.longdouble)
    unit = 2.0**-24 if dtype == "float32" else 2.0**-53
    bound = 4 * np.sqrt(depth) * unit * (np.abs(a).astype(float) @ np.abs(b).astype(float))
    for transpose in (False, True):
        right = np.ascontiguousarray(b.T) if transpose else b
        assert np.all(np.abs(kernels.gemm(a, right, transpose_b=transpose) - exact) <= bound)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_agree(layout: str) -> None:
    change = LAYOUTS[layout]
    x, w, bias, g = integers(1, 7, 33), integers(2, 20, 33), integers(3, 20), integers(4, 7, 20)
    plain = kernels.linear_forward(x, w, bias)
    assert np.array_equal(kernels.linear_forward(change(x), change(w), change(bias)), plain)
    assert np.array_equal(kernels.gemm(change(x), change(w), transpose_b=True), x @ w.T)
    grads = kernels.linear_backward(change(g), change(x), change(w))
    for got, expected in zip(grads, (g @ w, g.T @ x, g.sum(0)), strict=True):
        assert np.array_equal(got, expected)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("rows", [1, 2, 5, 40])
def test_bias_and_activation(activation: str, rows: int) -> None:
    x, w, bias = (normal(i, *s, dtype="float64") for i, s in enumerate([(rows, 9), (35, 9), (35,)]))
    function = ACTIVATIONS[activation]
    expected = function(x @ w.T + bias)
    got = kernels.linear_forward(x, w, bias, activation=activation)
    np.testing.assert_allclose(got, expected, 1e-12, 1e-12)
    g = normal(9, rows, 35, dtype="float64")
    step = 1e-6
    z = x @ w.T + bias
    dz = g * (function(z + step) - function(z - step)) / (2 * step)
    saved = z if activation in ("gelu", "silu") else got
    grads = kernels.linear_backward(g, x, w, saved, activation=activation)
    for mine, reference in zip(grads, (dz @ w, dz.T @ x, dz.sum(0)), strict=True):
        np.testing.assert_allclose(mine, reference, 1e-6, 1e-7)


def test_leading_axes_and_masks_of_gradients() -> None:
    x, w, g = integers(1, 2, 3, 5), integers(2, 4, 5), integers(3, 2, 3, 4)
    assert np.array_equal(kernels.linear_forward(x, w), x @ w.T)
    by_input, by_weight, by_bias = kernels.linear_backward(
        g, x, w, need_input=False, need_bias=False
    )
    assert by_input is None
    assert by_bias is None
    assert np.array_equal(by_weight, g.reshape(6, 4).T @ x.reshape(6, 5))


def test_empty_batch_gives_an_empty_result_and_zero_gradients() -> None:
    x, w, g = np.zeros((0, 5), np.float32), integers(1, 4, 5), np.zeros((0, 4), np.float32)
    assert kernels.linear_forward(x, w).shape == (0, 4)
    by_input, by_weight, by_bias = kernels.linear_backward(g, x, w)
    assert by_input.shape == (0, 5)
    assert np.array_equal(by_weight, np.zeros((4, 5)))
    assert np.array_equal(by_bias, np.zeros(4))


def test_nan_and_infinity_propagate() -> None:
    x = np.array([[np.nan, 1], [np.inf, 1]], np.float32)
    got = kernels.linear_forward(x, np.ones((1, 2), np.float32), activation="relu")
    assert np.isnan(got[0, 0])
    assert got[1, 0] == np.inf


def test_out() -> None:
    a, b = integers(1, 6, 5), integers(2, 5, 7)
    out = np.empty((6, 7), np.float32)
    assert kernels.gemm(a, b, out=out) is out
    assert np.array_equal(out, a @ b)
    room = np.zeros(200, np.float32)
    inside = room[:42].reshape(6, 7)
    shared = room[10:70].reshape(6, 10)[:, ::2]  # strided: it would be copied before the product
    for left in (room[30:60].reshape(6, 5), shared):
        with pytest.raises(ValueError, match="gemm: out shares memory with an input"):
            kernels.gemm(left, b, out=inside)


@pytest.mark.parametrize(("ta", "tb"), [(False, False), (False, True), (True, False), (True, True)])
@pytest.mark.parametrize(
    ("m", "n", "k"), [(1, 1, 1), (3, 50, 700), (40, 33, 1100), (300, 20, 70), (200, 300, 600)]
)
def test_transposes_alpha_and_beta(ta: bool, tb: bool, m: int, n: int, k: int) -> None:
    a, b, c = integers(1, m, k), integers(2, k, n), integers(3, m, n)
    left = np.ascontiguousarray(a.T) if ta else a
    right = np.ascontiguousarray(b.T) if tb else b
    options = {"transpose_a": ta, "transpose_b": tb}
    exact = a.astype(np.float64) @ b
    assert np.array_equal(kernels.gemm(left, right, **options), exact)
    out = c.copy()
    got = kernels.gemm(left, right, **options, alpha=-2.0, beta=3.0, activation="relu", out=out)
    assert got is out
    assert np.array_equal(out, np.maximum(3 * c - 2 * exact, 0))


def test_beta_needs_out_and_zero_does_not_read_it() -> None:
    a = integers(1, 4, 4)
    with pytest.raises(ValueError, match=r"gemm: beta is 0\.5, expected 0 without out"):
        kernels.gemm(a, a, beta=0.5)
    out = np.full((4, 4), np.nan, np.float32)
    assert np.array_equal(kernels.gemm(a, a, out=out), a @ a)


@pytest.mark.parametrize(
    ("a_shape", "b_shape"),
    [
        ((5, 7, 6), (5, 6, 9)),
        ((40, 7, 6), (6, 9)),
        ((7, 6), (3, 6, 9)),
        ((4, 1, 7, 6), (3, 6, 9)),
        ((2, 90, 80), (2, 80, 130)),
        ((0, 7, 6), (1, 6, 9)),
        ((3, 0, 6), (3, 6, 9)),
        ((3, 7, 0), (3, 0, 9)),
    ],
)
def test_leading_axes_broadcast(a_shape: tuple[int, ...], b_shape: tuple[int, ...]) -> None:
    a, b = integers(1, *a_shape), integers(2, *b_shape)
    assert np.array_equal(kernels.gemm(a, b), a @ b)
    turned = np.ascontiguousarray(np.swapaxes(b, -1, -2))
    assert np.array_equal(kernels.gemm(a, turned, transpose_b=True), a @ b)
    check_threads(lambda: kernels.gemm(a, b))
    check_replay(lambda x, y: kernels.gemm(x, y), a, b)


def test_leading_axes_that_do_not_fit() -> None:
    with pytest.raises(kernels.ShapeError, match=r"gemm: .*expected leading sizes that broadcast"):
        kernels.gemm(integers(1, 2, 3, 4), integers(2, 3, 4, 5))


def test_threads_and_replay() -> None:
    x, w, bias, g = normal(1, 130, 300), normal(2, 170, 300), normal(3, 170), normal(4, 130, 170)
    check_threads(lambda: kernels.linear_forward(x, w, bias, activation="tanh"))
    check_threads(lambda: kernels.linear_backward(g, x, w))
    check_replay(lambda a, b, c: kernels.linear_forward(a, b, c, activation="sigmoid"), x, w, bias)
    check_replay(lambda *arrays: kernels.linear_backward(*arrays), g, x, w)
    check_replay(lambda a, b: kernels.gemm(a[::2, ::3], b[::-1, ::3], transpose_b=True), x, w)


def test_a_strided_operand_gives_the_bits_of_its_copy() -> None:
    a, b = normal(1, 40, 60), normal(2, 30, 33)
    assert same_bits(kernels.gemm(a[:, ::2], b), kernels.gemm(a[:, ::2].copy(), b))


F = np.float32
HUGE = np.lib.stride_tricks.as_strided(np.zeros(1, F), (2**40, 0), (0, 0))


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: kernels.gemm([[1.0]], np.ones((1, 1), F)), TypeError, "gemm: a must be a NumPy"),
        (lambda: kernels.gemm(np.ones(3, F), np.ones((3, 3), F)), ShapeError, "gemm: a has shape"),
        (
            lambda: kernels.gemm(np.ones((2, 3), F), np.ones((2, 3), F)),
            ShapeError,
            "gemm: b has 2 rows, expected 3",
        ),
        (
            lambda: kernels.gemm(np.ones((2, 3), F), np.ones((3, 3))),
            DTypeError,
            "gemm: b has dtype float64, expected float32",
        ),
        (
            lambda: kernels.gemm(np.ones((2, 3), int), np.ones((3, 3), int)),
            DTypeError,
            "gemm: a has dtype int64, expected float32 or float64",
        ),
        (
            lambda: kernels.gemm(np.ones((2, 3), ">f4"), np.ones((3, 3), F)),
            DTypeError,
            "gemm: a has dtype >f4, expected native byte order",
        ),
        (lambda: kernels.gemm(HUGE, HUGE.T), ShapeError, "gemm: shape (1099511627776, 109951"),
        (
            lambda: kernels.gemm(np.ones((2, 2), F), np.ones((2, 2), F), np.ones(3, F)),
            ShapeError,
            "gemm: bias has shape (3,), expected (2,)",
        ),
        (
            lambda: kernels.gemm(np.ones((2, 2), F), np.ones((2, 2), F), activation="swish"),
            ValueError,
            "gemm: activation is 'swish'",
        ),
        (
            lambda: kernels.gemm(np.ones((2, 2), F), np.ones((2, 2), F), out=np.ones((2, 3), F)),
            ShapeError,
            "gemm: out has shape (2, 3), expected (2, 2)",
        ),
        (
            lambda: kernels.linear_forward(np.ones((2, 4), F), np.ones((5, 3), F)),
            ShapeError,
            "linear: input has 4 features in shape (2, 4), weight has 3",
        ),
        (
            lambda: kernels.linear_forward(np.float32(1) + np.ones((), F), np.ones((5, 3), F)),
            TypeError,
            "linear: input must be a NumPy array",
        ),
        (
            lambda: kernels.linear_backward(
                np.ones((2, 4), F), np.ones((2, 3), F), np.ones((5, 3), F)
            ),
            ShapeError,
            "linear_backward: grad_output has shape (2, 4), expected (2, 5)",
        ),
        (
            lambda: kernels.linear_backward(
                np.ones((2, 5), F), np.ones((2, 3), F), np.ones((5, 3), F), activation="relu"
            ),
            ValueError,
            "linear_backward: output is needed",
        ),
    ],
)
def test_bad_input(call, error, text: str) -> None:
    with pytest.raises(error, match=re.escape(text)):
        call()
