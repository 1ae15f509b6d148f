"""Softmax and its kin along a dimension.

`dtype` is that in which the input is taken and the result is. Without `dim`, which PyTorch has
deprecated, it is 0 for inputs of 0, 1 or 3 dimensions and else 1, with a warning.
"""

from __future__ import annotations

import warnings
from typing import Any

from cygnet import kernels
from cygnet.autograd import is_grad_enabled
from cygnet.errors import composed
from cygnet.ops.broadcast import sum as sum_
from cygnet.ops.common import as_tensor, cast, from_result, wrap
from cygnet.ops.elementwise import exp, mul, neg, sub
from cygnet.tensor import Tensor, as_dtype

__all__ = [
    "log_softmax",
    "softmax",
    "softmin",
]


def _arguments(
    op: str, input: Tensor, dim: int | None, dtype: Any, level: int = 3
) -> tuple[Tensor, int]:
    """The input in the type that is asked for, and the axis; warnings are at the caller's level."""
    input = as_tensor(input, op, "input")
    if dtype is not None:
        input = cast(input, as_dtype(dtype, op))
    if dim is None:
        dim = 0 if input.ndim in (0, 1, 3) else 1
        warnings.warn(f"{op}: dim is not given, {dim} is taken", stacklevel=level)
    return input, dim


def softmax(input: Tensor, dim: int | None = None, dtype: Any = None) -> Tensor:
    """exp(input) / sum(exp(input)) along `dim`."""
    input, axis = _arguments("softmax", input, dim, dtype)

    def gradient(grad: Tensor, y: Tensor) -> Tensor:
        if not is_grad_enabled():
            return wrap(kernels.softmax_backward(grad._array, y._array, axis))
        return mul(y, sub(grad, sum_(mul(grad, y), axis, keepdim=True)))

    return from_result("softmax", kernels.softmax_forward(input._array, axis), input, gradient)


def log_softmax(input: Tensor, dim: int | None = None, dtype: Any = None) -> Tensor:
    """input - log(sum(exp(input))) along `dim`."""
    input, axis = _arguments("log_softmax", input, dim, dtype)

    def gradient(grad: Tensor, y: Tensor) -> Tensor:
        if not is_grad_enabled():
            return wrap(kernels.log_softmax_backward(grad._array, y._array, axis))
        return sub(grad, mul(exp(y), sum_(grad, axis, keepdim=True)))

    output = kernels.log_softmax_forward(input._array, axis)
    return from_result("log_softmax", output, input, gradient)


@composed
def softmin(input: Tensor, dim: int | None = None, dtype: Any = None) -> Tensor:
    """`softmax` of -input."""
    input, axis = _arguments("softmin", input, dim, dtype, 4)
    return softmax(neg(input), axis)
