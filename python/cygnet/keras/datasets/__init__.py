"""Data sets that are downloaded, checked by a known hash and hold no pickles.

MNIST is there. Keras's others (``fashion_mnist``, ``cifar10``, ``cifar100``, ``imdb``,
``reuters``, ``california_housing``, ``boston_housing``) are not.
"""

from cygnet.keras.datasets import mnist

__all__ = ["mnist"]
