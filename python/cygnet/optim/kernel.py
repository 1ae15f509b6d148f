"""Optimizers whose step is one kernel call for all parameters of a group."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from cygnet import kernels
from cygnet.autograd import enable_grad, modified
from cygnet.autograd.modes import mode
from cygnet.optim.optimizer import Optimizer, ParamGroup, number_of
from cygnet.recorder import Recorder
from cygnet.tensor import Array, Tensor, empty_array

__all__ = ["KernelOptimizer", "assignments", "check_numbers"]

_SEVERAL = (tuple, list)  # the types of an argument that is several numbers


class KernelOptimizer(Optimizer):
    """Base of the optimizers whose rule is a kernel, which runs once a group and step.

    The kernel reads a group's arguments from a cell, an array that every step brings up to date,
    so that a recorded step follows a changed learning rate. Parameters may have their axes in any
    order in memory, but no gaps.

    All of them take PyTorch's `foreach`, `fused` and `capturable`, which choose among its
    implementations, and do the same whatever their values: there is one implementation.
    """

    _is_kernel = True
    _kernel: ClassVar[Callable[..., None]]
    """Takes parameters, gradients, lists of states and the cell."""
    _cell: ClassVar[tuple[str, ...]]
    """The names of the arguments in the kernel's cell; of a tuple every number. One that a group
    does not have is 0: PyTorch's form of a rule for which the kernel has others.
    """
    _unbounded: ClassVar[frozenset[str]] = frozenset()
    """Those of them that may be negative."""

    def __init__(self, params: Any, defaults: dict[str, Any]) -> None:
        self._hyper_cells: list[Array] = []
        self._hyper_values: list[list[float]] = []
        super().__init__(params, defaults)

    def add_param_group(self, param_group: ParamGroup) -> None:
        super().add_param_group(param_group)
        values = self._hyper(self.param_groups[-1])
        self._hyper_cells.append(np.array(values, np.float64))
        self._hyper_values.append(values)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        self.update_cells()
        updates = []
        for group, cell in zip(self.param_groups, self._hyper_cells, strict=True):
            params = [param for param in group["params"] if param.grad is not None]
            if params:
                updates.append(self._prepared(group, params, cell))
        for update in updates:
            update()
        if mode.recorder is not None:
            self._note(mode.recorder)
        return loss

    step.__doc__ = Optimizer.step.__doc__

    def _prepared(self, group: ParamGroup, params: list[Tensor], cell: Array) -> Callable[[], None]:
        """A step of those parameters of a group that have gradients.

        Memory is taken here: where there is none, no group has changed, and the step can be made
        again.
        """
        lists = [
            [param._array for param in params],
            [param.grad._array for param in params if param.grad is not None],
            *self._lists(group, params),
        ]
        if not all(array.flags.c_contiguous for array in lists[0]):
            lists = _in_memory_order(lists)
        for i, grad in enumerate(lists[1]):
            if not grad.flags.c_contiguous:
                lists[1][i] = kernels.contiguous(grad)

        def update() -> None:
            self._kernel(*lists, cell)
            for param in params:
                modified(param)

        return update

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

    def _note(self, recorder: Recorder) -> None:
        """Has replays of this step bring the cells up to date, and rules them out where groups
        have other kinds of state or other members.
        """
        kinds = [self._kind(group) for group in self.param_groups]
        sizes = self._sizes()
        for group in self.param_groups:
            for i, param in enumerate(group["params"]):
                recorder.leaf(param)
                recorder.places.append((group["params"], i, param))
                if (state := self.state.get(param)) is not None:
                    recorder.places.append((self.state, param, state))
                    recorder.places += [
                        (state, name, value)
                        for name, value in state.items()
                        if isinstance(value, Tensor)
                    ]
            for name in self._cell:
                value = group.get(name)
                if isinstance(value, Tensor) and recorder.has_written(value):
                    recorder.refuse(
                        f"{type(self).__name__}: {name} is a tensor that the function writes "
                        "before the step; a replay reads it when it begins"
                    )

        def fits() -> bool:
            self.update_cells()
            return (
                self._sizes() == sizes
                and [self._kind(group) for group in self.param_groups] == kinds
            )

        recorder.checks.append(fits)
        recorder.state(self._members)

    def _sizes(self) -> list[int]:
        return [len(self.state), *(len(group["params"]) for group in self.param_groups)]

    def _members(self) -> list[Any]:
        """The hooks, and the ids of parameters and states, which a recording keeps alive."""
        members: list[Any] = [*self._pre_hooks.values(), *self._post_hooks.values()]
        for group in self.param_groups:
            for param in group["params"]:
                members.append(id(param))
                state = self.state.get(param, {})
                members += [id(each._array) for each in state.values() if isinstance(each, Tensor)]
        return members

    def _hyper(self, group: ParamGroup) -> list[float]:
        """The group's arguments in the order of the kernel's cell."""
        values: list[float] = []
        for name in self._cell:
            value = group.get(name, 0)
            if isinstance(value, _SEVERAL):
                values.extend(map(float, value))
            else:
                values.append(number_of(value))
        return values

    def _validate(self, group: ParamGroup) -> None:
        kind = type(self).__name__
        for name in self._cell:
            if name == "betas":
                for i, beta in enumerate(group["betas"]):
                    if not 0 <= beta < 1:
                        raise ValueError(f"{kind}: betas[{i}] is {beta}, expected 0 <= beta < 1")
            elif name not in self._unbounded and not number_of(group.get(name, 0)) >= 0:
                raise ValueError(f"{kind}: {name} is {group[name]}, expected at least 0")
        if group.get("differentiable"):
            raise ValueError(
                f"{kind}: differentiable is True, expected False: a step is a kernel that works in "
                "place and has no gradient"
            )

    def _lists(self, group: ParamGroup, params: list[Tensor]) -> list[list[Array]]:
        """What the kernel takes between gradients and cell: step counts and states."""
        return [
            self._state_arrays(group, name, params) if name else [] for name in self._states(group)
        ]

    def _states(self, group: ParamGroup) -> tuple[str, ...]:
        """The names of those lists, '' for one that the group does without."""
        raise NotImplementedError

    def _kind(self, group: ParamGroup) -> tuple[Any, ...]:
        """What decides which kernels a step runs: while it is the same, a recorded one holds."""
        return self._states(group)

    def _initial(self, name: str, group: ParamGroup) -> float:
        """What a state begins with."""
        return 0.0

    def _state_arrays(self, group: ParamGroup, name: str, params: list[Tensor]) -> list[Array]:
        """The arrays of one kind of state, made for parameters that have none."""
        state = self.state
        try:  # from the second step on
            return [state[param][name]._array for param in params]
        except KeyError:
            pass
        arrays = []
        for param in params:
            tensor = state[param].get(name)
            if tensor is None:
                array = self._new_state(param, name)
                array.fill(self._initial(name, group))
                tensor = state[param][name] = Tensor._wrap(array)
            arrays.append(tensor._array)
        return arrays

    def _new_state(self, param: Tensor, name: str) -> Array:
        if name in self._numbers:
            return np.empty((), np.float32)
        if param._array.flags.c_contiguous:
            return empty_array(param.shape, param.dtype)
        return np.empty_like(param._array)

    def _converted(self, param: Tensor, number: Any, name: str, value: Any) -> Any:
        converted = super()._converted(param, number, name, value)
        if name not in self._numbers and np.shape(converted) != param.shape:
            raise ValueError(
                f"load_state_dict: {name} of parameter {number} has shape {np.shape(converted)}, "
                f"expected {param.shape}"
            )
        if not param._array.flags.c_contiguous and isinstance(converted, Tensor):
            array = np.empty_like(param._array, converted.dtype, shape=converted.shape)
            np.copyto(array, converted._array)
            return Tensor._wrap(array)
        return converted


def assignments(values: list[tuple[Tensor, Tensor]]) -> Callable[[], None]:
    """What writes new values, the seconds, into tensors; it takes no memory."""

    def assign_all() -> None:
        for tensor, value in values:
            kernels.copy_into(tensor._array, value._array)
            modified(tensor)

    return assign_all


def check_numbers(kind: str, name: str, value: Any, count: int) -> None:
    """A ValueError unless an argument is a tuple or list of so many numbers."""
    if not isinstance(value, _SEVERAL) or len(value) != count:
        raise ValueError(f"{kind}: {name} is {value!r}, expected {count} numbers")


def _in_memory_order(lists: list[list[Array]]) -> list[list[Array]]:
    """The arrays with their axes in the order of the parameters' memory, which makes those
    contiguous; a rule does not care about the order.
    """
    axes = [sorted(range(each.ndim), key=lambda axis: -each.strides[axis]) for each in lists[0]]
    return [
        [
            array.transpose(order) if array.ndim == len(order) else array
            for array, order in zip(arrays, axes, strict=True)
        ]
        if arrays
        else []
        for arrays in lists
    ]
