"""Transforms of images, and that what they draw follows from (seed, epoch, sample) alone."""

from __future__ import annotations

import colorsys
import itertools
from typing import Any

import numpy as np
import pytest

import cygnet
from cygnet import Generator, Tensor, manual_seed
from cygnet.data import (
    DataLoader,
    Subset,
    TensorDataset,
    TransformedDataset,
    default_collate,
    digits,
    transforms,
)

GENERATOR = np.random.default_rng(0)
IMAGE = GENERATOR.random((3, 5, 8), np.float32)
GRAY = IMAGE[:1]


@pytest.fixture(autouse=True)
def seeded() -> None:
    manual_seed(0)


def values(image: Any) -> np.ndarray:
    assert isinstance(image, Tensor)
    return image.numpy()


EXACT = [
    (transforms.RandomHorizontalFlip(1.0), lambda a: a[:, :, ::-1]),
    (transforms.RandomHorizontalFlip(0.0), lambda a: a),
    (transforms.RandomVerticalFlip(1.0), lambda a: a[:, ::-1]),
    (transforms.Pad(2), lambda a: np.pad(a, [(0, 0), (2, 2), (2, 2)])),
    (
        transforms.Pad((1, 2), 0.5),
        lambda a: np.pad(a, [(0, 0), (2, 2), (1, 1)], constant_values=0.5),
    ),
    (
        transforms.Pad((1, 2, 3, 0), padding_mode="edge"),
        lambda a: np.pad(a, [(0, 0), (2, 0), (1, 3)], "edge"),
    ),
    (
        transforms.Pad(1, padding_mode="reflect"),
        lambda a: np.pad(a, [(0, 0), (1, 1), (1, 1)], "reflect"),
    ),
    (transforms.CenterCrop((3, 4)), lambda a: a[:, 1:4, 2:6]),
    (transforms.CenterCrop((2, 8)), lambda a: a[:, 2:4]),
    (transforms.CenterCrop((7, 4)), lambda a: np.pad(a, [(0, 0), (1, 1), (0, 0)])[:, :, 2:6]),
    (transforms.RandomCrop((5, 8)), lambda a: a),
    (transforms.Resize((10, 16), "nearest"), lambda a: a.repeat(2, 1).repeat(2, 2)),
    (transforms.Resize((5, 8)), lambda a: a),
    (transforms.RandomRotation((180, 180)), lambda a: a[:, ::-1, ::-1]),
    (transforms.RandomRotation(0), lambda a: a),
    (transforms.RandomAffine((180, 180)), lambda a: a[:, ::-1, ::-1]),
    (transforms.RandomAffine(0, scale=(1.0, 1.0), shear=0), lambda a: a),
    (transforms.RandomErasing(0.0), lambda a: a),
    (transforms.ColorJitter(), lambda a: a),
    (transforms.ColorJitter((0.5, 0.5)), lambda a: a * np.float32(0.5)),
    (transforms.ColorJitter((2.0, 2.0)), lambda a: np.minimum(a * 2, 1)),
    (transforms.GaussianNoise(sigma=0.0), lambda a: a),
]


@pytest.mark.parametrize(
    ("transform", "expected"), EXACT, ids=[repr(transform)[:40] for transform, _ in EXACT]
)
def test_exact(transform: Any, expected: Any) -> None:
    wanted = expected(IMAGE)
    before = IMAGE.copy()
    for given in (IMAGE, cygnet.tensor(IMAGE)):
        result = values(transform(given))
        np.testing.assert_array_equal(result, wanted)
    np.testing.assert_array_equal(IMAGE, before)


def test_transforms_of_others() -> None:
    image = cygnet.tensor(IMAGE)
    assert transforms.RandomApply([transforms.Pad(1)], 0.0)(image) is image
    double = transforms.Lambda(lambda image: image * 2)
    both = transforms.RandomApply([transforms.Pad(1), double], 1.0)(image)
    np.testing.assert_array_equal(values(both), 2 * np.pad(IMAGE, [(0, 0), (1, 1), (1, 1)]))
    with pytest.raises(NotImplementedError, match="Transform must define apply"):
        transforms.Transform()(image)


def test_a_quarter_turn_goes_against_the_clock() -> None:
    square = IMAGE[:, :, :5]
    turned = values(transforms.RandomRotation((90, 90), "bilinear")(square))
    np.testing.assert_allclose(turned, np.rot90(square, 1, (1, 2)), atol=1e-5)
    clockwise = values(transforms.RandomAffine((90, 90), interpolation="bilinear")(square))
    np.testing.assert_allclose(clockwise, np.rot90(square, -1, (1, 2)), atol=1e-5)


def test_an_affine_map_by_its_definition() -> None:
    """Where a bright pixel goes: centre + turn shear (place - centre) + shift."""
    transform = transforms.RandomAffine(
        (20, 20), scale=(1.5, 1.5), shear=(10, 10, -5, -5), interpolation="bilinear"
    )
    ramp = np.stack(np.meshgrid(np.arange(40.0), np.arange(30.0))).astype(np.float64)  # x and y
    places = values(transform(ramp))  # what each pixel of the result reads
    turn, x, y = np.radians([20, 10, -5])
    forward = 1.5 * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    forward = forward @ [[1, 0], [-np.tan(y), 1]] @ [[1, -np.tan(x)], [0, 1]]
    center = np.array([19.5, 14.5])
    for row, column in ((14, 20), (10, 25), (20, 12)):
        there = center + forward @ (places[:, row, column] - center)
        np.testing.assert_allclose(there, [column, row], atol=1e-9)


def test_smaller_images_are_smoothed() -> None:
    ramp = np.arange(64.0).reshape(1, 8, 8)
    smooth = values(transforms.Resize(2)(ramp))
    # A triangle over eight pixels around each centre, cut off at the border.
    weights = np.array([[5, 7, 7, 5, 3, 1, 0, 0], [0, 0, 1, 3, 5, 7, 7, 5]]) / 28
    np.testing.assert_allclose(smooth[0], weights @ ramp[0] @ weights.T)
    sharp = values(transforms.Resize(2, antialias=False)(ramp))
    np.testing.assert_allclose(sharp[0], [[13.5, 17.5], [45.5, 49.5]])
    assert values(transforms.Resize((4, 6), "bicubic")(ramp)).shape == (1, 4, 6)
    assert values(transforms.Resize(4, max_size=5)(IMAGE)).shape == (3, 3, 5)


def test_shifts_are_whole_pixels_within_their_range() -> None:
    seen = set()
    spot = np.zeros((1, 11, 21), np.float32)
    spot[0, 5, 10] = 1
    for _ in range(300):
        _, y, x = np.argwhere(values(transforms.RandomShift((0.1, 0.2))(spot)))[0]
        seen.add((int(x) - 10, int(y) - 5))
    assert seen == set(itertools.product(range(-2, 3), range(-2, 3)))
    assert values(transforms.RandomShift(1.0, fill=3)(spot)).max() == 3


def test_crops_are_everywhere() -> None:
    ramp = np.arange(40, dtype=np.int64).reshape(1, 5, 8)
    corners = {int(values(transforms.RandomCrop((3, 4))(ramp))[0, 0, 0]) for _ in range(400)}
    assert corners == {8 * row + column for row in range(3) for column in range(5)}
    padded = {int(values(transforms.RandomCrop((5, 8), 1)(ramp + 1))[0, 2, 2]) for _ in range(400)}
    assert padded == {8 * row + column + 1 for row in (1, 2, 3) for column in (1, 2, 3)}
    assert values(transforms.RandomCrop((9, 9), pad_if_needed=True)(ramp)).shape == (1, 9, 9)


def test_colors_by_the_standard_library() -> None:
    for turn in (-0.5, -0.2, 0.1, 0.5):
        result = values(transforms.ColorJitter(hue=(turn, turn))(IMAGE))
        for row, column in itertools.product(range(5), range(8)):
            h, s, v = colorsys.rgb_to_hsv(*IMAGE[:, row, column].tolist())
            wanted = colorsys.hsv_to_rgb((h + turn) % 1, s, v)
            np.testing.assert_allclose(result[:, row, column], wanted, atol=2e-6)
    gray = np.tensordot([0.2989, 0.587, 0.114], IMAGE, 1)[None]
    np.testing.assert_allclose(values(transforms.Grayscale()(IMAGE)), gray, rtol=1e-5)
    assert values(transforms.Grayscale(3)(IMAGE)).shape == IMAGE.shape
    np.testing.assert_allclose(values(transforms.RandomGrayscale(1.0)(IMAGE))[1:2], gray, rtol=1e-5)
    saturated = values(transforms.ColorJitter(saturation=(0.5, 0.5))(IMAGE))
    np.testing.assert_allclose(saturated, 0.5 * IMAGE + 0.5 * gray, rtol=1e-5)
    contrast = values(transforms.ColorJitter(contrast=(1.5, 1.5))(IMAGE))
    wanted = np.clip(1.5 * IMAGE - 0.5 * gray.mean(), 0, 1)
    np.testing.assert_allclose(contrast, wanted, rtol=1e-5, atol=1e-6)
    for options in ({"hue": 0.3}, {"saturation": 0.9}):
        np.testing.assert_array_equal(values(transforms.ColorJitter(**options)(GRAY)), GRAY)
    flat = np.full((3, 2, 2), 0.25, np.float32)
    np.testing.assert_array_equal(values(transforms.ColorJitter(hue=0.5)(flat)), flat)


def test_normalize_and_to_tensor() -> None:
    scaled = values(transforms.Normalize([0.5, 0.4, 0.3], (0.1, 0.2, 0.3))(IMAGE))
    mean, std = np.array([[0.5, 0.4, 0.3], [0.1, 0.2, 0.3]])[:, :, None, None]
    np.testing.assert_allclose(scaled, (IMAGE - mean) / std, rtol=1e-5, atol=1e-6)
    assert values(transforms.Normalize(0.5, 2.0)(IMAGE)).shape == IMAGE.shape
    picture = GENERATOR.integers(0, 256, (4, 6, 3)).astype(np.uint8)
    image = values(transforms.ToTensor()(picture))
    assert image.dtype == np.float32 and image.flags.c_contiguous
    np.testing.assert_array_equal(image, np.moveaxis(picture, -1, 0) / np.float32(255))
    assert transforms.ToTensor()(picture[..., 0]).shape == (1, 4, 6)
    floats = picture / 255.0
    np.testing.assert_array_equal(values(transforms.ToTensor()(floats)), np.moveaxis(floats, -1, 0))


def test_erased_rectangles() -> None:
    image = np.ones((2, 20, 30), np.float32)
    for value, wanted in ((0, {0.0}), ((0.5, 0.25), {0.5, 0.25}), ("random", None)):
        erase = transforms.RandomErasing(1.0, (0.1, 0.2), (0.5, 2.0), value)
        for _ in range(20):
            result = values(erase(image))
            rows, columns = (np.flatnonzero((result != 1).any((0, a))) for a in (2, 1))
            height, width = len(rows), len(columns)
            assert (np.diff(rows) == 1).all() and (np.diff(columns) == 1).all()
            hole = result[:, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
            assert wanted is None or set(hole.ravel().tolist()) == wanted
            assert 0.08 <= height * width / 600 <= 0.22
            assert 0.4 <= height / width <= 2.5


def test_frequencies_and_noise() -> None:
    flip = transforms.RandomHorizontalFlip(0.25)
    count = sum(bool((values(flip(IMAGE)) != IMAGE).any()) for _ in range(2000))
    assert abs(count - 500) < 5 * np.sqrt(2000 * 0.25 * 0.75)
    noise = values(transforms.GaussianNoise(0.5, 0.2, clip=False)(np.zeros((1, 100, 100))))
    assert abs(noise.mean() - 0.5) < 0.01 and abs(noise.std() - 0.2) < 0.01
    clipped = values(transforms.GaussianNoise(0.0, 1.0)(np.zeros((1, 10, 10))))
    assert clipped.min() == 0 and clipped.max() == 1


# Random numbers by (seed, epoch, sample)

AUGMENT = transforms.Compose(
    [
        transforms.RandomRotation(15, "bilinear"),
        transforms.RandomCrop(8, padding=1),
        transforms.RandomHorizontalFlip(),
        transforms.RandomErasing(),
        transforms.ColorJitter(0.2, 0.2),
        transforms.GaussianNoise(sigma=0.05),
    ]
)


def numbered(count: int = 50) -> TensorDataset:
    images = digits().tensors[0].numpy()[:count]
    return TensorDataset(images, np.arange(count))


def by_index(loader: Any) -> dict[int, bytes]:
    """Each sample's bytes."""
    return {
        int(label): image.tobytes()
        for images, labels in loader
        for image, label in zip(images.numpy(), labels.tolist(), strict=True)
    }


def test_neither_workers_nor_batches_nor_order_change_a_sample() -> None:
    def epochs(count: int = 2, **options: Any) -> list[dict[int, bytes]]:
        loader = DataLoader(
            TransformedDataset(numbered(), AUGMENT), generator=Generator(7), **options
        )
        return [by_index(loader) for _ in range(count)]

    first = epochs(batch_size=8, shuffle=True)
    assert all(a != b for a, b in zip(first[0].values(), first[1].values(), strict=True))
    assert len(set(first[0].values())) == 50
    for workers in (1, 2, 4):
        assert epochs(batch_size=8, shuffle=True, num_workers=workers) == first
    for threads in (1, 3):
        cygnet.set_num_threads(threads)
        assert epochs(batch_size=8, shuffle=True, num_workers=2) == first
    cygnet.set_num_threads(2)
    assert epochs(batch_size=5) == first
    assert epochs(batch_size=1, sampler=range(49, -1, -1), num_workers=2) == first
    manual_seed(7)
    default = DataLoader(TransformedDataset(numbered(), AUGMENT), 8)
    assert [by_index(default), by_index(default)] == first


def test_an_epoch_goes_on_in_its_middle() -> None:
    generator = Generator(3)
    data = TransformedDataset(numbered(), AUGMENT)
    loader = DataLoader(data, 8, shuffle=True, generator=generator, num_workers=2)
    list(loader)
    state = generator.get_state()
    whole = [[each.numpy() for each in batch] for batch in loader]
    other = Generator(0)
    other.set_state(state)
    again = DataLoader(data, 8, shuffle=True, generator=other, num_workers=1)
    for batch, expected in zip(again.iterate_from(3), whole[3:], strict=True):
        for a, b in zip(batch, expected, strict=True):
            np.testing.assert_array_equal(a.numpy(), b)


def test_interleaved_loaders_and_direct_calls_do_not_disturb_each_other() -> None:
    def loader(seed: int) -> DataLoader:
        return DataLoader(TransformedDataset(numbered(), AUGMENT), 8, generator=Generator(seed))

    alone = by_index(loader(1)), by_index(loader(2))
    together: tuple[dict[int, bytes], dict[int, bytes]] = {}, {}
    for batches in zip(loader(1), loader(2), strict=True):
        AUGMENT(np.zeros((1, 8, 8)))
        for kept, batch in zip(together, batches, strict=True):
            kept.update(by_index([batch]))
    assert together == alone


def test_nested_datasets_draw_on() -> None:
    """Two transforms of one sample do not draw the same numbers."""
    draw = transforms.Lambda(lambda image: image + cygnet.data.augmentation.drawn((0.0, 1.0))[0])
    inner = TransformedDataset(TensorDataset(np.zeros((6, 1, 1, 1))), draw)
    outer = TransformedDataset(Subset(inner, [5, 4, 3]), draw)
    both = [x.item() for (x,) in DataLoader(outer, 1, generator=Generator(1))]
    one = TransformedDataset(TensorDataset(np.zeros((3, 1, 1, 1))), draw)
    single = [x.item() for (x,) in DataLoader(one, 1, generator=Generator(1))]
    assert all(b != 2 * s for b, s in zip(both, single, strict=True))
    assert len(set(both)) == 3


@pytest.mark.parametrize("mix", [transforms.MixUp, transforms.CutMix])
def test_mixed_batches(mix: Any) -> None:
    images = np.arange(4.0, dtype=np.float32)[:, None, None, None] * np.ones((1, 2, 6, 5), "f")
    labels = np.array([0, 1, 2, 3])
    shares = []
    for _ in range(200):
        mixed, targets = (each.numpy() for each in mix(num_classes=4)(images, labels))
        assert mixed.shape == images.shape and targets.shape == (4, 4)
        np.testing.assert_allclose(targets.sum(1), 1, rtol=1e-5)
        share = targets[1, 1]
        wanted = share * np.eye(4) + (1 - share) * np.eye(4)[[3, 0, 1, 2]]
        np.testing.assert_allclose(targets, wanted, atol=1e-6)
        # The mean pixel of an image is mixed as its label.
        np.testing.assert_allclose(mixed.mean((1, 2, 3)), targets @ np.arange(4), atol=1e-5)
        shares.append(share)
    assert np.std(shares) > 0.15
    soft = mix()((images, np.eye(4, dtype=np.float32)))[1]
    assert soft.shape == (4, 4)


def test_the_distribution_of_shares() -> None:
    """Beta(a, a) has the mean 1/2 and the variance 1 / (8 a + 4)."""
    for alpha in (1e-3, 0.2, 1.0, 5.0):
        shares = np.array([transforms.batch._beta(alpha) for _ in range(3000)])
        assert abs(shares.mean() - 0.5) < 5 * shares.std() / np.sqrt(3000)
        assert abs(shares.var() * (8 * alpha + 4) - 1) < 0.12


def test_mixed_batches_do_not_depend_on_workers() -> None:
    mix = transforms.MixUp(alpha=0.4, num_classes=50)

    def batches(workers: int) -> list[bytes]:
        loader = DataLoader(
            numbered(), 8, generator=Generator(1), num_workers=workers,
            collate_fn=lambda batch: mix(default_collate(batch)),
        )  # fmt: skip
        return [images.numpy().tobytes() for _ in range(2) for images, _ in loader]

    first = batches(0)
    assert len(set(first)) == len(first)
    assert batches(1) == batches(2) == batches(4) == first


def test_samples_keep_their_form() -> None:
    flip = transforms.RandomHorizontalFlip(1.0)
    pairs = TransformedDataset(numbered(3), flip, lambda label: label + 1)
    image, label = pairs[1]
    assert len(pairs) == 3 and label.item() == 2
    np.testing.assert_array_equal(image.numpy(), numbered(3)[1][0].numpy()[:, :, ::-1])
    assert TransformedDataset([GRAY], flip)[0].shape == GRAY.shape
    assert TransformedDataset([[GRAY, 5]], flip)[0][1] == 5
    assert isinstance(digits(transform=flip), TransformedDataset)
    for index in range(3):
        np.testing.assert_array_equal(
            digits("test", flip)[index][0].numpy(), digits("test")[index][0].numpy()[:, :, ::-1]
        )


def test_representations() -> None:
    assert repr(transforms.RandomHorizontalFlip()) == "RandomHorizontalFlip(p=0.5)"
    assert "RandomCrop(size=(8, 8), padding=Pad(" in repr(AUGMENT)
    assert repr(transforms.MixUp()) == "MixUp(alpha=1.0, num_classes=None)"


T = transforms


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: T.RandomHorizontalFlip(1.5), ValueError, "RandomHorizontalFlip: p expected a num"),
        (lambda: T.RandomApply([], "x"), ValueError, "RandomApply: p expected"),
        (lambda: T.RandomApply([3]), TypeError, "RandomApply: transforms[0] expected a callable"),
        (lambda: T.Compose(3), TypeError, "Compose: transforms expected a sequence, got int"),
        (lambda: T.Lambda(3), TypeError, "Lambda: lambd[0] expected a callable"),
        (lambda: T.RandomRotation(-3), ValueError, "RandomRotation: degrees expected a number of"),
        (lambda: T.RandomRotation((3, 1)), ValueError, "degrees expected two rising numbers"),
        (lambda: T.RandomRotation((1, 2, 3)), ValueError, "degrees expected 1 or 2 numbers"),
        (lambda: T.RandomRotation(3, "cubic"), ValueError, "interpolation is 'cubic'"),
        (lambda: T.RandomRotation(3, expand=True), NotImplementedError, "expand=True"),
        (lambda: T.RandomAffine(0, (2, 0)), ValueError, "RandomAffine: translate expected numbers"),
        (lambda: T.RandomAffine(0, scale=(0, 1)), ValueError, "scale expected numbers above 0"),
        (lambda: T.RandomAffine(0, shear=(1, 2, 3)), ValueError, "shear expected 1 or 2 or 4"),
        (lambda: T.RandomAffine(0, fill="x"), ValueError, "fill expected 1 numbers, got 'x'"),
        (lambda: T.RandomCrop(0), ValueError, "RandomCrop: size expected one or two ints"),
        (lambda: T.RandomCrop(6)(IMAGE), ValueError, "RandomCrop: image has shape (3, 5, 8)"),
        (lambda: T.CenterCrop(2.5), ValueError, "CenterCrop: size expected"),
        (lambda: T.Resize((1, 2, 3)), ValueError, "Resize: size expected"),
        (lambda: T.Resize(5, max_size=5), ValueError, "Resize: max_size is 5"),
        (lambda: T.Resize(5, "area"), ValueError, "Resize: interpolation is 'area'"),
        (lambda: T.Pad(-1), ValueError, "Pad: padding expected ints of at least 0"),
        (lambda: T.Pad(1, padding_mode="wrap"), ValueError, "Pad: padding_mode is 'wrap'"),
        (lambda: T.RandomErasing(scale=(0.5, 2)), ValueError, "RandomErasing: scale expected"),
        (lambda: T.RandomErasing(ratio=(0, 2)), ValueError, "RandomErasing: ratio expected"),
        (lambda: T.RandomErasing(1, value=(1, 2))(IMAGE), ValueError, "expected 1 or 3"),
        (lambda: T.Normalize(0, 0), ValueError, "Normalize: std expected numbers other than 0"),
        (lambda: T.Normalize([1, 2], 1)(IMAGE), ValueError, "Normalize: mean has 2 numbers"),
        (lambda: T.Grayscale(2), ValueError, "Grayscale: num_output_channels expected 1 or 3"),
        (lambda: T.Grayscale()(IMAGE[:2]), ValueError, "Grayscale: image has 2 channels"),
        (lambda: T.GaussianNoise(sigma=-1), ValueError, "GaussianNoise: sigma expected"),
        (lambda: T.ColorJitter(-1), ValueError, "ColorJitter: brightness expected"),
        (lambda: T.ColorJitter((-1, 2)), ValueError, "two rising numbers of at least 0"),
        (lambda: T.ColorJitter(hue=0.7), ValueError, "ColorJitter: hue expected numbers from"),
        (lambda: T.Pad(1)(3), TypeError, "Pad: image expected a Tensor or an array, got int"),
        (lambda: T.Pad(1)(IMAGE[0]), ValueError, "Pad: image has shape (5, 8)"),
        (lambda: T.Normalize(0, 1)(np.ones((1, 2, 2), np.uint8)), TypeError, "image is uint8"),
        (lambda: T.ToTensor()(np.ones(3)), ValueError, "ToTensor: picture has shape (3,)"),
        (lambda: T.ToTensor()(np.array([["a"]])), TypeError, "ToTensor: picture is <U1"),
        (lambda: T.MixUp(alpha=0), ValueError, "MixUp: alpha expected a number above 0"),
        (lambda: T.MixUp(num_classes=0), ValueError, "MixUp: num_classes expected"),
        (lambda: T.CutMix()(IMAGE), ValueError, "CutMix: expected images and labels, got 1"),
        (lambda: T.CutMix()(IMAGE, [0]), ValueError, "CutMix: images are float32 of shape (3, 5"),
        (lambda: T.MixUp()(IMAGE[None], [0]), ValueError, "MixUp: num_classes is None"),
        (lambda: T.MixUp()(IMAGE[None], [0, 1]), ValueError, "labels have shape (2,)"),
        (lambda: T.MixUp()(IMAGE[None], [[0, 1]]), TypeError, "labels of two dimensions are int"),
        (lambda: TransformedDataset(3), TypeError, "dataset expected one with samples by index"),
        (lambda: TransformedDataset([], 3), TypeError, "transform expected a callable, got 3"),
    ],
)
def test_bad_arguments(call: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error) as caught:
        call()
    assert text in str(caught.value)
