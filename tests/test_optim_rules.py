"""Every optimizer's rule against the published formulas, and PyTorch where it is installed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cygnet
from cygnet import Tensor, as_tensor, kernels, optim

Reference = Callable[..., np.ndarray]
SHAPES = [(3, 4), (), (0, 2), (7,), (17_000,)]
STEPS = 5


def gradients(p: np.ndarray, grad: np.ndarray, weight_decay: float, maximize: bool) -> np.ndarray:
    return (-grad if maximize else grad) + weight_decay * p


def sgd(p, grads, lr=1e-3, momentum=0, dampening=0, weight_decay=0, nesterov=False, maximize=False):
    buffer = None
    for grad in grads:
        g = gradients(p, grad, weight_decay, maximize)
        if momentum:
            buffer = g if buffer is None else momentum * buffer + (1 - dampening) * g
            g = g + momentum * buffer if nesterov else buffer
        p = p - lr * g
    return p


def adam(
    p, grads, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0, amsgrad=False, maximize=False,
    decoupled_weight_decay=False,
):  # fmt: skip
    (beta1, beta2), m, v, largest = betas, 0, 0, 0
    for t, grad in enumerate(grads, 1):
        if decoupled_weight_decay:
            p = p * (1 - lr * weight_decay)
        g = gradients(p, grad, 0 if decoupled_weight_decay else weight_decay, maximize)
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        largest = np.maximum(largest, v)
        unbiased = (largest if amsgrad else v) / (1 - beta2**t)
        p = p - lr * m / (1 - beta1**t) / (np.sqrt(unbiased) + eps)
    return p


def adamw(p, grads, weight_decay=1e-2, **options):
    return adam(p, grads, weight_decay=weight_decay, decoupled_weight_decay=True, **options)


def adamax(p, grads, lr=2e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0, maximize=False):
    (beta1, beta2), m, u = betas, 0, 0
    for t, grad in enumerate(grads, 1):
        g = gradients(p, grad, weight_decay, maximize)
        m = beta1 * m + (1 - beta1) * g
        u = np.maximum(beta2 * u, np.abs(g) + eps)
        p = p - lr / (1 - beta1**t) * m / u
    return p


def nadam(
    p, grads, lr=2e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0, momentum_decay=4e-3,
    decoupled_weight_decay=False, maximize=False,
):  # fmt: skip
    (beta1, beta2), m, v = betas, 0, 0
    product = np.float32(1)  # PyTorch's state is a float32, too
    for t, grad in enumerate(grads, 1):
        if decoupled_weight_decay:
            p = p * (1 - lr * weight_decay)
        g = gradients(p, grad, 0 if decoupled_weight_decay else weight_decay, maximize)
        now, after = (beta1 * (1 - 0.5 * 0.96 ** (step * momentum_decay)) for step in (t, t + 1))
        product = np.float32(product * np.float32(now))
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        ahead = (1 - now) * g / (1 - float(product)) + after * m / (1 - float(product) * after)
        p = p - lr * ahead / (np.sqrt(v / (1 - beta2**t)) + eps)
    return p


def radam(
    p, grads, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0, decoupled_weight_decay=False,
    maximize=False,
):  # fmt: skip
    (beta1, beta2), m, v = betas, 0, 0
    longest = 2 / (1 - beta2) - 1
    for t, grad in enumerate(grads, 1):
        if decoupled_weight_decay:
            p = p * (1 - lr * weight_decay)
        g = gradients(p, grad, 0 if decoupled_weight_decay else weight_decay, maximize)
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        length = longest - 2 * t * beta2**t / (1 - beta2**t)
        unbiased = m / (1 - beta1**t)
        if length > 5:
            rectified = np.sqrt(
                (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)
            )
            unbiased = unbiased * rectified * np.sqrt(1 - beta2**t) / (np.sqrt(v) + eps)
        p = p - lr * unbiased
    return p


def rmsprop(
    p, grads, lr=1e-2, alpha=0.99, eps=1e-8, weight_decay=0, momentum=0, centered=False,
    maximize=False,
):  # fmt: skip
    square, mean, buffer = 0, 0, 0
    for grad in grads:
        g = gradients(p, grad, weight_decay, maximize)
        square = alpha * square + (1 - alpha) * g * g
        mean = alpha * mean + (1 - alpha) * g
        direction = g / (np.sqrt(square - mean**2 if centered else square) + eps)
        buffer = momentum * buffer + direction
        p = p - lr * buffer
    return p


def adagrad(
    p, grads, lr=1e-2, lr_decay=0, weight_decay=0, initial_accumulator_value=0, eps=1e-10,
    maximize=False,
):  # fmt: skip
    total = initial_accumulator_value
    for t, grad in enumerate(grads, 1):
        g = gradients(p, grad, weight_decay, maximize)
        total = total + g * g
        p = p - lr / (1 + (t - 1) * lr_decay) * g / (np.sqrt(total) + eps)
    return p


def adadelta(p, grads, lr=1.0, rho=0.9, eps=1e-6, weight_decay=0, maximize=False):
    square, moved = 0, 0
    for grad in grads:
        g = gradients(p, grad, weight_decay, maximize)
        square = rho * square + (1 - rho) * g * g
        delta = np.sqrt(moved + eps) / np.sqrt(square + eps) * g
        moved = rho * moved + (1 - rho) * delta**2
        p = p - lr * delta
    return p


def lion(p, grads, lr=1e-4, betas=(0.9, 0.99), weight_decay=0, maximize=False):
    m = 0
    for grad in grads:
        p = p * (1 - lr * weight_decay)
        g = gradients(p, grad, 0, maximize)
        p = p - lr * np.sign(betas[0] * m + (1 - betas[0]) * g)
        m = betas[1] * m + (1 - betas[1]) * g
    return p


def asgd(
    p, grads, lr=1e-2, lambd=1e-4, alpha=0.75, t0=1e6, weight_decay=0, maximize=False
):  # fmt: skip
    eta = np.float32(lr)  # PyTorch's state is a float32, too
    for t, grad in enumerate(grads, 1):
        g = gradients(p, grad, weight_decay, maximize)
        p = p * (1 - lambd * float(eta)) - float(eta) * g
        eta = np.float32(lr / (1 + lambd * lr * t) ** alpha)
    return p


def rprop(p, grads, lr=1e-2, etas=(0.5, 1.2), step_sizes=(1e-6, 50), maximize=False):
    previous, size = 0, np.full(p.shape, lr)
    for grad in grads:
        g = -grad if maximize else grad
        sign = np.sign(g * previous)
        size = np.clip(size * np.choose(sign.astype(int) + 1, [etas[0], 1, etas[1]]), *step_sizes)
        previous = np.where(sign < 0, 0, g)
        p = p - size * np.sign(previous)
    return p


OTHER_BETAS = {"lr": 0.05, "betas": (0.3, 0.8), "eps": 1e-3}
DECAYED = {"weight_decay": 0.3, "lr": 0.02}
DECOUPLED = {**DECAYED, "decoupled_weight_decay": True}

RULES: dict[str, tuple[Reference, list[dict[str, Any]]]] = {
    "SGD": (
        sgd,
        [
            {},
            {"lr": 0.1, "weight_decay": 0.3, "maximize": True},
            {"lr": 0.1, "momentum": 0.9},
            {"lr": 0.1, "momentum": 0.9, "dampening": 0.4, "weight_decay": 0.1},
            {"lr": 0.05, "momentum": 0.8, "nesterov": True, "weight_decay": 0.1, "maximize": True},
        ],
    ),
    "Adam": (
        adam,
        [
            {},
            OTHER_BETAS,
            {**OTHER_BETAS, "amsgrad": True},
            {**DECAYED, "maximize": True},
            {**DECOUPLED, "amsgrad": True},
        ],
    ),
    "AdamW": (
        adamw,
        [{}, OTHER_BETAS, {**OTHER_BETAS, "amsgrad": True}, DECAYED, {**DECAYED, "maximize": True}],
    ),
    "Adamax": (
        adamax,
        [{}, OTHER_BETAS, DECAYED, {"maximize": True}, {**DECAYED, **OTHER_BETAS}],
    ),
    "NAdam": (
        nadam,
        [{}, OTHER_BETAS, DECAYED, DECOUPLED, {"momentum_decay": 0.1, "maximize": True}],
    ),
    "RAdam": (
        radam,
        # The second decays so fast that no step is rectified, the others' sixth is the first.
        [{}, {"betas": (0.5, 0.5)}, DECAYED, DECOUPLED, {**OTHER_BETAS, "maximize": True}],
    ),
    "RMSprop": (
        rmsprop,
        [
            {},
            {"alpha": 0.8, "eps": 1e-3, "weight_decay": 0.1},
            {"momentum": 0.9},
            {"centered": True, "maximize": True},
            {"centered": True, "momentum": 0.5, "alpha": 0.3},
        ],
    ),
    "Adagrad": (
        adagrad,
        [
            {},
            {"lr_decay": 0.3},
            {"initial_accumulator_value": 0.5, "eps": 1e-3},
            DECAYED,
            {"maximize": True, "lr": 0.1},
        ],
    ),
    "Adadelta": (
        adadelta,
        [{}, {"rho": 0.3}, {"eps": 1e-2, "lr": 0.5}, {"weight_decay": 0.2}, {"maximize": True}],
    ),
    "ASGD": (
        asgd,
        [
            {},
            {"lr": 0.2, "lambd": 0.1, "alpha": 0.5},
            {"t0": 2, "lr": 0.1},
            DECAYED,
            {"maximize": True, "lambd": 0.3, "t0": 0},
        ],
    ),
    "Rprop": (
        rprop,
        [{}, {"lr": 0.3, "etas": (0.3, 2.0)}, {"step_sizes": (0.008, 0.011)}, {"maximize": True}],
    ),
    "Lion": (
        lion,
        [{}, {"lr": 0.1, "betas": (0.3, 0.8)}, DECAYED, {**DECAYED, "maximize": True}],
    ),
}
CASES = [
    pytest.param(name, options, id=f"{name}-{i}")
    for name, (_, table) in RULES.items()
    for i, options in enumerate(table)
]


def drawn(dtype: Any, steps: int = STEPS) -> tuple[list[np.ndarray], list[list[np.ndarray]]]:
    """Values of the parameters, and gradients of every step."""
    rng = np.random.default_rng(3)

    def arrays() -> list[np.ndarray]:
        return [np.array(rng.standard_normal(shape), dtype) for shape in SHAPES]

    return arrays(), [arrays() for _ in range(steps)]


def run(
    optimizer: optim.Optimizer, params: list[Tensor], grads: Iterable[list[np.ndarray]]
) -> None:
    for step in grads:
        for param, grad in zip(params, step, strict=True):
            param.grad = as_tensor(grad)
        optimizer.step()


def started(
    name: str, values: list[np.ndarray], options: dict[str, Any]
) -> tuple[list[Tensor], optim.Optimizer]:
    params = [as_tensor(value.copy("C")).requires_grad_() for value in values]
    return params, getattr(optim, name)(params, **options)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("name", "options"), CASES)
def test_rule(name: str, options: dict[str, Any], dtype: Any) -> None:
    values, grads = drawn(dtype)
    params, optimizer = started(name, values, options)
    run(optimizer, params, grads)
    tolerance = 1e-9 if dtype == np.float64 else 1e-4 if options.get("centered") else 2e-5
    for i, param in enumerate(params):
        assert param.dtype == dtype
        expected = RULES[name][0](
            values[i].astype(np.float64), [step[i].astype(np.float64) for step in grads], **options
        )
        np.testing.assert_allclose(param._array, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("name", "options"), CASES)
def test_rule_is_that_of_pytorch(name: str, options: dict[str, Any], dtype: str) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is the reference here")
    if not hasattr(torch.optim, name):
        pytest.skip(f"PyTorch has no {name}")
    values, grads = drawn(dtype)
    params, optimizer = started(name, values, options)
    theirs = [torch.nn.Parameter(torch.from_numpy(value.copy())) for value in values]
    reference = getattr(torch.optim, name)(theirs, **options)
    run(optimizer, params, grads)
    for step in grads:
        for param, grad in zip(theirs, step, strict=True):
            param.grad = torch.from_numpy(grad.copy())
        reference.step()
    tolerance = 1e-9 if dtype == "float64" else 1e-4 if options.get("centered") else 2e-5
    for mine, their in zip(params, theirs, strict=True):
        np.testing.assert_allclose(
            mine._array, their.detach().numpy(), rtol=tolerance, atol=tolerance
        )
    # Groups and state are the same to the letter, and each takes the other's.
    ours, other = optimizer.state_dict(), reference.state_dict()
    assert ours["param_groups"] == other["param_groups"]
    assert list(ours["param_groups"][0]) == list(other["param_groups"][0])
    assert list(ours["state"]) == list(other["state"])
    for number, entry in other["state"].items():
        assert list(ours["state"][number]) == list(entry)
        for key, value in entry.items():
            mine = ours["state"][number][key]
            assert (str(mine.dtype), mine.shape) == (
                str(value.dtype).removeprefix("torch."),
                tuple(value.shape),
            )
    optimizer.load_state_dict(other)
    reference.load_state_dict(
        {
            "state": {
                number: {key: torch.from_numpy(value._array.copy()) for key, value in entry.items()}
                for number, entry in ours["state"].items()
            },
            "param_groups": ours["param_groups"],
        }
    )


@pytest.mark.parametrize("name", RULES)
def test_defaults_are_those_of_pytorch(name: str) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is the reference here")
    if not hasattr(torch.optim, name):
        pytest.skip(f"PyTorch has no {name}")
    _, optimizer = started(name, [np.ones(2)], {})
    reference = getattr(torch.optim, name)([torch.nn.Parameter(torch.ones(2))])
    assert optimizer.defaults == reference.defaults
    assert sorted(repr(optimizer).split("\n")) == sorted(repr(reference).split("\n"))


@pytest.mark.parametrize(("name", "options"), CASES)
def test_resumed_run_gives_the_same_bits(name: str, options: dict[str, Any]) -> None:
    values, grads = drawn(np.float32, 6)
    params, optimizer = started(name, values, options)
    run(optimizer, params, grads[:3])
    resumed_params, resumed = started(name, [param._array for param in params], {})
    resumed.load_state_dict(optimizer.state_dict())
    run(optimizer, params, grads[3:])
    run(resumed, resumed_params, grads[3:])
    for mine, other in zip(params, resumed_params, strict=True):
        np.testing.assert_array_equal(mine._array, other._array)


@pytest.mark.parametrize("name", RULES)
def test_state_in_a_file(name: str, tmp_path: Path) -> None:
    values, grads = drawn(np.float32, 4)
    params, optimizer = started(name, values, {"lr": 0.1})
    schedule = optim.lr_scheduler.OneCycleLR(optimizer, 0.1, 10, cycle_momentum=False)
    run(optimizer, params, grads[:2])
    schedule.step()
    cygnet.save([optimizer.state_dict(), schedule.state_dict()], tmp_path / "state")
    others, resumed = started(name, [param._array for param in params], {})
    again = optim.lr_scheduler.OneCycleLR(resumed, 0.1, 10, cycle_momentum=False)
    state, progress = cygnet.load(tmp_path / "state")
    resumed.load_state_dict(state)
    again.load_state_dict(progress)
    for each, its, timer in ((optimizer, params, schedule), (resumed, others, again)):
        run(each, its, grads[2:])
        timer.step()
    assert schedule.get_last_lr() == again.get_last_lr()
    for mine, other in zip(params, others, strict=True):
        np.testing.assert_array_equal(mine._array, other._array)


@pytest.mark.parametrize(("name", "options"), CASES)
def test_threads_give_the_same_bits(name: str, options: dict[str, Any]) -> None:
    values, grads = drawn(np.float32, 2)
    results = []
    for threads in (1, 2, 3):
        kernels.set_num_threads(threads)
        params, optimizer = started(name, [*values, np.ones(200_000, np.float32)], options)
        run(optimizer, params, [[*step, np.full(200_000, 0.5, np.float32)] for step in grads])
        results.append(b"".join(param._array.tobytes() for param in params))
    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize("name", RULES)
def test_recorded_step_follows_the_learning_rate(name: str) -> None:
    values, grads = drawn(np.float64, 1)
    options = {"lr": 0.1} if name == "Rprop" else {"lr": 0.1, "weight_decay": 0.1}
    params, optimizer = started(name, values, options)
    others, eager = started(name, values, options)
    for param, grad in zip(params, grads[0], strict=True):
        param.grad = as_tensor(grad)
    with kernels.Recording() as recording:
        optimizer.step()
    run(eager, others, grads)
    for lr in (0.3, 0.01):
        optimizer.param_groups[0]["lr"] = eager.param_groups[0]["lr"] = lr
        optimizer.update_cells()
        recording.replay()
        run(eager, others, grads)
    for mine, other in zip(params, others, strict=True):
        np.testing.assert_array_equal(mine._array, other._array)


@pytest.mark.parametrize("name", RULES)
def test_parameters_in_any_order_of_axes(name: str) -> None:
    rng = np.random.default_rng(0)
    values = [rng.standard_normal((3, 4)).T, rng.standard_normal((2, 3, 5)).transpose(1, 2, 0)]
    grads = [[rng.standard_normal(value.shape) for value in values] for _ in range(4)]
    plain, expected = started(name, values, {"lr": 0.1})
    params = [as_tensor(value.copy("K")).requires_grad_() for value in values]
    optimizer = getattr(optim, name)(params, lr=0.1)
    run(optimizer, params, grads[:2])
    optimizer.load_state_dict(optimizer.state_dict())
    again = getattr(optim, name)(params)
    again.load_state_dict(optimizer.state_dict())
    run(again, params, grads[2:])
    run(expected, plain, grads)
    for mine, other in zip(params, plain, strict=True):
        np.testing.assert_array_equal(mine._array, other._array)
    assert not params[0]._array.flags.c_contiguous


@pytest.mark.parametrize("name", RULES)
def test_learning_rate_may_be_a_tensor(name: str) -> None:
    values, grads = drawn(np.float64)
    lr = cygnet.tensor(0.25)
    params, optimizer = started(name, values, {"lr": lr})
    others, plain = started(name, values, {"lr": 0.25})
    run(optimizer, params, grads)
    run(plain, others, grads)
    for mine, other in zip(params, others, strict=True):
        np.testing.assert_array_equal(mine._array, other._array)
    assert optimizer.param_groups[0]["lr"] is lr


@pytest.mark.parametrize("name", RULES)
def test_not_a_number_stays(name: str) -> None:
    params, optimizer = started(name, [np.ones(3)], {})
    run(optimizer, params, [[np.array([np.nan, 1, 2])]])
    assert np.isnan(params[0]._array).tolist() == [True, False, False]


@pytest.mark.parametrize(
    ("name", "options", "text"),
    [
        *((name, {"lr": -1.0}, f"{name}: lr is -1.0, expected at least 0") for name in RULES),
        *(
            (name, {"weight_decay": -1}, f"{name}: weight_decay is -1")
            for name in RULES
            if name != "Rprop"
        ),
        *((name, {"differentiable": True}, f"{name}: differentiable is True") for name in RULES),
        *(
            (name, {"betas": (0.9, 1.0)}, f"{name}: betas[1] is 1.0, expected 0 <= beta < 1")
            for name in ("Adam", "AdamW", "Adamax", "NAdam", "RAdam")
        ),
        ("SGD", {"momentum": -0.1}, "SGD: momentum is -0.1"),
        ("SGD", {"lr": float("nan")}, "SGD: lr is nan"),
        ("SGD", {"nesterov": True}, "SGD: nesterov=True expected momentum > 0 and dampening 0"),
        ("Adam", {"eps": -1}, "Adam: eps is -1"),
        ("NAdam", {"momentum_decay": -1}, "NAdam: momentum_decay is -1"),
        ("RMSprop", {"alpha": -1}, "RMSprop: alpha is -1"),
        ("RMSprop", {"momentum": -1}, "RMSprop: momentum is -1"),
        ("Adagrad", {"lr_decay": -1}, "Adagrad: lr_decay is -1"),
        (
            "Adagrad",
            {"initial_accumulator_value": -1},
            "Adagrad: initial_accumulator_value is -1, expected at least 0",
        ),
        ("Rprop", {"etas": (1, 2, 3)}, "Rprop: etas is (1, 2, 3), expected 2 numbers"),
        ("Rprop", {"step_sizes": 3}, "Rprop: step_sizes is 3, expected 2 numbers"),
        ("Rprop", {"etas": (0.5, 1.0)}, "Rprop: etas is (0.5, 1.0), expected 0 < etas[0] < 1"),
        ("Adadelta", {"rho": 1.5}, "Adadelta: rho is 1.5, expected 0 to 1"),
        ("Adadelta", {"rho": -0.5}, "Adadelta: rho is -0.5, expected at least 0"),
    ],
)
def test_bad_arguments(name: str, options: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 (the text is checked below)
        started(name, [np.ones(2)], options)
    assert text in str(caught.value)
