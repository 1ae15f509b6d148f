"""Weights of samples and classes in the loss."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from cygnet import kernels
from cygnet.ops.create import as_tensor
from cygnet.tensor import Tensor
from cygnet.train.inputs import type_name

__all__ = ["class_weights", "loss_of_samples", "weighed", "weighted_mean"]


def loss_of_samples(loss: Any, before: Any) -> Callable[[Any, Any], Tensor]:
    """The loss module that keeps the samples apart: `before`, which recordings know, if it was made
    of one like it.
    """
    if getattr(loss, "reduction", None) != "mean":
        raise TypeError(
            "fit: class_weight and sample_weight expected a loss module with reduction='mean', got "
            f"{type_name(loss)}"
        )
    apart: Any = before if type(before) is type(loss) else copy.copy(loss)
    vars(apart).update(vars(loss))
    apart.reduction = "none"
    kernels.modules_changed()
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


def class_weights(class_weight: Mapping[int, float] | None, dtype: Any) -> Tensor | None:
    """The weights of the classes; the last number is for all others."""
    if class_weight is None:
        return None
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
    table = np.ones(int(max(class_weight)) + 2, dtype)
    for label, weight in class_weight.items():
        table[label] = weight
    return as_tensor(table)


def weighed(batch: Any, has_weights: bool, of_classes: Tensor | None) -> tuple[Any, Any]:
    """A batch without weights, and the weights of its samples: those in the batch, if it
    `has_weights`, times those of their classes.
    """
    weight: Any = None
    if has_weights:
        *batch, weight = batch
    if of_classes is None:
        return batch, weight
    labels = _labels(batch[-1])
    of_class = of_classes[labels.clamp(-1, len(of_classes) - 1)]
    if weight is not None:
        of_class = of_class * weight.reshape(-1, *[1] * (labels.ndim - 1))
    return batch, of_class


def _labels(target: Tensor) -> Tensor:
    """The classes that targets name: also as one-hot rows or a column, of floating point."""
    if target.shape[1:2] == (1,):
        target = target.reshape(len(target), *target.shape[2:])
    elif target.ndim == 2 and target.is_floating_point():
        target = target.argmax(1)
    return target.long()
