"""A process that runs one framework and answers requests, one JSON object a line.

Started by the harness as ``python -m benchmarks.worker FRAMEWORK``. Requests:

- {"do": "describe"}
- {"do": "variants", "kind": ..., "name": ...}: the ways in which it runs that workload.
- {"do": "build", "kind": ..., "name": ..., "variant": ..., "threads": ..., "batch": ...}: builds a
  workload; for kind "ops" also "seed" and "dtype" of what is drawn.
- {"do": "results", "path": ...}: writes the workload's results there, as NumPy's .npz.
- {"do": "time", "seconds": ..., "samples": ...}: times at least so many runs for at least so long.
- {"do": "memory", "runs": ...}: runs so often; the most memory that the process ever held, bytes.
- {"do": "count", "runs": ...}: page faults and allocations of a run; see `replay.counter`.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import json
import os
import resource
import sys
import time
from itertools import repeat
from typing import Any

import numpy as np

from benchmarks.frameworks import Workload


def timed(workload: Workload, seconds: float, samples: int) -> list[float]:
    """Seconds of each run; runs below 20 microseconds are timed in groups."""
    run, clock = workload.run, time.perf_counter
    run()  # the other framework ran last
    start = clock()
    run()
    group = max(1, int(20e-6 / max(clock() - start, 1e-9)))
    times: list[float] = []
    gc.collect()
    gc.disable()
    try:
        end = clock() + seconds
        while len(times) < samples or clock() < end:
            start = clock()
            for _ in range(group):
                run()
            times.append((clock() - start) / group)
    finally:
        gc.enable()
    return times


def peak_memory(workload: Workload, runs: int) -> int:
    for _ in range(runs):
        workload.run()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def counted(workload: Workload, runs: int) -> dict[str, float]:
    """Of a run the page faults, calls of the C library's allocator and blocks that Python keeps."""
    allocations = ctypes.CDLL(None).benchmark_allocations
    allocations.restype = ctypes.c_long

    def figures() -> tuple[int, ...]:
        faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        return faults, allocations(), sys.getallocatedblocks()

    def spent(runs: int) -> list[int]:
        before = figures()
        for _ in repeat(None, runs):
            workload.run()
        return [new - old for old, new in zip(before, figures(), strict=True)]

    gc.collect()  # which empties Python's free lists
    gc.disable()
    spent(runs)
    empty, full = spent(0), spent(runs)
    gc.enable()
    each = [(f - e) / runs for e, f in zip(empty, full, strict=True)]
    return dict(zip(("faults", "allocations", "blocks"), each, strict=True))


def main() -> None:
    # A framework may print; only answers may reach the harness.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    framework: Any = importlib.import_module(f"benchmarks.frameworks.{sys.argv[1]}_")
    workload: Any = None
    for line in sys.stdin:
        request = json.loads(line)
        answer: dict[str, Any] = {}
        try:
            match request.pop("do"):
                case "describe":
                    answer = {"kinds": framework.KINDS, "facts": framework.describe()}
                case "variants":
                    answer["variants"] = framework.variants(**request)
                case "build":
                    workload = None  # before the next one takes memory
                    workload = framework.build(**request)
                case "results":
                    np.savez(request["path"], *workload.results())
                case "time":
                    answer["times"] = timed(workload, **request)
                case "memory":
                    answer["bytes"] = peak_memory(workload, **request)
                case "count":
                    answer = counted(workload, **request)
        except Exception as error:  # the harness reports it and goes on
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
