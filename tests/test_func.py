"""Modules called with other parameters."""

import numpy as np
import pytest

import cygnet
from cygnet import nn
from cygnet.func import functional_call


def test_other_parameters_for_one_call():
    net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.BatchNorm1d(3))
    own = dict(net.named_parameters())
    x = cygnet.randn(4, 2)
    weight = cygnet.zeros(3, 2, requires_grad=True)
    before = net.eval()(x).detach().numpy()
    result = functional_call(net, {"0.weight": weight}, (x,))
    expected = np.maximum(net[0].bias.detach().numpy(), 0) / np.sqrt(1 + 1e-5)
    np.testing.assert_allclose(result.detach().numpy(), np.tile(expected, (4, 1)), rtol=1e-6)
    result.sum().backward()
    assert weight.grad is not None and net[0].weight.grad is None
    assert all(p is own[name] for name, p in net.named_parameters())
    np.testing.assert_array_equal(net(x).detach().numpy(), before)


def test_shared_tensors_are_replaced_together():
    net = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False))
    net[1].weight = net[0].weight
    x, twice = cygnet.ones(1, 2), 2 * cygnet.eye(2)
    assert functional_call(net, {"0.weight": twice}, x).tolist() == [[4, 4]]
    nn.init.eye_(net[0].weight)
    assert functional_call(net, {"0.weight": twice}, x, tie_weights=False).tolist() == [[2, 2]]


def test_parameters_return_after_an_error():
    layer = nn.Linear(2, 3)
    weight = layer.weight
    with pytest.raises(cygnet.kernels.ShapeError):
        functional_call(layer, {"weight": cygnet.ones(3, 5)}, cygnet.ones(1, 2))
    assert layer.weight is weight


def test_wrong_names():
    layer, x = nn.Linear(2, 3), cygnet.ones(1, 2)
    with pytest.raises(RuntimeError, match=r"names \['other'\] are missing or unknown in Linear"):
        functional_call(layer, {"other": x}, x)
    with pytest.raises(RuntimeError, match=r"names \['bias'\] are missing or unknown"):
        functional_call(layer, {"weight": cygnet.ones(3, 2)}, x, strict=True)
    with pytest.raises(ValueError, match=r"\['bias'\] given twice"):
        functional_call(layer, [{"bias": cygnet.ones(3)}, {"bias": cygnet.ones(3)}], x)
