"""The roofline plot: what each kernel reaches of what memory and multiply-adds allow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from benchmarks.operations import OPERATIONS, OPTIMIZERS

# Families differ in colour and in shape, so that a print without colours tells them apart.
FAMILIES = {
    "matrix products": ("o", "tab:blue"),
    "convolution": ("s", "tab:red"),
    "pooling": ("^", "tab:green"),
    "normalisation": ("D", "tab:purple"),
    "element-wise": ("v", "tab:orange"),
    "rows and losses": ("P", "tab:brown"),
    "optimizers": ("*", "black"),
}
ROWS = ("sum", "amax", "soft", "log_soft", "cross", "embedding")


def family(op: str) -> str:
    for name, starts in (
        ("matrix products", ("matmul", "linear")),
        ("convolution", ("conv",)),
        ("pooling", ("max_pool", "avg_pool")),
        ("optimizers", tuple(OPTIMIZERS)),
        ("rows and losses", ROWS),
    ):
        if op.startswith(starts):
            return name
    return "normalisation" if "norm" in op else "element-wise"


def spread_out(heights: list[float], least: float) -> list[float]:
    """Heights in the same order, near the given ones and at least so far apart."""
    order = np.argsort(heights)
    placed = np.array(heights)[order]
    for _ in range(500):
        gaps = least - np.diff(placed)
        if (gaps <= 1e-9).all():
            break
        push = np.maximum(gaps, 0) / 2
        placed[1:] += push
        placed[:-1] -= push
    result = np.empty_like(placed)
    result[order] = placed
    return list(result)


KEY_ROWS = 45


def roofline(workloads: dict[str, Any], path: Path) -> None:
    """Draws intensity against FLOP/s, each with a logarithmic scale, and a number a kernel.

    The numbers are explained beside the plot, with the per cent of the limit that is reached. Rows
    whose arrays fit a cache are left out: the line is that of memory.
    """
    names = [name for name in workloads if not name.endswith("512KB")]
    rows = [workloads[name] for name in names]
    intensity = [row["flops"] / row["bytes"] for row in rows]
    reached = [row["flops"] / row["frameworks"]["cygnet"]["median"] / 1e9 for row in rows]
    columns = -(-len(names) // KEY_ROWS)
    figure = Figure(figsize=(9.5 + 3.3 * columns, 7.5), dpi=150, layout="constrained")
    axes, key = figure.subplots(1, 2, width_ratios=(9.5, 3.3 * columns))
    axes.set(xscale="log", yscale="log", xlabel="FLOP a byte that must move", ylabel="GFLOP/s")
    x = np.geomspace(min(intensity, default=0.1) / 3, max(intensity, default=10) * 3, 200)
    memory = float(np.median([row["machine"]["bandwidth"] for row in rows])) / 1e9
    multiply = float(np.median([row["machine"]["flops"] for row in rows])) / 1e9
    axes.plot(x, np.minimum(multiply, x * memory), color="black", linewidth=1.5)
    axes.set_title(f"{multiply:.0f} GFLOP/s of multiply-adds, {memory:.0f} GB/s of copies")
    axes.grid(True, linewidth=0.3)
    for name, (marker, colour) in FAMILIES.items():
        chosen = [i for i, n in enumerate(names) if family(OPERATIONS[n].op) == name]
        if chosen:
            axes.plot([intensity[i] for i in chosen], [reached[i] for i in chosen], marker,
                      color=colour, markersize=5, label=name, alpha=0.8)  # fmt: skip
    axes.legend(loc="lower right")
    label(axes, intensity, reached)
    key.set_axis_off()
    for i, (name, row) in enumerate(zip(names, rows, strict=True)):
        text = f"{i + 1:>3}{row['limit'] / row['frameworks']['cygnet']['median']:>5.0%} {name}"
        at = (i // KEY_ROWS / columns, 1 - i % KEY_ROWS / KEY_ROWS)
        key.text(*at, text, fontsize=7, family="monospace", va="top", transform=key.transAxes)
    figure.savefig(path)


def label(axes: Any, intensity: list[float], reached: list[float]) -> None:
    """Numbers beside their points, on the side of fewer others; those of a column keep apart."""
    groups: dict[int, list[int]] = {}
    for i, value in enumerate(intensity):
        groups.setdefault(round(np.log10(value) * 8), []).append(i)
    for column, members in groups.items():
        near = {other - column: len(group) for other, group in groups.items()}
        left = sum(near.get(d, 0) for d in (1, 2, 3)) > sum(near.get(-d, 0) for d in (1, 2, 3))
        heights = spread_out([float(np.log10(reached[i])) for i in members], 0.055)
        edge = [intensity[i] for i in members]
        at = min(edge) / 1.25 if left else max(edge) * 1.25
        for i, height in zip(members, heights, strict=True):
            axes.annotate(
                str(i + 1), (intensity[i], reached[i]), xytext=(at, 10**height), fontsize=7,
                va="center", ha="right" if left else "left",
                arrowprops={"arrowstyle": "-", "linewidth": 0.3, "color": "grey"},
            )  # fmt: skip
