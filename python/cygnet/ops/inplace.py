"""In-place forms of ops: ``x.add_(y)``, ``x += y``, ``x[i] = y``.

An in-place form computes the op's result, writes it into the tensor's memory and puts the tensor
where the result stands on the tape. What the tensor is a view of gets a new place too: its own
history with the view's region replaced. All other views of the memory are derived anew from it. A
gradient that still needs the old content notices that its version changed (see `autograd.Memory`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cygnet import kernels
from cygnet.autograd import (
    Memory,
    Node,
    enable_grad,
    is_grad_enabled,
    memory_of,
    modified,
    no_grad,
    record,
)
from cygnet.autograd.modes import mode
from cygnet.dtypes import NAMES
from cygnet.errors import composed
from cygnet.ops.broadcast import expand
from cygnet.ops.common import Number, cast, stand_in, wrap
from cygnet.ops.convert import clone
from cygnet.ops.index import put_into, resolve, taken
from cygnet.ops.shape import diagonal
from cygnet.tensor import FLOATS, Array, Tensor, without_overlap

_KINDS = "buif"  # a result can be stored in a type of its kind or of a later one


def in_place(op: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The in-place form of an op: its method that ends in an underscore."""
    name = f"{op.__name__}_"

    def method(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        _check_not_leaf(name, self)
        if not is_grad_enabled():
            return assign(name, self, op(self, *args, **kwargs))
        before = stand_in(self, self._array)
        result = op(before, *args, **kwargs)
        if result.requires_grad and memory_of(before).saved:  # the old content will be needed
            before = stand_in(self, kernels.contiguous(self._array, always_copy=True))
            result = op(before, *args, **kwargs)
        return self if result is before else assign(name, self, result)

    method.__wrapped__ = op  # type: ignore[attr-defined]  # has the same signature
    method.__name__ = method.__qualname__ = name
    method.__doc__ = f"`{op.__name__}` in place; returns the tensor."
    return method


def _check_not_leaf(op: str, tensor: Tensor) -> None:
    base = tensor
    while base._view is not None:
        base = base._view[0]
    if is_grad_enabled() and base.requires_grad and base._node is None:
        raise RuntimeError(
            f"{op}: the tensor is a leaf that requires a gradient, or a view of one; change it "
            "under no_grad()"
        )


def assign(op: str, tensor: Tensor, result: Tensor) -> Tensor:
    """Gives a tensor the value of a result and its place on the tape; returns the tensor.

    Raises
    ------
    ShapeError, DTypeError
        If the result does not fit.
    """
    if result.shape != tensor.shape:
        raise kernels.ShapeError(
            f"{op}: the result has shape {result.shape}, expected {tensor.shape}, that of the "
            "tensor it is written to"
        )
    if _KINDS.index(result.dtype.kind) > _KINDS.index(tensor.dtype.kind):
        raise kernels.DTypeError(
            f"{op}: the result is {result.dtype}, which a tensor of {tensor.dtype} cannot hold"
        )
    result = cast(result, tensor.dtype)
    if mode.folding is not None and mode.folding.takes_over(tensor, result):
        return tensor
    kernels.copy_into(tensor._array, without_overlap(result._array, tensor._array))
    _modify(tensor, result)
    return tensor


def _modify(tensor: Tensor, result: Tensor) -> None:
    """Notes that the tensor now has the value of `result`."""
    modified(tensor)
    if is_grad_enabled() and result.requires_grad:
        tensor._node, tensor.requires_grad = result._node, True
        if tensor._memory is not None and tensor._memory.views:
            _update_relatives(tensor, memory_of(tensor))


def _update_relatives(tensor: Tensor, memory: Memory) -> None:
    """Gives new places on the tape to what a changed tensor is a view of, and to other views."""
    settled = {id(tensor)}
    child = tensor
    while child._view is not None:
        parent, view = child._view
        parent._node = _replaced(parent, child, view)
        parent.requires_grad = True
        settled.add(id(parent))
        child = parent
    with enable_grad():
        for reference in tuple(memory.views or ()):  # the earlier first, as views of views need it
            relative = reference()
            if relative is not None and relative._view is not None and id(relative) not in settled:
                base, view = relative._view
                again = view(base)
                relative._node, relative.requires_grad = again._node, again.requires_grad


def _replaced(parent: Tensor, child: Tensor, view: Callable[[Tensor], Tensor]) -> Node:
    """The record of `parent` after its part ``view(parent)`` became `child`."""
    strides = parent._array.strides

    def backward(grad: Tensor) -> tuple[Tensor, Tensor]:
        return _without(grad, view, strides), view(grad)

    return Node("replace", (parent, child), backward, (), False, False)


def _without(grad: Tensor, view: Callable[[Tensor], Tensor], strides: tuple[int, ...]) -> Tensor:
    """A copy of `grad`, in the memory order of `strides`, with zeros in the region of the view."""
    order = sorted(range(grad.ndim), key=lambda axis: -abs(strides[axis]))
    room = kernels.full([grad.shape[axis] for axis in order], 0.0, NAMES[grad.dtype])
    copy = room.transpose(np.argsort(order))
    kernels.copy_into(copy, grad._array)
    with no_grad():
        region = view(wrap(copy))._array
    kernels.copy_into(region, np.zeros((), grad.dtype))
    return record(
        wrap(copy), (grad,), lambda again: (_without(again, view, strides),), "replace", saved=()
    )


def _constant(tensor: Tensor, array: Array, name: str) -> Tensor:
    """A value that does not depend on the tensor it takes the place of."""
    return record(wrap(array), (tensor,), lambda grad: (None,), name, saved=())


def copy_(input: Tensor, src: Tensor, non_blocking: bool = False) -> Tensor:
    """Copies `src`, broadcast and converted, into the tensor; returns it.

    Raises
    ------
    ShapeError
        If `src` does not broadcast to the tensor's shape.
    """
    _check_not_leaf("copy_", input)
    kernels.copy_into(input._array, without_overlap(src._array, input._array))
    if is_grad_enabled() and src.requires_grad and input.dtype in FLOATS:
        value = expand(cast(src, input.dtype), input.shape)
        result = record(
            wrap(input._array), (value,), lambda grad: (grad,), "copy", saved=(), fresh=False
        )
    else:
        result = _constant(input, input._array, "copy")
    _modify(input, result)
    return input


def fill_(input: Tensor, value: Tensor | Number) -> Tensor:
    """Sets every element to a number or a 0-d tensor; returns the tensor."""
    if not isinstance(value, Tensor):
        value = wrap(np.array(value, input.dtype))
    if value.ndim:
        raise kernels.ShapeError(f"fill_: value has shape {value.shape}, expected a single number")
    return copy_(input, value)


def fill_diagonal_(input: Tensor, fill_value: Number, wrap: bool = False) -> Tensor:
    """Sets the main diagonal of a matrix, or of a cube of any dimensions; returns the tensor.

    Parameters
    ----------
    input : Tensor
        (m, n), or three dimensions and more of one size.
    fill_value : number
        What the elements become.
    wrap : bool
        Below a matrix taller than wide, let the diagonal begin anew after a row left out.
        Default False.

    Raises
    ------
    ShapeError
        If there is one dimension or none, or if more than two differ.
    """
    if input.ndim < 2 or (input.ndim > 2 and len(set(input.shape)) > 1):
        raise kernels.ShapeError(
            f"fill_diagonal_: input has shape {input.shape}, expected two dimensions, or more of "
            "one size"
        )
    rows, columns = input.shape[:2]
    for start in range(0, rows if wrap and input.ndim == 2 else 1, columns + 1):
        part = input[start:]
        while part.ndim > 1:
            part = diagonal(part)
        fill_(part, fill_value)
    return input


def zero_(input: Tensor) -> Tensor:
    """Sets every element to zero; returns the tensor."""
    return fill_(input, 0)


@composed
def setitem(input: Tensor, index: Any, value: Any) -> None:
    """``input[index] = value``; the value is broadcast and converted.

    Raises
    ------
    IndexError, ShapeError
        If the index is out of range, or the value does not broadcast to what it names.
    """
    if not isinstance(value, Tensor):
        value = wrap(np.asarray(value, None if isinstance(value, np.ndarray) else input.dtype))
    at = resolve(input.shape, index)
    if at.positions is None:
        region = taken(input, at)
        if not _same_memory(region._array, value._array):  # x[i] += y has done it already
            copy_(region, value)
        return
    _check_not_leaf("setitem", input)
    array = input._array
    value = cast(value, input.dtype)
    if np.may_share_memory(array, value._array):
        value = clone(value)
    _modify(input, put_into(array, "setitem", stand_in(input, array), at, value, "assign"))


def _same_memory(a: Array, b: Array) -> bool:
    return a.__array_interface__ == b.__array_interface__
