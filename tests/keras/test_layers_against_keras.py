"""Layers with the same weights beside those of Keras 3 on TensorFlow, where it is installed."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

import cygnet as cn
from cygnet.keras import activations, constraints, initializers, layers, regularizers
from tests.keras.layer_rows import COMPARED, PLAIN, RANDOM, Row
from tests.keras.test_layers import example, make, tensors, without_batch

keras = pytest.importorskip("keras", reason="Keras, the reference, is not installed")
pytest.importorskip("tensorflow", reason="Keras runs on TensorFlow, which is not installed")


def same(ours: Any, theirs: Any) -> None:
    np.testing.assert_allclose(ours.numpy(), np.asarray(theirs), rtol=1e-5, atol=1e-5)


def weights_like(shapes: Any) -> list[np.ndarray]:
    # Above 0: some are variances.
    return [np.abs(example(shape, 10 + i)) + 0.1 for i, shape in enumerate(shapes)]


@pytest.mark.parametrize("row", COMPARED, ids=str)
def test_results_are_those_of_keras(row: Row) -> None:
    ours, theirs = make(row), getattr(keras.layers, row.layer)(**row.arguments)
    data = example(row.shape)
    ours(tensors(data))
    theirs(data)
    assert [w.name for w in ours.weights] == [w.name for w in theirs.weights]
    trained = [w.name for w in theirs.trainable_weights]
    assert [w.name for w in ours.trainable_weights] == trained
    assert [w.shape for w in ours.weights] == [tuple(w.shape) for w in theirs.weights]
    values = weights_like([w.shape for w in ours.weights])
    for layer in (ours, theirs):
        layer.set_weights(values)
    for training in (False, True) if row not in RANDOM else (False,):
        same(ours(tensors(data), training=training), theirs(data, training=training))
        for mine, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
            np.testing.assert_allclose(mine, other, rtol=1e-5, atol=1e-6)
        assert len(ours.losses) == len(theirs.losses)
        for mine, other in zip(ours.losses, theirs.losses, strict=True):
            same(mine, other)
    shape = without_batch(row.shape)
    assert ours.compute_output_shape(shape) == tuple(theirs.compute_output_shape(shape))
    assert ours.supports_masking == theirs.supports_masking
    names = theirs.get_config().keys() - _LEFT_OUT
    assert names <= ours.get_config().keys()


# Arguments of Keras that we do not have.
_LEFT_OUT = {"lora_rank", "lora_alpha", "quantization_config", "rms_scaling"}
_FUNCTIONS = ("Input", "InputLayer", "Layer", "get", "serialize", "deserialize")
_MODULES = [layers, activations, initializers, regularizers, constraints]


@pytest.mark.parametrize("module", _MODULES, ids=lambda module: module.__name__)
def test_arguments_stand_in_the_same_order_with_the_same_defaults(module: Any) -> None:
    for name in module.__all__:
        reference = getattr(getattr(keras, module.__name__.rpartition(".")[2]), name, None)
        ours = getattr(module, name)
        if reference is None or name in _FUNCTIONS:
            continue
        theirs = parameters(reference)
        for mine, other in zip(parameters(ours), theirs, strict=False):
            assert mine[0] == other[0], name
            if other[1] is not inspect.Parameter.empty:
                assert comparable(mine[1]) == comparable(other[1]), (name, mine[0])
        assert {p[0] for p in theirs} <= {p[0] for p in parameters(ours)} | _LEFT_OUT, name


def parameters(function: Any) -> list[tuple[str, Any]]:
    given = inspect.signature(function).parameters.values()
    kinds = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    return [
        (p.name, p.default)
        for p in given
        if p.kind not in kinds and p.name not in ("name", "dtype")
    ]


def comparable(value: Any) -> Any:
    """One number for all axes is as good as one for each."""
    while isinstance(value, tuple) and len(set(value)) == 1:
        value = value[0]
    return value


@pytest.mark.parametrize("name", sorted({*PLAIN, "glu"}))
def test_activations_are_those_of_keras(name: str) -> None:
    x = np.concatenate([example((3, 8)) * 3, [[-100, -3, -1, 0, 1, 3, 30, 80]]]).astype("float32")
    ours, theirs = getattr(activations, name), getattr(keras.activations, name)
    same(ours(cn.tensor(x)), theirs(x))
    assert activations.serialize(ours) == keras.activations.serialize(theirs)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("relu", (0.1,)), ("relu", (0.1, 2.0)), ("relu", (0.0, 2.0, 1.0)), ("relu", (0.1, None, 1.0)),
        ("leaky_relu", (0.4,)), ("elu", (0.5,)), ("celu", (0.5,)), ("gelu", (True,)), ("glu", (0,)),
        ("softmax", (0,)), ("softmax", ((0, 1),)), ("log_softmax", (0,)),
        ("squareplus", (1,)), ("hard_shrink", (1,)), ("soft_shrink", (1,)), ("threshold", (0.5, 9)),
    ],
)  # fmt: skip
def test_arguments_of_activations(name: str, arguments: tuple[Any, ...]) -> None:
    x = example((4, 6)) * 3
    same(
        getattr(activations, name)(cn.tensor(x), *arguments),
        getattr(keras.activations, name)(x, *arguments),
    )


W = np.random.default_rng(1).standard_normal((5, 5)).astype("float32") * 2


@pytest.mark.parametrize("name", ["L1", "L2", "L1L2", "OrthogonalRegularizer"])
def test_regularizers_are_those_of_keras(name: str) -> None:
    factors = {"L1": {"l1": 0.3}, "L2": {"l2": 0.3}, "L1L2": {"l1": 0.1, "l2": 0.2}}
    for arguments in ({}, factors.get(name, {"factor": 0.3})):
        ours, theirs = (
            getattr(regularizers, name)(**arguments),
            getattr(keras.regularizers, name)(**arguments),
        )
        same(ours(cn.tensor(W)), theirs(W))
        assert ours.get_config() == pytest.approx(theirs.get_config())


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("MaxNorm", {}), ("MaxNorm", {"max_value": 0.5, "axis": 1}), ("NonNeg", {}),
        ("UnitNorm", {}), ("UnitNorm", {"axis": [0, 1]}), ("MinMaxNorm", {}),
        ("MinMaxNorm", {"min_value": 3.0, "max_value": 4.0, "rate": 0.3, "axis": 1}),
    ],
)  # fmt: skip
def test_constraints_are_those_of_keras(name: str, arguments: dict[str, Any]) -> None:
    ours, theirs = (
        getattr(constraints, name)(**arguments),
        getattr(keras.constraints, name)(**arguments),
    )
    same(ours(cn.tensor(W)), theirs(W))
    assert ours.get_config() == theirs.get_config()


_DRAWN = [
    ("RandomNormal", {"mean": 1.0, "stddev": 0.5}),
    ("RandomUniform", {"minval": 1.0, "maxval": 3.0}),
    ("TruncatedNormal", {"mean": 1.0, "stddev": 0.5}), ("GlorotUniform", {}), ("GlorotNormal", {}),
    ("HeUniform", {}), ("HeNormal", {}), ("LecunUniform", {}), ("LecunNormal", {}),
    ("Orthogonal", {"gain": 2.0}), ("VarianceScaling", {"scale": 3.0, "mode": "fan_out"}),
    ("VarianceScaling", {"distribution": "untruncated_normal"}),
    ("VarianceScaling", {"input_axes": (0,), "output_axes": (1, 3), "mode": "fan_avg"}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "arguments"), _DRAWN)
def test_initializers_draw_from_the_distributions_of_keras(
    name: str, arguments: dict[str, Any]
) -> None:
    ours = getattr(initializers, name)(**arguments)
    theirs = getattr(keras.initializers, name)(**arguments, seed=1)
    assert ours.get_config().keys() == theirs.get_config().keys()
    shape = (3, 4, 60, 70)
    mine, other = ours(shape).numpy(), np.asarray(theirs(shape))
    scale = float(other.std())
    assert mine.shape == shape
    assert mine.mean() == pytest.approx(other.mean(), abs=0.03 * scale)
    for share in (0.001, 0.1, 0.25, 0.5, 0.75, 0.9, 0.999):
        tolerance = 0.05 * scale if 0.01 < share < 0.99 else 0.2 * scale
        assert np.quantile(mine, share) == pytest.approx(np.quantile(other, share), abs=tolerance)


@pytest.mark.parametrize("name", ["Zeros", "Ones", "Constant", "Identity"])
def test_constant_initializers_are_those_of_keras(name: str) -> None:
    arguments = {"Constant": {"value": 3.0}, "Identity": {"gain": 2.0}}.get(name, {})
    ours, theirs = (
        getattr(initializers, name)(**arguments),
        getattr(keras.initializers, name)(**arguments),
    )
    same(ours((3, 4)), theirs((3, 4)))
    assert initializers.serialize(ours) == keras.initializers.serialize(theirs) | (
        {} if name != "Identity" else {"config": {"gain": 2.0}}
    )
