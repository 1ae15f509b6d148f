"""DLPack capsules, by which libraries share memory."""

from __future__ import annotations

from typing import Any

from cygnet.ops import from_dlpack
from cygnet.tensor import Tensor

__all__ = ["from_dlpack", "to_dlpack"]


def to_dlpack(tensor: Tensor) -> Any:
    """A capsule of the tensor's memory, which one library can take once.

    Raises
    ------
    BufferError
        If the tensor requires a gradient or is read-only.
    """
    return tensor.__dlpack__()
