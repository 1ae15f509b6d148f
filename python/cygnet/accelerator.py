"""Accelerators, of which there are none: what programs ask before they settle for the CPU."""

from __future__ import annotations

from typing import Any

from cygnet.device import device

__all__ = [
    "current_accelerator",
    "device_count",
    "empty_cache",
    "is_available",
    "manual_seed",
    "manual_seed_all",
    "max_memory_allocated",
    "memory_allocated",
    "reset_peak_memory_stats",
    "synchronize",
]


def is_available() -> bool:
    """False."""
    return False


def device_count() -> int:
    """0."""
    return 0


def current_accelerator(check_available: bool = False) -> device | None:
    """None."""
    return None


def manual_seed(seed: int) -> None:
    """Does nothing: `cygnet.manual_seed` sets all seeds."""


def manual_seed_all(seed: int) -> None:
    """Does nothing: `cygnet.manual_seed` sets all seeds."""


def synchronize(device: Any = None) -> None:
    """Does nothing: a kernel has finished when its call returns."""


def empty_cache() -> None:
    """Does nothing: `cygnet.empty_cache` gives the CPU's memory back."""


def memory_allocated(device: Any = None) -> int:
    """0."""
    return 0


def max_memory_allocated(device: Any = None) -> int:
    """0."""
    return 0


def reset_peak_memory_stats(device: Any = None) -> None:
    """Does nothing."""
