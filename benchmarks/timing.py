"""Times of the frameworks on one workload, in turns."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from benchmarks.machine import Machine, Meter
from benchmarks.networks import NETWORKS, Array
from benchmarks.operations import OPERATIONS
from benchmarks.recurrent import RECURRENT
from benchmarks.roofline import kernels_of, recurrent_kernels_of
from benchmarks.workers import Task, Worker, differ

ROUNDS = 5  # the frameworks take turns this often
SAMPLES = 30  # at least, of a workload and framework, over all rounds


def spread(times: list[float]) -> dict[str, float]:
    low, middle, high = np.percentile(times, [10, 50, 90])
    return {"median": float(middle), "p10": float(low), "p90": float(high), "samples": len(times)}


def tolerance(task: Task) -> float:
    """Of the results; a step passes its rounding on to the next one."""
    return 1e-3 if task.kind == "train" else 1e-4


def costs(task: Task, machine: Machine) -> dict[str, float]:
    """FLOPs and bytes of a run, and the least seconds that it can take; of a call next to none."""
    if task.kind in ("calls", "replay"):
        return {"flops": 0.0, "bytes": 0.0, "limit": 0.0}
    if task.kind == "ops":
        row = OPERATIONS[task.name]
        flops, moved, least = row.flops, row.bytes, machine.limit(row.flops, row.bytes)
    else:
        training = task.kind == "train"
        if task.name in RECURRENT:
            kernels = list(recurrent_kernels_of(RECURRENT[task.name], task.batch, training))
        else:
            kernels = kernels_of(NETWORKS[task.name], task.batch, training)
        flops = sum(kernel.flops for kernel in kernels)
        moved = sum(kernel.bytes for kernel in kernels)
        least = sum(kernel.seconds(machine) for kernel in kernels)
    return {"flops": flops, "bytes": moved, "limit": least}


def fastest(peer: Worker, task: Task, expected: list[Array] | None) -> str | None:
    """The fastest variant that can be built, which then is; none where there is no such workload.

    Results must be those expected, unless these are none.
    """
    trials: dict[str, float] = {}
    failures = []
    for variant in peer.variants(task):
        try:
            peer.build(task, variant)
            results = peer.results()
        except RuntimeError as error:
            failures.append(error)
            print(f"{task.name} {variant}: left out: {error}".splitlines()[0], flush=True)
            continue
        if expected and (wrong := differ(expected, results, tolerance(task))):
            raise RuntimeError(f"results of cygnet and {peer.framework} disagree: {wrong}")
        peer.times(seconds=0.1, samples=3)
        trials[variant] = statistics.median(peer.times(seconds=0.5, samples=7))
    if not trials:
        if failures:
            raise failures[0]
        return None
    best = min(trials, key=lambda variant: trials[variant])
    if len(trials) > 1:
        peer.build(task, best)
    return best


def compared(workers: Sequence[Worker], meter: Meter, task: Task, seconds: float) -> dict[str, Any]:
    """The spread of the times of each framework: of Cygnet's first variant, of a peer's fastest.

    The machine is measured in between: what else runs on it takes from its bandwidth.
    """
    own, *peers = workers
    variants = own.variants(task)
    if not variants:
        raise RuntimeError("cygnet: all its variants are left out")
    own.build(task, variants[0])
    results = own.results()
    compare = task.kind != "ops" or OPERATIONS[task.name].compared
    best = {own.framework: variants[0]}
    for peer in peers:
        if chosen := fastest(peer, task, results if compare else None):
            best[peer.framework] = chosen
    workers = [worker for worker in workers if worker.framework in best]
    times: dict[str, list[float]] = {worker.framework: [] for worker in workers}
    for worker in workers:
        worker.times(seconds=0.1, samples=5)
    machines: list[Machine] = []
    for _ in range(ROUNDS):
        machines.append(meter.measure(min(0.1, seconds / ROUNDS)))
        for worker in workers:
            times[worker.framework] += worker.times(seconds / ROUNDS, -(-SAMPLES // ROUNDS))
    machine = Machine(
        statistics.median(machine.flops for machine in machines),
        statistics.median(machine.bandwidth for machine in machines),
    )
    figures = {name: {**spread(t), "variant": best[name]} for name, t in times.items()}
    return {"frameworks": figures, "machine": asdict(machine), **costs(task, machine)}
