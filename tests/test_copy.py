"""Copies: conversion, broadcasting into a view, joins, filling."""

from __future__ import annotations

import re

import numpy as np
import pytest

from cygnet import DTypeError, ShapeError, kernels
from tests.kernel_layouts import LAYOUTS, channels_last, check_replay, same_bits

DTYPES = ["float32", "float64", "int32", "int64", "bool", "uint8"]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_contiguous_keeps_every_bit(dtype: str, layout: str) -> None:
    for shape in [(), (0, 3), (1,), (5, 7), (2, 3, 4, 5), (3, 70, 300)]:
        plain = (np.arange(np.prod(shape, dtype=int)) % 7).reshape(shape).astype(dtype)
        array = LAYOUTS[layout](plain)
        copy = kernels.contiguous(array, always_copy=True)
        assert copy.flags.c_contiguous
        assert same_bits(copy, plain)
        assert not np.shares_memory(copy, array)


@pytest.mark.parametrize("dtype", DTYPES)
def test_transposes_of_every_remainder(dtype: str) -> None:
    for rows in (1, 2, 3, 7, 8, 15, 16, 17, 33, 129, 300):
        for columns in (1, 5, 16, 31, 64, 130):
            array = (np.arange(2 * rows * columns) % 251).reshape(2, rows, columns).astype(dtype)
            moved = array.transpose(0, 2, 1)
            assert same_bits(kernels.contiguous(moved, always_copy=True), moved.copy())
            guarded = np.full((2, columns + 2, rows + 2), 1, dtype)
            kernels.copy_into(guarded[:, 1:-1, 1:-1], moved)
            assert same_bits(guarded[:, 1:-1, 1:-1].copy(), moved.copy())
            guarded[:, 1:-1, 1:-1] = 1
            assert (guarded == 1).all()


def test_copies_past_the_caches() -> None:
    array = np.arange(2899 * 2900, dtype=np.float32).reshape(2899, 2900)
    assert np.array_equal(kernels.contiguous(array, always_copy=True), array)
    assert np.array_equal(kernels.contiguous(array.T), array.T)
    assert np.array_equal(kernels.cast(array, "float64"), array.astype(np.float64))
    assert np.array_equal(kernels.concatenate([array, array[:, :7]], 1)[:, 2900:], array[:, :7])


@pytest.mark.parametrize("target", DTYPES)
@pytest.mark.parametrize("source", DTYPES)
def test_cast_equals_numpy(source: str, target: str) -> None:
    array = np.array([[0, 1, 2], [100, 3, 200]]).astype(source)
    assert np.array_equal(kernels.cast(array, target), array.astype(target))
    assert np.array_equal(kernels.cast(array.T[::-1], target), array.T[::-1].astype(target))


def test_floats_beyond_an_integer_type_become_its_lowest() -> None:
    array = np.array([np.nan, np.inf, -np.inf, 1e30, -1e30, 2.9, -2.9])
    lowest = np.iinfo(np.int32).min
    assert kernels.cast(array, "int32").tolist() == [lowest] * 5 + [2, -2]
    assert kernels.cast(array, "uint8").tolist() == [0, 0, 0, 0, 0, 2, 0]
    edge = np.array([2.0**31 - 1, -(2.0**31), -(2.0**31) - 0.5])
    assert kernels.cast(edge, "int32").tolist() == [2**31 - 1, -(2**31), -(2**31)]
    assert kernels.cast(array, "bool").tolist() == [True] * 7


def test_copy_into_broadcasts_and_converts() -> None:
    target = np.zeros((2, 3, 4), np.float64)
    kernels.copy_into(target[:, ::2], np.arange(4, dtype=np.float32))
    assert np.array_equal(target[:, ::2], np.broadcast_to(np.arange(4), (2, 2, 4)))
    assert np.array_equal(target[:, 1], np.zeros((2, 4)))


def test_concatenate_and_full() -> None:
    a, b = np.ones((2, 3), np.float32), np.zeros((2, 1), np.float32)
    assert np.array_equal(kernels.concatenate([a, b], 1), np.concatenate([a, b], 1))
    assert np.array_equal(kernels.concatenate([a.T, a.T[::-1]]), np.concatenate([a.T, a.T[::-1]]))
    assert np.array_equal(kernels.full((2, 2), 7, "int64"), [[7, 7], [7, 7]])
    assert kernels.full((), 2.5).item() == 2.5


def test_concatenate_keeps_channels_last() -> None:
    a = np.arange(2 * 3 * 4 * 5, dtype=np.float32).reshape(2, 3, 4, 5)
    for axis in range(4):
        joined = kernels.concatenate([channels_last(a), channels_last(-a)], axis)
        assert np.array_equal(joined, np.concatenate([a, -a], axis))
        assert np.moveaxis(joined, 1, -1).flags.c_contiguous
    assert kernels.concatenate([channels_last(a), a], 1).flags.c_contiguous


def test_replay() -> None:
    x = np.random.default_rng(0).standard_normal((6, 5))
    check_replay(lambda a: kernels.contiguous(a.T), x)
    check_replay(lambda a: kernels.cast(a, "float32"), x)
    check_replay(lambda a: kernels.concatenate([a[::2], a[1::2]], 0), x)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: kernels.cast(np.zeros(2), "float16"), DTypeError, "cast: dtype is float16"),
        (lambda: kernels.cast("a", "int32"), TypeError, "cast: input must be a NumPy array"),
        (
            lambda: kernels.contiguous(np.zeros((1,) * 17)),
            ShapeError,
            "contiguous: input has 17 dimensions, expected at most 16",
        ),
        (lambda: kernels.copy_into(np.zeros(2), np.zeros(3)), ShapeError, "copy_into: source"),
        (lambda: kernels.full((-1,), 0), ShapeError, "full: a size of (-1,) is negative"),
        (lambda: kernels.full((2**40, 2**40), 0), ShapeError, "full: shape (1099511627776, 10995"),
        (lambda: kernels.concatenate([]), ValueError, "concatenate: arrays is empty"),
        (
            lambda: kernels.concatenate([np.zeros(2), np.zeros(2, np.float32)]),
            DTypeError,
            "concatenate: arrays[1] has dtype float32, expected float64",
        ),
        (
            lambda: kernels.concatenate([np.zeros((2, 2)), np.zeros((2, 3))]),
            ShapeError,
            "concatenate: arrays[1] has shape (2, 3)",
        ),
        (lambda: kernels.concatenate([np.zeros(2)], 1), IndexError, "concatenate: axis 1"),
    ],
)
def test_bad_input(call, error, text: str) -> None:
    with pytest.raises(error, match=re.escape(text)):
        call()


def test_copy_into_a_read_only_or_shared_array() -> None:
    target = np.zeros(4)
    with pytest.raises(ValueError, match="copy_into: target shares memory with source"):
        kernels.copy_into(target[1:], target[:-1])
    target.flags.writeable = False
    with pytest.raises(ValueError, match="copy_into: target is read-only"):
        kernels.copy_into(target, np.zeros(4))
