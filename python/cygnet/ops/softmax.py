"""Softmax and its logarithm along a dimension."""

from __future__ import annotations

from cygnet import kernels
from cygnet.autograd import is_grad_enabled, record
from cygnet.ops.broadcast import sum as sum_
from cygnet.ops.common import as_tensor, wrap
from cygnet.ops.elementwise import exp, mul, sub
from cygnet.tensor import Tensor


def softmax(input: Tensor, dim: int = -1) -> Tensor:
    """exp(input) / sum(exp(input)) along `dim`."""
    input = as_tensor(input, "softmax", "input")
    output = kernels.softmax_forward(input._array, dim)

    def backward(grad: Tensor) -> tuple[Tensor]:
        if not is_grad_enabled():
            return (wrap(kernels.softmax_backward(grad._array, output, dim)),)
        y = softmax(input, dim)
        return (mul(y, sub(grad, sum_(mul(grad, y), dim, keepdim=True))),)

    return record(wrap(output), (input,), backward, "softmax")


def log_softmax(input: Tensor, dim: int = -1) -> Tensor:
    """input - log(sum(exp(input))) along `dim`."""
    input = as_tensor(input, "log_softmax", "input")
    output = kernels.log_softmax_forward(input._array, dim)

    def backward(grad: Tensor) -> tuple[Tensor]:
        if not is_grad_enabled():
            return (wrap(kernels.log_softmax_backward(grad._array, output, dim)),)
        y = log_softmax(input, dim)
        return (sub(grad, mul(exp(y), sum_(grad, dim, keepdim=True))),)

    return record(wrap(output), (input,), backward, "log_softmax")
