"""Sound as features: spectra of short frames on the mel scale, by NumPy's FFT."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cygnet.data.sampler import check_count
from cygnet.tensor import Array

__all__ = ["log_mel_spectrogram", "mel_filterbank", "power_spectrogram"]

# Slaney's scale: linear, 200/3 Hz a mel, up to 1000 Hz; above, 27 mels a factor of 6.4.
_SLANEY_HZ, _SLANEY_BREAK, _SLANEY_STEP = 200 / 3, 1000.0, math.log(6.4) / 27


def power_spectrogram(
    samples: Any,
    sample_rate: float,
    *,
    window: float = 0.025,
    hop: float = 0.010,
    n_fft: int | None = None,
) -> Array:
    """The power of each frequency in short frames, ``|FFT(frame * Hann window)|**2``.

    Frame i begins `i * hop` seconds from the start; samples after the last whole frame are left
    out. The window is the periodic one, ``0.5 - 0.5 cos(2 pi n / width)``; a frame shorter than
    `n_fft` is followed by zeros.

    Parameters
    ----------
    samples : array_like
        The sound, (..., T); any number of recordings of one length. Integers are divided by their
        type's greatest value plus one, so that full scale is 1.
    sample_rate : float
        Samples a second (Hz).
    window : float
        The length of a frame in seconds, rounded to samples. Default 0.025.
    hop : float
        From one frame's beginning to the next one's, in seconds, rounded to samples. Default 0.010.
    n_fft : int, optional
        Points of the FFT, at least the samples in a frame. Default: the next power of two.

    Returns
    -------
    ndarray
        (..., frames, n_fft // 2 + 1), float64 if the samples are, else float32; frames is
        ``1 + (T - frame) // hop`` in samples, or 0. Column k is of ``k * sample_rate / n_fft`` Hz.

    Raises
    ------
    TypeError, ValueError

    Examples
    --------
    >>> import numpy as np
    >>> from cygnet.data import power_spectrogram
    >>> tone = np.sin(2 * np.pi * 1000 * np.arange(8000) / 8000)
    >>> power = power_spectrogram(tone, 8000)
    >>> power.shape, int(power[0].argmax()) * 8000 / 256
    ((98, 129), 1000.0)
    """
    op = "power_spectrogram"
    sound = _sound(op, samples)
    _check_positive(op, sample_rate=sample_rate, window=window, hop=hop)
    width, stride = round(window * sample_rate), round(hop * sample_rate)
    for name, count in (("window", width), ("hop", stride)):
        if not count:
            raise ValueError(f"{op}: {name} expected at least one sample's time, got {name}=0")
    points = _fft_points(op, n_fft, width)
    if sound.shape[-1] < width:
        return np.zeros((*sound.shape[:-1], 0, points // 2 + 1), sound.dtype)
    frames = np.lib.stride_tricks.sliding_window_view(sound, width, -1)[..., ::stride, :]
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(width) / width)
    spectrum = np.fft.rfft(frames * hann.astype(sound.dtype), points)
    power: Array = np.square(spectrum.real) + np.square(spectrum.imag)
    return power


def mel_filterbank(
    sample_rate: float,
    n_fft: int,
    n_mels: int,
    f_min: float = 0.0,
    f_max: float | None = None,
    mel_scale: str = "htk",
) -> Array:
    """Triangular filters that sum a power spectrum into bands of equal width on the mel scale.

    Band m rises from 0 at the m-th of ``n_mels + 2`` frequencies equally far apart in mel, to 1 at
    the next, and falls to 0 at the one after.

    Parameters
    ----------
    sample_rate : float
        Samples a second (Hz).
    n_fft : int
        Points of the FFT.
    n_mels : int
        The number of bands.
    f_min, f_max : float
        Where the first band begins and the last one ends, in Hz. Default 0 and half the rate.
    mel_scale : str
        'htk' (the default): ``2595 log10(1 + f / 700)``, or 'slaney': linear up to 1000 Hz, then
        logarithmic.

    Returns
    -------
    ndarray
        (n_mels, n_fft // 2 + 1), float64: ``power @ filters.T`` gives the bands.

    Raises
    ------
    TypeError, ValueError
        Also if a band is so narrow that it holds no frequency of the FFT.

    References
    ----------
    S. Young et al., "The HTK book", version 3.4, 2006, section 5.4 and equation 5.13; M. Slaney,
    "Auditory toolbox", version 2, Interval Research 1998-010.

    Examples
    --------
    >>> from cygnet.data import mel_filterbank
    >>> mel_filterbank(8000, 256, 20).shape
    (20, 129)
    """
    op = "mel_filterbank"
    _check_positive(op, sample_rate=sample_rate)
    check_count(op, "n_fft", n_fft)
    check_count(op, "n_mels", n_mels)
    if mel_scale not in ("htk", "slaney"):
        raise ValueError(f"{op}: mel_scale expected 'htk' or 'slaney', got {mel_scale!r}")
    high = sample_rate / 2 if f_max is None else f_max
    _check_number(op, "f_min", f_min)
    _check_number(op, "f_max", high)
    if not 0 <= f_min < high <= sample_rate / 2:
        raise ValueError(
            f"{op}: expected 0 <= f_min < f_max <= {sample_rate / 2:g} Hz, got f_min={f_min:g}, "
            f"f_max={high:g}"
        )
    to_mel, to_hz = (_htk, _htk_hz) if mel_scale == "htk" else (_slaney, _slaney_hz)
    corners = to_hz(np.linspace(to_mel(f_min), to_mel(high), n_mels + 2))[:, np.newaxis]
    frequency = np.arange(n_fft // 2 + 1) * (sample_rate / n_fft)
    rising = (frequency - corners[:-2]) / (corners[1:-1] - corners[:-2])
    falling = (corners[2:] - frequency) / (corners[2:] - corners[1:-1])
    filters: Array = np.maximum(0.0, np.minimum(rising, falling))
    empty = np.flatnonzero(filters.sum(axis=1) == 0)
    if empty.size:
        raise ValueError(
            f"{op}: band {empty[0]} of n_mels={n_mels} holds no frequency of n_fft={n_fft}; "
            "expected fewer bands or a longer FFT"
        )
    return filters


def log_mel_spectrogram(
    samples: Any,
    sample_rate: float,
    n_mels: int = 40,
    *,
    window: float = 0.025,
    hop: float = 0.010,
    n_fft: int | None = None,
    f_min: float = 0.0,
    f_max: float | None = None,
    mel_scale: str = "htk",
    floor: float = 1e-10,
) -> Array:
    """The natural logarithm of the power in each mel band of short frames, the usual input of a
    network that listens.

    Parameters
    ----------
    samples, sample_rate, window, hop, n_fft
        The sound (..., T), its rate in Hz and the frames in seconds: see `power_spectrogram`.
    n_mels, f_min, f_max, mel_scale
        The number of bands (default 40) and where they lie, in Hz: see `mel_filterbank`.
    floor : float
        Less power than this counts as this, so that silence is not minus infinity. Default 1e-10.

    Returns
    -------
    ndarray
        (..., frames, n_mels), float64 if the samples are, else float32.

    Raises
    ------
    TypeError, ValueError

    References
    ----------
    S. Davis, P. Mermelstein, "Comparison of parametric representations for monosyllabic word
    recognition in continuously spoken sentences", IEEE Transactions on Acoustics, Speech, and
    Signal Processing 28, 1980, without their cosine transform.

    Examples
    --------
    >>> import numpy as np
    >>> from cygnet.data import log_mel_spectrogram
    >>> log_mel_spectrogram(np.zeros(8000, np.int16), 8000, 32).shape
    (98, 32)
    """
    _check_positive("log_mel_spectrogram", sample_rate=sample_rate, window=window, floor=floor)
    points = _fft_points("log_mel_spectrogram", n_fft, round(window * sample_rate))
    filters = mel_filterbank(sample_rate, points, n_mels, f_min, f_max, mel_scale)
    power = power_spectrogram(samples, sample_rate, window=window, hop=hop, n_fft=points)
    bands = power @ filters.T.astype(power.dtype)
    logarithms: Array = np.log(np.maximum(bands, bands.dtype.type(floor)))
    return logarithms


def _sound(op: str, samples: Any) -> Array:
    """The samples as float32 or float64."""
    sound = np.asarray(samples)
    if not sound.ndim:
        raise ValueError(f"{op}: samples expected at least one dimension, got a number")
    if sound.dtype.kind == "i":
        return sound.astype(np.float32) / np.float32(np.iinfo(sound.dtype).max + 1)
    if sound.dtype.kind != "f":
        raise TypeError(f"{op}: samples expected floats or signed integers, got {sound.dtype}")
    return sound if sound.dtype == np.float64 else sound.astype(np.float32)


def _fft_points(op: str, n_fft: int | None, width: int) -> int:
    if n_fft is None:
        return 1 << max(width - 1, 0).bit_length()
    check_count(op, "n_fft", n_fft)
    if n_fft < width:
        raise ValueError(
            f"{op}: n_fft expected at least the {width} samples of a frame, got {n_fft}"
        )
    return n_fft


def _check_positive(op: str, **values: float) -> None:
    for name, value in values.items():
        _check_number(op, name, value)
        if not 0 < value < np.inf:
            raise ValueError(f"{op}: {name} expected a positive number, got {value}")


def _check_number(op: str, name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        raise TypeError(f"{op}: {name} expected a number, got {type(value).__name__}")


def _htk(hz: float) -> float:
    return 2595 * math.log10(1 + hz / 700)


def _htk_hz(mel: Array) -> Array:
    hz: Array = 700 * (10 ** (mel / 2595) - 1)
    return hz


def _slaney(hz: float) -> float:
    above = math.log(max(hz, _SLANEY_BREAK) / _SLANEY_BREAK) / _SLANEY_STEP
    return min(hz, _SLANEY_BREAK) / _SLANEY_HZ + above


def _slaney_hz(mel: Array) -> Array:
    corner = _SLANEY_BREAK / _SLANEY_HZ
    above = np.exp(np.maximum(mel - corner, 0) * _SLANEY_STEP)
    hz: Array = np.minimum(mel, corner) * _SLANEY_HZ * above
    return hz
