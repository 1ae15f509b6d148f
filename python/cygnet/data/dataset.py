"""Collections of samples."""

from __future__ import annotations

import itertools
import math
import types
import warnings
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from cygnet import kernels
from cygnet.errors import name_constructor
from cygnet.ops import randperm
from cygnet.ops.create import as_tensor
from cygnet.random import Generator
from cygnet.tensor import Array, Tensor

__all__ = [
    "ChainDataset",
    "ConcatDataset",
    "Dataset",
    "IterableDataset",
    "StackDataset",
    "Subset",
    "TensorDataset",
    "random_split",
]


class Dataset:
    """Base of datasets: a subclass defines `__getitem__` for 0 <= index < len and `__len__`.

    It may define ``__getitems__(indices)``, a list of samples, which loaders prefer. The sum of two
    datasets is their `ConcatDataset`.
    """

    __class_getitem__: Any = classmethod(types.GenericAlias)  # `Dataset[Tensor]` in annotations

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        name_constructor(cls)

    def __getitem__(self, index: int) -> Any:
        """The sample at `index`: a tensor, array or number, or a tuple, list or dict of them."""
        raise NotImplementedError(f"{type(self).__name__} must define __getitem__")

    def __add__(self, other: Any) -> ConcatDataset:
        return ConcatDataset([self, other])


class IterableDataset(Dataset):
    """Base of datasets that are streams: a subclass defines `__iter__`.

    With several workers each iterates for itself, and `get_worker_info` tells which part is its
    own. The sum of two is their `ChainDataset`.
    """

    def __iter__(self) -> Iterator[Any]:
        raise NotImplementedError(f"{type(self).__name__} must define __iter__")

    def __add__(self, other: Any) -> ChainDataset:  # type: ignore[override]
        return ChainDataset([self, other])


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
        self.tensors = tuple(
            each if isinstance(each, Tensor) else as_tensor(each) for each in tensors
        )
        if not self.tensors:
            raise ValueError("TensorDataset: tensors are none, expected at least one")
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


class StackDataset(Dataset):
    """Several datasets side by side: a sample is a tuple of theirs, or a dict.

    Parameters
    ----------
    *args : Dataset
        For tuples.
    **kwargs : Dataset
        For dicts with these keys.

    Raises
    ------
    ValueError
        If there are none or both kinds, or the lengths differ.
    """

    datasets: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if bool(args) == bool(kwargs):
            raise ValueError(
                "StackDataset: expected datasets as arguments or with names, got "
                + ("both" if args else "none")
            )
        self.datasets = args or kwargs
        lengths = {len(each) for each in (args or kwargs.values())}
        if len(lengths) > 1:
            raise ValueError(
                f"StackDataset: datasets have the lengths {sorted(lengths)}, expected one"
            )
        self._length = lengths.pop()

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> Any:
        if isinstance(self.datasets, dict):
            return {name: each[index] for name, each in self.datasets.items()}
        return tuple(each[index] for each in self.datasets)


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

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, list):
            return self.dataset[[self.indices[i] for i in index]]
        return self.dataset[int(self.indices[index])]

    def __getitems__(self, indices: Sequence[int]) -> list[Any]:
        """The samples at several indices."""
        return samples_at(self.dataset, [int(self.indices[i]) for i in indices])


class ConcatDataset(Dataset):
    """Datasets one after the other.

    Parameters
    ----------
    datasets : iterable of Dataset
        At least one.

    Attributes
    ----------
    datasets : list of Dataset
    cumulative_sizes : list of int
        Where each ends.

    Raises
    ------
    ValueError
        If there is none.
    TypeError
        If one is an `IterableDataset`.
    """

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise ValueError("ConcatDataset: datasets is empty, expected at least one")
        for i, each in enumerate(self.datasets):
            if isinstance(each, IterableDataset):
                raise TypeError(
                    f"ConcatDataset: datasets[{i}] is an IterableDataset; use ChainDataset"
                )
        self.cumulative_sizes = list(itertools.accumulate(map(len, self.datasets)))

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, index: int) -> Any:
        count = len(self)
        if not -count <= index < count:
            raise IndexError(
                f"ConcatDataset: index is {index}, expected {-count} to {count - 1} for {count} "
                "samples"
            )
        index %= count
        which = bisect_right(self.cumulative_sizes, index)
        return self.datasets[which][index - (self.cumulative_sizes[which - 1] if which else 0)]


class ChainDataset(IterableDataset):
    """Streams one after the other.

    Parameters
    ----------
    datasets : iterable of IterableDataset
    """

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = datasets

    def __iter__(self) -> Iterator[Any]:
        for i, each in enumerate(self.datasets):
            if not isinstance(each, IterableDataset):
                raise TypeError(
                    f"ChainDataset: datasets[{i}] expected an IterableDataset, got "
                    f"{type(each).__name__}"
                )
            yield from each

    def __len__(self) -> int:
        return sum(map(len, self.datasets))


def samples_at(dataset: Any, indices: Sequence[int]) -> list[Any]:
    """The samples at several indices, at once where the dataset can."""
    at_once = getattr(dataset, "__getitems__", None)
    if at_once is None:
        return [dataset[index] for index in indices]
    samples = list(at_once(indices))
    if len(samples) != len(indices):
        raise ValueError(
            f"{type(dataset).__name__}.__getitems__ gave {len(samples)} samples, expected "
            f"{len(indices)}"
        )
    return samples


def random_split(
    dataset: Any, lengths: Sequence[int | float], generator: Generator | None = None
) -> list[Subset]:
    """Parts of a dataset that share no sample, drawn at random.

    Parameters
    ----------
    dataset : Dataset
    lengths : sequence of int or of float
        Their lengths, which sum to that of the dataset, or fractions, which sum to 1; samples that
        are left over go to the first parts, one each.
    generator : Generator, optional
        Default: the default generator.

    Raises
    ------
    ValueError
        If the lengths do not sum up, or a fraction is negative.

    Examples
    --------
    >>> from cygnet.data import random_split
    >>> [len(part) for part in random_split(range(10), [0.75, 0.25])]
    [8, 2]
    """
    count, total = len(dataset), sum(lengths)
    if math.isclose(total, 1) and total <= 1:
        for i, fraction in enumerate(lengths):
            if not 0 <= fraction <= 1:
                raise ValueError(f"random_split: lengths[{i}] is {fraction}, expected 0 to 1")
        sizes = [math.floor(count * fraction) for fraction in lengths]
        for i in range(count - sum(sizes)):
            sizes[i % len(sizes)] += 1
        for i, size in enumerate(sizes):
            if size == 0:
                warnings.warn(f"random_split: part {i} has no samples", stacklevel=2)
    elif total == count:
        sizes = [int(length) for length in lengths]
    else:
        raise ValueError(
            f"random_split: lengths sum to {total}, expected {count}, the dataset's length"
        )
    order = randperm(count, generator=generator).tolist()
    return [
        Subset(dataset, order[end - size : end])
        for end, size in zip(itertools.accumulate(sizes), sizes, strict=True)
    ]
