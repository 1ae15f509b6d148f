"""Collections of samples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cygnet import kernels
from cygnet.tensor import Array, Tensor

__all__ = ["Dataset", "Subset", "TensorDataset"]


class Dataset:
    """Base of datasets: a subclass defines `__getitem__` for 0 <= index < len and `__len__`."""

    def __getitem__(self, index: int) -> Any:
        """The sample at `index`: a tensor, array or number, or a tuple, list or dict of them."""
        raise NotImplementedError(f"{type(self).__name__} must define __getitem__")


class TensorDataset(Dataset):
    """Tensors whose first axes count the samples.

    Parameters
    ----------
    *tensors : Tensor or array_like
        At least one, all of one length, (N, ...).

    Attributes
    ----------
    tensors : tuple of Tensor

    Raises
    ------
    ValueError
        If there is no tensor, one has no dimension, or the lengths differ.
    """

    def __init__(self, *tensors: Any) -> None:
        self.tensors = tuple(each if isinstance(each, Tensor) else Tensor(each) for each in tensors)
        if not self.tensors:
            raise ValueError("TensorDataset: expected at least one tensor")
        shapes = [tensor.shape for tensor in self.tensors]
        if any(not shape for shape in shapes) or len({shape[0] for shape in shapes}) != 1:
            raise ValueError(
                "TensorDataset: size mismatch between tensors, expected one first size, got shapes "
                + ", ".join(map(str, shapes))
            )

    def __len__(self) -> int:
        return self.tensors[0].shape[0]

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return tuple(tensor[index] for tensor in self.tensors)

    def take(self, indices: Array) -> tuple[Tensor, ...]:
        """The samples at `indices`, an int64 array, gathered by one kernel call a tensor."""
        return tuple(
            Tensor._wrap(kernels.gather_rows(tensor._array, indices)) for tensor in self.tensors
        )


class Subset(Dataset):
    """The samples of a dataset at given indices.

    Parameters
    ----------
    dataset : Dataset
    indices : sequence of int
    """

    def __init__(self, dataset: Any, indices: Sequence[int]) -> None:
        self.dataset = dataset
        self.indices = indices

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> Any:
        return self.dataset[int(self.indices[index])]
