"""Limited-memory BFGS."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cygnet import ops
from cygnet.autograd import enable_grad, no_grad
from cygnet.optim.line_search import Point, strong_wolfe
from cygnet.optim.optimizer import Optimizer, ParamGroup, number_of
from cygnet.tensor import Tensor

__all__ = ["LBFGS"]


class LBFGS(Optimizer):
    """Limited-memory BFGS, as `torch.optim.LBFGS` defines it: one step is many evaluations.

    All parameters are one vector x of one type; there is one parameter group. It reads values, so
    a step cannot be recorded.

    Parameters
    ----------
    params : iterable of Tensor
    lr : float or Tensor
        Step length, or the first that a line search tries. Default 1.
    max_iter : int
        Iterations in a step. Default 20.
    max_eval : int, optional
        Evaluations of the closure in a step after which no iteration begins and a line search
        stops. Default: max_iter * 5 // 4.
    tolerance_grad : float
        A gradient whose largest magnitude is no more ends a step. Default 1e-7.
    tolerance_change : float
        As does a smaller change of all parameters or of the loss. Default 1e-9.
    history_size : int
        Updates that the approximation of the Hessian remembers. Default 100.
    line_search_fn : str, optional
        'strong_wolfe', or None (the default) for steps of length `lr`.

    Raises
    ------
    ValueError
        If there are several groups, the type differs, or an argument is out of its range.

    References
    ----------
    J. Nocedal, "Updating quasi-Newton matrices with limited storage", 1980; J. Nocedal, S. Wright,
    "Numerical optimization", 2006, algorithm 7.4.

    Examples
    --------
    >>> import cygnet
    >>> x = cygnet.tensor([3.0, -1.0], requires_grad=True)
    >>> optimizer = cygnet.optim.LBFGS([x], line_search_fn="strong_wolfe")
    >>> def closure():
    ...     optimizer.zero_grad()
    ...     loss = ((x - 1) * (x - 1)).sum()
    ...     loss.backward()
    ...     return loss
    >>> optimizer.step(closure).item()
    8.0
    >>> x
    tensor([1., 1.], requires_grad=True)
    """

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        defaults = {
            "lr": lr,
            "max_iter": max_iter,
            "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change,
            "history_size": history_size,
            "line_search_fn": line_search_fn,
        }
        super().__init__(params, defaults)

    def add_param_group(self, param_group: ParamGroup) -> None:
        """Only for the one group that there is."""
        if self.param_groups:
            raise ValueError("LBFGS: expected one parameter group, got a second one")
        super().add_param_group(param_group)

    def _validate(self, group: ParamGroup) -> None:
        if not number_of(group["lr"]) >= 0:
            raise ValueError(f"LBFGS: lr is {group['lr']}, expected at least 0")
        if group["line_search_fn"] not in (None, "strong_wolfe"):
            raise ValueError(
                f"LBFGS: line_search_fn is {group['line_search_fn']!r}, expected 'strong_wolfe' or "
                "None"
            )
        dtypes = {param.dtype for param in group["params"]}
        if len(dtypes) > 1:
            raise ValueError(
                f"LBFGS: params have the types {', '.join(sorted(map(str, dtypes)))}, expected one"
            )

    def _gradient(self) -> Tensor:
        """The gradients of all parameters as one vector, zeros for those that have none."""
        return ops.cat(
            [
                (ops.zeros_like(param) if param.grad is None else param.grad).reshape(-1)
                for param in self._params
            ]
        )

    @property
    def _params(self) -> list[Tensor]:
        params: list[Tensor] = self.param_groups[0]["params"]
        return params

    def _move(self, t: float, direction: Tensor) -> None:
        """Adds t * direction to the parameters."""
        offset = 0
        for param in self._params:
            part = direction[offset : offset + param.numel()].reshape(param.shape)
            param.add_(part * t)
            offset += param.numel()

    def _restore(self, values: list[Tensor]) -> None:
        for param, value in zip(self._params, values, strict=True):
            param.copy_(value)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Up to `max_iter` iterations; an error, such as one of `closure`, undoes the step.

        Parameters
        ----------
        closure : callable
            Clears the gradients, evaluates the model, calls `backward` and returns the loss.

        Returns
        -------
        object
            What `closure` returned first.

        Raises
        ------
        TypeError
            Without a closure.
        """
        if closure is None:
            raise TypeError("LBFGS.step: closure expected a callable, got None")
        with no_grad():
            values = [param.detach().clone() for param in self._params]
            state = self.state[self._params[0]]
            before = {key: list(v) if isinstance(v, list) else v for key, v in state.items()}
            try:
                return self._iterate(closure)
            except BaseException:
                self._restore(values)
                state.clear()
                state.update(before)
                raise

    def _iterate(self, closure: Callable[[], Any]) -> Any:
        group, state = self.param_groups[0], self.state[self._params[0]]
        lr, tolerance_change = number_of(group["lr"]), group["tolerance_change"]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)

        def evaluated() -> tuple[Any, Tensor]:
            with enable_grad():
                loss = closure()
            state["func_evals"] += 1
            return loss, self._gradient()

        last_evaluation = state["func_evals"] + group["max_eval"]
        first_loss, gradient = evaluated()
        loss = float(first_loss)
        if _largest(gradient) <= group["tolerance_grad"]:
            return first_loss
        for iteration in range(1, group["max_iter"] + 1):
            state["n_iter"] += 1
            if state["n_iter"] == 1:
                direction = -gradient
                state.update(old_dirs=[], old_stps=[], ro=[], H_diag=1.0)
                t = min(1.0, 1 / gradient.abs().sum().item()) * lr
            else:
                direction = self._newton_direction(gradient, state, group["history_size"])
                t = lr
            state.update(d=direction, t=t, prev_flat_grad=gradient, prev_loss=loss)
            slope = _dot(gradient, direction)
            if slope > -tolerance_change:
                break
            if group["line_search_fn"] is None:
                self._move(t, direction)
                if iteration < group["max_iter"]:
                    value, gradient = evaluated()
                    loss = float(value)
            else:
                start = Point(0.0, loss, gradient, slope)
                left = last_evaluation - state["func_evals"]
                point = self._search(evaluated, start, t, direction, left)
                state["t"], loss, gradient = point.t, point.loss, point.gradient
            if (
                state["func_evals"] >= last_evaluation
                or _largest(gradient) <= group["tolerance_grad"]
                or _largest(direction) * state["t"] <= tolerance_change
                or abs(loss - state["prev_loss"]) < tolerance_change
            ):
                break
        return first_loss

    def _newton_direction(
        self, gradient: Tensor, state: dict[str, Any], history_size: int
    ) -> Tensor:
        """-H gradient, where H approximates the inverse of the Hessian by the latest changes of
        parameters (`old_stps`) and gradient (`old_dirs`).
        """
        changes, steps, inverses = state["old_dirs"], state["old_stps"], state["ro"]
        change, step = gradient - state["prev_flat_grad"], state["d"] * number_of(state["t"])
        curvature = _dot(change, step)
        if curvature > 1e-10:
            if len(changes) == history_size:
                for history in (changes, steps, inverses):
                    history.pop(0)
            changes.append(change)
            steps.append(step)
            inverses.append(1 / curvature)
            state["H_diag"] = curvature / _dot(change, change)
        direction = -gradient
        factors = []
        for change, step, inverse in zip(*map(reversed, (changes, steps, inverses)), strict=True):
            factors.append(_dot(step, direction) * number_of(inverse))
            direction = direction - change * factors[-1]
        direction = direction * number_of(state["H_diag"])
        for change, step, inverse, factor in zip(
            changes, steps, inverses, reversed(factors), strict=True
        ):
            direction = direction + step * (factor - _dot(change, direction) * number_of(inverse))
        return direction

    def _search(
        self,
        evaluated: Callable[[], tuple[Any, Tensor]],
        start: Point,
        t: float,
        direction: Tensor,
        max_evaluations: int,
    ) -> Point:
        """The point that the line search finds, where it leaves the parameters."""
        values = [param.detach().clone() for param in self._params]

        def evaluate(t: float) -> Point:
            self._move(t, direction)
            loss, gradient = evaluated()
            self._restore(values)
            return Point(t, float(loss), gradient, _dot(gradient, direction))

        point, _ = strong_wolfe(evaluate, start, t, _largest(direction), max_evaluations)
        self._move(point.t, direction)
        return point


def _dot(a: Tensor, b: Tensor) -> float:
    return float((a * b).sum().item())


def _largest(vector: Tensor) -> float:
    """The largest magnitude; 0 of nothing."""
    return float(vector.abs().amax().item()) if vector.numel() else 0.0
