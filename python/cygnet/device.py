"""Names of devices. Cygnet computes on the CPU; others can be named, so that a program can ask."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

__all__ = ["check_device", "device", "get_default_device", "set_default_device"]

_TYPES = ("cpu", "cuda", "hip", "meta", "mps", "xla", "xpu")


class device:  # noqa: N801 (PyTorch's name)
    """The name of a device, such as 'cpu' or 'cuda:0'.

    Parameters
    ----------
    type : str or device
        'cpu', 'cuda', 'hip', 'meta', 'mps', 'xla' or 'xpu', with or without ':' and the number.
    index : int, optional
        The number, at least 0.

    Attributes
    ----------
    type : str
    index : int or None

    Raises
    ------
    RuntimeError
        If there is no such name. A tensor on any but 'cpu' is refused where it is asked for.

    Examples
    --------
    >>> import cygnet
    >>> cygnet.device("cpu")
    device(type='cpu')
    """

    __slots__ = ("index", "type")

    type: str
    index: int | None

    def __init__(self, type: str | device, index: int | None = None) -> None:
        if isinstance(type, device):
            type = str(type)
        if not isinstance(type, str):
            raise TypeError(f"device: type must be a str or a device, got {type!r}")
        name, colon, number = type.partition(":")
        if colon:
            if index is not None or not (number.isascii() and number.isdigit()):
                raise RuntimeError(
                    f"device: type is {type!r}, expected a name like 'cpu' or 'cpu:0'"
                )
            index = int(number)
        if name not in _TYPES:
            raise RuntimeError(f"device: type is {type!r}, expected one of {', '.join(_TYPES)}")
        if index is not None and index < 0:
            raise RuntimeError(f"device: index is {index}, expected at least 0")
        object.__setattr__(self, "type", name)
        object.__setattr__(self, "index", index)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"device: {name} cannot be set")

    def __reduce__(self) -> tuple[Any, ...]:
        return device, (self.type, self.index)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, device):
            return NotImplemented
        return (self.type, self.index) == (other.type, other.index)

    def __hash__(self) -> int:
        return hash((self.type, self.index))

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __repr__(self) -> str:
        number = "" if self.index is None else f", index={self.index}"
        return f"device(type={self.type!r}{number})"

    def __enter__(self) -> Self:
        check_device("device", self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,  # type: ignore[valid-type]
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pass


CPU = device("cpu")


def is_device_name(value: Any) -> bool:
    """Whether a str begins like the name of a device."""
    return isinstance(value, str) and value.partition(":")[0] in _TYPES


def check_device(op: str, where: Any) -> None:
    """Raises RuntimeError unless `where` is None or names the CPU; every `device=` comes here."""
    if where is None or where is CPU:
        return
    if (where if isinstance(where, device) else device(where)).type != "cpu":
        raise RuntimeError(f"{op}: device is '{where}', expected 'cpu': Cygnet computes on the CPU")


def get_default_device() -> device:
    """The CPU."""
    return CPU


def set_default_device(device: Any) -> None:
    """Accepts the CPU.

    Raises
    ------
    RuntimeError
        For any other device.
    """
    check_device("set_default_device", device)
