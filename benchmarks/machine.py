"""The limits of this machine, measured in the same run as what is compared with them."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from cygnet import kernels

ELEMENTS = 2**24  # of the array that is copied: 64 MB, as that of the operations that move memory


@dataclass(frozen=True)
class Machine:
    """FLOP/s of multiply-adds and bytes/s of copies (read and written), with the run's threads."""

    flops: float
    bandwidth: float

    def limit(self, flops: float, moved: float) -> float:
        """The least seconds for so many FLOPs and bytes: the roofline."""
        return max(flops / self.flops, moved / self.bandwidth)

    def __str__(self) -> str:
        flops, bandwidth = self.flops / 1e9, self.bandwidth / 1e9
        return f"{flops:.0f} GFLOP/s (multiply-adds in registers), {bandwidth:.1f} GB/s (copy)"


class Meter:
    """Measures the machine.

    The copy is the faster of our kernel's and of the C library's in as many threads: for so large
    an array the latter writes past the caches.
    """

    def __init__(self) -> None:
        threads = kernels.num_threads()
        self.source = np.ones(ELEMENTS, np.float32)
        self.target = np.zeros_like(self.source)
        parts = np.array_split(self.target, threads), np.array_split(self.source, threads)
        self.pairs = list(zip(*parts, strict=True))
        self.pool = ThreadPoolExecutor(threads)

    def copy_by_library(self) -> None:
        list(self.pool.map(lambda pair: np.copyto(*pair), self.pairs))

    def copy(self) -> None:
        kernels.copy_into(self.target, self.source)

    def measure(self, seconds: float) -> Machine:
        """The best rates of so many seconds each."""
        fastest = min(shortest(self.copy_by_library, seconds), shortest(self.copy, seconds))
        flops = 0.0
        end = time.perf_counter() + seconds
        while flops == 0.0 or time.perf_counter() < end:
            flops = max(flops, kernels.peak_flops(2**21))
        return Machine(flops, 2.0 * self.source.nbytes / fastest)


def shortest(function: Callable[[], object], seconds: float) -> float:
    """The shortest time of many runs."""
    function()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)
