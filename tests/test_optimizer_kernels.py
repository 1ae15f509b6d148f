"""Optimizer kernels: types, layouts, replay, bad arguments; see also test_optim_rules."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cygnet._core import native as kernels

SHAPES = [(3, 4), (), (0, 2), (7,), (40_000,), (16_384,)]
STEPS = 6


def drawn(dtype: Any = np.float64) -> tuple[list[np.ndarray], list[list[np.ndarray]]]:
    rng = np.random.default_rng(3)
    params = [rng.standard_normal(shape).astype(dtype).reshape(shape) for shape in SHAPES]
    grads = [[np.asarray(rng.standard_normal(s), dtype) for s in SHAPES] for _ in range(STEPS)]
    return [np.array(p) for p in params], grads


def zeros(arrays: list[np.ndarray]) -> list[np.ndarray]:
    return [np.zeros_like(array) for array in arrays]


def counts(arrays: list[np.ndarray]) -> list[np.ndarray]:
    return [np.zeros((), np.float32) for _ in arrays]


SGD = np.array([0.1, 0.0, 0.0, 0.0, 0, 0, 0, 0])
MOMENTUM = np.array([0.1, 0.9, 0.0, 0.0, 0, 0, 0, 0])
ADAM = np.array([0.01, 0.9, 0.999, 1e-8, 0.0, 0, 0])


def test_mixed_types_and_gradient_layouts() -> None:
    params = [np.ones((4, 5), np.float32), np.ones((4, 5))]
    grads = [np.arange(20, dtype=np.float32).reshape(5, 4).T, np.ones((4, 10))[:, ::-2]]
    kernels.sgd_step(params, grads, [], [], SGD)
    np.testing.assert_allclose(params[0], 1 - 0.1 * grads[0], rtol=1e-6)
    np.testing.assert_allclose(params[1], 0.9)
    kernels.sgd_step([], [], [], [], SGD)
    kernels.adam_step([], [], [], [], [], [], ADAM)


def test_nan_propagates() -> None:
    params, grads = [np.ones(3)], [np.array([np.nan, 1, np.inf])]
    state = [zeros(params) for _ in range(3)]
    kernels.adam_step(
        params, grads, counts(params), *state, ADAM,
    )  # fmt: skip
    assert np.isnan(params[0]).tolist() == [True, False, True]
    assert np.isnan(state[2][0][0])


def test_replay_reads_changed_hyper_parameters() -> None:
    params, grads = drawn()
    m, v, steps, hyper = zeros(params), zeros(params), counts(params), ADAM.copy()
    with kernels.Recording() as recording:
        kernels.adam_step(params, grads[0], steps, m, v, [], hyper)
    other, _ = drawn()
    m2, v2, steps2 = zeros(other), zeros(other), counts(other)
    kernels.adam_step(other, grads[0], steps2, m2, v2, [], ADAM)
    for i in range(1, STEPS):
        hyper[0] = 0.1 * i
        for target, source in zip(grads[0], grads[i], strict=True):
            target[...] = source
        recording.replay()
        kernels.adam_step(other, grads[i], steps2, m2, v2, [], hyper)
    for a, b in zip(params, other, strict=True):
        np.testing.assert_array_equal(a, b)
    assert steps[0] == STEPS


def test_replay_checks_momentum() -> None:
    params, hyper = [np.ones(2)], SGD.copy()
    with kernels.Recording() as recording:
        kernels.sgd_step(params, [np.ones(2)], [], [], hyper)
    hyper[1] = 0.5
    with pytest.raises(ValueError, match="sgd_step: hyper asks for momentum, but momentum_buff"):
        recording.replay()


def test_replay_without_momentum_leaves_its_buffer_alone() -> None:
    params, buffers, hyper = [np.ones(2)], [np.zeros(2)], MOMENTUM.copy()
    steps = counts(params)
    with kernels.Recording() as recording:
        kernels.sgd_step(params, [np.ones(2)], steps, buffers, hyper)
    hyper[1] = 0
    recording.replay()
    np.testing.assert_allclose(params[0], 0.8)
    np.testing.assert_allclose(buffers[0], 1)
    assert steps[0] == 1


def read_only(array: np.ndarray) -> np.ndarray:
    array.flags.writeable = False
    return array


def misaligned() -> np.ndarray:
    return np.zeros(25, np.uint8)[1:].view(np.float64)


ONE = np.ones(3)
SHARED = np.ones(8)


def sgd(params: Any, grads: Any, buffers: Any = (), hyper: Any = SGD, steps: Any = ()) -> None:
    kernels.sgd_step(params, grads, steps, buffers, hyper)


def adam(**changed: Any) -> None:
    arguments = {
        "params": [ONE.copy()],
        "grads": [ONE],
        "steps": [np.zeros((), np.float32)],
        "exp_avgs": [ONE.copy()],
        "exp_avg_sqs": [ONE.copy()],
        "max_exp_avg_sqs": [],
        "hyper": ADAM,
        **changed,
    }
    kernels.adam_step(**arguments)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: sgd(ONE, [ONE]), TypeError, "sgd_step: params must be a list of NumPy arrays"),
        (lambda: sgd([1.0], [ONE]), TypeError, "sgd_step: params[0] must be a NumPy array"),
        (lambda: sgd([ONE.copy()], []), ValueError, "sgd_step: grads has 0 arrays, expected 1"),
        (
            lambda: sgd([ONE.copy(), np.ones(2, int)], [ONE, ONE]),
            TypeError,
            "sgd_step: params[1] has dtype int64",
        ),
        (
            lambda: sgd([ONE.copy(), ONE.copy()], [ONE, np.ones(2)]),
            ValueError,
            "sgd_step: grads[1] has shape (2,), expected (3,)",
        ),
        (
            lambda: sgd([ONE.copy()], [ONE.astype(np.float32)]),
            TypeError,
            "sgd_step: grads[0] has dtype float32, expected float64, that of params[0]",
        ),
        (lambda: sgd([ONE.astype(">f8")], [ONE]), TypeError, "native byte order"),
        (lambda: sgd([read_only(ONE.copy())], [ONE]), ValueError, "params[0] is read-only"),
        (lambda: sgd([np.ones(6)[::2]], [ONE]), ValueError, "params[0] must be C-contiguous"),
        (lambda: sgd([np.ones(3)[::-1]], [ONE]), ValueError, "params[0] must be C-contiguous"),
        (lambda: sgd([misaligned()], [ONE]), ValueError, "params[0] must be C-contiguous and al"),
        (
            lambda: sgd([SHARED[:3], ONE.copy(), SHARED[2:5]], [ONE] * 3),
            ValueError,
            "sgd_step: params[0] shares memory with params[2]",
        ),
        (
            lambda: sgd([SHARED[:3]], [SHARED[1:4]]),
            ValueError,
            "sgd_step: params[0] shares memory with grads[0]",
        ),
        (
            lambda: sgd([ONE.copy()], [ONE], [ONE.copy()]),
            ValueError,
            "sgd_step: steps has 0 arrays, expected 1",
        ),
        (
            lambda: sgd([ONE.copy()], [ONE], [], SGD, [np.zeros((), np.float32)]),
            ValueError,
            "sgd_step: steps has 1 arrays, expected 0, one a momentum buffer",
        ),
        (
            lambda: sgd([ONE.copy()], [ONE], [], MOMENTUM),
            ValueError,
            "sgd_step: hyper asks for momentum, but momentum_buffers is empty",
        ),
        (
            lambda: kernels.rmsprop_step(
                [ONE.copy()], [ONE], [np.zeros((), np.float32)], [ONE.copy()], [], [], np.ones(9)
            ),
            ValueError,
            "rmsprop_step: hyper asks for momentum, but momentum_buffers is empty",
        ),
        (
            lambda: kernels.nadam_step(
                [ONE.copy()],
                [ONE],
                [np.zeros((), np.float32)],
                [],
                [ONE.copy()],
                [ONE.copy()],
                ADAM,
            ),
            ValueError,
            "nadam_step: mu_products has 0 arrays, expected 1",
        ),
        (lambda: sgd([ONE.copy()], [ONE], hyper=np.ones(5)), ValueError, "hyper has shape (5,)"),
        (
            lambda: sgd([ONE.copy()], [ONE], hyper=SGD.astype(np.float32)),
            TypeError,
            "sgd_step: hyper has dtype float32",
        ),
        (
            lambda: adam(steps=[np.zeros(1, np.float32)]),
            ValueError,
            "adam_step: steps[0] has shape (1,), expected ()",
        ),
        (lambda: adam(steps=[np.zeros(())]), TypeError, "adam_step: steps[0] has dtype float64"),
        (lambda: adam(exp_avgs=[]), ValueError, "adam_step: exp_avgs has 0 arrays"),
        (
            lambda: adam(exp_avg_sqs=[np.ones((3, 1))]),
            ValueError,
            "adam_step: exp_avg_sqs[0] has shape (3, 1)",
        ),
        (
            lambda: adam(max_exp_avg_sqs=[ONE.astype(np.float32)]),
            TypeError,
            "adam_step: max_exp_avg_sqs[0] has dtype float32",
        ),
        (
            lambda: adam(exp_avgs=[SHARED[:3]], exp_avg_sqs=[SHARED[:3]]),
            ValueError,
            "adam_step: exp_avgs[0] shares memory with exp_avg_sqs[0]",
        ),
    ],
)
def test_bad_arguments(call, error, text) -> None:
    with pytest.raises(error) as caught:
        call()
    assert text in str(caught.value)
