"""Reading and writing weights."""

from cygnet.io.safetensors import load_safetensors, save_safetensors

__all__ = ["load_safetensors", "save_safetensors"]
