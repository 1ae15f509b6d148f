"""The memory pool: reuse, giving back, and a request that no machine can meet."""

from __future__ import annotations

import gc

import numpy as np
import pytest

from cygnet import kernels


def test_memory_is_reused(generator: np.random.Generator) -> None:
    a = generator.standard_normal((64, 64)).astype(np.float32)
    address = kernels.gemm(a, a).ctypes.data
    assert kernels.gemm(a, a).ctypes.data == address


def test_outputs_are_aligned(generator: np.random.Generator) -> None:
    for n in (1, 3, 17, 100):
        a = generator.standard_normal((n, n)).astype(np.float32)
        assert kernels.gemm(a, a).ctypes.data % 64 == 0


def test_empty_cache_gives_memory_back() -> None:
    a = np.ones((512, 512), np.float32)
    gc.collect()
    kernels.empty_cache()
    before = kernels.memory_stats()
    result = kernels.gemm(a, a)
    assert kernels.memory_stats()["live_bytes"] >= before["live_bytes"] + result.nbytes
    del result
    assert kernels.memory_stats()["live_bytes"] == before["live_bytes"]
    assert kernels.memory_stats()["cached_bytes"] >= a.nbytes
    assert kernels.empty_cache() >= a.nbytes
    assert kernels.memory_stats()["cached_bytes"] == 0


def test_a_result_outlives_empty_cache() -> None:
    a = np.full((64, 64), 2, np.float32)
    result = kernels.gemm(a, a)
    kernels.empty_cache()
    other = kernels.gemm(a, 2 * a)
    assert (result == 256).all()
    assert (other == 512).all()


@pytest.mark.parametrize(("size", "error"), [(2**23, MemoryError), (2**32, ValueError)])
def test_a_huge_result_is_an_error_and_the_next_call_works(
    size: int, error: type[Exception]
) -> None:
    """256 TB, and a size beyond 63 bits; the arguments are empty."""
    with pytest.raises(error):
        kernels.gemm(np.zeros((size, 0), np.float32), np.zeros((0, size), np.float32))
    np.testing.assert_array_equal(kernels.gemm(np.eye(3), np.eye(3)), np.eye(3))
