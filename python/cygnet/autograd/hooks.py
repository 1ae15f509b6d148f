"""Functions that are called with gradients or around modules, and the handles that remove them."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, Self

from cygnet import kernels

_keys = itertools.count()


class RemovableHandle:
    """Takes a hook out of the dictionary it was put into; also as a context manager.

    Parameters
    ----------
    hooks : dict
        Where the hook is stored.
    hook : callable
        Is added to `hooks`, after those that are there.
    """

    __slots__ = ("_hooks", "id")

    def __init__(self, hooks: dict[int, Any], hook: Callable[..., Any]) -> None:
        if not callable(hook):
            raise TypeError(f"register_hook: hook expected a function, got {type(hook).__name__}")
        self._hooks = hooks
        self.id = next(_keys)
        hooks[self.id] = hook
        kernels.modules_changed()

    def remove(self) -> None:
        """Removes the hook; again has no effect."""
        self._hooks.pop(self.id, None)
        kernels.modules_changed()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.remove()
