"""Resilient backpropagation."""

from __future__ import annotations

from typing import Any

from cygnet import kernels
from cygnet.optim.kernel import KernelOptimizer, check_numbers
from cygnet.optim.optimizer import ParamGroup, number_of
from cygnet.tensor import Tensor

__all__ = ["Rprop"]


class Rprop(KernelOptimizer):
    """Resilient backpropagation, as `torch.optim.Rprop` defines it: only the signs of gradients
    count, which are those of the whole training set.

    Parameters
    ----------
    params : iterable of Tensor or of dict
        Parameters or parameter groups.
    lr : float or Tensor
        The step size that every element begins with. Default 1e-2.
    etas : tuple of float
        Factors of an element's step size where the sign of its gradient has changed, in (0, 1), and
        where it has not, more than 1. Default (0.5, 1.2).
    step_sizes : tuple of float
        The smallest and the largest step size. Default (1e-6, 50).
    foreach, capturable : bool, optional
        Without effect, see `KernelOptimizer`.
    maximize : bool
        Whether to climb instead of descend. Default False.
    differentiable : bool
        Only False.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    References
    ----------
    M. Riedmiller, H. Braun, "A direct adaptive method for faster backpropagation learning: the
    RPROP algorithm", 1993.
    """

    _kernel = kernels.rprop_step
    _cell = (
        "lr",
        "etas",
        "step_sizes",
        "weight_decay",
        "maximize",
        "decoupled_weight_decay",
    )
    _unbounded = frozenset({"etas", "step_sizes"})

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "etas": etas,
            "step_sizes": step_sizes,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def _validate(self, group: ParamGroup) -> None:
        super()._validate(group)
        for name in ("etas", "step_sizes"):
            check_numbers("Rprop", name, group[name], 2)
        minus, plus = group["etas"]
        if not 0 < minus < 1 < plus:
            raise ValueError(f"Rprop: etas is {group['etas']}, expected 0 < etas[0] < 1 < etas[1]")

    def _states(self, group: ParamGroup) -> tuple[str, ...]:
        return ("step", "prev", "step_size")

    def _initial(self, name: str, group: ParamGroup) -> float:
        return number_of(group["lr"]) if name == "step_size" else 0.0
