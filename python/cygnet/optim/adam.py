"""Adam and AdamW."""

from __future__ import annotations

from typing import Any

from cygnet import kernels
from cygnet.optim.optimizer import Optimizer, ParamGroup, check_at_least_zero
from cygnet.tensor import Array, Tensor

__all__ = ["Adam", "AdamW"]


class Adam(Optimizer):
    """Adam, as `torch.optim.Adam` defines it.

    Parameters
    ----------
    params : iterable of Tensor or of dict
        Parameters or parameter groups.
    lr : float
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
    maximize : bool
        Whether to climb instead of descend. Default False.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    References
    ----------
    D. Kingma, J. Ba, "Adam: a method for stochastic optimization", 2015; S. Reddi et al., "On the
    convergence of Adam and beyond", 2018.
    """

    _decoupled = False

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def _validate(self, group: ParamGroup) -> None:
        check_at_least_zero(self, "lr", group["lr"])
        check_at_least_zero(self, "eps", group["eps"])
        for i, beta in enumerate(group["betas"]):
            if not 0 <= beta < 1:
                raise ValueError(
                    f"{type(self).__name__}: betas[{i}] is {beta}, expected 0 <= beta < 1"
                )
        check_at_least_zero(self, "weight_decay", group["weight_decay"])

    def _hyper(self, group: ParamGroup) -> tuple[float, ...]:
        beta1, beta2 = group["betas"]
        lr, eps, weight_decay = group["lr"], group["eps"], group["weight_decay"]
        return (lr, beta1, beta2, eps, weight_decay, group["maximize"])

    def _step(
        self,
        group: ParamGroup,
        params: list[Tensor],
        arrays: list[Array],
        grads: list[Array],
        hyper: Array,
    ) -> None:
        kernels.adam_step(
            arrays,
            grads,
            self._state_arrays("exp_avg", params),
            self._state_arrays("exp_avg_sq", params),
            self._state_arrays("step", params),
            hyper,
            self._state_arrays("max_exp_avg_sq", params) if group["amsgrad"] else [],
            self._decoupled,
        )


class AdamW(Adam):
    """Adam with decoupled weight decay, as `torch.optim.AdamW` defines it.

    Parameters
    ----------
    params, lr, betas, eps, amsgrad, maximize
        As in `Adam`.
    weight_decay : float
        A step first multiplies a parameter by 1 - lr * weight_decay. Default 1e-2.

    References
    ----------
    I. Loshchilov, F. Hutter, "Decoupled weight decay regularization", 2019.
    """

    _decoupled = True

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize)
