"""What a replayed training step takes beside its time: page faults, allocations, its recording."""

from __future__ import annotations

import re
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cygnet
from benchmarks.frameworks import cygnet_
from benchmarks.networks import NETWORKS
from benchmarks.worker import timed
from benchmarks.workers import Task, workers_of

# The steps that are counted, so that every network takes a second or so.
REPLAYS = {"mlp": 5000, "lenet": 1000, "cnn": 200, "resnet18": 5, "gpt": 100}
RECORDINGS = 5


@contextmanager
def counter() -> Iterator[str]:
    """A library that counts allocations, compiled."""
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder, "allocations.so")
        source = Path(__file__).with_name("allocations.c")
        command = ["cc", "-O2", "-shared", "-fPIC", "-o", str(library), str(source)]
        subprocess.run(command, check=True)
        yield str(library)


def counts(task: Task, pythons: dict[str, str], library: str) -> dict[str, float]:
    """Page faults and allocations of a replay, `objects` with those that Python makes itself."""
    found = {}
    for allocator in ("pymalloc", "malloc"):
        extra = {"LD_PRELOAD": library, "PYTHONMALLOC": allocator}
        with workers_of(["cygnet"], pythons, task.threads, **extra) as (worker,):
            worker.build(task, "captured")
            worker.results()  # eager, recorded, replayed
            found[allocator] = worker.ask("count", runs=REPLAYS[task.name])
    return {**found["pymalloc"], "objects": found["malloc"]["allocations"]}


def recording(task: Task) -> float:
    """Seconds that the call takes that records, in those of an eager step."""
    workload = cygnet_.build(variant="eager", **vars(task))
    eager = statistics.median(timed(workload, 0.3, 3))
    seconds = []
    for _ in range(RECORDINGS):
        captured = cygnet.capture(workload.run)
        captured()  # eager
        start = time.perf_counter()
        captured()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds) / eager


def replay(pythons: dict[str, str], threads: int, chosen: str) -> int:
    """Prints a row of each network; a replay hands out its loss, a Python object in pool memory."""
    print(f"\n{'of a replay':<14}{'page faults':>14}{'allocations':>14}{'with Python':>14}", end="")
    print(f"{'Python keeps':>14}{'recording':>14}")
    print(f"{'asked':<14}{'0':>14}{'0':>14}{'':>14}{'0':>14}{'<= 3 steps':>14}")
    with counter() as library:
        for name in (name for name in REPLAYS if re.search(chosen, name)):
            task = Task("train", name, threads, NETWORKS[name].batch)
            figures = counts(task, pythons, library)
            columns = ("faults", "allocations", "objects", "blocks")
            text = "".join(f"{figures[column]:>14.2f}" for column in columns)
            print(f"{name:<14}{text}{recording(task):>8.2f} steps", flush=True)
    return 0
