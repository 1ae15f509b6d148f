"""LBFGS: the Rosenbrock function, PyTorch's iterates, state."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import cygnet
from cygnet import Tensor, as_tensor, kernels, optim

STARTS = {"a vector": [np.array([-1.2, 1.0])], "two tensors": [np.array(-1.2), np.array([[1.0]])]}

OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {"lr": 1e-3},
    "few evaluations": {"max_iter": 8, "max_eval": 3, "lr": 0.01},
    "short history": {"history_size": 2, "line_search_fn": "strong_wolfe", "max_iter": 5},
    "strong Wolfe": {"line_search_fn": "strong_wolfe", "max_iter": 7},
    "tolerances": {
        "line_search_fn": "strong_wolfe", "tolerance_grad": 1e-2, "tolerance_change": 1e-3,
    },
    "long steps": {"line_search_fn": "strong_wolfe", "lr": 20, "max_iter": 10},
}  # fmt: skip


def rosenbrock(params: list[Any], cat: Any) -> Any:
    x = cat([param.reshape(-1) for param in params])
    return (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2


def run(
    library: Any, optimizer: Any, params: list[Any], steps: int, trace: list[list[float]]
) -> None:
    """Some steps; `trace` takes the parameters of every evaluation."""

    def closure() -> Any:
        optimizer.zero_grad()
        loss = rosenbrock(params, library.cat)
        trace.append([value for param in params for value in np.ravel(param.detach()).tolist()])
        loss.backward()
        return loss

    for _ in range(steps):
        optimizer.step(closure)


@pytest.mark.parametrize("start", STARTS)
def test_converges(start: str) -> None:
    params = [as_tensor(value.copy()).requires_grad_() for value in STARTS[start]]
    optimizer = optim.LBFGS(
        params, max_iter=50, tolerance_change=1e-16, line_search_fn="strong_wolfe"
    )
    trace: list[list[float]] = []
    run(cygnet, optimizer, params, 2, trace)
    np.testing.assert_allclose(np.concatenate([p._array.ravel() for p in params]), 1, atol=1e-6)
    assert optimizer.state[params[0]]["func_evals"] == len(trace) < 80


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("name", OPTIONS)
def test_iterates_are_those_of_pytorch(name: str, start: str) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is the reference here")
    params = [as_tensor(value.copy()).requires_grad_() for value in STARTS[start]]
    theirs = [torch.nn.Parameter(torch.from_numpy(value.copy())) for value in STARTS[start]]
    mine: list[list[float]] = []
    expected: list[list[float]] = []
    optimizer = optim.LBFGS(params, **OPTIONS[name])
    reference = torch.optim.LBFGS(theirs, **OPTIONS[name])
    run(cygnet, optimizer, params, 3, mine)
    run(torch, reference, theirs, 3, expected)
    # A rounding error grows with the iterations.
    np.testing.assert_allclose(mine[:20], expected[:20], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(mine[-1], expected[-1], rtol=1e-5)
    assert len(mine) == len(expected)
    assert optimizer.defaults == reference.defaults
    state = reference.state_dict()["state"][0]
    assert set(optimizer.state_dict()["state"][0]) == set(state) - {"al"}
    optimizer.load_state_dict(reference.state_dict())
    run(cygnet, optimizer, params, 1, mine)


def test_resumed_run_gives_the_same_bits() -> None:
    x = as_tensor(np.array([-1.2, 1.0])).requires_grad_()
    options = {"max_iter": 4, "line_search_fn": "strong_wolfe"}
    optimizer = optim.LBFGS([x], **options)
    run(cygnet, optimizer, [x], 2, [])
    y = as_tensor(x._array.copy()).requires_grad_()
    resumed = optim.LBFGS([y], **options)
    resumed.load_state_dict(optimizer.state_dict())
    run(cygnet, optimizer, [x], 2, [])
    run(cygnet, resumed, [y], 2, [])
    np.testing.assert_array_equal(x._array, y._array)


def test_a_parameter_without_gradient_stays() -> None:
    x, y = (as_tensor(np.ones(2, np.float32)).requires_grad_() for _ in range(2))
    optimizer = optim.LBFGS([x, y])

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = (x * x).sum()
        loss.backward()
        return loss

    assert optimizer.step(closure).item() == 2
    np.testing.assert_allclose(x._array, 0, atol=1e-6)
    np.testing.assert_array_equal(y._array, 1)


def test_bad_arguments() -> None:
    x, y = as_tensor(np.ones(2)).requires_grad_(), as_tensor(np.ones(2, np.float32))
    with pytest.raises(ValueError, match="LBFGS: lr is -1, expected at least 0"):
        optim.LBFGS([x], lr=-1)
    with pytest.raises(ValueError, match="LBFGS: line_search_fn is 'wolfe', expected"):
        optim.LBFGS([x], line_search_fn="wolfe")
    with pytest.raises(ValueError, match="LBFGS: expected one parameter group"):
        optim.LBFGS([{"params": [x]}, {"params": [y]}])
    with pytest.raises(ValueError, match="params have the types float32, float64, expected one"):
        optim.LBFGS([x, y])
    with pytest.raises(TypeError, match=r"LBFGS.step: closure expected a callable, got None"):
        optim.LBFGS([x]).step()
    with kernels.Recording(), pytest.raises(RuntimeError, match="cannot be read while"):
        optim.LBFGS([x]).step(lambda: (x * x).sum())
