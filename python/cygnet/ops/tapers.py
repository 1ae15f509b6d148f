"""Window functions: weights that fall to either end, for spectra."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cygnet import kernels
from cygnet.dtypes import get_default_dtype
from cygnet.errors import composed
from cygnet.ops.create import check_options, constant, finished
from cygnet.tensor import FLOATS, Array, Tensor, as_dtype

__all__ = [
    "bartlett_window",
    "blackman_window",
    "hamming_window",
    "hann_window",
    "kaiser_window",
]


def _made(
    op: str,
    length: int,
    periodic: bool,
    of: Callable[[Array], Array],
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **options: Any,
) -> Tensor:
    """The window of the places 0 ... 1, both included unless it is periodic."""
    check_options(op, device, options)
    wanted = get_default_dtype() if dtype is None else as_dtype(dtype, op)
    if wanted not in FLOATS:
        raise kernels.DTypeError(f"{op}: dtype is {wanted}, expected float32 or float64")
    if length < 0:
        raise ValueError(f"{op}: window_length is {length}, expected at least 0")
    if length < 2:
        values = np.ones(length)
    else:
        values = of(np.arange(length) / (length if periodic else length - 1))
    return finished(constant(values.astype(wanted)), requires_grad)


@composed
def bartlett_window(window_length: int, periodic: bool = True, **options: Any) -> Tensor:
    """A triangle.

    Parameters
    ----------
    window_length : int
        How many weights.
    periodic : bool
        Whether the window ends one place before it comes back to its first value, as spectra want
        it. Default True; False: symmetric.
    **options
        ``dtype`` (default: the default type), ``device``, ``requires_grad``.

    Raises
    ------
    DTypeError, ValueError
    """
    return _made(
        "bartlett_window", window_length, periodic, lambda t: 1 - abs(2 * t - 1), **options
    )


@composed
def hann_window(window_length: int, periodic: bool = True, **options: Any) -> Tensor:
    """sin(pi t) ** 2 for t from 0 to 1; see `bartlett_window`."""
    return _made(
        "hann_window", window_length, periodic, lambda t: np.sin(np.pi * t) ** 2, **options
    )


@composed
def hamming_window(
    window_length: int,
    periodic: bool = True,
    alpha: float = 0.54,
    beta: float = 0.46,
    **options: Any,
) -> Tensor:
    """alpha - beta cos(2 pi t) for t from 0 to 1; see `bartlett_window`."""
    return _made(
        "hamming_window",
        window_length,
        periodic,
        lambda t: alpha - beta * np.cos(2 * np.pi * t),
        **options,
    )


@composed
def blackman_window(window_length: int, periodic: bool = True, **options: Any) -> Tensor:
    """0.42 - 0.5 cos(2 pi t) + 0.08 cos(4 pi t) for t from 0 to 1; see `bartlett_window`."""
    return _made(
        "blackman_window",
        window_length,
        periodic,
        lambda t: 0.42 - 0.5 * np.cos(2 * np.pi * t) + 0.08 * np.cos(4 * np.pi * t),
        **options,
    )


@composed
def kaiser_window(
    window_length: int, periodic: bool = True, beta: float = 12.0, **options: Any
) -> Tensor:
    """i0(beta sqrt(1 - (2 t - 1) ** 2)) / i0(beta) for t from 0 to 1; see `bartlett_window`."""
    return _made(
        "kaiser_window",
        window_length,
        periodic,
        lambda t: np.i0(beta * np.sqrt(1 - (2 * t - 1) ** 2)) / np.i0(beta),
        **options,
    )
