"""Sequences made ready for models."""

from cygnet.keras.utils.sequences import pad_sequences

__all__ = ["pad_sequences"]
