"""Random kernels: known answers, layouts, threads, replay, distribution, bad arguments."""

from __future__ import annotations

import numpy as np
import pytest

from cygnet._core import native as kernels


def cell(key: int = 7, draw: int = 0) -> np.ndarray:
    return np.array([key, draw], np.int64)


def philox(counter: tuple[int, ...], key: tuple[int, ...]) -> list[int]:
    """Philox 4x32-10 as Salmon et al. (2011) define it, in Python integers."""
    c, k = list(counter), list(key)
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [
            (p1 >> 32) ^ c[1] ^ k[0],
            p1 & 0xFFFFFFFF,
            (p0 >> 32) ^ c[3] ^ k[1],
            p0 & 0xFFFFFFFF,
        ]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return c


def words(key: int, draw: int, count: int) -> np.ndarray:
    key, draw = key % 2**64, draw % 2**64
    drawn: list[int] = []
    for block in range((count + 3) // 4):
        drawn += philox((block, 0, draw & 0xFFFFFFFF, draw >> 32), (key & 0xFFFFFFFF, key >> 32))
    return np.array(drawn[:count], np.uint64)


def test_reference_known_answers() -> None:
    # The vectors of Random123's kat_vectors file for philox4x32-10.
    ones = 0xFFFFFFFF
    assert philox((0,) * 4, (0,) * 2) == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]
    assert philox((ones,) * 4, (ones,) * 2) == [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]
    assert philox((0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344), (0xA4093822, 0x299F31D0)) == [
        0xD16CFE09,
        0x94FDCCEB,
        0x5001E420,
        0x24126EA1,
    ]


@pytest.mark.parametrize(("key", "draw"), [(0, 0), (7, 3), (-5, 2**40 + 9), (2**62 + 1, -1)])
def test_uniform_is_philox(key: int, draw: int) -> None:
    state = cell(key, draw)
    single = kernels.uniform(np.empty(37, np.float32), state)
    np.testing.assert_array_equal(single, (words(key, draw, 37) >> 8) * 2.0**-24)
    assert state.tolist() == [key, draw + 1]
    double = kernels.uniform(np.empty(37), cell(key, draw))
    w = words(key, draw, 74).reshape(37, 2)
    np.testing.assert_array_equal(double, ((w[:, 0] << 32 | w[:, 1]) >> 11) * 2.0**-53)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_uniform_interval(dtype: type) -> None:
    drawn = kernels.uniform(np.empty(100_000, dtype), cell(), -2.0, 3.0)
    assert drawn.min() >= -2
    assert drawn.max() < 3
    counts = np.histogram(drawn, 50, (-2, 3))[0]
    assert ((counts - 2000.0) ** 2 / 2000).sum() < 100  # chi-squared, 49 degrees of freedom
    assert (kernels.uniform(np.empty(9, dtype), cell(), 4.0, 4.0) == 4).all()
    tight = kernels.uniform(np.empty(10_000, dtype), cell(), 1.0, float(np.nextafter(dtype(1), 2)))
    assert (tight == 1).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_normal_moments(dtype: type) -> None:
    drawn = kernels.normal(np.empty(200_000, dtype), cell(), 1.0, 2.0).astype(np.float64)
    z = (drawn - 1) / 2
    assert np.isfinite(z).all()
    assert abs(z.mean()) < 0.01
    assert abs(z.var() - 1) < 0.02
    assert abs((z**3).mean()) < 0.04
    assert abs((z**4).mean() - 3) < 0.1
    assert abs(np.corrcoef(z[:-1], z[1:])[0, 1]) < 0.01


def test_normal_is_box_muller() -> None:
    w = words(7, 0, 8).astype(np.float64)
    radius = np.sqrt(-2 * np.log((w[0::2] + 1) * 2.0**-32))
    angle = 2 * np.pi * w[1::2] * 2.0**-32
    expected = np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1).ravel()
    np.testing.assert_allclose(kernels.normal(np.empty(8, np.float32), cell()), expected, rtol=1e-6)
    assert (kernels.normal(np.empty(5), cell(), 3.0, 0.0) == 3).all()


def layouts(shape: tuple[int, ...], dtype: type) -> dict[str, np.ndarray]:
    n, c, h, w = shape
    return {
        "contiguous": np.empty(shape, dtype),
        "channels last": np.empty((n, h, w, c), dtype).transpose(0, 3, 1, 2),
        "fortran": np.empty(shape, dtype, order="F"),
        "reversed": np.empty(shape, dtype)[:, ::-1, :, ::-1],
        "strided": np.empty((n, c, h, 2 * w), dtype)[..., ::2],
    }


@pytest.mark.parametrize("fill", ["uniform", "normal"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_fill_any_layout(fill: str, dtype: type) -> None:
    shape = (3, 5, 31, 33)
    expected = getattr(kernels, fill)(np.empty(shape, dtype), cell())
    for name, out in layouts(shape, dtype).items():
        assert getattr(kernels, fill)(out, cell()) is out
        np.testing.assert_array_equal(out, expected, err_msg=name)


def test_results_past_the_caches() -> None:
    count = 2**23 + 1005
    x = np.random.default_rng(0).standard_normal(count).astype(np.float32)
    for fill in (kernels.uniform, kernels.normal):
        whole, some = (
            fill(np.empty(count + 1, np.float32)[1:], cell()),
            fill(np.empty(10_000, np.float32), cell()),
        )
        np.testing.assert_array_equal(whole[:10_000], some)
    output, mask = kernels.dropout_forward(x, cell(), 0.25)
    some = kernels.dropout_forward(x[:10_000], cell(), 0.25)
    np.testing.assert_array_equal(output[:10_000], some[0])
    np.testing.assert_array_equal(mask[:10_000], some[1])
    np.testing.assert_array_equal(
        output, np.where(mask, x * np.float32(1 / 0.75), 0).astype(np.float32)
    )


def test_threads_give_the_same_bits() -> None:
    before = kernels.num_threads()
    results = []
    try:
        for threads in (1, 2, 3):
            kernels.set_num_threads(threads)
            x = np.ones((8, 16, 40, 50), np.float32)
            results.append(
                (
                    *kernels.dropout_forward(x, cell(), 0.3),
                    kernels.uniform(np.empty(100_003, np.float32), cell()),
                    kernels.normal(np.empty(100_003), cell()),
                    kernels.permutation(cell(), 1000),
                )
            )
    finally:
        kernels.set_num_threads(before)
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


def test_permutation() -> None:
    for n in (0, 1, 2, 1000):
        drawn = kernels.permutation(cell(), n)
        assert drawn.dtype == np.int64
        np.testing.assert_array_equal(np.sort(drawn), np.arange(n))
    state = cell()
    counts: dict[tuple[int, ...], int] = {}
    for _ in range(12_000):
        order = tuple(kernels.permutation(state, 4).tolist())
        counts[order] = counts.get(order, 0) + 1
    assert state[1] == 12_000
    assert len(counts) == 24
    assert sum((c - 500) ** 2 / 500 for c in counts.values()) < 60  # 23 degrees of freedom


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("p", [0.0, 0.25, 0.5, 0.9, 1.0])
def test_dropout(dtype: type, p: float) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((3, 5, 31, 33)).astype(dtype)
    keep = (words(7, 2, x.size) >= int(p * 2**32)).reshape(x.shape)
    scale = dtype(1 / (1 - p)) if p < 1 else dtype(0)
    expected = np.where(keep, x * scale, dtype(0))
    for name, memory in layouts(x.shape, dtype).items():
        memory[...] = x
        output, mask = kernels.dropout_forward(memory, cell(7, 2), p)
        assert mask.dtype == np.bool_
        np.testing.assert_array_equal(mask, keep, err_msg=name)
        np.testing.assert_array_equal(output, expected, err_msg=name)
        if name in ("channels last", "fortran"):
            assert output.strides == memory.strides
        for grad in layouts(x.shape, dtype).values():
            grad[...] = x
            np.testing.assert_array_equal(kernels.dropout_backward(grad, mask, p), expected)
    if p == 0:
        np.testing.assert_array_equal(expected, x)


def test_dropout_rate_and_special_values() -> None:
    _, mask = kernels.dropout_forward(np.ones(1_000_000, np.float32), cell(), 0.3)
    assert abs(mask.mean() - 0.7) < 0.002
    output, mask = kernels.dropout_forward(np.full(1000, np.nan), cell(), 0.5)
    np.testing.assert_array_equal(np.isnan(output), mask)
    output, mask = kernels.dropout_forward(np.full(10, np.inf, np.float32), cell(), 1.0)
    assert (output == 0).all()
    for shape in ((0,), (3, 0, 2), ()):
        output, mask = kernels.dropout_forward(np.ones(shape, np.float32), cell())
        assert output.shape == mask.shape == shape


def test_replay_advances() -> None:
    x = np.ones(64, np.float32)
    state, eager = cell(), cell()
    out = np.empty(16)
    with kernels.Recording() as recording:
        output, mask = kernels.dropout_forward(x, state)
        kernels.uniform(out, state)
        order = kernels.permutation(state, 50)
    for _ in range(3):
        expected = kernels.dropout_forward(x, eager)
        np.testing.assert_array_equal(output, expected[0])
        np.testing.assert_array_equal(mask, expected[1])
        np.testing.assert_array_equal(out, kernels.uniform(np.empty(16), eager))
        np.testing.assert_array_equal(order, kernels.permutation(eager, 50))
        recording.replay()
    assert state[1] == 12


def read_only(array: np.ndarray) -> np.ndarray:
    array.flags.writeable = False
    return array


def misaligned(shape: tuple[int, ...], dtype: type) -> np.ndarray:
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    return np.zeros(size + 1, np.uint8)[1:].view(dtype).reshape(shape)


X = np.ones(4, np.float32)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: kernels.dropout_forward([1.0], cell()), TypeError, "dropout: input must be"),
        (lambda: kernels.dropout_forward(np.ones(3, int), cell()), TypeError, "dropout: input has"),
        (lambda: kernels.dropout_forward(X.astype(">f4"), cell()), TypeError, "native byte order"),
        (lambda: kernels.dropout_forward(X, cell(), 1.5), ValueError, "dropout: p is 1.5"),
        (lambda: kernels.dropout_forward(X, cell(), -0.1), ValueError, "dropout: p is -0.1"),
        (lambda: kernels.dropout_forward(X, cell(), np.nan), ValueError, "dropout: p is nan"),
        (
            lambda: kernels.dropout_forward(X, np.zeros(3, int)),
            ValueError,
            "dropout: cell has shape",
        ),
        (lambda: kernels.dropout_forward(X, np.zeros(2)), TypeError, "dropout: cell has dtype"),
        (lambda: kernels.dropout_forward(X, read_only(cell())), ValueError, "cell is read-only"),
        (lambda: kernels.dropout_forward(X, np.zeros(4, int)[::2]), ValueError, "cell must be C-"),
        (
            lambda: kernels.dropout_forward(X, misaligned((2,), np.int64)),
            ValueError,
            "dropout: cell must be C-contiguous and aligned",
        ),
        (
            lambda: (lambda c: kernels.dropout_forward(c.view(np.float32), c))(cell()),
            ValueError,
            "dropout: cell shares memory with input",
        ),
        (
            lambda: kernels.dropout_backward(X, np.ones(4, np.uint8)),
            TypeError,
            "dropout_backward: mask has dtype uint8",
        ),
        (
            lambda: kernels.dropout_backward(X, np.ones(3, bool)),
            ValueError,
            "dropout_backward: mask has shape",
        ),
        (lambda: kernels.uniform(np.zeros(3, int), cell()), TypeError, "uniform: out has dtype"),
        (lambda: kernels.uniform(read_only(np.ones(3)), cell()), ValueError, "out is read-only"),
        (lambda: kernels.uniform(np.ones(3), cell(), 2.0, 1.0), ValueError, "uniform: low is 2"),
        (lambda: kernels.uniform(np.ones(3), cell(), 0.0, np.inf), ValueError, "high is inf"),
        (
            lambda: kernels.uniform(
                np.lib.stride_tricks.as_strided(np.ones(4), (3, 2), (8, 8)), cell()
            ),
            ValueError,
            "uniform: out has elements that share memory",
        ),
        (
            lambda: kernels.uniform(misaligned((3,), np.float64), cell()),
            ValueError,
            "uniform: out must be aligned",
        ),
        (lambda: kernels.normal(np.ones(3), cell(), 0.0, -1.0), ValueError, "normal: std is -1"),
        (lambda: kernels.normal(np.ones(3), cell(), np.nan), ValueError, "normal: mean is nan"),
        (lambda: kernels.permutation(cell(), -1), ValueError, "permutation: n is -1"),
        (lambda: kernels.permutation(cell(), 2**62), ValueError, "permutation: shape"),
        (lambda: kernels.permutation(cell(), 2**50), MemoryError, ""),
    ],
)
def test_bad_arguments(call, error, text) -> None:
    with pytest.raises(error) as caught:
        call()
    assert text in str(caught.value)
