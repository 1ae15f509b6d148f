"""Single operations with the shapes of the networks: on which arrays, at what cost."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks.networks import Array


@dataclass(frozen=True)
class Operation:
    """An operation by PyTorch's name, with arrays that every framework draws alike."""

    op: str
    shapes: tuple[tuple[int, ...], ...]
    options: dict[str, Any] = field(default_factory=dict)
    flops: float = 0.0
    labels: int = 0  # the last array holds integers below it

    def arrays(self) -> list[Array]:
        generator = np.random.default_rng(3)
        arrays = [generator.standard_normal(shape).astype(np.float32) for shape in self.shapes]
        if self.labels:
            arrays[-1] = generator.integers(0, self.labels, self.shapes[-1])
        return arrays


def conv(batch: int, channels: int, filters: int, size: int, kernel: int) -> Operation:
    out = size - kernel + 1
    flops = 2.0 * batch * out * out * kernel * kernel * channels * filters
    shapes = ((batch, channels, size, size), (filters, channels, kernel, kernel), (filters,))
    return Operation("conv2d", shapes, flops=flops)


def linear(batch: int, inputs: int, outputs: int) -> Operation:
    return Operation(
        "linear",
        ((batch, inputs), (outputs, inputs), (outputs,)),
        flops=2.0 * batch * inputs * outputs,
    )


def gemm(n: int) -> Operation:
    return Operation("matmul", ((n, n), (n, n)), flops=2.0 * n**3)


OPERATIONS = {
    "gemm-64": gemm(64),
    "gemm-256": gemm(256),
    "gemm-1024": gemm(1024),
    "conv-lenet-1": conv(100, 1, 6, 28, 5),
    "conv-lenet-2": conv(100, 6, 16, 12, 5),
    "conv-cnn-1": conv(128, 1, 32, 28, 3),
    "conv-cnn-2": conv(128, 32, 64, 13, 3),
    "linear-mlp": linear(32, 784, 128),
    "linear-lenet": linear(100, 256, 120),
    "linear-cnn": linear(128, 1600, 64),
    "max-pool-lenet": Operation("max_pool2d", ((100, 6, 24, 24),), {"kernel_size": 2}),
    "max-pool-cnn": Operation("max_pool2d", ((128, 32, 26, 26),), {"kernel_size": 2}),
    "avg-pool-cnn": Operation("avg_pool2d", ((128, 32, 26, 26),), {"kernel_size": 2}),
    "relu-lenet": Operation("relu", ((100, 6, 24, 24),)),
    "relu-cnn": Operation("relu", ((128, 32, 26, 26),)),
    "tanh-cnn": Operation("tanh", ((128, 32, 26, 26),)),
    "sigmoid-cnn": Operation("sigmoid", ((128, 32, 26, 26),)),
    "exp-1M": Operation("exp", ((1000, 1000),)),
    "add-small": Operation("add", ((32, 128), (32, 128))),
    "add-1M": Operation("add", ((1000, 1000), (1000, 1000))),
    "add-row-1M": Operation("add", ((1000, 1000), (1000,))),
    "sum-1M": Operation("sum", ((1000, 1000),)),
    "sum-rows-1M": Operation("sum", ((1000, 1000),), {"dim": 0}),
    "softmax-1M": Operation("softmax", ((1000, 1000),), {"dim": -1}),
    "cross-entropy-lenet": Operation("cross_entropy", ((100, 10), (100,)), labels=10),
    "cross-entropy-1M": Operation("cross_entropy", ((1000, 1000), (1000,)), labels=1000),
}
