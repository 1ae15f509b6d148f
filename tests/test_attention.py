"""Attention: the kernels beside plain NumPy and PyTorch, masks, dropout, the key/value cache."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest

import cygnet
from cygnet import DTypeError, ShapeError, kernels, nn
from cygnet.nn import functional as F
from cygnet.ops.attention import attend, attention
from tests.kernel_layouts import check_replay, check_threads
from tests.op_cases.attention import attend as reference

BOUNDS = {"float32": 1e-5, "float64": 1e-9}
RANDOM = np.random.default_rng(0)


def normal(*shape: int, dtype: str = "float64") -> np.ndarray:
    return RANDOM.standard_normal(shape).astype(dtype)


def check(actual: Any, expected: Any, dtype: str) -> None:
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.shape == expected.shape
    if expected.size:
        worst = np.abs(actual - expected).max() / max(1.0, np.abs(expected).max())
        assert worst <= BOUNDS[dtype]


def gradients(
    grad: np.ndarray, q: np.ndarray, k: np.ndarray, v: np.ndarray, weights: np.ndarray, scale: float
) -> tuple[np.ndarray, ...]:
    by_weights = grad @ v.swapaxes(-1, -2)
    slopes = weights * (by_weights - (weights * by_weights).sum(-1, keepdims=True)) * scale
    return (
        slopes @ k,
        slopes.swapaxes(-1, -2) @ q,
        weights.swapaxes(-1, -2) @ grad,
    )


# batch, heads, key heads, L, S, E, Ev: below, at and beyond blocks of 64 queries and 128 keys, one
# head for many tasks, runs of queries and parts of the keys.
SIZES = [
    (2, 4, 4, 64, 64, 32, 32),
    (1, 4, 2, 13, 300, 17, 9),
    (2, 2, 2, 300, 13, 5, 40),
    (1, 1, 1, 257, 390, 8, 8),
    (1, 6, 2, 65, 129, 12, 16),
    (1, 1, 1, 1, 1, 1, 1),
    (1, 2, 1, 1, 200, 16, 16),
    (1, 1, 1, 60, 20, 200, 300),
    (2, 1, 1, 5, 0, 3, 3),
    (2, 1, 1, 0, 5, 3, 3),
    (0, 2, 2, 4, 5, 3, 3),
    (2, 0, 0, 4, 5, 3, 3),
]


@pytest.mark.parametrize("dtype", BOUNDS)
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("kind", ["none", "bool", "numbers"])
@pytest.mark.parametrize("sizes", SIZES, ids=lambda sizes: "x".join(map(str, sizes)))
def test_kernels_are_the_equations(
    sizes: tuple[int, ...], kind: str, causal: bool, dtype: str
) -> None:
    batch, heads, key_heads, length, keys, width, value_width = sizes
    q, g = normal(batch, heads, length, width), normal(batch, heads, length, value_width)
    k, v = normal(batch, key_heads, keys, width), normal(batch, key_heads, keys, value_width)
    mask = None
    if kind == "bool":
        mask = RANDOM.random((batch, 1, length, keys)) < 0.7
        mask[:, :, length // 2 : length // 2 + 1] = False
    elif kind == "numbers":
        mask = normal(1, heads, 1, keys)
    every = (batch, heads, length, keys)
    given = None if mask is None else np.broadcast_to(mask, every)
    low = tuple(a.astype(dtype) for a in (q, k, v))
    grad = g.astype(dtype)
    if kind == "numbers":
        given = np.broadcast_to(mask.astype(dtype), every)
    output, log_sum, _ = kernels.attention_forward(*low, given, causal=causal, scale=0.3)
    got = kernels.attention_backward(grad, *low, output, log_sum, given, causal=causal, scale=0.3)
    group = heads // key_heads if key_heads else 1
    wide_k, wide_v = k.repeat(group, 1), v.repeat(group, 1)
    everything = np.zeros(every) if mask is None else np.where(mask, 0.0, -np.inf)
    everything = mask + np.zeros(every) if kind == "numbers" else everything
    if causal:
        everything = np.where(np.tri(length, keys, dtype=bool), everything, -np.inf)
    expected, weights = reference(q, wide_k, wide_v, np.broadcast_to(everything, every), 0.3)
    check(output, expected, dtype)
    wanted = gradients(g, q, wide_k, wide_v, weights, 0.3)
    check(got[0], wanted[0], dtype)
    for mine, theirs, shape in ((got[1], wanted[1], k.shape), (got[2], wanted[2], v.shape)):
        check(mine, theirs.reshape(batch, key_heads, group, *shape[2:]).sum(2), dtype)


def test_gradients_that_are_not_needed_are_none() -> None:
    q, k, v = normal(1, 2, 5, 4), normal(1, 2, 7, 4), normal(1, 2, 7, 4)
    output, log_sum, _ = kernels.attention_forward(q, k, v)
    whole = kernels.attention_backward(output, q, k, v, output, log_sum)
    for needed in itertools.product((False, True), repeat=3):
        names = dict(zip(("need_query", "need_key", "need_value"), needed, strict=True))
        part = kernels.attention_backward(output, q, k, v, output, log_sum, **names)
        for one, full, is_needed in zip(part, whole, needed, strict=True):
            assert np.array_equal(one, full) if is_needed else one is None


@pytest.mark.parametrize("shape", [(1, 1, 300, 16), (3, 4, 70, 8)])
def test_the_same_bits_for_every_number_of_threads(shape: tuple[int, ...]) -> None:
    q, k, v = (normal(*shape, dtype="float32") for _ in range(3))
    cell = np.array([5, 0], np.int64)

    def both() -> tuple[np.ndarray, ...]:
        cell[1] = 0
        output, log_sum, state = kernels.attention_forward(
            q, k, v, None, cell, causal=True, scale=0.5, dropout=0.2
        )
        grads = kernels.attention_backward(
            output, q, k, v, output, log_sum, None, state, causal=True, scale=0.5, dropout=0.2
        )
        return output, log_sum, *grads

    check_threads(both)


def test_a_recording_draws_anew_and_its_gradient_drops_the_same() -> None:
    q, k, v = (normal(1, 2, 9, 4, dtype="float32") for _ in range(3))
    check_replay(lambda *a: kernels.attention_forward(*a, causal=True)[0], q, k, v)
    cell = np.array([5, 0], np.int64)

    def values_of_ones() -> tuple[np.ndarray, np.ndarray]:
        ones = np.ones_like(v)
        output, log_sum, state = kernels.attention_forward(q, k, ones, None, cell, dropout=0.5)
        grads = kernels.attention_backward(
            np.ones_like(output), q, k, ones, output, log_sum, None, state, dropout=0.5
        )
        return output, grads[2]

    recording = kernels.Recording()
    with recording:
        output, grad = values_of_ones()
    before = output.copy()
    for _ in range(2):
        recording.replay()
        # Each row of weights sums to the output, each column of them to the gradient of the value.
        np.testing.assert_allclose(output[..., 0].sum(), grad[..., 0].sum(), rtol=1e-5)
    assert (output != before).any()
    assert cell[1] == 3


def views_of_one(batch: int, length: int, heads: int, width: int, dtype: str) -> list[np.ndarray]:
    whole = normal(batch, length, 3, heads, width, dtype=dtype)
    return [whole[:, :, i].transpose(0, 2, 1, 3) for i in range(3)]


def test_views_of_one_projection_are_used_in_place_and_so_are_their_gradients() -> None:
    views = views_of_one(2, 7, 3, 4, "float64")
    copies = [np.ascontiguousarray(view) for view in views]
    one, two = (kernels.attention_forward(*a, causal=True) for a in (views, copies))
    np.testing.assert_array_equal(one[0], two[0])
    assert one[0].transpose(0, 2, 1, 3).flags.c_contiguous
    grad = normal(*one[0].shape)
    strided = kernels.attention_backward(grad, *views, *one[:2], causal=True)
    plain = kernels.attention_backward(grad, *copies, *two[:2], causal=True)
    for a, b, view in zip(strided, plain, views, strict=True):
        np.testing.assert_array_equal(a, b)
        assert a.strides == view.strides and a.base is strided[0].base
    for order in ((2, 1, 0, 3), (0, 2, 1, 3), (2, 0, 1, 3)):
        moved = [np.ascontiguousarray(c.transpose(order)) for c in copies]
        back = [m.transpose(np.argsort(order)) for m in moved]
        np.testing.assert_array_equal(kernels.attention_forward(*back, causal=True)[0], two[0])
        for a, b in zip(
            kernels.attention_backward(grad, *back, *two[:2], causal=True), plain, strict=True
        ):
            np.testing.assert_array_equal(a, b)
    every = [np.asfortranarray(c) for c in copies]
    np.testing.assert_array_equal(kernels.attention_forward(*every, causal=True)[0], two[0])


def test_a_split_projection_gets_its_gradient_without_a_copy() -> None:
    projected = cygnet.tensor(normal(2, 5, 24)).requires_grad_()
    double = projected * 1.0
    q, k, v = (part.view(2, 5, 2, 4).transpose(1, 2) for part in double.split(8, dim=2))
    caught = []
    double.register_hook(lambda grad: caught.append(grad.numpy()))
    F.scaled_dot_product_attention(q, k, v, is_causal=True).sum().backward()
    assert caught[0].base is not None and caught[0].flags.c_contiguous
    loose = [part.clone() for part in (q, k, v)]
    wanted = cygnet.autograd.grad(
        F.scaled_dot_product_attention(*loose, is_causal=True).sum(), loose
    )
    joined = [g.numpy().transpose(0, 2, 1, 3).reshape(2, 5, 8) for g in wanted]
    np.testing.assert_array_equal(projected.grad.numpy(), np.concatenate(joined, 2))


def test_dropout_keeps_the_expected_share_and_repeats_itself() -> None:
    q, k = cygnet.randn(4, 4, 50, 8), cygnet.randn(4, 4, 60, 8)
    eye = cygnet.eye(60).expand(4, 4, 60, 60)
    weights = F.scaled_dot_product_attention(q, k, eye)
    cygnet.manual_seed(3)
    dropped = F.scaled_dot_product_attention(q, k, eye, dropout_p=0.3)
    kept = dropped.numpy() != 0
    assert abs(kept.mean() - 0.7) < 5 * math.sqrt(0.3 * 0.7 / kept.size)
    np.testing.assert_allclose(dropped.numpy()[kept], weights.numpy()[kept] / 0.7, rtol=1e-5)
    cygnet.manual_seed(3)
    again = F.scaled_dot_product_attention(q, k, eye, dropout_p=0.3)
    np.testing.assert_array_equal(again.numpy(), dropped.numpy())
    cygnet.manual_seed(3)  # the same elements as the composition of ops drops
    composed = attend(q, k, eye, dropout_p=0.3)[0]
    np.testing.assert_array_equal(composed.numpy() != 0, kept)
    assert not F.scaled_dot_product_attention(q, k, eye, dropout_p=1.0).numpy().any()


@pytest.mark.parametrize("masked", [False, True])
def test_gradients_with_dropout_are_those_of_the_composition(masked: bool) -> None:
    tensors = [cygnet.tensor(normal(2, 4, 9, 4)).requires_grad_()]
    tensors += [cygnet.tensor(normal(2, 2, 11, 4)).requires_grad_() for _ in range(2)]
    mask = cygnet.tensor(RANDOM.random((2, 4, 9, 11)) < 0.6) if masked else None
    found = []
    for function in (attention, lambda *a: attend(*a)[0]):
        cell = np.array([7, 2], np.int64)
        output = function(*tensors, mask, True, 0.4, 0.7, cell)
        first = cygnet.autograd.grad((output * output).sum(), tensors, create_graph=True)
        total = sum((g * g).sum() for g in first)
        second = cygnet.autograd.grad(total, tensors)
        found.append([output, *first, *second])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-9, atol=1e-10)


def test_the_gradient_of_an_added_mask() -> None:
    q, k, v = (cygnet.tensor(normal(2, 3, 4)) for _ in range(3))
    mask = cygnet.tensor(normal(3, 3)).requires_grad_()
    F.scaled_dot_product_attention(q, k, v, mask).sum().backward()
    assert mask.grad.shape == (3, 3)
    assert np.abs(mask.grad.numpy().sum(-1)).max() < 1e-12  # shifting a row changes nothing


def test_a_nan_of_a_key_reaches_the_result() -> None:
    q, k, v = (normal(1, 1, 3, 4) for _ in range(3))
    k[0, 0, 1, 0] = np.nan
    assert np.isnan(kernels.attention_forward(q, k, v)[0]).all()


def test_large_scores_do_not_overflow() -> None:
    q, k = np.full((1, 1, 2, 4), 1e4, np.float32), np.full((1, 1, 300, 4), 1e4, np.float32)
    k[:, :, 150:] *= 1.5
    v = normal(1, 1, 300, 4, dtype="float32")
    output, log_sum, _ = kernels.attention_forward(q, k, v)
    np.testing.assert_allclose(output[0, 0, 0], v[0, 0, 150:].mean(0), rtol=1e-4, atol=1e-6)
    assert np.isfinite(log_sum).all()


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"query": normal(3, 4)}, ShapeError, "query has shape .* expected 4 dimensions"),
        ({"key": normal(2, 3, 5, 4)}, ShapeError, "key has 3 heads, expected a divisor of the"),
        ({"key": normal(2, 4, 5, 3)}, ShapeError, "key has shape"),
        ({"value": normal(2, 4, 6, 4)}, ShapeError, "value has shape"),
        ({"value": normal(2, 4, 5, 4, dtype="float32")}, DTypeError, "value has dtype float32"),
        ({"mask": np.ones((3, 5), bool)}, ShapeError, "mask has shape"),
        ({"mask": np.ones((2, 4, 3, 5), int)}, DTypeError, "mask has dtype int64, expected bool"),
        ({"dropout": 0.5}, ValueError, "cell is needed for dropout"),
        ({"dropout": 1.5}, ValueError, "dropout is 1.5, expected 0 <= dropout <= 1"),
        ({"query": [1]}, TypeError, "query must be a NumPy array"),
    ],
)
def test_bad_calls_of_the_kernels(change: Any, error: Any, message: str) -> None:
    given = {"query": normal(2, 4, 3, 4), "key": normal(2, 4, 5, 4), "value": normal(2, 4, 5, 4)}
    with pytest.raises(error, match=f"attention: {message}"):
        kernels.attention_forward(**{**given, **change})


def test_bad_calls_of_the_gradient() -> None:
    q, k, v = (normal(2, 4, 3, 4) for _ in range(3))
    output, log_sum, _ = kernels.attention_forward(q, k, v)
    with pytest.raises(ShapeError, match="attention_backward: grad_output has shape"):
        kernels.attention_backward(output[:, :, :2], q, k, v, output, log_sum)
    with pytest.raises(ShapeError, match="attention_backward: log_sum has shape"):
        kernels.attention_backward(output, q, k, v, output, log_sum[0])
    with pytest.raises(ValueError, match="attention_backward: state is needed for dropout"):
        kernels.attention_backward(output, q, k, v, output, log_sum, dropout=0.5)


def test_bad_arguments() -> None:
    q = cygnet.zeros(2, 3, 4)
    call = F.scaled_dot_product_attention
    with pytest.raises(ValueError, match="dropout_p is 2, expected 0 <= dropout_p <= 1"):
        call(q, q, q, dropout_p=2)
    with pytest.raises(ShapeError, match=r"attn_mask has shape .* broadcasts to"):
        call(q, q, q, cygnet.zeros(4, 3))
    with pytest.raises(DTypeError, match="query is int64, expected float32 or float64"):
        call(q.long(), q.long(), q.long())


def test_a_cache_gives_the_numbers_of_the_whole() -> None:
    q, k, v = (cygnet.tensor(normal(2, 3, 9, 4)) for _ in range(3))
    whole = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    cache = nn.KeyValueCache(2, 3, 9, 4, dtype=cygnet.float64)
    for _ in range(2):
        parts = []
        for begin, end in ((0, 4), (4, 5), (5, 6), (6, 7), (7, 8), (8, 9)):
            keys, values = cache.append(k[:, :, begin:end], v[:, :, begin:end])
            assert keys.shape == (2, 3, end, 4) and cache.length == end
            new = q[:, :, begin:end]
            parts.append(F.scaled_dot_product_attention(new, keys, values, is_causal=begin == 0))
        check(cygnet.cat(parts, 2).numpy(), whole.numpy(), "float64")
        cache.reset()


def test_a_later_piece_of_several_positions_takes_a_mask() -> None:
    q, k, v = (cygnet.tensor(normal(1, 2, 7, 4)) for _ in range(3))
    cache = nn.KeyValueCache(1, 2, 7, 4, dtype=cygnet.float64)
    cache.append(k[:, :, :3], v[:, :, :3])
    keys, values = cache.append(k[:, :, 3:], v[:, :, 3:])
    mask = cygnet.tensor(np.tri(4, 7, 3, dtype=bool))
    part = F.scaled_dot_product_attention(q[:, :, 3:], keys, values, mask)
    whole = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    check(part.numpy(), whole[:, :, 3:].numpy(), "float64")


def test_bad_use_of_a_cache() -> None:
    cache = nn.KeyValueCache(1, 2, 3, 4, value_width=5)
    k, v = cygnet.zeros(1, 2, 2, 4), cygnet.zeros(1, 2, 2, 5)
    assert cache.append(k, v)[1].shape == (1, 2, 2, 5)
    with pytest.raises(ValueError, match="2 positions after 2, expected at most 3 together"):
        cache.append(k, v)
    with pytest.raises(ShapeError, match="value has shape"):
        cache.append(k, k)
    with pytest.raises(ShapeError, match="key has shape"):
        cache.append(k[0], v)
    with pytest.raises(DTypeError, match="key is float64, expected float32"):
        cache.append(k.double(), v)
    with pytest.raises(RuntimeError, match="decode under no_grad"):
        cache.append(k.requires_grad_(), v)
    with pytest.raises(ValueError, match="max_length expected at least 1, got 0"):
        nn.KeyValueCache(1, 2, 0, 4)


def layer(kind: str) -> Any:
    cygnet.manual_seed(0)
    options = {"dtype": cygnet.float64}
    return nn.AdditiveAttention(3, 3, 5, **options) if kind == "additive" else nn.DotAttention()


@pytest.mark.parametrize("kind", ["additive", "dot"])
def test_attention_over_states(kind: str) -> None:
    net = layer(kind)
    query, keys = normal(2, 4, 3), normal(2, 5, 3)
    values = normal(2, 5, 6)
    if kind == "additive":
        w, u, b, s = (p.detach().numpy() for p in net.parameters())
        hidden = np.tanh((query @ w.T)[:, :, None] + (keys @ u.T + b)[:, None])
        scores = (hidden @ s.T)[..., 0]
    else:
        scores = query @ keys.swapaxes(1, 2)
    lengths = np.array([5, 2])
    exponentials = np.exp(scores) * (np.arange(5) < lengths[:, None])[:, None]
    expected = exponentials / exponentials.sum(-1, keepdims=True)
    given = [cygnet.tensor(a) for a in (query, keys, values)]
    for padding in (lengths, np.arange(5) >= lengths[:, None]):
        context, weights = net(*given, cygnet.tensor(padding))
        check(weights.detach().numpy(), expected, "float64")
        check(context.detach().numpy(), expected @ values, "float64")
        one, its = net(given[0][:, 1], *given[1:], cygnet.tensor(padding))
        check(one.detach().numpy(), (expected @ values)[:, 1], "float64")
        check(its.detach().numpy(), expected[:, 1], "float64")
    context, weights = net(*given[:2])
    check(context.detach().numpy(), (weights @ given[1]).detach().numpy(), "float64")
    leaves = [tensor.requires_grad_() for tensor in given]
    context, weights = net(*leaves, cygnet.tensor(np.array([0, 3])))
    assert not context[0].detach().numpy().any() and not weights[0].detach().numpy().any()
    context.sum().backward()
    assert all(np.isfinite(leaf.grad.numpy()).all() for leaf in leaves)


def test_scaled_dot_attention_divides_by_the_root_of_the_width() -> None:
    query, keys = (cygnet.tensor(normal(2, n, 4)) for n in (3, 5))
    _, weights = nn.DotAttention(scaled=True)(query, keys)
    check(weights.numpy(), nn.DotAttention()(query / 2, keys)[1].numpy(), "float64")
    assert repr(nn.DotAttention(True)) == "DotAttention(scaled=True)"


@pytest.mark.parametrize(
    ("shapes", "padding", "error", "message"),
    [
        (((2, 4, 3), (3, 5, 3)), None, ShapeError, "query has shape .* keys"),
        (((2, 4, 3), (2, 5, 3), (2, 6, 3)), None, ShapeError, "values has shape"),
        (((2, 4, 3), (2, 5, 3)), np.zeros(3, int), ShapeError, r"padding .* expected \(2,\)"),
        (((2, 4, 3), (2, 5, 3)), np.zeros((2, 4), bool), ShapeError, r"expected \(2, 5\)"),
        (((2, 4, 3), (2, 5, 3)), np.zeros(2), DTypeError, "padding is float64, expected int or"),
        (((2, 4, 3), (2, 5, 4)), None, ShapeError, "one last size"),
    ],
)
def test_bad_calls_over_states(shapes: Any, padding: Any, error: Any, message: str) -> None:
    given = [cygnet.tensor(normal(*shape)) for shape in shapes]
    options = {} if padding is None else {"padding": cygnet.tensor(padding)}
    with pytest.raises(error, match=message):
        nn.DotAttention()(*given, **options)


def test_weights_change_nothing_of_the_result() -> None:
    """`need_weights` chooses the composition of ops or the kernel."""
    masks = {"attn_mask": np.triu(np.ones((5, 5), bool), 1), "key_padding_mask": np.eye(2, 5) > 0}
    for batch_first, more, names in itertools.product(
        (False, True),
        ({}, {"add_bias_kv": True, "add_zero_attn": True}),
        ((), ("attn_mask",), ("key_padding_mask",), ("attn_mask", "key_padding_mask")),
    ):
        net = nn.MultiheadAttention(6, 3, batch_first=batch_first, dtype=cygnet.float64, **more)
        x = cygnet.tensor(normal(*((2, 5, 6) if batch_first else (5, 2, 6)))).requires_grad_()
        given = {name: cygnet.tensor(masks[name]) for name in names}
        causal = [False, True] if "attn_mask" in names else [False]
        found = []
        for need_weights, is_causal in itertools.product((True, False), causal):
            output, weights = net(x, x, x, need_weights=need_weights, is_causal=is_causal, **given)
            assert (weights is not None) == need_weights
            (grad,) = cygnet.autograd.grad((output * output).sum(), x)
            found.append((output.detach().numpy(), grad.numpy()))
        for one in found[1:]:
            check(one[0], found[0][0], "float64")
            check(one[1], found[0][1], "float64")


def test_multi_head_attention_forward_with_separate_weights_and_static_keys() -> None:
    query, key = cygnet.tensor(normal(3, 2, 4)), cygnet.tensor(normal(5, 2, 4))
    weight, bias, last = normal(12, 4), normal(12), normal(4, 4)
    joint = F.multi_head_attention_forward(
        query, key, key, 4, 2, cygnet.tensor(weight), cygnet.tensor(bias), None, None, False, 0.0,
        cygnet.tensor(last), None,
    )  # fmt: skip
    parts = dict(zip("qkv", map(cygnet.tensor, np.split(weight, 3)), strict=True))
    separate = {f"{name}_proj_weight": part for name, part in parts.items()}
    options = {"use_separate_proj_weight": True, **separate}
    apart = F.multi_head_attention_forward(
        query, key, key, 4, 2, None, cygnet.tensor(bias), None, None, False, 0.0,
        cygnet.tensor(last), None, **options,
    )  # fmt: skip
    check(apart[0].numpy(), joint[0].numpy(), "float64")
    check(apart[1].numpy(), joint[1].numpy(), "float64")
    projected = key.numpy() @ weight[4:8].T + bias[4:8]
    heads = projected.reshape(5, 2, 2, 2).transpose(1, 2, 0, 3).reshape(4, 5, 2)
    static = F.multi_head_attention_forward(
        query, key, key, 4, 2, cygnet.tensor(weight), cygnet.tensor(bias), None, None, False, 0.0,
        cygnet.tensor(last), None, static_k=cygnet.tensor(heads), need_weights=False,
    )  # fmt: skip
    check(static[0].numpy(), joint[0].numpy(), "float64")
    with pytest.raises(ValueError, match="weights of the projections are not given"):
        F.multi_head_attention_forward(
            query, key, key, 4, 2, None, None, None, None, False, 0.0, cygnet.tensor(last), None
        )


@pytest.mark.parametrize("dtype", BOUNDS)
@pytest.mark.parametrize("kind", ["none", "causal", "bool", "numbers", "gqa", "scale"])
def test_the_numbers_of_pytorch(kind: str, dtype: str) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch, an oracle, is not installed")
    arrays = [normal(2, 4, n, w, dtype=dtype) for n, w in ((70, 16), (150, 16), (150, 24))]
    if kind == "gqa":
        arrays[1:] = [array[:, ::2] for array in arrays[1:]]
    options: dict[str, Any] = {
        "causal": {"is_causal": True},
        "gqa": {"enable_gqa": True},
        "scale": {"scale": 0.2},
    }.get(kind, {})
    mask = RANDOM.random((70, 150)) < 0.5 if kind == "bool" else None
    mask = normal(2, 1, 70, 150, dtype=dtype) if kind == "numbers" else mask
    grad = normal(2, 4, 70, 24, dtype=dtype)
    found = []
    for package, make in ((cygnet, cygnet.tensor), (torch, torch.tensor)):
        leaves = [make(array).requires_grad_() for array in arrays]
        given = None if mask is None else make(mask)
        call = package.nn.functional.scaled_dot_product_attention
        output = call(*leaves, given, **options)
        output.backward(make(grad))
        found.append([output.detach().numpy(), *(leaf.grad.numpy() for leaf in leaves)])
    for mine, theirs in zip(*found, strict=True):
        check(mine, theirs, dtype)
