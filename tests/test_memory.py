"""Memory of a training step: no page faults, nothing left behind, long chains."""

from __future__ import annotations

import gc
import resource

import pytest

import cygnet
from cygnet import kernels
from tests.fuzz.memory import SANITIZED
from tests.networks import lenet, lenet_step


def page_faults() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


@pytest.mark.skipif(SANITIZED, reason="the sanitizer touches pages of its own")
def test_page_faults_of_a_training_step() -> None:
    step = lenet_step(lenet(), batch=100)
    for _ in range(10):
        step()
    counts = []
    for _ in range(30):
        before = page_faults()
        step()
        counts.append(page_faults() - before)
    # Some other thread of the process may touch a page, so one step of thirty may stand out.
    assert sorted(counts)[-2] <= 5, counts


def test_a_training_step_leaves_nothing_behind_without_the_collector() -> None:
    step = lenet_step(lenet(dropout=0.3))
    gc.collect()
    gc.disable()
    try:
        for _ in range(3):
            step()
        before = kernels.memory_stats()["live_bytes"]
        for _ in range(5):
            step()
        assert kernels.memory_stats()["live_bytes"] == before
    finally:
        gc.enable()


def test_20000_chained_ops() -> None:
    x = cygnet.tensor([1.0, 2.0], requires_grad=True)
    y = x
    for _ in range(20_000):
        y = y + 1.0
    y.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [1.0, 1.0]
    del y  # taking the chain apart is iterative too
