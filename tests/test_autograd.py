"""The tape: gradients, accumulation, modes, higher derivatives, errors."""

import gc
import threading

import numpy as np
import pytest

import cygnet as cn


def leaf(values, dtype=np.float64):
    return cn.tensor(np.array(values, dtype), requires_grad=True)


def test_gradient_of_a_polynomial():
    x = leaf([1.0, 2.0, 3.0])
    (x * x * 3 + x).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [7.0, 13.0, 19.0])


def test_gradients_add_up_over_calls_and_paths():
    x = leaf([2.0])
    for _ in range(3):
        (x * 2 + x).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [9.0])


def test_grad_of_two_leaves_is_not_shared():
    a, b = leaf([1.0, 1.0]), leaf([1.0, 1.0])
    (a + b).sum().backward()
    a.grad.numpy()[...] = 5
    np.testing.assert_array_equal(b.grad.numpy(), [1.0, 1.0])


def test_a_gradient_given_by_the_caller_is_not_taken_over():
    x = leaf([1.0, 2.0])
    seed = cn.tensor(np.ones(2))
    (x + 0).backward(seed)
    seed.numpy()[...] = 9
    np.testing.assert_array_equal(x.grad.numpy(), [1.0, 1.0])


def test_broadcast_gradients_are_summed():
    row, column = leaf(np.ones((1, 3))), leaf(np.ones((2, 1)))
    scalar = leaf(2.0)
    (row * column * scalar).sum().backward()
    np.testing.assert_array_equal(row.grad.numpy(), np.full((1, 3), 4.0))
    np.testing.assert_array_equal(column.grad.numpy(), np.full((2, 1), 6.0))
    assert scalar.grad.shape == ()
    assert scalar.grad.item() == 6.0


def test_no_grad_and_enable_grad():
    x = leaf([1.0])
    with cn.no_grad():
        assert not (x * 2).requires_grad
        with cn.enable_grad():
            assert (x * 2).requires_grad
        assert not (x * 2).requires_grad
    assert cn.is_grad_enabled()

    @cn.no_grad()
    def double(t):
        return t * 2

    assert not double(x).requires_grad


def test_no_grad_ends_with_an_exception():
    with pytest.raises(KeyError), cn.no_grad():
        raise KeyError
    assert cn.is_grad_enabled()


def test_grad_mode_is_per_thread():
    seen = []
    with cn.no_grad():
        thread = threading.Thread(target=lambda: seen.append(cn.is_grad_enabled()))
        thread.start()
        thread.join()
    assert seen == [True]


def test_second_and_third_derivative():
    x = leaf(2.0)
    y = x * x * x * x
    (first,) = cn.autograd.grad(y, x, create_graph=True)
    (second,) = cn.autograd.grad(first, x, create_graph=True)
    (third,) = cn.autograd.grad(second, x)
    assert (first.item(), second.item(), third.item()) == (32.0, 48.0, 48.0)


@pytest.mark.parametrize("name", ["exp", "log", "sqrt", "sigmoid", "tanh", "abs", "relu"])
def test_second_derivatives_of_functions(name):
    values = np.array([0.3, 0.7, 1.9])
    x = leaf(values)
    (first,) = cn.autograd.grad(getattr(x, name)().sum(), x, create_graph=True)
    if not first.requires_grad:
        return  # piecewise linear: the second derivative is zero everywhere
    (second,) = cn.autograd.grad(first.sum(), x)
    step = 1e-5

    def slope(at):
        t = leaf(at)
        return cn.autograd.grad(getattr(t, name)().sum(), t)[0].numpy()

    expected = (slope(values + step) - slope(values - step)) / (2 * step)
    np.testing.assert_allclose(second.numpy(), expected, rtol=1e-6, atol=1e-8)


def test_kernels_without_second_derivative_say_so():
    x, w = leaf(np.ones((2, 3))), leaf(np.ones((4, 3)))
    with pytest.raises(RuntimeError, match="linear has no second derivative"):
        cn.autograd.grad(cn.linear(x, w).sum(), x, create_graph=True)


def test_grad_leaves_grad_alone():
    x = leaf([3.0])
    (g,) = cn.autograd.grad((x * x).sum(), x)
    assert g.item() == 6.0
    assert x.grad is None


def test_grad_of_an_inner_result():
    x = leaf([3.0])
    y = x * 2
    (by_y,) = cn.autograd.grad((y * y).sum(), y)
    assert by_y.item() == 12.0


def test_grad_of_unused_input():
    x, other = leaf([1.0]), leaf([1.0])
    with pytest.raises(RuntimeError, match=r"inputs\[1\]"):
        cn.autograd.grad(x.sum(), [x, other])
    assert cn.autograd.grad(x.sum(), [x, other], allow_unused=True)[1] is None


def test_a_freed_graph_is_an_error_and_retain_graph_keeps_it():
    x = leaf([1.0])
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.item() == 4.0
    with pytest.raises(RuntimeError, match="retain_graph"):
        y.backward()


def test_backward_needs_a_single_number_or_a_gradient():
    x = leaf([1.0, 2.0])
    with pytest.raises(RuntimeError, match=r"shape \(2,\)"):
        (x * 2).backward()
    (x * 2).backward(cn.tensor(np.array([1.0, 10.0])))
    np.testing.assert_array_equal(x.grad.numpy(), [2.0, 20.0])
    with pytest.raises(cn.ShapeError, match="backward: gradient"):
        (x * 2).backward(cn.tensor(np.ones(3)))


def test_backward_without_graph_is_an_error():
    with pytest.raises(RuntimeError, match="does not require a gradient"):
        cn.ones(1).backward()


def test_a_long_chain():
    x = leaf(1.0)
    y = x
    for _ in range(20_000):
        y = y + 1.0
    y.backward()
    assert x.grad.item() == 1.0
    z = x
    for _ in range(20_000):
        z = z * 1.0
    del z  # never differentiated: the chain is freed without recursion


def test_a_step_leaves_no_cycles():
    w = leaf(np.ones((4, 4)))
    gc.collect()
    gc.disable()
    try:
        before = cn.memory_stats()["live_bytes"]
        for _ in range(3):
            y = cn.softmax(cn.tanh(w @ w).relu() * 2 + w.exp(), -1)
            y.mean().backward()
            w.grad = None
            del y
            assert cn.memory_stats()["live_bytes"] == before
    finally:
        gc.enable()


def test_integers_have_no_gradient():
    with pytest.raises(RuntimeError, match="int64"):
        cn.tensor([1, 2], requires_grad=True)


def test_detach_shares_memory_and_leaves_the_graph():
    x = leaf([1.0])
    d = x.detach()
    assert not d.requires_grad
    d.numpy()[0] = 7
    assert x.item() == 7
