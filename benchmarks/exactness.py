"""Root mean square errors against float64, and the same bits for any number of threads."""

from __future__ import annotations

import re
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


def measured(workers: Sequence[Worker], name: str) -> tuple[int, list[dict[str, float]], bool]:
    """Elements, errors of each framework in each result, and whether threads change our bits.

    Errors are in ULP: parts of the root mean square of float32's spacings at the exact results.
    """
    own, *peers = workers
    exact: list[list[Array]] = []
    results: dict[str, list[list[Array]]] = {worker.framework: [] for worker in workers}
    same = True
    for seed in range(SEEDS):
        exact.append(run((peers or [own])[0], name, 2, seed, "float64"))
        for worker in workers:
            results[worker.framework].append(run(worker, name, 2, seed, "float32"))
        for threads in (1, 3):
            again = run(own, name, threads, seed, "float32")
            pairs = zip(results[own.framework][-1], again, strict=True)
            same = same and all(np.array_equal(a, b) for a, b in pairs)
        if sum(e.size for drawn in exact for e in drawn) >= ELEMENTS:
            break
    errors = []
    for index in range(len(exact[0])):
        ulp = rms([np.spacing(abs(drawn[index]).astype(np.float32)) for drawn in exact])
        errors.append(
            {
                name: rms([r[index] - e[index] for r, e in zip(drawn, exact, strict=True)]) / ulp
                for name, drawn in results.items()
            }
        )
    return sum(e.size for drawn in exact for e in drawn), errors, same


def line(workers: Sequence[Worker], name: str) -> str:
    """Of several results that with the largest ratio of errors, or with our largest error."""
    elements, errors, same = measured(workers, name)
    peers = [worker.framework for worker in workers[1:]]

    def ratio(figures: dict[str, float], peer: str) -> float:
        return figures["cygnet"] / max(figures[peer], 1.0)

    worst = max(errors, key=lambda f: max([ratio(f, p) for p in peers] or [f["cygnet"]]))
    text = f"{name:<40}{elements:>10}{worst['cygnet']:>10.3f}"
    text += "".join(f"{worst[peer]:>12.3f}{ratio(worst, peer):>7.2f}" for peer in peers)
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
    for name in (n for n in names if re.search(chosen, n)):
        try:
            print(line(workers, name), flush=True)
        except RuntimeError as error:
            failures += 1
            print(f"{name:<40} FAILED {error}", flush=True)
    return 1 if failures else 0
