"""Adam and what was made of it: AdamW, Adamax, NAdam, RAdam."""

from __future__ import annotations

from typing import Any

from cygnet import kernels
from cygnet.optim.kernel import KernelOptimizer
from cygnet.optim.optimizer import ParamGroup
from cygnet.tensor import Tensor

__all__ = ["Adam", "AdamW", "Adamax", "NAdam", "RAdam"]


class Adam(KernelOptimizer):
    """Adam, as `torch.optim.Adam` defines it.

    Parameters
    ----------
    params : iterable of Tensor or of dict
        Parameters or parameter groups.
    lr : float or Tensor
        Learning rate. Default 1e-3.
    betas : tuple of float
        Decay of the running averages of the gradient and of its square, each in [0, 1). Default
        (0.9, 0.999).
    eps : float
        Added to the root of the bias-corrected average square. Default 1e-8.
    weight_decay : float
        Factor of the parameter that is added to its gradient. Default 0.
    amsgrad : bool
        Whether to divide by the largest average square so far. Default False.
    foreach, capturable, fused : bool, optional
        Without effect, see `KernelOptimizer`.
    maximize : bool
        Whether to climb instead of descend. Default False.
    differentiable : bool
        Only False.
    decoupled_weight_decay : bool
        Whether weight decay instead shrinks the parameter, as in `AdamW`. Default False.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    References
    ----------
    D. Kingma, J. Ba, "Adam: a method for stochastic optimization", 2015; S. Reddi et al., "On the
    convergence of Adam and beyond", 2018.
    """

    _kernel = kernels.adam_step
    _cell = ("lr", "betas", "eps", "weight_decay", "maximize", "decoupled_weight_decay")

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
            "fused": fused,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        super().__init__(params, defaults)

    def _states(self, group: ParamGroup) -> tuple[str, ...]:
        return ("step", "exp_avg", "exp_avg_sq", "max_exp_avg_sq" if group["amsgrad"] else "")


class AdamW(Adam):
    """Adam with decoupled weight decay, as `torch.optim.AdamW` defines it.

    Parameters
    ----------
    params, lr, betas, eps, amsgrad, maximize, foreach, capturable, differentiable, fused
        As in `Adam`.
    weight_decay : float
        A step first multiplies a parameter by 1 - lr * weight_decay. Default 1e-2.

    References
    ----------
    I. Loshchilov, F. Hutter, "Decoupled weight decay regularization", 2019.
    """

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            foreach=foreach,
            maximize=maximize,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
            decoupled_weight_decay=True,
        )

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        # Files of older versions do not say that the decay is decoupled.
        super().load_state_dict(state_dict)
        for group in self.param_groups:
            group["decoupled_weight_decay"] = True

    load_state_dict.__doc__ = Adam.load_state_dict.__doc__


class Adamax(KernelOptimizer):
    """Adam with the largest gradient so far in place of a root, as `torch.optim.Adamax` defines it.

    Parameters
    ----------
    params, weight_decay, foreach, maximize, differentiable, capturable
        As in `Adam`.
    lr : float or Tensor
        Learning rate. Default 2e-3.
    betas : tuple of float
        Decay of the running average of the gradient and of its largest magnitude. Default
        (0.9, 0.999).
    eps : float
        Added to the gradient's magnitude. Default 1e-8.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    References
    ----------
    D. Kingma, J. Ba, "Adam: a method for stochastic optimization", 2015, section 7.1.
    """

    _kernel = kernels.adamax_step
    _cell = ("lr", "betas", "eps", "weight_decay", "maximize", "decoupled_weight_decay")

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def _states(self, group: ParamGroup) -> tuple[str, ...]:
        return ("step", "exp_avg", "exp_inf")


class NAdam(KernelOptimizer):
    """Adam with Nesterov's momentum, as `torch.optim.NAdam` defines it.

    Parameters
    ----------
    params, betas, eps, weight_decay, foreach, maximize, capturable, differentiable
        As in `Adam`.
    lr : float or Tensor
        Learning rate. Default 2e-3.
    momentum_decay : float
        How fast the momentum of a step grows to the first beta. Default 4e-3.
    decoupled_weight_decay : bool
        Whether weight decay instead shrinks the parameter, as in `AdamW`. Default False.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    References
    ----------
    T. Dozat, "Incorporating Nesterov momentum into Adam", 2016.
    """

    _kernel = kernels.nadam_step
    _cell = (
        "lr",
        "betas",
        "eps",
        "weight_decay",
        "momentum_decay",
        "maximize",
        "decoupled_weight_decay",
    )
    _numbers = frozenset({"step", "mu_product"})

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _states(self, group: ParamGroup) -> tuple[str, ...]:
        return ("step", "mu_product", "exp_avg", "exp_avg_sq")

    def _initial(self, name: str, group: ParamGroup) -> float:
        return 1.0 if name == "mu_product" else 0.0


class RAdam(KernelOptimizer):
    """Adam with a rectified adaptive rate, as `torch.optim.RAdam` defines it.

    Parameters
    ----------
    params, lr, betas, eps, weight_decay, foreach, maximize, capturable, differentiable
        As in `Adam`, but `eps` is added to the root before its bias is corrected.
    decoupled_weight_decay : bool
        Whether weight decay instead shrinks the parameter, as in `AdamW`. Default False.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    References
    ----------
    L. Liu et al., "On the variance of the adaptive learning rate and beyond", 2020.
    """

    _kernel = kernels.radam_step
    _cell = ("lr", "betas", "eps", "weight_decay", "maximize", "decoupled_weight_decay")

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "decoupled_weight_decay": decoupled_weight_decay,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _states(self, group: ParamGroup) -> tuple[str, ...]:
        return ("step", "exp_avg", "exp_avg_sq")
