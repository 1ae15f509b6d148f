"""Frames around inputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from cygnet.nn import functional
from cygnet.nn.module import Module
from cygnet.tensor import Tensor

__all__ = [
    "CircularPad1d",
    "CircularPad2d",
    "CircularPad3d",
    "ConstantPad1d",
    "ConstantPad2d",
    "ConstantPad3d",
    "ReflectionPad1d",
    "ReflectionPad2d",
    "ReflectionPad3d",
    "ReplicationPad1d",
    "ReplicationPad2d",
    "ReplicationPad3d",
    "ZeroPad1d",
    "ZeroPad2d",
    "ZeroPad3d",
]


class _Pad(Module):
    """A frame around the last `axes` axes.

    Parameters
    ----------
    padding : int or sequence of int
        How wide the frame is: everywhere, or at the beginning and end of the last axis, then of the
        one before it, and so on. Negative numbers cut off.
    """

    axes: ClassVar[int]
    mode: ClassVar[str]

    def __init__(self, padding: int | Sequence[int]) -> None:
        super().__init__()
        sides = 2 * self.axes
        self.padding = (padding,) * sides if isinstance(padding, int) else tuple(padding)
        if len(self.padding) != sides:
            raise ValueError(
                f"{type(self).__name__}: argument padding expected an int or {sides} ints, got "
                f"{padding!r}"
            )

    def forward(self, input: Tensor) -> Tensor:
        """Pad (N, C, ...) or (C, ...)."""
        return functional.pad(input, self.padding, self.mode)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _ConstantPad(_Pad):
    """A frame of one value.

    Parameters
    ----------
    padding : int or sequence of int
        See the other paddings.
    value : float
        The frame's.
    """

    mode = "constant"

    def __init__(self, padding: int | Sequence[int], value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        """Pad (N, C, ...) or (C, ...)."""
        return functional.pad(input, self.padding, self.mode, self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class _ZeroPad(_ConstantPad):
    __doc__ = _Pad.__doc__

    def __init__(self, padding: int | Sequence[int]) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class CircularPad1d(_Pad):
    """Puts the values of the opposite end around the last axis of (N, C, W) or (C, W)."""

    axes = 1
    mode = "circular"


class CircularPad2d(_Pad):
    """Puts the values of the opposite end around the last two axes of (N, C, H, W) or (C, H, W)."""

    axes = 2
    mode = "circular"


class CircularPad3d(_Pad):
    """Puts the values of the opposite end around
    the last three axes of (N, C, D, H, W) or (C, D, H, W).
    """

    axes = 3
    mode = "circular"


class ConstantPad1d(_ConstantPad):
    """Puts one value around the last axis of (N, C, W) or (C, W)."""

    axes = 1


class ConstantPad2d(_ConstantPad):
    """Puts one value around the last two axes of (N, C, H, W) or (C, H, W)."""

    axes = 2


class ConstantPad3d(_ConstantPad):
    """Puts one value around the last three axes of (N, C, D, H, W) or (C, D, H, W)."""

    axes = 3


class ReflectionPad1d(_Pad):
    """Puts the values mirrored at the ends, which are not repeated around
    the last axis of (N, C, W) or (C, W).
    """

    axes = 1
    mode = "reflect"


class ReflectionPad2d(_Pad):
    """Puts the values mirrored at the ends, which are not repeated around
    the last two axes of (N, C, H, W) or (C, H, W).
    """

    axes = 2
    mode = "reflect"


class ReflectionPad3d(_Pad):
    """Puts the values mirrored at the ends, which are not repeated around
    the last three axes of (N, C, D, H, W) or (C, D, H, W).
    """

    axes = 3
    mode = "reflect"


class ReplicationPad1d(_Pad):
    """Puts the values of the ends around the last axis of (N, C, W) or (C, W)."""

    axes = 1
    mode = "replicate"


class ReplicationPad2d(_Pad):
    """Puts the values of the ends around the last two axes of (N, C, H, W) or (C, H, W)."""

    axes = 2
    mode = "replicate"


class ReplicationPad3d(_Pad):
    """Puts the values of the ends around the last three axes of (N, C, D, H, W) or (C, D, H, W)."""

    axes = 3
    mode = "replicate"


class ZeroPad1d(_ZeroPad):
    """Puts zeros around the last axis of (N, C, W) or (C, W)."""

    axes = 1


class ZeroPad2d(_ZeroPad):
    """Puts zeros around the last two axes of (N, C, H, W) or (C, H, W)."""

    axes = 2


class ZeroPad3d(_ZeroPad):
    """Puts zeros around the last three axes of (N, C, D, H, W) or (C, D, H, W)."""

    axes = 3
