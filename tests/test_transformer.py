"""Attention and the Transformer: masks, dropout, errors; their numbers are in the op cases."""

import math

import numpy as np
import pytest

import cygnet
from cygnet import nn
from cygnet.kernels import DTypeError, ShapeError
from cygnet.nn import functional

RANDOM = np.random.default_rng(0)


def t(*shape, dtype=np.float64, requires_grad=False):
    return cygnet.as_tensor(RANDOM.standard_normal(shape).astype(dtype)).requires_grad_(
        requires_grad
    )


def close(actual, expected, tolerance=1e-12):
    np.testing.assert_allclose(
        actual.detach().numpy(), expected.detach().numpy(), rtol=tolerance, atol=tolerance
    )


def test_a_query_without_keys_gives_zeros_and_finite_gradients():
    q, k, v = (t(2, 3, 4, requires_grad=True) for _ in range(3))
    allowed = np.ones((3, 3), bool)
    allowed[1] = False
    as_numbers = np.where(allowed, 0.0, -math.inf)
    for mask in (allowed, as_numbers):
        for tensor in (q, k, v):
            tensor.grad = None
        output = functional.scaled_dot_product_attention(q, k, v, cygnet.tensor(mask))
        assert not output.detach().numpy()[:, 1].any()
        output.sum().backward()
        assert not q.grad.numpy()[:, 1].any()
        assert all(np.isfinite(tensor.grad.numpy()).all() for tensor in (q, k, v))


def test_masked_keys_have_no_influence():
    attention = nn.MultiheadAttention(4, 2, batch_first=True, dtype=np.float64)
    q, k, v = t(2, 3, 4), t(2, 5, 4), t(2, 5, 4)
    padding = np.array([[False, False, True, False, True], [False, True, True, False, False]])
    output, weights = attention(q, k, v, key_padding_mask=cygnet.tensor(padding))
    assert not weights.detach().numpy()[np.broadcast_to(padding[:, None], (2, 3, 5))].any()
    k.numpy()[padding], v.numpy()[padding] = 1e3, -1e3
    close(attention(q, k, v, key_padding_mask=cygnet.tensor(padding))[0], output)


def test_a_causal_mask_is_that_of_is_causal():
    q, k, v = t(2, 5, 4), t(2, 5, 4), t(2, 5, 4)
    mask = nn.Transformer.generate_square_subsequent_mask(5)
    assert mask.dtype == np.float32
    masked = functional.scaled_dot_product_attention(q, k, v, mask)
    close(functional.scaled_dot_product_attention(q, k, v, is_causal=True), masked)
    first = (each[:, :3] for each in (q, k, v))
    close(masked[:, :3], functional.scaled_dot_product_attention(*first, is_causal=True))


def test_masks_of_both_kinds_agree():
    attention = nn.MultiheadAttention(4, 2, dtype=np.float64)
    x = t(3, 2, 4)
    forbidden = np.triu(np.ones((3, 3), bool), 1)
    numbers = np.where(forbidden, -np.inf, 0.0)
    one = attention(x, x, x, attn_mask=cygnet.tensor(forbidden))[0]
    close(attention(x, x, x, attn_mask=cygnet.tensor(numbers), is_causal=True)[0], one)
    each = np.broadcast_to(numbers, (4, 3, 3)).copy()
    close(attention(x, x, x, attn_mask=cygnet.tensor(each))[0], one)


def test_self_attention_is_attention_to_a_copy():
    attention = nn.MultiheadAttention(6, 3, dtype=np.float64)
    x = t(4, 2, 6)
    close(attention(x, x, x)[0], attention(x, x.clone(), x.clone())[0])


def test_attention_drops_weights_in_training_only():
    cygnet.manual_seed(1)
    attention = nn.MultiheadAttention(4, 1, dropout=0.25)
    x = t(60, 40, 4, dtype=np.float32)
    _, weights = attention(x, x, x)
    dropped = (weights.detach().numpy() == 0).mean()
    assert abs(dropped - 0.25) < 5 * math.sqrt(0.25 * 0.75 / weights.numel())
    _, again = attention(x, x, x)
    assert (again.detach().numpy() != weights.detach().numpy()).any()
    cygnet.manual_seed(1)
    np.testing.assert_array_equal(attention(x, x, x)[1].detach().numpy(), weights.detach().numpy())
    assert (attention.eval()(x, x, x)[1].detach().numpy() > 0).all()


def test_layers_of_a_stack_begin_with_equal_parameters_of_their_own():
    layer = nn.TransformerEncoderLayer(4, 2, 8)
    encoder = nn.TransformerEncoder(layer, 2)
    first, second = (module.linear1.weight for module in encoder.layers)
    assert first is not second and first is not layer.linear1.weight
    np.testing.assert_array_equal(first.detach().numpy(), second.detach().numpy())


def test_activations_by_name_and_as_functions():
    for activation in ("relu", "gelu", functional.relu, nn.GELU(), lambda x: x * x):
        layer = nn.TransformerEncoderLayer(4, 2, 8, activation=activation)
        assert layer(t(3, 2, 4, dtype=np.float32)).shape == (3, 2, 4)
    with pytest.raises(ValueError, match="expected 'relu', 'gelu' or a function, got 'x'"):
        nn.TransformerDecoderLayer(4, 2, activation="x")


def test_the_encoder_is_part_of_a_program():
    class Model(nn.Transformer):
        def __init__(self):
            super().__init__(d_model=8, nhead=2, dim_feedforward=16, num_encoder_layers=2)
            self.embedding = nn.Embedding(11, 8)
            self.decoder = nn.Linear(8, 11)

        def forward(self, tokens):
            mask = self.generate_square_subsequent_mask(len(tokens))
            return self.decoder(self.encoder(self.embedding(tokens), mask=mask))

    cygnet.manual_seed(0)
    model = Model()
    tokens = cygnet.tensor(np.random.default_rng(0).integers(0, 11, (7, 3)))
    loss = functional.cross_entropy(model(tokens[:-1]).reshape(-1, 11), tokens[1:].reshape(-1))
    loss.backward()
    assert all(p.grad is not None for p in model.parameters())


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (((2, 3, 4), (2, 5, 3), (2, 5, 4)), ShapeError, "do not fit"),
        (((2, 3, 4), (2, 5, 4), (2, 6, 4)), ShapeError, "do not fit"),
        (((4,), (5, 4), (5, 4)), ShapeError, "query has shape .* at least 2 dimensions"),
        (((2, 3, 4), (5, 5, 4), (5, 5, 4)), ShapeError, None),
    ],
)
def test_bad_shapes_of_attention(arguments, error, message):
    with pytest.raises(error, match=message):
        functional.scaled_dot_product_attention(*(t(*shape) for shape in arguments))


def test_bad_arguments_of_attention():
    q = t(2, 3, 4)
    attention = functional.scaled_dot_product_attention
    with pytest.raises(ValueError, match="attn_mask must be None if is_causal is True"):
        attention(q, q, q, cygnet.zeros(3, 3), is_causal=True)
    with pytest.raises(DTypeError, match="attn_mask is int64, expected bool or floating point"):
        attention(q, q, q, cygnet.zeros(3, 3).long())
    with pytest.raises(DTypeError, match="key is float32, expected float64"):
        attention(q, q.float(), q)
    with pytest.raises(TypeError, match="query must be a Tensor, got list"):
        attention([1], q, q)
    with pytest.raises(ShapeError, match="expected a multiple of the heads of"):
        attention(t(2, 3, 3, 4), t(2, 2, 3, 4), t(2, 2, 3, 4), enable_gqa=True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"embed_dim": 5, "num_heads": 2}, "embed_dim expected a multiple of num_heads, 2, got 5"),
        ({"embed_dim": 4, "num_heads": 0}, "num_heads expected at least 1, got 0"),
        ({"embed_dim": 4, "num_heads": 2, "dropout": 2.0}, "dropout expected a probability"),
    ],
)
def test_bad_options_of_multihead_attention(options, message):
    with pytest.raises(ValueError, match=message):
        nn.MultiheadAttention(**options)


@pytest.mark.parametrize(
    ("shapes", "masks", "error", "message"),
    [
        (((3, 2, 5), (3, 2, 4), (3, 2, 4)), {}, ShapeError, "query has shape .* last size of 4"),
        (((3, 2, 4), (5, 4), (5, 4)), {}, ShapeError, "expected 3 dimensions each, or 2"),
        (((3, 2, 4), (5, 2, 4), (6, 2, 4)), {}, ShapeError, "key has shape .* value"),
        (((3, 2, 4), (5, 1, 4), (5, 1, 4)), {}, ShapeError, "batch of 2, key and value of 1"),
        (((3, 2, 4),) * 3, {"attn_mask": (3, 4)}, ShapeError, r"attn_mask .* \(3, 3\) or \(4, 3"),
        (((3, 2, 4),) * 3, {"key_padding_mask": (3,)}, ShapeError, r"expected \(2, 3\)"),
        (((3, 2, 4),) * 3, {"is_causal": True}, ValueError, "is_causal=True needs attn_mask"),
    ],
)
def test_bad_calls_of_multihead_attention(shapes, masks, error, message):
    attention = nn.MultiheadAttention(4, 2, dtype=np.float64)
    given = {k: t(*v) if isinstance(v, tuple) else v for k, v in masks.items()}
    with pytest.raises(error, match=message):
        attention(*(t(*shape) for shape in shapes), **given)


def test_bad_calls_of_the_transformer():
    model = nn.Transformer(4, 2, 1, 1, 8, dtype=np.float64)
    with pytest.raises(ShapeError, match=r"Transformer: tgt has shape .* last size of 4"):
        model(t(3, 2, 4), t(3, 2, 5))
    with pytest.raises(ShapeError, match=r"Transformer: tgt has shape .* as many as src"):
        model(t(3, 2, 4), t(3, 4))
    with pytest.raises(DTypeError, match="attn_mask is int64, expected bool or floating point"):
        model(t(3, 2, 4), t(3, 2, 4), cygnet.zeros(3, 3).long())
