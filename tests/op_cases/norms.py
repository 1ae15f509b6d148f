"""Normalisation."""

from __future__ import annotations

import numpy as np

from tests.op_cases.case import case, fixed, op, positive, s, x


def per_channel(vector, a):
    return vector.reshape(1, -1, *[1] * (a.ndim - 2))


def standardized(a, axes, eps=1e-5):
    if a.size == 0:
        return a
    return (a - a.mean(axes, keepdims=True)) / np.sqrt(a.var(axes, keepdims=True) + eps)


def affine(a, weight=None, bias=None):
    a = a if weight is None else a * per_channel(weight, a)
    return a if bias is None else a + per_channel(bias, a)


def batch_norm(a, weight=None, bias=None, residual=None, eps=1e-5, relu=False):
    y = affine(standardized(a, (0, *range(2, a.ndim)), eps), weight, bias)
    y = y if residual is None else y + residual
    return np.maximum(y, 0) if relu else y


def batch_norm_op(a, weight=None, bias=None, residual=None, relu=False, **options):
    return op("batch_norm")(
        a, None, None, weight, bias, training=True, residual=residual,
        activation="relu" if relu else "none", **options,
    )  # fmt: skip


def evaluated(a, mean, variance, weight=None, bias=None, residual=None, relu=False):
    y = (a - per_channel(mean, a)) / np.sqrt(per_channel(variance, a) + 1e-5)
    y = affine(y, weight, bias)
    y = y if residual is None else y + residual
    return np.maximum(y, 0) if relu else y


def evaluated_op(a, mean, variance, weight=None, bias=None, residual=None, relu=False):
    return op("batch_norm")(
        a, mean, variance, weight, bias, residual=residual, activation="relu" if relu else "none"
    )


def group_norm(a, weight=None, bias=None, num_groups=1):
    sets = a.reshape(len(a), num_groups, int(np.prod(a.shape[1:])) // num_groups)
    return affine(standardized(sets, 2).reshape(a.shape), weight, bias)


def instance_norm(a, weight=None, bias=None):
    return affine(standardized(a, tuple(range(2, a.ndim))), weight, bias)


def layer_norm(a, weight=None, bias=None, axes=1):
    y = standardized(a, tuple(range(-axes, 0)))
    y = y if weight is None else y * weight
    return y if bias is None else y + bias


def layer_norm_op(a, weight=None, bias=None, axes=1):
    return op("layer_norm")(a, a.shape[-axes:], weight, bias)


def rms_norm(a, weight=None, axes=1, eps=None):
    eps = np.finfo(a.dtype).eps if eps is None else eps
    y = a / np.sqrt((a * a).mean(tuple(range(-axes, 0)), keepdims=True) + eps)
    return y if weight is None else y * weight


def rms_norm_op(a, weight=None, axes=1, eps=None):
    return op("rms_norm")(a, a.shape[-axes:], weight, eps)


def with_channels(*shapes, **options):
    return [s(x(*n), x(n[1]), x(n[1]), **options) for n in shapes]


# One channel, few (several rows in a vector, with and without a rest), an odd number, blocks of columns.
IMAGES = [
    (5, 1, 3, 3),
    (3, 6, 5, 5),
    (2, 17, 6, 5),
    (2, 64, 3, 4),
    (2, 530, 3, 3),
    (40, 16, 20, 20),
]
OTHERS = [(9, 5), (7, 3, 6), (2, 3, 3, 2, 4)]

BATCH = [
    s(x(4, 3, 5, 5)),
    s(x(4, 3, 5, 5), x(3), eps=0.1),
    *with_channels(*IMAGES, *OTHERS),
    s(x(3, 6, 5, 5), x(6), x(6), relu=True),
    s(x(3, 6, 5, 5), x(6), x(6), x(3, 6, 5, 5)),
    s(x(3, 6, 5, 5), x(6), x(6), x(3, 6, 5, 5), relu=True),
    s(x(4, 32, 7, 7), x(32), x(32), x(4, 32, 7, 7), relu=True),
    s(x(4, 32, 7, 7), x(32), x(32), relu=True),
    s(x(0, 3, 4, 4), x(3), x(3)),
]
RUNNING = [
    s(x(*n), fixed(x(n[1])), fixed(positive(n[1])), x(n[1]), x(n[1]), *more, relu=relu)
    for n in [(3, 6, 5, 5), (1, 65, 4, 4), (6, 5)]
    for relu in (False, True)
    for more in ([], [x(*n)])
] + [s(x(0, 3, 4), fixed(x(3)), fixed(positive(3)))]
GROUP = [
    s(x(2, 4, 5, 5), num_groups=2),
    *with_channels((3, 6, 5, 5), (2, 63, 7, 7), (2, 33, 4, 4), (5, 6), (3, 12, 6), num_groups=3),
    *with_channels((2, 64, 40, 40), (4, 600, 2, 2), num_groups=1),
    s(x(0, 4, 5, 5), x(4), x(4), num_groups=2),
]
INSTANCE = [
    s(x(2, 3, 5, 5)),
    s(x(2, 3, 7), x(3)),
    *with_channels((2, 6, 5, 5), (3, 5, 20), (2, 64, 7, 7), (2, 3, 2, 3, 4), (40, 8, 7, 7)),
    s(x(0, 4, 5, 5), x(4), x(4)),
]
LAYER = [
    s(x(4, 7)),
    s(x(4, 7), x(7)),
    s(x(4, 7), x(7), x(7)),
    s(x(2, 3, 4), x(3, 4), x(3, 4), axes=2),
    s(x(3, 5), x(3, 5), x(3, 5), axes=2),
    s(x(5, 6, 1), x(1), x(1)),
    s(x(130, 96), x(96), x(96)),
    s(x(70, 1031), x(1031), x(1031)),
    s(x(0, 5), x(5), x(5)),
]
RMS = [
    s(x(4, 7)),
    s(x(4, 7), x(7), eps=1e-3),
    s(x(2, 3, 4), x(3, 4), axes=2, eps=1e-5),
    s(x(130, 96), x(96), eps=1e-6),
    s(x(70, 1031), x(1031), eps=1e-6),
    s(x(7), x(7)),
    s(x(2, 3, 4), x(2, 3, 4), axes=3, eps=1e-5),
    s(x(0, 5), x(5)),
]


def local_response_norm(a, size, alpha=1e-4, beta=0.75, k=1.0):
    padded = np.pad(a * a, [(0, 0), (size // 2, (size - 1) // 2), *[(0, 0)] * (a.ndim - 2)])
    means = sum(padded[:, i : i + a.shape[1]] for i in range(size)) / size
    return a / (k + alpha * means) ** beta


STRONG = {"alpha": 0.5, "beta": 1.25, "k": 2.0}
RESPONSES = [
    *(s(x(2, 5, 3, 4), size=size, **STRONG) for size in (1, 2, 3, 5)),
    s(x(2, 4, 6), size=3, **STRONG),
    s(x(1, 3, 2, 3, 2), size=4, **STRONG),
    s(x(2, 3, 4), size=2),
    s(x(0, 3, 4), size=2),
    s(x(2, 33, 8, 8), size=5, alpha=0.1),
]

CASES = [
    case("batch_norm", batch_norm, BATCH, batch_norm_op),
    case("batch_norm evaluated", evaluated, RUNNING, evaluated_op),
    case("group_norm", group_norm, GROUP,
         lambda a, *parameters, num_groups: op("group_norm")(a, num_groups, *parameters)),
    case("instance_norm", instance_norm, INSTANCE,
         lambda a, weight=None, bias=None: op("instance_norm")(a, None, None, weight, bias)),
    case("layer_norm", layer_norm, LAYER, layer_norm_op),
    case("rms_norm", rms_norm, RMS, rms_norm_op),
    case("local_response_norm", local_response_norm, RESPONSES, layout_bits=False,
         reason="powers of sums in memory order"),
]  # fmt: skip
