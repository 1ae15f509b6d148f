"""Random numbers that follow from (seed, epoch, sample), whichever thread makes the sample."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from cygnet import kernels
from cygnet.data.dataset import Dataset, IterableDataset
from cygnet.random import Cell, Generator, default_generator

__all__ = ["TransformedDataset", "current_cell", "drawn", "in_turn", "turns"]

_STREAM = "augmentation"


@dataclass(frozen=True)
class Turn:
    """A batch of an epoch: what its random numbers follow from."""

    generator: Generator
    epoch: int
    batch: int


class _Here(threading.local):
    turn: Turn | None = None
    cell: Cell | None = None


_here = _Here()


def turns(tasks: Iterable[Any], generator: Generator | None) -> Iterator[tuple[Turn, Any]]:
    """The tasks of the next epoch, each with its turn. Epochs are counted by the generator's draws
    of its stream 'augmentation', so its state tells which is next.
    """
    generator = default_generator if generator is None else generator
    cell = generator.cell(_STREAM)
    epoch = int(cell[1])
    cell[1] += 1
    return ((Turn(generator, epoch, i), task) for i, task in enumerate(tasks))


@contextmanager
def in_turn(turn: Turn) -> Iterator[None]:
    """Within, samples and what joins them to a batch draw by the epoch and their number."""
    before = _here.turn, _here.cell
    _here.turn, _here.cell = turn, turn.generator.keyed_cell(_STREAM, turn.epoch, turn.batch, 0)
    try:
        yield
    finally:
        _here.turn, _here.cell = before


def current_cell() -> Cell:
    """What transforms draw from: in a loader's turn a cell of the sample or batch, elsewhere the
    stream 'augmentation' of the default generator.
    """
    return default_generator.cell(_STREAM) if _here.cell is None else _here.cell


def drawn(*ranges: tuple[float, float]) -> list[float]:
    """A number of each range, [low, high), in one draw."""
    numbers: list[float] = kernels.uniform(np.empty(len(ranges)), current_cell()).tolist()
    return [low + (high - low) * u for u, (low, high) in zip(numbers, ranges, strict=True)]


class TransformedDataset(Dataset):
    """A dataset whose samples are changed as they are read.

    What transforms draw at random in a `DataLoader` follows from the seed of its generator, the
    epoch and the sample's index alone: not from the number of workers, the batch size, the order or
    where in the epoch reading began. An index that a sampler gives twice in an epoch is the same
    sample twice. Of two such datasets that a `ConcatDataset` joins, samples of one index draw the
    same numbers; they do not if the joined dataset is transformed instead.

    Parameters
    ----------
    dataset : Dataset
    transform : callable, optional
        Takes the sample or, where that is a tuple or list, its first element.
    target_transform : callable, optional
        Takes the second element.

    Raises
    ------
    TypeError
        If the dataset is a stream, or a transform cannot be called.

    Examples
    --------
    >>> from cygnet.data import TensorDataset, TransformedDataset, transforms
    >>> data = TensorDataset([[[[1.0, 2.0]]]], [7])
    >>> flipped = TransformedDataset(data, transforms.RandomHorizontalFlip(p=1.0))
    >>> flipped[0]
    (tensor([[[2., 1.]]]), tensor(7))
    """

    def __init__(
        self,
        dataset: Any,
        transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[Any], Any] | None = None,
    ) -> None:
        name = "TransformedDataset"
        if isinstance(dataset, IterableDataset) or not hasattr(dataset, "__getitem__"):
            raise TypeError(
                f"{name}: dataset expected one with samples by index, got {type(dataset).__name__}"
            )
        for argument, each in (("transform", transform), ("target_transform", target_transform)):
            if each is not None and not callable(each):
                raise TypeError(f"{name}: {argument} expected a callable, got {each!r}")
        self.dataset = dataset
        self.transform = transform
        self.target_transform = target_transform

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Any:
        turn, before = _here.turn, _here.cell
        if turn is not None:  # what lies inside, another of these perhaps, draws on from here
            _here.turn = None
            _here.cell = turn.generator.keyed_cell(_STREAM, turn.epoch, index)
        try:
            return self._changed(self.dataset[index])
        finally:
            _here.turn, _here.cell = turn, before

    def _changed(self, sample: Any) -> Any:
        if not isinstance(sample, tuple | list):
            return sample if self.transform is None else self.transform(sample)
        parts = list(sample)
        for i, transform in enumerate((self.transform, self.target_transform)):
            if transform is not None:
                parts[i] = transform(parts[i])
        return type(sample)(*parts) if hasattr(sample, "_fields") else type(sample)(parts)
