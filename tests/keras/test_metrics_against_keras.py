"""Metrics beside those of Keras 3 on TensorFlow, where it is installed."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import cygnet as cn
from cygnet.keras import metrics

keras = pytest.importorskip("keras", reason="Keras, the reference, is not installed")
tf = pytest.importorskip("tensorflow", reason="Keras runs on TensorFlow, which is not installed")

rng = np.random.default_rng(8)
BATCHES = 3
N, C = 7, 4


def several(make: Any) -> list[np.ndarray]:
    return [make() for _ in range(BATCHES)]


REAL = several(lambda: rng.standard_normal((N, C)).astype("float32"))
OTHER = several(lambda: rng.standard_normal((N, C)).astype("float32"))
P = several(lambda: rng.random((N, C)).astype("float32"))
SHARES = [p / p.sum(1, keepdims=True) for p in P]
BITS = several(lambda: (rng.random((N, C)) > 0.5).astype("float32"))
LABELS = several(lambda: rng.integers(0, C, N))
GUESSES = several(lambda: rng.integers(0, C, N))
ONE_HOT = [np.eye(C, dtype="float32")[each] for each in LABELS]
IMAGES = several(lambda: rng.random((2, 3, 3, C)).astype("float32"))
IMAGE_LABELS = several(lambda: rng.integers(0, C, (2, 3, 3)))
# Numbers at thresholds, equal ones, and outside of 0 to 1.
EDGES = several(lambda: rng.choice([0, 0.25, 0.5, 0.5, 0.75, 1, 1.5, -1], (N, C)).astype("float32"))
COLUMN = [each[:, :1] for each in P]
COLUMN_BITS = [each[:, 0] for each in BITS]

CASES: list[tuple[str, dict[str, Any], list[np.ndarray], list[np.ndarray]]] = [
    ("Accuracy", {}, LABELS, GUESSES),
    ("Accuracy", {}, [each[:, None] for each in LABELS], GUESSES),
    ("BinaryAccuracy", {}, BITS, P),
    ("BinaryAccuracy", {"threshold": 0.3}, COLUMN_BITS, COLUMN),
    ("CategoricalAccuracy", {}, ONE_HOT, SHARES),
    ("CategoricalAccuracy", {}, [np.eye(C)[each] for each in IMAGE_LABELS], IMAGES),
    ("SparseCategoricalAccuracy", {}, LABELS, SHARES),
    ("SparseCategoricalAccuracy", {}, [each[:, None].astype("uint8") for each in LABELS], SHARES),
    ("SparseCategoricalAccuracy", {}, [each.astype("float32") for each in LABELS], SHARES),
    ("SparseCategoricalAccuracy", {}, IMAGE_LABELS, IMAGES),
    ("TopKCategoricalAccuracy", {"k": 2}, ONE_HOT, SHARES),
    ("SparseTopKCategoricalAccuracy", {"k": 2}, LABELS, SHARES),
    ("SparseTopKCategoricalAccuracy", {"k": 1}, IMAGE_LABELS, IMAGES),
    (
        "SparseTopKCategoricalAccuracy",
        {"k": 3, "from_sorted_ids": True},
        LABELS,
        [np.argsort(-p, 1) for p in P],
    ),
    ("MeanSquaredError", {}, OTHER, REAL),
    ("MeanSquaredError", {}, COLUMN_BITS, COLUMN),
    ("RootMeanSquaredError", {}, OTHER, REAL),
    ("MeanAbsoluteError", {}, OTHER, REAL),
    ("MeanAbsolutePercentageError", {}, OTHER, REAL),
    ("MeanSquaredLogarithmicError", {}, P, SHARES),
    ("LogCoshError", {}, OTHER, REAL),
    ("CosineSimilarity", {}, OTHER, REAL),
    ("CosineSimilarity", {"axis": 1}, OTHER, REAL),
    ("PearsonCorrelation", {}, OTHER, REAL),
    ("ConcordanceCorrelation", {}, OTHER, REAL),
    ("Hinge", {}, BITS, REAL),
    ("SquaredHinge", {}, BITS, REAL),
    ("CategoricalHinge", {}, ONE_HOT, REAL),
    ("KLDivergence", {}, SHARES, SHARES[::-1]),
    ("Poisson", {}, P, SHARES),
    ("BinaryCrossentropy", {}, BITS, P),
    ("BinaryCrossentropy", {"from_logits": True, "label_smoothing": 0.2}, BITS, REAL),
    ("CategoricalCrossentropy", {}, ONE_HOT, SHARES),
    ("CategoricalCrossentropy", {"from_logits": True, "label_smoothing": 0.2}, ONE_HOT, REAL),
    ("SparseCategoricalCrossentropy", {}, LABELS, SHARES),
    ("SparseCategoricalCrossentropy", {"from_logits": True, "ignore_class": 1}, LABELS, REAL),
    ("SparseCategoricalCrossentropy", {"from_logits": True}, IMAGE_LABELS, IMAGES),
    ("R2Score", {}, OTHER, REAL),
    ("R2Score", {"class_aggregation": "variance_weighted_average"}, OTHER, REAL),
    ("R2Score", {"class_aggregation": None, "num_regressors": 2}, OTHER, REAL),
    ("R2Score", {}, [each[:, None] for each in COLUMN_BITS], COLUMN),
    *((name, {}, BITS, P) for name in ("TruePositives", "FalsePositives")),
    *((name, {}, BITS, EDGES) for name in ("TrueNegatives", "FalseNegatives")),
    ("TruePositives", {"thresholds": [0.0, 0.5, 1.0]}, BITS, EDGES),
    ("FalsePositives", {"thresholds": [0.75, 0.5, 0.1]}, BITS, EDGES),
    ("Precision", {}, BITS, P),
    ("Precision", {}, COLUMN_BITS, COLUMN),
    ("Precision", {"thresholds": [0.25, 0.8]}, BITS, EDGES),
    ("Precision", {"top_k": 2}, BITS, P),
    ("Precision", {"top_k": 2, "thresholds": 0.5}, BITS, EDGES),
    ("Precision", {"class_id": 1}, BITS, P),
    ("Recall", {}, BITS, P),
    ("Recall", {"thresholds": [0.25, 0.8], "class_id": 2}, BITS, EDGES),
    ("Recall", {"top_k": 1, "class_id": 3}, BITS, P),
    ("AUC", {}, BITS, P),
    ("AUC", {"num_thresholds": 5}, BITS, EDGES),
    ("AUC", {"curve": "PR"}, BITS, P),
    ("AUC", {"curve": "PR", "summation_method": "minoring", "num_thresholds": 11}, BITS, P),
    ("AUC", {"curve": "PRGAIN", "num_thresholds": 11}, BITS, P),
    ("AUC", {"summation_method": "majoring", "num_thresholds": 11}, BITS, P),
    ("AUC", {"thresholds": [0.9, 0.2, 0.4]}, BITS, EDGES),
    ("AUC", {"from_logits": True}, BITS, REAL),
    ("AUC", {"multi_label": True}, BITS, P),
    ("AUC", {"multi_label": True, "num_labels": C, "curve": "PR"}, BITS, P),
    ("AUC", {"multi_label": True, "label_weights": [1.0, 2.0, 0.0, 3.0]}, BITS, P),
    ("AUC", {"label_weights": [1.0, 2.0, 0.0, 3.0]}, BITS, P),
    ("SensitivityAtSpecificity", {"specificity": 0.4}, BITS, P),
    ("SensitivityAtSpecificity", {"specificity": 0.4, "num_thresholds": 1}, BITS, P),
    ("SpecificityAtSensitivity", {"sensitivity": 0.6, "num_thresholds": 7}, BITS, EDGES),
    ("PrecisionAtRecall", {"recall": 0.5, "class_id": 1}, BITS, P),
    ("RecallAtPrecision", {"precision": 0.55}, BITS, P),
    ("FBetaScore", {"beta": 2.0}, BITS, P),
    ("FBetaScore", {"beta": 0.5, "average": "micro", "threshold": 0.5}, BITS, P),
    ("F1Score", {"average": "macro"}, ONE_HOT, SHARES),
    ("F1Score", {"average": "weighted"}, ONE_HOT, SHARES),
    ("IoU", {"num_classes": C, "target_class_ids": [0, 2]}, LABELS, GUESSES),
    ("MeanIoU", {"num_classes": C, "ignore_class": 1}, LABELS, GUESSES),
    ("MeanIoU", {"num_classes": C - 1, "dtype": "float32"}, IMAGE_LABELS, IMAGE_LABELS[::-1]),
    ("BinaryIoU", {"threshold": 0.4, "dtype": "float32"}, BITS, P),
    ("OneHotIoU", {"num_classes": C, "target_class_ids": [1], "dtype": "float32"}, ONE_HOT, P),
    ("OneHotMeanIoU", {"num_classes": C}, ONE_HOT, P),
]
IDS = [f"{name} {options} {true[0].shape}" for name, options, true, _ in CASES]
FOR_SAMPLES = rng.random((BATCHES, N)).astype("float32")


def both(name: str, options: dict[str, Any], *batches: Any) -> None:
    theirs, ours = getattr(keras.metrics, name)(**options), getattr(metrics, name)(**options)
    for batch in batches:
        theirs.update_state(*batch)
        ours.update_state(*(None if each is None else cn.tensor(each) for each in batch))
        expected = np.asarray(theirs.result())
        found = ours.result()
        assert found.shape == expected.shape
        assert found.dtype == np.float32
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5, atol=1e-6)
    again = getattr(metrics, name)(**options)
    again.load_state_dict(ours.state_dict())
    np.testing.assert_array_equal(again.result().numpy(), ours.result().numpy())
    theirs.reset_state()
    ours.reset_state()
    if not options.get("multi_label") and name not in ("R2Score", "FBetaScore", "F1Score"):
        np.testing.assert_allclose(ours.result().numpy(), np.asarray(theirs.result()), atol=1e-6)
    config = ours.get_config()
    assert type(ours).from_config(config).get_config() == config
    expected_config = theirs.get_config()
    ignored = {"dtype", "name"} | ({"label_weights"} if name == "AUC" else set())
    assert {k: config[k] for k in expected_config if k not in ignored and k != "fn"} == {
        k: v for k, v in expected_config.items() if k not in ignored and k != "fn"
    }


@pytest.mark.parametrize(("name", "options", "true", "pred"), CASES, ids=IDS)
def test_batches(name: str, options: dict[str, Any], true: Any, pred: Any) -> None:
    both(name, options, *zip(true, pred, strict=True))


@pytest.mark.parametrize(("name", "options", "true", "pred"), CASES, ids=IDS)
def test_weights(name: str, options: dict[str, Any], true: Any, pred: Any) -> None:
    if name.endswith("IoU"):
        if pred[0].shape != (N,) and name != "OneHotIoU":
            pytest.skip("Keras takes one weight a label here")
        weights = [np.arange(N, dtype="int32")] * BATCHES
        if options.get("dtype"):
            weights = [np.arange(N, dtype="float32") / 3] * BATCHES
    else:
        weights = [each[: len(pred[0])] for each in FOR_SAMPLES]
    if pred[0].ndim > 2 and name.endswith(("IoU", "Score")):
        pytest.skip("Keras takes two dimensions here")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        both(name, options, *zip(true, pred, weights, strict=True))


@pytest.mark.parametrize("name", ["MeanSquaredError", "BinaryCrossentropy"])
def test_weights_of_columns(name: str) -> None:
    both(name, {}, *zip(BITS, P, [each[:, None] for each in FOR_SAMPLES], strict=True))


def test_weights_of_places() -> None:
    for name, options in (("SparseCategoricalAccuracy", {}), ("SparseCategoricalCrossentropy", {})):
        weights = [rng.random((2, 3, 3)).astype("float32") for _ in range(BATCHES)]
        both(name, options, *zip(IMAGE_LABELS, IMAGES, weights, strict=True))
        both(name, options, *zip(IMAGE_LABELS, IMAGES, [w[:, 0, 0] for w in weights], strict=True))


@pytest.mark.parametrize("name", ["Mean", "Sum"])
def test_mean_and_sum(name: str) -> None:
    for batches in (
        [(np.float32(2.5),), (np.float32(1),)],
        [(np.arange(4.0),), (np.arange(3.0), np.array([0.5, 1, 0]))],
        [(np.arange(12.0).reshape(3, 4),), (np.arange(12.0).reshape(3, 4), np.arange(3.0))],
        [(np.arange(12.0).reshape(3, 4), np.arange(12.0).reshape(3, 4))],
    ):
        theirs, ours = getattr(keras.metrics, name)(), getattr(metrics, name)()
        for batch in batches:
            theirs.update_state(*batch)
            ours.update_state(*batch)
            np.testing.assert_allclose(float(ours.result()), float(theirs.result()), rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "true", "pred"),
    [
        ("binary_accuracy", BITS[0], P[0]),
        ("categorical_accuracy", ONE_HOT[0], P[0]),
        ("sparse_categorical_accuracy", LABELS[0], P[0]),
        ("sparse_categorical_accuracy", LABELS[0][:, None], P[0]),
        ("top_k_categorical_accuracy", ONE_HOT[0], P[0]),
        ("sparse_top_k_categorical_accuracy", IMAGE_LABELS[0], IMAGES[0]),
        ("mean_squared_error", OTHER[0], REAL[0]),
        ("poisson", P[0], P[1]),
    ],
)
def test_functions(name: str, true: Any, pred: Any) -> None:
    expected = getattr(keras.metrics, name)(true, pred)
    found = getattr(metrics, name)(cn.tensor(true), cn.tensor(pred))
    assert found.shape == tuple(expected.shape)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-6)


def test_names() -> None:
    public = {name for name in vars(keras.metrics) if not name.startswith("_")}
    assert {name for name in public if not hasattr(metrics, name)} == set()


@pytest.mark.parametrize("name", ["accuracy", "acc", "mse", "MAE", "AUC", "KLDivergence"])
def test_names_in_compile(name: str) -> None:
    from keras.src.trainers.compile_utils import get_metric

    for true, pred in ((LABELS[0], P[0]), (ONE_HOT[0], P[0]), (BITS[0][:, :1], P[0][:, :1])):
        theirs = get_metric(name, tf.constant(true), tf.constant(pred))
        ours = metrics.resolve(name, cn.tensor(true), cn.tensor(pred))
        assert ours.name == theirs.name
        if name != "mse":
            assert type(ours).__name__ == type(theirs).__name__
