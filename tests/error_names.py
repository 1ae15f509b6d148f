"""Whether an error names what the user called and one of its arguments.

The rule. What the user called is the row's op, or the outermost function of the library on the
error's way. The text begins with its name and a colon, and one of its words is a parameter of a
function on that way; or it is Python's own, of arguments that do not fit a signature or have no
length. A constructor or module is called by its class; a module may name the ops that it is made of
instead, and a gradient its kernel.
"""

from __future__ import annotations

import inspect
import re
from types import CodeType
from typing import Any

import cygnet
from cygnet import kernels

_SIGNATURE = re.compile(r"[\w.<>]+\(\) (takes|got|missing|of)")
_BINDING = re.compile(r"(\w+?)(?:_forward)?\(\): incompatible function arguments")
_BEGINNING = re.compile(r"([A-Za-z_]\w*): ")

_CONVERSIONS = "as_tensor bool clone cpu double float half int long reshape tensor to type"
_FILLED = (
    "empty empty_like empty_strided full new_empty new_empty_strided new_ones new_zeros ones "
    "ones_like rising_powers zeros zeros_like"
)
# The kernels of hot ops speak for them: a Python call around these costs what it can save.
# The names that they use, and the reason why a user recognises them.
PARTS: dict[str, set[str]] = {
    # x[i] and x[i] = y are no names
    "getitem": {"indexing", "contiguous", "gather_rows"},
    "setitem": {"indexing", "copy_into"},
    # conversions and copies are one op
    **{
        name: {"cast", "contiguous", "copy", "to", "full", "device"}
        for name in _CONVERSIONS.split()
    },
    # filled arrays
    **{name: {"full", "device"} for name in _FILLED.split()},
    # the product of matrices
    **{name: {"gemm", "matmul"} for name in ("matmul", "mm", "bmm", "chain_matmul", "lstsq")},
    # terms with weights
    "add": {"mul"},
    "sub": {"mul"},
    "mse_loss": {"sub"},
    # a sum in another type converts first
    "sum": {"cast"},
    # the extremum's place gives the extremum
    "max": {"argmax", "max"},
    "min": {"argmin", "min"},
    # a shift to the right is a division, as is a negative power of integers
    "bitwise_right_shift": {"remainder"},
    "pow": {"remainder"},
    # numbers are compared with zero before
    "logical_and": {"ne"},
    "logical_or": {"ne"},
    # the rows of an operator between a number and a tensor
    "number": {"sub", "div", "pow"},
    # a tensor in the place of a position
    "rows": {"item"},
}

# What kernels call the arguments of ops: the operands of element-wise ones, axes, scores.
ARGUMENTS = {"a": "input", "b": "other", "axis": "dim", "log_probabilities": "input"}


def complaint(row: str, error: BaseException) -> str:
    """What is wrong with the error of a row's call; empty if nothing is."""
    text = str(error)
    if not text or text == "None":
        return "says nothing"
    way = list(_way(error))
    if not way or _SIGNATURE.match(text):
        return ""
    start = _BINDING.match(text) or _BEGINNING.match(text)
    if not start:
        return "names no op"
    named = {_last(row.split(" ")[0])}
    named |= {getattr(getattr(cygnet.ops, name, None), "__name__", name) for name in named}
    first, owner = way[0]
    named.add(first.co_name)
    if isinstance(owner, cygnet.nn.Module):
        named |= {type(o).__name__ for _, o in way if isinstance(o, cygnet.nn.Module)}
        named |= {_last(code.co_name) for code, _ in way}
        named |= {f"{kind}_forward" for kind in ("rnn", "lstm", "gru")}
    if first.co_name == "backward":
        named |= set(kernels.__all__)
    named |= {part for name in named for part in PARTS.get(name, ())}
    word = start[1]
    if not any(word == name.rstrip("_") or name.endswith(f"_{word}") for name in named):
        return f"names no op of {sorted(named)}"
    words = set(re.findall(r"\w+", text))
    words |= {ARGUMENTS[name] for name in words & ARGUMENTS.keys()}
    arguments = {name for code, _ in way for name in _parameters(code)}
    arguments |= {"index", "indices", "shape", "size", "nonsense"}
    op = getattr(cygnet.ops, _last(row.split(" ")[0]), None)
    if inspect.isfunction(op):
        arguments |= inspect.signature(op).parameters.keys()
    if word in kernels.__all__:  # which speaks of its own arguments
        arguments |= {"input", "other"}
    if isinstance(owner, cygnet.nn.Module):
        arguments |= {"parameters", *inspect.signature(type(owner)).parameters}
    if not words & arguments:
        return "names no argument"
    return ""


def _way(error: BaseException) -> Any:
    """The library's functions that an error passed, outermost first, and whose methods they are."""
    trace = error.__traceback__
    while trace:
        frame = trace.tb_frame
        code = frame.f_code
        if "/cygnet/" in code.co_filename and "/tests/" not in code.co_filename:
            owner = frame.f_locals.get("self") if code.co_varnames[:1] == ("self",) else None
            if code.co_name != "wrapped":
                yield code, owner
        trace = trace.tb_next


def _parameters(code: CodeType) -> tuple[str, ...]:
    count = code.co_argcount + code.co_kwonlyargcount
    return code.co_varnames[: count + bool(code.co_flags & 4) + bool(code.co_flags & 8)]


def _last(name: str) -> str:
    return name.rpartition(".")[2]


def of_constructor(kind: type, argument: str, error: BaseException) -> str:
    """What is wrong with the error of a constructor's call."""
    text = str(error).strip('"')  # a KeyError shows its text in quotes
    if isinstance(error, MemoryError) or _SIGNATURE.match(text):
        return ""
    if not text.startswith(f"{kind.__name__}: "):
        return "names no class"
    words = set(re.findall(r"\w+", text))
    if not words & {argument, *inspect.signature(kind).parameters}:
        return "names no argument"
    return ""
