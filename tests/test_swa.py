"""Averaged weights: means, moving averages, buffers, batch statistics."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import cygnet
from cygnet import as_tensor, nn
from cygnet.optim import swa_utils


def model() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))


def moved(each: nn.Module, by: float) -> None:
    """Adds a number to all parameters and floating-point buffers."""
    with cygnet.no_grad():
        for tensor in (*each.parameters(), *each.buffers()):
            tensor.add_(by if tensor.dtype == np.float32 else int(by))


FUNCTIONS: dict[str, dict[str, Any]] = {
    "mean by default": {},
    "mean": {"avg_fn": swa_utils.get_swa_avg_fn()},
    "mean of lists": {"multi_avg_fn": swa_utils.get_swa_multi_avg_fn()},
    "moving": {"avg_fn": swa_utils.get_ema_avg_fn(0.75)},
    "moving lists": {"multi_avg_fn": swa_utils.get_ema_multi_avg_fn(0.75)},
    "a user's": {"avg_fn": lambda average, value, count: average * 0.75 + value * 0.25},
}


@pytest.mark.parametrize("use_buffers", [False, True])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_averages(name: str, use_buffers: bool) -> None:
    net = model()
    averaged = swa_utils.AveragedModel(net, use_buffers=use_buffers, **FUNCTIONS[name])
    start = [tensor.detach().clone() for tensor in net.parameters()]
    steps = [0.0, 4.0, 8.0, -4.0]
    for by in steps:
        moved(net, by)
        averaged.update_parameters(net)
    offsets = np.cumsum(steps)
    expected = offsets.mean() if "mean" in name else 0.0
    if "mean" not in name:
        for offset in offsets[1:]:
            expected = 0.75 * expected + 0.25 * offset
    assert averaged.n_averaged.item() == 4
    for tensor, before in zip(averaged.module.parameters(), start, strict=True):
        np.testing.assert_allclose(tensor._array, before._array + expected, rtol=1e-5, atol=1e-5)
    norm: Any = averaged.module[1]
    np.testing.assert_allclose(
        norm.running_mean._array, expected if use_buffers else offsets[-1], rtol=1e-5
    )
    assert norm.num_batches_tracked.dtype == np.int64
    x = cygnet.ones(2, 3)
    averaged.eval()
    np.testing.assert_array_equal(averaged(x)._array, averaged.module(x)._array)


def test_state_dict_names() -> None:
    averaged = swa_utils.AveragedModel(nn.Linear(2, 1))
    assert list(averaged.state_dict()) == ["n_averaged", "module.weight", "module.bias"]


def test_update_bn() -> None:
    net = model()
    batches = [
        as_tensor(np.random.default_rng(i).standard_normal((8, 3)).astype("f4")) for i in (0, 1)
    ]
    norm: Any = net[1]
    norm.momentum = 0.3
    net.eval()
    swa_utils.update_bn([(batch, "label") for batch in batches], net, "cpu")
    hidden = [net[0](batch)._array for batch in batches]
    np.testing.assert_allclose(
        norm.running_mean._array, np.mean([h.mean(0) for h in hidden], 0), rtol=1e-4, atol=1e-6
    )
    np.testing.assert_allclose(
        norm.running_var._array, np.mean([h.var(0, ddof=1) for h in hidden], 0), rtol=1e-4
    )
    assert norm.momentum == 0.3
    assert not net.training
    swa_utils.update_bn(batches, nn.Linear(3, 1))


def test_bad_arguments() -> None:
    with pytest.raises(ValueError, match="expected avg_fn or multi_avg_fn, got both"):
        swa_utils.AveragedModel(model(), avg_fn=lambda *a: a[0], multi_avg_fn=lambda *a: None)
    for make in (swa_utils.get_ema_avg_fn, swa_utils.get_ema_multi_avg_fn):
        with pytest.raises(ValueError, match=r"decay is 1.5, expected 0 to 1"):
            make(1.5)
