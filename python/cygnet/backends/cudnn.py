"""Switches of cuDNN, without effect: Cygnet's results are always reproducible."""

from cygnet.accelerator import is_available

__all__ = ["allow_tf32", "benchmark", "deterministic", "enabled", "is_available", "version"]

allow_tf32 = enabled = True
benchmark = deterministic = False


def version() -> None:
    """None: it is not there."""
