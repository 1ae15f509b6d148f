"""Sequences of different lengths as one array."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cygnet.tensor import Array

__all__ = ["pad_sequences"]

_SIDES = ("pre", "post")


def pad_sequences(
    sequences: Sequence[Any],
    maxlen: int | None = None,
    dtype: Any = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: Any = 0.0,
) -> Array:
    """Sequences cut or filled to one length.

    Parameters
    ----------
    sequences : sequence of sequences
        Of numbers, or of vectors of one shape.
    maxlen : int, optional
        The length. Default: of the longest.
    dtype : str or numpy.dtype, default "int32"
    padding, truncating : {"pre", "post"}, default "pre"
        Whether values are filled in and left out at the beginning or at the end.
    value : float or str, default 0.0
        What is filled in.

    Returns
    -------
    numpy.ndarray
        (len(sequences), maxlen, ...).

    Raises
    ------
    ValueError
        If an item is no sequence, shapes differ, or a side is none of these.

    Examples
    --------
    >>> pad_sequences([[1], [2, 3, 4]], maxlen=2)
    array([[0, 1],
           [3, 4]], dtype=int32)
    """
    for name, side in (("padding", padding), ("truncating", truncating)):
        if side not in _SIDES:
            raise ValueError(
                f"pad_sequences: argument {name} expected 'pre' or 'post', got {side!r}"
            )
    if not hasattr(sequences, "__len__"):
        raise ValueError(
            "pad_sequences: argument sequences expected a list of sequences, got "
            f"{type(sequences).__name__}"
        )
    for index, each in enumerate(sequences):
        if not hasattr(each, "__len__"):
            raise ValueError(f"pad_sequences: sequences[{index}] expected a sequence, got {each!r}")
    if isinstance(value, str) and np.dtype(dtype).kind not in "OSU":
        raise ValueError(
            f"pad_sequences: argument value {value!r} expected dtype object or str, got {dtype}"
        )
    if maxlen is None:
        maxlen = max(map(len, sequences), default=0)
    shape = next((np.asarray(each).shape[1:] for each in sequences if len(each)), ())
    padded = np.full((len(sequences), maxlen, *shape), value, dtype=dtype)
    for index, each in enumerate(sequences):
        cut = slice(maxlen) if truncating == "post" else slice(max(len(each) - maxlen, 0), None)
        kept = np.asarray(each[cut], dtype=dtype)
        if not len(kept):
            continue
        if kept.shape[1:] != shape:
            raise ValueError(
                f"pad_sequences: sequences[{index}] expected items of shape {shape}, got "
                f"{kept.shape[1:]}"
            )
        where = slice(len(kept)) if padding == "post" else slice(maxlen - len(kept), None)
        padded[index, where] = kept
    return padded
