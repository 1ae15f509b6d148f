"""MNIST as Keras gives it."""

from __future__ import annotations

import os

import numpy as np

from cygnet.data import sources
from cygnet.tensor import Array

__all__ = ["load_data"]

Pair = tuple[Array, Array]


def load_data(path: str | os.PathLike[str] = "mnist.npz") -> tuple[Pair, Pair]:
    """MNIST: handwritten digits, 60,000 for training and 10,000 for testing.

    Parameters
    ----------
    path : path-like, default "mnist.npz"
        A folder with the four IDX files. What is no folder, as Keras's name of a file in its
        cache, has no effect: the files are looked for, and kept, where :func:`cygnet.data.mnist`
        has them (``$CYGNET_DATA/mnist`` or the user's cache).

    Returns
    -------
    ((x_train, y_train), (x_test, y_test))
        Images, uint8 (N, 28, 28) from 0 to 255, and labels, uint8 (N,).

    Raises
    ------
    DownloadError
        If the files are missing and cannot be downloaded.
    """
    root = path if os.path.isdir(path) else None
    train, test = (_bytes(root, split) for split in ("train", "test"))
    return train, test


def _bytes(root: str | os.PathLike[str] | None, split: str) -> Pair:
    images, labels = sources.mnist_bytes(root, split)
    return np.array(images), np.array(labels)  # a program may write into them
