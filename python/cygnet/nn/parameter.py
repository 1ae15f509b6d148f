"""The trainable leaf of a module."""

from __future__ import annotations

from typing import Any

from cygnet.tensor import Tensor

__all__ = ["Parameter"]


class Parameter(Tensor):
    """A tensor that a :class:`~cygnet.nn.Module` registers when it is assigned as an attribute.

    Parameters
    ----------
    data : Tensor or array_like
        The initial value. A tensor's or array's memory is used as it is, not copied.
    requires_grad : bool, default True
        Whether ``backward`` fills ``grad``.
    """

    __slots__ = ()

    def __init__(self, data: Any, requires_grad: bool = True) -> None:
        super().__init__(data, requires_grad)

    def __repr__(self) -> str:
        return "Parameter containing:\n" + super().__repr__()
