"""Functions that users attach to a module: around its forward and backward and around its state."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cygnet.autograd import Function, is_grad_enabled
from cygnet.autograd.hooks import RemovableHandle
from cygnet.autograd.modes import mode
from cygnet.tensor import Tensor

__all__ = ["NO_HOOKS", "Hook", "Hooked", "hooks_of"]


@dataclass(frozen=True, slots=True)
class Hook:
    """One attached function.

    Attributes
    ----------
    kind : str
        When it is called: 'forward_pre', 'forward', 'backward_pre', 'backward', 'state_dict_pre',
        'state_dict', 'load_pre' or 'load'.
    function : callable
    with_kwargs : bool
        Whether a forward hook also takes the keyword arguments of the call.
    always_call : bool
        Whether a forward hook is called although forward raised an error.
    """

    kind: str
    function: Callable[..., Any]
    with_kwargs: bool = False
    always_call: bool = False

    def __call__(self, *args: Any) -> Any:
        return self.function(*args)


_RUNNING = frozenset({"forward_pre", "forward", "backward_pre", "backward"})

NO_HOOKS: Mapping[int, Hook] = {}  # of the modules that never had one; nobody writes to it


def hooks_of(module: Hooked, kind: str) -> Iterator[Hook]:
    """The module's hooks of one kind in their order; a hook may remove itself meanwhile."""
    return (hook for hook in list(module._hooks.values()) if hook.kind == kind)


def _in_tuple(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


class Hooked:
    """What a module does with hooks."""

    _hooks: Mapping[int, Hook] = NO_HOOKS

    if TYPE_CHECKING:

        def forward(self, *args: Any, **kwargs: Any) -> Any: ...

    def _attach(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Attach `hook` behind those there are, or before them."""
        if not callable(hook.function):
            raise TypeError(
                f"{type(self).__name__}: argument hook expected a callable, got "
                f"{type(hook.function).__name__}"
            )
        if self._hooks is NO_HOOKS:
            self.__dict__["_hooks"] = {}
        hooks = self.__dict__["_hooks"]
        handle = RemovableHandle(hooks, hook)
        if prepend:
            *others, added = hooks.items()
            hooks.clear()
            hooks.update((added, *others))
        return handle

    def _call_with_hooks(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Forward between its hooks."""
        if mode.recorder is not None and any(
            hook.kind in _RUNNING for hook in self._hooks.values()
        ):
            mode.recorder.decline(
                f"{type(self).__name__}: the module has a hook, which a replay would not call"
            )
        pending = [hook for hook in hooks_of(self, "forward") if hook.always_call]
        try:
            for hook in hooks_of(self, "forward_pre"):
                args, kwargs = self._before(hook, args, kwargs)
            watch = _Watch.of(self)
            if watch is not None:
                args = watch.inputs(args)
            output = self.forward(*args, **kwargs)
            for hook in hooks_of(self, "forward"):
                if hook in pending:
                    pending.remove(hook)
                output = self._after(hook, args, kwargs, output)
            return output if watch is None else watch.outputs(output)
        except Exception:
            for hook in pending:
                self._after(hook, args, kwargs, None)
            raise

    def _before(self, hook: Hook, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The arguments of forward, or what the hook returns in their place."""
        if not hook.with_kwargs:
            changed = hook(self, args)
            return args if changed is None else _in_tuple(changed), kwargs
        changed = hook(self, args, kwargs)
        if changed is None:
            return args, kwargs
        if not (isinstance(changed, tuple) and len(changed) == 2):
            raise RuntimeError(
                f"{type(self).__name__}: a forward pre-hook with kwargs expected to return None or "
                f"(args, kwargs), got {type(changed).__name__}"
            )
        return changed

    def _after(self, hook: Hook, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> Any:
        """The output of forward, or what the hook returns in its place."""
        given = (self, args, kwargs, output) if hook.with_kwargs else (self, args, output)
        changed = hook(*given)
        return output if changed is None else changed

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, args)`` before forward.

        Parameters
        ----------
        hook : callable
            What it returns, if not None, takes the place of the arguments.
        prepend : bool
            Whether it comes before the hooks there are. Default False.
        with_kwargs : bool
            Whether it is ``hook(module, args, kwargs)`` and returns None or (args, kwargs).
            Default False.
        """
        return self._attach(Hook("forward_pre", hook, with_kwargs), prepend)

    def register_forward_hook(
        self,
        hook: Callable[..., Any],
        *,
        prepend: bool = False,
        with_kwargs: bool = False,
        always_call: bool = False,
    ) -> RemovableHandle:
        """Call ``hook(module, args, output)`` after forward.

        Parameters
        ----------
        hook : callable
            What it returns, if not None, takes the place of the output.
        prepend : bool
            Whether it comes before the hooks there are. Default False.
        with_kwargs : bool
            Whether it is ``hook(module, args, kwargs, output)``. Default False.
        always_call : bool
            Whether it is called, with None for the output, if forward raises an error. Default
            False.
        """
        return self._attach(Hook("forward", hook, with_kwargs, always_call), prepend)

    def register_full_backward_pre_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, grad_output)`` when the gradients of the output are known.

        Parameters
        ----------
        hook : callable
            It gets a tuple; what it returns, a tensor or a tuple, takes its place unless None.
        prepend : bool
            Whether it comes before the hooks there are. Default False.
        """
        return self._attach(Hook("backward_pre", hook), prepend)

    def register_full_backward_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, grad_input, grad_output)`` when the gradients of the input are known.

        Parameters
        ----------
        hook : callable
            It gets tuples, as long as the positional arguments and the outputs, with None where
            there is no gradient; what it returns, if not None, takes the place of `grad_input`.
        prepend : bool
            Whether it comes before the hooks there are. Default False.
        """
        return self._attach(Hook("backward", hook), prepend)

    def register_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(module, prefix, keep_vars)`` before `state_dict` collects this module."""
        return self._attach(Hook("state_dict_pre", hook))

    def register_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(module, state_dict, prefix, local_metadata)`` after `state_dict` collected
        this module; it may change `state_dict`. The metadata is an empty dict.
        """
        return self._attach(Hook("state_dict", hook))

    def register_load_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(module, state_dict, prefix, local_metadata, strict, missing_keys,
        unexpected_keys, error_msgs)`` before anything is loaded.

        It may change `state_dict`, which is a copy, and add to the three lists.
        """
        return self._attach(Hook("load_pre", hook))

    def register_load_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(module, result)`` after loading, with a `LoadResult`."""
        return self._attach(Hook("load", hook))


class _Watch:
    """The backward hooks of one call of a module: its inputs and outputs pass through identities
    whose gradients the hooks see.
    """

    @staticmethod
    def of(module: Hooked) -> _Watch | None:
        """None if there is no backward hook or nothing is recorded."""
        if is_grad_enabled():
            for hook in module._hooks.values():
                if hook.kind in ("backward", "backward_pre"):
                    return _Watch(module)
        return None

    def __init__(self, module: Hooked) -> None:
        self.module = module
        self.arguments = 0  # how many there are, and which of them have a gradient
        self.places: list[int] = []
        self.grad_output: tuple[Any, ...] = ()

    def inputs(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments of forward, watched."""
        self.arguments = len(args)
        self.places = [
            i for i, arg in enumerate(args) if isinstance(arg, Tensor) and arg.requires_grad
        ]
        watched = _Inputs.apply(self, *(args[i] for i in self.places)) if self.places else ()
        by_place = dict(zip(self.places, watched, strict=True))
        return tuple(by_place.get(i, arg) for i, arg in enumerate(args))

    def outputs(self, output: Any) -> Any:
        """The output of forward, a tensor or a tuple, watched."""
        given = _in_tuple(output)
        if not any(isinstance(each, Tensor) and each.requires_grad for each in given):
            return output
        watched = _Outputs.apply(self, *given)
        return watched if isinstance(output, tuple) else watched[0]

    def arrived(self, gradients: tuple[Any, ...]) -> tuple[Any, ...]:
        """The gradients of the outputs, changed by the hooks."""
        for hook in hooks_of(self.module, "backward_pre"):
            changed = hook(self.module, gradients)
            if changed is not None:
                gradients = _in_tuple(changed)
        self.grad_output = gradients
        if not self.places:
            self.left(())
        return gradients

    def left(self, found: tuple[Any, ...]) -> tuple[Any, ...]:
        """The gradients of the inputs that have one, changed by the hooks."""
        by_place = dict(zip(self.places, found, strict=True))
        gradients = tuple(by_place.get(i) for i in range(self.arguments))
        for hook in hooks_of(self.module, "backward"):
            changed = hook(self.module, gradients, self.grad_output)
            if changed is not None:
                gradients = _in_tuple(changed)
        return tuple(gradients[i] for i in self.places)


class _Outputs(Function):
    @staticmethod
    def forward(ctx: Any, watch: _Watch, *outputs: Any) -> Any:
        ctx.set_materialize_grads(False)
        ctx.watch = watch
        return outputs

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        return None, *ctx.watch.arrived(gradients)


class _Inputs(Function):
    @staticmethod
    def forward(ctx: Any, watch: _Watch, *inputs: Any) -> Any:
        ctx.set_materialize_grads(False)
        ctx.watch = watch
        return inputs

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        return None, *ctx.watch.left(gradients)
