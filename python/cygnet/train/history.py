"""What training measured, epoch by epoch."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any

from cygnet.train.callbacks.base import Callback, Logs

__all__ = ["History"]


def is_several(value: Any) -> bool:
    """Whether a figure is an array of numbers, not one."""
    return bool(getattr(value, "ndim", 0))


def one_line(value: Any) -> Any:
    """A figure for a table: of an array the nested list, whose text has no line breaks."""
    return value.tolist() if is_several(value) else value


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

    def __getstate__(self) -> dict[str, Any]:
        return self.state_dict()

    def append(self, epoch: int, values: Mapping[str, float]) -> None:
        """Add the figures of one epoch."""
        for name in values:
            self.history.setdefault(name, [math.nan] * len(self.epoch))
        for name, column in self.history.items():
            value = values.get(name, math.nan)
            column.append(value if is_several(value) else float(value))
        self.epoch.append(epoch)

    def to_csv(self, path: str | PathLike[str]) -> None:
        """Write a header and one line an epoch; numbers keep all their digits."""
        with open(path, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["epoch", *self.history])
            columns = ([one_line(value) for value in each] for each in self.history.values())
            writer.writerows(zip(self.epoch, *columns, strict=True))

    def plot(
        self,
        path: str | PathLike[str] | None = None,
        *,
        metrics: Sequence[str] | None = None,
        log: bool = False,
    ) -> Any:
        """Draw one panel a figure, training and validation together, but none of figures that are
        arrays.

        Parameters
        ----------
        path : path-like, optional
            Where to write the picture; its ending names the format. Without it nothing is
            written, and a notebook shows the returned figure.
        metrics : sequence of str, optional
            What to draw, without ``val_``. Default: all.
        log : bool, default False
            Whether panels of positive values that span a power of ten get a logarithmic scale.

        Returns
        -------
        matplotlib.figure.Figure

        Raises
        ------
        ImportError
            If matplotlib is missing: ``pip install cygnet[plot]``.
        ValueError
            If there is no epoch yet, or a metric that was not measured.
        """
        from cygnet.train.plots import plot_curves

        curves = {
            name: column
            for name, column in self.history.items()
            if not any(is_several(value) for value in column)
        }
        if metrics is not None:
            unknown = [
                name for name in metrics if name not in curves and f"val_{name}" not in curves
            ]
            if unknown:
                raise ValueError(
                    f"History.plot: argument metrics expected some of {', '.join(curves)}, got "
                    + ", ".join(unknown)
                )
            wanted = [key for name in metrics for key in (name, f"val_{name}") if key in curves]
            curves = {key: curves[key] for key in wanted}
        return plot_curves(self.epoch, curves, log=log, path=path)

    def __repr__(self) -> str:
        last = ", ".join(
            f"{name}={column[-1]:.4g}"
            for name, column in self.history.items()
            if not is_several(column[-1])
        )
        return f"History({len(self.epoch)} epochs{': ' + last if last else ''})"
