"""Batches of a dataset."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from cygnet import kernels
from cygnet.data.dataset import TensorDataset
from cygnet.random import Generator, default_generator
from cygnet.tensor import Tensor

__all__ = ["DataLoader", "default_collate"]


def default_collate(samples: Sequence[Any]) -> Any:
    """Joins samples along a new first axis.

    Parameters
    ----------
    samples : sequence
        Tensors, arrays, numbers, or tuples, lists or dicts of them; all alike. Python floats
        become float32, ints int64.

    Returns
    -------
    object
        A Tensor, or a tuple, list or dict of them; strings stay a list.

    Raises
    ------
    TypeError
        If there is something else in a sample.
    ValueError
        If the samples' shapes or lengths differ.
    """
    first = samples[0]
    if isinstance(first, Tensor | np.ndarray | np.generic | int | float):
        return Tensor(np.stack([Tensor(sample)._array for sample in samples]))
    if isinstance(first, str | bytes):
        return list(samples)
    if isinstance(first, Mapping):
        return {name: default_collate([sample[name] for sample in samples]) for name in first}
    if isinstance(first, tuple | list):
        return type(first)([default_collate(column) for column in zip(*samples, strict=True)])
    raise TypeError(
        "default_collate: samples expected to hold tensors, arrays, numbers, strings, tuples, "
        f"lists or dicts, got {type(first).__name__}"
    )


class DataLoader:
    """Cuts a dataset into batches.

    A batch of a `TensorDataset` is a tuple of tensors: a view of the rows in order, or, shuffled,
    gathered by one kernel call a tensor. Any other dataset is read sample by sample.

    Parameters
    ----------
    dataset : Dataset
        Has `__len__` and `__getitem__`.
    batch_size : int
        Samples in a batch, at least 1. Default 1.
    shuffle : bool
        Whether each epoch takes the samples in a new random order. Default False.
    drop_last : bool
        Whether to leave out a last batch that is smaller. Default False.
    generator : Generator, optional
        Its stream 'shuffle' gives the orders, one draw an epoch; the default generator by default.
    collate_fn : callable, optional
        Makes a batch of a list of samples. Default: `default_collate`.

    Raises
    ------
    ValueError, TypeError

    Examples
    --------
    >>> from cygnet.data import DataLoader, TensorDataset
    >>> loader = DataLoader(TensorDataset([[1.0], [2.0], [3.0]]), batch_size=2)
    >>> [batch.shape for (batch,) in loader]
    [(2, 1), (1, 1)]
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int = 1,
        shuffle: bool = False,
        drop_last: bool = False,
        generator: Generator | None = None,
        collate_fn: Callable[[list[Any]], Any] | None = None,
    ) -> None:
        if not hasattr(dataset, "__getitem__") or not hasattr(dataset, "__len__"):
            raise TypeError(
                "DataLoader: dataset expected an object with __len__ and __getitem__, got "
                f"{type(dataset).__name__}"
            )
        if isinstance(batch_size, bool) or not isinstance(batch_size, int | np.integer):
            raise TypeError(
                f"DataLoader: batch_size expected an int, got {type(batch_size).__name__}"
            )
        if batch_size < 1:
            raise ValueError(f"DataLoader: batch_size expected at least 1, got {batch_size}")
        self.dataset = dataset
        self.batch_size = int(batch_size)
        self.shuffle = shuffle
        self.drop_last = drop_last
        self.generator = generator
        self.collate_fn = collate_fn

    def __len__(self) -> int:
        """Batches in an epoch."""
        whole, rest = divmod(len(self.dataset), self.batch_size)
        return whole if self.drop_last or rest == 0 else whole + 1

    def __iter__(self) -> Iterator[Any]:
        count = len(self.dataset)
        order = None
        if self.shuffle:
            generator = default_generator if self.generator is None else self.generator
            order = kernels.permutation(generator.cell("shuffle"), count)
        whole = isinstance(self.dataset, TensorDataset) and self.collate_fn is None
        collate = self.collate_fn or default_collate
        for batch in range(len(self)):
            begin = batch * self.batch_size
            end = min(begin + self.batch_size, count)
            if not whole:
                indices = range(begin, end) if order is None else order[begin:end].tolist()
                yield collate([self.dataset[index] for index in indices])
            elif order is None:
                yield self.dataset[begin:end]
            else:
                yield self.dataset.take(order[begin:end])
