"""Lion: steps of one size, by the sign of a running average."""

from __future__ import annotations

from typing import Any

from cygnet import kernels
from cygnet.optim.kernel import KernelOptimizer
from cygnet.optim.optimizer import ParamGroup
from cygnet.tensor import Tensor

__all__ = ["Lion"]


class Lion(KernelOptimizer):
    """Steps of the size of the learning rate against the sign of ``beta1 m + (1 - beta1) g``, where
    m is the running average of the gradient g with beta2. PyTorch has no such optimizer.

    Parameters
    ----------
    params : iterable of Tensor or of dict
        Parameters or parameter groups.
    lr : float or Tensor
        Learning rate. Default 1e-4.
    betas : tuple of float
        Each in [0, 1). Default (0.9, 0.99).
    weight_decay : float
        A step first multiplies a parameter by 1 - lr * weight_decay. Default 0.
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
    X. Chen et al., "Symbolic discovery of optimization algorithms", 2023.
    """

    _kernel = kernels.lion_step
    _cell = ("lr", "betas", "weight_decay", "maximize", "decoupled_weight_decay")

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0,
        *,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": betas,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "differentiable": differentiable,
            "decoupled_weight_decay": True,
        }
        super().__init__(params, defaults)

    def _states(self, group: ParamGroup) -> tuple[str, ...]:
        return ("step", "exp_avg")
