"""What processes take before and until they have done some work."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise

from benchmarks.timing import SAMPLES, spread

STEPS = 100
RUNS, SECONDS = 9, 20.0  # at most, but for three runs

# (framework, variant): the text that makes the variant of a model and of its training step.
SIDES = {
    ("cygnet", "captured"): "step = torch.capture(step)",
    ("cygnet", "eager"): "",
    ("torch", "eager"): "",
    ("torch", "compile"): "model = torch.compile(model)",
}
PROGRAM = """
import time
marks = [time.time()]
import numpy
marks.append(time.time())
import {framework} as torch
from {framework} import nn
marks.append(time.time())
torch.manual_seed(0)
samples, targets = torch.randn(32, 784), torch.arange(32) % 10
model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
optimizer = torch.optim.Adam(model.parameters())
loss_of = nn.CrossEntropyLoss()

def step(samples, targets):
    optimizer.zero_grad()
    loss = loss_of(model(samples), targets)
    loss.backward()
    optimizer.step()
    return loss

{variant}
marks.append(time.time())
first = step(samples, targets).item()
marks.append(time.time())
for _ in range({steps} - 1):
    loss = step(samples, targets)
assert loss.item() < first / 2
marks.append(time.time())
print(*marks)
"""
PHASES = ("python", "numpy", "import", "model", "step 1", f"to {STEPS}")


@contextmanager
def installed() -> Iterator[dict[str, str]]:
    """The environment of processes that find bytecode, as of an installed package."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": folder}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        yield environment


def import_times() -> int:
    """Prints what `import cygnet` takes in fresh processes, beyond `import numpy`."""
    code = (
        "import time, numpy; t = time.perf_counter(); import cygnet; print(time.perf_counter() - t)"
    )
    run = [sys.executable, "-c", code]
    with installed() as environment:
        subprocess.check_output(run, env=environment)
        outputs = [subprocess.check_output(run, env=environment) for _ in range(SAMPLES)]
    times = [float(output) for output in outputs]
    figures = spread(times)
    low, middle, high = (figures[key] * 1e3 for key in ("p10", "median", "p90"))
    print(f"import cygnet beyond numpy, {SAMPLES} processes: ", end="")
    print(f"{middle:.1f} ms (10 % {low:.1f}, 90 % {high:.1f})")
    return 0


def phases(python: str, program: str, environment: dict[str, str]) -> list[float]:
    """Seconds of each phase of a process; what it compiles is not kept for the next one."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.time()
        output = subprocess.check_output(
            [python, "-c", program], env={**environment, "TORCHINDUCTOR_CACHE_DIR": folder}
        )
    marks = [began, *map(float, output.split())]
    return [after - before for before, after in pairwise(marks)]


def start(
    peers: Sequence[str], pythons: dict[str, str], threads: int, without: Sequence[str]
) -> int:
    """Prints the median seconds of the phases of processes that train `mlp`."""
    print(f"{'seconds':<18}{'total':>9}" + "".join(f"{phase:>9}" for phase in PHASES))
    print(f"{'asked':<18}{'<= 0.35':>9}")
    for (framework, variant), text in SIDES.items():
        if framework not in ("cygnet", *peers) or variant in without:
            continue
        program = PROGRAM.format(framework=framework, variant=text, steps=STEPS)
        python = pythons[framework]
        times: list[list[float]] = []
        with installed() as environment:
            environment["OMP_NUM_THREADS"] = str(threads)
            phases(python, program, environment)  # makes the bytecode
            end = time.perf_counter() + SECONDS
            while len(times) < 3 or (len(times) < RUNS and time.perf_counter() < end):
                times.append(phases(python, program, environment))
        total = statistics.median(map(sum, times))
        parts = [statistics.median(part) for part in zip(*times, strict=True)]
        text = "".join(f"{seconds:>9.3f}" for seconds in (total, *parts))
        print(f"{framework + ' ' + variant:<18}{text}", flush=True)
    return 0
