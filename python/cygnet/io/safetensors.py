"""Weights in the safetensors format: names and arrays, no code.

The library of that name writes them. Beside the arrays a file keeps texts by key, its metadata, and
the library writes several keys in any order. Cygnet's files have one, whose JSON holds all else, so
that equal states are equal bytes.
"""

from __future__ import annotations

import json
import mmap as memory_map
import os
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import save as serialize

from cygnet.files import write_whole
from cygnet.io.header import METADATA, Entry, read_header
from cygnet.io.reading import File, Source, name_of, opened
from cygnet.ops.create import as_tensor
from cygnet.tensor import Array, Tensor

__all__ = ["load_safetensors", "safetensors_metadata", "save_safetensors"]

FORMAT_VERSION = 1
_KEY = "cygnet"
_CHECKSUM = "crc32"


def writable_array(name: str, value: Any, file: File) -> Array:
    """The array to be written, in the machine's byte order and C-contiguous."""
    array = value._array if isinstance(value, Tensor) else np.asarray(value)
    if array.dtype.kind not in "fiub" or array.dtype.itemsize > 8:
        raise TypeError(
            f"save: {name_of(file)}: {name!r} expected numbers, got dtype {array.dtype}"
        )
    return np.asarray(array, dtype=array.dtype.newbyteorder("="), order="C")


def write_arrays(
    arrays: dict[str, Array], file: File, contents: dict[str, Any], checked: bool = False
) -> None:
    """Writes arrays, and beside them what JSON can hold; to a path whole or not at all. A file that
    is `checked` keeps a checksum of it all.
    """
    note = {"format_version": FORMAT_VERSION, **contents}
    try:
        if checked:
            note[_CHECKSUM] = _checksum(arrays, note)
        content = serialize(arrays, {_KEY: _as_json(note)})
    except (SafetensorError, ValueError) as error:
        raise ValueError(
            f"save: {name_of(file)}: names, numbers and texts make no header: {error}"
        ) from None
    write_content(content, file)


def _as_json(note: dict[str, Any]) -> str:
    return json.dumps(note, allow_nan=False, separators=(",", ":"))


def _checksum(arrays: dict[str, Array], note: dict[str, Any]) -> int:
    """Of the note, and of the arrays, their types and shapes in the order of their names."""
    crc = zlib.crc32(_as_json(note).encode())
    for name in sorted(arrays):
        array = arrays[name]
        crc = zlib.crc32(f"{name}{array.dtype.str}{array.shape}".encode(), crc)
        crc = zlib.crc32(array.reshape(-1).view(np.uint8).data, crc)
    return crc


def write_content(content: bytes, file: File) -> None:
    """Writes the bytes to an open file, or to a path by way of a temporary name."""
    if not isinstance(file, str | os.PathLike):
        if not hasattr(file, "write"):
            raise TypeError(f"save: f expected a path or a file, got {type(file).__name__}")
        while content:  # a raw file on a disk that is full writes a part, and then raises
            written = file.write(content)
            content = b"" if written is None else content[written:]
            if written == 0:
                raise OSError(f"save: {name_of(file)} takes no more bytes")
        return
    path = Path(file)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"save: the folder {path.parent} does not exist")
    if path.is_dir():
        raise IsADirectoryError(f"save: {path} is a folder")
    write_whole(path, content)


def read_arrays(
    file: File, source: Source, mmap: bool = False
) -> tuple[dict[str, Array], dict[str, Any]]:
    """The arrays of a file, and what was written beside them; of other programs' files their texts
    as "metadata". With `mmap` arrays are read when they are used, and no checksum is compared;
    their memory may be written to, the file stays.

    Raises
    ------
    ValueError
        Naming the file, if it is none of this format and version or damaged.
    """
    with _damage_named(file):
        entries, texts = read_header(source)
        note = _note(texts)
        arrays = _mapped(entries, source) if mmap else _read(entries, source)
        checksum = note.pop(_CHECKSUM, None)
        if checksum is not None and not mmap and checksum != _checksum(arrays, note):
            raise ValueError("its content differs from its checksum")
        return {entry.name: _known(arrays[entry.name]) for entry in entries}, note


@contextmanager
def _damage_named(file: File) -> Iterator[None]:
    try:
        yield
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"load: {name_of(file)} is not a readable safetensors file: {error}"
        ) from None


def _note(texts: dict[str, str]) -> dict[str, Any]:
    note = json.loads(texts[_KEY]) if _KEY in texts else {"metadata": texts}
    if not isinstance(note, dict):
        raise ValueError(f"what its metadata hold as {_KEY!r} is no map")
    version = note.get("format_version", FORMAT_VERSION)
    if version != FORMAT_VERSION:
        raise ValueError(
            f"it has format version {version!r:.80}, this Cygnet reads {FORMAT_VERSION}"
        )
    return note


def _read(entries: Sequence[Entry], source: Source) -> dict[str, Array]:
    arrays = {}
    for entry in sorted(entries):  # as their bytes follow one another
        arrays[entry.name] = np.empty(entry.shape, entry.dtype)
        source.fill(arrays[entry.name])
    return arrays


def _mapped(entries: Sequence[Entry], source: Source) -> dict[str, Array]:
    start = source.stream.tell()
    memory = memory_map.mmap(source.stream.fileno(), 0, access=memory_map.ACCESS_COPY)
    return {
        entry.name: np.ndarray(entry.shape, entry.dtype, memory, start + entry.begin)
        for entry in entries
    }


def _known(array: Array) -> Array:
    """The array with a type that NumPy has, and a bool of 0 and 1 only."""
    if array.dtype.kind == "V":  # bfloat16 is the upper half of a float32
        return np.asarray(np.left_shift(array.view("<u2"), 16, dtype=np.uint32)).view(np.float32)
    if array.dtype == bool:
        np.not_equal(array.view(np.uint8), 0, out=array)
    return array


def tensor_of(name: str, array: Array, file: File) -> Tensor:
    """A tensor around the array; float16 becomes float32."""
    try:
        return as_tensor(array.astype(np.float32) if array.dtype == np.float16 else array)
    except TypeError as error:
        raise ValueError(f"load: {name_of(file)}: {name!r}: {error}") from None


def save_safetensors(
    state_dict: Mapping[str, Any], path: File, metadata: Mapping[str, str] | None = None
) -> None:
    """Write names and arrays to one file, all of it or nothing.

    The file is written under a temporary name beside `path`, flushed to the disk and renamed.

    Parameters
    ----------
    state_dict : mapping of str to Tensor or numpy.ndarray
        Flat, such as ``model.state_dict()``. Each array is written whole, also where some share
        memory.
    path : path-like or binary file
        Replaced if it exists.
    metadata : mapping of str to str, optional
        Texts to be kept in the file, for `safetensors_metadata`.

    Raises
    ------
    FileNotFoundError
        If the folder does not exist.
    TypeError
        If a key is no string, a value no array of numbers or the metadata no texts.
    """
    if not isinstance(state_dict, Mapping):
        raise TypeError(
            f"save: {name_of(path)}: argument state_dict expected a mapping, got "
            f"{type(state_dict).__name__}"
        )
    arrays = {}
    for name, value in state_dict.items():
        if not isinstance(name, str):
            raise TypeError(f"save: {name_of(path)}: key expected a str, got {name!r}")
        if name == METADATA:
            raise ValueError(f"save: {name_of(path)}: key {name!r} belongs to the format")
        if not isinstance(value, Tensor | np.ndarray | np.generic):
            raise TypeError(
                f"save: {name_of(path)}: {name!r} expected a Tensor or numpy.ndarray, "
                f"got {type(value).__name__}; nested states are not flat"
            )
        arrays[name] = writable_array(name, value, path)
    texts = dict(metadata or {})
    if not all(isinstance(text, str) for pair in texts.items() for text in pair):
        raise TypeError(f"save: {name_of(path)}: argument metadata expected texts, got {texts!r}")
    write_arrays(arrays, path, {"metadata": texts} if texts else {})


def load_safetensors(path: File) -> dict[str, Tensor]:
    """Read a safetensors file, of Cygnet or of another program.

    Parameters
    ----------
    path : path-like or binary file

    Returns
    -------
    dict of str to Tensor
        In memory of their own; float16 and bfloat16 become float32.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        Naming the file, if it is damaged, of a newer format version or holds a type that
        tensors cannot have.
    """
    with opened(path) as source:
        arrays, _ = read_arrays(path, source)
    return {name: tensor_of(name, array, path) for name, array in arrays.items()}


def safetensors_metadata(path: File) -> dict[str, str]:
    """The texts that a safetensors file keeps beside its arrays, whoever wrote it.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is damaged.
    """
    with opened(path) as source, _damage_named(path):
        texts = _note(read_header(source)[1]).get("metadata", {})
        if not isinstance(texts, dict) or not all(isinstance(text, str) for text in texts.values()):
            raise ValueError("its metadata are no texts")
        return texts
