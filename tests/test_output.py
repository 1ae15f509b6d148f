"""Losses that hold the layer before them, against NumPy, and PyTorch where it is installed."""

from __future__ import annotations

import numpy as np
import pytest

import cygnet
from cygnet import nn
from tests.op_cases.losses import cross_entropy


def log_softmax(a):
    a = a - a.max(-1, keepdims=True)
    return a - np.log(np.exp(a).sum(-1, keepdims=True))


def adaptive(head_bias=False):
    cygnet.manual_seed(0)
    return nn.AdaptiveLogSoftmaxWithLoss(
        16, 20, [4, 10], 2.0, head_bias=head_bias, dtype=cygnet.float64
    )


def all_classes(net, a):
    """The log-probabilities of all classes by NumPy."""
    weights = {key: value.numpy() for key, value in net.state_dict().items()}
    head = log_softmax(a @ weights["head.weight"].T + weights.get("head.bias", 0))
    parts = [head[:, :4]]
    for i in range(2):
        inside = a @ weights[f"tail.{i}.0.weight"].T @ weights[f"tail.{i}.1.weight"].T
        parts.append(log_softmax(inside) + head[:, 4 + i, None])
    return np.concatenate(parts, 1)


@pytest.mark.parametrize("head_bias", [False, True])
@pytest.mark.parametrize("classes", [range(20), range(4), [5] * 3, [19], [], [3, 12, 3, 7]])
def test_adaptive_log_softmax(head_bias, classes):
    net = adaptive(head_bias)
    a = np.random.default_rng(1).standard_normal((len(classes), 16))
    target = np.array(list(classes), np.int64)
    output, loss = net(cygnet.as_tensor(a), cygnet.as_tensor(target))
    expected = all_classes(net, a)
    chosen = expected[np.arange(len(target)), target]
    np.testing.assert_allclose(output.detach().numpy(), chosen, rtol=1e-9)
    if len(target):
        np.testing.assert_allclose(loss.item(), -chosen.mean(), rtol=1e-9)
    found = net.log_prob(cygnet.as_tensor(a)).detach().numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_adaptive_log_softmax_predicts_and_has_gradients():
    net = adaptive()
    a = cygnet.randn(50, 16, dtype=cygnet.float64) * 3
    a.requires_grad_()
    first = (a.detach().numpy() @ net.head.weight.detach().numpy().T).argmax(1)
    best = all_classes(net, a.detach().numpy()).argmax(1)
    np.testing.assert_array_equal(net.predict(a).numpy(), np.where(first < 4, first, best))
    assert len(set((first >= 4).tolist())) == 2
    target = cygnet.tensor([0, 5, 19, 3, 11])
    assert cygnet.autograd.gradcheck(
        lambda a: net(a, target).output, a[:5].detach().requires_grad_()
    )
    one = net(a[0], cygnet.tensor(7))
    assert one.output.shape == ()
    np.testing.assert_allclose(one.loss.item(), -one.output.item())
    net.reset_parameters()


def test_adaptive_log_softmax_is_that_of_pytorch():
    torch = pytest.importorskip("torch", reason="PyTorch is the reference here")
    net = adaptive(True)
    other = torch.nn.AdaptiveLogSoftmaxWithLoss(16, 20, [4, 10], 2.0, True).double()
    state = {key: torch.from_numpy(value.numpy()) for key, value in net.state_dict().items()}
    other.load_state_dict(state)
    assert list(net.state_dict()) == list(other.state_dict())
    a = np.random.default_rng(2).standard_normal((9, 16))
    target = np.arange(9) * 2
    mine = net(cygnet.as_tensor(a), cygnet.as_tensor(target))
    theirs = other(torch.from_numpy(a), torch.from_numpy(target))
    for some, others in zip(mine, theirs, strict=True):
        np.testing.assert_allclose(some.detach().numpy(), others.detach().numpy(), rtol=1e-9)
    predicted = other.predict(torch.from_numpy(a)).numpy()
    np.testing.assert_array_equal(net.predict(cygnet.as_tensor(a)).numpy(), predicted)


@pytest.mark.parametrize("cutoffs", [[], [0, 3], [3, 3], [5, 2], [20], [2, 25]])
def test_adaptive_log_softmax_checks_cutoffs(cutoffs):
    with pytest.raises(ValueError, match="argument cutoffs expected rising numbers from 1 to 19"):
        nn.AdaptiveLogSoftmaxWithLoss(16, 20, cutoffs)


def test_adaptive_log_softmax_checks_its_sizes():
    with pytest.raises(TypeError, match="argument cutoffs expected a sequence, got NoneType"):
        nn.AdaptiveLogSoftmaxWithLoss(16, 20, None)
    with pytest.raises(ValueError, match="argument div_value expected more than 0, got 0"):
        nn.AdaptiveLogSoftmaxWithLoss(16, 20, [4], div_value=0)


@pytest.mark.parametrize(
    ("shapes", "target", "kind", "text"),
    [
        ((2, 16), [0, 20], IndexError, "target has numbers from 0 to 20, expected classes from 0"),
        ((2, 16), [-1, 3], IndexError, "target has numbers from -1 to 3"),
        ((2, 16), [1], ValueError, "input and target have shapes"),
        ((2, 16), [1.0, 2.0], TypeError, "target has dtype float32, expected int64 or int32"),
        ((16,), [1], ValueError, "input and target have shapes"),
        ((1, 1, 16), [[1]], ValueError, "input and target have shapes"),
    ],
)
def test_adaptive_log_softmax_checks_its_arguments(shapes, target, kind, text):
    with pytest.raises(kind, match=text):
        adaptive()(cygnet.ones(shapes, dtype=cygnet.float64), cygnet.tensor(target))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"bias": True, "reduction": "sum"},
        {"out_features": (2, 3), "bias": True},
        {"label_smoothing": 0.1, "ignore_index": 2},
        {"weight": cygnet.arange(1, 6, dtype=cygnet.float64), "reduction": "none"},
        {"options": nn.LinearCrossEntropyOptions()},
    ],
)
def test_linear_cross_entropy_loss(options):
    net = nn.LinearCrossEntropyLoss(4, 5, dtype=cygnet.float64, **options)
    rng = np.random.default_rng(0)
    a = rng.standard_normal((7, 4))
    target = rng.integers(0, 5, (7, *options.get("out_features", ())))
    weights = {key: value.numpy() for key, value in net.state_dict().items()}
    scores = a @ weights["linear.weight"].T + weights.get("linear.bias", 0)
    given = {
        key: value.numpy() if key == "weight" else value
        for key, value in options.items()
        if key not in ("bias", "out_features", "options")
    }
    expected = cross_entropy(
        scores.reshape(7, 5, *options.get("out_features", ())), target, **given
    )
    loss = net(cygnet.as_tensor(a), cygnet.as_tensor(target))
    np.testing.assert_allclose(loss.detach().numpy(), expected, rtol=1e-9)
    torch = pytest.importorskip("torch", reason="PyTorch is the reference here")
    options = {key: value for key, value in options.items() if key != "options"}
    if "weight" in options:
        options["weight"] = torch.from_numpy(options["weight"].numpy())
    other = torch.nn.LinearCrossEntropyLoss(4, 5, dtype=torch.float64, **options)
    assert list(net.state_dict()) == list(other.state_dict())
    other.load_state_dict({key: torch.from_numpy(value) for key, value in weights.items()})
    theirs = other(torch.from_numpy(a), torch.from_numpy(target))
    np.testing.assert_allclose(loss.detach().numpy(), theirs.detach().numpy(), rtol=1e-9)


def test_adaptive_log_softmax_names_what_is_wrong():
    layer = nn.AdaptiveLogSoftmaxWithLoss(4, 9, [2, 5])
    with pytest.raises(TypeError, match="target must be a Tensor, got list"):
        layer(cygnet.ones(2, 4), [1, 2])
    for method in (layer.log_prob, layer.predict):
        with pytest.raises(cygnet.ShapeError, match=r"input has shape \(4,\), expected \(N, in_f"):
            method(cygnet.ones(4))


def test_linear_cross_entropy_of_probabilities_and_captured():
    net = nn.LinearCrossEntropyLoss(4, 5)
    a, target = cygnet.randn(6, 4), cygnet.randn(6, 5).softmax(1)
    scores = net.linear(a)
    expected = nn.functional.cross_entropy(scores, target).item()
    step = cygnet.capture(lambda a, target: net(a, target))
    for _ in range(3):
        np.testing.assert_allclose(step(a, target).item(), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"weight": cygnet.ones(4)}, r"weight has shape \(4,\), expected \(5,\)"),
        ({"label_smoothing": 1.5}, "label_smoothing expected 0 to 1, got 1.5"),
        ({"out_features": (0,)}, "argument out_features expected at least 1"),
    ],
)
def test_linear_cross_entropy_loss_checks_its_arguments(options, text):
    with pytest.raises(ValueError, match=text):
        nn.LinearCrossEntropyLoss(4, 5, **options)


def test_linear_cross_entropy_checks_shapes():
    loss = nn.functional.linear_cross_entropy
    target = cygnet.tensor([0, 1])
    with pytest.raises(ValueError, match="linear_cross_entropy: input and linear_weight have"):
        loss(cygnet.ones(4), cygnet.ones(5, 2, 4), target)
    with pytest.raises(ValueError, match="linear_bias has shape"):
        loss(cygnet.ones(2, 4), cygnet.ones(5, 4), target, linear_bias=cygnet.ones(4))
