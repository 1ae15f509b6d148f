"""Data sets of users: batches by their number."""

from __future__ import annotations

from typing import Any

__all__ = ["PyDataset", "Sequence"]


class PyDataset:
    """Base of data sets that give whole batches; `fit` asks for them in a new order each epoch.

    A subclass defines ``__getitem__(index)``, a batch as a tuple (inputs, targets) or (inputs,
    targets, sample_weight), and ``__len__``, and may define :meth:`on_epoch_end`.

    Parameters
    ----------
    workers, use_multiprocessing, max_queue_size
        Accepted and kept; batches are made in the calling thread.
    """

    def __init__(
        self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10
    ) -> None:
        self.workers = workers
        self.use_multiprocessing = use_multiprocessing
        self.max_queue_size = max_queue_size

    def __getitem__(self, index: int) -> Any:
        """The batch at `index`."""
        raise NotImplementedError(f"{type(self).__name__} must define __getitem__")

    def __len__(self) -> int:
        raise NotImplementedError(f"{type(self).__name__} must define __len__")

    @property
    def num_batches(self) -> int:
        """The number of batches."""
        return len(self)

    def on_epoch_end(self) -> None:
        """Called after each epoch."""


Sequence = PyDataset
