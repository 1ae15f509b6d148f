"""Malformed calls, derived from valid ones, of every kernel and every row of the op cases.

Run as a program it is the child that makes them: it reads names from its standard input and answers
each with a line of what was wrong.
"""

from __future__ import annotations

import ast
import inspect
import json
import pickle
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

import cygnet
from cygnet import as_tensor, kernels
from tests import error_names
from tests import malformed_constructors as constructors
from tests.fuzz.harvest import Call, arrays_in, kept
from tests.fuzz.memory import limit_memory

ALLOWED = (TypeError, ValueError, IndexError, RuntimeError, MemoryError)
MEMORY = 256  # MB that the child may take beside what it starts with
STUBS = Path(cygnet.__file__).parent / "_core" / "_native.pyi"

# Numbers in the place of strides, sizes, blocks, axes, counts: by class.
NUMBERS: dict[str, list[Any]] = {
    "zero": [0],
    "negative": [-1, -7],
    "at the limits of integers": [2**31 - 1, -(2**31), 2**31, 2**63 - 1, -(2**63)],
    "beyond the limits of integers": [2**63, -(2**63) - 1, 10**30],
    "no whole number": [float("nan"), float("inf"), -float("inf"), 1e300, 2.5],
    "no number": ["a", "", b"a", None, object(), [], {}, (1,) * 20, [[1]], slice(None), 1j],
}
# Numbers in the place of a float.
FLOATS: dict[str, list[Any]] = {
    "not finite": [float("nan"), float("inf"), -float("inf")],
    "at the limits of floats": [1e308, -1e308, 5e-324, -1.0, 0.0],
    "beyond the limits of integers": [10**30, 2**63],
    "no number": ["a", None, object(), [], (1.0, 2.0), 1j],
}
STRINGS: dict[str, list[Any]] = {"no such word": ["", "x" * 2000, "\0", "\ud800", 1, object(), []]}
SEQUENCES: dict[str, list[Any]] = {
    "a scalar for a vector": [1, 0, -1, 2.5, None, "ab", np.array(3)],
    "empty": [(), []],
    "too long": [(1,) * 40, [1] * 1000],
    "of other things": [["a"] * 2, [None] * 2, [[1, 2]] * 2, [float("nan")] * 2, [2**63] * 2],
    "negative": [(-1,) * n for n in (1, 2, 3, 4)],
    "huge": [(2**40,) * n for n in (1, 2, 3, 4)],
}
NO_ARRAYS: dict[str, list[Any]] = {
    "no array": ["abc", b"abc", object(), [1.0, 2.0], (1,), {}, range(3), None],
    "a number for an array": [1, 2.5, True, -1, float("nan")],
}
MUST_FAIL = {"no array", "of an unknown type", "of the other byte order", "of too many dimensions"}


def other_arrays(array: np.ndarray) -> Iterator[tuple[str, Any]]:
    """Arrays in the place of one, by class."""
    axes = range(array.ndim)
    for dtype in ("float16", "complex64", "int8", "uint16", "O", "U2", "M8[s]", "f4,i4"):
        yield "of an unknown type", np.zeros(array.shape, dtype)
    if array.dtype.itemsize > 1:
        yield "of the other byte order", array.astype(array.dtype.newbyteorder())
    for dtype in ("float32", "float64", "int64", "int32", "bool", "uint8"):
        if dtype != array.dtype:
            with np.errstate(all="ignore"):
                yield "of another type", array.astype(dtype)
    yield "of another rank", array[None]
    yield "of another rank", array.reshape(-1)
    yield "of another rank", array.reshape(-1)[:1].reshape(())
    yield "of too many dimensions", array.reshape((1,) * (30 - array.ndim) + array.shape)
    for axis in axes:
        before = (slice(None),) * axis
        if array.shape[axis]:
            yield "of another rank", array[(*before, 0)]
            yield "shorter", array[(*before, slice(None, -1))]
            yield "longer", np.concatenate([array, array], axis)
            yield (
                "longer",
                as_strided(
                    array,
                    [n + (i == axis) for i, n in enumerate(array.shape)],
                    [s * (i != axis) for i, s in enumerate(array.strides)],
                ),
            )
            yield "without elements", array[(*before, slice(0, 0))]
    yield "without elements", np.empty((0,) * array.ndim, array.dtype)
    if array.size:
        # The address space holds the first, no kernel copies the others.
        for size in (2**40, 2**60 // max(1, array.itemsize)):
            for axis in axes:
                shape = [size if i == axis else n for i, n in enumerate(array.shape)]
                if size * array.itemsize * max(1, array.size // array.shape[axis]) < 2**63:
                    yield "of huge size", as_strided(array, shape, [0] * array.ndim)
    if array.dtype.kind == "i" and array.size:
        for value in (-1, -2, 2**31 - 1, -(2**31), 2**62, -(2**63), 10**4):
            if array.itemsize == 8 or -(2**31) <= value < 2**31:
                for where in (0, -1, slice(None)):
                    other = array.copy().reshape(-1)
                    other[where] = value
                    yield "of positions out of range", other.reshape(array.shape)
    if array.dtype.kind == "f" and array.size:
        for value in (np.nan, np.inf, 3e38):
            yield "of numbers that are none", np.full(array.shape, value, array.dtype)


def others(value: Any) -> Iterator[tuple[str, Any]]:
    """What may stand in the place of a valid argument, by class."""
    if isinstance(value, np.ndarray):
        yield from other_arrays(value)
        table = NO_ARRAYS
    elif isinstance(value, bool):
        table = {"no truth value": ["a", 2, object(), np.zeros(3)]}
    elif isinstance(value, int):
        table = NUMBERS
    elif isinstance(value, float):
        table = FLOATS
    elif isinstance(value, str):
        table = STRINGS
    elif isinstance(value, list | tuple):
        table = SEQUENCES
        kind = type(value)
        for i, item in enumerate(value):
            for name, other in others(item):
                yield name, kind([*value[:i], other, *value[i + 1 :]])
        yield "too long", kind([*value, *value[:1]])
        yield "too short", kind(value[1:])
    else:
        table = {"something for nothing": ["a", 0, -1, object(), np.zeros(3), np.zeros((2, 2)), []]}
    for name, alternatives in table.items():
        for other in alternatives:
            yield name, other


def malformed(call: Call) -> Iterator[tuple[str, Any, list[Any], dict[str, Any]]]:
    """Class, place and arguments of calls that differ in one argument from a valid one."""
    places: list[Any] = [*range(len(call.arguments)), *call.keywords]
    for place in places:
        value = call.arguments[place] if isinstance(place, int) else call.keywords[place]
        for name, other in others(value):
            arguments, keywords = copied(call)
            (arguments if isinstance(place, int) else keywords)[place] = other
            yield name, place, arguments, keywords
    for place in places:  # an output or a second argument in the memory of the first
        arguments, keywords = copied(call)
        value = arguments[place] if isinstance(place, int) else keywords[place]
        if isinstance(value, np.ndarray):
            if not call.row:
                yield "aliased", "out", arguments, {**keywords, "out": value}
            for other_place, other in enumerate(arguments):
                if isinstance(other, np.ndarray) and other is not value:
                    aliased = [*arguments]
                    aliased[other_place] = value
                    yield "aliased", other_place, aliased, keywords
    if call.arguments:
        yield "too few", 0, call.arguments[1:], dict(call.keywords)
        yield "too few", 0, [], {}
    yield "too many", 0, [*call.arguments, 1, None, "a"] + [0] * 20, dict(call.keywords)
    yield "of no such name", "nonsense", list(call.arguments), {**call.keywords, "nonsense": 1}


def left_out(call: Call) -> Iterator[tuple[str, Any, list[Any], dict[str, Any]]]:
    """Calls of a row's op with an option that the sample leaves out, one of each class."""
    op = getattr(cygnet.ops, call.name.partition(" ")[0], None)
    if not inspect.isfunction(op):
        return
    options = list(inspect.signature(op).parameters.values())[len(call.arguments) :]
    for option in options:
        if option.default is option.empty or option.name in call.keywords:
            continue
        seen = set()
        for name, other in others(option.default):
            if name not in seen:
                seen.add(name)
                arguments, keywords = copied(call)
                yield name, option.name, arguments, {**keywords, option.name: other}


def parameters() -> dict[str, list[str]]:
    """The names of every kernel's parameters, from the stubs."""
    tree = ast.parse(STUBS.read_text())
    return {
        node.name: [a.arg for a in (*node.args.args, *node.args.kwonlyargs)]
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
    }


def row_function(name: str) -> Callable[..., Any]:
    """The op of a row on tensors, and its backward."""
    from tests.op_cases import CASES

    case = next(case for case in CASES if case.name == name)

    def function(*arrays: Any, **options: Any) -> Any:
        inputs = [
            as_tensor(a).requires_grad_(case.gradient and a.dtype.kind == "f")
            if isinstance(a, np.ndarray)
            else a
            for a in arrays
        ]
        result = case.function(*inputs, **options)
        first = result[0] if isinstance(result, tuple) else result
        if isinstance(first, cygnet.Tensor) and first.requires_grad:
            first.backward(as_tensor(np.ones(first.shape, first.dtype)))
        return result

    return function


class Judge:
    """Makes calls, and says what is wrong with how they end."""

    def __init__(self, calls: list[Call]) -> None:
        self.calls: dict[str, list[Call]] = {}
        for call in calls:
            self.calls.setdefault(call.name, []).append(call)
        self.parameters = parameters()
        self.made = 0

    def kernel(self, name: str) -> list[str]:
        """Malformed calls of a kernel: of the first valid call with each number of arguments."""
        wrong: list[str] = []
        chosen: dict[Any, Call] = {}
        for call in self.calls.get(name, [Call(name, [], {})]):
            chosen.setdefault((len(call.arguments), tuple(call.keywords)), call)
        function = getattr(kernels, name)
        for call in list(chosen.values())[:2]:
            self._all(call, function, wrong)
        return wrong

    def row(self, name: str) -> list[str]:
        """Malformed calls of a row's first sample that has elements."""
        from tests.op_cases import CASES

        case = next(case for case in CASES if case.name == name)
        wrong: list[str] = []
        sample = next((s for s in case.samples if all(0 not in i.shape for i in s.inputs)), None)
        if sample is not None and sum(np.prod(i.shape) for i in sample.inputs) < 4000:
            call = Call(name, sample.draw(np.float32), dict(sample.options), True)
            function = row_function(name)
            self._all(call, function, wrong)
            self._all(call, function, wrong, left_out(call))
        return wrong

    def constructor(self, name: str) -> list[str]:
        """Malformed arguments of a class: an error names both, what is made can be called."""
        wrong: list[str] = []
        kind = constructors.found(name)
        for class_, place, keywords in constructors.calls(name, others):
            where = f"{name}, argument {place} {class_}"
            print(json.dumps(f"{where}: {shown([], keywords)}"), flush=True)
            self.made += 1
            try:
                made = constructors.construct(name, keywords)
            except constructors.ALLOWED as error:
                if complaint := error_names.of_constructor(kind, place, error):
                    wrong.append(f"{where}: {complaint}: {type(error).__name__}: {error}"[:600])
                continue
            except BaseException as error:
                wrong.append(f"{where}: {type(error).__name__}: {error}"[:600])
                continue
            try:
                constructors.used(made)
            except ALLOWED as error:
                if not str(error):
                    wrong.append(f"{where}: says nothing when it is called")
            except BaseException as error:
                wrong.append(f"{where}, called: {type(error).__name__}: {error}"[:600])
        return wrong

    def _all(
        self,
        call: Call,
        function: Callable[..., Any],
        wrong: list[str],
        calls: Iterator[tuple[str, Any, list[Any], dict[str, Any]]] | None = None,
    ) -> None:
        for kind, place, arguments, keywords in calls or malformed(call):
            before = [snapshot(value) for value in (*arguments, *keywords.values())]
            where = f"{call.name}, argument {place} {kind}"
            print(json.dumps(f"{where}: {shown(arguments, keywords)}"), flush=True)
            self.made += 1
            try:
                function(*arguments, **keywords)
            except ALLOWED as error:
                if complaint := self._complaint(call, kind, error):
                    wrong.append(f"{where}: {complaint}: {type(error).__name__}: {error}"[:600])
            except BaseException as error:
                if not raised_by_tests(error):
                    wrong.append(f"{where}: {type(error).__name__}: {error}"[:600])
            else:
                if kind in MUST_FAIL and not call.row and not absent(arguments, keywords, place):
                    wrong.append(f"{where}: no error")
                if not call.row:
                    self._check_unchanged(call, where, (arguments, keywords), before, wrong)

    def _complaint(self, call: Call, kind: str, error: BaseException) -> str:
        """What is wrong with an error."""
        text = str(error)
        if isinstance(error, MemoryError):
            return ""
        if call.row:
            return error_names.complaint(call.name, error)
        if type(error) is RuntimeError:
            return "is not of one of the library's types"
        if not re.match(r"^[a-z_]\w*(\(\))?: ", text):
            return "names no op"
        words = set(re.findall(r"\w+", text))
        names = self.parameters[call.name]
        # A backward may name the forward's input, by the first word of input_shape.
        known = {"index", "shape", "size", *names, *(name.split("_")[0] for name in names)}
        if names and not words & known:
            return "names no argument"
        return ""

    def _check_unchanged(
        self, call: Call, where: str, after: Any, before: Any, wrong: list[str]
    ) -> None:
        places = [*enumerate(after[0]), *after[1].items()]
        written = [value for place, value in places if place in call.written]
        for (place, value), old in zip(places, before, strict=True):
            for array, bits in zip(arrays_in(value), old, strict=True):
                if bits is None or array.tobytes() == bits:
                    continue
                if not any(
                    np.may_share_memory(array, w) for each in written for w in arrays_in(each)
                ):
                    wrong.append(f"{where}: argument {place} was written")


def copied(call: Call) -> tuple[list[Any], dict[str, Any]]:
    """The arguments of a call, in memory of their own."""
    return kept(call.arguments), {key: kept(value) for key, value in call.keywords.items()}


def snapshot(value: Any) -> list[bytes | None]:
    """The bytes of an argument's arrays; None for those that are too large to look at."""
    return [
        None if array.dtype.hasobject or array.nbytes > 1 << 20 else array.tobytes()
        for array in arrays_in(value)
    ]


def absent(arguments: list[Any], keywords: dict[str, Any], place: Any) -> bool:
    """Whether the argument is None, which stands for one that is optional."""
    return (arguments[place] if isinstance(place, int) else keywords[place]) is None


def raised_by_tests(error: BaseException) -> bool:
    """Whether the row's own Python raised it, before or after the op."""
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    return trace is not None and "/tests/" in trace.tb_frame.f_code.co_filename


def shown(arguments: list[Any], keywords: dict[str, Any]) -> str:
    def one(value: Any) -> str:
        if isinstance(value, np.ndarray):
            return f"{value.dtype}{value.shape}"
        if isinstance(value, list | tuple):
            return f"[{', '.join(map(one, value[:8]))}]"
        return repr(value)[:60]

    parts = [*map(one, arguments), *(f"{key}={one(value)}" for key, value in keywords.items())]
    return f"({', '.join(parts)})"


def main(path: str) -> None:
    """Reads the names of kernels and rows, and answers."""
    np.set_printoptions(override_repr=lambda array: "array")
    with open(path, "rb") as file:
        judge = Judge(pickle.load(file))
    limit_memory(MEMORY)
    for line in sys.stdin:
        kind, name = json.loads(line)
        judge.made = 0
        wrong = getattr(judge, kind)(name)
        print(json.dumps({"made": judge.made, "wrong": wrong}), flush=True)


if __name__ == "__main__":
    from tests import malformed_calls

    malformed_calls.main(sys.argv[1])
