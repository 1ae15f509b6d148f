"""Images of another size, and their windows as columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cygnet.nn import functional
from cygnet.nn.function import OfFunction

__all__ = [
    "ChannelShuffle",
    "Fold",
    "PixelShuffle",
    "PixelUnshuffle",
    "Unfold",
    "Upsample",
    "UpsamplingBilinear2d",
    "UpsamplingNearest2d",
]


class PixelShuffle(OfFunction, function=functional.pixel_shuffle):
    """Turns (..., C r², H, W) into (..., C, H r, W r): groups of channels become pixels.

    Parameters
    ----------
    upscale_factor : int
        r.

    References
    ----------
    W. Shi et al., "Real-time single image and video super-resolution using an efficient sub-pixel
    convolutional neural network", 2016.
    """


class PixelUnshuffle(OfFunction, function=functional.pixel_unshuffle):
    """Turns (..., C, H r, W r) into (..., C r², H, W): the opposite of :class:`PixelShuffle`.

    Parameters
    ----------
    downscale_factor : int
        r.
    """


class ChannelShuffle(OfFunction, function=functional.channel_shuffle):
    """Deals the channels of (N, C, ...): one of each group in turn.

    Parameters
    ----------
    groups : int
        How many groups of neighbouring channels there are.

    References
    ----------
    X. Zhang et al., "ShuffleNet: an extremely efficient convolutional neural network for mobile
    devices", 2018.
    """


class Unfold(OfFunction, function=functional.unfold):
    """The windows of (N, C, H, W) as columns (N, C * kernel size, windows).

    Parameters
    ----------
    kernel_size, dilation, padding, stride : int or (int, int)
        Of the windows, as of a convolution. Defaults 1, 0 and 1.
    """


class Fold(OfFunction, function=functional.fold):
    """Images (N, C, H, W) to which columns (N, C * kernel size, windows) are added as windows.

    Parameters
    ----------
    output_size : int or (int, int)
        H and W.
    kernel_size, dilation, padding, stride : int or (int, int)
        Of the windows, as of a convolution. Defaults 1, 0 and 1.
    """


class Upsample(OfFunction, function=functional.interpolate, without=("antialias",)):
    """Makes images larger, or smaller; see :func:`cygnet.nn.functional.interpolate`.

    Parameters
    ----------
    size : int or tuple of int, optional
        The new sizes.
    scale_factor : float or tuple of float, optional
        In its place: the new sizes over the old.
    mode : str, default "nearest"
        "nearest", "linear", "bilinear", "bicubic" or "trilinear".
    align_corners : bool, optional
        Whether the centres of the corner pixels stay where they are. Default False.
    recompute_scale_factor : bool, optional
        Whether the new sizes, not `scale_factor`, say where pixels lie. Default False.
    """

    scale_factor: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        factors = self.scale_factor
        if factors is not None:
            self.scale_factor = (
                tuple(map(float, factors)) if isinstance(factors, Sequence) else float(factors)
            )

    def extra_repr(self) -> str:
        name = "size" if self.scale_factor is None else "scale_factor"
        return f"{name}={getattr(self, name)!r}, mode={self.mode!r}"


class UpsamplingNearest2d(Upsample):
    """:class:`Upsample` of (N, C, H, W) with the nearest pixel.

    Parameters
    ----------
    size, scale_factor
        As of :class:`Upsample`.
    """

    def __init__(
        self,
        size: int | Sequence[int] | None = None,
        scale_factor: float | Sequence[float] | None = None,
    ) -> None:
        super().__init__(size, scale_factor)


class UpsamplingBilinear2d(Upsample):
    """:class:`Upsample` of (N, C, H, W), linear along both axes; corner pixels stay where they are.

    Parameters
    ----------
    size, scale_factor
        As of :class:`Upsample`.
    """

    def __init__(
        self,
        size: int | Sequence[int] | None = None,
        scale_factor: float | Sequence[float] | None = None,
    ) -> None:
        super().__init__(size, scale_factor, "bilinear", True)
