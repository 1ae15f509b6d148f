"""What programs of every day do with models, tapes and files."""

import numpy as np
import pytest

import cygnet as cn
import cygnet.tf as tf
from cygnet import keras
from cygnet.keras import layers

X = np.linspace(-1, 1, 24, dtype=np.float32).reshape(8, 3)
Y = X.sum(1, keepdims=True)


# Tapes and variables


def test_two_tapes_share_a_graph():
    v = tf.Variable([3.0])
    with tf.GradientTape() as a, tf.GradientTape() as b:
        h = v * 2.0
        first, second = h * h, h * h * h + v
    assert a.gradient(first, v).item() == 24 and b.gradient(second, v).item() == 217


def test_a_graph_that_is_freed_is_an_error_and_no_part_of_a_gradient():
    v = cn.tensor([3.0], requires_grad=True)
    h = v * 2
    cn.autograd.grad((h * h).sum(), v)
    with pytest.raises(RuntimeError, match="used before"):
        cn.autograd.grad((h * h * h).sum() + v.sum(), v)


def test_kept_values_of_variables_do_not_change():
    v, kept = tf.Variable(1.0), []
    for _ in range(3):
        kept.append(v.numpy())
        v.assign_add(1.0)
    assert kept == [1, 2, 3]


# Layers in containers


class Held(keras.Model):
    def __init__(self):
        super().__init__()
        self._blocks = [layers.Dense(4)]
        self.groups = [[layers.Dense(4)]]
        self.named = {"a": [layers.Dense(4)]}
        self.scales = [tf.Variable(1.0), tf.Variable(2.0)]

    def call(self, x):
        x = self.groups[0][0](self._blocks[0](x)) * self.scales[0]
        return self.named["a"][0](x) * self.scales[1]


def test_layers_and_variables_in_containers_are_found_trained_and_saved(tmp_path):
    model = Held()
    model.compile("sgd", "mse")
    model(X)
    assert len(model.trainable_weights) == 8
    before = model.get_weights()
    model.fit(X, np.ones((8, 4)), verbose=0)
    assert all((a != b).any() for a, b in zip(before, model.get_weights(), strict=True))
    model.save_weights(tmp_path / "w")
    other = Held()
    other(X)
    other.load_weights(tmp_path / "w")
    np.testing.assert_array_equal(other(X).numpy(), model(X).numpy())


def test_asking_for_shapes_leaves_no_trace_in_statistics():
    inputs = keras.Input((4,))
    inner = keras.Model(inputs, layers.BatchNormalization()(inputs))
    inner(keras.Input((4,)), training=True)
    assert (inner.non_trainable_weights[1].numpy() == 1).all()

    class Own(layers.Layer):
        def __init__(self):
            super().__init__()
            self.norm = layers.BatchNormalization()

        def call(self, x, training=None):
            return self.norm(x, training=training)

    own = Own()
    own(keras.Input((4,)), training=True)
    assert (own.norm.moving_variance.numpy() == 1).all()


def test_models_of_images_of_any_size_are_layers():
    inputs = keras.Input((None, None, 3))
    inner = keras.Model(inputs, layers.Conv2D(2, 3)(inputs))
    assert inner(keras.Input((None, None, 3))).shape == (None, None, None, 2)
    assert inner(keras.Input((10, 8, 3))).shape == (None, 8, 6, 2)
    assert inner.compute_output_shape((None, 10, 8, 3)) == (None, 8, 6, 2)


# Optimizers


def test_an_optimizer_of_other_weights_is_an_error():
    optimizer = keras.optimizers.Adam()
    first = keras.Sequential([keras.Input((3,)), layers.Dense(1)])
    first.compile(optimizer, "mse")
    first.fit(X, Y, verbose=0)
    second = keras.Sequential([first, layers.Dense(1)])
    second.compile(optimizer, "mse")
    with pytest.raises(ValueError, match="built for other weights"):
        second.fit(X, Y, verbose=0)
    with pytest.raises(ValueError, match="built for other weights"):
        second.train_on_batch(X, Y)


def test_steps_can_be_counted_anew():
    v = keras.Variable(np.zeros(1, np.float32))
    used = keras.optimizers.Adam(0.1, jit_compile=True)
    for _ in range(50):
        used.apply_gradients([(cn.ones(1), v)])
    used.iterations = 0
    v.assign([0.0])
    used.apply_gradients([(cn.tensor([-3.0]), v)])
    np.testing.assert_allclose(v.numpy(), -0.0783, atol=1e-4)  # Keras's formula at step 1


def test_the_discriminator_of_an_old_adversarial_program_is_trained():
    discriminator = keras.Sequential([layers.Dense(1, input_shape=(2,))])
    discriminator.compile("sgd", "mse")
    discriminator.trainable = False
    generator = keras.Sequential([layers.Dense(2, input_shape=(3,))])
    gan = keras.Sequential([generator, discriminator])
    gan.compile("sgd", "mse")
    before = discriminator.get_weights()[0]
    gan.train_on_batch(X, np.ones((8, 1)))
    np.testing.assert_array_equal(discriminator.get_weights()[0], before)
    discriminator.train_on_batch(np.ones((4, 2)), np.full((4, 1), 9.0))
    assert (discriminator.get_weights()[0] != before).any()


def test_a_model_without_trainable_weights_says_so():
    model = keras.Sequential([layers.Dense(1, input_shape=(3,), trainable=False)])
    model.compile("sgd", "mse")
    with pytest.warns(UserWarning, match="no trainable weights"):
        model.fit(X, Y, verbose=0)


# Data


def test_the_batch_size_of_an_input_is_no_bound():
    model = keras.Sequential([keras.Input((3,), batch_size=3), layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(X, Y, batch_size=3, verbose=0)  # the last one has two
    model = keras.Sequential([layers.Dense(1)])
    model.build((1, 3))
    assert model(X).shape == (8, 1)


def test_structures_and_rows_of_numbers():
    rows = tf.data.Dataset.from_tensor_slices((X, {"p": Y, "q": X}))
    x, y = next(iter(rows.batch(2)))
    assert x.shape == (2, 3) and y["q"].shape == (2, 3)
    model = keras.Sequential([layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit([(0, 0), (0, 1), (1, 0), (1, 1)], [0, 1, 1, 0], verbose=0)
    labels = tf.data.Dataset.from_generator(lambda: iter([(np.ones(3), 1), (np.ones(3), 0)]))
    assert next(iter(labels.batch(2)))[1].shape == (2,)


def test_several_inputs_in_one_batch():
    a, b = keras.Input((3,)), keras.Input((3,))
    model = keras.Model([a, b], layers.Add()([a, b]))
    np.testing.assert_array_equal(model.predict_on_batch([X, X]), 2 * X)


def test_weights_of_samples_in_a_column():
    labels, weight = np.array([0, 1] * 4), np.arange(8.0)

    def loss(weights):
        cn.manual_seed(0)
        model = keras.Sequential([layers.Dense(2, activation="softmax", input_shape=(3,))])
        model.compile("sgd", "sparse_categorical_crossentropy")
        return model.train_on_batch(X, labels, weights, class_weight={0: 1.0, 1: 3.0})

    assert loss(weight) == loss(weight[:, None])


def test_a_generator_goes_on_after_a_kill(tmp_path):
    def batches():
        while True:
            rows = np.random.randint(0, 8, 4)  # noqa: NPY002
            yield X[rows], Y[rows]

    class Stop(keras.callbacks.Callback):
        count = 0

        def on_train_batch_end(self, batch, logs=None):
            self.count += 1
            if self.count == 6:
                raise KeyboardInterrupt

    def run(callbacks, **options):
        cn.manual_seed(1)
        np.random.seed(1)  # noqa: NPY002
        model = keras.Sequential([layers.Dense(1, input_shape=(3,))])
        model.compile("sgd", "mse")
        options |= {"steps_per_epoch": 4, "epochs": 3, "verbose": 0}
        return model.fit(batches(), callbacks=callbacks, **options).history

    whole = run([])
    with pytest.raises(KeyboardInterrupt):
        run([Stop()], resume=tmp_path, save_freq=1)
    assert run([], resume=tmp_path, save_freq=1) == whole


def test_resuming_needs_weights(tmp_path):
    model = keras.Sequential([layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="give it an Input, or build it"):
        model.fit(iter([(X, Y)]), resume=tmp_path, verbose=0)


# Files


def my_loss(y_true, y_pred):
    return keras.ops.mean(keras.ops.square(y_true - y_pred), -1)


def test_functions_of_the_program_are_named(tmp_path):
    model = keras.Sequential([keras.Input((3,)), layers.Dense(1)])
    model.compile("sgd", my_loss)
    checkpoint = keras.callbacks.ModelCheckpoint(tmp_path / "c.keras", monitor="loss")
    model.fit(X, Y, verbose=0, callbacks=[checkpoint])
    with pytest.raises(ValueError, match="'my_loss'"):
        keras.models.load_model(tmp_path / "c.keras")
    read = keras.models.load_model(tmp_path / "c.keras", custom_objects={"my_loss": my_loss})
    assert read.evaluate(X, Y, verbose=0) == model.evaluate(X, Y, verbose=0)
    model.compile("sgd", lambda a, b: my_loss(a, b))
    with pytest.warns(UserWarning, match="how it is compiled"):
        model.save(tmp_path / "l.keras")
    assert not keras.models.load_model(tmp_path / "l.keras").compiled


class Scale(layers.Layer):
    def __init__(self, units=4):
        super().__init__()
        self.dense = layers.Dense(units)

    def call(self, x):
        return self.dense(x) * 2


class Plain(keras.Model):
    def __init__(self, units=2):
        super().__init__()
        self.dense = Scale(units)

    def call(self, x):
        return self.dense(x)


class Graph(keras.Model):
    def __init__(self, units=3, **kwargs):
        inputs = keras.Input((3,))
        super().__init__(inputs, layers.Dense(units)(inputs), **kwargs)


class Stack(keras.Sequential):
    def __init__(self, units=3):
        super().__init__([Scale(units)])
        self.build((None, 3))


@pytest.mark.parametrize("kind", [Plain, Graph, Stack])
def test_subclasses_are_read(kind, tmp_path):
    model = kind(5)
    model(X)
    model.save(tmp_path / "m.keras")
    read = keras.models.load_model(
        tmp_path / "m.keras", custom_objects={each.__name__: each for each in (kind, Scale)}
    )
    assert type(read) is kind and read.name == model.name
    np.testing.assert_array_equal(read(X).numpy(), model(X).numpy())


def test_a_class_registered_under_another_name(tmp_path):
    @keras.saving.register_keras_serializable(package="P", name="other")
    class Doubling(layers.Layer):
        def call(self, x):
            return x * 2

    keras.Sequential([Doubling(input_shape=(3,))]).save(tmp_path / "m.keras")
    read = keras.models.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(read.predict(X, verbose=0), 2 * X)


def test_numbers_of_numpy_and_images_of_bytes():
    assert layers.LSTM(np.int64(3)).units == 3
    assert layers.Dropout(np.float32(0.25)).rate == 0.25
    assert layers.MaxPooling2D()(np.ones((1, 4, 4, 3), np.uint8)).shape == (1, 2, 2, 3)
    assert layers.GlobalAveragePooling2D()(np.ones((1, 4, 4, 3), np.uint8)).shape == (1, 3)
    focal = keras.losses.CategoricalFocalCrossentropy(alpha=[0.1, 0.2, 0.3])
    assert float(focal(np.eye(3, dtype=np.float32), np.full((3, 3), 0.3, np.float32))) > 0
    with pytest.raises(ValueError, match="t_mul"):
        keras.optimizers.schedules.CosineDecayRestarts(0.1, 10, t_mul=0.5)


@pytest.mark.parametrize(
    ("options", "want"),
    [
        ({}, [[-1.3416408] * 3, [-0.4472136] * 3]),
        (
            {"axis": None},
            [[-1.593255, -1.3035723, -1.0138896], [-0.7242068, -0.4345241, -0.14484136]],
        ),
    ],
)
def test_normalization_by_data(options, want, tmp_path):
    data = np.arange(12.0).reshape(4, 3)
    layer = keras.layers.Normalization(**options)
    layer.adapt(data)
    x = np.arange(6.0).reshape(2, 3)
    np.testing.assert_allclose(layer(x).numpy(), want, rtol=1e-5)  # Keras's numbers
    by_batches = keras.layers.Normalization(**options)
    by_batches.adapt(tf.data.Dataset.from_tensor_slices(data).batch(3))
    np.testing.assert_allclose(by_batches(x).numpy(), want, rtol=1e-5)
    assert layer.count.item() == (12 if options else 4)
    model = keras.Sequential([keras.Input((3,)), layer])
    model.save(tmp_path / "m.keras")
    read = keras.models.load_model(tmp_path / "m.keras")
    np.testing.assert_allclose(read.predict(x, verbose=0), want, rtol=1e-5)


def test_normalization_by_given_statistics():
    x = np.arange(6.0).reshape(2, 3)
    layer = keras.layers.Normalization(mean=3.0, variance=2.0)
    np.testing.assert_allclose(layer(x).numpy(), (x - 3) / np.sqrt(2), rtol=1e-6)
    back = keras.layers.Normalization(mean=3.0, variance=2.0, invert=True)
    np.testing.assert_allclose(back(layer(x)).numpy(), x, atol=1e-5)
    with pytest.raises(RuntimeError, match="are given"):
        layer.adapt(x)
    with pytest.raises(ValueError, match="both"):
        keras.layers.Normalization(mean=3.0)


def test_bases_stand_at_the_top():
    assert keras.Loss is keras.losses.Loss and keras.Metric is keras.metrics.Metric
    assert issubclass(keras.optimizers.Adam, keras.Optimizer)
