"""What a recording notes beside kernel calls: the tensors, modules and optimizers that a function
uses and does not get as arguments.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from cygnet import kernels
from cygnet.autograd.modes import mode

if TYPE_CHECKING:
    from cygnet.autograd.tape import Memory
    from cygnet.tensor import Array, Tensor

__all__ = ["Recorder", "refuse", "used"]


T = TypeVar("T")


class Recorder:
    """Follows one call of a function in this thread, inside a ``with`` block.

    Parameters
    ----------
    recording : Recording or None
        What kernel calls are recorded in; without one it only notes what the function uses.
    strict : bool
        Whether what cannot be recorded is an error; else the recording is given up and the call
        goes on without it.
    known : Recorder, optional
        That of an earlier call, whose tensors are looked at before the call begins.

    Attributes
    ----------
    leaves : dict of int to (Tensor, callable or None)
        Leaves that got a gradient, by id, with what gives the array of the gradient that they had
        before, or None where nothing holds it any more; None where they had none.
    modules : dict of int to weakref
        Those that were called, by id.
    objects : dict of int to object
        Others whose numbers decide what is computed, by id.
    places : list of (list or dict, index or key, object)
        What must stay where it is.
    written : dict of int to Memory
        That of tensors which were written in place, by id.
    checks : list of callable
        To be called before each replay; one that returns False rules it out.
    states : list of (callable, object)
        What must be the same whenever modules or optimizers have changed: a function and its value.
    optimizers : set of int
        Ids of the Keras optimizers that have taken a step.
    reason : str
        Why the recording was given up; empty if it was not.
    """

    def __init__(
        self, recording: Any = None, strict: bool = True, known: Recorder | None = None
    ) -> None:
        self.recording = recording
        self.strict = strict
        self.leaves: dict[int, tuple[Tensor, Callable[[], Array | None] | None]] = {}
        self.modules: dict[int, weakref.ref[Any]] = {}
        self.objects: dict[int, Any] = {}
        self.places: list[tuple[Any, Any, Any]] = []
        self.written: dict[int, Memory] = {}
        self.checks: list[Callable[[], Any]] = []
        self.states: list[tuple[Callable[[], Any], Any]] = []
        self.optimizers: set[int] = set()
        self.reason = ""
        for tensor, _ in () if known is None else known.leaves.values():
            self.leaf(tensor)

    def __enter__(self) -> Recorder:
        if self.recording is not None:
            self.recording.__enter__()
        mode.recorder = self
        return self

    def __exit__(self, *error: Any) -> None:
        mode.recorder = None
        if self.recording is not None:
            self.recording.__exit__(*error)
        else:  # it is kept for later calls
            self.leaves = {key: (tensor, None) for key, (tensor, _) in self.leaves.items()}

    def leaf(self, tensor: Tensor) -> None:
        """Notes a leaf whose gradient is about to change."""
        if id(tensor) not in self.leaves:
            self.leaves[id(tensor)] = tensor, _array_of(tensor.grad)

    def module(self, module: Any) -> None:
        """Notes a module that is called."""
        self.modules[id(module)] = weakref.ref(module)

    def wrote(self, memory: Memory) -> None:
        """Notes memory that was written in place."""
        self.written[id(memory)] = memory

    def has_written(self, tensor: Tensor) -> bool:
        """Whether the call has written a tensor in place, or made it in the recording."""
        made = self.recording is not None and self.recording.holds(tensor._array)
        return made or id(tensor._memory) in self.written

    def state(self, function: Callable[[], Any]) -> None:
        """Notes the value of `function`, which must stay the same."""
        self.states.append((function, function()))

    def decline(self, what: str) -> None:
        """Ends a recording that nobody asked for: an asked one takes it that users know."""
        if not self.strict:
            self.refuse(what)

    def refuse(self, what: str) -> None:
        """Ends the recording, if one is on: a RuntimeError if that is strict, else the call goes on
        without it.
        """
        if self.recording is None:
            return
        if self.strict:
            raise RuntimeError(what)
        self.reason = what
        self.recording.__exit__(RuntimeError, None, None)
        self.recording = None


def _array_of(gradient: Tensor | None) -> Callable[[], Array | None] | None:
    """Gives the array of a gradient for as long as it is held by others, a recorded call that reads
    it among them: where the function drops it, its memory serves the rest of the call.
    """
    if gradient is None:
        return None
    array = gradient._array
    if isinstance(array.base, np.ndarray):  # views of it hold that one alone
        return lambda: array
    return weakref.ref(array)


def used(thing: T) -> T:
    """Notes an object whose numbers decide what is computed, such as a regularizer."""
    recorder: Recorder | None = mode.recorder
    if recorder is not None:
        recorder.objects[id(thing)] = thing
    return thing


def refuse(what: str) -> None:
    """Says that the call under way cannot be recorded: a RuntimeError while a recording is on that
    somebody asked for; one that was begun on its own is given up.
    """
    if not kernels.is_recording():
        return
    recorder: Recorder | None = mode.recorder
    if recorder is None:
        raise RuntimeError(what)
    recorder.refuse(what)
