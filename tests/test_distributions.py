"""Distributions against sums and integrals of their densities, and PyTorch where installed."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import cygnet
from cygnet import Tensor, autograd, kernels
from cygnet import distributions as ours
from cygnet.distributions import (
    Bernoulli,
    Categorical,
    Distribution,
    Independent,
    LogNormal,
    Normal,
    Uniform,
    kl_divergence,
    register_kl,
)


def array(*values: Any) -> np.ndarray:
    return np.array(values, np.float64)


# The class, parameters of p and of q, and the points to sum or to integrate over.
FINE = np.linspace(0, 1, 200_001)
CONTINUOUS: dict[str, tuple[str, dict[str, Any], dict[str, Any], np.ndarray]] = {
    "normal": (
        "Normal",
        {"loc": array(0.3, -1), "scale": array(0.5, 2)},
        {"loc": array(0.0, 1), "scale": array(1.0, 1.5)},
        FINE * 60 - 30,
    ),
    "log-normal": (
        "LogNormal",
        {"loc": array(0.3, -1), "scale": array(0.2, 0.4)},
        {"loc": array(0.0, -0.5), "scale": array(0.3, 0.5)},
        FINE * 30 + 1e-9,
    ),
    "uniform": (
        "Uniform",
        {"low": array(0.0, -1), "high": array(1.0, 2)},
        {"low": array(-1.0, -1.5), "high": array(2.0, 2.5)},
        FINE * 3.75 - 1.25,
    ),
    "exponential": ("Exponential", {"rate": array(0.5, 2)}, {"rate": array(1.0, 1)}, FINE * 80),
    "laplace": (
        "Laplace",
        {"loc": array(0.3, -1), "scale": array(0.5, 2)},
        {"loc": array(0.0, 1), "scale": array(1.0, 1.5)},
        FINE * 160 - 80,
    ),
}
DISCRETE: dict[str, tuple[str, dict[str, Any], dict[str, Any], np.ndarray]] = {
    "bernoulli": (
        "Bernoulli",
        {"probs": array(0.2, 0.7)},
        {"probs": array(0.5, 0.4)},
        np.arange(2.0),
    ),
    "bernoulli logits": (
        "Bernoulli",
        {"logits": array(-2.0, 0.3)},
        {"logits": array(1.0, 0)},
        np.arange(2.0),
    ),
    "categorical": (
        "Categorical",
        {"probs": array([1, 2, 5], [0.3, 0.3, 0.4])},
        {"probs": array([0.2, 0.2, 0.6], [2, 1, 1])},
        np.arange(3),
    ),
    "categorical logits": (
        "Categorical",
        {"logits": array([1, -2, 5], [0.3, 0.3, 0.4])},
        {"logits": array([0, 0.5, 4], [0, 0, 0])},
        np.arange(3),
    ),
}
ROWS = {**CONTINUOUS, **DISCRETE}


def made(name: str, which: int = 1, library: Any = ours, tensor: Any = Tensor) -> Any:
    """p (1) or q (2) of a row."""
    row = ROWS[name]
    return getattr(library, row[0])(**{key: tensor(value) for key, value in row[which].items()})


def expectation(name: str, weight: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> np.ndarray:
    """The integral or sum of p(x) weight(x, log p(x)) over all x, for each member of the batch."""
    points = ROWS[name][3]
    p = made(name)
    p._validate_args = False
    logs = p.log_prob(Tensor(points.reshape(-1, 1)))._array
    with np.errstate(invalid="ignore"):
        values = np.where(np.isinf(logs), 0, np.exp(logs) * weight(points.reshape(-1, 1), logs))
    if name in DISCRETE:
        return values.sum(0)
    return np.trapezoid(values, points, axis=0)


@pytest.mark.parametrize("name", ROWS)
def test_moments_and_entropy(name: str) -> None:
    p = made(name)
    close = {"rtol": 1e-4, "atol": 1e-4}
    np.testing.assert_allclose(expectation(name, lambda x, _: x * 0 + 1), 1, **close)
    np.testing.assert_allclose(p.entropy()._array, expectation(name, lambda _, log: -log), **close)
    np.testing.assert_allclose(p.perplexity()._array, np.exp(p.entropy()._array))
    if name.startswith("categorical"):
        assert np.isnan(p.mean._array).all()
        assert np.isnan(p.variance._array).all()
        assert p.mode.tolist() == p.probs.argmax(-1).tolist()
        return
    mean = expectation(name, lambda x, _: x)
    variance = expectation(name, lambda x, _: (x - mean) ** 2)
    np.testing.assert_allclose(p.mean._array, mean, **close)
    np.testing.assert_allclose(p.variance._array, variance, **close)
    np.testing.assert_allclose(p.stddev._array, np.sqrt(variance), **close)


@pytest.mark.parametrize("name", ROWS)
def test_divergence(name: str) -> None:
    p, q = made(name), made(name, 2)
    q._validate_args = False
    logs = q.log_prob(Tensor(ROWS[name][3].reshape(-1, 1)))._array
    found = kl_divergence(p, q)._array
    np.testing.assert_allclose(found, expectation(name, lambda _, log: log - logs), rtol=1e-4)
    np.testing.assert_allclose(kl_divergence(p, p)._array, 0, atol=1e-12)


@pytest.mark.parametrize("name", CONTINUOUS)
def test_cumulative(name: str) -> None:
    p = made(name)
    level = Tensor(array([0.1, 0.5], [0.5, 0.9], [0.75, 0.3]))
    x = p.icdf(level)
    np.testing.assert_allclose(p.cdf(x)._array, level._array, rtol=1e-6)
    points = ROWS[name][3]
    p._validate_args = False
    with np.errstate(invalid="ignore"):
        density = np.nan_to_num(np.exp(p.log_prob(Tensor(points.reshape(-1, 1)))._array))
    for row in range(2):
        inside = points <= x._array[0, row]
        found = np.trapezoid(density[inside, row], points[inside])
        np.testing.assert_allclose(found, level._array[0, row], atol=1e-3)


@pytest.mark.parametrize("name", ROWS)
def test_samples(name: str) -> None:
    count = 20_000
    p = made(name)
    drawn = p.sample((count,))
    assert tuple(drawn.shape) == (count, 2)
    assert not drawn.requires_grad
    if name.startswith("categorical"):
        assert drawn.dtype == np.int64
        found = np.stack([(drawn._array == i).mean(0) for i in range(3)], -1)
        error = np.sqrt(p.probs._array * (1 - p.probs._array) / count)
        assert (np.abs(found - p.probs._array) < 5 * error + 1e-12).all()
    else:
        assert drawn.dtype == np.float64
        values = drawn._array
        mean, stddev = p.mean._array, p.stddev._array
        assert (np.abs(values.mean(0) - mean) < 5 * stddev / np.sqrt(count)).all()
        spread = np.abs(values.var(0) - stddev**2)
        fourth = ((values - mean) ** 4).mean(0)
        assert (spread < 5 * np.sqrt((fourth - stddev**4) / count)).all()
    cygnet.manual_seed(4)
    first = p.sample((2, 3))
    cygnet.manual_seed(4)
    assert first.tolist() == p.sample((2, 3)).tolist()
    assert tuple(p.sample().shape) == (2,)
    assert tuple(p.sample((0,)).shape) == (0, 2)
    assert tuple(p.expand((3, 2)).sample((4,)).shape) == (4, 3, 2)
    assert type(p.expand((3, 2))) is type(p)
    np.testing.assert_allclose(
        p.expand((3, 2)).entropy()._array, np.tile(p.entropy()._array, (3, 1))
    )


@pytest.mark.parametrize("name", ROWS)
def test_gradients(name: str) -> None:
    kind, parameters, others, points = ROWS[name]
    value = Tensor(points[len(points) // 3 :: max(1, len(points) // 7)][:2].astype(points.dtype))
    names = list(parameters)
    inputs = tuple(Tensor(each.copy(), requires_grad=True) for each in parameters.values())

    def of(*tensors: Tensor) -> Any:
        return getattr(ours, kind)(**dict(zip(names, tensors, strict=True)), validate_args=False)

    q = getattr(ours, kind)(**{key: Tensor(each) for key, each in others.items()})
    assert autograd.gradcheck(lambda *t: of(*t).entropy(), inputs)
    assert autograd.gradcheck(lambda *t: kl_divergence(of(*t), q), inputs)
    if kind != "Uniform":
        assert autograd.gradcheck(lambda *t: of(*t).log_prob(value), inputs)
    if of(*inputs).has_rsample:

        def sampled(*tensors: Tensor) -> Tensor:
            cygnet.manual_seed(1)
            return of(*tensors).rsample((3,))

        assert autograd.gradcheck(sampled, inputs)
        assert sampled(*inputs).requires_grad
        assert not of(*inputs).sample().requires_grad
    else:
        with pytest.raises(NotImplementedError, match="has no rsample"):
            of(*inputs).rsample()


@pytest.mark.parametrize("name", ROWS)
def test_values_are_those_of_pytorch(name: str) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is the reference here")
    p, q = made(name), made(name, 2)
    tp, tq = (made(name, i, torch.distributions, torch.from_numpy) for i in (1, 2))
    drawn = p.sample((5,))._array

    def same(mine: Tensor, theirs: Any) -> None:
        np.testing.assert_allclose(mine._array, theirs.numpy(), rtol=1e-9, atol=1e-12)

    same(p.log_prob(Tensor(drawn)), tp.log_prob(torch.from_numpy(drawn)))
    same(p.entropy(), tp.entropy())
    same(kl_divergence(p, q), torch.distributions.kl_divergence(tp, tq))
    for attribute in ("mean", "variance", "stddev", "mode"):
        same(getattr(p, attribute), getattr(tp, attribute))
    assert tuple(p.batch_shape) == tuple(tp.batch_shape)
    assert tuple(p.event_shape) == tuple(tp.event_shape)
    assert p.has_rsample == tp.has_rsample
    if name in DISCRETE:
        same(p.probs, tp.probs)
        same(p.logits, tp.logits)
        for expand in (False, True):
            same(p.enumerate_support(expand), tp.enumerate_support(expand))
    else:
        levels = np.array([[0.2, 0.6], [0.9, 0.5]])
        same(p.icdf(Tensor(levels)), tp.icdf(torch.from_numpy(levels)))
        same(p.cdf(Tensor(drawn)), tp.cdf(torch.from_numpy(drawn)))


def test_certain_outcomes() -> None:
    p, q = Bernoulli(cygnet.tensor([0.0, 1.0, 0.5, 0.5])), Bernoulli(cygnet.tensor([0.0, 1, 0, 1]))
    np.testing.assert_allclose(kl_divergence(p, q)._array, [0, 0, np.inf, np.inf], atol=1e-6)
    np.testing.assert_allclose(p.log_prob(cygnet.tensor([0.0, 1, 1, 0]))._array[:2], 0, atol=1e-6)
    assert np.isnan(p.mode._array).tolist() == [False, False, True, True]
    one, other = Categorical(cygnet.tensor([0.0, 1.0])), Categorical(cygnet.tensor([1.0, 0.0]))
    assert kl_divergence(one, other).item() == math.inf
    assert one.sample((50,)).tolist() == [1] * 50
    assert kl_divergence(Uniform(0.0, 1.0), Uniform(0.0, 0.5)).item() == math.inf


def test_numbers_and_types() -> None:
    assert Normal(0.0, 1.0).batch_shape == ()
    assert Normal(0, 1).loc.dtype == np.float32
    assert Normal(Tensor(array(0)), 1.0).scale.dtype == np.float64
    assert Normal(cygnet.zeros(2, 1), cygnet.ones(3)).batch_shape == (2, 3)
    choice = Categorical(logits=cygnet.zeros(4, 5))
    assert choice.batch_shape == (4,)
    assert choice.event_shape == ()
    assert choice.param_shape == (4, 5)
    assert tuple(choice.log_prob(cygnet.tensor([[1], [2]])).shape) == (2, 4)
    assert repr(Normal(0.0, 1.0)) == "Normal(loc: 0.0, scale: 1.0)"
    assert repr(choice) == "Categorical(logits: (4, 5))"


def test_independent() -> None:
    base = Normal(cygnet.zeros(4, 3), cygnet.ones(3))
    p = Independent(base, 1)
    assert p.batch_shape == (4,)
    assert p.event_shape == (3,)
    x = p.rsample((2,))
    assert tuple(x.shape) == (2, 4, 3)
    np.testing.assert_allclose(p.log_prob(x)._array, base.log_prob(x)._array.sum(-1), rtol=1e-6)
    np.testing.assert_allclose(p.entropy()._array, base.entropy()._array.sum(-1), rtol=1e-6)
    for attribute in ("mean", "variance", "mode", "stddev"):
        assert tuple(getattr(p, attribute).shape) == (4, 3)
    assert p.has_rsample
    assert p.expand((5, 4)).batch_shape == (5, 4)
    assert repr(p) == "Independent(Normal(loc: (4, 3), scale: (4, 3)), 1)"
    q = Independent(Normal(cygnet.ones(4, 3), 2.0), 1)
    np.testing.assert_allclose(
        kl_divergence(p, q)._array, kl_divergence(p.base_dist, q.base_dist)._array.sum(-1)
    )
    with pytest.raises(NotImplementedError, match="same reinterpreted_batch_ndims, got 1 and 2"):
        kl_divergence(p, Independent(base, 2))
    with pytest.raises(ValueError, match="value has shape"):
        p.log_prob(cygnet.zeros(2))
    with pytest.raises(ValueError, match="reinterpreted_batch_ndims is 3, expected 0 to 2"):
        Independent(base, 3)
    flags = Independent(Bernoulli(cygnet.full((3,), 0.5)), 1)
    assert not flags.has_rsample
    with pytest.raises(ValueError, match="value expected 0 or 1"):
        flags.log_prob(cygnet.full((3,), 2.0))


def test_a_users_divergence() -> None:
    class Narrow(Normal):
        pass

    p = Narrow(0.0, 1.0)
    assert kl_divergence(p, Normal(0.0, 1.0)).item() == 0

    @register_kl(Narrow, Uniform)
    def divergence(p: Any, q: Any) -> Tensor:
        return cygnet.tensor(7.0)

    assert kl_divergence(p, Uniform(0.0, 1.0)).item() == 7
    with pytest.raises(NotImplementedError, match="no formula for Normal and Uniform"):
        kl_divergence(Normal(0.0, 1.0), Uniform(0.0, 1.0))
    with pytest.raises(TypeError, match="register_kl: expected two classes"):
        register_kl(Narrow, int)


def test_checks_can_be_left_out() -> None:
    Normal(0.0, -1.0, validate_args=False)
    Distribution.set_default_validate_args(False)
    try:
        assert math.isnan(Normal(0.0, -1.0).log_prob(cygnet.tensor(0.0)).item())
    finally:
        Distribution.set_default_validate_args(True)
    loc, scale = cygnet.zeros(3), cygnet.ones(3)
    with kernels.Recording() as recording:
        drawn = Normal(loc, scale).rsample()
        density = Normal(loc, scale).log_prob(drawn)
    before = drawn._array.copy()
    recording.replay()
    assert (drawn._array != before).all()
    np.testing.assert_allclose(
        density._array, -(drawn._array**2) / 2 - 0.5 * np.log(2 * np.pi), rtol=1e-5
    )


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: Normal(0.0, -1.0), ValueError, "Normal: scale expected greater than 0.0, got"),
        (lambda: Normal(math.nan, 1.0), ValueError, "Normal: loc expected real numbers, got"),
        (lambda: Normal(0.0, 1.0).log_prob(1.0), ValueError, "value expected a Tensor, got float"),
        (
            lambda: Normal(cygnet.zeros(2), 1.0).log_prob(cygnet.zeros(3)),
            ValueError,
            "Normal: value has shape (3,), expected one that broadcasts with (2,)",
        ),
        (lambda: LogNormal(0.0, 0.0), ValueError, "LogNormal: scale expected"),
        (lambda: Uniform(1.0, 0.0), ValueError, "Uniform: low expected less than high"),
        (
            lambda: Uniform(0.0, 1.0).log_prob(cygnet.tensor(1.5)),
            ValueError,
            "Uniform: value expected 0.0 to 1.0, got",
        ),
        (lambda: ours.Exponential(0.0), ValueError, "Exponential: rate expected"),
        (
            lambda: ours.Exponential(1.0).log_prob(cygnet.tensor(-1.0)),
            ValueError,
            "Exponential: value expected at least 0",
        ),
        (lambda: Bernoulli(), ValueError, "Bernoulli: expected probs or logits, got none"),
        (lambda: Bernoulli(0.5, 0.5), ValueError, "Bernoulli: expected probs or logits, got both"),
        (lambda: Bernoulli(1.5), ValueError, "Bernoulli: probs expected 0.0 to 1.0"),
        (
            lambda: Bernoulli(0.5).log_prob(cygnet.tensor(0.5)),
            ValueError,
            "Bernoulli: value expected 0 or 1",
        ),
        (lambda: Categorical(0.5), ValueError, "Categorical: probs has no dimension"),
        (
            lambda: Categorical(cygnet.tensor([2.0, -1.0])),
            ValueError,
            "Categorical: probs expected at least 0 with sum 1",
        ),
        (
            lambda: Categorical(cygnet.ones(2)).log_prob(cygnet.tensor(2)),
            ValueError,
            "Categorical: value expected whole numbers from 0 to 1",
        ),
        (lambda: Distribution().entropy(), NotImplementedError, "Distribution has no entropy"),
        (lambda: Bernoulli(0.5).icdf(cygnet.ones(1)), NotImplementedError, "has no icdf"),
    ],
)
def test_bad_arguments(make: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error) as caught:
        make()
    assert text in str(caught.value)
