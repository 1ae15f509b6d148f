"""Single operations in PyTorch: the kernels themselves; see `shared.operating` for the tables."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from benchmarks.frameworks.recurrent import ctc_step, lstm_cell
from benchmarks.frameworks.shared import Run, optimizer_step, public_operations
from benchmarks.operations import OPTIMIZERS

aten = torch.ops.aten


def conv_backward(
    which: int, grad: Tensor, input: Tensor, weight: Tensor, *, stride: int, padding: int,
    groups: int, transposed: bool,
) -> Tensor:  # fmt: skip
    axes = input.ndim - 2
    mask = [which == 0, which == 1, False]
    gradients = aten.convolution_backward(
        grad, input, weight, None, [stride] * axes, [padding] * axes, [1] * axes, transposed,
        [0] * axes, groups, mask,
    )  # fmt: skip
    result: Tensor = gradients[which]
    return result


def linear_relu_backward(
    grad: Tensor, input: Tensor, weight: Tensor, output: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    g = aten.threshold_backward(grad, output, 0)
    return g.mm(weight), g.t().mm(input), g.sum(0)


def max_pool2d_backward(grad: Tensor, input: Tensor) -> Run:
    indices = aten.max_pool2d_with_indices(input, [2, 2])[1]
    options = ([2, 2], [2, 2], [0, 0], [1, 1], False, indices)
    return lambda: aten.max_pool2d_with_indices_backward(grad, input, *options)


def avg_pool2d_backward(grad: Tensor, input: Tensor) -> Tensor:
    result: Tensor = aten.avg_pool2d_backward(
        grad, input, [2, 2], [2, 2], [0, 0], False, True, None
    )
    return result


def batch_norm_backward(grad: Tensor, input: Tensor, weight: Tensor) -> Run:
    saved = aten.native_batch_norm(input, weight, weight, None, None, True, 0.1, 1e-5)[1:]
    mask = [True] * 3
    return lambda: aten.native_batch_norm_backward(
        grad, input, weight, None, None, *saved, True, 1e-5, mask
    )


def group_norm_backward(grad: Tensor, input: Tensor, weight: Tensor, groups: int) -> Run:
    sizes = (input.shape[0], input.shape[1], input.shape[2:].numel(), groups)
    saved = aten.native_group_norm(input, weight, weight, *sizes, 1e-5)[1:]
    mask = [True] * 3
    return lambda: aten.native_group_norm_backward(grad, input, *saved, weight, *sizes, mask)


def layer_norm_backward(grad: Tensor, input: Tensor, weight: Tensor) -> Run:
    saved = aten.native_layer_norm(input, weight.shape, weight, weight, 1e-5)[1:]
    mask = [True] * 3
    return lambda: aten.native_layer_norm_backward(
        grad, input, weight.shape, *saved, weight, weight, mask
    )


def attention_backward(*tensors: torch.Tensor) -> Run:
    grad, *inputs = tensors
    saved = aten._scaled_dot_product_flash_attention_for_cpu(*inputs, 0.0, True)
    backward = aten._scaled_dot_product_flash_attention_for_cpu_backward
    return lambda: backward(grad, *inputs, *saved, 0.0, True)


def rms_norm_backward(grad: Tensor, input: Tensor, weight: Tensor) -> Run:
    """Through the tape: PyTorch has no such kernel for the CPU."""
    with torch.enable_grad():
        leaves = [tensor.detach().requires_grad_() for tensor in (input, weight)]
        output = PUBLIC["rms_norm"](*leaves)
    return lambda: torch.autograd.grad(output, leaves, grad, retain_graph=True)


def softmax_backward(kind: str, grad: Tensor, input: Tensor) -> Run:
    output = getattr(functional, kind)(input, -1)
    kernel = getattr(aten, f"_{kind}_backward_data")
    return lambda: kernel(grad, output, -1, input.dtype)


def cross_entropy_backward(input: Tensor, labels: Tensor) -> Run:
    scores = functional.log_softmax(input, -1)
    total = aten.nll_loss_forward(scores, labels, None, 1, -100)[1]
    one = torch.ones((), dtype=input.dtype)

    def run() -> Any:
        g = aten.nll_loss_backward(one, scores, labels, None, 1, -100, total)
        return aten._log_softmax_backward_data(g, scores, -1, input.dtype)

    return run


def best(optimizer: str) -> dict[str, bool]:
    """The argument that chooses an optimizer's fastest implementation."""
    return {"fused" if optimizer in ("Adagrad", "Adam", "AdamW", "SGD") else "foreach": True}


PUBLIC = public_operations(torch)
DIRECT: dict[str, Callable[..., Any]] = PUBLIC | {
    "linear_relu": lambda *operands: functional.linear(*operands).relu_(),
    "linear_relu_backward": linear_relu_backward,
    "conv_backward_input": partial(conv_backward, 0),
    "conv_backward_weight": partial(conv_backward, 1),
    "relu_backward": lambda grad, output: aten.threshold_backward(grad, output, 0),
    "sigmoid_backward": aten.sigmoid_backward,
    "tanh_backward": aten.tanh_backward,
    "gelu_backward": aten.gelu_backward,
    "silu_backward": aten.silu_backward,
    "max_pool2d_kept": lambda input: aten.max_pool2d_with_indices(input, [2, 2])[0],
    "avg_pool2d_backward": avg_pool2d_backward,
    "embedding_backward": lambda grad, indices: aten.embedding_dense_backward(
        grad, indices, grad.shape[0], -1, False
    ),
}
PREPARED: dict[str, Callable[..., Run]] = {
    "attention_backward": attention_backward,
    "max_pool2d_backward": max_pool2d_backward,
    "softmax_backward": partial(softmax_backward, "softmax"),
    "log_softmax_backward": partial(softmax_backward, "log_softmax"),
    "cross_entropy_backward": cross_entropy_backward,
    "ctc_step": partial(ctc_step, torch),
    "lstm_cell": partial(lstm_cell, torch),
    "batch_norm_backward": batch_norm_backward,
    "group_norm_backward": group_norm_backward,
    "layer_norm_backward": layer_norm_backward,
    "rms_norm_backward": rms_norm_backward,
    **{
        op: partial(optimizer_step, partial(getattr(torch.optim, name), **arguments, **best(name)))
        for op, (name, arguments, _) in OPTIMIZERS.items()
    },
}
