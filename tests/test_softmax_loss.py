"""Softmax and losses against float64 NumPy."""

from __future__ import annotations

import re

import numpy as np
import pytest

import cygnet.kernels as kernels
from tests.kernel_layouts import LAYOUTS, assert_close, check_replay, check_threads, same_bits

FLOATS = ("float32", "float64")
REDUCTIONS = ("none", "sum", "mean")
SHAPES = [(4,), (3, 10), (2, 1), (5, 33), (2, 3, 5, 4), (2, 40, 3), (3, 5000), (2, 300, 20)]


def softmax(x: np.ndarray, axis: int) -> np.ndarray:
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def log_softmax(x: np.ndarray, axis: int) -> np.ndarray:
    shifted = x - x.max(axis, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis, keepdims=True))


def normal(shape: tuple[int, ...], dtype: str, seed: int = 0, scale: float = 3) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, scale, shape).astype(dtype)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("shape", SHAPES)
def test_softmax_family(shape: tuple[int, ...], dtype: str) -> None:
    x, g = normal(shape, dtype), normal(shape, dtype, 1)
    wide, wide_g = x.astype(np.float64), g.astype(np.float64)
    for axis in range(-len(shape), len(shape)):
        p, log_p = softmax(wide, axis), log_softmax(wide, axis)
        grad_p = p * (wide_g - (wide_g * p).sum(axis, keepdims=True))
        grad_log = wide_g - np.exp(log_p) * wide_g.sum(axis, keepdims=True)
        saved, log_saved = p.astype(dtype), log_p.astype(dtype)
        first = None
        for layout in LAYOUTS.values():
            got = (
                kernels.softmax_forward(layout(x), axis),
                kernels.log_softmax_forward(layout(x), axis),
                kernels.softmax_backward(layout(g), layout(saved), axis),
                kernels.log_softmax_backward(layout(g), layout(log_saved), axis),
            )
            for value, expected in zip(got, (p, log_p, grad_p, grad_log), strict=True):
                assert value.flags.c_contiguous
                assert_close(value, expected)
            first = first or got
            assert all(same_bits(a, b) for a, b in zip(got, first, strict=True))


@pytest.mark.parametrize("dtype", FLOATS)
def test_softmax_special_values(dtype: str) -> None:
    inf = np.inf
    x = np.array([[-inf, 0, 0], [-inf, -inf, -inf], [1e4, 0, -1e4], [np.nan, 0, 1]], dtype)
    for axis, data in ((1, x), (0, x.T)):
        p = kernels.softmax_forward(data, axis)
        log_p = kernels.log_softmax_forward(data, axis)
        p, log_p = (p, log_p) if axis else (p.T, log_p.T)
        np.testing.assert_array_equal(p[:3], [[0, 0.5, 0.5], [np.nan] * 3, [1, 0, 0]])
        assert log_p[0, 0] == -inf
        assert np.isnan(log_p[[1, 3]]).all()
        assert np.isnan(p[3]).all()
        np.testing.assert_array_equal(log_p[2], np.array([0, -1e4, -2e4], dtype))


def test_softmax_empty_and_scalar() -> None:
    assert kernels.softmax_forward(np.zeros((0, 3), "f")).shape == (0, 3)
    assert kernels.log_softmax_forward(np.zeros((3, 0), "f")).shape == (3, 0)
    assert kernels.softmax_backward(np.zeros((0, 3), "f"), np.zeros((0, 3), "f")).shape == (0, 3)
    assert kernels.softmax_forward(np.array(3.0)) == 1
    out = np.empty((2, 3))
    assert kernels.softmax_forward(np.zeros((2, 3)), out=out) is out
    assert_close(out, np.full((2, 3), 1 / 3))


def reduced(values: np.ndarray, reduction: str, count: int) -> np.ndarray:
    if reduction == "none":
        return values
    return np.asarray(values.sum() if reduction == "sum" else values.sum() / count)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("size", [(1, 1), (7, 10), (100, 33), (3, 5000), (5000, 4)])
def test_cross_entropy(dtype: str, reduction: str, size: tuple[int, int]) -> None:
    rows, classes = size
    random = np.random.default_rng(0)
    x = normal(size, dtype)
    labels = random.integers(0, classes, rows)
    labels[1::3] = -100
    kept = labels != -100
    wide = x.astype(np.float64)
    log_p = log_softmax(wide, 1)
    picked = np.where(kept, -log_p[np.arange(rows), np.where(kept, labels, 0)], 0)
    grad = np.asarray(random.normal(size=rows if reduction == "none" else ())).astype(dtype)
    scale = np.where(kept, grad / (kept.sum() if reduction == "mean" else 1), 0)[:, None]
    one_hot = np.equal(np.arange(classes), labels[:, None]).astype(np.float64)
    for layout in LAYOUTS.values():
        for kind in ("int64", "int32"):
            y = layout(labels.astype(kind))
            loss, lse = kernels.cross_entropy_forward(layout(x), y, reduction=reduction)
            assert_close(loss, reduced(picked, reduction, kept.sum()))
            assert_close(lse, np.log(np.exp(wide).sum(1)))
            got = kernels.cross_entropy_backward(
                layout(grad), layout(x), y, lse, reduction=reduction
            )
            assert_close(got, (np.exp(log_p) - one_hot) * scale)
            logs = layout(log_p.astype(dtype))
            loss = kernels.nll_loss_forward(logs, y, reduction=reduction)
            assert_close(loss, reduced(picked, reduction, kept.sum()))
            got = kernels.nll_loss_backward(layout(grad), y, size, reduction=reduction)
            assert_close(got, -one_hot * scale)


def test_cross_entropy_special_cases() -> None:
    x = np.zeros((3, 4), np.float32)
    ignored = np.full(3, -100)
    assert np.isnan(kernels.cross_entropy_forward(x, ignored)[0])
    assert kernels.cross_entropy_forward(x, ignored, reduction="sum")[0] == 0
    assert np.isnan(kernels.nll_loss_forward(x, ignored))
    lse = kernels.cross_entropy_forward(x, ignored)[1]
    grad = kernels.cross_entropy_backward(np.array(1, "f"), x, ignored, lse)
    np.testing.assert_array_equal(grad, 0 * x)
    loss, _ = kernels.cross_entropy_forward(x, np.array([1, 7, 7]), ignore_index=7)
    assert_close(loss, np.asarray(np.log(4)))
    empty, none = x[:0], ignored[:0]
    loss, lse = kernels.cross_entropy_forward(empty, none)
    assert np.isnan(loss)
    assert lse.shape == (0,)
    assert kernels.cross_entropy_forward(empty, none, reduction="sum")[0] == 0
    assert kernels.cross_entropy_backward(np.array(1, "f"), empty, none, lse).shape == (0, 4)
    assert kernels.nll_loss_backward(np.array(1, "f"), none, (0, 4)).shape == (0, 4)
    huge = np.array([[1e30, 0]], np.float32)
    assert kernels.cross_entropy_forward(huge, np.array([0]))[0] == 0
    barred = np.array([[-np.inf, 0]])
    assert kernels.cross_entropy_forward(barred, np.array([0]))[0] == np.inf


POINT = {
    "mse_loss": (lambda x, t: (x - t) ** 2, lambda x, t: 2 * (x - t)),
    "bce_loss": (
        lambda x, t: -t * np.log(x) - (1 - t) * np.log1p(-x),
        lambda x, t: (x - t) / (x * (1 - x)),
    ),
    "bce_with_logits_loss": (
        lambda x, t: np.maximum(x, 0) - x * t + np.log1p(np.exp(-np.abs(x))),
        lambda x, t: 1 / (1 + np.exp(-x)) - t,
    ),
}


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("name", POINT)
def test_point_losses(name: str, reduction: str, dtype: str) -> None:
    value, derivative = POINT[name]
    random = np.random.default_rng(0)
    forward, backward = (getattr(kernels, f"{name}_{way}") for way in ("forward", "backward"))
    for shape in ((), (5,), (3, 41), (2, 3, 5, 4), (70, 333)):
        x = random.uniform(0.05, 0.95, shape) if name == "bce_loss" else random.normal(0, 3, shape)
        x = np.asarray(x).astype(dtype)
        t = np.asarray(random.uniform(0, 1, shape)).astype(dtype)
        grad = np.asarray(random.normal(size=shape if reduction == "none" else ())).astype(dtype)
        wide_x, wide_t = x.astype(np.float64), t.astype(np.float64)
        expected = reduced(np.asarray(value(wide_x, wide_t)), reduction, x.size)
        expected_grad = derivative(wide_x, wide_t) * (grad / (x.size if reduction == "mean" else 1))
        for layout in LAYOUTS.values():
            assert_close(forward(layout(x), layout(t), reduction=reduction), expected)
            got = backward(layout(grad), layout(x), layout(t), reduction=reduction)
            assert_close(got, np.asarray(expected_grad))


def test_point_losses_special_cases() -> None:
    nothing = np.zeros((0, 3), np.float32)
    for name in POINT:
        forward, backward = (getattr(kernels, f"{name}_{way}") for way in ("forward", "backward"))
        assert np.isnan(forward(nothing, nothing))
        assert forward(nothing, nothing, reduction="sum") == 0
        assert forward(nothing, nothing, reduction="none").shape == (0, 3)
        assert backward(np.array(1, "f"), nothing, nothing).shape == (0, 3)
        wrong = np.array([np.nan, 0.5], np.float32)
        assert np.isnan(forward(wrong, np.ones(2, "f")))
    ends, targets = np.array([0.0, 1.0, 0.0, 1.0]), np.array([1.0, 0.0, 0.0, 1.0])
    np.testing.assert_array_equal(
        kernels.bce_loss_forward(ends, targets, reduction="none"), [100, 100, 0, 0]
    )
    logits = np.array([1e4, -1e4, -80.0])
    got = kernels.bce_with_logits_loss_forward(logits, np.zeros(3), reduction="none")
    np.testing.assert_allclose(got, [1e4, 0, np.exp(-80)], rtol=1e-12)


X, Y = np.zeros((4, 10), np.float32), np.zeros(4, np.int64)
ONE = np.array(1, np.float32)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (
            lambda: kernels.cross_entropy_forward(X, np.array([0, 9, -100, 10])),
            IndexError,
            "cross_entropy: labels has 10 at position 3, expected 0 <= label < 10",
        ),
        (
            lambda: kernels.cross_entropy_forward(X, Y - 1),
            IndexError,
            "cross_entropy: labels has -1 at position 0",
        ),
        (
            lambda: kernels.cross_entropy_forward(X, Y.astype(np.float32)),
            TypeError,
            "cross_entropy: labels has dtype float32, expected int64 or int32",
        ),
        (
            lambda: kernels.cross_entropy_forward(X, Y[:3]),
            ValueError,
            "cross_entropy: labels has shape (3,), expected (4,)",
        ),
        (
            lambda: kernels.cross_entropy_forward(X[0], Y),
            ValueError,
            "cross_entropy: logits has shape (10,), expected 2 dimensions",
        ),
        (
            lambda: kernels.cross_entropy_forward(X, Y, reduction="max"),
            ValueError,
            "cross_entropy: reduction is 'max', expected 'none', 'sum' or 'mean'",
        ),
        (
            lambda: kernels.cross_entropy_backward(X[:, 0], X, Y, X[:, 0]),
            ValueError,
            "cross_entropy_backward: grad_output has shape (4,), expected ()",
        ),
        (
            lambda: kernels.cross_entropy_backward(ONE, X, Y + 10, X[:, 0]),
            IndexError,
            "cross_entropy_backward: labels has 10 at position 0",
        ),
        (
            lambda: kernels.nll_loss_forward(X, Y + 10),
            IndexError,
            "nll_loss: labels has 10 at position 0",
        ),
        (
            lambda: kernels.nll_loss_backward(ONE, Y, (4,)),
            ValueError,
            "nll_loss_backward: input_shape has 1 sizes, expected 2",
        ),
        (
            lambda: kernels.nll_loss_backward(ONE, Y, (4, 2**62)),
            ValueError,
            "has more elements than memory can hold",
        ),
        (
            lambda: kernels.mse_loss_forward(X, X[:3]),
            ValueError,
            "mse_loss: target has shape (3, 10), expected (4, 10)",
        ),
        (
            lambda: kernels.bce_loss_forward(X, X.astype(np.float64)),
            TypeError,
            "bce_loss: target has dtype float64, expected float32, that of input",
        ),
        (
            lambda: kernels.mse_loss_backward(X, X, X),
            ValueError,
            "mse_loss_backward: grad_output has shape (4, 10), expected ()",
        ),
        (
            lambda: kernels.softmax_forward(X, 2),
            IndexError,
            "softmax: axis 2 is out of range for an array with 2 dimensions",
        ),
        (
            lambda: kernels.log_softmax_forward(X.astype(np.int64)),
            TypeError,
            "log_softmax: input has dtype int64, expected float32 or float64",
        ),
        (
            lambda: kernels.softmax_backward(X, X[:3]),
            ValueError,
            "softmax_backward: output has shape (3, 10), expected (4, 10)",
        ),
        (
            lambda: kernels.softmax_forward(x := X.copy(), out=x),
            ValueError,
            "softmax: out shares memory with an input",
        ),
    ],
)
def test_bad_input(call, error, text: str) -> None:
    with pytest.raises(error, match=re.escape(text)):
        call()


def test_labels_are_checked_on_replay() -> None:
    labels = Y.copy()
    with kernels.Recording() as recording:
        kernels.cross_entropy_forward(X, labels)
    labels[2] = 10
    with pytest.raises(IndexError, match="labels has 10 at position 2"):
        recording.replay()


def test_threads_and_replay() -> None:
    x, g = normal((3000, 40), "float32"), normal((3000, 40), "float32", 1)
    labels = np.random.default_rng(0).integers(0, 40, 3000)
    for axis in (0, 1):
        check_threads(lambda axis=axis: kernels.softmax_forward(x, axis))
        check_threads(lambda axis=axis: kernels.log_softmax_backward(g, x, axis))
        check_replay(lambda a, axis=axis: kernels.log_softmax_forward(a[::2], axis), x)
        check_replay(lambda b, a, axis=axis: kernels.softmax_backward(b, a, axis), g, x)
    for reduction in REDUCTIONS:

        def cross_entropy(a, y, reduction=reduction):
            loss, lse = kernels.cross_entropy_forward(a, y, reduction=reduction)
            grad = kernels.cross_entropy_backward(loss, a, y, lse, reduction=reduction)
            return loss, lse, grad

        check_threads(lambda run=cross_entropy: run(x, labels))
        check_replay(cross_entropy, x, labels)
        check_replay(cross_entropy, x, labels.astype(np.int32))

        def nll(a, y, reduction=reduction):
            loss = kernels.nll_loss_forward(a, y, reduction=reduction)
            return loss, kernels.nll_loss_backward(loss, y, a.shape, reduction=reduction)

        check_replay(nll, x, labels)
        for name in POINT:

            def point(a, t, name=name, reduction=reduction):
                loss = getattr(kernels, f"{name}_forward")(a, t, reduction=reduction)
                backward = getattr(kernels, f"{name}_backward")
                return loss, backward(loss, a, t, reduction=reduction)

            p = 1 / (1 + np.exp(-x))
            check_threads(lambda run=point, p=p: run(p, p[::-1]))
            check_replay(point, p, p[::-1])


@pytest.mark.parametrize("axis", [0, 1])
def test_results_past_the_caches(axis: int) -> None:
    x = np.random.default_rng(0).standard_normal((3000, 2832)).astype(np.float32)
    part = x[:, :16] if axis == 0 else x[:16]
    got = (kernels.softmax_forward(x, axis), kernels.log_softmax_forward(x, axis))
    small = (kernels.softmax_forward(part, axis), kernels.log_softmax_forward(part, axis))
    for whole, some in zip(got, small, strict=True):
        assert_close(whole[:, :16] if axis == 0 else whole[:16], some.astype(np.float64))
    assert_close(got[0].sum(axis), np.ones(x.shape[1 - axis]))
    assert_close(got[1], np.log(got[0].astype(np.float64)))


@pytest.mark.parametrize("inner", [1, 3, 300])
def test_softmax_where_the_maximum_rises_late(inner: int) -> None:
    x = np.linspace(-90, 90, 100, dtype=np.float32)[:, None] * np.ones(inner, np.float32)
    x[:40] = -np.inf
    wide = x.astype(np.float64)
    e = np.exp(wide - wide.max(0))
    assert_close(kernels.softmax_forward(x, 0), e / e.sum(0))
    x[-1] = np.nan
    assert np.isnan(kernels.softmax_forward(x, 0)).all()
    assert np.isnan(kernels.softmax_forward(np.full((50, inner), -np.inf), 0)).all()
