"""PyTorch's side of a benchmark: eager, in its plain and its channels-last layout."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.nn import functional

from benchmarks.frameworks import Workload
from benchmarks.networks import NETWORKS, Network, batch_of, weights_of
from benchmarks.operations import OPERATIONS

VARIANTS = ("", "channels_last")


def describe() -> dict[str, Any]:
    """Version and vector capability."""
    return {
        "framework": f"torch {torch.__version__}",
        "isa": torch.backends.cpu.get_cpu_capability(),
    }


def layout(tensor: torch.Tensor, variant: str) -> torch.Tensor:
    return (
        tensor.contiguous(memory_format=torch.channels_last)
        if variant and tensor.ndim == 4
        else tensor
    )


def model_of(network: Network, variant: str) -> torch.nn.Module:
    nn = torch.nn
    kinds = {
        "conv": nn.Conv2d,
        "linear": nn.Linear,
        "relu": nn.ReLU,
        "pool": nn.MaxPool2d,
        "flatten": nn.Flatten,
    }
    model = nn.Sequential(*(kinds[kind](*sizes) for kind, *sizes in network.layers))
    with torch.no_grad():
        for parameter, values in zip(model.parameters(), weights_of(network), strict=True):
            parameter.copy_(torch.from_numpy(values))
    return model.to(memory_format=torch.channels_last) if variant else model


def train(network: Network, variant: str) -> Workload:
    model, loss_of = model_of(network, variant), torch.nn.CrossEntropyLoss()
    samples, labels = (layout(torch.from_numpy(a), variant) for a in batch_of(network))
    if network.optimizer == "adam":
        optimizer: torch.optim.Optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    else:
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, fused=True)

    def step() -> torch.Tensor:
        optimizer.zero_grad()
        loss = loss_of(model(samples), labels)
        loss.backward()
        optimizer.step()
        return loss

    return Workload(step, lambda: [np.array([step().item() for _ in range(5)])])


def infer(network: Network, variant: str) -> Workload:
    model = model_of(network, variant)
    model.eval()
    samples = layout(torch.from_numpy(batch_of(network)[0]), variant)

    def forward() -> torch.Tensor:
        with torch.inference_mode():
            return model(samples)

    return Workload(forward, lambda: [forward().numpy().copy()])


def operation(name: str, variant: str) -> Workload:
    row = OPERATIONS[name]
    tensors = [layout(torch.from_numpy(a), variant) for a in row.arrays()]
    function = getattr(functional, row.op, None) or getattr(torch, row.op)

    def call() -> torch.Tensor:
        with torch.inference_mode():
            return function(*tensors, **row.options)

    return Workload(call, lambda: [call().numpy().copy()])


def build(kind: str, name: str, variant: str, threads: int) -> Workload:
    """The workload of that name."""
    torch.set_num_threads(threads)
    if kind == "ops":
        return operation(name, variant)
    return (train if kind == "train" else infer)(NETWORKS[name], variant)
