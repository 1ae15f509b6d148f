"""The tensor as an object: creation, conversion, indexing, text, NumPy."""

import copy

import numpy as np
import pytest

import cygnet as cn


def test_types_of_new_tensors():
    assert cn.tensor([1.0, 2.0]).dtype == np.float32
    assert cn.tensor([1, 2]).dtype == np.int64
    assert cn.tensor([True]).dtype == np.bool_
    assert cn.tensor(np.zeros(2)).dtype == np.float64
    assert cn.tensor([np.float64(1.0), np.float64(2.0)]).dtype == np.float64
    assert cn.tensor([1, 2], dtype="float64").dtype == np.float64
    assert cn.tensor(cn.tensor([1.0])).dtype == np.float32


def test_tensor_copies_and_from_numpy_shares():
    array = np.zeros(3, np.float32)
    copied, shared = cn.tensor(array), cn.from_numpy(array)
    array[0] = 5
    assert copied.tolist() == [0, 0, 0]
    assert shared.tolist() == [5, 0, 0]


@pytest.mark.parametrize("bad", [np.zeros(2, np.complex64), np.zeros(2, ">f4"), ["a"], [None]])
def test_unsupported_data_is_a_dtype_error(bad):
    with pytest.raises(cn.DTypeError, match="tensor: data"):
        cn.tensor(bad)


def test_ragged_data_is_a_shape_error():
    with pytest.raises(cn.ShapeError, match="tensor: data"):
        cn.tensor([[1.0], [1.0, 2.0]])


def test_unknown_dtype():
    with pytest.raises(cn.DTypeError, match="complex64"):
        cn.tensor([1.0], dtype=np.complex64)


def test_creation():
    assert cn.zeros(2, 3).shape == (2, 3)
    assert cn.ones((2, 3), dtype=np.int64).tolist() == [[1, 1, 1], [1, 1, 1]]
    assert cn.full((2,), 7.5).tolist() == [7.5, 7.5]
    assert cn.arange(3).tolist() == [0, 1, 2]
    assert cn.arange(1, 2, 0.5).tolist() == [1.0, 1.5]
    assert cn.eye(2).tolist() == [[1, 0], [0, 1]]
    assert cn.zeros_like(cn.ones(2, dtype=np.float64)).dtype == np.float64
    with pytest.raises(cn.ShapeError, match="full"):
        cn.zeros(-1)


def test_random_creation_follows_the_seed():
    cn.manual_seed(3)
    first = cn.randn(5).tolist(), cn.rand(5).tolist(), cn.randperm(6).tolist()
    cn.manual_seed(3)
    assert (cn.randn(5).tolist(), cn.rand(5).tolist(), cn.randperm(6).tolist()) == first
    assert sorted(first[2]) == list(range(6))


def test_operators_and_promotion():
    x = cn.tensor([1.0, 2.0])
    assert (2 - x).tolist() == [1.0, 0.0]
    assert (2 / x).tolist() == [2.0, 1.0]
    assert (x**2).tolist() == [1.0, 4.0]
    assert (2**x).tolist() == [2.0, 4.0]
    assert (-x).tolist() == [-1.0, -2.0]
    assert (x * 0.5).dtype == np.float32
    assert (x + cn.tensor([1, 2])).dtype == np.float32
    assert (x + np.ones(2)).dtype == np.float64
    assert (np.ones(2, np.float32) + x).tolist() == [2.0, 3.0]
    assert (cn.tensor([1, 2]) * 2).dtype == np.int64
    assert (cn.tensor([1, 2]) * 0.5).dtype == np.float32
    assert (cn.tensor([1, 2]) / 2).tolist() == [0.5, 1.0]
    assert (x == cn.tensor([1, 3])).tolist() == [True, False]
    assert ((x > 1) & ~(x > 5)).tolist() == [False, True]
    assert (cn.tensor([3, 1]) == cn.tensor([3, 2])).sum().item() == 1


def test_operator_with_a_stranger():
    with pytest.raises(TypeError, match="add: other"):
        cn.ones(1) + "a"


def test_views_share_memory():
    x = cn.zeros(2, 3)
    x.T.numpy()[0, 1] = 1
    x.view(6).numpy()[0] = 2
    x[0].numpy()[2] = 3
    assert x.tolist() == [[2, 0, 3], [1, 0, 0]]


def test_reshape():
    x = cn.arange(6)
    assert x.reshape(2, -1).shape == (2, 3)
    assert x.view((3, 2)).T.reshape(6).tolist() == [0, 2, 4, 1, 3, 5]
    assert cn.zeros(0, 3).reshape(0).shape == (0,)
    for bad in ((4,), (-1, -1), (-2, 3), (5, -1)):
        with pytest.raises(cn.ShapeError, match="reshape"):
            x.reshape(bad)
    with pytest.raises(TypeError, match="reshape"):
        x.reshape(2.0, 3)


def test_dimension_changes():
    x = cn.zeros(2, 1, 3)
    assert x.squeeze().shape == (2, 3)
    assert x.squeeze(0).shape == (2, 1, 3)
    assert x.unsqueeze(-1).shape == (2, 1, 3, 1)
    assert x.permute(2, 0, 1).shape == (3, 2, 1)
    assert x.transpose(0, -1).shape == (3, 1, 2)
    assert x.flatten(1).shape == (2, 3)
    assert x.expand(2, 5, -1).shape == (2, 5, 3)
    assert cn.stack([cn.zeros(3), cn.ones(3)], 1).shape == (3, 2)
    assert cn.cat([cn.zeros(1, 3), cn.ones(2, 3)]).shape == (3, 3)
    for bad in (lambda: x.permute(0, 0, 1), lambda: x.flatten(2, 1)):
        with pytest.raises(ValueError, match=r"permute|flatten"):
            bad()
    for bad in (lambda: x.transpose(0, 3), lambda: x.unsqueeze(5), lambda: x.sum(7)):
        with pytest.raises(IndexError):
            bad()
    with pytest.raises(cn.ShapeError, match="expand"):
        x.expand(3, 1, 3)
    with pytest.raises(cn.ShapeError, match=r"concatenate: arrays\[1\]"):
        cn.cat([cn.zeros(1, 3), cn.ones(2, 2)])


def test_indexing():
    x = cn.arange(12).reshape(3, 4)
    assert x[1].tolist() == [4, 5, 6, 7]
    assert x[-1, ::2].tolist() == [8, 10]
    assert x[..., None].shape == (3, 4, 1)
    assert x[1, 2].shape == ()
    assert x[1, 2].item() == 6
    assert x[[2, 0]].tolist() == [[8, 9, 10, 11], [0, 1, 2, 3]]
    assert x[cn.tensor([1])].tolist() == [[4, 5, 6, 7]]
    assert x.index_select(1, cn.tensor([3, 3])).tolist() == [[3, 3], [7, 7], [11, 11]]
    with pytest.raises(IndexError):
        x[3]
    with pytest.raises(IndexError, match=r"indexing: index\[0\] is 3"):
        x[[3]]
    with pytest.raises(IndexError, match="float32"):
        x[cn.tensor([1.0])]


def test_gradient_through_indexing():
    x = cn.tensor(np.arange(6.0).reshape(2, 3), requires_grad=True)
    (x[0, 1:] * 2).sum().backward()
    assert x.grad.tolist() == [[0, 2, 2], [0, 0, 0]]
    x.grad = None
    (x[[1, 1, 0]] * cn.tensor([[1.0], [2.0], [4.0]], dtype="float64")).sum().backward()
    assert x.grad.tolist() == [[4, 4, 4], [3, 3, 3]]


def test_reductions_return_values_and_positions():
    x = cn.tensor([[1.0, 5.0], [7.0, 2.0]])
    values, indices = x.max(1)
    assert (values.tolist(), indices.tolist()) == ([5.0, 7.0], [1, 0])
    assert x.max().item() == 7.0
    assert x.argmax().item() == 2
    assert x.mean(0, keepdim=True).shape == (1, 2)
    with pytest.raises(cn.DTypeError, match="mean"):
        cn.arange(3).mean()


def test_to_python_and_numpy():
    x = cn.tensor([[2.5]])
    assert float(x) == 2.5
    assert int(x) == 2
    assert f"{x:.1f}" == "2.5"
    assert bool(x)
    assert [0, 1, 2][cn.tensor(1)] == 1
    assert np.asarray(x).dtype == np.float32
    assert np.asarray(x, dtype=np.float64).dtype == np.float64
    with pytest.raises(ValueError, match="item"):
        cn.zeros(2).item()
    with pytest.raises(ValueError, match="ambiguous"):
        bool(cn.zeros(2))
    assert cn.zeros(2, requires_grad=True).numpy().tolist() == [0, 0]
    with pytest.raises(TypeError, match="0-d"):
        len(cn.tensor(1.0))


def test_text():
    assert repr(cn.tensor([1.0, 2.5])) == "tensor([1. , 2.5])"
    assert repr(cn.tensor(3)) == "tensor(3)"
    assert repr(cn.zeros(1, dtype=np.float64)) == "tensor([0.], dtype=float64)"
    x = cn.zeros(1, requires_grad=True)
    assert repr(x) == "tensor([0.], requires_grad=True)"
    assert repr(x * 2) == "tensor([0.], grad_fn=<mul>)"
    assert repr(cn.zeros(0, 2)) == "tensor([], size=(0, 2))"
    assert "..." in repr(cn.zeros(2000))


def test_copies():
    x = cn.tensor([1.0], requires_grad=True)
    twin = copy.deepcopy(x)
    twin.data.numpy()[0] = 4
    assert x.item() == 1.0
    assert twin.requires_grad
    assert x.clone().requires_grad
    with pytest.raises(RuntimeError, match="deepcopy"):
        copy.deepcopy(x * 2)


def test_reading_inside_a_recording_is_an_error():
    x = cn.ones(2)
    with cn.kernels.Recording():
        y = x.sum()
        assert "in a recording" in repr(y)
        for read in (y.item, y.numpy, y.tolist):
            with pytest.raises(RuntimeError, match="recorded"):
                read()


def test_tensors_hash_by_identity():
    a, b = cn.ones(1), cn.ones(1)
    assert len({a, b, a}) == 2
