"""Hooks of modules: when they are called, what they may change, and how they are taken off."""

import copy

import numpy as np
import pytest

import cygnet
from cygnet import nn


def ones(*shape: int) -> cygnet.Tensor:
    return cygnet.ones(*shape)


def test_forward_hooks_see_and_change_arguments_and_output():
    net, seen = nn.Linear(2, 3), []
    net.register_forward_pre_hook(lambda module, args: seen.append((module, args)))
    net.register_forward_pre_hook(lambda module, args: args[0] * 0)
    net.register_forward_hook(lambda module, args, output: seen.append((args, output)))
    net.register_forward_hook(lambda module, args, output: output + 1)
    x = ones(1, 2)
    output = net(x)
    assert seen[0][0] is net and seen[0][1][0] is x
    assert not seen[1][0][0].numpy().any()
    np.testing.assert_array_equal(output.detach().numpy()[0], net.bias.detach().numpy() + 1)


def test_hooks_with_keyword_arguments():
    class Scaled(nn.Module):
        def forward(self, x, scale=1.0):
            return x * scale

    net = Scaled()
    seen = []
    net.register_forward_pre_hook(
        lambda module, args, kwargs: (args, {"scale": kwargs["scale"] + 1}), with_kwargs=True
    )
    net.register_forward_hook(
        lambda module, args, kwargs, output: seen.append(kwargs), with_kwargs=True
    )
    assert net(ones(1), scale=2.0).item() == 3
    assert seen == [{"scale": 3.0}]
    net.register_forward_pre_hook(lambda module, args, kwargs: 3, with_kwargs=True)
    with pytest.raises(RuntimeError, match="pre-hook with kwargs expected to return None or"):
        net(ones(1), scale=2.0)


def test_handles_take_hooks_off_and_order_may_be_changed():
    net, order = nn.Identity(), []
    first = net.register_forward_hook(lambda *_: order.append("first"))
    net.register_forward_hook(lambda *_: order.append("second"), prepend=True)
    net(1)
    assert order == ["second", "first"]
    first.remove()
    first.remove()
    net(1)
    assert order == ["second", "first", "second"]
    with net.register_forward_pre_hook(lambda *_: order.append("pre")):
        net(1)
    net(1)
    assert order[3:] == ["pre", "second", "second"]
    with pytest.raises(TypeError, match="Identity: argument hook expected a callable, got int"):
        net.register_forward_hook(3)


def test_a_hook_may_remove_itself():
    net, calls = nn.Identity(), []

    def once(*_):
        calls.append(1)
        handle.remove()

    handle = net.register_forward_hook(once)
    net(1)
    net(1)
    assert calls == [1]


def test_a_hook_may_be_called_after_an_error():
    net, seen = nn.Linear(2, 3), []
    net.register_forward_hook(lambda m, args, output: seen.append(output), always_call=True)
    net.register_forward_hook(lambda m, args, output: seen.append("never"))
    with pytest.raises(cygnet.kernels.ShapeError):
        net(ones(1, 5))
    assert seen == [None]


def test_sequential_does_not_fuse_modules_with_hooks():
    net, seen = nn.Sequential(nn.Linear(2, 3), nn.ReLU()), []
    for position in (0, 1):
        with net[position].register_forward_hook(lambda module, *_: seen.append(module)):
            net(ones(1, 2))
        net(ones(1, 2))
    assert seen == [net[0], net[1]]


def test_hooks_around_the_state():
    net = nn.Sequential(nn.Linear(1, 1), nn.ReLU())
    order = []
    net[0].register_state_dict_pre_hook(lambda module, prefix, keep: order.append(prefix))
    net[0].register_state_dict_post_hook(
        lambda module, state, prefix, metadata: state.update({prefix + "more": 1})
    )
    net[0].register_load_state_dict_pre_hook(
        lambda module, state, prefix, metadata, strict, missing, unexpected, errors: state.pop(
            prefix + "more"
        )
    )
    net.register_load_state_dict_post_hook(lambda module, result: order.append(result))
    state = net.state_dict()
    assert list(state) == ["0.weight", "0.bias", "0.more"]
    result = net.load_state_dict(state)
    assert order == ["0.", result]
    assert "0.more" in state


def test_hooks_are_copied_with_the_module():
    net, seen = nn.Identity(), []
    net.register_forward_hook(lambda module, args, output: seen.append(module))
    twin = copy.deepcopy(net)
    twin(1)
    assert seen == [twin]


def test_backward_hooks_see_and_change_gradients():
    layer, seen = nn.Linear(2, 3, bias=False), []
    nn.init.ones_(layer.weight)
    layer.register_full_backward_pre_hook(lambda module, grads: (grads[0] * 2,))
    layer.register_full_backward_hook(lambda module, *grads: seen.append((module, *grads)))
    layer.register_full_backward_hook(lambda module, grad_input, grad_output: grad_input[0] + 1)
    x = cygnet.ones(1, 2, requires_grad=True)
    layer(x).sum().backward()
    module, (grad_input,), (grad_output,) = seen[0]
    assert module is layer
    assert grad_output.tolist() == [[2, 2, 2]]
    assert grad_input.tolist() == [[6, 6]]
    assert x.grad.tolist() == [[7, 7]]
    assert layer.weight.grad.tolist() == [[2, 2]] * 3


def test_backward_hooks_of_several_inputs_and_outputs():
    class Both(nn.Module):
        def forward(self, a, number, b):
            return a * b, a + number, "text"

    net, seen = Both(), []
    net.register_full_backward_hook(lambda module, *grads: seen.append(grads))
    a, b = (cygnet.full((2,), value, requires_grad=True) for value in (2.0, 3.0))
    product, _, text = net(a, 5, b)
    assert text == "text"
    product.sum().backward()
    (grad_input, grad_output), *_ = seen
    assert [None if g is None else g.tolist() for g in grad_input] == [[3, 3], None, [2, 2]]
    assert grad_output[0].tolist() == [1, 1] and grad_output[1:] == (None, None)


def test_backward_hooks_without_gradients_of_the_inputs():
    layer, seen = nn.Linear(2, 1), []
    layer.register_full_backward_hook(lambda module, *grads: seen.append(grads))
    layer(ones(1, 2)).sum().backward()
    (grad_input, grad_output), *_ = seen
    assert grad_input == (None,)
    assert grad_output[0].tolist() == [[1]]
    with cygnet.no_grad():
        layer(ones(1, 2))
    assert len(seen) == 1
