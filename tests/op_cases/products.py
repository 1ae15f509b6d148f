"""Matrix products and linear layers."""

from __future__ import annotations

import math

import numpy as np

from tests.op_cases.activations import sigmoid
from tests.op_cases.case import case, kinked, op, s, x

MATMUL = [
    s(x(3, 4), x(4, 5)),
    s(x(1, 1), x(1, 1)),
    s(x(0, 4), x(4, 5)),
    s(x(3, 0), x(0, 5)),
    s(x(17, 33), x(33, 49)),
    s(x(131, 67), x(67, 259)),
]
LINEAR = [
    s(x(3, 4), x(5, 4), x(5)),
    s(x(3, 4), x(5, 4)),
    s(x(4), x(5, 4), x(5)),
    s(x(2, 3, 4), x(5, 4), x(5)),
    s(x(0, 4), x(5, 4), x(5)),
    s(x(33, 17), x(49, 17), x(49)),
    s(x(100, 400), x(120, 400), x(120)),
    s(x(1, 1), x(1, 1), x(1)),
]
BATCHED = [
    s(x(2, 3, 4), x(2, 4, 5)),
    s(x(2, 1, 3, 4), x(7, 4, 5)),
    s(x(3, 4), x(2, 4, 5)),
    s(x(2, 3, 4), x(4, 5)),
    s(x(40, 17, 33), x(40, 33, 19)),
    s(x(0, 3, 4), x(0, 4, 5)),
    s(x(2, 3, 0), x(2, 0, 5)),
]
ERF = np.vectorize(math.erf, otypes=[np.float64])
DEPTH = "the order of the products follows the memory order"
ACTIVATIONS = {"relu": lambda z: np.maximum(z, 0), "sigmoid": sigmoid, "tanh": np.tanh,
               "leaky_relu": lambda z: np.where(z < 0, 0.01 * z, z), "gelu": lambda z: z * 0.5 * (1 + ERF(z / np.sqrt(2))),
               "silu": lambda z: z * sigmoid(z)}  # fmt: skip


def linear(a, w, b=None):
    return a @ w.T + (0 if b is None else b)


def activated(name):
    """An op on the result of a linear layer: with relu and its kin the pair runs as one kernel where that is offered."""
    return case(
        f"linear {name}",
        lambda a, w, b: ACTIVATIONS[name](linear(a, w, b)),
        [
            s(kinked(3, 4), kinked(5, 4), kinked(5)),
            s(x(0, 4), x(5, 4), x(5)),
            s(x(33, 17), x(49, 17), x(49)),
        ],
        lambda a, w, b: op("linear")(a, w, b, activation=name),
        float32=(3e-6, 1e-5),
        reason="a rounded sum goes through the function",
    )


def bilinear(a, b, w, bias=0):
    return np.einsum("...i,oij,...j->...o", a, w, b) + bias


BILINEAR = [
    s(x(3, 4), x(3, 5), x(2, 4, 5), x(2)),
    s(x(3, 4), x(3, 5), x(2, 4, 5)),
    s(x(4), x(5), x(2, 4, 5), x(2)),
    s(x(4), x(1), x(1, 4, 1)),
    s(x(2, 3, 4), x(2, 3, 5), x(2, 4, 5), x(2)),
    s(x(0, 4), x(0, 5), x(2, 4, 5), x(2)),
    s(x(3, 1), x(3, 1), x(1, 1, 1), x(1)),
    s(x(33, 17), x(33, 19), x(21, 17, 19), x(21)),
]

CASES = [
    case("matmul", np.matmul, MATMUL, integers=True, layout_bits=False, reason=DEPTH),
    case("matmul vectors", np.matmul, [s(x(4), x(4)), s(x(3, 4), x(4)), s(x(4), x(4, 5))], op("matmul"),
         integers=True, layout_bits=False, reason=DEPTH),
    case("matmul transposed", lambda a, b: a.T @ b.T, [s(x(4, 3), x(5, 4)), s(x(67, 131), x(259, 67))],
         lambda a, b: a.T @ b.T, integers=True, layout_bits=False, reason=DEPTH),
    case("matmul batched", np.matmul, BATCHED, op("matmul"), integers=True, layout_bits=False, reason=DEPTH),
    case("linear", linear, LINEAR, integers=True),
    *(activated(name) for name in ACTIVATIONS),
    case("bilinear", bilinear, BILINEAR, layout_bits=False, reason=DEPTH),
]  # fmt: skip
