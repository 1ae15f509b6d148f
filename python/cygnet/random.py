"""Seeds and the random streams that follow from them.

Random numbers come from Philox 4x32-10 (J. Salmon et al., "Parallel random numbers: as easy as 1,
2, 3", SC 2011) and are a function of (key, draw, element). A *cell*, an int64 array (key, draw), is
what a kernel takes; every use counts `draw` up. Each stream has its own key, hashed from the seed
and the stream's name, so drawing more from one changes nothing in another.
"""

from __future__ import annotations

import operator
import os
from typing import Any, TypeAlias

import numpy as np

from cygnet.autograd.modes import mode
from cygnet.device import CPU, check_device
from cygnet.device import device as Device
from cygnet.recorder import refuse

__all__ = [
    "Generator",
    "default_generator",
    "get_rng_state",
    "initial_seed",
    "manual_seed",
    "module_cell",
    "seed",
    "set_rng_state",
]

Cell: TypeAlias = np.ndarray[Any, np.dtype[np.int64]]

_MASK = 2**64 - 1


def _mix(value: int) -> int:
    """The output function of splitmix64 (G. Steele et al., OOPSLA 2014), a bijection of 64 bits."""
    value = (value + 0x9E3779B97F4A7C15) & _MASK
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
    return value ^ (value >> 31)


def _key(seed: int, stream: str) -> int:
    """The signed 64-bit key of a stream: the seed and the name's bytes, mixed one after another."""
    value = _mix(seed)
    for byte in stream.encode():
        value = _mix(value ^ byte)
    return _signed(value)


def _signed(value: int) -> int:
    return value - 2**64 if value >= 2**63 else value


def _checked_seed(seed: Any) -> int:
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer):
        raise TypeError(f"manual_seed: seed must be an int, got {type(seed).__name__}")
    return int(seed) & _MASK


class Generator:
    """Named streams of random numbers that follow from one seed.

    Cygnet itself uses the streams 'init', 'shuffle', 'dropout', 'augmentation' and 'random'; any
    other name may be used as well.

    Parameters
    ----------
    seed : int
        Taken modulo 2**64. Default 0.
    device : device or str
        The CPU.

    Examples
    --------
    >>> import numpy as np
    >>> from cygnet import Generator, kernels
    >>> generator = Generator(1)
    >>> first = kernels.uniform(np.empty(3), generator.cell("random"))
    >>> second = kernels.uniform(np.empty(3), generator.manual_seed(1).cell("random"))
    >>> bool((first == second).all())
    True
    """

    def __init__(self, seed: int = 0, device: Any = "cpu") -> None:
        check_device("Generator", device)
        self._seed = _checked_seed(seed)
        self._cells: dict[str, Cell] = {}

    def cell(self, stream: str) -> Cell:
        """The stream's cell, an int64 array (key, draw) for a kernel to read and count up.

        It is the same array in every call, also after `manual_seed` and `set_state`.
        """
        cell = self._cells.get(stream)
        if cell is None:
            if mode.recorder is not None:
                refuse(
                    "Generator: a new one would go on in replays, not begin anew; make it before"
                )
            cell = self._cells[stream] = np.array([_key(self._seed, stream), 0], np.int64)
        return cell

    def keyed_cell(self, stream: str, *numbers: int) -> Cell:
        """A new cell whose key follows from the stream's and these numbers: of one sample of one
        epoch, for example.
        """
        refuse("keyed_cell: a replay would draw the same numbers each time")
        value = int(self.cell(stream)[0])
        for number in numbers:
            value = _mix((value ^ operator.index(number)) & _MASK)
        return np.array([_signed(value), 0], np.int64)

    @property
    def device(self) -> Device:
        """The CPU."""
        return CPU

    def seed(self) -> int:
        """Starts all streams anew from a seed that the operating system draws; returns it."""
        return self.manual_seed(int.from_bytes(os.urandom(8), "little")).initial_seed()

    def initial_seed(self) -> int:
        """The seed, 0 <= seed < 2**64."""
        return self._seed

    def manual_seed(self, seed: int) -> Generator:
        """Starts all streams anew from `seed`; returns the generator."""
        refuse("manual_seed: a seed is set while calls are recorded: a replay would not set it")
        self._seed = _checked_seed(seed)
        for stream, cell in self._cells.items():
            cell[:] = _key(self._seed, stream), 0
        return self

    def get_state(self) -> dict[str, Any]:
        """The seed and every stream's number of draws, as a plain dict that `set_state` takes."""
        draws = {stream: int(cell[1]) for stream, cell in self._cells.items() if cell[1]}
        return {"seed": self._seed, "draws": draws}

    def set_state(self, state: dict[str, Any]) -> None:
        """Continues where `get_state` was called.

        Raises
        ------
        ValueError
            If `state` is not what `get_state` returns.
        """
        try:
            seed = _checked_seed(state["seed"])
            draws = {str(stream): int(draw) for stream, draw in state["draws"].items()}
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(
                "Generator.set_state: state expected a dict with 'seed' and 'draws' as get_state "
                f"returns it, got {state!r}"
            ) from error
        self.manual_seed(seed)
        for stream, draw in draws.items():
            self.cell(stream)[1] = draw

    def __repr__(self) -> str:
        return f"Generator(seed={self._seed})"


default_generator = Generator()
"""The generator that everything draws from unless it is given another; its seed is 0 until
`manual_seed` sets it."""


def manual_seed(seed: int) -> Generator:
    """Starts all random streams of the default generator anew.

    Parameters
    ----------
    seed : int
        Taken modulo 2**64.

    Returns
    -------
    Generator
        The default generator.

    Raises
    ------
    TypeError
        If the seed is not an int.
    """
    return default_generator.manual_seed(seed)


def seed() -> int:
    """Starts the default generator from a seed that the operating system draws; returns it."""
    return default_generator.seed()


def initial_seed() -> int:
    """The seed of the default generator."""
    return default_generator.initial_seed()


def get_rng_state() -> dict[str, Any]:
    """The state of the default generator: a dict, where PyTorch has a tensor."""
    return default_generator.get_state()


def set_rng_state(new_state: dict[str, Any]) -> None:
    """Continues where `get_rng_state` was called.

    Raises
    ------
    ValueError
        If it is not what `get_rng_state` returns.
    """
    default_generator.set_state(new_state)


def module_cell(path: str) -> Cell:
    """The cell of the module at `path`, keyed by (seed, 'dropout', path).

    A module that draws from its own cell gets the same numbers whatever other modules there are.
    """
    return default_generator.cell(f"dropout:{path}")
