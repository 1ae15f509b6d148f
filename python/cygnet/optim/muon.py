"""Muon: momentum that is made orthogonal."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from cygnet import ops
from cygnet.autograd import no_grad
from cygnet.optim.kernel import KernelOptimizer, assignments, check_numbers
from cygnet.optim.optimizer import ParamGroup
from cygnet.tensor import Array, Tensor

__all__ = ["Muon"]


class Muon(KernelOptimizer):
    """Muon, as `torch.optim.Muon` defines it, for the matrices of hidden layers; other parameters
    take another optimizer.

    A step moves a matrix along its momentum, whose singular values are first brought near 1 by
    Newton and Schulz's iteration, here in the parameter's type (PyTorch iterates in bfloat16).

    Parameters
    ----------
    params : iterable of Tensor or of dict
        Parameters or parameter groups; all have two dimensions.
    lr : float or Tensor
        Learning rate. Default 1e-3.
    weight_decay : float
        A step first multiplies a parameter by 1 - lr * weight_decay. Default 0.1.
    momentum : float
        Decay of the running average of gradients. Default 0.95.
    nesterov : bool
        Whether to look ahead along the momentum. Default True.
    ns_coefficients : tuple of three float
        a, b and c of the iteration ``x = a x + (b s + c s s) x`` with ``s = x x.T``. Default
        (3.4445, -4.775, 2.0315).
    eps : float
        The smallest norm that the momentum is divided by. Default 1e-7.
    ns_steps : int
        Iterations, less than 100. Default 5.
    adjust_lr_fn : str, optional
        The factor of the learning rate for a matrix of m rows and n columns: 'original', the
        default, is ``sqrt(max(1, m / n))``; 'match_rms_adamw' is ``0.2 sqrt(max(m, n))``.

    Raises
    ------
    ValueError
        If an argument is out of its range or a parameter is no matrix.

    References
    ----------
    K. Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024; J. Liu et
    al., "Muon is scalable for LLM training", 2025.
    """

    _cell = ("lr", "weight_decay", "momentum")
    _numbers = frozenset()

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.7750, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ) -> None:
        defaults = {
            "lr": lr,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "nesterov": nesterov,
            "ns_coefficients": ns_coefficients,
            "eps": eps,
            "ns_steps": ns_steps,
            "adjust_lr_fn": adjust_lr_fn,
        }
        super().__init__(params, defaults)

    def _validate(self, group: ParamGroup) -> None:
        super()._validate(group)
        if group["adjust_lr_fn"] not in (None, "original", "match_rms_adamw"):
            raise ValueError(
                f"Muon: adjust_lr_fn is {group['adjust_lr_fn']!r}, expected 'original', "
                "'match_rms_adamw' or None"
            )
        check_numbers("Muon", "ns_coefficients", group["ns_coefficients"], 3)
        if group["ns_steps"] not in range(100):
            raise ValueError(f"Muon: ns_steps is {group['ns_steps']}, expected 0 to 99")
        if not group["eps"] >= 0:
            raise ValueError(f"Muon: eps is {group['eps']}, expected at least 0")
        for i, param in enumerate(group["params"]):
            if param.ndim != 2:
                raise ValueError(f"Muon: params[{i}] has shape {param.shape}, expected a matrix")

    def _states(self, group: ParamGroup) -> tuple[str, ...]:
        return ("momentum_buffer",)

    def _kind(self, group: ParamGroup) -> tuple[Any, ...]:
        names = ("nesterov", "eps", "ns_steps", "adjust_lr_fn")
        return *group["ns_coefficients"], *(group[name] for name in names)

    @no_grad()
    def _prepared(self, group: ParamGroup, params: list[Tensor], cell: Array) -> Callable[[], None]:
        lr, weight_decay, momentum = (
            Tensor._wrap(cell[i : i + 1].reshape(())) for i in range(len(cell))
        )
        self._lists(group, params)
        values = []
        for param in params:
            state = self.state[param]["momentum_buffer"]
            buffer = state.lerp(param.grad, 1 - momentum)
            assert param.grad is not None
            direction = param.grad.lerp(buffer, momentum) if group["nesterov"] else buffer
            step = _orthogonal(direction, group) * (lr * _factor(param, group))
            values += [(state, buffer), (param, param * (1 - lr * weight_decay) - step)]
        return assignments(values)


def _orthogonal(matrix: Tensor, group: ParamGroup) -> Tensor:
    """The matrix with singular values near 1."""
    a, b, c = group["ns_coefficients"]
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.transpose(0, 1) if tall else matrix
    x = x / ops.clamp(ops.sqrt(ops.sum(x * x)), min=group["eps"])
    for _ in range(group["ns_steps"]):
        squares = ops.matmul(x, x.transpose(0, 1))
        x = a * x + ops.matmul(b * squares + c * ops.matmul(squares, squares), x)
    return x.transpose(0, 1) if tall else x


def _factor(param: Tensor, group: ParamGroup) -> float:
    rows, columns = param.shape
    if group["adjust_lr_fn"] == "match_rms_adamw":
        return 0.2 * math.sqrt(max(rows, columns))
    return math.sqrt(max(1, rows / columns)) if columns else 1.0
