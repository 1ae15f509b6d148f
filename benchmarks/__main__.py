"""The harness: see ``python -m benchmarks --help`` and README.md beside this file."""

from __future__ import annotations

import argparse
import json
import platform
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.calls import CALLS, REPLAYED
from benchmarks.exactness import exactness
from benchmarks.fit import fit
from benchmarks.machine import Machine, Meter
from benchmarks.memory import memory
from benchmarks.networks import NETWORKS
from benchmarks.operations import OPERATIONS
from benchmarks.recurrent import RECURRENT
from benchmarks.replay import replay
from benchmarks.start import import_times, start
from benchmarks.threads import threads
from benchmarks.timing import compared
from benchmarks.tutorials import tutorials
from benchmarks.workers import Task, Worker, workers_of
from cygnet import kernels

PEERS = ("torch", "tensorflow", "jax", "onnxruntime")
VARIANTS = ("captured", "frozen", "channels_last", "compile")
KINDS = {
    "ops": "kernels",
    "train": "training steps, captured",
    "infer": "forward passes without gradients, frozen",
    "calls": "what a call of an op costs: forward and backward of tensors of 8x8",
    "replay": "what a replay costs beyond its kernels, and what recording it does",
    "threads": "eight Python threads that call one frozen model",
    "fit": "what Trainer.fit adds to a loop of one's own, on mlp",
    "import": "the time of `import cygnet`",
    "start": "from the start of a process to its first 100 steps of mlp",
    "tutorials": "programs of tutorials, whole processes, with TensorFlow as the peer",
    "memory": "the most memory that a process holds that trains",
    "exact": "errors of every operation against float64, and its bits for 1, 2 and 3 threads",
}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Times Cygnet and its peers.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="\n".join(f"{kind:<10}{text}" for kind, text in KINDS.items()),
    )
    add = parser.add_argument
    add("kind", choices=KINDS, help="what is measured, see below")
    add("--peer", choices=PEERS, action="append", default=[], help="compare with it")
    add("--peer-python", action="append", default=[], metavar="[PEER=]PATH",
        help="an interpreter that has the peer, or all peers; by default this one")  # fmt: skip
    add("--without", choices=VARIANTS, action="append", default=[],
        help="leave out what runs so; without captured and frozen Cygnet is eager")  # fmt: skip
    add("--threads", type=int, default=kernels.default_num_threads(), metavar="N")
    add("--filter", default="", metavar="TEXT",
        help="only workloads whose name contains this regular expression")  # fmt: skip
    add("--batch", type=int, metavar="N",
        help="instead of the table's, or of 1 for infer and threads")  # fmt: skip
    add("--seconds", type=float, default=1.0, metavar="S",
        help="time of a workload and framework; default 1")  # fmt: skip
    add("--json", type=Path, metavar="FILE", help="where to write all figures")
    add("--compare", type=Path, metavar="OLD.json", help="figures of an earlier run")
    add("--plot", type=Path, metavar="FILE.png", help="a roofline plot of ops")
    options = parser.parse_args()
    options.pythons = dict.fromkeys(PEERS, sys.executable)
    for given in options.peer_python:
        name, separator, path = given.partition("=")
        options.pythons |= {name: path} if separator else dict.fromkeys(PEERS, given)
    if unknown := set(options.pythons) - set(PEERS):
        parser.error(f"--peer-python: {unknown.pop()!r} is no peer; they are {', '.join(PEERS)}")
    options.pythons["cygnet"] = sys.executable
    if options.plot and options.kind != "ops":
        parser.error("--plot draws kernels: it needs ops")
    return options


def line(name: str, row: dict[str, Any], old: dict[str, Any]) -> str:
    own, machine = row["frameworks"]["cygnet"], Machine(**row["machine"])
    low, middle, high = (own[key] for key in ("p10", "median", "p90"))
    text = f"{name:<40}{middle * 1e6:>10.1f}{low * 1e6:>10.1f}{high * 1e6:>10.1f}"
    text += f"{row['limit'] * 1e6:>10.1f}{row['limit'] / middle:>6.0%}"
    text += f"{row['flops'] / middle / machine.flops:>6.0%}"
    text += f"{row['bytes'] / middle / machine.bandwidth:>6.0%}"
    ratios = {}
    for framework, peer in row["frameworks"].items():
        if framework != "cygnet":
            ratio = peer["median"] / middle
            text += f"{peer['median'] * 1e6:>12.1f}{ratio:>6.2f}x {peer['variant']:<15}"
            ratios[framework] = ratio
    if len(ratios) > 1:
        best = min(ratios, key=lambda framework: ratios[framework])
        text += f"{ratios[best]:>6.2f}x {best:<12}"
    if name in old:
        text += f"{old[name]['frameworks']['cygnet']['median'] / middle:>7.2f}x"
    return text


def head(peers: list[str], compare: bool) -> str:
    text = f"{'microseconds':<40}{'median':>10}{'10 %':>10}{'90 %':>10}"
    text += f"{'limit':>10}{'of it':>6}{'FMA':>6}{'copy':>6}"
    text += "".join(f"{peer:>12}{'ratio':>7}{'':16}" for peer in peers)
    text += f"{'best':>7}{'':13}" if len(peers) > 1 else ""
    return text + ("  vs old" if compare else "")


def timings(options: argparse.Namespace, workers: list[Worker], meter: Meter) -> int:
    tables: dict[str, Mapping[str, Any]] = {
        "ops": OPERATIONS,
        "calls": CALLS,
        "replay": REPLAYED,
    }
    rows = tables.get(options.kind, {**NETWORKS, **RECURRENT})
    old = json.loads(options.compare.read_text())["workloads"] if options.compare else {}
    print(head(options.peer, bool(old)), flush=True)
    workloads: dict[str, Any] = {}
    failures = 0
    for name in (name for name in rows if re.search(options.filter, name)):
        if options.kind == "infer" and name.endswith(("-adam", "-lengths")):  # for training only
            continue
        batch = options.batch or 1
        if options.kind == "train" and not options.batch:
            batch = rows[name].batch
        task = Task(options.kind, name, options.threads, batch)
        try:
            workloads[name] = compared(workers, meter, task, options.seconds)
        except RuntimeError as error:
            failures += 1
            print(f"{name:<40} FAILED {error}", flush=True)
            continue
        print(line(name, workloads[name], old), flush=True)
    if options.json:
        record = {
            "kind": options.kind,
            "threads": options.threads,
            "frameworks": {worker.framework: worker.facts for worker in workers},
            "workloads": workloads,
        }
        options.json.write_text(json.dumps(record, indent=1))
    if options.plot:
        from benchmarks.plot import roofline  # needs matplotlib

        roofline(workloads, options.plot)
    return 1 if failures else 0


def main() -> int:
    options = arguments()
    if options.kind == "import":
        return import_times()
    kernels.set_num_threads(options.threads)
    if options.kind == "start":
        return start(options.peer, options.pythons, options.threads, options.without)
    if options.kind == "threads":
        return threads(options.batch or 1, options.filter, options.seconds)
    if options.kind == "fit":
        return fit(options.filter)
    if options.kind == "tutorials":
        return tutorials(options.pythons["tensorflow"], options.threads, options.filter)
    if options.kind == "memory":
        return memory(
            options.peer, options.pythons, options.threads, options.without, options.filter
        )
    with workers_of(
        ["cygnet", *options.peer], options.pythons, options.threads, options.without
    ) as workers:
        for worker in workers:
            if options.kind not in (*worker.kinds, "exact"):
                raise SystemExit(
                    f"{worker.framework}: no {options.kind} benchmarks; it has "
                    f"{', '.join(worker.kinds)}"
                )
        for worker in workers:
            print(", ".join(f"{key} {value}" for key, value in worker.facts.items()))
        if options.kind == "exact":
            return exactness(workers, options.filter)
        meter = Meter()
        processor = platform.processor() or platform.machine()
        print(f"{processor}, {options.threads} threads, {meter.measure(0.5)}\n")
        failures = timings(options, workers, meter)
    if options.kind == "replay":
        failures += replay(options.pythons, options.threads, options.filter)
    return failures


if __name__ == "__main__":
    sys.exit(main())
