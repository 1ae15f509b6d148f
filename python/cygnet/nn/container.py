"""Modules that hold modules."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from typing import Any, Self, overload

import numpy as np

from cygnet.nn.module import Members, Module
from cygnet.nn.parameter import Parameter
from cygnet.tensor import Tensor

__all__ = ["ModuleDict", "ModuleList", "ParameterDict", "ParameterList", "Sequential"]


def _position(index: int, size: int, what: str = "modules") -> int:
    """`index`, negative ones counted from the end, as a position; IndexError if there is none."""
    at = operator.index(index)
    if not -size <= at < size:
        raise IndexError(f"index {at} is out of range for {size} {what}")
    return at % size


class _Indexed(Module):
    """Children numbered from 0: what Sequential and ModuleList share."""

    def _replace_children(self, modules: Iterable[Module]) -> None:
        self._modules.clear()
        for index, module in enumerate(modules):
            self.add_module(str(index), module)

    def _name_at(self, index: int) -> str:
        return list(self._modules)[_position(index, len(self))]

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

    def pop(self, key: int) -> Module:
        """Remove and return the module at position `key`."""
        module = self[key]
        del self[key]
        return module

    def append(self, module: Module) -> Self:
        """Add `module` at the end."""
        self.add_module(str(len(self)), module)
        return self

    def extend(self, modules: Iterable[Module]) -> Self:
        """Add `modules` at the end."""
        for module in list(modules):
            self.append(module)
        return self

    def __add__(self, other: Iterable[Module]) -> Self:
        """A new container with the modules of both, numbered from 0."""
        numbered: list[tuple[str, Module | None]] = [
            (str(index), module) for index, module in enumerate((*self, *other))
        ]
        return self._of_items(numbered)

    def __iadd__(self, modules: Iterable[Module]) -> Self:
        return self.extend(modules)

    def insert(self, index: int, module: Module) -> Self:
        """Put `module` before position `index`."""
        modules: list[Module] = list(self)
        modules.insert(index, module)
        self._replace_children(modules)
        return self


def _instead(module: Module) -> bool:
    """Whether an instance does other than its class's forward: it has one of its own, or hooks."""
    return bool(module._hooks) or "forward" in module.__dict__


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

    def _children_text(self) -> list[tuple[str, str]]:
        rows = []  # one for a run of modules with the same text
        for text, run in itertools.groupby(super()._children_text(), key=operator.itemgetter(1)):
            names = [name for name, _ in run]
            if len(names) > 1:
                text = f"{len(names)} x {text}"
            rows.append(("-".join(names[:1] + names[1:][-1:]), text))
        return rows


class _Named(Module):
    """Entries by name: what ModuleDict and ParameterDict share."""

    def _entries(self) -> MutableMapping[str, Any]:
        """The entries; each kind defines it."""
        raise NotImplementedError

    def __getitem__(self, key: str) -> Any:
        return self._entries()[key]

    def __setitem__(self, key: str, value: Any) -> None:
        raise NotImplementedError

    def __delitem__(self, key: str) -> None:
        del self._entries()[key]

    def __len__(self) -> int:
        return len(self._entries())

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries())

    def __contains__(self, key: object) -> bool:
        return key in self._entries()

    def keys(self) -> Iterable[str]:
        """The names."""
        return self._entries().keys()

    def values(self) -> Iterable[Any]:
        """What they name."""
        return self._entries().values()

    def items(self) -> Iterable[tuple[str, Any]]:
        """Pairs of both."""
        return self._entries().items()

    def update(self, entries: Mapping[str, Any] | _Named | Iterable[tuple[str, Any]]) -> None:
        """Add or replace entries from a mapping or from pairs."""
        pairs = entries.items() if isinstance(entries, Mapping | _Named) else entries
        for key, value in pairs:
            self[key] = value

    def pop(self, key: str) -> Any:
        """Remove and return the entry `key`."""
        return self._entries().pop(key)

    def clear(self) -> None:
        """Remove all entries."""
        self._entries().clear()


class ModuleDict(_Named):
    """A dictionary of modules; it has no forward.

    Parameters
    ----------
    modules : mapping of str to Module, or iterable of pairs, optional
    """

    def __init__(
        self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]] | None = None
    ) -> None:
        super().__init__()
        self.update(modules or {})

    def _entries(self) -> MutableMapping[str, Any]:
        return self._modules

    def __setitem__(self, key: str, module: Module) -> None:
        self.add_module(key, module)


def _as_parameter(value: Any) -> Any:
    """Tensors and arrays as parameters; anything else as it is."""
    if isinstance(value, Parameter) or not isinstance(value, Tensor | np.ndarray):
        return value
    return Parameter(value)


class _Computed(Members):
    """Attributes of a module, those too that a parametrization computes."""

    def __init__(self, module: Module, names: dict[str, None]) -> None:
        super().__init__(module.__dict__, names)
        self._module = module

    def __getitem__(self, name: str) -> Any:
        if name not in self._names:
            raise KeyError(name)
        return getattr(self._module, name)


class ParameterDict(_Named):
    """A dictionary whose tensors are parameters; other values are kept as they are.

    Parameters
    ----------
    parameters : mapping or iterable of pairs, optional
        Tensors that are no parameters become such.
    """

    def __init__(
        self, parameters: Mapping[str, Any] | Iterable[tuple[str, Any]] | None = None
    ) -> None:
        super().__init__()
        self._keys: dict[str, None] = {}
        self.update(parameters or {})

    def _entries(self) -> MutableMapping[str, Any]:
        return _Computed(self, self._keys)

    def __setitem__(self, key: str, value: Any) -> None:
        if key not in self._keys and hasattr(self, key):
            raise KeyError(f"ParameterDict: {key!r} is an attribute of it")
        self._keys[key] = None
        setattr(self, key, _as_parameter(value))

    def __delitem__(self, key: str) -> None:
        super().__delitem__(key)
        self._forget(key)

    def pop(self, key: str) -> Any:
        """Remove and return the entry `key`."""
        value = self[key]
        del self[key]
        return value

    def popitem(self) -> tuple[str, Any]:
        """Remove and return the last entry."""
        key = list(self._keys)[-1]
        return key, self.pop(key)

    def clear(self) -> None:
        """Remove all entries."""
        for key in list(self._keys):
            del self[key]

    def get(self, key: str, default: Any = None) -> Any:
        """The entry `key`, or `default` if there is none."""
        return self._entries().get(key, default)

    def setdefault(self, key: str, default: Any = None) -> Any:
        """The entry `key`, which is `default` if there was none."""
        if key not in self:
            self[key] = default
        return self[key]

    def copy(self) -> ParameterDict:
        """Another dictionary with the same entries."""
        return ParameterDict(dict(self.items()))

    def fromkeys(self, keys: Iterable[str], default: Any = None) -> ParameterDict:
        """Another dictionary with one value for all keys."""
        return ParameterDict(dict.fromkeys(keys, default))

    def __or__(self, other: ParameterDict) -> ParameterDict:
        return ParameterDict({**dict(self.items()), **dict(other.items())})

    def __ior__(self, other: ParameterDict) -> Self:
        self.update(other)
        return self

    def __reversed__(self) -> Iterator[str]:
        return reversed(list(self._keys))

    def extra_repr(self) -> str:
        return _listing(self.items())


class ParameterList(Module):
    """A list whose tensors are parameters; other values are kept as they are.

    Parameters
    ----------
    values : iterable, optional
        Tensors that are no parameters become such.
    """

    def __init__(self, values: Iterable[Any] | None = None) -> None:
        super().__init__()
        self._size = 0
        self.extend(values or ())

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Any]:
        return (self[index] for index in range(self._size))

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> Self: ...
    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return type(self)(list(self)[index])
        return getattr(self, str(_position(index, self._size, "parameters")))

    def __setitem__(self, index: int, value: Any) -> None:
        setattr(self, str(_position(index, self._size, "parameters")), _as_parameter(value))

    def append(self, value: Any) -> Self:
        """Add `value` at the end."""
        self._size += 1
        self[-1] = value
        return self

    def extend(self, values: Iterable[Any]) -> Self:
        """Add `values` at the end."""
        for value in list(values):
            self.append(value)
        return self

    def __iadd__(self, values: Iterable[Any]) -> Self:
        return self.extend(values)

    def extra_repr(self) -> str:
        return _listing((str(index), value) for index, value in enumerate(self))


def _listing(entries: Iterable[tuple[str, Any]]) -> str:
    """A line for each entry."""
    return "\n".join(
        f"({name}): {type(value).__name__} of {value.dtype}, shape {value.shape}"
        if isinstance(value, Tensor)
        else f"({name}): {value!r}"
        for name, value in entries
    )
