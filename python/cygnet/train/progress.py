"""How training shows itself: a bar on a terminal, else one line an epoch."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Mapping
from typing import Any

from cygnet.train.callbacks.base import Callback, Logs
from cygnet.train.history import is_several

__all__ = ["Progress"]

_REFRESH_SECONDS = 0.1


def format_values(values: Mapping[str, float]) -> str:
    """``loss 0.1234  accuracy 0.9876``; very small and very large values in powers of ten."""
    parts = []
    for name, value in values.items():
        if is_several(value):
            continue
        plain = value == 0.0 or 1e-3 <= abs(value) < 1e5
        parts.append(f"{name} {value:.4f}" if plain else f"{name} {value:.3e}")
    return "  ".join(parts)


class Progress(Callback):
    """Shows training, evaluation and prediction by a line, of training one an epoch; with
    ``verbose=1`` on a terminal by a bar before.

    Every `fit` has one unless `verbose` is 0.
    """

    reads_batch_logs = False

    _verbose = 1
    _epochs = 1

    def __init__(self) -> None:
        self._bar: Any = None
        self._in_fit = False

    def set_params(self, params: dict[str, Any]) -> None:
        super().set_params(params)
        self._verbose = params.get("verbose", 1)
        self._epochs = params.get("epochs", 1)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._in_fit = True

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._start(f"epoch {epoch + 1:{len(str(self._epochs))}}/{self._epochs}")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        now = self._trained or time.perf_counter()
        self._finish(format_values(logs or {}) + self._rate(now))

    def _rate(self, now: float) -> str:
        """Samples in a second of training; a loop of the user's own counts none."""
        if self.loop is None:
            return ""
        return f"  {self.loop.samples / max(now - self._began, 1e-9):,.0f} samples/s"

    def on_test_begin(self, logs: Logs | None = None) -> None:
        if self._in_fit:
            self._trained = time.perf_counter()
        else:
            self._start("evaluation")

    def on_test_end(self, logs: Logs | None = None) -> None:
        if not self._in_fit:
            self._finish(format_values(logs or {}))

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        self._start("prediction")

    def on_predict_end(self, logs: Logs | None = None) -> None:
        self._finish("")

    def close(self) -> None:
        self._in_fit = False
        self._close_bar()

    def _close_bar(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _start(self, title: str) -> None:
        self._title = title
        self._trained = 0.0
        self._began = time.perf_counter()
        if not (self._verbose == 1 and sys.stdout.isatty()):
            return
        from tqdm import tqdm

        size = shutil.get_terminal_size()
        self._bar = tqdm(
            total=(self.params or {}).get("steps"),
            desc=title,
            bar_format="{desc} {percentage:3.0f}%|{bar:20}| {elapsed}<{remaining}{postfix}",
            leave=False,  # the line of the finished epoch takes its place
            file=sys.stdout,
            ncols=size.columns,  # tqdm itself draws nothing where these are reported as 0
            nrows=size.lines,
        )
        self._due = self._began + _REFRESH_SECONDS

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Draws the bar anew, but not too often: that would take longer than a step."""
        if self._bar is None or self._trained or (now := time.perf_counter()) < self._due:
            return
        text = ""
        if self._in_fit:
            text = format_values(logs or self.learner.figures()) + self._rate(now)
        self._bar.set_postfix_str(text, refresh=False)
        self._bar.update(batch + 1 - self._bar.n)
        self._due = time.perf_counter() + _REFRESH_SECONDS

    on_test_batch_end = on_predict_batch_end = on_train_batch_end

    def _finish(self, text: str) -> None:
        self._close_bar()
        if self._verbose:
            seconds = time.perf_counter() - self._began
            print("  ".join(filter(None, (self._title, text, f"{seconds:.1f} s"))), flush=True)
