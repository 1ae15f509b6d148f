"""Intel's GPUs, which Cygnet does not use: what CPU programs call harmlessly."""

from cygnet.accelerator import device_count, empty_cache, is_available, manual_seed, synchronize

__all__ = ["device_count", "empty_cache", "is_available", "manual_seed", "synchronize"]
