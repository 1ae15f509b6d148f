"""Scaled dot-product attention: A. Vaswani et al., "Attention is all you need", 2017, section 3."""

from __future__ import annotations

import math

import numpy as np

from cygnet import kernels
from cygnet.ops.broadcast import expand, reshape
from cygnet.ops.common import as_tensor, cast, wrap
from cygnet.ops.dropout import dropout
from cygnet.ops.elementwise import add, gt, mul, where
from cygnet.ops.products import matmul
from cygnet.ops.shape import transpose, unsqueeze
from cygnet.ops.softmax import softmax
from cygnet.tensor import FLOATS, Array, Tensor

__all__ = [
    "scaled_dot_product_attention",
]


def causal_mask(rows: int, columns: int) -> Tensor:
    """True where a column is not beyond its row."""
    return wrap(np.tri(rows, columns, dtype=np.bool_))


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """softmax(query @ key.T * scale + mask) @ value over the last two axes; leading axes broadcast.

    A query that may attend to nothing gives zeros, with zero gradients; so do those of PyTorch's
    kernels that allow for it, the others give NaN.

    Parameters
    ----------
    query : Tensor
        (..., heads, L, E), float32 or float64.
    key : Tensor
        (..., heads, S, E).
    value : Tensor
        (..., heads, S, Ev).
    attn_mask : Tensor, optional
        Broadcast to (..., heads, L, S): bool, True where a query may attend, or numbers that are
        added to the scores.
    dropout_p : float
        Probability of dropping a weight, in every mode. Default 0.
    is_causal : bool
        Whether query i attends to the keys up to i only; not together with attn_mask. Default
        False.
    scale : float, optional
        Default 1 / sqrt(E).
    enable_gqa : bool
        Whether key and value may have fewer heads, each for a run of neighbouring queries' heads.
        Default False.

    Returns
    -------
    Tensor
        (..., heads, L, Ev).

    Raises
    ------
    ShapeError, DTypeError, ValueError
    """
    op = "scaled_dot_product_attention"
    query, key = as_tensor(query, op, "query"), as_tensor(key, op, "key")
    value = as_tensor(value, op, "value")
    for name, tensor in (("query", query), ("key", key), ("value", value)):
        if tensor.ndim < 2:
            raise kernels.ShapeError(
                f"{op}: {name} has shape {tensor.shape}, expected at least 2 dimensions"
            )
        if tensor.dtype != query.dtype:
            raise kernels.DTypeError(f"{op}: {name} is {tensor.dtype}, expected {query.dtype}")
    if query.shape[-1] != key.shape[-1] or key.shape[-2] != value.shape[-2]:
        raise kernels.ShapeError(
            f"{op}: query {query.shape}, key {key.shape} and value {value.shape} do not fit, "
            "expected (..., L, E), (..., S, E) and (..., S, Ev)"
        )
    if is_causal:
        if attn_mask is not None:
            raise ValueError(f"{op}: attn_mask must be None if is_causal is True")
        attn_mask = causal_mask(query.shape[-2], key.shape[-2])
    if enable_gqa:
        key, value = (_for_heads(op, query, tensor) for tensor in (key, value))
    return attend(query, key, value, attn_mask, dropout_p, scale)[0]


def _for_heads(op: str, query: Tensor, tensor: Tensor) -> Tensor:
    """Each head of `tensor` repeated so that there are as many as in the query."""
    if min(query.ndim, tensor.ndim) < 3 or query.shape[-3] % max(1, tensor.shape[-3]):
        raise kernels.ShapeError(
            f"{op}: query {query.shape} expected a multiple of the heads of {tensor.shape}"
        )
    *batch, heads, length, width = tensor.shape
    times = query.shape[-3] // max(1, heads)
    repeated = expand(unsqueeze(tensor, -3), *batch, heads, times, length, width)
    return reshape(repeated, *batch, heads * times, length, width)


def attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None,
    dropout_p: float = 0.0,
    scale: float | None = None,
    cell: Array | None = None,
) -> tuple[Tensor, Tensor]:
    """The result of `scaled_dot_product_attention`, and the weights (..., L, S) after dropout.

    `cell` is the random state of the dropout, see `dropout`.
    """
    factor = 1.0 / math.sqrt(max(1, query.shape[-1])) if scale is None else scale
    scores = matmul(mul(query, factor), transpose(key, -1, -2))
    if mask is None:
        weights = softmax(scores, -1)
    else:
        allowed = mask
        if mask.dtype in FLOATS:
            allowed, scores = gt(mask, -math.inf), add(scores, cast(mask, scores.dtype))
        elif mask.dtype != np.bool_:
            raise kernels.DTypeError(
                f"scaled_dot_product_attention: attn_mask is {mask.dtype}, expected bool or "
                "floating point"
            )
        # A finite bound, far below any score: rows without a key stay finite, and become zeros.
        lowest = float(np.finfo(scores.dtype).min)
        weights = where(allowed, softmax(where(allowed, scores, lowest), -1), 0.0)
    weights = dropout(weights, dropout_p, cell=cell)
    return matmul(weights, value), weights
