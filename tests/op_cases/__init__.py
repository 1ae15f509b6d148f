"""The table of op cases: what forward, gradient, layout, every-ISA, replay and benchmark runs all read."""

from tests.op_cases import (
    activations,
    aliases,
    attention,
    bags,
    convolution,
    creation,
    ctc,
    distances,
    elementwise,
    grids,
    images,
    indexing,
    integrals,
    losses,
    modules,
    norms,
    order,
    pooling,
    products,
    recurrent,
    reductions,
    regions,
    shapes,
    special,
)
from tests.op_cases.case import Case, Sample

CASES: list[Case] = [
    *elementwise.CASES,
    *special.CASES,
    *aliases.CASES,
    *activations.CASES,
    *reductions.CASES,
    *order.CASES,
    *products.CASES,
    *convolution.CASES,
    *pooling.CASES,
    *losses.CASES,
    *ctc.CASES,
    *distances.CASES,
    *norms.CASES,
    *shapes.CASES,
    *indexing.CASES,
    *regions.CASES,
    *integrals.CASES,
    *bags.CASES,
    *grids.CASES,
    *images.CASES,
    *creation.CASES,
    *attention.CASES,
    *recurrent.CASES,
]
CASES += modules.cases(CASES)

__all__ = ["CASES", "Case", "Sample"]
