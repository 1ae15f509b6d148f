"""Recorded convolutions that take the maxima over windows of what they make."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import cygnet as cn
from cygnet import kernels, nn
from cygnet.nn import functional as F
from tests.frozen import model_of
from tests.kernel_layouts import channels_last, check_threads

CASES = [
    # input, outputs, kernel, geometry of the convolution and of the pooling, whether they join
    ((1, 1, 28, 28), 32, 3, {}, {}, True),
    ((1, 32, 13, 13), 64, 3, {}, {}, True),  # by tiles, whose last line and column no window covers
    ((6, 20, 13, 12), 70, 3, {"padding": 1}, {}, True),
    ((2, 16, 40, 12), 40, 3, {"padding": (0, 1)}, {}, True),
    ((1, 5, 30, 31), 20, 5, {"stride": 2, "padding": 2}, {"kernel_size": 3}, True),
    ((1, 6, 21, 17), 23, (5, 4), {"dilation": (1, 2)}, {"kernel_size": (4, 1)}, True),
    ((120, 3, 13, 15), 16, 1, {}, {"kernel_size": (2, 3)}, True),  # several images a task
    ((40, 3, 9, 9), 16, 1, {}, {"kernel_size": (1, 3)}, False),  # too small to be worth while
    ((1, 3, 64, 64), 16, 3, {"padding": 1}, {"kernel_size": 5, "ceil_mode": True}, False),
    ((1, 32, 13, 13), 64, 3, {}, {"kernel_size": 3}, False),  # windows that are no tiles
    ((1, 3, 16, 16), 16, 3, {}, {"kernel_size": 3, "stride": 2}, False),  # windows that overlap
    ((1, 3, 16, 16), 16, 3, {}, {"padding": 1}, False),
    ((1, 2, 16, 16), 3, 3, {}, {}, False),  # few channels: the lanes are pixels
    ((2, 16, 16, 16), 32, 3, {"groups": 2}, {}, False),
]


# Which kernel a convolution runs in, and with it whether it takes a pooling along, follows from the
# lanes of a vector: the cases tell those of AVX-512. Bits are the same everywhere.
LANES_OF_CASES = kernels.build_info()["isa"] == "v4"


def operands(case: Any, dtype: Any) -> tuple[Any, nn.Module, dict[str, Any]]:
    shape, outputs, kernel, geometry, pooling, _ = case
    rng = np.random.default_rng(0)
    cn.manual_seed(0)
    convolution = nn.Conv2d(shape[1], outputs, kernel, **geometry).to(dtype)
    x = channels_last(rng.standard_normal(shape).astype(dtype))
    return cn.as_tensor(x), convolution, {"kernel_size": 2} | pooling


def check(model: nn.Module, x: Any, *calls: str) -> None:
    """Frozen and captured, the model gives the eager bits, by these calls."""
    with cn.no_grad():
        expected = model(x).numpy()
        captured = cn.capture(lambda x: model(x))
        for _ in range(4):
            np.testing.assert_array_equal(captured(x), expected)
    plan = cn.freeze(model, x)
    check_threads(lambda: (plan(x).numpy(),))
    np.testing.assert_array_equal(plan(x), expected)
    profile = str(plan.profile(runs=1))
    if LANES_OF_CASES:
        assert [line.split("  ")[0] for line in profile.splitlines()[1:-2]] == list(calls)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_bits_are_those_of_both(case: Any, dtype: str) -> None:
    x, convolution, pooling = operands(case, dtype)
    names = ("conv2d_forward", "max_pool2d_forward")
    calls = [" + ".join(names)] if case[-1] else names
    check(nn.Sequential(convolution, nn.ReLU(), nn.MaxPool2d(**pooling)), x, *calls)


@pytest.mark.parametrize("case", CASES[:4], ids=str)
def test_activations_between_them(case: Any) -> None:
    x, convolution, pooling = operands(case, "float32")
    convolution.bias = None
    for name in ("relu", "tanh"):
        activation = getattr(cn, name)

        def forward(self: Any, x: Any, activation: Any = activation) -> Any:
            return F.max_pool2d(activation(convolution(x)), **pooling)

        check(
            model_of(forward, convolution=convolution),
            x,
            f"conv2d_forward + {name} + max_pool2d_forward",
        )

    def with_gelu(self: Any, x: Any) -> Any:
        return F.max_pool2d(F.gelu(convolution(x)), **pooling)

    calls = ("conv2d_forward", "gelu", "max_pool2d_forward")
    check(model_of(with_gelu, convolution=convolution), x, *calls)


@pytest.mark.parametrize("case", CASES[:2], ids=str)
def test_values_that_are_not_finite(case: Any) -> None:
    x, convolution, pooling = operands(case, "float32")
    x[0, 0, 3, 4], x[0, 0, 9, 9] = np.nan, np.inf
    for activation in ([], [nn.ReLU()]):
        model = nn.Sequential(convolution, *activation, nn.MaxPool2d(**pooling))
        check(model, x, "conv2d_forward + max_pool2d_forward")
        assert np.isnan(cn.freeze(model, x)(x).numpy()).any()


def test_along_one_axis() -> None:
    x = cn.randn(2, 8, 50)
    model = nn.Sequential(nn.Conv1d(8, 24, 5), nn.ReLU(), nn.MaxPool1d(4))
    with cn.no_grad():
        np.testing.assert_array_equal(cn.freeze(model, x)(x), model(x))


def test_other_views_of_what_is_made() -> None:
    x, convolution, _ = operands(CASES[1], "float32")
    x = x[..., :10]
    for view in (
        lambda y: y.flatten(2).unsqueeze(-1),
        lambda y: y.transpose(2, 3),
        lambda y: y[:, :32],
        lambda y: y[:, :, 1:],
    ):
        model = model_of(
            lambda _, x, view=view: F.max_pool2d(view(convolution(x)), (2, 1)),
            convolution=convolution,
        )
        plan = cn.freeze(model, x)
        with cn.no_grad():
            np.testing.assert_array_equal(plan(x), model(x))
        assert "+" not in str(plan.profile(runs=1))
    model = model_of(
        lambda _, x: F.max_pool2d(y := convolution(x), 2).sum() + y.sum(), convolution=convolution
    )
    plan = cn.freeze(model, x)
    with cn.no_grad():
        np.testing.assert_array_equal(plan(x), model(x))
    assert "max_pool2d_forward" in [call[0] for call in plan.profile(runs=1).calls]


@pytest.mark.parametrize("between", [nn.ReLU, nn.Identity])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_gradients_are_eager_ones(case: Any, between: type[nn.Module]) -> None:
    x, convolution, pooling = operands(case, "float32")
    x[0, 0, 3] = np.nan
    model = nn.Sequential(convolution, between(), nn.MaxPool2d(**pooling))

    def step() -> Any:
        convolution.zero_grad()
        y = model(x)
        y.square().sum().backward()
        return y

    captured = cn.capture(step)
    for _ in range(4):
        found = []
        for function in (step, captured):
            y = function()
            found.append([y.detach().numpy().copy(), convolution.weight.grad.numpy().copy()])
        for one, other in zip(*found, strict=True):
            np.testing.assert_array_equal(one, other)
    if LANES_OF_CASES:
        joined = "conv2d_forward + max_pool2d_forward" in str(captured.profile())
        assert joined == case[-1]


@pytest.mark.parametrize("height", [33, 34])
def test_depth_of_taps_in_a_frozen_model(height: int) -> None:
    model = nn.Sequential(nn.Conv3d(4, 32, 3), nn.MaxPool3d((1, 2, 2))).eval()
    x = cn.randn(16, 4, 3, height, 33)
    with cn.no_grad():
        expected = model(x).numpy()
    np.testing.assert_array_equal(cn.freeze(model, x)(x).numpy(), expected)
