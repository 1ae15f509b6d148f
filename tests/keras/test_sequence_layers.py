"""Recurrent layers, `Embedding` and attention without heads: against Keras where it is installed, and fused against cell by
cell everywhere.
"""

from __future__ import annotations

import functools
import itertools
from typing import Any

import numpy as np
import pytest

import cygnet as cn
from cygnet import keras
from cygnet.keras import layers, tree
from cygnet.keras.attached import masks
from tests.keras.beside_keras import (
    BATCH,
    DATA,
    EMPTY,
    HOLES,
    MASKS,
    OTHER,
    PADDED,
    RNG,
    STEPS,
    WIDTH,
    close,
    flat,
    given,
    given_to_keras,
    oracle,
    random_weights,
)

RECURRENT = ("SimpleRNN", "LSTM", "GRU")


def recurrent(kind: str, wrap: Any = None, **options: Any) -> Any:
    """A function that makes a layer of a library."""

    def make(library: Any) -> Any:
        layer = getattr(library, kind)(5, **options)
        return layer if wrap is None else wrap(library, layer)

    return make


def both(merge: Any) -> Any:
    return lambda library, layer: library.Bidirectional(layer, merge_mode=merge)


def stacked(library: Any) -> Any:
    cells = [library.GRUCell(3), library.LSTMCell(5, activation="relu"), library.SimpleRNNCell(2)]
    return library.RNN(cells, return_sequences=True, return_state=True)


def states(count: int) -> list[np.ndarray]:
    generator = np.random.default_rng(2)
    return [generator.standard_normal((BATCH, 5)).astype(np.float32) for _ in range(count)]


# Name, the layer, the inputs, options of the call.
ROWS: list[tuple[str, Any, Any, dict[str, Any]]] = []
for kind, (mask_name, mask), sequences in itertools.product(RECURRENT, MASKS.items(), (0, 1)):
    call = {} if mask is None else {"mask": mask}
    name = f"{kind} {mask_name}" + " sequences" * sequences
    options = {"return_sequences": bool(sequences), "return_state": True}
    ROWS += [
        (name, recurrent(kind, **options), DATA, call),
        (f"{name} backwards", recurrent(kind, go_backwards=True, **options), DATA, call),
        (f"{name} zero", recurrent(kind, zero_output_for_mask=True, **options), DATA, call),
        (f"{name} both", recurrent(kind, both("concat"), **options), DATA, call),
        (f"{name} relu", recurrent(kind, activation="relu", **options), DATA, call),
    ]
for kind in RECURRENT:
    count = 2 if kind == "LSTM" else 1
    first, all_of = {"initial_state": states(count)}, {"return_sequences": True}
    ROWS += [
        (f"{kind} plain", recurrent(kind), DATA, {}),
        (f"{kind} no bias", recurrent(kind, use_bias=False, **all_of), DATA, {}),
        (f"{kind} states", recurrent(kind, return_state=True, **all_of), DATA, first),
        (f"{kind} states padded", recurrent(kind, **all_of), DATA, {**first, "mask": PADDED}),
        (f"{kind} states holes", recurrent(kind, **all_of), DATA, {**first, "mask": HOLES}),
        (f"{kind} sigmoid", recurrent(kind, activation="sigmoid", **all_of), DATA, {}),
        (f"{kind} unroll", recurrent(kind, unroll=True, **all_of), DATA, {}),
        (f"{kind} one step", recurrent(kind, **all_of), DATA[:, :1], {}),
        *(
            (
                f"{kind} {merge} {mask_name} {all_of}",
                recurrent(kind, both(merge), **all_of),
                DATA,
                c,
            )
            for merge in ("sum", "mul", "ave", "concat", None)
            for mask_name, c in (("none", {}), ("padded", {"mask": PADDED}))
            for all_of in ({}, {"return_sequences": True})
        ),
        (
            f"{kind} both states",
            recurrent(kind, both("sum"), return_state=True, return_sequences=True),
            DATA,
            {"initial_state": states(2 * count)},
        ),
    ]
ROWS += [
    (
        "LSTM gates",
        recurrent("LSTM", recurrent_activation="hard_sigmoid", return_sequences=True),
        DATA,
        {"mask": HOLES},
    ),
    *(
        (f"GRU reset {bias}", recurrent("GRU", reset_after=False, use_bias=bias), DATA, {})
        for bias in (True, False)
    ),
    (
        "Bidirectional layers",
        lambda library: library.Bidirectional(
            library.LSTM(5, return_sequences=True),
            backward_layer=library.GRU(3, return_sequences=True, go_backwards=True),
        ),
        DATA,
        {"mask": PADDED},
    ),
    ("RNN cell", lambda library: library.RNN(library.LSTMCell(3)), DATA, {"mask": HOLES}),
    ("RNN stacked", stacked, DATA, {}),
    ("RNN stacked holes", stacked, DATA, {"mask": HOLES}),
    ("TimeDistributed", lambda library: library.TimeDistributed(library.Dense(2)), DATA, {}),
    (
        "TimeDistributed conv",
        lambda library: library.TimeDistributed(library.Conv1D(2, 3, activation="relu")),
        RNG.standard_normal((2, 3, 5, 4)).astype(np.float32),
        {},
    ),
    ("Embedding", lambda library: library.Embedding(9, 4), np.arange(6).reshape(2, 3), {}),
    ("Masking", lambda library: library.Masking(), DATA * HOLES[..., None], {}),
    ("Masking value", lambda library: library.Masking(1.5), np.full((2, 3, 2), 1.5, "f4"), {}),
]
for name, arguments in {
    "plain": {},
    "scaled": {"use_scale": True},
    "concat": {"score_mode": "concat", "use_scale": True},
    "concat alone": {"score_mode": "concat"},
}.items():
    make = functools.partial(lambda a, library: library.Attention(**a), arguments)
    masked = {"mask": [PADDED, HOLES[:, :5]]}
    ROWS += [
        (f"Attention {name}", make, [DATA, OTHER], {}),
        (f"Attention {name} key", make, [DATA, OTHER * 2, OTHER], masked),
        (f"Attention {name} causal", make, [DATA, DATA], {"use_causal_mask": True}),
        (
            f"Attention {name} scores",
            make,
            [DATA, OTHER],
            {"return_attention_scores": True, **masked},
        ),
    ]
for use in (True, False):
    ROWS.append(
        (
            f"AdditiveAttention {use}",
            functools.partial(lambda u, library: library.AdditiveAttention(use_scale=u), use),
            [DATA, OTHER],
            {"mask": [PADDED, HOLES[:, :5]]},
        )
    )


@pytest.mark.parametrize(
    ("make", "inputs", "call"), [r[1:] for r in ROWS], ids=[r[0] for r in ROWS]
)
class TestRow:
    def test_keras(self, make: Any, inputs: Any, call: dict[str, Any]) -> None:
        theirs, ours = make(oracle().layers), make(layers)
        outputs = theirs(inputs, **{k: given_to_keras(v) for k, v in call.items()})
        ours(given(inputs), **{k: given(v) for k, v in call.items()})
        assert [w.shape for w in ours.get_weights()] == [w.shape for w in theirs.get_weights()]
        theirs.set_weights(random_weights(ours))
        outputs = theirs(inputs, **{k: given_to_keras(v) for k, v in call.items()})
        close(ours(given(inputs), **{k: given(v) for k, v in call.items()}), outputs)

    def test_shapes(self, make: Any, inputs: Any, call: dict[str, Any]) -> None:
        layer = make(layers)
        outputs = layer(given(inputs))
        spec = layer(
            [keras.Input(x.shape[1:]) for x in inputs]
            if isinstance(inputs, list)
            else keras.Input(inputs.shape[1:])
        )
        found = [(None, *array.shape[1:]) for array in flat(outputs)]
        assert [tensor.shape for tensor in tree.flatten(spec)] == found

    def test_config(self, make: Any, inputs: Any, call: dict[str, Any]) -> None:
        import json

        layer = make(layers)
        config = json.loads(json.dumps(layer.get_config()))
        again = type(layer).from_config(config)
        assert json.loads(json.dumps(again.get_config())) == config
        call = {k: given(v) for k, v in call.items()}
        outputs = layer(given(inputs), **call)
        again(given(inputs), **call)
        again.set_weights(layer.get_weights())
        close(again(given(inputs), **call), outputs)


def cell_by_cell(layer: Any) -> Any:
    """The same layer, which does not use the fused kernels."""
    other = type(layer).from_config(layer.get_config())
    for part in (other, *getattr(other, "_directions", ())):
        part.__dict__["can_fuse"] = lambda *_: False
    return other


@pytest.mark.parametrize("kind", RECURRENT)
@pytest.mark.parametrize("mask", [None, PADDED, HOLES, EMPTY], ids=MASKS)
@pytest.mark.parametrize("wrap", [None, both("concat"), both("sum")], ids=["one", "both", "sum"])
@pytest.mark.parametrize("sequences", [False, True])
def test_fused_is_cell_by_cell(kind: str, mask: Any, wrap: Any, sequences: bool) -> None:
    """Outputs, states and all gradients."""
    layer = recurrent(kind, wrap, return_sequences=sequences, return_state=True)(layers)
    other = cell_by_cell(layer)
    call = {} if mask is None else {"mask": cn.tensor(mask)}
    results = []
    for each in (layer, other):
        x = cn.tensor(DATA).requires_grad_()
        each(x, **call)
        weights = random_weights(each)
        outputs = each(x, **call)
        total = sum((output * output.cos()).sum() for output in outputs)
        total.backward()
        results.append([*outputs, x.grad, *(weight.grad for weight in each.weights)])
    assert weights
    close(results[0], results[1])


@pytest.mark.parametrize("kind", RECURRENT)
@pytest.mark.parametrize("wrap", [None, both("sum")], ids=["one", "both"])
def test_runs_one_kernel(kind: str, wrap: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """With every mask but one that leaves nothing of a sequence."""
    layer = recurrent(kind, wrap, return_sequences=True)(layers)
    x = cn.tensor(DATA)
    layer(x)
    monkeypatch.setattr(layers.RNN, "_run", None)
    for mask in (PADDED, HOLES):
        layer(x, mask=cn.tensor(mask))
    with pytest.raises(TypeError):
        layer(x, mask=cn.tensor(EMPTY))


@pytest.mark.parametrize("kind", RECURRENT)
def test_stateful(kind: str) -> None:
    whole, parts = (recurrent(kind, return_sequences=True)(layers) for _ in range(2))
    parts = recurrent(kind, return_sequences=True, stateful=True)(layers)
    x = cn.tensor(DATA)
    whole(x), parts(x)
    parts.set_weights(random_weights(whole))
    expected = whole(x)
    for _ in range(2):
        parts.reset_states()
        close(cn.cat([parts(x[:, :2]), parts(x[:, 2:])], 1), expected)
    parts.reset_state([state.numpy() for state in parts.states])
    with pytest.raises(cn.ShapeError, match="stateful with a batch of 3, got inputs with 2"):
        parts(x[:2])
    with pytest.raises(ValueError, match="stateful=True"):
        whole.reset_states()


def test_states_between_layers() -> None:
    """An encoder's states begin a decoder, in a functional model."""
    source, target = keras.Input((None, WIDTH)), keras.Input((5, WIDTH))
    _, *last = layers.LSTM(5, return_state=True)(source)
    decoded = layers.LSTM(5, return_sequences=True)(target, initial_state=last)
    model = keras.Model([source, target], decoded)
    assert decoded.shape == (None, 5, 5)
    assert model([cn.tensor(DATA), cn.tensor(OTHER)]).shape == (BATCH, 5, 5)


def test_mask_goes_through_layers() -> None:
    """From an embedding to a recurrent layer: padding changes nothing."""
    words = np.array([[3, 1, 2, 0, 0], [4, 2, 0, 0, 0]])
    embedding = layers.Embedding(6, 4, mask_zero=True)
    vectors = embedding(words)
    np.testing.assert_array_equal(masks.of(vectors).numpy(), words != 0)
    layer = layers.LSTM(3, return_sequences=True)
    outputs = layer(vectors)
    np.testing.assert_array_equal(masks.of(outputs).numpy(), words != 0)
    last = layers.GRU(3)
    shorter = last(layer(embedding(words[:, :3])))
    np.testing.assert_allclose(last(outputs).detach(), shorter.detach(), rtol=1e-6)
    assert masks.of(last(outputs)) is None
    assert outputs._keras_mask is masks.of(outputs)
    del outputs._keras_mask
    assert masks.of(outputs) is None


@pytest.mark.parametrize("kind", RECURRENT)
def test_dropout(kind: str) -> None:
    """The same numbers are left out in all steps; without training none are."""
    x = cn.ones(64, 4, 8)
    layer = recurrent(kind, dropout=0.5, seed=3)(layers)
    still = layer(x)
    close(layer(x), still)
    assert not np.allclose(layer(x, training=True).detach(), still.detach())
    again = recurrent(kind, dropout=0.5, seed=3)(layers)
    again(x)
    again.set_weights(layer.get_weights())
    first = type(layer).from_config(layer.get_config())
    first(x)
    first.set_weights(layer.get_weights())
    close(first(x, training=True), again(x, training=True))
    layer = recurrent(kind, recurrent_dropout=0.5)(layers)
    close(layer(x), layer(x, training=False))
    assert not np.allclose(layer(x, training=True).detach(), layer(x).detach())


def test_own_cell() -> None:
    """The cell of Keras's guide, whose states come in a list."""

    class Minimal(layers.Layer):
        def __init__(self, units: int, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.units = self.state_size = units

        def build(self, input_shape: Any) -> None:
            self.kernel = self.add_weight(shape=(input_shape[-1], self.units), name="kernel")
            self.recurrent_kernel = self.add_weight(shape=(self.units, self.units), name="rec")

        def call(self, inputs: Any, states: Any) -> Any:
            output = keras.ops.matmul(inputs, self.kernel)
            output = output + keras.ops.matmul(states[0], self.recurrent_kernel)
            return output, [output]

    layer = layers.RNN([Minimal(3), Minimal(2)], return_sequences=True)
    assert layer(cn.tensor(DATA)).shape == (BATCH, STEPS, 2)
    assert [weight.shape for weight in layer.weights] == [(4, 3), (3, 3), (3, 2), (2, 2)]


def test_weights_of_embedding() -> None:
    vectors = RNG.standard_normal((5, 3)).astype(np.float32)
    layer = layers.Embedding(5, 3, weights=[vectors], input_length=4, trainable=False)
    np.testing.assert_array_equal(layer(np.array([[4, 0]]))[0].detach(), vectors[[4, 0]])
    assert not layer.trainable_weights
    config = layer.get_config()
    assert config["input_dim"] == 5
    assert layers.Embedding.from_config(config).get_config() == config
    with pytest.raises(IndexError):
        layer(np.array([[5]]))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: layers.LSTM(0), "argument units expected at least 1, got 0"),
        (lambda: layers.RNN(3), "cell expected an object with call and state_size"),
        (lambda: layers.RNN(layers.GRUCell(2), time_major=True), "time_major must be False"),
        (lambda: layers.LSTM(2)(cn.ones(2, 3)), "expected \\(N, T, features\\)"),
        (lambda: layers.LSTM(2)(cn.ones(2, 3, 4), initial_state=cn.ones(2, 2)), "2 tensors, got 1"),
        (
            lambda: layers.GRU(2)(cn.ones(2, 3, 4), initial_state=cn.ones(3, 2)),
            "shape \\(3, 2\\), expected a batch of 2",
        ),
        (
            lambda: layers.GRU(2)(cn.ones(2, 3, 4), mask=cn.ones(2, 2, dtype=bool)),
            "mask has shape \\(2, 2\\), expected \\(2, 3\\)",
        ),
        (lambda: layers.LSTM(2)(cn.ones(2, 0, 4)), "at least 1 step"),
        (lambda: layers.Bidirectional(layers.LSTM(2), "both"), "merge_mode expected one of"),
        (lambda: layers.Bidirectional(3), "layer expected a Layer"),
        (
            lambda: layers.TimeDistributed(layers.Dense(2))(cn.ones(2, 3)),
            "expected \\(N, T, ...\\)",
        ),
        (lambda: layers.Embedding(0, 2), "input_dim"),
        (lambda: layers.Attention()(cn.ones(2, 3)), "list of query, value"),
        (lambda: layers.Attention(score_mode="x"), "score_mode expected 'dot' or 'concat'"),
        (lambda: layers.MultiHeadAttention(2, 3, attention_axes=2), "attention_axes expected"),
        (lambda: layers.MultiHeadAttention(2, 0), "key_dim"),
        (lambda: layers.GroupQueryAttention(2, 3, 2), "multiple of num_key_value_heads"),
        (lambda: layers.StackedRNNCells([1]), "objects with call and state_size"),
    ],
)
def test_errors(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


MASKED = {
    "LSTM": lambda library: library.LSTM(3),
    "LSTM sequences": lambda library: library.LSTM(3, return_sequences=True),
    "LSTM states": lambda library: library.LSTM(3, return_sequences=True, return_state=True),
    "GRU backwards": lambda library: library.GRU(3, return_sequences=True, go_backwards=True),
    "Bidirectional": lambda library: library.Bidirectional(library.LSTM(3, return_sequences=True)),
    "Bidirectional last": lambda library: library.Bidirectional(library.LSTM(3)),
    "Bidirectional states": lambda library: library.Bidirectional(
        library.GRU(3, return_sequences=True, return_state=True)
    ),
    "TimeDistributed": lambda library: library.TimeDistributed(library.Dense(3)),
    "MultiHeadAttention": lambda library: self_attention(library.MultiHeadAttention(2, 3)),
    "Attention": lambda library: both_inputs(library.Attention()),
    "GlobalAveragePooling1D": lambda library: library.GlobalAveragePooling1D(),
}


def self_attention(layer: Any) -> Any:
    return _Called(layer, lambda x: layer(x, x))


def both_inputs(layer: Any) -> Any:
    return _Called(layer, lambda x: layer([x, x]))


class _Called:
    def __init__(self, layer: Any, call: Any) -> None:
        self.layer, self.call = layer, call

    def __call__(self, x: Any) -> Any:
        return self.call(x)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.layer, name)


@pytest.mark.parametrize("make", MASKED.values(), ids=MASKED)
@pytest.mark.parametrize("mask", [PADDED, HOLES], ids=["padded", "holes"])
def test_masks_are_those_of_keras(make: Any, mask: np.ndarray) -> None:
    """The outputs behind a `Masking`, and their masks."""
    library, data = oracle(), DATA * mask[..., None]
    theirs, ours = make(library.layers), make(layers)
    theirs(library.layers.Masking()(data))
    ours(layers.Masking()(cn.tensor(data)))
    theirs.set_weights(random_weights(ours))
    wanted = theirs(library.layers.Masking()(data))
    found = ours(layers.Masking()(cn.tensor(data)))
    close(found, wanted)
    of_theirs = [library.src.backend.get_keras_mask(x) for x in tree.flatten(wanted)]
    of_ours = [masks.of(x) for x in tree.flatten(found)]
    assert [mask is None for mask in of_ours] == [mask is None for mask in of_theirs]
    for one, other in zip(of_ours, of_theirs, strict=True):
        if other is not None:
            np.testing.assert_array_equal(one.numpy(), np.asarray(other))


def test_reset_states_of_a_model() -> None:
    model = keras.Sequential(
        [layers.LSTM(4, stateful=True, return_sequences=True), layers.GRU(2, stateful=True)]
    )
    x = cn.tensor(DATA)
    first, second = model(x), model(x)
    assert not np.allclose(first.detach(), second.detach())
    model.reset_states()
    np.testing.assert_array_equal(model(x).detach(), first.detach())


@pytest.mark.parametrize("kind", RECURRENT)
@pytest.mark.parametrize("wrap", [None, both("sum")], ids=["one", "both"])
def test_replay(kind: str, wrap: Any) -> None:
    """A recorded step with a mask, which is not read then, computes the same for other data."""
    layer = recurrent(kind, wrap, return_sequences=True)(layers)
    x, mask = cn.tensor(DATA), cn.tensor(PADDED)
    layer(x, mask=mask)
    with cn.kernels.Recording() as recording:
        output = layer(x, mask=mask)
    x.copy_(cn.tensor(DATA[::-1].copy()))
    mask.copy_(cn.tensor(HOLES))
    recording.replay()
    close(output, layer(x, mask=mask))


def test_whole_numbers_in() -> None:
    words = np.eye(4, dtype=np.int64)[np.array([[1, 2, 0], [3, 3, 1]])]
    layer = layers.LSTM(3)
    close(layer(words), layer(words.astype(np.float32)))
    layer = layers.Bidirectional(layers.LSTM(3, dtype="float64"))
    assert layer(words).dtype == np.float64
    layer = layers.MultiHeadAttention(2, 3)
    close(layer(words, words), layer(words.astype(np.float32), words.astype(np.float32)))


CELLS = {
    "SimpleRNN": lambda library: library.SimpleRNNCell(5),
    "LSTM": lambda library: library.LSTMCell(5, activation="relu"),
    "GRU": lambda library: library.GRUCell(5),
    "GRU before": lambda library: library.GRUCell(5, reset_after=False, use_bias=False),
}


@pytest.mark.parametrize("make", CELLS.values(), ids=CELLS)
def test_cells_are_those_of_keras(make: Any) -> None:
    """One step by hand."""
    theirs, ours = make(oracle().layers), make(layers)
    first = states(len(ours.get_initial_state(BATCH)))
    x = DATA[:, 0]
    ours(cn.tensor(x), given(first))
    theirs(x, given_to_keras(first))
    theirs.set_weights(random_weights(ours))
    close(ours(cn.tensor(x), given(first)), theirs(x, given_to_keras(first)))


def test_forget_bias() -> None:
    layer = layers.LSTM(2)
    layer(cn.tensor(DATA))
    np.testing.assert_array_equal(layer.get_weights()[2], [0, 0, 1, 1, 0, 0, 0, 0])
