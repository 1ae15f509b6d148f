"""What a recording consists of, and how long each of its kernel calls takes."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cygnet import kernels
from cygnet.files import write_whole

__all__ = ["Profile"]

Call = tuple[str, str, float, float]
WIDEST = 64  # of the column of shapes


class Profile:
    """The kernel calls of a recording, in order; printed as a table.

    Parameters
    ----------
    calls : sequence of (str, str, float, float)
        Name, shapes of the operands, floating-point operations and bytes of each.
    runs : sequence of sequence of float
        The seconds of each call in each run that was timed. Default none.
    memory : mapping of str to int, optional
        Bytes of what is kept, by name.

    Attributes
    ----------
    seconds : numpy.ndarray or None
        Of each call, the median over the runs; None where nothing was timed.
    """

    def __init__(
        self,
        calls: Sequence[Call],
        runs: Sequence[Sequence[float]] = (),
        memory: Mapping[str, int] | None = None,
    ) -> None:
        self.calls = list(calls)
        self.memory = dict(memory or {})
        self.seconds = np.median(np.asarray(runs), axis=0) if len(runs) else None

    def __str__(self) -> str:
        head: tuple[str, ...] = ("kernel", "shapes", "MFLOP", "MB")
        rows = [
            [*_shortened(op, shapes), f"{flops / 1e6:.3f}", f"{moved / 1e6:.3f}"]
            for op, shapes, flops, moved in self.calls
        ]
        if self.seconds is not None:
            head = (*head, "us", "share", "of peak", "GB/s")
            peak, total = kernels.peak_flops(2**21), max(self.seconds.sum(), 1e-12)
            for row, (_, _, flops, moved), seconds in zip(
                rows, self.calls, self.seconds, strict=True
            ):
                row.append(f"{seconds * 1e6:.1f}")
                row.append(f"{seconds / total:.1%}")
                row.append(f"{flops / seconds / peak:.1%}")
                row.append(f"{moved / seconds / 1e9:.1f}")
        widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
        lines = [
            "  ".join(
                cell.ljust(width) if i < 2 else cell.rjust(width)
                for i, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in (head, *rows)
        ]
        lines.append(self._summary())
        return "\n".join(lines)

    def _summary(self) -> str:
        flops = sum(call[2] for call in self.calls)
        moved = sum(call[3] for call in self.calls)
        text = f"{len(self.calls)} calls, {flops / 1e6:.3f} MFLOP, {moved / 1e6:.3f} MB"
        if self.seconds is not None:
            seconds = max(self.seconds.sum(), 1e-12)
            part = flops / seconds / kernels.peak_flops(2**21)
            text += f", {seconds * 1e6:.1f} us, {part:.1%} of peak"
        if self.memory:
            sizes = (f"{what} {size / 1e6:.3f} MB" for what, size in self.memory.items())
            text += f"\nmemory: {', '.join(sizes)}"
        return text

    __repr__ = __str__

    def save_trace(self, path: str | os.PathLike[str]) -> None:
        """Writes the calls as a trace that chrome://tracing and ui.perfetto.dev show.

        Parameters
        ----------
        path : path-like
            A JSON file.

        Raises
        ------
        RuntimeError
            If nothing was timed.
        """
        if self.seconds is None:
            raise RuntimeError("save_trace: the calls were not timed; use profile()")
        events: list[dict[str, Any]] = []
        begin = 0.0
        for (op, shapes, flops, moved), seconds in zip(self.calls, self.seconds, strict=True):
            name, shapes = _shortened(op, shapes)
            events.append(
                {
                    "name": name,
                    "ph": "X",
                    "ts": begin * 1e6,
                    "dur": seconds * 1e6,
                    "pid": 0,
                    "tid": 0,
                    "args": {"shapes": shapes, "flops": flops, "bytes": moved},
                }
            )
            begin += seconds
        document = {"traceEvents": events, "displayTimeUnit": "ns"}
        write_whole(Path(path), json.dumps(document).encode())


def _shortened(op: str, shapes: str) -> tuple[str, str]:
    """The name of a kernel with what was joined to it, and its operands as ``2x3 3 -> 2x3``."""
    shapes, *joined = shapes.split(" + ")
    text = re.sub(
        r"\(([\d, ]*)\)", lambda found: found[1].rstrip(",").replace(", ", "x") or "1", shapes
    )
    if len(text) > WIDEST:
        text = f"{text[: WIDEST - 4].rsplit(' ', 1)[0]} ..."
    return " + ".join((op, *joined)), text
