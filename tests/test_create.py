"""New tensors: types, shapes, values, arguments."""

import collections

import numpy as np
import pytest

import cygnet as cn
from cygnet import kernels


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        (1, cn.int64),
        (1.5, cn.float32),
        (True, cn.bool),
        ([], cn.float32),
        ([[], []], cn.float32),
        ([1, 2], cn.int64),
        ([True, False], cn.bool),
        ([True, 2], cn.int64),
        ([True, 2.5], cn.float32),
        ([[1, 2], [3, 4.5]], cn.float32),
        (((1,), [2]), cn.int64),
        (range(3), cn.int64),
        (collections.deque([1.5]), cn.float32),
        (np.float64(1), cn.float64),
        ([np.float64(1)], cn.float64),
        ([np.int32(1), 2.0], cn.float32),
        ([np.float32(1), np.int64(2)], cn.float32),
        ([np.zeros(2), np.zeros(2)], cn.float64),
        (np.zeros(2, np.uint8), cn.uint8),
        ([cn.tensor(1), cn.tensor(2.0)], cn.float32),
        ([1, cn.tensor(2.0, dtype=cn.float64)], cn.float64),
        ([cn.tensor(1.0, dtype=cn.float64), 2], cn.float64),
        ([[cn.tensor(1), 2], [3, 4]], cn.int64),
        ([cn.tensor([1]), cn.tensor([[2]])], cn.int64),
    ],
)
def test_the_type_follows_from_the_data(data, dtype):
    made = cn.tensor(data)
    assert made.dtype == dtype
    assert cn.as_tensor(data).dtype == cn.asarray(data).dtype == dtype
    assert made.shape == np.asarray(data if not isinstance(data, list) else made.numpy()).shape


def test_tensor_takes_pytorchs_arguments():
    x = cn.tensor([1, 2], dtype=cn.float64, device="cpu", requires_grad=True, pin_memory=False)
    assert x.requires_grad and x.dtype == cn.float64
    assert cn.tensor([1.9, -1.9], dtype=cn.int64).tolist() == [1, -1]
    assert cn.tensor(np.zeros(1, np.float16), dtype=cn.float32).dtype == cn.float32
    with pytest.raises(RuntimeError, match="only floating-point"):
        cn.tensor([1], requires_grad=True)
    with pytest.raises(cn.DTypeError, match="tensor: data has dtype"):
        cn.tensor([2**63])
    with pytest.raises(cn.DTypeError, match="tensor: data has dtype"):
        cn.tensor([np.float16(1)])


def test_what_shares_memory():
    array = np.zeros(3, np.float32)
    for share in (cn.as_tensor, cn.asarray, cn.from_numpy, cn.Tensor):
        assert np.shares_memory(share(array).numpy(), array)
    assert np.shares_memory(cn.asarray(array, copy=False).numpy(), array)
    assert not np.shares_memory(cn.asarray(array, copy=True).numpy(), array)
    assert not np.shares_memory(cn.as_tensor(array, cn.float64).numpy(), array)
    x = cn.ones(2, requires_grad=True)
    assert cn.as_tensor(x) is x
    assert cn.as_tensor(x, cn.float64).requires_grad
    assert not cn.asarray(x).requires_grad
    assert cn.asarray(array, requires_grad=True).requires_grad
    for data, dtype in (([1.0], None), (array, cn.int64)):
        with pytest.raises(ValueError, match="asarray: copy is False"):
            cn.asarray(data, dtype=dtype, copy=False)
    with pytest.raises(TypeError, match="from_numpy: ndarray must be"):
        cn.from_numpy(np.float32(2))
    assert cn.from_numpy(np.arange(3)[::-1]).tolist() == [2, 1, 0]


def test_frombuffer():
    memory = bytearray(np.arange(4, dtype=np.int32).tobytes())
    x = cn.frombuffer(memory, dtype=cn.int32)
    memory[0] = 9
    assert x.tolist() == [9, 1, 2, 3]
    assert cn.frombuffer(memory, dtype=cn.int32, count=2, offset=4).tolist() == [1, 2]
    assert cn.frombuffer(b"", dtype=cn.int32).shape == (0,)
    assert cn.frombuffer(bytes(8), dtype=cn.float32, requires_grad=True).requires_grad
    for buffer, count, offset in ((b"123", -1, 0), (memory, 9, 0), (memory, -1, 99)):
        with pytest.raises(ValueError, match="frombuffer: buffer expected"):
            cn.frombuffer(buffer, dtype=cn.int32, count=count, offset=offset)
    with pytest.raises(ValueError, match="frombuffer: buffer expected"):
        cn.frombuffer([1, 2], dtype=cn.int32)


def test_constants():
    for name, value in (("zeros", 0), ("ones", 1), ("empty", 0)):
        make = getattr(cn, name)
        for made in (make(2, 3), make((2, 3)), make([2, 3]), make(size=(2, 3))):
            assert made.tolist() == [[value] * 3] * 2
            assert made.dtype == cn.float32
        assert make(()).shape == ()
        with pytest.raises(TypeError, match=f"{name}: size is missing"):
            make()
        assert make(0, 2).shape == (0, 2)
        assert make(1, dtype=bool).tolist() == [bool(value)]
        like = getattr(cn, f"{name}_like")
        assert like(cn.tensor([[1, 2]])).tolist() == [[value, value]]
        assert like(cn.tensor([1]), dtype=cn.float32, requires_grad=True).requires_grad
        new = getattr(cn.ones(1, dtype=cn.float64), f"new_{name}")
        assert new(2, 1).dtype == new((2, 1)).dtype == cn.float64
        assert new(2, dtype=cn.int64).tolist() == [value, value]
        assert make.__name__ == name and make.__doc__


def test_full():
    assert cn.full((2,), True).dtype == cn.bool
    assert cn.full((2,), 3).dtype == cn.int64
    assert cn.full((2,), 2.5).dtype == cn.float32
    assert cn.full((), np.float64(2.5)).dtype == cn.float32
    assert cn.full((2,), cn.tensor(3.0), dtype=cn.int64).tolist() == [3, 3]
    assert cn.full((2,), 2**62 + 1).tolist() == [2**62 + 1] * 2
    assert cn.full((2,), -(2**63)).tolist() == [-(2**63)] * 2
    assert cn.full_like(cn.zeros(2), 7).tolist() == [7.0, 7.0]
    assert cn.full_like(cn.zeros(2), 7, dtype=cn.int32).dtype == cn.int32
    assert cn.ones(1).new_full((2,), 3).dtype == cn.float32
    assert cn.ones(1).new_tensor([1, 2]).dtype == cn.float32
    assert np.isnan(cn.full((1,), cn.nan).item())
    for value, dtype in ((256, cn.uint8), (cn.nan, cn.int64), (2**63, cn.int64), (-1, cn.uint8)):
        with pytest.raises(ValueError, match="full: fill_value is"):
            cn.full((2,), value, dtype=dtype)


def test_arange():
    assert cn.arange(3).tolist() == cn.arange(end=3).tolist() == [0, 1, 2]
    assert cn.arange(1, 7, 2).tolist() == [1, 3, 5]
    assert cn.arange(3, 0, -1).tolist() == [3, 2, 1]
    assert cn.arange(0).shape == cn.arange(2, 2).shape == (0,)
    assert cn.arange(3.0).dtype == cn.float32
    assert cn.arange(cn.tensor(3)).tolist() == [0, 1, 2]
    assert cn.arange(2.5, dtype=cn.int64).tolist() == [0, 1]
    assert cn.arange(2.5, dtype=cn.int32).tolist() == [0, 1, 2]
    assert cn.arange(2, dtype=cn.float64, requires_grad=True).requires_grad
    np.testing.assert_array_equal(
        cn.arange(0.1, 0.7, 0.2).numpy(), np.array([0.1, 0.1 + 0.2, 0.1 + 0.4], np.float32)
    )
    assert cn.arange(0, 1, 0.1, dtype=cn.float64).shape == (10,)
    assert cn.arange(2**60, 2**60 + 2).tolist() == [2**60, 2**60 + 1]
    for arguments, message in (
        ((1, 3, 0), "step is 0"),
        ((0, 1, -1), "does not lead"),
        ((0, cn.inf), "end is inf"),
        ((0, 1, cn.nan), "step is nan"),
    ):
        with pytest.raises(ValueError, match=message):
            cn.arange(*arguments)
    with pytest.raises(ValueError, match="step is 0"):
        cn.arange(1, 3, 0.5, dtype=cn.int64)
    with pytest.raises(TypeError, match="arange: end must be a number"):
        cn.arange("a")


def test_linspace_and_logspace():
    assert cn.linspace(0, 1, 3).tolist() == [0, 0.5, 1]
    assert cn.linspace(3, 1, 1).tolist() == [3]
    assert cn.linspace(0, 1, 0).shape == (0,)
    assert cn.linspace(0, 10, 5, dtype=cn.int64).tolist() == [0, 2, 5, 7, 10]
    assert cn.linspace(cn.tensor(-1.0), 1, 2).tolist() == [-1, 1]
    halves = cn.linspace(-1, 1, 1001, dtype=cn.float64).numpy()
    np.testing.assert_array_equal(halves, -halves[::-1])
    np.testing.assert_allclose(halves, np.linspace(-1, 1, 1001), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(cn.logspace(0, 2, 3).numpy(), [1, 10, 100], rtol=1e-6)
    assert cn.logspace(0, 3, 4, base=2).tolist() == [1, 2, 4, 8]
    for make in (cn.linspace, cn.logspace):
        with pytest.raises(ValueError, match="steps is -1"):
            make(0, 1, -1)


def test_eye():
    assert cn.eye(2, 3, dtype=cn.bool).tolist() == [[True, False, False], [False, True, False]]
    assert cn.eye(0).shape == (0, 0)
    assert cn.eye(2, requires_grad=True).requires_grad
    with pytest.raises(ValueError, match="eye: n and m are -1"):
        cn.eye(-1)


def test_options_that_have_no_effect_and_that_do_not_exist():
    assert cn.zeros(1, layout=cn.strided, pin_memory=True).tolist() == [0]
    assert cn.zeros_like(cn.ones(1), memory_format=cn.preserve_format).tolist() == [0]
    for call in (
        lambda: cn.zeros(2, out=cn.ones(2)),
        lambda: cn.arange(2, out=cn.ones(2)),
        lambda: cn.full_like(cn.ones(2), 1, shape=3),
    ):
        with pytest.raises(TypeError, match="there is no argument"):
            call()
    with pytest.raises(RuntimeError, match="zeros: layout is 'sparse'"):
        cn.zeros(2, layout="sparse")


@pytest.mark.parametrize(
    "make",
    [
        lambda: cn.zeros(3),
        lambda: cn.arange(3.0),
        lambda: cn.linspace(0, 1, 3),
        lambda: cn.eye(2),
        lambda: cn.full((2,), 2**60),
        lambda: cn.tensor([1.0, 2.0]),
    ],
)
def test_a_replay_makes_a_constant_again(make):
    with kernels.Recording() as recording:
        made = make()
    expected = made.tolist()
    made.numpy()[...] = 9
    recording.replay()
    assert made.tolist() == expected


@pytest.mark.parametrize("size", [(3, 4), (4, 3), (1, 1), (0, 3)])
@pytest.mark.parametrize("offset", [-2, 0, 1, 9])
def test_indices_of_triangles(size, offset):
    for name, reference in (("tril_indices", np.tril_indices), ("triu_indices", np.triu_indices)):
        indices = getattr(cn, name)(*size, offset=offset)
        rows, columns = reference(size[0], offset, size[1])
        assert indices.dtype == np.int64
        np.testing.assert_array_equal(indices.numpy(), np.stack([rows, columns]))
