"""Orders in which the samples of a dataset are read."""

from __future__ import annotations

import itertools
import types
from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import Any

import numpy as np

from cygnet import kernels
from cygnet.errors import name_constructor
from cygnet.ops import multinomial, randint, tensor
from cygnet.random import Generator, default_generator
from cygnet.tensor import Array

__all__ = [
    "BatchSampler",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "SubsetRandomSampler",
    "WeightedRandomSampler",
]


class Sampler:
    """Base of samplers: a subclass defines `__iter__`, which gives indices or lists of them, and
    perhaps `__len__`.

    Parameters
    ----------
    data_source : Dataset, optional
        Has no effect.
    """

    __class_getitem__: Any = classmethod(types.GenericAlias)  # `Sampler[int]` in annotations

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        name_constructor(cls)

    def __init__(self, data_source: Any = None) -> None:
        pass

    def __iter__(self) -> Iterator[Any]:
        raise NotImplementedError(f"{type(self).__name__} must define __iter__")


class SequentialSampler(Sampler):
    """The indices in order.

    Parameters
    ----------
    data_source : Dataset
    """

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler):
    """The indices in a new random order each time.

    Parameters
    ----------
    data_source : Dataset
    replacement : bool
        Whether an index can be drawn again. Default False.
    num_samples : int, optional
        How many are drawn; beyond the dataset's length, order follows on order. Default: the
        dataset's length.
    generator : Generator, optional
        Its stream 'shuffle' gives the orders, one draw each; the default generator by default.

    Raises
    ------
    TypeError, ValueError
    """

    def __init__(
        self,
        data_source: Sized,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: Generator | None = None,
    ) -> None:
        if not isinstance(replacement, bool):
            raise TypeError(
                f"RandomSampler: replacement expected a bool, got {type(replacement).__name__}"
            )
        if num_samples is not None:
            check_count("RandomSampler", "num_samples", num_samples)
        self.data_source = data_source
        self.replacement = replacement
        self._num_samples = num_samples
        self.generator = generator

    @property
    def num_samples(self) -> int:
        """How many indices are drawn."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def order(self) -> Array:
        """The next order, int64."""
        count, wanted = len(self.data_source), self.num_samples
        if self.replacement and wanted:
            return randint(count, (wanted,), generator=self.generator).numpy()
        cell = (default_generator if self.generator is None else self.generator).cell("shuffle")
        if wanted == count or not count:
            return kernels.permutation(cell, count)
        orders = [kernels.permutation(cell, count) for _ in range(-(-wanted // count))]
        return np.concatenate(orders)[:wanted]

    def __iter__(self) -> Iterator[int]:
        return iter(self.order().tolist())

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler):
    """Given indices in a new random order each time.

    Parameters
    ----------
    indices : sequence of int
    generator : Generator, optional
        See `RandomSampler`.
    """

    def __init__(self, indices: Sequence[int], generator: Generator | None = None) -> None:
        self.indices = indices
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        order = RandomSampler(self.indices, generator=self.generator)
        return (self.indices[i] for i in order)

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler):
    """Indices drawn in proportion to weights.

    Parameters
    ----------
    weights : sequence of float
        One an index, at least 0; they need not sum to 1.
    num_samples : int
        How many are drawn.
    replacement : bool
        Whether an index can be drawn again. Default True.
    generator : Generator, optional
        Default: the default generator.

    Raises
    ------
    TypeError, ValueError
    """

    def __init__(
        self,
        weights: Sequence[float],
        num_samples: int,
        replacement: bool = True,
        generator: Generator | None = None,
    ) -> None:
        check_count("WeightedRandomSampler", "num_samples", num_samples)
        if not isinstance(replacement, bool):
            raise TypeError(
                "WeightedRandomSampler: replacement expected a bool, got "
                f"{type(replacement).__name__}"
            )
        self.weights = tensor(weights, dtype="float64")
        if self.weights.ndim != 1:
            raise ValueError(
                f"WeightedRandomSampler: weights has shape {tuple(self.weights.shape)}, expected "
                "one dimension"
            )
        self.num_samples = num_samples
        self.replacement = replacement
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        drawn = multinomial(
            self.weights, self.num_samples, self.replacement, generator=self.generator
        )
        return iter(drawn.tolist())

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler):
    """Cuts the indices of a sampler into lists.

    Parameters
    ----------
    sampler : iterable of int
    batch_size : int
        At least 1.
    drop_last : bool
        Whether to leave out a last list that is shorter.

    Raises
    ------
    TypeError, ValueError
    """

    def __init__(self, sampler: Iterable[Any], batch_size: int, drop_last: bool) -> None:
        check_count("BatchSampler", "batch_size", batch_size)
        self.sampler = sampler
        self.batch_size = int(batch_size)
        self.drop_last = drop_last

    def __iter__(self) -> Iterator[list[Any]]:
        indices = iter(self.sampler)
        while batch := list(itertools.islice(indices, self.batch_size)):
            if self.drop_last and len(batch) < self.batch_size:
                return
            yield batch

    def __len__(self) -> int:
        return batches_of(len(self.sampler), self.batch_size, self.drop_last)  # type: ignore[arg-type]


def batches_of(count: int, batch_size: int, drop_last: bool) -> int:
    """The number of batches that so many samples make."""
    return count // batch_size if drop_last else -(-count // batch_size)


def check_count(op: str, name: str, value: Any) -> None:
    """Raises TypeError or ValueError unless the value is an int of at least 1."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{op}: {name} expected an int, got {type(value).__name__}")
    if value < 1:
        raise ValueError(f"{op}: {name} expected at least 1, got {value}")
