"""Functions that change shape and order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import cygnet.ops as core
from cygnet.keras.operation import lifted
from cygnet.keras.ops.common import Axis, tensor_of
from cygnet.ops.common import wrap
from cygnet.tensor import Tensor


@lifted
def reshape(x: Any, newshape: Any) -> Tensor:
    """The same numbers in another shape, in which one size may be -1 (or None)."""
    sizes = (newshape,) if isinstance(newshape, int) else newshape
    return core.reshape(tensor_of(x), tuple(-1 if size is None else int(size) for size in sizes))


@lifted
def ravel(x: Any) -> Tensor:
    """All numbers along one axis."""
    return core.ravel(tensor_of(x))


@lifted
def transpose(x: Any, axes: Sequence[int] | None = None) -> Tensor:
    """The axes in another order, by default the reverse."""
    x = tensor_of(x)
    return core.permute(x, tuple(range(x.ndim))[::-1] if axes is None else tuple(axes))


@lifted
def swapaxes(x: Any, axis1: int, axis2: int) -> Tensor:
    """Two axes exchanged."""
    return core.transpose(tensor_of(x), axis1, axis2)


@lifted
def moveaxis(x: Any, source: Any, destination: Any) -> Tensor:
    """Axes at other places."""
    return core.movedim(tensor_of(x), source, destination)


@lifted
def expand_dims(x: Any, axis: Axis) -> Tensor:
    """New axes of size 1, at these places of the result."""
    output = tensor_of(x)
    axes = (axis,) if isinstance(axis, int) else tuple(axis or ())
    total = output.ndim + len(axes)
    for each in sorted(a + total if a < 0 else a for a in axes):
        output = core.unsqueeze(output, each)
    return output


@lifted
def squeeze(x: Any, axis: Axis = None) -> Tensor:
    """Without axes of size 1.

    Raises
    ------
    ValueError
        If a given axis has another size.
    """
    x = tensor_of(x)
    if axis is None:
        return core.squeeze(x)
    axes = (axis,) if isinstance(axis, int) else tuple(axis)
    for each in axes:
        if x.shape[each] != 1:
            raise ValueError(f"squeeze: axis {each} has size {x.shape[each]}, expected 1")
    return core.squeeze(x, axes)


@lifted
def broadcast_to(x: Any, shape: Any) -> Tensor:
    """The numbers repeated along axes of size 1 and new ones in front."""
    return core.broadcast_to(tensor_of(x), tuple(shape))


@lifted
def concatenate(xs: Any, axis: int = 0) -> Tensor:
    """Tensors one behind the other along an axis, in the highest of their types."""
    return core.cat([tensor_of(x) for x in xs], axis)


@lifted
def stack(x: Any, axis: int = 0) -> Tensor:
    """Tensors one behind the other along a new axis."""
    return core.stack([tensor_of(each) for each in x], axis)


@lifted
def unstack(x: Any, num: int | None = None, axis: int = 0) -> list[Tensor]:
    """The parts along an axis, which is gone."""
    return list(core.unbind(tensor_of(x), axis))


@lifted
def split(x: Any, indices_or_sections: Any, axis: int = 0) -> list[Tensor]:
    """So many equal parts, or parts that begin at these places.

    Raises
    ------
    ValueError
        If the parts would not be equal.
    """
    x = tensor_of(x)
    if isinstance(indices_or_sections, int):
        if x.shape[axis] % indices_or_sections:
            raise ValueError(
                f"split: axis {axis} has size {x.shape[axis]}, expected a multiple of "
                f"{indices_or_sections}"
            )
        return list(core.tensor_split(x, indices_or_sections, axis))
    return list(core.tensor_split(x, tuple(indices_or_sections), axis))


@lifted
def array_split(x: Any, indices_or_sections: Any, axis: int = 0) -> list[Tensor]:
    """As `split`, with parts that may differ in size by 1."""
    given = indices_or_sections
    return list(
        core.tensor_split(tensor_of(x), given if isinstance(given, int) else tuple(given), axis)
    )


def _joining(name: str) -> Callable[..., Any]:
    def join(xs: Any) -> Tensor:
        return getattr(core, name)([tensor_of(x) for x in xs])  # type: ignore[no-any-return]

    join.__name__ = join.__qualname__ = name
    join.__doc__ = f"`{name}` of tensors, as NumPy's."
    return lifted(join)


hstack, vstack, dstack = _joining("hstack"), _joining("vstack"), _joining("dstack")


@lifted
def append(x1: Any, x2: Any, axis: int | None = None) -> Tensor:
    """`x2` behind `x1`; both flat without an axis."""
    parts = [tensor_of(x1), tensor_of(x2)]
    return core.cat([core.ravel(p) for p in parts]) if axis is None else core.cat(parts, axis)


@lifted
def tile(x: Any, repeats: Any) -> Tensor:
    """The whole tensor repeated along its axes."""
    return core.tile(tensor_of(x), (repeats,) if isinstance(repeats, int) else tuple(repeats))


@lifted
def repeat(x: Any, repeats: Any, axis: int | None = None) -> Tensor:
    """Each element repeated along an axis, by default of the flat tensor."""
    times = repeats if isinstance(repeats, int) else tensor_of(repeats)
    return core.repeat_interleave(tensor_of(x), times, axis)


@lifted
def pad(x: Any, pad_width: Any, mode: str = "constant", constant_values: Any = None) -> Tensor:
    """More elements before and behind each axis.

    Parameters
    ----------
    pad_width : int, pair or sequence of pairs
        How many, of all axes or of each one.
    mode : str
        "constant" (default), "reflect" or "symmetric".
    constant_values : number, optional
        Default 0.

    Raises
    ------
    ValueError
        If the mode is unknown.
    """
    padded = tensor_of(x)
    widths = np.broadcast_to(np.asarray(pad_width), (padded.ndim, 2)).tolist()
    if mode == "constant":
        flat = [width for pair in reversed(widths) for width in pair]
        return core.pad(padded, flat, value=0.0 if constant_values is None else constant_values)
    if mode != "reflect" and mode != "symmetric":
        raise ValueError(f"pad: mode is {mode!r}, expected 'constant', 'reflect' or 'symmetric'")
    for axis, (before, after) in enumerate(widths):
        if before or after:
            places = np.pad(np.arange(padded.shape[axis]), (before, after), mode)  # type: ignore[call-overload]
            padded = core.index_select(padded, axis, wrap(places))
    return padded


@lifted
def flip(x: Any, axis: Axis = None) -> Tensor:
    """In reverse along the axes, by default all."""
    x = tensor_of(x)
    axes = tuple(range(x.ndim)) if axis is None else (axis,) if isinstance(axis, int) else axis
    return core.flip(x, tuple(axes))


@lifted
def roll(x: Any, shift: Any, axis: Any = None) -> Tensor:
    """Shifted along the axes, round the end; by default along the flat tensor."""
    return core.roll(tensor_of(x), shift, axis)


@lifted
def rot90(array: Any, k: int = 1, axes: Sequence[int] = (0, 1)) -> Tensor:
    """Turned by k right angles in the plane of two axes."""
    return core.rot90(tensor_of(array), k, tuple(axes))


__all__ = [
    name
    for name, value in globals().items()
    if name[0] != "_" and getattr(value, "__module__", None) == __name__
]
