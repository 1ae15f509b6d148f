"""One module a framework: how it builds a workload.

Each has `build(kind, name, options, threads)`, which gives a `Workload`, and `describe()`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.networks import Array


@dataclass
class Workload:
    """What is timed, and what its results are.

    Attributes
    ----------
    run : callable
        Does the work once.
    results : callable
        Arrays to compare with the other frameworks'; called before anything is timed.
    """

    run: Callable[[], object]
    results: Callable[[], list[Array]]
