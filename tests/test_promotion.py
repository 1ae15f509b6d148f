"""Types of results: two tensors, 0-d tensors, Python numbers; against a table of PyTorch 2.13's."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import cygnet
from cygnet import Tensor, as_tensor

TYPES = ("bool", "uint8", "int32", "int64", "float32", "float64")
# Row: the left operand; column: the right one; both with dimensions, or both without.
ALIKE = """
bool    uint8   int32   int64   float32 float64
uint8   uint8   int32   int64   float32 float64
int32   int32   int32   int64   float32 float64
int64   int64   int64   int64   float32 float64
float32 float32 float32 float32 float32 float64
float64 float64 float64 float64 float64 float64
"""
# Row: the operand with dimensions; column: the 0-d one.
BESIDE_0D = """
bool    uint8   int32   int64   float32 float64
uint8   uint8   uint8   uint8   float32 float64
int32   int32   int32   int32   float32 float64
int64   int64   int64   int64   float32 float64
float32 float32 float32 float32 float32 float32
float64 float64 float64 float64 float64 float64
"""
# Row: the tensor, of any number of dimensions; column: a Python bool, int, float.
BESIDE_NUMBER = """
bool    int64   float32
uint8   uint8   float32
int32   int32   float32
int64   int64   float32
float32 float32 float32
float64 float64 float64
"""


def table(text: str, columns: int) -> dict[tuple[int, int], str]:
    words = text.split()
    return {(i // columns, i % columns): word for i, word in enumerate(words)}


def ones(dtype: str, shape: tuple[int, ...]) -> Tensor:
    return as_tensor(np.ones(shape, dtype))


PAIRS = list(itertools.product(range(6), range(6)))


@pytest.mark.parametrize("shape", [(), (2,)], ids=["0d", "1d"])
@pytest.mark.parametrize(("left", "right"), PAIRS)
def test_tensors_alike(left: int, right: int, shape: tuple[int, ...]) -> None:
    a, b = ones(TYPES[left], shape), ones(TYPES[right], shape)
    expected = table(ALIKE, 6)[left, right]
    assert (a * b).dtype == (b * a).dtype == cygnet.result_type(a, b) == expected
    assert cygnet.where(ones("bool", shape), a, b).dtype == expected
    assert cygnet.maximum(a, b).dtype == expected


@pytest.mark.parametrize(("left", "right"), PAIRS)
def test_a_0d_tensor_does_not_promote_within_its_category(left: int, right: int) -> None:
    a, b = ones(TYPES[left], (2,)), ones(TYPES[right], ())
    expected = table(BESIDE_0D, 6)[left, right]
    assert (a + b).dtype == (b + a).dtype == cygnet.result_type(a, b) == expected


@pytest.mark.parametrize("shape", [(), (2,)], ids=["0d", "1d"])
@pytest.mark.parametrize("left", range(6))
def test_numbers(left: int, shape: tuple[int, ...]) -> None:
    for right, number in enumerate((True, 2, 2.5)):
        a, expected = ones(TYPES[left], shape), table(BESIDE_NUMBER, 3)[left, right]
        assert (a * number).dtype == (number * a).dtype == expected
        assert cygnet.where(ones("bool", shape), a, number).dtype == expected
    assert (ones("float32", shape) * np.float64(2)).dtype == "float32"
    assert (ones("int64", shape) / 2).dtype == (ones("bool", shape) / 2).dtype == "float32"


def test_numbers_of_both_sides() -> None:
    condition = ones("bool", (2,))
    assert cygnet.where(condition, 1, 2).dtype == "int64"
    assert cygnet.where(condition, 1, 2.0).dtype == "float32"
    assert cygnet.where(condition, True, False).dtype == "bool"


def test_integers_wrap_around_in_small_types() -> None:
    a = ones("uint8", (2,))
    assert (a + 300).tolist() == [45, 45]
    assert (a - 2).tolist() == [255, 255]
    with pytest.raises(ValueError, match=f"add: other is {2**70}, which does not fit int64"):
        _ = ones("int64", (2,)) + 2**70


def test_sums_of_integers_are_int64_and_a_given_type_holds() -> None:
    for dtype in TYPES[:4]:
        a = ones(dtype, (2, 3))
        for op in (cygnet.sum, cygnet.prod, lambda a: cygnet.cumsum(a, 0), lambda a: a.cumprod(1)):
            assert op(a).dtype == "int64"
        for total in (a.sum(dtype=np.int32), a.prod(dtype=np.int32), a.cumsum(0, dtype=np.int32)):
            assert total.dtype == "int32"
        assert a.mean(dtype=np.float64).dtype == a.softmax(1, np.float64).dtype == "float64"
        assert a.float_power(2).dtype == "float64"
        assert a.exp().dtype == a.sin().dtype == a.atan2(a).dtype == "float32"
    assert ones("uint8", (2,)).any().dtype == "uint8"
