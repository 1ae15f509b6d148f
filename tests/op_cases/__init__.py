"""The table of op cases: what forward, gradient, layout, every-ISA, replay and benchmark runs all read."""

from tests.op_cases import (
    activations,
    attention,
    convolution,
    elementwise,
    losses,
    modules,
    norms,
    pooling,
    products,
    reductions,
    shapes,
)
from tests.op_cases.case import Case, Sample

CASES: list[Case] = [
    *elementwise.CASES,
    *activations.CASES,
    *reductions.CASES,
    *products.CASES,
    *convolution.CASES,
    *pooling.CASES,
    *losses.CASES,
    *norms.CASES,
    *shapes.CASES,
    *attention.CASES,
    *modules.CASES,
]

__all__ = ["CASES", "Case", "Sample"]
