"""PyTorch's side of a benchmark: eager, in its plain and its channels-last layout; where there are
tokens, compiled as well.
"""

from __future__ import annotations

from typing import Any

import torch

from benchmarks.calls import calling, drawn
from benchmarks.frameworks import Workload, recurrent
from benchmarks.frameworks.shared import model_of, operating, training
from benchmarks.frameworks.torch_ops import DIRECT, PREPARED
from benchmarks.networks import NETWORKS, Network, batch_of
from benchmarks.operations import OPERATIONS
from benchmarks.recurrent import RECURRENT

KINDS = ("ops", "train", "infer", "calls")


def describe() -> dict[str, Any]:
    """Version and vector capability."""
    isa = torch.backends.cpu.get_cpu_capability()
    return {"framework": f"torch {torch.__version__}", "isa": isa}


def variants(kind: str, name: str) -> list[str]:
    """Both layouts of images; eager and compiled of what has none but tokens."""
    if kind == "calls" or name in RECURRENT:
        return ["contiguous"]
    if kind != "ops" and NETWORKS[name].tokens:
        return ["eager", "compile"]
    images = (OPERATIONS[name] if kind == "ops" else NETWORKS[name]).images
    return ["contiguous", "channels_last"] if images else ["contiguous"]


def layout(tensor: torch.Tensor, variant: str) -> torch.Tensor:
    if variant == "channels_last" and tensor.ndim == 4:
        return tensor.contiguous(memory_format=torch.channels_last)
    return tensor


def infer(network: Network, model: Any, samples: torch.Tensor) -> Workload:
    model.eval()

    def forward() -> Any:
        with torch.inference_mode():
            return model(samples)

    return Workload(forward, lambda: [forward().numpy().copy()])


def build(
    kind: str, name: str, variant: str, threads: int, batch: int, seed: int,
    dtype: str,
) -> Workload:  # fmt: skip
    """The workload of that name."""
    torch.set_num_threads(threads)
    if kind == "ops":
        row = OPERATIONS[name]
        tensors = [
            layout(torch.from_numpy(a), variant if row.images else "")
            for a in row.draw(seed, dtype).values()
        ]
        return operating(row, tensors, PREPARED, DIRECT, torch)
    if kind == "calls":
        leaves = [torch.from_numpy(a).requires_grad_() for a in drawn(name, seed)]
        return Workload(*calling(name, torch, leaves))
    if name in RECURRENT:
        return recurrent.build(kind, RECURRENT[name], torch, batch, fused=True)
    network = NETWORKS[name]
    model = model_of(network, torch)
    if variant == "channels_last":
        model = model.to(memory_format=torch.channels_last)
    if variant == "compile":
        model = torch.compile(model)
    data = [layout(torch.from_numpy(a), variant) for a in batch_of(network, batch)]
    if kind == "infer":
        return infer(network, model, data[0])
    return training(network, torch, model, data, fused=True)
