"""Frameworks in processes of their own, and the comparison of their results."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.networks import Array

ROOT = Path(__file__).parent.parent  # where a peer's interpreter finds this package


@dataclass(frozen=True)
class Task:
    """What to build, whatever the framework."""

    kind: str  # "ops", "train", "infer", "calls" or "replay"
    name: str
    threads: int
    batch: int = 0
    seed: int = 3
    dtype: str = "float32"


class Worker:
    """A framework's process."""

    def __init__(
        self, framework: str, python: str, threads: int, without: Sequence[str] = (), **extra: str
    ) -> None:
        self.framework = framework
        self.without = without
        paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
        environment = {
            **os.environ,
            "OMP_NUM_THREADS": str(threads),
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
            **extra,
        }
        try:
            self.process = subprocess.Popen(
                [python, "-m", "benchmarks.worker", framework],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env=environment,
            )
        except OSError as error:
            raise SystemExit(f"{framework}: cannot start {python}: {error.strerror}") from None
        answer = self.ask("describe")
        self.kinds: list[str] = answer["kinds"]
        self.facts: dict[str, Any] = answer["facts"]

    def ask(self, do: str, **request: Any) -> dict[str, Any]:
        assert self.process.stdin and self.process.stdout
        try:
            self.process.stdin.write(json.dumps({"do": do, **request}) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise SystemExit(f"{self.framework}: its process ended; can it be imported there?")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise RuntimeError(f"{self.framework}: {answer['error']}")
        return answer

    def variants(self, task: Task) -> list[str]:
        found: list[str] = self.ask("variants", kind=task.kind, name=task.name)["variants"]
        return [variant for variant in found if variant not in self.without]

    def build(self, task: Task, variant: str) -> None:
        self.ask("build", variant=variant, **vars(task))

    def results(self) -> list[Array]:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "results.npz")
            self.ask("results", path=str(path))
            with np.load(path) as arrays:
                return list(arrays.values())

    def times(self, seconds: float, samples: int) -> list[float]:
        times: list[float] = self.ask("time", seconds=seconds, samples=samples)["times"]
        return times

    def close(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait(30)


@contextmanager
def workers_of(
    frameworks: Sequence[str],
    pythons: dict[str, str],
    threads: int,
    without: Sequence[str] = (),
    **extra: str,
) -> Iterator[list[Worker]]:
    """Their processes, which leave out the variants `without`; `extra` joins the environment."""
    workers: list[Worker] = []
    try:
        for framework in frameworks:
            workers.append(Worker(framework, pythons[framework], threads, without, **extra))
        yield workers
    finally:
        for worker in workers:
            worker.close()


def differ(own: list[Array], peer: list[Array], tolerance: float) -> str:
    """What is wrong with the results, or nothing; they are float32 sums in different orders."""
    if len(own) != len(peer):
        return f"{len(own)} and {len(peer)} results"
    for x, y in zip(own, peer, strict=True):
        if x.size != y.size:
            return f"{x.size} and {y.size} numbers"
        if x.size == 0:
            continue
        worst = float(np.abs(x.ravel() - y.ravel()).max() / max(1.0, np.abs(y).max()))
        if not worst <= tolerance:
            return f"they differ by {worst:.1e} of the largest"
    return ""
