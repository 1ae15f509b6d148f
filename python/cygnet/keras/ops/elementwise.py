"""Functions of each number: arithmetic, comparisons, logic."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import cygnet.ops as core
from cygnet.keras.operation import lifted
from cygnet.keras.ops.common import in_dtype, operand, tensor_of, with_fractions
from cygnet.tensor import Tensor, as_dtype

# Keras's names, and the core's where they differ. Of one argument `x`: of any type, ...
_UNARY = {
    "abs": "",
    "absolute": "abs",
    "bitwise_not": "",
    "bitwise_invert": "bitwise_not",
    "copy": "clone",
    "isfinite": "",
    "isinf": "",
    "isnan": "",
    "isneginf": "",
    "isposinf": "",
    "logical_not": "",
    "negative": "neg",
    "sign": "",
    "signbit": "",
    "square": "",
}
# ... and of numbers with fractions.
_OF_FLOATS = {
    **dict.fromkeys(
        [
            "arccos",
            "arccosh",
            "arcsin",
            "arcsinh",
            "arctan",
            "arctanh",
            "ceil",
            "cos",
            "cosh",
            "deg2rad",
            "erf",
            "erfc",
            "erfinv",
            "exp",
            "exp2",
            "expm1",
            "floor",
            "log",
            "log10",
            "log1p",
            "log2",
            "rad2deg",
            "reciprocal",
            "rsqrt",
            "sin",
            "sinc",
            "sinh",
            "sqrt",
            "tan",
            "tanh",
            "trunc",
        ],
        "",
    ),
    "fabs": "abs",
}
# Of two arguments `x1` and `x2`.
_BINARY = {
    **dict.fromkeys(
        [
            "arctan2",
            "bitwise_and",
            "bitwise_or",
            "bitwise_xor",
            "equal",
            "floor_divide",
            "fmax",
            "fmin",
            "fmod",
            "greater",
            "greater_equal",
            "heaviside",
            "hypot",
            "less",
            "less_equal",
            "logaddexp",
            "logaddexp2",
            "logical_and",
            "logical_or",
            "logical_xor",
            "maximum",
            "minimum",
            "not_equal",
            "subtract",
            "add",
            "multiply",
        ],
        "",
    ),
    "equal": "eq",
    "divide": "div",
    "mod": "remainder",
    "power": "pow",
    "true_divide": "div",
}


def _unary(name: str, function: Callable[[Tensor], Tensor], as_tensor: Any) -> Callable[..., Any]:
    def unary(x: Any) -> Tensor:
        return function(as_tensor(x))

    return _named(unary, name, f"`{name}` of each number of `x`.")


def _binary(name: str, function: Callable[..., Tensor]) -> Callable[..., Any]:
    def binary(x1: Any, x2: Any) -> Tensor:
        a, b = operand(x1), operand(x2)
        if not isinstance(a, Tensor):
            a = core.tensor(a, dtype=b.dtype) if _fits(a, b) else tensor_of(a)
        return function(a, b if isinstance(b, Tensor) or name in _WITH_NUMBERS else tensor_of(b))

    return _named(binary, name, f"`{name}` of `x1` and `x2`, which broadcast.")


# Those whose core function takes a number as the second argument.
_WITH_NUMBERS = frozenset(
    [
        "add",
        "subtract",
        "multiply",
        "divide",
        "true_divide",
        "power",
        "floor_divide",
        "mod",
        "equal",
        "not_equal",
        "greater",
        "greater_equal",
        "less",
        "less_equal",
    ]
)


def _fits(number: Any, other: Any) -> bool:
    """Whether a number may take the type of the other operand."""
    if not isinstance(other, Tensor):
        return False
    kind = other.dtype.kind
    return kind == "f" or (isinstance(number, int) and kind in "iu") or isinstance(number, bool)


def _named(function: Callable[..., Any], name: str, summary: str) -> Callable[..., Any]:
    function.__name__ = function.__qualname__ = name
    function.__doc__ = summary
    return lifted(function)


globals().update(
    {
        name: _unary(name, getattr(core, of or name), as_tensor)
        for table, as_tensor in ((_UNARY, tensor_of), (_OF_FLOATS, with_fractions))
        for name, of in table.items()
    }
)
globals().update({name: _binary(name, getattr(core, of or name)) for name, of in _BINARY.items()})


@lifted
def clip(x: Any, x_min: Any, x_max: Any) -> Tensor:
    """Each number, but at least `x_min` and at most `x_max`."""
    return core.clamp(tensor_of(x), operand(x_min), operand(x_max))


@lifted
def divide_no_nan(x1: Any, x2: Any) -> Tensor:
    """x1 / x2, 0 where x2 is 0."""
    a, b = with_fractions(x1), with_fractions(x2)
    none = core.eq(b, 0)
    return core.where(none, 0.0, core.div(a, core.where(none, 1.0, b)))


@lifted
def cbrt(x: Any) -> Tensor:
    """The cube root, of negative numbers too."""
    x = with_fractions(x)
    return core.mul(core.sign(x), core.pow(core.abs(x), 1.0 / 3.0))


@lifted
def isclose(
    x1: Any, x2: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Tensor:
    """Where |x1 - x2| <= atol + rtol |x2|."""
    return core.isclose(tensor_of(x1), tensor_of(x2), rtol, atol, equal_nan)


def allclose(
    x1: Any, x2: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> bool:
    """Whether `isclose` holds everywhere."""
    return bool(core.all(isclose(x1, x2, rtol, atol, equal_nan)))


@lifted
def nan_to_num(
    x: Any, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None
) -> Tensor:
    """Numbers instead of NaN and the infinities; of these, by default the largest there are."""
    return core.nan_to_num(tensor_of(x), nan, posinf, neginf)


@lifted
def round(x: Any, decimals: int = 0) -> Tensor:
    """The nearest number with so many decimals, of two the even one."""
    return core.round(tensor_of(x), decimals=decimals)


@lifted
def where(condition: Any, x1: Any = None, x2: Any = None) -> Any:
    """`x1` where the condition holds, else `x2`; without them the indices where it holds."""
    condition = in_dtype(tensor_of(condition), bool)
    if x1 is None and x2 is None:
        return core.where(condition)
    return core.where(condition, operand(x1), operand(x2))


@lifted
def logit(x: Any, eps: float | None = None) -> Tensor:
    """log(x / (1 - x)), of x clipped to [eps, 1 - eps]."""
    return core.logit(with_fractions(x), eps)


@lifted
def cast(x: Any, dtype: Any) -> Tensor:
    """The numbers in another type."""
    return in_dtype(tensor_of(x), dtype)


@lifted
def saturate_cast(x: Any, dtype: Any) -> Tensor:
    """The numbers in another type, those beyond its limits as the limit."""
    wanted = as_dtype(dtype, "saturate_cast")
    x = tensor_of(x)
    if wanted.kind in "iu":
        limits = np.iinfo(wanted)
        x = core.clamp(x, int(limits.min), int(limits.max))
    return in_dtype(x, wanted)


__all__ = [
    "allclose",
    "cast",
    "cbrt",
    "clip",
    "divide_no_nan",
    "isclose",
    "logit",
    "nan_to_num",
    "round",
    "saturate_cast",
    "where",
    *_UNARY,
    *_OF_FLOATS,
    *_BINARY,
]
