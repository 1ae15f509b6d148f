"""Safetensors files."""

import os
import struct

import numpy as np
import pytest

import cygnet
from cygnet import nn
from cygnet.io import load_safetensors, save_safetensors

DTYPES = [np.float32, np.float64, np.int64, np.int32, np.uint8, np.bool_]


@pytest.mark.parametrize("dtype", DTYPES)
def test_round_trip_of_types_and_layouts(tmp_path, dtype):
    base = (np.arange(24) % 2).reshape(2, 3, 4).astype(dtype)
    state = {
        "plain": cygnet.Tensor(base),
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
        assert file.metadata() == {"format_version": "1"}


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
    save_file({"a": np.zeros(1, np.float32)}, path, metadata={"format_version": "99"})
    with pytest.raises(ValueError, match="format version 99"):
        load_safetensors(path)
    header = b'{"a":{"dtype":"BF16","shape":[1],"data_offsets":[0,2]}}'
    path.write_bytes(struct.pack("<Q", len(header)) + header + b"\x80\x3f")
    with pytest.raises(ValueError, match=str(path)):
        load_safetensors(path)
