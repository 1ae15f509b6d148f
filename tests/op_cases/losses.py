"""Losses and dropout's certain cases (its chances are in test_random.py)."""

from __future__ import annotations

import numpy as np

from tests.op_cases.activations import sigmoid
from tests.op_cases.case import case, distinct, fixed, kinked, labels, op, probability, s, x
from tests.op_cases.reductions import ORDER, log_softmax

LARGE = [(3, 4), (70, 1031)]
REDUCTIONS = [{}, {"reduction": "sum"}, {"reduction": "none"}]


def reduced(values, reduction, count=None):
    match reduction:
        case "none":
            return values
        case "sum":
            return values.sum()
    return values.sum() / (values.size if count is None else count)


def nll_loss(log_probabilities, target, ignore_index=-100, reduction="mean"):
    kept = target != ignore_index
    values = -np.take_along_axis(log_probabilities, np.where(kept, target, 0)[:, None], 1)[:, 0]
    return reduced(np.where(kept, values, 0.0), reduction, kept.sum())


def cross_entropy(logits, target, ignore_index=-100, reduction="mean"):
    return nll_loss(log_softmax(logits, 1), target, ignore_index, reduction)


def binary_cross_entropy(p, target, reduction="mean"):
    log = [np.maximum(np.log(v), -100) for v in (p, 1 - p)]
    return reduced(-(target * log[0] + (1 - target) * log[1]), reduction)


def bce_with_logits(z, target, reduction="mean"):
    return binary_cross_entropy(sigmoid(z), target, reduction)


def kl_div(a, target, reduction="mean", log_target=False):
    values = np.exp(target) * (target - a) if log_target else target * (np.log(target) - a)
    return (
        reduced(values, "sum") / len(a) if reduction == "batchmean" else reduced(values, reduction)
    )


def with_reductions(*samples):
    return [s(*i.inputs, **i.options, **r) for i in samples for r in REDUCTIONS]


CLASSES = with_reductions(s(x(5, 7), labels(5, below=7)), s(x(5, 7), labels(5, below=7), ignore_index=2),
                          s(x(130, 515), labels(130, below=515)))  # fmt: skip
EMPTY = [s(x(0, 7), labels(0, below=7), reduction=r) for r in ("sum", "none")]
PAIRS = with_reductions(s(x(3, 4), x(3, 4)), s(x(), x()), s(x(70, 1031), x(70, 1031)))
# Both from one draw, so that no difference is near the kink.
APART = with_reductions(s(distinct(2, 3, 4)), s(distinct(2, 70, 301)))
SOFT = with_reductions(*(s(x(*n), fixed(probability(*n))) for n in LARGE))
HALVES = with_reductions(*(s(probability(*n), fixed(probability(*n))) for n in LARGE))

CASES = [
    case("cross_entropy", cross_entropy, [*CLASSES, *EMPTY]),
    case("nll_loss", nll_loss, [*CLASSES, *EMPTY]),
    case("mse_loss", lambda a, b, reduction="mean": reduced((a - b) ** 2, reduction), PAIRS),
    case("l1_loss", lambda a, reduction="mean": reduced(np.abs(a[0] - a[1]), reduction), APART,
         lambda a, **options: op("l1_loss")(a[0], a[1], **options)),
    case("binary_cross_entropy", binary_cross_entropy, HALVES, float32=(4e-6, 1e-5),
         reason="log(1 - p) of a rounded p"),
    case("binary_cross_entropy_with_logits", bce_with_logits, SOFT),
    case("kl_div", kl_div, [*SOFT, s(x(3, 4), fixed(probability(3, 4)), reduction="batchmean"),
                            s(x(3, 4), fixed(x(3, 4)), log_target=True)],
         layout_bits=False, reason=ORDER),
    case("dropout evaluated", lambda a: a, [x(3, 4), x(0, 2)],
         lambda a: op("dropout")(a, 0.5, training=False), exact=True),
    case("dropout of nothing", lambda a: a, [kinked(3, 4)],
         lambda a: op("dropout")(a, 0.0, training=True), exact=True),
    case("dropout of all", lambda a: 0 * a, [kinked(3, 4)],
         lambda a: op("dropout")(a, 1.0, training=True), exact=True),
]  # fmt: skip
