"""The steps of a `Trainer` as functions of a batch: what of them is captured."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cygnet.nn.utils import clip_grad_norm_, clip_grad_value_
from cygnet.optim import Optimizer
from cygnet.recorder import refuse
from cygnet.replay.draft import mapped
from cygnet.tensor import Tensor
from cygnet.train.weights import weighed, weighted_mean

__all__ = ["parameters_of", "predict", "test", "train", "update"]


def train(
    model: Callable[..., Any],
    loss: Callable[[Any, Any], Tensor],
    optimizer: Any,
    batch: tuple[Any, ...],
    weighing: tuple[bool, Tensor | None] | None,
    count: int,
    clip_norm: float | None,
    clip_value: float | None,
) -> tuple[Tensor, Any]:
    """Adds to the gradients what a batch gives, and takes a step if `count` is not 0.

    Parameters
    ----------
    model, loss : callable
        With `weighing` the loss gives one number a sample.
    optimizer : Optimizer
    batch : tuple
        Inputs, the target and perhaps weights.
    weighing : tuple, optional
        See `weighed`.
    count, clip_norm, clip_value
        See `update`.

    Returns
    -------
    tuple
        Loss and output of the model, off the tape.
    """
    weight = None
    if weighing is not None:
        batch, weight = weighed(batch, *weighing)
    *inputs, target = batch
    output = model(*inputs)
    value = loss(output, target)
    if weight is not None:
        value = weighted_mean(value, weight)
    value.backward()
    if count:
        update(optimizer, count, clip_norm, clip_value)
    return value.detach(), mapped(output, Tensor.detach)


def update(optimizer: Any, count: int, clip_norm: float | None, clip_value: float | None) -> None:
    """The optimizer's step from the gradients of `count` batches, averaged and clipped."""
    if not isinstance(optimizer, Optimizer):
        refuse("step: the optimizer runs Python, which a replay would not do")
    if count > 1 or clip_norm is not None or clip_value is not None:
        parameters = parameters_of(optimizer)
        if count > 1:
            for parameter in parameters:
                if parameter.grad is not None:
                    parameter.grad.detach_().mul_(1 / count)
        if clip_norm is not None:
            clip_grad_norm_(parameters, clip_norm)
        if clip_value is not None:
            clip_grad_value_(parameters, clip_value)
    optimizer.step()


def parameters_of(optimizer: Any) -> list[Any]:
    """Those that the optimizer changes, which may be the loss's as well."""
    return [p for group in optimizer.param_groups for p in group["params"]]


def test(model: Callable[..., Any], loss: Callable[[Any, Any], Tensor], batch: Any) -> Any:
    """Loss of a batch and output of the model."""
    *inputs, target = batch
    output = model(*inputs)
    return loss(output, target), output


def predict(model: Callable[..., Any], inputs: Any) -> Any:
    """The output of the model."""
    return model(*inputs)
