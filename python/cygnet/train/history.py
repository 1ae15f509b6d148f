"""What training measured, epoch by epoch."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from os import PathLike
from typing import Any

from cygnet.train.callbacks.base import Callback, Logs

__all__ = ["History"]


class History(Callback):
    """Figures of each epoch; a callback that every training has.

    Attributes
    ----------
    epoch : list of int
        Numbers of the finished epochs, from 0.
    history : dict of str to list of float
        One value an epoch: ``loss``, each metric, and both with the prefix ``val_`` where
        there are validation data.
    """

    def __init__(self) -> None:
        self.epoch: list[int] = []
        self.history: dict[str, list[float]] = {}

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Adds the epoch's figures."""
        self.append(epoch, logs or {})

    def state_dict(self) -> dict[str, Any]:
        """The epochs and figures so far."""
        return {"epoch": self.epoch, "history": self.history}

    def append(self, epoch: int, values: Mapping[str, float]) -> None:
        """Add the figures of one epoch."""
        for name in values:
            self.history.setdefault(name, [math.nan] * len(self.epoch))
        for name, column in self.history.items():
            column.append(float(values.get(name, math.nan)))
        self.epoch.append(epoch)

    def to_csv(self, path: str | PathLike[str]) -> None:
        """Write a header and one line an epoch; numbers keep all their digits."""
        with open(path, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["epoch", *self.history])
            writer.writerows(zip(self.epoch, *self.history.values(), strict=True))

    def plot(self, path: str | PathLike[str] | None = None) -> Any:
        """Draw one panel a figure, training and validation together.

        Parameters
        ----------
        path : path-like, optional
            Where to write the picture; its ending names the format. Without it nothing is
            written, and a notebook shows the returned figure.

        Returns
        -------
        matplotlib.figure.Figure

        Raises
        ------
        ImportError
            If matplotlib is missing: ``pip install cygnet[plot]``.
        ValueError
            If there is no epoch yet.
        """
        try:
            from matplotlib.figure import Figure
            from matplotlib.ticker import MaxNLocator
        except ImportError as error:
            raise ImportError("History.plot needs matplotlib: pip install cygnet[plot]") from error
        if not self.epoch:
            raise ValueError("History.plot: there is no finished epoch to draw")
        names = [name for name in self.history if not name.startswith("val_")]
        figure = Figure(figsize=(5.0 * len(names), 3.6), layout="constrained")
        panels = figure.subplots(1, len(names), squeeze=False)[0]
        epochs = [epoch + 1 for epoch in self.epoch]
        for panel, name in zip(panels, names, strict=True):
            panel.plot(epochs, self.history[name], marker="o", markersize=3, label="training")
            if f"val_{name}" in self.history:
                held_out = self.history[f"val_{name}"]
                panel.plot(epochs, held_out, marker="o", markersize=3, label="validation")
            panel.set(xlabel="epoch", title=name.replace("_", " "))
            panel.xaxis.set_major_locator(MaxNLocator(integer=True))
            panel.grid(alpha=0.3)
            panel.legend()
        if path is not None:
            figure.savefig(path, dpi=120)
        return figure

    def __repr__(self) -> str:
        last = ", ".join(f"{name}={column[-1]:.4g}" for name, column in self.history.items())
        return f"History({len(self.epoch)} epochs{': ' + last if last else ''})"
