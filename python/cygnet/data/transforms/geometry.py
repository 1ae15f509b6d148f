"""Where the pixels of an image go."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cygnet import kernels, ops
from cygnet.data.augmentation import drawn
from cygnet.data.transforms.base import (
    Transform,
    happens,
    image_size,
    interval,
    noise,
    numbers,
    probability,
)
from cygnet.kernels import ShapeError
from cygnet.ops.common import wrap
from cygnet.tensor import Tensor

__all__ = [
    "CenterCrop",
    "Pad",
    "RandomAffine",
    "RandomCrop",
    "RandomErasing",
    "RandomHorizontalFlip",
    "RandomRotation",
    "RandomShift",
    "RandomVerticalFlip",
    "Resize",
]

_PADDING = {"constant": "constant", "edge": "replicate", "reflect": "reflect"}


def _choice(name: str, argument: str, value: Any, known: Any) -> str:
    if value not in known:
        raise ValueError(f"{name}: {argument} is {value!r}, expected one of {', '.join(known)}")
    return str(value)


class _RandomFlip(Transform):
    _any_dtype = True
    _axis = -1

    def __init__(self, p: float = 0.5) -> None:
        self.p = probability(type(self).__name__, p)

    def apply(self, image: Tensor) -> Tensor:
        if not happens(self.p):
            return image
        return wrap(image._array[:, :, ::-1] if self._axis == -1 else image._array[:, ::-1])


class RandomHorizontalFlip(_RandomFlip):
    """The image with left and right exchanged, with a given probability.

    Parameters
    ----------
    p : float
        Default 0.5.
    """


class RandomVerticalFlip(_RandomFlip):
    """The image upside down, with a given probability.

    Parameters
    ----------
    p : float
        Default 0.5.
    """

    _axis = -2


class RandomAffine(Transform):
    """The image turned, moved, scaled and sheared about its centre, each by a random amount.

    Parameters
    ----------
    degrees : float or (float, float)
        The range of angles, clockwise; one number d is (-d, d).
    translate : (float, float), optional
        The largest shifts over the image's width and height, 0 to 1; they are whole pixels.
    scale : (float, float), optional
        The range of factors, above 0.
    shear : float or sequence of two or four float, optional
        The range of angles along x, in degrees, and of four those along y.
    interpolation : str
        'nearest' (default) or 'bilinear'.
    fill : float
        What lies outside of the image. Default 0.
    center : (float, float), optional
        In pixels from the upper left corner, x first. Default: the image's centre.

    Raises
    ------
    ValueError
    """

    _clockwise = 1

    def __init__(
        self,
        degrees: Any,
        translate: Any = None,
        scale: Any = None,
        shear: Any = None,
        interpolation: str = "nearest",
        fill: float = 0,
        center: Any = None,
    ) -> None:
        name = type(self).__name__
        self.degrees = interval(name, "degrees", degrees, 0.0)
        self.translate = None if translate is None else numbers(name, "translate", translate, (2,))
        if self.translate is not None and not all(0 <= part <= 1 for part in self.translate):
            raise ValueError(f"{name}: translate expected numbers from 0 to 1, got {translate!r}")
        self.scale = None if scale is None else interval(name, "scale", scale, low=0.0)
        if self.scale is not None and self.scale[0] == 0:
            raise ValueError(f"{name}: scale expected numbers above 0, got {scale!r}")
        self.shear = None if shear is None else _shears(name, shear)
        known = ("nearest", "bilinear")
        self.interpolation = _choice(name, "interpolation", interpolation, known)
        self.fill = numbers(name, "fill", fill, (1,))[0]
        self.center = None if center is None else numbers(name, "center", center, (2,))

    def apply(self, image: Tensor) -> Tensor:
        _, height, width = image.shape
        reach_x, reach_y = (
            (0.0, 0.0)
            if self.translate is None
            else (self.translate[0] * width, self.translate[1] * height)
        )
        shear_x, shear_y = ((0.0, 0.0), (0.0, 0.0)) if self.shear is None else self.shear
        scales = (1.0, 1.0) if self.scale is None else self.scale
        angle, x, y, scale, along_x, along_y = drawn(
            self.degrees, (-reach_x, reach_x), (-reach_y, reach_y), scales, shear_x, shear_y
        )
        if self.center is None:
            center = ((width - 1) / 2, (height - 1) / 2)
        else:
            center = (self.center[0] - 0.5, self.center[1] - 0.5)
        turn = self._clockwise * angle
        transform = _inverse(turn, round(x), round(y), scale, along_x, along_y, center)
        array = image._array
        moved = kernels.projective_transform_forward(
            array[np.newaxis],
            np.array([transform], array.dtype),
            self.interpolation,
            "constant",
            self.fill,
        )
        return wrap(moved[0])


def _shears(name: str, shear: Any) -> tuple[tuple[float, float], tuple[float, float]]:
    ends = numbers(name, "shear", shear, (1, 2, 4))
    along_x = interval(name, "shear", ends if len(ends) == 1 else ends[:2], 0.0)
    return along_x, interval(name, "shear", ends[2:], 0.0) if len(ends) == 4 else (0.0, 0.0)


def _inverse(
    angle: float,
    x: float,
    y: float,
    scale: float,
    shear_x: float,
    shear_y: float,
    center: tuple[float, float],
) -> list[float]:
    """From a pixel of the result to its place in the image: the inverse of shearing, first along x,
    then along y, turning and scaling about the centre and then moving by (x, y).
    """
    turn, along_x, along_y = (math.radians(each) for each in (angle, shear_x, shear_y))
    cosine = math.cos(turn) + math.sin(turn) * math.tan(along_y)
    sine = math.sin(turn) - math.cos(turn) * math.tan(along_y)
    a = (math.cos(turn) - math.tan(along_x) * sine) / scale
    b = (math.sin(turn) + math.tan(along_x) * cosine) / scale
    c, d = -sine / scale, cosine / scale
    to_x, to_y = center[0] + x, center[1] + y
    return [a, b, center[0] - a * to_x - b * to_y, c, d, center[1] - c * to_x - d * to_y, 0.0, 0.0]


class RandomRotation(RandomAffine):
    """The image turned by a random angle.

    Parameters
    ----------
    degrees : float or (float, float)
        The range of angles, counter-clockwise; one number d is (-d, d).
    interpolation : str
        'nearest' (default) or 'bilinear'.
    expand : bool
        Must be False: the result has the image's size.
    center : (float, float), optional
        In pixels from the upper left corner, x first. Default: the image's centre.
    fill : float
        What lies outside of the image. Default 0.

    Raises
    ------
    ValueError, NotImplementedError
    """

    _clockwise = -1

    def __init__(
        self,
        degrees: Any,
        interpolation: str = "nearest",
        expand: bool = False,
        center: Any = None,
        fill: float = 0,
    ) -> None:
        if expand:
            raise NotImplementedError("RandomRotation: expand=True is not supported")
        super().__init__(degrees, interpolation=interpolation, fill=fill, center=center)


class RandomShift(RandomAffine):
    """The image moved by a random number of pixels.

    Parameters
    ----------
    translate : float or (float, float)
        The largest shifts over the image's width and height, 0 to 1.
    fill : float
        What comes in. Default 0.

    Raises
    ------
    ValueError
    """

    def __init__(self, translate: Any, fill: float = 0) -> None:
        both = numbers("RandomShift", "translate", translate, (1, 2))
        super().__init__(0.0, translate=(both[0], both[-1]), fill=fill)


class Pad(Transform):
    """The image in a frame.

    Parameters
    ----------
    padding : int or sequence of two or four int
        How wide: on all sides; left and right, top and bottom; or left, top, right, bottom.
    fill : float
        The constant. Default 0.
    padding_mode : str
        'constant' (default); 'edge': the border pixels; 'reflect': mirrored at the border pixels.

    Raises
    ------
    ValueError
    """

    _any_dtype = True

    def __init__(self, padding: Any, fill: float = 0, padding_mode: str = "constant") -> None:
        name = type(self).__name__
        widths = numbers(name, "padding", padding, (1, 2, 4))
        if any(n < 0 or n != int(n) for n in widths):
            raise ValueError(f"{name}: padding expected ints of at least 0, got {padding!r}")
        left, top, right, bottom = (int(n) for n in (widths * 4)[:4])
        self.padding = (left, top, right, bottom)
        self.fill = numbers(name, "fill", fill, (1,))[0]
        self.padding_mode = _choice(name, "padding_mode", padding_mode, _PADDING)

    def apply(self, image: Tensor) -> Tensor:
        left, top, right, bottom = self.padding
        if self.padding_mode == "constant":
            return _framed(image, left, right, top, bottom, self.fill)
        return ops.pad(image, (left, right, top, bottom), _PADDING[self.padding_mode])


class CenterCrop(Transform):
    """The middle of the image, in a frame of zeros where it is too small.

    Parameters
    ----------
    size : int or (int, int)
        Height and width.
    """

    _any_dtype = True

    def __init__(self, size: Any) -> None:
        self.size = image_size("CenterCrop", size)

    def apply(self, image: Tensor) -> Tensor:
        image = _at_least(image, self.size)
        top, left = (round(n / 2) for n in _spare(image, self.size))
        return _cropped(image, top, left, self.size)


def _at_least(image: Tensor, size: tuple[int, int]) -> Tensor:
    """The image in a frame of zeros where it is smaller than `size`, the larger half behind."""
    missing_y, missing_x = (max(-n, 0) for n in _spare(image, size))
    if not missing_x and not missing_y:
        return image
    left, top = missing_x // 2, missing_y // 2
    return _framed(image, left, missing_x - left, top, missing_y - top, 0.0)


def _spare(image: Tensor, size: tuple[int, int]) -> tuple[int, int]:
    """How many rows and columns the image has above the size."""
    _, height, width = image.shape
    return height - size[0], width - size[1]


def _framed(image: Tensor, left: int, right: int, top: int, bottom: int, value: float) -> Tensor:
    widths = [(0, 0), (top, bottom), (left, right)]
    return wrap(kernels.pad_constant(image._array, widths, value))


def _cropped(image: Tensor, top: int, left: int, size: tuple[int, int]) -> Tensor:
    return wrap(image._array[:, top : top + size[0], left : left + size[1]])


class RandomCrop(Transform):
    """A piece of the image at a random place.

    Parameters
    ----------
    size : int or (int, int)
        Height and width.
    padding : int or sequence of int, optional
        A frame around the image before, as `Pad` takes it.
    pad_if_needed : bool
        Whether an image that is too small gets a frame, else it is an error. Default False.
    fill, padding_mode : float, str
        Of the frame; see `Pad`.

    Raises
    ------
    ValueError, ShapeError
    """

    _any_dtype = True

    def __init__(
        self,
        size: Any,
        padding: Any = None,
        pad_if_needed: bool = False,
        fill: float = 0,
        padding_mode: str = "constant",
    ) -> None:
        self.size = image_size("RandomCrop", size)
        self.padding = None if padding is None else Pad(padding, fill, padding_mode)
        self.pad_if_needed = pad_if_needed
        self._frame = (fill, padding_mode)

    def apply(self, image: Tensor) -> Tensor:
        if self.padding is not None:
            image = self.padding.apply(image)
        spare = _spare(image, self.size)
        if min(spare) < 0:
            if not self.pad_if_needed:
                raise ShapeError(
                    f"RandomCrop: image has shape {image.shape}, expected at least "
                    f"{self.size[0]} rows and {self.size[1]} columns"
                )
            top, left = (max(-n, 0) for n in spare)
            image = Pad((left, top), *self._frame).apply(image)
            spare = _spare(image, self.size)
        top, left = (int(place) for place in drawn(*((0.0, n + 1.0) for n in spare)))
        return _cropped(image, top, left, self.size)


class Resize(Transform):
    """The image in another size.

    Parameters
    ----------
    size : int or (int, int)
        Height and width, or one number for the shorter side.
    interpolation : str
        'bilinear' (default), 'bicubic', 'nearest' or 'nearest-exact'.
    max_size : int, optional
        With one number: the most that the longer side may be.
    antialias : bool
        Whether an image that becomes smaller is smoothed. Default True; has no effect on 'nearest'.

    Raises
    ------
    ValueError
    """

    def __init__(
        self,
        size: Any,
        interpolation: str = "bilinear",
        max_size: int | None = None,
        antialias: bool = True,
    ) -> None:
        known = ("bilinear", "bicubic", "nearest", "nearest-exact")
        self.interpolation = _choice("Resize", "interpolation", interpolation, known)
        height, width = image_size("Resize", size)
        self.size = size if isinstance(size, int) else (height, width)
        if isinstance(size, list | tuple) and len(size) == 1:
            self.size = height
        if max_size is not None and (not isinstance(self.size, int) or max_size <= self.size):
            raise ValueError(
                f"Resize: max_size is {max_size}, expected more than size, one int, got {size!r}"
            )
        self.max_size = max_size
        self.antialias = bool(antialias)

    def apply(self, image: Tensor) -> Tensor:
        height, width = image.shape[1:]
        if isinstance(self.size, int):
            short, long = self.size, int(self.size * max(height, width) / min(height, width))
            if self.max_size is not None and long > self.max_size:
                short, long = int(self.max_size * short / long), self.max_size
            wanted = (short, long) if height <= width else (long, short)
        else:
            wanted = self.size
        if wanted == (height, width):
            return image
        smoothed = self.antialias and self.interpolation in ("bilinear", "bicubic")
        batch = image.unsqueeze(0)
        return ops.interpolate(batch, wanted, mode=self.interpolation, antialias=smoothed).squeeze(
            0
        )


class RandomErasing(Transform):
    """The image with a random rectangle cut out, with a given probability.

    Parameters
    ----------
    p : float
        Default 0.5.
    scale : (float, float)
        The range of the rectangle's area over the image's. Default (0.02, 0.33).
    ratio : (float, float)
        The range of its height over its width, evenly in the logarithm. Default (0.3, 3.3).
    value : float, sequence of float or str
        What it is filled with: one number, one for each channel, or 'random': normal noise.
        Default 0.
    inplace : bool
        Has no effect: the image that is given stays as it is.

    Raises
    ------
    ValueError

    References
    ----------
    Z. Zhong et al., "Random erasing data augmentation", 2020.
    """

    def __init__(
        self,
        p: float = 0.5,
        scale: Any = (0.02, 0.33),
        ratio: Any = (0.3, 3.3),
        value: Any = 0,
        inplace: bool = False,
    ) -> None:
        name = "RandomErasing"
        self.p = probability(name, p)
        self.scale = interval(name, "scale", scale, low=0.0)
        if self.scale[1] > 1:
            raise ValueError(f"{name}: scale expected numbers from 0 to 1, got {scale!r}")
        self.ratio = interval(name, "ratio", ratio, low=0.0)
        if self.ratio[0] == 0:
            raise ValueError(f"{name}: ratio expected numbers above 0, got {ratio!r}")
        if value != "random":
            value = numbers(name, "value", value, range(1, 1025))
        self.value = value

    def apply(self, image: Tensor) -> Tensor:
        if not happens(self.p):
            return image
        _, height, width = image.shape
        logarithms = (math.log(self.ratio[0]), math.log(self.ratio[1]))
        for _ in range(10):
            area, logarithm, at_y, at_x = drawn(self.scale, logarithms, (0.0, 1.0), (0.0, 1.0))
            ratio = math.exp(logarithm)
            rows = round(math.sqrt(area * height * width * ratio))
            columns = round(math.sqrt(area * height * width / ratio))
            if rows < height and columns < width:
                top, left = int(at_y * (height - rows + 1)), int(at_x * (width - columns + 1))
                erased = image.clone()
                erased[:, top : top + rows, left : left + columns] = self._filling(
                    image, rows, columns
                )
                return erased
        return image

    def _filling(self, image: Tensor, rows: int, columns: int) -> Tensor:
        channels = image.shape[0]
        if self.value == "random":
            return noise((channels, rows, columns), image)
        if len(self.value) not in (1, channels):
            raise ValueError(
                f"RandomErasing: value has {len(self.value)} numbers, expected 1 or {channels}, "
                "one for each channel"
            )
        return ops.tensor(self.value, dtype=image.dtype).reshape(-1, 1, 1)
