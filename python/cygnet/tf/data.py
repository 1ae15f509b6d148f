"""Input pipelines: a part of ``tf.data``."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from cygnet import kernels, ops
from cygnet.data import DataLoader, TensorDataset
from cygnet.keras import feed, tree
from cygnet.random import Generator, default_generator
from cygnet.tensor import Tensor

__all__ = ["AUTOTUNE", "Dataset"]

AUTOTUNE = -1


class Dataset:
    """Elements one after the other, made anew by each pass.

    Elements are structures of tensors. `Dataset.from_tensor_slices` begins one; each method
    returns another.

    Examples
    --------
    >>> import cygnet.tf as tf
    >>> dataset = tf.data.Dataset.from_tensor_slices([1, 2, 3, 4, 5]).map(lambda x: x * x).batch(2)
    >>> [batch.numpy().tolist() for batch in dataset]
    [[1, 4], [9, 16], [25]]
    """

    def __init__(self, make: Callable[[], Iterator[Any]], count: int | None) -> None:
        self._make = make
        self._count = count
        self._rows: _Rows | None = None  # rows of tensors in an order, which batches gather at once

    def __iter__(self) -> Iterator[Any]:
        return self._make()

    def __len__(self) -> int:
        if self._count is None:
            raise TypeError("Dataset: the number of elements is not known")
        return self._count

    def cardinality(self) -> int:
        """The number of elements, -2 if it is not known."""
        return -2 if self._count is None else self._count

    @staticmethod
    def from_tensor_slices(tensors: Any) -> Dataset:
        """The rows of arrays of one length, in a structure like theirs."""
        if isinstance(tensors, list) and not any(hasattr(each, "shape") for each in tensors):
            tensors = np.asarray(tensors)
        structure, _, _ = feed.arrays_of("from_tensor_slices", tensors, None, None)
        return _Rows(structure, None).dataset()

    @staticmethod
    def from_tensors(tensors: Any) -> Dataset:
        """One element."""
        element = feed.as_tensors(tensors)
        return Dataset(lambda: iter([element]), 1)

    @staticmethod
    def from_generator(generator: Callable[[], Any], *args: Any, **kwargs: Any) -> Dataset:
        """What a function's generator yields; types and shapes are its own."""
        return Dataset(lambda: map(feed.as_tensors, generator()), None)

    @staticmethod
    def range(*args: int) -> Dataset:
        """Integers, as Python's range."""
        numbers = range(*args)
        return Dataset(lambda: (ops.tensor(each) for each in numbers), len(numbers))

    @staticmethod
    def zip(*datasets: Any) -> Dataset:
        """Tuples of one element of each."""
        parts = datasets[0] if len(datasets) == 1 else datasets
        known = [each._count for each in parts]
        count = None if None in known else min(known)
        return Dataset(lambda: zip(*parts, strict=False), count)

    def shuffle(
        self, buffer_size: int, seed: int | None = None, reshuffle_each_iteration: bool = True
    ) -> Dataset:
        """In a random order, drawn from a buffer of the next elements; rows of arrays are shuffled
        all, whatever the size of the buffer.
        """
        generator = default_generator if seed is None else Generator(seed)
        if not reshuffle_each_iteration:
            fixed = int(ops.randint(2**62, (1,), generator=generator).item())

        def order() -> Generator:
            return generator if reshuffle_each_iteration else Generator(fixed)

        if self._rows is not None:
            return _Rows(self._rows.structure, order).dataset()

        def shuffled() -> Iterator[Any]:
            buffer: list[Any] = []
            generator = order()
            for element in self:
                if len(buffer) < buffer_size:
                    buffer.append(element)
                    continue
                place = _drawn(generator, len(buffer))
                yield buffer[place]
                buffer[place] = element
            if buffer:
                for place in kernels.permutation(generator.cell("shuffle"), len(buffer)):
                    yield buffer[place]

        return Dataset(shuffled, self._count)

    def batch(
        self, batch_size: int, drop_remainder: bool = False, num_parallel_calls: Any = None
    ) -> Dataset:
        """So many elements at a time, stacked."""
        if self._rows is not None:
            return self._rows.batches(batch_size, drop_remainder)

        def batches() -> Iterator[Any]:
            elements = iter(self)
            while parts := list(itertools.islice(elements, batch_size)):
                if drop_remainder and len(parts) < batch_size:
                    return
                flat = zip(*map(tree.flatten, parts), strict=True)
                yield tree.pack(parts[0], iter([ops.stack(list(each)) for each in flat]))

        count = self._count
        if count is not None:
            count = count // batch_size if drop_remainder else math.ceil(count / batch_size)
        return Dataset(batches, count)

    def map(self, map_func: Callable[..., Any], num_parallel_calls: Any = None) -> Dataset:
        """A function of each element; the parts of a tuple are its arguments."""

        def called(element: Any) -> Any:
            result = map_func(*element) if isinstance(element, tuple) else map_func(element)
            return feed.as_tensors(result)

        return Dataset(lambda: map(called, self), self._count)

    def filter(self, predicate: Callable[..., Any]) -> Dataset:
        """The elements for which a function is true."""

        def kept(element: Any) -> bool:
            return bool(predicate(*element) if isinstance(element, tuple) else predicate(element))

        return Dataset(lambda: filter(kept, self), None)

    def repeat(self, count: int | None = None) -> Dataset:
        """Passes one after the other, by default without end."""
        endless = count is None or count < 0

        def passes() -> Iterator[Any]:
            for _ in itertools.count() if endless else range(count or 0):
                yield from self

        known = None if endless or self._count is None else self._count * (count or 0)
        return Dataset(passes, known)

    def take(self, count: int) -> Dataset:
        """The first elements."""
        known = None if self._count is None else min(count, self._count)
        return Dataset(lambda: itertools.islice(self, count), known)

    def skip(self, count: int) -> Dataset:
        """All but the first elements."""
        known = None if self._count is None else max(self._count - count, 0)
        return Dataset(lambda: itertools.islice(self, count, None), known)

    def enumerate(self, start: int = 0) -> Dataset:
        """Pairs of a number and an element."""
        return Dataset(lambda: enumerate(self, start), self._count)

    def concatenate(self, dataset: Dataset) -> Dataset:
        """Another dataset's elements after these."""
        counts = (self._count, dataset._count)
        known = None if None in counts else sum(c for c in counts if c is not None)
        return Dataset(lambda: itertools.chain(self, dataset), known)

    def cache(self, filename: str = "") -> Dataset:
        """The elements of the first pass, kept in memory."""
        kept: list[Any] = []
        whole = [False]

        def elements() -> Iterator[Any]:
            if whole[0]:
                yield from kept
                return
            kept.clear()
            for element in self:
                kept.append(element)
                yield element
            whole[0] = True

        return Dataset(elements, self._count)

    def prefetch(self, buffer_size: int = AUTOTUNE) -> Dataset:
        """The same elements; they are made when they are asked for."""
        return self

    def with_options(self, options: Any) -> Dataset:
        """The same elements."""
        return self

    def as_numpy_iterator(self) -> Iterator[Any]:
        """The elements with arrays for tensors."""
        for element in self:
            yield tree.map_structure(
                lambda leaf: leaf.numpy() if isinstance(leaf, Tensor) else leaf, element
            )


class _Rows:
    """Rows of tensors, in their order or in a random one."""

    def __init__(self, structure: Any, order: Callable[[], Generator] | None) -> None:
        self.structure = structure
        self._tensors = TensorDataset(*tree.flatten(structure))
        self._order = order

    def _iterated(self, batch_size: int | None, drop_last: bool = False) -> Iterator[Any]:
        generator = None if self._order is None else self._order()
        loader = DataLoader(
            self._tensors,
            batch_size,
            generator is not None,
            drop_last=drop_last,
            generator=generator,
        )
        for batch in loader:
            yield tree.pack(self.structure, iter(batch))

    def dataset(self) -> Dataset:
        """The rows as elements."""
        made = Dataset(lambda: self._iterated(None), len(self._tensors))
        made._rows = self
        return made

    def batches(self, batch_size: int, drop_last: bool) -> Dataset:
        """Rows gathered at once."""
        count = len(self._tensors) / batch_size
        return Dataset(
            lambda: self._iterated(batch_size, drop_last),
            math.floor(count) if drop_last else math.ceil(count),
        )


def _drawn(generator: Generator, count: int) -> int:
    return int(ops.randint(count, (1,), generator=generator).item())
