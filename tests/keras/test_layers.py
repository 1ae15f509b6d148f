"""Layers: shapes without data, configurations, gradients, masks, chance and bad input."""

from __future__ import annotations

import copy
import functools
import json
from typing import Any

import numpy as np
import pytest

import cygnet as cn
from cygnet import keras
from cygnet.keras import layers
from cygnet.kernels import ShapeError
from cygnet.replay import Capture
from tests.keras.layer_rows import ALL, RANDOM, Row


def example(shape: Any, seed: int = 0) -> Any:
    """Random data of a shape, or of several."""
    if isinstance(shape, list):
        return [example(each, seed + i) for i, each in enumerate(shape)]
    return np.random.default_rng(seed).standard_normal(shape).astype("float32")


def tensors(data: Any) -> Any:
    return [cn.tensor(each) for each in data] if isinstance(data, list) else cn.tensor(data)


def without_batch(shape: Any) -> Any:
    if isinstance(shape, list):
        return [without_batch(each) for each in shape]
    return (None, *shape[1:])


def make(row: Row) -> Any:
    return getattr(layers, row.layer)(**row.arguments)


@pytest.mark.parametrize("row", ALL, ids=str)
def test_shapes_without_data_are_those_of_the_results(row):
    data = tensors(example(row.shape))
    shape = make(row)(data).shape
    assert make(row).compute_output_shape(row.shape) == shape
    unknown = make(row).compute_output_shape(without_batch(row.shape))
    assert unknown == (None, *shape[1:])
    inputs = row.shape if isinstance(row.shape, list) else [row.shape]
    symbols = [layers.Input(each[1:]) for each in inputs]
    output = make(row)(symbols if isinstance(row.shape, list) else symbols[0])
    assert output.shape == unknown


@pytest.mark.parametrize("row", ALL, ids=str)
def test_a_layer_made_of_its_configuration_computes_the_same(row):
    layer, data = make(row), tensors(example(row.shape))
    layer(data)
    layer.set_weights([example(w.shape, i) for i, w in enumerate(layer.get_weights())])
    again = type(layer).from_config(json.loads(json.dumps(layer.get_config())))
    assert again.name == layer.name
    again(data)
    again.set_weights(layer.get_weights())
    for training in (False, row not in RANDOM):
        expected = layer(data, training=training).numpy()
        np.testing.assert_array_equal(again(data, training=training).numpy(), expected)


@pytest.mark.parametrize("row", ALL, ids=str)
def test_a_captured_layer_gives_the_same_bits(row):
    def results(wrap: Any) -> list[bytes]:
        keras.utils.set_random_seed(0)
        layer = make(row)
        call = wrap(lambda data, training: layer(data, training=training))
        with cn.no_grad():
            return [
                call(tensors(example(row.shape, 10 * seed)), training).numpy().tobytes()
                for training in (False, True)
                for seed in range(3)
            ]

    assert results(functools.partial(Capture, strict=False)) == results(lambda call: call)


GRADIENTS = [
    Row("Dense", {"units": 3, "activation": "tanh"}, (2, 4)),
    Row("Conv1D", {"filters": 2, "kernel_size": 2, "padding": "causal"}, (2, 5, 3)),
    Row("Conv2D", {"filters": 2, "kernel_size": 2, "strides": 2, "padding": "same"}, (2, 5, 4, 3)),
    Row("Conv2DTranspose", {"filters": 2, "kernel_size": 2, "padding": "same"}, (1, 3, 4, 2)),
    Row("DepthwiseConv2D", {"kernel_size": 2, "depth_multiplier": 2}, (1, 4, 3, 2)),
    Row("SeparableConv1D", {"filters": 2, "kernel_size": 2}, (2, 5, 3)),
    Row("MaxPooling2D", {"pool_size": 2, "strides": 1, "padding": "same"}, (1, 4, 3, 2)),
    Row("AveragePooling2D", {"pool_size": 3, "strides": 2, "padding": "same"}, (1, 4, 5, 2)),
    Row("BatchNormalization", {"axis": 1}, (3, 2, 4)),
    Row("LayerNormalization", {"axis": 1}, (2, 4, 3)),
    Row("PReLU", {"shared_axes": 1, "alpha_initializer": "ones"}, (2, 3, 2)),
    Row("Activation", {"activation": "sparsemax"}, (2, 5)),
    Row("Dot", {"axes": (1, 2), "normalize": True}, [(2, 3, 2), (2, 2, 3)]),
    Row("UpSampling2D", {"interpolation": "bilinear"}, (1, 2, 3, 2)),
]


@pytest.mark.parametrize("row", GRADIENTS, ids=str)
def test_gradients_are_those_of_finite_differences(row):
    layer = getattr(layers, row.layer)(**row.arguments, dtype="float64")
    data = tensors(example(row.shape))
    inputs = [x.double().requires_grad_() for x in (data if isinstance(data, list) else [data])]

    def loss() -> Any:
        outputs = layer(inputs if isinstance(data, list) else inputs[0], training=True)
        weights = np.cos(np.arange(outputs.numel())).reshape(outputs.shape)
        return (outputs * cn.tensor(weights)).sum()

    loss().backward()
    for tensor in [*inputs, *layer.trainable_weights]:
        assert tensor.grad.shape == tensor.shape
        for index in np.ndindex(*tensor.shape):
            with cn.no_grad():
                value = tensor[index].item()
                ends = []
                for moved in (value + 1e-6, value - 1e-6):
                    tensor[index] = moved
                    ends.append(loss().item())
                tensor[index] = value
            slope = (ends[0] - ends[1]) / 2e-6
            assert tensor.grad[index].item() == pytest.approx(slope, abs=1e-6, rel=1e-6)


def test_kernels_lie_in_memory_as_the_core_wants_them():
    layer = layers.Conv2D(8, 3)
    layer(cn.rand(1, 5, 5, 4))
    assert layer.kernel.shape == (3, 3, 4, 8)
    assert layer.kernel.permute(3, 2, 0, 1).is_contiguous()
    layer(cn.rand(1, 5, 5, 4)).sum().backward()
    assert layer.kernel.grad.permute(3, 2, 0, 1).is_contiguous()
    dense = layers.Dense(3)
    dense(cn.rand(2, 4))
    assert dense.kernel.T.is_contiguous()


def test_images_are_never_copied_between_layers():
    x = layers.Conv2D(8, 3, activation="relu")(cn.rand(2, 8, 8, 3))
    pooled = layers.MaxPooling2D()(x)
    flat = layers.Flatten()(pooled)
    assert x.is_contiguous()
    assert np.shares_memory(flat.numpy(), pooled.numpy())


@pytest.mark.parametrize("functional", [False, True])
def test_a_relu_before_a_maximum_pooling_may_be_done_after_it(functional):
    stack = [
        layers.Input((9, 9, 3)),
        layers.Conv2D(4, 3, activation="relu"),
        layers.MaxPooling2D(),
        layers.Conv2D(5, 2, activation="relu", padding="same", name="last"),
        layers.MaxPooling2D(3, 1, "same"),
    ]
    x, tail = cn.tensor(example((2, 9, 9, 3))), stack[1:]
    if functional:
        output = stack[0]
        for layer in tail:
            output = layer(output)
        model = keras.Model(stack[0], output)
    else:
        model = keras.Sequential(stack)
    results = []
    for run in ([model], tail):
        output = functools.reduce(lambda x, layer: layer(x), run, x)
        (output * cn.tensor(example(output.shape))).sum().backward()
        results.append([output, *(weight.grad for weight in model.weights)])
        for weight in model.weights:
            weight.grad = None
    for joined, apart in zip(*results, strict=True):
        np.testing.assert_allclose(joined.numpy(), apart.numpy(), atol=1e-5)
    copied = copy.deepcopy(model)
    model.get_layer("last").activation = "tanh"
    assert model(x).numpy().min() < 0
    np.testing.assert_array_equal(copied(x).numpy(), results[0][0].numpy())
    copied.set_weights([np.zeros_like(weight) for weight in copied.get_weights()])
    assert not copied(x).numpy().any()


@pytest.mark.parametrize("row", RANDOM, ids=str)
def test_layers_are_random_in_training_only_and_follow_their_seed(row):
    x = cn.ones(*row.shape) if "Noise" not in row.layer else cn.zeros(*row.shape)
    layer = make(row)
    assert layer(x) is x
    assert layer(x, training=False) is x
    first, second = layer(x, training=True), layer(x, training=True)
    assert not np.array_equal(first.numpy(), x.numpy())
    assert not np.array_equal(first.numpy(), second.numpy())
    np.testing.assert_array_equal(make(row)(x, training=True).numpy(), first.numpy())
    cn.manual_seed(5)
    unseeded = {name: value for name, value in row.arguments.items() if name != "seed"}
    other = getattr(layers, row.layer)(**unseeded)
    drawn = other(x, training=True).numpy()
    cn.manual_seed(5)
    np.testing.assert_array_equal(other(x, training=True).numpy(), drawn)


def test_random_layers_keep_means_and_drop_whole_channels():
    x = cn.ones(200, 10, 50)
    for layer in (layers.Dropout(0.3), layers.GaussianDropout(0.3), layers.SpatialDropout1D(0.3)):
        assert layer(x, training=True).mean().item() == pytest.approx(1, abs=0.03)
    assert layers.GaussianNoise(0.5)(x, training=True).std().item() == pytest.approx(0.5, abs=0.01)
    dropped = layers.SpatialDropout1D(0.3)(x, training=True).numpy()
    np.testing.assert_array_equal(dropped, np.broadcast_to(dropped[:, :1], dropped.shape))
    wide = cn.randn(500, 100)
    noisy = layers.AlphaDropout(0.3)(wide, training=True)
    assert noisy.mean().item() == pytest.approx(0, abs=0.03)
    assert noisy.std().item() == pytest.approx(1, abs=0.03)
    rows = layers.AlphaDropout(0.5, noise_shape=(None, 1))(cn.zeros(20, 3), training=True).numpy()
    np.testing.assert_array_equal(rows, np.broadcast_to(rows[:, :1], rows.shape))
    assert layers.Dropout(1.0)(x, training=True).numpy().max() == 0


def test_a_fused_activation_may_be_taken_away():
    layer = layers.Dense(3, activation="relu")
    x = cn.randn(20, 4)
    assert layer(x).numpy().min() == 0
    assert layer.activation is keras.activations.relu
    layer.activation = "linear"
    assert layer(x).numpy().min() < 0
    layer.activation = keras.activations.softmax
    np.testing.assert_allclose(layer(x).numpy().sum(1), 1, rtol=1e-6)


def test_activations_of_the_core_and_layers_are_taken():
    x = cn.randn(4, 4)
    for activation in (cn.relu, layers.ReLU(), layers.ReLU, lambda x: x.clamp(min=0)):
        assert layers.Dense(3, activation=activation)(x).numpy().min() >= 0


def test_integers_and_doubles_come_in():
    for layer, shape in (
        (layers.Dense(2), (3, 4)),
        (layers.Conv2D(2, 2), (1, 4, 4, 1)),
        (layers.BatchNormalization(), (3, 4)),
    ):
        for dtype in ("uint8", "int64", "float64", "bool"):
            output = layer(np.ones(shape, dtype))
            assert output.dtype == np.float32
        assert layer(cn.ones(*shape, dtype="float64")).dtype == np.float32


def test_batch_normalization_over_a_mask_and_without_training():
    x = example((2, 3, 4))
    mask = np.array([[True, True, False], [True, False, False]])
    layer = layers.BatchNormalization(momentum=0.9)
    output = layer(cn.tensor(x), mask=cn.tensor(mask), training=True).numpy()
    kept = x[mask]
    mean, variance = kept.mean(0), kept.var(0)
    np.testing.assert_allclose(output, (x - mean) / np.sqrt(variance + 1e-3), atol=1e-5)
    np.testing.assert_allclose(layer.moving_mean.numpy(), 0.1 * mean, atol=1e-6)
    np.testing.assert_allclose(layer.moving_variance.numpy(), 0.9 + 0.1 * variance, atol=1e-6)
    before = layer.get_weights()
    layer.trainable = False
    layer(cn.tensor(x), training=True)
    for old, new in zip(before, layer.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_masks_are_merged_as_keras_merges_them():
    x = [cn.ones(2, 3, 4)] * 2
    first = cn.tensor([[True, True, False], [True, False, False]])
    second = cn.tensor([[True, False, False], [True, True, True]])
    either = [[True, True, False], [True, True, True]]
    assert layers.Add().compute_mask(x, [first, second]).numpy().tolist() == either
    assert layers.Add().compute_mask(x, [first, None]) is None
    assert layers.Concatenate().compute_mask(x, [first, second]).numpy().tolist() == either
    joined = layers.Concatenate(axis=1).compute_mask(x, [first, second]).numpy()
    np.testing.assert_array_equal(joined, np.concatenate([first.numpy(), second.numpy()], 1))
    assert layers.Concatenate().compute_mask(x, [first, None]).numpy().all()
    assert layers.Concatenate().compute_mask(x, [None, None]) is None
    assert layers.Dot(1).compute_mask(x, [first, second]) is None
    means = layers.GlobalAveragePooling1D()(cn.tensor(example((2, 3, 4))), mask=first).numpy()
    np.testing.assert_allclose(means[0], example((2, 3, 4))[0, :2].mean(0), rtol=1e-6)
    scores = layers.Softmax()(cn.zeros(2, 3), mask=cn.tensor([[True, True, False], [False] * 3]))
    assert scores.numpy().tolist() == [[0.5, 0.5, 0.0], [0.0] * 3]


def test_activity_regularizers_count_a_sample_on_average():
    layer = layers.Dense(
        2, activity_regularizer="l2", kernel_regularizer=keras.regularizers.L1(0.5)
    )
    output = layer(cn.ones(4, 3)).numpy()
    activity, kernel = (loss.item() for loss in layer.losses)
    assert activity == pytest.approx(0.01 * (output**2).sum() / 4)
    assert kernel == pytest.approx(0.5 * np.abs(layer.kernel.numpy()).sum())


def test_functions_as_layers():
    x = cn.ones(2, 3)
    twice = layers.Lambda(lambda x, factor: x * factor, arguments={"factor": 2})
    assert twice(x).numpy().tolist() == [[2.0] * 3] * 2
    assert twice.compute_output_shape((None, 3)) == (None, 3)
    assert layers.Lambda(lambda x: x, output_shape=(5,)).compute_output_shape((None, 3)) == (
        None,
        5,
    )
    trained = layers.Lambda(lambda x, training: x + 1 if training else x)
    assert trained(x, training=True).numpy().max() == 2
    assert trained(x).numpy().max() == 1


def test_merging_functions():
    a, b = cn.tensor(example((2, 3))), cn.tensor(example((2, 3), 1))
    assert layers.concatenate([a, b]).shape == (2, 6)
    assert layers.concatenate([a, b], 0).shape == (4, 3)
    assert layers.dot([a, b], 1).shape == (2, 1)
    for name, expected in (
        ("add", a + b), ("subtract", a - b), ("multiply", a * b), ("average", (a + b) / 2),
        ("maximum", cn.maximum(a, b)), ("minimum", cn.minimum(a, b)),
    ):  # fmt: skip
        np.testing.assert_array_equal(getattr(layers, name)([a, b]).numpy(), expected.numpy())


def test_old_names():
    assert layers.Convolution2D is layers.Conv2D
    assert layers.MaxPool2D is layers.MaxPooling2D
    assert layers.GlobalAvgPool1D is layers.GlobalAveragePooling1D
    assert layers.LeakyReLU(alpha=0.2).negative_slope == pytest.approx(0.2)
    assert layers.LeakyReLU(alpha=0.2).get_config()["negative_slope"] == pytest.approx(0.2)
    assert layers.ThresholdedReLU(0.5)(cn.tensor([0.4, 0.6])).numpy().tolist() == pytest.approx(
        [0, 0.6]
    )


WRONG_CALLS = [
    (layers.Dense(3), (4,), "Dense .*expected at least 2 axes"),
    (layers.Conv2D(3, 2), (2, 5, 5), r"Conv2D .*4 axes \(batch, height, width, channels\), got"),
    (layers.Conv2D(3, 5), (2, 4, 4, 1), r"smaller than the kernel, \(5, 5\)"),
    (layers.Conv2D(4, 2, groups=2), (1, 4, 4, 3), "multiple of groups=2 channels"),
    (layers.Conv1D(3, 2), (2, 5, 5, 1), r"3 axes \(batch, steps, channels\)"),
    (layers.MaxPooling2D(3), (2, 2, 5, 1), "smaller than pool_size"),
    (layers.GlobalMaxPooling2D(), (2, 5), "expected 4 axes"),
    (layers.Reshape((5, 2)), (2, 4, 3), "does not fit target_shape"),
    (layers.Permute((2, 1)), (2, 4), "expected 3 axes"),
    (layers.RepeatVector(2), (2, 4, 3), "expected 2 axes"),
    (layers.Cropping1D(9), (2, 5, 3), "leaves nothing"),
    (layers.BatchNormalization(axis=3), (2, 5), "axis 3"),
    (layers.LayerNormalization(axis=0), (2, 5), "axis 0"),
    (layers.GroupNormalization(3), (2, 5), "multiple of groups=3"),
    (layers.SpatialDropout2D(0.5), (2, 5), "expected 4 axes"),
    (layers.Add(), [(2, 3, 4), (2, 3, 5)], "do not fit together"),
    (layers.Concatenate(), [(2, 3, 4), (2, 2, 4)], "do not fit together"),
    (layers.Dot(1), [(2, 3), (2, 4)], "do not fit together"),
]


@pytest.mark.parametrize(("layer", "shape", "message"), WRONG_CALLS, ids=lambda value: str(value))
def test_inputs_of_wrong_shape(layer, shape, message):
    with pytest.raises(ShapeError, match=message):
        layer(tensors(example(shape)), training=True)


def test_inputs_of_another_size_than_the_weights():
    dense, conv = layers.Dense(3), layers.Conv2D(2, 2)
    dense(cn.ones(2, 4))
    conv(cn.ones(2, 4, 4, 3))
    with pytest.raises(ShapeError, match=r"Dense .*\(\.\.\., 4\).*got shape \(2, 5\)"):
        dense(cn.ones(2, 5))
    with pytest.raises(ShapeError, match=r"Conv2D .*expected 3 channels, got shape"):
        conv(cn.ones(2, 4, 4, 1))
    with pytest.raises(ValueError, match=r"number of features .*must be known"):
        layers.Dense(3).build((None, None))
    with pytest.raises(ValueError, match="expected a list of tensors"):
        layers.Add()(cn.ones(2, 3))
    with pytest.raises(ValueError, match="expected 2 tensors, got 3"):
        layers.Subtract()([cn.ones(2, 3)] * 3)


WRONG_ARGUMENTS = [
    ("Dense", {"units": 0}, ValueError, "units expected at least 1"),
    ("Dense", {"units": 3.5}, TypeError, "units expected an int"),
    ("Dense", {"units": 3, "activation": "rellu"}, ValueError, "'relu'"),
    ("Dense", {"units": 3, "kernel_initializer": "he_norml"}, ValueError, "'he_normal'"),
    ("Dense", {"units": 3, "kernel_regularizer": "l3"}, ValueError, "'l1'|'l2'"),
    ("Dense", {"units": 3, "foo": 1}, TypeError, "'foo'"),
    ("Conv2D", {"filters": 3, "kernel_size": (1, 2, 3)}, ValueError, "kernel_size"),
    ("Conv2D", {"filters": 3, "kernel_size": 0}, ValueError, "kernel_size"),
    ("Conv2D", {"filters": 3, "kernel_size": 2, "padding": "causal"}, ValueError, "padding"),
    ("Conv2D", {"filters": 3, "kernel_size": 2, "groups": 2}, ValueError, "groups"),
    ("Conv2D", {"filters": 3, "kernel_size": 2, "data_format": "x"}, ValueError, "data_format"),
    ("Conv2DTranspose", {"filters": 3, "kernel_size": 2, "output_padding": 1}, ValueError, "less"),
    ("MaxPooling2D", {"pool_size": 0}, ValueError, "pool_size"),
    ("Dropout", {"rate": 1.5}, ValueError, "rate"),
    ("GaussianDropout", {"rate": 1}, ValueError, "below 1"),
    ("Reshape", {"target_shape": (-1, -1)}, ValueError, "at most once"),
    ("Permute", {"dims": (1, 3)}, ValueError, "dims"),
    ("RepeatVector", {"n": "a"}, TypeError, "int"),
    ("Dot", {"axes": "a"}, ValueError, "axes"),
    ("UpSampling2D", {"interpolation": "bicubic"}, ValueError, "interpolation"),
    ("ZeroPadding2D", {"padding": (1,)}, ValueError, "padding"),
    ("ReLU", {"max_value": -1}, ValueError, "max_value"),
    ("BatchNormalization", {"renorm": True}, ValueError, "renorm"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "arguments", "error", "message"), WRONG_ARGUMENTS)
def test_wrong_arguments(name, arguments, error, message):
    with pytest.raises(error, match=message):
        getattr(layers, name)(**arguments)
