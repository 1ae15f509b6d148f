"""The tape: gradients, accumulation, modes, higher derivatives, errors."""

import gc
import threading

import numpy as np
import pytest

import cygnet as cn
from cygnet.autograd.function import once_differentiable


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


def test_a_gradient_without_gradient_says_so():
    class Twice(cn.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        @once_differentiable
        def backward(ctx, grad):
            return grad * 2

    x = leaf([1.0])
    assert cn.autograd.grad(Twice.apply(x), x)[0].item() == 2.0
    with pytest.raises(RuntimeError, match="Twice has no second derivative"):
        cn.autograd.grad(Twice.apply(x), x, create_graph=True)


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


def test_hooks_of_a_leaf_see_the_whole_gradient():
    x = leaf([1.0, 2.0])
    seen = []
    handle = x.register_hook(lambda g: seen.append(g.numpy().copy()) or g * 10)
    (x * 2 + x * 3).sum().backward()
    np.testing.assert_array_equal(seen, [[5.0, 5.0]])
    np.testing.assert_array_equal(x.grad.numpy(), 50.0)
    handle.remove()
    handle.remove()
    (x * 2).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), 52.0)


def test_hooks_of_a_result():
    x = leaf([1.0, 2.0])
    y = x * 2
    y.retain_grad()
    y.register_hook(lambda g: g + 1)
    assert y.retains_grad and not x.retains_grad
    (y * y).sum().backward()
    np.testing.assert_array_equal(y.grad.numpy(), [4.0, 8.0])
    np.testing.assert_array_equal(x.grad.numpy(), [10.0, 18.0])
    with pytest.raises(RuntimeError, match="register_hook"):
        cn.ones(1).register_hook(print)
    with pytest.raises(TypeError, match="hook expected a function"):
        x.register_hook(3)


def test_backward_with_inputs_fills_these_alone():
    x, w = leaf([1.0]), leaf([2.0])
    y = x * w
    (y * y).backward(inputs=[w, y])
    assert x.grad is None
    assert (w.grad.item(), y.grad.item()) == (4.0, 4.0)


def test_grad_computes_only_what_leads_to_the_inputs():
    class Counted(cn.autograd.Function):
        calls = 0

        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, grad):
            Counted.calls += 1
            return grad * 2

    x = leaf([1.0])
    inner = Counted.apply(x)
    outer = inner * 3
    assert cn.autograd.grad(outer, inner, retain_graph=True)[0].item() == 3.0
    assert Counted.calls == 0
    assert cn.autograd.grad(outer, x)[0].item() == 6.0
    assert Counted.calls == 1


def test_unused_inputs():
    x, y = leaf([1.0]), leaf([[2.0]])
    with pytest.raises(RuntimeError, match=r"do not depend on inputs\[1\]"):
        cn.autograd.grad(x * 2, (x, y))
    assert cn.autograd.grad(x * 2, (x, y), allow_unused=True)[1] is None
    assert cn.autograd.grad(x * 2, (x, y), materialize_grads=True)[1].tolist() == [[0.0]]


class Split(cn.autograd.Function):
    """Two differentiable results, one of integers, and one that is saved."""

    @staticmethod
    def forward(ctx, x, factor):
        e = x.exp()
        ctx.save_for_backward(x, e)
        ctx.factor = factor
        return e, x * factor, x.argmax()

    @staticmethod
    def backward(ctx, by_exp, by_product, by_position):
        _, e = ctx.saved_tensors
        assert by_position is None or by_position.sum().item() == 0
        return by_exp * e + by_product * ctx.factor, None


def test_function_of_several_results():
    x = leaf([0.3, -1.0, 0.5])
    assert cn.autograd.gradcheck(lambda x: Split.apply(x, 3.0)[:2], x)
    assert cn.autograd.gradcheck(lambda x: Split.apply(x, 3.0)[1], x)
    assert cn.autograd.gradgradcheck(lambda x: Split.apply(x, 3.0)[:2], x)
    exp, _, position = Split.apply(x, 3.0)
    assert position.item() == 2 and not position.requires_grad
    assert exp.requires_grad and exp.grad_fn.name() == "Split"
    with cn.no_grad():
        assert not Split.apply(x, 3.0)[0].requires_grad


def test_function_with_setup_context_and_a_modified_saved_tensor():
    class Square(cn.autograd.Function):
        @staticmethod
        def forward(x):
            return x * x

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(*inputs)

        @staticmethod
        def backward(ctx, grad):
            return grad * 2 * ctx.saved_tensors[0]

    x = leaf([3.0])
    y = x * 1
    z = Square.apply(y)
    z.backward(retain_graph=True)
    assert x.grad.item() == 6.0
    y.add_(1)
    with pytest.raises(RuntimeError, match="gradient of Square needs was modified"):
        z.backward()


def test_function_that_changes_its_argument():
    class Double(cn.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            x.mul_(2)
            ctx.mark_dirty(x)
            return x

        @staticmethod
        def backward(ctx, grad):
            return grad * 2

    x = leaf([3.0])
    y = x * 1
    assert Double.apply(y) is y
    y.backward()
    assert (y.item(), x.grad.item()) == (6.0, 2.0)


def test_errors_of_functions():
    class Wrong(cn.autograd.Function):
        result = (None, None)

        @staticmethod
        def forward(ctx, x, n):
            return x * n

        @staticmethod
        def backward(ctx, grad):
            return Wrong.result

    x = leaf([1.0, 2.0])
    Wrong.result = grad = cn.ones(2, dtype=np.float64)
    with pytest.raises(RuntimeError, match="returned 1 gradients, expected 2"):
        Wrong.apply(x, 3).sum().backward()
    Wrong.result = (grad, grad)
    with pytest.raises(RuntimeError, match="gradient 1 is not None"):
        Wrong.apply(x, 3).sum().backward()
    Wrong.result = (cn.ones(3, dtype=np.float64), None)
    with pytest.raises(cn.ShapeError, match=r"gradient 0 has shape \(3,\), expected \(2,\)"):
        Wrong.apply(x, 3).sum().backward()


def test_a_function_keeps_nothing_alive():
    gc.collect()
    gc.disable()
    try:
        before = cn.memory_stats()["live_bytes"]
        for _ in range(3):
            Split.apply(leaf(np.zeros(1000)), 2.0)
        assert cn.memory_stats()["live_bytes"] == before
    finally:
        gc.enable()


def test_gradcheck_finds_a_wrong_gradient():
    class Wrong(cn.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, grad):
            return grad * 3

    with pytest.raises(cn.autograd.GradcheckError, match="result 0 with respect to input 0"):
        cn.autograd.gradcheck(Wrong.apply, leaf([1.0]))
    assert not cn.autograd.gradcheck(Wrong.apply, leaf([1.0]), raise_exception=False)
    with pytest.raises(ValueError, match="expected float64"):
        cn.autograd.gradcheck(Wrong.apply, cn.ones(1, requires_grad=True))
    with pytest.raises(ValueError, match="no tensor that requires"):
        cn.autograd.gradcheck(Wrong.apply, cn.ones(1))


def test_anomaly_detection_names_the_op():
    x = leaf([-1.0])
    with cn.autograd.detect_anomaly():
        y = x.sqrt()
        with pytest.raises(
            RuntimeError, match=r"gradient of sqrt .* has a NaN; it was called here"
        ):
            (y * 0).sum().backward()
    cn.autograd.set_detect_anomaly(True)
    try:
        with pytest.raises(RuntimeError, match="gradient of sqrt"):
            (x.sqrt() * 0).sum().backward()
    finally:
        cn.autograd.set_detect_anomaly(False)
    (x.sqrt() * 0).sum().backward()
    assert np.isnan(x.grad.item())


def test_modes_as_decorators():
    x = leaf([1.0])

    @cn.no_grad
    def bare():
        return x * 2

    @cn.no_grad()
    def called():
        return x * 2

    @cn.inference_mode()
    def inference():
        return x * 2

    @cn.set_grad_enabled(False)
    def switched():
        return x * 2

    for function in (bare, called, inference, switched):
        assert not function().requires_grad
        assert cn.is_grad_enabled()
    with cn.inference_mode():
        assert cn.is_inference_mode_enabled() and not (x * 2).requires_grad
        with cn.inference_mode(False):
            assert (x * 2).requires_grad
    cn.set_grad_enabled(False)
    assert not cn.is_grad_enabled()
    cn.set_grad_enabled(True)
