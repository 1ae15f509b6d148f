"""Weights in the safetensors format: names and arrays, no code."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from cygnet.files import write_whole
from cygnet.tensor import Array, Tensor

__all__ = ["load_safetensors", "save_safetensors"]

FORMAT_VERSION = 1


def _writable_array(name: Any, value: Any, path: Path) -> Array:
    if not isinstance(name, str):
        raise TypeError(f"save: {path}: key expected a str, got {name!r}")
    if not isinstance(value, Tensor | np.ndarray | np.generic):
        raise TypeError(
            f"save: {path}: {name!r} expected a Tensor or numpy.ndarray, "
            f"got {type(value).__name__}; nested states are not flat"
        )
    array = value._array if isinstance(value, Tensor) else np.asarray(value)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"save: {path}: {name!r} expected numbers, got dtype {array.dtype}")
    return np.asarray(array, dtype=array.dtype.newbyteorder("="), order="C")


def save_safetensors(state_dict: Mapping[str, Any], path: str | PathLike[str]) -> None:
    """Write names and arrays to one file, all of it or nothing.

    The file is written under a temporary name beside `path`, flushed to the disk and renamed.

    Parameters
    ----------
    state_dict : mapping of str to Tensor or numpy.ndarray
        Flat, such as ``model.state_dict()``.
    path : path-like
        Replaced if it exists.

    Raises
    ------
    FileNotFoundError
        If the folder does not exist.
    TypeError
        If a key is no string or a value no array of numbers.
    """
    from safetensors.numpy import save

    path = Path(path)
    if not isinstance(state_dict, Mapping):
        raise TypeError(
            f"save: {path}: argument state_dict expected a mapping, got {type(state_dict).__name__}"
        )
    arrays = {name: _writable_array(name, value, path) for name, value in state_dict.items()}
    if not path.parent.is_dir():
        raise FileNotFoundError(f"save: the folder {path.parent} does not exist")
    if path.is_dir():
        raise IsADirectoryError(f"save: {path} is a folder")
    content = save(arrays, metadata={"format_version": str(FORMAT_VERSION)})
    write_whole(path, content)


def load_safetensors(path: str | PathLike[str]) -> dict[str, Tensor]:
    """Read a safetensors file, of Cygnet or of another program.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    dict of str to Tensor
        In memory of their own; float16 becomes float32.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        Naming the file, if it is damaged, of a newer format version or holds a type that
        tensors cannot have.
    """
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"load: there is no file {path}")
    if path.is_dir():
        raise IsADirectoryError(f"load: {path} is a folder")
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            version = metadata.get("format_version", str(FORMAT_VERSION))
            if version != str(FORMAT_VERSION):
                raise ValueError(
                    f"load: {path} has format version {version}, this Cygnet reads {FORMAT_VERSION}"
                )
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, TypeError, AttributeError) as error:
        raise ValueError(f"load: {path} is not a readable safetensors file: {error}") from error
    state: dict[str, Tensor] = {}
    for name, array in arrays.items():
        try:
            state[name] = Tensor(array.astype(np.float32) if array.dtype == np.float16 else array)
        except TypeError as error:
            raise ValueError(f"load: {path}: {name!r}: {error}") from error
    return state
