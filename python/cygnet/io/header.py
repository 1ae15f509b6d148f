"""The header of a safetensors file: what the file says of its arrays, checked.

A file is the header's length, 8 bytes in little-endian order; the header, a JSON map of each
array's name to its type, shape and place, and of "__metadata__" to texts by key; and the arrays,
which follow one another in any order, without gaps.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from cygnet.io.reading import Source

__all__ = ["Entry", "read_header"]

METADATA = "__metadata__"
LONGEST = 100_000_000  # bytes of a header, the format's limit
LARGEST_RANK = 64  # NumPy's limit

# NumPy's types by the format's names; it has no bfloat16.
TYPES = {
    "BOOL": np.dtype("?"),
    "BF16": np.dtype("V2"),
    **{
        f"{kind}{8 * size}": np.dtype(f"<{kind.lower()}{size}")
        for kind in "IU"
        for size in (1, 2, 4, 8)
    },
    **{f"F{8 * size}": np.dtype(f"<f{size}") for size in (2, 4, 8)},
}


class Entry(NamedTuple):
    """An array of a file: its bytes are [begin, end) of those behind the header."""

    begin: int
    end: int
    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]


def read_header(source: Source) -> tuple[list[Entry], dict[str, str]]:
    """The arrays in the header's order, and the texts; the source then stands behind the header.

    Raises
    ------
    ValueError
        If the header is damaged, or does not fit the length of the file.
    """
    length = int.from_bytes(_exactly(source, 8, "its length"), "little")
    if length > LONGEST:
        raise ValueError(f"header too large: {length} bytes, expected up to {LONGEST}")
    text = _exactly(source, length, f"{length} bytes").decode()
    try:
        header = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_number)
    except RecursionError:
        raise ValueError("its header is nested too deeply") from None
    if not isinstance(header, dict):
        raise ValueError(f"its header expected a map, got {_kind(header)}")
    texts = _texts(header.pop(METADATA, {}))
    entries = [_entry(name, told) for name, told in header.items()]
    _check_places(entries, source.left)
    return entries, texts


def _exactly(source: Source, count: int, what: str) -> bytes:
    if source.left < count:
        raise ValueError(f"header too small: expected {what}, got {source.left} bytes")
    return source.read(count)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        for name, _ in pairs:
            if made.pop(name, pairs) is pairs:
                raise ValueError(f"its header has {name!r:.80} twice")
    return made


def _no_number(text: str) -> None:
    raise ValueError(f"its header holds {text}")


def _kind(value: Any) -> str:
    for kind, name in ((dict, "a map"), (list, "a list"), (str, "a text")):
        if isinstance(value, kind):
            return name
    return f"{value!r:.40}"


def _texts(told: Any) -> dict[str, str]:
    if not isinstance(told, dict):
        raise ValueError(f"{METADATA!r} expected a map, got {_kind(told)}")
    for key, text in told.items():
        if not isinstance(text, str):
            raise ValueError(f"{METADATA!r}: {key!r:.80} expected a text, got {_kind(text)}")
        (key + text).encode()  # refuses halves of characters
    return told


def _entry(name: str, told: Any) -> Entry:
    name.encode()
    if not isinstance(told, dict):
        raise ValueError(f"{name!r:.80} expected a map, got {_kind(told)}")
    kind: Any = told.get("dtype")
    shape: Any = told.get("shape")
    places: Any = told.get("data_offsets")
    if not isinstance(kind, str) or kind not in TYPES:
        raise ValueError(f"{name!r:.80} has dtype {kind!r:.80}, expected one of {', '.join(TYPES)}")
    if not _are_sizes(shape) or len(shape) > LARGEST_RANK:
        raise ValueError(
            f"{name!r:.80} has shape {shape!r:.80}, expected up to {LARGEST_RANK} sizes"
        )
    if not _are_sizes(places) or len(places) != 2:
        raise ValueError(f"{name!r:.80} has data_offsets {places!r:.80}, expected two")
    begin, end = places
    if math.prod(max(each, 1) for each in shape) * TYPES[kind].itemsize >= 1 << 63:
        raise ValueError(f"{name!r:.80} has shape {shape!r:.80}, which is too big")
    size = math.prod(shape) * TYPES[kind].itemsize
    if end - begin != size:
        raise ValueError(
            f"{name!r:.80} has {end - begin} bytes, which are not those of dtype {kind} and shape "
            f"{shape!r:.80}"
        )
    return Entry(begin, end, name, TYPES[kind], tuple(shape))


def _are_sizes(told: Any) -> bool:
    return isinstance(told, list) and all(
        type(each) is int and 0 <= each < 1 << 63 for each in told
    )


def _check_places(entries: Sequence[Entry], length: int) -> None:
    """That each array begins where another one ends, and the last where the file does."""
    end = 0
    for entry in sorted(entries):
        if entry.begin != end:
            raise ValueError(f"{entry.name!r:.80} begins at byte {entry.begin}, expected {end}")
        end = entry.end
    if end != length:
        raise ValueError(f"its arrays have {end} bytes, but {length} follow the header")
