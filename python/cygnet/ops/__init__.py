"""Differentiable operations by PyTorch's names: each one kernel call with its gradient below it.

What is public stands in the ``__all__`` of each family; `cygnet.ops.methods` tells which ops are
methods of `Tensor` as well.
"""

from __future__ import annotations

from cygnet.ops import methods as _methods  # installs them
from cygnet.ops.activation import *
from cygnet.ops.aliases import *
from cygnet.ops.attention import *
from cygnet.ops.bits import *
from cygnet.ops.broadcast import *
from cygnet.ops.comparison import *
from cygnet.ops.composite import *
from cygnet.ops.conv import *
from cygnet.ops.convert import *
from cygnet.ops.create import *
from cygnet.ops.ctc import *
from cygnet.ops.diagonal import *
from cygnet.ops.distance import *
from cygnet.ops.dropout import *
from cygnet.ops.einsum import *
from cygnet.ops.elementwise import *
from cygnet.ops.embedding import *
from cygnet.ops.embedding_bag import *
from cygnet.ops.factor import *
from cygnet.ops.gather import *
from cygnet.ops.grid_sample import *
from cygnet.ops.histogram import *
from cygnet.ops.index import *
from cygnet.ops.inspection import *
from cygnet.ops.integrate import *
from cygnet.ops.interpolate import *
from cygnet.ops.join import *
from cygnet.ops.linear import *
from cygnet.ops.loss import *
from cygnet.ops.loss_classes import *
from cygnet.ops.masked import *
from cygnet.ops.matrix_functions import *
from cygnet.ops.multihead import *
from cygnet.ops.nonzero import *
from cygnet.ops.norm import *
from cygnet.ops.operator_norm import *
from cygnet.ops.pad import *
from cygnet.ops.pooling import *
from cygnet.ops.pooling_indices import *
from cygnet.ops.products import *
from cygnet.ops.random import *
from cygnet.ops.recurrent import *
from cygnet.ops.reduce import *
from cygnet.ops.regions import *
from cygnet.ops.rounding import *
from cygnet.ops.rows import *
from cygnet.ops.scan import *
from cygnet.ops.shape import *
from cygnet.ops.softmax import *
from cygnet.ops.solve import *
from cygnet.ops.sort import *
from cygnet.ops.special import *
from cygnet.ops.spectral import *
from cygnet.ops.tapers import *
from cygnet.ops.typed import *
from cygnet.ops.vector_norm import *
from cygnet.ops.windows import *

globals().update(_methods.FUNCTIONS_IN_PLACE)

__all__ = [name for name, value in globals().items() if callable(value)]
