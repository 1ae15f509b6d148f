"""Processes and threads around the library: each scenario in a child process with a time limit."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.fuzz.memory import SANITIZED

ROOT = Path(__file__).parent.parent
# Sanitizers make kernels several times slower.
PATIENCE = 10 if SANITIZED else 1
# A process that was started in a shell's background ignores SIGINT, and so would the child.
START = """
import os, signal, sys, threading, time
signal.signal(signal.SIGINT, signal.default_int_handler)
import numpy as np
import cygnet
from cygnet import kernels, nn
"""


def start(code: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, **environment},
    )


def run(code: str, seconds: float = 60, **environment: str) -> str:
    """What a child process prints; it must end well, and in time."""
    child = start(code, **environment)
    try:
        output, errors = child.communicate(timeout=seconds * PATIENCE)
    finally:
        child.kill()
    assert child.returncode == 0, errors
    return output


def product(rows: int) -> float:
    """What processes of a pool compute; the team of threads is on from 200 rows."""
    import numpy as np

    from cygnet import kernels

    a = np.random.default_rng(rows).standard_normal((rows, rows)).astype(np.float32)
    return float(kernels.gemm(a, a).sum())


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_pool_of_processes_after_use(method: str) -> None:
    code = f"""
import multiprocessing
from tests.test_processes import product
from cygnet import kernels

if __name__ == "__main__":
    kernels.set_num_threads(2)
    sizes = [64, 300, 400]
    expected = [product(each) for each in sizes]
    with multiprocessing.get_context({method!r}).Pool(2) as pool:
        assert pool.map(product, sizes) == expected
    assert [product(each) for each in sizes] == expected
"""
    run(code)


def test_16_threads_share_modules() -> None:
    code = """
cygnet.manual_seed(0)
model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 14 * 14, 10))
recurrent = nn.LSTM(10, 16)
compiled, frozen = cygnet.compile(model), cygnet.freeze(model.eval(), cygnet.ones(4, 3, 16, 16))
inputs = [cygnet.randn(4, 3, 16, 16) for _ in range(16)]

def work(x):
    y = model(x)
    z = recurrent(y.reshape(4, 1, 10))[0]
    parameters = [*model.parameters(), *recurrent.parameters()]
    gradients = cygnet.autograd.grad(z.square().sum(), parameters)
    with cygnet.no_grad():
        others = compiled(x), frozen(x)
    return [np.array(each.detach().numpy()) for each in (y, z, *others, *gradients)]

expected = [work(x) for x in inputs]
wrong, done = [], []

def many(i):
    for _ in range(10):
        found = work(inputs[i])
        wrong.extend(k for k, (a, b) in enumerate(zip(found, expected[i])) if a.tobytes() != b.tobytes())
        done.append(i)

threads = [threading.Thread(target=many, args=(i,)) for i in range(16)]
for each in threads: each.start()
for each in threads: each.join()
assert len(done) == 160, len(done)
assert not wrong, wrong
"""  # noqa: E501
    run(START + code)


@pytest.mark.parametrize("work", ["model(x)", "compiled(x)", "kernels.gemm(a, a)"])
def test_the_interpreter_ends_while_threads_work(work: str) -> None:
    code = f"""
model = nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 64))
compiled, x, a = cygnet.compile(model), cygnet.ones(256, 64), np.ones((700, 700), np.float32)

def forever():
    while True:
        {work}

for _ in range(4):
    threading.Thread(target=forever, daemon=True).start()
time.sleep(0.3)
print("end")
"""
    for _ in range(3):
        assert run(START + code) == "end\n"


@pytest.mark.parametrize("what", ["kernel", "fit", "captured"])
def test_ctrl_c(what: str) -> None:
    """KeyboardInterrupt comes within a second, or after the kernel; then all works."""
    code = f"""
from cygnet import data, optim
from cygnet.train import Trainer

cygnet.manual_seed(0)
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
x, y = cygnet.randn(640, 64), cygnet.zeros(640, dtype=cygnet.int64)
trainer = Trainer(model, nn.CrossEntropyLoss(), optim.Adam(model.parameters()))
a = np.ones((1500, 1500), np.float32)
step = cygnet.capture(lambda x: model(x).square().mean())

def kernel():
    while True: kernels.gemm(a, a)

def fit():
    trainer.fit(x, y, batch_size=32, epochs=1_000_000, verbose=0)

def captured():
    while True: step(x)

print("ready", flush=True)
try:
    {what}()
except KeyboardInterrupt:
    print(f"{{time.monotonic():.6f}}")
assert all(np.isfinite(p.detach().numpy()).all() for p in model.parameters())
trainer.fit(x, y, batch_size=32, epochs=1, verbose=0)
assert np.isfinite(step(x).item()) and kernels.gemm(a, a)[0, 0] == 1500
"""
    child = start(START + code)
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    time.sleep(0.5)
    sent = time.monotonic()
    child.send_signal(signal.SIGINT)
    try:
        output, errors = child.communicate(timeout=60 * PATIENCE)
    finally:
        child.kill()
    assert child.returncode == 0, errors
    assert float(output) - sent < PATIENCE


@pytest.mark.parametrize("order", ["before", "after"])
@pytest.mark.parametrize("other", ["torch", "sklearn.linear_model", "tensorflow"])
def test_import_beside(other: str, order: str) -> None:
    if importlib.util.find_spec(other.split(".")[0]) is None:
        pytest.skip(f"{other} is not installed")
    lines = ["import cygnet", f"import {other} as other"]
    code = "\n".join(lines if order == "before" else lines[::-1])
    check = """
import numpy as np
from cygnet import kernels
kernels.set_num_threads(2)
a = np.random.default_rng(0).standard_normal((300, 300))
np.testing.assert_allclose(kernels.gemm(a, a), a @ a, atol=1e-10)
if hasattr(other, "from_numpy"):
    t = other.from_numpy(a)
    np.testing.assert_allclose((t @ t).numpy(), kernels.gemm(a, a), atol=1e-10)
"""
    run(code + check, seconds=120)


@pytest.mark.parametrize(
    "value", ["", "0", "-1", "1", "1000", "99999999999999999999", "many", "2x"]
)
def test_omp_num_threads(value: str) -> None:
    code = """
a = np.ones((300, 300), np.float32)
assert kernels.gemm(a, a)[0, 0] == 300
print(kernels.num_threads())
"""
    most = len(os.sched_getaffinity(0))
    found = int(run(START + code, OMP_NUM_THREADS=value))
    assert found == 1 if value == "1" else 1 <= found <= most
