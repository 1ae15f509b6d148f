"""Modules: each called with the parameters of a sample, against the reference of its function."""

from __future__ import annotations

import contextlib
import functools
import inspect
import unittest.mock
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

import cygnet
from cygnet import Tensor, nn
from tests.op_cases import attention as att
from tests.op_cases import images, norms
from tests.op_cases.case import Case, Sample, case, fixed, labels, mask, s, x
from tests.op_cases.reductions import softmax

SMALL = 600  # numbers in a sample: the kernels' edges are tested by the functions' rows
ENOUGH = 8
Make = Callable[..., nn.Module]
Rows = Mapping[str, Case]


def bound(net: nn.Module, tensors: Sequence[Tensor]) -> Sequence[Tensor]:
    """Puts the last of the tensors in the place of the module's parameters; returns the others."""
    net.to(next(t.dtype for t in tensors if t.dtype.kind == "f"))
    names = [name for name, _ in net.named_parameters()]
    count = len(tensors) - len(names)
    for name, tensor in zip(names, tensors[count:], strict=True):
        path, _, attribute = name.rpartition(".")
        net.get_submodule(path).__dict__[attribute] = tensor
    return tensors[:count]


def few(samples: Sequence[Sample]) -> list[Sample]:
    """As many samples as are needed: small ones from all over the list, or the smallest."""

    def size(sample: Sample) -> int:
        return sum(int(np.prod(argument.shape)) for argument in sample.inputs)

    small = [sample for sample in samples if size(sample) <= SMALL]
    if len(small) < ENOUGH:
        return sorted(samples, key=size)[:ENOUGH]
    return small[:: len(small) // ENOUGH]


def mirrored(
    name: str, row: Case, make: Make, samples: Sequence[Sample] | None = None, **rest: Any
) -> Case:
    """The row of a module that does what the function of `row` does.

    `make` takes the shapes of the sample's arrays and its options.
    """

    def function(*tensors: Tensor, **options: Any) -> Any:
        net = make([t.shape for t in tensors], **options)
        return net(*bound(net, tensors))

    samples = few(row.samples) if samples is None else samples
    return replace(row, name=f"nn.{name}", samples=samples, function=function, **rest)


def in_the_place_of(name: str, function: str, row: Case) -> Case:
    """The row of a function for the module that holds the function's options: wherever `row` calls
    the function, the module is made and called.
    """
    kind = getattr(nn, name)
    signature = inspect.signature(getattr(cygnet.ops, function))
    own = inspect.signature(kind).parameters
    training = "training" not in signature.parameters or signature.parameters["training"].default

    def run(*tensors: Tensor, **options: Any) -> Any:
        calls = []

        def call(*args: Any, **kwargs: Any) -> Any:
            given = signature.bind(*args, **kwargs).arguments
            calls.append(given)
            net = kind(**{key: value for key, value in given.items() if key in own})
            net.train(given.pop("training", training))
            return net(*(value for key, value in given.items() if key not in own))

        with contextlib.ExitStack() as stack:
            for place in (cygnet.ops, nn.functional):
                stack.enter_context(unittest.mock.patch.object(place, function, call))
            result = row.function(*tensors, **options)
        assert calls, f"the row {row.name} does not call {function} by its public name"
        return result

    variant = row.name.removeprefix(function)
    return replace(row, name=f"nn.{name}{variant}", samples=few(row.samples), function=run)


def composed(
    name: str,
    make: Make,
    reference: Callable[..., Any],
    samples: Sequence[Sample],
    forward: Callable[..., Any] = lambda net, *inputs, **options: net(*inputs),
) -> Case:
    """The row of a module with many parameters, which are added to the samples.

    `make` and `forward` take the sample's options, as does `reference`, with the parameters by name
    as `p`.
    """

    def with_parameters(sample: Sample) -> Sample:
        shapes = [p.shape for p in make(**sample.options).parameters()]
        return Sample((*sample.inputs, *(x(*shape) for shape in shapes)), sample.options)

    def function(*tensors: Tensor, **options: Any) -> Any:
        net = make(**options)
        return forward(net, *bound(net, tensors), **options)

    def of_arrays(*arrays: np.ndarray, **options: Any) -> Any:
        names = [name for name, _ in make(**options).named_parameters()]
        count = len(arrays) - len(names)
        p = dict(zip(names, arrays[count:], strict=True))
        return reference(*arrays[:count], p=p, **options)

    return case(
        f"nn.{name}", of_arrays, [with_parameters(i) for i in samples], function,
        float32=(1e-5, 1e-5), layout_bits=False,
        reason="several sums, one after another, whose order follows the memory order",
    )  # fmt: skip


# Rows of options that the modules do not have.
FUNCTIONS_ALONE = {
    "interpolate bicubic antialias",
    "interpolate bilinear antialias",
    "mse_loss weighted",
    "unfold along",
    *(f"{kind}_pool{axes}d channels last" for axes in (1, 2, 3) for kind in ("avg", "max")),
}

# The function of each module that holds but its options.
OF_FUNCTIONS = {
    **{
        name: kind._function.__name__
        for name, kind in vars(nn).items()
        if isinstance(kind, type) and "_function" in vars(kind)
    },
    "CrossMapLRN2d": "local_response_norm",
    **{
        f"{kind}{axes}d": f"{function}{axes}d"
        for axes in (1, 2, 3)
        for kind, function in (
            ("AdaptiveAvgPool", "adaptive_avg_pool"),
            ("AdaptiveMaxPool", "adaptive_max_pool"),
            ("AvgPool", "avg_pool"),
            ("MaxPool", "max_pool"),
            ("MaxUnpool", "max_unpool"),
        )
    },
}


def convolution_of(shapes: Sequence[tuple[int, ...]], transposed: bool, **options: Any) -> Any:
    """A layer for an input, weight and perhaps bias of these shapes."""
    outer, inner, *kernel = shapes[1]
    inner *= options.get("groups", 1)
    channels = (outer, shapes[1][1] * options.get("groups", 1)) if transposed else (inner, outer)
    name = f"Conv{'Transpose' if transposed else ''}{len(kernel)}d"
    return getattr(nn, name)(*channels, tuple(kernel), bias=len(shapes) == 3, **options)


def convolutions(rows: Rows, transposed: bool) -> list[Case]:
    name, function = ("ConvTranspose", "conv_transpose") if transposed else ("Conv", "conv")

    def make(shapes: Sequence[tuple[int, ...]], **options: Any) -> nn.Module:
        return convolution_of(shapes, transposed, **options)

    def one_padding(sample: Sample) -> bool:  # the functions alone take one for each side
        return np.ndim(sample.options.get("padding", 0)) < 2

    pairs = [(f"{name}{axes}d", rows[f"{function}{axes}d"]) for axes in (1, 2, 3)]
    return [
        mirrored(name, row, make, few([i for i in row.samples if one_padding(i)]))
        for name, row in pairs
    ]


# Batches of one and more, one channel and several, small and uneven sizes.
CHANNELS = {
    axes: [(4, 3, *size), (2, 1, *size), (3, 17, *size), (5, 2, *larger), (3, 4, *larger)]
    for axes, size, larger in ((0, (), ()), (1, (5,), (9,)), (2, (3, 2), (4, 5)), (3, (2, 1, 3), (2, 3, 2)))
}  # fmt: skip


def normalised(shapes: Sequence[tuple[int, ...]], **options: Any) -> list[Sample]:
    """Samples with and without weight and bias, with another eps, and an empty one."""
    first, *_ = shapes
    return [
        s(x(*first), **options),
        s(x(*first), x(first[1]), x(first[1]), eps=0.1, **options),
        s(x(0, *first[1:]), x(first[1]), x(first[1]), **options),
        *norms.with_channels(*shapes, **options),
    ]


def per_channel(name: str) -> Make:
    def make(shapes: Sequence[tuple[int, ...]], **options: Any) -> nn.Module:
        return getattr(nn, name)(shapes[0][1], affine=len(shapes) > 1, **options)

    return make


def instance_norm(a: np.ndarray, *parameters: np.ndarray, eps: float = 1e-5) -> np.ndarray:
    return norms.affine(norms.standardized(a, tuple(range(2, a.ndim)), eps), *parameters)


def group_norm_of(shapes: Sequence[tuple[int, ...]], num_groups: int, **options: Any) -> nn.Module:
    return nn.GroupNorm(num_groups, shapes[0][1], affine=len(shapes) > 1, **options)


def last_axes(name: str) -> Make:
    def make(shapes: Sequence[tuple[int, ...]], axes: int = 1, **options: Any) -> nn.Module:
        more = {"bias": len(shapes) > 2} if name == "LayerNorm" else {}
        return getattr(nn, name)(
            shapes[0][-axes:], elementwise_affine=len(shapes) > 1, **more, **options
        )

    return make


def normalisations(rows: Rows) -> list[Case]:
    return [
        *(
            mirrored(f"BatchNorm{axes}d", rows["batch_norm"], per_channel(f"BatchNorm{axes}d"),
                     normalised(CHANNELS[axes]) + (normalised(CHANNELS[0])[2:] if axes == 1 else []))
            for axes in (1, 2, 3)
        ),
        *(
            mirrored(f"InstanceNorm{axes}d", rows["instance_norm"], per_channel(f"InstanceNorm{axes}d"),
                     normalised(CHANNELS[axes]), reference=instance_norm)
            for axes in (1, 2, 3)
        ),
        mirrored("GroupNorm", rows["group_norm"], group_norm_of,
                 [s(x(2, 4, 5), num_groups=2), *norms.with_channels((2, 6), (2, 6, 3), (1, 6, 2, 3), (2, 6, 2, 1, 2), num_groups=3),
                  *norms.with_channels((3, 4, 5), (2, 4, 1), num_groups=1), s(x(0, 4, 5), x(4), x(4), num_groups=2)]),
        *(mirrored(name, rows[function], last_axes(name)) for name, function in (("LayerNorm", "layer_norm"), ("RMSNorm", "rms_norm"))),
    ]  # fmt: skip


def embedding_of(shapes: Sequence[tuple[int, ...]], **options: Any) -> nn.Module:
    return nn.Embedding(*shapes[1], **options)


def linear_of(shapes: Sequence[tuple[int, ...]]) -> nn.Module:
    return nn.Linear(*shapes[1][::-1], bias=len(shapes) == 3)


def prelu_of(shapes: Sequence[tuple[int, ...]]) -> nn.Module:
    return nn.PReLU(*shapes[1])


def flattened(a: np.ndarray, start_dim: int = 1, end_dim: int = -1) -> np.ndarray:
    end = end_dim % a.ndim
    return a.reshape(*a.shape[:start_dim], -1, *a.shape[end + 1 :])


SHAPES = [(2, 3, 4), (1, 2, 3, 4), (2, 1, 1), (3, 5)]
ANY = [
    x(*shape) for shape in ((), (3,), (0, 3), (3, 4), (2, 3, 4), (1, 1), (5, 1, 2), (2, 2, 2, 2))
]


def bilinear_of(shapes: Sequence[tuple[int, ...]]) -> nn.Module:
    outer, *inner = shapes[2]
    return nn.Bilinear(*inner, outer, bias=len(shapes) == 4)


PLANES = [
    (2, 3, 4, 5),
    (3, 4, 5),
    (1, 2, 3, 3),
    (0, 3, 2, 2),
    (2, 1, 3, 4),
    (1, 1, 1, 1),
    (2, 5, 1, 3),
    (4, 2, 2),
]
SPLITS = [((2, 6, 3), 1, (2, 3)), ((2, 6, 3), 1, (-1, 2)), ((6,), 0, (3, 2)), ((2, 12), -1, (2, 3, 2)), ((4, 3), 0, (2, 2)),
          ((2, 6, 3), 1, (6,)), ((0, 4), 1, (2, 2)), ((2, 3, 8), 2, (2, -1, 2))]  # fmt: skip
RESIZED = [{"scale_factor": 2}, {"scale_factor": (2.0, 1.5)}, {"size": (3, 7)}, {"size": 4}]


def upsampling(name: str, **same: Any) -> Case:
    def reference(a: np.ndarray, **options: Any) -> np.ndarray:
        return images.interpolated(a, **options, **same)

    samples = [s(x(*n), **options) for n in [(1, 2, 3, 4), (2, 1, 5, 3)] for options in RESIZED]
    return case(f"nn.{name}", reference, samples, lambda a, **o: getattr(nn, name)(**o)(a))


def layers(rows: Rows) -> list[Case]:
    return [
        mirrored("Embedding", rows["embedding"], embedding_of,
                 [s(labels(*n, below=5), x(5, width)) for n in [(7,), (2, 3), (0,), ()] for width in (3, 1)]),
        mirrored("Linear", rows["linear"], linear_of),
        mirrored("Bilinear", rows["bilinear"], bilinear_of),
        case("nn.Softmax2d", lambda a: softmax(a, -3), [x(*n) for n in PLANES], lambda a: nn.Softmax2d()(a),
             layout_bits=False, reason="the order of a sum follows the memory order"),
        case("nn.Unflatten", lambda a, dim, unflattened_size: np.reshape(a, (*a.shape[:dim], *unflattened_size, *a.shape[dim:][1:])),
             [s(x(*n), dim=dim, unflattened_size=sizes) for n, dim, sizes in SPLITS],
             lambda a, **options: nn.Unflatten(**options)(a), exact=True),
        upsampling("UpsamplingNearest2d"),
        upsampling("UpsamplingBilinear2d", mode="bilinear", align_corners=True),
        mirrored("PReLU", rows["prelu"], prelu_of),
        case("nn.Identity", lambda a: a, ANY, lambda a: nn.Identity(3, other=1)(a), exact=True),
        case("nn.Flatten", flattened,
             [s(x(*n), **options) for n in SHAPES for options in ({}, {"start_dim": 0})] + [s(x(2, 3, 4, 2), start_dim=1, end_dim=2)],
             lambda a, **options: nn.Flatten(**options)(a), exact=True),
        *convolutions(rows, False),
        *convolutions(rows, True),
    ]  # fmt: skip


SIZES = {
    1: [(2, 3, 5), (3, 4), (1, 1, 6)],
    2: [(2, 3, 4, 5), (3, 5, 4)],
    3: [(1, 2, 3, 4, 3), (2, 3, 3, 3)],
}
WIDTHS = {
    1: [1, (1, 2), (0, 3)],
    2: [1, (1, 2, 0, 3), (2, 2, 1, 1), (0, 0, 1, 0)],
    3: [1, (1, 0, 2, 1, 1, 2), (2, 2, 0, 0, 1, 1), (0, 1, 0, 0, 0, 0)],
}  # fmt: skip
FRAMES = {
    "Circular": "circular",
    "Constant": "constant",
    "Reflection": "reflect",
    "Replication": "replicate",
    "Zero": "constant",
}


def paddings() -> list[Case]:
    def row(kind: str, axes: int) -> Case:
        def padded(a: np.ndarray, padding: Any, value: float = 0.0) -> np.ndarray:
            pad = (padding,) * 2 * axes if isinstance(padding, int) else padding
            return images.padded(a, pad, FRAMES[kind], value)

        name, more = f"{kind}Pad{axes}d", {"value": 2.5} if kind == "Constant" else {}
        samples = [s(x(*n), padding=w, **more) for n in SIZES[axes] for w in WIDTHS[axes]]
        return case(
            f"nn.{name}", padded, samples,
            lambda a, **options: getattr(nn, name)(**options)(a), exact=True,
        )  # fmt: skip

    return [row(kind, axes) for kind in FRAMES for axes in (1, 2, 3)]


def multihead_of(heads: int, kinds: Any = (), average: bool = True, **options: Any) -> nn.Module:
    return nn.MultiheadAttention(num_heads=heads, **options)


def multihead(net: nn.Module, query: Tensor, key: Tensor, value: Tensor, *masks: Tensor,
              kinds: Sequence[str] = (), average: bool = True, **options: Any) -> Any:  # fmt: skip
    named = dict(zip(kinds, masks, strict=True))
    return net(query, key, value, average_attn_weights=average, **named)


QKV = (x(3, 2, 4), x(5, 2, 4), x(5, 2, 4))
TWO = {"embed_dim": 4, "heads": 2}
PADDING, ATTENTION = {"kinds": ("key_padding_mask",)}, {"kinds": ("attn_mask",)}
BOTH = {"kinds": ("key_padding_mask", "attn_mask")}
MULTIHEAD = [
    s(*QKV, **TWO),
    s(*QKV, embed_dim=4, heads=1, bias=False, average=False),
    s(x(2, 3, 4), x(2, 5, 4), x(2, 5, 4), **TWO, batch_first=True),
    s(x(3, 4), x(5, 4), x(5, 4), **TWO),
    s(*QKV, **TWO, add_bias_kv=True, add_zero_attn=True),
    s(x(3, 2, 4), x(5, 2, 3), x(5, 2, 6), **TWO, kdim=3, vdim=6),
    s(*QKV, mask(2, 5), **TWO, **PADDING),
    s(*QKV, fixed(x(2, 5)), **TWO, **PADDING),
    s(*QKV, mask(3, 5), **TWO, **ATTENTION, add_zero_attn=True),
    s(*QKV, x(4, 3, 5), **TWO, **ATTENTION),
    s(*QKV, mask(2, 5), x(3, 5), **TWO, **BOTH, add_bias_kv=True, average=False),
    s(x(3, 4), x(5, 4), x(5, 4), mask(5), mask(2, 3, 5), **TWO, **BOTH),
    s(x(3, 0, 4), x(5, 0, 4), x(5, 0, 4), **TWO),
]


def layer_of(name: str) -> Make:
    def make(heads: int, masked: str = "", **options: Any) -> nn.Module:
        return getattr(nn, name)(4, heads, 6, 0.0, **options)

    return make


def stack_of(name: str) -> Make:
    """A layer and a normalisation after it; without `norm`, two layers alone."""

    def make(heads: int, norm: bool = True, masked: str = "", **options: Any) -> nn.Module:
        layer = layer_of(f"{name}Layer")(heads, **options)
        return getattr(nn, name)(layer, *((1, nn.LayerNorm(4)) if norm else (2,)))

    return make


def transformer_of(heads: int, masked: str = "", **options: Any) -> nn.Module:
    return nn.Transformer(4, heads, 1, 1, 6, 0.0, **options)


def masked_call(net: nn.Module, *inputs: Tensor, masked: str = "", **options: Any) -> Any:
    """The last input is the mask of that name, if there is one."""
    return net(*inputs[:-1], **{masked: inputs[-1]}) if masked else net(*inputs)


def masked_reference(reference: Callable[..., Any]) -> Callable[..., Any]:
    """The reference, to which the mask comes as `padding` or `attn_mask`."""

    def of_arrays(*arrays: np.ndarray, masked: str = "", norm: bool = True, **options: Any) -> Any:
        options.pop("bias", None)
        if masked:
            kind = "padding" if masked.endswith("padding_mask") else "attn_mask"
            *arrays, options[kind] = arrays
        return reference(*arrays, **options)

    return of_arrays


FORMS = [{}, {"norm_first": True}, {"activation": "gelu"}, {"bias": False}, {"batch_first": True}]


def layers_samples(inputs: Sequence[Any], one: Sequence[Any], masks: Sequence[Any]) -> list[Sample]:
    """Each option; without a batch; with each mask, given as (input, name)."""
    return [
        *(s(*inputs, heads=2, **form) for form in FORMS),
        s(*one, heads=1),
        *(s(*inputs, given, heads=2, masked=name) for given, name in masks),
    ]


SOURCE, TARGET = x(3, 2, 4), x(3, 2, 4)
ENCODER = layers_samples([SOURCE], [x(3, 4)], [
    (mask(3, 3), "src_mask"), (x(3, 3), "src_mask"), (mask(2, 3), "src_key_padding_mask")])  # fmt: skip
ENCODERS = [
    Sample(i.inputs, i.options | ({"masked": "mask"} if i.options.get("masked") == "src_mask" else {}))
    for i in (*ENCODER[:3], *ENCODER[5:])
] + [s(SOURCE, heads=2, norm=False), s(x(2, 1, 4), heads=4)]  # fmt: skip
DECODER = layers_samples(
    [TARGET, SOURCE], [x(3, 4), x(2, 4)], [(mask(3, 3), "tgt_mask"), (x(3, 3), "tgt_mask")]
)
DECODERS = [
    *DECODER[:3],
    *DECODER[5:],
    s(TARGET, SOURCE, heads=2, norm=False),
    s(x(2, 1, 4), x(4, 1, 4), heads=4),
]

ATTENTIONS = [
    composed("MultiheadAttention", multihead_of, att.multihead_of_masks, MULTIHEAD, multihead),
    *(
        composed(name, make, masked_reference(reference), samples, masked_call)
        for name, make, reference, samples in (
            (
                "TransformerEncoderLayer",
                layer_of("TransformerEncoderLayer"),
                att.encoder_layer,
                ENCODER,
            ),
            (
                "TransformerDecoderLayer",
                layer_of("TransformerDecoderLayer"),
                att.decoder_layer,
                DECODER,
            ),
            (
                "TransformerEncoder",
                stack_of("TransformerEncoder"),
                functools.partial(att.stacked, att.encoder_layer),
                ENCODERS,
            ),
            (
                "TransformerDecoder",
                stack_of("TransformerDecoder"),
                functools.partial(att.stacked, att.decoder_layer),
                DECODERS,
            ),
            ("Transformer", transformer_of, att.transformer, DECODER),
        )
    ),
]


def cases(functions: Sequence[Case]) -> list[Case]:
    """The rows of all modules, by those of the functions."""
    rows = {row.name: row for row in functions}
    return [
        *(
            in_the_place_of(name, function, row)
            for name, function in OF_FUNCTIONS.items()
            for row in functions
            if f"{row.name} ".startswith(f"{function} ") and row.name not in FUNCTIONS_ALONE
        ),
        *normalisations(rows),
        *layers(rows),
        *paddings(),
        *ATTENTIONS,
    ]
