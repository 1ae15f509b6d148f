"""Networks as scikit-learn estimators."""

from __future__ import annotations

import functools
import pickle
import warnings

import numpy as np
import pytest

import cygnet
from cygnet import keras, nn, optim

pytest.importorskip("sklearn", reason="scikit-learn is not installed")
pytest.importorskip("cloudpickle", reason="cloudpickle is not installed")

from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes, load_digits, load_iris
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from cygnet.sklearn import Classifier, Regressor
from cygnet.train import LambdaCallback

IRIS, SPECIES = load_iris(return_X_y=True)
NAMES = np.array(["setosa", "versicolor", "virginica"])[SPECIES]

_ROUNDING = "float32 rounds otherwise in batches of another size; in float64 the check passes"
EXPECTED = {
    "float64": {
        "check_do_not_raise_errors_in_init_or_set_params": (
            "an unknown argument is an error at once, and the check takes the name of **options "
            "for an argument"
        )
    }
}
EXPECTED["float32"] = EXPECTED["float64"] | {
    "check_sample_weight_equivalence_on_dense_data": _ROUNDING,
    "check_methods_subset_invariance": _ROUNDING,
    "check_methods_sample_order_invariance": _ROUNDING,
}


class Net(nn.Module):
    """One hidden layer, with dropout."""

    def __init__(self, inputs=4, hidden=16, outputs=3):
        super().__init__()
        self.hidden = nn.Linear(inputs, hidden)
        self.dropout = nn.Dropout(0.1)
        self.output = nn.Linear(hidden, outputs)

    def forward(self, x):
        """Logits."""
        return self.output(self.dropout(self.hidden(x).relu()))


def quick(**options):
    return Classifier(**{"epochs": 15, "lr": 0.01, "batch_size": 16, "random_state": 0} | options)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", [Classifier, Regressor])
def test_scikit_learns_own_checks(kind, dtype):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = check_estimator(
            kind(dtype=dtype), expected_failed_checks=EXPECTED[dtype], on_skip=None, on_fail=None
        )
    failed = {
        each["check_name"]: each["exception"] for each in results if each["status"] == "failed"
    }
    assert not failed
    assert len(results) > 50


def test_string_labels_and_probabilities():
    network = quick().fit(IRIS, NAMES)
    assert list(network.classes_) == ["setosa", "versicolor", "virginica"]
    assert network.score(IRIS, NAMES) > 0.9
    shares = network.predict_proba(IRIS)
    assert shares.shape == (150, 3) and shares.dtype == np.float64
    np.testing.assert_allclose(shares.sum(1), 1)
    assert len(network.history_.epoch) == 15
    assert network.n_features_in_ == 4


@pytest.mark.parametrize(
    ("module", "options"),
    [
        (Net, {"module__hidden": 32}),
        (Net(), {}),
        (nn.Linear, {}),  # in_features and out_features come from the data
        (lambda: nn.Sequential(nn.Linear(4, 3), nn.LogSoftmax(1)), {"loss": nn.NLLLoss()}),
        (None, {"module__hidden": (8,), "loss": nn.CrossEntropyLoss, "loss__label_smoothing": 0.1}),
        (None, {"optimizer": optim.SGD, "optimizer__momentum": 0.9}),
        (None, {"optimizer": "RMSprop", "optimizer__alpha": 0.9, "metrics": "accuracy"}),
    ],
)
@pytest.mark.parametrize("weighted", [False, True])
def test_modules_losses_and_optimizers(module, options, weighted):
    network = quick(module=module, **options)
    network.fit(IRIS, NAMES, np.ones(150) if weighted else None)
    assert network.score(IRIS, NAMES) > 0.8
    np.testing.assert_allclose(network.predict_proba(IRIS).sum(1), 1, rtol=1e-6)


@pytest.mark.parametrize("squeeze", [False, True])
@pytest.mark.parametrize("probabilities", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_two_classes_with_one_output(squeeze, probabilities, weighted):
    def make():
        layers = [nn.Linear(4, 1)]
        if probabilities:
            layers.append(nn.Sigmoid())
        if squeeze:
            layers.append(nn.Flatten(0))
        return nn.Sequential(*layers)

    network = quick(module=make, loss=nn.BCELoss if probabilities else None)
    weights = np.ones(100) if weighted else None
    network.fit(IRIS[:100], NAMES[:100], weights)
    assert network.score(IRIS[:100], NAMES[:100]) > 0.95
    assert network.predict_proba(IRIS[:100]).shape == (100, 2)
    assert network.predict_proba(IRIS[:1])[0, 0] > 0.5


def test_images_and_embeddings():
    digits = load_digits()
    images = digits.images[:, None] / 16
    convolution = nn.Sequential(
        nn.Conv2d(1, 8, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(72, 10)
    )
    network = quick(module=convolution, epochs=5).fit(images, digits.target)
    assert network.score(images, digits.target) > 0.9
    with pytest.raises(ValueError, match="shape"):
        network.predict(images[:, :, :-2])

    words = np.random.default_rng(0).integers(0, 20, (300, 5))
    labels = (words == 7).any(1)
    bag = nn.Sequential(nn.EmbeddingBag(20, 8, mode="sum"), nn.Linear(8, 2))
    network = quick(module=bag, dtype="int64", epochs=40).fit(words, labels)
    assert network.score(words, labels) > 0.95
    assert network.predict(words[:3]).dtype == bool


def test_same_random_state_gives_the_same_network_and_leaves_the_generator_alone():
    cygnet.manual_seed(5)
    first = quick(module=Net).fit(IRIS, SPECIES)
    drawn = cygnet.rand(3).numpy()
    cygnet.manual_seed(5)
    np.testing.assert_array_equal(cygnet.rand(3).numpy(), drawn)
    second = quick(module=Net).fit(IRIS, SPECIES)
    np.testing.assert_array_equal(first.predict_proba(IRIS), second.predict_proba(IRIS))
    other = quick(module=Net, random_state=1).fit(IRIS, SPECIES)
    assert (other.predict_proba(IRIS) != first.predict_proba(IRIS)).any()

    free = []
    for _ in range(2):
        cygnet.manual_seed(3)
        free.append(quick(random_state=None).fit(IRIS, SPECIES).predict_proba(IRIS))
    np.testing.assert_array_equal(*free)


def test_a_given_module_is_copied():
    module = Net()
    before = module.output.weight.detach().numpy().copy()
    network = quick(module=module).fit(IRIS, SPECIES)
    np.testing.assert_array_equal(module.output.weight.detach().numpy(), before)
    again = network.predict_proba(IRIS)
    np.testing.assert_array_equal(network.fit(IRIS, SPECIES).predict_proba(IRIS), again)


@pytest.mark.parametrize("weights", ["double", "none"])
def test_sample_weights(weights):
    """A weight of 2 is the sample twice and one of 0 is none, where all are in one batch."""
    rows = np.arange(30)
    chosen, factor = (rows[::3], 2.0) if weights == "double" else (rows[::2], 0.0)
    sample_weight = np.ones(30)
    sample_weight[chosen] = factor
    repeated = np.repeat(rows, sample_weight.astype(int))
    options = {"module": nn.Linear(4, 3), "batch_size": 100, "dtype": "float64"}
    data, labels = IRIS[::5], SPECIES[::5]
    one = quick(**options).fit(data, labels, sample_weight)
    two = quick(**options).fit(data[repeated], labels[repeated])
    np.testing.assert_allclose(one.predict_proba(IRIS), two.predict_proba(IRIS), rtol=1e-6)


def test_partial_fit_and_warm_start():
    network = quick(epochs=3, warm_start=True)
    network.partial_fit(IRIS[:50], NAMES[:50], classes=np.unique(NAMES))
    module, optimizer = network.module_, network.optimizer_
    for _ in range(10):
        network.partial_fit(IRIS[50:], NAMES[50:])
    network.fit(IRIS, NAMES)
    assert network.module_ is module and network.optimizer_ is optimizer
    assert network.score(IRIS, NAMES) > 0.7
    with pytest.raises(ValueError, match="expected those of the first call"):
        network.partial_fit(IRIS, NAMES, classes=["a"])
    with pytest.raises(ValueError, match=r"expected the classes \['setosa' 'versi"):
        network.partial_fit(IRIS[:2], ["setosa", "lily"])
    assert network.set_params(warm_start=False).fit(IRIS, SPECIES).module_ is not module
    assert list(network.classes_) == [0, 1, 2]
    regressor = Regressor(random_state=0).partial_fit(IRIS, IRIS[:, 0])
    assert len(regressor.partial_fit(IRIS, IRIS[:, 0]).history_.epoch) == 1


def test_parameters():
    network = Classifier(Net, lr=0.1, module__hidden=8, optimizer__weight_decay=0.1)
    parameters = network.get_params()
    assert parameters["module__hidden"] == 8 and parameters["lr"] == 0.1
    twin = clone(network).set_params(module__hidden=9, epochs=2)
    assert (twin.module__hidden, twin.optimizer__weight_decay, twin.epochs) == (9, 0.1, 2)
    assert network.module__hidden == 8
    assert "module__hidden=8" in repr(network) and "lr=0.1" in repr(network)
    for call in (lambda: Classifier(epoch=3), lambda: Classifier().set_params(hidden__x=3)):
        with pytest.raises((TypeError, ValueError), match=r"epoch|hidden"):
            call()


def test_pipelines_and_searches():
    scores = cross_val_score(make_pipeline(StandardScaler(), quick()), IRIS, NAMES, cv=3)
    assert scores.mean() > 0.9
    search = GridSearchCV(
        make_pipeline(StandardScaler(), quick(epochs=4)),
        {"classifier__module__hidden": [(1,), (32,)], "classifier__lr": [0.01, 1e-5]},
        cv=3,
        scoring="roc_auc_ovr",
    )
    search.fit(IRIS, SPECIES)
    assert search.best_params_ == {
        "classifier__module__hidden": (32,),
        "classifier__lr": 0.01,
    }


def test_a_search_in_several_processes():
    class Local(nn.Linear):
        """Known in this process only."""

        def __init__(self, width):
            super().__init__(width, 3)

    search = GridSearchCV(quick(module=Local(4), epochs=2), {"lr": [1e-5, 0.1]}, n_jobs=2, cv=2)
    assert search.fit(IRIS, SPECIES).best_params_ == {"lr": 0.1}


def test_data_frames():
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    frame = pandas.DataFrame(IRIS, columns=["sl", "sw", "pl", "pw"])
    network = quick().fit(frame, pandas.Series(NAMES))
    assert list(network.feature_names_in_) == ["sl", "sw", "pl", "pw"]
    assert network.score(frame, pandas.Series(NAMES)) > 0.9
    with pytest.raises(ValueError, match="feature names"):
        network.predict(frame[["sw", "sl", "pl", "pw"]])


@pytest.mark.parametrize("module", [None, Net, Net()])
def test_pickles(module):
    network = quick(module=module).partial_fit(IRIS, NAMES)
    twin = pickle.loads(pickle.dumps(network))
    np.testing.assert_array_equal(twin.predict_proba(IRIS), network.predict_proba(IRIS))
    assert twin.history_.history == network.history_.history
    for each in (network, twin):  # the optimizer still moves the weights, from the same state
        each.partial_fit(IRIS, NAMES)
    np.testing.assert_array_equal(twin.predict_proba(IRIS), network.predict_proba(IRIS))


def test_regression():
    data, target = load_diabetes(return_X_y=True)
    network = make_pipeline(
        StandardScaler(),
        TransformedTargetRegressor(
            Regressor(epochs=20, random_state=0), transformer=StandardScaler()
        ),
    ).fit(data, target)
    assert network.score(data, target) > 0.5

    several = Regressor(epochs=60, lr=0.01, random_state=0).fit(IRIS[:, :2], IRIS[:, 2:])
    assert several.predict(IRIS[:, :2]).shape == (150, 2)
    assert several.score(IRIS[:, :2], IRIS[:, 2:]) > 0.8
    flat = Regressor(lambda: nn.Sequential(nn.Linear(4, 1), nn.Flatten(0)), random_state=0)
    assert flat.fit(IRIS, IRIS[:, 0]).predict(IRIS).shape == (150,)
    weights = np.r_[np.ones(75), np.zeros(75)]
    flat.set_params(epochs=200, lr=0.01).fit(IRIS, np.r_[np.ones(75), np.zeros(75)], weights)
    assert abs(flat.predict(IRIS[:75]) - 1).max() < 0.3


def test_early_stopping():
    network = quick(epochs=300, early_stopping=True, n_iter_no_change=5, validation_fraction=0.2)
    network.fit(IRIS, NAMES, np.ones(150))
    held_out = network.history_.history["val_loss"]
    assert len(held_out) < 300 and min(held_out) < held_out[-1]
    assert network.score(IRIS, NAMES) > 0.9
    epochs = []
    network.set_params(
        early_stopping=False,
        epochs=3,
        callbacks=[LambdaCallback(on_epoch_end=lambda *a: epochs.append(a))],
    )
    network.fit(IRIS, NAMES)
    assert len(epochs) == 3


def keras_model(outputs, activation):
    return keras.Sequential(
        [
            keras.layers.Dense(16, activation="relu"),
            keras.layers.Dense(outputs, activation=activation),
        ]
    )


@pytest.mark.parametrize(
    ("module", "loss"),
    [
        (lambda: keras_model(3, "softmax"), "sparse_categorical_crossentropy"),
        (keras_model(3, "softmax"), "sparse_categorical_crossentropy"),
        (
            lambda: keras_model(3, None),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        ),
        (lambda: keras_model(1, "sigmoid"), "binary_crossentropy"),
        (lambda: keras_model(1, None), keras.losses.BinaryCrossentropy(from_logits=True)),
    ],
)
@pytest.mark.parametrize("weighted", [False, True])
def test_models_of_keras(module, loss, weighted):
    count = 100 if "inary" in str(getattr(loss, "name", loss)) else 150
    data, names = IRIS[:count], NAMES[:count]
    network = quick(module=module, loss=loss).fit(data, names, np.ones(count) if weighted else None)
    assert network.score(data, names) > 0.9
    np.testing.assert_allclose(network.predict_proba(data).sum(1), 1, rtol=1e-6)
    twin = pickle.loads(pickle.dumps(network))
    np.testing.assert_array_equal(twin.predict_proba(data), network.predict_proba(data))
    assert clone(network).fit(data, names).score(data, names) > 0.9


def test_models_of_keras_need_a_loss():
    with pytest.raises(ValueError, match="argument loss is needed for a model of Keras"):
        quick(module=keras_model(3, None)).fit(IRIS, SPECIES)


def test_regression_with_a_functional_model():
    inputs = keras.Input((4,))
    model = keras.Model(inputs, keras.layers.Dense(1)(inputs))
    network = Regressor(model, loss="mse", epochs=100, lr=0.02, random_state=0)
    data, target = StandardScaler().fit_transform(IRIS), IRIS[:, 0] - 5
    assert network.fit(data, target).score(data, target) > 0.99
    twin = pickle.loads(pickle.dumps(network))
    np.testing.assert_array_equal(twin.predict(data), network.predict(data))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda: quick(optimizer="adm"),
            ValueError,
            "unknown optimizer 'adm'; did you mean 'adam'",
        ),
        (lambda: quick(module=3), TypeError, "argument module expected a Module, or a class"),
        (
            lambda: quick(module=lambda: 3),
            TypeError,
            "expected a function that makes a Module, it made",
        ),
        (lambda: quick(module=Net(), module__hidden=3), ValueError, "module__hidden expected a cl"),
        (lambda: quick(loss__weight=None), ValueError, "loss__weight expected a class as loss"),
        (
            lambda: quick(module=Net(outputs=4)),
            ValueError,
            r"expected shape \(N, 3\), a number for",
        ),
        (lambda: Regressor(Net()), ValueError, r"expected shape \(N, 1\).* got \(N, 3\)"),
    ],
)
def test_bad_arguments(make, error, message):
    with pytest.raises(error, match=message):
        make().fit(IRIS, SPECIES)


def test_a_failed_fit_leaves_nothing_fitted():
    network = quick(optimizer="x")
    for fit in (network.fit, network.partial_fit):
        with pytest.raises(ValueError, match="unknown optimizer"):
            fit(IRIS, SPECIES)
    with pytest.raises(NotFittedError):
        network.predict(IRIS)


def test_a_refused_fit_leaves_what_was_fitted():
    network = quick().fit(IRIS, NAMES)
    before = network.predict(IRIS)
    for data, labels, weights in (
        (IRIS[:, :3], np.zeros(150), None),
        (IRIS, SPECIES, -np.ones(150)),
        (IRIS, np.arange(150) % 4, np.ones(149)),
    ):
        with pytest.raises(ValueError, match=r"at least 2 classes|sample_weight"):
            network.fit(data, labels, weights)
        np.testing.assert_array_equal(network.predict(IRIS), before)
    with pytest.raises(ValueError, match="unknown optimizer"):
        network.set_params(optimizer="x").fit(IRIS[:, :3], SPECIES == 0)
    np.testing.assert_array_equal(network.predict(IRIS), before)


def test_a_new_learning_rate_counts_in_a_warm_start():
    network = quick(warm_start=True).fit(IRIS, NAMES)
    (group,) = network.optimizer_.param_groups
    group["lr"] = 0.007  # as a callback does
    network.fit(IRIS, NAMES)
    assert group["lr"] == 0.007
    network.set_params(lr=0.5).partial_fit(IRIS, NAMES)
    assert network.optimizer_.param_groups == [group] and group["lr"] == 0.5


class Own(nn.CrossEntropyLoss):
    """A subclass takes logits as well."""


@pytest.mark.parametrize(
    "loss", [Own, Own(), functools.partial(nn.functional.cross_entropy, label_smoothing=0.1)]
)
def test_logits_are_known_by_kinds_of_losses(loss):
    shares = quick(loss=loss).fit(IRIS, NAMES).predict_proba(IRIS)
    np.testing.assert_allclose(shares.sum(1), 1, rtol=1e-6)


def test_bad_data():
    with pytest.raises(NotFittedError):
        quick().predict(IRIS)
    with pytest.raises(ValueError, match="at least 2 classes, got 1 class"):
        quick().fit(IRIS, np.zeros(150))
    with pytest.raises(ValueError, match="sample_weight has no positive sum"):
        quick().fit(IRIS, SPECIES, -np.ones(150))
    assert quick(loss=nn.functional.cross_entropy).fit(IRIS, SPECIES).score(IRIS, SPECIES) > 0.9
    with pytest.raises(TypeError, match="expected a loss module with reduction='mean'"):
        quick(loss=nn.functional.cross_entropy).fit(IRIS, SPECIES, np.ones(150))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        quick().fit(IRIS, SPECIES[:-1])
    with pytest.raises(ValueError, match="contains NaN"):
        quick().fit(np.full((150, 4), np.nan), SPECIES)
