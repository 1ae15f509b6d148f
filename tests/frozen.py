"""Models to be frozen, and what is compared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import cygnet as cn
import cygnet.nn.functional as F
from cygnet import nn


def settled(model: nn.Module, *shape: int) -> nn.Module:
    """The model with other running statistics than it began with."""
    cn.manual_seed(1)
    for module in model.modules():
        for name, tensor in [*module.named_parameters(recurse=False)]:
            if "Norm" in type(module).__name__:
                with cn.no_grad():
                    tensor.add_(
                        cn.rand(*tensor.shape) if name == "weight" else cn.randn(*tensor.shape)
                    )
    model.train()
    with cn.no_grad():
        for _ in range(2):
            model(cn.randn(8, *shape) * 2 + 1)
    return model.eval()


def eager(model: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    with cn.no_grad():
        return model(*args, **kwargs)


def assert_near(actual: Any, expected: Any, tolerance: float = 1e-5) -> None:
    a, e = np.asarray(actual), np.asarray(expected)
    assert a.shape == e.shape and a.dtype == e.dtype
    assert np.abs(a - e).max() <= tolerance * np.abs(e).max()


def frozen(model: nn.Module, x: Any) -> Any:
    """The model's plan, which gives what the model does."""
    plan = cn.freeze(model, x)
    assert_near(plan(x), eager(model, x))
    return plan


def ops(plan: Any) -> list[str]:
    return [call[0] for call in plan.profile(runs=1).calls]


class Plain(nn.Module):
    """A block as users write them."""

    def __init__(self, convolution: type[nn.Module], norm: type[nn.Module], **options: Any) -> None:
        super().__init__()
        self.conv1 = convolution(4, 8, 3, **options)
        self.bn1 = norm(8)
        self.conv2 = convolution(8, 8, 1)
        self.bn2 = norm(8)

    def forward(self, x: Any) -> Any:
        x = F.relu(self.bn1(self.conv1(x)))
        return self.bn2(self.conv2(x))


class Residual(nn.Module):
    """He et al., "Deep residual learning for image recognition", 2015."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.shortcut = nn.Sequential()
        if stride != 1:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: Any) -> Any:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += self.shortcut(x)
        return self.relu(out)


def model_of(forward: Callable[..., Any], **members: Any) -> nn.Module:
    """A module with this forward and these members."""

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            for name, value in members.items():
                setattr(self, name, value)

        def forward(self, *args: Any, **kwargs: Any) -> Any:
            return forward(self, *args, **kwargs)

    return Model()
