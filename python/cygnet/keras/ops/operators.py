"""The operators of KerasTensors: each makes an `Operation` of the model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cygnet.keras.operation import Operation
from cygnet.keras.ops.indexing import encoded_index
from cygnet.keras.symbolic import KerasTensor

_WITH_OTHERS = {
    "add": "add",
    "sub": "subtract",
    "mul": "multiply",
    "truediv": "true_divide",
    "floordiv": "floor_divide",
    "mod": "mod",
    "pow": "power",
    "matmul": "matmul",
}
_ALONE_OR_COMPARED = {
    "abs": "abs",
    "neg": "negative",
    "ge": "greater_equal",
    "gt": "greater",
    "le": "less_equal",
    "lt": "less",
}


def _operator(name: str) -> Callable[..., Any]:
    return lambda self, *others: Operation(name)(self, *others)


def _swapped(name: str) -> Callable[..., Any]:
    return lambda self, other: Operation(name)(other, self)


def _get_item(self: KerasTensor, index: Any) -> Any:
    return Operation("get_item")(self, encoded_index(index))


for _special, _name in {**_WITH_OTHERS, **_ALONE_OR_COMPARED}.items():
    setattr(KerasTensor, f"__{_special}__", _operator(_name))
for _special, _name in _WITH_OTHERS.items():
    setattr(KerasTensor, f"__r{_special}__", _swapped(_name))
setattr(KerasTensor, "__getitem__", _get_item)  # noqa: B010 (types know it by its use alone)
