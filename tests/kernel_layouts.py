"""Arrays of one content in every memory layout, and the checks that all kernel tests share."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import cygnet.kernels as kernels


def transposed(array: np.ndarray) -> np.ndarray:
    return array.copy(order="F")


def channels_last(array: np.ndarray) -> np.ndarray:
    if array.ndim < 3:
        return array
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(array, 1, -1)), -1, 1)


def negative(array: np.ndarray) -> np.ndarray:
    return np.flip(np.flip(array).copy()) if array.ndim else array


def every_second(array: np.ndarray) -> np.ndarray:
    if array.ndim == 0:
        return array
    room = np.zeros((*array.shape[:-1], 2 * array.shape[-1]), array.dtype)
    room[..., ::2] = array
    return room[..., ::2]


def misaligned(array: np.ndarray) -> np.ndarray:
    room = np.zeros(array.nbytes + 1, np.uint8)
    result = room[1:].view(array.dtype).reshape(array.shape)
    result[...] = array
    return result


def read_only(array: np.ndarray) -> np.ndarray:
    result = array.copy()
    result.flags.writeable = False
    return result


LAYOUTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "contiguous": np.copy,
    "transposed": transposed,
    "channels_last": channels_last,
    "negative": negative,
    "every_second": every_second,
    "misaligned": misaligned,
    "read_only": read_only,
}


def strided(array: np.ndarray) -> np.ndarray:
    """Images (N, C, ...) of which every second channel and column of a larger array are taken."""
    return np.repeat(np.repeat(array, 2, axis=-1), 2, axis=1)[:, ::2, ..., ::2]


def reversed_(array: np.ndarray) -> np.ndarray:
    """Images whose channels, rows and columns step backwards in memory."""
    back = (slice(None), *(slice(None, None, -1),) * (array.ndim - 1))
    return np.ascontiguousarray(array[back])[back]


IMAGE_LAYOUTS = [np.ascontiguousarray, channels_last, strided, reversed_, misaligned]


def same_bits(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether shape, type and every byte agree, a NaN's sign and payload apart."""
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    if a.dtype.kind == "f":
        nan = np.isnan(a)
        if not np.array_equal(nan, np.isnan(b)):
            return False
        a, b = np.where(nan, 0, a).astype(a.dtype), np.where(nan, 0, b).astype(b.dtype)
    return np.ascontiguousarray(a).tobytes() == np.ascontiguousarray(b).tobytes()


def assert_close(got: np.ndarray, expected: np.ndarray) -> None:
    """Holds `got` to the tolerance of its type around a float64 reference."""
    assert got.shape == expected.shape
    relative, absolute = (1.3e-6, 1e-5) if got.dtype == np.float32 else (1e-7, 1e-7)
    finite = np.abs(expected[np.isfinite(expected)])
    scale = max(1.0, float(finite.max())) if finite.size else 1.0
    np.testing.assert_allclose(got.astype(np.float64), expected, relative, absolute * scale)


def check_replay(call: Callable[..., object], *arrays: np.ndarray) -> None:
    """Records a call, overwrites its inputs, replays it and compares with an eager call."""
    inputs = [np.array(a) for a in arrays]
    with kernels.Recording() as recording:
        recorded = call(*inputs)
    for array in inputs:
        array[...] = array[::-1].copy() if array.ndim else array
    recording.replay()
    eager = call(*inputs)
    pairs = zip(recorded, eager, strict=True) if isinstance(eager, tuple) else [(recorded, eager)]
    for a, b in pairs:
        assert same_bits(np.asarray(a), np.asarray(b))


def check_threads(call: Callable[[], np.ndarray | tuple[np.ndarray, ...]]) -> None:
    """Holds that 1, 2 and 3 threads give the same bits."""
    before = kernels.num_threads()
    results = []
    try:
        for count in (1, 2, 3):
            kernels.set_num_threads(count)
            result = call()
            results.append(result if isinstance(result, tuple) else (result,))
    finally:
        kernels.set_num_threads(before)
    for other in results[1:]:
        assert all(
            same_bits(np.asarray(a), np.asarray(b)) for a, b in zip(results[0], other, strict=True)
        )
