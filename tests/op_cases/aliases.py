"""Other names of ops: the rows of the first ones."""

from __future__ import annotations

from dataclasses import replace

from cygnet.ops import aliases
from tests.op_cases import elementwise, images, special
from tests.op_cases.case import op

_ROWS = {case.name: case for case in (*elementwise.CASES, *images.CASES, *special.CASES)}

_SHIFTED = {
    "arccosh": lambda a: op("arccosh")(a + 1),
    "fix": lambda a: op("fix")(a + elementwise.OFFSET),
}

CASES = [
    replace(
        _ROWS[getattr(aliases, name).__name__],
        name=name,
        function=_SHIFTED.get(name, op(name)),
    )
    for name in aliases.__all__
]
