"""What captured functions read beside their arguments, changed between calls: each call gives what
the function itself gives.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import cygnet as cn
from cygnet import keras, nn, optim


class Settings:
    """Its instances may get a value of their own."""

    beta = 1.0


def class_attribute() -> tuple[Any, Callable[[], None]]:
    settings = Settings()
    return lambda x: x + settings.beta, lambda: setattr(settings, "beta", 2.0)


def missing_attribute() -> tuple[Any, Callable[[], None]]:
    settings = Settings()
    function = lambda x: x * 3 if hasattr(settings, "factor") else x  # noqa: E731
    return function, lambda: setattr(settings, "factor", 3)


def missing_key() -> tuple[Any, Callable[[], None]]:
    options: dict[str, float] = {}
    return lambda x: x * options.get("scale", 1.0), lambda: options.update(scale=2.0)


def missing_key_beside_others() -> tuple[Any, Callable[[], None]]:
    options: dict[str, float] = {}

    def change() -> None:
        options["unread"] = 1.0
        options["scale"] = 2.0

    return lambda x: x * options.get("scale", 1.0), change


def appended() -> tuple[Any, Callable[[], None]]:
    terms = [1.0, 2.0]
    return lambda x: x + sum(terms), lambda: terms.append(3.0)


def popped() -> tuple[Any, Callable[[], None]]:
    terms = [1.0, 2.0]
    return lambda x: x + sum(terms), lambda: (terms.pop(), None)[1]


def names_in_a_tuple() -> tuple[Any, Callable[[], None]]:
    weights = {"a": 1.0, "b": 2.0}

    def function(x: Any) -> Any:
        for name in ("a", "b"):
            x = x * weights[name]
        return x

    return function, lambda: weights.update(b=5.0)


def whole_numbers_as_keys() -> tuple[Any, Callable[[], None]]:
    table = {0: 1.0, 1: 2.0}
    return lambda x: x * table[1], lambda: table.update({1: 3.0})


READS = [
    class_attribute,
    missing_attribute,
    missing_key,
    missing_key_beside_others,
    appended,
    popped,
    names_in_a_tuple,
    whole_numbers_as_keys,
]


@pytest.mark.parametrize("make", READS, ids=lambda make: make.__name__)
@pytest.mark.parametrize("capture", [cn.capture, cn.compile])
def test_values(make: Any, capture: Any) -> None:
    function, change = make()
    captured, x = capture(function), cn.ones(3)
    for _ in range(8):
        captured(x)
    before = function(x)
    change()
    assert (function(x) != before).any()
    for _ in range(3):
        np.testing.assert_array_equal(captured(x).numpy(), function(x).numpy())


def test_keys_that_nobody_reads_may_be_added() -> None:
    options: dict[Any, float] = {"scale": 2.0}
    function, x = cn.capture(lambda x: x * options["scale"]), cn.ones(3)
    for i in range(6):
        function(x)
        options[f"entry {i}"] = 0.0
    assert function.recordings == 1


def test_the_losses_of_a_fit_read_what_is_set_later() -> None:
    def trained(jit_compile: bool) -> Any:
        settings = Settings()
        cn.manual_seed(0)
        model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(2)])
        model.compile(
            optimizer="sgd",
            loss=lambda y, z: cn.mean((y - z) ** 2) * settings.beta,
            jit_compile=jit_compile,
        )
        x, y = np.ones((32, 4), np.float32), np.zeros((32, 2), np.float32)
        model.fit(x, y, batch_size=4, epochs=1, verbose=0)
        settings.beta = 3.0
        model.fit(x, y, batch_size=4, epochs=1, verbose=0)
        return model.get_weights()

    for captured, eager in zip(trained(True), trained(False), strict=True):
        np.testing.assert_array_equal(captured, eager)


def update(parameters: list[Any]) -> Any:
    def step() -> None:
        with cn.no_grad():
            for each in parameters:
                if each.grad is not None:
                    each.sub_(0.1 * each.grad)

    return step


def clip(parameters: list[Any]) -> Any:
    return lambda: nn.utils.clip_grad_norm_(parameters, 0.5)


@pytest.mark.parametrize("make", [update, clip], ids=lambda make: make.__name__)
def test_gradients_that_come_later(make: Any) -> None:
    def shown(capture: Any) -> list[Any]:
        parameters = [nn.Parameter(cn.ones(2)), nn.Parameter(cn.ones(2))]
        step, shown = capture(make(parameters)), []
        parameters[0].grad = cn.ones(2)
        for i in range(8):
            if i == 5:
                parameters[1].grad = cn.ones(2)
            step()
            shown += [(each.detach().numpy().copy(), each.grad) for each in parameters]
        return [(value.tolist(), None if g is None else g.tolist()) for value, g in shown]

    assert shown(cn.capture) == shown(lambda function: function)


def test_the_gradient_of_an_argument() -> None:
    def step(parameter: Any) -> None:
        with cn.no_grad():
            if parameter.grad is not None:
                parameter.sub_(0.1 * parameter.grad)

    parameter = nn.Parameter(cn.ones(3))
    parameter.grad = cn.ones(3)
    captured = cn.capture(step)
    captured(parameter)
    with pytest.raises(RuntimeError, match="may have read the gradient of an argument"):
        captured(parameter)
    np.testing.assert_allclose(parameter.detach().numpy(), 0.8, rtol=1e-6)


def test_an_argument_that_is_written_is_modified() -> None:
    def halve(tensor: Any) -> None:
        with cn.no_grad():
            tensor.mul_(0.5)

    captured, parameter, other = (
        cn.capture(halve),
        nn.Parameter(cn.ones(3)),
        nn.Parameter(cn.ones(3)),
    )
    for _ in range(4):
        loss = (parameter * other).sum()
        captured(parameter)
        with pytest.raises(RuntimeError, match="modified"):
            loss.backward()


CHANGES: dict[str, Callable[[Any, list[Any]], Any]] = {
    "parameter gone": lambda optimizer, _: optimizer.param_groups[0]["params"].pop(0),
    "last parameter gone": lambda optimizer, _: optimizer.param_groups[0]["params"].pop(),
    "state set": lambda optimizer, parameters: optimizer.state[parameters[0]].update(
        {
            name: cn.zeros_like(value)
            for name, value in optimizer.state[parameters[0]].items()
            if isinstance(value, cn.Tensor)
        }
    ),
    "state gone": lambda optimizer, parameters: optimizer.state.pop(parameters[1]),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize(
    "make",
    [
        lambda parameters: optim.SGD(parameters, lr=0.1, momentum=0.9),
        lambda parameters: optim.Adam(parameters, lr=0.1),
    ],
    ids=["sgd", "adam"],
)
def test_members_of_optimizers(make: Any, change: str) -> None:
    def trained(capture: Any) -> list[Any]:
        cn.manual_seed(1)
        parameters = [nn.Parameter(cn.randn(3)), nn.Parameter(cn.randn(3))]
        optimizer = make(parameters)

        def function() -> None:
            optimizer.zero_grad()
            sum((each**2).sum() for each in parameters).backward()
            optimizer.step()

        step = capture(function)
        for i in range(10):
            if i == 6:
                CHANGES[change](optimizer, parameters)
            step()
        return [each.tolist() for each in parameters]

    assert trained(cn.capture) == trained(lambda function: function)


def test_an_object_that_is_gone_is_not_none() -> None:
    captured = cn.capture(lambda x, g: x * 1 if g is None else g(x))
    double: Any = lambda v: v * 2  # noqa: E731
    for _ in range(4):
        captured(cn.ones(3), double)
    del double
    assert captured(cn.ones(3), None).tolist() == [1, 1, 1]
