"""The roofline plot: what each kernel reaches of what memory and multiply-adds allow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from benchmarks.machine import Machine
from benchmarks.operations import OPERATIONS

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
        ("optimizers", ("adam", "sgd")),
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


def roofline(workloads: dict[str, Any], machine: Machine, path: Path) -> None:
    """Draws intensity against FLOP/s, each with a logarithmic scale, and a number a kernel.

    The numbers are explained beside the plot, with the per cent of the limit that is reached.
    Kernels whose arrays fit a cache can lie above the line of memory.
    """
    names = list(workloads)
    intensity = [workloads[n]["flops"] / workloads[n]["bytes"] for n in names]
    reached = [workloads[n]["flops"] / workloads[n]["cygnet"]["median"] / 1e9 for n in names]
    columns = -(-len(names) // 60)
    figure = Figure(figsize=(11 + 3.1 * columns, 8.5), dpi=150, layout="constrained")
    axes, key = figure.subplots(1, 2, width_ratios=(11, 3.1 * columns))
    axes.set(xscale="log", yscale="log", xlabel="FLOP a byte that must move", ylabel="GFLOP/s")
    x = np.geomspace(min(intensity, default=0.1) / 2, max(intensity, default=10) * 3, 200)
    limit = np.minimum(machine.flops, x * machine.bandwidth) / 1e9
    axes.plot(x, limit, color="black", linewidth=1.5)
    axes.set_title(
        f"{machine.flops / 1e9:.0f} GFLOP/s of multiply-adds, {machine.bandwidth / 1e9:.0f} GB/s of copies"
    )
    axes.grid(True, which="major", linewidth=0.3)
    for name, (marker, colour) in FAMILIES.items():
        chosen = [i for i, n in enumerate(names) if family(OPERATIONS[n].op) == name]
        if chosen:
            axes.plot([intensity[i] for i in chosen], [reached[i] for i in chosen], marker,
                      color=colour, markersize=5, label=name, alpha=0.8)  # fmt: skip
    axes.legend(loc="lower right")
    label(axes, intensity, reached)
    key.set_axis_off()
    for i, n in enumerate(names):
        share = workloads[n]["limit"] / workloads[n]["cygnet"]["median"]
        key.text(i // 60 / columns, 1 - i % 60 / 60, f"{i + 1:>3} {share:>5.0%} {n}",
                 fontsize=6, family="monospace", va="top", transform=key.transAxes)  # fmt: skip
    figure.savefig(path)


def label(axes: Any, intensity: list[float], reached: list[float]) -> None:
    """Numbers right of their points; those of a column of points keep apart."""
    groups: dict[int, list[int]] = {}
    for i, value in enumerate(intensity):
        groups.setdefault(round(np.log10(value) * 6), []).append(i)
    for members in groups.values():
        heights = spread_out([float(np.log10(reached[i])) for i in members], 0.045)
        right = max(intensity[i] for i in members)
        for i, height in zip(members, heights, strict=True):
            axes.annotate(
                str(i + 1), (intensity[i], reached[i]), xytext=(right * 1.15, 10**height),
                fontsize=6, va="center",
                arrowprops={"arrowstyle": "-", "linewidth": 0.3, "color": "grey"},
            )  # fmt: skip
