"""Runs the same scenario eagerly and captured, and compares all that it shows, to the bit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import cygnet as cn
from cygnet.replay.capture import Capture
from cygnet.replay.draft import mapped

Scenario = Callable[..., Iterator[Any]]
"""Takes what captures a function; yields what is to be compared: tensors, arrays, numbers, and
tuples, lists and dicts of these."""


RANDOM = np.random.default_rng(7)
X = RANDOM.standard_normal((53, 8)).astype(np.float32)
Y = RANDOM.integers(0, 3, 53)
WEIGHTS = RANDOM.random(53).astype(np.float32)


class Watched(Capture[..., Any]):
    """A capture that counts the calls that ran Python."""

    ran = 0

    def _without_replay(self, args: Any, kwargs: Any) -> Any:
        self.ran += 1
        return super()._without_replay(args, kwargs)


def with_tensors(function: Any) -> Any:
    """The function itself, which is given tensors in the place of arrays."""

    def eager(*args: Any, **kwargs: Any) -> Any:
        return function(
            *mapped(args, cn.as_tensor, np.ndarray), **mapped(kwargs, cn.as_tensor, np.ndarray)
        )

    return eager


def numbers_in(value: Any) -> Iterator[Any]:
    """Copies of all arrays in nested containers, with what else there is."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield key
            yield from numbers_in(each)
    elif isinstance(value, list | tuple):
        yield type(value)
        for each in value:
            yield from numbers_in(each)
    elif isinstance(value, cn.Tensor):
        yield type(value), value.numpy().copy()
    elif isinstance(value, np.ndarray):
        yield value.copy()
    else:
        yield value


def check_alike(one: Any, other: Any, what: str) -> None:
    """Whether two values are the same to the bit."""
    if isinstance(one, tuple):
        assert isinstance(other, tuple), what
        for a, b in zip(one, other, strict=True):
            check_alike(a, b, what)
    elif isinstance(one, np.ndarray):
        assert one.dtype == other.dtype, what
        np.testing.assert_array_equal(one, other, err_msg=what)
    else:
        assert one is other or repr(one) == repr(other), what


def shown(scenario: Scenario, capture: Callable[..., Any]) -> list[list[Any]]:
    """What a scenario shows, from the same start."""
    cn.manual_seed(3)
    return [list(numbers_in(value)) for value in scenario(capture)]


def check_captured(scenario: Scenario, ran: int | None = None, **options: Any) -> list[Watched]:
    """Captured, a scenario shows the same bits, and Python ran `ran` times for each function."""
    made: list[Watched] = []

    def capture(function: Any) -> Any:
        made.append(Watched(function, **options))
        return made[-1]

    eager = shown(scenario, with_tensors)
    captured = shown(scenario, capture)
    assert len(eager) == len(captured)
    for i, (a, b) in enumerate(zip(eager, captured, strict=True)):
        check_alike(tuple(b), tuple(a), f"value {i} of {scenario.__name__}")
    if ran is not None:
        assert [each.ran for each in made] == [ran] * len(made), [each.reason for each in made]
    return made


def state_of(*things: Any) -> list[Any]:
    """All weights and states of modules and optimizers."""
    states: list[Any] = []
    for thing in things:
        state = thing.state_dict()
        states.append(state.get("state", state))
    return states


def draws(*shapes: tuple[int, ...], seed: int = 0) -> Iterator[list[cn.Tensor]]:
    """Batches of normal numbers, without end."""
    generator = np.random.default_rng(seed)
    while True:
        yield [cn.tensor(generator.standard_normal(s).astype(np.float32)) for s in shapes]
