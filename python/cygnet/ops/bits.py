"""Numbers by their parts: bits moved, divisors and multiples, mantissas, neighbours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from cygnet import kernels
from cygnet.autograd import record
from cygnet.errors import composed
from cygnet.ops.common import Number, cast, floating, operands, wrap
from cygnet.ops.elementwise import mul
from cygnet.ops.special import exp2
from cygnet.tensor import Tensor

__all__ = [
    "bitwise_left_shift",
    "bitwise_right_shift",
    "frexp",
    "gcd",
    "lcm",
    "nextafter",
]

_INT = np.dtype(np.int32)


def _of_pairs(
    name: str, kernel: Callable[..., Any], summary: str, *, floats: bool = False
) -> Callable[[Tensor | Number, Tensor | Number], Tensor]:
    def function(input: Tensor | Number, other: Tensor | Number) -> Tensor:
        a, b = operands(name, input, other, floating=floats)
        return wrap(kernel(a._array, b._array))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{summary} No gradient."
    return function


bitwise_left_shift = _of_pairs(
    "bitwise_left_shift",
    kernels.left_shift,
    "The integers with their bits moved up by so many places; 0 for places out of range.",
)
bitwise_right_shift = _of_pairs(
    "bitwise_right_shift",
    kernels.right_shift,
    "The integers with their bits moved down by so many places, the sign moving in.",
)
gcd = _of_pairs("gcd", kernels.gcd, "The greatest common divisor of integers; 0 of zeros.")
lcm = _of_pairs("lcm", kernels.lcm, "The least common multiple of integers; it wraps around.")
nextafter = _of_pairs(
    "nextafter", kernels.nextafter, "The next number from input towards other.", floats=True
)


class MantissaExponent(NamedTuple):
    """The parts of numbers mantissa * 2 ** exponent."""

    mantissa: Tensor
    exponent: Tensor


@composed
def frexp(input: Tensor) -> MantissaExponent:
    """The mantissas, in [0.5, 1) with the sign, and the int32 exponents of powers of 2 with which
    they make the numbers; the exponent of 0, infinities and NaN is 0.
    """
    input = floating("frexp", input)
    exponent = wrap(kernels.frexp_exponent(input._array))

    def backward(grad: Tensor) -> tuple[Tensor]:
        return (mul(grad, exp2(mul(exponent, -1.0))),)

    mantissa = wrap(kernels.frexp_mantissa(input._array))
    mantissa = record(mantissa, (input,), backward, "frexp", saved=())
    return MantissaExponent(mantissa, cast(exponent, _INT))
