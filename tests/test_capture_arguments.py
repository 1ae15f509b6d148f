"""Arguments and results of captured functions: all kinds, their memory and their order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import cygnet as cn
from cygnet import nn
from tests.captured import check_captured, draws

ARGUMENTS: dict[str, Callable[[int, np.random.Generator], tuple[tuple[Any, ...], dict[str, Any]]]]
ARGUMENTS = {
    "numbers": lambda i, g: ((cn.ones(2) * i, 2, 0.5), {}),
    "numbers that change": lambda i, g: ((cn.ones(2) * i, i % 2, 0.5 * (i % 2)), {}),
    "1 and True": lambda i, g: ((cn.ones(2) * i, [1, True, 1.0][i % 3]), {}),
    "zero and minus zero": lambda i, g: ((cn.ones(2) * i, [0.0, -0.0][i % 2]), {}),
    "nan": lambda i, g: ((cn.ones(2) * i, float("nan")), {}),
    "strings": lambda i, g: ((cn.ones(2) * i, "mean", None), {}),
    "nested": lambda i, g: ((cn.ones(2), {"a": [cn.ones(3) * i, (cn.ones(1) * i, 3)]}), {}),
    "arrays": lambda i, g: ((np.full(3, i, np.float32), [np.full((2, 2), i, np.float64)]), {}),
    "integers": lambda i, g: ((g.integers(0, 9, 3), g.integers(0, 2, 3) > 0), {}),
    "empty": lambda i, g: ((cn.ones(0, 3), cn.ones(2) * i), {}),
    "0-d": lambda i, g: ((cn.tensor(float(i)), np.array(i)), {}),
    "NumPy's number": lambda i, g: ((cn.ones(2), np.float32(i % 2)), {}),
    "unsigned": lambda i, g: ((g.integers(0, 9, 3).astype(np.uint8),), {}),
    "named tuple": lambda i, g: ((cn.max(cn.tensor(g.normal(size=(2, 3))), 0),), {}),
    "not contiguous": lambda i, g: ((cn.tensor(g.normal(size=(4, 6)))[::2, 1::3].t(),), {}),
    "backwards": lambda i, g: ((g.normal(size=5).astype(np.float32)[::-1],), {}),
    "broadcast": lambda i, g: ((cn.tensor(g.normal(size=(1, 3))).expand(4, 3),), {}),
    "misaligned": lambda i, g: ((misaligned(g.normal(size=5)),), {}),
    "read-only": lambda i, g: ((read_only(g.normal(size=5)),), {}),
    "keywords": lambda i, g: ((), {"b": cn.ones(2) * i, "a": cn.ones(2) * 2 * i}),
    "keywords in turn": lambda i, g: (
        (),
        dict(list({"b": cn.ones(2) * i, "a": cn.ones(2) * 2 * i}.items())[:: 1 - 2 * (i % 2)]),
    ),
    "list and tuple": lambda i, g: (([(cn.ones(2) * i,), [cn.ones(2) * i]][i % 2],), {}),
    "the same twice": lambda i, g: ((lambda t: (t, t))(cn.ones(3) * i), {}),
    "overlapping": lambda i, g: ((lambda t: (t[1:], t[:-1]))(cn.tensor(g.normal(size=6))), {}),
    "sometimes overlapping": lambda i, g: (
        (lambda t: (t[1:], t[:-1] if i % 3 else t[:-1].clone()))(cn.tensor(g.normal(size=6))),
        {},
    ),
    "type in turn": lambda i, g: ((g.normal(size=3).astype([np.float32, np.float64][i % 2]),), {}),
    "shape in turn": lambda i, g: ((g.normal(size=3 + i % 2),), {}),
    "gradient in turn": lambda i, g: ((cn.ones(3, requires_grad=i % 2 == 0) * 1,), {}),
    "other objects": lambda i, g: ((cn.ones(2) * i, slice(0, 1), np.float32, frozenset("a")), {}),
    "dtype": lambda i, g: ((cn.ones(2) * i, [cn.float32, cn.float64][i % 2]), {}),
    "generator": lambda i, g: ((cn.ones(2) * i, range(3)), {}),
    "none": lambda i, g: ((), {}),
}


def misaligned(values: np.ndarray) -> np.ndarray:
    """The same numbers at an odd address."""
    values = values.astype(np.float32)
    memory = np.empty(values.nbytes + 1, np.uint8)[1:]
    result = memory.view(np.float32)
    result[...] = values
    return result


def read_only(values: np.ndarray) -> np.ndarray:
    values.flags.writeable = False
    return values


def digest(*args: Any, **kwargs: Any) -> Any:
    """Results of all kinds from arguments of all kinds."""

    def walk(value: Any) -> Any:
        if isinstance(value, cn.Tensor):
            return value + 1, value, value[:1] if value.ndim else value, value.sum()
        if isinstance(value, dict):
            return {key: walk(each) for key, each in value.items()}
        if isinstance(value, list | tuple):
            return [walk(each) for each in value]
        return repr(value)

    return walk(args), walk(kwargs)


@pytest.mark.parametrize("kind", ARGUMENTS)
def test_arguments(kind: str) -> None:
    def scenario(capture: Any) -> Iterator[Any]:
        function = capture(digest)
        generator = np.random.default_rng(0)
        for i in range(9):
            args, kwargs = ARGUMENTS[kind](i, generator)
            yield function(*args, **kwargs)

    check_captured(scenario)


@pytest.mark.parametrize("kind", ARGUMENTS)
def test_arguments_changed_in_place(kind: str) -> None:
    """The caller sees what the function has written to its arguments."""

    def write(*args: Any, **kwargs: Any) -> None:
        def walk(value: Any) -> None:
            if isinstance(value, cn.Tensor):
                if not value.requires_grad and value.dtype != np.bool_:
                    value.mul_(2).add_(1)
            elif isinstance(value, list | tuple | dict):
                for each in value.values() if isinstance(value, dict) else value:
                    walk(each)

        walk(args)
        walk(kwargs)

    def scenario(capture: Any) -> Iterator[Any]:
        function = capture(write)
        generator = np.random.default_rng(0)
        for i in range(9):
            args, kwargs = ARGUMENTS[kind](i, generator)
            yield function(*args, **kwargs), args, kwargs

    if kind in ("read-only", "broadcast"):
        pytest.skip("is an error, or has no defined result")
    check_captured(scenario)


RESULTS: dict[str, Callable[[cn.Tensor, cn.Tensor], Any]] = {
    "nested": lambda x, w: {"a": [x + 1, (x * 2,)], "b": None, "c": 3, "d": "text"},
    "view of an argument": lambda x, w: (x[1:], x.t(), x.reshape(-1)[::2]),
    "argument": lambda x, w: x,
    "view of a weight": lambda x, w: (w[0], w.t(), w),
    "views of one buffer": lambda x, w: (lambda y: (y[0], y[1:], y.t(), y))(x + 1),
    "the same twice": lambda x, w: (lambda y: (y, [y]))(x @ w),
    "chunks": lambda x, w: (x + w).chunk(3),
    "numbers": lambda x, w: (x.shape, x.numel(), 1.5, True, x.dtype),
    "nothing": lambda x, w: None,
    "constant": lambda x, w: (cn.zeros(2, 3), cn.arange(4), cn.full((2,), 3.0)),
    "empty": lambda x, w: (x[:0] + 1, cn.zeros(0)),
    "expanded": lambda x, w: (x + 1)[:1].expand(4, 3),
    "random": lambda x, w: (cn.randn(3), cn.rand(2, 2), cn.randint(0, 9, (4,)), cn.randperm(5)),
    "sorted": lambda x, w: cn.sort(x + w, dim=1),
    "named": lambda x, w: cn.max(x, 0),
    "detached": lambda x, w: (x @ w).detach(),
    "written inside": lambda x, w: (lambda y: (y.mul_(2), y[0].add_(1), x.clone().relu_().sum()))(
        x + w
    ),
    "filled": lambda x, w: cn.zeros(2).add_(x[0, 0]),
    "made of a list": lambda x, w: cn.tensor([1.0, 2.0]).add_(x[0, 0]),
    "a module made inside": lambda x, w: nn.Softmax(1)(nn.Identity()(x)),
    "large": lambda x, w: (x @ w)[0, 0] + cn.ones(300, 300),
}


@pytest.mark.parametrize("kind", RESULTS)
def test_results(kind: str) -> None:
    """Results are alike, share memory as the eager ones do, and outlive later calls."""

    def scenario(capture: Any) -> Iterator[Any]:
        w = cn.tensor(np.arange(9, dtype=np.float32).reshape(3, 3) / 8)
        function = capture(lambda x: RESULTS[kind](x, w))
        kept = []
        for _, (x,) in zip(range(6), draws((3, 3)), strict=False):
            kept.append(function(x))
            yield kept[-1]
        yield kept

    check_captured(scenario, 2)


def test_results_share_memory_as_eager_ones_do() -> None:
    @cn.capture
    def function(x: cn.Tensor) -> Any:
        y = x + 1
        return x[1:], y[0], y, y

    for _ in range(4):
        x = cn.zeros(3, 3)
        part, first, whole, again = function(x)
        part.fill_(5)
        first.fill_(7)
        assert x.tolist() == [[0, 0, 0], [5, 5, 5], [5, 5, 5]]
        assert whole[0].tolist() == again[0].tolist() == [7, 7, 7]
