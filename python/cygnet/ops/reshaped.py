"""In-place forms that give a tensor another shape, or other memory: ``x.squeeze_()``, ``x.t_()``,
``x.resize_(3, 4)``. Gradients of ops that used the tensor count on its shape, so a tensor that
requires a gradient keeps it.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable
from typing import Any

from cygnet import kernels
from cygnet.autograd import memory_of, modified, no_grad
from cygnet.dtypes import NAMES
from cygnet.ops.broadcast import to_shape
from cygnet.ops.common import as_tensor, sizes, wrap
from cygnet.ops.shape import ravel
from cygnet.tensor import Array, Tensor, _check_readable, without_overlap


def _check_free(op: str, tensor: Tensor) -> None:
    if tensor.requires_grad:
        raise RuntimeError(
            f"{op}: the tensor requires a gradient, so its shape and memory cannot change; use "
            "ops without underscore, or detach()"
        )


def reshaping(op: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The in-place form of an op that gives a view: the tensor becomes that view."""
    name = f"{op.__name__}_"

    def method(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        _check_free(name, self)
        before = wrap(self._array)
        before._memory, before._view = memory_of(self), self._view
        with no_grad():
            after = op(before, *args, **kwargs)
        if after is not before:
            _become(self, before, after)
        return self

    method.__wrapped__ = op  # type: ignore[attr-defined]  # has the same signature
    method.__name__ = method.__qualname__ = name
    method.__doc__ = f"`{op.__name__}` in place; returns the tensor, which requires no gradient."
    return method


def _become(tensor: Tensor, before: Tensor, after: Tensor) -> None:
    """Makes `tensor` what `after` is, a view of `before`; this takes its place among the views of
    the memory, each of which stands behind what it is a view of.
    """
    memory = memory_of(tensor)
    modified(tensor)
    listed: list[Tensor] = []
    for reference in memory.views or ():
        view = reference()
        if view is None or view is after:
            continue
        if view._view is not None and view._view[0] is tensor:
            view._view = (before, view._view[1])
        listed += [before, tensor] if view is tensor else [view]
    if not any(view is tensor for view in listed):
        listed.insert(0, tensor)
    memory.views = [weakref.ref(view) for view in listed]
    tensor._array, tensor._view = after._array, (before, after._view[1]) if after._view else None


def resize_(input: Tensor, *size: Any, memory_format: Any = None) -> Tensor:
    """Gives the tensor other sizes; returns it. It keeps its first elements, in logical order, in
    memory of its own unless their number stays; new ones are 0.

    Raises
    ------
    RuntimeError
        If the tensor requires a gradient.
    """
    _check_free("resize_", input)
    shape = sizes("resize_", size)
    if min(shape, default=0) < 0:
        raise ValueError(f"resize_: size is {shape}, expected no negative number")
    if shape == input.shape:
        return input
    count = math.prod(shape)
    flat = ravel(input.detach())._array
    if count == input.numel():
        array: Array = to_shape(wrap(flat), shape)._array
    else:
        room = kernels.full((count,), 0, NAMES[input.dtype])
        kept = min(count, input.numel())
        kernels.copy_into(room[:kept], flat[:kept])
        array = room.reshape(shape)
    return _take_over(input, wrap(array))


def resize_as_(input: Tensor, the_template: Tensor, *, memory_format: Any = None) -> Tensor:
    """`resize_` to the shape of another tensor."""
    return resize_(input, as_tensor(the_template, "resize_as_", "the_template").shape)


def set_(input: Tensor, source: Tensor | None = None) -> Tensor:
    """Lets the tensor share the memory, shape and type of `source`, by default of an empty vector;
    returns it.

    Raises
    ------
    RuntimeError
        If the tensor requires a gradient.
    """
    _check_free("set_", input)
    if source is None:
        source = wrap(kernels.full((0,), 0, NAMES[input.dtype]))
    return _take_over(input, as_tensor(source, "set_", "source").detach())


def _take_over(tensor: Tensor, source: Tensor) -> Tensor:
    modified(tensor)
    tensor._array, tensor._memory, tensor._view = source._array, memory_of(source), None
    kernels.modules_changed()
    return tensor


def apply_(input: Tensor, callable: Callable[[Any], Any]) -> Tensor:
    """Replaces each element by what a Python function gives for it; returns the tensor. Slow."""
    return _mapped("apply_", input, callable, input)


def map_(input: Tensor, tensor: Tensor, callable: Callable[[Any, Any], Any]) -> Tensor:
    """Replaces each element by what a Python function gives for it and that of another tensor,
    which broadcasts; returns the tensor. Slow.
    """
    other = as_tensor(tensor, "map_", "tensor")
    if other.shape != input.shape:
        other = other.expand(input.shape)
    return _mapped("map_", input, callable, input, other)


def _mapped(op: str, input: Tensor, function: Callable[..., Any], *arguments: Tensor) -> Tensor:
    _check_readable(op)
    if input.requires_grad:
        raise RuntimeError(f"{op}: the tensor requires a gradient, which no function here has")
    lists = [ravel(argument.detach()).tolist() for argument in arguments]
    values = [function(*each) for each in zip(*lists, strict=True)]
    result = input.new_tensor(values).reshape(input.shape)
    modified(input)
    kernels.copy_into(input._array, without_overlap(result._array, input._array))
    return input
