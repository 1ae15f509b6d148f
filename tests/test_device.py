"""Names of devices and element types, and conversions between them."""

import copy
import importlib
import pickle

import numpy as np
import pytest

import cygnet as cn
from cygnet import nn, optim
from cygnet.device import check_device


@pytest.fixture
def double_default():
    cn.set_default_dtype(cn.float64)
    yield
    cn.set_default_dtype(cn.float32)


def test_a_device_has_a_type_and_an_index():
    assert cn.device("cpu") == cn.device(type="cpu") == cn.device(cn.device("cpu"))
    assert cn.device("cpu", 0) == cn.device("cpu:0") == cn.device(type="cpu", index=0)
    assert cn.device("cpu") != cn.device("cpu:0")
    assert cn.device("cpu") != "cpu"
    assert len({cn.device("cuda:1"), cn.device("cuda", 1), cn.device("cuda")}) == 2
    one = cn.device("cuda:1")
    assert (one.type, one.index, str(one)) == ("cuda", 1, "cuda:1")
    assert repr(one) == "device(type='cuda', index=1)"
    assert (str(cn.device("mps")), repr(cn.device("mps"))) == ("mps", "device(type='mps')")
    assert copy.deepcopy(one) == pickle.loads(pickle.dumps(one)) == one
    with pytest.raises(AttributeError, match="device: type cannot be set"):
        one.type = "cpu"


@pytest.mark.parametrize("bad", ["toaster", "cpu:x", "cpu:-1", "cpu:", "", "cpu:0:1"])
def test_a_bad_name_of_a_device(bad):
    with pytest.raises(RuntimeError, match="device: type is"):
        cn.device(bad)


def test_a_bad_index_of_a_device():
    with pytest.raises(RuntimeError, match="device: index is -1"):
        cn.device("cpu", -1)
    with pytest.raises(RuntimeError, match="device: type is 'cpu:0'"):
        cn.device("cpu:0", 1)
    with pytest.raises(TypeError, match="device: type must be"):
        cn.device(3)


@pytest.mark.parametrize(
    "put",
    [
        lambda d: cn.zeros(2, device=d),
        lambda d: cn.tensor([1.0], device=d),
        lambda d: cn.as_tensor([1.0], device=d),
        lambda d: cn.rand(2, device=d),
        lambda d: cn.arange(2, device=d),
        lambda d: cn.zeros_like(cn.ones(2), device=d),
        lambda d: cn.ones(2).new_zeros(2, device=d),
        lambda d: cn.ones(2).to(d),
        lambda d: cn.ones(2).to(device=d),
        lambda d: cn.Generator(device=d),
        lambda d: cn.set_default_device(d),
    ],
)
def test_a_tensor_lives_on_the_cpu(put):
    for here in ("cpu", "cpu:0", cn.device("cpu"), None):
        put(here)
    for there in ("cuda", "cuda:1", cn.device("mps")):
        with pytest.raises(RuntimeError, match=r"device is '(cuda|cuda:1|mps)', expected 'cpu'"):
            put(there)


def test_the_device_of_a_tensor():
    x = cn.ones(2)
    assert x.device == cn.device("cpu") == cn.get_default_device()
    assert x.get_device() == -1
    assert not x.is_cuda
    assert x.cpu() is x.to(x.device) is x.pin_memory()
    assert not x.is_pinned()
    with pytest.raises(RuntimeError, match="cuda: device is 'cuda'"):
        x.cuda()
    with cn.device("cpu"):
        assert cn.zeros(1).device == cn.device("cpu")
    with pytest.raises(RuntimeError, match="device is 'cuda'"), cn.device("cuda"):
        pass
    check_device("op", cn.device("cpu", 3))


@pytest.mark.parametrize("name", ["accelerator", "cuda", "mps", "xpu"])
def test_there_is_no_accelerator(name):
    module = getattr(cn, name)
    assert module is importlib.import_module(f"cygnet.{name}")
    assert module.is_available() is False
    assert module.device_count() == 0
    for call in ("synchronize", "empty_cache"):
        assert getattr(module, call)() is None
    assert module.manual_seed(3) is None if name != "accelerator" else True
    for public in module.__all__:
        assert hasattr(module, public)


def test_the_questions_that_programs_ask():
    assert cn.accelerator.current_accelerator() is None
    assert not cn.cuda.is_initialized()
    assert cn.cuda.memory_allocated() == cn.cuda.max_memory_reserved() == 0
    cn.cuda.manual_seed_all(1)
    cn.cuda.reset_peak_memory_stats()
    with pytest.raises(RuntimeError, match="set_device"):
        cn.cuda.set_device(0)
    assert not cn.backends.mps.is_available()
    assert cn.backends.cudnn.version() is None
    assert not cn.backends.cuda.is_built()
    assert not cn.backends.mkldnn.is_available()
    cn.backends.cudnn.deterministic = True
    cn.backends.cudnn.benchmark = False
    cn.backends.cuda.matmul.allow_tf32 = True
    assert importlib.import_module("cygnet.backends.cudnn").deterministic


def test_names_of_types():
    assert cn.float is cn.float32 and cn.double is cn.float64 and cn.long is cn.int64
    assert isinstance(cn.float32, cn.dtype)
    assert (cn.int, cn.bool, cn.uint8) == (np.dtype("i4"), np.dtype("?"), np.dtype("u1"))
    x = cn.ones(2)
    assert x.dtype == cn.float32
    assert x.dtype not in (cn.float16, cn.half, cn.bfloat16)
    for name in (cn.float16, cn.bfloat16, cn.int8, cn.short):
        with pytest.raises(cn.DTypeError, match="dtype is"):
            cn.zeros(2, dtype=name)
        with pytest.raises(cn.DTypeError, match="to: dtype is"):
            x.to(name)
    with pytest.raises(cn.DTypeError, match="half: dtype is"):
        x.half()


def test_limits_of_types():
    limits = cn.finfo(cn.float32)
    assert (limits.bits, limits.eps, limits.dtype) == (32, 2.0**-23, "float32")
    assert isinstance(limits.max, float) and limits.min == -limits.max
    assert limits.tiny == limits.smallest_normal == 2.0**-126
    assert cn.finfo().max == limits.max
    assert cn.finfo(cn.float64).eps == 2.0**-52
    assert "eps=" in repr(limits)
    assert (cn.iinfo(cn.int64).max, cn.iinfo(cn.uint8).min) == (2**63 - 1, 0)
    assert repr(cn.iinfo(cn.int32)) == "iinfo(min=-2147483648, max=2147483647, dtype=int32)"
    for limit, bad in ((cn.finfo, cn.int64), (cn.iinfo, cn.float32), (cn.finfo, "x")):
        with pytest.raises(TypeError, match="info: type is"):
            limit(bad)


def test_the_default_type(double_default):
    assert cn.get_default_dtype() == cn.float64
    for made in (
        cn.tensor(1.5),
        cn.tensor([[1, 2.5]]),
        cn.tensor([]),
        cn.zeros(1),
        cn.full((1,), 0.5),
        cn.arange(0.5),
        cn.linspace(0, 1, 2),
        cn.eye(2),
        cn.rand(1),
        cn.randn(1),
    ):
        assert made.dtype == cn.float64
    assert cn.tensor(1).dtype == cn.int64
    assert cn.finfo().bits == 64
    assert cn.result_type(cn.tensor([1]), 0.5) == cn.float64


@pytest.mark.parametrize("bad", [cn.int64, cn.float16, cn.bfloat16, "x", None])
def test_a_bad_default_type(bad):
    before = cn.get_default_dtype()
    if bad is None:  # NumPy's default
        cn.set_default_dtype(before)
        return
    with pytest.raises(cn.DTypeError, match="set_default_dtype"):
        cn.set_default_dtype(bad)
    assert cn.get_default_dtype() == before


def test_promotion():
    assert cn.promote_types(cn.bool, cn.uint8) == cn.uint8
    assert cn.promote_types(cn.int64, cn.float32) == cn.float32
    assert cn.promote_types(cn.float64, cn.int32) == cn.float64
    with pytest.raises(cn.DTypeError, match="promote_types: dtype is"):
        cn.promote_types(cn.float16, cn.float32)
    table = [
        (cn.ones(2), cn.tensor(1.0, dtype=cn.float64), cn.float32),
        (cn.tensor([1]), 2.5, cn.float32),
        (cn.tensor([1]), True, cn.int64),
        (cn.tensor(1), cn.tensor([2], dtype=cn.int32), cn.int32),
        (cn.tensor([True]), 2, cn.int64),
        (cn.tensor([1], dtype=cn.uint8), 300, cn.uint8),
        (1, 2.5, cn.float32),
        (cn.tensor([True]), cn.tensor(1.0, dtype=cn.float64), cn.float64),
    ]
    for a, b, expected in table:
        assert cn.result_type(a, b) == cn.result_type(b, a) == expected
    with pytest.raises(TypeError, match="result_type"):
        cn.result_type("a", 1)
    assert cn.can_cast(cn.double, cn.float) and cn.can_cast(cn.int64, cn.uint8)
    assert not cn.can_cast(cn.float, cn.int) and not cn.can_cast(cn.int, cn.bool)


def test_every_form_of_to():
    x = cn.tensor([1.5, -2.0])
    double = cn.zeros(1, dtype=cn.float64)
    for converted in (
        x.to(cn.float64),
        x.to("cpu", cn.float64),
        x.to(cn.device("cpu"), dtype=cn.float64),
        x.to(double),
        x.to(other=double),
        x.to(dtype=cn.float64, device="cpu", non_blocking=True),
        x.to(cn.float64, True, True),
        x.to(None, cn.float64),
        x.type(cn.float64),
        x.type("torch.DoubleTensor"),
        x.type_as(double),
        x.double(),
    ):
        assert converted.dtype == cn.float64
        assert converted.tolist() == [1.5, -2.0]
    assert x.to() is x.to("cpu") is x.to(cn.float32) is x.to(cn.ones(1)) is x
    twin = x.to(cn.float32, copy=True)
    twin[0].numpy()[...] = 7
    assert x.tolist() == [1.5, -2.0]
    assert (x.type(), x.long().type()) == ("cygnet.FloatTensor", "cygnet.LongTensor")
    assert x.abs().byte().tolist() == [1, 2]
    for call in (
        lambda: x.to(cn.float32, True, True, True),
        lambda: x.to(cn.float32, dtype=cn.float32),
        lambda: x.to(cn.float32, shape=3),
    ):
        with pytest.raises(TypeError, match="to: arguments expected"):
            call()


def test_gradients_pass_conversions():
    x = cn.ones(2, requires_grad=True)
    x.to("cpu", cn.float64, copy=True).clone().sum().backward()
    assert x.grad.tolist() == [1, 1]
    assert x.grad.dtype == cn.float32


def test_memory_formats():
    x = cn.rand(2, 3, 4, 5)
    assert x.stride() == (60, 20, 5, 1) and x.stride(-1) == 1
    last = x.contiguous(memory_format=cn.channels_last)
    assert last.stride() == (60, 1, 15, 3)
    assert last.is_contiguous(memory_format=cn.channels_last)
    assert not last.is_contiguous() and not x.is_contiguous(memory_format=cn.channels_last)
    assert last.to(memory_format=cn.channels_last) is last
    assert last.clone().stride() == last.stride()
    assert last.clone(memory_format=cn.contiguous_format).stride() == x.stride()
    assert last.to(memory_format=cn.contiguous_format).is_contiguous()
    assert (last == x).sum().item() == x.numel()
    assert x.to(memory_format=cn.preserve_format) is x
    volume = cn.rand(1, 2, 3, 4, 5).to(memory_format=cn.channels_last_3d)
    assert volume.stride() == (120, 1, 40, 10, 2)
    with pytest.raises(cn.ShapeError, match="expected a tensor of 4 dimensions"):
        volume.contiguous(memory_format=cn.channels_last)
    with pytest.raises(TypeError, match="contiguous: memory_format is 3"):
        x.contiguous(memory_format=3)


def test_what_a_tensor_says_about_itself():
    x = cn.zeros(3, 4, dtype=cn.float64)
    assert (x.element_size(), x.itemsize, x.nbytes) == (8, 8, 96)
    assert x.nelement() == x.numel() == cn.numel(x) == 12
    assert x.layout is cn.strided
    part = x[1:, 2:]
    assert part.storage_offset() == 6
    assert part.data_ptr() == x.data_ptr() + 6 * 8
    assert x.is_floating_point() and not cn.is_floating_point(x.long())
    assert not x.is_complex()
    assert cn.is_tensor(x) and not cn.is_tensor(x.numpy())


def test_print_options():
    x = cn.tensor([1 / 3, 2 / 3])
    assert repr(x) == "tensor([0.3333, 0.6667])"
    cn.set_printoptions(precision=2, threshold=float("inf"), linewidth=40, sci_mode=False)
    try:
        assert repr(x) == "tensor([0.33, 0.67])"
        assert "..." not in repr(cn.zeros(2000))
        with pytest.raises(ValueError, match="set_printoptions: profile is 'loud'"):
            cn.set_printoptions(profile="loud")
    finally:
        cn.set_printoptions(profile="default")
    assert "..." in repr(cn.zeros(2000))


def test_switches_that_are_accepted():
    cn.use_deterministic_algorithms(False)
    cn.use_deterministic_algorithms(True, warn_only=True)
    assert cn.are_deterministic_algorithms_enabled()
    assert not cn.is_deterministic_algorithms_warn_only_enabled()
    cn.set_deterministic_debug_mode("warn")
    assert cn.get_deterministic_debug_mode() == 2
    with pytest.raises(ValueError, match="debug_mode is 3"):
        cn.set_deterministic_debug_mode(3)
    cn.set_num_interop_threads(4)
    assert cn.get_num_interop_threads() == 1
    with pytest.raises(ValueError, match="count is 0"):
        cn.set_num_interop_threads(0)
    assert cn.get_device(cn.zeros(1)) == -1
    cn.set_float32_matmul_precision("high")
    assert cn.get_float32_matmul_precision() == "highest"
    with pytest.raises(ValueError, match="precision is 'low'"):
        cn.set_float32_matmul_precision("low")
    assert cn.inf == float("inf") and cn.nan != cn.nan and cn.newaxis is None
    assert cn.__version__


def test_the_state_of_random_numbers():
    cn.manual_seed(5)
    cn.rand(3)
    state = cn.get_rng_state()
    first = cn.rand(3).tolist()
    cn.set_rng_state(state)
    assert cn.rand(3).tolist() == first
    assert cn.initial_seed() == 5
    drawn = cn.seed()
    assert drawn == cn.initial_seed() != 5
    assert cn.Generator(device="cpu").device == cn.device("cpu")
    cn.manual_seed(0)


def test_denormal_numbers_are_kept_or_flushed():
    tiny = cn.full((100_000,), 1e-39)
    assert (tiny * 0.5).max().item() > 0
    with cn.kernels.Recording() as recording:
        halves = tiny * 0.5
    assert cn.set_flush_denormal(True)
    try:
        for part in (tiny, tiny[:3]):  # by all threads, and by one
            assert (part * 0.5).max().item() == 0
        recording.replay()
        assert halves.max().item() == 0
        assert np.float32(1e-39) * np.float32(0.5) > 0  # the rest of the program is as before
    finally:
        cn.set_flush_denormal(False)
    assert (tiny * 0.5).max().item() > 0


def test_mixed_precision_is_accepted():
    layer = nn.Linear(2, 1)
    optimizer = optim.SGD(layer.parameters(), lr=0.5)
    scaler = cn.amp.GradScaler("cpu", enabled=True)
    before = layer.weight.detach().clone()
    with cn.autocast("cpu", dtype=cn.bfloat16), cn.amp.autocast(device_type="cuda", enabled=False):
        loss = layer(cn.ones(1, 2)).sum()
    assert loss.dtype == cn.float32
    scaler.scale(loss).backward()
    scaler.unscale_(optimizer)
    scaler.step(optimizer)
    scaler.update()
    assert (before - layer.weight).tolist() == [[0.5, 0.5]]
    assert (scaler.get_scale(), scaler.is_enabled(), scaler.state_dict()) == (1.0, False, {})
    scaler.load_state_dict({})
    assert cn.cuda.amp.autocast(enabled=False)(lambda: 3)() == 3


def test_questions_about_signs_and_shapes() -> None:
    assert cn.is_signed(cn.zeros(2))
    assert not cn.is_signed(cn.zeros(2, dtype=cn.bool))
    assert cn.is_nonzero(cn.tensor([2.0]))
    assert not cn.tensor(0).is_nonzero()
    with pytest.raises(ValueError, match="one element"):
        cn.is_nonzero(cn.zeros(2))
    assert cn.is_same_size(cn.zeros(2, 3), cn.ones(2, 3))
    assert not cn.zeros(2).is_same_size(cn.zeros(2, 1))
    assert cn.broadcast_shapes((2, 1), 3, (1, 1)) == (2, 3)
    with pytest.raises(cn.ShapeError, match="broadcast_shapes"):
        cn.broadcast_shapes((2,), (3,))
    x = cn.ones(2, requires_grad=True)
    assert not cn.detach(x).requires_grad
    assert x.is_cpu
    assert not x.is_sparse


def test_names_of_old_programs() -> None:
    x = cn.ones(2, 3)
    variable = cn.autograd.Variable(x, requires_grad=True)
    variable.sum().backward()
    assert variable.grad is not None
    assert not x.requires_grad
    assert x.ndimension() == 2
    assert x.size() == cn.Size([2, 3])
    assert cn.nn.init.xavier_uniform is cn.nn.init.xavier_uniform_
    assert cn.nn.utils.clip_grad_norm is cn.nn.utils.clip_grad_norm_
