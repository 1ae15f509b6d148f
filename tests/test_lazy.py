"""Layers whose parameters get their shape from the first input."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

import cygnet
from cygnet import nn
from cygnet.nn.lazy import LazyModuleMixin
from cygnet.nn.parameter import is_lazy

# Each layer, its arguments, and the shape of an input.
LAYERS: list[tuple[str, tuple[Any, ...], dict[str, Any], tuple[int, ...]]] = [
    ("LazyLinear", (3,), {}, (2, 5)),
    ("LazyLinear", (3,), {"bias": False}, (5,)),
    ("LazyConv1d", (4, 3), {"groups": 2}, (2, 6, 7)),
    ("LazyConv2d", (4, 3), {"padding": "same", "padding_mode": "reflect"}, (2, 5, 7, 6)),
    ("LazyConv2d", (4, 3), {"bias": False}, (5, 7, 6)),
    ("LazyConv3d", (2, 2), {"stride": 2}, (1, 3, 4, 5, 6)),
    ("LazyConvTranspose1d", (4, 3), {"groups": 2}, (2, 6, 7)),
    ("LazyConvTranspose2d", (4, 3, 2, 1, 1), {}, (2, 5, 4, 3)),
    ("LazyConvTranspose3d", (2, 2), {}, (1, 3, 4, 3, 2)),
    ("LazyBatchNorm1d", (), {}, (4, 5)),
    ("LazyBatchNorm1d", (1e-3,), {"affine": False}, (4, 5, 3)),
    ("LazyBatchNorm2d", (), {"track_running_stats": False, "bias": False}, (4, 5, 3, 2)),
    ("LazyBatchNorm3d", (), {}, (2, 5, 3, 2, 2)),
    ("LazyInstanceNorm1d", (), {}, (4, 5, 3)),
    ("LazyInstanceNorm2d", (), {}, (4, 5, 3)),
    ("LazyInstanceNorm3d", (), {"affine": False}, (2, 4, 5, 3, 2)),
]
IDS = [f"{name}-{i}" for i, (name, *_) in enumerate(LAYERS)]


def lazy(name: str, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
    return getattr(nn, name)(*args, **options)


def channels(name: str, shape: tuple[int, ...]) -> int:
    if name == "LazyLinear":
        return shape[-1]
    unbatched = name != "LazyBatchNorm1d" and len(shape) == int(name[-2]) + 1
    return shape[0 if unbatched else 1]


def plain(name: str, args: tuple[Any, ...], options: dict[str, Any], count: int) -> Any:
    if "Instance" in name:
        options = {"affine": True, "track_running_stats": True, **options}
    return getattr(nn, name.removeprefix("Lazy"))(count, *args, **options)


@pytest.mark.parametrize(("name", "args", "options", "shape"), LAYERS, ids=IDS)
def test_first_call_makes_the_plain_layer(name, args, options, shape):
    cygnet.manual_seed(3)
    layer = lazy(name, args, options)
    assert any(map(is_lazy, (*layer.parameters(), *layer.buffers()))) == bool(
        layer.has_uninitialized_params()
    )
    before = dict(layer.named_parameters())
    input = cygnet.randn(*shape)
    output = layer(input)
    expected = plain(name, args, options, channels(name, shape))
    assert type(layer) is type(expected)
    assert repr(layer) == repr(expected)
    for key, parameter in layer.named_parameters():
        assert type(parameter) is nn.Parameter
        assert parameter is before[key]
        assert parameter.requires_grad
    state = layer.state_dict()
    assert list(state) == list(expected.state_dict())
    again = plain(name, args, options, channels(name, shape))
    for key, value in expected.state_dict().items():
        assert (state[key].shape, state[key].dtype) == (value.shape, value.dtype)
    again.load_state_dict(state)
    again.eval()
    layer.eval()
    np.testing.assert_array_equal(layer(input).numpy(), again(input).numpy())
    if layer.state_dict():
        layer.train()
        assert layer(input).shape == output.shape


@pytest.mark.parametrize("name", [name for name in nn.__all__ if name.startswith("Lazy")])
def test_signature_and_text_are_those_of_pytorch(name):
    torch = pytest.importorskip("torch", reason="PyTorch is the reference here")
    import inspect

    theirs = inspect.signature(getattr(torch.nn, name)).parameters
    ours = inspect.signature(getattr(nn, name)).parameters
    assert list(ours) == list(theirs)
    assert [each.default for each in ours.values()] == [each.default for each in theirs.values()]
    args = (4, 3)[: sum(each.default is each.empty for each in theirs.values())]
    mine, other = getattr(nn, name)(*args), getattr(torch.nn, name)(*args)
    assert list(mine.state_dict()) == list(other.state_dict())
    assert [n for n, _ in mine.named_parameters()] == [n for n, _ in other.named_parameters()]


@pytest.mark.parametrize(("name", "args", "options", "shape"), LAYERS, ids=IDS)
def test_load_before_the_first_call(name, args, options, shape):
    source = plain(name, args, options, channels(name, shape))
    layer = lazy(name, args, options)
    layer.load_state_dict(source.state_dict())
    assert not layer.has_uninitialized_params()
    input = cygnet.randn(*shape)
    source.eval()
    layer.eval()
    np.testing.assert_array_equal(layer(input).numpy(), source(input).numpy())
    assert type(layer) is type(source)
    assert repr(layer) == repr(source)


def test_a_network_trains_from_the_first_step():
    model = nn.Sequential(
        nn.LazyConv2d(4, 3), nn.LazyBatchNorm2d(), nn.ReLU(), nn.Flatten(), nn.LazyLinear(2)
    )
    optimizer = cygnet.optim.Adam(model.parameters(), lr=0.01)
    input, target = cygnet.randn(8, 3, 5, 5), cygnet.tensor([0, 1] * 4)

    @cygnet.capture
    def step(input, target):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(input), target)
        loss.backward()
        optimizer.step()
        return loss

    losses = [step(input, target).item() for _ in range(10)]
    assert losses[-1] < losses[0]
    assert [type(layer).__name__ for layer in model] == [
        "Conv2d",
        "BatchNorm2d",
        "ReLU",
        "Flatten",
        "Linear",
    ]


def test_freeze_needs_the_first_call():
    model = nn.Sequential(nn.LazyLinear(4), nn.ReLU(), nn.LazyLinear(2)).eval()
    input = cygnet.randn(3, 5)
    with pytest.raises(RuntimeError, match="freeze: model has parameters that get their shape"):
        cygnet.freeze(model, input)
    model(input)
    frozen = cygnet.freeze(model, input)
    np.testing.assert_allclose(frozen(input).numpy(), model(input).detach().numpy(), rtol=1e-6)


def test_uninitialized_tensors():
    parameter = nn.UninitializedParameter(requires_grad=False, dtype=cygnet.float64)
    assert (repr(parameter), parameter.dtype) == ("<UninitializedParameter>", np.float64)
    for use in (lambda: parameter.shape, lambda: parameter + 1, lambda: parameter.numel()):
        with pytest.raises(ValueError, match="UninitializedParameter: the tensor has no shape"):
            use()
    twin = copy.deepcopy(parameter)
    assert twin is not parameter
    assert not twin.requires_grad
    parameter.materialize((2, 3))
    assert type(parameter) is nn.Parameter
    assert (parameter.shape, parameter.dtype) == ((2, 3), np.float64)
    assert not parameter.requires_grad
    buffer = nn.UninitializedBuffer(persistent=False)
    assert copy.deepcopy(buffer).persistent is False
    module = nn.Module()
    module.mean = buffer
    assert list(module.buffers()) == [buffer]
    buffer.materialize([4], dtype=cygnet.float64)
    assert module.mean.shape == (4,)
    assert not is_lazy(buffer)


def test_conversion_and_copies_before_the_first_call():
    layer = nn.LazyLinear(2).double()
    twin = copy.deepcopy(layer)
    layer.requires_grad_(False)
    assert twin.weight.requires_grad
    input = cygnet.ones(1, 3, dtype=cygnet.float64)
    assert layer(input).dtype == np.float64
    assert isinstance(twin, nn.LazyLinear)
    assert twin(input).requires_grad
    assert not layer.weight.requires_grad
    other = nn.LazyLinear(2)
    other.load_state_dict(nn.LazyLinear(2).state_dict())
    assert other.has_uninitialized_params()
    with pytest.raises(RuntimeError, match="weight has no shape yet, expected"):
        nn.Linear(3, 2).load_state_dict(nn.LazyLinear(2).state_dict())


@pytest.mark.parametrize(
    ("make", "shape", "text"),
    [
        (lambda: nn.LazyLinear(2), (), "LazyLinear: input has no dimensions"),
        (lambda: nn.LazyConv2d(2, 3), (4, 5), "LazyConv2d: input has shape"),
        (lambda: nn.LazyConv2d(2, 3, groups=2), (1, 3, 5, 5), "input has 3 channels, expected a m"),
        (lambda: nn.LazyConv2d(2, 3), (1, 0, 5, 5), "input has 0 channels"),
        (lambda: nn.LazyBatchNorm2d(), (2, 3, 4), "LazyBatchNorm2d: input has shape"),
        (lambda: nn.LazyInstanceNorm1d(), (2,), "LazyInstanceNorm1d: input has shape"),
    ],
)
def test_bad_first_inputs(make, shape, text):
    layer = make()
    with pytest.raises(ValueError) as caught:  # noqa: PT011 (the text is checked below)
        layer(cygnet.ones(shape))
    assert text in str(caught.value)
    assert layer.has_uninitialized_params()


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: nn.LazyLinear(-1), "argument out_features expected at least 0"),
        (lambda: nn.LazyConv2d(0, 3), "argument out_channels expected at least 1"),
        (lambda: nn.LazyConv2d(3, 3, groups=2), "argument out_channels expected a multiple"),
        (lambda: nn.LazyConvTranspose2d(3, 0), "argument kernel_size expected at least 1"),
    ],
)
def test_bad_arguments(make, text):
    with pytest.raises(ValueError, match=text):
        make()


def test_bad_types():
    for make in (nn.LazyBatchNorm1d, lambda: nn.LazyLinear(2), lambda: nn.LazyConv1d(2, 1)):
        with pytest.raises(TypeError, match="argument input expected a Tensor, got NoneType"):
            make()(None)
    for shape in ((2, -1), "ab", 1.5):
        with pytest.raises(ValueError, match="materialize: shape is"):
            nn.UninitializedParameter().materialize(shape)


def test_layers_of_users():
    class Scale(LazyModuleMixin):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.UninitializedParameter()

        def initialize_parameters(self, input):
            if self.has_uninitialized_params():
                self.scale.materialize(input.shape[-1:])
                nn.init.constant_(self.scale, 2.0)

        def forward(self, input):
            return input * self.scale

    layer = Scale()
    assert layer(cygnet.ones(2)).tolist() == [2.0, 2.0]
    assert isinstance(layer, Scale)

    class Forgetful(LazyModuleMixin):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.UninitializedParameter()

        def initialize_parameters(self, input):
            pass

    with pytest.raises(RuntimeError, match="Forgetful: initialize_parameters left a parameter"):
        Forgetful()(cygnet.ones(2))


def test_a_loaded_layer_may_be_pruned_before_its_first_call():
    layer = nn.LazyLinear(2)
    layer.load_state_dict(nn.Linear(3, 2).state_dict())
    nn.utils.prune.ln_structured(layer, "weight", 1, 2, 0)
    weight = layer.weight.detach().numpy().copy()
    layer(cygnet.ones(1, 3))
    assert isinstance(layer, nn.Linear)
    assert not isinstance(layer, nn.LazyLinear)
    np.testing.assert_array_equal(layer.weight.detach().numpy(), weight)
    nn.utils.prune.remove(layer, "weight")
    assert type(layer) is nn.Linear
