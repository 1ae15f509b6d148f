"""The optimizers: each the rule of one of `cygnet.optim` with Keras's arguments and numbers.

`common` are, in this order, the arguments of `Optimizer` after `learning_rate`; `options` are the
same by name.
"""

from __future__ import annotations

import math
from typing import Any

from cygnet import optim
from cygnet.keras.optimizers.base import Optimizer
from cygnet.tensor import Tensor

__all__ = ["SGD", "Adadelta", "Adagrad", "Adam", "AdamW", "Adamax", "Lion", "Nadam", "RMSprop"]


class SGD(Optimizer):
    """Gradient descent: v = momentum v - learning_rate g; w += v.

    Parameters
    ----------
    learning_rate : float, LearningRateSchedule or callable
        Default 0.01.
    momentum : float
        0 to 1. Default 0.
    nesterov : bool
        Whether instead w += momentum v - learning_rate g with the new v. Default False.
    *common, **options
        As in `Optimizer`.
    """

    _rule = optim.SGD
    _own = ("momentum", "nesterov")

    def __init__(
        self,
        learning_rate: Any = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        *common: Any,
        **options: Any,
    ) -> None:
        super().__init__(learning_rate, *common, **options)
        if not 0 <= momentum <= 1:
            raise ValueError(f"SGD: momentum is {momentum}, expected 0 to 1")
        self.momentum = momentum
        self.nesterov = nesterov

    def _arguments(self, step: int) -> dict[str, Any]:
        nesterov = self.nesterov and self.momentum > 0
        return {"momentum": self.momentum, "nesterov": nesterov, "lr_in_buffer": True}


class RMSprop(Optimizer):
    """Gradients divided by the root of the running average of their squares plus epsilon.

    Parameters
    ----------
    learning_rate : float, LearningRateSchedule or callable
        Default 0.001.
    rho : float
        How much of the average stays in a step. Default 0.9.
    momentum : float
        Of the steps. Default 0.
    epsilon : float
        Default 1e-7.
    centered : bool
        Whether the square of the average gradient is taken from the average square. Default False.
    *common, **options
        As in `Optimizer`.
    """

    _rule = optim.RMSprop
    _own = ("rho", "momentum", "epsilon", "centered")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
        *common: Any,
        **options: Any,
    ) -> None:
        super().__init__(learning_rate, *common, **options)
        self.rho = rho
        self.momentum = momentum
        self.epsilon = epsilon
        self.centered = centered

    def _arguments(self, step: int) -> dict[str, Any]:
        return {
            "alpha": self.rho,
            "eps": self.epsilon,
            "momentum": self.momentum,
            "centered": self.centered,
            "lr_in_buffer": True,
            "eps_in_root": True,
        }


class Adam(Optimizer):
    """Adam: w -= learning_rate sqrt(1 - beta_2^t) / (1 - beta_1^t) m / (sqrt(v) + epsilon).

    Unlike in `cygnet.optim.Adam`, epsilon is added to a root whose bias is not corrected.

    Parameters
    ----------
    learning_rate : float, LearningRateSchedule or callable
        Default 0.001.
    beta_1, beta_2 : float
        How much of the averages m of the gradient and v of its square stays in a step. Defaults 0.9
        and 0.999.
    epsilon : float
        Default 1e-7.
    amsgrad : bool
        Whether v is the largest average so far. Default False.
    *common, **options
        As in `Optimizer`.
    """

    _rule = optim.Adam
    _own = ("beta_1", "beta_2", "epsilon", "amsgrad")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        *common: Any,
        **options: Any,
    ) -> None:
        super().__init__(learning_rate, *common, **options)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.amsgrad = amsgrad

    def _arguments(self, step: int) -> dict[str, Any]:
        # The rule adds eps to the corrected root: this one, corrected, is epsilon.
        eps = self.epsilon / math.sqrt(1 - self.beta_2**step)
        return {"betas": (self.beta_1, self.beta_2), "eps": eps, "amsgrad": self.amsgrad}


class AdamW(Adam):
    """`Adam` with weight decay; `weight_decay`, default 0.004, is the second argument."""

    def __init__(
        self,
        learning_rate: Any = 0.001,
        weight_decay: float | None = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        *common: Any,
        **options: Any,
    ) -> None:
        super().__init__(
            learning_rate, beta_1, beta_2, epsilon, amsgrad, weight_decay, *common, **options
        )


class _WithMoments(Optimizer):
    """An optimizer with the arguments of Adam but amsgrad."""

    _own = ("beta_1", "beta_2", "epsilon")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        *common: Any,
        **options: Any,
    ) -> None:
        super().__init__(learning_rate, *common, **options)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon

    def _arguments(self, step: int) -> dict[str, Any]:
        return {"betas": (self.beta_1, self.beta_2), "eps": self.epsilon}


class Adamax(_WithMoments):
    """`Adam` with the largest gradient, which fades with beta_2, in place of the root.

    Epsilon, default 1e-7, is added to gradients before, in Keras after the largest is taken, which
    is the same but for a share of epsilon.
    """

    _rule = optim.Adamax


class Nadam(_WithMoments):
    """`Adam` with Nesterov's momentum, which grows from step to step."""

    _rule = optim.NAdam

    def _arguments(self, step: int) -> dict[str, Any]:
        return {**super()._arguments(step), "momentum_decay": 1.0}

    def _skipped(self, state: dict[str, Tensor]) -> None:
        super()._skipped(state)
        momentum = self.beta_1 * (1 - 0.5 * 0.96 ** float(state["step"]._array))
        state["mu_product"]._array *= momentum


class Adagrad(Optimizer):
    """Gradients divided by the root of the sum of all their squares plus epsilon.

    Parameters
    ----------
    learning_rate : float, LearningRateSchedule or callable
        Default 0.001.
    initial_accumulator_value : float
        What the sums begin with. Default 0.1.
    epsilon : float
        Default 1e-7.
    *common, **options
        As in `Optimizer`.
    """

    _rule = optim.Adagrad
    _own = ("initial_accumulator_value", "epsilon")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
        *common: Any,
        **options: Any,
    ) -> None:
        super().__init__(learning_rate, *common, **options)
        self.initial_accumulator_value = initial_accumulator_value
        self.epsilon = epsilon

    def _arguments(self, step: int) -> dict[str, Any]:
        return {
            "initial_accumulator_value": self.initial_accumulator_value,
            "eps": self.epsilon,
            "eps_in_root": True,
        }


class Adadelta(Optimizer):
    """Steps whose size follows the running averages of squared gradients and squared steps.

    Parameters
    ----------
    learning_rate : float, LearningRateSchedule or callable
        Default 0.001.
    rho : float
        How much of the averages stays in a step. Default 0.95.
    epsilon : float
        Default 1e-7.
    *common, **options
        As in `Optimizer`.
    """

    _rule = optim.Adadelta
    _own = ("rho", "epsilon")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.95,
        epsilon: float = 1e-7,
        *common: Any,
        **options: Any,
    ) -> None:
        super().__init__(learning_rate, *common, **options)
        self.rho = rho
        self.epsilon = epsilon

    def _arguments(self, step: int) -> dict[str, Any]:
        return {"rho": self.rho, "eps": self.epsilon}


class Lion(Optimizer):
    """Steps of one size, by the sign of the running average of the gradient.

    Parameters
    ----------
    learning_rate : float, LearningRateSchedule or callable
        Default 0.001.
    beta_1, beta_2 : float
        The share of the average in a step's direction, and how much of it stays. Defaults 0.9 and
        0.99.
    *common, **options
        As in `Optimizer`.
    """

    _rule = optim.Lion
    _own = ("beta_1", "beta_2")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.99,
        *common: Any,
        **options: Any,
    ) -> None:
        super().__init__(learning_rate, *common, **options)
        if not 0 < beta_1 <= 1:
            raise ValueError(f"Lion: beta_1 is {beta_1}, expected 0 < beta_1 <= 1")
        self.beta_1 = beta_1
        self.beta_2 = beta_2

    def _arguments(self, step: int) -> dict[str, Any]:
        return {"betas": (self.beta_1, self.beta_2)}
