"""The table of op cases: what forward, gradient, layout, every-ISA, replay and benchmark runs all read."""

from tests.op_cases import (
    activations,
    convolution,
    elementwise,
    losses,
    norms,
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
    *losses.CASES,
    *norms.CASES,
    *shapes.CASES,
]

__all__ = ["CASES", "Case", "Sample"]
