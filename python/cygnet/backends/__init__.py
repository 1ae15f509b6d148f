"""Switches of other libraries' backends, which programs set; they change nothing here."""

from cygnet.backends import cuda, cudnn, mkldnn, mps

__all__ = ["cuda", "cudnn", "mkldnn", "mps"]
