"""Other names of ops: the rows of the first ones."""

from __future__ import annotations

from dataclasses import replace

from cygnet.ops import aliases
from tests.op_cases import elementwise, special
from tests.op_cases.case import op

_ROWS = {case.name: case for case in (*elementwise.CASES, *special.CASES)}

CASES = [
    replace(_ROWS[getattr(aliases, name).__name__], name=name, function=op(name))
    for name in aliases.__all__
]
