"""Memory that runs out, at each allocation in turn and for real: MemoryError, nothing is lost, and
the next call has the right bits.
"""

from __future__ import annotations

import gc
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import numpy as np
import pytest

import cygnet
from cygnet import kernels, nn, optim
from cygnet._core import native
from tests.fuzz.memory import SANITIZED
from tests.networks import lenet
from tests.op_cases import CASES, Case
from tests.test_op_cases import Run, check_bits

MOST = 200


def live_bytes() -> int:
    return int(kernels.memory_stats()["live_bytes"])


@pytest.fixture(autouse=True)
def no_collection() -> Iterator[None]:
    """What other tests left in cycles must not go while the bytes are compared."""
    gc.disable()
    yield
    gc.enable()


class Failure:
    """Makes a call whose nth allocation fails."""

    def __init__(self, nth: int, call: Callable[[], Any], recovers: bool = False) -> None:
        self.raised = False
        native.fail_allocation(nth)
        try:
            call()
        except MemoryError:
            self.raised = True
        finally:
            self.came = native.fail_allocation(0) == 0  # the call got as far
        assert self.raised == self.came or recovers, f"nobody heard of allocation {nth}"


def arrays_of(values: Any) -> list[np.ndarray]:
    return [np.array(each.detach().numpy()) for each in values]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_an_op_and_its_backward(case: Case) -> None:
    sample = case.samples[len(case.samples) // 2]
    arrays = sample.draw(np.float32)

    def run() -> list[np.ndarray]:
        cygnet.manual_seed(3)
        return Run(case, sample, [a.copy() for a in arrays]).all()

    expected = run()
    run()
    before = live_bytes()
    for nth in range(1, MOST + 1):
        if not Failure(nth, run).came:
            break
        assert live_bytes() == before, nth
    check_bits(run(), expected)
    assert live_bytes() == before


OPTIMIZERS = {
    name: each
    for name, each in vars(optim).items()
    if isinstance(each, type) and issubclass(each, optim.Optimizer) and each is not optim.Optimizer
}


def training(rule: Any, captured: bool = False) -> tuple[nn.Module, Callable[[], Any]]:
    """A network and its training step, the same in each call."""
    cygnet.manual_seed(5)
    bias = rule is not optim.Muon  # which takes matrices alone
    first, second = nn.Linear(6, 16, bias=bias), nn.Linear(16, 3, bias=bias)
    model = nn.Sequential(first, nn.Tanh(), second)
    few = {"max_iter": 3} if rule is optim.LBFGS else {}
    groups: Any = model.parameters()
    if rule is not optim.LBFGS:
        groups = [{"params": list(layer.parameters())} for layer in (first, second)]
    optimizer = rule(groups, lr=0.01, **few)
    generator = np.random.default_rng(0)
    inputs = cygnet.tensor(generator.standard_normal((32, 6)).astype(np.float32))
    labels = cygnet.tensor(generator.integers(0, 3, 32))
    loss_of = nn.CrossEntropyLoss()

    def losses() -> cygnet.Tensor:
        optimizer.zero_grad()
        loss = loss_of(model(inputs), labels)
        loss.backward()
        return loss

    def step() -> cygnet.Tensor:
        loss: cygnet.Tensor = optimizer.step(losses)
        return loss

    return model, cygnet.capture(step) if captured else step


STEPS = 4  # of a captured function: eager, recorded, replayed, replayed


def check_training(rule: Any, captured: bool = False) -> int:
    """Fails each allocation of each step, and makes the step again; returns how often it failed."""
    model, step = training(rule, captured)
    for _ in range(STEPS):
        step()
    expected = arrays_of(model.parameters())
    failures = 0
    for when in range(STEPS if captured else 2):  # the first one makes the optimizer's state
        for nth in range(1, MOST + 1):
            model, step = training(rule, captured)
            for _ in range(when):
                step()
            failure = Failure(nth, step, recovers=captured)  # which goes on without a recording
            failures += failure.came
            for _ in range(STEPS - when - (not failure.raised)):
                step()
            check_bits(arrays_of(model.parameters()), expected, f"step {when}, allocation {nth}")
            if not failure.came:
                break
    return failures


@pytest.mark.parametrize("rule", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_a_step_that_failed_is_made_again(rule: Any) -> None:
    gc.collect()
    before = live_bytes()
    assert check_training(rule) > 0
    gc.collect()
    assert live_bytes() == before


def test_a_captured_step_that_failed_is_made_again() -> None:
    gc.collect()
    before = live_bytes()
    assert check_training(optim.Adam, captured=True) > 0
    gc.collect()
    assert live_bytes() == before


def test_a_network_and_its_frozen_plan() -> None:
    images = cygnet.tensor(
        np.random.default_rng(0).standard_normal((4, 1, 28, 28)), dtype=cygnet.float32
    )
    model = lenet().eval()
    with cygnet.no_grad():
        expected = model(images).numpy().copy()
    gc.collect()
    before = live_bytes()
    for nth in count(1):
        if not Failure(nth, lambda: cygnet.freeze(model, images)).came:
            break
        gc.collect()
        assert live_bytes() == before, nth
    assert nth > 3
    frozen = cygnet.freeze(model, images)
    for nth in count(1):
        if not Failure(nth, lambda: frozen(images)).came:
            break
        np.testing.assert_array_equal(frozen(images).numpy(), expected)
    np.testing.assert_array_equal(frozen(images).numpy(), expected)


EXHAUSTED = """
import gc, resource, sys
import numpy as np
import cygnet
from cygnet import kernels, nn, optim

cygnet.set_num_threads(2)
cygnet.manual_seed(0)
layers = nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 32 * 32, 10)
model = nn.Sequential(*layers)
optimizer = optim.Adam(model.parameters())

def step(count):
    optimizer.zero_grad()
    loss = model(cygnet.ones(count, 3, 32, 32)).square().mean()
    loss.backward()
    return loss.item()

expected = step(2)
optimizer.step()
optimizer.zero_grad()
expected = step(2)
kernels.empty_cache()
gc.collect()
before = kernels.memory_stats()["live_bytes"]
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
errors = 0
for room in range(0, 64 << 20, 1 << 20):
    resource.setrlimit(resource.RLIMIT_AS, (used + room, resource.RLIM_INFINITY))
    for call in (lambda: step(600), lambda: [cygnet.ones(1 << 18).tolist() for _ in range(64)],
                 lambda: [np.ones(1 << 18) for _ in range(64)]):
        try:
            call()
        except MemoryError:
            errors += 1
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2)
    optimizer.zero_grad()
    assert step(2) == expected, room
    kernels.empty_cache()
gc.collect()
print(errors, kernels.memory_stats()["live_bytes"] - before)
"""


@pytest.mark.skipif(SANITIZED, reason="sanitizers reserve terabytes")
def test_a_process_without_memory() -> None:
    """The limit of the system: the pool, NumPy, Python and C++ run out, whoever asks first."""
    child = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(EXHAUSTED)],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert child.returncode == 0, child.stderr
    errors, left = map(int, child.stdout.split())
    assert errors > 100
    assert left == 0
