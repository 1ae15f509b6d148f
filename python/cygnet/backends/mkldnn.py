"""The switch of oneDNN, without effect."""

from cygnet.accelerator import is_available

__all__ = ["enabled", "is_available"]

enabled = True
