"""Scaled dot-product attention: A. Vaswani et al., "Attention is all you need", 2017, section 3."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cygnet import kernels
from cygnet.autograd import is_grad_enabled, needs_gradient, record
from cygnet.errors import composed
from cygnet.ops.broadcast import expand, reshape
from cygnet.ops.broadcast import sum as sum_
from cygnet.ops.common import as_tensor, cast, wrap
from cygnet.ops.create import ones
from cygnet.ops.dropout import dropout
from cygnet.ops.elementwise import add, logical_and, mul, ne, sub, where
from cygnet.ops.products import matmul
from cygnet.ops.shape import common_shape, transpose, unsqueeze
from cygnet.ops.softmax import softmax
from cygnet.random import default_generator
from cygnet.tensor import FLOATS, Array, Tensor

__all__ = [
    "scaled_dot_product_attention",
]


def causal_mask(rows: int, columns: int) -> Tensor:
    """True where a column is not beyond its row."""
    return wrap(np.tri(rows, columns, dtype=np.bool_))


@composed
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
    if query.dtype not in FLOATS:
        raise kernels.DTypeError(f"{op}: query is {query.dtype}, expected float32 or float64")
    if query.shape[-1] != key.shape[-1] or key.shape[-2] != value.shape[-2]:
        raise kernels.ShapeError(
            f"{op}: query {query.shape}, key {key.shape} and value {value.shape} do not fit, "
            "expected (..., L, E), (..., S, E) and (..., S, Ev)"
        )
    if not 0 <= dropout_p <= 1:
        raise ValueError(f"{op}: dropout_p is {dropout_p}, expected 0 <= dropout_p <= 1")
    if is_causal and attn_mask is not None:
        raise ValueError(f"{op}: attn_mask must be None if is_causal is True")
    if enable_gqa:
        for name, tensor in (("key", key), ("value", value)):
            heads = tensor.shape[-3] if min(query.ndim, tensor.ndim) > 2 else 0
            if heads == 0 or query.shape[-3] % heads:
                raise kernels.ShapeError(
                    f"{op}: query {query.shape} expected a multiple of the heads of {name}, "
                    f"{tensor.shape}"
                )
        if key.shape[-3] != value.shape[-3]:
            key, value = (_for_heads(tensor, query.shape[-3]) for tensor in (key, value))
    lead = query.shape[:-2]
    if not lead == key.shape[:-2] == value.shape[:-2]:
        key_lead = (*key.shape[:-3], *lead[-1:]) if enable_gqa else key.shape[:-2]
        value_lead = (*value.shape[:-3], *lead[-1:]) if enable_gqa else value.shape[:-2]
        lead = common_shape(op, (lead, key_lead, value_lead))
        query = expand(query, *lead, *query.shape[-2:])
        shared = (*lead[:-1], key.shape[-3]) if enable_gqa else lead
        key = expand(key, *shared, *key.shape[-2:])
        value = expand(value, *shared, *value.shape[-2:])
    mask = None
    if attn_mask is not None:
        mask = _checked_mask(op, attn_mask, query.dtype)
        scores = (*lead, query.shape[-2], key.shape[-2])
        try:
            mask = expand(mask, *scores)
        except kernels.ShapeError:
            raise kernels.ShapeError(
                f"{op}: attn_mask has shape {attn_mask.shape}, expected one that broadcasts to "
                f"{scores}"
            ) from None
    if query.ndim != 4:
        query, key, value = (_of_four(tensor) for tensor in (query, key, value))
        mask = None if mask is None else _of_four(mask)
    output = attention(query, key, value, mask, is_causal, dropout_p, scale)
    return output if len(lead) == 2 else reshape(output, (*lead, *output.shape[-2:]))


def _of_four(tensor: Tensor) -> Tensor:
    """(..., heads, rows, columns) as (batch, heads, rows, columns)."""
    lead, rest = tensor.shape[:-3], tensor.shape[-3:]
    return reshape(tensor, (math.prod(lead), *(1,) * (3 - len(rest)), *rest))


def _checked_mask(op: str, mask: Tensor, dtype: np.dtype[Any]) -> Tensor:
    """A mask as bool or as numbers of the scores' type."""
    mask = as_tensor(mask, op, "attn_mask")
    if mask.dtype in FLOATS:
        return cast(mask, dtype)
    if mask.dtype != np.bool_:
        raise kernels.DTypeError(
            f"{op}: attn_mask is {mask.dtype}, expected bool or floating point"
        )
    return mask


def _for_heads(tensor: Tensor, heads: int) -> Tensor:
    """Each head of a (..., heads, length, width) tensor repeated so that there are as many."""
    *batch, few, length, width = tensor.shape
    if few == heads:
        return tensor
    times = heads // few
    repeated = expand(unsqueeze(tensor, -3), *batch, few, times, length, width)
    return reshape(repeated, *batch, heads, length, width)


def attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None = None,
    causal: bool = False,
    dropout_p: float = 0.0,
    scale: float | None = None,
    cell: Array | None = None,
) -> Tensor:
    """`scaled_dot_product_attention` of checked (batch, heads, rows, columns) tensors, with both a
    mask and a causal one.

    Strided views are read in place, and so are masks that are repeated; the result has the memory
    order of the query. `cell` is the random state of the dropout, see `dropout`.
    """
    if mask is not None and needs_gradient(mask):
        return attend(query, key, value, mask, causal, dropout_p, scale, cell)[0]
    factor = _factor(query, scale)
    if dropout_p > 0 and cell is None:
        cell = default_generator.cell("dropout")
    q, k, v = query._array, key._array, value._array
    m = None if mask is None else mask._array
    output, log_sum, state = kernels.attention_forward(
        q, k, v, m, cell, causal=causal, scale=factor, dropout=dropout_p
    )
    result = wrap(output)
    if not needs_gradient(query, key, value):
        return result

    def backward(grad: Tensor) -> tuple[Tensor | None, ...]:
        if is_grad_enabled():
            return _gradients(grad, query, key, value, mask, causal, dropout_p, factor, state)
        grads = kernels.attention_backward(
            grad._array,
            q,
            k,
            v,
            output,
            log_sum,
            m,
            state,
            causal=causal,
            scale=factor,
            dropout=dropout_p,
            need_query=query.requires_grad,
            need_key=key.requires_grad,
            need_value=value.requires_grad,
        )
        return tuple([None if g is None else wrap(g) for g in grads])

    values = (query, key, value, result) if mask is None else (query, key, value, mask, result)
    return record(result, (query, key, value), backward, "attention", saved=values)


def _gradients(
    grad: Tensor,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None,
    causal: bool,
    dropout_p: float,
    scale: float,
    state: Array | None,
) -> tuple[Tensor | None, ...]:
    """The gradients of `attention`, written in ops."""
    heads = query.shape[1]
    keys = _for_heads(key, heads)
    weights = _weights(query, keys, mask, causal, scale)
    used, by_weights = weights, matmul(grad, transpose(_for_heads(value, heads), -1, -2))
    if state is not None:
        again = kernels.contiguous(state, always_copy=True)
        kept = dropout(ones(weights.shape, dtype=weights.dtype), dropout_p, cell=again)
        used, by_weights = mul(used, kept), mul(by_weights, kept)
    mean = sum_(mul(weights, by_weights), -1, keepdim=True)
    slopes = mul(mul(weights, sub(by_weights, mean)), scale)

    def of_key_heads(gradient: Tensor) -> Tensor:
        if heads == key.shape[1]:
            return gradient
        batch, _, *matrix = gradient.shape
        return sum_(reshape(gradient, (batch, key.shape[1], -1, *matrix)), 2)

    return (
        matmul(slopes, keys) if query.requires_grad else None,
        of_key_heads(matmul(transpose(slopes, -1, -2), query)) if key.requires_grad else None,
        of_key_heads(matmul(transpose(used, -1, -2), grad)) if value.requires_grad else None,
    )


def _factor(query: Tensor, scale: float | None) -> float:
    return 1.0 / math.sqrt(max(1, query.shape[-1])) if scale is None else scale


def _weights(query: Tensor, key: Tensor, mask: Tensor | None, causal: bool, scale: float) -> Tensor:
    """The weights (..., L, S) of attention, 0 in a row that may attend to nothing."""
    scores = matmul(mul(query, scale), transpose(key, -1, -2))
    allowed = causal_mask(*scores.shape[-2:]) if causal else None
    if mask is not None:
        open_ = mask
        if mask.dtype in FLOATS:
            open_, scores = ne(mask, -math.inf), add(scores, mask)
        allowed = open_ if allowed is None else logical_and(open_, allowed)
    return softmax(scores, -1) if allowed is None else masked_softmax(scores, allowed)


def masked_softmax(scores: Tensor, allowed: Tensor) -> Tensor:
    """`softmax` over the last axis of the scores that are allowed, 0 elsewhere."""
    # A finite bound, far below any score: rows without a key stay finite, and become zeros.
    lowest = float(np.finfo(scores.dtype).min)
    return where(allowed, softmax(where(allowed, scores, lowest), -1), 0.0)


def attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None = None,
    causal: bool = False,
    dropout_p: float = 0.0,
    scale: float | None = None,
    cell: Array | None = None,
) -> tuple[Tensor, Tensor]:
    """The result of `attention`, and the weights (batch, heads, L, S) after dropout: by ops, for
    those who want the weights or the gradient of the mask.
    """
    heads = query.shape[1]
    weights = _weights(query, _for_heads(key, heads), mask, causal, _factor(query, scale))
    weights = dropout(weights, dropout_p, cell=cell)
    return matmul(weights, _for_heads(value, heads)), weights
