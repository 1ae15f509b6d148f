"""Functions that users attach to a module: around its forward and backward and around its state."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, Self

__all__ = ["NO_HOOKS", "Hook", "Hooked", "RemovableHandle", "hooks_of"]


class Hook(NamedTuple):
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


NO_HOOKS: Mapping[int, Hook] = {}  # of the modules that never had one; nobody writes to it


class RemovableHandle:
    """Takes a hook off again: by :meth:`remove`, or at the end of a ``with`` block."""

    def __init__(self, hooks: dict[int, Hook], key: int) -> None:
        self._hooks = hooks
        self._key = key

    def remove(self) -> None:
        """Take the hook off; once is enough, again does nothing."""
        self._hooks.pop(self._key, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.remove()


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
        key = max(hooks, default=0) + 1
        others = list(hooks.items()) if prepend else []
        if prepend:
            hooks.clear()
        hooks[key] = hook
        hooks.update(others)
        return RemovableHandle(hooks, key)

    def _call_with_hooks(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Forward between its hooks."""
        pending = [hook for hook in hooks_of(self, "forward") if hook.always_call]
        try:
            for hook in hooks_of(self, "forward_pre"):
                args, kwargs = self._before(hook, args, kwargs)
            output = self.forward(*args, **kwargs)
            for hook in hooks_of(self, "forward"):
                if hook in pending:
                    pending.remove(hook)
                output = self._after(hook, args, kwargs, output)
            return output
        except Exception:
            for hook in pending:
                self._after(hook, args, kwargs, None)
            raise

    def _before(self, hook: Hook, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The arguments of forward, or what the hook returns in their place."""
        if not hook.with_kwargs:
            changed = hook.function(self, args)
            return args if changed is None else _in_tuple(changed), kwargs
        changed = hook.function(self, args, kwargs)
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
        changed = hook.function(*given)
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
