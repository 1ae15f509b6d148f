"""What all optimizers share: parameter groups, state and its dictionary, hooks."""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any, ClassVar, TypeAlias

import numpy as np

from cygnet import kernels
from cygnet.autograd.hooks import RemovableHandle
from cygnet.autograd.modes import mode
from cygnet.errors import name_constructor
from cygnet.recorder import Recorder
from cygnet.tensor import FLOATS, Tensor

__all__ = ["Optimizer", "ParamGroup"]

ParamGroup: TypeAlias = dict[str, Any]
PreHook: TypeAlias = Callable[..., tuple[tuple[Any, ...], dict[str, Any]] | None]


class Optimizer:
    """Base of the optimizers; a subclass defines `step`.

    Parameters
    ----------
    params : iterable of Tensor, of (str, Tensor) or of dict
        The parameters, perhaps with names, or groups of them: dicts with the key 'params' and the
        arguments that differ from `defaults`.
    defaults : dict
        The arguments of groups that do not give their own.

    Attributes
    ----------
    param_groups : list of dict
        Every group's 'params' and arguments; a changed value counts from the next step on.
    state : dict
        For each parameter that has taken a step, its state tensors by PyTorch's names.

    Raises
    ------
    TypeError, ValueError
        If a parameter is no tensor or no leaf, appears twice, or there is none.
    """

    _numbers: ClassVar[frozenset[str]] = frozenset({"step"})
    """States that are one float32 number a parameter; others are arrays of its type."""

    def __init__(self, params: Any, defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        self.param_groups: list[ParamGroup] = []
        self.state: defaultdict[Tensor, dict[str, Any]] = defaultdict(dict)
        self._pre_hooks: dict[int, Callable[..., Any]] = {}
        self._post_hooks: dict[int, Callable[..., Any]] = {}
        self._stepping = False
        self._has_stepped = False  # schedules warn where it is still false
        if isinstance(params, Tensor | dict) or not isinstance(params, Iterable):
            raise TypeError(
                f"{type(self).__name__}: params expected an iterable of Tensors or dicts, got "
                f"{type(params).__name__}"
            )
        groups = list(params)
        if not groups:
            raise ValueError(f"{type(self).__name__}: params is empty")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        name_constructor(cls)
        if "step" in cls.__dict__:
            cls._is_kernel = cls.__dict__.get("_is_kernel", False)
            setattr(cls, "step", _with_hooks(cls.__dict__["step"]))  # noqa: B010 (mypy)

    def add_param_group(self, param_group: ParamGroup) -> None:
        """Adds a group: a dict with 'params' and the arguments that differ from the defaults."""
        if not isinstance(param_group, dict):
            raise TypeError(f"add_param_group: expected a dict, got {type(param_group).__name__}")
        if "params" not in param_group:
            raise ValueError("add_param_group: expected a dict with the key 'params'")
        params = param_group["params"]
        if isinstance(params, set):
            raise TypeError(
                "add_param_group: params expected a list, got a set, which has no order"
            )
        params = [params] if isinstance(params, Tensor) else list(params)
        group = {**self.defaults, **param_group, "params": params}
        if params and all(isinstance(each, tuple) and len(each) == 2 for each in params):
            group["param_names"] = [name for name, _ in params]
            params = group["params"] = [param for _, param in params]
        known = {id(param) for group in self.param_groups for param in group["params"]}
        seen: set[int] = set()
        for i, param in enumerate(params):
            name = f"add_param_group: params[{i}]"
            if not isinstance(param, Tensor):
                raise TypeError(f"{name} expected a Tensor, got {type(param).__name__}")
            if not param.is_leaf:
                raise ValueError(f"{name} is the result of an op, expected a leaf of the graph")
            if id(param) in known:
                raise ValueError(f"{name} is in another group already")
            if id(param) in seen:
                raise ValueError(f"{name} is given twice")
            seen.add(id(param))
        self._validate(group)
        self.param_groups.append(group)
        kernels.modules_changed()

    def _validate(self, group: ParamGroup) -> None:
        """Raises ValueError for arguments outside their range."""

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forgets the gradients: sets them to None, or with ``set_to_none=False`` to zeros."""
        for group in self.param_groups:
            for param in group["params"]:
                if set_to_none:
                    param.grad = None
                elif param.grad is not None:
                    param.grad.detach_().zero_()

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Updates all parameters that have a gradient, in place.

        Parameters
        ----------
        closure : callable, optional
            Called first, with gradients on; it evaluates the model and returns the loss.

        Returns
        -------
        object
            What `closure` returned, else None.
        """
        raise NotImplementedError(f"{type(self).__name__} must define step")

    _is_kernel = False  # whether kernel calls are all that a step does

    def _check_recordable(self, recorder: Recorder) -> None:
        kind = type(self).__name__
        if not self._is_kernel:
            recorder.refuse(f"{kind}: its step runs Python, which a replay would not do")
        elif self._pre_hooks or self._post_hooks:
            recorder.decline(f"{kind}: its step has a hook, which a replay would not call")

    def register_step_pre_hook(self, hook: PreHook) -> RemovableHandle:
        """Calls ``hook(optimizer, args, kwargs)`` before each step; what it returns, unless None,
        replaces the step's arguments. The returned handle's `remove` ends it.
        """
        return RemovableHandle(self._pre_hooks, hook)

    def register_step_post_hook(self, hook: Callable[..., None]) -> RemovableHandle:
        """Calls ``hook(optimizer, args, kwargs)`` after each step; the returned handle's `remove`
        ends it.
        """
        return RemovableHandle(self._post_hooks, hook)

    def state_dict(self) -> dict[str, Any]:
        """State and groups in PyTorch's form, parameters replaced by their numbers.

        Returns
        -------
        dict
            'state': for each parameter's number its state tensors (not copies); 'param_groups':
            the groups, with 'params' a list of numbers.
        """
        numbers: dict[int, int] = {}
        groups = []
        for group in self.param_groups:
            for param in group["params"]:
                numbers[id(param)] = len(numbers)
            rest = {name: value for name, value in group.items() if name != "params"}
            groups.append({**rest, "params": [numbers[id(param)] for param in group["params"]]})
        state = {numbers[id(param)]: dict(entry) for param, entry in self.state.items()}
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes over what `state_dict`, here or in PyTorch, returned; values are copied.

        State that exists is overwritten in place, so recordings stay valid.

        Raises
        ------
        ValueError
            If the number of groups, of parameters in a group, or a shape differs.
        """
        groups = state_dict["param_groups"]
        if len(groups) != len(self.param_groups):
            raise ValueError(
                f"load_state_dict: state_dict has {len(groups)} parameter groups, expected "
                f"{len(self.param_groups)}"
            )
        params: dict[Any, Tensor] = {}
        for i, (mine, loaded) in enumerate(zip(self.param_groups, groups, strict=True)):
            if len(mine["params"]) != len(loaded["params"]):
                raise ValueError(
                    f"load_state_dict: group {i} has {len(loaded['params'])} parameters, expected "
                    f"{len(mine['params'])}"
                )
            params.update(zip(loaded["params"], mine["params"], strict=True))
        converted = {
            params[number]: {
                name: self._converted(params[number], number, name, value)
                for name, value in entry.items()
                if value is not None
            }
            for number, entry in state_dict["state"].items()
            if number in params
        }
        loaded_groups = [
            {**mine, **loaded, "params": mine["params"]}
            for mine, loaded in zip(self.param_groups, groups, strict=True)
        ]
        for group in loaded_groups:
            self._validate(group)
        self.param_groups[:] = loaded_groups
        previous, self.state = self.state, defaultdict(dict)
        for param, entry in converted.items():
            for name, value in entry.items():
                old = previous.get(param, {}).get(name)
                if isinstance(old, Tensor) and _alike(old, value):
                    np.copyto(old._array, value._array)
                    entry[name] = old
            self.state[param] = entry
        self._state_loaded()
        kernels.modules_changed()

    def _converted(self, param: Tensor, number: Any, name: str, value: Any) -> Any:
        """A copy of a loaded value: of arrays in the parameter's type, but of a step count."""
        if name in self._numbers:
            return Tensor._wrap(np.array(number_of(value), np.float32))
        if value is None or isinstance(value, bool | int | float | str):
            return value
        if isinstance(value, list | tuple):
            return type(value)(self._converted(param, number, "", each) for each in value)
        if isinstance(value, dict):
            return {key: self._converted(param, number, key, each) for key, each in value.items()}
        array = np.asarray(value._array if isinstance(value, Tensor) else value).copy("C")
        if param.dtype in FLOATS and array.dtype.kind == "f":
            array = array.astype(param.dtype, copy=False)
        return Tensor._wrap(array)

    def _state_loaded(self) -> None:
        """Called when `load_state_dict` has replaced the state."""

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for i, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {i}")
            lines += [f"    {name}: {group[name]}" for name in sorted(group) if name != "params"]
        return "\n".join([*lines, ")"])


def _with_hooks(step: Callable[..., Any]) -> Callable[..., Any]:
    """A class's `step` with the hooks around it; a parent's step inside it has none."""

    @functools.wraps(step)
    def hooked(self: Optimizer, *args: Any, **kwargs: Any) -> Any:
        if self._stepping:
            return step(self, *args, **kwargs)
        if mode.recorder is not None:
            self._check_recordable(mode.recorder)
        for hook in tuple(self._pre_hooks.values()):
            changed = hook(self, args, kwargs)
            if changed is not None:
                args, kwargs = changed
        self._stepping = True
        try:
            result = step(self, *args, **kwargs)
        finally:
            self._stepping = False
        self._has_stepped = True
        for hook in tuple(self._post_hooks.values()):
            hook(self, args, kwargs)
        return result

    return hooked


def _alike(old: Tensor, value: Any) -> bool:
    return isinstance(value, Tensor) and (old.shape, old.dtype) == (value.shape, value.dtype)


def number_of(value: Any) -> float:
    """A hyper-parameter as a float; it may be a tensor of one element."""
    return float(value._array.item() if isinstance(value, Tensor) else value)
