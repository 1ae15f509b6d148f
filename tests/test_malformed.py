"""No call, whatever its arguments, ends the process, hangs, or gives an error that does not name
the op and an argument.

Every kernel, row of the op cases and constructor, with every class of malformed arguments that can
stand in the place of a valid one (`tests/malformed_calls.py`), in a child process.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cygnet
from cygnet import kernels
from cygnet.kernels import DTypeError, ShapeError
from tests.fuzz.harvest import LEFT_OUT
from tests.fuzz.memory import SANITIZED, environment_with_limit
from tests.malformed_calls import MEMORY
from tests.malformed_constructors import CLASSES, construct, valid
from tests.op_cases import CASES

ROOT = Path(__file__).parent.parent
SECONDS = 300 if SANITIZED else 30  # that a call may take
KERNELS = [
    name
    for name in kernels.__all__
    if not isinstance(getattr(kernels, name), type) and name not in LEFT_OUT
]


class Child:
    """The process that makes the calls; a new one after a death."""

    def __init__(self, calls: Path) -> None:
        self.calls = calls
        self.process: subprocess.Popen[bytes] | None = None

    def ask(self, kind: str, name: str) -> dict[str, Any]:
        """What the calls of a kernel or row did wrong; fails where one ends the process."""
        if self.process is None or self.process.poll() is not None:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.malformed_calls", str(self.calls)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                cwd=ROOT,
                env=environment_with_limit(MEMORY),
            )
        process = self.process
        assert process.stdin and process.stdout
        process.stdin.write(json.dumps([kind, name]).encode() + b"\n")
        process.stdin.flush()
        last, buffer = b"the start", b""
        while True:
            if not select.select([process.stdout], [], [], SECONDS)[0]:
                self.end()
                pytest.fail(f"hangs in {last.decode()}")
            read = os.read(process.stdout.fileno(), 1 << 16)
            if not read:
                code = process.wait()
                pytest.fail(f"the process ended with {code} in {last.decode()}")
            *lines, buffer = (buffer + read).split(b"\n")
            for line in lines:
                if line.startswith(b"{"):
                    answer: dict[str, Any] = json.loads(line)
                    return answer
                last = line

    def end(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.communicate()


@pytest.fixture(scope="module")
def child(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Child]:
    path = tmp_path_factory.mktemp("malformed") / "calls"
    command = [sys.executable, "-m", "tests.fuzz.harvest", str(path)]
    subprocess.run(command, check=True, cwd=ROOT)
    child = Child(path)
    yield child
    child.end()


@pytest.mark.parametrize("name", KERNELS)
def test_kernel(child: Child, name: str) -> None:
    answer = child.ask("kernel", name)
    assert not answer["wrong"], "\n".join(answer["wrong"][:20])


@pytest.mark.parametrize("name", [case.name for case in CASES])
def test_row(child: Child, name: str) -> None:
    answer = child.ask("row", name)
    assert not answer["wrong"], "\n".join(answer["wrong"][:20])


def test_objects_whose_construction_failed() -> None:
    """See `tests/unfinished.py`."""
    command = [sys.executable, "-m", "tests.unfinished"]
    child = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=120)
    assert child.returncode == 0, child.stdout[-2000:] + child.stderr[-2000:]


def test_the_base_of_bound_classes_has_no_objects() -> None:
    """Its allocation would throw through Python's C; copies and pickles ask for one."""
    recording = kernels.Recording()
    with pytest.raises(TypeError, match="it has no objects itself"):
        type(recording).__base__()
    with pytest.raises(TypeError, match="it has no objects itself"):
        recording.__reduce__()


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("put", lambda x, i: cygnet.put(x, i, cygnet.ones(1))),
        ("put", lambda x, i: x.put_(i, cygnet.ones(1))),
        ("take", lambda x, i: cygnet.take(x, i)),
        ("index_fill", lambda x, i: cygnet.index_fill(x, 0, i, 1.0)),
        ("unravel_index", lambda x, i: cygnet.unravel_index(i, (3,))),
    ],
)
def test_places_out_of_range_name_the_op(name: str, call: Any) -> None:
    limits = r"index\[0\] is 7, expected -3 <= index < 3"
    with pytest.raises(IndexError, match=rf"^{name}_?: (.*: )?{limits}"):
        call(cygnet.zeros(3), cygnet.tensor([7]))


@pytest.mark.parametrize("name", CLASSES)
def test_the_examples_of_constructors_are_valid(name: str) -> None:
    construct(name, valid(name))


@pytest.mark.parametrize("name", CLASSES)
def test_constructor(child: Child, name: str) -> None:
    answer = child.ask("constructor", name)
    assert not answer["wrong"], "\n".join(answer["wrong"][:20])


# What the fuzzer found.


class Emptying:
    """An item that empties the list it is in."""

    def __init__(self, owner: list[Any]) -> None:
        self.owner = owner

    def __index__(self) -> int:
        self.owner.clear()
        return 2


def emptying(count: int) -> list[Any]:
    items: list[Any] = []
    items.extend(Emptying(items) for _ in range(count))
    return items


def test_a_list_that_empties_while_it_is_read() -> None:
    weights = [[np.ones((2, 3)), np.ones((2, 2)), np.ones(2), np.ones(2)]]
    output = kernels.rnn_forward(np.ones((4, 3)), weights, batch_sizes=emptying(2))[0]
    np.testing.assert_array_equal(
        output, kernels.rnn_forward(np.ones((4, 3)), weights, batch_sizes=[2, 2])[0]
    )
    assert kernels.avg_pool2d_forward(np.ones((1, 1, 4, 4)), emptying(2)).shape == (1, 1, 2, 2)
    assert kernels.empty(emptying(3)).shape == (2, 2, 2)
    assert kernels.sum(np.ones((2, 3, 4)), emptying(1)).shape == (2, 3)


def test_dropout_of_nothing_whose_axes_are_turned() -> None:
    cell = np.zeros(2, np.int64)
    for shape in ((2, 3, 0), (0, 5, 1), (3, 0, 2)):
        for turned in (np.empty(shape).swapaxes(0, 1), np.empty(shape)[:, ::-1]):
            misaligned = np.ndarray(shape, np.float64, bytearray(9), 1, turned.strides)
            for values in (turned, misaligned):
                output, kept = kernels.dropout_forward(values, cell, 0.5)
                assert output.shape == kept.shape == values.shape


@pytest.mark.parametrize("stride", ["\ud800", "ü"])
def test_a_message_shows_any_string(stride: str) -> None:
    with pytest.raises(TypeError, match="avg_pool2d: stride must be an int"):
        kernels.avg_pool2d_forward(np.ones((1, 1, 4, 4)), 2, stride)


def test_a_message_shows_an_object_that_cannot_be_shown() -> None:
    class Silent:
        def __str__(self) -> str:
            raise ZeroDivisionError

    with pytest.raises(TypeError, match=r"stride must be .* got an object of type Silent"):
        kernels.avg_pool2d_forward(np.ones((1, 1, 4, 4)), 2, Silent())


def test_an_array_for_a_list_of_arrays() -> None:
    """Its rows are objects that nothing else keeps."""
    rows = np.arange(15).reshape(3, 5) % 3
    with pytest.raises(DTypeError, match="resample: rows has dtype int64, expected float64"):
        kernels.resample(np.ones((2, 4, 4)), rows, rows)
    expected = kernels.flat_positions(list(rows), [3, 3, 3])
    np.testing.assert_array_equal(kernels.flat_positions(rows, [3, 3, 3]), expected)


def test_indices_at_the_limits_of_integers() -> None:
    """Their distance from the lowest valid one is beyond int64, which is undefined in C++."""
    most = 2**63 - 1
    positions = kernels.flat_positions([np.array([most - 1, -most, 0])], [most])
    np.testing.assert_array_equal(positions, [most - 1, 0, 0])
    with pytest.raises(IndexError, match=r"indexing: index\[1\] is -9223372036854775808, expected"):
        kernels.flat_positions([np.array([0, -(2**63)])], [most])


def test_a_count_of_batches_ends_at_the_largest_number() -> None:
    norm = cygnet.nn.BatchNorm1d(3, momentum=None)
    norm.num_batches_tracked.fill_(2**63 - 1)
    norm(cygnet.ones(4, 3))
    assert norm.num_batches_tracked.item() == 2**63 - 1


@pytest.mark.parametrize("name", ["query", "key", "value"])
def test_attention_that_turns_no_tensor(name: str) -> None:
    x = cygnet.ones(2, 3, 4)
    attention = cygnet.nn.MultiheadAttention(4, 2, batch_first=True)
    with pytest.raises(TypeError, match=f"^MultiheadAttention: {name} "):
        attention(**{"query": x, "key": x, "value": x, name: object()})


@pytest.mark.parametrize(("n", "r"), [(200, 100), (10**6, 5 * 10**5), (5, 10**30)])
def test_more_combinations_than_memory_holds(n: int, r: int) -> None:
    with pytest.raises(ShapeError, match=r"^combinations: r is \d+, which makes more rows"):
        cygnet.combinations(cygnet.ones(n), r, with_replacement=True)
    assert cygnet.combinations(cygnet.ones(3), 5).shape == (0, 5)


@pytest.mark.parametrize("offset", [-(2**31), 2**31 - 1, -(2**63), 10**30, -(10**30)])
def test_a_diagonal_beyond_the_matrix(offset: int) -> None:
    x = cygnet.ones(3, 4).requires_grad_()
    beyond = cygnet.diagonal(x, offset)
    assert beyond.shape == (0,)
    beyond.sum().backward()
    assert not x.grad.numpy().any()


def test_an_expanded_array_is_not_written() -> None:
    expanded = np.lib.stride_tricks.as_strided(np.zeros(1), (2**16 + 1, 2**31 - 1), (0, 0))
    with pytest.raises(ValueError, match=r"copy_into: target has shape .* cannot be written"):
        kernels.copy_into(expanded, np.zeros(()))


def test_a_scalar_for_a_list() -> None:
    scalar = np.array(3)
    with pytest.raises(TypeError, match="nll_loss_backward: input_shape must be a list"):
        kernels.nll_loss_backward(np.ones(3), np.zeros(3, np.int64), scalar)
    with pytest.raises(TypeError, match="concatenate: arrays must be a list"):
        kernels.concatenate(scalar)
    weights = [[np.ones((2, 3)), np.ones((2, 2)), None, None]]
    with pytest.raises(TypeError, match=r"rnn_forward: batch_sizes must be .* of ints"):
        kernels.rnn_forward(np.ones((4, 3)), weights, batch_sizes=[2.0, 2.0])
