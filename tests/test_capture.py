"""Captured functions give the bits of eager ones, whatever happens between the calls."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import cygnet as cn
from cygnet import nn, optim
from cygnet.nn import functional
from tests.captured import Scenario, check_captured, draws, state_of

SCENARIOS: list[Any] = []


def scenario(ran: int | None = 2, **options: Any) -> Callable[[Scenario], Scenario]:
    """Makes a test of a scenario in whose captured functions Python runs so many times."""

    def add(function: Scenario) -> Scenario:
        SCENARIOS.append(pytest.param(function, ran, options, id=function.__name__))
        return function

    return add


def mlp() -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(6, 10), nn.BatchNorm1d(10), nn.ReLU(), nn.Dropout(0.3), nn.Linear(10, 3)
    )


def training(model: nn.Module, optimizer: Any, loss_function: Any = functional.mse_loss) -> Any:
    def step(x: cn.Tensor, y: cn.Tensor) -> cn.Tensor:
        optimizer.zero_grad()
        loss = loss_function(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return step


@scenario()
def a_thousand_steps(capture: Any) -> Iterator[Any]:
    model = mlp()
    optimizer = optim.Adam(model.parameters(), lr=1e-2)
    schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, 1000)
    step = capture(training(model, optimizer))
    for i, (x, y) in zip(range(1000), draws((8, 6), (8, 3)), strict=False):
        loss = step(x, y)
        schedule.step()
        if i % 50 == 0 or i > 995:
            yield loss, state_of(model, optimizer)


@scenario(None)
def much_happens_between_steps(capture: Any) -> Iterator[Any]:
    model = mlp()
    optimizer = optim.AdamW(model.parameters(), lr=1e-2)
    step = capture(training(model, optimizer))
    threads = cn.get_num_threads()
    kept: Any = None
    for i, (x, y) in zip(range(120), draws((8, 6), (8, 3)), strict=False):
        match i:
            case 10:
                cn.manual_seed(77)
            case 20:
                optimizer.param_groups[0]["lr"] = 3e-3
            case 30 | 50:
                model.eval()
            case 40 | 60:
                model.train()
            case 65:
                kept = [
                    {name: value.clone() for name, value in model.state_dict().items()},
                    {
                        "state": {
                            number: {name: value.clone() for name, value in entry.items()}
                            for number, entry in optimizer.state_dict()["state"].items()
                        },
                        "param_groups": optimizer.state_dict()["param_groups"],
                    },
                ]
            case 70:
                model.load_state_dict(kept[0])
            case 75:
                optimizer.load_state_dict(kept[1])
            case 80:
                cn.set_num_threads(1)
            case 85:
                cn.set_num_threads(3)
            case 90:
                cn.set_num_threads(threads)
            case 95:
                model[3].p = 0.6
            case 100:
                optimizer.param_groups[0]["weight_decay"] = 0.3
            case 105:
                optimizer.param_groups[0]["betas"] = (0.5, 0.6)
        if i % 9 == 8:
            x, y = x[:5], y[:5]
        yield step(x, y), state_of(model, optimizer)


OPTIMIZERS: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.5, "maximize": True}),
    ("Adam", {"lr": 0.1, "amsgrad": True}),
    ("AdamW", {"lr": 0.1}),
    ("Adamax", {"lr": 0.1}),
    ("NAdam", {"lr": 0.1}),
    ("RAdam", {"lr": 0.1}),
    ("Lion", {"lr": 0.1}),
    ("Adagrad", {"lr": 0.1, "lr_decay": 0.1}),
    ("Adadelta", {"lr": 0.1}),
    ("RMSprop", {"lr": 0.1}),
    ("RMSprop", {"lr": 0.1, "momentum": 0.9, "centered": True}),
]


@pytest.mark.parametrize(("name", "options"), OPTIMIZERS)
def test_every_optimizer(name: str, options: dict[str, Any]) -> None:
    def scenario(capture: Any) -> Iterator[Any]:
        model = nn.Linear(4, 2)
        optimizer = getattr(optim, name)(model.parameters(), **options)
        step = capture(training(model, optimizer))
        for i, (x, y) in zip(range(12), draws((5, 4), (5, 2)), strict=False):
            if i == 6:
                optimizer.param_groups[0]["lr"] = 0.02
            yield step(x, y), state_of(model, optimizer)

    check_captured(scenario, 2)


CHANGES: dict[str, Callable[[Any, Any], Any]] = {
    "momentum": lambda model, optimizer: optimizer.param_groups[0].update(momentum=0.9),
    "frozen": lambda model, optimizer: model[0].weight.requires_grad_(False),
    "thawed": lambda model, optimizer: model[1].requires_grad_(True),
    "layer": lambda model, optimizer: setattr(model, "0", nn.Linear(4, 4)),
    "data": lambda model, optimizer: setattr(model[0].weight, "data", cn.ones(4, 4)),
    "bias": lambda model, optimizer: setattr(model[0], "bias", None),
    "in place": lambda model, optimizer: nn.init.constant_(model[0].weight, 0.1),
    "group": lambda model, optimizer: optimizer.add_param_group(
        {"params": [nn.Parameter(cn.ones(2))]}
    ),
    "grad set": lambda model, optimizer: setattr(model[0].weight, "grad", cn.ones(4, 4)),
    "module hook": lambda model, optimizer: model[0].register_forward_hook(lambda m, i, o: o * 2),
    "tensor hook": lambda model, optimizer: model[0].weight.register_hook(lambda g: g * 2),
    "step hook": lambda model, optimizer: optimizer.register_step_pre_hook(
        lambda o, *_: o.param_groups[0].update(lr=0.01)
    ),
    "float64": lambda model, optimizer: model.double(),
    "to": lambda model, optimizer: model.to("cpu"),
    "forward": lambda model, optimizer: setattr(
        model[0], "forward", lambda x: model[0].weight.sum() * 3 + x
    ),
    "number": lambda model, optimizer: setattr(model[2], "negative_slope", 0.5),
    "appended": lambda model, optimizer: model.append(nn.Tanh()),
    "deleted": lambda model, optimizer: model.__delitem__(2),
    "state": lambda model, optimizer: optimizer.state.clear(),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("forget", [True, False])
def test_changes_between_steps(change: str, forget: bool) -> None:
    def scenario(capture: Any) -> Iterator[Any]:
        model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4), nn.LeakyReLU())
        model[1].requires_grad_(False)
        optimizer = optim.SGD(model.parameters(), lr=0.1)

        def function(x: cn.Tensor, y: cn.Tensor) -> Any:
            loss = functional.mse_loss(model(x), y)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=forget)
            return loss

        step = capture(function)
        for i, (x, y) in zip(range(14), draws((5, 4), (5, 4)), strict=False):
            if i == 5:
                CHANGES[change](model, optimizer)
            if change == "float64" and i >= 5:
                x, y = x.double(), y.double()
            yield step(x, y), state_of(model, optimizer), [p.grad for p in model.parameters()]

    check_captured(scenario)


@scenario()
def lstm(capture: Any) -> Iterator[Any]:
    embedding, cell, head = nn.Embedding(7, 5), nn.LSTM(5, 8, batch_first=True), nn.Linear(8, 7)
    model = nn.ModuleList([embedding, cell, head])
    optimizer = optim.RMSprop(model.parameters(), lr=1e-2)

    @capture
    def step(tokens: cn.Tensor, state: Any) -> Any:
        optimizer.zero_grad()
        output, state = cell(embedding(tokens[:, :-1]), state)
        loss = functional.cross_entropy(head(output).reshape(-1, 7), tokens[:, 1:].reshape(-1))
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        optimizer.step()
        return loss, tuple(each.detach() for each in state)

    generator = np.random.default_rng(0)
    state: Any = (cn.zeros(1, 3, 8), cn.zeros(1, 3, 8))
    for _ in range(40):
        loss, state = step(cn.tensor(generator.integers(0, 7, (3, 6))), state)
        yield loss, state, state_of(model, optimizer)


@scenario()
def transformer(capture: Any) -> Iterator[Any]:
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.1, batch_first=True)
    model = nn.TransformerEncoder(layer, 2)
    optimizer = optim.AdamW(model.parameters(), lr=1e-2)
    step = capture(training(model, optimizer))
    for x, y in (next(each) for each in [draws((2, 5, 8), (2, 5, 8))] * 20):
        yield step(x, y), state_of(model, optimizer)


@scenario()
def images(capture: Any) -> Iterator[Any]:
    model = nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 4, 3, groups=2),
        nn.Flatten(),
        nn.Dropout(0.5),
        nn.Linear(16, 3),
    )
    optimizer = optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    step = capture(training(model, optimizer, functional.cross_entropy))
    labels = cn.tensor([0, 2, 1])
    for (x,) in (next(each) for each in [draws((3, 2, 8, 8))] * 20):
        yield step(x, labels), state_of(model, optimizer)


def gan(capture: Any, together: bool) -> Iterator[Any]:
    generator = nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2))
    critic = nn.Sequential(nn.Linear(2, 5), nn.LeakyReLU(0.2), nn.Linear(5, 1))
    optimizers = [optim.Adam(each.parameters(), lr=1e-2) for each in (generator, critic)]

    def judge(real: cn.Tensor, noise: cn.Tensor) -> Any:
        optimizers[1].zero_grad()
        loss = critic(generator(noise).detach()).exp().mean() - critic(real).mean()
        loss.backward()
        optimizers[1].step()
        return loss

    def forge(noise: cn.Tensor) -> Any:
        optimizers[0].zero_grad()
        loss = -critic(generator(noise)).mean()
        loss.backward()
        optimizers[0].step()
        return loss

    def both(real: cn.Tensor, noise: cn.Tensor) -> Any:
        return judge(real, noise), forge(noise)

    if together:
        both = capture(both)
    else:
        judge, forge = capture(judge), capture(forge)
    for i, (real, noise) in zip(range(30), draws((4, 2), (4, 3)), strict=False):
        if i == 15:
            optimizers[0].param_groups[0]["lr"] = 1e-3
        yield both(real, noise), state_of(generator, critic, *optimizers)


@scenario()
def gan_in_one_function(capture: Any) -> Iterator[Any]:
    yield from gan(capture, True)


@scenario(None)
def gan_in_two_functions(capture: Any) -> Iterator[Any]:
    yield from gan(capture, False)


@scenario(None)
def gradients_of_several_batches(capture: Any) -> Iterator[Any]:
    model = mlp()
    optimizer = optim.SGD(model.parameters(), lr=0.1)

    @capture
    def add(x: cn.Tensor, y: cn.Tensor) -> Any:
        loss = functional.mse_loss(model(x), y) / 4
        loss.backward()
        return loss

    for i, (x, y) in zip(range(40), draws((8, 6), (8, 3)), strict=False):
        yield add(x, y), [p.grad for p in model.parameters()]
        if i % 4 == 3:
            optimizer.step()
            optimizer.zero_grad()


@scenario(4)
def step_every_third_time(capture: Any) -> Iterator[Any]:
    model = nn.Linear(3, 2)
    optimizer = optim.Adam(model.parameters(), lr=0.1)

    @capture
    def add(x: cn.Tensor, last: bool) -> Any:
        loss = model(x).square().mean()
        loss.backward()
        if last:
            optimizer.step()
            optimizer.zero_grad(set_to_none=False)
        return loss

    for i, (x,) in zip(range(30), draws((4, 3)), strict=False):
        if i == 0:
            for p in model.parameters():
                p.grad = cn.zeros(*p.shape)
        yield add(x, i % 3 == 2), state_of(model, optimizer), [p.grad for p in model.parameters()]


@scenario()
def averages(capture: Any) -> Iterator[Any]:
    model = mlp()
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    decaying = optim.swa_utils.AveragedModel(
        model, multi_avg_fn=optim.swa_utils.get_ema_multi_avg_fn(0.9)
    )
    step = capture(training(model, optimizer))
    for x, y in (next(each) for each in [draws((8, 6), (8, 3))] * 12):
        yield step(x, y)
        decaying.update_parameters(model)
        yield state_of(model, decaying)


@scenario(None)
def averages_by_hand_inside(capture: Any) -> Iterator[Any]:
    model = nn.Linear(3, 2)
    average = [p.detach().clone() for p in model.parameters()]
    optimizer = optim.SGD(model.parameters(), lr=0.1)

    @capture
    def step(x: cn.Tensor) -> Any:
        optimizer.zero_grad()
        loss = model(x).square().mean()
        loss.backward()
        optimizer.step()
        with cn.no_grad():
            for mean, p in zip(average, model.parameters(), strict=True):
                mean.mul_(0.9).add_(p, alpha=0.1)
        return loss

    for (x,) in (next(each) for each in [draws((4, 3))] * 10):
        yield step(x), average, state_of(model)


@scenario()
def gradients_are_read_and_changed_between(capture: Any) -> Iterator[Any]:
    model = nn.Linear(3, 2)
    optimizer = optim.SGD(model.parameters(), lr=0.1)

    @capture
    def gradients(x: cn.Tensor) -> Any:
        optimizer.zero_grad()
        loss = model(x).square().mean()
        loss.backward()
        return loss

    for (x,) in (next(each) for each in [draws((4, 3))] * 10):
        yield gradients(x), [p.grad for p in model.parameters()]
        for p in model.parameters():
            p.grad.mul_(0.5)
        optimizer.step()
        yield state_of(model)


@scenario()
def clipping(capture: Any) -> Iterator[Any]:
    model = nn.Linear(3, 2)
    optimizer = optim.SGD(model.parameters(), lr=0.1)

    @capture
    def step(x: cn.Tensor) -> Any:
        optimizer.zero_grad()
        model(x).square().sum().backward()
        norm = nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        nn.utils.clip_grad_value_(model.parameters(), 0.3)
        optimizer.step()
        return norm

    for (x,) in (next(each) for each in [draws((4, 3))] * 10):
        yield step(x), state_of(model)


@scenario(None)
def variables_are_bound_again(capture: Any) -> Iterator[Any]:
    factor, shift, model = 2.0, cn.ones(3), nn.Linear(3, 3)

    @capture
    def function(x: cn.Tensor) -> Any:
        return model(x) * factor + shift

    for i, (x,) in zip(range(16), draws((2, 3)), strict=False):
        match i:
            case 4:
                factor = 3.0
            case 8:
                shift = cn.zeros(3)
            case 10:
                shift += 1
            case 12:
                model = nn.Linear(3, 3)
        yield function(x)


SCALE = 1.0


def scaled(x: cn.Tensor) -> cn.Tensor:
    return x * SCALE


@scenario(None)
def variables_of_helpers_are_bound_again(capture: Any) -> Iterator[Any]:
    global SCALE
    inner = 1.0

    def helper(x: cn.Tensor) -> cn.Tensor:
        return scaled(x) + inner

    partial = functools.partial(helper)
    direct = capture(lambda x: helper(x))
    wrapped = capture(lambda x: partial(x))
    nested = capture(lambda x: [scaled(each) for each in (x, x)])
    through = capture(helper)
    for i, (x,) in zip(range(12), draws((2, 3)), strict=False):
        SCALE = 1.0 if i < 4 else 2.0
        inner = 1.0 if i < 8 else 2.0
        yield direct(x), wrapped(x), nested(x), through(x)


class Counter(nn.Module):
    """A module with plain attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 3)
        self.scale = 2.0
        self.sizes = (1, 2)

    def forward(self, x: cn.Tensor) -> cn.Tensor:
        return self.linear(x) * self.scale + sum(self.sizes)


@scenario(None)
def attributes_of_modules_change(capture: Any) -> Iterator[Any]:
    model = Counter()
    function = capture(lambda x: model(x))
    itself = capture(model)
    method = capture(model.forward)
    for i, (x,) in zip(range(12), draws((2, 3)), strict=False):
        if i == 4:
            model.scale = 3.0
        if i == 8:
            model.sizes = (1, 3)
        yield function(x), itself(x), method(x)


@scenario()
def the_last_result_is_an_argument(capture: Any) -> Iterator[Any]:
    step = capture(lambda x, h: cn.tanh(x + h))
    h = cn.zeros(3)
    for (x,) in (next(each) for each in [draws((3,))] * 9):
        h = step(x, h)
        yield h


@scenario(None)
def keyword_or_position(capture: Any) -> Iterator[Any]:
    @capture
    def function(x: cn.Tensor, scale: float = 2.0, *rest: float, shift: float = 1.0) -> Any:
        return x * scale + shift + sum(rest)

    for _ in range(4):
        x = cn.ones(2)
        yield function(x), function(x, 2.0), function(x=x), function(x, shift=2.0)
        yield function(x, 3.0, 4.0), function(x, scale=2.0, shift=1.0)


class Learner:
    """A class whose method is captured."""

    def __init__(self, capture: Any, scale: float) -> None:
        self.scale = scale
        self.model = nn.Linear(3, 3)
        self.optimizer = optim.SGD(self.model.parameters(), lr=0.1)
        self.bound = capture(self.step)

    def step(self, x: cn.Tensor) -> Any:
        self.optimizer.zero_grad()
        loss = (self.model(x) * self.scale).square().mean()
        loss.backward()
        self.optimizer.step()
        return loss


@scenario(None)
def methods_of_two_objects(capture: Any) -> Iterator[Any]:
    class Decorated(Learner):
        step = capture(Learner.step)

    learners = [Decorated(lambda method: method, 1.0), Decorated(lambda method: method, 2.0)]
    for (x,) in (next(each) for each in [draws((2, 3))] * 8):
        yield [each.step(x) for each in learners], [state_of(each.model) for each in learners]


@scenario(2)
def bound_methods(capture: Any) -> Iterator[Any]:
    learners = [Learner(capture, 1.0), Learner(capture, 2.0)]
    for (x,) in (next(each) for each in [draws((2, 3))] * 8):
        yield [each.bound(x) for each in learners], [state_of(each.model) for each in learners]


@scenario(2)
def partial_functions(capture: Any) -> Iterator[Any]:
    function = capture(functools.partial(lambda a, x, b: a * x + b, 2.0, b=1.0))
    for (x,) in (next(each) for each in [draws((2, 3))] * 5):
        yield function(x)


@scenario(None)
def captures_inside_captures(capture: Any) -> Iterator[Any]:
    inner = capture(lambda x: x * 2)
    outer = capture(lambda x: inner(x) + 1)
    for (x,) in (next(each) for each in [draws((2, 3))] * 6):
        yield outer(x), inner(x)


@scenario(None)
def recursion(capture: Any) -> Iterator[Any]:
    @capture
    def power(x: cn.Tensor, n: int) -> Any:
        return x if n == 0 else x * power(x, n - 1)

    for (x,) in (next(each) for each in [draws((2, 3))] * 6):
        yield power(x, 3), power(x, 1)


@scenario(None)
def gradients_off_and_on(capture: Any) -> Iterator[Any]:
    model = nn.Linear(3, 3)
    function = capture(lambda x: model(x).sum())
    for i, (x,) in zip(range(12), draws((2, 3)), strict=False):
        with cn.set_grad_enabled(i % 2 == 0):
            y = function(x)
        yield y
        if i % 2 == 0:
            y.backward()
            yield model.weight.grad


@scenario()
def a_buffer_is_written_by_hand(capture: Any) -> Iterator[Any]:
    total, count = cn.zeros(3), cn.zeros(1)

    @capture
    def add(x: cn.Tensor) -> Any:
        total.add_(x)
        count[0] += 1
        return total / count

    for i in range(9):
        yield add(cn.ones(3) * i), total, count
        if i == 5:
            total.zero_()


@pytest.mark.parametrize(("function", "ran", "options"), SCENARIOS)
def test_scenario(function: Scenario, ran: int | None, options: dict[str, Any]) -> None:
    check_captured(function, ran, **options)


def test_what_is_made_inside_may_be_written_in_place_without_gradients() -> None:
    def function(x: cn.Tensor, y: cn.Tensor) -> cn.Tensor:
        z = x * 2
        z += y
        return functional.relu(z)

    captured, x, y = cn.capture(function), cn.randn(4, 3), cn.randn(4, 3)
    with cn.no_grad():
        results = [captured(x, y).numpy() for _ in range(4)]
    assert captured.recordings == 1
    for result in results:
        np.testing.assert_array_equal(result, function(x, y))
