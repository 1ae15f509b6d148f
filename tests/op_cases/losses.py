"""Losses of elements and of classes."""

from __future__ import annotations

import numpy as np

from tests.op_cases.activations import sigmoid
from tests.op_cases.case import (
    case,
    distinct,
    fixed,
    labels,
    mask,
    op,
    positive,
    probability,
    s,
    x,
)
from tests.op_cases.reductions import ORDER, log_softmax

LARGE = [(3, 4), (70, 1031)]
REDUCTIONS = [{}, {"reduction": "sum"}, {"reduction": "none"}]


def reduced(values, reduction, count=None):
    match reduction:
        case "none":
            return values
        case "sum":
            return values.sum()
    if values.size == 0:
        return np.float64("nan")
    return values.sum() / (values.size if count is None else count)


def with_reductions(*samples):
    return [s(*i.inputs, **i.options, **r) for i in samples for r in REDUCTIONS]


def by_rows(values):
    """(N, C, d1, ...) as rows (N d1 ..., C)."""
    return np.moveaxis(values, 1, -1).reshape(-1, values.shape[1])


def nll_loss(log_probabilities, target, weight=None, ignore_index=-100, reduction="mean"):
    if log_probabilities.ndim == 1:
        log_probabilities = log_probabilities[None]
    rows, flat = by_rows(log_probabilities), target.reshape(-1)
    kept = flat != ignore_index
    chosen = np.where(kept, flat, 0)
    factor = kept * (1.0 if weight is None else weight[chosen])
    values = -np.take_along_axis(rows, chosen[:, None], 1)[:, 0] * factor
    return reduced(values.reshape(target.shape), reduction, factor.sum())


def cross_entropy(logits, target, weight=None, ignore_index=-100, reduction="mean", label_smoothing=0.0):  # fmt: skip
    if logits.ndim == 1:
        logits = logits[None]
    logarithms = log_softmax(logits, 1)
    options = {"ignore_index": ignore_index, "reduction": reduction}
    sharp = nll_loss(logarithms, target, weight, **options)
    if not label_smoothing:
        return sharp
    rows, flat = by_rows(logarithms), target.reshape(-1)
    kept = flat != ignore_index
    factors = np.ones(rows.shape[1]) if weight is None else weight
    values = np.where(kept, -(rows * factors).sum(1), 0.0).reshape(target.shape)
    smooth = reduced(values, reduction, (factors[np.where(kept, flat, 0)] * kept).sum())
    return (1 - label_smoothing) * sharp + label_smoothing / rows.shape[1] * smooth


def linear_cross_entropy(a, layer, target, bias=None, **options):
    flat = layer.reshape(-1, layer.shape[-1])
    scores = a @ flat.T + (0 if bias is None else bias.reshape(-1))
    return cross_entropy(scores.reshape(*a.shape[:-1], *layer.shape[:-1]), target, **options)


def linear_cross_entropy_op(a, layer, target, bias=None, **options):
    return op("linear_cross_entropy")(a, layer, target, linear_bias=bias, **options)


def of_probabilities(logits, target, weight=None, reduction="mean", label_smoothing=0.0):
    axis = 1 if logits.ndim > 1 else 0
    classes = logits.shape[axis]
    target = (1 - label_smoothing) * target + label_smoothing / classes
    if weight is not None:
        target = target * weight.reshape(-1, *(1,) * (logits.ndim - 1 - axis))
    return reduced(-(log_softmax(logits, axis) * target).sum(axis), reduction)


def weighted(name):
    """The op with its third tensor as class weights."""
    return lambda a, target, weight, **options: op(name)(a, target, weight, **options)


def last_weighted(name):
    """The op with its third tensor as weight."""
    return lambda a, b, weight, **options: op(name)(a, b, weight=weight, **options)


CLASSES = [*with_reductions(s(x(5, 7), labels(5, below=7)), s(x(5, 7), labels(5, below=7), ignore_index=2),
                            s(x(130, 515), labels(130, below=515))),
           s(x(7), labels(below=7)), s(x(2, 7, 3, 2), labels(2, 3, 2, below=7)),
           s(x(2, 7, 3), labels(2, 3, below=7), reduction="none")]  # fmt: skip
EMPTY = [s(x(0, 7), labels(0, below=7), reduction=r) for r in ("sum", "none")]
WEIGHTED = [*with_reductions(s(x(5, 7), labels(5, below=7), fixed(positive(7)))),
            s(x(5, 3), labels(5, below=3), fixed(positive(3)), ignore_index=2), s(x(7), labels(below=7), fixed(positive(7))),
            s(x(2, 7, 3, 2), labels(2, 3, 2, below=7), fixed(positive(7))),
            s(x(2, 7, 3), labels(2, 3, below=7), fixed(positive(7)), reduction="none"),
            s(x(0, 7), labels(0, below=7), fixed(positive(7)), reduction="sum")]  # fmt: skip
SMOOTHED = [s(*i.inputs, **i.options, label_smoothing=e) for i in WEIGHTED for e in (0.1, 1.0)]
UNWEIGHTED = [s(*i.inputs[:2], **i.options, label_smoothing=0.3) for i in WEIGHTED]
SOFT_TARGETS = [*with_reductions(s(x(5, 7), probability(5, 7))), s(x(7), probability(7)), s(x(2, 7, 3), probability(2, 7, 3)),
                s(x(0, 7), probability(0, 7), reduction="sum"), s(x(5, 7), probability(5, 7), label_smoothing=0.2),
                s(x(5, 7), fixed(probability(5, 7)), reduction="none")]  # fmt: skip

# Both from one draw an eighth apart, so that no difference is near a kink at a multiple of a quarter.
APART = [
    *with_reductions(s(distinct(2, 3, 4)), s(distinct(2, 33, 31))),
    s(distinct(2)),
    s(distinct(2, 0, 3), reduction="sum"),
]
PAIRS = [*with_reductions(s(x(3, 4), x(3, 4)), s(x(), x()), s(x(70, 1031), x(70, 1031))), s(x(0, 3), x(0, 3), reduction="sum"),
         s(x(3, 4), fixed(x(3, 4)))]  # fmt: skip
FACTORS = [*with_reductions(s(x(3, 4), x(3, 4), positive(3, 4)), s(x(), x(), fixed(positive()))),
           s(x(0, 3), x(0, 3), fixed(positive(0, 3)), reduction="sum"), s(x(30, 31), x(30, 31), fixed(positive(30, 31)))]  # fmt: skip
SOFT = [*with_reductions(*(s(x(*n), fixed(probability(*n))) for n in LARGE)), s(x(3, 4), probability(3, 4)), s(x(), probability()),
        s(x(0, 3), probability(0, 3), reduction="sum")]  # fmt: skip
HALVES = [s(probability(*i.inputs[0].shape), i.inputs[1], **i.options) for i in SOFT]
COUNTS = [*with_reductions(s(positive(3, 4), fixed(positive(3, 4)))), s(positive(3, 4), positive(4)), s(positive(), positive()),
          s(positive(0, 3), positive(3), reduction="sum"), s(positive(2, 3), fixed(positive(2, 3)), log_input=False),
          s(positive(2, 3), positive(2, 3), log_input=False, eps=0.1), s(positive(30, 31), positive(30, 31))]  # fmt: skip
MARKED = [*with_reductions(s(distinct(3, 4), mask(3, 4))), s(distinct(5), mask(5)), s(distinct(), mask()), s(distinct(2, 3), mask(3)),
          s(distinct(0, 3), mask(0, 3), reduction="sum"), s(distinct(30, 31), mask(30, 31))]  # fmt: skip


def apart(name):
    return lambda a, **options: op(name)(a[0], a[1] + 0.125, **options)


def distance_of(loss):
    """A loss of d = |input - target| against the op on pairs that are apart."""
    return lambda a, reduction="mean", **options: reduced(
        loss(np.abs(a[0] - a[1] - 0.125), **options), reduction
    )


def smooth_l1(d, beta=1.0):
    return np.where(d < beta, d * d / (2 * beta if beta else 1), d - beta / 2)


def huber(d, delta=1.0):
    return np.where(d <= delta, d * d / 2, delta * (d - delta / 2))


def mse_weighted(a, b, weight, reduction="mean"):
    return reduced((a - b) ** 2 * weight, reduction, weight.sum())


def binary_cross_entropy(p, target, weight=1.0, reduction="mean"):
    log = [np.maximum(np.log(v), -100) for v in (p, 1 - p)]
    return reduced(-(target * log[0] + (1 - target) * log[1]) * weight, reduction)


def bce_with_logits(z, target, weight=1.0, reduction="mean"):
    return binary_cross_entropy(sigmoid(z), target, weight, reduction)


def with_positive_weight(z, target, pos_weight, reduction="mean"):
    return reduced(
        -(pos_weight * target * np.log(sigmoid(z)) + (1 - target) * np.log(sigmoid(-z))), reduction
    )


def kl_div(a, target, reduction="mean", log_target=False):
    values = np.exp(target) * (target - a) if log_target else target * (np.log(target) - a)
    return (
        reduced(values, "sum") / len(a) if reduction == "batchmean" else reduced(values, reduction)
    )


def poisson(a, target, log_input=True, eps=1e-8, reduction="mean", full=False):
    values = np.exp(a) - target * a if log_input else a - target * np.log(a + eps)
    if full:
        values = values + np.where(
            target > 1, target * np.log(target) - target + np.log(2 * np.pi * target) / 2, 0
        )
    return reduced(values, reduction)


def gaussian(a, target, variance, full=False, reduction="mean"):
    variance = variance[..., None] if variance.ndim < a.ndim else variance
    values = (np.log(variance) + (a - target) ** 2 / variance) / 2 + (
        np.log(2 * np.pi) / 2 if full else 0
    )
    return reduced(values, reduction)


def signed(reference):
    """A reference with targets 1 and -1 for a mask, at an input that is off its kinks."""
    return lambda a, m, reduction="mean", **options: reduced(
        reference(a + 0.0625, np.where(m, 1, -1), **options), reduction
    )


def signed_op(name):
    return lambda a, m, **options: op(name)(a + 0.0625, m.to(a.dtype) * 2 - 1, **options)


def multi_margin(a, target, weight=None, p=1, margin=1.0, reduction="mean"):
    rows, flat = np.atleast_2d(a), target.reshape(-1)
    excess = np.maximum(0, margin - rows[np.arange(len(rows)), flat][:, None] + rows) ** p
    excess[np.arange(len(rows)), flat] = 0
    excess = excess if weight is None else excess * weight[flat][:, None]
    return reduced(excess.sum(1).reshape(a.shape[:-1]) / a.shape[-1], reduction)


def margins(a, target, *weight, p=1, margin=0.8, **options):
    return op("multi_margin_loss")(a, target, p, margin, *weight, **options)


def multilabel_margin(a, target, reduction="mean"):
    values = []
    for row, listed in zip(np.atleast_2d(a), np.atleast_2d(target - 1), strict=True):
        right = list(listed[: np.argmax(listed == -1)]) if (listed == -1).any() else list(listed)
        wrong = [i for i in range(len(row)) if i not in right]
        values.append(sum(max(0, 1 - row[j] + row[i]) for j in right for i in wrong) / len(row))
    return reduced(np.array(values).reshape(a.shape[:-1]), reduction)


def multilabel_soft_margin(a, target, weight=1.0, reduction="mean"):
    losses = -(target * np.log(sigmoid(a)) + (1 - target) * np.log(sigmoid(-a))) * weight
    return reduced(losses.mean(-1), reduction)


MARGIN = {"p": 1, "margin": 0.8}
POINTS = [*with_reductions(s(distinct(6, 5), labels(6, below=5), **MARGIN)), s(distinct(6, 5), labels(6, below=5), p=2, margin=0.3),
          s(distinct(5), labels(below=5), **MARGIN), s(distinct(5), labels(1, below=5), **MARGIN),
          s(distinct(1, 2), labels(1, below=2), **MARGIN), s(distinct(33, 17), labels(33, below=17), **MARGIN)]  # fmt: skip
LISTS = [*with_reductions(s(x(6, 4), labels(6, 4, below=5))), s(x(4), labels(4, below=5)), s(x(1, 3), labels(1, 3, below=4)),
         s(x(5, 2), labels(5, 2, below=3)), s(x(1), labels(1, below=2)), s(x(17, 9), labels(17, 9, below=10))]  # fmt: skip

CASES = [
    case("cross_entropy", cross_entropy, [*CLASSES, *EMPTY]),
    case("linear_cross_entropy", linear_cross_entropy, [
        *with_reductions(s(x(5, 3), x(7, 3), labels(5, below=7), x(7)), s(x(4, 3), x(6, 2, 3), labels(4, 2, below=6), x(6, 2))),
        s(x(5, 3), x(7, 3), labels(5, below=7)), s(x(3), x(7, 3), labels(below=7)), s(x(33, 17), x(40, 17), labels(33, below=40)),
        s(x(5, 3), x(7, 3), labels(5, below=7), label_smoothing=0.2), s(x(9, 3), x(3, 3), labels(9, below=3), ignore_index=1),
        s(x(2, 3), x(4, 2, 3, 3), labels(2, 2, 3, below=4), ignore_index=0, reduction="sum"),
    ], linear_cross_entropy_op, layout_bits=False, reason=ORDER),
    case("cross_entropy weighted", cross_entropy, WEIGHTED, weighted("cross_entropy"), layout_bits=False, reason=ORDER),
    case("cross_entropy smoothed", cross_entropy, UNWEIGHTED, op("cross_entropy"), layout_bits=False, reason=ORDER),
    case("cross_entropy weighted and smoothed", cross_entropy, SMOOTHED, weighted("cross_entropy"), layout_bits=False, reason=ORDER),
    case("cross_entropy of probabilities", of_probabilities, SOFT_TARGETS, op("cross_entropy"), layout_bits=False, reason=ORDER),
    case("cross_entropy of probabilities weighted", of_probabilities, [s(x(5, 7), probability(5, 7), positive(7)),
         s(x(2, 7, 3), probability(2, 7, 3), positive(7), reduction="sum", label_smoothing=0.1)],
         weighted("cross_entropy"), layout_bits=False, reason=ORDER),
    case("nll_loss", nll_loss, [*CLASSES, *EMPTY]),
    case("nll_loss weighted", nll_loss, WEIGHTED, weighted("nll_loss")),
    case("mse_loss", lambda a, b, reduction="mean": reduced((a - b) ** 2, reduction), PAIRS),
    case("mse_loss weighted", mse_weighted, FACTORS, last_weighted("mse_loss"), layout_bits=False, reason=ORDER),
    case("l1_loss", distance_of(lambda d: d), APART, apart("l1_loss"), layout_bits=False, reason=ORDER),
    case("smooth_l1_loss", distance_of(smooth_l1), [*APART, *(s(distinct(2, 3, 4), beta=b) for b in (0.5, 2.0, 0.0))],
         apart("smooth_l1_loss"), layout_bits=False, reason=ORDER),
    case("huber_loss", distance_of(huber), [*APART, s(distinct(2, 3, 4), delta=0.5), s(distinct(2, 3, 4), delta=2.0)],
         apart("huber_loss"), layout_bits=False, reason=ORDER),
    case("binary_cross_entropy", binary_cross_entropy, HALVES, float32=(4e-6, 1e-5),
         reason="log(1 - p) of a rounded p"),
    case("binary_cross_entropy weighted", binary_cross_entropy,
         with_reductions(s(probability(3, 4), probability(3, 4), positive(4)), s(probability(2, 3), fixed(probability(2, 3)), fixed(positive(2, 1)))),
         last_weighted("binary_cross_entropy"), float32=(4e-6, 1e-5), layout_bits=False, reason="log(1 - p) of a rounded p; " + ORDER),
    case("binary_cross_entropy_with_logits", bce_with_logits, SOFT),
    case("binary_cross_entropy_with_logits weighted", bce_with_logits,
         with_reductions(s(x(3, 4), probability(3, 4), positive(4)), s(x(2, 3), fixed(probability(2, 3)), fixed(positive(2, 1)))),
         last_weighted("binary_cross_entropy_with_logits"), layout_bits=False, reason=ORDER),
    case("binary_cross_entropy_with_logits pos_weight", with_positive_weight,
         with_reductions(s(x(3, 4), probability(3, 4), fixed(positive(4))), s(x(30, 31), fixed(probability(30, 31)), fixed(positive(31)))),
         lambda a, b, weight, **options: op("binary_cross_entropy_with_logits")(a, b, pos_weight=weight, **options), layout_bits=False, reason=ORDER),
    case("kl_div", kl_div, [*SOFT, s(x(3, 4), fixed(probability(3, 4)), reduction="batchmean"), s(x(3, 4), probability(4)),
                            s(x(3, 4), x(3, 4), log_target=True)],
         layout_bits=False, reason=ORDER),
    case("poisson_nll_loss", poisson, COUNTS, layout_bits=False, reason=ORDER),
    case("poisson_nll_loss full", lambda a, target, **options: poisson(a, target * 2.1, full=True, **options),
         [i for i in COUNTS if 0 not in i.inputs[0].shape],
         lambda a, target, **options: op("poisson_nll_loss")(a, target * 2.1, full=True, **options), layout_bits=False, reason=ORDER),
    case("gaussian_nll_loss", gaussian, [*with_reductions(s(x(3, 4), x(3, 4), positive(3, 4))), s(x(3, 4), x(3, 4), positive(3)),
         s(x(3, 4), x(3, 4), positive(3, 1)), s(x(3, 4), fixed(x(4)), positive(1, 4), full=True), s(x(), x(), positive()),
         s(x(0, 3), x(0, 3), positive(0, 3), reduction="sum"), s(x(30, 31), x(30, 31), fixed(positive(30)))],
         layout_bits=False, reason=ORDER),
    case("soft_margin_loss", signed(lambda a, y: np.logaddexp(0, -y * a)), MARKED, signed_op("soft_margin_loss"), layout_bits=False, reason=ORDER),
    case("hinge_embedding_loss", signed(lambda a, y, margin=1.0: np.where(y > 0, a, np.maximum(0, margin - a))),
         [*MARKED, s(distinct(3, 4), mask(3, 4), margin=0.5)], signed_op("hinge_embedding_loss"), layout_bits=False, reason=ORDER),
    case("multi_margin_loss", multi_margin, POINTS, margins, layout_bits=False, reason=ORDER),
    case("multi_margin_loss weighted", multi_margin, [s(distinct(6, 5), labels(6, below=5), fixed(positive(5)), **MARGIN),
         s(distinct(5), labels(below=5), fixed(positive(5)), p=2, margin=0.3)], margins, layout_bits=False, reason=ORDER),
    case("multilabel_margin_loss", multilabel_margin, LISTS, lambda a, target, **options: op("multilabel_margin_loss")(a, target - 1, **options),
         layout_bits=False, reason=ORDER),
    case("multilabel_soft_margin_loss", multilabel_soft_margin,
         [*with_reductions(s(x(3, 4), fixed(probability(3, 4))), s(x(2, 3, 4), probability(2, 3, 4))), s(x(4), probability(4)), s(x(30, 31), probability(30, 31))],
         layout_bits=False, reason=ORDER),
    case("multilabel_soft_margin_loss weighted", multilabel_soft_margin, [s(x(3, 4), probability(3, 4), positive(4))],
         weighted("multilabel_soft_margin_loss"), layout_bits=False, reason=ORDER),
]  # fmt: skip
