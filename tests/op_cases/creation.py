"""New tensors, copies and conversions. A row of a function that takes sizes and a type has them from an argument."""

from __future__ import annotations

import numpy as np

import cygnet
from cygnet.tensor import Tensor
from tests.op_cases.case import Sample, case, op, s, wide, x

SHAPES = [x(), x(1), x(5), x(0), x(2, 3), x(3, 0), x(2, 3, 4), x(2, 3, 4, 5)]
IMAGES = [x(1, 1, 1, 1), x(2, 3, 4, 5), x(2, 1, 3, 3), x(1, 3, 2, 2), x(0, 3, 2, 2), x(2, 3, 1, 1), x(4, 16, 9, 7), x(2, 3, 0, 2)]  # fmt: skip
NUMBERS = [wide(), wide(1), wide(5), wide(0), wide(2, 3), wide(3, 0), wide(2, 3, 4), wide(40, 50)]


def copied(name, function=None, samples=SHAPES, reference=lambda a: a):
    return case(name, reference, samples, function, exact=True)


def constant(name, value, function=None):
    return case(
        name, lambda a: np.full(a.shape, value), SHAPES, function, exact=True, gradient=False
    )


def converted(name, dtype):
    return case(
        name,
        lambda a: a.astype(dtype),
        NUMBERS,
        lambda a: getattr(a, name)(),
        exact=True,
        gradient=False,
    )


def numbers(name, reference, *options: dict, exact: bool = False):
    """A function of numbers; the type comes from an argument."""
    samples = [Sample((x(),), option) for option in options]
    return case(name, lambda a, **o: reference(**o), samples,
                lambda a, **o: op(name)(**o, dtype=a.dtype), exact=exact, gradient=False)  # fmt: skip


def channels_last(a: Tensor) -> Tensor:
    return a.to(memory_format=cygnet.channels_last)


CASES = [
    copied("clone"),
    copied("clone channels_last", lambda a: channels_last(a).clone(), IMAGES),
    copied("contiguous", lambda a: a.T.contiguous(), SHAPES[:6], lambda a: a.T),
    copied("contiguous channels_last", lambda a: a.contiguous(memory_format=cygnet.channels_last), IMAGES),
    copied("to", lambda a: a.to(cygnet.float64).to("cpu", a.dtype)),
    copied("to channels_last", channels_last, IMAGES),
    copied("double", lambda a: a.double().to(a.dtype)),
    copied("type", lambda a: a.type("DoubleTensor").type(a.dtype)),
    copied("cpu", lambda a: a.cpu()),
    case("float", lambda a: np.float32(a).astype(np.float64), SHAPES, lambda a: a.float().to(a.dtype), exact=True, gradient=False),
    case("type_as", lambda a, b: a, [s(i, i) for i in SHAPES], lambda a, b: a.type_as(b) + 0 * b),
    converted("long", np.int64),
    converted("int", np.int32),
    converted("bool", np.bool_),
    case("byte", lambda a: np.abs(a).astype(np.uint8), NUMBERS, lambda a: a.abs().byte(), exact=True, gradient=False),
    *[case(name, lambda a: a, SHAPES, gradient=False, exact=True) for name in ("tensor", "as_tensor", "asarray")],
    *[constant(f"{kind}_like", value) for kind, value in (("zeros", 0), ("ones", 1), ("empty", 0))],
    *[constant(kind, value, lambda a, kind=kind: op(kind)(a.shape, dtype=a.dtype)) for kind, value in (("zeros", 0), ("ones", 1), ("empty", 0))],
    *[constant(f"new_{kind}", value, lambda a, kind=kind: getattr(a, f"new_{kind}")(a.shape)) for kind, value in (("zeros", 0), ("ones", 1), ("empty", 0))],
    constant("full", 2.5, lambda a: op("full")(a.shape, 2.5, dtype=a.dtype)),
    constant("full_like", -1.5, lambda a: op("full_like")(a, -1.5)),
    constant("new_full", 7, lambda a: a.new_full(a.shape, 7)),
    case("new_tensor", lambda a: np.array([1.0, 2.5]), [x(1)] * 8, lambda a: a.new_tensor([1, 2.5]), exact=True, gradient=False),
    numbers("arange", lambda start, end, step: np.arange(start, end, step), *[{"start": a, "end": b, "step": c} for a, b, c in (
        (0, 5, 1), (2, 7, 2), (5, 0, -1), (0, 0, 1), (-2.5, 2.5, 0.5), (0, 1, 0.3), (1, 0, -0.125), (0, 1, 5))]),
    numbers("linspace", lambda start, end, steps: np.linspace(start, end, steps), *[{"start": a, "end": b, "steps": n} for a, b, n in (
        (0, 1, 5), (1, 0, 4), (-3, 3, 7), (2, 2, 3), (0, 1, 1), (0, 1, 0), (-1e3, 1e3, 1001), (0.1, 0.2, 2))]),
    numbers("logspace", lambda start, end, steps, base: np.logspace(start, end, steps, base=base),
            *[{"start": a, "end": b, "steps": n, "base": c} for a, b, n, c in (
        (0, 2, 3, 10), (0, 3, 4, 2), (-3, 3, 7, 10), (1, 0, 5, 2), (0, 1, 1, 10), (0, 1, 0, 10), (-2, 2, 101, 3), (0, 0, 2, 5))]),
    numbers("eye", lambda n, m: np.eye(n, m), *[{"n": n, "m": m} for n, m in (
        (1, None), (3, None), (0, None), (2, 4), (4, 2), (3, 0), (0, 3), (50, 60))], exact=True),
]  # fmt: skip
