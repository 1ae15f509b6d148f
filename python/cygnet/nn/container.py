"""Modules that hold modules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Self, overload

from cygnet.nn.module import Module

__all__ = ["ModuleDict", "ModuleList", "Sequential"]


class _Indexed(Module):
    """Children numbered from 0: what Sequential and ModuleList share."""

    def _replace_children(self, modules: Iterable[Module]) -> None:
        self._modules.clear()
        for index, module in enumerate(modules):
            self.add_module(str(index), module)

    def _name_at(self, index: int) -> str:
        size = len(self)
        if not -size <= index < size:
            raise IndexError(f"index {index} is out of range for {size} modules")
        return list(self._modules)[index]

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Module]:
        return iter(self._modules.values())  # type: ignore[arg-type]

    @overload
    def __getitem__(self, index: int) -> Module: ...
    @overload
    def __getitem__(self, index: slice) -> Self: ...
    def __getitem__(self, index: int | slice) -> Module | Self:
        if isinstance(index, slice):
            return self._of_items(list(self._modules.items())[index])
        return self._modules[self._name_at(index)]  # type: ignore[return-value]

    def _of_items(self, items: list[tuple[str, Module | None]]) -> Self:
        """A container of the same kind with these modules; each kind defines it."""
        raise NotImplementedError

    def __setitem__(self, index: int, module: Module) -> None:
        self.add_module(self._name_at(index), module, _replace=True)

    def __delitem__(self, index: int | slice) -> None:
        names = list(self._modules)
        doomed = names[index] if isinstance(index, slice) else [self._name_at(index)]
        self._renumber([item for item in self._modules.items() if item[0] not in doomed])

    def _renumber(self, items: list[tuple[str, Any]]) -> None:
        """Keep the names of a Sequential that were given, renumber those that count."""
        counted = all(name.isdigit() for name in self._modules)
        self._modules.clear()
        for index, (name, module) in enumerate(items):
            self._modules[str(index) if counted else name] = module

    def append(self, module: Module) -> Self:
        """Add `module` at the end."""
        self.add_module(str(len(self)), module)
        return self

    def extend(self, modules: Iterable[Module]) -> Self:
        """Add `modules` at the end."""
        for module in list(modules):
            self.append(module)
        return self

    def __iadd__(self, modules: Iterable[Module]) -> Self:
        return self.extend(modules)

    def insert(self, index: int, module: Module) -> Self:
        """Put `module` before position `index`."""
        modules: list[Module] = list(self)
        modules.insert(index, module)
        self._replace_children(modules)
        return self


def _instead(module: Module) -> bool:
    """Whether an instance has a forward in place of its class's."""
    return "forward" in module.__dict__


_NONE = Module()  # is no activation and fuses none


class Sequential(_Indexed):
    """Modules applied one after another.

    A linear layer, convolution or batch normalisation runs as one kernel with the activation that
    follows it; the ReLU before a maximum pooling is done after it, in the pooling's kernel.

    Parameters
    ----------
    *modules : Module
        In order; or a single mapping from names to modules.
    """

    def __init__(self, *modules: Module | Mapping[str, Module]) -> None:
        super().__init__()
        if len(modules) == 1 and isinstance(modules[0], Mapping):
            named: Iterable[tuple[str, Any]] = modules[0].items()
        else:
            named = ((str(index), module) for index, module in enumerate(modules))
        for name, module in named:
            self.add_module(name, module)

    def _of_items(self, items: list[tuple[str, Module | None]]) -> Self:
        return type(self)(dict(items))  # type: ignore[arg-type]

    def forward(self, input: Any) -> Any:
        """Apply the modules in order."""
        modules: list[Any] = [self.__dict__[name] for name in self._module_names]
        modules += (_NONE, _NONE)
        at, end = 0, len(modules) - 2
        while at < end:
            module, activation, after = modules[at], modules[at + 1], modules[at + 2]
            name = activation.fused_name
            if name not in module.fuses or _instead(module) or _instead(activation):
                input = module(input)
                at += 1
            elif name in after.fuses and after.commutes and not _instead(after):
                input = after.forward_activated(module(input), name)  # it has fewer results
                at += 3
            else:
                input = module.forward_activated(input, name)
                at += 2
        return input


class ModuleList(_Indexed):
    """A list of modules; it has no forward.

    Parameters
    ----------
    modules : iterable of Module, optional
    """

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__()
        self.extend(modules or ())

    def _of_items(self, items: list[tuple[str, Module | None]]) -> Self:
        return type(self)([module for _, module in items if module is not None])


class ModuleDict(Module):
    """A dictionary of modules; it has no forward.

    Parameters
    ----------
    modules : mapping of str to Module, optional
    """

    def __init__(self, modules: Mapping[str, Module] | None = None) -> None:
        super().__init__()
        self.update(modules or {})

    def __getitem__(self, name: str) -> Module:
        return self._modules[name]  # type: ignore[return-value]

    def __setitem__(self, name: str, module: Module) -> None:
        self.add_module(name, module)

    def __delitem__(self, name: str) -> None:
        del self._modules[name]

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __contains__(self, name: object) -> bool:
        return name in self._modules

    def keys(self) -> Iterable[str]:
        """The names."""
        return self._modules.keys()

    def values(self) -> Iterable[Module]:
        """The modules."""
        return self._modules.values()  # type: ignore[return-value]

    def items(self) -> Iterable[tuple[str, Module]]:
        """Names and modules."""
        return self._modules.items()  # type: ignore[return-value]

    def update(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]]) -> None:
        """Add or replace modules from a mapping or from pairs."""
        for name, module in modules.items() if isinstance(modules, Mapping) else modules:
            self[name] = module

    def pop(self, name: str) -> Module:
        """Remove and return the module `name`."""
        return self._modules.pop(name)  # type: ignore[return-value]

    def clear(self) -> None:
        """Remove all modules."""
        self._modules.clear()
