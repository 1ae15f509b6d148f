"""Optimizers and schedules beside those of Keras 3 on TensorFlow, where it is installed."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import cygnet as cn
from cygnet.keras import optimizers
from cygnet.keras.optimizers import schedules
from cygnet.keras.variable import Variable

keras = pytest.importorskip("keras", reason="Keras, the reference, is not installed")
tf = pytest.importorskip("tensorflow", reason="Keras runs on TensorFlow, which is not installed")

STEPS = 5
SHAPES = {"kernel": (3, 4), "bias": (4,), "filters": (2, 3, 2, 5)}
EXPONENTIAL = {"initial_learning_rate": 0.05, "decay_steps": 2, "decay_rate": 0.5}
COMMON: list[dict[str, Any]] = [
    {},
    {"learning_rate": 0.03},
    {"learning_rate": ("ExponentialDecay", EXPONENTIAL)},
    {"learning_rate": 0.03, "weight_decay": 0.1},
    {"learning_rate": 0.03, "clipnorm": 0.5},
    {"learning_rate": 0.03, "clipvalue": 0.3},
    {"learning_rate": 0.03, "global_clipnorm": 0.7},
    {"learning_rate": 0.03, "use_ema": True, "ema_momentum": 0.6},
    {"learning_rate": 0.03, "use_ema": True, "ema_overwrite_frequency": 2},
    {"learning_rate": 0.03, "loss_scale_factor": 8.0},
    {"learning_rate": 0.03, "gradient_accumulation_steps": 2, "weight_decay": 0.1},
]
OWN: dict[str, list[dict[str, Any]]] = {
    "SGD": [{"momentum": 0.9}, {"momentum": 0.9, "nesterov": True}, {"nesterov": True}],
    "RMSprop": [
        {"rho": 0.8},
        {"momentum": 0.9},
        {"centered": True},
        {"momentum": 0.5, "centered": True, "epsilon": 1e-3},
    ],
    "Adam": [{"beta_1": 0.8, "beta_2": 0.95}, {"epsilon": 1e-2}, {"amsgrad": True}],
    "AdamW": [{"amsgrad": True}],
    "Adamax": [{"beta_1": 0.8, "beta_2": 0.9}],
    "Nadam": [{"beta_1": 0.8, "beta_2": 0.9, "epsilon": 1e-2}],
    "Adagrad": [{"initial_accumulator_value": 0.0}, {"epsilon": 1e-2}],
    "Adadelta": [{"rho": 0.8, "epsilon": 1e-3}],
    "Lion": [{"beta_1": 0.5, "beta_2": 0.8}],
}
CASES = [(name, options) for name in OWN for options in COMMON] + [
    (name, {**options, "learning_rate": rate})
    for name, several in OWN.items()
    for options in several
    for rate in (0.03, ("ExponentialDecay", EXPONENTIAL))
]


def made(module: Any, name: str, options: dict[str, Any]) -> Any:
    options = dict(options)
    if isinstance(options.get("learning_rate"), tuple):
        kind, arguments = options["learning_rate"]
        options["learning_rate"] = getattr(module.schedules, kind)(**arguments)
    return getattr(module, name)(**options)


def drawn() -> tuple[dict[str, np.ndarray], list[dict[str, np.ndarray]]]:
    rng = np.random.default_rng(4)
    values = [
        {name: rng.standard_normal(shape).astype("float32") for name, shape in SHAPES.items()}
        for _ in range(STEPS + 1)
    ]
    return values[0], values[1:]


def ours_of(start: dict[str, np.ndarray]) -> list[Variable]:
    axes = {"kernel": (1, 0), "bias": (0,), "filters": (3, 0, 1, 2)}
    return [Variable(value, name=name, axes=axes[name]) for name, value in start.items()]


@pytest.mark.parametrize(("name", "options"), CASES, ids=str)
@pytest.mark.parametrize("missing", [False, True], ids=["", "a gradient is missing"])
def test_steps(name: str, options: dict[str, Any], missing: bool) -> None:
    start, gradients = drawn()
    theirs = made(keras.optimizers, name, options)
    ours = made(optimizers, name, options)
    their_variables = [keras.Variable(value, name=key) for key, value in start.items()]
    our_variables = ours_of(start)
    theirs.build(their_variables)
    for i, step in enumerate(gradients):
        grads: list[Any] = list(step.values())
        if missing and i in (1, 3):
            grads[0] = None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs.apply_gradients(
                [
                    (g if g is None else tf.constant(g), v)
                    for g, v in zip(grads, their_variables, strict=True)
                ]
            )
            ours.apply_gradients(
                [
                    (g if g is None else cn.tensor(g), v)
                    for g, v in zip(grads, our_variables, strict=True)
                ]
            )
        for a, b in zip(our_variables, their_variables, strict=True):
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=2e-6, atol=2e-6)
    np.testing.assert_allclose(float(ours.learning_rate), float(theirs.learning_rate), rtol=1e-6)
    assert int(ours.iterations) == int(theirs.iterations)
    theirs.finalize_variable_values(their_variables)
    ours.finalize_variable_values(our_variables)
    for a, b in zip(our_variables, their_variables, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=2e-6, atol=2e-6)
    expected = {**theirs.get_config(), "name": ours.name}  # they number theirs
    config = ours.get_config()
    if not isinstance(config["learning_rate"], dict):
        assert {key: config[key] for key in expected} == expected


def test_many_steps_of_adam() -> None:
    start, gradients = drawn()
    theirs, ours = keras.optimizers.Adam(0.01), optimizers.Adam(0.01)
    their_variables = [keras.Variable(value) for value in start.values()]
    our_variables = ours_of(start)
    for i in range(200):
        grads = list(gradients[i % STEPS].values())
        theirs.apply_gradients([(tf.constant(g), v) for g, v in zip(grads, their_variables)])  # noqa: B905
        ours.apply_gradients([(cn.tensor(g), v) for g, v in zip(grads, our_variables)])  # noqa: B905
    for a, b in zip(our_variables, their_variables, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-4, atol=1e-5)


def test_constraints_and_exclusions() -> None:
    start, gradients = drawn()
    grads = list(gradients[0].values())
    found = []
    for module, variables, tensor in (
        (keras.optimizers, [keras.Variable(v, name=n) for n, v in start.items()], tf.constant),
        (optimizers, ours_of(start), cn.tensor),
    ):
        variables[0].constraint = lambda v: v * 0.5
        optimizer = module.SGD(0.1, weight_decay=0.2)
        optimizer.exclude_from_weight_decay(var_list=variables[2:], var_names=["bias"])
        optimizer.apply_gradients([(tensor(g), v) for g, v in zip(grads, variables, strict=True)])
        found.append([np.asarray(v.numpy()) for v in variables])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-6, atol=2e-6)


SCHEDULES: list[tuple[str, dict[str, Any]]] = [
    ("ExponentialDecay", EXPONENTIAL),
    ("ExponentialDecay", {**EXPONENTIAL, "staircase": True}),
    ("InverseTimeDecay", {**EXPONENTIAL, "decay_steps": 3}),
    ("InverseTimeDecay", {**EXPONENTIAL, "decay_steps": 3, "staircase": True}),
    ("PiecewiseConstantDecay", {"boundaries": [2, 5], "values": [1.0, 0.5, 0.1]}),
    ("PolynomialDecay", {"initial_learning_rate": 0.1, "decay_steps": 7}),
    ("PolynomialDecay", {"initial_learning_rate": 0.1, "decay_steps": 4, "power": 2.0}),
    ("PolynomialDecay", {"initial_learning_rate": 0.1, "decay_steps": 4, "cycle": True}),
    ("CosineDecay", {"initial_learning_rate": 0.1, "decay_steps": 8}),
    ("CosineDecay", {"initial_learning_rate": 0.1, "decay_steps": 8, "alpha": 0.2}),
    (
        "CosineDecay",
        {"initial_learning_rate": 0.0, "decay_steps": 8, "warmup_target": 0.3, "warmup_steps": 4},
    ),
    ("CosineDecayRestarts", {"initial_learning_rate": 0.1, "first_decay_steps": 3}),
    ("CosineDecayRestarts", {"initial_learning_rate": 0.1, "first_decay_steps": 4, "t_mul": 1.0}),
    (
        "CosineDecayRestarts",
        {
            "initial_learning_rate": 0.1,
            "first_decay_steps": 2,
            "t_mul": 1.5,
            "m_mul": 0.7,
            "alpha": 0.1,
        },
    ),
]


@pytest.mark.parametrize(("name", "options"), SCHEDULES, ids=str)
def test_schedules(name: str, options: dict[str, Any]) -> None:
    theirs = getattr(keras.optimizers.schedules, name)(**options)
    ours = getattr(schedules, name)(**options)
    for step in range(20):
        np.testing.assert_allclose(ours(step).numpy(), theirs(step).numpy(), rtol=1e-5, atol=1e-7)
    assert ours.get_config() == theirs.get_config()
