"""Bags of embeddings."""

from __future__ import annotations

from typing import Any

import numpy as np

from cygnet import Tensor, nn
from tests.op_cases.case import Case, case, distinct, labels, op, positive, s, x
from tests.op_cases.modules import bound

ORDER = "the order of a sum follows the memory order"


def reduced(rows: np.ndarray, mode: str) -> Any:
    if len(rows) == 0:
        return np.zeros(rows.shape[1:])
    return rows.max(0) if mode == "max" else rows.sum(0) if mode == "sum" else rows.mean(0)


def embedding_bag(
    index: np.ndarray, table: np.ndarray, factors: Any = None, starts: Any = None, mode: str = "mean",
    padding_idx: int | None = None, include_last_offset: bool = False,
) -> np.ndarray:  # fmt: skip
    if index.ndim == 2:
        starts = np.arange(len(index)) * index.shape[1]
    ends = [*starts[1:], index.size]
    bags = len(starts) - include_last_offset
    factors = np.ones(index.size) if factors is None else factors.ravel()
    results = np.zeros((bags, table.shape[1]))
    for bag in range(bags):
        places = [
            i for i in range(starts[bag], ends[bag])
            if padding_idx is None or index.flat[i] != padding_idx % len(table)
        ]  # fmt: skip
        rows = table[index.ravel()[places]] * factors[places][:, None]
        results[bag] = reduced(rows, mode)
    return results


def offsets(index: Tensor, starts: Any) -> Any:
    """Of the library that the positions are of."""
    return None if starts is None else index.new_tensor(starts)


def function(
    index: Tensor, table: Tensor, factors: Any = None, starts: Any = None, **options: Any
) -> Tensor:
    starts = offsets(index, starts)
    return op("embedding_bag")(index, table, starts, per_sample_weights=factors, **options)


def module(
    index: Tensor, table: Tensor, factors: Any = None, starts: Any = None, **options: Any
) -> Tensor:
    net = nn.EmbeddingBag(*table.shape, **options)
    bound(net, [table])
    return net(index, offsets(index, starts), factors)


FLAT = [
    s(labels(7, below=5), distinct(5, 3), starts=starts, mode=mode, **options)
    for mode in ("sum", "mean", "max")
    for starts, options in (((0, 2, 2, 5), {}), ((0, 0, 3, 7), {"padding_idx": -2}), ((0, 1, 7), {"include_last_offset": True}))
]  # fmt: skip
ROWS = [
    s(labels(*shape, below=rows), distinct(rows, width), mode=mode)
    for mode in ("sum", "mean", "max")
    for shape, rows, width in (((4, 3), 6, 5), ((1, 9), 1, 1), ((0, 2), 3, 4), ((30, 7), 40, 33))
]
WEIGHTED = [
    s(labels(7, below=5), x(5, 3), positive(7), starts=(0, 2, 2, 5), mode="sum"),
    s(labels(3, 4, below=5), x(5, 3), positive(3, 4), mode="sum", padding_idx=1),
]
CASES: list[Case] = [
    case(
        "embedding_bag",
        embedding_bag,
        [*FLAT, *ROWS],
        function,
        layout_bits=False,
        reason=ORDER,
    ),
    case(
        "embedding_bag weighted",
        embedding_bag,
        WEIGHTED,
        function,
        layout_bits=False,
        reason=ORDER,
    ),
    case(
        "nn.EmbeddingBag",
        embedding_bag,
        [*FLAT, *WEIGHTED[1:]],
        module,
        layout_bits=False,
        reason=ORDER,
    ),
]
