"""The number of threads, and calls from several Python threads."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from cygnet import kernels


@pytest.mark.parametrize("count", [0, -1, 1025, 2**40])
def test_a_bad_number_of_threads_is_an_error(count: int) -> None:
    before = kernels.num_threads()
    with pytest.raises(ValueError, match=r"set_num_threads: count .*expected 1 to 1024"):
        kernels.set_num_threads(count)
    assert kernels.num_threads() == before


def test_more_threads_than_processors(generator: np.random.Generator) -> None:
    a = generator.standard_normal((300, 300)).astype(np.float32)
    kernels.set_num_threads(1)
    expected = kernels.gemm(a, a)
    kernels.set_num_threads(9)
    assert kernels.num_threads() == 9
    np.testing.assert_array_equal(kernels.gemm(a, a), expected)


def test_default_is_positive() -> None:
    assert kernels.default_num_threads() >= 1


def test_calls_from_several_threads(generator: np.random.Generator) -> None:
    """A caller that finds the team taken runs serially, with the same bits."""
    kernels.set_num_threads(2)
    inputs = [generator.standard_normal((200, 200)).astype(np.float32) for _ in range(4)]
    expected = [kernels.gemm(a, a) for a in inputs]
    failures: list[str] = []

    def work(i: int) -> None:
        for _ in range(50):
            if not np.array_equal(kernels.gemm(inputs[i], inputs[i]), expected[i]):
                failures.append(f"thread {i}")

    workers = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert not any(worker.is_alive() for worker in workers)
    assert not failures


def test_a_recording_belongs_to_its_thread(generator: np.random.Generator) -> None:
    a = generator.standard_normal((8, 8)).astype(np.float32)
    with kernels.Recording() as recording:
        other = threading.Thread(target=kernels.gemm, args=(a, a))
        other.start()
        other.join()
        assert kernels.is_recording()
    assert len(recording) == 0
    assert not kernels.is_recording()
