"""Functions of pictures (N, H, W, C) or (H, W, C)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cygnet.ops as core
from cygnet.keras.operation import lifted
from cygnet.keras.ops.common import in_dtype, with_fractions
from cygnet.ops.interpolate import resize_by_cubics
from cygnet.tensor import Tensor

__all__ = ["resize", "rgb_to_grayscale"]

_MODES = {"bilinear": "bilinear", "nearest": "nearest-exact", "bicubic": "bicubic"}


def _resize(
    images: Any,
    size: Sequence[int],
    interpolation: str = "bilinear",
    antialias: bool = False,
    data_format: str | None = None,
) -> Tensor:
    """Other sizes, by interpolation between the points' centers.

    Parameters
    ----------
    images : Tensor
        (N, H, W, C) or (H, W, C); with data_format "channels_first" C stands before H.
    size : sequence of int
        Height and width.
    interpolation : str
        "bilinear" (default), "nearest" or "bicubic".
    antialias : bool
        Whether pictures that become smaller are smoothed. Default False; has no effect on
        "nearest".
    data_format : str, optional
        Default "channels_last".

    Raises
    ------
    ValueError
        If the interpolation is unknown.
    """
    if interpolation not in _MODES:
        raise ValueError(
            f"image.resize: interpolation is {interpolation!r}, expected one of {', '.join(_MODES)}"
        )
    mode = _MODES[interpolation]
    x = with_fractions(images)
    single = x.ndim == 3
    x = core.unsqueeze(x, 0) if single else x
    last = data_format != "channels_first"
    x = core.permute(x, (0, 3, 1, 2)) if last else x
    smoothed = antialias and mode != "nearest-exact"
    if mode == "bicubic" and not smoothed:
        x = resize_by_cubics(x, tuple(size))
    else:
        x = core.interpolate(x, tuple(size), mode=mode, antialias=smoothed)
    x = core.permute(x, (0, 2, 3, 1)) if last else x
    return core.squeeze(x, 0) if single else x


resize = lifted(_resize, "image.resize")


def _rgb_to_grayscale(images: Any, data_format: str | None = None) -> Tensor:
    """0.2989 R + 0.587 G + 0.114 B, with one channel."""
    x = with_fractions(images)
    axis = -3 if data_format == "channels_first" else -1
    weights = in_dtype(core.tensor([0.2989, 0.5870, 0.1140]), x.dtype)
    return core.sum(core.mul(x, core.reshape(weights, (3,) + (1,) * (-axis - 1))), axis, True)


rgb_to_grayscale = lifted(_rgb_to_grayscale, "image.rgb_to_grayscale")
