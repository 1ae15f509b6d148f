"""Damages files of every kind that Cygnet reads, and sees what reading them does.

    python -m tests.hostile_files --flips 10000

Of each kind a good file is read again and again with one bit flipped, and cut at every byte of its
header. Reading must raise the kind's error or give what the good file gives. A flip that lies in
numbers which no checksum covers may give other numbers of the same types and shapes. No reading may
take more memory than the file's length and 1 MB (more where a format unpacks), or over two seconds.
"""

from __future__ import annotations

import argparse
import faulthandler
import gzip
import io
import os
import sys
import tempfile
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import cygnet
from cygnet import nn, optim
from cygnet.data.sources import _read_idx
from cygnet.io import save_safetensors
from cygnet.keras.utils import load_img
from cygnet.train.checkpoint import Checkpoint

MEGABYTE = 1 << 20
LONGEST = 2.0  # seconds


@dataclass(frozen=True)
class Kind:
    """A kind of file.

    Attributes
    ----------
    content : bytes
        Of a good file.
    name : str
        What it is called in its folder.
    read : callable
        Of a path: arrays, and what stands between them, to be compared.
    header : int
        Bytes before the numbers; a cut there cannot be good.
    covered : bool
        Whether the format has a checksum of all numbers.
    errors : tuple of exception types
    memory : int
        What reading may take beside the file's length and 1 MB.
    """

    content: bytes
    name: str
    read: Callable[[Path], Any]
    header: int
    covered: bool
    errors: tuple[type[Exception], ...] = (ValueError,)
    memory: int = 0


def parts(value: Any) -> Iterator[Any]:
    """What a container holds: keys, arrays and all else, one after the other."""
    if isinstance(value, dict):
        yield dict
        for key, item in value.items():
            yield key
            yield from parts(item)
    elif isinstance(value, list | tuple):
        yield type(value)
        for item in value:
            yield from parts(item)
    elif isinstance(value, cygnet.Tensor):
        yield value.detach().numpy()
    else:
        yield value


def same(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and a.dtype == b.dtype and a.tobytes() == b.tobytes()
    return type(a) is type(b) and repr(a) == repr(b)  # of NaN too


def size(read: list[Any]) -> int:
    return sum(part.nbytes for part in read if isinstance(part, np.ndarray))


def training_state() -> dict[str, Any]:
    """A state as a training saves it, of a model that has made a step."""
    net = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2))
    optimizer = optim.Adam(net.parameters())
    (net(cygnet.randn(4, 6)) ** 2).sum().backward()
    optimizer.step()
    return {
        "model": net.state_dict(),
        "optimizer": optimizer.state_dict(),
        "rng": cygnet.get_rng_state(),
        "history": [{"loss": 0.5, "accuracy": float("nan")}],
        "epoch": 3,
    }


def header_of(content: bytes) -> int:
    return 8 + int.from_bytes(content[:8], "little")


def kinds(folder: Path) -> dict[str, Kind]:
    """A good file of each kind."""
    cygnet.manual_seed(0)
    state = training_state()
    arrays = {name: np.asarray(value) for name, value in state["model"].items()}
    arrays["half"] = np.arange(7, dtype=np.float16)
    arrays["mask"] = np.arange(9) % 2 == 0
    file = io.BytesIO()
    save_safetensors(arrays, file, {"who": "me"})
    plain = file.getvalue()
    Checkpoint(folder).save(state)
    checkpoint = (folder / "training.safetensors").read_bytes()
    archives = []
    for write in (np.savez, np.savez_compressed):
        file = io.BytesIO()
        write(file, **arrays)
        archives.append(file.getvalue())
    images = np.random.default_rng(0).integers(0, 256, (5, 28, 28)).astype(np.uint8)
    idx = b"\0\0\x08\x03" + np.array(images.shape, ">i4").tobytes() + images.tobytes()
    found = {
        "weights": Kind(plain, "a.safetensors", cygnet.load, header_of(plain), False),
        "checkpoint": Kind(
            checkpoint,
            "training.safetensors",
            lambda path: Checkpoint(path.parent).load(),
            header_of(checkpoint),
            True,
        ),
        "npz": Kind(archives[0], "a.npz", cygnet.load, 200, True),
        "packed npz": Kind(archives[1], "a.npz", cygnet.load, 200, True),
        "idx": Kind(idx, "a", lambda path: _read_idx(path, 3), 16, False),
        "idx.gz": Kind(
            gzip.compress(idx, mtime=0), "a.gz", lambda path: _read_idx(path, 3), 18, True
        ),
    }
    try:
        from PIL import Image
    except ImportError:
        return found
    picture = Image.fromarray(images.reshape(-1, 28))
    for form in ("png", "bmp", "gif", "jpeg", "ppm"):
        file = io.BytesIO()
        picture.save(file, form)
        # Pixels may be declared in any number up to Pillow's limit, and are taken before they come.
        found[form] = Kind(
            file.getvalue(),
            f"a.{form}",
            lambda path: np.asarray(load_img(path, "grayscale")),
            16,
            False,
            (OSError,),
            2 * Image.MAX_IMAGE_PIXELS * 4,
        )
    return found


def outcome(kind: Kind, path: Path, good: list[Any], content: bytes) -> str:
    """How reading ends: "error", "same" or "other numbers"; anything else is an AssertionError."""
    path.write_bytes(content)
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    start = time.perf_counter()
    try:
        read = list(parts(kind.read(path)))
    except kind.errors:
        ending = "error"
    else:
        equal = len(read) == len(good) and all(map(same, read, good))
        ending = "same" if equal else "other numbers"
        assert equal or not kind.covered, "other content, and no error"
        assert kind.memory or size(read) == size(good), "other sizes"
        del read
    taken = tracemalloc.get_traced_memory()[1] - before
    assert taken <= len(content) + MEGABYTE + kind.memory, f"{taken} bytes taken"
    seconds = time.perf_counter() - start
    assert seconds < LONGEST, f"{seconds:.1f} s"
    return ending


def damaged(kind: Kind, flips: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """The content with a bit flipped, so many times, and cut at each byte of the header."""
    places = np.random.default_rng(seed).permutation(8 * len(kind.content))
    for place in np.resize(places, flips):
        content = bytearray(kind.content)
        content[place // 8] ^= 1 << int(place % 8)
        yield f"bit {place}", bytes(content)
    for end in range(min(kind.header, len(kind.content))):
        yield f"cut {end}", kind.content[:end]


def check(name: str, kind: Kind, folder: Path, flips: int, seed: int = 0) -> Counter[str]:
    """How readings of damaged files of a kind end.

    Raises
    ------
    AssertionError
        Naming the damage, if one ends in another way than it may.
    """
    path = folder / kind.name
    endings: Counter[str] = Counter()
    tracemalloc.start()
    try:
        path.write_bytes(kind.content)
        good = list(parts(kind.read(path)))
        assert outcome(kind, path, good, kind.content) == "same"
        for what, content in damaged(kind, flips, seed):
            try:
                ending = outcome(kind, path, good, content)
            except Exception as error:
                raise AssertionError(f"{name}: {what}: {type(error).__name__} {error}") from error
            assert ending == "error" or what[:3] != "cut", f"{name}: {what}: {ending}"
            endings[ending] += 1
    finally:
        tracemalloc.stop()
        path.unlink(missing_ok=True)
    return endings


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.hostile_files")
    parser.add_argument("--flips", type=int, default=10_000, help="of each kind; default 10000")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("kinds", nargs="*", help="default all")
    options = parser.parse_args()
    faulthandler.dump_traceback_later(3600, exit=True)
    print(f"{'':<12}{'bytes':>8}{'error':>8}{'same':>8}{'other numbers':>15}{'s':>8}")
    with tempfile.TemporaryDirectory() as place:
        for name, kind in kinds(Path(place)).items():
            if options.kinds and name not in options.kinds:
                continue
            start = time.perf_counter()
            found = check(name, kind, Path(place), options.flips, options.seed)
            row = f"{name:<12}{len(kind.content):>8}{found['error']:>8}{found['same']:>8}"
            row += f"{found['other numbers']:>15}{time.perf_counter() - start:>8.1f}"
            print(row, flush=True)
    return 0


if __name__ == "__main__":
    os.chdir(Path(__file__).parent.parent)
    sys.exit(main())
