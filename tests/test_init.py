"""Initialisation: distributions, bounds, fans, streams."""

import math

import numpy as np
import pytest

import cygnet
from cygnet import nn
from cygnet.nn import init

SHAPE = (64, 32, 5, 5)
FAN_IN, FAN_OUT = 32 * 25, 64 * 25


def tensor(shape=SHAPE, dtype=np.float32):
    return cygnet.as_tensor(np.empty(shape, dtype))


def assert_moments(values, mean, std, kurtosis):
    """Mean and variance within five standard errors; `kurtosis` is the fourth moment over std^4."""
    values = np.asarray(values, np.float64).ravel()
    assert abs(values.mean() - mean) <= 5 * std / math.sqrt(values.size)
    error = std**2 * math.sqrt((kurtosis - 1) / values.size)
    assert abs(((values - mean) ** 2).mean() - std**2) <= 5 * error


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_uniform(dtype):
    values = init.uniform_(tensor(dtype=dtype), -1.0, 3.0).numpy()
    assert values.min() >= -1.0
    assert values.max() < 3.0
    assert_moments(values, 1.0, 4 / math.sqrt(12), 1.8)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_normal(dtype):
    assert_moments(init.normal_(tensor(dtype=dtype), 2.0, 0.5).numpy(), 2.0, 0.5, 3.0)


@pytest.mark.parametrize(
    ("fill", "bound"),
    [
        (init.xavier_uniform_, math.sqrt(6 / (FAN_IN + FAN_OUT))),
        (lambda t: init.xavier_uniform_(t, 2.0), 2 * math.sqrt(6 / (FAN_IN + FAN_OUT))),
        (init.kaiming_uniform_, math.sqrt(6 / FAN_IN)),
        (lambda t: init.kaiming_uniform_(t, mode="fan_out"), math.sqrt(6 / FAN_OUT)),
        (lambda t: init.kaiming_uniform_(t, a=math.sqrt(5)), math.sqrt(1 / FAN_IN)),
    ],
)
def test_bounds(fill, bound):
    values = fill(tensor()).numpy()
    assert np.abs(values).max() <= np.float32(bound)
    assert np.abs(values).max() > 0.999 * bound
    assert_moments(values, 0.0, bound / math.sqrt(3), 1.8)


@pytest.mark.parametrize(
    ("fill", "std"),
    [
        (init.xavier_normal_, math.sqrt(2 / (FAN_IN + FAN_OUT))),
        (init.kaiming_normal_, math.sqrt(2 / FAN_IN)),
        (lambda t: init.kaiming_normal_(t, nonlinearity="tanh"), 5 / 3 / math.sqrt(FAN_IN)),
    ],
)
def test_standard_deviations(fill, std):
    assert_moments(fill(tensor()).numpy(), 0.0, std, 3.0)


@pytest.mark.parametrize(("a", "b"), [(-2.0, 2.0), (-0.5, 3.0), (1.0, 1.5), (-6.0, -2.0)])
def test_truncated_normal(a, b):
    mean, std = 0.5, 0.8
    values = init.trunc_normal_(tensor(dtype=np.float64), mean, std, a, b).numpy()
    assert values.min() >= a and values.max() <= b
    grid = np.linspace(a, b, 200_001)
    density = np.exp(-0.5 * ((grid - mean) / std) ** 2)
    density /= density.sum()
    center = (grid * density).sum()
    variance = ((grid - center) ** 2 * density).sum()
    kurtosis = ((grid - center) ** 4 * density).sum() / variance**2
    assert_moments(values, center, math.sqrt(variance), kurtosis)
    assert init.trunc_normal_(tensor(), a=-1, b=1).numpy().max() <= 1


@pytest.mark.parametrize("shape", [(5, 5), (7, 3), (3, 7), (4, 2, 3, 3), (1, 4), (0, 3)])
def test_orthogonal(shape):
    matrix = init.orthogonal_(tensor(shape, np.float64), 2.0).numpy()
    matrix = matrix.reshape(shape[0], math.prod(shape[1:]))
    small = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    np.testing.assert_allclose(small @ small.T, 4 * np.eye(len(small)), atol=1e-12)


def test_orthogonal_matrices_are_uniformly_distributed():
    drawn = np.stack([init.orthogonal_(tensor((3, 3), np.float64)).numpy() for _ in range(4000)])
    # Each entry has mean 0 and variance 1/3, and a fourth moment of 1/5.
    for row, column in np.ndindex(3, 3):
        assert_moments(drawn[:, row, column], 0.0, math.sqrt(1 / 3), 9 / 5)


def test_sparse():
    values = init.sparse_(tensor((101, 300)), 0.3, 2.0).numpy()
    assert ((values == 0).sum(0) == 31).all()
    assert_moments(values[values != 0], 0.0, 2.0, 3.0)


def test_eye_and_dirac():
    np.testing.assert_array_equal(init.eye_(tensor((3, 5))).numpy(), np.eye(3, 5))
    x = np.random.default_rng(0).standard_normal((2, 4, 7, 6)).astype(np.float32)
    for groups, outer in ((1, 4), (2, 8), (1, 3), (1, 6)):
        weight = init.dirac_(tensor((outer, 4, 3, 5)), groups)
        y = nn.functional.conv2d(cygnet.as_tensor(x), weight, padding=(1, 2)).numpy()
        block = outer // groups
        for channel in range(outer):
            kept = x[:, channel % block] if channel % block < 4 else 0 * x[:, 0]
            np.testing.assert_array_equal(y[:, channel], kept)


def test_initialisation_counts_as_a_change():
    weight = tensor((2, 3))
    (nn.Parameter(weight) * 1).detach()
    view = weight.detach()
    for fill in (init.uniform_, init.normal_, init.zeros_, init.eye_, init.orthogonal_):
        before = view._version
        fill(weight)
        assert view._version > before


def test_constants():
    assert (init.constant_(tensor((2, 3)), 1.5).numpy() == 1.5).all()
    assert (init.zeros_(tensor((2, 3))).numpy() == 0).all()
    assert (init.ones_(tensor((2, 3))).numpy() == 1).all()


def test_layers_have_pytorchs_defaults():
    for layer, fan_in in ((nn.Linear(400, 300), 400), (nn.Conv2d(32, 64, 5), FAN_IN)):
        bound = 1 / math.sqrt(fan_in)
        for parameter in layer.parameters():
            values = parameter.detach().numpy()
            assert np.abs(values).max() <= np.float32(bound)
            assert_moments(values, 0.0, bound / math.sqrt(3), 1.8)


def test_gains():
    assert init.calculate_gain("relu") == math.sqrt(2)
    assert init.calculate_gain("tanh") == 5 / 3
    assert init.calculate_gain("leaky_relu", 0.2) == math.sqrt(2 / 1.04)
    assert init.calculate_gain("leaky_relu") == math.sqrt(2 / 1.0001)
    assert init.calculate_gain("linear") == 1
    with pytest.raises(ValueError, match=r"nonlinearity expected one of .* got 'swish'"):
        init.calculate_gain("swish")


def test_errors():
    with pytest.raises(ValueError, match="at least 2 dimensions"):
        init.kaiming_uniform_(tensor((3,)))
    for fill in (init.eye_, init.dirac_, init.orthogonal_, lambda t: init.sparse_(t, 0.5)):
        with pytest.raises(cygnet.kernels.ShapeError, match=r"tensor has shape \(3,\), expected"):
            fill(tensor((3,)))
    with pytest.raises(ValueError, match="dirac_: groups is 3, expected a divisor of 4"):
        init.dirac_(tensor((4, 2, 3)), 3)
    with pytest.raises(ValueError, match="mode expected 'fan_in' or 'fan_out', got 'in'"):
        init.kaiming_uniform_(tensor((3, 3)), mode="in")


def test_seed_gives_the_same_weights_in_every_layout():
    cygnet.manual_seed(7)
    first = init.normal_(tensor((2, 3, 4, 5))).numpy()
    cygnet.manual_seed(7)
    channels_last = cygnet.as_tensor(np.empty((2, 4, 5, 3), np.float32).transpose(0, 3, 1, 2))
    np.testing.assert_array_equal(init.normal_(channels_last).numpy(), first)
    assert (init.normal_(tensor((2, 3, 4, 5))).numpy() != first).any()
    generator = cygnet.Generator(7)
    own = init.normal_(tensor((2, 3, 4, 5)), generator=generator).numpy()
    np.testing.assert_array_equal(own, first)


def test_empty_layers():
    assert nn.Linear(0, 3).bias.numel() == 3
    assert nn.Linear(3, 0).weight.numel() == 0
