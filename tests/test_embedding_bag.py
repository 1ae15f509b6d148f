"""Embeddings and bags of them: bad input and what rows cannot hold."""

from __future__ import annotations

import numpy as np
import pytest

import cygnet as cn
from cygnet import nn
from cygnet.kernels import DTypeError, ShapeError
from cygnet.nn import functional

INDEX = cn.tensor([0, 1, 3, 2, 2])
OFFSETS = cn.tensor([0, 2])


def table(*numbers: float) -> cn.Tensor:
    return cn.tensor(np.array(numbers or np.arange(4.0)).reshape(-1, 1), requires_grad=True)


def test_what_follows_the_last_offset_counts_for_nothing() -> None:
    for mode, expected in (("sum", [0, 4]), ("mean", [0, 2]), ("max", [0, 3])):
        weight = table()
        result = functional.embedding_bag(
            INDEX, weight, cn.tensor([0, 1, 3]), mode=mode, include_last_offset=True
        )
        assert result[:, 0].tolist() == expected
        result.sum().backward()
        assert weight.grad is not None
        assert weight.grad.tolist()[2] == [0]


def test_gradients_by_frequency() -> None:
    weight = table()
    functional.embedding_bag(
        INDEX, weight, OFFSETS, scale_grad_by_freq=True, mode="sum", padding_idx=0
    ).sum().backward()
    assert weight.grad is not None
    assert weight.grad.ravel().tolist() == [0, 1, 1, 1]


def test_ties_and_nan_in_maxima() -> None:
    weight = table(1.0, 1.0, np.nan, 0.0)
    result = functional.embedding_bag(INDEX, weight, OFFSETS, mode="max")
    np.testing.assert_array_equal(result.detach().numpy(), [[1.0], [np.nan]])
    result.sum().backward()
    assert weight.grad is not None
    assert weight.grad.ravel().tolist() == [1, 0, 1, 0]
    bag = functional.embedding_bag(cn.tensor([[1, 1], [0, 1]]), table(), mode="max", padding_idx=1)
    assert bag.ravel().tolist() == [0, 0]


def test_no_bags_and_no_positions() -> None:
    none = cn.zeros(0, dtype=cn.int64)
    for mode in ("sum", "mean", "max"):
        assert functional.embedding_bag(INDEX, table(), none, mode=mode).shape == (0, 1)
        empty = functional.embedding_bag(none, table(), cn.tensor([0, 0]), mode=mode)
        assert empty.tolist() == [[0], [0]]


def test_a_renormalised_table_is_modified() -> None:
    weight = table()
    weight = weight.detach().requires_grad_()
    square = weight * weight
    functional.embedding(INDEX, weight, max_norm=1.0)
    assert weight.detach().ravel().tolist() == pytest.approx([0, 1, 1, 1])
    with pytest.raises(RuntimeError, match="modified in place"):
        square.sum().backward()


def test_from_pretrained() -> None:
    weight = cn.ones(3, 2)
    bag = nn.EmbeddingBag.from_pretrained(weight, mode="sum", padding_idx=-1)
    assert not bag.weight.requires_grad
    assert bag.padding_idx == 2
    assert bag(cn.tensor([[0, 1], [0, 2]])).tolist() == [[2, 2], [1, 1]]
    assert np.shares_memory(bag.weight.numpy(), weight.numpy())


BAD = [
    ({"mode": "median"}, ValueError, "mode is 'median'"),
    ({"mode": "max", "scale_grad_by_freq": True}, ValueError, "expected False for mode 'max'"),
    ({"offsets": None}, ValueError, "offsets expected a Tensor"),
    ({"offsets": cn.tensor([[0]])}, ShapeError, "offsets has shape"),
    ({"offsets": cn.tensor([1, 2])}, IndexError, r"offsets\[0\] is 1, expected 0 to 0"),
    ({"offsets": cn.tensor([0, 6])}, IndexError, r"offsets\[1\] is 6, expected 0 to 5"),
    ({"offsets": cn.tensor([0, 3, 2])}, IndexError, r"offsets\[2\] is 2, expected 3 to 5"),
    ({"offsets": cn.tensor([0.0])}, DTypeError, "offsets"),
    ({"input": cn.tensor([[0, 1]])}, ValueError, "offsets expected None"),
    ({"input": cn.tensor(0)}, ShapeError, "input has shape"),
    ({"input": cn.tensor([0, 1, 4])}, IndexError, "is 4, expected 0 <= index < 4"),
    ({"input": cn.tensor([0, -1, 3])}, IndexError, "is -1, expected 0 <= index < 4"),
    ({"input": cn.tensor([0.0, 1.0])}, DTypeError, "indices"),
    ({"padding_idx": 4}, ValueError, "padding_idx is 4"),
    ({"per_sample_weights": cn.ones(5, dtype=cn.float64)}, ValueError, "for mode 'sum'"),
    ({"per_sample_weights": cn.ones(4), "mode": "sum"}, ShapeError, "per_sample_weights has shape"),
    ({"per_sample_weights": cn.ones(5), "mode": "sum"}, DTypeError, "is float32, expected"),
    ({"offsets": cn.zeros(0, dtype=cn.int64), "include_last_offset": True}, ShapeError, "B . 1"),
]  # fmt: skip


@pytest.mark.parametrize(("changed", "error", "message"), BAD)
def test_bad_input(changed: dict[str, object], error: type[Exception], message: str) -> None:
    arguments = {"input": INDEX, "weight": table(), "offsets": OFFSETS, **changed}
    with pytest.raises(error, match=message):
        functional.embedding_bag(**arguments)  # type: ignore[arg-type]
