"""Optimizer kernels against the published formulas in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cygnet._core import native as kernels

SHAPES = [(3, 4), (), (0, 2), (7,), (40_000,), (16_384,)]
STEPS = 6


def reference_sgd(p, grads, lr, momentum, dampening, weight_decay, nesterov, maximize):
    p, buffer = p.copy(), None
    for grad in grads:
        g = -grad if maximize else grad
        g = g + weight_decay * p
        if momentum:
            buffer = g if buffer is None else momentum * buffer + (1 - dampening) * g
            g = g + momentum * buffer if nesterov else buffer
        p = p - lr * g
    return p


def reference_adam(
    p, grads, lr, beta1, beta2, eps, weight_decay, maximize, decoupled, amsgrad
) -> Any:
    p, m, v, largest = p.copy(), 0.0, 0.0, 0.0
    for t, grad in enumerate(grads, 1):
        g = -grad if maximize else grad
        if decoupled:
            p = p * (1 - lr * weight_decay)
        else:
            g = g + weight_decay * p
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        largest = np.maximum(largest, v)
        root = np.sqrt(largest if amsgrad else v) / np.sqrt(1 - beta2**t)
        p = p - lr / (1 - beta1**t) * m / (root + eps)
    return p


def drawn(dtype: Any = np.float64) -> tuple[list[np.ndarray], list[list[np.ndarray]]]:
    rng = np.random.default_rng(3)
    params = [rng.standard_normal(shape).astype(dtype).reshape(shape) for shape in SHAPES]
    grads = [[np.asarray(rng.standard_normal(s), dtype) for s in SHAPES] for _ in range(STEPS)]
    return [np.array(p) for p in params], grads


def zeros(arrays: list[np.ndarray]) -> list[np.ndarray]:
    return [np.zeros_like(array) for array in arrays]


def counts(arrays: list[np.ndarray]) -> list[np.ndarray]:
    return [np.zeros((), np.float32) for _ in arrays]


TOLERANCE = {np.float64: 1e-9, np.float32: 1e-5}

SGD = [
    (0.1, 0.0, 0.0, 0.0, 0, 0),
    (0.1, 0.0, 0.0, 0.3, 0, 1),
    (0.1, 0.9, 0.0, 0.0, 0, 0),
    (0.1, 0.9, 0.4, 0.1, 0, 0),
    (0.05, 0.8, 0.0, 0.1, 1, 1),
]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("hyper", SGD)
def test_sgd(dtype: Any, hyper: tuple[float, ...]) -> None:
    params, grads = drawn(dtype)
    expected = [
        reference_sgd(p.astype(np.float64), [g[i].astype(np.float64) for g in grads], *hyper)
        for i, p in enumerate(params)
    ]
    # A buffer's content before the first step does not matter.
    buffers = [np.full_like(p, np.nan) for p in params] if hyper[1] else []
    steps = counts(params) if hyper[1] else []
    for grad in grads:
        kernels.sgd_step(params, grad, buffers, np.array(hyper, np.float64), steps=steps)
    for p, e in zip(params, expected, strict=True):
        np.testing.assert_allclose(p, e, rtol=0, atol=TOLERANCE[dtype])
    assert all(step == STEPS for step in steps)


ADAM = [
    (0.01, 0.9, 0.999, 1e-8, 0.0, 0),
    (0.01, 0.3, 0.9, 1e-3, 0.1, 1),
    (0.02, 0.5, 0.99, 1e-8, 0.3, 0),
]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("hyper", ADAM)
@pytest.mark.parametrize("decoupled", [False, True])
@pytest.mark.parametrize("amsgrad", [False, True])
def test_adam(dtype: Any, hyper: tuple[float, ...], decoupled: bool, amsgrad: bool) -> None:
    params, grads = drawn(dtype)
    expected = [
        reference_adam(
            p.astype(np.float64),
            [g[i].astype(np.float64) for g in grads],
            *hyper,
            decoupled,
            amsgrad,
        )
        for i, p in enumerate(params)
    ]
    m, v, steps = zeros(params), zeros(params), counts(params)
    largest = zeros(params) if amsgrad else []
    for grad in grads:
        kernels.adam_step(
            params,
            grad,
            m,
            v,
            steps,
            np.array(hyper, np.float64),
            max_exp_avg_sqs=largest,
            decoupled=decoupled,
        )
    for p, e in zip(params, expected, strict=True):
        np.testing.assert_allclose(p, e, rtol=0, atol=TOLERANCE[dtype] * 5)
    assert all(step == STEPS for step in steps)


def test_threads_give_the_same_bits() -> None:
    before = kernels.num_threads()
    results = []
    try:
        for threads in (1, 2, 3):
            kernels.set_num_threads(threads)
            params, grads = drawn(np.float32)
            m, v, steps, buffers = zeros(params), zeros(params), counts(params), zeros(params)
            for grad in grads:
                kernels.adam_step(params, grad, m, v, steps, np.array(ADAM[1]))
                kernels.sgd_step(params, grad, buffers, np.array(SGD[3]), steps=counts(params))
            results.append(b"".join(p.tobytes() for p in (*params, *m, *v, *buffers)))
    finally:
        kernels.set_num_threads(before)
    assert results[0] == results[1] == results[2]


def test_mixed_types_and_gradient_layouts() -> None:
    params = [np.ones((4, 5), np.float32), np.ones((4, 5))]
    grads = [np.arange(20, dtype=np.float32).reshape(5, 4).T, np.ones((4, 10))[:, ::-2]]
    kernels.sgd_step(params, grads, [], np.array(SGD[0]))
    np.testing.assert_allclose(params[0], 1 - 0.1 * grads[0], rtol=1e-6)
    np.testing.assert_allclose(params[1], 0.9)
    kernels.sgd_step([], [], [], np.array(SGD[0]))
    kernels.adam_step([], [], [], [], [], np.array(ADAM[0]))


def test_nan_propagates() -> None:
    params, grads = [np.ones(3)], [np.array([np.nan, 1, np.inf])]
    state = [zeros(params) for _ in range(3)]
    kernels.adam_step(
        params, grads, state[0], state[1], counts(params), np.array(ADAM[0]),
        max_exp_avg_sqs=state[2],
    )  # fmt: skip
    assert np.isnan(params[0]).tolist() == [True, False, True]
    assert np.isnan(state[2][0][0])


def test_replay_reads_changed_hyper_parameters() -> None:
    params, grads = drawn()
    m, v, steps, hyper = zeros(params), zeros(params), counts(params), np.array(ADAM[0])
    with kernels.Recording() as recording:
        kernels.adam_step(params, grads[0], m, v, steps, hyper)
    other, _ = drawn()
    m2, v2, steps2 = zeros(other), zeros(other), counts(other)
    kernels.adam_step(other, grads[0], m2, v2, steps2, np.array(ADAM[0]))
    for i in range(1, STEPS):
        hyper[0] = 0.1 * i
        for target, source in zip(grads[0], grads[i], strict=True):
            target[...] = source
        recording.replay()
        kernels.adam_step(other, grads[i], m2, v2, steps2, hyper)
    for a, b in zip(params, other, strict=True):
        np.testing.assert_array_equal(a, b)
    assert steps[0] == STEPS


def test_replay_checks_momentum() -> None:
    params, hyper = [np.ones(2)], np.array(SGD[0])
    with kernels.Recording() as recording:
        kernels.sgd_step(params, [np.ones(2)], [], hyper)
    hyper[1] = 0.5
    with pytest.raises(ValueError, match=r"sgd_step: hyper has momentum 0\.5, but momentum_buff"):
        recording.replay()


def read_only(array: np.ndarray) -> np.ndarray:
    array.flags.writeable = False
    return array


def misaligned() -> np.ndarray:
    return np.zeros(25, np.uint8)[1:].view(np.float64)


ONE, HYPER = np.ones(3), np.array(SGD[0])
SHARED = np.ones(8)


def sgd(params: Any, grads: Any, buffers: Any = (), hyper: Any = HYPER, steps: Any = ()) -> None:
    kernels.sgd_step(params, grads, buffers, hyper, steps=steps)


def adam(**changed: Any) -> None:
    arguments = {
        "params": [ONE.copy()],
        "grads": [ONE],
        "exp_avgs": [ONE.copy()],
        "exp_avg_sqs": [ONE.copy()],
        "steps": [np.zeros((), np.float32)],
        "hyper": np.array(ADAM[0]),
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
            lambda: sgd([ONE.copy()], [ONE], [], HYPER, [np.zeros((), np.float32)]),
            ValueError,
            "sgd_step: steps has 1 arrays, but momentum_buffers is empty",
        ),
        (
            lambda: sgd([ONE.copy()], [ONE], [], np.array(SGD[2])),
            ValueError,
            "sgd_step: hyper has momentum 0.9, but momentum_buffers is empty",
        ),
        (lambda: sgd([ONE.copy()], [ONE], hyper=np.ones(5)), ValueError, "hyper has shape (5,)"),
        (
            lambda: sgd([ONE.copy()], [ONE], hyper=HYPER.astype(np.float32)),
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
