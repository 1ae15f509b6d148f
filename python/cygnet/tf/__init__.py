"""TensorFlow's names that tutorials use, on Cygnet: ``import cygnet.tf as tf``.

Every name delegates to `cygnet.keras`, whose functions are the core's. Tensors are Cygnet's, which
record what they are computed from; `GradientTape` differentiates that.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

import cygnet
from cygnet import keras
from cygnet.dtypes import bool as bool
from cygnet.dtypes import float16, float32, float64, int8, int16, int32, int64, uint8
from cygnet.keras import initializers, losses, metrics, ops, optimizers
from cygnet.tensor import Tensor
from cygnet.tf import data, functions, image, linalg, nn, random
from cygnet.tf.functions import *  # noqa: F403
from cygnet.tf.linalg import einsum, eye, matmul, norm, tensordot
from cygnet.tf.module import Module
from cygnet.tf.renamed import renamed
from cygnet.tf.specs import TensorShape, TensorSpec
from cygnet.tf.tape import GradientTape
from cygnet.tf.variable import Variable

# Programs compare it with the versions of TensorFlow: that whose names these are, and Cygnet's own.
__version__ = f"2.21.0+cygnet.{cygnet.__version__}"
double, half = float64, float16
newaxis = None
zeros_initializer = initializers.Zeros
ones_initializer = initializers.Ones
constant_initializer = initializers.Constant
random_normal_initializer = initializers.RandomNormal
random_uniform_initializer = initializers.RandomUniform


def _reduction(name: str) -> Callable[..., Any]:
    return renamed(getattr(ops, name), "input_tensor axis keepdims")


def _named(arguments: str, names: str) -> dict[str, Callable[..., Any]]:
    return {name: renamed(getattr(ops, name), arguments) for name in names.split()}


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{
        f"reduce_{name}": _reduction(name)
        for name in ("all", "any", "logsumexp", "max", "mean", "min", "prod", "std", "sum")
    },
    "reduce_variance": _reduction("var"),
    **_named(
        "x",
        "abs ceil cos cosh erf exp expm1 floor isfinite isinf isnan log log1p "
        "logical_not negative ones_like reciprocal rsqrt sigmoid sign sin sinh sqrt square "
        "stop_gradient tan tanh zeros_like",
    ),
    **_named(
        "x y",
        "add divide divide_no_nan equal floor_divide greater greater_equal less less_equal "
        "logical_and logical_or logical_xor maximum minimum mod multiply not_equal power subtract",
    ),
    "acos": renamed(ops.arccos, "x"),
    "asin": renamed(ops.arcsin, "x"),
    "atan": renamed(ops.arctan, "x"),
    "broadcast_to": renamed(ops.broadcast_to, "input shape"),
    "cast": renamed(ops.cast, "x dtype"),
    "clip_by_value": renamed(ops.clip, "t clip_value_min clip_value_max"),
    "expand_dims": renamed(ops.expand_dims, "input axis"),
    "linspace": renamed(ops.linspace, "start stop num"),
    "meshgrid": ops.meshgrid,
    "ones": renamed(ops.ones, "shape dtype"),
    "repeat": renamed(ops.repeat, "input repeats axis"),
    "reshape": renamed(ops.reshape, "tensor shape"),
    "reverse": renamed(ops.flip, "tensor axis"),
    "scatter_nd": renamed(ops.scatter, "indices updates shape"),
    "roll": renamed(ops.roll, "input shift axis"),
    "round": renamed(ops.round, "x"),
    "squeeze": renamed(ops.squeeze, "input axis"),
    "stack": renamed(ops.stack, "values axis", axis=0),
    "tile": renamed(ops.tile, "input multiples"),
    "transpose": renamed(ops.transpose, "a perm"),
    "zeros": renamed(ops.zeros, "shape dtype"),
}
globals().update(_FUNCTIONS)
globals()["pow"] = _FUNCTIONS["power"]

math = types.SimpleNamespace(
    **{
        name: value
        for name, value in _FUNCTIONS.items()
        if name not in ("ones", "zeros", "reshape", "scatter_nd", "stack", "tile", "transpose")
    },
    **{
        name: getattr(functions, name)
        for name in (
            "add_n",
            "argmax",
            "argmin",
            "bincount",
            "confusion_matrix",
            "count_nonzero",
            "cumprod",
            "cumsum",
            "squared_difference",
        )
    },
    is_finite=_FUNCTIONS["isfinite"],
    is_inf=_FUNCTIONS["isinf"],
    is_nan=_FUNCTIONS["isnan"],
    pow=_FUNCTIONS["power"],
    top_k=renamed(ops.top_k, "input k sorted"),
    softmax=nn.softmax,
    log_softmax=nn.log_softmax,
    softplus=nn.softplus,
    in_top_k=renamed(ops.in_top_k, "targets predictions k"),
    l2_normalize=nn.l2_normalize,
)


def _no_devices(device_type: str | None = None) -> list[Any]:
    """No GPU or other device that has to be chosen."""
    return []


config = types.SimpleNamespace(
    list_physical_devices=_no_devices,
    list_logical_devices=_no_devices,
    run_functions_eagerly=lambda run_eagerly: None,
    experimental=types.SimpleNamespace(
        list_physical_devices=_no_devices, set_memory_growth=lambda device, enable: None
    ),
)
test = types.SimpleNamespace(is_gpu_available=lambda *_, **__: False, gpu_device_name=lambda: "")
