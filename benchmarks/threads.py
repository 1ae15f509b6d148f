"""Several Python threads that call one frozen model."""

from __future__ import annotations

import re
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import numpy as np

import cygnet
from benchmarks.frameworks.shared import model_of
from benchmarks.networks import NETWORKS, Array, batch_of
from benchmarks.timing import ROUNDS

CALLERS = 8
CALLS = 20  # of each caller, whose results are compared


def together(function: Callable[[Any], Any], inputs: list[Any]) -> list[Any]:
    """What the function gives in a thread for each input; they begin at once."""
    gate = Barrier(len(inputs))

    def begin(input: Any) -> Any:
        gate.wait()
        return function(input)

    with ThreadPoolExecutor(len(inputs)) as pool:
        return list(pool.map(begin, inputs))


def measured(name: str, batch: int, seconds: float) -> tuple[bool, list[list[float]]]:
    """Whether several callers get one caller's bits; calls a second of one and of several."""
    network = NETWORKS[name]
    samples = batch_of(network, batch * CALLERS)[0]
    inputs = [cygnet.tensor(part) for part in np.split(samples, CALLERS)]
    plan = cygnet.freeze(model_of(network, cygnet), inputs[0])

    def results(input: Any) -> list[Array]:
        return [plan(input).numpy().copy() for _ in range(CALLS)]

    def rate(input: Any) -> float:
        count, start = 0, time.perf_counter()
        while (spent := time.perf_counter() - start) < seconds / ROUNDS or not count:
            plan(input)
            count += 1
        return count / spent

    same = np.array_equal([results(input) for input in inputs], together(results, inputs))
    turns = [[sum(together(rate, some)) for some in (inputs[:1], inputs)] for _ in range(ROUNDS)]
    return same, turns


def threads(batch: int, chosen: str, seconds: float) -> int:
    """Prints the throughput of one caller and of several, in turns; kernels run in one thread.

    A ratio is the median of those within a turn.
    """
    cygnet.set_num_threads(1)
    print(f"{'calls a second':<16}{'1 caller':>12}{f'{CALLERS} callers':>12}{'ratio':>9}   results")
    print(f"{'asked':<16}{'':>24}{'>= 1.8x':>9}   same")
    failures = 0
    for name in (name for name in NETWORKS if re.search(chosen, name)):
        same, turns = measured(name, batch, seconds)
        one, many = (statistics.median(turn) for turn in zip(*turns, strict=True))
        ratio = statistics.median(many / one for one, many in turns)
        text = f"{name:<16}{one:>12.1f}{many:>12.1f}{ratio:>8.2f}x   "
        print(text + ("same" if same else "DIFFERENT"), flush=True)
        failures += not same
    return 1 if failures else 0
