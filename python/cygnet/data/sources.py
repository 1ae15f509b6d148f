"""Real data: handwritten digits that come with the package, and MNIST."""

from __future__ import annotations

import gzip
import io
import os
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from cygnet.data.augmentation import TransformedDataset
from cygnet.data.dataset import TensorDataset
from cygnet.files import write_whole
from cygnet.tensor import Array

__all__ = ["DownloadError", "digits", "mnist"]

_DIGITS_TRAIN = 1437

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)

# SHA-256 of MNIST's unpacked files: mirrors pack them differently.
MNIST_SHA256 = {
    "train-images-idx3-ubyte": ("ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"),
    "train-labels-idx1-ubyte": ("65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"),
    "t10k-images-idx3-ubyte": ("0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"),
    "t10k-labels-idx1-ubyte": ("ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
}

_LARGEST = 64 << 20  # bytes: none of them has more, packed or not

_MNIST_FILES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}


class DownloadError(OSError):
    """A file could not be had from any mirror."""


def digits(split: str = "train", transform: Callable[[Any], Any] | None = None) -> Any:
    """The 1,797 handwritten digits of the UCI Optical Recognition data, 8x8 pixels.

    They come with the package. The order was drawn once at random (`tools/make_digits.py`), since
    neighbours in the original file are by the same writer; the first 1,437 are for training, the
    last 360 for testing.

    Parameters
    ----------
    split : str
        'train' (the default), 'test' or 'all'.
    transform : callable, optional
        Changes each image that is read.

    Returns
    -------
    TensorDataset
        Images, float32 (N, 1, 8, 8) from 0 (paper) to 1 (ink), and labels, int64 (N,); with
        `transform`, a `TransformedDataset` of it.

    Raises
    ------
    ValueError
        If there is no such split.

    References
    ----------
    E. Alpaydin, C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning
    Repository, 1998, https://doi.org/10.24432/C50P49; licensed CC BY 4.0.
    """
    parts = {
        "train": slice(None, _DIGITS_TRAIN),
        "test": slice(_DIGITS_TRAIN, None),
        "all": slice(None),
    }
    if split not in parts:
        raise ValueError(f"digits: split expected 'train', 'test' or 'all', got {split!r}")
    with np.load(Path(__file__).with_name("digits.npz")) as file:
        images, labels = file["images"][parts[split]], file["labels"][parts[split]]
    data = TensorDataset(images[:, np.newaxis].astype(np.float32) / 16, labels.astype(np.int64))
    return data if transform is None else TransformedDataset(data, transform)


def mnist(
    root: str | os.PathLike[str] | None = None,
    split: str = "train",
    download: bool = True,
    transform: Callable[[Any], Any] | None = None,
) -> Any:
    """MNIST: 60,000 handwritten digits for training and 10,000 for testing, 28x28 pixels.

    The IDX files, packed by gzip or not, are looked for in `root`; without it in
    ``$CYGNET_DATA/mnist`` and the user's cache (``$XDG_CACHE_HOME/cygnet/mnist``, by default
    ``~/.cache/cygnet/mnist``). What is missing is downloaded to `root` or the cache.

    Parameters
    ----------
    root : path, optional
        The folder of the files.
    split : str
        'train' (the default) or 'test'.
    download : bool
        Whether missing files may be downloaded. Default True.
    transform : callable, optional
        Changes each image that is read.

    Returns
    -------
    TensorDataset
        Images, float32 (N, 1, 28, 28) from 0 (paper) to 1 (ink), and labels, int64 (N,); with
        `transform`, a `TransformedDataset` of it.

    Raises
    ------
    ValueError
        If there is no such split, or a file is truncated or corrupt.
    DownloadError
        If a file is missing and cannot be downloaded; an OSError.

    References
    ----------
    Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits", 1998.
    """
    images, labels = mnist_bytes(root, split, download)
    pixels = images[:, np.newaxis].astype(np.float32)
    pixels /= 255
    data = TensorDataset(pixels, labels.astype(np.int64))
    return data if transform is None else TransformedDataset(data, transform)


def mnist_bytes(
    root: str | os.PathLike[str] | None, split: str, download: bool = True
) -> tuple[Array, Array]:
    """Images (N, 28, 28) and labels (N,) of MNIST as they are in the files, uint8, not writable;
    arguments and errors as those of :func:`mnist`.
    """
    if split not in _MNIST_FILES:
        raise ValueError(f"mnist: split expected 'train' or 'test', got {split!r}")
    image_file, label_file = (_mnist_file(root, name, download) for name in _MNIST_FILES[split])
    images = _read_idx(image_file, 3)
    labels = _read_idx(label_file, 1)
    if len(images) != len(labels):
        raise ValueError(
            f"mnist: {image_file} has {len(images)} images, but {label_file} {len(labels)} labels"
        )
    if labels.size and labels.max() > 9:
        raise ValueError(f"mnist: {label_file} has label {labels.max()}, expected 0 to 9")
    return images, labels


def _cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "cygnet" / "mnist"


def _mnist_file(root: str | os.PathLike[str] | None, name: str, download: bool) -> Path:
    """The path of one of the four files, downloaded if need be."""
    target = _cache() if root is None else Path(root)
    folders = [target]
    if root is None and (data := os.environ.get("CYGNET_DATA")):
        folders.insert(0, Path(data) / "mnist")
    for folder in folders:
        for path in (folder / f"{name}.gz", folder / name):
            if path.is_file():
                return path
    advice = (
        f"put {name}.gz (or {name}, unpacked) into {' or '.join(map(str, folders))}, "
        "or set CYGNET_DATA to the folder that has it in its subfolder mnist"
    )
    if not download:
        raise DownloadError(f"mnist: there is no {name}.gz, and download=False; {advice}")
    reasons = []
    for mirror in MIRRORS:
        try:
            return _download(f"{mirror}{name}.gz", target / f"{name}.gz", MNIST_SHA256[name])
        except (OSError, EOFError, ValueError, zlib.error) as error:
            reasons.append(f"{mirror}: {error}")
    raise DownloadError(f"mnist: cannot download {name}.gz ({'; '.join(reasons)}); {advice}")


def _download(url: str, path: Path, sha256: str) -> Path:
    """Downloads a gzip file; it appears at `path` whole and with the right content, or not."""
    import hashlib
    import http.client
    import urllib.request

    from tqdm import tqdm

    packed = bytearray()
    try:
        with urllib.request.urlopen(url, timeout=30) as response:
            total = int(response.headers.get("Content-Length") or 0) or None
            with tqdm(total=total, unit="B", unit_scale=True, desc=path.name, leave=False) as bar:
                while len(packed) <= _LARGEST and (piece := response.read(1 << 16)):
                    packed += piece
                    bar.update(len(piece))
    except http.client.HTTPException as error:  # no OSError
        raise ValueError(f"the answer breaks off or is none of HTTP: {error!r:.200}") from error
    if len(packed) > _LARGEST:
        raise ValueError(f"got more than {_LARGEST} bytes")
    if total is not None and len(packed) != total:
        raise ValueError(f"got {len(packed)} of {total} bytes")
    found = hashlib.sha256(_unpacked(packed)).hexdigest()
    if found != sha256:
        raise ValueError(f"the content's SHA-256 is {found}, expected {sha256}")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, packed)
    return path


def _unpacked(packed: bytes | bytearray) -> bytes:
    """What gzip packed; no more than a file of MNIST may have is unpacked."""
    content = bytearray()
    with gzip.open(io.BytesIO(packed)) as file:
        while piece := file.read(1 << 16):
            content += piece
            if len(content) > _LARGEST:
                raise ValueError(f"it unpacks to more than {_LARGEST} bytes")
    return bytes(content)


def _read_idx(path: Path, dimensions: int) -> Array:
    """The uint8 array in an IDX file: bytes 0, 0, 8 (type), dimensions, big-endian sizes, data."""
    if path.stat().st_size > _LARGEST:
        raise ValueError(f"mnist: {path} has more than {_LARGEST} bytes; remove it or replace it")
    content = path.read_bytes()
    if path.suffix == ".gz":
        try:
            content = _unpacked(content)
        except (OSError, EOFError, ValueError, zlib.error) as error:
            raise ValueError(
                f"mnist: {path} is no whole gzip file ({error}); remove it or replace it"
            ) from error
    header = 4 + 4 * dimensions
    magic = bytes((0, 0, 8, dimensions))
    if len(content) < header or content[:4] != magic:
        raise ValueError(
            f"mnist: {path} begins with bytes {content[:4].hex(' ') or '(none)'}, expected "
            f"{magic.hex(' ')} and {dimensions} sizes (an IDX file of {dimensions}-d uint8 data)"
        )
    sizes = [int.from_bytes(content[i : i + 4], "big") for i in range(4, header, 4)]
    if dimensions == 3 and sizes[1:] != [28, 28]:
        raise ValueError(f"mnist: {path} has images of {sizes[1]}x{sizes[2]}, expected 28x28")
    expected = int(np.prod(sizes, dtype=object))
    if len(content) - header != expected:
        raise ValueError(
            f"mnist: {path} has {len(content) - header} bytes of data, expected {expected} for "
            f"sizes {tuple(sizes)}; remove it or replace it"
        )
    array: np.ndarray[Any, Any] = np.frombuffer(content, np.uint8, offset=header)
    return array.reshape(sizes)
