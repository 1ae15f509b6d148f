"""The functions of `keras.ops`: against Keras where it is installed, else NumPy's of the same name;
on KerasTensors everywhere.
"""

from __future__ import annotations

import functools
import json
from typing import Any

import numpy as np
import pytest

import cygnet as cn
from cygnet import keras
from cygnet.keras import tree
from cygnet.keras.operation import FUNCTIONS, Operation
from cygnet.keras.ops import elementwise, nn

RNG = np.random.default_rng(0)
X = RNG.standard_normal((2, 3, 4)).astype(np.float32)
Y = RNG.standard_normal((2, 3, 4)).astype(np.float32)
POSITIVE = np.abs(X) + 0.5
UNIT = (RNG.random((2, 3, 4)) * 1.8 - 0.9).astype(np.float32)
WHOLE = RNG.integers(0, 4, (2, 3))
COUNTS = RNG.integers(1, 9, (2, 3, 4))
TRUTH = X > 0
SPECIAL = np.array([[1.0, np.nan, np.inf], [-np.inf, 0.0, -2.0]], np.float32)
PROBABILITIES = np.exp(X) / np.exp(X).sum(-1, keepdims=True)
IMAGE = RNG.random((2, 5, 6, 3)).astype(np.float32)

Row = tuple[str, tuple[Any, ...], dict[str, Any]]
ROWS: list[Row] = []


def row(name: str, *args: Any, **options: Any) -> None:
    ROWS.append((name, args, options))


_DOMAIN = {"arccosh": POSITIVE + 1, "log1p": POSITIVE, "rsqrt": POSITIVE, "sqrt": POSITIVE}
for name in (*elementwise._UNARY, *elementwise._OF_FLOATS):
    if name.startswith("bitwise"):
        row(name, COUNTS)
    elif name.startswith("is") or name == "signbit":
        row(name, SPECIAL)
    elif name == "logical_not":
        row(name, TRUTH)
    else:
        row(name, POSITIVE if name.startswith("log") else _DOMAIN.get(name, UNIT))
for name in elementwise._BINARY:
    if name.startswith("bitwise"):
        row(name, COUNTS, COUNTS[:, :1])
    elif name.startswith("logical"):
        row(name, TRUTH, ~TRUTH[0])
    elif name == "power":
        row(name, POSITIVE, Y[0])
        row(name, POSITIVE, 2)
    else:
        row(name, X, Y[:, :1])
        if name not in ("arctan2", "heaviside", "hypot", "logaddexp", "logaddexp2"):
            row(name, X, 0.5)
            row(name, 2.0, POSITIVE)
row("add", COUNTS, 1)
row("divide", COUNTS, 2)
row("subtract", 1, COUNTS)
for name in ("all", "any"):
    for options in ({}, {"axis": 1}, {"axis": (0, -1), "keepdims": True}):
        row(name, TRUTH, **options)
for name in ("amax", "amin", "max", "mean", "min", "prod", "ptp", "std", "sum", "var", "logsumexp"):
    for options in ({}, {"axis": -1}, {"axis": (0, 2)}, {"axis": 1, "keepdims": True}):
        row(name, X, **options)
    row(name, X, keepdims=True)
for name in ("mean", "sum", "prod", "max", "std"):
    row(name, COUNTS, axis=0)
for name in ("sum", "mean"):
    row(name, TRUTH, axis=0)
row("max", X, axis=1, initial=1.0)
row("min", X, initial=-9.0)
for name in ("nanmean", "nansum"):
    row(name, np.where(X > 1, np.nan, X), axis=2)
for name in ("argmax", "argmin"):
    row(name, X)
    row(name, X, axis=1)
    row(name, X, axis=-1, keepdims=True)
for name in ("cumsum", "cumprod"):
    row(name, X)
    row(name, X, axis=1)
for name in ("sort", "argsort"):
    row(name, X)
    row(name, X, axis=1)
row("count_nonzero", WHOLE)
row("count_nonzero", WHOLE, axis=1)
row("average", X, axis=1)
row("average", X, axis=1, weights=np.array([1.0, 2.0, 5.0], "f4"))
row("average", X, weights=POSITIVE)
row("moments", X, [0, 1])
row("moments", X, 2, keepdims=True)
row("median", X)
row("median", X, axis=1, keepdims=True)
row("quantile", X, 0.3)
row("quantile", X, np.array([0.1, 0.5], "f4"), axis=2)
row("quantile", X, 0.25, axis=(0, 1), keepdims=True)
row("diff", X)
row("diff", X, n=2, axis=1)
row("top_k", X, 2)
row("norm", X[0])
for options in (
    {"axis": 1},
    {"ord": 1, "axis": 2},
    {"ord": np.inf, "axis": 0, "keepdims": True},
    {"ord": "fro", "axis": (1, 2)},
    {"ord": 1, "axis": (1, 2)},
    {"ord": -np.inf, "axis": (2, 0), "keepdims": True},
):
    row("norm", X, **options)
row("normalize", X)
row("normalize", X, axis=1, order=1)
row("clip", X, -0.5, 0.5)
row("divide_no_nan", X, np.where(Y > 0, Y, 0))
row("isclose", X, X + 1e-6)
row("nan_to_num", SPECIAL)
row("nan_to_num", SPECIAL, nan=1.0, posinf=9.0, neginf=-9.0)
row("round", X)
row("round", X, 1)
row("where", TRUTH, X, Y)
row("where", TRUTH, X, 0.0)
row("cast", X * 5, "int32")
row("cast", WHOLE, "float32")
row("cast", WHOLE, "bool")
row("saturate_cast", X * 500, "uint8")
row("cbrt", X)

row("zeros_like", X)
row("ones_like", WHOLE, dtype="float32")
row("full_like", X, 2.5)
row("zeros", (2, 3))
row("ones", (2, 3), dtype="int32")
row("full", (2, 3), 4.5)
row("full", (2, 3), np.array([1.0, 2.0, 3.0], "f4"))
row("arange", 5)
row("arange", 1, 2, 0.25)
row("linspace", 0, 1, 5)
row("linspace", 0.0, 2.0, num=4, endpoint=False)
row("logspace", 0.0, 2.0, 3)
row("eye", 3)
row("eye", 3, 4, k=1)
row("identity", 2)
row("tri", 3, k=-1)
row("meshgrid", np.arange(3.0), np.arange(2.0))
row("meshgrid", np.arange(3.0), np.arange(2.0), indexing="ij")

row("reshape", X, (6, -1))
row("reshape", X, (2, -1, 2, 2))
row("ravel", X)
row("transpose", X)
row("transpose", X, (0, 2, 1))
row("swapaxes", X, 0, -1)
row("moveaxis", X, 0, -1)
row("moveaxis", X, (0, 1), (2, 0))
row("expand_dims", X, 1)
row("expand_dims", X, -1)
row("expand_dims", X, (0, -1))
row("squeeze", X[:, :1])
row("squeeze", X[:, :1], axis=1)
row("broadcast_to", X[:, :1], (2, 3, 4))
row("concatenate", [X, Y])
row("concatenate", [X, COUNTS.astype("f4")], axis=-1)
row("stack", [X, Y])
row("stack", [X, Y], axis=-1)
row("unstack", X, axis=1)
row("split", X, 2, axis=2)
row("split", X, [1, 3], axis=-1)
row("array_split", X, 2, axis=1)
row("hstack", [X, Y])
row("vstack", [X, Y])
row("dstack", [X[0], Y[0]])
row("append", X, Y)
row("append", X, Y, axis=1)
row("tile", X, 2)
row("tile", X, (2, 1, 3))
row("repeat", X, 2)
row("repeat", X, 3, axis=1)
row("repeat", X, np.array([1, 0, 2]), axis=1)
row("pad", X, ((0, 1), (2, 0), (1, 1)), constant_values=3.0)
row("pad", X, ((0, 0), (2, 0), (1, 1)), mode="reflect")
row("pad", X, ((0, 0), (2, 0), (1, 1)), mode="symmetric")
row("flip", X)
row("flip", X, axis=1)
row("roll", X, 1, axis=2)
row("roll", X, 2)
row("rot90", X)
row("take", X, WHOLE[0] % 3, axis=1)
row("take", X, np.array([[0, 2], [1, -1]]), axis=-1)
row("take", X, np.array([0, 20]))
row("take_along_axis", X, np.argsort(X, 1), axis=1)
row("slice", X, (0, 1, 2), (2, 2, 1))
row("slice_update", X, (0, 1, 2), Y[:, :2, :1])
row("scatter", np.array([[1], [3], [1]]), np.array([1.0, 2.0, 3.0], "f4"), (5,))
row("scatter_update", X[0], np.array([[0, 1], [2, 2]]), np.array([7.0, 8.0], "f4"))
row("nonzero", WHOLE)
row("searchsorted", np.array([0.0, 1.0, 2.0], "f4"), np.array([0.5, 1.0], "f4"))
row("searchsorted", np.array([0.0, 1.0, 2.0], "f4"), np.array([0.5, 1.0], "f4"), side="right")
row("digitize", X, np.array([-1.0, 0.0, 1.0], "f4"))
row("bincount", WHOLE.ravel(), minlength=6)
row("isin", WHOLE, np.array([1, 3]))
row("diag", X[0, 0])
row("diag", X[0], k=1)
row("diagonal", X, axis1=1, axis2=2)
row("trace", X, offset=1)
row("tril", X)
row("triu", X, k=1)
row("get_item", X, (slice(None), 1, slice(0, 2)))
row("get_item", X, 1)

row("matmul", X, np.swapaxes(Y, 1, 2))
row("matmul", X, Y[0, 0])
row("dot", X, Y[0].T)
row("dot", X[0, 0], Y[0, 0])
row("vdot", X, Y)
row("inner", X, Y[0])
row("outer", X[0], Y[1])
row("kron", X[0], Y[1])
row("tensordot", X, Y, axes=[[1, 2], [1, 2]])
row("einsum", "bij,bkj->bik", X, Y)
row("einsum", "bij->j", X)

for name in nn._ACTIVATIONS:
    if name != "sparsemax":  # Keras's gives no shares: they do not sum to 1
        row(name, X, **({"threshold": 0.2, "default_value": -1.0} if name == "threshold" else {}))
row("gelu", X, approximate=False)
row("leaky_relu", X, negative_slope=0.3)
row("softmax", X, axis=1)
row("softmax", X, axis=(1, 2))
row("one_hot", WHOLE, 5)
row("one_hot", np.array([-1, 2, 7]), 4)
row("one_hot", WHOLE, 4, axis=1, dtype="int32")
row("multi_hot", WHOLE, 5)
row("in_top_k", np.array([1, 3, 0]), X[0], 2)
row("batch_normalization", X, X[0, 0], POSITIVE[0, 0], -1, Y[0, 0], Y[0, 1])
row("batch_normalization", X, X[0, :, 0], POSITIVE[0, :, 0], 1)
row("layer_normalization", X, X[0, 0], Y[0, 0], axis=-1)
row("rms_normalization", X, X[0, 0])
for logits in (False, True):
    row(
        "binary_crossentropy",
        (Y > 0).astype("f4"),
        X if logits else PROBABILITIES,
        from_logits=logits,
    )
    shares, outputs = PROBABILITIES[::-1].copy(), X if logits else POSITIVE
    row("categorical_crossentropy", shares, outputs, from_logits=logits)
    row("sparse_categorical_crossentropy", WHOLE, outputs, from_logits=logits)
RESIZINGS = ("nearest", "bilinear", "bicubic")
HEADS = [RNG.standard_normal((2, n, 2, 4)).astype(np.float32) for n in (3, 5, 5)]
row("dot_product_attention", *HEADS)
row("dot_product_attention", *HEADS, is_causal=True, scale=0.3)
row("dot_product_attention", *HEADS, mask=RNG.random((2, 1, 3, 5)) < 0.7)
row("dot_product_attention", *HEADS, bias=RNG.random((2, 2, 3, 5)).astype("f4"), is_causal=True)
row("max_pool", IMAGE, 2)
row("average_pool", IMAGE, (2, 3), 1, "same")
for options in ({}, *({"interpolation": n, "antialias": n != "nearest"} for n in RESIZINGS)):
    row("image.resize", IMAGE, (8, 3), **options)
    row("image.resize", IMAGE[0], (3, 9), **options)
row("image.rgb_to_grayscale", IMAGE)
row("image.extract_patches", IMAGE, 2)
row("image.extract_patches", IMAGE, (2, 3), strides=(1, 2), padding="same")
row("image.extract_patches", IMAGE[0], (3, 2), strides=1)
row("segment_sum", X[:, 0].T.copy(), np.array([0, 2, 0, 3]), 5)
row("segment_sum", np.arange(4.0), np.array([0, 1, 0, 2]))
row("percentile", X, 30, axis=1)
row("percentile", X, np.array([10.0, 50.0], "f4"))


def named(library: Any, name: str) -> Any:
    return functools.reduce(getattr, name.split("."), library)


def wanted(name: str, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
    try:
        import keras as theirs
    except ImportError:
        function = getattr(np, name, None)
        if function is None:
            pytest.skip("neither Keras, an oracle where it is installed, nor NumPy has it")
        try:
            return function(*args, **options)
        except TypeError:
            pytest.skip("NumPy's function takes other arguments")
    found = named(theirs.ops, name)(*args, **options)
    return tree.map_structure(np.asarray, found)


IDS = [f"{i} {row[0]}" for i, row in enumerate(ROWS)]


@pytest.mark.parametrize(("name", "args", "options"), ROWS, ids=IDS)
def test_values(name: str, args: Any, options: Any) -> None:
    with np.errstate(all="ignore"):
        expected = tree.flatten(wanted(name, args, options))
    found = tree.flatten(named(keras.ops, name)(*args, **options))
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        other = np.asarray(other)
        assert one.shape == other.shape
        kind = {"u": "i"}.get(other.dtype.kind, other.dtype.kind)
        assert {"u": "i"}.get(one.dtype.kind, one.dtype.kind) == kind
        np.testing.assert_allclose(one.numpy(), other, rtol=2e-5, atol=1e-5)


def is_data(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.ndim > 1


@pytest.mark.parametrize(
    ("name", "args", "options"),
    [row for row in ROWS if row[0] in FUNCTIONS and any(map(is_data, tree.flatten(row[1])))],
)
def test_symbolic(name: str, args: Any, options: Any) -> None:
    """A KerasTensor for the first array gives an operation; the model computes the same."""
    if name in ("nonzero", "bincount", "get_item"):
        pytest.skip("shapes that depend on data; an index that is an argument of Python")
    first = next(array for array in tree.flatten(args) if is_data(array))
    batched = first.shape[1:]
    symbol = keras.Input(batch_shape=first.shape, dtype=str(first.dtype))
    symbolic = tree.map_structure(lambda x: symbol if x is first else x, args)
    outputs = named(keras.ops, name)(*symbolic, **options)
    expected = tree.flatten(named(keras.ops, name)(*args, **options))
    specs = tree.flatten(outputs)
    assert [spec.shape for spec in specs] == [tensor.shape for tensor in expected], batched
    node = specs[0].node
    assert isinstance(node.layer, Operation)
    again = Operation.from_config(json.loads(json.dumps(node.layer.get_config())))
    value = cn.tensor(first)
    found = again(
        *tree.map_structure(lambda x: value if x is symbol else x, node.args), **node.kwargs
    )
    for one, other in zip(tree.flatten(found), expected, strict=True):
        np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=1e-6)


def test_operators() -> None:
    x = keras.Input((3, 4))
    y = keras.Input((3, 4))
    value, other = cn.tensor(X), cn.tensor(POSITIVE)
    for function in (
        lambda a, b: a + b - 2.0 * a / b,
        lambda a, b: 1.0 - a**2 + (-b),
        lambda a, b: abs(a) @ keras.ops.transpose(b, (0, 2, 1)),
        lambda a, b: a[:, 1:, None] + b[:, None, :1],
        lambda a, b: keras.ops.where(a > b, a, b) + (a <= 0.5),
        lambda a, b: 3.0 // b + b % 2.0,
        lambda a, b: a[:, -1] * b[:, 0],
    ):
        model = keras.Model([x, y], function(x, y))
        expected = function(value, other)
        found = model([value, other])
        assert model.output_shape[1:] == expected.shape[1:]
        np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-6)


def test_gradient_through_functions() -> None:
    x = cn.tensor(X).requires_grad_()
    keras.ops.sum(keras.ops.square(x) * keras.ops.stop_gradient(x)).backward()
    np.testing.assert_allclose(x.grad.numpy(), 2 * X * X, rtol=1e-6)


def test_what_tensors_are() -> None:
    x = keras.Input((3, 4))
    assert keras.ops.shape(x) == (None, 3, 4)
    assert keras.ops.shape(X) == (2, 3, 4)
    assert keras.ops.ndim(x) == 3
    assert keras.ops.size(X) == 24
    assert keras.ops.dtype(x) == "float32"
    assert keras.ops.is_tensor(x) and not keras.ops.is_tensor(X)
    tensor = keras.ops.convert_to_tensor([1, 2, 3], dtype="float32")
    assert tensor.dtype == np.float32
    assert isinstance(keras.ops.convert_to_numpy(tensor), np.ndarray)
    assert keras.ops.allclose(X, X + 1e-7) and not keras.ops.allclose(X, Y)
    assert keras.ops.unique(np.array([2, 1, 2])).tolist() == [1, 2]


def test_loops() -> None:
    ops = keras.ops
    assert ops.fori_loop(0, 4, lambda i, total: total + i, 0) == 6
    assert ops.while_loop(lambda i: i < 5, lambda i: i + 2, 0) == 6
    assert ops.cond(True, lambda: 1, lambda: 2) == 1
    np.testing.assert_allclose(ops.map(lambda x: x * 2, X).numpy(), X * 2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Operation("ad"), "unknown function 'ad'; near it are"),
        (lambda: keras.ops.squeeze(X, axis=1), "axis 1 has size 3, expected 1"),
        (lambda: keras.ops.split(X, 3, axis=2), "size 4, expected a multiple of 3"),
        (lambda: keras.ops.pad(X, 1, mode="wrap"), "mode is 'wrap'"),
        (lambda: keras.ops.norm(X, ord=3, axis=(0, 1)), "ord is 3"),
        (lambda: keras.ops.image.resize(IMAGE, (2, 2), "x"), "interpolation is 'x'"),
        (lambda: keras.ops.scatter_update(X, [[0]], X[:1], "mul"), "reduction is 'mul'"),
    ],
)
def test_errors(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
