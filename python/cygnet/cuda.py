"""NVIDIA's GPUs, which Cygnet does not use: what CPU programs call harmlessly."""

from __future__ import annotations

from typing import Any

from cygnet import amp
from cygnet.accelerator import (
    device_count,
    empty_cache,
    is_available,
    manual_seed,
    manual_seed_all,
    max_memory_allocated,
    memory_allocated,
    reset_peak_memory_stats,
    synchronize,
)

__all__ = [
    "amp",
    "device_count",
    "empty_cache",
    "is_available",
    "is_bf16_supported",
    "is_initialized",
    "manual_seed",
    "manual_seed_all",
    "max_memory_allocated",
    "max_memory_reserved",
    "memory_allocated",
    "memory_reserved",
    "reset_peak_memory_stats",
    "set_device",
    "synchronize",
]

is_initialized = is_bf16_supported = is_available
memory_reserved, max_memory_reserved = memory_allocated, max_memory_allocated


def set_device(device: Any) -> None:
    """Raises RuntimeError: there is no such device."""
    raise RuntimeError(f"set_device: device is {device}, but Cygnet computes on the CPU")
