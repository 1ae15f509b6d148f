"""What all tests share."""

from __future__ import annotations

import numpy as np
import pytest

import cygnet
from cygnet import kernels


@pytest.fixture(autouse=True)
def _same_start():
    """Every test starts from the same seed and leaves the number of threads as it was."""
    threads = kernels.num_threads()
    cygnet.manual_seed(0)
    yield
    kernels.set_num_threads(threads)


@pytest.fixture
def generator() -> np.random.Generator:
    """NumPy's generator, the same in every run."""
    return np.random.default_rng(0)


@pytest.fixture(params=[1, 2, 3], ids="{}-threads".format)
def threads(request: pytest.FixtureRequest) -> int:
    """Runs the test with one, two and three threads."""
    kernels.set_num_threads(request.param)
    return request.param
