"""Models frozen for inference."""

from __future__ import annotations

import copy
import os
import threading
import weakref
from typing import Any

import numpy as np

from cygnet import kernels
from cygnet.autograd import no_grad
from cygnet.autograd.modes import mode
from cygnet.nn import Module
from cygnet.nn.parameter import is_lazy
from cygnet.ops.convert import clone
from cygnet.ops.create import as_tensor
from cygnet.recorder import Recorder, refuse
from cygnet.replay.draft import Draft, mapped, replayed, tensors_in
from cygnet.replay.folding import Observed
from cygnet.replay.profile import Profile
from cygnet.tensor import Tensor

__all__ = ["Frozen", "freeze"]

MOST = 16


class Frozen:
    """A model as a list of kernel calls; made by `freeze`.

    Called with arguments like the example it runs the list; arguments of other shapes get a list of
    their own in their first call; the last sixteen are kept. Any number of threads may call it at
    once: each run has its own memory, and results are new tensors, except views of arguments, which
    are that here as well.
    """

    def __init__(self, model: Module, args: Any, kwargs: Any) -> None:
        self._model = model
        self._example = _with_own_memory((args, kwargs))
        self._replays: tuple[Any, ...] = ()
        self._renew_lock()
        _all.add(self)
        self._add(*self._example)

    def _renew_lock(self) -> None:
        self._lock = threading.Lock()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if mode.recorder is not None:
            refuse("freeze: a frozen plan is called while calls are recorded; call its model there")
        result = replayed(self._replays, False, args, kwargs)
        if result is NotImplemented:
            # Of another shape, or in memory that a list cannot use: overlapping, at odd addresses.
            args, kwargs = _with_own_memory((args, kwargs))
            result = replayed(self._replays, False, args, kwargs)
        if result is NotImplemented:
            with self._lock:
                result = replayed(
                    self._replays, False, args, kwargs
                )  # perhaps another thread has made it
                if result is NotImplemented:
                    self._add(args, kwargs)
                    result = replayed(self._replays, False, args, kwargs)
        return result

    def _add(self, args: Any, kwargs: Any) -> None:
        """Makes the list of calls for arguments like these."""
        signature = kernels.Signature(Tensor, args, kwargs)
        arrays = signature.arrays()

        def run(*args: Any, **kwargs: Any) -> Any:
            return mapped(self._model(*args, **kwargs), own)

        def own(tensor: Tensor) -> Tensor:
            """A result as it is handed out: nobody gets hold of what other runs read."""
            array = tensor._array
            if mode.recorder.recording.holds(array) or any(
                np.may_share_memory(array, given) for given in arrays
            ):
                return Tensor._wrap(array)
            return clone(tensor)

        with no_grad():
            first = Recorder()
            with first:  # whatever is made in a first call
                self._model(*args, **kwargs)
            recording = kernels.Recording()
            for array in arrays:
                recording.add_input(array)
            recorder = Recorder(recording, known=first)
            observed = Observed(recording)
            with recorder, observed:
                notes = observed.found(list(tensors_in(run(*args, **kwargs))))
            draft = Draft(run, signature, recorder, strict=True, notes=notes)
            draft.record(args, kwargs)
        self._replays = (draft.finish(), *self._replays[: MOST - 1])

    def describe(self) -> str:
        """The kernels that run for the example, with shapes, time, share and part of the peak."""
        return str(self.profile(runs=10))

    def profile(self, *args: Any, runs: int = 100, **kwargs: Any) -> Profile:
        """Times every kernel call.

        Parameters
        ----------
        *args, **kwargs
            Arguments of a call. Default: the example.
        runs : int
            How often to run. Default 100.

        Returns
        -------
        Profile
            Printed as a table; beside it the bytes of constants (folded and packed weights) and of
            the arena that each run works in.
        """
        if isinstance(runs, bool) or not isinstance(runs, int) or runs < 1:
            raise ValueError(f"profile: argument runs expected an int of at least 1, got {runs!r}")
        given = _with_own_memory((args, kwargs)) if args or kwargs else self._example
        self(*given[0], **given[1])
        replay = next(r for r in self._replays if r(False, *given) is not NotImplemented)
        times = [replay.profile(False, *given)[1] for _ in range(runs)]
        memory = {"constants": replay.constant_bytes(), "arena": replay.arena_bytes()}
        return Profile(replay.calls(), times, memory)

    def save_trace(self, path: str | os.PathLike[str]) -> None:
        """Writes a profile of the example as a trace; see `Profile.save_trace`."""
        self.profile().save_trace(path)


_all: weakref.WeakSet[Frozen] = weakref.WeakSet()


def _renew_locks() -> None:
    """In a forked child nobody else holds a lock."""
    for plan in _all:
        plan._renew_lock()


os.register_at_fork(after_in_child=_renew_locks)


def _with_own_memory(arguments: Any) -> Any:
    """Arguments with copies of arrays and tensors, in the same memory order, in their place."""
    return mapped(arguments, _copied, (np.ndarray, Tensor))


def _copied(value: Any) -> Tensor:
    array = as_tensor(value)._array
    low, high = np.lib.array_utils.byte_bounds(array)
    memory = np.empty(high - low, np.uint8)
    offset = array.__array_interface__["data"][0] - low
    copy = np.ndarray(array.shape, array.dtype, memory, offset, array.strides)
    copy[...] = array
    return Tensor._wrap(copy)


def freeze(model: Module, *args: Any, **kwargs: Any) -> Frozen:
    """Makes of a model a list of kernel calls for inference.

    It is a snapshot of a copy of the model in evaluation mode: what depends on weights alone is
    computed once, and changes of the model do not reach it. A batch normalisation that alone reads
    the result of a convolution or linear layer becomes part of its weights, which changes results
    by rounding errors.

    Parameters
    ----------
    model : Module
    *args, **kwargs
        An example of the arguments: tensors or arrays of the shapes and types to come.

    Returns
    -------
    Frozen
        Called like the model, without gradients.

    Raises
    ------
    TypeError
        If the model is no Module, or no example is given.
    RuntimeError
        If the model reads values, has results whose shape depends on values, changes one of its
        numbers or keeps a tensor; and if parameters of it have no shape yet.
    ValueError
        If it writes to its own tensors or draws random numbers in evaluation mode.

    Examples
    --------
    >>> import cygnet as cn
    >>> model = cn.nn.Sequential(cn.nn.Linear(3, 4), cn.nn.ReLU(), cn.nn.Linear(4, 2))
    >>> plan = cn.freeze(model, cn.ones(1, 3))
    >>> bool((plan(cn.ones(1, 3)) == model(cn.ones(1, 3))).all())
    True
    """
    if not isinstance(model, Module):
        raise TypeError(f"freeze: model expected a Module, got {type(model).__name__}")
    if not args and not kwargs:
        raise TypeError("freeze: an example of the model's arguments is needed")
    if any(map(is_lazy, (*model.parameters(), *model.buffers()))):
        raise RuntimeError(
            "freeze: model has parameters that get their shape from the first call; call it first"
        )
    return Frozen(copy.deepcopy(model).eval(), args, kwargs)
