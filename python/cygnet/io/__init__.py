"""Reading and writing weights and states."""

from cygnet.io.safetensors import load_safetensors, safetensors_metadata, save_safetensors
from cygnet.io.store import load, save

__all__ = ["load", "load_safetensors", "safetensors_metadata", "save", "save_safetensors"]
