"""Learning rates from the squares of past gradients: Adagrad, Adadelta, RMSprop."""

from __future__ import annotations

from typing import Any

from cygnet import kernels
from cygnet.optim.kernel import KernelOptimizer
from cygnet.optim.optimizer import ParamGroup
from cygnet.tensor import Tensor

__all__ = ["Adadelta", "Adagrad", "RMSprop"]


class Adagrad(KernelOptimizer):
    """Adagrad, as `torch.optim.Adagrad` defines it; its state begins with the parameter group.

    Parameters
    ----------
    params : iterable of Tensor or of dict
        Parameters or parameter groups.
    lr : float or Tensor
        Learning rate. Default 1e-2.
    lr_decay : float
        Step t divides the learning rate by 1 + (t - 1) * lr_decay. Default 0.
    weight_decay : float
        Factor of the parameter that is added to its gradient. Default 0.
    initial_accumulator_value : float
        What the sums of squares begin with. Default 0.
    eps : float
        Added to the root of the sum. Default 1e-10.
    foreach, fused : bool, optional
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
    J. Duchi et al., "Adaptive subgradient methods for online learning and stochastic
    optimization", 2011.
    """

    _kernel = kernels.adagrad_step
    _cell = (
        "lr",
        "lr_decay",
        "eps",
        "weight_decay",
        "maximize",
        "decoupled_weight_decay",
        "eps_in_root",
    )

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        defaults = {
            "lr": lr,
            "lr_decay": lr_decay,
            "eps": eps,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)

    def add_param_group(self, param_group: ParamGroup) -> None:
        super().add_param_group(param_group)
        group = self.param_groups[-1]
        self._lists(group, group["params"])

    def _validate(self, group: ParamGroup) -> None:
        super()._validate(group)
        if not group["initial_accumulator_value"] >= 0:
            raise ValueError(
                f"Adagrad: initial_accumulator_value is {group['initial_accumulator_value']}, "
                "expected at least 0"
            )

    def _states(self, group: ParamGroup) -> tuple[str, ...]:
        return ("step", "sum")

    def _initial(self, name: str, group: ParamGroup) -> float:
        return float(group["initial_accumulator_value"]) if name == "sum" else 0.0


class Adadelta(KernelOptimizer):
    """Adadelta, as `torch.optim.Adadelta` defines it.

    Parameters
    ----------
    params, weight_decay, foreach, maximize, differentiable
        As in `Adagrad`.
    lr : float or Tensor
        Factor of the steps. Default 1.
    rho : float
        Decay of the running averages of squares, 0 to 1. Default 0.9.
    eps : float
        Added to the averages below the roots. Default 1e-6.
    capturable : bool
        Without effect, see `KernelOptimizer`.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    References
    ----------
    M. Zeiler, "ADADELTA: an adaptive learning rate method", 2012.
    """

    _kernel = kernels.adadelta_step
    _cell = ("lr", "rho", "eps", "weight_decay", "maximize", "decoupled_weight_decay")

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "rho": rho,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "capturable": capturable,
            "foreach": foreach,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _validate(self, group: ParamGroup) -> None:
        super()._validate(group)
        if group["rho"] > 1:
            raise ValueError(f"Adadelta: rho is {group['rho']}, expected 0 to 1")

    def _states(self, group: ParamGroup) -> tuple[str, ...]:
        return ("step", "square_avg", "acc_delta")


class RMSprop(KernelOptimizer):
    """RMSprop, as `torch.optim.RMSprop` defines it.

    Parameters
    ----------
    params, lr, weight_decay, foreach, maximize, differentiable
        As in `Adagrad`.
    alpha : float
        Decay of the running average of squares. Default 0.99.
    eps : float
        Added to the root of the average. Default 1e-8.
    momentum : float
        Default 0.
    centered : bool
        Whether to subtract the square of the average gradient from the average square. Default
        False.
    capturable : bool
        Without effect, see `KernelOptimizer`.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    References
    ----------
    T. Hinton, "Neural networks for machine learning", lecture 6e, 2012; A. Graves, "Generating
    sequences with recurrent neural networks", 2013, eq. 38 to 45.
    """

    _kernel = kernels.rmsprop_step
    _cell = (
        "lr",
        "alpha",
        "eps",
        "weight_decay",
        "momentum",
        "maximize",
        "decoupled_weight_decay",
        "lr_in_buffer",
        "eps_in_root",
    )

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "alpha": alpha,
            "eps": eps,
            "centered": centered,
            "weight_decay": weight_decay,
            "capturable": capturable,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _states(self, group: ParamGroup) -> tuple[str, ...]:
        return (
            "step",
            "square_avg",
            "momentum_buffer" if group["momentum"] else "",
            "grad_avg" if group["centered"] else "",
        )
