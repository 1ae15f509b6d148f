"""PyTorch's side of a benchmark: eager, in its plain and its channels-last layout, and networks
compiled, in the latter.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch

from benchmarks.calls import calling, drawn, replaying
from benchmarks.frameworks import Workload, recurrent
from benchmarks.frameworks.shared import inferring, model_of, operating, training
from benchmarks.frameworks.torch_ops import DIRECT, PREPARED
from benchmarks.networks import NETWORKS, Array, batch_of
from benchmarks.operations import OPERATIONS
from benchmarks.recurrent import RECURRENT

KINDS = ("ops", "train", "infer", "calls", "replay")
COMPILING = 60  # seconds that a network may take to be compiled


def describe() -> dict[str, Any]:
    """Version and vector capability."""
    isa = torch.backends.cpu.get_cpu_capability()
    return {"framework": f"torch {torch.__version__}", "isa": isa}


def variants(kind: str, name: str) -> list[str]:
    """Both layouts of images, and what compiles them; recurrent layers it leaves as they are."""
    if kind in ("calls", "replay") or name in RECURRENT:
        return ["contiguous"]
    images = (OPERATIONS[name] if kind == "ops" else NETWORKS[name]).images
    layouts = ["contiguous", "channels_last"] if images else ["contiguous"]
    return layouts if kind == "ops" else [*layouts, "compile"]


def layout(tensor: torch.Tensor, variant: str) -> torch.Tensor:
    if variant != "contiguous" and tensor.ndim == 4:
        return tensor.contiguous(memory_format=torch.channels_last)
    return tensor


def limited(results: Callable[[], list[Array]]) -> Callable[[], list[Array]]:
    """The results, whose first run compiles, or an error when that takes too long."""

    def stop(*_: object) -> None:
        raise TimeoutError(f"it is not compiled after {COMPILING} s")

    def run() -> list[Array]:
        signal.signal(signal.SIGALRM, stop)
        signal.alarm(COMPILING)
        try:
            return results()
        finally:
            signal.alarm(0)

    return run


def build(
    kind: str, name: str, variant: str, threads: int, batch: int, seed: int,
    dtype: str,
) -> Workload:  # fmt: skip
    """The workload of that name."""
    torch.set_num_threads(threads)
    if kind == "ops":
        row = OPERATIONS[name]
        tensors = [
            layout(torch.from_numpy(a), variant if row.images else "contiguous")
            for a in row.draw(seed, dtype).values()
        ]
        return operating(row, tensors, PREPARED, DIRECT, torch)
    if kind == "calls":
        leaves = [torch.from_numpy(a).requires_grad_() for a in drawn(name, seed)]
        return Workload(*calling(name, torch, leaves))
    if kind == "replay":
        operands = [torch.from_numpy(a) for a in drawn(name, seed)]
        return Workload(*replaying(name, torch, operands, None))
    if name in RECURRENT:
        return recurrent.build(kind, RECURRENT[name], torch, batch, fused=True)
    network = NETWORKS[name]
    model = model_of(network, torch)
    if variant != "contiguous":
        model = model.to(memory_format=torch.channels_last)
    if variant == "compile":
        model = torch.compile(model)
    data = [layout(torch.from_numpy(a), variant) for a in batch_of(network, batch)]
    if kind == "infer":
        workload = inferring(torch, model, data[0])
    else:
        workload = training(network, torch, model, data, fused=True)
    if variant == "compile":
        return replace(workload, results=limited(workload.results))
    return workload
