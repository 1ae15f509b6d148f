"""The kernels on NumPy arrays: arrays in, arrays out, no tensor in sight.

Every function checks its arguments, allocates its result from the memory pool (or takes ``out=``)
and runs one kernel. Images are (N, C, H, W) in logical order; the fast memory order is channels
last, which convolution and pooling take and pass on. Results do not depend on the number of
threads; sums may differ in the last bits between memory orders of the same numbers.

Examples
--------
>>> import numpy as np
>>> from cygnet import kernels
>>> image = np.ones((1, 1, 3, 3), np.float32)
>>> weight = np.ones((2, 1, 2, 2), np.float32)
>>> kernels.conv2d_forward(image, weight)[0, 0]
array([[4., 4.],
       [4., 4.]], dtype=float32)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cygnet._core import native as _native

if TYPE_CHECKING:
    from cygnet._core._native import *

__all__ = [
    "DTypeError",
    "Recording",
    "ShapeError",
    "abs",
    "adam_step",
    "adaptive_avg_pool1d_backward",
    "adaptive_avg_pool1d_forward",
    "adaptive_avg_pool2d_backward",
    "adaptive_avg_pool2d_forward",
    "adaptive_avg_pool3d_backward",
    "adaptive_avg_pool3d_forward",
    "adaptive_max_pool1d_backward",
    "adaptive_max_pool1d_forward",
    "adaptive_max_pool2d_backward",
    "adaptive_max_pool2d_forward",
    "adaptive_max_pool3d_backward",
    "adaptive_max_pool3d_forward",
    "add",
    "argmax",
    "avg_pool1d_backward",
    "avg_pool1d_forward",
    "avg_pool2d_backward",
    "avg_pool2d_forward",
    "avg_pool3d_backward",
    "avg_pool3d_forward",
    "bce_loss_backward",
    "bce_loss_forward",
    "bce_with_logits_loss_backward",
    "bce_with_logits_loss_forward",
    "build_info",
    "cast",
    "concatenate",
    "contiguous",
    "conv2d_backward_input",
    "conv2d_backward_weight",
    "conv2d_forward",
    "copy_into",
    "cross_entropy_backward",
    "cross_entropy_forward",
    "default_num_threads",
    "div",
    "dropout_backward",
    "dropout_forward",
    "empty_cache",
    "eq",
    "erf",
    "exp",
    "full",
    "gather_rows",
    "ge",
    "gemm",
    "gt",
    "is_recording",
    "le",
    "leaky_relu",
    "leaky_relu_backward",
    "linear_backward",
    "linear_forward",
    "log",
    "log_softmax_backward",
    "log_softmax_forward",
    "logical_and",
    "logical_not",
    "logical_or",
    "lt",
    "max",
    "max_backward",
    "max_pool1d_backward",
    "max_pool1d_forward",
    "max_pool2d_backward",
    "max_pool2d_forward",
    "max_pool3d_backward",
    "max_pool3d_forward",
    "max_unpool1d_backward",
    "max_unpool1d_forward",
    "max_unpool2d_backward",
    "max_unpool2d_forward",
    "max_unpool3d_backward",
    "max_unpool3d_forward",
    "maximum",
    "mean",
    "memory_stats",
    "minimum",
    "mse_loss_backward",
    "mse_loss_forward",
    "mul",
    "ne",
    "neg",
    "nll_loss_backward",
    "nll_loss_forward",
    "normal",
    "num_threads",
    "peak_flops",
    "permutation",
    "pow",
    "relu",
    "relu_backward",
    "scatter_add_along_axis",
    "scatter_add_rows",
    "set_num_threads",
    "sgd_step",
    "sigmoid",
    "sigmoid_backward",
    "sign",
    "softmax_backward",
    "softmax_forward",
    "sqrt",
    "sub",
    "sum",
    "take_along_axis",
    "tanh",
    "tanh_backward",
    "uniform",
    "where",
]

globals().update({name: getattr(_native, name) for name in __all__})
