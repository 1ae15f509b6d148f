"""Whether Metal is there."""

from cygnet.accelerator import is_available

__all__ = ["is_available", "is_built"]

is_built = is_available
