"""Tensors of random numbers: distributions, types, streams, threads, replay, errors."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

import cygnet as cn
from cygnet import kernels
from tests.test_random import cell, layouts, words


@pytest.fixture(autouse=True)
def seeded():
    cn.manual_seed(2)
    yield
    cn.manual_seed(0)


# Each draws many numbers, whose mean and variance are known.
DISTRIBUTIONS: dict[str, tuple[Callable[[], cn.Tensor], float, float]] = {
    "rand": (lambda: cn.rand(400, 500), 1 / 2, 1 / 12),
    "rand float64": (lambda: cn.rand((200_000,), dtype=cn.float64), 1 / 2, 1 / 12),
    "randn": (lambda: cn.randn(200_000), 0, 1),
    "rand_like": (lambda: cn.rand_like(cn.zeros(200_000)), 1 / 2, 1 / 12),
    "randn_like": (lambda: cn.randn_like(cn.zeros(200_000, dtype=cn.float64)), 0, 1),
    "randint": (lambda: cn.randint(-5, 6, (200_000,)), 0, 10),
    "randint_like": (lambda: cn.randint_like(cn.zeros(200_000), 3), 1, 2 / 3),
    "normal": (lambda: cn.normal(2.0, 3.0, (200_000,)), 2, 9),
    "normal of means": (lambda: cn.normal(cn.full((200_000,), -1.0), 0.5), -1, 0.25),
    "normal of deviations": (lambda: cn.normal(1.0, cn.full((200_000,), 2.0)), 1, 4),
    "normal of both": (lambda: cn.normal(cn.zeros(400, 1), cn.ones(500)), 0, 1),
    "bernoulli": (lambda: cn.bernoulli(cn.full((200_000,), 0.3)), 0.3, 0.21),
    "bernoulli of p": (lambda: cn.zeros(200_000, dtype=cn.int64).bernoulli(0.9), 0.9, 0.09),
    "bernoulli float64": (lambda: cn.bernoulli(cn.full((200_000,), 0.3).double()), 0.3, 0.21),
    "poisson small": (lambda: cn.poisson(cn.full((200_000,), 3.5)), 3.5, 3.5),
    "poisson middle": (lambda: cn.poisson(cn.full((200_000,), 10.0)), 10, 10),
    "poisson large": (lambda: cn.poisson(cn.full((200_000,), 1e4).double()), 1e4, 1e4),
    "geometric": (lambda: cn.zeros(200_000).geometric_(0.25), 4, 12),
    "log_normal": (
        lambda: cn.zeros(200_000).log_normal_(0, 0.5),
        math.exp(1 / 8),
        0.3646958540123865,
    ),
    "arc tangent of cauchy": (
        lambda: (cn.zeros(200_000).cauchy_(3, 2) / 2 - 1.5).atan(),
        0,
        math.pi**2 / 12,
    ),
}
each = pytest.mark.parametrize("name", DISTRIBUTIONS)


@each
def test_mean_and_variance(name):
    draw, mean, variance = DISTRIBUTIONS[name]
    drawn = draw().numpy().astype(np.float64).ravel()
    assert abs(drawn.mean() - mean) < 5 * math.sqrt(variance / drawn.size)
    spread = ((drawn - drawn.mean()) ** 2).std() / math.sqrt(drawn.size)
    assert abs(drawn.var() - variance) < 5 * spread
    assert abs(np.corrcoef(drawn[:-1], drawn[1:])[0, 1]) < 5 / math.sqrt(drawn.size)


@each
def test_the_seed_decides_and_threads_do_not(name):
    draw = DISTRIBUTIONS[name][0]
    before = cn.get_num_threads()
    results = []
    try:
        for threads in (1, 2, 3):
            cn.set_num_threads(threads)
            cn.manual_seed(11)
            results.append(draw().numpy())
    finally:
        cn.set_num_threads(before)
    for other in results[1:]:
        np.testing.assert_array_equal(other, results[0])
    assert (draw().numpy() != results[0]).any()


@pytest.mark.parametrize(
    "draw",
    [
        lambda g: cn.rand(9, generator=g),
        lambda g: cn.randn(9, generator=g),
        lambda g: cn.randint(1000, (9,), generator=g),
        lambda g: cn.randperm(9, generator=g),
        lambda g: cn.normal(0.0, 1.0, (9,), generator=g),
        lambda g: cn.bernoulli(cn.full((99,), 0.5), generator=g),
        lambda g: cn.multinomial(cn.ones(50), 9, generator=g),
        lambda g: cn.poisson(cn.full((9,), 50.0), g),
    ],
)
def test_a_generator_of_its_own(draw):
    state = cn.get_rng_state()
    first = draw(cn.Generator().manual_seed(4)).tolist()
    generator = cn.Generator(4)
    assert draw(generator).tolist() == first
    assert draw(generator).tolist() != first
    assert cn.get_rng_state() == state
    assert draw(None).tolist() != first


@pytest.mark.parametrize(
    "record",
    [
        lambda x: cn.rand(7),
        lambda x: cn.randint(1000, (7,)),
        lambda x: cn.bernoulli(x),
        lambda x: cn.multinomial(x, 5, True),
        lambda x: cn.multinomial(x, 5),
        lambda x: cn.normal(x, x),
        lambda x: cn.poisson(x * 40),
    ],
)
def test_a_replay_draws_anew(record):
    x = cn.full((40,), 0.5)
    with kernels.Recording() as recording:
        output = record(x)
    first = output.tolist()
    recording.replay()
    assert output.tolist() != first
    cn.manual_seed(2)
    assert record(x).tolist() == first
    second = record(x).tolist()
    assert output.tolist() == second


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_exponential_is_the_logarithm_of_uniform_numbers(dtype):
    drawn = kernels.exponential(np.empty(37, dtype), cell(), 2.0)
    w = words(7, 0, 74).astype(np.float64)
    if dtype == np.float32:
        expected = -np.log((w[:37] + 1) * 2.0**-32) / 2
    else:
        high, low = words(7, 0, 74).reshape(37, 2).T
        expected = -np.log1p(-(((high << 32 | low) >> 11) * 2.0**-53)) / 2
    np.testing.assert_allclose(drawn, expected, rtol=1e-6)
    many = kernels.exponential(np.empty(200_000, dtype), cell(), 0.5)
    assert many.min() > 0
    counts = np.histogram(1 - np.exp(-0.5 * many.astype(np.float64)), 50, (0, 1))[0]
    assert ((counts - 4000.0) ** 2 / 4000).sum() < 100  # 49 degrees of freedom


def test_integers_in_any_layout_and_range():
    shape = (3, 5, 31, 33)
    expected = kernels.integers(np.empty(shape, np.int64), cell(), -3, 4)
    high, low = words(7, 0, 2 * expected.size).reshape(-1, 2).astype(object).T
    by_hand = [((int(h) << 32 | int(m)) * 7 >> 64) - 3 for h, m in zip(high, low, strict=True)]
    np.testing.assert_array_equal(expected.ravel(), by_hand)
    for name, out in layouts(shape, np.int64).items():
        assert kernels.integers(out, cell(), -3, 4) is out
        np.testing.assert_array_equal(out, expected, err_msg=name)
    least, most = -(2**63), 2**63 - 1
    wide = kernels.integers(np.empty(1000, np.int64), cell(), least, most)
    assert wide.min() < -(2**62) and wide.max() > 2**62
    assert (kernels.integers(np.empty(9, np.int64), cell(), most - 1, most) == most - 1).all()


def test_integers_are_uniform():
    counts = np.bincount(cn.randint(7, (70_000,)).numpy())
    assert counts.shape == (7,)
    assert ((counts - 10_000.0) ** 2 / 10_000).sum() < 30  # 6 degrees of freedom


@pytest.mark.parametrize("rate", [0.5, 4.0, 12.0, 100.0])
def test_poisson_frequencies(rate):
    count = 200_000
    drawn = cn.poisson(cn.full((count,), rate)).numpy().astype(np.int64)
    k = np.arange(drawn.max() + 1)
    expected = count * np.exp(k * math.log(rate) - rate - np.array([math.lgamma(i + 1) for i in k]))
    usual = expected > 20
    counts = np.bincount(drawn)
    chi = ((counts - expected)[usual] ** 2 / expected[usual]).sum()
    assert chi < usual.sum() + 6 * math.sqrt(2 * usual.sum())


def test_poisson_of_nothing():
    assert cn.poisson(cn.zeros(5)).tolist() == [0] * 5
    assert cn.poisson(cn.zeros(0, 3)).shape == (0, 3)


@pytest.mark.parametrize("dtype", [cn.float32, cn.float64])
def test_bernoulli_compares_uniform_numbers(dtype):
    p = cn.rand(3, 50, dtype=dtype)
    drawn = kernels.bernoulli(p.numpy(), cell())
    uniform = kernels.uniform(np.empty((3, 50), dtype), cell())
    np.testing.assert_array_equal(drawn, (uniform < p.numpy()).astype(dtype))
    assert drawn.dtype == dtype
    sure = cn.bernoulli(cn.tensor([0.0, 1.0], dtype=dtype).expand(500, 2)).numpy()
    np.testing.assert_array_equal(sure, [[0, 1]] * 500)
    x = cn.zeros(2, 3, dtype=cn.bool)
    assert x.bernoulli(cn.tensor([0.0, 1.0, 1.0])).tolist() == [[False, True, True]] * 2


@pytest.mark.parametrize("replacement", [True, False])
def test_multinomial_frequencies(replacement):
    weights = cn.tensor([1.0, 0.0, 2.0, 5.0])
    drawn = cn.multinomial(weights.expand(40_000, 4), 1, replacement).numpy().ravel()
    counts = np.bincount(drawn, minlength=4)
    expected = np.array([1, 0, 2, 5]) * 5000.0
    assert counts[1] == 0
    assert ((counts - expected)[[0, 2, 3]] ** 2 / expected[[0, 2, 3]]).sum() < 20


def test_multinomial_without_replacement():
    weights = cn.tensor([3.0, 1.0, 6.0])
    drawn = cn.multinomial(weights.expand(60_000, 3), 2).numpy()
    assert (drawn[:, 0] != drawn[:, 1]).all()
    for first in range(3):  # given the first, the second is one of the others by their weights
        rest = [i for i in range(3) if i != first]
        second = drawn[drawn[:, 0] == first, 1]
        p = weights.numpy()[rest[0]] / weights.numpy()[rest].sum()
        assert abs((second == rest[0]).mean() - p) < 5 * math.sqrt(p * (1 - p) / second.size)
    assert sorted(cn.multinomial(cn.ones(100), 100).tolist()) == list(range(100))
    assert cn.multinomial(cn.tensor([0.0, 2.0, 0.0]), 3).tolist() == [1, 0, 2]


def test_multinomial_shapes():
    for dtype in (cn.float32, cn.float64):
        weights = cn.tensor([[0.0, 1.0], [1.0, 0.0]], dtype=dtype)
        assert cn.multinomial(weights, 3, True).tolist() == [[1] * 3, [0] * 3]
        assert weights.t().multinomial(1).tolist() == [[1], [0]]
    assert cn.multinomial(cn.ones(0, 3), 2).shape == (0, 2)
    assert cn.multinomial(cn.ones(5), 2).dtype == cn.int64
    assert cn.multinomial(cn.full((3,), 1e308, dtype=cn.float64), 2, True).shape == (2,)


def test_types_and_shapes():
    assert cn.rand(2, 3).shape == cn.rand((2, 3)).shape == cn.rand(size=(2, 3)).shape == (2, 3)
    assert cn.rand(()).shape == cn.rand(size=()).shape == ()
    assert cn.randn(0, 2).shape == (0, 2)
    assert cn.randn(2, requires_grad=True).requires_grad
    assert cn.randint(3, (2,)).dtype == cn.int64
    assert cn.randint(0, 256, (50,), dtype=cn.uint8).dtype == cn.uint8
    assert cn.randint(high=3, size=[4]).max().item() <= 2
    assert cn.randint(5, size=(2,), dtype=cn.float32, requires_grad=True).requires_grad
    assert cn.randint_like(cn.zeros(3), 5, 6).tolist() == [5.0] * 3
    assert cn.randperm(4, dtype=cn.int32).dtype == cn.int32
    assert cn.randperm(0).shape == (0,)
    assert cn.normal(0, 1, (2, 2)).shape == (2, 2)
    assert cn.normal(cn.zeros(2, 1), cn.ones(3)).shape == (2, 3)
    assert cn.normal(cn.zeros(2), cn.ones(2, dtype=cn.float64)).dtype == cn.float64
    assert cn.normal(cn.zeros(2)).shape == (2,)
    assert not cn.normal(cn.zeros(2, requires_grad=True), 1.0).requires_grad


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: cn.rand(2, dtype=cn.int64), TypeError, "rand: dtype is int64"),
        (lambda: cn.randn_like(cn.tensor([1])), TypeError, "randn_like: dtype is int64"),
        (lambda: cn.rand(-1), ValueError, "a size of (-1,) is negative"),
        (lambda: cn.rand(2, out=cn.zeros(2)), TypeError, "rand: there is no argument 'out'"),
        (lambda: cn.randint(3, 3, (2,)), ValueError, "randint: low is 3 and high is 3"),
        (lambda: cn.randint(2**70, (2,)), ValueError, "randint: low is 0 and high is"),
        (lambda: cn.randint(3), TypeError, "randint: expected"),
        (lambda: cn.randint_like(cn.ones(2), 0), ValueError, "randint_like: low is 0"),
        (lambda: cn.randint(2.5, (2,)), TypeError, "float"),
        (lambda: cn.randperm(-1), ValueError, "permutation: n is -1"),
        (lambda: cn.bernoulli(cn.tensor([0.5, 2.0])), ValueError, "p has 2 at element 1"),
        (lambda: cn.bernoulli(cn.tensor([cn.nan])), ValueError, "bernoulli: p has nan"),
        (lambda: cn.bernoulli(cn.ones(2), -0.1), ValueError, "bernoulli: p has -0.1"),
        (lambda: cn.bernoulli(cn.tensor([1])), TypeError, "bernoulli: input is int64"),
        (lambda: cn.bernoulli(cn.ones(2), cn.ones(3)), ValueError, "bernoulli: p has shape"),
        (lambda: cn.poisson(cn.tensor([-1.0])), ValueError, "poisson: rate has -1"),
        (lambda: cn.poisson(cn.tensor([cn.inf])), ValueError, "poisson: rate has inf"),
        (lambda: cn.multinomial(cn.tensor([0.0, 0.0]), 1), ValueError, "multinomial: weights[0]"),
        (lambda: cn.multinomial(cn.tensor([[1.0], [-1.0]]), 1), ValueError, "weights[1] is no"),
        (lambda: cn.multinomial(cn.tensor([cn.nan]), 1), ValueError, "multinomial: weights[0]"),
        (lambda: cn.multinomial(cn.ones(2), 3), ValueError, "samples is 3, expected at most 2"),
        (lambda: cn.multinomial(cn.ones(2), 0), ValueError, "multinomial: samples is 0"),
        (lambda: cn.multinomial(cn.ones(2, 2, 2), 1), ValueError, "multinomial: input has shape"),
        (lambda: cn.multinomial(cn.ones(2, 0), 1), ValueError, "multinomial: weights has shape"),
        (lambda: cn.multinomial(cn.tensor([1]), 1), TypeError, "multinomial: input is int64"),
        (lambda: cn.multinomial(cn.ones(2), 2**62, True), (MemoryError, ValueError), ""),
        (lambda: cn.normal(0.0, -1.0, (2,)), ValueError, "normal: std is -1"),
        (lambda: cn.normal(0.0, 1.0), TypeError, "normal: size expected"),
        (lambda: cn.normal(cn.zeros(2), 1.0, (2,)), TypeError, "normal: size expected"),
        (lambda: cn.normal(cn.tensor([1]), 1.0), TypeError, "normal: mean or std is int64"),
        (lambda: kernels.exponential(np.ones(2), cell(), 0.0), ValueError, "rate is 0"),
        (lambda: kernels.exponential(np.ones(2, int), cell()), TypeError, "exponential: out has"),
        (lambda: kernels.integers(np.ones(2), cell(), 0, 1), TypeError, "integers: out has dtype"),
        (lambda: kernels.integers(np.ones(2, int), cell(), 1, 1), ValueError, "integers: low is 1"),
        (
            lambda: (lambda c: kernels.bernoulli(c.view(np.float64), c))(cell()),
            ValueError,
            "bernoulli: cell shares memory with p",
        ),
    ],
)
def test_bad_arguments(call, error, text):
    with pytest.raises(error) as caught:
        call()
    assert text in str(caught.value)
