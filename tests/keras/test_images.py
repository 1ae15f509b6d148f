"""Images between files and arrays, and changed at random."""

from __future__ import annotations

import io

import numpy as np
import pytest

import cygnet as cn
from cygnet import keras
from cygnet.keras import utils
from cygnet.keras.preprocessing.image import ImageDataGenerator, img_to_array, smart_resize

IMAGES = np.random.default_rng(0).random((7, 6, 8, 3)).astype("float32") * 255
LABELS = np.arange(7)


def one(**options):
    """A generator, and what it makes of the first image."""
    generator = ImageDataGenerator(**options)
    return generator, next(generator.flow(IMAGES[:1], seed=3))[0]


def test_images_as_arrays():
    assert img_to_array(IMAGES[0]).shape == (6, 8, 3)
    assert img_to_array(IMAGES[0, ..., 0]).shape == (6, 8, 1)
    assert img_to_array(IMAGES[0], "channels_first").shape == (3, 6, 8)
    assert img_to_array(IMAGES[0, ..., 0], data_format="channels_first").shape == (1, 6, 8)
    assert img_to_array(cn.as_tensor(IMAGES[0]), dtype="uint8").dtype == np.uint8
    with pytest.raises(ValueError, match="img_to_array: argument img expected shape"):
        img_to_array(IMAGES)
    with pytest.raises(ValueError, match="argument data_format expected 'channels_last'"):
        img_to_array(IMAGES[0], "last")


def test_files(tmp_path):
    pytest.importorskip("PIL", reason="Pillow is not installed")
    pixels = IMAGES[0].astype("uint8")
    for channels, mode in ((3, "rgb"), (1, "grayscale"), (4, "rgba")):
        picture = np.resize(pixels, (6, 8, channels))
        utils.save_img(tmp_path / "image.png", picture, scale=False)
        loaded = utils.load_img(tmp_path / "image.png", color_mode=mode)
        np.testing.assert_array_equal(utils.img_to_array(loaded), picture)
    utils.save_img(tmp_path / "image.jpg", np.resize(pixels, (6, 8, 4)))
    content = io.BytesIO((tmp_path / "image.jpg").read_bytes())
    assert utils.load_img(content, target_size=(4, 5)).size == (5, 4)
    cut = utils.load_img(tmp_path / "image.png", target_size=(3, 3), keep_aspect_ratio=True)
    assert cut.size == (3, 3)
    spread = utils.img_to_array(utils.array_to_img(np.array([[[-1.0], [3.0]]])))
    assert spread.ravel().tolist() == [0, 255]
    assert utils.array_to_img(np.full((2, 2, 1), 300), scale=False).getpixel((0, 0)) == 300
    for call in (
        lambda: utils.load_img("image.png", color_mode="cmyk"),
        lambda: utils.load_img("image.png", interpolation="best"),
        lambda: utils.array_to_img(IMAGES),
        lambda: utils.array_to_img(IMAGES[..., :2][0]),
    ):
        with pytest.raises(ValueError, match="argument"):
            call()
    with pytest.raises(FileNotFoundError):
        utils.load_img(tmp_path / "none.png")


def test_smart_resize():
    cut = smart_resize(IMAGES, (3, 2))
    assert isinstance(cut, np.ndarray) and cut.shape == (7, 3, 2, 3)
    np.testing.assert_allclose(smart_resize(IMAGES[0], (6, 4)), IMAGES[0][:, 2:6], rtol=1e-6)
    first = smart_resize(
        cn.as_tensor(IMAGES.transpose(0, 3, 1, 2)), (3, 2), "bilinear", "channels_first"
    )
    np.testing.assert_allclose(first.numpy().transpose(0, 2, 3, 1), cut, rtol=1e-5)
    with pytest.raises(ValueError, match="argument x expected shape"):
        smart_resize(IMAGES[0, 0], (3, 2))
    with pytest.raises(ValueError, match="argument size expected"):
        smart_resize(IMAGES, (0, 2))


def test_batches_of_an_epoch():
    flow = ImageDataGenerator().flow(IMAGES, LABELS, batch_size=3, shuffle=False)
    assert len(flow) == 3 and flow.n == 7
    seen = [next(flow)[1].tolist() for _ in range(4)]
    assert seen == [[0, 1, 2], [3, 4, 5], [6], [0, 1, 2]]
    images, labels, weights = ImageDataGenerator().flow(IMAGES, LABELS, sample_weight=LABELS)[0]
    np.testing.assert_array_equal(images, IMAGES[labels])
    np.testing.assert_array_equal(weights, labels)
    assert ImageDataGenerator().flow(IMAGES)[0].shape == IMAGES.shape
    (_, extra), _ = ImageDataGenerator().flow((IMAGES, LABELS), LABELS, shuffle=False)[0]
    assert extra.tolist() == LABELS.tolist()
    orders = [ImageDataGenerator().flow(IMAGES, LABELS, seed=1)[0][1].tolist() for _ in range(2)]
    assert orders[0] == orders[1] != LABELS.tolist()


def test_the_data_stay_as_they_are():
    before = IMAGES.copy()
    options = {"rescale": 1 / 255, "rotation_range": 20, "horizontal_flip": True}
    next(ImageDataGenerator(**options).flow(IMAGES))
    np.testing.assert_array_equal(IMAGES, before)


def test_subsets():
    generator = ImageDataGenerator(validation_split=0.3)
    parts = [
        generator.flow(IMAGES, LABELS % 2, subset=subset, shuffle=False)
        for subset in ("training", "validation")
    ]
    assert [part.n for part in parts] == [5, 2]
    np.testing.assert_array_equal(parts[1][0][0], IMAGES[:2])
    with pytest.raises(ValueError, match="have different classes"):
        generator.flow(IMAGES, LABELS, subset="training")
    assert generator.flow(IMAGES, LABELS, subset="training", ignore_class_split=True).n == 5


def test_what_is_fixed():
    _, image = one(rescale=1 / 255, preprocessing_function=lambda each: each + 1)
    np.testing.assert_allclose(image, (IMAGES[0] + 1) / 255, rtol=1e-6)
    _, image = one(samplewise_std_normalization=True)
    assert abs(image.mean()) < 1e-5 and abs(image.std() - 1) < 1e-4
    generator = ImageDataGenerator(featurewise_std_normalization=True)
    generator.fit(IMAGES)
    images = generator.flow(IMAGES)[0]
    np.testing.assert_allclose(images.mean((0, 1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(images.std((0, 1, 2)), 1, rtol=1e-5)
    generator = ImageDataGenerator(zca_whitening=True)
    with pytest.warns(UserWarning, match="no effect before fit"):
        next(generator.flow(IMAGES))
    small = IMAGES[:, :1, :2, :1]
    generator.fit(small)
    white = generator.standardize(small.copy()).reshape(7, 2)
    np.testing.assert_allclose(white.T @ white / 7, np.eye(2), atol=1e-4)
    generator.fit(small, augment=True, rounds=2, seed=0)


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_chosen_changes(data_format):
    generator = ImageDataGenerator(data_format=data_format)
    first = data_format == "channels_first"
    image = IMAGES[0].transpose(2, 0, 1) if first else IMAGES[0]

    def changed(**parameters):
        result = generator.apply_transform(image, parameters)
        return result.transpose(1, 2, 0) if first else result

    np.testing.assert_array_equal(changed(flip_horizontal=True), IMAGES[0][:, ::-1])
    np.testing.assert_array_equal(changed(flip_vertical=True), IMAGES[0][::-1])
    np.testing.assert_allclose(changed(tx=1, ty=2)[:-2, :-1], IMAGES[0][2:, 1:], rtol=1e-4)
    np.testing.assert_allclose(changed(theta=180), IMAGES[0][::-1, ::-1], rtol=1e-4)
    assert changed(channel_shift_intensity=500.0).max() == IMAGES[0].max()
    np.testing.assert_array_equal(changed(brightness=1.0), np.floor(IMAGES[0]))
    assert abs(changed(zx=0.5, zy=0.5).mean() - IMAGES[0, 1:5, 2:6].mean()) < 20


def test_files_in_folders(tmp_path, capsys):
    pytest.importorskip("PIL", reason="Pillow is not installed")
    for name in ("dog", "cat"):
        (tmp_path / name / "more").mkdir(parents=True)
        for index in range(4):
            place = tmp_path / name / ("more" if index == 3 else "") / f"{index}.png"
            utils.save_img(place, np.full((5, 5, 3), 10 * index + (name == "dog")), scale=False)
        (tmp_path / name / "notes.txt").write_text("none")
    generator = ImageDataGenerator(rescale=0.5, validation_split=0.25)
    flow = generator.flow_from_directory(tmp_path, (4, 6), batch_size=3, shuffle=False)
    assert capsys.readouterr().out == "Found 8 images belonging to 2 classes.\n"
    assert flow.class_indices == {"cat": 0, "dog": 1}
    assert flow.filenames[3] == "cat/more/3.png" and flow.samples == 8
    images, labels = next(flow)
    assert images.shape == (3, 4, 6, 3) and labels.tolist() == [[1, 0]] * 3
    assert images[:, 0, 0, 0].tolist() == [0, 5, 10]
    for mode, want in (("binary", [0, 0]), ("sparse", [0, 0])):
        flow = generator.flow_from_directory(tmp_path, batch_size=2, class_mode=mode, shuffle=False)
        assert next(flow)[1].tolist() == want
    options = {"class_mode": None, "color_mode": "grayscale", "subset": "validation"}
    assert next(generator.flow_from_directory(tmp_path, **options)).shape == (2, 256, 256, 1)
    one_class = generator.flow_from_directory(tmp_path, classes=["dog"], class_mode="input")
    pair = next(one_class)
    np.testing.assert_array_equal(*pair)
    with pytest.raises(ValueError, match="'binary' expected 2 classes, found dog"):
        generator.flow_from_directory(tmp_path, classes=["dog"], class_mode="binary")
    out = tmp_path / "out"
    out.mkdir()
    next(generator.flow(IMAGES, save_to_dir=out, save_prefix="a", save_format="png", batch_size=2))
    assert len(list(out.glob("a_*.png"))) == 2


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ImageDataGenerator(zoom_range=(1, 2, 3)), "zoom_range expected a number or two"),
        (lambda: ImageDataGenerator(brightness_range=2), "brightness_range expected two numbers"),
        (lambda: ImageDataGenerator(validation_split=1), r"validation_split expected in \[0, 1\)"),
        (lambda: ImageDataGenerator(fill_mode="zero"), "fill_mode expected one of nearest"),
        (lambda: ImageDataGenerator(interpolation_order=3), "expected 0 or 1, got 3"),
        (lambda: ImageDataGenerator(data_format="hwc"), "argument data_format expected"),
        (lambda: ImageDataGenerator().flow(IMAGES[0]), "expected images"),
        (lambda: ImageDataGenerator().flow(IMAGES, LABELS[:3]), "expected 7 samples as x, got 3"),
        (lambda: ImageDataGenerator().flow(IMAGES, subset="test"), "'validation', got 'test'"),
        (lambda: ImageDataGenerator().flow(IMAGES, batch_size=0), "batch_size expected at least 1"),
        (lambda: ImageDataGenerator().flow(IMAGES)[1], "there are 1 batches, got number 1"),
        (lambda: ImageDataGenerator().fit(IMAGES[0]), "argument x expected images"),
    ],
)
def test_bad_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_model_learns_from_changed_images():
    digits = cn.data.digits("train")
    images = digits.tensors[0].numpy().transpose(0, 2, 3, 1)
    labels = digits.tensors[1].numpy()
    model = keras.Sequential(
        [
            keras.layers.Conv2D(16, 3, activation="relu", input_shape=(8, 8, 1)),
            keras.layers.Flatten(),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    generator = ImageDataGenerator(rotation_range=10, width_shift_range=0.1, validation_split=0.2)
    history = model.fit(
        generator.flow(images, labels, subset="training", seed=1),
        epochs=6,
        validation_data=generator.flow(images, labels, subset="validation"),
        verbose=0,
    )
    assert history.history["val_accuracy"][-1] > 0.8
