"""Models frozen for inference."""

from __future__ import annotations

import copy
import os
import threading
from typing import Any

import numpy as np

from cygnet import kernels
from cygnet.autograd import no_grad
from cygnet.nn import Module
from cygnet.ops.create import as_tensor
from cygnet.recorder import Recorder
from cygnet.replay.draft import Draft, mapped
from cygnet.replay.profile import Profile
from cygnet.tensor import Tensor

__all__ = ["Frozen", "freeze"]


class Frozen:
    """A model as a list of kernel calls; made by `freeze`.

    Called with arguments like the example it runs the list; arguments of other shapes get a list of
    their own in their first call. Any number of threads may call it at once: each run has its own
    memory, and results are new tensors.
    """

    def __init__(self, model: Module, args: Any, kwargs: Any) -> None:
        self._model = model
        self._example = args, kwargs
        self._lock = threading.Lock()
        self._replays: tuple[Any, ...] = ()
        self._add(args, kwargs)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        for replay in self._replays:
            result = replay(False, args, kwargs)
            if result is not NotImplemented:
                return result
        with self._lock:
            return self._add(args, kwargs)

    def _add(self, args: Any, kwargs: Any) -> Any:
        """Makes the list of calls for arguments like these; returns what it gives for them."""
        args, kwargs = mapped((args, kwargs), as_tensor, np.ndarray)
        with no_grad():
            observer = Recorder()
            with observer:  # whatever is made in a first call
                self._model(*args, **kwargs)
            signature = kernels.Signature(Tensor, args, kwargs)
            draft = Draft(self._model, signature, observer, strict=True, fold=True)
            draft.record(args, kwargs)
        self._replays = (draft.finish(), *self._replays)
        result = self._replays[0](False, args, kwargs)
        if result is NotImplemented:
            raise ValueError("freeze: the arguments share memory or lie at odd addresses")
        return result

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
        """
        if not args and not kwargs:
            args, kwargs = self._example
        self(*args, **kwargs)
        for replay in self._replays:
            times = []
            for _ in range(runs):
                result, seconds = replay.profile(False, args, kwargs)
                if result is NotImplemented:
                    break
                times.append(seconds)
            if times:
                return Profile(replay.calls(), times)
        raise RuntimeError("profile: the arguments fit no recording")

    def save_trace(self, path: str | os.PathLike[str]) -> None:
        """Writes a profile of the example as a trace; see `Profile.save_trace`."""
        self.profile().save_trace(path)


def freeze(model: Module, *args: Any, **kwargs: Any) -> Frozen:
    """Makes of a model a list of kernel calls for inference.

    It is a snapshot of a copy of the model in evaluation mode: what depends on weights alone is
    computed once, and changes of the model do not reach it.

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
    RuntimeError
        If the model reads values, or has results whose shape depends on values.
    ValueError
        If it changes its own state or draws random numbers in evaluation mode.

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
    return Frozen(copy.deepcopy(model).eval(), args, kwargs)
