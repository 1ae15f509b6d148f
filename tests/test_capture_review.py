"""What captures got wrong once: each case is a bug that was found by reading."""

from __future__ import annotations

import gc
import warnings
import weakref
from typing import Any

import numpy as np
import pytest

import cygnet as cn
from cygnet import keras, nn
from cygnet.nn import functional as F
from cygnet.replay.outside import Outside
from cygnet.replay.watch import Watch


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


def test_a_tensor_result_given_twice_is_one_tensor() -> None:
    def function(x: Any) -> Any:
        y = x * 2
        return y, [y, x]

    captured = cn.capture(function)
    for _ in range(5):
        x = cn.ones(3, requires_grad=True)
        first, (second, _) = captured(x)
        assert first is second
        (first.sum() * 2 + second.square().sum()).backward()
        assert x.grad.tolist() == [12, 12, 12]
    assert captured.recordings == 1


def test_the_same_argument_twice() -> None:
    w = cn.ones(3, requires_grad=True)
    function = cn.capture(lambda x, y: x * w + y.square())
    for i in range(4):
        x = cn.ones(3) * i
        assert function(x, x).tolist() == [i + i * i] * 3
    assert function.recordings == 1
    for i in range(4):
        x, y = cn.ones(3) * i, cn.ones(3) * 2
        assert function(x, y).tolist() == [i + 4] * 3
        assert function(x, x).tolist() == [i + i * i] * 3


def test_views_of_one_memory() -> None:
    function = cn.capture(lambda x, y: x - y)
    for i in range(9):
        t = cn.arange(8.0) * i
        x, y = [(t[1:], t[:-1]), (t[::2], t[1::2]), (t[:4], t[4:])][i % 3]
        assert function(x, y).tolist() == [
            a - b for a, b in zip(x.tolist(), y.tolist(), strict=True)
        ]
    assert function.recordings == 3


def test_writing_to_arguments_that_share_memory_tells_why_it_is_eager() -> None:
    def function(x: Any, y: Any) -> Any:
        x.mul_(2)
        return y + 1

    captured = cn.capture(function)
    for _ in range(4):
        x = cn.ones(3)
        assert captured(x, x).tolist() == [3, 3, 3]
    assert captured.recordings == 0
    with pytest.raises(RuntimeError, match="writes to arguments that share memory"):
        captured.describe()


def test_writing_to_an_argument_raises_the_version_of_the_one_given() -> None:
    write = cn.capture(lambda x: x.add_(1))
    for _ in range(4):
        x = cn.ones(3)
        w = cn.ones(3, requires_grad=True)
        product = (w * x).sum()
        write(x)
        with pytest.raises(RuntimeError, match="modified in place"):
            product.backward()
    assert write.recordings == 1


def test_a_learning_rate_that_is_written_before_the_step() -> None:
    rate, weight = cn.tensor(0.5), cn.ones(2, requires_grad=True)
    optimizer = cn.optim.SGD([weight], lr=rate)

    def step(before: bool) -> None:
        optimizer.zero_grad()
        weight.sum().backward()
        if before:
            rate.mul_(0.5)
        optimizer.step()
        if not before:
            rate.mul_(0.5)

    captured = cn.capture(step)
    expected = 1.0
    for i in range(5):
        captured(False)
        expected -= 0.5 ** (i + 1)
        assert weight.tolist() == [expected] * 2
    assert captured.recordings == 1
    captured(True)
    with pytest.raises(RuntimeError, match="SGD: lr is a tensor that the function writes before"):
        captured(True)


def test_old_gradients_go_after_the_first_call() -> None:
    weight = cn.ones(3, requires_grad=True)
    weight.grad = cn.ones(3)
    gone = weakref.ref(weight.grad._array)
    step = cn.capture(lambda: weight.sum().backward())
    step()
    weight.grad = None
    assert gone() is None


def test_arguments_go_after_the_recorded_call() -> None:
    model = cn.compile(nn.Linear(3, 2))
    gone = []
    for _ in range(4):
        x = cn.ones(5, 3, requires_grad=True)
        gone.append(weakref.ref(x._array))
        model(x).sum().backward()
        del x
    gc.collect()
    assert model._captured.recordings == 1
    assert [each() for each in gone] == [None] * 4


def test_recordings_that_fit_no_more_make_room() -> None:
    weight = cn.ones(3)
    function = cn.capture(lambda x: x * weight, limit=2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for i in range(8):
            weight.data = cn.ones(3) * i
            for _ in range(12):
                assert function(cn.ones(3)).tolist() == [i, i, i]
            uses = [replay.uses for replay in function._replays]
            assert function.recordings <= 2 and max(uses) >= 6


class Doubled:
    """A class whose methods, attributes and properties are read."""

    factor = 2.0

    @property
    def shift(self) -> float:
        return SHIFT

    def apply(self, x: Any) -> Any:
        return x * self.factor + self.shift


SHIFT = 1.0


def test_methods_properties_and_attributes_of_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    doubled = Doubled()
    function = cn.capture(lambda x: doubled.apply(x))
    for i in range(12):
        if i == 4:
            monkeypatch.setattr(Doubled, "factor", 3.0)
        if i == 8:
            monkeypatch.setitem(globals(), "SHIFT", 5.0)
        assert function(cn.ones(1)).item() == [3, 4, 8][i // 4]
    assert function.recordings == 3


def test_a_keras_loss_reads_a_variable_of_a_function_under_way() -> None:
    def losses(eagerly: bool) -> Any:
        factor = 1.0

        def loss(y_true: Any, y_pred: Any) -> Any:
            return keras.ops.mean(keras.ops.square(y_true - y_pred), axis=-1) * factor

        keras.utils.set_random_seed(3)
        model = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(2)])
        model.compile("sgd", loss, run_eagerly=eagerly)
        found = []
        for i in range(14):
            factor = 1.0 + i // 7
            found.append(model.train_on_batch(np.ones((4, 3)), np.ones((4, 2))))
        assert model._train_step.recordings == (0 if eagerly else 2)
        return found

    assert losses(True) == losses(False)


def numbered(change: str) -> tuple[Any, Any]:
    """A Keras model, and the object whose number is to be changed."""
    keras.utils.set_random_seed(3)
    regularizer = keras.regularizers.L2(0.1)
    constraint = keras.constraints.MaxNorm(0.7)
    loss = keras.losses.MeanSquaredError()
    model = keras.Sequential(
        [
            keras.layers.Input((4,)),
            keras.layers.Dense(
                3,
                kernel_regularizer=regularizer if change == "l2" else None,
                activity_regularizer=regularizer if change == "activity" else None,
                kernel_constraint=constraint if change == "max_value" else None,
            ),
        ]
    )
    model.compile(keras.optimizers.SGD(0.1), loss)
    things = {"max_value": constraint, "reduction": loss}
    return model, things.get(change, regularizer)


@pytest.mark.parametrize(
    ("change", "value"), [("l2", 0.4), ("activity", 0.4), ("max_value", 0.2), ("reduction", "sum")]
)
def test_numbers_of_keras_objects_may_change(change: str, value: Any) -> None:
    x = np.random.default_rng(0).normal(size=(8, 4)).astype(np.float32)
    found = []
    for eagerly in (False, True):
        model, thing = numbered(change)
        model.run_eagerly = eagerly
        losses = []
        for i in range(14):
            if i == 7:
                setattr(thing, "l2" if change == "activity" else change, value)
            losses.append(model.train_on_batch(x, x[:, :3]))
        found.append([losses, [weight.tobytes() for weight in model.get_weights()]])
        assert model._train_step.recordings == (0 if eagerly or change == "activity" else 2)
    assert found[0] == found[1]


def test_recordings_of_weighted_fits_serve_the_next_one() -> None:
    model, x, y = nn.Linear(4, 3), cn.randn(40, 4), cn.tensor([0, 1, 2, 1] * 10)
    optimizer = cn.optim.SGD(model.parameters(), lr=0.1)
    trainer = cn.Trainer(model, nn.CrossEntropyLoss(), optimizer)
    uses = []
    for weight in ({0: 2.0, 2: 1.0}, None, {0: 3.0, 2: 1.0}, None):
        trainer.fit(x, y, epochs=3, batch_size=10, class_weight=weight, verbose=0)
        uses.append([replay.uses for replay in reversed(trainer._train._replays)])
    assert uses == [[8], [8, 8], [20, 8], [20, 20]]


def test_library_variables_are_not_looked_at() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Dropout(0.1))
    outside = Outside()
    outside.add(lambda x: F.relu(model(x)))
    holders = [holder for holder, *_ in outside.places if isinstance(holder, dict)]
    assert not any(h.get("__name__", "").startswith("cygnet") for h in holders)


def test_what_is_looked_at_before_each_replay_is_there_once() -> None:
    factors = [1.0, 2.0]

    class Model(nn.Module):
        def forward(self, x: Any) -> Any:
            return self.times(self.times(x))

        def times(self, x: Any) -> Any:
            return x * factors[0] * factors[1]

    outside = Outside(whole=True)
    with Watch(outside) as watch:
        Model()(cn.ones(2))
    assert not watch.reason and len(outside.checks) == 1
    assert len({(id(holder), name) for holder, name, _ in outside.places}) == len(outside.places)
