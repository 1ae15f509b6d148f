"""The least time that a network's kernels can take on a machine.

A step is a list of kernels: of each layer the forward pass and the gradients of its parameters and
of its input (but for the first layer, whose input needs none), the loss, and the optimizer. Each
kernel must read its inputs and write its results once, in float32, whatever lies in a cache, and do
its multiply-adds; it takes max(FLOPs / peak, bytes / copy bandwidth). Only what the modules fuse is
fused: a bias, the ReLU right after a linear layer, convolution or normalisation, and the ReLU right
before a maximum pooling. So:

================  ==========================  ==================================================
kernel            FLOPs                       elements moved (x input, y output, w weight)
================  ==========================  ==================================================
linear, conv      2 y (inputs of an output)   forward x + w + y; input y + w + x; weight y + x + w
batch norm        none                        forward 2 x + y (statistics first); backward 4 x + y
relu              none                        forward x + y, fused 0; backward 2 y + x, fused into
                                              linear y (its sign), into batch norm 0;
                                              before max pooling 0
max pooling       none                        forward x + y + i; backward y + i + x; i = y bytes
average           none                        forward x + y; backward y + x
layer norm        none                        forward x + y; backward 2 x + y
gelu              none                        forward x + y; backward 2 x + y
embedding         none                        forward 2 y; backward 2 y
attention         2 x keys, half of them      forward 4 x, backward 8 x, beside two linear layers
residual          none                        forward 3 y; backward 3 x (two gradients are added)
loss              none                        forward x + t; backward 2 x + t
adam(w), sgd      none                        7 and 5 a parameter
================  ==========================  ==================================================

A net that fits the caches can be faster than this: copy bandwidth is that of memory.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks import recurrent
from benchmarks.machine import Machine
from benchmarks.networks import (
    Attention,
    Average,
    Conv,
    Embedding,
    Gelu,
    Layer,
    LayerNorm,
    Linear,
    Network,
    Norm,
    Pool,
    Relu,
    Residual,
    Shape,
    flat,
    output_shape,
    parameter_shapes,
)


@dataclass(frozen=True)
class Kernel:
    name: str
    flops: float
    bytes: float

    def seconds(self, machine: Machine) -> float:
        return machine.limit(self.flops, self.bytes)


def layer_kernels(
    layer: Layer,
    before: Layer | None,
    after: Layer | None,
    shape: Shape,
    training: bool,
    need_input: bool,
) -> Iterator[Kernel]:
    """The kernels of a layer; `need_input`: whether the gradient of its input is needed."""
    x, y = math.prod(shape), math.prod(output_shape(layer, shape))
    name = type(layer).__name__.lower()

    def kernels(forward: float, backward: float) -> Iterator[Kernel]:
        yield Kernel(f"{name} forward", 0.0, 4.0 * forward)
        if training and need_input:
            yield Kernel(f"{name} backward", 0.0, 4.0 * backward)

    match layer:
        case Linear() | Conv():
            weight = math.prod(parameter_shapes(layer)[0])
            if isinstance(layer, Linear):
                flops = 2.0 * y * layer.inputs
            else:  # each position of a transposed convolution's input meets the whole kernel
                positions = (
                    math.prod(shape[2:]) if layer.transposed else y / layer.outputs / shape[0]
                )
                flops = 2.0 * shape[0] * positions * weight
            moved = 4.0 * (x + weight + y)
            yield Kernel(f"{name} forward", flops, moved)
            if training:
                yield Kernel(f"{name} backward weight", flops, moved)
                if need_input:
                    yield Kernel(f"{name} backward input", flops, moved)
        case Norm():
            yield from kernels(3 * x if training else 2 * x, 5 * x)
        case Relu() if isinstance(after, Pool):
            yield from kernels(0, 0)
        case Relu():
            fused = isinstance(before, Linear | Conv | Norm)
            backward = {Linear: y, Norm: 0}.get(type(before), 2 * y + x)
            yield from kernels(0 if fused else x + y, backward)
        case Pool():
            yield from kernels(x + 1.25 * y if training else x + y, 1.25 * y + x)
        case Average():
            yield from kernels(x + y, y + x)
        case LayerNorm() | Gelu():
            yield from kernels(x + y, 2 * x + y)
        case Embedding():
            yield Kernel("embedding forward", 0.0, 8.0 * y)
            if training:
                yield Kernel("embedding backward", 0.0, 8.0 * y)
        case Attention():
            inner = (*shape[:-1], 3 * layer.width)
            first, last = Linear(layer.width, 3 * layer.width), Linear(layer.width, layer.width)
            yield from layer_kernels(first, None, None, shape, training, need_input)
            flops = 2.0 * x * shape[-2]  # half of the keys, in two products
            yield Kernel("attention forward", flops, 4.0 * (math.prod(inner) + y))
            if training:
                yield Kernel("attention backward", 2.5 * flops, 8.0 * (math.prod(inner) + y))
            yield from layer_kernels(last, None, None, shape, training, True)
        case Residual():
            for path in (layer.body, layer.shortcut):
                yield from chain_kernels(path, shape, training, need_input)
            yield from kernels(3 * y, 3 * x)


def chain_kernels(
    layers: tuple[Layer, ...], shape: Shape, training: bool, need_input: bool
) -> Iterator[Kernel]:
    for before, layer, after in zip((None, *layers), layers, (*layers[1:], None), strict=False):
        yield from layer_kernels(layer, before, after, shape, training, need_input)
        need_input = need_input or bool(parameter_shapes(layer))
        shape = output_shape(layer, shape)


def kernels_of(network: Network, batch: int, training: bool) -> list[Kernel]:
    """The kernels of a training step, or of a forward pass."""
    shape = (batch, *network.sample)
    kernels = list(chain_kernels(network.layers, shape, training, need_input=False))
    if training:
        for layer in network.layers:
            shape = output_shape(layer, shape)
        scores = math.prod(shape)
        targets = 2 * batch if network.loss == "cross entropy" else scores
        kernels.append(Kernel("loss forward", 0.0, 4.0 * (scores + targets)))
        kernels.append(Kernel("loss backward", 0.0, 4.0 * (2 * scores + targets)))
        parameters = sum(
            math.prod(s) for layer in flat(network.layers) for s in parameter_shapes(layer)
        )
        times = 7.0 if network.optimizer.startswith("adam") else 5.0
        kernels.append(Kernel(network.optimizer, 0.0, 4.0 * times * parameters))
    return kernels


def recurrent_kernels_of(row: recurrent.Recurrent, batch: int, training: bool) -> Iterator[Kernel]:
    """The kernels of a recurrent network, over the steps that its sequences have: the products of
    inputs and states of a layer together, the scores, the loss and the optimizer.
    """
    steps = int(recurrent.lengths_of(row, batch).sum())

    def product(name: str, inputs: int, outputs: int, weight: int) -> Iterator[Kernel]:
        flops, moved = 2.0 * steps * weight, 4.0 * (steps * (inputs + outputs) + weight)
        yield Kernel(f"{name} forward", flops, moved)
        if training:
            yield Kernel(f"{name} backward input", flops, moved)
            yield Kernel(f"{name} backward weight", flops, moved)

    yield Kernel("embedding", 0.0, (4.0 if training else 2.0) * 4 * steps * row.embedding)
    for layer in range(row.layers):
        shapes = recurrent.layer_shapes(row, layer)[:2]
        weight = row.directions * sum(map(math.prod, shapes))
        outputs = row.directions * row.hidden
        yield from product(row.cell, row.inputs(layer), outputs, weight)
    hidden = row.directions * row.hidden
    yield from product("scores", hidden, row.vocabulary, hidden * row.vocabulary)
    if training:
        parameters = sum(math.prod(shape) for shape in recurrent.parameter_shapes(row))
        yield Kernel("loss", 0.0, 4.0 * 3 * steps * row.vocabulary)
        yield Kernel("adam", 0.0, 4.0 * 7 * parameters)
