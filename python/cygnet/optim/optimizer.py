"""What all optimizers share: parameter groups, state and its dictionary."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import numpy as np

from cygnet import kernels
from cygnet.autograd import enable_grad
from cygnet.tensor import Array, Tensor

__all__ = ["Optimizer", "ParamGroup"]

ParamGroup: TypeAlias = dict[str, Any]


class Optimizer(ABC):
    """Base of the optimizers.

    Parameters
    ----------
    params : iterable of Tensor or of dict
        The parameters, or groups of them: dicts with the key 'params' and the arguments that
        differ from `defaults`.
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

    def __init__(self, params: Any, defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        self.param_groups: list[ParamGroup] = []
        self.state: dict[Tensor, dict[str, Any]] = {}
        self._hyper_cells: list[Array] = []
        self._hyper_values: list[tuple[float, ...] | None] = []
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

    def add_param_group(self, param_group: ParamGroup) -> None:
        """Adds a group: a dict with 'params' and the arguments that differ from the defaults."""
        if not isinstance(param_group, dict):
            raise TypeError(f"add_param_group: expected a dict, got {type(param_group).__name__}")
        params = param_group["params"]
        if isinstance(params, set):
            raise TypeError(
                "add_param_group: params expected a list, got a set, which has no order"
            )
        params = [params] if isinstance(params, Tensor) else list(params)
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
        group = {**self.defaults, **param_group, "params": params}
        self._validate(group)
        self.param_groups.append(group)
        self._hyper_cells.append(np.zeros(len(self._hyper(group)), np.float64))
        self._hyper_values.append(None)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forgets the gradients: sets them to None, or with ``set_to_none=False`` to zeros."""
        for group in self.param_groups:
            for param in group["params"]:
                if set_to_none:
                    param.grad = None
                elif param.grad is not None:
                    kernels.copy_into(param.grad._array, np.zeros((), param.dtype))

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
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        self.update_cells()
        for group, cell in zip(self.param_groups, self._hyper_cells, strict=True):
            params = [param for param in group["params"] if param.grad is not None]
            if params:
                self._step(
                    group,
                    params,
                    [param._array for param in params],
                    [param.grad._array for param in params],
                    cell,
                )
        return loss

    def update_cells(self) -> None:
        """Writes the groups' arguments to the cells that the kernels read.

        `step` does so itself; before a recorded step is replayed, this brings it a new learning
        rate.
        """
        for i, group in enumerate(self.param_groups):
            values = self._hyper(group)
            if values != self._hyper_values[i]:
                self._hyper_cells[i][:] = values
                self._hyper_values[i] = values

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
            groups.append({**group, "params": [numbers[id(param)] for param in group["params"]]})
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
        for i, (mine, loaded) in enumerate(zip(self.param_groups, groups, strict=True)):
            if len(mine["params"]) != len(loaded["params"]):
                raise ValueError(
                    f"load_state_dict: group {i} has {len(loaded['params'])} parameters, expected "
                    f"{len(mine['params'])}"
                )
        params: dict[Any, Tensor] = {}
        for mine, loaded in zip(self.param_groups, groups, strict=True):
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
        for i, (mine, loaded) in enumerate(zip(self.param_groups, groups, strict=True)):
            group = {**mine, **loaded, "params": mine["params"]}
            self._validate(group)
            self.param_groups[i] = group
        previous, self.state = self.state, {}
        for param, entry in converted.items():
            for name, value in entry.items():
                old = previous.get(param, {}).get(name)
                if isinstance(old, Tensor) and isinstance(value, Tensor):
                    np.copyto(old._array, value._array)
                    entry[name] = old
            self.state[param] = entry
        self._state_loaded()

    @staticmethod
    def _converted(param: Tensor, number: Any, name: str, value: Any) -> Any:
        """A copy of a loaded value: a step count, or an array of the parameter's shape."""
        if name == "step":
            return Tensor._wrap(np.array(float(value), np.float32))
        if isinstance(value, bool | int | float | str):
            return value
        array = np.array(value._array if isinstance(value, Tensor) else value, order="C")
        if array.shape != param.shape:
            raise ValueError(
                f"load_state_dict: {name} of parameter {number} has shape {array.shape}, "
                f"expected {param.shape}"
            )
        return Tensor._wrap(array.astype(param.dtype, copy=False))

    def _state_loaded(self) -> None:  # noqa: B027 (most optimizers have nothing to do here)
        """Called when `load_state_dict` has replaced the state."""

    def _state_arrays(self, name: str, params: list[Tensor]) -> list[Array]:
        """The arrays of one kind of state, made of zeros for parameters that have none."""
        state = self.state
        try:  # from the second step on
            return [state[param][name]._array for param in params]
        except KeyError:
            pass
        arrays = []
        for param in params:
            entry = self.state.setdefault(param, {})
            tensor = entry.get(name)
            if tensor is None:
                array = np.zeros(() if name == "step" else param.shape, _state_dtype(name, param))
                tensor = entry[name] = Tensor._wrap(array)
            arrays.append(tensor._array)
        return arrays

    @abstractmethod
    def _validate(self, group: ParamGroup) -> None:
        """Raises ValueError for arguments outside their range."""

    @abstractmethod
    def _hyper(self, group: ParamGroup) -> tuple[float, ...]:
        """The group's arguments in the order of the kernel's cell."""

    @abstractmethod
    def _step(
        self,
        group: ParamGroup,
        params: list[Tensor],
        arrays: list[Array],
        grads: list[Array],
        hyper: Array,
    ) -> None:
        """One kernel call for the parameters of a group that have a gradient."""

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for i, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {i}")
            lines += [f"    {name}: {group[name]}" for name in sorted(group) if name != "params"]
        return "\n".join([*lines, ")"])


def _state_dtype(name: str, param: Tensor) -> np.dtype[Any]:
    return np.dtype(np.float32) if name == "step" else param.dtype


def check_at_least_zero(optimizer: Optimizer, name: str, value: Any) -> None:
    """Raises ValueError unless 0 <= value."""
    if not value >= 0:
        raise ValueError(f"{type(optimizer).__name__}: {name} is {value}, expected at least 0")
