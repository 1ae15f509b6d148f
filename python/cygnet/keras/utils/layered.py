"""Places for the boxes of a directed graph, in layers from the sources to the sinks.

Ranks by the longest path, orders by the means of neighbours' places, then coordinates: K. Sugiyama
et al., "Methods for visual understanding of hierarchical system structures", 1981.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

__all__ = ["Route", "layered"]

Route = list[tuple[float, float]]
_ORDERINGS, _PLACINGS = 8, 60  # sweeps up and down


def layered(
    sizes: Sequence[tuple[float, float]],
    edges: Sequence[tuple[int, int]],
    gap: float,
    rank_gap: float,
) -> tuple[list[tuple[float, float]], list[Route]]:
    """Centres of boxes, with ranks along the second axis, and ways of edges that cross no box.

    Parameters
    ----------
    sizes : sequence of (float, float)
        Of the boxes: across the ranks and along them.
    edges : sequence of (int, int)
        From box to box, without a cycle.
    gap, rank_gap : float
        Least distances between boxes of a rank, and between ranks.

    Returns
    -------
    centres : list of (float, float)
        One a box.
    routes : list of list of (float, float)
        For each edge its points, from the border of one box to that of the other.
    """
    ranks = _ranks(len(sizes), edges)
    extents = list(sizes)
    # An edge over several ranks gets an empty box in each between, which keeps its way free.
    chains: list[list[int]] = []
    for source, target in edges:
        chain = [source]
        for rank in range(ranks[source] + 1, ranks[target]):
            chain.append(len(extents))
            extents.append((gap, 0.0))
            ranks.append(rank)
        chains.append([*chain, target])
    steps = [pair for chain in chains for pair in pairwise(chain)]
    rows = _ordered(ranks, steps)
    across = _coordinates(rows, steps, [width for width, _ in extents], gap)

    along, depth = [0.0] * len(extents), 0.0
    heights = [max(extents[node][1] for node in row) for row in rows]
    for row, height in zip(rows, heights, strict=True):
        for node in row:
            along[node] = depth + height / 2
        depth += height + rank_gap
    routes = []
    for chain in chains:
        route = [(across[chain[0]], along[chain[0]] + extents[chain[0]][1] / 2)]
        for node in chain[1:-1]:
            half = heights[ranks[node]] / 2
            route += [(across[node], along[node] - half), (across[node], along[node] + half)]
        routes.append([*route, (across[chain[-1]], along[chain[-1]] - extents[chain[-1]][1] / 2)])
    return list(zip(across, along, strict=True))[: len(sizes)], routes


def _ranks(count: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    """The number of edges on the longest way to each box; sources stand close to what they feed."""
    ranks = [0] * count
    for _ in range(count):
        before = list(ranks)
        for source, target in edges:
            ranks[target] = max(ranks[target], ranks[source] + 1)
        if ranks == before:
            break
    targets = {target for _, target in edges}
    for node in range(count):
        following = [ranks[target] for source, target in edges if source == node]
        if node not in targets and following:
            ranks[node] = min(following) - 1
    return ranks


def _neighbours(steps: Sequence[tuple[int, int]], count: int) -> tuple[list[list[int]], ...]:
    """Of each box those before it, and those after it."""
    before: list[list[int]] = [[] for _ in range(count)]
    after: list[list[int]] = [[] for _ in range(count)]
    for source, target in steps:
        before[target].append(source)
        after[source].append(target)
    return before, after


def _ordered(ranks: Sequence[int], steps: Sequence[tuple[int, int]]) -> list[list[int]]:
    """The boxes of each rank in an order with few crossings."""
    rows = [[node for node, r in enumerate(ranks) if r == rank] for rank in range(max(ranks) + 1)]
    before, after = _neighbours(steps, len(ranks))
    place = {node: index for row in rows for index, node in enumerate(row)}

    def mean_place(node: int, near: list[list[int]]) -> float:
        return float(np.mean([place[each] for each in near[node]])) if near[node] else place[node]

    for sweep in range(_ORDERINGS):
        near = after if sweep % 2 else before
        for row in reversed(rows) if sweep % 2 else rows:
            row.sort(key=lambda node: mean_place(node, near))
            place.update({node: index for index, node in enumerate(row)})
    return rows


def _coordinates(
    rows: list[list[int]], steps: Sequence[tuple[int, int]], widths: list[float], gap: float
) -> list[float]:
    """Places across the ranks, near the mean of the neighbours' and without overlaps."""
    across = [0.0] * len(widths)
    before, after = _neighbours(steps, len(widths))
    for sweep in range(_PLACINGS):
        for row in reversed(rows) if sweep % 2 else rows:
            wanted = []
            for node in row:
                near = [across[each] for each in before[node] + after[node]]
                wanted.append(float(np.mean(near)) if near else across[node])
            for node, place in zip(row, _spread(wanted, row, widths, gap), strict=True):
                across[node] = place
    return across


def _spread(wanted: list[float], row: list[int], widths: list[float], gap: float) -> list[float]:
    """The places closest to those wanted, in least squares, that keep order and distances.

    Less the offsets of boxes side by side it is an isotonic regression: neighbours in the wrong
    order are pooled.
    """
    offsets = [0.0]
    for left, right in pairwise(row):
        offsets.append(offsets[-1] + (widths[left] + widths[right]) / 2 + gap)
    pools: list[list[float]] = []  # sum and count
    for place, offset in zip(wanted, offsets, strict=True):
        pools.append([place - offset, 1])
        while len(pools) > 1 and pools[-2][0] / pools[-2][1] > pools[-1][0] / pools[-1][1]:
            total, count = pools.pop()
            pools[-1][0] += total
            pools[-1][1] += count
    means = [total / count for total, count in pools for _ in range(int(count))]
    return [mean + offset for mean, offset in zip(means, offsets, strict=True)]
