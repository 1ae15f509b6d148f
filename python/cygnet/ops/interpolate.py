"""Images of another size."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from cygnet import kernels
from cygnet.autograd import record
from cygnet.dtypes import NAMES
from cygnet.errors import composed
from cygnet.ops.broadcast import to_shape
from cygnet.ops.common import Shape, as_tensor, wrap
from cygnet.ops.pooling import adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d
from cygnet.tensor import Tensor

__all__ = [
    "interpolate",
    "upsample",
    "upsample_bilinear",
    "upsample_nearest",
]

Matrix = tuple[np.ndarray, np.ndarray, np.ndarray]  # offsets, sources and weights: see `resample`

_DIMENSIONS = {"linear": 1, "bilinear": 2, "bicubic": 2, "trilinear": 3}
_POOLS = {1: adaptive_avg_pool1d, 2: adaptive_avg_pool2d, 3: adaptive_avg_pool3d}


@composed
def interpolate(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """Images of another size, each pixel made of the nearest ones of the input.

    Parameters
    ----------
    input : Tensor
        (N, C, W), (N, C, H, W) or (N, C, D, H, W), float32 or float64.
    size : int or sequence of int, optional
        The new sizes; one number for all.
    scale_factor : float or sequence of float, optional
        In its place: the new sizes over the old, rounded down.
    mode : str
        'nearest' (default), 'nearest-exact', 'linear' (N, C, W), 'bilinear' and 'bicubic'
        (N, C, H, W), 'trilinear' (N, C, D, H, W), or 'area', which is adaptive average pooling.
    align_corners : bool, optional
        Whether the centres of the corner pixels stay where they are, not the corners of the images.
        Default False; only for the modes with 'linear' or 'cubic'.
    recompute_scale_factor : bool, optional
        Whether the new sizes, not `scale_factor`, say where pixels lie. Default False.
    antialias : bool
        Whether images that become smaller are smoothed: each pixel is made of all that it covers,
        not of the nearest ones. Default False; only for 'bilinear' and 'bicubic', the latter then
        with Keys's a = -0.5.

    Returns
    -------
    Tensor

    Raises
    ------
    ShapeError, DTypeError, ValueError
    """
    op = "interpolate"
    input = as_tensor(input, op, "input")
    count = input.ndim - 2
    if not 1 <= count <= 3 or 0 in input.shape[1:]:
        raise kernels.ShapeError(
            f"{op}: input has shape {input.shape}, expected (N, C, ...) with one to three more "
            "sizes, none of C and them 0"
        )
    if mode not in ("nearest", "nearest-exact", "area", *_DIMENSIONS):
        raise ValueError(f"{op}: mode is {mode!r}, expected one of those in its documentation")
    if _DIMENSIONS.get(mode, count) != count:
        raise kernels.ShapeError(
            f"{op}: input has shape {input.shape}, expected {_DIMENSIONS[mode] + 2} dimensions for "
            f"mode {mode!r}"
        )
    if align_corners is not None and mode not in _DIMENSIONS:
        raise ValueError(f"{op}: align_corners is {align_corners}, expected none for mode {mode!r}")
    if antialias and mode not in ("bilinear", "bicubic"):
        raise ValueError(f"{op}: antialias expected mode 'bilinear' or 'bicubic', got {mode!r}")
    sizes, scales = _sizes(op, input.shape[2:], size, scale_factor)
    if recompute_scale_factor:
        if size is not None:
            raise ValueError(f"{op}: recompute_scale_factor is given without scale_factor")
        scales = (None,) * count
    if mode == "area":
        return _POOLS[count](input, sizes)
    make = _smoothing if antialias else _matrix
    matrices = [
        make(before, after, mode, bool(align_corners), scale, NAMES[input.dtype])
        for before, after, scale in zip(input.shape[2:], sizes, scales, strict=True)
    ]
    return _resampled_all(input, matrices, sizes)


def resize_by_cubics(input: Tensor, sizes: Shape) -> Tensor:
    """Images (N, C, H, W) of another size by Keys's cubics with a = -0.5, not smoothed, and places
    in 1/1024 of a pixel: what TensorFlow calls bicubic.
    """
    rows, columns = (
        _cubics(before, after, NAMES[input.dtype])
        for before, after in zip(input.shape[2:], sizes, strict=True)
    )
    return _resampled(input, rows, columns)


def _resampled_all(input: Tensor, matrices: list[Matrix], sizes: Shape) -> Tensor:
    n, c = input.shape[:2]
    if len(sizes) == 1:
        rows = to_shape(input, (n, c, 1, input.shape[2]))
        mixed = _resampled(rows, _identity(1, NAMES[input.dtype]), matrices[0])
        return to_shape(mixed, (n, c, *sizes))
    if len(sizes) == 2:
        return _resampled(input, *matrices)
    depth, height, width = input.shape[2:]
    planes = to_shape(input, (n, c * depth, height, width))
    planes = to_shape(_resampled(planes, *matrices[1:]), (n, c, depth, sizes[1] * sizes[2]))
    across = _identity(sizes[1] * sizes[2], NAMES[input.dtype])
    return to_shape(_resampled(planes, matrices[0], across), (n, c, *sizes))


def _sizes(
    op: str, before: Shape, size: Any, scale_factor: Any
) -> tuple[Shape, tuple[float | None, ...]]:
    """The new sizes, and the scales if they were given."""
    count = len(before)
    if (size is None) == (scale_factor is None):
        raise ValueError(f"{op}: expected either size or scale_factor")
    name, given = ("size", size) if scale_factor is None else ("scale_factor", scale_factor)
    each = (given,) * count if isinstance(given, int | float) else tuple(given)
    if len(each) != count:
        raise ValueError(f"{op}: {name} is {given}, expected one number or {count}")
    if not all(math.isfinite(n) for n in each):
        raise ValueError(f"{op}: {name} is {given}, expected finite numbers")
    if scale_factor is None:
        sizes = tuple(int(n) for n in each)
        scales: tuple[float | None, ...] = (None,) * count
    else:
        sizes = tuple(math.floor(n * float(scale)) for n, scale in zip(before, each, strict=True))
        scales = tuple(float(scale) for scale in each)
    if min(sizes) < 1:
        raise ValueError(f"{op}: {name} is {given}, which makes sizes {sizes}, expected at least 1")
    return sizes, scales


def _resampled(input: Tensor, rows: Matrix, columns: Matrix) -> Tensor:
    output = wrap(kernels.resample(input._array, rows, columns))
    height, width = input.shape[2:]

    def backward(grad: Tensor) -> tuple[Tensor]:
        return (_resampled(grad, _transposed(rows, height), _transposed(columns, width)),)

    return record(output, (input,), backward, "interpolate", saved=())


def _transposed(matrix: Matrix, size: int) -> Matrix:
    """The matrix of the gradient: `size` entries, each a sum over the entries it was used for."""
    offsets, sources, weights = matrix
    targets = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    order = np.argsort(sources, kind="stable")
    counts = np.bincount(sources, minlength=size)
    return np.concatenate([[0], np.cumsum(counts)]), targets[order], weights[order]


@functools.lru_cache(maxsize=64)
def _identity(size: int, dtype: str) -> Matrix:
    return np.arange(size + 1), np.arange(size), np.ones(size, dtype)


@functools.lru_cache(maxsize=64)
def _matrix(
    before: int, after: int, mode: str, align_corners: bool, scale: float | None, dtype: str
) -> Matrix:
    """What each of `after` pixels takes of `before` ones."""
    single = np.dtype(dtype).type
    wide = _ratio(before, after, align_corners, scale)
    ratio = single(wide)
    places = np.arange(after, dtype=dtype)
    if mode.startswith("nearest"):
        places = (places + single(0.5)) * ratio if mode == "nearest-exact" else places * ratio
        sources = np.minimum(np.floor(places).astype(np.int64), before - 1)[:, None]
        weights = np.ones((after, 1))
    else:
        where = places.astype(np.float64)
        where = where * wide if align_corners else (where + 0.5) * wide - 0.5
        if mode == "bicubic":
            first = np.floor(where)
            sources = first[:, None].astype(np.int64) + np.arange(-1, 3)
            weights = _cubic(where[:, None] - sources, -0.75)
        else:
            where = np.maximum(where, 0)
            first = np.minimum(np.floor(where), before - 1)
            sources = first[:, None].astype(np.int64) + np.arange(2)
            weights = np.stack([1 - (where - first), where - first], 1)
        sources = np.clip(sources, 0, before - 1)
    taps = sources.shape[1]
    return np.arange(after + 1) * taps, sources.reshape(-1), weights.reshape(-1).astype(dtype)


def _ratio(before: int, after: int, align_corners: bool, scale: float | None) -> float:
    """Pixels of the input from one of the result to the next."""
    if align_corners:
        return (before - 1) / (after - 1) if after > 1 else 0.0
    return 1 / scale if scale else before / after


@functools.lru_cache(maxsize=64)
def _smoothing(
    before: int, after: int, mode: str, align_corners: bool, scale: float | None, dtype: str
) -> Matrix:
    """What each of `after` pixels takes of the `before` ones that it covers."""
    ratio = _ratio(before, after, align_corners, scale)
    centers = (np.arange(after) + 0.5) * ratio
    return _covering(before, centers, max(ratio, 1.0), mode == "bicubic", dtype)


@functools.lru_cache(maxsize=64)
def _cubics(before: int, after: int, dtype: str) -> Matrix:
    places = (np.arange(after) + 0.5) * (before / after) - 0.5
    return _covering(before, np.rint(places * 1024) / 1024 + 0.5, 1.0, True, dtype)


def _covering(before: int, centers: np.ndarray, width: float, cubic: bool, dtype: str) -> Matrix:
    """Weights by a function of the distance over `width`, a triangle or a cubic, whose sum is 1."""
    reach = width * (2 if cubic else 1)
    first, end = (np.floor(centers + sign * reach + 0.5)[:, None] for sign in (-1, 1))
    pixels = np.arange(before)
    covered = (pixels >= first) & (pixels < end)
    distance = (pixels + 0.5 - centers[:, None]) / width
    weights = _cubic(distance, -0.5) if cubic else np.maximum(1 - np.abs(distance), 0)
    weights = np.where(covered, weights, 0)
    weights /= weights.sum(1, keepdims=True)
    offsets = np.concatenate([[0], np.cumsum(covered.sum(1))])
    return offsets, np.nonzero(covered)[1], weights[covered].astype(dtype)


def _cubic(distance: np.ndarray, a: float) -> np.ndarray:
    """R. Keys, "Cubic convolution interpolation for digital image processing", 1981."""
    x = np.abs(distance)
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    return np.where(x <= 1, near, np.where(x < 2, far, 0))


@composed
def upsample(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
) -> Tensor:
    """`interpolate`, by its older name."""
    return interpolate(input, size, scale_factor, mode, align_corners)


@composed
def upsample_nearest(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
) -> Tensor:
    """`interpolate` to the nearest pixels."""
    return interpolate(input, size, scale_factor, "nearest")


@composed
def upsample_bilinear(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
) -> Tensor:
    """`interpolate` in mode 'bilinear' with aligned corners."""
    return interpolate(input, size, scale_factor, "bilinear", True)
