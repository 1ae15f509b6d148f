"""Batches made of samples."""

from __future__ import annotations

import copy
from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any

import numpy as np

from cygnet.ops.create import as_tensor
from cygnet.tensor import Tensor

__all__ = ["default_collate", "default_convert"]


def default_collate(batch: Sequence[Any]) -> Any:
    """Joins samples along a new first axis.

    Parameters
    ----------
    batch : sequence
        Tensors, arrays, numbers, or tuples, lists or dicts of them; all alike. Python floats
        become float64, ints int64, as in PyTorch.

    Returns
    -------
    object
        A Tensor, or a list (of tuples as well), named tuple or dict of them; strings stay a list.

    Raises
    ------
    TypeError
        If there is something else in a sample.
    ValueError
        If the samples' shapes or lengths differ.

    Examples
    --------
    >>> from cygnet.data import default_collate
    >>> default_collate([{"x": 1, "name": "a"}, {"x": 2, "name": "b"}])
    {'x': tensor([1, 2]), 'name': ['a', 'b']}
    """
    first = batch[0]
    if isinstance(first, float) and not isinstance(first, np.generic):
        return as_tensor(np.array(batch, np.float64))
    if isinstance(first, Tensor | np.ndarray | np.generic | int | float):
        return as_tensor(np.stack([as_tensor(sample)._array for sample in batch]))
    if isinstance(first, str | bytes):
        return list(batch)
    if isinstance(first, Mapping):
        return _like_mapping(
            first, {key: default_collate([sample[key] for sample in batch]) for key in first}
        )
    if isinstance(first, Sequence):
        columns = [default_collate(column) for column in zip(*batch, strict=True)]
        return type(first)(*columns) if hasattr(first, "_fields") else columns
    raise TypeError(
        "default_collate: samples expected to hold tensors, arrays, numbers, strings, tuples, "
        f"lists or dicts, got {type(first).__name__}"
    )


def default_convert(data: Any) -> Any:
    """A sample with tensors in place of its arrays, which share their memory.

    Parameters
    ----------
    data : object
        Arrays, or tuples, lists or dicts of them; anything else stays as it is.
    """
    if isinstance(data, np.ndarray | np.generic):
        return as_tensor(data) if data.dtype.kind in "fiub" else data
    if isinstance(data, Mapping):
        return _like_mapping(data, {key: default_convert(value) for key, value in data.items()})
    if isinstance(data, list | tuple):
        parts = [default_convert(part) for part in data]
        return type(data)(*parts) if hasattr(data, "_fields") else parts
    return data


def _like_mapping(mapping: Mapping[Any, Any], items: dict[Any, Any]) -> Any:
    """The items in a mapping of the same type, if it can be had."""
    try:
        if isinstance(mapping, MutableMapping):
            result = copy.copy(mapping)
            result.update(items)
            return result
        return type(mapping)(items)  # type: ignore[call-arg]
    except TypeError:
        return items
