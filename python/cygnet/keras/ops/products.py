"""Products of vectors and matrices."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any

import cygnet.ops as core
from cygnet.keras.operation import lifted
from cygnet.keras.ops.common import tensor_of
from cygnet.tensor import Tensor


@lifted
def matmul(x1: Any, x2: Any) -> Tensor:
    """The product of matrices along the last two axes."""
    return core.matmul(tensor_of(x1), tensor_of(x2))


@lifted
def dot(x1: Any, x2: Any) -> Tensor:
    """The products along the last axis of `x1` and the last but one of `x2`, as NumPy's."""
    a, b = tensor_of(x1), tensor_of(x2)
    if a.ndim == 0 or b.ndim == 0:
        return core.mul(a, b)
    return core.tensordot(a, b, ([a.ndim - 1], [builtins.max(0, b.ndim - 2)]))


@lifted
def vdot(x1: Any, x2: Any) -> Tensor:
    """The product of two tensors as vectors."""
    return core.dot(core.ravel(tensor_of(x1)), core.ravel(tensor_of(x2)))


def _product(name: str) -> Callable[..., Any]:
    def product(x1: Any, x2: Any) -> Tensor:
        a, b = tensor_of(x1), tensor_of(x2)
        if name == "outer":
            a, b = core.ravel(a), core.ravel(b)
        return getattr(core, name)(a, b)  # type: ignore[no-any-return]

    product.__name__ = product.__qualname__ = name
    product.__doc__ = f"`{name}` product of `x1` and `x2`, as NumPy's."
    return lifted(product)


inner, kron, outer = _product("inner"), _product("kron"), _product("outer")


@lifted
def tensordot(x1: Any, x2: Any, axes: Any = 2) -> Tensor:
    """The product along several axes."""
    return core.tensordot(tensor_of(x1), tensor_of(x2), axes)


@lifted
def einsum(subscripts: str, *operands: Any) -> Tensor:
    """Products and sums by the names of axes."""
    return core.einsum(subscripts, *builtins.map(tensor_of, operands))


__all__ = [
    name
    for name, value in globals().items()
    if name[0] != "_" and getattr(value, "__module__", None) == __name__
]
