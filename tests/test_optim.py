"""Optimizers: arguments, groups, state dictionaries, PyTorch's numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import cygnet
from cygnet import Tensor, as_tensor, optim

OPTIMIZERS = {
    "sgd": lambda params: optim.SGD(params, lr=0.1),
    "momentum": lambda params: optim.SGD(params, lr=0.1, momentum=0.9, dampening=0.2),
    "adam": lambda params: optim.Adam(params, lr=0.1),
    "amsgrad": lambda params: optim.AdamW(params, lr=0.1, amsgrad=True),
}


def parameter(*shape: int, seed: int = 0, dtype: Any = np.float64) -> Tensor:
    array = np.random.default_rng(seed).standard_normal(shape).astype(dtype)
    return as_tensor(array).requires_grad_()


def set_grads(params: list[Tensor], step: int) -> None:
    for i, param in enumerate(params):
        param.grad = as_tensor(np.random.default_rng([step, i]).standard_normal(param.shape))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_minimizes(name: str) -> None:
    x = parameter(5)
    optimizer = OPTIMIZERS[name]([x])
    memory = x._array
    for _ in range(300):
        optimizer.zero_grad()
        x.grad = as_tensor(2 * (x._array - 3))
        optimizer.step()
    assert x._array is memory
    np.testing.assert_allclose(x._array, 3, atol=0.1)


def test_parameters_without_gradient_are_left_alone() -> None:
    x, y = parameter(3), parameter(4, seed=1)
    before = y._array.copy()
    optimizer = optim.Adam([x, y])
    set_grads([x], 0)
    optimizer.step()
    np.testing.assert_array_equal(y._array, before)
    assert set(optimizer.state) == {x}
    assert optimizer.state_dict()["state"][0]["step"].item() == 1
    set_grads([x, y], 1)
    optimizer.step()
    state = optimizer.state_dict()["state"]
    assert [state[0]["step"].item(), state[1]["step"].item()] == [2, 1]


def test_dampening_leaves_out_the_first_step_of_each_parameter() -> None:
    x, y = parameter(3), parameter(3, seed=1)
    optimizer = optim.SGD([x, y], lr=1.0, momentum=0.5, dampening=0.5)
    one = as_tensor(np.ones(3))
    x.grad = one
    optimizer.step()
    start = y._array.copy()
    y.grad = as_tensor(np.ones(3))
    optimizer.step()
    np.testing.assert_allclose(start - y._array, 1)
    np.testing.assert_allclose(optimizer.state[x]["momentum_buffer"]._array, 1)


def test_groups_and_closure() -> None:
    x, y = parameter(2), parameter(2, seed=1)
    optimizer = optim.SGD([{"params": [x], "lr": 1.0}, {"params": y}], lr=0.5)
    optimizer.add_param_group({"params": [parameter(1)], "weight_decay": 0.1})
    starts = [x._array.copy(), y._array.copy()]

    def closure() -> float:
        assert cygnet.is_grad_enabled()
        x.grad = y.grad = as_tensor(np.ones(2))
        return 4.5

    with cygnet.no_grad():
        assert optimizer.step(closure) == 4.5
    np.testing.assert_allclose(starts[0] - x._array, 1.0)
    np.testing.assert_allclose(starts[1] - y._array, 0.5)
    optimizer.zero_grad(set_to_none=False)
    assert x.grad is not None
    assert not x.grad._array.any()
    optimizer.zero_grad()
    assert x.grad is None
    assert "weight_decay: 0.1" in repr(optimizer)


def test_state_dict_in_pytorch_form() -> None:
    params = [parameter(2, 2, dtype=np.float32), parameter(3, dtype=np.float32)]
    optimizer = optim.AdamW(params, amsgrad=True)
    params[0].grad = as_tensor(np.ones((2, 2), np.float32))
    optimizer.step()
    saved = optimizer.state_dict()
    assert list(saved["state"]) == [0]
    assert {n: t.shape for n, t in saved["state"][0].items()} == {
        "exp_avg": (2, 2),
        "exp_avg_sq": (2, 2),
        "step": (),
        "max_exp_avg_sq": (2, 2),
    }
    assert saved["param_groups"][0]["params"] == [0, 1]

    # What torch.optim.SGD's state_dict holds, with arrays for its tensors.
    loaded = {
        "state": {0: {"momentum_buffer": np.full((2, 2), 2.0)}, 1: {"momentum_buffer": None}},
        "param_groups": [
            {"lr": 0.5, "momentum": 0.5, "dampening": 0.5, "foreach": None, "params": [0, 1]}
        ],
    }
    sgd = optim.SGD(params, momentum=0.9)
    sgd.load_state_dict(loaded)
    set_grads(params, 0)
    for param in params:
        param.grad = as_tensor(np.ones(param.shape, np.float32))
    sgd.step()
    assert sgd.param_groups[0]["lr"] == 0.5
    np.testing.assert_allclose(sgd.state[params[0]]["momentum_buffer"]._array, 1.5)
    np.testing.assert_allclose(sgd.state[params[1]]["momentum_buffer"]._array, 1.0)


def test_loading_keeps_the_memory_of_state() -> None:
    x = parameter(3)
    optimizer = optim.Adam([x])
    set_grads([x], 0)
    optimizer.step()
    array = optimizer.state[x]["exp_avg"]._array
    saved = {
        "state": {0: {k: v._array.copy() + 1 for k, v in optimizer.state[x].items()}},
        "param_groups": optimizer.state_dict()["param_groups"],
    }
    expected = array + 1
    optimizer.load_state_dict(saved)
    assert optimizer.state[x]["exp_avg"]._array is array
    np.testing.assert_array_equal(array, expected)
    assert optimizer.state[x]["step"].item() == 2


def test_load_state_dict_refuses_what_does_not_fit() -> None:
    x, y = parameter(3), parameter(3, seed=1)
    optimizer = optim.Adam([x])
    for other, text in (
        (
            optim.Adam([{"params": [x]}, {"params": [y]}]),
            "state_dict has 2 parameter groups, expected 1",
        ),
        (optim.Adam([x, y]), "group 0 has 2 parameters, expected 1"),
    ):
        with pytest.raises(ValueError, match=text):
            optimizer.load_state_dict(other.state_dict())
    bad = optimizer.state_dict()
    bad["state"] = {0: {"exp_avg": np.zeros(4)}}
    with pytest.raises(ValueError, match=r"exp_avg of parameter 0 has shape \(4,\), expected"):
        optimizer.load_state_dict(bad)


def test_named_parameters() -> None:
    x, y = parameter(2), parameter(3, seed=1)
    optimizer = optim.SGD([("first", x), ("second", y)], lr=0.5)
    assert optimizer.param_groups[0]["params"] == [x, y]
    assert optimizer.state_dict()["param_groups"][0]["param_names"] == ["first", "second"]


def test_hooks() -> None:
    x = parameter(2)
    optimizer, calls = optim.SGD([x], lr=0.5), []

    def before(each: Any, args: Any, kwargs: Any) -> Any:
        calls.append(("before", each, args, kwargs))
        return (lambda: 7,), {}

    pre = optimizer.register_step_pre_hook(before)
    post = optimizer.register_step_post_hook(lambda *given: calls.append(("after", *given)))
    assert optimizer.step() == 7
    assert [call[:2] for call in calls] == [("before", optimizer), ("after", optimizer)]
    assert calls[0][2:] == ((), {})
    assert calls[1][2][0]() == 7
    pre.remove()
    post.remove()
    assert optimizer.step() is None
    assert len(calls) == 2


def test_a_users_optimizer() -> None:
    class Halving(optim.SGD):
        def step(self, closure: Any = None) -> Any:
            result = super().step(closure)
            for group in self.param_groups:
                group["lr"] /= 2
            return result

    class Signed(optim.Optimizer):
        def __init__(self, params: Any, lr: float = 0.1) -> None:
            super().__init__(params, {"lr": lr})

        def step(self, closure: Any = None) -> None:
            for group in self.param_groups:
                for param in group["params"]:
                    entry = self.state[param]
                    entry["step"] = entry.get("step", 0) + 1
                    entry["last"] = [param.grad]
                    with cygnet.no_grad():
                        param.sub_(param.grad.sign() * group["lr"])

    x, count = parameter(3), []
    halving = Halving([x], lr=1.0)
    halving.register_step_post_hook(lambda *given: count.append(1))
    set_grads([x], 0)
    halving.step()
    assert halving.param_groups[0]["lr"] == 0.5
    assert len(count) == 1
    signed, before = Signed([x]), x._array.copy()
    signed.step()
    np.testing.assert_allclose(np.abs(x._array - before), 0.1)
    other = Signed([x])
    other.load_state_dict(signed.state_dict())
    assert other.state[x]["step"].item() == 1
    np.testing.assert_array_equal(other.state[x]["last"][0]._array, x.grad._array)
    with pytest.raises(NotImplementedError, match="Optimizer must define step"):
        optim.Optimizer([x], {}).step()


@pytest.mark.parametrize("name", [*OPTIMIZERS, "lbfgs"])
def test_a_step_after_the_forward_pass_is_noticed(name: str) -> None:
    x = parameter(3)
    if name == "lbfgs":
        optimizer: optim.Optimizer = optim.LBFGS([x], max_iter=1)
    else:
        optimizer = OPTIMIZERS[name]([x])
    loss = (x * x).sum()
    loss.backward(retain_graph=True)
    optimizer.step(lambda: loss)
    with pytest.raises(RuntimeError, match="in place"):
        loss.backward()


def test_penalties() -> None:
    x, y = parameter(3), parameter(2, 2, seed=1)
    loss = optim.l1_penalty([x, y], 0.5) + optim.l2_penalty((x, y), 0.25)
    expected = sum(0.5 * np.abs(p._array).sum() + 0.25 * (p._array**2).sum() for p in (x, y))
    np.testing.assert_allclose(loss.item(), expected)
    loss.backward()
    np.testing.assert_allclose(x.grad._array, 0.5 * np.sign(x._array) + 0.5 * x._array)
    for penalty in (optim.l1_penalty, optim.l2_penalty):
        with pytest.raises(ValueError, match="params is empty"):
            penalty([], 1.0)


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda p: optim.Adam([]), ValueError, "Adam: params is empty"),
        (
            lambda p: optim.Adam(p[0]),
            TypeError,
            "Adam: params expected an iterable of Tensors or dicts, got Tensor",
        ),
        (lambda p: optim.Adam(3), TypeError, "dicts, got int"),
        (lambda p: optim.Adam([1.0]), TypeError, "params[0] expected a Tensor, got float"),
        (lambda p: optim.Adam([p[0] * 2]), ValueError, "params[0] is the result of an op"),
        (lambda p: optim.Adam([p[0], p[0]]), ValueError, "params[1] is given twice"),
        (
            lambda p: optim.Adam([{"params": p}, {"params": p}]),
            ValueError,
            "params[0] is in another group already",
        ),
        (lambda p: optim.Adam([{"params": {p[0]}}]), TypeError, "got a set"),
        (lambda p: optim.Adam([{"lr": 1.0}]), ValueError, "expected a dict with the key 'params'"),
    ],
)
def test_bad_arguments(make: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error) as caught:
        make([parameter(2)])
    assert text in str(caught.value)
