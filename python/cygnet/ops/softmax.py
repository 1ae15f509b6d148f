"""Softmax and its logarithm along a dimension."""

from __future__ import annotations

from typing import Any

from cygnet import kernels
from cygnet.autograd import is_grad_enabled, record
from cygnet.ops.broadcast import sum as sum_
from cygnet.ops.common import wrap
from cygnet.ops.elementwise import exp, mul, neg, sub
from cygnet.ops.reduce import in_dtype
from cygnet.tensor import Tensor


def softmax(input: Tensor, dim: int = -1, dtype: Any = None) -> Tensor:
    """exp(input) / sum(exp(input)) along `dim`, of the input converted to `dtype`."""
    input = in_dtype("softmax", input, dtype)
    output = kernels.softmax_forward(input._array, dim)

    def backward(grad: Tensor) -> tuple[Tensor]:
        if not is_grad_enabled():
            return (wrap(kernels.softmax_backward(grad._array, output, dim)),)
        y = softmax(input, dim)
        return (mul(y, sub(grad, sum_(mul(grad, y), dim, keepdim=True))),)

    return record(wrap(output), (input,), backward, "softmax")


def log_softmax(input: Tensor, dim: int = -1, dtype: Any = None) -> Tensor:
    """input - log(sum(exp(input))) along `dim`, of the input converted to `dtype`."""
    input = in_dtype("log_softmax", input, dtype)
    output = kernels.log_softmax_forward(input._array, dim)

    def backward(grad: Tensor) -> tuple[Tensor]:
        if not is_grad_enabled():
            return (wrap(kernels.log_softmax_backward(grad._array, output, dim)),)
        y = log_softmax(input, dim)
        return (sub(grad, mul(exp(y), sum_(grad, dim, keepdim=True))),)

    return record(wrap(output), (input,), backward, "log_softmax")


def softmin(input: Tensor, dim: int = -1, dtype: Any = None) -> Tensor:
    """`softmax` of -input."""
    return softmax(neg(input), dim, dtype)
