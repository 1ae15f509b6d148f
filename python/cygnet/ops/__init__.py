"""Differentiable operations by PyTorch's names: each one kernel call with its gradient below it.

`METHODS` is the table of those that are methods and operators of `Tensor` as well;
`cygnet/_methods.pyi` declares them for type checkers, and a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cygnet.ops.activation import (
    elu,
    gelu,
    hardsigmoid,
    hardswish,
    hardtanh,
    leaky_relu,
    logsigmoid,
    mish,
    prelu,
    relu,
    relu6,
    sigmoid,
    silu,
    softplus,
    tanh,
)
from cygnet.ops.attention import scaled_dot_product_attention
from cygnet.ops.broadcast import expand, reshape, sum
from cygnet.ops.conv import (
    conv1d,
    conv2d,
    conv3d,
    conv_transpose1d,
    conv_transpose2d,
    conv_transpose3d,
)
from cygnet.ops.convert import bool, clone, contiguous, double, float, int, long, to
from cygnet.ops.create import (
    arange,
    as_tensor,
    eye,
    from_numpy,
    full,
    ones,
    ones_like,
    rand,
    randn,
    randperm,
    tensor,
    zeros,
    zeros_like,
)
from cygnet.ops.elementwise import (
    abs,
    add,
    div,
    eq,
    erf,
    exp,
    ge,
    gt,
    le,
    log,
    logical_and,
    logical_not,
    logical_or,
    lt,
    maximum,
    minimum,
    mul,
    ne,
    neg,
    pow,
    sign,
    sqrt,
    sub,
    where,
)
from cygnet.ops.gather import embedding, gather
from cygnet.ops.linear import linear, matmul, mm
from cygnet.ops.loss import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    kl_div,
    l1_loss,
    mse_loss,
    nll_loss,
)
from cygnet.ops.norm import batch_norm, group_norm, instance_norm, layer_norm, rms_norm
from cygnet.ops.pooling import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_avg_pool3d,
    adaptive_max_pool1d,
    adaptive_max_pool2d,
    adaptive_max_pool3d,
    avg_pool1d,
    avg_pool2d,
    avg_pool3d,
    max_pool1d,
    max_pool2d,
    max_pool3d,
    max_unpool1d,
    max_unpool2d,
    max_unpool3d,
)
from cygnet.ops.random import dropout
from cygnet.ops.reduce import amax, argmax, max, mean
from cygnet.ops.shape import (
    cat,
    flatten,
    getitem,
    index_select,
    permute,
    squeeze,
    stack,
    t,
    transpose,
    unsqueeze,
)
from cygnet.ops.softmax import log_softmax, softmax
from cygnet.tensor import Tensor

__all__ = [
    "abs",
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "adaptive_max_pool1d",
    "adaptive_max_pool2d",
    "adaptive_max_pool3d",
    "add",
    "amax",
    "arange",
    "argmax",
    "as_tensor",
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "batch_norm",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cat",
    "clone",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "cross_entropy",
    "div",
    "dropout",
    "elu",
    "embedding",
    "eq",
    "erf",
    "exp",
    "eye",
    "flatten",
    "from_numpy",
    "full",
    "gather",
    "ge",
    "gelu",
    "group_norm",
    "gt",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "index_select",
    "instance_norm",
    "kl_div",
    "l1_loss",
    "layer_norm",
    "le",
    "leaky_relu",
    "linear",
    "log",
    "log_softmax",
    "logical_and",
    "logical_not",
    "logical_or",
    "logsigmoid",
    "lt",
    "matmul",
    "max",
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
    "max_unpool1d",
    "max_unpool2d",
    "max_unpool3d",
    "maximum",
    "mean",
    "minimum",
    "mish",
    "mm",
    "mse_loss",
    "mul",
    "ne",
    "neg",
    "nll_loss",
    "ones",
    "ones_like",
    "permute",
    "pow",
    "prelu",
    "rand",
    "randn",
    "randperm",
    "relu",
    "relu6",
    "reshape",
    "rms_norm",
    "scaled_dot_product_attention",
    "sigmoid",
    "sign",
    "silu",
    "softmax",
    "softplus",
    "sqrt",
    "squeeze",
    "stack",
    "sub",
    "sum",
    "t",
    "tanh",
    "tensor",
    "transpose",
    "unsqueeze",
    "where",
    "zeros",
    "zeros_like",
]


def _reflected(op: Callable[..., Tensor]) -> Callable[[Tensor, Any], Tensor]:
    def method(self: Tensor, other: Any) -> Tensor:
        return op(other, self)

    return method


METHODS: dict[str, Callable[..., Any]] = {
    **{
        op.__name__: op
        for op in (
            abs, add, amax, argmax, bool, clone, contiguous, div, double, eq, erf, exp, expand,
            flatten, float, gather, ge, gt, index_select, int, le, log, log_softmax, logical_and,
            logical_not, logical_or, long, lt, matmul, max, maximum, mean, minimum, mm, mul, ne,
            neg, permute, pow, relu, reshape, sigmoid, sign, softmax, sqrt, squeeze, sub, sum, t,
            tanh, to, transpose, unsqueeze,
        )
    },
    "view": reshape,
    "__abs__": abs,
    "__add__": add,
    "__radd__": add,
    "__sub__": sub,
    "__rsub__": _reflected(sub),
    "__mul__": mul,
    "__rmul__": mul,
    "__truediv__": div,
    "__rtruediv__": _reflected(div),
    "__pow__": pow,
    "__rpow__": _reflected(pow),
    "__matmul__": matmul,
    "__rmatmul__": _reflected(matmul),
    "__neg__": neg,
    "__eq__": eq,
    "__ne__": ne,
    "__lt__": lt,
    "__le__": le,
    "__gt__": gt,
    "__ge__": ge,
    "__and__": logical_and,
    "__or__": logical_or,
    "__invert__": logical_not,
    "__getitem__": getitem,
}  # fmt: skip

PROPERTIES: dict[str, Callable[[Tensor], Tensor]] = {"T": t}

for _name, _function in METHODS.items():
    setattr(Tensor, _name, _function)
for _name, _function in PROPERTIES.items():
    setattr(Tensor, _name, property(_function))
