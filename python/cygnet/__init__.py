"""Cygnet: deep learning on the CPU, small, exact and fast.

PyTorch's names, defaults and weight layouts; kernels in C++ that also work directly on NumPy arrays
(`cygnet.kernels`). Importing this package loads NumPy and the extension; the rest is loaded when
it is first used.
"""

from __future__ import annotations

import importlib
from math import e, inf, nan, pi
from typing import Any

from cygnet import autograd, kernels, ops
from cygnet.autograd import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from cygnet.config import (
    are_deterministic_algorithms_enabled,
    get_deterministic_debug_mode,
    get_float32_matmul_precision,
    get_num_interop_threads,
    get_num_threads,
    is_deterministic_algorithms_warn_only_enabled,
    set_deterministic_debug_mode,
    set_float32_matmul_precision,
    set_flush_denormal,
    set_num_interop_threads,
    set_num_threads,
    set_printoptions,
    show_config,
    use_deterministic_algorithms,
)
from cygnet.device import device, get_default_device, set_default_device
from cygnet.dtypes import (
    bfloat16,
    bool,
    can_cast,
    channels_last,
    channels_last_3d,
    contiguous_format,
    double,
    dtype,
    finfo,
    float,
    float16,
    float32,
    float64,
    get_default_dtype,
    half,
    iinfo,
    int,
    int8,
    int16,
    int32,
    int64,
    layout,
    long,
    memory_format,
    preserve_format,
    promote_types,
    set_default_dtype,
    short,
    strided,
    uint8,
)
from cygnet.kernels import DTypeError, ShapeError, empty_cache, memory_stats
from cygnet.ops import *
from cygnet.ops.create import tensor as tensor  # not the module of that name
from cygnet.random import (
    Generator,
    default_generator,
    get_rng_state,
    initial_seed,
    manual_seed,
    seed,
    set_rng_state,
)
from cygnet.tensor import Tensor

newaxis = None
Size: type[tuple[Any, ...]] = tuple  # shapes are plain tuples: unlike PyTorch's, without `numel`

# Submodules and names that are loaded when they are first asked for, and where the names live.
_SUBMODULES = frozenset(
    {
        "accelerator",
        "amp",
        "backends",
        "cuda",
        "data",
        "distributions",
        "func",
        "io",
        "keras",
        "linalg",
        "metrics",
        "models",
        "mps",
        "nn",
        "optim",
        "random",
        "replay",
        "sklearn",
        "special",
        "tf",
        "train",
        "utils",
        "xpu",
    }
)
_LAZY = {
    "Trainer": "cygnet.train",
    "autocast": "cygnet.amp",
    "capture": "cygnet.replay",
    "compile": "cygnet.replay",
    "freeze": "cygnet.replay",
    "load": "cygnet.io",
    "save": "cygnet.io",
    "summary": "cygnet.nn.summary",
    "to_dlpack": "cygnet.utils.dlpack",
}

__all__ = [
    "DTypeError",
    "Generator",
    "ShapeError",
    "Size",
    "Tensor",
    "Trainer",
    "are_deterministic_algorithms_enabled",
    "autocast",
    "autograd",
    "bfloat16",
    "bool",
    "can_cast",
    "capture",
    "compile",
    "channels_last",
    "channels_last_3d",
    "contiguous_format",
    "default_generator",
    "device",
    "double",
    "dtype",
    "e",
    "empty_cache",
    "enable_grad",
    "finfo",
    "float",
    "float16",
    "float32",
    "float64",
    "get_default_device",
    "get_default_dtype",
    "get_deterministic_debug_mode",
    "get_float32_matmul_precision",
    "get_num_interop_threads",
    "get_num_threads",
    "get_rng_state",
    "half",
    "freeze",
    "iinfo",
    "inf",
    "initial_seed",
    "int",
    "int16",
    "int32",
    "int64",
    "int8",
    "inference_mode",
    "is_deterministic_algorithms_warn_only_enabled",
    "is_grad_enabled",
    "is_inference_mode_enabled",
    "kernels",
    "layout",
    "load",
    "long",
    "manual_seed",
    "memory_format",
    "memory_stats",
    "nan",
    "newaxis",
    "no_grad",
    "ops",
    "pi",
    "preserve_format",
    "promote_types",
    "save",
    "seed",
    "set_default_device",
    "set_default_dtype",
    "set_deterministic_debug_mode",
    "set_float32_matmul_precision",
    "set_flush_denormal",
    "set_grad_enabled",
    "set_num_interop_threads",
    "set_num_threads",
    "set_printoptions",
    "set_rng_state",
    "short",
    "show_config",
    "strided",
    "summary",
    "to_dlpack",
    "uint8",
    "use_deterministic_algorithms",
    *ops.__all__,
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        value = getattr(importlib.import_module(_LAZY[name]), name)
    elif name in _SUBMODULES:
        value = importlib.import_module(f"cygnet.{name}")
    elif name == "__version__":
        value = kernels.build_info()["version"]
    else:
        raise AttributeError(f"module 'cygnet' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_SUBMODULES})
