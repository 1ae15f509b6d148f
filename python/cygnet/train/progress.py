"""How training shows itself: a bar on a terminal, else one line an epoch."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["Progress"]

_REFRESH_SECONDS = 0.1


def format_values(values: Mapping[str, float]) -> str:
    """``loss 0.1234  accuracy 0.9876``; very small and very large values in powers of ten."""
    parts = []
    for name, value in values.items():
        plain = value == 0.0 or 1e-3 <= abs(value) < 1e5
        parts.append(f"{name} {value:.4f}" if plain else f"{name} {value:.3e}")
    return "  ".join(parts)


class Progress:
    """Shows the epochs of one training run.

    Parameters
    ----------
    epochs : int
        How many there will be.
    verbose : {0, 1, 2}
        0 shows nothing, 1 a bar on a terminal and else one line an epoch, 2 one line an epoch.
    """

    def __init__(self, epochs: int, verbose: int) -> None:
        self._epochs = epochs
        self._verbose = verbose
        self._bar: Any = None
        self._due = 0.0
        self._start = 0.0
        self._epoch = 0
        self._samples = 0

    def start_epoch(self, epoch: int, samples: int | None) -> None:
        """Begin epoch `epoch` (from 0) of `samples` samples (None: unknown)."""
        self._epoch = epoch
        self._samples = 0
        self._start = time.perf_counter()
        if self._verbose == 1 and sys.stdout.isatty():
            from tqdm import tqdm

            size = shutil.get_terminal_size()
            self._bar = tqdm(
                total=samples,
                desc=f"epoch {epoch + 1}/{self._epochs}",
                unit=" samples",
                unit_scale=True,
                bar_format="{desc} {percentage:3.0f}%|{bar}| "
                "{elapsed}<{remaining} {rate_fmt}{postfix}",
                file=sys.stdout,
                ncols=size.columns,  # tqdm itself draws nothing where these are reported as 0
                nrows=size.lines,
            )
            self._due = self._start + _REFRESH_SECONDS

    def update(self, samples: int, values: Callable[[], Mapping[str, float]]) -> None:
        """Count a batch; `values` is called only when the bar is drawn anew."""
        self._samples += samples
        if self._bar is not None and time.perf_counter() >= self._due:
            self._bar.set_postfix_str(format_values(values()), refresh=False)
            self._bar.update(self._samples - self._bar.n)
            self._due = time.perf_counter() + _REFRESH_SECONDS

    def end_training(self) -> None:
        """Note the time: what follows in the epoch is validation."""
        self._seconds = max(time.perf_counter() - self._start, 1e-9)

    def end_epoch(self, values: Mapping[str, float]) -> None:
        """Show the figures of the finished epoch."""
        if self._bar is not None:
            self._bar.set_postfix_str(format_values(values), refresh=False)
            self._bar.update(self._samples - self._bar.n)
            self._bar.refresh()
            self.close()
        elif self._verbose:
            width = len(str(self._epochs))
            print(
                f"epoch {self._epoch + 1:{width}}/{self._epochs}  {format_values(values)}  "
                f"{self._samples / self._seconds:,.0f} samples/s  "
                f"{time.perf_counter() - self._start:.1f} s",
                flush=True,
            )

    def close(self) -> None:
        """End a bar that is still drawn."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
