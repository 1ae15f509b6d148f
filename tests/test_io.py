"""Safetensors files."""

import collections
import io
import json
import os
import pickle
import re
import struct
import zipfile

import numpy as np
import pytest

import cygnet
from cygnet import nn, optim
from cygnet.io import load_safetensors, safetensors_metadata, save_safetensors

VERSION = {"cygnet": '{"format_version":1}'}
DTYPES = [np.float32, np.float64, np.int64, np.int32, np.uint8, np.bool_]


@pytest.mark.parametrize("dtype", DTYPES)
def test_round_trip_of_types_and_layouts(tmp_path, dtype):
    base = (np.arange(24) % 2).reshape(2, 3, 4).astype(dtype)
    state = {
        "plain": cygnet.as_tensor(base),
        "transposed": base.transpose(2, 0, 1),
        "reversed": base[::-1, ::2],
        "scalar": np.array(1, dtype),
        "empty": np.zeros((0, 3), dtype),
    }
    save_safetensors(state, tmp_path / "a.safetensors")
    loaded = load_safetensors(tmp_path / "a.safetensors")
    assert set(loaded) == set(state)
    for name, tensor in loaded.items():
        assert tensor.dtype == dtype
        np.testing.assert_array_equal(tensor.numpy(), np.asarray(state[name]), strict=True)


def test_byte_swapped_arrays_are_written_in_the_machines_order(tmp_path):
    save_safetensors({"a": np.arange(3, dtype=">f4")}, tmp_path / "a")
    np.testing.assert_array_equal(load_safetensors(tmp_path / "a")["a"].numpy(), [0, 1, 2])


def test_save_and_load_of_a_model(tmp_path):
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(8, 2))
    path = tmp_path / "model.safetensors"
    cygnet.save(net.state_dict(), path)
    twin = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(8, 2))
    twin.load_state_dict(cygnet.load(str(path)))
    for mine, its in zip(net.parameters(), twin.parameters(), strict=True):
        np.testing.assert_array_equal(mine.detach().numpy(), its.detach().numpy())
    assert os.listdir(tmp_path) == ["model.safetensors"]


def test_metadata_hold_the_version(tmp_path):
    from safetensors import safe_open

    save_safetensors({"a": np.zeros(1)}, tmp_path / "a")
    with safe_open(tmp_path / "a", framework="numpy") as file:
        assert file.metadata() == VERSION


def test_a_failed_write_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a"
    save_safetensors({"a": np.zeros(1)}, path)
    old = path.read_bytes()

    def broken(*arguments):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", broken)
    with pytest.raises(OSError, match="disk full"):
        save_safetensors({"a": np.ones(1)}, path)
    assert path.read_bytes() == old
    assert os.listdir(tmp_path) == ["a"]


def test_permissions_are_those_of_any_new_file(tmp_path):
    save_safetensors({"a": np.zeros(1)}, tmp_path / "a")
    (tmp_path / "b").touch()
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


def test_errors_of_writing(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"the folder .*nowhere does not exist"):
        save_safetensors({}, tmp_path / "nowhere" / "a")
    with pytest.raises(IsADirectoryError):
        save_safetensors({}, tmp_path)
    for state, message in (
        ([1], "expected a mapping, got list"),
        ({"a": {"b": np.zeros(1)}}, "'a' expected a Tensor or numpy.ndarray, got dict"),
        ({3: np.zeros(1)}, "key expected a str, got 3"),
        ({"a": np.array(["x"])}, "expected numbers"),
    ):
        with pytest.raises(TypeError, match=message):
            save_safetensors(state, tmp_path / "a")
    with pytest.raises(TypeError, match="argument metadata expected texts"):
        save_safetensors({}, tmp_path / "a", metadata={"epoch": 3})
    with pytest.raises(ValueError, match=r"a: .*surrogates not allowed"):
        save_safetensors({"\ud800": np.zeros(1)}, tmp_path / "a")
    with pytest.raises(ValueError, match=r"a: .*no header: .*too large"):
        cygnet.save(["x" * 100_000_000], tmp_path / "a")
    with pytest.raises(ValueError, match=r"a: .*4300 digits"):
        cygnet.save([10**5000], tmp_path / "a")
    assert os.listdir(tmp_path) == []


def test_errors_of_reading(tmp_path):
    path = tmp_path / "a"
    with pytest.raises(FileNotFoundError, match=str(path)):
        load_safetensors(path)
    save_safetensors({"a": np.arange(100)}, path)
    whole = path.read_bytes()
    for damaged in (b"", b"text", whole[:50], whole[:-1], b"\xff" * 64, whole + b"x"):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=str(path)):
            load_safetensors(path)


def test_foreign_files(tmp_path):
    from safetensors.numpy import save_file

    path = tmp_path / "a"
    save_file({"a": np.array([1.5], np.float16)}, path)
    assert load_safetensors(path)["a"].dtype == np.float32
    for note, message in (
        ('{"format_version":99}', "format version 99"),
        ("[]", "'cygnet' is no map"),
        ("{", "is not a readable safetensors file"),
    ):
        save_file({"a": np.zeros(1, np.float32)}, path, metadata={"cygnet": note})
        with pytest.raises(ValueError, match=message):
            load_safetensors(path)
    for shape in ([1], []):
        header = entry(dtype="BF16", shape=shape, data_offsets=[0, 2])
        path.write_bytes(with_header(header, b"\x80\x3f"))
        for loaded in (cygnet.load(path), cygnet.load(path, mmap=True)):
            np.testing.assert_array_equal(loaded["a"], np.ones(shape, np.float32), strict=True)
    save_file({"a": np.zeros(1)}, path, metadata={"format": "pt", "who": "I"})
    assert load_safetensors(path)["a"].tolist() == [0]
    assert safetensors_metadata(path) == {"format": "pt", "who": "I"}
    assert safetensors_metadata(io.BytesIO(path.read_bytes())) == {"format": "pt", "who": "I"}
    save_safetensors({"a": np.zeros(1)}, path, metadata={"who": "you", "cygnet": "1"})
    assert safetensors_metadata(path) == {"who": "you", "cygnet": "1"}
    save_safetensors({}, path)
    assert safetensors_metadata(path) == {}
    save_file({"a": np.zeros(1, np.int8)}, path)
    with pytest.raises(ValueError, match=r"'a': .*int8"):
        load_safetensors(path)


def entry(**changes):
    """The header of a file with one array."""
    return {"a": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1], **changes}}


def with_header(header, data=b"\0"):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"1234567", "header too small"),
        (struct.pack("<Q", 2**63) + b"{}", "header too large"),
        (with_header(b"{"), "Expecting property name"),
        (with_header(b"\xff\xff"), "'utf-8' codec can't decode"),
        (with_header(b"[" * 100_000), "nested too deeply"),
        (with_header(b'{"a":' * 1000), "nested too deeply"),
        (with_header([]), "header expected a map, got a list"),
        (with_header({"__metadata__": 3}), "expected a map"),
        (with_header({"__metadata__": {"a": 1}}), "'a' expected a text, got 1"),
        (with_header({"a": 3}), "'a' expected a map, got 3"),
        (with_header({"a": {}}), "'a' has dtype None"),
        (with_header(entry(shape=[-1])), "has shape [-1], expected"),
        (with_header(entry(shape=[True])), "has shape [True], expected"),
        (with_header(entry(shape=[1] * 70)), "expected up to 64 sizes"),
        (with_header(entry(data_offsets=[0, 1, 2])), "data_offsets [0, 1, 2], expected two"),
        (with_header(entry(data_offsets=[0.0, 1])), "data_offsets [0.0, 1], expected two"),
        (with_header(entry(dtype="F8_E4M3")), "'a' has dtype 'F8_E4M3'"),
        (with_header(entry(dtype="F32")), "'a' has 1 bytes, which are not those of dtype F32"),
        (with_header(entry(shape=[2**62, 2**62])), "which is too big"),
        (with_header(entry(shape=[0, 2**62, 2**62], data_offsets=[0, 0]), b""), "too big"),
        (with_header(entry(data_offsets=[1, 2]), b"\0\0"), "'a' begins at byte 1, expected 0"),
        (with_header({**entry(), "b": entry()["a"]}), "'b' begins at byte 0, expected 1"),
        (with_header(entry(), b"\0\0"), "its arrays have 1 bytes, but 2 follow"),
        (with_header(entry(data_offsets=[5, 3])), "'a' has -2 bytes"),
    ],
)
def test_a_damaged_header_is_named(tmp_path, content, message):
    path = tmp_path / "a"
    path.write_bytes(content)
    for mmap in (False, True):
        with pytest.raises(ValueError, match=re.escape(str(path)) + ".*" + re.escape(message)):
            cygnet.load(path, mmap=mmap)


class Odd(tuple):
    pass


NESTED = [
    3,
    2**80,
    -0.5,
    "text",
    None,
    True,
    (),
    [],
    [1, (2, [3, ()])],
    {"a": {1: "int", "1": "str", (2, "b"): None, None: 3, False: 4, 2.5: 6}},
    {0: [{"deep": ({},)}]},
    cygnet.tensor([1, 2]),
    [cygnet.ones(2), cygnet.ones(3)],
    {"w": cygnet.zeros(2), "epoch": 3},
    {"__metadata__": cygnet.zeros(2)},
    {"a.b": cygnet.zeros(1), "a": {"b": cygnet.ones(1)}, 0: cygnet.ones(2), "0": 1},
    [
        np.arange(3, dtype=np.int8),
        np.float32(2.5),
        np.float16([1]),
        np.bool_(True),
        np.array(7),
        np.array(True),
    ],
    {"ü\n": "\0\ud800"[:1]},
    [cygnet.zeros(0, 3), cygnet.tensor(True), cygnet.rand(2, 3).T],
    (float("inf"), -float("inf"), -0.0, 1e-320),
]


def check_same(a, b):
    assert type(a) is type(b)
    if isinstance(a, dict):
        assert [(type(k), k) for k in a] == [(type(k), k) for k in b]
        for key in a:
            check_same(a[key], b[key])
    elif isinstance(a, list | tuple):
        assert len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            check_same(x, y)
    elif isinstance(a, cygnet.Tensor | np.ndarray | np.generic):
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b), strict=True)
    else:
        assert a == b and str(a) == str(b)


@pytest.mark.parametrize("obj", NESTED, ids=lambda o: repr(o)[:30].replace("\n", ""))
def test_containers_come_back_as_they_were(tmp_path, obj):
    path = tmp_path / "a"
    cygnet.save(obj, path)
    check_same(obj, cygnet.load(path))
    check_same(obj, cygnet.load(path, mmap=True))
    file = io.BytesIO()
    cygnet.save(obj, file)
    assert file.getvalue() == path.read_bytes()
    file.seek(0)
    check_same(obj, cygnet.load(file, map_location="cpu", weights_only=False))
    with open(path, "rb") as opened:
        check_same(obj, cygnet.load(opened))


def test_nan_and_subclasses(tmp_path):
    odd = [float("nan"), Odd((1, 2)), collections.OrderedDict(a=1), collections.defaultdict(int)]
    cygnet.save(odd, tmp_path / "a")
    nan, pair, ordered, default = cygnet.load(tmp_path / "a")
    assert np.isnan(nan)
    assert (pair, ordered, default) == ((1, 2), {"a": 1}, {})


def test_tensors_are_copies_that_keep_their_flag(tmp_path):
    x = cygnet.ones(2, requires_grad=True)
    cygnet.save([x, x, x.detach()], tmp_path / "a")
    first, second, third = cygnet.load(tmp_path / "a")
    assert first.requires_grad and second.requires_grad and not third.requires_grad
    first.detach().numpy()[0] = 5
    assert second.tolist() == third.tolist() == [1, 1]


def test_training_goes_on_from_a_file(tmp_path):
    def parts():
        cygnet.manual_seed(1)
        net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
        optimizer = optim.AdamW(net.parameters(), lr=0.1, betas=(0.8, 0.9))
        return net, optimizer, optim.lr_scheduler.OneCycleLR(optimizer, 0.2, total_steps=9)

    def steps(net, optimizer, scheduler, count):
        for i in range(count):
            optimizer.zero_grad()
            (net(cygnet.full((2, 3), i / 7)) ** 2).sum().backward()
            optimizer.step()
            scheduler.step()

    whole = parts()
    steps(*whole, 3)
    state = {
        "model": whole[0].state_dict(),
        "optimizer": whole[1].state_dict(),
        "scheduler": whole[2].state_dict(),
        "rng": cygnet.get_rng_state(),
        "epoch": 3,
    }
    cygnet.save(state, tmp_path / "checkpoint")
    loaded = cygnet.load(tmp_path / "checkpoint", map_location=cygnet.device("cpu"))
    group = loaded["optimizer"]["param_groups"][0]
    check_same(state, loaded)
    assert list(loaded["optimizer"]["state"]) == [0, 1, 2, 3]
    assert isinstance(group["betas"], tuple)
    steps(*whole, 4)
    again = parts()
    for part, name in zip(again, ("model", "optimizer", "scheduler"), strict=True):
        part.load_state_dict(loaded[name])
    cygnet.set_rng_state(loaded["rng"])
    steps(*again, 4)
    for mine, its in zip(whole[0].parameters(), again[0].parameters(), strict=True):
        np.testing.assert_array_equal(mine.detach().numpy(), its.detach().numpy())
    cygnet.manual_seed(0)


def test_a_flat_dict_is_a_plain_file_of_any_reader(tmp_path):
    from safetensors import safe_open
    from safetensors.numpy import load_file, save_file

    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    path, other = tmp_path / "a", tmp_path / "b"
    cygnet.save(net.state_dict(), path)
    arrays = load_file(path)
    for name, tensor in net.state_dict().items():
        np.testing.assert_array_equal(arrays[name], tensor.detach().numpy(), strict=True)
    with safe_open(path, framework="numpy") as file:
        assert file.metadata() == VERSION
    save_file(arrays, other, metadata=VERSION)
    assert path.read_bytes() == other.read_bytes()
    assert not net.load_state_dict(cygnet.load(other)).missing_keys


def test_equal_states_are_equal_bytes_and_come_back_in_order(tmp_path):
    kinds = ["?", "i1", "u1", "i2", "u2", "f2", "i4", "u4", "f4", "f8", "i8", "u8"]
    arrays = {f'{i % 3}.ü\t"{kind}': np.ones(i, kind) for i, kind in enumerate(kinds)}
    texts = {kind: kind for kind in kinds}
    files = [io.BytesIO() for _ in range(10)]
    for file in files[:5]:
        save_safetensors(arrays, file, texts)
    for file in files[5:]:
        cygnet.save([arrays, texts], file)
    assert len({file.getvalue() for file in files[:5]}) == 1
    assert len({file.getvalue() for file in files[5:]}) == 1
    names = [str(i) for i in range(20)]
    cygnet.save(dict.fromkeys(reversed(names), cygnet.zeros(1)), tmp_path / "a")
    for mmap in (False, True):
        assert list(cygnet.load(tmp_path / "a", mmap=mmap)) == sorted(names)


def test_what_cannot_be_saved_is_named(tmp_path):
    loop = []
    loop.append(loop)
    deep = []
    for _ in range(100_000):
        deep = [deep]
    for obj, error, message in (
        (nn.Linear(1, 2), TypeError, r"obj is a Linear, .*save its state_dict\(\)"),
        ({"net": [nn.ReLU()]}, TypeError, r"obj\['net'\]\[0\] is a ReLU"),
        ({"f": len}, TypeError, r"obj\['f'\] expected a Tensor, .*got builtin_function_or"),
        ({"s": {1}}, TypeError, "got set"),
        ({"b": [b"x"]}, TypeError, r"obj\['b'\]\[0\] .*got bytes"),
        ([np.array(["x"])], TypeError, "expected numbers, got dtype"),
        ([np.zeros(1, complex)], TypeError, "expected numbers, got dtype"),
        (loop, ValueError, r"obj\[0\] contains itself"),
        (deep, ValueError, "nested too deeply"),
    ):
        with pytest.raises(error, match=message):
            cygnet.save(obj, tmp_path / "a")
    assert os.listdir(tmp_path) == []
    with pytest.raises(TypeError, match="f expected a path or a file, got int"):
        cygnet.save([1], 3)
    with pytest.raises(TypeError, match="f expected a path or a file, got int"):
        cygnet.load(3)
    with pytest.raises(TypeError, match="gives text"):
        cygnet.load(io.StringIO("x"))


def test_places_of_devices(tmp_path):
    path = tmp_path / "a"
    cygnet.save([1], path)
    for location in (None, "cpu", cygnet.device("cpu", 0), {"cuda:0": "cpu"}, lambda s, place: s):
        assert cygnet.load(path, location) == [1]
    for location in ("cuda", {"cpu": "cuda:0"}, cygnet.device("mps")):
        with pytest.raises(RuntimeError, match="load: device is"):
            cygnet.load(path, map_location=location)


def test_a_mapped_file_is_read_when_used_and_never_written(tmp_path):
    path = tmp_path / "a"
    cygnet.save({"a": cygnet.zeros(1000)}, path)
    content = path.read_bytes()
    loaded = cygnet.load(path, mmap=True)["a"]
    loaded.numpy()[3] = 1
    assert loaded.sum().item() == 1
    assert path.read_bytes() == content


def test_npz(tmp_path):
    np.savez(tmp_path / "a.npz", w=np.ones((2, 3), np.float32), half=np.float16([0.5]))
    np.savez_compressed(tmp_path / "b.npz", b=np.arange(3))
    assert cygnet.load(tmp_path / "a.npz")["w"].shape == (2, 3)
    assert cygnet.load(tmp_path / "a.npz")["half"].dtype == cygnet.float32
    assert cygnet.load(tmp_path / "b.npz")["b"].tolist() == [0, 1, 2]
    np.savez(tmp_path / "c.npz", o=np.array([None], object))
    with pytest.raises(ValueError, match=r"c\.npz is not a readable \.npz file"):
        cygnet.load(tmp_path / "c.npz")


def test_a_pickle_is_refused_with_the_way_out(tmp_path):
    path = tmp_path / "model.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model/data.pkl", b"\x80\x02.")
    for content in (path.read_bytes(), pickle.dumps({"a": 1}), b"\x80\x02\x8a\nl\xfc\x9c"):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"model\.pt was written by torch\.save.*save_file"):
            cygnet.load(path)


@pytest.mark.parametrize("kind", ["plain", "nested", "npz", "compressed"])
def test_damage_never_crashes(tmp_path, kind):
    path = tmp_path / "a"
    arrays = {"w": np.arange(6.0).reshape(2, 3), "b": np.array([True])}
    if kind == "plain":
        save_safetensors(arrays, path)
    elif kind == "nested":
        cygnet.save({"s": {0: (cygnet.ones(2), 2.5)}, **arrays}, path)
    else:
        with open(path, "wb") as file:
            (np.savez if kind == "npz" else np.savez_compressed)(file, **arrays)
    whole = path.read_bytes()
    generator = np.random.default_rng(0)
    damaged = [whole[: generator.integers(len(whole))] for _ in range(100)]
    for _ in range(600):
        content = bytearray(whole)
        for at in generator.integers(len(whole), size=generator.integers(1, 4)):
            content[at] = generator.integers(256)
        damaged.append(bytes(content))
    messages = []
    for content in damaged:
        path.write_bytes(content)
        for file, mmap in ((io.BytesIO(content), False), (path, True)):
            try:
                cygnet.load(file, mmap=mmap)
            except ValueError as error:
                messages.append(str(error))
    assert len(messages) > 200
    assert all(message.startswith(("load: the BytesIO", f"load: {path}")) for message in messages)
