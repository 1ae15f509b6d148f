"""In-place forms: values, gradients through views and assignments, versions, errors."""

import numpy as np
import pytest

import cygnet as cn
import cygnet.nn.functional as F
from cygnet import DTypeError, ShapeError
from cygnet.ops.methods import FUNCTIONS_IN_PLACE


def leaf(values):
    return cn.tensor(np.array(values, np.float64), requires_grad=True)


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def check(function, *arrays):
    """The gradient of the sum of squares of what `function` makes, by finite differences."""
    assert cn.autograd.gradcheck(function, [leaf(a) for a in arrays])
    assert cn.autograd.gradgradcheck(function, [leaf(a) for a in arrays])


def changed(x, change):
    y = x * 1
    change(y)
    return y * y


def test_an_in_place_op_writes_the_memory_and_returns_the_tensor():
    array = np.ones(3)
    x = cn.from_numpy(array)
    assert x.add_(2) is x
    assert x.mul_(x) is x
    np.testing.assert_array_equal(array, 9)
    x -= 1
    x /= 2
    x **= 2
    np.testing.assert_array_equal(array, 16)
    assert x.zero_().sum().item() == 0
    assert x.fill_(3).sum().item() == 9


@pytest.mark.parametrize(
    "change",
    [
        lambda y: y.add_(1),
        lambda y: y.mul_(3),
        lambda y: y.sigmoid_().mul_(0.5),
        lambda y: y.exp_(),
        lambda y: y.tanh_().add_(y.clone() * y.clone()),
        lambda y: y.pow_(3),
        lambda y: y.zero_(),
        lambda y: y.copy_(y.clone() * 2),
    ],
)
def test_gradient_of_a_changed_result(change):
    check(lambda x: changed(x, change), numbers(2, 3))


@pytest.mark.parametrize(
    "change",
    [
        lambda y: y[0].mul_(3),
        lambda y: y[:, 1:].exp_(),
        lambda y: y.t()[1].add_(y[0, 0].clone()),
        lambda y: y.reshape(-1)[2:5].tanh_(),
        lambda y: y[0][1:].zero_(),
        lambda y: y[..., None].transpose(0, 1).mul_(2),
        lambda y: y.__setitem__(0, y[1] * 2),
        lambda y: y.__setitem__((slice(None), slice(1, None)), 0.5),
        lambda y: y.__setitem__((1, 2), y[0, 0].clone() * y[0, 1].clone()),
        lambda y: y.__setitem__(slice(1, None), y[:1]),
    ],
)
def test_gradient_through_a_change_of_a_view(change):
    check(lambda x: changed(x, change), numbers(2, 3))


def test_every_view_of_the_memory_sees_the_change():
    def function(x):
        y = x * 1
        row, column, flat = y[0], y[:, 1], y.reshape(-1)
        inner = flat[1:4]
        row.mul_(3)
        inner.add_(column[0])
        return row * 1, column * column, flat.exp(), inner * 2

    check(function, numbers(2, 3))


def test_assignment_of_gradients_into_zeros():
    def function(a, b):
        out = cn.zeros(3, 2, dtype=np.float64)
        out[0] = a
        out[1:] = b
        out[2] *= 2
        return out

    check(function, numbers(2), numbers(2, 2, seed=1))
    out = function(leaf(numbers(2)), leaf(numbers(2, 2)))
    assert out.requires_grad


def test_augmented_assignment_of_an_element():
    x = leaf([1.0, 2.0, 3.0])
    y = x * 2
    y[1] += 10
    y[0] *= y[2].detach().clone()
    np.testing.assert_array_equal(y.detach().numpy(), [12.0, 14.0, 6.0])
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [12.0, 2.0, 2.0])


def test_a_saved_tensor_that_was_modified_is_an_error():
    for change in (
        lambda y: y.add_(1),
        lambda y: y[0].zero_(),
        lambda y: y.detach().mul_(2),
        lambda y: y.__setitem__(0, 1.0),
    ):
        y = leaf([1.0, 2.0]) * 2
        z = y * y
        change(y)
        with pytest.raises(RuntimeError, match="gradient of mul needs was modified in place"):
            z.sum().backward()


def test_what_no_gradient_needs_may_be_modified():
    x = leaf([1.0, 2.0])
    y = x + 1
    z = y + 1
    y.zero_()
    z.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), 1)


def test_a_leaf_is_changed_under_no_grad_only():
    w = leaf([1.0, 2.0])
    for change in (
        lambda: w.add_(1),
        lambda: w[0].mul_(2),
        lambda: w.__setitem__(0, 1.0),
        lambda: w.copy_(w * 2),
    ):
        with pytest.raises(RuntimeError, match="leaf that requires a gradient"):
            change()
    with cn.no_grad():
        w -= 1
        w[0] = 5.0
    np.testing.assert_array_equal(w.detach().numpy(), [5.0, 1.0])
    assert w.is_leaf and w.requires_grad
    w.data.mul_(2)
    w.data[1] = 7.0
    w.data = w.data + 1
    np.testing.assert_array_equal(w.detach().numpy(), [11.0, 8.0])


def test_an_optimizer_step_is_noticed():
    w = cn.nn.Parameter(cn.ones(2))
    loss = (w * w).sum()
    loss.backward(retain_graph=True)
    cn.optim.SGD([w], lr=0.1).step()
    with pytest.raises(RuntimeError, match="modified in place"):
        loss.backward()


def test_assignment_between_overlapping_views():
    x = cn.arange(6)
    x[1:] = x[:-1]
    assert x.tolist() == [0, 0, 1, 2, 3, 4]
    y = cn.arange(4).reshape(2, 2)
    y.copy_(y.t())
    assert y.tolist() == [[0, 2], [1, 3]]


@pytest.mark.parametrize("wrap", [False, True])
@pytest.mark.parametrize(
    "shape", [(3, 3), (2, 4), (4, 2), (9, 2), (8, 3), (0, 2), (2, 0), (3,) * 3]
)
def test_fill_diagonal(shape, wrap):
    expected = np.zeros(shape, np.float32)
    if expected.size:
        np.fill_diagonal(expected, 2, wrap=wrap)
    x = cn.zeros(*shape)
    assert x.fill_diagonal_(2, wrap) is x
    np.testing.assert_array_equal(x.numpy(), expected)


def test_fill_diagonal_has_no_gradient_where_it_wrote():
    x = cn.ones(3, 3, requires_grad=True)
    y = x * 2
    y.fill_diagonal_(-9e15)
    y.sum().backward()
    assert x.grad.tolist() == [[0, 2, 2], [2, 0, 2], [2, 2, 0]]


def test_errors_of_in_place_forms():
    x = cn.ones(2)
    for shape in [(2,), (), (2, 2, 3)]:
        with pytest.raises(ShapeError, match="fill_diagonal_: input has shape"):
            cn.ones(shape).fill_diagonal_(1)
    with pytest.raises(ShapeError, match=r"add_: the result has shape \(3, 2\), expected \(2,\)"):
        x.add_(cn.ones(3, 2))
    with pytest.raises(DTypeError, match="div_: the result is float32, which a tensor of int64"):
        cn.ones(2, dtype=np.int64).div_(2)
    with pytest.raises(ShapeError, match="copy_into"):
        x.copy_(cn.ones(3))
    with pytest.raises(ShapeError, match="fill_: value has shape"):
        x.fill_(cn.ones(2))
    with pytest.raises(ValueError, match=r"read-only|writ"):
        cn.ones(1).expand(3).add_(1)


def test_views_that_are_gone_are_forgotten():
    x = cn.ones(100)
    for _ in range(1000):
        x[3]
    assert len(x._memory.views) < 50


ARGUMENTS = {
    "addmv": (cn.ones(3, 3), cn.ones(3)),
    "clamp": (0.2,),
    "clamp_max": (0.2,),
    "clamp_min": (0.2,),
    "clip": (0.2,),
    "as_strided": ((3,), (1,)),
    "index_put": ((cn.tensor([0]),), cn.tensor(1.0)),
    "ldexp": (cn.ones(3),),
    "threshold": (0.3, 0.1),
    "xlogy": (cn.ones(3),),
    "dropout": (0.0, True),
    "alpha_dropout": (0.0, True),
    "feature_alpha_dropout": (0.0, True),
}


OF_INTEGERS = {"gcd_": [2, 1, 3], "lcm_": [4, 12, 6]}
OTHERS = {"detach_", "fill_", "resize_as_", "zero_", *OF_INTEGERS}


@pytest.mark.parametrize("name", OF_INTEGERS)
def test_an_in_place_form_of_integers(name):
    x = cn.tensor([4, 3, 6])
    assert getattr(cn, name)(x, cn.tensor([2, 4, 3])) is x
    assert x.tolist() == OF_INTEGERS[name]


@pytest.mark.parametrize("name", sorted(FUNCTIONS_IN_PLACE.keys() - OTHERS))
def test_an_in_place_form_is_a_function(name):
    x = cn.tensor([0.25, 0.5, 0.75]).reshape((3, 1) if name.startswith("feature") else (3,))
    arguments = ARGUMENTS.get(name[:-1], ())
    expected = getattr(cn, name[:-1])(x, *arguments)
    assert getattr(cn, name)(x, *arguments) is x
    np.testing.assert_array_equal(x.numpy(), expected.numpy())


@pytest.mark.parametrize(
    "name", ["celu", "elu", "hardtanh", "leaky_relu", "relu", "rrelu", "selu", "threshold"]
)
def test_an_activation_in_place(name):
    x = cn.tensor([-0.5, 0.5])
    arguments = ARGUMENTS.get(name, ())
    expected = getattr(F, name)(x, *arguments)
    assert getattr(F, f"{name}_")(x, *arguments) is x
    np.testing.assert_array_equal(x.numpy(), expected.numpy())
