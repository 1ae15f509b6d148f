"""Limits of gradients."""

from __future__ import annotations

from cygnet import ops
from cygnet.tensor import Tensor

__all__ = ["clipped"]


def _norm(gradient: Tensor) -> Tensor:
    return ops.sqrt(ops.sum(ops.square(gradient)))


def clipped(
    gradients: list[Tensor],
    clipnorm: float | None,
    clipvalue: float | None,
    global_clipnorm: float | None,
) -> list[Tensor]:
    """Gradients of which each has at most a norm, or all together, or each number a magnitude."""
    if clipnorm:
        return [ops.mul(g, ops.div(clipnorm, ops.clamp(_norm(g), clipnorm))) for g in gradients]
    if global_clipnorm:
        norm = _norm(ops.stack([_norm(g) for g in gradients]))
        factor = ops.div(global_clipnorm, ops.clamp(norm, global_clipnorm))
        return [ops.mul(g, factor) for g in gradients]
    if clipvalue:
        return [ops.clamp(g, -clipvalue, clipvalue) for g in gradients]
    return gradients
