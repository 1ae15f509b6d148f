"""The harness: see ``python -m benchmarks --help``.

Every framework runs in a process of its own. Own and peer take turns on the same workload; their
results are compared before anything is timed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import Machine, measure
from benchmarks.networks import NETWORKS, flops_of
from benchmarks.operations import OPERATIONS
from cygnet import kernels

ROUNDS = 3  # own and peer take turns this often
SAMPLES, SECONDS = 30, 2.0  # of a workload and framework, over all rounds


class Worker:
    """A framework's process."""

    def __init__(self, framework: str, python: str, threads: int) -> None:
        self.framework = framework
        self.process = subprocess.Popen(
            [python, "-m", "benchmarks.worker", framework],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": str(threads)},
        )

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

    def close(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait(30)


def differ(own: list[list[float]], peer: list[list[float]]) -> str:
    """What is wrong with the results, or nothing; they are float32 sums in different orders."""
    for a, b in zip(own, peer, strict=True):
        x, y = np.array(a), np.array(b)
        if x.shape != y.shape:
            return f"{x.size} and {y.size} numbers"
        scale = max(1.0, float(np.abs(y).max(initial=0)))
        worst = float(np.abs(x - y).max(initial=0)) / scale
        if not worst <= 1e-4:
            return f"they differ by {worst:.1e} of the largest"
    return ""


def spread(times: list[float]) -> dict[str, float]:
    low, middle, high = np.percentile(times, [10, 50, 90])
    return {"median": float(middle), "p10": float(low), "p90": float(high), "samples": len(times)}


def compared(
    workers: list[Worker], kind: str, name: str, variants: dict[str, list[str]], threads: int
) -> Any:
    """The spread of the times of each framework; of a framework's variants the fastest counts."""
    own = workers[0].ask("build", kind=kind, name=name, variant="", threads=threads)["results"]
    results: dict[str, dict[str, Any]] = {}
    best = {workers[0].framework: ""}
    for peer in workers[1:]:
        trials = {}
        for variant in variants[peer.framework]:
            theirs = peer.ask("build", kind=kind, name=name, variant=variant, threads=threads)[
                "results"
            ]
            if wrong := differ(own, theirs):
                raise RuntimeError(
                    f"{name}: results of cygnet and {peer.framework} disagree: {wrong}"
                )
            peer.ask("time", seconds=0.1, samples=3)
            trials[variant] = statistics.median(peer.ask("time", seconds=0.3, samples=5)["times"])
        best[peer.framework] = min(trials, key=lambda v: trials[v])
        peer.ask("build", kind=kind, name=name, variant=best[peer.framework], threads=threads)
    times: dict[str, list[float]] = {worker.framework: [] for worker in workers}
    for worker in workers:
        worker.ask("time", seconds=0.2, samples=5)
    for _ in range(ROUNDS):
        for worker in workers:
            answer = worker.ask("time", seconds=SECONDS / ROUNDS, samples=-(-SAMPLES // ROUNDS))
            times[worker.framework] += answer["times"]
    for framework, samples in times.items():
        results[framework] = {**spread(samples), "variant": best[framework]}
    return results


def costs(kind: str, name: str) -> tuple[float, float]:
    """FLOP of one run and, for a single operation, bytes that must be read and written."""
    if kind != "ops":
        return flops_of(NETWORKS[name], kind == "train"), 0.0
    row = OPERATIONS[name]
    arrays = row.arrays()
    read = float(sum(a.nbytes for a in arrays))
    written = {
        "sum": 0.0,
        "cross_entropy": 0.0,
        "max_pool2d": arrays[0].nbytes / 4,
        "avg_pool2d": arrays[0].nbytes / 4,
    }
    return row.flops, read + written.get(row.op, float(arrays[0].nbytes))


def line(
    name: str, row: dict[str, Any], flops: float, size: float, machine: Machine, old: dict[str, Any]
) -> str:
    own = row["cygnet"]
    seconds = own["median"]
    low, high = own["p10"] * 1e6, own["p90"] * 1e6
    text = f"{name:<20}{seconds * 1e6:>11.1f}{low:>11.1f}{high:>11.1f}{own['samples']:>8}"
    text += f"{flops / seconds / machine.flops:>8.0%}" if flops else f"{'':>8}"
    text += f"{size / seconds / machine.bandwidth:>8.0%}" if size and not flops else f"{'':>8}"
    for framework, peer in row.items():
        if framework != "cygnet":
            times = peer["median"] / seconds
            text += f"{peer['median'] * 1e6:>11.1f} {times:>6.2f}x  {peer['variant']}"
    if name in old:
        text += f"   {old[name]['cygnet']['median'] / seconds:>6.2f}x old"
    return text


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Times Cygnet and its peers."
    )
    parser.add_argument(
        "kind",
        choices=["ops", "train", "infer", "import"],
        help="kernels, training steps, inference, or the time of `import cygnet`",
    )
    parser.add_argument(
        "--peer", choices=["torch"], action="append", default=[], help="a framework to compare with"
    )
    parser.add_argument(
        "--peer-python", default=sys.executable, metavar="PATH", help="an interpreter that has it"
    )
    parser.add_argument("--threads", type=int, default=kernels.default_num_threads(), metavar="N")
    parser.add_argument(
        "--filter", default="", metavar="TEXT", help="only workloads whose name contains it"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write all figures")
    parser.add_argument(
        "--compare", type=Path, metavar="OLD.json", help="figures of an earlier run"
    )
    return parser.parse_args()


def import_times() -> int:
    """Prints what `import cygnet` takes in fresh processes, beyond `import numpy`."""
    code = (
        "import time, numpy; t = time.perf_counter(); import cygnet; print(time.perf_counter() - t)"
    )
    run = [sys.executable, "-c", code]
    times = [float(subprocess.check_output(run, text=True)) for _ in range(SAMPLES)]
    figures = {
        key: f"{value * 1e3:.1f}" for key, value in spread(times).items() if key != "samples"
    }
    print(f"import cygnet beyond numpy, milliseconds, {SAMPLES} processes: {figures}")
    return 0


def main() -> int:
    options = arguments()
    if options.kind == "import":
        return import_times()
    names = [n for n in (OPERATIONS if options.kind == "ops" else NETWORKS) if options.filter in n]
    old = json.loads(options.compare.read_text())["workloads"] if options.compare else {}
    kernels.set_num_threads(options.threads)
    workers = [Worker("cygnet", sys.executable, options.threads)]
    workers += [Worker(peer, options.peer_python, options.threads) for peer in options.peer]
    described = {worker.framework: worker.ask("describe") for worker in workers}
    variants = {framework: answer.pop("variants") for framework, answer in described.items()}
    machine = measure()
    print(f"{platform.processor() or platform.machine()}, {options.threads} threads, ", end="")
    print(f"{machine.flops / 1e9:.0f} GFLOP/s (multiply-adds in registers), ", end="")
    print(f"{machine.bandwidth / 1e9:.1f} GB/s (copy)")
    for answer in described.values():
        print(", ".join(f"{key} {value}" for key, value in answer.items()))
    head = f"{'microseconds':<20}{'median':>11}{'10 %':>11}{'90 %':>11}{'samples':>8}"
    head += f"{'FLOP':>8}{'bytes':>8}"
    print(head + "".join(f"{peer:>11}  speed" for peer in options.peer))
    workloads: dict[str, Any] = {}
    failures = 0
    for name in names:
        try:
            workloads[name] = compared(workers, options.kind, name, variants, options.threads)
        except RuntimeError as error:
            failures += 1
            print(f"{name:<20} FAILED {error}", flush=True)
            continue
        print(line(name, workloads[name], *costs(options.kind, name), machine, old), flush=True)
    for worker in workers:
        worker.close()
    if options.json:
        record = {"kind": options.kind, "threads": options.threads, "machine": asdict(machine),
                  "frameworks": described, "workloads": workloads}  # fmt: skip
        options.json.write_text(json.dumps(record, indent=1))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
