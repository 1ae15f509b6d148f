"""nn.utils.parametrize, parametrizations, prune, fusion and what else works on weights."""

from __future__ import annotations

import contextlib
import copy

import numpy as np
import pytest

import cygnet
from cygnet import nn
from cygnet.nn.utils import parametrizations, prune
from cygnet.nn.utils import parametrize as P


class Symmetric(nn.Module):
    def forward(self, x):
        return x.triu() + x.triu(1).transpose(0, 1)

    def right_inverse(self, x):
        return x.triu()


class Doubled(nn.Module):
    def forward(self, x):
        return 2 * x

    def right_inverse(self, x):
        return x / 2


class Plain(nn.Module):
    def forward(self, x):
        return x.tanh()


def names(module):
    return [name for name, _ in module.named_parameters()]


def test_register_and_remove():
    layer = nn.Linear(3, 3)
    weight = layer.weight
    value = weight.detach().clone()
    assert P.register_parametrization(layer, "weight", Symmetric()) is layer
    assert names(layer) == ["bias", "parametrizations.weight.original"]
    assert layer.parametrizations.weight.original is weight
    assert (type(layer).__name__, P.type_before_parametrizations(layer)) == (
        "ParametrizedLinear",
        nn.Linear,
    )
    assert isinstance(layer, nn.Linear)
    assert P.is_parametrized(layer)
    assert P.is_parametrized(layer, "weight")
    assert not P.is_parametrized(layer, "bias")
    upper = np.triu(value.numpy())
    expected = upper + np.triu(upper, 1).T
    np.testing.assert_array_equal(layer.weight.detach().numpy(), expected)
    x = cygnet.ones(1, 3)
    np.testing.assert_allclose(
        layer(x).detach().numpy(), expected.sum(1)[None] + layer.bias.detach().numpy(), rtol=1e-5
    )
    layer(x).sum().backward()
    assert weight.grad is not None
    assert P.remove_parametrizations(layer, "weight") is layer
    assert type(layer) is nn.Linear
    assert layer.weight is weight
    np.testing.assert_array_equal(weight.detach().numpy(), expected)
    assert names(layer) == ["bias", "weight"]
    assert not hasattr(layer, "parametrizations")
    assert P.type_before_parametrizations(layer) is nn.Linear


def test_several_parametrizations_and_assignment():
    layer = nn.Linear(2, 2)
    P.register_parametrization(layer, "weight", Doubled())
    P.register_parametrization(layer, "weight", Doubled())
    P.register_parametrization(layer, "bias", Plain())
    assert len(layer.parametrizations.weight) == 2
    layer.weight = cygnet.tensor([[4.0, 8.0], [12.0, 16.0]])
    assert layer.parametrizations.weight.original.tolist() == [[1, 2], [3, 4]]
    assert layer.weight.tolist() == [[4, 8], [12, 16]]
    with pytest.raises(RuntimeError, match="right_inverse: Plain does not define right_inverse"):
        layer.bias = cygnet.ones(2)
    P.remove_parametrizations(layer, "weight", leave_parametrized=False)
    assert layer.weight.tolist() == [[1, 2], [3, 4]]
    assert P.is_parametrized(layer, "bias")
    twin = copy.deepcopy(layer)
    P.remove_parametrizations(layer, "bias")
    assert P.is_parametrized(twin, "bias")
    assert twin.bias.shape == (2,)
    np.testing.assert_array_equal(twin.bias.detach().numpy(), layer.bias.detach().numpy())


def test_buffers_and_unsafe_parametrizations():
    class First(nn.Module):
        def forward(self, x):
            return x[0]

    layer = nn.BatchNorm1d(2)
    P.register_parametrization(layer, "running_var", Doubled())
    assert layer.running_var.tolist() == [1, 1]
    assert "parametrizations.running_var.original" in layer.state_dict()
    P.remove_parametrizations(layer, "running_var")
    assert "running_var" in dict(layer.named_buffers())
    linear = nn.Linear(2, 3)
    with pytest.raises(ValueError, match=r"gives shape \(2,\) and dtype float32, expected \(3, 2"):
        P.register_parametrization(linear, "weight", First())
    assert type(linear) is nn.Linear
    assert P.register_parametrization(linear, "weight", First(), unsafe=True).weight.shape == (2,)


def test_several_originals():
    class Product(nn.Module):
        def forward(self, a, b):
            return a * b

        def right_inverse(self, x):
            return x, cygnet.ones_like(x)

    layer = P.register_parametrization(nn.Linear(2, 2), "weight", Product())
    value = layer.weight.detach().numpy()
    assert names(layer) == [
        "bias",
        "parametrizations.weight.original0",
        "parametrizations.weight.original1",
    ]
    with pytest.raises(ValueError, match="leave_parametrized is False, expected True"):
        P.remove_parametrizations(layer, "weight", leave_parametrized=False)
    other = P.transfer_parametrizations_and_params(layer, nn.Linear(2, 2))
    np.testing.assert_array_equal(other.weight.detach().numpy(), value)
    P.remove_parametrizations(layer, "weight")
    assert layer.weight.requires_grad
    np.testing.assert_array_equal(layer.weight.detach().numpy(), value)
    empty = nn.Module()
    P.transfer_parametrizations_and_params(nn.Linear(1, 1), empty)
    assert not P.is_parametrized(empty)


def test_a_parametrization_is_a_module():
    with pytest.raises(TypeError, match="parametrization expected a Module, got function"):
        P.register_parametrization(nn.Linear(1, 1), "weight", lambda x: x)


def test_cache():
    calls = []

    class Counting(nn.Module):
        def forward(self, x):
            calls.append(1)
            return x

    layer = P.register_parametrization(nn.Linear(2, 2), "weight", Counting())
    calls.clear()
    with P.cached():
        with P.cached():
            first = layer.weight
        assert layer.weight is first
    assert len(calls) == 1
    assert layer.weight is not None
    assert len(calls) == 2


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: P.register_parametrization(nn.Linear(1, 1), "scale", Plain()), "has no parameter"),
        (lambda: P.remove_parametrizations(nn.Linear(1, 1), "weight"), "is not parametrized"),
        (lambda: parametrizations.weight_norm(nn.Linear(1, 1), "scale"), "weight_norm: Linear has"),
        (lambda: parametrizations.spectral_norm(nn.Linear(1, 1), "scale"), "spectral_norm: Linear"),
        (
            lambda: parametrizations.spectral_norm(nn.Linear(1, 1), n_power_iterations=0),
            "n_power_iterations expected at least 1",
        ),
        (lambda: P.ParametrizationList([], cygnet.ones(2)), "modules is empty"),
    ],
)
def test_bad_arguments(call, text):
    with pytest.raises(ValueError, match=text):
        call()


@pytest.mark.parametrize("dim", [0, 1, -1, None])
def test_weight_norm_is_that_of_pytorch(dim):
    torch = pytest.importorskip("torch", reason="PyTorch is the reference here")
    layer = parametrizations.weight_norm(nn.Conv1d(2, 3, 4, dtype=cygnet.float64), dim=dim)
    other = torch.nn.utils.parametrizations.weight_norm(
        torch.nn.Conv1d(2, 3, 4, dtype=torch.float64), dim=dim
    )
    state = layer.state_dict()
    assert list(state) == list(other.state_dict())
    state["parametrizations.weight.original0"].mul_(2)
    other.load_state_dict({key: torch.from_numpy(value.numpy()) for key, value in state.items()})
    np.testing.assert_allclose(
        layer.weight.detach().numpy(), other.weight.detach().numpy(), rtol=1e-12
    )
    x = np.random.default_rng(0).standard_normal((2, 2, 6))
    layer(cygnet.as_tensor(x)).sum().backward()
    other(torch.from_numpy(x)).sum().backward()
    for mine, theirs in zip(layer.parameters(), other.parameters(), strict=True):
        np.testing.assert_allclose(mine.grad.numpy(), theirs.grad.numpy(), rtol=1e-9, atol=1e-12)
    assert repr(layer).replace("float64", "") == repr(other)


def test_weight_norm_loads_the_old_keys():
    old = nn.Sequential(nn.utils.weight_norm(nn.Linear(2, 3)), nn.Linear(3, 2))
    new = nn.Sequential(parametrizations.weight_norm(nn.Linear(2, 3)), nn.Linear(3, 2))
    state = old.state_dict()
    new.load_state_dict(state)
    assert "0.weight_g" in state
    np.testing.assert_array_equal(new[0].weight.detach().numpy(), old[0].weight.detach().numpy())
    new.load_state_dict(new.state_dict())
    new[0].load_state_dict(old[0].state_dict())


@pytest.mark.parametrize("kind", ["Linear", "Conv2d", "ConvTranspose2d"])
def test_spectral_norm_is_that_of_pytorch(kind):
    torch = pytest.importorskip("torch", reason="PyTorch is the reference here")
    args = (4, 3) if kind == "Linear" else (4, 3, 2)
    layer = parametrizations.spectral_norm(getattr(nn, kind)(*args, dtype=cygnet.float64))
    other = torch.nn.utils.parametrizations.spectral_norm(
        getattr(torch.nn, kind)(*args, dtype=torch.float64)
    )
    state = layer.state_dict()
    assert list(state) == list(other.state_dict())
    other.load_state_dict(
        {key: torch.from_numpy(value.numpy().copy()) for key, value in state.items()}
    )
    for _ in range(3):
        mine, theirs = layer.weight, other.weight
        np.testing.assert_allclose(mine.detach().numpy(), theirs.detach().numpy(), rtol=1e-10)
    mine.sum().backward()
    theirs.sum().backward()
    np.testing.assert_allclose(
        layer.parametrizations.weight.original.grad.numpy(),
        other.parametrizations.weight.original.grad.numpy(),
        rtol=1e-9,
        atol=1e-12,
    )
    layer.eval()
    np.testing.assert_array_equal(layer.weight.detach().numpy(), layer.weight.detach().numpy())


def test_spectral_norm_of_a_vector():
    layer = parametrizations.spectral_norm(nn.Linear(3, 4), "bias")
    np.testing.assert_allclose(np.linalg.norm(layer.bias.detach().numpy()), 1, rtol=1e-6)


@pytest.mark.parametrize(
    "change",
    [
        nn.utils.weight_norm,
        nn.utils.spectral_norm,
        parametrizations.weight_norm,
        parametrizations.spectral_norm,
        lambda layer: prune.l1_unstructured(layer, "weight", 0.5),
    ],
)
def test_captured_and_frozen(change):
    def trained(capture):
        cygnet.manual_seed(0)
        model = nn.Sequential(change(nn.Linear(4, 3)), nn.ReLU(), nn.Linear(3, 2))
        optimizer = cygnet.optim.SGD(model.parameters(), lr=0.1)

        @capture
        def step(x, target):
            optimizer.zero_grad()
            loss = nn.functional.mse_loss(model(x), target)
            loss.backward()
            optimizer.step()
            return loss

        x = cygnet.as_tensor(np.random.default_rng(0).standard_normal((5, 4)).astype(np.float32))
        losses = [step(x, x[:, :2]).item() for _ in range(5)]
        frozen = cygnet.freeze(model, x)
        np.testing.assert_allclose(
            frozen(x).numpy(), model.eval()(x).detach().numpy(), rtol=1e-6, atol=1e-7
        )
        return losses

    losses = trained(cygnet.capture)
    assert losses == trained(lambda step: step)
    assert losses[-1] < losses[0]


def test_a_computed_tensor_cannot_be_assigned():
    layer = nn.utils.weight_norm(nn.Linear(2, 2))
    with pytest.raises(TypeError, match="the tensor is computed by WeightNorm and cannot be"):
        layer.weight = cygnet.ones(2, 2)
    with pytest.raises(TypeError, match="the tensor is computed by WeightNorm"):
        layer.weight = nn.Parameter(cygnet.ones(2, 2))


# Pruning.


def weights():
    layer = nn.Linear(4, 3)
    values = np.arange(12, dtype=np.float32).reshape(3, 4) - 5.3
    layer.load_state_dict({"weight": values, "bias": np.zeros(3, np.float32)})
    return layer


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("identity", ()),
        ("l1_unstructured", (3,)),
        ("l1_unstructured", (0.5,)),
        ("l1_unstructured", (0,)),
        ("ln_structured", (1, 2, 0)),
        ("ln_structured", (0.5, 1, -1)),
        ("ln_structured", (1, float("inf"), 1)),
    ],
)
def test_pruning_is_that_of_pytorch(name, args):
    torch = pytest.importorskip("torch", reason="PyTorch is the reference here")
    from torch.nn.utils import prune as theirs

    layer, other = weights(), torch.nn.Linear(4, 3)
    other.load_state_dict({k: torch.from_numpy(v.numpy()) for k, v in layer.state_dict().items()})
    for again in (args, args[:1] and (1, *args[1:])):
        assert getattr(prune, name)(layer, "weight", *again) is layer
        getattr(theirs, name)(other, "weight", *again)
        assert list(layer.state_dict()) == list(other.state_dict())
        for key, value in other.state_dict().items():
            np.testing.assert_array_equal(layer.state_dict()[key].numpy(), value.numpy())
        np.testing.assert_array_equal(layer.weight.detach().numpy(), other.weight.detach().numpy())
    assert prune.is_pruned(nn.Sequential(layer))
    kept = layer.weight_orig
    assert prune.remove(layer, "weight") is layer
    theirs.remove(other, "weight")
    assert layer.weight is kept
    assert type(layer) is nn.Linear
    assert list(layer.state_dict()) == ["bias", "weight"]
    np.testing.assert_array_equal(layer.weight.detach().numpy(), other.weight.detach().numpy())
    assert not prune.is_pruned(layer)


def test_pruning_at_random():
    layer = nn.Linear(10, 8)
    prune.random_unstructured(layer, "weight", 0.25)
    assert int((layer.weight == 0).sum()) == 20
    prune.random_unstructured(layer, "weight", 30)
    assert int((layer.weight == 0).sum()) == 50
    other = prune.random_structured(nn.Conv2d(4, 6, 3), "weight", 0.5, 1)
    assert [bool((other.weight[:, i] == 0).all()) for i in range(4)].count(True) == 2


def test_pruned_weights_train():
    layer = prune.custom_from_mask(weights(), "weight", cygnet.tensor([[0, 1, 1, 0]] * 3))
    layer(cygnet.ones(2, 4)).sum().backward()
    assert layer.weight_orig.grad.tolist() == [[0, 2, 2, 0]] * 3
    twin = copy.deepcopy(layer)
    prune.remove(layer, "weight")
    assert prune.is_pruned(twin)


def test_global_pruning():
    first, second = weights(), nn.Linear(2, 2)
    second.load_state_dict({"weight": np.full((2, 2), 0.1, np.float32), "bias": np.ones(2)})
    places = [(first, "weight"), (second, "weight")]
    prune.global_unstructured(places, prune.L1Unstructured, amount=6)
    assert second.weight.tolist() == [[0, 0], [0, 0]]
    assert int((first.weight == 0).sum()) == 2
    scores = {(second, "weight"): cygnet.full((2, 2), 100.0)}
    prune.global_unstructured(places, prune.L1Unstructured, scores, amount=4)
    assert int((first.weight == 0).sum()) == 6


def test_pruning_methods_of_users():
    class EveryOther(prune.BasePruningMethod):
        PRUNING_TYPE = "unstructured"

        def compute_mask(self, t, default_mask):
            mask = default_mask.clone()
            mask.reshape(-1)[::2] = 0
            return mask

    layer = weights()
    assert isinstance(EveryOther.apply(layer, "weight"), EveryOther)
    assert int((layer.weight == 0).sum()) == 6
    container = EveryOther.apply(layer, "weight")
    assert [type(each) for each in container] == [EveryOther] * 2
    assert len(container) == 2
    assert isinstance(container[0], EveryOther)
    assert int((layer.weight == 0).sum()) == 9
    pruned = EveryOther().prune(cygnet.ones(4))
    assert pruned.tolist() == [0, 1, 0, 1]


@pytest.mark.parametrize(
    ("call", "kind", "text"),
    [
        (lambda layer: prune.l1_unstructured(layer, "weight", 1.5), ValueError, "amount is 1.5"),
        (lambda layer: prune.l1_unstructured(layer, "weight", -1), ValueError, "amount is -1"),
        (lambda layer: prune.l1_unstructured(layer, "weight", 99), ValueError, "expected at most"),
        (lambda layer: prune.l1_unstructured(layer, "weight", "a"), TypeError, "expected a number"),
        (lambda layer: prune.l1_unstructured(layer, "scale", 1), ValueError, "has no parameter"),
        (lambda layer: prune.ln_structured(layer, "bias", 1, 2, 0), ValueError, "expected 2 dim"),
        (lambda layer: prune.ln_structured(layer, "weight", 1, 2, 5), IndexError, "LnStructured"),
        (lambda layer: prune.ln_structured(layer, "weight", 1, "nuc", 0), ValueError, "n is 'nuc'"),
        (
            lambda layer: prune.custom_from_mask(layer, "weight", cygnet.ones(2)),
            ValueError,
            "mask has shape",
        ),
        (
            lambda layer: prune.l1_unstructured(layer, "weight", 1, cygnet.ones(2)),
            ValueError,
            "importance_scores has shape",
        ),
        (
            lambda layer: prune.global_unstructured(
                [(layer, "weight")], prune.LnStructured, amount=1, n=2
            ),
            TypeError,
            "expected an unstructured one",
        ),
        (
            lambda layer: prune.global_unstructured(3, prune.L1Unstructured, amount=1),
            TypeError,
            "parameters expected an iterable",
        ),
        (lambda layer: prune.remove(layer, "weight"), ValueError, "is not pruned"),
        (
            lambda layer: prune.PruningContainer().add_pruning_method(3),
            TypeError,
            "expected a BasePruningMethod, got int",
        ),
    ],
)
def test_bad_pruning(call, kind, text):
    layer = weights()
    with pytest.raises(kind, match=text):
        call(layer)
    assert type(layer) is nn.Linear
    assert list(layer.state_dict()) == ["weight", "bias"]


# Fusion of batch normalisation, and the rest.


@pytest.mark.parametrize("kind", ["Conv1d", "Conv2d", "Conv3d", "ConvTranspose2d", "Linear"])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("affine", [False, True])
def test_fusion_with_batch_normalisation(kind, bias, affine):
    axes = 0 if kind == "Linear" else int(kind[-2])
    args = (3, 4) if not axes else (3, 4, 2)
    layer = getattr(nn, kind)(*args, bias=bias, dtype=cygnet.float64).eval()
    bn = getattr(nn, f"BatchNorm{max(axes, 1)}d")(4, affine=affine, dtype=cygnet.float64).eval()
    rng = np.random.default_rng(0)
    bn.load_state_dict(
        {
            key: rng.uniform(0.5, 2, value.shape).astype(value.dtype)
            for key, value in bn.state_dict().items()
        }
    )
    x = cygnet.as_tensor(rng.standard_normal((2, 3, *(5,) * axes)))
    if axes:
        fused = nn.utils.fuse_conv_bn_eval(layer, bn, "Transpose" in kind)
    else:
        fused = nn.utils.fuse_linear_bn_eval(layer, bn)
    assert type(fused) is type(layer)
    np.testing.assert_allclose(
        fused(x).detach().numpy(), bn(layer(x)).detach().numpy(), rtol=1e-9, atol=1e-12
    )
    assert fused.bias.requires_grad


def test_fusion_checks_its_modules():
    conv, bn = nn.Conv2d(3, 4, 3).eval(), nn.BatchNorm2d(4)
    with pytest.raises(ValueError, match="fuse_conv_bn_eval: both modules must be in evaluation"):
        nn.utils.fuse_conv_bn_eval(conv, bn)
    with pytest.raises(ValueError, match="fuse_conv_bn_eval: bn has no running averages"):
        nn.utils.fuse_conv_bn_eval(conv, nn.BatchNorm2d(4, track_running_stats=False).eval())
    with pytest.raises(ValueError, match="bn has 3 features, expected 4 or 1"):
        nn.utils.fuse_linear_bn_eval(nn.Linear(2, 4).eval(), nn.BatchNorm1d(3).eval())


def test_small_functions():
    layer = nn.utils.skip_init(nn.Linear, 3, out_features=2)
    assert (type(layer), layer.weight.shape) == (nn.Linear, (2, 3))
    with pytest.raises(RuntimeError, match="skip_init: module_cls expected a class of Module"):
        nn.utils.skip_init(int)
    with pytest.raises(RuntimeError, match="skip_init: ReLU takes no argument device"):
        nn.utils.skip_init(nn.ReLU)
    assert nn.utils.convert_conv2d_weight_memory_format(layer, cygnet.channels_last) is layer
    assert nn.utils.convert_conv3d_weight_memory_format(layer, cygnet.channels_last_3d) is layer
    assert nn.utils.stateless.functional_call is cygnet.func.functional_call
    with nn.attention.sdpa_kernel([nn.attention.SDPBackend.MATH], set_priority=True):
        pass
    with pytest.raises(TypeError, match="sdpa_kernel: backends expected SDPBackend, got str"):
        nn.attention.sdpa_kernel("math").__enter__()


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_gradients_of_convolutions(axes):
    options = {"stride": 2, "padding": 1, "dilation": 1, "groups": 2}
    convolution = getattr(nn.functional, f"conv{axes}d")
    x = cygnet.randn(2, 4, *(5,) * axes, dtype=cygnet.float64).requires_grad_()
    weight = cygnet.randn(6, 2, *(3,) * axes, dtype=cygnet.float64).requires_grad_()
    output = convolution(x, weight, **options)
    given = cygnet.randn(output.shape, dtype=cygnet.float64)
    output.backward(given)
    of_input = getattr(nn.grad, f"conv{axes}d_input")(x.shape, weight.detach(), given, **options)
    of_weight = getattr(nn.grad, f"conv{axes}d_weight")(x.detach(), weight.shape, given, **options)
    np.testing.assert_array_equal(of_input.numpy(), x.grad.numpy())
    np.testing.assert_array_equal(of_weight.numpy(), weight.grad.numpy())
    again = getattr(nn.grad, f"conv{axes}d_input")(x.shape, weight, given, **options)
    assert again.requires_grad
    assert not of_input.requires_grad


CHANGES = [
    nn.utils.weight_norm,
    nn.utils.spectral_norm,
    parametrizations.weight_norm,
    parametrizations.spectral_norm,
    lambda layer, name: prune.l1_unstructured(layer, name, 2),
    lambda layer, name: P.register_parametrization(layer, name, Doubled()),
]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize(
    ("make", "name", "shapes"),
    [
        (lambda: nn.LSTM(3, 4), "weight_hh_l0", [(5, 2, 3)]),
        (lambda: nn.GRUCell(3, 4), "weight_hh", [(2, 3)]),
        (lambda: nn.MultiheadAttention(4, 2), "in_proj_weight", [(3, 1, 4)] * 3),
        (lambda: nn.ConvTranspose2d(2, 3, 2), "weight", [(1, 2, 4, 4)]),
        (lambda: nn.Bilinear(3, 4, 2), "weight", [(2, 3), (2, 4)]),
        (lambda: nn.Sequential(nn.Linear(3, 4), nn.ReLU()), "0.weight", [(2, 3)]),
        (lambda: nn.TransformerEncoderLayer(4, 2, 6), "linear1.weight", [(3, 1, 4)]),
    ],
)
def test_every_layer_takes_computed_weights(change, make, name, shapes):
    module = make()
    path, _, name = name.rpartition(".")
    owner = module.get_submodule(path)
    change(owner, name)
    output = module(*(cygnet.randn(*shape) for shape in shapes))
    while isinstance(output, tuple):
        output = output[0]
    output.sum().backward()
    assert all(parameter.grad is not None for parameter in module.parameters())
    if P.is_parametrized(owner):
        P.remove_parametrizations(owner, name)
    else:
        for remove in (nn.utils.remove_weight_norm, nn.utils.remove_spectral_norm, prune.remove):
            with contextlib.suppress(ValueError):
                remove(owner, name)
    assert type(module) is type(make())
    assert {*module.state_dict()} == {*make().state_dict()}


# Each way to compute a layer's weight from other tensors.
COMPUTED = [
    nn.utils.weight_norm,
    nn.utils.spectral_norm,
    parametrizations.weight_norm,
    parametrizations.spectral_norm,
    lambda layer: prune.ln_structured(layer, "weight", 1, 2, 0),
]


def test_cached_tensors_are_of_the_module_that_asks():
    with P.cached(), cygnet.no_grad():
        for _ in range(50):  # where a module is freed, another one may take its address
            layer = P.register_parametrization(nn.Linear(1, 1), "weight", Doubled())
            assert layer.weight.item() == 2 * layer.parametrizations.weight.original.item()


def test_captures_neither_read_the_cache_around_them_nor_fill_it():
    layer, x = parametrizations.weight_norm(nn.Linear(3, 3)), cygnet.randn(2, 3)
    compiled = cygnet.compile(layer, fullgraph=True)
    with cygnet.no_grad():
        with P.cached():
            before = layer.weight
            for _ in range(3):
                compiled(x)
            assert layer.weight is before
        layer.parametrizations.weight.original0.mul_(2)
        np.testing.assert_array_equal(compiled(x).numpy(), layer(x).numpy())


@pytest.mark.parametrize("compute", COMPUTED)
def test_fused_layers_are_plain(compute):
    layer, norm = compute(nn.Conv2d(2, 3, 3)).eval(), nn.BatchNorm2d(3).eval()
    norm.running_var.fill_(3.0)
    norm.running_mean.fill_(0.5)
    fused = nn.utils.fuse_conv_bn_eval(layer, norm)
    assert type(fused) is nn.Conv2d
    assert sorted(fused.state_dict()) == ["bias", "weight"]
    x = cygnet.randn(1, 2, 5, 5)
    np.testing.assert_allclose(
        fused(x).detach().numpy(), norm(layer(x)).detach().numpy(), rtol=1e-5, atol=1e-6
    )


def test_members_of_parameter_lists():
    held = nn.ParameterList([cygnet.ones(2), cygnet.ones(2)])
    prune.custom_from_mask(held, "1", cygnet.tensor([0.0, 1.0]))
    assert [each.tolist() for each in held] == [[1.0, 1.0], [0.0, 1.0]]


def test_methods_of_users_may_define_how_a_mask_is_applied():
    class Halving(prune.Identity):
        def apply_mask(self, module):
            return super().apply_mask(module) / 2

    layer = nn.Linear(2, 2)
    expected = layer.weight.detach().numpy() / 2
    Halving.apply(layer, "weight")
    np.testing.assert_array_equal(layer.weight.detach().numpy(), expected)


def test_an_entry_of_a_dictionary_is_parametrized() -> None:
    class Twice(nn.Module):
        def forward(self, x: cygnet.Tensor) -> cygnet.Tensor:
            return x * 2

    entries = nn.ParameterDict({"a": cygnet.ones(2), "b": cygnet.zeros(1)})
    nn.utils.parametrize.register_parametrization(entries, "a", Twice())
    assert entries["a"].tolist() == entries.a.tolist() == [2, 2]
    assert list(entries) == ["a", "b"]
    assert [value.tolist() for value in entries.values()] == [[2, 2], [0]]
    names = {name for name, _ in entries.named_parameters()}
    assert names == {"b", "parametrizations.a.original"}
