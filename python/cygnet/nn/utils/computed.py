"""Tensors of a module that are computed from others whenever they are asked for.

The module becomes one of a class of its own, derived from that it had, with a property for each
such tensor. So a call runs kernels alone, which a capture records.
"""

from __future__ import annotations

from typing import Any, TypeVar

from cygnet.kernels import modules_changed
from cygnet.nn.module import Module
from cygnet.nn.parameter import Parameter
from cygnet.tensor import Tensor

__all__ = ["Rule", "attach", "become", "class_before", "detach", "rule_of", "rules_of", "settle"]

_M = TypeVar("_M", bound=Module)
_R = TypeVar("_R", bound="Rule")

_RULES = "_computed"  # the attribute of a module that holds them, by the tensors' names


class Rule:
    """How a tensor is computed."""

    prefix = ""  # of the name of the module's class

    def compute(self, module: Module) -> Tensor:
        """The value of the tensor; each rule defines it."""
        raise NotImplementedError

    def remove(self, module: Module) -> None:
        """Make the tensor an ordinary one of the same value; each rule defines it."""
        raise NotImplementedError

    def assign(self, module: Module, value: Any) -> None:
        """What an assignment to the tensor does; an error unless a rule defines it."""
        raise TypeError(
            f"{type(module).__name__}: the tensor is computed by {type(self).__name__} and cannot "
            "be assigned"
        )


class _Computing(Module):
    """What the class of such a module has before its own."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self.__dict__[_RULES]:
            object.__setattr__(self, name, value)  # the property
        else:
            super().__setattr__(name, value)


def _property(name: str) -> Any:
    return property(
        lambda module: module.__dict__[_RULES][name].compute(module),
        lambda module, value: module.__dict__[_RULES][name].assign(module, value),
    )


def rules_of(module: Module) -> dict[str, Rule]:
    """The rules of a module by the names of the tensors."""
    rules: dict[str, Rule] = module.__dict__.get(_RULES, {})
    return rules


def rule_of(module: Module, name: str, kind: type[_R]) -> _R | None:
    """The rule of a tensor if it is of that kind."""
    rule = rules_of(module).get(name)
    return rule if isinstance(rule, kind) else None


def class_before(module: Module) -> type[Module]:
    """The class that a module has but for computed tensors."""
    kind = type(module)
    return kind.__bases__[1] if issubclass(kind, _Computing) else kind


def settle(module: Module) -> None:
    """Make all computed tensors of a module ordinary ones of the same value."""
    for rule in list(rules_of(module).values()):
        rule.remove(module)


def attach(module: Module, name: str, rule: Rule) -> None:
    """Compute a tensor, which is no parameter or buffer any more, by a rule."""
    _change(module, {**rules_of(module), name: rule})


def detach(module: Module, name: str, tensor: Tensor) -> None:
    """End that: the tensor is the parameter or buffer `tensor`."""
    _change(module, {key: rule for key, rule in rules_of(module).items() if key != name})
    if isinstance(tensor, Parameter):
        module.register_parameter(name, tensor)
    else:
        module.register_buffer(name, tensor)


def become(module: Module, kind: type[Module]) -> None:
    """Give a module another class, that it computes the same tensors in."""
    _change(module, rules_of(module), kind)


def _change(module: Module, rules: dict[str, Rule], kind: type[Module] | None = None) -> None:
    kind = class_before(module) if kind is None else kind
    module.__dict__.pop(_RULES, None)
    if rules:
        module.__dict__[_RULES] = rules
        # Copies of a module share its class, so that is never changed.
        prefix = max(rule.prefix for rule in rules.values())
        properties: dict[str, Any] = {name: _property(name) for name in rules}
        properties["__module__"] = kind.__module__
        kind = type(f"{prefix}{kind.__name__}", (_Computing, kind), properties)
    object.__setattr__(module, "__class__", kind)
    modules_changed()
