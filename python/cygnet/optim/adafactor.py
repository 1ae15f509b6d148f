"""Adafactor: the squares of gradients of a matrix, remembered by row and by column."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cygnet import ops
from cygnet.autograd import no_grad
from cygnet.optim.kernel import KernelOptimizer, assignments, check_numbers
from cygnet.optim.optimizer import ParamGroup, number_of
from cygnet.tensor import Array, Tensor, empty_array

__all__ = ["Adafactor"]


class Adafactor(KernelOptimizer):
    """Adafactor, as `torch.optim.Adafactor` defines it.

    The running averages of squared gradients of a matrix are an outer product, of its rows' and its
    columns' averages; more than two dimensions are a batch of matrices.

    Parameters
    ----------
    params : iterable of Tensor or of dict
        Parameters or parameter groups.
    lr : float or Tensor
        The largest relative step size: that of step t is ``min(lr, 1 / sqrt(t))``, times the root
        mean square of the parameter. Default 1e-2.
    beta2_decay : float
        The new square's weight in step t is ``t ** beta2_decay``; at most 0. Default -0.8.
    eps : tuple of (float or None) and float
        The smallest root of an average square, by default the type's precision, and the smallest
        root mean square of a parameter. Default (None, 1e-3).
    d : float
        The largest root mean square of an update, at least 1. Default 1.
    weight_decay : float
        A step first multiplies a parameter by 1 - lr * weight_decay. Default 0.
    foreach : bool, optional
        Without effect, see `KernelOptimizer`.
    maximize : bool
        Whether to climb instead of descend. Default False.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    References
    ----------
    N. Shazeer, M. Stern, "Adafactor: adaptive learning rates with sublinear memory cost", 2018.
    """

    _cell = ("lr", "beta2_decay", "eps", "d", "weight_decay")
    _unbounded = frozenset({"beta2_decay", "eps"})

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "beta2_decay": beta2_decay,
            "eps": eps,
            "d": d,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def _validate(self, group: ParamGroup) -> None:
        super()._validate(group)
        if not group["beta2_decay"] <= 0:
            raise ValueError(
                f"Adafactor: beta2_decay is {group['beta2_decay']}, expected at most 0"
            )
        check_numbers("Adafactor", "eps", group["eps"], 2)
        for i, eps in enumerate(group["eps"]):
            if not (i == 0 if eps is None else eps >= 0):
                raise ValueError(f"Adafactor: eps[{i}] is {eps}, expected at least 0")
        if not group["d"] >= 1:
            raise ValueError(f"Adafactor: d is {group['d']}, expected at least 1")

    def _hyper(self, group: ParamGroup) -> list[float]:
        given = [group["lr"], group["beta2_decay"], *group["eps"], group["d"]]
        return [number_of(0 if each is None else each) for each in (*given, group["weight_decay"])]

    def _states(self, group: ParamGroup) -> tuple[str, ...]:
        return ("step",)

    def _kind(self, group: ParamGroup) -> tuple[Any, ...]:
        return bool(group["maximize"]), group["weight_decay"] != 0, group["eps"][0] is None

    @no_grad()
    def _prepared(self, group: ParamGroup, params: list[Tensor], cell: Array) -> Callable[[], None]:
        lr, beta2_decay, eps, least, d, weight_decay = (
            Tensor._wrap(cell[i : i + 1].reshape(())) for i in range(6)
        )
        values = []
        for param in params:
            state = self._state(param)
            count = state["step"] + 1
            values.append((state["step"], count))
            if not param.numel():
                continue
            assert param.grad is not None
            step = count.to(np.float64)
            grad = -param.grad if group["maximize"] else param.grad
            rate = ops.minimum(lr, ops.rsqrt(step)) * ops.maximum(_root_mean_square(param), least)
            shrunk = param * (1 - lr * weight_decay) if group["weight_decay"] else param
            root = eps
            if group["eps"][0] is None:
                root = ops.full((), np.finfo(param.dtype).eps, dtype=np.float64)
            averages = _averages(state, grad * grad, step**beta2_decay)
            values += [(state[name], average) for name, average in averages.items()]
            square = _mean_square(averages, root)
            update = grad * ops.rsqrt(ops.maximum(square, (root * root).to(square.dtype)))
            clipped = ops.maximum(_root_mean_square(update) / d, ops.ones_like(d))
            values.append((param, shrunk - update * (rate / clipped)))
        return assignments(values)

    def _state(self, param: Tensor) -> dict[str, Any]:
        state = self.state[param]
        for name, shape in _state_shapes(param.shape).items():
            if name not in state:
                dtype = np.dtype(np.float32) if name == "step" else param.dtype
                array = empty_array(shape, dtype)
                array.fill(0)
                state[name] = Tensor._wrap(array)
        return state

    def _converted(self, param: Tensor, number: Any, name: str, value: Any) -> Any:
        expected = _state_shapes(param.shape).get(name, ())
        if name not in self._numbers and np.shape(value) != expected:
            raise ValueError(
                f"load_state_dict: {name} of parameter {number} has shape {np.shape(value)}, "
                f"expected {expected}"
            )
        return super(KernelOptimizer, self)._converted(param, number, name, value)


def _state_shapes(shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    if len(shape) < 2:
        return {"step": (), "variance": shape}
    return {"step": (), "row_var": (*shape[:-1], 1), "col_var": (*shape[:-2], 1, shape[-1])}


def _averages(state: dict[str, Any], square: Tensor, fresh: Tensor) -> dict[str, Tensor]:
    """The running averages of a gradient's squares, where the new ones weigh `fresh`."""
    if square.ndim < 2:
        return {"variance": state["variance"].lerp(square, fresh)}
    return {
        "row_var": state["row_var"].lerp(square.mean(-1, keepdim=True), fresh),
        "col_var": state["col_var"].lerp(square.mean(-2, keepdim=True), fresh),
    }


def _mean_square(averages: dict[str, Tensor], root: Tensor) -> Tensor:
    """The squares that the averages stand for."""
    if "variance" in averages:
        return averages["variance"]
    row, column = averages["row_var"], averages["col_var"]
    return row * column / ops.maximum(row.mean(-2, keepdim=True), root.to(row.dtype))


def _root_mean_square(tensor: Tensor) -> Tensor:
    """In float64."""
    return ops.sqrt(ops.mean(tensor * tensor)).to(np.float64)
