"""Images read at places between their pixels."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np

from cygnet import kernels
from cygnet.autograd import record
from cygnet.dtypes import NAMES
from cygnet.errors import composed
from cygnet.ops.common import as_tensor, wrap
from cygnet.ops.products import matmul
from cygnet.ops.shape import transpose
from cygnet.tensor import FLOATS, Array, Tensor

__all__ = [
    "affine_grid",
    "grid_sample",
    "projective_transform",
]


@composed
def grid_sample(
    input: Tensor,
    grid: Tensor,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Tensor:
    """Images read at the places of a grid. Its gradients have none of their own, as in PyTorch.

    Parameters
    ----------
    input : Tensor
        (N, C, H, W), float32 or float64. Volumes, (N, C, D, H, W), are not supported.
    grid : Tensor
        (N, rows, columns, 2), of the input's type: x and y, from -1 to 1 across the image. NaN is
        -1.
    mode : str
        'bilinear' (default), 'nearest' or 'bicubic'.
    padding_mode : str
        What lies outside of the images: 'zeros' (default), 'border': their border pixels, or
        'reflection': their mirror images.
    align_corners : bool, optional
        Whether -1 and 1, and the mirrors, are the centres of the border pixels, not their outer
        edges. Default False.

    Returns
    -------
    Tensor
        (N, C, rows, columns).

    Raises
    ------
    ShapeError, DTypeError, ValueError, NotImplementedError

    References
    ----------
    M. Jaderberg et al., "Spatial transformer networks", 2015.
    """
    op = "grid_sample"
    input, grid = as_tensor(input, op, "input"), as_tensor(grid, op, "grid")
    if input.ndim == 5:
        raise NotImplementedError(f"{op}: input of 5 dimensions (volumes) is not supported")
    align = bool(align_corners)
    output = wrap(kernels.grid_sample_forward(input._array, grid._array, mode, padding_mode, align))

    def backward(grad: Tensor) -> tuple[Tensor | None, ...]:
        gradients = kernels.grid_sample_backward(
            grad._array,
            input._array,
            grid._array,
            mode,
            padding_mode,
            align,
            input.requires_grad,
            grid.requires_grad,
        )
        return tuple(None if each is None else wrap(each) for each in gradients)

    return record(output, (input, grid), backward, op, once=True)


@composed
def affine_grid(theta: Tensor, size: Sequence[int], align_corners: bool | None = None) -> Tensor:
    """The grid for `grid_sample` that affine transforms make.

    Parameters
    ----------
    theta : Tensor
        (N, 2, 3), float32 or float64: (x, y) is theta times (u, v, 1), where u and v go from -1 to
        1 across the result.
    size : sequence of int
        (N, C, rows, columns), the shape of the sampled images. Volumes are not supported.
    align_corners : bool, optional
        Whether -1 and 1 are the centres of the border pixels, not their outer edges. Default False.

    Returns
    -------
    Tensor
        (N, rows, columns, 2).

    Raises
    ------
    ShapeError, DTypeError, ValueError, NotImplementedError
    """
    op = "affine_grid"
    theta = as_tensor(theta, op, "theta")
    if theta.dtype not in FLOATS:
        raise kernels.DTypeError(f"{op}: theta is {theta.dtype}, expected float32 or float64")
    if len(size) == 5:
        raise NotImplementedError(f"{op}: size of 5 numbers (volumes) is not supported")
    if len(size) != 4 or min(size) < 1:
        raise ValueError(
            f"{op}: size is {tuple(size)}, expected (N, C, rows, columns), each at least 1"
        )
    count, _, rows, columns = size
    if theta.shape != (count, 2, 3):
        raise kernels.ShapeError(f"{op}: theta has shape {theta.shape}, expected ({count}, 2, 3)")
    places = wrap(_places(rows, columns, bool(align_corners), NAMES[theta.dtype]))
    return matmul(places, transpose(theta, 1, 2)).view(count, rows, columns, 2)


@functools.lru_cache(maxsize=16)
def _places(rows: int, columns: int, align_corners: bool, dtype: str) -> Array:
    """(u, v, 1) of every pixel, row by row."""

    def across(size: int) -> Array:
        ends = 1.0 if align_corners else 1 - 1 / size
        return np.linspace(-ends, ends, size) if size > 1 else np.zeros(1)

    u, v = np.meshgrid(across(columns), across(rows))
    return np.stack([u, v, np.ones_like(u)], -1).reshape(-1, 3).astype(dtype)


@composed
def projective_transform(
    input: Tensor,
    transforms: Tensor,
    interpolation: str = "bilinear",
    fill_mode: str = "constant",
    fill_value: float = 0.0,
) -> Tensor:
    """Images moved, turned, scaled or put into perspective, each by a transform of its own.

    Parameters
    ----------
    input : Tensor
        (N, C, H, W), float32 or float64.
    transforms : Tensor
        (N, 8), of the input's type: a0, a1, a2, b0, b1, b2, c0, c1. The pixel of the result in
        column x and row y reads the image at column (a0 x + a1 y + a2) / k and row
        (b0 x + b1 y + b2) / k, where k = c0 x + c1 y + 1. They get no gradient.
    interpolation : str
        'bilinear' (default), 'nearest' or 'bicubic'.
    fill_mode : str
        What lies outside of an image: 'constant' (default: `fill_value`), 'nearest': its border
        pixels, 'reflect': its mirror image, the border pixels twice, or 'wrap': itself again.
    fill_value : float
        Default 0.

    Returns
    -------
    Tensor
        Of the input's shape.

    Raises
    ------
    ShapeError, DTypeError, ValueError
    """
    op = "projective_transform"
    input, transforms = as_tensor(input, op, "input"), as_tensor(transforms, op, "transforms")
    output = wrap(
        kernels.projective_transform_forward(
            input._array, transforms._array, interpolation, fill_mode, float(fill_value)
        )
    )
    how = (interpolation, fill_mode)

    def backward(grad: Tensor) -> tuple[Tensor]:
        return (_transformed_back(grad, transforms, how),)

    return record(output, (input,), backward, op, saved=(transforms,))


def _transformed_back(grad: Tensor, transforms: Tensor, how: tuple[str, str]) -> Tensor:
    output = wrap(kernels.projective_transform_backward(grad._array, transforms._array, *how))

    def backward(again: Tensor) -> tuple[Tensor]:
        return (projective_transform(again, transforms, *how),)

    return record(output, (grad,), backward, "projective_transform", saved=(transforms,))
