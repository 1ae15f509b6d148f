"""Averages of a model's weights over training: stochastic weight averaging, moving averages."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable
from itertools import chain
from typing import Any, Literal, TypeAlias

from cygnet.autograd import no_grad
from cygnet.nn import BatchNorm1d, Module
from cygnet.ops import zeros
from cygnet.optim.lr_scheduler.base import LRScheduler, checked_optimizer, per_group, present_rates
from cygnet.optim.optimizer import Optimizer
from cygnet.tensor import FLOATS, Tensor

__all__ = [
    "SWALR",
    "AveragedModel",
    "get_ema_avg_fn",
    "get_ema_multi_avg_fn",
    "get_swa_avg_fn",
    "get_swa_multi_avg_fn",
    "update_bn",
]

AverageFunction: TypeAlias = Callable[[Tensor, Tensor, Any], Tensor]
MultiAverageFunction: TypeAlias = Callable[[list[Tensor], list[Tensor], Any], None]


def get_ema_avg_fn(decay: float = 0.999) -> AverageFunction:
    """The function (average, value, count) -> decay * average + (1 - decay) * value.

    Parameters
    ----------
    decay : float
        0 to 1. Default 0.999.

    Raises
    ------
    ValueError
        If the decay is out of its range.
    """
    _check_decay("get_ema_avg_fn", decay)
    return lambda average, value, count: average * decay + value * (1 - decay)


def get_ema_multi_avg_fn(decay: float = 0.999) -> MultiAverageFunction:
    """What `get_ema_avg_fn` gives, for lists of tensors and in place.

    Parameters
    ----------
    decay : float
        0 to 1. Default 0.999.

    Raises
    ------
    ValueError
        If the decay is out of its range.
    """
    _check_decay("get_ema_multi_avg_fn", decay)
    return lambda averages, values, count: _approach(averages, values, 1 - decay)


def get_swa_avg_fn() -> AverageFunction:
    """The function that gives the mean of `count` values and a new one: (mean, value, count) ->
    mean + (value - mean) / (count + 1).
    """
    return lambda average, value, count: average + (value - average) / (count + 1)


def get_swa_multi_avg_fn() -> MultiAverageFunction:
    """What `get_swa_avg_fn` gives, for lists of tensors and in place."""
    return lambda averages, values, count: _approach(averages, values, 1 / (int(count) + 1))


def _check_decay(op: str, decay: float) -> None:
    if not 0 <= decay <= 1:
        raise ValueError(f"{op}: decay is {decay}, expected 0 to 1")


def _approach(averages: list[Tensor], values: list[Tensor], weight: float) -> None:
    """average += weight * (value - average), in place; integers are cut."""
    with no_grad():
        for average, value in zip(averages, values, strict=True):
            if average.dtype in FLOATS:
                average.add_((value - average) * weight)
            else:
                average.copy_(average * (1 - weight) + value * weight)


class AveragedModel(Module):
    """A copy of a model whose parameters are averages of the model's over time, as
    `torch.optim.swa_utils.AveragedModel` keeps them.

    Parameters
    ----------
    model : Module
    device : device, optional
        Where the copy lives.
    avg_fn : callable, optional
        (average, value, number of values before) -> new average, of one tensor. Default: the mean.
    multi_avg_fn : callable, optional
        The same for lists of tensors, in place.
    use_buffers : bool
        Whether buffers are averaged, too, instead of copied. Default False.

    Attributes
    ----------
    module : Module
        The copy.
    n_averaged : int64 Tensor without dimensions
        Calls of `update_parameters`.

    Raises
    ------
    ValueError
        If both functions are given.

    References
    ----------
    P. Izmailov et al., "Averaging weights leads to wider optima and better generalization", 2018;
    B. Polyak, A. Juditsky, "Acceleration of stochastic approximation by averaging", 1992.

    Examples
    --------
    >>> from cygnet import nn
    >>> from cygnet.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
    >>> model = nn.Linear(2, 1)
    >>> ema = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9), use_buffers=True)
    >>> ema.update_parameters(model)  # after each step of the optimizer
    >>> ema.n_averaged.item()
    1
    """

    n_averaged: Tensor

    def __init__(
        self,
        model: Module,
        device: Any = None,
        avg_fn: AverageFunction | None = None,
        multi_avg_fn: MultiAverageFunction | None = None,
        use_buffers: bool = False,
    ) -> None:
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise ValueError("AveragedModel: expected avg_fn or multi_avg_fn, got both")
        self.module = copy.deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", zeros((), dtype="int64"))
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The copy's result."""
        return self.module(*args, **kwargs)

    def update_parameters(self, model: Module) -> None:
        """Takes the model's present parameters into the average; the first time, copies them."""
        with no_grad():
            averages, values = (
                [
                    tensor.detach()
                    for tensor in chain(
                        each.parameters(), each.buffers() if self.use_buffers else ()
                    )
                ]
                for each in (self.module, model)
            )
            if self.n_averaged.item() == 0:
                _copy(averages, values)
            elif self.avg_fn is not None:
                _copy(
                    averages,
                    [
                        self.avg_fn(average, value, self.n_averaged)
                        for average, value in zip(averages, values, strict=True)
                    ],
                )
            else:
                average_all = self.multi_avg_fn or get_swa_multi_avg_fn()
                for dtype in {average.dtype for average in averages}:
                    of_type = [i for i, average in enumerate(averages) if average.dtype == dtype]
                    average_all(
                        [averages[i] for i in of_type],
                        [values[i] for i in of_type],
                        self.n_averaged,
                    )
            if not self.use_buffers:
                _copy(list(self.module.buffers()), list(model.buffers()))
            self.n_averaged.add_(1)


def _copy(targets: list[Tensor], sources: list[Tensor]) -> None:
    for target, source in zip(targets, sources, strict=True):
        target.copy_(source)


def update_bn(loader: Iterable[Any], model: Module, device: Any = None) -> None:
    """Computes the running statistics of all batch norms anew, as the mean over `loader`'s batches:
    those of averaged weights.

    Parameters
    ----------
    loader : iterable
        Batches: tensors, or tuples and lists whose first element is the model's input.
    model : Module
    device : device, optional
        Where inputs are moved to.
    """
    norms = [module for module in model.modules() if isinstance(module, BatchNorm1d)]
    if not norms:
        return
    momenta, was_training = [norm.momentum for norm in norms], model.training
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
    model.train()
    with no_grad():
        for batch in loader:
            input = batch[0] if isinstance(batch, list | tuple) else batch
            model(input if device is None else input.to(device))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    model.train(was_training)


class SWALR(LRScheduler):
    """Takes the learning rate to `swa_lr` in `anneal_epochs` steps and keeps it there, as
    `torch.optim.swa_utils.SWALR` does.

    Parameters
    ----------
    optimizer : Optimizer
    swa_lr : float or list of float
        For all groups or one each.
    anneal_epochs : int
        Default 10.
    anneal_strategy : str
        'cos' (the default) or 'linear'.
    last_epoch : int
        See `LRScheduler`.

    Raises
    ------
    ValueError, TypeError
    """

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: float | list[float],
        anneal_epochs: int = 10,
        anneal_strategy: Literal["cos", "linear"] = "cos",
        last_epoch: int = -1,
    ) -> None:
        checked_optimizer(self, optimizer)
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(
                f"SWALR: anneal_strategy is {anneal_strategy!r}, expected 'cos' or 'linear'"
            )
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(f"SWALR: anneal_epochs is {anneal_epochs!r}, expected an int >= 0")
        rates = per_group(self, "swa_lr", swa_lr, optimizer)
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["swa_lr"] = rate
        self.anneal_epochs = anneal_epochs
        self._anneal_strategy = anneal_strategy
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        step = self._step_count - 1
        if self.anneal_epochs == 0:
            step = max(1, step)
        before, now = self._part(step - 1), self._part(step)
        rates = []
        for group, rate in zip(
            self.optimizer.param_groups, present_rates(self.optimizer), strict=True
        ):
            end = group["swa_lr"]
            start = end if before == 1 else (rate - before * end) / (1 - before)
            rates.append(end * now + start * (1 - now))
        return rates

    def _part(self, step: int) -> float:
        """How much of the way to `swa_lr` is done."""
        part = max(0.0, min(1.0, step / max(1, self.anneal_epochs)))
        return part if self._anneal_strategy == "linear" else (1 - math.cos(math.pi * part)) / 2
