"""Adafactor and Muon, whose state and whose update are those of matrices."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest

import cygnet
from cygnet import as_tensor, optim
from tests.test_optim_rules import run, started

STEPS = 5
SHAPES = {
    "Adafactor": [(3, 4), (), (7,), (2, 3, 5), (40, 3), (6, 1)],
    "Muon": [(3, 4), (6, 2), (5, 5), (1, 3)],
}


def adafactor(
    p, grads, lr=1e-2, beta2_decay=-0.8, eps=(None, 1e-3), d=1.0, weight_decay=0.0, maximize=False
):  # fmt: skip
    def rms(x):
        return np.sqrt(np.mean(x * x))

    row = column = square = 0
    least = np.finfo(p.dtype).eps if eps[0] is None else eps[0]
    for t, grad in enumerate(grads, 1):
        g, fresh = (-grad if maximize else grad), t**beta2_decay
        rate = max(eps[1], rms(p)) * min(lr, t**-0.5)
        p = p * (1 - lr * weight_decay)
        if g.ndim > 1:
            row = row + fresh * ((g * g).mean(-1, keepdims=True) - row)
            column = column + fresh * ((g * g).mean(-2, keepdims=True) - column)
            estimate = row * column / np.maximum(row.mean(-2, keepdims=True), least)
        else:
            estimate = square = square + fresh * (g * g - square)
        update = g / np.sqrt(np.maximum(estimate, least**2))
        p = p - rate / max(1, rms(update) / d) * update
    return p


def muon(
    p, grads, lr=1e-3, weight_decay=0.1, momentum=0.95, nesterov=True,
    ns_coefficients=(3.4445, -4.775, 2.0315), eps=1e-7, ns_steps=5, adjust_lr_fn=None,
):  # fmt: skip
    buffer, (a, b, c), (rows, columns) = 0, ns_coefficients, p.shape
    factor = max(1, rows / columns) ** 0.5
    if adjust_lr_fn == "match_rms_adamw":
        factor = 0.2 * max(rows, columns) ** 0.5
    for g in grads:
        buffer = momentum * buffer + (1 - momentum) * g
        x = (1 - momentum) * g + momentum * buffer if nesterov else buffer
        x = x / max(np.linalg.norm(x), eps)
        for _ in range(ns_steps):
            s = x @ x.T
            x = a * x + (b * s + c * s @ s) @ x
        p = p * (1 - lr * weight_decay) - lr * factor * x
    return p


RULES = {
    "Adafactor": (
        adafactor,
        [
            {},
            {"lr": 0.3, "beta2_decay": -0.5, "d": 2.0},
            {"eps": (1e-2, 0.5), "weight_decay": 0.2},
            {"maximize": True},
        ],
    ),
    "Muon": (
        muon,
        [
            {},
            {"lr": 0.1, "nesterov": False, "weight_decay": 0},
            {"momentum": 0.5, "ns_steps": 3, "adjust_lr_fn": "match_rms_adamw"},
            {"ns_coefficients": (2.0, -1.5, 0.5), "adjust_lr_fn": "original"},
        ],
    ),
}
CASES = [
    pytest.param(name, options, id=f"{name}-{i}")
    for name, (_, table) in RULES.items()
    for i, options in enumerate(table)
]


def drawn(name: str, dtype: Any = np.float64) -> tuple[list[np.ndarray], list[list[np.ndarray]]]:
    """Values of the parameters, and gradients of every step."""
    rng = np.random.default_rng(5)

    def arrays() -> list[np.ndarray]:
        return [np.array(rng.standard_normal(shape), dtype) for shape in SHAPES[name]]

    return arrays(), [arrays() for _ in range(STEPS)]


def same(some: Iterable[Any], others: Iterable[Any]) -> None:
    for mine, other in zip(some, others, strict=True):
        np.testing.assert_array_equal(mine._array, other._array)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("name", "options"), CASES)
def test_rule(name: str, options: dict[str, Any], dtype: Any) -> None:
    values, grads = drawn(name, dtype)
    params, optimizer = started(name, values, options)
    run(optimizer, params, grads)
    tolerance = 1e-9 if dtype == np.float64 else 2e-5
    for i, param in enumerate(params):
        assert param.dtype == dtype
        expected = RULES[name][0](values[i], [step[i] for step in grads], **options)
        np.testing.assert_allclose(param._array, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(("name", "options"), CASES)
def test_rule_is_that_of_pytorch(name: str, options: dict[str, Any]) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is the reference here")
    values, grads = drawn(name)
    params, optimizer = started(name, values, options)
    theirs = [torch.nn.Parameter(torch.from_numpy(value.copy())) for value in values]
    reference = getattr(torch.optim, name)(theirs, **options)
    run(optimizer, params, grads)
    for step in grads:
        for param, grad in zip(theirs, step, strict=True):
            param.grad = torch.from_numpy(grad.copy())
        reference.step()
    # PyTorch's Muon iterates in bfloat16, whose numbers have eight bits; an update is below 2.
    lr = options.get("lr", 1e-3)
    tolerance = 1e-9 if name == "Adafactor" else STEPS * lr * 0.1
    for mine, their in zip(params, theirs, strict=True):
        np.testing.assert_allclose(mine._array, their.detach().numpy(), rtol=1e-9, atol=tolerance)
    ours, other = optimizer.state_dict(), reference.state_dict()
    assert ours["param_groups"] == other["param_groups"]
    assert list(ours["param_groups"][0]) == list(other["param_groups"][0])
    assert optimizer.defaults == reference.defaults
    for number, entry in other["state"].items():
        assert list(ours["state"][number]) == list(entry)
        for key, value in entry.items():
            mine = ours["state"][number][key]
            assert str(mine.dtype) == str(value.dtype).removeprefix("torch.")
            assert mine.shape == tuple(value.shape)
    optimizer.load_state_dict(other)


@pytest.mark.parametrize(("name", "options"), CASES)
def test_resumed_run_gives_the_same_bits(name: str, options: dict[str, Any]) -> None:
    values, grads = drawn(name, np.float32)
    params, optimizer = started(name, values, options)
    run(optimizer, params, grads[:2])
    others, resumed = started(name, [param._array for param in params], {})
    resumed.load_state_dict(optimizer.state_dict())
    run(optimizer, params, grads[2:])
    run(resumed, others, grads[2:])
    same(params, others)


@pytest.mark.parametrize("name", RULES)
def test_captured_step_follows_the_learning_rate(name: str) -> None:
    values, grads = drawn(name, np.float32)

    def trained(captured: bool) -> list[cygnet.Tensor]:
        params, optimizer = started(name, values, {"lr": 0.1, "weight_decay": 0.1})

        def step(*gradients: cygnet.Tensor) -> cygnet.Tensor:
            optimizer.zero_grad()
            products = zip(params, gradients, strict=True)
            loss = sum((param * gradient).sum() for param, gradient in products)
            loss.backward()
            optimizer.step()
            return loss

        run_step = cygnet.capture(step) if captured else step
        for i, gradients in enumerate(grads):
            optimizer.param_groups[0]["lr"] = 0.1 / (i + 1)
            run_step(*map(as_tensor, gradients))
        return params

    same(trained(True), trained(False))


@pytest.mark.parametrize("name", RULES)
def test_parameters_in_any_order_of_axes(name: str) -> None:
    value, grad = np.random.default_rng(0).standard_normal((2, 4, 3))
    [plain], expected = started(name, [value.T], {"lr": 0.1})
    param = as_tensor(value.copy().T).requires_grad_()
    optimizer = getattr(optim, name)([param], lr=0.1)
    for _ in range(3):
        run(expected, [plain], [[grad.T]])
        run(optimizer, [param], [[grad.T]])
        optimizer.load_state_dict(optimizer.state_dict())
    np.testing.assert_allclose(param._array, plain._array, rtol=1e-12)
    assert not param._array.flags.c_contiguous


def test_parameter_without_elements() -> None:
    params, optimizer = started("Adafactor", [np.ones((0, 2)), np.ones(3)], {})
    run(optimizer, params, [[np.ones((0, 2)), np.ones(3)]])
    assert optimizer.state[params[0]]["step"].item() == 1


@pytest.mark.parametrize(
    ("name", "options", "text"),
    [
        *((name, {"lr": -1.0}, f"{name}: lr is -1.0, expected at least 0") for name in RULES),
        *((name, {"weight_decay": -1}, f"{name}: weight_decay is -1") for name in RULES),
        ("Adafactor", {"beta2_decay": 0.1}, "beta2_decay is 0.1, expected at most 0"),
        ("Adafactor", {"eps": (-1, 0.1)}, "eps[0] is -1"),
        ("Adafactor", {"eps": (None, -1)}, "eps[1] is -1"),
        ("Adafactor", {"d": 0.5}, "d is 0.5, expected at least 1"),
        ("Muon", {"momentum": -0.1}, "momentum is -0.1"),
        ("Muon", {"ns_steps": 100}, "ns_steps is 100, expected 0 to 99"),
        ("Muon", {"ns_steps": 2.5}, "ns_steps is 2.5, expected 0 to 99"),
        ("Muon", {"eps": -1}, "eps is -1, expected at least 0"),
        ("Muon", {"ns_coefficients": (1.0, 2.0)}, "ns_coefficients is (1.0, 2.0), expected 3 num"),
        ("Adafactor", {"eps": 1.0}, "eps is 1.0, expected 2 numbers"),
        ("Muon", {"adjust_lr_fn": "other"}, "adjust_lr_fn is 'other'"),
    ],
)
def test_bad_arguments(name: str, options: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 (the text is checked below)
        started(name, [np.ones((2, 2))], options)
    assert text in str(caught.value)


def test_muon_takes_matrices_only() -> None:
    with pytest.raises(ValueError, match=r"Muon: params\[0\] has shape \(2,\), expected a matrix"):
        started("Muon", [np.ones(2)], {})


def test_adafactor_checks_the_shapes_of_loaded_state() -> None:
    params, optimizer = started("Adafactor", [np.ones((2, 3))], {})
    run(optimizer, params, [[np.ones((2, 3))]])
    state = optimizer.state_dict()
    state["state"][0]["row_var"] = cygnet.ones(2, 3)
    with pytest.raises(ValueError, match=r"row_var of parameter 0 has shape \(2, 3\), expected"):
        optimizer.load_state_dict(state)


def test_a_recorded_step_of_muon_heeds_coefficients_changed_in_place():
    layer = cygnet.nn.Linear(3, 3, bias=False)
    optimizer = cygnet.optim.Muon(layer.parameters(), ns_coefficients=[3.4, -4.7, 2.0])

    @cygnet.capture
    def step(x):
        optimizer.zero_grad()
        layer(x).sum().backward()
        optimizer.step()

    for _ in range(3):
        step(cygnet.ones(1, 3))
    optimizer.param_groups[0]["ns_coefficients"][0] = 1.0
    step(cygnet.ones(1, 3))
    assert step.recordings == 2
