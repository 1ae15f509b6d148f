"""Valid calls of the kernels, taken down while the table of op cases runs.

    python -m tests.fuzz.harvest FILE

A process of its own: what takes the calls down must be there before Cygnet looks for its kernels.
"""

from __future__ import annotations

import importlib
import itertools
import pickle
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import numpy as np

MOST_BYTES = 16384  # of the arrays of a call
MOST_ALIKE = 2  # calls of one kernel whose arguments are of the same kinds and ranks
MOST = 40  # calls of one kernel
# They change the process, or take as long as they are asked to.
LEFT_OUT = {"set_num_threads", "set_flush_denormal", "peak_flops", "modules_changed"}


@dataclass
class Call:
    """A call of the kernel `name`, or of a sample of the row `name` of the table.

    `written` holds the places of the arguments that the call may write: a position or a keyword.
    """

    name: str
    arguments: list[Any]
    keywords: dict[str, Any]
    row: bool = False
    sample: int = 0
    written: set[int | str] = field(default_factory=set)


def arrays_in(value: Any) -> Iterator[np.ndarray]:
    """The arrays in an argument, at any depth."""
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from arrays_in(item)


def kept(value: Any) -> Any:
    """A copy of an argument: arrays keep their order in memory."""
    if isinstance(value, np.ndarray):
        return value.copy(order="K")
    if isinstance(value, (list, tuple)):
        return type(value)(kept(item) for item in value)
    return value


def kind(value: Any) -> Any:
    """What two calls are told apart by."""
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.ndim, value.flags.c_contiguous
    if isinstance(value, (list, tuple)):
        return len(value), tuple(map(kind, value[:4]))
    return value if isinstance(value, str | bool) else type(value)


def same(a: Any, b: Any) -> bool:
    return all(x.tobytes() == y.tobytes() for x, y in zip(arrays_in(a), arrays_in(b), strict=True))


class Noting:
    """A kernel whose calls are noted; as an attribute no method, like a function of C++."""

    def __init__(self, name: str, function: Callable[..., Any], calls: list[Call]) -> None:
        self.__name__ = name
        self._function = function
        self._calls = calls
        self._seen: dict[Any, int] = {}

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        everything = [*arguments, *keywords.values()]
        key = tuple(map(kind, everything)), tuple(keywords)
        if (
            self._seen.get(key, 0) >= MOST_ALIKE
            or len(self._calls) >= MOST
            or sum(a.nbytes for a in arrays_in(everything)) > MOST_BYTES
        ):
            return self._function(*arguments, **keywords)
        self._seen[key] = self._seen.get(key, 0) + 1
        note = Call(self.__name__, kept(list(arguments)), {k: kept(v) for k, v in keywords.items()})
        result = self._function(*arguments, **keywords)
        places = itertools.chain(enumerate(arguments), keywords.items())
        for (place, after), before in zip(
            places, [*note.arguments, *note.keywords.values()], strict=True
        ):
            if not same(after, before):
                note.written.add(place)
        self._calls.append(note)
        return result


def take_down() -> dict[str, list[Call]]:
    """Has the kernels noted of a Cygnet that is still to be imported."""
    calls: dict[str, list[Call]] = {}
    original = importlib.import_module

    def hooked(name: str, package: str | None = None) -> ModuleType:
        module = original(name, package)
        if "._native_" in name:
            for key, value in vars(module).items():
                if callable(value) and not isinstance(value, type) and key not in LEFT_OUT:
                    setattr(module, key, Noting(key, value, calls.setdefault(key, [])))
        return module

    importlib.import_module = hooked
    return calls


def run_rows() -> None:
    """The table's small samples, forward and backward, in both types."""
    from cygnet import as_tensor
    from tests.op_cases import CASES

    for case in CASES:
        for sample in case.samples[:12]:
            if sum(int(np.prod(i.shape)) for i in sample.inputs) > MOST_BYTES // 4:
                continue
            for dtype in (np.float32, np.float64):
                inputs = [
                    as_tensor(a).requires_grad_(case.gradient and i.differentiable)
                    for a, i in zip(sample.draw(dtype), sample.inputs, strict=True)
                ]
                output = case.function(*inputs, **sample.options)
                if case.gradient:
                    first = output[0] if isinstance(output, tuple) else output
                    first.backward(as_tensor(np.ones(first.shape, first.dtype)))


def run_optimizers() -> None:
    """Three steps of every optimizer."""
    import cygnet
    from cygnet import nn, optim

    for name in optim.__all__:
        kind = getattr(optim, name)
        if not (isinstance(kind, type) and issubclass(kind, optim.Optimizer)):
            continue
        for options in ({}, {"momentum": 0.9, "nesterov": True}, {"amsgrad": True}):
            parameters = [nn.Parameter(cygnet.ones(3, 4)), nn.Parameter(cygnet.ones(5))]
            try:
                optimizer = kind(parameters, lr=0.1, **options)
            except (TypeError, ValueError):
                continue  # it has no such option, or takes matrices alone

            def closure(optimizer: Any = optimizer, parameters: Any = parameters) -> Any:
                optimizer.zero_grad()
                loss = sum((p * p).sum() for p in parameters)
                loss.backward()
                return loss

            for _ in range(3):
                optimizer.step(closure)


def run_others() -> None:
    """What the table does not call: kernels that draw, and some that training calls."""
    import cygnet
    from cygnet import kernels, nn

    x = cygnet.rand(4, 3)
    cygnet.manual_seed(1)
    generator = cygnet.Generator(1)
    cell = generator.cell("random")
    for dtype in (np.float32, np.float64):
        kernels.uniform(np.empty((3, 4), dtype), cell)
        kernels.normal(np.empty((3, 4), dtype), cell, 0.5, 2.0)
        kernels.exponential(np.empty(7, dtype), cell, 2.0)
        kernels.bernoulli(np.full((3, 4), 0.5, dtype), cell)
        kernels.poisson(np.full((3, 4), 2.5, dtype), cell)
        kernels.multinomial(np.full((3, 4), 0.5, dtype), cell, 2)
        kernels.multinomial(np.full((1, 4), 0.5, dtype), cell, 9, True)
        _, dropped = kernels.dropout_forward(np.ones((3, 4), dtype), cell, 0.3)
        kernels.dropout_backward(np.ones((3, 4), dtype), dropped, 0.3)
        kernels.square(np.ones((3, 4), dtype))
        instances = np.arange(24, dtype=dtype).reshape(2, 3, 4)
        statistics = np.zeros(3, dtype), np.ones(3, dtype)
        kernels.instance_norm_forward(instances, None, None, *statistics)
        kernels.renormalize_rows(np.ones((3, 4), dtype), np.array([0, 2]), 1.0, 2.0)
    kernels.integers(np.empty(9, np.int64), cell, -3, 12)
    kernels.permutation(cell, 11)
    nn.utils.clip_grad_norm_([x.clone().requires_grad_()], 1.0)
    layer = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5))
    layer(x).sum().backward()
    nn.utils.clip_grad_norm_(layer.parameters(), 0.01)
    frames = np.log(np.full((5, 2, 4), 0.25, np.float32))
    kernels.ctc_beam_search(frames, np.array([5, 4]), 0, 4)
    kernels.empty((2, 3), "float32")
    kernels.full((2, 3), 7.0, "int64")
    kernels.copy_into(np.zeros((2, 3)), np.ones((2, 3)))
    kernels.copy_into(np.zeros((2, 3)), np.ones((2, 3), np.float32))


# Places that no valid call here writes: the weights of averages change after a million steps.
RARELY_WRITTEN: defaultdict[str, set[int | str]] = defaultdict(set, asgd_step={4})


def main(path: str) -> None:
    """Writes the calls to a file."""
    assert "cygnet" not in sys.modules
    calls = take_down()
    run_rows()
    run_optimizers()
    run_others()
    for name, alike in calls.items():
        written = set().union(*(call.written for call in alike), {"out"}, RARELY_WRITTEN[name])
        for call in alike:
            call.written = written
    with open(path, "wb") as file:
        pickle.dump([call for alike in calls.values() for call in alike], file)


if __name__ == "__main__":
    from tests.fuzz import harvest

    harvest.main(sys.argv[1])
