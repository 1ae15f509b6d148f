"""What runs here: version, instruction set, threads, and how the extension was built."""

from __future__ import annotations

from cygnet import kernels


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
