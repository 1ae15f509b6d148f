"""Layers with Keras's names, arguments and channels-last shapes."""

from cygnet.keras.input import Input, InputLayer
from cygnet.keras.layer import Layer
from cygnet.keras.layers import (
    activation,
    augmentation,
    conv,
    core,
    images,
    merging,
    normalization,
    pooling,
    regularization,
    reshaping,
)
from cygnet.keras.layers.activation import *
from cygnet.keras.layers.augmentation import *
from cygnet.keras.layers.conv import *
from cygnet.keras.layers.core import *
from cygnet.keras.layers.images import *
from cygnet.keras.layers.merging import *
from cygnet.keras.layers.normalization import *
from cygnet.keras.layers.pooling import *
from cygnet.keras.layers.regularization import *
from cygnet.keras.layers.reshaping import *

__all__ = [
    "Input",
    "InputLayer",
    "Layer",
    *activation.__all__,
    *augmentation.__all__,
    *conv.__all__,
    *core.__all__,
    *images.__all__,
    *merging.__all__,
    *normalization.__all__,
    *pooling.__all__,
    *regularization.__all__,
    *reshaping.__all__,
]
