"""compile, fit, evaluate and predict."""

import numpy as np
import pytest

import cygnet as cn
from cygnet import keras
from cygnet.keras import layers
from tests import traces

GENERATOR = np.random.default_rng(5)
X = GENERATOR.standard_normal((64, 6)).astype(np.float32)
LABELS = (X[:, 0] > 0).astype(np.int64) + (X[:, 1] > 0)
Y = (X @ np.arange(6)).astype(np.float32)[:, None]


def classifier(**options):
    cn.manual_seed(3)
    model = keras.Sequential(
        [
            layers.Dense(8, activation="relu", input_shape=(6,)),
            layers.Dense(3, activation="softmax"),
        ]
    )
    options = {"loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]} | options
    model.compile(options.pop("optimizer", "adam"), **options)
    return model


def regressor(**options):
    cn.manual_seed(3)
    model = keras.Sequential([layers.Dense(1, input_shape=(6,))])
    model.compile(options.pop("optimizer", "sgd"), options.pop("loss", "mse"), **options)
    return model


def weights_after(model, *args, **options):
    cn.manual_seed(4)
    model.fit(*args, verbose=0, **options)
    return model.get_weights()


def assert_same(first, second):
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)


# What Keras calls, and with which logs: tests/traces.py


def traced():
    model = keras.Sequential([layers.Dense(1, input_shape=(2,))])
    model.compile(keras.optimizers.SGD(0.1), "mse", metrics=["mae"])
    model.set_weights([traces.KERNEL, traces.BIAS])
    return model


@pytest.mark.filterwarnings("ignore:fit. the data ended")  # of STEPS; Keras warns as well
@pytest.mark.parametrize(
    ("table", "stop_at", "options"),
    [
        (traces.FIT, None, {"epochs": 2}),
        (traces.STOPPED, ("on_train_batch_end", 1), {"epochs": 3, "initial_epoch": 1}),
        (traces.STEPS, None, {"epochs": 3, "steps_per_epoch": 2, "validation_freq": 2}),
    ],
    ids=["fit", "stopped", "steps"],
)
def test_calls_and_logs_of_fit_are_those_of_keras(table, stop_at, options):
    tracing = traces.Tracing(stop_at)
    held_out = (traces.X[:3], traces.Y[:3])
    traced().fit(
        traces.X, traces.Y, batch_size=2, shuffle=False, verbose=0, callbacks=[tracing],
        validation_data=held_out, **options,
    )  # fmt: skip
    tracing.check(table)


def test_calls_and_logs_of_evaluate_are_those_of_keras():
    tracing = traces.Tracing()
    traced().evaluate(traces.X, traces.Y, batch_size=3, verbose=0, callbacks=[tracing])
    tracing.check(traces.EVALUATE)


# Data of every kind


def batches(size=16):
    for start in range(0, 64, size):
        yield X[start : start + size], LABELS[start : start + size]


class Sequence(keras.utils.Sequence):
    def __len__(self):
        return 4

    def __getitem__(self, index):
        return X[index * 16 : index * 16 + 16], LABELS[index * 16 : index * 16 + 16]


@pytest.mark.parametrize(
    "source",
    [
        lambda: (X.astype(np.float64), LABELS.astype(np.uint8)),
        lambda: (X.tolist(), LABELS.tolist()),
        lambda: (cn.tensor(X), cn.tensor(LABELS)),
        lambda: (cn.data.TensorDataset(X, LABELS),),
        lambda: (cn.data.DataLoader(cn.data.TensorDataset(X, LABELS), 16),),
        lambda: (batches(),),
        lambda: (Sequence(),),
        lambda: (cn.tf.data.Dataset.from_tensor_slices((X, LABELS)).batch(16),),
    ],
    ids=["arrays", "lists", "tensors", "dataset", "loader", "generator", "sequence", "tf.data"],
)
def test_every_kind_of_data_gives_the_same_weights(source):
    want = weights_after(classifier(), X, LABELS, batch_size=16, shuffle=False)
    data = source()
    options = {"shuffle": False}
    if len(data) == 2 or isinstance(data[0], cn.data.TensorDataset):
        options["batch_size"] = 16
    assert_same(weights_after(classifier(), *data, **options), want)


def test_pandas():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X)
    want = weights_after(classifier(), X, LABELS, shuffle=False)
    got = weights_after(classifier(), frame, pandas.Series(LABELS), shuffle=False)
    assert_same(got, want)


def test_several_inputs_and_outputs():
    a, b = keras.Input((3,), name="a"), keras.Input((3,), name="b")
    joined = layers.Concatenate()([a, b])
    number = layers.Dense(1, name="number")(joined)
    label = layers.Dense(3, activation="softmax", name="label")(joined)
    model = keras.Model([a, b], [number, label])
    losses = {"number": "mse", "label": "sparse_categorical_crossentropy"}
    model.compile(
        "adam", losses, loss_weights={"number": 0.5, "label": 2.0}, metrics={"label": ["accuracy"]}
    )
    history = model.fit(
        {"a": X[:, :3], "b": X[:, 3:]}, {"number": Y, "label": LABELS}, epochs=2, verbose=0,
        validation_split=0.25,
    ).history  # fmt: skip
    assert set(history) == {
        *("loss", "number_loss", "label_loss", "label_accuracy"),
        *("val_loss", "val_number_loss", "val_label_loss", "val_label_accuracy"),
    }
    for i in range(2):
        total = 0.5 * history["number_loss"][i] + 2 * history["label_loss"][i]
        np.testing.assert_allclose(history["loss"][i], total, rtol=1e-5)
    one, two = model.predict([X[:, :3], X[:, 3:]], verbose=0)
    assert one.shape == (64, 1) and two.shape == (64, 3)
    figures = model.evaluate([X[:, :3], X[:, 3:]], [Y, LABELS], verbose=0, return_dict=True)
    assert figures.keys() == {"loss", "number_loss", "label_loss", "label_accuracy"}


def test_a_dict_of_outputs():
    inputs = keras.Input((6,))
    model = keras.Model(inputs, {"p": layers.Dense(1)(inputs), "q": layers.Dense(2)(inputs)})
    model.compile("sgd", {"p": "mse", "q": "mae"})
    history = model.fit(X, {"q": X[:, :2], "p": Y}, verbose=0).history
    assert set(history) == {"loss", "p_loss", "q_loss"}
    assert model.predict(X, verbose=0)["q"].shape == (64, 2)


# Weights of samples and classes


def test_sample_weight_of_zero_leaves_samples_out():
    weight = np.repeat([1.0, 0.0], 32)
    got = regressor().evaluate(X, Y, sample_weight=weight, batch_size=64, verbose=0)
    half = regressor().evaluate(X[:32], Y[:32], batch_size=32, verbose=0)
    np.testing.assert_allclose(got, half / 2, rtol=1e-5)  # the mean counts all samples, as Keras's


def test_class_weight_is_a_sample_weight():
    by_class = {0: 1.0, 1: 2.0, 2: 0.5}
    by_sample = np.array([by_class[label] for label in LABELS])
    want = weights_after(classifier(), X, LABELS, sample_weight=by_sample)
    assert_same(weights_after(classifier(), X, LABELS, class_weight=by_class), want)
    one_hot = np.eye(3, dtype=np.float32)[LABELS]
    model = classifier(loss="categorical_crossentropy")
    got = weights_after(model, X, one_hot, class_weight=by_class)
    for a, b in zip(got, want, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)
    loader = cn.data.DataLoader(cn.data.TensorDataset(X, LABELS), 32)
    want = weights_after(classifier(), X, LABELS, sample_weight=by_sample, shuffle=False)
    assert_same(weights_after(classifier(), loader, class_weight=by_class), want)


def test_weighted_metrics():
    weight = np.where(LABELS == 1, 3.0, 0.0)
    model = classifier(weighted_metrics=[keras.metrics.SparseCategoricalAccuracy(name="weighted")])
    figures = model.evaluate(X, LABELS, sample_weight=weight, verbose=0, return_dict=True)
    hits = model.predict(X, verbose=0).argmax(1) == LABELS
    np.testing.assert_allclose(figures["accuracy"], hits.mean(), rtol=1e-6)
    np.testing.assert_allclose(figures["weighted"], hits[LABELS == 1].mean(), rtol=1e-6)


# Losses


def test_regularizers_and_add_loss_count():
    class Own(layers.Layer):
        def call(self, x):
            self.add_loss(keras.ops.mean(x) * 0.0 + 7.0)
            return x

    model = keras.Sequential(
        [
            layers.Dense(4, kernel_regularizer=keras.regularizers.l2(0.1), input_shape=(6,)),
            Own(),
            layers.Dense(1, activity_regularizer="l1"),
        ]
    )
    model.compile("sgd", "mse")
    outputs = model.predict(X, verbose=0)
    model(X)
    own = [float(loss) for loss in model.losses]
    kernel = model.weights[0].numpy()
    np.testing.assert_allclose(own[0], 7.0)
    np.testing.assert_allclose(own[2], 0.1 * (kernel**2).sum(), rtol=1e-5)
    mse = ((outputs - Y) ** 2).mean()
    got = model.evaluate(X, Y, batch_size=64, verbose=0)
    np.testing.assert_allclose(got, mse + sum(own), rtol=1e-5)
    before = model.get_weights()
    model.fit(X, Y, verbose=0)
    assert (before[0] != model.get_weights()[0]).any()
    model(X)
    assert len(model.losses) == 3  # those of the last call alone


def test_constraints_hold_after_each_step():
    model = keras.Sequential(
        [layers.Dense(4, kernel_constraint=keras.constraints.MaxNorm(0.5), input_shape=(6,))]
    )
    model.compile(keras.optimizers.SGD(0.5), "mse")
    model.fit(X, np.ones((64, 4)) * 9, verbose=0)
    assert np.linalg.norm(model.get_weights()[0], axis=0).max() <= 0.5 + 1e-6


def test_functions_as_losses_and_metrics():
    def cubed(y_true, y_pred):
        return keras.ops.mean(keras.ops.abs(y_true - y_pred) ** 3, axis=-1)

    def largest(y_true, y_pred):
        return keras.ops.max(keras.ops.abs(y_true - y_pred))

    model = regressor(loss=cubed, metrics=[largest])
    loss, most = model.evaluate(X, Y, batch_size=64, verbose=0)
    error = abs(model.predict(X, verbose=0) - Y)
    np.testing.assert_allclose([loss, most], [(error**3).mean(), error.max()], rtol=1e-5)


def test_a_metric_of_one_number_beside_a_mask():
    def largest(y_true, y_pred):
        return keras.ops.max(keras.ops.abs(y_true - y_pred))

    tokens = np.array([[1, 2, 0], [3, 0, 0]])
    model = keras.Sequential([layers.Embedding(5, 4, mask_zero=True), layers.Dense(1)])
    model.compile("sgd", "mse", metrics=[largest])
    _, most = model.evaluate(tokens, np.zeros((2, 3, 1)), verbose=0)
    np.testing.assert_allclose(most, abs(model.predict(tokens, verbose=0)).max(), rtol=1e-6)


# Steps of one's own


class OwnStep(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(1)
        self.tracker = keras.metrics.Mean(name="mine")

    def call(self, x):
        return self.dense(x)

    @property
    def metrics(self):
        return [self.tracker]

    def train_step(self, data):
        x, y = data
        with cn.tf.GradientTape() as tape:
            loss = keras.losses.MeanSquaredError()(y, self(x, training=True))
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
        self.tracker.update_state(loss)
        return {"mine": self.tracker.result()}


class Keras3Step(OwnStep):
    metrics = keras.Model.metrics

    def train_step(self, data):
        x, y = data
        with cn.tf.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compute_loss(y=y, y_pred=y_pred)
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply(gradients, self.trainable_variables)
        for metric in self.metrics:
            if metric.name in ("loss", "mine"):
                metric.update_state(loss)
            else:
                metric.update_state(y, y_pred)
        return {metric.name: metric.result() for metric in self.metrics}


class Keras2Step(Keras3Step):
    def train_step(self, data):
        x, y = data
        with cn.tf.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compiled_loss(y, y_pred, regularization_losses=self.losses)
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
        self.compiled_metrics.update_state(y, y_pred)
        return {metric.name: metric.result() for metric in self.metrics}


@pytest.mark.parametrize("kind", [Keras3Step, Keras2Step])
def test_train_steps_as_the_guides_write_them(kind):
    cn.manual_seed(3)
    model = kind()
    model.compile("sgd", "mse", metrics=["mae"])
    history = model.fit(X, Y, batch_size=16, epochs=2, verbose=0).history
    cn.manual_seed(3)
    plain = keras.Sequential([layers.Dense(1)])
    plain.compile("sgd", "mse", metrics=["mae"])
    want = plain.fit(X, Y, batch_size=16, epochs=2, verbose=0).history
    np.testing.assert_allclose(history["loss"], want["loss"], rtol=1e-6)
    np.testing.assert_allclose(history["mae"][1:], want["mae"][1:], rtol=1e-6)


def test_two_networks_that_train_each_other():
    """A generative adversarial network, with the `compile` and `train_step` of the guide."""

    class Adversaries(keras.Model):
        def __init__(self, discriminator, generator, size):
            super().__init__()
            self.discriminator, self.generator, self.size = discriminator, generator, size

        def compile(self, d_optimizer, g_optimizer, loss_fn):
            super().compile()
            self.d_optimizer, self.g_optimizer, self.loss_fn = d_optimizer, g_optimizer, loss_fn

        def train_step(self, real):
            tf = cn.tf
            noise = tf.random.normal((tf.shape(real)[0], self.size))
            samples = tf.concat([self.generator(noise), real], axis=0)
            labels = tf.concat([tf.ones((len(real), 1)), tf.zeros((len(real), 1))], axis=0)
            with tf.GradientTape() as tape:
                d_loss = self.loss_fn(labels, self.discriminator(samples))
            grads = tape.gradient(d_loss, self.discriminator.trainable_weights)
            self.d_optimizer.apply_gradients(
                zip(grads, self.discriminator.trainable_weights, strict=True)
            )
            with tf.GradientTape() as tape:
                judged = self.discriminator(self.generator(noise))
                g_loss = self.loss_fn(tf.zeros((len(real), 1)), judged)
            grads = tape.gradient(g_loss, self.generator.trainable_weights)
            self.g_optimizer.apply_gradients(
                zip(grads, self.generator.trainable_weights, strict=True)
            )
            return {"d_loss": d_loss, "g_loss": g_loss}

    cn.manual_seed(0)
    discriminator = keras.Sequential([layers.Dense(16, activation="tanh"), layers.Dense(1)])
    generator = keras.Sequential([layers.Dense(2, input_shape=(4,))])
    gan = Adversaries(discriminator, generator, 4)
    gan.compile(
        keras.optimizers.Adam(0.01),
        keras.optimizers.Adam(0.01),
        keras.losses.BinaryCrossentropy(from_logits=True),
    )
    real = (GENERATOR.standard_normal((512, 2)) * 0.1 + [3.0, -2.0]).astype(np.float32)
    before = generator.get_weights()
    history = gan.fit(real, batch_size=32, epochs=12, verbose=0).history
    assert set(history) == {"d_loss", "g_loss"} and np.isfinite(history["g_loss"]).all()
    made = generator.predict(np.random.default_rng(1).standard_normal((200, 4)), verbose=0)
    assert (before[1] != generator.get_weights()[1]).all()
    assert np.linalg.norm(made.mean(0) - [3, -2]) < 2.5  # from (0, 0), which is 3.6 away


def test_a_train_step_of_ones_own():
    cn.manual_seed(3)
    model = OwnStep()
    model.compile(keras.optimizers.SGD(0.05))
    history = model.fit(X, Y, batch_size=16, epochs=5, verbose=0).history
    assert list(history) == ["mine"] and history["mine"][-1] < history["mine"][0] / 10


def test_a_compute_loss_of_ones_own():
    class Weighted(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(1)

        def call(self, x):
            return self.dense(x)

        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            return keras.ops.mean((y - y_pred) ** 2) * 10

    model = Weighted()
    model.compile("sgd")
    before = model.predict(X, verbose=0)
    history = model.fit(X, Y, batch_size=64, verbose=0).history
    np.testing.assert_allclose(history["loss"][0], 10 * ((before - Y) ** 2).mean(), rtol=1e-5)


def test_train_on_batch_and_its_kin():
    model = classifier()
    first = model.train_on_batch(X, LABELS)
    assert len(first) == 2 and model.metrics_names == ["loss", "accuracy"]
    for _ in range(50):
        model.train_on_batch(X, LABELS)
    model.reset_metrics()
    loss, accuracy = model.test_on_batch(X, LABELS)
    assert loss < first[0] and 0 <= accuracy <= 1
    assert model.predict_on_batch(X).shape == (64, 3)
    assert model.test_on_batch(X, LABELS, return_dict=True).keys() == {"loss", "accuracy"}


def test_dropout_and_normalization_know_the_mode():
    model = keras.Sequential([layers.Dropout(0.5, input_shape=(6,))])
    np.testing.assert_array_equal(model(X).numpy(), X)
    np.testing.assert_array_equal(model.predict(X, verbose=0), X)
    assert (model(X, training=True).numpy() == 0).any()

    seen = []

    class Seeing(layers.Layer):
        def call(self, x, training=None):
            seen.append(training)
            return x

    model = keras.Sequential([Seeing(), layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(X, Y, batch_size=64, validation_data=(X, Y), verbose=0)
    assert seen[-2:] == [True, False]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: classifier().fit(X, LABELS[:5]), ValueError, "x has 64, y has 5"),
        (lambda: classifier().fit(X[:0], LABELS[:0]), ValueError, "empty"),
        (lambda: classifier().fit(X, LABELS + 1, verbose=0), (ValueError, IndexError), "3"),
        (lambda: classifier(loss="sparse_categorical_crosentropy"), ValueError, "sparse_categorical_crossentropy"),
        (lambda: classifier(optimizer="adm"), ValueError, "adam"),
        (lambda: classifier(metrics=["acuracy"]), ValueError, "accuracy"),
        (lambda: classifier().fit(X, LABELS, validation_data=(X[:, :5], LABELS), verbose=0), ValueError, r"expected shape \(None, 6\), got"),
        (lambda: classifier().fit(X, LABELS, validation_data=(X, LABELS[:3]), verbose=0), ValueError, "validation_data.*x has 64, y has 3"),
        (lambda: classifier().fit(X, LABELS, batch_size=0), ValueError, "batch_size"),
        (lambda: classifier().fit(X, LABELS, validation_split=1.5), ValueError, "validation_split"),
        (lambda: classifier().fit(X, LABELS, epoch=3), TypeError, "epoch"),
        (lambda: classifier().fit(batches(), LABELS), ValueError, "expected None"),
        (lambda: classifier().fit(X, LABELS, class_weight=[1, 2]), TypeError, "class_weight expected a dict"),
        (lambda: classifier().fit(X, verbose=0), ValueError, "y"),
        (lambda: regressor(loss={"nobody": "mse"}).fit(X, Y, verbose=0), ValueError, "nobody"),
        (lambda: classifier().fit(3, 4), (TypeError, ValueError), "x"),
    ],
)  # fmt: skip
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_nan_ends_training_if_asked():
    class Bad(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 1:
                self.model.layers[0].kernel.assign(np.full((6, 1), np.nan))

    model = regressor()
    callbacks = [Bad(), keras.callbacks.TerminateOnNaN()]
    history = model.fit(X, Y, batch_size=8, epochs=5, verbose=0, callbacks=callbacks)
    assert len(history.epoch) == 1 and np.isnan(history.history["loss"][0])


@pytest.mark.parametrize("after", [4, 7, 10])
def test_a_run_that_was_killed_goes_on(tmp_path, after):
    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.count = getattr(self, "count", 0) + 1
            if self.count == after:
                raise KeyboardInterrupt

    def model():
        cn.manual_seed(3)
        net = keras.Sequential(
            [
                layers.Dense(8, activation="relu"),
                layers.Dropout(0.3),
                layers.Dense(3, activation="softmax"),
            ]
        )
        net.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        return net

    options = {"batch_size": 8, "epochs": 4, "verbose": 0, "validation_split": 0.25}
    whole = model()
    history = whole.fit(X, LABELS, **options).history
    with pytest.raises(KeyboardInterrupt):
        model().fit(X, LABELS, resume=tmp_path, save_freq=3, callbacks=[Stop()], **options)
    cn.manual_seed(77)
    again = model()
    cn.manual_seed(99)
    resumed = again.fit(X, LABELS, resume=tmp_path, save_freq=3, **options).history
    assert resumed == history
    assert_same(again.get_weights(), whole.get_weights())


@pytest.mark.parametrize("metric", ["accuracy", keras.metrics.F1Score()], ids=str)
def test_figures_of_a_run_that_was_killed_after_the_last_batch_of_an_epoch(tmp_path, metric):
    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise KeyboardInterrupt

    def fit(folder, *callbacks):
        net = classifier(loss="categorical_crossentropy", metrics=[metric])
        one_hot = np.eye(3, dtype=np.float32)[LABELS]
        options = {"batch_size": 8, "epochs": 2, "shuffle": False, "verbose": 0}
        history = net.fit(
            X, one_hot, resume=folder, save_freq=1, callbacks=list(callbacks), **options
        )
        return repr(history.history)

    whole = fit(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        fit(tmp_path / "part", Stop())
    assert fit(tmp_path / "part") == whole
