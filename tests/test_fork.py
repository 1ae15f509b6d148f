"""A forked child computes, with the same result, instead of hanging."""

from __future__ import annotations

import os
import signal
import time

import numpy as np
import pytest

from cygnet import kernels


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_child_computes_after_the_parent_used_threads(generator: np.random.Generator) -> None:
    kernels.set_num_threads(2)
    a = generator.standard_normal((400, 400)).astype(np.float32)
    expected = kernels.gemm(a, a)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if np.array_equal(kernels.gemm(a, a), expected) else 2
        finally:
            os._exit(code)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            assert os.waitstatus_to_exitcode(status) == 0
            break
        time.sleep(0.01)
    else:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        pytest.fail("the child hangs")
    np.testing.assert_array_equal(kernels.gemm(a, a), expected)
