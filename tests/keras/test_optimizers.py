"""Optimizers and schedules by Keras's names against NumPy; beside Keras itself in
test_optimizers_against_keras.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cygnet as cn
from cygnet import kernels
from cygnet.keras import optimizers
from cygnet.keras.optimizers import schedules
from cygnet.keras.variable import Variable

Reference = Callable[..., np.ndarray]
STEPS = 6
rng = np.random.default_rng(6)
START = [rng.standard_normal((3, 4)), rng.standard_normal(4)]
GRADS = [[rng.standard_normal((3, 4)), rng.standard_normal(4)] for _ in range(STEPS)]
AXES = ((1, 0), (0,))


def variables(start: list[np.ndarray] = START, dtype: str = "float64") -> list[Variable]:
    return [Variable(w.astype(dtype), axes=axes) for w, axes in zip(start, AXES, strict=True)]


def tensors(grads: list[Any]) -> list[Any]:
    return [g if g is None else cn.tensor(g) for g in grads]


def run(optimizer: Any, params: list[Variable], grads: list[list[Any]]) -> None:
    for step in grads:
        optimizer.apply_gradients(zip(tensors(step), params, strict=True))


def sgd(w, grads, rates, momentum=0.0, nesterov=False):
    v = 0
    for lr, g in zip(rates, grads, strict=True):
        v = momentum * v - lr * g
        w = w + (momentum * v - lr * g if nesterov else v)
    return w


def rmsprop(w, grads, rates, rho=0.9, momentum=0.0, epsilon=1e-7, centered=False):
    s, m, v = 0, 0, 0
    for lr, g in zip(rates, grads, strict=True):
        s = rho * s + (1 - rho) * g * g
        m = rho * m + (1 - rho) * g
        v = momentum * v + lr * g / np.sqrt((s - m * m if centered else s) + epsilon)
        w = w - v
    return w


def adam(w, grads, rates, beta_1=0.9, beta_2=0.999, epsilon=1e-7, amsgrad=False):
    m, v, largest = 0, 0, 0
    for t, (lr, g) in enumerate(zip(rates, grads, strict=True), 1):
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g * g
        largest = np.maximum(largest, v)
        rate = lr * np.sqrt(1 - beta_2**t) / (1 - beta_1**t)
        w = w - rate * m / (np.sqrt(largest if amsgrad else v) + epsilon)
    return w


def adamax(w, grads, rates, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
    m, u = 0, 0
    for t, (lr, g) in enumerate(zip(rates, grads, strict=True), 1):
        m = beta_1 * m + (1 - beta_1) * g
        u = np.maximum(beta_2 * u, abs(g))
        w = w - lr * m / ((1 - beta_1**t) * (u + epsilon))
    return w


def nadam(w, grads, rates, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
    m, v, product = 0, 0, 1.0
    for t, (lr, g) in enumerate(zip(rates, grads, strict=True), 1):
        now, after = (beta_1 * (1 - 0.5 * 0.96**step) for step in (t, t + 1))
        product *= now
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g * g
        ahead = after * m / (1 - product * after) + (1 - now) * g / (1 - product)
        w = w - lr * ahead / (np.sqrt(v / (1 - beta_2**t)) + epsilon)
    return w


def adagrad(w, grads, rates, initial_accumulator_value=0.1, epsilon=1e-7):
    s = initial_accumulator_value
    for lr, g in zip(rates, grads, strict=True):
        s = s + g * g
        w = w - lr * g / np.sqrt(s + epsilon)
    return w


def adadelta(w, grads, rates, rho=0.95, epsilon=1e-7):
    s, d = 0, 0
    for lr, g in zip(rates, grads, strict=True):
        s = rho * s + (1 - rho) * g * g
        step = np.sqrt(d + epsilon) / np.sqrt(s + epsilon) * g
        d = rho * d + (1 - rho) * step * step
        w = w - lr * step
    return w


def lion(w, grads, rates, beta_1=0.9, beta_2=0.99):
    m = 0
    for lr, g in zip(rates, grads, strict=True):
        w = w - lr * np.sign(beta_1 * m + (1 - beta_1) * g)
        m = beta_2 * m + (1 - beta_2) * g
    return w


CASES: list[tuple[str, Reference, dict[str, Any]]] = [
    ("SGD", sgd, {}),
    ("SGD", sgd, {"momentum": 0.9}),
    ("SGD", sgd, {"momentum": 0.9, "nesterov": True}),
    ("SGD", sgd, {"nesterov": True}),
    ("RMSprop", rmsprop, {}),
    ("RMSprop", rmsprop, {"rho": 0.7, "momentum": 0.8, "epsilon": 1e-2}),
    ("RMSprop", rmsprop, {"centered": True, "epsilon": 1e-3}),
    ("Adam", adam, {}),
    ("Adam", adam, {"beta_1": 0.7, "beta_2": 0.9, "epsilon": 1e-2}),
    ("Adam", adam, {"amsgrad": True}),
    ("AdamW", adam, {"weight_decay": None}),
    ("Adamax", adamax, {"beta_1": 0.7, "beta_2": 0.9}),
    ("Nadam", nadam, {"beta_1": 0.8, "epsilon": 1e-2}),
    ("Adagrad", adagrad, {}),
    ("Adagrad", adagrad, {"initial_accumulator_value": 0.0, "epsilon": 1e-2}),
    ("Adadelta", adadelta, {"rho": 0.8, "epsilon": 1e-3}),
    ("Lion", lion, {"beta_1": 0.5, "beta_2": 0.7}),
]
NAMES = list(dict.fromkeys(name for name, _, _ in CASES))


def decay() -> schedules.ExponentialDecay:
    return schedules.ExponentialDecay(0.125, 2, 0.5)


@pytest.mark.parametrize(("name", "reference", "options"), CASES)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_rule(name: str, reference: Reference, options: dict[str, Any], dtype: str) -> None:
    params = variables(dtype=dtype)
    optimizer = getattr(optimizers, name)(decay(), **options)
    run(optimizer, params, [[g.astype(dtype) for g in step] for step in GRADS])
    rates = [0.125 * 0.5 ** (t / 2) for t in range(STEPS)]
    options = {key: value for key, value in options.items() if key != "weight_decay"}
    tolerance = 1e-5 if dtype == "float32" else 1e-6 if name in ("Adamax", "Nadam") else 1e-10
    for i, param in enumerate(params):
        expected = reference(START[i], [step[i] for step in GRADS], rates, **options)
        np.testing.assert_allclose(param.numpy(), expected, rtol=tolerance, atol=tolerance)
        assert param.dtype == dtype
    assert not params[0]._array.flags.c_contiguous


@pytest.mark.parametrize("name", NAMES)
def test_weight_decay_comes_first(name: str) -> None:
    decayed, plain = variables(), variables([w * (1 - 0.25 * 0.5) for w in START])
    first = getattr(optimizers, name)(0.25, weight_decay=0.5)
    first.exclude_from_weight_decay(var_list=decayed[1:])
    run(first, decayed, GRADS[:1])
    run(getattr(optimizers, name)(0.25, weight_decay=None), plain, GRADS[:1])
    np.testing.assert_allclose(decayed[0].numpy(), plain[0].numpy(), rtol=1e-12)
    alone = variables()
    run(getattr(optimizers, name)(0.25, weight_decay=None), alone, GRADS[:1])
    np.testing.assert_allclose(decayed[1].numpy(), alone[1].numpy(), rtol=1e-12)


def norm(arrays: list[np.ndarray]) -> float:
    return float(np.sqrt(sum((g * g).sum() for g in arrays)))


@pytest.mark.parametrize(
    ("options", "clipped"),
    [
        ({"clipvalue": 0.5}, lambda g: [each.clip(-0.5, 0.5) for each in g]),
        ({"clipnorm": 1.0}, lambda g: [each / max(1, norm([each])) for each in g]),
        ({"global_clipnorm": 1.0}, lambda g: [each / norm(g) for each in g]),
        ({"global_clipnorm": 100.0}, lambda g: g),
        ({"loss_scale_factor": 4.0}, lambda g: [each / 4 for each in g]),
    ],
)
def test_gradients_before_the_step(options: dict[str, Any], clipped: Any) -> None:
    params = variables()
    optimizer = optimizers.SGD(0.5, **options)
    given = tensors(GRADS[0])
    optimizer.apply(given, params)
    for param, w, g in zip(params, START, clipped(GRADS[0]), strict=True):
        np.testing.assert_allclose(param.numpy(), w - 0.5 * g, rtol=1e-12)
    for mine, g in zip(given, GRADS[0], strict=True):
        np.testing.assert_array_equal(mine.numpy(), g)
    assert optimizer.scale_loss(2.0) == 2.0 * options.get("loss_scale_factor", 1.0)


def test_accumulated_gradients() -> None:
    params, plain = variables(), variables()
    optimizer = optimizers.Adam(0.1, gradient_accumulation_steps=2)
    run(optimizer, params, GRADS[:5])
    means = [[(a + b) / 2 for a, b in zip(*GRADS[i : i + 2], strict=True)] for i in (0, 2)]
    run(optimizers.Adam(0.1), plain, means)
    for mine, other in zip(params, plain, strict=True):
        np.testing.assert_allclose(mine.numpy(), other.numpy(), rtol=1e-9)
    assert int(optimizer.iterations) == 2


def test_average_of_the_variables() -> None:
    params, plain = variables(), variables()
    optimizer = optimizers.SGD(0.5, use_ema=True, ema_momentum=0.75)
    average = None
    other = optimizers.SGD(0.5)
    for step in GRADS:
        run(optimizer, params, [step])
        run(other, plain, [step])
        now = plain[0].numpy().copy()
        average = now if average is None else 0.75 * average + 0.25 * now
    np.testing.assert_array_equal(params[0].numpy(), plain[0].numpy())
    optimizer.finalize_variable_values(params)
    np.testing.assert_allclose(params[0].numpy(), average, rtol=1e-12)
    often = variables()
    run(optimizers.SGD(0.5, use_ema=True, ema_overwrite_frequency=1), often, GRADS[:1])
    np.testing.assert_allclose(often[0].numpy(), START[0] - 0.5 * GRADS[0][0])


def test_step_uses_the_gradients_of_backward() -> None:
    params, other = variables(), variables()
    optimizer = optimizers.Adam(0.1, clipnorm=0.5)
    optimizer.build(params)
    for step in GRADS:
        for param, g in zip(params, tensors(step), strict=True):
            (param * g).sum().backward()
        optimizer.step()
        optimizer.zero_grad()
    assert params[0].grad is None
    run(optimizers.Adam(0.1, clipnorm=0.5), other, GRADS)
    for mine, its in zip(params, other, strict=True):
        np.testing.assert_allclose(mine.numpy(), its.numpy(), rtol=1e-12)


def test_apply_leaves_the_variables_own_gradients() -> None:
    params = variables()
    params[0].grad = kept = cn.tensor(GRADS[1][0])
    run(optimizers.SGD(1.0), params, GRADS[:1])
    assert params[0].grad is kept
    np.testing.assert_allclose(params[0].numpy(), START[0] - GRADS[0][0])


@pytest.mark.parametrize("name", NAMES)
def test_missing_gradients(name: str) -> None:
    # Time goes on for a variable without gradient: its next step is the third one's.
    params = variables()
    optimizer = getattr(optimizers, name)(0.1)
    run(optimizer, params, GRADS[:1])
    before = params[0].numpy().copy()
    with pytest.warns(UserWarning, match="no gradient for the variables variable"):
        run(optimizer, params, [[None, GRADS[1][1]]])
    np.testing.assert_array_equal(params[0].numpy(), before)
    run(optimizer, params, GRADS[2:3])
    steps = {
        float(state["step"].numpy()) for state in optimizer._core.state.values() if "step" in state
    }
    assert steps <= {3.0}
    assert int(optimizer.iterations) == 3
    with pytest.raises(ValueError, match=f"{name}: there is no gradient for any variable"):
        optimizer.apply([None, None])


@pytest.mark.parametrize(("name", "reference", "options"), CASES)
@pytest.mark.parametrize("common", [{}, {"use_ema": True, "gradient_accumulation_steps": 2}])
def test_resumed_run_gives_the_same_bits(
    name: str, reference: Reference, options: dict[str, Any], common: Any, tmp_path: Path
) -> None:
    params = variables(dtype="float32")
    optimizer = getattr(optimizers, name)(0.1, **options, **common)
    grads = [[g.astype("float32") for g in step] for step in GRADS]
    run(optimizer, params, grads[:3])
    cn.save(optimizer.state_dict(), tmp_path / "state")
    others = variables([param.numpy() for param in params], "float32")
    resumed = getattr(optimizers, name)(0.7, **options, **common)
    resumed.build(others)
    resumed.load_state_dict(cn.load(tmp_path / "state"))
    assert float(resumed.learning_rate) == float(optimizer.learning_rate)
    run(optimizer, params, grads[3:])
    run(resumed, others, grads[3:])
    optimizer.finalize_variable_values(params)
    resumed.finalize_variable_values(others)
    for mine, other in zip(params, others, strict=True):
        np.testing.assert_array_equal(mine.numpy(), other.numpy())


@pytest.mark.parametrize("name", NAMES)
def test_recorded_step_follows_rate_and_count(name: str) -> None:
    params, others = variables(), variables()
    optimizer, eager = getattr(optimizers, name)(decay()), getattr(optimizers, name)(decay())
    for each, its in ((optimizer, params), (eager, others)):
        each.build(its)
        for param, g in zip(its, tensors(GRADS[0]), strict=True):
            param.grad = g
        each.step()
    with kernels.Recording() as recording:
        optimizer.step()
    eager.step()
    for _ in range(3):
        optimizer.update_cells()
        recording.replay()
        eager.step()
    for mine, other in zip(params, others, strict=True):
        np.testing.assert_array_equal(mine.numpy(), other.numpy())
    assert int(optimizer.iterations) == 5


def test_learning_rate() -> None:
    optimizer = optimizers.Adam(learning_rate=0.25)
    assert float(optimizer.learning_rate) == optimizer.lr.numpy() == 0.25
    optimizer.learning_rate = 0.5
    assert float(optimizer.lr) == 0.5
    optimizer.lr = cn.tensor(0.125)
    optimizer.learning_rate.assign(2 * optimizer.lr)
    assert f"{optimizer.learning_rate:.2f}" == "0.25"
    optimizer.learning_rate = decay()
    assert float(optimizer.learning_rate) == 0.125
    optimizer.iterations = 2
    assert float(optimizer.learning_rate) == 0.0625
    with pytest.raises(TypeError, match="learning_rate is a schedule"):
        optimizer.learning_rate = 0.1
    assert float(optimizers.SGD(lambda: 0.5).learning_rate) == 0.5
    old = optimizers.SGD(lr=0.5, decay=0.25, momentum=0.9)
    old.iterations = 4
    assert float(old.learning_rate) == 0.25

    class Halved(schedules.LearningRateSchedule):
        def __call__(self, step: Any) -> Any:
            return 1.0 / (step + 1)

    params = variables()
    run(optimizers.SGD(Halved()), params, GRADS[:2])
    np.testing.assert_allclose(params[0].numpy(), START[0] - GRADS[0][0] - 0.5 * GRADS[1][0])


class Mine(optimizers.Optimizer):
    """As Keras tells users to write one."""

    def __init__(self, momentum: float = 0.9, **options: Any) -> None:
        super().__init__(**options)
        self.momentum = momentum

    def build(self, variables: Any) -> None:
        if self.built:
            return
        super().build(variables)
        self.momentums = [
            self.add_variable_from_reference(reference_variable=v, name="momentum")
            for v in variables
        ]

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        m = self.momentums[self._get_variable_index(variable)]
        self.assign(m, m * self.momentum - gradient * learning_rate)
        self.assign_add(variable, m)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "momentum": self.momentum}


@pytest.mark.parametrize("options", [{}, {"weight_decay": 0.5}, {"clipnorm": 0.5, "use_ema": True}])
def test_optimizers_of_users(options: dict[str, Any]) -> None:
    params, others = variables(), variables()
    mine = Mine(learning_rate=0.25, **options)
    run(mine, params, GRADS[:3])
    run(optimizers.SGD(0.25, 0.9, **options), others, GRADS[:3])
    for a, b in zip(params, others, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-6)
    resumed_params = variables([v.numpy() for v in params])
    resumed = Mine.from_config(mine.get_config())
    resumed.build(resumed_params)
    resumed.load_state_dict(mine.state_dict())
    run(mine, params, GRADS[3:])
    run(resumed, resumed_params, GRADS[3:])
    np.testing.assert_array_equal(params[0].numpy(), resumed_params[0].numpy())
    plain = optimizers.Optimizer(0.1)
    with pytest.raises(NotImplementedError, match="must define update_step"):
        run(plain, variables(), GRADS[:1])


def test_minimize_and_legacy() -> None:
    w = Variable([3.0, -1.0])
    optimizer = optimizers.legacy.SGD(0.25)
    for _ in range(3):
        optimizer.minimize(lambda: w * w, [w])
    np.testing.assert_allclose(w.numpy(), [3 / 8, -1 / 8])
    assert int(optimizer.iterations) == 3


def test_constraints() -> None:
    params = variables()
    params[0].constraint = lambda w: w.clamp(min=0)
    run(optimizers.SGD(0.5), params, GRADS[:1])
    np.testing.assert_allclose(params[0].numpy(), np.maximum(START[0] - 0.5 * GRADS[0][0], 0))
    np.testing.assert_allclose(params[1].numpy(), START[1] - 0.5 * GRADS[0][1])


def test_names_and_configurations() -> None:
    for name in NAMES:
        kind = getattr(optimizers, name)
        assert type(optimizers.get(name)) is type(optimizers.get(name.lower())) is kind
        for rate in (0.5, decay()):
            made = kind(rate, clipnorm=2.0, name="mine")
            config = made.get_config()
            again = optimizers.deserialize(optimizers.serialize(made))
            assert again.get_config() == config
            assert again.clipnorm == 2.0
            assert again.name == "mine"
    assert optimizers.get(made) is made
    assert optimizers.Adam(0.1, 0.8, 0.9, 1e-3, True, 0.25, 3.0).clipnorm == 3.0
    assert optimizers.AdamW(0.1, 0.5).weight_decay == 0.5
    assert optimizers.AdamW().weight_decay == 0.004
    assert "momentum=0.9" in repr(optimizers.SGD(0.1, 0.9))
    with pytest.raises(ValueError, match="'adam'"):
        optimizers.get("adan")


def test_variables() -> None:
    params = variables()
    optimizer = optimizers.Adam(use_ema=True)
    assert len(optimizer.variables) == 2
    optimizer.build(params)
    assert optimizer.built
    shapes = [(), (), (3, 4), (4,), (3, 4), (3, 4), (4,), (4,)]
    assert [v.shape for v in optimizer.variables] == shapes
    parameters = [cn.nn.Parameter(cn.tensor(w)) for w in START]
    run(optimizers.SGD(1.0), parameters, GRADS[:1])  # type: ignore[arg-type]
    np.testing.assert_allclose(parameters[0].numpy(), START[0] - GRADS[0][0])


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: optimizers.SGD(0.1, clipnorm=1.0, clipvalue=1.0), ValueError, "only one of"),
        (lambda: optimizers.SGD(0.1, momentum=2.0), ValueError, "momentum is 2.0, expected 0 to 1"),
        (lambda: optimizers.SGD("0.1"), ValueError, "learning_rate expected a number"),
        (lambda: optimizers.SGD(0.1, ema_momentum=3), ValueError, "ema_momentum is 3"),
        (lambda: optimizers.SGD(ema_overwrite_frequency=0), ValueError, "frequency is 0"),
        (lambda: optimizers.SGD(gradient_accumulation_steps=1), ValueError, "steps is 1"),
        (lambda: optimizers.Lion(beta_1=0.0), ValueError, "beta_1 is 0.0"),
        (lambda: optimizers.Adam(0.1, beta=0.3), TypeError, "beta"),
        (lambda: optimizers.Adam().step(), ValueError, "call build"),
        (lambda: optimizers.Adam().apply([1.0]), ValueError, "call build"),
        (lambda: optimizers.Adam().apply([1.0], variables()), ValueError, "grads has 1 entries"),
        (
            lambda: (
                (optimizer := optimizers.Adam(), optimizer.build(variables()))
                and optimizer.apply(tensors(GRADS[0]), variables())
            ),
            ValueError,
            "is not one that the optimizer was built with",
        ),
        (lambda: schedules.ExponentialDecay(0.1, 0, 0.5), ValueError, "decay_steps is 0"),
        (lambda: schedules.PiecewiseConstantDecay([1], [0.1]), ValueError, "one more than"),
        (lambda: schedules.LearningRateSchedule()(3), NotImplementedError, "must define"),
    ],
)
def test_bad_arguments(call: Any, error: Any, text: str) -> None:
    with pytest.raises(error) as caught:
        call()
    assert text in str(caught.value)


def test_other_state() -> None:
    optimizer = optimizers.Adam(use_ema=True)
    optimizer.build(variables())
    state = optimizer.state_dict()
    with pytest.raises(ValueError, match="averages has 1 entries, expected 2"):
        optimizer.load_state_dict({**state, "averages": state["averages"][:1]})
    with pytest.raises(ValueError, match="call build"):
        optimizers.Adam().load_state_dict(state)
    with pytest.raises(ValueError, match="is built already"):
        optimizer.exclude_from_weight_decay(var_names=["bias"])


@pytest.mark.parametrize(
    ("schedule", "values"),
    [
        (decay(), [0.125, 0.125 * 0.5**0.5, 0.0625, 0.0625 * 0.5**0.5]),
        (schedules.ExponentialDecay(0.125, 2, 0.5, True), [0.125, 0.125, 0.0625, 0.0625]),
        (schedules.InverseTimeDecay(1.0, 2, 1.0), [1, 2 / 3, 1 / 2, 2 / 5]),
        (schedules.InverseTimeDecay(1.0, 2, 1.0, True), [1, 1, 1 / 2, 1 / 2]),
        (schedules.PiecewiseConstantDecay([1, 2], [3.0, 2.0, 1.0]), [3, 3, 2, 1]),
        (schedules.PolynomialDecay(1.0, 2, 0.5), [1, 0.75, 0.5, 0.5]),
        (schedules.PolynomialDecay(1.0, 2, 0.0, 2.0), [1, 0.25, 0, 0]),
        (schedules.PolynomialDecay(1.0, 2, 0.0, cycle=True), [1, 0.5, 0, 0.25]),
        (schedules.CosineDecay(1.0, 2), [1, 0.5, 0, 0]),
        (schedules.CosineDecay(1.0, 2, 0.5), [1, 0.75, 0.5, 0.5]),
        (schedules.CosineDecay(0.0, 2, 0.0, "warm", 1.0, 2), [0, 0.5, 1, 0.5]),
        (schedules.CosineDecayRestarts(1.0, 1), [1, 1, 0.5, 1]),
        (schedules.CosineDecayRestarts(1.0, 2, 1.0, 0.5), [1, 0.5, 0.5, 0.25]),
    ],
)
def test_schedules(schedule: Any, values: list[float]) -> None:
    np.testing.assert_allclose([schedule(t).numpy() for t in range(4)], values, atol=1e-7)
    again = schedules.deserialize(schedules.serialize(schedule))
    assert again.get_config() == schedule.get_config()
    assert again.at(3) == schedule.at(3)


def test_nothing_warns() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run(optimizers.Adam(0.1), variables(), GRADS)
