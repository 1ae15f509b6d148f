"""Reading and writing weights."""

from cygnet.io.safetensors import load_safetensors, save_safetensors

save = save_safetensors
load = load_safetensors

__all__ = ["load", "load_safetensors", "save", "save_safetensors"]
