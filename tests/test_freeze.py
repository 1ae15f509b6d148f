"""Models frozen for inference: who may call, what is refused, what is reported."""

from __future__ import annotations

import gc
import itertools
import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cygnet as cn
import cygnet.nn.functional as F
from cygnet import kernels, nn
from cygnet.kernels import ShapeError
from cygnet.replay.profile import Profile
from tests.frozen import assert_near, eager, model_of, ops, settled

# Who calls, and how.


def small() -> nn.Module:
    cn.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(4 * 9, 10),
    )  # fmt: skip
    return settled(model, 1, 8, 8)


def in_threads(count: int, work: Callable[[int], None]) -> None:
    """Runs work(0), work(1), ... at once; raises what one of them raised."""
    errors: list[BaseException] = []
    start = threading.Barrier(count)

    def run(number: int) -> None:
        try:
            start.wait()
            work(number)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    if errors:
        raise errors[0]


def test_threads_get_what_one_caller_gets() -> None:
    plan = cn.freeze(small(), cn.zeros(16, 1, 8, 8))
    inputs = [cn.randn(16, 1, 8, 8) for _ in range(8)]
    expected = [plan(x).numpy() for x in inputs]
    found: list[list[Any]] = [[] for _ in inputs]
    in_threads(8, lambda i: found[i].extend(plan(inputs[i]) for _ in range(50)))
    for results, each in zip(found, expected, strict=True):
        for result in results:
            np.testing.assert_array_equal(result, each)


def test_threads_with_new_shapes_make_each_list_once() -> None:
    plan = cn.freeze(small(), cn.zeros(1, 1, 8, 8))
    other = nn.Linear(4, 4)
    optimizer = cn.optim.SGD(other.parameters(), lr=0.1)
    inputs = [cn.randn(1 + i % 4, 1, 8, 8) for i in range(8)]
    found: dict[int, Any] = {}

    def work(number: int) -> None:
        for _ in range(10):
            if number >= 6:
                optimizer.zero_grad()
                other.train(number == 6)
                other(cn.randn(2, 4)).sum().backward()
                optimizer.step()
            else:
                found[number] = plan(inputs[number])

    in_threads(8, work)
    assert len(plan._replays) == 4
    for number, result in found.items():
        np.testing.assert_array_equal(result, plan(inputs[number]))


def test_an_error_in_a_new_list_does_not_stop_others() -> None:
    plan = cn.freeze(small(), cn.zeros(1, 1, 8, 8))

    def work(number: int) -> None:
        if number % 2:
            with pytest.raises(ShapeError, match="conv2d"):
                plan(cn.zeros(1, 2, 8, 8))
        else:
            assert plan(cn.zeros(3, 1, 8, 8)).shape == (3, 10)

    in_threads(8, work)
    assert len(plan._replays) == 2
    assert not kernels.is_recording()
    assert cn.is_grad_enabled()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_forked_child_may_call_and_make_lists() -> None:
    plan = cn.freeze(small(), cn.zeros(2, 1, 8, 8))
    x, other = cn.randn(2, 1, 8, 8), cn.randn(3, 1, 8, 8)
    expected = plan(x).numpy()
    with plan._lock:  # as if another thread made a list at the fork
        child = os.fork()
        if child == 0:
            same = np.array_equal(plan(x), expected) and plan(other).shape == (3, 10)
            os._exit(0 if same else 1)
    assert os.waitpid(child, 0)[1] == 0
    np.testing.assert_array_equal(plan(x), expected)


def test_arguments_may_overlap_be_read_only_or_lie_anywhere() -> None:
    model = model_of(lambda self, x, y: x * 2 + y)
    memory = np.arange(8, dtype=np.float32)
    plan = cn.freeze(model, memory[:4], memory[:4])
    np.testing.assert_array_equal(plan(memory[:4], memory[4:]), memory[:4] * 2 + memory[4:])
    np.testing.assert_array_equal(plan(memory[:4], memory[2:6]), memory[:4] * 2 + memory[2:6])
    memory.flags.writeable = False
    np.testing.assert_array_equal(plan(memory[:4], memory[:4]), memory[:4] * 3)
    odd = np.frombuffer(b"x" + memory.tobytes(), np.uint8)[1:].view(np.float32)
    np.testing.assert_array_equal(plan(odd[:4], odd[4:]), memory[:4] * 2 + memory[4:])
    assert len(plan._replays) == 1
    np.testing.assert_array_equal(plan(memory[3::-1], memory[:4]), memory[3::-1] * 2 + memory[:4])
    wide = np.broadcast_to(memory[1:2], 4)
    np.testing.assert_array_equal(plan(wide, memory[:4]), 2 + memory[:4])
    assert plan(memory[:0], memory[:0]).shape == (0,)


def test_results_are_memory_of_their_own() -> None:
    weight = cn.randn(3)
    model = model_of(
        lambda self, x: (x + 1, self.weight, self.weight * 2, self.weight[:2]),
        weight=nn.Parameter(weight.clone()),
    )
    plan = cn.freeze(model, cn.zeros(3))
    first = plan(cn.zeros(3))
    for tensor in first:
        assert type(tensor) is cn.Tensor
        assert not tensor.requires_grad
        tensor.fill_(7)
    _, parameter, double, part = plan(cn.zeros(3))
    np.testing.assert_array_equal(parameter, weight)
    np.testing.assert_array_equal(double, weight * 2)
    np.testing.assert_array_equal(part, weight[:2])


def test_views_of_arguments_are_views_again() -> None:
    plan = cn.freeze(model_of(lambda self, x: (x, x.transpose(0, 1))), cn.zeros(2, 3))
    x = cn.randn(2, 3)
    same, turned = plan(x)
    assert same.numpy() is not None
    assert np.shares_memory(same.numpy(), x.numpy())
    np.testing.assert_array_equal(turned, x.numpy().T)


def test_nested_arguments_and_results() -> None:
    def forward(self: Any, batch: Any, *, scale: float = 1.0, extra: Any = None) -> Any:
        x = batch["x"] * scale
        return {"y": [x, None, "text"], "z": (batch["pair"][1] + 1, 3)}, extra

    model = model_of(forward)
    x, y = cn.randn(2), cn.randn(2)
    plan = cn.freeze(model, {"x": x, "pair": (x, y)}, scale=2.0)
    found, extra = plan({"x": y, "pair": (y, x)}, scale=2.0)
    assert extra is None
    assert found["y"][1:] == [None, "text"]
    np.testing.assert_array_equal(found["y"][0], y * 2)
    np.testing.assert_array_equal(found["z"][0], x + 1)
    assert found["z"][1] == 3
    found, _ = plan({"x": y, "pair": (y, x)}, scale=3.0)
    np.testing.assert_array_equal(found["y"][0], y * 3)


def test_integers_and_double_precision() -> None:
    model = nn.Sequential(nn.Embedding(9, 4), nn.Linear(4, 3))
    tokens = np.array([[1, 2], [3, 8]])
    plan = cn.freeze(model, tokens)
    np.testing.assert_array_equal(plan(tokens[::-1].copy()), eager(model, tokens[::-1]))
    with pytest.raises(IndexError):
        plan(np.array([[1, 2], [3, 9]]))
    np.testing.assert_array_equal(plan(tokens), eager(model, tokens))
    model = nn.Linear(4, 3, dtype=cn.float64)
    x = cn.randn(2, 4, dtype=cn.float64)
    np.testing.assert_array_equal(cn.freeze(model, x)(x), eager(model, x))


def test_other_batch_sizes() -> None:
    model = small()
    plan = cn.freeze(model, cn.zeros(4, 1, 8, 8))
    for batch in (1, 4, 7, 4, 0):
        x = cn.randn(batch, 1, 8, 8)
        assert plan(x).shape == (batch, 10)
        if batch:
            assert_near(plan(x), eager(model, x))


def test_training_the_model_does_not_change_the_plan() -> None:
    model = small()
    x = cn.randn(4, 1, 8, 8)
    plan = cn.freeze(model, x)
    before = plan(x).numpy().copy()
    model.train()
    optimizer = cn.optim.SGD(model.parameters(), lr=1.0)
    model(x).sum().backward()
    optimizer.step()
    model.float()
    cn.set_default_dtype(cn.float64)
    try:
        np.testing.assert_array_equal(plan(x), before)
    finally:
        cn.set_default_dtype(cn.float32)
    assert model.training
    assert len(plan._replays) == 1
    assert np.abs(eager(model.eval(), x).numpy() - before).max() > 0.1


def test_recurrent_models_with_states() -> None:
    for kind in (nn.RNN, nn.LSTM, nn.GRU):
        model = kind(3, 5, num_layers=2, batch_first=True)
        x = cn.randn(2, 4, 3)
        y, state = eager(model, x)
        plan = cn.freeze(model, x, state)
        for actual, expected in zip(
            _flat(plan(x, state)), _flat(eager(model, x, state)), strict=True
        ):
            np.testing.assert_array_equal(actual, expected)
        np.testing.assert_array_equal(plan(x)[0], y)


def _flat(value: Any) -> list[Any]:
    if isinstance(value, tuple):
        return [leaf for each in value for leaf in _flat(each)]
    return [value]


def test_a_transformer() -> None:
    model = nn.TransformerEncoder(
        nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, activation="gelu"), 2
    ).eval()
    x = cn.randn(2, 5, 8)
    plan = cn.freeze(model, x)
    assert_near(plan(x), eager(model, x))


def test_keras_models() -> None:
    keras = cn.keras
    layers = keras.layers
    chain = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(4, 3, use_bias=False),
            layers.BatchNormalization(),
            layers.Activation("relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dropout(0.3),
            layers.Dense(3, activation="softmax"),
        ]
    )
    given = keras.Input((8, 8, 1))
    x = layers.Conv2D(4, 3, padding="same")(given)
    x = layers.BatchNormalization()(x)
    x = layers.ReLU()(layers.add([x, given]))
    joined = keras.Model(given, layers.Dense(2)(layers.GlobalAveragePooling2D()(x)))
    images = np.random.default_rng(0).normal(1, 2, (16, 8, 8, 1)).astype(np.float32)
    for model, labels in ((chain, 3), (joined, 2)):
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=model is joined)
        model.compile("adam", loss)
        model.fit(images, np.arange(16) % labels, epochs=2, verbose=0)
        plan = cn.freeze(model, images)
        before = model.predict(images, verbose=0)
        assert_near(plan(images), before)
        assert "batch_norm" not in ops(plan)
        model.fit(images, np.arange(16) % labels, epochs=2, verbose=0)
        assert_near(plan(images), before)
        assert np.abs(model.predict(images, verbose=0) - before).max() > 1e-4


# What is refused.


def test_what_is_no_model_or_has_no_example() -> None:
    with pytest.raises(TypeError, match="freeze: model expected a Module, got function"):
        cn.freeze(lambda x: x, cn.zeros(1))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="freeze: an example of the model's arguments is needed"):
        cn.freeze(nn.Linear(2, 2))


def test_models_that_cannot_be_frozen() -> None:
    def branches(self: Any, x: Any) -> Any:
        return x if x.sum() > 0 else -x

    def draws(self: Any, x: Any) -> Any:
        return F.dropout(x, 0.5, training=True)

    def counts(self: Any, x: Any) -> Any:
        self.calls += 1
        return x + 1

    def shapes(self: Any, x: Any) -> Any:
        return x[x > 0]

    def writes(self: Any, x: Any) -> Any:
        self.total += x
        return x + 1

    def keeps(self: Any, x: Any) -> Any:
        self.__dict__["last"] = x * 2
        return x + 1

    def wanders(self: Any, x: Any) -> Any:
        self.calls.append(1)
        return F.linear(x, self.weight) if len(self.calls) % 2 else x * 2

    total, square = cn.zeros(3), cn.ones(3, 3)
    for forward, members, error, message in (
        (branches, {}, RuntimeError, "a value cannot be read while calls are recorded"),
        (draws, {}, ValueError, "dropout.* writes to memory outside the plan"),
        (counts, {"calls": 0}, RuntimeError, "freeze: the model did .* it changed Model.calls"),
        (shapes, {}, RuntimeError, "cannot be read while calls are recorded"),
        (writes, {"total": total}, ValueError, "writes to memory outside the plan"),
        (keeps, {}, RuntimeError, "it changed last"),
        (
            wanders,
            {"calls": [], "weight": square},
            RuntimeError,
            "freeze: the model makes other calls each time",
        ),
    ):
        with pytest.raises(error, match=message):
            cn.freeze(model_of(forward, **members), cn.ones(3))
        assert not kernels.is_recording()
        assert cn.is_grad_enabled()
        assert cn.freeze(nn.Linear(2, 2), cn.zeros(2))(cn.zeros(2)).shape == (2,)


def test_a_plan_is_not_called_within_a_recording() -> None:
    plan = cn.freeze(nn.Linear(2, 2), cn.zeros(2))
    step = cn.capture(lambda x: plan(x) * 2)
    step(cn.zeros(2))
    with pytest.raises(
        RuntimeError, match="freeze: a frozen plan is called while calls are recorded"
    ):
        step(cn.zeros(2))


# Memory, and what is reported.


def test_a_plan_holds_no_more_than_it_needs() -> None:
    def live() -> int:
        gc.collect()
        return cn.memory_stats()["live_bytes"]

    model = settled(nn.Sequential(nn.Linear(256, 512), nn.BatchNorm1d(512), nn.Linear(512, 2)), 256)
    x = cn.randn(64, 256)
    cn.freeze(model, x)
    before = live()
    plan = cn.freeze(model, x)
    assert plan(x).shape == (64, 2)
    weights = 256 * 512 * 4
    arena = plan._replays[0].arena_bytes()
    assert (
        live() - before < 2.2 * weights + x.nbytes + arena
    )  # the copy of the model, what was folded
    del plan
    assert live() == before


def test_describe() -> None:
    plan = cn.freeze(small(), cn.zeros(2, 1, 8, 8))
    text = plan.describe()
    head, *rows, total, memory = text.splitlines()
    assert head.split() == ["kernel", "shapes", "MFLOP", "MB", "us", "share", "of", "peak", "GB/s"]
    assert [row.split()[0] for row in rows] == ops(plan)
    assert all(len(line) < 120 for line in text.splitlines())
    shares = [float(row.split()[-3].rstrip("%")) for row in rows]
    assert sum(shares) == pytest.approx(100, abs=0.3)
    assert total.startswith(f"{len(rows)} calls, ")
    assert total.endswith("of peak")
    assert memory.startswith("memory: constants ")
    assert "2x1x8x8 4x1x3x3 4 -> 2x4x6x6" in rows[0]


def test_long_shapes_and_joined_calls_are_shortened() -> None:
    x = cn.randn(2, 3, 4, 4)
    model = nn.Sequential(nn.BatchNorm2d(3), nn.Identity(), nn.ReLU())
    plan = cn.freeze(model, x)
    with pytest.raises(
        ValueError, match="profile: argument runs expected an int of at least 1, got 0"
    ):
        plan.profile(runs=0)
    text = plan.describe().splitlines()[2]  # after the change of memory order
    assert text.startswith("batch_norm + relu  2x3x4x4 3 3")
    rows = str(
        Profile([("op", " ".join(["(1000, 2000)"] * 8) + " -> (3,)", 1.0, 2.0)])
    ).splitlines()
    assert " ".join(["1000x2000"] * 6) + " ...  " in rows[1]


def test_profile_of_other_shapes_and_trace(tmp_path: Path) -> None:
    plan = cn.freeze(small(), cn.zeros(2, 1, 8, 8))
    profile = plan.profile(cn.zeros(5, 1, 8, 8), runs=3)
    assert profile.seconds is not None
    assert len(profile.seconds) == len(profile.calls) == len(ops(plan))
    assert "5" in profile.calls[0][1]
    profile.save_trace(tmp_path / "a.json")
    plan.save_trace(tmp_path / "b.json")
    for name in ("a.json", "b.json"):
        events = json.loads((tmp_path / name).read_text())["traceEvents"]
        assert [event["name"] for event in events] == [call[0] for call in profile.calls]
        for one, next_one in itertools.pairwise(events):
            assert next_one["ts"] == pytest.approx(one["ts"] + one["dur"])
        assert set(events[0]) >= {"name", "ph", "ts", "dur", "pid", "tid", "args"}
