"""The functions behind the modules, by PyTorch's names and signatures.

They are the ops of :mod:`cygnet.ops`; only what names a padding in words is resolved here.
"""

from __future__ import annotations

from cygnet import ops
from cygnet.ops import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_avg_pool3d,
    adaptive_max_pool1d,
    adaptive_max_pool2d,
    adaptive_max_pool3d,
    avg_pool1d,
    avg_pool2d,
    avg_pool3d,
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    dropout,
    kl_div,
    l1_loss,
    leaky_relu,
    linear,
    log_softmax,
    max_pool1d,
    max_pool2d,
    max_pool3d,
    max_unpool1d,
    max_unpool2d,
    max_unpool3d,
    mse_loss,
    nll_loss,
    relu,
    sigmoid,
    softmax,
    tanh,
)
from cygnet.tensor import Tensor

__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "adaptive_max_pool1d",
    "adaptive_max_pool2d",
    "adaptive_max_pool3d",
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "conv2d",
    "cross_entropy",
    "dropout",
    "kl_div",
    "l1_loss",
    "leaky_relu",
    "linear",
    "log_softmax",
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
    "max_unpool1d",
    "max_unpool2d",
    "max_unpool3d",
    "mse_loss",
    "nll_loss",
    "relu",
    "sigmoid",
    "softmax",
    "tanh",
]


def _two(value: int | tuple[int, int]) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (value[0], value[1])


def check_padding_name(padding: str, stride: int | tuple[int, int], op: str) -> None:
    """Raise ValueError unless `padding` is "valid", or "same" with stride 1."""
    if padding not in ("valid", "same"):
        raise ValueError(
            f"{op}: argument padding expected an int, two ints, 'valid' or 'same', got {padding!r}"
        )
    if padding == "same" and _two(stride) != (1, 1):
        raise ValueError(f"{op}: argument padding 'same' expected stride 1, got {stride}")


def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | tuple[int, int] = 1,
    padding: str | int | tuple[int, int] = 0,
    dilation: int | tuple[int, int] = 1,
    groups: int = 1,
) -> Tensor:
    """Two-dimensional cross-correlation.

    Parameters
    ----------
    input : Tensor of shape (N, C, H, W)
    weight : Tensor of shape (K, C / groups, R, S)
    bias : Tensor of shape (K,), optional
    stride : int or (int, int), default 1
    padding : int, (int, int), "valid" or "same", default 0
        Zeros on both sides of height and width. "valid" is 0; "same" keeps height and width (an
        odd total puts the extra zeros at the end) and needs stride 1.
    dilation : int or (int, int), default 1
    groups : int, default 1

    Returns
    -------
    Tensor of shape (N, K, H', W')
    """
    if not isinstance(padding, str):
        return ops.conv2d(input, weight, bias, stride, padding, dilation, groups)
    check_padding_name(padding, stride, "conv2d")
    if padding == "valid" or weight.ndim != 4:
        return ops.conv2d(input, weight, bias, stride, 0, dilation, groups)
    totals = [d * (k - 1) for d, k in zip(_two(dilation), weight.shape[2:], strict=True)]
    # An odd total needs one zero less in front: the first row or column of the output goes.
    output = ops.conv2d(
        input,
        weight,
        bias,
        stride,
        ((totals[0] + 1) // 2, (totals[1] + 1) // 2),
        dilation,
        groups,
    )
    odd = totals[0] % 2, totals[1] % 2
    return output[:, :, odd[0] :, odd[1] :] if any(odd) else output
