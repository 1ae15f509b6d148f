"""The most memory that a process holds that trains a network."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from benchmarks.networks import NETWORKS
from benchmarks.recurrent import RECURRENT
from benchmarks.workers import Task, workers_of

STEPS = 5


def memory(
    peers: Sequence[str], pythons: dict[str, str], threads: int, without: Sequence[str], chosen: str
) -> int:
    """Prints the peak of the resident set of each framework and variant."""
    print(f"peak resident set of a process after {STEPS} training steps, in MB")
    rows: dict[str, Any] = {**NETWORKS, **RECURRENT}
    for name in (n for n in rows if re.search(chosen or "^(cnn|resnet18)$", n)):
        task = Task("train", name, threads, rows[name].batch)
        own = 0.0
        for framework in ("cygnet", *peers):
            with workers_of([framework], pythons, threads, without) as (worker,):
                variants = worker.variants(task)
            for variant in variants:
                with workers_of([framework], pythons, threads) as (worker,):  # a fresh process
                    worker.build(task, variant)
                    megabytes = worker.ask("memory", runs=STEPS)["bytes"] / 1e6
                own = own or megabytes
                text = f"{name:<14}{framework:<12}{variant:<16}{megabytes:>8.0f}"
                print(f"{text}   the first takes {own / megabytes:.2f} of it", flush=True)
    return 0
