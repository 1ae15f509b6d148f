"""Losses and their gradients beside those of Keras 3 on TensorFlow, where it is installed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import cygnet as cn
from cygnet.keras import losses

keras = pytest.importorskip("keras", reason="Keras, the reference, is not installed")
tf = pytest.importorskip("tensorflow", reason="Keras runs on TensorFlow, which is not installed")

rng = np.random.default_rng(5)
REAL = rng.standard_normal((6, 4)).astype("float32")
OTHER = rng.standard_normal((6, 4)).astype("float32")
P = rng.random((6, 4)).astype("float32")
P[0] = [0, 1, 0.5, 1e-9]
SHARES = P / P.sum(1, keepdims=True)
BITS = (rng.random((6, 4)) > 0.5).astype("float32")
LABELS = rng.integers(0, 4, 6)
ONE_HOT = np.eye(4, dtype="float32")[LABELS]
SOFT = rng.dirichlet(np.ones(4), 6).astype("float32")
IMAGE = rng.standard_normal((2, 3, 3, 4)).astype("float32")
IMAGE_LABELS = rng.integers(0, 4, (2, 3, 3))
SEQUENCE = rng.standard_normal((3, 7, 5)).astype("float32")
WORDS = np.array([[1, 2, 2], [3, 0, 0], [4, 1, 0]])

LOGITS = {"from_logits": True}
CASES: list[tuple[str, dict[str, Any], np.ndarray, np.ndarray]] = [
    ("MeanSquaredError", {}, OTHER, REAL),
    ("MeanSquaredError", {}, OTHER[:, 0], REAL[:, :1]),
    ("MeanSquaredError", {}, OTHER[:, 0], REAL[:, 0]),
    ("MeanSquaredError", {}, IMAGE[..., :1], IMAGE[..., 1]),
    ("MeanAbsoluteError", {}, OTHER, REAL),
    ("MeanAbsoluteError", {}, LABELS, REAL[:, :1]),
    ("MeanAbsolutePercentageError", {}, OTHER * BITS, REAL),
    ("MeanSquaredLogarithmicError", {}, OTHER, REAL),
    ("CosineSimilarity", {}, OTHER, REAL),
    ("CosineSimilarity", {"axis": 0}, OTHER, REAL),
    ("Huber", {}, OTHER, REAL),
    ("Huber", {"delta": 0.3}, OTHER, REAL),
    ("LogCosh", {}, OTHER, 3 * REAL),
    ("Hinge", {}, BITS, REAL),
    ("Hinge", {}, 2 * BITS - 1, REAL),
    ("Hinge", {}, OTHER, REAL),
    ("SquaredHinge", {}, BITS, REAL),
    ("CategoricalHinge", {}, ONE_HOT, REAL),
    ("KLDivergence", {}, SOFT, SHARES),
    ("Poisson", {}, 3 * P, P + 0.1),
    ("BinaryCrossentropy", {}, BITS, P),
    ("BinaryCrossentropy", {}, LABELS % 2, P[:, :1]),
    ("BinaryCrossentropy", LOGITS, BITS, REAL),
    ("BinaryCrossentropy", {"label_smoothing": 0.2}, BITS, P),
    ("BinaryCrossentropy", {"label_smoothing": 0.2, **LOGITS}, BITS, REAL),
    ("BinaryCrossentropy", {"axis": 0}, BITS, P),
    ("BinaryFocalCrossentropy", {}, BITS, P),
    ("BinaryFocalCrossentropy", {"apply_class_balancing": True, "alpha": 0.4}, BITS, P),
    ("BinaryFocalCrossentropy", {"gamma": 3.0, "label_smoothing": 0.1, **LOGITS}, BITS, REAL),
    ("CategoricalCrossentropy", {}, ONE_HOT, SHARES),
    ("CategoricalCrossentropy", {}, ONE_HOT.astype("int32"), P),
    ("CategoricalCrossentropy", LOGITS, SOFT, REAL),
    ("CategoricalCrossentropy", {"label_smoothing": 0.1, **LOGITS}, ONE_HOT, REAL),
    ("CategoricalCrossentropy", {"label_smoothing": 0.1}, ONE_HOT, SHARES),
    ("CategoricalCrossentropy", {"axis": 1, **LOGITS}, IMAGE * 0 + 1 / 3, IMAGE),
    ("CategoricalFocalCrossentropy", {}, ONE_HOT, SHARES),
    ("CategoricalFocalCrossentropy", {"alpha": 0.5, "gamma": 1.5}, ONE_HOT, P),
    ("CategoricalFocalCrossentropy", {"label_smoothing": 0.1, **LOGITS}, ONE_HOT, REAL),
    ("CategoricalGeneralizedCrossEntropy", {"q": 0.7}, LABELS, SHARES + 0.01),
    ("SparseCategoricalCrossentropy", {}, LABELS, SHARES),
    ("SparseCategoricalCrossentropy", {}, LABELS.astype("float32"), P),
    ("SparseCategoricalCrossentropy", {}, LABELS[:, None].astype("uint8"), SHARES),
    ("SparseCategoricalCrossentropy", LOGITS, LABELS, REAL),
    ("SparseCategoricalCrossentropy", LOGITS, IMAGE_LABELS, IMAGE),
    ("SparseCategoricalCrossentropy", LOGITS, IMAGE_LABELS[..., None], IMAGE),
    ("SparseCategoricalCrossentropy", {"ignore_class": 2, **LOGITS}, LABELS, REAL),
    ("SparseCategoricalCrossentropy", {"ignore_class": -1}, LABELS * 0 - 1, SHARES),
    ("CTC", {}, WORDS, SEQUENCE),
    ("Dice", {}, BITS, P),
    ("Dice", {"axis": 1}, BITS, P),
    ("Tversky", {"alpha": 0.3, "beta": 0.7}, BITS, P),
    ("Tversky", {"axis": (1,)}, BITS, P),
]
IDS = [f"{name} {options} {true.shape} {true.dtype}" for name, options, true, _ in CASES]


def both(
    name: str, options: dict[str, Any], true: Any, pred: Any, weight: Any = None, grad: bool = True
) -> None:
    """The loss and its gradient are Keras's."""
    theirs_in = tf.Variable(pred)
    with tf.GradientTape() as tape:
        theirs = getattr(keras.losses, name)(**options)(true, theirs_in, weight)
    x = cn.tensor(pred, requires_grad=True)
    ours = getattr(losses, name)(**options)(cn.tensor(true), x, weight)
    np.testing.assert_allclose(ours.detach().numpy(), theirs.numpy(), rtol=1e-5, atol=1e-6)
    assert ours.shape == tuple(theirs.shape)
    if grad:
        expected = tape.gradient(theirs, theirs_in).numpy()
        (ours.sum() if ours.ndim else ours).backward()
        scale = max(1.0, np.abs(expected).max())
        np.testing.assert_allclose(x.grad.numpy(), expected, rtol=1e-5, atol=2e-6 * scale)


@pytest.mark.parametrize(("name", "options", "true", "pred"), CASES, ids=IDS)
def test_mean_and_gradient(name: str, options: dict[str, Any], true: Any, pred: Any) -> None:
    both(name, options, true, pred)


@pytest.mark.parametrize(("name", "options", "true", "pred"), CASES, ids=IDS)
def test_losses_of_samples(name: str, options: dict[str, Any], true: Any, pred: Any) -> None:
    both(name, {**options, "reduction": None}, true, pred)


@pytest.mark.parametrize("reduction", ["sum", "mean", "mean_with_sample_weight", "none"])
@pytest.mark.parametrize(
    ("name", "options", "true", "pred"),
    [
        ("MeanSquaredError", {}, OTHER, REAL),
        ("SparseCategoricalCrossentropy", {}, LABELS, SHARES),
        ("SparseCategoricalCrossentropy", {"ignore_class": 2, **LOGITS}, LABELS, REAL),
        ("CategoricalCrossentropy", LOGITS, IMAGE * 0 + 0.25, IMAGE),
        ("Dice", {"axis": 1}, BITS, P),
    ],
)
def test_reductions_and_weights(
    name: str, options: dict[str, Any], true: Any, pred: Any, reduction: str
) -> None:
    options = {**options, "reduction": reduction}
    both(name, options, true, pred)
    both(name, options, true, pred, np.float32(0.3))
    if true.ndim < 3:
        weights = rng.random(6).astype("float32")
        both(name, options, true, pred, weights)
        both(name, options, true, pred, weights[:, None])
        both(name, options, true, pred, 0 * weights, grad=reduction != "none")


def test_masks() -> None:
    mask = np.array([1, 0, 1, 1, 0, 0], bool)
    weight = rng.random(6).astype("float32")
    for reduction in ("sum_over_batch_size", "sum", "mean_with_sample_weight", "none"):
        for each in (None, weight):
            for kept in (mask, mask & False):
                pred = tf.constant(SHARES)
                pred._keras_mask = tf.constant(kept)
                options = {"reduction": reduction}
                theirs = keras.losses.SparseCategoricalCrossentropy(**options)(LABELS, pred, each)
                ours = losses.SparseCategoricalCrossentropy(**options)(
                    LABELS, SHARES, each, mask=kept
                )
                np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-5, atol=1e-6)


FUNCTIONS = [
    name
    for name, value in vars(keras.losses).items()
    if callable(value) and name.islower() and name not in ("circle", "get", "serialize")
    and name != "deserialize"
]  # fmt: skip


def test_names() -> None:
    classes = {n for n, value in vars(keras.losses).items() if isinstance(value, type)}
    assert {n for n in classes if not hasattr(losses, n)} == {"Circle"}
    assert {n for n in FUNCTIONS if not hasattr(losses, n)} == set()
    for name in classes - {"Circle", "Loss"}:
        theirs, ours = getattr(keras.losses, name)(), getattr(losses, name)()
        expected = theirs.get_config()
        assert {key: ours.get_config()[key] for key in expected} == expected
