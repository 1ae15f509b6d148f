"""Kernels for channels last: those of the core want channels behind the batch."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from cygnet import kernels
from cygnet.ops.common import Shape
from cygnet.tensor import Array

__all__ = ["BEHIND_BATCH", "LAST", "convolution_kernel", "pooling_kernel"]

# By the number of dimensions: what brings the last behind the batch, and back.
BEHIND_BATCH = {n: (0, n - 1, *range(1, n - 1)) for n in range(2, 7)}
LAST = {n: (0, *range(2, n), 1) for n in range(2, 7)}


@functools.cache
def convolution_kernel(name: str, direction: str, axes: int) -> Callable[..., Any]:
    """The kernel `name` of images (N, ..., C) and weights (..., in, out).

    Parameters
    ----------
    name : str
        Such as "conv2d".
    direction : str
        "forward", "backward_input" or "backward_weight".
    axes : int
        Spatial axes.
    """
    kernel = getattr(kernels, f"{name}_{direction}")
    first, last = BEHIND_BATCH[axes + 2], LAST[axes + 2]
    to_core = (axes + 1, axes, *range(axes))  # of weights: (out, in, ...)
    from_core = (*range(2, axes + 2), 1, 0)

    def forward(x: Array, w: Array, *rest: Any) -> Array:
        output: Array = kernel(x.transpose(first), w.transpose(to_core), *rest)
        return output.transpose(last)

    def backward_input(grad: Array, w: Array, shape: Shape, *rest: Any) -> Array:
        sizes = tuple(shape[axis] for axis in first)
        output: Array = kernel(grad.transpose(first), w.transpose(to_core), sizes, *rest)
        return output.transpose(last)

    def backward_weight(
        grad: Array, x: Array, shape: Shape, *rest: Any
    ) -> tuple[Array | None, Array | None]:
        sizes = tuple(shape[axis] for axis in to_core)
        by_weight, by_bias = kernel(grad.transpose(first), x.transpose(first), sizes, *rest)
        return None if by_weight is None else by_weight.transpose(from_core), by_bias

    made: dict[str, Callable[..., Any]] = {
        "forward": forward,
        "backward_input": backward_input,
        "backward_weight": backward_weight,
    }
    return made[direction]


@functools.cache
def pooling_kernel(name: str, direction: str, several: bool) -> Callable[..., Any]:
    """The kernel `name` of images (N, ..., C).

    Parameters
    ----------
    name : str
        Such as "max_pool2d".
    direction : str
        "forward" or "backward".
    several : bool
        Whether the forward kernel gives more than the result, and the backward kernel takes it.
    """
    kernel = getattr(kernels, f"{name}_{direction}")

    def forward(x: Array, *rest: Any) -> Any:
        results = kernel(x.transpose(BEHIND_BATCH[x.ndim]), *rest)
        last = LAST[x.ndim]
        return (results[0].transpose(last), *results[1:]) if several else results.transpose(last)

    def backward(grad: Array, *rest: Any) -> Array:
        first = BEHIND_BATCH[grad.ndim]
        kept, shape, windows = rest[:several], rest[several], rest[several + 1 :]
        sizes = tuple(shape[axis] for axis in first)
        output: Array = kernel(grad.transpose(first), *kept, sizes, *windows)
        return output.transpose(LAST[grad.ndim])

    return forward if direction == "forward" else backward
