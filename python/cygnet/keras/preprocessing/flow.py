"""Batches of images that an `ImageDataGenerator` changes, from arrays and from folders."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from cygnet.keras.utils.images import array_to_img, channels_first, img_to_array, load_img
from cygnet.keras.utils.numerical import to_categorical
from cygnet.keras.utils.source import PyDataset
from cygnet.tensor import Array, Tensor

if TYPE_CHECKING:
    from cygnet.keras.preprocessing.generator import ImageDataGenerator

__all__ = ["DirectoryIterator", "Iterator", "NumpyArrayIterator"]

_ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".ppm", ".tif", ".tiff")
_CHANNELS = {"grayscale": 1, "rgb": 3, "rgba": 4}
_CLASS_MODES = ("categorical", "binary", "sparse", "input", None)


class Iterator(PyDataset):
    """Batches without end, and by their number; an epoch of them is ``len(iterator)`` batches.

    Random numbers are those of NumPy's `numpy.random`, as in Keras.

    Parameters
    ----------
    n : int
        Images of an epoch.
    batch_size : int
    shuffle : bool
        Whether each epoch has its own order.
    seed : int, optional
        Starts ``numpy.random`` anew before each batch, counted up by the batches so far.
    generator : ImageDataGenerator
        Changes the images.
    saving : (folder, prefix, format)
        Where changed images are written to; folder None: nowhere.
    """

    def __init__(
        self,
        n: int,
        batch_size: int,
        shuffle: bool,
        seed: int | None,
        generator: ImageDataGenerator,
        saving: tuple[Any, str, str],
    ) -> None:
        super().__init__()
        if batch_size < 1:
            raise ValueError(f"flow: argument batch_size expected at least 1, got {batch_size}")
        self.n = n
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.seed = seed
        self.image_data_generator = generator
        self.batch_index = 0
        self.total_batches_seen = 0
        self.index_array: Array | None = None
        self._saving = saving

    def __len__(self) -> int:
        return math.ceil(self.n / self.batch_size)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        if not self.n:
            raise StopIteration
        index = self.batch_index
        self.batch_index = (index + 1) % len(self)
        return self._batch(index, new_order=index == 0)

    def __getitem__(self, index: int) -> Any:
        if not 0 <= index < len(self):
            raise ValueError(f"flow: there are {len(self)} batches, got number {index}")
        return self._batch(index, new_order=self.index_array is None)

    def _batch(self, index: int, new_order: bool) -> Any:
        if self.seed is not None:
            np.random.seed(self.seed + self.total_batches_seen)  # noqa: NPY002
        self.total_batches_seen += 1
        if new_order:
            self.on_epoch_end()
        assert self.index_array is not None
        chosen = self.index_array[index * self.batch_size : (index + 1) * self.batch_size]
        return self._batch_of(chosen)

    def on_epoch_end(self) -> None:
        """Draw the order of the next epoch."""
        order = np.random.permutation(self.n) if self.shuffle else np.arange(self.n)  # noqa: NPY002
        self.index_array = order

    def reset(self) -> None:
        """Go on with the first batch."""
        self.batch_index = 0

    def _batch_of(self, indices: Array) -> Any:
        raise NotImplementedError

    def _changed(self, images: Array, indices: Array) -> Array:
        """Images of a batch, changed and standardized, and written where wanted."""
        generator = self.image_data_generator
        parameters = [generator.get_random_transform(image.shape) for image in images]
        moved = generator.transformed(images, parameters)
        for position, image in enumerate(moved):
            standard = generator.standardize(image)
            if standard is not image:
                moved[position] = standard
        folder, prefix, ending = self._saving
        if folder:
            for index, image in zip(indices, moved, strict=True):
                number = np.random.randint(10_000)  # noqa: NPY002
                picture = array_to_img(image, generator.data_format, scale=True)
                picture.save(os.path.join(folder, f"{prefix}_{index}_{number}.{ending}"))
        return moved


class NumpyArrayIterator(Iterator):
    """What `ImageDataGenerator.flow` gives: (images, labels, weights), or what of them there is."""

    def __init__(
        self,
        x: Any,
        y: Any,
        image_data_generator: ImageDataGenerator,
        batch_size: int = 32,
        shuffle: bool = False,
        sample_weight: Any = None,
        seed: int | None = None,
        data_format: str | None = None,
        save_to_dir: str | PathLike[str] | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        subset: str | None = None,
        ignore_class_split: bool = False,
        dtype: Any = None,
    ) -> None:
        others: list[Any] = []
        if isinstance(x, tuple | list) and len(x) == 2 and np.ndim(x[0]) == 4:
            x, rest = x
            others = list(rest) if isinstance(rest, list) else [rest]
        arrays = [_array(x), *map(_array, others)]
        labels, weights = (None if each is None else _array(each) for each in (y, sample_weight))
        count = len(arrays[0])
        for each in (*arrays, labels, weights):
            if each is not None and len(each) != count:
                raise ValueError(f"flow: all data expected {count} samples as x, got {len(each)}")
        if arrays[0].ndim != 4:
            raise ValueError(
                "flow: argument x expected images (N, height, width, channels), got shape "
                f"{arrays[0].shape}"
            )
        if subset is not None:
            part = _part(subset, count, image_data_generator.validation_split)
            if labels is not None and not ignore_class_split:
                held_out, kept = (
                    np.unique(labels[_part(name, count, image_data_generator.validation_split)])
                    for name in ("validation", "training")
                )
                if not np.array_equal(held_out, kept):
                    raise ValueError(
                        "flow: training and validation data have different classes; shuffle them, "
                        "or give ignore_class_split=True"
                    )
            arrays = [each[part] for each in arrays]
            labels, weights = (None if each is None else each[part] for each in (labels, weights))
        self.x = arrays[0].astype(dtype or np.float32, copy=False)
        self.x_misc = arrays[1:]
        self.y = labels
        self.sample_weight = weights
        saving = (save_to_dir, save_prefix, save_format)
        super().__init__(len(self.x), batch_size, shuffle, seed, image_data_generator, saving)

    def _batch_of(self, indices: Array) -> Any:
        images: Any = self._changed(self.x[indices], indices)
        if self.x_misc:
            images = [images, *(each[indices] for each in self.x_misc)]
        if self.y is None:
            return images
        parts = (images, self.y[indices])
        return parts if self.sample_weight is None else (*parts, self.sample_weight[indices])


class DirectoryIterator(Iterator):
    """What `ImageDataGenerator.flow_from_directory` gives: (images, labels).

    Attributes
    ----------
    filenames, filepaths : list of str
        Of the images, in order; the names from the folder on.
    class_indices : dict of str to int
        The number of each class.
    classes, labels : numpy.ndarray
        The number of each image's class.
    samples, num_classes : int
    """

    def __init__(
        self,
        directory: str | PathLike[str],
        image_data_generator: ImageDataGenerator,
        target_size: tuple[int, int] = (256, 256),
        color_mode: str = "rgb",
        classes: Sequence[str] | None = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        data_format: str | None = None,
        save_to_dir: str | PathLike[str] | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        follow_links: bool = False,
        subset: str | None = None,
        interpolation: str = "nearest",
        keep_aspect_ratio: bool = False,
        dtype: Any = None,
    ) -> None:
        for name, value, known in (
            ("color_mode", color_mode, tuple(_CHANNELS)),
            ("class_mode", class_mode, _CLASS_MODES),
        ):
            if value not in known:
                raise ValueError(
                    f"flow_from_directory: argument {name} expected one of "
                    f"{', '.join(map(repr, known))}, got {value!r}"
                )
        root = Path(directory)
        if not classes:
            classes = sorted(each.name for each in root.iterdir() if each.is_dir())
        self.class_indices = {name: index for index, name in enumerate(classes)}
        self.num_classes = len(classes)
        if class_mode == "binary" and self.num_classes != 2:
            raise ValueError(
                "flow_from_directory: class_mode 'binary' expected 2 classes, found "
                f"{', '.join(classes) or 'none'}"
            )
        found: list[tuple[Path, int]] = []
        for name, index in self.class_indices.items():
            files = _image_files(root / name, follow_links)
            if subset is not None:
                files = files[_part(subset, len(files), image_data_generator.validation_split)]
            found += [(file, index) for file in files]
        self.directory = str(directory)
        self.filepaths = [str(file) for file, _ in found]
        self.filenames = [str(file.relative_to(root)) for file, _ in found]
        self.classes = self.labels = np.array([index for _, index in found], np.int32)
        self.samples = len(found)
        self.target_size = target_size
        self.color_mode = color_mode
        self.class_mode = class_mode
        self.interpolation = interpolation
        self.keep_aspect_ratio = keep_aspect_ratio
        self.data_format = data_format
        channels = _CHANNELS[color_mode]
        first = channels_first("flow_from_directory", data_format)
        size = tuple(target_size)
        self.image_shape = (channels, *size) if first else (*size, channels)
        self.dtype = dtype or np.float32
        saving = (save_to_dir, save_prefix, save_format)
        super().__init__(self.samples, batch_size, shuffle, seed, image_data_generator, saving)
        print(f"Found {self.samples} images belonging to {self.num_classes} classes.")

    def _batch_of(self, indices: Array) -> Any:
        images = np.empty((len(indices), *self.image_shape), self.dtype)
        for position, index in enumerate(indices):
            picture = load_img(
                self.filepaths[index],
                self.color_mode,
                self.target_size,
                self.interpolation,
                self.keep_aspect_ratio,
            )
            images[position] = img_to_array(picture, self.data_format)
        changed = self._changed(images, indices)
        labels = self.labels[indices]
        if self.class_mode is None:
            return changed
        if self.class_mode == "input":
            return changed, changed.copy()
        if self.class_mode == "categorical":
            return changed, to_categorical(labels, self.num_classes, self.dtype)
        return changed, labels.astype(self.dtype)


def _array(data: Any) -> Array:
    return data.detach().numpy() if isinstance(data, Tensor) else np.asarray(data)


def _part(subset: str, count: int, share: float) -> slice:
    """Which samples are in a subset: those for validation come first."""
    if subset not in ("training", "validation"):
        raise ValueError(
            f"flow: argument subset expected 'training' or 'validation', got {subset!r}"
        )
    held_out = int(count * share)
    return slice(held_out) if subset == "validation" else slice(held_out, None)


def _image_files(folder: Path, follow_links: bool) -> list[Path]:
    """All image files in a folder and those inside it, sorted."""
    found = []
    for place, _, names in sorted(os.walk(folder, followlinks=follow_links)):
        found += [Path(place, name) for name in sorted(names) if name.lower().endswith(_ENDINGS)]
    return found
