"""Which tensors the gradient of an op needs unchanged, and which may be written in place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import cygnet as cn
from cygnet.nn import functional as F

# A call, the tensors that its gradient uses and those that it does not: inputs by number, -1 for
# the result.
CALLS: dict[str, tuple[Callable[..., Any], tuple[tuple[int, ...], ...], set[int]]] = {
    "relu": (F.relu, ((3, 4),), {-1}),
    "leaky_relu": (F.leaky_relu, ((3, 4),), {0}),
    "sigmoid": (F.sigmoid, ((3, 4),), {-1}),
    "tanh": (F.tanh, ((3, 4),), {-1}),
    "gelu": (F.gelu, ((3, 4),), {0}),
    "softmax": (lambda x: F.softmax(x, 1), ((3, 4),), {-1}),
    "log_softmax": (lambda x: F.log_softmax(x, 1), ((3, 4),), {-1}),
    "linear": (F.linear, ((3, 4), (5, 4), (5,)), {0, 1}),
    "linear relu": (
        lambda *x: F.linear(*x, activation="relu"),
        ((3, 4), (5, 4), (5,)),
        {0, 1, 2, -1},
    ),
    "conv2d": (F.conv2d, ((1, 2, 4, 4), (3, 2, 2, 2), (3,)), {0, 1}),
    "batch_norm": (
        lambda x, w, b: F.batch_norm(x, None, None, w, b, True),
        ((4, 3, 2), (3,), (3,)),
        {0, 1},
    ),
    "batch_norm evaluated": (
        lambda x, m, v: F.batch_norm(x, m.detach(), v.detach().abs()),
        ((4, 3, 2), (3,), (3,)),
        {0},
    ),
    "layer_norm": (lambda x, w, b: F.layer_norm(x, (4,), w, b), ((3, 4), (4,), (4,)), {0, 1}),
    "rms_norm": (lambda x, w: F.rms_norm(x, (4,), w), ((3, 4), (4,)), {0, 1}),
    "group_norm": (lambda x, w, b: F.group_norm(x, 2, w, b), ((3, 4, 2), (4,), (4,)), {0, 1}),
    "max_pool2d": (lambda x: F.max_pool2d(x, 2), ((1, 2, 4, 4),), {0}),
    "avg_pool2d": (lambda x: F.avg_pool2d(x, 2), ((1, 2, 4, 4),), set()),
    "adaptive_max_pool2d": (lambda x: F.adaptive_max_pool2d(x, 2), ((1, 2, 4, 4),), set()),
    "adaptive_avg_pool2d": (lambda x: F.adaptive_avg_pool2d(x, 2), ((1, 2, 4, 4),), set()),
    "mse_loss": (lambda x, y: F.mse_loss(x, y, reduction="none"), ((3, 4), (3, 4)), {0, 1}),
    "dropout": (F.dropout, ((3, 4),), set()),
}
WRITES = [
    pytest.param(name, position, id=f"{name}-{position}")
    for name, (_, shapes, _) in CALLS.items()
    for position in (*range(len(shapes)), -1)
]


@pytest.mark.parametrize(("name", "position"), WRITES)
def test_only_what_a_gradient_uses_must_stay(name: str, position: int) -> None:
    function, shapes, used = CALLS[name]
    inputs = [cn.randn(*shape, requires_grad=True) * 1 for shape in shapes]
    result = function(*inputs)
    with cn.no_grad():
        (*inputs, result)[position].add_(1.0)
    if position in used:
        with pytest.raises(RuntimeError, match="modified in place"):
            result.sum().backward()
    else:
        result.sum().backward()


@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_labels_of_cross_entropy_must_stay(reduction: str) -> None:
    scores, labels = cn.randn(3, 4, requires_grad=True), cn.tensor([0, 1, 2])
    loss = F.cross_entropy(scores, labels, reduction=reduction)
    labels.add_(1)
    with pytest.raises(RuntimeError, match="modified in place"):
        loss.sum().backward()
