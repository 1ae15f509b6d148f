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
    "argmax of a type": (lambda tf: tf.argmax(A, 1, output_type=tf.int32), A.argmax(1)),
    "gather by rows": (lambda tf: tf.gather(A, [[2, 0], [1, 1]], batch_dims=1), np.array([[3.0, 1], [4, 4]])),
    "gather one of each row": (lambda tf: tf.gather(A, [2, 0], batch_dims=1), np.array([3.0, 0.5])),
    "gather slices by rows": (
        lambda tf: tf.gather(A.reshape(1, 2, 3), [[1, 0, 1]], axis=1, batch_dims=1),
        A[[1, 0, 1]][None],
    ),
    "gather_nd": (lambda tf: tf.gather_nd(A, [[0, 1], [1, 2]]), np.array([-2.0, -1.5])),
    "gather_nd of rows": (lambda tf: tf.gather_nd(A, [[1]]), A[1:]),
    "scatter_nd": (lambda tf: tf.scatter_nd([[1], [3]], [5.0, 6.0], [4]), np.array([0.0, 5, 0, 6])),
    "tensor_scatter_nd_update": (
        lambda tf: tf.tensor_scatter_nd_update(A, [[0, 1]], [9.0]),
        np.array([[1.0, 9, 3], [0.5, 4, -1.5]]),
    ),
    "slice": (lambda tf: tf.slice(A, [0, 1], [-1, 2]), A[:, 1:3]),
    "where of places": (lambda tf: tf.where(A > 0), np.argwhere(A > 0)),
    "constant repeated": (lambda tf: tf.constant(0, shape=(2,), dtype=tf.float64), np.zeros(2)),
    "one_hot of values": (
        lambda tf: tf.one_hot([1, 0], 2, on_value=5.0, off_value=-1.0, axis=0),
        np.array([[-1.0, 5], [5, -1]]),
    ),
    "one_hot of a type": (lambda tf: tf.one_hot(LABELS, 3, dtype=tf.int32), ONE_HOT),
    "sort": (lambda tf: tf.sort(A, direction="DESCENDING"), -np.sort(-A)),
    "argsort": (lambda tf: tf.argsort(A, axis=0, direction="DESCENDING"), np.argsort(-A, 0)),
    "argsort rising": (lambda tf: tf.argsort(A), np.argsort(A)),
    "cumsum exclusive": (lambda tf: tf.cumsum(A, 1, exclusive=True), np.array([[0.0, 1, -1], [0, 0.5, 4.5]])),
    "cumsum reverse": (lambda tf: tf.cumsum(A, 1, reverse=True), A[:, ::-1].cumsum(1)[:, ::-1]),
    "cumprod exclusive, reverse": (
        lambda tf: tf.math.cumprod(A, 1, exclusive=True, reverse=True),
        np.array([[-6.0, 3, 1], [-6, -1.5, 1]]),
    ),
    "range by name": (lambda tf: tf.range(start=2, limit=9, delta=3), np.array([2, 5, 8])),
    "range to a limit": (lambda tf: tf.range(3, delta=2), np.array([0, 2])),
    "range of a tensor": (lambda tf: tf.range(tf.shape(A)[0]), np.array([0, 1])),
    "norm of order 1": (lambda tf: tf.norm(A, 1), np.abs(A).sum()),
    "norm of order 2": (lambda tf: tf.norm(A, ord=2, keepdims=True), np.array([[np.linalg.norm(A)]])),
    "norm of a matrix": (lambda tf: tf.norm(A, ord=1, axis=[0, 1]), np.linalg.norm(A, 1)),
    "norm of rows": (lambda tf: tf.norm(A, axis=1), np.linalg.norm(A, axis=1)),
    "ones of a tensor's shape": (lambda tf: tf.ones(tf.shape(A)), np.ones((2, 3))),
    "zeros of a tensor's shape": (lambda tf: tf.zeros(shape=tf.shape(A)), np.zeros((2, 3))),
    "fill a tensor's shape": (lambda tf: tf.fill(tf.shape(A), 2.0), np.full((2, 3), 2.0)),
    "reshape to a tensor's shape": (lambda tf: tf.reshape(A.ravel(), tf.shape(A)), A),
    "broadcast_to a tensor's shape": (lambda tf: tf.broadcast_to(A[0], tf.shape(A)), A[[0, 0]]),
    "random of a tensor's shape": (lambda tf: tf.random.normal(shape=tf.shape(A)) * 0, np.zeros((2, 3))),
    "squared_difference": (lambda tf: tf.math.squared_difference(A, B), (A - B) ** 2),
    "sequence_mask": (
        lambda tf: tf.sequence_mask([1, 3], 4, dtype=tf.float32),
        np.array([[1.0, 0, 0, 0], [1, 1, 1, 0]]),
    ),
    "sequence_mask of the longest": (lambda tf: tf.sequence_mask([1, 2]), np.array([[True, False], [True, True]])),
    "cond": (lambda tf: tf.cond(tf.reduce_sum(A) > 0, lambda: tf.constant(1.0), lambda: tf.constant(2.0)), 1.0),
    "while_loop": (lambda tf: tf.while_loop(lambda i, x: i < 3, lambda i, x: (i + 1, x * 2), (0, tf.constant(A)))[1], A * 8),
    "map_fn": (lambda tf: tf.map_fn(lambda row: tf.reduce_sum(row), tf.constant(A)), A.sum(1)),
    "map_fn of a tuple": (
        lambda tf: tf.map_fn(lambda pair: (pair[0] + pair[1], pair[0]), (tf.constant(A), tf.constant(B)))[0],
        A + B,
    ),
    "zeros_initializer": (lambda tf: tf.zeros_initializer()(shape=(2, 2), dtype=tf.float32), np.zeros((2, 2))),
    "linalg.band_part": (lambda tf: tf.linalg.band_part(np.ones((3, 3), np.float32), -1, 0), np.tri(3)),
    "linalg.band_part of a band": (lambda tf: tf.linalg.band_part(np.ones((3, 3), np.float32), 0, 1), np.eye(3) + np.eye(3, k=1)),
    "linalg.det": (lambda tf: tf.linalg.det(A[:2, :2] + 3 * np.eye(2, dtype=np.float32)), np.linalg.det(A[:2, :2] + 3 * np.eye(2))),
    "linalg.inv": (lambda tf: tf.linalg.inv(np.array([[2.0, 1.0], [0.0, 4.0]], np.float32), adjoint=True), np.array([[0.5, 0.0], [-0.125, 0.25]])),
    "linalg.solve": (lambda tf: tf.linalg.solve(np.array([[2.0, 1.0], [0.0, 4.0]], np.float32), np.array([[4.0], [8.0]], np.float32)), np.array([[1.0], [2.0]])),
    "linalg.solve of the adjoint": (lambda tf: tf.linalg.solve(np.array([[2.0, 1.0], [0.0, 4.0]], np.float32), np.array([[4.0], [10.0]], np.float32), adjoint=True), np.array([[2.0], [2.0]])),
    "linalg.diag": (lambda tf: tf.linalg.diag([1.0, 2.0]), np.diag([1.0, 2.0])),
    "linalg.diag_part": (lambda tf: tf.linalg.diag_part(A[None, :, :2]), np.array([[1.0, 4.0]])),
    "linalg.trace": (lambda tf: tf.linalg.trace(A[None, :, :2]), np.array([5.0])),
    "linalg.matvec": (lambda tf: tf.linalg.matvec(A, [1.0, 2.0, 3.0]), A @ [1, 2, 3]),
    "math.count_nonzero": (lambda tf: tf.math.count_nonzero(A > 0, axis=1), np.array([2, 2])),
    "math.is_nan": (lambda tf: tf.math.is_nan(A), np.zeros((2, 3), bool)),
    "math.bincount": (lambda tf: tf.math.bincount([1, 3, 1], minlength=5), np.array([0, 2, 0, 1, 0])),
    "image.resize": (lambda tf: tf.image.resize(A[..., None], [4, 6], method="nearest"), A.repeat(2, 0).repeat(2, 1)[..., None]),
    "image.flip_left_right": (lambda tf: tf.image.flip_left_right(A[..., None]), A[:, ::-1, None]),
    "image.flip_up_down": (lambda tf: tf.image.flip_up_down(A[None, ..., None]), A[None, ::-1, :, None]),
    "image.central_crop": (lambda tf: tf.image.central_crop(np.arange(35.0).reshape(5, 7, 1), 0.5), np.arange(35.0).reshape(5, 7, 1)[1:4, 1:6]),
    "image.convert_image_dtype": (
        lambda tf: tf.image.convert_image_dtype(np.array([[[0], [255]]], np.uint8), tf.float32),
        np.array([[[0.0], [1.0]]]),
    ),
    "image.convert_image_dtype to integers": (
        lambda tf: tf.image.convert_image_dtype(np.array([[[0.0], [0.5], [1.0]]], np.float32), tf.uint8),
        np.array([[[0], [127], [255]]]),
    ),
    "image.grayscale_to_rgb": (lambda tf: tf.image.grayscale_to_rgb(tf.constant(A[..., None])), A[..., None].repeat(3, -1)),
    "nn.batch_normalization": (
        lambda tf: tf.nn.batch_normalization(A, np.float32([1, 2, 3]), np.float32([4, 4, 4]), 0.5, 2.0, 0.0),
        (A - np.array([1, 2, 3])) + 0.5,
    ),
    "weighted cross-entropy": (
        lambda tf: tf.nn.weighted_cross_entropy_with_logits(ONE_HOT, A, 3.0),
        np.where(ONE_HOT > 0, 3 * np.log1p(np.exp(-A)), np.log1p(np.exp(A))),
    ),
    "backend.argmax": (lambda tf: tf.keras.backend.argmax(A), A.argmax(-1)),
    "backend.clip": (lambda tf: tf.keras.backend.clip(A, min_value=-1, max_value=2), A.clip(-1, 2)),
    "backend.concatenate": (lambda tf: tf.keras.backend.concatenate([tf.constant(A), tf.constant(B)]), np.concatenate([A, B], -1)),
    "backend.binary_crossentropy": (
        lambda tf: tf.keras.backend.binary_crossentropy(tf.constant(ONE_HOT), tf.constant(A), from_logits=True),
        np.log1p(np.exp(A)) - A * ONE_HOT,
    ),
    "backend": (lambda tf: tf.keras.backend.flatten(tf.keras.backend.square(A)), A.ravel() ** 2),
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


def ragged(tf):
    return tf.data.Dataset.range(1, 4).map(lambda n: tf.fill([n], n))


PIPELINES = {
    "a list is one tensor": (
        lambda tf: tf.data.Dataset.from_tensor_slices([np.ones(2), np.zeros(2)]),
        [[1, 1], [0, 0]],
    ),
    "a list of lists": (lambda tf: tf.data.Dataset.from_tensor_slices([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
    "a list of tuples": (lambda tf: tf.data.Dataset.from_tensor_slices([(1, 2), (3, 4)]), [[1, 2], [3, 4]]),
    "a list of tensors": (
        lambda tf: tf.data.Dataset.from_tensor_slices([tf.constant([1, 2]), tf.constant([3, 4])]),
        [[1, 2], [3, 4]],
    ),
    "a tuple of lists": (
        lambda tf: tf.data.Dataset.from_tensor_slices(([1, 2], [np.ones(2), np.zeros(2)])).map(lambda a, b: b),
        [[1, 1], [0, 0]],
    ),
    "from_tensors of a list": (lambda tf: tf.data.Dataset.from_tensors([1, 2]), [[1, 2]]),
    "window": (
        lambda tf: tf.data.Dataset.range(7).window(3, shift=2, drop_remainder=True).flat_map(lambda w: w.batch(3)),
        [[0, 1, 2], [2, 3, 4], [4, 5, 6]],
    ),
    "window with a remainder": (
        lambda tf: tf.data.Dataset.range(5).window(2).flat_map(lambda w: w.batch(2)),
        [[0, 1], [2, 3], [4]],
    ),
    "window with gaps": (
        lambda tf: tf.data.Dataset.range(12).window(2, 5, 2, True).flat_map(lambda w: w.batch(2)),
        [[0, 2], [5, 7]],
    ),
    "window with a shift over its size": (
        lambda tf: tf.data.Dataset.range(12).window(2, 5).flat_map(lambda w: w.batch(2)),
        [[0, 1], [5, 6], [10, 11]],
    ),
    "windows of pairs": (
        lambda tf: tf.data.Dataset.from_tensor_slices(([1, 2, 3], [4, 5, 6]))
        .window(2, 1, drop_remainder=True)
        .flat_map(lambda a, b: tf.data.Dataset.zip((a.batch(2), b.batch(2))))
        .map(lambda a, b: a + b),
        [[5, 7], [7, 9]],
    ),
    "unbatch": (lambda tf: tf.data.Dataset.range(3).batch(2).unbatch(), [0, 1, 2]),
    "padded_batch": (lambda tf: ragged(tf).padded_batch(2), [[[1, 0], [2, 2]], [[3, 3, 3]]]),
    "padded_batch of a shape": (
        lambda tf: ragged(tf).padded_batch(2, [4], tf.constant(-1, tf.int64), drop_remainder=True),
        [[[1, -1, -1, -1], [2, 2, -1, -1]]],
    ),
    "padded_batch of pairs": (
        lambda tf: ragged(tf).map(lambda x: (x, x[0])).padded_batch(3, ([None], [])).map(lambda a, b: a[:, 1] + b),
        [[1, 4, 6]],
    ),
    "interleave": (
        lambda tf: tf.data.Dataset.range(1, 5).interleave(
            lambda n: tf.data.Dataset.from_tensors(n).repeat(n), cycle_length=2, block_length=2
        ),
        [1, 2, 2, 3, 3, 3, 4, 4, 4, 4],
    ),
    "shard": (lambda tf: tf.data.Dataset.range(7).shard(3, 1), [1, 4]),
    "apply": (lambda tf: tf.data.Dataset.range(3).apply(lambda d: d.skip(1)), [1, 2]),
    "take all": (lambda tf: tf.data.Dataset.range(3).take(-1), [0, 1, 2]),
    "repeat nothing": (lambda tf: tf.data.Dataset.range(0).repeat(), []),
    "reduce": (
        lambda tf: [tf.data.Dataset.range(4).reduce(np.int64(0), lambda total, x: total + x).numpy()],
        [6],
    ),
}  # fmt: skip
COUNTS = {
    "range": (lambda tf: tf.data.Dataset.range(5), 5),
    "endless": (lambda tf: tf.data.Dataset.range(5).repeat().batch(2), -1),
    "unknown": (lambda tf: tf.data.Dataset.range(5).filter(lambda x: x > 2).batch(2), -2),
    "part of endless": (lambda tf: tf.data.Dataset.range(5).repeat().skip(2).take(9), 9),
    "part of unknown": (lambda tf: tf.data.Dataset.range(5).filter(lambda x: x > 2).take(1), -2),
    "zip": (
        lambda tf: tf.data.Dataset.zip((tf.data.Dataset.range(3), tf.data.Dataset.range(5).repeat())),
        3,
    ),
    "concatenate": (
        lambda tf: tf.data.Dataset.range(3).concatenate(tf.data.Dataset.range(5).repeat()),
        -1,
    ),
    "window": (lambda tf: tf.data.Dataset.range(10).window(3, 2, drop_remainder=True), 4),
    "windows": (lambda tf: tf.data.Dataset.range(10).window(3, 2), 5),
    "shard": (lambda tf: tf.data.Dataset.range(7).shard(3, 1), 2),
}  # fmt: skip


@pytest.mark.parametrize("name", PIPELINES)
@pytest.mark.parametrize("theirs", [False, True])
def test_pipelines_are_tensorflows(name, theirs):
    library = pytest.importorskip("tensorflow") if theirs else tf
    made, want = PIPELINES[name]
    assert listed(made(library)) == want


@pytest.mark.parametrize("name", COUNTS)
@pytest.mark.parametrize("theirs", [False, True])
def test_cardinalities(name, theirs):
    library = pytest.importorskip("tensorflow") if theirs else tf
    made, want = COUNTS[name]
    counted = made(library).cardinality()
    assert counted.numpy() == want == library.data.experimental.cardinality(made(library)).numpy()


def test_pipelines_that_fail():
    with pytest.raises(TypeError, match="infinite"):
        len(tf.data.Dataset.range(2).repeat())
    with pytest.raises(cygnet.ShapeError, match="one shape"):
        tf.data.Dataset.from_tensor_slices([[1], [1, 2]])
    with pytest.raises(cygnet.ShapeError, match="is less than 3"):
        listed(ragged(tf).padded_batch(3, [2]))
    with pytest.raises(ValueError, match="index expected"):
        tf.data.Dataset.range(2).shard(2, 2)


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
    assert tf.constant(0, shape=(2,), dtype=tf.float64).dtype == tf.float64
    for call in (tf.gather, tf.norm, tf.pad, tf.tensor_scatter_nd_update):
        with pytest.raises(TypeError, match="unknown"):
            call(A, [[0, 0], [0, 0]], unknown=1)
    with pytest.raises(ValueError, match="batch_dims expected"):
        tf.gather(A, [[[0]]], batch_dims=1)
    with pytest.raises(ValueError, match="batch_dims expected"):
        tf.gather(A, [[0], [0]], axis=0, batch_dims=1)
    with pytest.raises(ValueError, match="direction expected"):
        tf.sort(A, direction="down")
    with pytest.raises(ValueError, match="sum of 3"):
        tf.split(A, [1, 1], axis=1)


def test_functional_models_of_functions():
    inputs = tf.keras.Input((3,))
    first, _ = tf.split(inputs, [2, 1], axis=1)
    products = tf.matmul(inputs, tf.nn.l2_normalize(tf.identity(inputs), axis=1), transpose_b=True)
    assert tf.shape(inputs) == (None, 3)
    model = tf.keras.Model(inputs, [first, products, tf.reshape(inputs, (-1, 1))])
    first, products, rows = model(A)
    np.testing.assert_array_equal(first.numpy(), A[:, :2])
    normed = A / np.linalg.norm(A, axis=1, keepdims=True)
    np.testing.assert_allclose(products.numpy(), A @ normed.T, rtol=1e-6)
    assert rows.shape == (6, 1)


def test_the_backends_values_are_copies():
    variable = tf.Variable([1.0, 2.0])
    value = keras.backend.get_value(variable)
    variable.assign([3.0, 4.0])
    assert value.tolist() == [1, 2] and keras.backend.int_shape(keras.Input((3,))) == (None, 3)
    assert keras.backend.random_normal((2, 3)).shape == (2, 3)


def test_modules_and_specs():
    class Affine(tf.Module):
        def __init__(self, name=None):
            super().__init__(name)
            self.w, self.b = tf.Variable(2.0), tf.Variable(1.0, trainable=False)

        def __call__(self, x):
            return self.w * x + self.b

    affine = Affine("affine")
    assert affine(3.0).item() == 7 and affine.name == "affine"
    assert len(affine.trainable_variables) == 1 and len(affine.variables) == 2
    spec = tf.TensorSpec(shape=[None, 3], dtype=tf.int64)
    assert spec.shape == (None, 3) and tf.TensorShape([2, 3]).num_elements() == 6
    assert int(tf.__version__.split(".")[0]) == 2 and tf.executing_eagerly()
    with tf.device("/GPU:0"):
        assert tf.constant(1.0).item() == 1


def test_pictures_flipped_at_random():
    tf.random.set_seed(0)
    pictures = tf.constant(np.arange(64.0).reshape(64, 1, 1, 1) + np.array([[0.0], [0.5]]))
    flipped = tf.image.random_flip_left_right(pictures).numpy()[:, 0, :, 0]
    turned = flipped[:, 0] % 1 == 0.5
    assert 16 < turned.sum() < 48
    np.testing.assert_array_equal(np.sort(flipped), pictures.numpy()[:, 0, :, 0])
