"""Accuracy, NaN and infinity, nothing, and numbers of threads, of all functions and ops."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import cygnet
from cygnet import kernels, nn
from cygnet.nn import functional as F
from tests.numbers import EXCEPTIONS, INFINITIES, check_threads, lost_nan, other_infinities
from tests.op_cases import CASES, Case, Sample
from tests.sweep import ROWS, sweep
from tests.test_op_cases import Run, references

each = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "-"))
NAN, INF = math.nan, math.inf


@pytest.mark.parametrize("name", ROWS)
def test_functions_over_a_sweep_of_floats(name: str) -> None:
    """2^20 bit patterns and the special ones; `python -m tests.sweep --all` takes all 2^32."""
    result = sweep(name, 2**20)
    assert result.passes(ROWS[name]), result


def test_signs_of_zeros() -> None:
    zeros = np.array([0.0, -0.0], np.float32)
    for name in ("tanh", "expm1", "log1p", "erf", "sin", "asinh", "atan", "sinh", "sqrt"):
        for dtype in ("float32", "float64"):
            signs = np.signbit(getattr(kernels, name)(zeros.astype(dtype)))
            assert signs.tolist() == [False, True], (name, dtype)


@each
def test_nan_reaches_what_depends_on_it(case: Case) -> None:
    """In the first sample of each row; `python -m tests.numbers` takes all."""
    assert list(lost_nan(case, case.samples[0])) == []


@each
@pytest.mark.filterwarnings("ignore")  # NumPy's, of the reference
def test_infinities_stand_where_the_reference_has_them(case: Case) -> None:
    """In the first sample of each row."""
    assert list(other_infinities(case, case.samples[0])) == []


def test_every_exception_has_a_row() -> None:
    names = {case.name for case in CASES}
    assert [words for words in INFINITIES if not any(n.startswith(words) for n in names)] == []
    assert [name for name, _ in EXCEPTIONS if name not in names] == []


@each
def test_any_number_of_threads_gives_the_same_bits(case: Case) -> None:
    for sample in case.samples:
        check_threads(case, sample)


def test_many_threads_give_the_same_bits_past_the_threshold() -> None:
    """Of the rows that are worth sharing, those with the largest samples, on more threads than
    `test_op_cases` takes.
    """

    def size(sample: Sample) -> int:
        return sum(math.prod(argument.shape) for argument in sample.inputs)

    largest = [(case, max(case.samples, key=size)) for case in CASES]
    shared = [row for row in largest if size(row[1]) >= 50_000]
    assert len(shared) > 10
    for case, sample in shared:
        check_threads(case, sample)


# Nothing


def without(sample: Sample, size: int) -> Sample:
    """The sample with no elements along each axis that had so many."""
    return Sample(
        tuple(
            replace(i, shape=tuple(0 if n == size else n for n in i.shape)) for i in sample.inputs
        ),
        sample.options,
    )


# Where the reference of a row is not made for it, or indexes what is not there.
REFERENCE_LACKS = ("combinations", "nanquantile several", "searchsorted rows")


@each
@pytest.mark.filterwarnings("ignore")  # NumPy's, of means of nothing
def test_dimensions_of_size_zero(case: Case) -> None:
    """Each dimension in turn: what the reference gives, or a typed error; gradients of the inputs'
    shapes.
    """
    sample = case.samples[0]
    for size in {n for i in sample.inputs for n in i.shape} - {0}:
        empty = without(sample, size)
        try:
            arrays = empty.draw(np.float32)
        except ValueError:  # no labels below 0
            continue
        cygnet.manual_seed(0)
        try:
            run = Run(case, empty, arrays)
        except (ValueError, IndexError, TypeError, RuntimeError):
            continue
        for array, gradient in zip(arrays, run.gradients(), strict=True):
            assert gradient is None or gradient.shape == array.shape
        try:
            with np.errstate(all="ignore"):
                expected = references(case, empty, arrays)
        except (ValueError, IndexError, ZeroDivisionError, StopIteration):
            continue
        for value, reference in zip(run.values(), expected, strict=True):
            if case.name not in REFERENCE_LACKS and "dropout" not in case.name.lower():
                assert value.shape == reference.shape
                np.testing.assert_allclose(value, reference, 1e-5, 1e-5)


def test_dropout_of_nothing_ends_no_process() -> None:
    for shape in ((3, 0), (2, 0, 3), (2, 3, 0, 4), (0, 2, 3), (0,)):
        x = cygnet.zeros(shape, requires_grad=True)
        y = F.dropout(x, 0.5)
        assert y.shape == shape
        y.sum().backward()


@pytest.mark.parametrize("kernel", [1, 3])
@pytest.mark.parametrize("channels_last", [False, True])
def test_convolutions_of_no_channels(kernel: int, channels_last: bool) -> None:
    x, w = np.zeros((2, 0, 6, 6), np.float32), np.zeros((3, 0, kernel, kernel), np.float32)
    if channels_last:
        x = np.zeros((2, 6, 6, 0), np.float32).transpose(0, 3, 1, 2)
    grad = np.ones((2, 3, 7 - kernel, 7 - kernel), np.float32)
    bias = np.arange(3, dtype=np.float32)
    output = kernels.conv2d_forward(x, w, bias)
    np.testing.assert_array_equal(output, np.broadcast_to(bias[:, None, None], grad.shape))
    assert kernels.conv2d_backward_input(grad, w, x.shape).shape == x.shape
    by_weight, by_bias = kernels.conv2d_backward_weight(grad, x, w.shape)
    assert by_weight is not None and by_weight.shape == w.shape
    np.testing.assert_array_equal(by_bias, grad.sum((0, 2, 3)))


IDENTITIES = {
    "sum": 0.0,
    "prod": 1.0,
    "mean": NAN,
    "var": NAN,
    "std": NAN,
    "logsumexp": -INF,
    "all": True,
    "any": False,
    "norm": 0.0,
    "count_nonzero": 0,
    "nansum": 0.0,
}


@pytest.mark.parametrize("name", IDENTITIES)
@pytest.mark.filterwarnings("ignore")
def test_reductions_of_nothing(name: str) -> None:
    for shape, dim in (((0,), 0), ((3, 0), 1), ((0, 3), 0)):
        result = getattr(cygnet, name)(cygnet.zeros(shape), dim=dim)
        np.testing.assert_array_equal(result.numpy(), IDENTITIES[name])
        assert result.shape == tuple(n for i, n in enumerate(shape) if i != dim)


@pytest.mark.parametrize("name", ["amax", "amin", "argmax", "argmin", "max", "min", "median"])
def test_choices_from_nothing_are_errors(name: str) -> None:
    with pytest.raises((ValueError, IndexError), match=r"nothing to choose|elements|expected"):
        getattr(cygnet, name)(cygnet.zeros(3, 0), 1)
    assert len(getattr(cygnet, name)(cygnet.zeros(0, 3), 1)) in (0, 2)


# Cancellation, and what must not be read


CHANNELS = 256  # enough for the mean of their roundings


def relative(got: np.ndarray, exact: np.ndarray) -> float:
    """The root mean square error, in parts of that of the exact result."""
    return float(np.sqrt(np.mean((got - exact) ** 2) / np.mean(exact**2)))


def narrow_batch() -> tuple[np.ndarray, np.ndarray]:
    """Numbers about 1e4 with a deviation of 1e-2, ten times what float32 can tell apart there."""
    generator = np.random.default_rng(0)
    x = (1e4 + 1e-2 * generator.standard_normal((32, CHANNELS, 10, 10))).astype(np.float32)
    return x, generator.standard_normal(x.shape).astype(np.float32)


def normalised(
    library: Any, x: np.ndarray, grad: np.ndarray, dtype: Any
) -> tuple[np.ndarray, np.ndarray]:
    """The batch normalised, and the gradient."""
    tensor = library.tensor(x.astype(dtype), requires_grad=True)
    layer = library.nn.BatchNorm2d(CHANNELS)
    if dtype == np.float64:
        layer.double()
    output = layer(tensor)
    output.backward(library.tensor(grad.astype(dtype)))
    return output.detach().numpy(), tensor.grad.numpy()


def exact_batch_norm(x: np.ndarray, grad: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    wide, axes = x.astype(np.float64), (0, 2, 3)
    centred = wide - wide.mean(axes, keepdims=True)
    rstd = 1 / np.sqrt((centred**2).mean(axes, keepdims=True) + 1e-5)
    y, g = centred * rstd, grad.astype(np.float64)
    mean = g.mean(axes, keepdims=True) + y * (g * y).mean(axes, keepdims=True)
    return y, (g - mean) * rstd


def test_batch_norm_far_from_zero() -> None:
    """The mean is a float32, whose spacing at 1e4 is a tenth of the deviation: half of it, 5 %, is
    the error of the output. Around that mean digits are lost to the variance alone.
    """
    x, grad = narrow_batch()
    exact = exact_batch_norm(x, grad)
    ours = normalised(cygnet, x, grad, np.float32)
    assert relative(ours[0], exact[0]) < 0.05
    assert relative(ours[1], exact[1]) < 5e-4
    centred = ours[0] - ours[0].mean((0, 2, 3), dtype=np.float64, keepdims=True)
    assert relative(centred, exact[0]) < 1e-3
    for got, expected in zip(normalised(cygnet, x, grad, np.float64), exact, strict=True):
        assert relative(got, expected) < 1e-9
    layer = nn.BatchNorm2d(CHANNELS, momentum=1.0)
    layer(cygnet.tensor(x))
    variance = x.astype(np.float64).var((0, 2, 3), ddof=1)
    np.testing.assert_allclose(layer.running_var.numpy(), variance, rtol=1e-2)


def test_batch_norm_far_from_zero_is_not_worse_than_pytorchs() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle")
    x, grad = narrow_batch()
    results = exact_batch_norm(x, grad)
    ours = normalised(cygnet, x, grad, np.float32)
    theirs = normalised(torch, x, grad, np.float32)
    for own, other, exact in zip(ours, theirs, results, strict=True):
        assert relative(own, exact) <= relative(other, exact)


@pytest.mark.parametrize("poison", [NAN, INF, -INF])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("loss", ["cross_entropy", "smoothed", "weighted", "images", "nll_loss"])
def test_ignored_rows_are_not_read(loss: str, reduction: str, poison: float) -> None:
    """NaN or infinite scores where the label is ignored: loss and gradient are those without."""
    generator = np.random.default_rng(0)
    images = loss == "images"
    shape = (6, 5, 4) if images else (6, 5)
    scores = generator.standard_normal(shape).astype(np.float32)
    labels = generator.integers(0, 5, (6, 4) if images else 6)
    ignored = np.zeros(labels.shape, bool)
    ignored[::2] = True
    labels[ignored] = -100
    options: dict[str, Any] = {"reduction": reduction}
    if loss == "smoothed":
        options["label_smoothing"] = 0.1
    if loss == "weighted":
        options["weight"] = cygnet.tensor(np.arange(1, 6, dtype=np.float32))
    function: Callable[..., Any] = F.nll_loss if loss == "nll_loss" else F.cross_entropy

    def run(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        x = cygnet.tensor(values, requires_grad=True)
        result = function(x, cygnet.tensor(labels), **options)
        result.backward(cygnet.ones_like(result))
        return result.detach().numpy(), x.grad.numpy()

    clean = run(scores)
    by_class = np.moveaxis(scores, 1, -1)
    by_class[ignored] = poison
    loss_value, gradient = run(scores)
    assert np.isfinite(loss_value).all() and np.isfinite(gradient).all()
    np.testing.assert_array_equal(loss_value, clean[0])
    np.testing.assert_array_equal(gradient, clean[1])
    assert not np.moveaxis(gradient, 1, -1)[ignored].any()


def test_nan_in_a_mask_of_attention_reaches_its_row() -> None:
    q, k = cygnet.randn(2, 3, 4), cygnet.randn(2, 5, 4)
    for grad in (False, True):
        mask = cygnet.zeros(3, 5)
        mask[1, 2] = NAN
        out = F.scaled_dot_product_attention(q, k, k, attn_mask=mask.requires_grad_(grad))
        none = np.isnan(out.detach().numpy())
        assert none[:, 1].all() and not none[:, [0, 2]].any()
    padding = cygnet.zeros(2, 5)
    padding[0, 0] = NAN
    layer = nn.MultiheadAttention(4, 2, batch_first=True)
    out, weights = layer(q, k, k, key_padding_mask=padding)
    for result in (out, weights):
        assert np.isnan(result.detach().numpy()[0]).all()
        assert np.isfinite(result.detach().numpy()[1]).all()


def test_histograms_of_what_is_not_finite() -> None:
    x = cygnet.tensor([NAN, 0.0, 1.0, 0.2, INF])
    assert cygnet.histc(x, 4, 0, 1).tolist() == [2, 0, 0, 1]
    with pytest.raises(ValueError, match=r"histc: input reaches from .* expected finite"):
        cygnet.histc(x, 4)
    with pytest.raises(ValueError, match=r"histc: .*finite min <= max"):
        cygnet.histc(x, 4, 0, INF)


@pytest.mark.parametrize("dtype", [cygnet.float32, cygnet.float64])
def test_logits_of_certain_probabilities(dtype: Any) -> None:
    x = cygnet.tensor([0.0, 1.0, 0.5, -0.5, 1.5], dtype=dtype, requires_grad=True)
    y = cygnet.logit(x)
    y.sum().backward()
    np.testing.assert_array_equal(y.detach().numpy(), [-INF, INF, 0, NAN, NAN])
    np.testing.assert_array_equal(x.grad.numpy(), [INF, INF, 4, NAN, NAN])


@pytest.mark.parametrize("reduction", ["none", "sum"])
def test_losses_of_infinite_logits(reduction: str) -> None:
    """A class that is certain costs nothing where it is the target, else all."""
    for logit, target, loss in (
        (INF, 1.0, 0.0), (INF, 0.0, INF), (INF, 0.5, INF), (NAN, 1.0, NAN), (NAN, 0.0, NAN),
        (-INF, 0.0, 0.0), (-INF, 1.0, INF), (-INF, 0.5, INF), (1.0, NAN, NAN),
    ):  # fmt: skip
        x = cygnet.tensor([logit], requires_grad=True)
        y = F.binary_cross_entropy_with_logits(x, cygnet.tensor([target]), reduction=reduction)
        np.testing.assert_array_equal(y.detach().numpy().reshape(()), loss)
        y.sum().backward()
        share = {INF: 1.0, -INF: 0.0}.get(logit, NAN)
        if target == target:
            np.testing.assert_array_equal(x.grad.numpy(), [share - target])
