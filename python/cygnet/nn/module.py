"""The base class of all modules: registration, traversal, state and the path of a module."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from cygnet.nn.parameter import Parameter
from cygnet.tensor import Tensor

__all__ = ["LoadResult", "Module"]


class LoadResult(NamedTuple):
    """What :meth:`Module.load_state_dict` found.

    Attributes
    ----------
    missing_keys : list of str
        Keys of the module that the state lacks.
    unexpected_keys : list of str
        Keys of the state that the module lacks.
    """

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "LoadResult(every key fits)"
        return (
            f"LoadResult(missing_keys={self.missing_keys}, unexpected_keys={self.unexpected_keys})"
        )


class _CallState(threading.local):
    """The outermost module of the call that runs in this thread."""

    root: Module | None = None


_call = _CallState()


class _Members(MutableMapping[str, Any]):
    """The parameters, buffers or children of a module: a view of some of its attributes."""

    def __init__(self, attributes: dict[str, Any], names: dict[str, None]) -> None:
        self._attributes = attributes
        self._names = names

    def __getitem__(self, name: str) -> Any:
        if name not in self._names:
            raise KeyError(name)
        return self._attributes[name]

    def __setitem__(self, name: str, value: Any) -> None:
        self._names[name] = None
        self._attributes[name] = value

    def __delitem__(self, name: str) -> None:
        del self._names[name], self._attributes[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __repr__(self) -> str:
        return repr(dict(self))


class Module:
    """Base class of networks and layers.

    Subclasses call ``super().__init__()`` first, assign :class:`Parameter` and ``Module`` objects
    as attributes, and define :meth:`forward`. Names, state keys and printed form are PyTorch's.
    """

    # What `Sequential` runs as one kernel: a layer whose `forward_activated(input, activation)` is
    # `forward` followed by one of the activations `fuses`, and the module `fused_name` names.
    # If it `commutes`, an activation before it is the same as that activation after it.
    fuses: frozenset[str] = frozenset()
    fused_name: str | None = None
    commutes: bool = False

    training: bool
    # Parameters, buffers and children are attributes like others; these names, in the order of
    # their registration, say which they are.
    _parameter_names: dict[str, None]
    _buffer_names: dict[str, None]
    _module_names: dict[str, None]
    _transient_buffers: set[str]
    _path: str | None

    def __init__(self) -> None:
        self.__dict__.update(
            training=True,
            _parameter_names={},
            _buffer_names={},
            _module_names={},
            _transient_buffers=set(),
            _path=None,
        )

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

    @property
    def _parameters(self) -> MutableMapping[str, Parameter | None]:
        return _Members(self.__dict__, self._names("parameter"))

    @property
    def _buffers(self) -> MutableMapping[str, Tensor | None]:
        return _Members(self.__dict__, self._names("buffer"))

    @property
    def _modules(self) -> MutableMapping[str, Module | None]:
        return _Members(self.__dict__, self._names("module"))

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "forward" in cls.__dict__:  # another forward is not what the parents fuse
            if "fuses" not in cls.__dict__:
                cls.fuses = frozenset()
            if "fused_name" not in cls.__dict__:
                cls.fused_name = None

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the output; every subclass defines it."""
        raise NotImplementedError(
            f"{type(self).__name__}: a module that is called must define forward"
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if _call.root is not None:
            return self.forward(*args, **kwargs)
        _call.root = self
        try:
            if self.__dict__.get("_path") is None:
                self._assign_paths()
            return self.forward(*args, **kwargs)
        finally:
            _call.root = None

    def _assign_paths(self) -> None:
        for name, module in self.named_modules():
            object.__setattr__(module, "_path", name)

    @property
    def path(self) -> str:
        """The dotted name of this module in the outermost module that was called first with it.

        Modules that draw random numbers key them by their path, so that adding another layer
        changes nothing for them. The root's path is the empty string.
        """
        if self._path is None:
            (_call.root or self)._assign_paths()
            if self._path is None:  # reached by a call, but not registered in the root
                object.__setattr__(self, "_path", "")
        path = self._path
        assert path is not None
        return path

    def _names(self, kind: str) -> dict[str, None]:
        try:
            return self.__dict__[f"_{kind}_names"]  # type: ignore[no-any-return]
        except KeyError:
            raise AttributeError(
                f"{type(self).__name__}: parameters and modules are assigned after "
                "super().__init__(), which was not called"
            ) from None

    def __setattr__(self, name: str, value: Any) -> None:
        attributes = self.__dict__
        if isinstance(value, Parameter):
            self.register_parameter(name, value, _replace=True)
        elif isinstance(value, Module):
            self.add_module(name, value, _replace=True)
        elif name in attributes.get("_buffer_names", ()):
            attributes[name] = _as_buffer(name, value)
        else:
            if value is not None:
                for names, what, expected in (
                    ("_parameter_names", "parameter", "Parameter"),
                    ("_module_names", "child", "Module"),
                ):
                    if name in attributes.get(names, ()):
                        raise TypeError(
                            f"{type(self).__name__}: {what} {name!r} expected a {expected} or "
                            f"None, got {type(value).__name__}"
                        )
            object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        object.__delattr__(self, name)
        self._forget(name)

    def __dir__(self) -> list[str]:
        return sorted(name for name in object.__dir__(self) if not name[0].isdigit())

    def _forget(self, name: str) -> None:
        """Name an attribute neither parameter nor buffer nor child."""
        for kind in ("parameter", "buffer", "module"):
            self._names(kind).pop(name, None)
        self._transient_buffers.discard(name)

    def _register(self, kind: str, name: str, value: Any, replace: bool) -> None:
        names = self._names(kind)
        if not isinstance(name, str):
            raise TypeError(f"register: {kind} name expected a str, got {type(name).__name__}")
        if not name or "." in name:
            raise KeyError(f"register: {kind} name {name!r} is empty or has a dot")
        if name not in names:
            if not replace and hasattr(self, name):
                raise KeyError(f"register: {type(self).__name__} has an attribute {name!r} already")
            self._forget(name)
            names[name] = None
        self.__dict__[name] = value

    def register_parameter(
        self, name: str, parameter: Parameter | None, *, _replace: bool = False
    ) -> None:
        """Register `parameter` (or None: a parameter that is absent) under `name`."""
        if parameter is not None and not isinstance(parameter, Parameter):
            raise TypeError(
                f"register_parameter: {name!r} expected a Parameter or None, got "
                f"{type(parameter).__name__}"
            )
        self._register("parameter", name, parameter, _replace)

    def register_buffer(self, name: str, value: Any, persistent: bool = True) -> None:
        """Register a tensor that is state but no parameter.

        Parameters
        ----------
        name : str
            Attribute and state key.
        value : Tensor, numpy.ndarray or None
            The initial value; an array's memory is used as it is.
        persistent : bool, default True
            Whether :meth:`state_dict` holds it.
        """
        self._register("buffer", name, _as_buffer(name, value), False)
        if persistent:
            self._transient_buffers.discard(name)
        else:
            self._transient_buffers.add(name)

    def add_module(self, name: str, module: Module | None, *, _replace: bool = False) -> None:
        """Register `module` as child `name`."""
        if module is not None and not isinstance(module, Module):
            raise TypeError(
                f"add_module: {name!r} expected a Module or None, got {type(module).__name__}"
            )
        self._register("module", name, module, _replace)
        for changed in (self, *(module.modules() if module is not None else ())):
            object.__setattr__(changed, "_path", None)

    register_module = add_module

    def get_submodule(self, target: str) -> Module:
        """The module at the dotted path `target`; the empty path is this module."""
        module: Module = self
        for name in target.split(".") if target else ():
            child = module._modules.get(name)
            if child is None:
                raise AttributeError(
                    f"get_submodule: {type(module).__name__} has no child {name!r}"
                )
            module = child
        return module

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """Every module of the tree once, with its dotted path; this module first."""
        seen: set[int] = set()
        stack: list[tuple[str, Module]] = [(prefix, self)]
        while stack:
            path, module = stack.pop()
            if id(module) in seen:
                continue
            seen.add(id(module))
            yield path, module
            dotted = path + "." if path else ""
            for name in reversed(module._module_names):
                child = module.__dict__[name]
                if child is not None:
                    stack.append((dotted + name, child))

    def modules(self) -> Iterator[Module]:
        """Every module of the tree once; this module first."""
        for _, module in self.named_modules():
            yield module

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The direct children, each once, with their names."""
        seen: set[int] = set()
        for name, child in self._modules.items():
            if child is not None and id(child) not in seen:
                seen.add(id(child))
                yield name, child

    def children(self) -> Iterator[Module]:
        """The direct children, each once."""
        for _, child in self.named_children():
            yield child

    def _named_members(self, kind: str, prefix: str, recurse: bool) -> Iterator[tuple[str, Any]]:
        seen: set[int] = set()
        for path, module in self.named_modules(prefix) if recurse else [(prefix, self)]:
            for name in module._names(kind):
                member = module.__dict__[name]
                if member is not None and id(member) not in seen:
                    seen.add(id(member))
                    yield f"{path}.{name}" if path else name, member

    def named_parameters(
        self, prefix: str = "", recurse: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """Every parameter once, with its dotted name."""
        return self._named_members("parameter", prefix, recurse)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """Every parameter once."""
        for _, parameter in self.named_parameters(recurse=recurse):
            yield parameter

    def named_buffers(self, prefix: str = "", recurse: bool = True) -> Iterator[tuple[str, Tensor]]:
        """Every buffer once, with its dotted name."""
        return self._named_members("buffer", prefix, recurse)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """Every buffer once."""
        for _, buffer in self.named_buffers(recurse=recurse):
            yield buffer

    def _named_state(self, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
        """Parameters and persistent buffers under every name they have, in PyTorch's order."""
        for registry in (self._parameters, self._buffers):
            for name, tensor in registry.items():
                if tensor is not None and name not in self._transient_buffers:
                    yield prefix + name, tensor
        for name, child in self._modules.items():
            if child is not None:
                yield from child._named_state(f"{prefix}{name}.")

    def state_dict(self, prefix: str = "") -> dict[str, Tensor]:
        """Parameters and persistent buffers by dotted name.

        Returns
        -------
        dict of str to Tensor
            Detached tensors that share the module's memory.
        """
        return {name: tensor.detach() for name, tensor in self._named_state(prefix)}

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True) -> LoadResult:
        """Copy `state_dict` into the parameters and buffers, which keep their memory.

        Nothing is written unless everything fits.

        Parameters
        ----------
        state_dict : mapping of str to Tensor or numpy.ndarray
            Values are converted to the dtype of what they fill.
        strict : bool, default True
            Whether missing or unexpected keys are an error.

        Returns
        -------
        LoadResult
            Missing and unexpected keys.

        Raises
        ------
        RuntimeError
            Lists missing and unexpected keys (if `strict`) and every value of another shape.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(
                f"load_state_dict: state_dict expected a mapping, got {type(state_dict).__name__}"
            )
        own = dict(self._named_state())
        missing = [name for name in own if name not in state_dict]
        unexpected = [name for name in state_dict if name not in own]
        problems = []
        if strict and unexpected:
            problems.append("unexpected keys: " + ", ".join(unexpected))
        if strict and missing:
            problems.append("missing keys: " + ", ".join(missing))
        values = {}
        for name, tensor in own.items():
            if name not in state_dict:
                continue
            value = _array_of(state_dict[name])
            if value.dtype.kind not in "fiub":
                problems.append(f"{name} has dtype {value.dtype}, expected numbers")
            elif value.shape == tensor.shape:
                values[name] = value
            else:
                problems.append(f"{name} has shape {value.shape}, expected {tensor.shape}")
        if problems:
            raise RuntimeError(
                f"load_state_dict: the state does not fit {type(self).__name__}:\n  "
                + "\n  ".join(problems)
            )
        for name, value in values.items():
            np.copyto(own[name]._array, value, casting="unsafe")
        return LoadResult(missing, unexpected)

    def train(self, mode: bool = True) -> Self:
        """Set training mode (True) or evaluation mode (False) in the whole tree."""
        if not isinstance(mode, bool):
            raise ValueError(f"train: mode expected a bool, got {mode!r}")
        for module in self.modules():
            object.__setattr__(module, "training", mode)
        return self

    def eval(self) -> Self:
        """Set evaluation mode in the whole tree."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Set whether ``backward`` computes gradients of the parameters."""
        for parameter in self.parameters():
            parameter.requires_grad = requires_grad
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop the gradients of all parameters, or fill them with zeros."""
        for parameter in self.parameters():
            if set_to_none:
                parameter.grad = None
            elif parameter.grad is not None:
                parameter.grad._array.fill(0)

    def apply(self, function: Callable[[Module], Any]) -> Self:
        """Call `function` on every module of the tree, children first."""
        for child in self.children():
            child.apply(function)
        function(self)
        return self

    def _convert(self, dtype: type[np.floating[Any]]) -> Self:
        for module in self.modules():
            for registry in (module._parameters, module._buffers):
                for tensor in registry.values():
                    if tensor is not None and np.issubdtype(tensor.dtype, np.floating):
                        tensor._array = tensor._array.astype(dtype, copy=False)
                        if tensor.grad is not None:
                            tensor.grad._array = tensor.grad._array.astype(dtype, copy=False)
        return self

    def float(self) -> Self:
        """Convert floating-point parameters and buffers to float32."""
        return self._convert(np.float32)

    def double(self) -> Self:
        """Convert floating-point parameters and buffers to float64."""
        return self._convert(np.float64)

    def extra_repr(self) -> str:
        """The arguments that ``repr`` shows; subclasses define it."""
        return ""

    def __repr__(self) -> str:
        extra = self.extra_repr()
        lines = extra.split("\n") if extra else []
        children = [
            f"({name}): " + repr(child).replace("\n", "\n  ")
            for name, child in self._modules.items()
        ]
        title = type(self).__name__
        if not children and len(lines) <= 1:
            return f"{title}({extra})"
        return f"{title}(\n  " + "\n  ".join(lines + children) + "\n)"


def _array_of(value: Any) -> np.ndarray[Any, Any]:
    return value._array if isinstance(value, Tensor) else np.asarray(value)


def _as_buffer(name: str, value: Any) -> Tensor | None:
    if value is None or isinstance(value, Tensor):
        return value
    if isinstance(value, np.ndarray):
        return Tensor(value)
    raise TypeError(
        f"buffer {name!r} expected a Tensor, numpy.ndarray or None, got {type(value).__name__}"
    )
