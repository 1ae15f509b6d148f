"""Other names of ops: a table."""

from __future__ import annotations

from cygnet.ops.composite import clamp
from cygnet.ops.elementwise import abs, div, ge, gt, le, lt, mul, ne, neg, sign, sub
from cygnet.ops.rounding import trunc
from cygnet.ops.special import acos, acosh, asin, asinh, atan, atan2, atanh
from cygnet.ops.windows import channel_shuffle

absolute = abs
arccos = acos
arccosh = acosh
arcsin = asin
arcsinh = asinh
arctan = atan
arctan2 = atan2
arctanh = atanh
clip = clamp
divide = div
fix = trunc
greater = gt
greater_equal = ge
less = lt
less_equal = le
multiply = mul
native_channel_shuffle = channel_shuffle
negative = neg
not_equal = ne
sgn = sign
subtract = sub
true_divide = div

__all__ = [
    "absolute",
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "clip",
    "divide",
    "fix",
    "greater",
    "greater_equal",
    "less",
    "less_equal",
    "multiply",
    "native_channel_shuffle",
    "negative",
    "not_equal",
    "sgn",
    "subtract",
    "true_divide",
]
