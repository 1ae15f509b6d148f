"""The networks and data that are timed, in terms that every framework can build.

A network is a tuple of layers. Weights are drawn here, so that every framework starts from the same
ones.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]
Shape: TypeAlias = tuple[int, ...]


@dataclass(frozen=True)
class Linear:
    inputs: int
    outputs: int
    bias: bool = True


@dataclass(frozen=True)
class Conv:
    """A convolution over images; `transposed` gives the one that enlarges."""

    inputs: int
    outputs: int
    kernel: int
    stride: int = 1
    padding: int = 0
    groups: int = 1
    bias: bool = True
    transposed: bool = False

    @property
    def weight_shape(self) -> Shape:
        first, second = self.outputs, self.inputs
        if self.transposed:
            first, second = second, first
        return (first, second // self.groups, self.kernel, self.kernel)

    def size(self, size: int) -> int:
        """Height or width of the result."""
        if self.transposed:
            return (size - 1) * self.stride - 2 * self.padding + self.kernel
        return (size + 2 * self.padding - self.kernel) // self.stride + 1


@dataclass(frozen=True)
class Norm:
    """Batch normalisation of images."""

    channels: int


@dataclass(frozen=True)
class Relu:
    pass


@dataclass(frozen=True)
class Pool:
    """The maximum of windows that do not overlap."""

    kernel: int


@dataclass(frozen=True)
class Average:
    """The mean of each channel; keeps two axes of size 1."""


@dataclass(frozen=True)
class Flatten:
    pass


@dataclass(frozen=True)
class Embedding:
    """A vector of each token's kind and one of its place, added."""

    vocabulary: int
    length: int
    width: int


@dataclass(frozen=True)
class LayerNorm:
    width: int


@dataclass(frozen=True)
class Gelu:
    pass


@dataclass(frozen=True)
class Attention:
    """Causal self-attention, with one projection before it and one behind."""

    width: int
    heads: int


@dataclass(frozen=True)
class Residual:
    """body(x) + shortcut(x); an empty shortcut is x."""

    body: tuple[Layer, ...]
    shortcut: tuple[Layer, ...] = ()


Layer: TypeAlias = (
    Linear | Conv | Norm | Relu | Pool | Average | Flatten | Residual
    | Embedding | LayerNorm | Gelu | Attention
)  # fmt: skip


@dataclass(frozen=True)
class Network:
    """A network, the shape of one sample, the batch size of training and the optimizer."""

    layers: tuple[Layer, ...]
    sample: Shape
    batch: int
    optimizer: str  # "adam", "adamw" (lr 1e-3) or "sgd" (lr 0.01, momentum 0.9)
    loss: str = "cross entropy"  # of 10 classes; or "binary cross entropy" with logits, of pixels
    tokens: int = 0  # kinds of tokens that samples are made of, and the classes of each

    @property
    def images(self) -> bool:
        return len(self.sample) == 3


def lenet(optimizer: str) -> Network:
    layers = (
        Conv(1, 6, 5), Relu(), Pool(2), Conv(6, 16, 5), Relu(), Pool(2), Flatten(),
        Linear(256, 120), Relu(), Linear(120, 84), Relu(), Linear(84, 10),
    )  # fmt: skip
    return Network(layers, (1, 28, 28), 100, optimizer)


def normed(conv: Conv) -> tuple[Layer, ...]:
    return (conv, Norm(conv.outputs))


def resnet18() -> Network:
    """He et al., "Deep residual learning for image recognition", 2015, with the stem for CIFAR."""
    layers: list[Layer] = [*normed(Conv(3, 64, 3, 1, 1, bias=False)), Relu()]
    channels = 64
    for outputs in (64, 128, 256, 512):
        for _ in range(2):
            stride = 1 if outputs == 64 or outputs == channels else 2
            first = normed(Conv(channels, outputs, 3, stride, 1, bias=False))
            second = normed(Conv(outputs, outputs, 3, 1, 1, bias=False))
            shortcut: tuple[Layer, ...] = ()
            if outputs != channels:
                shortcut = normed(Conv(channels, outputs, 1, stride, bias=False))
            layers += [Residual((*first, Relu(), *second), shortcut), Relu()]
            channels = outputs
    return Network((*layers, Average(), Flatten(), Linear(512, 10)), (3, 32, 32), 64, "sgd")


def mobile() -> Network:
    """Depthwise-separable blocks: Howard et al., "MobileNets", 2017."""
    layers: list[Layer] = [*normed(Conv(3, 32, 3, 2, 1, bias=False)), Relu()]
    for inputs, outputs in ((32, 64), (64, 128), (128, 256)):
        stride = 1 if inputs == 32 else 2
        depthwise = Conv(inputs, inputs, 3, stride, 1, groups=inputs, bias=False)
        layers += [*normed(depthwise), Relu()]
        layers += [*normed(Conv(inputs, outputs, 1, bias=False)), Relu()]
    return Network((*layers, Average(), Flatten(), Linear(256, 10)), (3, 64, 64), 32, "sgd")


def gpt(vocabulary: int, length: int, layers: int, width: int, heads: int) -> Network:
    """Radford et al., "Improving language understanding by generative pre-training", 2018, with
    normalisation before each block.
    """
    block: tuple[Layer, ...] = (
        Residual((LayerNorm(width), Attention(width, heads))),
        Residual((LayerNorm(width), Linear(width, 4 * width), Gelu(), Linear(4 * width, width))),
    )
    head = (LayerNorm(width), Linear(width, vocabulary, bias=False))
    chain: tuple[Layer, ...] = (Embedding(vocabulary, length, width), *block * layers, *head)
    return Network(chain, (length,), 16, "adamw", tokens=vocabulary)


NETWORKS = {
    "mlp": Network((Linear(784, 128), Relu(), Linear(128, 10)), (784,), 32, "adam"),
    "lenet": lenet("sgd"),
    "lenet-adam": lenet("adam"),
    "cnn": Network(
        (Conv(1, 32, 3), Relu(), Pool(2), Conv(32, 64, 3), Relu(), Pool(2), Flatten(),
         Linear(1600, 64), Relu(), Linear(64, 10)),
        (1, 28, 28), 128, "adam",
    ),
    "resnet18": resnet18(),
    "autoencoder": Network(
        (Conv(1, 16, 3, 2, 1), Relu(), Conv(16, 32, 3, 2, 1), Relu(),
         Conv(32, 16, 4, 2, 1, transposed=True), Relu(), Conv(16, 1, 4, 2, 1, transposed=True)),
        (1, 28, 28), 64, "adam", "binary cross entropy",
    ),
    "mobile": mobile(),
    "gpt": gpt(65, 64, 4, 128, 4),
}  # fmt: skip


def flat(layers: tuple[Layer, ...]) -> Iterator[Layer]:
    """The layers in the order in which frameworks list their parameters."""
    for layer in layers:
        if isinstance(layer, Residual):
            yield from flat(layer.body)
            yield from flat(layer.shortcut)
        else:
            yield layer


def output_shape(layer: Layer, shape: Shape) -> Shape:
    """The shape of a layer's result, from that of its input."""
    match layer:
        case Linear():
            return (*shape[:-1], layer.outputs)
        case Conv():
            return (shape[0], layer.outputs, layer.size(shape[2]), layer.size(shape[3]))
        case Pool():
            return (*shape[:2], shape[2] // layer.kernel, shape[3] // layer.kernel)
        case Average():
            return (*shape[:2], 1, 1)
        case Flatten():
            return (shape[0], math.prod(shape[1:]))
        case Embedding():
            return (*shape, layer.width)
        case Residual():
            for inner in layer.body:
                shape = output_shape(inner, shape)
    return shape


def parameter_shapes(layer: Layer) -> list[Shape]:
    """Weight and bias, as PyTorch has them."""
    match layer:
        case Linear():
            return [(layer.outputs, layer.inputs)] + [(layer.outputs,)] * layer.bias
        case Conv():
            return [layer.weight_shape] + [(layer.outputs,)] * layer.bias
        case Norm():
            return [(layer.channels,)] * 2
        case LayerNorm():
            return [(layer.width,)] * 2
        case Embedding():
            return [(layer.vocabulary, layer.width), (layer.length, layer.width)]
        case Attention():
            width = layer.width
            return [(3 * width, width), (3 * width,), (width, width), (width,)]
    return []


def weights_of(network: Network) -> list[Array]:
    """The parameters of each layer that has some, in order, float32."""
    generator = np.random.default_rng(1)
    arrays = []
    for layer in flat(network.layers):
        shapes = parameter_shapes(layer)
        for shape in shapes:
            bound = 1 / math.sqrt(math.prod(shapes[0][1:]))
            # A scale of normalisation lies around 1.
            low, high = (0.5, 1.5) if isinstance(layer, Norm | LayerNorm) else (-bound, bound)
            arrays.append(generator.uniform(low, high, shape).astype(np.float32))
    return arrays


def channels_last_weights(network: Network) -> list[Array]:
    """The same for frameworks with images (N, H, W, C): filters (h, w, in / groups, out), of a
    transposed convolution (h, w, out, in), and matrices (in, out), rows as such images are flat.
    """
    weights = iter(weights_of(network))
    arrays = []
    shape: Shape = (1, *network.sample)
    image = shape  # before it was flat
    for layer in network.layers:
        image = shape if isinstance(layer, Flatten) else image
        shape = output_shape(layer, shape)
        for inner in flat((layer,)):
            values = [next(weights) for _ in parameter_shapes(inner)]
            if isinstance(inner, Conv):
                values[0] = values[0].transpose(2, 3, 1, 0)
            elif isinstance(inner, Linear):
                if math.prod(image) == inner.inputs:
                    moved = np.moveaxis(values[0].reshape(inner.outputs, *image[1:]), 1, -1)
                    values[0] = moved.reshape(inner.outputs, inner.inputs)
                values[0] = values[0].T
            arrays += [np.ascontiguousarray(v) for v in values]
    return arrays


def batch_of(network: Network, batch: int) -> tuple[Array, Array]:
    """Random samples, and labels or target images with values in [0, 1)."""
    generator = np.random.default_rng(2)
    if network.tokens:
        samples, targets = generator.integers(0, network.tokens, (2, batch, *network.sample))
        return samples, targets
    samples = generator.standard_normal((batch, *network.sample)).astype(np.float32)
    if network.loss == "cross entropy":
        return samples, generator.integers(0, 10, batch)
    return samples, generator.random(samples.shape).astype(np.float32)
