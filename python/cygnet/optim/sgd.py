"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Any

import numpy as np

from cygnet import kernels
from cygnet.optim.kernel import KernelOptimizer
from cygnet.optim.optimizer import ParamGroup
from cygnet.tensor import Array, Tensor

__all__ = ["SGD"]


class SGD(KernelOptimizer):
    """Stochastic gradient descent with momentum, as `torch.optim.SGD` defines it.

    Parameters
    ----------
    params : iterable of Tensor or of dict
        Parameters or parameter groups.
    lr : float or Tensor
        Learning rate. Default 1e-3.
    momentum : float
        Default 0.
    dampening : float
        The part of the gradient that momentum leaves out, from the second step on. Default 0.
    weight_decay : float
        Factor of the parameter that is added to its gradient. Default 0.
    nesterov : bool
        Whether to look ahead; needs momentum and no dampening. Default False.
    maximize : bool
        Whether to climb instead of descend. Default False.
    foreach, fused : bool, optional
        Without effect, see `KernelOptimizer`.
    differentiable : bool
        Only False.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    References
    ----------
    I. Sutskever et al., "On the importance of initialization and momentum in deep learning", 2013.

    Examples
    --------
    >>> import cygnet
    >>> x = cygnet.tensor([3.0], requires_grad=True)
    >>> optimizer = cygnet.optim.SGD([x], lr=0.5)
    >>> (x * x).sum().backward()
    >>> optimizer.step()
    >>> x.item()
    0.0
    """

    _kernel = kernels.sgd_step
    _cell = (
        "lr",
        "momentum",
        "dampening",
        "weight_decay",
        "nesterov",
        "maximize",
        "decoupled_weight_decay",
        "lr_in_buffer",
    )
    _unbounded = frozenset({"dampening"})

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float | Tensor = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        # How many steps a buffer has had: not part of PyTorch's state.
        self._counts: dict[Tensor, Array] = {}
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
            "foreach": foreach,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)

    def _validate(self, group: ParamGroup) -> None:
        super()._validate(group)
        if group["nesterov"] and (group["momentum"] <= 0 or group["dampening"] != 0):
            raise ValueError("SGD: nesterov=True expected momentum > 0 and dampening 0")

    def _state_loaded(self) -> None:
        for param in (*self.state, *self._counts):
            self._count(param).fill("momentum_buffer" in self.state.get(param, ()))

    def _states(self, group: ParamGroup) -> tuple[str, ...]:
        return ("momentum_buffer",) if group["momentum"] != 0 else ()

    def _count(self, param: Tensor) -> Array:
        count = self._counts.get(param)
        if count is None:
            count = self._counts[param] = np.zeros((), np.float32)
        return count

    def _lists(self, group: ParamGroup, params: list[Tensor]) -> list[list[Array]]:
        if not self._states(group):
            return [[], []]
        counts = [self._count(param) for param in params]
        return [counts, self._state_arrays(group, "momentum_buffer", params)]
