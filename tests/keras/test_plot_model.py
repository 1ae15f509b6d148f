"""Pictures of models, and the places of boxes in them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from cygnet import keras
from cygnet.keras import layers
from cygnet.keras.utils.layered import layered

RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize("seed", range(20))
def test_boxes_and_edges_do_not_overlap(seed):
    random = np.random.default_rng(seed)
    count = int(random.integers(2, 25))
    sizes = [(float(a), float(b)) for a, b in random.uniform(10, 90, (count, 2))]
    pairs = itertools.combinations(range(count), 2)
    edges = [pair for pair in pairs if random.random() < 3 / count] or [(0, 1)]
    centres, routes = layered(sizes, edges, gap=8.0, rank_gap=10.0)
    boxes = [
        (x - w / 2, x + w / 2, y - h / 2, y + h / 2)
        for (x, y), (w, h) in zip(centres, sizes, strict=True)
    ]
    for one, two in itertools.combinations(boxes, 2):
        apart_across = one[1] <= two[0] + 1e-6 or two[1] <= one[0] + 1e-6
        apart_along = one[3] <= two[2] + 1e-6 or two[3] <= one[2] + 1e-6
        assert apart_across or apart_along
    for (source, target), route in zip(edges, routes, strict=True):
        assert route[0] == pytest.approx((centres[source][0], boxes[source][3]))
        assert route[-1] == pytest.approx((centres[target][0], boxes[target][2]))
        assert all(one[1] <= two[1] + 1e-6 for one, two in itertools.pairwise(route))
        for x, y in route[1:-1]:  # where it passes other ranks
            for left, right, top, bottom in boxes:
                assert not (left < x < right and top < y < bottom)


def test_chains_are_straight():
    centres, routes = layered([(30, 10), (50, 10), (20, 10)], [(0, 1), (1, 2)], 5, 5)
    assert [x for x, _ in centres] == pytest.approx([0, 0, 0])
    assert [y for _, y in centres] == [5, 20, 35]
    assert routes[0] == [pytest.approx((0, 10)), pytest.approx((0, 15))]


def branched():
    inputs = keras.Input((8, 8, 1), name="pixels")
    x = layers.Conv2D(4, 3, padding="same", activation="relu", name="first")(inputs)
    y = layers.Conv2D(4, 3, padding="same", name="second")(x)
    y = layers.Flatten()(layers.Add()([x, y]))
    inner = keras.Sequential(
        [layers.Dense(6, name="in_a"), layers.Dense(5, name="in_b")], name="in"
    )
    return keras.Model(inputs, [layers.Dense(3, name="out")(inner(y)), y])


def titles(figure):
    return [text.get_text() for text in figure.axes[0].texts]


@pytest.mark.parametrize("rankdir", ["TB", "BT", "LR", "RL"])
def test_a_branched_model(tmp_path, rankdir):
    pytest.importorskip("matplotlib", reason="matplotlib draws the diagram")
    path = tmp_path / "model.png"
    figure = keras.utils.plot_model(branched(), path, rankdir=rankdir, dpi=50)
    assert path.stat().st_size > 1000
    assert titles(figure) == [
        *("InputLayer", "Conv2D", "Conv2D", "Add", "Flatten", "Sequential", "Dense")
    ]
    arrows = [patch for patch in figure.axes[0].patches if hasattr(patch, "get_arrowstyle")]
    assert len(arrows) == 7


def test_what_boxes_tell():
    pytest.importorskip("matplotlib", reason="matplotlib draws the diagram")
    model = branched()
    model.get_layer("first").trainable = False
    figure = keras.utils.plot_model(
        model,
        None,
        show_shapes=True,
        show_dtype=True,
        show_layer_names=True,
        show_layer_activations=True,
        show_trainable=True,
    )
    text = titles(figure)
    start = text.index("first (Conv2D)")
    assert text[start + 1 : start + 6] == [
        "activation: relu",
        "input: (None, 8, 8, 1)",
        "output: (None, 8, 8, 4)",
        "dtype: float32",
        "trainable: no",
    ]
    assert "input: (None, 8, 8, 4), (None, 8, 8, 4)" in text


def test_models_inside_of_models():
    pytest.importorskip("matplotlib", reason="matplotlib draws the diagram")
    figure = keras.utils.plot_model(branched(), None, expand_nested=True, show_layer_names=True)
    assert "in (Sequential)" not in titles(figure)
    assert {"in_a (Dense)", "in_b (Dense)"} <= set(titles(figure))


def test_other_models():
    pytest.importorskip("matplotlib", reason="matplotlib draws the diagram")

    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(2)

        def call(self, x):
            return self.dense(x)

    model = Own()
    with pytest.raises(ValueError, match="is not built yet"):
        keras.utils.plot_model(model, None)
    model(np.ones((1, 3), "float32"))
    assert titles(keras.utils.plot_model(model, None)) == ["Own"]
    shared = layers.Dense(4)
    first, second = keras.Input((4,)), keras.Input((4,))
    twins = keras.Model([first, second], layers.Add()([shared(first), shared(second)]))
    assert titles(keras.utils.plot_model(twins, None)).count("Dense") == 1
    with pytest.raises(
        ValueError, match="argument rankdir expected one of TB, BT, LR, RL, got 'X'"
    ):
        keras.utils.plot_model(twins, None, rankdir="X")
    with pytest.raises(TypeError, match="unknown argument 'shapes'"):
        keras.utils.plot_model(twins, None, shapes=True)
