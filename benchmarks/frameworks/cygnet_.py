"""Cygnet's side of a benchmark."""

from __future__ import annotations

from typing import Any

import numpy as np

import cygnet
from benchmarks.frameworks import Workload
from benchmarks.networks import NETWORKS, Array, Network, batch_of, weights_of
from benchmarks.operations import OPERATIONS
from cygnet import kernels, nn, optim

VARIANTS = ("",)


def describe() -> dict[str, Any]:
    """What is known of the build."""
    return {"framework": "cygnet", **kernels.build_info()}


def model_of(network: Network) -> nn.Sequential:
    layers: list[nn.Module] = []
    for kind, *sizes in network.layers:
        layers.append(
            {
                "conv": nn.Conv2d,
                "linear": nn.Linear,
                "relu": nn.ReLU,
                "pool": nn.MaxPool2d,
                "flatten": nn.Flatten,
            }[kind](*sizes)
        )
    model = nn.Sequential(*layers)
    for parameter, values in zip(model.parameters(), weights_of(network), strict=True):
        parameter.detach().numpy()[...] = values
    return model


def train(network: Network) -> Workload:
    model, loss_of = model_of(network), nn.CrossEntropyLoss()
    samples, labels = (cygnet.tensor(a) for a in batch_of(network))
    optimizer: Any
    if network.optimizer == "adam":
        optimizer = optim.Adam(model.parameters(), lr=1e-3)
    else:
        optimizer = optim.SGD(model.parameters(), lr=0.01, momentum=0.9)

    def step() -> cygnet.Tensor:
        optimizer.zero_grad()
        loss = loss_of(model(samples), labels)
        loss.backward()
        optimizer.step()
        return loss

    return Workload(step, lambda: [np.array([step().item() for _ in range(5)])])


def infer(network: Network) -> Workload:
    model = model_of(network)
    model.eval()
    samples = cygnet.tensor(batch_of(network)[0])

    def forward() -> Array:
        with cygnet.no_grad():
            return model(samples).numpy()

    return Workload(forward, lambda: [forward().copy()])


def operation(name: str) -> Workload:
    row = OPERATIONS[name]
    function = getattr(cygnet, row.op)
    tensors = [cygnet.tensor(a) for a in row.arrays()]
    tensors = [channels_last(t) for t in tensors]

    def call() -> cygnet.Tensor:
        with cygnet.no_grad():
            return function(*tensors, **row.options)

    return Workload(call, lambda: [call().numpy().copy()])


def channels_last(tensor: cygnet.Tensor) -> cygnet.Tensor:
    """Images in the layout that layers pass on to each other."""
    array = tensor.numpy()
    if array.ndim != 4:
        return tensor
    return cygnet.Tensor(np.moveaxis(np.ascontiguousarray(np.moveaxis(array, 1, -1)), -1, 1))


def build(kind: str, name: str, variant: str, threads: int) -> Workload:
    """The workload of that name."""
    del variant
    cygnet.set_num_threads(threads)
    if kind == "ops":
        return operation(name)
    return (train if kind == "train" else infer)(NETWORKS[name])
