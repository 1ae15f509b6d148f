"""The networks and data that are timed, in terms that every framework can build.

A network is a list of layers: ("conv", in, out, kernel), ("relu",), ("pool", kernel), ("flatten",),
("linear", in, out). Weights are drawn here, so that every framework starts from the same ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
Layer = tuple[Any, ...]


@dataclass(frozen=True)
class Network:
    """A network, the shape of one sample, the batch size and the optimizer."""

    layers: tuple[Layer, ...]
    sample: tuple[int, ...]
    batch: int
    optimizer: str  # "adam" (lr 1e-3) or "sgd" (lr 0.01, momentum 0.9)

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.batch, *self.sample)


LENET: tuple[Layer, ...] = (
    ("conv", 1, 6, 5), ("relu",), ("pool", 2), ("conv", 6, 16, 5), ("relu",), ("pool", 2),
    ("flatten",), ("linear", 256, 120), ("relu",), ("linear", 120, 84), ("relu",),
    ("linear", 84, 10),
)  # fmt: skip
CNN: tuple[Layer, ...] = (
    ("conv", 1, 32, 3), ("relu",), ("pool", 2), ("conv", 32, 64, 3), ("relu",), ("pool", 2),
    ("flatten",), ("linear", 1600, 64), ("relu",), ("linear", 64, 10),
)  # fmt: skip
MLP: tuple[Layer, ...] = (("linear", 784, 128), ("relu",), ("linear", 128, 10))

NETWORKS = {
    "mlp": Network(MLP, (784,), 32, "adam"),
    "lenet": Network(LENET, (1, 28, 28), 100, "sgd"),
    "lenet-adam": Network(LENET, (1, 28, 28), 100, "adam"),
    "cnn": Network(CNN, (1, 28, 28), 128, "adam"),
}


def weights_of(network: Network) -> list[Array]:
    """Weight and bias of each layer that has them, in order, float32."""
    generator = np.random.default_rng(1)
    arrays = []
    for kind, *sizes in network.layers:
        if kind in ("conv", "linear"):
            shape = (
                (sizes[1], sizes[0], sizes[2], sizes[2]) if kind == "conv" else (sizes[1], sizes[0])
            )
            bound = 1 / math.sqrt(math.prod(shape[1:]))
            arrays.append(generator.uniform(-bound, bound, shape).astype(np.float32))
            arrays.append(generator.uniform(-bound, bound, shape[0]).astype(np.float32))
    return arrays


def batch_of(network: Network) -> tuple[Array, Array]:
    """A batch of random samples and labels."""
    generator = np.random.default_rng(2)
    samples = generator.standard_normal(network.shape).astype(np.float32)
    return samples, generator.integers(0, 10, network.batch)


def flops_of(network: Network, training: bool) -> float:
    """Floating-point operations of the products of a forward pass, or of a training step.

    A step has the forward product and two gradients of each layer, the first layer only one.
    """
    total, size, first = 0.0, network.sample[-1], True
    for kind, *sizes in network.layers:
        if kind == "pool":
            size //= sizes[0]
        if kind not in ("conv", "linear"):
            continue
        work = 2.0 * network.batch * sizes[0] * sizes[1]
        if kind == "conv":
            size -= sizes[2] - 1
            work *= sizes[2] ** 2 * size**2
        total += work * ((2 if first else 3) if training else 1)
        first = False
    return total
