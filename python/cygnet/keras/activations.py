"""Activations with Keras's names, arguments and defaults."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from cygnet import ops
from cygnet.keras.attached import logits
from cygnet.keras.lookup import Registry
from cygnet.keras.symbolic import is_symbolic
from cygnet.ops.create import arange, as_tensor
from cygnet.tensor import Tensor

__all__ = [
    "celu",
    "deserialize",
    "elu",
    "exponential",
    "fused_name",
    "gelu",
    "get",
    "glu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "relu",
    "relu6",
    "selu",
    "serialize",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softmax",
    "softplus",
    "softsign",
    "sparse_plus",
    "sparse_sigmoid",
    "sparsemax",
    "squareplus",
    "swish",
    "tanh",
    "tanh_shrink",
    "threshold",
]

Axis = int | tuple[int, ...]
_functions: dict[str, Callable[..., Any]] = {}


def _activation(function: Callable[..., Any]) -> Callable[..., Any]:
    """Registers a function of a tensor, so that it also takes arrays and KerasTensors."""

    @functools.wraps(function)
    def activation(x: Any, *args: Any, **kwargs: Any) -> Any:
        if not isinstance(x, Tensor):
            if is_symbolic(x):
                from cygnet.keras.operation import Operation  # a layer: it lies above

                return Operation(f"activations.{function.__name__}")(x, *args, **kwargs)
            x = as_tensor(x)
            x = x if x.dtype.kind == "f" else x.float()
        return function(x, *args, **kwargs)

    _functions[function.__name__] = activation
    return activation


@_activation
def linear(x: Tensor) -> Tensor:
    """The input itself."""
    return x


@_activation
def relu(
    x: Tensor, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0
) -> Tensor:
    """`x` from `threshold` on, but at most `max_value`; below, ``negative_slope * (x -
    threshold)``.
    """
    if threshold:
        below = (x - threshold) * negative_slope if negative_slope else 0.0
        output = ops.where(x > threshold, x, below)
    else:
        output = ops.leaky_relu(x, negative_slope) if negative_slope else ops.relu(x)
    return output if max_value is None else output.clamp(max=max_value)


@_activation
def leaky_relu(x: Tensor, negative_slope: float = 0.2) -> Tensor:
    """`x` where it is positive, else ``negative_slope * x``."""
    return ops.leaky_relu(x, negative_slope)


@_activation
def relu6(x: Tensor) -> Tensor:
    """``min(max(x, 0), 6)``."""
    return ops.relu6(x)


@_activation
def softmax(x: Tensor, axis: Axis = -1) -> Tensor:
    """``exp(x)`` over its sum along an axis, or along several."""
    output = _along(ops.softmax, x, axis)
    return logits.attach(output, x) if axis == -1 else output


@_activation
def log_softmax(x: Tensor, axis: Axis = -1) -> Tensor:
    """The logarithm of `softmax`."""
    return _along(ops.log_softmax, x, axis)


def _along(function: Callable[..., Tensor], x: Tensor, axis: Axis) -> Tensor:
    """A function along one axis, along several as if they were one."""
    if isinstance(axis, int):
        return function(x, axis)
    axes = [each % x.ndim for each in axis]
    order = [each for each in range(x.ndim) if each not in axes] + axes
    moved = x.permute(order)
    output = function(moved.flatten(x.ndim - len(axes)), -1).reshape(moved.shape)
    return output.permute([order.index(each) for each in range(x.ndim)])


@_activation
def sparsemax(x: Tensor, axis: int = -1) -> Tensor:
    """The nearest point of those whose elements are at least 0 and sum to 1, along an axis.

    References
    ----------
    A. Martins, R. Astudillo, "From softmax to sparsemax", ICML 2016.
    """
    rows = x.movedim(axis, -1)
    largest = rows.sort(-1, descending=True)[0]
    sums = largest.cumsum(-1)
    counts = arange(1, rows.shape[-1] + 1, dtype=x.dtype)
    kept = (largest * counts + 1 > sums).to(x.dtype)
    count = kept.sum(-1, keepdim=True)
    excess = ((largest * kept).sum(-1, keepdim=True) - 1) / count
    return ops.relu(rows - excess).movedim(-1, axis)


@_activation
def sigmoid(x: Tensor) -> Tensor:
    """``1 / (1 + exp(-x))``."""
    return logits.attach(ops.sigmoid(x), x)


@_activation
def log_sigmoid(x: Tensor) -> Tensor:
    """The logarithm of `sigmoid`."""
    return ops.logsigmoid(x)


@_activation
def hard_sigmoid(x: Tensor) -> Tensor:
    """``relu6(x + 3) / 6``."""
    return ops.hardsigmoid(x)


@_activation
def sparse_sigmoid(x: Tensor) -> Tensor:
    """``(x + 1) / 2``, but not below 0 and not above 1."""
    return (x * 0.5 + 0.5).clamp(0.0, 1.0)


@_activation
def tanh(x: Tensor) -> Tensor:
    """The hyperbolic tangent."""
    return ops.tanh(x)


@_activation
def hard_tanh(x: Tensor) -> Tensor:
    """`x`, but not below -1 and not above 1."""
    return ops.hardtanh(x)


@_activation
def tanh_shrink(x: Tensor) -> Tensor:
    """``x - tanh(x)``."""
    return ops.tanhshrink(x)


@_activation
def hard_shrink(x: Tensor, threshold: float = 0.5) -> Tensor:
    """0 where ``|x| <= threshold``, else `x`."""
    return ops.hardshrink(x, threshold)


@_activation
def soft_shrink(x: Tensor, threshold: float = 0.5) -> Tensor:
    """`x` moved towards 0 by `threshold`."""
    return ops.softshrink(x, threshold)


@_activation
def threshold(x: Tensor, threshold: float, default_value: float) -> Tensor:
    """`x` where it is above `threshold`, else `default_value`."""
    return ops.threshold(x, threshold, default_value)


@_activation
def softplus(x: Tensor) -> Tensor:
    """``log(1 + exp(x))``."""
    return ops.softplus(x)


@_activation
def sparse_plus(x: Tensor) -> Tensor:
    """0 up to -1, `x` from 1 on, ``(x + 1)² / 4`` between."""
    inside = (x + 1.0).square() * 0.25
    return ops.where(x >= 1.0, x, ops.where(x <= -1.0, 0.0, inside))


@_activation
def squareplus(x: Tensor, b: float = 4) -> Tensor:
    """``(x + sqrt(x² + b)) / 2``."""
    return (x + (x.square() + b).sqrt()) * 0.5


@_activation
def softsign(x: Tensor) -> Tensor:
    """``x / (1 + |x|)``."""
    return ops.softsign(x)


@_activation
def silu(x: Tensor) -> Tensor:
    """``x * sigmoid(x)``, also called swish."""
    return ops.silu(x)


@_activation
def hard_silu(x: Tensor) -> Tensor:
    """``x * hard_sigmoid(x)``."""
    return ops.hardswish(x)


@_activation
def gelu(x: Tensor, approximate: bool = False) -> Tensor:
    """`x` times the normal distribution's function of `x`; `approximate` takes tanh for it."""
    return ops.gelu(x, "tanh" if approximate else "none")


@_activation
def mish(x: Tensor) -> Tensor:
    """``x * tanh(softplus(x))``."""
    return ops.mish(x)


@_activation
def elu(x: Tensor, alpha: float = 1.0) -> Tensor:
    """`x` where it is positive, else ``alpha * (exp(x) - 1)``."""
    return ops.elu(x, alpha)


@_activation
def selu(x: Tensor) -> Tensor:
    """A scaled `elu` that keeps mean and variance through layers."""
    return ops.selu(x)


@_activation
def celu(x: Tensor, alpha: float = 1.0) -> Tensor:
    """`x` where it is positive, else ``alpha * (exp(x / alpha) - 1)``."""
    return ops.celu(x, alpha)


@_activation
def glu(x: Tensor, axis: int = -1) -> Tensor:
    """``a * sigmoid(b)`` of the halves a and b of `x` along an axis."""
    return ops.glu(x, axis)


@_activation
def exponential(x: Tensor) -> Tensor:
    """``exp(x)``."""
    return ops.exp(x)


swish = silu
hard_swish = hard_silu

_registry = Registry(
    "activations", _functions, {"swish": silu, "hard_swish": hard_silu}, default=linear
)
get = _registry.get
serialize = _registry.serialize
deserialize = _registry.deserialize

_FUSED = {
    function: name
    for name in ("gelu", "relu", "silu", "tanh")
    for function in (_functions[name], getattr(ops, name))
} | {linear: "none"}


def fused_name(activation: Callable[..., Any]) -> str | None:
    """What kernels that take an activation call it; None for those that they do not take, and for
    `sigmoid`, whose argument losses ask for.
    """
    return _FUSED.get(activation)
