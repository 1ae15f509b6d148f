"""What Keras's optimizers share: variables, learning rate, clipping, averages, state."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar

import numpy as np

from cygnet import kernels, ops
from cygnet.autograd import grad, no_grad
from cygnet.autograd.modes import mode
from cygnet.keras.lookup import snake_case
from cygnet.keras.optimizers import schedules
from cygnet.keras.optimizers.clipping import clipped
from cygnet.keras.optimizers.update_steps import UpdateSteps
from cygnet.keras.variable import Variable
from cygnet.optim.kernel import KernelOptimizer
from cygnet.recorder import Recorder, used
from cygnet.tensor import Tensor

__all__ = ["Optimizer"]

_ONE = np.array(1, np.int64)

Rate = Variable | schedules.LearningRateSchedule | Callable[[], Any]


class Optimizer(UpdateSteps):
    """Base of the optimizers. The rule of a step is that of an optimizer of `cygnet.optim`, or, in
    classes of users, `update_step`.

    Subclasses pass on what they do not know themselves: these arguments follow, by position or by
    name, those of every optimizer.

    Parameters
    ----------
    learning_rate : float, LearningRateSchedule or callable
        A schedule is called with the number of steps so far, a function without arguments.
    weight_decay : float, optional
        A step first takes ``weight_decay * learning_rate`` times a variable from it.
    clipnorm : float, optional
        The gradient of each variable is scaled down to this norm.
    clipvalue : float, optional
        Gradients are limited to ``-clipvalue ... clipvalue``.
    global_clipnorm : float, optional
        All gradients together are scaled down to this norm. Only one of the three can be given.
    use_ema : bool
        Whether a running average of the variables is kept. Default False.
    ema_momentum : float
        How much of the average stays in a step. Default 0.99.
    ema_overwrite_frequency : int, optional
        After so many steps the variables become their averages; by default only when
        `finalize_variable_values` is called, as `fit` does at its end.
    loss_scale_factor : float, optional
        `scale_loss` multiplies by it, gradients are divided by it.
    gradient_accumulation_steps : int, optional
        Variables change only every so many steps, by the mean of the gradients.
    name : str, optional
        Default: made from the name of the class.
    lr : float, optional
        Keras 2's name of `learning_rate`.
    decay : float, optional
        Keras 2's decay: the learning rate is divided by ``1 + decay * steps``. (Keras 3 ignores
        it.)
    jit_compile, is_legacy_optimizer
        Have no effect.

    Raises
    ------
    ValueError
        For arguments that contradict each other or are out of their range.
    """

    _rule: ClassVar[Callable[..., KernelOptimizer] | None] = None
    """Made of parameter groups, whose arguments `_arguments` gives."""
    _own: ClassVar[tuple[str, ...]] = ()
    """The names of the arguments, and attributes, that only this optimizer has."""

    def __init__(
        self,
        learning_rate: Any,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        *,
        lr: float | None = None,
        decay: float | None = None,
        jit_compile: Any = None,
        is_legacy_optimizer: Any = None,
    ) -> None:
        kind = type(self).__name__
        if sum(each is not None for each in (clipnorm, clipvalue, global_clipnorm)) > 1:
            raise ValueError(
                f"{kind}: only one of clipnorm, clipvalue and global_clipnorm can be given, got "
                f"{clipnorm}, {clipvalue} and {global_clipnorm}"
            )
        if not 0 <= ema_momentum <= 1:
            raise ValueError(f"{kind}: ema_momentum is {ema_momentum}, expected 0 to 1")
        if ema_overwrite_frequency is not None and ema_overwrite_frequency < 1:
            raise ValueError(
                f"{kind}: ema_overwrite_frequency is {ema_overwrite_frequency}, expected at least 1"
            )
        if gradient_accumulation_steps is not None and gradient_accumulation_steps < 2:
            raise ValueError(
                f"{kind}: gradient_accumulation_steps is {gradient_accumulation_steps}, expected "
                "at least 2"
            )
        self.name = name or snake_case(kind)
        self.weight_decay = weight_decay
        self.clipnorm = clipnorm
        self.clipvalue = clipvalue
        self.global_clipnorm = global_clipnorm
        self.use_ema = use_ema
        self.ema_momentum = ema_momentum
        self.ema_overwrite_frequency = ema_overwrite_frequency
        self.loss_scale_factor = loss_scale_factor
        self.gradient_accumulation_steps = gradient_accumulation_steps
        rate = learning_rate if lr is None else lr
        self._learning_rate = self._as_rate(
            schedules.InverseTimeDecay(float(rate), 1, decay) if decay else rate
        )
        self._count = np.zeros((), np.int64)  # of steps; recorded steps count in it
        self.built = False
        self._core: KernelOptimizer | None = None
        self._own_variables: list[Variable] = []
        self._trainable: list[Tensor] = []
        self._averages: list[Tensor] = []
        self._accumulated: list[Tensor] = []
        self._not_decayed: tuple[set[int], str] = (set(), "")
        self._plain = False
        self._told = False

    # The learning rate and the count of steps

    def _as_rate(self, value: Any) -> Rate:
        if isinstance(value, dict):
            value = schedules.deserialize(value)
        if isinstance(value, schedules.LearningRateSchedule) or (
            callable(value) and not isinstance(value, Tensor)
        ):
            return value
        if not isinstance(value, Tensor | np.ndarray | np.generic | int | float):
            raise ValueError(
                f"{type(self).__name__}: learning_rate expected a number, a LearningRateSchedule "
                f"or a callable, got {type(value).__name__}"
            )
        return Variable(
            np.float32(float(value)), dtype="float32", trainable=False, name="learning_rate"
        )

    @property
    def learning_rate(self) -> Any:
        """The learning rate now, of one number: a `Variable`, which `assign` changes, or what the
        schedule gives. Setting it to a number is an error if it is a schedule.
        """
        rate = self._learning_rate
        return rate if isinstance(rate, Variable) else ops.as_tensor(self._rate(), dtype="float32")

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        new, rate = self._as_rate(value), self._learning_rate
        if isinstance(rate, schedules.LearningRateSchedule) and isinstance(new, Variable):
            raise TypeError(
                f"{type(self).__name__}: learning_rate is a schedule, which a number cannot "
                "replace; make the optimizer with a number, or set another schedule"
            )
        if isinstance(rate, Variable) and isinstance(new, Variable):
            rate.assign(new)
        else:
            self._learning_rate = new

    lr = learning_rate

    def _rate(self) -> float:
        """The learning rate of the next step."""
        rate = self._learning_rate
        if isinstance(rate, Variable):
            return float(rate._array)
        if isinstance(rate, schedules.LearningRateSchedule):
            return rate.at(self._steps)
        return float(rate())

    @property
    def iterations(self) -> Tensor:
        """How many steps changed the variables, int64, of one number; it can be set."""
        return Tensor._wrap(np.array(self._updates, np.int64))

    @iterations.setter
    def iterations(self, value: Any) -> None:
        self._count[...] = int(value) * (self.gradient_accumulation_steps or 1)
        for state in self._core.state.values() if self._core is not None else ():
            if "step" in state:
                state["step"]._array[...] = int(value)

    @property
    def _steps(self) -> int:
        return int(self._count)

    @property
    def _updates(self) -> int:
        return self._steps // (self.gradient_accumulation_steps or 1)

    def _arguments(self, step: int) -> dict[str, Any]:
        """The rule's arguments in a step, counted from 1, but learning rate and weight decay."""
        return {}

    # Variables

    @property
    def trainable_variables(self) -> list[Tensor]:
        """What it was built for."""
        return list(self._trainable)

    def build(self, variables: Iterable[Tensor]) -> None:
        """Makes the state of the variables, if it is not made yet.

        Parameters
        ----------
        variables : iterable of Variable
            What is trained; also `cygnet.nn.Parameter`.
        """
        if self.built:
            return
        self.built = True
        self._trainable = list(variables)
        self._places = {id(v): place for place, v in enumerate(self._trainable)}
        if self._rule is not None:
            self._core = self._begun()
        if self.use_ema:
            self._averages = [_like(v) for v in self._trainable]
        if self.gradient_accumulation_steps:
            self._accumulated = [_like(v) for v in self._trainable]
        self._constrained = [v for v in self._trainable if getattr(v, "constraint", None)]
        self._plain = self._core is not None and not (
            self._averages
            or self._accumulated
            or self._constrained
            or self.loss_scale_factor
            or self.clipnorm
            or self.clipvalue
            or self.global_clipnorm
        )

    def _decays(self, variable: Tensor) -> bool:
        ids, pattern = self._not_decayed
        found = pattern and re.search(pattern, getattr(variable, "name", ""))
        return not (id(variable) in ids or found)

    def _begun(self) -> KernelOptimizer:
        """The rule's optimizer, with zeroed states."""
        groups: tuple[list[Tensor], list[Tensor]] = ([], [])
        for v in self._trainable:
            groups[not self._decays(v)].append(v)
        common = {"decoupled_weight_decay": True, **self._arguments(1)}
        assert self._rule is not None
        core = self._rule(
            [{"params": group, **common} for group in groups if group or group is groups[0]]
        )
        for group in core.param_groups:
            core._lists(group, group["params"])
        return core

    def _check_built(self) -> None:
        if not self.built:
            raise ValueError(
                f"{type(self).__name__}: the variables are not known yet; call build(variables)"
            )

    @property
    def variables(self) -> list[Tensor]:
        """What changes in the optimizer: the count of steps, the learning rate and the state of
        each variable.
        """
        found: list[Tensor] = [self.iterations]
        if isinstance(self._learning_rate, Variable):
            found.append(self._learning_rate)
        found += [*self._averages, *self._accumulated, *self._own_variables]
        if self._core is not None:
            numbers = self._core._numbers
            for v in self._trainable:
                found += [s for name, s in self._core.state[v].items() if name not in numbers]
        return found

    def exclude_from_weight_decay(
        self, var_list: Iterable[Tensor] | None = None, var_names: Sequence[str] | None = None
    ) -> None:
        """Leave variables without weight decay: these, and those whose name has one of the words.
        Before the optimizer is built.
        """
        if self.built:
            raise ValueError("exclude_from_weight_decay: the optimizer is built already")
        self._not_decayed = ({id(v) for v in var_list or ()}, "|".join(var_names or ()))

    # Steps

    def zero_grad(self) -> None:
        """Forgets the gradients."""
        for v in self._trainable:
            v.grad = None

    def step(self) -> None:
        """Changes the variables by the gradients that `backward` has left in their ``grad``.

        Variables without a gradient stay as they are, with a warning; none at all is a ValueError.
        """
        self._check_built()
        missing = [v for v in self._trainable if v.grad is None]
        if missing:
            self._tell_missing(missing)
        if mode.recorder is not None:
            self._note(mode.recorder, missing)
        if self._plain:
            self._apply_rule(missing)
        else:
            with no_grad():
                self._prepared_step(missing)
        kernels.add(self._count, _ONE, out=self._count)

    def update_cells(self) -> None:
        """Before a recorded step is replayed: gives it its learning rate."""
        core = self._core
        assert core is not None
        self._write_arguments(core)
        core.update_cells()

    def _note(self, recorder: Recorder, missing: list[Tensor]) -> None:
        """Has replays of this step find its arguments."""
        if self._core is None or missing or self._averages or self._accumulated:
            recorder.refuse(
                f"{type(self).__name__}: its step runs Python, which a replay would not"
            )
            return
        settings = self._settings()
        rate = self._learning_rate
        if isinstance(rate, Tensor) and recorder.has_written(rate):
            recorder.refuse(
                f"{type(self).__name__}: the learning rate is written before the step; a replay "
                "reads it when it begins"
            )
            return
        if id(self) in recorder.optimizers:
            recorder.refuse(
                f"{type(self).__name__}: it takes two steps in one call, whose arguments differ"
            )
            return
        recorder.optimizers.add(id(self))

        def fits() -> bool:
            self.update_cells()
            return self._settings() == settings

        recorder.checks.append(fits)

    def _settings(self) -> list[Any]:
        """What is done around the rule."""
        names = ("loss_scale_factor", "clipnorm", "clipvalue", "global_clipnorm")
        constraints = [v.constraint for v in self._constrained]  # type: ignore[attr-defined]
        return [getattr(self, name) for name in names] + constraints

    def _write_arguments(self, core: KernelOptimizer) -> None:
        arguments = self._arguments(self._updates + 1)
        arguments["lr"] = self._rate()
        core.param_groups[-1].update(arguments, weight_decay=0.0)
        core.param_groups[0].update(arguments, weight_decay=self.weight_decay or 0.0)

    def _apply_rule(self, missing: list[Tensor]) -> None:
        """Changes the variables that have a gradient."""
        core = self._core
        if core is not None:
            self._write_arguments(core)
            core.step()
            for v in missing:  # the kernel left them out, but time goes on
                self._skipped(core.state[v])
            return
        rate = self.learning_rate
        for v in self._trainable:
            if v.grad is not None:
                if self.weight_decay and self._decays(v):
                    v.mul_(1 - self.weight_decay * float(rate))
                self.update_step(v.grad, v, rate)

    def _skipped(self, state: dict[str, Tensor]) -> None:
        if "step" in state:
            state["step"]._array += 1

    def _tell_missing(self, missing: list[Tensor]) -> None:
        if len(missing) == len(self._trainable):
            raise ValueError(f"{type(self).__name__}: there is no gradient for any variable")
        if self._told:
            return
        self._told = True
        names = [getattr(v, "path", f"of shape {v.shape}") for v in missing]
        warnings.warn(
            f"{type(self).__name__}: there is no gradient for the variables {', '.join(names)}; "
            "the loss does not depend on them",
            stacklevel=3,
        )

    def _prepared_step(self, missing: list[Tensor]) -> None:
        """A step with all that may go before and after the rule."""
        live = [v for v in self._trainable if v.grad is not None]
        gradients: list[Any] = [v.grad for v in live]
        if self.loss_scale_factor:
            gradients = [ops.div(g, self.loss_scale_factor) for g in gradients]
        steps = self.gradient_accumulation_steps
        if steps:
            sums = [self._accumulated[self._places[id(v)]] for v in live]
            for total, g in zip(sums, gradients, strict=True):
                total.add_(g)
        if not steps or (self._steps + 1) % steps == 0:
            if steps:
                gradients = [ops.div(total, float(steps)) for total in sums]
            gradients = clipped(gradients, self.clipnorm, self.clipvalue, self.global_clipnorm)
            for v, g in zip(live, gradients, strict=True):
                v.grad = g
            self._apply_rule(missing)
            for total in self._accumulated if steps else ():
                total.zero_()
        if self.use_ema:
            self._average()
        for v in self._constrained:
            v.assign(used(v.constraint)(v))  # type: ignore[attr-defined]

    def _average(self) -> None:
        momentum = self.ema_momentum if self._updates else 0.0
        for average, v in zip(self._averages, self._trainable, strict=True):
            average.mul_(momentum).add_(ops.mul(v, 1 - momentum))
        frequency = self.ema_overwrite_frequency
        if frequency and (self._updates + 1) % frequency == 0:
            self.finalize_variable_values(self._trainable)

    def finalize_variable_values(self, var_list: Iterable[Tensor]) -> None:
        """With `use_ema`, sets variables to their averages."""
        if self.use_ema:
            with no_grad():
                for v in var_list:
                    v.copy_(self._averages[self._places[id(v)]])

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Tensor]]) -> Tensor:
        """Changes variables by gradients.

        Parameters
        ----------
        grads_and_vars : iterable of (Tensor or None, Variable)
            As ``zip(gradients, variables)``; a variable whose gradient is None stays as it is, with
            a warning.

        Returns
        -------
        Tensor
            `iterations`.
        """
        pairs = list(grads_and_vars)
        self.apply([g for g, _ in pairs], [v for _, v in pairs])
        return self.iterations

    def apply(self, grads: Sequence[Any], trainable_variables: Any = None) -> None:
        """Changes variables by gradients, one for each.

        Parameters
        ----------
        grads : sequence of Tensor, array_like or None
        trainable_variables : sequence of Variable, optional
            Default: those that the optimizer was built with.

        Raises
        ------
        ValueError
            If the numbers differ, a variable is unknown, or there is no gradient at all.
        """
        if not len(grads):
            return
        if trainable_variables is None:
            self._check_built()
            trainable_variables = self._trainable
        else:
            trainable_variables = list(trainable_variables)
            self.build(trainable_variables)
        if len(grads) != len(trainable_variables):
            raise ValueError(
                f"apply: grads has {len(grads)} entries, there are {len(trainable_variables)} "
                "variables"
            )
        for v in trainable_variables:
            if id(v) not in self._places:
                raise ValueError(
                    f"apply: the variable {getattr(v, 'path', '')!r} of shape {v.shape} is not one "
                    "that the optimizer was built with; make a new optimizer for new variables"
                )
        before = [v.grad for v in self._trainable]
        try:
            self.zero_grad()
            for g, v in zip(grads, trainable_variables, strict=True):
                v.grad = None if g is None else ops.as_tensor(g, dtype=v.dtype)
            self.step()
        finally:
            for v, g in zip(self._trainable, before, strict=True):
                v.grad = g

    def minimize(self, loss: Any, var_list: Sequence[Tensor]) -> Tensor:
        """Keras 2's step: changes variables by the gradients of a loss.

        Parameters
        ----------
        loss : callable or Tensor
            A function without arguments that computes it, or its result, which is summed.
        var_list : sequence of Variable
        """
        value = loss() if callable(loss) and not isinstance(loss, Tensor) else loss
        gradients = grad(ops.sum(value), var_list, allow_unused=True)
        return self.apply_gradients(zip(gradients, var_list, strict=True))

    def scale_loss(self, loss: Any) -> Any:
        """The loss times `loss_scale_factor`, if there is one."""
        return loss if self.loss_scale_factor is None else loss * self.loss_scale_factor

    # State and configuration

    def state_dict(self) -> dict[str, Any]:
        """All that changes in the optimizer (not copies): 'steps', 'learning_rate' (None of a
        schedule), 'rule', 'averages', 'accumulated' and 'variables', those of users' classes.
        """
        rate = self._learning_rate
        return {
            "steps": self._steps,
            "learning_rate": float(rate._array) if isinstance(rate, Variable) else None,
            "rule": None if self._core is None else self._core.state_dict(),
            "averages": list(self._averages),
            "accumulated": list(self._accumulated),
            "variables": list(self._own_variables),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes over what `state_dict` returned; values are copied.

        Raises
        ------
        ValueError
            If the optimizer is not built, or built for other variables.
        """
        self._check_built()
        if self._core is not None:
            self._core.load_state_dict(state_dict["rule"])
        for name, mine in (
            ("averages", self._averages),
            ("accumulated", self._accumulated),
            ("variables", self._own_variables),
        ):
            if len(mine) != len(state_dict[name]):
                raise ValueError(
                    f"load_state_dict: {name} has {len(state_dict[name])} entries, expected "
                    f"{len(mine)}"
                )
            for target, source in zip(mine, state_dict[name], strict=True):
                np.copyto(target._array, ops.as_tensor(source)._array)
        self._count[...] = int(state_dict["steps"])
        if state_dict["learning_rate"] is not None:
            self.learning_rate = state_dict["learning_rate"]

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor, as JSON can hold them."""
        rate: Any = self._learning_rate
        if isinstance(rate, Variable):
            rate = float(rate._array)
        elif isinstance(rate, schedules.LearningRateSchedule):
            rate = schedules.serialize(rate)
        else:
            rate = getattr(rate, "__name__", type(rate).__name__)
        common = (
            "weight_decay",
            "clipnorm",
            "global_clipnorm",
            "clipvalue",
            "use_ema",
            "ema_momentum",
            "ema_overwrite_frequency",
            "loss_scale_factor",
            "gradient_accumulation_steps",
        )
        config = {"name": self.name, "learning_rate": rate}
        return config | {name: getattr(self, name) for name in (*common, *self._own)}


def _like(variable: Tensor) -> Tensor:
    """Zeros with the variable's layout."""
    array = np.empty_like(variable._array)
    array.fill(0)
    return Tensor._wrap(array)
