"""Layers of images against Keras 3: factors whose draw is fixed, every fill mode, every size."""

from __future__ import annotations

import inspect
import itertools
from typing import Any

import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="Keras, the reference, is not installed")
pytest.importorskip("tensorflow", reason="Keras runs on TensorFlow, which is not installed")

from cygnet.keras import layers  # noqa: E402
from cygnet.keras.layers import augmentation, images  # noqa: E402

GENERATOR = np.random.default_rng(0)
IMAGES = {
    "batch": GENERATOR.random((3, 6, 9, 3), np.float32),
    "one": GENERATOR.random((7, 4, 1), np.float32),
    "bytes": GENERATOR.integers(0, 256, (2, 5, 6, 3)).astype(np.uint8),
    "row": GENERATOR.random((2, 1, 8, 2), np.float32),
}
MOVES = [
    ("RandomRotation", {"factor": (0.2, 0.2)}),
    ("RandomRotation", {"factor": (-0.45, -0.45)}),
    ("RandomRotation", {"factor": (0.25, 0.25)}),
    ("RandomZoom", {"height_factor": (0.3, 0.3)}),
    ("RandomZoom", {"height_factor": (-0.4, -0.4), "width_factor": (0.6, 0.6)}),
    ("RandomTranslation", {"height_factor": (0.3, 0.3), "width_factor": (-0.45, -0.45)}),
    ("RandomTranslation", {"height_factor": (-1, -1), "width_factor": (1, 1)}),
    ("RandomTranslation", {"height_factor": (0.25, 0.25), "width_factor": (0, 0)}),
    ("RandomShear", {"x_factor": 0.0}),
]


# Keras leaves bytes as they are outside of training.
FLOATS_ONLY = {"RandomBrightness", "RandomContrast", "RandomCrop"}


def both(name: str, image: np.ndarray, training: bool | None, **options: Any) -> tuple[Any, Any]:
    given = {} if training is None else {"training": training}
    theirs = getattr(keras.layers, name)(**options)(image, **given)
    ours = getattr(layers, name)(**options)(image, **given)
    return ours, np.asarray(theirs)


def check(name: str, image: np.ndarray, training: bool | None = None, **options: Any) -> None:
    ours, theirs = both(name, image, training, **options)
    assert ours.shape == theirs.shape
    if name not in FLOATS_ONLY:
        assert str(ours.dtype) == str(theirs.dtype)
    # Of bytes a half may be rounded either way.
    allowed = 1 if theirs.dtype == np.uint8 else 1e-5 * max(1.0, float(np.abs(theirs).max()))
    np.testing.assert_allclose(ours.numpy().astype(np.float64), theirs, rtol=1e-5, atol=allowed)


@pytest.mark.parametrize(("name", "options"), MOVES)
@pytest.mark.parametrize("fill_mode", ["reflect", "wrap", "constant", "nearest"])
@pytest.mark.parametrize("interpolation", ["bilinear", "nearest"])
def test_moves(name: str, options: Any, fill_mode: str, interpolation: str) -> None:
    how = {"fill_mode": fill_mode, "interpolation": interpolation, "fill_value": 0.3}
    for image in IMAGES.values():
        check(name, image, True, **options, **how)
    check(name, IMAGES["batch"], True, **options, **how, data_format="channels_first")
    check(name, IMAGES["batch"], False, **options, **how)


@pytest.mark.parametrize("image", IMAGES)
def test_sizes(image: str) -> None:
    for height, width in ((3, 4), (12, 5), (6, 9), (2, 20), (5, 6)):
        for interpolation in ("bilinear", "nearest", "bicubic"):
            how = {"height": height, "width": width, "interpolation": interpolation}
            check("Resizing", IMAGES[image], **how)
            check("Resizing", IMAGES[image], **how, antialias=True)
            check("Resizing", IMAGES[image], **how, crop_to_aspect_ratio=True)
            if IMAGES[image].dtype != np.uint8:
                check("Resizing", IMAGES[image], **how, pad_to_aspect_ratio=True, fill_value=0.4)
            check("Resizing", IMAGES[image], **how, data_format="channels_first")
        check("CenterCrop", IMAGES[image], height=height, width=width)
        check("RandomCrop", IMAGES[image], False, height=height, width=width)
        if not (height < IMAGES[image].shape[-3] and width < IMAGES[image].shape[-2]):
            check("RandomCrop", IMAGES[image], True, height=height, width=width)


@pytest.mark.parametrize("image", IMAGES)
def test_ranges(image: str) -> None:
    check("Rescaling", IMAGES[image], scale=1 / 255, offset=-0.5)
    check("Rescaling", IMAGES[image], scale=[2.0] * IMAGES[image].shape[-1])
    if image == "bytes":  # on which Keras's layers below compute with bytes, or fail
        return
    for factor, limits in itertools.product((-1, -0.3, 0.2, 1), ((0, 255), [0.0, 1.0])):
        check("RandomBrightness", IMAGES[image], True, factor=(factor, factor), value_range=limits)
    check("RandomContrast", IMAGES[image], True, factor=0.0)


def test_contrast_of_a_given_factor() -> None:
    for factor in (0.3, 1.4):
        theirs = keras.layers.RandomContrast(0.5, (0, 1))._adjust_contrast(IMAGES["batch"], factor)
        ours = layers.RandomContrast(0.5, (-9, 9))
        ours._each = lambda count, limits, factor=factor: factor
        result = ours(IMAGES["batch"], training=True).numpy()
        np.testing.assert_allclose(result, np.asarray(theirs), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("mode", ["horizontal", "vertical", "horizontal_and_vertical"])
def test_flips_are_one_of_theirs(mode: str) -> None:
    theirs = keras.layers.RandomFlip(mode, seed=1)
    seen = {flipped.numpy().tobytes() for _ in range(20) for flipped in theirs(IMAGES["batch"][:1])}
    ours = layers.RandomFlip(mode, seed=1)
    mine = {flipped.numpy().tobytes() for _ in range(20) for flipped in ours(IMAGES["batch"][:1])}
    assert mine == seen and len(seen) == 2


NAMES = [*augmentation.__all__, *images.__all__]
EXAMPLES: dict[str, dict[str, Any]] = {
    "Rescaling": {"scale": 0.5},
    "RandomFlip": {},
    "RandomTranslation": {"height_factor": 0.1, "width_factor": (0.1, 0.2)},
    "RandomZoom": {"height_factor": 0.1},
    "RandomShear": {"x_factor": 0.1},
    **{name: {"height": 3, "width": 4} for name in ("CenterCrop", "RandomCrop", "Resizing")},
}


@pytest.mark.parametrize("name", NAMES)
def test_arguments_and_configurations(name: str) -> None:
    def arguments(cls: Any) -> list[tuple[str, Any]]:
        parameters = inspect.signature(cls).parameters.values()
        return [(p.name, p.default) for p in parameters if p.kind is not p.VAR_KEYWORD]

    theirs, ours = getattr(keras.layers, name), getattr(layers, name)
    mine = arguments(ours)
    expected = arguments(theirs)
    assert mine[: len(expected)] == expected
    options = EXAMPLES.get(name, {"factor": 0.2})
    config, wanted = (cls(**options, name="a").get_config() for cls in (ours, theirs))
    assert set(wanted) <= set(config)
    for key, value in wanted.items():
        # What Keras's RandomShear writes it does not take back: a range below 0.
        if key not in ("dtype", "seed", "x_factor", "y_factor"):
            assert np.array_equal(config[key], value), key
    again = ours.from_config(config)
    assert again.get_config() == config
