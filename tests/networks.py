"""The small networks that several tests train."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import cygnet
from cygnet import nn, optim


def lenet(dropout: float = 0.0) -> nn.Sequential:
    """LeNet-5 (6-16-120-84-10) for (N, 1, 28, 28)."""
    return nn.Sequential(
        nn.Conv2d(1, 6, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(256, 120),
        nn.ReLU(),
        *([nn.Dropout(dropout)] if dropout else []),
        nn.Linear(120, 84),
        nn.ReLU(),
        nn.Linear(84, 10),
    )


def lenet_step(model: nn.Module, batch: int = 20) -> Callable[[], float]:
    """One SGD step on a fixed batch of random images; gives the loss."""
    generator = np.random.default_rng(0)
    images = cygnet.tensor(generator.standard_normal((batch, 1, 28, 28)).astype(np.float32))
    target = cygnet.tensor(generator.integers(0, 10, batch))
    loss_of = nn.CrossEntropyLoss()
    optimizer = optim.SGD(model.parameters(), lr=0.05, momentum=0.9)

    def step() -> float:
        optimizer.zero_grad()
        loss = loss_of(model(images), target)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step
