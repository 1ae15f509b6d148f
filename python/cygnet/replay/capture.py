"""Functions whose kernel calls are recorded once and then made again without Python.

Of each signature the first call runs eagerly, the second is recorded, and from the third on the
list of calls is run by the extension in one go: no Python, no memory but that of results, the GIL
released. What the function read from Python is fixed then; what may vary is looked at before each
replay, and where something else than at the recording is found, the function runs anew.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from itertools import combinations
from typing import Any, Generic, ParamSpec, TypeVar, overload

import numpy as np

from cygnet import kernels
from cygnet.autograd.modes import mode
from cygnet.nn import Module
from cygnet.ops.create import as_tensor
from cygnet.recorder import Recorder
from cygnet.replay.draft import AGAIN, Draft, attach, inputs_of, mapped, replayed, tensors_in
from cygnet.replay.profile import Profile
from cygnet.tensor import Tensor

__all__ = ["Capture", "capture", "compile"]

UNASKED = 3  # calls before one is recorded that nobody asked for: short runs are no slower

P = ParamSpec("P")
R = TypeVar("R")


class Capture(Generic[P, R]):
    """A function and the recordings of its calls; made by `capture`.

    Parameters
    ----------
    function : callable
    limit : int
        See `capture`.
    strict : bool
        Whether what cannot be recorded is an error; else it runs as it is. Default True.
    asked : bool
        False where users did not ask for it: it is not strict, records later, does not warn.

    Attributes
    ----------
    function : callable
        The function itself.
    reason : str
        Why the last call that was to be recorded was not; empty if it was.
    """

    def __init__(
        self,
        function: Callable[P, R],
        limit: int = 8,
        strict: bool = True,
        asked: bool = True,
    ) -> None:
        if not callable(function):
            raise TypeError(f"capture: fn expected a function, got {type(function).__name__}")
        if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
            raise ValueError(f"capture: limit is {limit!r}, expected an int of at least 1")
        functools.update_wrapper(self, function)
        self.function = function
        self.reason = ""
        self._limit = limit
        self._strict = strict and asked
        self._asked = asked
        self.reset()

    def __reduce__(self) -> Any:
        return Capture, (self.function, self._limit, self._strict, self._asked)

    def reset(self) -> None:
        """Forgets all recordings."""
        self._replays: list[Any] = []  # the one that was made last is tried first
        self._known: list[_Known] = []
        self._without_room = 0  # calls, since it was last looked for what is not used
        self._patience = 2 * self._limit  # how many of them it takes to look again
        self._warned = False

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        if mode.recorder is None and not mode.anomaly:  # else inside another recording
            result = replayed(self._replays, mode.enabled, args, kwargs)
            if result is not NotImplemented:
                return result  # type: ignore[no-any-return]
            given = args, kwargs
            args, kwargs = mapped(given, as_tensor, np.ndarray)  # other types are converted
            result = replayed(self._replays, mode.enabled, args, kwargs)
            if result is not NotImplemented:
                return result  # type: ignore[no-any-return]
            return self._without_replay(args, kwargs)  # type: ignore[no-any-return]
        return self.function(*args, **kwargs)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else functools.partial(self, instance)

    @property
    def recordings(self) -> int:
        """The number of recordings that there are."""
        return len(self._replays)

    def describe(self) -> str:
        """The kernel calls of the recording that was made last, as a table; after it why the last
        call that was to be recorded was not.
        """
        if not self._replays:
            why = self.reason or "a signature's second call is"
            raise RuntimeError(f"describe: nothing is recorded yet; {why}")
        table = str(Profile(self._replays[0].calls()))
        return f"{table}\nnot recorded: {self.reason}" if self.reason else table

    def profile(self, *args: P.args, **kwargs: P.kwargs) -> Profile:
        """Makes a call, and takes the time of each kernel call in it.

        Raises
        ------
        RuntimeError
            If there is no recording of such a call.
        """
        for replay in self._replays:
            found = replay.profile(mode.enabled, args, kwargs)
            if found[0] is not NotImplemented:
                return Profile(replay.calls(), [found[1]])
        raise RuntimeError("profile: there is no recording of such a call; make it twice before")

    def _without_replay(self, args: Any, kwargs: Any) -> Any:
        """A call that no recording fits."""
        known = next((each for each in self._known if each.fits(args, kwargs)), None)
        if known is None:
            if not self._has_room(self._known):
                return self.function(*args, **kwargs)
            known = _Known(args, kwargs)
            with known.recorder:
                result = self.function(*args, **kwargs)
            memories = [id(each._memory) for each in tensors_in((args, kwargs))]
            known.writes = any(key in known.recorder.written for key in memories)
            self._known.append(known)
            return result
        known.calls += 1
        if known.draft is not None:  # its graph was still needed
            if self._finish(known):
                return self(*args, **kwargs)
        elif (
            not known.reason
            and (self._asked or known.calls >= UNASKED)
            and self._has_room(known.replays)
        ):
            return self._record(known, args, kwargs)
        return self.function(*args, **kwargs)

    def _has_room(self, taken: list[Any]) -> bool:
        """Whether there may be another signature, or another recording of one. Where there is no
        room, it is looked from time to time for what was not used since: it may no longer fit.
        """
        if len(taken) < self._limit:
            return True
        if self._without_room == 0:
            for known in self._known:
                known.note_uses()
        self._without_room += 1
        if self._without_room <= self._patience:
            return False
        self._without_room = 0
        self._forget_unused()
        if self._asked and len(taken) >= self._limit and not self._warned:
            self._warned = True
            warnings.warn(
                f"capture: {getattr(self.function, '__name__', self.function)} was called in more "
                f"than {self._limit} ways (limit={self._limit}); further ones run eagerly",
                RuntimeWarning,
                stacklevel=4,
            )
        return len(taken) < self._limit

    def _forget_unused(self) -> None:
        unused = [each for known in self._known for each in known.unused()]
        if all(each.uses < self._patience for each in unused):  # not worth to be recorded again
            self._patience *= 2
        for known in self._known:
            known.replays[:] = [each for each in known.replays if each not in unused]
            known.uses.clear()
        self._known[:] = [each for each in self._known if each.replays or each.calls != each.seen]
        self._replays = [each for each in self._replays if each not in unused]

    def _record(self, known: _Known, args: Any, kwargs: Any) -> Any:
        """The second call of a signature."""
        signature = kernels.Signature(Tensor, args, kwargs)
        if known.writes and any(
            np.may_share_memory(*pair) for pair in combinations(signature.arrays(), 2)
        ):
            self.reason = "capture: the function writes to arguments that share memory"
            return self.function(*args, **kwargs)
        draft = Draft(
            self.function, signature, known.recorder, self._strict, watched=not self._asked
        )
        result = draft.record(args, kwargs)
        self.reason = draft.reason
        known.reason = "" if draft.reason in AGAIN else draft.reason
        if not draft.reason:
            known.draft = draft
            if not draft.differentiable:
                self._finish(known)
        return result

    def _finish(self, known: _Known) -> bool:
        """Makes a replay of what was recorded, if nothing of it is held any more."""
        draft, known.draft = known.draft, None
        if draft is None:  # another thread was faster
            return False
        replay = draft.finish()
        self.reason = draft.reason
        if replay is not None:
            replay = _Differentiable(replay, draft) if draft.differentiable else replay
            self._replays.insert(0, replay)
            known.replays.append(replay)
        elif draft.is_needed():
            known.draft = draft
        else:
            known.reason = "" if draft.reason in AGAIN else draft.reason
        return replay is not None


class _Known:
    """A signature that was called once, and what became of its second call."""

    def __init__(self, args: Any, kwargs: Any) -> None:
        self.signature = kernels.Signature(Tensor, args, kwargs)
        self.signature.forget_arrays()
        self.enabled = mode.enabled
        self.recorder = Recorder()
        self.writes = False  # whether the function writes to its arguments
        self.replays: list[Any] = []
        self.calls = 0  # after the first, without a replay
        self.uses: dict[Any, int] = {}  # of the replays, and
        self.seen = 0  # the calls, when it was last looked for what is not used
        self.draft: Draft | None = None  # recorded, but something of it was still held
        self.reason = ""  # why it is not recorded

    def fits(self, args: Any, kwargs: Any) -> bool:
        """Whether a call is of this signature."""
        return self.enabled is mode.enabled and self.signature.matches(args, kwargs)

    def note_uses(self) -> None:
        """Notes how often it was used so far."""
        self.uses = {each: each.uses for each in self.replays}
        self.seen = self.calls

    def unused(self) -> list[Any]:
        """The replays that were not used since."""
        return [each for each in self.replays if each.uses == self.uses.get(each)]


class _Differentiable:
    """A replay whose results are on the tape; their backward is replayed as well."""

    def __init__(self, replay: Any, draft: Draft) -> None:
        self.calls = replay.calls
        self._replay = replay
        self._outputs = draft.differentiable
        self._sources = draft.sources
        self._fresh = draft.fresh

    @property
    def uses(self) -> int:
        """How often it fitted a call."""
        found: int = self._replay.uses
        return found

    def __call__(self, enabled: bool, args: Any, kwargs: Any) -> Any:
        found = self._replay(enabled, args, kwargs)
        return found if found is NotImplemented else self._on_tape(found, args, kwargs)

    def profile(self, enabled: bool, args: Any, kwargs: Any) -> Any:
        """The results, and the seconds of each call of the forward."""
        found, seconds = self._replay.profile(enabled, args, kwargs)
        if found is not NotImplemented:
            found = self._on_tape(found, args, kwargs)
        return found, seconds

    def _on_tape(self, found: Any, args: Any, kwargs: Any) -> Any:
        result, pending = found
        every = list(tensors_in(result))
        outputs = [every[i] for i in self._outputs]
        shapes = [(output.shape, output.dtype) for output in outputs]

        def backward(*gradients: Tensor | None) -> Any:
            return pending.backward(
                [
                    np.zeros(*shape) if gradient is None else kernels.contiguous(gradient._array)
                    for gradient, shape in zip(gradients, shapes, strict=True)
                ]
            )

        inputs = inputs_of(self._sources, args, kwargs)
        return attach(result, outputs, inputs, backward, (args, kwargs), self._fresh)[0]


@overload
def capture(fn: Callable[P, R], *, limit: int = 8) -> Capture[P, R]: ...
@overload
def capture(fn: None = None, *, limit: int = 8) -> Callable[[Callable[P, R]], Capture[P, R]]: ...
def capture(fn: Any = None, *, limit: int = 8) -> Any:
    """Makes a function whose kernel calls are recorded once and then made again without Python.

    It takes and returns what `fn` does, with the same bits. Of each signature - shapes, types and
    memory orders of tensors, and the values of all other arguments - the first call runs as it is,
    the second is recorded, and from the third on the recording is replayed: one call of the
    extension, without Python and the GIL. A whole training step, with ``loss.backward()`` and
    ``optimizer.step()``, is what it is made for.

    What a replay does not do is run `fn`'s Python: what `fn` prints, counts or appends happens when
    it is called and recorded, no more. What it reads is looked at before each replay, and the
    function is recorded anew where it differs: variables of closures and of its module, and the
    attributes, keys and elements (of lists up to 64) of objects in them that `fn` and the functions
    it calls name; `train()` and `eval()`, `requires_grad`, parameters and buffers that were
    replaced. Learning rates and all other numbers of optimizers, loaded states, seeds and the
    progress of random numbers are heeded by replays. What is reached in other ways is not looked
    at: pass it as an argument.

    Parameters
    ----------
    fn : callable
        Its arguments may be tensors, NumPy arrays (which reach `fn` as tensors), any values that
        can be compared, and tuples, lists and dicts of these. Without it, a decorator is returned.
    limit : int
        So many signatures, and so many recordings of each, are kept. Where more are wanted, those
        that were not used for a while make room; if there are none, a RuntimeWarning is given and
        others run eagerly. Default 8.

    Returns
    -------
    Capture
        Called like `fn`. Results are new tensors in each call; the ``grad`` of parameters has the
        same memory in each. Results that are on the tape can be differentiated once.

    Raises
    ------
    RuntimeError
        In the second call, if a replay could not do the same: a value is read (`item()`, `numpy()`,
        `if` on a tensor), the shape of a result depends on values, a schedule takes a step, a seed
        is set, Python's or NumPy's random numbers are drawn, a module's number is changed, or a
        tensor made by `fn` is kept although it is no result.

    Examples
    --------
    >>> import cygnet as cn
    >>> model = cn.nn.Linear(3, 1)
    >>> optimizer = cn.optim.SGD(model.parameters(), lr=0.1)
    >>> @cn.capture
    ... def step(x, y):
    ...     optimizer.zero_grad()
    ...     loss = cn.nn.functional.mse_loss(model(x), y)
    ...     loss.backward()
    ...     optimizer.step()
    ...     return loss
    >>> losses = [step(cn.ones(4, 3), cn.ones(4, 1)).item() for _ in range(5)]
    >>> losses[4] < losses[0], step.recordings
    (True, 1)
    """
    if fn is None:
        return functools.partial(capture, limit=limit)
    return Capture(fn, limit)


class CompiledModule(Module):
    """A module whose calls are captured; made by `compile`."""

    def __init__(self, module: Module, strict: bool) -> None:
        super().__init__()
        self._orig_mod = module
        object.__setattr__(self, "_captured", Capture(module, strict=strict))

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Calls the module, or replays it."""
        return self._captured(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or "_orig_mod" not in vars(self):
            raise AttributeError(name)
        return getattr(self._orig_mod, name)


def compile(
    model: Any = None,
    *,
    fullgraph: bool = False,
    dynamic: bool | None = None,
    backend: Any = None,
    mode: str | None = None,
    options: dict[str, Any] | None = None,
    disable: bool = False,
) -> Any:
    """Captures the calls of a model, or of a function, with PyTorch's spelling.

    Parameters
    ----------
    model : Module or callable
        Without it, a decorator is returned.
    fullgraph : bool
        Whether it is an error if a call cannot be recorded; else it runs eagerly. Default False.
    dynamic, backend, mode, options
        Have no effect.
    disable : bool
        Returns the model as it is. Default False.

    Returns
    -------
    Module or Capture
        A module has the parameters, buffers and attributes of `model`; as in PyTorch, its
        state keys begin with ``_orig_mod.``. Gradients flow through it; see `capture`.

    Examples
    --------
    >>> import cygnet as cn
    >>> model = cn.nn.Sequential(cn.nn.Linear(3, 4), cn.nn.ReLU(), cn.nn.Linear(4, 1))
    >>> compiled = cn.compile(model)
    >>> for _ in range(3):
    ...     compiled(cn.ones(2, 3)).sum().backward()
    >>> model[0].weight.grad.shape
    (4, 3)
    """
    del dynamic, backend, mode, options
    if model is None:
        return functools.partial(compile, fullgraph=fullgraph, disable=disable)
    if disable:
        return model
    if isinstance(model, Module):
        return CompiledModule(model, strict=fullgraph)
    return Capture(model, strict=fullgraph)
