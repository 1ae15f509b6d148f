"""Images in another size or range."""

from __future__ import annotations

from typing import Any

import numpy as np

import cygnet.ops as core
from cygnet.keras.layer import Layer
from cygnet.keras.layers.common import checked_data_format, choice
from cygnet.keras.ops.image import resize
from cygnet.kernels import ShapeError
from cygnet.nn.linear import positive_int
from cygnet.ops.common import cast
from cygnet.tensor import Tensor

__all__ = ["CenterCrop", "Rescaling", "Resizing"]


class Rescaling(Layer):
    """Its inputs times a scale plus an offset, as floating-point numbers.

    Parameters
    ----------
    scale : float or array_like
        An array broadcasts, such as (C,) for channels.
    offset : float or array_like
        Default 0.
    **kwargs
        As of `Layer`.
    """

    supports_masking = True

    def __init__(self, scale: Any, offset: Any = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale = scale
        self.offset = offset
        self.__dict__["_factors"] = [
            each if isinstance(each, int | float) else core.tensor(each, dtype=self.dtype)
            for each in (scale, offset)
        ]

    def call(self, inputs: Tensor) -> Tensor:
        """Compute the outputs."""
        scale, offset = self._factors
        scaled = core.mul(inputs.to(self.dtype), scale)
        return scaled if isinstance(offset, int | float) and offset == 0 else scaled + offset

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The inputs' shape."""
        return input_shape


class OfImages(Layer):
    """Base of layers over (N, H, W, C) or (H, W, C), with "channels_first" C before H: a subclass
    defines `change` of (N, C, H, W), which is a view.
    """

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = checked_data_format(type(self).__name__, data_format)

    def changed(self, inputs: Tensor) -> Tensor:
        if inputs.ndim not in (3, 4):
            raise ShapeError(
                f"{type(self).__name__} {self.name!r}: input expected images, 3 or 4 axes, got "
                f"shape {inputs.shape}"
            )
        single = inputs.ndim == 3
        images = core.unsqueeze(inputs, 0) if single else inputs
        last = self.data_format == "channels_last"
        images = core.permute(images, 0, 3, 1, 2) if last else images
        images = self.change(images)
        images = core.permute(images, 0, 2, 3, 1) if last else images
        return core.squeeze(images, 0) if single else images

    def change(self, images: Tensor) -> Tensor:
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor, as JSON can hold them."""
        return super().get_config() | {"data_format": self.data_format}

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The inputs' shape."""
        return input_shape


class Sized(OfImages):
    """Base of layers whose images have the size that is given."""

    def __init__(
        self, height: int, width: int, data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(data_format, **kwargs)
        name = type(self).__name__
        self.height = positive_int(name, "height", height)
        self.width = positive_int(name, "width", width)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The inputs' shape with the layer's height and width."""
        shape = list(input_shape)
        first = len(shape) - (2 if self.data_format == "channels_first" else 3)
        shape[first : first + 2] = self.height, self.width
        return tuple(shape)

    def of_this_shape(self, images: Tensor) -> Tensor:
        """The largest piece from the middle whose sides are in the layer's ratio."""
        height, width = images.shape[2:]
        rows = max(min(height, int(width * self.height / self.width)), 1)
        columns = max(min(width, int(height * self.width / self.height)), 1)
        return cropped(images, (height - rows) // 2, (width - columns) // 2, rows, columns)

    def resized(self, images: Tensor, interpolation: str, antialias: bool = False) -> Tensor:
        size = (self.height, self.width)
        return resize(images, size, interpolation, antialias, data_format="channels_first")


def cropped(images: Tensor, top: int, left: int, rows: int, columns: int) -> Tensor:
    return images[:, :, top : top + rows, left : left + columns]


class Resizing(Sized):
    """Images in another size. Those of integers are rounded.

    Parameters
    ----------
    height, width : int
        The new size.
    interpolation : str
        "bilinear" (default), "nearest" or "bicubic".
    crop_to_aspect_ratio : bool
        Whether the images' middle is taken in the new size's ratio before. Default False.
    pad_to_aspect_ratio : bool
        Whether they get a frame to that ratio before. Default False.
    fill_mode : str
        "constant".
    fill_value : float
        Of the frame. Default 0.
    antialias : bool
        Whether reduced images are smoothed first. Default False.
    data_format : str, optional
        "channels_last" (default) or "channels_first".
    **kwargs
        As of `Layer`.

    Raises
    ------
    ValueError
    """

    def __init__(
        self,
        height: int,
        width: int,
        interpolation: str = "bilinear",
        crop_to_aspect_ratio: bool = False,
        pad_to_aspect_ratio: bool = False,
        fill_mode: str = "constant",
        fill_value: float = 0.0,
        antialias: bool = False,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(height, width, data_format, **kwargs)
        known = ("bilinear", "nearest", "bicubic")
        self.interpolation = choice("Resizing", "interpolation", interpolation, known)
        if crop_to_aspect_ratio and pad_to_aspect_ratio:
            raise ValueError(
                "Resizing: expected crop_to_aspect_ratio or pad_to_aspect_ratio, got both"
            )
        self.crop_to_aspect_ratio = crop_to_aspect_ratio
        self.pad_to_aspect_ratio = pad_to_aspect_ratio
        self.fill_mode = choice("Resizing", "fill_mode", fill_mode, ("constant",))
        self.fill_value = fill_value
        self.antialias = bool(antialias)

    def call(self, inputs: Tensor) -> Tensor:
        """Compute the outputs."""
        resized = self.changed(inputs)
        if resized.dtype == inputs.dtype:
            return resized
        limits = np.iinfo(inputs.dtype)
        whole = core.round(resized).clamp(float(limits.min), float(limits.max))
        return cast(whole, inputs.dtype)

    def _output_dtype(self, input_dtype: str) -> str:
        return input_dtype

    def change(self, images: Tensor) -> Tensor:
        if self.crop_to_aspect_ratio:
            images = self.of_this_shape(images)
        elif self.pad_to_aspect_ratio:
            height, width = images.shape[2:]
            above = (max(height, int(width * self.height / self.width)) - height) // 2
            aside = (max(width, int(height * self.width / self.height)) - width) // 2
            images = core.pad(images, (aside, aside, above, above), value=float(self.fill_value))
        return self.resized(images, self.interpolation, self.antialias)


class CenterCrop(Sized):
    """The middle of images; of those that are too small, the middle in the new size's ratio,
    resized.

    Parameters
    ----------
    height, width : int
        The new size.
    data_format : str, optional
        "channels_last" (default) or "channels_first".
    **kwargs
        As of `Layer`.
    """

    def call(self, inputs: Tensor) -> Tensor:
        """Compute the outputs."""
        return self.changed(inputs.to(self.dtype))

    def change(self, images: Tensor) -> Tensor:
        above, aside = images.shape[2] - self.height, images.shape[3] - self.width
        if above >= 0 and aside >= 0:
            return cropped(images, above // 2, aside // 2, self.height, self.width)
        return self.resized(self.of_this_shape(images), "bilinear")
