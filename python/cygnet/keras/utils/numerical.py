"""Labels as vectors, vectors of length one, and seeds."""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from cygnet.nn import functional as F
from cygnet.ops.create import as_tensor
from cygnet.random import manual_seed
from cygnet.tensor import Array, Tensor

__all__ = ["normalize", "set_random_seed", "to_categorical"]


def to_categorical(x: Any, num_classes: int | None = None, dtype: Any = None) -> Any:
    """Class labels as vectors that are 1 at the label and else 0.

    Parameters
    ----------
    x : array_like or Tensor
        Ints, of any shape; a last axis of length 1 is dropped.
    num_classes : int, optional
        Default: one more than the largest label.
    dtype : str or numpy.dtype, optional
        Default float64, of a Tensor float32, as in Keras 3. (In Keras 2, where the argument comes
        from, always float32.)

    Returns
    -------
    numpy.ndarray or Tensor
        (..., num_classes), as `x` is.

    Raises
    ------
    ValueError
        If a label is negative or not below `num_classes`. (Keras counts negative ones from the
        end.)

    Examples
    --------
    >>> to_categorical([0, 2], num_classes=3)
    array([[1., 0., 0.],
           [0., 0., 1.]])
    """
    if isinstance(x, Tensor):
        return as_tensor(to_categorical(x.detach().numpy(), num_classes, dtype or np.float32))
    labels: Array = np.asarray(x).astype(np.int64)
    if labels.ndim > 1 and labels.shape[-1] == 1:
        labels = labels[..., 0]
    if not num_classes:
        if not labels.size:
            raise ValueError("to_categorical: argument num_classes is needed where x is empty")
        num_classes = int(labels.max()) + 1
    if labels.size and not (labels.min() >= 0 and labels.max() < num_classes):
        raise ValueError(
            f"to_categorical: argument x expected labels from 0 to {num_classes - 1}, got "
            f"{labels.min()} to {labels.max()}"
        )
    return (labels[..., None] == np.arange(num_classes)).astype(dtype or np.float64)


def normalize(x: Any, axis: int = -1, order: float = 2) -> Any:
    """Vectors along `axis`, divided by their norm; those of zeros stay as they are.

    Parameters
    ----------
    x : array_like or Tensor
    axis : int, default -1
        (Keras divides arrays wrongly for 0.)
    order : float, default 2
        Of the norm.

    Returns
    -------
    numpy.ndarray or Tensor
        As `x` is.
    """
    if isinstance(x, Tensor):
        return F.normalize(x, order, axis)
    array = np.asarray(x)
    norm = np.linalg.norm(array, order, axis, keepdims=True)
    return array / np.where(norm == 0, 1, norm)


def set_random_seed(seed: int) -> None:
    """Start the random numbers of Cygnet, NumPy and Python from `seed`.

    Parameters
    ----------
    seed : int
        From 0 to 2**32 - 1.

    Raises
    ------
    ValueError
        If it is no such int.
    """
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or not 0 <= seed < 2**32:
        raise ValueError(
            f"set_random_seed: argument seed expected an int from 0 to 2^32 - 1, got {seed!r}"
        )
    random.seed(int(seed))
    np.random.seed(int(seed))  # noqa: NPY002 (programs draw from it)
    manual_seed(seed)
