"""Batches of a dataset."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from cygnet import kernels
from cygnet.data.augmentation import Turn, in_turn, turns
from cygnet.data.collate import default_collate, default_convert
from cygnet.data.dataset import IterableDataset, TensorDataset, samples_at
from cygnet.data.sampler import (
    BatchSampler,
    RandomSampler,
    SequentialSampler,
    batches_of,
    check_count,
)
from cygnet.data.workers import Fetch, WorkerInfo, batches_by_workers
from cygnet.errors import constructor
from cygnet.random import Generator, default_generator

__all__ = ["DataLoader"]


class DataLoader:
    """Cuts a dataset into batches, as `torch.utils.data.DataLoader` does.

    A batch of a `TensorDataset` is a list of tensors: a view of the rows in order, or, shuffled,
    gathered by one kernel call a tensor. Any other dataset is read sample by sample.

    Workers are threads: they share the dataset, start in no time, and help where a sample is read
    from a disk or made by code that gives up Python's lock. The batches and their order are the
    same with any number of workers. An error in a worker is raised where the batch is asked for.
    What transforms of a `TransformedDataset` draw is the same as well. Other random numbers that
    samples draw from the default generator are not reproducible with workers; draw them from one of
    the sample's own (or of the worker's `seed`).

    Workers read ahead. So that a training can go on within an epoch (`cygnet.train`'s `resume`), a
    sampler with a length is read to its end before the first batch is made with workers. One
    without a length is read as it goes, and must then draw nothing from random numbers that it
    shares with others.

    Parameters
    ----------
    dataset : Dataset
        Has `__len__` and `__getitem__`, or is an `IterableDataset`.
    batch_size : int or None
        Samples in a batch, at least 1. Default 1. None: samples one by one, without collating.
    shuffle : bool, optional
        Whether each epoch takes the samples in a new random order. Default False.
    sampler : iterable of int, optional
        The order, in place of `shuffle`.
    batch_sampler : iterable of list of int, optional
        The batches, in place of `batch_size`, `shuffle`, `sampler` and `drop_last`.
    num_workers : int
        Threads that make batches ahead of time. Default 0: they are made when they are asked for.
    collate_fn : callable, optional
        Makes a batch of a list of samples. Default: `default_collate`.
    pin_memory : bool
        Has no effect.
    drop_last : bool
        Whether to leave out a last batch that is smaller; of a stream with several workers, that of
        each worker. Default False.
    timeout : float
        Seconds that workers may take for a batch; 0 (the default) for any time.
    worker_init_fn : callable, optional
        Called with the worker's number in each worker, at the beginning of every epoch.
    multiprocessing_context : object, optional
        Has no effect.
    generator : Generator, optional
        Its stream 'shuffle' gives the orders, one draw an epoch, its stream 'augmentation' counts
        the epochs for transforms; the default generator by default.
    prefetch_factor : int, optional
        Batches that each worker makes ahead. Default 2; only with workers.
    persistent_workers : bool
        Has no effect: threads are started for every epoch.
    pin_memory_device, in_order : str, bool
        Have no effect.

    Raises
    ------
    ValueError, TypeError

    Examples
    --------
    >>> from cygnet.data import DataLoader, TensorDataset
    >>> loader = DataLoader(TensorDataset([[1.0], [2.0], [3.0]]), batch_size=2)
    >>> [tuple(batch.shape) for (batch,) in loader]
    [(2, 1), (1, 1)]
    """

    @constructor
    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Iterable[Any] | None = None,
        batch_sampler: Iterable[Any] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[list[Any]], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], Any] | None = None,
        multiprocessing_context: Any = None,
        generator: Generator | None = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ) -> None:
        stream = isinstance(dataset, IterableDataset)
        if not stream and not (hasattr(dataset, "__getitem__") and hasattr(dataset, "__len__")):
            raise TypeError(
                "DataLoader: dataset expected an object with __len__ and __getitem__, got "
                f"{type(dataset).__name__}"
            )
        if batch_size is not None:
            check_count("DataLoader", "batch_size", batch_size)
        elif drop_last:
            raise ValueError("DataLoader: drop_last=True expected a batch_size, got None")
        if num_workers:
            check_count("DataLoader", "num_workers", num_workers)
        if timeout < 0:
            raise ValueError(f"DataLoader: timeout is {timeout}, expected at least 0")
        if prefetch_factor is not None:
            check_count("DataLoader", "prefetch_factor", prefetch_factor)
            if not num_workers:
                raise ValueError("DataLoader: prefetch_factor expected num_workers > 0")
        if persistent_workers and not num_workers:
            raise ValueError("DataLoader: persistent_workers=True expected num_workers > 0")
        given = {"shuffle": shuffle, "sampler": sampler, "batch_sampler": batch_sampler}
        if stream and any(each not in (None, False) for each in given.values()):
            names = ", ".join(name for name, each in given.items() if each not in (None, False))
            raise ValueError(f"DataLoader: an IterableDataset has its own order, got {names}")
        if sampler is not None and shuffle:
            raise ValueError("DataLoader: expected sampler or shuffle=True, got both")
        if batch_sampler is not None:
            if batch_size != 1 or shuffle or sampler is not None or drop_last:
                raise ValueError(
                    "DataLoader: batch_sampler expected no batch_size, shuffle, sampler or "
                    "drop_last beside it"
                )
            batch_size = None
        elif not stream:
            if sampler is None:
                sampler = (
                    RandomSampler(dataset, generator=generator)
                    if shuffle
                    else SequentialSampler(dataset)
                )
            if batch_size is not None:
                batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.dataset = dataset
        self.batch_size = batch_size
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        self.num_workers = num_workers
        self.pin_memory = pin_memory
        self.drop_last = drop_last
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.generator = generator
        self.prefetch_factor = prefetch_factor
        self.persistent_workers = persistent_workers
        joins = batch_size is not None or batch_sampler is not None
        self.collate_fn = collate_fn or (default_collate if joins else default_convert)

    def __len__(self) -> int:
        """Batches in an epoch; TypeError if the dataset or sampler has no length."""
        if self.batch_sampler is not None:
            return len(self.batch_sampler)  # type: ignore[arg-type]
        if self.batch_size is None:
            return len(self.dataset if self.sampler is None else self.sampler)  # type: ignore[arg-type]
        return batches_of(len(self.dataset), self.batch_size, self.drop_last)

    def __iter__(self) -> Iterator[Any]:
        return self.iterate_from(0)

    def iterate_from(self, start: int) -> Iterator[Any]:
        """The batches of an epoch from number `start` on. Those before are not fetched, but of an
        `IterableDataset`, which has to be read.
        """
        tasks = self._tasks()
        stream = isinstance(self.dataset, IterableDataset)
        if start and not stream:
            next(itertools.islice(tasks, start, start), None)
        batches = self._batches_of(tasks)
        if start and stream:
            next(itertools.islice(batches, start, start), None)
        return batches

    @property
    def generators(self) -> list[Generator]:
        """The generators that the loader and its samplers draw from, without the default one."""
        holders = [self, self.sampler, self.batch_sampler]
        holders.append(getattr(self.batch_sampler, "sampler", None))
        found: list[Generator] = []
        for holder in holders:
            generator = getattr(holder, "generator", None)
            if isinstance(generator, Generator) and generator not in found:
                found.append(generator)
        return found

    def _batches_of(self, tasks: Iterator[Any]) -> Iterator[Any]:
        if self.num_workers:
            return batches_by_workers(
                self._worker_infos(),
                self._fetch,
                tasks,
                self.worker_init_fn,
                self.prefetch_factor or 2,
                self.timeout,
            )
        return self._batches_here(tasks)

    def _batches_here(self, tasks: Iterator[Any]) -> Iterator[Any]:
        fetch = self._fetch()
        for task in tasks:
            try:
                batch = fetch(task)
            except StopIteration:  # of a stream
                return
            yield batch

    def _worker_infos(self) -> Iterator[WorkerInfo]:
        generator = default_generator if self.generator is None else self.generator
        drawn = kernels.uniform(np.empty(1), generator.cell("workers"))
        seed = int(drawn.item() * 2**53)
        return (
            WorkerInfo(i, self.num_workers, seed + i, self.dataset) for i in range(self.num_workers)
        )

    @property
    def _gathers(self) -> bool:
        """Whether batches are rows of tensors. A subclass with samples of its own is read sample by
        sample.
        """
        plain = getattr(type(self.dataset), "__getitem__", None) is TensorDataset.__getitem__
        return plain and self.collate_fn is default_collate and self.batch_sampler is not None

    def _tasks(self) -> Iterator[Any]:
        """What `_fetch` makes each batch of; with its turn, unless nothing in it can be random."""
        return self._orders() if self._gathers else turns(self._orders(), self.generator)

    def _orders(self) -> Iterator[Any]:
        """The indices of each batch, or of a stream the number of samples."""
        if self.sampler is None and self.batch_sampler is None:
            return itertools.repeat(self.batch_size)
        batches = self.batch_sampler
        if self._gathers and type(batches) is BatchSampler:
            order = batches.sampler
            if type(order) is SequentialSampler:
                return self._pieces(None)
            if type(order) is RandomSampler:
                return self._pieces(order.order())
        return self._read(self.sampler if batches is None else batches)

    def _read(self, sampler: Any) -> Iterator[Any]:
        """What a sampler gives; with workers, which read ahead, drawn now."""
        orders: Iterator[Any] = iter(sampler)
        if not self.num_workers:
            return orders
        try:
            count = len(self)
        except (TypeError, NotImplementedError):
            return orders
        # One more than there are, as it may draw at its end; and no more, as it may be endless.
        return itertools.chain(list(itertools.islice(orders, count + 1)), orders)

    def _pieces(self, order: Any) -> Iterator[Any]:
        """Slices of the order, or of all rows."""
        batch_size = self.batch_size or 1
        count = len(self.dataset) if order is None else len(order)
        for batch in range(len(self)):
            begin = batch * batch_size
            piece = slice(begin, min(begin + batch_size, count))
            yield piece if order is None else order[piece]

    def _fetch(self) -> Fetch:
        """What turns a task into a batch."""
        make = self._maker()
        if self._gathers:
            return make

        def fetch(task: tuple[Turn, Any]) -> Any:
            turn, order = task
            with in_turn(turn):
                return make(order)

        return fetch

    def _maker(self) -> Fetch:
        """What turns an order into a batch."""
        dataset, collate = self.dataset, self.collate_fn
        if self.sampler is None and self.batch_sampler is None:
            return self._fetch_from_stream(iter(dataset), _without_end(collate))
        if self._gathers:

            def rows(task: Any) -> list[Any]:
                if isinstance(task, slice):
                    return list(dataset[task])
                return list(dataset.take(np.asarray(task, np.int64)))

            return rows
        if self.batch_sampler is None:
            return _without_end(lambda index: collate(dataset[index]))
        return _without_end(lambda indices: collate(samples_at(dataset, _listed(indices))))

    def _fetch_from_stream(self, samples: Iterator[Any], collate: Fetch) -> Fetch:
        def fetch(count: int | None) -> Any:
            if count is None:
                return collate(next(samples))
            batch = list(itertools.islice(samples, count))
            if not batch or (self.drop_last and len(batch) < count):
                raise StopIteration
            return collate(batch)

        return fetch


def _without_end(make: Fetch) -> Fetch:
    """`make`, whose StopIteration would be taken for the end of the data, and is an error."""

    def made(task: Any) -> Any:
        try:
            return make(task)
        except StopIteration as error:
            raise RuntimeError("DataLoader: a sample or collate_fn raised StopIteration") from error

    return made


def _listed(indices: Any) -> list[Any]:
    return indices.tolist() if isinstance(indices, np.ndarray) else list(indices)
