"""Reverse-mode differentiation by a tape of closures.

An op computes its result with a kernel and calls `record` with a function that turns the gradient
of the result into the gradients of the inputs. `backward` walks these functions from the last to
the first. A closure keeps arrays and the op's inputs, never the op's own result: that would be a
cycle, and cycles keep memory alive.
"""

from __future__ import annotations

import heapq
import itertools
import weakref
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from cygnet import kernels
from cygnet.autograd.modes import mode
from cygnet.dtypes import NAMES

if TYPE_CHECKING:
    from cygnet.tensor import Array, Tensor

    Gradients = Sequence["Tensor | None"]
    Backward = Callable[..., Gradients]
    Hooks: TypeAlias = "dict[int, Callable[[Tensor], Tensor | None]]"
    # Where the gradient of an input goes: the op that made it, or the leaf.
    Edge: TypeAlias = "Node | Output | Tensor"

_orders = itertools.count()


def needs_gradient(*tensors: Tensor | None) -> bool:
    """Whether an op on these tensors will be on the tape."""
    if mode.enabled:
        for tensor in tensors:
            if tensor is not None and tensor.requires_grad:
                return True
    return False


class Memory:
    """What all tensors with one memory share.

    Attributes
    ----------
    version : int
        How often it was written in place.
    saved : bool
        Whether the gradient of an op uses its content.
    views : list of weakref
        The views that were made, as far as they live.
    """

    __slots__ = ("room", "saved", "version", "views")

    def __init__(self) -> None:
        self.version = 0
        self.saved = False
        self.views: list[weakref.ref[Tensor]] | None = None
        self.room = 8

    def add_view(self, view: Tensor) -> None:
        """Remembers a view; forgets those that are gone whenever the list has doubled."""
        if self.views is None:
            self.views = []
        elif len(self.views) >= self.room:
            self.views = [reference for reference in self.views if reference() is not None]
            self.room = 2 * len(self.views) + 8
        self.views.append(weakref.ref(view))


def memory_of(tensor: Tensor) -> Memory:
    """What the tensor shares with others of its memory; made when it is first asked for."""
    memory = tensor._memory
    if memory is None:
        memory = tensor._memory = Memory()
    return memory


def modified(tensor: Tensor) -> None:
    """Notes that the tensor's memory was written in place: gradients that use it are lost."""
    if mode.recorder is not None:
        mode.recorder.wrote(memory_of(tensor))
    if tensor._memory is not None:
        tensor._memory.version += 1


class Node:
    """One recorded operation.

    Attributes
    ----------
    op : str
        The op's name, for messages.
    edges : tuple of Node, Output, Tensor or None
        Where the gradient of each input goes, also after the input was changed in place; None
        where none is wanted.
    backward : callable
        Gradient of the result -> gradient of each input, None where none is needed; of several
        results it takes as many gradients. None once it was used up.
    saved : tuple of (Memory, int)
        The memory whose content `backward` uses, and the version that it had.
    order : int
        Rises with every record: an op comes after those that made its inputs.
    fresh : bool or None
        Whether each gradient that `backward` returns has memory of its own; None: if the incoming
        one has.
    once : bool
        Whether `backward` is itself not differentiable.
    outputs : int
        The number of results, 0 for one that is alone.
    hooks : dict or None
        Functions of the gradient of the result.
    trace : str
        Where the op was called; only with anomaly detection.
    """

    __slots__ = (
        "__weakref__",
        "backward",
        "edges",
        "fresh",
        "hooks",
        "once",
        "op",
        "order",
        "outputs",
        "saved",
        "trace",
    )

    def __init__(
        self,
        op: str,
        inputs: tuple[Tensor, ...],
        backward: Backward,
        saved: tuple[Tensor, ...],
        fresh: bool | None,
        once: bool,
        outputs: int = 0,
    ) -> None:
        self.op = op
        self.edges: tuple[Edge | None, ...] = tuple(
            [(t._node or t) if t.requires_grad else None for t in inputs]
        )
        self.backward: Backward | None = backward
        self.saved = tuple([_saved(t) for t in saved]) if saved else ()
        self.fresh = fresh
        self.once = once
        self.order = next(_orders)
        self.outputs = outputs
        self.hooks: Hooks | None = None
        if mode.anomaly:
            import traceback

            self.trace = "".join(traceback.format_stack(limit=12)[:-2])

    def name(self) -> str:
        """The op's name."""
        return self.op

    @property
    def next_functions(self) -> tuple[tuple[Edge | None, int], ...]:
        """The ops and leaves before this one, each with the number of its result."""
        return tuple((edge, edge.index if isinstance(edge, Output) else 0) for edge in self.edges)

    def __repr__(self) -> str:
        return f"<{self.op}>"


def _saved(tensor: Tensor) -> tuple[Memory, int]:
    memory = tensor._memory
    if memory is None:
        memory = tensor._memory = Memory()
    memory.saved = True
    return memory, memory.version


class Output:
    """One result of an operation that has several."""

    __slots__ = ("hooks", "index", "node", "order")

    def __init__(self, node: Node, index: int) -> None:
        self.node = node
        self.index = index
        self.order = next(_orders)
        self.hooks: Hooks | None = None

    @property
    def op(self) -> str:
        """The op's name."""
        return self.node.op

    def name(self) -> str:
        """The op's name."""
        return self.node.op

    def __repr__(self) -> str:
        return f"<{self.node.op}>"


def record(
    output: Tensor,
    inputs: tuple[Tensor, ...],
    backward: Backward,
    name: str,
    *,
    saved: tuple[Tensor, ...] | None = None,
    fresh: bool | None = True,
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
    if mode.enabled:
        for tensor in inputs:
            if tensor.requires_grad:
                kept = inputs if saved is None else saved
                output._node = Node(name, inputs, backward, kept, fresh, once)
                output.requires_grad = True
                break
    return output


def record_several(
    outputs: tuple[Tensor, ...],
    inputs: tuple[Tensor, ...],
    backward: Backward,
    name: str,
    *,
    saved: tuple[Tensor, ...] | None = None,
    fresh: bool = True,
    once: bool = False,
) -> Node | None:
    """`record` for an op of several results: `backward` takes a gradient for each, None for one
    that has none. Returns the node if the op is on the tape.
    """
    if not needs_gradient(*inputs):
        return None
    kept = inputs if saved is None else saved
    node = Node(name, inputs, backward, kept, fresh, once, len(outputs))
    for i, output in enumerate(outputs):
        output._node = Output(node, i)
        output.requires_grad = True
    return node


def record_view(
    input: Tensor,
    array: Array,
    backward: Backward,
    name: str,
    view: Callable[[Tensor], Tensor],
    fresh: bool | None = False,
) -> Tensor:
    """A tensor around `array`, a view of the input's array, with its gradient on the tape.

    Parameters
    ----------
    input : Tensor
    array : numpy.ndarray
        Shares the memory of the input's.
    backward : callable
        See `Node.backward`.
    name : str
        The op's name.
    view : callable
        Makes the same view of another tensor like `input`.
    fresh : bool or None
        See `Node`. Default False.
    """
    output = input._wrap(array)
    output._memory = memory = memory_of(input)
    output._view = (input, view)
    memory.add_view(output)
    return record(output, (input,), backward, name, saved=(), fresh=fresh)


class _Pending:
    """The gradient of one result, while contributions to it come in."""

    __slots__ = ("edge", "fresh", "gradient")

    def __init__(self, edge: Edge, gradient: Any, fresh: bool) -> None:
        self.edge = edge
        self.gradient = gradient  # for a node with several results, a list of them
        self.fresh = fresh

    def add(self, gradient: Tensor, create_graph: bool) -> None:
        if create_graph:
            self.gradient = self.gradient + gradient
        elif self.fresh:
            kernels.add(self.gradient._array, gradient._array, out=self.gradient._array)
        else:
            self.gradient = gradient._wrap(kernels.add(self.gradient._array, gradient._array))
            self.fresh = True

    def call(self, hooks: Hooks | None) -> None:
        """Calls hooks with the gradient, which then may be somebody else's as well."""
        for hook in tuple(hooks.values()) if hooks else ():
            changed = hook(self.gradient)
            self.gradient = self.gradient if changed is None else changed
            self.fresh = False


def accumulate(tensor: Tensor, gradient: Tensor, fresh: bool, create_graph: bool) -> None:
    """Adds a gradient to the tensor's ``grad``."""
    if mode.recorder is not None:
        mode.recorder.leaf(tensor)
    if tensor.grad is None:
        if not fresh and not create_graph:
            gradient = gradient._wrap(kernels.contiguous(gradient._array, always_copy=True))
        tensor.grad = gradient
    elif create_graph:
        tensor.grad = tensor.grad + gradient
    else:
        kernels.add(tensor.grad._array, gradient._array, out=tensor.grad._array)


def _gradient_function(node: Node, create_graph: bool) -> Backward:
    """The node's `backward`, if it can be used."""
    if node.backward is None:
        raise RuntimeError(
            f"backward: the graph of {node.op} was used before and is freed; the first call needs "
            "retain_graph=True"
        )
    if create_graph and node.once:
        raise RuntimeError(f"backward: {node.op} has no second derivative (create_graph=True)")
    for memory, version in node.saved:
        if memory.version != version:
            raise RuntimeError(
                f"backward: a tensor that the gradient of {node.op} needs was modified in place: "
                f"its version is {memory.version}, expected {version}; make a new tensor instead, "
                "or clone() before the change"
            )
    return node.backward


def _search_nan(node: Node, gradients: Gradients) -> None:
    for i, gradient in enumerate(gradients):
        if gradient is not None and np.isnan(gradient._array).any():
            trace = getattr(node, "trace", None)
            called = f"; it was called here:\n{trace}" if trace else ""
            raise RuntimeError(
                f"backward: the gradient of {node.op} for its input {i} has a NaN{called}"
            )


def _walk(
    roots: Sequence[tuple[Edge, Tensor]],
    retain_graph: bool,
    create_graph: bool,
    wanted: dict[int, _Pending | None] | None = None,
) -> None:
    """Carries gradients from the roots back: into the ``grad`` of every leaf, or, with `wanted`, to
    the edges whose ids are its keys.
    """
    pending: dict[int, _Pending] = {}  # by order
    heap: list[int] = []  # the latest first
    anomaly = mode.anomaly
    watched: dict[int, Any] = {} if wanted is None else wanted  # by id; also leaves with hooks
    leading = None if wanted is None else _leading_to([edge for edge, _ in roots], wanted)

    def deliver(edge: Any, gradient: Tensor, fresh: bool) -> None:
        if edge.__class__ is Node or edge.__class__ is Output:
            waiting = pending.get(edge.order)
            if waiting is None:
                pending[edge.order] = _Pending(edge, gradient, fresh)
                heapq.heappush(heap, -edge.order)
                return
        elif wanted is None and edge._hooks is None:
            accumulate(edge, gradient, fresh, create_graph)
            return
        elif wanted is not None and id(edge) not in wanted:
            return
        else:  # a hook sees the whole gradient
            waiting = watched.get(id(edge))
            if waiting is None:
                watched[id(edge)] = _Pending(edge, gradient, fresh)
                return
        waiting.add(gradient, create_graph)

    for edge, gradient in roots:
        deliver(edge, gradient, False)
    while heap:
        entry = pending.pop(-heapq.heappop(heap))
        edge = entry.edge
        if edge.hooks:  # type: ignore[union-attr]
            entry.call(edge.hooks)  # type: ignore[union-attr]
        if watched and id(edge) in watched:
            watched[id(edge)] = _Pending(edge, entry.gradient, False)
            entry.fresh = False
        if isinstance(edge, Output):
            node = edge.node
            if node.order not in pending:
                pending[node.order] = _Pending(node, [None] * node.outputs, False)
                heapq.heappush(heap, -node.order)
            several = pending[node.order].gradient
            part = several[edge.index]
            several[edge.index] = entry.gradient if part is None else part + entry.gradient
            continue
        if leading is not None and edge not in leading:
            continue
        assert isinstance(edge, Node)
        function = _gradient_function(edge, create_graph)
        gradients = function(*entry.gradient) if edge.outputs else function(entry.gradient)
        if anomaly:
            _search_nan(edge, gradients)
        targets, fresh = edge.edges, entry.fresh if edge.fresh is None else edge.fresh
        if not retain_graph:
            edge.backward, edge.edges, edge.saved = None, (), ()
        for target, part in zip(targets, gradients, strict=True):
            if part is not None and target is not None:
                deliver(target, part, fresh)
        # Else these would live through the next node.
        del entry, edge, function, gradients, targets, target, part
    for entry in watched.values():
        if entry is not None and entry.edge.__class__ not in (Node, Output):
            entry.call(entry.edge._hooks)
            if wanted is None:
                accumulate(entry.edge, entry.gradient, entry.fresh, create_graph)


def _leading_to(roots: Iterable[Edge], wanted: dict[int, Any]) -> set[Node]:
    """The nodes on a way from the roots to an edge whose id is wanted. A freed one in front of all
    such edges counts: it may lead to them, and going through it is an error that says so.
    """

    def node_of(edge: Edge | None) -> Node | None:
        edge = edge.node if isinstance(edge, Output) else edge
        return edge if isinstance(edge, Node) else None

    def reached(stops: bool) -> set[Node]:
        found: set[Node] = set()
        stack: list[Edge | None] = list(roots)
        while stack:
            edge = stack.pop()
            node = node_of(edge)
            if node is not None and node not in found and not (stops and id(edge) in wanted):
                found.add(node)
                stack += node.edges
        return found

    before = reached(True)
    leading: set[Node] = set()
    for node in sorted(reached(False), key=lambda node: node.order):
        freed = node.backward is None and node in before
        if freed or any(id(edge) in wanted or node_of(edge) in leading for edge in node.edges):
            leading.add(node)
    return leading


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
        return tensor._wrap(_ONES[tensor.dtype].reshape(tensor.shape))
    if gradient.shape != tensor.shape or gradient.dtype != tensor.dtype:
        raise kernels.ShapeError(
            f"{op}: gradient is {gradient.dtype} of shape {gradient.shape}, expected "
            f"{tensor.dtype} of shape {tensor.shape}"
        )
    return gradient


def _differentiate(
    op: str,
    outputs: Any,
    grad_outputs: Any,
    inputs: list[Tensor] | None,
    retain_graph: bool | None,
    create_graph: bool,
) -> list[Tensor | None]:
    """Fills the ``grad`` of all leaves or, with `inputs`, returns the gradient of each of these."""
    results = listed(outputs)
    seeds = [None] * len(results) if grad_outputs is None else listed(grad_outputs)
    if len(seeds) != len(results):
        raise ValueError(f"{op}: {len(seeds)} gradients are given for {len(results)} tensors")
    roots = [(t._node or t, _root_gradient(op, t, g)) for t, g in zip(results, seeds, strict=True)]
    wanted: dict[int, _Pending | None] | None = None
    if inputs is not None:
        for position, tensor in enumerate(inputs):
            if not tensor.requires_grad:
                raise RuntimeError(f"{op}: inputs[{position}] does not require a gradient")
        wanted = dict.fromkeys(id(tensor._node or tensor) for tensor in inputs)
    before, mode.enabled = mode.enabled, create_graph
    try:
        _walk(roots, create_graph if retain_graph is None else retain_graph, create_graph, wanted)
    finally:
        mode.enabled = before
    if inputs is None or wanted is None:
        return []
    found = [wanted[id(tensor._node or tensor)] for tensor in inputs]
    return [None if entry is None else entry.gradient for entry in found]


def backward(
    tensors: Tensor | Sequence[Tensor],
    grad_tensors: Tensor | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Tensor | Sequence[Tensor] | None = None,
) -> None:
    """Adds the gradient of `tensors` to the ``grad`` of every leaf, or of `inputs` alone; see
    `Tensor.backward`.
    """
    chosen = None if inputs is None else listed(inputs)
    found = _differentiate("backward", tensors, grad_tensors, chosen, retain_graph, create_graph)
    if chosen is None:
        return
    for tensor, gradient in zip(chosen, found, strict=True):
        if gradient is not None:
            accumulate(tensor, gradient, False, create_graph)


def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    grad_outputs: Tensor | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Tensor | None, ...]:
    """Gradients of `outputs` with respect to `inputs`, without touching any ``grad``.

    Parameters
    ----------
    outputs : Tensor or sequence of Tensor
        What is differentiated; the gradients of several outputs are summed.
    inputs : Tensor or sequence of Tensor
        With respect to what: leaves or results of ops.
    grad_outputs : Tensor or sequence of (Tensor or None), optional
        The gradient of each output; 1 for a single number where it is missing.
    retain_graph : bool, optional
        Keeps the graph for another call. Default: the value of create_graph.
    create_graph : bool
        Records the gradients themselves, for higher derivatives. Default False.
    only_inputs, is_grads_batched : bool
        Must be True and False, their defaults.
    allow_unused : bool, optional
        Gives None for an input that the outputs do not depend on, instead of an error. Default
        False.
    materialize_grads : bool
        Gives zeros for such an input. Default False.

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
    if not only_inputs or is_grads_batched:
        raise ValueError("grad: only_inputs must be True and is_grads_batched False")
    chosen = listed(inputs)
    found = _differentiate("grad", outputs, grad_outputs, chosen, retain_graph, create_graph)
    for position, tensor in enumerate(chosen):
        if found[position] is None and materialize_grads:
            zeros = kernels.full(tensor.shape, 0.0, NAMES[tensor.dtype])
            found[position] = tensor._wrap(zeros)
        elif found[position] is None and not allow_unused:
            raise RuntimeError(
                f"grad: the outputs do not depend on inputs[{position}]; allow_unused=True "
                "gives None"
            )
    return tuple(found)


def listed(tensors: Any) -> list[Any]:
    """One tensor as a list of one; several as a list."""
    return [tensors] if hasattr(tensors, "_node") or tensors is None else list(tensors)
