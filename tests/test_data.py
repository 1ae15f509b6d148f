"""Datasets, loader, digits, MNIST files and their download."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import itertools
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cygnet import Generator, Tensor, as_tensor, manual_seed
from cygnet.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    DownloadError,
    IterableDataset,
    RandomSampler,
    Subset,
    TensorDataset,
    default_collate,
    digits,
    mnist,
    sources,
)


def numbered(count: int) -> TensorDataset:
    return TensorDataset(np.arange(2.0 * count).reshape(count, 2), np.arange(count))


class Squares(Dataset):
    def __len__(self) -> int:
        return 7

    def __getitem__(self, index: int) -> Any:
        return np.full(3, index, np.float32), index**2


def test_tensor_dataset() -> None:
    data = numbered(5)
    assert len(data) == 5
    x, y = data[3]
    assert x._array.tolist() == [6, 7]
    assert y.item() == 3
    assert [t.shape for t in data[1:3]] == [(2, 2), (2,)]
    for tensors in ((), ([1.0], [1.0, 2.0]), (3.0,)):
        with pytest.raises(ValueError, match="TensorDataset"):
            TensorDataset(*tensors)
    part = Subset(data, [4, 0])
    assert len(part) == 2
    assert part[0][1].item() == 4
    with pytest.raises(NotImplementedError, match="Dataset must define __getitem__"):
        Dataset()[0]


@pytest.mark.parametrize("batch_size", [1, 3, 5, 7, 100])
@pytest.mark.parametrize("drop_last", [False, True])
def test_loader_in_order(batch_size: int, drop_last: bool) -> None:
    for data in (numbered(7), Squares()):
        loader = DataLoader(data, batch_size, drop_last=drop_last)
        batches = list(loader)
        assert len(batches) == len(loader)
        sizes = [batch[0].shape[0] for batch in batches]
        kept = 7 // batch_size * batch_size if drop_last else 7
        assert sum(sizes) == kept
        assert all(size == batch_size for size in sizes[:-1])
        seen = [n for batch in batches for n in batch[1]._array.tolist()]
        assert seen == [data[i][1] if isinstance(data, Squares) else i for i in range(kept)]


def orders(loader: DataLoader, epochs: int) -> list[list[int]]:
    return [[n for _, y in loader for n in y._array.tolist()] for _ in range(epochs)]


def test_loader_shuffles() -> None:
    data = numbered(50)
    loader = DataLoader(data, 8, shuffle=True, generator=Generator(3))
    first = orders(loader, 3)
    assert all(sorted(order) == list(range(50)) for order in first)
    assert len({tuple(order) for order in first}) == 3
    assert orders(DataLoader(data, 8, shuffle=True, generator=Generator(3)), 3) == first
    assert orders(DataLoader(data, 5, shuffle=True, generator=Generator(3)), 3) == first
    assert orders(DataLoader(data, 8, shuffle=True, generator=Generator(4)), 3) != first
    for x, y in loader:
        np.testing.assert_array_equal(x._array[:, 0], 2 * y._array)
    manual_seed(3)
    assert orders(DataLoader(data, 8, shuffle=True), 3) == first
    by_item = DataLoader(Subset(data, range(50)), 8, shuffle=True, generator=Generator(3))
    assert orders(by_item, 3) == first


def test_generator_state() -> None:
    generator = Generator(5)
    cell = generator.cell("shuffle")
    loader = DataLoader(numbered(20), 4, shuffle=True, generator=generator)
    orders(loader, 2)
    state = generator.get_state()
    assert state == {"seed": 5, "draws": {"shuffle": 2}}
    expected = orders(loader, 2)
    generator.manual_seed(9)
    generator.set_state(state)
    assert generator.cell("shuffle") is cell
    assert orders(loader, 2) == expected
    keys = {Generator(s).cell(n)[0] for s in (0, 1, -1, 2**70 + 3) for n in ("init", "dropout")}
    assert len(keys) == 8
    with pytest.raises(ValueError, match="set_state: state expected a dict"):
        generator.set_state({"seed": 1})
    for seed in ("1", 1.5, True, None):
        with pytest.raises(TypeError, match="manual_seed: seed must be an int"):
            Generator(seed)  # type: ignore[arg-type]


class Counted(IterableDataset):
    """Gives numbers."""

    def __iter__(self) -> Iterator[int]:
        return iter(range(9))


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("start", [0, 1, 3, 9])
@pytest.mark.parametrize(
    "data", [numbered(11), Squares(), Counted()], ids=lambda each: type(each).__name__
)
def test_iteration_from_a_batch_on(data: Any, start: int, workers: int) -> None:
    stream = isinstance(data, Counted)
    generator = Generator(6)
    loader = DataLoader(data, 2, not stream, num_workers=workers, generator=generator)
    assert loader.generators == [generator]
    whole = repr(list(loader)[start:])
    generator.manual_seed(6)
    assert repr(list(loader.iterate_from(start))) == whole


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("batch_size", [None, 2])
@pytest.mark.parametrize("data", [[1, 2, 3, 4], Counted()], ids=["samples", "stream"])
def test_stop_iteration_is_no_end_of_the_data(data: Any, batch_size: Any, workers: int) -> None:
    def collate(samples: Any) -> Any:
        return next(iter(()))

    class Failing(Squares):
        def __getitem__(self, index: int) -> Any:
            return next(iter(()))

    for loader in (
        DataLoader(data, batch_size, num_workers=workers, collate_fn=collate),
        DataLoader(Failing(), batch_size, num_workers=workers),
    ):
        with pytest.raises(RuntimeError, match="a sample or collate_fn raised StopIteration"):
            list(loader)


def test_workers_of_an_endless_sampler() -> None:
    class Endless:
        def __iter__(self) -> Iterator[int]:
            return itertools.cycle([2, 0, 1])

    class WithLength(Endless):
        def __len__(self) -> int:
            return 3

    for sampler in (Endless(), WithLength()):
        loader = DataLoader(range(3), None, sampler=sampler, num_workers=2)
        batches = iter(loader)
        assert [next(batches) for _ in range(8)] == [2, 0, 1, 2, 0, 1, 2, 0]


def test_generators_of_samplers_are_found() -> None:
    first, second = Generator(1), Generator(2)
    order = RandomSampler(numbered(4), generator=second)
    assert DataLoader(numbered(4), sampler=order, generator=first).generators == [first, second]
    batches = BatchSampler(order, 2, False)
    assert DataLoader(numbered(4), batch_sampler=batches).generators == [second]
    assert DataLoader(numbered(4), shuffle=True).generators == []


def test_empty_dataset() -> None:
    data = TensorDataset(np.zeros((0, 3)), np.zeros(0, int))
    for shuffle in (False, True):
        loader = DataLoader(data, 4, shuffle=shuffle)
        assert len(loader) == 0
        assert list(loader) == []


def test_collate() -> None:
    batch = default_collate([{"a": (1.5, 2), "b": "x"}, {"a": (2.5, 3), "b": "y"}])
    assert batch["a"][0].dtype == np.float64
    assert batch["a"][0]._array.tolist() == [1.5, 2.5]
    assert batch["a"][1].dtype == np.int64
    assert batch["b"] == ["x", "y"]
    with pytest.raises(TypeError, match="default_collate: samples expected"):
        default_collate([object()])
    with pytest.raises(ValueError, match="shape"):
        default_collate([np.ones(2), np.ones(3)])
    lists = DataLoader(numbered(4), 2, collate_fn=len)
    assert list(lists) == [2, 2]


def test_overridden_samples_are_used() -> None:
    class Negative(TensorDataset):
        def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
            return tuple(as_tensor(-each._array) for each in super().__getitem__(index))

    data = Negative(np.arange(6.0))
    for shuffle in (False, True):
        assert sum(float(x._array.sum()) for (x,) in DataLoader(data, 4, shuffle=shuffle)) == -15


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"batch_size": 0}, ValueError, "batch_size expected at least 1, got 0"),
        ({"batch_size": 2.0}, TypeError, "batch_size expected an int, got float"),
        ({"batch_size": True}, TypeError, "batch_size expected an int, got bool"),
        ({"dataset": 3}, TypeError, "dataset expected an object with __len__"),
    ],
)
def test_loader_bad_arguments(arguments: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error) as caught:
        DataLoader(**{"dataset": numbered(3), **arguments})
    assert text in str(caught.value)


def test_digits() -> None:
    train, test, whole = (digits(split) for split in ("train", "test", "all"))
    assert (len(train), len(test), len(whole)) == (1437, 360, 1797)
    for data in (train, test, whole):
        images, labels = (tensor._array for tensor in data.tensors)
        assert images.shape == (len(data), 1, 8, 8)
        assert (images.dtype, labels.dtype) == (np.float32, np.int64)
        assert images.min() == 0
        assert images.max() == 1
        counts = np.bincount(labels)
        assert len(counts) == 10
        assert counts.min() > 0.07 * len(data)
    joined = np.concatenate([train.tensors[0]._array, test.tensors[0]._array])
    np.testing.assert_array_equal(joined, whole.tensors[0]._array)
    assert (Path(sources.__file__).with_name("digits.npz")).stat().st_size <= 100_000
    with pytest.raises(ValueError, match=r"digits: split expected .*, got 'validation'"):
        digits("validation")


def idx(array: np.ndarray) -> bytes:
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return header + array.astype(np.uint8).tobytes()


IMAGES = np.random.default_rng(0).integers(0, 256, (12, 28, 28))
LABELS = np.arange(12) % 10
NAMES = {"train-images-idx3-ubyte": idx(IMAGES), "train-labels-idx1-ubyte": idx(LABELS)}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the training files; no network, and an empty cache."""
    for name, content in NAMES.items():
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress(content))
    monkeypatch.setattr(sources, "MIRRORS", ("http://127.0.0.1:9/",))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("CYGNET_DATA", raising=False)
    return tmp_path


def check_content(data: TensorDataset) -> None:
    images, labels = (tensor._array for tensor in data.tensors)
    assert (images.dtype, labels.dtype) == (np.float32, np.int64)
    np.testing.assert_allclose(images[:, 0], IMAGES / 255, rtol=1e-6)
    np.testing.assert_array_equal(labels, LABELS)


def test_mnist_from_files(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_content(mnist(folder))
    (folder / "data" / "mnist").mkdir(parents=True)
    for name, content in NAMES.items():
        (folder / "data" / "mnist" / name).write_bytes(content)
    monkeypatch.setenv("CYGNET_DATA", str(folder / "data"))
    check_content(mnist(download=False))
    with pytest.raises(ValueError, match="mnist: split expected"):
        mnist(folder, "all")


def test_mnist_offline(folder: Path) -> None:
    for download in (False, True):
        with pytest.raises(DownloadError) as caught:
            mnist(folder, "test", download)
        text = str(caught.value)
        assert "put t10k-images-idx3-ubyte.gz" in text
        assert str(folder) in text
        assert "CYGNET_DATA" in text
        assert isinstance(caught.value, OSError)
    with pytest.raises(DownloadError, match=r"cache/cygnet/mnist"):
        mnist()


IMAGE_FILE, LABEL_FILE = "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        (IMAGE_FILE, gzip.compress(NAMES[IMAGE_FILE[:-3]])[:-500], "is no whole gzip file"),
        (IMAGE_FILE, b"<html>not found</html>", "is no whole gzip file"),
        (IMAGE_FILE, b"", "begins with bytes (none)"),
        (IMAGE_FILE, gzip.compress(b""), "begins with bytes (none)"),
        (IMAGE_FILE, gzip.compress(idx(LABELS)), "begins with bytes 00 00 08 01"),
        (IMAGE_FILE, gzip.compress(idx(IMAGES)[:-1]), "9407 bytes of data, expected 9408"),
        (IMAGE_FILE, gzip.compress(idx(IMAGES) + b"x"), "9409 bytes of data, expected 9408"),
        (IMAGE_FILE, gzip.compress(idx(IMAGES[:, 1:])), "has images of 27x28, expected 28x28"),
        (LABEL_FILE, gzip.compress(idx(LABELS[1:])), "has 12 images"),
        (LABEL_FILE, gzip.compress(idx(LABELS + 5)), "has label 14, expected 0 to 9"),
        (LABEL_FILE, gzip.compress(b"\0\0\x08\x01" + b"\xff" * 4), "0 bytes of data, expected 4"),
    ],
    ids=lambda each: "" if isinstance(each, bytes) else None,
)
def test_mnist_corrupt(folder: Path, name: str, content: bytes, text: str) -> None:
    (folder / name).write_bytes(content)
    with pytest.raises(ValueError) as caught:  # noqa: PT011 (the text is checked below)
        mnist(folder)
    assert text in str(caught.value)
    assert name in str(caught.value)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """An HTTP server on this machine and the folder that it serves."""
    served = tmp_path / "served"
    served.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments, directory=str(served))

        def log_message(self, *arguments: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http_server:
        thread = threading.Thread(target=http_server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{http_server.server_port}/", served
        http_server.shutdown()
        thread.join()


def test_mnist_download(
    folder: Path, server: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, served = server
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in NAMES.items()}
    monkeypatch.setattr(sources, "MNIST_SHA256", hashes)
    monkeypatch.setattr(sources, "MIRRORS", (address + "missing/", address))
    cache = folder / "cache" / "cygnet" / "mnist"

    bad = {
        "another file": (gzip.compress(idx(IMAGES[::-1])), "SHA-256"),
        "cut": (gzip.compress(NAMES[IMAGE_FILE[:-3]])[:-100], "Compressed file ended"),
        "no gzip": (b"<html></html>", "Not a gzipped file"),
    }
    for content, text in bad.values():
        (served / IMAGE_FILE).write_bytes(content)
        with pytest.raises(DownloadError) as caught:
            mnist()
        assert text in str(caught.value)
        assert "404" in str(caught.value)
        assert not cache.exists() or not list(cache.iterdir())

    for name, content in NAMES.items():
        (served / f"{name}.gz").write_bytes(gzip.compress(content))
    check_content(mnist())
    assert sorted(path.name for path in cache.iterdir()) == [IMAGE_FILE, LABEL_FILE]
    monkeypatch.setattr(sources, "MIRRORS", ())
    check_content(mnist())


def test_import_is_light() -> None:
    code = (
        "import sys, cygnet.data; "
        "print([m for m in ('tqdm', 'urllib.request', 'http.client') if m in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"
