"""The orthogonal parametrization: orthonormal at any time, trained, kept and assigned."""

from __future__ import annotations

import numpy as np
import pytest

import cygnet
from cygnet import nn
from cygnet.nn.utils import parametrizations
from cygnet.nn.utils import parametrize as P


@pytest.mark.parametrize("shape", [(4, 4), (6, 3), (3, 6), (2, 5, 3)])
@pytest.mark.parametrize("orthogonal_map", [None, "matrix_exp", "cayley", "householder"])
@pytest.mark.parametrize("use_trivialization", [False, True])
def test_orthogonal(shape, orthogonal_map, use_trivialization):
    cygnet.manual_seed(0)
    module = nn.Module()
    module.weight = nn.Parameter(cygnet.randn(*shape, dtype=cygnet.float64))
    parametrizations.orthogonal(
        module, "weight", orthogonal_map, use_trivialization=use_trivialization
    )
    optimizer = cygnet.optim.SGD(module.parameters(), lr=0.003)
    target = cygnet.randn(*shape, dtype=cygnet.float64)
    losses = []
    for _ in range(4):
        weight = module.weight
        tall = weight.detach().numpy()
        tall = tall if shape[-2] >= shape[-1] else np.swapaxes(tall, -1, -2)
        gram = np.swapaxes(tall, -1, -2) @ tall
        np.testing.assert_allclose(
            gram, np.broadcast_to(np.eye(gram.shape[-1]), gram.shape), atol=1e-12
        )
        optimizer.zero_grad()
        loss = ((weight - target) ** 2).sum()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    P.remove_parametrizations(module, "weight")
    assert type(module) is nn.Module


@pytest.mark.parametrize("shape", [(4, 4), (6, 3), (3, 6)])
@pytest.mark.parametrize("orthogonal_map", [None, "matrix_exp", "cayley", "householder"])
@pytest.mark.parametrize("use_trivialization", [False, True])
def test_orthogonal_is_that_of_pytorch(shape, orthogonal_map, use_trivialization):
    torch = pytest.importorskip("torch", reason="PyTorch is the reference here")
    layer = nn.Linear(*shape[::-1], dtype=cygnet.float64)
    other = torch.nn.Linear(*shape[::-1], dtype=torch.float64)
    other.load_state_dict({k: torch.from_numpy(v.numpy()) for k, v in layer.state_dict().items()})
    options = {"orthogonal_map": orthogonal_map, "use_trivialization": use_trivialization}
    parametrizations.orthogonal(layer, **options)
    torch.nn.utils.parametrizations.orthogonal(other, **options)
    assert list(layer.state_dict()) == list(other.state_dict())
    if shape[0] == shape[1]:  # else PyTorch completes the matrix by other random numbers
        theirs = other.weight.detach().numpy()
        np.testing.assert_allclose(layer.weight.detach().numpy(), theirs, atol=1e-12)
    original = "parametrizations.weight.original"
    state = {key: value.numpy().copy() for key, value in layer.state_dict().items()}
    change = 0.1 * np.random.default_rng(0).standard_normal(shape)
    if orthogonal_map == "householder" or (orthogonal_map is None and shape[0] != shape[1]):
        np.fill_diagonal(change, 0)  # the diagonal holds signs
    state[original] += change
    layer.load_state_dict(state)
    other.load_state_dict({k: torch.from_numpy(v.copy()) for k, v in state.items()})
    np.testing.assert_allclose(
        layer.weight.detach().numpy(), other.weight.detach().numpy(), atol=1e-12
    )
    weights = np.random.default_rng(1).standard_normal(shape)
    (layer.weight * cygnet.as_tensor(weights)).sum().backward()
    (other.weight * torch.from_numpy(weights)).sum().backward()
    np.testing.assert_allclose(
        layer.parametrizations.weight.original.grad.numpy(),
        other.parametrizations.weight.original.grad.numpy(),
        atol=1e-10,
    )


def test_orthogonal_values_are_kept_and_assigned():
    turn = np.array([[0.6, -0.8], [0.8, 0.6]])
    layer = nn.Linear(2, 2, dtype=cygnet.float64)
    layer.load_state_dict({"weight": turn, "bias": np.zeros(2)})
    parametrizations.orthogonal(layer)
    np.testing.assert_allclose(layer.weight.detach().numpy(), turn, atol=1e-15)
    layer.weight = cygnet.as_tensor(turn.T.copy())
    np.testing.assert_allclose(layer.weight.detach().numpy(), turn.T, atol=1e-15)
    with pytest.raises(ValueError, match=r"orthogonal: the value has shape \(3, 2\), expected"):
        layer.weight = cygnet.ones(3, 2, dtype=cygnet.float64)
    other = parametrizations.orthogonal(nn.Linear(2, 2), use_trivialization=False)
    with pytest.raises(NotImplementedError, match="by 'matrix_exp' can be assigned to only"):
        other.weight = cygnet.ones(2, 2)
    for call, text in (
        (lambda: parametrizations.orthogonal(nn.Linear(2, 2), "bias"), "expected a matrix"),
        (lambda: parametrizations.orthogonal(nn.Linear(2, 2), "scale"), "no parameter or buffer"),
        (
            lambda: parametrizations.orthogonal(nn.Linear(2, 2), orthogonal_map="qr"),
            "orthogonal_map is 'qr'",
        ),
    ):
        with pytest.raises(ValueError, match=text):
            call()


def test_orthogonal_weights_are_captured():
    def trained(capture):
        cygnet.manual_seed(0)
        layer = parametrizations.orthogonal(nn.Linear(3, 5))
        optimizer = cygnet.optim.SGD(layer.parameters(), lr=0.05)

        @capture
        def step(x):
            optimizer.zero_grad()
            loss = (layer(x) ** 2).sum()
            loss.backward()
            optimizer.step()
            return loss

        return [step(cygnet.ones(2, 3)).item() for _ in range(4)]

    losses = trained(cygnet.capture)
    assert losses == trained(lambda step: step)
    assert losses[-1] < losses[0]
