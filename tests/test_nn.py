"""Layers and losses against float64 NumPy."""

import numpy as np
import pytest

import cygnet
from cygnet import nn
from cygnet.nn import functional
from tests.conv_reference import conv, conv_transpose

RANDOM = np.random.default_rng(0)


def t(array, requires_grad=False):
    return cygnet.as_tensor(np.asarray(array)).requires_grad_(requires_grad)


def normal(*shape):
    return RANDOM.standard_normal(shape)


def test_linear():
    layer = nn.Linear(5, 3, dtype=np.float64)
    x = normal(4, 2, 5)
    want = x @ layer.weight.detach().numpy().T + layer.bias.detach().numpy()
    np.testing.assert_allclose(layer(t(x)).detach().numpy(), want, rtol=1e-12)
    assert nn.Linear(5, 3, bias=False).bias is None


@pytest.mark.parametrize(
    ("options", "padding"),
    [
        ({}, 0),
        ({"stride": 2, "padding": (1, 2), "dilation": (2, 1)}, (1, 2)),
        ({"groups": 2, "bias": False}, 0),
        ({"padding": "valid"}, 0),
        ({"padding": "same"}, ((1, 1), (0, 1))),
        ({"padding": "same", "dilation": (1, 3)}, ((1, 1), (1, 2))),
    ],
)
def test_conv2d(options, padding):
    layer = nn.Conv2d(4, 6, (3, 2), **options, dtype=np.float64)
    x, weight = normal(2, 4, 9, 8), layer.weight.detach().numpy()
    bias = None if layer.bias is None else layer.bias.detach().numpy()
    geometry = {name: getattr(layer, name) for name in ("stride", "dilation", "groups")}
    want = conv(x, weight, bias, padding=padding, **geometry)
    output = layer(t(x, True))
    np.testing.assert_allclose(output.detach().numpy(), want, rtol=1e-10, atol=1e-12)
    output.sum().backward()
    assert layer.weight.grad.shape == layer.weight.shape


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_convolutions_over_one_to_three_axes(axes):
    size, options = (7, 6, 5)[:axes], {"stride": 2, "padding": 1, "groups": 2}
    layer = getattr(nn, f"Conv{axes}d")(4, 6, 3, **options, dtype=np.float64)
    assert layer.weight.shape == (6, 2, *(3,) * axes)
    weight, bias = (p.detach().numpy() for p in layer.parameters())
    x = normal(2, 4, *size)
    want = conv(x, weight, bias, **options)
    np.testing.assert_allclose(layer(t(x)).detach().numpy(), want, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(layer(t(x[0])).detach().numpy(), want[0], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_transposed_convolutions(axes):
    size, options = (4, 3, 5)[:axes], {"stride": 3, "padding": 1, "groups": 2, "dilation": 2}
    layer = getattr(nn, f"ConvTranspose{axes}d")(4, 6, 2, **options, dtype=np.float64)
    assert list(layer.state_dict()) == ["weight", "bias"]
    assert layer.weight.shape == (4, 3, *(2,) * axes)
    weight, bias = (p.detach().numpy() for p in layer.parameters())
    x = normal(2, 4, *size)
    want = conv_transpose(x, weight, bias, **options)
    output = layer(t(x))
    np.testing.assert_allclose(output.detach().numpy(), want, rtol=1e-10, atol=1e-12)
    larger = [n + 2 for n in want.shape[2:]]
    want = conv_transpose(x, weight, bias, output_padding=2, **options)
    for output_size in (larger, (2, 6, *larger)):
        output = layer(t(x), output_size)
        np.testing.assert_allclose(output.detach().numpy(), want, rtol=1e-10, atol=1e-12)
    with pytest.raises(ValueError, match=rf"ConvTranspose{axes}d: .* output_size expected sizes"):
        layer(t(x), [n + 1 for n in larger])
    with pytest.raises(ValueError, match=rf"output_size expected {axes} or {axes + 2} sizes"):
        layer(t(x), (1, *larger))


def test_transposed_convolutions_are_shown_with_their_options():
    layer = nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, output_padding=1, bias=False)
    assert repr(layer) == (
        "ConvTranspose2d(4, 6, kernel_size=(3, 3), stride=(2, 2), padding=(1, 1), "
        "output_padding=(1, 1), bias=False)"
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"padding_mode": "mirror"}, "padding_mode expected 'zeros' or .*, got 'mirror'"),
        ({"padding": "half"}, "padding expected .*'valid' or 'same', got 'half'"),
        ({"padding": "same", "stride": 2}, "padding 'same' expected stride 1"),
        ({"groups": 3}, "in_channels expected a multiple of groups=3, got 4"),
        ({"stride": 0}, "stride expected at least 1, got 0"),
        ({"padding": -1}, "padding expected at least 0, got -1"),
        ({"dilation": (1, 2, 3)}, "dilation expected an int or one for each of 2 axes"),
    ],
)
def test_conv2d_checks_its_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        nn.Conv2d(4, 6, 3, **options)


def test_sizes_must_be_ints():
    with pytest.raises(TypeError, match="Linear: argument in_features expected an int, got float"):
        nn.Linear(2.0, 3)
    with pytest.raises(ValueError, match="Conv2d: argument out_channels expected at least 1"):
        nn.Conv2d(2, 0, 3)


def test_pooling():
    x = normal(2, 3, 4, 6)
    blocks = x.reshape(2, 3, 2, 2, 3, 2)
    np.testing.assert_array_equal(nn.MaxPool2d(2)(t(x)).numpy(), blocks.max((3, 5)))
    np.testing.assert_allclose(nn.AvgPool2d(2)(t(x)).numpy(), blocks.mean((3, 5)), rtol=1e-12)
    np.testing.assert_allclose(
        nn.AdaptiveAvgPool2d((2, 3))(t(x)).numpy(), blocks.mean((3, 5)), rtol=1e-12
    )
    np.testing.assert_allclose(
        nn.AdaptiveAvgPool2d((None, 1))(t(x)).numpy(), x.mean(3, keepdims=True), rtol=1e-12
    )
    output, indices = nn.MaxPool2d(2, return_indices=True)(t(x))
    flat = np.take_along_axis(x.reshape(2, 3, -1), indices.numpy().reshape(2, 3, -1), 2)
    np.testing.assert_array_equal(flat.reshape(output.shape), output.numpy())


def test_activations():
    x = normal(3, 5)
    exponential = np.exp(x - x.max(1, keepdims=True))
    softmax = exponential / exponential.sum(1, keepdims=True)
    for layer, want in (
        (nn.ReLU(), np.maximum(x, 0)),
        (nn.LeakyReLU(0.2), np.where(x > 0, x, 0.2 * x)),
        (nn.Sigmoid(), 1 / (1 + np.exp(-x))),
        (nn.Tanh(), np.tanh(x)),
        (nn.Softmax(dim=1), softmax),
        (nn.LogSoftmax(dim=1), np.log(softmax)),
        (nn.Identity(1, key=2), x),
        (nn.ReLU6(), np.clip(x, 0, 6)),
        (nn.LogSigmoid(), -np.logaddexp(0, -x)),
        (nn.GELU("tanh"), functional.gelu(t(x), "tanh").numpy()),
        (nn.SiLU(), x / (1 + np.exp(-x))),
        (nn.Mish(), x * np.tanh(np.logaddexp(0, x))),
        (nn.ELU(0.5), np.where(x > 0, x, 0.5 * np.expm1(x))),
        (nn.Softplus(2, 1), np.where(2 * x > 1, x, np.logaddexp(0, 2 * x) / 2)),
        (nn.Hardtanh(-0.5, 2), np.clip(x, -0.5, 2)),
        (nn.Hardsigmoid(), np.clip(x + 3, 0, 6) / 6),
        (nn.Hardswish(), x * np.clip(x + 3, 0, 6) / 6),
        (nn.PReLU(5, 0.3, dtype=np.float64), np.where(x > 0, x, 0.3 * x)),
    ):
        np.testing.assert_allclose(layer(t(x)).detach().numpy(), want, rtol=1e-10, atol=1e-14)


def test_activations_show_their_arguments():
    assert repr(nn.ReLU(inplace=True)) == "ReLU(inplace=True)"
    assert repr(nn.ELU(0.5)) == "ELU(alpha=0.5)"
    assert repr(nn.GELU()) == "GELU(approximate='none')"
    assert repr(nn.Softplus()) == "Softplus(beta=1.0, threshold=20.0)"
    assert repr(nn.PReLU(3)) == "PReLU(num_parameters=3)"
    assert dict(nn.PReLU(3).state_dict())["weight"].shape == (3,)


def test_bad_arguments_of_activations():
    x = t(normal(2, 3))
    with pytest.raises(ValueError, match="gelu: approximate is 'erf', expected 'none' or 'tanh'"):
        functional.gelu(x, "erf")
    with pytest.raises(ValueError, match=r"prelu: weight has shape \(2,\), expected 1"):
        functional.prelu(x, t(normal(2)))
    with pytest.raises(ValueError, match="hardtanh: max_val is -2, expected at least min_val = 1"):
        functional.hardtanh(x, 1, -2)


@pytest.mark.parametrize(
    "name",
    ["elu", "gelu", "hardsigmoid", "hardswish", "hardtanh", "logsigmoid", "mish", "relu", "relu6",
     "sigmoid", "silu", "softplus", "tanh"],
)  # fmt: skip
def test_second_derivatives_of_activations(name):
    function = getattr(functional, name)
    x = t(np.linspace(-4.03, 7.1, 57), True)
    first = cygnet.autograd.grad(function(x).sum(), x)[0].numpy()
    slope = cygnet.autograd.grad(function(x).sum(), x, create_graph=True)[0]
    np.testing.assert_allclose(slope.detach().numpy(), first, rtol=1e-9, atol=1e-12)
    second = cygnet.autograd.grad(slope.sum(), x)[0] if slope.requires_grad else None
    step = 1e-5

    def slope_at(moved):
        argument = t(moved, True)
        return cygnet.autograd.grad(function(argument).sum(), argument)[0].numpy()

    at = x.detach().numpy()
    difference = (slope_at(at + step) - slope_at(at - step)) / (2 * step)
    got = np.zeros_like(at) if second is None else second.numpy()
    np.testing.assert_allclose(got, difference, rtol=1e-6, atol=1e-8)


def test_flatten():
    x = t(normal(2, 3, 4, 5))
    assert nn.Flatten()(x).shape == (2, 60)
    assert nn.Flatten(0, 1)(x).shape == (6, 4, 5)


def test_dropout():
    x = t(np.ones((100, 1000), np.float32))
    layer = nn.Dropout(0.3)
    output = layer(x).numpy()
    kept = output != 0
    np.testing.assert_allclose(output[kept], 1 / 0.7, rtol=1e-6)
    assert abs(kept.mean() - 0.7) < 5 * np.sqrt(0.3 * 0.7 / kept.size)
    assert (layer(x).numpy() != output).any()
    assert layer.eval()(x) is x
    assert not nn.Dropout(1.0)(x).numpy().any()
    with pytest.raises(ValueError, match=r"Dropout: argument p expected .* got 1.5"):
        nn.Dropout(1.5)


def test_dropout_depends_on_seed_path_and_step_only():
    x = t(np.ones((8, 64), np.float32))

    def masks(net, steps=2):
        cygnet.manual_seed(3)
        return [net(x).numpy() != 0 for _ in range(steps)]

    class Named(nn.Module):
        def __init__(self, extra):
            super().__init__()
            if extra:
                self.noise = nn.Dropout(0.5)
            self.drop = nn.Dropout(0.5)

        def forward(self, x):
            if hasattr(self, "noise"):
                self.noise(x)
            return self.drop(x)

    plain, again, more = masks(Named(False)), masks(Named(False)), masks(Named(True))
    for a, b, c in zip(plain, again, more, strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(a, c)
    assert (plain[0] != plain[1]).any()
    two = nn.Sequential(nn.Dropout(), nn.Dropout())
    two(x)
    assert (two[0](x).numpy() != two[1](x).numpy()).any()


def reduced(values, reduction):
    return {"none": values, "sum": values.sum(), "mean": values.mean()}[reduction]


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_losses(reduction):
    x, y = normal(6, 4), normal(6, 4)
    probability, target = RANDOM.uniform(0.1, 0.9, (6, 4)), RANDOM.uniform(0, 1, (6, 4))
    labels = RANDOM.integers(0, 4, 6)
    log_probability = x - np.log(np.exp(x).sum(1, keepdims=True))
    picked = -log_probability[np.arange(6), labels]
    logistic = 1 / (1 + np.exp(-x))
    entropy = -(target * np.log(probability) + (1 - target) * np.log(1 - probability))
    for loss, input, wanted, values in (
        (nn.MSELoss, x, y, (x - y) ** 2),
        (nn.L1Loss, x, y, abs(x - y)),
        (nn.BCELoss, probability, target, entropy),
        (
            nn.BCEWithLogitsLoss,
            x,
            target,
            -(target * np.log(logistic) + (1 - target) * np.log(1 - logistic)),
        ),
        (nn.NLLLoss, log_probability, labels, picked),
        (nn.CrossEntropyLoss, x, labels, picked),
        (nn.KLDivLoss, log_probability, target, target * (np.log(target) - log_probability)),
    ):
        input = t(input, True)
        output = loss(reduction=reduction)(input, t(wanted))
        np.testing.assert_allclose(
            output.detach().numpy(), reduced(values, reduction), rtol=1e-9, err_msg=loss.__name__
        )
        output.sum().backward()
        assert input.grad.shape == input.shape


def test_loss_options():
    x, labels = normal(5, 3), np.array([0, 2, 1, 1, 0])
    every = nn.CrossEntropyLoss(reduction="none")(t(x), t(labels)).numpy()
    ignoring = nn.CrossEntropyLoss(ignore_index=1)(t(x), t(labels)).item()
    assert ignoring == pytest.approx(every[labels != 1].mean(), rel=1e-12)
    assert nn.NLLLoss(ignore_index=1).ignore_index == 1
    logs = np.log(RANDOM.uniform(0.1, 1, (5, 3)))
    divergence = (np.exp(logs) * (logs - x)).sum() / 5
    batch_mean = nn.KLDivLoss(reduction="batchmean", log_target=True)(t(x), t(logs)).item()
    assert batch_mean == pytest.approx(divergence, rel=1e-12)
    with pytest.raises(ValueError, match="MSELoss: argument reduction expected one of"):
        nn.MSELoss(reduction="average")


def test_functional_has_every_name():
    for name in functional.__all__:
        assert callable(getattr(functional, name))
