"""Cygnet's side of a benchmark."""

from __future__ import annotations

from typing import Any

import cygnet
from benchmarks.calls import calling, drawn
from benchmarks.frameworks import Workload, recurrent
from benchmarks.frameworks.cygnet_ops import DIRECT, PREPARED, channels_last
from benchmarks.frameworks.shared import model_of, operating, training
from benchmarks.networks import NETWORKS, Array, Network, batch_of
from benchmarks.operations import OPERATIONS, Operation
from benchmarks.recurrent import RECURRENT
from cygnet import kernels

KINDS = ("ops", "train", "infer", "calls")


def describe() -> dict[str, Any]:
    """What is known of the build."""
    return {"framework": "cygnet", **kernels.build_info()}


def variants(kind: str, name: str) -> list[str]:
    return [""]


def infer(network: Network, batch: int) -> Workload:
    model = model_of(network, cygnet)
    model.eval()
    samples = cygnet.tensor(batch_of(network, batch)[0])

    def forward() -> Array:
        with cygnet.no_grad():
            result: Array = model(samples).numpy()
            return result

    return Workload(forward, lambda: [forward().copy()])


def operation(row: Operation, seed: int, dtype: str) -> Workload:
    """Images but for weights are channels-last, as layers pass them on."""
    tensors = [
        cygnet.as_tensor(channels_last(a) if row.images and name in ("grad", "input") else a)
        for name, a in row.draw(seed, dtype).items()
    ]
    return operating(row, tensors, PREPARED, DIRECT, cygnet)


def build(
    kind: str, name: str, variant: str, threads: int, batch: int, seed: int,
    dtype: str,
) -> Workload:  # fmt: skip
    """The workload of that name."""
    del variant
    cygnet.set_num_threads(threads)
    if kind == "ops":
        return operation(OPERATIONS[name], seed, dtype)
    if kind == "calls":
        leaves = [cygnet.from_numpy(a).requires_grad_() for a in drawn(name, seed)]
        return Workload(*calling(name, cygnet, leaves))
    if name in RECURRENT:
        return recurrent.build(kind, RECURRENT[name], cygnet, batch)
    network = NETWORKS[name]
    if kind == "infer":
        return infer(network, batch)
    data = [cygnet.tensor(a) for a in batch_of(network, batch)]
    return training(network, cygnet, model_of(network, cygnet), data)
