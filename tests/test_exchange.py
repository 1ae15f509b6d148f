"""Memory shared with other libraries: NumPy always, PyTorch and JAX where they are installed."""

import gc
import sys

import numpy as np
import pytest

import cygnet as cn
from cygnet import nn

DTYPES = [cn.float32, cn.float64, cn.int64, cn.int32, cn.uint8, cn.bool]


def sample(dtype):
    return cn.tensor([[1, 0, 1], [0, 1, 1]], dtype=dtype)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_dlpack_with_numpy_shares_memory(dtype):
    x = sample(dtype)
    for tensor in (x, x.T, x[:, 1:], x[0, 0], x[:0]):
        array = np.from_dlpack(tensor)
        np.testing.assert_array_equal(array, tensor.numpy(), strict=True)
        back = cn.from_dlpack(array)
        assert back.dtype == dtype and back.shape == tensor.shape
        if array.size:
            assert np.shares_memory(array, x.numpy())
            assert np.shares_memory(back.numpy(), x.numpy())
    cn.from_dlpack(np.from_dlpack(x)).numpy()[0, 1] = 1
    assert x.tolist()[0][1] == 1
    assert x.__dlpack_device__() == (1, 0)


def test_dlpack_keeps_the_memory_alive():
    array = np.from_dlpack(cn.full((1000,), 3.0))
    gc.collect()
    cn.zeros(1000)
    assert (array == 3).all()


def test_arguments_of_dlpack():
    x = cn.ones(2)
    assert not np.shares_memory(np.from_dlpack(x, copy=True), x.numpy())
    assert not np.shares_memory(cn.from_dlpack(x, copy=True).numpy(), x.numpy())
    assert np.shares_memory(cn.from_dlpack(x, device="cpu", copy=False).numpy(), x.numpy())
    for capsule in (x.__dlpack__(), x.__dlpack__(max_version=(1, 0), dl_device=(1, 0))):
        assert cn.from_dlpack(capsule).tolist() == [1, 1]
    with pytest.raises((BufferError, ValueError)):
        x.__dlpack__(dl_device=(2, 0))
    with pytest.raises(RuntimeError, match="from_dlpack: device is 'cuda'"):
        cn.from_dlpack(x, device="cuda")
    with pytest.raises(BufferError, match="requires a gradient; use tensor"):
        np.from_dlpack(cn.ones(2, requires_grad=True))
    assert np.from_dlpack(cn.ones(2, requires_grad=True).detach()).tolist() == [1, 1]
    with pytest.raises(TypeError, match="from_dlpack: ext_tensor expected an object"):
        cn.from_dlpack([1.0])
    with pytest.raises(cn.DTypeError, match="from_dlpack: data has dtype complex64"):
        cn.from_dlpack(np.zeros(1, np.complex64))
    with cn.kernels.Recording(), pytest.raises(RuntimeError, match="__dlpack__"):
        x.__dlpack__()


def test_memory_that_runs_backwards_is_copied():
    x = cn.from_numpy(np.arange(6.0).reshape(2, 3)[::-1, ::-1])
    array = np.from_dlpack(x)
    assert array.tolist() == x.tolist() and array.flags.c_contiguous
    with pytest.raises(BufferError, match="runs backwards"):
        np.from_dlpack(x, copy=False)


def test_read_only_memory_stays_so():
    array = np.arange(3.0)
    array.flags.writeable = False
    for x in (cn.from_dlpack(array), cn.from_numpy(array), cn.asarray(array)):
        assert not np.from_dlpack(x).flags.writeable
        with pytest.raises(ValueError, match="read-only"):
            x.zero_()
    with pytest.raises(BufferError):  # a capsule of the old form cannot say so
        cn.from_numpy(array).__dlpack__()


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_array_protocol(dtype):
    x = sample(dtype)
    assert np.shares_memory(np.asarray(x), x.numpy())
    assert np.shares_memory(np.array(x, copy=False), x.numpy())
    assert not np.shares_memory(np.array(x), x.numpy())
    assert np.asarray(x, dtype=np.float64).dtype == np.float64
    with pytest.raises(ValueError, match="copy"):
        np.array(x, dtype=np.complex64, copy=False)


def test_numpy_functions_take_tensors():
    x = cn.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert np.mean(x) == 2.5
    assert np.sum(x, axis=0).tolist() == [4, 6]
    assert np.concatenate([x, np.zeros((1, 2))]).shape == (3, 2)
    assert np.linalg.norm(x[0]).dtype == np.float32
    assert np.array_equal(x, x)
    assert np.where(x > 2, x, 0).tolist() == [[0, 0], [3, 4]]
    assert np.clip(x, 2, 3).tolist() == [[2, 2], [3, 3]]
    assert np.mean(cn.ones(2, requires_grad=True)) == 1


@pytest.mark.skipif(
    sys.version_info < (3, 12), reason="a class has a buffer only from Python 3.12 on"
)
def test_buffer_protocol():
    x = cn.tensor([[1.0, 2.0], [3.0, 4.0]])
    view = memoryview(x)
    assert (view.format, view.shape, view.readonly) == ("f", (2, 2), False)
    view[0, 1] = 9.0
    assert x.tolist() == [[1, 9], [3, 4]]
    assert memoryview(x.T).strides == (4, 8)
    assert bytes(cn.tensor([1, 2], dtype=cn.uint8)) == b"\1\2"
    with pytest.raises(RuntimeError, match="requires a gradient"):
        memoryview(cn.ones(1, requires_grad=True))
    assert np.asarray(cn.ones(2)).tolist() == [1, 1]


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="a tensor itself has a buffer")
def test_buffer_of_the_array():
    x = cn.ones(2)
    memoryview(x.numpy())[0] = 5.0
    assert x.tolist() == [5, 1]


def test_utils_dlpack():
    from cygnet.utils import dlpack

    x = cn.ones(2)
    y = dlpack.from_dlpack(dlpack.to_dlpack(x))
    assert np.shares_memory(x.numpy(), y.numpy())


@pytest.fixture
def torch():
    return pytest.importorskip("torch", reason="PyTorch is not installed")


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_memory_shared_with_pytorch(torch, dtype):
    x = sample(dtype)
    for theirs in (torch.from_dlpack(x), torch.from_numpy(x.numpy()), torch.as_tensor(x.numpy())):
        assert theirs.tolist() == x.tolist()
        theirs[0, 1] = 1
        assert x.tolist()[0][1] == 1
        theirs[0, 1] = 0
        for mine in (cn.from_dlpack(theirs), cn.as_tensor(theirs), cn.from_numpy(theirs.numpy())):
            assert mine.dtype == dtype
            mine.numpy()[1, 0] = 1
            assert x.tolist()[1][0] == 1
            mine.numpy()[1, 0] = 0
    assert torch.from_dlpack(x.T).stride() == (1, 3)
    capsule = torch.utils.dlpack.to_dlpack(torch.ones(2))
    assert cn.from_dlpack(capsule).tolist() == [1, 1]
    assert torch.from_dlpack(cn.from_numpy(np.arange(3.0)[::-1])).tolist() == [2, 1, 0]


def test_what_pytorch_cannot_share(torch):
    with pytest.raises(BufferError, match="gradient"):
        cn.from_dlpack(torch.ones(2, requires_grad=True))
    with pytest.raises(BufferError, match="from_dlpack: ext_tensor cannot be shared"):
        cn.from_dlpack(torch.ones(2, dtype=torch.bfloat16))


def test_memory_shared_with_jax():
    jax = pytest.importorskip("jax", reason="JAX is not installed")
    x = cn.tensor([[1.0, 2.0], [3.0, 4.0]])
    theirs = jax.dlpack.from_dlpack(x)
    assert theirs.tolist() == jax.numpy.asarray(x).tolist() == x.tolist()
    mine = cn.from_dlpack(theirs)
    assert mine.data_ptr() == theirs.unsafe_buffer_pointer()
    assert mine.tolist() == x.tolist()


def torch_resnet18(torch):
    """ResNet-18 (K. He et al., 2016) by the names of its usual state_dict."""
    tn = torch.nn

    class Block(tn.Module):
        def __init__(self, channels, outputs, stride):
            super().__init__()
            self.conv1 = tn.Conv2d(channels, outputs, 3, stride, 1, bias=False)
            self.bn1 = tn.BatchNorm2d(outputs)
            self.conv2 = tn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
            self.bn2 = tn.BatchNorm2d(outputs)
            self.downsample = None
            if stride != 1:
                self.downsample = tn.Sequential(
                    tn.Conv2d(channels, outputs, 1, stride, bias=False), tn.BatchNorm2d(outputs)
                )

        def forward(self, x):
            y = self.bn2(self.conv2(self.bn1(self.conv1(x)).relu()))
            return (y + (x if self.downsample is None else self.downsample(x))).relu()

    class ResNet(tn.Module):
        def __init__(self):
            super().__init__()
            self.conv1 = tn.Conv2d(3, 64, 7, 2, 3, bias=False)
            self.bn1 = tn.BatchNorm2d(64)
            self.maxpool = tn.MaxPool2d(3, 2, 1)
            for i, width in enumerate((64, 128, 256, 512)):
                first = Block(64 if i == 0 else width // 2, width, 1 if i == 0 else 2)
                setattr(self, f"layer{i + 1}", tn.Sequential(first, Block(width, width, 1)))
            self.avgpool = tn.AdaptiveAvgPool2d(1)
            self.fc = tn.Linear(512, 1000)

        def forward(self, x):
            x = self.maxpool(self.bn1(self.conv1(x)).relu())
            x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
            return self.fc(self.avgpool(x).flatten(1))

    return ResNet()


class FakeTorch:
    """Cygnet by the names that the model above uses."""

    nn = nn


def transformer(library):
    return library.nn.Transformer(
        d_model=32, nhead=4, num_encoder_layers=2, num_decoder_layers=2, dim_feedforward=48,
        dropout=0.0, batch_first=True,
    )  # fmt: skip


NETWORKS = {
    "resnet18": (torch_resnet18, [(2, 3, 64, 64)]),
    "transformer": (transformer, [(3, 7, 32), (3, 5, 32)]),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_weights_travel_to_pytorch_and_back(torch, tmp_path, name):
    files = pytest.importorskip("safetensors.torch", reason="safetensors is not installed")
    make, shapes = NETWORKS[name]
    torch.manual_seed(0)
    theirs, mine = make(torch), make(FakeTorch)
    for buffer in theirs.buffers():  # as if they had been trained
        if buffer.is_floating_point():
            buffer.uniform_(0.5, 1.5)
    first, second, third = tmp_path / "a", tmp_path / "b", tmp_path / "c"
    files.save_file(theirs.state_dict(), first)
    state = cn.load(first)
    assert mine.load_state_dict(state) == ([], [])
    assert list(mine.state_dict()) == list(theirs.state_dict())
    cn.save(mine.state_dict(), second)
    again = make(torch)
    again.load_state_dict(files.load_file(second))
    files.save_file(again.state_dict(), third)
    assert third.read_bytes() == first.read_bytes()
    files.save_file(theirs.state_dict(), third, metadata={"cygnet": '{"format_version":1}'})
    assert second.read_bytes() == third.read_bytes()
    inputs = [np.random.default_rng(i).standard_normal(s, np.float32) for i, s in enumerate(shapes)]
    for part in (theirs.eval(), mine.eval(), again.eval()):
        part.requires_grad_(False)
    expected = theirs(*map(torch.from_numpy, inputs)).numpy()
    np.testing.assert_array_equal(again(*map(torch.from_numpy, inputs)).numpy(), expected)
    actual = mine(*map(cn.from_numpy, inputs)).numpy()
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())
