"""Small networks that the command line trains."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np

from cygnet import nn
from cygnet.tensor import Tensor

__all__ = ["Standardize", "lenet", "mlp"]


class Standardize(nn.Module):
    """(input - mean) / std with two fixed numbers, which are saved with the weights.

    Parameters
    ----------
    mean, std : float
        Of the inputs that the model is trained on. Defaults 0 and 1.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, mean: float = 0.0, std: float = 1.0) -> None:
        super().__init__()
        self.register_buffer("mean", np.array(mean, np.float32))
        self.register_buffer("std", np.array(std, np.float32))

    def forward(self, input: Tensor) -> Tensor:
        """The standardized input."""
        return (input - self.mean) / self.std


def lenet(input_shape: Sequence[int] = (1, 28, 28), classes: int = 10) -> nn.Sequential:
    """A convolutional network after LeNet-5, with ReLU and maximum pooling.

    Images of 20 pixels and more get LeNet-5 itself (6-16-120-84): two 5x5 convolutions, the first
    with two pixels of padding (the paper's digits of 28x28 stand in a field of 32x32), each with
    pooling, and three linear layers. Smaller ones get padded 3x3 convolutions.

    Parameters
    ----------
    input_shape : (channels, height, width)
        At least 4 pixels high and wide.
    classes : int, default 10

    Returns
    -------
    Sequential
        Maps (N, channels, height, width) to logits (N, classes).

    References
    ----------
    LeCun et al., "Gradient-based learning applied to document recognition", 1998.
    """
    channels, height, width = input_shape
    if min(height, width) < 4:
        raise ValueError(f"lenet: input_shape expected at least 4 by 4 pixels, got {input_shape}")
    if min(height, width) >= 20:
        side = [(size // 2 - 4) // 2 for size in (height, width)]
        features: list[nn.Module] = [
            nn.Conv2d(channels, 6, 5, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(6, 16, 5),
            nn.ReLU(),
            nn.MaxPool2d(2),
        ]
        sizes = [16 * math.prod(side), 120, 84]
    else:
        features = [
            nn.Conv2d(channels, 16, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(32, 64, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
        ]
        sizes = [64 * (height // 4) * (width // 4), 128]
    return nn.Sequential(*features, nn.Flatten(), *_dense(sizes, classes))


def mlp(
    input_shape: Sequence[int], classes: int = 10, hidden: Sequence[int] = (256, 128)
) -> nn.Sequential:
    """Linear layers with ReLU between them.

    Parameters
    ----------
    input_shape : sequence of int
        Shape of one sample; it is flattened.
    classes : int, default 10
    hidden : sequence of int, default (256, 128)
        Widths of the hidden layers.

    Returns
    -------
    Sequential
        Maps (N, \\*input_shape) to logits (N, classes).
    """
    return nn.Sequential(nn.Flatten(), *_dense([math.prod(input_shape), *hidden], classes))


def _dense(sizes: Sequence[int], classes: int) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for size, following in itertools.pairwise(sizes):
        layers += [nn.Linear(size, following), nn.ReLU()]
    return [*layers, nn.Linear(sizes[-1], classes)]
