"""Models, and reading and copying them."""

from cygnet.keras.model import Model
from cygnet.keras.saving import clone_model, load_model, model_from_json, save_model
from cygnet.keras.sequential import Sequential

__all__ = ["Model", "Sequential", "clone_model", "load_model", "model_from_json", "save_model"]
