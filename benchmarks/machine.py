"""The limits of this machine, measured in the same run as what is compared with them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from cygnet import kernels


@dataclass(frozen=True)
class Machine:
    """FLOP/s of multiply-adds and bytes/s of copies (read and written), with the run's threads."""

    flops: float
    bandwidth: float


def best(function: Callable[[], object], seconds: float = 1.0) -> float:
    """The shortest time of many runs."""
    function()
    times = []
    end = time.perf_counter() + seconds
    while len(times) < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


def measure() -> Machine:
    """The best rate of multiply-adds in registers, and of a copy of 128 MB."""
    flops = 0.0
    end = time.perf_counter() + 2.0
    while time.perf_counter() < end:
        flops = max(flops, kernels.peak_flops())
    source = np.ones(2**25, np.float32)
    seconds = best(lambda: kernels.contiguous(source, always_copy=True))
    return Machine(flops, 2.0 * source.nbytes / seconds)
