"""Losses by Keras's names against NumPy; beside Keras itself in test_losses_against_keras."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import cygnet as cn
from cygnet.keras import losses
from cygnet.keras.attached import logits, masks

EPSILON = 1e-7
rng = np.random.default_rng(2)
X, Y = rng.standard_normal((2, 5, 4))
P = 0.05 + 0.9 * rng.random((5, 4))
BITS = (rng.random((5, 4)) > 0.5).astype(float)
LABELS = rng.integers(0, 4, 5)
ONE_HOT = np.eye(4)[LABELS]


def softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def unit(x: np.ndarray) -> np.ndarray:
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def binary(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    return -(y * np.log(p) + (1 - y) * np.log(1 - p))


def focal(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    return (binary(y, p) * (1 - (y * p + (1 - y) * (1 - p))) ** 2).mean(-1)


def shares(p: np.ndarray) -> np.ndarray:
    return p / p.sum(-1, keepdims=True)


def categorical(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    return -(y * np.log(p)).sum(-1)


def of_label(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    return -np.log(np.take_along_axis(p, y.reshape(-1, 1).astype(int), 1))[:, 0]


Reference = Callable[[Any, Any], Any]
LOGITS = {"from_logits": True}
CASES: list[tuple[str, dict[str, Any], np.ndarray, np.ndarray, Reference]] = [
    ("mean_squared_error", {}, Y, X, lambda y, p: ((y - p) ** 2).mean(-1)),
    ("mean_absolute_error", {}, Y, X, lambda y, p: abs(y - p).mean(-1)),
    (
        "mean_absolute_percentage_error",
        {},
        Y,
        X,
        lambda y, p: 100 * (abs(y - p) / abs(y)).mean(-1),
    ),
    (
        "mean_squared_logarithmic_error",
        {},
        P,
        P[::-1],
        lambda y, p: ((np.log(p + 1) - np.log(y + 1)) ** 2).mean(-1),
    ),
    ("cosine_similarity", {}, Y, X, lambda y, p: -(unit(y) * unit(p)).sum(-1)),
    (
        "huber",
        {"delta": 0.7},
        Y,
        X,
        lambda y, p: np.where(
            abs(p - y) <= 0.7, (p - y) ** 2 / 2, 0.7 * abs(p - y) - 0.7**2 / 2
        ).mean(-1),
    ),
    ("log_cosh", {}, Y, X, lambda y, p: np.log(np.cosh(p - y)).mean(-1)),
    ("hinge", {}, BITS, X, lambda y, p: np.maximum(1 - (2 * y - 1) * p, 0).mean(-1)),
    ("hinge", {}, 2 * BITS - 1, X, lambda y, p: np.maximum(1 - y * p, 0).mean(-1)),
    ("squared_hinge", {}, BITS, X, lambda y, p: (np.maximum(1 - (2 * y - 1) * p, 0) ** 2).mean(-1)),
    (
        "categorical_hinge",
        {},
        ONE_HOT,
        X,
        lambda y, p: np.maximum(((1 - y) * p).max(-1) - (y * p).sum(-1) + 1, 0),
    ),
    ("kl_divergence", {}, P, P[::-1], lambda y, p: (y * np.log(y / p)).sum(-1)),
    ("poisson", {}, 3 * P, P[::-1], lambda y, p: (p - y * np.log(p + EPSILON)).mean(-1)),
    ("binary_crossentropy", {}, BITS, P, lambda y, p: binary(y, p).mean(-1)),
    ("binary_crossentropy", LOGITS, BITS, X, lambda y, x: binary(y, sigmoid(x)).mean(-1)),
    (
        "binary_crossentropy",
        {"label_smoothing": 0.2},
        BITS,
        P,
        lambda y, p: binary(0.8 * y + 0.1, p).mean(-1),
    ),
    ("binary_focal_crossentropy", {}, BITS, P, focal),
    ("binary_focal_crossentropy", LOGITS, BITS, X, lambda y, x: focal(y, sigmoid(x))),
    (
        "binary_focal_crossentropy",
        {"apply_class_balancing": True, "gamma": 0.0},
        BITS,
        P,
        lambda y, p: (np.where(y, 0.25, 0.75) * binary(y, p)).mean(-1),
    ),
    ("categorical_crossentropy", {}, ONE_HOT, P, lambda y, p: categorical(y, shares(p))),
    ("categorical_crossentropy", LOGITS, ONE_HOT, X, lambda y, x: categorical(y, softmax(x))),
    (
        "categorical_crossentropy",
        {"label_smoothing": 0.1, **LOGITS},
        ONE_HOT,
        X,
        lambda y, x: categorical(0.9 * y + 0.1 / 4, softmax(x)),
    ),
    (
        "categorical_focal_crossentropy",
        {"gamma": 1.0},
        ONE_HOT,
        P,
        lambda y, p: -(0.25 * (1 - shares(p)) * y * np.log(shares(p))).sum(-1),
    ),
    (
        "categorical_generalized_cross_entropy",
        {"q": 0.6},
        LABELS,
        P,
        lambda y, p: (1 - np.exp(-0.6 * of_label(y, p))) / 0.6,
    ),
    ("sparse_categorical_crossentropy", {}, LABELS, P, lambda y, p: of_label(y, shares(p))),
    (
        "sparse_categorical_crossentropy",
        LOGITS,
        LABELS[:, None],
        X,
        lambda y, x: of_label(y, softmax(x)),
    ),
    (
        "sparse_categorical_crossentropy",
        {"ignore_class": 3, **LOGITS},
        LABELS,
        X,
        lambda y, x: np.where(y == 3, 0, of_label(y, softmax(x))),
    ),
    (
        "dice",
        {"axis": 1},
        BITS,
        P,
        lambda y, p: 1 - 2 * (y * p).sum(1) / (y.sum(1) + p.sum(1) + EPSILON),
    ),
    (
        "tversky",
        {"alpha": 0.2, "beta": 0.6, "axis": 1},
        BITS,
        P,
        lambda y, p: 1
        - (y * p).sum(1)
        / (
            (y * p).sum(1)
            + 0.2 * (y * (1 - p)).sum(1)
            + 0.6 * ((1 - y) * p).sum(1)
            + EPSILON
        ),
    ),
]  # fmt: skip
WRAPPERS = (losses.Loss, losses.LossFunctionWrapper)
CLASS_OF = {
    kind().fn: kind
    for kind in vars(losses).values()
    if isinstance(kind, type) and issubclass(kind, losses.Loss) and kind not in WRAPPERS
}


@pytest.mark.parametrize(("name", "options", "true", "pred", "reference"), CASES)
def test_losses_of_samples(
    name: str, options: dict[str, Any], true: Any, pred: Any, reference: Reference
) -> None:
    function = getattr(losses, name)
    expected = reference(true, pred)
    found = function(cn.tensor(true), cn.tensor(pred), **options)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(function(true, pred, **options).numpy(), expected, rtol=1e-6)
    loss = CLASS_OF[function](**options)
    if options.get("ignore_class") is None:
        np.testing.assert_allclose(loss(true, cn.tensor(pred)).item(), expected.mean(), rtol=1e-6)
        of_arrays = loss(true.tolist(), pred.tolist())
        assert of_arrays.dtype == np.float32
        np.testing.assert_allclose(of_arrays.item(), expected.mean(), rtol=1e-5)


@pytest.mark.parametrize(("name", "options", "true", "pred", "reference"), CASES)
def test_gradients(
    name: str, options: dict[str, Any], true: Any, pred: Any, reference: Reference
) -> None:
    for reduction in ("sum", "mean"):
        x = cn.tensor(pred, requires_grad=True)
        loss = CLASS_OF[getattr(losses, name)](**options, reduction=reduction)
        loss(cn.tensor(true), x).backward()
        expected = np.zeros_like(pred)
        for place in np.ndindex(pred.shape):
            step = np.zeros_like(pred)
            step[place] = 1e-6
            up, down = (reference(true, pred + each).sum() for each in (step, -step))
            expected[place] = (up - down) / 2e-6
        if reduction == "mean":
            expected /= (
                (true != options.get("ignore_class")).sum() if "ignore_class" in options else 5
            )
        np.testing.assert_allclose(x.grad.numpy(), expected, rtol=1e-5, atol=1e-6)


def test_probabilities_are_clipped_as_in_keras() -> None:
    p = cn.tensor([[0.0, 1.0, 0.0]], dtype="float64", requires_grad=True)
    loss = losses.SparseCategoricalCrossentropy()([0], p)
    clipped = np.array([EPSILON, 1 - EPSILON, EPSILON])
    assert loss.item() == pytest.approx(-np.log(EPSILON / clipped.sum()))
    loss.backward()
    assert p.grad.numpy().tolist() == [[0, 0, 0]]
    assert losses.binary_crossentropy([[1.0, 0.0]], [[0.0, 1.0]]).item() < 17


def test_known_logits_are_used() -> None:
    x = cn.tensor([[-500.0, 500.0, 0.0]], requires_grad=True)
    p = logits.attach(cn.softmax(x, 1), x)
    losses.SparseCategoricalCrossentropy()([0], p).backward()
    np.testing.assert_allclose(x.grad.numpy(), [[-1, 1, 0]])
    assert losses.categorical_crossentropy([[1, 0, 0]], p).numpy().tolist() == [1000]
    q = logits.attach(cn.sigmoid(x), x)
    assert losses.BinaryCrossentropy()([[1, 1, 1]], q).item() == pytest.approx(500 / 3, rel=1e-2)


def test_ctc() -> None:
    scores = rng.standard_normal((2, 6, 4))
    found = losses.CTC(reduction=None)([[1, 2, 0], [3, 0, 0]], cn.tensor(scores))
    expected = [
        cn.nn.functional.ctc_loss(
            cn.log_softmax(cn.tensor(scores[i : i + 1]), -1).transpose(0, 1),
            cn.tensor([labels]),
            [6],
            [len(labels)],
            reduction="sum",
        ).item()
        for i, labels in enumerate(([1, 2], [3]))
    ]
    np.testing.assert_allclose(found.numpy(), expected)


def test_reductions_weights_and_masks() -> None:
    each = ((Y - X) ** 2).mean(-1)
    w = np.array([0.0, 1, 2, 0.5, 3])
    mask = np.array([True, False, True, True, False])

    def loss(reduction: Any, **options: Any) -> Any:
        return losses.MeanSquaredError(reduction)(Y, cn.tensor(X), **options).numpy()

    np.testing.assert_allclose(loss("none"), each)
    np.testing.assert_allclose(loss(None, sample_weight=w), w * each)
    np.testing.assert_allclose(loss("sum", sample_weight=w), (w * each).sum())
    np.testing.assert_allclose(loss("mean", sample_weight=w[:, None]), (w * each).mean())
    np.testing.assert_allclose(
        loss("mean_with_sample_weight", sample_weight=w), (w * each).sum() / w.sum()
    )
    assert loss("mean_with_sample_weight", sample_weight=0 * w) == 0
    np.testing.assert_allclose(loss("mean", mask=mask), each[mask].mean())
    np.testing.assert_allclose(loss("sum", mask=mask), each[mask].sum())
    np.testing.assert_allclose(
        loss("mean", mask=mask, sample_weight=w), (w * each)[mask].sum() / mask.sum()
    )
    assert loss("mean", mask=mask & False) == 0
    x = masks.attach(cn.tensor(X), cn.tensor(mask))
    np.testing.assert_allclose(losses.MeanSquaredError()(Y, x).item(), each[mask].mean())
    ignoring = losses.SparseCategoricalCrossentropy(ignore_class=3, from_logits=True)
    expected = of_label(LABELS, softmax(X))
    np.testing.assert_allclose(ignoring(LABELS, cn.tensor(X)).item(), expected[LABELS != 3].mean())
    np.testing.assert_allclose(
        ignoring(LABELS, cn.tensor(X), mask=mask).item(), expected[mask & (LABELS != 3)].mean()
    )


def test_types() -> None:
    for dtype in ("uint8", "int32", "int64", "float32", "float64", "bool"):
        labels = (LABELS % 2).astype(dtype)
        found = losses.SparseCategoricalCrossentropy(from_logits=True)(labels, cn.tensor(X))
        assert found.dtype == np.float64
        assert found.item() == pytest.approx(of_label(LABELS % 2, softmax(X)).mean())
    assert losses.MeanSquaredError(dtype="float64")(Y, X.astype("float32")).dtype == np.float64
    assert losses.MeanSquaredError(dtype="float32")(Y, cn.tensor(X)).dtype == np.float32
    images = rng.standard_normal((2, 3, 3, 4))
    found = losses.sparse_categorical_crossentropy(np.ones((2, 3, 3)), images, from_logits=True)
    assert found.shape == (2, 3, 3)
    empty = losses.MeanSquaredError()(np.zeros((0, 3)), np.zeros((0, 3)))
    assert empty.shape in ((0,), ())


def test_functions_of_users() -> None:
    def squares(y_true: Any, y_pred: Any) -> Any:
        return (y_true - y_pred) ** 2

    loss = losses.LossFunctionWrapper(squares, name="mine")
    assert loss.name == "mine"
    assert loss(cn.tensor(Y), cn.tensor(X)).item() == pytest.approx(((Y - X) ** 2).mean())

    class Mine(losses.Loss):
        def call(self, y_true: Any, y_pred: Any) -> Any:
            return abs(y_true - y_pred)

    assert Mine(reduction="sum").name == "mine"
    found = Mine(reduction="sum")(cn.tensor(Y), cn.tensor(X))
    assert found.item() == pytest.approx(abs(Y - X).sum())
    with pytest.raises(NotImplementedError, match="Loss must define call"):
        losses.Loss()(Y, X)


def test_lookup() -> None:
    assert losses.get("mse") is losses.get("MSE") is losses.mean_squared_error
    assert isinstance(losses.get("MeanSquaredError"), losses.MeanSquaredError)
    assert isinstance(losses.get(losses.Huber), losses.Huber)
    assert losses.get(None) is None
    huber = losses.get({"class_name": "Huber", "config": {"delta": 3.0}})
    assert huber.delta == 3.0
    for kind in CLASS_OF.values():
        loss = kind(reduction="sum", name="other")
        again = losses.deserialize(losses.serialize(loss))
        assert type(again) is kind
        assert again.get_config() == loss.get_config()
    assert losses.serialize(losses.log_cosh) == "log_cosh"
    assert losses.deserialize("log_cosh") is losses.log_cosh
    wrapped = losses.LossFunctionWrapper(losses.huber, delta=2.0)
    again = losses.LossFunctionWrapper.from_config(wrapped.get_config())
    assert again(Y, X).item() == losses.Huber(2.0)(Y, X).item()
    assert "delta=2.0" in repr(losses.Huber(2.0))
    with pytest.raises(ValueError, match="'sparse_categorical_crossentropy'"):
        losses.get("sparse_categorical_crosentropy")


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (
            lambda: losses.SparseCategoricalCrossentropy()([0, 4], P[:2]),
            IndexError,
            "sparse_categorical_crossentropy: labels has 4 at position 1, expected 0 <= label < 4",
        ),
        (
            lambda: losses.SparseCategoricalCrossentropy()([0, -100], P[:2]),
            IndexError,
            "labels has -100",
        ),
        (
            lambda: losses.SparseCategoricalCrossentropy()(ONE_HOT, P),
            ValueError,
            "y_true has shape (5, 4), y_pred has (5, 4), whose labels have (5,) or (5, 1); for "
            "one-hot targets there is categorical_crossentropy",
        ),
        (
            lambda: losses.CategoricalCrossentropy()(LABELS, P),
            ValueError,
            "for labels instead of one-hot targets there is sparse_categorical_crossentropy",
        ),
        (
            lambda: losses.MeanSquaredError()(Y[:3], X),
            ValueError,
            "mean_squared_error: y_true has shape (3, 4), y_pred has (5, 4)",
        ),
        (
            lambda: losses.SparseCategoricalCrossentropy(axis=0)(LABELS, P),
            ValueError,
            "argument axis expected -1, got 0",
        ),
        (lambda: losses.MeanSquaredError("average"), ValueError, "reduction is 'average'"),
        (lambda: losses.CTC()(LABELS, P), ValueError, "ctc: expected y_true (N, L)"),
        (
            lambda: losses.CategoricalGeneralizedCrossEntropy(2.0),
            ValueError,
            "argument q expected 0 < q < 1, got 2.0",
        ),
        (
            lambda: losses.categorical_crossentropy(ONE_HOT, P, axis=True),
            TypeError,
            "argument axis expected an int",
        ),
        (lambda: losses.get(3), ValueError, "got 3"),
    ],
)
def test_bad_arguments(call: Any, error: Any, text: str) -> None:
    with pytest.raises(error) as caught:
        call()
    assert text in str(caught.value)
