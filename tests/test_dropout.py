"""What the dropouts and activations with chance draw; dropout itself is in `test_random.py`."""

from __future__ import annotations

import numpy as np
import pytest

import cygnet as cn
from cygnet import kernels, nn
from cygnet.nn import functional

FEATURES = {"dropout1d": (40, 50, 3), "dropout2d": (40, 50, 3, 2), "dropout3d": (40, 50, 2, 3, 2)}


@pytest.mark.parametrize("name", FEATURES)
def test_feature_dropout_takes_whole_channels(name: str) -> None:
    shape = FEATURES[name]
    x = cn.ones(*shape, requires_grad=True)
    output = getattr(functional, name)(x, 0.25)
    output.sum().backward()
    assert x.grad is not None
    values = output.detach().numpy().reshape(40, 50, -1)
    np.testing.assert_array_equal(x.grad.numpy().reshape(40, 50, -1), values)
    np.testing.assert_array_equal(values, np.broadcast_to(values[:, :, :1], values.shape))
    assert set(np.unique(values)) == {np.float32(0), np.float32(1) / np.float32(0.75)}
    assert abs((values[:, :, 0] == 0).mean() - 0.25) < 0.05


def test_feature_dropout_without_batch() -> None:
    for name, shape in (("dropout1d", (50, 3)), ("dropout3d", (50, 2, 3, 2))):
        values = getattr(functional, name)(cn.ones(*shape)).numpy().reshape(50, -1)
        assert len(np.unique(values[:, 0])) == 2
        np.testing.assert_array_equal(values, np.broadcast_to(values[:, :1], values.shape))
    with pytest.raises(kernels.ShapeError, match="dropout2d: input has shape"):
        functional.dropout2d(cn.ones(3))


@pytest.mark.parametrize("name", ["alpha_dropout", "feature_alpha_dropout"])
def test_alpha_dropout_keeps_mean_and_variance(name: str) -> None:
    x = cn.randn(300, 400)
    output = getattr(functional, name)(x, 0.3, training=True).numpy()
    assert abs(output.mean()) < 0.02 and abs(output.std() - 1) < 0.02
    assert not np.array_equal(output, x.numpy())
    assert getattr(functional, name)(x, 0.3) is x


def test_rrelu_draws_slopes_between_its_limits() -> None:
    x = cn.full((1000,), -2.0, dtype="float32", requires_grad=True)
    output = functional.rrelu(x, 0.1, 0.3, training=True)
    output.sum().backward()
    slopes = output.detach().numpy() / -2
    assert x.grad is not None
    np.testing.assert_allclose(x.grad.numpy(), slopes, rtol=1e-6)
    assert slopes.min() >= 0.1 and slopes.max() <= 0.3 and abs(slopes.mean() - 0.2) < 0.01
    with pytest.raises(ValueError, match=r"rrelu: upper is 0\.1"):
        functional.rrelu(x, 0.2, 0.1)


def test_gumbel_softmax_draws_categories_by_their_chances() -> None:
    chances = np.array([0.5, 0.3, 0.2])
    logits = cn.tensor(np.broadcast_to(np.log(chances), (20000, 3)).copy(), requires_grad=True)
    output = functional.gumbel_softmax(logits, tau=0.5, hard=True)
    values = output.detach().numpy()
    np.testing.assert_allclose(values.sum(1), 1, atol=1e-12)
    np.testing.assert_allclose(values.mean(0), chances, atol=0.02)
    assert (np.abs(values - values.round()) < 1e-12).all()
    (output * cn.tensor(chances)).sum().backward()
    assert logits.grad is not None and np.abs(logits.grad.numpy()).max() > 0
    soft = functional.gumbel_softmax(logits.detach(), dim=0).numpy()
    np.testing.assert_allclose(soft.sum(0), 1)


@pytest.mark.parametrize(
    "module",
    [
        nn.Dropout1d(),
        nn.Dropout2d(),
        nn.Dropout3d(),
        nn.AlphaDropout(),
        nn.FeatureAlphaDropout(),
        nn.RReLU(),
    ],
    ids=lambda m: type(m).__name__,
)
def test_modules_draw_in_training_only_and_by_their_path(module: nn.Module) -> None:
    x = cn.randn(4, 30, 2, 2, 2)
    cn.manual_seed(3)
    first, second = module(x).numpy(), module(x).numpy()
    assert not np.array_equal(first, second)
    cn.manual_seed(3)
    cn.rand(5)
    np.testing.assert_array_equal(module(x).numpy(), first)
    module.eval()
    np.testing.assert_array_equal(module(x).numpy(), module(x).numpy())


def test_a_probability_out_of_range_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"Dropout2d: argument p expected"):
        nn.Dropout2d(1.5)
    with pytest.raises(ValueError, match="alpha_dropout: p is -1"):
        functional.alpha_dropout(cn.ones(2), -1)


def test_replays_draw_anew() -> None:
    x = cn.ones(100)
    with kernels.Recording() as recording:
        output = functional.alpha_dropout(x, 0.5, training=True)
    recording.replay()
    first = output.numpy().copy()
    recording.replay()
    assert not np.array_equal(output.numpy(), first)
