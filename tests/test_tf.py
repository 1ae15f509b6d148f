"""TensorFlow's names: functions, tapes, variables and pipelines."""

import numpy as np
import pytest

import cygnet
import cygnet.tf as tf
from cygnet import keras

A = np.array([[1.0, -2.0, 3.0], [0.5, 4.0, -1.5]], np.float32)
B = np.array([[0.5, 1.0, 2.0], [2.0, -3.0, 1.0]], np.float32)
LABELS = np.array([2, 0])
ONE_HOT = np.eye(3, dtype=np.float32)[LABELS]

# Calls whose results are those of TensorFlow: compared with it where it is installed, and
# with these values everywhere.
CALLS = {
    "reduce_mean": (lambda tf: tf.reduce_mean(A), A.mean()),
    "reduce_mean by name": (lambda tf: tf.reduce_mean(input_tensor=A, axis=1, keepdims=True), A.mean(1, keepdims=True)),
    "reduce_sum": (lambda tf: tf.reduce_sum(A, 0), A.sum(0)),
    "reduce_max": (lambda tf: tf.reduce_max(A, axis=-1), A.max(-1)),
    "reduce_all": (lambda tf: tf.reduce_all(A > -9), np.True_),
    "math.reduce_std": (lambda tf: tf.math.reduce_std(A), A.std()),
    "argmax": (lambda tf: tf.argmax(A), A.argmax(0)),
    "argmax of an axis": (lambda tf: tf.argmax(A, axis=1), A.argmax(1)),
    "cast": (lambda tf: tf.cast(A, tf.int32), A.astype(np.int32)),
    "matmul": (lambda tf: tf.matmul(A, B, transpose_b=True), A @ B.T),
    "concat": (lambda tf: tf.concat([A, B], axis=1), np.concatenate([A, B], 1)),
    "stack": (lambda tf: tf.stack([A, B]), np.stack([A, B])),
    "expand_dims": (lambda tf: tf.expand_dims(A, 1), A[:, None]),
    "squeeze": (lambda tf: tf.squeeze(A[None]), A),
    "reshape": (lambda tf: tf.reshape(A, [3, -1]), A.reshape(3, 2)),
    "transpose": (lambda tf: tf.transpose(A), A.T),
    "transpose by name": (lambda tf: tf.transpose(A[None], perm=[2, 0, 1]), A[None].transpose(2, 0, 1)),
    "one_hot": (lambda tf: tf.one_hot(LABELS, 3), ONE_HOT),
    "gather": (lambda tf: tf.gather(A, [1, 0, 1]), A[[1, 0, 1]]),
    "where": (lambda tf: tf.where(A > 0, A, B), np.where(A > 0, A, B)),
    "maximum": (lambda tf: tf.maximum(A, B), np.maximum(A, B)),
    "square": (lambda tf: tf.square(A), A * A),
    "pow": (lambda tf: tf.pow(A, 2), A**2),
    "exp": (lambda tf: tf.exp(A), np.exp(A)),
    "clip_by_value": (lambda tf: tf.clip_by_value(A, -1, 1), A.clip(-1, 1)),
    "clip_by_norm": (lambda tf: tf.clip_by_norm(A, 2.0), A * 2 / np.linalg.norm(A)),
    "clip_by_global_norm": (lambda tf: tf.clip_by_global_norm([A, B], 1.0)[0][1], B / np.sqrt((A**2).sum() + (B**2).sum())),
    "norm": (lambda tf: tf.norm(A), np.linalg.norm(A)),
    "fill": (lambda tf: tf.fill([2, 3], 4.0), np.full((2, 3), 4.0)),
    "zeros": (lambda tf: tf.zeros((2, 2)), np.zeros((2, 2))),
    "ones_like": (lambda tf: tf.ones_like(A), np.ones_like(A)),
    "range": (lambda tf: tf.range(2, 8, 2), np.array([2, 4, 6])),
    "linspace": (lambda tf: tf.linspace(0.0, 1.0, 5), np.linspace(0, 1, 5)),
    "tile": (lambda tf: tf.tile(A, [1, 2]), np.tile(A, [1, 2])),
    "split": (lambda tf: tf.split(A, 3, axis=1)[2], A[:, 2:]),
    "split by sizes": (lambda tf: tf.split(A, [1, 2], axis=1)[1], A[:, 1:]),
    "unstack": (lambda tf: tf.unstack(A)[1], A[1]),
    "cumsum": (lambda tf: tf.cumsum(A, axis=1), A.cumsum(1)),
    "pad": (lambda tf: tf.pad(A, [[1, 0], [0, 2]]), np.pad(A, [[1, 0], [0, 2]])),
    "equal": (lambda tf: tf.equal(A, A), np.ones_like(A, bool)),
    "constant of a shape": (lambda tf: tf.constant(2.0, shape=(2, 2)), np.full((2, 2), 2.0)),
    "shape": (lambda tf: tf.shape(A), np.array([2, 3])),
    "boolean_mask": (lambda tf: tf.boolean_mask(A, A > 0), A[A > 0]),
    "einsum": (lambda tf: tf.einsum("ij,kj->ik", A, B), A @ B.T),
    "tensordot": (lambda tf: tf.tensordot(A, B, [[1], [1]]), A @ B.T),
    "add_n": (lambda tf: tf.add_n([A, B, A]), A + B + A),
    "math.confusion_matrix": (
        lambda tf: tf.math.confusion_matrix([0, 1, 2, 1], [0, 2, 2, 1]),
        np.array([[1, 0, 0], [0, 1, 1], [0, 0, 1]]),
    ),
    "nn.relu": (lambda tf: tf.nn.relu(A), np.maximum(A, 0)),
    "nn.leaky_relu": (lambda tf: tf.nn.leaky_relu(A, alpha=0.1), np.where(A > 0, A, 0.1 * A)),
    "nn.softmax": (lambda tf: tf.nn.softmax(A), np.exp(A) / np.exp(A).sum(-1, keepdims=True)),
    "nn.sigmoid": (lambda tf: tf.nn.sigmoid(A), 1 / (1 + np.exp(-A))),
    "nn.l2_loss": (lambda tf: tf.nn.l2_loss(A), (A**2).sum() / 2),
    "nn.l2_normalize": (lambda tf: tf.nn.l2_normalize(A, axis=1), A / np.linalg.norm(A, axis=1, keepdims=True)),
    "nn.bias_add": (lambda tf: tf.nn.bias_add(A, [1.0, 2.0, 3.0]), A + np.array([1, 2, 3])),
    "nn.moments": (lambda tf: tf.nn.moments(A, [0])[1], A.var(0)),
    "nn.embedding_lookup": (lambda tf: tf.nn.embedding_lookup(A, [[1, 0]]), A[[[1, 0]]]),
    "softmax cross-entropy": (
        lambda tf: tf.nn.softmax_cross_entropy_with_logits(labels=ONE_HOT, logits=A),
        np.log(np.exp(A).sum(1)) - A[[0, 1], LABELS],
    ),
    "sparse softmax cross-entropy": (
        lambda tf: tf.nn.sparse_softmax_cross_entropy_with_logits(labels=LABELS, logits=A),
        np.log(np.exp(A).sum(1)) - A[[0, 1], LABELS],
    ),
    "sigmoid cross-entropy": (
        lambda tf: tf.nn.sigmoid_cross_entropy_with_logits(labels=ONE_HOT, logits=A),
        np.log1p(np.exp(A)) - A * ONE_HOT,
    ),
    "conv2d": (
        lambda tf: tf.nn.conv2d(np.ones((1, 4, 4, 1), np.float32), np.ones((3, 3, 1, 2), np.float32), [1, 1, 1, 1], "VALID"),
        np.full((1, 2, 2, 2), 9.0),
    ),
    "conv2d of the same size": (
        lambda tf: tf.nn.conv2d(np.ones((1, 4, 4, 1), np.float32), np.ones((3, 3, 1, 1), np.float32), 2, "SAME"),
        np.array([9.0, 6, 6, 4]).reshape(1, 2, 2, 1),
    ),
    "max_pool2d": (lambda tf: tf.nn.max_pool2d(A.reshape(1, 2, 3, 1), 2, 1, "VALID"), np.array([4.0, 4.0]).reshape(1, 1, 2, 1)),
    "metrics": (lambda tf: tf.keras.metrics.sparse_categorical_accuracy(LABELS, A), np.array([1.0, 0.0])),
    "losses": (lambda tf: tf.keras.losses.MSE(A, B), ((A - B) ** 2).mean(1)),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_functions(name):
    call, want = CALLS[name]
    got = call(tf)
    np.testing.assert_allclose(got.numpy(), want, rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize("name", CALLS)
def test_functions_are_tensorflows(name):
    theirs = pytest.importorskip("tensorflow")
    call, _ = CALLS[name]
    want = np.asarray(call(theirs))
    got = call(tf).numpy()
    assert got.shape == want.shape and got.dtype.kind == want.dtype.kind
    np.testing.assert_allclose(got, want, rtol=2e-6, atol=1e-6)


def test_a_tape_sums_what_it_differentiates():
    x = tf.Variable([1.0, 2.0, 3.0])
    with tf.GradientTape() as tape:
        y = x * x
    assert tape.gradient(y, x).numpy().tolist() == [2, 4, 6]
    with pytest.raises(RuntimeError, match="persistent=True"):
        tape.gradient(y, x)


def test_a_tape_of_several_sources_and_targets():
    a, b, c = tf.Variable(2.0), tf.Variable(3.0), tf.Variable(4.0)
    with tf.GradientTape(persistent=True) as tape:
        y, z = a * b, a * a
    found = tape.gradient([y, z], {"a": a, "list": [b, c]})
    assert found["a"].item() == 3 + 4 and found["list"][0].item() == 2 and found["list"][1] is None
    assert tape.gradient(z, a).item() == 4
    assert tape.gradient(z, c, unconnected_gradients="zero").item() == 0
    assert tape.gradient(y, a, output_gradients=tf.constant(10.0)).item() == 30


def test_tapes_within_tapes_give_second_derivatives():
    x = tf.Variable(3.0)
    with tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            y = x**3
        first = inner.gradient(y, x)
    assert first.item() == 27 and outer.gradient(first, x).item() == 18


def test_watching_what_is_no_variable():
    x = tf.constant([[1.0, 2.0]])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.reduce_sum(x * x)
    assert tape.gradient(y, x).numpy().tolist() == [[2, 4]]
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.concat([x**2, x**3], 1)
    np.testing.assert_array_equal(
        tape.jacobian(y, x).numpy()[0, :, 0], [[2, 0], [0, 4], [3, 0], [0, 12]]
    )
    with pytest.raises(TypeError, match="floating-point"):
        tape.watch(tf.constant(1))
    with pytest.raises(TypeError, match=r"tf\.constant"):
        tape.watch(np.ones(2))


def test_an_untrainable_variable_has_no_gradient():
    x = tf.Variable(2.0, trainable=False)
    with tf.GradientTape() as tape:
        y = x * 2.0
    assert tape.gradient(y, x) is None


def test_variables():
    v = tf.Variable([1.0, 2.0], name="v")
    assert v.assign([3.0, 4.0]).numpy().tolist() == [3, 4]
    v.assign_add([1.0, 1.0])
    v.assign_sub([0.5, 0.0])
    assert v.numpy().tolist() == [3.5, 5] and v.name == "v"
    assert (v + 1).numpy().tolist() == [4.5, 6]
    assert tf.Variable(3).dtype == tf.int64 and tf.Variable(3.0).dtype == tf.float32
    with pytest.raises(cygnet.ShapeError, match=r"'v' has shape \(2,\), the value has \(3,\)"):
        v.assign([1.0, 2.0, 3.0])
    layer = keras.layers.Layer()
    layer.kernel = v
    assert layer.trainable_variables == [v]


def test_a_training_loop_of_ones_own():
    tf.random.set_seed(0)
    x = tf.random.normal((256, 3))
    y = tf.reduce_sum(x * tf.constant([1.0, -2.0, 0.5]), axis=1, keepdims=True)
    dataset = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(256).batch(32).prefetch(1)
    model = tf.keras.Sequential([tf.keras.layers.Dense(1)])
    optimizer = tf.keras.optimizers.Adam(0.05)
    mean = tf.keras.metrics.Mean()

    @tf.function
    def step(inputs, targets):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(model(inputs, training=True) - targets))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        mean(loss)

    for _ in range(25):
        mean.reset_state()
        for inputs, targets in dataset:
            step(inputs, targets)
    assert f"{mean.result():.4f}" == "0.0000" and float(optimizer.iterations) == 200


def listed(dataset):
    return [np.asarray(each).tolist() for each in dataset]


def test_pipelines():
    numbers = tf.data.Dataset.range(7)
    assert len(numbers.batch(3)) == 3 and listed(numbers.batch(3))[-1] == [6]
    assert listed(numbers.batch(3, drop_remainder=True)) == [[0, 1, 2], [3, 4, 5]]
    assert listed(numbers.map(lambda x: x * 10).take(2)) == [0, 10]
    assert listed(numbers.filter(lambda x: x % 2 == 0)) == [0, 2, 4, 6]
    assert listed(numbers.skip(5).repeat(2)) == [5, 6, 5, 6]
    assert len(numbers.repeat(3)) == 21
    assert listed(numbers.take(1).concatenate(numbers.skip(6))) == [0, 6]
    first, second = next(iter(tf.data.Dataset.zip((numbers, numbers.skip(1)))))
    assert (int(first), int(second)) == (0, 1)
    rows = tf.data.Dataset.from_tensor_slices((A, LABELS))
    a, label = next(iter(rows))
    assert a.numpy().tolist() == A[0].tolist() and int(label) == 2
    by_name = tf.data.Dataset.from_tensor_slices({"a": A, "label": LABELS}).batch(2)
    assert next(iter(by_name))["label"].numpy().tolist() == [2, 0]
    made = tf.data.Dataset.from_generator(lambda: iter([1.0, 2.0]))
    assert listed(made.cache()) == [1, 2]
    (element,) = tf.data.Dataset.from_tensors(A).as_numpy_iterator()
    assert isinstance(element, np.ndarray)


@pytest.mark.parametrize("map_first", [False, True])
def test_shuffling(map_first):
    dataset = tf.data.Dataset.from_tensor_slices(np.arange(100))
    if map_first:
        dataset = dataset.map(lambda x: x)
    again = dataset.shuffle(100)
    first, second = listed(again), listed(again)
    assert sorted(first) == list(range(100)) and first != second != list(range(100))
    fixed = dataset.shuffle(100, seed=3, reshuffle_each_iteration=False)
    assert listed(fixed) == listed(fixed) != list(range(100))
    near = listed(tf.data.Dataset.range(100).map(lambda x: x).shuffle(5))
    assert sorted(near) == list(range(100)) and max(i - v for i, v in enumerate(near)) >= -5


def test_random_numbers():
    tf.random.set_seed(1)
    first = tf.random.normal((1000,), mean=2.0, stddev=3.0).numpy()
    tf.random.set_seed(1)
    np.testing.assert_array_equal(first, tf.random.normal((1000,), 2.0, 3.0).numpy())
    assert abs(first.mean() - 2) < 0.4 and abs(first.std() - 3) < 0.3
    whole = tf.random.uniform((1000,), 0, 5, dtype=tf.int32).numpy()
    assert set(whole.tolist()) == {0, 1, 2, 3, 4}
    part = tf.random.uniform((1000,), -1.0, 1.0).numpy()
    assert part.min() < -0.9 and part.max() > 0.9
    cut = tf.random.truncated_normal((1000,)).numpy()
    assert abs(cut).max() <= 2
    drawn = tf.random.categorical(np.array([[0.0, -50.0]], np.float32), 20).numpy()
    assert drawn.shape == (1, 20) and (drawn == 0).all()
    assert sorted(tf.random.shuffle(np.arange(9)).numpy().tolist()) == list(range(9))
    with pytest.raises(ValueError, match="maxval"):
        tf.random.uniform((2,), dtype=tf.int32)


def test_arguments():
    with pytest.raises(TypeError, match="twice"):
        tf.reduce_mean(A, input_tensor=A)
    with pytest.raises(TypeError, match="at most"):
        tf.square(A, 1, 2)
    assert tf.config.list_physical_devices("GPU") == []
    assert tf.is_tensor(tf.constant(1)) and not tf.is_tensor(1)
