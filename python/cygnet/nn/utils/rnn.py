"""Sequences of several lengths: padded to one length, or packed step by step without padding."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import numpy as np

from cygnet import ops
from cygnet.kernels import DTypeError, ShapeError
from cygnet.ops.gather import gather_rows, scatter_add_rows
from cygnet.ops.recurrent import read_sizes
from cygnet.ops.recurrent_layer import BatchSizes
from cygnet.tensor import FLOATS, Array, Tensor, _check_readable

__all__ = [
    "PackedSequence",
    "invert_permutation",
    "pack_padded_sequence",
    "pack_sequence",
    "pad_packed_sequence",
    "pad_sequence",
    "unpack_sequence",
    "unpad_sequence",
]


class _Packed(NamedTuple):
    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None
    unsorted_indices: Tensor | None


class PackedSequence(_Packed):
    """Sequences sorted by falling length, the first steps of all of them before the second ones.

    Parameters
    ----------
    data : Tensor
        (sum(batch_sizes), ...). Without batch_sizes, a pair of data and batch_sizes.
    batch_sizes : Tensor
        int64: how many sequences have a first step, a second one and so on.
    sorted_indices : Tensor, optional
        int64: which of the sequences, as they were given, comes first, second and so on; None if
        they were sorted.
    unsorted_indices : Tensor, optional
        The inverse permutation. Default: computed.
    """

    __slots__ = ()

    def __new__(
        cls,
        data: Any,
        batch_sizes: Tensor | None = None,
        sorted_indices: Tensor | None = None,
        unsorted_indices: Tensor | None = None,
    ) -> Self:
        if batch_sizes is None:
            if not isinstance(data, list | tuple) or len(data) != 2:
                raise TypeError(
                    "PackedSequence: data must be a pair of data and batch_sizes if these are not "
                    f"given, got {type(data).__name__}"
                )
            data, batch_sizes = data
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def _with(self, data: Tensor) -> Self:
        return self if data is self.data else type(self)(data, *self[1:])

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """With the data as `Tensor.to` gives it."""
        return self._with(self.data.to(*args, **kwargs))

    def cpu(self) -> Self:
        """Itself."""
        return self

    def cuda(self, *args: Any, **kwargs: Any) -> Self:
        """An error: there is only the CPU."""
        return self._with(self.data.cuda(*args, **kwargs))

    def pin_memory(self) -> Self:
        """Itself: memory need not be pinned."""
        return self._with(self.data.pin_memory())

    def is_pinned(self) -> bool:
        """False."""
        return self.data.is_pinned()

    @property
    def is_cuda(self) -> bool:
        """False."""
        return self.data.is_cuda


def _converting(name: str) -> Any:
    def method(self: PackedSequence) -> PackedSequence:
        return self._with(getattr(self.data, name)())

    method.__name__ = method.__qualname__ = name
    method.__doc__ = f"With the data as `Tensor.{name}` gives it."
    return method


for _name in ("byte", "double", "float", "half", "int", "long"):
    setattr(PackedSequence, _name, _converting(_name))


def checked_lengths(op: str, lengths: Any, count: int, longest: int, least: int = 1) -> Array:
    """Lengths as int64; an error unless there are `count`, each from `least` to `longest`."""
    if isinstance(lengths, Tensor):
        _check_readable(op)
        lengths = lengths._array
    given = np.asarray(lengths)
    if given.dtype.kind not in "iuf" and given.size:
        raise DTypeError(f"{op}: lengths are {given.dtype}, expected integers")
    if given.shape != (count,):
        raise ShapeError(f"{op}: lengths have shape {given.shape}, expected ({count},)")
    if not count:
        raise ShapeError(f"{op}: lengths are empty, expected at least one")
    result = given.astype(np.int64)
    if (result != given).any() or result.min() < least or result.max() > longest:
        raise ValueError(
            f"{op}: lengths are {given.tolist()}, expected integers from {least} to {longest}"
        )
    return result


def by_length(lengths: Array) -> tuple[Array, Array]:
    """The sequences' numbers, the longest first, and the batch's size at each step."""
    order = np.argsort(-lengths, kind="stable")
    ends = np.bincount(lengths, minlength=int(lengths.max()) + 1)
    return order, len(lengths) - np.cumsum(ends)[:-1]


def packed_positions(
    batch_sizes: Array, order: Array | None, length: int, batch_first: bool
) -> Tensor:
    """Where each packed row stands among all steps of all sequences, padded to `length`.

    Parameters
    ----------
    batch_sizes : numpy.ndarray
    order : numpy.ndarray or None
        As the sorted_indices of `PackedSequence`.
    length : int
    batch_first : bool
        Whether a sequence's steps follow each other, else a step's sequences.
    """
    times = np.repeat(np.arange(len(batch_sizes)), batch_sizes)
    places = np.arange(len(times)) - np.repeat(np.cumsum(batch_sizes) - batch_sizes, batch_sizes)
    sequences = places if order is None else order[places]
    if batch_first:
        return Tensor._wrap(sequences * length + times)
    return Tensor._wrap(times * batch_sizes[0] + sequences)


def padded_rows(data: Tensor, positions: Tensor, shape: tuple[int, int], value: float) -> Tensor:
    """A tensor (\\*shape, ...) with the rows of `data` at `positions` of its first two dimensions,
    else with `value`.
    """
    rows, rest = shape[0] * shape[1], data.shape[1:]
    if value == 0 and data.dtype in FLOATS:  # with less copying
        padded = scatter_add_rows(data, positions, rows)
    else:
        padded = ops.index_copy(
            ops.full((rows, *rest), value, dtype=data.dtype), 0, positions, data
        )
    return padded.reshape(*shape, *rest)


def padded_shape(length: int, batch: int, batch_first: bool) -> tuple[int, int]:
    """The first two sizes of padded sequences."""
    return (batch, length) if batch_first else (length, batch)


def _rows(input: Tensor) -> Tensor:
    """All steps of all sequences, one below another."""
    return input.reshape(input.shape[0] * input.shape[1], *input.shape[2:])


def pack_padded_sequence(
    input: Tensor, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """The steps of padded sequences without the padding; differentiable.

    Parameters
    ----------
    input : Tensor
        (T, N, ...), or (N, T, ...) with batch_first.
    lengths : sequence of int or Tensor
        N numbers from 1 to T. They are read, which a recording does not allow of a tensor.
    batch_first : bool
        Default False.
    enforce_sorted : bool
        Whether the lengths must fall (default); else the sequences are sorted.

    Raises
    ------
    ShapeError, DTypeError, ValueError
    """
    op = "pack_padded_sequence"
    if input.ndim < 2:
        raise ShapeError(f"{op}: input has shape {input.shape}, expected at least 2 dimensions")
    batch, length = input.shape[:2] if batch_first else input.shape[1::-1]
    numbers = checked_lengths(op, lengths, batch, length)
    if enforce_sorted and (np.diff(numbers) > 0).any():
        raise ValueError(
            f"{op}: lengths are {numbers.tolist()}, expected falling ones; enforce_sorted=False "
            "sorts them"
        )
    order, sizes = by_length(numbers)
    data = gather_rows(_rows(input), packed_positions(sizes, order, length, batch_first))
    return PackedSequence(
        data, Tensor._wrap(sizes), None if enforce_sorted else Tensor._wrap(order)
    )


def pad_packed_sequence(
    sequence: PackedSequence,
    batch_first: bool = False,
    padding_value: float = 0.0,
    total_length: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Padded sequences in their first order, and their lengths: the inverse of
    `pack_padded_sequence`; differentiable.

    Parameters
    ----------
    sequence : PackedSequence
    batch_first : bool
        Whether the result is (N, T, ...), else (T, N, ...). Default False.
    padding_value : float
        Default 0.
    total_length : int, optional
        T. Default: the largest length.

    Raises
    ------
    TypeError, ValueError
    """
    op = "pad_packed_sequence"
    if not isinstance(sequence, PackedSequence):
        raise TypeError(f"{op}: sequence must be a PackedSequence, got {type(sequence).__name__}")
    sizes = np.array(read_packed(op, sequence))
    longest = len(sizes)
    length = longest if total_length is None else total_length
    if length < longest:
        raise ValueError(f"{op}: total_length is {length}, expected at least {longest}")
    order = None if sequence.sorted_indices is None else sequence.sorted_indices._array
    positions = packed_positions(sizes, order, length, batch_first)
    batch = int(sizes[0])
    padded = padded_rows(
        sequence.data, positions, padded_shape(length, batch, batch_first), padding_value
    )
    lengths = np.count_nonzero(sizes[:, None] > np.arange(batch), axis=0)
    if sequence.unsorted_indices is not None:
        lengths = lengths[sequence.unsorted_indices._array]
    return padded, Tensor._wrap(lengths)


def read_packed(op: str, sequence: PackedSequence) -> BatchSizes:
    """The batch's size at each step, as numbers; an error unless they belong to packed rows."""
    sizes = read_sizes(op, sequence.batch_sizes)
    rows = len(sequence.data) if sequence.data.ndim else 0
    falling = all(a >= b for a, b in itertools.pairwise(sizes))
    if not sizes or sizes[-1] < 1 or not falling or sum(sizes) != rows:
        raise ValueError(
            f"{op}: batch_sizes are {list(sizes)}, expected positive numbers that never grow, "
            f"{rows} together"
        )
    return sizes


def pad_sequence(
    sequences: Tensor | Sequence[Tensor],
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Tensor:
    """Sequences of several lengths in one tensor; differentiable.

    Parameters
    ----------
    sequences : sequence of Tensor
        N tensors (length, ...); the sizes behind the first one are equal.
    batch_first : bool
        Whether the result is (N, T, ...), else (T, N, ...). Default False.
    padding_value : float
        Default 0.
    padding_side : str
        'right' (default): the padding follows the sequence; 'left': it comes before it.

    Raises
    ------
    TypeError, ShapeError, ValueError
    """
    op = "pad_sequence"
    if padding_side not in ("left", "right"):
        raise ValueError(f"{op}: padding_side is {padding_side!r}, expected 'left' or 'right'")
    parts = _listed(op, sequences)
    rest = parts[0].shape[1:]
    for i, part in enumerate(parts):
        if part.ndim == 0 or part.shape[1:] != rest:
            raise ShapeError(
                f"{op}: sequences[{i}] has shape {part.shape}, expected (length, "
                f"{', '.join(map(str, rest))})"
            )
    lengths = np.array([len(part) for part in parts])
    longest, batch = int(lengths.max()), len(parts)
    times = np.concatenate([np.arange(length) for length in lengths])
    if padding_side == "left":
        times += np.repeat(longest - lengths, lengths)
    numbers = np.repeat(np.arange(batch), lengths)
    positions = numbers * longest + times if batch_first else times * batch + numbers
    return padded_rows(
        ops.cat([part.to(parts[0].dtype) for part in parts]),
        Tensor._wrap(positions),
        padded_shape(longest, batch, batch_first),
        padding_value,
    )


def _listed(op: str, sequences: Tensor | Sequence[Tensor]) -> list[Tensor]:
    parts = list(sequences.unbind(0) if isinstance(sequences, Tensor) else sequences)
    if not parts:
        raise ValueError(f"{op}: sequences are empty, expected at least one tensor")
    for i, part in enumerate(parts):
        if not isinstance(part, Tensor):
            raise TypeError(f"{op}: sequences[{i}] must be a Tensor, got {type(part).__name__}")
    return parts


def unpad_sequence(
    padded_sequences: Tensor, lengths: Any, batch_first: bool = False
) -> list[Tensor]:
    """The sequences, each of its length, of what `pad_sequence` gave; views.

    Raises
    ------
    ShapeError, DTypeError, ValueError
    """
    op = "unpad_sequence"
    if padded_sequences.ndim < 2:
        raise ShapeError(
            f"{op}: padded_sequences has shape {padded_sequences.shape}, expected at least 2 "
            "dimensions"
        )
    by_sequence = padded_sequences if batch_first else padded_sequences.transpose(0, 1)
    batch, longest = by_sequence.shape[:2]
    numbers = checked_lengths(op, lengths, batch, longest, 0)
    return [by_sequence[i, :length] for i, length in enumerate(numbers.tolist())]


def pack_sequence(sequences: Sequence[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Sequences (length, ...) packed; see `pack_padded_sequence`."""
    parts = _listed("pack_sequence", sequences)
    lengths = [len(part) for part in parts]
    return pack_padded_sequence(pad_sequence(parts), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """The sequences that were packed."""
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """The permutation that undoes another one; None gives None."""
    if permutation is None:
        return None
    if permutation.ndim != 1:
        raise ShapeError(
            f"invert_permutation: permutation has shape {permutation.shape}, expected a vector"
        )
    places = ops.arange(len(permutation), dtype=permutation.dtype)
    return ops.scatter(permutation, 0, permutation, places)
