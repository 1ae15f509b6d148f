"""A search for the learning rate."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from os import PathLike
from typing import TYPE_CHECKING, Any

from cygnet.nn import Module
from cygnet.train.batches import random_states, set_random_states
from cygnet.train.inputs import check_count
from cygnet.train.learning_rate import set_learning_rate
from cygnet.train.modes import kept_modes
from cygnet.train.plots import figure_class

if TYPE_CHECKING:
    from cygnet.train.trainer import Trainer

__all__ = ["LearningRateCurve", "sweep"]


@dataclass(frozen=True)
class LearningRateCurve:
    """Losses at growing learning rates.

    Attributes
    ----------
    rates : list of float
    losses : list of float
        Of the batches trained with these rates.
    smooth : list of float
        Averages of the losses so far that forget old ones.
    suggestion : float or None
        A tenth of the rate at which the smooth loss is lowest; None if that is the first.
    """

    rates: list[float]
    losses: list[float]
    smooth: list[float]
    suggestion: float | None

    def plot(self, path: str | PathLike[str] | None = None) -> Any:
        """Draw the losses over the rates, and the suggestion.

        Parameters
        ----------
        path : path-like, optional
            Where to write the picture; its ending names the format.

        Returns
        -------
        matplotlib.figure.Figure

        Raises
        ------
        ImportError
            If matplotlib is missing: ``pip install cygnet[plot]``.
        """
        figure = figure_class("LearningRateCurve.plot needs")(
            figsize=(6.0, 3.6), layout="constrained"
        )
        panel = figure.subplots()
        panel.plot(self.rates, self.losses, alpha=0.3, label="of the batch")
        panel.plot(self.rates, self.smooth, label="smooth")
        if self.suggestion is not None:
            panel.axvline(
                self.suggestion, color="black", ls="--", label=f"suggestion {self.suggestion:.2g}"
            )
        finite = [loss for loss in self.smooth if math.isfinite(loss)]
        panel.set(
            xscale="log",
            xlabel="learning rate",
            ylabel="loss",
            ylim=(min(finite) - (finite[0] - min(finite)), 2 * finite[0] - min(finite)),
        )
        panel.grid(alpha=0.3)
        panel.legend()
        if path is not None:
            figure.savefig(path, dpi=120)
        return figure


def sweep(
    trainer: Trainer,
    batches: Iterable[Any],
    lowest: float,
    highest: float,
    steps: int,
    smoothing: float,
    limit: float,
) -> LearningRateCurve:
    """See `Trainer.learning_rate_finder`."""
    check_count("learning_rate_finder", "steps", steps, least=2)
    if not 0 < lowest < highest < math.inf:
        raise ValueError(
            "learning_rate_finder: arguments lowest and highest expected 0 < lowest < highest, got "
            f"{lowest} and {highest}"
        )
    if not 0 <= smoothing < 1:
        raise ValueError(
            f"learning_rate_finder: argument smoothing expected in [0, 1), got {smoothing}"
        )
    optimizer, scheduler = trainer.optimizer, trainer.scheduler
    parts = [trainer.model, optimizer]
    if isinstance(trainer.loss, Module):
        parts.append(trainer.loss)
    kept = copy.deepcopy([part.state_dict() for part in parts])
    generators = getattr(batches, "generators", ())
    states = random_states(generators)
    rates: list[float] = []
    losses: list[float] = []
    smooth: list[float] = []
    average, lowest_loss = 0.0, math.inf
    trainer.scheduler = None
    try:
        trainer.forget_gradients()
        with kept_modes(trainer.model):
            trainer.begin_epoch()
            for step, batch in zip(range(steps), _repeated(batches), strict=False):
                rates.append(lowest * (highest / lowest) ** (step / (steps - 1)))
                set_learning_rate(optimizer, rates[-1])
                losses.append(float(trainer.train_step(*batch)))
                average = smoothing * average + (1 - smoothing) * losses[-1]
                smooth.append(average / (1 - smoothing ** (step + 1)))
                lowest_loss = min(lowest_loss, smooth[-1])
                if not smooth[-1] <= limit * abs(lowest_loss):
                    break
    finally:
        for part, state in zip(parts, kept, strict=True):
            part.load_state_dict(state)
        trainer.forget_gradients()
        trainer.scheduler = scheduler
        set_random_states(states, generators)
    if not losses or not math.isfinite(losses[0]):
        what = f"the first loss is {losses[0]}" if losses else "the data hold no batch"
        raise ValueError(f"learning_rate_finder: {what}")
    best = rates[smooth.index(min(smooth))]
    return LearningRateCurve(rates, losses, smooth, None if best == rates[0] else best / 10)


def _repeated(batches: Iterable[Any]) -> Iterator[Any]:
    """Pass after pass, until one gives nothing."""
    has_batches = True
    while has_batches:
        has_batches = False
        for batch in batches:
            has_batches = True
            yield batch
