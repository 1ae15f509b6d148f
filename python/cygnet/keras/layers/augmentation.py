"""Images changed at random, in training only: each of a batch by numbers of its own, where the
layer does not say otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

import cygnet.ops as core
from cygnet import kernels
from cygnet.keras.layer import Layer
from cygnet.keras.layers.common import choice
from cygnet.keras.layers.images import OfImages, Sized, cropped
from cygnet.keras.layers.random_cell import own_generator
from cygnet.ops.common import wrap
from cygnet.random import Generator, default_generator
from cygnet.tensor import Tensor

__all__ = [
    "RandomBrightness",
    "RandomContrast",
    "RandomCrop",
    "RandomFlip",
    "RandomRotation",
    "RandomShear",
    "RandomTranslation",
    "RandomZoom",
]

Range = tuple[float, float]

_FILL_MODES = ("reflect", "wrap", "constant", "nearest")
_INTERPOLATIONS = ("nearest", "bilinear")


class _Random(OfImages):
    """Base of layers that change images in training only. They draw by their `seed`, or, without
    one, by the global seed and their place in the model.
    """

    def __init__(self, seed: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if seed is not None and not isinstance(seed, int | np.integer | Generator):
            raise TypeError(
                f"{type(self).__name__}: seed expected an int or a Generator, got {seed!r}"
            )
        self.seed = seed

    def call(self, inputs: Tensor, training: bool = True) -> Tensor:
        """Compute the outputs."""
        images = inputs.to(self.dtype)
        return self.changed(images) if training else images

    def _draw(self, count: int, limits: Range = (0.0, 1.0)) -> Tensor:
        """Uniform random numbers."""
        own = own_generator(self)
        if own is None:
            cell = default_generator.cell(f"augmentation:{self.path or self.name}")
        else:
            cell = own.cell("augmentation")
        return wrap(kernels.uniform(kernels.empty((count,), self.dtype), cell, *limits))


class RandomFlip(_Random):
    """Images flipped, each with probability 1/2.

    Parameters
    ----------
    mode : str
        "horizontal": left and right exchanged, "vertical": upside down, or
        "horizontal_and_vertical" (default): both or, as Keras has it, none.
    seed : int or Generator, optional
    data_format : str, optional
        "channels_last" (default) or "channels_first".
    **kwargs
        As of `Layer`.

    Raises
    ------
    ValueError
    """

    _axes: ClassVar[dict[str, tuple[int, ...]]] = {
        "horizontal": (3,),
        "vertical": (2,),
        "horizontal_and_vertical": (2, 3),
    }

    def __init__(
        self,
        mode: str = "horizontal_and_vertical",
        seed: Any = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format=data_format, **kwargs)
        self.mode = choice("RandomFlip", "mode", mode, tuple(self._axes))

    def change(self, images: Tensor) -> Tensor:
        flips = core.le(self._draw(images.shape[0]), 0.5).view(-1, 1, 1, 1)
        return core.where(flips, core.flip(images, self._axes[self.mode]), images)


class RandomCrop(_Random, Sized):
    """A piece of the images at a random place, the same for a batch; images that are not larger are
    resized. Outside of training they stay as they are.

    Parameters
    ----------
    height, width : int
        The new size.
    seed : int or Generator, optional
    data_format : str, optional
        "channels_last" (default) or "channels_first".
    name : str, optional
    **kwargs
        As of `Layer`.
    """

    def __init__(
        self,
        height: int,
        width: int,
        seed: Any = None,
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            seed, height=height, width=width, data_format=data_format, name=name, **kwargs
        )

    def change(self, images: Tensor) -> Tensor:
        spare = images.shape[2] - self.height, images.shape[3] - self.width
        if min(spare) > 0:
            for axis, more, size in zip((2, 3), spare, (self.height, self.width), strict=True):
                # The draw is not read: a recording draws again.
                first = core.floor(self._draw(1, (0.0, more + 1.0))).clamp(max=float(more))
                places = first.to(np.int64) + core.arange(size)
                images = core.index_select(images, axis, places)
            return images
        middle = self.of_this_shape(images)
        top, left = (
            (whole - part) // 2
            for whole, part in zip(images.shape[2:], middle.shape[2:], strict=True)
        )
        piece = cropped(images, top, left, self.height, self.width)
        if piece.shape[2:] == (self.height, self.width):
            return piece
        return self.resized(piece, "bilinear")


def _range(layer: Layer, argument: str, factor: Any, low: float, high: float) -> Range:
    """(lower, upper) of one number, which stands for both signs, or two."""
    numbers = list(factor) if isinstance(factor, tuple | list) else [factor]
    if len(numbers) not in (1, 2) or not all(
        isinstance(n, int | float | np.number) and low <= n <= high for n in numbers
    ):
        raise ValueError(
            f"{type(layer).__name__}: {argument} expected one or two numbers from {low:g} to "
            f"{high:g}, got {factor!r}"
        )
    numbers = [float(number) for number in numbers]
    if not isinstance(factor, tuple | list):
        return -abs(numbers[0]), abs(numbers[0])
    if len(numbers) != 2:
        raise ValueError(
            f"{type(layer).__name__}: {argument} expected two numbers in a sequence, got {factor!r}"
        )
    return min(numbers), max(numbers)


class _Moved(_Random):
    """Base of layers that read each image by a transform of its own: a subclass defines
    `_transforms`.
    """

    def __init__(
        self, fill_mode: str, interpolation: str, seed: Any, fill_value: float, **kwargs: Any
    ) -> None:
        super().__init__(seed, **kwargs)
        name = type(self).__name__
        self.fill_mode = choice(name, "fill_mode", fill_mode, _FILL_MODES)
        self.interpolation = choice(name, "interpolation", interpolation, _INTERPOLATIONS)
        self.fill_value = fill_value

    def change(self, images: Tensor) -> Tensor:
        count, _, height, width = images.shape
        parts = [
            part if isinstance(part, Tensor) else core.full((count,), part, dtype=images.dtype)
            for part in (*self._transforms(count, height, width), 0.0, 0.0)
        ]
        return core.projective_transform(
            images,
            core.stack(parts, 1),
            self.interpolation,
            self.fill_mode,
            float(self.fill_value),
        )

    def _transforms(self, count: int, height: int, width: int) -> Sequence[Tensor | float]:
        """a0, a1, a2, b0, b1, b2 of `projective_transform`, each (count,) or one for all."""
        raise NotImplementedError


_MOVED = """
    fill_mode : str
        What lies outside of an image: "reflect" (default), "wrap", "constant" or "nearest".
    interpolation : str
        "bilinear" (default) or "nearest".
    seed : int or Generator, optional
    fill_value : float
        Of fill_mode "constant". Default 0.
    data_format : str, optional
        "channels_last" (default) or "channels_first".
    **kwargs
        As of `Layer`.

    Raises
    ------
    ValueError
    """


class RandomRotation(_Moved):
    __doc__ = f"""Images turned about their centre.

    Parameters
    ----------
    factor : float or (float, float)
        The range of angles as parts of a whole turn, -1 to 1, counter-clockwise; one number f is
        (-f, f).{_MOVED}"""

    def __init__(
        self,
        factor: Any,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: Any = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            fill_mode, interpolation, seed, fill_value, data_format=data_format, **kwargs
        )
        self.factor = _range(self, "factor", factor, -1, 1)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor, as JSON can hold them."""
        return super().get_config() | {"factor": list(self.factor)}

    def _transforms(self, count: int, height: int, width: int) -> Sequence[Tensor | float]:
        lower, upper = self.factor
        angle = self._draw(count, (lower * 360, upper * 360)) * (math.pi / 180)
        cosine, sine = core.cos(angle), core.sin(angle)
        x, y = 0.5 * (width - 1), 0.5 * (height - 1)
        return (
            *(cosine, -sine, x - x * cosine + y * sine),
            *(sine, cosine, y - x * sine - y * cosine),
        )


class RandomZoom(_Moved):
    __doc__ = f"""Images zoomed about their centre.

    Parameters
    ----------
    height_factor, width_factor : float or (float, float)
        The ranges of how much smaller the height and width become, above -1 to 1: 0.2 makes the
        image fill 1 / 1.2 of the height. One number f is (-f, f). Without `width_factor`, which is
        the default, the width follows the height.{_MOVED}"""

    def __init__(
        self,
        height_factor: Any,
        width_factor: Any = None,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: Any = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            fill_mode, interpolation, seed, fill_value, data_format=data_format, **kwargs
        )
        self.height_factor = height_factor
        self.width_factor = width_factor
        ranges = [_range(self, "height_factor", height_factor, -1, 1)]
        if width_factor is not None:
            ranges.append(_range(self, "width_factor", width_factor, -1, 1))
        if any(low == -1 for low, _ in ranges):
            raise ValueError(
                "RandomZoom: height_factor and width_factor expected numbers above -1, got "
                f"{height_factor!r} and {width_factor!r}"
            )
        self.__dict__["_ranges"] = ranges

    def _transforms(self, count: int, height: int, width: int) -> Sequence[Tensor | float]:
        drawn = [self._draw(count, (1 + low, 1 + high)) for low, high in self._ranges]
        y, x = drawn[0], drawn[-1]
        return x, 0.0, (1 - x) * ((width - 1) / 2), 0.0, y, (1 - y) * ((height - 1) / 2)


class RandomTranslation(_Moved):
    __doc__ = f"""Images moved.

    Parameters
    ----------
    height_factor, width_factor : float or (float, float)
        The ranges of shifts over the height, downwards, and the width, to the right, -1 to 1; one
        number f is (-f, f).{_MOVED}"""

    def __init__(
        self,
        height_factor: Any,
        width_factor: Any,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: Any = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            fill_mode, interpolation, seed, fill_value, data_format=data_format, **kwargs
        )
        self.height_factor = height_factor
        self.width_factor = width_factor
        self.__dict__["_ranges"] = (
            _range(self, "height_factor", height_factor, -1, 1),
            _range(self, "width_factor", width_factor, -1, 1),
        )

    def _transforms(self, count: int, height: int, width: int) -> Sequence[Tensor | float]:
        down, right = (self._draw(count, limits) for limits in self._ranges)
        return 1.0, 0.0, -(right * width), 0.0, 1.0, -(down * height)


class RandomShear(_Moved):
    __doc__ = f"""Images sheared about their upper left corner.

    Parameters
    ----------
    x_factor, y_factor : float or (float, float)
        The ranges of how far a row moves for each row below the first, and a column for each column
        behind the first, 0 to 1; one number f is (-f, f). Half of the images are sheared the other
        way. Default 0.{_MOVED}"""

    def __init__(
        self,
        x_factor: Any = 0.0,
        y_factor: Any = 0.0,
        interpolation: str = "bilinear",
        fill_mode: str = "reflect",
        fill_value: float = 0.0,
        data_format: str | None = None,
        seed: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            fill_mode, interpolation, seed, fill_value, data_format=data_format, **kwargs
        )
        self.x_factor = _range(self, "x_factor", x_factor, 0, 1)
        self.y_factor = _range(self, "y_factor", y_factor, 0, 1)

    def _transforms(self, count: int, height: int, width: int) -> Sequence[Tensor | float]:
        sign = 1 - 2 * core.gt(self._draw(count), 0.5).to(self.dtype)
        along_y, along_x = self._draw(count, self.y_factor), self._draw(count, self.x_factor)
        return 1.0, along_x * sign, 0.0, along_y * sign, 1.0, 0.0


class _Shaded(_Random):
    """Base of layers that change the brightness of pixels within a range."""

    _lowest: ClassVar[float] = -1

    def __init__(
        self,
        factor: Any,
        value_range: Sequence[float] = (0, 255),
        seed: Any = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format=data_format, **kwargs)
        if not isinstance(value_range, tuple | list) or len(value_range) != 2:
            raise ValueError(
                f"{type(self).__name__}: value_range expected two numbers, got {value_range!r}"
            )
        self.value_range = sorted(value_range)
        lower, upper = _range(self, "factor", factor, self._lowest, 1)
        self.factor = max(lower, self._lowest), upper

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor, as JSON can hold them."""
        return super().get_config() | {"factor": list(self.factor)}

    def _each(self, count: int, limits: Range) -> Tensor:
        """A number for each image."""
        return self._draw(count, limits).view(-1, 1, 1, 1)


class RandomContrast(_Shaded):
    """Images whose contrast is changed: (x - mean of the channel) times a factor, plus the mean.

    Parameters
    ----------
    factor : float or (float, float)
        (lower, upper), 0 to 1: factors are drawn from 1 - lower to 1 + upper. One number f is
        (0, f), as in Keras 3.
    value_range : (float, float)
        What pixels are brought back to. Default (0, 255).
    seed : int or Generator, optional
    data_format : str, optional
        "channels_last" (default) or "channels_first".
    **kwargs
        As of `Layer`.

    Raises
    ------
    ValueError
    """

    _lowest = 0

    def change(self, images: Tensor) -> Tensor:
        lower, upper = self.factor
        factor = self._each(images.shape[0], (1 - lower, 1 + upper))
        mean = images.mean((2, 3), keepdim=True)
        return core.clamp((images - mean) * factor + mean, *self.value_range)


class RandomBrightness(_Shaded):
    """Images made brighter or darker.

    Parameters
    ----------
    factor : float or (float, float)
        The range of what is added, over the width of `value_range`, -1 to 1; one number f is
        (-f, f).
    value_range : (float, float)
        What pixels are brought back to. Default (0, 255).
    seed : int or Generator, optional
    data_format : str, optional
        "channels_last" (default) or "channels_first".
    **kwargs
        As of `Layer`.

    Raises
    ------
    ValueError
    """

    def change(self, images: Tensor) -> Tensor:
        low, high = self.value_range
        added = self._each(images.shape[0], self.factor) * (high - low)
        return core.clamp(images + added, low, high)
