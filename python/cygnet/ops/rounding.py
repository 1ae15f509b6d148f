"""Rounding, and division with a rest. Results that are constant in pieces have a gradient of 0."""

from __future__ import annotations

from typing import Any

from cygnet import kernels
from cygnet.autograd import record
from cygnet.errors import composed
from cygnet.ops.broadcast import sum_to
from cygnet.ops.common import Number, as_tensor, operands, wrap
from cygnet.ops.elementwise import constant_slopes, div, mul, neg, sub
from cygnet.tensor import FLOATS, Tensor

__all__ = [
    "ceil",
    "floor",
    "floor_divide",
    "fmod",
    "frac",
    "remainder",
    "round",
    "trunc",
]


def _rounding(name: str, summary: str) -> Any:
    kernel = getattr(kernels, name)

    def function(input: Tensor) -> Tensor:
        input = as_tensor(input, name, "input")
        if input.dtype.kind in "iu":
            return input.clone()
        return constant_slopes(name, kernel(input._array), input)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{summary}; integers stay.\n\n    Raises DTypeError for bools.\n    "
    return function


floor = _rounding("floor", "The largest whole number that is not above the input")
ceil = _rounding("ceil", "The smallest whole number that is not below the input")
trunc = _rounding("trunc", "The input without its fraction")
_round = _rounding("round", "The nearest whole number, the even one of two")


def round(input: Tensor, *, decimals: int = 0) -> Tensor:
    """The nearest number with so many decimals, the even one of two; negative `decimals` round
    before the point. Integers stay.

    Raises
    ------
    DTypeError
        For bools, and for integers with decimals.
    """
    if decimals == 0:
        return _round(input)  # type: ignore[no-any-return]
    input = as_tensor(input, "round", "input")
    if input.dtype not in FLOATS:
        raise kernels.DTypeError(
            f"round: input has dtype {input.dtype}, expected float32 or float64 with decimals"
        )
    scale = 10.0 ** abs(decimals)
    if decimals > 0:
        return div(_round(mul(input, scale)), scale)
    return mul(_round(div(input, scale)), scale)


def frac(input: Tensor) -> Tensor:
    """The input less its whole part, with the input's sign; float32 or float64."""
    input = as_tensor(input, "frac", "input")
    if input.dtype not in FLOATS:
        raise kernels.DTypeError(
            f"frac: input has dtype {input.dtype}, expected float32 or float64"
        )
    return sub(input, trunc(input))


def _rest(name: str, summary: str, rounding_mode: str) -> Any:
    kernel = getattr(kernels, name)

    def function(input: Tensor | Number, other: Tensor | Number) -> Tensor:
        a, b = operands(name, input, other)

        def backward(grad: Tensor) -> tuple[Tensor | None, ...]:
            by_b = None
            if b.requires_grad:
                by_b = sum_to(neg(mul(grad, div(a, b, rounding_mode=rounding_mode))), b.shape)
            return sum_to(grad, a.shape) if a.requires_grad else None, by_b

        return record(wrap(kernel(a._array, b._array)), (a, b), backward, name, fresh=False)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"""{summary}

    Raises
    ------
    ValueError
        An integer divided by 0; floats give NaN.
    """
    return function


fmod = _rest("fmod", "The rest of input / other, with the sign of the input.", "trunc")
remainder = _rest(
    "remainder", "The rest of input / other, with the sign of other, as Python's ``%``.", "floor"
)


@composed
def floor_divide(input: Tensor | Number, other: Tensor | Number) -> Tensor:
    """input / other rounded down, in the operands' type, as Python's ``//``; no gradient.

    Raises
    ------
    ValueError
        An integer divided by 0.
    """
    a, b = operands("floor_divide", input, other)
    return wrap(kernels.floor_divide(a._array, b._array))
