"""Spectra against their definition, in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cygnet import tensor
from cygnet.data import log_mel_spectrogram, mel_filterbank, power_spectrogram

RATE = 8000
NOISE = np.random.default_rng(0).normal(size=1000)


def frames_of(sound: np.ndarray, width: int, stride: int) -> np.ndarray:
    """Windowed frames, one by one."""
    hann = np.sin(np.pi * np.arange(width) / width) ** 2
    starts = range(0, len(sound) - width + 1, stride)
    return np.array([sound[start : start + width] * hann for start in starts])


@pytest.mark.parametrize(("n_fft", "points"), [(None, 256), (200, 200), (301, 301)])
def test_power_is_the_square_of_the_fourier_transform(n_fft: int | None, points: int) -> None:
    power = power_spectrogram(NOISE, RATE, n_fft=n_fft)
    frames = frames_of(NOISE, 200, 80)
    n, k = np.arange(200), np.arange(points // 2 + 1)[:, np.newaxis]
    expected = np.abs(frames @ np.exp(-2j * np.pi * k * n / points).T) ** 2
    assert power.dtype == np.float64
    np.testing.assert_allclose(power, expected, rtol=1e-9, atol=1e-9)


def test_parseval() -> None:
    power = power_spectrogram(NOISE, RATE, window=0.032, hop=0.004)
    energy = np.square(frames_of(NOISE, 256, 32)).sum(axis=1)
    both_sides = power.sum(axis=1) + power[:, 1:-1].sum(axis=1)
    np.testing.assert_allclose(both_sides / 256, energy, rtol=1e-12)


@pytest.mark.parametrize("count", [0, 1, 199, 200, 279, 280, 1000])
def test_number_of_frames(count: int) -> None:
    expected = len(frames_of(NOISE[:count], 200, 80))
    assert power_spectrogram(NOISE[:count], RATE).shape == (expected, 129)
    assert log_mel_spectrogram(NOISE[:count], RATE, 20).shape == (expected, 20)


def test_types_and_batches() -> None:
    whole = np.round(NOISE * 1000).astype(np.int16)
    expected = power_spectrogram(whole / 32768, RATE)
    assert expected.dtype == np.float64
    assert expected.ndim == 2
    real = whole.astype(np.float32) / 32768
    for given in (whole, whole.astype(np.int32) * 65536, tensor(real), real.astype(np.float16)):
        power = power_spectrogram(given, RATE)
        assert power.dtype == np.float32
        np.testing.assert_allclose(power, expected, rtol=2e-3, atol=1e-5)
    several = NOISE.reshape(2, 1, 500)
    features = log_mel_spectrogram(several, RATE, 20)
    assert features.shape == (2, 1, 4, 20)
    np.testing.assert_array_equal(features[1, 0], log_mel_spectrogram(NOISE[500:], RATE, 20))
    np.testing.assert_allclose(
        log_mel_spectrogram(NOISE.astype(np.float32), RATE, 20),
        log_mel_spectrogram(NOISE, RATE, 20),
        atol=1e-4,
    )


def slaney(hz: float) -> float:
    """As Slaney gives it: 15 mels up to 1000 Hz, then 27 a factor of 6.4."""
    return hz * 3 / 200 if hz < 1000 else 15 + 27 * np.log(hz / 1000) / np.log(6.4)


@pytest.mark.parametrize(
    ("scale", "to_mel"), [("htk", lambda hz: 1127.01048 * np.log1p(hz / 700)), ("slaney", slaney)]
)
@pytest.mark.parametrize(("f_min", "f_max"), [(0.0, None), (100.0, 3500.0)])
def test_filters(scale: str, to_mel: Any, f_min: float, f_max: float | None) -> None:
    filters = mel_filterbank(RATE, 512, 24, f_min, f_max, scale)
    assert filters.shape == (24, 257)
    assert filters.dtype == np.float64
    frequency = np.arange(257) * RATE / 512
    corners = np.linspace(to_mel(f_min), to_mel(f_max or RATE / 2), 26)
    mel = np.array([to_mel(hz) for hz in frequency])
    for band, row in enumerate(filters):
        low, middle, high = corners[band : band + 3]
        inside = (mel > low + 1e-3) & (mel < high - 1e-3)
        assert (row[inside] > 0).all()
        assert (row[(mel < low - 1e-3) | (mel > high + 1e-3)] == 0).all()
        rising = inside & (mel < middle - 1e-3)
        assert (np.diff(row[rising]) > 0).all()
        assert (np.diff(row[inside & (mel > middle + 1e-3)]) < 0).all()
    # Between the first and the last top, two neighbours share each frequency.
    between = (mel > corners[1] + 1e-3) & (mel < corners[-2] - 1e-3)
    np.testing.assert_allclose(filters.sum(axis=0)[between], 1, rtol=1e-12)
    assert filters.max() <= 1


@pytest.mark.parametrize("scale", ["htk", "slaney"])
@pytest.mark.parametrize("hz", [300.0, 1000.0, 1700.0, 3000.0])
def test_a_pure_tone_is_in_its_band(hz: float, scale: str) -> None:
    tone = np.sin(2 * np.pi * hz * np.arange(RATE) / RATE)
    features = log_mel_spectrogram(tone, RATE, 24, mel_scale=scale)
    filters = mel_filterbank(RATE, 256, 24, mel_scale=scale)
    expected = filters[:, round(hz * 256 / RATE)].argmax()
    assert (features.argmax(axis=1) == expected).all()
    louder = log_mel_spectrogram(10 * tone, RATE, 24, mel_scale=scale)
    np.testing.assert_allclose(louder - features, np.log(100), rtol=1e-6)


def test_floor() -> None:
    silence = np.zeros(400)
    np.testing.assert_allclose(log_mel_spectrogram(silence, RATE, 20), np.log(1e-10))
    np.testing.assert_allclose(log_mel_spectrogram(silence, RATE, 20, floor=1.0), 0)
    assert np.isnan(log_mel_spectrogram(np.full(400, np.nan), RATE, 20)).all()


@pytest.mark.parametrize(
    ("function", "arguments", "options", "error", "message"),
    [
        (power_spectrogram, (1.0, RATE), {}, ValueError, "samples expected at least one dimension"),
        (power_spectrogram, (["a"], RATE), {}, TypeError, "samples expected floats or signed"),
        (power_spectrogram, (np.ones(9, bool), RATE), {}, TypeError, "samples .* got bool"),
        (power_spectrogram, (NOISE, 0), {}, ValueError, "sample_rate expected a positive number"),
        (power_spectrogram, (NOISE, "8"), {}, TypeError, "sample_rate expected a number, got str"),
        (power_spectrogram, (NOISE, RATE), {"hop": -1.0}, ValueError, "hop expected a positive"),
        (power_spectrogram, (NOISE, RATE), {"hop": 1e-9}, ValueError, "hop expected at least one"),
        (power_spectrogram, (NOISE, RATE), {"window": np.inf}, ValueError, "window expected a"),
        (power_spectrogram, (NOISE, RATE), {"n_fft": 199}, ValueError, "n_fft expected at least"),
        (mel_filterbank, (RATE, 256, 0), {}, ValueError, "n_mels expected at least 1, got 0"),
        (mel_filterbank, (RATE, 2.5, 9), {}, TypeError, "n_fft expected an int, got float"),
        (mel_filterbank, (RATE, 256, 9, 0, 4001), {}, ValueError, "expected .* <= 4000 Hz, .*4001"),
        (mel_filterbank, (RATE, 256, 9, 300, 300), {}, ValueError, "expected 0 <= f_min < f_max"),
        (mel_filterbank, (RATE, 256, 9, "1"), {}, TypeError, "f_min expected a number, got str"),
        (mel_filterbank, (RATE, 256, 9, np.nan), {}, ValueError, "expected 0 <= f_min"),
        (mel_filterbank, (RATE, 256, 9), {"mel_scale": "bark"}, ValueError, "mel_scale expected"),
        (mel_filterbank, (RATE, 256, 200), {}, ValueError, "band 0 of n_mels=200 holds no"),
        (log_mel_spectrogram, (NOISE, RATE), {"floor": 0}, ValueError, "floor expected a positive"),
        (log_mel_spectrogram, (NOISE, RATE), {"window": "1"}, TypeError, "window expected a numb"),
    ],
)
def test_what_is_refused(
    function: Any, arguments: tuple[Any, ...], options: dict[str, Any], error: Any, message: str
) -> None:
    with pytest.raises(error, match=f"{function.__name__}: {message}"):
        function(*arguments, **options)
