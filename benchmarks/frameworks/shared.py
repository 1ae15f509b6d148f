"""What Cygnet and PyTorch write alike, as they share their names; `torch` is either package."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from benchmarks.frameworks import STEPS, Workload
from benchmarks.networks import (
    Array,
    Attention,
    Average,
    Conv,
    Embedding,
    Flatten,
    Gelu,
    Layer,
    LayerNorm,
    Linear,
    Network,
    Norm,
    Pool,
    Relu,
    Residual,
    weights_of,
)
from benchmarks.operations import Operation

Run = Callable[[], Any]
Plan = Callable[..., Callable[..., Any]]


def model_of(network: Network, torch: Any) -> Any:
    """The network in the usual modules, with its weights."""
    nn = torch.nn

    class Sum(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self, body: Any, shortcut: Any) -> None:
            super().__init__()
            self.body, self.shortcut = body, shortcut

        def forward(self, input: Any) -> Any:
            return self.body(input) + self.shortcut(input)

    class Embedded(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self, layer: Embedding) -> None:
            super().__init__()
            self.token = nn.Embedding(layer.vocabulary, layer.width)
            self.position = nn.Embedding(layer.length, layer.width)

        def forward(self, input: Any) -> Any:
            return self.token(input) + self.position(torch.arange(input.shape[1]))

    class SelfAttention(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self, layer: Attention) -> None:
            super().__init__()
            self.heads = layer.heads
            self.qkv = nn.Linear(layer.width, 3 * layer.width)
            self.proj = nn.Linear(layer.width, layer.width)

        def forward(self, input: Any) -> Any:
            batch, length, width = input.shape
            heads = (batch, length, self.heads, width // self.heads)
            parts = self.qkv(input).split(width, 2)
            q, k, v = (part.view(heads).transpose(1, 2) for part in parts)
            mixed = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
            return self.proj(mixed.transpose(1, 2).reshape(batch, length, width))

    def module_of(layer: Layer) -> Any:
        match layer:
            case Linear():
                return nn.Linear(layer.inputs, layer.outputs, bias=layer.bias)
            case Embedding():
                return Embedded(layer)
            case LayerNorm():
                return nn.LayerNorm(layer.width)
            case Gelu():
                return nn.GELU()
            case Attention():
                return SelfAttention(layer)
            case Conv():
                kind = nn.ConvTranspose2d if layer.transposed else nn.Conv2d
                return kind(
                    layer.inputs, layer.outputs, layer.kernel, stride=layer.stride,
                    padding=layer.padding, groups=layer.groups, bias=layer.bias,
                )  # fmt: skip
            case Norm():
                return nn.BatchNorm2d(layer.channels)
            case Relu():
                return nn.ReLU()
            case Pool():
                return nn.MaxPool2d(layer.kernel)
            case Average():
                return nn.AdaptiveAvgPool2d(1)
            case Flatten():
                return nn.Flatten()
            case Residual():
                shortcut = chain(layer.shortcut) if layer.shortcut else nn.Identity()
                return Sum(chain(layer.body), shortcut)

    def chain(layers: Sequence[Layer]) -> Any:
        return nn.Sequential(*(module_of(layer) for layer in layers))

    model = chain(network.layers)
    with torch.no_grad():
        for parameter, values in zip(model.parameters(), weights_of(network), strict=True):
            parameter.detach().numpy()[...] = values
    return model


def stepping(step: Callable[..., Any], batch: Sequence[Any], plan: Plan | None) -> Workload:
    """Steps that give their loss; `plan` is `cygnet.capture` or nothing."""
    run = partial(plan(step) if plan else step, *batch)
    return Workload(run, lambda: [np.array([run().item() for _ in range(STEPS)])])


def training(
    network: Network, torch: Any, model: Any, batch: Sequence[Any], plan: Plan | None = None,
    **fused: bool,
) -> Workload:  # fmt: skip
    """A training step on `batch`, samples and targets."""
    if network.loss == "cross entropy":
        loss_of = torch.nn.CrossEntropyLoss()
    else:
        loss_of = torch.nn.BCEWithLogitsLoss()
    if network.optimizer.startswith("adam"):
        kind = torch.optim.AdamW if network.optimizer == "adamw" else torch.optim.Adam
        optimizer = kind(model.parameters(), lr=1e-3, **fused)
    else:
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, **fused)

    def step(samples: Any, targets: Any) -> Any:
        optimizer.zero_grad()
        scores = model(samples)
        if network.tokens:
            scores, targets = scores.flatten(0, 1), targets.flatten()
        loss = loss_of(scores, targets)
        loss.backward()
        optimizer.step()
        return loss

    return stepping(step, batch, plan)


def inferring(torch: Any, model: Any, samples: Any, plan: Plan | None = None) -> Workload:
    """Forward passes without gradients; `plan` is `cygnet.freeze` or nothing."""
    model.eval()

    def forward() -> Any:
        with torch.inference_mode():
            return model(samples)

    run = partial(plan(model, samples), samples) if plan else forward
    return Workload(run, lambda: [run().numpy().copy()])


def optimizer_step(kind: Callable[[Sequence[Any]], Any], *tensors: Any) -> Run:
    """Steps over the first half of the tensors, with the second half as their gradients."""
    half = len(tensors) // 2
    parameters = [tensor.requires_grad_() for tensor in tensors[:half]]
    for parameter, gradient in zip(parameters, tensors[half:], strict=True):
        parameter.grad = gradient
    optimizer = kind(parameters)

    def step() -> Sequence[Any]:
        optimizer.step()
        return parameters

    return step


def public_operations(torch: Any) -> dict[str, Callable[..., Any]]:
    """Operations that are more than a public function of the same name and arguments."""
    f = torch.nn.functional

    def conv_forward(
        input: Any, weight: Any, bias: Any, *, transposed: bool, **options: Any
    ) -> Any:
        name = "conv_transpose" if transposed else "conv"
        return getattr(f, f"{name}{input.ndim - 2}d")(input, weight, bias, **options)

    return {
        "conv_forward": conv_forward,
        "add_row": torch.add,
        "sum_columns": lambda x: torch.sum(x, 0),
        "sum_rows": lambda x: torch.sum(x, 1),
        "amax_rows": lambda x: torch.amax(x, 1),
        "softmax": lambda x: f.softmax(x, -1),
        "log_softmax": lambda x: f.log_softmax(x, -1),
        "max_pool2d": lambda x: f.max_pool2d(x, 2),
        "avg_pool2d": lambda x: f.avg_pool2d(x, 2),
        "batch_norm": lambda x, weight, bias: f.batch_norm(
            x, None, None, weight, bias, training=True
        ),
        "group_norm": lambda x, weight, bias, groups: f.group_norm(x, groups, weight, bias),
        "layer_norm": lambda x, weight, bias: f.layer_norm(x, weight.shape, weight, bias),
        "rms_norm": lambda x, weight: f.rms_norm(x, weight.shape, weight, 1e-5),
        "attention": partial(f.scaled_dot_product_attention, is_causal=True),
        "embedding": lambda weight, indices: f.embedding(indices, weight),
    }


def operating(
    row: Operation, tensors: Sequence[Any], prepared: dict[str, Callable[..., Run]],
    direct: dict[str, Callable[..., Any]], torch: Any,
) -> Workload:  # fmt: skip
    """The operation on these tensors, without a tape.

    An entry of `prepared` makes what a forward pass saves, outside the measurement, and gives the
    function to time; one of `direct`, or the function of that name, is timed as it is.
    """
    public = getattr(torch.nn.functional, row.op, None) or getattr(torch, row.op, None)
    with torch.no_grad():
        if row.op in prepared:
            function = prepared[row.op](*tensors, **row.options)
        else:
            if (called := direct.get(row.op) or public) is None:
                raise AttributeError(f"there is no {row.op}")
            function = partial(called, *tensors, **row.options)

    def run() -> Any:
        with torch.no_grad():
            return function()

    def results() -> list[Array]:
        result = run()
        listed = result if isinstance(result, list | tuple) else [result]
        listed = [r.detach().numpy() if hasattr(r, "detach") else r for r in listed]
        return [np.array(r) for r in listed if r is not None]

    return Workload(run, results)
