"""Images between files, PIL and arrays. What handles PIL's images needs Pillow."""

from __future__ import annotations

import io
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np

from cygnet.keras.ops.image import resize
from cygnet.ops.create import as_tensor
from cygnet.tensor import Array, Tensor

__all__ = ["array_to_img", "img_to_array", "load_img", "save_img", "smart_resize"]

_MODES = {"grayscale": "L", "rgb": "RGB", "rgba": "RGBA"}
_GRAY = ("L", "I;16", "I")  # modes that count as gray already
_INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "hamming", "box", "lanczos")


def channels_first(op: str, data_format: str | None) -> bool:
    """Whether `data_format` says so; None means "channels_last"."""
    if data_format not in (None, "channels_last", "channels_first"):
        raise ValueError(
            f"{op}: argument data_format expected 'channels_last' or 'channels_first', got "
            f"{data_format!r}"
        )
    return data_format == "channels_first"


def img_to_array(img: Any, data_format: str | None = None, dtype: Any = None) -> Array:
    """An image as an array.

    Parameters
    ----------
    img : PIL.Image or array_like
        (height, width) or (height, width, channels).
    data_format : {"channels_last", "channels_first"}, optional
        Of the result. Default "channels_last".
    dtype : str or numpy.dtype, optional
        Default float32.

    Returns
    -------
    numpy.ndarray
        (height, width, channels), or (channels, height, width).

    Raises
    ------
    ValueError
        If the image has another number of axes.
    """
    first = channels_first("img_to_array", data_format)
    array = np.asarray(img.numpy() if isinstance(img, Tensor) else img, dtype=dtype or np.float32)
    if array.ndim not in (2, 3):
        raise ValueError(
            "img_to_array: argument img expected shape (height, width) or (height, width, "
            f"channels), got {array.shape}"
        )
    if array.ndim == 2:
        array = array[..., None]
    return array.transpose(2, 0, 1) if first else array


def array_to_img(
    x: Any, data_format: str | None = None, scale: bool = True, dtype: Any = None
) -> Any:
    """An array as an image of PIL.

    Parameters
    ----------
    x : array_like
        (height, width, channels) with 1, 3 or 4 channels, or (channels, height, width).
    data_format : {"channels_last", "channels_first"}, optional
        Of `x`. Default "channels_last".
    scale : bool, default True
        Whether values are spread so that the smallest becomes 0 and the largest 255; without it
        they are taken as they are, from 0 to 255.
    dtype : str or numpy.dtype, optional
        In which is computed. Default float32.

    Returns
    -------
    PIL.Image.Image

    Raises
    ------
    ImportError
        If Pillow is missing.
    ValueError
        If the shape is another.
    """
    image = _pil("array_to_img")
    array = np.asarray(x.numpy() if isinstance(x, Tensor) else x, dtype=dtype or np.float32)
    first = channels_first("array_to_img", data_format)
    if array.ndim == 3 and first:
        array = array.transpose(1, 2, 0)
    if array.ndim != 3 or array.shape[2] not in (1, 3, 4):
        raise ValueError(
            "array_to_img: argument x expected an image with 1, 3 or 4 channels, got shape "
            f"{np.shape(x)}"
        )
    if scale:
        array = array - array.min()
        array = array * 255 if array.max() == 0 else array / array.max() * 255
    if array.shape[2] > 1:
        return image.fromarray(array.astype(np.uint8))
    if array.max() > 255:  # of more than 8 bits
        return image.fromarray(array[..., 0].astype(np.int32))
    return image.fromarray(array[..., 0].astype(np.uint8))


def load_img(
    path: Any,
    color_mode: str = "rgb",
    target_size: tuple[int, int] | None = None,
    interpolation: str = "nearest",
    keep_aspect_ratio: bool = False,
) -> Any:
    """An image of PIL from a file.

    Parameters
    ----------
    path : path-like or io.BytesIO
    color_mode : {"rgb", "rgba", "grayscale"}, default "rgb"
    target_size : (height, width), optional
        Default: as it is.
    interpolation : str, default "nearest"
        "nearest", "bilinear", "bicubic", "hamming", "box" or "lanczos".
    keep_aspect_ratio : bool, default False
        Whether the middle is cut out in the ratio of `target_size`, instead of stretching.

    Returns
    -------
    PIL.Image.Image

    Raises
    ------
    ImportError
        If Pillow is missing.
    OSError
        If the file cannot be read, is damaged, or declares more pixels than Pillow's limit.
    ValueError
        If an option is none of these.
    """
    if color_mode not in _MODES:
        raise ValueError(
            f"load_img: argument color_mode expected one of {', '.join(_MODES)}, got {color_mode!r}"
        )
    if interpolation not in _INTERPOLATIONS:
        raise ValueError(
            f"load_img: argument interpolation expected one of {', '.join(_INTERPOLATIONS)}, got "
            f"{interpolation!r}"
        )
    image = _pil("load_img")
    if not isinstance(path, io.BytesIO):
        path = io.BytesIO(Path(fspath(path)).read_bytes())
    try:
        loaded = image.open(path)
        loaded.load()
    except (MemoryError, OSError):
        raise
    except Exception as error:  # a damaged image raises errors of many kinds
        raise OSError(f"load_img: the image is damaged: {error}") from error
    if loaded.mode != _MODES[color_mode] and not (
        color_mode == "grayscale" and loaded.mode in _GRAY
    ):
        loaded = loaded.convert(_MODES[color_mode])
    if target_size is None or loaded.size == (target_size[1], target_size[0]):
        return loaded
    height, width = target_size
    box = None
    if keep_aspect_ratio:
        inner_width = min(loaded.width, loaded.height * width // height)
        inner_height = min(loaded.height, loaded.width * height // width)
        left, top = (loaded.width - inner_width) // 2, (loaded.height - inner_height) // 2
        box = (left, top, left + inner_width, top + inner_height)
    return loaded.resize((width, height), getattr(image.Resampling, interpolation.upper()), box=box)


def save_img(
    path: str | PathLike[str],
    x: Any,
    data_format: str | None = None,
    file_format: str | None = None,
    scale: bool = True,
    **kwargs: Any,
) -> None:
    """Write an array as an image file.

    Parameters
    ----------
    path : path-like
        Its ending names the format.
    x, data_format, scale
        As in :func:`array_to_img`.
    file_format : str, optional
        The format, instead of the ending.
    **kwargs
        As ``PIL.Image.Image.save`` takes them.
    """
    drawn = array_to_img(x, data_format, scale)
    if file_format is None:
        file_format = Path(path).suffix[1:].lower()
    if file_format == "jpg":
        file_format = "jpeg"
    if file_format == "jpeg" and drawn.mode == "RGBA":
        drawn = drawn.convert("RGB")
    drawn.save(path, format=file_format, **kwargs)


def smart_resize(
    x: Any,
    size: tuple[int, int],
    interpolation: str = "bilinear",
    data_format: str | None = "channels_last",
) -> Any:
    """The middle of images, cut out in the ratio of `size`, in that size: nothing is stretched.

    Parameters
    ----------
    x : array_like or Tensor
        (height, width, channels) or (N, height, width, channels).
    size : (height, width)
    interpolation : str, default "bilinear"
        As in `keras.ops.image.resize`.
    data_format : {"channels_last", "channels_first"}
        Of `x`. Default "channels_last".

    Returns
    -------
    numpy.ndarray or Tensor
        As `x` is.

    Raises
    ------
    ValueError
        If `x` has another number of axes, or `size` is no pair of positive numbers.
    """
    images = x if isinstance(x, Tensor) else as_tensor(np.asarray(x))
    if images.ndim not in (3, 4):
        raise ValueError(
            "smart_resize: argument x expected shape (height, width, channels), perhaps with a "
            f"batch before, got {images.shape}"
        )
    if len(size) != 2 or min(size) < 1:
        raise ValueError(f"smart_resize: argument size expected (height, width), got {size}")
    axis = -2 if channels_first("smart_resize", data_format) else -3
    extent = images.shape[axis], images.shape[axis + 1]
    inner = (
        max(1, min(extent[0], extent[1] * size[0] // size[1])),
        max(1, min(extent[1], extent[0] * size[1] // size[0])),
    )
    for step, (whole, part) in enumerate(zip(extent, inner, strict=True)):
        images = images.narrow(axis + step, (whole - part) // 2, part)
    resized = resize(images, size, interpolation, data_format=data_format)
    return resized if isinstance(x, Tensor) else resized.numpy()


def _pil(op: str) -> Any:
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError(f"{op} needs Pillow: pip install cygnet[image]") from error
    return Image
