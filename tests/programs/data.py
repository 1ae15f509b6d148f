"""What the programs train on: the digits, and arrays drawn with NumPy, the same for any library."""

from __future__ import annotations

from typing import Any

import numpy as np

from cygnet.data import digits

_ARTICLES, _ADJECTIVES = ["the", "a"], ["black", "white", "young", "old"]
_BIRDS, _VERBS = ["swan", "cygnet", "duck", "heron"], ["swims", "sleeps", "dives", "sings"]
WORDS = [*_ARTICLES, *_ADJECTIVES, *_BIRDS, *_VERBS, "<eos>"]


def floats(torch: Any, array: Any) -> Any:
    """The array as a tensor of the default dtype."""
    return torch.from_numpy(np.ascontiguousarray(array)).to(torch.get_default_dtype())


def images(torch: Any, split: str = "train", count: int | None = None) -> tuple[Any, Any]:
    """Digits from 0 to 1, (N, 1, 8, 8), and their labels, (N,)."""
    pixels, labels = digits(split).tensors
    return floats(torch, pixels.numpy()[:count]), torch.from_numpy(labels.numpy()[:count].copy())


def sentences(count: int) -> np.ndarray[Any, Any]:
    """Sentences of an article, an adjective, a bird and a verb, as the words' numbers, (5 N,)."""
    draws = np.random.default_rng(1)
    article, adjective = draws.integers(0, 2, count), draws.integers(2, 6, count)
    # Each adjective has its bird and each bird its verb nine times in ten.
    bird = np.where(draws.random(count) < 0.9, adjective + 4, draws.integers(6, 10, count))
    verb = np.where(draws.random(count) < 0.9, bird + 4, draws.integers(10, 14, count))
    end = np.full(count, 14)
    return np.stack([article, adjective, bird, verb, end], axis=1).reshape(-1)
