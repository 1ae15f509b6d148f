"""Switches of CUDA's matrix products, without effect."""

from types import SimpleNamespace

from cygnet.accelerator import is_available as is_built

__all__ = ["is_built", "matmul"]

matmul = SimpleNamespace(allow_tf32=False, allow_fp16_reduced_precision_reduction=True)
