"""Gather and scatter kernels against NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from cygnet._core import native as kernels

DTYPES = [np.float32, np.float64, np.int32, np.int64, np.bool_, np.uint8]
rng = np.random.default_rng(1)


def integers(shape: tuple[int, ...], dtype: type) -> np.ndarray:
    return rng.integers(-5, 6, shape).astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("index_dtype", [np.int32, np.int64])
@pytest.mark.parametrize("shape", [(1,), (7,), (7, 1), (5, 3), (40, 3, 20, 20), (3, 100_000)])
def test_gather_rows(dtype: type, index_dtype: type, shape: tuple[int, ...]) -> None:
    source = integers(shape, dtype)
    for count in (0, 1, 50):
        indices = rng.integers(0, shape[0], count).astype(index_dtype)
        expected = source[indices]
        np.testing.assert_array_equal(kernels.gather_rows(source, indices), expected)
        out = np.empty_like(expected)
        assert kernels.gather_rows(source, indices, out=out) is out
        np.testing.assert_array_equal(out, expected)


def test_gather_rows_strided() -> None:
    source = integers((6, 8, 5), np.float32)
    indices = np.array([5, 0, 0, 3])
    for view in (source[::-1, ::2], source.transpose(0, 2, 1), np.asfortranarray(source)):
        np.testing.assert_array_equal(kernels.gather_rows(view, indices[::-1]), view[indices[::-1]])
    assert kernels.gather_rows(np.ones((3, 0)), indices[1:3]).shape == (2, 0)
    assert kernels.gather_rows(np.ones((0, 3)), np.zeros(0, int)).shape == (0, 3)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(0,), (1,), (9,), (50, 3), (200, 1000), (3000, 17), (4, 0, 2)])
@pytest.mark.parametrize("rows", [1, 5, 1000])
def test_scatter_add_rows(dtype: type, shape: tuple[int, ...], rows: int) -> None:
    grad = integers(shape, dtype)
    indices = rng.integers(0, rows, shape[0])
    expected = np.zeros((rows, *shape[1:]), dtype)
    np.add.at(expected, indices, grad)
    np.testing.assert_array_equal(kernels.scatter_add_rows(grad, indices, rows), expected)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(1,), (6,), (3, 4), (4, 5, 6), (30, 7, 300)])
def test_take_along_axis(dtype: type, shape: tuple[int, ...]) -> None:
    source = integers(shape, dtype)
    for axis in range(-len(shape), len(shape)):
        for count in (0, 1, 9):
            wanted = list(shape)
            wanted[axis] = count
            indices = rng.integers(0, shape[axis], wanted)
            np.testing.assert_array_equal(
                kernels.take_along_axis(source, indices, axis),
                np.take_along_axis(source, indices, axis),
            )
            swapped = np.swapaxes(source, 0, axis)
            np.testing.assert_array_equal(
                kernels.take_along_axis(swapped, np.swapaxes(indices, 0, axis).astype(np.int32), 0),
                np.take_along_axis(swapped, np.swapaxes(indices, 0, axis), 0),
            )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(6,), (3, 4), (4, 5, 6), (30, 7, 300), (2, 0, 3)])
def test_scatter_add_along_axis(dtype: type, shape: tuple[int, ...]) -> None:
    grad = integers(shape, dtype)
    for axis in range(-len(shape), len(shape)):
        for size in (1, 8):
            indices = rng.integers(0, size, shape)
            target = list(shape)
            target[axis] = size
            expected = np.zeros(target, dtype)
            where = list(np.indices(shape))
            where[axis] = indices
            np.add.at(expected, tuple(where), grad)
            np.testing.assert_array_equal(
                kernels.scatter_add_along_axis(grad, indices, axis, size), expected
            )


def test_threads_give_the_same_bits() -> None:
    grad = rng.standard_normal((5000, 40)).astype(np.float32)
    indices = rng.integers(0, 30, 5000)
    before = kernels.num_threads()
    try:
        results = []
        for threads in (1, 2, 3):
            kernels.set_num_threads(threads)
            results.append(
                (
                    kernels.scatter_add_rows(grad, indices, 30),
                    kernels.scatter_add_along_axis(
                        grad, np.broadcast_to(indices[:, None], grad.shape), 0, 30
                    ),
                )
            )
    finally:
        kernels.set_num_threads(before)
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            assert a.tobytes() == b.tobytes()
    np.testing.assert_array_equal(*results[0])  # both add in the order of the indices


def test_replay_checks_and_recomputes() -> None:
    source = integers((6, 4), np.float32)
    indices = np.array([0, 5, 2])
    along = np.zeros((2, 4), int)
    with kernels.Recording() as recording:
        rows = kernels.gather_rows(source, indices)
        summed = kernels.scatter_add_rows(rows, indices, 6)
        taken = kernels.take_along_axis(source, along, 0)
        spread = kernels.scatter_add_along_axis(taken, along, 0, 6)
    source[...] = integers((6, 4), np.float32)
    indices[...] = [4, 4, 1]
    along[...] = rng.integers(0, 6, (2, 4))
    recording.replay()
    np.testing.assert_array_equal(rows, source[indices])
    np.testing.assert_array_equal(summed, kernels.scatter_add_rows(rows, indices, 6))
    np.testing.assert_array_equal(taken, np.take_along_axis(source, along, 0))
    np.testing.assert_array_equal(spread, kernels.scatter_add_along_axis(taken, along, 0, 6))
    indices[1] = 6
    with pytest.raises(
        IndexError, match=r"gather_rows: indices\[1\] is 6, expected 0 <= index < 6"
    ):
        recording.replay()


A = np.ones((4, 3), np.float32)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (
            lambda: kernels.gather_rows(A, np.array([0, 4])),
            IndexError,
            "gather_rows: indices[1] is 4",
        ),
        (
            lambda: kernels.gather_rows(A, np.array([-1])),
            IndexError,
            "gather_rows: indices[0] is -1",
        ),
        (
            lambda: kernels.gather_rows(A[:0], np.array([0])),
            IndexError,
            "gather_rows: indices[0] is 0, expected 0 <= index < 0",
        ),
        (
            lambda: kernels.gather_rows(A, np.array([0.0])),
            TypeError,
            "gather_rows: indices has dtype",
        ),
        (lambda: kernels.gather_rows(A, np.array([True])), TypeError, "indices has dtype bool"),
        (
            lambda: kernels.gather_rows(A, np.zeros((2, 2), int)),
            ValueError,
            "indices has shape (2, 2)",
        ),
        (lambda: kernels.gather_rows(np.float32(3), np.zeros(1, int)), TypeError, "source must be"),
        (
            lambda: kernels.gather_rows(np.array(3.0), np.zeros(1, int)),
            ValueError,
            "source has shape ()",
        ),
        (
            lambda: kernels.gather_rows(A, np.zeros(2, int), out=A[:2]),
            ValueError,
            "out shares memory",
        ),
        (
            lambda: kernels.gather_rows(A, np.zeros(2, int), out=np.empty((3, 3), np.float32)),
            ValueError,
            "gather_rows: out has shape (3, 3)",
        ),
        (
            lambda: kernels.gather_rows(np.ones(3, np.complex64), np.zeros(1, int)),
            TypeError,
            "gather_rows: source has dtype complex64",
        ),
        (
            lambda: kernels.gather_rows(np.broadcast_to(A[:1], (2**58, 3)), np.zeros(1, int)),
            MemoryError,
            "",
        ),
        (
            lambda: kernels.scatter_add_rows(A, np.zeros(3, int), 2),
            ValueError,
            "indices has shape (3,)",
        ),
        (lambda: kernels.scatter_add_rows(A, np.full(4, 2), 2), IndexError, "indices[0] is 2"),
        (lambda: kernels.scatter_add_rows(A, np.zeros(4, int), -1), ValueError, "rows is -1"),
        (
            lambda: kernels.scatter_add_rows(A, np.zeros(4, int), 2**61),
            ValueError,
            "scatter_add_rows",
        ),
        (
            lambda: kernels.scatter_add_rows(A.astype(int), np.zeros(4, int), 2),
            TypeError,
            "scatter_add_rows: grad has dtype int64",
        ),
        (
            lambda: kernels.take_along_axis(A, np.array([[0, 0, 4]]), 0),
            IndexError,
            "take_along_axis: indices[0, 2] is 4, expected 0 <= index < 4",
        ),
        (
            lambda: kernels.take_along_axis(A, np.zeros((2, 2), int), 0),
            ValueError,
            "indices has shape",
        ),
        (lambda: kernels.take_along_axis(A, np.zeros((2, 3), int), 2), IndexError, "axis 2"),
        (
            lambda: kernels.take_along_axis(A, np.zeros(3, int), 0),
            ValueError,
            "indices has shape (3,)",
        ),
        (
            lambda: kernels.scatter_add_along_axis(A, np.full((4, 3), 9), 0, 9),
            IndexError,
            "scatter_add_along_axis: indices[0, 0] is 9",
        ),
        (
            lambda: kernels.scatter_add_along_axis(A, np.zeros((4, 3), int), 1, -2),
            ValueError,
            "size is -2",
        ),
    ],
)
def test_bad_arguments(call, error, text) -> None:
    with pytest.raises(error) as caught:
        call()
    assert text in str(caught.value)
