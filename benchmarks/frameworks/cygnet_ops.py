"""Single operations in Cygnet; see `shared.operating` for the tables."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import cygnet
from benchmarks.frameworks.recurrent import ctc_step, lstm_cell
from benchmarks.frameworks.shared import Run, optimizer_step, public_operations
from benchmarks.networks import Array
from benchmarks.operations import OPTIMIZERS
from cygnet import Tensor, kernels, optim
from cygnet.nn import functional


def channels_last(array: Array) -> Array:
    """The memory order that layers pass on to each other."""
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(array, 1, -1)), -1, 1)


def conv_backward(
    which: str, grad: Tensor, input: Tensor, weight: Tensor, *, transposed: bool, **options: Any
) -> Run:
    kind = "conv_transpose" if transposed else "conv"
    kernel = getattr(kernels, f"{kind}{input.ndim - 2}d_backward_{which}")
    g, x, w = grad.numpy(), input.numpy(), weight.numpy()
    if which == "input":
        return partial(kernel, g, w, x.shape, **options)
    return lambda: kernel(g, x, w.shape, need_bias=False, **options)[0]


def linear_relu_backward(grad: Tensor, input: Tensor, weight: Tensor, output: Tensor) -> Run:
    g, x, w, y = grad.numpy(), input.numpy(), weight.numpy(), output.numpy()
    return partial(kernels.linear_backward, g, x, w, y, activation="relu")


def attention_backward(grad: Tensor, query: Tensor, key: Tensor, value: Tensor) -> Run:
    g, q, k, v = (t.numpy() for t in (grad, query, key, value))
    options: dict[str, Any] = {"causal": True, "scale": query.shape[-1] ** -0.5}
    output, log_sum, _ = kernels.attention_forward(q, k, v, **options)
    return lambda: kernels.attention_backward(g, q, k, v, output, log_sum, **options)


def max_pool2d_backward(grad: Tensor, input: Tensor) -> Run:
    taps = kernels.max_pool2d_forward(input.numpy(), 2, keep="taps")[1]
    return partial(kernels.max_pool2d_backward, grad.numpy(), taps, input.shape, 2)


def batch_norm_backward(grad: Tensor, input: Tensor, weight: Tensor) -> Run:
    g, x, w = grad.numpy(), input.numpy(), weight.numpy()
    mean, rstd = kernels.batch_norm_forward(x, w, training=True)[1:]
    return lambda: kernels.batch_norm_backward(g, x, mean, rstd, w, training=True)[:3]


def norm_backward(norm: str, grad: Tensor, input: Tensor, weight: Tensor, **options: Any) -> Run:
    g, x, w = grad.numpy(), input.numpy(), weight.numpy()
    saved = getattr(kernels, f"{norm}_forward")(x, *options.values(), w, eps=1e-5)[1:]
    kernel = getattr(kernels, f"{norm}_backward")
    return lambda: kernel(g, x, *saved, w)


def cross_entropy_backward(input: Tensor, labels: Tensor) -> Run:
    x, y = input.numpy(), labels.numpy()
    one = np.ones((), x.dtype)
    log_sum_exp = kernels.cross_entropy_forward(x, y)[1]
    return lambda: kernels.cross_entropy_backward(one, x, y, log_sum_exp)


def softmax_backward(kind: str, grad: Tensor, input: Tensor) -> Run:
    output = getattr(kernels, f"{kind}_forward")(input.numpy())
    return partial(getattr(kernels, f"{kind}_backward"), grad.numpy(), output)


def by_kernel(name: str) -> Callable[..., Any]:
    """A kernel as a function of tensors; found when it is called."""
    return lambda *tensors: getattr(kernels, name)(*(t.numpy() for t in tensors))


PUBLIC = public_operations(cygnet)
DIRECT: dict[str, Callable[..., Any]] = PUBLIC | {
    "linear_relu": partial(functional.linear, activation="relu"),
    "relu_backward": by_kernel("relu_backward"),
    "sigmoid_backward": by_kernel("sigmoid_backward"),
    "tanh_backward": by_kernel("tanh_backward"),
    "gelu_backward": by_kernel("gelu_backward"),
    "silu_backward": by_kernel("silu_backward"),
    "max_pool2d_kept": lambda input: kernels.max_pool2d_forward(input.numpy(), 2, keep="taps")[0],
    "avg_pool2d_backward": lambda grad, input: kernels.avg_pool2d_backward(
        grad.numpy(), input.shape, 2
    ),
    "embedding_backward": lambda grad, indices: kernels.scatter_add_rows(
        grad.numpy(), indices.numpy(), grad.shape[0]
    ),
}
PREPARED: dict[str, Callable[..., Run]] = {
    "attention_backward": attention_backward,
    "linear_relu_backward": linear_relu_backward,
    "conv_backward_input": partial(conv_backward, "input"),
    "conv_backward_weight": partial(conv_backward, "weight"),
    "max_pool2d_backward": max_pool2d_backward,
    "softmax_backward": partial(softmax_backward, "softmax"),
    "log_softmax_backward": partial(softmax_backward, "log_softmax"),
    "cross_entropy_backward": cross_entropy_backward,
    "ctc_step": partial(ctc_step, cygnet),
    "lstm_cell": partial(lstm_cell, cygnet),
    "batch_norm_backward": batch_norm_backward,
    "group_norm_backward": partial(norm_backward, "group_norm"),
    "layer_norm_backward": partial(norm_backward, "layer_norm"),
    "rms_norm_backward": partial(norm_backward, "rms_norm"),
    **{
        op: partial(optimizer_step, partial(getattr(optim, name), **arguments))
        for op, (name, arguments, _) in OPTIMIZERS.items()
    },
}
