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
        by_batch = type(save_freq) is int and save_freq > 0
        if not by_batch and save_freq != "epoch" and save_freq is not False:
            raise ValueError(
                f"{op}: argument save_freq expected 'epoch' or an int of at least 1, got "
                f"{save_freq!r}"
            )
        self.every = int(save_freq) if by_batch else 0
        self.counted = 0

    def is_due(self) -> bool:
        """Counts a batch; whether to save after it."""
        self.counted += 1
        if self.counted < self.every or not self.every:
            return False
        self.counted = 0
        return True
