"""`save` and `load`."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from typing import Any

from cygnet.device import check_device
from cygnet.io.nested import describe, rebuild
from cygnet.io.npz import read_npz
from cygnet.io.reading import File, Source, name_of, opened
from cygnet.io.safetensors import read_arrays, save_safetensors, tensor_of, write_arrays
from cygnet.tensor import Array, Tensor, _check_readable

__all__ = ["load", "save"]


def save(obj: Any, f: File) -> None:
    """Writes tensors, arrays, numbers and texts, alone or in nested containers, to one file.

    The file is a safetensors file. A flat dict of tensors, such as ``model.state_dict()``, is one
    that every reader of that format reads by key; of anything else the containers are described in
    the file's metadata, with a checksum of it all, which `load` compares. No pickle is written, so
    no code: a module is saved as its ``state_dict()``.

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
        write_arrays(arrays, f, {"structure": structure}, checked=True)
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
        Of a path: reads an array from the file only when it is used, and compares no checksum. The
        file must keep its length meanwhile. Default False.

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
    with opened(f) as source:
        start = source.read(4)
        source.back(len(start))
        if start == b"PK\x03\x04":
            arrays = _load_zip(f, source)
            note: dict[str, Any] = {}
        else:
            try:
                arrays, note = read_arrays(f, source, bool(mmap) and isinstance(f, str | PathLike))
            except ValueError:
                if len(start) > 1 and start[0] == 0x80 and start[1] <= 5:
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


def _load_zip(file: File, source: Source) -> dict[str, Array]:
    try:
        arrays = read_npz(source)
    except MemoryError:
        raise
    except Exception as error:  # a damaged archive raises errors of many kinds
        raise ValueError(f"load: {name_of(file)} is not a readable .npz file: {error}") from None
    if arrays is None:
        raise ValueError(_PICKLE.format(name_of(file)))
    return arrays
