"""Averaged gradient descent."""

from __future__ import annotations

from typing import Any

from cygnet import kernels
from cygnet.optim.kernel import KernelOptimizer
from cygnet.optim.optimizer import ParamGroup, number_of
from cygnet.tensor import Tensor

__all__ = ["ASGD"]


class ASGD(KernelOptimizer):
    """Averaged gradient descent, as `torch.optim.ASGD` defines it.

    The average of the parameters is the state ``ax``; the parameters themselves are not replaced.

    Parameters
    ----------
    params : iterable of Tensor or of dict
        Parameters or parameter groups.
    lr : float or Tensor
        Learning rate. Default 1e-2.
    lambd : float
        Decay of the parameters, and of the step size: step t + 1 has the size
        ``lr / (1 + lambd lr t) ** alpha``. Default 1e-4.
    alpha : float
        The power of that decay. Default 0.75.
    t0 : float
        The step after which the average is one; before, it is the parameter. Default 1e6.
    weight_decay : float
        Factor of the parameter that is added to its gradient. Default 0.
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
    B. Polyak, A. Juditsky, "Acceleration of stochastic approximation by averaging", 1992.
    """

    _kernel = kernels.asgd_step
    _cell = (
        "lr",
        "lambd",
        "alpha",
        "t0",
        "weight_decay",
        "maximize",
        "decoupled_weight_decay",
    )
    _unbounded = frozenset({"lambd", "alpha", "t0"})
    _numbers = frozenset({"step", "eta", "mu"})

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "lambd": lambd,
            "alpha": alpha,
            "t0": t0,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def _states(self, group: ParamGroup) -> tuple[str, ...]:
        return ("step", "eta", "mu", "ax")

    def _initial(self, name: str, group: ParamGroup) -> float:
        return number_of(group["lr"]) if name == "eta" else float(name == "mu")
