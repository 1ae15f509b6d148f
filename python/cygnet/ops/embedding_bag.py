"""Sums, means and maxima of rows of a table, bag by bag."""

from __future__ import annotations

import numpy as np

from cygnet import kernels
from cygnet.dtypes import NAMES
from cygnet.errors import composed
from cygnet.ops.broadcast import reshape
from cygnet.ops.common import as_tensor, wrap
from cygnet.ops.create import full, ones, zeros
from cygnet.ops.elementwise import div, eq, logical_and, logical_or, maximum, mul, ne, where
from cygnet.ops.embedding import embedding
from cygnet.ops.gather import gather, gather_rows, scatter_add_rows
from cygnet.ops.join import cat
from cygnet.tensor import Tensor

__all__ = ["embedding_bag"]


@composed
def embedding_bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """The sum, mean or maximum of the rows of `weight` that each bag of positions names.

    Parameters
    ----------
    input : Tensor
        Positions, int64 or int32: (B, S), a bag a row, or (M,), bags one after another.
    weight : Tensor
        (rows, width), float32 or float64.
    offsets : Tensor, optional
        (B,), int64 or int32: where each bag of a flat input begins, the first one at 0. Bags may
        be empty; their results are 0. None for an input of rows.
    max_norm, norm_type
        Rows that are looked up and have a larger norm are first scaled to it, in place.
    scale_grad_by_freq : bool
        Whether a row's gradient is divided by how often it was looked up; not for 'max'.
        (PyTorch 2.13 divides some rows by the number of another one.)
    mode : str
        'mean' (default), 'sum' or 'max'. A maximum is NaN if a row is; of equal numbers the first
        one gets the gradient.
    sparse : bool
        Accepted for PyTorch's sake; the gradient is always dense.
    per_sample_weights : Tensor, optional
        Of the input's shape and the table's type: a factor for each row, only for 'sum'.
    include_last_offset : bool
        Whether the last of the `offsets` is the end of the last bag, beyond which positions count
        for nothing. Default False.
    padding_idx : int, optional
        A row, negative ones counted from the end, that counts for nothing and gets no gradient.

    Returns
    -------
    Tensor
        (B, width).

    Raises
    ------
    IndexError
        If a position or an offset is out of range.
    ShapeError, DTypeError, ValueError
    """
    op = "embedding_bag"
    if mode not in ("sum", "mean", "max"):
        raise ValueError(f"{op}: mode is {mode!r}, expected 'sum', 'mean' or 'max'")
    if mode == "max" and (scale_grad_by_freq or sparse):
        raise ValueError(
            f"{op}: arguments scale_grad_by_freq and sparse expected False for mode 'max', got "
            f"{scale_grad_by_freq} and {sparse}"
        )
    input, weight = as_tensor(input, op, "input"), as_tensor(weight, op, "weight")
    starts, bags = _starts(op, input, offsets, include_last_offset)
    index = reshape(input, -1)
    rows = embedding(index, weight, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse)
    count = index.numel()
    numbers = wrap(kernels.segment_numbers(starts._array, count))
    segments = max(1, starts.numel())
    kept = None
    if padding_idx is not None:
        kept = reshape(ne(index, padding_idx % weight.shape[0]), (count, 1))
    if per_sample_weights is not None:
        rows = mul(rows, _factors(op, input, weight, mode, per_sample_weights))
    if mode == "max":
        return _largest(rows, numbers, kept, segments)[:bags]
    if kept is not None:
        rows = where(kept, rows, 0.0)
    result = scatter_add_rows(rows, numbers, segments)
    if mode == "mean":
        each = ones(count, 1, dtype=weight.dtype)
        each = each if kept is None else where(kept, each, 0.0)
        result = div(result, maximum(scatter_add_rows(each, numbers, segments), 1.0))
    return result[:bags]


def _starts(
    op: str, input: Tensor, offsets: Tensor | None, include_last_offset: bool
) -> tuple[Tensor, int]:
    """Where bags begin, and how many there are."""
    if input.ndim == 2:
        if offsets is not None:
            raise ValueError(f"{op}: argument offsets expected None for an input (B, S), got one")
        bags, size = input.shape
        return wrap(np.arange(bags) * size), bags
    if input.ndim != 1:
        raise kernels.ShapeError(f"{op}: input has shape {input.shape}, expected (M,) or (B, S)")
    if offsets is None:
        raise ValueError(f"{op}: argument offsets expected a Tensor for an input (M,), got None")
    starts = as_tensor(offsets, op, "offsets")
    if starts.ndim != 1 or starts.numel() < include_last_offset:
        length = "B + 1" if include_last_offset else "B"
        raise kernels.ShapeError(f"{op}: offsets has shape {starts.shape}, expected ({length},)")
    return starts, starts.numel() - include_last_offset


def _factors(op: str, input: Tensor, weight: Tensor, mode: str, given: Tensor) -> Tensor:
    """The weights of samples as a column."""
    factors = as_tensor(given, op, "per_sample_weights")
    if mode != "sum":
        raise ValueError(f"{op}: per_sample_weights are for mode 'sum', got mode {mode!r}")
    if factors.shape != input.shape:
        raise kernels.ShapeError(
            f"{op}: per_sample_weights has shape {factors.shape}, expected {input.shape}, that of "
            "input"
        )
    if factors.dtype != weight.dtype:
        raise kernels.DTypeError(
            f"{op}: per_sample_weights is {factors.dtype}, expected {weight.dtype}, that of weight"
        )
    return reshape(factors, (input.numel(), 1))


def _largest(rows: Tensor, numbers: Tensor, kept: Tensor | None, segments: int) -> Tensor:
    """The maximum of the rows of each segment, column by column; 0 where none counts."""
    count, width = rows.shape
    values = rows.detach()
    if kept is not None:
        values = where(kept, values, -np.inf)
    largest = kernels.full((segments, width), -np.inf, NAMES[rows.dtype])
    kernels.index_put(largest, numbers._array, values._array, mode="amax")
    chosen = eq(values, gather_rows(wrap(largest), numbers))
    chosen = logical_or(chosen, ne(values, values))
    if kept is not None:
        chosen = logical_and(chosen, kept)
    places = where(chosen, wrap(np.arange(count).reshape(count, 1)), count)
    first = full((segments, width), count, dtype=np.dtype(np.int64))
    kernels.index_put(first._array, numbers._array, places._array, mode="amin")
    return gather(cat((rows, zeros(1, width, dtype=rows.dtype))), 0, first)
