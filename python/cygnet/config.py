"""What runs here: version, instruction set, threads, and how the extension was built."""

from __future__ import annotations

from typing import Any

from cygnet import kernels

# How tensors are printed, in NumPy's words.
print_options: dict[str, Any] = {}
_PRINT_PROFILES: dict[str, dict[str, Any]] = {
    "default": {"precision": 4, "threshold": 1000, "edgeitems": 3, "max_line_width": 75},
    "short": {"precision": 2, "threshold": 1000, "edgeitems": 2, "max_line_width": 75},
    "full": {"precision": 4, "threshold": 2**62, "edgeitems": 3, "max_line_width": 75},
}
print_options.update(_PRINT_PROFILES["default"])


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Sets how tensors are printed.

    Parameters
    ----------
    precision : int, optional
        Digits after the point; 4 at first.
    threshold : float, optional
        Elements above which the middle is left out; 1000 at first.
    edgeitems : int, optional
        Elements left at either end of a dimension then; 3 at first.
    linewidth : int, optional
        Characters of a line; 75 at first.
    profile : str, optional
        'default', 'short' or 'full': values for all of these.
    sci_mode : bool, optional
        Has no effect.

    Raises
    ------
    ValueError
        If there is no such profile.
    """
    if profile is not None:
        if profile not in _PRINT_PROFILES:
            raise ValueError(
                f"set_printoptions: profile is {profile!r}, expected 'default', 'short' or 'full'"
            )
        print_options.update(_PRINT_PROFILES[profile])
    given = {
        "precision": precision,
        "threshold": None if threshold is None else int(min(threshold, 2**62)),
        "edgeitems": edgeitems,
        "max_line_width": linewidth,
    }
    print_options.update({name: value for name, value in given.items() if value is not None})


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Accepted and without effect: the same seed and instruction set always give the same bits."""


def are_deterministic_algorithms_enabled() -> bool:
    """True."""
    return True


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """False."""
    return False


def set_deterministic_debug_mode(debug_mode: int | str) -> None:
    """Accepted and without effect; see `use_deterministic_algorithms`."""
    if debug_mode not in (0, 1, 2, "default", "warn", "error"):
        raise ValueError(
            f"set_deterministic_debug_mode: debug_mode is {debug_mode!r}, expected 0, 1, 2, "
            "'default', 'warn' or 'error'"
        )


def get_deterministic_debug_mode() -> int:
    """2, which stands for 'error': there is nothing that is not deterministic."""
    return 2


def get_num_interop_threads() -> int:
    """1: ops run one after the other."""
    return 1


def set_num_interop_threads(count: int) -> None:
    """Accepted and without effect: ops run one after the other.

    Raises
    ------
    ValueError
        If count is below 1.
    """
    if count < 1:
        raise ValueError(f"set_num_interop_threads: count is {count}, expected at least 1")


def get_num_threads() -> int:
    """Threads that kernels may use. Default: the processors that this process may run on, within
    its quota.
    """
    return kernels.num_threads()


def set_num_threads(count: int) -> None:
    """Sets the number of threads that kernels may use, 1 to 1024; results do not depend on it.

    Raises
    ------
    ValueError
        If count is out of range.
    """
    kernels.set_num_threads(count)


def set_float32_matmul_precision(precision: str) -> None:
    """Accepted and without effect: products of float32 are always computed in float32."""
    if precision not in ("highest", "high", "medium"):
        raise ValueError(
            f"set_float32_matmul_precision: precision is {precision!r}, expected 'highest', 'high' "
            "or 'medium'"
        )


def get_float32_matmul_precision() -> str:
    """'highest'."""
    return "highest"


def set_flush_denormal(mode: bool) -> bool:
    """Sets whether kernels take numbers too small for full precision for zero. At first False.

    Returns
    -------
    bool
        True: every processor that Cygnet runs on can.
    """
    kernels.set_flush_denormal(mode)
    return True


def show_config() -> dict[str, str | int]:
    """Prints version, instruction set, threads, compiler and Eigen version; returns them as a dict.

    Examples
    --------
    >>> import cygnet
    >>> config = cygnet.show_config()  # doctest: +ELLIPSIS
    cygnet ...
    >>> config["isa"] in ("v2", "v3", "v4", "neon")
    True
    """
    import numpy

    build = kernels.build_info()
    config = {
        "cygnet": build["version"],
        "isa": build["isa"],
        "float lanes": build["float_lanes"],
        "threads": kernels.num_threads(),
        "compiler": build["compiler"],
        "eigen": build["eigen"],
        "numpy": numpy.__version__,
    }
    width = max(map(len, config))
    print("\n".join(f"{name:<{width}}  {value}" for name, value in config.items()))
    return config
