"""Programs of tutorials run as they were written, but for their import lines."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cygnet
from benchmarks.tutorials import for_cygnet, original
from cygnet import keras, kernels
from cygnet._core import _cpu
from cygnet.kernels import ShapeError

needs_mnist = pytest.mark.skipif(
    "CYGNET_DATA" not in os.environ, reason="CYGNET_DATA does not name a folder with MNIST"
)
on_the_best_level = pytest.mark.skipif(
    kernels.build_info()["isa"] != _cpu.levels()[-1],
    reason="a whole training: run on the instruction set that users get",
)


def run(
    name: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    replaced: tuple[str, str] = ("", ""),
    **changes: str,
) -> dict[str, Any]:
    """Runs a program in a folder and returns its variables; `changes` are settings of it."""
    text = for_cygnet(original(name, **changes))
    assert replaced[0] in text
    text = text.replace(*replaced)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    variables: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(text, name, "exec"), variables)
    return variables


@pytest.mark.slow
@needs_mnist
@on_the_best_level
def test_keras_cnn(tmp_path, monkeypatch, capsys) -> None:
    # The seeds 0 to 3 reach 0.9878, 0.9898, 0.9871 and 0.9848; Keras's own 0 to 2 reach 0.9848,
    # 0.9883 and 0.9874.
    cygnet.manual_seed(1)
    keras.backend.clear_session()  # names are numbered from the beginning
    variables = run("keras_cnn", tmp_path, monkeypatch, epochs="3")
    assert variables["score"][1] >= 0.988
    assert variables["history"].history["val_accuracy"][-1] == variables["score"][1]
    assert "conv2d_1 (Conv2D)" in capsys.readouterr().out


@needs_mnist
@on_the_best_level
def test_keras_dense(tmp_path, monkeypatch) -> None:
    assert run("keras_dense", tmp_path, monkeypatch)["test_acc"] >= 0.955  # 32 hidden units


def test_torch_net(tmp_path, monkeypatch) -> None:
    assert run("torch_net", tmp_path, monkeypatch)["accuracy"] >= 0.97


@pytest.mark.slow
@needs_mnist
@on_the_best_level
def test_lenet_under_a_tape(tmp_path, monkeypatch) -> None:
    variables = run("tf_lenet", tmp_path, monkeypatch, learning_rate="0.001")
    assert variables["test_accuracy"] >= 0.97


@needs_mnist
@on_the_best_level
def test_lenet_with_the_sum_of_losses_diverges(tmp_path, monkeypatch) -> None:
    """The tape sums the losses of a batch, as TensorFlow's: 0.1 is a rate of 5."""
    variables = run("tf_lenet", tmp_path, monkeypatch, num_epochs="0.2")
    assert variables["test_accuracy"] < 0.2


@needs_mnist
@on_the_best_level
def test_lenet_with_the_mean_of_losses_learns(tmp_path, monkeypatch) -> None:
    loss = "tf.keras.losses.sparse_categorical_crossentropy(y_true=y, y_pred=y_pred)"
    mean = (loss, f"tf.reduce_mean({loss})")
    variables = run("tf_lenet", tmp_path, monkeypatch, mean, num_epochs="0.5")
    assert variables["test_accuracy"] >= 0.95


@needs_mnist
@on_the_best_level
@pytest.mark.parametrize(("scale", "least"), [("/ 255.0", 0.97), ("* 1", 0.93)])
def test_tf_sequential(tmp_path, monkeypatch, scale: str, least: float) -> None:
    variables = run("tf_sequential", tmp_path, monkeypatch, ("/ 255.0", scale))
    assert variables["test_acc"] >= least


def test_linear_regression(tmp_path, monkeypatch) -> None:
    pytest.importorskip("matplotlib")
    variables = run("linear_regression", tmp_path, monkeypatch)
    x, y = variables["x"], variables["y"]
    slope, offset = np.polyfit(x, y, 1)
    np.testing.assert_allclose(float(variables["w"]), slope, rtol=2e-3)
    np.testing.assert_allclose(float(variables["b"]), offset, atol=2e-2)
    assert (tmp_path / "linear_regression.png").stat().st_size > 5000


def test_logistic_regression(tmp_path, monkeypatch) -> None:
    pytest.importorskip("matplotlib")
    assert run("logistic_regression", tmp_path, monkeypatch)["accuracy"] >= 0.95
    assert (tmp_path / "logistic_regression.png").stat().st_size > 5000


def large_network(size: int) -> keras.Sequential:
    """The convolutional network of the tutorial, for larger images."""
    layers = keras.layers
    model = keras.Sequential()
    model.add(layers.Conv2D(32, (3, 3), activation="relu", input_shape=(size, size, 1)))
    model.add(layers.MaxPooling2D((2, 2)))
    model.add(layers.Conv2D(64, (3, 3), activation="relu"))
    model.add(layers.MaxPooling2D((2, 2)))
    model.add(layers.Flatten())
    model.add(layers.Dense(64, activation="relu"))
    model.add(layers.Dense(10, activation="softmax"))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


@pytest.mark.slow
@on_the_best_level
def test_images_of_224_pixels() -> None:
    digits, labels = cygnet.data.digits("train").tensors
    images = keras.ops.image.resize(digits[:256].permute(0, 2, 3, 1), (224, 224)).numpy()
    model = large_network(224)
    assert model.count_params() == 11_963_466
    history = model.fit(images, labels[:256].numpy(), batch_size=32, epochs=3, verbose=0)
    assert history.history["accuracy"][-1] >= 0.8


def test_data_of_another_shape_than_the_model_are_an_error() -> None:
    model = large_network(224)
    with pytest.raises(
        ShapeError, match=r"expected shape \(None, 224, 224, 1\), got \(2, 28, 28, 1\)"
    ):
        model.fit(np.zeros((2, 28, 28, 1)), np.zeros(2), verbose=0)
