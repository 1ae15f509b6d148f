"""The base class of all modules: registration, traversal, state and the path of a module."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from cygnet import kernels
from cygnet.autograd.modes import mode as thread
from cygnet.errors import name_constructor
from cygnet.nn import state
from cygnet.nn.convert import Convertible
from cygnet.nn.hooks import NO_HOOKS, Hooked, hooks_of
from cygnet.nn.parameter import Buffer, Parameter
from cygnet.ops.create import as_tensor
from cygnet.tensor import Tensor

__all__ = ["Module"]


class _CallState(threading.local):
    """The outermost module of the call that runs in this thread."""

    root: Module | None = None


_call = _CallState()


class Members(MutableMapping[str, Any]):
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
        kernels.modules_changed()

    def __delitem__(self, name: str) -> None:
        del self._names[name], self._attributes[name]
        kernels.modules_changed()

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __repr__(self) -> str:
        return repr(dict(self))


class Module(Convertible, Hooked):
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
    _path: str | None = None

    def __init__(self) -> None:
        self.__dict__.update(
            training=True,
            _parameter_names={},
            _buffer_names={},
            _module_names={},
            _transient_buffers=set(),
            _path=None,
            _hooks=NO_HOOKS,
        )

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

    @property
    def _parameters(self) -> MutableMapping[str, Parameter | None]:
        return Members(self.__dict__, self._names("parameter"))

    @property
    def _buffers(self) -> MutableMapping[str, Tensor | None]:
        return Members(self.__dict__, self._names("buffer"))

    @property
    def _modules(self) -> MutableMapping[str, Module | None]:
        return Members(self.__dict__, self._names("module"))

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        name_constructor(cls)
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
        if thread.recorder is not None:
            thread.recorder.module(self)
        if _call.root is not None:
            if self._hooks:
                return self._call_with_hooks(args, kwargs)
            return self.forward(*args, **kwargs)
        _call.root = self
        try:
            if self._path is None:
                self._assign_paths()
            if self._hooks:
                return self._call_with_hooks(args, kwargs)
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
        elif isinstance(value, Buffer):
            self.register_buffer(name, value, value.persistent, _replace=True)
        elif name in attributes.get("_buffer_names", ()):
            attributes[name] = _as_buffer(name, value)
            kernels.modules_changed()
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
            if value is not attributes.get(name):
                kernels.modules_changed()
            object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        object.__delattr__(self, name)
        self._forget(name)

    def __dir__(self) -> list[str]:
        return sorted(name for name in object.__dir__(self) if not name[0].isdigit())

    def _forget(self, name: str) -> None:
        """Name an attribute neither parameter nor buffer nor child."""
        kernels.modules_changed()
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
        kernels.modules_changed()

    def register_parameter(
        self, name: str, param: Parameter | None, *, _replace: bool = False
    ) -> None:
        """Register `param` (or None: a parameter that is absent) under `name`."""
        if param is not None and not isinstance(param, Parameter):
            raise TypeError(
                f"register_parameter: {name!r} expected a Parameter or None, got "
                f"{type(param).__name__}"
            )
        self._register("parameter", name, param, _replace)

    def register_buffer(
        self, name: str, tensor: Any, persistent: bool = True, *, _replace: bool = False
    ) -> None:
        """Register a tensor that is state but no parameter.

        Parameters
        ----------
        name : str
            Attribute and state key.
        tensor : Tensor, numpy.ndarray or None
            The initial value; an array's memory is used as it is.
        persistent : bool, default True
            Whether :meth:`state_dict` holds it.
        """
        self._register("buffer", name, _as_buffer(name, tensor), _replace)
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

    def set_submodule(self, target: str, module: Module, strict: bool = False) -> None:
        """Put `module` at the dotted path `target`; with `strict`, only in another's place."""
        path, _, name = target.rpartition(".")
        parent = self.get_submodule(path)
        if strict and name not in parent._modules:
            raise AttributeError(f"set_submodule: {type(parent).__name__} has no child {name!r}")
        parent.add_module(name, module, _replace=True)

    def _get_member(self, kind: str, target: str) -> Any:
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        member = module.__dict__[name] if name in module._names(kind) else None
        if member is None:
            raise AttributeError(f"get_{kind}: {type(module).__name__} has no {kind} {name!r}")
        return member

    def get_parameter(self, target: str) -> Parameter:
        """The parameter at the dotted path `target`."""
        parameter: Parameter = self._get_member("parameter", target)
        return parameter

    def get_buffer(self, target: str) -> Tensor:
        """The buffer at the dotted path `target`."""
        buffer: Tensor = self._get_member("buffer", target)
        return buffer

    def named_modules(
        self, memo: set[Module] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """Every module of the tree with its dotted path, this module first.

        Parameters
        ----------
        memo : set of Module, optional
            Modules to leave out; those that are yielded are added.
        prefix : str
            The path of this module. Default empty.
        remove_duplicate : bool, default True
            Whether a module that is shared counts once, else under each of its paths.
        """
        seen = set() if memo is None else memo
        stack: list[tuple[str, Module]] = [(prefix, self)]
        while stack:
            path, module = stack.pop()
            if module in seen:
                continue
            if remove_duplicate:
                seen.add(module)
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

    def _named_members(
        self, kind: str, prefix: str, recurse: bool, remove_duplicate: bool
    ) -> Iterator[tuple[str, Any]]:
        seen: set[int] = set()
        modules = (
            self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate)
            if recurse
            else [(prefix, self)]
        )
        for path, module in modules:
            for name in module._names(kind):
                member = module.__dict__[name]
                if member is not None and id(member) not in seen:
                    if remove_duplicate:
                        seen.add(id(member))
                    yield f"{path}.{name}" if path else name, member

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """Every parameter with its dotted name; once, or under each of its names."""
        return self._named_members("parameter", prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """Every parameter once."""
        for _, parameter in self.named_parameters(recurse=recurse):
            yield parameter

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """Every buffer with its dotted name; once, or under each of its names."""
        return self._named_members("buffer", prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """Every buffer once."""
        for _, buffer in self.named_buffers(recurse=recurse):
            yield buffer

    def state_dict(
        self,
        *args: Any,
        destination: dict[str, Any] | None = None,
        prefix: str = "",
        keep_vars: bool = False,
    ) -> dict[str, Any]:
        """Parameters, persistent buffers and extra state by dotted name.

        Parameters
        ----------
        *args
            `destination`, `prefix` and `keep_vars` by position, in this order.
        destination : dict, optional
            What the entries are added to. Default: a new one.
        prefix : str
            Put before every name. Default empty.
        keep_vars : bool
            Whether the entries are the parameters and buffers themselves. Default False.

        Returns
        -------
        dict of str to Tensor
            `destination`: detached tensors that share the module's memory.
        """
        given: list[Any] = [destination, prefix, keep_vars]
        given[: len(args)] = args
        destination, prefix, keep_vars = given
        result: dict[str, Any] = {} if destination is None else destination
        for hook in hooks_of(self, "state_dict_pre"):
            hook(self, prefix, keep_vars)
        for name, tensor in state.own_state(self):
            result[prefix + name] = tensor if keep_vars else tensor.detach()
        if self._has_extra_state():
            result[prefix + state.EXTRA] = self.get_extra_state()
        for name, child in self._modules.items():
            if child is not None:
                child.state_dict(destination=result, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        for hook in hooks_of(self, "state_dict"):
            hook(self, result, prefix, {})
        return result

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> state.LoadResult:
        """Copy `state_dict` into the parameters and buffers, which keep their memory.

        Nothing is written unless everything fits.

        Parameters
        ----------
        state_dict : mapping of str to Tensor or numpy.ndarray
            Values are converted to the dtype of what they fill.
        strict : bool, default True
            Whether missing or unexpected keys are an error.
        assign : bool, default False
            Whether the values, with their memory and dtype, take the place of the parameters and
            buffers instead.

        Returns
        -------
        LoadResult
            Missing and unexpected keys.

        Raises
        ------
        RuntimeError
            Lists missing and unexpected keys (if `strict`) and every value of another shape.
        """
        return state.load(self, state.checked_mapping(state_dict), strict, assign)

    def _has_extra_state(self) -> bool:
        return type(self).get_extra_state is not Module.get_extra_state

    def get_extra_state(self) -> Any:
        """What `state_dict` holds beside the tensors; a subclass that has some defines it."""
        raise NotImplementedError(f"{type(self).__name__}: get_extra_state is not defined")

    def set_extra_state(self, state: Any) -> None:
        """Take back what `get_extra_state` gave; a subclass that has some defines it."""
        raise NotImplementedError(f"{type(self).__name__}: set_extra_state is not defined")

    def train(self, mode: bool = True) -> Self:
        """Set training mode (True) or evaluation mode (False) in the whole tree."""
        if not isinstance(mode, bool):
            raise ValueError(f"train: mode expected a bool, got {mode!r}")
        for module in self.modules():
            if module.training is not mode:
                object.__setattr__(module, "training", mode)
                kernels.modules_changed()
        return self

    def eval(self) -> Self:
        """Set evaluation mode in the whole tree."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Set whether ``backward`` computes gradients of the parameters."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop the gradients of all parameters, or fill them with zeros."""
        for parameter in self.parameters():
            if set_to_none:
                parameter.grad = None
            elif parameter.grad is not None:
                parameter.grad.detach_().zero_()

    def apply(self, fn: Callable[[Module], Any]) -> Self:
        """Call `fn` on every module of the tree, children first."""
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    def __copy__(self) -> Self:
        twin = object.__new__(type(self))
        for name, value in self.__dict__.items():  # registries of its own
            twin.__dict__[name] = value.copy() if isinstance(value, dict | set) else value
        return twin

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        twin = object.__new__(type(self))
        memo[id(self)] = twin
        twin.__dict__.update(copy.deepcopy(self.__dict__, memo))
        return twin

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise TypeError(
            f"{type(self).__name__}: a module cannot be pickled; save its state_dict() and load it "
            "into a new module with load_state_dict()"
        )

    def _get_name(self) -> str:
        return type(self).__name__

    def extra_repr(self) -> str:
        """The arguments that ``repr`` shows; subclasses define it."""
        return ""

    def _children_text(self) -> list[tuple[str, str]]:
        return [(name, repr(child)) for name, child in self._modules.items()]

    def __repr__(self) -> str:
        extra = self.extra_repr()
        lines = extra.split("\n") if extra else []
        children = [
            f"({name}): " + text.replace("\n", "\n  ") for name, text in self._children_text()
        ]
        title = type(self).__name__
        if not children and len(lines) <= 1:
            return f"{title}({extra})"
        return f"{title}(\n  " + "\n  ".join(lines + children) + "\n)"


def _as_buffer(name: str, value: Any) -> Tensor | None:
    if value is None or isinstance(value, Tensor):
        return value
    if isinstance(value, np.ndarray):
        return as_tensor(value)
    raise TypeError(
        f"buffer {name!r} expected a Tensor, numpy.ndarray or None, got {type(value).__name__}"
    )
