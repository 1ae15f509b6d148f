"""Memory over many calls that raise and many training steps of random shapes.

    python -m tests.endurance                          # 10,000 of each, some minutes
    python -m tests.endurance --calls 2000 --steps 500

Calls: malformed ones of the rows of op cases and of kernels, and wrong uses of modules, optimizers,
captures and files, the same ones in each round. After a round the pool's live bytes, the number of
objects that Python's collector knows, the references to the arguments and the bytes that malloc has
given out must be those of the first rounds: a reference or a block lost in a call would be lost
again in each round.

Steps: networks of convolutions, linear, recurrent and attention layers and embeddings, eager and
captured, with batches, lengths and sizes drawn anew for each. The resident set may not grow between
the 2,000th step and the last by more than GROWTH: the pool keeps blocks of each size class it has
met, and rare sizes are met late.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import itertools
import os
import pickle
import random
import resource
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import numpy as np

import cygnet
from cygnet import io, kernels, nn, optim
from tests.fuzz.harvest import Call, arrays_in
from tests.malformed_calls import ALLOWED, malformed, row_function
from tests.op_cases import CASES

ROOT = Path(__file__).parent.parent
WARM_ROUNDS = 2  # in which caches fill
MEASURED = 2  # rounds at least, in each of which a call that loses something loses it again
PER_ROW = 2  # raising calls of a row or kernel in a round
BLOCKS = 50  # calls a small block of Python's at least: interned strings and free lists come and go
MALLOC = 1 << 14  # bytes: less than three a call over 10,000 calls, so no call lost a block
GROWTH = 4 << 20  # bytes of the resident set between the 2,000th step and the last
Thunk = Callable[[], Any]


class _Mallinfo(ctypes.Structure):
    """What glibc's mallinfo2 returns."""

    _names = "arena ordblks smblks hblks hblkhd usmblks fsmblks used free keepcost"
    _fields_ = [(name, ctypes.c_size_t) for name in _names.split()]


def malloc_bytes() -> int:
    """The bytes that malloc has given out; 0 where the C library does not tell."""
    info = getattr(ctypes.CDLL(None), "mallinfo2", None)
    if info is None:
        return 0
    info.restype = _Mallinfo
    found = info()
    return int(found.used + found.hblkhd)


def resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


@dataclass
class State:
    """What must not grow; `malloc` and `blocks` but for a little."""

    pool: int
    objects: int
    references: int
    blocks: int
    malloc: int
    resident: int

    @classmethod
    def now(cls, held: list[Any]) -> State:
        gc.collect()
        return cls(
            int(kernels.memory_stats()["live_bytes"]),
            len(gc.get_objects()),
            sum(map(sys.getrefcount, held)),
            sys.getallocatedblocks(),
            malloc_bytes(),
            resident_bytes(),
        )

    def __sub__(self, other: State) -> State:
        return State(*(a - b for a, b in zip(astuple(self), astuple(other), strict=True)))

    def leaks(self, calls: int) -> bool:
        """Whether a difference after so many calls is one."""
        return bool(
            self.pool
            or self.objects >= MEASURED  # one that another thread made, as pytest-xdist's, is none
            or self.references
            or self.blocks > 256 + calls / BLOCKS
            or self.malloc > MALLOC
        )


def raises(call: Thunk) -> bool:
    try:
        call()
    except ALLOWED:
        return True
    except Exception:  # of the table's own Python
        return False
    return False


def malformed_calls(call: Call, function: Callable[..., Any], seed: int) -> Iterator[Thunk]:
    """Some calls that raise, of those that differ from a valid one in an argument."""
    chosen = [each for each in malformed(call) if "huge" not in each[0] and "limits" not in each[0]]
    random.Random(seed).shuffle(chosen)
    found = 0
    for _, _, arguments, keywords in chosen:

        def thunk(a: Any = arguments, k: Any = keywords) -> Any:
            return function(*a, **k)

        if raises(thunk):
            found += 1
            yield thunk
            if found == PER_ROW:
                return


def of_rows(names: list[str]) -> Iterator[Thunk]:
    cases = {case.name: case for case in CASES}
    for seed, name in enumerate(names):
        samples = (s for s in cases[name].samples if all(0 not in i.shape for i in s.inputs))
        sample = next(samples, None)
        if sample is None or sum(np.prod(i.shape) for i in sample.inputs) > 2000:
            continue
        call = Call(name, sample.draw(np.float32), dict(sample.options), True)
        yield from malformed_calls(call, row_function(name), seed)


def of_kernels() -> Iterator[Thunk]:
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/calls"
        subprocess.run([sys.executable, "-m", "tests.fuzz.harvest", path], check=True, cwd=ROOT)
        with open(path, "rb") as file:
            calls = pickle.load(file)
    seen: set[str] = set()
    for seed, call in enumerate(calls):
        if call.name not in seen:
            seen.add(call.name)
            yield from malformed_calls(call, getattr(kernels, call.name), seed)


def of_users(folder: Path) -> Iterator[Thunk]:
    """Wrong uses of modules, optimizers, captures and files."""
    layers: list[tuple[nn.Module, tuple[int, ...]]] = [
        (nn.Linear(3, 4), (2, 5)),
        (nn.Conv2d(3, 4, 3), (2, 5, 8, 8)),
        (nn.BatchNorm2d(3), (2, 5, 8, 8)),
        (nn.LSTM(3, 4), (2, 5, 7)),
        (nn.MultiheadAttention(4, 2), (2, 3, 5)),
        (nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(5, 2)), (2, 3)),
    ]
    for layer, shape in layers:
        x = cygnet.zeros(shape, requires_grad=True)
        inputs = (x, x, x) if isinstance(layer, nn.MultiheadAttention) else (x,)
        yield lambda layer=layer, inputs=inputs: layer(*inputs)
        yield lambda layer=layer: layer.load_state_dict({"no": cygnet.zeros(1)})
        yield lambda layer=layer: layer.no_such_attribute
        yield lambda layer=layer: layer(None, 1, 2, 3, 4)
    yield lambda: nn.Embedding(4, 2)(cygnet.tensor([4]))
    yield lambda: nn.Conv2d(3, 4, 0)(cygnet.zeros(1, 3, 4, 4))
    parameter = nn.Parameter(cygnet.zeros(2, 2))
    for name in ("SGD", "Adam", "Adafactor", "Muon", "RMSprop", "Lion"):
        yield lambda name=name: getattr(optim, name)([parameter], lr=-1)
        yield lambda name=name: getattr(optim, name)([parameter, 3])
        optimizer = getattr(optim, name)([parameter])
        yield lambda o=optimizer: o.step(lambda: 1 / int(cygnet.zeros(1)[2]))
        yield lambda o=optimizer: o.load_state_dict({"state": {}, "param_groups": []})

    @cygnet.capture
    def reads(x: Any) -> Any:
        return x * float((x * 2).sum().item()) if x.sum().item() > 1e9 else x @ x

    yield lambda: reads(cygnet.zeros(2, 3))
    leaf = cygnet.zeros(2, requires_grad=True)
    once = (leaf * leaf).sum()
    once.backward()
    yield once.backward
    yield lambda: (leaf * 2).backward()
    yield lambda: leaf.add_(1)

    def failing_recording() -> None:
        with kernels.Recording():
            kernels.matmul(np.zeros((2, 3)), np.zeros((2, 3)))

    yield failing_recording
    for name, content in (
        ("short", b"\1"),
        ("long", b"\xff" * 64),
        ("none", b"\2" + b"\0" * 7 + b"{}"),
    ):
        path = folder / f"{name}.safetensors"
        path.write_bytes(content[:-1] if name == "none" else content)
        yield lambda path=path: cygnet.load(path)
    yield lambda: cygnet.load(folder / "absent.safetensors")
    yield lambda: cygnet.save({"a": object()}, folder / "b.safetensors")
    yield lambda: io.load_npz(folder / "short.safetensors")


def raising(calls: list[Thunk], count: int) -> tuple[int, State]:
    """Makes rounds of the calls, `count` in all; returns their number and what has grown."""
    held: list[Any] = []
    for call in calls:
        for value in call.__defaults__ or ():  # the arguments
            for item in value.values() if isinstance(value, dict) else [value]:
                held.extend(arrays_in(item))
    rounds = max(WARM_ROUNDS + MEASURED, -(-count // len(calls)))
    before = None
    for number in range(rounds):
        if number == WARM_ROUNDS:
            before = State.now(held)
            before = State.now(held)  # its own objects are there now
        for call in calls:
            raises(call)
    assert before is not None
    return rounds * len(calls), State.now(held) - before


def losses_of(captured: bool) -> dict[str, Callable[[random.Random], Any]]:
    """A training step of each kind of network, of shapes that are drawn."""

    def step_of(model: nn.Module, forward: Callable[..., Any]) -> Callable[..., Any]:
        optimizer = optim.Adam(model.parameters(), lr=1e-3)

        def step(*inputs: Any) -> Any:
            optimizer.zero_grad()
            loss = forward(model, *inputs).square().mean()
            loss.backward()
            optimizer.step()
            return loss

        return cygnet.capture(step, limit=4) if captured else step

    pixels = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
                           nn.BatchNorm2d(8), nn.Conv2d(8, 4, 1))  # fmt: skip
    rows = nn.Sequential(nn.Linear(16, 32), nn.GELU(), nn.LayerNorm(32), nn.Linear(32, 4))
    layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
    words = nn.ModuleList([nn.Embedding(50, 8), nn.GRU(8, 12)])
    convolve = step_of(pixels, lambda model, x: model(x))
    connect = step_of(rows, lambda model, x: model(x))
    remember = step_of(nn.LSTM(8, 12, batch_first=True), lambda model, x: model(x)[0])
    attend = step_of(layer, lambda model, x: model(x))
    read = step_of(words, lambda model, x: model[1](model[0](x))[0])

    def drawn(*shape: int) -> cygnet.Tensor:
        return cygnet.randn(*shape)

    return {
        "convolution": lambda r: convolve(
            drawn(r.randint(1, 6), 3, 2 * r.randint(4, 12), 2 * r.randint(4, 12))
        ),
        "linear": lambda r: connect(drawn(r.randint(1, 200), 16)),
        "recurrent": lambda r: remember(drawn(r.randint(1, 16), r.randint(1, 30), 8)),
        "attention": lambda r: attend(drawn(r.randint(1, 8), r.randint(1, 40), 16)),
        "embedding": lambda r: read(cygnet.randint(0, 50, (r.randint(1, 20), r.randint(1, 8)))),
    }


def training(count: int, warm: int) -> tuple[int, int, int]:
    """Steps of random shapes; returns by how much the resident set has grown since the step `warm`,
    and the pool's live bytes and the objects from before the networks were made to after their end.
    """
    cygnet.manual_seed(0)
    start = State.now([])
    start = State.now([])
    generator = random.Random(0)
    steps = [*losses_of(False).values(), *losses_of(True).values()]
    before = 0
    for number in range(count):
        if number == warm:
            before = resident_bytes()
        steps[number % len(steps)](generator)
        if number % 500 == 499 and count > 2000:
            live = kernels.memory_stats()["live_bytes"]
            print(f"step {number + 1}: resident {resident_bytes()}, pool {live}", flush=True)
    resident = resident_bytes() - before
    del steps
    grown = State.now([]) - start
    return resident, grown.pool, grown.objects


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.endurance")
    parser.add_argument("--calls", type=int, default=10_000)
    parser.add_argument("--steps", type=int, default=10_000)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        names = [case.name for case in CASES]
        calls = [*of_users(Path(folder)), *itertools.islice(of_rows(names), 1600), *of_kernels()]
        calls = [call for call in calls if raises(call)]
        made, grown = raising(calls, options.calls)
        failed |= grown.leaks(made)
        print(f"{made} raising calls, {len(calls)} of them different: grown by {grown}", flush=True)
    resident, pool, objects = training(options.steps, min(2000, options.steps // 2))
    failed |= resident > GROWTH or pool != 0
    print(f"{options.steps} steps: resident {resident}, pool {pool}, objects {objects}")
    return int(failed)


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main())
