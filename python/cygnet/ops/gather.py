"""Selection by integer indices."""

from __future__ import annotations

from cygnet import kernels
from cygnet.autograd import record
from cygnet.ops.common import as_tensor, normalized_axis, wrap
from cygnet.tensor import Tensor


def gather_rows(input: Tensor, index: Tensor) -> Tensor:
    """The entries `index` (a vector of positions) of the first dimension of `input`."""
    output = wrap(kernels.gather_rows(input._array, index._array))
    rows = input.shape[0]
    return record(
        output, (input,), lambda grad: (scatter_add_rows(grad, index, rows),), "gather_rows"
    )


def scatter_add_rows(grad: Tensor, index: Tensor, rows: int) -> Tensor:
    """Zeros with `rows` entries, to which entry i of `grad` is added at position index[i]."""
    output = wrap(kernels.scatter_add_rows(grad._array, index._array, rows))
    return record(output, (grad,), lambda again: (gather_rows(again, index),), "scatter_add_rows")


def gather(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """input[i][index[i][j]] and so on along `dim`; the other sizes of `index` are those of
    `input`.
    """
    input, index = as_tensor(input, "gather", "input"), as_tensor(index, "gather", "index")
    axis = normalized_axis("gather", dim, input.ndim)
    output = wrap(kernels.take_along_axis(input._array, index._array, axis))
    size = input.shape[axis]
    return record(
        output, (input,), lambda grad: (scatter_along(grad, index, axis, size),), "gather"
    )


def scatter_along(grad: Tensor, index: Tensor, axis: int, size: int) -> Tensor:
    """The gradient of `gather`: zeros of `size` along the axis, to which `grad` is added at the
    positions `index`.
    """
    output = wrap(kernels.scatter_add_along_axis(grad._array, index._array, axis, size))
    return record(output, (grad,), lambda again: (gather(again, axis, index),), "scatter_along")
