"""Losses: bad arguments, warnings, modules; their numbers are rows of `tests/op_cases`."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import cygnet as cn
from cygnet import Tensor, nn
from cygnet.nn import functional
from tests.op_cases.losses import mse_weighted

generator = np.random.default_rng(0)


def t(*shape: int) -> Tensor:
    return cn.as_tensor(generator.standard_normal(shape))


def labels(*numbers: int) -> Tensor:
    return cn.as_tensor(np.array(numbers))


@pytest.mark.parametrize(
    ("loss", "arguments", "options", "error", "message"),
    [
        ("mse_loss", (t(3, 4), t(2)), {}, cn.kernels.ShapeError, "mse_loss: .* broadcast"),
        (
            "mse_loss",
            (t(3), t(3)),
            {"size_average": True},
            ValueError,
            "mse_loss: arguments size_average",
        ),
        ("mse_loss", (t(3), t(3)), {"reduce": False}, ValueError, "expected None"),
        (
            "mse_loss",
            (t(3), t(3)),
            {"reduction": "max"},
            ValueError,
            "mse_loss: reduction is 'max'",
        ),
        ("l1_loss", (t(3), t(3)), {"reduction": "max"}, ValueError, "l1_loss: reduction is 'max'"),
        (
            "mse_loss",
            (t(3, 4), t(3, 4)),
            {"weight": t(4)},
            cn.kernels.ShapeError,
            "weight has shape",
        ),
        ("smooth_l1_loss", (t(3), t(3)), {"beta": -1.0}, ValueError, "beta expected at least 0"),
        ("huber_loss", (t(3), t(3)), {"delta": 0.0}, ValueError, "delta expected above 0"),
        ("cross_entropy", (t(2, 3), labels(0, 3)), {}, IndexError, "expected 0 <= label < 3"),
        (
            "cross_entropy",
            (t(2, 3), labels(0, -1)),
            {"label_smoothing": 0.1},
            IndexError,
            "expected 0 <= label < 3",
        ),
        ("cross_entropy", (t(2, 3), labels(0)), {}, cn.kernels.ShapeError, "target has shape"),
        ("cross_entropy", (t(2, 3), t(2)), {}, cn.kernels.ShapeError, "for probabilities"),
        (
            "cross_entropy",
            (t(2, 3), t(2, 3)),
            {"ignore_index": 1},
            ValueError,
            "ignore_index expected",
        ),
        (
            "cross_entropy",
            (t(2, 3), labels(0, 1)),
            {"label_smoothing": 1.5},
            ValueError,
            "label_smoothing expected",
        ),
        (
            "cross_entropy",
            (t(2, 3), labels(0, 1)),
            {"weight": t(4)},
            cn.kernels.ShapeError,
            "weight has shape",
        ),
        (
            "cross_entropy",
            (t(2, 3), t(2, 3)),
            {"weight": t(4)},
            cn.kernels.ShapeError,
            "weight has shape",
        ),
        (
            "cross_entropy",
            (t(2, 3), labels(0, 1)),
            {"weight": t(3).requires_grad_()},
            RuntimeError,
            "weight requires",
        ),
        (
            "nll_loss",
            (t(2, 3), labels(0, 3)),
            {"weight": t(3)},
            IndexError,
            "expected 0 <= label < 3",
        ),
        ("binary_cross_entropy", (t(2, 3), t(3)), {}, cn.kernels.ShapeError, "target has shape"),
        (
            "gaussian_nll_loss",
            (t(2), t(2), cn.as_tensor(np.array([1.0, -1.0]))),
            {},
            ValueError,
            "no negative",
        ),
        (
            "gaussian_nll_loss",
            (t(2, 3), t(2, 3), cn.ones(4, dtype="float64")),
            {},
            cn.kernels.ShapeError,
            "var has shape",
        ),
        ("multi_margin_loss", (t(2, 3), labels(0, 1)), {"p": 3}, ValueError, "p expected 1 or 2"),
        ("multi_margin_loss", (t(2, 3), labels(0)), {}, cn.kernels.ShapeError, "target has shape"),
        ("multi_margin_loss", (t(2, 3), labels(0, 3)), {}, IndexError, "3"),
        (
            "multilabel_margin_loss",
            (t(2, 3), labels(0, 1)),
            {},
            cn.kernels.ShapeError,
            "target has shape",
        ),
        (
            "multilabel_soft_margin_loss",
            (t(2, 3), t(3)),
            {},
            cn.kernels.ShapeError,
            r"expected one \(..., C\)",
        ),
        (
            "cosine_embedding_loss",
            (t(2, 3), t(2, 3), t(2, 1)),
            {},
            cn.kernels.ShapeError,
            "expected",
        ),
        (
            "margin_ranking_loss",
            (t(2), t(2), t(2, 1)),
            {},
            cn.kernels.ShapeError,
            "one number of dimensions",
        ),
        (
            "triplet_margin_loss",
            (t(2, 3), t(2, 3), t(3)),
            {},
            cn.kernels.ShapeError,
            "one number of dimensions",
        ),
        (
            "triplet_margin_loss",
            (t(2), t(2), t(2)),
            {"margin": 0.0},
            ValueError,
            "margin expected above 0",
        ),
        ("pairwise_distance", (t(), t()), {}, cn.kernels.ShapeError, "at least 1"),
        ("cosine_similarity", (t(2), t(2)), {"dim": 1}, IndexError, "dim is 1"),
        ("normalize", (t(2, 2),), {"out": t(2, 2)}, ValueError, "out expected None"),
    ],
)
def test_bad_arguments(loss, arguments, options, error, message) -> None:
    with pytest.raises(error, match=message):
        getattr(functional, loss)(*arguments, **options)


@pytest.mark.parametrize("loss", ["mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"])
def test_shapes_that_differ_are_broadcast_with_a_warning(loss: str) -> None:
    a, b = t(3, 4).requires_grad_(), t(4).requires_grad_()
    function = getattr(functional, loss)
    with pytest.warns(UserWarning, match=f"{loss}: target has shape") as caught:
        value = function(a, b)
    assert caught[0].filename == __file__
    value.backward()
    assert value.item() == pytest.approx(function(a, b.expand(3, 4)).item())
    assert b.grad is not None and b.grad.shape == (4,)


def test_the_target_of_a_labelled_loss_keeps_its_labels_with_rows_that_are_ignored() -> None:
    scores, target = t(3, 4).requires_grad_(), labels(-100, 2, -100)
    functional.cross_entropy(scores, target, label_smoothing=0.2).backward()
    assert scores.grad is not None
    assert (scores.grad.numpy()[[0, 2]] == 0).all() and (scores.grad.numpy()[1] != 0).all()
    assert np.isnan(functional.cross_entropy(t(1, 3), labels(-100)).item())


def test_gaussian_variances_below_the_limit_keep_their_gradient() -> None:
    variance = cn.as_tensor(np.array([1e-9, 2.0])).requires_grad_()
    functional.gaussian_nll_loss(t(2), t(2), variance, eps=0.5).backward()
    assert variance.grad is not None and (variance.grad.numpy() != 0).all()


def test_gaussian_loss_in_a_recording_does_not_look_for_negative_variances() -> None:
    with cn.kernels.Recording():
        functional.gaussian_nll_loss(t(2), t(2), 1.0)


MODULES = {
    "MSELoss": "mse_loss",
    "L1Loss": "l1_loss",
    "SmoothL1Loss": "smooth_l1_loss",
    "HuberLoss": "huber_loss",
    "CrossEntropyLoss": "cross_entropy",
    "NLLLoss": "nll_loss",
    "BCELoss": "binary_cross_entropy",
    "BCEWithLogitsLoss": "binary_cross_entropy_with_logits",
    "KLDivLoss": "kl_div",
    "PoissonNLLLoss": "poisson_nll_loss",
    "GaussianNLLLoss": "gaussian_nll_loss",
    "SoftMarginLoss": "soft_margin_loss",
    "HingeEmbeddingLoss": "hinge_embedding_loss",
    "MultiMarginLoss": "multi_margin_loss",
    "MultiLabelMarginLoss": "multilabel_margin_loss",
    "MultiLabelSoftMarginLoss": "multilabel_soft_margin_loss",
    "CosineEmbeddingLoss": "cosine_embedding_loss",
    "MarginRankingLoss": "margin_ranking_loss",
    "TripletMarginLoss": "triplet_margin_loss",
    "TripletMarginWithDistanceLoss": "triplet_margin_with_distance_loss",
    "CosineSimilarity": "cosine_similarity",
    "PairwiseDistance": "pairwise_distance",
}


@pytest.mark.parametrize("name", MODULES)
def test_a_module_has_the_options_of_its_function(name: str) -> None:
    module, function = getattr(nn, name), getattr(functional, MODULES[name])
    options = list(inspect.signature(module).parameters.values())
    given = inspect.signature(function).parameters
    assert {o.name: o.default for o in options} == {o.name: given[o.name].default for o in options}
    assert repr(module()) == f"{name}()"
    if "reduction" in given:
        with pytest.raises(ValueError, match=f"{name}: argument reduction expected one of"):
            module(reduction="max")
    if "size_average" in given:
        with pytest.raises(ValueError, match=f"{name}: argument size_average expected None"):
            module(size_average=True)
    with pytest.raises(TypeError, match=f"{name}: .*nonsense"):
        module(nonsense=1)


@pytest.mark.parametrize(
    ("module", "arguments"),
    [
        (nn.SmoothL1Loss(reduction="sum", beta=0.5), (t(3), t(3))),
        (nn.HuberLoss("none", 0.5), (t(3), t(3))),
        (nn.CrossEntropyLoss(t(4).abs(), label_smoothing=0.1), (t(3, 4), labels(0, 3, 1))),
        (nn.BCEWithLogitsLoss(pos_weight=t(4).abs()), (t(3, 4), t(3, 4).sigmoid())),
        (nn.TripletMarginLoss(0.5, swap=True), (t(3, 4), t(3, 4), t(3, 4))),
        (nn.GaussianNLLLoss(full=True), (t(3), t(3), t(3).abs())),
        (nn.PairwiseDistance(1.0, keepdim=True), (t(3, 4), t(3, 4))),
        (nn.CosineSimilarity(0), (t(3, 4), t(3, 4))),
        (
            nn.TripletMarginWithDistanceLoss(distance_function=nn.PairwiseDistance(1.0)),
            (t(3, 4), t(3, 4), t(3, 4)),
        ),
    ],
    ids=lambda v: type(v).__name__,
)
def test_a_module_calls_its_function_with_its_options(module, arguments) -> None:
    function = getattr(functional, MODULES[type(module).__name__])
    names = inspect.signature(type(module)).parameters
    expected = function(*arguments, **{name: getattr(module, name) for name in names})
    np.testing.assert_array_equal(module(*arguments).numpy(), expected.numpy())


def test_weights_are_part_of_the_state() -> None:
    module = nn.CrossEntropyLoss(cn.ones(3))
    assert list(module.state_dict()) == ["weight"]
    assert not nn.CrossEntropyLoss().state_dict()
    assert list(nn.BCEWithLogitsLoss(pos_weight=cn.ones(3)).state_dict()) == ["pos_weight"]


def test_weights_of_elements_that_are_zero_take_them_out() -> None:
    a, b = t(4), t(4)
    weight = cn.as_tensor(np.array([1.0, 1.0, 0.0, 0.0]))
    assert functional.mse_loss(a, b, weight=weight).item() == pytest.approx(
        mse_weighted(a.numpy(), b.numpy(), weight.numpy())
    )
