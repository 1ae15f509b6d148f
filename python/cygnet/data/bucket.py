"""Batches of sequences: alike in length, and padded to one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from cygnet import kernels
from cygnet.data.collate import default_collate
from cygnet.data.sampler import Sampler, check_count
from cygnet.ops.create import as_tensor
from cygnet.random import Generator, default_generator
from cygnet.tensor import Array, Tensor

__all__ = ["BucketBatchSampler", "pad_collate"]


class BucketBatchSampler(Sampler):
    """Batches of sequences of similar length, so that little is padded.

    The sequences are sorted by length, those of equal length in a new random order each time,
    the row is cut into batches, and the batches come in random order. Where the cuts are depends on
    the lengths alone: each epoch has the same number of batches.

    Parameters
    ----------
    lengths : sequence of int
        The length of each sample's sequence, at least 0; of pairs, say, the sum of both.
    batch_size : int, optional
        The most sequences in a batch.
    max_tokens : int, optional
        The most elements in a batch, padding included: sequences times the longest of them. One of
        `batch_size` and `max_tokens` must be given, or both.
    bucket_width : int
        Lengths count as equal, and as the longest of them in `max_tokens`, if they lie in the same
        one of 1 … width, width + 1 … 2 width, and so on. A wider one mixes more and pads more.
        Default 1.
    shuffle : bool
        Whether the order is random. Default True; otherwise the shortest come first, and equals in
        the order of the samples.
    generator : Generator, optional
        Its stream 'shuffle' gives the orders, two draws an epoch; the default generator by default.

    Raises
    ------
    TypeError, ValueError

    Examples
    --------
    >>> from cygnet.data import BucketBatchSampler
    >>> list(BucketBatchSampler([5, 2, 9, 3, 8], batch_size=2, shuffle=False))
    [[1, 3], [0, 4], [2]]
    >>> list(BucketBatchSampler([5, 2, 9, 3, 8], max_tokens=10, shuffle=False))
    [[1, 3], [0], [4], [2]]
    """

    def __init__(
        self,
        lengths: Sequence[int] | Array | Tensor,
        batch_size: int | None = None,
        *,
        max_tokens: int | None = None,
        bucket_width: int = 1,
        shuffle: bool = True,
        generator: Generator | None = None,
    ) -> None:
        op = "BucketBatchSampler"
        if batch_size is None and max_tokens is None:
            raise ValueError(f"{op}: expected batch_size, max_tokens or both, got neither")
        for name, value in (("batch_size", batch_size), ("max_tokens", max_tokens)):
            if value is not None:
                check_count(op, name, value)
        check_count(op, "bucket_width", bucket_width)
        sizes = np.asarray(lengths)
        if sizes.ndim != 1:
            raise ValueError(f"{op}: lengths has shape {sizes.shape}, expected one dimension")
        if sizes.size and sizes.dtype.kind not in "iu":
            raise TypeError(f"{op}: lengths expected integers, got {sizes.dtype}")
        if sizes.size and sizes.min() < 0:
            raise ValueError(f"{op}: lengths expected at least 0, got {sizes.min()}")
        if max_tokens is not None and sizes.size and sizes.max() > max_tokens:
            raise ValueError(f"{op}: lengths expected at most max_tokens, got {sizes.max()}")
        self.batch_size, self.max_tokens = batch_size, max_tokens
        self.shuffle, self.generator = shuffle, generator
        self._buckets = -(-sizes.astype(np.int64) // bucket_width)
        longest = np.sort(self._buckets) * bucket_width
        self._ends = self._cut(longest.tolist())

    def _cut(self, longest: list[int]) -> list[int]:
        """Where batches end among the sorted sequences; each is as long as its bucket is."""
        ends, begin = [], 0
        for position, length in enumerate(longest):
            count = position - begin
            full = count == self.batch_size
            heavy = self.max_tokens is not None and (count + 1) * length > self.max_tokens
            if count and (full or heavy):
                ends.append(position)
                begin = position
        if longest:
            ends.append(len(longest))
        return ends

    def __iter__(self) -> Iterator[list[int]]:
        count = len(self._buckets)
        if not self.shuffle:
            return self._batches(np.argsort(self._buckets, stable=True), range(len(self)))
        generator = default_generator if self.generator is None else self.generator
        cell = generator.cell("shuffle")
        mixed = kernels.permutation(cell, count)
        order = mixed[np.argsort(self._buckets[mixed], stable=True)]
        return self._batches(order, kernels.permutation(cell, len(self)).tolist())

    def _batches(self, order: Array, turns: Sequence[int]) -> Iterator[list[int]]:
        begins = [0, *self._ends]
        return (order[begins[turn] : self._ends[turn]].tolist() for turn in turns)

    def __len__(self) -> int:
        return len(self._ends)


def pad_collate(batch: Sequence[Any], padding_value: float = 0) -> Any:
    """Joins samples whose sequences differ in length: a `collate_fn` for the `DataLoader`.

    Parameters
    ----------
    batch : sequence
        Sequences, or tuples or lists of sequences and numbers, all alike. A sequence is a tensor or
        array (L, ...), L its own, or a list of numbers.
    padding_value : float
        What follows the shorter sequences. Default 0.

    Returns
    -------
    object
        For each place of a sequence a pair: a Tensor (N, longest L, ...) and the lengths, an int64
        Tensor (N,); for each place of a number what `default_collate` gives. A list of them if the
        samples are tuples or lists of sequences.

    Raises
    ------
    TypeError, ValueError

    Examples
    --------
    >>> from cygnet.data import pad_collate
    >>> (words, lengths), label = pad_collate([([4, 5, 6], 1), ([7], 0)])
    >>> words
    tensor([[4, 5, 6],
            [7, 0, 0]])
    >>> lengths, label
    (tensor([3, 1]), tensor([1, 0]))
    """
    first = batch[0]
    if isinstance(first, Tensor | np.ndarray):
        return default_collate(batch) if first.ndim == 0 else _padded(batch, padding_value)
    if not isinstance(first, list | tuple):
        return default_collate(batch)
    if isinstance(first, list) and all(isinstance(part, int | float) for part in first):
        return _padded(batch, padding_value)
    return [pad_collate(column, padding_value) for column in zip(*batch, strict=True)]


def _padded(sequences: Sequence[Any], padding_value: float) -> tuple[Tensor, Tensor]:
    arrays = [as_tensor(sequence)._array for sequence in sequences]
    for array in arrays:
        if array.shape[1:] != arrays[0].shape[1:]:
            raise ValueError(
                "pad_collate: sequences expected to differ in length only, got shapes "
                f"{arrays[0].shape} and {array.shape}"
            )
    lengths = np.array([len(array) for array in arrays], np.int64)
    # An empty list has no dtype of its own.
    dtype = np.result_type(*([a for a in arrays if a.size] or arrays))
    padded = np.full((len(arrays), lengths.max(), *arrays[0].shape[1:]), padding_value, dtype)
    for row, array in zip(padded, arrays, strict=True):
        row[: len(array)] = array
    return as_tensor(padded), as_tensor(lengths)
