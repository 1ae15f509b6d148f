"""What the pixels of an image become where they are."""

from __future__ import annotations

from typing import Any

from cygnet import ops
from cygnet.data.augmentation import current_cell, drawn
from cygnet.data.transforms.base import (
    Transform,
    happens,
    interval,
    noise,
    numbers,
    probability,
)
from cygnet.kernels import ShapeError, permutation
from cygnet.tensor import Tensor

__all__ = ["ColorJitter", "GaussianNoise", "Grayscale", "Normalize", "RandomGrayscale"]

_LUMINANCE = (0.2989, 0.587, 0.114)  # of red, green and blue: ITU-R BT.601


def _luminance(name: str, image: Tensor) -> Tensor:
    """One channel; an image with one channel has it already."""
    _check_color(name, image)
    if image.shape[0] == 1:
        return image
    weights = ops.tensor(_LUMINANCE, dtype=image.dtype).reshape(3, 1, 1)
    return (image * weights).sum(0, keepdim=True)


def _check_color(name: str, image: Tensor) -> None:
    if image.shape[0] not in (1, 3):
        raise ShapeError(f"{name}: image has {image.shape[0]} channels, expected 1 or 3")


class Normalize(Transform):
    """The image minus a mean, over a standard deviation, channel by channel.

    Parameters
    ----------
    mean, std : float or sequence of float
        One number, or one for each channel; deviations are not 0.
    inplace : bool
        Has no effect: the image that is given stays as it is.

    Raises
    ------
    ValueError, ShapeError
    """

    def __init__(self, mean: Any, std: Any, inplace: bool = False) -> None:
        self.mean = numbers("Normalize", "mean", mean, range(1, 1025))
        self.std = numbers("Normalize", "std", std, range(1, 1025))
        if 0 in self.std:
            raise ValueError(f"Normalize: std expected numbers other than 0, got {std!r}")

    def apply(self, image: Tensor) -> Tensor:
        for name, given in (("mean", self.mean), ("std", self.std)):
            if len(given) not in (1, image.shape[0]):
                raise ShapeError(
                    f"Normalize: {name} has {len(given)} numbers, expected 1 or {image.shape[0]}, "
                    "one for each channel"
                )
        mean, std = (
            ops.tensor(each, dtype=image.dtype).reshape(-1, 1, 1) for each in (self.mean, self.std)
        )
        return (image - mean) / std


class Grayscale(Transform):
    """The luminance of an image with red, green and blue.

    Parameters
    ----------
    num_output_channels : int
        1 (default), or 3 alike.

    Raises
    ------
    ValueError, ShapeError
    """

    def __init__(self, num_output_channels: int = 1) -> None:
        if num_output_channels not in (1, 3):
            raise ValueError(
                f"Grayscale: num_output_channels expected 1 or 3, got {num_output_channels!r}"
            )
        self.num_output_channels = num_output_channels

    def apply(self, image: Tensor) -> Tensor:
        gray = _luminance(type(self).__name__, image)
        return gray.repeat(3, 1, 1) if self.num_output_channels == 3 else gray


class RandomGrayscale(Transform):
    """The luminance in each of an image's channels, with a given probability.

    Parameters
    ----------
    p : float
        Default 0.1.
    """

    def __init__(self, p: float = 0.1) -> None:
        self.p = probability("RandomGrayscale", p)

    def apply(self, image: Tensor) -> Tensor:
        if not happens(self.p):
            return image
        return _luminance("RandomGrayscale", image).repeat(image.shape[0], 1, 1)


class GaussianNoise(Transform):
    """The image with normal noise on every pixel.

    Parameters
    ----------
    mean : float
        Default 0.
    sigma : float
        The standard deviation, at least 0. Default 0.1.
    clip : bool
        Whether the result is brought back to 0 ... 1. Default True.

    Raises
    ------
    ValueError
    """

    def __init__(self, mean: float = 0.0, sigma: float = 0.1, clip: bool = True) -> None:
        self.mean = numbers("GaussianNoise", "mean", mean, (1,))[0]
        self.sigma = numbers("GaussianNoise", "sigma", sigma, (1,))[0]
        if self.sigma < 0:
            raise ValueError(f"GaussianNoise: sigma expected at least 0, got {sigma!r}")
        self.clip = clip

    def apply(self, image: Tensor) -> Tensor:
        noisy = image + (noise(image.shape, image) * self.sigma + self.mean)
        return noisy.clamp(0, 1) if self.clip else noisy


class ColorJitter(Transform):
    """The image with other brightness, contrast, saturation and hue, changed in random order.

    Pixels go from 0 to 1. Of an image with one channel saturation and hue stay.

    Parameters
    ----------
    brightness, contrast, saturation : float or (float, float)
        The range of the factors, at least 0; one number d is (max(0, 1 - d), 1 + d). Default 0: no
        change.
    hue : float or (float, float)
        The range of turns of the colour circle, within -0.5 ... 0.5; one number d is (-d, d).
        Default 0.

    Raises
    ------
    ValueError, ShapeError
    """

    def __init__(
        self, brightness: Any = 0, contrast: Any = 0, saturation: Any = 0, hue: Any = 0
    ) -> None:
        name = "ColorJitter"
        self.brightness = interval(name, "brightness", brightness, 1.0, 0.0)
        self.contrast = interval(name, "contrast", contrast, 1.0, 0.0)
        self.saturation = interval(name, "saturation", saturation, 1.0, 0.0)
        self.hue = interval(name, "hue", hue, 0.0)
        if not -0.5 <= self.hue[0] <= self.hue[1] <= 0.5:
            raise ValueError(f"{name}: hue expected numbers from -0.5 to 0.5, got {hue!r}")

    def apply(self, image: Tensor) -> Tensor:
        _check_color("ColorJitter", image)
        ranges = (self.brightness, self.contrast, self.saturation, self.hue)
        amounts = drawn(*ranges)
        for which in permutation(current_cell(), len(ranges)).tolist():
            if ranges[which] != _STILL[which]:
                image = _CHANGES[which](image, amounts[which])
        return image


def _blended(image: Tensor, other: Tensor | float, factor: float) -> Tensor:
    return (image * factor + other * (1 - factor)).clamp(0, 1)


def _with_brightness(image: Tensor, factor: float) -> Tensor:
    return _blended(image, 0.0, factor)


def _with_contrast(image: Tensor, factor: float) -> Tensor:
    return _blended(image, _luminance("ColorJitter", image).mean(), factor)


def _with_saturation(image: Tensor, factor: float) -> Tensor:
    if image.shape[0] == 1:
        return image
    return _blended(image, _luminance("ColorJitter", image), factor)


def _with_hue(image: Tensor, turn: float) -> Tensor:
    """A. R. Smith, "Color gamut transform pairs", 1978: hue goes around a hexagon."""
    if image.shape[0] == 1:
        return image
    red, green, blue = image.unbind(0)
    most, least = image.amax(0), image.amin(0)
    chroma = most - least
    scale = ops.where(chroma == 0, ops.ones_like(chroma), chroma)
    corner = ops.where(
        most == red,
        (green - blue) / scale,
        ops.where(most == green, (blue - red) / scale + 2, (red - green) / scale + 4),
    )
    first = ops.tensor([5.0, 3.0, 1.0], dtype=image.dtype).reshape(3, 1, 1)
    place = ops.remainder(first + (corner + 6 * turn), 6)
    return most - chroma * ops.minimum(place, 4 - place).clamp(0, 1)


_STILL = ((1.0, 1.0), (1.0, 1.0), (1.0, 1.0), (0.0, 0.0))
_CHANGES = (_with_brightness, _with_contrast, _with_saturation, _with_hue)
