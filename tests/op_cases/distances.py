"""Distances, similarities and the losses made of them."""

from __future__ import annotations

import numpy as np

from tests.op_cases.case import case, mask, op, s, x
from tests.op_cases.losses import reduced, with_reductions
from tests.op_cases.reductions import ORDER


def norm(a, p, dim, keepdim=False):
    if np.isinf(p):
        return (np.max if p > 0 else np.min)(np.abs(a), axis=dim, keepdims=keepdim)
    return (np.abs(a) ** p).sum(dim, keepdims=keepdim) ** (1 / p)


def pairwise_distance(a, b, p=2.0, eps=1e-6, keepdim=False):
    return norm(a - b + eps, p, -1, keepdim)


def cosine_similarity(a, b, dim=1, eps=1e-8):
    a, b = np.broadcast_arrays(a, b)
    return (a * b).sum(dim) / np.maximum(norm(a, 2, dim), eps) / np.maximum(norm(b, 2, dim), eps)


def normalize(a, p=2.0, dim=1, eps=1e-12):
    return a / np.maximum(norm(a, p, dim, True), eps)


def signs(m):
    return np.where(m, 1, -1)


def cosine_embedding(a, b, m, margin=0.0, reduction="mean"):
    cosine = cosine_similarity(a, b, -1)
    return reduced(np.where(m, 1 - cosine, np.maximum(0, cosine - margin)), reduction)


def ranking(a, b, m, margin=0.0, reduction="mean"):
    return reduced(np.maximum(0, margin - signs(m) * (a - b)), reduction)


def triplet(a, near, far, margin=1.0, swap=False, reduction="mean", **options):
    distant = pairwise_distance(a, far, **options)
    if swap:
        distant = np.minimum(distant, pairwise_distance(near, far, **options))
    return reduced(
        np.maximum(0, pairwise_distance(a, near, **options) - distant + margin), reduction
    )


def marked(name):
    """The op with a third argument of 1 and -1 from a mask."""
    return lambda a, b, m, **options: op(name)(a, b, m.to(a.dtype) * 2 - 1, **options)


PAIRS = [
    s(x(3, 4), x(3, 4)),
    s(x(3, 4), x(4)),
    s(x(2, 1, 4), x(3, 4)),
    s(x(0, 4), x(0, 4)),
    s(x(33, 130), x(33, 130)),
]
NORMS = [1.0, 3.0, 1.5]
EMBEDDED = [*with_reductions(s(x(5, 4), x(5, 4), mask(5)), s(x(33, 17), x(33, 17), mask(33), margin=0.2)), s(x(4), x(4), mask()),
            s(x(0, 4), x(0, 4), mask(0), reduction="sum")]  # fmt: skip
RANKED = [*with_reductions(s(x(5), x(5), mask(5)), s(x(3, 4), x(3, 1), mask(1, 4), margin=0.3)), s(x(), x(), mask()),
          s(x(0, 3), x(0, 3), mask(0, 3), reduction="sum"), s(x(30, 31), x(30, 31), mask(30, 31))]  # fmt: skip
TRIPLES = [*with_reductions(s(x(5, 4), x(5, 4), x(5, 4))), s(x(4), x(4), x(4)), s(x(5, 4), x(5, 4), x(1, 4), margin=0.3),
           s(x(5, 4), x(5, 4), x(5, 4), swap=True), s(x(0, 4), x(0, 4), x(0, 4), reduction="sum"),
           s(x(33, 17), x(33, 17), x(33, 17))]  # fmt: skip
DISTANT = {"layout_bits": False, "reason": ORDER}

CASES = [
    case("pairwise_distance", pairwise_distance, [*PAIRS, s(x(4), x(4), keepdim=True), *(s(x(3, 4), x(3, 4), p=p, eps=0.1) for p in NORMS)], **DISTANT),
    case("cosine_similarity", cosine_similarity, [*PAIRS[:2], *PAIRS[3:], s(x(2, 1, 4), x(3, 4), dim=-1), s(x(3, 4), x(3, 4), dim=0),
         s(x(2, 3, 4), x(2, 3, 4), dim=1), s(x(3, 4), x(3, 4), eps=5.0)], **DISTANT),
    case("normalize", normalize, [x(3, 4), x(2, 3, 4), x(0, 4), x(33, 130), s(x(4), dim=0), s(x(3, 4), dim=0), s(x(3, 4), eps=5.0),
         *(s(x(3, 4), p=p) for p in NORMS)], **DISTANT),
    case("cosine_embedding_loss", cosine_embedding, EMBEDDED, marked("cosine_embedding_loss"), **DISTANT),
    case("margin_ranking_loss", ranking, RANKED, marked("margin_ranking_loss"), **DISTANT),
    case("triplet_margin_loss", triplet, [*TRIPLES, s(x(5, 4), x(5, 4), x(5, 4), p=3.0, eps=0.1)], **DISTANT),
    case("triplet_margin_with_distance_loss", triplet, TRIPLES, **DISTANT),
    case("cdist", lambda a, b, p=2.0: norm(a[..., :, None, :] - b[..., None, :, :], p, -1), [
        s(x(3, 4), x(5, 4)), s(x(2, 3, 4), x(5, 4)), s(x(2, 1, 3, 4), x(3, 5, 4)), s(x(1, 1), x(1, 1)),
        s(x(0, 3), x(2, 3)), s(x(33, 17), x(9, 17)), s(x(3, 4), x(2, 4), p=1.0),
        s(x(3, 4), x(2, 4), p=3.0), s(x(3, 4), x(2, 4), p=np.inf),
    ], layout_bits=False, reason=ORDER),
    case("pdist", lambda a, p=2.0: norm((a[:, None] - a)[np.triu_indices(len(a), 1)], p, -1), [
        s(x(3, 4)), s(x(2, 1)), s(x(1, 3)), s(x(17, 9)),
        s(x(4, 3), p=1.0), s(x(4, 3), p=3.0), s(x(4, 3), p=np.inf), s(x(4, 3), p=1.5),
    ], layout_bits=False, reason=ORDER),
]  # fmt: skip
