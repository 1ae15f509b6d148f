"""`Trainer.fit` with captured steps: the bits of eager ones."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cygnet as cn
from cygnet import nn, optim
from cygnet.train import Callback, Trainer
from tests.captured import WEIGHTS, X, Y


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.rnn = nn.LSTM(4, 6, batch_first=True)
        self.head = nn.Linear(6, 3)

    def forward(self, x: cn.Tensor) -> cn.Tensor:
        return self.head(self.rnn(x.reshape(-1, 2, 4))[0][:, -1])


def mlp() -> nn.Module:
    return nn.Sequential(
        nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 3)
    )


def trainer_of(
    model: Callable[[], nn.Module] = mlp,
    optimizer: Callable[..., Any] = optim.Adam,
    schedule: Callable[[Any], Any] | None = None,
    loss: Any = None,
    **options: Any,
) -> Trainer:
    cn.manual_seed(3)
    made = model()
    its = optimizer(made.parameters(), lr=0.01)
    scheduler = schedule(its) if schedule else None
    return Trainer(made, loss or nn.CrossEntropyLoss(), its, scheduler=scheduler, **options)


def outcome(trainer: Trainer, **fit: Any) -> list[Any]:
    """All that a run leaves: histories, figures, predictions, weights."""
    options = {"epochs": 6, "batch_size": 10, "verbose": 0, **fit}
    first = trainer.fit(X, Y, validation_data=(X[:25], Y[:25]), **options).history
    figures = [trainer.evaluate(X, Y, batch_size=9), trainer.predict(X, batch_size=9).tobytes()]
    second = trainer.fit(X, Y, **options).history
    state = trainer.optimizer.state_dict()["state"]
    return [
        first,
        figures,
        second,
        {name: value.numpy().tobytes() for name, value in trainer.model.state_dict().items()},
        [value.numpy().tobytes() for each in state.values() for value in each.values()],
    ]


def per_batch(optimizer: Any) -> Any:
    schedule = optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=200)
    schedule.interval = "batch"
    return schedule


class Rates(Callback):
    """Sets the learning rate and the dropout at each batch's end."""

    def __init__(self, dropout: bool = False) -> None:
        super().__init__()
        self.dropout = dropout
        self.batches = 0

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.batches += 1
        for group in self.learner.optimizer.param_groups:
            group["lr"] = 0.01 / self.batches
        if self.dropout and batch == 3:
            self.model[3].p = 0.1 * (self.batches % 3)


RUNS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "mlp": ({}, {}),
    "sgd": ({"optimizer": lambda params, lr: optim.SGD(params, lr=lr, momentum=0.9)}, {}),
    "recurrent": ({"model": Recurrent}, {}),
    "accumulation": ({"accumulate": 4}, {}),
    "norm": ({"clip_norm": 0.1}, {}),
    "value": ({"clip_value": 0.01, "accumulate": 2}, {}),
    "schedule": ({"schedule": per_batch}, {}),
    "classes": ({}, {"class_weight": {0: 2.0, 2: 0.5}}),
    "samples": ({"model": Recurrent}, {"sample_weight": WEIGHTS}),
    "steps": ({}, {"steps_per_epoch": 3}),
    "in order": ({}, {"shuffle": False, "drop_last": True}),
}


@pytest.mark.parametrize("name", RUNS)
def test_bits_of_a_fit(name: str) -> None:
    options, fit = RUNS[name]
    captured = trainer_of(**options)
    assert outcome(captured, **fit) == outcome(trainer_of(**options, jit_compile=False), **fit)
    steps = (captured._train, captured._test, captured._predict)
    assert all(step.recordings for step in steps)
    assert not any(step.reason for step in steps)


@pytest.mark.parametrize("dropout", [False, True])
def test_callbacks_change_numbers(dropout: bool) -> None:
    captured = outcome(trainer_of(), callbacks=Rates(dropout))
    assert captured == outcome(trainer_of(jit_compile=False), callbacks=Rates(dropout))


def test_gradients_are_there_after_a_step() -> None:
    norms: dict[bool, list[bytes]] = {True: [], False: []}
    for jit, found in norms.items():

        class Gradients(Callback):
            def on_train_batch_end(self, batch: int, logs: Any = None, found: Any = found) -> None:
                found.extend(p.grad.numpy().tobytes() for p in self.model.parameters())

        outcome(trainer_of(jit_compile=jit), callbacks=Gradients())
    assert norms[True] == norms[False]


def test_short_fits_are_not_recorded() -> None:
    trainer = trainer_of()
    trainer.fit(X[:30], Y[:30], batch_size=10, verbose=0)
    assert trainer._train.recordings == 0
    trainer.fit(X[:30], Y[:30], batch_size=10, verbose=0)
    assert trainer._train.recordings == 1


def test_resume(tmp_path: Path) -> None:
    class Stop(Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            if self.loop.epoch == 4 and batch == 2:
                raise KeyboardInterrupt

    def run(jit: bool, stops: bool) -> list[Any]:
        folder = tmp_path / f"{jit}{stops}"
        trainer = trainer_of(jit_compile=jit, accumulate=2)
        if stops:
            with pytest.raises(KeyboardInterrupt):
                outcome(trainer, resume=folder, save_freq=2, callbacks=Stop())
        trainer = trainer_of(jit_compile=jit, accumulate=2)
        history = trainer.fit(X, Y, epochs=8, batch_size=10, verbose=0, resume=folder, save_freq=2)
        return [history.history, trainer.predict(X).tobytes()]

    expected = run(False, False)
    assert run(True, False) == expected
    assert run(True, True)[1] == run(False, True)[1]


def test_fit_after_an_interruption() -> None:
    class Interrupt(Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            if self.loop.epoch == 1 and batch == 3:
                raise KeyboardInterrupt

    def run(jit: bool) -> list[Any]:
        trainer = trainer_of(jit_compile=jit, accumulate=3)
        with pytest.raises(KeyboardInterrupt):
            outcome(trainer, callbacks=Interrupt())
        assert all(p.grad is None for p in trainer.model.parameters())
        return outcome(trainer)

    assert run(True) == run(False)


def test_an_exception_in_a_recorded_step() -> None:
    def run(jit: bool) -> list[Any]:
        calls = [0]

        def loss(output: cn.Tensor, target: cn.Tensor) -> cn.Tensor:
            calls[0] += 1
            if calls[0] == 4:
                raise KeyboardInterrupt
            return nn.functional.cross_entropy(output, target)

        trainer = trainer_of(loss=loss, jit_compile=jit)
        with pytest.raises(KeyboardInterrupt):
            outcome(trainer)
        return outcome(trainer)

    assert run(True) == run(False)


# What Python does in a step


def counted(model: Any, what: str) -> list[int]:
    """Has a hook count; returns the count."""
    calls = [0]

    def hook(*arguments: Any) -> None:
        calls[0] += 1

    if what == "forward":
        model[0].register_forward_hook(hook)
    elif what == "backward":
        model[2].register_full_backward_hook(hook)
    else:
        model[0].weight.register_hook(hook)
    return calls


@pytest.mark.parametrize("what", ["forward", "backward", "tensor", "optimizer"])
@pytest.mark.parametrize("late", [False, True])
def test_hooks_run_in_each_step(what: str, late: bool) -> None:
    def run(jit: bool) -> list[Any]:
        trainer = trainer_of(jit_compile=jit)
        if late:
            trainer.fit(X, Y, epochs=5, batch_size=10, verbose=0)
            assert bool(trainer._train.recordings) is jit
        calls = [0]
        if what == "optimizer":

            def count(*arguments: Any) -> None:
                calls[0] += 1

            trainer.optimizer.register_step_post_hook(count)
        else:
            calls = counted(trainer.model, what)
        trainer.fit(X, Y, epochs=5, batch_size=10, verbose=0)
        return [calls, trainer.predict(X).tobytes()]

    assert run(True) == run(False)
    assert run(True)[0][0] >= 30


def test_capture_refuses_a_step_in_python() -> None:
    class Own(optim.SGD):
        def step(self, closure: Any = None) -> None:
            super().step()

    model = mlp()
    optimizer = Own(model.parameters())

    @cn.capture
    def step(x: cn.Tensor, y: cn.Tensor) -> cn.Tensor:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    batch = cn.as_tensor(X[:9]), cn.as_tensor(Y[:9])
    step(*batch)
    with pytest.raises(RuntimeError, match="Own: its step runs Python"):
        step(*batch)


class Scale:
    factor = 1.0


SCALE = Scale()
FACTORS = [1.0]
TABLE = {"factor": 1.0}
ARRAY = np.ones(1, np.float32)
FACTOR = 1.0


class Scaled(nn.Module):
    """Reads numbers that lie in many places."""

    number = 1.0

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Linear(8, 3)
        self.own = 1.0

    def forward(self, x: cn.Tensor) -> cn.Tensor:
        factor = SCALE.factor * FACTORS[0] * TABLE["factor"] * FACTOR * self.number * self.own
        return self.layers(x) * factor * cn.tensor(ARRAY)


def change(model: Any, where: str, value: float) -> None:
    if where == "global":
        globals()["FACTOR"] = value
    elif where == "object":
        SCALE.factor = value
    elif where == "list":
        FACTORS[0] = value
    elif where == "array":
        ARRAY[0] = value
    elif where == "dict":
        TABLE["factor"] = value
    elif where == "class":
        Scaled.number = value
    else:
        model.own = value


@pytest.mark.parametrize("where", ["global", "object", "list", "dict", "array", "class", "own"])
def test_what_a_model_reads_may_change(where: str) -> None:
    class Change(Callback):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            change(self.model, where, 1.0 + epoch // 3)

    try:
        captured = trainer_of(Scaled)
        assert outcome(captured, callbacks=Change()) == outcome(
            trainer_of(Scaled, jit_compile=False), callbacks=Change()
        )
        assert captured._train.recordings >= 2
    finally:
        change(captured.model, where, 1.0)


def test_a_loss_reads_its_closure() -> None:
    def run(jit: bool) -> list[Any]:
        beta = 0.0

        def loss(output: cn.Tensor, target: cn.Tensor) -> cn.Tensor:
            return nn.functional.cross_entropy(output, target) + beta * output.square().mean()

        class Anneal(Callback):
            def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
                nonlocal beta
                beta = float(epoch >= 3)

        return outcome(trainer_of(loss=loss, jit_compile=jit), callbacks=Anneal())

    assert run(True) == run(False)


SEEN: list[Any] = []


def counts(model: Any, x: Any) -> Any:
    model.count = getattr(model, "count", 0) + 1
    return x * model.count


def lists(model: Any, x: Any) -> Any:
    SEEN.append(1)
    return x * len(SEEN)


def reads(model: Any, x: Any) -> Any:
    return x if float(x.sum()) > 0 else -x


def prints(model: Any, x: Any) -> Any:
    print("forward")
    return x


def draws(model: Any, x: Any) -> Any:
    return x * float(model.generator.random())


def keeps(model: Any, x: Any) -> Any:
    state = getattr(model, "state", 0.0)
    model.state = x.mean().detach()
    return x + state


@pytest.mark.parametrize("does", [counts, lists, reads, prints, draws, keeps])
def test_python_in_a_model_runs(does: Any, capsys: pytest.CaptureFixture[str]) -> None:
    class Doing(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.Linear(8, 3)
            self.generator = np.random.default_rng(3)

        def forward(self, x: cn.Tensor) -> cn.Tensor:
            return self.layers(does(self, x))

    def run(jit: bool) -> list[Any]:
        SEEN.clear()
        trainer = trainer_of(Doing, jit_compile=jit)
        found = outcome(trainer)
        assert trainer._train.recordings == 0
        return [*found, capsys.readouterr().out]

    assert run(True) == run(False)


def test_an_optimizer_of_ones_own() -> None:
    class Halving(optim.Optimizer):
        def __init__(self, params: Any, lr: float) -> None:
            super().__init__(params, {"lr": lr})
            self.rate = lr

        def step(self, closure: Any = None) -> None:
            self.rate *= 0.9
            with cn.no_grad():
                for group in self.param_groups:
                    for param in group["params"]:
                        param.sub_(param.grad * self.rate)

    assert outcome(trainer_of(optimizer=Halving)) == outcome(
        trainer_of(optimizer=Halving, jit_compile=False)
    )


def test_a_train_step_of_ones_own_runs_each_time() -> None:
    class Own(Trainer):
        steps = 0

        def train_step(self, *batch: Any) -> cn.Tensor:
            self.steps += 1
            return super().train_step(*batch)

    def run(jit: bool) -> list[Any]:
        made = trainer_of(jit_compile=jit)
        trainer = Own(made.model, made.loss, made.optimizer, jit_compile=jit)
        return [*outcome(trainer), trainer.steps]

    assert run(True) == run(False)
    assert run(True)[-1] == 72


def test_many_shapes_without_a_warning(recwarn: pytest.WarningsRecorder) -> None:
    class Batches:
        def __iter__(self) -> Iterator[Any]:
            for count in range(5, 25):
                yield cn.as_tensor(X[:count]), cn.as_tensor(Y[:count])

    figures = []
    for jit in (True, False):
        trainer = trainer_of(jit_compile=jit)
        figures.append(trainer.fit(Batches(), epochs=5, verbose=0).history)
    assert figures[0] == figures[1]
    assert not recwarn.list


def test_a_trainer_is_copied() -> None:
    trainer = trainer_of()
    outcome(trainer)
    other = copy.deepcopy(trainer)
    assert other._train.recordings == 0
    found = []
    for each in (trainer, other):
        cn.manual_seed(8)
        found.append(outcome(each))
    assert found[0] == found[1]
