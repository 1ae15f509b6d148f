"""Views that together make up a tensor: `split`, `unbind` and their kin as one op on the tape."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from cygnet import kernels
from cygnet.autograd import memory_of, record, record_several
from cygnet.dtypes import NAMES
from cygnet.ops.broadcast import viewed
from cygnet.ops.common import wrap
from cygnet.tensor import Array, Tensor


def pieces(
    input: Tensor, axis: int, lengths: Sequence[int], name: str, *, alone: bool = False
) -> tuple[Tensor, ...]:
    """The views of the given lengths, one after the other along an axis; they add up to its size.

    With `alone`, each length is 1 and the views lack the axis. The gradients of all views are
    joined once. Where they are such views of one array themselves, as those of attention are, they
    need no copy.
    """
    ends = list(itertools.accumulate(lengths))
    before = (slice(None),) * axis
    places: list[Any] = [
        (*before, end - 1 if alone else slice(end - length, end), ...)
        for length, end in zip(lengths, ends, strict=True)
    ]
    memory = memory_of(input)
    array = input._array
    outputs = []
    for place in places:
        output = wrap(array[place])
        output._memory = memory
        output._view = (input, lambda other, at=place: viewed(other, lambda a: a[at], name))
        memory.add_view(output)
        outputs.append(output)
    shapes, dtype = [output.shape for output in outputs], array.dtype

    def backward(*grads: Tensor | None) -> tuple[Tensor]:
        given = tuple(
            wrap(kernels.full(shape, 0.0, NAMES[dtype])) if grad is None else grad
            for grad, shape in zip(grads, shapes, strict=True)
        )
        whole = _joined([grad._array for grad in given], axis, lengths, alone)
        return (
            record(
                wrap(whole),
                given,
                lambda again: pieces(again, axis, lengths, name, alone=alone),
                name,
                saved=(),
                fresh=False,
            ),
        )

    results = tuple(outputs)
    record_several(results, (input,), backward, name, saved=(), fresh=False)
    return results


def _joined(arrays: list[Array], axis: int, lengths: Sequence[int], alone: bool) -> Array:
    whole = _neighbours(arrays, axis, lengths, alone)
    if whole is not None:
        return whole
    if alone:
        arrays = [np.expand_dims(array, axis) for array in arrays]
    return kernels.concatenate(arrays, axis)


def _neighbours(
    arrays: list[Array], axis: int, lengths: Sequence[int], alone: bool
) -> Array | None:
    """The array whose pieces, in order, these are; None if there is none."""
    first = arrays[0]
    base: Any = first.base
    if type(base) is not np.ndarray or not base.flags.c_contiguous:
        return None
    for array in arrays:
        if array.base is not base or array.strides != first.strides:
            return None
    addresses = [array.__array_interface__["data"][0] for array in arrays]
    shape, strides = first.shape, first.strides
    if alone:
        step = addresses[1] - addresses[0] if len(arrays) > 1 else first.itemsize
        strides = (*strides[:axis], step, *strides[axis:])
        shape = (*shape[:axis], len(arrays), *shape[axis:])
    else:
        step = strides[axis]
        shape = (*shape[:axis], sum(lengths), *shape[axis + 1 :])
    begin = addresses[0]
    for address, length in zip(addresses, lengths, strict=True):
        if address != begin:
            return None
        begin += length * step
    offset = addresses[0] - base.__array_interface__["data"][0]
    return np.ndarray(shape, first.dtype, base, offset, strides)
