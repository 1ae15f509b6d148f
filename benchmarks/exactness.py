"""Root mean square errors against float64, and the same bits for any number of threads."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.networks import Array
from benchmarks.operations import OPERATIONS
from benchmarks.workers import Task, Worker

ELEMENTS = 100_000  # at least, by drawing anew, but at most SEEDS times
SEEDS = 8


def rms(parts: Sequence[Array]) -> float:
    numbers = np.concatenate([part.ravel() for part in parts])
    return float(np.sqrt(np.mean(np.square(numbers, dtype=np.float64))))


def run(worker: Worker, name: str, threads: int, seed: int, dtype: str) -> list[Array]:
    task = Task("ops", name, threads, seed=seed, dtype=dtype)
    worker.build(task, worker.variants(task)[0])
    return worker.results()


def row(workers: Sequence[Worker], name: str) -> str:
    """Errors in ULP: of the root mean square of the spacings of float32 at the exact results."""
    own, *peers = workers
    errors: dict[str, list[Array]] = {worker.framework: [] for worker in workers}
    spacings: list[Array] = []
    same = True
    for seed in range(SEEDS):
        exact = run((peers or [own])[0], name, 2, seed, "float64")
        spacings += [np.spacing(np.abs(e).astype(np.float32)) for e in exact]
        for worker in workers:
            results = run(worker, name, 2, seed, "float32")
            errors[worker.framework] += [
                r.astype(np.float64) - e for r, e in zip(results, exact, strict=True)
            ]
            if worker is own:
                again = [run(own, name, threads, seed, "float32") for threads in (1, 3)]
                same = same and all(
                    np.array_equal(a, b) for other in again for a, b in zip(results, other, strict=True)
                )
        if sum(s.size for s in spacings) >= ELEMENTS:
            break
    ulp = rms(spacings)
    figures = {framework: rms(parts) / ulp for framework, parts in errors.items()}
    text = f"{name:<40}{sum(s.size for s in spacings):>10}{figures['cygnet']:>10.3f}"
    for peer in peers:
        ratio = figures["cygnet"] / max(figures[peer.framework], 1.0)
        text += f"{figures[peer.framework]:>12.3f}{ratio:>7.2f}"
    return text + f"{'same' if same else 'DIFFERENT':>12}"


def exactness(workers: Sequence[Worker], chosen: str) -> int:
    """Prints a row an operation; the large twins of rows that fit a cache are left out.

    The reference is the first peer's result in float64, or else our own. A ratio is that of the
    errors, where one below 1 ULP counts as 1 ULP.
    """
    head = f"{'errors in ULP, root mean square':<40}{'elements':>10}{'cygnet':>10}"
    head += "".join(f"{worker.framework:>12}{'ratio':>7}" for worker in workers[1:])
    print(f"\n{head}{'threads':>12}")
    names = [n for n, r in OPERATIONS.items() if r.compared and not n.endswith("64MB")]
    failures = 0
    for name in (n for n in names if chosen in n):
        try:
            print(row(workers, name), flush=True)
        except RuntimeError as error:
            failures += 1
            print(f"{name:<40} FAILED {error}", flush=True)
    return 1 if failures else 0
