"""Element-wise functions, reductions and order: edges that the rows of op_cases do not reach."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

import cygnet
from cygnet import DTypeError, ShapeError, kernels, ones, tensor

NAN, INF = math.nan, math.inf


def check(actual: object, expected: object) -> None:
    np.testing.assert_array_equal(np.asarray(actual), np.asarray(expected))


def test_bits_of_integers_and_of_bools() -> None:
    a, b = tensor([6, 3]), tensor([3, 5])
    check(a & b, [2, 1])
    check(a | 1, [7, 3])
    check(1 ^ a, [7, 2])
    check(~a, [-7, -4])
    check(tensor([True, False]) & tensor([6, 6]), [0, 0])
    check(~tensor([True, False]), [False, True])
    check(tensor([True, True]) ^ tensor([True, False]), [False, True])


def test_division_with_a_rest() -> None:
    check(tensor([7, -7]) // 2, [3, -4])
    check(-7 % tensor([3, -3]), [2, -1])
    check(7.0 // tensor([2, -2]), [3, -4])
    check(cygnet.fmod(tensor([7, -7]), 3), [1, -1])
    check(tensor([7, -7]).div(2, rounding_mode="trunc"), [3, -3])
    check(tensor([1.0, -1.0]) // 0, [INF, -INF])
    check(tensor([1.0]) % 0, [NAN])
    lowest = tensor(np.array([-(2**31)], np.int32))
    check(lowest // -1, [-(2**31)])
    check(lowest % -1, [0])
    for call in (
        lambda a: a // 0,
        lambda a: a % tensor([1, 0]),
        lambda a: cygnet.fmod(a, tensor([[1], [0]])),
        lambda a: a.div(0, rounding_mode="floor"),
    ):
        with pytest.raises(ValueError, match="b contains 0; integers cannot be divided by it"):
            call(tensor([1, 2]))


def test_a_recorded_division_looks_for_zeros_again() -> None:
    a, b = np.array([4, 6]), np.array([2, 3])
    with kernels.Recording() as recording:
        result = cygnet.as_tensor(a) // cygnet.as_tensor(b)
    recording.replay()
    check(result, [2, 2])
    b[0] = 0
    with pytest.raises(ValueError, match="contains 0"):
        recording.replay()


def test_special_values() -> None:
    x = tensor([NAN, INF, -INF, 0.0])
    check(cygnet.sign(x), [0, 1, -1, 0])
    check(x.clamp(-1, 1), [NAN, 1, -1, 0])
    check(x.clamp(max=NAN), [NAN] * 4)
    check(x.clamp(2, 1), [NAN, 1, 1, 1])
    check(x.isnan(), [True, False, False, False])
    check(x.isinf(), [False, True, True, False])
    check(x.isfinite(), [False, False, False, True])
    check(x.nan_to_num(1, 2, 3), [1, 2, 3, 0])
    check(tensor([NAN, 1.0]).fmax(tensor([2.0, NAN])), [2, 1])
    check(cygnet.logaddexp(tensor([INF, -INF]), tensor([INF, -INF])), [INF, -INF])
    check(cygnet.heaviside(x, tensor(0.5)), [0, 1, 0, 0.5])
    check(cygnet.xlogy(tensor([0.0, 0.0]), tensor([0.0, NAN])), [0, NAN])
    check(cygnet.lgamma(tensor([0.0, -1.0])), [INF, INF])
    check(cygnet.digamma(tensor([0.0, -0.0, -1.0])), [-INF, INF, NAN])
    check(cygnet.erfinv(tensor([1.0, -1.0, 2.0])), [INF, -INF, NAN])
    check(cygnet.isclose(x, x, equal_nan=True), [True] * 4)
    check(cygnet.isclose(x, tensor(0.0)), [False, False, False, True])
    check(tensor([1, 2, 3, -1]) ** tensor([-1, -1, 2, -3]), [1, 0, 9, -1])
    assert cygnet.allclose(tensor([1.0]), tensor([1.0 + 1e-6]))
    assert not cygnet.allclose(tensor([1.0]), tensor([1.1]))
    assert cygnet.equal(tensor([1.0]), tensor([1]))
    assert not cygnet.equal(tensor([1.0]), tensor([[1.0]]))


def test_what_is_no_number_equals_no_tensor() -> None:
    a = tensor([1.0])
    assert (a == None) is False  # noqa: E711
    assert (a != "text") is True
    assert None not in [a]


@pytest.mark.parametrize("name", ["sin", "cos"])
@pytest.mark.parametrize("limit", [1.0, 100.0, 30000.0])
def test_sine_and_cosine_are_right_to_4_ulp(name: str, limit: float) -> None:
    x = np.random.default_rng(0).uniform(-limit, limit, 100_000).astype(np.float32)
    exact = getattr(np, name)(x.astype(np.float64))
    error = np.abs(getattr(kernels, name)(x) - exact) / np.spacing(np.abs(exact).astype(np.float32))
    assert error.max() <= 4


def test_lgamma_and_its_derivatives_at_known_places() -> None:
    euler = 0.57721566490153286061
    x = np.array([1.0, 0.5, -0.5, 10.0])
    digamma = [-euler, -euler - 2 * math.log(2), 0.03648997397857652, 2.2517525890667211]
    np.testing.assert_allclose(kernels.digamma(x), digamma, rtol=1e-13)
    trigamma = [math.pi**2 / 6, math.pi**2 / 2, math.pi**2 / 2 + 4, 0.10516633568168575]
    np.testing.assert_allclose(kernels.polygamma(x, 1), trigamma, rtol=1e-14)
    y = np.linspace(-0.999, 0.999, 4001)
    again = np.vectorize(math.erf)(kernels.erfinv(y))
    np.testing.assert_allclose(again, y, rtol=4e-16, atol=1e-300)
    tiny = np.array([1e-300, 1 - 2.0**-53])
    np.testing.assert_allclose(kernels.erfinv(tiny), [8.862269254527580e-301, 5.863584748755168])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_variance_keeps_its_digits_far_from_zero(dtype: type) -> None:
    for shape, axis in (((200_001,), 0), ((3, 5000), 1), ((70_001, 5), 0), ((2, 700, 40), 1)):
        x = (np.random.default_rng(0).normal(size=shape) + 1000).astype(dtype)
        wide = x.astype(np.float64)
        variance, mean = kernels.variance(x, axis)
        eps = np.finfo(dtype).eps
        np.testing.assert_allclose(variance, wide.var(axis, ddof=1), rtol=max(8 * eps, 1e-12))
        np.testing.assert_allclose(mean, wide.mean(axis), rtol=max(2 * eps, 1e-13))


def test_moments_of_little() -> None:
    check(cygnet.var(tensor([])), NAN)
    check(cygnet.var(tensor(1.0)), NAN)
    check(cygnet.std(cygnet.ones(1, 3), dim=0), [NAN] * 3)
    check(cygnet.std(tensor([1.0, 2.0, 4.0]), correction=3), INF)
    check(cygnet.var(tensor([1.0, 3.0]), False), 1)
    check(cygnet.var(cygnet.zeros(0, 3), 1).shape, (0,))
    x = tensor([2.0, 2.0], requires_grad=True)
    x.std().backward()
    check(x.grad, [0, 0])
    check(cygnet.var(tensor([1.0, NAN])), NAN)


def test_reductions_of_little() -> None:
    check(cygnet.zeros(0, 3).all(0), [True] * 3)
    check(cygnet.zeros(0, 3).any(), False)
    check(cygnet.ones(2, 3).any(()).shape, (2, 3))
    check(cygnet.ones(2, 3).sum(()), 6)
    check(cygnet.zeros(0, 3).prod(0), [1, 1, 1])
    check(cygnet.logsumexp(cygnet.zeros(0, 3), 0), [-INF] * 3)
    check(cygnet.logsumexp(tensor([-INF, -INF]), 0), -INF)
    check(cygnet.logsumexp(tensor([1000.0, 1000.0]), 0), np.float32(1000 + math.log(2)))
    check(cygnet.nansum(tensor([NAN, 2.0])), 2)
    check(cygnet.nanmean(tensor([NAN, NAN])), NAN)
    check(cygnet.median(tensor([])), NAN)
    check(cygnet.max(cygnet.zeros(0, 3), 1).values.shape, (0,))
    check(cygnet.linalg.vector_norm(tensor([3.0, 4.0, 0.0]), 0), 2)
    check(cygnet.linalg.norm(tensor([[3.0, 4.0]])), 5)
    check(cygnet.linalg.norm(tensor([[3.0, 4.0]]), ord=1, dim=1), [7])


def test_dimensions_by_the_names_of_numpy() -> None:
    x = tensor([[3.0, 1.0], [1.0, 2.0]])
    for op in (cygnet.sum, cygnet.mean, cygnet.prod, cygnet.std, cygnet.amax, cygnet.logsumexp):
        check(op(x, axis=1, keepdims=True), op(x, dim=1, keepdim=True))
    check(x.argmax(axis=1), [0, 1])
    check(x.sort(axis=0).values, [[1, 1], [3, 2]])


@pytest.mark.parametrize("order", [0, 0.5, 1, 2, 3, INF])
def test_the_gradient_of_a_norm_of_zeros_is_zero(order: float) -> None:
    x = cygnet.zeros(2, requires_grad=True)
    cygnet.norm(x, order).backward()
    check(x.grad, [0, 0])


def test_nan_in_reductions_and_order() -> None:
    x = tensor([1.0, NAN, 2.0, NAN])
    for op in (cygnet.amax, cygnet.amin, cygnet.median, cygnet.prod, cygnet.max, cygnet.min):
        check(op(x), NAN)
    assert x.argmax() == x.argmin() == 1
    assert x.median(0).indices == 1
    check(x.sort().indices, [0, 2, 1, 3])
    check(x.sort(descending=True).indices, [1, 3, 2, 0])
    check(x.topk(3).indices, [1, 3, 2])
    check(x.topk(2, largest=False).values, [1, 2])
    check(x.kthvalue(2).values, 2)
    check(x.cummax(0).indices, [0, 1, 1, 3])
    check(x.cummin(0).values, [1, NAN, NAN, NAN])
    check(cygnet.searchsorted(tensor([1.0, 2.0, NAN]), tensor([NAN, 2.0]), right=True), [3, 2])


def test_equal_elements_keep_their_order() -> None:
    for size in (50, 5000):  # by comparisons, and by digits
        for dtype in (np.float32, np.float64, np.int32, np.int64, np.uint8, np.bool_):
            x = np.random.default_rng(0).integers(0, 2 if dtype == np.bool_ else 9, (3, size))
            x = x.astype(dtype)
            up = np.argsort(x, 1, kind="stable")
            down = np.argsort(-x.astype(np.int64), 1, kind="stable")
            check(kernels.argsort(x), up)
            check(kernels.argsort(x, True), down)
            check(kernels.topk(x, 40), down[:, :40])
            check(kernels.topk(x, 40, False), up[:, :40])
            check(kernels.argkth(x, size // 3), up[:, size // 3, None])
    zeros = tensor([0.0, -0.0, 0.0])
    check(zeros.sort().indices, [0, 1, 2])


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, np.int64])
def test_long_rows_of_wide_numbers_sort(dtype: type) -> None:
    x = np.random.default_rng(0).integers(-(2**31), 2**31, 20_000).astype(dtype)
    check(cygnet.sort(tensor(x)).values, np.sort(x))
    check(cygnet.topk(tensor(x), 3000).values, np.sort(x)[::-1][:3000])


def test_distinct_values() -> None:
    values, places, counts = tensor([[3, 1], [1, 2]]).unique(
        return_inverse=True, return_counts=True
    )
    check(values, [1, 2, 3])
    check(places, [[2, 0], [0, 1]])
    check(counts, [2, 1, 1])
    check(tensor([NAN, 1.0, NAN]).unique(), [1, NAN, NAN])
    check(tensor([1, 1, 2, 1]).unique_consecutive(), [1, 2, 1])
    check(cygnet.zeros(0).unique(), [])
    check(cygnet.bincount(tensor([1, 4, 1])), [0, 2, 0, 0, 1])
    check(cygnet.bincount(tensor([1, 1]), tensor([0.5, 2.0]), minlength=3), [0, 2.5, 0])
    check(cygnet.bincount(cygnet.zeros(0, dtype=np.int64)), [])


@pytest.mark.parametrize("call", [lambda x: x.unique(), lambda x: cygnet.bincount(x)])
def test_results_whose_size_depends_on_values_are_not_recorded(call) -> None:
    with kernels.Recording(), pytest.raises(RuntimeError, match="cannot be read while"):
        call(tensor([1, 2]))


def test_gradients_of_bounds_and_ties() -> None:
    x = tensor([0.0, 3.0, 1.0, 5.0], requires_grad=True)
    x.clamp(1, 3).sum().backward()
    check(x.grad, [0, 1, 1, 0])
    a = tensor([3.0, 3.0, 1.0], requires_grad=True)
    (a.max() + a.median()).backward()
    check(a.grad, [1, 1, 0])
    a, b = (tensor([3.0, 1.0], requires_grad=True) for _ in range(2))
    cygnet.fmax(a, b).sum().backward()
    check(a.grad, [1, 1])
    check(b.grad, [0, 0])
    for op in (cygnet.floor, cygnet.ceil, cygnet.round, cygnet.trunc, cygnet.sign):
        x = tensor([0.5, -1.5], requires_grad=True)
        op(x).sum().backward()
        check(x.grad, [0, 0])


WRONG = [
    (lambda x: x.clamp(), ValueError, "clamp: min and max are None, expected at least one bound"),
    (lambda x: x.sum(2), IndexError, "sum: axis 2 is out of range"),
    (lambda x: x.var(5), IndexError, "variance: axis 5 is out of range"),
    (lambda x: x.var((0, 0)), ValueError, "variance: axis 0 is given twice"),
    (lambda x: x.long().var(), DTypeError, "variance: input has dtype int64, expected float32"),
    (lambda x: x.var(0, True, correction=1), TypeError, "var: unbiased and correction are given"),
    (lambda x: x.max(2), IndexError, "max: dim is 2, expected -2 to 1"),
    (lambda x: x[:0].max(), ValueError, "max: input has shape (0, 3), which leaves nothing"),
    (lambda x: x[:0].argmin(0), ValueError, "argmin: input has shape (0, 3), which leaves nothing"),
    (lambda x: x.prod((0, 1)), TypeError, "prod: dim is (0, 1), expected None or an int"),
    (lambda x: x[:0].long().median(), ValueError, "median: input has shape (0, 3), expected an"),
    (lambda x: x.topk(4), ValueError, "topk: k is 4, expected 0 to 3, the size of the dimension"),
    (lambda x: x.topk(-1), ValueError, "topk: k is -1, expected 0 to 3"),
    (lambda x: x.kthvalue(0), ValueError, "kthvalue: k is 0, expected 1 to 3"),
    (lambda x: x[:0].median(0), ValueError, "median: dimension 0 has size 0, expected at least 1"),
    (lambda x: x.sort(-3), IndexError, "argsort: dim is -3, expected -2 to 1"),
    (lambda x: x.cumsum(7), IndexError, "cumsum: dim is 7, expected -2 to 1"),
    (lambda x: x.mean(dtype="text"), DTypeError, "mean: dtype is 'text', expected float32"),
    (lambda x: x.round(decimals=1) & 1, DTypeError, "bitwise_and: a has dtype float32, expected"),
    (lambda x: x.long().round(decimals=1), DTypeError, "round: input has dtype int64, expected"),
    (lambda x: x.long().frac(), DTypeError, "frac: input has dtype int64, expected float32"),
    (lambda x: x.bool().floor(), DTypeError, "floor: input has dtype bool, expected float32"),
    (lambda x: -x.bool(), DTypeError, "neg: input has dtype bool, expected float32"),
    (lambda x: x.bool() - x.bool(), DTypeError, "sub: a has dtype bool, expected float32"),
    (lambda x: x.long() ** -1, ValueError, "pow: exponent is -1, expected at least 0 for int64"),
    (lambda x: x.div(2, rounding_mode="up"), ValueError, "div: rounding_mode is 'up', expected"),
    (
        lambda x: x.atan2(tensor([1.0, 2.0])),
        ShapeError,
        "atan2: a has shape (2, 3), b has shape (2,)",
    ),
    (lambda x: x.fmod("text"), TypeError, "fmod: other must be a Tensor or a number, got str"),
    (lambda x: x.norm("two"), ValueError, "norm: p is 'two', expected a number, 'fro' or 'nuc'"),
    (lambda x: x.long().norm(), DTypeError, "vector_norm: x has dtype int64, expected float32"),
    (lambda x: cygnet.linalg.norm(x[None], 1), ValueError, "norm: ord is 1 for 3 dimensions"),
    (lambda x: x.isclose(x.double()), DTypeError, "isclose: other has dtype float64, expected"),
    (lambda x: cygnet.polygamma(-1, x), ValueError, "polygamma: n is -1, expected at least 0"),
    (lambda x: x.bincount(), DTypeError, "bincount: input is float32 of shape (2, 3), expected"),
    (
        lambda x: tensor([3, -1]).bincount(),
        ValueError,
        "bincount: input contains -1, expected numbers",
    ),
    (lambda x: tensor([1]).bincount(x), ShapeError, "bincount: weights has shape (2, 3), expected"),
    (lambda x: x.histc(0), ValueError, "histc: bins is 0, min 0, max 0, expected at least 1 bin"),
    (lambda x: x.histc(3, 5, 2), ValueError, "histc: bins is 3, min 5, max 2, expected"),
    (
        lambda x: cygnet.bucketize(x, x),
        ShapeError,
        "bucketize: boundaries has shape (2, 3), expected",
    ),
    (
        lambda x: cygnet.searchsorted(x, x[0]),
        ShapeError,
        "searchsorted: values has shape (3,), bound",
    ),
    (
        lambda x: cygnet.searchsorted(x, x, side="up"),
        ValueError,
        "searchsorted: side is 'up', expect",
    ),
    (
        lambda x: cygnet.where(x, 1, 2),
        DTypeError,
        "where: condition has dtype float32, expected bool",
    ),
]


@pytest.mark.parametrize(("call", "error", "message"), WRONG, ids=[row[2][:40] for row in WRONG])
def test_bad_input(call, error, message) -> None:
    with pytest.raises(error, match=re.escape(message)):
        call(cygnet.ones(2, 3))


def test_kernels_refuse_bad_input() -> None:
    x = np.ones((2, 3), np.float32)
    with pytest.raises(ShapeError, match=r"argsort: input has no dimensions, expected at least 1"):
        kernels.argsort(np.ones((), np.float32))
    with pytest.raises(
        ShapeError, match=r"linear_scan: factor has shape \(3,\), expected \(2, 3\)"
    ):
        kernels.linear_scan(x, x[0], 0)
    with pytest.raises(IndexError, match=r"cumprod: axis 2 is out of range"):
        kernels.cumprod(x, 2)
    with pytest.raises(ValueError, match=r"argkth: k is 3, expected 0 to 2"):
        kernels.argkth(x, 3)


def test_matrix_power_of_zero_is_the_identity():
    np.testing.assert_array_equal(ones(2, 3, 3).matrix_power(0).numpy(), [np.eye(3)] * 2)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: cygnet.matrix_power(ones(2, 3), 2),
            ShapeError,
            "matrix_power: input has shape",
        ),
        (lambda: cygnet.matrix_power(ones(2, 2).long(), -1), DTypeError, "matrix_power: input is"),
        (lambda: cygnet.cov(ones(1, 2, 3)), ShapeError, "cov: input has shape"),
        (
            lambda: cygnet.cdist(ones(2, 3), ones(2, 4)),
            ShapeError,
            "cdist: x1 and x2",
        ),
        (lambda: cygnet.quantile(ones(3), 1.5), ValueError, "quantile: q is 1.5"),
        (
            lambda: cygnet.quantile(cygnet.arange(3), 0.5),
            DTypeError,
            "quantile: input is int64",
        ),
        (
            lambda: cygnet.quantile(ones(0), 0.5),
            ShapeError,
            "quantile: input has shape",
        ),
        (lambda: cygnet.quantile(ones(3), 0.5, 1), IndexError, "quantile: dim is 1"),
        (
            lambda: cygnet.quantile(ones(3), 0.5, interpolation="x"),
            ValueError,
            "interpolation",
        ),
        (lambda: cygnet.diff(tensor(1.0)), ShapeError, "diff: input has shape"),
        (lambda: cygnet.diff(ones(3), -1), ValueError, "diff: n is -1"),
        (lambda: cygnet.positive(ones(3) > 0), DTypeError, "positive: input is bool"),
        (
            lambda: cygnet.block_diag(ones(1, 1, 1)),
            ShapeError,
            r"block_diag: tensors\[0\]",
        ),
        (
            lambda: cygnet.combinations(ones(2, 2)),
            ShapeError,
            "combinations: input has shape",
        ),
        (lambda: cygnet.combinations(ones(2), -1), ValueError, "combinations: r is -1"),
    ],
)
def test_wrong_arguments_are_named(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_quantile_of_nan_is_nan():
    x = tensor([[1.0, math.nan, 3.0], [1.0, 2.0, 3.0]])
    np.testing.assert_array_equal(x.quantile(0.5, 1).numpy(), [math.nan, 2])


def test_signs_of_zeros_and_infinities():
    x = tensor([-0.0, 0.0, -math.inf, math.inf])
    assert x.signbit().tolist() == [True, False, True, False]
    assert x.isneginf().tolist() == [False, False, True, False]
    assert x.isposinf().tolist() == [False, False, False, True]
    assert tensor([-1, 1]).signbit().tolist() == [True, False]


@pytest.mark.parametrize("norm", [cygnet.linalg.vector_norm, cygnet.nn.functional.pdist])
def test_norms_of_small_powers_have_no_gradient_at_zeros(norm):
    x = tensor([[0.0, 1.0, 4.0], [0.0, 0.0, 0.0]], requires_grad=True)
    norm(x, 0.5).sum().backward()
    np.testing.assert_allclose(x.grad.numpy()[0], [0.0, 3.0, 1.5], rtol=1e-6)
    assert np.isfinite(x.grad.numpy()).all()
