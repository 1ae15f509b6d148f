"""The short form of `python -m tests.endurance`: calls that raise and steps lose no memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.endurance import GROWTH, of_rows, of_users, raises, raising, training
from tests.op_cases import CASES

pytestmark = pytest.mark.filterwarnings("ignore")


def test_calls_that_raise_lose_nothing(tmp_path: Path) -> None:
    names = [case.name for case in CASES[::12]]
    calls = [call for call in (*of_users(tmp_path), *of_rows(names)) if raises(call)]
    assert len(calls) > 100
    made, grown = raising(calls, 4 * len(calls))
    assert not grown.leaks(made), grown


def test_a_lost_reference_is_noticed() -> None:
    kept: list[np.ndarray] = []

    def loses(a: tuple[np.ndarray, ...] = (np.zeros(3),)) -> None:
        kept.append(a[0])
        raise ValueError

    made, grown = raising([loses], 10)
    assert grown.references and grown.leaks(made)


def test_steps_of_random_shapes_stay_in_their_memory() -> None:
    training(20, 10)
    resident, pool, objects = training(400, 200)
    assert resident < GROWTH
    assert pool == 0 and objects < 50, "what the networks left"
