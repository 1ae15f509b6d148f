"""Labels as rows of a table and as one-hot vectors."""

from __future__ import annotations

import numpy as np

from cygnet import kernels
from cygnet.autograd import modified, record
from cygnet.errors import composed
from cygnet.ops.broadcast import reshape, to_shape
from cygnet.ops.common import as_tensor, wrap
from cygnet.ops.create import ones
from cygnet.ops.elementwise import div, ne, where
from cygnet.ops.gather import INDICES, gather_rows, scatter_add_rows
from cygnet.tensor import Tensor

__all__ = [
    "embedding",
    "one_hot",
]


@composed
def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """The rows of `weight` that `input` names.

    Parameters
    ----------
    input : Tensor
        Positions of any shape, int64 or int32.
    weight : Tensor
        (rows, width), float32 or float64.
    padding_idx : int, optional
        A row, negative ones counted from the end, that gets no gradient.
    max_norm : float, optional
        Rows that are looked up and have a larger norm are first scaled to it, in place.
    norm_type : float
        p of the norm ``sum(abs(row) ** p) ** (1 / p)``. Default 2.
    scale_grad_by_freq : bool
        Whether a row's gradient is divided by how often it was looked up. Default False.
    sparse : bool
        Accepted for PyTorch's sake; the gradient is always dense.

    Returns
    -------
    Tensor
        (\\*input.shape, width).

    Raises
    ------
    ShapeError, DTypeError, IndexError, ValueError
    """
    op = "embedding"
    input, weight = as_tensor(input, op, "input"), as_tensor(weight, op, "weight")
    if weight.ndim != 2:
        raise kernels.ShapeError(f"{op}: weight has shape {weight.shape}, expected (rows, width)")
    rows, width = weight.shape
    if padding_idx is not None and not -rows <= padding_idx < rows:
        raise ValueError(f"{op}: padding_idx is {padding_idx}, expected {-rows} to {rows - 1}")
    index = reshape(input.detach(), -1)
    if max_norm is not None:
        kernels.renormalize_rows(weight._array, index._array, max_norm, norm_type)
        modified(weight)
    output = wrap(kernels.gather_rows(weight._array, index._array).reshape(*input.shape, width))

    def backward(grad: Tensor) -> tuple[Tensor]:
        grad = reshape(grad, index.numel(), width)
        if padding_idx is not None:
            grad = where(reshape(ne(index, padding_idx % rows), -1, 1), grad, 0.0)
        if scale_grad_by_freq:
            counts = scatter_add_rows(ones(index.numel(), 1, dtype=grad.dtype), index, rows)
            grad = div(grad, gather_rows(counts, index))
        return (scatter_add_rows(grad, index, rows),)

    return record(output, (weight,), backward, op, saved=(input,))


@composed
def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """int64 zeros with a 1 at each label of a new last dimension.

    Parameters
    ----------
    tensor : Tensor
        Labels of any shape, int64 (int32 as well), not negative.
    num_classes : int
        The size of the new dimension. Default -1: the largest label plus one.

    Raises
    ------
    IndexError
        If a label is negative or too large.
    DTypeError, ValueError
    """
    op = "one_hot"
    tensor = as_tensor(tensor, op, "tensor")
    if tensor.dtype not in INDICES:
        raise kernels.DTypeError(f"{op}: tensor is {tensor.dtype}, expected int64")
    if num_classes == -1:
        if tensor.numel() == 0:
            raise ValueError(f"{op}: num_classes is -1 for no label, expected a number of classes")
        num_classes = int(wrap(kernels.max(tensor._array, None, False)).item()) + 1
    if num_classes < 0 or (num_classes == 0 and tensor.numel()):
        raise ValueError(f"{op}: num_classes is {num_classes}, expected at least 1")
    labels = to_shape(tensor, (*tensor.shape, 1))
    array = kernels.full((*tensor.shape, num_classes), 0, "int64")
    one = np.broadcast_to(np.int64(1), labels.shape)
    kernels.put_along_axis(array, labels._array, one, labels.ndim - 1)
    return wrap(array)
