"""Images made ready for models: from and to files, and changed at random."""

from cygnet.keras.preprocessing.flow import DirectoryIterator, Iterator, NumpyArrayIterator
from cygnet.keras.preprocessing.generator import ImageDataGenerator
from cygnet.keras.utils.images import array_to_img, img_to_array, load_img, save_img, smart_resize

__all__ = [
    "DirectoryIterator",
    "ImageDataGenerator",
    "Iterator",
    "NumpyArrayIterator",
    "array_to_img",
    "img_to_array",
    "load_img",
    "save_img",
    "smart_resize",
]
