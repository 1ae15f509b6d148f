"""Compares the functions of one float32 with float64 over a sweep of bit patterns.

    python -m tests.sweep                  # 2^20 patterns of each function, a few seconds
    python -m tests.sweep --all            # all 2^32, about a minute a function
    python -m tests.sweep --all exp tanh

The reference is NumPy in float64, or the C library's double function that the float64 kernel calls
where NumPy has none (erf, erfc, lgamma). An error is given in units in the last place (ULP) of the
exact float32 result, denormal ones included; of functions whose documented bound is an absolute
one, relative to max(1, |x|), in parts of 2^-23 max(1, |x|). A result that overflows counts as
2^128. NaN must come where the exact result is none, and zeros have its sign.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from cygnet import kernels

Array = np.ndarray
Function = Callable[[Array], Array]

PATTERNS = 2**32
_EDGES = [0.0, 2.0**-149, 2.0**-126 - 2.0**-149, 2.0**-126, 1.0, 2.0**127 * (2 - 2.0**-23), np.inf]
SPECIAL = np.array([*_EDGES, *(-x for x in _EDGES), np.nan, -np.nan], np.float32)
PIECE = 2**18  # patterns at a time: all that is computed of them fits in a cache
STEPS = (0.5, 1.0, 2.0, 3.0, 4.0, 8.0)  # where the bins of the histogram end


def _sigmoid(x: Array) -> Array:
    return np.exp(-np.logaddexp(0, -x))


def _softplus(x: Array) -> Array:
    return np.where(x > 20, x, np.logaddexp(0, x))


def _gelu(x: Array) -> Array:
    return x * kernels.erfc(x * -np.sqrt(0.5)) / 2


def _gelu_tanh(x: Array) -> Array:
    return x * _sigmoid(np.sqrt(8 / np.pi) * (x + 0.044715 * x * x * x))


def _elu(x: Array) -> Array:
    return np.where(x > 0, x, np.expm1(np.where(x > 0, 0, x)))


def _mish(x: Array) -> Array:
    return x * np.tanh(np.logaddexp(0, x))


@dataclass(frozen=True)
class Row:
    """A function, its reference, and how far it may be off, where it is documented to be exact."""

    exact: Function
    limit: float
    kernel: Function | None = None
    absolute: bool = False  # the limit is in parts of 2^-23 max(1, |x|)


ROWS = {
    "exp": Row(np.exp, 2),
    "log": Row(np.log, 4),
    "tanh": Row(np.tanh, 4),
    "sigmoid": Row(_sigmoid, 4),
    "erf": Row(kernels.erf, 4),
    "expm1": Row(np.expm1, 4),
    "log1p": Row(np.log1p, 4),
    "sin": Row(np.sin, 4),
    "cos": Row(np.cos, 4),
    "sqrt": Row(np.sqrt, 0.5),
    "rsqrt": Row(lambda x: 1 / np.sqrt(x), 2),
    "reciprocal": Row(lambda x: 1 / x, 0.5),
    "gelu": Row(_gelu, 2, absolute=True),
    "gelu tanh": Row(_gelu_tanh, 2, lambda x: kernels.gelu(x, "tanh"), absolute=True),
    "silu": Row(lambda x: x * _sigmoid(x), 2, absolute=True),
    "softplus": Row(_softplus, 2, absolute=True),
    "log_sigmoid": Row(lambda x: -np.logaddexp(0, -x), 2, absolute=True),
    "elu": Row(_elu, 4),
    "mish": Row(_mish, 2, absolute=True),
    "exp2": Row(np.exp2, 4),
    "log2": Row(np.log2, 4),
    "log10": Row(np.log10, 4),
    "tan": Row(np.tan, 4),
    "asin": Row(np.arcsin, 4),
    "acos": Row(np.arccos, 4),
    "atan": Row(np.arctan, 4),
    "sinh": Row(np.sinh, 4),
    "cosh": Row(np.cosh, 4),
    "asinh": Row(np.arcsinh, 4),
    "acosh": Row(np.arccosh, 4),
    "atanh": Row(np.arctanh, 4),
    "erfc": Row(kernels.erfc, 8),
    "lgamma": Row(kernels.lgamma, 1),
}


@dataclass
class Result:
    """What a sweep found."""

    compared: int = 0
    worst: float = 0.5
    at: float = np.nan
    ulps: float = 0.5  # the largest error in ULP, also of functions with an absolute limit
    bins: list[int] = field(default_factory=lambda: [0] * (len(STEPS) + 1))
    wrong_nan: int = 0
    wrong_zero: int = 0  # a zero of the wrong sign

    def passes(self, row: Row) -> bool:
        return self.worst <= row.limit and not self.wrong_nan and not self.wrong_zero


def spacing(exact: Array) -> Array:
    """The distance of float32 neighbours at the exact results, as float64."""
    exponent = np.abs(exact.astype(np.float32)).view(np.uint32) >> 23
    exponent = np.clip(exponent, 1, 254).astype(np.uint64) + np.uint64(1023 - 150)
    return (exponent << np.uint64(52)).view(np.float64)


def compare(name: str, x: Array, result: Result) -> None:
    """Adds the errors at `x` to a result."""
    row = ROWS[name]
    with np.errstate(all="ignore"):
        got = (row.kernel or getattr(kernels, name))(x)
        exact = row.exact(x.astype(np.float64))
        other = np.flatnonzero(got.view(np.uint32) != exact.astype(np.float32).view(np.uint32))
        result.compared += x.size
        result.bins[0] += x.size - other.size  # rounded right
        if other.size:
            compare_rounded(row, x[other], got[other].astype(np.float64), exact[other], result)


def compare_rounded(row: Row, x: Array, got: Array, exact: Array, result: Result) -> None:
    """Adds the errors of results that are not the exact ones rounded."""
    none = np.isnan(exact)
    result.wrong_nan += int(np.count_nonzero(none != np.isnan(got)))
    result.bins[0] += int(np.count_nonzero(none))
    x, got, exact = x[~none], got[~none], exact[~none]
    if not x.size:
        return
    zero = exact == 0
    result.wrong_zero += int(np.count_nonzero(zero & (np.signbit(got) != np.signbit(exact))))
    # Beyond the largest float an infinity is as right as the next power of two.
    top = 2.0**128
    distance = np.abs(np.clip(got, -top, top) - np.clip(exact, -top, top))
    units = distance / spacing(exact)
    result.ulps = max(result.ulps, float(units.max()))
    if row.absolute:
        magnitude = np.clip(np.abs(x.astype(np.float64)), 1, top)
        units = distance * 2.0**23 / magnitude
    worst = int(np.argmax(units))
    if not units[worst] <= result.worst:
        result.worst, result.at = float(units[worst]), float(x[worst])
    above = [units.size, *(int(np.count_nonzero(units > step)) for step in STEPS), 0]
    for i in range(len(result.bins)):
        result.bins[i] += above[i] - above[i + 1]


def patterns(count: int) -> Iterator[Array]:
    """`count` of the float32 patterns, evenly spread, in pieces, and special ones."""
    yield SPECIAL
    step = (PATTERNS - 1) / max(count - 1, 1)
    for begin in range(0, count, PIECE):
        places = np.arange(begin, min(begin + PIECE, count))
        bits = places if count == PATTERNS else np.rint(places * step)
        yield bits.astype(np.uint32).view(np.float32)


def sweep(name: str, count: int) -> Result:
    """The errors of a function at `count` patterns."""
    result = Result()
    for x in patterns(count):
        compare(name, x, result)
    return result


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.sweep")
    parser.add_argument("names", nargs="*", help="functions; default all")
    parser.add_argument("--all", action="store_true", help="all 2^32 patterns")
    parser.add_argument("--count", type=int, default=2**20, help="patterns; default 2^20")
    options = parser.parse_args()
    kernels.set_num_threads(1)  # beside others
    count = PATTERNS if options.all else options.count
    print(f"{count} patterns; % of results with an error up to so many ULP (* 2^-23 max(1, |x|))")
    steps = "".join(f"{f'<={step:g}':>9}" for step in STEPS)
    print(f"{'':<13}{'limit':>6}{'worst':>9}{'at':>16}{'max ULP':>10}{steps}{'more':>9}")
    failures = 0
    for name in options.names or ROWS:
        row, result = ROWS[name], sweep(name, count)
        shares = "".join(f"{100 * n / result.compared:>9.4g}" for n in result.bins)
        text = f"{name + '*' * row.absolute:<13}{row.limit:>6g}{result.worst:>9.4g}"
        text += f"{result.at:>16.8g}{result.ulps:>10.4g}{shares}"
        for what, wrong in (("NaN", result.wrong_nan), ("sign of 0", result.wrong_zero)):
            text += f"  {wrong} wrong {what}" if wrong else ""
        if not result.passes(row):
            failures += 1
            text += "  FAILED"
        print(text, flush=True)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
