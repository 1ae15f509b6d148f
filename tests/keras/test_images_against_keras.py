"""Changed images beside those of Keras with the same seed, where it is installed."""

from __future__ import annotations

import numpy as np
import pytest

from cygnet.keras.preprocessing.image import ImageDataGenerator, smart_resize

pytest.importorskip("scipy", reason="Keras moves images with SciPy, which is not installed")
pytest.importorskip("PIL", reason="Pillow is not installed")
keras = pytest.importorskip("keras", reason="Keras, the reference, is not installed")
reference = pytest.importorskip(
    "keras.src.legacy.preprocessing.image", reason="this Keras has no ImageDataGenerator"
)

IMAGES = np.random.default_rng(0).random((9, 8, 8, 3)).astype("float32") * 255
LABELS = np.arange(9)
MOVED = {
    "rotation_range": 40,
    "width_shift_range": 0.2,  # Keras takes one for the other
    "height_shift_range": 0.2,
    "shear_range": 15,
    "zoom_range": 0.3,
}


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"rescale": 1 / 255, "horizontal_flip": True, "vertical_flip": True},
        {"rotation_range": 90},
        {"width_shift_range": 3, "height_shift_range": 3},
        {"width_shift_range": [1, 2], "height_shift_range": [1, 2]},
        {"width_shift_range": 1.5, "height_shift_range": 1.5},
        {"zoom_range": (0.5, 0.8)},
        {"shear_range": 30.0},
        MOVED,
        {**MOVED, "fill_mode": "reflect"},
        {**MOVED, "interpolation_order": 0},
        {"channel_shift_range": 60.0, **MOVED, "horizontal_flip": True},
        {"brightness_range": (0.3, 1.8)},
        {"brightness_range": (0.3, 1.8), "preprocessing_function": np.abs, "horizontal_flip": True},
        {"samplewise_std_normalization": True},
        {"featurewise_std_normalization": True, **MOVED},
        {"zca_whitening": True},
        {"data_format": "channels_first", **MOVED},
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_generator(options):
    images = IMAGES.transpose(0, 3, 1, 2) if "data_format" in options else IMAGES
    generators = [kind(**options) for kind in (ImageDataGenerator, reference.ImageDataGenerator)]
    for each in generators:
        each.fit(images, augment=True, rounds=2, seed=5)
    ours, theirs = (each.flow(images, LABELS, batch_size=4, seed=3) for each in generators)
    assert len(ours) == len(theirs)
    for _ in range(5):
        (x, y), (x_want, y_want) = next(ours), next(theirs)
        np.testing.assert_array_equal(y, y_want)
        np.testing.assert_allclose(x, x_want, rtol=1e-4, atol=1e-4 * max(1, abs(x_want).max()))
    ours, theirs = (each.flow(images, LABELS, batch_size=4, seed=3) for each in generators)
    for index in (2, 0):
        np.testing.assert_array_equal(ours[index][1], theirs[index][1])


@pytest.mark.parametrize("fill_mode", ["constant", "wrap"])
def test_other_borders(fill_mode):
    """The inside agrees; Keras cuts at the border of pixels, and we blend over it."""
    options = {"fill_mode": fill_mode, "cval": 7.0}
    ours, theirs = (
        kind(**options).apply_transform(IMAGES[0], {"tx": -1, "ty": 2.5})
        for kind in (ImageDataGenerator, reference.ImageDataGenerator)
    )
    np.testing.assert_allclose(ours[:5, 1:], theirs[:5, 1:], rtol=1e-4)
    if fill_mode == "constant":
        assert (ours[6:] == 7).all() and (ours[:, 0] == 7).all()


@pytest.mark.parametrize("size", [(3, 3), (4, 9), (9, 4), (16, 20)])
@pytest.mark.parametrize("interpolation", ["bilinear", "nearest"])
def test_smart_resize(size, interpolation):
    images = IMAGES[:, 1:, :6]
    np.testing.assert_allclose(
        smart_resize(images, size, interpolation),
        keras.preprocessing.image.smart_resize(images, size, interpolation),
        rtol=1e-4,
        atol=1e-3,
    )
