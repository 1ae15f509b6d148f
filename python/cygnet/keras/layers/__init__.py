"""Layers with Keras's names, arguments and channels-last shapes."""

from cygnet.keras.input import Input, InputLayer
from cygnet.keras.layer import Layer
from cygnet.keras.layers import (
    activation,
    attention,
    augmentation,
    conv,
    core,
    embedding,
    images,
    merging,
    normalization,
    pooling,
    preprocessing,
    recurrent,
    recurrent_cells,
    regularization,
    reshaping,
    rnn,
    separable,
    wrappers,
)
from cygnet.keras.layers.activation import *
from cygnet.keras.layers.attention import *
from cygnet.keras.layers.augmentation import *
from cygnet.keras.layers.conv import *
from cygnet.keras.layers.core import *
from cygnet.keras.layers.embedding import *
from cygnet.keras.layers.images import *
from cygnet.keras.layers.merging import *
from cygnet.keras.layers.normalization import *
from cygnet.keras.layers.pooling import *
from cygnet.keras.layers.preprocessing import *
from cygnet.keras.layers.recurrent import *
from cygnet.keras.layers.recurrent_cells import *
from cygnet.keras.layers.regularization import *
from cygnet.keras.layers.reshaping import *
from cygnet.keras.layers.rnn import *
from cygnet.keras.layers.separable import *
from cygnet.keras.layers.wrappers import *

__all__ = [
    "Input",
    "InputLayer",
    "Layer",
    *activation.__all__,
    *attention.__all__,
    *augmentation.__all__,
    *conv.__all__,
    *core.__all__,
    *embedding.__all__,
    *images.__all__,
    *merging.__all__,
    *normalization.__all__,
    *pooling.__all__,
    *preprocessing.__all__,
    *recurrent.__all__,
    *recurrent_cells.__all__,
    *regularization.__all__,
    *reshaping.__all__,
    *rnn.__all__,
    *separable.__all__,
    *wrappers.__all__,
]
