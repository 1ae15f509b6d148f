"""Weights of samples and classes in the loss."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from cygnet.ops.create import as_tensor
from cygnet.tensor import Tensor
from cygnet.train.inputs import type_name

__all__ = ["loss_of_samples", "weighing", "weighted_mean"]


def loss_of_samples(loss: Any) -> Callable[[Any, Any], Tensor]:
    """The loss module that keeps the samples apart."""
    if getattr(loss, "reduction", None) != "mean":
        raise TypeError(
            "fit: class_weight and sample_weight expected a loss module with reduction='mean', got "
            f"{type_name(loss)}"
        )
    apart: Any = copy.copy(loss)
    apart.reduction = "none"
    return apart  # type: ignore[no-any-return]


def weighted_mean(losses: Tensor, weight: Tensor) -> Tensor:
    """The mean of the losses times their weights: one each, or one for all losses of a sample."""
    if weight.numel() != losses.numel():
        if weight.numel() != len(losses):
            raise ValueError(
                f"fit: class_weight expected targets of one label a loss, got {weight.numel()} "
                f"labels for losses of shape {tuple(losses.shape)}"
            )
        losses = losses.reshape(len(losses), -1).mean(1)
    return (losses.reshape(-1) * weight.reshape(-1)).mean()


def weighing(
    class_weight: Mapping[int, float] | None, has_weights: bool, dtype: Any
) -> Callable[[Any], tuple[Any, Any]] | None:
    """What takes or makes the weights of a batch: gives the batch without them, and them."""
    if class_weight is None:
        return (lambda batch: (batch[:-1], batch[-1])) if has_weights else None
    if not isinstance(class_weight, Mapping) or not all(
        isinstance(label, int | np.integer) for label in class_weight
    ):
        raise TypeError(
            f"fit: argument class_weight expected a mapping of ints to numbers, got {class_weight}"
        )
    if not class_weight or min(class_weight) < 0:
        raise ValueError(
            f"fit: argument class_weight expected weights of classes from 0, got {class_weight}"
        )
    known = int(max(class_weight)) + 1
    table = np.ones(known + 1, dtype)  # the last number is for all others
    for label, weight in class_weight.items():
        table[label] = weight
    weights = as_tensor(table)

    def weigh(batch: Any) -> tuple[Any, Any]:
        weight: Any = None
        if has_weights:
            *batch, weight = batch
        labels = _labels(batch[-1])
        of_class = weights[labels.clamp(-1, known)]
        if weight is not None:
            of_class = of_class * weight.reshape(-1, *[1] * (labels.ndim - 1))
        return batch, of_class

    return weigh


def _labels(target: Tensor) -> Tensor:
    """The classes that targets name: also as one-hot rows or a column, of floating point."""
    if target.shape[1:2] == (1,):
        target = target.reshape(len(target), *target.shape[2:])
    elif target.ndim == 2 and target.is_floating_point():
        target = target.argmax(1)
    return target.long()
