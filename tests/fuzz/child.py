"""Makes calls by their numbers, and checks what is left behind."""

from __future__ import annotations

import ctypes
import json
import mmap
import pickle
import re
import struct
import sys
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import numpy as np

import cygnet
from cygnet import as_tensor, kernels
from tests.fuzz.harvest import MOST_BYTES, Call, arrays_in
from tests.fuzz.memory import limit_memory
from tests.fuzz.mutate import Mutator

BLOCK = 256
CANARIES = 3  # valid calls after a block, whose results must be what they were
ALLOWED = (TypeError, ValueError, IndexError, RuntimeError, MemoryError, OverflowError)
SPEAKING = re.compile(r"^[A-Za-z_][\w.]*(\(\))?: ")  # the name of the op, then what is wrong
FIRST_ROWS = 1 << 40  # the number of the first call of a row; below are those of kernels


def row_function(call: Call) -> Callable[..., Any]:
    """The op of a row on tensors, and its backward with a gradient that the call may choose."""
    from tests.op_cases import CASES

    case = next(case for case in CASES if case.name == call.name)

    def function(*arrays: Any, gradient: Any = None, **options: Any) -> Any:
        inputs = [
            as_tensor(a).requires_grad_(case.gradient and a.dtype.kind == "f")
            if isinstance(a, np.ndarray)
            else a
            for a in arrays
        ]
        result = case.function(*inputs, **options)
        if case.gradient:
            first = result[0] if isinstance(result, tuple) else result
            if isinstance(first, cygnet.Tensor) and first.requires_grad:
                if gradient is None:
                    gradient = np.ones(first.shape, first.dtype)
                first.backward(as_tensor(gradient))
        return result

    return function


def gathered_rows() -> list[Call]:
    """The small samples of the table of op cases."""
    from tests.op_cases import CASES

    return [
        Call(case.name, list(sample.draw(np.float32)), dict(sample.options), True, i)
        for case in CASES
        for i, sample in enumerate(case.samples)
        if sum(int(np.prod(each.shape)) for each in sample.inputs) <= MOST_BYTES // 4
    ]


class Fuzzer:
    """Makes calls; `findings` are told to `tell`."""

    def __init__(
        self,
        seed: int,
        calls: list[Call],
        ops: list[str],
        tell: Callable[[int, str, str], None],
    ) -> None:
        np.set_printoptions(override_repr=lambda array: "array", threshold=0)
        rows = gathered_rows()
        if ops:
            calls = [call for call in calls if call.name in ops]
            rows = [call for call in rows if call.name in ops]
        self.seed = seed
        self.tell = tell
        self.functions = {call.name: getattr(kernels, call.name) for call in calls}
        names = {call.name: call for call in rows}
        self.rows = {name: row_function(call) for name, call in names.items()}
        self.mutators = [Mutator(calls) if calls else None, Mutator(rows) if rows else None]
        for mutator in self.mutators[1:]:
            if mutator:
                for name in mutator.keywords:
                    mutator.keywords[name].append("gradient")
        some = calls[:: max(1, len(calls) // 300)]
        expected = [self._outcome(call) for call in some]
        again = [self._outcome(call) for call in reversed(some)]  # after others in the same memory
        self.canaries = [
            (call, bits)
            for call, bits, other in zip(some, expected, reversed(again), strict=True)
            if bits is not None and bits == other and call.name != "empty"
        ]

    def function(self, call: Call) -> Callable[..., Any]:
        return (self.rows if call.row else self.functions)[call.name]

    def _outcome(self, call: Call) -> bytes | None:
        """The bytes that a valid call gives."""
        mutator = self.mutators[0]
        assert mutator
        arguments, keywords = mutator.plain(call)
        try:
            result = self.functions[call.name](*arguments, **keywords)
        except ALLOWED:
            return None
        finally:
            for base in mutator.touched:
                base.restore()
        # Of several arrays the first is the result; others may hold memory that no one reads.
        first = next(arrays_in(result), None)
        return None if first is None else first.tobytes()

    def calls(self, first: int, last: int) -> Iterator[tuple[int, Call, list[Any], dict[str, Any]]]:
        """The calls of these numbers; those of a block follow from the seed and the block."""
        for block in range(first // BLOCK, -(-last // BLOCK)):
            mutator = self.mutators[block * BLOCK >= FIRST_ROWS]
            if mutator is None:
                continue
            random = Random((self.seed << 64) | block)
            for number in range(block * BLOCK, min(last, (block + 1) * BLOCK)):
                made = mutator.mutated(random)
                if number >= first:
                    yield number, *made

    def run(self, first: int, last: int, progress: Callable[[int], None]) -> None:
        """Makes the calls."""
        mutator = self.mutators[first >= FIRST_ROWS]
        if mutator is None:
            return
        chance = Random(first)
        for number, call, arguments, keywords in self.calls(first, last):
            progress(number)
            try:
                self.function(call)(*arguments, **keywords)
            except ALLOWED as error:
                self._look_at(number, call, error)
            except BaseException as error:
                self._foreign(number, call, error)
            for base in mutator.touched:
                if base.array.tobytes() != base.master:
                    if not call.row and not self._may_write(call, arguments, keywords, base.array):
                        self.tell(number, call.name, "an argument that is read was written")
                    base.restore()
            if number % BLOCK == BLOCK - 1 and self.canaries:
                for canary, expected in chance.choices(self.canaries, k=CANARIES):
                    if self._outcome(canary) != expected:
                        self.tell(number, canary.name, "gives other bits after this block")

    def _look_at(self, number: int, call: Call, error: BaseException) -> None:
        text = str(error)
        if isinstance(error, RecursionError) or (type(error) is RuntimeError and not call.row):
            self.tell(number, call.name, f"{type(error).__name__}: {text[:300]}")
        elif not (
            call.row
            or isinstance(error, MemoryError)
            or SPEAKING.match(text)
            or text.startswith("Failing: ")
            or isinstance(error, kernels.LinAlgError)  # the caller gives the op's name
        ):
            self.tell(number, call.name, f"names no op: {type(error).__name__}: {text[:300]}")

    def _foreign(self, number: int, call: Call, error: BaseException) -> None:
        """An error of a type that no call should raise, unless the row itself raised it."""
        trace = error.__traceback__
        while trace and trace.tb_next:
            trace = trace.tb_next
        place = trace.tb_frame.f_code.co_filename if trace else ""
        if call.row and "/tests/" in place:
            return
        where = f"{place.rsplit('/', 1)[-1]}:{trace.tb_lineno if trace else 0}"
        self.tell(number, call.name, f"{type(error).__name__} at {where}: {str(error)[:300]}")

    def _may_write(
        self, call: Call, arguments: list[Any], keywords: dict[str, Any], array: np.ndarray
    ) -> bool:
        for place in call.written:
            if isinstance(place, str):
                value = keywords.get(place)
            else:
                value = arguments[place] if place < len(arguments) else None
            if any(np.may_share_memory(array, each) for each in arrays_in(value)):
                return True
        return False


def snippet(call: Call, arguments: list[Any], keywords: dict[str, Any]) -> str:
    """Python that makes the call."""
    texts = [code(value) for value in arguments]
    texts += [f"{key}={code(value)}" for key, value in keywords.items()]
    return f"{'row ' if call.row else 'kernels.'}{call.name}({', '.join(texts)})"


def code(value: Any) -> str:
    """An argument as Python: an array with its memory, strides and alignment."""
    if isinstance(value, np.ndarray) and value.dtype.kind in "fiub":
        if value.size == 0:
            return f"np.empty({value.shape}, '{value.dtype}')"
        low = sum(min(0, s * (n - 1)) for s, n in zip(value.strides, value.shape, strict=True))
        high = sum(max(0, s * (n - 1)) for s, n in zip(value.strides, value.shape, strict=True))
        address = value.__array_interface__["data"][0] + low
        length = high - low + value.itemsize
        if length > 256:
            return f"<{value.dtype} array, shape {value.shape}, strides {value.strides}>"
        data = ctypes.string_at(address, length).hex()
        return (
            f"np.ndarray({value.shape}, '{value.dtype}', bytearray.fromhex('{data}'), {-low}, "
            f"{value.strides})"
        )
    if isinstance(value, list | tuple) and type(value) in (list, tuple):
        inner = ", ".join(map(code, value))
        return f"[{inner}]" if type(value) is list else f"({inner}{',' * (len(value) == 1)})"
    return repr(value)


def main(arguments: list[str]) -> int:
    """Makes the calls from a number to another, or shows one, as `__main__` asks."""
    seed, memory, calls, counter, first, last, *ops = arguments
    with open(counter, "r+b") as file:
        shared = mmap.mmap(file.fileno(), 8)
    place = struct.Struct("q")
    told: set[str] = set()

    def tell(number: int, name: str, what: str) -> None:
        # An error of Python's is told once for the line that raises it, whatever the op.
        key = re.sub(r"\d+|'.*'", "", f"{name} {what[:60]}")
        if place_of_error := re.match(r"\w+ at \S+:", what):
            key = place_of_error[0]
        if key not in told:
            told.add(key)
            print(json.dumps([number, name, what]), flush=True)

    with open(calls, "rb") as file:
        fuzzer = Fuzzer(int(seed), pickle.load(file), ops, tell)
    if last == "show":
        np.set_printoptions()
        for _, *made in fuzzer.calls(int(first), int(first) + 1):
            print(snippet(*made))
        return 0
    limit_memory(int(memory))
    print(json.dumps("ready"), flush=True)
    fuzzer.run(int(first), int(last), lambda number: place.pack_into(shared, 0, number))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
