"""Weights in the safetensors format: names and arrays, no code.

A file is the length of its header in eight bytes, the header (JSON: the type, shape and place of
every array, and a map of texts, ``__metadata__``), and the arrays' bytes one after another.
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

from cygnet.files import write_whole
from cygnet.ops.create import as_tensor
from cygnet.tensor import Array, Tensor

__all__ = ["load_safetensors", "safetensors_metadata", "save_safetensors"]

FORMAT_VERSION = 1

# A path, or an object with `read` or `write` of bytes.
File: TypeAlias = str | os.PathLike[str] | IO[bytes]

# The format's names of the types that NumPy has, in the format's order; bfloat16 is the upper half
# of a float32.
_TYPES = {
    "BOOL": np.dtype("?"),
    "U8": np.dtype("<u1"),
    "I8": np.dtype("<i1"),
    "I16": np.dtype("<i2"),
    "U16": np.dtype("<u2"),
    "F16": np.dtype("<f2"),
    "BF16": np.dtype("<u2"),
    "I32": np.dtype("<i4"),
    "U32": np.dtype("<u4"),
    "F32": np.dtype("<f4"),
    "F64": np.dtype("<f8"),
    "I64": np.dtype("<i8"),
    "U64": np.dtype("<u8"),
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


def write_arrays(arrays: dict[str, Array], metadata: dict[str, str], file: File) -> None:
    """Writes a safetensors file, its arrays by descending type and by name as the format's own
    library does; to a path whole or not at all.
    """
    names = {dtype: name for name, dtype in _TYPES.items() if name != "BF16"}
    order = {dtype: -rank for rank, dtype in enumerate(names)}
    header: dict[str, Any] = {
        "__metadata__": {"format_version": str(FORMAT_VERSION), **metadata},
    }
    end = 0
    contents = []
    for name, array in sorted(arrays.items(), key=lambda item: (order[item[1].dtype], item[0])):
        offsets = [end, end + array.nbytes]
        header[name] = {"dtype": names[array.dtype], "shape": array.shape, "data_offsets": offsets}
        contents.append(array.tobytes())
        end += array.nbytes
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # the arrays begin at a multiple of eight bytes
    write_content(b"".join([len(text).to_bytes(8, "little"), text, *contents]), file)


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


def read_content(file: File, mmap: bool = False) -> memoryview:
    """All bytes of a path, or of an open file from where it stands.

    With `mmap` a path's are read when they are used; the memory may be written to, the file stays.
    """
    if not isinstance(file, str | os.PathLike):
        if not hasattr(file, "read"):
            raise TypeError(f"load: f expected a path or a file, got {type(file).__name__}")
        content = file.read()
        if not isinstance(content, bytes | bytearray):
            raise TypeError(f"load: {name_of(file)} gives text, expected a file opened with 'rb'")
        return memoryview(content)
    path = Path(file)
    if not path.exists():
        raise FileNotFoundError(f"load: there is no file {path}")
    if path.is_dir():
        raise IsADirectoryError(f"load: {path} is a folder")
    if not mmap or path.stat().st_size == 0:
        return memoryview(path.read_bytes())
    with open(path, "rb") as opened:
        return memoryview(memory_map.mmap(opened.fileno(), 0, access=memory_map.ACCESS_COPY))


def parse(content: memoryview, share: bool = False) -> tuple[dict[str, Array], dict[str, str]]:
    """The arrays and metadata of a file's bytes; the arrays share its memory with `share`.

    Raises
    ------
    ValueError
        If the bytes are no such file.
    """
    if len(content) < 8:
        raise ValueError(f"it has {len(content)} bytes")
    length = int.from_bytes(content[:8], "little")
    if length > len(content) - 8:
        raise ValueError(f"its header would have {length} bytes, the file has {len(content)}")
    try:
        header = json.loads(bytes(content[8 : 8 + length]).decode())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"its header is no JSON: {error}") from None
    if not isinstance(header, dict):
        raise ValueError("its header is no map")
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise ValueError("its metadata are no map of texts")
    data = content[8 + length :]
    places = {name: _place(name, entry) for name, entry in header.items()}
    end = 0
    for name, (_, _, start, stop) in sorted(places.items(), key=lambda place: place[1][2:]):
        if start != end:
            raise ValueError(f"{name!r} begins at {start}, expected {end}")
        end = stop
    if end != len(data):
        raise ValueError(f"its arrays have {end} bytes, {len(data)} are there")
    arrays = {}
    for name, (kind, shape, start, stop) in places.items():
        array = np.frombuffer(data[start:stop], _TYPES[kind]).reshape(shape)
        if kind == "BF16":
            array = (array.astype(np.uint32) << 16).view(np.float32)
        elif kind == "BOOL":  # other bytes than 0 and 1 would be neither
            array = array.view(np.uint8) != 0
        arrays[name] = array if share else array.copy()
    return arrays, metadata


def _place(name: str, entry: Any) -> tuple[str, tuple[int, ...], int, int]:
    """Type, shape, begin and end of an array by its entry in the header."""
    try:
        kind, shape, (start, stop) = entry["dtype"], tuple(entry["shape"]), entry["data_offsets"]
        known = all(type(n) is int and n >= 0 for n in (*shape, start, stop)) and len(shape) <= 32
    except (TypeError, KeyError, ValueError):
        known = False
    if not known:
        raise ValueError(f"the entry of {name!r} is {entry!r:.200}")
    if kind not in _TYPES:
        raise ValueError(f"{name!r} has dtype {kind!r}, expected one of {', '.join(_TYPES)}")
    if stop - start != math.prod(shape) * _TYPES[kind].itemsize:
        raise ValueError(f"{name!r} has {stop - start} bytes, but {kind} of shape {shape}")
    return kind, shape, start, stop


def read_arrays(
    file: File, content: memoryview, share: bool
) -> tuple[dict[str, Array], dict[str, str]]:
    """The arrays and metadata of a file; errors name it."""
    try:
        arrays, metadata = parse(content, share)
    except ValueError as error:
        raise ValueError(
            f"load: {name_of(file)} is not a readable safetensors file: {error}"
        ) from None
    version = metadata.get("format_version", str(FORMAT_VERSION))
    if version != str(FORMAT_VERSION):
        raise ValueError(
            f"load: {name_of(file)} has format version {version}, this Cygnet reads "
            f"{FORMAT_VERSION}"
        )
    return arrays, metadata


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
        Texts to be kept in the file.

    Raises
    ------
    FileNotFoundError
        If the folder does not exist.
    TypeError
        If a key is no string or a value no array of numbers.
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
    write_arrays(arrays, dict(metadata or {}), path)


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
    arrays, _ = read_arrays(path, read_content(path), share=False)
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
    return read_arrays(path, read_content(path, mmap=True), share=True)[1]
