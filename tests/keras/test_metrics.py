"""Metrics in Keras's spelling; the counting is tested in tests/test_metrics.py, and all beside
Keras in test_metrics_against_keras.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import cygnet as cn
from cygnet.keras import losses, metrics
from cygnet.keras.attached import masks

rng = np.random.default_rng(3)
P = rng.random((2, 6, 4)).astype("float32")
LABELS = rng.integers(0, 4, (2, 6))
ONE_HOT = np.eye(4, dtype="float32")[LABELS]
W = rng.random((2, 6))
HITS = P.argmax(-1) == LABELS


def after(metric: Any, true: Any, pred: Any, weights: Any = None) -> Any:
    for i in range(2):
        weight = None if weights is None else weights[i]
        metric.update_state(cn.tensor(true[i]), cn.tensor(pred[i]), weight)
    return metric.result()


def test_spelling() -> None:
    metric = metrics.SparseCategoricalAccuracy()
    assert float(metric.result()) == 0
    result = metric(LABELS[0], P[0])
    assert result.dtype == np.float32
    assert result.numpy() == np.float32(HITS[0].mean())
    assert f"{result * 100:.1f}" == f"{HITS[0].mean() * 100:.1f}"
    metric.update_state(LABELS[1], P[1], sample_weight=W[1])
    expected = (HITS[0].sum() + (HITS[1] * W[1]).sum()) / (6 + W[1].sum())
    np.testing.assert_allclose(float(metric.result()), expected, rtol=1e-6)
    assert [v.shape for v in metric.variables] == [(), ()]
    metric.reset_state()
    assert float(metric.result()) == 0
    metric.reset_states()
    assert repr(metric) == "<SparseCategoricalAccuracy name=sparse_categorical_accuracy>"


@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64", "float32", "float64"])
@pytest.mark.parametrize("shape", [(6,), (6, 1)])
def test_labels_of_any_type(dtype: str, shape: Any) -> None:
    labels = [each.astype(dtype).reshape(shape) for each in LABELS]
    found = after(metrics.SparseCategoricalAccuracy(), labels, P)
    assert float(found) == pytest.approx(HITS.mean())
    each = metrics.sparse_categorical_accuracy(cn.tensor(labels[0]), cn.tensor(P[0])).numpy()
    np.testing.assert_array_equal(each, HITS[0].astype("float32"))


def test_accuracies() -> None:
    assert float(after(metrics.CategoricalAccuracy(), ONE_HOT, P)) == pytest.approx(HITS.mean())
    assert float(after(metrics.Accuracy(), LABELS, P.argmax(-1))) == pytest.approx(HITS.mean())
    binary = after(metrics.BinaryAccuracy(threshold=0.3), ONE_HOT, P)
    assert float(binary) == pytest.approx(((P > 0.3) == ONE_HOT).mean())
    best = P.argsort(-1)[..., -2:]
    two = (best == LABELS[..., None]).any(-1)
    assert float(after(metrics.TopKCategoricalAccuracy(2), ONE_HOT, P)) == pytest.approx(two.mean())
    sparse = metrics.SparseTopKCategoricalAccuracy(2)
    assert float(after(sparse, LABELS, P)) == pytest.approx(two.mean())
    listed = metrics.SparseTopKCategoricalAccuracy(2, from_sorted_ids=True)
    assert float(after(listed, LABELS, P.argsort(-1)[..., ::-1])) == pytest.approx(two.mean())


@pytest.mark.parametrize(
    ("name", "loss"),
    [
        ("MeanSquaredError", losses.MeanSquaredError),
        ("MeanAbsoluteError", losses.MeanAbsoluteError),
        ("LogCoshError", losses.LogCosh),
        ("KLDivergence", losses.KLDivergence),
        ("BinaryCrossentropy", losses.BinaryCrossentropy),
        ("CategoricalCrossentropy", losses.CategoricalCrossentropy),
    ],
)
def test_means_of_losses(name: str, loss: Any) -> None:
    found = after(getattr(metrics, name)(), ONE_HOT, P, W)
    expected = loss(reduction="mean_with_sample_weight")(
        ONE_HOT.reshape(12, 4), P.reshape(12, 4), W.ravel()
    )
    np.testing.assert_allclose(float(found), float(expected), rtol=1e-5)


def test_correlations_and_root() -> None:
    a, b = P[0], P[1]
    pairs = [np.corrcoef(x, y)[0, 1] for x, y in zip(a, b, strict=True)]
    assert float(metrics.PearsonCorrelation()(a, b)) == pytest.approx(np.mean(pairs), abs=1e-5)
    cosines = (a * b).sum(-1) / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1)
    assert float(metrics.CosineSimilarity()(a, b)) == pytest.approx(cosines.mean(), rel=1e-5)
    assert float(metrics.ConcordanceCorrelation()(a, a)) == pytest.approx(1, abs=1e-4)
    root = np.sqrt(((a - b) ** 2).mean())
    assert float(metrics.RootMeanSquaredError()(a, b)) == pytest.approx(root, rel=1e-5)
    ignoring = metrics.SparseCategoricalCrossentropy(ignore_class=0)
    each = -np.log(np.take_along_axis(a, LABELS[0][:, None], 1)[:, 0] / a.sum(-1))
    kept = LABELS[0] != 0
    found = ignoring(LABELS[0], a, W[0])
    assert float(found) == pytest.approx((W[0] * each)[kept].sum() / W[0][kept].sum(), rel=1e-5)


def test_masks() -> None:
    mask = np.array([1, 1, 0, 1, 0, 0], bool)
    pred = masks.attach(cn.tensor(P[0]), cn.tensor(mask))
    plain, weighted = metrics.SparseCategoricalAccuracy(), metrics.MeanAbsoluteError()
    assert float(plain(LABELS[0], pred)) == pytest.approx(HITS[0][mask].mean())
    each = abs(P[0] - ONE_HOT[0]).mean(-1)
    expected = (each * W[0])[mask].sum() / W[0][mask].sum()
    assert float(weighted(ONE_HOT[0], pred, W[0])) == pytest.approx(expected, rel=1e-5)


def test_mean_and_sum() -> None:
    mean, total = metrics.Mean(), metrics.Sum(name="all")
    for value in (1.0, np.array([2.0, 6.0]), cn.tensor(3.0)):
        mean.update_state(value)
        total.update_state(value)
    assert float(mean.result()) == 3
    assert float(total.result()) == 12
    assert (mean.name, total.name) == ("mean", "all")
    mean.reset_state()
    mean.update_state([[1, 2], [3, 4]], sample_weight=[1, 0])
    assert float(mean.result()) == 1.5


def test_metrics_of_users() -> None:
    class TruePositives(metrics.Metric):
        def __init__(self, name: str = "true_positives", **options: Any) -> None:
            super().__init__(name=name, **options)
            self.found = self.add_weight(name="tp", initializer="zeros")

        def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
            y_pred = cn.as_tensor(y_pred)
            self.found.assign_add(((y_pred > 0.5) & (y_true == 1)).sum().to("float32"))

        def result(self) -> Any:
            return self.found

    metric = TruePositives()
    expected = ((P > 0.5) & (ONE_HOT == 1)).sum()
    assert float(after(metric, ONE_HOT, P)) == expected
    assert metric.variables == [metric.found]
    state = metric.state_dict()
    metric.reset_state()
    assert float(metric.result()) == 0
    metric.load_state_dict(state)
    assert float(metric.result()) == expected
    wrapped = metrics.MeanMetricWrapper(lambda y, p: (y - p).abs(), name="off")
    assert float(after(wrapped, ONE_HOT, P)) == pytest.approx(abs(ONE_HOT - P).mean(), rel=1e-6)
    with pytest.raises(NotImplementedError, match="must define update_state"):
        metrics.Metric(name="none").update_state(1, 2)


def needed(kind: Any) -> dict[str, Any]:
    """Arguments without a default."""
    name = kind.__name__
    given = {"SensitivityAtSpecificity": "specificity", "SpecificityAtSensitivity": "sensitivity"}
    given |= {"PrecisionAtRecall": "recall", "RecallAtPrecision": "precision"}
    if name in given:
        return {given[name]: 0.5}
    if name == "MeanMetricWrapper":
        return {"fn": losses.huber, "delta": 2.0}
    options = {"num_classes": 4} if "IoU" in name and "Binary" not in name else {}
    return options | ({"target_class_ids": [1]} if name in ("IoU", "OneHotIoU") else {})


KINDS = [
    kind
    for name in metrics.__all__
    if isinstance(kind := getattr(metrics, name), type) and kind is not metrics.Metric
]


@pytest.mark.parametrize("kind", KINDS)
def test_configurations_and_states(kind: Any) -> None:
    metric = kind(**needed(kind), name="mine")
    again = metrics.deserialize(metrics.serialize(metric))
    assert type(again) is kind
    assert again.get_config() == metric.get_config()
    assert isinstance(again, metrics.Metric)
    one_hot = "Top" not in kind.__name__ or "Sparse" not in kind.__name__
    true, pred = (ONE_HOT, P) if one_hot else (LABELS, P)
    if kind.__name__ in ("SparseCategoricalAccuracy", "SparseCategoricalCrossentropy"):
        true = LABELS
    if kind in (metrics.IoU, metrics.MeanIoU):
        true, pred = LABELS, LABELS[::-1]
    if kind in (metrics.Mean, metrics.Sum):
        metric.update_state(P[0])
    else:
        metric.update_state(true[0], pred[0])
    again.load_state_dict(metric.state_dict())
    for each in (metric, again):
        each.update_state(P[1]) if kind in (metrics.Mean, metrics.Sum) else each.update_state(
            true[1], pred[1]
        )
    np.testing.assert_array_equal(metric.result().numpy(), again.result().numpy())
    metric.reset_state()
    assert np.isfinite(metric.result().numpy()).all() or kind is metrics.R2Score


def test_lookup() -> None:
    assert isinstance(metrics.get("mse"), metrics.MeanSquaredError)
    assert isinstance(metrics.get("sparse_categorical_accuracy"), metrics.SparseCategoricalAccuracy)
    assert isinstance(metrics.get("AUC"), metrics.AUC)
    assert isinstance(metrics.get("kullback_leibler_divergence"), metrics.KLDivergence)
    assert metrics.get(None) is None
    assert metrics.mse is losses.mse
    with pytest.raises(ValueError, match="'precision'"):
        metrics.get("presicion")
    metrics.check_name("acc")
    with pytest.raises(ValueError, match="'accuracy'"):
        metrics.check_name("acuracy")


@pytest.mark.parametrize(
    ("name", "true", "pred", "kind"),
    [
        ("accuracy", (6,), (6, 4), "SparseCategoricalAccuracy"),
        ("acc", (6, 1), (6, 4), "SparseCategoricalAccuracy"),
        ("accuracy", (6, 4), (6, 4), "CategoricalAccuracy"),
        ("accuracy", (6,), (6, 1), "BinaryAccuracy"),
        ("crossentropy", (6,), (6, 4), "SparseCategoricalCrossentropy"),
        ("ce", (6, 1), (6, 1), "BinaryCrossentropy"),
        ("crossentropy", (6, 4), (6, 4), "CategoricalCrossentropy"),
        ("mae", (6, 4), (6, 4), "MeanAbsoluteError"),
        ("Precision", (6, 4), (6, 4), "Precision"),
    ],
)
def test_names_in_compile(name: str, true: Any, pred: Any, kind: str) -> None:
    metric = metrics.resolve(name, cn.zeros(true), cn.zeros(pred))
    assert type(metric).__name__ == kind
    assert metric.name == name


def test_objects_in_compile() -> None:
    y = cn.zeros(3, 1)
    metric = metrics.AUC(name="area")
    assert metrics.resolve(metric, y, y) is metric
    assert metrics.resolve(losses.huber, y, y).name == "huber"
    assert metrics.resolve(losses.Huber(), y, y).name == "huber_loss"
    assert metrics.resolve(metrics.AUC, y, y).name == "auc"


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (
            lambda: metrics.SparseCategoricalAccuracy().update_state(LABELS[0, :3], P[0]),
            ValueError,
            "sparse_categorical_accuracy: target has shape (3,), output has shape (6, 4)",
        ),
        (
            lambda: metrics.CategoricalAccuracy().update_state(LABELS[0], P[0]),
            ValueError,
            "categorical_accuracy: target has shape (6,), output has shape (6, 4)",
        ),
        (
            lambda: metrics.BinaryAccuracy().update_state(LABELS[0], P[0]),
            ValueError,
            "binary_accuracy: target has shape (6,), output has shape (6, 4)",
        ),
        (
            lambda: metrics.MeanSquaredError().update_state(LABELS[0], P[0]),
            ValueError,
            "mean_squared_error: y_true has shape (6,), y_pred has (6, 4)",
        ),
    ],
)
def test_bad_arguments(call: Any, error: Any, text: str) -> None:
    with pytest.raises(error) as caught:
        call()
    assert text in str(caught.value)
