"""Weights in the safetensors format, by the library of that name: names and arrays, no code.

Beside the arrays a file keeps texts by key, its metadata, and the library writes several keys in
any order. Cygnet's files have one, whose JSON holds all else, so that equal states are equal bytes.
"""

from __future__ import annotations

import json
import math
import mmap as memory_map
import os
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, TypeAlias

import numpy as np
from safetensors import SafetensorError, deserialize, safe_open
from safetensors.numpy import save as serialize

from cygnet.files import write_whole
from cygnet.ops.create import as_tensor
from cygnet.tensor import Array, Tensor

__all__ = ["load_safetensors", "safetensors_metadata", "save_safetensors"]

FORMAT_VERSION = 1
_KEY = "cygnet"

# A path, or an object with `read` or `write` of bytes.
File: TypeAlias = str | os.PathLike[str] | IO[bytes]
Content: TypeAlias = bytes | memory_map.mmap

# NumPy's types by the format's names; it has no bfloat16.
_TYPES = {
    "BOOL": np.dtype("?"),
    "BF16": np.dtype("V2"),
    **{
        f"{kind}{8 * size}": np.dtype(f"<{kind.lower()}{size}")
        for kind in "IU"
        for size in (1, 2, 4, 8)
    },
    **{f"F{8 * size}": np.dtype(f"<f{size}") for size in (2, 4, 8)},
}


def name_of(file: File) -> str:
    """What messages call a file."""
    if isinstance(file, str | os.PathLike):
        return os.fspath(file)
    return str(getattr(file, "name", f"the {type(file).__name__}"))


def writable_array(name: str, value: Any, file: File) -> Array:
    """The array to be written, in the machine's byte order and C-contiguous."""
    array = value._array if isinstance(value, Tensor) else np.asarray(value)
    if array.dtype.kind not in "fiub" or array.dtype.itemsize > 8:
        raise TypeError(
            f"save: {name_of(file)}: {name!r} expected numbers, got dtype {array.dtype}"
        )
    return np.asarray(array, dtype=array.dtype.newbyteorder("="), order="C")


def write_arrays(arrays: dict[str, Array], file: File, **contents: Any) -> None:
    """Writes arrays, and beside them what JSON can hold; to a path whole or not at all."""
    note = {"format_version": FORMAT_VERSION, **contents}
    try:
        text = json.dumps(note, allow_nan=False, separators=(",", ":"))
        content = serialize(arrays, {_KEY: text})
    except (SafetensorError, ValueError) as error:
        raise ValueError(
            f"save: {name_of(file)}: names, numbers and texts make no header: {error}"
        ) from None
    write_content(content, file)


def write_content(content: bytes, file: File) -> None:
    """Writes the bytes to an open file, or to a path by way of a temporary name."""
    if not isinstance(file, str | os.PathLike):
        if not hasattr(file, "write"):
            raise TypeError(f"save: f expected a path or a file, got {type(file).__name__}")
        file.write(content)
        return
    path = Path(file)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"save: the folder {path.parent} does not exist")
    if path.is_dir():
        raise IsADirectoryError(f"save: {path} is a folder")
    write_whole(path, content)


def read_content(file: File, mmap: bool = False) -> Content:
    """All bytes of a path, or of an open file from where it stands.

    With `mmap` a path's are read when they are used; the memory may be written to, the file stays.
    """
    if not isinstance(file, str | os.PathLike):
        if not hasattr(file, "read"):
            raise TypeError(f"load: f expected a path or a file, got {type(file).__name__}")
        content = file.read()
        if not isinstance(content, bytes | bytearray):
            raise TypeError(f"load: {name_of(file)} gives text, expected a file opened with 'rb'")
        return bytes(content)
    path = Path(file)
    if not path.exists():
        raise FileNotFoundError(f"load: there is no file {path}")
    if path.is_dir():
        raise IsADirectoryError(f"load: {path} is a folder")
    if not mmap or path.stat().st_size == 0:
        return path.read_bytes()
    with open(path, "rb") as opened:
        return memory_map.mmap(opened.fileno(), 0, access=memory_map.ACCESS_COPY)


def read_arrays(file: File, content: Content) -> tuple[dict[str, Array], dict[str, Any]]:
    """The arrays of a file, and what was written beside them; of other programs' files their texts
    as "metadata". The arrays share a mapped file's memory.

    Raises
    ------
    ValueError
        Naming the file, if it is none of this format and version.
    """
    try:
        arrays, texts = _parse(file, content)
        note = json.loads(texts[_KEY]) if _KEY in texts else {"metadata": texts}
        if not isinstance(note, dict):
            raise ValueError(f"what its metadata hold as {_KEY!r} is no map")
    except (SafetensorError, ValueError, RecursionError) as error:
        raise ValueError(
            f"load: {name_of(file)} is not a readable safetensors file: {error}"
        ) from None
    version = note.get("format_version", FORMAT_VERSION)
    if version != FORMAT_VERSION:
        raise ValueError(
            f"load: {name_of(file)} has format version {version}, this Cygnet reads "
            f"{FORMAT_VERSION}"
        )
    return {name: _known(array) for name, array in arrays.items()}, note


def _parse(file: File, content: Content) -> tuple[dict[str, Array], dict[str, str]]:
    """The arrays in the file's order, of the format's types, and its metadata."""
    start = 8 + int.from_bytes(content[:8], "little")
    arrays = {}
    if isinstance(content, bytes):
        entries = dict(deserialize(content))  # in any order, and without the metadata
        header = json.loads(content[8:start])
        texts = header.pop("__metadata__", None)
        for name in header:
            entry = entries[name]
            arrays[name] = _array(name, entry["dtype"], entry["shape"], entry["data"])
    else:
        with safe_open(file, framework="numpy") as opened:
            texts = opened.metadata()
            for name in opened.offset_keys():  # their bytes follow one another without gaps
                part = opened.get_slice(name)
                arrays[name] = _array(name, part.get_dtype(), part.get_shape(), content, start)
                start += arrays[name].nbytes
    return arrays, texts or {}


def _array(name: str, kind: str, shape: list[int], data: Any, start: int = 0) -> Array:
    """The array that begins at byte `start`."""
    if kind not in _TYPES:
        raise ValueError(f"{name!r} has dtype {kind!r}, expected one of {', '.join(_TYPES)}")
    return np.frombuffer(data, _TYPES[kind], math.prod(shape), start).reshape(shape)


def _known(array: Array) -> Array:
    """The array with a type that NumPy has, and a bool of 0 and 1 only."""
    if array.dtype.kind == "V":  # bfloat16 is the upper half of a float32
        return np.asarray(np.left_shift(array.view("<u2"), 16, dtype=np.uint32)).view(np.float32)
    if array.dtype == bool:
        return np.asarray(array.view(np.uint8) != 0)
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
        if name == "__metadata__":
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
    write_arrays(arrays, path, **({"metadata": texts} if texts else {}))


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
    arrays, _ = read_arrays(path, read_content(path))
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
    _, note = read_arrays(path, read_content(path, mmap=True))
    texts: dict[str, str] = note.get("metadata", {})
    return texts
