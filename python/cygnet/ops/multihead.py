"""Attention of several heads between projections: A. Vaswani et al., "Attention is all you need",
2017, section 3.2.2.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cygnet.errors import composed
from cygnet.kernels import DTypeError, ShapeError
from cygnet.ops.attention import attend, attention
from cygnet.ops.broadcast import expand, reshape
from cygnet.ops.common import as_tensor, cast, wrap
from cygnet.ops.create import full, zeros
from cygnet.ops.elementwise import add, logical_and, logical_not, where
from cygnet.ops.join import cat
from cygnet.ops.linear import linear
from cygnet.ops.reduce import mean
from cygnet.ops.shape import permute, split, squeeze, transpose, unbind, unsqueeze
from cygnet.tensor import FLOATS, Array, Tensor

__all__ = [
    "multi_head_attention_forward",
]


@composed
def multi_head_attention_forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Tensor,
    out_proj_bias: Tensor | None,
    training: bool = True,
    key_padding_mask: Tensor | None = None,
    need_weights: bool = True,
    attn_mask: Tensor | None = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Tensor | None = None,
    k_proj_weight: Tensor | None = None,
    v_proj_weight: Tensor | None = None,
    static_k: Tensor | None = None,
    static_v: Tensor | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
    *,
    cell: Array | None = None,
) -> tuple[Tensor, Tensor | None]:
    """The function of `nn.MultiheadAttention`.

    A query that may attend to nothing gets the bias of the last projection; PyTorch gives NaN.

    Parameters
    ----------
    query : Tensor
        (L, N, E), or (L, E) without a batch.
    key, value : Tensor
        (S, N, widths of key and value), likewise.
    embed_dim_to_check : int
        E.
    num_heads : int
        Divides E.
    in_proj_weight : Tensor or None
        (3 E, E), the projections of query, key and value one below the other.
    in_proj_bias : Tensor or None
        (3 E,).
    bias_k, bias_v : Tensor or None
        (1, 1, E), a key and a value that are appended.
    add_zero_attn : bool
        Whether a key and value of zeros is appended.
    dropout_p : float
        Probability of dropping a weight in training.
    out_proj_weight, out_proj_bias : Tensor, Tensor or None
        (E, E) and (E,).
    training : bool
        Default True.
    key_padding_mask : Tensor, optional
        (N, S), without a batch (S,): bool, True where a key is to be ignored, or numbers that are
        added to the scores.
    need_weights : bool
        Whether the weights are returned, else None: then they are never in memory as a whole.
        Default True.
    attn_mask : Tensor, optional
        (L, S) or (N * num_heads, L, S): bool, True where attention is forbidden, or numbers that
        are added to the scores.
    use_separate_proj_weight : bool
        Whether q_proj_weight, k_proj_weight and v_proj_weight, each (E, width), stand for
        in_proj_weight. Default False.
    static_k, static_v : Tensor, optional
        (N * num_heads, S, E / num_heads), used instead of the projected key and value.
    average_attn_weights : bool
        Whether the weights returned are their mean over the heads. Default True.
    is_causal : bool
        Says that attn_mask is causal, which is then not read; it must be given all the same.
        Default False.
    cell : numpy.ndarray, optional
        The random state of the dropout, see `dropout`.

    Returns
    -------
    tuple of Tensor
        The result, of the query's shape, and the weights: (N, L, S) or, not averaged,
        (N, num_heads, L, S); without a batch lacking N.

    Raises
    ------
    ShapeError, DTypeError, ValueError
    """
    op = "multi_head_attention_forward"
    if is_causal and attn_mask is None:
        raise ValueError(f"{op}: is_causal=True needs attn_mask")
    weights: tuple[Tensor | None, ...] = (
        (q_proj_weight, k_proj_weight, v_proj_weight)
        if use_separate_proj_weight
        else (in_proj_weight,)
    )
    if any(weight is None for weight in weights):
        raise ValueError(f"{op}: the weights of the projections are not given")
    _check_inputs(op, query, key, value, embed_dim_to_check, weights)
    batched = query.ndim == 3
    if not batched:
        same_key, same_value = key is query, value is key
        query = unsqueeze(query, 1)
        key = query if same_key else unsqueeze(key, 1)
        value = key if same_value else unsqueeze(value, 1)
        key_padding_mask = None if key_padding_mask is None else unsqueeze(key_padding_mask, 0)
    length, batch, width = query.shape
    if key.shape[1] != batch:
        raise ShapeError(f"{op}: query has a batch of {batch}, key and value of {key.shape[1]}")
    if width % num_heads:
        raise ShapeError(f"{op}: query has a width of {width}, expected a multiple of {num_heads}")
    turned = _batch_is_outer(query)
    q, k, v = _projected(query, key, value, weights, in_proj_bias, num_heads)
    if static_k is not None:
        k = reshape(static_k, (batch, num_heads, -1, width // num_heads))
    if static_v is not None:
        v = reshape(static_v, (batch, num_heads, -1, width // num_heads))
    mask = _mask(op, attn_mask, key_padding_mask, (batch, num_heads, length, k.shape[2]), q.dtype)
    causal = is_causal and bias_k is None and not add_zero_attn
    if causal:
        mask = _mask(op, None, key_padding_mask, (batch, num_heads, length, k.shape[2]), q.dtype)
    for more_k, more_v in _appended(bias_k, bias_v, add_zero_attn, k):
        k, v = cat([k, more_k], 2), cat([v, more_v], 2)
    if mask is not None:
        free = (*mask.shape[:-1], k.shape[2] - mask.shape[-1])
        if free[-1]:
            mask = cat([mask, full(free, mask.dtype == np.bool_, dtype=mask.dtype)], -1)
        mask = expand(mask, batch, num_heads, length, k.shape[2])
    probability = dropout_p if training else 0.0
    attended: Tensor | None = None
    if need_weights:
        mixed, attended = attend(q, k, v, mask, causal, probability, cell=cell)
    else:
        mixed = attention(q, k, v, mask, causal, probability, cell=cell)
    rows = permute(mixed, (0, 2, 1, 3) if turned else (2, 0, 1, 3))
    output = linear(reshape(rows, (*rows.shape[:2], width)), out_proj_weight, out_proj_bias)
    output = transpose(output, 0, 1) if turned else output
    if attended is not None and average_attn_weights:
        attended = mean(attended, 1)
    if batched:
        return output, attended
    return squeeze(output, 1), None if attended is None else squeeze(attended, 0)


def _check_inputs(
    op: str,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    width: int,
    weights: tuple[Tensor | None, ...],
) -> None:
    for name, tensor in (("query", query), ("key", key), ("value", value)):
        as_tensor(tensor, op, name)
    if query.ndim not in (2, 3) or not key.ndim == value.ndim == query.ndim:
        raise ShapeError(
            f"{op}: query {query.shape}, key {key.shape} and value {value.shape} expected 3 "
            "dimensions each, or 2 each without a batch"
        )
    each = weights if len(weights) == 3 else weights * 3
    for name, tensor, weight in zip(
        ("query", "key", "value"), (query, key, value), each, strict=True
    ):
        own = name == "query" or weight is None
        expected = width if own else as_tensor(weight, op, f"{name}'s weight").shape[-1]
        if tensor.shape[-1] != expected:
            raise ShapeError(
                f"{op}: {name} has shape {tensor.shape}, expected a last size of {expected}"
            )
    if key.shape[:-1] != value.shape[:-1]:
        raise ShapeError(f"{op}: key has shape {key.shape}, value {value.shape}")


def _batch_is_outer(tensor: Tensor) -> bool:
    """Whether a (length, batch, width) tensor is a view of a (batch, length, width) one."""
    steps = tensor._array.strides
    return steps[1] > steps[0]


def _projected(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    weights: tuple[Any, ...],
    bias: Tensor | None,
    heads: int,
) -> tuple[Tensor, ...]:
    """Query, key and value (batch, heads, length, width): views of one product for those of the
    three that are one tensor.
    """
    width = query.shape[-1]
    same = (key is query) + (value is key)  # 2: all are; 1: a pair of neighbours
    if len(weights) == 3:
        counts = [1, 1, 1]
    elif same == 2:
        return _heads(query, weights[0], bias, 3, heads)
    else:
        counts = [2, 1] if key is query else [1, 2] if value is key else [1, 1, 1]
    sizes = [count * width for count in counts]
    if len(weights) == 1:
        weights = split(weights[0], sizes)
    biases: tuple[Any, ...] = (None,) * 3 if bias is None else split(bias, sizes)
    sources = (query, value) if counts == [2, 1] else (query, key, value)
    made: list[Tensor] = []
    for source, weight, own_bias, count in zip(sources, weights, biases, counts, strict=False):
        made += _heads(source, weight, own_bias, count, heads)
    return tuple(made)


def _heads(
    source: Tensor, weight: Tensor, bias: Tensor | None, count: int, heads: int
) -> tuple[Tensor, ...]:
    """`count` projections of a (length, batch, width) tensor in one product, in memory order."""
    turned = _batch_is_outer(source)
    product = linear(transpose(source, 0, 1) if turned else source, weight, bias)
    order = (0, 2, 1, 3) if turned else (1, 2, 0, 3)
    shape = (*product.shape[:2], count, heads, -1)
    width = product.shape[-1] // count // heads
    parts = unbind(reshape(product, (*shape[:-1], width)), 2)
    return tuple([permute(part, order) for part in parts])


def _appended(
    bias_k: Tensor | None, bias_v: Tensor | None, zero: bool, key: Tensor
) -> list[tuple[Tensor, Tensor]]:
    """Pairs of keys and values (batch, heads, 1, width) that stand behind the others."""
    batch, heads, _, width = key.shape
    pairs = []
    if bias_k is not None and bias_v is not None:
        one = [reshape(bias, (1, heads, 1, width)) for bias in (bias_k, bias_v)]
        pairs.append((expand(one[0], batch, -1, -1, -1), expand(one[1], batch, -1, -1, -1)))
    if zero:
        empty = zeros(batch, heads, 1, width, dtype=key.dtype)
        pairs.append((empty, empty))
    return pairs


def _mask(
    op: str,
    attn_mask: Tensor | None,
    padding: Tensor | None,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
) -> Tensor | None:
    """Both masks as one that broadcasts to the scores (batch, heads, L, S): bool, True where a
    query may attend, or numbers to add.
    """
    batch, heads, length, keys = shape
    masks = []
    if attn_mask is not None:
        attn_mask = as_tensor(attn_mask, op, "attn_mask")
        each = (batch * heads, length, keys)
        if attn_mask.shape not in (each, each[1:]):
            raise ShapeError(
                f"{op}: attn_mask has shape {attn_mask.shape}, expected {each[1:]} or {each}"
            )
        if attn_mask.ndim == 3:
            attn_mask = reshape(attn_mask, shape)
        masks.append(_allowing(op, "attn_mask", attn_mask, dtype))
    if padding is not None:
        padding = as_tensor(padding, op, "key_padding_mask")
        if padding.shape != (batch, keys):
            raise ShapeError(
                f"{op}: key_padding_mask has shape {padding.shape}, expected {(batch, keys)}"
            )
        own = _allowing(op, "key_padding_mask", padding, dtype)
        masks.append(reshape(own, (batch, 1, 1, keys)))
    if len(masks) < 2:
        return masks[0] if masks else None
    if all(mask.dtype == np.bool_ for mask in masks):
        return logical_and(*masks)
    return add(*(_numbers(mask, dtype) for mask in masks))


def _allowing(op: str, name: str, mask: Tensor, dtype: np.dtype[Any]) -> Tensor:
    if mask.dtype == np.bool_:
        return logical_not(mask)
    if mask.dtype not in FLOATS:
        raise DTypeError(f"{op}: {name} is {mask.dtype}, expected bool or floating point")
    return cast(mask, dtype)


def _numbers(mask: Tensor, dtype: np.dtype[Any]) -> Tensor:
    if mask.dtype != np.bool_:
        return mask
    return where(mask, 0.0, wrap(np.array(-np.inf, dtype)))
