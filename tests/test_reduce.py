"""Reductions against float64 NumPy, in every layout."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest

import cygnet.kernels as kernels
from tests.kernel_layouts import LAYOUTS, assert_close, check_replay, check_threads, same_bits

FLOATS = ("float32", "float64")
ALL = (*FLOATS, "int32", "int64", "bool", "uint8")
SHAPES = [(), (1,), (5,), (3, 40), (2, 3, 5, 4), (1, 7, 1, 3), (2, 1, 33), (130, 17)]


def numbers(shape: tuple[int, ...], dtype: str, seed: int = 0) -> np.ndarray:
    low = 0 if dtype in ("bool", "uint8") else -8
    high = 2 if dtype == "bool" else 9
    return np.asarray(np.random.default_rng(seed).integers(low, high, shape)).astype(dtype)


def axes(rank: int) -> list[int | tuple[int, ...] | None]:
    chosen: list[int | tuple[int, ...] | None] = [None, ()]
    for count in range(1, rank + 1):
        chosen += itertools.combinations(range(rank), count)
    return [*chosen, *range(-rank, rank)]


@pytest.mark.parametrize("dtype", ALL)
def test_integers_are_exact_in_every_layout(dtype: str) -> None:
    total = dtype if dtype in FLOATS else "int64"
    for shape in SHAPES:
        x = numbers(shape, dtype)
        for axis, keepdims in itertools.product(axes(len(shape)), (False, True)):
            expected_sum = np.asarray(x.sum(axis, total, keepdims=keepdims))
            expected_max = np.asarray(x.max(axis, keepdims=keepdims))
            for layout in LAYOUTS.values():
                y = layout(x)
                where = (shape, axis, keepdims, layout)
                assert same_bits(kernels.sum(y, axis, keepdims), expected_sum), where
                assert same_bits(kernels.max(y, axis, keepdims), expected_max), where


@pytest.mark.parametrize("dtype", ALL)
def test_argmax_in_every_layout(dtype: str) -> None:
    for shape in SHAPES[1:]:
        x = numbers(shape, dtype)
        for axis in (None, *range(-len(shape), len(shape))):
            for keepdims, layout in itertools.product((False, True), LAYOUTS.values()):
                expected = np.asarray(np.argmax(x, axis, keepdims=keepdims))
                assert same_bits(kernels.argmax(layout(x), axis, keepdims), expected)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(
    ("shape", "axis"),
    [
        ((200_003,), None),
        ((3, 70_001), 1),
        ((70_001, 3), 0),
        ((5000, 37), 0),
        ((300, 300), 1),
        ((16, 6, 24, 24), (0, 2, 3)),
        ((4, 33, 9, 300), (1, 2)),
        ((2000, 1000), None),
        ((40, 20, 50), (0, 2)),
    ],
)
def test_sum_and_mean_of_floats(dtype: str, shape: tuple[int, ...], axis) -> None:
    x = np.random.default_rng(0).normal(size=shape).astype(dtype)
    wide = x.astype(np.float64)
    count = x.size // max(1, np.asarray(wide.sum(axis)).size)
    # Pairwise: the error grows with the logarithm of the count, and the sum of magnitudes.
    bound = 16 * np.finfo(dtype).eps * np.abs(wide).sum(axis) + 1e-300
    for layout in (LAYOUTS["contiguous"], LAYOUTS["transposed"], LAYOUTS["channels_last"]):
        total, mean = kernels.sum(layout(x), axis), kernels.mean(layout(x), axis)
        assert total.dtype == mean.dtype == dtype
        if dtype == "float32":
            assert np.all(np.abs(total - wide.sum(axis)) <= bound)
        assert_close(total, np.asarray(wide.sum(axis)))
        assert_close(mean, np.asarray(wide.sum(axis) / count))
    assert same_bits(kernels.max(x, axis), np.asarray(x.max(axis)))


def test_sums_over_axes_with_others_between() -> None:
    x = np.random.default_rng(0).standard_normal((5, 17, 9, 11, 4)).astype("float32")
    for axes in ((0, 2), (0, 2, 3), (0, 4), (1, 3), (0, 2, 4)):
        for layout in (np.copy, np.asfortranarray):
            for keepdims in (False, True):
                expected = x.astype("float64").sum(axes, keepdims=keepdims)
                assert_close(kernels.sum(layout(x), axes, keepdims), expected)
                expected = x.astype("float64").mean(axes, keepdims=keepdims)
                assert_close(kernels.mean(layout(x), axes, keepdims), expected)
                assert same_bits(
                    kernels.max(layout(x), axes, keepdims), x.max(axes, keepdims=keepdims)
                )
    check_threads(lambda: kernels.sum(x, (0, 2, 3)))
    check_replay(lambda a: kernels.mean(a, (0, 2)), x)


def test_every_length() -> None:
    for length in range(1, 300):
        x = numbers((3, length), "float32", length)
        assert same_bits(kernels.sum(x, 1), x.sum(1))
        assert same_bits(kernels.sum(x.T.copy(), 0), x.sum(1))
        assert same_bits(kernels.max(x, 1), x.max(1))
        assert same_bits(kernels.max(x, 0), x.max(0))
        assert same_bits(kernels.sum(x, 0), x.sum(0))


def test_large_integers_are_exact() -> None:
    x = np.random.default_rng(0).integers(-9, 9, 300_001)
    for dtype in ("int32", "int64", "float64"):
        assert kernels.sum(x.astype(dtype)) == x.sum()
    assert kernels.sum(np.ones(300_001, bool)) == 300_001


@pytest.mark.parametrize("dtype", FLOATS)
def test_nan_and_infinity(dtype: str) -> None:
    for length in (1, 3, 40, 3000):
        for position in {0, length // 2, length - 1}:
            x = np.zeros((2, length), dtype)
            x[1, position] = np.nan
            np.testing.assert_array_equal(kernels.max(x, 1), [0, np.nan])
            np.testing.assert_array_equal(kernels.max(x.T.copy(), 0), [0, np.nan])
            np.testing.assert_array_equal(kernels.sum(x, 1), [0, np.nan])
            assert kernels.argmax(x, 1)[1] == position
            assert kernels.argmax(x) == length + position
            x[1, position] = -np.inf
            assert kernels.sum(x) == -np.inf
    low = np.full((3, 50), -np.inf, dtype)
    assert np.all(kernels.max(low, 1) == -np.inf)
    two = np.array([1, np.nan, 5, np.nan], dtype)
    assert kernels.argmax(two) == 1


def test_empty() -> None:
    x = np.zeros((0, 3), np.float32)
    np.testing.assert_array_equal(kernels.sum(x, 0), np.zeros(3, np.float32))
    assert kernels.sum(x, 1).shape == (0,)
    assert kernels.sum(x) == 0
    assert np.isnan(kernels.mean(x))
    assert np.isnan(kernels.mean(x, 0)).all()
    assert kernels.max(x, 1).shape == (0,)
    assert kernels.argmax(x, 1).shape == (0,)
    assert kernels.extremum_backward(np.zeros(0, "f"), x, np.zeros(0, "f"), 1).shape == (0, 3)


@pytest.mark.parametrize("dtype", FLOATS)
def test_extremum_backward_shares_among_equals(dtype: str) -> None:
    for shape in SHAPES[1:]:
        x = np.asarray(np.random.default_rng(0).integers(0, 3, shape)).astype(dtype)
        for axis in axes(len(shape)):
            top = np.asarray(x.max(axis, keepdims=True))
            grad = numbers(top.shape, dtype, 1)
            equal = x == top
            expected = np.where(equal, grad / equal.sum(axis, keepdims=True), 0).astype(dtype)
            for layout in LAYOUTS.values():
                got = kernels.extremum_backward(layout(grad), layout(x), layout(top), axis, True)
                assert same_bits(np.ascontiguousarray(got), np.ascontiguousarray(expected))


def test_out() -> None:
    x = numbers((4, 5), "float32")
    out = np.empty(4, np.float32)
    assert kernels.sum(x, 1, out=out) is out
    assert same_bits(out, x.sum(1))
    kernels.mean(x, 1, out=out)
    assert_close(out, x.astype(np.float64).mean(1))


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (
            lambda x: kernels.max(x[:0]),
            ValueError,
            "max: input has shape (0, 3), which leaves nothing",
        ),
        (lambda x: kernels.argmax(x[:0], 0), ValueError, "argmax: input has shape (0, 3)"),
        (lambda x: kernels.sum(x, 2), IndexError, "sum: axis 2 is out of range"),
        (lambda x: kernels.sum(x, (0, -2)), ValueError, "sum: axis 0 is given twice"),
        (lambda x: kernels.sum(x, 0.5), TypeError, "sum: axis must be None, an int or a tuple"),
        (lambda x: kernels.argmax(x, (0, 1)), TypeError, "argmax: axis must be None or an int"),
        (
            lambda x: kernels.mean(x.astype(np.int64)),
            TypeError,
            "mean: input has dtype int64, expected float32 or float64",
        ),
        (lambda x: kernels.sum([1.0]), TypeError, "sum: input must be a NumPy array, got list"),
        (lambda x: kernels.sum(x.astype(">f4")), TypeError, "expected native byte order"),
        (
            lambda x: kernels.sum(x, 1, out=x[:, 0]),
            ValueError,
            "sum: out must be C-contiguous",
        ),
        (
            lambda x: kernels.sum(x, 1, out=x.reshape(-1)[:4]),
            ValueError,
            "sum: out shares memory with an input",
        ),
        (
            lambda x: kernels.extremum_backward(x, x, x, 0),
            ValueError,
            "extremum_backward: grad_output has shape (4, 3), expected (3,)",
        ),
    ],
)
def test_bad_input(call, error, text: str) -> None:
    with pytest.raises(error, match=re.escape(text)):
        call(np.zeros((4, 3), np.float32))


def test_threads_and_replay() -> None:
    x = np.random.default_rng(0).normal(size=(300, 3, 331)).astype(np.float32)
    for axis in (None, 0, 1, 2, (0, 2), (1, 2)):
        for op in (kernels.sum, kernels.mean, kernels.max):
            check_threads(lambda op=op, axis=axis: op(x, axis))
            check_replay(lambda a, op=op, axis=axis: op(a, axis), x)
            check_replay(lambda a, op=op, axis=axis: op(a[::2, :, ::-1], axis), x)
    for axis in (None, 0, 1, 2):
        check_threads(lambda axis=axis: kernels.argmax(x, axis))
        check_replay(lambda a, axis=axis: kernels.argmax(a, axis), x)
    top = x.max(1)
    check_replay(lambda g, a: kernels.extremum_backward(g, a, kernels.max(a, 1), 1), top, x)


def test_argmax_of_parts_and_blocks() -> None:
    for shape, axis in (
        ((200_003,), None),
        ((70_001, 3), 0),
        ((1000, 300), 0),
        ((7, 1000), 1),
        ((20_000, 130), 0),
    ):
        for dtype in (np.float32, np.float64, np.int32, np.uint8):
            x = (np.random.default_rng(0).integers(0, 200, shape)).astype(dtype)
            assert np.array_equal(kernels.argmax(x, axis), x.argmax(axis))
            if x.dtype.kind == "f":
                x.flat[x.size // 2 :: 997] = np.nan
                assert np.array_equal(kernels.argmax(x, axis), x.argmax(axis))
    assert kernels.argmax(np.full(5000, -np.inf, np.float32)) == 0


@pytest.mark.parametrize("axis", [0, 1, None])
def test_the_error_of_a_sum_grows_slowly(axis: int | None) -> None:
    x = np.random.default_rng(0).random((1000, 500)).astype(np.float32)
    exact = x.sum(axis, dtype=np.float64)
    error = np.sqrt(np.mean(((kernels.sum(x, axis) - exact) / exact) ** 2))
    assert error < 2.0**-23
