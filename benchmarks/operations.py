"""Single operations: on which arrays, with how many FLOPs, and how many bytes must move.

Gradients are rows of their own. A row that computes products counts its multiply-adds; any other
counts one operation an element, which is far below its bandwidth. Bytes are those that an operation
must read and write when its arrays lie in memory; "512KB" rows fit the caches and can exceed that.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks.networks import NETWORKS, Array, Conv, Shape, flat, parameter_shapes


@dataclass(frozen=True)
class Operation:
    """An operation with named arrays that every framework draws alike."""

    op: str
    arrays: Mapping[str, Shape]
    flops: float
    bytes: float
    options: dict[str, Any] = field(default_factory=dict)
    images: bool = False  # channels-last memory makes sense

    def draw(self, seed: int = 3, dtype: str = "float32") -> dict[str, Array]:
        """Normal numbers; labels of the last axis of `input`; indices in random order."""
        generator = np.random.default_rng(seed)
        drawn: dict[str, Array] = {}
        for name, shape in self.arrays.items():
            if name == "labels":
                drawn[name] = generator.integers(0, self.arrays["input"][-1], shape)
            elif name == "indices":  # each row of the table once
                drawn[name] = generator.permutation(*shape)
            else:
                values = generator.standard_normal(shape, np.float32).astype(dtype)
                drawn[name] = abs(values) + 0.1 if name == "positive" else values
        return drawn

    @property
    def compared(self) -> bool:
        """Whether frameworks must agree: each draws its own random numbers."""
        return self.op != "dropout"


def gemm(n: int) -> Operation:
    return Operation("matmul", {"a": (n, n), "b": (n, n)}, 2.0 * n**3, 12.0 * n**2)


def linear_rows(batch: int, inputs: int, outputs: int) -> dict[str, Operation]:
    """With bias and ReLU; the gradient is that of all three."""
    x, w, y = (batch, inputs), (outputs, inputs), (batch, outputs)
    flops = 2.0 * batch * inputs * outputs
    elements = [math.prod(s) for s in (x, w, y)]
    name = f"linear-{batch}-{inputs}-{outputs}"
    arrays = {"input": x, "weight": w, "bias": (outputs,)}
    saved = {"grad": y, "input": x, "weight": w, "output": y}
    return {
        f"{name}/forward": Operation("linear_relu", arrays, flops, 4.0 * sum(elements)),
        f"{name}/backward": Operation(
            "linear_relu_backward", saved, 2 * flops, 8.0 * sum(elements)
        ),
    }


def conv_rows(
    name: str, batch: int, conv: Conv, size: int, gradients: str, axes: int = 2
) -> dict[str, Operation]:
    """Forward with bias, and those of the gradients "input weight" that are asked for."""
    x = (batch, conv.inputs, *(size,) * axes)
    y = (batch, conv.outputs, *(conv.size(size),) * axes)
    w = conv.weight_shape[: 2 + axes]
    positions = math.prod((x if conv.transposed else y)[2:])
    flops = 2.0 * batch * positions * math.prod(w)
    moved = 4.0 * (math.prod(x) + math.prod(w) + math.prod(y))
    options = {"stride": conv.stride, "padding": conv.padding}
    options |= {"groups": conv.groups, "transposed": conv.transposed}
    arrays = {"input": x, "weight": w, "bias": (conv.outputs,)}
    rows = {f"{name}/forward": Operation("conv_forward", arrays, flops, moved, options, True)}
    for gradient in gradients.split():
        op = f"conv_backward_{gradient}"
        saved = {"grad": y, "input": x, "weight": w}
        rows[f"{name}/backward_{gradient}"] = Operation(op, saved, flops, moved, options, True)
    return rows


def convolutions() -> dict[str, Operation]:
    both, weight = "input weight", "weight"
    return (
        conv_rows("conv3-64-64-32", 64, Conv(64, 64, 3, 1, 1), 32, both)
        | conv_rows("conv3-32-64-13", 128, Conv(32, 64, 3), 13, both)
        | conv_rows("conv3-128-128-14", 256, Conv(128, 128, 3, 1, 1), 14, both)
        | conv_rows("conv3-256-256-8", 512, Conv(256, 256, 3, 1, 1), 8, both)
        | conv_rows("conv3-64-128-32-stride2", 64, Conv(64, 128, 3, 2, 1), 32, both)
        | conv_rows("conv1-256-64-14", 64, Conv(256, 64, 1), 14, both)
        | conv_rows("first3-1-32-28", 128, Conv(1, 32, 3), 28, weight)
        | conv_rows("first5-1-6-28", 100, Conv(1, 6, 5), 28, weight)
        | conv_rows("first5-6-16-12", 100, Conv(6, 16, 5), 12, both)
        | conv_rows("first3-3-64-32", 64, Conv(3, 64, 3, 1, 1), 32, weight)
        | conv_rows("first7-3-64-224-stride2", 8, Conv(3, 64, 7, 2, 3), 224, weight)
        | conv_rows("depthwise3-128-28", 32, Conv(128, 128, 3, 1, 1, groups=128), 28, both)
        | conv_rows("transposed4-32-16-7", 64, Conv(32, 16, 4, 2, 1, transposed=True), 7, both)
        | conv_rows("conv1d-64-64-1024-k5", 32, Conv(64, 64, 5), 1024, both, axes=1)
    )


def sequence_rows() -> dict[str, Operation]:
    """The loss of CTC with its gradient, targets of 20 to 40 labels; one step of an LSTM alone."""
    steps, batch, classes, longest, hidden = 200, 32, 30, 40, 256
    scores = {"input": (steps, batch, classes), "labels": (batch, longest)}
    states = float(steps * batch * (2 * longest + 1))
    weights = 2 * 4 * hidden * hidden
    cell: dict[str, Shape] = dict.fromkeys(("input", "state", "cell"), (1, hidden))
    cell |= dict.fromkeys(("weight_ih", "weight_hh"), (4 * hidden, hidden))
    cell |= dict.fromkeys(("bias_ih", "bias_hh"), (4 * hidden,))
    moved = 4.0 * 3 * steps * batch * classes
    return {
        "ctc-200-32-30/forward-backward": Operation("ctc_step", scores, 2 * states, moved),
        "lstm-cell-1-256": Operation("lstm_cell", cell, 2.0 * weights, 4.0 * weights),
    }


def attention_rows(batch: int, heads: int, length: int, width: int) -> dict[str, Operation]:
    """Causal: half of the products of all pairs."""
    shape = (batch, heads, length, width)
    flops = 2.0 * math.prod(shape) * length
    n = float(math.prod(shape))
    name = f"attention-{batch}-{heads}-{length}-{width}"
    arrays = dict.fromkeys(("query", "key", "value"), shape)
    return {
        f"{name}/forward": Operation("attention", arrays, flops, 16.0 * n),
        f"{name}/backward": Operation(
            "attention_backward", {"grad": shape, **arrays}, 2.5 * flops, 32.0 * n
        ),
    }


def pool_rows(name: str, images: Shape) -> dict[str, Operation]:
    """Maxima of 2x2 windows with what their gradient needs, and the gradient; in both layouts."""
    rows = {}
    windows = halved(images)
    moved = 4.0 * math.prod(images) + 5.0 * math.prod(windows)
    flops = 4.0 * math.prod(windows)
    for layout, channels_last in (("", True), ("-plain", False)):
        for op, arrays in (
            ("max_pool2d_kept", {"input": images}),
            ("max_pool2d_backward", {"grad": windows, "input": images}),
        ):
            kind = "backward" if op.endswith("backward") else "forward"
            rows[f"{name}{layout}/{kind}"] = Operation(
                op, arrays, flops, moved, images=channels_last
            )
    return rows


Part = Callable[[Shape], Shape]  # the shape of one array from that of the row


def full(shape: Shape) -> Shape:
    return shape


def last(shape: Shape) -> Shape:
    return shape[-1:]


def first(shape: Shape) -> Shape:
    return shape[:1]


def channels(shape: Shape) -> Shape:
    return shape[1:2]


def halved(shape: Shape) -> Shape:
    return (*shape[:2], shape[2] // 2, shape[3] // 2)


def unary(name: str = "input") -> dict[str, Part]:
    return {name: full}


def gradient(*saved: str) -> dict[str, Part]:
    return dict.fromkeys(("grad", *saved), full)


# Arrays, how often the whole array moves, options. Normalisation takes its statistics first: batch
# norm reads its input twice, its gradient both inputs twice; a row or a group stays in a cache
# meanwhile. The gradient of max pooling moves a byte a window, dropout a mask of bytes.
FLAT: dict[str, tuple[dict[str, Part], float, dict[str, Any]]] = {
    "add": ({"input": full, "other": full}, 3, {}),
    "add_row": ({"input": full, "other": last}, 2, {}),
    "mul": ({"input": full, "other": full}, 3, {}),
    "div": ({"input": full, "positive": full}, 3, {}),
    "sqrt": (unary("positive"), 2, {}),
    "log": (unary("positive"), 2, {}),
    "exp": (unary(), 2, {}),
    "relu": (unary(), 2, {}),
    "relu_backward": (gradient("output"), 3, {}),
    "sigmoid": (unary(), 2, {}),
    "sigmoid_backward": (gradient("output"), 3, {}),
    "tanh": (unary(), 2, {}),
    "tanh_backward": (gradient("output"), 3, {}),
    "gelu": (unary(), 2, {}),
    "gelu_backward": (gradient("input"), 3, {}),
    "silu": (unary(), 2, {}),
    "silu_backward": (gradient("input"), 3, {}),
    "dropout": (unary(), 2.25, {}),
    "sum": (unary(), 1, {}),
    "sum_columns": (unary(), 1, {}),
    "sum_rows": (unary(), 1, {}),
    "amax_rows": (unary(), 1, {}),
    "softmax": (unary(), 2, {}),
    "softmax_backward": (gradient("input"), 3, {}),
    "log_softmax": (unary(), 2, {}),
    "log_softmax_backward": (gradient("input"), 3, {}),
    "cross_entropy": ({"input": full, "labels": first}, 1, {}),
    "cross_entropy_backward": ({"input": full, "labels": first}, 2, {}),
    "layer_norm": ({"input": full, "weight": last, "bias": last}, 2, {}),
    "layer_norm_backward": ({**gradient("input"), "weight": last}, 3, {}),
    "rms_norm": ({"input": full, "weight": last}, 2, {}),
    "rms_norm_backward": ({**gradient("input"), "weight": last}, 3, {}),
    "embedding": ({"weight": full, "indices": first}, 2, {}),
    "embedding_backward": ({"grad": full, "indices": first}, 2, {}),
}
IMAGES: dict[str, tuple[dict[str, Part], float, dict[str, Any]]] = {
    "max_pool2d": (unary(), 1.25, {}),
    "max_pool2d_backward": ({"grad": halved, "input": full}, 1.3125, {}),
    "avg_pool2d": (unary(), 1.25, {}),
    "avg_pool2d_backward": ({"grad": halved, "input": full}, 1.25, {}),
    "batch_norm": ({"input": full, "weight": channels, "bias": channels}, 3, {}),
    "batch_norm_backward": ({**gradient("input"), "weight": channels}, 5, {}),
    "group_norm": ({"input": full, "weight": channels, "bias": channels}, 2, {"groups": 32}),
    "group_norm_backward": ({**gradient("input"), "weight": channels}, 3, {"groups": 32}),
}
FLAT_SHAPES: dict[str, Shape] = {"64MB": (8192, 2048), "512KB": (128, 1024)}
IMAGE_SHAPES: dict[str, Shape] = {"64MB": (64, 64, 64, 64), "512KB": (8, 64, 16, 16)}


def moving() -> dict[str, Operation]:
    """Rows that are limited by memory, in a large and in a small size."""
    rows = {}
    for table, shapes in ((FLAT, FLAT_SHAPES), (IMAGES, IMAGE_SHAPES)):
        for op, (parts, times, options) in table.items():
            for size, shape in shapes.items():
                arrays = {name: part(shape) for name, part in parts.items()}
                n = float(math.prod(shape))
                rows[f"{op}-{size}"] = Operation(
                    op, arrays, n, 4.0 * times * n, options, table is IMAGES
                )
    return rows


# The class, its arguments, and how many numbers a parameter a step reads and writes.
OPTIMIZERS: dict[str, tuple[str, dict[str, float], int]] = {
    "adadelta": ("Adadelta", {}, 7),
    "adagrad": ("Adagrad", {}, 5),
    "adam": ("Adam", {"lr": 1e-3}, 7),
    "adamax": ("Adamax", {}, 7),
    "adamw": ("AdamW", {}, 7),
    "nadam": ("NAdam", {}, 7),
    "radam": ("RAdam", {}, 7),
    "rmsprop": ("RMSprop", {}, 5),
    "rmsprop_centered": ("RMSprop", {"momentum": 0.9, "centered": True}, 9),
    "sgd": ("SGD", {"lr": 0.01, "momentum": 0.9}, 5),
}


def optimizers() -> dict[str, Operation]:
    """One step over the parameters of resnet18."""
    layers = flat(NETWORKS["resnet18"].layers)
    shapes = [shape for layer in layers for shape in parameter_shapes(layer)]
    arrays = {f"parameter{i}": shape for i, shape in enumerate(shapes)}
    arrays |= {f"gradient{i}": shape for i, shape in enumerate(shapes)}
    n = float(sum(map(math.prod, shapes)))
    return {
        f"{op}-resnet18": Operation(op, arrays, n, 4 * moved * n)
        for op, (_, _, moved) in OPTIMIZERS.items()
    }


OPERATIONS: dict[str, Operation] = (
    {f"gemm-{n}": gemm(n) for n in (64, 128, 256, 512, 1024, 2048)}
    | linear_rows(1, 784, 128)
    | linear_rows(32, 784, 128)
    | linear_rows(100, 256, 120)
    | linear_rows(128, 1600, 64)
    | linear_rows(1024, 128, 512)
    | convolutions()
    | sequence_rows()
    | attention_rows(8, 8, 512, 64)
    | attention_rows(16, 4, 64, 32)
    | pool_rows("pool2-100-6-24", (100, 6, 24, 24))
    | pool_rows("pool2-100-16-8", (100, 16, 8, 8))
    | pool_rows("pool2-128-32-26", (128, 32, 26, 26))
    | pool_rows("pool2-128-64-11", (128, 64, 11, 11))
    | moving()
    | optimizers()
)
