"""What captures got wrong once: each case is a bug that was found by reading."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest

import cygnet as cn
from cygnet import keras, nn
from cygnet.nn import functional as F


class SavedProduct(cn.autograd.Function):
    """Its backward puts a ReLU behind a product that its forward made."""

    @staticmethod
    def forward(ctx: Any, x: Any, weight: Any) -> Any:
        ctx.saved = F.linear(x.detach(), weight)
        return x * 1.0

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return F.relu(ctx.saved) * 1.0, None


def test_nothing_joins_across_the_beginning_of_the_backward() -> None:
    weight = cn.randn(4, 4)
    function = cn.compile(lambda x: SavedProduct.apply(x, weight) * 2)
    for _ in range(5):
        x = cn.randn(3, 4).requires_grad_()
        function(x).sum().backward()
        expected = np.maximum(F.linear(x.detach(), weight).numpy(), 0)
        np.testing.assert_array_equal(x.grad.numpy(), expected)


def test_a_relu_of_an_expanded_view_does_not_join() -> None:
    weight = cn.randn(8, 4)
    function = cn.capture(lambda x: F.relu(F.linear(x, weight)[:1].expand(4, 8)))
    for _ in range(4):
        x = cn.randn(1, 4)
        expected = np.maximum(F.linear(x, weight).numpy(), 0).repeat(4, 0)
        np.testing.assert_array_equal(function(x).numpy(), expected)


def test_results_that_are_gone_before_the_next_call_are_results() -> None:
    weight = cn.randn(8, 4)

    def both(x: Any) -> Any:
        y = F.linear(x, weight)
        return y, F.relu(y)

    function = cn.compile(both)
    for _ in range(5):
        x = cn.randn(3, 4).requires_grad_()
        y, z = function(x)
        z.sum().backward()
        expected = F.linear(x.detach(), weight).numpy()
        np.testing.assert_array_equal(y.detach().numpy(), expected)
        np.testing.assert_array_equal(z.detach().numpy(), np.maximum(expected, 0))
        del y, z


def test_gradients_of_two_parameters_have_memory_of_their_own() -> None:
    p, q = cn.ones(3, requires_grad=True), cn.ones(3, requires_grad=True)
    function = cn.compile(lambda x: ((p + q) * x).sum())
    for _ in range(5):
        p.grad = q.grad = None
        function(cn.ones(3)).backward()
        function(cn.ones(3)).backward()
        assert p.grad.tolist() == q.grad.tolist() == [2, 2, 2]


def test_a_step_without_its_backward_takes_the_present_gradients() -> None:
    weight = cn.ones(3, requires_grad=True)
    optimizer = cn.optim.SGD([weight], lr=0.5)
    step = cn.capture(lambda: optimizer.step())
    expected = 1.0
    for i in range(8):
        optimizer.zero_grad()
        (weight * float(i)).sum().backward()
        step()
        expected -= 0.5 * i
        assert weight.tolist() == [expected] * 3


def test_gradients_that_the_function_drops_go_while_it_is_recorded() -> None:
    model, x = nn.Linear(4, 3), cn.randn(5, 4)
    found: list[bool] = []
    note = found.append
    gradients: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()

    def step() -> None:
        model.zero_grad()
        note(len(gradients) == 0)
        model(x).sum().backward()

    function = cn.capture(step)
    for i in range(4):
        function()
        gradients[i] = model.weight.grad._array
    assert found == [True, True]


@pytest.mark.parametrize("view", [False, True])
def test_gradients_that_the_function_reads_and_drops_are_read_by_each_replay(view: bool) -> None:
    model = nn.Linear(4, 3)

    def step(x: Any) -> Any:
        gradient = model.weight.grad[1:] if view else model.weight.grad
        norm = gradient.norm()
        del gradient
        model.zero_grad()
        model(x).sum().backward()
        return norm

    model(cn.ones(5, 4)).sum().backward()
    function = cn.capture(step)
    for i in range(6):
        expected = model.weight.grad[1:].norm() if view else model.weight.grad.norm()
        assert function(cn.full((5, 4), float(i))).item() == expected.item()


def test_a_gradient_that_is_set_before_each_call_is_added_to() -> None:
    model = nn.Linear(4, 3)

    def step(x: Any) -> Any:
        model(x).sum().backward()
        norm = model.weight.grad.norm()
        model.zero_grad()
        return norm

    function = cn.capture(step)
    for i in range(6):
        norms = []
        for each in (step, function):
            model.weight.grad = cn.full((3, 4), float(i))
            norms.append(each(cn.ones(5, 4)).item())
        assert norms[0] == norms[1]


def test_a_mask_keeps_its_place_beside_numbers_of_another_size() -> None:
    n = 64
    function = cn.capture(lambda x, a, b: cn.where((x > 0)[:n], a, b) * 1.0)
    for _ in range(4):
        x, a, b = cn.randn(4 * n), cn.randn(n), cn.randn(n)
        expected = np.where(x.numpy()[:n] > 0, a.numpy(), b.numpy())
        np.testing.assert_array_equal(function(x, a, b).numpy(), expected)


def test_an_argument_changed_before_the_backward_is_an_error() -> None:
    model = cn.compile(nn.Linear(3, 2))
    for _ in range(4):
        x = cn.ones(2, 3)
        y = model(x)
        x.zero_()
        with pytest.raises(RuntimeError, match="modified in place"):
            y.sum().backward()


def test_an_argument_gets_its_gradient_in_the_recorded_call_too() -> None:
    function = cn.compile(lambda x: (x * x).sum().backward())
    for _ in range(4):
        x = cn.ones(3, requires_grad=True)
        function(x)
        assert x.grad.tolist() == [2, 2, 2]


def captured_method() -> Any:
    class Training:
        def __init__(self) -> None:
            self.model = nn.Linear(3, 2)
            self.optimizer = cn.optim.SGD(self.model.parameters(), lr=0.1)
            self.step = cn.capture(self.train)

        def train(self, x: Any) -> Any:
            self.optimizer.zero_grad()
            loss = self.model(x).sum()
            loss.backward()
            self.optimizer.step()
            return loss

    training = Training()
    for _ in range(5):
        training.step(cn.ones(2, 3))
    assert training.step.recordings == 1
    return training


def compiled_model() -> Any:
    model = nn.Linear(3, 2)
    compiled = cn.compile(model)
    for _ in range(5):
        compiled(cn.ones(2, 3)).sum().backward()
    return model


def fitted_keras_model() -> Any:
    model = keras.Sequential([keras.layers.Dense(8, activation="relu"), keras.layers.Dense(2)])
    model.compile("adam", "mse")
    x, y = np.ones((64, 4), np.float32), np.ones((64, 2), np.float32)
    model.fit(x, y, epochs=2, batch_size=8, verbose=0)
    model.predict(x, verbose=0)
    return model


@pytest.mark.parametrize("make", [captured_method, compiled_model, fitted_keras_model])
def test_a_model_goes_with_its_recordings(make: Any) -> None:
    gone = weakref.ref(make())
    gc.collect()
    assert gone() is None
