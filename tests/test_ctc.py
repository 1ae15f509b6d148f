"""Connectionist temporal classification: paths one by one, edges, bad input, and decoding."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import pytest

import cygnet as cn
from cygnet.kernels import DTypeError, ShapeError
from cygnet.nn import functional
from cygnet.nn.decode import ctc_beam_search, ctc_greedy_search
from tests.op_cases.ctc import around

generator = np.random.default_rng(4)


def log_softmax(*shape: int) -> np.ndarray:
    scores = 2 * generator.standard_normal(shape)
    return scores - np.log(np.exp(scores).sum(-1, keepdims=True))


def merged(path: tuple[int, ...], blank: int) -> tuple[int, ...]:
    return tuple(label for label, _ in itertools.groupby(path) if label != blank)


def all_labellings(y: np.ndarray, blank: int) -> dict[tuple[int, ...], float]:
    """The log-probability of every labelling: the sum over its paths."""
    found: dict[tuple[int, ...], float] = {}
    for path in itertools.product(range(y.shape[1]), repeat=len(y)):
        score = float(sum(y[t, label] for t, label in enumerate(path)))
        labelling = merged(path, blank)
        found[labelling] = float(np.logaddexp(found.get(labelling, -np.inf), score))
    return found


def small_cases() -> Iterator[tuple[np.ndarray, int]]:
    for steps, classes in ((0, 2), (1, 3), (2, 4), (4, 3), (6, 3), (7, 2), (5, 1)):
        for blank in {0, classes // 2, classes - 1}:
            yield log_softmax(steps, classes), blank


@pytest.mark.parametrize(("y", "blank"), list(small_cases()))
def test_the_loss_is_the_sum_over_all_paths(y: np.ndarray, blank: int) -> None:
    labellings = all_labellings(y, blank)
    for target, expected in labellings.items():
        loss = functional.ctc_loss(
            cn.tensor(y),
            cn.tensor(np.array(target, np.int64)),
            [len(y)],
            [len(target)],
            blank,
            "sum",
        )
        np.testing.assert_allclose(loss.numpy(), -expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("y", "blank"), list(small_cases()))
def test_a_wide_beam_finds_every_labelling(y: np.ndarray, blank: int) -> None:
    expected = sorted(all_labellings(y, blank).items(), key=lambda item: -item[1])
    found = ctc_beam_search(cn.tensor(y[:, None]), None, blank, beam_width=1000)[0]
    assert len(found) == len(expected)
    np.testing.assert_allclose(
        [f.score for f in found], [score for _, score in expected], atol=1e-12
    )
    assert found[0].labels == list(expected[0][0])
    narrow = ctc_beam_search(cn.tensor(y[:, None]), None, blank, beam_width=2)[0]
    assert len(narrow) == min(2, len(found))


def test_greedy_search_merges_repetitions_and_drops_blanks() -> None:
    path = [1, 1, 0, 1, 2, 2, 0, 0, 3, 1]
    y = np.log(np.full((len(path), 2, 4), 0.1))
    y[range(len(path)), :, path] = np.log(0.7)
    both = ctc_greedy_search(cn.tensor(y), [len(path), 5])
    assert [found.labels for found in both] == [[1, 1, 2, 3, 1], [1, 1, 2]]
    assert both[1].score == pytest.approx(5 * np.log(0.7))
    assert ctc_greedy_search(cn.tensor(y), blank=1)[0].labels == [0, 2, 0, 3]


def test_beam_search_stops_at_the_lengths_and_finds_what_greedy_search_misses() -> None:
    y = np.log(np.array([[0.6, 0.4], [0.6, 0.4]]))[:, None].repeat(2, 1)
    assert ctc_greedy_search(cn.tensor(y))[0].labels == []  # 0.36 against 0.64
    both = ctc_beam_search(cn.tensor(y), cn.tensor([2, 1]))
    assert [found[0].labels for found in both] == [[1], []]
    assert both[0][0].score == pytest.approx(np.log(0.64))


def batch(dtype: str = "float64") -> tuple[cn.Tensor, cn.Tensor, cn.Tensor, cn.Tensor]:
    y = cn.tensor(log_softmax(12, 4, 6).astype(dtype), requires_grad=True)
    targets = cn.tensor(around(generator.integers(0, 5, (4, 7)), 0))
    return y, targets, cn.tensor([12, 5, 0, 11]), cn.tensor([3, 6, 0, 7])


@pytest.mark.parametrize("zero_infinity", [False, True])
def test_a_target_too_long_for_its_input(zero_infinity: bool) -> None:
    y, targets, inputs, lengths = batch()
    losses = functional.ctc_loss(y, targets, inputs, lengths, 0, "none", zero_infinity)
    finite = losses.detach().numpy()[[0, 2, 3]]
    assert np.isfinite(finite).all()
    assert finite[1] == 0
    assert losses.detach().numpy()[1] == (0 if zero_infinity else np.inf)
    losses.sum().backward()
    assert y.grad is not None
    gradient = y.grad.numpy()
    assert np.isfinite(gradient).all()
    assert not gradient[:, 1:3].any()
    assert not gradient[11:, 3].any()
    assert gradient[:, 0].any(1).all()
    mean = functional.ctc_loss(y, targets, inputs, lengths, zero_infinity=True)
    kept = np.where(np.isinf(losses.detach().numpy()), 0, losses.detach().numpy())
    np.testing.assert_allclose(mean.item(), (kept / np.array([3, 6, 1, 7])).mean())


def test_no_steps_no_samples_and_impossible_classes() -> None:
    none = cn.zeros(0, 2, 3)
    losses = functional.ctc_loss(none, cn.tensor([[1], [1]]), (0, 0), (0, 1), reduction="none")
    assert losses.tolist() == [0, np.inf]
    empty = functional.ctc_loss(
        cn.zeros(4, 0, 3), cn.zeros(0, 2, dtype=cn.int64), (), (), reduction="sum"
    )
    assert empty.item() == 0
    y = log_softmax(5, 1, 3)
    y[2, 0, 1] = -np.inf
    scores = cn.tensor(y, requires_grad=True)
    functional.ctc_loss(scores, cn.tensor([[1, 2]]), (5,), (2,)).backward()
    assert scores.grad is not None
    assert np.isfinite(scores.grad.numpy()).all()
    y[3, 0, 0] = np.nan
    assert np.isnan(functional.ctc_loss(cn.tensor(y), cn.tensor([[1, 2]]), (5,), (2,)).item())


def test_targets_in_rows_or_one_after_another_and_lengths_of_any_kind() -> None:
    y, targets, inputs, lengths = batch()
    rows = targets.numpy()
    joined = np.concatenate([row[:n] for row, n in zip(rows, lengths.tolist(), strict=True)])
    losses = [
        functional.ctc_loss(y, *arguments, zero_infinity=True).item()
        for arguments in (
            (targets, inputs, lengths),
            (targets.int(), inputs.int(), lengths.int()),
            (targets, tuple(inputs.tolist()), lengths.tolist()),
            (cn.tensor(joined), inputs, lengths),
        )
    ]
    assert len(set(losses)) == 1
    alone = functional.ctc_loss(y[:, 0], targets[0, :3], inputs[0], lengths[0], reduction="none")
    assert alone.shape == ()
    assert alone.item() == functional.ctc_loss(y, targets, inputs, lengths, 0, "none")[0].item()


def test_float32_keeps_its_digits_in_long_sequences() -> None:
    exact = cn.tensor(log_softmax(200, 2, 30), requires_grad=True)
    rounded = exact.detach().float().requires_grad_()
    targets = cn.tensor(around(generator.integers(0, 29, (2, 40)), 0))
    losses = [
        functional.ctc_loss(y, targets, (200, 190), (40, 30), reduction="sum")
        for y in (exact, rounded)
    ]
    for loss in losses:
        loss.backward()
    assert losses[1].item() == pytest.approx(losses[0].item(), rel=1e-6)
    assert exact.grad is not None
    assert rounded.grad is not None
    np.testing.assert_allclose(rounded.grad.numpy(), exact.grad.numpy(), atol=1e-5)


def test_the_gradient_has_no_gradient() -> None:
    y, targets, inputs, lengths = batch()
    loss = functional.ctc_loss(y, targets, inputs, lengths, zero_infinity=True)
    with pytest.raises(RuntimeError, match="ctc_loss has no second derivative"):
        cn.autograd.grad(loss, y, create_graph=True)


BAD = [
    ({"blank": 6}, ValueError, "blank is 6, expected 0 <= blank < 6"),
    ({"blank": -1}, ValueError, "blank is -1"),
    ({"reduction": "max"}, ValueError, "reduction is 'max'"),
    ({"input_lengths": (12, 13, 1, 1)}, ValueError, r"input_lengths\[1\] is 13, expected 0 to 12"),
    ({"input_lengths": (12, -1, 1, 1)}, ValueError, r"input_lengths\[1\] is -1"),
    ({"input_lengths": (12, 1, 1)}, ShapeError, "input_lengths has shape"),
    ({"input_lengths": 12}, TypeError, "argument input_lengths expected a Tensor or ints"),
    ({"input_lengths": cn.zeros(4)}, DTypeError, "input_lengths has dtype float32"),
    ({"target_lengths": (8, 1, 1, 1)}, ValueError, r"target_lengths\[0\] is 8, expected 0 to 7"),
    ({"target_lengths": (1, -1, 1, 1)}, ValueError, r"target_lengths\[1\] is -1"),
    ({"target_lengths": (1,) * 5}, ShapeError, "target_lengths has shape"),
    ({"targets": cn.full((4, 7), 6)}, IndexError, "label 6 in sample 0, expected 0 <= label < 6"),
    ({"targets": cn.full((4, 7), -1)}, IndexError, "label -1 in sample 0"),
    ({"targets": cn.zeros(4, 7, dtype=cn.int64)}, IndexError, "not the blank 0"),
    ({"targets": cn.ones(3, 7, dtype=cn.int64)}, ShapeError, r"targets has shape \(3, 7\)"),
    ({"targets": cn.ones(17, dtype=cn.int64)}, ValueError, "sum 16, expected 17"),
    ({"targets": cn.ones(15, dtype=cn.int64)}, ValueError, r"target_lengths\[3\] is 7"),
    ({"targets": cn.ones(4, 7)}, DTypeError, "targets has dtype float32"),
    ({"log_probs": cn.zeros(12)}, ShapeError, "log_probs has shape"),
    ({"log_probs": cn.zeros(12, 4, 6, dtype=cn.int64)}, DTypeError, "log_probs has dtype"),
    ({"log_probs": [1.0]}, TypeError, "log_probs must be a Tensor"),
]  # fmt: skip


@pytest.mark.parametrize(("changed", "error", "message"), BAD)
def test_bad_input(changed: dict[str, object], error: type[Exception], message: str) -> None:
    names = ("log_probs", "targets", "input_lengths", "target_lengths")
    arguments = {**dict(zip(names, batch(), strict=True)), **changed}
    with pytest.raises(error, match=f"^ctc_loss: .*{message}"):
        functional.ctc_loss(**arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize("search", [ctc_greedy_search, ctc_beam_search])
def test_bad_input_of_searches(search: object) -> None:
    y = cn.zeros(3, 2, 4)
    for arguments, message in (
        ((y[0],), "expected .*, got|has shape"),
        ((y, (4, 3)), "input_lengths"),
        ((y, (3,)), "input_lengths"),
        ((y, None, 4), "blank is 4"),
    ):
        with pytest.raises(ValueError, match=message):
            search(*arguments)  # type: ignore[operator]
    with pytest.raises(ValueError, match="beam_width is 0"):
        ctc_beam_search(y, beam_width=0)
    with pytest.raises((ValueError, MemoryError)):
        ctc_beam_search(y, beam_width=2**62)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("blank", [0, 3, 5])
def test_against_torch(dtype: str, reduction: str, blank: int) -> None:
    """In float64, as PyTorch's own float32 is less exact than ours."""
    torch = pytest.importorskip("torch", reason="PyTorch, an oracle where it is installed, is not")
    scores = generator.standard_normal((40, 5, 6)).astype(dtype)
    targets = around(generator.integers(0, 5, (5, 9)), blank)
    lengths = (40, 30, 9, 3, 40), (9, 5, 1, 4, 0)
    results = []
    for library in (cn, torch):
        x = library.tensor(scores if library is cn else scores.astype(float), requires_grad=True)
        y = library.nn.functional.log_softmax(x, 2)
        y.retain_grad()
        losses = library.nn.functional.ctc_loss(
            y, library.tensor(targets), *lengths, blank, reduction, zero_infinity=True
        )
        losses.sum().backward()
        results.append([t.detach().numpy() for t in (losses, y.grad, x.grad)])
    tolerance = 1e-9 if dtype == "float64" else 1e-5
    for ours, theirs in zip(*results, strict=True):
        assert ours.dtype == dtype
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance * max(1, abs(theirs).max()))
