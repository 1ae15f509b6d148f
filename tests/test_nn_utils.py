"""nn.utils: clipping, vectors of parameters, weight and spectral normalisation."""

import math

import numpy as np
import pytest

import cygnet
from cygnet import nn
from cygnet.kernels import ShapeError
from cygnet.nn import utils


def with_gradients(*grads: np.ndarray | None) -> list[nn.Parameter]:
    parameters = []
    for grad in grads:
        parameter = nn.Parameter(np.zeros(2 if grad is None else grad.shape, np.float32))
        parameter.grad = None if grad is None else cygnet.tensor(grad.astype(np.float32))
        parameters.append(parameter)
    return parameters


GRADS = [np.array([[3.0, -4.0], [0.5, 1.0]]), None, np.array(2.0), np.zeros((0, 3))]
ALL = np.concatenate([g.ravel() for g in GRADS if g is not None])


@pytest.mark.parametrize("p", [1, 2, 3.5, math.inf])
@pytest.mark.parametrize("max_norm", [0.7, 100.0])
def test_clip_grad_norm(p, max_norm):
    parameters = with_gradients(*GRADS)
    want = np.linalg.norm(ALL, p)
    total = utils.clip_grad_norm_(iter(parameters), max_norm, p)
    np.testing.assert_allclose(total.item(), want, rtol=1e-6)
    factor = min(1.0, max_norm / (want + 1e-6))
    for parameter, grad in zip(parameters, GRADS, strict=True):
        if grad is not None:
            np.testing.assert_allclose(parameter.grad.numpy(), grad * factor, rtol=1e-6)
    np.testing.assert_allclose(
        utils.get_total_norm([p.grad for p in parameters if p.grad is not None], p).item(),
        want * factor,
        rtol=1e-6,
    )


def test_clipping_of_special_gradients():
    assert utils.clip_grad_norm_(with_gradients(None), 1.0).item() == 0
    (alone,) = with_gradients(np.array([3.0, 4.0]))
    assert utils.clip_grad_norm_(alone, 1.0).item() == 5
    bad = with_gradients(np.array([np.inf, 1.0]))
    with pytest.raises(RuntimeError, match="norm of the gradients is inf, expected a finite"):
        utils.clip_grad_norm_(bad, 1.0, error_if_nonfinite=True)
    assert utils.clip_grad_norm_(bad, 1.0).item() == math.inf
    with pytest.raises(ValueError, match="norm_type is -1, expected a positive number"):
        utils.get_total_norm(bad, -1)
    wide = nn.Parameter(np.zeros(2))
    wide.grad = cygnet.tensor(np.array([3.0, 4.0]))
    assert utils.clip_grad_norm_([alone, wide], 1.0).dtype == np.float64


def test_clip_grad_value():
    parameters = with_gradients(*GRADS)
    utils.clip_grad_value_(parameters, 1.5)
    np.testing.assert_array_equal(parameters[0].grad.numpy(), np.clip(GRADS[0], -1.5, 1.5))
    assert parameters[2].grad.item() == 1.5


def test_parameters_to_vector_and_back():
    net = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    vector = utils.parameters_to_vector(net.parameters())
    assert vector.shape == (13,)
    vector.sum().backward()
    assert net[0].weight.grad.tolist() == [[1, 1]] * 3
    arrays = [p._array for p in net.parameters()]
    utils.vector_to_parameters(cygnet.arange(13).float(), net.parameters())
    np.testing.assert_array_equal(
        utils.parameters_to_vector(net.parameters()).detach().numpy(), np.arange(13)
    )
    assert all(p._array is array for p, array in zip(net.parameters(), arrays, strict=True))
    with pytest.raises(ShapeError, match=r"vec has shape \(12,\), expected \(13,\)"):
        utils.vector_to_parameters(cygnet.zeros(12), net.parameters())


@pytest.mark.parametrize("dim", [0, 1, -1, None])
def test_weight_norm(dim):
    layer = nn.Conv2d(2, 3, 2)
    x = cygnet.randn(1, 2, 4, 4)
    before = layer(x).detach().numpy()
    assert utils.weight_norm(layer, dim=dim) is layer
    assert list(layer.state_dict()) == ["bias", "weight_g", "weight_v"]
    shape = (
        ()
        if dim in (None, -1)
        else tuple(n if i == dim % 4 else 1 for i, n in enumerate((3, 2, 2, 2)))
    )
    assert layer.weight_g.shape == shape
    np.testing.assert_allclose(layer(x).detach().numpy(), before, rtol=1e-5, atol=1e-6)
    with cygnet.no_grad():
        layer.weight_g._array[...] *= 2
    layer(x).sum().backward()
    np.testing.assert_allclose(
        (layer(x) - layer.bias.reshape(-1, 1, 1)).detach().numpy(),
        2 * (before - layer.bias.detach().numpy().reshape(-1, 1, 1)),
        rtol=1e-4,
        atol=1e-5,
    )
    assert layer.weight_g.grad is not None and layer.weight_v.grad is not None
    doubled = layer(x).detach().numpy()
    utils.remove_weight_norm(layer)
    assert list(layer.state_dict()) == ["bias", "weight"]
    np.testing.assert_array_equal(layer(x).detach().numpy(), doubled)
    with pytest.raises(
        ValueError, match="remove_weight_norm: Conv2d has no WeightNorm of 'weight'"
    ):
        utils.remove_weight_norm(layer)
    with pytest.raises(ValueError, match="weight_norm: Conv2d has no parameter 'scale'"):
        utils.weight_norm(layer, "scale")


@pytest.mark.parametrize(
    ("make", "rows"),
    [
        (lambda: nn.Linear(5, 3), lambda w: w),
        (lambda: nn.Conv2d(2, 4, 3), lambda w: w.reshape(4, -1)),
        (lambda: nn.ConvTranspose1d(2, 4, 3), lambda w: w.swapaxes(0, 1).reshape(4, -1)),
    ],
)
def test_spectral_norm(make, rows):
    layer = make()
    shape = layer.weight.shape
    utils.spectral_norm(layer, n_power_iterations=50)
    assert sorted(layer.state_dict()) == ["bias", "weight_orig", "weight_u", "weight_v"]
    x = cygnet.randn(
        *((2, 5) if len(shape) == 2 else (2, *shape[1:]) if len(shape) == 4 else (2, 2, 7))
    )
    layer(x).sum().backward()
    assert layer.weight_orig.grad.shape == shape
    largest = np.linalg.svd(rows(layer.weight.detach().numpy()), compute_uv=False)[0]
    np.testing.assert_allclose(largest, 1.0, rtol=1e-3)
    layer.eval()
    u = layer.weight_u.numpy().copy()
    out = layer(x).detach().numpy()
    np.testing.assert_array_equal(layer.weight_u.numpy(), u)
    utils.remove_spectral_norm(layer)
    assert sorted(layer.state_dict()) == ["bias", "weight"]
    np.testing.assert_array_equal(layer(x).detach().numpy(), out)


def test_removing_a_spectral_norm_leaves_the_mode():
    assert utils.remove_spectral_norm(utils.spectral_norm(nn.Linear(2, 3))).training


def test_a_discriminator_is_called_twice_before_its_gradient():
    layer = utils.spectral_norm(nn.Linear(4, 2))
    (layer(cygnet.randn(3, 4)).sum() - layer(cygnet.randn(3, 4)).sum()).backward()
    assert layer.weight_orig.grad is not None
