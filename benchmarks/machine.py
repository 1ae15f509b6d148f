"""The limits of this machine, measured in the same run as what is compared with them."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from cygnet import kernels


@dataclass(frozen=True)
class Machine:
    """FLOP/s of multiply-adds and bytes/s of copies (read and written), with the run's threads."""

    flops: float
    bandwidth: float

    def limit(self, flops: float, moved: float) -> float:
        """The least seconds for so many FLOPs and bytes: the roofline."""
        return max(flops / self.flops, moved / self.bandwidth)


def best(function: Callable[[], object], seconds: float = 1.0) -> float:
    """The shortest time of many runs."""
    function()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


def measure() -> Machine:
    """The best rate of multiply-adds in registers, and of a copy of 128 MB.

    The copy is the faster of our kernel's and of the C library's in as many threads: for so large
    an array the latter writes past the caches.
    """
    flops = 0.0
    end = time.perf_counter() + 2.0
    while time.perf_counter() < end:
        flops = max(flops, kernels.peak_flops())
    threads = kernels.num_threads()
    source = np.ones(2**25, np.float32)
    target = np.zeros_like(source)
    pairs = list(zip(np.array_split(target, threads), np.array_split(source, threads), strict=True))
    with ThreadPoolExecutor(threads) as pool:
        library = best(lambda: list(pool.map(lambda pair: np.copyto(*pair), pairs)))
    own = best(lambda: kernels.copy_into(target, source))
    return Machine(flops, 2.0 * source.nbytes / min(own, library))
