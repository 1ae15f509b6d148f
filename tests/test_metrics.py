"""Metrics of Trainer against NumPy; in Keras's spelling in tests/keras/test_metrics.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cygnet as cn
from cygnet import metrics, nn, optim

rng = np.random.default_rng(1)
P = rng.random((4, 8, 5))  # four batches of scores
BITS = rng.random((4, 8, 5)) > 0.5
LABELS = rng.integers(0, 5, (4, 8))
W = rng.random((4, 8))
ALL = {"p": P.reshape(32, 5), "bits": BITS.reshape(32, 5), "labels": LABELS.reshape(32)}


def after(metric: metrics.Metric, outputs: Any, targets: Any, weights: Any = None) -> Any:
    for i in range(4):
        weight = None if weights is None else weights[i]
        metric.update(cn.tensor(outputs[i]), cn.tensor(targets[i]), weight)
    return metric.result()


def counts(threshold: float, p: np.ndarray = P, w: np.ndarray | None = None) -> tuple[float, ...]:
    w = np.broadcast_to(1.0 if w is None else w[..., None], p.shape)
    above = p > threshold
    pairs = ((above, BITS), (above, ~BITS), (~above, ~BITS), (~above, BITS))
    return tuple(float((w * (a & b)).sum()) for a, b in pairs)


@pytest.mark.parametrize("weights", [None, W])
@pytest.mark.parametrize("threshold", [0.5, 0.2])
def test_counts_precision_and_recall(threshold: float, weights: Any) -> None:
    tp, fp, tn, fn = counts(threshold, w=weights)
    for kind, value in (
        (metrics.TruePositives, tp),
        (metrics.FalsePositives, fp),
        (metrics.TrueNegatives, tn),
        (metrics.FalseNegatives, fn),
        (metrics.Precision, tp / (tp + fp)),
        (metrics.Recall, tp / (tp + fn)),
    ):
        assert after(kind(threshold), P, BITS, weights) == pytest.approx(value)
    both = after(metrics.Recall([0.9, threshold]), P, BITS, weights)
    assert both[1] == pytest.approx(tp / (tp + fn))
    assert both[0] == pytest.approx(after(metrics.Recall(0.9), P, BITS, weights))


def test_one_class_and_the_best_of_a_sample() -> None:
    p, labels = ALL["p"], ALL["labels"]
    assert after(metrics.Precision(top_k=1), P, LABELS) == pytest.approx(
        (p.argmax(1) == labels).mean()
    )
    of_two = (p[:, 2] > 0.5).sum()
    expected = ((p[:, 2] > 0.5) & (labels == 2)).sum() / of_two
    assert after(metrics.Precision(class_id=2), P, LABELS) == pytest.approx(expected)
    assert metrics.Precision().result() == metrics.Recall().result() == 0


def test_area_below_the_curve() -> None:
    scores, truth = P[..., 0], BITS[..., 0]
    positive, negative = scores[truth], scores[~truth]
    exact = (positive[:, None] > negative[None]).mean()
    assert after(metrics.AUC(20001), scores, truth) == pytest.approx(exact, abs=1e-3)
    perfect = metrics.AUC(curve="PR")
    assert after(perfect, truth * 0.5 + 0.25, truth) == pytest.approx(1)
    columns = [after(metrics.AUC(), P[..., i], BITS[..., i]) for i in range(5)]
    assert after(metrics.AUC(multi_label=True), P, BITS) == pytest.approx(np.mean(columns))
    first = metrics.AUC(multi_label=True, label_weights=[1, 0, 0, 0, 0])
    assert after(first, P, BITS) == pytest.approx(columns[0])
    logits = np.log(P / (1 - P))
    assert after(metrics.AUC(from_logits=True), logits, BITS) == pytest.approx(
        after(metrics.AUC(), P, BITS), abs=1e-3
    )


def test_best_share_at_another() -> None:
    shares = []
    for threshold in np.linspace(0, 1, 11):
        tp, fp, tn, fn = counts(threshold)
        shares.append((tp / max(tp + fp, 1), tp / (tp + fn), tn / (tn + fp)))
    precision, recall, specificity = np.array(shares).T
    for kind, wanted, bounded in (
        (metrics.PrecisionAtRecall, precision, recall),
        (metrics.RecallAtPrecision, recall, precision),
        (metrics.SensitivityAtSpecificity, recall, specificity),
        (metrics.SpecificityAtSensitivity, specificity, recall),
    ):
        found = after(kind(0.4, num_thresholds=11), P, BITS)
        assert found == pytest.approx(wanted[bounded >= 0.4].max())


@pytest.mark.parametrize("weights", [None, W])
def test_f_scores(weights: Any) -> None:
    p, labels = ALL["p"], ALL["labels"]
    w = np.ones(32) if weights is None else weights.reshape(32)
    guesses = p.argmax(1)
    scores, sizes = [], []
    for c in range(5):
        tp = w[(guesses == c) & (labels == c)].sum()
        scores.append(2 * tp / (w[guesses == c].sum() + w[labels == c].sum()))
        sizes.append(w[labels == c].sum())
    found = after(metrics.F1Score(), P, LABELS, weights)
    np.testing.assert_allclose(found, scores, rtol=1e-5)
    one_hot = np.eye(5)[LABELS]
    assert after(metrics.F1Score("macro"), P, one_hot, weights) == pytest.approx(
        np.mean(scores), rel=1e-5
    )
    assert after(metrics.F1Score("weighted"), P, LABELS, weights) == pytest.approx(
        np.average(scores, weights=sizes), rel=1e-5
    )
    hits = w[guesses == labels].sum() / w.sum()
    assert after(metrics.FBetaScore("micro", 2.0), P, LABELS, weights) == pytest.approx(
        hits, rel=1e-5
    )


def test_confusion_matrix_and_overlaps() -> None:
    guesses = P.argmax(-1)
    expected = np.zeros((5, 5))
    np.add.at(expected, (ALL["labels"], guesses.reshape(-1)), 1)
    np.testing.assert_array_equal(after(metrics.ConfusionMatrix(), P, LABELS), expected)
    binary = after(metrics.ConfusionMatrix(), P[..., 0], BITS[..., 0])
    tp, fp, tn, fn = (
        after(kind(), P[..., 0], BITS[..., 0])
        for kind in (
            metrics.TruePositives,
            metrics.FalsePositives,
            metrics.TrueNegatives,
            metrics.FalseNegatives,
        )
    )
    np.testing.assert_array_equal(binary, [[tn, fp], [fn, tp]])
    weighted = after(metrics.ConfusionMatrix(6), P, LABELS, W)
    assert weighted.shape == (6, 6)
    assert weighted.sum() == pytest.approx(W.sum())
    both = np.diag(expected)
    shares = both / (expected.sum(0) + expected.sum(1) - both)
    assert after(metrics.MeanIoU(5), guesses, LABELS) == pytest.approx(shares.mean(), rel=1e-5)
    one = metrics.IoU(5, [1], sparse_y_pred=False)
    assert after(one, P, LABELS) == pytest.approx(shares[1], rel=1e-5)


@pytest.mark.parametrize("weights", [None, W])
def test_regression(weights: Any) -> None:
    x, y = P[..., 0], P[..., 1] + P[..., 0]
    w = np.ones_like(x) if weights is None else weights
    squares = np.average((x - y) ** 2, weights=w)
    assert after(metrics.MeanSquaredError(), x, y, weights) == pytest.approx(squares)
    assert after(metrics.RootMeanSquaredError(), x, y, weights) == pytest.approx(squares**0.5)
    absolute = np.average(abs(x - y), weights=w)
    assert after(metrics.MeanAbsoluteError(), x, y, weights) == pytest.approx(absolute)
    spread = np.average((y - np.average(y, weights=w)) ** 2, weights=w)
    assert after(metrics.R2Score(), x, y, weights) == pytest.approx(1 - squares / spread)
    columns = after(metrics.R2Score(None), P, P**2)
    assert columns.shape == (5,)
    adjusted = after(metrics.R2Score(num_regressors=3), x, y)
    plain = after(metrics.R2Score(), x, y)
    assert adjusted == pytest.approx(1 - (1 - plain) * 31 / 28)
    with pytest.warns(UserWarning, match="is not adjusted"):
        after(metrics.R2Score(num_regressors=40), x, y)


def test_weighted_accuracy() -> None:
    hits = P.argmax(-1) == LABELS
    assert after(metrics.Accuracy(), P, LABELS, W) == pytest.approx((W * hits).sum() / W.sum())
    images = np.moveaxis(P, -1, 1)[None].repeat(4, 0)  # four batches of four, five classes
    labels = np.broadcast_to(LABELS, (4, 4, 8))
    assert after(metrics.Accuracy(), images, labels) == pytest.approx(hits.mean())
    assert after(metrics.TopKAccuracy(5), P, LABELS) == 1
    assert after(metrics.TopKAccuracy(5), P, np.full_like(LABELS, -1)) == 0
    assert after(metrics.TopKAccuracy(5), P, LABELS + P.shape[-1]) == 0


MAKERS = [
    metrics.Accuracy,
    metrics.AUC,
    lambda: metrics.AUC(multi_label=True),
    metrics.ConfusionMatrix,
    metrics.F1Score,
    metrics.Precision,
    metrics.R2Score,
    metrics.RootMeanSquaredError,
]


@pytest.mark.parametrize("make", MAKERS)
def test_states_in_a_file(make: Any, tmp_path: Path) -> None:
    metric, other = make(), make()
    targets = LABELS if isinstance(metric, metrics.Accuracy | metrics.ConfusionMatrix) else BITS
    metric.update(P[0], targets[0] * 1.0 if targets is BITS else targets[0])
    cn.save(metric.state_dict(), tmp_path / "state")
    state = metric.state_dict()
    metric.update(P[1], targets[1] * 1.0 if targets is BITS else targets[1], W[1])
    other.load_state_dict(cn.load(tmp_path / "state"))
    other.update(P[1], targets[1] * 1.0 if targets is BITS else targets[1], W[1])
    np.testing.assert_array_equal(metric.result(), other.result())
    other.load_state_dict(state)  # was a copy
    other.update(P[1], targets[1] * 1.0 if targets is BITS else targets[1], W[1])
    np.testing.assert_array_equal(metric.result(), other.result())
    assert metric.name in repr(metric)


def test_names_in_trainer() -> None:
    x = rng.standard_normal((40, 3)).astype("float32")
    y = (x[:, :1] > 0).astype("float32")
    model = nn.Sequential(nn.Linear(3, 1), nn.Sigmoid())
    named = ["accuracy", "auc", "precision", "recall", "rmse", "mse"]
    job = cn.Trainer(model, nn.BCELoss(), optim.Adam(model.parameters(), lr=0.1), metrics=named)
    job.fit(x, y, epochs=15, verbose=0)
    last = {name: values[-1] for name, values in job.history.history.items()}
    assert last["auc"] > 0.9
    assert last["rmse"] == pytest.approx(last["mse"] ** 0.5)
    assert [m.name for m in metrics.resolve(["f1", "r2", "confusion_matrix"])] == [
        "f1",
        "r2",
        "confusion_matrix",
    ]


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: metrics.Precision(2.0), ValueError, "Precision: thresholds are 2.0"),
        (lambda: metrics.AUC(1), ValueError, "num_thresholds is 1"),
        (lambda: metrics.AUC(curve="ROCK"), ValueError, "curve is 'ROCK'"),
        (lambda: metrics.AUC(summation_method="sum"), ValueError, "summation_method is 'sum'"),
        (lambda: metrics.AUC(num_labels=3), ValueError, "expected multi_label=True"),
        (lambda: metrics.AUC(multi_label=True).update(P[0, 0], BITS[0, 0]), ValueError, "(N, L)"),
        (lambda: metrics.F1Score("mean"), ValueError, "average is 'mean'"),
        (lambda: metrics.FBetaScore(beta=0), ValueError, "beta is 0"),
        (lambda: metrics.F1Score(threshold=2), ValueError, "threshold is 2"),
        (lambda: metrics.F1Score().update(P[0, 0], LABELS[0]), ValueError, "output (N, C)"),
        (lambda: metrics.Precision().update(P[0], BITS[0, :3]), ValueError, "target has shape"),
        (lambda: metrics.Precision(class_id=1).update(P[0, 0], BITS[0, 0]), ValueError, "(N, C)"),
        (lambda: metrics.RecallAtPrecision(2), ValueError, "precision is 2"),
        (lambda: metrics.RecallAtPrecision(0.5, 0), ValueError, "num_thresholds is 0"),
        (lambda: metrics.R2Score("mean"), ValueError, "class_aggregation is 'mean'"),
        (lambda: metrics.R2Score(num_regressors=-1), ValueError, "num_regressors is -1"),
        (lambda: metrics.ConfusionMatrix().update(P[0], LABELS[0] + 1), IndexError, "a label 5"),
        (lambda: metrics.ConfusionMatrix().update(P[0, 0], LABELS[0]), ValueError, "target has"),
        (lambda: metrics.IoU(2, [2]), ValueError, "target_class_ids has 2"),
        (lambda: metrics.MeanIoU(2).update(LABELS[0], LABELS[:, 0]), ValueError, "target has"),
        (lambda: metrics.Mean("mean").update(P[0], P[0]), NotImplementedError, "no values"),
        (lambda: metrics.Metric("mine").result(), NotImplementedError, "must define result"),
        (lambda: metrics.resolve("presicion"), ValueError, "did you mean 'precision'"),
    ],
)  # fmt: skip
def test_bad_arguments(call: Any, error: Any, text: str) -> None:
    with pytest.raises(error) as caught:
        call()
    assert text in str(caught.value)
