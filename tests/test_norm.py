"""Normalisation and embedding: running statistics, fused forms, accuracy, modules and errors."""

from __future__ import annotations

import numpy as np
import pytest

import cygnet
from cygnet import as_tensor, kernels, nn
from cygnet.nn import functional
from tests.kernel_layouts import IMAGE_LAYOUTS, assert_close, check_replay, check_threads, same_bits

rng = np.random.default_rng(3)


def normal(*shape: int, dtype: type = np.float32) -> np.ndarray:
    return rng.standard_normal(shape).astype(dtype)


def test_running_statistics() -> None:
    mean, variance, batches = np.zeros(6, np.float32), np.ones(6, np.float32), np.array(0)
    expected_mean, expected_variance = np.zeros(6), np.ones(6)
    for step in range(1, 4):
        x = 2 * normal(4, 6, 5, 5) + 3
        kernels.batch_norm_forward(x, None, None, mean, variance, batches, training=True)
        expected_mean = 0.9 * expected_mean + 0.1 * x.mean((0, 2, 3), np.float64)
        expected_variance = 0.9 * expected_variance + 0.1 * x.astype(float).var((0, 2, 3), ddof=1)
        assert batches == step
        assert_close(mean, expected_mean)
        assert_close(variance, expected_variance)
    x = normal(2, 6, 3, 3)
    output, *_ = kernels.batch_norm_forward(x, None, None, mean, variance, batches)
    shape = (6, 1, 1)
    expected = (x - expected_mean.reshape(shape)) / np.sqrt(expected_variance.reshape(shape) + 1e-5)
    assert_close(output, expected)
    assert batches == 3


def test_running_variance_of_the_batch_itself() -> None:
    mean, variance = np.zeros(3, np.float32), np.ones(3, np.float32)
    x = normal(4, 3, 2)
    kernels.batch_norm_forward(
        x, None, None, mean, variance, training=True, momentum=0.25, unbiased=False
    )
    assert_close(variance, 0.75 + 0.25 * x.astype(float).var((0, 2)))
    single = kernels.batch_norm_forward(
        x[:1, :, :1].copy(), None, None, mean, variance, training=True, unbiased=False
    )
    assert not np.any(single[0])


def test_cumulative_running_statistics() -> None:
    module = nn.BatchNorm1d(3, momentum=None, dtype=np.float64)
    batches = [normal(5, 3, dtype=np.float64) for _ in range(4)]
    for x in batches:
        module(as_tensor(x))
    np.testing.assert_allclose(
        module.running_mean.numpy(), np.mean([x.mean(0) for x in batches], 0)
    )
    np.testing.assert_allclose(
        module.running_var.numpy(), np.mean([x.var(0, ddof=1) for x in batches], 0)
    )
    assert module.num_batches_tracked.item() == 4
    module.reset_running_stats()
    assert module.running_mean.tolist() == [0, 0, 0] and module.running_var.tolist() == [1, 1, 1]
    assert module.num_batches_tracked.item() == 0


def test_running_statistics_of_instances() -> None:
    module = nn.InstanceNorm2d(3, track_running_stats=True, dtype=np.float64)
    x = normal(4, 3, 5, 6, dtype=np.float64)
    module(as_tensor(x))
    np.testing.assert_allclose(module.running_mean.numpy(), 0.1 * x.mean((0, 2, 3)))
    variance = x.var((2, 3), ddof=1).mean(0)
    np.testing.assert_allclose(module.running_var.numpy(), 0.9 + 0.1 * variance)
    module.eval()
    mean, var = (t.numpy().reshape(3, 1, 1) for t in (module.running_mean, module.running_var))
    np.testing.assert_allclose(module(as_tensor(x)).numpy(), (x - mean) / np.sqrt(var + 1e-5))


def test_a_replay_updates_the_running_statistics() -> None:
    replayed, eager = (nn.BatchNorm2d(5, momentum=None) for _ in range(2))
    x, other = normal(3, 5, 4, 4), normal(3, 5, 4, 4)
    buffer = x.copy()
    with kernels.Recording() as recording:
        output = replayed(as_tensor(buffer)).detach()
    buffer[...] = other
    recording.replay()
    eager(as_tensor(x))
    assert same_bits(output.numpy(), eager(as_tensor(other)).detach().numpy())
    for a, b in zip(replayed.buffers(), eager.buffers(), strict=True):
        assert same_bits(a.numpy(), b.numpy())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(3, 5, 7, 6), (40, 33, 12, 12)])
def test_fused_is_the_chain_of_ops(shape: tuple[int, ...], dtype: type) -> None:
    arrays = [normal(*shape, dtype=dtype), normal(*shape, dtype=dtype)]
    arrays += [normal(shape[1], dtype=dtype) for _ in range(2)]
    probe = as_tensor(normal(*shape, dtype=dtype))

    def run(fused: bool, add: bool) -> list[np.ndarray]:
        x, residual, weight, bias = (as_tensor(a).requires_grad_() for a in arrays)
        options = {"training": True}
        if fused:
            options |= {"residual": residual if add else None, "activation": "relu"}
        y = functional.batch_norm(x, None, None, weight, bias, **options)
        if not fused:
            y = functional.relu(y + residual if add else y)
        y.backward(probe)
        leaves = [x, weight, bias, *([residual] if add else [])]
        return [y.detach().numpy(), *(leaf.grad.numpy() for leaf in leaves)]

    for add in (False, True):
        for a, b in zip(run(True, add), run(False, add), strict=True):
            assert same_bits(a, b)


@pytest.mark.parametrize("activation", ["none", "relu"])
def test_a_residual_with_and_without_a_gradient(activation: str) -> None:
    for needs in (True, False):
        x, residual = (
            as_tensor(normal(2, 3, 4, 4)).requires_grad_(),
            as_tensor(normal(2, 3, 4, 4)).requires_grad_(needs),
        )
        y = functional.batch_norm(
            x, None, None, training=True, residual=residual, activation=activation
        )
        probe = as_tensor(normal(2, 3, 4, 4))
        y.backward(probe)
        assert x.grad is not None
        assert (residual.grad is not None) == needs
        if needs:
            kept = np.ones((), bool) if activation == "none" else y.detach().numpy() > 0
            np.testing.assert_array_equal(residual.grad.numpy(), np.where(kept, probe.numpy(), 0))
            assert not np.shares_memory(residual.grad.numpy(), probe.numpy())


@pytest.mark.parametrize("channels", [1, 3, 6, 8, 15, 16, 17, 63, 64, 65, 511, 513])
@pytest.mark.parametrize("pixels", [1, 2, 7, 8, 9, 130])
def test_channels_and_pixels_around_the_blocks(channels: int, pixels: int) -> None:
    x = normal(3, channels, pixels)
    weight, bias = normal(channels), normal(channels)
    wide = x.astype(np.float64)
    centered = wide - wide.mean((0, 2), keepdims=True)
    expected = centered / np.sqrt(wide.var((0, 2), keepdims=True) + 1e-5)
    expected = expected * weight[:, None] + bias[:, None]
    output, mean, rstd = kernels.batch_norm_forward(x, weight, bias, training=True)
    assert_close(output, expected)
    assert_close(mean, wide.mean((0, 2)))
    grad = normal(3, channels, pixels)
    h = centered / np.sqrt(wide.var((0, 2), keepdims=True) + 1e-5)
    g = grad * weight[:, None].astype(np.float64)
    means = [v.mean((0, 2), keepdims=True) for v in (g, g * h)]
    by_input, by_weight, by_bias, _ = kernels.batch_norm_backward(
        grad, x, mean, rstd, weight, bias, training=True
    )
    scale = 1 / np.sqrt(wide.var((0, 2), keepdims=True) + 1e-5)
    assert_close(by_input, scale * (g - means[0] - h * means[1]))
    assert_close(by_weight, (grad * h).sum((0, 2)))
    assert_close(by_bias, grad.astype(np.float64).sum((0, 2)))


@pytest.mark.parametrize("layout", IMAGE_LAYOUTS)
def test_layouts(layout) -> None:
    x, grad, residual = (normal(2, 6, 5, 4) for _ in range(3))
    weight, bias = normal(6), normal(6)

    def run(arrange) -> list[np.ndarray]:
        x_, grad_, residual_ = (arrange(a) for a in (x, grad, residual))
        y, mean, rstd = kernels.batch_norm_forward(
            x_, weight[::1], bias, training=True, residual=residual_, activation="relu"
        )
        grads = kernels.batch_norm_backward(
            grad_, x_, mean, rstd, weight, bias, arrange(y), training=True, activation="relu"
        )
        z, center, scale = kernels.group_norm_forward(x_, 3, weight, bias)
        more = kernels.group_norm_backward(grad_, x_, center, scale, weight)
        return [y, *grads, z, *more]

    for a, b in zip(run(layout), run(np.ascontiguousarray), strict=True):
        assert same_bits(np.ascontiguousarray(a), np.ascontiguousarray(b))


def test_results_are_channels_last_and_out_takes_either_order() -> None:
    x = normal(2, 6, 5, 4)
    expected, *_ = kernels.batch_norm_forward(x, training=True)
    assert expected.transpose(0, 2, 3, 1).flags.c_contiguous
    for out in (np.empty_like(x), np.empty_like(expected)):
        result, *_ = kernels.batch_norm_forward(x, training=True, out=out)
        assert result is out and same_bits(np.array(out), np.array(expected))
    volume, *_ = kernels.instance_norm_forward(normal(2, 6, 3, 5, 4))
    assert volume.transpose(0, 2, 3, 4, 1).flags.c_contiguous


def test_large_offsets_lose_no_digits() -> None:
    noise = normal(64, 8, 20, 20)
    x = noise + np.float32(1000)
    wide = x.astype(np.float64)
    expected = (wide - wide.mean((0, 2, 3), keepdims=True)) / wide.std((0, 2, 3), keepdims=True)
    output, *_ = kernels.batch_norm_forward(x, training=True, eps=0)
    np.testing.assert_allclose(output, expected, atol=1e-4)
    rows = x.reshape(64, -1)
    wide = rows.astype(np.float64)
    expected = (wide - wide.mean(1, keepdims=True)) / wide.std(1, keepdims=True)
    np.testing.assert_allclose(kernels.layer_norm_forward(rows, eps=0)[0], expected, atol=1e-4)


def test_nan_and_infinity_stay_in_their_set() -> None:
    x = normal(4, 5, 6)
    x[1, 2, 3] = np.nan
    output, *_ = kernels.batch_norm_forward(x, training=True, activation="relu")
    assert np.isnan(output[:, 2]).all() and np.isfinite(np.delete(output, 2, 1)).all()
    output, *_ = kernels.layer_norm_forward(x)
    assert np.isnan(output[1, 2]).all() and np.isnan(output).sum() == 6
    output, *_ = kernels.group_norm_forward(x, 1)
    assert np.isnan(output[1]).all() and np.isnan(output).sum() == 30
    x[1, 2, 3] = np.inf
    zeros, ones = np.zeros(5, np.float32), np.ones(5, np.float32)
    output, mean, rstd = kernels.batch_norm_forward(x, None, None, zeros, ones)
    assert np.isinf(output).sum() == 1
    by_input, *_ = kernels.batch_norm_backward(np.ones_like(x), x, mean, rstd)
    assert np.isfinite(by_input).all()


def test_many_images_are_normalised_some_at_a_time() -> None:
    x, grad, weight = normal(11, 8, 200, 90), normal(11, 8, 200, 90), normal(8)
    y, mean, rstd = kernels.group_norm_forward(x, 4, weight, weight)
    dx, dw, db = kernels.group_norm_backward(grad, x, mean, rstd, weight)
    for i in (0, 6, 7, 10):
        one = slice(i, i + 1)
        y_of, *saved = kernels.group_norm_forward(x[one], 4, weight, weight)
        np.testing.assert_array_equal(y[one], y_of)
        dx_of = kernels.group_norm_backward(grad[one], x[one], *saved, weight)[0]
        np.testing.assert_array_equal(dx[one], dx_of)
    assert_close(db, grad.sum((0, 2, 3), np.float64))
    assert_close(
        dw,
        (grad.astype(np.float64) * (y - weight[:, None, None]) / weight[:, None, None]).sum(
            (0, 2, 3)
        ),
    )
    running = np.zeros(8, np.float32), np.ones(8, np.float32)
    kernels.instance_norm_forward(x, running_mean=running[0], running_var=running[1], momentum=1)
    assert_close(running[0], x.mean((0, 2, 3), np.float64))
    assert_close(running[1], x.astype(np.float64).var((2, 3), ddof=1).mean(0))


def test_replays_and_threads() -> None:
    x, grad, weight = normal(8, 20, 30, 30), normal(8, 20, 30, 30), normal(20)
    rows, row_grad, row_weight = normal(600, 200), normal(600, 200), normal(200)

    def channels(x, grad, weight):
        y, mean, rstd = kernels.batch_norm_forward(x, weight, weight, training=True)
        z, center, scale = kernels.group_norm_forward(x, 5, weight)
        by_batch = kernels.batch_norm_backward(grad, x, mean, rstd, weight, training=True)
        return (y, z, *by_batch[:3], *kernels.group_norm_backward(grad, x, center, scale, weight))

    def layers(x, grad, weight):
        y, mean, rstd = kernels.layer_norm_forward(x, weight, weight)
        z, scale = kernels.rms_norm_forward(x, weight)
        by_layer = kernels.layer_norm_backward(grad, x, mean, rstd, weight)
        return (y, z, *by_layer, *kernels.rms_norm_backward(grad, x, scale, weight))

    for call, arrays in ((channels, (x, grad, weight)), (layers, (rows, row_grad, row_weight))):
        check_replay(call, *arrays)
        check_threads(lambda call=call, arrays=arrays: call(*arrays))


def test_gradients_that_are_not_needed_are_none() -> None:
    x, weight = normal(4, 6, 5), normal(6)
    _, mean, rstd = kernels.batch_norm_forward(x, weight, training=True)
    none = {"need_input": False, "need_weight": False, "need_bias": False}
    every = kernels.batch_norm_backward(x, x, mean, rstd, weight, training=True)
    for i, name in enumerate(none):
        some = kernels.batch_norm_backward(
            x, x, mean, rstd, weight, training=True, **{**none, name: True}
        )
        assert [a is None for a in some[:3]] == [j != i for j in range(3)]
        assert same_bits(some[i], every[i])
    _, mean, rstd = kernels.layer_norm_forward(x)
    every = kernels.layer_norm_backward(x, x, mean, rstd)
    for i, name in enumerate(none):
        some = kernels.layer_norm_backward(x, x, mean, rstd, **{**none, name: True})
        assert [a is None for a in some] == [j != i for j in range(3)]
        assert same_bits(some[i], every[i])


STATE = ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]


@pytest.mark.parametrize(
    ("module", "keys", "text"),
    [
        (nn.BatchNorm2d(3), STATE,
         "3, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True"),
        (nn.BatchNorm1d(3, affine=False), STATE[2:],
         "3, eps=1e-05, momentum=0.1, affine=False, bias=False, track_running_stats=True"),
        (nn.BatchNorm3d(3, track_running_stats=False), STATE[:2],
         "3, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=False"),
        (nn.InstanceNorm2d(3), [],
         "3, eps=1e-05, momentum=0.1, affine=False, bias=False, track_running_stats=False"),
        (nn.GroupNorm(2, 4), STATE[:2], "2, 4, eps=1e-05, affine=True, bias=True"),
        (nn.LayerNorm((3, 4)), STATE[:2], "(3, 4), eps=1e-05, elementwise_affine=True, bias=True"),
        (nn.LayerNorm(4, bias=False), STATE[:1],
         "(4,), eps=1e-05, elementwise_affine=True, bias=False"),
        (nn.RMSNorm(4), STATE[:1], "(4,), eps=None, elementwise_affine=True"),
        (nn.Embedding(5, 3, padding_idx=-1), STATE[:1], "5, 3, padding_idx=4"),
    ],
)  # fmt: skip
def test_state_and_text_of_modules(module: nn.Module, keys: list[str], text: str) -> None:
    assert list(module.state_dict()) == keys
    assert repr(module) == f"{type(module).__name__}({text})"


def test_modules_train_and_evaluate() -> None:
    x = as_tensor(normal(4, 6, 5, 5))
    for module in (nn.BatchNorm2d(6), nn.InstanceNorm2d(6, affine=True), nn.GroupNorm(3, 6)):
        y = module(x)
        y.sum().backward()
        assert y.shape == x.shape and module.weight.grad.shape == (6,)
    module = nn.BatchNorm2d(6)
    before = module.eval()(x).detach().numpy()
    assert module.num_batches_tracked.item() == 0
    np.testing.assert_allclose(before, x.numpy() / np.sqrt(1 + 1e-5), rtol=1e-6)
    untracked = nn.BatchNorm2d(6, track_running_stats=False).eval()
    np.testing.assert_allclose(untracked(x).detach().numpy().mean((0, 2, 3)), 0, atol=1e-6)
    one = nn.InstanceNorm2d(6)(x[0])
    np.testing.assert_array_equal(one.numpy(), nn.InstanceNorm2d(6)(x).numpy()[0])
    assert nn.LayerNorm([5, 5])(x).shape == x.shape
    assert nn.RMSNorm(5)(x).shape == x.shape
    double = nn.BatchNorm1d(6).double()
    assert double(as_tensor(normal(3, 6, dtype=np.float64))).dtype == np.float64
    assert double.num_batches_tracked.dtype == np.int64


def test_embedding() -> None:
    module = nn.Embedding(6, 4, padding_idx=2, dtype=np.float64)
    assert module.weight.tolist()[2] == [0] * 4
    index = as_tensor(np.array([[1, 2, 1], [5, 1, 2]]))
    y = module(index)
    assert y.shape == (2, 3, 4)
    probe = normal(2, 3, 4, dtype=np.float64)
    y.backward(as_tensor(probe))
    expected = np.zeros((6, 4))
    np.add.at(expected, index.numpy(), probe)
    expected[2] = 0
    np.testing.assert_allclose(module.weight.grad.numpy(), expected)
    weight = as_tensor(normal(6, 4, dtype=np.float64)).requires_grad_()
    functional.embedding(index, weight, scale_grad_by_freq=True).backward(as_tensor(probe))
    expected = np.zeros((6, 4))
    np.add.at(expected, index.numpy(), probe)
    expected[[1, 2]] /= [[3], [2]]
    np.testing.assert_allclose(weight.grad.numpy(), expected)


@pytest.mark.parametrize("p", [1.0, 2.0, 3.0, np.inf])
def test_embedding_with_a_largest_norm(p: float) -> None:
    weight = normal(40, 5, dtype=np.float64)
    before = weight.copy()
    index = np.array([3, 7, 3, 39, 0])
    output = functional.embedding(as_tensor(index), as_tensor(weight), max_norm=1.5, norm_type=p)
    norms = np.linalg.norm(before, p, axis=1, keepdims=True)
    named = np.isin(np.arange(40), index)[:, None]
    expected = np.where(named & (norms > 1.5), before * 1.5 / (norms + 1e-7), before)
    np.testing.assert_allclose(weight, expected, rtol=1e-12)
    np.testing.assert_array_equal(output.numpy(), weight[index])


def test_embedding_from_pretrained() -> None:
    table = normal(5, 3)
    module = nn.Embedding.from_pretrained(as_tensor(table), padding_idx=1, max_norm=9.0)
    assert not module.weight.requires_grad and np.shares_memory(module.weight.numpy(), table)
    assert (module.num_embeddings, module.embedding_dim, module.max_norm) == (5, 3, 9.0)
    assert nn.Embedding.from_pretrained(table, freeze=False).weight.requires_grad
    with pytest.raises(cygnet.ShapeError, match="from_pretrained: embeddings has shape"):
        nn.Embedding.from_pretrained(np.zeros(3, np.float32))


X, C = normal(2, 4, 3, 3), normal(4)
FORWARD = kernels.batch_norm_forward
ERRORS = [
    (lambda: FORWARD(normal(4)), ValueError, r"batch_norm: input has shape \(4,\)"),
    (lambda: FORWARD(X.astype(int), training=True), TypeError, "batch_norm: input has dtype int64"),
    (lambda: FORWARD(X), ValueError, "running_mean and running_var are needed"),
    (lambda: FORWARD(X, C[:3], training=True),
     ValueError, r"weight has shape \(3,\), expected \(4,\)"),
    (lambda: FORWARD(X, C, C.astype(float), training=True), TypeError, "bias has dtype float64"),
    (lambda: FORWARD(X, running_mean=C), ValueError, "both or not at all"),
    (lambda: FORWARD(X, None, None, C[:3], C[:3]), ValueError, r"running_mean has shape \(3,\)"),
    (lambda: FORWARD(X, None, None, C, C[:1], training=True), ValueError, "running_var has shape"),
    (lambda: FORWARD(X, None, None, C.copy(), C.copy(), training=True, momentum=None), ValueError,
     "num_batches_tracked is needed"),
    (lambda: FORWARD(X, None, None, C, C, training=True), ValueError, "shares memory"),
    (lambda: FORWARD(X, None, None, C.copy(), C.copy(), C, training=True),
     TypeError, "num_batches"),
    (lambda: FORWARD(X, None, None, normal(8)[::2], C.copy(), training=True),
     ValueError, "contiguous"),
    (lambda: FORWARD(normal(1, 4), training=True), ValueError, "more than 1 value a channel"),
    (lambda: FORWARD(X, training=True, eps=-1.0), ValueError, "eps is -1"),
    (lambda: FORWARD(X, training=True, activation="tanh"), ValueError, "'none' or 'relu'"),
    (lambda: FORWARD(X, training=True, residual=X[:1]), ValueError, "residual has shape"),
    (lambda: FORWARD(X, training=True, out=X), ValueError, "out shares memory"),
    (lambda: kernels.batch_norm_backward(X[:1], X, C, C), ValueError, "grad_output has shape"),
    (lambda: kernels.batch_norm_backward(X, X, C[:3], C), ValueError, "mean has shape"),
    (lambda: kernels.batch_norm_backward(X, X, C, C, output=X), ValueError, "activation is 'none'"),
    (lambda: kernels.group_norm_forward(X, 3), ValueError, "expected a multiple of groups, 3"),
    (lambda: kernels.group_norm_forward(X, 0), ValueError, "groups is 0, expected at least 1"),
    (lambda: kernels.group_norm_backward(X, X, C, C), ValueError, "mean has shape"),
    (lambda: kernels.instance_norm_forward(normal(3, 4)), ValueError, "of an image"),
    (lambda: kernels.layer_norm_forward(X, axes=5), ValueError, "axes is 5, expected at least 1"),
    (lambda: kernels.layer_norm_forward(X, C),
     ValueError, r"weight has shape \(4,\), expected \(3,\)"),
    (lambda: kernels.layer_norm_backward(X, X, C, C), ValueError, "rstd has shape"),
    (lambda: kernels.rms_norm_backward(X, X, X), ValueError, "expected the first sizes of input"),
    (lambda: kernels.renormalize_rows(X[0, 0], np.array([3]), 1.0), IndexError, "0 <= index < 3"),
    (lambda: kernels.renormalize_rows(X[0, 0], np.array([0]), 1.0, 0.0),
     ValueError, "norm_type is 0"),
    (lambda: functional.layer_norm(as_tensor(X), (4, 3)),
     ValueError, "expected the last sizes of input"),
    (lambda: functional.layer_norm(as_tensor(X), "3"), TypeError, "expected an int or ints"),
    (lambda: functional.rms_norm(as_tensor(X), ()), ValueError, "rms_norm: normalized_shape"),
    (lambda: functional.embedding(as_tensor([0]), as_tensor(C)),
     ValueError, r"expected \(rows, width\)"),
    (lambda: functional.embedding(as_tensor([7]), as_tensor(X[0, 0])),
     IndexError, "expected 0 <= index < 3"),
    (lambda: functional.embedding(as_tensor([0.5]), as_tensor(X[0, 0])),
     TypeError, "indices has dtype"),
    (lambda: functional.embedding(as_tensor([0]), as_tensor(X[0, 0]), 3),
     ValueError, "padding_idx is 3"),
    (lambda: nn.Embedding(3, 2, padding_idx=-4),
     ValueError, "padding_idx expected -3 to 2, got -4"),
    (lambda: nn.BatchNorm2d(5)(as_tensor(X)),
     ValueError, "input has 4 channels, expected num_features, 5"),
    (lambda: nn.BatchNorm1d(4)(as_tensor(X)), ValueError, "expected 2 or 3 dimensions"),
    (lambda: nn.BatchNorm2d(-1), ValueError, "num_features expected at least 0, got -1"),
    (lambda: nn.GroupNorm(3, 4), ValueError, "num_channels expected a multiple of num_groups"),
    (lambda: nn.GroupNorm(2, 6)(as_tensor(X)), ValueError, r"GroupNorm: input has shape"),
    (lambda: nn.LayerNorm(4)(as_tensor(X)), ValueError, "layer_norm: normalized_shape is"),
    (lambda: nn.LayerNorm(()), ValueError, "LayerNorm: argument normalized_shape"),
    (lambda: nn.RMSNorm(2.5), TypeError, "RMSNorm: argument normalized_shape expected an int"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "text"), ERRORS, ids=range(len(ERRORS)))
def test_errors(call, error, text: str) -> None:
    with pytest.raises(error, match=text):
        call()
