"""Input pipelines: a part of ``tf.data``."""

from __future__ import annotations

import itertools
import math
import types
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from cygnet import kernels, ops
from cygnet.data import DataLoader, TensorDataset
from cygnet.keras import feed, tree
from cygnet.kernels import ShapeError
from cygnet.random import Generator, default_generator
from cygnet.tensor import Tensor
from cygnet.tf.values import number_of

__all__ = ["AUTOTUNE", "INFINITE_CARDINALITY", "UNKNOWN_CARDINALITY", "Dataset", "experimental"]

AUTOTUNE = -1
INFINITE_CARDINALITY, UNKNOWN_CARDINALITY = _ENDLESS, _UNKNOWN = -1, -2


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

    def __init__(self, make: Callable[[], Iterator[Any]], count: int) -> None:
        self._make = make
        self._count = count  # or _ENDLESS, _UNKNOWN
        self._rows: _Rows | None = None  # rows of tensors in an order, which batches gather at once

    def __iter__(self) -> Iterator[Any]:
        return self._make()

    def __len__(self) -> int:
        if self._count < 0:
            raise TypeError(
                "Dataset: the number of elements is "
                + ("infinite" if self._count == _ENDLESS else "not known")
            )
        return self._count

    def cardinality(self) -> Tensor:
        """The number of elements as a tensor, -1 if there is no end, -2 if it is not known."""
        return ops.tensor(self._count)

    @staticmethod
    def from_tensor_slices(tensors: Any) -> Dataset:
        """The rows of arrays of one length, in a structure like theirs: a tuple has parts, a list
        is one tensor.
        """
        structure, _, _ = feed.arrays_of("from_tensor_slices", _stacked(tensors), None, None)
        return _Rows(structure, None).dataset()

    @staticmethod
    def from_tensors(tensors: Any) -> Dataset:
        """One element."""
        element = feed.as_tensors(_stacked(tensors))
        return Dataset(lambda: iter([element]), 1)

    @staticmethod
    def from_generator(generator: Callable[[], Any], *args: Any, **kwargs: Any) -> Dataset:
        """What a function's generator yields; types and shapes are its own."""
        return Dataset(lambda: map(feed.as_tensors, generator()), _UNKNOWN)

    @staticmethod
    def range(*args: int) -> Dataset:
        """Integers, as Python's range."""
        numbers = range(*args)
        return Dataset(lambda: (ops.tensor(each) for each in numbers), len(numbers))

    @staticmethod
    def zip(*datasets: Any) -> Dataset:
        """Tuples of one element of each."""
        parts = datasets[0] if len(datasets) == 1 else datasets
        known = {each._count for each in parts}
        count = _UNKNOWN if _UNKNOWN in known else min(known - {_ENDLESS}, default=_ENDLESS)
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

        return Dataset(batches, self._batch_count(batch_size, drop_remainder))

    def _batch_count(self, batch_size: int, drop_remainder: bool) -> int:
        if self._count < 0:
            return self._count
        return (self._count if drop_remainder else self._count + batch_size - 1) // batch_size

    def map(self, map_func: Callable[..., Any], num_parallel_calls: Any = None) -> Dataset:
        """A function of each element; the parts of a tuple are its arguments."""

        def called(element: Any) -> Any:
            return feed.as_tensors(_called(map_func, element))

        return Dataset(lambda: map(called, self), self._count)

    def filter(self, predicate: Callable[..., Any]) -> Dataset:
        """The elements for which a function is true."""

        def kept(element: Any) -> bool:
            return bool(_called(predicate, element))

        return Dataset(lambda: filter(kept, self), _UNKNOWN)

    def repeat(self, count: int | None = None) -> Dataset:
        """Passes one after the other, by default without end."""
        endless = count is None or count < 0

        def passes() -> Iterator[Any]:
            for _ in itertools.count() if endless else range(count or 0):
                empty = True
                for element in self:
                    empty = False
                    yield element
                if empty:
                    return

        if endless:
            known = _ENDLESS if self._count else 0
        else:
            known = self._count * (count or 0) if self._count > 0 else self._count if count else 0
        return Dataset(passes, known)

    def take(self, count: int) -> Dataset:
        """The first elements, all for -1."""
        if count < 0:
            return self
        known = {_ENDLESS: count, _UNKNOWN: _UNKNOWN}.get(self._count, min(count, self._count))
        return Dataset(lambda: itertools.islice(self, count), known)

    def skip(self, count: int) -> Dataset:
        """All but the first elements."""
        known = self._count if self._count < 0 else max(self._count - count, 0)
        return Dataset(lambda: itertools.islice(self, count, None), known)

    def enumerate(self, start: int = 0) -> Dataset:
        """Pairs of a number and an element."""
        return Dataset(lambda: enumerate(self, start), self._count)

    def concatenate(self, dataset: Dataset) -> Dataset:
        """Another dataset's elements after these."""
        counts = (self._count, dataset._count)
        known = next((each for each in (_ENDLESS, _UNKNOWN) if each in counts), sum(counts))
        return Dataset(lambda: itertools.chain(self, dataset), known)

    def window(
        self, size: int, shift: int | None = None, stride: int = 1, drop_remainder: bool = False
    ) -> Dataset:
        """Datasets of `size` elements each.

        Parameters
        ----------
        size : int
        shift : int, optional
            From the begin of one to that of the next. Default: `size`.
        stride : int
            From element to element. Default 1.
        drop_remainder : bool
            Whether shorter ones at the end are left out. Default False.
        """
        step = size if shift is None else shift
        span = (size - 1) * stride + 1

        def windows() -> Iterator[Any]:
            elements = iter(self)
            held = list(itertools.islice(elements, span))
            while held and not (drop_remainder and len(held) < span):
                parts = held[::stride]
                leaves = (
                    Dataset(lambda column=column: iter(column), len(parts))  # type: ignore[misc]
                    for column in zip(*map(tree.flatten, parts), strict=True)
                )
                yield tree.pack(parts[0], leaves)
                for _ in itertools.islice(elements, max(step - len(held), 0)):
                    pass  # between this window and the next
                held = held[step:]
                held += itertools.islice(elements, span - len(held))

        count = self._count
        if count >= 0:
            last = count - span if drop_remainder else count - 1
            count = max(last // step + 1, 0)
        return Dataset(windows, count)

    def flat_map(self, map_func: Callable[..., Any]) -> Dataset:
        """The elements of the datasets that a function of each element gives, one after another."""
        return self.interleave(map_func, 1)

    def interleave(
        self,
        map_func: Callable[..., Any],
        cycle_length: int | None = None,
        block_length: int = 1,
        num_parallel_calls: Any = None,
        deterministic: bool | None = None,
    ) -> Dataset:
        """The elements of the datasets that a function of each element gives, by turns.

        Parameters
        ----------
        map_func : callable
            Its arguments are the parts of a tuple.
        cycle_length : int, optional
            How many datasets are read by turns. Default 1; TensorFlow's depends on the machine.
        block_length : int
            How many elements a turn gives. Default 1.
        num_parallel_calls, deterministic
            Have no effect: one thread reads them in order.
        """
        width = cycle_length if cycle_length and cycle_length > 0 else 1

        def mixed() -> Iterator[Any]:
            given = (iter(_called(map_func, element)) for element in self)
            open_ = list(itertools.islice(given, width))
            place = 0
            while open_:
                block = list(itertools.islice(open_[place], block_length))
                yield from block
                if len(block) == block_length:
                    place = (place + 1) % len(open_)
                    continue
                following = next(given, None)
                if following is None:
                    del open_[place]
                else:
                    open_[place] = following
                    place += 1
                place = place % len(open_) if open_ else 0

        return Dataset(mixed, _UNKNOWN)

    def unbatch(self) -> Dataset:
        """The rows of the elements."""

        def rows() -> Iterator[Any]:
            for element in self:
                for row in zip(*map(ops.unbind, tree.flatten(element)), strict=True):
                    yield tree.pack(element, iter(row))

        return Dataset(rows, _UNKNOWN)

    def padded_batch(
        self,
        batch_size: int,
        padded_shapes: Any = None,
        padding_values: Any = None,
        drop_remainder: bool = False,
    ) -> Dataset:
        """So many elements at a time, stacked after they were made as long as the longest.

        Parameters
        ----------
        batch_size : int
        padded_shapes : structure of shapes, optional
            Sizes to pad to; None or -1 (default) is that of the longest.
        padding_values : number, or structure of numbers, optional
            What is added behind. Default 0.
        drop_remainder : bool
            Whether a smaller batch at the end is left out. Default False.
        """

        def batches() -> Iterator[Any]:
            elements = iter(self)
            while parts := list(itertools.islice(elements, batch_size)):
                if drop_remainder and len(parts) < batch_size:
                    return
                columns = list(zip(*map(tree.flatten, parts), strict=True))
                shapes = _each(padded_shapes, parts[0], columns)
                values = _each(padding_values, parts[0], columns)
                leaves = map(_padded, columns, shapes, values)
                yield tree.pack(parts[0], leaves)

        return Dataset(batches, self._batch_count(batch_size, drop_remainder))

    def reduce(self, initial_state: Any, reduce_func: Callable[[Any, Any], Any]) -> Any:
        """What a function of the state so far and each element leaves."""
        state = tree.map_structure(ops.as_tensor, initial_state)
        for element in self:
            state = reduce_func(state, element)
        return tree.map_structure(ops.as_tensor, state)

    def shard(self, num_shards: int, index: int) -> Dataset:
        """Each `num_shards`-th element from `index` on."""
        if not 0 <= index < num_shards:
            raise ValueError(f"Dataset.shard: index expected in [0, {num_shards}), got {index}")
        count = self._count if self._count < 0 else len(range(index, self._count, num_shards))
        return Dataset(lambda: itertools.islice(self, index, None, num_shards), count)

    def apply(self, transformation_func: Callable[[Dataset], Dataset]) -> Dataset:
        """What a function of this dataset gives."""
        return transformation_func(self)

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


def _called(function: Callable[..., Any], element: Any) -> Any:
    """A function of an element; the parts of a tuple are its arguments."""
    return function(*element) if isinstance(element, tuple) else function(element)


def _stacked(structure: Any) -> Any:
    """The structure with an array for each list."""
    if isinstance(structure, dict):
        return {key: _stacked(part) for key, part in structure.items()}
    if isinstance(structure, tuple):
        return tuple(map(_stacked, structure))
    if not isinstance(structure, list):
        return structure
    if any(isinstance(part, Tensor) for part in structure):
        return ops.stack([ops.as_tensor(part) for part in structure])
    try:
        return np.asarray(structure)
    except ValueError as error:
        raise ShapeError(f"Dataset: a list expected parts of one shape: {error}") from None


def _each(given: Any, element: Any, columns: list[Any]) -> list[Any]:
    """What is given for each leaf of an element: in the same structure, or once for all."""
    if isinstance(element, dict) and isinstance(given, dict):
        return [given[key] for key in sorted(element)]
    if isinstance(element, tuple) and isinstance(given, tuple):
        return list(given)
    return [given] * len(columns)


def _padded(tensors: tuple[Tensor, ...], shape: Any, value: Any) -> Tensor:
    """Tensors stacked, each with `value` behind its numbers."""
    sizes = [max(along) for along in zip(*(each.shape for each in tensors), strict=True)]
    for axis, size in enumerate(() if shape is None else shape):
        if size is not None and size != -1:
            if size < sizes[axis]:
                raise ShapeError(
                    f"Dataset.padded_batch: padded_shapes {shape} is less than {sizes[axis]}, an "
                    f"element's size along axis {axis}"
                )
            sizes[axis] = int(size)
    made = ops.full((len(tensors), *sizes), number_of(value) or 0, dtype=tensors[0].dtype)
    for row, each in enumerate(tensors):
        made[(row, *map(slice, each.shape))] = each
    return made


experimental = types.SimpleNamespace(AUTOTUNE=AUTOTUNE, cardinality=Dataset.cardinality)
