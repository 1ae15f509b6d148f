"""Cygnet's side of a benchmark."""

from __future__ import annotations

from typing import Any

import cygnet
from benchmarks.calls import calling, drawn, replaying
from benchmarks.frameworks import Workload, recurrent
from benchmarks.frameworks.cygnet_ops import DIRECT, PREPARED, channels_last
from benchmarks.frameworks.shared import inferring, model_of, operating, training
from benchmarks.networks import NETWORKS, batch_of
from benchmarks.operations import OPERATIONS, Operation
from benchmarks.recurrent import RECURRENT
from cygnet import kernels

KINDS = ("ops", "train", "infer", "calls", "replay")
PLANS = {"captured": cygnet.capture, "frozen": cygnet.freeze}


def describe() -> dict[str, Any]:
    """What is known of the build."""
    return {"framework": "cygnet", **kernels.build_info()}


def variants(kind: str, name: str) -> list[str]:
    """The first counts; a step that reads the lengths of its sequences cannot be captured."""
    if kind in ("ops", "calls") or (name in RECURRENT and RECURRENT[name].lengths):
        return ["eager"]
    return ["frozen" if kind == "infer" else "captured", "eager"]


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
    plan = PLANS.get(variant)
    cygnet.set_num_threads(threads)
    if kind == "ops":
        return operation(OPERATIONS[name], seed, dtype)
    if kind == "calls":
        leaves = [cygnet.from_numpy(a).requires_grad_() for a in drawn(name, seed)]
        return Workload(*calling(name, cygnet, leaves))
    if kind == "replay":
        return Workload(
            *replaying(name, cygnet, [cygnet.tensor(a) for a in drawn(name, seed)], plan)
        )
    if name in RECURRENT:
        return recurrent.build(kind, RECURRENT[name], cygnet, batch, plan)
    network = NETWORKS[name]
    model = model_of(network, cygnet)
    data = [cygnet.tensor(a) for a in batch_of(network, batch)]
    if kind == "infer":
        return inferring(cygnet, model, data[0], plan)
    return training(network, cygnet, model, data, plan)
