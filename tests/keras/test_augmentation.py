"""Layers of images against their definitions, and what they draw."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import cygnet
from cygnet import keras, kernels, manual_seed
from cygnet.keras import layers
from tests.op_cases.grids import FILL, half_away, read

GENERATOR = np.random.default_rng(0)
IMAGES = GENERATOR.random((4, 6, 9, 3), np.float32)
RANDOM: list[tuple[str, dict[str, Any]]] = [
    ("RandomBrightness", {"factor": 0.3, "value_range": (0, 1)}),
    ("RandomContrast", {"factor": (0.5, 0.5), "value_range": (0, 1)}),
    ("RandomFlip", {}),
    ("RandomRotation", {"factor": 0.3}),
    ("RandomShear", {"x_factor": 0.3, "y_factor": 0.2}),
    ("RandomTranslation", {"height_factor": 0.3, "width_factor": 0.2}),
    ("RandomZoom", {"height_factor": 0.3, "width_factor": 0.3}),
]


def made(name: str, /, **options: Any) -> Any:
    return getattr(layers, name)(**options)


def rotation(height: int, width: int, part: float) -> list[float]:
    c, s = np.cos(2 * np.pi * part), np.sin(2 * np.pi * part)
    x, y = (width - 1) / 2, (height - 1) / 2
    return [c, -s, x - x * c + y * s, s, c, y - x * s - y * c]


def zoom(height: int, width: int, tall: float, wide: float) -> list[float]:
    return [1 + wide, 0, -(width - 1) / 2 * wide, 0, 1 + tall, -(height - 1) / 2 * tall]


MOVES = [
    ("RandomRotation", {"factor": (0.2, 0.2)}, rotation(6, 9, 0.2)),
    ("RandomZoom", {"height_factor": (0.3, 0.3)}, zoom(6, 9, 0.3, 0.3)),
    (
        "RandomZoom",
        {"height_factor": (-0.4, -0.4), "width_factor": (0.6, 0.6)},
        zoom(6, 9, -0.4, 0.6),
    ),
    (
        "RandomTranslation",
        {"height_factor": (0.3, 0.3), "width_factor": (-0.43, -0.43)},
        [1, 0, 0.43 * 9, 0, 1, -0.3 * 6],
    ),
]


@pytest.mark.parametrize(("name", "options", "transform"), MOVES)
@pytest.mark.parametrize("fill_mode", FILL)
@pytest.mark.parametrize("interpolation", ["bilinear", "nearest"])
def test_moves(
    name: str, options: Any, transform: list[float], fill_mode: str, interpolation: str
) -> None:
    layer = made(name, **options, fill_mode=fill_mode, interpolation=interpolation, fill_value=0.3)
    t = np.float32(transform).astype(np.float64)
    y, x = np.broadcast_arrays(*np.mgrid[:6, :9][:, None])
    y, x = (np.broadcast_to(each, (4, 6, 9)) for each in (y, x))
    columns, rows = t[0] * x + t[1] * y + t[2], t[3] * x + t[4] * y + t[5]
    wanted = read(
        np.moveaxis(IMAGES.astype(np.float64), -1, 1),
        *(columns, rows, interpolation, FILL[fill_mode], False, 0.3, half_away),
    )
    np.testing.assert_allclose(
        layer(IMAGES, training=True).numpy(), np.moveaxis(wanted, 1, -1), atol=2e-5
    )
    single = layer(IMAGES[0], training=True).numpy()
    np.testing.assert_allclose(single, np.moveaxis(wanted, 1, -1)[0], atol=2e-5)
    first = layer.from_config(layer.get_config() | {"data_format": "channels_first"})
    moved = first(np.moveaxis(IMAGES, -1, 1).copy(), training=True).numpy()
    np.testing.assert_allclose(moved, wanted, atol=2e-5)


@pytest.mark.parametrize(("name", "options"), RANDOM)
def test_each_image_has_its_own_draw_in_training_only(name: str, options: Any) -> None:
    same = np.repeat(IMAGES[:1], 40, 0)
    layer = made(name, **options, seed=3)
    np.testing.assert_array_equal(layer(same, training=False).numpy(), same)
    changed = layer(same, training=True).numpy()
    assert changed.shape == same.shape and changed.dtype == np.float32
    kinds = {image.tobytes() for image in changed}
    assert len(kinds) == 2 if name == "RandomFlip" else len(kinds) == 40
    again = layer(same, training=True).numpy()
    assert (changed != again).any()
    twin = made(name, **options, seed=3)
    np.testing.assert_array_equal(twin(same, training=True).numpy(), changed)
    whole = cygnet.tensor(np.round(IMAGES * 100).astype(np.int64))
    assert layer(whole, training=True).dtype == np.float32


@pytest.mark.parametrize(("name", "options"), RANDOM)
def test_the_global_seed(name: str, options: Any) -> None:
    layer = made(name, **options, name="one")
    runs = []
    for seed in (1, 1, 2):
        manual_seed(seed)
        runs.append(layer(IMAGES, training=True).numpy().tobytes())
    assert runs[0] == runs[1]
    assert name == "RandomFlip" or runs[0] != runs[2]
    manual_seed(1)
    other = made(name, **options, name="two")(IMAGES, training=True).numpy().tobytes()
    assert name == "RandomFlip" or other != runs[0]


@pytest.mark.parametrize(("name", "options"), [*RANDOM, ("RandomCrop", {"height": 3, "width": 4})])
def test_a_recording_draws_again(name: str, options: Any) -> None:
    layer = made(name, **options, seed=5)
    images = cygnet.tensor(np.repeat(IMAGES, 10, 0))
    with kernels.Recording() as recording:
        output = layer(images, training=True)
    first = np.array(output.numpy())
    recording.replay()
    second = np.array(output.numpy())
    twin = made(name, **options, seed=5)
    np.testing.assert_array_equal(twin(images, training=True).numpy(), first)
    np.testing.assert_array_equal(twin(images, training=True).numpy(), second)
    assert name == "RandomCrop" or (first != second).any()


def test_gradients_go_through() -> None:
    images = cygnet.tensor(IMAGES, requires_grad=True)
    for name, options in RANDOM:
        images.grad = None
        made(name, **options)(images, training=True).sum().backward()
        assert images.grad is not None and bool((images.grad != 0).any())


def test_crops() -> None:
    ramp = np.arange(48, dtype=np.float32).reshape(1, 6, 8, 1)
    layer = layers.RandomCrop(4, 5, seed=1)
    seen = set()
    for _ in range(300):
        piece = layer(ramp, training=True).numpy()[0, :, :, 0]
        seen.add(int(piece[0, 0]))
        np.testing.assert_array_equal(piece - piece[0, 0], ramp[0, :4, :5, 0])
    assert seen == {8 * row + column for row in range(3) for column in range(4)}
    assert layer(ramp, training=False).shape == ramp.shape
    assert layers.RandomCrop(12, 5)(ramp, training=True).shape == (1, 12, 5, 1)
    middle = layers.CenterCrop(3, 4)(ramp).numpy()
    np.testing.assert_array_equal(middle, ramp[:, 1:4, 2:6])
    assert layers.CenterCrop(12, 5)(ramp[0]).shape == (12, 5, 1)


def test_sizes() -> None:
    double = layers.Resizing(12, 18, "nearest")(IMAGES).numpy()
    np.testing.assert_array_equal(double, IMAGES.repeat(2, 1).repeat(2, 2))
    # Halves of even size are means of two by two.
    halves = layers.Resizing(3, 4)(IMAGES[:, :, :8]).numpy()
    wanted = IMAGES[:, :, :8].reshape(4, 3, 2, 4, 2, 3).mean((2, 4))
    np.testing.assert_allclose(halves, wanted, rtol=1e-5)
    framed = layers.Resizing(9, 9, pad_to_aspect_ratio=True, fill_value=0.5)(IMAGES).numpy()
    assert framed.shape == (4, 9, 9, 3)
    np.testing.assert_allclose(framed[:, 0], 0.5)
    cut = layers.Resizing(6, 6, crop_to_aspect_ratio=True)(IMAGES).numpy()
    np.testing.assert_array_equal(cut, IMAGES[:, :, 1:7])
    pixels = GENERATOR.integers(0, 256, (2, 4, 4, 1)).astype(np.uint8)
    resized = layers.Resizing(2, 2)(pixels)
    assert resized.dtype == np.uint8
    exact = pixels.reshape(2, 2, 2, 2, 2, 1).mean((2, 4))
    assert np.abs(resized.numpy() - exact).max() <= 0.5


def test_ranges() -> None:
    scaled = layers.Rescaling(2.0, 1.0)(IMAGES).numpy()
    np.testing.assert_allclose(scaled, IMAGES * 2 + 1, rtol=1e-6)
    by_channel = layers.Rescaling([1.0, 2.0, 3.0], [0.0, 1.0, 2.0])(IMAGES).numpy()
    np.testing.assert_allclose(by_channel, IMAGES * [1, 2, 3] + [0, 1, 2], rtol=1e-6)
    pixels = np.full((1, 2, 2, 1), 255, np.uint8)
    np.testing.assert_allclose(layers.Rescaling(1 / 255)(pixels).numpy(), 1, rtol=1e-6)
    brighter = layers.RandomBrightness((0.2, 0.2), (0, 1))(IMAGES, training=True).numpy()
    np.testing.assert_allclose(brighter, np.minimum(IMAGES + 0.2, 1), rtol=1e-5)
    # The factor that was drawn follows from the result, and lies in its range.
    contrasts = layers.RandomContrast((0.4, 0.6), (-9, 9))(IMAGES, training=True).numpy()
    means = IMAGES.mean((1, 2), keepdims=True)
    factors = (contrasts - means) / (IMAGES - means)
    for factor in factors:
        assert 0.6 <= np.median(factor) <= 1.6
        np.testing.assert_allclose(factor, np.median(factor), rtol=1e-2)


def test_in_models() -> None:
    model = keras.Sequential(
        [
            layers.RandomFlip("horizontal", input_shape=(6, 9, 3)),
            layers.RandomRotation(0.1),
            layers.Rescaling(1 / 255),
            layers.Resizing(4, 5),
            layers.RandomCrop(3, 3),
        ]
    )
    assert model.output_shape == (None, 3, 3, 3)
    assert not model.weights
    outputs = [model(IMAGES, training=True).numpy() for _ in range(2)]
    assert outputs[0].shape == (4, 3, 3, 3) and (outputs[0] != outputs[1]).any()
    plain = layers.Resizing(4, 5)(IMAGES / 255).numpy()
    np.testing.assert_allclose(model(IMAGES, training=False).numpy(), plain, rtol=1e-5)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: layers.RandomRotation(2), ValueError, "RandomRotation: factor expected one or"),
        (lambda: layers.RandomRotation((0.1, 0.2, 0.3)), ValueError, "factor expected"),
        (lambda: layers.RandomRotation("a"), ValueError, "factor expected"),
        (lambda: layers.RandomRotation([0.1]), ValueError, "two numbers in a sequence"),
        (lambda: layers.RandomRotation(0.1, "mirror"), ValueError, "argument fill_mode"),
        (lambda: layers.RandomRotation(0.1, interpolation="cubic"), ValueError, "interpolation"),
        (lambda: layers.RandomZoom((-1, 0)), ValueError, "expected numbers above -1"),
        (lambda: layers.RandomTranslation(0.1, 3), ValueError, "RandomTranslation: width_factor"),
        (lambda: layers.RandomShear(-0.1), ValueError, "RandomShear: x_factor expected"),
        (lambda: layers.RandomContrast((-0.5, 0.5)), ValueError, "RandomContrast: factor"),
        (lambda: layers.RandomBrightness(0.1, 3), ValueError, "value_range expected two numbers"),
        (lambda: layers.RandomFlip("sideways"), ValueError, "argument mode expected one of"),
        (lambda: layers.RandomFlip(seed="x"), TypeError, "seed expected an int or a Generator"),
        (lambda: layers.RandomFlip(data_format="last"), ValueError, "argument data_format"),
        (lambda: layers.RandomFlip()(IMAGES[0, 0]), ValueError, "input expected images"),
        (lambda: layers.RandomCrop(0, 3), ValueError, "RandomCrop"),
        (lambda: layers.Resizing(3, 4, "lanczos3"), ValueError, "argument interpolation"),
        (lambda: layers.Resizing(3, 4, fill_mode="wrap"), ValueError, "argument fill_mode"),
        (lambda: layers.Resizing(3, 4, "nearest", True, True), ValueError, "got both"),
    ],
)
def test_bad_arguments(call: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error) as caught:
        call()
    assert text in str(caught.value)
