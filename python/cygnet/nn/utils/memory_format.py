"""The memory order of convolutions' weights."""

from __future__ import annotations

from typing import Any, TypeVar

from cygnet.nn.module import Module

__all__ = ["convert_conv2d_weight_memory_format", "convert_conv3d_weight_memory_format"]

_M = TypeVar("_M", bound=Module)


def convert_conv2d_weight_memory_format(module: _M, memory_format: Any) -> _M:
    """Return `module` as it is: the kernels take weights in any memory order, and are as fast."""
    return module


def convert_conv3d_weight_memory_format(module: _M, memory_format: Any) -> _M:
    """Return `module` as it is: the kernels take weights in any memory order, and are as fast."""
    return module
