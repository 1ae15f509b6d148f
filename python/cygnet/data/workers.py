"""Threads that make batches ahead of time, in an order that does not depend on them."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any

__all__ = ["WorkerInfo", "batches_by_workers", "get_worker_info"]

Fetch = Callable[[Any], Any]


@dataclass(frozen=True)
class WorkerInfo:
    """What a worker knows about itself.

    Attributes
    ----------
    id : int
        0 <= id < num_workers.
    num_workers : int
    seed : int
        Another one for each worker and epoch.
    dataset : Dataset
        The loader's; workers share it.
    """

    id: int
    num_workers: int
    seed: int
    dataset: Any


class _Here(threading.local):
    info: WorkerInfo | None = None


_here = _Here()


def get_worker_info() -> WorkerInfo | None:
    """In a worker of a `DataLoader` what it knows about itself, elsewhere None."""
    return _here.info


@dataclass(frozen=True)
class _Failure:
    error: BaseException


class _Worker:
    """A thread that answers tasks one after the other."""

    def __init__(
        self,
        info: WorkerInfo,
        make_fetch: Callable[[], Fetch],
        initialize: Callable[[int], Any] | None,
    ) -> None:
        self.tasks: SimpleQueue[Any] = SimpleQueue()
        self.results: SimpleQueue[Any] = SimpleQueue()
        self.thread = threading.Thread(
            target=_work,
            args=(self.tasks, self.results, info, make_fetch, initialize),
            name=f"cygnet-data-{info.id}",
            daemon=True,
        )
        self.thread.start()

    def stop(self) -> None:
        """Ends the thread after the task that it works on."""
        with suppress(Empty):
            while True:
                self.tasks.get_nowait()
        self.tasks.put(_STOP)


_STOP = object()


def _work(
    tasks: SimpleQueue[Any],
    results: SimpleQueue[Any],
    info: WorkerInfo,
    make_fetch: Callable[[], Fetch],
    initialize: Callable[[int], Any] | None,
) -> None:
    _here.info = info
    fetch: Fetch | None = None
    while (task := tasks.get()) is not _STOP:
        try:
            if fetch is None:
                if initialize is not None:
                    initialize(info.id)
                fetch = make_fetch()
            result = fetch(task)
        except StopIteration as error:
            result = _Failure(error)
        except BaseException as error:
            error.add_note(f"DataLoader: raised in worker {info.id} of {info.num_workers}")
            result = _Failure(error)
        results.put(result)


def batches_by_workers(
    infos: Iterable[WorkerInfo],
    make_fetch: Callable[[], Fetch],
    tasks: Iterator[Any],
    initialize: Callable[[int], Any] | None,
    ahead: int,
    timeout: float,
) -> Iterator[Any]:
    """The batches of all tasks in their order.

    Task i goes to worker i modulo their number. A worker whose `fetch` raises StopIteration has no
    more batches; the others go on in turn.

    Parameters
    ----------
    infos : iterable of WorkerInfo
        One a worker.
    make_fetch : callable
        Called in each worker, gives what turns a task into a batch.
    tasks : iterator
    initialize : callable, optional
        Called with the worker's number first.
    ahead : int
        Tasks that a worker has at a time.
    timeout : float
        Seconds that a batch may take, 0 for any time.

    Raises
    ------
    RuntimeError
        If a batch takes longer.
    """
    workers = [_Worker(info, make_fetch, initialize) for info in infos]
    waiting: deque[_Worker] = deque()  # for a batch of each of these, in this order
    finished: set[_Worker] = set()

    def give(worker: _Worker) -> None:
        for task in tasks:
            worker.tasks.put(task)
            waiting.append(worker)
            return

    hanging = False
    try:
        for _ in range(ahead):
            for worker in workers:
                give(worker)
        while waiting:
            worker = waiting.popleft()
            try:
                result = worker.results.get(timeout=timeout or None)
            except Empty:
                hanging = True
                raise RuntimeError(
                    f"DataLoader: a batch has taken more than timeout={timeout} seconds"
                ) from None
            if not isinstance(result, _Failure):
                if worker not in finished:
                    give(worker)
                yield result
            elif isinstance(result.error, StopIteration):
                finished.add(worker)
            else:
                raise result.error
    finally:
        for worker in workers:
            worker.stop()
        if not hanging:  # else its worker ends when the batch is done
            for worker in workers:
                worker.thread.join()
