"""Layers with arguments and inputs that the tests of layers go through."""

from __future__ import annotations

import itertools
from typing import Any, NamedTuple


class Row(NamedTuple):
    """A layer by name, arguments of its constructor, and the shape of its input or of several."""

    layer: str
    arguments: dict[str, Any]
    shape: Any

    def __str__(self) -> str:
        arguments = ",".join(f"{name}={value}" for name, value in self.arguments.items())
        return f"{self.layer}({arguments})-{self.shape}".replace(" ", "")


def grid(layer: str, shape: Any, fixed: dict[str, Any], **options: list[Any]) -> list[Row]:
    """A row for each combination of the options."""
    return [
        Row(layer, fixed | dict(zip(options, values, strict=True)), shape)
        for values in itertools.product(*options.values())
    ]


def each(layer: str, shape: Any, fixed: dict[str, Any], **options: list[Any]) -> list[Row]:
    """A row for each value of each option, the others left out."""
    return [
        Row(layer, fixed | {name: value}, shape)
        for name, values in options.items()
        for value in values
    ]


SEQUENCE, IMAGE, VOLUME = (2, 7, 4), (2, 7, 6, 4), (2, 5, 4, 6, 2)
SHAPES = {1: SEQUENCE, 2: IMAGE, 3: VOLUME}
PLAIN = [
    "celu", "elu", "exponential", "gelu", "hard_shrink", "hard_sigmoid", "hard_silu",
    "hard_swish", "hard_tanh", "leaky_relu", "linear", "log_sigmoid", "log_softmax", "mish", "relu",
    "relu6", "selu", "sigmoid", "silu", "soft_shrink", "softmax", "softplus", "softsign",
    "sparse_plus", "sparse_sigmoid", "squareplus", "swish", "tanh", "tanh_shrink",
]  # fmt: skip
PENALTIES = {
    "kernel_regularizer": ["l1", "l2"],
    "bias_regularizer": ["L1L2"],
    "activity_regularizer": ["l2"],
    "kernel_constraint": ["max_norm"],
    "bias_constraint": ["non_neg"],
    "kernel_initializer": ["he_normal"],
    "bias_initializer": ["ones"],
}
WINDOWS = {"strides": [1, 2, 3], "padding": ["valid", "same"]}

DENSE = [
    *each(
        "Dense", (3, 8), {"units": 6}, use_bias=[True, False],
        activation=[None, *PLAIN], **PENALTIES,
    ),
    Row("Dense", {"units": 4}, (2, 3, 5)),
    Row("Dense", {"units": 4, "activation": "softmax"}, (2, 3, 2, 5)),
]  # fmt: skip

CORE = [
    *each("Activation", (2, 4), {}, activation=PLAIN),
    Row("Activation", {"activation": "softmax"}, (2, 3, 4)),
    Row("Flatten", {}, (2, 3, 4, 5)),
    Row("Flatten", {}, (2,)),
    Row("Flatten", {"data_format": "channels_first"}, (2, 3, 4, 5)),
    *each("Reshape", (2, 4, 3), {}, target_shape=[(6, 2), (-1,), (2, -1, 3), (12,)]),
    *each("Permute", (2, 3, 4, 5), {}, dims=[(3, 1, 2), (1, 2, 3)]),
    Row("RepeatVector", {"n": 3}, (2, 4)),
    Row("ActivityRegularization", {"l1": 0.1, "l2": 0.2}, (2, 4)),
    Row("Identity", {}, (2, 4)),
]

ACTIVATION = [
    *each(
        "ReLU", (3, 4), {}, max_value=[None, 0.5], negative_slope=[0.0, 0.1], threshold=[0.0, 0.3]
    ),
    Row("ReLU", {"max_value": 1.0, "negative_slope": 0.2, "threshold": 0.1}, (3, 4)),
    *each("LeakyReLU", (3, 4), {}, negative_slope=[0.3, 0.1]),
    Row("PReLU", {}, (2, 3, 4)),
    *each("PReLU", (2, 3, 4, 5), {}, shared_axes=[1, [1, 2], [1, 2, 3]]),
    *each("ELU", (3, 4), {}, alpha=[1.0, 0.5]),
    *each("Softmax", (2, 3, 4), {}, axis=[-1, 1, (1, 2)]),
]


def _convolutions() -> list[Row]:
    rows = []
    for axes, shape in SHAPES.items():
        name, fixed = f"Conv{axes}D", {"filters": 6, "kernel_size": 3}
        rows += grid(name, shape, fixed, **WINDOWS)
        rows += grid(name, shape, {"filters": 6, "kernel_size": 2}, **WINDOWS)
        rows += each(name, shape, fixed, dilation_rate=[2] if axes < 3 else [], groups=[2])
        rows += each(name, shape, fixed | {"padding": "same"}, dilation_rate=[2], use_bias=[False])
        transposed = f"{name}Transpose"
        for size in (1, 2, 3):
            windows = {"filters": 3, "kernel_size": size}
            rows += grid(transposed, shape, windows, **WINDOWS)
            rows += grid(transposed, shape, windows | {"strides": 3}, **OUTPUT_PADDING)
        rows += each(transposed, shape, fixed, dilation_rate=[2], use_bias=[False])
        rows += each(transposed, shape, fixed | {"padding": "same"}, dilation_rate=[2])
    rows += grid("Conv1D", SEQUENCE, {"filters": 3, "kernel_size": 3, "padding": "causal"},
                 strides=[1, 2])  # fmt: skip
    causal = {"filters": 3, "kernel_size": 2, "padding": "causal"}
    rows += grid("Conv1D", SEQUENCE, causal, dilation_rate=[1, 2, 4])
    two = {"filters": 4, "kernel_size": (3, 2)}
    rows += each(
        "Conv2D", IMAGE, two, strides=[(2, 1), (1, 3)], dilation_rate=[(1, 2)],
        activation=["relu", "gelu", "leaky_relu", "softmax", "sigmoid", "tanh", "swish"],
        **PENALTIES,
    )  # fmt: skip
    rows += each("Conv2DTranspose", IMAGE, two, strides=[(2, 1)], activation=["relu", "softmax"])
    for axes in (1, 2):
        name, shape = f"DepthwiseConv{axes}D", SHAPES[axes]
        rows += grid(name, shape, {"kernel_size": 3}, depth_multiplier=[1, 2], **WINDOWS)
        rows += each(name, shape, {"kernel_size": 2}, dilation_rate=[2], use_bias=[False],
                     activation=["relu"])  # fmt: skip
        name = f"SeparableConv{axes}D"
        fixed = {"filters": 5, "kernel_size": 3}
        rows += grid(name, shape, fixed, depth_multiplier=[1, 2], **WINDOWS)
        rows += each(name, shape, fixed, dilation_rate=[2], use_bias=[False], activation=["relu"])
    return rows


OUTPUT_PADDING = {"padding": ["valid", "same"], "output_padding": [1, 2]}
# Keras has other numbers or none: it computes channels first on GPUs only, RMSNormalization over
# the last axes only; its shape of glu is that of the input, its sparsemax does not sum to 1, and
# LayerNormalization gives weights of axes that are not in order to others.
NOT_COMPARED = [
    *each("Activation", (2, 4), {}, activation=["glu", "sparsemax"]),
    *each("RMSNormalization", IMAGE, {}, axis=[2, [1, 2]]),
    Row("LayerNormalization", {"axis": [-1, 1]}, IMAGE),
    *(
        Row(name, arguments | {"data_format": "channels_first"}, shape)
        for name, arguments, shape in (
            ("Conv1D", {"filters": 6, "kernel_size": 3, "padding": "same"}, (2, 4, 7)),
            ("Conv2D", {"filters": 6, "kernel_size": 3, "strides": 2}, (2, 4, 7, 6)),
            ("Conv3D", {"filters": 6, "kernel_size": 2}, (2, 2, 5, 4, 6)),
            ("Conv2DTranspose", {"filters": 6, "kernel_size": 3, "strides": 2}, (2, 4, 7, 6)),
            ("DepthwiseConv2D", {"kernel_size": 3}, (2, 4, 7, 6)),
            ("SeparableConv2D", {"filters": 6, "kernel_size": 3}, (2, 4, 7, 6)),
            ("MaxPooling2D", {"padding": "same"}, (2, 4, 7, 6)),
            ("AveragePooling1D", {"pool_size": 3}, (2, 4, 7)),
        )
    ),
]


def _pooling() -> list[Row]:
    rows = []
    for axes, shape in SHAPES.items():
        for kind in ("Max", "Average"):
            for size in (1, 2, 3):
                windows = {"pool_size": size}
                rows += grid(f"{kind}Pooling{axes}D", shape, windows, strides=[None, 1, 2, 3],
                             padding=["valid", "same"])  # fmt: skip
            rows += each(f"Global{kind}Pooling{axes}D", shape, {}, keepdims=[False, True],
                         data_format=["channels_first"])  # fmt: skip
    pair = {"pool_size": (3, 2), "padding": "same"}
    rows += each("AveragePooling2D", IMAGE, pair, strides=[(1, 2), (2, 1)])
    rows += each("MaxPooling2D", IMAGE, pair, strides=[(1, 2), (2, 1)])
    rows.append(Row("MaxPooling2D", {}, IMAGE))
    return rows


NORMALIZATION = [
    *each(
        "BatchNormalization", (5, 4), {}, momentum=[0.99, 0.5], epsilon=[0.001, 0.1],
        center=[False], scale=[False], trainable=[False], gamma_regularizer=["l2"],
    ),
    *each("BatchNormalization", IMAGE, {}, axis=[-1, 1, 2]),
    Row("BatchNormalization", {}, SEQUENCE),
    Row("BatchNormalization", {}, (1, 4)),
    Row("BatchNormalization", {"axis": 1}, VOLUME),
    *each("LayerNormalization", IMAGE, {}, axis=[-1, 1, [1, 2], [2, 3], [1, 2, 3]]),
    *each("LayerNormalization", (3, 5), {}, epsilon=[0.1], center=[False], scale=[False]),
    *each("GroupNormalization", IMAGE, {}, groups=[1, 2, 4, -1]),
    *each("GroupNormalization", (2, 4, 6), {"groups": 2}, axis=[1], center=[False], scale=[False]),
    *each("RMSNormalization", IMAGE, {}, axis=[-1], epsilon=[0.1]),
    *each("UnitNormalization", IMAGE, {}, axis=[-1, 1, [1, 2]]),
]  # fmt: skip

PAIRS = [(2, 3, 4)] * 2
MERGING = [
    *(Row(name, {}, [(2, 3, 4)] * 3) for name in ("Add", "Multiply", "Average", "Maximum")),
    *(Row(name, {}, [(2, 4), (2, 3, 4), (2, 1, 4)]) for name in ("Add", "Minimum", "Average")),
    *(Row(name, {}, PAIRS) for name in ("Subtract", "Minimum")),
    *each("Concatenate", PAIRS, {}, axis=[-1, 1, 2]),
    Row("Concatenate", {"axis": 1}, [(2, 3, 4), (2, 5, 4), (2, 1, 4)]),
    *each("Dot", PAIRS, {}, axes=[2, -1], normalize=[]),
    *each("Dot", [(2, 3, 4), (2, 5, 3)], {"axes": (1, 2)}, normalize=[False, True]),
    Row("Dot", {"axes": 1}, [(2, 3), (2, 3)]),
    Row("Dot", {"axes": 1, "normalize": True}, [(2, 3), (2, 3)]),
    Row("Dot", {"axes": (1, 1)}, [(2, 3), (2, 3, 5)]),
]

RESHAPING = [
    *each("ZeroPadding1D", SEQUENCE, {}, padding=[1, (2, 0)]),
    *each("ZeroPadding2D", IMAGE, {}, padding=[1, (1, 2), ((1, 0), (2, 3))]),
    *each("ZeroPadding3D", VOLUME, {}, padding=[1, (0, 1, 2), ((1, 0), (2, 3), (0, 1))]),
    Row("ZeroPadding2D", {"padding": (1, 2), "data_format": "channels_first"}, IMAGE),
    *each("Cropping1D", SEQUENCE, {}, cropping=[1, (2, 0)]),
    *each("Cropping2D", IMAGE, {}, cropping=[1, (1, 2), ((1, 0), (2, 3)), ((0, 0), (0, 0))]),
    *each("Cropping3D", VOLUME, {}, cropping=[1, (0, 1, 2), ((1, 0), (2, 1), (0, 1))]),
    Row("Cropping2D", {"cropping": (1, 2), "data_format": "channels_first"}, (2, 3, 7, 6)),
    *each("UpSampling1D", SEQUENCE, {}, size=[2, 3]),
    *grid("UpSampling2D", IMAGE, {}, size=[2, (1, 3)], interpolation=["nearest", "bilinear"]),
    *each("UpSampling3D", VOLUME, {}, size=[2, (1, 3, 2)]),
    Row("UpSampling2D", {"size": 2, "data_format": "channels_first"}, (2, 3, 4, 5)),
]

RANDOM = [
    *each("Dropout", (4, 6), {"rate": 0.5, "seed": 3}, noise_shape=[None, (None, 1)]),
    Row("SpatialDropout1D", {"rate": 0.5, "seed": 3}, SEQUENCE),
    Row("SpatialDropout2D", {"rate": 0.5, "seed": 3}, IMAGE),
    Row("SpatialDropout3D", {"rate": 0.5, "seed": 3}, VOLUME),
    Row("GaussianNoise", {"stddev": 0.5, "seed": 3}, (4, 6)),
    Row("GaussianDropout", {"rate": 0.5, "seed": 3}, (4, 6)),
    *each("AlphaDropout", (4, 6), {"rate": 0.5, "seed": 3}, noise_shape=[None, (None, 1)]),
]

COMPARED = [
    *DENSE, *CORE, *ACTIVATION, *_convolutions(), *_pooling(), *NORMALIZATION, *MERGING, *RESHAPING,
    *RANDOM,
]  # fmt: skip
ALL = [*COMPARED, *NOT_COMPARED]
