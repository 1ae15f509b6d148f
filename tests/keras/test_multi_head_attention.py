"""Attention of several heads: against Keras where it is installed, and fused against the path with
scores everywhere.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import cygnet as cn
from cygnet.keras import layers
from cygnet.keras.attached import masks
from tests.keras.beside_keras import (
    BATCH,
    DATA,
    EMPTY,
    HOLES,
    OTHER,
    RNG,
    STEPS,
    close,
    given,
    given_to_keras,
    oracle,
    random_weights,
)

ATTENTION = {
    "plain": {"num_heads": 2, "key_dim": 3},
    "value": {"num_heads": 2, "key_dim": 3, "value_dim": 5},
    "output": {"num_heads": 3, "key_dim": 2, "output_shape": 7},
    "outputs": {"num_heads": 3, "key_dim": 2, "output_shape": (2, 3)},
    "no bias": {"num_heads": 2, "key_dim": 3, "use_bias": False},
    "gate": {"num_heads": 2, "key_dim": 3, "use_gate": True},
    "window": {"num_heads": 2, "key_dim": 3, "sliding_window": 2},
    "dropout": {"num_heads": 2, "key_dim": 3, "dropout": 0.5},
    "grouped": {"head_dim": 3, "num_query_heads": 4, "num_key_value_heads": 2},
}
BETWEEN = RNG.random((BATCH, STEPS, 5)) < 0.6
CALLS = {
    "plain": {},
    "causal": {"use_causal_mask": True},
    "scores": {"return_attention_scores": True},
    "attention": {"attention_mask": BETWEEN},
    "attention scores": {"attention_mask": BETWEEN, "return_attention_scores": True},
    "value": {"value_mask": HOLES[:, :5]},
    "value causal": {"value_mask": EMPTY[:, :5], "use_causal_mask": True},
    "value causal scores": {
        "value_mask": HOLES[:, :5],
        "use_causal_mask": True,
        "return_attention_scores": True,
    },
}


def attention(library: Any, options: dict[str, Any]) -> Any:
    kind = "GroupQueryAttention" if "head_dim" in options else "MultiHeadAttention"
    return getattr(library, kind)(**options)


@pytest.mark.parametrize("options", ATTENTION.values(), ids=ATTENTION)
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
class TestHeads:
    def test_keras(self, options: dict[str, Any], call: dict[str, Any]) -> None:
        theirs, ours = attention(oracle().layers, options), attention(layers, options)
        key = OTHER[:, ::-1].copy()
        ours(cn.tensor(DATA), cn.tensor(OTHER))
        theirs(DATA, OTHER)
        theirs.set_weights(random_weights(ours))
        for more in ((), (key,)):
            wanted = theirs(DATA, OTHER, *more, **given_to_keras(call))
            found = ours(
                *map(cn.tensor, (DATA, OTHER, *more)), **{k: given(v) for k, v in call.items()}
            )
            close(found, wanted)

    def test_composed(self, options: dict[str, Any], call: dict[str, Any]) -> None:
        """The fused kernel gives what the path with scores gives, where a query sees a key."""
        if "return_attention_scores" in call or "EMPTY" in str(call):
            pytest.skip("has scores already")
        layer = attention(layers, options)
        call = {k: given(v) for k, v in call.items()}
        tensors = cn.tensor(DATA), cn.tensor(OTHER)
        output = layer(*tensors, **call)
        again, scores = layer(*tensors, **call, return_attention_scores=True)
        seen = scores.sum(-1).amin(1) > 0.5
        close(output[seen], again[seen])


def test_query_mask_goes_on() -> None:
    words = np.array([[3, 1, 2, 0, 0], [4, 2, 0, 0, 0]])
    vectors = layers.Embedding(6, 4, mask_zero=True)(words)
    layer = layers.MultiHeadAttention(2, 3)
    output = layer(query=vectors, value=vectors, key=vectors)
    assert masks.of(output) is masks.of(vectors)
    explicit = layer(vectors, vectors, attention_mask=masks.of(vectors).unsqueeze(1))
    np.testing.assert_allclose(output[0, :3].detach(), explicit[0, :3].detach(), rtol=1e-5)


def test_initial_weights_differ() -> None:
    layer = layers.MultiHeadAttention(2, 3, kernel_initializer="glorot_uniform")
    layer(cn.tensor(DATA), cn.tensor(DATA))
    query, key = layer.get_weights()[0], layer.get_weights()[2]
    assert query.shape == key.shape and not np.array_equal(query, key)
