"""What users give as data, checked and made into batches."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from cygnet.data import DataLoader, Dataset, IterableDataset, Subset, TensorDataset
from cygnet.ops.create import as_tensor
from cygnet.tensor import Array, Tensor
from cygnet.train.batches import length_of

__all__ = ["check_count", "dataset_of", "is_loader", "loader_of", "split", "tensor_of", "type_name"]


def type_name(value: Any) -> str:
    """What messages call a value."""
    return type(value).__name__


def check_count(op: str, name: str, value: Any, least: int = 1) -> None:
    """Raises TypeError or ValueError unless the value is an int of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{op}: argument {name} expected an int, got {type_name(value)}")
    if value < least:
        raise ValueError(f"{op}: argument {name} expected at least {least}, got {value}")


def is_loader(x: Any) -> bool:
    """Whether it gives batches, in whatever way."""
    return isinstance(x, DataLoader) or (
        isinstance(x, Iterable)
        and not isinstance(x, Tensor | list | tuple)
        and not hasattr(x, "__array__")
    )


def dataset_of(op: str, x: Any, y: Any, dtype: Any, sample_weight: Any = None) -> Any:
    """`x`, `y` and weights as one dataset, or the loader `x`; arrays get the dtype if they are of
    floating-point numbers.
    """
    if isinstance(x, Dataset) or is_loader(x):
        for name, value in (("y", y), ("sample_weight", sample_weight)):
            if value is not None:
                raise ValueError(
                    f"{op}: argument {name} expected None: {type_name(x)} x holds the targets"
                )
        if length_of(x) == 0:
            raise ValueError(f"{op}: argument x is empty")
        return x
    if y is None:
        raise ValueError(f"{op}: argument y is missing: {type_name(x)} x holds no targets")
    tensors = [tensor_of(op, "x", x, dtype), tensor_of(op, "y", y, dtype, is_target=True)]
    if sample_weight is not None:
        tensors.append(tensor_of(op, "sample_weight", sample_weight, dtype))
    for name, tensor in zip(("y", "sample_weight"), tensors[1:], strict=False):
        if len(tensor) != len(tensors[0]):
            raise ValueError(
                f"{op}: argument {name} expected as many samples as x, {len(tensors[0])}, got "
                f"{len(tensor)}"
            )
    if sample_weight is not None and tensors[2].numel() != len(tensors[0]):
        raise ValueError(
            f"{op}: argument sample_weight expected one number a sample, got the shape "
            f"{tuple(tensors[2].shape)}"
        )
    return TensorDataset(*tensors)


def tensor_of(op: str, name: str, value: Any, dtype: Any, *, is_target: bool = False) -> Tensor:
    """The samples as a tensor, floating-point numbers in the dtype, labels int64."""
    array: Array = value._array if isinstance(value, Tensor) else np.asarray(value)
    if array.ndim == 0:
        raise ValueError(f"{op}: argument {name} expected samples along an axis, got a number")
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{op}: argument {name} expected numbers, got dtype {array.dtype}")
    if len(array) == 0:
        raise ValueError(f"{op}: argument {name} is empty")
    if array.dtype.kind == "f":
        array = array.astype(dtype, copy=False)
    elif is_target and array.dtype.kind in "iu":
        array = array.astype(np.int64, copy=False)
    return as_tensor(array)


def loader_of(data: Any, batch_size: int, shuffle: bool = False, drop_last: bool = False) -> Any:
    """A loader of a dataset, a stream in its own order; loaders as they are."""
    if not isinstance(data, Dataset):
        return data
    shuffle = shuffle and not isinstance(data, IterableDataset)
    return DataLoader(data, batch_size=batch_size, shuffle=shuffle, drop_last=drop_last)


def split(data: Any, share: float) -> tuple[Any, Any]:
    """The first samples, and the last `share` of them."""
    if not 0.0 <= share < 1.0:
        raise ValueError(f"fit: argument validation_split expected in [0, 1), got {share}")
    if not isinstance(data, Dataset):
        raise ValueError("fit: validation_split expected arrays or a Dataset, not a loader")
    if isinstance(data, IterableDataset):
        raise ValueError("fit: validation_split expected data that have a length, not a stream")
    count = len(data)  # type: ignore[arg-type]
    kept = count - round(count * share)
    if not 0 < kept < count:
        raise ValueError(
            f"fit: argument validation_split {share} leaves one part of {count} samples empty"
        )
    if type(data) is TensorDataset:
        return (
            TensorDataset(*(tensor[:kept] for tensor in data.tensors)),
            TensorDataset(*(tensor[kept:] for tensor in data.tensors)),
        )
    return Subset(data, range(kept)), Subset(data, range(kept, count))
