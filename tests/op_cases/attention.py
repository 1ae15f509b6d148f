"""Scaled dot-product attention, and the modules made of it."""

from __future__ import annotations

import numpy as np

from tests.op_cases.activations import gelu
from tests.op_cases.case import case, mask, op, s, x
from tests.op_cases.norms import standardized

DEPTH = "the order of the products follows the memory order"


def attend(query, key, value, scores_mask=None, scale=None):
    """The result and the weights; a row without a key has weights of zero."""
    scores = query @ key.swapaxes(-1, -2) * (query.shape[-1] ** -0.5 if scale is None else scale)
    if scores_mask is not None:
        scores = (
            np.where(scores_mask, scores, -np.inf)
            if scores_mask.dtype == bool
            else scores + scores_mask
        )
    top = scores.max(-1, keepdims=True, initial=-1e300)
    weights = np.exp(scores - top)
    total = weights.sum(-1, keepdims=True)
    weights = weights / np.where(total > 0, total, 1)
    return weights @ value, weights


def attention(query, key, value, scores_mask=None, is_causal=False, scale=None, enable_gqa=False):
    if enable_gqa:
        times = query.shape[-3] // key.shape[-3]
        key, value = key.repeat(times, -3), value.repeat(times, -3)
    if is_causal:
        scores_mask = np.tri(query.shape[-2], key.shape[-2], dtype=bool)
    return attend(query, key, value, scores_mask, scale)[0]


def attention_op(query, key, value, scores_mask=None, **options):
    return op("scaled_dot_product_attention")(query, key, value, scores_mask, **options)


def part(parameters, prefix):
    """The parameters of a child."""
    return {k.removeprefix(prefix): v for k, v in parameters.items() if k.startswith(prefix)}


def linear(a, p):
    return a @ p["weight"].T + p.get("bias", 0)


def layer_norm(a, p):
    return standardized(a, (-1,)) * p["weight"] + p.get("bias", 0)


def additive(given):
    return np.where(given, -np.inf, 0.0) if given.dtype == bool else given


def multihead(
    query, key, value, p, heads, padding=None, attn_mask=None, batch_first=False, zero=False
):
    """Result and weights (N, heads, L, S) of a multi-head attention with the parameters `p`."""
    single = query.ndim == 2
    if single:
        query, key, value = query[None], key[None], value[None]
    elif not batch_first:
        query, key, value = (a.swapaxes(0, 1) for a in (query, key, value))
    batch, length, width = query.shape
    keys = key.shape[1]
    weights = (
        np.split(p["in_proj_weight"], 3)
        if "in_proj_weight" in p
        else [p[f"{name}_proj_weight"] for name in "qkv"]
    )
    biases = np.split(p["in_proj_bias"], 3) if "in_proj_bias" in p else (0, 0, 0)
    projected = [a @ w.T + b for a, w, b in zip((query, key, value), weights, biases, strict=True)]
    more = [np.zeros((batch, 0, width))] * 3
    if "bias_k" in p:
        more = [more[0], *(np.broadcast_to(p[f"bias_{n}"], (batch, 1, width)) for n in "kv")]
    if zero:
        more = [more[0], *(np.concatenate([m, np.zeros((batch, 1, width))], 1) for m in more[1:])]
    split = [
        np.concatenate([a, m], 1)
        .reshape(batch, a.shape[1] + m.shape[1], heads, width // heads)
        .swapaxes(1, 2)
        for a, m in zip(projected, more, strict=True)
    ]
    scores_mask = np.zeros((batch, heads, length, split[1].shape[2]))
    if padding is not None:
        scores_mask[..., :keys] += additive(padding.reshape(batch, 1, 1, keys))
    if attn_mask is not None:
        scores_mask[..., :keys] += additive(
            attn_mask.reshape(-1, heads if attn_mask.ndim == 3 else 1, length, keys)
        )
    mixed, attended = attend(*split, scores_mask)
    output = linear(mixed.swapaxes(1, 2).reshape(batch, length, width), part(p, "out_proj."))
    if single:
        return output[0], attended[0]
    return output if batch_first else output.swapaxes(0, 1), attended


def multihead_of_masks(
    query, key, value, *masks, p, heads, kinds=(), batch_first=False, average=True, **options
):
    given = dict(zip(kinds, masks, strict=True))
    output, weights = multihead(
        query, key, value, p, heads, given.get("key_padding_mask"), given.get("attn_mask"),
        batch_first, options.get("add_zero_attn", False),
    )  # fmt: skip
    return output, weights.mean(-3) if average else weights


def residual(a, block, norm, norm_first):
    return a + block(layer_norm(a, norm)) if norm_first else layer_norm(a + block(a), norm)


def feed_forward(a, p, activation):
    hidden = linear(a, part(p, "linear1."))
    hidden = gelu(hidden) if activation == "gelu" else np.maximum(hidden, 0)
    return linear(hidden, part(p, "linear2."))


def encoder_layer(a, p, heads, padding=None, attn_mask=None, norm_first=False, batch_first=False,
                  activation="relu"):  # fmt: skip
    def attends(b):
        return multihead(b, b, b, part(p, "self_attn."), heads, padding, attn_mask, batch_first)[0]

    a = residual(a, attends, part(p, "norm1."), norm_first)
    return residual(a, lambda b: feed_forward(b, p, activation), part(p, "norm2."), norm_first)


def decoder_layer(a, memory, p, heads, attn_mask=None, norm_first=False, batch_first=False,
                  activation="relu"):  # fmt: skip
    def attends(b):
        own = part(p, "self_attn.")
        return multihead(b, b, b, own, heads, None, attn_mask, batch_first)[0]

    def attends_to_memory(b):
        other = part(p, "multihead_attn.")
        return multihead(b, memory, memory, other, heads, batch_first=batch_first)[0]

    a = residual(a, attends, part(p, "norm1."), norm_first)
    a = residual(a, attends_to_memory, part(p, "norm2."), norm_first)
    return residual(a, lambda b: feed_forward(b, p, activation), part(p, "norm3."), norm_first)


def stacked(layer, a, *rest, p, **options):
    """Layers one after another, and a normalisation if there is one."""
    count = len({name.split(".")[1] for name in p if name.startswith("layers.")})
    for index in range(count):
        a = layer(a, *rest, part(p, f"layers.{index}."), **options)
    return layer_norm(a, part(p, "norm.")) if "norm.weight" in p else a


def transformer(source, target, p, attn_mask=None, **options):
    memory = stacked(encoder_layer, source, p=part(p, "encoder."), **options)
    return stacked(
        decoder_layer, target, memory, p=part(p, "decoder."), attn_mask=attn_mask, **options
    )


QKV = (x(2, 3, 4), x(2, 5, 4), x(2, 5, 6))
ATTENTION = [
    s(*QKV),
    s(x(3, 4), x(5, 4), x(5, 6)),
    s(x(2, 3, 4, 5), x(2, 3, 6, 5), x(2, 3, 6, 5)),
    s(*QKV, mask(3, 5)),
    s(*QKV, mask(2, 3, 5)),
    s(*QKV, mask(2, 1, 5)),
    s(*QKV, x(3, 5)),
    s(*QKV, x(2, 3, 5)),
    s(*QKV, is_causal=True),
    s(x(2, 5, 4), x(2, 3, 4), x(2, 3, 4), is_causal=True),
    s(*QKV, scale=0.3),
    s(x(2, 4, 3, 4), x(2, 2, 5, 4), x(2, 2, 5, 4), enable_gqa=True),
    s(x(2, 4, 3, 4), x(1, 1, 5, 4), x(1, 1, 5, 4)),
    s(x(0, 3, 4), x(0, 5, 4), x(0, 5, 4)),
    s(x(2, 3, 4), x(2, 0, 4), x(2, 0, 4)),
    s(x(4, 2, 33, 17), x(4, 2, 35, 17), x(4, 2, 35, 9), is_causal=True),
]

CASES = [
    case("scaled_dot_product_attention", attention, ATTENTION, attention_op, layout_bits=False, reason=DEPTH),
    case("scaled_dot_product_attention dropped", lambda *a: 0 * attention(*a), [s(*QKV), s(*QKV, mask(3, 5))],
         lambda *a: attention_op(*a, dropout_p=1.0), layout_bits=False, reason=DEPTH),
]  # fmt: skip
