"""Functions of pictures (N, H, W, C) or (H, W, C)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cygnet.ops as core
from cygnet.keras.operation import lifted
from cygnet.keras.ops.common import in_dtype, with_fractions
from cygnet.ops.interpolate import resize_by_cubics
from cygnet.tensor import Tensor

__all__ = ["extract_patches", "resize", "rgb_to_grayscale"]

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


def _extract_patches(
    images: Any,
    size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    dilation_rate: int = 1,
    padding: str = "valid",
    data_format: str | None = None,
) -> Tensor:
    """Patches, each with its pixels row by row: (N, patches down, patches across, pixels * C).

    Parameters
    ----------
    images : Tensor
        (N, H, W, C) or (H, W, C); with data_format "channels_first" C stands before H.
    size : int or pair of int
        Of a patch.
    strides : int or pair of int, optional
        From patch to patch. Default: `size`, so that they touch.
    dilation_rate : int
        1, the default.
    padding : str
        "valid" (default), or "same", with zeros around.
    data_format : str, optional
        Default "channels_last".

    Raises
    ------
    ValueError
        For another dilation or padding.
    """
    if dilation_rate not in (1, (1, 1)) or padding not in ("valid", "same"):
        raise ValueError(
            "image.extract_patches: dilation_rate expected 1 and padding 'valid' or 'same', got "
            f"{dilation_rate!r} and {padding!r}"
        )
    sizes = (size, size) if isinstance(size, int) else tuple(size)
    steps = sizes if strides is None else (strides,) * 2 if isinstance(strides, int) else strides
    x = with_fractions(images)
    single, first = x.ndim == 3, data_format == "channels_first"
    x = core.unsqueeze(x, 0) if single else x
    x = core.permute(x, (0, 2, 3, 1)) if first else x
    if padding == "same":
        around: list[int] = [0, 0]
        for length, width, step in zip(x.shape[2:0:-1], sizes[::-1], steps[::-1], strict=True):
            missing = max(0, (-(-length // step) - 1) * step + width - length)
            around += [missing // 2, missing - missing // 2]
        x = core.pad(x, around)
    for axis, (width, step) in enumerate(zip(sizes, steps, strict=True), 1):
        x = x.unfold(axis, width, step)
    x = core.permute(x, (0, 1, 2, 4, 5, 3))
    x = core.reshape(x, (*x.shape[:3], -1))
    x = core.permute(x, (0, 3, 1, 2)) if first else x
    return core.squeeze(x, 0) if single else x


extract_patches = lifted(_extract_patches, "image.extract_patches")
