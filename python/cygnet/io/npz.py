"""NumPy's archives of arrays, without the pickles that they may hold."""

from __future__ import annotations

import math
import os
import zipfile
from typing import IO, Any

import numpy as np

from cygnet.io.reading import Source
from cygnet.tensor import Array

__all__ = ["read_npz"]

# What deflate makes of a byte at most: a length of 258 takes two bits.
_LARGEST_RATIO = 1032
_END = 22  # bytes of the record at the end, which counts the members


def read_npz(source: Source) -> dict[str, Array] | None:
    """The arrays of an ``.npz`` file; None if it is an archive that `torch.save` wrote. No more
    memory is taken than members declare, and they may declare no more than packing can give.

    Raises
    ------
    ValueError, EOFError, RuntimeError, zlib.error, zipfile.BadZipFile
        If it is damaged or holds other things than arrays of numbers.
    """
    with zipfile.ZipFile(source.stream) as archive:
        members = archive.infolist()
        if any(member.filename.endswith("data.pkl") for member in members):
            return None
        if sum(member.compress_size for member in members) > source.left:
            raise ValueError("its members are longer than the file")
        source.stream.seek(-_END, os.SEEK_END)
        count = int.from_bytes(source.stream.read(_END)[10:12], "little")
        if archive.comment or len(members) != count:
            raise ValueError(f"{len(members)} members are found, {count} expected, and no comment")
        arrays = {}
        for member in members:
            name = member.filename.removesuffix(".npy")
            if name == member.filename or name in arrays:
                raise ValueError(f"{name!r:.80} is no array, or there twice")
            if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise ValueError(f"{name!r:.80} is packed in a way that NumPy does not use")
            if member.file_size > _LARGEST_RATIO * member.compress_size + 64:
                raise ValueError(f"{name!r:.80} declares {member.file_size} bytes, more than fit")
            with archive.open(member) as stream:
                arrays[name] = _array(name, stream, member.file_size)
        return arrays


def _array(name: str, stream: IO[bytes], size: int) -> Array:
    shape, fortran, dtype = _header(stream)
    if dtype.kind not in "biuf":
        raise ValueError(f"{name!r:.80} has dtype {dtype}, expected numbers")
    source = Source(stream, size - stream.tell())
    if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize != source.left:
        raise ValueError(
            f"{name!r:.80} has {source.left} bytes, which are not those of dtype {dtype} and shape "
            f"{shape!r:.80}"
        )
    array = np.empty(shape[::-1] if fortran else shape, dtype)
    source.fill(array)
    return array.T if fortran else array


def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = np.lib.format.read_magic(stream)
    read = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    if version not in read:
        raise ValueError(f"its arrays have format version {version}, expected (1, 0) or (2, 0)")
    try:
        told: tuple[tuple[int, ...], bool, np.dtype[Any]] = read[version](stream)
    except (MemoryError, RecursionError, SyntaxError) as error:
        raise ValueError(f"an array has a damaged header: {error}") from None
    return told
