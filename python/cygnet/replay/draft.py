"""One recorded call of a function, and what of it becomes a replay."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from itertools import pairwise
from types import FunctionType
from typing import Any

import numpy as np

from cygnet import autograd, kernels
from cygnet.autograd.modes import mode
from cygnet.recorder import Recorder
from cygnet.replay.folding import Folded
from cygnet.replay.modules import Modules, Verify
from cygnet.replay.outside import Outside, is_plain
from cygnet.replay.watch import Watch
from cygnet.tensor import Tensor

DRAWN = "capture: random numbers were drawn while the call was recorded, perhaps by another thread"
NO_MEMORY = "capture: there was no memory for the recording"
AGAIN = (DRAWN, NO_MEMORY)  # the next call may be recorded

__all__ = ["AGAIN", "Draft", "attach", "inputs_of", "mapped", "replayed", "tensors_in"]


class Draft:
    """A call of a function that is recorded.

    Parameters
    ----------
    function : callable
    signature : Signature
        That of the arguments.
    known : Recorder
        Of an earlier call.
    strict : bool
        Whether what cannot be recorded is an error.
    notes : list, optional
        What `Observed` found, if the recording is to be a frozen plan: it is on its own then, looks
        at nothing outside, and what depends on constants alone is computed once.
    watched : bool
        Whether to follow what users' functions read and do in Python; for recordings that nobody
        asked for. Default False.

    Attributes
    ----------
    reason : str
        Why there is no recording; empty if there is one.
    differentiable : list of int
        Which of the tensors in the result have a graph, whose backward is recorded as well.
    sources : list of (int or Tensor)
        What the backward gives gradients of: arguments by their place among those with a gradient,
        or other tensors.
    fresh : bool
        Whether each of these gradients has memory of its own.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        signature: Any,
        known: Recorder,
        strict: bool,
        notes: Any = None,
        watched: bool = False,
    ) -> None:
        self.function = function
        self.signature = signature
        self.enabled = mode.enabled
        self.reason = ""
        self.differentiable: list[int] = []
        self.sources: list[int | Tensor] = []
        self.fresh = False
        self._stand_ins: list[Tensor] = []  # for arguments with a gradient, in their order
        self._known = known
        self._strict = strict
        self._notes = notes
        self._watched = watched
        self._core: Any = None
        self._node: weakref.ref[autograd.Node] | None = None  # of the recorded call's result

    def record(self, args: Any, kwargs: Any) -> Any:
        """Makes the call; returns its result."""
        recording = kernels.Recording()
        for array in self.signature.arrays():
            recording.add_input(array)
        recorder = Recorder(recording, self._strict, self._known)
        modules = Modules()
        modules.add(self._known)
        outside = Outside(whole=self._watched)
        outside.add_numbers(self._known.objects.values())
        watch = Watch(outside) if self._watched else None
        objects = _objects_in((args, kwargs))
        if watch is None:
            outside.add(self.function, *objects, *modules.forwards())
        else:
            outside.add(*(each for each in objects if isinstance(each, FunctionType)))
        given = [(tensor, tensor.requires_grad) for tensor in tensors_in((args, kwargs))]
        inner_args, inner_kwargs = mapped((args, kwargs), self._stand_in)
        frozen = self._notes is not None
        with recorder:
            with watch or (Folded(recording, self._notes) if frozen else nullcontext()):
                result = self.function(*inner_args, **inner_kwargs)
            if recorder.recording is not None:
                try:
                    forward = len(recording)
                    gradients = self._record_backward(recording, result)
                    modules.add(recorder)
                    outside.add_numbers(recorder.objects.values())
                    others = (each for each in self.sources if isinstance(each, Tensor))
                    used = (*modules.members, *outside.tensors(), *others)
                    by_name = outside.names("grad")
                    leaves = self._settled_leaves(recorder, used, given, by_name)
                except MemoryError:
                    self._give_up()
        if recorder.recording is not None and not self.reason:
            if by_name and any(tensor.grad is not None for tensor, wants in given if wants):
                self._refuse("it may have read the gradient of an argument")
            elif any(tensor.requires_grad != before for tensor, before in given):
                self._refuse("it changed requires_grad of an argument")
            elif outside.has_drawn():
                if not self._strict and threading.active_count() > 1:  # perhaps another did
                    self.reason = DRAWN
                else:
                    self._refuse("it drew from Python's or NumPy's random numbers")
            elif changed := modules.changed() or outside.changed():
                self._refuse(f"it changed {changed}")
            elif watch is not None and watch.reason:
                self._refuse(watch.reason)
        memories = [id(each._memory) for each, _ in given]
        written = [each for key, each in recorder.written.items() if key not in memories]
        inputs = [i for i, key in enumerate(memories) if key in recorder.written]
        self.reason = self.reason or recorder.reason
        if self.reason:
            return self._attached(result, args, kwargs)
        try:
            self._core = kernels.Draft(
                self.signature,
                recording,
                results=result,
                gradients=gradients,
                leaves=[] if frozen else leaves,
                captured=[] if frozen else outside.places + recorder.places,
                written=[] if frozen else written,
                written_inputs=inputs,
                before=recorder.checks + ([] if frozen else outside.guards()),
                verify=None
                if frozen
                else Verify(modules, [tensor for tensor, *_ in leaves], recorder.states),
                forward=forward if self.differentiable else None,
                grad_enabled=self.enabled,
                fold=frozen,
                shared=bool(self.differentiable) or frozen,
            )
        except MemoryError:
            self._give_up()
        except RuntimeError as error:
            self.reason = str(error)
            if self._strict:
                raise
        self.signature.forget_arrays()
        return self._attached(result, args, kwargs)

    def finish(self) -> Any:
        """The replay; None, with the `reason`, if something that the call made is still held."""
        for attempt in range(2):
            try:
                return self._core.finish()
            except MemoryError:
                self._core = None
                return self._give_up()
            except RuntimeError as error:
                self.reason = str(error)
            if self.is_needed():
                return None
            if attempt == 0:
                gc.collect()  # perhaps only a cycle holds it
        if self._strict:
            raise RuntimeError(self.reason)
        return None

    def is_needed(self) -> bool:
        """Whether the graph of the recorded call's result may still be differentiated."""
        node = None if self._node is None else self._node()
        return node is not None and node.backward is not None

    def _give_up(self) -> None:
        """Without memory for the recording: the call itself is made and must not be made again, so
        that only a frozen plan, which is nothing else, raises the MemoryError that is on.
        """
        if self._notes is not None:
            raise
        self.reason = NO_MEMORY

    def _refuse(self, what: str) -> None:
        who = "capture: the function" if self._notes is None else "freeze: the model"
        self.reason = f"{who} did what a replay would not do: {what}"
        if self._strict:
            raise RuntimeError(self.reason)

    def _stand_in(self, tensor: Tensor) -> Tensor:
        """What the function gets for a tensor with a gradient: a leaf, where the recording ends."""
        if not (tensor.requires_grad and mode.enabled):
            return tensor
        leaf = tensor._wrap(tensor._array)
        leaf.requires_grad, leaf.grad, leaf._memory = True, tensor.grad, autograd.memory_of(tensor)
        self._stand_ins.append(leaf)
        return leaf

    def _hand_on(self, leaf: Tensor, given: list[tuple[Tensor, bool]]) -> None:
        """Gives the gradient of a stand-in to its argument."""
        wanting = [tensor for tensor, wants in given if wants]
        for stand_in, tensor in zip(self._stand_ins, wanting, strict=False):
            if stand_in is leaf and tensor.is_leaf:
                tensor.grad = leaf.grad

    def _is_on_tape(self, tensor: Tensor) -> bool:
        """Whether a result has a graph that leads to more than itself, or is an argument."""
        if tensor._node is None:
            return any(tensor is leaf for leaf in self._stand_ins)
        return not _is_freed(tensor._node)

    def _record_backward(self, recording: Any, result: Any) -> list[Tensor]:
        """Records the backward of those results that are on the tape; returns the gradients."""
        outputs: list[Tensor] = []
        for i, tensor in enumerate(tensors_in(result)):
            if self._is_on_tape(tensor) and not any(tensor is each for each in outputs):
                self.differentiable.append(i)
                outputs.append(tensor)
        if not outputs:
            return []
        targets = _leaves_behind(outputs)
        seeds = [tensor._wrap(np.ones(tensor.shape, tensor.dtype)) for tensor in outputs]
        for seed in seeds:
            recording.add_input(seed._array)
        found = autograd.grad(outputs, targets, seeds, retain_graph=True, allow_unused=True)
        pairs = [(t, g) for t, g in zip(targets, found, strict=True) if g is not None]
        self.sources = self._sources_of(target for target, _ in pairs)
        gradients = [gradient for _, gradient in pairs]
        self.fresh = _are_apart([each._array for each in (*gradients, *seeds)])
        return gradients

    def _attached(self, result: Any, args: Any, kwargs: Any) -> Any:
        """The result of the recorded call, on the tape of its arguments."""
        found = {id(each): each for each in tensors_in(result) if self._is_on_tape(each)}
        outputs = list(found.values())
        if not outputs or not (self.differentiable or self._stand_ins):
            return result
        targets = _leaves_behind(outputs)

        def backward(*gradients: Tensor | None) -> tuple[Tensor | None, ...]:
            seeds = [
                each._wrap(np.zeros(each.shape, each.dtype)) if gradient is None else gradient
                for each, gradient in zip(outputs, gradients, strict=True)
            ]
            return autograd.grad(outputs, targets, seeds, allow_unused=True)

        inputs = inputs_of(self._sources_of(targets), args, kwargs)
        result, node = attach(result, outputs, inputs, backward, (args, kwargs), False)
        self._node = None if node is None else weakref.ref(node)
        return result

    def _sources_of(self, targets: Iterable[Tensor]) -> list[int | Tensor]:
        places = {id(leaf): i for i, leaf in enumerate(self._stand_ins)}
        return [places.get(id(target), target) for target in targets]

    def _settled_leaves(
        self,
        recorder: Recorder,
        used: Iterable[Tensor],
        given: list[tuple[Tensor, bool]],
        by_name: bool,
    ) -> list[Any]:
        """What the core is to know of leaves: arrays, and gradients before and after. `by_name`:
        whether the function may look at gradients itself.
        """
        recording, rows = recorder.recording, []
        own = {id(leaf) for leaf in (*self._stand_ins, *(tensor for tensor, _ in given))}
        for tensor, gradient in list(recorder.leaves.values()):
            if id(tensor) in own:
                self._hand_on(tensor, given)
                self._refuse("an argument collects its gradient")
            after: Any = tensor.grad
            found: Any = gradient is not None
            before = None if gradient is None else gradient()
            if before is not None and (
                recording.reads(before) or (after is not None and after._array is before)
            ):
                found = before
                if after is not None and after._array is not before:
                    # The next call is to find there what this one leaves behind.
                    kernels.copy_into(before, after._array)
                    tensor.grad = after._wrap(before)
                after = None if after is None else ...
            rows.append((tensor, tensor._array, tensor.requires_grad, found, after))
        noted = own | recorder.leaves.keys()
        for tensor in used:
            if id(tensor) not in noted:
                noted.add(id(tensor))
                grad = None if tensor.grad is None else tensor.grad._array
                seen: Any = grad is not None if by_name else ...
                read = grad if grad is not None and recording.reads(grad) else seen
                rows.append((tensor, tensor._array, tensor.requires_grad, read, ...))
        arrays = self.signature.arrays()
        if any(np.may_share_memory(row[1], array) for row in rows for array in arrays):
            self.reason = "capture: an argument shares memory with a tensor that the function uses"
        return rows


def inputs_of(sources: list[int | Tensor], args: Any, kwargs: Any) -> tuple[Tensor, ...]:
    """The tensors of a call that stand where `sources` stood in the recorded one."""
    wanting = [each for each in tensors_in((args, kwargs)) if each.requires_grad]
    return tuple(wanting[each] if isinstance(each, int) else each for each in sources)


def attach(
    result: Any,
    outputs: list[Tensor],
    inputs: tuple[Tensor, ...],
    backward: Callable[..., Any],
    arguments: Any,
    fresh_gradients: bool,
) -> tuple[Any, autograd.Node | None]:
    """The result with other tensors in the place of `outputs`, on the tape after `inputs`; the node
    there. None of them and of the arguments may be changed before the backward.
    """
    places = {id(output): output._wrap(output._array) for output in outputs}
    fresh = tuple(places.values())
    node = autograd.record_several(
        fresh,
        inputs,
        backward,
        "captured",
        saved=(*fresh, *inputs, *tensors_in(arguments)),
        fresh=fresh_gradients,
        once=True,
    )
    return mapped(result, lambda tensor: places.get(id(tensor), tensor)), node


def replayed(replays: Iterable[Any], enabled: bool, args: Any, kwargs: Any) -> Any:
    """What the first replay gives that fits a call; NotImplemented if there is none."""
    for replay in replays:
        result = replay(enabled, args, kwargs)
        if result is not NotImplemented:
            return result
    return NotImplemented


def tensors_in(value: Any) -> Iterator[Tensor]:
    """The tensors in nested tuples, lists and dicts, in order."""
    return (each for each in _leaves_in(value) if isinstance(each, Tensor))


def _objects_in(value: Any) -> Iterator[Any]:
    """What nested tuples, lists and dicts hold beside tensors and plain values."""
    return (e for e in _leaves_in(value) if not isinstance(e, Tensor) and not is_plain(e))


def _leaves_in(value: Any) -> Iterator[Any]:
    if _is_sequence(value) or type(value) is dict:
        for each in value.values() if type(value) is dict else value:
            yield from _leaves_in(each)
    else:
        yield value


def _is_sequence(value: Any) -> bool:
    """Whether a value is a list, a tuple or a named tuple."""
    kind = type(value)
    return kind in (list, tuple) or (issubclass(kind, tuple) and hasattr(kind, "_fields"))


def mapped(value: Any, function: Callable[[Any], Any], kind: Any = Tensor) -> Any:
    """Nested tuples, lists and dicts with `function` of each object of a type, or of several types,
    in its place.
    """
    if isinstance(value, kind):
        return function(value)
    if _is_sequence(value):
        each = [mapped(each, function, kind) for each in value]
        return type(value)(*each) if hasattr(value, "_fields") else type(value)(each)
    if type(value) is dict:
        return {key: mapped(each, function, kind) for key, each in value.items()}
    return value


def _are_apart(arrays: list[Any]) -> bool:
    """Whether no two arrays share memory."""
    bounds = sorted(np.lib.array_utils.byte_bounds(array) for array in arrays if array.size)
    return all(one[1] <= other[0] for one, other in pairwise(bounds))


def _is_freed(edge: Any) -> bool:
    node = edge.node if isinstance(edge, autograd.Output) else edge
    return node.backward is None


def _leaves_behind(outputs: list[Tensor]) -> list[Tensor]:
    """The leaves that the tensors follow from."""
    found: dict[int, Tensor] = {}
    seen: set[int] = set()
    stack: list[Any] = [output._node or output for output in outputs]
    while stack:
        edge = stack.pop()
        if isinstance(edge, Tensor):
            found[id(edge)] = edge
            continue
        node = edge.node if isinstance(edge, autograd.Output) else edge
        if node is not None and id(node) not in seen:
            seen.add(id(node))
            stack += node.edges
    return list(found.values())
