"""In-place forms that change the shape or the memory of a tensor, and strides."""

import numpy as np
import pytest

import cygnet as cn
from cygnet import DTypeError, ShapeError


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("squeeze", ()),
        ("squeeze", (0,)),
        ("unsqueeze", (1,)),
        ("unsqueeze", (-1,)),
        ("transpose", (0, 2)),
        ("swapaxes", (1, -1)),
        ("swapdims", (0, 1)),
        ("as_strided", ((2, 2), (3, 1), 1)),
    ],
)
def test_the_tensor_becomes_the_view(name, arguments):
    memory = np.arange(12.0).reshape(1, 3, 4)
    x = cn.from_numpy(memory)
    expected = getattr(x, name)(*arguments).numpy()
    assert getattr(x, f"{name}_")(*arguments) is x
    np.testing.assert_array_equal(x.numpy(), expected)
    assert np.shares_memory(x.numpy(), memory)


def test_transposing_matrices_in_place():
    x = cn.arange(6).reshape(2, 3)
    assert x.t_().tolist() == [[0, 3], [1, 4], [2, 5]]
    assert cn.tensor([1, 2]).t_().tolist() == [1, 2]
    with pytest.raises(ShapeError, match="t: input has shape"):
        cn.zeros(2, 2, 2).t_()


def test_views_follow_a_tensor_that_changed_its_shape():
    """Those made before, those made after, and what the tensor itself was a view of."""
    whole = cn.zeros(2, 6)
    part = whole[1]
    row = part[:2]
    part.unsqueeze_(0).squeeze_().unsqueeze_(1)
    after = part[3:]
    weight = cn.ones(6, 1, requires_grad=True)
    part.mul_(0).add_(weight * 3)
    for tensor, expected in ((whole, [0] * 6 + [3] * 6), (row, [3, 3]), (after, [3] * 3)):
        assert tensor.requires_grad
        assert tensor.flatten().tolist() == expected
        (grad,) = cn.autograd.grad(tensor.sum(), weight, retain_graph=True)
        assert grad.sum().item() == 3 * tensor.numel() - (18 if tensor is whole else 0)


def test_a_view_changes_a_reshaped_tensor():
    x = cn.arange(6.0).reshape(2, 3)
    flat = x.view(-1)
    x.t_()
    scale = cn.tensor(2.0, requires_grad=True)
    flat.mul_(scale)
    assert x.requires_grad and x.tolist() == [[0, 6], [2, 8], [4, 10]]
    x[0].sum().backward()
    assert scale.grad.item() == 3


def test_a_gradient_that_needs_the_old_shape_is_an_error():
    x, weight = cn.ones(2, 2), cn.ones(2, 2, requires_grad=True)
    y = (x * weight).sum()
    x.t_()
    with pytest.raises(RuntimeError, match="modified in place"):
        y.backward()


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x.squeeze_(),
        lambda x: x.resize_(2),
        lambda x: x.resize_as_(cn.zeros(2)),
        lambda x: x.set_(cn.zeros(2)),
        lambda x: x.apply_(abs),
    ],
)
def test_a_tensor_that_requires_a_gradient_keeps_its_shape(change):
    for x in (cn.zeros(1, 2, requires_grad=True), cn.zeros(1, 2, requires_grad=True) * 2):
        with pytest.raises(RuntimeError, match="_: the tensor requires a gradient"):
            change(x)


def test_resize():
    x = cn.arange(6)
    assert x.resize_(2, 3) is x and x.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert x.resize_((2,)).tolist() == [0, 1]
    assert x.resize_as_(cn.zeros(2, 2)).tolist() == [[0, 1], [0, 0]]
    assert cn.resize_as_(x, cn.zeros(0)).shape == (0,)
    with pytest.raises(ValueError, match="resize_: size is"):
        x.resize_(-1)


def test_set_shares_memory():
    x, y = cn.zeros(3), cn.ones(2, 2)
    assert x.set_(y) is x
    x.add_(1)
    assert y.tolist() == [[2, 2], [2, 2]]
    assert x.set_().shape == (0,)


def test_python_functions_of_elements():
    x = cn.arange(4.0).reshape(2, 2).t()
    assert x.apply_(lambda v: v + 0.5).tolist() == [[0.5, 2.5], [1.5, 3.5]]
    assert x.map_(cn.tensor([1.0, 2.0]), lambda a, b: a * b) is x
    assert x.tolist() == [[0.5, 5], [1.5, 7]]
    with pytest.raises(TypeError, match="map_: tensor must be a Tensor"):
        x.map_(1, max)


def test_strided_views_of_views_count_in_the_whole_memory():
    whole = cn.arange(12)
    part = whole.reshape(3, 4)[1]
    assert part.as_strided((2,), (4,)).tolist() == [4, 8]
    assert part.as_strided((2,), (4,), 0).tolist() == [0, 4]
    part.as_strided((2,), (1,), 0).fill_(-1)
    assert whole[:3].tolist() == [-1, -1, 2]
    leaf = cn.arange(12.0).requires_grad_()
    leaf[6:].as_strided((3,), (2,)).sum().backward()
    assert leaf.grad.tolist() == [0] * 6 + [1, 0, 1, 0, 1, 0]
    assert cn.zeros(2, 3).t().as_strided((6,), (1,)).shape == (6,)


@pytest.mark.parametrize(
    ("size", "stride", "offset", "error", "text"),
    [
        ((2, 2), (1,), 0, ShapeError, "stride has 1 elements, expected 2"),
        ((7,), (1,), 0, ValueError, "reaches element 6 of memory that has 6"),
        ((2,), (1,), 5, ValueError, "reaches element 6"),
        ((2**40, 2**40), (2**40, 1), 0, ValueError, "reaches element"),
        ((2,), (-1,), 3, ValueError, "no negative number"),
        ((-1,), (1,), 0, ValueError, "no negative number"),
        ((1,), (1,), -1, ValueError, "no negative number"),
    ],
)
def test_strided_views_stay_in_the_memory(size, stride, offset, error, text):
    with pytest.raises(error, match=text):
        cn.zeros(2, 3).as_strided(size, stride, offset)


def test_memory_that_is_not_dense_has_no_strided_views():
    with pytest.raises(ValueError, match="not dense"):
        cn.from_numpy(np.zeros((4, 4))[::2, ::2]).as_strided((2,), (1,))
    with pytest.raises(ValueError, match="read-only"):
        cn.zeros(4).as_strided((2, 2), (1, 1)).fill_(1)


def test_memory_of_given_strides():
    x = cn.empty_strided((2, 3), (1, 2), dtype=cn.float64, requires_grad=True)
    assert x.stride() == (1, 2) and x.dtype == cn.float64 and x.requires_grad and x.is_leaf
    assert cn.empty_permuted((2, 3, 4), (1, 2, 0)).stride() == (1, 8, 2)
    assert cn.zeros(2, dtype=cn.int64).new_empty_strided((2,), (3,)).dtype == cn.int64
    with pytest.raises(ValueError, match="each of the 2 dimensions once"):
        cn.empty_permuted((2, 3), (0, 0))
    with pytest.raises(ShapeError, match="stride has 1"):
        cn.empty_strided((2, 3), (1,))


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda x: cn.select_scatter(x, cn.zeros(3), 0, 0), ShapeError, "src has shape"),
        (lambda x: cn.select_scatter(x, x[0].double(), 0, 0), DTypeError, "src is float64"),
        (lambda x: cn.select_scatter(x, x[0], 0, 5), IndexError, "select: index is 5"),
        (lambda x: cn.slice_scatter(x, x, step=0), ValueError, "step is 0"),
        (lambda x: x.put(cn.tensor([12]), cn.zeros(1)), IndexError, "is 12, expected -12"),
        (lambda x: x.put(cn.tensor([0]), cn.zeros(2)), ShapeError, "source has 2 elements"),
        (lambda x: x.index_reduce(0, cn.tensor([0]), x[:1], "sum"), ValueError, "reduce is 'sum'"),
        (lambda x: x.index_reduce(0, cn.tensor([0]), x, "mean"), ShapeError, "source has shape"),
        (lambda x: x.renorm(0, 0, 1.0), ValueError, "renorm: p is 0"),
        (lambda x: x[0].renorm(2, 0, 1.0), ShapeError, "renorm: input has shape"),
        (lambda x: cn.vander(x), ShapeError, "vander: x has shape"),
        (lambda x: cn.trapezoid(x, x[0, :2]), ShapeError, "trapezoid: x has 2 elements"),
        (lambda x: cn.trapezoid(x, x, dx=1), TypeError, "both given"),
        (lambda x: cn.gradient(x, edge_order=3), ValueError, "edge_order is 3"),
        (lambda x: cn.gradient(x[:1]), ShapeError, "more than 1 elements"),
        (lambda x: cn.gradient(x, spacing=[1]), ValueError, "spacing has 1 elements"),
        (lambda x: cn.histogram(x, 0), ValueError, "bins is 0"),
        (lambda x: cn.histogram(x.long(), 3), DTypeError, "histogram: input is int64"),
        (lambda x: cn.histogram(x, 3, range=(2, 1)), ValueError, "range is"),
        (lambda x: cn.histogramdd(x, [2]), ValueError, "bins has 1 elements, expected 4"),
        (lambda x: cn.hann_window(-1), ValueError, "window_length is -1"),
        (lambda x: cn.hann_window(3, dtype=cn.int64), DTypeError, "hann_window: dtype is int64"),
        (lambda x: cn.unravel_index(x, (2, 2)), DTypeError, "indices is float32"),
        (lambda x: cn.unravel_index(cn.tensor([4]), (2, 2)), IndexError, "is 4, expected -4"),
        (lambda x: x.nonzero_static(size=-1), ValueError, "size is -1"),
        (lambda x: x[:0].mode(0), ValueError, "mode: dimension 0 has size 0"),
        (lambda x: cn.gcd(x, 2), DTypeError, "gcd"),
        (lambda x: x << 1, DTypeError, "left_shift"),
        (lambda x: cn.mvlgamma(x, 0), ValueError, "mvlgamma: p is 0"),
        (lambda x: x.sum_to_size(2), ShapeError, "sum_to_size: size is"),
        (lambda x: cn.fill(x, x), ShapeError, "fill: value has shape"),
        (lambda x: x.geometric_(1.5), ValueError, "geometric_: p is 1.5"),
        (lambda x: x.cauchy_(sigma=0), ValueError, "cauchy_: sigma is 0"),
    ],
)
def test_bad_arguments(call, error, text):
    with pytest.raises(error, match=text):
        call(cn.ones(3, 4))


def test_shifts_and_divisors_at_the_ends():
    least = cn.tensor([-(2**63)])
    assert cn.gcd(least, least).item() == -(2**63)
    assert cn.gcd(least, 6).item() == 2 and cn.lcm(cn.tensor([0]), 0).item() == 0
    assert (cn.tensor([1, -1]) << cn.tensor([64, -1])).tolist() == [0, 0]
    assert (cn.tensor([5, -5]) >> cn.tensor([64, -1])).tolist() == [0, -1]
    assert (1 << cn.tensor([3], dtype=cn.int32)).tolist() == [8]
    x = cn.tensor([8])
    x >>= 2
    assert x.item() == 2


def test_special_functions_at_the_ends():
    inf, nan = cn.inf, cn.nan
    x = cn.tensor([0.0, inf, -inf, nan], dtype=cn.float64)
    assert repr(cn.i0(x).tolist()) == "[1.0, inf, inf, nan]"
    assert repr(cn.special.i1(x).tolist()) == "[0.0, inf, -inf, nan]"
    assert repr(cn.special.i0e(x).tolist()) == "[1.0, 0.0, 0.0, nan]"
    assert repr(cn.special.erfcx(x).tolist()) == "[1.0, 0.0, inf, nan]"
    assert repr(cn.special.entr(x).tolist()) == "[-0.0, -inf, -inf, nan]"
    a = cn.tensor([0.0, 0.0, 2.0, inf, 2.0, -1.0, inf], dtype=cn.float64)
    b = cn.tensor([0.0, 1.0, 0.0, 1.0, inf, 1.0, inf], dtype=cn.float64)
    assert repr(cn.igamma(a, b).tolist()) == "[nan, 1.0, 0.0, 0.0, 1.0, nan, nan]"
    assert repr(cn.igammac(a, b).tolist()) == "[nan, 0.0, 1.0, 1.0, 0.0, nan, nan]"
    frexp = cn.frexp(x)
    assert repr(frexp.mantissa.tolist()) == "[0.0, inf, -inf, nan]"
    assert frexp.exponent.tolist() == [0, 0, 0, 0] and frexp.exponent.dtype == cn.int32
    with pytest.raises(RuntimeError, match="igamma: there is no gradient for input"):
        cn.igamma(cn.tensor(1.0, requires_grad=True), cn.tensor(1.0)).backward()


def test_large_arguments_of_gamma_functions():
    """The median of the gamma distribution of shape a lies near a - 1 / 3."""
    a = cn.tensor([1e2, 1e4, 1e6], dtype=cn.float64)
    near = cn.igamma(a, a - 1 / 3)
    np.testing.assert_allclose(near.numpy(), 0.5, atol=1e-4)
    np.testing.assert_allclose((near + cn.igammac(a, a - 1 / 3)).numpy(), 1, rtol=1e-15)
    # The sum of the powers of 20 reciprocals, from the 5th on, is all there is to float64.
    reference = sum((5.0 + k) ** -20 for k in range(20, -1, -1))
    found = cn.special.zeta(cn.tensor(20.0, dtype=cn.float64), cn.tensor(5.0, dtype=cn.float64))
    np.testing.assert_allclose(found.item(), reference, rtol=1e-14)
