"""When to save."""

from __future__ import annotations

from typing import Any

__all__ = ["SaveTimer"]


class SaveTimer:
    """Counts batches for a callback that saves after every so many.

    Parameters
    ----------
    op : str
        The callback's name, for messages.
    save_freq : "epoch", int or False

    Attributes
    ----------
    every : int
        After how many batches to save; 0 for never.
    """

    def __init__(self, op: str, save_freq: Any) -> None:
        if save_freq != "epoch" and not isinstance(save_freq, int):
            raise ValueError(
                f"{op}: argument save_freq expected 'epoch' or an int, got {save_freq!r}"
            )
        if save_freq in (0, True) and save_freq is not False:
            raise ValueError(f"{op}: argument save_freq expected at least 1, got {save_freq!r}")
        self.every = 0 if save_freq == "epoch" else int(save_freq)
        if self.every < 0:
            raise ValueError(f"{op}: argument save_freq expected at least 1, got {save_freq}")
        self.counted = 0

    def is_due(self) -> bool:
        """Counts a batch; whether to save after it."""
        self.counted += 1
        if self.counted < self.every or not self.every:
            return False
        self.counted = 0
        return True
