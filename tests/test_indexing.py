"""Indexing, scattering and the kernels behind them, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest

import cygnet as cn
from cygnet import DTypeError, ShapeError, kernels

rng = np.random.default_rng(3)
X = cn.tensor(rng.standard_normal((2, 3, 4)))
ROWS = cn.tensor([[0, 1]])
FLOAT = cn.zeros(2)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, np.int64, np.uint8])
@pytest.mark.parametrize("mode", ["assign", "add", "multiply", "amax", "amin"])
@pytest.mark.parametrize("shape", [(6,), (3, 5), (4, 3, 2), (5, 40, 300)])
def test_puts_one_after_the_other(dtype, mode, shape):
    apply = {"assign": lambda a, b: b, "add": np.add, "multiply": np.multiply, "amax": np.maximum}
    function = apply.get(mode, np.minimum)
    before = rng.integers(0, 3, shape).astype(dtype)
    for axis in range(len(shape)):
        indices = rng.integers(0, shape[axis], 4)
        wanted = (*shape[:axis], 4, *shape[axis + 1 :])
        values = rng.integers(0, 3, wanted).astype(dtype)
        expected = before.copy()
        for i, index in enumerate(indices):
            at = (*[slice(None)] * axis, index)
            expected[at] = function(expected[at], values[(*[slice(None)] * axis, i)])
        target = before.copy()
        kernels.index_put(target, indices, values, axis, 1, mode)
        np.testing.assert_array_equal(target, expected)
        strided = np.asfortranarray(before)
        along = np.broadcast_to(
            indices.reshape([-1 if i == axis else 1 for i in range(len(shape))]), wanted
        )
        kernels.put_along_axis(strided, along, values, axis, mode)
        np.testing.assert_array_equal(strided, expected)


def test_puts_at_several_axes_and_bools():
    target = np.zeros((3, 4, 5, 2), bool)
    kernels.index_put(target, np.array([0, 19]), np.ones((3, 2, 2), bool), 1, 2)
    assert target[:, 0, 0].all() and target[:, 3, 4].all() and target.sum() == 12
    with pytest.raises(DTypeError, match="index_put: target has dtype bool"):
        kernels.index_put(target, np.array([0]), np.ones((1, 4, 5, 2), bool), 0, 1, "add")


@pytest.mark.parametrize("shape", [(), (0,), (5,), (3, 4), (17, 31, 67), (100_000,)])
@pytest.mark.parametrize("share", [0, 0.1, 1])
def test_positions_of_what_is_not_zero(shape, share):
    array = np.asarray(rng.random(shape) < share, np.float32)
    positions = kernels.nonzero(array)
    np.testing.assert_array_equal(positions, np.flatnonzero(array))
    if shape:
        np.testing.assert_array_equal(kernels.unravel(positions, shape), np.nonzero(array))


def test_flat_positions_count_from_the_end():
    i, j = rng.integers(-3, 3, (4, 5)), rng.integers(-7, 7, (4, 5))
    found = kernels.flat_positions([i, j.astype(np.int32)], [3, 7])
    np.testing.assert_array_equal(found, (i % 3) * 7 + j % 7)


def test_a_replay_checks_the_positions_again():
    array, index = np.zeros(4, np.float32), np.array([1, -1])
    x = cn.Tensor(array)
    with kernels.Recording() as recording:
        y = x[cn.Tensor(index)]
    array[...] = [1, 2, 3, 4]
    index[...] = [2, -4]
    recording.replay()
    assert y._array.tolist() == [3, 1]
    index[0] = 4
    with pytest.raises(IndexError, match=r"indexing: index\[0\] is 4, expected -4 <= index < 4"):
        recording.replay()


@pytest.mark.parametrize(
    "call",
    [
        lambda: X[X > 0],
        lambda: X.nonzero(),
        lambda: X.masked_select(X > 0),
        lambda: cn.where(X > 0),
    ],
)
def test_sizes_that_depend_on_values_are_not_recorded(call):
    with kernels.Recording(), pytest.raises(RuntimeError, match="recorded"):
        call()


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: X[2], IndexError, "indexing: the index of dimension 0 is 2, expected -2 to 1"),
        (lambda: X[0, -4], IndexError, "the index of dimension 1 is -4"),
        (lambda: X[0, 0, 0, 0], IndexError, "indexing: 4 indices for 3 dimensions"),
        (lambda: X[..., ...], IndexError, "'...' comes 2 times"),
        (lambda: X[::-1], ValueError, "a slice has the step -1"),
        (lambda: X[[5]], IndexError, "indexing: index[0] is 5, expected -2 <= index < 2"),
        (lambda: X[[0, 1], [0, 1, 2]], ShapeError, "indexing: the shapes (2,), (3,) do not"),
        (lambda: X[FLOAT], IndexError, "a tensor index has dtype float32"),
        (lambda: X[cn.zeros(2, dtype=np.uint8)], IndexError, "a tensor index has dtype uint8"),
        (lambda: X[cn.tensor([True])], IndexError, "a mask has shape (1,), expected (2,)"),
        (lambda: X["a"], IndexError, "an index is a str"),
        (lambda: X[1.5], IndexError, "an index is a float"),
        (lambda: X.index_select(0, cn.tensor([-1])), IndexError, "indices[0] is -1"),
        (lambda: X.index_select(3, cn.tensor([0])), IndexError, "index_select: dim is 3"),
        (lambda: X.index_select(0, ROWS), ShapeError, "index_select: index has shape (1, 2)"),
        (lambda: X.gather(0, cn.tensor([0])), ShapeError, "gather: index has shape (1,)"),
        (lambda: X.gather(0, X), DTypeError, "indices has dtype float64"),
        (lambda: X.scatter(0, ROWS, X), ShapeError, "scatter: index has shape (1, 2)"),
        (lambda: FLOAT.scatter(0, ROWS[0], X[0, 0]), DTypeError, "scatter: src is float64"),
        (lambda: FLOAT.scatter(0, ROWS[0], 1, reduce="max"), ValueError, "reduce is 'max'"),
        (lambda: FLOAT.scatter(0, ROWS[0]), TypeError, "scatter: expected src or value"),
        (lambda: FLOAT.scatter_reduce(0, ROWS[0], FLOAT, "min"), ValueError, "reduce is 'min'"),
        (lambda: FLOAT.scatter_add(0, cn.tensor([2]), FLOAT), IndexError, "indices[0] is 2"),
        (lambda: FLOAT.index_add(0, ROWS[0], cn.zeros(3)), ShapeError, "source has shape (3,)"),
        (lambda: FLOAT.index_fill(0, ROWS[0], FLOAT), ShapeError, "value has shape (2,)"),
        (lambda: X.take(cn.tensor([24])), IndexError, "index[0] is 24, expected -24"),
        (lambda: X.take_along_dim(ROWS, 0), ShapeError, "take_along_dim: indices has shape (1, 2)"),
        (lambda: FLOAT.masked_fill(ROWS, 0), DTypeError, "masked_fill: mask is int64"),
        (lambda: FLOAT.masked_select(X > 0), ShapeError, "masked_select: the shapes"),
        (lambda: FLOAT.masked_scatter(FLOAT == 0, cn.zeros(1)), ValueError, "source has 1 elem"),
        (lambda: cn.where(FLOAT == 0, FLOAT), TypeError, "where: expected condition, input"),
        (lambda: cn.index_put(FLOAT, (None,), FLOAT), IndexError, "indices hold no tensor"),
        (lambda: cn.index_put(FLOAT, (ROWS[0],), cn.zeros(3)), ShapeError, "values have shape"),
        (lambda: cn.index_put(FLOAT, (ROWS[0],), X[0, 0]), DTypeError, "values is float64"),
        (lambda: cn.nn.functional.one_hot(FLOAT), DTypeError, "one_hot: tensor is float32"),
        (lambda: cn.nn.functional.one_hot(ROWS, 0), ValueError, "one_hot: num_classes is 0"),
        (lambda: cn.nn.functional.one_hot(ROWS, 1), IndexError, "is 1, expected 0 <= index < 1"),
        (lambda: kernels.flat_positions([], []), ValueError, "0 index arrays for 0 sizes"),
        (lambda: kernels.unravel(np.array([6]), (2, 3)), IndexError, "unravel: indices[0] is 6"),
        (
            lambda: kernels.index_put(np.zeros(3), np.array([0]), np.zeros(1), 0, 2),
            ValueError,
            "index_put: axes is 2, expected 1 to 1",
        ),
        (
            lambda: kernels.put_along_axis(np.zeros(3), np.array([0]), np.zeros(1), 0, "max"),
            ValueError,
            "put_along_axis: mode is 'max'",
        ),
    ],
)
def test_bad_arguments(call, error, text):
    with pytest.raises(error) as caught:
        call()
    assert text in str(caught.value)


def test_assignment_with_positions_keeps_the_history():
    x = cn.tensor([1.0, 2.0, 3.0], requires_grad=True)
    value = cn.tensor([5.0, 7.0], requires_grad=True)
    y = x * 2
    y[[2, 0]] = value
    (y * cn.tensor([1.0, 10.0, 100.0])).sum().backward()
    assert x.grad.tolist() == [0, 20, 0]
    assert value.grad.tolist() == [100, 1]
    view = y[1:]
    with cn.no_grad():
        view[view > 4.5] = 0
    assert y.tolist() == [7, 4, 0]
    with pytest.raises(RuntimeError, match="setitem: the tensor is a leaf"):
        x[[0]] = 1.0
    z = cn.arange(4)
    z[[1, 2]] += 10
    z[z > 10] = z[:2]
    assert z.tolist() == [0, 0, 11, 3]


def test_a_saved_index_that_changes_is_noticed():
    x = cn.tensor([1.0, 2.0, 3.0], requires_grad=True)
    index = cn.tensor([0, 1])
    y = x.index_select(0, index)
    index.add_(1)
    with pytest.raises(RuntimeError, match="modified in place"):
        y.sum().backward()


def test_reductions_that_have_no_gradient_say_so():
    x = cn.ones(2, requires_grad=True)
    index, src = cn.tensor([0, 0]), cn.ones(2)
    with pytest.raises(RuntimeError, match="'prod' has no gradient"):
        x.scatter_reduce(0, index, src, "prod").sum().backward()
    with pytest.raises(RuntimeError, match="'multiply' has no gradient"):
        x.scatter(0, index, src, reduce="multiply").sum().backward()
