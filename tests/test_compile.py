"""Compiled modules and functions: gradients through replays, memory, threads and processes."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import cygnet as cn
from cygnet import kernels, nn, optim
from tests.captured import check_captured


def batch(seed: int, *shape: int) -> cn.Tensor:
    return cn.tensor(np.random.default_rng(seed).normal(size=shape).astype(np.float32))


def twins(make: Callable[[], nn.Module]) -> tuple[nn.Module, Any]:
    """The same module twice, the second one compiled."""
    cn.manual_seed(1)
    plain = make()
    cn.manual_seed(1)
    return plain, cn.compile(make())


MODELS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "mlp": (lambda: nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 2)), (3, 4)),
    "norm": (lambda: nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.GELU()), (3, 4)),
    "images": (lambda: nn.Sequential(nn.Conv2d(2, 3, 3), nn.ReLU(), nn.Flatten()), (2, 2, 5, 5)),
    "attention": (lambda: nn.TransformerEncoderLayer(4, 2, 8, 0.0, batch_first=True), (2, 3, 4)),
}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("wanted", [False, True], ids=["data", "gradient of data"])
def test_gradients_are_eager_ones(name: str, wanted: bool) -> None:
    make, shape = MODELS[name]
    models = twins(make)
    optimizers = [optim.SGD(model.parameters(), lr=0.1, momentum=0.9) for model in models]
    for seed in range(6):
        found = []
        for model, optimizer in zip(models, optimizers, strict=True):
            x = batch(seed, *shape).requires_grad_(wanted)
            optimizer.zero_grad()
            loss = (model(x * 1) ** 2).mean()
            loss.backward()
            optimizer.step()
            found.append([loss, x.grad, *[p.grad for p in model.parameters()], *model.parameters()])
        for one, other in zip(*found, strict=True):
            assert (one is None) == (other is None)
            if one is not None:
                np.testing.assert_array_equal(one.detach().numpy(), other.detach().numpy())
    assert models[1]._captured.recordings == 1, models[1]._captured.reason


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "the argument itself": lambda x: (x, x * 2),
    "only the argument": lambda x: x,
    "a view": lambda x: x[1:],
    "not differentiable": lambda x: (x * 2, cn.argmax(x), x.detach()),
    "several": lambda x: (x.exp(), x.sin()),
    "nested": lambda x: {"a": [x * 3], "b": (x.sum(), 1)},
    "sorted": lambda x: cn.sort(x, dim=0),
}


def total(value: Any) -> cn.Tensor:
    """The sum of all tensors with a gradient in nested containers, each with another weight."""
    found: list[cn.Tensor] = []

    def walk(each: Any) -> None:
        if isinstance(each, cn.Tensor):
            if each.requires_grad:
                found.append(each)
        elif isinstance(each, dict | list | tuple):
            for inner in each.values() if isinstance(each, dict) else each:
                walk(inner)

    walk(value)
    return sum((each.square().sum() * (i + 1) for i, each in enumerate(found)), cn.zeros(()))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_gradients_of_arguments(name: str) -> None:
    def scenario(capture: Any) -> Iterator[Any]:
        function = capture(FUNCTIONS[name])
        for seed in range(5):
            x = batch(seed, 3, 2).requires_grad_()
            result = function(x)
            total(result).backward()
            yield x.grad
        kept = []
        for seed in range(3):
            x = batch(seed, 3, 2).requires_grad_()
            kept.append((x, function(x)))
        for x, result in reversed(kept):
            total(result).backward()
            yield result, x.grad

    check_captured(scenario)


def test_several_graphs_at_once() -> None:
    model, compiled = twins(MODELS["mlp"][0])
    for _ in range(3):
        compiled(batch(0, 3, 4)).sum().backward()
    compiled.zero_grad()
    (compiled(batch(1, 3, 4)).sum() + compiled(batch(2, 3, 4)).square().sum()).backward()
    (model(batch(1, 3, 4)).sum() + model(batch(2, 3, 4)).square().sum()).backward()
    for one, other in zip(model.parameters(), compiled.parameters(), strict=True):
        np.testing.assert_allclose(one.grad.numpy(), other.grad.numpy(), rtol=1e-6)


@pytest.fixture
def compiled() -> Any:
    """A compiled function that is replayed from now on."""
    w = cn.ones(3, requires_grad=True)
    function = cn.compile(lambda x: (x * w).exp())
    for _ in range(3):
        function(cn.ones(3)).sum().backward()
    assert function.recordings == 1
    return function


def test_a_graph_is_used_once(compiled: Any) -> None:
    y = compiled(cn.ones(3))
    y.sum().backward(retain_graph=True)
    with pytest.raises(ValueError, match="the graph of a captured call was used before"):
        y.sum().backward()
    z = compiled(cn.ones(3)).sum()
    z.backward()
    with pytest.raises(RuntimeError, match="was used before and is freed"):
        z.backward()


def test_no_second_derivative(compiled: Any) -> None:
    with pytest.raises(RuntimeError, match="captured has no second derivative"):
        compiled(cn.ones(3)).sum().backward(create_graph=True)


def test_results_changed_in_place(compiled: Any) -> None:
    y = compiled(cn.ones(3))
    y.detach().add_(1)
    with pytest.raises(RuntimeError, match="the gradient of captured needs was modified in place"):
        y.sum().backward()


def test_weights_changed_before_backward() -> None:
    w = cn.ones(3, requires_grad=True)
    function = cn.compile(lambda x: x * w)
    for _ in range(3):
        function(cn.ones(3)).sum().backward()
    y = function(cn.ones(3))
    with cn.no_grad():
        w.add_(1)
    with pytest.raises(RuntimeError, match="was modified in place"):
        y.sum().backward()


def test_disable_and_decorators() -> None:
    model = nn.Linear(2, 2)
    assert cn.compile(model, disable=True) is model

    @cn.compile(dynamic=False, mode="max-autotune")
    def double(x: cn.Tensor) -> cn.Tensor:
        return x * 2

    assert [double(cn.ones(1) * i).item() for i in range(4)] == [0, 2, 4, 6]
    compiled = cn.compile(model)
    assert list(compiled.state_dict()) == ["_orig_mod.weight", "_orig_mod.bias"]
    assert compiled.in_features == 2 and compiled.weight is model.weight


# Memory.


def a_step(width: int = 64) -> tuple[Any, Any, list[cn.Tensor]]:
    model = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))
    optimizer = optim.Adam(model.parameters(), lr=1e-3)

    def step(x: cn.Tensor) -> cn.Tensor:
        optimizer.zero_grad()
        loss = model(x).square().mean()
        loss.backward()
        optimizer.step()
        return loss

    return step, cn.capture(step), [batch(seed, 256, width) for seed in range(3)]


@pytest.fixture
def collector_off() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("collector_off")
def test_replays_hold_no_more_memory_each_time() -> None:
    _, captured, batches = a_step()
    for i in range(5):
        captured(batches[i % 3])
    live = kernels.memory_stats()
    for i in range(1000):
        captured(batches[i % 3])
    after = kernels.memory_stats()
    for name in live:
        if "live" in name or "cached" in name or "reserved" in name:
            assert after[name] <= live[name], name


def test_the_cache_may_be_emptied_between_replays() -> None:
    def scenario(capture: Any) -> Iterator[Any]:
        step, _, batches = a_step(8)
        step = capture(step)
        for i in range(8):
            yield step(batches[i % 3])
            cn.empty_cache()

    check_captured(scenario, 2)


# Threads, processes and signals.


def test_two_threads_call_one_function() -> None:
    w = batch(0, 64, 64)
    function = cn.capture(lambda x: cn.tanh(x @ w) @ w)
    inputs = [batch(seed, 64, 64) for seed in range(4)]
    expected = [(cn.tanh(x @ w) @ w).numpy() for x in inputs]
    wrong: list[Any] = []

    def call(turn: int) -> None:
        try:
            for i in range(200):
                which = (i + turn) % 4
                if not (function(inputs[which]).numpy() == expected[which]).all():
                    wrong.append(which)
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=call, args=(i,)) for i in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def run(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=600, check=False
    )


FORK = """
import os, sys, numpy as np, cygnet as cn
w = cn.ones(64, 64)
f = cn.capture(lambda x: cn.tanh(x @ w) @ w)
x = cn.ones(64, 64) / 64
expected = [f(x * i).numpy().copy() for i in range(4)]
child = os.fork()
good = all((f(x * i).numpy() == expected[i]).all() for i in range(4)) and f.recordings == 1
if child == 0:
    os._exit(0 if good else 1)
sys.exit(0 if good and os.waitpid(child, 0)[1] == 0 else 1)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks")
def test_replays_go_on_after_a_fork() -> None:
    assert run(FORK).returncode == 0


INTERRUPTED = """
import os, signal, threading, numpy as np, cygnet as cn
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job begins with it ignored
from cygnet import nn, optim
cn.set_num_threads(1)
model = nn.Sequential(*[nn.Linear(512, 512) for _ in range(12)])
optimizer = optim.SGD(model.parameters(), lr=1e-3)
@cn.capture
def step(x):
    optimizer.zero_grad()
    model(x).square().mean().backward()
    optimizer.step()
x = cn.ones(512, 512) / 512
for _ in range(3):
    step(x)
weights = lambda: [p.detach().numpy().copy() for p in model.parameters()]
outcomes = set()
for delay in (0.001, 0.02, 0.05, 0.1):
    before = weights()
    timer = threading.Timer(delay, os.kill, (os.getpid(), signal.SIGINT))
    try:
        timer.start()
        step(x)
        timer.join()
        for _ in range(10 ** 6): pass
        raise SystemExit("no interrupt came")
    except KeyboardInterrupt:
        pass
    changed = {bool((a != b).any()) for a, b in zip(before, weights())}
    assert len(changed) == 1, "half a step"
    outcomes |= changed
step(x)
assert step.recordings == 1
print(sorted(outcomes))
"""


@pytest.mark.skipif(not hasattr(signal, "SIGINT") or os.name == "nt", reason="no such signals")
def test_an_interrupt_leaves_no_half_step() -> None:
    done = run(INTERRUPTED)
    assert done.returncode == 0, done.stdout + done.stderr
