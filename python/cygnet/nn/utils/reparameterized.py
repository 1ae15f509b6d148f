"""A parameter that is computed from others before every call of its module."""

from __future__ import annotations

from typing import Any, TypeVar

from cygnet.nn.module import Module
from cygnet.nn.parameter import Parameter
from cygnet.tensor import Tensor

__all__ = ["Reparameterized", "attach", "detach"]

_M = TypeVar("_M", bound=Module)


class Reparameterized:
    """The hook before forward that sets the parameter `name` of a module.

    Parameters
    ----------
    name : str
        The parameter's name.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def begin(self, module: Module, weight: Parameter) -> None:
        """Register in `module` what `weight` is computed from; each kind defines it."""
        raise NotImplementedError

    def compute(self, module: Module) -> Tensor:
        """The value of the parameter; each kind defines it."""
        raise NotImplementedError

    def end(self, module: Module) -> None:
        """Remove what `begin` registered; each kind defines it."""
        raise NotImplementedError

    def __call__(self, module: Module, args: tuple[Any, ...]) -> None:
        setattr(module, self.name, self.compute(module))


def attach(op: str, module: _M, hook: Reparameterized) -> _M:
    """Let `hook` compute the parameter; returns the module."""
    weight = module._parameters.get(hook.name)
    if weight is None:
        raise ValueError(f"{op}: {type(module).__name__} has no parameter {hook.name!r}")
    del module._parameters[hook.name]
    hook.begin(module, weight)
    hook(module, ())
    module.register_forward_pre_hook(hook)
    return module


def detach(op: str, module: _M, kind: type[Reparameterized], name: str) -> _M:
    """Make the value that a hook of this kind computes the parameter again; returns the module."""
    for key, hook in module._hooks.items():
        found = hook.function
        if isinstance(found, kind) and found.name == name:
            weight = found.compute(module).detach()
            module._hooks.pop(key)  # type: ignore[attr-defined]
            delattr(module, name)
            found.end(module)
            module.register_parameter(name, Parameter(weight))
            return module
    raise ValueError(f"{op}: {type(module).__name__} has no {kind.__name__} of {name!r}")
