"""Damaged and hostile files, downloads and disks."""

from __future__ import annotations

import errno
import gzip
import hashlib
import io
import json
import pickle
import socketserver
import struct
import subprocess
import sys
import threading
import tracemalloc
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cygnet
from cygnet import keras, nn
from cygnet.data import DownloadError, mnist, sources
from cygnet.io import load_safetensors, safetensors_metadata, save_safetensors
from tests.fuzz.memory import SANITIZED
from tests.hostile_files import MEGABYTE, check, kinds

KINDS = ["weights", "checkpoint", "npz", "packed npz", "idx", "idx.gz"]
PICTURES = ["png", "bmp", "gif", "jpeg", "ppm"]


@pytest.mark.parametrize("kind", [*KINDS, *PICTURES])
def test_flips_and_cuts(tmp_path: Path, kind: str) -> None:
    """A part of what `python -m tests.hostile_files` does."""
    if kind in PICTURES:
        pytest.importorskip("PIL", reason="pictures need Pillow")
    found = check(kind, kinds(tmp_path)[kind], tmp_path, flips=1000, seed=1)
    assert found["error"] > 10


@contextmanager
def bounded(length: int, more: int = 0) -> Iterator[None]:
    """That no more memory is taken than a file of that length and 1 MB."""
    tracemalloc.start()
    try:
        yield
    finally:
        taken = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert taken <= length + MEGABYTE + more


def entry(begin: Any = 0, end: Any = 4, shape: Any = (1,), dtype: Any = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def with_header(header: Any, data: bytes = bytes(4)) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


UNREADABLE = r"load: .* is not a readable safetensors"
TWICE = b'{"a":%s,"a":%s}' % ((json.dumps(entry()).encode(),) * 2)
HEADERS: dict[str, bytes] = {
    "header of 2^63 bytes": struct.pack("<Q", 2**63) + b"{}",
    "header of 2^64 - 1 bytes": struct.pack("<Q", 2**64 - 1) + b"{}",
    "header longer than the file": struct.pack("<Q", 100) + b"{}",
    "header of 0 bytes": struct.pack("<Q", 0),
    "depth": with_header(b'{"a":' + b"[" * 50_000 + b"]" * 50_000 + b"}"),
    "depth of maps": with_header(b'{"a":' * 50_000 + b"1" + b"}" * 50_000),
    "a name twice": with_header(TWICE),
    "half a character": with_header(b'{"\\ud800":%s}' % json.dumps(entry()).encode()),
    "half a character in a text": with_header(b'{"__metadata__":{"a":"\\udfff"}}', b""),
    "no text": with_header({"__metadata__": {"a": [1]}}, b""),
    "overlap": with_header({"a": entry(0, 4), "b": entry(2, 6)}, bytes(6)),
    "overlap of all": with_header({"a": entry(), "b": entry()}),
    "a gap": with_header({"a": entry(0, 4), "b": entry(8, 12)}, bytes(12)),
    "beyond the file": with_header({"a": entry(0, 2**40, [2**38])}),
    "far beyond the file": with_header({"a": entry(2**62, 2**62 + 4)}),
    "offset over 64 bits": with_header({"a": entry(0, 2**64 + 4)}),
    "offset of thousands of digits": with_header(
        b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,%s]}}' % (b"9" * 5000)
    ),
    "negative offsets": with_header({"a": entry(-4, 0)}),
    "turned offsets": with_header({"a": entry(4, 0)}),
    "offset of a fraction": with_header({"a": entry(0, 4.0)}),
    "huge count": with_header({"a": entry(0, 4, [2**61 + 1])}),
    "a product that overflows": with_header({"a": entry(0, 4, [2**32, 2**32, 2**32])}),
    "a product that wraps to 4": with_header({"a": entry(0, 4, [2**62 + 1])}),
    "zero times huge": with_header({"a": entry(0, 0, [0, 2**62, 2**62])}, b""),
    "negative size": with_header({"a": entry(0, 4, [-1])}),
    "two negative sizes": with_header({"a": entry(0, 4, [-1, -1])}),
    "a size that is a bool": with_header({"a": entry(0, 4, [True])}),
    "a size that is NaN": with_header(b'{"a":{"dtype":"F32","shape":[NaN],"data_offsets":[0,4]}}'),
    "too many sizes": with_header({"a": entry(0, 4, [1] * 100_000)}),
    "many huge sizes": with_header({"a": entry(0, 4, [2**62] * 100_000)}),
    "shape that is none": with_header({"a": entry(0, 4, None)}),
    "unknown dtype": with_header({"a": entry(dtype="F31")}),
    "dtype that is a list": with_header({"a": entry(dtype=["F32"])}),
    "dtype of objects": with_header({"a": entry(dtype="O")}),
    "another dtype": with_header({"a": entry(dtype="F64")}),
    "arrays that are numbers": with_header({"a": 1}),
    "a list of arrays": with_header([entry()]),
    "more data": with_header({"a": entry()}, bytes(5)),
    "less data": with_header({"a": entry()}, bytes(3)),
}


@pytest.mark.parametrize("what", HEADERS)
def test_hostile_headers(tmp_path: Path, what: str) -> None:
    content = HEADERS[what]
    path = tmp_path / "a"
    path.write_bytes(content)
    # Of a header Python makes objects before it is known to be none: up to 30 times its length.
    more = 30 * len(content)
    for file in (path, io.BytesIO(content)):
        for read in (cygnet.load, load_safetensors, safetensors_metadata):
            with pytest.raises(ValueError, match=UNREADABLE), bounded(len(content), more):
                read(file)
            if isinstance(file, io.BytesIO):
                file.seek(0)
    with pytest.raises(ValueError, match=UNREADABLE):
        cygnet.load(path, mmap=True)


@pytest.mark.parametrize(
    "name",
    ["..", "../../etc/passwd", "/etc/passwd", "a/../b", "C:\\x", "\0", "\n\r\x1b[2J", "",
     "x" * 10**6, "__class__", "__init__.__globals__", "\u202e", "é" * 300, "'; DROP"],
    ids=lambda name: repr(name[:20]),
)  # fmt: skip
def test_names_are_only_names(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    path = folder / "a"
    path.write_bytes(with_header({name: entry()}))
    for mmap in (False, True):
        assert list(cygnet.load(path, mmap=mmap)) == [name]
    with pytest.raises(RuntimeError, match="unexpected"):
        nn.Linear(1, 1).load_state_dict({**nn.Linear(1, 1).state_dict(), **cygnet.load(path)})
    cygnet.save({name: cygnet.zeros(1)}, path)
    assert list(cygnet.load(path)) == [name]
    assert [p.name for p in tmp_path.rglob("*")] == ["folder", "a"]


NOTES = {
    "no map": [1],
    "unknown kind": {"structure": {"what": 1}},
    "empty kind": {"structure": {}},
    "no array of that name": {"structure": {"tensor": "b"}},
    "a name that is a list": {"structure": {"tensor": ["a"]}},
    "number": {"structure": {"float": 10**400}},
    "no number": {"structure": {"float": "one"}},
    "pairs": {"structure": {"dict": [[1, 2, 3]]}},
    "a key that is a list": {"structure": {"dict": [[[1], 2]]}},
    "tuple": {"structure": {"tuple": 1}},
    "depth": {"structure": None},
    "metadata": {"metadata": 3},
    "version": {"format_version": 10**4000},
    "version that is a list": {"format_version": [1]},
    "checksum": {"structure": 1, "crc32": 1},
    "checksum that is a text": {"structure": 1, "crc32": "1"},
}


@pytest.mark.parametrize("what", NOTES)
def test_hostile_descriptions(tmp_path: Path, what: str) -> None:
    note = json.dumps({"format_version": 1, **NOTES[what]} if what != "no map" else NOTES[what])
    if what == "depth":
        note = note.replace("null", "[" * 20_000 + "]" * 20_000)
    path = tmp_path / "a"
    path.write_bytes(with_header({"__metadata__": {"cygnet": note}, "a": entry()}))
    read = safetensors_metadata if what == "metadata" else cygnet.load
    with pytest.raises(ValueError, match=r"load: .*(damaged|not a readable safetensors)"):
        read(path)


def test_no_pickle_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Trap:
        def __reduce__(self) -> Any:
            return (pytest.fail, ("a pickle ran",))

    path = tmp_path / "a"
    files = [pickle.dumps(Trap(), protocol) for protocol in range(6)]
    for save in (np.savez, np.savez_compressed):
        file = io.BytesIO()
        save(file, a=np.array([Trap()], object))
        files.append(file.getvalue())
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", files[2])
    files.append(file.getvalue())
    for name in ("load", "loads", "Unpickler"):
        monkeypatch.setattr(pickle, name, lambda *a, **k: pytest.fail("a pickle is opened"))
    for content in files:
        path.write_bytes(content)
        with pytest.raises(ValueError, match="load: "):
            cygnet.load(path)


def archive(change: Any, method: int = zipfile.ZIP_STORED) -> bytes:
    """An archive whose array's header and data `change` gives."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as packed:
        packed.writestr("a.npy", change)
    return file.getvalue()


def npy(text: str, data: bytes = bytes(8), version: bytes = b"\x01\x00") -> bytes:
    return b"\x93NUMPY" + version + struct.pack("<H", len(text)) + text.encode() + data


def told(shape: str, descr: str = "'<f8'", order: str = "False") -> str:
    return f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}\n"


def overlapping() -> bytes:
    """Two names of one member."""
    content = archive(npy(told("(1,)")))
    place = content.index(b"PK\x01\x02")
    end = content.index(b"PK\x05\x06")
    twice = content[place:end] * 2
    tail = bytearray(content[end:])
    tail[8:16] = struct.pack("<HHI", 2, 2, len(twice))
    return content[:place] + twice + bytes(tail)


ARCHIVES = {
    "huge shape": archive(npy(told("(1099511627776,)"))),
    "a product that overflows": archive(npy(told("(4294967296, 4294967296, 4294967296)"))),
    "negative": archive(npy(told("(-1,)"))),
    "objects": archive(npy(told("(1,)", "'|O'"))),
    "fields": archive(npy(told("(1,)", "[('a', '<f8')]"))),
    "texts": archive(npy(told("(1,)", "'<U2'"))),
    "depth": archive(npy("(" * 9000 + ")" * 9000)),
    "signs": archive(npy("-" * 9000 + "1")),
    "a call": archive(npy("__import__('os').abort()")),
    "version": archive(npy(told("(1,)"), version=b"\x09\x00")),
    "short": archive(npy(told("(2,)"))),
    "long": archive(npy(told("()"), bytes(9))),
    "bomb that lies": archive(npy(told("(131072,)"), bytes(1 << 20)), zipfile.ZIP_DEFLATED).replace(
        struct.pack("<I", (1 << 20) + 10 + len(told("(131072,)"))), struct.pack("<I", 1 << 31)
    ),
    "another packing": archive(npy(told("(1,)")), zipfile.ZIP_LZMA),
    "overlap": overlapping(),
    "no array": archive(b"").replace(b"a.npy", b"a.txt"),
    "a path": archive(npy(told("(1,)"))).replace(b"a.npy", b"/.txt"),
}


@pytest.mark.parametrize("what", ARCHIVES)
def test_hostile_archives(tmp_path: Path, what: str) -> None:
    path = tmp_path / "a.npz"
    path.write_bytes(ARCHIVES[what])
    content = ARCHIVES[what]
    unreadable = pytest.raises(ValueError, match=r"a\.npz is not a readable \.npz file")
    with unreadable, bounded(len(content)):
        cygnet.load(path)
    assert [p.name for p in tmp_path.iterdir()] == ["a.npz"]


def test_archives_in_fortrans_order(tmp_path: Path) -> None:
    a = np.asfortranarray(np.arange(12.0).reshape(3, 4))
    np.savez(tmp_path / "a.npz", a=a, b=a[:0], c=np.float32(2), d=a > 5)
    read = cygnet.load(tmp_path / "a.npz")
    for name, expected in (("a", a), ("b", a[:0]), ("c", np.float32(2)), ("d", a > 5)):
        np.testing.assert_array_equal(read[name].numpy(), expected)


MEASURED = """
import sys
sys.path.insert(0, sys.argv[1])
import cygnet
cygnet.load(sys.argv[3])

def figure(name):
    line = next(line for line in open("/proc/self/status") if line.startswith(name))
    return int(line.split()[1]) * 1024

open("/proc/self/clear_refs", "w").write("5")  # the peak starts anew
before = figure("VmRSS")
try:
    cygnet.load(sys.argv[2])
except ValueError:
    pass
print(figure("VmHWM") - before)
"""


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the peak is Linux's")
@pytest.mark.skipif(SANITIZED, reason="the sanitizer's own memory is in the peak")
@pytest.mark.parametrize("damage", ["none", "flip", "cut"])
@pytest.mark.parametrize("kind", ["weights", "nested"])
def test_reading_takes_the_memory_of_the_file(tmp_path: Path, kind: str, damage: str) -> None:
    path, small = tmp_path / "a", tmp_path / "small"
    arrays = {"a": np.ones(6 << 20, np.float32), "b": np.ones(1 << 20, np.int64)}
    for values, where in ((arrays, path), ({"a": np.ones(3), "b": np.ones(1)}, small)):
        if kind == "weights":
            save_safetensors(values, where)
        else:
            cygnet.save([1, values], where)
    content = bytearray(path.read_bytes())
    if damage == "flip":
        content[len(content) // 2] ^= 1
    path.write_bytes(content[: -1 if damage == "cut" else None])
    package = str(cygnet.__path__[0] + "/..")
    run = subprocess.run(
        [sys.executable, "-c", MEASURED, package, str(path), str(small)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(run.stdout) <= len(content) + MEGABYTE


def test_a_pipe_and_a_raw_file(tmp_path: Path) -> None:
    file = io.BytesIO()
    cygnet.save([1, cygnet.ones(3)], file)

    class Pipe:
        def __init__(self) -> None:
            self.stream = io.BytesIO(file.getvalue())

        def read(self, count: int = -1) -> bytes:
            return self.stream.read(count)

    assert cygnet.load(Pipe())[1].tolist() == [1, 1, 1]  # type: ignore[arg-type]
    path = tmp_path / "a"
    path.write_bytes(b"before" + file.getvalue())
    with open(path, "rb", buffering=0) as opened:
        opened.seek(6)
        assert cygnet.load(opened)[1].tolist() == [1, 1, 1]


# Models by Keras's names


@pytest.mark.parametrize(
    "config",
    [
        {"class_name": "np", "config": {}},
        {"class_name": "importlib", "config": {}},
        {"class_name": "__function__", "config": "import_module"},
        {"class_name": "__function__", "config": "Path"},
        {"class_name": "Dense", "config": {}},
        {"class_name": "Dense", "config": {"units": -1}},
        {"class_name": "Dense", "config": 3},
        {"class_name": 3},
        {"class_name": "Sequential", "config": {"layers": 3}},
        {"class_name": "Model", "config": {"inputs": []}},
        {"class_name": "__slice__", "config": [1, 2, 3, 4]},
        {"class_name": "__array__", "config": []},
        [],
        3,
        None,
    ],
    ids=lambda config: json.dumps(config)[:40],
)
def test_hostile_configurations(tmp_path: Path, config: Any) -> None:
    path = tmp_path / "a.keras"
    content = {"format": 1, "config": json.dumps(config), "weights": {}}
    cygnet.save(content, path)
    with pytest.raises(ValueError, match=r"describes no model|there is no|expected at least 1"):
        keras.models.load_model(path)


# Downloads


class Answer(socketserver.StreamRequestHandler):
    """Answers any request with the server's bytes, again and again if it is `endless`."""

    def handle(self) -> None:
        while self.rfile.readline().strip():
            pass
        server: Any = self.server
        try:
            self.wfile.write(server.answer)
            while server.endless:
                self.wfile.write(bytes(1 << 20))
        except OSError:  # the other side has had enough
            pass


@contextmanager
def answering(answer: bytes, endless: bool = False) -> Iterator[str]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Answer) as server:
        server.daemon_threads = True
        server.answer, server.endless = answer, endless  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()
        thread.join()


OK = b"HTTP/1.1 200 OK\r\n"
BOMB = gzip.compress(bytes(80 << 20), 9)
ANSWERS = {
    "no HTTP": (b"garbage\r\n\r\n", "none of HTTP"),
    "nothing": (b"", "closed connection"),
    "wrong hash": (OK + b"\r\n" + gzip.compress(b"other"), "SHA-256"),
    "cut short": (OK + b"Content-Length: 1000\r\n\r\nabc", "got 3 of 1000 bytes"),
    "chunk cut short": (OK + b"Transfer-Encoding: chunked\r\n\r\nff\r\nabc", "breaks off"),
    "chunk of no size": (OK + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\nabc", "breaks off"),
    "length that is none": (OK + b"Content-Length: many\r\n\r\nabc", ""),
    "negative length": (OK + b"Content-Length: -5\r\n\r\nabc", ""),
    "a long header": (OK + b"X: " + b"x" * 100_000 + b"\r\n\r\n", "none of HTTP"),
    "many headers": (OK + b"X: y\r\n" * 1000 + b"\r\n", "none of HTTP"),
    "bomb": (OK + b"\r\n" + BOMB, "unpacks to more than"),
    "to a file": (b"HTTP/1.1 302 F\r\nLocation: file:///etc/passwd\r\n\r\n", "302"),
    "in a circle": (b"HTTP/1.1 302 F\r\nLocation: /again\r\n\r\n", "infinite loop"),
}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("CYGNET_DATA", raising=False)
    return tmp_path / "cache"


@pytest.mark.parametrize("what", ANSWERS)
def test_hostile_servers(cache: Path, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    answer, text = ANSWERS[what]
    with answering(answer) as address:
        monkeypatch.setattr(sources, "MIRRORS", (address,))
        with pytest.raises(DownloadError, match=r"mnist: cannot download train-images.*" + text):
            mnist()
    assert not cache.exists() or not any(path.is_file() for path in cache.rglob("*"))


def test_an_endless_download(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "_LARGEST", 4 << 20)
    with answering(OK + b"\r\n", endless=True) as address:
        monkeypatch.setattr(sources, "MIRRORS", (address,))
        with pytest.raises(DownloadError, match="got more than 4194304 bytes"):
            mnist()
    assert not cache.exists()


def test_a_full_disk_at_the_end_of_a_download(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = gzip.compress(b"content")
    name = "train-images-idx3-ubyte"
    monkeypatch.setitem(sources.MNIST_SHA256, name, hashlib.sha256(b"content").hexdigest())

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with answering(OK + b"\r\n" + content) as address:
        monkeypatch.setattr(sources, "MIRRORS", (address,))
        with pytest.raises(DownloadError, match="No space left on device"):
            mnist()
    assert not any(path.is_file() for path in cache.rglob("*"))


def test_a_packed_bomb_on_the_disk(tmp_path: Path) -> None:
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(BOMB)
    (tmp_path / "train-labels-idx1-ubyte.gz").write_bytes(BOMB)
    bomb = pytest.raises(ValueError, match="unpacks to more than")
    with bomb, bounded(len(BOMB), 2 * sources._LARGEST):
        mnist(tmp_path)
    with (tmp_path / "train-images-idx3-ubyte").open("wb") as file:
        file.truncate(1 << 40)  # takes no room on the disk
    (tmp_path / "train-images-idx3-ubyte.gz").unlink()
    with pytest.raises(ValueError, match="has more than"), bounded(0):
        mnist(tmp_path)


def test_a_picture_that_declares_too_much(tmp_path: Path) -> None:
    pytest.importorskip("PIL.Image", reason="pictures need Pillow").init()
    path = tmp_path / "a.ppm"
    path.write_bytes(b"P6 65535 65535 255 abc")
    bomb = pytest.raises(OSError, match=r"load_img: the image is damaged: .*decompression bomb")
    with bomb, bounded(0):
        keras.utils.load_img(path)


# Full disks


class Disk(io.RawIOBase):
    """A raw file that takes so many bytes; like a disk it takes what still fits, then raises."""

    def __init__(self, room: int, silent: bool = False) -> None:
        self.room = room
        self.silent = silent
        self.content = b""

    def write(self, content: Any) -> int:
        part = bytes(content)[: self.room]
        if content and not part and not self.silent:
            raise OSError(errno.ENOSPC, "No space left on device")
        self.room -= len(part)
        self.content += part
        return len(part)


STATES: dict[str, Any] = {
    "weights": {"a": cygnet.ones(1000), "b": cygnet.zeros(10)},
    "nested": [1, {"a": np.ones(1000)}],
}


@pytest.mark.parametrize("kind", STATES)
def test_a_file_that_takes_a_part(kind: str) -> None:
    """A raw file writes as much as fits, and says how much: the rest must not be lost silently."""
    whole = io.BytesIO()
    cygnet.save(STATES[kind], whole)
    length = len(whole.getvalue())
    for room in (0, 1, length // 4, length // 2, length - 1):
        with pytest.raises(OSError, match="No space left"):
            cygnet.save(STATES[kind], Disk(room))
        with pytest.raises(OSError, match="takes no more bytes"):
            cygnet.save(STATES[kind], Disk(room, silent=True))
    disk = Disk(length)
    cygnet.save(STATES[kind], disk)
    assert disk.content == whole.getvalue()


LIMITED = """
import resource, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
import numpy as np
import cygnet
from cygnet import keras

path = Path(sys.argv[2], "a")
model = keras.Sequential([keras.Input((100,)), keras.layers.Dense(100)])
for save in (
    lambda: cygnet.save({"a": cygnet.randn(9999)}, path),
    lambda: cygnet.save([1, {"a": np.random.rand(9999)}], path),
    lambda: cygnet.io.save_safetensors({"a": np.random.rand(9999)}, path),
    lambda: model.save(path),
    lambda: model.save_weights(path),
):
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    save()
    before = path.read_bytes()
    for limit in (0, 1, len(before) // 4, len(before) // 2, len(before) - 1):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        try:
            save()
        except OSError as error:
            print(error.errno)
        assert path.read_bytes() == before
        assert [each.name for each in path.parent.iterdir()] == ["a"]
"""


def test_a_full_disk_leaves_the_file_before(tmp_path: Path) -> None:
    """The limit of the size of files gives the error of writing that a full disk gives."""
    pytest.importorskip("resource", reason="a POSIX system limits the size of files")
    package = str(cygnet.__path__[0] + "/..")
    run = subprocess.run(
        [sys.executable, "-c", LIMITED, package, str(tmp_path)], capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.split() == [str(errno.EFBIG)] * 25


@pytest.mark.parametrize("name", ["x" * 255, "ü" * 127])
def test_the_longest_name_of_a_file(tmp_path: Path, name: str) -> None:
    cygnet.save([1], tmp_path / name)
    assert cygnet.load(tmp_path / name) == [1]
    assert [path.name for path in tmp_path.iterdir()] == [name]
    with pytest.raises(OSError, match="too long"):
        cygnet.save([1], tmp_path / (name + "xx"))
