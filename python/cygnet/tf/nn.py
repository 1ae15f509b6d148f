"""Functions of neural networks: ``tf.nn``."""

from __future__ import annotations

from typing import Any

import cygnet.nn.functional as F
from cygnet import ops as core
from cygnet.keras import ops
from cygnet.keras.layers.common import window_padding
from cygnet.ops.create import as_tensor
from cygnet.tf.renamed import renamed

relu = renamed(ops.relu, "features")
relu6 = renamed(ops.relu6, "features")
elu = renamed(ops.elu, "features")
selu = renamed(ops.selu, "features")
leaky_relu = renamed(ops.leaky_relu, "features alpha")
gelu = renamed(ops.gelu, "features approximate", approximate=False)
silu = swish = renamed(ops.silu, "features")
sigmoid = renamed(ops.sigmoid, "x")
tanh = renamed(ops.tanh, "x")
softplus = renamed(ops.softplus, "features")
softsign = renamed(ops.softsign, "features")
softmax = renamed(ops.softmax, "logits axis")
log_softmax = renamed(ops.log_softmax, "logits axis")
moments = renamed(ops.moments, "x axes")
top_k = renamed(ops.top_k, "input k sorted")
in_top_k = renamed(ops.in_top_k, "targets predictions k")


def sigmoid_cross_entropy_with_logits(
    labels: Any = None, logits: Any = None, name: str | None = None
) -> Any:
    """The binary cross-entropy of each logit with its label 0 to 1."""
    values = as_tensor(logits)
    targets = as_tensor(labels).to(values.dtype)
    return F.binary_cross_entropy_with_logits(values, targets, reduction="none")


def weighted_cross_entropy_with_logits(
    labels: Any, logits: Any, pos_weight: Any, name: str | None = None
) -> Any:
    """The binary cross-entropy of logits, in which the label 1 counts by a weight."""
    values = as_tensor(logits)
    targets, weight = as_tensor(labels).to(values.dtype), as_tensor(pos_weight).to(values.dtype)
    return F.binary_cross_entropy_with_logits(values, targets, reduction="none", pos_weight=weight)


def batch_normalization(
    x: Any,
    mean: Any,
    variance: Any,
    offset: Any,
    scale: Any,
    variance_epsilon: float,
    name: str | None = None,
) -> Any:
    """(x - mean) / sqrt(variance + variance_epsilon) * scale + offset, all of which broadcast."""
    factor = ops.rsqrt(ops.add(variance, variance_epsilon))
    factor = factor if scale is None else ops.multiply(factor, scale)
    found = ops.multiply(ops.subtract(x, mean), factor)
    return found if offset is None else ops.add(found, offset)


def softmax_cross_entropy_with_logits(
    labels: Any, logits: Any, axis: int = -1, name: str | None = None
) -> Any:
    """The cross-entropy of rows of logits with rows of probabilities."""
    values = as_tensor(logits)
    targets = as_tensor(labels).to(values.dtype)
    return -(targets * core.log_softmax(values, axis)).sum(axis)


def sparse_softmax_cross_entropy_with_logits(
    labels: Any, logits: Any, name: str | None = None
) -> Any:
    """The cross-entropy of rows of logits (..., C) with labels (...)."""
    values, targets = as_tensor(logits), as_tensor(labels).to("int64")
    rows = values.reshape(-1, values.shape[-1])
    losses = F.cross_entropy(rows, targets.reshape(-1), reduction="none")
    return losses.reshape(values.shape[:-1])


def dropout(
    x: Any, rate: float, noise_shape: Any = None, seed: Any = None, name: str | None = None
) -> Any:
    """Numbers set to zero at random, with probability `rate`, and the others scaled up."""
    if noise_shape is not None:
        raise ValueError("nn.dropout: noise_shape is not supported; keras.layers.Dropout takes it")
    return F.dropout(as_tensor(x), rate, training=True)


def l2_loss(t: Any, name: str | None = None) -> Any:
    """Half of the sum of squares."""
    return ops.sum(ops.square(t)) / 2


def l2_normalize(x: Any, axis: Any = None, epsilon: float = 1e-12, name: Any = None) -> Any:
    """The tensor divided by its norm along the axes."""
    squares = ops.sum(ops.square(x), axis, True)
    return ops.multiply(x, ops.rsqrt(ops.maximum(squares, epsilon)))


def embedding_lookup(params: Any, ids: Any, max_norm: Any = None, name: Any = None) -> Any:
    """The rows of a table."""
    if max_norm is not None:
        raise ValueError("nn.embedding_lookup: max_norm is not supported")
    return F.embedding(as_tensor(ids), as_tensor(params))


def bias_add(value: Any, bias: Any, data_format: Any = None, name: str | None = None) -> Any:
    """A vector added along the last axis, or along the second of "NC..." data."""
    added = as_tensor(bias)
    if data_format is not None and data_format.startswith("NC") and as_tensor(value).ndim > 2:
        added = added.reshape(-1, *[1] * (as_tensor(value).ndim - 2))
    return as_tensor(value) + added


def conv2d(
    input: Any,
    filters: Any,
    strides: Any,
    padding: str,
    data_format: str = "NHWC",
    dilations: Any = 1,
    name: str | None = None,
) -> Any:
    """The convolution of images (N, H, W, C) with filters (kh, kw, C, out)."""
    if padding not in ("SAME", "VALID"):
        raise ValueError(f"nn.conv2d: padding expected 'SAME' or 'VALID', got {padding!r}")
    last = data_format == "NHWC"
    x, weight = as_tensor(input), as_tensor(filters).permute(3, 2, 0, 1)
    x = x.permute(0, 3, 1, 2) if last else x
    step, dilation = _pair(strides), _pair(dilations)
    if padding == "SAME":
        widths = [
            window_padding(size, (window - 1) * gap + 1, stride)
            for size, window, gap, stride in zip(
                x.shape[2:], weight.shape[2:], dilation, step, strict=True
            )
        ]
        x = F.pad(x, [width for pair in reversed(widths) for width in pair])
    output = F.conv2d(x, weight, None, step, 0, dilation)
    return output.permute(0, 2, 3, 1) if last else output


def max_pool2d(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: str,
    data_format: str = "NHWC",
    name: str | None = None,
) -> Any:
    """The maximum of each window of images (N, H, W, C)."""
    return ops.max_pool(input, _pair(ksize), _pair(strides), padding.lower(), _format(data_format))


def avg_pool2d(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: str,
    data_format: str = "NHWC",
    name: str | None = None,
) -> Any:
    """The mean of each window of images (N, H, W, C)."""
    return ops.average_pool(
        input, _pair(ksize), _pair(strides), padding.lower(), _format(data_format)
    )


max_pool, avg_pool = max_pool2d, avg_pool2d


def _pair(sizes: Any) -> tuple[int, int]:
    """Sizes along height and width, of one number, two, or four with batch and channels."""
    if isinstance(sizes, int):
        return sizes, sizes
    given = list(sizes)
    return (given[1], given[2]) if len(given) == 4 else (given[0], given[-1])


def _format(data_format: str) -> str:
    return "channels_first" if data_format.startswith("NC") else "channels_last"
