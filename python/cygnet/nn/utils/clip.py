"""Bounds on gradients."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Iterator

from cygnet import kernels, ops
from cygnet.autograd import modified, no_grad
from cygnet.autograd.modes import mode
from cygnet.dtypes import promote_types
from cygnet.tensor import Tensor

__all__ = ["clip_grad_norm_", "clip_grad_value_", "clip_grads_with_norm_", "get_total_norm"]


def _listed(tensors: Tensor | Iterable[Tensor]) -> list[Tensor]:
    return [tensors] if isinstance(tensors, Tensor) else list(tensors)


def _gradients(parameters: list[Tensor]) -> Iterator[Tensor]:
    for parameter in parameters:
        if mode.recorder is not None:
            mode.recorder.leaf(parameter)
        if parameter.grad is not None:
            yield parameter.grad


def _norm(tensor: Tensor, p: float) -> Tensor:
    if p == math.inf:
        return ops.amax(ops.abs(tensor)) if tensor.numel() else ops.sum(tensor)
    if p == 2:
        return ops.sqrt(ops.sum(ops.mul(tensor, tensor)))
    return ops.pow(ops.sum(ops.pow(ops.abs(tensor), p)), 1.0 / p)


@no_grad()
def get_total_norm(
    tensors: Tensor | Iterable[Tensor],
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """The norm of all elements of `tensors` together.

    Parameters
    ----------
    tensors : Tensor or iterable of Tensor
    norm_type : float, default 2
        p > 0 of the norm ``sum(abs(x) ** p) ** (1 / p)``; infinity for the largest absolute value.
    error_if_nonfinite : bool, default False
        Whether a norm that is infinite or NaN is an error.
    foreach : bool, optional
        Accepted for PyTorch's sake.

    Returns
    -------
    Tensor
        Without dimensions; 0 of no tensors.

    Raises
    ------
    ValueError, RuntimeError
    """
    p = float(norm_type)
    if not p > 0:
        raise ValueError(f"get_total_norm: norm_type is {norm_type}, expected a positive number")
    norms = [_norm(tensor.detach(), p) for tensor in _listed(tensors)]
    if not norms:
        return ops.zeros(())
    dtype = functools.reduce(promote_types, (norm.dtype for norm in norms))
    total = _norm(ops.stack([norm.to(dtype) for norm in norms]), p)
    if error_if_nonfinite and not math.isfinite(total.item()):
        raise RuntimeError(
            f"get_total_norm: the norm of the gradients is {total.item()}, expected a finite "
            "number; error_if_nonfinite=False allows it"
        )
    return total


@no_grad()
def clip_grads_with_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    total_norm: Tensor,
    foreach: bool | None = None,
) -> None:
    """Multiply the gradients of `parameters` by ``max_norm / (total_norm + 1e-6)`` if that is less
    than 1.
    """
    factor = ops.minimum(ops.div(float(max_norm), ops.add(total_norm, 1e-6)), 1.0)
    for grad in _gradients(_listed(parameters)):
        kernels.mul(grad._array, factor.to(grad.dtype)._array, out=grad._array)
        modified(grad)


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scale the gradients of `parameters` so that their norm together is at most `max_norm`.

    Parameters
    ----------
    parameters : Tensor or iterable of Tensor
        Those without gradient are left out.
    max_norm : float
    norm_type, error_if_nonfinite, foreach
        See :func:`get_total_norm`.

    Returns
    -------
    Tensor
        The norm before.
    """
    listed = _listed(parameters)
    total_norm = get_total_norm(_gradients(listed), norm_type, error_if_nonfinite)
    clip_grads_with_norm_(listed, max_norm, total_norm)
    return total_norm


def clip_grad_value_(
    parameters: Tensor | Iterable[Tensor], clip_value: float, foreach: bool | None = None
) -> None:
    """Clamp every gradient of `parameters` to [-clip_value, clip_value].

    Parameters
    ----------
    parameters : Tensor or iterable of Tensor
        Those without gradient are left out.
    clip_value : float
    foreach : bool, optional
        Accepted for PyTorch's sake.
    """
    bound = float(clip_value)
    for grad in _gradients(_listed(parameters)):
        kernels.clamp(grad._array, -bound, bound, out=grad._array)
        modified(grad)
