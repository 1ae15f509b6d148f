"""Functions of neural networks: activations, normalisation, losses, attention, one-hot vectors."""

from __future__ import annotations

from typing import Any

import cygnet.ops as core
from cygnet.keras import activations
from cygnet.keras.operation import FUNCTIONS, lifted
from cygnet.keras.ops.common import Axis, axes_of, in_dtype, tensor_of, with_fractions
from cygnet.tensor import Tensor

_EPSILON = 1e-7  # Keras's bound of probabilities, and of what is divided by
_ACTIVATIONS = [
    "celu",
    "elu",
    "gelu",
    "glu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "leaky_relu",
    "log_sigmoid",
    "log_softmax",
    "relu",
    "relu6",
    "selu",
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
    "tanh_shrink",
    "threshold",
]
globals().update({name: getattr(activations, name) for name in _ACTIVATIONS})
FUNCTIONS.update(
    {
        f"activations.{name}": getattr(activations, name)
        for name in (*_ACTIVATIONS, "exponential", "linear", "mish", "tanh")
    }
)


@lifted
def gelu(x: Any, approximate: bool = True) -> Tensor:
    """`x` times the normal distribution's function of `x`, by default with tanh for it."""
    return core.gelu(with_fractions(x), "tanh" if approximate else "none")


@lifted
def one_hot(
    x: Any, num_classes: int, axis: int = -1, dtype: Any = None, sparse: bool = False
) -> Tensor:
    """1 at the class's place of a new axis, else 0; only 0 where there is no such class."""
    x = in_dtype(tensor_of(x), "int64")
    classes = core.arange(num_classes)
    found = core.eq(core.unsqueeze(x, -1), classes)
    found = in_dtype(found, dtype or "float32")
    return found if axis in (-1, x.ndim) else core.movedim(found, -1, axis)


@lifted
def multi_hot(
    inputs: Any,
    num_classes: int | None = None,
    axis: int = -1,
    dtype: Any = None,
    sparse: bool = False,
    **kwargs: Any,
) -> Tensor:
    """1 at the places of all classes of an example, else 0."""
    classes = num_classes if num_classes is not None else kwargs["num_tokens"]
    x = in_dtype(tensor_of(inputs), "int64")
    found = core.eq(core.unsqueeze(x, -1), core.arange(classes))
    return in_dtype(core.any(found, -2) if x.ndim > 0 else found, dtype or "float32")


@lifted
def in_top_k(targets: Any, predictions: Any, k: int) -> Tensor:
    """Whether the score of the target is among the k highest."""
    scores, places = with_fractions(predictions), in_dtype(tensor_of(targets), "int64")
    own = core.gather(scores, -1, core.unsqueeze(places, -1))
    return core.lt(core.sum(in_dtype(core.gt(scores, own), "int64"), -1), k)


@lifted
def batch_normalization(
    x: Any,
    mean: Any,
    variance: Any,
    axis: int,
    offset: Any = None,
    scale: Any = None,
    epsilon: float = 0.001,
) -> Tensor:
    """(x - mean) / sqrt(variance + epsilon) * scale + offset, along one axis."""
    x = with_fractions(x)
    shape = tuple(-1 if each == axis % x.ndim else 1 for each in range(x.ndim))

    def along(given: Any) -> Tensor:
        return core.reshape(tensor_of(given), shape)

    factor = core.rsqrt(core.add(along(variance), epsilon))
    factor = factor if scale is None else core.mul(factor, along(scale))
    output = core.mul(core.sub(x, along(mean)), factor)
    return output if offset is None else core.add(output, along(offset))


def _normalized(x: Tensor, axes: tuple[int, ...], given: Any) -> Tensor:
    """A scale or offset of the axes in the shape that broadcasts to `x`."""
    return core.reshape(
        tensor_of(given), tuple(size if i in axes else 1 for i, size in enumerate(x.shape))
    )


@lifted
def layer_normalization(
    x: Any,
    gamma: Any = None,
    beta: Any = None,
    axis: Axis = -1,
    epsilon: float | None = None,
    **kwargs: Any,
) -> Tensor:
    """Mean 0 and variance 1 along the axes, times gamma, plus beta."""
    x = with_fractions(x)
    axes = axes_of(x, axis)
    centered = core.sub(x, core.mean(x, axes, True))
    variance = core.mean(core.square(centered), axes, True)
    output = core.mul(
        centered, core.rsqrt(core.add(variance, _EPSILON if epsilon is None else epsilon))
    )
    output = output if gamma is None else core.mul(output, _normalized(x, axes, gamma))
    return output if beta is None else core.add(output, _normalized(x, axes, beta))


@lifted
def rms_normalization(
    x: Any, scale: Any = None, axis: Axis = -1, epsilon: float | None = None
) -> Tensor:
    """Mean square 1 along the axes, times the scale."""
    x = with_fractions(x)
    axes = axes_of(x, axis)
    least = _EPSILON if epsilon is None else epsilon
    output = core.mul(x, core.rsqrt(core.add(core.mean(core.square(x), axes, True), least)))
    return output if scale is None else core.mul(output, _normalized(x, axes, scale))


@lifted
def binary_crossentropy(target: Any, output: Any, from_logits: bool = False) -> Tensor:
    """-t log(p) - (1 - t) log(1 - p) of each number."""
    target, output = with_fractions(target), with_fractions(output)
    if from_logits:
        return core.sub(core.softplus(output), core.mul(target, output))
    p = _bounded(output)
    other = core.mul(core.rsub(target, 1), core.log(core.rsub(p, 1)))
    return core.neg(core.add(core.mul(target, core.log(p)), other))


@lifted
def categorical_crossentropy(
    target: Any, output: Any, from_logits: bool = False, axis: int = -1
) -> Tensor:
    """-sum(t log(p)) along an axis; without logits the outputs are divided by their sum."""
    target, output = with_fractions(target), with_fractions(output)
    if from_logits:
        logs = core.log_softmax(output, axis)
    else:
        logs = core.log(_bounded(core.div(output, core.sum(output, axis, True))))
    return core.neg(core.sum(core.mul(target, logs), axis))


@lifted
def sparse_categorical_crossentropy(
    target: Any, output: Any, from_logits: bool = False, axis: int = -1
) -> Tensor:
    """-log(p) of the class that the target tells."""
    output, places = with_fractions(output), in_dtype(tensor_of(target), "int64")
    if places.ndim == output.ndim and places.shape[-1] == 1:
        places = core.squeeze(places, -1)
    logs = core.log_softmax(output if from_logits else core.log(_bounded(output)), axis)
    return core.neg(core.squeeze(core.gather(logs, axis, core.unsqueeze(places, axis)), axis))


def _bounded(shares: Tensor) -> Tensor:
    return core.clamp(shares, _EPSILON, 1 - _EPSILON)


@lifted
def dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    bias: Any = None,
    mask: Any = None,
    scale: float | None = None,
    is_causal: bool = False,
    flash_attention: bool | None = None,
) -> Tensor:
    """softmax(query key' scale + bias) value, of (batch, length, heads, width) tensors.

    Parameters
    ----------
    bias : Tensor, optional
        Added to the scores (batch, heads, queries, keys).
    mask : Tensor, optional
        bool, True where a query may attend; broadcast to the scores.
    scale : float, optional
        Default 1 / sqrt(width).
    is_causal : bool
        Whether no query sees keys behind it. Default False.
    """
    q, k, v = (core.transpose(tensor_of(x), 1, 2) for x in (query, key, value))
    added = None if mask is None else closed(tensor_of(mask), q.dtype)
    if bias is not None:
        added = tensor_of(bias) if added is None else core.add(tensor_of(bias), added)
    if is_causal and added is not None:
        order = core.ones(q.shape[-2], k.shape[-2], dtype=bool).tril()
        added = core.add(added, closed(order, q.dtype))
    found = core.scaled_dot_product_attention(
        q, k, v, added, is_causal=is_causal and added is None, scale=scale, enable_gqa=True
    )
    return core.transpose(found, 1, 2)


_FAR_BELOW = -1e30  # finite: a query without any key attends to all alike, as in Keras


def closed(mask: Tensor, dtype: Any) -> Tensor:
    """What added to scores keeps those where a bool mask is False out of a softmax."""
    zero = core.zeros((), dtype=dtype)
    return core.where(mask, zero, _FAR_BELOW)


@lifted
def average_pool(
    inputs: Any,
    pool_size: Any,
    strides: Any = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> Tensor:
    """Means of windows of (N, ..., C) tensors."""
    return _pooled("AveragePooling", inputs, pool_size, strides, padding, data_format)


@lifted
def max_pool(
    inputs: Any,
    pool_size: Any,
    strides: Any = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> Tensor:
    """The largest numbers of windows of (N, ..., C) tensors."""
    return _pooled("MaxPooling", inputs, pool_size, strides, padding, data_format)


def _pooled(
    kind: str, inputs: Any, size: Any, strides: Any, padding: str, data_format: str | None
) -> Tensor:
    from cygnet.keras import layers

    x = with_fractions(inputs)
    layer = getattr(layers, f"{kind}{x.ndim - 2}D")
    size = size[0] if x.ndim == 3 and isinstance(size, tuple | list) else size
    return layer(size, strides, padding, data_format=data_format).call(x)  # type: ignore[no-any-return]


__all__ = [
    *_ACTIVATIONS,
    "average_pool",
    "batch_normalization",
    "binary_crossentropy",
    "categorical_crossentropy",
    "dot_product_attention",
    "in_top_k",
    "layer_normalization",
    "max_pool",
    "multi_hot",
    "one_hot",
    "rms_normalization",
    "sparse_categorical_crossentropy",
]
