"""Functions of tensors by Keras's names, on the core's; they take KerasTensors as well.

Indices are int64, where Keras has int32; float64 arrays stay float64.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cygnet.keras.ops import image as image
from cygnet.keras.ops import operators as operators  # installs them
from cygnet.keras.ops.array import *
from cygnet.keras.ops.creation import *
from cygnet.keras.ops.elementwise import *
from cygnet.keras.ops.indexing import *
from cygnet.keras.ops.nn import *
from cygnet.keras.ops.products import *
from cygnet.keras.ops.reduction import *

if TYPE_CHECKING:  # those of tables

    def __getattr__(name: str) -> Any: ...
