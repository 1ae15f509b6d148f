"""Reverse-mode differentiation by a tape of closures.

An op computes its result with a kernel and calls `record` with a function that turns the gradient
of the result into the gradients of the inputs. `backward` walks these functions from the last to
the first. A closure keeps arrays and the op's inputs, never the op's own result: that would be a
cycle, and cycles keep memory alive.
"""

from __future__ import annotations

import functools
import heapq
import itertools
import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from cygnet import kernels

if TYPE_CHECKING:
    from cygnet.tensor import Array, Tensor

    Gradients = Sequence["Tensor | None"]
    Backward = Callable[["Tensor"], Gradients]

F = TypeVar("F", bound=Callable[..., Any])


class _Mode(threading.local):
    enabled = True


_mode = _Mode()
_orders = itertools.count()


def is_grad_enabled() -> bool:
    """Whether operations of this thread are recorded for differentiation. Default True."""
    return _mode.enabled


def needs_gradient(*tensors: Tensor | None) -> bool:
    """Whether an op on these tensors will be on the tape."""
    if _mode.enabled:
        for tensor in tensors:
            if tensor is not None and tensor.requires_grad:
                return True
    return False


class set_grad_enabled:  # noqa: N801 (PyTorch's name)
    """Switches recording on or off in this thread; as a context manager or decorator, until its
    end.
    """

    def __init__(self, mode: bool) -> None:
        self.previous = _mode.enabled
        self.mode = bool(mode)
        _mode.enabled = self.mode

    def __enter__(self) -> None:
        _mode.enabled = self.mode

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _mode.enabled = self.previous


class no_grad:  # noqa: N801 (PyTorch's name)
    """Context manager and decorator: operations inside are not recorded.

    Examples
    --------
    >>> import cygnet
    >>> x = cygnet.ones(2, requires_grad=True)
    >>> with cygnet.no_grad():
    ...     y = x * 2
    >>> y.requires_grad
    False
    """

    _enabled = False

    def __init__(self) -> None:
        self.previous: list[bool] = []

    def __enter__(self) -> None:
        self.previous.append(_mode.enabled)
        _mode.enabled = self._enabled

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _mode.enabled = self.previous.pop()

    def __call__(self, function: F) -> F:
        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with type(self)():
                return function(*args, **kwargs)

        return wrapped  # type: ignore[return-value]


class enable_grad(no_grad):  # noqa: N801 (PyTorch's name)
    """Context manager and decorator: operations inside are recorded, also within `no_grad`."""

    _enabled = True


class Node:
    """One recorded operation.

    Attributes
    ----------
    name : str
        The op's name, for messages.
    inputs : tuple of Tensor
        What the op was called with.
    backward : callable or None
        Gradient of the result -> gradient of each input, None where none is needed; None once it
        was used up.
    order : int
        Rises with every record: an op comes after those that made its inputs.
    fresh : bool
        Whether each gradient that `backward` returns has memory of its own.
    once : bool
        Whether `backward` is itself not differentiable.
    """

    __slots__ = ("backward", "fresh", "inputs", "name", "once", "order")

    def __init__(
        self,
        name: str,
        inputs: tuple[Tensor, ...],
        backward: Backward,
        fresh: bool,
        once: bool,
    ) -> None:
        self.name = name
        self.inputs = inputs
        self.backward: Backward | None = backward
        self.fresh = fresh
        self.once = once
        self.order = next(_orders)


def record(
    output: Tensor,
    inputs: tuple[Tensor, ...],
    backward: Backward,
    name: str,
    *,
    saved: tuple[Tensor, ...] | None = None,
    fresh: bool = True,
    once: bool = False,
) -> Tensor:
    """Puts an op on the tape if gradients are enabled and an input needs one; returns its result.

    Parameters
    ----------
    output : Tensor
        The op's result, new.
    inputs : tuple of Tensor
        The differentiable inputs.
    backward : callable
        See `Node.backward`; it writes gradients in ops, so that they can be differentiated again.
    name : str
        The op's name.
    saved : tuple of Tensor, optional
        The tensors whose values the gradient uses, which may include `output`. Default: `inputs`.
    fresh : bool
        False if a returned gradient may be the incoming one, a view of it, or the same for two
        inputs.
    once : bool
        True if the gradient itself has no gradient.
    """
    if _mode.enabled:
        for tensor in inputs:
            if tensor.requires_grad:
                output.requires_grad = True
                output._node = Node(name, inputs, backward, fresh, once)
                break
    return output


def record_view(
    input: Tensor,
    array: Array,
    backward: Backward,
    name: str,
    view: Callable[[Tensor], Tensor],
) -> Tensor:
    """A tensor around `array`, a view of the input's array, with its gradient on the tape.

    Parameters
    ----------
    input : Tensor
    array : numpy.ndarray
        Shares the memory of ``input``'s.
    backward : callable
        See `Node.backward`.
    name : str
        The op's name.
    view : callable
        Makes the same view of another tensor like `input`.
    """
    return record(type(input)._wrap(array), (input,), backward, name, saved=(), fresh=False)


class _Pending:
    """The gradient of one result, while contributions to it come in."""

    __slots__ = ("fresh", "gradient", "node")

    def __init__(self, node: Node | None, gradient: Tensor, fresh: bool) -> None:
        self.node = node
        self.gradient = gradient
        self.fresh = fresh

    def add(self, gradient: Tensor, create_graph: bool) -> None:
        if create_graph:
            self.gradient = self.gradient + gradient
        elif self.fresh:
            kernels.add(self.gradient._array, gradient._array, out=self.gradient._array)
        else:
            self.gradient = type(gradient)._wrap(kernels.add(self.gradient._array, gradient._array))
            self.fresh = True


def _accumulate(leaf: Tensor, gradient: Tensor, fresh: bool, create_graph: bool) -> None:
    if leaf.grad is None:
        if not fresh and not create_graph:
            gradient = type(gradient)._wrap(kernels.contiguous(gradient._array, always_copy=True))
        leaf.grad = gradient
    elif create_graph:
        leaf.grad = leaf.grad + gradient
    else:
        kernels.add(leaf.grad._array, gradient._array, out=leaf.grad._array)


def _walk(
    roots: Sequence[tuple[Tensor, Tensor]],
    arrive: Callable[[Tensor, Tensor, bool], None],
    watched: frozenset[int],
    retain_graph: bool,
    create_graph: bool,
) -> None:
    """Carries gradients from the roots back; `arrive` takes those of leaves and of tensors whose
    id is watched.
    """
    pending: dict[int, _Pending] = {}  # by the node's order
    heap: list[int] = []  # the latest first

    def deliver(tensor: Tensor, gradient: Tensor, fresh: bool) -> None:
        node = tensor._node
        if node is None or id(tensor) in watched:
            arrive(tensor, gradient, fresh)
            fresh = False
        if node is not None:
            order = node.order
            waiting = pending.get(order)
            if waiting is None:
                pending[order] = _Pending(node, gradient, fresh)
                heapq.heappush(heap, -order)
            else:
                waiting.add(gradient, create_graph)

    for tensor, gradient in roots:
        deliver(tensor, gradient, False)
    while heap:
        entry = pending.pop(-heapq.heappop(heap))
        node = entry.node
        assert node is not None
        if node.backward is None:
            raise RuntimeError(
                f"backward: the graph of {node.name} was used before and is freed; the first "
                f"call needs "
                "retain_graph=True"
            )
        if create_graph and node.once:
            raise RuntimeError(
                f"backward: {node.name} has no second derivative (create_graph=True)"
            )
        inputs, gradients = node.inputs, node.backward(entry.gradient)
        if not retain_graph:
            node.backward, node.inputs = None, ()
        for tensor, part in zip(inputs, gradients, strict=True):
            if part is not None and tensor.requires_grad:
                deliver(tensor, part, node.fresh)
        del entry, inputs, gradients, tensor, part  # else they would live through the next node


# What backward begins with; nobody writes to it, since a root's gradient is never fresh.
_ONES = {np.dtype(name): np.ones((), name) for name in ("float32", "float64")}
for _one in _ONES.values():
    _one.flags.writeable = False


def _root_gradient(op: str, tensor: Tensor, gradient: Tensor | None) -> Tensor:
    if not tensor.requires_grad:
        raise RuntimeError(f"{op}: the tensor does not require a gradient and has no graph")
    if gradient is None:
        if tensor.numel() != 1:
            raise RuntimeError(
                f"{op}: a gradient can be made only for a single number, the tensor has shape "
                f"{tensor.shape}; pass gradient"
            )
        return type(tensor)._wrap(_ONES[tensor.dtype].reshape(tensor.shape))
    if gradient.shape != tensor.shape or gradient.dtype != tensor.dtype:
        raise kernels.ShapeError(
            f"{op}: gradient is {gradient.dtype} of shape {gradient.shape}, expected "
            f"{tensor.dtype} of shape {tensor.shape}"
        )
    return gradient


def backward(
    tensor: Tensor,
    gradient: Tensor | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
) -> None:
    """Adds the gradient of `tensor` with respect to every leaf to the leaf's ``grad``; see
    `Tensor.backward`.
    """
    retain_graph = create_graph if retain_graph is None else retain_graph
    root = _root_gradient("backward", tensor, gradient)
    with set_grad_enabled(create_graph):
        _walk(
            [(tensor, root)],
            lambda leaf, grad, fresh: _accumulate(leaf, grad, fresh, create_graph),
            frozenset(),
            retain_graph,
            create_graph,
        )


def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    grad_outputs: Tensor | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool = False,
) -> tuple[Tensor | None, ...]:
    """Gradients of `outputs` with respect to `inputs`, without touching any ``grad``.

    Parameters
    ----------
    outputs : Tensor or sequence of Tensor
        What is differentiated; the gradients of several outputs are summed.
    inputs : Tensor or sequence of Tensor
        With respect to what.
    grad_outputs : Tensor or sequence of (Tensor or None), optional
        The gradient of each output; 1 for a single number where it is missing.
    retain_graph : bool, optional
        Keeps the graph for another call. Default: the value of create_graph.
    create_graph : bool
        Records the gradients themselves, for higher derivatives. Default False.
    allow_unused : bool
        Gives None for an input that the outputs do not depend on, instead of an error. Default
        False.

    Returns
    -------
    tuple of Tensor

    Raises
    ------
    RuntimeError

    Examples
    --------
    >>> import cygnet
    >>> x = cygnet.tensor(3.0, requires_grad=True)
    >>> cygnet.autograd.grad(x * x, x)
    (tensor(6.),)
    """
    results, wanted = _listed(outputs), _listed(inputs)
    seeds = [None] * len(results) if grad_outputs is None else _listed(grad_outputs)
    if len(seeds) != len(results):
        raise ValueError(f"grad: {len(seeds)} grad_outputs for {len(results)} outputs")
    roots = [(t, _root_gradient("grad", t, g)) for t, g in zip(results, seeds, strict=True)]
    for position, tensor in enumerate(wanted):
        if not tensor.requires_grad:
            raise RuntimeError(f"grad: inputs[{position}] does not require a gradient")
    found: dict[int, _Pending] = {}
    watched = frozenset(id(tensor) for tensor in wanted)

    def arrive(tensor: Tensor, gradient: Tensor, fresh: bool) -> None:
        if id(tensor) not in watched:
            return
        if id(tensor) in found:
            found[id(tensor)].add(gradient, create_graph)
        else:
            found[id(tensor)] = _Pending(None, gradient, fresh and tensor._node is None)

    with set_grad_enabled(create_graph):
        _walk(
            roots,
            arrive,
            watched,
            create_graph if retain_graph is None else retain_graph,
            create_graph,
        )
    for position, tensor in enumerate(wanted):
        if id(tensor) not in found and not allow_unused:
            raise RuntimeError(
                f"grad: the outputs do not depend on inputs[{position}]; allow_unused=True "
                "gives None"
            )
    return tuple(found[id(t)].gradient if id(t) in found else None for t in wanted)


def _listed(tensors: Any) -> list[Any]:
    """One tensor as a list of one; a sequence as a list."""
    return list(tensors) if isinstance(tensors, Sequence) else [tensors]
