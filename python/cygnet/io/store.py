"""`save` and `load`."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np

from cygnet.device import check_device
from cygnet.io.nested import describe, rebuild
from cygnet.io.safetensors import (
    Content,
    File,
    name_of,
    read_arrays,
    read_content,
    save_safetensors,
    tensor_of,
    write_arrays,
)
from cygnet.tensor import Tensor, _check_readable

__all__ = ["load", "save"]


def save(obj: Any, f: File) -> None:
    """Writes tensors, arrays, numbers and texts, alone or in nested containers, to one file.

    The file is a safetensors file. A flat dict of tensors, such as ``model.state_dict()``, is one
    that every reader of that format reads by key; of anything else the containers are described in
    the file's metadata. No pickle is written, so no code: a module is saved as its
    ``state_dict()``.

    Parameters
    ----------
    obj : object
        Tensors, NumPy arrays, numbers, str, bool, None, and lists, tuples and dicts of these. Keys
        may be anything of it but arrays. Each tensor is written whole, also where some share
        memory.
    f : path-like or binary file
        A path is written under a temporary name, flushed to the disk and renamed.

    Raises
    ------
    TypeError
        For any other object, naming its place.
    FileNotFoundError
        If the folder does not exist.

    Examples
    --------
    >>> import io, cygnet
    >>> file = io.BytesIO()
    >>> cygnet.save({"epoch": 3, "best": (0.5, cygnet.ones(2))}, file)
    >>> _ = file.seek(0)
    >>> cygnet.load(file)
    {'epoch': 3, 'best': (0.5, tensor([1., 1.]))}
    """
    _check_readable("save")
    if isinstance(obj, Mapping) and all(
        isinstance(key, str) and key != "__metadata__" and isinstance(value, Tensor)
        for key, value in obj.items()
    ):
        save_safetensors(obj, f)
        return
    try:
        arrays, structure = describe(obj, f)
        write_arrays(arrays, f, structure=structure)
    except RecursionError:
        raise ValueError(f"save: {name_of(f)}: obj is nested too deeply") from None


def load(
    f: File,
    map_location: Any = None,
    *,
    weights_only: bool = True,
    mmap: bool | None = None,
) -> Any:
    """Reads what `save` wrote, a safetensors file of another program, or an ``.npz`` file.

    Parameters
    ----------
    f : path-like or binary file
    map_location : device, str, dict or callable, optional
        The CPU; what it says about other devices has no effect, since a file names none.
    weights_only : bool
        Has no effect: a file holds no code.
    mmap : bool, optional
        Of a path: reads an array from the file only when it is used. Default False.

    Returns
    -------
    object
        The same containers and values; mappings come back as dict, and what is derived from tuple
        as tuple. Of other programs' files a dict of str to Tensor, float16 and bfloat16 as float32.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        Naming the file, if it is damaged, of another format or a newer version.
    RuntimeError
        If `map_location` is another device than the CPU.
    """
    _check_location(map_location)
    content = read_content(f, bool(mmap))
    if content[:4] == b"PK\x03\x04":
        return _load_zip(f, content)
    try:
        arrays, note = read_arrays(f, content)
    except ValueError:
        if len(content) > 1 and content[0] == 0x80 and content[1] <= 5:
            raise ValueError(_PICKLE.format(name_of(f))) from None
        raise
    if "structure" in note:
        return rebuild(note["structure"], arrays, f)
    return {name: tensor_of(name, array, f) for name, array in arrays.items()}


_PICKLE = (
    "load: {} was written by torch.save: it holds a pickle, which may run any code, and is not "
    "read; convert it where PyTorch is: safetensors.torch.save_file(state_dict, path)"
)


def _check_location(location: Any) -> None:
    if isinstance(location, Mapping):
        for target in location.values():
            check_device("load", target)
    elif not callable(location):
        check_device("load", location)


def _load_zip(file: File, content: Content) -> dict[str, Tensor]:
    """The arrays of an ``.npz`` file."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if any(name.endswith("data.pkl") for name in archive.namelist()):
                raise ValueError(_PICKLE.format(name_of(file)))
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        if not all(isinstance(array, np.ndarray) for array in arrays.values()):
            raise ValueError("it holds other things than arrays")
    except MemoryError:
        raise
    except Exception as error:  # a damaged archive raises errors of many kinds
        if str(error) == _PICKLE.format(name_of(file)):
            raise
        raise ValueError(f"load: {name_of(file)} is not a readable .npz file: {error}") from None
    return {name: tensor_of(name, array, file) for name, array in arrays.items()}
