"""What weights are made with: initializers, regularizers, constraints; names of activations."""

from __future__ import annotations

import json

import numpy as np
import pytest

import cygnet as cn
from cygnet.keras import activations, constraints, initializers, lookup, regularizers
from cygnet.kernels import ShapeError


def test_an_initializer_gives_the_same_values_each_time():
    for made in (initializers.HeNormal(), initializers.HeNormal(seed=3)):
        np.testing.assert_array_equal(made((4, 5)).numpy(), made((4, 5)).numpy())
    first, second = (initializers.GlorotUniform()((4, 5)).numpy() for _ in range(2))
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(
        initializers.RandomNormal(seed=3)((4,)).numpy(),
        initializers.RandomNormal(seed=3)((4,)).numpy(),
    )


def test_initializers_follow_the_seed_of_the_library():
    drawn = []
    for _ in range(2):
        cn.manual_seed(7)
        drawn.append([initializers.get(name)((3, 4)).numpy() for name in ("uniform", "he_normal")])
    np.testing.assert_array_equal(drawn[0][0], drawn[1][0])
    np.testing.assert_array_equal(drawn[0][1], drawn[1][1])


def test_an_initializer_with_a_generator_goes_on_drawing():
    made = initializers.RandomUniform(seed=cn.Generator(3))
    assert not np.array_equal(made((4,)).numpy(), made((4,)).numpy())
    assert made.get_config()["seed"] is None


def test_orthogonal_matrices():
    for shape in ((6, 4), (4, 6), (2, 3, 5)):
        q = initializers.Orthogonal(gain=2.0)(shape).numpy().reshape(-1, shape[-1])
        product = q.T @ q if q.shape[0] >= q.shape[1] else q @ q.T
        np.testing.assert_allclose(product, 4 * np.eye(len(product)), atol=1e-5)


def test_types_of_initial_values():
    for name in ("zeros", "ones", "glorot_uniform", "orthogonal", "identity", "truncated_normal"):
        assert initializers.get(name)((3, 3)).dtype == np.float32
        assert initializers.get(name)((3, 3), dtype="float64").dtype == np.float64
    assert initializers.get("ones")((2,), dtype="int64").dtype == np.int64
    array = np.arange(3.0)
    assert initializers.get(array)((3,)).numpy().tolist() == array.tolist()


@pytest.mark.parametrize("module", [initializers, regularizers, constraints])
def test_objects_are_found_by_name_configuration_and_class(module):
    bases = ("Initializer", "Regularizer", "Constraint")
    for name in module.__all__:
        cls = getattr(module, name)
        if not isinstance(cls, type) or name in bases:
            continue
        made = module.get(name)
        assert type(made) is cls
        assert type(module.get(cls)) is cls
        assert module.get(made) is made
        again = module.deserialize(json.loads(json.dumps(module.serialize(made))))
        assert type(again) is cls
        assert again.get_config() == made.get_config()
        assert type(module.get(module.serialize(made))) is cls
        assert type(made.from_config(made.get_config())) is cls
    assert module.get(None) is None
    assert module.serialize(None) is None


def test_activations_are_found_by_name():
    assert activations.get(None) is activations.linear
    assert activations.get("swish") is activations.silu
    assert activations.serialize(activations.hard_swish) == "hard_silu"
    assert activations.get(cn.tanh) is cn.tanh
    assert activations.serialize(cn.tanh) == "tanh"
    assert activations.relu(np.array([-1, 2])).numpy().tolist() == [0, 2]


def test_custom_objects_are_found_first():
    class Threes(initializers.Initializer):
        def __call__(self, shape, dtype=None):
            return cn.full(shape, 3.0)

    config = initializers.serialize(Threes())
    assert config["registered_name"] == "Threes"
    assert type(initializers.deserialize(config, {"Threes": Threes})) is Threes
    lookup.custom_objects["threes"] = Threes
    try:
        assert initializers.get("threes")((2,)).numpy().tolist() == [3, 3]
    finally:
        del lookup.custom_objects["threes"]


def test_factors_may_be_none_and_pairs():
    w = cn.tensor([1.0, -2.0])
    assert regularizers.L1(0.5)(w).item() == pytest.approx(1.5)
    assert regularizers.L2(0.5)(w).item() == pytest.approx(2.5)
    assert regularizers.l1_l2(l1=0.5, l2=0.5)(w).item() == pytest.approx(4.0)
    assert regularizers.L1L2()(w).item() == 0
    columns = cn.tensor([[1.0, 1.0, 0.0], [0.0, 1.0, 1.0]])
    penalty = regularizers.OrthogonalRegularizer(1.0, "columns")(columns).item()
    assert penalty == pytest.approx((2 * np.sqrt(0.5) + 0) / 3)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: activations.get("rellu"), ValueError, "'relu'"),
        (lambda: initializers.get("he_norml"), ValueError, "'he_normal'"),
        (lambda: regularizers.get("l3"), ValueError, "'l1'|'l2'"),
        (lambda: constraints.get("maxnorm"), ValueError, "'max_norm'|'MaxNorm'"),
        (lambda: initializers.get(3), ValueError, "identifier expected"),
        (lambda: initializers.deserialize({"config": {}}), ValueError, "'class_name'"),
        (lambda: initializers.Identity()((2, 2, 2)), ShapeError, "2 sizes"),
        (lambda: initializers.Orthogonal()((3,)), ShapeError, "2 sizes or more"),
        (lambda: initializers.VarianceScaling(-1), ValueError, "scale"),
        (lambda: initializers.VarianceScaling(mode="x"), ValueError, "fan_avg"),
        (lambda: initializers.VarianceScaling(distribution="x"), ValueError, "uniform"),
        (lambda: initializers.RandomNormal(seed="x"), TypeError, "seed"),
        (lambda: regularizers.L1(-1), ValueError, "l1"),
        (lambda: regularizers.L2(float("nan")), ValueError, "l2"),
        (lambda: regularizers.OrthogonalRegularizer(mode="x"), ValueError, "mode"),
        (lambda: regularizers.OrthogonalRegularizer()(cn.ones(2)), ShapeError, "matrix"),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()
