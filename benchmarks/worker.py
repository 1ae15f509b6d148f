"""A process that runs one framework and answers requests, one JSON object a line.

Started by the harness as ``python -m benchmarks.worker cygnet|torch``. Requests:

- {"do": "describe"}
- {"do": "build", "kind": ..., "name": ..., "variant": ..., "threads": ...}: builds a workload and
  gives its results.
- {"do": "time", "seconds": ..., "samples": ...}: times at least so many runs for at least so long.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys
import time
from typing import Any

from benchmarks.frameworks import Workload


def timed(workload: Workload, seconds: float, samples: int) -> list[float]:
    """Seconds of each run; runs below 20 microseconds are timed in groups."""
    run, clock = workload.run, time.perf_counter
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


def main() -> None:
    # A framework may print; only answers may reach the harness.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    framework: Any = importlib.import_module(f"benchmarks.frameworks.{sys.argv[1]}_")
    workload: Workload | None = None
    for line in sys.stdin:
        request = json.loads(line)
        answer: dict[str, Any] = {}
        try:
            match request.pop("do"):
                case "describe":
                    answer = {**framework.describe(), "variants": framework.VARIANTS}
                case "build":
                    workload = framework.build(**request)
                    assert workload is not None
                    answer["results"] = [r.ravel().tolist() for r in workload.results()]
                case "time":
                    assert workload is not None
                    answer["times"] = timed(workload, **request)
        except Exception as error:  # the harness reports it and goes on
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
