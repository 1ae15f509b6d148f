"""Schedules of the learning rate against their formulas, and PyTorch where it is installed."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import cygnet
from cygnet import Tensor, as_tensor, optim
from cygnet.optim import lr_scheduler, swa_utils

STEPS = 50


def parameter(*shape: int) -> Tensor:
    return as_tensor(np.ones(shape)).requires_grad_()


def cosine(t: float, length: float, low: float, base: float) -> float:
    return low + (base - low) * (1 + math.cos(math.pi * t / length)) / 2


def restarted(t: int, base: float) -> float:
    """Falls of 4, 8, 16, ... steps."""
    length = 4
    while t >= length:
        t, length = t - length, length * 2
    return cosine(t, length, 0.01, base)


def triangle(t: int, up: int, down: int, low: float, high: float, scale: float) -> float:
    t %= up + down
    height = t / up if t <= up else (up + down - t) / down
    return low + (high - low) * height * scale


# The class, its arguments, and the learning rate of step t for the initial one.
Row = tuple[str, dict[str, Any], Callable[[int, float], float]]
ROWS: list[Row] = [
    ("StepLR", {"step_size": 7}, lambda t, base: base * 0.1 ** (t // 7)),
    ("StepLR", {"step_size": 3, "gamma": 0.9}, lambda t, base: base * 0.9 ** (t // 3)),
    (
        "MultiStepLR",
        {"milestones": [5, 5, 12], "gamma": 0.5},
        lambda t, base: base * 0.5 ** (2 * (t >= 5) + (t >= 12)),
    ),
    ("ConstantLR", {}, lambda t, base: base / 3 if t < 5 else base),
    (
        "ConstantLR",
        {"factor": 0.2, "total_iters": 60},
        lambda t, base: base * 0.2,
    ),
    ("LinearLR", {}, lambda t, base: base * (1 / 3 + 2 / 3 * min(t, 5) / 5)),
    (
        "LinearLR",
        {"start_factor": 1, "end_factor": 0.1, "total_iters": 30},
        lambda t, base: base * (1 - 0.9 * min(t, 30) / 30),
    ),
    ("ExponentialLR", {"gamma": 0.95}, lambda t, base: base * 0.95**t),
    ("PolynomialLR", {}, lambda t, base: base * max(0, 1 - t / 5)),
    (
        "PolynomialLR",
        {"total_iters": 40, "power": 2.5},
        lambda t, base: base * max(0, 1 - t / 40) ** 2.5,
    ),
    ("LambdaLR", {"lr_lambda": lambda t: 1 / (1 + t)}, lambda t, base: base / (1 + t)),
    (
        "MultiplicativeLR",
        {"lr_lambda": lambda t: t / (t + 1)},
        lambda t, base: base / (t + 1),
    ),
    ("CosineAnnealingLR", {"T_max": 50}, lambda t, base: cosine(t, 50, 0, base)),
    (
        "CosineAnnealingLR",
        {"T_max": 7, "eta_min": 0.02},
        lambda t, base: cosine(t, 7, 0.02, base),
    ),
    (
        "CosineAnnealingWarmRestarts",
        {"T_0": 6},
        lambda t, base: cosine(t % 6, 6, 0, base),
    ),
    ("CosineAnnealingWarmRestarts", {"T_0": 4, "T_mult": 2, "eta_min": 0.01}, restarted),
    (
        "CyclicLR",
        {"base_lr": 0.1, "max_lr": 0.9, "step_size_up": 6},
        lambda t, _: triangle(t, 6, 6, 0.1, 0.9, 1),
    ),
    (
        "CyclicLR",
        {
            "base_lr": [0.1, 0.2], "max_lr": [0.9, 1.0], "step_size_up": 4, "step_size_down": 9,
            "mode": "triangular2",
        },
        lambda t, base: triangle(t, 4, 9, base, base + 0.8, 0.5 ** (t // 13)),
    ),
    (
        "CyclicLR",
        {"base_lr": 0.1, "max_lr": 0.9, "step_size_up": 8, "mode": "exp_range", "gamma": 0.9},
        lambda t, _: triangle(t, 8, 8, 0.1, 0.9, 0.9**t),
    ),
    (
        "CyclicLR",
        {"base_lr": 0.1, "max_lr": 0.9, "step_size_up": 8, "scale_fn": lambda cycle: 1 / cycle},
        lambda t, _: triangle(t, 8, 8, 0.1, 0.9, 1 / (1 + t // 16)),
    ),
]  # fmt: skip
IDS = [f"{name}-{i}" for i, (name, _, _) in enumerate(ROWS)]


def optimizers(library: Any, params: list[Any], **options: Any) -> Any:
    """Two groups, of learning rates 0.1 and 0.2."""
    groups = [{"params": [params[0]], "lr": 0.1}, {"params": [params[1]], "lr": 0.2}]
    return library.SGD(groups, momentum=0.5, **options)


def ours() -> optim.Optimizer:
    optimizer: optim.Optimizer = optimizers(optim, [parameter(1), parameter(1)])
    return optimizer


def sequence(
    optimizer: Any, schedule: Any, steps: int = STEPS, metric: Callable[[int], Any] | None = None
) -> list[list[float]]:
    """Learning rates and momenta of all groups before each step."""
    rows = []
    for step in range(steps):
        groups = optimizer.param_groups
        rows.append([float(value) for g in groups for value in (g["lr"], g["momentum"])])
        assert [float(rate) for rate in schedule.get_last_lr()] == [float(g["lr"]) for g in groups]
        optimizer.step()
        if metric is None:
            schedule.step()
        else:
            schedule.step(metric(step))
    return rows


@pytest.mark.parametrize(("name", "arguments", "formula"), ROWS, ids=IDS)
def test_formula(
    name: str, arguments: dict[str, Any], formula: Callable[[int, float], float]
) -> None:
    optimizer = ours()
    schedule = getattr(lr_scheduler, name)(optimizer, **arguments)
    assert schedule.interval == ("batch" if name == "CyclicLR" else "epoch")
    rates = np.array(sequence(optimizer, schedule))[:, ::2]
    expected = [[formula(t, base) for base in (0.1, 0.2)] for t in range(STEPS)]
    np.testing.assert_allclose(rates, expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(("name", "arguments", "formula"), ROWS, ids=IDS)
def test_step_to_an_epoch(
    name: str, arguments: dict[str, Any], formula: Callable[[int, float], float]
) -> None:
    if name == "MultiplicativeLR":
        pytest.skip("it has no formula to return to")
    optimizer = ours()
    schedule = getattr(lr_scheduler, name)(optimizer, **arguments)
    for epoch in (11, 3):
        optimizer.step()
        schedule.step(epoch)
        assert schedule.last_epoch == epoch
        np.testing.assert_allclose(
            schedule.get_last_lr(), [formula(epoch, base) for base in (0.1, 0.2)], rtol=1e-12
        )


@pytest.mark.parametrize(("name", "arguments", "formula"), ROWS, ids=IDS)
def test_resumes(name: str, arguments: dict[str, Any], formula: Any) -> None:
    optimizer, other = ours(), ours()
    schedule, resumed = (
        getattr(lr_scheduler, name)(each, **arguments) for each in (optimizer, other)
    )
    sequence(optimizer, schedule, 9)
    other.load_state_dict(optimizer.state_dict())
    resumed.load_state_dict(schedule.state_dict())
    assert sequence(optimizer, schedule, 20) == sequence(other, resumed, 20)


def sequential(s: Any, optimizer: Any) -> Any:
    return s.SequentialLR(
        optimizer,
        [
            s.LinearLR(optimizer, 0.1, total_iters=4),
            s.ConstantLR(optimizer, 0.5, total_iters=3),
            s.MultiplicativeLR(optimizer, lambda t: 0.9),
            s.CosineAnnealingWarmRestarts(optimizer, 5),
            s.CosineAnnealingLR(optimizer, 10),
        ],
        [5, 12, 20, 31],
    )


def chained(s: Any, optimizer: Any) -> Any:
    return s.ChainedScheduler(
        [
            s.ConstantLR(optimizer, 0.5, total_iters=7),
            s.ExponentialLR(optimizer, 0.95),
            s.StepLR(optimizer, 10),
        ]
    )


def plateau(**options: Any) -> Callable[[Any, Any], Any]:
    return lambda s, optimizer: s.ReduceLROnPlateau(optimizer, **options)


COMPOSED: dict[str, tuple[Callable[[Any, Any], Any], Any]] = {
    "sequential": (sequential, None),
    "chained": (chained, None),
    "nested": (
        lambda s, o: s.SequentialLR(o, [chained(s, o), s.StepLR(o, 3)], [6]),
        None,
    ),
    "nested twice": (
        lambda s, o: s.SequentialLR(o, [s.ExponentialLR(o, 0.5), sequential(s, o)], [4]),
        None,
    ),
    "plateau": (plateau(patience=2), lambda t: max(1.0, 5.0 - t)),
    "plateau max": (
        plateau(mode="max", patience=1, factor=0.5, threshold=0.1, cooldown=3),
        lambda t: math.sin(t),
    ),
    "plateau abs": (
        plateau(threshold_mode="abs", threshold=0.5, patience=0, min_lr=[0.01, 0.05]),
        lambda t: 10 - 0.4 * t,
    ),
    "plateau max abs": (
        plateau(mode="max", threshold_mode="abs", threshold=0.5, patience=3, min_lr=1e-3, eps=1e-2),
        lambda t: 0.1 * t,
    ),
    "swa": (lambda s, o: s.SWALR(o, 0.05), None),
    "swa linear": (lambda s, o: s.SWALR(o, [0.5, 0.05], 7, "linear"), None),
    "swa at once": (lambda s, o: s.SWALR(o, 0.05, 0), None),
}


class Names:
    """The schedules of a library, those of `swa_utils` as well."""

    def __init__(self, *modules: Any) -> None:
        self.modules = modules

    def __getattr__(self, name: str) -> Any:
        return next(getattr(module, name) for module in self.modules if hasattr(module, name))


OURS = Names(lr_scheduler, swa_utils)


def makers() -> dict[str, tuple[Callable[[Any, Any], Any], Any]]:
    def maker(name: str, arguments: dict[str, Any]) -> Callable[[Any, Any], Any]:
        return lambda s, optimizer: getattr(s, name)(optimizer, **arguments)

    rows = {
        key: (maker(name, arguments), None)
        for key, (name, arguments, _) in zip(IDS, ROWS, strict=True)
    }
    cycles = {
        f"one cycle {i}": (maker("OneCycleLR", {"total_steps": STEPS, **arguments}), None)
        for i, arguments in enumerate(
            (
                {"max_lr": [0.5, 1.0]},
                {"max_lr": 1.0, "anneal_strategy": "linear", "pct_start": 0.2},
                {"max_lr": 1.0, "three_phase": True, "base_momentum": [0.3, 0.4]},
            )
        )
    }
    return {**rows, **cycles, **COMPOSED}


@pytest.mark.parametrize("name", makers())
def test_sequence_is_that_of_pytorch(name: str) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is the reference here")
    make, metric = makers()[name]
    if name.startswith("nested"):
        pytest.skip("PyTorch's sequential schedule takes no composed one")
    optimizer = ours()
    reference = optimizers(torch.optim, [torch.nn.Parameter(torch.ones(1)) for _ in range(2)])
    theirs = Names(torch.optim.lr_scheduler, torch.optim.swa_utils)
    schedule, their = make(OURS, optimizer), make(theirs, reference)
    np.testing.assert_allclose(
        sequence(optimizer, schedule, metric=metric),
        sequence(reference, their, metric=metric),
        rtol=1e-12,
        atol=1e-15,
    )
    assert schedule.state_dict()["_last_lr"] == pytest.approx(their.state_dict()["_last_lr"])
    if not isinstance(their, torch.optim.lr_scheduler.OneCycleLR):  # over
        schedule.load_state_dict(their.state_dict())
        optimizer.load_state_dict(reference.state_dict())
        np.testing.assert_allclose(
            sequence(optimizer, schedule, 5, metric), sequence(reference, their, 5, metric)
        )


@pytest.mark.parametrize("name", COMPOSED)
def test_composed_resumes(name: str) -> None:
    make, metric = COMPOSED[name]
    optimizer, other = ours(), ours()
    schedule, resumed = make(OURS, optimizer), make(OURS, other)
    sequence(optimizer, schedule, 15, metric)
    other.load_state_dict(optimizer.state_dict())
    resumed.load_state_dict(schedule.state_dict())
    assert sequence(optimizer, schedule, 20, metric) == sequence(other, resumed, 20, metric)


def test_sequential_follows_its_parts() -> None:
    optimizer = ours()
    rates = np.array(sequence(optimizer, sequential(OURS, optimizer)))[:, 0]
    np.testing.assert_allclose(rates[:6], [0.01, 0.0325, 0.055, 0.0775, 0.1, 0.05])
    np.testing.assert_allclose(rates[8:12], 0.1)
    np.testing.assert_allclose(rates[12:20], 0.1 * 0.9 ** np.arange(1, 9))
    np.testing.assert_allclose(rates[[20, 25, 30, 31, 41]], [0.1, 0.1, 0.1, 0.1, 0], atol=1e-15)


def test_nested_sequence_begins_at_its_milestone() -> None:
    optimizer, plain = ours(), ours()
    nested = COMPOSED["nested twice"][0](OURS, optimizer)
    rates = np.array(sequence(optimizer, nested))
    np.testing.assert_allclose(rates[:4, 0], 0.1 * 0.5 ** np.arange(4))
    np.testing.assert_allclose(rates[4:24], sequence(plain, sequential(OURS, plain), 20))


def test_plateau() -> None:
    optimizer = ours()
    schedule = lr_scheduler.ReduceLROnPlateau(optimizer, patience=1, cooldown=2)
    for metric in (3.0, 2.0, cygnet.tensor(2.0), 2.0):
        schedule.step(metric)
    np.testing.assert_allclose(schedule.get_last_lr(), [0.01, 0.02])
    assert schedule.in_cooldown
    assert schedule.best == 2
    optimizer.add_param_group({"params": [parameter(1)], "lr": 1.0})
    for _ in range(4):
        schedule.step(math.nan)
    np.testing.assert_allclose(schedule.get_last_lr(), [0.001, 0.002, 0.1])
    bounded = lr_scheduler.ReduceLROnPlateau(optimizer, patience=0, min_lr=[0.0, 0.0, 0.05])
    optimizer.add_param_group({"params": [parameter(1)]})
    bounded.step(1.0)
    with pytest.raises(RuntimeError, match="min_lrs has 3 values, expected 4, one a group"):
        bounded.step(2.0)


def test_a_tensor_keeps_its_place() -> None:
    lr = cygnet.tensor(1.0)
    optimizer = optim.SGD([parameter(1)], lr=lr)
    schedule = lr_scheduler.StepLR(optimizer, 1, 0.5)
    optimizer.step()
    schedule.step()
    assert optimizer.param_groups[0]["lr"] is lr
    assert lr.item() == 0.5
    assert schedule.base_lrs == [1.0]


def test_step_before_the_optimizers_warns(recwarn: pytest.WarningsRecorder) -> None:
    optimizer = ours()
    schedule = lr_scheduler.StepLR(optimizer, 2)
    with pytest.warns(UserWarning, match="StepLR: step was called before the optimizer's first"):
        schedule.step()
    optimizer = ours()
    schedule = lr_scheduler.StepLR(optimizer, 2)
    optimizer.step()
    schedule.step()
    schedule.step()
    assert not recwarn


def test_a_users_schedule() -> None:
    class Warmup(lr_scheduler._LRScheduler):
        def get_lr(self) -> list[float]:
            return [base * min(1.0, (self.last_epoch + 1) / 4) for base in self.base_lrs]

    optimizer = ours()
    rates = np.array(sequence(optimizer, Warmup(optimizer), 6))[:, 0]
    np.testing.assert_allclose(rates, [0.025, 0.05, 0.075, 0.1, 0.1, 0.1])


def test_functions_are_not_saved_but_objects_are() -> None:
    class Decay:
        def __init__(self, factor: float) -> None:
            self.factor = factor

        def __call__(self, step: float) -> float:
            return self.factor**step

    schedule = lr_scheduler.LambdaLR(ours(), [Decay(0.5), lambda t: 1.0])
    saved = schedule.state_dict()
    assert saved["lr_lambdas"] == [{"factor": 0.5}, None]
    other = lr_scheduler.LambdaLR(ours(), [Decay(0.1), lambda t: 1.0])
    other.load_state_dict(saved)
    assert other.lr_lambdas[0].factor == 0.5
    cyclic = lr_scheduler.CyclicLR(ours(), 0.1, 1.0, scale_fn=Decay(0.5))
    saved = cyclic.state_dict()
    assert saved["_scale_fn_custom"] == {"factor": 0.5}
    again = lr_scheduler.CyclicLR(ours(), 0.1, 1.0, scale_fn=Decay(0.1))
    again.load_state_dict(saved)
    assert again.scale_fn(1) == 0.5


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda o: lr_scheduler.StepLR(3, 1), TypeError, "StepLR: optimizer expected an Optimizer"),
        (lambda o: lr_scheduler.StepLR(o, 0), ValueError, "StepLR: step_size is 0, expected more"),
        (lambda o: lr_scheduler.StepLR(o, 1, last_epoch=2), KeyError, "has no 'initial_lr'"),
        (lambda o: lr_scheduler.ConstantLR(o, 0), ValueError, "ConstantLR: factor is 0, expected"),
        (lambda o: lr_scheduler.LinearLR(o, 0), ValueError, "LinearLR: start_factor is 0"),
        (lambda o: lr_scheduler.LinearLR(o, 1, 2), ValueError, "LinearLR: end_factor is 2"),
        (
            lambda o: lr_scheduler.LambdaLR(o, [abs]),
            ValueError,
            "LambdaLR: lr_lambda has 1 values, expected 2, one a group",
        ),
        (
            lambda o: lr_scheduler.LambdaLR(o, 0.5),
            TypeError,
            "LambdaLR: lr_lambda expected a function, got float",
        ),
        (lambda o: lr_scheduler.CosineAnnealingLR(o, 0), ValueError, "LR: T_max is 0, expected"),
        (
            lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 0.5),
            ValueError,
            "T_0 is 0.5, expected a positive int",
        ),
        (
            lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 2).step(-1),
            ValueError,
            "epoch is -1, expected at least 0",
        ),
        (lambda o: lr_scheduler.CyclicLR(o, 0, 1, mode="sine"), ValueError, "mode is 'sine'"),
        (lambda o: lr_scheduler.CyclicLR(o, 0, 1, 0), ValueError, "step_size_up is 0, expected"),
        (
            lambda o: lr_scheduler.CyclicLR(optim.Adagrad([parameter(1)]), 0, 1),
            ValueError,
            "CyclicLR: cycle_momentum=True expected an optimizer with momentum or betas",
        ),
        (lambda o: lr_scheduler.ReduceLROnPlateau(o, "best"), ValueError, "mode is 'best'"),
        (lambda o: lr_scheduler.ReduceLROnPlateau(o, factor=1.0), ValueError, "factor is 1.0"),
        (
            lambda o: lr_scheduler.ReduceLROnPlateau(o, threshold_mode="x"),
            ValueError,
            "threshold_mode is 'x'",
        ),
        (lambda o: lr_scheduler.ChainedScheduler([]), ValueError, "schedulers is empty"),
        (
            lambda o: lr_scheduler.SequentialLR(o, [lr_scheduler.StepLR(o, 1)], [1]),
            ValueError,
            "SequentialLR: milestones has 1 steps, expected 0, one less than schedulers",
        ),
        (
            lambda o: lr_scheduler.SequentialLR(o, [lr_scheduler.StepLR(ours(), 1)], []),
            ValueError,
            "SequentialLR: schedulers[0] belongs to another optimizer",
        ),
        (
            lambda o: lr_scheduler.ChainedScheduler([lr_scheduler.ReduceLROnPlateau(o)]),
            ValueError,
            "schedulers[0] is a ReduceLROnPlateau, whose step needs a metric",
        ),
        (
            lambda o: lr_scheduler.ChainedScheduler([3]),
            TypeError,
            "schedulers[0] expected an LRScheduler, got int",
        ),
        (lambda o: swa_utils.SWALR(o, 0.1, -1), ValueError, "SWALR: anneal_epochs is -1"),
        (lambda o: swa_utils.SWALR(o, 0.1, 1, "exp"), ValueError, "anneal_strategy is 'exp'"),
        (lambda o: lr_scheduler.LRScheduler(o), NotImplementedError, "must define get_lr"),
    ],
)
def test_bad_arguments(make: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error) as caught:
        make(ours())
    assert text in str(caught.value)


# (learning rate, momentum or first beta) of torch.optim.lr_scheduler.OneCycleLR, PyTorch 2.
ONE_CYCLE: list[tuple[str, dict[str, Any], dict[int, tuple[float, float]]]] = [
    (
        "sgd",
        {"max_lr": 1.0, "total_steps": 20},
        {
            0: (0.04, 0.95),
            3: (0.6683281573, 0.884549150281),
            5: (1.0, 0.85),
            18: (0.0125399937649, 0.948746395609),
            19: (4e-06, 0.95),
        },
    ),
    (
        "adam",
        {"max_lr": 0.5, "epochs": 3, "steps_per_epoch": 7, "anneal_strategy": "linear"},
        {
            0: (0.02, 0.95),
            3: (0.291698113208, 0.893396226415),
            5: (0.472830188679, 0.855660377358),
            19: (0.0340154693878, 0.943197278912),
            20: (2e-06, 0.95),
        },
    ),
    (
        "sgd",
        {
            "max_lr": 1.0,
            "total_steps": 33,
            "three_phase": True,
            "pct_start": 0.25,
            "div_factor": 10,
            "final_div_factor": 100,
            "base_momentum": 0.8,
            "max_momentum": 0.9,
        },
        {
            0: (0.1, 0.9),
            3: (0.429612247662, 0.863376416926),
            5: (0.802534179413, 0.821940646732),
            31: (0.00179548536437, 0.9),
            32: (0.001, 0.9),
        },
    ),
]


@pytest.mark.parametrize(("kind", "arguments", "expected"), ONE_CYCLE)
def test_one_cycle(
    kind: str, arguments: dict[str, Any], expected: dict[int, tuple[float, float]]
) -> None:
    p = [parameter(1)]
    optimizer = optim.SGD(p, momentum=0.9) if kind == "sgd" else optim.Adam(p)
    schedule = lr_scheduler.OneCycleLR(optimizer, **arguments)
    group = optimizer.param_groups[0]
    for step in range(max(expected) + 1):
        if step in expected:
            momentum = group["momentum"] if kind == "sgd" else group["betas"][0]
            np.testing.assert_allclose((group["lr"], momentum), expected[step], rtol=1e-9)
            assert schedule.get_last_lr() == [group["lr"]]
        optimizer.step()
        schedule.step()
    with pytest.raises(ValueError, match="beyond the end of the cycle"):
        schedule.step()


def test_one_cycle_resumes() -> None:
    def made() -> tuple[optim.Optimizer, lr_scheduler.OneCycleLR]:
        optimizer = optim.SGD([{"params": parameter(1)}, {"params": parameter(2)}], momentum=0.9)
        return optimizer, lr_scheduler.OneCycleLR(optimizer, [0.1, 1.0], total_steps=10)

    optimizer, schedule = made()
    optimizer.step()
    for _ in range(4):
        schedule.step()
    other, resumed = made()
    other.load_state_dict(optimizer.state_dict())
    resumed.load_state_dict(schedule.state_dict())
    continued = optim.SGD([{"params": parameter(1)}, {"params": parameter(2)}], momentum=0.9)
    continued.load_state_dict(optimizer.state_dict())
    continued.step()
    third = lr_scheduler.OneCycleLR(continued, [0.1, 1.0], total_steps=10, last_epoch=3)
    assert third.get_last_lr() == schedule.get_last_lr()
    for _ in range(5):
        for each in (schedule, resumed, third):
            each.step()
        assert schedule.get_last_lr() == resumed.get_last_lr() == third.get_last_lr()
    assert schedule.interval == "batch"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({}, "expected total_steps, or epochs and steps_per_epoch"),
        ({"total_steps": 0}, "total_steps is 0, expected a positive int"),
        ({"epochs": -1, "steps_per_epoch": 2}, "epochs is -1"),
        ({"epochs": 1, "steps_per_epoch": 0}, "steps_per_epoch is 0"),
        ({"total_steps": 5, "pct_start": 2}, "pct_start is 2, expected 0 to 1"),
        ({"total_steps": 5, "anneal_strategy": "exp"}, "anneal_strategy is 'exp'"),
        ({"total_steps": 5, "max_lr": [0.1, 0.2]}, "max_lr has 2 values, expected 1"),
    ],
)
def test_one_cycle_bad_arguments(arguments: dict[str, Any], text: str) -> None:
    optimizer = optim.SGD([parameter(1)])
    with pytest.raises(ValueError) as caught:  # noqa: PT011 (the text is checked below)
        lr_scheduler.OneCycleLR(optimizer, **{"max_lr": 0.1, **arguments})
    assert text in str(caught.value)
    with pytest.raises(TypeError, match="expected an Optimizer, got int"):
        lr_scheduler.OneCycleLR(3, 0.1, 10)  # type: ignore[arg-type]
