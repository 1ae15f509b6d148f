"""Module: registration, traversal, state, modes, printed form, paths."""

import copy
import functools
import pickle
from collections import OrderedDict

import numpy as np
import pytest

import cygnet
from cygnet import nn


def small_net() -> nn.Sequential:
    return nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Sequential(nn.Linear(4, 2, bias=False)))


class Shared(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(2, 2)
        self.second = self.first
        self.register_buffer("steps", np.zeros(1, np.float32))
        self.register_buffer("cache", np.zeros(2, np.float32), persistent=False)

    def forward(self, x):
        return self.second(self.first(x))


def test_names_of_parameters_and_modules():
    net = small_net()
    assert [name for name, _ in net.named_parameters()] == ["0.weight", "0.bias", "2.0.weight"]
    assert [name for name, _ in net.named_parameters("net", recurse=False)] == []
    assert next(name for name, _ in net.named_parameters("net")) == "net.0.weight"
    assert [name for name, _ in net.named_modules()] == ["", "0", "1", "2", "2.0"]
    assert [name for name, _ in net.named_children()] == ["0", "1", "2"]
    assert net.get_submodule("2.0") is net[2][0]
    assert net.get_submodule("") is net
    with pytest.raises(AttributeError, match="has no child '7'"):
        net.get_submodule("2.7")


def test_shared_modules_count_once_but_are_saved_under_both_names():
    net = Shared()
    assert len(list(net.parameters())) == 2
    assert len(list(net.children())) == 1
    assert list(net.state_dict()) == [
        "steps", "first.weight", "first.bias", "second.weight", "second.bias",
    ]  # fmt: skip
    assert [name for name, _ in net.named_buffers()] == ["steps", "cache"]
    assert net.load_state_dict(net.state_dict()) == ([], [])


def test_assigning_before_init_is_an_error():
    class Early(nn.Module):
        def __init__(self, value):
            self.member = value

    for value in (nn.Linear(1, 1), nn.Parameter(np.zeros(1, np.float32))):
        with pytest.raises(
            AttributeError, match=r"after super\(\).__init__\(\), which was not called"
        ):
            Early(value)


def test_attributes_are_registered_replaced_and_deleted():
    net = nn.Module()
    net.weight = nn.Parameter(np.ones(2, np.float32))
    assert dict(net.named_parameters()) == {"weight": net.weight}
    with pytest.raises(TypeError, match="parameter 'weight' expected a Parameter or None, got int"):
        net.weight = 3
    net.weight = None
    assert list(net.parameters()) == []
    assert net.weight is None
    net.child = nn.ReLU()
    with pytest.raises(TypeError, match="child 'child' expected a Module or None, got str"):
        net.child = "text"
    net.child = nn.Parameter(np.ones(1, np.float32))
    assert list(net.children()) == []
    del net.child
    with pytest.raises(AttributeError, match="'Module' object has no attribute 'child'"):
        _ = net.child
    with pytest.raises(KeyError, match="has an attribute 'forward' already"):
        net.register_parameter("forward", nn.Parameter(np.ones(1, np.float32)))
    with pytest.raises(KeyError, match=r"'a.b' is empty or has a dot"):
        net.add_module("a.b", nn.ReLU())
    with pytest.raises(TypeError, match="add_module: 'a' expected a Module or None, got int"):
        net.add_module("a", 3)
    with pytest.raises(TypeError, match="buffer 'mean' expected a Tensor"):
        net.register_buffer("mean", [1.0])


def test_load_keeps_the_memory_of_parameters():
    net, other = small_net(), small_net()
    arrays = [parameter._array for parameter in net.parameters()]
    result = net.load_state_dict(
        {k: v.numpy().astype(np.float64) for k, v in other.state_dict().items()}
    )
    assert repr(result) == "LoadResult(every key fits)"
    for array, mine, its in zip(arrays, net.parameters(), other.parameters(), strict=True):
        assert mine._array is array
        np.testing.assert_array_equal(array, its._array)


def test_load_lists_every_problem_and_writes_nothing():
    net = small_net()
    before = {name: tensor.numpy().copy() for name, tensor in net.state_dict().items()}
    state = {
        "0.weight": np.zeros((4, 3), np.float32),
        "0.bias": np.zeros(5, np.float32),
        "extra": np.zeros(1, np.float32),
    }
    with pytest.raises(RuntimeError) as caught:
        net.load_state_dict(state)
    assert str(caught.value) == (
        "load_state_dict: the state does not fit Sequential:\n"
        "  unexpected keys: extra\n"
        "  missing keys: 2.0.weight\n"
        "  0.bias has shape (5,), expected (4,)"
    )
    for name, tensor in net.state_dict().items():
        np.testing.assert_array_equal(tensor.numpy(), before[name])
    with pytest.raises(RuntimeError, match=r"0\.bias has shape"):
        net.load_state_dict(state, strict=False)
    del state["0.bias"]
    result = net.load_state_dict(state, strict=False)
    assert result.missing_keys == ["0.bias", "2.0.weight"]
    assert result.unexpected_keys == ["extra"]
    with pytest.raises(TypeError, match="state_dict expected a mapping, got list"):
        net.load_state_dict([1])


def test_modes_gradients_and_apply():
    net = small_net()
    assert net.eval() is net
    assert not any(module.training for module in net.modules())
    assert all(module.training for module in net.train().modules())
    with pytest.raises(ValueError, match="train: mode expected a bool, got 3"):
        net.train(3)
    net(cygnet.tensor(np.ones((2, 3), np.float32))).sum().backward()
    assert all(parameter.grad is not None for parameter in net.parameters())
    net.zero_grad(set_to_none=False)
    assert all(not parameter.grad.numpy().any() for parameter in net.parameters())
    net.zero_grad()
    assert all(parameter.grad is None for parameter in net.parameters())
    net.requires_grad_(False)
    assert not net(cygnet.tensor(np.ones((2, 3), np.float32))).requires_grad
    order = []
    net.apply(lambda module: order.append(type(module).__name__))
    assert order == ["Linear", "ReLU", "Linear", "Sequential", "Sequential"]


def test_double_and_float():
    net = Shared().double()
    assert {tensor.dtype for tensor in net.state_dict().values()} == {np.dtype(np.float64)}
    assert net(cygnet.tensor(np.ones((1, 2)))).dtype == np.float64
    assert {p.dtype for p in net.float().parameters()} == {np.dtype(np.float32)}


def test_repr_is_pytorchs():
    net = nn.Sequential(
        OrderedDict(conv=nn.Conv2d(1, 2, 3, padding=1), rest=nn.Sequential(nn.ReLU()))
    )
    assert repr(net) == (
        "Sequential(\n"
        "  (conv): Conv2d(1, 2, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1))\n"
        "  (rest): Sequential(\n"
        "    (0): ReLU()\n"
        "  )\n"
        ")"
    )
    assert repr(nn.Linear(2, 3, bias=False)) == "Linear(in_features=2, out_features=3, bias=False)"
    assert repr(nn.Parameter(np.zeros(1, np.float32))).startswith("Parameter containing:\ntensor(")


def test_a_deep_copy_is_independent():
    net = small_net()
    x = cygnet.tensor(np.ones((2, 3), np.float32))
    twin = copy.deepcopy(net)
    np.testing.assert_array_equal(twin(x).detach().numpy(), net(x).detach().numpy())
    cygnet.nn.init.zeros_(twin[0].weight)
    assert net[0].weight.detach().numpy().any()


def test_a_copy_shares_tensors_but_has_registries_of_its_own():
    layer = nn.Linear(2, 3)
    twin = copy.copy(layer)
    assert twin.weight is layer.weight
    twin.extra = nn.Parameter(np.zeros(1, np.float32))
    assert len(list(layer.parameters())) == 2


def test_a_module_cannot_be_pickled():
    with pytest.raises(TypeError, match=r"Sequential: a module cannot be pickled; save its"):
        pickle.dumps(small_net())


def test_paths_belong_to_the_outermost_module():
    inner = nn.Sequential(nn.Dropout(), nn.Dropout())
    x = cygnet.tensor(np.ones((2, 3), np.float32))
    inner(x)
    assert [module.path for module in inner.modules()] == ["", "0", "1"]
    outer = nn.Sequential(nn.Linear(3, 3), inner)
    outer(x)
    assert [module.path for module in outer.modules()] == ["", "0", "1", "1.0", "1.1"]
    inner(x)
    assert inner.path == "1"
    inner.append(nn.Dropout())
    outer(x)
    assert inner[2].path == "1.2"


def test_an_error_in_forward_ends_the_outermost_call():
    net = nn.Sequential(nn.Linear(3, 3))
    with pytest.raises((ValueError, RuntimeError)):
        net(cygnet.tensor(np.ones((2, 5), np.float32)))
    other = nn.Sequential(nn.Dropout())
    other(cygnet.tensor(np.ones((2, 5), np.float32)))
    assert other[0].path == "0"


def test_forward_is_required():
    with pytest.raises(NotImplementedError, match="must define forward"):
        nn.Module()(1)


def test_sequential_is_a_list():
    net = small_net()
    assert len(net) == 3
    assert isinstance(net[-1], nn.Sequential)
    assert [type(module) for module in net] == [nn.Linear, nn.ReLU, nn.Sequential]
    assert isinstance(net[:2], nn.Sequential)
    assert net[1:][0] is net[1]
    with pytest.raises(IndexError, match="index 3 is out of range for 3 modules"):
        net[3]
    net.append(nn.Tanh()).insert(0, nn.Identity())
    assert [type(module).__name__ for module in net] == [
        "Identity", "Linear", "ReLU", "Sequential", "Tanh",
    ]  # fmt: skip
    del net[0]
    assert list(net._modules) == ["0", "1", "2", "3"]
    net[1] = nn.Sigmoid()
    assert isinstance(net[1], nn.Sigmoid)
    named = nn.Sequential(OrderedDict(a=nn.ReLU(), b=nn.Tanh()))
    assert named.b is named[1]
    assert list(named[1:]._modules) == ["b"]


def test_lists_and_dictionaries():
    modules = nn.ModuleList([nn.Linear(1, 1), nn.ReLU()])
    modules.append(nn.Tanh())
    modules += [nn.Sigmoid()]
    assert [type(module).__name__ for module in modules] == ["Linear", "ReLU", "Tanh", "Sigmoid"]
    assert list(modules.state_dict()) == ["0.weight", "0.bias"]
    assert len(modules[1:3]) == 2
    table = nn.ModuleDict({"a": nn.Linear(1, 1)})
    table["b"] = nn.ReLU()
    assert "b" in table
    assert list(table) == ["a", "b"]
    assert list(table.keys()) == ["a", "b"]
    assert list(table.state_dict()) == ["a.weight", "a.bias"]
    assert isinstance(table.pop("a"), nn.Linear)
    assert len(table) == 1
    table.clear()
    assert len(table) == 0


def _bits(net: nn.Module, x: cygnet.Tensor, fused: bool) -> list[np.ndarray]:
    """Output and gradients, with or without the kernels that Sequential fuses."""
    net.zero_grad()
    x.grad = None
    output = net(x) if fused else functools.reduce(lambda value, layer: layer(value), net, x)
    (output * output).sum().backward()
    return [output.detach().numpy(), x.grad.numpy(), *(p.grad.numpy() for p in net.parameters())]


@pytest.mark.parametrize(
    "activation",
    [nn.ReLU(), nn.LeakyReLU(), nn.LeakyReLU(0.2), nn.Sigmoid(), nn.Tanh(), nn.GELU(), nn.SiLU(),
     nn.GELU("tanh")],
)  # fmt: skip
@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.Linear(20, 30), (7, 20)),
        (nn.Conv1d(3, 18, 3), (2, 3, 9)),
        (nn.Conv2d(3, 18, 3), (2, 3, 9, 8)),
        (nn.ConvTranspose2d(3, 18, 3, 2), (2, 3, 5, 4)),
        (nn.BatchNorm2d(20), (3, 20, 4, 5)),
    ],
)
def test_sequential_fuses_layer_and_activation_with_the_same_bits(
    layer: nn.Module, shape: tuple[int, ...], activation: nn.Module, generator: np.random.Generator
) -> None:
    x = cygnet.tensor(generator.standard_normal(shape).astype(np.float32), requires_grad=True)
    net = nn.Sequential(layer, activation)
    for fused, plain in zip(_bits(net, x, True), _bits(net, x, False), strict=True):
        np.testing.assert_array_equal(fused, plain)


@pytest.mark.parametrize("activation", [nn.ReLU(), nn.Tanh()])
@pytest.mark.parametrize(
    ("layer", "pool", "shape"),
    [
        (nn.Conv1d(3, 18, 3), nn.MaxPool1d(2), (2, 3, 9)),
        (nn.Conv2d(3, 18, 3), nn.MaxPool2d(3, 2, 1), (2, 3, 9, 8)),
        (nn.Conv2d(1, 6, 3), nn.MaxPool2d(2, ceil_mode=True), (2, 1, 9, 8)),
        (nn.BatchNorm3d(5), nn.MaxPool3d(2), (3, 5, 4, 5, 4)),
        (nn.BatchNorm2d(5), nn.AvgPool2d(2), (3, 5, 4, 5)),
        (nn.Identity(), nn.MaxPool2d(2), (3, 5, 4, 5)),
    ],
)
def test_sequential_pools_before_relu_with_the_same_bits(
    layer: nn.Module, pool: nn.Module, activation: nn.Module, shape: tuple[int, ...],
    generator: np.random.Generator,
) -> None:  # fmt: skip
    x = cygnet.tensor(generator.standard_normal(shape).astype(np.float32), requires_grad=True)
    net = nn.Sequential(layer, activation, pool)
    for fused, plain in zip(_bits(net, x, True), _bits(net, x, False), strict=True):
        np.testing.assert_array_equal(fused, plain)


def test_sequential_keeps_relu_before_a_pooling_that_returns_indices(
    generator: np.random.Generator,
) -> None:
    x = cygnet.tensor(generator.standard_normal((2, 3, 8, 8)).astype(np.float32))
    layers = nn.Conv2d(3, 4, 3), nn.ReLU(), nn.MaxPool2d(2, return_indices=True)
    got, indices = nn.Sequential(*layers)(x)
    wanted, places = layers[2](layers[1](layers[0](x)))
    np.testing.assert_array_equal(got.detach().numpy(), wanted.detach().numpy())
    np.testing.assert_array_equal(indices.numpy(), places.numpy())


def test_sequential_does_not_fuse_another_forward() -> None:
    class Doubled(nn.Linear):
        def forward(self, input: cygnet.Tensor) -> cygnet.Tensor:
            return 2 * super().forward(input)

    class Shifted(nn.ReLU):
        def forward(self, input: cygnet.Tensor) -> cygnet.Tensor:
            return super().forward(input) + 1

    x = cygnet.ones(2, 3)
    for layer, activation in ((Doubled(3, 4), nn.ReLU()), (nn.Linear(3, 4), Shifted())):
        got = nn.Sequential(layer, activation)(x).detach().numpy()
        np.testing.assert_array_equal(got, activation(layer(x)).detach().numpy())
    layer = nn.Linear(3, 4)
    layer.forward = lambda input: cygnet.ones(2, 4)
    np.testing.assert_array_equal(
        nn.Sequential(layer, nn.ReLU())(x).detach().numpy(), np.ones((2, 4))
    )


def test_a_list_prints_equal_neighbours_once():
    layers = nn.ModuleList([nn.ReLU(), nn.ReLU(), nn.Linear(1, 2)])
    assert repr(layers) == (
        "ModuleList(\n"
        "  (0-1): 2 x ReLU()\n"
        "  (2): Linear(in_features=1, out_features=2, bias=True)\n"
        ")"
    )


def test_lists_of_modules_add_insert_and_pop():
    layers = nn.ModuleList([nn.ReLU()]) + nn.ModuleList([nn.Tanh()])
    assert [type(module) for module in layers] == [nn.ReLU, nn.Tanh]
    layers.insert(1, nn.Sigmoid())
    assert isinstance(layers.pop(0), nn.ReLU)
    assert list(layers._modules) == ["0", "1"]
    both = nn.Sequential(nn.ReLU()) + nn.Sequential(nn.Tanh(), nn.Identity())
    assert list(both._modules) == ["0", "1", "2"]
    assert isinstance(both.pop(-1), nn.Identity)
    both.extend([nn.Sigmoid()])
    assert len(both) == 3
    del both[:2]
    assert list(both._modules) == ["0"]


def test_parameter_lists():
    values = nn.ParameterList([nn.Parameter(np.ones(2, np.float32)), cygnet.zeros(3), "text"])
    assert [name for name, _ in values.named_parameters()] == ["0", "1"]
    assert isinstance(values[1], nn.Parameter)
    assert values[-1] == "text"
    values.append(cygnet.zeros(1))
    values += [cygnet.zeros(4)]
    assert [len(value) for value in values] == [2, 3, 4, 1, 4]
    values[0] = cygnet.zeros(7)
    assert len(values[:2]) == 2
    assert list(values.state_dict()) == ["0", "1", "3", "4"]
    assert "(0): Parameter of float32, shape (7,)" in repr(values)
    with pytest.raises(IndexError, match="index 5 is out of range for 5 parameters"):
        values[5]


def test_parameter_dictionaries():
    values = nn.ParameterDict({"a": cygnet.zeros(2), "b": 3})
    values["c"] = nn.Parameter(np.ones(1, np.float32))
    assert list(values) == ["a", "b", "c"]
    assert [name for name, _ in values.named_parameters()] == ["a", "c"]
    assert values.get("d", 7) == 7
    assert values.setdefault("b", 9) == 3
    assert len((values | nn.ParameterDict({"e": cygnet.zeros(1)})).keys()) == 4
    assert list(reversed(values)) == ["c", "b", "a"]
    assert values.pop("a").shape == (2,)
    assert values.popitem()[0] == "c"
    assert list(values.copy().items()) == [("b", 3)]
    values.clear()
    assert len(values) == 0 and not list(values.parameters())
    with pytest.raises(KeyError, match="'forward' is an attribute"):
        values["forward"] = cygnet.zeros(1)


def test_members_by_dotted_name():
    net = small_net()
    net[2][0].register_buffer("mean", np.zeros(1, np.float32))
    assert net.get_parameter("2.0.weight") is net[2][0].weight
    assert net.get_buffer("2.0.mean") is net[2][0].mean
    with pytest.raises(AttributeError, match="get_parameter: Linear has no parameter 'bias'"):
        net.get_parameter("2.0.bias")
    with pytest.raises(AttributeError, match="get_buffer: Linear has no buffer 'weight'"):
        net.get_buffer("0.weight")
    net.set_submodule("2.0", nn.Identity())
    assert isinstance(net[2][0], nn.Identity)
    with pytest.raises(AttributeError, match="set_submodule: Sequential has no child '5'"):
        net.set_submodule("2.5", nn.Identity(), strict=True)


def test_duplicates_can_be_named_as_well():
    net = Shared()
    assert [n for n, _ in net.named_modules(remove_duplicate=False)] == ["", "first", "second"]
    assert len(list(net.named_parameters(remove_duplicate=False))) == 4
    assert next(net.named_modules(set(), "net"))[0] == "net"


def test_buffers_may_be_assigned():
    net = nn.Module()
    net.seen = nn.Buffer(cygnet.zeros(2))
    net.cache = nn.Buffer(np.ones(1, np.float32), persistent=False)
    assert [name for name, _ in net.named_buffers()] == ["seen", "cache"]
    assert list(net.state_dict()) == ["seen"]


def test_state_by_position_into_a_dictionary():
    layer, found = nn.Linear(1, 2), {"kept": 1}
    assert layer.state_dict(found, "layer.", True) is found
    assert found["layer.weight"] is layer.weight
    assert list(found) == ["kept", "layer.weight", "layer.bias"]


def test_loading_may_assign():
    layer, weight = nn.Linear(1, 2), cygnet.ones(2, 1).double()
    layer.weight.requires_grad_(False)
    layer.load_state_dict({"weight": weight, "bias": nn.Parameter(cygnet.zeros(2))}, assign=True)
    assert layer.weight._array is weight._array
    assert isinstance(layer.weight, nn.Parameter)
    assert not layer.weight.requires_grad
    assert layer.bias.requires_grad


def test_extra_state_travels():
    class Counting(nn.Module):
        calls = 0

        def get_extra_state(self):
            return {"calls": self.calls}

        def set_extra_state(self, state):
            self.calls = state["calls"]

    net, twin = nn.Sequential(Counting()), nn.Sequential(Counting())
    net[0].calls = 3
    assert list(net.state_dict()) == ["0._extra_state"]
    assert twin.load_state_dict(net.state_dict()) == ([], [])
    assert twin[0].calls == 3
    with pytest.raises(RuntimeError, match=r"missing keys: 0\._extra_state"):
        twin.load_state_dict({})


def test_conversion():
    net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    for given in ((np.float64,), ("cpu", np.float64), (cygnet.zeros(1).double(),)):
        net.float()
        assert net.to(*given) is net
        assert {p.dtype for p in net.parameters()} == {np.dtype(np.float64)}
    assert net[1].num_batches_tracked.dtype == np.int64
    assert net.to(device="cpu", dtype=np.float32)[0].weight.dtype == np.float32
    assert net.to("cpu", non_blocking=True).cpu() is net
    assert net.type(np.float64)[0].bias.dtype == np.float64
    for refused in (lambda: net.to("cuda"), net.cuda, lambda: net.to(device="cuda:1")):
        with pytest.raises(RuntimeError, match=r"device is 'cuda.*', expected 'cpu'"):
            refused()
    for refused in (net.half, net.bfloat16, lambda: net.to(np.int64), lambda: net.to(np.float16)):
        with pytest.raises(cygnet.kernels.DTypeError, match="expected float32"):
            refused()


@pytest.mark.parametrize(
    "make",
    [
        lambda **made: nn.Linear(2, 3, **made),
        lambda **made: nn.Conv2d(2, 3, 1, **made),
        lambda **made: nn.ConvTranspose1d(2, 3, 1, **made),
        lambda **made: nn.BatchNorm2d(2, **made),
        lambda **made: nn.InstanceNorm1d(2, affine=True, **made),
        lambda **made: nn.GroupNorm(1, 2, **made),
        lambda **made: nn.LayerNorm(2, **made),
        lambda **made: nn.RMSNorm(2, **made),
        lambda **made: nn.Embedding(2, 2, **made),
        lambda **made: nn.MultiheadAttention(4, 2, **made),
        lambda **made: nn.Transformer(4, 2, 1, 1, 8, **made),
    ],
)
def test_modules_take_a_device_and_a_dtype(make):
    assert {p.dtype for p in make(device="cpu").parameters()} == {np.dtype(np.float32)}
    assert {p.dtype for p in make(dtype=np.float64).parameters()} == {np.dtype(np.float64)}
    with pytest.raises(RuntimeError, match="device is 'cuda', expected 'cpu'"):
        make(device="cuda")
    with pytest.raises(cygnet.kernels.DTypeError, match="dtype expected float32 or float64"):
        make(dtype=np.int64)
