"""One module a framework: how it builds a workload.

Each has `describe()`; `KINDS`, what it can be asked for; `variants(kind, name)`, the ways in which
it runs a workload, of which the fastest counts; and `build(kind, name, variant, ...)`, which gives
a `Workload`. The arguments are those of `benchmarks.worker`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.networks import Array

STEPS = 3  # whose losses are compared before a training step is timed


@dataclass
class Workload:
    """What is timed, and what its results are.

    Attributes
    ----------
    run : callable
        Does the work once, to its end.
    results : callable
        Arrays to compare with the other frameworks'; called before anything is timed.
    """

    run: Callable[[], object]
    results: Callable[[], list[Array]]
