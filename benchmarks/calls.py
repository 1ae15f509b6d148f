"""What one call costs beyond its arithmetic: ops on tensors of 8x8, forward and backward.

Cygnet and PyTorch share their names, so one table serves both.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benchmarks.networks import Array

# name: shapes of the differentiable tensors, and the op; `torch` is either package.
CALLS: dict[str, tuple[tuple[tuple[int, ...], ...], Callable[..., Any]]] = {
    "add": (((8, 8), (8, 8)), lambda torch, x, y: x + y),
    "matmul": (((8, 8), (8, 8)), lambda torch, x, y: x @ y),
    "relu": (((8, 8),), lambda torch, x: torch.nn.functional.relu(x)),
    "linear": (((8, 8), (8, 8), (8,)), lambda torch, *a: torch.nn.functional.linear(*a)),
    "conv2d": (
        ((1, 8, 8, 8), (8, 8, 3, 3), (8,)),
        lambda torch, *a: torch.nn.functional.conv2d(*a),
    ),
    "cross_entropy": (
        ((8, 8),),
        lambda torch, x: torch.nn.functional.cross_entropy(x, torch.arange(8)),
    ),
}


# The op whose replay is timed: what a replay costs beyond its kernels.
REPLAYED = {"add": CALLS["add"]}


def drawn(name: str, seed: int) -> list[Array]:
    """The arrays of a call, the same for every framework."""
    generator = np.random.default_rng(seed)
    return [generator.standard_normal(shape).astype(np.float32) for shape in CALLS[name][0]]


def calling(name: str, torch: Any, leaves: list[Any]) -> tuple[Callable[[], Any], Any]:
    """A run of the op and its backward, and a function that gives result and gradients."""
    op = CALLS[name][1]
    seed = torch.ones_like(op(torch, *leaves)).detach()

    def run() -> Any:
        for leaf in leaves:
            leaf.grad = None
        result = op(torch, *leaves)
        result.backward(seed)
        return result

    def results() -> list[Array]:
        result = run().detach().numpy()
        return [result, *(leaf.grad.numpy() for leaf in leaves)]

    return run, results


def replaying(
    name: str, torch: Any, operands: list[Any], capture: Callable[..., Any] | None
) -> tuple[Callable[[], Any], Any]:
    """A run of the op alone, without gradients, through `capture` where there is one."""
    op = partial(CALLS[name][1], torch)
    run = partial(capture(op) if capture else op, *operands)
    return run, lambda: [run().numpy()]
