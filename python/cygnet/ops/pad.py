"""Frames around tensors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cygnet import kernels
from cygnet.autograd import record
from cygnet.errors import composed
from cygnet.ops.broadcast import viewed
from cygnet.ops.common import Shape, as_tensor, wrap
from cygnet.ops.gather import gather_rows
from cygnet.ops.join import apart
from cygnet.tensor import Tensor

__all__ = [
    "pad",
]


@composed
def pad(
    input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None
) -> Tensor:
    """The tensor with a frame around its last dimensions, or, where a number is negative, with its
    border cut off.

    Parameters
    ----------
    input : Tensor
    pad : sequence of int
        How many elements before and after, in pairs, from the last dimension on.
    mode : str
        'constant' (default); 'reflect': mirrored at the border element; 'replicate': the border
        element; 'circular': from the other end. All but the first pad at most three dimensions and
        leave at least one in front.
    value : float, optional
        The constant. Default 0.

    Returns
    -------
    Tensor

    Raises
    ------
    ShapeError, ValueError
    """
    op = "pad"
    input = as_tensor(input, op, "input")
    pairs = list(zip(pad[::2], pad[1::2], strict=False))
    if len(pad) % 2 or len(pairs) > input.ndim:
        raise ValueError(
            f"{op}: pad has {len(pad)} numbers, expected two for each of at most "
            f"{input.ndim} dimensions"
        )
    first = input.ndim - len(pairs)
    widths = [(0, 0)] * first + pairs[::-1]
    for axis, (before, after) in enumerate(widths):
        if input.shape[axis] + before + after < 0:
            raise kernels.ShapeError(
                f"{op}: pad ({before}, {after}) leaves no size of dimension {axis} of shape "
                f"{input.shape}"
            )
    if mode == "constant":
        return apart(_constant(input, widths, 0.0 if value is None else float(value)), input)
    if mode not in _SOURCES:
        raise ValueError(
            f"{op}: mode is {mode!r}, expected 'constant', 'reflect', 'replicate' or 'circular'"
        )
    if value not in (None, 0):
        raise ValueError(f"{op}: value is {value}, expected none for mode {mode!r}")
    if not 1 <= len(pairs) <= 3 or first not in (1, 2):
        raise kernels.ShapeError(
            f"{op}: pad has {len(pad)} numbers for shape {input.shape}, expected all but one or "
            f"two of the dimensions for mode {mode!r}"
        )
    result = input
    for axis, (before, after) in enumerate(widths):
        if (before, after) != (0, 0):
            positions = _positions(mode, axis, input.shape, before, after)
            result = gather_rows(result, wrap(positions), axis)
    return apart(result, input)


def _constant(input: Tensor, widths: list[tuple[int, int]], value: float) -> Tensor:
    if min(map(min, widths), default=0) < 0:
        inside = tuple(
            slice(max(-before, 0), size - max(-after, 0))
            for size, (before, after) in zip(input.shape, widths, strict=True)
        )
        input = viewed(input, lambda array: array[inside], "pad")
        widths = [(max(before, 0), max(after, 0)) for before, after in widths]
    back = [(-before, -after) for before, after in widths]
    if not any(map(any, widths)):
        return input
    output = wrap(kernels.pad_constant(input._array, widths, value))
    return record(
        output, (input,), lambda grad: (_constant(grad, back, 0.0),), "pad", saved=(), fresh=False
    )


# From positions, which may lie outside, to positions in 0 ... size - 1.
_SOURCES = {
    "reflect": lambda i, size: size - 1 - np.abs(size - 1 - np.abs(i)),
    "replicate": lambda i, size: np.clip(i, 0, size - 1),
    "circular": lambda i, size: i % size,
}


def _positions(mode: str, axis: int, shape: Shape, before: int, after: int) -> np.ndarray:
    """Which entry of a dimension stands at each place of the padded one."""
    size = shape[axis]
    largest = {"reflect": size - 1, "circular": size}.get(mode)
    if size == 0 or (largest is not None and max(before, after) > largest):
        raise kernels.ShapeError(
            f"pad: pad ({before}, {after}) is too large for dimension {axis} of shape {shape} in "
            f"mode {mode!r}"
        )
    kept = np.arange(max(-before, 0), size - max(-after, 0))
    places = np.arange(-max(before, 0), len(kept) + max(after, 0))
    return np.asarray(kept[_SOURCES[mode](places, len(kept))])
