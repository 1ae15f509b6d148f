"""The batches of one epoch after the other, and how to come back into the middle of one."""

from __future__ import annotations

import importlib
import itertools
import random
import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from cygnet.random import Generator, default_generator

__all__ = ["EpochBatches", "length_of", "random_states", "set_random_states"]


class EpochBatches:
    """Batches epoch by epoch.

    Without `steps` every epoch is one pass over `source`. With it, an epoch takes as many batches
    from where the last one stopped; the pass after the last batch begins with the next epoch.

    Parameters
    ----------
    source : iterable
        A `DataLoader`, an iterable that can be passed again, or a generator. What has a method
        ``iterate_from(start)`` comes back into the middle of a pass by it; others are read up to
        there.
    steps : int, optional
        Batches of an epoch.
    """

    def __init__(self, source: Iterable[Any], steps: int | None = None) -> None:
        self._source = source
        self._given_steps = steps
        self._iterator: Iterator[Any] | None = None
        self._taken = 0  # batches of the present pass before the present epoch
        self.generators: Sequence[Generator] = getattr(source, "generators", ())
        self._states: dict[str, Any] = {}  # as the present pass began

    @property
    def steps(self) -> int | None:
        """Batches of an epoch, if that is known."""
        return self._given_steps or length_of(self._source)

    def epoch(self, done: int = 0) -> Iterator[Any]:
        """The batches of the next epoch, without the first `done`, which were taken before."""
        if self._iterator is None:
            self._states = random_states(self.generators)
            self._iterator = iter(self._source)
        if self._given_steps:
            return itertools.islice(self._iterator, self._given_steps - done)
        return self._iterator

    def end_epoch(self, count: int, cut: bool) -> None:
        """Takes note of an epoch's end.

        Parameters
        ----------
        count : int
            The batches that were taken.
        cut : bool
            Whether the epoch was left before its end.
        """
        self._taken += count
        length = length_of(self._source)
        if self._given_steps and count < self._given_steps and not cut:
            warnings.warn(
                f"fit: the data ended after {count} of steps_per_epoch={self._given_steps} batches",
                stacklevel=4,
            )
        elif self._given_steps and (length is None or self._taken < length):
            return
        self.close()

    def close(self) -> None:
        """Ends the pass."""
        self._iterator = None
        self._taken = 0

    def state_dict(self, count: int) -> dict[str, Any]:
        """Where the pass stands after `count` batches of the epoch."""
        if self._iterator is None:
            return {"random": {}, "taken": 0}
        return {"random": self._states, "taken": self._taken + count}

    def load_state_dict(self, state_dict: Mapping[str, Any], count: int) -> None:
        """Goes to where `state_dict` was called after `count` batches of the epoch; random states
        change.
        """
        taken = state_dict["taken"]
        if not state_dict["random"]:
            return
        self._states = state_dict["random"]
        self._taken = taken - count
        set_random_states(self._states, self.generators)
        if hasattr(self._source, "iterate_from"):
            self._iterator = self._source.iterate_from(taken)
        else:
            self._iterator = iter(self._source)
            next(itertools.islice(self._iterator, taken, taken), None)


def length_of(source: Any) -> int | None:
    """The length, None of what has none, as a loader of a stream."""
    try:
        return len(source)
    except TypeError:
        return None


def random_states(generators: Sequence[Generator] = ()) -> dict[str, Any]:
    """The states of the default generator, of others, of Python and of NumPy."""
    return {
        "default": default_generator.get_state(),
        "generators": [generator.get_state() for generator in generators],
        "python": random.getstate(),
        "numpy": _numpy_random().get_state() if _NUMPY in sys.modules else None,
    }


def set_random_states(states: Mapping[str, Any], generators: Sequence[Generator] = ()) -> None:
    """Continues where `random_states` was called."""
    default_generator.set_state(states["default"])
    for generator, state in zip(generators, states["generators"], strict=True):
        generator.set_state(state)
    random.setstate(states["python"])
    if states["numpy"] is not None:
        _numpy_random().set_state(states["numpy"])


_NUMPY = "numpy.random"  # loads slowly; a program that has not done so has drawn nothing from it


def _numpy_random() -> Any:
    return importlib.import_module(_NUMPY)
