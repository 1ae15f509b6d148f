"""Batches whose images are mixed with each other."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cygnet import kernels, ops
from cygnet.data.augmentation import current_cell, drawn
from cygnet.dtypes import get_default_dtype
from cygnet.kernels import DTypeError, ShapeError
from cygnet.ops.create import as_tensor
from cygnet.tensor import FLOATS, Tensor

__all__ = ["CutMix", "MixUp"]


class _Mix:
    """Base of the two: a subclass defines `mix`."""

    def __init__(self, *, alpha: float = 1.0, num_classes: int | None = None) -> None:
        name = type(self).__name__
        if not isinstance(alpha, int | float) or not 0 < alpha < math.inf:
            raise ValueError(f"{name}: alpha expected a number above 0, got {alpha!r}")
        if num_classes is not None and (not isinstance(num_classes, int) or num_classes < 1):
            raise ValueError(f"{name}: num_classes expected an int above 0, got {num_classes!r}")
        self.alpha = float(alpha)
        self.num_classes = num_classes

    def mix(self, images: Tensor, others: Tensor, share: float) -> tuple[Tensor, float]:
        """The mixed images, and the share of `images` in them."""
        raise NotImplementedError

    def __call__(self, *batch: Any) -> tuple[Tensor, Tensor]:
        name = type(self).__name__
        given = batch[0] if len(batch) == 1 and isinstance(batch[0], tuple | list) else batch
        if len(given) != 2:
            raise ValueError(f"{name}: expected images and labels, got {len(given)} arguments")
        images, labels = (as_tensor(each) for each in given)
        if images.ndim != 4 or images.dtype not in FLOATS:
            raise ShapeError(
                f"{name}: images are {images.dtype} of shape {images.shape}, expected (N, C, H, W) "
                "of float32 or float64"
            )
        targets = self._targets(labels, images)
        beta = _beta(self.alpha)
        mixed, share = self.mix(images, ops.roll(images, 1, 0), beta)
        return mixed, targets * share + ops.roll(targets, 1, 0) * (1 - share)

    def _targets(self, labels: Tensor, images: Tensor) -> Tensor:
        """One-hot labels; those that are (N, classes) of numbers already stay."""
        name = type(self).__name__
        if labels.ndim not in (1, 2) or labels.shape[0] != images.shape[0]:
            raise ShapeError(
                f"{name}: labels have shape {labels.shape}, expected ({images.shape[0]},) or "
                f"({images.shape[0]}, classes) for as many images"
            )
        if labels.ndim == 2:
            if labels.dtype not in FLOATS:
                raise DTypeError(f"{name}: labels of two dimensions are {labels.dtype}, not float")
            return labels
        if self.num_classes is None:
            raise ValueError(f"{name}: num_classes is None, expected an int for labels that count")
        return ops.one_hot(labels, self.num_classes).to(get_default_dtype())

    def __repr__(self) -> str:
        return f"{type(self).__name__}(alpha={self.alpha}, num_classes={self.num_classes})"


class MixUp(_Mix):
    """Each image of a batch mixed with the one before it, and so their labels.

    The share follows a Beta(alpha, alpha) distribution, one draw a batch. As the end of a
    `DataLoader`'s ``collate_fn`` it draws by the seed, the epoch and the number of the batch.

    Parameters
    ----------
    alpha : float
        Above 0. Default 1: every share is as likely.
    num_classes : int, optional
        How many classes there are, for labels that are numbers, (N,); one-hot ones are (N,
        classes).

    Raises
    ------
    ValueError, ShapeError, DTypeError

    References
    ----------
    H. Zhang et al., "mixup: beyond empirical risk minimization", 2018.

    Examples
    --------
    >>> from cygnet.data import DataLoader, default_collate, digits, transforms
    >>> mix = transforms.MixUp(alpha=0.2, num_classes=10)
    >>> loader = DataLoader(digits(), 32, collate_fn=lambda batch: mix(default_collate(batch)))
    >>> images, targets = next(iter(loader))
    >>> tuple(images.shape), tuple(targets.shape)
    ((32, 1, 8, 8), (32, 10))
    """

    def mix(self, images: Tensor, others: Tensor, share: float) -> tuple[Tensor, float]:
        return images * share + others * (1 - share), share


class CutMix(_Mix):
    """Each image of a batch with a rectangle of the one before it, and their labels mixed by area.

    The rectangle's share follows from a Beta(alpha, alpha) distribution, its centre lies anywhere;
    one draw a batch.

    Parameters
    ----------
    alpha : float
        Above 0. Default 1: every share is as likely.
    num_classes : int, optional
        How many classes there are, for labels that are numbers, (N,); one-hot ones are (N,
        classes).

    Raises
    ------
    ValueError, ShapeError, DTypeError

    References
    ----------
    S. Yun et al., "CutMix: regularization strategy to train strong classifiers with localizable
    features", 2019.
    """

    def mix(self, images: Tensor, others: Tensor, share: float) -> tuple[Tensor, float]:
        height, width = images.shape[2:]
        at_y, at_x = drawn((0.0, float(height)), (0.0, float(width)))
        half = 0.5 * math.sqrt(1 - share)
        (top, bottom), (left, right) = (
            (max(int(at) - int(half * size), 0), min(int(at) + int(half * size), size))
            for at, size in ((at_y, height), (at_x, width))
        )
        mixed = images.clone()
        mixed[:, :, top:bottom, left:right] = others[:, :, top:bottom, left:right]
        return mixed, 1 - (bottom - top) * (right - left) / (height * width)


def _beta(alpha: float) -> float:
    one, other = _log_gamma(alpha), _log_gamma(alpha)
    return 1 / (1 + math.exp(min(other - one, 700)))


def _log_gamma(shape: float) -> float:
    """The logarithm, as the number itself is too small for a float where `shape` is.

    G. Marsaglia, W. W. Tsang, "A simple method for generating gamma variables", 2000.
    """
    if shape < 1:
        return _log_gamma(shape + 1) + math.log(1 - drawn((0.0, 1.0))[0]) / shape
    d = shape - 1 / 3
    while True:
        x = float(kernels.normal(np.empty(1), current_cell())[0])
        (u,) = drawn((0.0, 1.0))
        v: float = (1 + x / math.sqrt(9 * d)) ** 3
        if v > 0 and math.log(1 - u) < x * x / 2 + d - d * v + d * math.log(v):
            return math.log(d * v)
