"""The same seed gives the same bits, whatever the number of threads."""

from __future__ import annotations

import numpy as np

import cygnet
from cygnet import kernels
from tests.networks import lenet, lenet_step


def weights_after(steps: int, threads: int, seed: int = 3) -> list[np.ndarray]:
    kernels.set_num_threads(threads)
    cygnet.manual_seed(seed)
    model = lenet(dropout=0.25)
    step = lenet_step(model, batch=16)
    for _ in range(steps):
        step()
    return [p.detach().numpy().copy() for p in model.parameters()]


def test_100_lenet_steps_give_the_same_bits_with_1_2_and_3_threads() -> None:
    one = weights_after(100, 1)
    assert all(np.isfinite(w).all() for w in one)
    for threads in (1, 2, 3):
        for a, b in zip(weights_after(100, threads), one, strict=True):
            np.testing.assert_array_equal(a, b)


def test_another_seed_gives_other_weights() -> None:
    a, b = weights_after(1, 1, seed=3), weights_after(1, 1, seed=4)
    assert any((x != y).any() for x, y in zip(a, b, strict=True))
