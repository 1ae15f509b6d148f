"""What becomes one call in frozen models, and what does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import cygnet as cn
import cygnet.nn.functional as F
from cygnet import nn
from tests.frozen import Plain, Residual, assert_near, eager, frozen, model_of, ops, settled


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("bias", [False, True])
def test_norms_fold_into_convolutions(axes: int, transposed: bool, bias: bool) -> None:
    convolution = getattr(nn, f"Conv{'Transpose' * transposed}{axes}d")
    model = Plain(convolution, getattr(nn, f"BatchNorm{axes}d"), bias=bias)
    shape = (4, *(6, 7, 5)[:axes])
    settled(model, *shape)
    x = cn.randn(2, *shape)
    plan = frozen(model, x)
    assert len(ops(plan)) == 2


def test_norms_fold_into_convolutions_of_groups_but_not_transposed_ones() -> None:
    x = cn.randn(2, 4, 6, 6)
    model = settled(Plain(nn.Conv2d, nn.BatchNorm2d, groups=2), 4, 6, 6)
    plan = frozen(model, x)
    assert len(ops(plan)) == 2
    model = settled(Plain(nn.ConvTranspose2d, nn.BatchNorm2d, groups=2), 4, 6, 6)
    plan = frozen(model, x)
    assert sum(op == "batch_norm" for op in ops(plan)) == 1


def test_norms_fold_into_linear_layers() -> None:
    model = nn.Sequential(
        nn.Linear(5, 6), nn.BatchNorm1d(6), nn.Identity(), nn.ReLU(), nn.Dropout(0.5),
        nn.Linear(6, 3, bias=False), nn.BatchNorm1d(3, affine=False), nn.Tanh(),
    )  # fmt: skip
    settled(model, 5)
    x = cn.randn(4, 5)
    plan = frozen(model, x)
    assert ops(plan) == ["linear_forward"] * 2


def test_a_norm_over_the_channels_of_a_transposed_sequence_folds() -> None:
    model = model_of(
        lambda self, x: self.bn(self.linear(x).transpose(1, 2)),
        linear=nn.Linear(5, 6),
        bn=nn.BatchNorm1d(6),
    )
    settled(model, 7, 5)
    x = cn.randn(2, 7, 5)
    plan = frozen(model, x)
    assert "batch_norm" not in ops(plan)


@pytest.mark.parametrize(
    "activation",
    [F.relu, F.sigmoid, F.tanh, F.silu],
    ids=lambda function: function.__name__,
)
def test_activations_fold(activation: Callable[..., Any]) -> None:
    model = model_of(
        lambda self, x: activation(self.bn(self.conv(x))),
        conv=nn.Conv2d(3, 4, 3),
        bn=nn.BatchNorm2d(4),
    )
    settled(model, 3, 6, 6)
    x = cn.randn(2, 3, 6, 6)
    plan = frozen(model, x)
    assert ops(plan) == ["conv2d_forward"]


def test_other_slopes_and_forms_of_activations_do_not_fold() -> None:
    for activation in (lambda x: F.leaky_relu(x, 0.3), lambda x: F.gelu(x, "tanh")):
        model = model_of(lambda self, x, f=activation: f(self.linear(x)), linear=nn.Linear(3, 4))
        x = cn.randn(2, 3)
        plan = frozen(model, x)
        assert len(ops(plan)) == 2


def test_a_residual_network_is_convolutions_and_sums() -> None:
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU())
    model.extend([Residual(8, 8, 1), Residual(8, 16, 2)])
    settled(model, 3, 10, 10)
    x = cn.randn(2, 3, 10, 10)
    plan = frozen(model, x)
    assert sorted(ops(plan)) == ["add"] * 2 + ["conv2d_forward"] * 6


def test_what_others_read_is_not_folded() -> None:
    members = {"conv": nn.Conv2d(3, 4, 3), "bn": nn.BatchNorm2d(4)}
    x = cn.randn(2, 3, 6, 6)

    def twice(self: Any, x: Any) -> Any:
        y = self.conv(x)
        return self.bn(y) + y.mean()

    def returned(self: Any, x: Any) -> Any:
        y = self.conv(x)
        return self.bn(y), y

    def part(self: Any, x: Any) -> Any:
        y = self.conv(x)
        return self.bn(y), y[:, 0]

    def before(self: Any, x: Any) -> Any:
        y = self.conv(x)
        z = y.exp()
        return self.bn(y) + z

    for forward in (twice, returned, part, before):
        model = settled(model_of(forward, **members), 3, 6, 6)
        plan = cn.freeze(model, x)
        for actual, expected in zip(plan(x), eager(model, x), strict=True):
            assert_near(actual, expected)
        assert "batch_norm" in ops(plan)


def test_a_norm_over_some_of_the_channels_is_not_folded() -> None:
    model = model_of(
        lambda self, x: self.bn(self.conv(x)[:, ::2]),
        conv=nn.Conv2d(3, 4, 3),
        bn=nn.BatchNorm2d(2),
    )
    settled(model, 3, 6, 6)
    x = cn.randn(2, 3, 6, 6)
    plan = frozen(model, x)
    assert "batch_norm" in ops(plan)


def test_a_norm_before_its_convolution_takes_the_activation() -> None:
    model = model_of(
        lambda self, x: self.conv(F.relu(self.bn(x))),
        conv=nn.Conv2d(3, 4, 3),
        bn=nn.BatchNorm2d(3),
    )
    settled(model, 3, 6, 6)
    x = cn.randn(2, 3, 6, 6)
    plan = frozen(model, x)
    assert [op for op in ops(plan) if op != "copy"] == ["batch_norm", "conv2d_forward"]


def test_a_layer_that_is_used_twice_folds_with_each_norm() -> None:
    model = model_of(
        lambda self, x: self.bn2(self.conv(F.relu(self.bn1(self.conv(x))))),
        conv=nn.Conv2d(4, 4, 3),
        bn1=nn.BatchNorm2d(4),
        bn2=nn.BatchNorm2d(4),
    )
    settled(model, 4, 8, 8)
    x = cn.randn(2, 4, 8, 8)
    plan = frozen(model, x)
    assert ops(plan) == ["conv2d_forward"] * 2


def test_weights_that_are_computed_fold_as_well() -> None:
    model = model_of(
        lambda self, x: self.bn(F.conv2d(x, self.weight / self.weight.norm())),
        weight=nn.Parameter(cn.randn(4, 3, 3, 3)),
        bn=nn.BatchNorm2d(4),
    )
    settled(model, 3, 6, 6)
    x = cn.randn(2, 3, 6, 6)
    plan = frozen(model, x)
    assert ops(plan) == ["conv2d_forward"]


def test_weights_and_statistics_that_are_arguments() -> None:
    def forward(self: Any, x: Any, weight: Any, mean: Any) -> Any:
        return F.batch_norm(F.conv2d(x, weight), mean, self.variance)

    model = model_of(forward, variance=nn.Parameter(cn.rand(4) + 1)).eval()
    args = [(cn.randn(2, 3, 6, 6), cn.randn(4, 3, 3, 3), cn.randn(4)) for _ in range(2)]
    plan = cn.freeze(model, *args[0])
    for each in args:
        assert_near(plan(*each), eager(model, *each))

    def made(self: Any, x: Any) -> Any:
        y = F.conv2d(x, self.weight)
        return F.batch_norm(y, x.mean() * cn.ones(4), self.variance)

    model = model_of(made, weight=args[0][1], variance=model.variance).eval()
    plan = cn.freeze(model, args[0][0])
    assert_near(plan(args[1][0]), eager(model, args[1][0]))


def test_a_sum_in_place_is_seen_by_all_who_hold_the_tensor() -> None:
    def forward(self: Any, x: Any) -> Any:
        y = x * 2
        row, alias = y[0], y
        y += x
        z = x.exp()
        held = z.detach()
        z.add_(1)
        return row + 0, alias, F.relu(held), y.copy_(z)

    x = cn.randn(2, 3)
    plan = cn.freeze(model_of(forward), x)
    for actual, expected in zip(plan(x), eager(model_of(forward), x), strict=True):
        np.testing.assert_array_equal(actual, expected)


def test_gradients_inside_of_a_model() -> None:
    def forward(self: Any, x: Any) -> Any:
        with cn.enable_grad():
            x = x.detach().requires_grad_()
            energy = F.relu(self.linear(x)).tanh().sum()
            (slope,) = cn.autograd.grad(energy, [x])
        return F.relu(slope + x)

    model = model_of(forward, linear=nn.Linear(3, 4))
    x = cn.randn(2, 3)
    assert_near(cn.freeze(model, x)(x), eager(model, x))


def test_dropout_and_identity_leave_no_kernel() -> None:
    model = nn.Sequential(nn.Dropout(0.5), nn.Identity(), nn.Linear(3, 4), nn.Dropout(0.1))
    x = cn.randn(2, 3)
    plan = cn.freeze(model, x)
    assert ops(plan) == ["linear_forward"]
    np.testing.assert_array_equal(plan(x), eager(model.eval(), x))
