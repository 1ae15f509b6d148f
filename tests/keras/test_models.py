"""Models: how they are made, called, listed, saved and read."""

import json

import numpy as np
import pytest

import cygnet as cn
from cygnet import keras
from cygnet.keras import layers
from cygnet.kernels import ShapeError

X = np.linspace(-1, 1, 24, dtype=np.float32).reshape(4, 6)


def sequential(**options):
    return keras.Sequential(
        [layers.Dense(5, activation="tanh", input_shape=(6,)), layers.Dense(3)], **options
    )


def branched():
    """Two inputs, a shared layer, two outputs."""
    a, b = keras.Input((6,), name="a"), keras.Input((6,), name="b")
    shared = layers.Dense(4, activation="relu", name="shared")
    joined = layers.Concatenate(name="joined")([shared(a), shared(b)])
    one = layers.Dense(1, name="one")(joined)
    two = layers.Dense(2, name="two")(shared(a) - shared(b))
    return keras.Model([a, b], [one, two])


class Residual(keras.Model):
    def __init__(self, units=6, depth=2, **kwargs):
        super().__init__(**kwargs)
        self.blocks = [layers.Dense(units, activation="relu") for _ in range(depth)]
        self.head = {"last": layers.Dense(2)}

    def call(self, x):
        for block in self.blocks:
            x = x + block(x)
        return self.head["last"](x)


def test_sequential_of_known_inputs_has_weights_at_once():
    model = sequential()
    assert [w.shape for w in model.weights] == [(6, 5), (5,), (5, 3), (3,)]
    assert model.count_params() == 6 * 5 + 5 + 5 * 3 + 3
    assert model.input_shape == (None, 6) and model.output_shape == (None, 3)
    want = np.tanh(X @ model.weights[0].numpy()) @ model.weights[2].numpy()
    np.testing.assert_allclose(model(X).numpy(), want, atol=1e-6)


def test_sequential_without_them_builds_at_the_first_call():
    model = keras.Sequential()
    model.add(layers.Dense(5))
    model.add(layers.Dense(3))
    assert not model.built and model.weights == []
    with pytest.raises(ValueError, match="no weights"):
        model.summary()
    assert model(X).shape == (4, 3)
    assert model.built and model.output_shape == (None, 3)


def test_build_with_a_shape():
    model = keras.Sequential([layers.Dense(5), layers.Dense(3)])
    model.build((None, 7))
    assert model.weights[0].shape == (7, 5)
    net = Residual()
    net.build((None, 6))
    assert len(net.weights) == 6


def test_layers_can_be_taken_away():
    model = sequential()
    taken = model.pop()
    assert taken.units == 3 and model.output_shape == (None, 5)
    model.add(layers.Dense(2))
    assert model.predict(X, verbose=0).shape == (4, 2)


def test_graph_with_several_inputs_and_outputs():
    model = branched()
    one, two = model([X, -X])
    assert one.shape == (4, 1) and two.shape == (4, 2)
    by_name = model({"b": -X, "a": X})
    np.testing.assert_array_equal(one.numpy(), by_name[0].numpy())
    assert model.input_names == ["a", "b"] and model.output_names == ["one", "two"]
    assert len(model.get_layer("shared").weights) == 2 and len(model.weights) == 6
    kernel, bias = model.get_layer("shared").get_weights()
    difference = np.maximum(X @ kernel + bias, 0) - np.maximum(-X @ kernel + bias, 0)
    want = difference @ model.get_layer("two").get_weights()[0]
    np.testing.assert_allclose(two.numpy(), want, atol=1e-6)


def test_features_of_an_inner_layer():
    model = sequential()
    features = keras.Model(model.input, model.layers[0].output)
    np.testing.assert_allclose(model.layers[1](features(X)).numpy(), model(X).numpy(), atol=1e-6)


def test_models_are_layers():
    inner = sequential(name="inner")
    inputs = keras.Input((6,))
    model = keras.Model(inputs, layers.Dense(2)(inner(inputs)))
    assert model(X).shape == (4, 2) and len(model.weights) == 6
    stacked = keras.Sequential([inner, layers.Dense(2)])
    assert stacked(X).shape == (4, 2)


def test_subclass_finds_layers_in_lists_and_dicts():
    model = Residual()
    assert model(X).shape == (4, 2)
    assert len(model.weights) == 6 and len(model.layers) == 3


def test_freezing():
    model = sequential()
    model.layers[0].trainable = False
    assert len(model.trainable_weights) == 2 and len(model.non_trainable_weights) == 2
    model.compile("sgd", "mse")
    before = model.get_weights()
    model.fit(X, np.ones((4, 3)), verbose=0)
    after = model.get_weights()
    np.testing.assert_array_equal(before[0], after[0])
    assert (before[2] != after[2]).any()
    model.trainable = False
    assert model.trainable_weights == []


def test_weights_are_taken_over_whole_or_not_at_all():
    model, other = sequential(), sequential()
    other.set_weights(model.get_weights())
    np.testing.assert_array_equal(model(X).numpy(), other(X).numpy())
    before = other.get_weights()
    with pytest.raises(ValueError, match="has 4 weights, got 3"):
        other.set_weights(before[:3])
    with pytest.raises(ValueError, match=r"has shape \(3,\), got \(4,\)"):
        other.set_weights([before[0] * 0, before[1], before[2], np.zeros(4)])
    np.testing.assert_array_equal(other.get_weights()[0], before[0])


@pytest.mark.parametrize("make", [sequential, branched, Residual])
def test_saving_a_model(make, tmp_path):
    model = make()
    data = [X, -X] if make is branched else X
    model(data)
    model.compile("adam", "mse", metrics=[["mae"], []] if make is branched else ["mae"])
    targets = (
        [np.ones((4, 1)), np.ones((4, 2))] if make is branched else np.ones((4, model(X).shape[1]))
    )
    model.fit(data, targets, epochs=2, verbose=0)
    path = tmp_path / "model.keras"
    model.save(path)
    custom = {"Residual": Residual}
    read = keras.models.load_model(path, custom_objects=custom)
    for mine, theirs in zip(model.get_weights(), read.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    # They go on alike: the optimizer's state was saved as well.
    cn.manual_seed(1)
    first = model.fit(data, targets, epochs=2, verbose=0).history
    cn.manual_seed(1)
    assert read.fit(data, targets, epochs=2, verbose=0).history == first
    assert keras.models.load_model(path, custom, compile=False).optimizer is None


def test_the_file_holds_no_code(tmp_path):
    path = tmp_path / "model.keras"
    sequential().save(path)
    with pytest.raises(FileExistsError):
        sequential().save(path, overwrite=False)
    from safetensors import safe_open

    with safe_open(path, "numpy") as file:
        assert json.loads(file.metadata()["cygnet"])
        assert any("dense" in key for key in file.keys()) or file.keys()  # noqa: SIM118
    inputs = keras.Input((6,))
    model = keras.Model(inputs, layers.Lambda(lambda x: x * 2)(inputs))
    with pytest.raises(TypeError, match="no code"):
        model.save(path)


def test_registered_functions_are_saved_by_name(tmp_path):
    @keras.saving.register_keras_serializable()
    def twice(x):
        return x * 2

    inputs = keras.Input((6,))
    model = keras.Model(inputs, layers.Lambda(twice)(inputs))
    model.save(tmp_path / "m.keras")
    read = keras.models.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(read.predict(X, verbose=0), X * 2)


def test_json_and_copies():
    model = branched()
    text = model.to_json()
    again = keras.models.model_from_json(text)
    assert again.to_json() == text
    again.set_weights(model.get_weights())
    np.testing.assert_array_equal(again([X, -X])[0].numpy(), model([X, -X])[0].numpy())
    copy = keras.models.clone_model(model)
    assert [w.shape for w in copy.weights] == [w.shape for w in model.weights]
    assert (copy.get_weights()[0] != model.get_weights()[0]).any()


def test_weights_alone(tmp_path):
    model, other = sequential(), sequential()
    path = tmp_path / "w.weights.h5"
    model.save_weights(path)
    other.load_weights(path)
    np.testing.assert_array_equal(model(X).numpy(), other(X).numpy())
    with pytest.raises(ValueError, match="weights alone"):
        keras.models.load_model(path)
    longer = keras.Sequential(
        [layers.Dense(5, input_shape=(6,)), layers.Dense(4), layers.LayerNormalization()]
    )
    with pytest.raises(ValueError, match="does not fit") as error:
        longer.load_weights(path)
    message = str(error.value)
    assert "missing keys: layer_normalization.gamma" in message
    assert "dense_1.kernel has shape (5, 3), expected (5, 4)" in message
    longer.load_weights(path, skip_mismatch=True)
    np.testing.assert_array_equal(longer.get_weights()[0], model.get_weights()[0])
    with pytest.raises(ValueError, match="unexpected keys: dense_1"):
        keras.Sequential([layers.Dense(5, input_shape=(6,))]).load_weights(path)


def test_summary(capsys):
    branched().summary()
    text = capsys.readouterr().out
    assert "joined (Concatenate)" in text and "shared, shared" in text
    assert "Total params: 47" in text  # 28 of shared, 9 of one, 10 of two
    lines = []
    sequential(name="small").summary(print_fn=lines.append, show_trainable=True)
    assert 'Model: "small"' in lines[0] and "(None, 5)" in lines[0] and "yes" in lines[0]


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: sequential()(np.zeros((2, 5))), ShapeError, r"expected shape \(None, 6\), got \(2, 5\)"),
        (lambda: keras.Sequential()(X), ValueError, "no layers"),
        (lambda: keras.Sequential([3]), TypeError, "expected a layer, got int"),
        (lambda: keras.Sequential(layers.Dense(2)), TypeError, "list of layers"),
        (lambda: keras.Sequential([layers.Dense(2, name="a"), layers.Dense(2, name="a")]), ValueError, "'a' already"),
        (lambda: keras.Model(keras.Input((2,)), keras.Input((2,)) + 1), ValueError, "none of the inputs"),
        (lambda: keras.Model(X, X), TypeError, "KerasTensors"),
        (lambda: keras.Model(keras.Input((2,))), TypeError, "both"),
        (lambda: branched()({"a": X}), ValueError, "lack b"),
        (lambda: branched()([X]), ValueError, "expected 2 inputs"),
        (lambda: keras.Model()(X), NotImplementedError, "define call"),
        (lambda: layers.Dense(2, unit=3), TypeError, "unknown argument 'unit'"),
        (lambda: sequential().get_layer("nobody"), ValueError, "there is no layer 'nobody'; there are dense"),
        (lambda: sequential().fit(X, X), RuntimeError, "compiled first"),
        (lambda: keras.Input(6), TypeError, "tuple"),
        (lambda: keras.models.model_from_json('{"class_name": "Dens", "config": {}}'), ValueError, "no 'Dens' .nearest are 'Dense'"),
        (lambda: keras.models.load_model("nowhere.keras"), FileNotFoundError, "nowhere"),
        (lambda: bool(keras.Input((2,)) > 1), TypeError, "no values"),
        (lambda: np.sin(keras.Input((2,))), TypeError, "no values|keras.ops|ufunc"),
    ],
)  # fmt: skip
def test_bad_input(make, error, message):
    with pytest.raises(error, match=message):
        make()
