"""What several tests train."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import cygnet
from cygnet import models, nn, optim


def lenet(dropout: float = 0.0) -> nn.Sequential:
    """LeNet-5 for (N, 1, 28, 28), with dropout before its last layer if asked for."""
    *layers, last = models.lenet((1, 28, 28))
    return nn.Sequential(*layers, *([nn.Dropout(dropout)] if dropout else []), last)


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
        value: float = loss.item()
        return value

    return step
