"""What programs need around a model: labels as vectors, padding, seeds, images, diagrams."""

from cygnet.keras.saving import (
    custom_object_scope,
    deserialize_keras_object,
    get_custom_objects,
    register_keras_serializable,
    serialize_keras_object,
)
from cygnet.keras.utils.diagram import plot_model
from cygnet.keras.utils.images import array_to_img, img_to_array, load_img, save_img
from cygnet.keras.utils.numerical import normalize, set_random_seed, to_categorical
from cygnet.keras.utils.sequences import pad_sequences
from cygnet.keras.utils.source import PyDataset, Sequence

__all__ = [
    "PyDataset",
    "Sequence",
    "array_to_img",
    "custom_object_scope",
    "deserialize_keras_object",
    "get_custom_objects",
    "img_to_array",
    "load_img",
    "normalize",
    "pad_sequences",
    "plot_model",
    "register_keras_serializable",
    "save_img",
    "serialize_keras_object",
    "set_random_seed",
    "to_categorical",
]
