"""The table of a model's layers."""

import numpy as np
import pytest

import cygnet
from cygnet import models, nn


def test_lenet_table():
    result = cygnet.summary(models.lenet((1, 28, 28)), (1, 28, 28))
    assert result.parameters == 61706
    assert result.trainable_parameters == 61706
    assert result.parameter_bytes == 4 * 61706
    assert result.multiply_adds == 117600 + 240000 + 48000 + 10080 + 840
    assert [layer.output_shape for layer in result.layers[:4]] == [
        (1, 6, 28, 28), (1, 6, 28, 28), (1, 6, 14, 14), (1, 16, 10, 10),
    ]  # fmt: skip
    assert [layer.parameters for layer in result.layers if layer.parameters] == [
        156, 2416, 48120, 10164, 850,
    ]  # fmt: skip


def test_text_of_a_small_network():
    net = nn.Sequential(nn.Linear(1000, 2), nn.ReLU())
    assert str(cygnet.summary(net, (1000,))).splitlines() == [
        "Sequential, input (1, 1000)",
        "─" * 54,
        "Layer  Type    Output shape  Parameters  Multiply-adds",
        "─" * 54,
        "0      Linear  (1, 2)             2,002          2,000",
        "1      ReLU    (1, 2)                 -              -",
        "─" * 54,
        "Total                             2,002          2,000",
        "Trainable 2,002, frozen 0. Parameters 8.008 kB, outputs 16 B a sample.",
    ]


def test_columns_are_aligned():
    lines = str(cygnet.summary(models.lenet((1, 28, 28)), (1, 28, 28))).splitlines()
    rule = lines[1]
    table = [line for line in lines[2:-1] if line != rule]
    assert {len(line) for line in table} == {len(rule)}
    for column in ("Type", "Output shape"):
        start = table[0].index(column)
        assert all(line[start - 1] == " " for line in table)
        assert all(line[start] != " " for line in table[1:-1])


class Odd(nn.Module):
    """Shared, frozen, unused and own parameters, several calls, no tensor output."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(np.ones(1, np.float32))
        self.shared = nn.Linear(3, 3)
        self.again = self.shared
        self.unused = nn.Linear(2, 2)
        self.unused.requires_grad_(False)

    def forward(self, x):
        return {"out": self.again(self.shared(x))}


def test_odd_models():
    result = cygnet.summary(Odd(), (3,))
    assert [(layer.path, layer.type, layer.output_shape) for layer in result.layers] == [
        ("", "Odd", None),
        ("shared", "Linear", (1, 3)),
        ("unused", "Linear", None),
    ]
    assert result.parameters == 1 + 12 + 6
    assert result.trainable_parameters == 13
    assert result.multiply_adds == 18
    assert "(model)" in str(result)


def test_nothing_is_left_behind():
    net = nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.5))
    net[0].eval()
    before = [dict(module.__dict__) for module in net.modules()]
    cygnet.summary(net, (3,))
    for module, attributes in zip(net.modules(), before, strict=True):
        attributes["_path"] = module._path
        assert module.__dict__ == attributes
    with pytest.raises((ValueError, RuntimeError)):
        cygnet.summary(net, (4,))
    assert all("forward" not in module.__dict__ for module in net.modules())
    assert [module.training for module in net.modules()] == [True, False, True]


def test_wrong_arguments():
    with pytest.raises(TypeError, match="model expected a Module, got int"):
        cygnet.summary(3, (1,))
    with pytest.raises(TypeError, match="input_shape expected a sequence of sizes, got 3"):
        cygnet.summary(nn.ReLU(), 3)
    with pytest.raises(ValueError, match="sizes >= 0"):
        cygnet.summary(nn.ReLU(), (-1, 3))


def test_float64_models_get_float64_input():
    result = cygnet.summary(nn.Linear(3, 2, dtype=np.float64), (3,))
    assert result.parameter_bytes == 64
