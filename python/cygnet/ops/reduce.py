"""Reductions over one, several or all dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from cygnet import kernels
from cygnet.autograd import record
from cygnet.ops.broadcast import axis_argument, expand, kept_shape, reshape
from cygnet.ops.common import as_tensor, normalized_axis, wrap
from cygnet.ops.gather import scatter_along
from cygnet.tensor import Tensor

__all__ = [
    "amax",
    "argmax",
    "max",
    "mean",
]


class ValuesIndices(NamedTuple):
    """The extreme values along a dimension and their positions."""

    values: Tensor
    indices: Tensor


def mean(input: Tensor, dim: int | Sequence[int] | None = None, keepdim: bool = False) -> Tensor:
    """The arithmetic mean over the dimensions `dim`, all by default; NaN of nothing.

    Raises
    ------
    DTypeError
        For integers and bools.
    """
    input = as_tensor(input, "mean", "input")
    output = wrap(kernels.mean(input._array, axis_argument(dim), keepdim))
    count = input.numel() / output.numel() if output.numel() else 1.0

    def backward(grad: Tensor) -> tuple[Tensor]:
        return (expand(reshape(grad / count, kept_shape("mean", input, dim)), input.shape),)

    return record(output, (input,), backward, "mean", fresh=False)


def amax(input: Tensor, dim: int | Sequence[int] | None = None, keepdim: bool = False) -> Tensor:
    """The largest element over the dimensions `dim`, all by default; equal ones share the
    gradient.
    """
    input = as_tensor(input, "amax", "input")
    output = kernels.max(input._array, axis_argument(dim), keepdim)
    saved = input._array

    def backward(grad: Tensor) -> tuple[Tensor]:
        return (
            wrap(
                kernels.extremum_backward(grad._array, saved, output, axis_argument(dim), keepdim)
            ),
        )

    return record(wrap(output), (input,), backward, "amax", once=True)


def max(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor | ValuesIndices:
    """The largest element of all; with `dim`, the largest values along it and their positions.

    Equal largest elements of the whole share the gradient; along a dimension it goes to the
    position returned.
    """
    if dim is None:
        return amax(input)
    input = as_tensor(input, "max", "input")
    axis = normalized_axis("max", dim, input.ndim)
    indices = wrap(kernels.argmax(input._array, axis, True))

    def backward(grad: Tensor) -> tuple[Tensor]:
        return (scatter_along(reshape(grad, indices.shape), indices, axis, input.shape[axis]),)

    values = wrap(kernels.max(input._array, axis, keepdim))
    record(values, (input,), backward, "max")
    return ValuesIndices(values, reshape(indices, values.shape))


def argmax(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """The position of the largest element, the first of equals, as int64; of the flattened tensor
    without `dim`.
    """
    input = as_tensor(input, "argmax", "input")
    return wrap(kernels.argmax(input._array, dim, keepdim))
