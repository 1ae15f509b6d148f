"""Images, sequences and text made ready for models, as tutorials of Keras 2 do it."""

from cygnet.keras.preprocessing import image, sequence, text

__all__ = ["image", "sequence", "text"]
