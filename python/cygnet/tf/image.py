"""Functions of pictures (H, W, C) or (N, H, W, C): ``tf.image``."""

from __future__ import annotations

from typing import Any

import numpy as np

from cygnet.keras import ops, random
from cygnet.keras.ops.image import extract_patches as extract_patches
from cygnet.keras.ops.image import rgb_to_grayscale as rgb_to_grayscale
from cygnet.tensor import as_dtype
from cygnet.tf.renamed import renamed
from cygnet.tf.values import sizes_of, value_of

__all__ = [
    "central_crop",
    "convert_image_dtype",
    "extract_patches",
    "flip_left_right",
    "flip_up_down",
    "grayscale_to_rgb",
    "random_flip_left_right",
    "random_flip_up_down",
    "resize",
    "rgb_to_grayscale",
]

_resize = renamed(ops.image.resize, "images size method")


def resize(images: Any, size: Any, method: str = "bilinear", **options: Any) -> Any:
    """Other sizes, by interpolation between the points' centers.

    Parameters
    ----------
    images : Tensor
    size : sequence of int
        Height and width.
    method : str
        "bilinear" (default), "nearest" or "bicubic".
    **options
        `antialias`, by default False.
    """
    return _resize(images, sizes_of(size), method, **options)


def flip_left_right(image: Any) -> Any:
    """Mirrored from left to right."""
    return ops.flip(image, -2)


def flip_up_down(image: Any) -> Any:
    """Mirrored from top to bottom."""
    return ops.flip(image, -3)


def _flipped_at_random(image: Any, axis: int, seed: Any) -> Any:
    image = value_of(image)
    chosen = ops.less(random.uniform((*image.shape[:-3], 1, 1, 1), seed=seed), 0.5)
    return ops.where(chosen, ops.flip(image, axis), image)


def random_flip_left_right(image: Any, seed: int | None = None) -> Any:
    """Each picture mirrored from left to right with probability 1/2."""
    return _flipped_at_random(image, -2, seed)


def random_flip_up_down(image: Any, seed: int | None = None) -> Any:
    """Each picture mirrored from top to bottom with probability 1/2."""
    return _flipped_at_random(image, -3, seed)


def central_crop(image: Any, central_fraction: float) -> Any:
    """The middle of a picture, with this share of its height and width."""
    if not 0.0 < central_fraction <= 1.0:
        raise ValueError(
            f"image.central_crop: central_fraction expected in (0, 1], got {central_fraction}"
        )
    image = value_of(image)
    first = [int((size - size * central_fraction) / 2) for size in image.shape[-3:-1]]
    rows, columns = (
        slice(begin, size - begin) for begin, size in zip(first, image.shape[-3:-1], strict=True)
    )
    return image[..., rows, columns, :]


def grayscale_to_rgb(images: Any, name: str | None = None) -> Any:
    """The one channel three times."""
    return ops.repeat(images, 3, -1)


def convert_image_dtype(
    image: Any, dtype: Any, saturate: bool = False, name: str | None = None
) -> Any:
    """Another type, in which integers from 0 to their largest are floats from 0 to 1.

    Raises
    ------
    ValueError
        From one type of integers to another.
    """
    image, wanted = value_of(image), as_dtype(dtype, "image.convert_image_dtype")
    given = np.dtype(str(image.dtype))
    if given == wanted or (given.kind == "f" and wanted.kind == "f"):
        return ops.cast(image, wanted)
    if wanted.kind == "f":
        return ops.multiply(ops.cast(image, wanted), 1.0 / np.iinfo(given).max)
    if given.kind != "f":
        raise ValueError(
            f"image.convert_image_dtype: dtype expected a float type for {given}, got {wanted}"
        )
    scaled = ops.multiply(image, np.iinfo(wanted).max + 0.5)
    return (ops.saturate_cast if saturate else ops.cast)(scaled, wanted)
