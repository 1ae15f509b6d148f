"""Images changed at random while a model is trained with them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from os import PathLike
from typing import Any

import numpy as np

from cygnet.keras.preprocessing.flow import DirectoryIterator, NumpyArrayIterator
from cygnet.keras.utils.images import channels_first
from cygnet.nn import functional as F
from cygnet.ops.create import as_tensor
from cygnet.tensor import Array

__all__ = ["ImageDataGenerator"]

# What lies outside of an image, by Keras's names and the core's.
_FILL_MODES = {"nearest": "border", "reflect": "reflection", "constant": "zeros", "wrap": "border"}
_ORDERS = {0: "nearest", 1: "bilinear"}
_STILL = {"theta": 0, "tx": 0, "ty": 0, "shear": 0, "zx": 1, "zy": 1}


class ImageDataGenerator:
    """Batches of images, turned, shifted, zoomed, mirrored and scaled at random.

    Parameters
    ----------
    featurewise_center, featurewise_std_normalization : bool, default False
        Whether the mean of the channels is subtracted, and their deviation divided by; both
        are those of the data given to :meth:`fit`. The second brings the first along.
    samplewise_center, samplewise_std_normalization : bool, default False
        The same with the mean and the deviation of each image.
    zca_whitening : bool, default False
        Whether pixels are decorrelated, after :meth:`fit`.
    zca_epsilon : float, default 1e-6
    rotation_range : float, default 0
        In degrees, in both directions.
    width_shift_range, height_shift_range : float, int or sequence, default 0.0
        A float below 1 is a share of the width or height, another one pixels; an int the pixels
        below it; a sequence the shifts to choose from. In both directions.
    brightness_range : (float, float), optional
        Factors, for pixels as whole numbers from 0 to 255.
    shear_range : float, default 0.0
        In degrees, in both directions.
    zoom_range : float or (float, float), default 0.0
        Sizes from ``1 - zoom_range`` to ``1 + zoom_range``, or these; height and width for
        themselves.
    channel_shift_range : float, default 0.0
        What is added to all channels.
    fill_mode : {"nearest", "reflect", "constant", "wrap"}, default "nearest"
        What is seen outside of an image: its border, its mirror image, `cval`, itself again.
    cval : float, default 0.0
    horizontal_flip, vertical_flip : bool, default False
        Whether half of the images are mirrored.
    rescale : float, optional
        A factor for all pixels, after everything random.
    preprocessing_function : callable, optional
        Of one image, before `rescale`.
    data_format : {"channels_last", "channels_first"}, optional
        Default "channels_last".
    validation_split : float, default 0.0
        The share of the data at the beginning that is the subset "validation".
    interpolation_order : {1, 0}, default 1
        Linear or nearest. (Keras has splines up to 5.)
    dtype : str or numpy.dtype, optional
        Default float32.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Notes
    -----
    Random numbers are drawn from ``numpy.random`` in Keras's order, so that the same seed gives
    the same batches of square images. Three things differ: Keras takes `width_shift_range` for the
    height and `height_shift_range` for the width, turns images that are not square around another
    point than the middle, and does not blend pixels into what lies outside with `fill_mode`
    "constant" and "wrap".

    Examples
    --------
    >>> import numpy as np
    >>> generator = ImageDataGenerator(rescale=1 / 255, horizontal_flip=True)
    >>> batches = generator.flow(np.ones((50, 8, 8, 1)), np.zeros(50), batch_size=20)
    >>> images, labels = next(batches)
    >>> len(batches), images.shape, labels.shape
    (3, (20, 8, 8, 1), (20,))
    """

    def __init__(
        self,
        featurewise_center: bool = False,
        samplewise_center: bool = False,
        featurewise_std_normalization: bool = False,
        samplewise_std_normalization: bool = False,
        zca_whitening: bool = False,
        zca_epsilon: float = 1e-6,
        rotation_range: float = 0,
        width_shift_range: Any = 0.0,
        height_shift_range: Any = 0.0,
        brightness_range: Sequence[float] | None = None,
        shear_range: float = 0.0,
        zoom_range: Any = 0.0,
        channel_shift_range: float = 0.0,
        fill_mode: str = "nearest",
        cval: float = 0.0,
        horizontal_flip: bool = False,
        vertical_flip: bool = False,
        rescale: float | None = None,
        preprocessing_function: Callable[[Array], Array] | None = None,
        data_format: str | None = None,
        validation_split: float = 0.0,
        interpolation_order: int = 1,
        dtype: Any = None,
    ) -> None:
        self._channels_first = channels_first("ImageDataGenerator", data_format)
        self.data_format = "channels_first" if self._channels_first else "channels_last"
        one = isinstance(zoom_range, int | float)
        zoom = (1 - zoom_range, 1 + zoom_range) if one else tuple(zoom_range)
        for name, value, good, expected in (
            ("zoom_range", zoom_range, len(zoom) == 2, "a number or two"),
            (
                "brightness_range",
                brightness_range,
                brightness_range is None or np.shape(brightness_range) == (2,),
                "two numbers",
            ),
            ("validation_split", validation_split, 0 <= validation_split < 1, "in [0, 1)"),
            ("fill_mode", fill_mode, fill_mode in _FILL_MODES, f"one of {', '.join(_FILL_MODES)}"),
            ("interpolation_order", interpolation_order, interpolation_order in _ORDERS, "0 or 1"),
        ):
            if not good:
                raise ValueError(
                    f"ImageDataGenerator: argument {name} expected {expected}, got {value!r}"
                )
        self.featurewise_center = (
            featurewise_center or featurewise_std_normalization or zca_whitening
        )
        self.featurewise_std_normalization = featurewise_std_normalization and not zca_whitening
        self.samplewise_center = samplewise_center or samplewise_std_normalization
        self.samplewise_std_normalization = samplewise_std_normalization
        self.zca_whitening = zca_whitening
        self.zca_epsilon = zca_epsilon
        self.rotation_range = rotation_range
        self.width_shift_range = width_shift_range
        self.height_shift_range = height_shift_range
        self.brightness_range = brightness_range
        self.shear_range = shear_range
        self.zoom_range = zoom
        self.channel_shift_range = channel_shift_range
        self.fill_mode = fill_mode
        self.cval = cval
        self.horizontal_flip = horizontal_flip
        self.vertical_flip = vertical_flip
        self.rescale = rescale
        self.preprocessing_function = preprocessing_function
        self.validation_split = validation_split
        self.interpolation_order = interpolation_order
        self.dtype = dtype or np.float32
        self.mean: Any = None
        self.std: Any = None
        self.zca_whitening_matrix: Any = None

    def flow(
        self,
        x: Any,
        y: Any = None,
        batch_size: int = 32,
        shuffle: bool = True,
        sample_weight: Any = None,
        seed: int | None = None,
        save_to_dir: str | PathLike[str] | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        ignore_class_split: bool = False,
        subset: str | None = None,
    ) -> NumpyArrayIterator:
        """Batches of images from an array, for `fit`.

        Parameters
        ----------
        x : array_like
            (N, height, width, channels); or a pair of it and other arrays that go along.
        y, sample_weight : array_like, optional
        batch_size : int, default 32
        shuffle : bool, default True
        seed : int, optional
        save_to_dir : path-like, optional
            A folder into which all changed images are written, with `save_prefix` and in
            `save_format`.
        ignore_class_split : bool, default False
            Whether the subsets may have different classes.
        subset : {"training", "validation"}, optional
            The part of the data, by `validation_split`.
        """
        return NumpyArrayIterator(
            x,
            y,
            self,
            batch_size=batch_size,
            shuffle=shuffle,
            sample_weight=sample_weight,
            seed=seed,
            data_format=self.data_format,
            save_to_dir=save_to_dir,
            save_prefix=save_prefix,
            save_format=save_format,
            subset=subset,
            ignore_class_split=ignore_class_split,
            dtype=self.dtype,
        )

    def flow_from_directory(
        self,
        directory: str | PathLike[str],
        target_size: tuple[int, int] = (256, 256),
        color_mode: str = "rgb",
        classes: Sequence[str] | None = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        save_to_dir: str | PathLike[str] | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        follow_links: bool = False,
        subset: str | None = None,
        interpolation: str = "nearest",
        keep_aspect_ratio: bool = False,
    ) -> DirectoryIterator:
        """Batches of images from files, for `fit`; it needs Pillow.

        Parameters
        ----------
        directory : path-like
            With one folder a class.
        target_size : (height, width), default (256, 256)
        color_mode : {"rgb", "rgba", "grayscale"}, default "rgb"
        classes : sequence of str, optional
            The folders. Default: all, sorted.
        class_mode : {"categorical", "binary", "sparse", "input", None}
            Whether labels are vectors, numbers (of two classes: "binary"), the images
            themselves, or are left out.
        batch_size, shuffle, seed, save_to_dir, save_prefix, save_format, subset
            As in :meth:`flow`.
        follow_links : bool, default False
        interpolation, keep_aspect_ratio
            As in :func:`cygnet.keras.utils.load_img`.
        """
        return DirectoryIterator(
            directory,
            self,
            target_size=target_size,
            color_mode=color_mode,
            classes=classes,
            class_mode=class_mode,
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
            data_format=self.data_format,
            save_to_dir=save_to_dir,
            save_prefix=save_prefix,
            save_format=save_format,
            follow_links=follow_links,
            subset=subset,
            interpolation=interpolation,
            keep_aspect_ratio=keep_aspect_ratio,
            dtype=self.dtype,
        )

    def get_random_transform(
        self, img_shape: Sequence[int], seed: int | None = None
    ) -> dict[str, Any]:
        """What :meth:`apply_transform` takes, drawn at random for an image of this shape."""
        # The legacy generator, and this order, are Keras's: the same seed gives the same images.
        draw: Any = np.random  # its state is the process's
        if seed is not None:
            draw.seed(seed)

        def around_zero(limit: float) -> float:
            return draw.uniform(-limit, limit) if limit else 0

        height, width = img_shape[1:3] if self._channels_first else img_shape[:2]
        theta = around_zero(self.rotation_range)
        tx = _shift(self.width_shift_range, width)
        ty = _shift(self.height_shift_range, height)
        shear = around_zero(self.shear_range)
        zx = zy = 1.0
        if self.zoom_range != (1, 1):
            zx, zy = draw.uniform(*self.zoom_range, 2)
        flips = draw.random(2) < 0.5
        intensity = around_zero(self.channel_shift_range) if self.channel_shift_range else None
        brightness = None
        if self.brightness_range is not None:
            brightness = draw.uniform(*self.brightness_range)
        return {
            "theta": theta,
            "tx": tx,
            "ty": ty,
            "shear": shear,
            "zx": zx,
            "zy": zy,
            "flip_horizontal": bool(flips[0] and self.horizontal_flip),
            "flip_vertical": bool(flips[1] and self.vertical_flip),
            "channel_shift_intensity": intensity,
            "brightness": brightness,
        }

    def apply_transform(self, x: Any, transform_parameters: dict[str, Any]) -> Array:
        """An image (height, width, channels), changed.

        Parameters
        ----------
        x : array_like
        transform_parameters : dict
            "theta" and "shear" in degrees, "tx" and "ty" the shifts in pixels along the width
            and the height, "zx" and "zy" sizes along them, "channel_shift_intensity",
            "flip_horizontal", "flip_vertical", "brightness"; each may be missing.
        """
        changed: Array = self.transformed(np.asarray(x)[None], [transform_parameters])[0]
        return changed

    def random_transform(self, x: Any, seed: int | None = None) -> Array:
        """An image, changed at random."""
        return self.apply_transform(x, self.get_random_transform(np.shape(x), seed))

    def transformed(self, images: Array, parameters: Sequence[dict[str, Any]]) -> Array:
        """A batch of images, each changed by its parameters of :meth:`apply_transform`."""
        row, column = (1, 2) if self._channels_first else (0, 1)
        changed = self._moved(np.array(images, self.dtype), parameters)
        for position, chosen in enumerate(parameters):
            before = image = changed[position]
            intensity = chosen.get("channel_shift_intensity")
            if intensity is not None:
                image = np.clip(image + intensity, image.min(), image.max())
            if chosen.get("flip_horizontal"):
                image = np.flip(image, column)
            if chosen.get("flip_vertical"):
                image = np.flip(image, row)
            brightness = chosen.get("brightness")
            if brightness is not None:
                image = _brighter(image, brightness)
            if image is not before:
                changed[position] = image.copy()  # it may be a view of what is written
        return changed

    def _moved(self, images: Array, parameters: Sequence[dict[str, Any]]) -> Array:
        """Images turned, shifted, sheared and zoomed: one call of the core for all of them."""
        chosen = [
            {name: each.get(name, still) for name, still in _STILL.items()} for each in parameters
        ]
        if all(each == _STILL for each in chosen):
            return images
        # The core's images are (N, C, H, W); this is a view.
        planes = images if self._channels_first else images.transpose(0, 3, 1, 2)
        height, width = planes.shape[2:]
        matrices = _affine(chosen, height, width)
        grid = F.affine_grid(as_tensor(matrices.astype(planes.dtype)), planes.shape, False)
        if self.fill_mode == "wrap":
            grid = (grid + 1).remainder(2) - 1
        filled = self.cval if self.fill_mode == "constant" else 0.0
        moved = F.grid_sample(
            as_tensor(planes - filled) if filled else as_tensor(planes),
            grid,
            _ORDERS[self.interpolation_order],
            _FILL_MODES[self.fill_mode],
            False,
        ).numpy()
        if filled:
            moved = moved + filled
        return np.ascontiguousarray(moved if self._channels_first else moved.transpose(0, 2, 3, 1))

    def standardize(self, x: Array) -> Array:
        """An image, or a batch of them, scaled and normalized; `x` itself may be written to."""
        if self.preprocessing_function is not None:
            x = self.preprocessing_function(x)
        if self.rescale:
            x *= self.rescale
        if self.samplewise_center:
            x -= x.mean()
        if self.samplewise_std_normalization:
            x /= x.std() + 1e-6
        if self.featurewise_center and self._is_fitted("featurewise_center", self.mean):
            x -= self.mean
        if self.featurewise_std_normalization and self._is_fitted(
            "featurewise_std_normalization", self.std
        ):
            x /= self.std + 1e-6
        if self.zca_whitening and self._is_fitted("zca_whitening", self.zca_whitening_matrix):
            pixels = self.zca_whitening_matrix.shape[0]
            x = (x.reshape(-1, pixels) @ self.zca_whitening_matrix).reshape(x.shape)
        return x

    def _is_fitted(self, name: str, statistic: Any) -> bool:
        if statistic is None:
            warnings.warn(
                f"ImageDataGenerator: {name} has no effect before fit() was called", stacklevel=3
            )
        return statistic is not None

    def fit(self, x: Any, augment: bool = False, rounds: int = 1, seed: int | None = None) -> None:
        """Measure what `featurewise_center`, `featurewise_std_normalization` and `zca_whitening`
        need.

        Parameters
        ----------
        x : array_like
            (N, height, width, channels).
        augment : bool, default False
            Whether it is measured on images changed at random, `rounds` times each.
        rounds : int, default 1
        seed : int, optional
            Starts ``numpy.random`` anew.
        """
        images: Array = np.array(x, self.dtype)
        if images.ndim != 4:
            raise ValueError(
                "ImageDataGenerator.fit: argument x expected images (N, height, width, channels), "
                f"got shape {images.shape}"
            )
        if seed is not None:
            np.random.seed(seed)  # noqa: NPY002
        if self.rescale:
            images *= self.rescale
        if augment:
            images = np.concatenate(
                [
                    self.transformed(
                        images, [self.get_random_transform(each.shape) for each in images]
                    )
                    for _ in range(rounds)
                ]
            )
        axes = (0, 2, 3) if self._channels_first else (0, 1, 2)
        if self.featurewise_center:
            self.mean = images.mean(axes, keepdims=True)[0]
            images -= self.mean
        if self.featurewise_std_normalization:
            self.std = images.std(axes, keepdims=True)[0]
            images /= self.std + 1e-6
        if self.zca_whitening:
            flat = images.reshape(len(images), -1)
            directions, sizes, _ = np.linalg.svd(flat.T, full_matrices=False)
            scaled = directions * (np.sqrt(len(flat)) / (sizes + self.zca_epsilon))
            self.zca_whitening_matrix = scaled @ directions.T


def _shift(limit: Any, size: int) -> Any:
    """A random shift in pixels."""
    if isinstance(limit, float | np.floating):
        shift = np.random.uniform(-limit, limit) if limit else 0  # noqa: NPY002
        return shift * size if limit < 1 else shift
    if not np.any(limit):
        return 0
    shift = np.random.choice(limit) * np.random.choice([-1, 1])  # noqa: NPY002
    return shift * size if np.max(limit) < 1 else shift


def _affine(chosen: Sequence[dict[str, Any]], height: int, width: int) -> Array:
    """The affine maps (N, 2, 3) from places (x, y) of results to those of images.

    In pixels from the middle: zoomed, sheared, shifted, then turned. `affine_grid` counts them in
    half widths and half heights.
    """
    theta, tx, ty, shear, zx, zy = np.array([list(each.values()) for each in chosen]).T
    angle, slanted = np.deg2rad(theta), np.deg2rad(theta + shear)
    cosine, sine = np.cos(angle), np.sin(angle)
    ratio = height / width
    rows = [
        (zx * cosine, -zy * np.sin(slanted) * ratio, (cosine * tx - sine * ty) * 2 / width),
        (zx * sine / ratio, zy * np.cos(slanted), (sine * tx + cosine * ty) * 2 / height),
    ]
    return np.moveaxis(np.array(rows), 2, 0)


def _brighter(image: Array, factor: float) -> Array:
    """All pixels by a factor, as whole numbers from 0 to 255."""
    low, high = image.min(), image.max()
    outside = low < 0 or high > 255
    if outside:
        image = (image - low) / ((high - low) or 1) * 255
    image = np.floor(np.clip(np.floor(image) * factor, 0, 255))
    return image / 255 * (high - low) + low if outside else image
