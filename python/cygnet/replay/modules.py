"""The modules that a recorded call has used, and whether they are as they were."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any

from cygnet.dtypes import get_default_dtype
from cygnet.recorder import Recorder
from cygnet.replay.outside import NOTHING, is_library, is_plain, is_same
from cygnet.tensor import Tensor

__all__ = ["Modules", "Verify"]


class Modules:
    """Those that were called and all in them, as they are when they are added.

    Attributes
    ----------
    members : list of Tensor
        Their parameters and buffers.
    """

    def __init__(self) -> None:
        self._found: dict[int, tuple[Any, dict[str, Any], list[Any]]] = {}
        self.members: list[Tensor] = []

    def add(self, recorder: Recorder) -> None:
        """Adds those that a recorder has noted."""
        for reference in recorder.modules.values():
            module = reference()
            if module is not None:
                self._add(module)

    def _add(self, module: Any) -> None:
        if id(module) not in self._found:
            self._found[id(module)] = module, vars(module).copy(), _listed(module._hooks)
            self.members += _members(module)
            for name in module._module_names:
                child = vars(module)[name]
                if child is not None:
                    self._add(child)

    def forwards(self) -> Iterator[Any]:
        """The methods of users that run when they are called."""
        for module, *_ in self._found.values():
            forward = module.forward
            if not is_library(getattr(forward, "__module__", "")):
                yield forward

    def changed(self) -> str:
        """The name of an attribute that is no longer what it was; empty if there is none."""
        for module, before, _ in self._found.values():
            if name := _changed(module, before):
                return f"{type(module).__name__}.{name}"
        return ""

    def are_same(self) -> bool:
        """Whether they have the attributes and hooks that they had."""
        return not self.changed() and all(
            _listed(module._hooks) == hooks for module, _, hooks in self._found.values()
        )


class Verify:
    """Whether modules, the hooks of leaves, what optimizers consist of and the default dtype are as
    they were; asked after one of them may have changed.
    """

    def __init__(
        self,
        modules: Modules,
        leaves: list[Tensor],
        states: list[tuple[Callable[[], Any], Any]],
    ) -> None:
        self._modules = modules
        self._hooks = [(leaf, _listed(leaf._hooks)) for leaf in leaves]
        self._states = states
        self._dtype = get_default_dtype()

    def __call__(self) -> bool:
        return (
            get_default_dtype() == self._dtype
            and self._modules.are_same()
            and all(_listed(leaf._hooks) == hooks for leaf, hooks in self._hooks)
            and all(function() == value for function, value in self._states)
        )


def _members(module: Any) -> Iterator[Tensor]:
    """A module's own parameters and buffers."""
    for name in (*module._parameter_names, *module._buffer_names):
        value = vars(module)[name]
        if value is not None:
            yield value


def _changed(module: Any, before: dict[str, Any]) -> str:
    """The name of an attribute that is not what it was: of parameters, buffers, modules, functions
    and plain values; empty if there is none.
    """
    now = vars(module)
    if all(map(operator.is_, now.values(), before.values())) and list(now) == list(before):
        return ""
    members = {*module._parameter_names, *module._buffer_names, *module._module_names}
    names: set[str] = before.keys() | now.keys()
    for name in sorted(names - {"_path"}):  # which is found out in the first call
        pair = before.get(name, NOTHING), now.get(name, NOTHING)
        counts = name in members or any(callable(each) or is_plain(each) for each in pair)
        if counts and not is_same(*pair):
            return name
    return ""


def _listed(hooks: Any) -> list[Any]:
    """The hooks themselves: those that are gone may leave their address to others."""
    return list((hooks or {}).values())
